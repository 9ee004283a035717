/* Tests of slow.h: nothing is planted unless it was asked for, and what is planted has the size that was asked for. */
#include "bench/cell/slow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "bench/machine/build.h"

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
    bench_slow_burn(0, begin - 100 * second); /* 0% of whatever */
    bench_slow_burn(-5, begin - 100 * second);
    assert_true(bench_clock_ns() - begin < 50 * second);
    const int64_t again = bench_clock_ns();
    bench_slow_burn(5, again - second / 5); /* 5% of 200 ms and what passes until then: at least 10 ms */
    assert_true(bench_clock_ns() - again >= second / 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(off_unless_asked_for),
        cmocka_unit_test(burns_what_it_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
