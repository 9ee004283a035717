/* Precisions of frozen weights: one table, one row each, and the matrix that holds values in one of them.
 *
 * A matrix (out, in) is row-major, one row per output channel.
 *   f32, f16, bf16  values as they are
 *   int8            symmetric, per output channel: value = code * scale[row], scale = max|row| / 127
 *   nf4             the 16 NormalFloat levels of QLoRA (Dettmers et al. 2023, arXiv:2305.14314, appendix E), blocks of
 *                   64 values in row-major order (a block may run over the end of a row), value = level[code] *
 *                   absmax(block). The absmax themselves are quantized ("double quantization"): less their mean, in
 *                   groups of 256, to 8 bits of bitsandbytes' dynamic map:
 *                   absmax(k) = map[absmax_code[k]] * group[k / 256] + offset.
 *                   Two codes in a byte, the first in the high half, as bitsandbytes packs them.
 *
 * Panel order. Products want the values of 16 output channels side by side (panel.h). Turned once into that order, a
 * matrix needs no turning in every product. Each 16 rows (out, rounded down to 16) keep their storage, and hold, for
 * channel c of 16 and input k, in = number of inputs:
 *   f32    [in][16]                  the value at [k][c]
 *   int8   [in / 4][4][2][4][2]      the code at [k / 4][c / 4][k / 2 % 2][c % 4][k % 2]
 *   nf4    [in / 8][8][2][4] bytes   the code at [k / 8][c % 8][k % 2][k / 2 % 4], in the low half of the byte for c < 8
 *          [in / 64][16]             the code of the absmax at [k / 64][c]; groups stay as they were
 */
#ifndef ZO_PRECISION_H
#define ZO_PRECISION_H

#include <stdbool.h>
#include <stdint.h>

/* A precision's row: name, values in a block, bytes of a block's codes, error (zo_precision_info), functions' ending, and what
 * else it has of zo_precision_info; nf4's error is half the gap between -1 and the next level. */
#define ZO_PRECISION_MAP(X)                                                                                  \
    X(F32, "f32", 1, 4, 0, f32, .panel_unit = 1, .reorder = reorder_f32)                                     \
    X(F16, "f16", 1, 2, 1.0 / 2048, f16, .panel_unit = 0)                                                    \
    X(BF16, "bf16", 1, 2, 1.0 / 256, bf16, .panel_unit = 0)                                                  \
    X(INT8, "int8", 1, 1, 0.5 / 127, int8, .panel_unit = 4, .reorder = reorder_int8,                         \
      .unscaled = unscaled_int8, .whole = whole_int8, .scale_bytes = scale_bytes_int8,                       \
      .finish = finish_int8)                                                                                 \
    X(NF4, "nf4", 64, 32, 0.15190360, nf4, .panel_unit = ZO_NF4_BLOCK, .reorder = reorder_nf4,               \
      .whole = whole_nf4, .scale_bytes = scale_bytes_nf4, .finish = finish_nf4)

typedef enum zo_precision {
#define X(name, ...) ZO_PRECISION_##name,
    ZO_PRECISION_MAP(X)
#undef X
        ZO_PRECISION_COUNT
} zo_precision;

/* What a product of activations and frozen weights is computed in; name.
 *   f32   sums are f32
 *   bf16  both are rounded to bf16, sums are f32
 *   int8  for int8 and nf4 weights: activations, rounded to bf16, are rounded again to whole numbers in blocks of
 *         ZO_INT8_BLOCK inputs of a row, value = code * (max|block| / 127); the levels of nf4 to 127ths. Sums of a block are
 *         exact, then scaled and summed in f32. All that has no such weights is computed as with bf16. */
#define ZO_COMPUTE_MAP(X)                                                                                    \
    X(F32, "f32")                                                                                            \
    X(BF16, "bf16")                                                                                          \
    X(INT8, "int8")

typedef enum zo_compute {
#define X(name, text) ZO_COMPUTE_##name,
    ZO_COMPUTE_MAP(X)
#undef X
        ZO_COMPUTE_COUNT
} zo_compute;

enum {
    ZO_NF4_BLOCK = 64,
    ZO_NF4_GROUP = 256, /* blocks that share a scale of their absmax */
    ZO_INT8_BLOCK = 32, /* activations that share a scale with compute int8 */
    ZO_PANEL_ROWS = 16  /* output channels side by side in panel order */
};

extern const float zo_nf4_levels[16];      /* rising, from -1 to 1 */
extern const int8_t zo_nf4_int8[16];       /* the levels in 127ths, to nearest */
extern const float zo_nf4_absmax_map[256]; /* bitsandbytes' signed dynamic map, rising */

/* A frozen weight. Pointers are borrowed: into a map or into the model's own storage. */
typedef struct zo_matrix {
    zo_precision precision;
    int64_t out, in;
    const void *values;     /* codes; alignment that of the type */
    int32_t permuted_heads; /* > 0: rows of 16- or 32-bit values in interleaved rotary order (weights.h) */
    const float *scale;     /* int8: (out) */
    const uint8_t *absmax_code; /* nf4: (blocks) */
    const float *group;         /* nf4: (groups) */
    float offset;               /* nf4: mean of the absmax */
    int64_t panel_rows; /* rows [0, panel_rows) lie in panel order: 0, or all whole sixteens of them */
} zo_matrix;

