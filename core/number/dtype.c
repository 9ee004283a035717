/* See dtype.h. Sources may be unaligned (a map of a file), so every field is read with memcpy. */
#include "core/number/dtype.h"

#include <assert.h>
#include <string.h>

/* The layouts are read as they lie in the file. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "stored tensors are little-endian");

static inline uint32_t bits_of(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

static inline float float_of(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

static inline uint16_t load16(const uint8_t *p)
{
    uint16_t u;
    memcpy(&u, p, sizeof u);
    return u;
}

/* Without branches, so that a loop over it can be vectorized. A subnormal m * 2^-24 comes from the float
 * 0.5 + m * 2^-24, whose low mantissa bits are m; the subtraction is exact. */
static inline float half_to_float(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16;
    uint32_t a = h & 0x7fff;
    uint32_t normal = (a << 13) + (112u << 23);
    uint32_t subnormal = bits_of(float_of(a | (126u << 23)) - 0.5f);
    uint32_t special = (a << 13) | 0x7f800000u;
    uint32_t u = a < 0x0400 ? subnormal : normal;
    u = a >= 0x7c00 ? special : u;
    return float_of(sign | u);
}

float zo_f16_to_f32(uint16_t h)
{
    return half_to_float(h);
}

uint16_t zo_f32_to_f16(float f)
{
    uint32_t x = bits_of(f);
    uint32_t sign = (x >> 16) & 0x8000, a = x & 0x7fffffff;
    if (a > 0x7f800000u) /* NaN stays NaN and becomes quiet */
        return (uint16_t)(sign | 0x7e00 | ((a >> 13) & 0x1ff));
    if (a >= 0x477ff000u) /* 65520 and above round to infinity */
        return (uint16_t)(sign | 0x7c00);
    if (a >= 0x38800000u) { /* normal: 2^-14 and above */
        uint32_t r = a - (112u << 23);
        r += 0xfff + ((r >> 13) & 1);
        return (uint16_t)(sign | (r >> 13));
    }
    if (a <= 0x33000000u) /* 2^-25, half the smallest subnormal, ties to zero */
        return (uint16_t)sign;
    uint32_t m = (a & 0x7fffff) | 0x800000;
    uint32_t shift = 126 - (a >> 23);
    uint32_t q = m >> shift, rest = m & ((1u << shift) - 1), half = 1u << (shift - 1);
    q += rest > half || (rest == half && (q & 1));
    return (uint16_t)(sign | q);
}

static void decode_f32(const void *src, float *dst, int64_t n)
{
    memcpy(dst, src, (size_t)n * sizeof *dst);
}

static void decode_f16(const void *src, float *dst, int64_t n)
{
    const uint8_t *p = src;
    for (int64_t i = 0; i < n; i++)
        dst[i] = half_to_float(load16(p + 2 * i));
}

static void decode_bf16(const void *src, float *dst, int64_t n)
{
    const uint8_t *p = src;
    for (int64_t i = 0; i < n; i++)
        dst[i] = zo_bf16_to_f32(load16(p + 2 * i));
}

/* Blocks of 32 with 4 bits a value: byte j holds value j (low half) and value j + 16 (high half). */

static void decode_q4_0(const void *src, float *dst, int64_t n)
{
    const uint8_t *b = src; /* f16 d, 16 bytes: d * (q - 8) */
    for (int64_t k = 0; k < n; k += 32, b += 18) {
        float d = half_to_float(load16(b));
        for (int j = 0; j < 16; j++) {
            dst[k + j] = (float)((b[2 + j] & 15) - 8) * d;
            dst[k + j + 16] = (float)((b[2 + j] >> 4) - 8) * d;
        }
    }
}

static void decode_q4_1(const void *src, float *dst, int64_t n)
{
    const uint8_t *b = src; /* f16 d, f16 m, 16 bytes: d * q + m */
    for (int64_t k = 0; k < n; k += 32, b += 20) {
        float d = half_to_float(load16(b)), m = half_to_float(load16(b + 2));
        for (int j = 0; j < 16; j++) {
            dst[k + j] = (float)(b[4 + j] & 15) * d + m;
            dst[k + j + 16] = (float)(b[4 + j] >> 4) * d + m;
        }
    }
}

