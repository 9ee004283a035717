/* Texts made piece by piece: what is appended, and what is cut off. */
#include "bench/base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void appends(void **state)
{
    char text[16] = "a";
    (void)state;
    bench_text_add(text, sizeof text, "%s=%d", ", b", 12);
    assert_string_equal(text, "a, b=12");
    bench_text_add(text, sizeof text, "%s", "");
    assert_string_equal(text, "a, b=12");
}

static void cuts_off(void **state)
{
    char text[8] = "", around[10];
    (void)state;
    memset(around, '#', sizeof around);
    around[1] = 0;
    bench_text_add(around + 1, 8, "%s", "0123456789");
    assert_string_equal(around + 1, "0123456");
    assert_int_equal(around[0], '#');
    assert_int_equal(around[9], '#');
    bench_text_add(text, sizeof text, "12345");
    bench_text_add(text, sizeof text, "%d", 6789);
    assert_string_equal(text, "1234567");
    bench_text_add(text, sizeof text, "x"); /* it is full */
    assert_string_equal(text, "1234567");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(appends), cmocka_unit_test(cuts_off)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
