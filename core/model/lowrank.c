/* See lowrank.h. */
#include "core/model/lowrank.h"

#include <omp.h>
#include <string.h>

#include "core/kernel/kernel.h"
#include "core/kernel/rng.h"

enum {
    LANES = ZO_PANEL_LANES,
    RUN = 64 /* values of a lane that are moved at once */
};

static int64_t vectors_of(int64_t n)
{
    return (n + LANES - 1) / LANES;
}

static int64_t a_values(int64_t in, int32_t rank)
{
    return vectors_of(rank) * LANES * in;
}

static int64_t b_values(int64_t out, int32_t rank)
{
    return vectors_of(out) * LANES * rank;
}

void zo_lowrank_most(const zo_config *c, int32_t rank, int64_t *a, int64_t *b)
{
    *a = *b = 0;
    for (int g = 0; g < ZO_GROUP_COUNT; g++) {
        int64_t of_a = 0, of_b = 0;
        for (int i = 0; i < zo_group_targets(g); i++) {
            int64_t out, in;
            zo_target_shape(c, zo_group_first(g) + i, &out, &in);
            of_a += a_values(in, rank);
            of_b += b_values(out, rank);
        }
        *a = of_a > *a ? of_a : *a;
        *b = of_b > *b ? of_b : *b;
    }
}

bool zo_lowrank_collect(const zo_lora *l, int32_t layer, zo_group g, zo_lowrank *out, int target[3])
{
    *out = (zo_lowrank){.targets = 0};
    for (int i = 0; i < zo_group_targets(g); i++) {
        const zo_lora_pair *pair = l ? zo_lora_at(l, layer, zo_group_first(g) + i) : NULL;
        target[i] = pair && pair->b ? out->targets : -1;
        if (target[i] >= 0)
            out->pair[out->targets++] = pair;
    }
    if (!out->targets)
        return false;
    out->rank = l->options.rank;
    out->scale = l->scale;
    out->train_a = l->options.train_a;
    return true;
}

static const zo_replica master = {0, 0};

static int32_t replicas_of(const zo_lowrank *l)
{
    return l->p ? l->p->count : 1;
}

static int32_t replicas_of_a(const zo_lowrank *l)
{
    return l->train_a ? replicas_of(l) : 1;
}

/* Part of a trained array whose rows become the lanes of a vector: n values of each of up to 16 neighbouring rows. */
typedef struct part {
    const float *x; /* (rows, ld) the whole array */
    int64_t rows, ld;
    int64_t row, column, n; /* n <= RUN */
    uint32_t tensor;
} part;

static int64_t lanes_of(const part *t)
{
    return t->rows - t->row < LANES ? t->rows - t->row : LANES;
}

/* Columns [column, column + n) of 16 rows of x (rows, ld) from `row` on, to [n][16]; rows that are not there become zeros. */
static void reorder(const zo_panels *panels, float out[RUN * LANES], const float *x, int64_t rows, int64_t ld,
                    int64_t row, int64_t column, int64_t n)
{
    const zo_matrix w = {.precision = ZO_PRECISION_F32, .out = rows, .in = ld, .values = x};
    panels->unpack[w.precision].f32(out, &(zo_panel_source){.w = &w, .row = row, .k0 = column, .k = n});
}

static void noise_of(const zo_panels *panels, float out[RUN * LANES], const zo_perturbation *p,
                     uint32_t query, const part *t)
{
    float z[LANES * RUN];
    zo_noise_at at = {p->seed, p->step, query, t->tensor};
    uint64_t first = (uint64_t)(t->row * t->ld + t->column);
    if (t->n == t->ld) {
        zo_normals(at, first, lanes_of(t) * t->n, z);
    } else {
        for (int64_t lane = 0; lane < lanes_of(t); lane++)
            zo_normals(at, first + (uint64_t)(lane * t->ld), t->n, z + lane * t->n);
    }
    reorder(panels, out, z, lanes_of(t), t->n, 0, 0, t->n);
}

/* The replicas of a part, `stride` values apart. Neighbours of one query share their noise. */
static void form_part(const zo_panels *panels, float *out, int64_t stride, const part *t,
                      const zo_perturbation *p)
{
    const zo_kernels *kernels = zo_kernels_best();
    float x[RUN * LANES], z[RUN * LANES];
    int64_t made = -1;
    reorder(panels, x, t->x, t->rows, t->ld, t->row, t->column, t->n);
    for (int32_t n = 0; n < (p ? p->count : 1); n++, out += stride) {
        const zo_replica *r = p ? p->replicas + n : &master;
        if (r->sign == 0) {
            memcpy(out, x, (size_t)(t->n * LANES) * sizeof *out);
            continue;
        }
        if (made != r->query)
            noise_of(panels, z, p, r->query, t);
        made = r->query;
        kernels->scale_add(out, x, (float)(r->sign * p->eps), z, t->n * LANES);
    }
}

