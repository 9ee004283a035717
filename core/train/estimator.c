/* See estimator.h. */
#include "core/train/estimator.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>

typedef struct parallel_row {
    const char *name;
    int both_signs, all_queries; /* what shares a forward */
} parallel_row;

static const parallel_row parallels[] = {
#define X(name, text, signs, queries) [ZO_PARALLEL_##name] = {text, signs, queries},
    ZO_PARALLEL_MAP(X)
#undef X
};

const char *zo_parallel_name(zo_parallel p)
{
    return (unsigned)p < ZO_PARALLEL_COUNT ? parallels[p].name : NULL;
}

int32_t zo_parallel_replicas(zo_parallel p, int32_t queries)
{
    return (parallels[p].both_signs ? 2 : 1) * (parallels[p].all_queries ? queries : 1);
}

int32_t zo_parallel_forwards(zo_parallel p, int32_t queries)
{
    return 2 * queries / zo_parallel_replicas(p, queries);
}

/* The replicas of forward f. Signs are the inner index, so that the two replicas of a query stand side by side and
 * share their noise; where signs have forwards of their own, they alternate within a query (none) or between the
 * two forwards of all queries (outer). */
static int32_t replicas_of(const zo_estimator_options *o, int32_t f, zo_replica *out)
{
    const parallel_row *p = &parallels[o->parallel];
    int32_t forwards_per_query = p->both_signs ? 1 : 2;
    int32_t first = p->all_queries ? 0 : f / forwards_per_query;
    int32_t last = p->all_queries ? o->queries : first + 1;
    int32_t n = 0;
    for (int32_t i = first; i < last; i++) {
        if (p->both_signs || f % 2 == 0)
            out[n++] = (zo_replica){+1, (uint32_t)i};
        if (p->both_signs || f % 2 == 1)
            out[n++] = (zo_replica){-1, (uint32_t)i};
    }
    return n;
}

zo_status zo_estimator_step(const zo_estimator_options *o, const zo_problem *problem, uint32_t step,
                            zo_step *out, zo_error *err)
{
    zo_replica replicas[2 * ZO_MAX_QUERIES];
    double losses[2 * ZO_MAX_QUERIES], coef[ZO_MAX_QUERIES];
    int32_t q = o->queries;
    assert(q >= 1 && q <= ZO_MAX_QUERIES && o->eps > 0);
    for (int32_t f = 0; f < zo_parallel_forwards(o->parallel, q); f++) {
        int32_t n = replicas_of(o, f, replicas);
        zo_status st = problem->losses(problem->self, step, o->eps, replicas, n, losses, err);
        if (st)
            return st;
        for (int32_t r = 0; r < n; r++)
            (replicas[r].sign > 0 ? out->plus : out->minus)[replicas[r].query] = losses[r];
    }
    out->loss = 0;
    for (int32_t i = 0; i < q; i++) {
        double plus = out->plus[i], minus = out->minus[i];
        if (!isfinite(plus) || !isfinite(minus))
            return zo_fail(err, ZO_ERR_NUMERIC, "step %u, query %d: losses are %g and %g", step, i, plus,
                           minus);
        out->projected[i] = (plus - minus) / (2 * o->eps);
        out->loss += (plus + minus) / (2 * q);
        coef[i] = -o->lr * out->projected[i] / q;
    }
    return problem->update(problem->self, step, coef, q, err);
}
