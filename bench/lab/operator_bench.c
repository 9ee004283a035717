/* The small operators (lab.h), each on arrays that lie in cache. */
#include "bench/lab/lab.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "bench/base/clock.h"
#include "bench/base/stats.h"
#include "core/number/dtype.h"
#include "core/kernel/kernel.h"
#include "core/model/linear.h"
#include "core/model/lowrank.h"
#include "core/kernel/rng.h"

enum {
    WIDTH = 2048, /* TinyLlama's */
    VOCAB = 32000,
    HEAD = 64,
    HEADS = 8, /* query heads that share a key-value head */
    KEYS = 128,
    RANK = 16,
    QUERIES = 4,
    ROWS = 64, /* of each of 2 QUERIES replicas */
    SAMPLES = 7,
    FLOATS = 1 << 18 /* of a work array */
};

/* What operators work on. */
typedef struct work {
    const zo_kernels *kernels;
    const zo_panels *panels;
    float *a, *b, *c; /* (FLOATS) a and b hold values, c is written */
    float *scratch;
    zo_matrix w; /* (16, WIDTH) */
    zo_engine engine;
    zo_lowrank lowrank;
    zo_tile *tiles;
    int32_t tile_count;
    void *packed;
    volatile double result;
} work;

static void run_normals(work *w)
{
    static const uint32_t key[2] = {1, 2};
    w->kernels->normals(key, 0, 0, 0, 0, WIDTH, w->c);
}

static void run_rmsnorm(work *w)
{
    w->kernels->rmsnorm(w->c, w->a, w->b, WIDTH, 1e-5f);
}

static void run_rope(work *w)
{
    w->kernels->rope(w->c, w->a, w->b, HEAD / 2);
}

static void run_attend(work *w)
{
    zo_attention a = {.out = w->c,
                      .ldo = HEADS * HEAD,
                      .q = w->a,
                      .ldq = HEADS * HEAD,
                      .k = w->b,
                      .v = w->b + KEYS * HEAD,
                      .ldkv = HEAD,
                      .heads = HEADS,
                      .rows = KEYS,
                      .d = HEAD,
                      .scale = 0.125f,
                      .scratch = w->scratch};
    w->kernels->attend(&a);
}

static void run_logsumexp(work *w)
{
    w->result = w->kernels->logsumexp(w->a, VOCAB);
}

static void run_scale_add(work *w)
{
    w->kernels->scale_add(w->c, w->a, 0.5f, w->b, WIDTH);
}

static void run_pack_f32(work *w)
{
    w->panels->pack_f32(w->c, w->a, WIDTH, w->panels->tile_rows, WIDTH, false);
}

static void run_pack_rounded(work *w)
{
    w->panels->pack_f32(w->c, w->a, WIDTH, w->panels->tile_rows, WIDTH, true);
}

static void run_pack_bf16(work *w)
{
    w->panels->pack_bf16((uint16_t *)(void *)w->c, w->a, WIDTH, w->panels->tile_rows, WIDTH);
}

static void run_widen(work *w)
{
    w->panels->widen(w->c, (const uint16_t *)(const void *)w->b, WIDTH);
}

/* Of a tile in the first form that this table has. */
static void run_pack_int8(work *w)
{
    zo_int8_tile to = {(int8_t *)w->c, w->c + FLOATS / 4, (int32_t *)(void *)(w->c + FLOATS / 2)};
    w->panels->pack_int8(&to, w->b, WIDTH);
}

static void run_unpack_f32(work *w)
{
    zo_panel_source from = {.w = &w->w, .k = WIDTH};
    w->panels->unpack[w->w.precision].f32(w->c, &from);
}

static void run_unpack_rounded(work *w)
{
    zo_panel_source from = {.w = &w->w, .k = WIDTH, .round = true};
    w->panels->unpack[w->w.precision].f32(w->c, &from);
}

static void run_unpack_bf16(work *w)
{
    zo_panel_source from = {.w = &w->w, .k = WIDTH};
    w->panels->unpack[w->w.precision].bf16((uint16_t *)(void *)w->c, &from);
}

