/* Tests of stats.c: hand values, closed forms, the coverage of the median's interval, counted, and the values that SciPy
 * and statsmodels give (stats_expected.h, made by scripts/reference_stats.py). */
#include "bench/base/stats.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bench/base/stats_expected.h"

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

/* ---- against SciPy and statsmodels ---- */

/* Relative; the reason of each tolerance is at its use. */
static void close_to(const char *what, size_t row, double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance * fmax(1e-300, fabs(expected))))
        fail_msg("%s, row %zu: %.17g, expected %.17g within %g of it", what, row, value, expected, tolerance);
}

static void quantiles_of_numpy(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(expected_quantiles); i++)
        close_to("quantile", i,
                 bench_stats_quantile(expected_quantiles[i].x, expected_quantiles[i].n,
                                      expected_quantiles[i].p),
                 expected_quantiles[i].quantile, 1e-15); /* an interpolation: a few roundings of 1.1e-16 */
}

/* Counts of up to 1e17 in double: some 60 roundings of 1.1e-16 each, on both sides. */
static void mann_whitney_of_scipy(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(expected_mann_whitney); i++) {
        bench_test t = bench_stats_mann_whitney(expected_mann_whitney[i].a, expected_mann_whitney[i].na,
                                                expected_mann_whitney[i].b, expected_mann_whitney[i].nb);
        assert_true(t.exact);
        close_to("U", i, t.statistic, expected_mann_whitney[i].u, 0);
        close_to("Mann-Whitney, counted", i, t.p, expected_mann_whitney[i].p, 1e-12);
    }
    for (size_t i = 0; i < COUNT(expected_mann_whitney_normal); i++) {
        bench_test t =
            bench_stats_mann_whitney(expected_mann_whitney_normal[i].a, expected_mann_whitney_normal[i].na,
                                     expected_mann_whitney_normal[i].b, expected_mann_whitney_normal[i].nb);
        assert_false(t.exact);
        close_to("U", i, t.statistic, expected_mann_whitney_normal[i].u, 0);
        close_to("Mann-Whitney, normal", i, t.p, expected_mann_whitney_normal[i].p, 1e-12);
    }
}

static void signs_of_scipy(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(expected_signed_rank); i++) {
        bench_test t = bench_stats_signed_rank(expected_signed_rank[i].d, expected_signed_rank[i].n);
        assert_true(t.exact == (expected_signed_rank[i].n <= 100));
        close_to("W", i, t.statistic, expected_signed_rank[i].w, 0);
        close_to("signed ranks", i, t.p, expected_signed_rank[i].p, 1e-12); /* as above */
    }
    for (size_t i = 0; i < COUNT(expected_sign_test); i++)
        close_to("sign test", i,
                 bench_stats_sign_test(expected_sign_test[i].less, expected_sign_test[i].greater).p,
                 expected_sign_test[i].p, 1e-11); /* lgamma of 1000: 5900 with a rounding of 4.5e-13 */
}

static void mcnemar_of_statsmodels(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(expected_mcnemar); i++) {
        const int64_t a = expected_mcnemar[i].only_a, b = expected_mcnemar[i].only_b;
        const bench_test t = bench_stats_mcnemar(a, b);
        close_to("McNemar, exact", i, bench_stats_sign_test(a, b).p, expected_mcnemar[i].p_exact, 1e-11);
        assert_true(t.exact == (a + b <= 1000));
        if (t.exact) {
            assert_true(t.p == bench_stats_sign_test(a, b).p);
            continue;
        }
        close_to("McNemar, statistic", i, t.statistic, expected_mcnemar[i].chi2, 1e-14);
        close_to("McNemar, chi-square", i, t.p, expected_mcnemar[i].p_chi2, 1e-13);
    }
    for (size_t i = 0; i < COUNT(expected_paired_share); i++) {
        bench_interval r =
            bench_stats_paired_share(expected_paired_share[i].only_a, expected_paired_share[i].only_b,
                                     expected_paired_share[i].n, expected_paired_share[i].confidence);
        close_to("difference of shares, low", i, r.low, expected_paired_share[i].low, 1e-13);
        close_to("difference of shares, high", i, r.high, expected_paired_share[i].high, 1e-13);
    }
}

