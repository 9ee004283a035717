/* Experiment manifests: parsed, checked, expanded into cells. See README.md for the language.
 *
 * Unknown and repeated keys are errors. Every error is "file:line:column: text", in the file where it is, or
 * "--set key=value: text".
 */
#ifndef BENCH_MANIFEST_H
#define BENCH_MANIFEST_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "bench/manifest/expand.h"
#include "bench/manifest/params.h"
#include "bench/manifest/reader.h"
#include "bench/manifest/specs.h"
#include "core/base/error.h"

/* The sections, ended by a row whose key is NULL. */
const bench_field *bench_manifest_sections(void);

typedef struct bench_manifest {
    char path[4096];
    char name[64];     /* results go to results/NAME; letters, digits, '-', '_', '.' */
    char title[160];   /* default: name */
    bench_cell *cells; /* expanded, without duplicates, in order */
    int32_t cell_count;
    bench_params defaults;
    uint64_t swept;   /* bench_option_bit of the parameters of matrix and zip */
    uint64_t varying; /* of those in which the cells differ */
    bench_measure measure;
    bench_table_spec *tables;
    int32_t table_count;
    bench_plot_spec *plots;
    int32_t plot_count;
    bench_claim_spec *claims;
    int32_t claim_count;
    char *text; /* owned: what was read, as one file (compose.h) */
    size_t text_bytes;
    char sha256[65]; /* of text */
    json_t *root;    /* owned */
    /* What is allowed but hardly meant (an exclude that matches no cell), each "file:line:column: text". */
    char (*warnings)[512];
    int32_t warning_count;
} bench_manifest;

/* Reads, checks and expands.
 *
 * Cells, in this order: the product of the matrix lists and the zip groups over the defaults, as written, the last
 * varying fastest, without those that match an exclude; then `cells`, each over the defaults alone and untouched by
 * exclude; each of these once per seed. A list of numbers may be a range (range.h) or hold ranges. Null leaves a
 * parameter unset: it has its own default, not that of "defaults" (where null is a value, as of seq_len, it is that).
 * Without matrix, zip and cells the defaults are the only cell. A cell that appears twice is kept once. parallel and steps follow the method where nothing sets them (bench_params_follow).
 *
 * path is for messages, and what is included is relative to it. Fails: ZO_ERR_IO, ZO_ERR_MEMORY, ZO_ERR_INVALID (the path is
 * too long), ZO_ERR_FORMAT with "file:line:column: what; did you mean ...?". */
zo_status bench_manifest_load(const char *path, bench_manifest **out, zo_error *err);
/* The same with what --set says: a NULL-terminated list of "key=value" (compose.h), or NULL. */
zo_status bench_manifest_load_set(const char *path, const char *const *sets, bench_manifest **out,
                                  zo_error *err);
zo_status bench_manifest_parse(const char *text, size_t bytes, const char *path, bench_manifest **out,
                               zo_error *err);
void bench_manifest_free(bench_manifest *m);

/* What tells a cell from the others, "queries=4 parallel=both": the swept parameters, and others that are not as the
 * defaults have them, as far as the cells differ in them. Different cells have different labels. Returns out. */
const char *bench_manifest_label(const bench_manifest *m, const bench_params *p, char *out, size_t cap);

#endif
