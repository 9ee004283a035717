/* Tests of blas.c. Most children are shell scripts that answer what a kernel might, so that nothing depends on this machine's
 * OpenBLAS; one comparison is real. */
#include "bench/backend/openblas.h"
#include "bench/backend/blas.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/cmd/commands.h"
#include "bench/machine/machine.h"

/* H * head_dim = D = 64, K * head_dim = 32, F = 160 */
static const zo_config small = {
    .layers = 1, .width = 64, .heads = 4, .kv_heads = 2, .head_dim = 16, .ffn = 160};

static const char avx512[] =
    "{\"isa\": [\"avx2\", \"fma\", \"avx512f\", \"avx512bw\", \"avx512dq\", \"avx512vl\", \"avx512_bf16\"]}";

/* An answer in shell; C is what OPENBLAS_CORETYPE says, empty in the environment as it is. */
#define SHELL(cases) "C=$OPENBLAS_CORETYPE; case \"$C\" in " cases " esac"
#define SAY(text)    "echo '" text "' >&3"
#define ANSWER(core, at_64, at_1024)                                                                         \
    SAY("{\"core\": \"" core "\", \"threads\": 1, \"correct\": true, \"reason\": null, \"ns\": [" at_64      \
        ", " at_1024 "]}")
#define SLOW  "[200, 100, 500, 600]"
#define QUICK "[100, 50, 250, 300]"

static json_t *compare(const char *machine, const char *script)
{
    json_t *m = json_loads(machine, 0, NULL), *out;
    bench_signals signals;
    zo_error err = {0};
    const char *const argv[] = {"sh", "-c", script, NULL};
    const bench_blas_options o = {
        .machine = m, .model = "small", .config = &small, .threads = 1, .program = "/bin/sh", .argv = argv};
    assert_non_null(m);
    assert_int_equal(bench_signals_open(&signals, NULL), ZO_OK);
    if (bench_blas_compare(&signals, &o, &out, &err))
        fail_msg("%s", err.text);
    bench_signals_close(&signals);
    json_decref(m);
    assert_non_null(out);
    return out;
}

static const json_t *kernel_at(const json_t *compared, size_t i)
{
    return json_array_get(json_object_get(compared, "kernels"), i);
}

static void has_text(const json_t *kernel, const char *key, const char *expected)
{
    const char *value = json_string_value(json_object_get(kernel, key));
    if (!expected)
        assert_true(json_is_null(json_object_get(kernel, key)));
    else if (!value || !strstr(value, expected))
        fail_msg("%s is %s, not %s", key, value ? value : "null", expected);
}

static double real_at(const json_t *o, const char *key)
{
    return json_number_value(json_object_get(o, key));
}

static void the_fastest_is_found(void **state)
{
    json_t *c =
        compare(avx512, SHELL("'') " ANSWER("Haswell", SLOW, SLOW) ";; Cooperlake) " ANSWER(
                            "Cooperlake", QUICK, QUICK) ";; *) " ANSWER("SkylakeX", QUICK, SLOW) ";;"));
    (void)state;
    assert_string_equal(json_string_value(json_object_get(c, "model")), "small");
    assert_int_equal(json_integer_value(json_object_get(c, "threads")), 1);
    assert_int_equal(json_integer_value(json_object_get(c, "rounds")), 3);
    assert_int_equal(json_array_size(json_object_get(c, "kernels")), 3);
    has_text(kernel_at(c, 0), "asked", NULL);
    has_text(kernel_at(c, 0), "core", "Haswell");
    has_text(kernel_at(c, 1), "asked", "Cooperlake");
    has_text(kernel_at(c, 2), "asked", "SkylakeX");
    assert_true(real_at(kernel_at(c, 0), "speed") == 1);
    assert_true(real_at(kernel_at(c, 1), "speed") > 1.999 && real_at(kernel_at(c, 1), "speed") < 2.001);
    assert_true(real_at(kernel_at(c, 2), "speed") > 1.414 && real_at(kernel_at(c, 2), "speed") < 1.415);
    /* 64 rows, 2 flops: q and o 64 x 64, k and v 32 x 64, gate and up 160 x 64, down 64 x 160, as often as a layer has
     * them, in 2 (200 + 100 + 500) + 600 ns */
    const double flops = 64 * 2.0 * (2 * 64 * 64 + 2 * 32 * 64 + 2 * 160 * 64 + 64 * 160),
                 rate = json_real_value(json_array_get(json_object_get(kernel_at(c, 0), "flops_per_s"), 0));
    assert_true(rate > 0.999 * flops / 2200e-9 && rate < 1.001 * flops / 2200e-9);
    assert_int_equal(json_integer_value(json_object_get(c, "fastest")), 1);
    assert_string_equal(bench_blas_fastest(c), "Cooperlake");
    json_decref(c);
}

