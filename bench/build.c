/* See build.h. build_info.h is made by the Makefile. */
#include "bench/build.h"

#include <string.h>

#include <cblas.h>
#include <hwloc.h>
#include <omp.h>

#include "bench/record.h"
#include "build_info.h"

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

static const char *parallel_name(int parallel)
{
    return parallel == OPENBLAS_OPENMP ? "openmp" : parallel == OPENBLAS_THREAD ? "pthreads" : "none";
}

static json_t *describe_openblas(void)
{
    const char *config = openblas_get_config(); /* "OpenBLAS 0.3.21 NO_LAPACKE ..." */
    const char *version = strchr(config, ' ');
    json_t *o = json_object();
    version = version ? version + 1 : config;
    json_object_set_new(o, "version", json_stringn(version, strcspn(version, " ")));
    json_object_set_new(o, "config", json_string(config));
    json_object_set_new(o, "core", json_string(openblas_get_corename()));
    json_object_set_new(o, "parallel", json_string(parallel_name(openblas_get_parallel())));
    json_object_set_new(o, "threads", json_integer(openblas_get_num_threads()));
    return o;
}

/* "2.8.0" of 0x00020800 */
static json_t *hwloc_version(void)
{
    unsigned v = hwloc_get_api_version();
    return json_sprintf("%u.%u.%u", v >> 16, v >> 8 & 255, v & 255);
}

json_t *bench_build_describe(void)
{
    static const char no_git[] = "not built in a git checkout";
    const int known = BUILD_COMMIT[0] != '\0';
    json_t *o = json_object();
    bench_record_set(o, "commit", known ? json_string(BUILD_COMMIT) : NULL, no_git);
    bench_record_set(o, "dirty", known ? json_boolean(strcmp(BUILD_DIRTY, "true") == 0) : NULL, no_git);
    json_object_set_new(o, "config", json_string(BUILD_CONFIG));
    json_object_set_new(o, "compiler", json_string(COMPILER));
    json_object_set_new(o, "flags", json_string(BUILD_FLAGS));
    json_object_set_new(o, "jansson", json_string(jansson_version_str()));
    json_object_set_new(o, "hwloc_api", hwloc_version());
    json_object_set_new(o, "openblas", describe_openblas());
    json_object_set_new(o, "openmp_threads", json_integer(omp_get_max_threads()));
    return o;
}
