/* Tests of roofline.c: extremes in closed form, what a record gets, and the rates measured here. */
#include "bench/cell/roofline.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/format/weights.h"
#include "core/format/synth.h"

static const double forever = 1e30; /* a rate at which nothing takes time */

static bench_roof roof_of(double flops_per_s, double bytes_per_s)
{
    bench_roof r = {.flops_per_s = {flops_per_s, flops_per_s, flops_per_s},
                    .read_bytes_per_s = bytes_per_s,
                    .cached_bytes_per_s = {forever, forever, forever},
                    .noise_values_per_s = forever};
    for (int k = 0; k < ZO_COMPUTE_COUNT; k++)
        for (int p = 0; p < ZO_PRECISION_COUNT; p++)
            r.unpack_values_per_s[k][p] = r.unpack_few_values_per_s[k][p] = forever;
    return r;
}

static bench_params cell(int parallel)
{
    bench_params p;
    bench_params_default(&p);
    p.parallel = parallel;
    p.queries = 4;
    return p;
}

static zo_config shape(const char *name)
{
    zo_config c;
    assert_true(zo_synth_config(name, &c));
    return c;
}

static double step_ns(bench_params p, const zo_config *c, zo_cost_rows each, const bench_roof *roof)
{
    bench_roofline r;
    bench_roofline_predict(&p, c, each, roof, &r);
    return r.step_ns;
}

static void near(const char *what, double value, double expected)
{
    if (!(fabs(value / expected - 1) < 1e-9)) /* sums of a few dozen doubles */
        fail_msg("%s: %.17g, expected %.17g", what, value, expected);
}

/* Memory that costs nothing: a step takes its operations over the peak, and batching replicas gains nothing. */
static void bound_by_arithmetic(void **state)
{
    const zo_config c = shape("tinyllama-1.1b");
    const zo_cost_rows each = {256, 4 * 64 * 64, 8};
    const bench_roof roof = roof_of(1e11, forever);
    const bench_params p = cell(ZO_PARALLEL_BOTH);
    const zo_lora_options lora = {.rank = 16, .targets = ZO_TARGETS_ALL};
    bench_roofline r;
    (void)state;
    bench_roofline_predict(&p, &c, each, &roof, &r);
    near("flops", r.flops, 8 * zo_cost_forward_flops(&c, &lora, each));
    near("step", r.step_ns, r.flops / 1e11 * 1e9);
    near("at the peak", r.flops_ns, r.step_ns);
    assert_false(r.memory);
    for (int k = 0; k < ZO_PARALLEL_COUNT; k++)
        near("any parallelism", step_ns(cell(k), &c, each, &roof), r.step_ns);
}

/* Arithmetic that costs nothing: weights are read once per forward, activations and Bw by every replica. */
static void bound_by_memory(void **state)
{
    const zo_config c = shape("llama2-7b");
    const zo_cost_rows each = {8, 8 * 8, 1};
    const zo_lora_options lora = {.rank = 16, .targets = ZO_TARGETS_ALL};
    const bench_roof roof = roof_of(forever, 1e10);
    /* f32: linear maps and head; activations of 8 rows, of one behind the last attention, as in cost.h; Bw written and read by
     * each replica, A read once; one sweep of the update over Bw */
    const double weights = 4.0 * (6476005376.0 + 32000.0 * 4096), sweep = 8 * zo_cost_trained(&c, &lora);
    const double a = 4.0 * 32 * 16 * (6 * 4096 + 11008), b = 4.0 * 32 * 16 * (5 * 4096 + 2 * 11008);
    const double activations = 4.0 * (8 * 32 * 14 * 4096 + (8 * 31 + 1) * (8 * 4096 + 2 * 11008));
    static const struct {
        int parallel;
        double forwards, replicas;
    } cases[] = {{ZO_PARALLEL_NONE, 8, 1},
                 {ZO_PARALLEL_INNER, 4, 2},
                 {ZO_PARALLEL_OUTER, 2, 4},
                 {ZO_PARALLEL_BOTH, 1, 8}};
    bench_roofline r;
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        const bench_params p = cell(cases[i].parallel);
        bench_roofline_predict(&p, &c, each, &roof, &r);
        near("step", r.step_ns,
             (cases[i].forwards * (weights + a + cases[i].replicas * (activations + 2 * b)) + sweep) / 1e10 *
                 1e9);
        near("weights", r.weight_bytes, cases[i].forwards * weights);
        assert_true(r.memory);
    }
    double gain =
        step_ns(cell(ZO_PARALLEL_NONE), &c, each, &roof) / step_ns(cell(ZO_PARALLEL_BOTH), &c, each, &roof);
    assert_true(gain > 7.3 && gain < 8); /* 2q = 8, less what activations and replicas take */
}

