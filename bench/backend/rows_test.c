/* Tests of rows.c with a task that needs no file: who trains and evaluates on which rows. */
#include "bench/backend/rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void divides(void **state)
{
    static const struct {
        int64_t steps, eval_every, train_rows, eval_rows, holdout, batch;
        int32_t train, eval; /* rows; -1: refused */
    } cases[] = {
        {20, 0, 40, 30, 0, 4, 40, 30}, {20, -1, 40, 30, 0, 4, 40, 0},  {20, 0, 40, 30, 10, 4, 30, 10},
        {0, 0, 40, 30, 0, 4, 0, 30},   {0, 0, 40, 30, 10, 99, 30, 10}, {20, 0, 40, 30, 36, 4, 4, 36},
        {20, 0, 40, 30, 37, 4, -1, 0}, {20, 0, 40, 30, 40, 1, -1, 0},  {20, 0, 40, 30, 0, 41, -1, 0},
    };
    zo_mem mem = {0};
    zo_tokenizer *t = NULL;
    (void)state;
    assert_int_equal(zo_tokenizer_open("synth:tiny", &mem, &t, NULL), ZO_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bench_params p;
        bench_rows r;
        zo_error err = {0};
        bench_params_default(&p);
        strcpy(p.task, "polarity");
        p.steps = cases[i].steps;
        p.eval_every = cases[i].eval_every;
        p.train_rows = cases[i].train_rows;
        p.eval_rows = cases[i].eval_rows;
        p.holdout = cases[i].holdout;
        p.batch = cases[i].batch;
        zo_status st = bench_rows_open(&p, t, &mem, &r, &err);
        assert_int_equal(st, cases[i].train < 0 ? ZO_ERR_INVALID : ZO_OK);
        if (st) {
            assert_non_null(strstr(err.text, "polarity has 40 training rows: too few for holdout"));
        } else {
            assert_int_equal(r.train.count, cases[i].train);
            assert_int_equal(r.eval.count, cases[i].eval);
            if (p.holdout) /* the last ones */
                assert_ptr_equal(r.eval.examples, r.train_split->examples + cases[i].train);
        }
        bench_rows_close(&r);
    }
    zo_tokenizer_free(t);
}

static void unknown_task(void **state)
{
    bench_params p;
    bench_rows r;
    zo_error err = {0};
    (void)state;
    bench_params_default(&p);
    strcpy(p.task, "nothing");
    assert_int_equal(bench_rows_open(&p, NULL, NULL, &r, &err), ZO_ERR_INVALID);
    assert_non_null(strstr(err.text, "task nothing is not known"));
    bench_rows_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(divides), cmocka_unit_test(unknown_task)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
