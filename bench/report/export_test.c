/* Exports of records with all that is awkward (unknown values, failures, quotes, non-ASCII, values that overflow), of
 * which every number is known, and of kept records; scripts/check_export.py reads each format as its readers do. */
#include "bench/report/export.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "bench/cmd/command_fixture.h"
#include "bench/cmd/commands.h"
#include "bench/base/exit.h"
#include "bench/base/folder.h"

#define ODD      "n\\u00e4me \\\"q\\\", it's; DROP" /* in JSON */
#define ODD_NAME "näme \"q\", it's; DROP/polarity"

/* A: three good repetitions of an odd model and a failed one. B: only failures. C: ok, but nothing was measured. D: as C, of
 * a program that knows more parameters, with sums that overflow. */
static const char records[] =
    "{\"schema\":\"zobench/record/1\",\"cell\":{\"model\":\"" ODD
    "\",\"task\":\"polarity\",\"seq_len\":null},"
    "\"cell_id\":\"aaaaaaaaaaaa\",\"run\":1,\"status\":\"ok\",\"reason\":null,\"started\":\"2026-01-31T12:01:"
    "00Z\","
    "\"wall_ns\":5,\"time\":{\"step_ns\":[1,2],\"median_ns\":3000000.0,\"tokens_per_s\":30,\"tokens_per_"
    "step\":8,"
    "\"padded_tokens_per_step\":9},\"memory\":{\"peak_rss_bytes\":2097152},"
    "\"accuracy\":{\"value\":0.75,\"stderr\":0.25},\"machine\":{\"cpu\":\"X\",\"pus\":2,\"load_average\":"
    "null,"
    "\"caches\":[{\"name\":\"L1d\",\"bytes\":64,\"count\":2}]},\"build\":{\"commit\":\"0123456789abcdef\","
    "\"config\":\"release\",\"openmp_threads\":2}}\n"
    "{\"schema\":\"zobench/record/1\",\"cell\":{\"model\":\"" ODD "\",\"task\":\"polarity\"},"
    "\"cell_id\":\"aaaaaaaaaaaa\",\"run\":0,\"status\":\"ok\",\"reason\":null,\"started\":\"2026-01-31T12:00:"
    "00Z\","
    "\"time\":{\"median_ns\":1000000,\"tokens_per_s\":10,\"tokens_per_step\":8,\"padded_tokens_per_step\":9},"
    "\"memory\":{\"peak_rss_bytes\":null,\"peak_rss_bytes_reason\":\"no VmHWM\"},\"accuracy\":null,"
    "\"machine\":{\"cpu\":\"X\"},\"build\":{\"openmp_threads\":2}}\n"
    "{\"schema\":\"zobench/record/1\",\"cell\":{\"model\":\"" ODD "\",\"task\":\"polarity\"},"
    "\"cell_id\":\"aaaaaaaaaaaa\",\"run\":2,\"status\":\"ok\",\"reason\":null,\"started\":\"2026-01-31T12:02:"
    "00Z\","
    "\"time\":{\"median_ns\":2000000,\"tokens_per_s\":20,\"tokens_per_step\":8,\"padded_tokens_per_step\":9},"
    "\"machine\":{\"cpu\":\"X\"},\"build\":{\"commit\":\"0123456789abcdef\",\"openmp_threads\":2}}\n"
    "{\"schema\":\"zobench/record/1\",\"cell\":{\"model\":\"" ODD "\",\"task\":\"polarity\"},"
    "\"cell_id\":\"aaaaaaaaaaaa\",\"run\":3,\"status\":\"timeout\",\"reason\":\"more than 'a', "
    "\\\"b\\\"\\nline\","
    "\"started\":\"2026-01-31T12:03:00Z\",\"time\":{\"median_ns\":7}}\n"
    "{\"schema\":\"zobench/record/"
    "1\",\"cell\":{\"model\":\"m\",\"task\":\"polarity\",\"queries\":16,\"lr\":0.01,"
    "\"targets\":[\"q_proj\",\"v_proj\"]},\"cell_id\":\"bbbbbbbbbbbb\",\"run\":0,\"status\":\"oom\","
    "\"reason\":\"memory\",\"started\":null}\n"
    "{\"schema\":\"zobench/record/1\",\"cell\":{\"model\":\"m\",\"task\":\"polarity\"},"
    "\"cell_id\":\"cccccccccccc\",\"run\":0,\"status\":\"ok\",\"reason\":null,\"started\":\"2026-01-31T12:00:"
    "00Z\","
    "\"time\":{\"median_ns\":null},\"memory\":null,\"loss\":{\"curve\":[[0,null]]}}\n"
    "{\"schema\":\"zobench/record/1\",\"cell\":{\"model\":\"m\",\"task\":\"polarity\",\"future\":1},"
    "\"cell_id\":\"dddddddddddd\",\"run\":0,\"status\":\"ok\",\"reason\":null,\"started\":\"2026-01-31T12:00:"
    "00Z\","
    "\"time\":{\"median_ns\":1.7e308},\"loss\":{\"curve\":[[0,1],[1,1],[2,1],[3,1],[4,1],[5,1],[6,1],[7,1],["
    "8,1],"
    "[9,1],[10,1],[11,1],[12,1],[13,1],[14,1],[15,1],[16,1],[17,1],[18,1.7e308],[19,1.7e308]]}}\n"
    "{\"schema\":\"zobench/record/1\",\"cell\":{\"model\":\"m\",\"task\":\"polarity\",\"future\":1},"
    "\"cell_id\":\"dddddddddddd\",\"run\":1,\"status\":\"ok\",\"reason\":null,\"started\":\"2026-01-31T12:00:"
    "00Z\","
    "\"time\":{\"median_ns\":1.7e308}}\n";