static void equals_do_not_change_places(void **state)
{
    json_t *c =
        compare(avx512,
                SHELL("'') " ANSWER("Haswell", SLOW, SLOW) ";; *) " ANSWER("'$C'", "[199, 100, 495, 590]",
                                                                           SLOW) ";;"));
    (void)state;
    assert_int_equal(json_integer_value(json_object_get(c, "fastest")), 0);
    assert_null(bench_blas_fastest(c)); /* leave the environment as it is */
    json_decref(c);
}

/* Wrong, crashed, not there, silent: each with its reason, none timed, none chosen. */
static void unfit_candidates(void **state)
{
    json_t *c = compare(
        avx512,
        SHELL("'') " ANSWER("Zen", SLOW, SLOW) ";; Cooperlake) " SAY(
            "{\"core\": \"Cooperlake\", \"threads\": 1, \"correct\": false, \"reason\": \"wrong at 1 rows\", "
            "\"ns\": null}") ";; SkylakeX) kill -ILL $$;; *) " ANSWER("Zen", QUICK, QUICK) ";;"));
    static const char *const reasons[] = {NULL, "wrong at 1 rows", "its process ended by SIGILL",
                                          "OpenBLAS does not have these kernels: it runs Zen"};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        const json_t *k = kernel_at(c, i);
        has_text(k, "reason", reasons[i]);
        if (i == 0)
            continue;
        assert_false(json_is_true(json_object_get(k, "correct")));
        assert_true(json_is_null(json_object_get(k, "speed")));
        assert_true(json_is_null(json_array_get(json_object_get(k, "flops_per_s"), 0)));
    }
    assert_true(json_is_false(json_object_get(kernel_at(c, 1), "correct")));
    assert_true(json_is_null(json_object_get(kernel_at(c, 3), "correct"))); /* it was never there */
    has_text(kernel_at(c, 2), "core", NULL);
    assert_null(bench_blas_fastest(c));
    json_decref(c);
}

static void the_environment_may_be_wrong(void **state)
{
    json_t *c =
        compare(avx512,
                SHELL("'') " SAY(
                    "{\"core\": \"Haswell\", \"threads\": 1, \"correct\": false, \"reason\": \"off\", "
                    "\"ns\": null}") ";; SkylakeX) " ANSWER("SkylakeX", SLOW, SLOW) ";; *) exit 3;;"));
    (void)state;
    assert_string_equal(bench_blas_fastest(c), "SkylakeX");
    has_text(kernel_at(c, 1), "reason", "its process failed");
    assert_true(json_is_null(json_object_get(kernel_at(c, 2), "speed"))); /* relative to nothing */
    json_decref(c);
    c = compare(avx512, "exit 3");
    assert_true(json_is_null(json_object_get(c, "fastest")));
    assert_null(bench_blas_fastest(c));
    json_decref(c);
}

/* What this processor cannot run is never started. */
static void only_what_can_run(void **state)
{
    json_t *c =
        compare("{\"isa\": [\"avx2\", \"fma\"]}",
                SHELL("'') " ANSWER("Nehalem", SLOW, "null") ";; *) " ANSWER("haswell", QUICK, "null") ";;"));
    (void)state;
    assert_int_equal(json_array_size(json_object_get(c, "kernels")), 2);
    assert_string_equal(bench_blas_fastest(c), "Haswell"); /* case does not count */
    assert_true(
        json_is_null(json_array_get(json_object_get(kernel_at(c, 1), "flops_per_s"), 1))); /* too long */
    json_decref(c);
    c = compare("{\"isa\": []}", SHELL("'') " ANSWER("Nehalem", SLOW, SLOW) ";; *) kill -KILL $$;;"));
    assert_int_equal(json_array_size(json_object_get(c, "kernels")), 1);
    json_decref(c);
}

