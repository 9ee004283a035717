/* See stats.h. */
#include "bench/base/stats.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/kernel/rng.h"

const bench_interval bench_no_interval = {NAN, NAN, 0};

static int any_nan(const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (isnan(x[i]))
            return 1;
    return 0;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* A sorted copy, to be freed; NULL where n is 0, a sample is NaN, or memory is out (then the result is unknown). */
static double *sorted(const double *x, size_t n)
{
    double *copy = n && !any_nan(x, n) ? calloc(n, sizeof *copy) : NULL;
    if (!copy)
        return NULL;
    memcpy(copy, x, n * sizeof *copy);
    qsort(copy, n, sizeof *copy, ascending);
    return copy;
}

double bench_stats_mean(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return n ? sum / (double)n : NAN;
}

double bench_stats_sd(const double *x, size_t n)
{
    double mean = bench_stats_mean(x, n), sum = 0;
    if (n < 2)
        return NAN;
    for (size_t i = 0; i < n; i++)
        sum += (x[i] - mean) * (x[i] - mean);
    return sqrt(sum / (double)(n - 1));
}

double bench_stats_min(const double *x, size_t n)
{
    double least = n ? x[0] : NAN;
    for (size_t i = 0; i < n; i++)
        least = isnan(x[i]) || x[i] < least ? x[i] : least;
    return least;
}

double bench_stats_max(const double *x, size_t n)
{
    double most = n ? x[0] : NAN;
    for (size_t i = 0; i < n; i++)
        most = isnan(x[i]) || x[i] > most ? x[i] : most;
    return most;
}

double bench_stats_quantile(const double *x, size_t n, double p)
{
    double *s = p >= 0 && p <= 1 ? sorted(x, n) : NULL;
    if (!s)
        return NAN;
    double at = (double)(n - 1) * p, value;
    size_t i = (size_t)at;
    /* Equal neighbours are not interpolated: inf - inf is NaN. */
    if (i + 1 >= n || s[i] == s[i + 1] || at == (double)i)
        value = s[i];
    else
        value = s[i] + (at - (double)i) * (s[i + 1] - s[i]);
    free(s);
    return value;
}

double bench_stats_median(const double *x, size_t n)
{
    return bench_stats_quantile(x, n, 0.5);
}

double bench_stats_geomean(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (!(x[i] > 0))
            return NAN;
        sum += log(x[i]);
    }
    return n ? exp(sum / (double)n) : NAN;
}

/* The largest rank k, from 1, whose interval covers at least `confidence`, and that coverage. Binomial terms are summed
 * as logarithms: 2^-n underflows beyond n = 1074. */
static size_t median_rank(size_t n, double confidence, double *coverage)
{
    double log_term = -(double)n * log(2.0); /* P(Binomial(n, 1/2) = i), i = 0 */
    double tail = exp(log_term);             /* P(... < k), k = 1 */
    size_t k = 1;
    while (k < (n + 1) / 2) {
        double next = log_term + log((double)(n - k + 1) / (double)k);
        if (1 - 2 * (tail + exp(next)) < confidence)
            break;
        log_term = next;
        tail += exp(next);
        k++;
    }
    *coverage = 1 - 2 * tail;
    return k;
}

bench_interval bench_stats_median_interval(const double *x, size_t n, double confidence)
{
    bench_interval out = bench_no_interval;
    double *s = n >= 2 ? sorted(x, n) : NULL;
    if (!s)
        return out;
    size_t k = median_rank(n, confidence, &out.coverage);
    out.low = s[k - 1];
    out.high = s[n - k];
    free(s);
    return out;
}

double bench_stats_relative_half_width(double centre, bench_interval i)
{
    return centre == 0 ? NAN : (i.high - i.low) / 2 / fabs(centre);
}

bench_interval bench_stats_ratio_interval(bench_interval a, bench_interval b)
{
    double coverage = a.coverage + b.coverage - 1;
    if (!(a.low > 0 && b.low > 0 && coverage > 0))
        return bench_no_interval;
    return (bench_interval){a.low / b.high, a.high / b.low, coverage};
}

/* ---- bootstrap ---- */

/* Median of x (n), which is put in order. */
static double median_in_place(double *x, size_t n)
{
    qsort(x, n, sizeof *x, ascending);
    return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

/* out (n) = circular blocks of x: the resample that (seed, which, stream) names. */
static void resample(const double *x, size_t n, size_t block, uint64_t seed, int which, uint32_t stream,
                     double *out)
{
    for (size_t i = 0; i < n;) {
        const uint64_t at = (uint64_t)which << 32 | (uint64_t)i;
        size_t from = zo_below(zo_bits(seed, at, stream), n);
        for (size_t k = 0; k < block && i < n; k++)
            out[i++] = x[(from + k) % n];
    }
}

static double least_coverage(double confidence, size_t n)
{
    return fmin(confidence, 1 - 2 * exp2(-(double)n));
}

/* The percentile interval of values (count), which are put in order. */
static bench_interval percentiles(double *values, int count, double confidence, size_t n)
{
    return (bench_interval){bench_stats_quantile(values, (size_t)count, (1 - confidence) / 2),
                            bench_stats_quantile(values, (size_t)count, (1 + confidence) / 2),
                            least_coverage(confidence, n)};
}

static bool all_positive(const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!(x[i] > 0))
            return false;
    return true;
}

