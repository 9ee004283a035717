/* See cgroup.h.
 *
 * Source: Linux Documentation/admin-guide/cgroup-v2.rst (memory.max, memory.events) and cgroup-v1/memory.rst
 * (memory.limit_in_bytes, memory.oom_control); /proc/vmstat's oom_kill counts the whole machine.
 */
#include "bench/cgroup.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The file of each version, and the folder that version 1's memory controller adds. */
typedef struct version {
    const char *folder, *limit, *events;
} version;

static const version v1 = {"/memory", "memory.limit_in_bytes", "memory.oom_control"};
static const version v2 = {"", "memory.max", "memory.events"};

/* Version 1 writes "no limit" as the largest multiple of the page size. */
#define NO_LIMIT (UINT64_C(1) << 62)

/* The path of this process's group as /proc/self/cgroup has it: "4:memory:/path", else "0::/path". */
static const version *own_group(const char *proc, char *path, size_t cap)
{
    const version *found = NULL;
    char name[4200], line[4200];
    snprintf(name, sizeof name, "%s/self/cgroup", proc);
    FILE *f = fopen(name, "re");
    if (!f)
        return NULL;
    while (fgets(line, sizeof line, f)) {
        char *controllers = strchr(line, ':');
        char *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group)
            continue;
        *group++ = '\0';
        group[strcspn(group, "\n")] = '\0';
        controllers++;
        const version *v = strcmp(controllers, "memory") == 0 ? &v1 : *controllers == '\0' ? &v2 : NULL;
        if (v == &v1 || (v && !found)) { /* where both are mounted, version 1 has the controller */
            found = v;
            snprintf(path, cap, "%s", group);
        }
    }
    fclose(f);
    return found;
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

/* Cuts the last component off a path; false at the root. */
static bool go_up(char *path)
{
    char *slash = strrchr(path, '/');
    if (!slash || !*path)
        return false;
    *slash = '\0';
    return true;
}

bool bench_cgroup_memory_limit_in(const char *proc, const char *sys, uint64_t *bytes)
{
    char path[4096], name[8400];
    bool found = false;
    const version *v = own_group(proc, path, sizeof path);
    if (!v)
        return false;
    do {
        uint64_t limit;
        snprintf(name, sizeof name, "%s%s%s/%s", sys, v->folder, path, v->limit);
        if (read_number(name, NULL, &limit) && limit < NO_LIMIT && (!found || limit < *bytes)) {
            *bytes = limit;
            found = true;
        }
    } while (go_up(path));
    return found;
}

bool bench_cgroup_oom_kills_in(const char *proc, const char *sys, uint64_t *count)
{
    char path[4096], name[8400];
    const version *v = own_group(proc, path, sizeof path);
    if (v) {
        snprintf(name, sizeof name, "%s%s%s/%s", sys, v->folder, path, v->events);
        if (read_number(name, "oom_kill", count))
            return true;
    }
    snprintf(name, sizeof name, "%s/vmstat", proc);
    return read_number(name, "oom_kill", count);
}

bool bench_cgroup_memory_limit(uint64_t *bytes)
{
    return bench_cgroup_memory_limit_in("/proc", "/sys/fs/cgroup", bytes);
}

bool bench_cgroup_oom_kills(uint64_t *count)
{
    return bench_cgroup_oom_kills_in("/proc", "/sys/fs/cgroup", count);
}