/* Weights stream in while others are multiplied, not while they are unpacked. */
static void unpacking_waits_for_memory(void **state)
{
    const zo_config c = shape("tinyllama-1.1b");
    const zo_cost_rows each = {8, 8 * 8, 1};
    bench_params p = cell(ZO_PARALLEL_NONE);
    bench_roof roof = roof_of(1e15, 1e10);
    (void)state;
    p.weights = ZO_PRECISION_NF4;
    const double memory = step_ns(p, &c, each, &roof);
    roof.unpack_few_values_per_s[ZO_COMPUTE_F32][ZO_PRECISION_NF4] = 1e10;
    near("unpacking", step_ns(p, &c, each, &roof) - memory, 8 * 968884224.0 / 1e10 * 1e9);
    roof.unpack_values_per_s[ZO_COMPUTE_F32][ZO_PRECISION_NF4] =
        1e9; /* not for a few rows, which all of these are */
    near("unpacking", step_ns(p, &c, each, &roof) - memory, 8 * 968884224.0 / 1e10 * 1e9);
}

/* Bytes that are read again and again come at the rate that was measured for so many. */
static void caches_have_rates_of_their_own(void **state)
{
    const zo_config c = shape("tiny");
    const zo_cost_rows each = {8, 64, 1};
    const bench_params p = cell(ZO_PARALLEL_NONE);
    const double weights = 4.0 * (2 * 46080 + 32768);
    /* cache in weights, and the rate: measured ones, and times half way between two of them */
    static const struct {
        double cache, bytes_per_s;
    } cases[] = {{4, 4e9},   {2, 4e9},       {4 / 3.0, 2e9},       {1, 1e9},      {1 / 1.5, 5e8},
                 {0.5, 5e8}, {1.6, 8e9 / 3}, {1 / 0.875, 4e9 / 3}, {0.8, 2e9 / 3}};
    bench_roof roof = roof_of(forever, 5e8);
    (void)state;
    const double memory = step_ns(p, &c, each, &roof); /* caches are unknown */
    const double rates[BENCH_PEAK_CACHED] = {4e9, 2e9, 1e9};
    memcpy(roof.cached_bytes_per_s, rates, sizeof rates);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        roof.cache_bytes = cases[i].cache * weights;
        near("step", step_ns(p, &c, each, &roof), memory * 5e8 / cases[i].bytes_per_s);
    }
}