/* Of median(a), or median(a) / median(b) where nb > 0. */
static bench_interval bootstrap(const double *a, size_t na, size_t block, const double *b, size_t nb,
                                double confidence, int resamples, uint64_t seed)
{
    bench_interval out = bench_no_interval;
    const size_t most = na > nb ? na : nb, least = nb && nb < na ? nb : na;
    assert(resamples > 0 && block > 0 && most < UINT32_MAX);
    double *values = malloc((size_t)resamples * sizeof *values), *drawn = malloc(most * sizeof *drawn);
    for (int r = 0; values && drawn && r < resamples; r++) {
        resample(a, na, block, seed, r, 0, drawn);
        values[r] = median_in_place(drawn, na);
        if (nb == 0)
            continue;
        resample(b, nb, block, seed, r, 1, drawn);
        values[r] /= median_in_place(drawn, nb);
    }
    if (values && drawn)
        out = percentiles(values, resamples, confidence, least);
    free(values);
    free(drawn);
    return out;
}

bench_interval bench_stats_bootstrap_median(const double *x, size_t n, size_t block, double confidence,
                                            int resamples, uint64_t seed)
{
    return n >= 2 && !any_nan(x, n) ? bootstrap(x, n, block, NULL, 0, confidence, resamples, seed)
                                    : bench_no_interval;
}

bench_interval bench_stats_bootstrap_ratio(const double *a, size_t na, const double *b, size_t nb,
                                           double confidence, int resamples, uint64_t seed)
{
    return na >= 2 && nb >= 2 && all_positive(a, na) && all_positive(b, nb)
               ? bootstrap(a, na, 1, b, nb, confidence, resamples, seed)
               : bench_no_interval;
}

/* ---- ranks ---- */

#define MOST_COUNTED_RANKS 60  /* Mann-Whitney: 60 * 30 * 1830 additions */
#define MOST_COUNTED_SIGNS 100 /* signed ranks: 100 * 10100 */

typedef struct ranked {
    double value;
    size_t at; /* where it was */
} ranked;

static int by_value(const void *a, const void *b)
{
    return ascending(&((const ranked *)a)->value, &((const ranked *)b)->value);
}

/* twice (n) = twice the rank of each value of x, from 2; equal ones share the mean of their ranks, so that all are whole
 * numbers. Returns the sum of t^3 - t over groups of t equal values; < 0: out of memory. */
static double double_ranks(const double *x, size_t n, size_t *twice)
{
    double ties = 0;
    ranked *r = malloc((n + 1) * sizeof *r);
    if (!r)
        return -1;
    for (size_t i = 0; i < n; i++)
        r[i] = (ranked){x[i], i};
    qsort(r, n, sizeof *r, by_value);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && r[end].value == r[i].value; end++)
            ;
        const double t = (double)(end - i);
        ties += t * t * t - t;
        for (size_t k = i; k < end; k++)
            twice[r[k].at] = i + 1 + end; /* (i + 1) + end: first and last rank of the group */
    }
    free(r);
    return ties;
}

/* Two-sided: twice the smaller tail, each with the value itself. share (total + 1): the weight of every sum. */
static double two_tails(const double *share, size_t total, size_t sum)
{
    double all = 0, below = 0, above = 0;
    for (size_t s = 0; s <= total; s++) {
        all += share[s];
        below += s <= sum ? share[s] : 0;
        above += s >= sum ? share[s] : 0;
    }
    return fmin(1, 2 * fmin(below, above) / all);
}

/* P of a sum of `chosen` of the n ranks at least as far out as `sum`; NaN: out of memory. */
static double count_choices(const size_t *twice, size_t n, size_t chosen, size_t sum)
{
    size_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += twice[i];
    /* ways[k][s]: subsets of k of the ranks so far with sum s. At most 1.2e17 of them: exact to a rounding. */
    double *ways = calloc((chosen + 1) * (total + 1), sizeof *ways), p;
    if (!ways)
        return NAN;
    ways[0] = 1;
    for (size_t i = 0; i < n; i++)
        for (size_t k = i + 1 < chosen ? i + 1 : chosen; k > 0; k--)
            for (size_t s = twice[i]; s <= total; s++)
                ways[k * (total + 1) + s] += ways[(k - 1) * (total + 1) + s - twice[i]];
    p = two_tails(ways + chosen * (total + 1), total, sum);
    free(ways);
    return p;
}

