/* Inner loops, one table per instruction set, chosen once at run time.
 *
 * Each kernel is written once in plain C (kernel_noise.h, kernel_body.h) and compiled by kernel_portable.c,
 * kernel_avx2.c and kernel_avx512.c. Sums are kept in 16 partial sums in a fixed order and no operation is fused
 * (-ffp-contract=off), so every table gives the same bits for the same input.
 */
#ifndef ZO_KERNEL_H
#define ZO_KERNEL_H

#include <stdint.h>

typedef struct zo_kernels {
    const char *name; /* "portable", "avx2", "avx512" */

    /* out[k] = z[first + k], k in [0, n). c1, c2, c3: tensor, query, step. See rng.h. */
    void (*normals)(const uint32_t key[2], uint32_t c1, uint32_t c2, uint32_t c3, uint64_t first, int64_t n,
                    float *out);

    /* y = x / sqrt(mean(x^2) + eps) * w over n values. */
    void (*rmsnorm)(float *y, const float *x, const float *w, int64_t n, float eps);

    /* Rotates the first half of x against the second by the angles whose cosines and sines are given:
     * (a, b) -> (a c - b s, b c + a s), half values each. */
    void (*rope)(float *x, const float *cosine, const float *sine, int64_t half);

    /* gate = gate * sigmoid(gate) * up. */
    void (*swiglu)(float *gate, const float *up, int64_t n);

    /* One query row of one head: scores of n keys (rows of k, stride kstride), softmax, out = sum p v.
     * q, out: d values; score: scratch for n values. */
    void (*attend)(float *out, const float *q, const float *k, const float *v, int64_t kstride, int64_t n,
                   int64_t d, float scale, float *score);

    /* log(sum(exp(x))) over n > 0 values, in double. */
    double (*logsumexp)(const float *x, int64_t n);

    /* y = a + s * b over n values; y may be a. */
    void (*scale_add)(float *y, const float *a, float s, const float *b, int64_t n);
} zo_kernels;

extern const zo_kernels zo_kernels_portable;
#if defined(__x86_64__)
extern const zo_kernels zo_kernels_avx2;
extern const zo_kernels zo_kernels_avx512;
#endif

/* The widest table that this processor runs. */
const zo_kernels *zo_kernels_best(void);
/* Every table that this processor runs, NULL-terminated, widest first. For tests and doctor. */
const zo_kernels *const *zo_kernels_all(void);

#endif
