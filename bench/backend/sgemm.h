/* OpenBLAS's product of f32 matrices in this process: is it right, and how long does it take.
 *
 * Which kernels it runs is settled when a process starts (OPENBLAS_CORETYPE), so a comparison (blas.h) asks children.
 */
#ifndef BENCH_SGEMM_H
#define BENCH_SGEMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

/* y (rows, out; leading dimension ldy) = scale * x (rows, in; ldx) w (out, in)^T + beta * y, as core/ asks for it. */
typedef void bench_sgemm_product(float *y, int64_t ldy, const float *x, int64_t ldx, const float *w,
                                 int64_t rows, int64_t out, int64_t in, float scale, float beta);
/* OpenBLAS's. */
void bench_sgemm_openblas(float *y, int64_t ldy, const float *x, int64_t ldx, const float *w, int64_t rows,
                          int64_t out, int64_t in, float scale, float beta);

/* The same by OpenBLAS's product of a matrix and a vector, row by row. */
void bench_sgemm_by_vectors(float *y, int64_t ldy, const float *x, int64_t ldx, const float *w, int64_t rows,
                            int64_t out, int64_t in, float scale, float beta);

/* Holds a product against a plain one in double, over shapes that are multiples of nothing, with one thread of OpenBLAS
 * and with all. Every element must be within gamma_k (|scale| sum |x w| + |beta y|), k = in + 3 roundings: Higham 2002,
 * "Accuracy and Stability of Numerical Algorithms", 2nd ed., (3.5). What lies between rows must stay as it was, and with beta
 * = 0 y is not read. False: it is wrong, or memory is out, and reason says where and by how much. */
bool bench_sgemm_check(bench_sgemm_product *product, char *reason, size_t cap);

/* The child's answer: product and bench_sgemm_by_vectors are checked, product is timed. job: { "check": true, "seconds": 1.0, "rows": [64, 1024], "shapes": [[out, in], ...] }.
 * New reference: { "core": "Cooperlake", "threads": 2, "correct": true | null (not checked), "reason": null | "..",
 *                  "ns": [[of each shape], ... of each number of rows] }
 * A number of rows that would take longer than `seconds`, going by the one before it, is null instead of its times; what is
 * wrong is not timed. NULL: the job is malformed, or memory is out. */
json_t *bench_sgemm_answer(const json_t *job, bench_sgemm_product *product);

#endif
