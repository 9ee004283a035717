/* The kernel of whole numbers of panel.h for AVX-512 VNNI; included after panel_body.h. */
#ifndef ZO_PANEL_VNNI_H
#define ZO_PANEL_VNNI_H

/* sum += products of four bytes each, w unsigned and x signed. Not the intrinsic, around which gcc 12 copies accumulators. */
INLINE __m512i dot_bytes(__m512i sum, __m512i w, __m512i x)
{
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(w), "v"(x));
    return sum;
}

INLINE int32_t four(const int8_t *codes)
{
    int32_t x;
    memcpy(&x, codes, sizeof x);
    return x;
}

enum { HALF = TILE_ROWS / 2 }; /* rows of which both the sums and those of a block fit the registers */

/* The exact sums of a block of inputs. */
INLINE void dot_block(__m512i sum[HALF][AT_ONCE], const zo_int8_tile *tile, const zo_int8_panel *panel,
                      int64_t block, const int rows, const int vectors, const zo_ahead *ahead)
{
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++)
            sum[i][j] = _mm512_set1_epi32(tile->start[block * TILE_ROWS + i]);
    for (int64_t p = block * ZO_INT8_BLOCK; p < (block + 1) * ZO_INT8_BLOCK; p += 4) {
        __m512i w[AT_ONCE];
        fetch((uintptr_t)tile->codes, (p + 2 * TILE_AHEAD) * TILE_ROWS);
        for (int j = 0; j < vectors; j++)
            fetch(ahead->at[j], p * ahead->step);
        for (int j = 0; j < vectors; j++)
            w[j] = _mm512_loadu_si512(panel->codes + j * panel->stride + p * ZO_PANEL_LANES);
        for (int i = 0; i < rows; i++) {
            __m512i x = _mm512_set1_epi32(four(tile->codes + p * TILE_ROWS + 4 * i));
            for (int j = 0; j < vectors; j++)
                sum[i][j] = dot_bytes(sum[i][j], w[j], x);
        }
    }
}

/* rows, vectors and scaled are constants in every call. scaled: the panel has scales. */
INLINE void multiply_bytes(float *restrict sums, const zo_int8_tile *tile, const zo_int8_panel *panel,
                           int64_t k, const int rows, const int vectors, const bool scaled, bool add,
                           const zo_ahead *ahead)
{
    __m512 sum[HALF][AT_ONCE];
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++)
            sum[i][j] =
                add ? _mm512_loadu_ps(sums + i * ZO_PANEL_LD + j * ZO_PANEL_LANES) : _mm512_setzero_ps();
    for (int64_t block = 0; block < k / ZO_INT8_BLOCK; block++) {
        __m512i exact[HALF][AT_ONCE];
        const float *of = scaled ? panel->scale + block / 2 * ZO_PANEL_LANES : NULL;
        dot_block(exact, tile, panel, block, rows, vectors, ahead);
        for (int i = 0; i < rows; i++) {
            const __m512 scale = _mm512_set1_ps(tile->scale[block * TILE_ROWS + i]);
            for (int j = 0; j < vectors; j++) {
                __m512 v = _mm512_cvtepi32_ps(exact[i][j]);
                if (scaled)
                    v = _mm512_mul_ps(v, _mm512_loadu_ps(of + j * panel->scale_stride));
                sum[i][j] = _mm512_fmadd_ps(v, scale, sum[i][j]);
            }
        }
    }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++)
            _mm512_storeu_ps(sums + i * ZO_PANEL_LD + j * ZO_PANEL_LANES, sum[i][j]);
}

INLINE void multiply_bytes_rows(float *sums, const zo_int8_tile *tile, const zo_int8_panel *panel, int64_t k,
                                int rows, const int vectors, const bool scaled, bool add,
                                const zo_ahead *ahead)
{
    zo_int8_tile half = *tile;
    for (; rows > 0; rows -= HALF, sums += HALF * ZO_PANEL_LD) {
#define ROWS(n)                                                                                              \
    case n:                                                                                                  \
        multiply_bytes(sums, &half, panel, k, n, vectors, scaled, add, ahead);                               \
        break;
        switch (rows < HALF ? rows : HALF) {
            ROWS(1)
            ROWS(2)
            ROWS(3)
            ROWS(4)
        }
#undef ROWS
        half = (zo_int8_tile){half.codes + 4 * HALF, half.scale + HALF, half.start + HALF};
    }
}

INLINE void multiply_bytes_vectors(float *sums, const zo_int8_tile *tile, const zo_int8_panel *panel,
                                   int64_t k, int rows, int vectors, const bool scaled, bool add,
                                   const zo_ahead *ahead)
{
    if (vectors == 3)
        multiply_bytes_rows(sums, tile, panel, k, rows, 3, scaled, add, ahead);
    else if (vectors == 2)
        multiply_bytes_rows(sums, tile, panel, k, rows, 2, scaled, add, ahead);
    else
        multiply_bytes_rows(sums, tile, panel, k, rows, 1, scaled, add, ahead);
}

static void panel_int8(float *sums, const zo_int8_tile *tile, const zo_int8_panel *panel, int64_t k, int rows,
                       int vectors, bool add, const zo_ahead *ahead)
{
    const zo_ahead nothing = nothing_ahead(panel->codes);
    ahead = ahead ? ahead : &nothing;
    if (panel->scale)
        multiply_bytes_vectors(sums, tile, panel, k, rows, vectors, true, add, ahead);
    else
        multiply_bytes_vectors(sums, tile, panel, k, rows, vectors, false, add, ahead);
}

#endif
