/* Tests of cell.c, history.c and checkpoint.c on a tiny made-up model and task.
 *
 * Every cell runs in a process of its own, as it does in use: this program again, with the plan in plan.json.
 */
#include "bench/cell/cell.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <omp.h>

#include "bench/base/folder.h"
#include "bench/record/inputs.h"
#include "bench/manifest/place_fixture.h"
#include "bench/record/record.h"
#include "bench/base/sha256.h"
#include "core/model/adapter_file.h"
#include "core/kernel/rng.h"
#include "core/format/weights.h"
#include "core/format/synth.h"

/* ---- running a cell ---- */

typedef struct plan {
    int64_t warmup;
    int kill_at;     /* SIGKILL at the n-th time that the cell asks whether to stop; 0: never */
    int stop_at;     /* stop at that time; 0: never */
    long fail_after; /* allocation that fails; 0: none */
    bool save_adapter;
    int run;
} plan;

typedef struct listener {
    const plan *p;
    int asked;
    json_t *parts;
    int messages;
} listener;

static bool at_stop(void *self)
{
    listener *l = self;
    l->asked++;
    if (l->asked == l->p->kill_at)
        raise(SIGKILL);
    return l->p->stop_at && l->asked >= l->p->stop_at;
}

static void take_part(void *self, const char *key, json_t *value)
{
    json_object_set(((listener *)self)->parts, key, value);
}

static void count_message(void *self, json_t *message)
{
    ((listener *)self)->messages += json_is_string(json_object_get(message, "phase"));
}

/* In the child: does what plan.json says; the record with its parts goes to record.json. */
static int run_here(void)
{
    json_t *o = json_load_file("plan.json", 0, NULL), *model = NULL;
    plan p;
    bench_params params;
    int save = 0;
    json_int_t warmup, fail_after;
    if (json_unpack(o, "{s:I, s:i, s:i, s:I, s:b, s:i}", "warmup", &warmup, "kill_at", &p.kill_at, "stop_at",
                    &p.stop_at, "fail_after", &fail_after, "save_adapter", &save, "run", &p.run) ||
        bench_params_from_json(&params, json_object_get(o, "cell"), NULL))
        return 1;
    listener l = {.p = &p, .parts = json_object()};
    const bench_cell_watch watch = {&l, take_part, count_message, at_stop};
    zo_mem mem = {0};
    mem.fail_after = (long)fail_after;
    omp_set_num_threads(1); /* tests run beside each other */
    bench_inputs_model(params.model, &model, NULL);
    bench_cell_job job = {.params = params,
                          .run = p.run,
                          .warmup = warmup,
                          .folder = "r",
                          .save_adapter = save,
                          .model = model};
    bench_params_id(&params, job.id);
    json_t *record = bench_cell_run(&job, &watch, &mem);
    if (!record)
        return 1;
    json_object_update_missing(record, l.parts);
    json_object_set_new(record, "messages", json_integer(l.messages));
    size_t held = 0;
    for (int i = 0; i < ZO_ACCOUNT_COUNT; i++)
        held += mem.now[i];
    json_object_set_new(record, "held_bytes", json_integer((json_int_t)held));
    int failed = bench_folder_save_json("record.json", record, NULL);
    json_decref(record);
    json_decref(l.parts);
    json_decref(model);
    json_decref(o);
    return failed;
}

