/* See build.h. build_info.h is made by the Makefile. */
#include "bench/machine/build.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hwloc.h>
#include <omp.h>

#include "bench/record/record.h"
#include "bench/base/sha256.h"
#include "build_info.h"

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

static json_t *hwloc_version(void)
{
    unsigned v = hwloc_get_api_version();
    return json_sprintf("%u.%u.%u", v >> 16, v >> 8 & 255, v & 255);
}

static const char *binding_name(omp_proc_bind_t bind)
{
    switch (bind) {
    case omp_proc_bind_false:
        return "false";
    case omp_proc_bind_true:
        return "true";
    case omp_proc_bind_close:
        return "close";
    case omp_proc_bind_spread:
        return "spread";
    default: /* master, which later versions call primary */
        return "primary";
    }
}

/* What is in effect; how threads wait cannot be asked and shows in the settings alone. */
static json_t *describe_openmp(void)
{
    return json_pack("{s:i, s:b, s:s, s:i, s:i}", "version", _OPENMP, "dynamic", omp_get_dynamic(),
                     "proc_bind", binding_name(omp_get_proc_bind()), "places", omp_get_num_places(),
                     "active_levels", omp_get_max_active_levels());
}

json_t *bench_build_settings(const char *const *prefixes)
{
    json_t *settings = json_object();
    for (char **e = environ; *e; e++) {
        const size_t n = strcspn(*e, "=");
        bool wanted = false;
        for (const char *const *p = prefixes; *p; p++)
            wanted |= strncmp(*e, *p, strlen(*p)) == 0;
        char *name = wanted && (*e)[n] ? strndup(*e, n) : NULL;
        if (name)
            json_object_set_new(settings, name, json_string(*e + n + 1)); /* not where it is no UTF-8 */
        free(name);
    }
    return settings;
}

json_t *bench_build_describe(void)
{
    static const char *const prefixes[] = {"OMP_",           "GOMP_",      "KMP_",        "MALLOC_",
                                           "GLIBC_TUNABLES", "LD_PRELOAD", "LD_BIND_NOW", NULL};
    static const char no_git[] = "not built in a git checkout";
    const int known = BUILD_COMMIT[0] != '\0';
    char program[BENCH_SHA256_HEX];
    zo_error err = {0};
    json_t *o = json_object();
    bench_record_set(o, "program_sha256",
                     bench_sha256_file("/proc/self/exe", program, &err) ? NULL : json_string(program),
                     err.text);
    bench_record_set(o, "commit", known ? json_string(BUILD_COMMIT) : NULL, no_git);
    bench_record_set(o, "dirty", known ? json_boolean(strcmp(BUILD_DIRTY, "true") == 0) : NULL, no_git);
    json_object_set_new(o, "config", json_string(BUILD_CONFIG));
    json_object_set_new(o, "compiler", json_string(COMPILER));
    json_object_set_new(o, "flags", json_string(BUILD_FLAGS));
    json_object_set_new(o, "jansson", json_string(jansson_version_str()));
    json_object_set_new(o, "hwloc_api", hwloc_version());
    json_object_set_new(o, "openmp_threads", json_integer(omp_get_max_threads()));
    json_object_set_new(o, "openmp", describe_openmp());
    json_object_set_new(o, "settings", bench_build_settings(prefixes));
    return o;
}

const char *bench_build_commit(void)
{
    return BUILD_COMMIT;
}

const char *bench_build_date(void)
{
    return BUILD_DATE;
}