static void holm_of_statsmodels(void **state)
{
    (void)state;
    double out[9];
    for (size_t i = 0; i < COUNT(expected_holm); i++) {
        assert_true(bench_stats_holm(expected_holm[i].p, expected_holm[i].n, out));
        for (size_t k = 0; k < expected_holm[i].n; k++)
            close_to("Holm", i, out[k], expected_holm[i].adjusted[k], 1e-15); /* one product */
    }
    /* what is not tested does not count, and stays unknown */
    assert_true(bench_stats_holm((const double[]){0.04, NAN, 0.01}, 3, out));
    near(out[0], 0.04);
    assert_true(isnan(out[1]));
    near(out[2], 0.02);
}

static void t_of_scipy(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(expected_t); i++) {
        /* lgamma(5e5) is 6e6, whose rounding of 9e-10 is what is left of the digits for a million degrees */
        const double tolerance = isfinite(expected_t[i].df) && expected_t[i].df > 1000 ? 1e-8 : 1e-11;
        close_to("t cdf", i, bench_stats_t_cdf(1.7, expected_t[i].df), expected_t[i].cdf, tolerance);
        if (expected_t[i].p == 0.5)
            assert_true(bench_stats_t_quantile(0.5, expected_t[i].df) == 0);
        else
            close_to("t quantile", i, bench_stats_t_quantile(expected_t[i].p, expected_t[i].df),
                     expected_t[i].quantile, tolerance);
    }
    assert_true(isnan(bench_stats_t_quantile(0, 3)) && isnan(bench_stats_t_quantile(1, 3)));
    assert_true(isnan(bench_stats_t_quantile(0.5, 0)) && isnan(bench_stats_t_cdf(NAN, 3)));
}

static void slope_of_scipy(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(expected_slope); i++) {
        bench_slope s =
            bench_stats_slope(expected_slope[i].x, expected_slope[i].y, expected_slope[i].n, 0.95);
        /* y of 1e6 with residuals of 1: 1e-16 * 1e6 of what is summed. SciPy takes the error from 1 - r^2, of which 1e-16
         * is 1e-9 where r is nearly 1; p takes its 22nd power. */
        const bool steep = fabs(expected_slope[i].slope) > 1000 * expected_slope[i].stderr_;
        const double tolerance = steep ? 1e-7 : fabs(expected_slope[i].intercept) > 1000 ? 1e-8 : 1e-11;
        close_to("slope", i, s.slope, expected_slope[i].slope, tolerance);
        close_to("intercept", i, s.intercept, expected_slope[i].intercept, tolerance);
        close_to("stderr", i, s.stderr_, expected_slope[i].stderr_, tolerance);
        close_to("p", i, s.p, expected_slope[i].p, tolerance);
        close_to("low", i, s.interval.low, expected_slope[i].low, tolerance);
        close_to("high", i, s.interval.high, expected_slope[i].high, tolerance);
    }
    const double x[] = {1, 2, 3}, same[] = {2, 2, 2};
    assert_true(isnan(bench_stats_slope(x, x, 2, 0.95).slope));
    assert_true(isnan(bench_stats_slope(same, x, 3, 0.95).slope));
    bench_slope exact = bench_stats_slope(x, x, 3, 0.95);
    near(exact.slope, 1);
    near(exact.p, 0);
    near(bench_stats_slope(x, same, 3, 0.95).p, 1);
}

static void within(const char *what, size_t row, double value, double least, double most)
{
    if (!(value >= least * (1 - 1e-14) && value <= most * (1 + 1e-14)))
        fail_msg("%s, row %zu: %.17g, expected %.17g to %.17g", what, row, value, least, most);
}

