/* rounding.h: figures from readings made by hand, and readings of a small random model in several precisions. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/train/rounding.h"
#include "core/kernel/rng.h"
#include "core/train/trainer_fixture.h"

enum { EXAMPLES = 16, LONGEST = 21, QUERIES = 8, BATCH = 2, STEPS = 2 };

static zo_weights *weights;
static int32_t ids[EXAMPLES][LONGEST];
static zo_example examples[EXAMPLES];
static const zo_dataset data = {.examples = examples,
                                .count = EXAMPLES,
                                .longest = LONGEST,
                                .most_labels = 2};

static int set_up(void **state)
{
    (void)state;
    zo_error err = {0};
    if (zo_weights_open("synth:tiny", NULL, &weights, &err))
        fail_msg("%s", err.text);
    trainer_examples(&data, examples, ids[0], 9);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    zo_weights_free(weights);
    return 0;
}

static void near(const char *what, double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%s: %.17g, expected %.17g +- %g", what, value, expected, tolerance);
}

/* Two steps of two queries with eps = 1/2, so that g is a difference of losses; two logits per row. */
static void by_hand(void **state)
{
    (void)state;
    float logits[] = {0, 1, 2, 2}, logits_f32[] = {0, 0, 2, 3};
    double loss[] = {1.5, 2}, loss_f32[] = {1, 2};
    double exact[] = {4, 1, 2, 6, 5, 5, 3, 1};              /* g: 3, -4, 0, 2 */
    double computed[] = {4.5, 1.5, 2, 6.25, 5.25, 5, 3, 1}; /* g: 3, -4.25, 0.25, 2 */
    double exact_f32[] = {4, 2, 2, 4, 5, 6, 1, 2};          /* g: 2, -2, -1, -1 */
    const zo_readings quantized = {.steps = 2,
                                   .vocab = 2,
                                   .method = ZO_METHOD_RGE,
                                   .estimator = {.queries = 2, .eps = 0.5},
                                   .rows = 2,
                                   .logits = logits,
                                   .loss = loss,
                                   .computed = computed,
                                   .exact = exact},
                      f32 = {.steps = 2,
                             .vocab = 2,
                             .method = ZO_METHOD_RGE,
                             .estimator = {.queries = 2, .eps = 0.5},
                             .rows = 2,
                             .logits = logits_f32,
                             .loss = loss_f32,
                             .computed = exact_f32,
                             .exact = exact_f32};
    zo_rounding n = zo_rounding_compare(&quantized, &quantized, &f32);
    assert_int_equal(n.samples, 4);
    near("signal", n.signal_rms, sqrt((9 + 16 + 4) / 4.0), 1e-15);
    near("noise", n.noise_rms, sqrt((0.0625 + 0.0625) / 4), 1e-15);
    near("snr", n.snr, sqrt(29 / 0.125), 1e-12);
    near("noise of a loss", n.loss_noise_rms, sqrt((0.25 + 0.25 + 0.0625 + 0.0625) / 8), 1e-15);
    near("correlation", n.correlation, (6 + 8 - 2) / sqrt(29.0 * 10), 1e-15);
    near("signs", n.same_sign, 3 / 4.0, 0); /* 0 and -1 count as equal: neither is positive */
    near("loss", n.loss, 1.75, 0);
    near("change of the loss", n.loss_change, 0.25, 0);
    near("logits", n.logit_rms, sqrt((0 + 0 + 0.25 + 0.25) / 4), 1e-15);
    near("change of logits", n.logit_change_rms, sqrt((1 + 1) / 4.0), 1e-15);
    near("largest change of logits", n.logit_change_max, 1, 0);
    /* row 0: p_f32 = 1/2, 1/2 against 1, e over 1 + e; row 1: 1, e over 1 + e against 1/2, 1/2 */
    double p = 1 / (1 + exp(1)), first = -log(2) - 0.5 * (log(p) + log(1 - p)),
           second = p * log(p) + (1 - p) * log(1 - p) + log(2);
    near("divergence", n.kl, (first + second) / 2, 1e-15);
    near("same top", n.same_top, 0, 0);
    n = zo_rounding_compare(&f32, &f32, &f32);
    assert_true(isinf(n.snr) && n.kl == 0 && n.same_top == 1 && n.same_sign == 1);
    near("correlation with itself", n.correlation, 1, 1e-15);
}

/* A model in a precision with an adapter. */
typedef struct rig {
    zo_mem mem;
    zo_llama *m;
    zo_lora *lora;
} rig;

