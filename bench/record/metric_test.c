/* Tests of metric.c: every metric read from a record written by hand, and how numbers are shown. */
#include "bench/record/metric.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const char record_text[] =
    "{\"time\": {\"median_ns\": 1234567.0, \"ci_ns\": [1200000, 1300000.5], \"tokens_per_s\": 640.25, "
    "\"load_ns\": 2500000, \"small_of_step\": 0.09375},"
    " \"memory\": {\"peak_rss_bytes\": 104857600},"
    " \"accuracy\": {\"value\": 0.875, \"initial\": 0.5, \"best\": 0.9, \"stderr\": 0.0125, "
    "\"initial_stderr\": 0.02},"
    " \"loss\": {\"curve\": "
    "[[0,9],[1,9],[2,9],[3,9],[4,9],[5,9],[6,9],[7,9],[8,9],[9,9],[10,9],[11,9],[12,9],[13,9],"
    "[14,9],[15,9],[16,9],[17,9],[18,1],[19,2]], \"eval_curve\": [[0, 0.7], [20, 0.25]]},"
    " \"roofline\": {\"achieved_flops_per_s\": 41500000000.0, \"predicted_step_ns\": 1000000.5, "
    "\"of_roofline\": "
    "0.8125, \"of_peak\": 0.75, \"of_bandwidth\": 0.25, \"counted_fp_ops_per_s\": 42500000000.0, "
    "\"counted_bytes_per_s\": 1.25e9},"
    " \"counters\": {\"steps\": 9, \"cycles_per_step\": 3.5e6, \"instructions_per_step\": 1.25e7, "
    "\"llc_misses_per_step\": 31250.0, \"fp_ops_per_step\": 5.25e8, \"energy_j_per_step\": 0.0625},"
    " \"numerics\": {\"precision\": {\"snr\": 42.75, \"correlation\": 0.96875, \"logit_change_rms\": 0.0625, "
    "\"loss_change\": -0.5}}}";

/* The numbers of record_text as they should be read and shown. */
static const struct {
    const char *name;
    double value;
    const char *shown, *heading;
} expected[] = {
    {"step_ns", 1234567, "1.235", "step time (ms)"},
    {"tokens_per_s", 640.25, "640.2", "throughput (tokens/s)"}, /* 640.25 is exact: ties to even */
    {"peak_rss_bytes", 104857600, "100.0", "peak memory (MiB)"},
    {"accuracy", 0.875, "87.5", "accuracy (%)"},
    {"accuracy_initial", 0.5, "50.0", "accuracy before training (%)"},
    {"accuracy_best", 0.9, "90.0", "best accuracy (%)"},
    {"loss", 1.5, "1.500", "training loss"}, /* a tenth of 20 steps: the last two */
    {"eval_loss", 0.25, "0.2500", "evaluation loss"},
    {"flops_per_s", 41.5e9, "41.50", "arithmetic rate (Gflop/s)"},
    {"predicted_step_ns", 1000000.5, "1.000", "predicted step time (ms)"},
    {"of_roofline", 0.8125, "81.2", "share of the roofline (%)"}, /* 81.25 is exact: ties to even */
    {"of_peak", 0.75, "75.0", "share of the arithmetic peak (%)"},
    {"of_bandwidth", 0.25, "25.0", "share of the memory bandwidth (%)"},
    {"small_of_step", 0.09375, "9.4", "share of the small operators (%)"},
    {"snr", 42.75, "42.8", "signal to noise of projected gradients"}, /* exact: ties to even */
    {"gradient_correlation", 0.96875, "0.9688", "correlation with f32's projected gradients"},
    {"logit_change", 0.0625, "0.0625", "change of logits"},
    {"loss_change", -0.5, "-0.500", "change of the loss"},
    {"load_ns", 2500000, "2.500", "load time (ms)"},
    {"cycles_per_step", 3.5e6, "3.500", "clock cycles (10^6)"},
    {"instructions_per_step", 1.25e7, "12.50", "instructions (10^6)"},
    {"llc_misses_per_step", 31250, "0.03125", "last-level cache misses (10^6)"},
    {"fp_ops_per_step", 5.25e8, "0.5250", "counted floating-point operations (10^9)"},
    {"energy_j_per_step", 0.0625, "0.06250", "energy (J)"},
    {"counted_fp_ops_per_s", 42.5e9, "42.50", "counted arithmetic rate (Gop/s)"},
    {"counted_bytes_per_s", 1.25e9, "1.250", "counted memory traffic (GB/s)"},
};

