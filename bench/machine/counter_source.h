/* Where the counts of a step come from: PAPI (counter_papi.h), or readings that a test has recorded. */
#ifndef BENCH_COUNTER_SOURCE_H
#define BENCH_COUNTER_SOURCE_H

#include <stdbool.h>

typedef enum bench_count {
    BENCH_COUNT_CYCLES,
    BENCH_COUNT_INSTRUCTIONS,
    BENCH_COUNT_LLC_MISSES,
    BENCH_COUNT_FP_OPS,
    BENCH_COUNT_ENERGY, /* joules */
    BENCH_COUNTS
} bench_count;

typedef struct bench_counter_source bench_counter_source;

struct bench_counter_source {
    char library[32]; /* "PAPI 7.0.0"; "": there is none */
    bool scaled;      /* events share counters, and counts are scaled by the time that each was on one */
    bool there[BENCH_COUNTS];
    char text[BENCH_COUNTS][256]; /* "perf_event PAPI_TOT_CYC"; why it is not there */
    /* What was counted until now, from any moment on and by all threads; NaN: cannot be read. Those that are not there are left. */
    void (*read)(bench_counter_source *s, double totals[BENCH_COUNTS]);
    void (*close)(bench_counter_source *s);
};

#endif
