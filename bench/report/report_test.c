/* Tests of report.c and what it is made of: results folders written by hand, and the exact tables, data and scripts that
 * must come out of them.
 *
 * Step times are chosen so that everything can be worked out in the head: run k of a cell takes base + k ms.
 */
#include "bench/report/report.h"

#include <ctype.h>
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "bench/results/grid.h"
#include "bench/report/figure.h"
#include "bench/base/folder.h"
#include "bench/record/record.h"
#include "bench/results/results.h"
#include "bench/results/summary.h"
#include "bench/base/table.h"
#include "bench/report/tabulate.h"

/* ---- A results folder ---- */

typedef struct fixture {
    char dir[256];
    char *printed, *said; /* of the last report */
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    const char *tmp = getenv("TMPDIR");
    snprintf(f->dir, sizeof f->dir, "%s/zobench-report-XXXXXX", tmp ? tmp : "/tmp");
    *state = f;
    return mkdtemp(f->dir) ? 0 : -1;
}

static int teardown(void **state)
{
    fixture *f = *state;
    bench_folder_remove(f->dir, NULL);
    free(f->printed);
    free(f->said);
    free(f);
    return 0;
}

static char *path_of(const fixture *f, const char *name)
{
    static char path[1024]; /* for one use */
    snprintf(path, sizeof path, "%s/%s", f->dir, name);
    return path;
}

static char *slurp(const char *path)
{
    FILE *in = fopen(path, "rb");
    char *text = calloc(1, 1 << 20);
    if (!in)
        fail_msg("open %s", path);
    assert_true(fread(text, 1, (1 << 20) - 1, in) < (1 << 20) - 1);
    fclose(in);
    return text;
}

static void expect_file(const fixture *f, const char *name, const char *expected)
{
    char *text = slurp(path_of(f, name));
    assert_string_equal(text, expected);
    free(text);
}

static void expect_in_file(const fixture *f, const char *name, const char *part)
{
    char *text = slurp(path_of(f, name));
    if (!strstr(text, part))
        fail_msg("%s lacks \"%s\":\n%s", name, part, text);
    free(text);
}

static void write_manifest(const fixture *f, const char *text)
{
    zo_error err = {0};
    if (bench_folder_save(path_of(f, "manifest.json"), text, strlen(text), &err))
        fail_msg("%s", err.text);
}

/* What a test makes of the k-th run of a cell; NULL: no record. */
typedef json_t *run_rule(const bench_params *p, int32_t k);

static json_t *ok_record(double step_ms)
{
    return json_pack("{s:s, s:n, s:{s:f, s:[f, f], s:n}, s:{s:i}, s:n}", "status", "ok", "reason", "time",
                     "median_ns", step_ms * 1e6, "ci_ns", (step_ms - 0.5) * 1e6, (step_ms + 0.5) * 1e6,
                     "tokens_per_s", "memory", "peak_rss_bytes", 1 << 20, "accuracy");
}

static json_t *failed_record(const char *status, const char *reason)
{
    return json_pack("{s:s, s:s, s:n, s:n, s:n}", "status", status, "reason", reason, "time", "memory",
                     "accuracy");
}

/* Appends what the rule says, run by run, cell by cell, as an interleaved run does. */
static void write_records(const fixture *f, run_rule *rule, int32_t runs)
{
    zo_error err = {0};
    bench_manifest *m;
    if (bench_manifest_load(path_of(f, "manifest.json"), &m, &err))
        fail_msg("%s", err.text);
    for (int32_t k = 0; k < runs; k++) {
        for (int32_t i = 0; i < m->cell_count; i++) {
            json_t *record = rule(&m->cells[i].params, k);
            if (!record)
                continue;
            json_object_set_new(record, "schema", json_string(BENCH_RECORD_SCHEMA));
            json_object_set_new(record, "cell", bench_params_to_json(&m->cells[i].params));
            json_object_set_new(record, "cell_id", json_string(m->cells[i].id));
            json_object_set_new(record, "run", json_integer(k));
            if (!json_object_get(record, "started"))
                json_object_set_new(record, "started", json_string("2026-01-31T12:00:00Z"));
            if (bench_record_append(path_of(f, "cells.jsonl"), record, &err))
                fail_msg("%s", err.text);
            json_decref(record);
        }
    }
    bench_manifest_free(m);
}

static void make_report(fixture *f, bool json)
{
    size_t printed, said;
    zo_error err = {0};
    free(f->printed);
    free(f->said);
    FILE *data = open_memstream(&f->printed, &printed), *people = open_memstream(&f->said, &said);
    bench_report_options o = {.dir = f->dir, .json = json, .data = data, .people = people};
    bench_report_outcome outcome;
    if (bench_report(&o, &outcome, &err))
        fail_msg("%s", err.text);
    fclose(data);
    fclose(people);
}

/* ---- Tables ---- */

static const char grid_manifest[] =
    "{\"schema\": \"zobench/1\", \"name\": \"grid\", \"title\": \"A grid, 100% of it | all\","
    " \"defaults\": {\"model\": \"synth:tiny\", \"task\": \"polarity\"},"
    " \"matrix\": {\"seq_len\": [64, 128], \"parallel\": [\"both\", \"none\"]},"
    " \"measure\": {\"min_runs\": 3},"
    " \"tables\": [{\"title\": \"Cost & time_1\", \"rows\": \"seq_len\", \"cols\": \"parallel\", \"value\": "
    "\"step_ns\","
    "               \"relative_to\": {\"parallel\": \"none\"}}]}";

/* none: 100 and 200 ms at 64 and 128 tokens; both: half of it, but at 128 tokens it takes too long. */
static json_t *grid_rule(const bench_params *p, int32_t k)
{
    double base = p->seq_len == 64 ? 100 : 200;
    bool both = p->parallel == ZO_PARALLEL_BOTH;
    if (both && p->seq_len == 128)
        return failed_record("timeout", "more than 15m");
    return ok_record((both ? base / 2 : base) + k);
}

/* Ratios run by run: 50/100 = 0.5, 51/101 = 0.50495.., 52/102 = 0.50980... */
static void tables_exactly(void **state)
{
    fixture *f = *state;
    write_manifest(f, grid_manifest);
    write_records(f, grid_rule, 3);
    make_report(f, false);
    expect_file(f, "report/table-1.md",
                "### Cost & time_1: step time (ms)\n"
                "\n"
                "| seq_len |                 both |                 none |\n"
                "| ------- | -------------------: | -------------------: |\n"
                "| 64      | 51.00 [50.00, 52.00] | 101.0 [100.0, 102.0] |\n"
                "| 128     |        -<sup>a</sup> | 201.0 [200.0, 202.0] |\n"
                "\n"
                "<sup>a</sup> timeout: more than 15m\n"
                "\n"
                "Median of 3 runs [smallest, largest: they hold the true median with probability 75%].\n");
    expect_file(f, "report/table-1.csv",
                "seq_len,both_step_ns,both_step_ns_low,both_step_ns_high,none_step_ns,none_step_ns_low,none_"
                "step_ns_high\n"
                "64,51000000,50000000,52000000,101000000,100000000,102000000\n"
                "128,,,,201000000,200000000,202000000\n");
    expect_file(f, "report/table-1.tex",
                "% \\usepackage{booktabs}\n"
                "\\begin{table}\n"
                "  \\centering\n"
                "  \\caption{Cost \\& time\\_1: step time (ms)}\n"
                "  \\begin{tabular}{lrr}\n"
                "    \\toprule\n"
                "    seq\\_len &                 both &                 none \\\\\n"
                "    \\midrule\n"
                "    64       & 51.00 [50.00, 52.00] & 101.0 [100.0, 102.0] \\\\\n"
                "    128      & -\\textsuperscript{a} & 201.0 [200.0, 202.0] \\\\\n"
                "    \\bottomrule\n"
                "  \\end{tabular}\n"
                "  \\par\\footnotesize \\textsuperscript{a} timeout: more than 15m\n"
                "  \\par\\footnotesize Median of 3 runs [smallest, largest: they hold the true median with "
                "probability 75\\%].\n"
                "\\end{table}\n");
    expect_file(f, "report/table-1-relative.md",
                "### Cost & time_1: step time relative to parallel=none\n"
                "\n"
                "| seq_len |                 both | none |\n"
                "| ------- | -------------------: | ---: |\n"
                "| 64      | 0.505 [0.500, 0.510] | 1.00 |\n"
                "| 128     |        -<sup>a</sup> | 1.00 |\n"
                "\n"
                "<sup>a</sup> timeout: more than 15m\n"
                "\n"
                "Median of 3 runs [smallest, largest: they hold the true median with probability 75%].\n"
                "\n"
                "Below 1 is better; each run is divided by the run of the same number.\n");
    expect_file(
        f, "report/table-1-relative.csv",
        "seq_len,both_step_ns_ratio,both_step_ns_ratio_low,both_step_ns_ratio_high,none_step_ns_ratio,"
        "none_step_ns_ratio_low,none_step_ns_ratio_high\n"
        "64,0.504950495049505,0.5,0.5098039215686274,1,,\n"
        "128,,,,1,,\n");
    assert_non_null(strstr(f->printed, "3 of 4 cells complete, 9 of 12 runs ok."));
    assert_non_null(strstr(f->printed, "64       0.505 [0.500, 0.510]  1.00\n"));
    assert_non_null(strstr(f->printed, "seq_len=128, parallel=both  "));
    assert_non_null(strstr(f->said, "/report/report.md\n"));
    expect_in_file(f, "report/report.md", "# A grid, 100% of it \\| all\n");
    expect_in_file(f, "report/report.md", "The cells differ in: seq_len, parallel.\n");
    expect_in_file(f, "report/report.md", "## Cells that are not complete\n");
    expect_in_file(f, "report/report.md", "model synth:tiny, task polarity, ");
}