static void every_metric(void **state)
{
    (void)state;
    json_t *record = json_loads(record_text, 0, NULL);
    assert_non_null(record);
    for (size_t i = 0; i < COUNT(expected); i++) {
        const bench_metric *m = bench_metric_find(expected[i].name);
        char text[64];
        assert_non_null(m);
        assert_string_equal(bench_metric_names()[i], m->name);
        assert_true(bench_metric_value(m, record) == expected[i].value);
        bench_metric_format(m, expected[i].value, text, sizeof text);
        assert_string_equal(text, expected[i].shown);
        bench_metric_heading(m, text, sizeof text);
        assert_string_equal(text, expected[i].heading);
        assert_non_null(m->help);
        assert_true(m->scale > 0);
    }
    assert_null(bench_metric_names()[COUNT(expected)]);
    assert_null(bench_metric_find("step"));
    json_decref(record);
}

static void spreads(void **state)
{
    (void)state;
    json_t *record = json_loads(record_text, 0, NULL);
    bench_interval i = bench_metric_interval(bench_metric_find("step_ns"), record);
    assert_true(i.low == 1200000 && i.high == 1300000.5 && i.coverage == 0.95);
    json_object_set_new(json_object_get(record, "time"), "ci_coverage", json_real(0.75));
    assert_true(bench_metric_interval(bench_metric_find("step_ns"), record).coverage == 0.75);
    json_object_set_new(json_object_get(record, "time"), "ci_coverage", json_real(0));
    assert_true(isnan(bench_metric_interval(bench_metric_find("step_ns"), record).low));
    assert_true(isnan(bench_metric_interval(bench_metric_find("load_ns"), record).low));
    assert_true(bench_metric_stderr(bench_metric_find("accuracy"), record) == 0.0125);
    assert_true(bench_metric_stderr(bench_metric_find("accuracy_initial"), record) == 0.02);
    assert_true(isnan(bench_metric_stderr(bench_metric_find("accuracy_best"), record)));
    assert_true(isnan(bench_metric_stderr(bench_metric_find("step_ns"), record)));
    json_decref(record);
}

/* What is null, absent or of another type is unknown, never 0. */
static void unknown_is_nan(void **state)
{
    (void)state;
    static const char *const records[] = {
        "{}",
        "[]",
        "{\"time\": null, \"memory\": null, \"accuracy\": null, \"loss\": null, \"roofline\": null}",
        "{\"time\": 3, \"memory\": [1], \"accuracy\": \"x\", \"loss\": {}, \"roofline\": "
        "{\"achieved_flops_per_s\": null}}",
        "{\"time\": {\"median_ns\": null, \"ci_ns\": [1, null], \"tokens_per_s\": \"1\", \"load_ns\": true},"
        " \"memory\": {\"peak_rss_bytes\": null}, \"accuracy\": {\"value\": null, \"stderr\": null},"
        " \"loss\": {\"curve\": [[0, 1], [1, null]], \"eval_curve\": []}}",
        "{\"loss\": {\"curve\": [], \"eval_curve\": [3]}, \"time\": {\"ci_ns\": [1]}}",
        "{\"loss\": {\"curve\": {\"0\": 1}, \"eval_curve\": [[1]]}, \"time\": {\"ci_ns\": 5}}",
    };
    for (size_t r = 0; r < COUNT(records); r++) {
        json_t *record = json_loads(records[r], 0, NULL);
        assert_non_null(record);
        for (const char *const *name = bench_metric_names(); *name; name++) {
            const bench_metric *m = bench_metric_find(*name);
            assert_true(isnan(bench_metric_value(m, record)));
            assert_true(isnan(bench_metric_interval(m, record).low));
            assert_true(isnan(bench_metric_stderr(m, record)));
        }
        json_decref(record);
    }
    assert_true(isnan(bench_metric_value(bench_metric_find("loss"), NULL)));
}

