/* See noise.h. Arrays are cut into chunks that fit a core's first-level cache; a thread makes the noise of a chunk on
 * its stack and uses it there. */
#include "core/kernel/noise.h"

#include "core/kernel/kernel.h"
#include "core/kernel/rng.h"

#define CHUNK 2048

static inline int64_t chunk_length(int64_t first, int64_t n)
{
    return n - first < CHUNK ? n - first : CHUNK;
}

void zo_noise_add(float *x, int64_t n, uint64_t seed, uint32_t step, uint32_t tensor, const double *coef,
                  int32_t queries)
{
    const zo_kernels *kernels = zo_kernels_best();
#pragma omp parallel for schedule(static) if (n > CHUNK)
    for (int64_t first = 0; first < n; first += CHUNK) {
        float z[CHUNK];
        int64_t m = chunk_length(first, n);
        for (int32_t i = 0; i < queries; i++) {
            if (coef[i] == 0)
                continue;
            zo_normals((zo_noise_at){seed, step, (uint32_t)i, tensor}, (uint64_t)first, m, z);
            kernels->scale_add(x + first, x + first, (float)coef[i], z, m);
        }
    }
}
