/* trainer.h on a small random model: the four parallelisms, threads, in-place training, and the projected gradient
 * against double precision. The data set is made here; no file is read. */
#include <math.h>
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/model/reference.h"
#include "core/kernel/rng.h"
#include "core/train/trainer.h"
#include "core/train/trainer_fixture.h"
#include "core/format/weights.h"

enum { EXAMPLES = 24, LONGEST = 21, QUERIES = 3, BATCH = 4, STEPS = 20 };

static zo_weights *weights;
static int32_t ids[EXAMPLES][LONGEST];
static zo_example examples[EXAMPLES];
static zo_dataset data = {.examples = examples, .count = EXAMPLES, .longest = LONGEST, .most_labels = 3};

static int set_up(void **state)
{
    (void)state;
    zo_error err = {0};
    if (zo_weights_open("synth:tiny", NULL, &weights, &err))
        fail_msg("%s", err.text);
    trainer_examples(&data, examples, ids[0], 17);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    zo_weights_free(weights);
    return 0;
}

/* A model, an adapter and a trainer. Bw starts away from 0 so that A matters. */
typedef struct rig {
    zo_mem mem;
    zo_llama *m;
    zo_lora *lora;
    zo_trainer *t;
} rig;

static zo_trainer_options options(zo_method method, zo_peft peft, zo_parallel parallel)
{
    return (zo_trainer_options){.method = method,
                                .peft = peft,
                                .estimator = {QUERIES, parallel, 1e-2, peft == ZO_PEFT_FULL ? 1e-4 : 1e-2},
                                .batch = BATCH,
                                .seed = 42};
}

static void rig_up_on(rig *r, const zo_trainer_options *o, zo_precision precision, bool frozen,
                      const zo_dataset *train)
{
    zo_error err = {0};
    *r = (rig){.m = NULL};
    zo_status st = zo_llama_load(weights, precision, 128, &r->mem, &r->m, &err);
    if (!st && frozen)
        st = zo_llama_freeze(r->m, &r->mem, &err);
    if (!st && o->peft != ZO_PEFT_FULL) {
        zo_lora_options l = {4, 8, ZO_TARGETS_ALL, o->peft == ZO_PEFT_LORA, zo_seed_for(42, "adapter init")};
        st = zo_lora_new(&r->m->config, &l, &r->mem, &r->lora, &err);
        if (!st)
            zo_lora_add_noise(r->lora, 99, 0, (const double[]){0.02}, 1);
    }
    if (!st)
        st = zo_trainer_new(r->m, r->lora, train, o, &r->mem, &r->t, &err);
    if (st)
        fail_msg("%s", err.text);
}

static void rig_up(rig *r, const zo_trainer_options *o)
{
    rig_up_on(r, o, ZO_PRECISION_F32, o->peft != ZO_PEFT_FULL, &data);
}

static void rig_down(rig *r)
{
    zo_trainer_free(r->t);
    zo_lora_free(r->lora);
    zo_llama_free(r->m);
    for (int i = 0; i < ZO_ACCOUNT_COUNT; i++)
        assert_int_equal(atomic_load(&r->mem.now[i]), 0);
}

/* All 2q losses, then all projected gradients, of STEPS steps. */
typedef struct trajectory {
    double loss[STEPS][2 * QUERIES], projected[STEPS][QUERIES];
    int32_t example[STEPS][BATCH];
    int64_t tokens;
    float last; /* a parameter at the end */
} trajectory;

static void train(const zo_trainer_options *o, trajectory *out)
{
    rig r;
    rig_up(&r, o);
    out->tokens = 0;
    for (int s = 0; s < STEPS; s++) {
        zo_step_report report;
        zo_error err = {0};
        if (zo_trainer_step(r.t, &report, &err))
            fail_msg("%s", err.text);
        assert_int_equal(report.step, s);
        memcpy(out->loss[s], report.losses.loss, sizeof out->loss[s]);
        memcpy(out->projected[s], report.losses.projected, sizeof out->projected[s]);
        memcpy(out->example[s], report.example, sizeof out->example[s]);
        out->tokens += report.tokens;
    }
    out->last = r.lora ? r.lora->storage_b[7] : r.m->storage[7];
    rig_down(&r);
}

