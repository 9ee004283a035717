/* kernel.h: every table against plain double-precision loops, all tables bit for bit against each other, and attention
 * bit for bit against itself however its rows are grouped. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/kernel/kernel.h"
#include "core/kernel/rng.h"

#define MOST 700

static const int64_t lengths[] = {1, 2, 7, 8, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 100, 255, 576, 700};
enum { LENGTHS = sizeof lengths / sizeof lengths[0] };

static void fill(float *x, int64_t n, uint32_t tensor, float scale)
{
    zo_normals((zo_noise_at){7, 0, 0, tensor}, 0, n, x);
    for (int64_t i = 0; i < n; i++)
        x[i] *= scale;
}

static void assert_near(double got, double want, double tolerance, const char *what, int64_t n)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("%s, n = %lld: %.9g, expected %.9g, tolerance %.3g", what, (long long)n, got, want,
                 tolerance);
}

/* Tolerances below: each operation rounds with 2^-24 relative; a sum of n terms kept in 16 lanes loses at most about
 * (n / 16 + 4) roundings of its magnitude. */
static double slack(int64_t n)
{
    return (12.0 + 0.1 * (double)n) * 0x1p-24;
}

static void check_rmsnorm(const zo_kernels *k, int64_t n)
{
    float x[MOST], w[MOST], y[MOST];
    double sum = 0;
    fill(x, n, 1, 3.0f);
    fill(w, n, 2, 1.0f);
    k->rmsnorm(y, x, w, n, 1e-5f);
    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i] * x[i];
    for (int64_t i = 0; i < n; i++) {
        double want = x[i] / sqrt(sum / (double)n + 1e-5) * w[i];
        assert_near(y[i], want, slack(n) * fabs(want) + 1e-30, "rmsnorm", n);
    }
}

static void check_rope(const zo_kernels *k, int64_t half)
{
    float x[MOST], c[MOST], s[MOST], was[MOST];
    if (2 * half > MOST)
        return;
    fill(x, 2 * half, 3, 1.0f);
    memcpy(was, x, sizeof was);
    for (int64_t i = 0; i < half; i++) {
        c[i] = (float)cos(0.1 * (double)i);
        s[i] = (float)sin(0.1 * (double)i);
    }
    k->rope(x, c, s, half);
    for (int64_t i = 0; i < half; i++) {
        assert_near(x[i], (double)was[i] * c[i] - (double)was[half + i] * s[i], 1e-6, "rope", half);
        assert_near(x[half + i], (double)was[half + i] * c[i] + (double)was[i] * s[i], 1e-6, "rope", half);
    }
}

static void check_logsumexp(const zo_kernels *k, int64_t n)
{
    float x[MOST];
    double total = 0;
    fill(x, n, 9, 10.0f);
    for (int64_t i = 0; i < n; i++)
        total += exp((double)x[i]);
    /* relative error of an f32 exp, about 2 ulp, becomes an absolute one of the logarithm; x - max rounds too */
    assert_near(k->logsumexp(x, n), log(total), 5e-7 + 40 * 0x1p-24, "logsumexp", n);
}

static void against_plain_loops(void **state)
{
    (void)state;
    for (const zo_kernels *const *k = zo_kernels_all(); *k; k++) {
        for (int i = 0; i < LENGTHS; i++) {
            check_rmsnorm(*k, lengths[i]);
            check_rope(*k, lengths[i]);
            check_logsumexp(*k, lengths[i]);
        }
    }
}

/* Heads that share keys and values, d values each, in n rows laid out as q | k | v, as a session has them. */
typedef struct shape {
    int64_t n, d, heads;
} shape;

static const shape shapes[] = {{1, 4, 1},    {1, 64, 8},   {2, 16, 3},  {3, 20, 4},   {5, 4, 8},
                               {15, 80, 2},  {16, 64, 1},  {17, 64, 3}, {31, 20, 1},  {33, 128, 2},
                               {48, 16, 5},  {65, 100, 1}, {100, 4, 2}, {127, 80, 1}, {128, 64, 8},
                               {200, 64, 1}, {200, 36, 3}};
enum { SHAPES = sizeof shapes / sizeof shapes[0], GAP = 3 };

static const float score_scale = 0.3f;

typedef struct attending {
    shape s;
    int64_t ld, ldo;
    float *qkv; /* (n, ld) */
    float *out; /* (n, ldo), GAP floats of each row beyond what attention writes */
} attending;

static void *room(int64_t n, size_t size)
{
    void *p = malloc((size_t)n * size);
    assert_non_null(p);
    return p;
}

