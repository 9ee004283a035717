/* lora.h and noise.h: shapes, the draw of A, noise applied to adapters, replicas. */
#include <math.h>
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/model/lora.h"
#include "core/kernel/rng.h"
#include "core/format/weights.h"
#include "core/format/synth.h"

static zo_config config(const char *name)
{
    zo_config c;
    assert_true(zo_synth_config(name, &c));
    return c;
}

static zo_lora *adapter(const zo_config *c, int32_t rank, uint32_t targets, bool train_a, zo_mem *mem)
{
    zo_lora *l = NULL;
    zo_error err = {0};
    zo_lora_options o = {rank, 2.0 * rank, targets, train_a, 77};
    if (zo_lora_new(c, &o, mem, &l, &err))
        fail_msg("%s", err.text);
    return l;
}

/* Trainable parameters of the paper's two models (arXiv:2409.15520, rank 16, all seven modules, B only). */
static void published_counts(void **state)
{
    (void)state;
    const struct {
        const char *name;
        int64_t trainable;
    } cases[] = {{"tinyllama-1.1b", 6307840}, {"llama2-7b", 21757952}};
    for (int i = 0; i < 2; i++) {
        zo_config c = config(cases[i].name);
        zo_lora *l = adapter(&c, 16, ZO_TARGETS_ALL, false, NULL);
        assert_int_equal(l->trainable, cases[i].trainable);
        zo_lora_free(l);
    }
}

/* A: uniform within 1/sqrt(in), mean 0 and variance bound^2 / 3 within 5 standard errors; Bw: 0. */
static void initial_values(void **state)
{
    (void)state;
    zo_config c = config("tiny");
    zo_lora *l = adapter(&c, 16, ZO_TARGETS_ALL, false, NULL);
    for (int32_t i = 0; i < c.layers * ZO_TARGET_COUNT; i++) {
        const zo_lora_pair *p = &l->pairs[i];
        double bound = 1 / sqrt((double)p->in), mean = 0, square = 0;
        int64_t n = 16 * p->in;
        for (int64_t j = 0; j < n; j++) {
            assert_true(fabs(p->a[j]) <= bound);
            mean += p->a[j] / bound / (double)n;
            square += p->a[j] / bound * p->a[j] / bound / (double)n;
        }
        assert_true(fabs(mean) < 5 * sqrt(1 / 3.0 / (double)n));
        assert_true(fabs(square - 1 / 3.0) < 5 * sqrt(4 / 45.0 / (double)n));
        for (int64_t j = 0; j < 16 * p->out; j++)
            assert_true(p->b[j] == 0);
    }
    zo_lora_free(l);
}

static void chosen_targets(void **state)
{
    (void)state;
    zo_config c = config("tiny");
    zo_mem mem = {0};
    uint32_t targets = 1u << ZO_TARGET_Q | 1u << ZO_TARGET_V;
    zo_lora *l = adapter(&c, 8, targets, true, &mem);
    int64_t want = 0;
    for (int32_t layer = 0; layer < c.layers; layer++) {
        for (int t = 0; t < ZO_TARGET_COUNT; t++) {
            const zo_lora_pair *p = zo_lora_at(l, layer, t);
            assert_int_equal(p->a != NULL, (targets >> t) & 1);
            assert_int_equal(p->b != NULL, (targets >> t) & 1);
            assert_int_equal(p->tensor_b, 2 * (layer * ZO_TARGET_COUNT + t));
            want += p->a ? 8 * (p->in + p->out) : 0;
        }
    }
    assert_int_equal(l->trainable, want);
    assert_true(l->scale == 2.0f);
    assert_int_equal(atomic_load(&mem.now[ZO_ACCOUNT_ADAPTER]), zo_lora_bytes(&c, &l->options));
    assert_true(atomic_load(&mem.now[ZO_ACCOUNT_ADAPTER]) >= (size_t)want * sizeof(float));
    zo_lora_free(l);
    assert_int_equal(atomic_load(&mem.now[ZO_ACCOUNT_ADAPTER]), 0);
}

/* theta + sum_i coef_i z_i in plain loops, in the same order of f32 operations. */
static void assert_moved(const float *x, const float *was, int64_t n, uint32_t tensor, const double *coef,
                         int32_t q)
{
    float *z = malloc((size_t)(n * q) * sizeof *z);
    assert_non_null(z);
    for (int32_t i = 0; i < q; i++)
        zo_normals((zo_noise_at){9, 3, (uint32_t)i, tensor}, 0, n, z + i * n);
    for (int64_t j = 0; j < n; j++) {
        float want = was[j];
        for (int32_t i = 0; i < q; i++) {
            float step = (float)coef[i] * z[i * n + j];
            want = coef[i] == 0 ? want : want + step;
        }
        assert_memory_equal(&x[j], &want, sizeof want);
    }
    free(z);
}

/* Bit for bit the plain loop, for any number of threads, and only what is trained moves. */
static void add_noise(void **state)
{
    (void)state;
    const double coef[] = {0.5, 0, -1e-3};
    int before = omp_get_max_threads();
    for (int threads = 1; threads <= 3; threads++) {
        for (int train_a = 0; train_a < 2; train_a++) {
            zo_config c = config("tiny");
            zo_lora *l = adapter(&c, 48, ZO_TARGETS_ALL, train_a, NULL);
            zo_lora *was = adapter(&c, 48, ZO_TARGETS_ALL, train_a, NULL);
            omp_set_num_threads(threads);
            zo_lora_add_noise(l, 9, 3, coef, 3);
            for (int32_t i = 0; i < c.layers * ZO_TARGET_COUNT; i++) {
                const zo_lora_pair *p = &l->pairs[i], *w = &was->pairs[i];
                const double none[] = {0, 0, 0};
                assert_moved(p->b, w->b, 48 * p->out, p->tensor_b, coef, 3);
                assert_moved(p->a, w->a, 48 * p->in, p->tensor_a, train_a ? coef : none, 3);
            }
            zo_lora_free(l);
            zo_lora_free(was);
        }
    }
    omp_set_num_threads(before);
}

static void refused(void **state)
{
    (void)state;
    zo_config c = config("tiny");
    const zo_lora_options bad[] = {
        {0, 16, ZO_TARGETS_ALL, false, 1},
        {c.width + 1, 16, ZO_TARGETS_ALL, false, 1},
        {8, 0, ZO_TARGETS_ALL, false, 1},
        {8, NAN, ZO_TARGETS_ALL, false, 1},
        {8, 16, 0, false, 1},
        {8, 16, 1u << ZO_TARGET_COUNT, false, 1},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        zo_lora *l;
        zo_error err = {0};
        assert_int_equal(zo_lora_new(&c, &bad[i], NULL, &l, &err), ZO_ERR_INVALID);
        assert_null(l);
        assert_true(strncmp(err.text, "adapter: ", 9) == 0);
    }
    const zo_lora_options good = {8, 16, ZO_TARGETS_ALL, false, 1};
    for (int n = 1; n <= 4; n++) { /* each of the four allocations fails once */
        zo_mem mem = {.fail_after = n};
        zo_lora *l;
        assert_int_equal(zo_lora_new(&c, &good, &mem, &l, NULL), ZO_ERR_MEMORY);
        assert_int_equal(atomic_load(&mem.now[ZO_ACCOUNT_ADAPTER]), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_counts), cmocka_unit_test(initial_values),
        cmocka_unit_test(chosen_targets),   cmocka_unit_test(add_noise),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
