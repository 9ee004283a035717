/* Where the numbers of a results folder come from, as its records say. */
#ifndef BENCH_PROVENANCE_H
#define BENCH_PROVENANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/results/results.h"

typedef enum bench_provenance {
    BENCH_PROVENANCE_MACHINE, /* processor, cores, memory, kernels, system */
    BENCH_PROVENANCE_BUILD,   /* commit, compiler, flags, the library of a backend */
    BENCH_PROVENANCE_MODEL,   /* these: path and SHA-256 */
    BENCH_PROVENANCE_ADAPTER,
    BENCH_PROVENANCE_TRAIN,
    BENCH_PROVENANCE_VALIDATION,
    BENCH_PROVENANCE_TEMPLATE,
    BENCH_PROVENANCE_MANIFEST,
    BENCH_PROVENANCE_COUNT
} bench_provenance;

enum { BENCH_PROVENANCE_MOST = 16 };

/* The different texts that records give, in the order in which they come. */
typedef struct bench_provenance_table {
    char text[BENCH_PROVENANCE_MOST][512];
    int32_t count;
    bool more; /* than BENCH_PROVENANCE_MOST */
} bench_provenance_table;

void bench_provenance_collect(const bench_results *r, bench_provenance kind, bench_provenance_table *out);

/* How many builds of this program the records tell of, BENCH_PROVENANCE_MOST at most. */
int32_t bench_provenance_builds(const bench_results *r);

/* When the first and the last run began, "2026-01-31T12:00:00Z"; "" where no record says. Borrowed. */
void bench_provenance_period(const bench_results *r, const char **first, const char **last);

#endif