static void run_unpack_int8(work *w)
{
    zo_panel_source from = {.w = &w->w, .k = WIDTH};
    w->panels->unpack[w->w.precision].int8((uint8_t *)w->c, w->c + FLOATS / 2, &from);
}

static void run_swiglu(work *w)
{
    w->panels->swiglu_f32(w->c, w->a, w->panels->tile_rows, ZO_PANEL_LANES, false);
}

static void run_store(work *w)
{
    w->panels->store(w->c, WIDTH, w->a, w->panels->tile_rows, ZO_PANEL_LANES, false);
}

static void run_lowrank_form(work *w)
{
    zo_lowrank_form(w->panels, &w->lowrank);
}

static void run_lowrank_inputs(work *w)
{
    zo_lowrank_inputs(&w->engine, &w->lowrank, w->tiles, w->tile_count, w->packed);
}

typedef enum of {
    OF_KERNELS,
    OF_PANELS,
    OF_WEIGHTS, /* of panels, for each precision */
    OF_WHOLE,   /* of panels, for each precision that has products in whole numbers */
    OF_NOTHING  /* chooses kernels itself */
} of;

/* "rounded": f32 of values that bf16 has, compute bf16 where there are no dot products of bf16. values and bytes (read and written; 0: not told) of a run; of panels: per row of a tile, times H where `tall`. */
static const struct operator_row {
    const char *name, *per;
    of of;
    void (*run)(work *w);
    double values, bytes;
    bool tall, dots; /* dots: only of tables that have bf16 dot products */
} operators[] = {
    {"normals", "normal", OF_KERNELS, run_normals, WIDTH, 4.0 * WIDTH, false, false},
    {"rmsnorm", "value", OF_KERNELS, run_rmsnorm, WIDTH, 12.0 * WIDTH, false, false},
    {"rope", "value", OF_KERNELS, run_rope, HEAD, 12.0 * HEAD, false, false},
    {"attend", "query, key and head of 64", OF_KERNELS, run_attend, HEADS *KEYS *(KEYS + 1) / 2.0,
     4.0 * (2 * HEADS * KEYS * HEAD + 2 * KEYS * HEAD), false, false},
    {"logsumexp", "value", OF_KERNELS, run_logsumexp, VOCAB, 4.0 * VOCAB, false, false},
    {"scale_add", "value", OF_KERNELS, run_scale_add, WIDTH, 12.0 * WIDTH, false, false},
    {"pack f32", "value", OF_PANELS, run_pack_f32, WIDTH, 8.0 * WIDTH, true, false},
    {"pack rounded", "value", OF_PANELS, run_pack_rounded, WIDTH, 8.0 * WIDTH, true, false},
    {"pack bf16", "value", OF_PANELS, run_pack_bf16, WIDTH, 6.0 * WIDTH, true, true},
    {"widen", "value", OF_PANELS, run_widen, WIDTH, 6.0 * WIDTH, true, true},
    {"pack int8", "value", OF_PANELS, run_pack_int8, WIDTH, 0, true, false},
    {"swiglu", "value", OF_PANELS, run_swiglu, ZO_PANEL_LANES, 12.0 * ZO_PANEL_LANES, true, false},
    {"store", "value", OF_PANELS, run_store, ZO_PANEL_LANES, 8.0 * ZO_PANEL_LANES, true, false},
    {"unpack f32", "value", OF_WEIGHTS, run_unpack_f32, ZO_PANEL_LANES *WIDTH, 4.0 * ZO_PANEL_LANES *WIDTH,
     false, false},
    {"unpack rounded", "value", OF_WEIGHTS, run_unpack_rounded, ZO_PANEL_LANES *WIDTH,
     4.0 * ZO_PANEL_LANES *WIDTH, false, false},
    {"unpack bf16", "value", OF_WEIGHTS, run_unpack_bf16, ZO_PANEL_LANES *WIDTH, 2.0 * ZO_PANEL_LANES *WIDTH,
     false, true},
    {"unpack int8", "value", OF_WHOLE, run_unpack_int8, ZO_PANEL_LANES *WIDTH, 1.0 * ZO_PANEL_LANES *WIDTH,
     false, false},
    {"lowrank form", "value of 8 replicas of Bw", OF_NOTHING, run_lowrank_form, 2.0 * QUERIES *WIDTH *RANK,
     8.0 * QUERIES *WIDTH *RANK, false, false},
    {"lowrank inputs", "row and value of A", OF_NOTHING, run_lowrank_inputs, 2.0 * QUERIES *ROWS *WIDTH *RANK,
     0, false, false},
};

