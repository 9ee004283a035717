/* checkpoint.h for methods that keep something from step to step, with a method made here; cell_test.c tests the rest on whole
 * cells. */
#include "bench/cell/checkpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/base/folder.h"
#include "core/format/weights.h"

enum { Q = 3, STEPS = 10 };

/* Momentum of each query's projected gradient with a correction for the first steps, and a sum over steps of all Bw. */
typedef struct kept {
    double steps, momentum[Q];
    float sum[]; /* (P) */
} kept;

static size_t kept_bytes(int32_t q, int64_t parameters)
{
    assert_int_equal(q, Q);
    return sizeof(kept) + (size_t)parameters * sizeof(float);
}

static zo_status update(const zo_estimator_options *o, const zo_problem *problem, void *state, uint32_t step,
                        const double *projected, zo_error *err)
{
    kept *k = state;
    double corrected[Q], left = 1;
    const zo_lora *lora = problem->self;
    ++k->steps;
    for (int i = 0; i < k->steps; i++)
        left *= 0.9;
    for (int i = 0; i < o->queries; i++) {
        k->momentum[i] = 0.9 * k->momentum[i] + 0.1 * projected[i];
        corrected[i] = k->momentum[i] / (1 - left) + 1e-3 * k->sum[i];
    }
    for (int64_t i = 0; i < lora->trainable; i++)
        k->sum[i] += lora->storage_b[i];
    return zo_estimator_sgd(o, problem, NULL, step, corrected, err);
}

/* Half the distance of Bw of the first map from 1, squared, over its number of values. */
static zo_status losses(void *self, uint32_t step, double eps, const zo_replica *r, int32_t n, double *loss,
                        zo_error *err)
{
    const zo_lora *lora = self;
    const zo_lora_pair *p = &lora->pairs[0];
    const int64_t values = p->out * lora->options.rank;
    float *z = malloc((size_t)values * sizeof *z);
    (void)err;
    assert_non_null(z);
    for (int32_t i = 0; i < n; i++) {
        zo_normals((zo_noise_at){7, step, r[i].query, p->tensor_b}, 0, values, z);
        loss[i] = 0;
        for (int64_t j = 0; j < values; j++) {
            double far = p->b[j] + r[i].sign * eps * z[j] - 1;
            loss[i] += far * far / (2 * (double)values);
        }
    }
    free(z);
    return ZO_OK;
}

static zo_status add_noise(void *self, uint32_t step, const double *coef, int32_t q, zo_error *err)
{
    (void)err;
    zo_lora_add_noise(self, 7, step, coef, q);
    return ZO_OK;
}

/* An adapter with what its method keeps, and where it is saved. */
typedef struct rig {
    zo_config config;
    zo_lora *lora;
    zo_estimator method;
    bench_history history;
    json_t *model;
    char dir[256];
    bench_checkpoint checkpoint;
} rig;

static void bring_up(rig *r, bool keeps)
{
    const zo_lora_options o = {.rank = 4, .alpha = 8, .targets = ZO_TARGETS_ALL, .seed = 5};
    const char *tmp = getenv("TMPDIR");
    zo_weights *w = NULL;
    *r = (rig){.model = json_pack("{s:s, s:s}", "path", "synth:tiny", "sha256", "0")};
    assert_int_equal(zo_weights_open("synth:tiny", NULL, &w, NULL), ZO_OK);
    r->config = *zo_weights_config(w);
    zo_weights_free(w);
    assert_int_equal(zo_lora_new(&r->config, &o, NULL, &r->lora, NULL), ZO_OK);
    r->method = zo_estimator_prge;
    if (keeps) {
        r->method.update = update;
        r->method.state_bytes = kept_bytes;
    }
    assert_int_equal(bench_history_init(&r->history, NULL), ZO_OK);
    snprintf(r->dir, sizeof r->dir, "%s/checkpoint_test", tmp ? tmp : "/tmp");
    assert_int_equal(bench_folder_make(r->dir, NULL), ZO_OK);
    r->checkpoint = (bench_checkpoint){r->dir, "0123456789ab", 0, r->model, "tiny", NULL, 0};
    r->checkpoint.state_bytes = zo_estimator_state_bytes(&r->method, Q, r->lora->trainable);
    r->checkpoint.state = calloc(r->checkpoint.state_bytes + 1, 1);
    assert_non_null(r->checkpoint.state);
}

