/* kernel.h: every table against plain double-precision loops, and all tables bit for bit against each other. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/kernel.h"
#include "core/rng.h"

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

static void check_swiglu(const zo_kernels *k, int64_t n)
{
    float g[MOST], u[MOST], was[MOST];
    fill(g, n, 4, 6.0f); /* well into both tails of the sigmoid */
    fill(u, n, 5, 1.0f);
    memcpy(was, g, sizeof was);
    k->swiglu(g, u, n);
    for (int64_t i = 0; i < n; i++) {
        double want = (double)was[i] / (1 + exp(-(double)was[i])) * u[i];
        assert_near(g[i], want, 1e-6 * fabs(want) + 1e-30, "swiglu", n);
    }
}

static void check_attend(const zo_kernels *k, int64_t n, int64_t d)
{
    enum { STRIDE = 80 };
    static float q[64], key[MOST * STRIDE], value[MOST * STRIDE];
    float out[64], score[MOST];
    double p[MOST], total = 0;
    fill(q, d, 6, 1.0f);
    fill(key, n * STRIDE, 7, 1.0f);
    fill(value, n * STRIDE, 8, 1.0f);
    k->attend(out, q, key, value, STRIDE, n, d, 0.3f, score);
    for (int64_t j = 0; j < n; j++) {
        double s = 0;
        for (int64_t i = 0; i < d; i++)
            s += (double)q[i] * key[j * STRIDE + i];
        p[j] = exp(s * 0.3);
        total += p[j];
    }
    for (int64_t i = 0; i < d; i++) {
        double want = 0;
        for (int64_t j = 0; j < n; j++)
            want += p[j] / total * value[j * STRIDE + i];
        /* values are a few units; exp of a score of size 20 carries 20 roundings of the score */
        assert_near(out[i], want, 1e-5, "attend", n);
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
            check_swiglu(*k, lengths[i]);
            check_attend(*k, lengths[i], 64);
            check_attend(*k, lengths[i], 8);
            check_attend(*k, lengths[i], 20);
            check_logsumexp(*k, lengths[i]);
        }
    }
}

/* What all kernels together write for a length. */
static void all_outputs(const zo_kernels *k, int64_t n, float *out)
{
    float x[MOST], w[MOST], score[MOST];
    static float key[MOST * 64];
    fill(x, n, 1, 3.0f);
    fill(w, n, 2, 1.0f);
    fill(key, n * 64, 7, 1.0f);
    memset(out, 0, sizeof(float) * 5 * MOST);
    k->rmsnorm(out, x, w, n, 1e-5f);
    memcpy(out + MOST, x, (size_t)n * sizeof *x);
    k->rope(out + MOST, w, x, n / 2);
    memcpy(out + 2 * MOST, x, (size_t)n * sizeof *x);
    k->swiglu(out + 2 * MOST, w, n);
    k->attend(out + 3 * MOST, key, key, key, 64, n, 64, 0.2f, score);
    double l = k->logsumexp(x, n);
    memcpy(out + 3 * MOST + 64, &l, sizeof l);
    k->scale_add(out + 4 * MOST, x, 0.3f, w, n);
}

static void equal_bits(void **state)
{
    (void)state;
    static float first[5 * MOST], other[5 * MOST];
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
        float x[20] = {0}, up[1] = {1.0f};
        x[3] = 1e30f;
        assert_near((*k)->logsumexp(x, 20), 1e30f, 0, "one huge", 20);
        x[3] = NAN;
        assert_true(isnan((*k)->logsumexp(x, 20)));
        float gate[2] = {-200.0f, 200.0f}, ups[2] = {1.0f, 1.0f};
        (*k)->swiglu(gate, ups, 2);
        assert_near(gate[0], 0, 1e-30, "swiglu(-200)", 2);
        assert_near(gate[1], 200, 0, "swiglu(200)", 2);
        float q[16] = {100.0f}, keys[2][16] = {{100.0f}, {-100.0f}}, out[16], score[2];
        (*k)->attend(out, q, keys[0], keys[0], 16, 2, 16, 1.0f, score);
        assert_near(out[0], 100, 0, "attend to one of two", 2);
        float big[2] = {1e30f, 1.0f}, normed[2];
        (*k)->rmsnorm(normed, big, ups, 2, 1e-5f);
        assert_true(isnan(normed[0]) && isnan(normed[1]));
        float nan_gate[1] = {NAN};
        (*k)->swiglu(nan_gate, up, 1);
        assert_true(isnan(nan_gate[0]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(against_plain_loops),
        cmocka_unit_test(equal_bits),
        cmocka_unit_test(extremes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
