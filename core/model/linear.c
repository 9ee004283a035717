/* See linear.h. One thread's work is a range of output vectors; the loops within are panels, blocks of the inner dimension
 * that fit the cache, tiles. */
#include "core/model/linear.h"

#include <string.h>

#include <omp.h>

enum {
    TILE_SUMS = ZO_PANEL_TILE * ZO_PANEL_LD,
    PANEL_GRAIN = 64, /* blocks of the inner dimension are multiples of this: nf4's block */
    PANEL_MOST = ZO_LINEAR_BLOCK + ZO_PANEL_LD * 4 * PANEL_GRAIN, /* of blocks that are rounded up */
    PANEL_ROOM =
        PANEL_MOST + PANEL_MOST / PANEL_GRAIN * (int)sizeof(float), /* and nf4's scales of whole numbers */
    SMALL = 1 << 18 /* multiply-adds below which other threads are not woken */
};

static int64_t padded(int64_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

int64_t zo_engine_scratch(const zo_panels *panels, int64_t in, int64_t tiles)
{
    int64_t sums = tiles * TILE_SUMS * (int64_t)sizeof(float);
    int64_t wide = in * panels->tile_rows * (int64_t)sizeof(float);
    return padded(PANEL_ROOM) + padded(sums > wide ? sums : wide);
}

enum { LIBRARY_OUT = 512 }; /* output channels that a library's product makes at once */

int64_t zo_engine_room(int64_t in, int64_t rows)
{
    return (rows + LIBRARY_OUT) * in + 2 * LIBRARY_OUT * rows;
}

/* In what a call's products are made: f32; bf16 pairs; whole numbers. */
typedef enum kind { WIDE, PAIRS, BYTES } kind;

static const int value_bytes[] = {[WIDE] = 4, [PAIRS] = 2, [BYTES] = 1};

static kind kind_of(const zo_engine *e, const zo_linear_call *c)
{
    bool bytes = e->compute == ZO_COMPUTE_INT8;
    for (int i = 0; i < c->count; i++)
        bytes = bytes && c->maps[i].w.precision == c->maps[0].w.precision &&
                zo_precision_in_int8(c->maps[i].w.precision, c->maps[i].w.in);
    return bytes ? BYTES : zo_engine_pairs(e) ? PAIRS : WIDE;
}

/* The inner dimension in the fewest blocks of the size that suits. Sums are kept in f32 from block to block, which changes no bit
 * of them. Whole numbers are multiplied faster than the second-level cache hands them out. */
static int64_t block_of(int64_t in, kind how, int32_t tiles, bool ready)
{
    int64_t bytes = tiles > ZO_LINEAR_FEW ? ZO_LINEAR_BLOCK : ZO_LINEAR_BLOCK_FEW;
    if (how == BYTES || (tiles <= ZO_LINEAR_FEWEST && !ready))
        bytes = ZO_LINEAR_BLOCK_FEWEST;
    int64_t most = bytes / (ZO_PANEL_LD * value_bytes[how]);
    int64_t blocks = (in + most - 1) / most;
    return ((in + blocks - 1) / blocks + PANEL_GRAIN - 1) / PANEL_GRAIN * PANEL_GRAIN;
}

/* Whether kernels read the weights where they lie: f32 in panel order. (But for a last vector that is not whole.) */
static bool is_ready(const zo_engine *e, const zo_linear_call *c)
{
    bool ready = e->compute == ZO_COMPUTE_F32;
    for (int i = 0; i < c->count; i++)
        ready = ready && c->maps[i].w.precision == ZO_PRECISION_F32 && c->maps[i].w.panel_rows;
    return ready;
}

/* What a thread of a call works with. */
typedef struct worker {
    const zo_engine *e;
    const zo_linear_call *c;
    int64_t in, block;
    bool ready;  /* the maps' weights are read where they lie */
    bool scaled; /* what was multiplied were weights with the scale of int8's channels */
    kind kind;
    void *panel;
    float *scale; /* of the panel, where it is of BYTES of nf4 */
    float *sums;  /* (n tiles or 1, H, LD) */
} worker;

/* One vector of a panel: 16 output channels of a map. */
typedef struct column {
    int map;
    int64_t vector;
} column;

/* The vectors of a panel. */
typedef struct group {
    column column[ZO_PANEL_VECTORS];
    int vectors;
} group;

static int64_t vectors_of(const zo_linear *l)
{
    return (l->w.out + ZO_PANEL_LANES - 1) / ZO_PANEL_LANES;
}

/* Inputs of a panel, fill included. */
static int64_t filled(const worker *w, int64_t k)
{
    int64_t unit = w->kind == BYTES ? ZO_INT8_BLOCK : w->kind == PAIRS ? 2 : 1;
    return (k + unit - 1) / unit * unit;
}

static int64_t stride_of(const worker *w, int64_t k)
{
    return filled(w, k) * ZO_PANEL_LANES;
}

/* The same of nf4's scales. */
static int64_t scale_stride_of(int64_t k)
{
    return k / ZO_NF4_BLOCK * ZO_PANEL_LANES;
}

/* The inputs of a block. */
static int64_t inputs_at(const worker *w, int64_t k0)
{
    return w->in - k0 < w->block ? w->in - k0 : w->block;
}

/* A block of a panel: inputs [k0, k0 + k). */
typedef struct part {
    const group *g;
    int64_t k0, k;
} part;

/* The next block of the same panel, or the first one of the next panel. */
static part part_after(const worker *w, const part *p, const group *next)
{
    const int64_t after = p->k0 + p->k;
    return after < w->in ? (part){p->g, after, inputs_at(w, after)} : (part){next, 0, inputs_at(w, 0)};
}

static bool in_panel_order(const zo_matrix *m)
{
    return m->panel_rows > 0;
}

static int64_t weight_bytes(const zo_matrix *m, int64_t values)
{
    const zo_precision_info *info = zo_precision_get(m->precision);
    return values * info->bytes / info->block;
}

/* Where a column's weights lie from input k0 on. */
static uintptr_t weights_of(const worker *w, const column *c, int64_t k0)
{
    const zo_matrix *m = &w->c->maps[c->map].w;
    const int64_t first = c->vector * ZO_PANEL_LANES * m->in + k0 * (in_panel_order(m) ? ZO_PANEL_LANES : 1);
    return (uintptr_t)m->values + (uintptr_t)weight_bytes(m, first);
}

/* Where unpacking takes as long as multiplying, which is with a single tile, both fetch what comes next: the kernel a first vector,
 * the unpacking the others. Else the kernel alone does. */
static bool both_fetch(const worker *w)
{
    return w->c->n == 1 && !w->ready;
}

/* From the weights of a block's vector to those that are to be fetched while it is unpacked: the same vector of the next block;
 * of weights in rows, of which a block has only a few neighbouring lines, the next vector. 0: none. */
static int64_t distance(const worker *w, const part *p, const part *after, int j)
{
    const column *c = p->g->column + j, *to = after->g->column + j;
    const bool reordered = in_panel_order(&w->c->maps[c->map].w);
    if (!both_fetch(w))
        return 0;
    if (!reordered)
        return j + 1 < p->g->vectors ? (int64_t)(weights_of(w, c + 1, p->k0) - weights_of(w, c, p->k0)) : 0;
    return j > 0 && j < after->g->vectors ? (int64_t)(weights_of(w, to, after->k0) - weights_of(w, c, p->k0))
                                          : 0;
}

static void unpack(const worker *w, const part *p, const part *after)
{
    int64_t stride = stride_of(w, p->k);
    for (int j = 0; j < p->g->vectors; j++) {
        const column *c = p->g->column + j;
        zo_panel_source from = {.w = &w->c->maps[c->map].w,
                                .row = c->vector * ZO_PANEL_LANES,
                                .k0 = p->k0,
                                .k = p->k,
                                .round = w->e->compute != ZO_COMPUTE_F32,
                                .ahead = distance(w, p, after, j)};
        const zo_unpack *unpack_vector = &w->e->panels->unpack[from.w->precision];
        if (w->kind == BYTES)
            unpack_vector->int8((uint8_t *)w->panel + j * stride, w->scale + j * scale_stride_of(p->k),
                                &from);
        else if (w->kind == PAIRS)
            unpack_vector->bf16((uint16_t *)w->panel + j * stride, &from);
        else
            unpack_vector->f32((float *)w->panel + j * stride, &from);
    }
}

/* A panel that a kernel can read. */
typedef struct panel {
    const void *values;
    int64_t stride;
} panel;

/* A column where it lies, if a kernel can read it there: f32 in panel order; else 0. */
static uintptr_t place_of(const worker *w, const column *c, int64_t k0)
{
    const zo_matrix *m = &w->c->maps[c->map].w;
    bool ready = w->e->compute == ZO_COMPUTE_F32 && m->precision == ZO_PRECISION_F32 &&
                 c->vector * ZO_PANEL_LANES < m->panel_rows;
    return ready ? (uintptr_t)((const float *)m->values + (c->vector * w->in + k0) * ZO_PANEL_LANES) : 0;
}

/* The block where it lies, if its columns are at equal distances there: those of a map are, and of maps that are neighbours in
 * memory. */
static bool in_place(const worker *w, const part *p, panel *out)
{
    uintptr_t first = place_of(w, p->g->column, p->k0), before = first;
    intptr_t stride = 0;
    for (int j = 0; j < p->g->vectors; j++) {
        uintptr_t at = place_of(w, p->g->column + j, p->k0);
        if (!at || (j > 1 && (intptr_t)(at - before) != stride))
            return false;
        stride = (intptr_t)(at - before);
        before = at;
    }
    *out = (panel){(const float *)first, stride / (intptr_t)sizeof(float)};
    return true;
}

static panel panel_of(const worker *w, const part *p, const part *after)
{
    panel of = {w->panel, stride_of(w, p->k)};
    if (!in_place(w, p, &of))
        unpack(w, p, after);
    return of;
}

/* What comes after a block, to be fetched a little with each step of its products, so that it is on its way while the processor
 * multiplies. Of weights in rows, whose blocks do not lie together: all of the next panel's rows, over all blocks of this one.
 * False: none, or so many products that it would not matter. */
static bool ahead_of(const worker *w, const part *p, const part *after, const group *next, zo_ahead *out)
{
    const zo_matrix *m = &w->c->maps[p->g->column[0].map].w;
    const bool reordered = in_panel_order(m);
    const part to = reordered ? *after : (part){next, 0, w->in};
    const int64_t steps = w->c->n * (reordered ? p->k : w->in);
    const int vectors = both_fetch(w) ? 1 : to.g->vectors;
    if (to.g->vectors == 0 || w->c->n > ZO_LINEAR_FEW)
        return false;
    out->step = (weight_bytes(m, to.k * ZO_PANEL_LANES) + steps - 1) / steps;
    for (int j = 0; j < ZO_PANEL_VECTORS; j++)
        out->at[j] = weights_of(w, to.g->column + (j < vectors ? j : 0), to.k0) +
                     (uintptr_t)(reordered ? 0 : p->k0 * w->c->n * out->step);
    return true;
}

static void multiply_bytes(const worker *w, float *sums, const void *x, int rows, const panel *of,
                           int vectors, int64_t k0, int64_t n, const zo_ahead *ahead)
{
    int64_t H = w->e->panels->tile_rows, block = k0 / ZO_INT8_BLOCK;
    zo_int8_tile tile = zo_tile_int8(w->e, x, w->in);
    bool scaled = w->c->maps[0].w.absmax_code;
    tile = (zo_int8_tile){tile.codes + k0 * H, tile.scale + block * H, tile.start + block * H};
    w->e->panels->int8(sums, &tile,
                       &(zo_int8_panel){of->values, of->stride, scaled ? w->scale : NULL, scale_stride_of(n)},
                       n, rows, vectors, k0 > 0, ahead);
}

/* Tile i times inputs [k0, k0 + k) of a panel. */
static void multiply(const worker *w, float *sums, int32_t i, const panel *of, int vectors, int64_t k0,
                     int64_t k, const zo_ahead *ahead)
{
    const zo_panels *p = w->e->panels;
    const char *x = (const char *)w->c->x + i * zo_tile_bytes(w->e, w->in);
    int rows = w->c->tiles[i].rows, H = p->tile_rows;
    int64_t n = filled(w, k);
    zo_ahead share;
    if (ahead) {
        share = *ahead;
        for (int j = 0; j < ZO_PANEL_VECTORS; j++)
            share.at[j] += (uintptr_t)(i * k * share.step);
        ahead = &share;
    }
    if (w->kind == BYTES)
        multiply_bytes(w, sums, x, rows, of, vectors, k0, n, ahead);
    else if (w->kind == PAIRS)
        p->bf16(sums, (const uint16_t *)(const void *)x + k0 * H, of->values, of->stride, n, rows, vectors,
                k0 > 0, ahead);
    else
        p->f32(sums, (const float *)(const void *)x + k0 * H, of->values, of->stride, n, rows, vectors,
               k0 > 0, ahead);
}

/* The per-channel values of a column, zeros past the last channel. */
static const float *channels(const float *values, const zo_linear *l, int64_t vector,
                             float spare[ZO_PANEL_LANES])
{
    int64_t first = vector * ZO_PANEL_LANES;
    if (first + ZO_PANEL_LANES <= l->w.out)
        return values + first;
    for (int64_t i = 0; i < ZO_PANEL_LANES; i++)
        spare[i] = first + i < l->w.out ? values[first + i] : 0.0f;
    return spare;
}

/* What follows the frozen product in a tile's sums, one vector at a time: the scale of int8's channels, the
 * low-rank part of each row's replica, the bias. */
static void complete(const worker *w, float *sums, int32_t tile, const column *columns, int vectors)
{
    const zo_linear_call *c = w->c;
    const zo_panels *p = w->e->panels;
    const zo_tile *t = c->tiles + tile;
    float spare[ZO_PANEL_LANES];
    for (int j = 0; j < vectors; j++, sums += ZO_PANEL_LANES) {
        const zo_linear *l = c->maps + columns[j].map;
        if (l->w.scale && !w->scaled)
            p->scale(sums, channels(l->w.scale, l, columns[j].vector, spare), t->rows);
        if (c->lowrank && c->target[columns[j].map] >= 0) {
            int target = c->target[columns[j].map], rank = c->lowrank->rank;
            const float *low =
                c->lowrank->low + ((int64_t)tile * c->lowrank->targets + target) * rank * p->tile_rows;
            for (int row = 0, n; row < t->rows; row += n) {
                n = zo_tile_run(t, row);
                p->f32(sums + row * ZO_PANEL_LD, low + row,
                       zo_lowrank_panel(c->lowrank, target, t->replica[row], columns[j].vector), 0, rank, n,
                       1, true, NULL);
            }
        }
        if (l->bias)
            p->shift(sums, channels(l->bias, l, columns[j].vector, spare), t->rows);
    }
}

static void put(const worker *w, const float *sums, int32_t tile, const column *columns, int vectors)
{
    const zo_linear_call *c = w->c;
    const zo_panels *p = w->e->panels;
    const zo_tile *t = c->tiles + tile;
    if (c->into == ZO_INTO_SWIGLU) {
        int64_t out = c->maps[0].w.out, at = columns[0].vector * ZO_PANEL_LANES;
        int64_t n = out - at < ZO_PANEL_LANES ? out - at : ZO_PANEL_LANES;
        char *packed = (char *)c->packed + tile * zo_tile_bytes(w->e, out);
        if (zo_engine_pairs(w->e))
            p->swiglu_bf16((uint16_t *)(void *)packed + at * p->tile_rows, sums, t->rows, n);
        else
            p->swiglu_f32((float *)(void *)packed + at * p->tile_rows, sums, t->rows, n,
                          w->e->compute != ZO_COMPUTE_F32);
        return;
    }
    for (int j = 0; j < vectors; j++) {
        int64_t at = columns[j].vector * ZO_PANEL_LANES, out = c->maps[columns[j].map].w.out, to = at;
        for (int m = 0; m < columns[j].map; m++)
            to += c->maps[m].w.out;
        p->store(c->y + t->row * c->ld + to, c->ld, sums + j * ZO_PANEL_LANES, t->rows,
                 out - at < ZO_PANEL_LANES ? out - at : ZO_PANEL_LANES, c->into == ZO_INTO_ADD);
    }
}

static void run_panel(const worker *w, const group *g, const group *next)
{
    for (part p = {g, 0, inputs_at(w, 0)}; p.g == g; p = part_after(w, &p, next)) {
        const part after = part_after(w, &p, next);
        zo_ahead ahead;
        bool more = ahead_of(w, &p, &after, next, &ahead);
        panel of = panel_of(w, &p, &after);
        for (int32_t i = 0; i < w->c->n; i++) {
            float *sums = w->sums + (w->block < w->in ? (int64_t)i * TILE_SUMS : 0);
            multiply(w, sums, i, &of, g->vectors, p.k0, p.k, more ? &ahead : NULL);
            if (after.g == g)
                continue;
            complete(w, sums, i, g->column, g->vectors);
            put(w, sums, i, g->column, g->vectors);
        }
    }
}

/* The next panel of vectors [*at, last) of the joined outputs, none after the last; SwiGLU's hold one vector of either map. */
static group take_group(const zo_linear_call *c, int64_t *at, int64_t last)
{
    group g = {.vectors = 0};
    if (c->into == ZO_INTO_SWIGLU) {
        if (*at < last)
            g = (group){{{0, *at}, {1, *at}}, 2};
        (*at)++;
        return g;
    }
    for (; *at < last && g.vectors < ZO_PANEL_VECTORS; (*at)++) {
        column *to = g.column + g.vectors++;
        *to = (column){0, *at};
        for (; to->vector >= vectors_of(c->maps + to->map); to->map++)
            to->vector -= vectors_of(c->maps + to->map);
    }
    return g;
}

static void run_vectors(const worker *w, int64_t first, int64_t last)
{
    group g = take_group(w->c, &first, last);
    while (g.vectors) {
        group next = take_group(w->c, &first, last);
        run_panel(w, &g, &next);
        g = next;
    }
}

/* What SwiGLU packed, by all threads, when all of it is there. */
static void finish_tiles(const zo_engine *e, const zo_linear_call *c)
{
    int64_t out = c->maps[0].w.out, bytes = zo_tile_bytes(e, out);
#pragma omp barrier
#pragma omp for schedule(static)
    for (int32_t i = 0; i < c->n; i++)
        zo_tile_finish(e, (char *)c->packed + i * bytes, out);
}

/* ---- frozen products by a library ---- */

/* The rows of all tiles in order: x (rows, in). */
static void gather(const zo_engine *e, const zo_linear_call *c, int64_t in, float *x)
{
    const int H = e->panels->tile_rows;
#pragma omp parallel for schedule(static)
    for (int32_t i = 0; i < c->n; i++) {
        const float *tile = (const float *)c->x + i * in * H;
        for (int r = 0; r < c->tiles[i].rows; r++)
            for (int64_t k = 0; k < in; k++)
                x[(c->tiles[i].row + r) * in + k] = tile[k * H + r];
    }
}

/* Channels [first, first + n) of a map as f32: where they lie, or decoded into `room`. */
static const float *decoded(const zo_matrix *m, int64_t first, int64_t n, float *room)
{
    if (m->precision == ZO_PRECISION_F32 && !m->panel_rows && !m->permuted_heads)
        return (const float *)m->values + first * m->in;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i++)
        zo_precision_decode_rows(m, first + i, 1, room + i * m->in);
    return room;
}

