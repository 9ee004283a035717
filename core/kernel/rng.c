/* See rng.h. The generator and the normals' arithmetic are in kernel_noise.h; the kernels that run it are chosen in
 * kernel.c. */
#include "core/kernel/rng.h"

#include <assert.h>
#include <string.h>

#include "core/kernel/kernel.h"
#include "core/kernel/kernel_noise.h"

/* Last counter word of the uses of Philox that are not noise. Noise has the training step there. */
#define COUNTER_SEED 0x64656573u /* "seed" */
#define COUNTER_BITS 0x73746962u /* "bits" */

void zo_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c[4];
    memcpy(c, counter, sizeof c);
    philox_10(c, key[0], key[1]);
    memcpy(out, c, sizeof c);
}

/* The first two words of the counter (a, b, purpose) under a 64-bit key. */
static uint64_t bits_64(uint64_t seed, uint64_t a, uint32_t b, uint32_t purpose)
{
    uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t c[4] = {(uint32_t)a, (uint32_t)(a >> 32), b, purpose};
    philox_10(c, key[0], key[1]);
    return (uint64_t)c[1] << 32 | c[0];
}

uint64_t zo_seed_for(uint64_t seed, const char *purpose)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a, 64 bits */
    for (const char *p = purpose; *p; p++)
        hash = (hash ^ (unsigned char)*p) * 0x100000001b3u;
    return bits_64(seed, hash, 0, COUNTER_SEED);
}

void zo_normals(zo_noise_at at, uint64_t first, int64_t n, float *out)
{
    uint32_t key[2] = {(uint32_t)at.seed, (uint32_t)(at.seed >> 32)};
    assert(n >= 0 && first <= (uint64_t)1 << 34 && (uint64_t)n <= ((uint64_t)1 << 34) - first);
    zo_kernels_best()->normals(key, at.tensor, at.query, at.step, first, n, out);
}

uint64_t zo_bits(uint64_t seed, uint64_t a, uint32_t b)
{
    return bits_64(seed, a, b, COUNTER_BITS);
}

uint64_t zo_below(uint64_t bits, uint64_t n)
{
    return (uint64_t)((unsigned __int128)bits * n >> 64);
}

void zo_shuffle(uint64_t seed, uint64_t epoch, int32_t *order, int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        order[i] = i;
    for (int32_t i = n - 1; i > 0; i--) {
        int32_t j = (int32_t)zo_below(zo_bits(seed, epoch, (uint32_t)i), (uint64_t)i + 1);
        int32_t moved = order[i];
        order[i] = order[j];
        order[j] = moved;
    }
}
