/* Randomized gradient estimation (RGE) with ZO-SGD, in three ways to run it: MeZO moves the parameters in place, RGE runs
 * replicas one after another, P-RGE batches them.
 *
 *     g_i   = (loss(theta + eps z_i) - loss(theta - eps z_i)) / (2 eps)      projected gradient of query i
 *     theta = theta - lr * (1/q) * sum_i g_i z_i
 *
 * Source: Spall 1992 (SPSA); Malladi et al. 2023, arXiv:2305.17333, Definition 1 and Algorithm 1 (MeZO); MobiZO,
 * arXiv:2409.15520 (queries, inner- and outer-loop parallelization).
 */
#include "core/train/estimator.h"

static int32_t pairs(int32_t q)
{
    return 2 * q;
}

static zo_replica one_of_pair(int32_t q, int32_t i)
{
    (void)q;
    return (zo_replica){i % 2 ? -1 : +1, (uint32_t)i / 2};
}

static void central_differences(const zo_estimator_options *o, const double *loss, double *projected)
{
    for (int32_t i = 0; i < o->queries; i++)
        projected[i] = (loss[2 * i] - loss[2 * i + 1]) / (2 * o->eps);
}

#define RGE                                                                                                  \
    .noise = zo_normals, .losses = pairs, .replica = one_of_pair, .project = central_differences,            \
    .update = zo_estimator_sgd
#define ONE_AT_A_TIME .parallels = 1u << ZO_PARALLEL_NONE, .parallel = ZO_PARALLEL_NONE

const zo_estimator zo_estimator_mezo = {
    .name = "mezo", .paper = "arXiv:2305.17333", ONE_AT_A_TIME, .in_place = true, RGE};
const zo_estimator zo_estimator_rge = {.name = "rge", .paper = "arXiv:2305.17333", ONE_AT_A_TIME, RGE};
const zo_estimator zo_estimator_prge = {.name = "prge",
                                        .paper = "arXiv:2409.15520",
                                        .parallels = (1u << ZO_PARALLEL_COUNT) - 1,
                                        .parallel = ZO_PARALLEL_BOTH,
                                        RGE};
