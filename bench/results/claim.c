/* See claim.h. */
#include "bench/base/text.h"
#include "bench/results/claim.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/record/metric.h"
#include "bench/results/summary.h"
#include "bench/record/record.h"

enum {
    FEWEST = 3,      /* samples below which Student's t says next to nothing */
    BY_ORDER = 6,    /* runs from which order statistics give an interval of 95% */
    MOST_RUNS = 1000 /* that a verdict may ask for */
};

static const double ALPHA = 0.05; /* what p may be at most, where a pair is outside */

static const char *const verdict_texts[BENCH_CLAIM_VERDICTS] = {
    [BENCH_CLAIM_HOLDS] = "holds",
    [BENCH_CLAIM_KNOWN_MISS] = "known miss",
    [BENCH_CLAIM_NOT_RUN] = "not run",
    [BENCH_CLAIM_NOT_COMPARABLE] = "not comparable",
    [BENCH_CLAIM_INCONCLUSIVE] = "inconclusive",
    [BENCH_CLAIM_DIRECTION_ONLY] = "direction only",
    [BENCH_CLAIM_CONTRADICTED] = "contradicted",
};

const char *bench_claim_verdict_text(bench_verdict v)
{
    return verdict_texts[v];
}

/* ---- What is claimed ---- */

/* The value at which there is no effect; NaN: a value alone has none. */
static double neutral(const bench_claim_spec *s)
{
    return s->kind == BENCH_CLAIM_RATIO ? 1 : s->kind == BENCH_CLAIM_DIFFERENCE ? 0 : NAN;
}

/* "Up to 2 times faster" also says: not slower. */
static void set_edges(bench_claim *c)
{
    const bench_claim_spec *s = c->spec;
    double slack = s->tolerance * fabs(s->expect);
    c->low = s->bound == BENCH_BOUND_UP_TO ? -INFINITY : s->expect - slack;
    c->high = s->bound == BENCH_BOUND_AT_LEAST ? INFINITY : s->expect + slack;
    if (s->bound == BENCH_BOUND_UP_TO && s->expect > neutral(s))
        c->low = neutral(s) - (s->kind == BENCH_CLAIM_RATIO ? s->tolerance : slack);
}

/* ---- Pairs ---- */

/* Alike in everything but the seed and what the sides name. */
static bool are_partners(const bench_claim_spec *s, const bench_result *a, const bench_result *b)
{
    for (const bench_option *o = bench_options; o->name; o++)
        if (o != bench_option_seed() && !json_object_get(s->side[0], o->name) &&
            !json_object_get(s->side[1], o->name) &&
            strcmp(bench_result_text(a, o), bench_result_text(b, o)) != 0)
            return false;
    return true;
}

/* The cells of one side: the number of the configuration that each is of, -1 where it is of none. false: memory is out. */
static bool number_side(const bench_results *r, const bench_claim_spec *s, int side, int32_t **number)
{
    int32_t *of = *number = calloc((size_t)r->cell_count + 1, sizeof *of);
    for (int32_t i = 0; of && i < r->cell_count; i++) {
        const bench_result *cell = &r->cells[i];
        of[i] = -1;
        if (!s->side[side] || !bench_result_matches(cell, s->side[side]) ||
            !bench_result_matches(cell, s->where))
            continue;
        of[i] = i;
        for (int32_t k = 0; k < i && of[i] == i; k++)
            if (of[k] == k && bench_result_alike(&r->cells[k], cell, NULL))
                of[i] = k;
    }
    return of != NULL;
}

/* The cells of a configuration, one per seed, allocated; NULL: memory is out. */
static const bench_result **gather(const bench_results *r, const int32_t *number, int32_t wanted, int32_t *n)
{
    const bench_result **cells = calloc((size_t)r->cell_count + 1, sizeof(const bench_result *));
    *n = 0;
    for (int32_t i = 0; cells && i < r->cell_count; i++)
        if (number[i] == wanted)
            cells[(*n)++] = &r->cells[i];
    return cells;
}

/* b: -1 where there is one side. false: memory is out. */
static bool add_pair(const bench_results *r, bench_claim *c, int32_t *const number[2], int32_t a, int32_t b)
{
    bench_claim_pair *grown = realloc(c->pairs, ((size_t)c->pair_count + 1) * sizeof *grown);
    if (!grown)
        return false;
    c->pairs = grown;
    bench_claim_pair *p = &grown[c->pair_count++];
    *p = (bench_claim_pair){.value = NAN,
                            .interval = bench_no_interval,
                            .p = NAN,
                            .p_ranks = NAN,
                            .p_normal = NAN,
                            .effect = NAN};
    p->cells[0] = gather(r, number[0], a, &p->count[0]);
    if (b >= 0)
        p->cells[1] = gather(r, number[1], b, &p->count[1]);
    return p->cells[0] && (b < 0 || p->cells[1]);
}

