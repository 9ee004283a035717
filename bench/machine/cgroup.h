/* What the control group of this process says: containers and batch systems set limits there. */
#ifndef BENCH_CGROUP_H
#define BENCH_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

/* Where Linux has processes and control groups: the first two arguments of all that follows, but in tests. */
#define BENCH_CGROUPS "/proc", "/sys/fs/cgroup"

/* The tightest memory limit of this process's group and of those around it, in bytes (versions 1 and 2).
 * False: no limit, or none that can be read. */
bool bench_cgroup_memory_limit(const char *proc, const char *sys, uint64_t *bytes);

/* How many processes the kernel has killed for want of memory: in this process's group where it counts them, else on
 * the whole machine. Only differences mean something. False: not known. */
bool bench_cgroup_oom_kills(const char *proc, const char *sys, uint64_t *count);

/* The processors' time that this process's group and those around it may take, in processors: 1.5 is one and a half. A
 * container's --cpus is such a quota, which no affinity mask shows. False: no quota, or none that can be read. */
bool bench_cgroup_cpus(const char *proc, const char *sys, double *cpus);

#endif
