/* Tests of kernel_choice.c, with shell scripts for the kernels that are compared (as in blas_test.c). */
#include "bench/backend/kernel_choice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ANSWER(core, ns)                                                                                     \
    "echo '{\"core\": \"" core "\", \"threads\": 1, \"correct\": true, \"reason\": null, \"ns\": [" ns       \
    ", " ns "]}' >&3"
#define SLOW  "[200, 100, 500, 600]"
#define QUICK "[100, 50, 250, 300]"

static const char only_avx2[] = "{\"isa\": [\"avx2\", \"fma\"]}";

/* What a cell's kernel and model come to. The script is what a child runs: this program becomes the shell. twice: asked again, of
 * which the second answer is returned. */
static json_t *choose(const char *kernel, const char *model, const char *script, bool twice)
{
    const char *const argv[] = {"choice_test", script, NULL};
    json_t *machine = json_loads(only_avx2, 0, NULL), *out = NULL;
    bench_signals signals;
    zo_error err = {0};
    bench_params p;
    bench_params_default(&p);
    snprintf(p.blas_kernel, sizeof p.blas_kernel, "%s", kernel);
    snprintf(p.model, sizeof p.model, "%s", model);
    assert_int_equal(bench_signals_open(&signals, NULL), ZO_OK);
    bench_kernel_choice c = {.machine = machine, .signals = &signals, .argv = argv};
    for (int i = 0; i < 1 + twice; i++) {
        json_decref(out);
        if (bench_kernel_choice_make(&c, &p, 1, &out, &err))
            fail_msg("%s", err.text);
    }
    bench_kernel_choice_deinit(&c);
    bench_signals_close(&signals);
    json_decref(machine);
    return out;
}

static const char *text(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

/* Without a word or by name nothing is compared: the script would be an error. */
static void null_and_named(void **state)
{
    char reason[256] = "";
    (void)state;
    json_t *none = choose("", "synth:tiny", "exit 9", false);
    assert_true(json_is_null(none));
    assert_null(bench_kernel_choice_core_type(none));
    assert_true(bench_kernel_choice_holds(none, "Anything", reason, sizeof reason));
    json_t *named = choose("skylakex", "synth:tiny", "exit 9", false);
    assert_string_equal(text(named, "asked"), "skylakex");
    assert_string_equal(bench_kernel_choice_core_type(named), "skylakex");
    assert_string_equal(text(named, "how"), "named by the cell");
    assert_null(json_object_get(named, "compared"));
    assert_true(bench_kernel_choice_holds(named, "SkylakeX", reason, sizeof reason));
    assert_string_equal(reason, "");
    assert_false(bench_kernel_choice_holds(named, "Haswell", reason, sizeof reason));
    assert_string_equal(
        reason,
        "blas_kernel \"skylakex\": this OpenBLAS does not have such kernels; it runs Haswell instead");
    json_decref(named);
    named = choose("Haswel", "synth:tiny", "exit 9", false);
    assert_false(bench_kernel_choice_holds(named, "Zen", reason, sizeof reason));
    assert_non_null(strstr(reason, "(did you mean \"Haswell\"?)"));
    json_decref(named);
    json_decref(none);
}

static void the_fastest(void **state)
{
    char reason[256] = "";
    (void)state;
    json_t *made =
        choose("auto", "synth:tiny",
               "case \"$OPENBLAS_CORETYPE\" in '') " ANSWER("Nehalem", SLOW) ";; *) " ANSWER("Haswell",
                                                                                             QUICK) ";; esac",
               false);
    assert_string_equal(text(made, "asked"), "auto");
    assert_string_equal(bench_kernel_choice_core_type(made), "Haswell");
    assert_string_equal(text(made, "how"), "the fastest of 2 that are right");
    assert_int_equal(json_array_size(json_object_get(json_object_get(made, "compared"), "kernels")), 2);
    assert_true(bench_kernel_choice_holds(made, "Haswell", reason, sizeof reason));
    assert_false(bench_kernel_choice_holds(made, "Nehalem", reason, sizeof reason));
    json_decref(made);
}

static void the_environments_own(void **state)
{
    char reason[256] = "";
    (void)state;
    json_t *made =
        choose("auto", "synth:tiny",
               "case \"$OPENBLAS_CORETYPE\" in '') " ANSWER("Nehalem", QUICK) ";; *) exit 3;; esac", false);
    assert_null(bench_kernel_choice_core_type(made)); /* the environment stays as it is */
    assert_true(json_is_null(json_object_get(made, "core_type")));
    assert_string_equal(text(made, "how"), "the only one that is right");
    assert_true(bench_kernel_choice_holds(made, "Nehalem", reason, sizeof reason));
    json_decref(made);
}

static void nothing_is_right(void **state)
{
    char reason[256] = "";
    (void)state;
    json_t *made = choose("auto", "synth:tiny", "echo broken >&2; exit 3", false);
    assert_true(json_is_null(json_object_get(made, "how")));
    assert_false(bench_kernel_choice_holds(made, "Haswell", reason, sizeof reason));
    assert_string_equal(reason,
                        "blas_kernel \"auto\": no kernels of OpenBLAS are right; its own choice: its process "
                        "failed: broken");
    json_decref(made);
    made = choose("auto", "synth:huge", "exit 3", true); /* no such model */
    assert_false(bench_kernel_choice_holds(made, "Haswell", reason, sizeof reason));
    assert_non_null(strstr(reason, "synth:huge"));
    json_decref(made);
}

/* A file that the script leaves tells how often it ran. */
static void compared_once(void **state)
{
    char name[] = "/tmp/choice.XXXXXX", script[1024], line[8];
    int runs = 0, fd = mkstemp(name);
    (void)state;
    assert_true(fd >= 0);
    snprintf(script, sizeof script,
             "echo x >> %s; case \"$OPENBLAS_CORETYPE\" in '') " ANSWER("Nehalem",
                                                                        QUICK) ";; *) exit 3;; esac",
             name);
    json_decref(choose("auto", "synth:tiny", script, true));
    FILE *f = fdopen(fd, "r");
    while (fgets(line, sizeof line, f))
        runs++;
    fclose(f);
    unlink(name);
    assert_int_equal(runs,
                     3 + 1); /* three rounds of the one that is right, one of the other; not twice that */
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(null_and_named),       cmocka_unit_test(the_fastest),
        cmocka_unit_test(the_environments_own), cmocka_unit_test(nothing_is_right),
        cmocka_unit_test(compared_once),
    };
    if (argc > 1) { /* a child of the comparison */
        execl("/bin/sh", "sh", "-c", argv[1], (char *)NULL);
        return 99;
    }
    unsetenv("OPENBLAS_CORETYPE"); /* scripts tell candidates by it */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
