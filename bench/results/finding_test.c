/* Tests of finding.c: the rule of verdicts, and how often it is right on samples of known noise. */
#include "bench/results/finding.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/kernel/rng.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const bench_metric *metric(const char *name)
{
    const bench_metric *m = bench_metric_find(name);
    assert_non_null(m);
    return m;
}

/* Change, interval, p -> verdict; by hand from the rule in finding.h, at alpha 0.01 and a threshold of 3%. */
static void rule(void **state)
{
    (void)state;
    static const struct {
        const char *metric;
        double change, low, high, p;
        bench_verdict verdict;
    } cases[] = {
        {"step_ns", 1.05, 1.04, 1.06, 0.001, BENCH_REGRESSED},
        {"step_ns", 1.05, 1.04, 1.06, 0.011, BENCH_INCONCLUSIVE},  /* too little evidence */
        {"step_ns", 1.02, 1.015, 1.025, 0.0001, BENCH_SAME},       /* sure, but too small to matter */
        {"step_ns", 1.02, 1.00, 1.04, 0.0001, BENCH_INCONCLUSIVE}, /* small, but perhaps not */
        {"step_ns", 1.00, 0.98, 1.02, 0.9, BENCH_SAME},
        {"step_ns", 1.00, 0.95, 1.05, 0.9, BENCH_INCONCLUSIVE},
        {"step_ns", 0.95, 0.94, 0.96, 0.001, BENCH_IMPROVED},
        {"tokens_per_s", 0.95, 0.94, 0.96, 0.001, BENCH_REGRESSED}, /* higher is better */
        {"tokens_per_s", 1.05, 1.04, 1.06, 0.001, BENCH_IMPROVED},
        {"accuracy", -0.05, -0.06, -0.04, 0.001, BENCH_REGRESSED}, /* points */
        {"accuracy", 0.05, 0.04, 0.06, 0.001, BENCH_IMPROVED},
        {"accuracy", 0.001, -0.02, 0.02, 1, BENCH_SAME},
        {"loss", 1.2, 1.1, 1.3, 0.001, BENCH_REGRESSED},
        {"step_ns", NAN, NAN, NAN, NAN, BENCH_INCONCLUSIVE},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        bench_finding f = {.metric = metric(cases[i].metric),
                           .unit = BENCH_UNIT_PAIRS,
                           .old_n = 10,
                           .new_n = 10,
                           .difference = bench_metric_is_share(metric(cases[i].metric)),
                           .change = cases[i].change,
                           .interval = {cases[i].low, cases[i].high, isnan(cases[i].low) ? 0 : 0.95},
                           .p_adjusted = cases[i].p,
                           .threshold = 0.03};
        bench_finding_judge(&f, 0.01);
        if (f.verdict != cases[i].verdict)
            fail_msg("case %zu: %s, expected %s", i, bench_verdict_name(f.verdict),
                     bench_verdict_name(cases[i].verdict));
        assert_true((f.more > 0) == (f.verdict == BENCH_INCONCLUSIVE && !isnan(f.change)));
    }
}