static attending attending_new(shape s)
{
    attending a = {.s = s, .ld = (s.heads + 2) * s.d, .ldo = s.heads * s.d + GAP};
    a.qkv = room(s.n * a.ld, sizeof(float));
    a.out = room(s.n * a.ldo, sizeof(float));
    fill(a.qkv, s.n * a.ld, 6, 1.0f);
    return a;
}

static void attending_free(attending *a)
{
    free(a->qkv);
    free(a->out);
}

/* Rows [first, first + rows) of heads [head, head + heads) into out. */
static void attend(const zo_kernels *k, const attending *a, float *out, int64_t first, int64_t rows,
                   int64_t head, int64_t heads)
{
    int64_t d = a->s.d;
    float *scratch = room(zo_attend_scratch(first + rows, d), sizeof(float));
    k->attend(&(zo_attention){.out = out + first * a->ldo + head * d,
                              .ldo = a->ldo,
                              .q = a->qkv + first * a->ld + head * d,
                              .ldq = a->ld,
                              .k = a->qkv + a->s.heads * d,
                              .v = a->qkv + (a->s.heads + 1) * d,
                              .ldkv = a->ld,
                              .heads = heads,
                              .first = first,
                              .rows = rows,
                              .d = d,
                              .scale = score_scale,
                              .scratch = scratch});
    free(scratch);
}

/* One row of one head in double. With u = 2^-24: a score, a sum of d products, is off by (d + 2) u of the sum of their
 * magnitudes, which becomes a relative error of its exponential; that adds 4 u (exp_vec) and u of its argument. The
 * total of n such terms, in 16 sums, adds (n / 16 + 5) u, the sum over values (n + 2) u of its magnitudes. */
static void check_row(const zo_kernels *k, const attending *a, int64_t i, int64_t h)
{
    double p[MOST], total = 0, top = -INFINITY, low = INFINITY, off = 0, u = 0x1p-24;
    int64_t d = a->s.d;
    const float *q = a->qkv + i * a->ld + h * d, *key = a->qkv + a->s.heads * d, *value = key + d;
    for (int64_t j = 0; j <= i; j++) {
        double size = 0;
        p[j] = 0;
        for (int64_t c = 0; c < d; c++) {
            p[j] += (double)q[c] * key[j * a->ld + c] * score_scale;
            size += fabs((double)q[c] * key[j * a->ld + c]) * score_scale;
        }
        off = fmax(off, ((double)d + 2) * u * size);
        top = fmax(top, p[j]);
        low = fmin(low, p[j]);
    }
    off += (4 + top - low) * u;
    for (int64_t j = 0; j <= i; j++) {
        p[j] = exp(p[j] - top);
        total += p[j];
    }
    for (int64_t c = 0; c < d; c++) {
        double want = 0, size = 0, n = (double)i + 1;
        for (int64_t j = 0; j <= i; j++) {
            want += p[j] / total * value[j * a->ld + c];
            size += p[j] / total * fabs((double)value[j * a->ld + c]);
        }
        assert_near(a->out[i * a->ldo + h * d + c], want, size * (2 * off + (n + n / 16 + 7) * u), k->name,
                    i);
    }
}

static void attention_against_plain_loops(void **state)
{
    (void)state;
    for (int i = 0; i < SHAPES; i++) {
        attending a = attending_new(shapes[i]);
        for (const zo_kernels *const *k = zo_kernels_all(); *k; k++) {
            memset(a.out, 0x55, (size_t)(a.s.n * a.ldo) * sizeof(float));
            attend(*k, &a, a.out, 0, a.s.n, 0, a.s.heads);
            for (int64_t r = 0; r < a.s.n; r++) {
                for (int64_t h = 0; h < a.s.heads; h++)
                    check_row(*k, &a, r, h);
                for (int64_t c = 0; c < GAP; c++)
                    assert_memory_equal(a.out + (r + 1) * a.ldo - GAP + c, "\x55\x55\x55\x55", 4);
            }
        }
        attending_free(&a);
    }
}

/* All rows and heads in one call, row by row, a few rows at a time, head by head: the same bits. And a row looks at no
 * later one. */
