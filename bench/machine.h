/* The machine, as records hold it and as doctor prints it. */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include <stdbool.h>

#include <jansson.h>

#include "core/error.h"

/* New reference. Reads the topology (tens of milliseconds), so describe once and refresh.
 *
 * { "cpu": "AMD EPYC ...", "isa": ["avx2", ...], "kernels": "avx512", "virtual": true,
 *   "packages": 1, "numa_nodes": 1, "cores": 2, "pus": 2, "cores_allowed": 2, "pus_allowed": 2,
 *   "caches": [{"name": "L1d", "bytes": 32768, "count": 2}, ...],
 *   "memory_bytes": 1, "memory_limit_bytes": null, "cpu_quota": null, "os": "Debian GNU/Linux 12 (bookworm)", "kernel": "6.1.0",
 *   "governor": null, "memory_available_bytes": 1, "load_average": 0.5 }
 *
 * pus are the processors that the kernel schedules on (hardware threads); allowed ones are in this process's affinity
 * mask; kernels is the table of core/kernel.h in use. What cannot be read is null with a reason.
 * Fails: ZO_ERR_UNSUPPORTED (hwloc finds no topology), ZO_ERR_MEMORY. */
zo_status bench_machine_describe(json_t **out, zo_error *err);

/* Reads the last two, which change, again. */
void bench_machine_refresh(json_t *machine);

/* Threads that a cell runs on where it does not say: the cores of the affinity mask, no more than the quota pays for. */
int bench_machine_threads(const json_t *machine);

/* Names what a time depends on besides the code: processor, cores, compiler, flags, BLAS and its kernel. Twelve
 * hex digits and a NUL. Records with different fingerprints are of different machines or builds. */
void bench_machine_fingerprint(const json_t *machine, const json_t *build, char out[13]);
/* Is a record of this machine, and of a program built like this one? The kernels of OpenBLAS may differ where its
 * cell asked for some of its own (blas_kernel). */
bool bench_machine_made(const json_t *machine, const json_t *build, const json_t *record);

#endif
