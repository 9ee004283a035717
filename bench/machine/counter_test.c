/* Tests of counter.c, with recorded readings; and of counter_papi.c: work of a known size where this machine has counters, and that it
 * is quiet about having none. */
#include "bench/machine/counter.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <omp.h>

#include "bench/machine/counter_papi.h"
#include "bench/machine/peak_kernel.h"

/* Readings in the order in which they are asked for. */
typedef struct recording {
    bench_counter_source source;
    const double (*totals)[BENCH_COUNTS];
    int at, closed;
} recording;

static void next_reading(bench_counter_source *s, double totals[BENCH_COUNTS])
{
    recording *r = (recording *)(void *)s;
    for (int i = 0; i < BENCH_COUNTS; i++)
        if (s->there[i])
            totals[i] = r->totals[r->at][i];
    r->at++;
}

static void close_recording(bench_counter_source *s)
{
    ((recording *)(void *)s)->closed++;
}

/* All but the floating-point operations. */
static recording of(const double (*totals)[BENCH_COUNTS])
{
    return (recording){
        .source = {.library = "tape 1",
                   .there = {true, true, true, false, true},
                   .text = {"core CYC", "core INS", "core L3", "no such event", "package J"},
                   .read = next_reading,
                   .close = close_recording},
        .totals = totals,
    };
}

static void take_steps(bench_counter *c, int steps, int kept)
{
    for (int i = 0; i < steps; i++) {
        bench_counter_start(c);
        bench_counter_stop(c);
        if (i >= steps - kept)
            bench_counter_keep(c);
    }
}

static json_t *counters_of(bench_counter *c)
{
    json_t *o = json_object();
    bench_counter_put(c, o);
    bench_counter_close(c);
    return o;
}

static void expect_json(const json_t *found, const char *text)
{
    json_t *expected = json_loads(text, 0, NULL);
    assert_non_null(expected);
    if (!json_equal(found, expected)) {
        char *is = json_dumps(found, 0);
        print_message("is %s\nnot %s\n", is, text);
        free(is);
        fail();
    }
    json_decref(expected);
}

/* A warm-up and two steps; what is counted between steps is left out. */
static void means_of_kept_steps(void **state)
{
    static const double totals[][BENCH_COUNTS] = {
        {0, 0, 0, 0, 0},
        {9e9, 9e9, 9e9, 0, 900}, /* warm-up */
        {1e10, 1e10, 1e10, 0, 1e3},
        {1e10 + 100, 1e10 + 50, 1e10 + 8, 0, 1000.5},
        {2e10, 2e10, 2e10, 0, 2e3},
        {2e10 + 300, 2e10 + 150, 2e10, 0, 2000.25},
    };
    (void)state;
    recording r = of(totals);
    bench_counter *c = bench_counter_open(&r.source);
    take_steps(c, 3, 2);
    json_t *o = counters_of(c);
    assert_int_equal(r.at, 6);
    assert_int_equal(r.closed, 1);
    expect_json(o,
                "{\"counters\": {\"steps\": 2, \"cycles_per_step\": 200.0, \"instructions_per_step\": 100.0,"
                " \"llc_misses_per_step\": 4.0, \"fp_ops_per_step\": null, \"fp_ops_per_step_reason\": "
                "\"no such event\", \"energy_j_per_step\": 0.375, \"source\": {\"library\": \"tape 1\","
                " \"cycles\": \"core CYC\", \"instructions\": \"core INS\", \"llc_misses\": \"core L3\","
                " \"energy\": \"package J\"}}}");
    json_decref(o);
}

/* One step in which energy was not readable, and one in which nothing ran: a mean would be wrong. */
static void unread_is_unknown(void **state)
{
    static const char why[] = "it could not be read at every step";
    static const double totals[][BENCH_COUNTS] = {{1, 1, 1, 0, 1}, {2, 2, 2, 0, 2}, {3, 3, 3, 0, NAN},
                                                  {4, 4, 4, 0, 4}, {5, 5, 5, 0, 5}, {5, 5, 5, 0, 6}};
    (void)state;
    recording r = of(totals);
    bench_counter *c = bench_counter_open(&r.source);
    take_steps(c, 2, 2);
    json_t *o = json_object();
    bench_counter_put(c, o);
    const json_t *counters = json_object_get(o, "counters");
    assert_true(json_number_value(json_object_get(counters, "cycles_per_step")) == 1);
    assert_true(json_is_null(json_object_get(counters, "energy_j_per_step")));
    assert_string_equal(json_string_value(json_object_get(counters, "energy_j_per_step_reason")), why);
    take_steps(c, 1, 1);
    json_decref(o);
    o = counters_of(c);
    counters = json_object_get(o, "counters");
    assert_true(json_is_null(json_object_get(counters, "cycles_per_step")));
    assert_true(json_is_null(json_object_get(counters, "llc_misses_per_step")));
    assert_string_equal(json_string_value(json_object_get(counters, "instructions_per_step_reason")), why);
    json_decref(o);
}

