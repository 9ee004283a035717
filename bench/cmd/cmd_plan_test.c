/* Tests of cmd_plan.c: the table, the JSON, exit codes. What stands in them is plan_test.c's. */
#include "bench/cmd/command_fixture.h"

#include <jansson.h>

#include "bench/cmd/commands.h"
#include "bench/base/exit.h"

#define MANIFEST                                                                                             \
    "{\"schema\": \"zobench/1\", \"name\": \"n\", \"defaults\": {\"model\": \"synth:tiny\", \"task\": "      \
    "\"polarity\", "                                                                                         \
    "\"train_rows\": 20, \"eval_rows\": 10}, \"matrix\": {\"queries\": [1, 2]}%s}"

static command_output o;
static char text[1024];

static char *manifest(const char *more)
{
    snprintf(text, sizeof text, MANIFEST, more);
    return command_file(text);
}

static void table(void **state)
{
    (void)state;
    char *m = manifest(", \"exclude\": [{\"batch\": 9}]");
    command_run(bench_cmd_plan, (const char *const[]){"plan", "--results", "/no/such", m, NULL}, &o);
    assert_int_equal(o.code, BENCH_EXIT_OK);
    assert_non_null(strstr(o.out, "queries=1 "));
    assert_non_null(strstr(o.out, "queries=2 "));
    assert_non_null(strstr(o.out, " 0/1 "));
    assert_non_null(strstr(o.out, " MiB"));
    assert_null(strstr(o.out, "warning"));
    assert_non_null(strstr(o.err, "this exclude matches no cell (warning)"));
    assert_non_null(strstr(o.err, "n: 2 cells, about "));
    command_run(bench_cmd_plan, (const char *const[]){"plan", "--filter", "queries=2", m, NULL}, &o);
    assert_int_equal(o.code, BENCH_EXIT_OK);
    assert_null(strstr(o.out, "queries=1"));
    assert_non_null(strstr(o.out, "queries=2"));
    unlink(m);
    free(m);
}

static void as_json(void **state)
{
    (void)state;
    char *m = manifest(", \"cells\": [{\"model\": \"./no/such.gguf\"}]");
    command_run(bench_cmd_plan, (const char *const[]){"plan", "--json", "--results", "/no/such", m, NULL},
                &o);
    assert_int_equal(o.code, BENCH_EXIT_FAILED); /* one cell cannot run */
    json_t *plan = json_loads(o.out, JSON_REJECT_DUPLICATES, NULL);
    const json_t *cells = json_object_get(plan, "cells"), *good = json_array_get(cells, 0),
                 *bad = json_array_get(cells, 2);
    assert_string_equal(json_string_value(json_object_get(plan, "name")), "n");
    assert_true(json_number_value(json_object_get(plan, "remaining_s")) > 0);
    assert_int_equal(json_array_size(cells), 3);
    assert_true(json_number_value(json_object_get(good, "seconds")) > 0);
    assert_string_equal(json_string_value(json_object_get(good, "seconds_basis")), "estimated");
    assert_true(json_integer_value(json_object_get(good, "bytes")) > 0);
    assert_true(json_is_true(json_object_get(good, "fits")));
    assert_true(json_is_null(json_object_get(good, "trouble")));
    assert_int_equal(json_integer_value(json_object_get(json_object_get(good, "cell"), "queries")), 1);
    assert_true(json_is_null(json_object_get(bad, "seconds"))); /* unknown is null, with the reason */
    assert_true(json_is_string(json_object_get(bad, "seconds_reason")));
    assert_true(json_is_null(json_object_get(bad, "bytes")));
    assert_non_null(strstr(json_string_value(json_object_get(bad, "trouble")), "no/such.gguf"));
    json_decref(plan);
    unlink(m);
    free(m);
}

static void usage(void **state)
{
    (void)state;
    char *m = manifest("");
    static const char *const bad[][4] = {{"plan"},
                                         {"plan", "a.json", "b.json"},
                                         {"plan", "--jsn", "a.json"},
                                         {"plan", "/no/such"},
                                         {"plan", "--filter", "queres=1", "a.json"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *argv[5] = {bad[i][0], bad[i][1], bad[i][2], bad[i][3], NULL};
        command_run(bench_cmd_plan, argv, &o);
        assert_int_equal(o.code, BENCH_EXIT_USAGE);
        assert_string_equal(o.out, "");
        assert_true(strlen(o.err) > 0);
    }
    command_run(bench_cmd_plan, (const char *const[]){"plan", "--filter", "queries=7", m, NULL}, &o);
    assert_int_equal(o.code, BENCH_EXIT_USAGE);
    assert_string_equal(o.err, "plan n: no cell passes the filter\n");
    command_run(bench_cmd_plan, (const char *const[]){"plan", "--help", NULL}, &o);
    assert_int_equal(o.code, BENCH_EXIT_OK);
    assert_non_null(strstr(o.out, "usage: zobench plan"));
    unlink(m);
    free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table),
        cmocka_unit_test(as_json),
        cmocka_unit_test(usage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
