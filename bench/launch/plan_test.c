/* Tests of plan.c: memory against what the core then asks for, numbers of evaluations, time from records and by
 * operations, what is done, what is in the way, what it leaves on disk. */
#include "bench/backend/backend.h"
#include "bench/launch/plan.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/machine/build.h"
#include "bench/base/folder.h"
#include "bench/backend/model.h"
#include "bench/machine/machine.h"
#include "bench/record/record.h"
#include "bench/cell/roofline.h"
#include "core/format/weights.h"
#include "core/format/synth.h"

#define HEAD "{\"schema\": \"zobench/1\", \"name\": \"n\", "

static bench_manifest *parse(const char *rest)
{
    char text[4096];
    bench_manifest *m;
    zo_error err = {0};
    snprintf(text, sizeof text, HEAD "%s", rest);
    if (bench_manifest_parse(text, strlen(text), "f", &m, &err))
        fail_msg("%s", err.text);
    return m;
}

static char results[512];

static int make_results(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(results, sizeof results, "%s/plan_test.XXXXXX", tmp && *tmp ? tmp : "/tmp");
    return mkdtemp(results) ? 0 : -1;
}

static int remove_results(void **state)
{
    (void)state;
    return bench_folder_remove(results, NULL) ? -1 : 0;
}

static bench_plan plan_of(const bench_manifest *m, const json_t *where)
{
    bench_plan plan;
    zo_error err = {0};
    if (bench_plan_make(m, results, where, &plan, &err))
        fail_msg("%s", err.text);
    return plan;
}

/* ---- memory ---- */

/* Bytes of the accounts that bench_backend_bytes predicts, at their most: the sum over accounts is exact because none of
 * them ever shrinks before the evaluation. */
static int64_t asked_for(const bench_params *p, bench_lengths *lengths, zo_llama_bytes *weights)
{
    zo_mem mem = {0};
    bench_model m;
    zo_dataset *train = NULL, *eval = NULL;
    zo_trainer *t = NULL;
    zo_error err = {0};
    zo_evaluation e;
    zo_status st = bench_model_open(p->model, (zo_precision)p->weights, NULL, p->peft,
                                    (int32_t)bench_params_longest(p), &mem, &m, &err);
    if (!st && p->peft != ZO_PEFT_FULL && p->steps)
        st = bench_new_adapter(p, &m.config, &mem, &m.lora, &err);
    if (!st)
        st = zo_dataset_load(zo_task_find(p->task), NULL, ZO_SPLIT_TRAIN, (int32_t)p->train_rows, m.tokenizer,
                             (int32_t)bench_params_cut(p), NULL, &train, &err);
    if (!st)
        st = zo_dataset_load(zo_task_find(p->task), NULL, ZO_SPLIT_VALIDATION, (int32_t)p->eval_rows,
                             m.tokenizer, (int32_t)bench_params_cut(p), NULL, &eval, &err);
    zo_trainer_options o = bench_trainer_options(p, 0);
    if (!st && p->steps)
        st = zo_trainer_new(m.llama, m.lora, train, &o, &mem, &t, &err);
    if (!st && p->eval_every >= 0)
        st = zo_evaluate(m.llama, m.lora, eval, 0, (zo_compute)p->compute, &mem, NULL, NULL, NULL, &e, &err);
    if (st)
        fail_msg("%s", err.text);
    *lengths = (bench_lengths){train->longest, train->most_labels, eval->longest, eval->most_labels};
    *weights = m.weight_bytes;
    zo_trainer_free(t);
    zo_dataset_free(train);
    zo_dataset_free(eval);
    bench_model_close(&m);
    return (int64_t)(mem.peak[ZO_ACCOUNT_WEIGHTS] + mem.peak[ZO_ACCOUNT_ADAPTER] +
                     mem.peak[ZO_ACCOUNT_ACTIVATIONS]);
}

