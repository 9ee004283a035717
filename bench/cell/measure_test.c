/* Tests of measure.c: phases add up, peaks are those of this process. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(phases_add_up),
        cmocka_unit_test(peak_rises_and_stays),
        cmocka_unit_test(accounts_hold_their_peaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
