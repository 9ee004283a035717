/* Noise applied to arrays: the two things that training does with it. Neither keeps a buffer of noise. */
#ifndef ZO_NOISE_H
#define ZO_NOISE_H

#include <stdint.h>

#include "core/replica.h"

/* x[j] += sum_i coef[i] * z_i[j] for j in [0, n), i in [0, queries): z_i is the noise of (seed, step, i, tensor).
 * The sum over i is formed in f32 in the order of i, whatever the number of threads. */
void zo_noise_add(float *x, int64_t n, uint64_t seed, uint32_t step, uint32_t tensor, const double *coef,
                  int32_t queries);

/* out (count, n): copy r of x moved to x + sign_r * eps * z_(query_r). Neighbouring replicas of one query share their
 * noise, which is then made once. */
void zo_noise_replicas(float *out, const float *x, int64_t n, uint64_t seed, uint32_t step, uint32_t tensor,
                       double eps, const zo_replica *replicas, int32_t count);

#endif
