/* Tests of memory_growth.c and memory_limit.c against what they promise. */
#include "bench/record/memory_growth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bench/base/memory_limit.h"

static void curves_stay_small(void **state)
{
    (void)state;
    json_t *curve = json_array();
    for (int64_t step = 1; step <= 5000; step++) {
        bench_memory_growth_sample(curve, step, 1000 + step);
        assert_in_range(json_array_size(curve), 1, BENCH_MEMORY_GROWTH_MOST);
        if (step > 1000)
            assert_true(json_array_size(curve) > BENCH_MEMORY_GROWTH_MOST / 2 - 2);
    }
    size_t i;
    json_t *sample;
    json_array_foreach(curve, i, sample)
    {
        const json_int_t step = json_integer_value(json_array_get(sample, 0));
        assert_int_equal(step, 16 * (json_int_t)(i + 1)); /* 5000 / 512 < 16, the next power of two */
        assert_int_equal(json_integer_value(json_array_get(sample, 1)), 1000 + step);
    }
    json_decref(curve);
}

/* Sizes of 100 MiB, with a slope and some saw-tooth noise. */
static json_t *judge(double slope, double noise, int steps, int64_t from)
{
    json_t *curve = json_array();
    for (int s = 1; s <= steps; s++)
        bench_memory_growth_sample(curve, s, (int64_t)(104857600 + slope * s + noise * (s % 7 - 3)));
    json_t *out = bench_memory_growth_judge(curve, from);
    json_decref(curve);
    return out;
}

static void verdicts(void **state)
{
    static const struct {
        double slope, noise;
        int steps;
        int64_t from;
        const char *verdict; /* NULL: none */
    } cases[] = {
        {0, 0, 100, 0, "steady"},
        {0, 65536, 100, 0, "steady"},
        {65536, 65536, 100, 0, "grows"}, /* 6.25 MiB */
        {-65536, 65536, 100, 0, "shrinks"},
        {4096, 0, 100, 0, "steady"},   /* 0.4 MiB: sure, but small */
        {65536, 65536, 100, 95, NULL}, /* too few left */
        {65536, 0, 7, 0, NULL},
        {10, 4096, 200000, 0, "grows"}, /* slow, but 1.9 MiB in all */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *o = judge(cases[i].slope, cases[i].noise, cases[i].steps, cases[i].from);
        const char *verdict = json_string_value(json_object_get(o, "verdict"));
        if (!verdict != !cases[i].verdict || (verdict && strcmp(verdict, cases[i].verdict) != 0))
            fail_msg("case %zu: %s", i, verdict ? verdict : "none");
        if (o) {
            const double low = json_number_value(json_array_get(json_object_get(o, "ci"), 0)),
                         high = json_number_value(json_array_get(json_object_get(o, "ci"), 1));
            assert_true(low - 1e-6 <= cases[i].slope && cases[i].slope <= high + 1e-6);
        }
        json_decref(o);
    }
}

/* What is no leak: one step up, two in the same half, what comes to rest; and what is one though it comes in steps. */
static int64_t once(int s)
{
    return s > 30 ? 4 << 20 : 0;
}

static int64_t twice(int s)
{
    return (s > 10 ? 2 << 20 : 0) + (s > 25 ? 2 << 20 : 0);
}

static int64_t comes_to_rest(int s)
{
    return (4 << 20) - (4 << 20) / s;
}

static int64_t at_evaluations(int s)
{
    return (int64_t)(s / 10) << 20;
}

static int64_t back_at_evaluations(int s)
{
    return -at_evaluations(s);
}

static void jumps(void **state)
{
    static const struct {
        int64_t (*more)(int s);
        const char *verdict;
    } cases[] = {{once, "jumps"},
                 {twice, "jumps"},
                 {comes_to_rest, "steady"}, /* 4 MiB, but before step 10 */
                 {at_evaluations, "grows"},
                 {back_at_evaluations, "shrinks"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *record =
                   json_pack("{s:{s:{s:i}}, s:{s:[]}}", "time", "warmup", "steps", 8, "memory", "rss_curve"),
               *curve = json_object_get(json_object_get(record, "memory"), "rss_curve"), *o;
        for (int s = 1; s <= 60; s++)
            bench_memory_growth_sample(curve, s, 52428800 + cases[i].more(s));
        o = bench_memory_growth_of(record);
        assert_string_equal(json_string_value(json_object_get(o, "verdict")), cases[i].verdict);
        assert_int_equal(json_integer_value(json_object_get(o, "steps")), 51); /* 9 to 60 */
        json_decref(o);
        /* a process that went on from step 40 has seen none of the jumps before */
        json_object_set_new(json_object_get(record, "time"), "resumed_at", json_pack("[i, i]", 10, 40));
        o = bench_memory_growth_of(record);
        assert_int_equal(json_integer_value(json_object_get(o, "steps")), 11);
        json_decref(o);
        json_decref(record);
    }
    assert_null(bench_memory_growth_of(json_null()));
}

static void ceilings(void **state)
{
    static const struct {
        const char *text;
        int64_t bytes; /* -2: refused */
    } cases[] = {
        {"auto", BENCH_MEMORY_AUTO},
        {"none", BENCH_MEMORY_NONE},
        {"8GiB", INT64_C(8) << 30},
        {"1.5GiB", INT64_C(3) << 29},
        {"512MiB", 512 << 20},
        {"2GB", 2000000000},
        {"8", -2},
        {"GiB", -2},
        {"8 GiB", -2},
        {"-1GiB", -2},
        {"0MiB", -2},
        {"1.2.3GiB", -2},
        {"1e9MiB", -2},
        {"9999TiB", -2},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t bytes = -2;
        assert_int_equal(bench_memory_limit_read(cases[i].text, &bytes), cases[i].bytes != -2);
        assert_int_equal(bytes, cases[i].bytes);
    }
    const char *why = NULL;
    json_t *machine =
        json_pack("{s:I, s:n}", "memory_available_bytes", (json_int_t)1 << 30, "memory_limit_bytes");
    assert_int_equal(bench_memory_limit_bytes(BENCH_MEMORY_NONE, machine, 1, &why), 0);
    assert_non_null(why);
    const uint64_t set = bench_memory_limit_bytes(INT64_C(1) << 31, machine, 9, &why);
    if (set) { /* not under a sanitizer */
        assert_int_equal(set, INT64_C(1) << 31);
        assert_int_equal(bench_memory_limit_bytes(BENCH_MEMORY_AUTO, machine, 2, &why),
                         (uint64_t)(0.95 * (1 << 30)) + (32 << 20));
        json_object_set_new(machine, "memory_limit_bytes", json_integer(1 << 29));
        assert_int_equal(bench_memory_limit_bytes(BENCH_MEMORY_AUTO, machine, 2, &why),
                         (uint64_t)(0.95 * (1 << 29)) + (32 << 20));
        json_object_set_new(machine, "memory_available_bytes", json_null());
        assert_int_equal(bench_memory_limit_bytes(BENCH_MEMORY_AUTO, machine, 2, &why), 0);
    }
    json_decref(machine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(curves_stay_small), cmocka_unit_test(verdicts),
                                       cmocka_unit_test(jumps), cmocka_unit_test(ceilings)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
