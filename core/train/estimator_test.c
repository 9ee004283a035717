/* estimator.h on problems whose gradients are known in closed form. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/train/estimator.h"
#include "core/kernel/rng.h"

#define P 6

/* loss = sum_j d_j (theta_j - c_j)^2 / 2 + k sum_j theta_j^3 in double; noise from zo_normals. */
typedef struct toy {
    double theta[P], c[P], d[P], cubic;
    int calls, updates;
    int32_t replicas_seen[2 * ZO_MAX_QUERIES];
    double coef[ZO_MAX_QUERIES];
    int32_t poison; /* >= 0: the losses of this query are NaN */
} toy;

static void noise(uint32_t step, uint32_t query, float z[P])
{
    zo_normals((zo_noise_at){11, step, query, 0}, 0, P, z);
}

static zo_status toy_losses(void *self, uint32_t step, double eps, const zo_replica *r, int32_t n,
                            double *loss, zo_error *err)
{
    (void)err;
    toy *t = self;
    t->replicas_seen[t->calls++] = n;
    for (int32_t i = 0; i < n; i++) {
        float z[P];
        noise(step, r[i].query, z);
        loss[i] = (int32_t)r[i].query == t->poison ? NAN : 0;
        for (int j = 0; j < P; j++) {
            double x = t->theta[j] + r[i].sign * eps * z[j], far = x - t->c[j];
            loss[i] += t->d[j] * far * far / 2 + t->cubic * x * x * x;
        }
    }
    return ZO_OK;
}

static zo_status toy_update(void *self, uint32_t step, const double *coef, int32_t q, zo_error *err)
{
    (void)err;
    toy *t = self;
    t->updates++;
    memcpy(t->coef, coef, (size_t)q * sizeof *coef);
    for (int32_t i = 0; i < q; i++) {
        float z[P];
        noise(step, (uint32_t)i, z);
        for (int j = 0; j < P; j++)
            t->theta[j] += coef[i] * z[j];
    }
    return ZO_OK;
}

static toy new_toy(double cubic)
{
    return (toy){.theta = {0.3, -1, 2, 0, 0.5, -0.2},
                 .c = {1, 1, -1, 0.5, 0, 0},
                 .d = {1, 2, 0.5, 3, 1, 0.1},
                 .cubic = cubic,
                 .poison = -1};
}

static double gradient(const toy *t, int j)
{
    return t->d[j] * (t->theta[j] - t->c[j]) + 3 * t->cubic * t->theta[j] * t->theta[j];
}

typedef struct figures {
    double loss[64], projected[64];
} figures;

static zo_status one_step(toy *t, int32_t q, zo_parallel p, double eps, double lr, uint32_t step, figures *f,
                          zo_step *out, zo_error *err)
{
    zo_problem problem = {t, toy_losses, toy_update};
    zo_estimator_options o = {q, p, eps, lr};
    *out = (zo_step){f->loss, f->projected, 0};
    return zo_estimator_step(&zo_estimator_prge, &o, &problem, NULL, step, out, err);
}

/* How many forwards of how many replicas each parallelism makes (the table of the design). */
static void forwards_and_replicas(void **state)
{
    (void)state;
    for (int p = 0; p < ZO_PARALLEL_COUNT; p++) {
        for (int32_t q = 1; q <= 16; q *= 4) {
            const int32_t want[ZO_PARALLEL_COUNT][2] = {{2 * q, 1}, {q, 2}, {2, q}, {1, 2 * q}};
            toy t = new_toy(0);
            figures f;
            zo_step out;
            assert_int_equal(one_step(&t, q, p, 1e-2, 0, 0, &f, &out, NULL), ZO_OK);
            assert_int_equal(t.calls, want[p][0]);
            zo_estimator_cost cost = zo_estimator_count(&zo_estimator_prge, p, false, q);
            assert_int_equal(cost.losses, 2 * q);
            assert_int_equal(cost.forwards, want[p][0]);
            assert_int_equal(cost.replicas, want[p][1]);
            /* the two signs share their noise where they share a forward, and the update makes it once more */
            assert_int_equal(cost.drawn, p == ZO_PARALLEL_NONE || p == ZO_PARALLEL_OUTER ? 2 * q : q);
            assert_int_equal(cost.moved, q);
            assert_int_equal(cost.sweeps, 1);
            for (int i = 0; i < t.calls; i++)
                assert_int_equal(t.replicas_seen[i], want[p][1]);
        }
    }
}