static zo_status find_pairs(const bench_results *r, bench_claim *c, zo_error *err)
{
    const bench_claim_spec *s = c->spec;
    int32_t *number[2] = {NULL, NULL};
    bool ok = number_side(r, s, 0, &number[0]) && number_side(r, s, 1, &number[1]);
    for (int32_t i = 0; ok && i < r->cell_count; i++) {
        if (number[0][i] != i)
            continue;
        if (s->kind == BENCH_CLAIM_VALUE)
            ok = add_pair(r, c, number, i, -1);
        for (int32_t k = 0; ok && k < r->cell_count; k++)
            if (number[1][k] == k && are_partners(s, &r->cells[i], &r->cells[k]))
                ok = add_pair(r, c, number, i, k);
    }
    free(number[0]);
    free(number[1]);
    return ok ? ZO_OK : zo_fail(err, ZO_ERR_MEMORY, "claim %s: out of memory", s->id);
}

/* "seq_len=64, weights=nf4": in what the pairs differ. */
static void label_pairs(bench_claim *c)
{
    for (int32_t i = 0; i < c->pair_count; i++) {
        bench_claim_pair *p = &c->pairs[i];
        for (const bench_option *o = bench_options; o->name; o++) {
            bool differs = false;
            if (o == bench_option_seed())
                continue;
            for (int32_t k = 0; k < c->pair_count; k++)
                differs = differs || strcmp(bench_result_text(c->pairs[k].cells[0][0], o),
                                            bench_result_text(p->cells[0][0], o)) != 0;
            if (differs)
                bench_text_add(p->label, sizeof p->label, "%s%s=%s", *p->label ? ", " : "", o->name,
                               bench_result_text(p->cells[0][0], o));
        }
    }
}

/* ---- Value and interval ---- */

static bench_group side_of(const bench_claim_pair *p, int side)
{
    return (bench_group){p->cells[side], p->count[side]};
}

static bench_interval t_interval(const double *x, int32_t n)
{
    double mean = bench_stats_mean(x, (size_t)n);
    double half = bench_stats_t_quantile(0.975, n - 1) * bench_stats_sd(x, (size_t)n) / sqrt(n);
    return (bench_interval){mean - half, mean + half, 0.95};
}

/* Few runs: their logarithms are taken for normal, which suits times and sizes. */
static bench_interval log_interval(const double *x, int32_t n, double *scratch)
{
    for (int32_t i = 0; i < n; i++) {
        if (x[i] <= 0)
            return t_interval(x, n);
        scratch[i] = log(x[i]);
    }
    bench_interval i = t_interval(scratch, n);
    return (bench_interval){exp(i.low), exp(i.high), 0.95};
}

/* One seed: the standard errors of its evaluations, as if they were of different examples. */
static void from_examples(const bench_claim_spec *s, const bench_metric *m, bench_claim_pair *p)
{
    bench_summary a, b = {.value = 1, .stderr_ = 0};
    bench_summary_of(m, side_of(p, 0), &a);
    if (p->cells[1])
        bench_summary_of(m, side_of(p, 1), &b);
    double e = s->kind == BENCH_CLAIM_RATIO ? p->value * hypot(a.stderr_ / a.value, b.stderr_ / b.value)
                                            : hypot(a.stderr_, b.stderr_);
    if (isfinite(e))
        p->interval = (bench_interval){p->value - 1.96 * e, p->value + 1.96 * e, 0.95};
}

/* Two-sided, of a distance from the edge that is t standard errors, df degrees of freedom. */
static double p_of(double t, double df)
{
    return isinf(t) ? 0 : 2 * bench_stats_t_cdf(-fabs(t), df);
}

