/* zo_evaluate against the plain forward, choice by choice, on a small random model. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/model/reference.h"
#include "core/kernel/rng.h"
#include "core/train/trainer.h"
#include "core/format/weights.h"

enum { EXAMPLES = 60, MOST = 60, CHOICES = 3 };

static zo_llama *model;
static zo_lora *lora;
static int32_t ids[EXAMPLES][CHOICES][MOST];
static zo_example examples[EXAMPLES];

static int set_up(void **state)
{
    (void)state;
    zo_weights *w = NULL;
    zo_error err = {0};
    zo_lora_options o = {4, 8, ZO_TARGETS_ALL, false, 5};
    if (zo_weights_open("synth:tiny", NULL, &w, &err) ||
        zo_llama_load(w, ZO_PRECISION_F32, MOST, NULL, &model, &err) ||
        zo_lora_new(&model->config, &o, NULL, &lora, &err))
        fail_msg("%s", err.text);
    zo_lora_add_noise(lora, 1, 0, (const double[]){0.1}, 1);
    zo_weights_free(w);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    zo_llama_free(model);
    zo_lora_free(lora);
    return 0;
}

/* Prompts of 1 to 50 tokens; answers of 1 to 4 where by_class is false. The choices of an example share its prompt. */
static zo_dataset make(bool by_class)
{
    zo_dataset d = {.task = zo_task_find(by_class ? "sst2" : "copa"),
                    .examples = examples,
                    .count = EXAMPLES};
    assert_non_null(d.task);
    for (int i = 0; i < EXAMPLES; i++) {
        int32_t prompt = 1 + i * 7 % 50;
        examples[i] = (zo_example){.choices = CHOICES, .label = i % CHOICES};
        for (int c = 0; c < CHOICES; c++) {
            int32_t labels = by_class ? 1 + i % 2 : 1 + (i + c) % 4, n = prompt + labels;
            for (int32_t t = 0; t < n; t++)
                ids[i][c][t] =
                    (int32_t)zo_below(zo_bits(8, (uint64_t)t, (uint32_t)(i * 4 + (t < prompt ? 0 : c))), 512);
            if (by_class) /* label words differ in their first token */
                ids[i][c][prompt] = 100 * c + i;
            examples[i].choice[c] = (zo_sequence){ids[i][c], n, labels};
            d.longest = n > d.longest ? n : d.longest;
            d.most_labels = labels > d.most_labels ? labels : d.most_labels;
        }
    }
    return d;
}

/* Mean cross-entropy of one choice, in double: of its first token alone where by_class. */
static double plain(const zo_example *e, int c, bool by_class)
{
    zo_batch b;
    zo_sequence s = e->choice[c];
    double loss;
    if (by_class) {
        s.n -= s.n_labels - 1;
        s.n_labels = 1;
    }
    assert_int_equal(zo_batch_init(&b, 1, 64, 8, NULL, NULL), ZO_OK);
    zo_batch_fill(&b, &s, 1, 0, 0);
    assert_int_equal(zo_reference_loss(model, lora, &b, 0, 0, (zo_replica){0, 0}, 0, &loss, NULL), ZO_OK);
    zo_batch_deinit(&b);
    return loss;
}

static void count_calls(void *self, int32_t done, int32_t count)
{
    int32_t *last = self;
    assert_true(done > last[0] && done <= count);
    last[0] = done;
    last[1] = count;
}

static void against_plain(void **state)
{
    (void)state;
    for (int by_class = 0; by_class < 2; by_class++) {
        zo_dataset d = make(by_class);
        zo_evaluation e;
        zo_error err = {0};
        uint8_t right[EXAMPLES];
        int32_t last[2] = {0, 0};
        double loss = 0;
        int64_t n_right = 0;
        if (zo_evaluate(model, lora, &d, 0, ZO_COMPUTE_F32, NULL, count_calls, last, right, &e, &err))
            fail_msg("%s", err.text);
        for (int i = 0; i < EXAMPLES; i++) {
            int best = 0;
            double score[CHOICES];
            for (int c = 0; c < CHOICES; c++) {
                score[c] = plain(&examples[i], c, by_class);
                best = score[c] < score[best] ? c : best;
            }
            assert_int_equal(right[i], best == examples[i].label);
            n_right += right[i];
            loss += score[examples[i].label] / EXAMPLES;
        }
        assert_int_equal(e.n, EXAMPLES);
        assert_int_equal(e.right, n_right);
        assert_true(fabs(e.loss - loss) < 1e-5); /* mean of f32 losses of size 6 to 8 */
        assert_true(e.accuracy == (double)n_right / EXAMPLES);
        double p = e.accuracy;
        assert_true(fabs(e.stderr_ - sqrt(p * (1 - p) / (EXAMPLES - 1))) < 1e-12);
        assert_true(n_right > 0 && n_right < EXAMPLES);
        assert_int_equal(last[0], by_class ? EXAMPLES : EXAMPLES * CHOICES);
    }
}

static void not_a_number(void **state)
{
    (void)state;
    zo_dataset d = make(true);
    zo_evaluation e;
    zo_error err = {0};
    float kept = model->final_norm[3];
    model->final_norm[3] = NAN;
    assert_int_equal(zo_evaluate(model, NULL, &d, 0, ZO_COMPUTE_F32, NULL, NULL, NULL, NULL, &e, &err),
                     ZO_ERR_NUMERIC);
    model->final_norm[3] = kept;
}

static void failing_allocations(void **state)
{
    (void)state;
    zo_dataset d = make(true);
    zo_evaluation e;
    for (int n = 1;; n++) {
        zo_mem mem = {.fail_after = n};
        zo_status st = zo_evaluate(model, lora, &d, 0, ZO_COMPUTE_F32, &mem, NULL, NULL, NULL, &e, NULL);
        for (int i = 0; i < ZO_ACCOUNT_COUNT; i++)
            assert_int_equal(atomic_load(&mem.now[i]), 0);
        if (!st) {
            assert_true(n > 10);
            break;
        }
        assert_int_equal(st, ZO_ERR_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(against_plain),
        cmocka_unit_test(not_a_number),
        cmocka_unit_test(failing_allocations),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