/* Relative difference of all losses at most `loss`, of the projected gradients at most the same over eps. */
static void assert_alike(const trajectory *a, const trajectory *b, double loss, const char *what)
{
    for (int s = 0; s < STEPS; s++) {
        assert_memory_equal(a->example[s], b->example[s], sizeof a->example[s]);
        for (int i = 0; i < 2 * QUERIES; i++)
            if (!(fabs(a->loss[s][i] - b->loss[s][i]) <= loss * fabs(a->loss[s][i])))
                fail_msg("%s, step %d, loss %d: %.9g and %.9g", what, s, i, a->loss[s][i], b->loss[s][i]);
        for (int i = 0; i < QUERIES; i++)
            if (!(fabs(a->projected[s][i] - b->projected[s][i]) <= loss * a->loss[s][2 * i] / 1e-2))
                fail_msg("%s, step %d, projected gradient %d: %.9g and %.9g", what, s, i, a->projected[s][i],
                         b->projected[s][i]);
    }
}

/* Queries one after another are replicas one after another. */
static void rge_alike(void **state)
{
    (void)state;
    const zo_peft pefts[] = {ZO_PEFT_LORA_FA, ZO_PEFT_LORA};
    for (int k = 0; k < 2; k++) {
        static trajectory first, other;
        zo_trainer_options o = options(ZO_METHOD_PRGE, pefts[k], ZO_PARALLEL_BOTH);
        train(&o, &first);
        o = options(ZO_METHOD_RGE, pefts[k], ZO_PARALLEL_NONE);
        train(&o, &other);
        assert_alike(&first, &other, 0, "rge");
        assert_int_equal(first.tokens, other.tokens);
        assert_true(first.last == other.last);
    }
}

/* MeZO moves the adapter in place and undoes it, up to f32 rounding, and so runs the same trajectory. */
static void in_place_alike(void **state)
{
    (void)state;
    static trajectory first, other;
    zo_trainer_options o = options(ZO_METHOD_PRGE, ZO_PEFT_LORA_FA, ZO_PARALLEL_BOTH);
    train(&o, &first);
    o = options(ZO_METHOD_MEZO, ZO_PEFT_LORA_FA, ZO_PARALLEL_NONE);
    train(&o, &other);
    assert_alike(&first, &other, 1e-5, "mezo");
}

/* Twenty steps as they were when they were recorded (with AVX-512, release build). Sums in another order differ by 1e-6 of a loss,
 * which a step puts into the parameters as g, 1 / eps times as large, so that trajectories part: by 4e-4 of a loss after twenty
 * steps of rge without optimization. */
static void recorded(void **state)
{
    (void)state;
    static const struct {
        zo_method method;
        zo_peft peft;
        zo_parallel parallel;
        double loss[2], projected[QUERIES], last; /* of the last step, losses of query 0; a parameter */
    } cases[] = {
        {ZO_METHOD_PRGE,
         ZO_PEFT_LORA_FA,
         ZO_PARALLEL_BOTH,
         {6.62124079106, 6.69661121854},
         {-3.76852137422, -5.34335110438, 2.1305135911},
         -0.0160414688289},
        {ZO_METHOD_RGE,
         ZO_PEFT_LORA,
         ZO_PARALLEL_NONE,
         {6.53229157757, 6.24184969039},
         {14.522094359, -4.44134239576, 6.86390682641},
         0.1608299613},
        {ZO_METHOD_MEZO,
         ZO_PEFT_FULL,
         ZO_PARALLEL_NONE,
         {6.47057534911, 6.6174416077},
         {-7.34331292964, -9.26742017156, -21.9909284189},
         0.170066580176},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static trajectory t, want;
        zo_trainer_options o = options(cases[i].method, cases[i].peft, cases[i].parallel);
        train(&o, &t);
        want = t;
        memcpy(want.loss[STEPS - 1], cases[i].loss, sizeof cases[i].loss);
        memcpy(want.projected[STEPS - 1], cases[i].projected, sizeof cases[i].projected);
        assert_alike(&want, &t, 1e-3, zo_method_name(o.method));
        /* it is the sum of moves lr / q g_i z_i, |z| below 3 but for one in 400, which may cancel */
        double moves = fabs(cases[i].last);
        for (int k = 0; k < STEPS * QUERIES; k++)
            moves += 3 * o.estimator.lr / QUERIES * fabs(t.projected[k / QUERIES][k % QUERIES]);
        if (!(fabs(t.last - cases[i].last) <= 1e-3 * moves))
            fail_msg("%s: parameter %.9g, recorded %.9g", zo_method_name(o.method), t.last, cases[i].last);
    }
}

