/* Tests of precision.c: int8 and nf4 against bitsandbytes, every precision against its error bound, and the ways in
 * which a matrix may be cut up while it is encoded. */
#include "core/number/precision.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/number/dtype.h"
#include "core/number/precision_expected.h"

/* Murmur3's finalizer. */
static uint32_t mix(uint32_t x)
{
    x = (x ^ x >> 16) * 0x85ebca6bu;
    x = (x ^ x >> 13) * 0xc2b2ae35u;
    return x ^ x >> 16;
}

/* The matrix of scripts/reference_precision.py. free it. */
static float *make(int64_t out, int64_t in)
{
    float *x = malloc((size_t)(out * in) * sizeof *x);
    assert_non_null(x);
    for (int64_t k = 0; k < out * in; k++) {
        double sum = 0;
        for (uint32_t i = 0; i < 3; i++)
            sum += (double)(mix(3 * (uint32_t)k + i) >> 12) / 524288 - 1;
        x[k] = k / in == 1 ? 0 : (float)(sum * (double)(1 + k / in % 7) / 256);
    }
    return x;
}

static uint64_t checksum(const void *codes, int64_t n)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (int64_t i = 0; i < n; i++)
        h = (h ^ ((const uint8_t *)codes)[i]) * 0x100000001b3u;
    return h;
}

typedef struct encoded {
    zo_matrix m;
    uint8_t *storage;
    int64_t bytes;
} encoded;

enum { GUARD = 64, FILL = 0xa5 };

/* In blocks of `grains` grains, the last of them first: their order may not matter. */
static encoded encode(zo_precision p, const float *x, int64_t out, int64_t in, int64_t grains)
{
    encoded e = {.bytes = zo_precision_bytes(p, out, in)};
    assert_int_equal(e.bytes % 64, 0);
    e.storage = aligned_alloc(64, (size_t)e.bytes + GUARD);
    float *scratch = malloc((size_t)(zo_precision_scratch(p, out, in) + 1) * sizeof *scratch);
    assert_true(e.storage && scratch);
    memset(e.storage, FILL, (size_t)e.bytes + GUARD);
    zo_encoder encoder = {p, out, in, e.storage, scratch};
    int64_t rows = grains * zo_precision_grain(p, in);
    for (int64_t row = (out - 1) / rows * rows; row >= 0; row -= rows)
        zo_precision_encode_rows(&encoder, row, out - row < rows ? out - row : rows, x + row * in);
    e.m = zo_precision_encode_end(&encoder);
    for (int i = 0; i < GUARD; i++)
        assert_int_equal(e.storage[e.bytes + i], FILL);
    assert_int_equal(e.m.precision, p);
    assert_int_equal(e.m.out, out);
    assert_int_equal(e.m.in, in);
    free(scratch);
    return e;
}

static float *decode(const zo_matrix *m)
{
    float *y = malloc((size_t)(m->out * m->in) * sizeof *y);
    assert_non_null(y);
    zo_precision_decode_rows(m, 0, m->out, y);
    return y;
}

/* ---- bitsandbytes ---- */

static void tables_are_bitsandbytes(void **state)
{
    (void)state;
    assert_memory_equal(zo_nf4_levels, expected_levels, sizeof expected_levels);
    assert_true(checksum(zo_nf4_absmax_map, sizeof zo_nf4_absmax_map) == EXPECTED_MAP_CHECKSUM);
    for (int i = 0; i < 255; i++)
        assert_true(zo_nf4_absmax_map[i] < zo_nf4_absmax_map[i + 1]);
}

/* Quantiles of the normal distribution, as the paper defines the levels: 8 from 0 up to 1 and 7 from -1 up to 0, at
 * even steps of probability, divided by the outermost, which is the quantile of 0.9677083. The paper's own table is
 * of f32; 1e-6 is what that leaves. Source: arXiv:2305.14314, section 3 and appendix E; the outermost
 * probability is (1 - 1/30 + 1 - 1/32) / 2, as in its authors' create_normal_map. */