/* Nanoseconds of a run. */
static double sample(const struct operator_row *o, work *w, int64_t repeats)
{
    const int64_t begin = bench_clock_ns();
    for (int64_t i = 0; i < repeats; i++)
        o->run(w);
    return (double)(bench_clock_ns() - begin) / (double)repeats;
}

static void measure(const struct operator_row *o, work *w, const char *kernel, const char *weights,
                    double slice_s, json_t *results)
{
    const int H = o->tall ? w->panels->tile_rows : 1;
    const double values = o->values * H;
    double bytes = o->bytes * H, ns[SAMPLES];
    int64_t repeats = 1;
    if (weights)
        bytes += (double)zo_precision_bytes(w->w.precision, w->w.out, w->w.in);
    while (sample(o, w, repeats) * (double)repeats < slice_s * 1e9 / SAMPLES / 2)
        repeats *= 2;
    for (int i = 0; i < SAMPLES; i++)
        ns[i] = sample(o, w, repeats) / values;
    json_t *r = json_pack("{s:s, s:s?, s:s, s:s}", "operator", o->name, "weights", weights, "kernel", kernel,
                          "per", o->per);
    bench_kernel_spread(r, "ns", ns, SAMPLES);
    if (bytes > 0)
        json_object_set_new(r, "bytes_per_s",
                            json_real(1e9 * bytes / values / bench_stats_median(ns, SAMPLES)));
    json_array_append_new(results, r);
}

static zo_status measure_weights(const struct operator_row *o, work *w, const bench_kernel_options *options,
                                 double slice_s, json_t *results, zo_error *err)
{
    zo_status st = ZO_OK;
    for (int p = 0; p < ZO_PRECISION_COUNT && !st; p++) {
        zo_encoder e = {.precision = p, .out = ZO_PANEL_LANES, .in = WIDTH};
        if (!options->precision[p] || (o->of == OF_WHOLE && !zo_precision_in_int8(p, WIDTH)))
            continue;
        const bench_kernel_array storage[] = {{&e.storage, zo_precision_bytes(p, e.out, e.in), 1},
                                              {&e.absmax, zo_precision_scratch(p, e.out, e.in),
                                               sizeof(float)}};
        st = bench_kernel_make(storage, 2, err);
        if (!st) {
            zo_precision_encode_rows(&e, 0, e.out, w->a);
            w->w = zo_precision_encode_end(&e);
            if (zo_precision_reorders(p, e.in)) /* as frozen weights lie */
                zo_precision_reorder(&w->w, 1, w->c);
            measure(o, w, w->panels->name, zo_precision_name(p), slice_s, results);
        }
        bench_kernel_free(storage, 2);
    }
    return st;
}

static zo_status run_operator(const struct operator_row *o, work *w, const bench_kernel_options *options,
                              double slice_s, json_t *results, zo_error *err)
{
    zo_status st = ZO_OK;
    if (o->of == OF_NOTHING)
        measure(o, w, w->engine.panels->name, NULL, slice_s, results);
    for (const zo_kernels *const *k = zo_kernels_all(); o->of == OF_KERNELS && *k; k++) {
        w->kernels = *k;
        memset(w->c, 0, FLOATS * sizeof *w->c);
        if (bench_kernel_wanted(options, (*k)->name))
            measure(o, w, (*k)->name, NULL, slice_s, results);
    }
    const bool weights = o->of == OF_WEIGHTS || o->of == OF_WHOLE;
    for (const zo_panels *const *k = zo_panels_all(); (o->of == OF_PANELS || weights) && *k && !st; k++) {
        w->panels = *k;
        if (!bench_kernel_wanted(options, (*k)->name) || (o->dots && !(*k)->bf16))
            continue;
        if (weights)
            st = measure_weights(o, w, options, slice_s, results, err);
        else
            measure(o, w, (*k)->name, NULL, slice_s, results);
    }
    return st;
}

