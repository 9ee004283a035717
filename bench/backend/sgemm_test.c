/* Tests of sgemm.c: OpenBLAS passes, every kind of wrong product is caught. */
#include "bench/backend/openblas.h"
#include "bench/backend/sgemm.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void openblas_is_right(void **state)
{
    char reason[256] = "";
    const int before = bench_openblas_load(NULL)->get_num_threads();
    (void)state;
    if (!bench_sgemm_check(bench_sgemm_openblas, reason, sizeof reason))
        fail_msg("%s", reason);
    if (!bench_sgemm_check(bench_sgemm_by_vectors, reason, sizeof reason))
        fail_msg("by vectors: %s", reason);
    assert_int_equal(bench_openblas_load(NULL)->get_num_threads(), before);
}

#define PRODUCT(name)                                                                                        \
    static void name(float *y, int64_t ldy, const float *x, int64_t ldx, const float *w, int64_t rows,       \
                     int64_t out, int64_t in, float scale, float beta)
#define RIGHT bench_sgemm_openblas(y, ldy, x, ldx, w, rows, out, in, scale, beta)

/* One element of a large product, off in its eleventh bit. */
PRODUCT(one_is_off)
{
    RIGHT;
    if (rows > 64 && out > 200)
        y[66 * ldy + 200] *= 1.001f;
}

/* The tail that a kernel of 16 columns might forget. */
PRODUCT(tail_is_missing)
{
    RIGHT;
    for (int64_t r = 0; out > 16 && r < rows; r++)
        y[r * ldy + out - 1] = 0;
}

PRODUCT(reads_old_values)
{
    RIGHT;
    for (int64_t r = 0; beta == 0 && r < rows; r++)
        y[r * ldy] += 0 * NAN;
}

PRODUCT(leaves_nothing_done)
{
    (void)y, (void)ldy, (void)x, (void)ldx, (void)w, (void)rows, (void)out, (void)in, (void)scale, (void)beta;
}

PRODUCT(writes_beyond)
{
    RIGHT;
    y[ldy - 1] = 0;
}

PRODUCT(forgets_beta)
{
    beta = 0;
    RIGHT;
}

/* Inputs cut to bf16, as a kernel that is quick at a price would have them. */
PRODUCT(cuts_to_bf16)
{
    float *cut = malloc((size_t)(rows * ldx) * sizeof *cut);
    assert_non_null(cut);
    for (int64_t i = 0; i < rows * ldx; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        bits &= 0xFFFF0000u;
        memcpy(&cut[i], &bits, sizeof bits);
    }
    bench_sgemm_openblas(y, ldy, cut, ldx, w, rows, out, in, scale, beta);
    free(cut);
}

/* Right with one thread only. */
PRODUCT(threads_collide)
{
    RIGHT;
    if (bench_openblas_load(NULL)->get_num_threads() > 1)
        y[0] += 1;
}

static void wrong_ones_are_caught(void **state)
{
    static const struct {
        bench_sgemm_product *product;
        const char *says;
    } cases[] = {
        {one_is_off, "wrong at 67 rows x 259 x 131"},    {tail_is_missing, "wrong at 7 rows x 97 x 33"},
        {reads_old_values, "wrong at 1 rows x 1 x 1"},   {leaves_nothing_done, "an element is inf times"},
        {writes_beyond, "it writes beyond the rows"},    {forgets_beta, "wrong at 7 rows x 97 x 33"},
        {cuts_to_bf16, "as far off as rounding allows"}, {threads_collide, "with 2 threads"},
    };
    (void)state;
    bench_openblas_load(NULL)->set_num_threads(2);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char reason[256] = "";
        if (cases[i].product == threads_collide && bench_openblas_load(NULL)->get_num_threads() < 2)
            continue; /* a build for one thread */
        assert_false(bench_sgemm_check(cases[i].product, reason, sizeof reason));
        if (!strstr(reason, cases[i].says))
            fail_msg("%zu: %s", i, reason);
    }
}

static json_t *job(const char *text)
{
    json_t *o = json_loads(text, 0, NULL);
    assert_non_null(o);
    return o;
}

static void an_answer(void **state)
{
    json_t *j =
        job("{\"check\": true, \"seconds\": 100, \"rows\": [3, 5], \"shapes\": [[7, 9], [2, 3], [33, 1]]}");
    json_t *a = bench_sgemm_answer(j, bench_sgemm_openblas);
    (void)state;
    assert_string_equal(json_string_value(json_object_get(a, "core")),
                        bench_openblas_load(NULL)->get_corename());
    assert_int_equal(json_integer_value(json_object_get(a, "threads")),
                     bench_openblas_load(NULL)->get_num_threads());
    assert_true(json_is_true(json_object_get(a, "correct")));
    assert_true(json_is_null(json_object_get(a, "reason")));
    const json_t *ns = json_object_get(a, "ns");
    assert_int_equal(json_array_size(ns), 2);
    for (size_t r = 0; r < 2; r++) {
        assert_int_equal(json_array_size(json_array_get(ns, r)), 3);
        for (size_t i = 0; i < 3; i++)
            assert_true(json_is_integer(json_array_get(json_array_get(ns, r), i)));
    }
    json_decref(a);
    json_decref(j);
}

static void what_is_wrong_is_not_timed(void **state)
{
    json_t *j = job("{\"check\": true, \"seconds\": 100, \"rows\": [3], \"shapes\": [[7, 9]]}");
    json_t *a = bench_sgemm_answer(j, forgets_beta);
    (void)state;
    assert_true(json_is_false(json_object_get(a, "correct")));
    assert_non_null(strstr(json_string_value(json_object_get(a, "reason")), "rounding allows"));
    assert_true(json_is_null(json_object_get(a, "ns")));
    json_decref(a);
    json_decref(j);
}

/* No number of rows but the first is tried where there is no time at all. */
static void what_would_take_too_long(void **state)
{
    json_t *j = job("{\"check\": false, \"seconds\": 0, \"rows\": [3, 1000], \"shapes\": [[7, 9]]}");
    json_t *a = bench_sgemm_answer(j, bench_sgemm_openblas);
    (void)state;
    assert_true(json_is_null(json_object_get(a, "correct")));
    assert_int_equal(json_array_size(json_array_get(json_object_get(a, "ns"), 0)), 1);
    assert_true(json_is_null(json_array_get(json_object_get(a, "ns"), 1)));
    json_decref(a);
    json_decref(j);
}

static void malformed_jobs(void **state)
{
    static const char *const jobs[] = {
        "{}",
        "{\"rows\": [1], \"shapes\": []}",
        "{\"rows\": [], \"shapes\": [[1, 1]]}",
        "{\"rows\": [0], \"shapes\": [[1, 1]]}",
        "{\"rows\": [1], \"shapes\": [[1]]}",
        "{\"rows\": [1], \"shapes\": [[1, -1]]}",
        "{\"rows\": [1], \"shapes\": [[1, 1e3]]}",
        "{\"rows\": [1], \"shapes\": [[1, 9000000000]]}",
        "{\"rows\": 1, \"shapes\": {}}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++) {
        json_t *j = job(jobs[i]);
        assert_null(bench_sgemm_answer(j, bench_sgemm_openblas));
        json_decref(j);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openblas_is_right),
        cmocka_unit_test(wrong_ones_are_caught),
        cmocka_unit_test(an_answer),
        cmocka_unit_test(what_is_wrong_is_not_timed),
        cmocka_unit_test(what_would_take_too_long),
        cmocka_unit_test(malformed_jobs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