/* How likely samples x (n) are so far outside, where the value is at the edge: as the intervals have it. */
static void test_edge(const bench_claim *c, bench_claim_pair *p, const double *x, double *scratch)
{
    const bench_claim_spec *s = c->spec;
    bool seeds = bench_metric_find(s->of)->pool == BENCH_POOL_SEEDS;
    double edge = p->value < c->low ? c->low : c->high, to = edge;
    int64_t below = 0, above = 0;
    if (p->interval.coverage == 0)
        return;
    p->p_normal = 1;
    if (p->value >= c->low && p->value <= c->high)
        return;
    if (p->n == 1) { /* the standard error of the examples, see from_examples */
        double half = (p->interval.high - p->interval.low) / 2;
        p->p_normal = p_of(1.96 * (p->value - edge) / half, INFINITY);
        return;
    }
    bool logs =
        !seeds && s->kind != BENCH_CLAIM_DIFFERENCE && edge > 0 && bench_stats_min(x, (size_t)p->n) > 0;
    for (int32_t i = 0; i < p->n; i++) {
        scratch[i] = logs ? log(x[i]) : x[i];
        below += x[i] < edge;
        above += x[i] > edge;
    }
    to = logs ? log(edge) : edge;
    p->effect = fabs(bench_stats_mean(scratch, (size_t)p->n) - to) / bench_stats_sd(scratch, (size_t)p->n);
    p->p_normal = p_of(p->effect * sqrt(p->n), p->n - 1);
    if (p->n >= BY_ORDER)
        p->p_ranks = bench_stats_sign_test(below, above).p;
}

/* A value over seeds: the seeds share their test set, whose few examples add an error of their own. */
static void add_examples(const bench_metric *m, bench_claim_pair *p)
{
    bench_summary sum;
    bench_summary_of(m, side_of(p, 0), &sum);
    double half = hypot((p->interval.high - p->interval.low) / 2, 1.96 * sum.stderr_);
    if (!isfinite(half))
        return;
    p->examples = 1.96 * sum.stderr_;
    p->interval = (bench_interval){p->value - half, p->value + half, 0.95};
}

/* Divides by the ratios of the metric `over`: how many of the n are left, all or none. */
static int32_t divide(const bench_claim_spec *s, const bench_claim_pair *p, double *x, int32_t n)
{
    double *by = NULL;
    int32_t count = bench_summary_pairs(bench_metric_find(s->over), side_of(p, 0), side_of(p, 1), false, &by);
    for (int32_t i = 0; by && count == n && i < n; i++)
        x[i] /= by[i];
    free(by);
    return by && count == n ? n : 0;
}

static void measure(const bench_claim *c, bench_claim_pair *p)
{
    const bench_claim_spec *s = c->spec;
    const bench_metric *m = bench_metric_find(s->of);
    double *x = NULL;
    p->n = s->kind == BENCH_CLAIM_VALUE
               ? bench_summary_samples(m, side_of(p, 0), &x)
               : bench_summary_pairs(m, side_of(p, 0), side_of(p, 1), s->kind == BENCH_CLAIM_DIFFERENCE, &x);
    if (*s->over && x)
        p->n = divide(s, p, x, p->n);
    double *scratch = calloc((size_t)p->n + 1, sizeof *scratch);
    if (p->n > 0 && x && scratch) {
        bool seeds = m->pool == BENCH_POOL_SEEDS;
        p->value = seeds ? bench_stats_mean(x, (size_t)p->n) : bench_stats_median(x, (size_t)p->n);
        if (p->n == 1)
            from_examples(s, m, p);
        else if (seeds || s->kind == BENCH_CLAIM_DIFFERENCE)
            p->interval = p->n < BY_ORDER || seeds ? t_interval(x, p->n)
                                                   : bench_stats_median_interval(x, (size_t)p->n, 0.95);
        else
            p->interval = p->n < BY_ORDER ? log_interval(x, p->n, scratch)
                                          : bench_stats_median_interval(x, (size_t)p->n, 0.95);
        if (p->n > 1 && seeds && s->kind == BENCH_CLAIM_VALUE)
            add_examples(m, p);
        test_edge(c, p, x, scratch);
    }
    free(scratch);
    free(x);
}

/* ---- Verdicts ---- */

/* Why a side has no value, or NULL. */
static bool is_unknown(const bench_claim_spec *s, bench_claim_pair *p)
{
    const char *metrics[] = {s->of, s->over, ""};
    for (const char **m = metrics; **m; m++) {
        for (int side = 0; side < 2 && p->cells[side]; side++) {
            bench_summary sum;
            bench_summary_of(bench_metric_find(*m), side_of(p, side), &sum);
            if (!isnan(sum.value))
                continue;
            snprintf(p->why, sizeof p->why, "%.300s", sum.why);
            return true;
        }
    }
    if (!isnan(p->value))
        return false;
    snprintf(p->why, sizeof p->why, "the sides have no run or seed in common");
    return true;
}

