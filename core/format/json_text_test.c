/* Tests of json_text.c: what jansson alone refuses, and what must not change for it. */
#include "core/format/json_text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void reads_what_files_hold(void **state)
{
    (void)state;
    static const struct {
        const char *text, *as; /* the same value, as json_dumps has it; NULL: refused */
        const char *says;
    } rows[] = {
        {"[9223372036854775807,-9223372036854775808]", "[9223372036854775807,-9223372036854775808]", ""},
        {"[9223372036854775808]", "[9.2233720368547758e18]", ""},
        {"[18446744073709551615 , -18446744073709551616]", "[1.8446744073709552e19,-1.8446744073709552e19]",
         ""},
        {"{\"a\":1000000000000000019884624838656}", "{\"a\":1e30}", ""},
        {"[1000000000000000019884624838656.5,1e30,12345678901234567890123e2]",
         "[1e30,1e30,1.2345678901234568e24]", ""},
        {"[\"9223372036854775808\",\"\\\"99999999999999999999\",\"\\\\\"]",
         "[\"9223372036854775808\",\"\\\"99999999999999999999\",\"\\\\\"]", ""},
        {"\xef\xbb\xbf[1]", "[1]", ""},
        {"\xff\xfe[\0", NULL, "UTF-16"},
        {"[1,\n  99999999999999999999 2]", NULL, "line 2, column 24"}, /* places stay right */
        {"{\"a\":1,\"a\":2}", NULL, "duplicate"},
        {"[99999999999999999999", NULL, "line 1"},
        {"-", NULL, "line 1"},
        {"", NULL, "line 1"},
        {"[\"\\", NULL, "line 1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *v = NULL, *want = rows[i].as ? json_loads(rows[i].as, 0, NULL) : NULL;
        zo_error err = {0};
        char nul[4];
        zo_status st = zo_json_load(rows[i].text, strlen(rows[i].text), nul, &v, &err);
        if (rows[i].as ? st != ZO_OK || !json_equal(v, want)
                       : st != ZO_ERR_FORMAT || !strstr(err.text, rows[i].says))
            fail_msg("%s: status %d \"%s\", expected %s", rows[i].text, (int)st, err.text,
                     rows[i].as ? rows[i].as : rows[i].says);
        assert_string_equal(nul, "");
        json_decref(v);
        json_decref(want);
    }
}

static void nul_gets_a_stand_in(void **state)
{
    (void)state;
    static const char text[] =
        "{\"\\u0000a\":\"\\\\u0000\\u0000\",\"\\uFDD0\":\"\xef\xb7\x91\"}"; /* U+FDD0, U+FDD1 are taken */
    char nul[4];
    json_t *v = NULL;
    assert_int_equal(zo_json_load(text, strlen(text), nul, &v, NULL), ZO_OK);
    assert_string_equal(nul, "\xef\xb7\x92");
    assert_string_equal(json_string_value(json_object_get(v, "\xef\xb7\x92"
                                                             "a")),
                        "\\u0000\xef\xb7\x92");
    assert_int_equal(json_object_size(v), 2);
    json_decref(v);
    assert_int_equal(zo_json_load(text, strlen(text), NULL, &v, NULL), ZO_ERR_FORMAT);
}

static void values_for_comparison(void **state)
{
    (void)state;
    json_t *v = json_loads("[true, false, 3, 0.5, null, \"1\", []]", 0, NULL);
    static const double want[] = {1, 0, 3, 0.5};
    for (size_t i = 0; i < 7; i++) {
        double got = zo_json_value(json_array_get(v, i));
        assert_true(i < 4 ? got == want[i] : isnan(got));
    }
    json_decref(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_files_hold),
        cmocka_unit_test(nul_gets_a_stand_in),
        cmocka_unit_test(values_for_comparison),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
