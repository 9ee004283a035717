/* Packing and unpacking of panel.h in AVX2: 32-bit values are turned in blocks of 8 by 8 in registers. Shapes that do not
 * fit the blocks take the plain way. */
#ifndef ZO_PANEL_AVX2_H
#define ZO_PANEL_AVX2_H

#include <immintrin.h>

#define TILE_ROWS   6 /* twelve sums, two weights, two to spare */
#define AT_ONCE     1
#define PACK_F32    pack_f32
#define PACK_BF16   pack_bf16_plain /* without dot products of bf16, tiles and panels are of f32 */
#define UNPACK_F32  unpack_f32
#define UNPACK_BF16 unpack_bf16_plain

#include "core/panel_plain.h"

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

/* A row of a source: its codes, and nf4's absmax of the block at hand. */
typedef struct row_8 {
    const uint8_t *codes;
    float absmax;
} row_8;

/* Eight values of a row from column p of the source on. */
static inline __m256 decode_8(const row_8 *r, zo_precision precision, int64_t p)
{
    const uint8_t *codes = r->codes;
    switch (precision) {
    case ZO_PRECISION_F32:
        return _mm256_loadu_ps((const float *)(const void *)codes + p);
    case ZO_PRECISION_F16:
        return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(codes + 2 * p)));
    case ZO_PRECISION_BF16:
        return _mm256_castsi256_ps(_mm256_slli_epi32(
            _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)(codes + 2 * p))), 16));
    case ZO_PRECISION_INT8:
        return _mm256_cvtepi32_ps(
            _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)(codes + p))));
    default: {
        int32_t bytes;
        memcpy(&bytes, codes + p / 2, sizeof bytes);
        __m256i index =
            _mm256_srlv_epi32(_mm256_set1_epi32(bytes), _mm256_setr_epi32(4, 0, 12, 8, 20, 16, 28, 24));
        /* a permutation looks at three bits; the fourth chooses between halves of the levels */
        __m256 low = _mm256_permutevar8x32_ps(_mm256_loadu_ps(zo_nf4_levels), index);
        __m256 high = _mm256_permutevar8x32_ps(_mm256_loadu_ps(zo_nf4_levels + 8), index);
        __m256 level = _mm256_blendv_ps(low, high, _mm256_castsi256_ps(_mm256_slli_epi32(index, 28)));
        return _mm256_mul_ps(level, _mm256_set1_ps(r->absmax));
    }
    }
}

static inline int code_bits(zo_precision p)
{
    return p == ZO_PRECISION_F32 ? 32 : p == ZO_PRECISION_INT8 ? 8 : p == ZO_PRECISION_NF4 ? 4 : 16;
}

static inline void begin_rows(const zo_panel_source *s, row_8 rows[ZO_PANEL_LANES])
{
    int bits = code_bits(s->w->precision);
    for (int i = 0; i < ZO_PANEL_LANES; i++) {
        int64_t row = zo_rotary_row(s->row + i, s->w->out, s->w->permuted_heads);
        rows[i].codes = (const uint8_t *)s->w->values + (row * s->w->in + s->k0) * bits / 8;
    }
}

static inline void begin_block(const zo_panel_source *s, row_8 rows[ZO_PANEL_LANES], int64_t column)
{
    for (int i = 0; i < ZO_PANEL_LANES; i++)
        rows[i].absmax = zo_precision_absmax(s->w, ((s->row + i) * s->w->in + column) / ZO_NF4_BLOCK);
}

static inline __attribute__((always_inline)) void unpack_f32_as(float *vector, const zo_panel_source *s,
                                                                zo_precision precision)
{
    row_8 rows[ZO_PANEL_LANES];
    begin_rows(s, rows);
    for (int64_t p = 0; p < s->k; p += 8) {
        if (precision == ZO_PRECISION_NF4 && p % ZO_NF4_BLOCK == 0)
            begin_block(s, rows, s->k0 + p);
        for (int half = 0; half < ZO_PANEL_LANES; half += 8) {
            __m256 r[8];
            for (int i = 0; i < 8; i++) {
                r[i] = decode_8(rows + half + i, precision, p);
                if (s->round)
                    r[i] = round_8(r[i]);
            }
            turn_8(r);
            for (int i = 0; i < 8; i++)
                _mm256_storeu_ps(vector + (p + i) * ZO_PANEL_LANES + half, r[i]);
        }
    }
}

static void unpack_f32(float *vector, const zo_panel_source *s)
{
    if (s->row + ZO_PANEL_LANES > s->w->out || s->k % 8 ||
        (s->w->precision == ZO_PRECISION_NF4 && s->w->in % ZO_NF4_BLOCK)) {
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

#endif
