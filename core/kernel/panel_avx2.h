/* Packing and unpacking of panel.h in AVX2: 32-bit values are turned in blocks of 8 by 8 in registers. Shapes that do not
 * fit the blocks take the plain way. */
#ifndef ZO_PANEL_AVX2_H
#define ZO_PANEL_AVX2_H

#include <immintrin.h>

#define TILE_ROWS 6 /* twelve sums, two weights, two to spare */
#define AT_ONCE   1
#define PACK_F32  pack_f32
#define PACK_BF16 pack_bf16_plain /* without dot products of bf16, tiles and panels are of f32 */
#define PACK_INT8 pack_int8_plain

#include "core/kernel/panel_plain.h"

/* To values that bf16 has: nearest, ties to even; NaN stays NaN. */
static inline __m256 round_8(__m256 v)
{
    __m256i u = _mm256_castps_si256(v);
    __m256i odd = _mm256_and_si256(_mm256_srli_epi32(u, 16), _mm256_set1_epi32(1));
    __m256i r = _mm256_add_epi32(u, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
    __m256i quiet = _mm256_or_si256(u, _mm256_set1_epi32(0x400000));
    __m256 chosen = _mm256_blendv_ps(_mm256_castsi256_ps(r), _mm256_castsi256_ps(quiet),
                                     _mm256_cmp_ps(v, v, _CMP_UNORD_Q));
    return _mm256_and_ps(chosen, _mm256_castsi256_ps(_mm256_set1_epi32((int)0xffff0000)));
}

/* r[i] lane j becomes r[j] lane i. */
static inline void turn_8(__m256 r[8])
{
    __m256 t[8], u[8];
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    /* u[4 g + c]: half L holds column 4 L + c of rows 4 g ... 4 g + 3 */
    for (int g = 0; g < 8; g += 4) {
        u[g] = _mm256_shuffle_ps(t[g], t[g + 2], 0x44);
        u[g + 1] = _mm256_shuffle_ps(t[g], t[g + 2], 0xee);
        u[g + 2] = _mm256_shuffle_ps(t[g + 1], t[g + 3], 0x44);
        u[g + 3] = _mm256_shuffle_ps(t[g + 1], t[g + 3], 0xee);
    }
    for (int c = 0; c < 4; c++) {
        r[c] = _mm256_permute2f128_ps(u[c], u[4 + c], 0x20);
        r[4 + c] = _mm256_permute2f128_ps(u[c], u[4 + c], 0x31);
    }
}

/* A column is stored as eight lanes of which the next one overwrites the last two, so the last columns are left to the
 * plain way. */
static void pack_f32(float *tile, const float *x, int64_t ld, int rows, int64_t k, bool round)
{
    int64_t p = 0;
    for (; p + 8 < k; p += 8) {
        __m256 r[8];
        r[6] = r[7] = _mm256_setzero_ps();
        for (int i = 0; i < TILE_ROWS; i++) {
            r[i] = i < rows ? _mm256_loadu_ps(x + i * ld + p) : _mm256_setzero_ps();
            if (round)
                r[i] = round_8(r[i]);
        }
        turn_8(r);
        for (int i = 0; i < 8; i++)
            _mm256_storeu_ps(tile + (p + i) * TILE_ROWS, r[i]);
    }
    pack_f32_plain(tile + p * TILE_ROWS, x + p, ld, rows, k - p, round);
}

/* ---- weights in rows ---- */

/* Eight values in 16 or 32 bits. */
static inline __m256 decode_8(const uint8_t *values, zo_precision precision)
{
    switch (precision) {
    case ZO_PRECISION_F16:
        return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)values));
    case ZO_PRECISION_BF16:
        return _mm256_castsi256_ps(
            _mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)values)),
                              16));
    default:
        return _mm256_loadu_ps((const float *)(const void *)values);
    }
}

static inline __attribute__((always_inline)) void reorder_rows(float *vector, const zo_panel_source *s,
                                                               zo_precision precision)
{
    const int bytes = precision == ZO_PRECISION_F32 ? 4 : 2;
    const uint8_t *rows[ZO_PANEL_LANES];
    for (int i = 0; i < ZO_PANEL_LANES; i++)
        rows[i] = (const uint8_t *)s->w->values +
                  (zo_rotary_row(s->row + i, s->w->out, s->w->permuted_heads) * s->w->in + s->k0) * bytes;
    for (int64_t p = 0; p < s->k; p += 8) {
        for (int half = 0; half < ZO_PANEL_LANES; half += 8) {
            __m256 r[8];
            for (int i = 0; i < 8; i++) {
                r[i] = decode_8(rows[half + i] + p * bytes, precision);
                if (s->round)
                    r[i] = round_8(r[i]);
            }
            turn_8(r);
            for (int i = 0; i < 8; i++)
                _mm256_storeu_ps(vector + (p + i) * ZO_PANEL_LANES + half, r[i]);
        }
    }
}

/* ---- weights in panel order (precision.h) ---- */

static inline const uint8_t *panel_at(const zo_panel_source *s, int bits)
{
    return (const uint8_t *)s->w->values + (s->row * s->w->in + s->k0 * ZO_PANEL_ROWS) * bits / 8;
}

static inline void copy_panel_f32(float *vector, const zo_panel_source *s)
{
    const float *from = (const float *)(const void *)panel_at(s, 32);
    for (int64_t i = 0; i < s->k * ZO_PANEL_LANES; i += 8) {
        __m256 v = _mm256_loadu_ps(from + i);
        _mm256_storeu_ps(vector + i, s->round ? round_8(v) : v);
    }
}