/* Records of one machine and build, and of the processor that the claim is about. */
static bool is_comparable(const bench_claim_spec *s, bench_claim_pair *p)
{
    const char *first = NULL;
    for (int side = 0; side < 2; side++) {
        for (int32_t i = 0; i < p->count[side]; i++) {
            for (int32_t k = 0; k < p->cells[side][i]->run_count; k++) {
                const json_t *record = p->cells[side][i]->runs[k];
                const char *print = bench_metric_text_at(record, "fingerprint"),
                           *cpu = bench_metric_text_at(record, "machine.cpu");
                if (!bench_record_ok(record))
                    continue;
                /* the library of another backend gives a cell a fingerprint of its own */
                const char *backend = bench_metric_text_at(record, "backend.name");
                if (*backend && strcmp(backend, "native") != 0)
                    print = first ? first : print;
                else
                    first = first ? first : print;
                if (first && strcmp(first, print) != 0)
                    snprintf(p->why, sizeof p->why, "the records are of different machines or builds");
                else if (!s->portable && !*s->hardware)
                    snprintf(p->why, sizeof p->why,
                             "the claim is of other hardware, and what that is was not published");
                else if (!s->portable && !strstr(cpu, s->hardware))
                    snprintf(p->why, sizeof p->why, "the claim is of %s, the records of %.200s", s->hardware,
                             *cpu ? cpu : "an unknown processor");
                if (*p->why)
                    return false;
            }
        }
    }
    return true;
}

static bool in_direction(const bench_claim_spec *s, bench_interval i)
{
    double none = neutral(s);
    return s->expect > none ? i.low > none : s->expect < none ? i.high < none : false;
}

/* Runs until the interval, which narrows as one over the root of their number, no longer reaches over the edge. */
static void set_missing(const bench_claim *c, bench_claim_pair *p)
{
    double to_edge = fmin(fabs(p->value - c->low), fabs(p->value - c->high));
    double half = fmax(p->value - p->interval.low, p->interval.high - p->value);
    double room = to_edge * to_edge - p->examples * p->examples;
    double wanted = p->n * (half * half - p->examples * p->examples) / room;
    const char *what = bench_metric_find(c->spec->of)->pool == BENCH_POOL_SEEDS ? "seed" : "run";
    if (room <= 0 && p->examples > 0) {
        snprintf(p->why, sizeof p->why, "the test set has too few examples to tell");
        return;
    }
    if (p->interval.coverage == 0 || p->n < FEWEST)
        p->missing = FEWEST > p->n ? FEWEST - p->n : 1;
    else if (wanted <= MOST_RUNS)
        p->missing = wanted > p->n + 1 ? (int32_t)ceil(wanted) - p->n : 1;
    if (p->missing)
        snprintf(p->why, sizeof p->why, "%s; about %d more %s%s would tell",
                 p->interval.coverage == 0 ? "one sample has no interval"
                                           : "the interval reaches over the edge",
                 p->missing, what, p->missing == 1 ? "" : "s");
    else
        snprintf(p->why, sizeof p->why, "too near to the edge for any number of %ss up to %d", what,
                 MOST_RUNS);
}

static bench_verdict judge_value(const bench_claim *c, bench_claim_pair *p)
{
    const bench_claim_spec *s = c->spec;
    bench_interval i = p->interval;
    if (i.coverage == 0 || (i.low < c->low && i.high >= c->low) || (i.low <= c->high && i.high > c->high)) {
        set_missing(c, p);
        return BENCH_CLAIM_INCONCLUSIVE;
    }
    if (i.low >= c->low && i.high <= c->high) {
        if (*s->known_miss)
            snprintf(p->why, sizeof p->why, "no longer a known miss (%.300s)", s->known_miss);
        return BENCH_CLAIM_HOLDS;
    }
    if (*s->known_miss) {
        snprintf(p->why, sizeof p->why, "%s", s->known_miss);
        return BENCH_CLAIM_KNOWN_MISS;
    }
    return in_direction(s, i) ? BENCH_CLAIM_DIRECTION_ONLY : BENCH_CLAIM_CONTRADICTED;
}

static void judge_pair(const bench_claim *c, bench_claim_pair *p)
{
    measure(c, p);
    if (is_unknown(c->spec, p))
        p->verdict = BENCH_CLAIM_NOT_RUN;
    else if (!is_comparable(c->spec, p))
        p->verdict = BENCH_CLAIM_NOT_COMPARABLE;
    else
        p->verdict = judge_value(c, p);
}

/* How far within the edges; negative: outside. */
static double margin(const bench_claim *c, const bench_claim_pair *p)
{
    return isnan(p->value) ? INFINITY : fmin(p->value - c->low, c->high - p->value);
}