/* In place theta goes to + and -, and on to the next query's +: 3 q - 1 directions, and the update's q. */
static void in_place(void **state)
{
    (void)state;
    for (int32_t q = 1; q <= ZO_MAX_QUERIES; q *= 4) {
        zo_estimator_cost cost = zo_estimator_count(&zo_estimator_mezo, ZO_PARALLEL_NONE, true, q);
        assert_int_equal(cost.losses, 2 * q);
        assert_int_equal(cost.forwards, 2 * q);
        assert_int_equal(cost.replicas, 1);
        assert_int_equal(cost.drawn, 0);
        assert_int_equal(cost.moved, 4 * q - 1);
        assert_int_equal(cost.sweeps, 2 * q + 1);
    }
}

/* What every row must keep to. */
static void rows(void **state)
{
    (void)state;
    for (int m = 0; m < ZO_METHOD_COUNT; m++) {
        const zo_estimator *e = zo_estimator_of((zo_method)m);
        assert_string_equal(zo_method_name((zo_method)m), e->name);
        for (int k = 0; k < m; k++)
            assert_string_not_equal(zo_method_name((zo_method)k), e->name);
        assert_true(e->parallels >> e->parallel & 1);
        assert_true(!e->in_place || !zo_estimator_batches(e));
        if (!e->losses)
            continue;
        assert_non_null(e->paper);
        assert_true(e->losses(ZO_MAX_QUERIES) <= ZO_MAX_LOSSES);
        for (int32_t q = 1; q <= ZO_MAX_QUERIES; q *= 4) {
            bool seen[ZO_MAX_QUERIES][3] = {{false}};
            int32_t groups = 0;
            for (int32_t i = 0; i < e->losses(q); i++) {
                zo_replica r = e->replica(q, i);
                assert_true(r.query < (uint32_t)q && r.sign >= -1 && r.sign <= 1 &&
                            !seen[r.query][r.sign + 1]);
                seen[r.query][r.sign + 1] = true;
            }
            for (int32_t i = 0; i < e->losses(q); i += zo_estimator_of_query(e, q, i))
                groups++;
            assert_true(groups <= q); /* a query's replicas are neighbours */
        }
    }
    assert_null(zo_estimator_of(ZO_METHOD_COUNT));
    assert_null(zo_method_name(ZO_METHOD_COUNT));
}

static void lists(void **state)
{
    (void)state;
    char out[32];
    assert_string_equal(zo_parallel_list(1, out), "none");
    assert_string_equal(zo_parallel_list(1u << ZO_PARALLEL_NONE | 1u << ZO_PARALLEL_BOTH, out),
                        "none or both");
    assert_string_equal(zo_parallel_list(zo_estimator_prge.parallels, out), "none, inner, outer or both");
}

/* A row of another kind: one-sided differences from the loss at theta, and a state of its own. */
static int32_t one_more(int32_t q)
{
    return q + 1;
}

static zo_replica base_first(int32_t q, int32_t i)
{
    (void)q;
    return i ? (zo_replica){+1, (uint32_t)i - 1} : (zo_replica){0, 0};
}

static void from_base(const zo_estimator_options *o, const double *loss, double *projected)
{
    for (int32_t i = 0; i < o->queries; i++)
        projected[i] = (loss[i + 1] - loss[0]) / o->eps;
}

static zo_status with_momentum(const zo_estimator_options *o, const zo_problem *problem, void *state,
                               uint32_t step, const double *projected, zo_error *err)
{
    double *m = state;
    for (int32_t i = 0; i < o->queries; i++)
        m[i] = 0.5 * m[i] + projected[i];
    return zo_estimator_sgd(o, problem, state, step, m, err);
}

static size_t a_momentum_each(int32_t q, int64_t parameters)
{
    (void)parameters;
    return (size_t)q * sizeof(double);
}

static const zo_estimator one_sided = {.name = "one-sided",
                                       .parallels = 1u << ZO_PARALLEL_NONE | 1u << ZO_PARALLEL_OUTER |
                                                    1u << ZO_PARALLEL_BOTH,
                                       .parallel = ZO_PARALLEL_BOTH,
                                       .noise = zo_normals,
                                       .losses = one_more,
                                       .replica = base_first,
                                       .project = from_base,
                                       .update = with_momentum,
                                       .state_bytes = a_momentum_each};

