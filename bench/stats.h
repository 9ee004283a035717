/* Statistics of a few samples, in double. No distribution is assumed except where a name says so.
 *
 * Contract for all functions: x (n) is borrowed and not changed, in any order. What is not defined is NaN, never 0: no
 * samples, one sample where a spread is asked, a NaN among the samples. An unknown value does not belong in the
 * array; a caller who puts NaN there gets NaN back rather than a figure over the rest. Infinities are ordered like
 * other numbers. A writer must turn NaN into null or "-".
 */
#ifndef BENCH_STATS_H
#define BENCH_STATS_H

#include <stddef.h>

double bench_stats_mean(const double *x, size_t n);
/* Sample standard deviation, divisor n - 1, two passes; n < 2: NaN. */
double bench_stats_sd(const double *x, size_t n);
double bench_stats_min(const double *x, size_t n);
double bench_stats_max(const double *x, size_t n);
/* Mean of the two middle samples where n is even. */
double bench_stats_median(const double *x, size_t n);

/* Quantile, 0 <= p <= 1: linear between the samples around 1 + (n - 1) p.
 * Source: Hyndman & Fan 1996, "Sample Quantiles in Statistical Packages", The American Statistician 50(4), definition 7
 * (the default of R and NumPy). */
double bench_stats_quantile(const double *x, size_t n, double p);

/* exp of the mean of logarithms: the average for ratios, the only one where the mean of a/b is one over the mean of
 * b/a. Source: Fleming & Wallace 1986, CACM 29(3). A value <= 0 gives NaN. */
double bench_stats_geomean(const double *x, size_t n);

/* An interval and the probability with which such intervals hold the true value. No interval: NaN, NaN, 0. */
typedef struct bench_interval {
    double low, high;
    double coverage;
} bench_interval;

extern const bench_interval bench_no_interval;

/* Interval for the median of what the samples are drawn from, independently, whatever its shape: the samples of rank k
 * and n + 1 - k. It holds the median with probability at least 1 - 2 P(Binomial(n, 1/2) < k), exactly so where the
 * distribution is continuous; k is the largest for which this is at least `confidence`. That probability is returned as
 * coverage, and so is never below confidence where n is large enough.
 * Where even smallest .. largest (k = 1, coverage 1 - 2^(1-n)) falls short of it (0.95: n < 6), smallest .. largest is
 * returned with its lower coverage (n = 5: 0.9375, 3: 0.75, 2: 0.5): who shows it must say so. n < 2: no interval.
 * Source: David & Nagaraja 2003, "Order Statistics", 3rd ed., section 7.1. */
bench_interval bench_stats_median_interval(const double *x, size_t n, double confidence);

/* Half the width of an interval over the centre's size: what "2%" means in a manifest's "ci". NaN without interval or where
 * centre is 0. */
double bench_stats_relative_half_width(double centre, bench_interval i);

/* Interval for the ratio a / b of two positive quantities with intervals of their own: [a.low / b.high, a.high / b.low].
 * Coverage is at least a.coverage + b.coverage - 1 (Bonferroni), whether the two are independent or not; that is what
 * is returned. No interval where a bound is not positive or the coverage would not be. */
bench_interval bench_stats_ratio_interval(bench_interval a, bench_interval b);

#endif