/* All replicas of one array (rows, ld) as (replicas, vectors, ld, 16). */
static void form(const zo_panels *panels, float *out, int64_t stride, const float *x, int64_t rows,
                 int64_t ld, uint32_t tensor, const zo_perturbation *p)
{
    int64_t runs = (ld + RUN - 1) / RUN, vectors = vectors_of(rows);
#pragma omp parallel for collapse(2) schedule(static) if (rows * ld > 4096)
    for (int64_t v = 0; v < vectors; v++) {
        for (int64_t i = 0; i < runs; i++) {
            part t = {x, rows, ld, v * LANES, i * RUN, ld - i * RUN < RUN ? ld - i * RUN : RUN, tensor};
            form_part(panels, out + (v * ld + t.column) * LANES, stride, &t, p);
        }
    }
}

static float *b_of(const zo_lowrank *l, int i)
{
    float *b = l->b;
    for (int k = 0; k < i; k++)
        b += replicas_of(l) * b_values(l->pair[k]->out, l->rank);
    return b;
}

void zo_lowrank_form(const zo_panels *panels, const zo_lowrank *l)
{
    int64_t in = l->pair[0]->in, a = a_values(in, l->rank);
    for (int i = 0; i < l->targets; i++) {
        const zo_lora_pair *pair = l->pair[i];
        form(panels, l->a + i * a, l->targets * a, pair->a, l->rank, in, pair->tensor_a,
             l->train_a ? l->p : NULL);
        form(panels, b_of(l, i), b_values(pair->out, l->rank), pair->b, pair->out, l->rank, pair->tensor_b,
             l->p);
    }
}

const float *zo_lowrank_panel(const zo_lowrank *l, int i, int32_t replica, int64_t vector)
{
    return b_of(l, i) + replica * b_values(l->pair[i]->out, l->rank) + vector * l->rank * LANES;
}

/* low of `rows` rows of a tile, whose x stands in f32, that meet one A: from the first of them on. */
static void run_inputs(const zo_engine *e, const zo_lowrank *l, int32_t replica, int rows, const float *x,
                       float *low)
{
    float sums[ZO_PANEL_TILE * ZO_PANEL_LD];
    int H = e->panels->tile_rows;
    int64_t in = l->pair[0]->in, values = a_values(in, l->rank);
    const float *a = l->a + replica * l->targets * values;
    for (int i = 0; i < l->targets; i++, a += values, low += l->rank * H) {
        for (int32_t r = 0; r < l->rank; r += ZO_PANEL_LD) {
            int32_t n = l->rank - r < ZO_PANEL_LD ? l->rank - r : ZO_PANEL_LD;
            e->panels->f32(sums, x, a + r * in, in * LANES, in, rows, (int)vectors_of(n), false, NULL);
            for (int32_t j = 0; j < n; j++)
                for (int row = 0; row < rows; row++)
                    low[(r + j) * H + row] = l->scale * sums[row * ZO_PANEL_LD + j];
        }
    }
}

static void tile_inputs(const zo_engine *e, const zo_lowrank *l, const zo_tile *t, const float *x, float *low)
{
    if (replicas_of_a(l) == 1) {
        run_inputs(e, l, 0, t->rows, x, low);
        return;
    }
    for (int row = 0, n; row < t->rows; row += n) {
        n = zo_tile_run(t, row);
        run_inputs(e, l, t->replica[row], n, x + row, low + row);
    }
}

void zo_lowrank_inputs(const zo_engine *e, const zo_lowrank *l, const zo_tile *tiles, int32_t n,
                       const void *x)
{
    int64_t in = l->pair[0]->in, bytes = zo_tile_bytes(e, in);
    int64_t stride = (int64_t)l->targets * l->rank * e->panels->tile_rows;
    bool pairs = zo_engine_pairs(e);
    int threads = e->threads < omp_get_max_threads() ? e->threads : omp_get_max_threads();
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int32_t i = 0; i < n; i++) {
        const void *tile = (const char *)x + i * bytes;
        if (pairs) {
            float *wide = (float *)(void *)(e->scratch + omp_get_thread_num() * e->scratch_bytes);
            e->panels->widen(wide, tile, in);
            tile = wide;
        }
        tile_inputs(e, l, tiles + i, tile, l->low + i * stride);
    }
}