static void numbers_shown(void **state)
{
    (void)state;
    static const struct {
        double value, like;
        const char *text;
    } cases[] = {
        {0, 0, "0.000"},
        {1, 1, "1.000"},
        {12.345678, 12.345678, "12.35"},
        {123.45, 123.45, "123.5"}, /* the double is a little above */
        {9999.4, 9999.4, "9999"},
        {123456, 123456, "123456"},
        {9.9996, 9.9996, "10.00"},
        {0.0123444, 0.0123444, "0.01234"},
        {-2.5, -2.5, "-2.500"},
        {0.5, 12.3, "0.50"}, /* an interval's bound beside 12.30 */
        {1e-30, 1e-30, "0.000000000000"},
        {NAN, 1, "-"},
        {1, NAN, "-"},
        {INFINITY, INFINITY, "-"},
        {-INFINITY, 1, "-"},
    };
    const bench_metric *plain = bench_metric_find("loss"), *percent = bench_metric_find("accuracy");
    char text[64];
    for (size_t i = 0; i < COUNT(cases); i++) {
        bench_metric_format_like(plain, cases[i].value, cases[i].like, text, sizeof text);
        assert_string_equal(text, cases[i].text);
    }
    bench_metric_format_like(percent, 0.0123, 0.9, text, sizeof text);
    assert_string_equal(text, "1.2");
}

static void titles(void **state)
{
    (void)state;
    static const struct {
        const char *metric, *title, *shown;
    } cases[] = {
        {"step_ns", "", "Step time (ms)"},
        {"step_ns", "Cost", "Cost: step time (ms)"},
        {"step_ns", "Step time by length", "Step time by length (ms)"},
        {"loss", "", "Training loss"},
        {"loss", "Training loss of both", "Training loss of both"},
        {"accuracy", "SST-2", "SST-2: accuracy (%)"},
    };
    char text[128];
    for (size_t i = 0; i < COUNT(cases); i++) {
        bench_metric_title(bench_metric_find(cases[i].metric), cases[i].title, text, sizeof text);
        assert_string_equal(text, cases[i].shown);
    }
}

static void paths(void **state)
{
    (void)state;
    json_t *o = json_loads("{\"a\": {\"b\": {\"c\": 1}}}", 0, NULL);
    assert_int_equal(json_integer_value(bench_metric_at(o, "a.b.c")), 1);
    assert_ptr_equal(bench_metric_at(o, ""), o);
    assert_null(bench_metric_at(o, "a.c"));
    assert_null(bench_metric_at(o, "a.b.c.d"));
    assert_null(bench_metric_at(
        o, "a.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
    json_decref(o);
}

static void values_at_paths(void **state)
{
    json_t *o = json_pack("{s:{s:f, s:i, s:s, s:n}}", "a", "real", 1.5, "whole", 7, "text", "t", "null");
    (void)state;
    assert_true(bench_metric_number_at(o, "a.real") == 1.5);
    assert_true(bench_metric_number_at(o, "a.whole") == 7);
    assert_true(isnan(bench_metric_number_at(o, "a.text")));
    assert_true(isnan(bench_metric_number_at(o, "a.null")));
    assert_true(isnan(bench_metric_number_at(NULL, "a.real")));
    assert_int_equal(bench_metric_integer_at(o, "a.whole"), 7);
    assert_int_equal(bench_metric_integer_at(o, "a.text"), 0);
    assert_int_equal(bench_metric_integer_at(o, "b"), 0);
    assert_string_equal(bench_metric_text_at(o, "a.text"), "t");
    assert_string_equal(bench_metric_text_at(o, "a.null"), "");
    assert_string_equal(bench_metric_text_at(o, "a.text.more"), "");
    json_decref(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_at_paths), cmocka_unit_test(every_metric),  cmocka_unit_test(spreads),
        cmocka_unit_test(unknown_is_nan),  cmocka_unit_test(numbers_shown), cmocka_unit_test(paths),
        cmocka_unit_test(titles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
