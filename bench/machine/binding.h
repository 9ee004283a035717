/* Which processor each OpenMP thread of a cell runs on.
 *
 * The launcher chooses with hwloc and hands the choice to the child in the OpenMP library's variables (OMP_PLACES and
 * OMP_PROC_BIND for GNU's, KMP_AFFINITY for LLVM's): the library then binds every thread that it makes, also one that it
 * makes anew after a smaller team, and OpenBLAS, whose threads are the same. The child looks at what its threads are
 * really bound to and puts that into the record.
 *
 * Only processors of the launcher's own affinity mask are taken, so that two runs on one machine are kept apart with
 * taskset. What the user has set of OMP_PROC_BIND, OMP_PLACES, GOMP_CPU_AFFINITY or KMP_AFFINITY is left as it is.
 */
#ifndef BENCH_BINDING_H
#define BENCH_BINDING_H

#include <stdbool.h>
#include <stddef.h>

#include <hwloc.h>
#include <jansson.h>

#include "core/base/error.h"

/* name, word */
#define BENCH_BIND_MAP(X)                                                                                    \
    X(CORES, "cores")   /* one core each, of one NUMA node where they fit */                                 \
    X(SPREAD, "spread") /* one core each, of all NUMA nodes in turn: more bandwidth */                       \
    X(NONE, "none")     /* wherever the kernel puts them */

typedef enum bench_bind {
#define X(name, text) BENCH_BIND_##name,
    BENCH_BIND_MAP(X)
#undef X
        BENCH_BIND_COUNT
} bench_bind;

/* NULL past the last. */
const char *bench_bind_name(int b);

/* The machine's topology, which the caller destroys. what: is being done, for messages. Failure leaves *t NULL: ZO_ERR_MEMORY,
 * ZO_ERR_UNSUPPORTED (there is none). */
zo_status bench_binding_topology(hwloc_topology_t *t, const char *what, zo_error *err);

/* pus (threads): the processors (numbers of the operating system) for so many threads, out of `allowed`. A core gets a
 * second thread only when every core has one; cores of the most efficient kind (hwloc_cpukinds: performance cores) come
 * first. CORES: all of the one NUMA node that has enough cores, if one does. False: more threads than processors, or
 * out of memory. */
bool bench_binding_choose(hwloc_topology_t topology, hwloc_const_cpuset_t allowed, bench_bind policy,
                          int threads, int *pus);

typedef struct bench_binding {
    char *setting[3]; /* "NAME=value", NULL-terminated, owned; none: the child is not to be bound by us */
    const char *told; /* the record's policy: "cores", "spread", "environment"; NULL: not bound */
    char reason[192]; /* why told is NULL; for "environment": what is set */
} bench_binding;

/* For this process's children. Never fails: what stands in the way becomes the reason. */
void bench_binding_make(bench_bind policy, int threads, bench_binding *out);
void bench_binding_deinit(bench_binding *b);
/* What is to be put into a child's environment (child.h). */
const char *const *bench_binding_settings(const bench_binding *b);

/* Between processes: {"policy": told or null, "reason": "..."}. New reference. */
json_t *bench_binding_to_json(const bench_binding *b);

/* In the child: sets record["binding"], from that JSON (NULL: it was not told) and from what the threads of a parallel
 * region are bound to:
 * {"policy": "cores", "threads": [{"thread": 0, "pu": 0, "core": 0, "package": 0, "numa": 0, "kind": 1}, ...]}, or null
 * and the reason. pu is the operating system's number, the others are hwloc's logical ones; what hwloc doesn't know is left
 * out. kind: hwloc's rank of efficiency, the highest is the fastest. A thread that the environment bound to several processors
 * has "pus": "0-3" instead. */
void bench_binding_describe(json_t *record, const json_t *told);

#endif