static void a_row_of_another_kind(void **state)
{
    enum { Q = 3 };
    static const struct {
        zo_parallel parallel;
        int32_t forwards, seen[Q + 1];
    } cases[] = {{ZO_PARALLEL_NONE, Q + 1, {1, 1, 1, 1}},
                 {ZO_PARALLEL_OUTER, 2, {1, Q}},
                 {ZO_PARALLEL_BOTH, 1, {Q + 1}}};
    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        toy t = new_toy(0.1);
        figures f;
        zo_problem problem = {&t, toy_losses, toy_update};
        zo_estimator_options o = {Q, cases[c].parallel, 1e-3, 1e-2};
        double kept[Q] = {0}, m[Q] = {0};
        for (uint32_t step = 0; step < 2; step++) {
            zo_step out = {f.loss, f.projected, 0};
            double base, mean = 0;
            t.calls = 0;
            toy_losses(&t, step, o.eps, &(zo_replica){0, 0}, 1, &base, NULL);
            t.calls = 0;
            assert_int_equal(zo_estimator_step(&one_sided, &o, &problem, kept, step, &out, NULL), ZO_OK);
            assert_int_equal(t.calls, cases[c].forwards);
            assert_memory_equal(t.replicas_seen, cases[c].seen, (size_t)t.calls * sizeof(int32_t));
            assert_true(f.loss[0] == base);
            for (int i = 0; i <= Q; i++)
                mean += f.loss[i] / (Q + 1);
            assert_true(fabs(out.mean - mean) < 1e-14 * mean);
            for (int i = 0; i < Q; i++) {
                assert_true(f.projected[i] == (f.loss[i + 1] - base) / o.eps);
                m[i] = 0.5 * m[i] + f.projected[i];
                assert_true(t.coef[i] == -o.lr * m[i] / Q);
            }
        }
        zo_estimator_cost cost = zo_estimator_count(&one_sided, o.parallel, false, Q);
        assert_int_equal(cost.losses, Q + 1);
        assert_int_equal(cost.forwards, cases[c].forwards);
        assert_int_equal(cost.drawn, Q);
        assert_int_equal(cost.moved, Q);
        assert_int_equal(cost.sweeps, 1);
        assert_int_equal(zo_estimator_state_bytes(&one_sided, Q, P), sizeof kept);
        cost = zo_estimator_count(&one_sided, ZO_PARALLEL_NONE, true, Q);
        assert_int_equal(cost.moved, 2 * Q - 1 + Q); /* from theta itself, and on from query to query */
    }
}

/* The toy's losses do not depend on what shares a call, so the four must agree bit for bit, step after step. */
static void four_parallelisms(void **state)
{
    (void)state;
    toy t[ZO_PARALLEL_COUNT];
    figures f[ZO_PARALLEL_COUNT];
    for (int p = 0; p < ZO_PARALLEL_COUNT; p++) {
        t[p] = new_toy(0.1);
        for (uint32_t step = 0; step < 20; step++) {
            zo_step out;
            t[p].calls = 0;
            assert_int_equal(one_step(&t[p], 5, p, 1e-2, 1e-2, step, &f[p], &out, NULL), ZO_OK);
        }
        assert_memory_equal(t[p].theta, t[0].theta, sizeof t[0].theta);
        assert_memory_equal(f[p].projected, f[0].projected, 5 * sizeof(double));
    }
}

/* Three steps, bit for bit as they were when they were recorded: noise does not depend on the machine, nor does what is
 * made of it. */
static void recorded(void **state)
{
    (void)state;
    static const double theta[P] = {0x1.2b7291668038p-2,  -0x1.bfccefafc2557p-1, 0x1.d6b68e047cd57p+0,
                                    0x1.ff8ced33d6cb6p-4, 0x1.df18f16e6a3cbp-2,  -0x1.0d5723616bba7p-2},
                        projected[] = {-0x1.2a4213790eb24p+3, -0x1.299186566cf82p+2, 0x1.e1287556619ap-1},
                        loss = 0x1.c191a0f9e34eap+2;
    toy t = new_toy(0.1);
    figures f;
    zo_step out;
    for (uint32_t step = 0; step < 3; step++) {
        t.calls = 0;
        assert_int_equal(one_step(&t, 3, ZO_PARALLEL_OUTER, 1e-2, 1e-2, step, &f, &out, NULL), ZO_OK);
    }
    assert_memory_equal(t.theta, theta, sizeof theta);
    assert_memory_equal(out.projected, projected, sizeof projected);
    assert_true(out.mean == loss);
}

/* On a quadratic the central difference is the directional derivative exactly, so the mean of the estimate over many
 * directions must be the gradient within its own standard error (4.5 of them: one in 150,000 by chance, and the seed
 * is fixed), and its variance must fall as 1 / q. */
