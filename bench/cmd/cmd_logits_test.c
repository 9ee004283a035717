/* Commands that run a model by hand take a precision and a compute: zobench logits and zobench generate. */
#include "bench/cmd/command_fixture.h"

#include <jansson.h>
#include <math.h>

#include "bench/cmd/commands.h"
#include "bench/base/exit.h"

enum { VOCAB = 512 };

static void logits_of(const char *weights, const char *compute, double out[VOCAB])
{
    static command_output o;
    const char *argv[] = {"logits", "--model", "synth:tiny", "--weights", weights, "--compute",
                          compute,  "--top",   "0",          "--json",    "ab",    NULL};
    command_run(bench_cmd_logits, argv, &o);
    if (o.code != BENCH_EXIT_OK)
        fail_msg("%s", o.err);
    json_t *root = json_loads(o.out, 0, NULL), *list = json_object_get(root, "logits");
    assert_int_equal(json_array_size(list), VOCAB);
    for (size_t i = 0; i < VOCAB; i++)
        out[i] = json_number_value(json_object_get(json_array_get(list, i), "logit"));
    json_decref(root);
}

static double distance(const double *a, const double *b)
{
    double square = 0;
    for (int i = 0; i < VOCAB; i++)
        square += (a[i] - b[i]) * (a[i] - b[i]);
    return sqrt(square / VOCAB);
}

/* Logits of size 1: bf16 has steps of 2^-8 of a value, and moves them by a part of that; nf4 moves them far more. */
static void precision_and_compute(void **state)
{
    (void)state;
    double f32[VOCAB], rounded[VOCAB], nf4[VOCAB];
    logits_of("f32", "f32", f32);
    logits_of("f32", "bf16", rounded);
    logits_of("nf4", "f32", nf4);
    print_message("logits moved by compute bf16 %.2g, by nf4 %.2g\n", distance(rounded, f32),
                  distance(nf4, f32));
    assert_true(distance(rounded, f32) > 1e-4 && distance(rounded, f32) < 0.03);
    assert_true(distance(nf4, f32) > 3 * distance(rounded, f32));
}

static void generates_in_each(void **state)
{
    (void)state;
    static const char *const computes[] = {"f32", "bf16"};
    for (int c = 0; c < 2; c++) {
        static command_output o;
        const char *argv[] = {"generate",  "--model",  "synth:tiny", "--weights", "int8", "--compute",
                              computes[c], "--tokens", "6",          "--ids",     "ab",   NULL};
        command_run(bench_cmd_generate, argv, &o);
        assert_int_equal(o.code, BENCH_EXIT_OK);
        int ids = 0;
        for (char *at = strtok(o.out, " \n"); at; at = strtok(NULL, " \n"))
            ids++;
        assert_in_range(ids, 2, 6);
    }
}

static void unknown_words(void **state)
{
    (void)state;
    static const struct {
        int (*command)(int, char **);
        const char *argv[6], *says;
    } cases[] = {
        {bench_cmd_logits,
         {"logits", "--compute", "bf17", "ab"},
         "compute: must be one of f32, bf16, int8, not"},
        {bench_cmd_generate,
         {"generate", "--compute", "f16", "ab"},
         "compute: must be one of f32, bf16, int8, not"},
        {bench_cmd_logits, {"logits", "--weights", "int9", "ab"}, "weights: must be one of f32, f16,"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static command_output o;
        command_run(cases[i].command, cases[i].argv, &o);
        assert_int_equal(o.code, BENCH_EXIT_USAGE);
        if (!strstr(o.err, cases[i].says))
            fail_msg("\"%s\" does not say \"%s\"", o.err, cases[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(precision_and_compute),
        cmocka_unit_test(generates_in_each),
        cmocka_unit_test(unknown_words),
    };
    return cmocka_run_group_tests_name("cmd_logits", tests, NULL, NULL);
}