static void levels_are_quantiles(void **state)
{
    (void)state;
    const double outer = (1 - 1.0 / 30 + 1 - 1.0 / 32) / 2;
    for (int i = 0; i < 16; i++) {
        double at = i < 8 ? 0.5 + (outer - 0.5) * (7 - i) / 7 : 0.5 + (outer - 0.5) * (i - 7) / 8;
        /* The level is the quantile's part of the outermost: compare probabilities, which need no inverse of erf. */
        double lo = 0, hi = 4, top = 4, low_top = 0;
        for (int k = 0; k < 200; k++) {
            double mid = (lo + hi) / 2, mid_top = (low_top + top) / 2;
            *(0.5 * erfc(-mid / sqrt(2)) < at ? &lo : &hi) = mid;
            *(0.5 * erfc(-mid_top / sqrt(2)) < outer ? &low_top : &top) = mid_top;
        }
        double want = (i < 8 ? -1 : 1) * lo / low_top;
        if (!(fabs(zo_nf4_levels[i] - want) <= 1e-6))
            fail_msg("level %d is %.9g, expected %.9g within 1e-6", i, zo_nf4_levels[i], want);
    }
}

static void assert_shown(const float *y, int64_t n, const float *want, double tolerance, const char *what)
{
    for (int i = 0; i < EXPECTED_SHOWN; i++) {
        double got = y[i * (n - 1) / (EXPECTED_SHOWN - 1)];
        if (!(fabs(got - want[i]) <= tolerance))
            fail_msg("%s: value %d is %.9g, expected %.9g, tolerance %.3g", what, i, got, want[i], tolerance);
    }
}

/* Codes are equal. Scales may differ by the last bit, as sums are made in another order (nf4's mean) and the scale is
 * another product (int8); decoded values have that of their scale. */
static void matrices_are_bitsandbytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        const expected_matrix *want = &expected[i];
        int64_t n = want->out * want->in;
        float *x = make(want->out, want->in);
        encoded int8 = encode(ZO_PRECISION_INT8, x, want->out, want->in, 3);
        float *y = decode(&int8.m);
        assert_true(checksum(int8.m.values, n) == want->int8_checksum);
        assert_shown(y, n, want->int8, 2 * FLT_EPSILON * 0.1, "int8");
        free(y);
        encoded nf4 = encode(ZO_PRECISION_NF4, x, want->out, want->in, 1);
        y = decode(&nf4.m);
        assert_true(checksum(nf4.m.values, (n + 1) / 2) == want->nf4_checksum);
        assert_true(checksum(nf4.m.absmax_code, want->blocks) == want->absmax_checksum);
        double tolerance = 4.0 * FLT_EPSILON * (double)want->offset;
        assert_float_equal(nf4.m.offset, want->offset, (float)tolerance);
        for (int64_t g = 0; g < want->groups; g++)
            assert_float_equal(nf4.m.group[g], want->group[g], (float)tolerance);
        assert_shown(y, n, want->nf4, 2 * tolerance, "nf4");
        free(y);
        free(x);
        free(int8.storage);
        free(nf4.storage);
    }
}

/* ---- bounds ---- */

static double largest(const float *x, int64_t n)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++)
        most = fmax(most, fabs((double)x[i]));
    return most;
}

/* The s that the bound of value k is meant for, and what is added to it. */
static double bound(const zo_matrix *m, const float *x, int64_t k)
{
    double error = zo_precision_get(m->precision)->error;
    int64_t block = k / ZO_NF4_BLOCK, n = m->out * m->in - block * ZO_NF4_BLOCK;
    if (m->precision == ZO_PRECISION_INT8)
        return error * largest(x + k / m->in * m->in, m->in);
    if (m->precision == ZO_PRECISION_NF4)
        return error * largest(x + block * ZO_NF4_BLOCK, n < ZO_NF4_BLOCK ? n : ZO_NF4_BLOCK) +
               ZO_NF4_ABSMAX_ERROR * (double)m->group[block / ZO_NF4_GROUP];
    double subnormal = m->precision == ZO_PRECISION_F16 ? 0x1p-25 : 0; /* half a step between those */
    return error * fabs((double)x[k]) + subnormal;
}

static const struct {
    int64_t out, in;
} shapes[] = {{1, 1}, {1, 64}, {5, 3}, {7, 96}, {130, 50}, {33, 576}, {300, 257}};