/* What two runs must share bit for bit: the losses of every step, and all trained parameters at the end. */
typedef struct bits {
    double loss[2][2 * QUERIES];
    float *adapter; /* (P) */
    int64_t count;
} bits;

static void run_for_bits(const zo_trainer_options *o, zo_precision precision, bool frozen,
                         const zo_dataset *train_on, int threads, bits *out)
{
    rig r;
    zo_error err = {0};
    omp_set_num_threads(threads);
    rig_up_on(&r, o, precision, frozen, train_on);
    for (int s = 0; s < 2; s++) {
        zo_step_report report;
        if (zo_trainer_step(r.t, &report, &err))
            fail_msg("%s", err.text);
        memcpy(out->loss[s], report.losses.loss, sizeof out->loss[s]);
    }
    const zo_lora_pair *last = r.lora->pairs + (int64_t)r.lora->layers * ZO_TARGET_COUNT - 1;
    int64_t b = last->b + last->out * r.lora->options.rank - r.lora->storage_b;
    out->count = r.lora->trainable;
    out->adapter = malloc((size_t)out->count * sizeof *out->adapter);
    assert_non_null(out->adapter);
    memcpy(out->adapter, r.lora->storage_b, (size_t)b * sizeof *out->adapter);
    assert_int_equal(out->count > b, r.lora->options.train_a);
    memcpy(out->adapter + b, r.lora->storage_a, (size_t)(out->count - b) * sizeof *out->adapter);
    rig_down(&r);
}

static void assert_same_bits(const bits *a, const bits *b, const char *what, const zo_trainer_options *o,
                             zo_precision precision, int threads)
{
    char cell[160];
    snprintf(cell, sizeof cell, "%s: %s, weights %s, compute %s, parallel %s, %d threads", what,
             zo_peft_name(o->peft), zo_precision_name(precision), zo_compute_name(o->compute),
             zo_parallel_name(o->estimator.parallel), threads);
    for (int s = 0; s < 2; s++)
        for (int i = 0; i < 2 * QUERIES; i++)
            if (memcmp(&a->loss[s][i], &b->loss[s][i], sizeof(double)) != 0)
                fail_msg("%s, step %d, loss %d: %.17g, alone %.17g", cell, s, i, b->loss[s][i],
                         a->loss[s][i]);
    assert_int_equal(a->count, b->count);
    for (int64_t i = 0; i < a->count; i++)
        if (memcmp(&a->adapter[i], &b->adapter[i], sizeof(float)) != 0)
            fail_msg("%s, parameter %lld: %.9g, alone %.9g", cell, (long long)i, b->adapter[i],
                     a->adapter[i]);
}

/* Longer examples than those above, of 44 to 64 ids, and their first 8 to 28. */
enum { LONG = 64, CUT = 36 };
static int32_t long_ids[EXAMPLES][LONG];
static zo_example long_examples[EXAMPLES], short_examples[EXAMPLES];

static void make_lengths(void)
{
    for (int i = 0; i < EXAMPLES; i++) {
        for (int t = 0; t < LONG; t++)
            long_ids[i][t] = (int32_t)zo_below(zo_bits(6, (uint64_t)t, (uint32_t)i), 512);
        int32_t n = LONG - i * 7 % 21;
        long_examples[i] = (zo_example){.choices = 1, .choice = {{long_ids[i], n, 1 + i % 3}}};
        short_examples[i] = (zo_example){.choices = 1, .choice = {{long_ids[i], n - CUT, 1 + i % 3}}};
    }
}

/* One replica at a time on one thread, of weights as they were loaded, and every other way to run the same step, of frozen
 * weights: the same bits, in every precision and compute. Of the long sequences a forward of `none` has at most 256 rows, one of `both` more than 1,024, which the
 * forward takes in two chunks of at most so many, cut within a replica; of the short ones products are so small that
 * some run on one thread. */
