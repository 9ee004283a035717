/* The machine, as records hold it and as doctor prints it. */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include <stdbool.h>

#include <jansson.h>

#include "bench/machine/processor.h"
#include "core/base/error.h"

/* New reference. Reads the topology (tens of milliseconds), so describe once and refresh.
 *
 * { "cpu": "AMD EPYC ...", "isa": ["avx2", ...], "kernels": "avx512", "matrix_kernels": "avx512-bf16", "virtual": true,
 *   (what processor.h adds), "packages": 1, "numa_nodes": 1, "cores": 2, "pus": 2, "cores_allowed": 2, "pus_allowed": 2,
 *   "numa": [{"node": 0, "bytes": 1, "pus": 2}, ...], "caches": [{"name": "L1d", "bytes": 32768, "count": 2}, ...],
 *   "memory_bytes": 1, "memory_limit_bytes": null, "cpu_quota": null, "os": "Debian GNU/Linux 12 (bookworm)", "kernel": "6.1.0",
 *   "libc": "glibc 2.36", "memory_available_bytes": 1, "load_average": 0.5, "steal_share": 0.001 }
 *
 * pus are the processors that the kernel schedules on (hardware threads); allowed ones are in this process's affinity
 * mask; kernels and matrix_kernels are the tables of core/kernel/kernel.h and core/kernel/panel.h in use. steal_share is of the time since
 * the machine was started; in a record, of the repetition. What cannot be read is null with a reason.
 * Fails: ZO_ERR_UNSUPPORTED (hwloc finds no topology), ZO_ERR_MEMORY. */
zo_status bench_machine_describe(json_t **out, zo_error *err);

/* Reads memory_available_bytes and load_average, which change, again. */
void bench_machine_refresh(json_t *machine);

/* Where the processors' time stands, and steal_share since then (NULL: since the machine was started). */
bench_ticks bench_machine_ticks(void);
void bench_machine_stolen(json_t *machine, const bench_ticks *since);

/* The whole topology as hwloc's XML into a file, "-": standard output; lstopo -i FILE draws it.
 * Fails: ZO_ERR_IO, and as bench_machine_describe. */
zo_status bench_machine_topology(const char *path, zo_error *err);

/* Threads that a cell runs on where it does not say: the cores of the affinity mask, no more than the quota pays for. */
int bench_machine_threads(const json_t *machine);

/* Names what a time depends on besides the code: processor, cores, compiler, flags, and the library of a backend that is not
 * this program itself (backend: as its record has it, or NULL). Twelve hex digits and a NUL. Records with different
 * fingerprints are of different machines, builds or backends. */
void bench_machine_fingerprint(const json_t *machine, const json_t *build, const json_t *backend,
                               char out[13]);
/* Is a record of this machine, and of a program built like this one? Whatever its backend. */
bool bench_machine_made(const json_t *machine, const json_t *build, const json_t *record);

#endif