/* What follows the frozen product, for channels [first, first + n) of `count` maps from `map` on, whose products are y (rows, n)
 * each, one `step` after the other. */
static void finish(const worker *w, int map, int count, int64_t first, int64_t n, const float *y,
                   int64_t step)
{
    const zo_linear_call *c = w->c;
    const int64_t vectors = (n + ZO_PANEL_LANES - 1) / ZO_PANEL_LANES;
#pragma omp parallel for schedule(static)
    for (int32_t i = 0; i < c->n; i++) {
        const zo_tile *t = c->tiles + i;
        float sums[TILE_SUMS];
        for (int64_t v = 0; v < vectors; v++) {
            const int64_t at = v * ZO_PANEL_LANES, wide = n - at < ZO_PANEL_LANES ? n - at : ZO_PANEL_LANES;
            column columns[2];
            for (int j = 0; j < count; j++) {
                columns[j] = (column){map + j, first / ZO_PANEL_LANES + v};
                for (int r = 0; r < t->rows; r++)
                    memcpy(sums + r * ZO_PANEL_LD + j * ZO_PANEL_LANES, y + j * step + (t->row + r) * n + at,
                           (size_t)wide * sizeof *sums);
            }
            complete(w, sums, i, columns, count);
            put(w, sums, i, columns, count);
        }
    }
}

