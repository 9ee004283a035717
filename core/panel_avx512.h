/* Packing and unpacking of panel.h in AVX-512: 32-bit values, or pairs of bf16, are turned in blocks of 16 by 16 in registers.
 * Rows of W stream by one cache line each; shapes that do not fit the blocks take the plain way. */
#ifndef ZO_PANEL_AVX512_H
#define ZO_PANEL_AVX512_H

#include <immintrin.h>

#define TILE_ROWS   8
#define AT_ONCE     3
#define PACK_F32    pack_f32
#define PACK_BF16   pack_bf16
#define UNPACK_F32  unpack_f32
#define UNPACK_BF16 unpack_bf16

#include "core/panel_plain.h"

/* Sixteen f32 as bf16 in the low halves, rounded to nearest even; NaN stays NaN. */
static inline __m512i round_bits(__m512 v)
{
    __m512i u = _mm512_castps_si512(v);
    __m512i odd = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
    __m512i r = _mm512_add_epi32(u, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
    __mmask16 nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
    return _mm512_srli_epi32(_mm512_mask_or_epi32(r, nan, u, _mm512_set1_epi32(0x400000)), 16);
}

static inline __m512 round_f32(__m512 v)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(round_bits(v), 16));
}

/* The bf16 pairs of 32 values: a holds the first 16, b the rest. */
static inline __m512i pairs(__m512 a, __m512 b)
{
#ifdef __AVX512BF16__
    return (__m512i)_mm512_cvtne2ps_pbh(b, a);
#else
    __m512i words = _mm512_permutex2var_epi16(round_bits(a),
                                              _mm512_set_epi16(62, 60, 58, 56, 54, 52, 50, 48, 46, 44, 42, 40,
                                                               38, 36, 34, 32, 30, 28, 26, 24, 22, 20, 18, 16,
                                                               14, 12, 10, 8, 6, 4, 2, 0),
                                              round_bits(b));
    return words;
#endif
}

/* r[i] lane j becomes r[j] lane i. */
static inline void turn_16(__m512i r[16])
{
    __m512i t[16];
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
    /* u[4 g + c]: quarter L holds column 4 L + c of rows 4 g ... 4 g + 3 */
    __m512i u[16];
    for (int g = 0; g < 16; g += 4) {
        u[g] = _mm512_unpacklo_epi64(t[g], t[g + 2]);
        u[g + 1] = _mm512_unpackhi_epi64(t[g], t[g + 2]);
        u[g + 2] = _mm512_unpacklo_epi64(t[g + 1], t[g + 3]);
        u[g + 3] = _mm512_unpackhi_epi64(t[g + 1], t[g + 3]);
    }
    for (int c = 0; c < 4; c++) {
        __m512i even = _mm512_shuffle_i32x4(u[c], u[4 + c], 0x88),
                odd = _mm512_shuffle_i32x4(u[c], u[4 + c], 0xdd);
        __m512i even2 = _mm512_shuffle_i32x4(u[8 + c], u[12 + c], 0x88),
                odd2 = _mm512_shuffle_i32x4(u[8 + c], u[12 + c], 0xdd);
        r[c] = _mm512_shuffle_i32x4(even, even2, 0x88);
        r[4 + c] = _mm512_shuffle_i32x4(odd, odd2, 0x88);
        r[8 + c] = _mm512_shuffle_i32x4(even, even2, 0xdd);
        r[12 + c] = _mm512_shuffle_i32x4(odd, odd2, 0xdd);
    }
}

/* 8 rows of 16 lanes become 16 rows of 8: r[m] holds columns 2 m and 2 m + 1. */
static inline void turn_8(__m512i r[8])
{
    const __m512i first = _mm512_set_epi64(11, 10, 3, 2, 9, 8, 1, 0),
                  second = _mm512_set_epi64(15, 14, 7, 6, 13, 12, 5, 4);
    __m512i t[8], u[8];
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
    for (int g = 0; g < 8; g += 4) {
        u[g] = _mm512_unpacklo_epi64(t[g], t[g + 2]);
        u[g + 1] = _mm512_unpackhi_epi64(t[g], t[g + 2]);
        u[g + 2] = _mm512_unpacklo_epi64(t[g + 1], t[g + 3]);
        u[g + 3] = _mm512_unpackhi_epi64(t[g + 1], t[g + 3]);
    }
    /* quarter L of u[c] and u[4 + c]: column 4 L + c of the first and of the last four rows */
    for (int c = 0; c < 4; c += 2) {
        __m512i a = _mm512_permutex2var_epi64(u[c], first, u[4 + c]);
        __m512i b = _mm512_permutex2var_epi64(u[c + 1], first, u[5 + c]);
        __m512i d = _mm512_permutex2var_epi64(u[c], second, u[4 + c]);
        __m512i e = _mm512_permutex2var_epi64(u[c + 1], second, u[5 + c]);
        r[c / 2] = _mm512_shuffle_i64x2(a, b, 0x44);
        r[2 + c / 2] = _mm512_shuffle_i64x2(a, b, 0xee);
        r[4 + c / 2] = _mm512_shuffle_i64x2(d, e, 0x44);
        r[6 + c / 2] = _mm512_shuffle_i64x2(d, e, 0xee);
    }
}

