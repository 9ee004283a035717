/* See openblas.h; and the backend that multiplies with it. */
#include "bench/backend/openblas.h"

#include <dlfcn.h>
#include <string.h>

#include <omp.h>

#include "bench/backend/backend.h"
#include "bench/machine/build.h"

#define LIBRARY "libopenblas.so.0"

const bench_openblas *bench_openblas_load(zo_error *err)
{
    static bench_openblas loaded;
    static const struct {
        const char *name;
        size_t offset;
    } functions[] = {
#define FUNCTION(name, field) {name, offsetof(bench_openblas, field)}
        FUNCTION("cblas_sgemm", sgemm),
        FUNCTION("cblas_sgemv", sgemv),
        FUNCTION("openblas_get_num_threads", get_num_threads),
        FUNCTION("openblas_set_num_threads", set_num_threads),
        FUNCTION("openblas_get_config", get_config),
        FUNCTION("openblas_get_corename", get_corename),
        FUNCTION("openblas_get_parallel", get_parallel),
#undef FUNCTION
    };
    bench_openblas found = {0};
    if (loaded.sgemm)
        return &loaded;
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return zo_fail(err, ZO_ERR_UNSUPPORTED, "load OpenBLAS: %s", dlerror()), NULL;
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        void *function = dlsym(library, functions[i].name);
        if (!function)
            return zo_fail(err, ZO_ERR_UNSUPPORTED, "load OpenBLAS: %s has no %s", LIBRARY,
                           functions[i].name),
                   NULL;
        memcpy((char *)&found + functions[i].offset, &function, sizeof function);
    }
    if (found.get_num_threads() != omp_get_max_threads())
        found.set_num_threads(omp_get_max_threads());
    loaded = found;
    return &loaded;
}

static const char *parallel_name(int parallel)
{
    return parallel == OPENBLAS_OPENMP ? "openmp" : parallel == OPENBLAS_THREAD ? "pthreads" : "none";
}

json_t *bench_openblas_describe(const bench_openblas *blas)
{
    static const char *const prefixes[] = {"OPENBLAS_", "GOTO_", NULL};
    const char *config = blas->get_config(); /* "OpenBLAS 0.3.21 NO_LAPACKE ..." */
    const char *version = strncmp(config, "OpenBLAS ", 9) == 0 ? config + 9 : config;
    return json_pack("{s:s, s:o, s:s, s:s, s:s, s:i, s:o}", "library", "OpenBLAS", "version",
                     json_stringn(version, strcspn(version, " ")), "config", config, "core",
                     blas->get_corename(), "parallel", parallel_name(blas->get_parallel()), "threads",
                     blas->get_num_threads(), "settings", bench_build_settings(prefixes));
}

/* ---- the backend ---- */

static void multiply(float *y, const float *x, const float *w, int64_t rows, int64_t out, int64_t in)
{
    bench_openblas_load(NULL)->sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)rows, (blasint)out,
                                     (blasint)in, 1, x, (blasint)in, w, (blasint)in, 0, y, (blasint)out);
}

/* Weights stay in rows, as the library wants them. */
static zo_status open(bench_engine *e, zo_error *err)
{
    if (!bench_openblas_load(err))
        return err->status;
    zo_status st = bench_engine_open_model(e, false, err);
    if (!st)
        e->model.llama->sgemm = multiply;
    return st;
}

static json_t *describe(const bench_engine *e)
{
    json_t *o = bench_openblas_describe(bench_openblas_load(NULL));
    json_object_set_new(o, "compute", json_string(zo_compute_name((zo_compute)e->p->compute)));
    return o;
}

const bench_backend bench_backend_openblas = {.has_model = true,
                                              .open = open,
                                              .train = bench_native_train,
                                              .seek = bench_native_seek,
                                              .step = bench_native_step,
                                              .evaluate = bench_native_evaluate,
                                              .bytes = bench_native_bytes,
                                              .describe = describe};
