/* Packing and unpacking of panel.h in AVX-512: 32-bit values, or pairs of bf16, are turned in blocks of 16 by 16 in registers.
 * Rows of W stream by one cache line each; shapes that do not fit the blocks take the plain way.
 *
 * The including file defines PAIRS: whether tiles of compute bf16 hold pairs (1) or f32 (0).
 */
#ifndef ZO_PANEL_AVX512_H
#define ZO_PANEL_AVX512_H

#include <immintrin.h>

#define TILE_ROWS 8
#define AT_ONCE   3
#define PACK_F32  pack_f32
#define PACK_BF16 pack_bf16
#define PACK_INT8 pack_int8

#include "core/kernel/panel_plain.h"

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

/* Inputs p and p + 1 of 16 channels into a vector, pair by pair; wide: as f32, one input after the other. */
static inline void put_pairs(void *vector, int64_t p, __m512i pairs, const bool wide)
{
    if (!wide) {
        _mm512_storeu_si512((uint16_t *)vector + p * 16, pairs);
        return;
    }
    float *to = (float *)vector + p * 16;
    _mm512_storeu_si512(to, _mm512_slli_epi32(pairs, 16));
    _mm512_storeu_si512(to + 16, _mm512_and_si512(pairs, _mm512_set1_epi32((int)0xffff0000)));
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

/* ---- weights in rows ---- */

/* Where the values of a source's 16 rows start. */
typedef struct rows_16 {
    const uint8_t *values[16];
} rows_16;

static inline void begin_rows(const zo_panel_source *s, rows_16 *r)
{
    int bytes = zo_precision_get(s->w->precision)->bytes;
    for (int i = 0; i < 16; i++)
        r->values[i] =
            (const uint8_t *)s->w->values +
            (zo_rotary_row(s->row + i, s->w->out, s->w->permuted_heads) * s->w->in + s->k0) * bytes;
}

/* What is wanted after a line that is read. */
static inline void fetch_after(const void *line, const zo_panel_source *s)
{
    __builtin_prefetch((const void *)((uintptr_t)line + (uintptr_t)s->ahead), 0, 2);
}

/* Sixteen values of row i from column p of the source on. */
static inline __m512 decode_16(const rows_16 *r, zo_precision precision, int i, int64_t p)
{
    const uint8_t *values = r->values[i];
    switch (precision) {
    case ZO_PRECISION_F16:
        return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)(values + 2 * p)));
    case ZO_PRECISION_BF16:
        return _mm512_castsi512_ps(_mm512_slli_epi32(
            _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)(values + 2 * p))), 16));
    default:
        return _mm512_loadu_ps((const float *)(const void *)values + p);
    }
}

static inline __attribute__((always_inline)) void turn_rows_f32(float *vector, const zo_panel_source *s,
                                                                zo_precision precision)
{
    rows_16 rows;
    begin_rows(s, &rows);
    for (int64_t p = 0; p < s->k; p += 16) {
        __m512i r[16];
        for (int i = 0; i < 16; i++) {
            __m512 v = decode_16(&rows, precision, i, p);
            fetch_after(rows.values[i] + p * (precision == ZO_PRECISION_F32 ? 4 : 2), s);
            r[i] = _mm512_castps_si512(s->round ? round_f32(v) : v);
        }
        turn_16(r);
        for (int i = 0; i < 16; i++)
            _mm512_storeu_si512(vector + (p + i) * 16, r[i]);
    }
}

/* To values that bf16 has, as pairs or wide; k a multiple of 32. */
static inline __attribute__((always_inline)) void turn_rows_bf16(void *vector, const zo_panel_source *s,
                                                                 zo_precision precision, const bool wide)
{
    rows_16 rows;
    begin_rows(s, &rows);
    for (int64_t p = 0; p < s->k; p += 32) {
        __m512i r[16];
        for (int i = 0; i < 16; i++) {
            fetch_after(rows.values[i] + p * (precision == ZO_PRECISION_F32 ? 4 : 2), s);
            if (precision == ZO_PRECISION_F32)
                fetch_after(rows.values[i] + p * (precision == ZO_PRECISION_F32 ? 4 : 2) + 64, s);
            if (precision == ZO_PRECISION_BF16)
                r[i] = _mm512_loadu_si512(rows.values[i] + 2 * p);
            else
                r[i] = pairs(decode_16(&rows, precision, i, p), decode_16(&rows, precision, i, p + 16));
        }
        turn_16(r);
        for (int i = 0; i < 16; i++)
            put_pairs(vector, p + 2 * i, r[i], wide);
    }
}

