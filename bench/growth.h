/* Memory over a long run: the resident size after every step, kept small, and whether it grows. */
#ifndef BENCH_GROWTH_H
#define BENCH_GROWTH_H

#include <stdint.h>

#include <jansson.h>

#define BENCH_GROWTH_MOST 512 /* samples */

/* Appends [step, bytes] to a curve, which keeps at most BENCH_GROWTH_MOST samples: those of the steps that a power of two
 * divides, the smallest that will do. Steps ascend. */
void bench_growth_sample(json_t *curve, int64_t step, int64_t bytes);

/* What the samples from step `from` on say (those of one process, after its warm-up): new reference.
 *
 * { "slope_bytes_per_step": 0.5, "ci": [0.1, 0.9] (95%), "steps": 480, "verdict": "steady" | "grows" | "shrinks" }
 *
 * Least squares over the steps. grows: the whole interval is above 0, and the slope times the steps is more than 1 MiB and more
 * than 0.5% of the mean size; shrinks likewise. The second condition is there because sizes of neighbouring steps are not
 * independent, as the interval supposes, so that a single page would be enough for the first. NULL: fewer than 8 samples. */
json_t *bench_growth_judge(const json_t *curve, int64_t from);

#endif
