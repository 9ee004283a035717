/* See lab.h. */
#include "bench/lab/lab.h"

#include <stdio.h>
#include <string.h>

#include "bench/base/stats.h"

bool bench_kernel_stands_in(const char *list, const char *name, size_t n)
{
    for (;; list++) {
        size_t m = strcspn(list, ",");
        if (m == n && strncmp(list, name, n) == 0)
            return true;
        list += m;
        if (!*list)
            return false;
    }
}

bool bench_kernel_wanted(const bench_kernel_options *o, const char *name)
{
    return !o->kernel || bench_kernel_stands_in(o->kernel, name, strlen(name));
}

void bench_kernel_spread(json_t *o, const char *key, const double *x, int n)
{
    static const struct {
        const char *end;
        double quantile;
    } parts[] = {{"", 0.5}, {"_low", 0.25}, {"_high", 0.75}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s%s", key, parts[i].end);
        json_object_set_new(o, name, json_real(bench_stats_quantile(x, (size_t)n, parts[i].quantile)));
    }
    json_object_set_new(o, "samples", json_integer(n));
}
