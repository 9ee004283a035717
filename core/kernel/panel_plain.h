/* Packing of tiles and unpacking of panels (panel.h) in plain C: every precision, every shape. What an instruction set does
 * faster stands in a header of its own (panel_avx512.h) and falls back on this.
 *
 * The including file defines TILE_ROWS (H).
 */
#ifndef ZO_PANEL_PLAIN_H
#define ZO_PANEL_PLAIN_H

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/number/dtype.h"
#include "core/kernel/panel.h"

static inline float rounded(float x)
{
    return zo_bf16_to_f32(zo_f32_to_bf16(x));
}

static inline void pack_f32_plain(float *tile, const float *x, int64_t ld, int rows, int64_t k, bool round)
{
    for (int64_t p = 0; p < k; p++)
        for (int i = 0; i < TILE_ROWS; i++)
            tile[p * TILE_ROWS + i] = i < rows ? x[i * ld + p] : 0.0f;
    for (int64_t j = 0; round && j < k * TILE_ROWS; j++)
        tile[j] = rounded(tile[j]);
}

static inline void pack_bf16_plain(uint16_t *tile, const float *x, int64_t ld, int rows, int64_t k)
{
    for (int64_t p = 0; p < (k + 1) / 2 * 2; p++)
        for (int i = 0; i < TILE_ROWS; i++) {
            float v = i < rows && p < k ? x[i * ld + p] : 0.0f;
            tile[p / 2 * 2 * TILE_ROWS + i * 2 + p % 2] = zo_f32_to_bf16(v);
        }
}

static inline void widen(float *tile, const uint16_t *from, int64_t k)
{
    int64_t p = 0;
    for (; p + 2 <= k; p += 2, from += 2 * TILE_ROWS)
        for (int i = 0; i < TILE_ROWS; i++) {
            uint32_t pair;
            memcpy(&pair, from + 2 * i, sizeof pair);
            tile[p * TILE_ROWS + i] = zo_bf16_to_f32((uint16_t)pair);
            tile[(p + 1) * TILE_ROWS + i] = zo_bf16_to_f32((uint16_t)(pair >> 16));
        }
    for (int i = 0; p < k && i < TILE_ROWS; i++)
        tile[p * TILE_ROWS + i] = zo_bf16_to_f32(from[2 * i]);
}

/* Columns [at, at + n) of the source's 16 channels as f32, n <= 64. */
static inline void decode_block(const zo_panel_source *s, int64_t at, int64_t n,
                                float block[ZO_PANEL_LANES][64])
{
    const zo_matrix *w = s->w;
    const zo_precision_info *info = zo_precision_get(w->precision);
    for (int lane = 0; lane < ZO_PANEL_LANES; lane++) {
        int64_t first = zo_rotary_row(s->row + lane, w->out, w->permuted_heads) * w->in + at;
        if (s->row + lane >= w->out)
            memset(block[lane], 0, (size_t)n * sizeof(float));
        else
            (info->unscaled ? info->unscaled : info->decode)(w, first, n, block[lane]);
    }
}

static inline void round_block(int64_t n, float block[ZO_PANEL_LANES][64])
{
    for (int lane = 0; lane < ZO_PANEL_LANES; lane++)
        for (int64_t p = 0; p < n; p++)
            block[lane][p] = rounded(block[lane][p]);
}

static inline void unpack_f32_plain(float *vector, const zo_panel_source *s)
{
    float block[ZO_PANEL_LANES][64];
    for (int64_t at = 0; at < s->k; at += 64) {
        int64_t n = s->k - at < 64 ? s->k - at : 64;
        decode_block(s, s->k0 + at, n, block);
        if (s->round)
            round_block(n, block);
        for (int64_t p = 0; p < n; p++)
            for (int lane = 0; lane < ZO_PANEL_LANES; lane++)
                vector[(at + p) * ZO_PANEL_LANES + lane] = block[lane][p];
    }
}

static inline void unpack_bf16_plain(uint16_t *vector, const zo_panel_source *s)
{
    float block[ZO_PANEL_LANES][64];
    for (int64_t at = 0; at < s->k; at += 64) {
        int64_t n = s->k - at < 64 ? s->k - at : 64;
        decode_block(s, s->k0 + at, n, block);
        for (int64_t p = 0; p < (n + 1) / 2 * 2; p++)
            for (int lane = 0; lane < ZO_PANEL_LANES; lane++)
                vector[((at + p) / 2 * ZO_PANEL_LANES + lane) * 2 + p % 2] =
                    zo_f32_to_bf16(p < n ? block[lane][p] : 0.0f);
    }
}

/* ---- whole numbers ---- */

/* Of a block's largest magnitude: code = value * inverse, to nearest. 0 for subnormal numbers, infinity and NaN. */
static inline float int8_inverse(float most)
{
    float inverse = most > 0 ? 127.0f / most : 0;
    return inverse <= FLT_MAX ? inverse : 0;
}

