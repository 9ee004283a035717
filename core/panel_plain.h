/* Packing of tiles and unpacking of panels (panel.h) in plain C: every precision, every shape. What an instruction set does
 * faster stands in a header of its own (panel_avx512.h) and falls back on this.
 *
 * The including file defines TILE_ROWS (H).
 */
#ifndef ZO_PANEL_PLAIN_H
#define ZO_PANEL_PLAIN_H

#include <string.h>

#include "core/dtype.h"
#include "core/panel.h"

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
    for (int lane = 0; lane < ZO_PANEL_LANES; lane++) {
        int64_t first = zo_rotary_row(s->row + lane, w->out, w->permuted_heads) * w->in + at;
        if (s->row + lane >= w->out)
            memset(block[lane], 0, (size_t)n * sizeof(float));
        else if (w->precision == ZO_PRECISION_INT8)
            for (int64_t p = 0; p < n; p++)
                block[lane][p] = zo_precision_code_int8(w, first + p);
        else
            zo_precision_get(w->precision)->decode(w, first, n, block[lane]);
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

#endif