/* New reference; NULL where the child was killed. */
static json_t *run_cell(plan p, const bench_params *params)
{
    int status;
    json_t *o = json_pack("{s:I, s:i, s:i, s:I, s:b, s:i, s:o}", "warmup", (json_int_t)p.warmup, "kill_at",
                          p.kill_at, "stop_at", p.stop_at, "fail_after", (json_int_t)p.fail_after,
                          "save_adapter", p.save_adapter, "run", p.run, "cell", bench_params_to_json(params));
    assert_int_equal(bench_folder_save_json("plan.json", o, NULL), ZO_OK);
    json_decref(o);
    pid_t pid = fork();
    if (pid == 0) {
        execl("/proc/self/exe", "cell_test", "cell", (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        return NULL;
    if (!WIFEXITED(status) || WEXITSTATUS(status))
        fail_msg("the cell's process ended with status %#x", (unsigned)status);
    json_t *record = json_load_file("record.json", 0, NULL);
    assert_non_null(record);
    assert_int_equal(json_integer_value(json_object_get(record, "held_bytes")), 0); /* all was given back */
    return record;
}

static bench_params tiny(void)
{
    bench_params p;
    bench_params_default(&p);
    strcpy(p.model, "synth:tiny");
    strcpy(p.task, "polarity");
    p.train_rows = 24;
    p.eval_rows = 16;
    p.rank = 2;
    p.alpha = 4;
    p.queries = 2;
    p.batch = 2;
    p.steps = 7;
    p.eps = 1e-2;
    p.lr = 1e-2;
    return p;
}

static const json_t *at(const json_t *record, const char *path)
{
    char key[64];
    while (record && *path) {
        size_t n = strcspn(path, ".");
        snprintf(key, sizeof key, "%.*s", (int)n, path);
        record = json_object_get(record, key);
        path += n + (path[n] == '.');
    }
    return record;
}

static const char *text_at(const json_t *record, const char *path)
{
    return json_string_value(at(record, path));
}

static size_t size_at(const json_t *record, const char *path)
{
    return json_array_size(at(record, path));
}

static void assert_ok(const json_t *record)
{
    if (strcmp(text_at(record, "status"), "ok") != 0)
        fail_msg("%s: %s", text_at(record, "status"), text_at(record, "reason"));
}

/* No null without a reason beside it, and no reason beside what is known. */
static void nulls_have_reasons(const json_t *o)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)o, key, value)
    {
        char name[80];
        snprintf(name, sizeof name, "%s_reason", key);
        const json_t *reason = json_object_get(o, name);
        if (strcmp(key, "reason") != 0 && json_is_null(value) != (json_string_length(reason) > 0))
            fail_msg("%s: %s", key, json_is_null(value) ? "null without a reason" : "known, with a reason");
        if (json_is_object(value))
            nulls_have_reasons(value);
    }
}

/* ---- tests ---- */