/* One row per cell; columns by name, since parameters may be added. */
static void cells_csv(void **state)
{
    fixture *f = *state;
    write_manifest(f, grid_manifest);
    write_records(f, grid_rule, 3);
    make_report(f, true);
    json_t *report = json_loads(f->printed, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(report);
    const json_t *all = json_object_get(report, "all"), *rows = json_object_get(all, "rows");
    assert_int_equal(json_array_size(rows), 4);
    const json_t *first = json_array_get(rows, 0), *second = json_array_get(rows, 2);
    assert_string_equal(json_string_value(json_object_get(first, "seq_len")), "64");
    assert_string_equal(json_string_value(json_object_get(first, "parallel")), "both");
    assert_string_equal(json_string_value(json_object_get(first, "status")), "ok");
    assert_true(json_number_value(json_object_get(first, "step_ns")) == 51e6);
    assert_true(json_number_value(json_object_get(first, "step_ns_low")) == 50e6);
    assert_true(json_number_value(json_object_get(first, "step_ns_coverage")) == 0.75);
    assert_true(json_number_value(json_object_get(first, "peak_rss_bytes")) == 1 << 20);
    assert_true(json_is_null(json_object_get(first, "tokens_per_s")));
    assert_true(json_is_null(json_object_get(first, "accuracy")));
    assert_string_equal(json_string_value(json_object_get(second, "status")), "timeout: more than 15m");
    assert_true(json_is_null(json_object_get(second, "step_ns")));
    assert_int_equal(json_number_value(json_object_get(second, "runs_ok")), 0);
    assert_int_equal(json_number_value(json_object_get(second, "runs")), 3);
    json_decref(report);

    char *csv = slurp(path_of(f, "report/cells.csv"));
    int lines = 0;
    for (const char *p = csv; *p; p++)
        lines += *p == '\n';
    assert_int_equal(lines, 5);
    assert_memory_equal(csv, "cell_id,status,runs_ok,runs,model,task,", 39);
    free(csv);
}

/* An option that neither rows nor columns name splits the rows instead of being averaged over. */
static json_t *batch_rule(const bench_params *p, int32_t k)
{
    return k == 0 ? ok_record(10.0 * (double)p->batch) : NULL;
}

static void never_averaged(void **state)
{
    fixture *f = *state;
    write_manifest(
        f, "{\"schema\": \"zobench/1\", \"name\": \"spare\", \"defaults\": {\"model\": \"synth:tiny\"},"
           " \"matrix\": {\"batch\": [2, 4], \"seq_len\": [64, 32]},"
           " \"tables\": [{\"rows\": \"seq_len\", \"value\": \"step_ns\"}]}");
    write_records(f, batch_rule, 1);
    make_report(f, false);
    expect_file(f, "report/table-1.md",
                "### Step time (ms)\n"
                "\n"
                "| seq_len | batch |            step time |\n"
                "| ------- | ----- | -------------------: |\n"
                "| 64      | 2     | 20.00 [19.50, 20.50] |\n"
                "| 64      | 4     | 40.00 [39.50, 40.50] |\n"
                "| 32      | 2     | 20.00 [19.50, 20.50] |\n"
                "| 32      | 4     | 40.00 [39.50, 40.50] |\n"
                "\n"
                "One run: median over its steps [its 95% interval, which does not tell how runs differ].\n");
}

/* Values that no list of the manifest orders: words as their table has them, numbers by size; and where several
 * options would tell cells apart, one that says something (steps) rather than eval_rows. */
static json_t *steps_rule(const bench_params *p, int32_t k)
{
    return k == 0 ? ok_record(10.0 * (double)p->steps) : NULL;
}

static void order_of_values(void **state)
{
    fixture *f = *state;
    write_manifest(
        f, "{\"schema\": \"zobench/1\", \"name\": \"order\", \"defaults\": {\"model\": \"synth:tiny\"},"
           " \"cells\": [{\"parallel\": \"both\", \"steps\": 100, \"eval_rows\": 7}, {\"parallel\": "
           "\"none\", \"steps\": 20},"
           " {\"parallel\": \"both\", \"steps\": 3, \"eval_rows\": 8}],"
           " \"tables\": [{\"rows\": \"parallel\", \"value\": \"step_ns\"}]}");
    write_records(f, steps_rule, 1);
    make_report(f, false);
    expect_in_file(f, "report/table-1.md",
                   "| parallel | steps |            step time |\n"
                   "| -------- | ----- | -------------------: |\n"
                   "| none     | 20    | 200.0 [199.5, 200.5] |\n"
                   "| both     | 3     | 30.00 [29.50, 30.50] |\n"
                   "| both     | 100   |                 1000 |\n");
}

/* (q, B) vary together: the row queries=1 is the baseline although its batch differs. One run each: the ratio of the
 * medians, with the quotients of the intervals' ends, 39.5/160.5 and 40.5/159.5, at 90% (Bonferroni). */
static void baseline_of_zip(void **state)
{
    fixture *f = *state;
    write_manifest(
        f,
        "{\"schema\": \"zobench/1\", \"name\": \"zip\", \"defaults\": {\"model\": \"synth:tiny\"},"
        " \"zip\": [{\"queries\": [1, 4], \"batch\": [16, 4]}],"
        " \"tables\": [{\"rows\": \"queries\", \"value\": \"step_ns\", \"relative_to\": {\"queries\": 1}}]}");
    write_records(f, batch_rule, 1);
    make_report(f, false);
    expect_in_file(f, "report/table-1-relative.md",
                   "| 1       |                 1.00 |\n"
                   "| 4       | 0.250 [0.246, 0.254] |\n");
    expect_in_file(f, "report/table-1-relative.md", "[its 90% interval");
}

static json_t *failing_rule(const bench_params *p, int32_t k)
{
    (void)p;
    (void)k;
    return failed_record("timeout", "more than 15m");
}

/* A baseline that failed is no reason without a text, and neither is what would be divided by it. */
static void baseline_that_failed(void **state)
{
    fixture *f = *state;
    write_manifest(f, grid_manifest);
    write_records(f, failing_rule, 3);
    make_report(f, false);
    expect_in_file(f, "report/table-1-relative.md",
                   "| 64      | -<sup>a</sup> | -<sup>a</sup> |\n"
                   "| 128     | -<sup>a</sup> | -<sup>a</sup> |\n"
                   "\n"
                   "<sup>a</sup> timeout: more than 15m\n");
}

/* ---- Seeds and accuracy ---- */

static const char seeds_manifest[] = "{\"schema\": \"zobench/1\", \"name\": \"seeds\", \"defaults\": "
                                     "{\"model\": \"synth:tiny\", \"task\": \"sst2\", \"steps\": 40},"
                                     " \"matrix\": {\"queries\": [1, 4]}, \"seeds\": [1, 2, 3],"
                                     " \"tables\": [{\"rows\": \"queries\", \"value\": \"accuracy\"}]}";

/* queries=1: 0.5, 0.6, 0.7 for the seeds, twice each; queries=4: seed 1 alone. */
static json_t *seeds_rule(const bench_params *p, int32_t k)
{
    if (p->queries == 4 && p->seed != 1)
        return NULL;
    json_t *r = ok_record(10 + k);
    json_object_set_new(r, "accuracy",
                        json_pack("{s:f, s:f, s:f, s:f, s:f, s:f}", "chance", 0.25, "value",
                                  0.4 + 0.1 * (double)p->seed, "initial", 0.25, "best", 0.75, "stderr", 0.02,
                                  "initial_stderr", 0.01));
    return r;
}

static void seeds_and_examples(void **state)
{
    fixture *f = *state;
    write_manifest(f, seeds_manifest);
    write_records(f, seeds_rule, 2);
    make_report(f, false);
    expect_file(
        f, "report/table-1.md",
        "### Accuracy (%)\n"
        "\n"
        "| queries |                      accuracy |\n"
        "| ------- | ----------------------------: |\n"
        "| 1       | 60.0 ±10.0 (±2.0)<sup>a</sup> |\n"
        "| 4       |         50.0 ±2.0<sup>b</sup> |\n"
        "\n"
        "<sup>a</sup> mean over 3 seeds ± their standard deviation (± the standard error of one seed "
        "over the evaluation "
        "examples)\n"
        "\n"
        "<sup>b</sup> one seed ± the standard error over the evaluation examples; how seeds differ is "
        "not known\n"
        "\n"
        "Share of right answers after the last step.\n");
    /* the two error bars have columns of their own; one seed says nothing of others */
    expect_in_file(f, "report/table-1.csv", "queries,accuracy,accuracy_seeds_sd,accuracy_examples_stderr\n");
    expect_in_file(f, "report/table-1.csv", ",0.02\n4,0.5,,0.02\n");
    assert_non_null(strstr(f->printed, "Accuracy before and after training on sst2, 40 steps\n"));
    assert_non_null(strstr(f->printed, "25.0 ±0.0 (±1.0) [a]  60.0 ±10.0 (±2.0) [a]      75.0 ±0.0 [b]\n"));
    assert_non_null(strstr(f->printed, "Guessing reaches 25.0%.\n"));
    expect_in_file(f, "report/report.md", "| queries=4, seed=2 | ");
}

/* ---- What can be wrong with a folder ---- */

static void nothing_run_yet(void **state)
{
    fixture *f = *state;
    write_manifest(f,
                   "{\"schema\": \"zobench/1\", \"name\": \"new\", \"defaults\": {\"model\": \"synth:tiny\"},"
                   " \"matrix\": {\"seq_len\": [64, 128]},"
                   " \"plots\": [{\"kind\": \"bars\", \"x\": \"seq_len\", \"y\": \"step_ns\"}]}");
    make_report(f, false);
    assert_non_null(strstr(f->printed, "0 of 2 cells complete, 0 of 0 runs ok."));
    assert_non_null(
        strstr(f->printed, "64                - [a]\n128               - [a]\n[a] not run yet\n"));
    expect_in_file(f, "report/report.md", "Nothing was measured yet that it could show.");
    assert_int_not_equal(access(path_of(f, "report/figure-1.gp"), F_OK), 0);
    assert_null(strstr(f->said, "warning"));
}

/* A torn line, a record of a cell that the manifest no longer has, a failure that was tried again. */
static json_t *retry_rule(const bench_params *p, int32_t k)
{
    (void)k;
    return p->parallel == ZO_PARALLEL_NONE ? failed_record("crashed", "killed by signal 11") : NULL;
}

static void torn_stray_retried(void **state)
{
    fixture *f = *state;
    write_manifest(f, grid_manifest);
    write_records(f, retry_rule, 3);
    write_records(f, grid_rule, 3);
    FILE *out = fopen(path_of(f, "cells.jsonl"), "a");
    fputs(
        "{\"schema\": \"zobench/record/1\", \"cell_id\": \"000000000000\", \"run\": 0, \"status\": \"ok\"}\n",
        out);
    fputs(
        "{\"schema\": \"zobench/record/1\", \"cell_id\": \"000000000000\", \"run\": 0, \"status\": \"ok\"}\n",
        out);
    fputs("{\"schema\": \"zobench/record/1\", \"cell_id\": \"0000", out);
    fclose(out);
    make_report(f, false);
    assert_non_null(strstr(f->printed,
                           "3 of 4 cells complete, 9 of 12 runs ok. 1 torn line of cells.jsonl left out. 1 "
                           "record of cells that the manifest no longer has left out. 1 run recorded more "
                           "than once; the last record counts.\n"));
}

/* Run 0 and the first seed read other validation data than what was run last. */
static json_t *contents_rule(const bench_params *p, int32_t k)
{
    json_t *r = ok_record(10 * (k + 1));
    char started[32];
    snprintf(started, sizeof started, "2026-01-0%dT00:00:00Z", (int)(2 * p->seed) + k);
    json_object_set_new(r, "started", json_string(started));
    json_object_set_new(r, "inputs",
                        json_pack("{s:{s:s, s:s}}", "validation", "path", "dev.tsv", "sha256",
                                  p->seed == 1 || k == 0 ? "2cc5120af381aaaa" : "40d514620fddbbbb"));
    return r;
}

/* What was made of other contents is never pooled, neither over repetitions nor over seeds. */
static void other_contents(void **state)
{
    fixture *f = *state;
    write_manifest(f, "{\"schema\": \"zobench/1\", \"name\": \"contents\", \"defaults\": {\"model\": "
                      "\"synth:tiny\"}, \"seeds\": [1, 2], \"tables\": [{\"rows\": \"method\", \"value\": "
                      "\"step_ns\"}]}");
    write_records(f, contents_rule, 2);
    make_report(f, false);
    assert_non_null(strstr(f->printed,
                           " 3 runs of other contents left out: validation dev.tsv: SHA-256 2cc5120af381... "
                           "then, 40d514620fdd... now."));
    assert_non_null(strstr(f->printed, "20.00")); /* run 1 of seed 2, alone */
    assert_null(strstr(f->printed, "15.00"));
}

/* Records from a machine that did something else meanwhile, and from two builds. */
static json_t *busy_rule(const bench_params *p, int32_t k)
{
    (void)p;
    json_t *r = ok_record(10);
    json_object_set_new(r, "machine",
                        json_pack("{s:s, s:i, s:i, s:I, s:s, s:s, s:i, s:f}", "cpu", "a processor", "cores",
                                  8, "cores_allowed", 4, "memory_bytes", (json_int_t)3 << 29, "kernels",
                                  "avx2", "os", "an os", "pus_allowed", 4, "load_average",
                                  k == 0 ? 6.0 : 6.5));
    json_object_set_new(r, "build",
                        json_pack("{s:s, s:b, s:s, s:s, s:s, s:{s:s, s:s, s:i}}", "commit", k ? "c1" : "c0",
                                  "dirty", k, "config", "release", "compiler", "gcc 1", "flags", "-O3",
                                  "openblas", "version", "0.3", "core", "Zen", "threads", 4));
    json_object_set_new(r, "inputs",
                        json_pack("{s:{s:s, s:s}, s:{s:s, s:n}}", "model", "path", "m.gguf", "sha256", "00ff",
                                  "train", "path", "polarity", "sha256"));
    json_object_set_new(r, "roofline",
                        json_pack("{s:f, s:s}", "of_roofline", k ? 110.7 : 1.2, "binds", "compute"));
    return r;
}

static void doubtful_times(void **state)
{
    fixture *f = *state;
    static const char busy[] =
        "1 of 2 runs began on a busy machine (load up to 6.5 on 4 processors); their times are doubtful.\n";
    write_manifest(
        f, "{\"schema\": \"zobench/1\", \"name\": \"busy\", \"defaults\": {\"model\": \"synth:tiny\"}}");
    write_records(f, busy_rule, 2);
    make_report(f, false);
    assert_non_null(strstr(
        f->printed,
        "busy\na processor, 4 of 8 cores, 1.5 GiB of memory, avx2 kernels, an os\n1 of 1 cells complete"));
    assert_non_null(strstr(f->printed, busy));
    expect_in_file(f, "report/report.md", busy);
    expect_in_file(
        f, "report/report.md",
        "**Beware:** 1 of 2 runs were faster than the measured peaks allow (up to 111 times): the peaks are "
        "too low, ");
    expect_in_file(
        f, "report/report.md",
        "**Beware:** the records come from 1 machine and 2 builds; times are comparable only within one.\n");
    expect_in_file(f, "report/report.md", "- commit c1 with local changes, release build, gcc 1 -O3\n");
    expect_in_file(f, "report/report.md", "- model: m.gguf, SHA-256 00ff\n- train: polarity, generated\n");
}

/* A cell that asked for kernels ran them; run 1 is of another commit. */
static json_t *kernel_rule(const bench_params *p, int32_t k)
{
    json_t *r = ok_record(10);
    json_object_set_new(r, "build", json_pack("{s:s}", "commit", k ? "c1" : "c0"));
    json_object_set_new(r, "backend",
                        json_pack("{s:s, s:s, s:s, s:s, s:i}", "name", "openblas", "library", "OpenBLAS",
                                  "version", "0.3", "core", *p->blas_kernel ? p->blas_kernel : "Haswell",
                                  "threads", 4));
    return r;
}

/* The library of a backend makes no other build of this program, and is told of. */
static void kernels_of_a_backend(void **state)
{
    fixture *f = *state;
    write_manifest(f, "{\"schema\": \"zobench/1\", \"name\": \"kernels\", \"defaults\": {\"model\": "
                      "\"synth:tiny\", \"backend\": \"openblas\"}, \"matrix\": {\"blas_kernel\": "
                      "[\"SkylakeX\", null, \"Zen\"]}}");
    write_records(f, kernel_rule, 1);
    make_report(f, false);
    assert_null(strstr(f->printed, "builds"));
    expect_in_file(f, "report/report.md", "OpenBLAS 0.3 (SkylakeX kernels, 4 threads)\n");
    expect_in_file(f, "report/report.md", "OpenBLAS 0.3 (Haswell kernels, 4 threads)\n");
    write_records(f, kernel_rule, 2);
    make_report(f, false);
    assert_non_null(strstr(f->printed, "0 machines and 2 builds"));
}

static void bad_folders(void **state)
{
    fixture *f = *state;
    zo_error err = {0};
    bench_report_options o = {.dir = f->dir, .data = stdout, .people = stderr};
    assert_int_equal(bench_report(&o, &(bench_report_outcome){0}, &err), ZO_ERR_IO);
    assert_non_null(strstr(err.text, "manifest.json"));
    write_manifest(f, "{\"schema\": \"zobench/1\"");
    err = (zo_error){0};
    assert_int_equal(bench_report(&o, &(bench_report_outcome){0}, &err), ZO_ERR_FORMAT);
    write_manifest(f, grid_manifest);
    bench_folder_save(path_of(f, "cells.jsonl"), "{\"schema\": \"other/9\"}\n", 21, NULL);
    err = (zo_error){0};
    assert_int_equal(bench_report(&o, &(bench_report_outcome){0}, &err), ZO_ERR_FORMAT);
    assert_non_null(strstr(err.text, "cells.jsonl:1"));
    assert_int_not_equal(access(path_of(f, "report"), F_OK), 0); /* nothing was begun */
}

/* ---- Figures ---- */

static bool have_gnuplot(void)
{
    return system("gnuplot --version >/dev/null 2>&1") == 0;
}

static void bars_exactly(void **state)
{
    fixture *f = *state;
    write_manifest(
        f, "{\"schema\": \"zobench/1\", \"name\": \"bars\", \"defaults\": {\"model\": \"synth:tiny\"},"
           " \"matrix\": {\"seq_len\": [64, 128], \"parallel\": [\"both\", \"none\"]},"
           " \"plots\": [{\"kind\": \"bars\", \"x\": \"seq_len\", \"series\": \"parallel\", \"y\": "
           "\"step_ns\"}]}");
    write_records(f, grid_rule, 2);
    make_report(f, false);
    expect_file(f, "report/figure-1.dat",
                "# series 1: both\n"
                "# x, value, low, high\n"
                "-0.2\t50.5\t50\t51\n"
                "0.8\t?\t?\t?\n"
                "\n\n"
                "# the single samples: x, value\n"
                "-0.2\t50\n"
                "-0.2\t51\n"
                "\n\n"
                "# series 2: none\n"
                "# x, value, low, high\n"
                "0.2\t100.5\t100\t101\n"
                "1.2\t200.5\t200\t201\n"
                "\n\n"
                "# the single samples: x, value\n"
                "0.2\t100\n"
                "0.2\t101\n"
                "1.2\t200\n"
                "1.2\t201\n"
                "\n\n");
    char *script = slurp(path_of(f, "report/figure-1.gp"));
    static const char settings[] =
        "# Draws figure-1.svg, .png and .pdf from figure-1.dat: gnuplot figure-1.gp\n"
        "\n"
        "name = 'figure-1'\n"
        "title_1 = 'both'\n"
        "title_2 = 'none'\n"
        "ylabel = 'step time (ms)'\n"
        "xlabel = 'seq_len'\n"
        "groups = 2\n"
        "width = 0.4\n"
        "tick_0 = '64'\n"
        "tick_1 = '128'\n"
        "series = 2\n";
    assert_memory_equal(script, settings, sizeof settings - 1);
    assert_non_null(strstr(script, "with boxes")); /* the script of its kind follows, whole */
    assert_string_equal(script + strlen(script) - 2, "}\n");
    free(script);
    expect_in_file(f, "report/report.md",
                   "**Figure 1.** Step time (ms) over seq_len, by parallel. Median of 2 runs, error "
                   "bars from the smallest to the largest. Dots: the single runs.");
}

/* Step time is batch * seq_len ms, half of it with inner, half as much again with both; loading takes twice as long. */
static json_t *map_rule(const bench_params *p, int32_t k)
{
    double ms = (double)(p->batch * p->seq_len);
    if (p->parallel == ZO_PARALLEL_INNER && p->batch == 2 && p->seq_len == 16)
        return failed_record("oom", "killed");
    ms *= p->parallel == ZO_PARALLEL_INNER ? 0.5 : p->parallel == ZO_PARALLEL_BOTH ? 1.5 : 1;
    json_t *record = ok_record(ms);
    json_object_set_new(json_object_get(record, "time"), "load_ns", json_real(ms * 2e6));
    return k == 0 ? record : (json_decref(record), NULL);
}

/* Factors by which a place is better: the baseline's panel is left out, a place without a cell is no line, one without
 * a result has no number. The rows go by both parameters, in the manifest's order. */
static void heatmap_exactly(void **state)
{
    fixture *f = *state;
    write_manifest(f,
                   "{\"schema\": \"zobench/1\", \"name\": \"map\", \"defaults\": {\"model\": \"synth:tiny\"},"
                   " \"matrix\": {\"batch\": [2, 1], \"queries\": [1, 2], \"seq_len\": [8, 16],"
                   " \"parallel\": [\"none\", \"inner\", \"both\"]},"
                   " \"exclude\": [{\"queries\": 2, \"batch\": 2}, {\"queries\": 1, \"parallel\": \"both\"}],"
                   " \"plots\": [{\"kind\": \"heatmap\", \"x\": \"seq_len\", \"y\": [\"batch\", \"queries\"],"
                   " \"series\": \"parallel\", \"value\": \"step_ns\", \"beside\": \"load_ns\","
                   " \"relative_to\": {\"parallel\": \"none\"}},"
                   " {\"kind\": \"heatmap\", \"x\": \"seq_len\", \"y\": \"batch\", \"value\": \"step_ns\","
                   " \"where\": {\"parallel\": \"none\", \"queries\": 1}}]}");
    write_records(f, map_rule, 1);
    make_report(f, false);
    expect_file(f, "report/figure-1.dat",
                "# panel 1: inner: step time\n# x, y, value, as printed\n"
                "0\t0\t2\t2.00\n"
                "1\t0\t?\t–\n"
                "0\t1\t2\t2.00\n"
                "1\t1\t2\t2.00\n"
                "0\t2\t2\t2.00\n"
                "1\t2\t2\t2.00\n"
                "\n\n"
                "# panel 2: inner: load time\n# x, y, value, as printed\n"
                "0\t0\t2\t2.00\n"
                "1\t0\t?\t–\n"
                "0\t1\t2\t2.00\n"
                "1\t1\t2\t2.00\n"
                "0\t2\t2\t2.00\n"
                "1\t2\t2\t2.00\n"
                "\n\n"
                "# panel 3: both: step time\n# x, y, value, as printed\n"
                "0\t2\t0.6666666667\t0.67\n"
                "1\t2\t0.6666666667\t0.67\n"
                "\n\n"
                "# panel 4: both: load time\n# x, y, value, as printed\n"
                "0\t2\t0.6666666667\t0.67\n"
                "1\t2\t0.6666666667\t0.67\n"
                "\n\n");
    expect_in_file(f, "report/figure-1.gp",
                   "xlabel = 'seq_len'\nxs = 2\nxtick_0 = '8'\nxtick_1 = '16'\n"
                   "ylabel = 'batch, queries'\nys = 3\nytick_0 = '2, 1'\nytick_1 = '1, 1'\nytick_2 = '1, 2'\n"
                   "scale = 'times better than parallel=none'\nseries = 4\nacross = 2\n");
    expect_in_file(f, "report/figure-1.gp", "centred = 1\nleast = 0.666667\nmost = 2\nlongest = 4\n");
    expect_in_file(
        f, "report/report.md",
        "blue and above 1 is better, orange and below 1 worse. One run. Where both "
        "are known, in 7 places, the factor by step time is from 1.00 to 1.00 times that by load time.");
    expect_file(f, "report/figure-2.dat",
                "# panel 1: \n# x, y, value, as printed\n"
                "0\t0\t16\t16.00\n1\t0\t32\t32.00\n0\t1\t8\t8.000\n1\t1\t16\t16.00\n\n\n");
    expect_in_file(f, "report/figure-2.gp", "scale = 'step time (ms)'\nseries = 1\nacross = 1\n");
}

/* 1e9 operations and 1e8 bytes a step at 64 tokens, twice the operations at 128; 50 and 100 Gflop/s. */
static json_t *roofline_rule(const bench_params *p, int32_t k)
{
    double flops = p->seq_len == 64 ? 1e9 : 2e9;
    json_t *record = ok_record(10 + k);
    json_object_set_new(record, "roofline",
                        json_pack("{s:f, s:f, s:f}", "flops_per_step", flops, "bytes_per_step", 1e8,
                                  "achieved_flops_per_s", flops * 50 + k));
    json_object_set_new(record, "peaks",
                        json_pack("{s:f, s:n, s:f}", "f32_flops_per_s", 2e11, "bf16_flops_per_s",
                                  "read_bytes_per_s", 2.5e10));
    /* of 100 ns */
    json_object_set_new(json_object_get(record, "time"), "phases_ns",
                        json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "linear", flops * 40e-9, "head",
                                  5.0, "lowrank", 4.0, "attention", 3.0, "small", 2.0, "loss", 1.0, "perturb",
                                  4.0, "other", 81 - flops * 40e-9));
    return record;
}

