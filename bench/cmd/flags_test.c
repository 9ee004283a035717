/* flags.h: values, the arguments that are left, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "bench/base/exit.h"
#include "bench/cmd/flags.h"

static int usages; /* how often the usage was asked for */

static void usage(FILE *to)
{
    (void)to;
    usages++;
}

typedef struct values {
    const char *text;
    long number;
    bool set;
    const char *list[9];
} values;

static int read_flags(char **argv, int argc, values *v)
{
    const bench_flag flags[] = {{.name = "text", .text = &v->text},
                                {.name = "number", .number = &v->number, .low = -2, .high = 10},
                                {.name = "set", .set = &v->set},
                                {.name = "list", .list = v->list},
                                {0}};
    *v = (values){"before", 7, false, {0}};
    usages = 0;
    optind = 0; /* getopt starts anew */
    return bench_flags(argc, argv, flags, 1, 2, usage);
}

static void values_and_rest(void **state)
{
    (void)state;
    values v;
    char *none[] = {"command", "a"}, *all[] = {"command", "--text", "x", "a", "--number=-2", "--set", "b"};
    assert_int_equal(read_flags(none, 2, &v), -1);
    assert_string_equal(v.text, "before");
    assert_int_equal(v.number, 7);
    assert_false(v.set);
    assert_int_equal(read_flags(all, 7, &v), -1);
    assert_string_equal(v.text, "x");
    assert_int_equal(v.number, -2);
    assert_true(v.set);
    assert_string_equal(all[optind], "a"); /* getopt moves them to the end */
    assert_string_equal(all[optind + 1], "b");
    assert_int_equal(usages, 0);
    char *twice[] = {"command", "--list", "a=1", "x", "--list=b=2"};
    assert_int_equal(read_flags(twice, 5, &v), -1);
    assert_string_equal(v.list[0], "a=1");
    assert_string_equal(v.list[1], "b=2");
    assert_null(v.list[2]);
}

static void refused(void **state)
{
    (void)state;
    const struct {
        char *argv[5];
        int argc, code, usages;
    } cases[] = {
        {{"command", "--help"}, 2, BENCH_EXIT_OK, 1},
        {{"command", "--what", "a"}, 3, BENCH_EXIT_USAGE, 1},
        {{"command", "a", "--text"}, 3, BENCH_EXIT_USAGE, 1},
        {{"command", "a", "--set=1"}, 3, BENCH_EXIT_USAGE, 1},
        {{"command"}, 1, BENCH_EXIT_USAGE, 1},
        {{"command", "a", "b", "c"}, 4, BENCH_EXIT_USAGE, 1},
        {{"command", "a", "--number", "11"}, 4, BENCH_EXIT_USAGE, 0},
        {{"command", "a", "--number", "-3"}, 4, BENCH_EXIT_USAGE, 0},
        {{"command", "a", "--number", ""}, 4, BENCH_EXIT_USAGE, 0},
        {{"command", "a", "--number", "3x"}, 4, BENCH_EXIT_USAGE, 0},
        {{"command", "a", "--number", "99999999999999999999"}, 4, BENCH_EXIT_USAGE, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        values v;
        char *argv[6] = {0};
        memcpy(argv, cases[i].argv, sizeof cases[i].argv);
        assert_int_equal(read_flags(argv, cases[i].argc, &v), cases[i].code);
        assert_int_equal(usages, cases[i].usages);
        assert_int_equal(v.number, 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_and_rest),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