static void a_record_is_complete(void **state)
{
    bench_params p = tiny();
    char hex[BENCH_SHA256_HEX];
    int64_t sum = 0;
    double phases = 0;
    size_t i;
    const char *key;
    json_t *v;
    (void)state;
    p.eval_every = 3;
    json_t *r = run_cell((plan){.warmup = 2}, &p);
    assert_ok(r);
    nulls_have_reasons(r);
    assert_int_equal(size_at(r, "time.warmup_ns"), 2);
    assert_int_equal(size_at(r, "time.step_ns"), 5);
    json_array_foreach(at(r, "time.step_ns"), i, v) sum += json_integer_value(v);
    json_object_foreach((json_t *)at(r, "time.phases_ns"), key, v)
    {
        assert_true(json_number_value(v) >= 0);
        phases += json_number_value(v);
    }
    /* the phases of a step add up to it; the means of both are divided by 5 in double */
    assert_true(fabs(phases - (double)sum / 5) <= 1e-9 * (double)sum);
    static const char *const run_through[] = {"data",  "perturb", "linear", "lowrank", "attention",
                                              "small", "head",    "loss",   "update"};
    for (i = 0; i < sizeof run_through / sizeof *run_through; i++)
        assert_true(json_number_value(json_object_get(at(r, "time.phases_ns"), run_through[i])) > 0);
    double small = json_number_value(at(r, "time.phases_ns.attention")) +
                   json_number_value(at(r, "time.phases_ns.small")) +
                   json_number_value(at(r, "time.phases_ns.loss"));
    assert_true(fabs(json_number_value(at(r, "time.small_of_step")) - small / phases) < 1e-9);
    assert_int_equal(size_at(r, "time.ci_ns"), 2);
    assert_true(json_number_value(at(r, "time.ci_coverage")) < 0.95); /* five samples are too few for 95% */
    assert_true(json_integer_value(at(r, "time.load_ns")) > 0);
    assert_true(json_integer_value(at(r, "time.eval_ns")) > 0);

    assert_int_equal(size_at(r, "loss.curve"), 7);
    assert_int_equal(json_integer_value(json_array_get(json_array_get(at(r, "loss.curve"), 6), 0)), 6);
    /* after 0, 3, 6 and 7 steps */
    static const int64_t evaluated[] = {0, 3, 6, 7};
    assert_int_equal(size_at(r, "accuracy.curve"), 4);
    assert_int_equal(size_at(r, "loss.eval_curve"), 4);
    for (i = 0; i < 4; i++)
        assert_int_equal(json_integer_value(json_array_get(json_array_get(at(r, "accuracy.curve"), i), 0)),
                         evaluated[i]);
    assert_true(
        json_equal(at(r, "accuracy.initial"), json_array_get(json_array_get(at(r, "accuracy.curve"), 0), 1)));
    assert_true(
        json_equal(at(r, "accuracy.value"), json_array_get(json_array_get(at(r, "accuracy.curve"), 3), 1)));
    assert_int_equal(json_integer_value(at(r, "accuracy.n")), 16);
    /* the bits of `right` are as many as the accuracy says, four to a digit */
    const char *right = text_at(r, "accuracy.right");
    int ones = 0;
    assert_int_equal(strlen(right), 4);
    for (unsigned long bits = strtoul(right, NULL, 16); bits; bits &= bits - 1)
        ones++;
    assert_true(ones == 16 * json_real_value(at(r, "accuracy.value")));
    assert_string_equal(text_at(r, "accuracy.metric"), "accuracy/class");

    /* padding counts in the one and not in the other: 2 q B T rows at most */
    double real = json_number_value(at(r, "time.tokens_per_step")),
           padded = json_number_value(at(r, "time.padded_tokens_per_step"));
    assert_true(real > 0 && real <= padded);
    assert_true(json_number_value(at(r, "time.tokens_per_s")) > 0);
    assert_true(json_number_value(at(r, "roofline.flops_per_step")) > 0);
    double flops = json_number_value(at(r, "roofline.flops_per_step")),
           rate = json_number_value(at(r, "roofline.achieved_flops_per_s")),
           median = json_number_value(at(r, "time.median_ns"));
    assert_true(fabs(rate * median / 1e9 / flops - 1) < 1e-12);
    assert_true(json_integer_value(at(r, "memory.peak_rss_bytes")) >
                json_integer_value(at(r, "memory.accounts.weights")));
    assert_true(json_integer_value(at(r, "memory.accounts.weights")) > 0);
    assert_string_equal(text_at(r, "weights.linear"), "f32");
    assert_string_equal(text_at(r, "weights.embedding"), "f32");
    assert_string_equal(text_at(r, "weights.head"), "f32");
    assert_string_equal(text_at(r, "weights.norms"), "f32");
    assert_int_equal(json_integer_value(at(r, "weights.mapped_bytes")), 0);
    assert_true(json_integer_value(at(r, "memory.accounts.adapter")) > 0);
    assert_true(json_integer_value(at(r, "memory.accounts.activations")) > 0);
    /* the formula leaves out the data and what is small */
    double predicted = json_number_value(at(r, "memory.predicted_bytes")) -
                       json_number_value(at(r, "memory.program_bytes")),
           held = json_number_value(at(r, "memory.accounts.weights")) +
                  json_number_value(at(r, "memory.accounts.adapter")) +
                  json_number_value(at(r, "memory.accounts.activations"));
    if (fabs(predicted / held - 1) > 0.02)
        fail_msg("predicted %.0f bytes, held %.0f", predicted, held);
    assert_true(json_number_value(at(r, "numerics.projected_gradient_rms")) > 0);

    assert_int_equal(json_integer_value(at(r, "seeds.seed")), 42);
    snprintf(hex, sizeof hex, "0x%016llx", (unsigned long long)zo_seed_for(42, "noise"));
    assert_string_equal(text_at(r, "seeds.noise"), hex);
    const char *template = zo_task_template(zo_task_find("polarity"));
    bench_sha256(template, strlen(template), hex);
    assert_string_equal(text_at(r, "inputs.template.sha256"), hex);
    assert_string_equal(text_at(r, "inputs.train.path"), "polarity");
    assert_string_equal(text_at(r, "inputs.model.path"), "synth:tiny");
    assert_true(json_integer_value(json_object_get(r, "messages")) >= 3); /* load, evaluation, last step */
    json_decref(r);
}

