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
 */
#ifndef ZO_PRECISION_H
#define ZO_PRECISION_H

#include <stdint.h>

/* name, values in a block, bytes of a block's codes */
#define ZO_PRECISION_MAP(X)                                                                                  \
    X(F32, "f32", 1, 4)                                                                                      \
    X(F16, "f16", 1, 2)                                                                                      \
    X(BF16, "bf16", 1, 2)                                                                                    \
    X(INT8, "int8", 1, 1)                                                                                    \
    X(NF4, "nf4", 64, 32)

typedef enum zo_precision {
#define X(name, text, block, bytes) ZO_PRECISION_##name,
    ZO_PRECISION_MAP(X)
#undef X
        ZO_PRECISION_COUNT
} zo_precision;

/* What a product of activations and frozen weights is computed in; sums are f32 either way. name */
#define ZO_COMPUTE_MAP(X)                                                                                    \
    X(F32, "f32")                                                                                            \
    X(BF16, "bf16")

typedef enum zo_compute {
#define X(name, text) ZO_COMPUTE_##name,
    ZO_COMPUTE_MAP(X)
#undef X
        ZO_COMPUTE_COUNT
} zo_compute;

enum { ZO_NF4_BLOCK = 64, ZO_NF4_GROUP = 256 /* blocks that share a scale of their absmax */ };

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
} zo_matrix;

#endif
