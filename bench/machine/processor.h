/* What Linux tells of its processors beyond their topology, from /proc and /sys. The roots are "/proc" and "/sys" but in
 * tests. */
#ifndef BENCH_PROCESSOR_H
#define BENCH_PROCESSOR_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

/* Adds to a machine (machine.h); what cannot be read is null with a reason.
 *
 * { "cpu_id": "AuthenticAMD family 25 model 17 stepping 1", "microcode": "0x1000065", "hypervisor": "KVM",
 *   "governor": "performance", "boost": true }
 *
 * boost: may the clock rise above the rated one for as long as heat and power allow it? */
void bench_processor_describe(const char *proc, const char *sys, json_t *machine);

/* The time of all processors since the machine was started, in the kernel's ticks. stolen: they would have run, but the host
 * of this virtual machine gave their time to others. All zero: not known. */
typedef struct bench_ticks {
    uint64_t stolen, all;
} bench_ticks;

bench_ticks bench_processor_ticks(const char *proc);

/* Sets "steal_share", the stolen share of the time between two readings, in [0, 1]. */
void bench_processor_stolen(bench_ticks from, bench_ticks to, json_t *machine);

#endif