static inline void panel_int8_to_f32(float *vector, const zo_panel_source *s)
{
    const uint8_t *from = panel_at(s, 8);
    for (int64_t p = 0; p < s->k; p += 4, from += 64) {
        for (int half = 0; half < 2; half++) {
            __m256i codes = _mm256_loadu_si256((const __m256i *)(const void *)(from + 32 * half));
            for (int i = 0; i < 4; i++) {
                /* the code of each channel of a quarter, as the high byte of 32 bits */
                __m128i pick = _mm_set_epi8(6, -1, -1, -1, 4, -1, -1, -1, 2, -1, -1, -1, 0, -1, -1, -1);
                pick = _mm_add_epi8(pick, _mm_set1_epi32((i / 2 * 8 + i % 2) << 24));
                __m256i high = _mm256_shuffle_epi8(codes, _mm256_broadcastsi128_si256(pick));
                _mm256_storeu_ps(vector + (p + i) * ZO_PANEL_LANES + 8 * half,
                                 _mm256_cvtepi32_ps(_mm256_srai_epi32(high, 24)));
            }
        }
    }
}

static inline __m256 level_of(__m256i index)
{
    /* a permutation looks at three bits; the fourth chooses between halves of the levels */
    __m256 low = _mm256_permutevar8x32_ps(_mm256_loadu_ps(zo_nf4_levels), index);
    __m256 high = _mm256_permutevar8x32_ps(_mm256_loadu_ps(zo_nf4_levels + 8), index);
    return _mm256_blendv_ps(low, high, _mm256_castsi256_ps(_mm256_slli_epi32(index, 28)));
}

/* Every second of 16 numbers: of those at 0, 2, ... or at 1, 3, ... */
static inline __m256i every_second(const uint8_t *from, bool odd)
{
    __m256 a = _mm256_loadu_ps((const float *)(const void *)from),
           b = _mm256_loadu_ps((const float *)(const void *)(from + 32));
    __m256 mixed = odd ? _mm256_shuffle_ps(a, b, 0xdd) : _mm256_shuffle_ps(a, b, 0x88);
    return _mm256_permute4x64_epi64(_mm256_castps_si256(mixed), 0xd8);
}

static inline void panel_nf4_to_f32(float *vector, const zo_panel_source *s)
{
    const uint8_t *from = panel_at(s, 4);
    float absmax[ZO_PANEL_LANES];
    for (int64_t p = 0; p < s->k; p += 8, from += 64) {
        if (p % ZO_NF4_BLOCK == 0)
            for (int i = 0; i < ZO_PANEL_LANES; i++)
                absmax[i] = zo_precision_absmax(s->w, ((s->row + i) * s->w->in + s->k0 + p) / ZO_NF4_BLOCK);
        for (int i = 0; i < 2; i++) {
            __m256i codes = every_second(from, i); /* of eight channels, and of the last eight above them */
            for (int m = 0; m < 8; m++, codes = _mm256_srli_epi32(codes, 4)) {
                __m256 v = _mm256_mul_ps(level_of(codes), _mm256_loadu_ps(absmax + m % 2 * 8));
                _mm256_storeu_ps(vector + (p + m / 2 * 2 + i) * ZO_PANEL_LANES + m % 2 * 8,
                                 s->round ? round_8(v) : v);
            }
        }
    }
}

/* ---- zo_panels.unpack ---- */

static inline __attribute__((always_inline)) void rows_to_f32(float *vector, const zo_panel_source *s,
                                                              const zo_precision precision)
{
    if (s->row + ZO_PANEL_LANES > s->w->out || s->k % 8)
        unpack_f32_plain(vector, s);
    else
        reorder_rows(vector, s, precision);
}

static void f32_to_f32(float *vector, const zo_panel_source *s)
{
    if (s->row < s->w->panel_rows)
        copy_panel_f32(vector, s);
    else
        rows_to_f32(vector, s, ZO_PRECISION_F32);
}

static void f16_to_f32(float *vector, const zo_panel_source *s)
{
    rows_to_f32(vector, s, ZO_PRECISION_F16);
}

static void bf16_to_f32(float *vector, const zo_panel_source *s)
{
    rows_to_f32(vector, s, ZO_PRECISION_BF16);
}

static void int8_to_f32(float *vector, const zo_panel_source *s)
{
    (s->row < s->w->panel_rows ? panel_int8_to_f32 : unpack_f32_plain)(vector, s);
}

static void nf4_to_f32(float *vector, const zo_panel_source *s)
{
    (s->row < s->w->panel_rows ? panel_nf4_to_f32 : unpack_f32_plain)(vector, s);
}

#define UNPACK                                                                                               \
    {                                                                                                        \
        [ZO_PRECISION_F32] = {f32_to_f32, unpack_bf16_plain, NULL},                                          \
        [ZO_PRECISION_F16] = {f16_to_f32, unpack_bf16_plain, NULL},                                          \
        [ZO_PRECISION_BF16] = {bf16_to_f32, unpack_bf16_plain, NULL},                                        \
        [ZO_PRECISION_INT8] = {int8_to_f32, unpack_bf16_plain, unpack_int8_plain},                           \
        [ZO_PRECISION_NF4] = {nf4_to_f32, unpack_bf16_plain, unpack_int8_plain},                             \
    }

#endif