/* Five bits: the fifth of value j is bit j of a little-endian u32. */

static void decode_q5_0(const void *src, float *dst, int64_t n)
{
    const uint8_t *b = src; /* f16 d, u32 high bits, 16 bytes: d * (q - 16) */
    for (int64_t k = 0; k < n; k += 32, b += 22) {
        float d = half_to_float(load16(b));
        uint32_t high;
        memcpy(&high, b + 2, sizeof high);
        for (int j = 0; j < 16; j++) {
            int lo = (b[6 + j] & 15) | (int)((high >> j) & 1) << 4;
            int hi = (b[6 + j] >> 4) | (int)((high >> (j + 16)) & 1) << 4;
            dst[k + j] = (float)(lo - 16) * d;
            dst[k + j + 16] = (float)(hi - 16) * d;
        }
    }
}

static void decode_q5_1(const void *src, float *dst, int64_t n)
{
    const uint8_t *b = src; /* f16 d, f16 m, u32 high bits, 16 bytes: d * q + m */
    for (int64_t k = 0; k < n; k += 32, b += 24) {
        float d = half_to_float(load16(b)), m = half_to_float(load16(b + 2));
        uint32_t high;
        memcpy(&high, b + 4, sizeof high);
        for (int j = 0; j < 16; j++) {
            int lo = (b[8 + j] & 15) | (int)((high >> j) & 1) << 4;
            int hi = (b[8 + j] >> 4) | (int)((high >> (j + 16)) & 1) << 4;
            dst[k + j] = (float)lo * d + m;
            dst[k + j + 16] = (float)hi * d + m;
        }
    }
}

