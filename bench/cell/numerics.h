/* Rounding measured (core/train/rounding.h) for the precisions of a model, one model in memory at a time. */
#ifndef BENCH_NUMERICS_H
#define BENCH_NUMERICS_H

#include <jansson.h>

#include "bench/manifest/params.h"
#include "core/train/rounding.h"

/* Everything is borrowed. */
typedef struct bench_numerics {
    const bench_params *p; /* queries, batch, eps, seed and so on; weights and compute do not count */
    const char *path;      /* of the model */
    zo_lora *lora;         /* where the model is looked at */
    const zo_dataset *train;
    int32_t pad;
    uint32_t first; /* the batches of steps [first, first + batches) */
    int32_t batches;
    zo_mem *mem;
    /* before a precision is read and after each of its batches: done of count; may be NULL */
    void (*progress)(void *self, zo_precision weights, zo_compute compute, int32_t done, int32_t count);
    void *self;
    zo_readings f32; /* zeros; kept from call to call; bench_numerics_deinit */
} bench_numerics;

/* The weights in each of n computes: out (n). The f32 model in f32 is read in the first call. Fails: what loading and
 * zo_rounding_read fail with. */
zo_status bench_numerics_measure(bench_numerics *b, zo_precision weights, const zo_compute *computes, int n,
                                 zo_rounding *out, zo_error *err);
void bench_numerics_deinit(bench_numerics *b);

/* A record's numerics.precision (record.h): new reference. */
json_t *bench_numerics_json(const zo_rounding *n, int32_t batches, double eps);

#endif
