/* What a child measures of itself: the time of a step and of its phases, what of that is warm-up, memory. */
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

#ifndef BENCH_SLOW_STEP
#define BENCH_SLOW_STEP 0 /* per cent of a step's time; 0: as it should be */
#endif

/* A slowdown planted on purpose, to see whether a comparison finds it: `make SLOW_STEP=5` builds a program, in a folder of its
 * own, whose every training step takes 5% longer. Its records say so in build.flags. This keeps the thread busy for so many
 * per cent of the time that has passed since begin_ns. */
void bench_measure_slow_down(int percent, int64_t begin_ns);

/* How many of a child's first steps are warm-up.
 *
 * A fixed number, or "auto": warm-up ends with the second step in a row that is not faster than the fastest before it by more
 * than 2%, and is at most half of the steps. Times that fall (caches, page faults, a clock that comes up) are warm-up as long as
 * they fall; a step that is slow for once neither ends it nor lengthens it. The steps that the rule looked at are never counted,
 * so that it cannot favour fast ones.
 */
typedef struct bench_warmup {
    int64_t asked; /* steps, or BENCH_WARMUP_AUTO (manifest.h) */
    int64_t most;
    int64_t taken;
    int64_t best_ns;
    int even; /* steps in a row that were no faster */
    bool over;
} bench_warmup;

/* steps: that the child will run. */
void bench_warmup_init(bench_warmup *w, int64_t asked, int64_t steps);
/* Was this step, the next of the child, warm-up? */
bool bench_warmup_step(bench_warmup *w, int64_t ns);
/* {"rule": "fixed", "steps": 1} or {"rule": "auto", "steps": 4, "flat": true (false: ended by its bound)}: new reference. */
json_t *bench_warmup_to_json(const bench_warmup *w);

/* A line of /proc/self/status in bytes: "VmHWM" is the most that was resident, since exec; getrusage's figure would hold
 * what the launcher had before. New reference, or NULL where there is none. */
json_t *bench_measure_status(const char *key);

/* Resident bytes of this process now; -1: not known. */
int64_t bench_measure_rss(void);

/* The peak of each account in bytes, { "weights": 1, ... }. New reference. */
json_t *bench_measure_accounts(const zo_mem *mem);

#endif
