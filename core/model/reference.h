/* The plain forward: one sequence, one replica, one loop after the other, all in double precision.
 *
 * It is what the fast forward (llama.h) is tested against: no BLAS, no threads, no vectors, no tables.
 */
#ifndef ZO_REFERENCE_H
#define ZO_REFERENCE_H

#include "core/model/llama.h"

/* Weights of any precision are decoded row by row (precision.h).
 *
 * Mean cross-entropy over the batch's label rows at the replica theta + sign * step_size * z, with z the noise of
 * (seed, step, query) over the adapter (l != NULL). sign 0: the master. Unlike zo_perturbation, step_size is exact: no
 * rounding of the moved parameters to f32. Fails: ZO_ERR_MEMORY. */
zo_status zo_reference_loss(const zo_llama *m, const zo_lora *l, const zo_batch *batch, uint64_t seed,
                            uint32_t step, zo_replica replica, double step_size, double *loss, zo_error *err);

#endif