/* The same; with counters where seq_len is 64 and all replicas run in parallel. */
static json_t *counted_rule(const bench_params *p, int32_t k)
{
    json_t *record = roofline_rule(p, k), *roofline = json_object_get(record, "roofline");
    const bool counts = p->seq_len == 64 && p->parallel == ZO_PARALLEL_BOTH;
    json_object_set_new(record, "counters",
                        counts ? json_pack("{s:f}", "fp_ops_per_step", 1.1e9) : json_null());
    json_object_set_new(roofline, "counted_fp_ops_per_s", counts ? json_real(55e9) : json_null());
    json_object_set_new(roofline, "counted_bytes_per_step", counts ? json_real(1.28e8) : json_null());
    return record;
}

static void roofline_exactly(void **state)
{
    fixture *f = *state;
    write_manifest(
        f, "{\"schema\": \"zobench/1\", \"name\": \"roof\", \"defaults\": {\"model\": \"synth:tiny\"},"
           " \"matrix\": {\"parallel\": [\"none\", \"both\"], \"seq_len\": [64, 128]},"
           " \"plots\": [{\"kind\": \"roofline\", \"series\": \"parallel\"}]}");
    write_records(f, roofline_rule, 1);
    make_report(f, false);
    expect_file(f, "report/figure-1.dat",
                "# series 1: none\n# operations per byte, 10^9 operations per second\n10\t50\n20\t100\n\n\n"
                "# series 2: both\n# operations per byte, 10^9 operations per second\n10\t50\n20\t100\n\n\n");
    expect_in_file(f, "report/figure-1.gp", "f32_peak = 200\nbf16_peak = 0\nint8_peak = 0\nbandwidth = 25\n");
    /* the update was not told: nothing is said of noise and update */
    expect_in_file(f, "report/report.md",
                   " Of a step's time, frozen maps took 45.0% to 85.0%, the adapters' A x 4.0% to 4.0%, "
                   "attention, norms, RoPE and loss 6.0% to 6.0%.");
    if (have_gnuplot() && strstr(f->said, "warning"))
        fail_msg("%s", f->said);
    expect_in_file(f, "report/figure-1.gp", "counted = 0\n");
    /* counters, in one configuration alone: 1.1e9 operations and 2e6 misses */
    remove(path_of(f, "cells.jsonl"));
    write_records(f, counted_rule, 1);
    make_report(f, false);
    expect_file(f, "report/figure-1.dat",
                "# series 1: none\n# operations per byte, 10^9 operations per second\n10\t50\n20\t100\n\n\n"
                "# series 2: both\n# operations per byte, 10^9 operations per second\n10\t50\n20\t100\n\n\n"
                "# by counters: operations per byte, 10^9 operations per second, series\n"
                "8.59375\t55\t2\n");
    expect_in_file(f, "report/figure-1.gp", "counted = 1\n");
    expect_in_file(f, "report/report.md", "Rings: floating-point operations and bytes from memory");
    expect_in_file(f, "report/report.md",
                   " Counters found 1.10 to 1.10 times the formula's operations and 1.28 to "
                   "1.28 times its bytes.");
    if (have_gnuplot() && strstr(f->said, "warning"))
        fail_msg("%s", f->said);
    /* records without any of it: nothing to draw */
    remove(path_of(f, "cells.jsonl"));
    write_records(f, grid_rule, 1);
    make_report(f, false);
    expect_in_file(f, "report/report.md", "Nothing was measured yet that it could show.");
}

