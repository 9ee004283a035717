/* The model files of a run: hashed once as long as they stay the same, and watched, since cells that are compared must have
 * had the same weights.
 */
#ifndef BENCH_MODELS_H
#define BENCH_MODELS_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "bench/manifest/params.h"
#include "core/base/error.h"

typedef struct bench_models {
    json_t *known;    /* path -> { "stamp": [...], "input": {...} } */
    json_t *recorded; /* path -> sha256 in the records so far */
} bench_models;

/* Fails: ZO_ERR_MEMORY. */
zo_status bench_models_init(bench_models *m, zo_error *err);
void bench_models_deinit(bench_models *m);

/* What bench_inputs_model says: new reference; NULL: it cannot be read, which the child will say in its own words. */
json_t *bench_models_input(bench_models *m, const bench_params *p);

/* Takes in the hash that a record has. */
void bench_models_note(bench_models *m, const json_t *record);

/* Is the model another than in the records so far, or than when `input` was read? Then *why says so. */
bool bench_models_changed(const bench_models *m, const bench_params *p, const json_t *input, char *why,
                          size_t cap);

#endif
