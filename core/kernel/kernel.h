/* Inner loops, one table per instruction set, chosen once at run time.
 *
 * Each kernel is written once in plain C (kernel_noise.h, kernel_body.h, kernel_attend.h) and compiled by
 * kernel_isa.c for each. Every sum has a fixed order, whatever the width of a vector,
 * and no operation is fused (-ffp-contract=off), so every table gives the same bits for the same input.
 */
#ifndef ZO_KERNEL_H
#define ZO_KERNEL_H

#include <stdint.h>

/* Causal attention of the query heads that share one key-value head of one sequence: row i stands at position
 * first + i and looks at the keys 0 to first + i. d values per head and row, `ld` floats from row to row. */
typedef struct zo_attention {
    float *out; /* (rows, heads * d; ldo), may not overlap the others */
    int64_t ldo;
    const float *q; /* (rows, heads * d; ldq) */
    int64_t ldq;
    const float *k, *v; /* (first + rows, d; ldkv) */
    int64_t ldkv;
    int64_t heads, first, rows, d; /* all > 0 but first, which may be 0 */
    float scale;                   /* of the scores before softmax */
    float *scratch;                /* zo_attend_scratch(first + rows, d) floats */
} zo_attention;

enum {
    ZO_ATTEND_LINES = 4, /* query rows that are worked on together */
    ZO_ATTEND_PAD = 16   /* the scratch's rows are multiples of it */
};

static inline int64_t zo_attend_padded(int64_t n)
{
    return (n + ZO_ATTEND_PAD - 1) / ZO_ATTEND_PAD * ZO_ATTEND_PAD;
}

/* Floats of scratch for up to `keys` keys of d values. */
int64_t zo_attend_scratch(int64_t keys, int64_t d);

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

    /* out = softmax(scale q k^T) v, causal. A row of a head comes out the same bit for bit however many rows and
     * heads share the call. */
    void (*attend)(const zo_attention *a);

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
