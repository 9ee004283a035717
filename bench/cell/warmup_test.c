/* Tests of warmup.c against its rule. */
#include "bench/cell/warmup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bench/manifest/manifest.h"

static void the_rule(void **state)
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_rule)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