/* Resident memory over steps, as MiB, with its own room above and below. */
static json_t *memory_rule(const bench_params *p, int32_t k)
{
    json_t *record = ok_record(10);
    (void)p;
    json_object_set_new(json_object_get(record, "memory"), "rss_curve",
                        json_pack("[[i, I], [i, I], [i, I]]", 1, (json_int_t)10 << 20, 2,
                                  (json_int_t)11 << 20, 3, (json_int_t)11 << 20));
    return k == 0 ? record : (json_decref(record), NULL);
}

static void memory_over_steps(void **state)
{
    fixture *f = *state;
    write_manifest(f,
                   "{\"schema\": \"zobench/1\", \"name\": \"rss\", \"defaults\": {\"model\": \"synth:tiny\"},"
                   " \"plots\": [{\"kind\": \"curve\", \"y\": \"rss_bytes\"}]}");
    write_records(f, memory_rule, 1);
    make_report(f, false);
    expect_in_file(f, "report/figure-1.dat", "\n1\t10\t?\t?\n2\t11\t?\t?\n3\t11\t?\t?\n");
    expect_in_file(f, "report/figure-1.gp", "ylabel = 'resident memory (MiB)'\nmany = 0\npad = 1\n");
    if (have_gnuplot() && strstr(f->said, "warning"))
        fail_msg("%s", f->said);
}