/* ---- weights in panel order (precision.h) ---- */

/* Where the source starts, in values of so many bits. */
static inline const uint8_t *panel_at(const zo_panel_source *s, int bits)
{
    return (const uint8_t *)s->w->values + (s->row * s->w->in + s->k0 * ZO_PANEL_ROWS) * bits / 8;
}

static inline void copy_panel_f32(float *vector, const zo_panel_source *s)
{
    const float *from = (const float *)(const void *)panel_at(s, 32);
    for (int64_t i = 0; i < s->k * 16; i += 16) {
        __m512 v = _mm512_loadu_ps(from + i);
        fetch_after(from + i, s);
        _mm512_storeu_ps(vector + i, s->round ? round_f32(v) : v);
    }
}

/* Of two vectors of 16 channels, one input after the other: the pairs of each channel. */
static inline __m512i pair_up(__m512 first, __m512 second)
{
    const __m512i weave = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23,
                                           7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    return _mm512_permutexvar_epi16(weave, pairs(first, second));
}

static inline void panel_f32_to_bf16(uint16_t *vector, const zo_panel_source *s)
{
    const float *from = (const float *)(const void *)panel_at(s, 32);
    for (int64_t p = 0; p < s->k; p += 2) {
        __m512 first = _mm512_loadu_ps(from + p * 16);
        __m512 second = p + 1 < s->k ? _mm512_loadu_ps(from + (p + 1) * 16) : _mm512_setzero_ps();
        fetch_after(from + p * 16, s);
        fetch_after(from + p * 16 + 16, s);
        _mm512_storeu_si512(vector + p * 16, pair_up(first, second));
    }
}

static inline void panel_int8_to_f32(float *vector, const zo_panel_source *s)
{
    const uint8_t *from = panel_at(s, 8);
    for (int64_t p = 0; p < s->k; p += 4, from += 64) {
        __m512i codes = _mm512_loadu_si512(from);
        fetch_after(from, s);
        for (int i = 0; i < 4; i++) {
            /* the code of each channel of a quarter, as the high byte of 32 bits */
            __m128i pick = _mm_set_epi8(6, -1, -1, -1, 4, -1, -1, -1, 2, -1, -1, -1, 0, -1, -1, -1);
            pick = _mm_add_epi8(pick, _mm_set1_epi32((i / 2 * 8 + i % 2) << 24));
            __m512i high = _mm512_shuffle_epi8(codes, _mm512_broadcast_i32x4(pick));
            _mm512_storeu_ps(vector + (p + i) * 16, _mm512_cvtepi32_ps(_mm512_srai_epi32(high, 24)));
        }
    }
}

/* The absmax of nf4's blocks, 16 channels at a time. */
typedef struct absmax_16 {
    const zo_matrix *w;
    const uint8_t *codes; /* of the next block */
    __m512i block;        /* its row-major number, of each channel */
    __m512i group;        /* whose scale is held */
    __m512 scale;
} absmax_16;

static inline absmax_16 begin_absmax(const zo_panel_source *s)
{
    int64_t each = s->w->in / ZO_NF4_BLOCK, block = s->k0 / ZO_NF4_BLOCK;
    __m512i lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    return (absmax_16){.w = s->w,
                       .codes = s->w->absmax_code + s->row * each + block * 16,
                       .block = _mm512_add_epi32(_mm512_mullo_epi32(lane, _mm512_set1_epi32((int)each)),
                                                 _mm512_set1_epi32((int)(s->row * each + block))),
                       .group = _mm512_set1_epi32(-1),
                       .scale = _mm512_setzero_ps()};
}

