/* See precision.h. */
#include "core/number/precision.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <omp.h>
#include <string.h>

#include "core/number/dtype.h"

/* clang-format off */

/* Source: Dettmers et al. 2023, arXiv:2305.14314, appendix E, rounded to f32. */
const float zo_nf4_levels[16] = {
    -1.0f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f,
    -0.28444138169288635f, -0.18477343022823334f, -0.09105003625154495f, 0.0f,
    0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f, 0.33791524171829224f,
    0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1.0f,
};

const int8_t zo_nf4_int8[16] = {-127, -88, -67, -50, -36, -23, -12, 0, 10, 20, 31, 43, 56, 71, 92, 127};

/* Source: Dettmers 2015, arXiv:1511.04561, as bitsandbytes' create_dynamic_map has it. For e = 0 .. 6 the middles of
 * 2^e equal parts of [0.1, 1] times 10^(e - 6), with both signs; and 0 and 1. */
const float zo_nf4_absmax_map[256] = {
    -0.99296874f, -0.9789063f, -0.96484375f, -0.9507812f, -0.93671876f, -0.92265624f, -0.9085938f, -0.89453125f,
    -0.8804687f, -0.86640626f, -0.85234374f, -0.8382813f, -0.82421875f, -0.8101562f, -0.79609376f, -0.78203124f,
    -0.7679688f, -0.75390625f, -0.7398437f, -0.72578126f, -0.7117188f, -0.6976563f, -0.68359375f, -0.6695312f,
    -0.65546876f, -0.6414063f, -0.6273438f, -0.61328125f, -0.5992187f, -0.58515626f, -0.5710938f, -0.5570313f,
    -0.54296875f, -0.5289062f, -0.5148437f, -0.50078124f, -0.4867187f, -0.47265625f, -0.45859373f, -0.44453126f,
    -0.43046874f, -0.41640624f, -0.40234375f, -0.38828123f, -0.37421876f, -0.36015624f, -0.34609374f, -0.33203125f,
    -0.31796873f, -0.30390626f, -0.28984374f, -0.27578127f, -0.26171875f, -0.24765624f, -0.23359375f, -0.21953125f,
    -0.20546874f, -0.19140625f, -0.17734376f, -0.16328125f, -0.14921875f, -0.13515624f, -0.12109375f, -0.107031256f,
    -0.09859375f, -0.09578126f, -0.092968754f, -0.09015625f, -0.08734375f, -0.08453125f, -0.08171876f, -0.07890625f,
    -0.07609375f, -0.07328125f, -0.070468746f, -0.067656256f, -0.06484375f, -0.06203125f, -0.059218753f, -0.05640625f,
    -0.05359375f, -0.05078125f, -0.04796875f, -0.04515625f, -0.042343747f, -0.03953125f, -0.036718752f, -0.03390625f,
    -0.03109375f, -0.028281251f, -0.02546875f, -0.02265625f, -0.019843752f, -0.01703125f, -0.01421875f, -0.01140625f,
    -0.00971875f, -0.009156249f, -0.00859375f, -0.00803125f, -0.00746875f, -0.00690625f, -0.00634375f, -0.00578125f,
    -0.0052187503f, -0.0046562497f, -0.00409375f, -0.0035312497f, -0.00296875f, -0.00240625f, -0.00184375f, -0.0012812499f,
    -0.0009437501f, -0.00083125f, -0.00071875006f, -0.0006062501f, -0.00049375003f, -0.00038125002f, -0.00026875004f, -0.00015625001f,
    -8.875e-05f, -6.625e-05f, -4.375e-05f, -2.1249998e-05f, -7.75e-06f, -3.2500002e-06f, -5.5000004e-07f, 0.0f,
    5.5000004e-07f, 3.2500002e-06f, 7.75e-06f, 2.1249998e-05f, 4.375e-05f, 6.625e-05f, 8.875e-05f, 0.00015625001f,
    0.00026875004f, 0.00038125002f, 0.00049375003f, 0.0006062501f, 0.00071875006f, 0.00083125f, 0.0009437501f, 0.0012812499f,
    0.00184375f, 0.00240625f, 0.00296875f, 0.0035312497f, 0.00409375f, 0.0046562497f, 0.0052187503f, 0.00578125f,
    0.00634375f, 0.00690625f, 0.00746875f, 0.00803125f, 0.00859375f, 0.009156249f, 0.00971875f, 0.01140625f,
    0.01421875f, 0.01703125f, 0.019843752f, 0.02265625f, 0.02546875f, 0.028281251f, 0.03109375f, 0.03390625f,
    0.036718752f, 0.03953125f, 0.042343747f, 0.04515625f, 0.04796875f, 0.05078125f, 0.05359375f, 0.05640625f,
    0.059218753f, 0.06203125f, 0.06484375f, 0.067656256f, 0.070468746f, 0.07328125f, 0.07609375f, 0.07890625f,
    0.08171876f, 0.08453125f, 0.08734375f, 0.09015625f, 0.092968754f, 0.09578126f, 0.09859375f, 0.107031256f,
    0.12109375f, 0.13515624f, 0.14921875f, 0.16328125f, 0.17734376f, 0.19140625f, 0.20546874f, 0.21953125f,
    0.23359375f, 0.24765624f, 0.26171875f, 0.27578127f, 0.28984374f, 0.30390626f, 0.31796873f, 0.33203125f,
    0.34609374f, 0.36015624f, 0.37421876f, 0.38828123f, 0.40234375f, 0.41640624f, 0.43046874f, 0.44453126f,
    0.45859373f, 0.47265625f, 0.4867187f, 0.50078124f, 0.5148437f, 0.5289062f, 0.54296875f, 0.5570313f,
    0.5710938f, 0.58515626f, 0.5992187f, 0.61328125f, 0.6273438f, 0.6414063f, 0.65546876f, 0.6695312f,
    0.68359375f, 0.6976563f, 0.7117188f, 0.72578126f, 0.7398437f, 0.75390625f, 0.7679688f, 0.78203124f,
    0.79609376f, 0.8101562f, 0.82421875f, 0.8382813f, 0.85234374f, 0.86640626f, 0.8804687f, 0.89453125f,
    0.9085938f, 0.92265624f, 0.93671876f, 0.9507812f, 0.96484375f, 0.9789063f, 0.99296874f, 1.0f,
};

