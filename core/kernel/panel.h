/* Inner kernels of the linear maps (linear.h), one table per instruction set, chosen at run time.
 *
 * A product y (rows, out) = x (rows, in) W^T is cut into tiles of at most H rows by panels of at most 48 output
 * channels. A kernel keeps a tile's sums in registers while it walks along the inner dimension, in order, one
 * product after the other: what a row gets depends on nothing but that row and W.
 *
 *   tile   the activations of up to H rows, packed:  f32   [k][H]             bf16  [k / 2][H][2]
 *   panel  vectors of 16 output channels, packed:    f32   [k][16]            bf16  [k / 2][16][2]
 *          one vector `stride` values after the other
 *   sums   f32 [H][ZO_PANEL_LD]
 *
 * An odd inner dimension is filled up with a zero in bf16. Where there are no bf16 dot products, or slow ones (bf16 NULL),
 * tiles and panels of compute bf16 hold rounded values as f32.
 *
 * With compute int8 a tile has a second form behind the first, made from it (zo_int8_tile), and panels are of whole
 * numbers (zo_int8_panel). Inputs are filled up with zeros to a multiple of ZO_INT8_BLOCK. A product is
 *
 *   sums += scale of row and block * (start of row and block + sum over the block of x (w + 128))
 *
 * where start = -128 * sum of x over the block makes up for the 128 that let the processor take w as unsigned; the sum is exact. For nf4
 * two blocks together are multiplied by the scale of the weights' block.
 */
#ifndef ZO_PANEL_H
#define ZO_PANEL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/number/precision.h"

enum {
    ZO_PANEL_LANES = ZO_PANEL_ROWS, /* output channels of a vector */
    ZO_PANEL_VECTORS = 3,           /* most vectors of a panel */
    ZO_PANEL_LD = ZO_PANEL_LANES * ZO_PANEL_VECTORS,
    ZO_PANEL_TILE = 8 /* no table's H is larger */
};

/* Output channels [row, row + 16) of W, inputs [k0, k0 + k), k0 a multiple of 64. Channels past the last come out as
 * zeros. */
typedef struct zo_panel_source {
    const zo_matrix *w;
    int64_t row, k0, k;
    bool round; /* f32 only: to values that bf16 has */
    /* Bytes from what is read to what is wanted next, which may be brought into the second-level cache; 0: nothing. */
    int64_t ahead;
} zo_panel_source;

/* Memory that a kernel brings into the second-level cache while it computes, for whoever comes next: with vector j and
 * input p the line at the address at[j] + p * step. It may lie anywhere: nothing is read. */
typedef struct zo_ahead {
    uintptr_t at[ZO_PANEL_VECTORS];
    int64_t step;
} zo_ahead;

/* The activations of up to H rows as whole numbers -127 ... 127. */
typedef struct zo_int8_tile {
    int8_t *codes;  /* [k / 4][H][4] */
    float *scale;   /* [k / 32][H] */
    int32_t *start; /* [k / 32][H] */
} zo_int8_tile;

/* Vectors of 16 output channels, one `stride` codes and `scale_stride` scales after the other. */
typedef struct zo_int8_panel {
    const uint8_t *codes; /* [k / 4][16][4]: w + 128 */
    int64_t stride;
    const float *scale; /* nf4: [k / 64][16] absmax / 127; int8: NULL */
    int64_t scale_stride;
} zo_int8_panel;

/* One vector of a panel from W, without the scales of its channels (int8). Chosen once for a panel. */
typedef struct zo_unpack {
    void (*f32)(float *vector, const zo_panel_source *from);
    void (*bf16)(uint16_t *vector, const zo_panel_source *from);
    /* Of a matrix that zo_precision_in_int8 takes; scale: of nf4. */
    void (*int8)(uint8_t *codes, float *scale, const zo_panel_source *from);
} zo_unpack;

typedef struct zo_panels {
    const char *name; /* "portable", "avx2", "avx512", "avx512-vnni", "avx512-bf16-fma", "avx512-bf16" */
    int tile_rows;    /* H */
    bool int8_dots;   /* int8 is made of the processor's dot products of bytes; else it is plain C */

    /* sums = tile * panel over k values, or sums += where add. rows <= H, vectors <= ZO_PANEL_VECTORS. ahead may be NULL. */
    void (*f32)(float *sums, const float *tile, const float *panel, int64_t stride, int64_t k, int rows,
                int vectors, bool add, const zo_ahead *ahead);
    /* The same of bf16 pairs, k even. NULL: see above. */
    void (*bf16)(float *sums, const uint16_t *tile, const uint16_t *panel, int64_t stride, int64_t k,
                 int rows, int vectors, bool add, const zo_ahead *ahead);

    /* The same of whole numbers, k a multiple of ZO_INT8_BLOCK, of twice that where the panel has scales. */
    void (*int8)(float *sums, const zo_int8_tile *tile, const zo_int8_panel *panel, int64_t k, int rows,
                 int vectors, bool add, const zo_ahead *ahead);

    /* x (rows, ld) as a tile of k values; lanes past `rows` become zeros. round: to values that bf16 has. */
    void (*pack_f32)(float *tile, const float *x, int64_t ld, int rows, int64_t k, bool round);
    void (*pack_bf16)(uint16_t *tile, const float *x, int64_t ld, int rows, int64_t k);
    /* A bf16 tile as an f32 tile. */
    void (*widen)(float *tile, const uint16_t *from, int64_t k);
    /* The second form of a tile of k values, as compute bf16 has them. A row that holds an infinity or NaN gets scales
     * that make NaN of its sums. */
    void (*pack_int8)(const zo_int8_tile *to, const void *tile, int64_t k);

    zo_unpack unpack[ZO_PRECISION_COUNT]; /* by the precision of W */

    /* On one vector of the sums: *= 16 scales, += 16 values. */
    void (*scale)(float *sums, const float *scale, int rows);
    void (*shift)(float *sums, const float *values, int rows);
    /* y (rows, ld) = n <= 16 channels of the sums, or y += them. */
    void (*store)(float *y, int64_t ld, const float *sums, int rows, int64_t n, bool add);
    /* silu(first vector) * second vector: n <= 16 values of a tile. */
    void (*swiglu_f32)(float *tile, const float *sums, int rows, int64_t n, bool round);
    void (*swiglu_bf16)(uint16_t *tile, const float *sums, int rows, int64_t n);
} zo_panels;

/* The fastest table that this processor runs, by its kind; and all that it runs, NULL-terminated, fastest first. */
const zo_panels *zo_panels_best(void);
const zo_panels *const *zo_panels_all(void);

#endif
