/* Tests of dtype.c: block formats against recorded values of another implementation, the half formats against
 * their definition, for all 65536 patterns and every rounding boundary between them. */
#include "core/number/dtype.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "core/number/dtype_blocks.h"

static uint32_t bits(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

/* Bit for bit: the formulas have at most two operations, and both sides do them in the same order in f32. */
static void blocks_match_reference(void **state)
{
    (void)state;
    static const struct {
        zo_dtype dtype;
        const uint8_t *blocks;
        size_t bytes;
        const uint32_t *values;
        size_t n;
    } cases[] = {
#define CASE(D, name) {D, name##_blocks, sizeof name##_blocks, name##_values, sizeof name##_values / 4}
        CASE(ZO_DTYPE_Q4_0, q4_0), CASE(ZO_DTYPE_Q4_1, q4_1),     CASE(ZO_DTYPE_Q5_0, q5_0),
        CASE(ZO_DTYPE_Q5_1, q5_1), CASE(ZO_DTYPE_Q8_0, q8_0),     CASE(ZO_DTYPE_Q4_K, q4_k),
        CASE(ZO_DTYPE_Q6_K, q6_k), CASE(ZO_DTYPE_Q2_K, q2_k),     CASE(ZO_DTYPE_Q3_K, q3_k),
        CASE(ZO_DTYPE_Q5_K, q5_k), CASE(ZO_DTYPE_IQ4_NL, iq4_nl), CASE(ZO_DTYPE_IQ4_XS, iq4_xs),
#undef CASE
    };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        const zo_dtype_info *d = zo_dtype_get(cases[c].dtype);
        char shifted[1024];
        float out[3 * 256 + 1];
        assert_int_equal(cases[c].n % (size_t)d->block, 0);
        assert_int_equal(cases[c].n / (size_t)d->block * (size_t)d->bytes, cases[c].bytes);
        memcpy(shifted + 1, cases[c].blocks, cases[c].bytes); /* sources may be unaligned */
        out[cases[c].n] = 42;
        d->decode(shifted + 1, out, (int64_t)cases[c].n);
        for (size_t i = 0; i < cases[c].n; i++)
            if (bits(out[i]) != cases[c].values[i])
                fail_msg("%s: value %zu is %08x, expected %08x, tolerance 0", d->name, i, bits(out[i]),
                         cases[c].values[i]);
        assert_true(out[cases[c].n] == 42);
    }
}

/* IEEE 754 binary16 by its definition. */
static double f16_value(uint16_t h)
{
    int exponent = (h >> 10) & 31, mantissa = h & 1023;
    double sign = h & 0x8000 ? -1 : 1;
    if (exponent == 31)
        return mantissa ? NAN : sign * INFINITY;
    return exponent ? sign * ldexp(1024 + mantissa, exponent - 25) : sign * ldexp(mantissa, -24);
}

static double bf16_value(uint16_t h)
{
    int exponent = (h >> 7) & 255, mantissa = h & 127;
    double sign = h & 0x8000 ? -1 : 1;
    if (exponent == 255)
        return mantissa ? NAN : sign * INFINITY;
    return exponent ? sign * ldexp(128 + mantissa, exponent - 134) : sign * ldexp(mantissa, -133);
}

typedef struct half_format {
    double (*value)(uint16_t h);
    float (*widen)(uint16_t h);
    uint16_t (*narrow)(float f);
    uint16_t infinity;
} half_format;

static const half_format formats[] = {
    {f16_value, zo_f16_to_f32, zo_f32_to_f16, 0x7c00},
    {bf16_value, zo_bf16_to_f32, zo_f32_to_bf16, 0x7f80},
};

static void halves_widen_exactly(void **state)
{
    (void)state;
    for (size_t k = 0; k < 2; k++)
        for (uint32_t h = 0; h < 65536; h++) {
            double want = formats[k].value((uint16_t)h);
            float got = formats[k].widen((uint16_t)h);
            if (isnan(want) ? !isnan(got) : ((double)got != want || !signbit(got) != !(h >> 15)))
                fail_msg("format %zu: %04x widens to %a, expected %a, tolerance 0", k, h, (double)got, want);
            uint16_t back = formats[k].narrow(got);
            if (isnan(want) ? !isnan(formats[k].widen(back)) || (back ^ h) >> 15 : back != h)
                fail_msg("format %zu: %04x comes back as %04x", k, h, back);
        }
}

/* Between each finite pattern and the next: the middle goes to the even one, either side of it to the nearer.
 * Beyond the largest the "next" is what would follow it, and stands for infinity. */
