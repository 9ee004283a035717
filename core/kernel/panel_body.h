/* The kernels of panel.h; included by panel_isa.c, with fused multiply-adds where the
 * instruction set has them.
 *
 * The including file defines TILE_ROWS (H); AT_ONCE, the vectors of a panel whose sums fit the registers together with a
 * tile's rows; and PACK_F32, PACK_BF16, PACK_INT8, UNPACK_F32, UNPACK_BF16, UNPACK_INT8, which of the packing functions it
 * takes.
 */
#include "core/kernel/panel.h"
#include "core/kernel/vector.h"

#define INLINE static inline __attribute__((always_inline))

enum { WIDE = ZO_PANEL_LANES, PARTS = WIDE / LANES };

/* Tiles come from the last-level cache or from memory, and hardware stops fetching ahead at the end of a page: so many
 * inputs later is in the next one. */
enum { TILE_AHEAD = 128 };

/* A line into the second-level cache. */
INLINE void fetch(uintptr_t base, int64_t offset)
{
    __builtin_prefetch((const void *)(base + (uintptr_t)offset), 0, 2);
}

/* rows and vectors are constants in every call, so that the sums become registers. */
INLINE void multiply(float *restrict sums, const float *restrict tile, const float *restrict panel,
                     int64_t stride, int64_t k, const int rows, const int vectors, bool add,
                     const zo_ahead *ahead)
{
    const int parts = vectors * PARTS;
    vec sum[TILE_ROWS][AT_ONCE * PARTS];
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < parts; j++)
            sum[i][j] = add ? load(sums + i * ZO_PANEL_LD + j * LANES) : splat(0.0f);
    for (int64_t p = 0; p < k; p++) {
        vec w[AT_ONCE * PARTS];
        fetch((uintptr_t)tile, (p + TILE_AHEAD) * TILE_ROWS * (int64_t)sizeof *tile);
        for (int j = 0; j < vectors; j++)
            fetch(ahead->at[j], p * ahead->step);
        for (int j = 0; j < parts; j++)
            w[j] = load(panel + j / PARTS * stride + p * WIDE + j % PARTS * LANES);
        for (int i = 0; i < rows; i++) {
            vec x = splat(tile[p * TILE_ROWS + i]);
            for (int j = 0; j < parts; j++)
                sum[i][j] += x * w[j];
        }
    }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < parts; j++)
            store(sums + i * ZO_PANEL_LD + j * LANES, sum[i][j]);
}

INLINE void multiply_rows(float *sums, const float *tile, const float *panel, int64_t stride, int64_t k,
                          int rows, const int vectors, bool add, const zo_ahead *ahead)
{
#define ROWS(n)                                                                                              \
    case n:                                                                                                  \
        multiply(sums, tile, panel, stride, k, n < TILE_ROWS ? n : TILE_ROWS, vectors, add, ahead);          \
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

/* In place of no ahead: what the kernel reads itself. */
INLINE zo_ahead nothing_ahead(const void *panel)
{
    const uintptr_t at = (uintptr_t)panel;
    return (zo_ahead){{at, at, at}, 0};
}

static void panel_f32(float *sums, const float *tile, const float *panel, int64_t stride, int64_t k, int rows,
                      int vectors, bool add, const zo_ahead *ahead)
{
    zo_ahead a = ahead ? *ahead : nothing_ahead(panel);
    for (int j = 0; j < vectors; j += AT_ONCE, sums += AT_ONCE * WIDE, panel += AT_ONCE * stride) {
        int left = vectors - j;
        if (left >= AT_ONCE)
            multiply_rows(sums, tile, panel, stride, k, rows, AT_ONCE, add, &a);
#if AT_ONCE >= 3
        else if (left == 2)
            multiply_rows(sums, tile, panel, stride, k, rows, 2, add, &a);
#endif
        else
            multiply_rows(sums, tile, panel, stride, k, rows, 1, add, &a);
        for (int i = 0; i + AT_ONCE < ZO_PANEL_VECTORS; i++)
            a.at[i] = a.at[i + AT_ONCE];
    }
}

static void scale_sums(float *sums, const float *scale, int rows)
{
    for (int i = 0; i < rows; i++, sums += ZO_PANEL_LD)
        for (int j = 0; j < WIDE; j += LANES)
            store(sums + j, load(sums + j) * load(scale + j));
}

static void shift_sums(float *sums, const float *values, int rows)
{
    for (int i = 0; i < rows; i++, sums += ZO_PANEL_LD)
        for (int j = 0; j < WIDE; j += LANES)
            store(sums + j, load(sums + j) + load(values + j));
}

static void store_sums(float *y, int64_t ld, const float *sums, int rows, int64_t n, bool add)
{
    for (int i = 0; i < rows; i++, y += ld, sums += ZO_PANEL_LD) {
        if (n == WIDE) {
            for (int j = 0; j < WIDE; j += LANES)
                store(y + j, add ? load(y + j) + load(sums + j) : load(sums + j));
            continue;
        }
        for (int64_t j = 0; j < n; j++)
            y[j] = add ? y[j] + sums[j] : sums[j];
    }
}

/* silu of the first vector times the second, as rows of 16. */
static inline void gated(float out[TILE_ROWS][WIDE], const float *sums, int rows)
{
    for (int i = 0; i < rows; i++, sums += ZO_PANEL_LD) {
        for (int j = 0; j < WIDE; j += LANES) {
            vec g = load(sums + j);
            store(out[i] + j, g / (splat(1.0f) + exp_vec(-g)) * load(sums + WIDE + j));
        }
    }
}

static void swiglu_f32(float *tile, const float *sums, int rows, int64_t n, bool round)
{
    float h[TILE_ROWS][WIDE];
    gated(h, sums, rows);
    PACK_F32(tile, h[0], WIDE, rows, n, round);
}

static void swiglu_bf16(uint16_t *tile, const float *sums, int rows, int64_t n)
{
    float h[TILE_ROWS][WIDE];
    gated(h, sums, rows);
    PACK_BF16(tile, h[0], WIDE, rows, n);
}

/* The row of zo_panels that an including file fills; dot_bf16: its kernel of bf16 pairs, or NULL; dot_int8: of whole
 * numbers, dots: whether of dot products. */
#define PANEL_TABLE(instruction_set, dot_bf16, dot_int8, dots)                                               \
    {                                                                                                        \
        .name = instruction_set, .tile_rows = TILE_ROWS, .int8_dots = dots, .f32 = panel_f32,                \
        .bf16 = dot_bf16, .int8 = dot_int8, .pack_f32 = PACK_F32, .pack_bf16 = PACK_BF16, .widen = widen,    \
        .pack_int8 = PACK_INT8, .unpack = UNPACK, .scale = scale_sums, .shift = shift_sums,                  \
        .store = store_sums, .swiglu_f32 = swiglu_f32, .swiglu_bf16 = swiglu_bf16                            \
    }
