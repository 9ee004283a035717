/* See cgroup.h.
 *
 * Source: Linux Documentation/admin-guide/cgroup-v2.rst (memory.max, memory.events, cpu.max), cgroup-v1/memory.rst
 * (memory.limit_in_bytes, memory.oom_control) and scheduler/sched-bwc.rst (cpu.cfs_quota_us, cpu.cfs_period_us);
 * /proc/vmstat's oom_kill counts the whole machine.
 */
#include "bench/machine/cgroup.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/machine/setting.h"

/* Version 1 writes "no limit" as the largest multiple of the page size. */
#define NO_LIMIT (UINT64_C(1) << 62)

typedef struct group {
    int version;     /* 1, 2; 0: none found */
    char path[4096]; /* within its hierarchy */
} group;

/* This process's group for a controller, as /proc/self/cgroup has it: "4:memory:/path", else "0::/path". Where both
 * versions are mounted, version 1 has the controller if it lists it. */
static group own_group(const char *proc, const char *controller)
{
    group g = {0};
    char name[4200], line[4200];
    snprintf(name, sizeof name, "%s/self/cgroup", proc);
    FILE *f = fopen(name, "re");
    while (f && fgets(line, sizeof line, f)) {
        char *controllers = strchr(line, ':');
        char *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = '\0';
        path[strcspn(path, "\n")] = '\0';
        controllers++;
        int version = bench_setting_lists(controllers, ',', controller) ? 1 : *controllers == '\0' ? 2 : 0;
        if (version == 1 || (version == 2 && !g.version)) {
            g.version = version;
            snprintf(g.path, sizeof g.path, "%s", path);
        }
    }
    if (f)
        fclose(f);
    return g;
}

/* The first line, or what follows a key, in the file of a group: in its folder within the controller's own (version 1) or the
 * common one. To be freed; NULL: there is none. */
static char *read_file(const group *g, const char *sys, const char *controller, const char *v1,
                       const char *v2, const char *key)
{
    return g->version == 1 ? bench_setting_read(key, 0, "%s/%s%s/%s", sys, controller, g->path, v1)
                           : bench_setting_read(key, 0, "%s%s/%s", sys, g->path, v2);
}

/* Takes the text. False where it is no number: memory.max may say "max". */
static bool take_number(char *text, uint64_t *out)
{
    errno = 0;
    *out = text ? strtoull(text, NULL, 10) : 0;
    const bool found = text && isdigit((unsigned char)*text) && !errno;
    free(text);
    return found;
}

/* Goes to the group around; false at the root. */
static bool go_up(group *g)
{
    char *slash = strrchr(g->path, '/');
    if (!slash || !*g->path)
        return false;
    *slash = '\0';
    return true;
}

/* A limit that a group has of its own. */
typedef bool limit_of(const group *g, const char *sys, double *limit);

/* The least that this process's group and those around it have. */
static bool tightest(const char *proc, const char *sys, const char *controller, limit_of *read, double *least)
{
    group g = own_group(proc, controller);
    bool found = false;
    for (bool more = g.version != 0; more; more = go_up(&g)) {
        double here;
        if (read(&g, sys, &here) && (!found || here < *least)) {
            *least = here;
            found = true;
        }
    }
    return found;
}

static bool memory_limit(const group *g, const char *sys, double *limit)
{
    uint64_t bytes;
    const bool set =
        take_number(read_file(g, sys, "memory", "memory.limit_in_bytes", "memory.max", ""), &bytes);
    *limit = (double)bytes;
    return set && bytes < NO_LIMIT;
}

bool bench_cgroup_memory_limit(const char *proc, const char *sys, uint64_t *bytes)
{
    double least = 0;
    const bool found = tightest(proc, sys, "memory", memory_limit, &least);
    *bytes = (uint64_t)least;
    return found;
}

bool bench_cgroup_oom_kills(const char *proc, const char *sys, uint64_t *count)
{
    group g = own_group(proc, "memory");
    return (g.version &&
            take_number(read_file(&g, sys, "memory", "memory.oom_control", "memory.events", "oom_kill"),
                        count)) ||
           take_number(bench_setting_read("oom_kill", 0, "%s/vmstat", proc), count);
}

/* Version 2: "quota period" in one file; version 1: in two, quota -1 for none. */
static bool cpu_quota(const group *g, const char *sys, double *cpus)
{
    uint64_t quota = 0, period = 0;
    char *both = read_file(g, sys, "cpu", "cpu.cfs_quota_us", "cpu.max", "");
    const bool set =
        both && isdigit((unsigned char)*both) && sscanf(both, "%" SCNu64 " %" SCNu64, &quota, &period) > 0;
    free(both);
    if (set && g->version == 1)
        take_number(read_file(g, sys, "cpu", "cpu.cfs_period_us", "", ""), &period);
    *cpus = (double)quota / (double)period;
    return set && quota > 0 && period > 0;
}

bool bench_cgroup_cpus(const char *proc, const char *sys, double *cpus)
{
    return tightest(proc, sys, "cpu", cpu_quota, cpus);
}