/* Other resamples than SciPy's: their number beyond an end has a standard error, of which four are allowed. */
static void bootstrap_of_scipy(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(expected_bootstrap_median); i++) {
        const size_t n = expected_bootstrap_median[i].n;
        const double *x = expected_bootstrap_median[i].x, c = expected_bootstrap_median[i].confidence;
        bench_interval r = bench_stats_bootstrap_median(x, n, 1, c, BENCH_RESAMPLES, 7);
        within("bootstrap of a median, low", i, r.low, expected_bootstrap_median[i].low_least,
               expected_bootstrap_median[i].low_most);
        within("bootstrap of a median, high", i, r.high, expected_bootstrap_median[i].high_least,
               expected_bootstrap_median[i].high_most);
        near(r.coverage, fmin(c, 1 - 2 * pow(0.5, (double)n)));
    }
    for (size_t i = 0; i < COUNT(expected_bootstrap_ratio); i++) {
        bench_interval r =
            bench_stats_bootstrap_ratio(expected_bootstrap_ratio[i].a, expected_bootstrap_ratio[i].na,
                                        expected_bootstrap_ratio[i].b, expected_bootstrap_ratio[i].nb,
                                        expected_bootstrap_ratio[i].confidence, BENCH_RESAMPLES, 7);
        within("bootstrap of a ratio, low", i, r.low, expected_bootstrap_ratio[i].low_least,
               expected_bootstrap_ratio[i].low_most);
        within("bootstrap of a ratio, high", i, r.high, expected_bootstrap_ratio[i].high_least,
               expected_bootstrap_ratio[i].high_most);
    }
}

static void bootstrap_properties(void **state)
{
    (void)state;
    double steps[20]; /* five long stretches: 20 samples that say no more than five */
    for (size_t i = 0; i < 20; i++)
        steps[i] = (double)((i / 4) * 7 % 5) + 0.001 * (double)i;
    bench_interval one = bench_stats_bootstrap_median(steps, 20, 1, 0.95, 2000, 1),
                   blocks = bench_stats_bootstrap_median(steps, 20, 4, 0.95, 2000, 1),
                   again = bench_stats_bootstrap_median(steps, 20, 4, 0.95, 2000, 1),
                   other = bench_stats_bootstrap_median(steps, 20, 4, 0.95, 2000, 2);
    assert_true(blocks.high - blocks.low > one.high - one.low);
    assert_true(blocks.low == again.low && blocks.high == again.high);
    assert_true(other.low <= 2 && other.high >= 2); /* holds the median whatever the seed */
    const double bad[] = {1, NAN, 2}, negative[] = {1, -2, 3};
    assert_true(isnan(bench_stats_bootstrap_median(bad, 3, 1, 0.95, 10, 1).low));
    assert_true(isnan(bench_stats_bootstrap_median(steps, 1, 1, 0.95, 10, 1).low));
    assert_true(isnan(bench_stats_bootstrap_ratio(steps, 5, negative, 3, 0.95, 10, 1).low));
    near(bench_stats_bootstrap_ratio((const double[]){2, 2}, 2, (const double[]){4, 4}, 2, 0.95, 10, 1).low,
         0.5);
}

static void tests_of_nothing(void **state)
{
    (void)state;
    const double zeros[] = {0, 0, 0, 0}, bad[] = {1, NAN};
    near(bench_stats_mann_whitney(zeros, 4, zeros, 4).p, 1);
    near(bench_stats_signed_rank(zeros, 4).p, 1);
    near(bench_stats_sign_test(0, 0).p, 1);
    near(bench_stats_mcnemar(0, 0).p, 1);
    assert_true(isnan(bench_stats_mann_whitney(zeros, 4, bad, 2).p));
    assert_true(isnan(bench_stats_mann_whitney(zeros, 0, zeros, 2).p));
    assert_true(isnan(bench_stats_signed_rank(bad, 2).p));
    assert_true(isnan(bench_stats_paired_share(0, 0, 0, 0.95).low));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand),
        cmocka_unit_test(quantiles),
        cmocka_unit_test(undefined_is_nan),
        cmocka_unit_test(median_ranks),
        cmocka_unit_test(coverage_counted),
        cmocka_unit_test(ratios),
        cmocka_unit_test(quantiles_of_numpy),
        cmocka_unit_test(mann_whitney_of_scipy),
        cmocka_unit_test(signs_of_scipy),
        cmocka_unit_test(mcnemar_of_statsmodels),
        cmocka_unit_test(holm_of_statsmodels),
        cmocka_unit_test(t_of_scipy),
        cmocka_unit_test(slope_of_scipy),
        cmocka_unit_test(bootstrap_of_scipy),
        cmocka_unit_test(bootstrap_properties),
        cmocka_unit_test(tests_of_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