/* 60 steps: at 64 tokens they take 64 KiB each, for good; at 128 there is one jump of 4 MiB; at 256 nothing; 3 steps at 512. */
static json_t *growing_rule(const bench_params *p, int32_t k)
{
    json_t *record = ok_record(1 + k), *curve = json_array();
    for (int64_t s = 1; s <= (p->seq_len == 512 ? 3 : 60); s++) {
        const int64_t more = p->seq_len == 64 ? 65536 * s : p->seq_len == 128 && s > 30 ? 4 << 20 : 0;
        json_array_append_new(curve, json_pack("[I, I]", (json_int_t)s, (json_int_t)(52428800 + more)));
    }
    json_object_set_new(json_object_get(record, "memory"), "rss_curve", curve);
    return record;
}

static void growth_of_memory(void **state)
{
    fixture *f = *state;
    static const char sentence[] =
        "Memory grows over the steps: of 3 runs it rose all along in 1, jumped or came to rest in 1, was "
        "steady in 1; 1 more "
        "is too short to tell. Farthest from level: seq_len=64, run 1, by +64.0 KiB per step [+64.0, +64.0], "
        "+3.7 MiB over "
        "59 steps (resident size after every step from the end of the warm-up, least squares, 95% interval).";
    write_manifest(f,
                   "{\"schema\": \"zobench/1\", \"name\": \"rss\", \"defaults\": {\"model\": \"synth:tiny\"},"
                   " \"matrix\": {\"seq_len\": [256, 128, 64, 512]}}");
    write_records(f, growing_rule, 1);
    make_report(f, false);
    if (!strstr(f->printed, sentence))
        fail_msg("%s", f->printed);
    expect_in_file(f, "report/report.html", sentence);
    expect_in_file(f, "report/report.md", "\n\nMemory grows over the steps: ");
    make_report(f, true);
    json_t *report = json_loads(f->printed, 0, NULL), *growth = json_object_get(report, "growth"),
           *farthest = json_object_get(growth, "farthest"), *runs = json_object_get(growth, "runs");
    assert_string_equal(json_string_value(json_object_get(farthest, "verdict")), "grows");
    assert_int_equal(json_integer_value(json_object_get(runs, "jumps")), 1);
    assert_int_equal(json_integer_value(json_object_get(runs, "too_short")), 1);
    json_decref(report);
}