/* Rounding is measured last, and shows in no other part of the record. */
static void rounding_is_measured_last(void **state)
{
    (void)state;
    bench_params p = tiny();
    p.weights = ZO_PRECISION_NF4;
    p.compute = ZO_COMPUTE_BF16;
    p.eval_every = -1;
    p.steps = 2;
    p.max_tokens = 32;
    json_t *without = run_cell((plan){.warmup = 1}, &p);
    p.numerics = 2;
    json_t *with = run_cell((plan){.warmup = 1}, &p);
    assert_ok(without);
    assert_ok(with);
    nulls_have_reasons(with);
    assert_true(json_equal(at(without, "loss"), at(with, "loss")));
    assert_true(json_equal(at(without, "weights"), at(with, "weights")));
    assert_true(json_equal(at(without, "memory.accounts"), at(with, "memory.accounts")));
    assert_true(json_equal(at(without, "numerics.projected_gradient_rms"),
                           at(with, "numerics.projected_gradient_rms")));
    assert_string_equal(text_at(without, "numerics.precision_reason"), "numerics is 0");
    assert_int_equal(json_integer_value(at(with, "numerics.precision.batches")), 2);
    assert_int_equal(json_integer_value(at(with, "numerics.precision.samples")), 2 * p.queries);
    /* as in core/train/rounding_test.c: rounding to bf16 is seen but far from drowning the signal, nf4 is another model */
    double snr = json_number_value(at(with, "numerics.precision.snr"));
    assert_true(snr > 2 && snr < 1000);
    assert_true(json_number_value(at(with, "numerics.precision.logit_change_rms")) > 0.05);
    assert_true(json_number_value(at(with, "numerics.precision.correlation")) < 0.9999);
    json_decref(without);
    json_decref(with);

    /* out of memory while at it: the record stands, with the reason */
    json_t *r = NULL;
    for (long n = 16; n < 1000; n += 16) {
        r = run_cell((plan){.warmup = 1, .fail_after = n}, &p);
        if (strcmp(text_at(r, "status"), "ok") == 0)
            break;
        assert_string_equal(text_at(r, "status"), "oom");
        json_decref(r);
    }
    assert_ok(r);
    assert_true(json_is_null(at(r, "numerics.precision")));
    assert_non_null(strstr(text_at(r, "numerics.precision_reason"), "out of memory"));
    json_decref(r);
}

/* The curves do not depend on how a cell is measured: another warm-up, no evaluations, another run. */
static void measuring_changes_nothing(void **state)
{
    bench_params p = tiny();
    (void)state;
    json_t *a = run_cell((plan){.warmup = 1}, &p);
    p.eval_every = -1;
    json_t *b = run_cell((plan){.warmup = 100, .run = 3}, &p);
    assert_ok(a);
    assert_ok(b);
    nulls_have_reasons(b);
    assert_true(json_equal(at(a, "loss.curve"), at(b, "loss.curve")));
    assert_true(json_equal(at(a, "numerics"), at(b, "numerics")));
    assert_int_equal(size_at(a, "accuracy.curve"), 2);
    assert_true(json_is_null(at(b, "accuracy")));
    assert_string_equal(text_at(b, "accuracy_reason"), "eval_every is null");
    assert_int_equal(size_at(b, "time.step_ns"), 0);
    assert_true(json_is_null(at(b, "time.median_ns")));
    assert_true(json_is_null(at(b, "inputs.validation")));
    json_decref(a);
    json_decref(b);
}

