/* Tests of peak.c: the loops do what they are counted for, the shape of the result. No speed is asserted. */
#include "bench/machine/peak.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/machine/peak_kernel.h"

/* Calls check for every table that this processor runs. */
static void each_table(void (*check)(const bench_peak_kernels *k))
{
    int tried = 0;
    for (int i = 0; bench_peak_tables[i]; i++) {
        for (const bench_peak_kernels *k = bench_peak_tables[i]; k->name; k++) {
            if (!k->runs())
                continue;
            print_message("%s\n", k->name);
            check(k);
            tried++;
        }
    }
    assert_true(tried > 0);
    assert_true(bench_peak_best()->runs());
}

/* Products are whole numbers below 2^24 here, so sums are exact. */
static void check_loops(const bench_peak_kernels *k)
{
    assert_non_null(k->loop[BENCH_PEAK_F32]);
    for (int i = 0; i < BENCH_PEAK_LOOPS; i++) {
        if (!k->loop[i])
            continue;
        const double products = k->loop[i](1, 1, 1);
        assert_true(products >= 32); /* at least eight accumulators of four lanes */
        for (int64_t n = 0; n < 50; n += 7)
            assert_true(k->loop[i](n, 1, 1) == (double)n * products);
    }
    const double lanes = k->loop[BENCH_PEAK_F32](1, 1, 1);
    /* acc x + y from 0: y, xy + y, x(xy + y) + y */
    assert_true(k->loop[BENCH_PEAK_F32](3, 2, 5) == lanes * 35);
    if (k->loop[BENCH_PEAK_BF16]) /* two products in a lane */
        assert_true(k->loop[BENCH_PEAK_BF16](3, -1.5f, 0.25f) == lanes * 2 * 3 * -0.375);
    if (k->loop
            [BENCH_PEAK_INT8]) /* four products in a lane; the first operand is unsigned, the second signed */
        assert_true(k->loop[BENCH_PEAK_INT8](2, 200, -3) == lanes * 4 * 2 * -600);
}

static void loops_count_right(void **state)
{
    (void)state;
    each_table(check_loops);
}

enum { FLOATS = 512 };

static void check_arrays(const bench_peak_kernels *k)
{
    float *x = aligned_alloc(64, 3 * FLOATS * sizeof *x);
    assert_non_null(x);
    for (int i = 0; i < 3 * FLOATS; i++)
        x[i] = (float)(i % 97);
    double expected = 0;
    for (int i = 0; i < FLOATS; i++)
        expected += x[i];
    assert_true(k->sum(x, FLOATS) == expected);
    k->triad(x, x + FLOATS, x + 2 * FLOATS, 2, FLOATS);
    for (int i = 0; i < FLOATS; i++)
        assert_true(x[i] == x[FLOATS + i] + 2 * x[2 * FLOATS + i]);
    assert_true(x[FLOATS] == (float)(FLOATS % 97)); /* and nothing behind it */
    free(x);
}

static void arrays_are_gone_through(void **state)
{
    (void)state;
    each_table(check_arrays);
}

static void measure_with(int threads)
{
    static const char *const keys[] = {"f32_flops_per_s",  "bf16_flops_per_s",  "int8_ops_per_s",
                                       "read_bytes_per_s", "triad_bytes_per_s", NULL};
    json_t *o;
    zo_error err = {0};
    if (bench_peak_measure(threads, 0.1, &o, &err))
        fail_msg("%s", err.text);
    assert_int_equal(json_integer_value(json_object_get(o, "threads")), threads);
    assert_string_equal(json_string_value(json_object_get(o, "isa")), bench_peak_best()->name);
    for (int i = 0; keys[i]; i++) {
        char reason[64];
        const json_t *value = json_object_get(o, keys[i]);
        snprintf(reason, sizeof reason, "%s_reason", keys[i]);
        if (i < BENCH_PEAK_LOOPS && !bench_peak_best()->loop[i]) {
            assert_true(json_is_null(value));
            assert_true(json_is_string(json_object_get(o, reason)));
            continue;
        }
        assert_true(json_is_real(value) && json_real_value(value) > 0);
        assert_null(json_object_get(o, reason));
    }
    const json_t *cached = json_object_get(o, "cached_read_bytes_per_s");
    assert_true(json_array_size(cached) == BENCH_PEAK_CACHED || json_is_null(cached));
    for (size_t i = 0; i < json_array_size(cached); i++)
        assert_true(json_real_value(json_array_get(cached, i)) > 0);
    assert_true(json_is_null(cached) || json_integer_value(json_object_get(o, "cache_bytes")) > 0);
    assert_true(json_integer_value(json_object_get(o, "array_bytes")) >= (1 << 25));
    assert_true(json_is_boolean(json_object_get(o, "bound")));
    assert_true(json_integer_value(json_object_get(o, "rounds")) >= 5);
    assert_true(json_real_value(json_object_get(o, "spread")) >= 0);
    json_decref(o);
}

static void every_peak(void **state)
{
    (void)state;
    measure_with(1);
    measure_with(2);
    measure_with(5); /* more than many machines have cores: they share */
}

static void the_caller_is_not_moved(void **state)
{
    cpu_set_t before, after;
    (void)state;
    if (pthread_getaffinity_np(pthread_self(), sizeof before, &before))
        skip(); /* more processors than the set holds */
    measure_with(1);
    assert_int_equal(pthread_getaffinity_np(pthread_self(), sizeof after, &after), 0);
    assert_true(CPU_EQUAL(&before, &after));
}

static void nonsense_is_refused(void **state)
{
    json_t *o = (json_t *)&o;
    zo_error err = {0};
    (void)state;
    assert_int_equal(bench_peak_measure(0, 1, &o, &err), ZO_ERR_INVALID);
    assert_null(o);
    assert_string_equal(err.text, "measure peaks: 0 threads for 1 seconds");
    assert_int_equal(bench_peak_measure(1, 0, &o, NULL), ZO_ERR_INVALID);
    assert_int_equal(bench_peak_measure(1, 0.0 / 0.0, &o, NULL), ZO_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loops_count_right),   cmocka_unit_test(arrays_are_gone_through),
        cmocka_unit_test(every_peak),          cmocka_unit_test(the_caller_is_not_moved),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