/* Three runs of 10 steps that should have taken 512 KiB, 1 ms a step and 20 ms in all. Steps take 1, 2, 3 ms; loading 5 ms, both
 * evaluations together 2 ms; all in all 20, 30, 60 ms. So the second run would be 10 + 5 + 2 = 17 ms by the first, and the third
 * 15 + 5 + 2 = 22 ms by the two before it: +76.5% and +172.7%. */
static json_t *predicted_rule(const bench_params *p, int32_t k)
{
    static const double wall_ms[] = {20, 30, 60};
    json_t *record = ok_record(1 + k), *time = json_object_get(record, "time");
    json_object_set_new(record, "wall_ns", json_real(1e6 * wall_ms[k]));
    json_object_set_new(record, "fingerprint", json_string("0123456789ab"));
    json_object_set_new(json_object_get(record, "memory"), "predicted_bytes", json_integer(1 << 19));
    json_object_set_new(record, "roofline", json_pack("{s:f}", "predicted_step_ns", 1e6));
    json_object_set_new(time, "predicted_ns", json_real(20e6));
    json_object_set_new(time, "load_ns", json_integer(5000000));
    json_object_set_new(time, "eval_ns", json_integer(2000000));
    if (p->seq_len == 128) { /* no whole run, and made elsewhere */
        json_object_set_new(time, "resumed_at", json_pack("[i]", 5));
        json_object_set_new(json_object_get(record, "memory"), "predicted_bytes", json_null());
    }
    return p->seq_len == 256 ? (json_decref(record), failed_record("oom", "too much")) : record;
}

static void predictions_against_measurements(void **state)
{
    fixture *f = *state;
    write_manifest(f, "{\"schema\": \"zobench/1\", \"name\": \"p\", \"defaults\": {\"model\": \"synth:tiny\","
                      " \"steps\": 10, \"eval_every\": 0}, \"matrix\": {\"seq_len\": [64, 128, 256]}}");
    write_records(f, predicted_rule, 3);
    make_report(f, false);
    static const char *const rows[] = {"\npeak memory, from shapes                      3       +100.0%  "
                                       "+100.0%  +100.0%  seq_len=64, run 1\n",
                                       "\ntime of a step, by the machine's peaks        6       +100.0%    "
                                       "+0.0%  +200.0%  seq_len=64, run 3\n",
                                       "\ntime of a run, by the machine's peaks         3        +50.0%    "
                                       "+0.0%  +200.0%  seq_len=64, run 3\n",
                                       "\ntime of a run, by the cell's earlier runs     2       +124.6%   "
                                       "+76.5%  +172.7%  seq_len=64, run 3\n"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!strstr(f->printed, rows[i]))
            fail_msg("%s lacks%s", f->printed, rows[i]);
    expect_in_file(f, "report/prediction.csv",
                   "\n\"time of a run, by the machine's peaks\",3,0.5,0,2,\"seq_len=64, run 3\"\n");
    expect_in_file(f, "report/report.html", "What was predicted, and how far off it was");
    expect_in_file(f, "report/report.md", "[CSV](prediction.csv)");
}

/* Numbers as wide apart as 8 to 1 get a logarithmic axis; the order is that of the numbers, not of the manifest. */
static void lines_by_number(void **state)
{
    fixture *f = *state;
    write_manifest(
        f, "{\"schema\": \"zobench/1\", \"name\": \"lines\", \"defaults\": {\"model\": \"synth:tiny\"},"
           " \"matrix\": {\"batch\": [16, 4, 2]},"
           " \"plots\": [{\"kind\": \"lines\", \"x\": \"batch\", \"y\": \"step_ns\"}]}");
    write_records(f, batch_rule, 1);
    make_report(f, false);
    expect_in_file(f, "report/figure-1.dat",
                   "# x, value, low, high\n"
                   "2\t20\t19.5\t20.5\n"
                   "4\t40\t39.5\t40.5\n"
                   "16\t160\t159.5\t160.5\n"
                   "\n\n");
    expect_in_file(f, "report/figure-1.gp", "ticks = 3\nlogx = 1\nfrom0 = 1\n");
}

/* One seed: nulls leave a gap of one blank line; the standard error at p = 0.5, n = 101 is 0.05. */
static json_t *curve_rule(const bench_params *p, int32_t k)
{
    if (k > 0)
        return NULL;
    json_t *r = ok_record(10);
    json_object_set_new(r, "accuracy",
                        json_pack("{s:n, s:i, s:[[i, f], [i, n], [i, n], [i, f]]}", "value", "n", 101,
                                  "curve", 0, 0.5, 10, 20, 30, 0.5));
    json_object_set_new(r, "loss",
                        json_pack("{s:[[i, f], [i, f]]}", "curve", 0, 1.0 * (double)p->seed, 1, 3.0));
    return r;
}

static void curves_with_gaps(void **state)
{
    fixture *f = *state;
    write_manifest(
        f, "{\"schema\": \"zobench/1\", \"name\": \"curves\", \"defaults\": {\"model\": \"synth:tiny\"},"
           " \"plots\": [{\"kind\": \"curve\", \"x\": \"step\", \"y\": \"accuracy\"}]}");
    write_records(f, curve_rule, 1);
    make_report(f, false);
    expect_file(f, "report/figure-1.dat",
                "# series 1: \n"
                "# marked points: step, value, low, high\n"
                "0\t50\t45\t55\n"
                "\n"
                "30\t50\t45\t55\n"
                "\n\n"
                "# every step: step, value, low, high\n"
                "0\t50\t45\t55\n"
                "\n"
                "30\t50\t45\t55\n"
                "\n\n");
}

/* Two seeds, 1 and 3: mean 2 and standard deviation sqrt 2 at step 0; both 3 at step 1. */
static void curves_over_seeds(void **state)
{
    fixture *f = *state;
    write_manifest(
        f, "{\"schema\": \"zobench/1\", \"name\": \"curves\", \"defaults\": {\"model\": \"synth:tiny\"},"
           " \"seeds\": [1, 3], \"plots\": [{\"kind\": \"curve\", \"x\": \"step\", \"y\": \"loss\"}]}");
    write_records(f, curve_rule, 1);
    make_report(f, false);
    expect_in_file(f, "report/figure-1.dat", "0\t2\t0.5857864376\t3.414213562\n1\t3\t3\t3\n");
    expect_in_file(f, "report/report.md", "Mean over 2 seeds, band: their standard deviation.");
}

/* 100 steps are more than can be marked: means of four, and every step. */
static json_t *long_rule(const bench_params *p, int32_t k)
{
    (void)p;
    json_t *r = ok_record(10 + k), *curve = json_array();
    for (int i = 0; i < 100; i++)
        json_array_append_new(curve, json_pack("[i, f]", i, i % 4 == 0 ? 4.0 : 0.0));
    json_object_set_new(r, "loss", json_pack("{s:o}", "curve", curve));
    return r;
}

static void long_curves(void **state)
{
    fixture *f = *state;
    write_manifest(
        f, "{\"schema\": \"zobench/1\", \"name\": \"curves\", \"defaults\": {\"model\": \"synth:tiny\"},"
           " \"plots\": [{\"kind\": \"curve\", \"x\": \"step\", \"y\": \"loss\"}]}");
    write_records(f, long_rule, 1);
    make_report(f, false);
    expect_in_file(f, "report/figure-1.gp", "many = 1\n");
    expect_in_file(f, "report/figure-1.dat", "high\n1.5\t1\t?\t?\n5.5\t1\t?\t?\n");
    expect_in_file(f, "report/figure-1.dat",
                   "97.5\t1\t?\t?\n\n\n# every step: step, value, low, high\n0\t4\t?\t?\n1\t0\t?\t?\n");
}

