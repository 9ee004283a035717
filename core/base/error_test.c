/* error.h: the first error wins, contexts go in front, long texts are cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/error.h"

static void first_wins(void **state)
{
    (void)state;
    zo_error err = {0};
    assert_int_equal(zo_fail(&err, ZO_ERR_IO, "open %s: %s", "a", "gone"), ZO_ERR_IO);
    assert_int_equal(zo_fail(&err, ZO_ERR_MEMORY, "later"), ZO_ERR_MEMORY);
    assert_int_equal(err.status, ZO_ERR_IO);
    assert_string_equal(err.text, "open a: gone");
    assert_int_equal(zo_fail(NULL, ZO_ERR_FORMAT, "nobody asks"), ZO_ERR_FORMAT);
}

static void contexts(void **state)
{
    (void)state;
    zo_error err = {0};
    assert_int_equal(zo_error_context(&err, "nothing yet"), ZO_OK);
    assert_string_equal(err.text, "");
    zo_fail(&err, ZO_ERR_IO, "gone");
    assert_int_equal(zo_error_context(&err, "step %d", 7), ZO_ERR_IO);
    assert_string_equal(err.text, "step 7: gone");
    assert_int_equal(zo_error_context(NULL, "x"), ZO_OK);
}

static void cut(void **state)
{
    (void)state;
    zo_error err = {0};
    char big[2 * sizeof err.text];
    memset(big, 'a', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    zo_fail(&err, ZO_ERR_IO, "%s", big);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    zo_error_context(&err, "b");
    assert_int_equal(strncmp(err.text, "b: aaa", 6), 0);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    zo_error_context(&err, "%s", big);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
}

static void words(void **state)
{
    (void)state;
    assert_string_equal(zo_status_text(ZO_OK), "ok");
    assert_string_equal(zo_status_text(ZO_ERR_FORMAT), "malformed input");
    assert_string_equal(zo_status_text((zo_status)99), "unknown status");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_wins),
        cmocka_unit_test(contexts),
        cmocka_unit_test(cut),
        cmocka_unit_test(words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
