/* Where the numbers of a results folder come from, as its records say. */
#ifndef BENCH_ORIGIN_H
#define BENCH_ORIGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/results/results.h"

typedef enum bench_origin {
    BENCH_ORIGIN_MACHINE, /* processor, cores, memory, kernels, system */
    BENCH_ORIGIN_BUILD,   /* commit, compiler, flags, BLAS */
    BENCH_ORIGIN_MODEL,   /* these: path and SHA-256 */
    BENCH_ORIGIN_ADAPTER,
    BENCH_ORIGIN_TRAIN,
    BENCH_ORIGIN_VALIDATION,
    BENCH_ORIGIN_TEMPLATE,
    BENCH_ORIGIN_MANIFEST,
    BENCH_ORIGIN_COUNT
} bench_origin;

enum { BENCH_ORIGIN_MOST = 16 };

/* The different texts that records give, in the order in which they come. */
typedef struct bench_origins {
    char text[BENCH_ORIGIN_MOST][512];
    int32_t count;
    bool more; /* than BENCH_ORIGIN_MOST */
} bench_origins;

void bench_origin_collect(const bench_results *r, bench_origin kind, bench_origins *out);

/* How many builds the records tell of, BENCH_ORIGIN_MOST at most, where cells that asked for OpenBLAS's kernels
 * (blas_kernel) count as those that did not: their difference is what was wanted. */
int32_t bench_origin_builds(const bench_results *r);

/* When the first and the last run began, "2026-01-31T12:00:00Z"; "" where no record says. Borrowed. */
void bench_origin_period(const bench_results *r, const char **first, const char **last);

#endif