static void same_bits(void **state)
{
    (void)state;
    const struct {
        const char *name;
        zo_dataset train;
        int32_t seq_len, stride; /* every so many of the ways */
    } cases[] = {
        {"short",
         {.examples = short_examples, .count = EXAMPLES, .longest = LONG - CUT, .most_labels = 3},
         0,
         1},
        {"long", {.examples = long_examples, .count = EXAMPLES, .longest = LONG, .most_labels = 3}, 0, 3},
        {"padding run",
         {.examples = short_examples, .count = EXAMPLES, .longest = LONG - CUT, .most_labels = 3},
         48,
         5},
    };
    int before = omp_get_max_threads();
    make_lengths();
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        for (int k = 0; k < 2 * ZO_PRECISION_COUNT * ZO_COMPUTE_COUNT; k++) {
            zo_precision precision = k / 2 % ZO_PRECISION_COUNT;
            zo_peft peft = k % 2 ? ZO_PEFT_LORA : ZO_PEFT_LORA_FA;
            zo_trainer_options o = options(ZO_METHOD_PRGE, peft, ZO_PARALLEL_NONE);
            o.compute = k / 2 / ZO_PRECISION_COUNT;
            if (o.compute == ZO_COMPUTE_INT8 && !zo_precision_in_int8(precision, ZO_NF4_BLOCK))
                continue; /* computed as with bf16 */
            o.seq_len = cases[c].seq_len;
            bits alone;
            run_for_bits(&o, precision, false, &cases[c].train, 1, &alone);
            for (int way = 1; way < 3 * ZO_PARALLEL_COUNT; way += cases[c].stride) {
                bits other;
                o.estimator.parallel = way % ZO_PARALLEL_COUNT;
                run_for_bits(&o, precision, true, &cases[c].train, 1 + way / ZO_PARALLEL_COUNT, &other);
                assert_same_bits(&alone, &other, cases[c].name, &o, precision, 1 + way / ZO_PARALLEL_COUNT);
                free(other.adapter);
            }
            free(alone.adapter);
        }
    }
    omp_set_num_threads(before);
}

/* Full-parameter MeZO: with lr 0 the weights come back (each of the 3 sweeps per query rounds a weight by at most 2^-24
 * of its size plus the perturbation's), with lr > 0 the loss of a fixed batch falls. */
static void full_parameters(void **state)
{
    (void)state;
    rig r;
    zo_trainer_options o = options(ZO_METHOD_MEZO, ZO_PEFT_FULL, ZO_PARALLEL_NONE);
    o.estimator.lr = 0;
    o.estimator.eps = 1e-3;
    rig_up(&r, &o);
    int64_t n = zo_llama_trainable(r.m);
    float *was = malloc((size_t)n * sizeof *was);
    assert_non_null(was);
    memcpy(was, r.m->storage, (size_t)n * sizeof *was);
    zo_step_report report;
    for (int s = 0; s < 5; s++)
        assert_int_equal(zo_trainer_step(r.t, &report, NULL), ZO_OK);
    for (int64_t i = 0; i < n; i++) {
        double bound = 5 * 3 * QUERIES * 0x1p-24 * (fabs(was[i]) + 6e-3);
        if (!(fabs(r.m->storage[i] - was[i]) <= bound))
            fail_msg("weight %lld: %.9g after, %.9g before", (long long)i, r.m->storage[i], was[i]);
    }
    free(was);
    rig_down(&r);

    /* B = all examples: every step sees the same data, and descent shows. */
    o.estimator = (zo_estimator_options){16, ZO_PARALLEL_NONE, 1e-3, 1e-5};
    o.batch = EXAMPLES;
    rig_up(&r, &o);
    double first = 0;
    for (int s = 0; s < 30; s++) {
        assert_int_equal(zo_trainer_step(r.t, &report, NULL), ZO_OK);
        first = s == 0 ? report.losses.mean : first;
    }
    print_message("full MeZO: loss %.4f, after 29 steps %.4f\n", first, report.losses.mean);
    assert_true(report.losses.mean < first);
    rig_down(&r);
}