/* Each rate adds what it must and nothing else: values over the rate, as often as it is done. */
static void rates_of_kernels(void **state)
{
    const zo_config c = shape("tiny");
    const zo_cost_rows each = {64, 64 * 8, 8};
    const zo_lora_options lora = {.rank = 16, .targets = ZO_TARGETS_ALL};
    const double trained = zo_cost_trained(&c, &lora);
    bench_roof roof = roof_of(1e9, forever);
    bench_params p = cell(ZO_PARALLEL_INNER);
    (void)state;
    double plain = step_ns(p, &c, each, &roof);
    roof.noise_values_per_s = 1e6; /* one query in each of four forwards, four in the update */
    near("noise", step_ns(p, &c, each, &roof) - plain, 8 * trained / 1e6 * 1e9);
    p.parallel = ZO_PARALLEL_NONE; /* twice as many forwards: each replica makes its own */
    near("noise", step_ns(p, &c, each, &roof) - plain, 12 * trained / 1e6 * 1e9);
    p.method = ZO_METHOD_MEZO; /* in place: 3 q - 1 to move, q to update */
    near("noise", step_ns(p, &c, each, &roof) - plain, 15 * trained / 1e6 * 1e9);
    p.peft = ZO_PEFT_FULL;
    bench_params without = p;
    double full = step_ns(without, &c, each, &roof);
    roof.noise_values_per_s = forever;
    near("noise", full - step_ns(p, &c, each, &roof), 15 * (double)zo_config_params(&c) / 1e6 * 1e9);

    p = cell(ZO_PARALLEL_BOTH);
    p.weights = ZO_PRECISION_NF4;
    plain = step_ns(p, &c, each, &roof);
    roof.unpack_values_per_s[ZO_COMPUTE_F32][ZO_PRECISION_NF4] =
        1e6; /* the layers; the head stays in 16 bits */
    near("unpacking", step_ns(p, &c, each, &roof) - plain, 2 * 46080 / 1e6 * 1e9);
    roof.unpack_values_per_s[ZO_COMPUTE_F32][ZO_PRECISION_BF16] = 1e6;
    near("unpacking", step_ns(p, &c, each, &roof) - plain, (2 * 46080 + 512 * 64) / 1e6 * 1e9);
    /* whole numbers: a multiply-add for 32 products of int8, two for nf4; the head in bf16, as with compute bf16 */
    const double products = 2.0 * 8 * (64 * 2 * 8192 + (64 + 8) * 37888);
    p.compute = ZO_COMPUTE_BF16;
    plain = step_ns(p, &c, each, &roof);
    p.compute = ZO_COMPUTE_INT8;
    near("scaling", step_ns(p, &c, each, &roof) - plain, products / 16 / 1e9 * 1e9);
    p.weights = ZO_PRECISION_INT8;
    near("scaling", step_ns(p, &c, each, &roof) - plain, products / 32 / 1e9 * 1e9);
    roof.flops_per_s[ZO_COMPUTE_INT8] = 4e9;
    near("whole numbers", step_ns(p, &c, each, &roof) - plain, products / 32 - products * 0.75);
    roof.unpack_values_per_s[ZO_COMPUTE_INT8][ZO_PRECISION_INT8] = 1e6;
    near("unpacking", step_ns(p, &c, each, &roof) - plain,
         products / 32 - products * 0.75 + 2 * 46080 / 1e6 * 1e9);
}

static double number_at(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    if (!json_is_number(v))
        fail_msg("%s is no number", key);
    return json_number_value(v);
}

