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

/* Version 1 writes "no limit" as the largest multiple of the page size. */
#define NO_LIMIT (UINT64_C(1) << 62)

typedef struct group {
    int version;     /* 1, 2; 0: none found */
    char path[4096]; /* within its hierarchy */
} group;

/* Is word one of a list with commas? */
static bool lists(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = list; (p = strstr(p, word)); p += n)
        if ((p == list || p[-1] == ',') && (p[n] == ',' || !p[n]))
            return true;
    return false;
}

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
        int version = lists(controllers, controller) ? 1 : *controllers == '\0' ? 2 : 0;
        if (version == 1 || (version == 2 && !g.version)) {
            g.version = version;
            snprintf(g.path, sizeof g.path, "%s", path);
        }
    }
    if (f)
        fclose(f);
    return g;
}

/* The file of a group: its folder within the controller's own (version 1) or the common one. */
static void file_of(const group *g, const char *sys, const char *controller, const char *v1, const char *v2,
                    char out[8400])
{
    if (g->version == 1)
        snprintf(out, 8400, "%s/%s%s/%s", sys, controller, g->path, v1);
    else
        snprintf(out, 8400, "%s%s/%s", sys, g->path, v2);
}

/* The number in a file, alone (key NULL) or after a key. */
static bool read_number(const char *name, const char *key, uint64_t *out)
{
    bool found = false;
    char line[256];
    FILE *f = fopen(name, "re");
    if (!f)
        return false;
    while (!found && fgets(line, sizeof line, f)) {
        const char *text = line;
        size_t n = key ? strlen(key) : 0;
        if (key && (strncmp(line, key, n) != 0 || line[n] != ' '))
            continue;
        text += key ? n + 1 : 0;
        errno = 0;
        *out = strtoull(text, NULL, 10);
        found = isdigit((unsigned char)*text) && !errno; /* memory.max may say "max" */
    }
    fclose(f);
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

bool bench_cgroup_memory_limit_in(const char *proc, const char *sys, uint64_t *bytes)
{
    char name[8400];
    bool found = false;
    group g = own_group(proc, "memory");
    if (!g.version)
        return false;
    do {
        uint64_t limit;
        file_of(&g, sys, "memory", "memory.limit_in_bytes", "memory.max", name);
        if (read_number(name, NULL, &limit) && limit < NO_LIMIT && (!found || limit < *bytes)) {
            *bytes = limit;
            found = true;
        }
    } while (go_up(&g));
    return found;
}

bool bench_cgroup_oom_kills_in(const char *proc, const char *sys, uint64_t *count)
{
    char name[8400];
    group g = own_group(proc, "memory");
    if (g.version) {
        file_of(&g, sys, "memory", "memory.oom_control", "memory.events", name);
        if (read_number(name, "oom_kill", count))
            return true;
    }
    snprintf(name, sizeof name, "%s/vmstat", proc);
    return read_number(name, "oom_kill", count);
}

/* Version 2: "quota period" in one file; version 1: in two, quota -1 for none. */
static bool read_quota(const group *g, const char *sys, double *cpus)
{
    char name[8400], line[128];
    uint64_t quota = 0, period = 0;
    file_of(g, sys, "cpu", "cpu.cfs_quota_us", "cpu.max", name);
    if (g->version == 1) {
        if (!read_number(name, NULL, &quota))
            return false;
        file_of(g, sys, "cpu", "cpu.cfs_period_us", "", name);
        if (!read_number(name, NULL, &period))
            return false;
    } else {
        FILE *f = fopen(name, "re");
        bool read = f && fgets(line, sizeof line, f);
        if (f)
            fclose(f);
        if (!read || sscanf(line, "%" SCNu64 " %" SCNu64, &quota, &period) != 2)
            return false;
    }
    *cpus = (double)quota / (double)period;
    return quota > 0 && period > 0;
}

bool bench_cgroup_cpus_in(const char *proc, const char *sys, double *cpus)
{
    bool found = false;
    group g = own_group(proc, "cpu");
    if (!g.version)
        return false;
    do {
        double here;
        if (read_quota(&g, sys, &here) && (!found || here < *cpus)) {
            *cpus = here;
            found = true;
        }
    } while (go_up(&g));
    return found;
}

bool bench_cgroup_memory_limit(uint64_t *bytes)
{
    return bench_cgroup_memory_limit_in("/proc", "/sys/fs/cgroup", bytes);
}

bool bench_cgroup_oom_kills(uint64_t *count)
{
    return bench_cgroup_oom_kills_in("/proc", "/sys/fs/cgroup", count);
}

bool bench_cgroup_cpus(double *cpus)
{
    return bench_cgroup_cpus_in("/proc", "/sys/fs/cgroup", cpus);
}