/* Rounding in f32 adds up to 3 epsilon of s. */
static void error_is_bounded(void **state)
{
    (void)state;
    for (int p = 0; p < ZO_PRECISION_COUNT; p++) {
        double worst = 0;
        for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
            int64_t n = shapes[i].out * shapes[i].in;
            float *x = make(shapes[i].out, shapes[i].in);
            encoded e = encode((zo_precision)p, x, shapes[i].out, shapes[i].in, 2);
            float *y = decode(&e.m);
            for (int64_t k = 0; k < n; k++) {
                double most = bound(&e.m, x, k), error = fabs((double)y[k] - (double)x[k]);
                if (!(error <= most * (1 + 1e-5) + 3 * FLT_EPSILON * fabs((double)x[k])))
                    fail_msg("%s: value %lld, %.9g, comes back as %.9g, bound %.3g",
                             zo_precision_name((zo_precision)p), (long long)k, (double)x[k], (double)y[k],
                             most);
                worst = most > 0 ? fmax(worst, error / most) : worst;
            }
            free(x);
            free(y);
            free(e.storage);
        }
        assert_true(p == ZO_PRECISION_F32 ? worst == 0 : worst > 0.5); /* the bound is no wide one */
    }
}

static void pieces_give_the_whole(void **state)
{
    (void)state;
    for (int p = 0; p < ZO_PRECISION_COUNT; p++) {
        for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
            float *x = make(shapes[i].out, shapes[i].in);
            encoded whole = encode((zo_precision)p, x, shapes[i].out, shapes[i].in, 1000),
                    parts = encode((zo_precision)p, x, shapes[i].out, shapes[i].in, 1);
            assert_memory_equal(whole.storage, parts.storage, (size_t)whole.bytes);
            float *all = decode(&whole.m), *row = malloc((size_t)shapes[i].in * sizeof *row);
            assert_non_null(row);
            for (int64_t r = 0; r < shapes[i].out; r++) {
                zo_precision_decode_rows(&parts.m, r, 1, row);
                assert_memory_equal(row, all + r * shapes[i].in, (size_t)shapes[i].in * sizeof *row);
            }
            free(x);
            free(all);
            free(row);
            free(whole.storage);
            free(parts.storage);
        }
    }
}

/* By hand: blocks and groups that are full, and that are begun. */
static void bytes_by_formula(void **state)
{
    (void)state;
    static const struct {
        zo_precision p;
        int64_t out, in, bytes, scratch, grain;
    } cases[] = {
        {ZO_PRECISION_F32, 4, 16, 256, 0, 1},
        {ZO_PRECISION_F16, 4, 16, 128, 0, 1},
        {ZO_PRECISION_BF16, 3, 11, 128, 0, 1}, /* 66 bytes */
        {ZO_PRECISION_INT8, 16, 64, 1024 + 64, 0, 1},
        {ZO_PRECISION_INT8, 17, 65, 1152 + 128, 0, 1},        /* 1105 and 68 bytes */
        {ZO_PRECISION_NF4, 64, 256, 8192 + 256 + 64, 256, 1}, /* one group of 256 blocks */
        {ZO_PRECISION_NF4, 64, 257, 8256 + 320 + 64, 257, 64},
        {ZO_PRECISION_NF4, 8, 96, 384 + 64 + 64, 12, 2},
        {ZO_PRECISION_NF4, 1, 1, 64 + 64 + 64, 1, 64},
        {ZO_PRECISION_NF4, 13824, 5120, 35389440 + 1105920 + 17280, 1105920, 1}, /* Llama-2-13B's gate */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(zo_precision_bytes(cases[i].p, cases[i].out, cases[i].in), cases[i].bytes);
        assert_int_equal(zo_precision_scratch(cases[i].p, cases[i].out, cases[i].in), cases[i].scratch);
        assert_int_equal(zo_precision_grain(cases[i].p, cases[i].in), cases[i].grain);
    }
}

/* ---- rounding and what is not a number ---- */

static void int8_rounds_to_even(void **state)
{
    (void)state;
    const float x[] = {127, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, 126.5f, -127, 63.49f, -0.0f};
    const int8_t want[] = {127, 0, 2, 2, 0, -2, 126, -127, 63, 0};
    encoded e = encode(ZO_PRECISION_INT8, x, 1, 10, 1);
    assert_memory_equal(e.m.values, want, sizeof want);
    assert_true(e.m.scale[0] == 1);
    free(e.storage);
}

