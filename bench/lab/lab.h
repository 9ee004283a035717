/* Benchmarks of the kernels: what kernel_bench.c, product_bench.c and operator_bench.c share. They make a program of their
 * own, `make bench`.
 */
#ifndef BENCH_LAB_H
#define BENCH_LAB_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "core/format/config.h"
#include "core/base/error.h"
#include "core/number/precision.h"

enum { BENCH_KERNEL_MODELS = 8, BENCH_KERNEL_ROWS = 16 };

typedef struct bench_kernel_options {
    const char *model[BENCH_KERNEL_MODELS]; /* borrowed names and ... */
    zo_config config[BENCH_KERNEL_MODELS];  /* ... shapes of `models` of them */
    int models;
    int64_t rows[BENCH_KERNEL_ROWS]; /* rising */
    int row_counts;
    bool precision[ZO_PRECISION_COUNT];
    bool compute[ZO_COMPUTE_COUNT];
    const char *kernel;   /* one table's name; NULL: all */
    bool warm;            /* the same weights again and again */
    double seconds;       /* for all products together, about */
    int64_t copies_bytes; /* cold: of the copies of a weight that are taken in turn */
    int threads;
} bench_kernel_options;

/* Is this kernel table wanted? */
bool bench_kernel_wanted(const bench_kernel_options *o, const char *name);

/* An array of a benchmark: where its pointer is, how many elements of which size. */
typedef struct bench_kernel_array {
    void *at;
    int64_t count;
    size_t size;
} bench_kernel_array;
/* n of them; what is there is freed by the second, also after a failure (pointers begin as NULL). Fails: ZO_ERR_MEMORY. */
zo_status bench_kernel_make(const bench_kernel_array *arrays, size_t n, zo_error *err);
void bench_kernel_free(const bench_kernel_array *arrays, size_t n);

/* median, quartiles and number of samples in the object: key_ns, key_ns_low, ... with `key` "" or "sgemm_". */
void bench_kernel_spread(json_t *o, const char *key, const double *x, int n);

/* zo_linear_apply for every shape, number of rows, kernel table, precision and compute (int8: of weights that
 * zo_precision_in_int8 takes), taken in turn with OpenBLAS's sgemm of the same shape. Every result is first held against
 * sgemm of the same values. peak: of peak.h, borrowed. Tells of its progress on stderr. New reference: an array of
 * { "model", "maps": "gate, up", "out", "in", "rows", "kernel" ("openblas": sgemm itself), "weights", "compute",
 *   "samples", "ns", "ns_low", "ns_high" (median, quartiles; null with a reason: it is too slow for the time),
 *   "flops_per_s", "flops_of_peak" (compute int8: int8_ops_per_s; null with a reason without dot products of bytes),
 *   "weight_bytes_per_s", "read_of_peak" (null with a reason: the weights are warm),
 *   "ratio", "ratio_low", "ratio_high" (sgemm's time over this one's, of the same round) }
 * Fails: ZO_ERR_NUMERIC (a kernel is wrong), ZO_ERR_MEMORY. */
zo_status bench_products_measure(const bench_kernel_options *o, const json_t *peak, json_t **out,
                                 zo_error *err);

/* The small operators in cache, one thread unless they share work out themselves. slice_s: time for each. New reference:
 * an array of { "operator", "weights" (or null), "kernel", "per": what a value is, "ns", "ns_low", "ns_high" (per value),
 * "bytes_per_s" (read and written) }. Fails: ZO_ERR_MEMORY. */
zo_status bench_operators_measure(const bench_kernel_options *o, double slice_s, json_t **out, zo_error *err);

#endif
