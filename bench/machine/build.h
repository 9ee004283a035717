/* What this program was built from, as records hold it. */
#ifndef BENCH_BUILD_H
#define BENCH_BUILD_H

#include <jansson.h>

/* New reference; NULL: out of memory.
 *
 * { "program_sha256": "64 hex digits", "commit": "40 hex digits", "dirty": false, "config": "release" | "asan" | "tsan", "compiler": "gcc 12.2.0",
 *   "flags": "-O3 ...", "jansson": "2.14", "hwloc_api": "2.8.0",
 *   "openmp_threads": 2, "openmp": { "version": 201511, "dynamic": false, "proc_bind": "true", "places": 2, "active_levels": 1 },
 *   "settings": { "OMP_WAIT_POLICY": "passive", ... } }
 *
 * settings: the environment variables that OpenMP's runtime, the allocator and the loader read. commit and dirty are null where the program was not built in a git checkout. The two numbers of threads are those in
 * effect in this process. */
json_t *bench_build_describe(void);

/* The variables of the environment whose names begin with one of these, as they stand: new reference. */
json_t *bench_build_settings(const char *const *prefixes);

/* The commit, and its day, "2026-01-31"; "" where it is not known. */
const char *bench_build_commit(void);
const char *bench_build_date(void);

#endif