/* One format of a file of these records as text, to be freed. */
static char *export_text(const char *path, const char *format, bench_export_outcome *o)
{
    const bench_export_format *f = NULL;
    char *text = NULL;
    size_t size;
    zo_error err = {0};
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    if (bench_export_find(format, &f, &err) || bench_export(path, f, out, o, &err))
        fail_msg("%s", err.text);
    fclose(out);
    return text;
}

static json_t *export_json(const char *format)
{
    char *path = command_file(records);
    bench_export_outcome o;
    json_error_t error;
    char *text = export_text(path, format, &o);
    json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!value)
        fail_msg("%s:%d: %s", format, error.line, error.text);
    assert_int_equal(o.cells, 4);
    assert_int_equal(o.runs, 8);
    assert_int_equal(o.cells_left, 1);
    assert_int_equal(o.runs_left, 2);
    unlink(path);
    free(path);
    free(text);
    return value;
}

static double at(const json_t *object, const char *key)
{
    if (!json_is_number(json_object_get(object, key)))
        fail_msg("no number at %s", key);
    return json_number_value(json_object_get(object, key));
}

static const char *text_at(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));
    return s ? s : "(none)";
}

/* Of 1, 3 and 2 ms: mean and median 2 ms, standard deviation 1 ms. */
static void google_has_repetitions_and_aggregates(void **state)
{
    static const struct {
        const char *name;
        double value;
    } aggregates[] = {{"mean", 2e6}, {"median", 2e6}, {"stddev", 1e6}, {"cv", 0.5}};
    (void)state;
    json_t *g = export_json("google-benchmark"), *rows = json_object_get(g, "benchmarks");
    for (size_t i = 0; i < 3; i++) {
        static const double ns[] = {1e6, 3e6, 2e6}; /* by number, not in the file's order */
        const json_t *row = json_array_get(rows, i);
        assert_string_equal(text_at(row, "name"), ODD_NAME);
        assert_true(at(row, "real_time") == ns[i]);
        assert_int_equal(at(row, "repetition_index"), i);
        assert_int_equal(at(row, "threads"), 2);
    }
    assert_null(json_object_get(json_array_get(rows, 0), "peak_rss_bytes")); /* unknown: left out */
    assert_true(at(json_array_get(rows, 1), "peak_rss_bytes") == 2097152);
    assert_true(at(json_array_get(rows, 1), "accuracy") == 0.75);
    for (size_t i = 0; i < 4; i++) {
        const json_t *row = json_array_get(rows, 3 + i);
        assert_string_equal(text_at(row, "aggregate_name"), aggregates[i].name);
        assert_true(at(row, "real_time") == aggregates[i].value);
    }
    /* D: the sum of its two repetitions is no number, and so their mean is left out. */
    assert_string_equal(text_at(json_array_get(rows, 7), "name"), "m/polarity/dddddddddddd");
    for (size_t i = 7; i < json_array_size(rows); i++)
        assert_string_not_equal(text_at(json_array_get(rows, i), "aggregate_name"), "mean");
    json_decref(g);
}