static inline __m512 next_absmax(absmax_16 *a)
{
    __m512i group = _mm512_srli_epi32(a->block, 8), code;
    if (_mm512_cmpneq_epi32_mask(group, a->group)) {
        a->group = group;
        a->scale = _mm512_i32gather_ps(group, a->w->group, sizeof(float));
    }
    code = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)a->codes));
    a->codes += 16;
    a->block = _mm512_add_epi32(a->block, _mm512_set1_epi32(1));
    /* rounded as the plain decoder does, not fused with the addition */
    __m512 product = _mm512_mul_round_ps(_mm512_i32gather_ps(code, zo_nf4_absmax_map, sizeof(float)),
                                         a->scale, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    return _mm512_add_ps(product, _mm512_set1_ps(a->w->offset));
}

_Static_assert(ZO_NF4_GROUP == 1 << 8, "next_absmax divides by it");

/* The absmax of 16 channels, each twice: of the first eight channels, of the last eight. */
static inline void twice(__m512 absmax, __m512 out[2])
{
    const __m512i first = _mm512_set_epi32(7, 7, 6, 6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0, 0);
    out[0] = _mm512_permutexvar_ps(first, absmax);
    out[1] = _mm512_permutexvar_ps(_mm512_add_epi32(first, _mm512_set1_epi32(8)), absmax);
}

/* Inputs 2 m and 2 m + 1 of eight inputs of 16 channels, pair by pair: of the first eight channels, of the last eight. Of an
 * index only the lowest four bits are looked at. */
static inline void decode_pairs(__m512i codes, int m, __m512 levels, const __m512 absmax[2], __m512 out[2])
{
    for (int half = 0; half < 2; half++) {
        __m512i index = _mm512_srli_epi32(codes, (unsigned)(8 * m + 4 * half));
        out[half] = _mm512_mul_ps(_mm512_permutexvar_ps(index, levels), absmax[half]);
    }
}

static inline void panel_nf4_to_f32(float *vector, const zo_panel_source *s)
{
    const __m512 levels = _mm512_loadu_ps(zo_nf4_levels);
    const __m512i even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    const uint8_t *from = panel_at(s, 4);
    absmax_16 blocks = begin_absmax(s);
    for (int64_t p = 0; p < s->k; p += ZO_NF4_BLOCK) {
        __m512 absmax[2], two[2];
        twice(next_absmax(&blocks), absmax);
        for (int i = 0; i < ZO_NF4_BLOCK; i += 2) {
            if (i % 8 == 0)
                fetch_after(from + i / 8 * 64, s);
            decode_pairs(_mm512_loadu_si512(from + i / 8 * 64), i / 2 % 4, levels, absmax, two);
            for (int j = 0; j < 2; j++) {
                __m512i which = _mm512_add_epi32(even, _mm512_set1_epi32(j));
                _mm512_storeu_ps(vector + (p + i + j) * 16, _mm512_permutex2var_ps(two[0], which, two[1]));
            }
        }
        from += ZO_NF4_BLOCK * 16 / 2;
    }
}

static inline __attribute__((always_inline)) void panel_nf4_to_bf16(void *vector, const zo_panel_source *s,
                                                                    const bool wide)
{
    const __m512 levels = _mm512_loadu_ps(zo_nf4_levels);
    const uint8_t *from = panel_at(s, 4);
    absmax_16 blocks = begin_absmax(s);
    for (int64_t p = 0; p < s->k; p += ZO_NF4_BLOCK) {
        __m512 absmax[2], two[2];
        twice(next_absmax(&blocks), absmax);
        for (int i = 0; i < ZO_NF4_BLOCK; i += 8, from += 64) {
            __m512i codes = _mm512_loadu_si512(from);
            fetch_after(from, s);
            for (int m = 0; m < 4; m++) {
                decode_pairs(codes, m, levels, absmax, two);
                put_pairs(vector, p + i + 2 * m, pairs(two[0], two[1]), wide);
            }
        }
    }
}

#ifdef __AVX512VBMI__

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

