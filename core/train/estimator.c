/* See estimator.h. */
#include "core/train/estimator.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

typedef struct parallel_row {
    const char *name;
    bool both_signs, all_queries; /* what shares a forward */
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

const char *zo_parallel_list(uint32_t set, char out[32])
{
    int n = 0;
    *out = '\0';
    for (int p = 0; p < ZO_PARALLEL_COUNT; p++) {
        const char *between = set >> (p + 1) ? ", " : " or ";
        if (set >> p & 1)
            n += snprintf(out + n, 32 - (size_t)n, "%s%s", n ? between : "", zo_parallel_name(p));
    }
    return out;
}

/* No steps, and so nothing of the rest. */
const zo_estimator zo_estimator_zero_shot = {.name = "zero-shot", .parallels = 1u << ZO_PARALLEL_NONE};

static const zo_estimator *const rows[] = {
#define X(name, row) [ZO_METHOD_##name] = &zo_estimator_##row,
    ZO_METHOD_MAP(X)
#undef X
};

const zo_estimator *zo_estimator_of(zo_method m)
{
    return (unsigned)m < ZO_METHOD_COUNT ? rows[m] : NULL;
}

const char *zo_method_name(zo_method m)
{
    return (unsigned)m < ZO_METHOD_COUNT ? rows[m]->name : NULL;
}

size_t zo_estimator_state_bytes(const zo_estimator *e, int32_t q, int64_t parameters)
{
    return e->state_bytes ? e->state_bytes(q, parameters) : 0;
}

bool zo_estimator_batches(const zo_estimator *e)
{
    return e->parallels != 1u << ZO_PARALLEL_NONE;
}

int32_t zo_estimator_of_query(const zo_estimator *e, int32_t q, int32_t i)
{
    int32_t n = 1, losses = e->losses(q);
    while (i + n < losses && e->replica(q, i + n).query == e->replica(q, i).query)
        n++;
    return n;
}

/* ---- which replicas share a forward ---- */

typedef struct walk {
    const zo_estimator *e;
    const parallel_row *parallel;
    int32_t q, losses;
    int32_t first;           /* all replicas before it were run */
    bool run[ZO_MAX_LOSSES]; /* those behind it that were */
} walk;

static walk walk_of(const zo_estimator *e, zo_parallel p, int32_t q)
{
    walk w = {.e = e, .parallel = &parallels[p], .q = q, .losses = e->losses ? e->losses(q) : 0};
    assert(w.losses <= ZO_MAX_LOSSES);
    return w;
}

/* The replicas of the next forward and the places of their losses: the first that was not run yet, and those of its query
 * and its sign, or of any, as both may share a forward. 0: all were run. */
static int32_t next_forward(walk *w, zo_replica *replica, int32_t *place)
{
    int32_t n = 0;
    while (w->first < w->losses && w->run[w->first])
        w->first++;
    for (int32_t i = w->first; i < w->losses; i++) {
        zo_replica r = w->e->replica(w->q, i);
        if (n && r.query != replica[0].query && !w->parallel->all_queries)
            break;
        if (w->run[i] || (n && r.sign != replica[0].sign && !w->parallel->both_signs))
            continue;
        w->run[i] = true;
        place[n] = i;
        replica[n++] = r;
    }
    return n;
}

/* Of moving theta from one replica to another. */
static int32_t directions_between(zo_replica from, zo_replica to)
{
    return from.query == to.query ? from.sign != to.sign : (from.sign != 0) + (to.sign != 0);
}

zo_estimator_cost zo_estimator_count(const zo_estimator *e, zo_parallel p, bool in_place, int32_t q)
{
    walk w = walk_of(e, p, q);
    zo_replica replica[ZO_MAX_LOSSES], at = {0, 0};
    int32_t place[ZO_MAX_LOSSES];
    zo_estimator_cost c = {.losses = w.losses, .moved = q, .sweeps = 1 + (in_place ? w.losses : 0)};
    for (int32_t n; (n = next_forward(&w, replica, place)) > 0; c.forwards++) {
        c.replicas = n > c.replicas ? n : c.replicas;
        for (int32_t r = 0; r < n; r++) {
            if (in_place)
                c.moved += directions_between(at, replica[r]);
            else if (r == 0 || replica[r].query != at.query || at.sign == 0)
                c.drawn += replica[r].sign != 0;
            at = replica[r];
        }
    }
    return c;
}

/* ---- a step ---- */

zo_status zo_estimator_sgd(const zo_estimator_options *o, const zo_problem *problem, void *state,
                           uint32_t step, const double *projected, zo_error *err)
{
    double coef[ZO_MAX_QUERIES];
    (void)state;
    for (int32_t i = 0; i < o->queries; i++)
        coef[i] = -o->lr * projected[i] / o->queries;
    return problem->update(problem->self, step, coef, o->queries, err);
}

/* The mean of a step's losses, summed up query by query. */
static zo_status average(const zo_estimator *e, int32_t q, uint32_t step, zo_step *out, zo_error *err)
{
    const int32_t losses = e->losses(q);
    out->mean = 0;
    for (int32_t i = 0, n; i < losses; i += n) {
        const double *of_query = out->loss + i;
        double sum = 0;
        n = zo_estimator_of_query(e, q, i);
        for (int32_t k = 0; k < n; k++)
            sum += of_query[k];
        if (!isfinite(sum))
            return zo_fail(err, ZO_ERR_NUMERIC, "step %u, query %u: losses are %g and %g", step,
                           e->replica(q, i).query, of_query[0], of_query[n - 1]);
        out->mean += sum / losses;
    }
    return ZO_OK;
}

zo_status zo_estimator_step(const zo_estimator *e, const zo_estimator_options *o, const zo_problem *problem,
                            void *state, uint32_t step, zo_step *out, zo_error *err)
{
    walk w = walk_of(e, o->parallel, o->queries);
    zo_replica replica[ZO_MAX_LOSSES];
    int32_t place[ZO_MAX_LOSSES];
    double loss[ZO_MAX_LOSSES];
    zo_status st = ZO_OK;
    assert(o->queries >= 1 && o->queries <= ZO_MAX_QUERIES && o->eps > 0);
    for (int32_t n; !st && (n = next_forward(&w, replica, place)) > 0;) {
        st = problem->losses(problem->self, step, o->eps, replica, n, loss, err);
        for (int32_t r = 0; r < n && !st; r++)
            out->loss[place[r]] = loss[r];
    }
    if (!st)
        st = average(e, o->queries, step, out, err);
    if (st)
        return st;
    e->project(o, out->loss, out->projected);
    return e->update(o, problem, state, step, out->projected, err);
}
