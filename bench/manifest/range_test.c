/* Tests of range.c and condition.c: what is written and what comes of it. Expected values are the definitions' own. */
#include "bench/manifest/range.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bench/manifest/argument.h"
#include "bench/manifest/condition.h"

/* One condition of a where. */
static bool holds(const bench_params *p, const bench_option *o, json_t *value)
{
    json_t *where = json_pack("{s:O}", o->name, value);
    const bool matches = bench_condition_match(p, where);
    json_decref(where);
    return matches;
}

static void lists(void **state)
{
    static const struct {
        const char *text, *values;
    } cases[] = {
        {"1..8", "[1,2,3,4,5,6,7,8]"},
        {"0..10+2", "[0,2,4,6,8,10]"},
        {"0..9+4", "[0,4,8]"},
        {"64..256*2", "[64,128,256]"},
        {"64..255*2", "[64,128]"},
        {"3..100*3", "[3,9,27,81]"},
        {"7..7", "[7]"},
        {"-2..2+2", "[-2,0,2]"},
        {"1e-4..1e-1*10", "[0.0001,0.001,0.01,0.1]"},
        {"0.1..0.5+0.1", "[0.1,0.2,0.3,0.4,0.5]"}, /* not 0.30000000000000004 */
        {"1..2+.5", "[1.0,1.5,2.0]"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bench_range r;
        json_t *list = json_array(), *expected;
        zo_error err = {0};
        assert_true(bench_range_is(cases[i].text));
        if (bench_range_read(cases[i].text, &r, &err) || bench_range_list(&r, list, &err))
            fail_msg("%s: %s", cases[i].text, err.text);
        expected = json_loads(cases[i].values, 0, NULL);
        char *got = json_dumps(list, JSON_COMPACT | JSON_REAL_PRECISION(15));
        if (!json_equal(list, expected))
            fail_msg("%s gives %s, not %s", cases[i].text, got, cases[i].values);
        free(got);
        for (size_t k = 0; k < json_array_size(list); k++)
            assert_true(bench_range_holds(&r, json_number_value(json_array_get(list, k))));
        json_decref(list);
        json_decref(expected);
    }
}

static void refusals(void **state)
{
#define LIKE "must be a range like \"1..8\", \"0..10+2\" or \"64..256*2\", not "
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"8..1", LIKE "\"8..1\": it begins above its end"},
        {"1..8+0", LIKE "\"1..8+0\": a step must be more than 0"},
        {"1..8*1", LIKE "\"1..8*1\": a factor must be more than 1"},
        {"0..8*2", LIKE "\"0..8*2\": what is multiplied must be more than 0"},
        {"1...3", LIKE "\"1...3\": it begins above its end"}, /* ".3" */
        {"1..", LIKE "\"1..\""},
        {"1..x", LIKE "\"1..x\""},
        {"1..8+", LIKE "\"1..8+\""},
        {"1..8 ", LIKE "\"1..8 \""},
        {"1..8-2", LIKE "\"1..8-2\""},
        {"1..1e999", LIKE "\"1..1e999\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bench_range r;
        zo_error err = {0};
        assert_int_equal(bench_range_read(cases[i].text, &r, &err), ZO_ERR_INVALID);
        assert_string_equal(err.text, cases[i].message);
    }
    bench_range r;
    zo_error err = {0};
    json_t *list = json_array();
    assert_int_equal(bench_range_read("1..10001", &r, &err), ZO_OK);
    assert_int_equal(bench_range_list(&r, list, &err), ZO_ERR_INVALID);
    assert_string_equal(err.text, "is a range of more than 10000 values");
    json_decref(list);
    assert_false(bench_range_is("synth:tiny") || bench_range_is(""));
}

/* The defaults (queries 4, lr 5e-5, seq_len null, parallel both) against a condition. */
static void conditions(void **state)
{
    static const struct {
        const char *option, *value;
        bool holds;
    } cases[] = {
        {"queries", "4", true},
        {"queries", "<4", false},
        {"queries", "<5", true},
        {"queries", "<=4", true},
        {"queries", ">4", false},
        {"queries", ">= 4", true},
        {"queries", "!=4", false},
        {"queries", "!=5", true},
        {"queries", "1..4", true},
        {"queries", "1..16*2", true},
        {"queries", "1..16+2", false},
        {"queries", "5..9", false},
        {"lr", "1e-5..1e-4", true},
        {"lr", "<1e-4", true},
        {"lr", "!=5e-5", false},
        {"seq_len", "<64", false},
        {"seq_len", ">=8", false},
        {"seq_len", "8..64", false},
        {"seq_len", "!=null", false},
        {"seq_len", "!=64", true},
        {"seq_len", "null", true},
        {"parallel", "!=both", false},
        {"parallel", "!=none", true},
        {"model", "!=synth:tiny", true},
        {"targets", "!=[\"q_proj\"]", true},
    };
    (void)state;
    bench_params p;
    bench_params_default(&p);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const bench_option *o = bench_option_find(cases[i].option);
        json_t *value = bench_argument_value(o, cases[i].value);
        zo_error err = {0};
        if (bench_condition_check(o, value, &err))
            fail_msg("%s %s: %s", cases[i].option, cases[i].value, err.text);
        if (holds(&p, o, value) != cases[i].holds)
            fail_msg("%s %s", cases[i].option, cases[i].value);
        json_decref(value);
    }
    static const char *const bad[][3] = {
        {"parallel", "<both", "has no order: only \"!=\" can be asked of it, not \"<both\""},
        {"parallel", "!=bth", "must be one of none, inner, outer, both, not \"bth\"; did you mean \"both\"?"},
        {"queries", "<many", "must be a whole number from 1 to 1024, not \"many\""},
        {"queries", "9..1", LIKE "\"9..1\": it begins above its end"},
        {"seq_len", "<null", "must be compared with a number, not with null"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const bench_option *o = bench_option_find(bad[i][0]);
        json_t *value = json_string(bad[i][1]);
        zo_error err = {0};
        assert_int_equal(bench_condition_check(o, value, &err), ZO_ERR_INVALID);
        assert_string_equal(err.text, bad[i][2]);
        json_decref(value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lists), cmocka_unit_test(refusals),
                                       cmocka_unit_test(conditions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
