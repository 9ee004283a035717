/* The table of methods: zeroth-order estimators with their step rules, a row each, and a step of any of them.
 *
 * A step takes losses at some replicas of theta, makes a projected gradient of each query out of them and moves theta along
 * the noise z_i. Which replicas, what of their losses, and how far theta moves, is the row's (rge.c); in which forwards they
 * run, and on what model, is not: the four parallelisms differ in which replicas share a call, and a problem is
 * seen only through two calls, losses of some replicas and an update along the noise.
 */
#ifndef ZO_ESTIMATOR_H
#define ZO_ESTIMATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/kernel/replica.h"
#include "core/kernel/rng.h"

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
/* "none, inner or both": those whose bits 1 << zo_parallel are set. Returns out. */
const char *zo_parallel_list(uint32_t set, char out[32]);

/* name, row */
#define ZO_METHOD_MAP(X)                                                                                     \
    X(ZERO_SHOT, zero_shot) /* nothing is trained */                                                         \
    X(MEZO, mezo)           /* SPSA with the parameters perturbed in place, one forward at a time */         \
    X(RGE, rge)             /* queries one after another */                                                  \
    X(PRGE, prge)           /* replicas batched as `parallel` says */

typedef enum zo_method {
#define X(name, row) ZO_METHOD_##name,
    ZO_METHOD_MAP(X)
#undef X
        ZO_METHOD_COUNT
} zo_method;

/* What a step trains. The noise z_i of a step belongs to the problem, which must give the same z_i in losses and update. */
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

#define ZO_MAX_QUERIES 1024
#define ZO_MAX_LOSSES  4096 /* of a step of any method */

typedef struct zo_estimator {
    const char *name;     /* the manifest's word */
    const char *paper;    /* its source */
    uint32_t parallels;   /* those it runs in, bits 1 << zo_parallel */
    zo_parallel parallel; /* unless another is chosen */
    bool in_place;        /* moves theta to and fro rather than forming replicas of it; NONE alone */
    /* z_i, element by element; zo_normals is what replicas and updates are formed of */
    void (*noise)(zo_noise_at at, uint64_t first, int64_t n, float *z);
    int32_t (*losses)(int32_t q); /* of a step, at most ZO_MAX_LOSSES; NULL: there are no steps */
    /* The replica of loss i in [0, losses). Those of a query are neighbours: its noise is made once for all of them that
     * share a forward. */
    zo_replica (*replica)(int32_t q, int32_t i);
    /* projected (q), from loss (losses) alone: a pure function, which may be asked about other losses than a step's. */
    void (*project)(const zo_estimator_options *o, const double *loss, double *projected);
    /* Moves theta, and state with it, as the method's step rule says. */
    zo_status (*update)(const zo_estimator_options *o, const zo_problem *problem, void *state, uint32_t step,
                        const double *projected, zo_error *err);
    /* Bytes of what is kept from step to step beside theta: a block (aligned as zo_mem_alloc's) that update lays out, of zeros
     * before the first step, and as it was where a run goes on. parameters: P. NULL: nothing. */
    size_t (*state_bytes)(int32_t q, int64_t parameters);
} zo_estimator;

#define X(name, row) extern const zo_estimator zo_estimator_##row;
ZO_METHOD_MAP(X)
#undef X

const zo_estimator *zo_estimator_of(zo_method m);
const char *zo_method_name(zo_method m);
/* Can replicas share a forward? */
bool zo_estimator_batches(const zo_estimator *e);
/* 0 where it keeps nothing. */
size_t zo_estimator_state_bytes(const zo_estimator *e, int32_t q, int64_t parameters);
/* How many losses from the i-th on are of its query. */
int32_t zo_estimator_of_query(const zo_estimator *e, int32_t q, int32_t i);

/* An update that several methods share, SGD: theta -= lr * (1/q) * sum_i projected[i] z_i. No state. */
zo_status zo_estimator_sgd(const zo_estimator_options *o, const zo_problem *problem, void *state,
                           uint32_t step, const double *projected, zo_error *err);

/* What a step costs, from the row alone. */
typedef struct zo_estimator_cost {
    int32_t losses, forwards;
    int32_t replicas; /* in the largest of the forwards */
    int32_t drawn;    /* directions that replicas are formed along, of all forwards together */
    int32_t moved;    /* directions that theta itself is moved along: the update's, and in place to and fro */
    int32_t sweeps;   /* over the trained parameters */
} zo_estimator_cost;

/* in_place: the row's, or more. */
zo_estimator_cost zo_estimator_count(const zo_estimator *e, zo_parallel p, bool in_place, int32_t q);

/* A step's figures; the arrays belong to the caller. */
typedef struct zo_step {
    double *loss;      /* (losses), in the order of the row's replicas */
    double *projected; /* (q) */
    double mean;       /* of the losses */
} zo_step;

/* One step of a method that has steps: all losses, the update, out filled. Allocates nothing (q <= ZO_MAX_QUERIES). state: as
 * many bytes as the row keeps. Fails: what the problem fails with; ZO_ERR_NUMERIC where a loss is not finite (theta is then not
 * updated). */
zo_status zo_estimator_step(const zo_estimator *e, const zo_estimator_options *o, const zo_problem *problem,
                            void *state, uint32_t step, zo_step *out, zo_error *err);

#endif