static void no_steps(void **state)
{
    static const double totals[][BENCH_COUNTS] = {{0}, {1, 1, 1, 1, 1}};
    (void)state;
    recording r = of(totals);
    bench_counter *c = bench_counter_open(&r.source);
    take_steps(c, 1, 0);
    json_t *o = counters_of(c);
    expect_json(o, "{\"counters\": null, \"counters_reason\": \"no step was timed after the warm-up\"}");
    assert_null(bench_counter_open(NULL));
    take_steps(NULL, 1, 1);
    json_t *none = counters_of(NULL);
    expect_json(none, "{\"counters\": null, \"counters_reason\": \"no step was run\"}");
    json_decref(none);
    json_decref(o);
}

static void descriptions(void **state)
{
    (void)state;
    recording r = of(NULL);
    json_t *o = bench_counter_describe(&r.source);
    assert_int_equal(r.closed, 1);
    expect_json(o, "{\"library\": \"tape 1\", \"cycles\": \"core CYC\", \"instructions\": \"core INS\","
                   " \"llc_misses\": \"core L3\", \"fp_ops\": null, \"fp_ops_reason\": \"no such event\","
                   " \"energy\": \"package J\"}");
    json_decref(o);
    o = bench_counter_describe(NULL);
    assert_int_equal(json_object_size(o), 0);
    json_decref(o);
}

/* ---- PAPI ---- */

/* So many rounds in every thread; the products that were added up. */
static double work(int64_t rounds)
{
    bench_peak_loop *loop = bench_peak_best()->loop[BENCH_PEAK_F32];
    double products = 0;
#pragma omp parallel reduction(+ : products)
    products += loop(rounds, 1, 1);
    return products;
}

static double per_step(const json_t *record, const char *key)
{
    const json_t *v = json_object_get(json_object_get(record, "counters"), key);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

/* The record of three steps of so much work, after a warm-up of ten times as much, and with other work before each. */
static json_t *count_work(int64_t rounds)
{
    bench_counter *c = bench_counter_open(bench_counter_papi(omp_get_max_threads()));
    assert_non_null(c);
    for (int i = 0; i < 4; i++) {
        work(rounds);
        bench_counter_start(c);
        work(i ? rounds : 10 * rounds);
        bench_counter_stop(c);
        if (i)
            bench_counter_keep(c);
    }
    return counters_of(c);
}

/* Each value, or why there is none; never printed, and again after it was closed. */
static void each_has_a_value_or_a_reason(void **state)
{
    static const char *const keys[] = {"cycles_per_step", "instructions_per_step", "llc_misses_per_step",
                                       "fp_ops_per_step", "energy_j_per_step"};
    (void)state;
    fflush(stderr);
    FILE *said = tmpfile();
    const int stderr_before = dup(STDERR_FILENO);
    assert_true(said && stderr_before >= 0 && dup2(fileno(said), STDERR_FILENO) >= 0);
    json_t *first = count_work(1000), *o = count_work(1000);
    fflush(stderr);
    dup2(stderr_before, STDERR_FILENO);
    close(stderr_before);
    assert_int_equal(lseek(fileno(said), 0, SEEK_END), 0);
    fclose(said);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char reason[64];
        const json_t *counters = json_object_get(o, "counters");
        snprintf(reason, sizeof reason, "%s_reason", keys[i]);
        if (isnan(per_step(o, keys[i])))
            assert_true(json_string_length(json_object_get(counters, reason)) > 0);
        assert_int_equal(isnan(per_step(o, keys[i])), isnan(per_step(first, keys[i])));
    }
    json_decref(first);
    json_decref(o);
}

/* Where a count is not there, the test of it is skipped, and says why. */
static bool skipped(const json_t *record, const char *key)
{
    char reason[64];
    snprintf(reason, sizeof reason, "%s_reason", key);
    if (!isnan(per_step(record, key)))
        return false;
    printf("skip: no %s: %s\n", key,
           json_string_value(json_object_get(json_object_get(record, "counters"), reason)));
    return true;
}

/* A multiplication and an addition for each product, of all threads: no vector of the widest holds more than 16 in an instruction. */
static void instructions_of_known_work(void **state)
{
    (void)state;
    enum { ROUNDS = 1 << 20 };
    json_t *o = count_work(ROUNDS);
    const bool skips = skipped(o, "instructions_per_step");
    const double found = per_step(o, "instructions_per_step"), least = work(ROUNDS) / 16;
    json_decref(o);
    if (skips)
        skip();
    if (!(found >= least && found < 100 * least))
        fail_msg("%g instructions, expected %g or some more", found, least);
}

static void operations_of_known_work(void **state)
{
    (void)state;
    enum { ROUNDS = 1 << 20 };
    json_t *o = count_work(ROUNDS);
    const bool skips = skipped(o, "fp_ops_per_step");
    const double found = per_step(o, "fp_ops_per_step"), expected = 2 * work(ROUNDS);
    json_decref(o);
    if (skips)
        skip();
    if (!(fabs(found / expected - 1) < 0.03))
        fail_msg("%g operations, expected %g", found, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(means_of_kept_steps),
        cmocka_unit_test(unread_is_unknown),
        cmocka_unit_test(no_steps),
        cmocka_unit_test(descriptions),
        cmocka_unit_test(each_has_a_value_or_a_reason),
        cmocka_unit_test(instructions_of_known_work),
        cmocka_unit_test(operations_of_known_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