/* Halves of the sums of neighbours are exact in f32 for 1 and what lies between 0.5 and 1; they go to the lower level. */
static void nf4_rounds_down_between(void **state)
{
    (void)state;
    float x[ZO_NF4_BLOCK] = {0};
    for (int k = 0; k < 16; k++)
        x[k] = zo_nf4_levels[k];
    for (int k = 0; k < 15; k++) {
        x[16 + k] = (zo_nf4_levels[k] + zo_nf4_levels[k + 1]) / 2;
        x[31 + k] = nextafterf(x[16 + k], 2);
    }
    encoded e = encode(ZO_PRECISION_NF4, x, 1, ZO_NF4_BLOCK, 1);
    for (int k = 0; k < 46; k++) {
        int code = ((const uint8_t *)e.m.values)[k / 2], want = k < 16 ? k : k < 31 ? k - 16 : k - 30;
        assert_int_equal(k % 2 ? code & 15 : code >> 4, want);
    }
    assert_true(e.m.offset == 1 && e.m.group[0] == 0); /* one block: its absmax is the mean */
    float *y = decode(&e.m);
    assert_memory_equal(y, x, 16 * sizeof *x);
    free(y);
    free(e.storage);
}

static void zeros_stay_zeros(void **state)
{
    (void)state;
    static const float x[3 * 100];
    for (int p = 0; p < ZO_PRECISION_COUNT; p++) {
        encoded e = encode((zo_precision)p, x, 3, 100, 1);
        float *y = decode(&e.m);
        assert_memory_equal(y, x, sizeof x);
        free(y);
        free(e.storage);
    }
}

/* A weight that is not finite must not come out as one that is. */
static void not_finite_is_not_hidden(void **state)
{
    (void)state;
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    for (int p = 0; p < ZO_PRECISION_COUNT; p++) {
        for (int i = 0; i < 3; i++) {
            float *x = make(4, 70);
            x[2 * 70 + 33] = bad[i];
            encoded e = encode((zo_precision)p, x, 4, 70, 1);
            float *y = decode(&e.m);
            assert_false(isfinite(y[2 * 70 + 33]));
            if (p == ZO_PRECISION_INT8)
                assert_true(isfinite(y[0]) && isnan(y[2 * 70]) && isfinite(y[3 * 70]));
            free(x);
            free(y);
            free(e.storage);
        }
    }
}

/* ---- rows in interleaved rotary order ---- */

/* weights.h: file row h*hd + 2i + j is Hugging Face row h*hd + j*hd/2 + i. */
static void permuted_rows(void **state)
{
    (void)state;
    enum { HEADS = 3, HD = 8, IN = 5 };
    uint16_t values[HEADS * HD * IN];
    for (int h = 0; h < HEADS; h++)
        for (int i = 0; i < HD / 2; i++)
            for (int j = 0; j < 2; j++)
                for (int k = 0; k < IN; k++)
                    values[(h * HD + 2 * i + j) * IN + k] =
                        zo_f32_to_f16((float)(16 * (h * HD + j * HD / 2 + i) + k) / 4);
    zo_matrix m = {.precision = ZO_PRECISION_F16,
                   .out = HEADS * HD,
                   .in = IN,
                   .values = values,
                   .permuted_heads = HEADS};
    float *y = decode(&m), part[2 * IN];
    for (int r = 0; r < HEADS * HD; r++)
        for (int k = 0; k < IN; k++)
            assert_true(y[r * IN + k] == (float)(16 * r + k) / 4);
    zo_precision_decode_rows(&m, 11, 2, part);
    assert_memory_equal(part, y + 11 * IN, sizeof part);
    free(y);
}

/* ---- panel order ---- */

/* Where each value lies, by the formulas of precision.h, of numbers that tell where they came from; and that decoding finds
 * them. Of 37 rows, 32 are turned. */
