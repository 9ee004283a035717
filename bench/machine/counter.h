/* Hardware counters of the steps: cycles, instructions, last-level misses and energy, where the machine has them.
 *
 * Read from the kernel (perf_event_open, and the powercap folder for energy), of all threads of this process, in user
 * space, between start and stop. The kernel may share a counter out over time when there are more events than
 * counters; values are then scaled by the time that they really counted. Virtual machines mostly have no counters, and
 * energy is for root alone on most systems: what there isn't is null with the reason.
 */
#ifndef BENCH_COUNTER_H
#define BENCH_COUNTER_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

/* What to count: perf_event_open's type and config. */
typedef struct bench_counter_event {
    const char *key; /* "cycles_per_step" */
    uint32_t type;
    uint64_t config;
} bench_counter_event;

typedef struct bench_counter bench_counter;

/* Opens what can be opened, for the threads of a parallel region and those that they start later. events: ended by a
 * row without key; NULL: cycles, instructions, last-level misses. powercap: NULL: /sys/class/powercap. NULL: out of memory. */
bench_counter *bench_counter_open(const bench_counter_event *events, const char *powercap);
void bench_counter_close(bench_counter *c);

/* Around a step; one that is not kept (a warm-up) is forgotten. NULL is allowed. */
void bench_counter_start(bench_counter *c);
void bench_counter_stop(bench_counter *c);
void bench_counter_keep(bench_counter *c);

/* object["counters"] = {"steps": 5, "cycles_per_step": 1.0, "instructions_per_step": 1.0, "llc_misses_per_step": 1.0,
 * "energy_j_per_step": 1.0}: means over the kept steps, of this process alone where a cell was resumed. One that is not there is null
 * with a reason of its own; where none is, counters is null. */
void bench_counter_put(const bench_counter *c, json_t *object);

/* What can be counted here: { "cycles": true, "instructions": null, "instructions_reason": "..", ..., "energy": .. }; events
 * and powercap as for bench_counter_open. Starts no threads: signals can still be waited for (child.h). New reference. */
json_t *bench_counter_describe(const bench_counter_event *events, const char *powercap);

#endif