static void zero_shot_and_holdout(void **state)
{
    bench_params p = tiny();
    (void)state;
    p.method = ZO_METHOD_ZERO_SHOT;
    p.parallel = ZO_PARALLEL_NONE;
    p.steps = 0;
    p.holdout = 8;
    json_t *r = run_cell((plan){.warmup = 1}, &p);
    assert_ok(r);
    nulls_have_reasons(r);
    assert_int_equal(json_integer_value(at(r, "accuracy.n")), 8);
    assert_int_equal(size_at(r, "accuracy.curve"), 1);
    assert_true(json_equal(at(r, "accuracy.initial"), at(r, "accuracy.value")));
    assert_int_equal(json_integer_value(at(r, "memory.accounts.adapter")), 0);
    json_decref(r);
    p = tiny();
    p.holdout = 24;
    r = run_cell((plan){.warmup = 1}, &p);
    assert_string_equal(text_at(r, "status"), "failed");
    assert_string_equal(text_at(r, "reason"), "holdout 24 leaves none of train_rows 24 to train on");
    json_decref(r);
}

/* An adapter whose values are finite and whose products are not. */
static void save_huge_adapter(const bench_params *p, const char *dir)
{
    zo_config config;
    zo_lora *l = NULL;
    zo_lora_options o = {(int32_t)p->rank, p->alpha, p->targets, false, 1};
    assert_true(zo_synth_config("tiny", &config));
    assert_int_equal(zo_lora_new(&config, &o, NULL, &l, NULL), ZO_OK);
    const zo_lora_pair *pair = zo_lora_at(l, 0, ZO_TARGET_DOWN);
    for (int64_t i = 0; i < pair->out * o.rank; i++)
        pair->b[i] = 3e38f;
    assert_int_equal(zo_adapter_file_save(l, dir, "tiny", NULL), ZO_OK);
    zo_lora_free(l);
}

static void failures_are_told_apart(void **state)
{
    bench_params p = tiny();
    (void)state;
    save_huge_adapter(&p, "huge");
    strcpy(p.adapter, "huge");
    json_t *r = run_cell((plan){.warmup = 1}, &p);
    assert_string_equal(text_at(r, "status"), "nan");
    assert_int_equal(strncmp(text_at(r, "reason"), "evaluation after step 0: ", 25), 0);
    assert_true(json_is_null(at(r, "accuracy")));
    nulls_have_reasons(r);
    json_decref(r);
    p.eval_every = -1;
    r = run_cell((plan){.warmup = 1}, &p);
    assert_string_equal(text_at(r, "status"), "nan");
    assert_int_equal(strncmp(text_at(r, "reason"), "step 0: ", 8), 0);
    assert_true(json_is_null(at(r, "time.median_ns")));
    nulls_have_reasons(r);
    json_decref(r);

    p = tiny();
    strcpy(p.model, "/nonexistent/model.gguf");
    r = run_cell((plan){.warmup = 1}, &p);
    assert_string_equal(text_at(r, "status"), "failed");
    assert_non_null(strstr(text_at(r, "reason"), "/nonexistent/model.gguf"));
    nulls_have_reasons(r);
    json_decref(r);

    p = tiny();
    for (long nth = 1; nth < 200; nth += nth < 5 ? 1 : 23) { /* wherever memory runs out */
        r = run_cell((plan){.warmup = 1, .fail_after = nth}, &p);
        if (strcmp(text_at(r, "status"), "ok") == 0) {
            assert_true(nth > 5);
            json_decref(r);
            break;
        }
        assert_string_equal(text_at(r, "status"), "oom");
        nulls_have_reasons(r);
        json_decref(r);
    }
}

/* Bit for bit. */
static void same_result(const json_t *a, const json_t *b)
{
    static const char *const parts[] = {"loss", "accuracy", "numerics", "roofline.flops_per_step",
                                        "time.tokens_per_step"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (json_equal(at(a, parts[i]), at(b, parts[i])))
            continue;
        char *x = json_dumps(at(a, parts[i]), JSON_ENCODE_ANY),
             *y = json_dumps(at(b, parts[i]), JSON_ENCODE_ANY);
        fail_msg("%s: %s\nagainst %s", parts[i], x, y);
    }
}