static void panel_order(void **state)
{
    (void)state;
    enum { OUT = 37, IN = 128, TURNED = 32 };
    for (int p = 0; p < ZO_PRECISION_COUNT; p++) {
        if (!zo_precision_reorders((zo_precision)p, IN))
            continue;
        float *x = make(OUT, IN);
        encoded rows = encode((zo_precision)p, x, OUT, IN, 1), e = encode((zo_precision)p, x, OUT, IN, 1);
        void *room = aligned_alloc(64, 2 * (size_t)zo_precision_reorder_bytes(IN));
        assert_non_null(room);
        zo_precision_reorder(&e.m, 2, room);
        assert_int_equal(e.m.panel_rows, TURNED);
        for (int r = 0; r < TURNED; r++) {
            for (int k = 0; k < IN; k++) {
                int64_t g = r / 16 * 16 * IN, c = r % 16, i = r * IN + k;
                const uint8_t *was = rows.m.values, *is = e.m.values;
                if (p == ZO_PRECISION_F32)
                    assert_memory_equal(is + 4 * (g + k * 16 + c), was + 4 * i, 4);
                else if (p == ZO_PRECISION_INT8)
                    assert_int_equal(
                        is[g + ((((k / 4 * 4 + c / 4) * 2 + k / 2 % 2) * 4 + c % 4) * 2 + k % 2)], was[i]);
                else
                    assert_int_equal(is[g / 2 + ((k / 8 * 8 + c % 8) * 2 + k % 2) * 4 + k / 2 % 4] >>
                                             (c < 8 ? 0 : 4) &
                                         15,
                                     was[i / 2] >> (k % 2 ? 0 : 4) & 15);
                if (p == ZO_PRECISION_NF4)
                    assert_int_equal(e.m.absmax_code[r / 16 * 16 * (IN / 64) + k / 64 * 16 + c],
                                     rows.m.absmax_code[i / 64]);
            }
        }
        float *want = decode(&rows.m), *got = decode(&e.m);
        assert_memory_equal(got, want, OUT * IN * sizeof *got);
        free(want);
        free(got);
        free(room);
        free(x);
        free(rows.storage);
        free(e.storage);
    }
    assert_false(zo_precision_reorders(ZO_PRECISION_BF16, IN) || zo_precision_reorders(ZO_PRECISION_F16, IN));
    assert_true(zo_precision_reorders(ZO_PRECISION_F32, 5) && zo_precision_reorders(ZO_PRECISION_INT8, 172));
    assert_false(zo_precision_reorders(ZO_PRECISION_INT8, 70) || zo_precision_reorders(ZO_PRECISION_NF4, 96));
}

static void levels_in_whole_numbers(void **state)
{
    (void)state;
    for (int i = 0; i < 16; i++)
        assert_int_equal(zo_nf4_int8[i], lrint(127 * (double)zo_nf4_levels[i]));
    assert_true(zo_precision_in_int8(ZO_PRECISION_INT8, 1) && zo_precision_in_int8(ZO_PRECISION_NF4, 128));
    assert_false(zo_precision_in_int8(ZO_PRECISION_NF4, 96) || zo_precision_in_int8(ZO_PRECISION_F16, 64));
}

static void names(void **state)
{
    (void)state;
    static const char *const want[] = {"f32", "f16", "bf16", "int8", "nf4"};
    for (int p = 0; p < ZO_PRECISION_COUNT; p++)
        assert_string_equal(zo_precision_name((zo_precision)p), want[p]);
    assert_string_equal(zo_compute_name(ZO_COMPUTE_F32), "f32");
    assert_string_equal(zo_compute_name(ZO_COMPUTE_BF16), "bf16");
    assert_string_equal(zo_compute_name(ZO_COMPUTE_INT8), "int8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_bitsandbytes),
        cmocka_unit_test(levels_are_quantiles),
        cmocka_unit_test(matrices_are_bitsandbytes),
        cmocka_unit_test(error_is_bounded),
        cmocka_unit_test(pieces_give_the_whole),
        cmocka_unit_test(bytes_by_formula),
        cmocka_unit_test(int8_rounds_to_even),
        cmocka_unit_test(nf4_rounds_down_between),
        cmocka_unit_test(zeros_stay_zeros),
        cmocka_unit_test(not_finite_is_not_hidden),
        cmocka_unit_test(permuted_rows),
        cmocka_unit_test(panel_order),
        cmocka_unit_test(levels_in_whole_numbers),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
