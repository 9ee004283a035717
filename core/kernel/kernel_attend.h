/* Causal attention of the heads that share a key-value head, and the row of zo_kernels that an including file fills.
 *
 * Included by kernel_isa.c.
 *
 * A line is one query row of one head; n keys, d values each. Keys and values are first laid out in panels of LANES
 * columns, so that both products are sums over the rows of a panel, a vector of independent sums at a time:
 *
 *     scores (lines, n) = q (lines, d)   x  keys (d, n)     panels of LANES keys
 *     out    (lines, d) = p (lines, n)   x  values (n, d)   panels of LANES of the d values
 *
 * Each sum runs over d, or over the keys from the first on, one term after another, whatever lines are worked on
 * together: a line's result depends on its own query and keys alone.
 */
#ifndef ZO_KERNEL_ATTEND_H
#define ZO_KERNEL_ATTEND_H

#include "core/kernel/kernel.h"
#include "core/kernel/kernel_body.h"
#include "core/kernel/kernel_noise.h"

/* ZO_ATTEND_LINES x TILE_VECS vectors of sums are held in registers together, of 16. Where there are 32, twice as many
 * are no faster: eight independent sums keep the adders busy. */
#define TILE_VECS 2

#define ALWAYS_INLINE __attribute__((always_inline)) static inline

_Static_assert(ZO_ATTEND_PAD % SUMS == 0 && SUMS % LANES == 0, "padded rows are whole vectors");

/* y (lines, columns) = x (lines, terms) times panels; LANES divides columns. */
typedef struct tile {
    const float *x[ZO_ATTEND_LINES];
    float *y; /* row floats from line to line */
    int64_t row, columns;
    const float *panels; /* `size` floats each */
    int64_t size;
} tile;

/* Adds the terms [from, to) to `vecs` vectors of the sums of some lines, y where from is 0 being all zeros. To be
 * inlined with constants: the sums live in registers. */
ALWAYS_INLINE void accumulate(const tile *t, int first, int64_t column, int64_t from, int64_t to, int lines,
                              int vecs)
{
    const float *panel = t->panels + column / LANES * t->size;
    const float *x[ZO_ATTEND_LINES];
    vec s[ZO_ATTEND_LINES * TILE_VECS];
    float *y = t->y + first * t->row + column;
    for (int r = 0; r < lines; r++)
        x[r] = t->x[first + r];
    for (int i = 0; i < lines * vecs; i++)
        s[i] = from ? load(y + i / vecs * t->row + i % vecs * LANES) : splat(0.0f);
    for (int64_t j = from; j < to; j++) {
        vec p[TILE_VECS];
        for (int c = 0; c < vecs; c++)
            p[c] = load(panel + c * t->size + j * LANES);
        for (int i = 0; i < lines * vecs; i++)
            s[i] += splat(x[i / vecs][j]) * p[i % vecs];
    }
    for (int i = 0; i < lines * vecs; i++)
        store(y + i / vecs * t->row + i % vecs * LANES, s[i]);
}

/* n[r] terms for line r, n never falling: the n[0] that all have together, what is left line by line. */
ALWAYS_INLINE void multiply(const tile *t, const int64_t *n, int lines)
{
    int64_t wide = t->columns - t->columns % (TILE_VECS * LANES);
    for (int64_t column = 0; column < wide; column += TILE_VECS * LANES)
        accumulate(t, 0, column, 0, n[0], lines, TILE_VECS);
    for (int64_t column = wide; column < t->columns; column += LANES)
        accumulate(t, 0, column, 0, n[0], lines, 1);
    for (int r = 1; r < lines; r++)
        for (int64_t column = 0; column < t->columns && n[r] > n[0]; column += LANES)
            accumulate(t, r, column, n[0], n[r], 1, 1);
}