static void bencher_has_values_and_bounds(void **state)
{
    (void)state;
    json_t *b = export_json("bencher"), *a = json_object_get(b, ODD_NAME);
    const json_t *latency = json_object_get(a, "latency");
    assert_int_equal(json_object_size(b), 2); /* neither the failed cell nor the one without measurements */
    assert_true(at(latency, "value") == 2e6);
    assert_true(at(latency, "lower_value") == 1e6 && at(latency, "upper_value") == 3e6);
    assert_true(at(json_object_get(a, "throughput"), "value") == 20);
    assert_true(at(json_object_get(a, "peak-memory"), "value") == 2097152);
    assert_true(at(json_object_get(a, "accuracy"), "lower_value") == 0.5); /* 0.75 less a standard error */
    assert_null(json_object_get(a, "loss"));
    assert_null(json_object_get(json_object_get(b, "m/polarity/dddddddddddd"), "loss"));
    json_decref(b);
}

static void github_has_one_direction_in_a_file(void **state)
{
    (void)state;
    json_t *small = export_json("github-smaller"), *big = export_json("github-bigger");
    const json_t *time = json_array_get(small, 0), *accuracy = json_array_get(big, 1);
    assert_string_equal(text_at(time, "name"), ODD_NAME ": step time");
    assert_string_equal(text_at(time, "unit"), "ms");
    assert_true(at(time, "value") == 2);
    assert_string_equal(text_at(time, "range"), "[1.000, 3.000]");
    assert_string_equal(text_at(json_array_get(big, 0), "name"), ODD_NAME ": throughput");
    assert_string_equal(text_at(accuracy, "name"), ODD_NAME ": accuracy");
    assert_true(at(accuracy, "value") == 75);
    assert_string_equal(text_at(accuracy, "range"), "±25.0");
    json_decref(small);
    json_decref(big);
}

static void hyperfine_is_in_seconds(void **state)
{
    (void)state;
    json_t *h = export_json("hyperfine"), *r = json_array_get(json_object_get(h, "results"), 0);
    assert_string_equal(text_at(r, "command"), ODD_NAME);
    assert_true(at(r, "mean") == 0.002 && at(r, "stddev") == 0.001 && at(r, "min") == 0.001);
    assert_true(json_is_null(json_object_get(r, "user")));
    assert_int_equal(json_array_size(json_object_get(r, "times")), 3);
    assert_true(json_is_null(json_array_get(json_object_get(r, "memory_usage_byte"), 0)));
    assert_int_equal(json_integer_value(json_array_get(json_object_get(r, "memory_usage_byte"), 1)), 2097152);
    json_decref(h);
}

