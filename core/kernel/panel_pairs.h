/* The kernel of bf16 pairs of panel.h for AVX-512 BF16; included after panel_body.h. */
#ifndef ZO_PANEL_PAIRS_H
#define ZO_PANEL_PAIRS_H

/* multiply of panel_body.h in pairs: sum += x[2p] w[2p] + x[2p + 1] w[2p + 1]. */
INLINE void multiply_pairs(float *restrict sums, const uint16_t *restrict tile,
                           const uint16_t *restrict panel, int64_t stride, int64_t k, const int rows,
                           const int vectors, bool add, const zo_ahead *ahead)
{
    __m512 sum[TILE_ROWS][AT_ONCE];
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++)
            sum[i][j] =
                add ? _mm512_loadu_ps(sums + i * ZO_PANEL_LD + j * ZO_PANEL_LANES) : _mm512_setzero_ps();
    for (int64_t p = 0; p < k; p += 2) {
        __m512i w[AT_ONCE];
        fetch((uintptr_t)tile, (p + TILE_AHEAD) * TILE_ROWS * (int64_t)sizeof *tile);
        for (int j = 0; j < vectors; j++)
            fetch(ahead->at[j], p * ahead->step);
        for (int j = 0; j < vectors; j++)
            w[j] = _mm512_loadu_si512(panel + j * stride + p * ZO_PANEL_LANES);
        for (int i = 0; i < rows; i++) {
            int32_t pair;
            memcpy(&pair, tile + p * TILE_ROWS + 2 * i, sizeof pair);
            __m512i x = _mm512_set1_epi32(pair);
            for (int j = 0; j < vectors; j++)
                sum[i][j] = _mm512_dpbf16_ps(sum[i][j], (__m512bh)x, (__m512bh)w[j]);
        }
    }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++)
            _mm512_storeu_ps(sums + i * ZO_PANEL_LD + j * ZO_PANEL_LANES, sum[i][j]);
}

INLINE void multiply_pairs_rows(float *sums, const uint16_t *tile, const uint16_t *panel, int64_t stride,
                                int64_t k, int rows, const int vectors, bool add, const zo_ahead *ahead)
{
#define ROWS(n)                                                                                              \
    case n:                                                                                                  \
        multiply_pairs(sums, tile, panel, stride, k, n, vectors, add, ahead);                                \
        break;
    switch (rows) {
        ROWS(1)
        ROWS(2)
        ROWS(3)
        ROWS(4)
        ROWS(5)
        ROWS(6)
        ROWS(7)
        ROWS(8)
    }
#undef ROWS
}

static void panel_bf16(float *sums, const uint16_t *tile, const uint16_t *panel, int64_t stride, int64_t k,
                       int rows, int vectors, bool add, const zo_ahead *ahead)
{
    const zo_ahead nothing = nothing_ahead(panel);
    ahead = ahead ? ahead : &nothing;
    if (vectors == 3)
        multiply_pairs_rows(sums, tile, panel, stride, k, rows, 3, add, ahead);
    else if (vectors == 2)
        multiply_pairs_rows(sums, tile, panel, stride, k, rows, 2, add, ahead);
    else
        multiply_pairs_rows(sums, tile, panel, stride, k, rows, 1, add, ahead);
}

#endif
