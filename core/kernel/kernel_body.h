/* The small operators of the forward pass, in the processor's own vectors.
 *
 * Included by kernel_isa.c. Lanes are
 * independent of each other except in sums, and those are kept in SUMS partial sums whatever the width of a vector,
 * added up in one fixed order; nothing is fused. So every compilation gives the same bits.
 */
#ifndef ZO_KERNEL_BODY_H
#define ZO_KERNEL_BODY_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "core/kernel/vector.h"

#define SUMS  16
#define PARTS (SUMS / LANES)

typedef float vech __attribute__((vector_size(2 * LANES))); /* half a vector, and the same in double */
typedef double vecd __attribute__((vector_size(4 * LANES)));

/* The first n < LANES values; the other lanes are `rest`. */
static inline vec load_part(const float *p, int64_t n, float rest)
{
    float lane[LANES];
    for (int i = 0; i < LANES; i++)
        lane[i] = i < n ? p[i] : rest;
    return load(lane);
}

static inline void store_part(float *p, vec v, int64_t n)
{
    float lane[LANES];
    store(lane, v);
    memcpy(p, lane, (size_t)n * sizeof *p);
}

/* The SUMS partial sums into one. */
static inline float sum(const vec s[PARTS])
{
    float a[SUMS];
    memcpy(a, s, sizeof a);
    for (int half = SUMS / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            a[i] += a[i + half];
    return a[0];
}

static inline float sum_of_squares(const float *x, int64_t n)
{
    vec s[PARTS] = {0};
    float rest[SUMS] = {0};
    int64_t i = 0;
    for (; i + SUMS <= n; i += SUMS)
        for (int c = 0; c < PARTS; c++)
            s[c] += load(x + i + c * LANES) * load(x + i + c * LANES);
    memcpy(rest, x + i, (size_t)(n - i) * sizeof *x);
    for (int c = 0; c < PARTS; c++)
        s[c] += load(rest + c * LANES) * load(rest + c * LANES);
    return sum(s);
}

static void rmsnorm(float *y, const float *x, const float *w, int64_t n, float eps)
{
    float square = sum_of_squares(x, n) / (float)n;
    float scale =
        isfinite(square) ? 1.0f / sqrtf(square + eps) : NAN; /* an overflow must not come out as 0 */
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        store(y + i, load(x + i) * splat(scale) * load(w + i));
    for (; i < n; i++)
        y[i] = x[i] * scale * w[i];
}

static void rope(float *x, const float *cosine, const float *sine, int64_t half)
{
    int64_t i = 0;
    for (; i + LANES <= half; i += LANES) {
        vec a = load(x + i), b = load(x + half + i), c = load(cosine + i), s = load(sine + i);
        store(x + i, a * c - b * s);
        store(x + half + i, b * c + a * s);
    }
    for (; i < half; i++) {
        float a = x[i], b = x[half + i];
        x[i] = a * cosine[i] - b * sine[i];
        x[half + i] = b * cosine[i] + a * sine[i];
    }
}

static float largest(const float *x, int64_t n)
{
    vec m = splat(x[0]);
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vec v = load(x + i);
        m = choose(v > m, v, m);
    }
    float lane[LANES];
    store(lane, m);
    for (int k = 1; k < LANES; k++)
        lane[0] = lane[k] > lane[0] ? lane[k] : lane[0];
    for (; i < n; i++)
        lane[0] = x[i] > lane[0] ? x[i] : lane[0];
    return lane[0];
}

static double logsumexp(const float *x, int64_t n)
{
    float top = largest(x, n);
    vecd total[2 * PARTS] = {0};
    int64_t i = 0;
    for (; i + SUMS <= n; i += SUMS) {
        float e[SUMS];
        for (int c = 0; c < PARTS; c++)
            store(e + c * LANES, exp_vec(load(x + i + c * LANES) - splat(top)));
        for (int c = 0; c < 2 * PARTS; c++) {
            vech h;
            memcpy(&h, e + c * LANES / 2, sizeof h);
            total[c] += __builtin_convertvector(h, vecd);
        }
    }
    double lane[SUMS], all = 0;
    memcpy(lane, total, sizeof lane);
    for (int k = 0; k < SUMS; k++)
        all += lane[k];
    for (; i < n; i++)
        all += exp((double)x[i] - top);
    return top + log(all);
}

static void scale_add(float *y, const float *a, float s, const float *b, int64_t n)
{
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        store(y + i, load(a + i) + splat(s) * load(b + i));
    for (; i < n; i++)
        y[i] = a[i] + s * b[i];
}

#endif