static void take_down(rig *r)
{
    zo_lora_free(r->lora);
    free(r->checkpoint.state);
    bench_history_deinit(&r->history);
    json_decref(r->model);
}

static void steps(rig *r, uint32_t from, uint32_t to)
{
    const zo_estimator_options o = {Q, ZO_PARALLEL_BOTH, 1e-2, 0.1};
    for (uint32_t s = from; s < to; s++) {
        double loss[2 * Q], projected[Q];
        zo_step out = {loss, projected, 0};
        const zo_problem problem = {r->lora, losses, add_noise};
        assert_int_equal(zo_estimator_step(&r->method, &o, &problem, r->checkpoint.state, s, &out, NULL),
                         ZO_OK);
    }
}

static bool load(rig *r, int64_t *step, zo_error *err)
{
    bool found;
    assert_int_equal(bench_checkpoint_load(&r->checkpoint, &r->config, NULL, &r->lora, step, &r->history,
                                           &found, err),
                     ZO_OK);
    return found;
}

static void save(const rig *r, int64_t step)
{
    assert_int_equal(bench_checkpoint_save(&r->checkpoint, step, r->lora, &r->history, NULL), ZO_OK);
}

static char *state_file(const rig *r, int step)
{
    return bench_folder_path("%s/adapter-%d/method_state.bin", r->dir, step);
}

/* Interrupted after any step and taken up in a new place, all is bit for bit what it is without. */
static void resumed_equals_uninterrupted(void **state)
{
    rig whole, part;
    (void)state;
    bring_up(&whole, true);
    steps(&whole, 0, STEPS);
    for (int at = 1; at < STEPS; at++) {
        int64_t step = -1;
        bring_up(&part, true);
        steps(&part, 0, (uint32_t)at);
        save(&part, at);
        take_down(&part);
        bring_up(&part, true);
        assert_true(load(&part, &step, NULL));
        assert_int_equal(step, at);
        steps(&part, (uint32_t)at, STEPS);
        assert_memory_equal(part.lora->storage_b, whole.lora->storage_b,
                            (size_t)whole.lora->trainable * sizeof(float));
        assert_memory_equal(part.checkpoint.state, whole.checkpoint.state, whole.checkpoint.state_bytes);
        take_down(&part);
    }
    assert_int_equal(bench_folder_remove(whole.dir, NULL), ZO_OK);
    take_down(&whole);
}

/* Without what the method keeps, or with more or less, a checkpoint is none, and nothing has changed. */
static void a_state_that_does_not_fit(void **state)
{
    rig r, other;
    int64_t step = -1;
    (void)state;
    bring_up(&r, true);
    steps(&r, 0, 2);
    save(&r, 2);
    char *file = state_file(&r, 2);
    for (int more = -1; more <= 2; more++) { /* 2: no file */
        zo_error err = {0};
        bring_up(&other, true);
        if (more == 2)
            assert_int_equal(unlink(file), 0);
        else
            assert_int_equal(truncate(file, (off_t)r.checkpoint.state_bytes + more), 0);
        assert_int_equal(load(&other, &step, &err), more == 0);
        assert_int_equal(err.status, more == 2 ? ZO_ERR_IO : more ? ZO_ERR_FORMAT : ZO_OK);
        assert_int_equal(step, more < 0 ? -1 : 2);
        assert_int_equal(*(double *)other.checkpoint.state, more ? 0 : 2);
        assert_int_equal(other.lora->storage_b[0] != 0, more == 0);
        take_down(&other);
    }
    free(file);
    assert_int_equal(bench_folder_remove(r.dir, NULL), ZO_OK);
    take_down(&r);
}

/* No file for a method that keeps nothing, and none is asked for. */
static void a_method_that_keeps_nothing(void **state)
{
    rig r;
    int64_t step = -1;
    (void)state;
    bring_up(&r, false);
    save(&r, 4);
    char *file = state_file(&r, 4);
    assert_int_not_equal(access(file, F_OK), 0);
    free(file);
    assert_true(load(&r, &step, NULL));
    assert_int_equal(step, 4);
    assert_int_equal(bench_folder_remove(r.dir, NULL), ZO_OK);
    take_down(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resumed_equals_uninterrupted),
        cmocka_unit_test(a_state_that_does_not_fit),
        cmocka_unit_test(a_method_that_keeps_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
