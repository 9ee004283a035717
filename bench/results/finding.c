/* See finding.h. */
#include "bench/results/finding.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/kernel/rng.h"

#define CONFIDENCE 0.95

const char *bench_verdict_name(bench_verdict v)
{
    static const char *const names[] = {"same", "improved", "regressed", "inconclusive"};
    return names[v];
}

const char *bench_unit_name(bench_unit u, int64_t n)
{
    static const char *const one[] = {"pair", "run", "seed", "example"}, *const many[] = {"pairs", "runs",
                                                                                          "seeds",
                                                                                          "examples"};
    return n == 1 ? one[u] : many[u];
}

/* ---- filling ---- */

static void begin(bench_finding *f, const bench_metric *m, bench_unit unit, size_t old_n, size_t new_n)
{
    *f = (bench_finding){.metric = m,
                         .unit = unit,
                         .old_n = (int64_t)old_n,
                         .new_n = (int64_t)new_n,
                         .old_value = NAN,
                         .new_value = NAN,
                         .difference = bench_metric_is_share(m),
                         .change = NAN,
                         .interval = bench_no_interval,
                         .test = "",
                         .p = NAN,
                         .p_adjusted = NAN,
                         .threshold = NAN,
                         .floor = NAN,
                         .verdict = BENCH_INCONCLUSIVE};
}

/* change (n) = what changes from old to new: logarithms of ratios, or differences. NULL: out of memory, or a ratio has none. */
static double *changes_of(const bench_finding *f, const double *old, const double *new_, size_t n)
{
    double *d = malloc((n + 1) * sizeof *d);
    for (size_t i = 0; d && i < n; i++) {
        d[i] = f->difference ? new_[i] - old[i] : log(new_[i] / old[i]);
        if (old[i] == new_[i])
            d[i] = 0;
        if (!isfinite(d[i])) {
            free(d);
            return NULL;
        }
    }
    return d;
}

static double shown(const bench_finding *f, double change)
{
    return f->difference ? change : exp(change);
}

/* From changes in the order of time: their median, its interval, signed ranks. */
static void from_changes(bench_finding *f, const double *old, const double *new_, size_t n, size_t block,
                         uint64_t seed)
{
    double *d = n ? changes_of(f, old, new_, n) : NULL;
    if (!d)
        return;
    f->change = shown(f, bench_stats_median(d, n));
    bench_interval i = bench_stats_bootstrap_median(d, n, block, CONFIDENCE, BENCH_RESAMPLES, seed);
    if (i.coverage > 0)
        f->interval = (bench_interval){shown(f, i.low), shown(f, i.high), i.coverage};
    f->test = "signed ranks";
    f->p = bench_stats_signed_rank(d, n).p;
    free(d);
}

void bench_finding_pairs(bench_finding *f, const bench_metric *m, const double *old, const double *new_,
                         size_t n, uint64_t seed)
{
    const size_t block = (size_t)lround(cbrt((double)n));
    begin(f, m, BENCH_UNIT_PAIRS, n, n);
    f->old_value = bench_stats_median(old, n);
    f->new_value = bench_stats_median(new_, n);
    from_changes(f, old, new_, n, block ? block : 1, seed);
}

void bench_finding_seeds(bench_finding *f, const bench_metric *m, const double *old, const double *new_,
                         size_t n, uint64_t seed)
{
    begin(f, m, BENCH_UNIT_SEEDS, n, n);
    f->old_value = bench_stats_mean(old, n);
    f->new_value = bench_stats_mean(new_, n);
    from_changes(f, old, new_, n, 1, seed);
}

void bench_finding_runs(bench_finding *f, const bench_metric *m, const double *old, size_t old_n,
                        const double *new_, size_t new_n, uint64_t seed)
{
    begin(f, m, BENCH_UNIT_RUNS, old_n, new_n);
    f->old_value = bench_stats_median(old, old_n);
    f->new_value = bench_stats_median(new_, new_n);
    if (!(f->old_value > 0 && f->new_value > 0))
        return;
    f->change = f->new_value / f->old_value;
    f->interval = bench_stats_bootstrap_ratio(new_, new_n, old, old_n, CONFIDENCE, BENCH_RESAMPLES, seed);
    f->test = "Mann-Whitney";
    f->p = bench_stats_mann_whitney(new_, new_n, old, old_n).p;
}