static json_t *quick_rule(const bench_params *p, int32_t k)
{
    (void)p;
    return ok_record(10 + k);
}

/* Quotes and underscores in labels, and what gnuplot makes of them. */
static const char quotes_manifest[] =
    "{\"schema\": \"zobench/1\", \"name\": \"quotes\","
    " \"matrix\": {\"model\": [\"dir/it's_a {model}\", \"synth:tiny\"], \"batch\": [2, 4]},"
    " \"plots\": [{\"kind\": \"bars\", \"x\": \"batch\", \"series\": \"model\", \"y\": \"step_ns\"},"
    " {\"kind\": \"bars\", \"x\": \"model\", \"series\": \"batch\", \"y\": \"step_ns\"}]}";

static void quotes(void **state)
{
    fixture *f = *state;
    write_manifest(f, quotes_manifest);
    write_records(f, quick_rule, 2);
    make_report(f, false);
    expect_in_file(f, "report/figure-1.gp", "title_1 = 'dir/it''s_a {model}'\n");
    expect_in_file(f, "report/figure-2.gp", "tick_0 = 'dir/it''s_a {model}'\n");
    expect_in_file(f, "report/figure-2.gp", "title_1 = 'batch=2'\n");
    assert_true(!have_gnuplot() || !strstr(f->said, "warning"));
}

/* gnuplot draws every kind, and again from its folder with nothing but the script and the data. */
static void drawn(void **state)
{
    fixture *f = *state;
    char command[600];
    if (!have_gnuplot()) {
        print_message("skip: gnuplot is not installed\n");
        skip();
    }
    write_manifest(
        f,
        "{\"schema\": \"zobench/1\", \"name\": \"drawn\", \"defaults\": {\"model\": \"synth:tiny\"},"
        " \"matrix\": {\"seq_len\": [64, 128], \"parallel\": [\"both\", \"none\"]},"
        " \"plots\": [{\"kind\": \"bars\", \"x\": \"seq_len\", \"series\": \"parallel\", \"y\": \"step_ns\"},"
        " {\"kind\": \"lines\", \"x\": \"parallel\", \"series\": \"seq_len\", \"y\": \"peak_rss_bytes\"},"
        " {\"kind\": \"curve\", \"x\": \"step\", \"series\": \"parallel\", \"y\": \"loss\", \"where\": "
        "{\"seq_len\": 64}}, {\"kind\": \"heatmap\", \"x\": \"seq_len\", \"y\": \"batch\", \"series\": "
        "\"parallel\", \"value\": \"step_ns\", \"relative_to\": {\"parallel\": \"none\"}},"
        " {\"kind\": \"heatmap\", \"x\": \"seq_len\", \"y\": \"parallel\", \"value\": \"peak_rss_bytes\"}]}");
    write_records(f, long_rule, 2);
    make_report(f, false);
    if (strstr(f->said, "warning"))
        fail_msg("%s", f->said);
    for (int i = 1; i <= 5; i++) {
        char name[64];
        snprintf(name, sizeof name, "report/figure-%d.png", i);
        char *png = slurp(path_of(f, name));
        assert_memory_equal(png, "\x89PNG\r\n", 6);
        free(png);
        snprintf(name, sizeof name, "report/figure-%d.pdf", i);
        char *pdf = slurp(path_of(f, name));
        assert_memory_equal(pdf, "%PDF-", 5);
        free(pdf);
        snprintf(name, sizeof name, "report/figure-%d.svg", i);
        expect_in_file(f, name, "</svg>");
        snprintf(command, sizeof command,
                 "cd %s/report && rm figure-%d.svg && gnuplot figure-%d.gp && test -s figure-%d.svg", f->dir,
                 i, i, i);
        assert_int_equal(system(command), 0);
    }
    expect_in_file(f, "report/report.md", "![figure 3](figure-3.svg)\n");
}

/* One page without scripts or anything from elsewhere; what manifests say is text, never markup. A contradicted claim is
 * counted. */
static void html_page(void **state)
{
    fixture *f = *state;
    zo_error err = {0};
    bench_report_outcome outcome;
    write_manifest(
        f,
        "{\"schema\": \"zobench/1\", \"name\": \"page\", \"title\": \"<script>alert('x')</script> & more\","
        " \"defaults\": {\"model\": \"dir/<img src=x>\"}, \"matrix\": {\"seq_len\": [64, 128], \"parallel\": "
        "[\"none\", \"both\"]},"
        " \"plots\": [{\"kind\": \"bars\", \"x\": \"seq_len\", \"series\": \"model\", \"y\": \"step_ns\"},"
        " {\"kind\": \"lines\", \"x\": \"seq_len\", \"y\": \"step_ns\", \"where\": {\"parallel\": "
        "\"none\"}}],"
        " \"claims\": [{\"id\": \"slow\", \"title\": \"<i>slow</i>\", \"source\": \"a<b\", \"ratio\": "
        "[\"none\", "
        "\"both\"], \"of\": \"step_ns\", \"paper\": 0.5, \"tolerance\": \"10%\", \"where\": {\"seq_len\": "
        "64}},"
        " {\"id\": \"open\", \"source\": \"s\", \"ratio\": [\"none\", \"both\"], \"of\": \"step_ns\", "
        "\"paper\": 2,"
        " \"tolerance\": \"10%\", \"where\": {\"seq_len\": 128}}]}");
    write_records(f, grid_rule, 3);
    bench_report_options o = {.dir = f->dir,
                              .data = fopen("/dev/null", "w"),
                              .people = fopen("/dev/null", "w")};
    if (bench_report(&o, &outcome, &err))
        fail_msg("%s", err.text);
    fclose(o.data);
    fclose(o.people);
    assert_int_equal(outcome.contradicted, 1);
    assert_int_equal(outcome.undecided, 1); /* both at 128 tokens has no result */
    char *page = slurp(path_of(f, "report/report.html"));
    static const char *const absent[] = {"<script",     "<img",     "<i>",    "src=\"",
                                         "href=\"http", "url(http", "@import"};
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
        if (strstr(page, absent[i]))
            fail_msg("the page has %s", absent[i]);
    static const char *const present[] = {
        "<title>&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; more</title>",
        "<h3>&lt;i&gt;slow&lt;/i&gt;</h3>",
        "<section class=\"claim contradicted\">",
        "<section class=\"claim not-run\">",
        "Source: a&lt;b",
        "<td class=\"n\">201.0 [200.0, 202.0]</td>",
        "<b>Figure 2.</b>",
        "<h2 id=\"incomplete\">",
    };
    for (size_t i = 0; i < sizeof present / sizeof *present; i++)
        if (!strstr(page, present[i]))
            fail_msg("the page lacks %s", present[i]);
    if (have_gnuplot()) { /* ids that no other figure has */
        assert_non_null(strstr(page, "<svg"));
        assert_non_null(strstr(page, "id=\"figure-1-gnuplot_plot_1\""));
        assert_non_null(strstr(page, "id=\"figure-2-gnuplot_plot_1\""));
        assert_null(strstr(page, "id=\"gnuplot"));
        assert_null(strstr(page, "<!DOCTYPE svg"));
    }
    free(page);
}

/* A sweep that has hardly begun: what is missing is folded away. */
static void html_of_many_missing(void **state)
{
    fixture *f = *state;
    write_manifest(f,
                   "{\"schema\": \"zobench/1\", \"name\": \"m\", \"defaults\": {\"model\": \"synth:tiny\"}, "
                   "\"matrix\": {\"seq_len\": [\"8..168+8\"]}}");
    write_records(f, quick_rule, 0);
    make_report(f, false);
    expect_in_file(f, "report/report.html",
                   "<details><summary>21 of 21 cells</summary>\n<div class=\"table\">");
    expect_in_file(f, "report/report.html", "</details>\n<h2 id=\"origins\">");
}