/* Each tensor of full-parameter training has noise of its own, and zo_llama_tensor names what zo_llama_add_noise moves. */
static void tensors_of_the_model(void **state)
{
    (void)state;
    rig r;
    zo_trainer_options o = options(ZO_METHOD_MEZO, ZO_PEFT_FULL, ZO_PARALLEL_NONE);
    rig_up(&r, &o);
    int64_t total = 0, n;
    uint32_t number;
    memset(r.m->storage, 0, (size_t)zo_llama_trainable(r.m) * sizeof(float));
    zo_llama_add_noise(r.m, 3, 7, (const double[]){0, 2}, 2);
    for (int32_t i = 0; i < zo_llama_tensors(r.m); i++) {
        float *x = zo_llama_tensor(r.m, i, &n, &number), z[5];
        zo_normals((zo_noise_at){3, 7, 1, number}, 0, 5, z);
        for (int k = 0; k < 5; k++)
            assert_true(x[k] == 2 * z[k]);
        assert_true(x == r.m->storage + total);
        total += n;
    }
    assert_int_equal(total, zo_llama_trainable(r.m));
    assert_int_equal(total, zo_config_params(&r.m->config));
    rig_down(&r);
}

/* Losses of the fast forward against the plain one in double, replica by replica; then, as eps falls, the projected
 * gradient against the directional derivative that the double-precision forward gives at a step of 1e-5. The central
 * difference errs by O(eps^2), and f32 losses of size 6 that each err by 1e-6 by O(1e-6 / eps). */
static void against_double_precision(void **state)
{
    (void)state;
    const zo_peft pefts[] = {ZO_PEFT_LORA_FA, ZO_PEFT_LORA};
    for (int k = 0; k < 2; k++) {
        double error[3] = {0}, size = 0;
        const double eps[] = {1e-1, 1e-2, 1e-3};
        for (int e = 0; e < 3; e++) {
            rig r;
            zo_step_report report;
            zo_trainer_options o = options(ZO_METHOD_PRGE, pefts[k], ZO_PARALLEL_BOTH);
            o.estimator.eps = eps[e];
            o.estimator.lr = 0;
            rig_up(&r, &o);
            assert_int_equal(zo_trainer_step(r.t, &report, NULL), ZO_OK);
            for (uint32_t i = 0; i < QUERIES; i++) {
                uint64_t seed = zo_seed_for(42, "noise");
                double plus, minus;
                zo_reference_loss(r.m, r.lora, report.batch, seed, 0, (zo_replica){1, i}, eps[e], &plus,
                                  NULL);
                if (!(fabs(plus - report.losses.loss[2 * i]) < 2e-5))
                    fail_msg("eps %g, query %u: loss %.9g, in double %.9g", eps[e], i,
                             report.losses.loss[2 * i], plus);
                zo_reference_loss(r.m, r.lora, report.batch, seed, 0, (zo_replica){1, i}, 1e-5, &plus, NULL);
                zo_reference_loss(r.m, r.lora, report.batch, seed, 0, (zo_replica){-1, i}, 1e-5, &minus,
                                  NULL);
                double derivative = (plus - minus) / 2e-5;
                size = fmax(size, fabs(derivative));
                error[e] = fmax(error[e], fabs(report.losses.projected[i] - derivative));
            }
            rig_down(&r);
        }
        print_message("%s: derivative up to %.3f; error at eps 0.1: %.2g, 0.01: %.2g, 0.001: %.2g\n",
                      zo_peft_name(pefts[k]), size, error[0], error[1], error[2]);
        assert_true(error[1] < error[0] / 20);
        assert_true(error[2] < 3e-3);
    }
}

/* Continuing from an adapter and a step number gives the bits of the uninterrupted run. */
static void continue_from_a_step(void **state)
{
    (void)state;
    rig whole, part;
    zo_step_report report;
    zo_trainer_options o = options(ZO_METHOD_PRGE, ZO_PEFT_LORA_FA, ZO_PARALLEL_BOTH);
    rig_up(&whole, &o);
    rig_up(&part, &o);
    for (int s = 0; s < 12; s++) {
        if (s == 5) { /* hand over */
            memcpy(part.lora->storage_b, whole.lora->storage_b,
                   (size_t)whole.lora->trainable * sizeof(float));
            zo_trainer_seek(part.t, zo_trainer_at(whole.t));
        }
        assert_int_equal(zo_trainer_step(whole.t, &report, NULL), ZO_OK);
        if (s >= 5)
            assert_int_equal(zo_trainer_step(part.t, &report, NULL), ZO_OK);
    }
    assert_memory_equal(part.lora->storage_b, whole.lora->storage_b,
                        (size_t)whole.lora->trainable * sizeof(float));
    rig_down(&whole);
    rig_down(&part);
}