/* An interval twice as wide as allowed takes four times the samples: 10 + 30. */
static void more_runs(void **state)
{
    (void)state;
    const double limit = log1p(0.03);
    bench_finding f = {.metric = metric("step_ns"),
                       .unit = BENCH_UNIT_PAIRS,
                       .old_n = 10,
                       .new_n = 10,
                       .change = 1,
                       .interval = {exp(-2 * limit), exp(2 * limit), 0.95},
                       .p_adjusted = 1,
                       .threshold = 0.03};
    bench_finding_judge(&f, 0.01);
    assert_int_equal(f.verdict, BENCH_INCONCLUSIVE);
    assert_in_range(f.more, 29, 31); /* 30, but for a rounding */
    /* a large change needs as many as can be significant: 2 / 2^n <= 0.01 / 2 from n = 9 on (2 / 2^8 is 0.0078); runs of
     * either side 2 / C(2n, n) <= 0.005 from n = 6 on (2 / 924; 2 / 252 is 0.0079) */
    double old[5] = {100, 101, 102, 103, 104}, new_[5] = {200, 201, 202, 203, 204};
    bench_finding two[2];
    bench_finding_pairs(&two[0], metric("step_ns"), old, new_, 5, 1);
    bench_finding_runs(&two[1], metric("step_ns"), old, 5, new_, 5, 1);
    two[0].threshold = two[1].threshold = 0.03;
    assert_true(bench_findings_judge(two, 2, 0.01));
    assert_int_equal(two[0].verdict, BENCH_INCONCLUSIVE);
    assert_int_equal(two[0].more, 4);
    assert_int_equal(two[1].more, 1);
    f.old_n = f.new_n = 3; /* an interval whose coverage is too low, however narrow */
    f.interval = (bench_interval){0.999, 1.001, 0.75};
    bench_finding_judge(&f, 0.01);
    assert_int_equal(f.verdict, BENCH_INCONCLUSIVE);
    assert_int_equal(f.more, 3); /* to six */
}

/* A number in [0, 1) that (a, b) names. */
static double uniform(uint64_t a, uint32_t b)
{
    return (double)(zo_bits(20240915, a, b) >> 11) / 9007199254740992.0;
}

static double normal(uint64_t a, uint32_t b)
{
    return sqrt(-2 * log(1 - uniform(a, 2 * b))) * cos(6.283185307179586 * uniform(a, 2 * b + 1));
}

/* A run of 10 ms: 2% of noise, a drift that both of a pair share, and in one of ten a burst of up to 20%. */
static double noisy_run(uint64_t comparison, uint32_t pair, uint32_t side, double slower)
{
    const uint64_t at = comparison * 1000 + pair;
    const double burst = uniform(at, 10 + side) < 0.1 ? 0.2 * uniform(at, 20 + side) : 0;
    return 1e7 * slower * exp(0.02 * normal(at, side) + 0.3 * sin(pair / 7.0) + burst);
}

/* Comparisons (count) of two findings each, new slower by `slower`: how many say regressed of the first one. */
static int simulate(int count, size_t pairs, double slower, int *others)
{
    int found = 0;
    *others = 0;
    for (int c = 0; c < count; c++) {
        bench_finding f[2];
        double old[64], new_[64];
        for (uint32_t k = 0; k < 2; k++) {
            for (uint32_t i = 0; i < pairs; i++) {
                old[i] = noisy_run((uint64_t)(2 * c) + k, i, 0, 1);
                new_[i] = noisy_run((uint64_t)(2 * c) + k, i, 1, k ? 1 : slower);
            }
            bench_finding_pairs(&f[k], metric("step_ns"), old, new_, pairs, 1);
            f[k].threshold = 0.03;
        }
        assert_true(bench_findings_judge(f, 2, 0.01));
        assert_true(f[0].p_adjusted >= f[0].p);
        found += f[0].verdict == BENCH_REGRESSED;
        *others += f[1].verdict == BENCH_REGRESSED || f[1].verdict == BENCH_IMPROVED;
    }
    return found;
}

/* False alarms in a hundred: at most alpha of the comparisons, so that 1 is expected at most; 5 or more would have
 * probability 0.003. A slowdown of 8% in 40 pairs with differences of some 3%: an error of 0.6%, nine times less. */
static void alarms(void **state)
{
    (void)state;
    int others, found = simulate(100, 16, 1, &others);
    assert_in_range(found + others, 0, 4);
    found = simulate(20, 40, 1.08, &others);
    assert_in_range(found, 19, 20);
    assert_in_range(others, 0, 1);
}