void bench_finding_examples(bench_finding *f, const bench_metric *m, int64_t both, int64_t only_old,
                            int64_t only_new, int64_t n)
{
    begin(f, m, BENCH_UNIT_EXAMPLES, (size_t)n, (size_t)n);
    if (n <= 0)
        return;
    bench_test t = bench_stats_mcnemar(only_old, only_new);
    f->old_value = (double)(both + only_old) / (double)n;
    f->new_value = (double)(both + only_new) / (double)n;
    f->change = (double)(only_new - only_old) / (double)n;
    f->interval = bench_stats_paired_share(only_old, only_new, n, CONFIDENCE);
    f->test = t.exact ? "McNemar, exact" : "McNemar, chi-square";
    f->p = t.p;
    if (only_old + only_new == 0) { /* nothing to be unsure of: every answer is the same */
        f->certain = true;
        f->interval = (bench_interval){0, 0, 1};
        f->p = NAN;
        f->test = "";
        snprintf(f->note, sizeof f->note, "the same of the %lld examples are right", (long long)n);
        return;
    }
    snprintf(f->note, sizeof f->note, "of %lld examples %lld are right for old alone, %lld for new alone",
             (long long)n, (long long)only_old, (long long)only_new);
}

void bench_finding_fixed(bench_finding *f, const bench_metric *m, const double *old, const double *new_,
                         size_t n)
{
    bool equal = true;
    begin(f, m, BENCH_UNIT_SEEDS, n, n);
    f->certain = true;
    f->old_value = bench_stats_mean(old, n);
    f->new_value = bench_stats_mean(new_, n);
    for (size_t i = 0; i < n; i++)
        equal &= old[i] == new_[i];
    if (!n || isnan(f->old_value) || isnan(f->new_value))
        return;
    if (equal)
        f->change = f->difference ? 0 : 1;
    else
        f->change = f->difference ? f->new_value - f->old_value : f->new_value / f->old_value;
    f->interval = (bench_interval){f->change, f->change, 1};
    snprintf(f->note, sizeof f->note,
             equal ? "equal to the last bit for %zu seed%s"
                   : "the same seed and data, so no noise; %zu seed%s cannot tell of others",
             n, n == 1 ? "" : "s");
}

/* ---- judging ---- */

/* The change as a number whose sign says worse (+) or better (-), and the same for the threshold: logarithms of ratios. */
static double as_worse(const bench_finding *f, double change)
{
    double d = f->difference ? change : log(change);
    return f->metric->better == BENCH_LOWER ? d : -d;
}

/* How many more would narrow the interval until it tells, supposing that its width falls as 1 / sqrt(n). */
static int64_t count_more(const bench_finding *f, double worse, double limit)
{
    const double width =
        f->difference ? f->interval.high - f->interval.low : log(f->interval.high / f->interval.low);
    const double n = (double)(f->old_n < f->new_n ? f->old_n : f->new_n), size = fabs(worse);
    /* a small change must be shown to be small, a large one to be there */
    const double wanted = size < limit ? limit - size : size;
    const double more = n * (width / 2 / wanted) * (width / 2 / wanted) - n;
    /* at least six: fewer have no 95% interval */
    const double least = fmax(1, 6 - n);
    if (!(f->interval.coverage > 0))
        return n < 6 ? (int64_t)least : 0;
    if (!isfinite(more) || more > 1e6)
        return 0;
    return (int64_t)ceil(fmax(least, more));
}

static double limit_of(const bench_finding *f)
{
    return f->difference ? f->threshold : log1p(f->threshold);
}

static bool is_large(const bench_finding *f)
{
    return fabs(as_worse(f, f->change)) > limit_of(f);
}