static void what_a_record_gets(void **state)
{
    const zo_config c = shape("tinyllama-1.1b");
    const zo_cost_rows each = {256, 4 * 64 * 64, 8};
    const bench_params p = cell(ZO_PARALLEL_BOTH);
    json_t *o = json_object(), *peaks = json_pack("{s:f, s:f, s:n}", "f32_flops_per_s", 1e11,
                                                  "read_bytes_per_s", 1e10, "bf16_flops_per_s");
    bench_roof roof;
    (void)state;
    assert_true(bench_roofline_read(peaks, &roof));
    assert_true(roof.flops_per_s[ZO_COMPUTE_BF16] == 1e11); /* no such unit: the other does it */
    assert_true(roof.flops_per_s[ZO_COMPUTE_INT8] == 1e11);
    double predicted = step_ns(p, &c, each, &roof);
    bench_roofline_put(o, &p, &c, each, peaks, NULL, 2 * predicted);
    near("predicted", number_at(o, "predicted_step_ns"), predicted);
    near("roofline", number_at(o, "of_roofline"), 0.5);
    assert_string_equal(json_string_value(json_object_get(o, "binds")), "compute");
    assert_true(number_at(o, "of_peak") > 0.4 && number_at(o, "of_peak") < 0.5);
    assert_true(number_at(o, "of_bandwidth") > 0 && number_at(o, "of_bandwidth") < 0.5);
    near("rate", number_at(o, "achieved_bytes_per_s"),
         number_at(o, "bytes_per_step") / (2 * predicted) * 1e9);
    json_decref(o);

    o = json_object();
    bench_roofline_put(o, &p, &c, each, NULL, "not measured", 1e9);
    assert_true(json_is_null(json_object_get(o, "predicted_step_ns")));
    assert_string_equal(json_string_value(json_object_get(o, "of_peak_reason")), "not measured");
    assert_true(number_at(o, "bytes_per_step") > 0);
    json_decref(o);
    o = json_object();
    bench_roofline_put(o, &p, NULL, each, peaks, NULL, NAN);
    static const char *const keys[] = {"of_roofline", "achieved_bytes_per_s", "predicted_step_ns", "bytes"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        assert_true(json_is_null(json_object_get(o, keys[i])));
    json_decref(o);
    json_object_del(peaks, "f32_flops_per_s");
    assert_false(bench_roofline_read(peaks, &roof));
    assert_false(bench_roofline_read(NULL, &roof));
    json_decref(peaks);
}

/* Of a step of 2 ms; and where one counter or all of them are not there. */
static void what_counters_say(void **state)
{
    static const struct {
        const char *record, *expected;
    } cases[] = {
        {"{\"counters\": {\"fp_ops_per_step\": 1e8, \"llc_misses_per_step\": 5e5}}",
         "{\"counted_fp_ops_per_s\": 5e10, \"counted_bytes_per_step\": 3.2e7, \"counted_bytes_per_s\": "
         "1.6e10}"},
        {"{\"counters\": {\"fp_ops_per_step\": null, \"fp_ops_per_step_reason\": \"none\", "
         "\"llc_misses_per_step\": 5e5}}",
         "{\"counted_fp_ops_per_s\": null, \"counted_fp_ops_per_s_reason\": \"none\", "
         "\"counted_bytes_per_step\": 3.2e7, \"counted_bytes_per_s\": 1.6e10}"},
        {"{\"counters\": null, \"counters_reason\": \"no step\"}",
         "{\"counted_fp_ops_per_s\": null, \"counted_fp_ops_per_s_reason\": \"no step\", "
         "\"counted_bytes_per_step\": null, \"counted_bytes_per_step_reason\": \"no step\", "
         "\"counted_bytes_per_s\": null, \"counted_bytes_per_s_reason\": \"no step\"}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *record = json_loads(cases[i].record, 0, NULL), *o = json_object(),
               *expected = json_loads(cases[i].expected, 0, NULL);
        bench_roofline_counted(o, record, 2e6);
        assert_true(expected && json_equal(o, expected));
        json_decref(record);
        json_decref(expected);
        json_decref(o);
    }
}

static void rates_are_measured(void **state)
{
    json_t *peaks = NULL;
    bench_roof roof;
    zo_error err = {0};
    (void)state;
    if (bench_roofline_measure(1, 0.05, &peaks, &err))
        fail_msg("%s", err.text);
    assert_true(bench_roofline_read(peaks, &roof));
    assert_true(json_is_null(json_object_get(peaks, "cache_bytes")) == (roof.cache_bytes == 0));
    for (int i = 0; i < BENCH_PEAK_CACHED; i++)
        assert_true(roof.cached_bytes_per_s[i] > 0);
    assert_true(isfinite(roof.noise_values_per_s) && roof.noise_values_per_s > 0);
    for (int k = 0; k < ZO_COMPUTE_COUNT; k++)
        for (int i = 0; i < ZO_PRECISION_COUNT; i++)
            assert_true((k == ZO_COMPUTE_INT8 && i != ZO_PRECISION_INT8 && i != ZO_PRECISION_NF4) ||
                        (isfinite(roof.unpack_values_per_s[k][i]) && roof.unpack_values_per_s[k][i] > 0 &&
                         isfinite(roof.unpack_few_values_per_s[k][i]) &&
                         roof.unpack_few_values_per_s[k][i] > 0));
    json_decref(peaks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bound_by_arithmetic),        cmocka_unit_test(bound_by_memory),
        cmocka_unit_test(unpacking_waits_for_memory), cmocka_unit_test(caches_have_rates_of_their_own),
        cmocka_unit_test(rates_of_kernels),           cmocka_unit_test(what_a_record_gets),
        cmocka_unit_test(what_counters_say),          cmocka_unit_test(rates_are_measured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
