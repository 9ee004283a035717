/* What a child measures of itself: the time of a step and of its phases, memory. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "core/base/error.h"
#include "core/base/mem.h"
#include "core/base/phase.h"

/* Takes the time of one step after the other, and of the phases within: a step's phases add up to it exactly. */
typedef struct bench_stopwatch {
    int64_t phase_ns[ZO_PHASE_COUNT]; /* of the last step */
    zo_phase phase;                   /* running now */
    int64_t since_ns;                 /* when it began */
    bool running;                     /* between start and stop; changes of phase outside are not counted */
} bench_stopwatch;

void bench_stopwatch_start(bench_stopwatch *w);
/* Nanoseconds since start. */
int64_t bench_stopwatch_stop(bench_stopwatch *w);
/* To be given to the core; w must outlive it. Calls come from one thread. */
zo_phase_hook bench_stopwatch_hook(bench_stopwatch *w);

/* A line of /proc/self/status in bytes: "VmHWM" is the most that was resident, since exec; getrusage's figure would hold
 * what the launcher had before. New reference, or NULL where there is none. */
json_t *bench_measure_status(const char *key);

/* Resident bytes of this process now; -1: not known. */
int64_t bench_measure_rss(void);

/* The peak of each account in bytes, { "weights": 1, ... }. New reference. */
json_t *bench_measure_accounts(const zo_mem *mem);

#endif
