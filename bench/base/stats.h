/* Statistics of a few samples, in double. No distribution is assumed except where a name says so.
 *
 * Contract for all functions: x (n) is borrowed and not changed, in any order. What is not defined is NaN, never 0: no
 * samples, one sample where a spread is asked, a NaN among the samples. An unknown value does not belong in the
 * array; a caller who puts NaN there gets NaN back rather than a figure over the rest. Infinities are ordered like
 * other numbers. A writer must turn NaN into null or "-".
 */
#ifndef BENCH_STATS_H
#define BENCH_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/* ---- bootstrap ----
 *
 * Percentile intervals: the (1 -+ confidence) / 2 quantiles (definition 7) of the statistic over resamples. Not BCa: its
 * acceleration is a jackknife, which is inconsistent for a median (Efron & Tibshirani 1993, "An Introduction to the
 * Bootstrap", section 11.6). Each resample is a function of (seed, its number), so that equal calls give equal bits.
 * coverage is `confidence`, or 1 - 2^(1-n) where that is less: from so few samples no interval within them covers more.
 */
#define BENCH_RESAMPLES 10000

/* Interval for the median of x. block > 1: of the order in time, circular blocks of so many neighbours are drawn, so that
 * what lasts for some samples is not taken for independent evidence. Source: Politis & Romano 1992, "A circular
 * block-resampling procedure for stationary data"; Efron 1979 for block 1. n < 2: no interval. */
bench_interval bench_stats_bootstrap_median(const double *x, size_t n, size_t block, double confidence,
                                            int resamples, uint64_t seed);

/* Interval for the ratio of medians, median(a) / median(b), of independent samples. No interval where na or nb is below 2
 * or a sample is not positive. Source: Efron & Tibshirani 1993, chapter 8 (two-sample problem). */
bench_interval bench_stats_bootstrap_ratio(const double *a, size_t na, const double *b, size_t nb,
                                           double confidence, int resamples, uint64_t seed);

/* ---- tests; p is two-sided ---- */

typedef struct bench_test {
    double statistic;
    double p;
    bool exact; /* the distribution was counted, not approximated */
} bench_test;

/* Are values of a and b alike large? statistic: U of a, the number of pairs with a above b, equal ones as a half. Up to
 * na + nb = 60 the permutations of the (mid-)ranks are counted, ties and all; beyond, the normal approximation with
 * corrections for ties and continuity. All values equal: p = 1.
 * Source: Mann & Whitney 1947; Lehmann 1975, "Nonparametrics", sections 1.2 to 1.4. */
bench_test bench_stats_mann_whitney(const double *a, size_t na, const double *b, size_t nb);

/* Are differences d symmetric about 0, as they are between equals? statistic: the sum of the ranks of the positive ones;
 * zeros are left out. Up to 100 differences all signs are counted, beyond it is the normal approximation with correction
 * for ties. Only zeros: p = 1. Source: Wilcoxon 1945; Lehmann 1975, section 3.2. */
bench_test bench_stats_signed_rank(const double *d, size_t n);

/* Of less + greater differences with a sign, are both signs alike likely? statistic: greater. Exact: binomial. */
bench_test bench_stats_sign_test(int64_t less, int64_t greater);

/* The same examples, answered by two: only_a were right for the first alone, only_b for the second alone. Up to 1000
 * such the sign test (exact); beyond, chi-square with continuity correction, whose statistic is then given.
 * Source: McNemar 1947, Psychometrika 12; Edwards 1948 for the correction. */
bench_test bench_stats_mcnemar(int64_t only_a, int64_t only_b);

/* Interval for the share of right answers of the second less that of the first, on the same n examples.
 * Source: Agresti & Min 2005, Statistics in Medicine 24(5), the Wald interval with 1/2 added to each of the four cells. */
bench_interval bench_stats_paired_share(int64_t only_a, int64_t only_b, int64_t n, double confidence);

/* adjusted (n) = the p values such that rejecting those at most alpha errs on any true hypothesis with probability at most
 * alpha. A NaN is no test: it stays NaN and does not count. adjusted may be p. false: out of memory.
 * Source: Holm 1979, Scandinavian Journal of Statistics 6(2). */
bool bench_stats_holm(const double *p, size_t n, double *adjusted);

/* ---- regression and the t distribution ---- */

/* P(T <= t) of Student's t with df > 0 degrees of freedom (INFINITY: normal), and its inverse, 0 < p < 1. */
double bench_stats_t_cdf(double t, double df);
double bench_stats_t_quantile(double p, double df);

typedef struct bench_slope {
    double slope, intercept; /* of y = intercept + slope x, least squares */
    double stderr_;          /* of the slope */
    double p;                /* of slope = 0, two-sided */
    bench_interval interval; /* of the slope; supposes residuals that are independent and normal */
} bench_slope;

/* NaN, and no interval, where n < 3 or all x are equal. */
bench_slope bench_stats_slope(const double *x, const double *y, size_t n, double confidence);

#endif