static inline __m512 load_row(const float *x, bool there)
{
    return there ? _mm512_loadu_ps(x) : _mm512_setzero_ps();
}

static void pack_f32(float *tile, const float *x, int64_t ld, int rows, int64_t k, bool round)
{
    int64_t p = 0;
    for (; p + 16 <= k; p += 16) {
        __m512i r[8];
        for (int i = 0; i < 8; i++) {
            __m512 v = load_row(x + i * ld + p, i < rows);
            r[i] = _mm512_castps_si512(round ? round_f32(v) : v);
        }
        turn_8(r);
        for (int m = 0; m < 8; m++)
            _mm512_storeu_si512(tile + p * TILE_ROWS + 16 * m, r[m]);
    }
    pack_f32_plain(tile + p * TILE_ROWS, x + p, ld, rows, k - p, round);
}

static void pack_bf16(uint16_t *tile, const float *x, int64_t ld, int rows, int64_t k)
{
    int64_t p = 0;
    for (; p + 16 <= k; p += 32) {
        __m512i r[8];
        bool whole = p + 32 <= k;
        for (int i = 0; i < 8; i++)
            r[i] =
                pairs(load_row(x + i * ld + p, i < rows), load_row(x + i * ld + p + 16, whole && i < rows));
        turn_8(r);
        for (int m = 0; m < (whole ? 8 : 4); m++)
            _mm512_storeu_si512(tile + p * TILE_ROWS + 32 * m, r[m]);
    }
    p = k / 16 * 16;
    pack_bf16_plain(tile + p * TILE_ROWS, x + p, ld, rows, k - p);
}

/* Where the codes of a source's 16 rows start. */
typedef struct rows_16 {
    const uint8_t *codes[16];
} rows_16;

/* nf4's absmax of the block at `column` in each of a source's rows. */
static inline __m512 nf4_absmax(const zo_panel_source *s, int64_t column)
{
    float absmax[16];
    for (int i = 0; i < 16; i++)
        absmax[i] = zo_precision_absmax(s->w, ((s->row + i) * s->w->in + column) / ZO_NF4_BLOCK);
    return _mm512_loadu_ps(absmax);
}

/* Sixteen values of row i from column p of the source on. */
static inline __m512 decode_16(const rows_16 *r, zo_precision precision, int i, int64_t p, __m512 levels,
                               __m512 absmax)
{
    const uint8_t *codes = r->codes[i];
    switch (precision) {
    case ZO_PRECISION_F32:
        return _mm512_loadu_ps((const float *)(const void *)codes + p);
    case ZO_PRECISION_F16:
        return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)(codes + 2 * p)));
    case ZO_PRECISION_BF16:
        return _mm512_castsi512_ps(_mm512_slli_epi32(
            _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)(codes + 2 * p))), 16));
    case ZO_PRECISION_INT8:
        return _mm512_cvtepi32_ps(
            _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(const void *)(codes + p))));
    default: {
        __m128i bytes = _mm_loadl_epi64((const __m128i *)(const void *)(codes + p / 2));
        __m128i high = _mm_srli_epi16(bytes, 4); /* the four bits above an index are not looked at */
        __m512i index = _mm512_cvtepu8_epi32(_mm_unpacklo_epi8(high, bytes));
        return _mm512_mul_ps(_mm512_permutexvar_ps(index, levels),
                             _mm512_permutexvar_ps(_mm512_set1_epi32(i), absmax));
    }
    }
}

/* Bits of a value's code. */
static inline int code_bits(zo_precision p)
{
    return p == ZO_PRECISION_F32 ? 32 : p == ZO_PRECISION_INT8 ? 8 : p == ZO_PRECISION_NF4 ? 4 : 16;
}

static inline bool fits_blocks(const zo_panel_source *s, int64_t width)
{
    return s->row + 16 <= s->w->out && s->k % width == 0 &&
           (s->w->precision != ZO_PRECISION_NF4 || s->w->in % ZO_NF4_BLOCK == 0);
}