static bool is_tested(const bench_claim_pair *p)
{
    return p->verdict != BENCH_CLAIM_NOT_RUN && p->verdict != BENCH_CLAIM_NOT_COMPARABLE &&
           p->interval.coverage > 0;
}

/* By signs where so few samples can tell among so many pairs at all, else by Student's t. */
static double p_among(const bench_claim_pair *p, int32_t tested)
{
    return !isnan(p->p_ranks) && tested * exp2(1 - p->n) <= ALPHA ? p->p_ranks : p->p_normal;
}

/* A pair that is outside by itself, but not among all. */
static void set_doubtful(bench_claim_pair *p, int32_t tested, const char *what)
{
    p->verdict = BENCH_CLAIM_INCONCLUSIVE;
    p->missing = p->n < FEWEST ? FEWEST - p->n : 0;
    for (int32_t more = 1; !p->missing && more <= MOST_RUNS; more++)
        if (tested * p_of(p->effect * sqrt(p->n + more), p->n + more - 1) <= ALPHA)
            p->missing = more;
    snprintf(p->why, sizeof p->why, "outside by itself, not among %d pairs (p = %.2g by Holm)", tested, p->p);
    if (p->missing)
        bench_text_add(p->why, sizeof p->why, "; about %d more %s%s would tell", p->missing, what,
                       p->missing == 1 ? "" : "s");
}

/* Holm's correction over the pairs that were tested. */
static zo_status correct(bench_claim *c, zo_error *err)
{
    int32_t tested = 0;
    double *p = calloc((size_t)c->pair_count + 1, sizeof *p);
    for (int32_t i = 0; i < c->pair_count; i++)
        tested += is_tested(&c->pairs[i]);
    for (int32_t i = 0; p && i < c->pair_count; i++)
        p[i] = is_tested(&c->pairs[i]) ? p_among(&c->pairs[i], tested) : NAN;
    bool ok = p && bench_stats_holm(p, (size_t)c->pair_count, p);
    for (int32_t i = 0; ok && i < c->pair_count; i++) {
        bench_claim_pair *pair = &c->pairs[i];
        bool outside = pair->verdict == BENCH_CLAIM_CONTRADICTED ||
                       pair->verdict == BENCH_CLAIM_DIRECTION_ONLY || pair->verdict == BENCH_CLAIM_KNOWN_MISS;
        pair->p = p[i];
        if (tested > 1 && outside && p[i] > ALPHA)
            set_doubtful(pair, tested,
                         bench_metric_find(c->spec->of)->pool == BENCH_POOL_SEEDS ? "seed" : "run");
    }
    free(p);
    return ok ? ZO_OK : zo_fail(err, ZO_ERR_MEMORY, "claim %s: out of memory", c->spec->id);
}

static zo_status judge(const bench_results *r, bench_claim *c, zo_error *err)
{
    set_edges(c);
    zo_status st = find_pairs(r, c, err);
    if (st)
        return st;
    label_pairs(c);
    for (int32_t i = 0; i < c->pair_count; i++)
        judge_pair(c, &c->pairs[i]);
    st = correct(c, err);
    c->verdict = c->pair_count ? BENCH_CLAIM_HOLDS : BENCH_CLAIM_NOT_RUN;
    for (int32_t i = 0; i < c->pair_count && !st; i++) {
        bench_claim_pair *p = &c->pairs[i];
        c->counts[p->verdict]++;
        if (!c->shown || p->verdict > c->shown->verdict ||
            (p->verdict == c->shown->verdict && margin(c, p) < margin(c, c->shown)))
            c->shown = p;
        c->verdict = c->shown->verdict;
    }
    return st;
}

zo_status bench_claims_judge(const bench_results *r, bench_claim **out, zo_error *err)
{
    const bench_manifest *m = r->manifest;
    zo_status st = ZO_OK;
    *out = calloc((size_t)m->claim_count + 1, sizeof **out);
    if (!*out)
        return zo_fail(err, ZO_ERR_MEMORY, "judge claims: out of memory");
    for (int32_t i = 0; i < m->claim_count && !st; i++) {
        (*out)[i].spec = &m->claims[i];
        st = judge(r, &(*out)[i], err);
    }
    if (st) {
        bench_claims_free(*out, m->claim_count);
        *out = NULL;
    }
    return st;
}

void bench_claims_free(bench_claim *claims, int32_t count)
{
    for (int32_t i = 0; claims && i < count; i++) {
        for (int32_t k = 0; k < claims[i].pair_count; k++) {
            free(claims[i].pairs[k].cells[0]);
            free(claims[i].pairs[k].cells[1]);
        }
        free(claims[i].pairs);
    }
    free(claims);
}
