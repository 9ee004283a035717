/* Number formats of stored tensors: one table, one row each.
 *
 * Block formats (Q4_0 ...) are ggml's: a block of `block` values takes `bytes` bytes and holds its own scale.
 * Source of the layouts: ggml's ggml-common.h and ggml-quants.c (dequantize_row_*), GGUF type numbers.
 */
#ifndef ZO_DTYPE_H
#define ZO_DTYPE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef enum zo_dtype {
    ZO_DTYPE_F32,
    ZO_DTYPE_F16,
    ZO_DTYPE_BF16,
    ZO_DTYPE_Q4_0,
    ZO_DTYPE_Q4_1,
    ZO_DTYPE_Q5_0,
    ZO_DTYPE_Q5_1,
    ZO_DTYPE_Q8_0,
    ZO_DTYPE_Q2_K,
    ZO_DTYPE_Q3_K,
    ZO_DTYPE_Q4_K,
    ZO_DTYPE_Q5_K,
    ZO_DTYPE_Q6_K,
    ZO_DTYPE_IQ4_NL,
    ZO_DTYPE_IQ4_XS,
    ZO_DTYPE_COUNT
} zo_dtype;

typedef struct zo_dtype_info {
    const char *name;        /* "f32", "q4_1" */
    const char *safetensors; /* "F32", or NULL where that format has no such type */
    int gguf;                /* ggml type number */
    int block;               /* values in a block */
    int bytes;               /* bytes in a block */
    /* n values (a multiple of block) from src, which may be unaligned, to dst. */
    void (*decode)(const void *src, float *dst, int64_t n);
} zo_dtype_info;

/* The row of a dtype; never NULL for a valid enum value. */
const zo_dtype_info *zo_dtype_get(zo_dtype dtype);

/* By ggml type number or by safetensors name: 1 and *out, or 0 where the table has no such row. */
int zo_dtype_from_gguf(uint32_t type, zo_dtype *out);
int zo_dtype_from_safetensors(const char *name, zo_dtype *out);
/* ggml's own name of any of its types, those included that the table has no row for ("IQ2_XS"); NULL: there is none. */
const char *zo_dtype_gguf_name(uint32_t type);

/* IEEE binary16 and bfloat16, exactly. To: round to nearest, ties to even. */
float zo_f16_to_f32(uint16_t h);
uint16_t zo_f32_to_f16(float f);

/* Without branches, so that loops over them can be vectorized. NaN stays NaN and becomes quiet. */
static inline float zo_bf16_to_f32(uint16_t h)
{
    uint32_t u = (uint32_t)h << 16;
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

static inline uint16_t zo_f32_to_bf16(float f)
{
    uint32_t x, nearest;
    memcpy(&x, &f, sizeof x);
    nearest = x + 0x7fff + ((x >> 16) & 1);
    return (uint16_t)(((x & 0x7fffffff) > 0x7f800000u ? x | 0x400000 : nearest) >> 16);
}

#endif