/* d of the pairs: the drift is gone, the change is there, however large the noise of single runs. */
static void pairs_and_runs(void **state)
{
    (void)state;
    double old[24], new_[24];
    bench_finding paired, runs;
    for (size_t i = 0; i < 24; i++) {
        old[i] = 100 + 10 * (double)i;
        new_[i] = old[i] * (1.05 + 0.0001 * (double)(i % 5));
    }
    bench_finding_pairs(&paired, metric("step_ns"), old, new_, 24, 1);
    bench_finding_runs(&runs, metric("step_ns"), old, 24, new_, 24, 1);
    paired.threshold = runs.threshold = 0.03;
    paired.p_adjusted = paired.p;
    runs.p_adjusted = runs.p;
    bench_finding_judge(&paired, 0.01);
    bench_finding_judge(&runs, 0.01);
    assert_int_equal(paired.verdict, BENCH_REGRESSED);
    assert_int_equal(runs.verdict, BENCH_INCONCLUSIVE);
    assert_true(fabs(paired.change - 1.0502) < 1e-12); /* the median of 1.05 + 0.0001 (0, 1, 2, 3, 4) */
    assert_true(runs.p > 0.05);
}

static void examples(void **state)
{
    (void)state;
    bench_finding f;
    bench_finding_examples(&f, metric("accuracy"), 60, 25, 5, 100);
    assert_true(fabs(f.change + 0.2) < 1e-12 && f.p < 0.001 && f.old_value == 0.85 && f.new_value == 0.65);
    bench_finding_examples(&f, metric("accuracy"), 60, 0, 0, 100);
    assert_true(f.certain && f.change == 0 && isnan(f.p));
    f.threshold = 0.01;
    bench_finding_judge(&f, 0.01);
    assert_int_equal(f.verdict, BENCH_SAME);
}

static void fixed(void **state)
{
    (void)state;
    bench_finding f;
    bench_finding_fixed(&f, metric("loss"), (const double[]){0.5, 0.6}, (const double[]){0.5, 0.6}, 2);
    assert_true(f.change == 1);
    bench_finding_fixed(&f, metric("loss"), (const double[]){0.5}, (const double[]){0.9}, 1);
    f.threshold = 0.03;
    bench_finding_judge(&f, 0.01);
    assert_int_equal(f.verdict, BENCH_REGRESSED);
    bench_finding_fixed(&f, metric("loss"), (const double[]){NAN}, (const double[]){0.9}, 1);
    f.threshold = 0.03;
    bench_finding_judge(&f, 0.01);
    assert_int_equal(f.verdict, BENCH_INCONCLUSIVE);
}

/* Differences of sd s in n pairs: signed ranks at alpha find z s / sqrt(0.955 n) in nine of ten, z = 2.576 + 1.282 for
 * 0.01 (asymptotic efficiency against normal noise: 3 / pi = 0.955). A quarter for drawing 400 times from 200. */
static void noise_floor(void **state)
{
    (void)state;
    double d[200];
    for (uint32_t i = 0; i < 200; i++)
        d[i] = 0.02 * normal(7, i);
    const double expected = (2.576 + 1.282) * 0.02 / sqrt(0.955 * 24),
                 floor = bench_finding_floor(d, 200, 24, 0.01);
    if (!(floor > 0.75 * expected && floor < 1.25 * expected))
        fail_msg("floor %g, expected %g within a quarter of it", floor, expected);
    assert_true(bench_finding_floor(d, 200, 96, 0.01) < floor);
    assert_true(isinf(bench_finding_floor(d, 200, 6, 0.01))); /* 2^-5 is more than 0.01 */
    assert_true(isnan(bench_finding_floor(d, 5, 24, 0.01)));
    assert_true(bench_finding_floor((const double[8]){0}, 8, 24, 0.01) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rule),           cmocka_unit_test(more_runs), cmocka_unit_test(alarms),
        cmocka_unit_test(pairs_and_runs), cmocka_unit_test(examples),  cmocka_unit_test(fixed),
        cmocka_unit_test(noise_floor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