/* P of a sum of a random subset of the n ranks at least as far out as `sum`; NaN: out of memory. */
static double count_signs(const size_t *twice, size_t n, size_t sum)
{
    size_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += twice[i];
    double *share = calloc(total + 1, sizeof *share), p;
    if (!share)
        return NAN;
    share[0] = 1;
    for (size_t i = 0; i < n; i++)
        for (size_t s = total + 1; s-- > 0;)
            share[s] = share[s] / 2 + (s >= twice[i] ? share[s - twice[i]] / 2 : 0);
    p = two_tails(share, total, sum);
    free(share);
    return p;
}

/* P(|Z| >= z) of a standard normal */
static double normal_tails(double z)
{
    return fmin(1, erfc(z / sqrt(2)));
}

bench_test bench_stats_mann_whitney(const double *a, size_t na, const double *b, size_t nb)
{
    bench_test out = {NAN, NAN, false};
    const size_t n = na + nb;
    double *both = malloc((n + 1) * sizeof *both);
    size_t *twice = malloc((n + 1) * sizeof *twice), sum = 0;
    if (!both || !twice || !na || !nb || any_nan(a, na) || any_nan(b, nb))
        goto cleanup;
    memcpy(both, a, na * sizeof *a);
    memcpy(both + na, b, nb * sizeof *b);
    double ties = double_ranks(both, n, twice);
    if (ties < 0)
        goto cleanup;
    for (size_t i = 0; i < na; i++)
        sum += twice[i];
    const double x = (double)na, y = (double)nb, N = x + y;
    out.statistic = (double)sum / 2 - x * (x + 1) / 2;
    out.exact = n <= MOST_COUNTED_RANKS;
    if (out.exact) {
        out.p = count_choices(twice, n, na, sum);
    } else {
        double variance = x * y / 12 * (N + 1 - ties / (N * (N - 1)));
        double far = fmax(0, fabs(out.statistic - x * y / 2) - 0.5);
        out.p = variance > 0 ? normal_tails(far / sqrt(variance)) : 1;
    }
cleanup:
    free(both);
    free(twice);
    return out;
}

bench_test bench_stats_signed_rank(const double *d, size_t n)
{
    bench_test out = {NAN, NAN, false};
    double *size = malloc((n + 1) * sizeof *size);
    size_t *twice = malloc((n + 1) * sizeof *twice), count = 0, sum = 0, at = 0;
    if (!size || !twice || !n || any_nan(d, n))
        goto cleanup;
    for (size_t i = 0; i < n; i++)
        if (d[i] != 0)
            size[count++] = fabs(d[i]);
    double ties = double_ranks(size, count, twice);
    if (ties < 0)
        goto cleanup;
    for (size_t i = 0; i < n; i++)
        if (d[i] != 0)
            sum += d[i] > 0 ? twice[at++] : (at++, 0);
    const double m = (double)count;
    out.statistic = (double)sum / 2;
    out.exact = count <= MOST_COUNTED_SIGNS;
    if (out.exact)
        out.p = count_signs(twice, count, sum);
    else
        out.p = normal_tails(fabs(out.statistic - m * (m + 1) / 4) /
                             sqrt(m * (m + 1) * (2 * m + 1) / 24 - ties / 48));
cleanup:
    free(size);
    free(twice);
    return out;
}

bench_test bench_stats_sign_test(int64_t less, int64_t greater)
{
    const int64_t n = less + greater, k = less < greater ? less : greater;
    double tail = 0;
    for (int64_t i = 0; i <= k; i++)
        tail += exp(lgamma((double)n + 1) - lgamma((double)i + 1) - lgamma((double)(n - i) + 1) -
                    (double)n * log(2));
    return (bench_test){(double)greater, fmin(1, 2 * tail), true};
}

/* Source: Edwards 1948. */
static bench_test mcnemar_chi2(int64_t only_a, int64_t only_b)
{
    const double n = (double)(only_a + only_b), far = fmax(0, fabs((double)(only_a - only_b)) - 1);
    double statistic = n > 0 ? far * far / n : 0;
    return (bench_test){statistic, normal_tails(sqrt(statistic)), false};
}

bench_test bench_stats_mcnemar(int64_t only_a, int64_t only_b)
{
    return only_a + only_b <= 1000 ? bench_stats_sign_test(only_a, only_b) : mcnemar_chi2(only_a, only_b);
}