/* Without gnuplot, and with one that fails: one warning, no image, everything else. */
/* A caller's terminal does not reach gnuplot, and what lies in the report's folder is not run. */
static void drawn_in_any_environment(void **state)
{
    fixture *f = *state;
    static const char trap[] = "#!/bin/sh\ntouch was-run\n";
    char path[4096];
    const char *before = getenv("PATH");
    char *kept = before ? strdup(before) : NULL;
    if (!have_gnuplot()) {
        print_message("skip: gnuplot is not installed\n");
        skip();
    }
    write_manifest(f,
                   "{\"schema\": \"zobench/1\", \"name\": \"any\", \"defaults\": {\"model\": \"synth:tiny\"},"
                   " \"plots\": [{\"kind\": \"curve\", \"x\": \"step\", \"y\": \"loss\"}]}");
    write_records(f, long_rule, 1);
    assert_int_equal(mkdir(path_of(f, "report"), 0777), 0);
    bench_folder_save(path_of(f, "report/gnuplot"), trap, sizeof trap - 1, NULL);
    assert_int_equal(chmod(path_of(f, "report/gnuplot"), 0755), 0);
    snprintf(path, sizeof path, ":.:%s", before);
    setenv("PATH", path, 1);
    setenv("GNUTERM", "qt", 1);
    make_report(f, false);
    setenv("PATH", kept, 1);
    unsetenv("GNUTERM");
    free(kept);
    if (strstr(f->said, "warning"))
        fail_msg("%s", f->said);
    assert_int_equal(access(path_of(f, "report/figure-1.svg"), F_OK), 0);
    assert_int_not_equal(access(path_of(f, "report/was-run"), F_OK), 0);
}

static void not_drawn(void **state)
{
    fixture *f = *state;
    char *path = strdup(getenv("PATH") ? getenv("PATH") : "/usr/bin:/bin"), fake[300];
    write_manifest(f, quotes_manifest);
    write_records(f, quick_rule, 2);
    setenv("PATH", f->dir, 1);
    make_report(f, false);
    assert_non_null(
        strstr(f->said, "zobench report: warning: figures are not drawn: gnuplot is not installed\n"));
    assert_non_null(strstr(f->said, "/figure-1 .gp .dat\n"));
    expect_in_file(f, "report/report.md", "Not drawn. [script](figure-1.gp)");

    snprintf(fake, sizeof fake, "%s/gnuplot", f->dir);
    FILE *out = fopen(fake, "w");
    fputs("#!/bin/sh\necho half > ${4%.gp}.svg.tmp\necho 'line 3: no such terminal' >&2\nexit 1\n", out);
    fclose(out);
    assert_int_equal(setenv("PATH", f->dir, 1), 0);
    chmod(fake, 0755);
    make_report(f, false);
    setenv("PATH", path, 1);
    free(path);
    assert_non_null(strstr(f->said, "/report/figure-1.gp: line 3: no such terminal\n"));
    assert_int_not_equal(access(path_of(f, "report/figure-1.svg"), F_OK), 0);
    assert_int_not_equal(access(path_of(f, "report/figure-1.svg.tmp"), F_OK), 0);
}

/* ---- No NaN ---- */

static json_t *void_rule(const bench_params *p, int32_t k)
{
    if (p->seq_len == 64)
        return ok_record(k);
    return json_pack("{s:s, s:n, s:{s:n, s:s}, s:n, s:{s:n, s:n, s:[]}}", "status", "ok", "reason", "time",
                     "median_ns", "median_ns_reason", "no step was counted", "memory", "accuracy", "value",
                     "initial", "curve");
}

/* No word nan or inf in any file, and the record's own reason in the footnote. */
static void no_nan(void **state)
{
    fixture *f = *state;
    write_manifest(
        f,
        "{\"schema\": \"zobench/1\", \"name\": \"void\", \"defaults\": {\"model\": \"synth:tiny\"},"
        " \"matrix\": {\"seq_len\": [64, 128], \"parallel\": [\"both\", \"none\"]},"
        " \"tables\": [{\"rows\": \"seq_len\", \"cols\": \"parallel\", \"value\": \"step_ns\", "
        "\"relative_to\": {\"seq_len\": 64}},"
        " {\"rows\": \"seq_len\", \"value\": \"loss\"}],"
        " \"plots\": [{\"kind\": \"bars\", \"x\": \"seq_len\", \"series\": \"parallel\", \"y\": \"step_ns\"},"
        " {\"kind\": \"curve\", \"x\": \"step\", \"series\": \"parallel\", \"y\": \"accuracy\"}]}");
    write_records(f, void_rule, 1); /* a step of 0 ms, by which nothing can be divided, and steps unknown */
    make_report(f, false);
    expect_in_file(f, "report/table-1.md", "not measured: no step was counted\n");
    DIR *dir = opendir(path_of(f, "report"));
    int files = 0;
    for (struct dirent *e; (e = readdir(dir));) {
        char name[300];
        size_t n = strlen(e->d_name);
        if (e->d_name[0] == '.' || strcmp(e->d_name + n - 3, "png") == 0 ||
            strcmp(e->d_name + n - 3, ".gp") == 0)
            continue;
        snprintf(name, sizeof name, "report/%s", e->d_name);
        char *text = slurp(path_of(f, name));
        for (char *p = text; *p; p++)
            if ((strncasecmp(p, "nan", 3) == 0 || strncasecmp(p, "inf", 3) == 0) &&
                (p == text || !isalpha(p[-1])) && !isalpha(p[3]))
                fail_msg("%s: %.60s", name, p);
        free(text);
        files++;
    }
    closedir(dir);
    assert_true(files >= 12);
}

/* ---- Pieces ---- */

/* Seeds 1 and 2, of which only 1 has both: one pair is no sample, so the values' own ratio is given, without interval. */
static json_t *partner_rule(const bench_params *p, int32_t k)
{
    if (p->seed == 2 && p->queries == 4)
        return failed_record("oom", "killed");
    json_t *r = ok_record(10 + k);
    json_object_set_new(r, "accuracy", json_pack("{s:f}", "value", p->queries == 4 ? 0.75 : 0.5));
    return r;
}

static void ratios_without_partners(void **state)
{
    fixture *f = *state;
    bench_results *r;
    bench_summary s;
    zo_error err = {0};
    write_manifest(
        f, "{\"schema\": \"zobench/1\", \"name\": \"pairs\", \"defaults\": {\"model\": \"synth:tiny\"},"
           " \"matrix\": {\"queries\": [1, 4]}, \"seeds\": [1, 2]}");
    write_records(f, partner_rule, 2);
    assert_int_equal(bench_results_load(f->dir, NULL, &r, &err), ZO_OK);
    assert_int_equal(r->cell_count, 4); /* q=1 seed 1, 2, q=4 seed 1, 2 */
    const bench_result *a[] = {&r->cells[2], &r->cells[3]}, *b[] = {&r->cells[0], &r->cells[1]};
    bench_summary_ratio(bench_metric_find("accuracy"), (bench_group){a, 2}, (bench_group){b, 2}, &s);
    assert_true(s.value == 1.5);
    assert_int_equal(s.spread, BENCH_SPREAD_NONE);
    assert_int_equal(s.failed, 2);
    bench_summary_ratio(bench_metric_find("step_ns"), (bench_group){a, 2}, (bench_group){b, 2},
                        &s); /* two pairs: the runs of seed 1 */
    assert_true(s.value == 1);
    assert_int_equal(s.spread, BENCH_SPREAD_RUNS);
    assert_int_equal(s.n, 2);
    bench_summary_ratio(bench_metric_find("step_ns"), (bench_group){a + 1, 1}, (bench_group){b, 2}, &s);
    assert_true(s.value != s.value);
    assert_string_equal(s.why, "oom: killed");
    bench_summary_ratio(bench_metric_find("step_ns"), (bench_group){b, 2}, (bench_group){a + 1, 1}, &s);
    assert_string_equal(s.why, "what to divide by: oom: killed");
    bench_summary_of(bench_metric_find("loss"), (bench_group){b, 2}, &s);
    assert_string_equal(s.why, "not measured");
    bench_results_free(r);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(tables_exactly),
        TEST(cells_csv),
        TEST(never_averaged),
        TEST(baseline_of_zip),
        TEST(baseline_that_failed),
        TEST(order_of_values),
        TEST(seeds_and_examples),
        TEST(nothing_run_yet),
        TEST(torn_stray_retried),
        TEST(bad_folders),
        TEST(other_contents),
        TEST(doubtful_times),
        TEST(kernels_of_a_backend),
        TEST(bars_exactly),
        TEST(heatmap_exactly),
        TEST(roofline_exactly),
        TEST(memory_over_steps),
        TEST(growth_of_memory),
        TEST(predictions_against_measurements),
        TEST(lines_by_number),
        TEST(curves_with_gaps),
        TEST(curves_over_seeds),
        TEST(long_curves),
        TEST(quotes),
        TEST(drawn),
        TEST(drawn_in_any_environment),
        TEST(html_page),
        TEST(html_of_many_missing),
        TEST(not_drawn),
        TEST(no_nan),
        TEST(ratios_without_partners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
