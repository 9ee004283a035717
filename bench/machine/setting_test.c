/* Tests of setting.c: lines as /proc, /sys and /etc have them, of a file in a folder of its own. */
#include "bench/machine/setting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/manifest/place_fixture.h"

static void lines(void **state)
{
    (void)state;
    static const char text[] =
        "first  line \nmodel name\t: X 1\nmodel\t\t: 85\nOS=\"A B\"\noom_kill_disable 0\noom_kill 7\n"
        "empty:\nlast: no newline";
    static const struct {
        const char *key;
        char mark;
        const char *value;
    } cases[] = {{"", 0, "first  line "},     {"model", ':', "85"},        {"model name", ':', "X 1"},
                 {"OS", '=', "\"A B\""},      {"oom_kill", 0, "7"},        {"empty", ':', ""},
                 {"last", ':', "no newline"}, {"model", 0, "name\t: X 1"}, {"oom_kill", ':', NULL},
                 {"mode", ':', NULL},         {"absent", 0, NULL}};
    assert_int_equal(bench_folder_save("f-1", text, sizeof text - 1, NULL), ZO_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *value = bench_setting_read(cases[i].key, cases[i].mark, "%s-%d", "f", 1);
        if (cases[i].value)
            assert_string_equal(value ? value : "(none)", cases[i].value);
        else
            assert_null(value);
        free(value);
    }
    assert_null(bench_setting_read("", 0, "missing"));
    json_t *json = bench_setting_json(strdup("x"));
    assert_string_equal(json_string_value(json), "x");
    json_decref(json);
    assert_null(bench_setting_json(strdup("")));
    assert_null(bench_setting_json(NULL));
}

static void lists(void **state)
{
    (void)state;
    assert_true(bench_setting_lists("cpu,cpuacct", ',', "cpu"));
    assert_true(bench_setting_lists("cpuacct,cpu", ',', "cpu"));
    assert_false(bench_setting_lists("cpuacct,xcpu", ',', "cpu"));
    assert_false(bench_setting_lists("", ' ', "cpu"));
    assert_true(bench_setting_lists("fma avx2", ' ', "avx2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines, place_make, place_drop),
        cmocka_unit_test(lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