/* Killed before any step, and again before any later one, a cell ends with the bits of one that was left alone. */
static void killed_at_any_step_it_ends_with_the_same_bits(void **state)
{
    static const struct {
        int method, peft, parallel;
    } cases[] = {{ZO_METHOD_PRGE, ZO_PEFT_LORA_FA, ZO_PARALLEL_BOTH},
                 {ZO_METHOD_PRGE, ZO_PEFT_LORA, ZO_PARALLEL_INNER},
                 {ZO_METHOD_MEZO, ZO_PEFT_LORA_FA, ZO_PARALLEL_NONE}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bench_params p = tiny();
        p.method = cases[i].method;
        p.peft = cases[i].peft;
        p.parallel = cases[i].parallel;
        p.eval_every = 3;
        p.checkpoint_every = 2;
        json_t *whole = run_cell((plan){.warmup = 0, .run = 100}, &p);
        assert_ok(whole);
        assert_null(at(whole, "time.resumed_at"));
        for (int kill_at = 1; kill_at <= 8; kill_at++) {
            plan cut = {.warmup = 0, .kill_at = kill_at, .run = kill_at};
            assert_null(run_cell(cut, &p));
            cut.kill_at = 2; /* one more step, then again */
            json_t *r = run_cell(cut, &p);
            if (!r) {
                cut.kill_at = 0;
                r = run_cell(cut, &p);
            }
            assert_ok(r);
            same_result(whole, r);
            /* checkpoints lie after 2, 4 and 6 steps; asking k times means k - 1 steps */
            assert_int_equal(size_at(r, "time.resumed_at") > 0, kill_at >= 3);
            assert_int_equal(size_at(r, "time.step_ns"), 7);
            json_decref(r);
        }
        json_decref(whole);
        assert_int_equal(bench_folder_remove("r", NULL),
                         ZO_OK); /* another cell, but let us see little at a time */
    }
}

/* Asked to stop it leaves a checkpoint at just that step, whatever checkpoint_every says. */
static void stopped_it_goes_on_from_there(void **state)
{
    bench_params p = tiny();
    (void)state;
    p.checkpoint_every = 1000;
    json_t *whole = run_cell((plan){.warmup = 0, .run = 100}, &p);
    assert_ok(whole);
    json_t *r = run_cell((plan){.warmup = 0, .stop_at = 4}, &p);
    assert_string_equal(text_at(r, "status"), "interrupted");
    assert_int_equal(size_at(r, "loss.curve"), 3);
    json_decref(r);
    r = run_cell((plan){.warmup = 2, .stop_at = 2}, &p);
    assert_string_equal(text_at(r, "status"), "interrupted");
    json_decref(r);
    r = run_cell((plan){.warmup = 0}, &p);
    assert_ok(r);
    assert_true(json_equal(at(whole, "loss"), at(r, "loss")));
    assert_true(json_equal(at(whole, "accuracy"), at(r, "accuracy")));
    assert_true(json_equal(at(whole, "numerics"), at(r, "numerics")));
    assert_int_equal(size_at(r, "time.resumed_at"), 2);
    assert_int_equal(json_integer_value(json_array_get(at(r, "time.resumed_at"), 0)), 3);
    assert_int_equal(json_integer_value(json_array_get(at(r, "time.resumed_at"), 1)), 4);
    assert_int_equal(size_at(r, "time.warmup_ns"), 1); /* each child warms up for itself */
    assert_int_equal(size_at(r, "time.step_ns"), 6);
    json_decref(r);
    json_decref(whole);
}