/* A map of WIDTH by WIDTH with its adapter, both signs of every query. */
typedef struct adapted {
    zo_lora_pair pair;
    zo_replica replicas[2 * QUERIES];
    zo_perturbation p;
} adapted;

static void adapt(work *w, adapted *a)
{
    a->pair = (zo_lora_pair){.a = w->a, .b = w->b, .in = WIDTH, .out = WIDTH, .tensor_b = 0, .tensor_a = 1};
    for (int i = 0; i < 2 * QUERIES; i++)
        a->replicas[i] = (zo_replica){i % 2 ? -1 : 1, (uint32_t)i / 2};
    a->p = (zo_perturbation){.seed = 1, .eps = 0.01, .count = 2 * QUERIES, .replicas = a->replicas};
    w->lowrank.targets = 1;
    w->lowrank.pair[0] = &a->pair;
    w->lowrank.rank = RANK;
    w->lowrank.scale = 1;
    w->lowrank.p = &a->p;
    zo_tile *tile = w->tiles;
    w->tile_count = zo_tiles_cut(w->engine.panels->tile_rows, 0, 2 * QUERIES * ROWS, tile);
    for (int32_t i = 0; i < 2 * QUERIES; i++)
        tile = zo_tiles_own(tile, (int64_t)i * ROWS, ROWS, i);
}

zo_status bench_operators_measure(const bench_kernel_options *o, double slice_s, json_t **out, zo_error *err)
{
    work w = {.engine = {.panels = zo_panels_best(), .compute = ZO_COMPUTE_F32, .threads = o->threads}};
    adapted a;
    const int64_t tiles = 2 * QUERIES * ROWS; /* at most */
    json_t *results = json_array();
    zo_status st = results ? ZO_OK : zo_fail(err, ZO_ERR_MEMORY, "benchmark: out of memory");
    *out = NULL;
    w.engine.scratch_bytes = zo_engine_scratch(w.engine.panels, WIDTH, tiles);
    const bench_kernel_array arrays[] = {{&w.a, FLOATS, sizeof(float)},
                                         {&w.b, FLOATS, sizeof(float)},
                                         {&w.c, FLOATS, sizeof(float)},
                                         {&w.scratch, zo_attend_scratch(KEYS, HEAD), sizeof(float)},
                                         {&w.tiles, tiles, sizeof(zo_tile)},
                                         {&w.packed, tiles * ZO_PANEL_TILE * WIDTH, sizeof(float)},
                                         {&w.engine.scratch, w.engine.scratch_bytes * o->threads, 1},
                                         {&w.lowrank.a, RANK * WIDTH, sizeof(float)},
                                         {&w.lowrank.b, 2 * QUERIES * RANK * WIDTH, sizeof(float)},
                                         {&w.lowrank.low, tiles * RANK * ZO_PANEL_TILE, sizeof(float)}};
    const size_t array_count = sizeof arrays / sizeof *arrays;
    if (!st)
        st = bench_kernel_make(arrays, array_count, err);
    if (!st) {
        zo_normals((zo_noise_at){.seed = 1, .tensor = 0}, 0, FLOATS, w.a);
        zo_normals((zo_noise_at){.seed = 1, .tensor = 1}, 0, FLOATS, w.b);
        /* taken as pairs none is a subnormal number, with which arithmetic can be slow */
        for (int64_t i = 0; i < FLOATS; i++)
            w.b[i] = zo_bf16_to_f32(zo_f32_to_bf16(w.b[i]));
        adapt(&w, &a);
    }
    for (size_t i = 0; i < sizeof operators / sizeof *operators && !st; i++)
        st = run_operator(operators + i, &w, o, slice_s, results, err);
    bench_kernel_free(arrays, array_count);
    if (st)
        json_decref(results);
    else
        *out = results;
    return st;
}
