/* Memory over a long run: the resident size after every step, kept small, and whether it grows. */
#ifndef BENCH_MEMORY_GROWTH_H
#define BENCH_MEMORY_GROWTH_H

#include <stdint.h>

#include <jansson.h>

#define BENCH_MEMORY_GROWTH_MOST 512 /* samples */

/* Appends [step, bytes] to a curve, which keeps at most BENCH_MEMORY_GROWTH_MOST samples: those of the steps that a power of two
 * divides, the smallest that will do. Steps ascend. */
void bench_memory_growth_sample(json_t *curve, int64_t step, int64_t bytes);

/* What the samples from step `from` on say (those of one process, after its warm-up): new reference.
 *
 * { "slope_bytes_per_step": 0.5, "ci": [0.1, 0.9] (95%), "steps": 480, "change_bytes": 240 (the slope times the steps),
 *   "verdict": "steady" | "grows" | "shrinks" | "jumps" }
 *
 * The slope by least squares over the steps.
 * steady: the interval holds 0, or the change is at most 1 MiB or 0.5% of the mean size. The second condition is there because
 *         sizes of neighbouring steps are not independent, as the interval supposes, so that a single page would be enough
 *         for the first.
 * grows:  more than that, and it goes on: each quarter of the steps has a median at least a third as far above that of the
 *         quarter before as the slope says. shrinks likewise.
 * jumps:  more than that, but not all along: it changed once, as after a first evaluation, or came to rest.
 * NULL: fewer than 8 samples. */
json_t *bench_memory_growth_judge(const json_t *curve, int64_t from);

/* The same of a record's memory.rss_curve, from behind the warm-up of its last process. NULL: it has no such curve, or too few
 * samples. */
json_t *bench_memory_growth_of(const json_t *record);

#endif
