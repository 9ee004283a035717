/* zobench numerics on a made-up model: every precision in a table, some of them as JSON, and what it refuses. */
#include "bench/cmd/command_fixture.h"

#include <jansson.h>
#include <math.h>

#include "bench/cmd/commands.h"
#include "bench/base/exit.h"
#include "core/model/llama.h"

/* The arguments of a small measurement, then up to six more. */
static void numerics(const char *const *more, command_output *o)
{
    const char *argv[15] = {"numerics",  "model=synth:tiny", "task=polarity", "numerics=1",
                            "queries=2", "batch=1",          "rank=4",        "max_tokens=32"};
    for (int i = 0; more[i]; i++)
        argv[8 + i] = more[i];
    command_run(bench_cmd_numerics, argv, o);
}

static void a_row_for_each(void **state)
{
    (void)state;
    static command_output o;
    numerics((const char *const[]){NULL}, &o);
    if (o.code != BENCH_EXIT_OK)
        fail_msg("%s", o.err);
    assert_non_null(strstr(o.out, "synth:tiny on polarity: 1 batch, q = 2, B = 1, eps = 0.01\n"));
    for (int w = 0; w < ZO_PRECISION_COUNT; w++) {
        for (int c = 0; c < ZO_COMPUTE_COUNT; c++) {
            char row[32];
            snprintf(row, sizeof row, "\n%-7s %-7s ", zo_precision_name((zo_precision)w),
                     zo_compute_name((zo_compute)c));
            bool wanted = c != ZO_COMPUTE_INT8 || w == ZO_PRECISION_INT8 || w == ZO_PRECISION_NF4;
            if (!strstr(o.out, row) == wanted)
                fail_msg("%s row \"%s\" in\n%s", wanted ? "no" : "a", row + 1, o.out);
        }
    }
}

/* Line i of JSON: new reference. */
static json_t *line(command_output *o, int i)
{
    char *at = o->out;
    for (; i > 0 && at; i--)
        at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL;
    assert_non_null(at);
    return json_loads(at, JSON_DISABLE_EOF_CHECK, NULL);
}

static double figure(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    if (!json_is_number(v))
        fail_msg("no number \"%s\"", key);
    return json_number_value(v);
}

static void some_as_json(void **state)
{
    (void)state;
    static command_output o;
    numerics((const char *const[]){"--json", "weights=int8", NULL}, &o);
    if (o.code != BENCH_EXIT_OK)
        fail_msg("%s", o.err);
    json_t *f32 = line(&o, 0), *bf16 = line(&o, 1), *int8 = line(&o, 2);
    assert_string_equal(json_string_value(json_object_get(f32, "weights")), "int8");
    assert_string_equal(json_string_value(json_object_get(f32, "compute")), "f32");
    assert_string_equal(json_string_value(json_object_get(bf16, "compute")), "bf16");
    assert_int_equal(figure(bf16, "samples"), 2);
    assert_string_equal(json_string_value(json_object_get(int8, "compute")), "int8");
    assert_true(figure(bf16, "noise_rms") > 10 * figure(f32, "noise_rms"));
    assert_true(figure(int8, "noise_rms") > figure(bf16, "noise_rms"));
    assert_true(figure(bf16, "signal_rms") == figure(f32, "signal_rms"));
    assert_true(fabs(figure(f32, "snr") * figure(f32, "noise_rms") / figure(f32, "signal_rms") - 1) < 1e-12);
    assert_true(figure(f32, "logit_change_rms") > 0);
    json_decref(f32);
    json_decref(bf16);
    json_decref(int8);

    /* one cell, and one that was measured together with others: the same */
    static command_output alone;
    numerics((const char *const[]){"--json", "weights=int8", "compute=bf16", NULL}, &alone);
    assert_int_equal(alone.code, BENCH_EXIT_OK);
    assert_memory_equal(alone.out, strchr(o.out, '\n') + 1, strlen(alone.out));
}

/* f32 in f32 is what others are held against; its own rounding is measured all the same. */
static void f32_itself(void **state)
{
    (void)state;
    static command_output o;
    numerics((const char *const[]){"--json", "weights=f32", "compute=f32", NULL}, &o);
    assert_int_equal(o.code, BENCH_EXIT_OK);
    json_t *f32 = line(&o, 0);
    assert_true(figure(f32, "loss_change") == 0 && figure(f32, "correlation") > 1 - 1e-12);
    assert_true(figure(f32, "noise_rms") > 0 && figure(f32, "snr") > 1000);
    json_decref(f32);
}

static void refuses(void **state)
{
    (void)state;
    static const struct {
        const char *argv[4], *says;
    } cases[] = {
        {{"numerics", "method=zero-shot", "task=polarity"}, "method zero-shot has no projected gradients"},
        {{"numerics", "method=mezo", "peft=full"}, "peft full: rounding is measured with an adapter"},
        {{"numerics", "model=synth:none", "task=polarity"}, "no such synthetic model"},
        {{"numerics", "weights=int9"}, "did you mean \"int8\"?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static command_output o;
        command_run(bench_cmd_numerics, cases[i].argv, &o);
        assert_int_equal(o.code, BENCH_EXIT_USAGE);
        if (!strstr(o.err, cases[i].says))
            fail_msg("\"%s\" does not say \"%s\"", o.err, cases[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_for_each),
        cmocka_unit_test(some_as_json),
        cmocka_unit_test(f32_itself),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests_name("cmd_numerics", tests, NULL, NULL);
}
