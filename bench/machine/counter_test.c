/* Tests of counter.c: the kernel's software events, which every machine has; made-up energy counters; and what is not there. */
#include "bench/machine/counter.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/perf_event.h>
#include <omp.h>

#include "bench/base/folder.h"

/* Every thread touches so many pages of its own for the first time. */
static void touch_pages(size_t pages)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
#pragma omp parallel
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

/* Faults of all threads, of kept steps alone. */
static void counts_what_lies_between(void **state)
{
    static const bench_counter_event faults[] = {{"faults_per_step", PERF_TYPE_SOFTWARE,
                                                  PERF_COUNT_SW_PAGE_FAULTS},
                                                 {0}};
    enum { PAGES = 500 };
    const int threads = omp_get_max_threads();
    json_t *o = json_object();
    (void)state;
    touch_pages(1); /* the threads, and their stacks */
    bench_counter *c = bench_counter_open(faults, "/nonexistent");
    assert_non_null(c);
    bench_counter_start(c);
    touch_pages(20 * PAGES); /* a warm-up */
    bench_counter_stop(c);
    for (int i = 0; i < 3; i++) {
        touch_pages(10 * PAGES); /* what is done between steps */
        bench_counter_start(c);
        touch_pages(PAGES);
        bench_counter_stop(c);
        bench_counter_keep(c);
    }
    bench_counter_put(c, o);
    bench_counter_close(c);
    const json_t *counters = json_object_get(o, "counters"),
                 *n = json_object_get(counters, "faults_per_step");
    if (json_is_null(counters)) {
        printf("skipped: %s\n", json_string_value(json_object_get(o, "counters_reason")));
        json_decref(o);
        skip();
    }
    assert_int_equal(json_integer_value(json_object_get(counters, "steps")), 3);
    /* some faults more are the C library's and the sanitizers' own; ten times as many would be another step's */
    double expected = PAGES * threads, found = json_number_value(n);
    if (!(found >= expected && found < 4 * expected))
        fail_msg("%g faults per step, expected %g or somewhat more", found, expected);
    assert_true(json_is_null(json_object_get(counters, "energy_j_per_step")));
    assert_non_null(json_string_value(json_object_get(counters, "energy_j_per_step_reason")));
    json_decref(o);
}

static void write_number(const char *dir, const char *zone, const char *file, const char *text)
{
    char *path = bench_folder_path("%s/%s/%s", dir, zone, file);
    assert_int_equal(bench_folder_save(path, text, strlen(text), NULL), 0);
    free(path);
}

/* Two packages, the second of which wraps around at 1,000,000 uJ; a part of the first is not counted twice. */
static void energy_is_added_up(void **state)
{
    static const bench_counter_event none[] = {{0}};
    static const char *const zones[] = {"intel-rapl:0", "intel-rapl:1", "intel-rapl:0:0"};
    const char *tmp = getenv("TMPDIR");
    char *dir = bench_folder_path("%s/counter.XXXXXX", tmp ? tmp : "/tmp");
    json_t *o = json_object();
    (void)state;
    assert_non_null(mkdtemp(dir));
    for (int i = 0; i < 3; i++) {
        char *path = bench_folder_path("%s/%s", dir, zones[i]);
        assert_int_equal(mkdir(path, 0777), 0);
        free(path);
        write_number(dir, zones[i], "max_energy_range_uj", "1000000\n");
        write_number(dir, zones[i], "energy_uj", i == 1 ? "900000\n" : "100000\n");
    }
    bench_counter *c = bench_counter_open(none, dir);
    bench_counter_start(c);
    write_number(dir, zones[0], "energy_uj", "350000\n");
    write_number(dir, zones[1], "energy_uj", "150000\n");
    write_number(dir, zones[2], "energy_uj", "999999\n");
    bench_counter_stop(c);
    bench_counter_keep(c);
    bench_counter_put(c, o);
    bench_counter_close(c);
    const json_t *joules = json_object_get(json_object_get(o, "counters"), "energy_j_per_step");
    assert_true(fabs(json_number_value(joules) - 0.5) < 1e-9);
    json_t *there = bench_counter_describe(none, dir);
    assert_true(json_is_true(json_object_get(there, "energy")));
    json_decref(there);
    assert_int_equal(bench_folder_remove(dir, NULL), 0);
    free(dir);
    json_decref(o);
}

/* No such event, no energy, no step: null, and why. */
static void what_is_not_there_has_a_reason(void **state)
{
    static const bench_counter_event unheard_of[] = {{"x_per_step", 0x7fffffff, 0}, {0}};
    json_t *o = json_object();
    (void)state;
    bench_counter *c = bench_counter_open(unheard_of, "/nonexistent");
    bench_counter_put(c, o);
    assert_true(json_is_null(json_object_get(o, "counters")));
    assert_string_equal(json_string_value(json_object_get(o, "counters_reason")),
                        "no step was timed after the warm-up");
    bench_counter_start(c);
    bench_counter_stop(c);
    bench_counter_keep(c);
    bench_counter_put(c, o);
    assert_true(json_is_null(json_object_get(o, "counters")));
    assert_true(json_string_length(json_object_get(o, "counters_reason")) > 0);
    bench_counter_close(c);
    bench_counter_start(NULL);
    bench_counter_stop(NULL);
    bench_counter_keep(NULL);
    bench_counter_close(NULL);
    bench_counter_put(NULL, o);
    assert_string_equal(json_string_value(json_object_get(o, "counters_reason")), "no step was run");
    json_decref(o);

    o = bench_counter_describe(unheard_of, "/nonexistent");
    assert_true(json_is_null(json_object_get(o, "x")) && json_is_null(json_object_get(o, "energy")));
    assert_true(json_string_length(json_object_get(o, "x_reason")) > 0);
    assert_string_equal(json_string_value(json_object_get(o, "energy_reason")),
                        "the kernel shows no energy counter (powercap)");
    json_decref(o);

    /* the real ones: numbers or reasons, on whatever machine this is */
    o = json_object();
    c = bench_counter_open(NULL, NULL);
    bench_counter_start(c);
    bench_counter_stop(c);
    bench_counter_keep(c);
    bench_counter_put(c, o);
    bench_counter_close(c);
    const json_t *counters = json_object_get(o, "counters");
    if (json_is_null(counters))
        printf("counters: %s\n", json_string_value(json_object_get(o, "counters_reason")));
    assert_true(json_is_object(counters) || json_string_length(json_object_get(o, "counters_reason")) > 0);
    json_decref(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_what_lies_between),
        cmocka_unit_test(energy_is_added_up),
        cmocka_unit_test(what_is_not_there_has_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
