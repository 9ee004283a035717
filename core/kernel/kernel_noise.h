/* Philox4x32-10 and normals, written once in plain C and compiled once per instruction set (kernel_isa.c).
 *
 * Sixteen counters run side by side, one per lane, so that the compiler vectorizes over lanes; nothing here is
 * specific to an instruction set. Only IEEE additions, multiplications, one division, square roots and integer
 * operations are used, each rounded by itself (-ffp-contract=off), so every compilation gives the same bits.
 *
 * Source: Salmon, Moraes, Dror, Shaw 2011 (Philox); Box and Muller 1958. The polynomials are our own minimax fits;
 * splitting log(m) by s = f / (2 + f) is FreeBSD msun's (e_log.c).
 */
#ifndef ZO_KERNEL_NOISE_H
#define ZO_KERNEL_NOISE_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define NOISE_LANES 16

/* One round: both products, both halves of each, and the key. */
static inline void philox_round(uint32_t c[4], uint32_t k0, uint32_t k1)
{
    uint64_t p0 = (uint64_t)0xD2511F53u * c[0];
    uint64_t p1 = (uint64_t)0xCD9E8D57u * c[2];
    c[0] = (uint32_t)(p1 >> 32) ^ c[1] ^ k0;
    c[2] = (uint32_t)(p0 >> 32) ^ c[3] ^ k1;
    c[1] = (uint32_t)p1;
    c[3] = (uint32_t)p0;
}

/* Ten rounds in place; between rounds the key is raised by the two Weyl constants. Written out, not looped: the
 * lanes around it are what must become the vector. */
static inline void philox_10(uint32_t c[4], uint32_t k0, uint32_t k1)
{
#define ROUND(i) philox_round(c, k0 + (i)*0x9E3779B9u, k1 + (i)*0xBB67AE85u)
    ROUND(0u);
    ROUND(1u);
    ROUND(2u);
    ROUND(3u);
    ROUND(4u);
    ROUND(5u);
    ROUND(6u);
    ROUND(7u);
    ROUND(8u);
    ROUND(9u);
#undef ROUND
}

static inline float noise_from_bits(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

static inline uint32_t noise_to_bits(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

/* The float nearest to (x + 1/2) / 2^32: in [2^-33, 1]. Both halves convert exactly; their sum rounds once. Small
 * results keep 24 significant bits, which is what the normal's tail needs. */
static inline float noise_uniform(uint32_t x)
{
    float high = (float)(int32_t)(x >> 16) * 0x1p-16f;
    float low = ((float)(int32_t)(x & 0xffff) + 0.5f) * 0x1p-32f;
    return high + low;
}

/* Natural logarithm of u in [2^-33, 1]. u = 2^k m with m in [sqrt(1/2), sqrt 2); f = m - 1, s = f / (2 + f), and
 * log m = f - s (f - R(s^2)). R's own error is 8e-10 of log m; the whole is within 1 ulp of the true value. */
static inline float noise_log(float u)
{
    const uint32_t sqrt_half = 0x3f3504f3u;
    uint32_t bits = noise_to_bits(u) + (0x3f800000u - sqrt_half);
    float k = (float)((int32_t)(bits >> 23) - 127);
    float f = noise_from_bits((bits & 0x7fffffu) + sqrt_half) - 1.0f;
    float s = f / (2.0f + f);
    float z = s * s;
    float r = z * (0.66666776f + z * (0.39977542f + z * 0.29871726f));
    float low = f - s * (f - r);
    /* ln 2 in two parts: the first has 15 significant bits, so that k times it is exact. */
    return k * 0.693145751953125f + (k * 1.42860677e-6f + low);
}

/* Sine and cosine of the angle 2 pi x / 2^32. The nearest quarter turn is taken off in integers; the rest is an
 * angle in [-pi/4, pi/4), whose polynomials' own errors are 4e-9 and 1e-10. Absolute error below 1.5e-7. */
static inline void noise_sincos(uint32_t x, float *sine, float *cosine)
{
    uint32_t quarter = (x + 0x20000000u) >> 30;
    int32_t rest = (int32_t)(x - (quarter << 30));
    float a = (float)rest * 1.46291808e-9f; /* 2 pi / 2^32 */
    float z = a * a;
    float sn = a + a * (z * (-0.16666655f + z * (0.008332178f + z * -0.000195173f)));
    float cs = 1.0f - 0.5f * z + z * z * (0.041666646f + z * (-0.0013887368f + z * 2.4438452e-5f));

    /* Quarters 1 and 3 swap the two; sine is negative in 2 and 3, cosine in 1 and 2. */
    uint32_t swap = 0u - (quarter & 1u);
    uint32_t bs = noise_to_bits(sn), bc = noise_to_bits(cs);
    uint32_t sign_s = (quarter & 2u) << 30;
    uint32_t sign_c = ((quarter + 1u) & 2u) << 30;
    *sine = noise_from_bits(((bs & ~swap) | (bc & swap)) ^ sign_s);
    *cosine = noise_from_bits(((bc & ~swap) | (bs & swap)) ^ sign_c);
}

/* Two normals from two words. */
static inline void noise_pair(uint32_t radius_word, uint32_t angle_word, float *first, float *second)
{
    float sine, cosine;
    float r = sqrtf(-2.0f * noise_log(noise_uniform(radius_word)));
    noise_sincos(angle_word, &sine, &cosine);
    *first = r * cosine;
    *second = r * sine;
}

/* The 4 * NOISE_LANES normals of counters [block, block + NOISE_LANES). */
static inline void noise_blocks(const uint32_t key[2], uint32_t c1, uint32_t c2, uint32_t c3, uint32_t block,
                                float *restrict out)
{
    uint32_t k0 = key[0], k1 = key[1];
    for (uint32_t lane = 0; lane < NOISE_LANES; lane++) {
        uint32_t c[4] = {block + lane, c1, c2, c3};
        float z0, z1, z2, z3;
        philox_10(c, k0, k1);
        noise_pair(c[0], c[1], &z0, &z1);
        noise_pair(c[2], c[3], &z2, &z3);
        out[4 * lane + 0] = z0;
        out[4 * lane + 1] = z1;
        out[4 * lane + 2] = z2;
        out[4 * lane + 3] = z3;
    }
}

/* zo_kernels.normals. Ends that do not fill a run of lanes go through a buffer. */
static inline void noise_normals(const uint32_t key[2], uint32_t c1, uint32_t c2, uint32_t c3, uint64_t first,
                                 int64_t n, float *out)
{
    enum { RUN = 4 * NOISE_LANES };
    while (n > 0) {
        uint32_t block = (uint32_t)(first / 4);
        int64_t skip = (int64_t)(first % 4);
        int64_t take = n < RUN - skip ? n : RUN - skip;
        if (take == RUN) {
            noise_blocks(key, c1, c2, c3, block, out);
        } else {
            float buffer[RUN];
            noise_blocks(key, c1, c2, c3, block, buffer);
            memcpy(out, buffer + skip, (size_t)take * sizeof *out);
        }
        /* After an odd start the next run begins on a whole counter. */
        first += (uint64_t)take;
        out += take;
        n -= take;
    }
}

#endif