/* Four bits that choose one of 16 levels, closer together around zero; in nibbles as those above. */
static const int8_t levels[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

static void decode_levels(const uint8_t *q, float d, float *dst)
{
    for (int j = 0; j < 16; j++) {
        dst[j] = d * (float)levels[q[j] & 15];
        dst[j + 16] = d * (float)levels[q[j] >> 4];
    }
}

static void decode_iq4_nl(const void *src, float *dst, int64_t n)
{
    const uint8_t *b = src; /* f16 d, 16 bytes: d * level */
    for (int64_t k = 0; k < n; k += 32, b += 18)
        decode_levels(b + 2, half_to_float(load16(b)), dst + k);
}

static void decode_iq4_xs(const void *src, float *dst, int64_t n)
{
    const uint8_t *b =
        src; /* f16 d, 8 upper pairs and 8 low halves of scales, 128 bytes: d * (scale - 32) * level */
    for (int64_t k = 0; k < n; k += 256, b += 136) {
        float d = half_to_float(load16(b));
        for (int s = 0; s < 8; s++) {
            int scale = ((b[4 + s / 2] >> 4 * (s & 1)) & 15) | ((load16(b + 2) >> 2 * s) & 3) << 4;
            decode_levels(b + 8 + 16 * s, d * (float)(scale - 32), dst + k + 32 * s);
        }
    }
}

static void decode_q8_0(const void *src, float *dst, int64_t n)
{
    const uint8_t *b = src; /* f16 d, 32 signed bytes: d * q */
    for (int64_t k = 0; k < n; k += 32, b += 34) {
        float d = half_to_float(load16(b));
        for (int j = 0; j < 32; j++)
            dst[k + j] = (float)(int8_t)b[2 + j] * d;
    }
}

/* Blocks of 256. Two bits a value: byte 32 h + j holds values 128 h + 32 i + j, i in [0, 4), from its low end. */

static void decode_q2_k(const void *src, float *dst, int64_t n)
{
    const uint8_t *b =
        src; /* 16 scales and minima of 4 bits, 64 bytes, f16 d, f16 dmin: (d * scale) * q - dmin * min */
    for (int64_t k = 0; k < n; k += 256, b += 84) {
        float d = half_to_float(load16(b + 80)), dmin = half_to_float(load16(b + 82));
        for (int v = 0; v < 256; v++) {
            int q = (b[16 + 32 * (v / 128) + v % 32] >> 2 * (v / 32 % 4)) & 3, scale = b[v / 16];
            dst[k + v] = d * (float)(scale & 15) * (float)q - dmin * (float)(scale >> 4);
        }
    }
}

/* Scale of sub-block s of 16: six bits, packed into 12 bytes: low halves in the halves of bytes 0-7, upper pairs in 8-11. */
static int q3_k_scale(const uint8_t *p, int s)
{
    return ((p[s % 8] >> 4 * (s / 8)) & 15) | ((p[8 + s % 4] >> 2 * (s / 4)) & 3) << 4;
}

static void decode_q3_k(const void *src, float *dst, int64_t n)
{
    const uint8_t *b =
        src; /* 32 bytes of third bits, 64 bytes, 12 bytes of scales, f16 d: d * (scale - 32) * (q - 4) */
    for (int64_t k = 0; k < n; k += 256, b += 110) {
        float d = half_to_float(load16(b + 108));
        for (int v = 0; v < 256; v++) {
            int q = (b[32 + 32 * (v / 128) + v % 32] >> 2 * (v / 32 % 4)) & 3;
            int high = (b[v % 32] >> (v / 32)) & 1;
            dst[k + v] = d * (float)(q3_k_scale(b + 96, v / 16) - 32) * (float)(q - (high ? 0 : 4));
        }
    }
}

/* Scale and minimum of sub-block s of 8 are six bits each, packed into 12 bytes: the first four of both fill
 * the low six bits of bytes 0-3 and 4-7; the last four have their low halves in bytes 8-11 and their upper two
 * bits on top of bytes 0-7. */
static void q4_k_scale(const uint8_t *p, int s, int *scale, int *min)
{
    if (s < 4) {
        *scale = p[s] & 63;
        *min = p[s + 4] & 63;
    } else {
        *scale = (p[s + 4] & 15) | (p[s - 4] >> 6) << 4;
        *min = (p[s + 4] >> 4) | (p[s] >> 6) << 4;
    }
}

static void decode_q4_k(const void *src, float *dst, int64_t n)
{
    const uint8_t *b = src; /* f16 d, f16 dmin, 12 bytes of scales, 128 bytes: (d * scale) * q - dmin * min */
    for (int64_t k = 0; k < n; k += 256, b += 144) {
        float d = half_to_float(load16(b)), dmin = half_to_float(load16(b + 2));
        for (int s = 0; s < 8; s++) { /* 32 bytes hold sub-blocks 2i (low halves) and 2i + 1 (high halves) */
            const uint8_t *q = b + 16 + 32 * (s / 2);
            int scale, min, shift = 4 * (s & 1);
            q4_k_scale(b + 4, s, &scale, &min);
            float ds = d * (float)scale, m = dmin * (float)min;
            for (int j = 0; j < 32; j++)
                dst[k + 32 * s + j] = ds * (float)((q[j] >> shift) & 15) - m;
        }
    }
}

static void decode_q5_k(const void *src, float *dst, int64_t n)
{
    const uint8_t *b =
        src; /* as q4_k, with 32 bytes of fifth bits before the 128: bit s of byte j is sub-block s's */
    for (int64_t k = 0; k < n; k += 256, b += 176) {
        float d = half_to_float(load16(b)), dmin = half_to_float(load16(b + 2));
        for (int s = 0; s < 8; s++) {
            const uint8_t *q = b + 48 + 32 * (s / 2);
            int scale, min, shift = 4 * (s & 1);
            q4_k_scale(b + 4, s, &scale, &min);
            float ds = d * (float)scale, m = dmin * (float)min;
            for (int j = 0; j < 32; j++)
                dst[k + 32 * s + j] = ds * (float)(((q[j] >> shift) & 15) | ((b[16 + j] >> s) & 1) << 4) - m;
        }
    }
}

static void decode_q6_k(const void *src, float *dst, int64_t n)
{
    const uint8_t *b =
        src; /* 128 low halves, 64 upper pairs, 16 signed scales, f16 d: (d * scale) * (q - 32) */
    for (int64_t k = 0; k < n; k += 256, b += 210) {
        float d = half_to_float(load16(b + 208));
        for (int s = 0; s < 8; s++) { /* half-block s / 4 of 128; within it the four groups of 32 */
            const uint8_t *low = b + 64 * (s / 4) + 32 * (s & 1), *high = b + 128 + 32 * (s / 4);
            int low_shift = 4 * ((s & 3) / 2), high_shift = 2 * (s & 3);
            for (int j = 0; j < 32; j++) {
                float ds = d * (float)(int8_t)b[192 + 2 * s + j / 16];
                int q = ((low[j] >> low_shift) & 15) | ((high[j] >> high_shift) & 3) << 4;
                dst[k + 32 * s + j] = ds * (float)(q - 32);
            }
        }
    }
}

static const zo_dtype_info table[ZO_DTYPE_COUNT] = {
    [ZO_DTYPE_F32] = {"f32", "F32", 0, 1, 4, decode_f32},
    [ZO_DTYPE_F16] = {"f16", "F16", 1, 1, 2, decode_f16},
    [ZO_DTYPE_BF16] = {"bf16", "BF16", 30, 1, 2, decode_bf16},
    [ZO_DTYPE_Q4_0] = {"q4_0", NULL, 2, 32, 18, decode_q4_0},
    [ZO_DTYPE_Q4_1] = {"q4_1", NULL, 3, 32, 20, decode_q4_1},
    [ZO_DTYPE_Q5_0] = {"q5_0", NULL, 6, 32, 22, decode_q5_0},
    [ZO_DTYPE_Q5_1] = {"q5_1", NULL, 7, 32, 24, decode_q5_1},
    [ZO_DTYPE_Q8_0] = {"q8_0", NULL, 8, 32, 34, decode_q8_0},
    [ZO_DTYPE_Q2_K] = {"q2_k", NULL, 10, 256, 84, decode_q2_k},
    [ZO_DTYPE_Q3_K] = {"q3_k", NULL, 11, 256, 110, decode_q3_k},
    [ZO_DTYPE_Q4_K] = {"q4_k", NULL, 12, 256, 144, decode_q4_k},
    [ZO_DTYPE_Q5_K] = {"q5_k", NULL, 13, 256, 176, decode_q5_k},
    [ZO_DTYPE_Q6_K] = {"q6_k", NULL, 14, 256, 210, decode_q6_k},
    [ZO_DTYPE_IQ4_NL] = {"iq4_nl", NULL, 20, 32, 18, decode_iq4_nl},
    [ZO_DTYPE_IQ4_XS] = {"iq4_xs", NULL, 23, 256, 136, decode_iq4_xs},
};

const zo_dtype_info *zo_dtype_get(zo_dtype dtype)
{
    assert((unsigned)dtype < ZO_DTYPE_COUNT);
    return &table[dtype];
}

int zo_dtype_from_gguf(uint32_t type, zo_dtype *out)
{
    for (int i = 0; i < ZO_DTYPE_COUNT; i++)
        if ((uint32_t)table[i].gguf == type) {
            *out = (zo_dtype)i;
            return 1;
        }
    return 0;
}

const char *zo_dtype_gguf_name(uint32_t type)
{
    static const char *const names[] = {
        "F32",   "F16",        "Q4_0",       "Q4_1",       "Q4_2",     "Q4_3",     "Q5_0",
        "Q5_1",  "Q8_0",       "Q8_1",       "Q2_K",       "Q3_K",     "Q4_K",     "Q5_K",
        "Q6_K",  "Q8_K",       "IQ2_XXS",    "IQ2_XS",     "IQ3_XXS",  "IQ1_S",    "IQ4_NL",
        "IQ3_S", "IQ2_S",      "IQ4_XS",     "I8",         "I16",      "I32",      "I64",
        "F64",   "IQ1_M",      "BF16",       "Q4_0_4_4",   "Q4_0_4_8", "Q4_0_8_8", "TQ1_0",
        "TQ2_0", "IQ4_NL_4_4", "IQ4_NL_4_8", "IQ4_NL_8_8", "MXFP4",    "NVFP4",    "Q1_0",
    };
    return type < sizeof names / sizeof names[0] ? names[type] : NULL;
}

int zo_dtype_from_safetensors(const char *name, zo_dtype *out)
{
    for (int i = 0; i < ZO_DTYPE_COUNT; i++)
        if (table[i].safetensors && strcmp(table[i].safetensors, name) == 0) {
            *out = (zo_dtype)i;
            return 1;
        }
    return 0;
}