/* Where row r of (rows, in) in Hugging Face order lies when the rows of that many heads are in interleaved rotary
 * order; heads 0: where it is. */
static inline int64_t zo_rotary_row(int64_t r, int64_t rows, int64_t heads)
{
    if (!heads)
        return r;
    int64_t hd = rows / heads, half = r % hd / (hd / 2), pair = r % (hd / 2);
    return r / hd * hd + 2 * pair + half;
}

/* nf4: the largest |value| of a block, as it was kept; blocks in row-major order. */
float zo_precision_absmax(const zo_matrix *m, int64_t block);

/* Brings a matrix into its precision, rows at a time; several threads may encode rows of their own. */
typedef struct zo_encoder {
    zo_precision precision;
    int64_t out, in;
    void *storage; /* zo_precision_bytes, 64-byte aligned; becomes the matrix */
    float *absmax; /* zo_precision_scratch floats, until zo_precision_encode_end */
} zo_encoder;

typedef struct zo_precision_info {
    const char *name;
    int block, bytes; /* values in a block, bytes of its codes */
    /* |decoded - value| <= error * s. f16 and bf16: s = |value| (normal numbers); int8: the row's largest |value|; nf4:
     * that of the block, to which its own rounding adds ZO_NF4_ABSMAX_ERROR times how far the absmax of its group
     * lie from their mean at most. */
    double error;
    /* x (rows, in): see zo_precision_encode_rows. */
    void (*encode)(const zo_encoder *e, int64_t row, int64_t rows, const float *x);
    /* n values from the row-major index `first` on, which lie in one row. */
    void (*decode)(const zo_matrix *m, int64_t first, int64_t n, float *out);
    /* The same less the scale of the output channel, which products apply to their sums. NULL: it has none. */
    void (*unscaled)(const zo_matrix *m, int64_t first, int64_t n, float *out);
    /* The same as whole numbers -127 ... 127, for compute int8. NULL: it has no such products. */
    void (*whole)(const zo_matrix *m, int64_t first, int64_t n, int8_t *out);
    /* Of the scales behind the codes. NULL: there are none. */
    int64_t (*scale_bytes)(int64_t out, int64_t blocks);
    void (*finish)(const zo_encoder *e, zo_matrix *m); /* where they lie, made if need be; with scale_bytes */
    int panel_unit; /* panel order takes multiples of so many inputs; 0: it has none */
    /* Writes rows [16 group, 16 group + 16) in panel order; room: these rows as they were, free to use. */
    void (*reorder)(const zo_matrix *m, int64_t group, void *to, void *room);
} zo_precision_info;

#define ZO_NF4_ABSMAX_ERROR 0.0071 /* half the widest gap of the dynamic map */

/* The row of a precision; never NULL for a valid enum value. */
const zo_precision_info *zo_precision_get(zo_precision p);
const char *zo_precision_name(zo_precision p);
const char *zo_compute_name(zo_compute c);
/* Whether products with such a matrix are made in whole numbers with compute int8: int8; nf4 of whole blocks in a row. */
bool zo_precision_in_int8(zo_precision p, int64_t in);

/* Bytes of a whole matrix: codes, scales, each on a boundary of 64. */
int64_t zo_precision_bytes(zo_precision p, int64_t out, int64_t in);
/* Floats that encoding needs beside it: nf4's absmax, of which the mean is known last; others 0. */
int64_t zo_precision_scratch(zo_precision p, int64_t out, int64_t in);
/* Rows are encoded in blocks of multiples of so many (at most 64), so that no two blocks share a byte. */
int64_t zo_precision_grain(zo_precision p, int64_t in);

/* Rows [row, row + rows): row a multiple of the grain, and rows too unless they are the last. Rounding is to nearest:
 * f16, bf16 and int8 ties to even; nf4 values between two levels to the lower one. A value that is not finite comes out
 * so in f16 and bf16, and makes NaN of its row in int8, of the matrix in nf4. */
void zo_precision_encode_rows(const zo_encoder *e, int64_t row, int64_t rows, const float *x);
/* After all rows; the matrix borrows e->storage. */
zo_matrix zo_precision_encode_end(const zo_encoder *e);

/* Whether a matrix of `in` inputs can lie in panel order: whole units of it must fit. */
bool zo_precision_reorders(zo_precision p, int64_t in);
/* Bytes of room that one thread needs to reorder a matrix. */
int64_t zo_precision_reorder_bytes(int64_t in);
/* Brings m into panel order, in place: its values must be the caller's own to write, and in rows so far. room: of so many
 * threads. */
void zo_precision_reorder(zo_matrix *m, int threads, void *room);

/* nf4: the code of the value at the row-major index i. */
int zo_precision_code_nf4(const zo_matrix *m, int64_t i);

/* The plain decoder: rows [row, row + rows) in Hugging Face order to out (rows, in). */
void zo_precision_decode_rows(const zo_matrix *m, int64_t row, int64_t rows, float *out);

#endif
