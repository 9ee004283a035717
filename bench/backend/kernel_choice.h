/* What a cell's blas_kernel comes to: the kernels of OpenBLAS that its process is to run, and why those.
 *
 * null leaves the environment as it is. A core type is set as OPENBLAS_CORETYPE for the cell's process and for nothing else; "auto" is
 * the fastest that bench_blas_compare finds right, looked for once per run of a manifest, in the shapes of the first such
 * cell's model and with its threads. OpenBLAS falls back without a word where it does not have what it was asked for, so the
 * process looks at what it runs, and fails.
 */
#ifndef BENCH_KERNEL_CHOICE_H
#define BENCH_KERNEL_CHOICE_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "bench/machine/child.h"
#include "bench/manifest/params.h"
#include "core/base/error.h"

#define BENCH_KERNEL_CHOICE_AUTO "auto"

typedef struct bench_kernel_choice {
    const json_t *machine; /* borrowed, like the rest but compared */
    const bench_signals *signals;
    const char *const *argv; /* of a comparison's children; NULL: this program's internal command */
    json_t *compared;        /* owned; NULL: no cell has asked for it yet */
} bench_kernel_choice;

void bench_kernel_choice_deinit(bench_kernel_choice *c);

/* *out: a new reference, as records have it:
 * null where p leaves the choice to OpenBLAS, else { "asked": "auto", "core_type": "SkylakeX" or null (the environment's own is
 * the fastest), "how": "the fastest of 3 that are right", "compared": {blas.h} (auto only) }.
 * Where nothing is right, or the model cannot be read, how is null, and how_reason says why: bench_kernel_choice_holds will fail.
 * *out is NULL where this process was asked to end. Fails as bench_blas_compare does. */
zo_status bench_kernel_choice_make(bench_kernel_choice *c, const bench_params *p, int threads, json_t **out,
                                   zo_error *err);

/* OPENBLAS_CORETYPE for the child; NULL: as it is. */
const char *bench_kernel_choice_core_type(const json_t *made);

/* In the child: does OpenBLAS run (its name for it) what was chosen? Otherwise reason. */
bool bench_kernel_choice_holds(const json_t *made, const char *running, char *reason, size_t cap);

#endif