static inline void panel_int8_to_bf16(uint16_t *vector, const zo_panel_source *s)
{
    const byte_table t = whole_numbers();
    const __m512i sign = _mm512_set1_epi8((char)0x80);
    const uint8_t *from = panel_at(s, 8);
    for (int64_t p = 0; p < s->k; p += 4, from += 64) {
        __m512i codes = _mm512_loadu_si512(from), size = _mm512_abs_epi8(codes);
        fetch_after(from, s);
        __m512i low = _mm512_permutex2var_epi8(t.low[0], size, t.low[1]);
        __m512i high = _mm512_permutex2var_epi8(t.high[0], size, t.high[1]);
        high = _mm512_ternarylogic_epi32(high, codes, sign, 0xf8); /* high | (codes & sign) */
        _mm512_storeu_si512(vector + p * 16, _mm512_unpacklo_epi8(low, high));
        _mm512_storeu_si512(vector + (p + 2) * 16, _mm512_unpackhi_epi8(low, high));
    }
}

#else
#define panel_int8_to_bf16 unpack_bf16_plain
#endif

/* ---- whole numbers ---- */

#ifdef __AVX512VBMI__

static inline void panel_int8_to_int8(uint8_t *codes, const zo_panel_source *s)
{
    const __m512i order =
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15));
    const __m512i middle = _mm512_set1_epi8((char)0x80);
    const uint8_t *from = panel_at(s, 8);
    for (int64_t p = 0; p < s->k; p += 4, from += 64) {
        fetch_after(from, s);
        _mm512_storeu_si512(codes + p * 16,
                            _mm512_xor_si512(_mm512_shuffle_epi8(_mm512_loadu_si512(from), order), middle));
    }
    for (int64_t p = s->k; p % ZO_INT8_BLOCK; p += 4)
        _mm512_storeu_si512(codes + p * 16, middle);
}

static inline void panel_nf4_to_int8(uint8_t *codes, float *scale, const zo_panel_source *s)
{
    const __m512i nibble = _mm512_set1_epi8(15);
    uint8_t level[16],
        order[64]; /* where the four inputs of channel c are: [c][4], in the upper 64 for c >= 8 */
    for (int i = 0; i < 16; i++)
        level[i] = (uint8_t)(128 + zo_nf4_int8[i]);
    for (int i = 0; i < 64; i++)
        order[i] = (uint8_t)(i / 32 * 64 + i / 4 % 8 * 8 + i % 2 * 4 + i / 2 % 2);
    const __m512i levels = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(const void *)level));
    const __m512i first = _mm512_loadu_si512(order), second = _mm512_add_epi8(first, _mm512_set1_epi8(2));
    const uint8_t *from = panel_at(s, 4);
    for (int64_t p = 0; p < s->k; p += 8, from += 64) {
        __m512i two = _mm512_loadu_si512(from);
        fetch_after(from, s);
        __m512i low = _mm512_shuffle_epi8(levels, _mm512_and_si512(two, nibble));
        __m512i high = _mm512_shuffle_epi8(levels, _mm512_and_si512(_mm512_srli_epi16(two, 4), nibble));
        _mm512_storeu_si512(codes + p * 16, _mm512_permutex2var_epi8(low, first, high));
        _mm512_storeu_si512(codes + (p + 4) * 16, _mm512_permutex2var_epi8(low, second, high));
    }
    absmax_16 blocks = begin_absmax(s);
    for (int64_t p = 0; p < s->k; p += ZO_NF4_BLOCK, scale += 16)
        _mm512_storeu_ps(scale, _mm512_div_ps(next_absmax(&blocks), _mm512_set1_ps(127.0f)));
}

#else
#define panel_int8_to_int8(codes, s)       unpack_int8_plain(codes, NULL, s)
#define panel_nf4_to_int8(codes, scale, s) unpack_int8_plain(codes, scale, s)
#endif

/* Eight rows' inputs of a block from a tile of `left` inputs, two inputs of each row at a time; inputs past the last are
 * zeros. Pairs: out[2 i] and out[2 i + 1] hold inputs 4 i, 4 i + 2 and 4 i + 1, 4 i + 3, else 4 i, 4 i + 1 and 4 i + 2, 4 i + 3. */