static void predicted_memory(void **state)
{
    (void)state;
    static const char *const cells =
        "\"defaults\": {\"model\": \"synth:tiny\", \"task\": \"polarity\", \"train_rows\": 40, "
        "\"eval_rows\": 4, "
        "\"threads\": 0}, \"matrix\": {\"parallel\": [\"none\", \"inner\", \"outer\", \"both\"], "
        "\"seq_len\": [null, 128], "
        "\"eval_every\": [null, 0]}, \"cells\": [{\"weights\": \"f16\"}, {\"weights\": \"bf16\", "
        "\"compute\": \"bf16\"}, "
        "{\"weights\": \"int8\"}, {\"weights\": \"nf4\", \"compute\": \"bf16\"}, "
        "{\"method\": \"mezo\", \"peft\": \"full\"}, {\"method\": "
        "\"mezo\"}, "
        "{\"method\": \"rge\", \"peft\": \"lora\", \"rank\": 4, \"targets\": [\"q_proj\", \"down_proj\"]}, "
        "{\"method\": \"zero-shot\"}, {\"batch\": 1, \"queries\": 16, \"max_tokens\": 64}, "
        "{\"task\": \"random\", \"seq_len\": 8}]}";
    bench_manifest *m = parse(cells);
    zo_config c;
    assert_true(zo_synth_config("tiny", &c));
    bench_plan plan = plan_of(m, NULL);
    for (int32_t i = 0; i < m->cell_count; i++) {
        const bench_params *p = &m->cells[i].params;
        bench_lengths lengths;
        zo_llama_bytes weights;
        int64_t asked = asked_for(p, &lengths, &weights);
        assert_int_equal(bench_backend_bytes(p, &c, weights, &lengths),
                         asked); /* both walk over the same lists of arrays */
        assert_true(bench_backend_bytes(p, &c, weights, NULL) >= asked);
        assert_true(plan.program_bytes > 0);
        assert_int_equal(plan.cells[i].bytes, plan.program_bytes + asked);
        assert_false(plan.cells[i].too_large);
    }
    bench_plan_deinit(&plan);
    bench_manifest_free(m);
}

/* Cells that differ in their weights' precision alone are planned to differ by what loading then asks the account for, and
 * by what is mapped; for a made-up model, and for one in a file. */
static void memory_of_precisions(void **state)
{
    (void)state;
    bench_manifest *m = parse(
        "\"defaults\": {\"task\": \"polarity\", \"train_rows\": 20, \"eval_rows\": 4}, \"matrix\": "
        "{\"model\": "
        "[\"synth:tiny\", \"smollm2-135m\"], \"weights\": [\"f32\", \"f16\", \"bf16\", \"int8\", \"nf4\"]}}");
    bench_plan plan = plan_of(m, NULL);
    assert_int_equal(plan.count, 10);
    int64_t first = 0;
    for (int32_t i = 0; i < plan.count; i++) {
        const bench_params *p = &m->cells[i].params;
        zo_mem mem = {0};
        zo_error err = {0};
        bench_model model;
        if (plan.cells[i].bytes < 0) {
            printf("left out: %s\n", plan.cells[i].trouble);
            continue;
        }
        if (bench_model_open(p->model, (zo_precision)p->weights, NULL, p->peft,
                             (int32_t)bench_params_longest(p), &mem, &model, &err))
            fail_msg("%s", err.text);
        int64_t taken = (int64_t)mem.peak[ZO_ACCOUNT_WEIGHTS] + model.weight_bytes.mapped;
        first = i % 5 ? first : taken; /* f32 */
        assert_int_equal(plan.cells[i].bytes - plan.cells[i / 5 * 5].bytes, taken - first);
        assert_true(i % 5 == 0 || taken < first);
        bench_model_close(&model);
    }
    bench_plan_deinit(&plan);
    bench_manifest_free(m);
}

static void too_large(void **state)
{
    (void)state;
    bench_manifest *m = parse("\"defaults\": {\"model\": \"synth:llama3-70b\", \"task\": \"polarity\"}}");
    bench_plan plan = plan_of(m, NULL);
    assert_true(plan.cells[0].bytes > 4 * INT64_C(65000000000)); /* four bytes per parameter */
    if (plan.available_bytes < plan.cells[0].bytes)
        assert_true(plan.cells[0].too_large);
    bench_plan_deinit(&plan);
    bench_manifest_free(m);
}

