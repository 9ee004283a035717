/* Hardware counters of the steps: cycles, instructions, last-level misses, floating-point operations and energy, where the
 * machine has them.
 *
 * The source counts all the time; what a step took is the difference of two readings. Virtual machines mostly have no
 * counters, and energy is for root alone on most systems: what there isn't is null with the reason.
 */
#ifndef BENCH_COUNTER_H
#define BENCH_COUNTER_H

#include <jansson.h>

#include "bench/machine/counter_source.h"

typedef struct bench_counter bench_counter;

/* Takes the source (bench_counter_papi). NULL: out of memory, or the source is NULL. */
bench_counter *bench_counter_open(bench_counter_source *source);
void bench_counter_close(bench_counter *c);

/* Around a step; one that is not kept (a warm-up) is forgotten. NULL is allowed. */
void bench_counter_start(bench_counter *c);
void bench_counter_stop(bench_counter *c);
void bench_counter_keep(bench_counter *c);

/* object["counters"] = {"steps": 5, "cycles_per_step": 1.0, "instructions_per_step": 1.0, "llc_misses_per_step": 1.0,
 * "fp_ops_per_step": 1.0, "energy_j_per_step": 1.0, "source": {"cycles": "perf_event PAPI_TOT_CYC", ..., "library": "PAPI
 * 7.0.0", "scaled": true (only where they are)}}: means over the kept steps, of this process alone where a cell was resumed, and
 * the events' components and names. What is not there is null with a reason of its own, and not in source; where no step was kept,
 * counters is null with a reason. */
void bench_counter_put(const bench_counter *c, json_t *object);

/* What can be counted: {"cycles": "perf_event PAPI_TOT_CYC", "instructions": null, "instructions_reason": "..", "llc_misses": ..,
 * "fp_ops": .., "energy": .., "library": ".."}. Takes the source. New reference. */
json_t *bench_counter_describe(bench_counter_source *source);

#endif