static void only_its_own_checkpoint_is_taken_up(void **state)
{
    bench_params p = tiny(), other = tiny();
    char id[13];
    (void)state;
    p.checkpoint_every = other.checkpoint_every = 2;
    other.lr = 2e-2;
    assert_null(run_cell((plan){.warmup = 1, .kill_at = 6}, &p));
    json_t *r = run_cell((plan){.warmup = 1, .run = 1}, &p); /* another run */
    assert_null(at(r, "time.resumed_at"));
    json_decref(r);
    bench_params_id(&p, id);
    char *from = bench_folder_path("r/checkpoints/%s-0", id);
    bench_params_id(&other, id);
    char *to = bench_folder_path("r/checkpoints/%s-0", id);
    assert_int_equal(rename(from, to), 0);
    r = run_cell((plan){.warmup = 1}, &other); /* another cell */
    assert_ok(r);
    assert_null(at(r, "time.resumed_at"));
    json_decref(r);
    char *state_path = bench_folder_path("%s/state.json", to);
    assert_int_equal(bench_folder_save(state_path, "{\"schema\": \"zob", 15, NULL),
                     ZO_OK); /* not ours, or torn */
    r = run_cell((plan){.warmup = 1}, &other);
    assert_ok(r);
    assert_null(at(r, "time.resumed_at"));
    json_decref(r);
    free(from);
    free(to);
    free(state_path);
}

/* What was trained can be kept, and taken up as a start: its first evaluation is the other's last. */
static void adapters_are_kept_and_taken_up(void **state)
{
    bench_params p = tiny();
    char id[13];
    (void)state;
    json_t *first = run_cell((plan){.warmup = 1, .save_adapter = true}, &p);
    assert_ok(first);
    bench_params_id(&p, id);
    snprintf(p.adapter, sizeof p.adapter, "r/adapters/%s-0", id);
    json_t *second = run_cell((plan){.warmup = 1}, &p);
    assert_ok(second);
    assert_true(json_equal(json_array_get(json_array_get(at(first, "loss.eval_curve"), 1), 1),
                           json_array_get(json_array_get(at(second, "loss.eval_curve"), 0), 1)));
    assert_int_equal(json_string_length(at(second, "inputs.adapter.sha256")), 64);
    p.rank = 4; /* not what the folder holds */
    json_t *third = run_cell((plan){.warmup = 1}, &p);
    assert_string_equal(text_at(third, "status"), "failed");
    assert_non_null(
        strstr(text_at(third, "reason"), "has rank 2 and alpha 4; the cell says rank 4 and alpha 4"));
    json_decref(first);
    json_decref(second);
    json_decref(third);
}

static void jobs_are_checked(void **state)
{
    static const struct {
        const char *json, *message;
    } bad[] = {
        {"{}", "job: cell_id must be 12 letters"},
        {"{\"cell_id\": \"0123456789ab\"}", "job: run and warmup must be whole numbers"},
        {"{\"cell_id\": \"0123456789ab\", \"run\": 0, \"warmup\": -2}",
         "job: run and warmup must be whole numbers"},
        {"{\"cell_id\": \"0123456789ab\", \"run\": 0, \"warmup\": 1}",
         "job: folder must be a text and save_adapter true or false"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        json_t *json = json_loads(bad[i].json, 0, NULL);
        bench_cell_job job;
        zo_error err = {0};
        assert_int_equal(bench_cell_job_read(json, &job, &err), ZO_ERR_FORMAT);
        assert_string_equal(err.text, bad[i].message);
        json_decref(json);
    }
}

#define IN_PLACE(f) cmocka_unit_test_setup_teardown(f, place_make, place_drop)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IN_PLACE(a_record_is_complete),           IN_PLACE(measuring_changes_nothing),
        IN_PLACE(rounding_is_measured_last),      IN_PLACE(zero_shot_and_holdout),
        IN_PLACE(failures_are_told_apart),        IN_PLACE(killed_at_any_step_it_ends_with_the_same_bits),
        IN_PLACE(stopped_it_goes_on_from_there),  IN_PLACE(only_its_own_checkpoint_is_taken_up),
        IN_PLACE(adapters_are_kept_and_taken_up), cmocka_unit_test(jobs_are_checked),
    };
    if (argc > 1 && strcmp(argv[1], "cell") == 0)
        return run_here();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