static inline void begin_rows(const zo_panel_source *s, rows_16 *r)
{
    int bits = code_bits(s->w->precision);
    for (int i = 0; i < 16; i++)
        r->codes[i] =
            (const uint8_t *)s->w->values +
            (zo_rotary_row(s->row + i, s->w->out, s->w->permuted_heads) * s->w->in + s->k0) * bits / 8;
}

static inline __attribute__((always_inline)) void unpack_f32_as(float *vector, const zo_panel_source *s,
                                                                zo_precision precision)
{
    rows_16 rows;
    __m512 levels = _mm512_loadu_ps(zo_nf4_levels), absmax = levels;
    begin_rows(s, &rows);
    for (int64_t p = 0; p < s->k; p += 16) {
        __m512i r[16];
        if (precision == ZO_PRECISION_NF4 && p % ZO_NF4_BLOCK == 0)
            absmax = nf4_absmax(s, s->k0 + p);
        for (int i = 0; i < 16; i++) {
            __m512 v = decode_16(&rows, precision, i, p, levels, absmax);
            r[i] = _mm512_castps_si512(s->round ? round_f32(v) : v);
        }
        turn_16(r);
        for (int i = 0; i < 16; i++)
            _mm512_storeu_si512(vector + (p + i) * 16, r[i]);
    }
}

