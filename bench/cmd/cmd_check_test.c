/* Tests of cmd_check.c: what goes to stdout and stderr, exit codes. */
#include "bench/cmd/command_fixture.h"

#include <jansson.h>

#include "bench/cmd/commands.h"
#include "bench/base/exit.h"

#define GOOD                                                                                                 \
    "{\"schema\": \"zobench/1\", \"name\": \"n\", \"matrix\": {\"queries\": [1, 2]}, \"exclude\": "          \
    "[{\"batch\": 9}]}"
#define BAD "{\"schema\": \"zobench/1\", \"name\": \"n\",\n \"defaults\": {\"paralel\": \"both\"}}"

static command_output o;

static void good_and_bad(void **state)
{
    (void)state;
    char *good = command_file(GOOD), *bad = command_file(BAD), expected[700];
    command_run(bench_cmd_check, (const char *const[]){"check", good, NULL}, &o);
    assert_int_equal(o.code, BENCH_EXIT_OK);
    snprintf(expected, sizeof expected, "%s: 2 cells\n", good);
    assert_string_equal(o.out, expected);
    snprintf(expected, sizeof expected, "%s:1:81: this exclude matches no cell (warning)\n", good);
    assert_string_equal(o.err, expected);

    command_run(bench_cmd_check, (const char *const[]){"check", bad, good, NULL}, &o);
    assert_int_equal(o.code, BENCH_EXIT_USAGE);
    snprintf(expected, sizeof expected, "%s: 2 cells\n", good); /* one bad manifest does not hide another */
    assert_string_equal(o.out, expected);
    snprintf(expected, sizeof expected,
             "%s:2:15: \"paralel\" is not a known key; did you mean \"parallel\"?\n", bad);
    assert_memory_equal(o.err, expected, strlen(expected));
    unlink(good);
    unlink(bad);
    free(good);
    free(bad);
}

static void as_json(void **state)
{
    (void)state;
    char *good = command_file(GOOD), *bad = command_file(BAD);
    command_run(bench_cmd_check, (const char *const[]){"check", "--json", bad, good, NULL}, &o);
    assert_int_equal(o.code, BENCH_EXIT_USAGE);
    json_t *list = json_loads(o.out, JSON_REJECT_DUPLICATES, NULL); /* the whole of stdout is one value */
    assert_int_equal(json_array_size(list), 2);
    const json_t *first = json_array_get(list, 0), *second = json_array_get(list, 1);
    assert_true(json_is_false(json_object_get(first, "ok")));
    assert_non_null(strstr(json_string_value(json_object_get(first, "error")), ":2:15: \"paralel\""));
    assert_true(json_is_true(json_object_get(second, "ok")));
    assert_true(json_is_null(json_object_get(second, "error")));
    assert_int_equal(json_integer_value(json_object_get(second, "cells")), 2);
    assert_int_equal(json_array_size(json_object_get(second, "warnings")), 1);
    assert_int_equal(json_string_length(json_object_get(second, "sha256")), 64);
    json_decref(list);
    unlink(good);
    unlink(bad);
    free(good);
    free(bad);
}

static void sets(void **state)
{
    (void)state;
    char *good = command_file(GOOD), expected[700];
    command_run(bench_cmd_check,
                (const char *const[]){"check", "--set", "matrix.queries=1..5", "--set", "exclude=[]", good,
                                      NULL},
                &o);
    assert_int_equal(o.code, BENCH_EXIT_OK);
    snprintf(expected, sizeof expected, "%s: 5 cells\n", good);
    assert_string_equal(o.out, expected);
    command_run(bench_cmd_check, (const char *const[]){"check", "--set", "rank=0", good, NULL}, &o);
    assert_int_equal(o.code, BENCH_EXIT_USAGE);
    assert_string_equal(o.err, "--set rank=0: \"rank\" must be a whole number from 1 to 1024, not 0\n");
    unlink(good);
    free(good);
}

static void schema(void **state)
{
    (void)state;
    command_run(bench_cmd_check, (const char *const[]){"check", "--schema", NULL}, &o);
    assert_int_equal(o.code, BENCH_EXIT_OK);
    assert_string_equal(o.err, "");
    assert_non_null(strstr(o.out, "\"$schema\": \"https://json-schema.org/draft/2020-12/schema\""));
}

static void usage(void **state)
{
    (void)state;
    command_run(bench_cmd_check, (const char *const[]){"check", NULL}, &o);
    assert_int_equal(o.code, BENCH_EXIT_USAGE);
    assert_string_equal(o.out, "");
    assert_non_null(strstr(o.err, "usage: zobench check"));
    command_run(bench_cmd_check, (const char *const[]){"check", "--help", NULL}, &o);
    assert_int_equal(o.code, BENCH_EXIT_OK);
    assert_non_null(strstr(o.out, "--schema"));
    command_run(bench_cmd_check, (const char *const[]){"check", "--jsn", NULL}, &o);
    assert_int_equal(o.code, BENCH_EXIT_USAGE);
    command_run(bench_cmd_check, (const char *const[]){"check", "--schema", "x", NULL}, &o);
    assert_int_equal(o.code, BENCH_EXIT_USAGE);
    command_run(bench_cmd_check, (const char *const[]){"check", "/no/such", NULL}, &o);
    assert_int_equal(o.code, BENCH_EXIT_USAGE);
    assert_string_equal(o.err, "open /no/such: No such file or directory\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_and_bad), cmocka_unit_test(as_json), cmocka_unit_test(sets),
        cmocka_unit_test(schema),       cmocka_unit_test(usage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
