/* argument.h: values, defaults that follow, and messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "bench/manifest/argument.h"

static void values(void **state)
{
    (void)state;
    char *arguments[] = {"queries=16",       "lr=1e-3",
                         "model=synth:tiny", "data=/tmp/\"7\"",
                         "seq_len=null",     "task=polarity",
                         "adapter=null",     "targets=[\"q_proj\", \"v_proj\"]"};
    bench_params p;
    zo_error err = {0};
    if (bench_arguments(&p, arguments, 8, &err))
        fail_msg("%s", err.text);
    assert_int_equal(p.queries, 16);
    assert_true(p.lr == 1e-3);
    assert_string_equal(p.model, "synth:tiny");
    assert_string_equal(p.data, "/tmp/\"7\"");
    assert_int_equal(p.seq_len, 0);
    assert_string_equal(p.adapter, "");
    assert_int_equal(p.targets, 1u << ZO_TARGET_Q | 1u << ZO_TARGET_V);
    assert_int_equal(p.parallel, ZO_PARALLEL_BOTH);
}

static void what_follows(void **state)
{
    (void)state;
    char *mezo[] = {"method=mezo"}, *number[] = {"data=7"};
    bench_params p;
    assert_int_equal(bench_arguments(&p, mezo, 1, NULL), ZO_OK);
    assert_int_equal(p.parallel, ZO_PARALLEL_NONE);
    assert_int_equal(bench_arguments(&p, number, 1, NULL), ZO_OK); /* a folder that is called 7 */
    assert_string_equal(p.data, "7");
}

static void refused(void **state)
{
    (void)state;
    const struct {
        char *argument;
        const char *text;
    } cases[] = {
        {"queries", "argument \"queries\": parameters are written key=value"},
        {"=3", "argument \"=3\": parameters are written key=value"},
        {"quries=3", "argument \"quries=3\": \"quries\" is not a known key; did you mean \"queries\"?"},
        {"xyzzy=3", "argument \"xyzzy=3\": \"xyzzy\" is not a known key"},
        {"queries=0", "argument \"queries=0\": must be a whole number from 1 to 1024, not 0"},
        {"blas_kernel=auto", "argument \"blas_kernel=auto\": blas_kernel is for the cells of a manifest, "
                             "which have a process each"},
        {"lr=\xff", "argument \"lr=\xff\": the value is not UTF-8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bench_params p;
        zo_error err = {0};
        char *argv[] = {cases[i].argument};
        assert_int_equal(bench_arguments(&p, argv, 1, &err), ZO_ERR_INVALID);
        assert_string_equal(err.text, cases[i].text);
    }
    char *both[] = {"method=rge", "parallel=both"};
    bench_params p;
    assert_int_equal(bench_arguments(&p, both, 2, NULL), ZO_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(what_follows),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
