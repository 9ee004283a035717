/* See sgemm.h. */
#include "bench/backend/sgemm.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/backend/openblas.h"
#include "bench/base/clock.h"

void bench_sgemm_openblas(float *y, int64_t ldy, const float *x, int64_t ldx, const float *w, int64_t rows,
                          int64_t out, int64_t in, float scale, float beta)
{
    bench_openblas_load(NULL)->sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)rows, (blasint)out,
                                     (blasint)in, scale, x, (blasint)ldx, w, (blasint)in, beta, y,
                                     (blasint)ldy);
}

void bench_sgemm_by_vectors(float *y, int64_t ldy, const float *x, int64_t ldx, const float *w, int64_t rows,
                            int64_t out, int64_t in, float scale, float beta)
{
    for (int64_t r = 0; r < rows; r++)
        bench_openblas_load(NULL)->sgemv(CblasRowMajor, CblasNoTrans, (blasint)out, (blasint)in, scale, w,
                                         (blasint)in, x + r * ldx, 1, beta, y + r * ldy, 1);
}

/* Element i in [-1, 1), a function of i alone: the finaliser of SplitMix64 (Steele, Lea & Flood 2014, "Fast splittable
 * pseudorandom number generators"). */
static float value(uint64_t i)
{
    uint64_t z = (i + 1) * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    z ^= z >> 31;
    return (float)(z >> 40) * 0x1p-23f - 1.0f;
}

static float *values(int64_t n, uint64_t first)
{
    float *x = malloc((size_t)n * sizeof *x);
    if (!x)
        return NULL;
#pragma omp parallel for
    for (int64_t i = 0; i < n; i++)
        x[i] = value(first + (uint64_t)i);
    return x;
}

/* ---- is it right ---- */

enum { GAP_X = 3, GAP_Y = 5 }; /* floats between rows */

typedef struct trial {
    int64_t rows, out, in;
    float scale, beta;
} trial;

/* How far an element is off, in units of what rounding allows; y0: what it was. */
static double excess(const trial *t, const float *x, const float *w, float y0, float y)
{
    const double unit = 0x1p-24, k = (double)t->in + 3;
    double sum = 0, size = 0;
    for (int64_t j = 0; j < t->in; j++) {
        const double term = (double)x[j] * w[j];
        sum += term;
        size += fabs(term);
    }
    sum = (double)t->scale * sum + (t->beta != 0 ? (double)t->beta * y0 : 0);
    size = fabs((double)t->scale) * size + (t->beta != 0 ? fabs((double)t->beta * y0) : 0);
    const double bound = k * unit / (1 - k * unit) * size + 0x1p-149;
    return isfinite(y) ? fabs(y - sum) / bound : INFINITY;
}

/* before: y as it was; where beta is 0, NaN. False: reason is set. */
static bool compare(const trial *t, const float *x, const float *w, const float *before, const float *y,
                    char *reason, size_t cap)
{
    const int64_t ldx = t->in + GAP_X, ldy = t->out + GAP_Y;
    double worst = 0;
    bool kept = true;
#pragma omp parallel for reduction(max : worst) reduction(&& : kept)
    for (int64_t r = 0; r < t->rows; r++) {
        for (int64_t c = 0; c < t->out; c++) {
            const double e = excess(t, x + r * ldx, w + c * t->in, before[r * ldy + c], y[r * ldy + c]);
            worst = e > worst ? e : worst;
        }
        for (int64_t c = t->out; c < ldy; c++)
            kept = kept && y[r * ldy + c] == value((uint64_t)(r * ldy + c));
    }
    if (!kept)
        snprintf(reason, cap, "it writes beyond the rows of its result");
    else if (worst > 1)
        snprintf(reason, cap, "an element is %.3g times as far off as rounding allows", worst);
    return kept && worst <= 1;
}

static bool try_one(const trial *t, bench_sgemm_product *product, char *reason, size_t cap)
{
    const int64_t ldx = t->in + GAP_X, ldy = t->out + GAP_Y;
    float *x = values(t->rows * ldx, 1000003), *w = values(t->out * t->in, 2000003),
          *before = values(t->rows * ldy, 0), *y = values(t->rows * ldy, 0);
    bool right = x && w && before && y;
    if (!right) {
        snprintf(reason, cap, "out of memory");
    } else {
        for (int64_t i = 0; t->beta == 0 && i < t->rows * t->out; i++)
            y[i / t->out * ldy + i % t->out] = NAN;
        product(y, ldy, x, ldx, w, t->rows, t->out, t->in, t->scale, t->beta);
        right = compare(t, x, w, before, y, reason, cap);
    }
    free(x);
    free(w);
    free(before);
    free(y);
    return right;
}