static inline void load_block(__m512 out[16], const void *tile, int64_t left)
{
    for (int i = 0; i < 16; i += PAIRS ? 2 : 1) {
#if PAIRS
        int64_t pairs_left = (left + 1) / 2 - i;
        __mmask16 there = pairs_left >= 2 ? 0xffff : pairs_left == 1 ? 0xff : 0;
        __m512i two = _mm512_maskz_loadu_epi32(there, (const uint16_t *)tile + 16 * i);
        out[i] = _mm512_castsi512_ps(_mm512_slli_epi32(two, 16));
        out[i + 1] = _mm512_castsi512_ps(_mm512_and_si512(two, _mm512_set1_epi32((int)0xffff0000)));
#else
        int64_t inputs_left = left - 2 * i;
        __mmask16 there = inputs_left >= 2 ? 0xffff : inputs_left == 1 ? 0xff : 0;
        out[i] = _mm512_maskz_loadu_ps(there, (const float *)tile + 16 * i);
#endif
    }
}

/* The largest magnitude of each row. Magnitudes compare as their bits do. */
static inline __m256 largest_8(const __m512 x[16])
{
    __m512i most = _mm512_setzero_si512();
    for (int i = 0; i < 16; i++)
        most = _mm512_max_epu32(most,
                                _mm512_and_si512(_mm512_castps_si512(x[i]), _mm512_set1_epi32(0x7fffffff)));
    return _mm256_castsi256_ps(
        _mm256_max_epu32(_mm512_castsi512_si256(most), _mm512_extracti64x4_epi64(most, 1)));
}

static void pack_int8(const zo_int8_tile *to, const void *tile, int64_t k)
{
    const char *from = tile;
    const __m512i byte = _mm512_set1_epi32(0xff);
    for (int64_t p = 0; p < k; p += ZO_INT8_BLOCK, from += ZO_INT8_BLOCK * TILE_ROWS * (PAIRS ? 2 : 4)) {
        const int64_t at = p / ZO_INT8_BLOCK * TILE_ROWS;
        __m512 x[16];
        __m512i sums = _mm512_setzero_si512();
        load_block(x, from, k - p);
        const __m256 most = largest_8(x), inverse = _mm256_div_ps(_mm256_set1_ps(127.0f), most);
        const __mmask8 finite = _mm256_cmp_ps_mask(most, _mm256_set1_ps(FLT_MAX), _CMP_LE_OQ),
                       usable = _mm256_cmp_ps_mask(inverse, _mm256_set1_ps(FLT_MAX), _CMP_LE_OQ);
        _mm256_storeu_ps(to->scale + at,
                         _mm256_mask_div_ps(_mm256_set1_ps(NAN), finite, most, _mm256_set1_ps(127.0f)));
        const __m512 times = _mm512_broadcast_f32x8(_mm256_maskz_mov_ps(usable, inverse));
        for (int i = 0; i < 8; i++) {
            __m512i a = _mm512_cvtps_epi32(_mm512_mul_ps(x[2 * i], times)),
                    b = _mm512_cvtps_epi32(_mm512_mul_ps(x[2 * i + 1], times));
            sums = _mm512_add_epi32(sums, _mm512_add_epi32(a, b));
            /* the halves of two: one shifted by as many bytes as its inputs stand behind the other's */
            __m512i two = _mm512_or_si512(_mm512_and_si512(a, byte),
                                          _mm512_slli_epi32(_mm512_and_si512(b, byte), PAIRS ? 8 : 16));
            __m256i quad =
                _mm256_or_si256(_mm512_castsi512_si256(two),
                                _mm256_slli_epi32(_mm512_extracti64x4_epi64(two, 1), PAIRS ? 16 : 8));
            _mm256_storeu_si256((__m256i *)(void *)(to->codes + (p + 4 * i) * TILE_ROWS), quad);
        }
        __m256i sum = _mm256_add_epi32(_mm512_castsi512_si256(sums), _mm512_extracti64x4_epi64(sums, 1));
        _mm256_storeu_si256((__m256i *)(void *)(to->start + at),
                            _mm256_sub_epi32(_mm256_setzero_si256(), _mm256_slli_epi32(sum, 7)));
    }
}

/* ---- zo_panels.unpack ---- */

static inline bool in_panel_order(const zo_panel_source *s)
{
    return s->row < s->w->panel_rows;
}

