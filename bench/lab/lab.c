/* See lab.h. */
#include "bench/lab/lab.h"

#include <stdio.h>
#include <string.h>

#include "bench/base/stats.h"
#include "bench/machine/setting.h"
#include "core/base/mem.h"

bool bench_kernel_wanted(const bench_kernel_options *o, const char *name)
{
    return !o->kernel || bench_setting_lists(o->kernel, ',', name);
}

zo_status bench_kernel_make(const bench_kernel_array *arrays, size_t n, zo_error *err)
{
    zo_status st = ZO_OK;
    for (size_t i = 0; i < n && !st; i++)
        st = zo_mem_array(NULL, ZO_ACCOUNT_HARNESS, (size_t)arrays[i].count, arrays[i].size, "a benchmark",
                          arrays[i].at, err);
    return st;
}

void bench_kernel_free(const bench_kernel_array *arrays, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        void *p;
        memcpy(&p, arrays[i].at, sizeof p); /* a pointer to another type */
        zo_mem_free(p);
        memset(arrays[i].at, 0, sizeof p);
    }
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
