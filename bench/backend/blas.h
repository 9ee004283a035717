/* OpenBLAS's kernels for this processor, compared: which give right answers, and which is the fastest.
 *
 * OpenBLAS settles on its kernels when a process starts; OPENBLAS_CORETYPE names others. Every candidate therefore runs
 * in children of its own, which are taken in turn, so that no candidate has a quiet moment to itself. The first time each is held
 * against a plain product (sgemm.h); one that is wrong, crashes or is not there is not timed.
 */
#ifndef BENCH_BLAS_H
#define BENCH_BLAS_H

#include <stdbool.h>

#include <jansson.h>

#include "bench/machine/child.h"
#include "core/format/config.h"
#include "core/base/error.h"

/* The width in bits of the vectors of OpenBLAS's kernels for a core type, 0: not in the table; and the known name nearest
 * to a misspelt one, NULL: none. Case does not count. */
int bench_blas_bits(const char *core);
const char *bench_blas_nearest(const char *core);
/* Does OpenBLAS run the kernels of that core type? It does not tell when it was asked for ones that it does not have. */
bool bench_blas_is(const char *running, const char *asked);

typedef struct bench_blas_options {
    const json_t *machine; /* borrowed; machine.h */
    const char *model;     /* for the result; its products' shapes ... */
    const zo_config *config;
    int threads;
    const char *program;     /* what a child executes, and ... */
    const char *const *argv; /* ... is called with; NULL: this program's internal command */
} bench_blas_options;

/* Some seconds. New reference:
 * { "model": "synth:tinyllama-1.1b", "threads": 2, "rounds": 3, "rows": [64, 1024],
 *   "kernels": [ { "asked": null (the environment as it is), "core": "Haswell", "correct": true, "reason": null,
 *                  "flops_per_s": [of each number of rows, over all products of a layer; null: took too long],
 *                  "speed": 1.0 (relative to the first, geometric mean over rows) },
 *                { "asked": "SkylakeX", ... } ],
 *   "fastest": 1 (an index; null: none is right; another than the first only where it is 3% faster or more) }
 * Times are medians over the rounds. A candidate that is not right has correct false (null where it was never there: core is
 * then what ran instead, or null), a reason, and null for its times.
 * Where this process was asked to end, *out is NULL and nothing has failed.
 * Fails: ZO_ERR_IO (no child could be run), ZO_ERR_MEMORY. */
zo_status bench_blas_compare(const bench_signals *signals, const bench_blas_options *o, json_t **out,
                             zo_error *err);

/* The kernel that the manifest's "auto" stands for: NULL where the environment's own is the fastest, or none is right. */
const char *bench_blas_fastest(const json_t *compared);

#endif
