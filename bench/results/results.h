/* A results folder in memory: the manifest's cells with their records, grouped, selected and summarised.
 *
 * DIR/manifest.json says which cells there should be and how to show them; DIR/cells.jsonl holds what was measured. Cells
 * that differ in nothing but their seed are one configuration. Nothing else is ever pooled: where a table's rows
 * and columns leave several configurations in one place, the options they differ in become further rows.
 */
#ifndef BENCH_RESULTS_H
#define BENCH_RESULTS_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "bench/manifest/manifest.h"
#include "core/base/error.h"

typedef struct bench_result {
    const bench_cell *cell;
    char **text;         /* the parameters as people read them, in the order of bench_options */
    const json_t **runs; /* the newest record of every run number, in order; borrowed */
    int32_t run_count;
    int32_t ok_count;
} bench_result;

/* A configuration: cells that differ at most in their seed. A view of an array of others. */
typedef struct bench_group {
    const bench_result *const *cells; /* (count) */
    int32_t count;
} bench_group;

typedef struct bench_results {
    bench_manifest *manifest;
    json_t *records;
    bench_result *cells; /* in the manifest's order */
    int32_t cell_count;
    int torn;       /* lines of cells.jsonl that could not be read */
    int32_t strays; /* records of cells that the manifest does not have */
    int32_t
        others; /* runs left out because they read other contents than the newest of their configuration (inputs.h) */
    char other[512]; /* what was another in the first of them; "" */
    int doubled;     /* repetitions with several records that say ok (bench_records_doubled) */
} bench_results;

/* sets: what --set says, as bench_manifest_load_set takes it; NULL: nothing. Fails: ZO_ERR_IO, ZO_ERR_FORMAT as bench_manifest_load and bench_records_load do, ZO_ERR_MEMORY. A folder without
 * cells.jsonl is one in which nothing was run yet. */
zo_status bench_results_load(const char *dir, const char *const *sets, bench_results **out, zo_error *err);
void bench_results_free(bench_results *r);

/* Puts the runs of a cell in order and counts those that are ok. */
void bench_result_settle(bench_result *cell);
/* Frees what it owns: its texts and its list of runs. */
void bench_result_deinit(bench_result *cell);

/* A parameter as people read it: "both", "0.01", "null". */
const char *bench_result_text(const bench_result *cell, const bench_option *o);
/* What sets a cell apart from the others: "parallel=both, seed=1337"; its id where there are no others. */
void bench_result_label(const bench_results *r, const bench_result *cell, char *out, size_t cap);
/* Does the cell have, for every option of where (an object, NULL: no condition), the value or one of the values? */
bool bench_result_matches(const bench_result *cell, const json_t *where);
/* Do two cells agree in everything but the seed and, where it is not NULL, one further option? */
bool bench_result_alike(const bench_result *a, const bench_result *b, const bench_option *except);
/* Why there is no complete result: "not run yet", "timeout: ...", "2 of 5 runs done"; "" where it is complete. */
void bench_result_trouble(const bench_results *r, const bench_result *cell, char *out, size_t cap);

/* Does an option take more than one value over all cells? */
bool bench_results_varies(const bench_results *r, const bench_option *o);

#endif
