/* Time: a steady clock for durations, and the calendar for records. */
#ifndef BENCH_CLOCK_H
#define BENCH_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Nanoseconds from some fixed moment; never goes back (CLOCK_MONOTONIC). */
static inline int64_t bench_clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

#define BENCH_CLOCK_UTC 21

/* "2026-01-31T12:00:00Z" */
static inline void bench_clock_utc(char out[BENCH_CLOCK_UTC])
{
    time_t now = time(NULL);
    struct tm parts;
    if (!strftime(out, BENCH_CLOCK_UTC, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &parts)))
        out[0] = '\0'; /* a year of five digits */
}

#endif