void bench_finding_judge(bench_finding *f, double alpha)
{
    const double worse = as_worse(f, f->change), limit = limit_of(f);
    const bool certain = f->certain || f->p_adjusted <= alpha;
    const double low = as_worse(f, f->interval.low), high = as_worse(f, f->interval.high);
    f->more = 0;
    f->verdict = BENCH_INCONCLUSIVE;
    if (isnan(worse))
        return;
    if (fabs(worse) > limit && certain)
        f->verdict = worse > 0 ? BENCH_REGRESSED : BENCH_IMPROVED;
    else if (f->interval.coverage >= CONFIDENCE && fabs(low) <= limit && fabs(high) <= limit)
        f->verdict = BENCH_SAME;
    else
        f->more = count_more(f, worse, limit);
}

/* The fewest samples on each side that can have a p so small, were all in the same order. */
static int64_t least_samples(bench_unit unit, double p)
{
    int64_t n = 1;
    if (unit == BENCH_UNIT_RUNS) /* 2 / C(2n, n) */
        while (log(2) + 2 * lgamma((double)n + 1) - lgamma(2 * (double)n + 1) > log(p))
            n++;
    else if (unit != BENCH_UNIT_EXAMPLES) /* 2 / 2^n */
        n = (int64_t)ceil(1 - log2(p));
    return n;
}

bool bench_findings_judge(bench_finding *f, size_t n, double alpha)
{
    int tests = 0;
    double *p = calloc(n + 1, sizeof *p);
    for (size_t i = 0; p && i < n; i++)
        p[i] = f[i].p;
    const bool ok = p && bench_stats_holm(p, n, p);
    for (size_t i = 0; ok && i < n; i++) {
        f[i].p_adjusted = p[i];
        bench_finding_judge(&f[i], alpha);
        tests += !isnan(p[i]);
    }
    for (size_t i = 0; ok && i < n; i++) {
        const int64_t missing = tests ? least_samples(f[i].unit, alpha / tests) - f[i].old_n : 0;
        if (f[i].more && f[i].more < missing && is_large(&f[i]))
            f[i].more = missing;
    }
    free(p);
    return ok;
}

/* ---- the noise floor ---- */

#define DRAWS 400

/* Of DRAWS comparisons of `pairs` ratios drawn from these and moved by `shift`, how many have a p of at most alpha? */
static int count_found(const double *ratios, size_t count, double *drawn, size_t pairs, double shift,
                       double alpha)
{
    int found = 0;
    for (uint64_t k = 0; k < DRAWS; k++) {
        for (uint64_t i = 0; i < pairs; i++)
            drawn[i] = ratios[zo_below(zo_bits(k, i, 0), count)] + shift;
        found += bench_stats_median(drawn, pairs) > 0 && bench_stats_signed_rank(drawn, pairs).p <= alpha;
    }
    return found;
}

double bench_finding_floor(const double *ratios, size_t count, size_t pairs, double alpha)
{
    double low = 0, high = 1e-4, floor = NAN;
    bool moves = false;
    for (size_t i = 0; i < count; i++)
        moves |= ratios[i] != 0;
    double *drawn = malloc((pairs + 1) * sizeof *drawn), *centred = malloc((count + 1) * sizeof *centred);
    if (!drawn || !centred || count < 6 || pairs < 1)
        goto cleanup;
    if (!moves) {
        floor = 0;
        goto cleanup;
    }
    const double median = bench_stats_median(ratios, count);
    for (size_t i = 0; i < count; i++)
        centred[i] = ratios[i] - median;
    while (high < 10 && count_found(centred, count, drawn, pairs, high, alpha) < DRAWS * 9 / 10)
        low = high, high *= 2;
    for (int i = 0; i < 8 && high < 10; i++) {
        double middle = (low + high) / 2;
        if (count_found(centred, count, drawn, pairs, middle, alpha) < DRAWS * 9 / 10)
            low = middle;
        else
            high = middle;
    }
    floor = high < 10 ? expm1(high) : INFINITY; /* so few pairs tell nothing at this alpha */
cleanup:
    free(drawn);
    free(centred);
    return floor;
}
