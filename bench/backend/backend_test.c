/* Tests of backend.h: what the rows of the table compute, held against each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "bench/backend/backend.h"
#include "bench/backend/openblas.h"
#include "core/data/task.h"

enum { STEPS = 3 };

/* The 2q losses of each step, and the evaluation after them. */
typedef struct course {
    double loss[STEPS], evaluated;
    int64_t right;
} course;

static course run(const bench_params *p)
{
    zo_mem mem = {0};
    zo_error err = {0};
    bench_engine e;
    zo_dataset *rows = NULL;
    zo_evaluation evaluation;
    course c;
    if (bench_engine_open(&e, p, &mem, &err) ||
        zo_dataset_load(zo_task_find("polarity"), NULL, ZO_SPLIT_TRAIN, 12, e.model.tokenizer,
                        (int32_t)bench_params_cut(p), &mem, &rows, &err) ||
        e.backend->train(&e, rows, (zo_phase_hook){0}, &err))
        fail_msg("%s", err.text);
    for (int s = 0; s < STEPS; s++) {
        zo_step_report r;
        assert_int_equal(bench_engine_at(&e), s);
        if (e.backend->step(&e, &r, &err))
            fail_msg("%s", err.text);
        c.loss[s] = r.losses.mean;
    }
    if (e.backend->evaluate(&e, rows, NULL, NULL, NULL, &evaluation, &err))
        fail_msg("%s", err.text);
    c.evaluated = evaluation.loss;
    c.right = evaluation.right;
    const zo_llama_bytes weights = e.model.weight_bytes;
    const bench_lengths l = {rows->longest, rows->most_labels, rows->longest, rows->most_labels};
    assert_int_equal(bench_backend_bytes(p, &e.model.config, weights, &l),
                     mem.peak[ZO_ACCOUNT_WEIGHTS] + mem.peak[ZO_ACCOUNT_ADAPTER] +
                         mem.peak[ZO_ACCOUNT_ACTIVATIONS]);
    bench_engine_close(&e);
    zo_dataset_free(rows);
    for (int i = 0; i < ZO_ACCOUNT_COUNT; i++)
        assert_int_equal(mem.now[i], 0);
    return c;
}

static bench_params tiny(zo_precision weights, zo_parallel parallel)
{
    bench_params p;
    bench_params_default(&p);
    strcpy(p.model, "synth:tiny");
    strcpy(p.task, "polarity");
    p.weights = weights;
    p.parallel = parallel;
    p.queries = 3;
    p.batch = 2;
    p.lr = 1e-3;
    return p;
}

/* The same products summed in another order: losses of native and of OpenBLAS differ by rounding alone, in every precision of the
 * weights, in all four parallelisms, and with all parameters trained in place. */
static void openblas_agrees_with_native(void **state)
{
    (void)state;
    if (!bench_openblas_load(NULL)) {
        print_message("skip: OpenBLAS is not installed\n");
        skip();
    }
    for (int i = 0; i < ZO_PRECISION_COUNT * ZO_PARALLEL_COUNT + 1; i++) {
        bench_params p = tiny((zo_precision)(i % ZO_PRECISION_COUNT), (zo_parallel)(i / ZO_PRECISION_COUNT));
        if (i == ZO_PRECISION_COUNT * ZO_PARALLEL_COUNT) {
            p = tiny(ZO_PRECISION_F32, ZO_PARALLEL_NONE);
            p.method = ZO_METHOD_MEZO;
            p.peft = ZO_PEFT_FULL;
        }
        const course native = run(&p);
        p.backend = BENCH_BACKEND_OPENBLAS;
        const course openblas = run(&p);
        for (int s = 0; s < STEPS; s++)
            if (!(fabs(openblas.loss[s] - native.loss[s]) <= 1e-5 * native.loss[s]))
                fail_msg("%s, %s, step %d: loss %.9g of openblas, %.9g of native",
                         zo_precision_name((zo_precision)p.weights),
                         zo_parallel_name((zo_parallel)p.parallel), s, openblas.loss[s], native.loss[s]);
        assert_true(fabs(openblas.evaluated - native.evaluated) <= 1e-5 * native.evaluated);
    }
}

/* What each row says of itself for records. */
static void backends_describe_themselves(void **state)
{
    (void)state;
    for (int b = 0; b < BENCH_BACKEND_COUNT; b++) {
        bench_params p = tiny(ZO_PRECISION_F32, ZO_PARALLEL_BOTH);
        zo_mem mem = {0};
        bench_engine e;
        p.backend = b;
        if (bench_engine_open(&e, &p, &mem, NULL))
            continue; /* no library */
        json_t *o = bench_engine_describe(&e);
        assert_string_equal(json_string_value(json_object_get(o, "name")), bench_backend_name(b));
        assert_true(json_is_string(json_object_get(o, "library")) == (b != BENCH_BACKEND_NULL));
        assert_true(json_is_string(json_object_get(o, "version")) == (b != BENCH_BACKEND_NULL));
        json_decref(o);
        bench_engine_close(&e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(openblas_agrees_with_native),
                                       cmocka_unit_test(backends_describe_themselves)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