bool bench_sgemm_check(bench_sgemm_product *product, char *reason, size_t cap)
{
    static const trial trials[] = {
        {1, 1, 1, 1, 0},        {3, 5, 7, 1, 0},       {7, 97, 33, 2, 1},     {31, 65, 129, 1, 0},
        {64, 127, 255, 0.5, 1}, {67, 259, 131, -1, 0}, {1027, 67, 61, 1, -1}, {67, 139, 1031, 1, 0},
    };
    const int all = bench_openblas_load(NULL)->get_num_threads();
    char why[128];
    bool right = true;
    for (int pass = 0; right && pass < (all > 1 ? 2 : 1); pass++) {
        bench_openblas_load(NULL)->set_num_threads(pass ? all : 1);
        for (size_t i = 0; right && i < sizeof trials / sizeof *trials; i++) {
            const trial *t = &trials[i];
            right = try_one(t, product, why, sizeof why);
            if (!right)
                snprintf(reason, cap, "wrong at %lld rows x %lld x %lld with %d thread%s: %s",
                         (long long)t->rows, (long long)t->out, (long long)t->in, pass ? all : 1,
                         pass ? "s" : "", why);
        }
    }
    bench_openblas_load(NULL)->set_num_threads(all);
    return right;
}

/* ---- how long does it take ---- */

enum { MOST_SHAPES = 16, MOST_ROWS = 1 << 20 };

typedef struct arena {
    float *x, *w, *y;
} arena;

/* A whole number in [1, MOST_ROWS] at i of a list, or 0. */
static int64_t size_at(const json_t *list, size_t i)
{
    const json_int_t n = json_integer_value(json_array_get(list, i));
    return n >= 1 && n <= MOST_ROWS ? n : 0;
}

/* Room for the largest of each; false: the job is malformed or memory is out. */
static bool make_arena(const json_t *rows, const json_t *shapes, arena *a)
{
    int64_t most = 0, x = 0, w = 0, y = 0;
    size_t i;
    const json_t *shape;
    bool sane =
        json_array_size(rows) > 0 && json_array_size(shapes) > 0 && json_array_size(shapes) <= MOST_SHAPES;
    for (i = 0; i < json_array_size(rows); i++) {
        sane = sane && size_at(rows, i);
        most = size_at(rows, i) > most ? size_at(rows, i) : most;
    }
    json_array_foreach(shapes, i, shape)
    {
        const int64_t out = size_at(shape, 0), in = size_at(shape, 1);
        sane = sane && out && in;
        x = most * in > x ? most * in : x;
        w = out * in > w ? out * in : w;
        y = most * out > y ? most * out : y;
    }
    if (!sane)
        return false;
    *a = (arena){values(x, 1), values(w, 2), values(y, 3)};
    return a->x && a->w && a->y;
}

/* Nanoseconds of one product: the mean over a few where it is a short one. */
static int64_t time_one(bench_sgemm_product *product, const arena *a, int64_t rows, const json_t *shape)
{
    const int64_t out = size_at(shape, 0), in = size_at(shape, 1), begin = bench_clock_ns();
    int64_t ns = 0, calls = 0;
    while (ns < 4000000 && calls < 16) {
        product(a->y, out, a->x, in, a->w, rows, out, in, 1, 0);
        calls++;
        ns = bench_clock_ns() - begin;
    }
    return ns / calls;
}

static json_t *time_all(bench_sgemm_product *product, const arena *a, const json_t *rows,
                        const json_t *shapes, double seconds)
{
    json_t *all = json_array();
    double row_s = 0; /* of one row in the number of rows before */
    for (size_t r = 0; r < json_array_size(rows); r++) {
        const int64_t n = size_at(rows, r);
        json_t *times = json_array();
        int64_t sum = 0;
        size_t i;
        const json_t *shape;
        if (row_s * (double)n > seconds) {
            json_decref(times);
            json_array_append_new(all, json_null());
            continue;
        }
        json_array_foreach(shapes, i, shape)
        {
            if (r == 0)
                time_one(product, a, n, shape); /* the first call makes threads and buffers */
            const int64_t ns = time_one(product, a, n, shape);
            sum += ns;
            json_array_append_new(times, json_integer(ns));
        }
        row_s = (double)sum * 1e-9 / (double)n;
        json_array_append_new(all, times);
    }
    return all;
}

json_t *bench_sgemm_answer(const json_t *job, bench_sgemm_product *product)
{
    const json_t *rows = json_object_get(job, "rows"), *shapes = json_object_get(job, "shapes");
    const bool check = json_is_true(json_object_get(job, "check"));
    char reason[256] = "";
    arena a = {0};
    json_t *answer = NULL;
    if (!make_arena(rows, shapes, &a))
        goto cleanup;
    const bool right = !check || (bench_sgemm_check(product, reason, sizeof reason) &&
                                  bench_sgemm_check(bench_sgemm_by_vectors, reason, sizeof reason));
    json_t *ns = right
                     ? time_all(product, &a, rows, shapes, json_number_value(json_object_get(job, "seconds")))
                     : NULL;
    answer = json_pack("{s:s, s:i, s:o, s:s?, s:o}", "core", bench_openblas_load(NULL)->get_corename(),
                       "threads", bench_openblas_load(NULL)->get_num_threads(), "correct",
                       check ? json_boolean(right) : json_null(), "reason", *reason ? reason : NULL, "ns",
                       ns ? ns : json_null());
cleanup:
    free(a.x);
    free(a.w);
    free(a.y);
    return answer;
}