static void rig_up(rig *r, zo_precision precision)
{
    zo_error err = {0};
    *r = (rig){.m = NULL};
    zo_status st = zo_llama_load(weights, precision, 32, &r->mem, &r->m, &err);
    zo_lora_options l = {4, 8, ZO_TARGETS_ALL, false, zo_seed_for(42, "adapter init")};
    if (!st)
        st = zo_lora_new(&r->m->config, &l, &r->mem, &r->lora, &err);
    if (st)
        fail_msg("%s", err.text);
    zo_lora_add_noise(r->lora, 99, 0, (const double[]){0.02}, 1);
}

static void rig_down(rig *r)
{
    zo_lora_free(r->lora);
    zo_llama_free(r->m);
    for (int i = 0; i < ZO_ACCOUNT_COUNT; i++)
        assert_int_equal(atomic_load(&r->mem.now[i]), 0);
}

static zo_trainer_options options(zo_compute compute, double eps)
{
    return (zo_trainer_options){.method = ZO_METHOD_PRGE,
                                .peft = ZO_PEFT_LORA_FA,
                                .estimator = {QUERIES, ZO_PARALLEL_BOTH, eps, 1e-2},
                                .batch = BATCH,
                                .seed = 42,
                                .compute = compute};
}

static void read_model(zo_precision precision, zo_compute compute, double eps, zo_readings *out)
{
    rig r;
    zo_error err = {0};
    rig_up(&r, precision);
    zo_trainer_options o = options(compute, eps);
    if (zo_rounding_read(r.m, r.lora, &data, &o, 0, STEPS, true, NULL, NULL, NULL, out, &err))
        fail_msg("%s", err.text);
    rig_down(&r);
}

/* What each precision must show. The f32 forward errs by some 2^-24 of a loss near 6, a bf16 one by some 2^-9 of
 * activations: 2^15 times as much, of which averaging over the width leaves a part. */
static void precisions(void **state)
{
    (void)state;
    static const struct {
        zo_precision precision;
        zo_compute compute;
    } cells[] = {{ZO_PRECISION_F32, ZO_COMPUTE_F32},   {ZO_PRECISION_F16, ZO_COMPUTE_F32},
                 {ZO_PRECISION_BF16, ZO_COMPUTE_F32},  {ZO_PRECISION_INT8, ZO_COMPUTE_F32},
                 {ZO_PRECISION_NF4, ZO_COMPUTE_F32},   {ZO_PRECISION_F32, ZO_COMPUTE_BF16},
                 {ZO_PRECISION_BF16, ZO_COMPUTE_BF16}, {ZO_PRECISION_INT8, ZO_COMPUTE_BF16},
                 {ZO_PRECISION_NF4, ZO_COMPUTE_BF16},  {ZO_PRECISION_INT8, ZO_COMPUTE_INT8},
                 {ZO_PRECISION_NF4, ZO_COMPUTE_INT8}};
    enum { CELLS = sizeof cells / sizeof cells[0] };
    zo_readings r[CELLS];
    zo_rounding n[CELLS];
    for (int i = 0; i < CELLS; i++) {
        read_model(cells[i].precision, cells[i].compute, 1e-2, &r[i]);
        n[i] = zo_rounding_compare(&r[i], &r[i], &r[0]);
        print_message("%4s %4s: loss %+.2g, logits %.2g of %.2g, kl %.2g; signal %.3g, noise %.2g, snr %.3g; "
                      "correlation %.5f, signs %.2f\n",
                      zo_precision_name(cells[i].precision), zo_compute_name(cells[i].compute),
                      n[i].loss_change, n[i].logit_change_rms, n[i].logit_rms, n[i].kl, n[i].signal_rms,
                      n[i].noise_rms, n[i].snr, n[i].correlation, n[i].same_sign);
        bool exact = cells[i].compute == ZO_COMPUTE_F32;
        assert_true(n[i].snr > (exact ? 1e3 : 2) && n[i].snr < (exact ? 1e7 : 1e3));
        assert_true(n[i].correlation > 0.8 && n[i].correlation < 1 + 1e-12);
    }
    assert_true(n[0].logit_change_max == 0 && n[0].loss_change == 0 && n[0].same_top == 1);
    /* fewer bits, farther from f32 */
    assert_true(n[1].logit_change_rms < n[2].logit_change_rms &&
                n[2].logit_change_rms < n[4].logit_change_rms &&
                n[3].logit_change_rms < n[4].logit_change_rms);
    assert_true(n[1].correlation > n[2].correlation && n[2].correlation > n[4].correlation &&
                n[3].correlation > n[4].correlation);
    /* eight bits of a block of activations are less than eight of each */
    assert_true(n[9].noise_rms > n[7].noise_rms && n[10].noise_rms > n[8].noise_rms);
    /* the effect of weights does not depend on compute: it is exact */
    near("correlation", n[8].correlation, n[4].correlation, 0);
    for (int i = 0; i < CELLS; i++)
        zo_readings_deinit(&r[i]);
}

