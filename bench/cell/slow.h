/* A slowdown planted on purpose, to see whether a comparison finds it: `make SLOW_STEP=5` builds a program, in a folder of
 * its own, whose every training step takes 5% longer. Its records say so in build.flags.
 */
#ifndef BENCH_SLOW_H
#define BENCH_SLOW_H

#include <stdint.h>

#include "bench/base/clock.h"

#ifndef BENCH_SLOW_STEP
#define BENCH_SLOW_STEP 0 /* per cent of a step's time; 0: as it should be */
#endif

/* Keeps this thread busy for so many per cent of the time that has passed since begin_ns. */
static inline void bench_slow_burn(int percent, int64_t begin_ns)
{
    if (percent <= 0)
        return;
    const int64_t now = bench_clock_ns(), end = now + (now - begin_ns) * percent / 100;
    while (bench_clock_ns() < end)
        ;
}

#endif