/* A ceiling of the manifest counts, but gives no memory that there isn't. */
static void ceilings(void **state)
{
    (void)state;
    bench_manifest *m = parse("\"defaults\": {\"model\": \"synth:smollm2-135m\", \"task\": \"polarity\"}, "
                              "\"measure\": {\"memory\": \"400MiB\"}}");
    bench_plan plan = plan_of(m, NULL);
    assert_true(plan.cells[0].too_large); /* 513 MiB of weights */
    assert_int_equal(plan.limit_bytes, 400 << 20);
    bench_plan_deinit(&plan);
    /* before a run too */
    static const struct {
        int mib;
        const char *says;
    } available[] = {{1024, "the 0.4 GiB of memory that a cell may take"},
                     {300, "the 0.3 GiB of memory that are available"}};
    bench_schedule s;
    assert_int_equal(bench_schedule_init(&s, m, NULL, (bench_shard){0}, NULL), ZO_OK);
    for (size_t i = 0; i < sizeof available / sizeof *available; i++) {
        zo_error err = {0};
        json_t *machine = json_pack("{s:I, s:n}", "memory_available_bytes",
                                    (json_int_t)available[i].mib << 20, "memory_limit_bytes");
        assert_int_equal(bench_plan_check_memory(&s, machine, &err), ZO_ERR_INVALID);
        assert_non_null(strstr(err.text, available[i].says));
        json_decref(machine);
    }
    bench_schedule_deinit(&s);
    bench_manifest_free(m);
}