static void apply_library(const zo_engine *e, const zo_linear_call *c)
{
    const int64_t in = c->maps[0].w.in, rows = c->tiles[c->n - 1].row + c->tiles[c->n - 1].rows;
    float *x = e->room, *weights = x + rows * in, *y = weights + LIBRARY_OUT * in;
    const worker w = {.e = e, .c = c, .in = in, .scaled = true};
    const int together = c->into == ZO_INTO_SWIGLU ? 2 : 1;
    gather(e, c, in, x);
    for (int map = 0; map < c->count; map += together) {
        const int64_t out = c->maps[map].w.out;
        for (int64_t first = 0, n; first < out; first += n) {
            n = out - first < LIBRARY_OUT ? out - first : LIBRARY_OUT;
            for (int j = 0; j < together; j++)
                e->sgemm(y + j * rows * n, x, decoded(&c->maps[map + j].w, first, n, weights), rows, n, in);
            finish(&w, map, together, first, n, y, rows * n);
        }
    }
}

void zo_linear_apply(const zo_engine *e, const zo_linear_call *c)
{
    int64_t in = c->maps[0].w.in, vectors = 0, rows = (int64_t)c->n * e->panels->tile_rows;
    const kind how = kind_of(e, c);
    const bool ready = is_ready(e, c);
    if (e->sgemm) {
        apply_library(e, c);
        return;
    }
    for (int i = 0; i < (c->into == ZO_INTO_SWIGLU ? 1 : c->count); i++)
        vectors += vectors_of(c->maps + i);
    int threads = e->threads < omp_get_max_threads() ? e->threads : omp_get_max_threads();
    if (rows * vectors * ZO_PANEL_LANES * in < SMALL)
        threads = 1;
#pragma omp parallel num_threads(threads)
    {
        int64_t me = omp_get_thread_num(), all = omp_get_num_threads();
        char *scratch = e->scratch + me * e->scratch_bytes;
        worker w = {.e = e,
                    .c = c,
                    .in = in,
                    .block = block_of(in, how, c->n, ready),
                    .ready = ready,
                    .kind = how,
                    .panel = scratch,
                    .scale = (float *)(void *)(scratch + PANEL_MOST),
                    .sums = (float *)(void *)(scratch + padded(PANEL_ROOM))};
        run_vectors(&w, vectors * me / all, vectors * (me + 1) / all);
        if (c->into == ZO_INTO_SWIGLU && e->compute == ZO_COMPUTE_INT8)
            finish_tiles(e, c);
    }
}
