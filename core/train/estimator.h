/* Randomized gradient estimation (RGE) and its parallel form (P-RGE), with ZO-SGD.
 *
 *     g_i   = (loss(theta + eps z_i) - loss(theta - eps z_i)) / (2 eps)      projected gradient of query i
 *     theta = theta - lr * (1/q) * sum_i g_i z_i
 *
 * Source: Spall 1992 (SPSA); Malladi et al. 2023, arXiv:2305.17333, Definition 1 and Algorithm 1 (MeZO); MobiZO,
 * arXiv:2409.15520 (queries, inner- and outer-loop parallelization).
 *
 * The estimator sees a problem only through two calls: losses of some replicas, and an update along the noise. The
 * four parallelisms differ in how many replicas go into one call, in nothing else.
 */
#ifndef ZO_ESTIMATOR_H
#define ZO_ESTIMATOR_H

#include <stdint.h>

#include "core/base/error.h"
#include "core/kernel/replica.h"

/* name, both signs in one forward, all queries in one forward */
#define ZO_PARALLEL_MAP(X)                                                                                   \
    X(NONE, "none", 0, 0)                                                                                    \
    X(INNER, "inner", 1, 0)                                                                                  \
    X(OUTER, "outer", 0, 1)                                                                                  \
    X(BOTH, "both", 1, 1)

typedef enum zo_parallel {
#define X(name, text, signs, queries) ZO_PARALLEL_##name,
    ZO_PARALLEL_MAP(X)
#undef X
        ZO_PARALLEL_COUNT
} zo_parallel;

const char *zo_parallel_name(zo_parallel p);
/* Replicas in one forward: 1, 2, q or 2q; and forwards in a step: 2q, q, 2 or 1. */
int32_t zo_parallel_replicas(zo_parallel p, int32_t queries);
int32_t zo_parallel_forwards(zo_parallel p, int32_t queries);

/* What the estimator trains. The noise z_i of a step belongs to the problem, which must give the same z_i in
 * losses and update. */
typedef struct zo_problem {
    void *self;
    /* loss (n): mean losses at theta + sign * eps * z_query for each replica, all on this step's batch. */
    zo_status (*losses)(void *self, uint32_t step, double eps, const zo_replica *replicas, int32_t n,
                        double *loss, zo_error *err);
    /* theta += sum_i coef[i] z_i, i in [0, q). */
    zo_status (*update)(void *self, uint32_t step, const double *coef, int32_t q, zo_error *err);
} zo_problem;

typedef struct zo_estimator_options {
    int32_t queries; /* q >= 1 */
    zo_parallel parallel;
    double eps; /* > 0, in units of theta */
    double lr;  /* >= 0 */
} zo_estimator_options;

/* A step's figures; arrays are (q) and belong to the caller. */
typedef struct zo_step {
    double *plus, *minus; /* losses at theta +- eps z_i */
    double *projected;    /* g_i */
    double loss;          /* mean of all 2q losses */
} zo_step;

/* One step: 2q losses, the update, out filled. Allocates nothing (q <= ZO_MAX_QUERIES).
 * Fails: what the problem fails with; ZO_ERR_NUMERIC where a loss is not finite (theta is then not updated). */
#define ZO_MAX_QUERIES 1024
zo_status zo_estimator_step(const zo_estimator_options *o, const zo_problem *problem, uint32_t step,
                            zo_step *out, zo_error *err);

#endif
