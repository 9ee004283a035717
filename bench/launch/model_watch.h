/* The model files of a run: hashed once as long as they stay the same, and watched, since cells that are compared must have
 * had the same weights.
 */
#ifndef BENCH_MODEL_WATCH_H
#define BENCH_MODEL_WATCH_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "bench/manifest/params.h"
#include "core/base/error.h"

typedef struct bench_model_watch {
    json_t *known;    /* path -> { "stamp": [...], "input": {...} } */
    json_t *recorded; /* path -> sha256 in the records so far */
} bench_model_watch;

/* Fails: ZO_ERR_MEMORY. */
zo_status bench_model_watch_init(bench_model_watch *m, zo_error *err);
void bench_model_watch_deinit(bench_model_watch *m);

/* What bench_inputs_model says: new reference; NULL: it cannot be read, which the child will say in its own words. */
json_t *bench_model_watch_input(bench_model_watch *m, const bench_params *p);

/* Takes in the hash that a record has. */
void bench_model_watch_note(bench_model_watch *m, const json_t *record);

/* Is the model another than in the records so far, or than when `input` was read? Then *why says so. */
bool bench_model_watch_changed(const bench_model_watch *m, const bench_params *p, const json_t *input,
                               char *why, size_t cap);

#endif