static void evaluations(void **state)
{
    (void)state;
    static const struct {
        const char *cell;
        int64_t expected;
    } cases[] = {
        {"\"steps\": 20, \"eval_every\": null", 0}, {"\"steps\": 20, \"eval_every\": 0", 2},
        {"\"steps\": 20, \"eval_every\": 5", 5},    {"\"steps\": 20, \"eval_every\": 7", 4},
        {"\"steps\": 20, \"eval_every\": 20", 2},   {"\"steps\": 20, \"eval_every\": 100", 2},
        {"\"steps\": 0, \"eval_every\": 5", 1},     {"\"method\": \"zero-shot\"", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[200];
        snprintf(text, sizeof text, "\"defaults\": {%s}}", cases[i].cell);
        bench_manifest *m = parse(text);
        assert_int_equal(bench_params_evaluations(&m->cells[0].params), cases[i].expected);
        bench_manifest_free(m);
    }
}

/* ---- records ---- */

static void append(const bench_params *p, const char *id, int run, const char *status, double median_ns,
                   double load_ns, double eval_ns, bool here)
{
    zo_error err = {0};
    json_t *machine = NULL, *build = bench_build_describe();
    char *path = bench_folder_path("%s/n/cells.jsonl", results), *dir = bench_folder_path("%s/n", results);
    assert_int_equal(bench_folder_make(dir, &err), ZO_OK);
    assert_int_equal(bench_machine_describe(&machine, &err), ZO_OK);
    if (!here)
        json_object_set_new(machine, "cpu", json_string("another"));
    json_t *record = json_pack("{s:s, s:o, s:s, s:i, s:s, s:{s:f, s:f, s:f}, s:o, s:o}", "schema",
                               BENCH_RECORD_SCHEMA, "cell", bench_params_to_json(p), "cell_id", id, "run",
                               run, "status", status, "time", "median_ns", median_ns, "load_ns", load_ns,
                               "eval_ns", eval_ns, "machine", machine, "build", build);
    assert_non_null(record);
    if (bench_record_append(path, record, &err))
        fail_msg("%s", err.text);
    json_decref(record);
    free(path);
    free(dir);
}

static void time_from_records(void **state)
{
    (void)state;
    bench_manifest *m =
        parse("\"defaults\": {\"model\": \"synth:tiny\", \"task\": \"polarity\", \"train_rows\": 20, "
              "\"eval_rows\": 10, "
              "\"steps\": 100, \"eval_every\": 50}, \"matrix\": {\"batch\": [1, 2], \"lr\": [1, 2]}, "
              "\"measure\": {\"min_runs\": 3}}");
    const bench_cell *c = m->cells; /* batch 1 lr 1, batch 1 lr 2, batch 2 lr 1, batch 2 lr 2 */
    /* one that says nothing about this machine, one that failed, three that do; of run 1 the later counts */
    append(&c[0].params, c[0].id, 0, "ok", 9e9, 9e9, 9e9, false);
    append(&c[0].params, c[0].id, 1, "failed", 8e9, 8e9, 8e9, true);
    append(&c[0].params, c[0].id, 0, "ok", 1e6, 5e8, 3e8, true);
    append(&c[0].params, c[0].id, 1, "ok", 3e6, 5e8, 3e8, true);
    append(&c[1].params, c[1].id, 0, "timeout", 7e6, 5e8, 3e8, true);
    append(&c[2].params, c[2].id, 0, "ok", 9e9, 9e9, 9e9, false);
    bench_plan plan = plan_of(m, NULL);
    assert_int_equal(plan.count, 4);
    const bench_plan_cell *p = plan.cells;
    assert_int_equal(p[0].basis, BENCH_PLAN_MEASURED);
    /* median of 1 and 3 ms, 100 steps, 0.5 s of loading, 3 evaluations of 0.1 s */
    assert_float_equal(p[0].seconds, 100 * 0.002 + 0.5 + 0.3, 1e-9);
    assert_int_equal(p[0].done, 2);
    assert_int_equal(p[0].failed, 0);
    assert_int_equal(p[0].wanted, 3);
    /* another learning rate takes as long; its own record is of a failure */
    assert_int_equal(p[1].basis, BENCH_PLAN_MEASURED);
    assert_float_equal(p[1].seconds, p[0].seconds, 1e-9);
    assert_int_equal(p[1].done, 0);
    assert_int_equal(p[1].failed, 1);
    /* another batch does not, and records of another machine say nothing of the time, only of what is done */
    assert_int_equal(p[2].basis, BENCH_PLAN_ESTIMATED);
    assert_int_equal(p[2].done, 1);
    assert_int_equal(p[3].basis, BENCH_PLAN_ESTIMATED);
    assert_true(p[3].seconds > 0 && p[3].seconds < 60);
    assert_float_equal(plan.remaining_s,
                       p[0].seconds + 2 * p[1].seconds + 2 * p[2].seconds + 3 * p[3].seconds, 1e-9);
    assert_int_equal(json_object_size(plan.peaks), 1);
    assert_string_equal(p[0].label, "batch=1 lr=1");
    bench_plan_deinit(&plan);
    /* for another manifest with the same cells they tell the time, but nothing of what is done */
    strcpy(m->name, "o");
    plan = plan_of(m, NULL);
    assert_int_equal(plan.cells[0].basis, BENCH_PLAN_MEASURED);
    assert_float_equal(plan.cells[0].seconds, 100 * 0.002 + 0.5 + 0.3, 1e-9);
    assert_int_equal(plan.cells[0].done, 0);
    assert_int_equal(plan.cells[1].failed, 0);
    bench_plan_deinit(&plan);
    strcpy(m->name, "n");
    json_t *where = json_pack("{s:i}", "batch", 1);
    plan = plan_of(m, where);
    assert_int_equal(plan.count, 2);
    assert_ptr_equal(plan.cells[1].cell, &c[1]);
    assert_null(plan.peaks); /* not asked: nothing had to be estimated */
    bench_plan_deinit(&plan);
    json_object_set_new(where, "batch", json_integer(5));
    zo_error err = {0};
    assert_int_equal(bench_plan_make(m, results, where, &plan, &err), ZO_ERR_INVALID);
    assert_string_equal(err.text, "plan n: no cell passes the filter");
    json_decref(where);
    bench_manifest_free(m);
}

/* Twice the steps, twice the time, and nearly so for what else the operations are proportional to. */
static void time_by_the_roofline(void **state)
{
    (void)state;
    bench_manifest *m = parse("\"defaults\": {\"model\": \"synth:smollm2-135m\", \"task\": \"polarity\", "
                              "\"train_rows\": 50, \"eval_rows\": 10, "
                              "\"seq_len\": 256, \"eval_every\": null, \"steps\": 10}, \"cells\": [{}, "
                              "{\"steps\": 20}, {\"queries\": 8}, "
                              "{\"batch\": 8}, {\"eval_every\": 0}, {\"parallel\": \"none\"}]}");
    bench_plan plan = plan_of(m, NULL);
    const bench_plan_cell *p = plan.cells;
    zo_config c;
    assert_true(zo_synth_config("smollm2-135m", &c));
    /* 2 q B T rows through the linear layers, twice their parameters each; attention, head and adapter add less than half */
    double flops = 10.0 * 2 * 4 * 4 * 256 * 2 * (double)zo_config_linear_params(&c);
    bench_roof roof;
    assert_int_equal(json_object_size(plan.peaks), 1);
    assert_true(bench_roofline_read(json_object_iter_value(json_object_iter(plan.peaks)), &roof));
    double ratio = p[0].seconds * roof.flops_per_s[ZO_COMPUTE_F32] / flops;
    assert_true(ratio > 1 &&
                ratio < 2); /* activations depend on how a machine's memory compares to its arithmetic */
    assert_float_equal(p[1].seconds / p[0].seconds, 2, 1e-9);
    /* what is done once per forward, as unpacking weights, isn't doubled */
    assert_true(p[2].seconds / p[0].seconds > 1.5 && p[2].seconds / p[0].seconds <= 2 + 1e-9);
    assert_true(p[3].seconds / p[0].seconds > 1.5 && p[3].seconds / p[0].seconds <= 2 + 1e-9);
    assert_true(p[4].seconds > p[0].seconds);
    assert_true(p[5].seconds >= p[0].seconds); /* and is done 2q times without batching */
    bench_plan_deinit(&plan);
    bench_manifest_free(m);
}

static void trouble(void **state)
{
    (void)state;
    bench_manifest *m = parse("\"defaults\": {\"model\": \"synth:tiny\", \"task\": \"polarity\", "
                              "\"train_rows\": 20, \"eval_rows\": 10, "
                              "\"lr\": 3}, \"cells\": [{\"model\": \"./no/such.gguf\"}, {\"task\": \"sst2\", "
                              "\"data\": \"/no/such\"}, "
                              "{\"rank\": 1000}, {\"batch\": 20}]}");
    bench_plan plan = plan_of(m, NULL);
    const bench_plan_cell *p = plan.cells;
    assert_non_null(strstr(p[0].trouble, "no/such.gguf"));
    assert_int_equal(p[0].bytes, -1);
    assert_int_equal(p[0].basis, BENCH_PLAN_UNKNOWN);
    assert_true(isnan(p[0].seconds));
    assert_non_null(strstr(p[1].trouble, "/no/such/sst2"));
    assert_true(p[1].bytes > 0); /* the model's shape is known, and the longest that sequences may be */
    assert_int_equal(p[1].basis, BENCH_PLAN_UNKNOWN);
    assert_non_null(strstr(p[2].trouble, "rank 1000 is more than the width"));
    assert_string_equal(p[3].trouble, "");
    assert_int_equal(p[3].basis, BENCH_PLAN_ESTIMATED);
    assert_int_equal(plan.unknown, 3);
    bench_plan_deinit(&plan);
    bench_manifest_free(m);
}

static void bad_records(void **state)
{
    (void)state;
    bench_manifest *m = parse("\"defaults\": {\"model\": \"synth:tiny\", \"task\": \"polarity\"}}");
    bench_plan plan;
    zo_error err = {0};
    char *path = bench_folder_path("%s/n/cells.jsonl", results), *dir = bench_folder_path("%s/n", results);
    assert_int_equal(bench_folder_make(dir, &err), ZO_OK);
    assert_int_equal(bench_folder_save(path, "{\"schema\": \"zobench/record/9\"}\n", 31, &err), ZO_OK);
    assert_int_equal(bench_plan_make(m, results, NULL, &plan, &err), ZO_ERR_FORMAT);
    assert_non_null(strstr(err.text, "cells.jsonl:1"));
    assert_null(plan.cells);
    free(path);
    free(dir);
    bench_manifest_free(m);
}

/* ---- disk ---- */

/* Every line of results that are kept is within what is foretold of its cell, with and without training. */
static void records_fit(void **state)
{
    bench_manifest *m = NULL;
    char *line = NULL;
    size_t cap = 0;
    int seen = 0;
    (void)state;
    assert_int_equal(bench_manifest_load("results/kept/quickstart/manifest.json", &m, NULL), ZO_OK);
    bench_plan plan = plan_of(m, NULL);
    FILE *f = fopen("results/kept/quickstart/cells.jsonl", "r");
    assert_non_null(f);
    for (ssize_t n; (n = getline(&line, &cap, f)) > 0;) {
        json_t *record = json_loads(line, 0, NULL);
        const char *id = json_string_value(json_object_get(record, "cell_id"));
        for (int32_t i = 0; i < plan.count; i++) {
            if (strcmp(id, plan.cells[i].cell->id) != 0)
                continue;
            assert_in_range(n, 1, plan.cells[i].record_bytes);
            seen++;
        }
        json_decref(record);
    }
    assert_true(seen > 0);
    free(line);
    fclose(f);
    bench_plan_deinit(&plan);
    bench_manifest_free(m);
}

static void disk_sums(void **state)
{
    (void)state;
    bench_manifest *m = parse("\"defaults\": {\"model\": \"synth:tiny\", \"task\": \"polarity\"}, "
                              "\"cells\": [{\"steps\": 20}, {\"steps\": 1020}, "
                              "{\"steps\": 20, \"checkpoint_every\": 5}], \"measure\": {\"min_runs\": 2}}");
    bench_plan plan = plan_of(m, NULL);
    const bench_plan_cell *c = plan.cells;
    const zo_lora_options lora = bench_params_lora(&c->cell->params);
    zo_config config;
    assert_int_equal(bench_model_config("synth:tiny", &config, NULL), ZO_OK);
    assert_int_equal(c[1].record_bytes - c[0].record_bytes, 64000);
    assert_int_equal(c[0].checkpoint_bytes, 0);
    assert_int_equal(c[2].checkpoint_bytes, 2 * (zo_lora_bytes(&config, &lora) + c[2].record_bytes));
    assert_int_equal(plan.disk_bytes,
                     2 * (c[0].record_bytes + c[1].record_bytes + c[2].record_bytes) + c[2].checkpoint_bytes);
    bench_plan_deinit(&plan);
    bench_manifest_free(m);
}

static void free_space(void **state)
{
    static const struct {
        const char *folder;
        bool empty; /* a file system that holds nothing */
    } cases[] = {{"/", false}, {"/proc", true}, {"/proc/none/of/this", true}, {"no-such-folder/none", false}};
    (void)state;
    bench_manifest *m = parse("\"defaults\": {\"model\": \"./none\", \"task\": \"polarity\"}}");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bench_plan plan;
        assert_int_equal(bench_plan_make(m, cases[i].folder, NULL, &plan, NULL), ZO_OK);
        assert_true(cases[i].empty ? plan.disk_free_bytes == 0 : plan.disk_free_bytes >= 0);
        bench_plan_deinit(&plan);
    }
    bench_manifest_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(predicted_memory, make_results, remove_results),
        cmocka_unit_test_setup_teardown(memory_of_precisions, make_results, remove_results),
        cmocka_unit_test_setup_teardown(too_large, make_results, remove_results),
        cmocka_unit_test_setup_teardown(ceilings, make_results, remove_results),
        cmocka_unit_test(evaluations),
        cmocka_unit_test_setup_teardown(time_from_records, make_results, remove_results),
        cmocka_unit_test_setup_teardown(time_by_the_roofline, make_results, remove_results),
        cmocka_unit_test_setup_teardown(trouble, make_results, remove_results),
        cmocka_unit_test_setup_teardown(bad_records, make_results, remove_results),
        cmocka_unit_test_setup_teardown(records_fit, make_results, remove_results),
        cmocka_unit_test_setup_teardown(disk_sums, make_results, remove_results),
        cmocka_unit_test(free_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