static void attention_row_by_row(void **state)
{
    (void)state;
    for (int i = 0; i < SHAPES; i++) {
        attending a = attending_new(shapes[i]);
        shape s = a.s;
        size_t row = (size_t)a.ldo * sizeof(float), size = (size_t)s.n * row;
        float *other = room(s.n * a.ldo, sizeof(float));
        memset(a.out, 0, size);
        memset(other, 0, size);
        for (const zo_kernels *const *k = zo_kernels_all(); *k; k++) {
            attend(*k, &a, a.out, 0, s.n, 0, s.heads);
            for (int64_t step = 1; step <= 7; step += 3) {
                memset(other, 0, size);
                for (int64_t r = 0; r < s.n; r += step)
                    attend(*k, &a, other, r, r + step < s.n ? step : s.n - r, 0, s.heads);
                assert_memory_equal(other, a.out, size);
            }
            memset(other, 0, size);
            for (int64_t h = 0; h < s.heads; h++)
                attend(*k, &a, other, 0, s.n, h, 1);
            assert_memory_equal(other, a.out, size);
            int64_t before = s.n - s.n / 3;
            for (int64_t c = before * a.ld; c < s.n * a.ld; c++)
                a.qkv[c] = c % 2 ? NAN : INFINITY;
            attend(*k, &a, other, 0, s.n, 0, s.heads);
            assert_memory_equal(other, a.out, (size_t)before * row);
            fill(a.qkv, s.n * a.ld, 6, 1.0f);
        }
        free(other);
        attending_free(&a);
    }
}

static void attention_equal_bits(void **state)
{
    (void)state;
    for (int i = 0; i < SHAPES; i++) {
        attending a = attending_new(shapes[i]);
        size_t size = (size_t)(a.s.n * a.ldo) * sizeof(float);
        float *other = room(a.s.n * a.ldo, sizeof(float));
        memset(a.out, 0, size);
        memset(other, 0, size);
        attend(&zo_kernels_portable, &a, a.out, 0, a.s.n, 0, a.s.heads);
        for (const zo_kernels *const *k = zo_kernels_all(); *k; k++) {
            attend(*k, &a, other, 0, a.s.n, 0, a.s.heads);
            assert_memory_equal(other, a.out, size);
        }
        free(other);
        attending_free(&a);
    }
}

/* What all kernels but attention together write for a length. */
static void all_outputs(const zo_kernels *k, int64_t n, float *out)
{
    float x[MOST], w[MOST];
    fill(x, n, 1, 3.0f);
    fill(w, n, 2, 1.0f);
    memset(out, 0, sizeof(float) * 4 * MOST);
    k->rmsnorm(out, x, w, n, 1e-5f);
    memcpy(out + MOST, x, (size_t)n * sizeof *x);
    k->rope(out + MOST, w, x, n / 2);
    double l = k->logsumexp(x, n);
    memcpy(out + 2 * MOST, &l, sizeof l);
    k->scale_add(out + 3 * MOST, x, 0.3f, w, n);
}

static void equal_bits(void **state)
{
    (void)state;
    static float first[4 * MOST], other[4 * MOST];
    const zo_kernels *const *all = zo_kernels_all();
    int tables = 0;
    for (int i = 0; i < LENGTHS; i++) {
        all_outputs(&zo_kernels_portable, lengths[i], first);
        for (tables = 0; all[tables]; tables++) {
            all_outputs(all[tables], lengths[i], other);
            assert_memory_equal(first, other, sizeof first);
        }
    }
    print_message("compared %d tables\n", tables);
}

/* exp at its ends: a softmax whose scores lie far apart, and values that must become infinite or NaN sums. */
static void extremes(void **state)
{
    (void)state;
    for (const zo_kernels *const *k = zo_kernels_all(); *k; k++) {
        float x[20] = {0};
        x[3] = 1e30f;
        assert_near((*k)->logsumexp(x, 20), 1e30f, 0, "one huge", 20);
        x[3] = NAN;
        assert_true(isnan((*k)->logsumexp(x, 20)));
        attending a = attending_new((shape){2, 4, 1});
        memset(a.qkv, 0, (size_t)(2 * a.ld) * sizeof(float));
        a.qkv[a.ld] = a.qkv[4] = a.qkv[8] = 100.0f;  /* the second row's query meets its first key */
        a.qkv[a.ld + 4] = a.qkv[a.ld + 8] = -100.0f; /* and not its second */
        attend(*k, &a, a.out, 0, 2, 0, 1);
        assert_near(a.out[a.ldo], 100, 0, "attend to one of two", 2);
        attending_free(&a);
        float big[2] = {1e30f, 1.0f}, ups[2] = {1.0f, 1.0f}, normed[2];
        (*k)->rmsnorm(normed, big, ups, 2, 1e-5f);
        assert_true(isnan(normed[0]) && isnan(normed[1]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(against_plain_loops),           cmocka_unit_test(equal_bits),
        cmocka_unit_test(attention_against_plain_loops), cmocka_unit_test(attention_row_by_row),
        cmocka_unit_test(attention_equal_bits),          cmocka_unit_test(extremes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