/* pack_int8 of a tile of f32. */
static inline void pack_int8_plain(const zo_int8_tile *to, const void *tile, int64_t k)
{
    const float *x = tile;
    for (int64_t p = 0; p < k; p += ZO_INT8_BLOCK) {
        int64_t n = k - p < ZO_INT8_BLOCK ? k - p : ZO_INT8_BLOCK, block = p / ZO_INT8_BLOCK * TILE_ROWS;
        uint32_t most[TILE_ROWS] = {0}; /* magnitudes compare as their bits do */
        float inverse[TILE_ROWS];
        int32_t sum[TILE_ROWS] = {0};
        for (int64_t q = p; q < p + n; q++)
            for (int i = 0; i < TILE_ROWS; i++) {
                uint32_t u;
                memcpy(&u, x + q * TILE_ROWS + i, sizeof u);
                most[i] = (u & 0x7fffffff) > most[i] ? u & 0x7fffffff : most[i];
            }
        for (int i = 0; i < TILE_ROWS; i++) {
            float largest;
            memcpy(&largest, most + i, sizeof largest);
            to->scale[block + i] = largest <= FLT_MAX ? largest / 127.0f : NAN;
            inverse[i] = int8_inverse(largest);
        }
        for (int64_t q = p; q < p + ZO_INT8_BLOCK; q++)
            for (int i = 0; i < TILE_ROWS; i++) {
                int8_t code = q < k ? (int8_t)lrintf(x[q * TILE_ROWS + i] * inverse[i]) : 0;
                to->codes[q / 4 * 4 * TILE_ROWS + i * 4 + q % 4] = code;
                sum[i] += code;
            }
        for (int i = 0; i < TILE_ROWS; i++)
            to->start[block + i] = -128 * sum[i];
    }
}

static inline void unpack_int8_plain(uint8_t *codes, float *scale, const zo_panel_source *s)
{
    const zo_matrix *w = s->w;
    for (int lane = 0; lane < ZO_PANEL_LANES; lane++) {
        bool there = s->row + lane < w->out;
        int64_t first = (s->row + lane) * w->in + s->k0;
        for (int64_t at = 0; at < s->k; at += ZO_INT8_BLOCK) {
            int8_t code[ZO_INT8_BLOCK] = {0};
            if (there)
                zo_precision_get(w->precision)
                    ->whole(w, first + at, s->k - at < ZO_INT8_BLOCK ? s->k - at : ZO_INT8_BLOCK, code);
            for (int64_t p = 0; p < ZO_INT8_BLOCK; p++)
                codes[(at + p) / 4 * 4 * ZO_PANEL_LANES + lane * 4 + p % 4] = (uint8_t)(128 + code[p]);
        }
        for (int64_t b = 0; w->absmax_code && b < s->k / ZO_NF4_BLOCK; b++)
            scale[b * ZO_PANEL_LANES + lane] =
                there ? zo_precision_absmax(w, first / ZO_NF4_BLOCK + b) / 127.0f : 0.0f;
    }
}

/* The exact sums of a block of row i with a vector, as f32. */
static inline void block_int8_plain(float out[ZO_PANEL_LANES], const zo_int8_tile *tile, int64_t block, int i,
                                    const uint8_t *codes)
{
    int32_t sum[ZO_PANEL_LANES];
    for (int lane = 0; lane < ZO_PANEL_LANES; lane++)
        sum[lane] = tile->start[block * TILE_ROWS + i];
    for (int64_t q = block * ZO_INT8_BLOCK; q < (block + 1) * ZO_INT8_BLOCK; q += 4) {
        const int8_t *x = tile->codes + q * TILE_ROWS + i * 4;
        const uint8_t *w = codes + q * ZO_PANEL_LANES;
        for (int lane = 0; lane < ZO_PANEL_LANES; lane++)
            for (int j = 0; j < 4; j++)
                sum[lane] += x[j] * w[4 * lane + j];
    }
    for (int lane = 0; lane < ZO_PANEL_LANES; lane++)
        out[lane] = (float)sum[lane];
}

static inline void vector_int8_plain(float *sums, const zo_int8_tile *tile, int i, const uint8_t *codes,
                                     const float *scale, int64_t k)
{
    float v[ZO_PANEL_LANES], two[ZO_PANEL_LANES];
    for (int64_t b = 0; b < k / ZO_INT8_BLOCK; b += scale ? 2 : 1) {
        const float *of = tile->scale + b * TILE_ROWS + i;
        block_int8_plain(v, tile, b, i, codes);
        if (!scale) {
            for (int lane = 0; lane < ZO_PANEL_LANES; lane++)
                sums[lane] += v[lane] * of[0];
            continue;
        }
        block_int8_plain(two, tile, b + 1, i, codes);
        for (int lane = 0; lane < ZO_PANEL_LANES; lane++)
            sums[lane] +=
                (two[lane] * of[TILE_ROWS] + v[lane] * of[0]) * scale[b / 2 * ZO_PANEL_LANES + lane];
    }
}

static inline void panel_int8_plain(float *sums, const zo_int8_tile *tile, const zo_int8_panel *panel,
                                    int64_t k, int rows, int vectors, bool add, const zo_ahead *ahead)
{
    (void)ahead;
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++) {
            float *to = sums + i * ZO_PANEL_LD + j * ZO_PANEL_LANES;
            if (!add)
                memset(to, 0, ZO_PANEL_LANES * sizeof *to);
            vector_int8_plain(to, tile, i, panel->codes + j * panel->stride,
                              panel->scale ? panel->scale + j * panel->scale_stride : NULL, k);
        }
}

#endif