/* Scores to exp(scale * score - the largest), in place; returns one over their sum. */
static float softmax(float *score, int64_t n, float scale)
{
    vec top = splat(largest(score, n) * scale), total[PARTS] = {0};
    /* The empty lanes get exp(-87) = 1.6e-38, which no f32 sum that holds a 1 can notice. */
    for (int64_t i = n; i % SUMS != 0; i++)
        score[i] = -INFINITY;
    for (int64_t j = 0; j < n; j += SUMS) {
        for (int c = 0; c < PARTS; c++) {
            vec p = exp_vec(load(score + j + c * LANES) * splat(scale) - top);
            total[c] += p;
            store(score + j + c * LANES, p);
        }
    }
    return 1.0f / sum(total);
}

/* n keys and values of d, rows ldkv apart, into panels of LANES columns; padding is 0. */
static void pack(float *keys, float *values, const zo_attention *a, int64_t n)
{
    int64_t d = a->d, whole = d - d % LANES, wide = zo_attend_padded(d);
    for (int64_t j = 0; j < zo_attend_padded(n); j++) {
        float *to = keys + (j - j % LANES) * d + j % LANES;
        for (int64_t i = 0; i < d; i++)
            to[i * LANES] = j < n ? a->k[j * a->ldkv + i] : 0.0f;
    }
    for (int64_t j = 0; j < n; j++) {
        const float *v = a->v + j * a->ldkv;
        for (int64_t i = 0; i < whole; i += LANES)
            store(values + i * n + j * LANES, load(v + i));
        for (int64_t i = whole; i < wide; i += LANES)
            store(values + i * n + j * LANES, load_part(v + i, d - i, 0.0f));
    }
}

/* Lines from `line` on, counted row by row and in a row head by head. */
ALWAYS_INLINE void attend_lines(const zo_attention *a, const float *keys, const float *values, float *score,
                                float *mixed, int64_t line, int lines)
{
    int64_t d = a->d, all = a->first + a->rows, n[ZO_ATTEND_LINES], terms[ZO_ATTEND_LINES];
    for (int r = 0; r < lines; r++) {
        n[r] = a->first + (line + r) / a->heads + 1;
        terms[r] = d;
    }
    tile scores = {.y = score,
                   .row = zo_attend_padded(all),
                   .columns = zo_attend_padded(n[lines - 1]),
                   .panels = keys,
                   .size = LANES * d};
    tile mix = {.y = mixed,
                .row = zo_attend_padded(d),
                .columns = zo_attend_padded(d),
                .panels = values,
                .size = LANES * all};
    for (int r = 0; r < lines; r++) {
        scores.x[r] = a->q + (line + r) / a->heads * a->ldq + (line + r) % a->heads * d;
        mix.x[r] = score + r * scores.row;
    }
    multiply(&scores, terms, lines);
    float norm[ZO_ATTEND_LINES];
    for (int r = 0; r < lines; r++)
        norm[r] = softmax(score + r * scores.row, n[r], a->scale);
    multiply(&mix, n, lines);
    for (int r = 0; r < lines; r++) {
        float *out = a->out + (line + r) / a->heads * a->ldo + (line + r) % a->heads * d;
        for (int64_t i = 0; i < d; i++)
            out[i] = mixed[r * mix.row + i] * norm[r];
    }
}

static void attend(const zo_attention *a)
{
    int64_t n = a->first + a->rows, lines = a->rows * a->heads, line = 0;
    float *keys = a->scratch, *values = keys + zo_attend_padded(n) * a->d;
    float *score = values + n * zo_attend_padded(a->d),
          *mixed = score + ZO_ATTEND_LINES * zo_attend_padded(n);
    pack(keys, values, a, n);
    for (; line + ZO_ATTEND_LINES <= lines; line += ZO_ATTEND_LINES)
        attend_lines(a, keys, values, score, mixed, line, ZO_ATTEND_LINES);
    for (; line < lines; line++)
        attend_lines(a, keys, values, score, mixed, line, 1);
}

/* noise_normals is kernel_noise.h's, the others kernel_body.h's. */
#define KERNEL_TABLE(instruction_set)                                                                        \
    {                                                                                                        \
        .name = instruction_set, .normals = noise_normals, .rmsnorm = rmsnorm, .rope = rope,                 \
        .attend = attend, .logsumexp = logsumexp, .scale_add = scale_add                                     \
    }

#endif