static void halves_round_to_nearest_even(void **state)
{
    (void)state;
    for (size_t k = 0; k < 2; k++)
        for (uint32_t h = 0; h < formats[k].infinity; h++) {
            double low = formats[k].value((uint16_t)h);
            double high = h + 1 < formats[k].infinity ? formats[k].value((uint16_t)(h + 1))
                                                      : 2 * low - formats[k].value((uint16_t)(h - 1));
            float middle = (float)((low + high) / 2); /* exact: one more bit than the half format has */
            float below = nextafterf(middle, 0), above = nextafterf(middle, INFINITY);
            uint16_t even = (uint16_t)(h & 1 ? h + 1 : h);
            for (uint16_t sign = 0; sign < 2; sign++) {
                float s = sign ? -1 : 1;
                uint16_t top = (uint16_t)(sign << 15);
                if (formats[k].narrow(s * middle) != (top | even) ||
                    formats[k].narrow(s * below) != (top | h) ||
                    formats[k].narrow(s * above) != (top | (h + 1)))
                    fail_msg("format %zu: around %a (between %04x and %04x): %04x %04x %04x", k,
                             (double)middle, h, h + 1, formats[k].narrow(s * below),
                             formats[k].narrow(s * middle), formats[k].narrow(s * above));
            }
        }
    assert_int_equal(zo_f32_to_f16(3.0e38f), 0x7c00);
    assert_int_equal(zo_f32_to_f16(-INFINITY), 0xfc00);
    assert_int_equal(zo_f32_to_f16(1e-30f), 0);
    assert_true(isnan(zo_f16_to_f32(zo_f32_to_f16(NAN))));
    uint32_t low_nan = 0x7f800001; /* a NaN whose payload would be cut off */
    float f;
    memcpy(&f, &low_nan, sizeof f);
    assert_true(isnan(zo_f16_to_f32(zo_f32_to_f16(f))));
    assert_true(isnan(zo_bf16_to_f32(zo_f32_to_bf16(f))));
}

static void plain_formats_decode(void **state)
{
    (void)state;
    char raw[1 + 4 * 5];
    float out[5];
    const float want[5] = {1, -2.5f, 0, 65504, 0x1p-24f};
    for (zo_dtype t = ZO_DTYPE_F32; t <= ZO_DTYPE_BF16; t++) {
        const zo_dtype_info *d = zo_dtype_get(t);
        for (int i = 0; i < 5; i++) {
            uint16_t h = t == ZO_DTYPE_F16 ? zo_f32_to_f16(want[i]) : zo_f32_to_bf16(want[i]);
            if (t == ZO_DTYPE_F32)
                memcpy(raw + 1 + 4 * i, &want[i], 4);
            else
                memcpy(raw + 1 + 2 * i, &h, 2);
        }
        d->decode(raw + 1, out, 5);
        for (int i = 0; i < 5; i++) /* 65504 has 11 bits: bfloat16 keeps 8 of them */
            assert_true(out[i] == want[i] || (t == ZO_DTYPE_BF16 && i == 3 && out[i] == 65536));
    }
}

static void table_is_consistent(void **state)
{
    (void)state;
    zo_dtype found;
    for (int i = 0; i < ZO_DTYPE_COUNT; i++) {
        const zo_dtype_info *d = zo_dtype_get((zo_dtype)i);
        assert_non_null(d->name);
        assert_non_null(d->decode);
        assert_true(zo_dtype_from_gguf((uint32_t)d->gguf, &found));
        assert_int_equal(found, i);
        assert_int_equal(strcasecmp(zo_dtype_gguf_name((uint32_t)d->gguf), d->name), 0);
        if (d->safetensors) {
            assert_true(zo_dtype_from_safetensors(d->safetensors, &found));
            assert_int_equal(found, i);
        }
    }
    assert_string_equal(zo_dtype_gguf_name(17), "IQ2_XS");
    assert_string_equal(zo_dtype_gguf_name(41), "Q1_0");
    assert_null(zo_dtype_gguf_name(42));
    assert_null(zo_dtype_gguf_name(UINT32_MAX));
    assert_false(zo_dtype_from_gguf(4, &found)); /* ggml's removed Q4_2 */
    assert_false(zo_dtype_from_gguf(UINT32_MAX, &found));
    assert_false(zo_dtype_from_safetensors("I64", &found));
    assert_false(zo_dtype_from_safetensors("f32", &found));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_match_reference),       cmocka_unit_test(halves_widen_exactly),
        cmocka_unit_test(halves_round_to_nearest_even), cmocka_unit_test(plain_formats_decode),
        cmocka_unit_test(table_is_consistent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
