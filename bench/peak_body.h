/* The loops of peak_kernel.h that are the same for every instruction set.
 * Before this file: `vec`, a vector of floats that may alias others; FMA(acc, x, y); EACH, EACH_12 or EACH_24: as
 * many accumulators as registers allow. */
#include "bench/peak_kernel.h"

/* X(i) for every accumulator */
#define EACH_12(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#define AND_12(X)  X(12) X(13) X(14) X(15) X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23)
#define EACH_24(X) EACH_12(X) AND_12(X)

enum { LANES = sizeof(vec) / sizeof(float) };

/* Read anew for every accumulator: a compiler that knew them to be all alike would keep a single one. */
static const volatile float zero = 0;

static inline double lanes_sum(vec v)
{
    double sum = 0;
    for (int i = 0; i < LANES; i++)
        sum += v[i];
    return sum;
}

static double f32_loop(int64_t n, float x, float y)
{
    const vec vx = x - (vec){0}, vy = y - (vec){0};
    vec sum = {0};
#define X(i) vec c##i = zero - (vec){0};
    EACH(X)
#undef X
    for (int64_t k = 0; k < n; k++) {
#define X(i) c##i = FMA(c##i, vx, vy);
        EACH(X)
#undef X
    }
#define X(i) sum += c##i;
    EACH(X)
#undef X
    return lanes_sum(sum);
}

static double sum_loop(const float *x, int64_t n)
{
    vec s[8] = {{0}};
    double sum = 0;
    for (const float *end = x + n; x < end; x += 8 * LANES)
        for (int j = 0; j < 8; j++)
            s[j] += *(const vec *)(x + j * LANES);
    for (int j = 0; j < 8; j++)
        sum += lanes_sum(s[j]);
    return sum;
}

static void triad_loop(float *a, const float *b, const float *c, float s, int64_t n)
{
    const vec vs = s - (vec){0};
    for (int64_t i = 0; i < n; i += LANES)
        *(vec *)(a + i) = FMA(*(const vec *)(c + i), vs, *(const vec *)(b + i));
}