/* Every epoch shows every example once. */
static void data_order(void **state)
{
    (void)state;
    rig r;
    zo_step_report report;
    zo_trainer_options o = options(ZO_METHOD_PRGE, ZO_PEFT_LORA_FA, ZO_PARALLEL_BOTH);
    o.estimator.queries = 1;
    rig_up(&r, &o);
    for (int epoch = 0; epoch < 2; epoch++) {
        int seen[EXAMPLES] = {0};
        for (int s = 0; s < EXAMPLES / BATCH; s++) {
            assert_int_equal(zo_trainer_step(r.t, &report, NULL), ZO_OK);
            for (int b = 0; b < BATCH; b++)
                seen[report.example[b]]++;
        }
        for (int i = 0; i < EXAMPLES; i++)
            assert_int_equal(seen[i], 1);
    }
    rig_down(&r);
}

static void fixed_length(void **state)
{
    (void)state;
    rig r;
    zo_step_report report;
    zo_trainer_options o = options(ZO_METHOD_PRGE, ZO_PEFT_LORA_FA, ZO_PARALLEL_BOTH);
    o.seq_len = 48;
    rig_up(&r, &o);
    assert_int_equal(zo_trainer_step(r.t, &report, NULL), ZO_OK);
    assert_int_equal(report.batch->tokens, 48);
    assert_int_equal(report.tokens, 2 * QUERIES * BATCH * 48);
    rig_down(&r);
}