static void unbiased_and_variance(void **state)
{
    (void)state;
    enum { STEPS = 4000 };
    double variance[3] = {0};
    const int32_t queries[] = {1, 4, 16};
    for (int k = 0; k < 3; k++) {
        double mean[P] = {0}, square[P] = {0};
        int32_t q = queries[k];
        for (uint32_t step = 0; step < STEPS; step++) {
            toy t = new_toy(0);
            figures f;
            zo_step out;
            assert_int_equal(one_step(&t, q, ZO_PARALLEL_BOTH, 1e-2, 1.0, step, &f, &out, NULL), ZO_OK);
            toy start = new_toy(0);
            for (int j = 0; j < P; j++) { /* lr 1: the move is minus the estimate */
                double g = start.theta[j] - t.theta[j];
                mean[j] += g / STEPS;
                square[j] += g * g / STEPS;
            }
        }
        for (int j = 0; j < P; j++) {
            toy start = new_toy(0);
            double v = square[j] - mean[j] * mean[j], stderror = sqrt(v / STEPS), want = gradient(&start, j);
            if (fabs(mean[j] - want) > 4.5 * stderror)
                fail_msg("q %d, component %d: mean %g, gradient %g, standard error %g", q, j, mean[j], want,
                         stderror);
            variance[k] += v;
        }
    }
    /* A variance from 4000 samples of heavy-tailed products is known to about 5%; a ratio to about 7%; 3 of them. */
    for (int k = 1; k < 3; k++) {
        double ratio = variance[0] / variance[k] / queries[k];
        print_message("variance at q = 1 over q = %d, divided by %d: %.3f\n", queries[k], queries[k], ratio);
        assert_true(ratio > 0.79 && ratio < 1.21);
    }
}

/* With a cubic term the central difference errs by eps^2 k sum z^3 exactly: it falls by 100 when eps falls by 10. */
static void error_falls_as_eps_squared(void **state)
{
    (void)state;
    for (uint32_t step = 0; step < 10; step++) {
        for (double eps = 1; eps > 1e-3; eps /= 10) {
            toy t = new_toy(0.1);
            figures f;
            zo_step out;
            float z[P];
            double directional = 0, remainder = 0;
            noise(step, 0, z);
            for (int j = 0; j < P; j++) {
                directional += gradient(&t, j) * z[j];
                remainder += t.cubic * z[j] * z[j] * z[j] * eps * eps;
            }
            assert_int_equal(one_step(&t, 1, ZO_PARALLEL_NONE, eps, 0, step, &f, &out, NULL), ZO_OK);
            /* losses of size 10 in double, divided by 2 eps */
            assert_true(fabs(out.projected[0] - directional - remainder) < 1e-14 * 10 / eps);
        }
    }
}

static void update_coefficients(void **state)
{
    (void)state;
    toy t = new_toy(0);
    figures f;
    zo_step out;
    assert_int_equal(one_step(&t, 3, ZO_PARALLEL_OUTER, 1e-3, 0.5, 4, &f, &out, NULL), ZO_OK);
    double mean = 0;
    for (int i = 0; i < 3; i++) {
        assert_true(out.projected[i] == (out.loss[2 * i] - out.loss[2 * i + 1]) / 2e-3);
        assert_true(t.coef[i] == -0.5 * out.projected[i] / 3);
        mean += (out.loss[2 * i] + out.loss[2 * i + 1]) / 6;
    }
    assert_true(fabs(out.mean - mean) < 1e-14 * mean);
}

static void not_a_number(void **state)
{
    (void)state;
    toy t = new_toy(0), start = new_toy(0);
    figures f;
    zo_step out;
    zo_error err = {0};
    t.poison = 1;
    assert_int_equal(one_step(&t, 4, ZO_PARALLEL_BOTH, 1e-3, 0.5, 4, &f, &out, &err), ZO_ERR_NUMERIC);
    assert_int_equal(t.updates, 0);
    assert_memory_equal(t.theta, start.theta, sizeof t.theta);
    assert_non_null(strstr(err.text, "query 1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_place),
        cmocka_unit_test(rows),
        cmocka_unit_test(lists),
        cmocka_unit_test(a_row_of_another_kind),
        cmocka_unit_test(forwards_and_replicas),
        cmocka_unit_test(four_parallelisms),
        cmocka_unit_test(recorded),
        cmocka_unit_test(unbiased_and_variance),
        cmocka_unit_test(error_falls_as_eps_squared),
        cmocka_unit_test(update_coefficients),
        cmocka_unit_test(not_a_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