bench_interval bench_stats_paired_share(int64_t only_a, int64_t only_b, int64_t n, double confidence)
{
    const double N = (double)n + 2, more = (double)(only_b - only_a), either = (double)(only_a + only_b) + 1;
    const double half =
        bench_stats_t_quantile((1 + confidence) / 2, INFINITY) * sqrt(either - more * more / N) / N;
    return n > 0 ? (bench_interval){fmax(-1, more / N - half), fmin(1, more / N + half), confidence}
                 : bench_no_interval;
}

bool bench_stats_holm(const double *p, size_t n, double *adjusted)
{
    ranked *r = malloc((n + 1) * sizeof *r);
    size_t tests = 0;
    double largest = 0;
    if (!r)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!isnan(p[i]))
            r[tests++] = (ranked){p[i], i};
        else
            adjusted[i] = NAN;
    qsort(r, tests, sizeof *r, by_value);
    for (size_t i = 0; i < tests; i++) {
        largest = fmax(largest, fmin(1, (double)(tests - i) * r[i].value));
        adjusted[r[i].at] = largest;
    }
    free(r);
    return true;
}

/* ---- Student's t, regression ---- */

/* Continued fraction of the incomplete beta function. Source: DLMF 8.17.22, by the modified Lentz method (Press et al.,
 * "Numerical Recipes", section 5.2). Converges fast for x < (a + 1) / (a + b + 2). */
static double beta_fraction(double a, double b, double x)
{
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1), f;
    d = 1 / (fabs(d) < tiny ? tiny : d);
    f = d;
    for (int m = 1; m < 10000; m++) {
        double step = 1;
        const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        const double terms[] = {m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)), odd};
        for (int i = 0; i < 2; i++) {
            d = 1 + terms[i] * d;
            c = 1 + terms[i] / c;
            d = 1 / (fabs(d) < tiny ? tiny : d);
            c = fabs(c) < tiny ? tiny : c;
            step *= c * d;
        }
        f *= step;
        if (fabs(step - 1) < 1e-16)
            break;
    }
    return f;
}

/* I_x(a, b); y = 1 - x, given for its digits. */
static double incomplete_beta(double a, double b, double x, double y)
{
    if (x <= 0 || y <= 0)
        return x <= 0 ? 0 : 1;
    double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(y));
    return x < (a + 1) / (a + b + 2) ? front * beta_fraction(a, b, x) / a
                                     : 1 - front * beta_fraction(b, a, y) / b;
}

/* P(T >= |t|), all its digits good however small. */
static double t_tail(double t, double df)
{
    if (isinf(df))
        return erfc(fabs(t) / sqrt(2)) / 2;
    return incomplete_beta(df / 2, 0.5, df / (df + t * t), t * t / (df + t * t)) / 2;
}

double bench_stats_t_cdf(double t, double df)
{
    if (isnan(t) || !(df > 0))
        return NAN;
    return t > 0 ? 1 - t_tail(t, df) : t_tail(t, df);
}

double bench_stats_t_quantile(double p, double df)
{
    if (!(p > 0 && p < 1 && df > 0))
        return NAN;
    const double tail = p < 0.5 ? p : 1 - p;
    if (p == 0.5)
        return 0;
    double low = 0, high = 1;
    while (t_tail(high, df) > tail && high < 1e300)
        high *= 2;
    for (int i = 0; i < 200 && low < high; i++) { /* halves until the two are neighbours */
        double middle = (low + high) / 2;
        if (middle == low || middle == high)
            break;
        if (t_tail(middle, df) > tail)
            low = middle;
        else
            high = middle;
    }
    return p < 0.5 ? -high : high;
}

bench_slope bench_stats_slope(const double *x, const double *y, size_t n, double confidence)
{
    bench_slope out = {NAN, NAN, NAN, NAN, bench_no_interval};
    const double mx = bench_stats_mean(x, n), my = bench_stats_mean(y, n), df = (double)n - 2;
    double xx = 0, xy = 0, residual = 0;
    for (size_t i = 0; i < n; i++) {
        xx += (x[i] - mx) * (x[i] - mx);
        xy += (x[i] - mx) * (y[i] - my);
    }
    if (n < 3 || !(xx > 0))
        return out;
    out.slope = xy / xx;
    out.intercept = my - out.slope * mx;
    for (size_t i = 0; i < n; i++) {
        double e = y[i] - my - out.slope * (x[i] - mx);
        residual += e * e;
    }
    out.stderr_ = sqrt(residual / df / xx);
    const double half = bench_stats_t_quantile((1 + confidence) / 2, df) * out.stderr_;
    out.p = out.stderr_ > 0 ? 2 * t_tail(out.slope / out.stderr_, df) : out.slope == 0 ? 1 : 0;
    out.interval = (bench_interval){out.slope - half, out.slope + half, confidence};
    return out;
}
