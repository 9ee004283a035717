/* Tests of measure.c: phases add up, peaks are those of this process, warm-up follows its rule; and no
 * slowdown is planted unless it was asked for, and what is planted has the size that was asked for. */
#include "bench/cell/measure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <cmocka.h>

#include "bench/base/clock.h"
#include "bench/machine/build.h"
#include "bench/manifest/manifest.h"

static void rest(int ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
}

static void phases_add_up(void **state)
{
    bench_stopwatch w = {0};
    zo_phase_hook hook = bench_stopwatch_hook(&w);
    (void)state;
    for (int again = 0; again < 2; again++) { /* each step begins anew */
        zo_phase_enter(hook, ZO_PHASE_LOSS);  /* outside of a step: not counted */
        int64_t before = bench_clock_ns();
        bench_stopwatch_start(&w);
        rest(2);
        zo_phase_enter(hook, ZO_PHASE_DATA);
        rest(10);
        zo_phase_enter(hook, ZO_PHASE_LINEAR);
        rest(5);
        zo_phase_enter(hook, ZO_PHASE_DATA);
        rest(10);
        int64_t total = bench_stopwatch_stop(&w), around = bench_clock_ns() - before, sum = 0;
        for (int i = 0; i < ZO_PHASE_COUNT; i++)
            sum += w.phase_ns[i];
        assert_true(sum == total);
        assert_true(total <= around);
        /* sleeps last at least as long as asked; how much longer is not for a test to say */
        assert_true(w.phase_ns[ZO_PHASE_OTHER] >= 2000000);
        assert_true(w.phase_ns[ZO_PHASE_DATA] >= 20000000);
        assert_true(w.phase_ns[ZO_PHASE_LINEAR] >= 5000000);
        assert_true(w.phase_ns[ZO_PHASE_LOSS] == 0);
        assert_true(w.phase_ns[ZO_PHASE_UPDATE] == 0);
    }
}

/* The high-water mark rises with what is touched and stays when it is given back. */
static void peak_rises_and_stays(void **state)
{
    const size_t bytes = (size_t)64 << 20;
    (void)state;
    json_t *now = bench_measure_status("VmRSS");
    void *block = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(block, MAP_FAILED);
    memset(block, 1, bytes);
    assert_int_equal(munmap(block, bytes), 0);
    json_t *after = bench_measure_status("VmHWM");
    assert_non_null(now);
    assert_non_null(after);
    /* the kernel's counters are kept per thread and lag by some pages */
    assert_true(json_integer_value(after) >= json_integer_value(now) + (json_int_t)bytes - (1 << 20));
    assert_null(bench_measure_status("VmNone"));
    assert_null(bench_measure_status("Name2"));
    json_decref(now);
    json_decref(after);
}

static void accounts_hold_their_peaks(void **state)
{
    zo_mem mem = {0};
    (void)state;
    void *a = zo_mem_alloc(&mem, ZO_ACCOUNT_DATA, 1000), *b = zo_mem_alloc(&mem, ZO_ACCOUNT_DATA, 24);
    zo_mem_free(a);
    void *c = zo_mem_alloc(&mem, ZO_ACCOUNT_KV, 5);
    json_t *o = bench_measure_accounts(&mem);
    char *text = json_dumps(o, JSON_COMPACT);
    assert_string_equal(text, "{\"weights\":0,\"adapter\":0,\"activations\":0,\"kv\":5,\"optimizer\":0,"
                              "\"data\":1024,\"harness\":0}");
    free(text);
    json_decref(o);
    zo_mem_free(b);
    zo_mem_free(c);
}

static void warmup_rule(void **state)
{
    static const struct {
        int64_t asked, times[12];
        int steps, warm; /* of them */
        const char *json;
    } cases[] = {
        {0, {9, 9, 9, 9}, 4, 0, "{\"rule\":\"fixed\",\"steps\":0}"},
        {2, {9, 9, 9, 9}, 4, 2, "{\"rule\":\"fixed\",\"steps\":2}"},
        /* flat from the start: the first and two more */
        {BENCH_WARMUP_AUTO,
         {100, 100, 100, 100, 100, 100, 100, 100},
         8,
         3,
         "{\"rule\":\"auto\",\"steps\":3,\"flat\":true}"},
        /* falls for four steps */
        {BENCH_WARMUP_AUTO,
         {200, 150, 120, 100, 99, 101, 100, 100, 100, 100, 100, 100},
         12,
         6,
         "{\"rule\":\"auto\",\"steps\":6,\"flat\":true}"},
        /* a slow one in between, and one that is faster by 2% and more after it */
        {BENCH_WARMUP_AUTO,
         {200, 300, 150, 160, 150, 150, 150, 150, 150, 150},
         10,
         5,
         "{\"rule\":\"auto\",\"steps\":5,\"flat\":true}"},
        /* never flat: half of them */
        {BENCH_WARMUP_AUTO,
         {100, 90, 80, 70, 60, 50, 40, 30},
         8,
         4,
         "{\"rule\":\"auto\",\"steps\":4,\"flat\":false}"},
        {BENCH_WARMUP_AUTO, {100}, 1, 0, "{\"rule\":\"auto\",\"steps\":0,\"flat\":false}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bench_warmup w;
        int warm = 0;
        bench_warmup_init(&w, cases[i].asked, cases[i].steps);
        for (int s = 0; s < cases[i].steps; s++) {
            const bool is_warm = bench_warmup_step(&w, cases[i].times[s]);
            assert_true(!is_warm || warm == s); /* the first ones */
            warm += is_warm;
        }
        json_t *o = bench_warmup_to_json(&w), *expected = json_loads(cases[i].json, 0, NULL);
        if (warm != cases[i].warm || !json_equal(o, expected))
            fail_msg("case %zu: %d", i, warm);
        json_decref(o);
        json_decref(expected);
    }
}

/* A build with a slowdown must say so in its records, one without must not have it. */
static void off_unless_asked_for(void **state)
{
    (void)state;
    json_t *build = bench_build_describe();
    const char *flags = json_string_value(json_object_get(build, "flags"));
    assert_non_null(flags);
    assert_int_equal(strstr(flags, "BENCH_SLOW_STEP") != NULL, BENCH_SLOW_STEP > 0);
    json_decref(build);
}

static void burns_what_it_says(void **state)
{
    (void)state;
    const int64_t second = 1000000000, begin = bench_clock_ns();
    bench_measure_slow_down(0, begin - 100 * second); /* 0% of whatever */
    bench_measure_slow_down(-5, begin - 100 * second);
    assert_true(bench_clock_ns() - begin < 50 * second);
    const int64_t again = bench_clock_ns();
    bench_measure_slow_down(5,
                            again - second / 5); /* 5% of 200 ms and what passes until then: at least 10 ms */
    assert_true(bench_clock_ns() - again >= second / 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(phases_add_up),
        cmocka_unit_test(peak_rises_and_stays),
        cmocka_unit_test(accounts_hold_their_peaks),
        cmocka_unit_test(warmup_rule),
        cmocka_unit_test(off_unless_asked_for),
        cmocka_unit_test(burns_what_it_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