static void interrupted(void **state)
{
    json_t *m = json_loads(avx512, 0, NULL), *out = m;
    bench_signals signals;
    zo_error err = {0};
    const char *const argv[] = {"sh", "-c", "kill -TERM $PPID; sleep 60", NULL};
    const bench_blas_options o = {
        .machine = m, .model = "small", .config = &small, .threads = 1, .program = "/bin/sh", .argv = argv};
    (void)state;
    assert_int_equal(bench_signals_open(&signals, NULL), ZO_OK);
    assert_int_equal(bench_blas_compare(&signals, &o, &out, &err), ZO_OK);
    assert_null(out);
    bench_signals_close(&signals);
    json_decref(m);
}

static char told[64]; /* OPENBLAS_CORETYPE, as these tests were started */

/* This machine's OpenBLAS: what it runs unasked is right. */
static void a_real_one(void **state)
{
    static const char *const argv[] = {"blas_test", "sgemm", NULL};
    json_t *machine, *out;
    bench_signals signals;
    zo_error err = {0};
    (void)state;
    if (*told)
        setenv("OPENBLAS_CORETYPE", told, 1);
    assert_int_equal(bench_machine_describe(&machine, NULL), ZO_OK);
    const bench_blas_options o = {
        .machine = machine, .model = "small", .config = &small, .threads = 2, .argv = argv};
    assert_int_equal(bench_signals_open(&signals, NULL), ZO_OK);
    if (bench_blas_compare(&signals, &o, &out, &err))
        fail_msg("%s", err.text);
    bench_signals_close(&signals);
    const json_t *first = kernel_at(out, 0), *kernel;
    size_t i;
    has_text(first, "core", bench_openblas_load(NULL)->get_corename());
    has_text(first, "reason", NULL);
    assert_true(json_is_true(json_object_get(first, "correct")));
    json_array_foreach(json_object_get(out, "kernels"), i, kernel)
    {
        if (json_is_true(json_object_get(kernel, "correct")))
            assert_true(real_at(kernel, "speed") > 0);
        else
            has_text(kernel, "reason", "");
    }
    assert_true(json_is_integer(json_object_get(out, "fastest")));
    json_decref(out);
    json_decref(machine);
    unsetenv("OPENBLAS_CORETYPE");
}

static void core_types(void **state)
{
    (void)state;
    assert_int_equal(bench_blas_bits("SkylakeX"), 512);
    assert_int_equal(bench_blas_bits("skylakex"), 512);
    assert_int_equal(bench_blas_bits("Zen"), 256);
    assert_int_equal(bench_blas_bits("neoversen1"), 0);
    assert_string_equal(bench_blas_nearest("SkylakX"), "SkylakeX");
    assert_string_equal(bench_blas_nearest("haswel"), "Haswell");
    assert_null(bench_blas_nearest("neoversen1"));
    assert_true(bench_blas_is("Zen", "ZEN"));
    assert_false(bench_blas_is("Zen", "Zen3"));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fastest_is_found), cmocka_unit_test(equals_do_not_change_places),
        cmocka_unit_test(unfit_candidates),     cmocka_unit_test(the_environment_may_be_wrong),
        cmocka_unit_test(only_what_can_run),    cmocka_unit_test(interrupted),
        cmocka_unit_test(a_real_one),           cmocka_unit_test(core_types),
    };
    if (argc > 1)
        return bench_cmd_sgemm(argc - 1, argv + 1);
    const char *set = getenv("OPENBLAS_CORETYPE");
    snprintf(told, sizeof told, "%s", set ? set : "");
    unsetenv("OPENBLAS_CORETYPE"); /* scripts tell candidates by it */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