/* clang-format on */

static inline uint32_t bits_of(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

/* The largest |x[i]|; NaN where one of them is not finite. */
static float largest(const float *x, int64_t n)
{
    uint32_t most = 0; /* magnitudes compare as their bits do */
    for (int64_t i = 0; i < n; i++) {
        uint32_t u = bits_of(x[i]) & 0x7fffffff;
        most = u > most ? u : most;
    }
    float f;
    memcpy(&f, &most, sizeof f);
    return f <= FLT_MAX ? f : NAN;
}

/* ---- where things lie ---- */

static int64_t ceil_to(int64_t n, int64_t multiple)
{
    return (n + multiple - 1) / multiple * multiple;
}

static int64_t blocks_of(zo_precision p, int64_t out, int64_t in)
{
    const int block = zo_precision_get(p)->block;
    return (out * in + block - 1) / block;
}

static int64_t code_bytes(zo_precision p, int64_t out, int64_t in)
{
    return ceil_to(blocks_of(p, out, in) * zo_precision_get(p)->bytes, 64);
}

static char *scales_of(const zo_encoder *e)
{
    return (char *)e->storage + code_bytes(e->precision, e->out, e->in);
}

static bool in_panel_order(const zo_matrix *m, int64_t i)
{
    return i < m->panel_rows * m->in;
}

/* In panel order, place_NAME says where the value of row r, input k lies: an index of values (f32), codes (int8) or bytes of two
 * codes (nf4); turn_NAME puts 16 rows there. */

/* ---- values as they are ---- */

static int64_t place_f32(int64_t r, int64_t k, int64_t in)
{
    int64_t c = r % ZO_PANEL_ROWS;
    return (r - c) * in + k * ZO_PANEL_ROWS + c;
}

static void reorder_f32(const zo_matrix *m, int64_t group, void *to, void *room)
{
    (void)group;
    for (int64_t k = 0; k < m->in; k++)
        for (int64_t c = 0; c < ZO_PANEL_ROWS; c++)
            ((float *)to)[place_f32(c, k, m->in)] = ((const float *)room)[c * m->in + k];
}

static void encode_f32(const zo_encoder *e, int64_t row, int64_t rows, const float *x)
{
    memcpy((float *)e->storage + row * e->in, x, (size_t)(rows * e->in) * sizeof *x);
}

static void decode_f32(const zo_matrix *m, int64_t first, int64_t n, float *out)
{
    const float *from = m->values;
    if (!in_panel_order(m, first)) {
        memcpy(out, from + first, (size_t)n * sizeof *out);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        out[i] = from[place_f32(first / m->in, first % m->in + i, m->in)];
}

static void encode_f16(const zo_encoder *e, int64_t row, int64_t rows, const float *x)
{
    uint16_t *to = (uint16_t *)e->storage + row * e->in;
    for (int64_t i = 0; i < rows * e->in; i++)
        to[i] = zo_f32_to_f16(x[i]);
}

static void decode_f16(const zo_matrix *m, int64_t first, int64_t n, float *out)
{
    zo_dtype_get(ZO_DTYPE_F16)->decode((const uint16_t *)m->values + first, out, n);
}

static void encode_bf16(const zo_encoder *e, int64_t row, int64_t rows, const float *x)
{
    uint16_t *to = (uint16_t *)e->storage + row * e->in;
    for (int64_t i = 0; i < rows * e->in; i++)
        to[i] = zo_f32_to_bf16(x[i]);
}

static void decode_bf16(const zo_matrix *m, int64_t first, int64_t n, float *out)
{
    zo_dtype_get(ZO_DTYPE_BF16)->decode((const uint16_t *)m->values + first, out, n);
}

/* ---- int8 ---- */

static void encode_int8(const zo_encoder *e, int64_t row, int64_t rows, const float *x)
{
    float *scale = (float *)(void *)scales_of(e);
    const float shift = 12582912.0f; /* 1.5 * 2^23: adding it rounds to a whole number, ties to even */
    for (int64_t r = row; r < row + rows; r++, x += e->in) {
        int8_t *to = (int8_t *)e->storage + r * e->in;
        float most = largest(x, e->in), inverse = most > 0 ? 127.0f / most : 0;
        scale[r] = most / 127.0f;
        if (!isfinite(inverse)) /* of a row of subnormal numbers */
            inverse = 0;
        for (int64_t i = 0; i < e->in; i++)
            to[i] = (int8_t)(uint8_t)bits_of(x[i] * inverse + shift);
    }
}

static int64_t scale_bytes_int8(int64_t out, int64_t blocks)
{
    (void)blocks;
    return ceil_to(out * (int64_t)sizeof(float), 64);
}

static void finish_int8(const zo_encoder *e, zo_matrix *m)
{
    m->scale = (const float *)(void *)scales_of(e);
}

static int64_t place_int8(int64_t r, int64_t k, int64_t in)
{
    int64_t c = r % ZO_PANEL_ROWS;
    return (r - c) * in + k / 4 * 64 + c / 4 * 16 + k / 2 % 2 * 8 + c % 4 * 2 + k % 2;
}

static void reorder_int8(const zo_matrix *m, int64_t group, void *to, void *room)
{
    (void)group;
    for (int64_t c = 0; c < ZO_PANEL_ROWS; c++)
        for (int64_t k = 0; k < m->in; k++)
            ((int8_t *)to)[place_int8(c, k, m->in)] = ((const int8_t *)room)[c * m->in + k];
}

static void whole_int8(const zo_matrix *m, int64_t first, int64_t n, int8_t *out)
{
    const int8_t *from = m->values;
    if (!in_panel_order(m, first)) {
        memcpy(out, from + first, (size_t)n);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        out[i] = from[place_int8(first / m->in, first % m->in + i, m->in)];
}

static void unscaled_int8(const zo_matrix *m, int64_t first, int64_t n, float *out)
{
    int8_t code[64];
    for (int64_t at = 0; at < n; at += 64) {
        int64_t some = n - at < 64 ? n - at : 64;
        whole_int8(m, first + at, some, code);
        for (int64_t i = 0; i < some; i++)
            out[at + i] = code[i];
    }
}

static void decode_int8(const zo_matrix *m, int64_t first, int64_t n, float *out)
{
    float scale = m->scale[first / m->in];
    unscaled_int8(m, first, n, out);
    for (int64_t i = 0; i < n; i++)
        out[i] *= scale;
}

/* ---- nf4 ---- */

/* Codes of up to a block of values that have been divided by their absmax: how many of the 15 middles between levels
 * are less. Counting them all is quicker than to search, since no branch depends on a value. */
static void nearest_levels(const float *x, float inverse, int n, uint8_t code[ZO_NF4_BLOCK])
{
    int32_t count[ZO_NF4_BLOCK] = {0};
    float scaled[ZO_NF4_BLOCK] = {0};
    for (int i = 0; i < n; i++)
        scaled[i] = x[i] * inverse;
    for (int k = 0; k < 15; k++) {
        float middle = (zo_nf4_levels[k] + zo_nf4_levels[k + 1]) / 2;
        for (int i = 0; i < ZO_NF4_BLOCK; i++)
            count[i] += scaled[i] > middle;
    }
    for (int i = 0; i < ZO_NF4_BLOCK; i++)
        code[i] = (uint8_t)count[i];
}

static void encode_nf4(const zo_encoder *e, int64_t row, int64_t rows, const float *x)
{
    int64_t all = rows * e->in;
    uint8_t *to = (uint8_t *)e->storage + row * e->in / 2, code[ZO_NF4_BLOCK];
    float *absmax = e->absmax + row * e->in / ZO_NF4_BLOCK;
    for (int64_t at = 0; at < all; at += ZO_NF4_BLOCK) {
        int n = all - at < ZO_NF4_BLOCK ? (int)(all - at) : ZO_NF4_BLOCK;
        float most = largest(x + at, n), inverse = 1.0f / (most > 1e-38f ? most : 1e-38f);
        *absmax++ = most;
        nearest_levels(x + at, inverse, n, code);
        for (int i = 0; i < n; i += 2) /* the code of an odd last value has that of 0 beside it */
            *to++ = (uint8_t)(code[i] << 4 | code[i + 1]);
    }
}

static int64_t place_nf4(int64_t r, int64_t k, int64_t in)
{
    int64_t c = r % ZO_PANEL_ROWS;
    return (r - c) * in / 2 + k / 8 * 64 + c % 8 * 8 + k % 2 * 4 + k / 2 % 4;
}

int zo_precision_code_nf4(const zo_matrix *m, int64_t i)
{
    const uint8_t *from = m->values;
    if (in_panel_order(m, i)) {
        uint8_t two = from[place_nf4(i / m->in, i % m->in, m->in)];
        return i / m->in % ZO_PANEL_ROWS < 8 ? two & 15 : two >> 4;
    }
    return i % 2 ? from[i / 2] & 15 : from[i / 2] >> 4;
}

float zo_precision_absmax(const zo_matrix *m, int64_t block)
{
    int64_t each = m->in / ZO_NF4_BLOCK, at = block;
    if (block < m->panel_rows * each) /* never where each is 0 */
        at = block / each / ZO_PANEL_ROWS * ZO_PANEL_ROWS * each + block % each * ZO_PANEL_ROWS +
             block / each % ZO_PANEL_ROWS;
    return zo_nf4_absmax_map[m->absmax_code[at]] * m->group[block / ZO_NF4_GROUP] + m->offset;
}

static void decode_nf4(const zo_matrix *m, int64_t first, int64_t n, float *out)
{
    for (int64_t k = first; k < first + n;) {
        int64_t block = k / ZO_NF4_BLOCK, end = (block + 1) * ZO_NF4_BLOCK;
        float absmax = zo_precision_absmax(m, block);
        for (end = end < first + n ? end : first + n; k < end; k++)
            *out++ = zo_nf4_levels[zo_precision_code_nf4(m, k)] * absmax;
    }
}

static void whole_nf4(const zo_matrix *m, int64_t first, int64_t n, int8_t *out)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = zo_nf4_int8[zo_precision_code_nf4(m, first + i)];
}

/* The code of the map's value nearest to x, the lower one of two as near. */
static uint8_t nearest_in_map(float x)
{
    int lo = 0, hi = 255;
    while (lo < hi) {
        int mid = (lo + hi) / 2;
        if (x > (zo_nf4_absmax_map[mid] + zo_nf4_absmax_map[mid + 1]) / 2)
            lo = mid + 1;
        else
            hi = mid;
    }
    return (uint8_t)lo;
}

/* The absmax of all blocks, less their mean, to 8 bits by groups. */
static float quantize_absmax(const float *absmax, int64_t blocks, uint8_t *code, float *group)
{
    double sum = 0;
    float less[ZO_NF4_GROUP];
    for (int64_t i = 0; i < blocks; i++)
        sum += absmax[i];
    float mean = (float)(sum / (double)blocks);
    for (int64_t at = 0; at < blocks; at += ZO_NF4_GROUP) {
        int64_t n = blocks - at < ZO_NF4_GROUP ? blocks - at : ZO_NF4_GROUP;
        for (int64_t i = 0; i < n; i++)
            less[i] = absmax[at + i] - mean;
        float most = largest(less, n), inverse = 1.0f / (most > 1e-38f ? most : 1e-38f);
        group[at / ZO_NF4_GROUP] = most;
        for (int64_t i = 0; i < n; i++)
            code[at + i] = nearest_in_map(less[i] * inverse);
    }
    return mean;
}

static int64_t scale_bytes_nf4(int64_t out, int64_t blocks)
{
    (void)out;
    int64_t groups = (blocks + ZO_NF4_GROUP - 1) / ZO_NF4_GROUP;
    return ceil_to(blocks, 64) + ceil_to(groups * (int64_t)sizeof(float), 64);
}

static void finish_nf4(const zo_encoder *e, zo_matrix *m)
{
    const int64_t blocks = blocks_of(e->precision, e->out, e->in);
    uint8_t *code = (uint8_t *)scales_of(e);
    float *group = (float *)(void *)(code + ceil_to(blocks, 64));
    m->offset = quantize_absmax(e->absmax, blocks, code, group);
    m->absmax_code = code;
    m->group = group;
}

static void reorder_nf4(const zo_matrix *m, int64_t group, void *to, void *room)
{
    const int64_t in = m->in, each = in / ZO_NF4_BLOCK;
    for (int64_t c = 0; c < ZO_PANEL_ROWS / 2; c++) {
        const uint8_t *low = (const uint8_t *)room + c * in / 2, *high = low + ZO_PANEL_ROWS / 2 * in / 2;
        for (int64_t k = 0; k < in; k += 2) {
            uint8_t *two = (uint8_t *)to + place_nf4(c, k, in);
            two[0] = (uint8_t)(low[k / 2] >> 4 | (high[k / 2] & 0xf0));
            two[4] = (uint8_t)((low[k / 2] & 15) | high[k / 2] << 4);
        }
    }
    uint8_t *codes = (uint8_t *)(uintptr_t)m->absmax_code + group * ZO_PANEL_ROWS * each;
    memcpy(room, codes, (size_t)(ZO_PANEL_ROWS * each));
    for (int64_t b = 0; b < each; b++)
        for (int64_t c = 0; c < ZO_PANEL_ROWS; c++)
            codes[b * ZO_PANEL_ROWS + c] = ((const uint8_t *)room)[c * each + b];
}

/* ---- the table ---- */

static const zo_precision_info table[ZO_PRECISION_COUNT] = {
#define X(name, text, block, bytes, error, functions, ...)                                                   \
    [ZO_PRECISION_##name] = {text, block, bytes, error, encode_##functions, decode_##functions, __VA_ARGS__},
    ZO_PRECISION_MAP(X)
#undef X
};

const zo_precision_info *zo_precision_get(zo_precision p)
{
    assert((unsigned)p < ZO_PRECISION_COUNT);
    return &table[p];
}

const char *zo_precision_name(zo_precision p)
{
    return zo_precision_get(p)->name;
}

const char *zo_compute_name(zo_compute c)
{
    static const char *const names[ZO_COMPUTE_COUNT] = {
#define X(name, text) [ZO_COMPUTE_##name] = text,
        ZO_COMPUTE_MAP(X)
#undef X
    };
    assert((unsigned)c < ZO_COMPUTE_COUNT);
    return names[c];
}

bool zo_precision_in_int8(zo_precision p, int64_t in)
{
    const zo_precision_info *info = zo_precision_get(p);
    return info->whole && in % info->block == 0;
}

int64_t zo_precision_bytes(zo_precision p, int64_t out, int64_t in)
{
    const zo_precision_info *info = zo_precision_get(p);
    return code_bytes(p, out, in) + (info->scale_bytes ? info->scale_bytes(out, blocks_of(p, out, in)) : 0);
}

int64_t zo_precision_scratch(zo_precision p, int64_t out, int64_t in)
{
    return zo_precision_get(p)->block > 1 ? blocks_of(p, out, in) : 0;
}

int64_t zo_precision_grain(zo_precision p, int64_t in)
{
    int64_t grain = zo_precision_get(p)->block;
    for (; grain > 1 && in % 2 == 0; in /= 2) /* a block's length is a power of two */
        grain /= 2;
    return grain;
}

void zo_precision_encode_rows(const zo_encoder *e, int64_t row, int64_t rows, const float *x)
{
    assert(row >= 0 && rows >= 0 && rows <= e->out - row &&
           row % zo_precision_grain(e->precision, e->in) == 0);
    zo_precision_get(e->precision)->encode(e, row, rows, x);
}

zo_matrix zo_precision_encode_end(const zo_encoder *e)
{
    const zo_precision_info *info = zo_precision_get(e->precision);
    zo_matrix m = {.precision = e->precision, .out = e->out, .in = e->in, .values = e->storage};
    if (info->finish)
        info->finish(e, &m);
    return m;
}

/* ---- panel order ---- */

bool zo_precision_reorders(zo_precision p, int64_t in)
{
    const int unit = zo_precision_get(p)->panel_unit;
    return unit && in % unit == 0;
}

int64_t zo_precision_reorder_bytes(int64_t in)
{
    return ceil_to(ZO_PANEL_ROWS * in * (int64_t)sizeof(float), 64);
}

static void turn_group(const zo_matrix *m, int64_t group, void *room)
{
    const zo_precision_info *info = zo_precision_get(m->precision);
    int64_t bytes = ZO_PANEL_ROWS * m->in * info->bytes / info->block;
    char *at = (char *)(uintptr_t)m->values + group * bytes;
    memcpy(room, at, (size_t)bytes);
    info->reorder(m, group, at, room);
}

void zo_precision_reorder(zo_matrix *m, int threads, void *room)
{
    int64_t groups = m->out / ZO_PANEL_ROWS, bytes = zo_precision_reorder_bytes(m->in);
    assert(zo_precision_reorders(m->precision, m->in) && !m->panel_rows);
#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (int64_t g = 0; g < groups; g++)
        turn_group(m, g, (char *)room + omp_get_thread_num() * bytes);
    m->panel_rows = groups * ZO_PANEL_ROWS;
}

void zo_precision_decode_rows(const zo_matrix *m, int64_t row, int64_t rows, float *out)
{
    assert(row >= 0 && rows >= 0 && rows <= m->out - row);
    for (int64_t r = row; r < row + rows; r++, out += m->in)
        zo_precision_get(m->precision)
            ->decode(m, zo_rotary_row(r, m->out, m->permuted_heads) * m->in, m->in, out);
}
