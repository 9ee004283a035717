/* Tests of stats.c: hand values, closed forms, and the coverage of the median's interval, counted. */
#include "bench/stats.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Sums of a few doubles near 1: some roundings of 1.1e-16 each. */
static void near(double value, double expected)
{
    if (!(fabs(value - expected) <= 1e-14 * fmax(1, fabs(expected))))
        fail_msg("%.17g, expected %.17g within 1e-14", value, expected);
}

static void by_hand(void **state)
{
    (void)state;
    const double x[] = {4, 1, 3, 2}, y[] = {2, 4, 4, 4, 5, 5, 7, 9}, one[] = {7};
    near(bench_stats_mean(x, 4), 2.5);
    near(bench_stats_median(x, 4), 2.5);
    near(bench_stats_median(x, 3), 3);
    near(bench_stats_min(x, 4), 1);
    near(bench_stats_max(x, 4), 4);
    near(bench_stats_mean(y, 8), 5);
    near(bench_stats_sd(y, 8), sqrt(32.0 / 7)); /* squared deviations 9+1+1+1+0+0+4+16 */
    near(bench_stats_median(one, 1), 7);
    near(bench_stats_geomean((const double[]){1, 4, 16}, 3), 4);
    near(bench_stats_geomean((const double[]){0.5, 2}, 2), 1);
    assert_true(x[0] == 4 && x[3] == 2); /* not sorted in place */
    /* A large offset: the two-pass sum keeps what sum(x^2) - n mean^2 would lose. */
    near(bench_stats_sd((const double[]){1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16}, 4), sqrt(30));
}

/* Definition 7 at p = (i - 1) / (n - 1) is the i-th sample; between, linear. n = 5, p = 0.1: 1 + 0.4 * (2 - 1). */
static void quantiles(void **state)
{
    (void)state;
    const double x[] = {5, 2, 1, 4, 3};
    for (int i = 0; i < 5; i++)
        near(bench_stats_quantile(x, 5, i / 4.0), i + 1);
    near(bench_stats_quantile(x, 5, 0.1), 1.4);
    near(bench_stats_quantile(x, 5, 0.9), 4.6);
    near(bench_stats_quantile((const double[]){10, 20}, 2, 0.25), 12.5);
    assert_true(isnan(bench_stats_quantile(x, 5, -0.1)));
    assert_true(isnan(bench_stats_quantile(x, 5, 1.1)));
    assert_true(isnan(bench_stats_quantile(x, 5, NAN)));
    assert_true(bench_stats_median((const double[]){INFINITY, INFINITY, 1, INFINITY}, 4) == INFINITY);
}

static void undefined_is_nan(void **state)
{
    (void)state;
    const double bad[] = {1, NAN, 3, 2, 5, 4, 6};
    double (*const f[])(const double *, size_t) = {bench_stats_mean, bench_stats_sd,     bench_stats_min,
                                                   bench_stats_max,  bench_stats_median, bench_stats_geomean};
    for (size_t i = 0; i < COUNT(f); i++) {
        assert_true(isnan(f[i](NULL, 0)));
        assert_true(isnan(f[i](bad, COUNT(bad))));
    }
    assert_true(isnan(bench_stats_sd(bad, 1)));
    assert_true(isnan(bench_stats_geomean((const double[]){2, 0}, 2)));
    assert_true(isnan(bench_stats_geomean((const double[]){2, -1}, 2)));
    const bench_interval none[] = {bench_stats_median_interval(NULL, 0, 0.95),
                                   bench_stats_median_interval(bad, 1, 0.95),
                                   bench_stats_median_interval(bad, COUNT(bad), 0.95)};
    for (size_t i = 0; i < COUNT(none); i++) {
        assert_true(isnan(none[i].low) && isnan(none[i].high) && none[i].coverage == 0);
        assert_true(isnan(bench_stats_relative_half_width(1, none[i])));
    }
}

/* Ranks and coverages: 1 - 2 sum_{i<k} C(n, i) / 2^n in exact integers (Python: fractions, math.comb). */
static void median_ranks(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        double confidence;
        size_t k;
        double coverage;
    } cases[] = {
        {2, 0.95, 1, 0.5},
        {3, 0.95, 1, 0.75},
        {5, 0.95, 1, 0.9375},
        {6, 0.95, 1, 0.96875},
        {8, 0.95, 1, 0.9921875},
        {9, 0.95, 2, 0.9609375},
        {10, 0.95, 2, 0.978515625},
        {20, 0.95, 6, 0.95861053466796875},
        {30, 0.95, 10, 0.95722605474293230},
        {100, 0.95, 40, 0.96479979978229513},
        {100, 0.99, 37, 0.99336287948407390},
        {2000, 0.95, 956, 0.95344717950821620},
        {2, 0.4, 1, 0.5},
        {5, 0.5, 2, 0.625},
        {5, 0.0, 3, 0.0}, /* the middle sample alone */
    };
    double x[2000];
    for (size_t c = 0; c < COUNT(cases); c++) {
        for (size_t i = 0; i < cases[c].n; i++)
            x[i] = (double)((i * 7919) % cases[c].n + 1); /* a permutation: 7919 is prime */
        bench_interval r = bench_stats_median_interval(x, cases[c].n, cases[c].confidence);
        near(r.low, (double)cases[c].k);
        near(r.high, (double)(cases[c].n + 1 - cases[c].k));
        if (fabs(r.coverage - cases[c].coverage) >
            1e-11) /* logarithms of up to 1386, 956 roundings of 2e-13 / 2 */
            fail_msg("n %zu: coverage %.17g, expected %.17g", cases[c].n, r.coverage, cases[c].coverage);
    }
}

/* All 2^n ways in which n draws can fall below or above the median: the share of them in which rank k is below and
 * rank n + 1 - k above must be the coverage that is claimed, exactly. */
static void coverage_counted(void **state)
{
    (void)state;
    double x[16];
    for (size_t n = 2; n <= 16; n++) {
        size_t held = 0;
        bench_interval r = bench_no_interval;
        for (uint32_t draw = 0; draw < 1u << n; draw++) {
            for (size_t i = 0; i < n; i++)
                x[i] = (draw >> i & 1 ? 1.0 : -1.0) * (double)(i + 1);
            r = bench_stats_median_interval(x, n, 0.95);
            held += r.low <= 0 && 0 <= r.high;
        }
        near(r.coverage, (double)held / (double)(1u << n));
        assert_true(r.coverage >= 0.95 || n < 6);
    }
}

static void ratios(void **state)
{
    (void)state;
    const bench_interval a = {9, 11, 0.98}, b = {4, 5, 0.97}, weak = {1, 2, 0.5}, zero = {0, 1, 0.99};
    bench_interval r = bench_stats_ratio_interval(a, b);
    near(r.low, 1.8);
    near(r.high, 2.75);
    near(r.coverage, 0.95);
    assert_true(isnan(bench_stats_ratio_interval(weak, weak).low)); /* 0.5 + 0.5 - 1 covers nothing */
    assert_true(isnan(bench_stats_ratio_interval(a, zero).low));
    assert_true(isnan(bench_stats_ratio_interval(a, bench_no_interval).high));
    near(bench_stats_relative_half_width(10, a), 0.1);
    near(bench_stats_relative_half_width(-10, a), 0.1);
    assert_true(isnan(bench_stats_relative_half_width(0, a)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand),          cmocka_unit_test(quantiles),
        cmocka_unit_test(undefined_is_nan), cmocka_unit_test(median_ranks),
        cmocka_unit_test(coverage_counted), cmocka_unit_test(ratios),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