static void unpack_f32(float *vector, const zo_panel_source *s)
{
    if (!fits_blocks(s, 16)) {
        unpack_f32_plain(vector, s);
        return;
    }
    switch (s->w->precision) {
#define X(name, ...)                                                                                         \
    case ZO_PRECISION_##name:                                                                                \
        unpack_f32_as(vector, s, ZO_PRECISION_##name);                                                       \
        break;
        ZO_PRECISION_MAP(X)
#undef X
    case ZO_PRECISION_COUNT:
        break;
    }
}

static inline __attribute__((always_inline)) void unpack_bf16_as(uint16_t *vector, const zo_panel_source *s,
                                                                 zo_precision precision)
{
    rows_16 rows;
    __m512 levels = _mm512_loadu_ps(zo_nf4_levels), absmax = levels;
    begin_rows(s, &rows);
    for (int64_t p = 0; p < s->k; p += 32) {
        __m512i r[16];
        if (precision == ZO_PRECISION_NF4 && p % ZO_NF4_BLOCK == 0)
            absmax = nf4_absmax(s, s->k0 + p);
        for (int i = 0; i < 16; i++) {
            if (precision == ZO_PRECISION_BF16)
                r[i] = _mm512_loadu_si512(rows.codes[i] + 2 * p);
            else
                r[i] = pairs(decode_16(&rows, precision, i, p, levels, absmax),
                             decode_16(&rows, precision, i, p + 16, levels, absmax));
        }
        turn_16(r);
        for (int i = 0; i < 16; i++)
            _mm512_storeu_si512(vector + (p + 2 * i) * 16, r[i]);
    }
}

#ifdef __AVX512VBMI__

/* Sixteen bytes of each row from byte `at` on: quarter c of r[j] holds row 4 c + j. */
static inline void load_bytes(__m512i r[4], const rows_16 *rows, int64_t at)
{
#define ROW(i) _mm_loadu_si128((const __m128i *)(const void *)(rows->codes[i] + at))
    for (int j = 0; j < 4; j++)
        r[j] = _mm512_inserti32x4(_mm512_inserti32x4(_mm512_inserti32x4(_mm512_castsi128_si512(ROW(j)),
                                                                        ROW(4 + j), 1),
                                                     ROW(8 + j), 2),
                                  ROW(12 + j), 3);
#undef ROW
}

/* bf16 of whole numbers 0 ... 127 by table: they have at most 7 bits, so two lookups of bytes are exact. */
typedef struct byte_table {
    __m512i low[2], high[2];
} byte_table;

static inline byte_table whole_numbers(void)
{
    uint8_t low[128], high[128];
    for (int i = 0; i < 128; i++) {
        uint16_t b = zo_f32_to_bf16((float)i);
        low[i] = (uint8_t)b;
        high[i] = (uint8_t)(b >> 8);
    }
    return (byte_table){{_mm512_loadu_si512(low), _mm512_loadu_si512(low + 64)},
                        {_mm512_loadu_si512(high), _mm512_loadu_si512(high + 64)}};
}

/* Codes are turned as bytes, two inputs of a channel at a time, and become bf16 last. */
static void unpack_int8(uint16_t *vector, const zo_panel_source *s)
{
    rows_16 rows;
    const byte_table t = whole_numbers();
    const __m512i sign = _mm512_set1_epi8((char)0x80);
    begin_rows(s, &rows);
    for (int64_t p = 0; p < s->k; p += 16) {
        __m512i r[4], u[4];
        load_bytes(r, &rows, p);
        __m512i a = _mm512_unpacklo_epi16(r[0], r[1]), b = _mm512_unpacklo_epi16(r[2], r[3]);
        __m512i c = _mm512_unpackhi_epi16(r[0], r[1]), d = _mm512_unpackhi_epi16(r[2], r[3]);
        u[0] = _mm512_unpacklo_epi32(a, b); /* inputs 0 to 3: in each quarter four channels, pair by pair */
        u[1] = _mm512_unpackhi_epi32(a, b);
        u[2] = _mm512_unpacklo_epi32(c, d);
        u[3] = _mm512_unpackhi_epi32(c, d);
        for (int m = 0; m < 4; m++) {
            __m512i size = _mm512_abs_epi8(u[m]);
            __m512i low = _mm512_permutex2var_epi8(t.low[0], size, t.low[1]);
            __m512i high = _mm512_permutex2var_epi8(t.high[0], size, t.high[1]);
            high = _mm512_ternarylogic_epi32(high, u[m], sign, 0xf8); /* high | (u & sign) */
            _mm512_storeu_si512(vector + (p + 4 * m) * 16, _mm512_unpacklo_epi8(low, high));
            _mm512_storeu_si512(vector + (p + 4 * m + 2) * 16, _mm512_unpackhi_epi8(low, high));
        }
    }
}

/* A byte is a pair of inputs: bytes are turned, then levels looked up and scaled for sixteen channels at a time. */
static void unpack_nf4(uint16_t *vector, const zo_panel_source *s)
{
    rows_16 rows;
    const __m512 levels = _mm512_loadu_ps(zo_nf4_levels);
    const __m512i weave = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23,
                                           7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    const __m512i spread =
        _mm512_broadcast_i32x4(_mm_set_epi8(-1, -1, -1, 3, -1, -1, -1, 2, -1, -1, -1, 1, -1, -1, -1, 0));
    __m512 absmax = levels;
    begin_rows(s, &rows);
    for (int64_t p = 0; p < s->k; p += 32) {
        __m512i r[4], u[4];
        if (p % ZO_NF4_BLOCK == 0)
            absmax = nf4_absmax(s, s->k0 + p);
        load_bytes(r, &rows, p / 2);
        __m512i a = _mm512_unpacklo_epi8(r[0], r[1]), b = _mm512_unpacklo_epi8(r[2], r[3]);
        __m512i c = _mm512_unpackhi_epi8(r[0], r[1]), d = _mm512_unpackhi_epi8(r[2], r[3]);
        u[0] = _mm512_unpacklo_epi16(a, b); /* pairs 0 to 3: in each quarter four channels, pair by pair */
        u[1] = _mm512_unpackhi_epi16(a, b);
        u[2] = _mm512_unpacklo_epi16(c, d);
        u[3] = _mm512_unpackhi_epi16(c, d);
        for (int m = 0; m < 16; m++) {
            __m512i pair =
                _mm512_shuffle_epi8(u[m / 4], _mm512_add_epi8(spread, _mm512_set1_epi32(m % 4 * 4)));
            __m512 first = _mm512_mul_ps(_mm512_permutexvar_ps(_mm512_srli_epi32(pair, 4), levels), absmax);
            __m512 second = _mm512_mul_ps(_mm512_permutexvar_ps(pair, levels), absmax);
            _mm512_storeu_si512(vector + (p + 2 * m) * 16,
                                _mm512_permutexvar_epi16(weave, pairs(first, second)));
        }
    }
}

#endif

static void unpack_bf16(uint16_t *vector, const zo_panel_source *s)
{
    if (!fits_blocks(s, 32)) {
        unpack_bf16_plain(vector, s);
        return;
    }
#ifdef __AVX512VBMI__
    if (s->w->precision == ZO_PRECISION_INT8) {
        unpack_int8(vector, s);
        return;
    }
    if (s->w->precision == ZO_PRECISION_NF4) {
        unpack_nf4(vector, s);
        return;
    }
#endif
    switch (s->w->precision) {
#define X(name, ...)                                                                                         \
    case ZO_PRECISION_##name:                                                                                \
        unpack_bf16_as(vector, s, ZO_PRECISION_##name);                                                      \
        break;
        ZO_PRECISION_MAP(X)
#undef X
    case ZO_PRECISION_COUNT:
        break;
    }
}

#endif
