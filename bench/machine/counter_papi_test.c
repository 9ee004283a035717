/* Tests of counter_papi.c on any machine: its hardware events are opened as events of the kernel's software, cycles as the time that threads
 * ran and all others as page faults, which can be made in any number. PAPI is told of a processor that it has no need to find. */
#include "bench/machine/counter_papi.h"

#include <dlfcn.h>
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/perf_event.h>
#include <omp.h>

#include "bench/machine/counter.h"

enum { THREADS = 4, CYCLES = 0x76 /* of the processor that PAPI is told of */ };

#if defined(__SANITIZE_THREAD__)
#define MOST_TIMES 4
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define MOST_TIMES 4
#endif
#endif
#ifndef MOST_TIMES
#define MOST_TIMES 1.5
#endif

static bool one_counter; /* a processor of a single counter: no groups */

/* The C library's, for libpapi alone. */
long syscall(long number, ...)
{
    static long (*real)(long, ...);
    long a[5];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 5; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "syscall");
    if (number != SYS_perf_event_open)
        return real(number, a[0], a[1], a[2], a[3], a[4]);
    struct perf_event_attr attr = *(const struct perf_event_attr *)a[0];
    attr.config = attr.type == PERF_TYPE_RAW && attr.config == CYCLES ? PERF_COUNT_SW_TASK_CLOCK
                                                                      : PERF_COUNT_SW_PAGE_FAULTS;
    attr.type = PERF_TYPE_SOFTWARE;
    if (one_counter && (int)a[3] >= 0) {
        errno = EINVAL;
        return -1;
    }
    return real(number, &attr, a[1], a[2], a[3], a[4]);
}

/* Every thread touches so many pages of its own for the first time. */
static void touch_pages(size_t pages, int threads)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
#pragma omp parallel num_threads(threads)
    {
        volatile char *p =
            mmap(NULL, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if ((void *)p != MAP_FAILED) {
            madvise((void *)p, pages * page, MADV_NOHUGEPAGE);
            for (size_t i = 0; i < pages; i++)
                p[i * page] = 1;
            munmap((void *)p, pages * page);
        }
    }
}

/* Steps of 1000 pages in each of four threads, then in two of them, then in four of which two are new, as a pool may be made anew. */
static void count_faults(void)
{
    enum { PAGES = 1000, STEPS = 3, EXPECTED = PAGES * (THREADS + 2 + THREADS) };
    json_t *o = json_object();
    touch_pages(1, THREADS);
    bench_counter *c = bench_counter_open(bench_counter_papi(THREADS));
    assert_non_null(c);
    for (int i = 0; i < STEPS; i++) {
        touch_pages(20 * PAGES, THREADS);
        bench_counter_start(c);
        touch_pages(PAGES, THREADS);
        touch_pages(PAGES, 2);
        touch_pages(PAGES, THREADS);
        bench_counter_stop(c);
        bench_counter_keep(c);
    }
    bench_counter_put(c, o);
    bench_counter_close(c);
    const json_t *counters = json_object_get(o, "counters"),
                 *faults = json_object_get(counters, "instructions_per_step"),
                 *again = json_object_get(counters, "fp_ops_per_step"),
                 *source = json_object_get(counters, "source");
    if (!json_is_number(faults)) {
        printf("skip: the kernel's events: %s\n",
               json_string_value(json_object_get(counters, "instructions_per_step_reason")));
        json_decref(o);
        skip();
    }
    /* some faults more are those of new threads; the thread sanitizer touches pages of its own for each of ours */
    const double found = json_number_value(faults), twice = json_number_value(again);
    if (!(found >= EXPECTED && found < MOST_TIMES * EXPECTED && fabs(twice - found) < 0.1 * found))
        fail_msg("%g and %g faults, expected %d or somewhat more", found, twice, EXPECTED);
    assert_true(json_number_value(json_object_get(counters, "cycles_per_step")) > 0);
    assert_string_equal(json_string_value(json_object_get(source, "cycles")), "perf_event PAPI_TOT_CYC");
    assert_string_equal(json_string_value(json_object_get(source, "fp_ops")), "perf_event PAPI_FP_OPS");
    assert_null(json_object_get(source, "llc_misses"));
    assert_int_equal(json_is_true(json_object_get(source, "scaled")), one_counter);
    json_decref(o);
}

static void all_threads(void **state)
{
    (void)state;
    one_counter = false;
    count_faults();
    count_faults(); /* after it was closed */
}

static void events_share_counters(void **state)
{
    (void)state;
    one_counter = true;
    count_faults();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_threads),
                                       cmocka_unit_test(events_share_counters)};
    setenv("LIBPFM_FORCE_PMU", "amd64_fam19h_zen3", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
