/* kernel_bench: runs the program beside this one and looks at the shape of what it says; how fast anything was is not
 * looked at. That results are right it checks itself (exit 1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>

#include "core/kernel/kernel.h"
#include "core/kernel/panel.h"
#include "core/number/precision.h"

/* Runs the program with arguments, which may end in a redirection; stdout to *text. Returns its exit code. */
static int run(const char *arguments, char **text)
{
    char path[3800], command[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    assert_true(n > 0);
    path[n] = '\0';
    assert_string_equal(path + n - 5, "_test");
    path[n - 5] = '\0';
    snprintf(command, sizeof command, "'%s' %s", path, arguments);
    FILE *f = popen(command, "r");
    size_t cap = 1 << 22, at = 0, more;
    assert_non_null(f);
    *text = malloc(cap);
    assert_non_null(*text);
    while ((more = fread(*text + at, 1, cap - 1 - at, f)) > 0)
        at += more;
    (*text)[at] = '\0';
    int status = pclose(f);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static json_t *run_json(const char *arguments)
{
    char *text = NULL;
    if (run(arguments, &text))
        fail_msg("kernel_bench %s failed", arguments);
    json_t *o = json_loads(text, 0, NULL);
    assert_non_null(o);
    assert_string_equal(json_string_value(json_object_get(o, "schema")), "zobench/kernels/1");
    free(text);
    return o;
}

static int tables(void)
{
    int n = 0;
    while (zo_panels_all()[n])
        n++;
    return n;
}

static double number(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    if (!json_is_number(v))
        fail_msg("%s is not a number", key);
    return json_number_value(v);
}

/* The peak that bounds a product; NULL: none that is measured. */
static const char *peak_of(const json_t *r)
{
    const char *kernel = json_string_value(json_object_get(r, "kernel"));
    const char *compute = json_string_value(json_object_get(r, "compute"));
    const bool pairs = strcmp(kernel, "avx512-bf16") == 0;
    const bool bytes = pairs || strcmp(kernel, "avx512-bf16-fma") == 0 || strcmp(kernel, "avx512-vnni") == 0;
    if (strcmp(compute, "int8") == 0)
        return bytes ? "int8_ops_per_s" : NULL;
    return pairs && strcmp(compute, "bf16") == 0 ? "bf16_flops_per_s" : "f32_flops_per_s";
}

static void check_product(const json_t *r, const json_t *peaks)
{
    if (json_is_null(json_object_get(r, "ns"))) {
        assert_true(json_string_length(json_object_get(r, "ns_reason")) > 0);
        return;
    }
    assert_true(number(r, "ns_low") > 0);
    assert_true(number(r, "ns_low") <= number(r, "ns"));
    assert_true(number(r, "ns") <= number(r, "ns_high"));
    assert_true(number(r, "samples") >= 3);
    double flops = 2 * number(r, "rows") * number(r, "out") * number(r, "in");
    double rate = flops / number(r, "ns") * 1e9;
    assert_true(number(r, "flops_per_s") / rate > 1 - 1e-9 && number(r, "flops_per_s") / rate < 1 + 1e-9);
    const char *peak = peak_of(r);
    if (peak) {
        double share = rate / number(peaks, peak);
        assert_true(number(r, "flops_of_peak") / share > 1 - 1e-9);
        assert_true(number(r, "flops_of_peak") / share < 1 + 1e-9);
    } else {
        assert_true(json_is_null(json_object_get(r, "flops_of_peak")));
        assert_true(json_string_length(json_object_get(r, "flops_of_peak_reason")) > 0);
    }
    assert_true(number(r, "weight_bytes_per_s") > 0);
}

/* How many there are of an operator. */
static int count_operators(const json_t *operators, const char *name, const char *weights)
{
    int n = 0;
    size_t i;
    json_t *r;
    json_array_foreach(operators, i, r)
    {
        const char *of = json_string_value(json_object_get(r, "weights"));
        n += strcmp(json_string_value(json_object_get(r, "operator")), name) == 0 &&
             (weights ? of && strcmp(of, weights) == 0 : true);
    }
    return n;
}

/* Four shapes, two numbers of rows, of each sgemm and every table, precision and compute; compute int8 with weights int8 and
 * nf4. sgemm's ratio to itself is 1. */
static void quick_run(void **state)
{
    (void)state;
    json_t *o = run_json("--quick --json 2>/dev/null"), *r;
    const json_t *products = json_object_get(o, "products"), *operators = json_object_get(o, "operators");
    const json_t *peaks = json_object_get(o, "peak");
    size_t i, whole = 0, contenders = 1 + (size_t)tables() * (ZO_PRECISION_COUNT * 2 + 2);
    assert_int_equal(json_array_size(products), 4 * 2 * contenders);
    json_array_foreach(products, i, r)
    {
        bool sgemm = i % contenders == 0;
        assert_string_equal(json_string_value(json_object_get(r, "model")), "synth:smollm2-135m");
        assert_int_equal(json_integer_value(json_object_get(r, "rows")), i / contenders % 2 ? 64 : 8);
        assert_int_equal(strcmp(json_string_value(json_object_get(r, "kernel")), "openblas") == 0, sgemm);
        check_product(r, peaks);
        if (strcmp(json_string_value(json_object_get(r, "compute")), "int8") == 0) {
            const char *weights = json_string_value(json_object_get(r, "weights"));
            assert_true(strcmp(weights, "int8") == 0 || strcmp(weights, "nf4") == 0);
            whole++;
        }
        if (sgemm)
            assert_true(number(r, "ratio") == 1);
    }
    assert_int_equal(whole, 4 * 2 * 2 * tables());
    assert_true(json_array_size(operators) > 10);
    assert_int_equal(count_operators(operators, "pack int8", NULL), tables());
    assert_int_equal(count_operators(operators, "unpack int8", NULL), 2 * tables());
    assert_int_equal(count_operators(operators, "unpack int8", "int8"), tables());
    assert_int_equal(count_operators(operators, "unpack int8", "nf4"), tables());
    json_array_foreach(operators, i, r)
    {
        assert_true(number(r, "ns") > 0);
        assert_true(json_string_length(json_object_get(r, "operator")) > 0);
        assert_true(json_string_length(json_object_get(r, "per")) > 0);
    }
    json_decref(o);
}

/* What was chosen, and nothing else; Markdown has one table per shape, a line per contender, a column per number of rows. */
static void chosen_run(void **state)
{
    static const char *const lines[] = {"\n### synth:tiny: q", "| kernel   | weights | compute | 3 rows",
                                        "| openblas | f32     | f32     |",
                                        "| portable | nf4     | f32     |",
                                        "cold: copies beyond the last-level cache"};
    (void)state;
    char *text = NULL;
    json_t *o = run_json("--quick --json --only operators --kernel portable --precision int8 2>/dev/null"),
           *r;
    size_t i;
    assert_null(json_object_get(o, "products"));
    json_array_foreach(json_object_get(o, "operators"), i, r)
    {
        const char *weights = json_string_value(json_object_get(r, "weights"));
        const char *kernel = json_string_value(json_object_get(r, "kernel"));
        assert_true(!weights || strcmp(weights, "int8") == 0);
        assert_true(strcmp(kernel, "portable") == 0 ||
                    strncmp(json_string_value(json_object_get(r, "operator")), "lowrank", 7) == 0);
    }
    json_decref(o);
    o = run_json(
        "--quick --json --warm --only products --kernel portable --model synth:tiny --rows 5 --precision "
        "bf16,f32 --compute bf16 2>/dev/null");
    assert_true(json_is_true(json_object_get(o, "warm")));
    assert_int_equal(json_array_size(json_object_get(o, "products")) % 3, 0);
    assert_null(json_object_get(o, "operators"));
    json_decref(o);
    o = run_json(
        "--quick --json --only products --kernel portable --model synth:tiny --rows 5 --precision f32,int8 "
        "--compute int8 2>/dev/null");
    assert_int_equal(json_array_size(json_object_get(o, "products")) % 2, 0); /* sgemm and int8 */
    json_array_foreach(json_object_get(o, "products"), i, r)
    {
        assert_string_equal(json_string_value(json_object_get(r, "weights")), i % 2 ? "int8" : "f32");
        assert_string_equal(json_string_value(json_object_get(r, "compute")), i % 2 ? "int8" : "f32");
        check_product(r, json_object_get(o, "peak"));
    }
    json_decref(o);
    assert_int_equal(
        run("--quick --warm --only products --kernel portable --model synth:tiny --rows 3 --precision nf4 "
            "--compute int8 2>/dev/null",
            &text),
        0);
    assert_non_null(strstr(text, "| portable | nf4     | int8    |"));
    assert_null(strstr(text, "nan"));
    free(text);
    assert_int_equal(
        run("--quick --only products --kernel portable --model synth:tiny --rows 3,20 --precision nf4 "
            "--compute f32 2>/dev/null",
            &text),
        0);
    for (i = 0; i < sizeof lines / sizeof *lines; i++)
        if (!strstr(text, lines[i]))
            fail_msg("no \"%s\" in:\n%s", lines[i], text);
    assert_null(strstr(text, "nan"));
    assert_null(strstr(text, "Small operators"));
    free(text);
}

static void refusals(void **state)
{
    static const struct {
        const char *arguments, *message;
    } cases[] = {
        {"--rows 8,4", "--rows must be up to 16 rising numbers from 1 to 16384, not \"8,4\""},
        {"--rows 8x", "--rows must be"},
        {"--precision f32,nf3", "--precision: \"nf3\" is none of f32, f16, bf16, int8, nf4"},
        {"--compute ''", "--compute: \"\" is none of f32, bf16, int8"},
        {"--kernel sse", "--kernel: \"sse\" is none of "},
        {"--model synth:none", "--model: "},
        {"--only all", "--only must be products or operators"},
        {"--seconds 0", "--seconds must be"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char arguments[128], *text = NULL;
        snprintf(arguments, sizeof arguments, "%s 2>&1", cases[i].arguments);
        assert_int_equal(run(arguments, &text), 2);
        if (!strstr(text, cases[i].message))
            fail_msg("%s: %s", cases[i].arguments, text);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quick_run),
        cmocka_unit_test(chosen_run),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