/* Rounding errors of a loss do not depend on eps, the noise of g goes as 1 / eps: ten times as much with a tenth. Of
 * 16 samples each, two rms differ from their means by a quarter at times, hence 4 to 25. */
static void noise_follows_eps(void **state)
{
    (void)state;
    zo_readings a, b;
    read_model(ZO_PRECISION_BF16, ZO_COMPUTE_BF16, 1e-2, &a);
    read_model(ZO_PRECISION_BF16, ZO_COMPUTE_BF16, 1e-3, &b);
    zo_rounding at = zo_rounding_compare(&a, &a, &a), tenth = zo_rounding_compare(&b, &b, &b);
    double ratio = tenth.noise_rms / at.noise_rms;
    print_message("noise at eps 0.01: %.3g, at 0.001: %.3g\n", at.noise_rms, tenth.noise_rms);
    assert_true(ratio > 4 && ratio < 25);
    near("signal", tenth.signal_rms, at.signal_rms, 0.1 * at.signal_rms); /* curvature */
    zo_readings_deinit(&a);
    zo_readings_deinit(&b);
}

/* The losses are those of a trainer's steps, from the step that was asked for, and nothing has moved. */
static void reads_what_steps_compute(void **state)
{
    (void)state;
    rig r;
    zo_error err = {0};
    zo_readings read;
    zo_trainer *t;
    zo_step_report report;
    rig_up(&r, ZO_PRECISION_INT8);
    zo_trainer_options o = options(ZO_COMPUTE_BF16, 1e-2);
    size_t bytes = (size_t)r.lora->trainable * sizeof(float);
    float *before = malloc(bytes);
    assert_non_null(before);
    memcpy(before, r.lora->storage_b, bytes);
    if (zo_rounding_read(r.m, r.lora, &data, &o, 3, 1, false, NULL, NULL, &r.mem, &read, &err))
        fail_msg("%s", err.text);
    assert_null(read.exact);
    assert_memory_equal(before, r.lora->storage_b, bytes);
    assert_int_equal(zo_trainer_new(r.m, r.lora, &data, &o, NULL, &t, &err), ZO_OK);
    zo_trainer_seek(t, 3);
    assert_int_equal(zo_trainer_step(t, &report, &err), ZO_OK);
    assert_int_equal(read.rows, report.batch->labels);
    assert_int_equal(report.replicas, 2 * QUERIES);
    assert_memory_equal(read.computed, report.losses.loss, 2 * QUERIES * sizeof(double));
    zo_trainer_free(t);
    zo_readings_deinit(&read);
    free(before);
    rig_down(&r);
}

static void fails(void **state)
{
    (void)state;
    rig r;
    zo_readings read;
    zo_trainer_options o = options(ZO_COMPUTE_F32, 1e-2);
    rig_up(&r, ZO_PRECISION_F32);
    zo_error err = {0};
    assert_int_equal(zo_rounding_read(r.m, NULL, &data, &o, 0, 1, false, NULL, NULL, NULL, &read, &err),
                     ZO_ERR_UNSUPPORTED);
    for (int n = 1;; n++) {
        zo_mem mem = {.fail_after = n};
        err = (zo_error){0};
        zo_status st = zo_rounding_read(r.m, r.lora, &data, &o, 0, 1, true, NULL, NULL, &mem, &read, &err);
        if (!st) {
            assert_true(n > 20);
            zo_readings_deinit(&read);
        } else {
            assert_int_equal(st, ZO_ERR_MEMORY);
        }
        assert_null(read.logits);
        for (int i = 0; i < ZO_ACCOUNT_COUNT; i++)
            assert_int_equal(atomic_load(&mem.now[i]), 0);
        if (!st)
            break;
    }
    rig_down(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand),
        cmocka_unit_test(precisions),
        cmocka_unit_test(noise_follows_eps),
        cmocka_unit_test(reads_what_steps_compute),
        cmocka_unit_test(fails),
    };
    return cmocka_run_group_tests_name("numerics", tests, set_up, tear_down);
}
