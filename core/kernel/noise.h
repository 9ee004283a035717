/* Noise applied to an array, without a buffer of it. Replicas are formed in lowrank.h. */
#ifndef ZO_NOISE_H
#define ZO_NOISE_H

#include <stdint.h>

/* x[j] += sum_i coef[i] * z_i[j] for j in [0, n), i in [0, queries): z_i is the noise of (seed, step, i, tensor).
 * The sum over i is formed in f32 in the order of i, whatever the number of threads. */
void zo_noise_add(float *x, int64_t n, uint64_t seed, uint32_t step, uint32_t tensor, const double *coef,
                  int32_t queries);

#endif