static void bad_options(void **state)
{
    (void)state;
    const struct {
        zo_method method;
        zo_peft peft;
        zo_parallel parallel;
        int32_t queries, batch;
        const char *says;
    } cases[] = {
        {ZO_METHOD_MEZO, ZO_PEFT_LORA_FA, ZO_PARALLEL_BOTH, 1, 4, "parallel must be none"},
        {ZO_METHOD_PRGE, ZO_PEFT_FULL, ZO_PARALLEL_INNER, 1, 4, "parallel must be none"},
        {ZO_METHOD_RGE, ZO_PEFT_LORA, ZO_PARALLEL_OUTER, 1, 4, "parallel must be none"},
        {ZO_METHOD_PRGE, ZO_PEFT_LORA_FA, ZO_PARALLEL_BOTH, 0, 4, "queries must be 1"},
        {ZO_METHOD_PRGE, ZO_PEFT_LORA_FA, ZO_PARALLEL_BOTH, 1, EXAMPLES + 1, "a data set of 24"},
        {ZO_METHOD_ZERO_SHOT, ZO_PEFT_LORA_FA, ZO_PARALLEL_NONE, 1, 4, "zero-shot has no steps"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rig r;
        zo_error err = {0};
        zo_trainer_options good = options(ZO_METHOD_PRGE, cases[i].peft, ZO_PARALLEL_NONE);
        rig_up(&r, &good);
        zo_trainer_options o = options(cases[i].method, cases[i].peft, cases[i].parallel);
        o.estimator.queries = cases[i].queries;
        o.batch = cases[i].batch;
        zo_trainer *t;
        assert_int_equal(zo_trainer_new(r.m, r.lora, &data, &o, NULL, &t, &err), ZO_ERR_INVALID);
        assert_null(t);
        if (!strstr(err.text, cases[i].says))
            fail_msg("\"%s\" does not say \"%s\"", err.text, cases[i].says);
        rig_down(&r);
    }
}

/* Quantized weights cannot be moved by a hundredth of their step. */
static void full_training_needs_f32(void **state)
{
    (void)state;
    zo_trainer_options o = options(ZO_METHOD_MEZO, ZO_PEFT_FULL, ZO_PARALLEL_NONE);
    for (int p = 1; p < ZO_PRECISION_COUNT; p++) {
        zo_error err = {0};
        zo_llama *m;
        zo_trainer *t;
        if (zo_llama_load(weights, (zo_precision)p, 64, NULL, &m, &err))
            fail_msg("%s", err.text);
        assert_int_equal(zo_trainer_new(m, NULL, &data, &o, NULL, &t, &err), ZO_ERR_INVALID);
        assert_non_null(strstr(err.text, "must be f32, not "));
        assert_null(t);
        zo_llama_free(m);
    }
}

/* Every allocation fails once: an error, nothing kept. A step itself allocates nothing. */
static void failing_allocations(void **state)
{
    (void)state;
    zo_trainer_options o = options(ZO_METHOD_PRGE, ZO_PEFT_LORA_FA, ZO_PARALLEL_BOTH);
    rig r;
    rig_up(&r, &o);
    for (int n = 1;; n++) {
        zo_mem mem = {.fail_after = n};
        zo_trainer *t;
        zo_error err = {0};
        zo_status st = zo_trainer_new(r.m, r.lora, &data, &o, &mem, &t, &err);
        if (!st) {
            assert_true(n > 10);
            size_t before = 0, after = 0;
            zo_step_report report;
            for (int i = 0; i < ZO_ACCOUNT_COUNT; i++)
                before += atomic_load(&mem.peak[i]);
            assert_int_equal(zo_trainer_step(t, &report, NULL), ZO_OK);
            for (int i = 0; i < ZO_ACCOUNT_COUNT; i++)
                after += atomic_load(&mem.peak[i]);
            assert_int_equal(before, after);
            zo_trainer_free(t);
            break;
        }
        assert_int_equal(st, ZO_ERR_MEMORY);
        for (int i = 0; i < ZO_ACCOUNT_COUNT; i++)
            assert_int_equal(atomic_load(&mem.now[i]), 0);
    }
    rig_down(&r);
}

/* A step that asked any account for memory would fail here, whatever it gave back. */
static void steps_allocate_nothing(void **state)
{
    static const struct {
        int method, peft, parallel, precision, compute;
    } cases[] = {
        {ZO_METHOD_PRGE, ZO_PEFT_LORA_FA, ZO_PARALLEL_NONE, ZO_PRECISION_F32, ZO_COMPUTE_F32},
        {ZO_METHOD_PRGE, ZO_PEFT_LORA_FA, ZO_PARALLEL_INNER, ZO_PRECISION_F16, ZO_COMPUTE_F32},
        {ZO_METHOD_PRGE, ZO_PEFT_LORA_FA, ZO_PARALLEL_OUTER, ZO_PRECISION_BF16, ZO_COMPUTE_BF16},
        {ZO_METHOD_PRGE, ZO_PEFT_LORA_FA, ZO_PARALLEL_BOTH, ZO_PRECISION_INT8, ZO_COMPUTE_BF16},
        {ZO_METHOD_PRGE, ZO_PEFT_LORA, ZO_PARALLEL_BOTH, ZO_PRECISION_NF4, ZO_COMPUTE_BF16},
        {ZO_METHOD_PRGE, ZO_PEFT_LORA_FA, ZO_PARALLEL_BOTH, ZO_PRECISION_NF4, ZO_COMPUTE_INT8},
        {ZO_METHOD_MEZO, ZO_PEFT_LORA_FA, ZO_PARALLEL_NONE, ZO_PRECISION_INT8, ZO_COMPUTE_F32},
        {ZO_METHOD_MEZO, ZO_PEFT_FULL, ZO_PARALLEL_NONE, ZO_PRECISION_F32, ZO_COMPUTE_F32},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        zo_trainer_options o = options(cases[i].method, cases[i].peft, cases[i].parallel);
        zo_step_report report;
        zo_error err = {0};
        rig r;
        o.compute = cases[i].compute;
        rig_up_on(&r, &o, cases[i].precision, cases[i].peft != ZO_PEFT_FULL, &data);
        atomic_store(&r.mem.fail_after, 1);
        if (zo_trainer_step(r.t, &report, &err))
            fail_msg("case %zu: %s", i, err.text);
        assert_int_equal(atomic_load(&r.mem.fail_after), 1); /* nobody asked */
        rig_down(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rge_alike),
        cmocka_unit_test(in_place_alike),
        cmocka_unit_test(recorded),
        cmocka_unit_test(same_bits),
        cmocka_unit_test(full_parameters),
        cmocka_unit_test(tensors_of_the_model),
        cmocka_unit_test(against_double_precision),
        cmocka_unit_test(continue_from_a_step),
        cmocka_unit_test(data_order),
        cmocka_unit_test(fixed_length),
        cmocka_unit_test(bad_options),
        cmocka_unit_test(full_training_needs_f32),
        cmocka_unit_test(failing_allocations),
        cmocka_unit_test(steps_allocate_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