static inline bool in_blocks_of(const zo_panel_source *s, int inputs)
{
    return s->row + 16 <= s->w->out && s->k % inputs == 0;
}

/* Values that bf16 has are turned in pairs: half as many of the turns. */
static inline __attribute__((always_inline)) void rows_to_f32(float *vector, const zo_panel_source *s,
                                                              const zo_precision precision)
{
    if (!in_blocks_of(s, 16))
        unpack_f32_plain(vector, s);
    else if (s->k % 32 == 0 && (s->round || precision == ZO_PRECISION_BF16))
        turn_rows_bf16(vector, s, precision, true);
    else
        turn_rows_f32(vector, s, precision);
}

static inline __attribute__((always_inline)) void rows_to_bf16(uint16_t *vector, const zo_panel_source *s,
                                                               const zo_precision precision)
{
    if (in_blocks_of(s, 32))
        turn_rows_bf16(vector, s, precision, false);
    else
        unpack_bf16_plain(vector, s);
}

static void f32_to_f32(float *vector, const zo_panel_source *s)
{
    if (in_panel_order(s))
        copy_panel_f32(vector, s);
    else
        rows_to_f32(vector, s, ZO_PRECISION_F32);
}

static void f32_to_bf16(uint16_t *vector, const zo_panel_source *s)
{
    if (in_panel_order(s))
        panel_f32_to_bf16(vector, s);
    else
        rows_to_bf16(vector, s, ZO_PRECISION_F32);
}

static void f16_to_f32(float *vector, const zo_panel_source *s)
{
    rows_to_f32(vector, s, ZO_PRECISION_F16);
}

static void f16_to_bf16(uint16_t *vector, const zo_panel_source *s)
{
    rows_to_bf16(vector, s, ZO_PRECISION_F16);
}

static void bf16_to_f32(float *vector, const zo_panel_source *s)
{
    rows_to_f32(vector, s, ZO_PRECISION_BF16);
}

static void bf16_to_bf16(uint16_t *vector, const zo_panel_source *s)
{
    rows_to_bf16(vector, s, ZO_PRECISION_BF16);
}

static void int8_to_f32(float *vector, const zo_panel_source *s)
{
    (in_panel_order(s) ? panel_int8_to_f32 : unpack_f32_plain)(vector, s);
}

static void int8_to_bf16(uint16_t *vector, const zo_panel_source *s)
{
    (in_panel_order(s) ? panel_int8_to_bf16 : unpack_bf16_plain)(vector, s);
}

static void int8_to_int8(uint8_t *codes, float *scale, const zo_panel_source *s)
{
    if (in_panel_order(s))
        panel_int8_to_int8(codes, s);
    else
        unpack_int8_plain(codes, scale, s);
}

static void nf4_to_f32(float *vector, const zo_panel_source *s)
{
    if (!in_panel_order(s))
        unpack_f32_plain(vector, s);
    else if (s->round)
        panel_nf4_to_bf16(vector, s, true);
    else
        panel_nf4_to_f32(vector, s);
}

static void nf4_to_bf16(uint16_t *vector, const zo_panel_source *s)
{
    if (in_panel_order(s))
        panel_nf4_to_bf16(vector, s, false);
    else
        unpack_bf16_plain(vector, s);
}

static void nf4_to_int8(uint8_t *codes, float *scale, const zo_panel_source *s)
{
    if (in_panel_order(s))
        panel_nf4_to_int8(codes, scale, s);
    else
        unpack_int8_plain(codes, scale, s);
}

#define UNPACK                                                                                               \
    {                                                                                                        \
        [ZO_PRECISION_F32] = {f32_to_f32, f32_to_bf16, NULL},                                                \
        [ZO_PRECISION_F16] = {f16_to_f32, f16_to_bf16, NULL},                                                \
        [ZO_PRECISION_BF16] = {bf16_to_f32, bf16_to_bf16, NULL},                                             \
        [ZO_PRECISION_INT8] = {int8_to_f32, int8_to_bf16, int8_to_int8},                                     \
        [ZO_PRECISION_NF4] = {nf4_to_f32, nf4_to_bf16, nf4_to_int8},                                         \
    }

#endif
