/* Random numbers as functions: no state, no stream to advance.
 *
 * Philox4x32-10. Source: Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3".
 * Normals by Box-Muller in f32, with logarithm, sine and cosine written out in IEEE additions and
 * multiplications (no fused operation, no libm), so that equal addresses give equal bits on every machine,
 * compiler, instruction set and thread count.
 */
#ifndef ZO_RNG_H
#define ZO_RNG_H

#include <stdint.h>

/* Ten rounds of Philox4x32 on counter and key. */
void zo_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* A seed for one purpose ("noise", "data order", "init"), derived from the run's seed and the purpose's name,
 * so that changing one draw moves no other: words 1 and 0 of philox(counter = (h, h >> 32, 0, 0x64656573),
 * key = (seed, seed >> 32)), h the name's 64-bit FNV-1a hash. */
uint64_t zo_seed_for(uint64_t seed, const char *purpose);

/* Where the noise of one tensor of one query of one step lives. */
typedef struct zo_noise_at {
    uint64_t seed;   /* key; already zo_seed_for(seed, "noise") */
    uint32_t step;   /* training step */
    uint32_t query;  /* i of q */
    uint32_t tensor; /* index of the trainable tensor */
} zo_noise_at;

/* out[k] = z[first + k] for k in [0, n): standard normals. Element j is one of the four normals of counter
 * (j / 4, tensor, query, step) under the key (seed, seed >> 32); j < 2^34. Any split of a range into calls gives the
 * same values.
 *
 * With x the counter's four words, u(x) = the float nearest to (x + 1/2) / 2^32, v(x) = 2 pi x / 2^32 and
 * r(x) = sqrt(-2 ln u(x)):
 *     z = (r(x0) cos v(x1), r(x0) sin v(x1), r(x2) cos v(x3), r(x2) sin v(x3)).
 * u >= 2^-33, so |z| <= 6.764; values beyond that have probability 1.3e-11 in a true normal. Error against exact
 * arithmetic: below 1e-6 absolute. */
void zo_normals(zo_noise_at at, uint64_t first, int64_t n, float *out);

/* 64 uniform bits addressed by (seed, a, b): for shuffles and generators. Words 1 and 0 of philox(counter =
 * (a, a >> 32, b, 0x73746962), key = (seed, seed >> 32)). */
uint64_t zo_bits(uint64_t seed, uint64_t a, uint32_t b);

/* A uniform integer in [0, n), n > 0, from 64 bits, by the high half of a 64 x 64 product
 * (bias below n / 2^64). */
uint64_t zo_below(uint64_t bits, uint64_t n);

/* order = a permutation of [0, n), Fisher-Yates, a function of (seed, epoch). */
void zo_shuffle(uint64_t seed, uint64_t epoch, int32_t *order, int32_t n);

#endif