static void hyperfine_2_has_runs_and_summaries(void **state)
{
    (void)state;
    json_t *h = export_json("hyperfine-2"), *r = json_array_get(json_object_get(h, "results"), 0);
    const json_t *runs = json_object_get(r, "measurements"), *first = json_array_get(runs, 0),
                 *second = json_array_get(runs, 1), *summary = json_object_get(r, "summary"),
                 *time = json_object_get(summary, "time_wall_clock");
    assert_int_equal(at(h, "schema_version"), 2);
    assert_string_equal(text_at(h, "primary_metric"), "time_wall_clock");
    assert_string_equal(text_at(r, "command"), ODD_NAME);
    assert_int_equal(json_array_size(runs), 3);
    assert_true(at(json_object_get(second, "time_wall_clock"), "value") == 0.003);
    assert_string_equal(text_at(json_object_get(second, "time_wall_clock"), "unit"), "second");
    assert_null(json_object_get(first, "memory_peak_resident"));
    assert_true(at(json_object_get(second, "memory_peak_resident"), "value") == 2097152);
    assert_true(at(time, "count") == 3 && at(time, "mean") == 0.002 && at(time, "stddev") == 0.001);
    assert_true(at(time, "median") == 0.002 && at(time, "min") == 0.001 && at(time, "max") == 0.003);
    assert_null(json_object_get(summary, "memory_peak_resident")); /* the first run has none */
    assert_string_equal(text_at(json_object_get(json_object_get(r, "parameters"), "queries"), "value"), "4");
    json_decref(h);
}

static void llama_bench_has_rows(void **state)
{
    (void)state;
    json_t *rows = export_json("llama-bench"), *row = json_array_get(rows, 0);
    assert_int_equal(json_array_size(rows), 1); /* D has no throughput */
    assert_string_equal(text_at(row, "build_commit"), "01234567");
    assert_string_equal(text_at(row, "status"), "incomplete");
    assert_true(at(row, "avg_ns") == 2e6 && at(row, "avg_ts") == 20 && at(row, "stddev_ts") == 10);
    assert_int_equal(at(row, "n_prompt"), 8);
    assert_string_equal(text_at(row, "load_mode"), "none");
    assert_true(json_is_false(json_object_get(row, "use_mmap")));
    json_decref(rows);
}

static void csv_and_sql_have_every_repetition(void **state)
{
    (void)state;
    char *path = command_file(records);
    bench_export_outcome o;
    char *csv = export_text(path, "csv", &o), *sql = export_text(path, "sql", &o);
    assert_int_equal(o.runs_left, 0);
    assert_non_null(strstr(csv, "aaaaaaaaaaaa,\"näme \"\"q\"\", it's; DROP/polarity\",3,timeout,"
                                "\"more than 'a', \"\"b\"\"\nline\",2026-01-31T12:03:00Z,"));
    assert_non_null(strstr(csv,
                           "bbbbbbbbbbbb,\"m/polarity/targets=[\"\"q_proj\"\",\"\"v_proj\"\"]/queries=16/"
                           "lr=0.01\",0,oom,memory,,"));
    assert_non_null(strstr(sql, "VALUES ('aaaaaaaaaaaa','näme \"q\", it''s; DROP/polarity',3,'timeout',"
                                "'more than ''a'', \"b\"\nline','2026-01-31T12:03:00Z',NULL,"));
    assert_null(strcasestr(csv, "inf,"));
    assert_null(strcasestr(sql, "inf,"));
    assert_null(strcasestr(csv, ",nan"));
    assert_null(strcasestr(sql, ",nan"));
    unlink(path);
    free(path);
    free(csv);
    free(sql);
}

