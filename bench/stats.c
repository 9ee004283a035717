/* See stats.h. */
#include "bench/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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
