/* OpenBLAS, loaded into this process when somebody asks for it and not before: its constructor starts threads, takes memory and
 * settles on kernels (OPENBLAS_CORETYPE).
 */
#ifndef BENCH_OPENBLAS_H
#define BENCH_OPENBLAS_H

#include <cblas.h>
#include <jansson.h>

#include "core/base/error.h"

typedef struct bench_openblas {
    __typeof__(cblas_sgemm) *sgemm;
    __typeof__(cblas_sgemv) *sgemv;
    __typeof__(openblas_get_num_threads) *get_num_threads;
    __typeof__(openblas_set_num_threads) *set_num_threads;
    __typeof__(openblas_get_config) *get_config;
    __typeof__(openblas_get_corename) *get_corename;
    __typeof__(openblas_get_parallel) *get_parallel;
} bench_openblas;

/* With as many threads as OpenMP has, whatever variables a build of it reads. The same for every call, never unloaded; not for
 * several threads at once. NULL: there is none, or it lacks a function (ZO_ERR_UNSUPPORTED). */
const bench_openblas *bench_openblas_load(zo_error *err);

/* New reference: { "library": "OpenBLAS", "version": "0.3.21", "config": "OpenBLAS 0.3.21 ...", "core": "SkylakeX" (its kernels),
 * "parallel": "openmp" | "pthreads" | "none", "threads": 2, "settings": {variables of the environment that it reads} } */
json_t *bench_openblas_describe(const bench_openblas *blas);

#endif