static void readers_take_every_format(void **state)
{
    char *odd = command_file(records), dir[300], command[400];
    const char *tmp = getenv("TMPDIR"),
               *sources[] = {odd, "results/kept/quickstart", "results/kept/sst2-smollm2"};
    int refused = 0;
    (void)state;
    if (system("python3 -c 'import sqlite3' 2>/dev/null") != 0) {
        printf("skip: no python3 with sqlite3\n");
        unlink(odd);
        free(odd);
        skip();
    }
    for (size_t s = 0; s < sizeof sources / sizeof *sources; s++) {
        snprintf(dir, sizeof dir, "%s/export_test.XXXXXX", tmp && *tmp ? tmp : "/tmp");
        assert_non_null(mkdtemp(dir));
        for (const bench_export_format *f = bench_export_formats; f->name; f++) {
            bench_export_outcome o;
            char *file = bench_folder_path("%s/%s", dir, f->name),
                 *text = export_text(sources[s], f->name, &o);
            assert_int_equal(bench_folder_save(file, text, strlen(text), NULL), ZO_OK);
            free(file);
            free(text);
        }
        snprintf(command, sizeof command, "python3 scripts/check_export.py '%s'", dir);
        fflush(stdout);
        const int code = system(command);
        bench_folder_remove(dir, NULL);
        if (code)
            print_error("%s: a reader refuses what was exported\n", sources[s]);
        refused |= code;
    }
    unlink(odd);
    free(odd);
    assert_int_equal(refused, 0);
}

/* Files without records, and with nothing but failures, are no reason for output that cannot be read. */
static void nothing_is_readable_too(void **state)
{
    static const char failed[] = "{\"schema\":\"zobench/record/1\",\"cell\":{},\"cell_id\":\"a\",\"run\":0,"
                                 "\"status\":\"crashed\",\"reason\":null}\n";
    (void)state;
    for (int full = 0; full < 2; full++) {
        char *path = command_file(full ? failed : "");
        for (const bench_export_format *f = bench_export_formats; f->name; f++) {
            bench_export_outcome o;
            char *text = export_text(path, f->name, &o);
            json_t *value = json_loads(text, 0, NULL);
            assert_int_equal(o.cells, full);
            if (f->every)
                assert_true(strlen(text) > 100); /* the columns */
            else
                assert_non_null(value);
            json_decref(value);
            free(text);
        }
        unlink(path);
        free(path);
    }
}

static void command_says_what_is_wrong(void **state)
{
    static command_output o;
    (void)state;
    command_run(bench_cmd_export, (const char *const[]){"export", "benchr", "/nonexistent", NULL}, &o);
    assert_int_equal(o.code, BENCH_EXIT_USAGE);
    assert_string_equal(o.err, "zobench export: \"benchr\" is not a format; did you mean \"bencher\"?\n");
    command_run(bench_cmd_export, (const char *const[]){"export", "csv", "/nonexistent", NULL}, &o);
    assert_int_equal(o.code, BENCH_EXIT_USAGE);
    assert_string_equal(o.err, "zobench export: open /nonexistent: no such file or folder\n");
    assert_string_equal(o.out, "");
    command_run(bench_cmd_export, (const char *const[]){"export", "--help", NULL}, &o);
    assert_int_equal(o.code, BENCH_EXIT_OK);
    for (const bench_export_format *f = bench_export_formats; f->name; f++)
        assert_non_null(strstr(o.out, f->name));
    char *path = command_file(records);
    command_run(bench_cmd_export, (const char *const[]){"export", "hyperfine", path, NULL}, &o);
    assert_int_equal(o.code, BENCH_EXIT_OK);
    assert_string_equal(o.err, "left out: 2 of 8 repetitions, which gave no result, and so 1 of 4 cells\n");
    unlink(path);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(google_has_repetitions_and_aggregates),
        cmocka_unit_test(bencher_has_values_and_bounds),
        cmocka_unit_test(github_has_one_direction_in_a_file),
        cmocka_unit_test(hyperfine_is_in_seconds),
        cmocka_unit_test(hyperfine_2_has_runs_and_summaries),
        cmocka_unit_test(llama_bench_has_rows),
        cmocka_unit_test(csv_and_sql_have_every_repetition),
        cmocka_unit_test(readers_take_every_format),
        cmocka_unit_test(nothing_is_readable_too),
        cmocka_unit_test(command_says_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
