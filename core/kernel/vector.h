/* Vectors of floats as wide as the instruction set's, in GCC's and clang's vector types. For files that are compiled once per
 * instruction set (kernel_body.h, panel_body.h). A wider vector than the processor has would live in memory (gcc). */
#ifndef ZO_VECTOR_H
#define ZO_VECTOR_H

#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
#define LANES 16
#elif defined(__AVX__)
#define LANES 8
#else
#define LANES 4
#endif

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef int32_t veci __attribute__((vector_size(4 * LANES)));

static inline vec load(const float *p)
{
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void store(float *p, vec v)
{
    memcpy(p, &v, sizeof v);
}

static inline vec splat(float x)
{
    return x - (vec){0}; /* x - 0 is x, -0 included */
}

/* mask lanes are 0 or -1: yes where -1, no where 0. */
static inline vec choose(veci mask, vec yes, vec no)
{
    return (vec)((mask & (veci)yes) | (~mask & (veci)no));
}

/* e^x to 2 ulp for x in [-87, 88], clamped outside: x = n ln 2 + r, |r| <= ln 2 / 2, a polynomial in r
 * (Taylor to degree 7: the remainder 0.3466^8 / 8! is below 6e-9), times 2^n put together from its bits. */
static inline vec exp_vec(vec x)
{
    x = choose(x < splat(-87.0f), splat(-87.0f), x);
    x = choose(x > splat(88.0f), splat(88.0f), x);
    vec shifter = splat(12582912.0f); /* 1.5 * 2^23: adding it rounds to a whole number */
    vec n = (x * splat(1.44269504f) + shifter) - shifter;
    vec r = x - n * splat(0.693359375f); /* ln 2 in two parts, the first exact in 9 bits */
    r = r + n * splat(2.12194440e-4f);
    vec p = splat(1.0f / 5040);
    p = p * r + splat(1.0f / 720);
    p = p * r + splat(1.0f / 120);
    p = p * r + splat(1.0f / 24);
    p = p * r + splat(1.0f / 6);
    p = p * r + splat(0.5f);
    p = p * r + splat(1.0f);
    p = p * r + splat(1.0f);
    veci exponent = (__builtin_convertvector(n, veci) + 127) << 23;
    return p * (vec)exponent;
}

#endif
