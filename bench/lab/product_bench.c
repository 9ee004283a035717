/* Linear maps against OpenBLAS's sgemm (lab.h).
 *
 * A shape at a number of rows is a group. In each round every contender of the group runs once, beginning with
 * another each time, so that what slows the machine down for a while slows all of them, and a ratio is of neighbours in time.
 * A contender takes the next copy of its weights every time, of copies that together are larger than the last-level
 * cache: weights come from memory, as those of a model's next layer do. A sample has what a product costs in a forward: packing
 * of x, product, storing of y; sgemm packs for itself.
 */
#include "bench/lab/lab.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>

#include "bench/base/clock.h"
#include "bench/record/record.h"
#include "bench/backend/sgemm.h"
#include "bench/base/stats.h"
#include "core/number/dtype.h"
#include "core/model/linear.h"
#include "core/model/lora.h"
#include "core/base/mem.h"
#include "core/kernel/rng.h"

enum {
    LEAST_ROUNDS = 3,
    MOST_ROUNDS = 31,
    MOST_TABLES = 8,
    CONTENDERS = 1 + MOST_TABLES * ZO_PRECISION_COUNT * ZO_COMPUTE_COUNT,
    CHECK_ROWS = 13,    /* a full tile and others that are not; a row's result depends on no other */
    SAMPLE_NS = 100000, /* shorter products are repeated for so long */
    MOST_REPEATS = 16
};

/* A contender is left out where a product would take longer than this, a share of all the time, and it is so much slower
 * than sgemm, which never is. */
#define TOO_LONG    0.002
#define TOO_LONG_NS 2e7
#define TOO_SLOW    2

/* One weight matrix in copies. */
typedef struct weights {
    zo_matrix first;
    char *copies;
    int64_t bytes, count, next;
} weights;

/* OpenBLAS where panels is NULL. */
typedef struct contender {
    const zo_panels *panels;
    zo_precision precision;
    zo_compute compute;
    int64_t repeats;
    double row_ns;          /* time of a row, as far as known; 0: not */
    double ns[MOST_ROUNDS]; /* of one product */
    bool left_out;
} contender;

typedef struct shape {
    const char *model;
    char maps[64]; /* "gate, up" */
    int64_t out, in;
} shape;

typedef struct bench {
    const bench_kernel_options *o;
    const json_t *peak;
    shape shape;
    weights weights[ZO_PRECISION_COUNT]; /* as frozen models have them */
    weights in_rows;                     /* f32 in rows, for sgemm */
    contender contender[CONTENDERS];
    int contenders;
    int64_t rows;                                 /* room for so many */
    float *x, *y;                                 /* (rows, in), (rows, out) */
    float *plain, *absolute, *wanted, *magnitude; /* (out, in) twice, (CHECK_ROWS, out) twice */
    char *packed, *scratch;
    zo_tile *tiles;
    int64_t scratch_bytes;
    bench_kernel_array room[9]; /* those from x to tiles */
    int64_t deadline_ns;
    int groups_left;
    json_t *results;
} bench;

/* ---- weights ---- */

static void *moved(const weights *w, const void *p)
{
    return p ? w->copies + w->next * w->bytes + ((const char *)p - w->copies) : NULL;
}

/* The next copy. */
static zo_matrix take(weights *w)
{
    zo_matrix m = w->first;
    m.values = moved(w, m.values);
    m.scale = moved(w, m.scale);
    m.absmax_code = moved(w, m.absmax_code);
    m.group = moved(w, m.group);
    w->next = (w->next + 1) % w->count;
    return m;
}

static void draw(float *x, int64_t n, uint32_t tensor, float scale)
{
    enum { RUN = 4096 };
#pragma omp parallel for
    for (int64_t i = 0; i < n; i += RUN) {
        int64_t m = n - i < RUN ? n - i : RUN;
        zo_normals((zo_noise_at){.seed = 1, .tensor = tensor}, (uint64_t)i, m, x + i);
        for (int64_t k = i; k < i + m; k++)
            x[k] *= scale;
    }
}

static zo_status make_weights(bench *b, weights *w, zo_precision p, bool frozen, zo_error *err)
{
    const int64_t out = b->shape.out, in = b->shape.in;
    zo_encoder e = {.precision = p, .out = out, .in = in};
    *w = (weights){.bytes = (zo_precision_bytes(p, out, in) + 63) / 64 * 64, .count = 1};
    if (!b->o->warm)
        w->count += b->o->copies_bytes / w->bytes;
    zo_status st = zo_mem_array(NULL, ZO_ACCOUNT_HARNESS, (size_t)w->count, (size_t)w->bytes, "weights",
                                &w->copies, err);
    if (!st)
        st = zo_mem_array(NULL, ZO_ACCOUNT_HARNESS, (size_t)zo_precision_scratch(p, out, in), sizeof(float),
                          "weights", &e.absmax, err);
    if (st)
        return st;
    e.storage = w->copies;
    zo_precision_encode_rows(&e, 0, out, b->plain);
    w->first = zo_precision_encode_end(&e);
    if (frozen && zo_precision_reorders(p, in)) {
        void *room;
        st = zo_mem_array(NULL, ZO_ACCOUNT_HARNESS, 1, (size_t)zo_precision_reorder_bytes(in), "weights",
                          &room, err);
        if (!st)
            zo_precision_reorder(&w->first, 1, room);
        zo_mem_free(room);
    }
#pragma omp parallel for
    for (int64_t i = 1; i < w->count; i++)
        memcpy(w->copies + i * w->bytes, w->copies, (size_t)w->bytes);
    zo_mem_free(e.absmax);
    return st;
}

/* Is there such a product? Weights that have none in whole numbers are computed as with bf16. */
static bool computed_in(const bench *b, zo_precision p, zo_compute compute)
{
    return compute != ZO_COMPUTE_INT8 || zo_precision_in_int8(p, b->shape.in);
}

/* ---- one product ---- */

static void multiply(bench *b, const contender *c, int64_t rows)
{
    const int64_t in = b->shape.in, out = b->shape.out;
    zo_matrix w = take(c->panels ? b->weights + c->precision : &b->in_rows);
    if (!c->panels) {
        bench_sgemm_openblas(b->y, out, b->x, in, w.values, rows, out, in, 1, 0);
        return;
    }
    zo_engine e = {.panels = c->panels,
                   .compute = c->compute,
                   .threads = b->o->threads,
                   .scratch = b->scratch,
                   .scratch_bytes = b->scratch_bytes};
    zo_linear map = {.w = w};
    const int32_t n = zo_tiles_cut(c->panels->tile_rows, 0, rows, b->tiles);
    const int64_t bytes = zo_tile_bytes(&e, in);
#pragma omp parallel for schedule(static) if (n * in > 1 << 14)
    for (int32_t i = 0; i < n; i++)
        zo_tile_pack(&e, b->packed + i * bytes, b->x + b->tiles[i].row * in, in, b->tiles[i].rows, in);
    zo_linear_call call = {.maps = &map,
                           .count = 1,
                           .target = {-1, -1, -1},
                           .tiles = b->tiles,
                           .n = n,
                           .x = b->packed,
                           .into = ZO_INTO_SET,
                           .y = b->y,
                           .ld = out};
    zo_linear_apply(&e, &call);
}

/* ---- is it right ---- */

static float bf16_of(float x)
{
    return zo_bf16_to_f32(zo_f32_to_bf16(x));
}

/* Weight i of precision p, `value` when decoded, as a product takes it. int8's codes are taken as they are, and scaled
 * afterwards. */
static float weight_of(const bench *b, zo_precision p, zo_compute compute, int64_t i, float value)
{
    const zo_matrix *w = &b->weights[p].first;
    if (compute == ZO_COMPUTE_F32 || p == ZO_PRECISION_INT8)
        return value;
    if (compute == ZO_COMPUTE_BF16)
        return bf16_of(value);
    return rintf(127 * zo_nf4_levels[zo_precision_code_nf4(w, i)]) *
           (zo_precision_absmax(w, i / ZO_NF4_BLOCK) / 127.0f);
}

/* A row of x to whole numbers times the scale of their block. The scale's inverse is in f32, as in the kernels: near
 * the middle of two numbers it is this that decides. */
static void round_blocks(float *x, int64_t in)
{
    for (int64_t at = 0; at < in; at += ZO_INT8_BLOCK) {
        const int64_t end = at + ZO_INT8_BLOCK < in ? at + ZO_INT8_BLOCK : in;
        float most = 0;
        for (int64_t k = at; k < end; k++)
            most = fmaxf(most, fabsf(x[k]));
        for (int64_t k = at; k < end && most > 0; k++)
            x[k] = rintf(x[k] * (127.0f / most)) * (most / 127.0f);
    }
}

/* What a contender of (precision, compute) should give, by sgemm over the values that it sees, and sum |x w|. */
static void want(bench *b, zo_precision p, zo_compute compute)
{
    const int64_t in = b->shape.in, out = b->shape.out;
    draw(b->x, CHECK_ROWS * in, 1, 1);
#pragma omp parallel for
    for (int64_t r = 0; r < out; r++) {
        zo_precision_decode_rows(&b->weights[p].first, r, 1, b->plain + r * in);
        for (int64_t k = r * in; k < (r + 1) * in; k++) {
            b->plain[k] = weight_of(b, p, compute, k, b->plain[k]);
            b->absolute[k] = fabsf(b->plain[k]);
        }
    }
    for (int64_t i = 0; compute != ZO_COMPUTE_F32 && i < CHECK_ROWS * in; i++)
        b->x[i] = bf16_of(b->x[i]);
    for (int64_t r = 0; compute == ZO_COMPUTE_INT8 && r < CHECK_ROWS; r++)
        round_blocks(b->x + r * in, in);
    bench_sgemm_openblas(b->wanted, out, b->x, in, b->plain, CHECK_ROWS, out, in, 1, 0);
    for (int64_t i = 0; i < CHECK_ROWS * in; i++)
        b->x[i] = fabsf(b->x[i]);
    bench_sgemm_openblas(b->magnitude, out, b->x, in, b->absolute, CHECK_ROWS, out, in, 1, 0);
    draw(b->x, CHECK_ROWS * in, 1, 1);
}

/* Either result is within gamma_k sum |x w| of the true one, k = in + 2 roundings (the sum, int8's scale and its product):
 * Higham 2002, "Accuracy and Stability of Numerical Algorithms", 2nd ed., (3.5).
 * With compute int8 the true one is of codes times scales. What sgemm is given is those, rounded: the other two of its
 * roundings. The kernel has fewer: sums of a block are exact; two products with scales and the sum of in / 32 blocks are
 * not. */
static zo_status check(bench *b, const contender *c, zo_error *err)
{
    const double nu = (double)(b->shape.in + 2) * 0x1p-24, gamma = nu / (1 - nu);
    const int64_t out = b->shape.out;
    for (int64_t i = 0; i < CHECK_ROWS * out; i++)
        b->y[i] = NAN;
    multiply(b, c, CHECK_ROWS);
    for (int64_t i = 0; i < CHECK_ROWS * out; i++)
        if (!(fabs((double)b->y[i] - b->wanted[i]) <= 2 * gamma * b->magnitude[i] * (1 + gamma) + 1e-30))
            return zo_fail(err, ZO_ERR_NUMERIC,
                           "kernel %s is wrong: weights %s, compute %s, %lld x %lld: y[%lld][%lld] is %g, "
                           "sgemm says %g",
                           c->panels->name, zo_precision_name(c->precision), zo_compute_name(c->compute),
                           (long long)out, (long long)b->shape.in, (long long)(i / out), (long long)(i % out),
                           b->y[i], b->wanted[i]);
    return ZO_OK;
}

static zo_status check_all(bench *b, zo_error *err)
{
    zo_status st = ZO_OK;
    for (int p = 0; p < ZO_PRECISION_COUNT; p++) {
        for (int k = 0; k < ZO_COMPUTE_COUNT; k++) {
            if (!b->o->precision[p] || !b->o->compute[k] || !computed_in(b, p, k))
                continue;
            want(b, p, k);
            for (int i = 1; i < b->contenders && !st; i++)
                if ((int)b->contender[i].precision == p && (int)b->contender[i].compute == k)
                    st = check(b, b->contender + i, err);
        }
    }
    return st;
}

/* ---- how long it takes ---- */

static double sample(bench *b, const contender *c, int64_t rows)
{
    const int64_t begin = bench_clock_ns();
    for (int64_t i = 0; i < c->repeats; i++)
        multiply(b, c, rows);
    return (double)(bench_clock_ns() - begin) / (double)c->repeats;
}

/* A first time, which also warms up; or leaves the contender out, going by what a row took at best before. */
static void begin_contender(bench *b, contender *c, int64_t rows)
{
    c->left_out = c->row_ns * (double)rows > fmax(TOO_LONG * 1e9 * b->o->seconds, TOO_LONG_NS) &&
                  c->row_ns > TOO_SLOW * b->contender[0].row_ns;
    if (c->left_out)
        return;
    c->repeats = 1;
    double ns = sample(b, c, rows);
    c->repeats = (int64_t)fmin(MOST_REPEATS, fmax(1, SAMPLE_NS / ns));
}

/* The rate that bounds a contender's multiply-adds; 0: not known, *missing says why. */
static double peak_of(const bench *b, const contender *c, const char **missing)
{
    const zo_panels *t = c->panels;
    const char *key = "f32_flops_per_s";
    *missing = "this peak was not measured";
    if (t && c->compute == ZO_COMPUTE_INT8) {
        if (!t->int8_dots) {
            *missing = "this table multiplies bytes in plain C, which no measured peak bounds";
            return 0;
        }
        key = "int8_ops_per_s";
    } else if (t && t->bf16 && c->compute == ZO_COMPUTE_BF16) {
        key = "bf16_flops_per_s";
    }
    return json_number_value(json_object_get(b->peak, key));
}

static void put_share(json_t *o, const char *key, double rate, double peak, const char *missing)
{
    if (peak > 0)
        bench_record_real(o, key, rate / peak);
    else
        bench_record_unknown(o, key, missing);
}

static void report(bench *b, const contender *c, int64_t rows, int rounds)
{
    const contender *sgemm = b->contender;
    const double flops = 2.0 * (double)rows * (double)b->shape.out * (double)b->shape.in;
    const double bytes = (double)zo_precision_bytes(c->precision, b->shape.out, b->shape.in),
                 s = c->left_out ? NAN : 1e-9 * bench_stats_median(c->ns, (size_t)rounds);
    const char *missing;
    const double peak = peak_of(b, c, &missing);
    const double read = json_number_value(json_object_get(b->peak, "read_bytes_per_s"));
    double ratio[MOST_ROUNDS];
    json_t *o = json_pack("{s:s, s:s, s:I, s:I, s:I, s:s, s:s, s:s}", "model", b->shape.model, "maps",
                          b->shape.maps, "out", (json_int_t)b->shape.out, "in", (json_int_t)b->shape.in,
                          "rows", (json_int_t)rows, "kernel", c->panels ? c->panels->name : "openblas",
                          "weights", zo_precision_name(c->precision), "compute", zo_compute_name(c->compute));
    if (c->left_out) {
        bench_record_unknown(o, "ns", "far slower than sgemm, it would take too long");
    } else {
        bench_kernel_spread(o, "ns", c->ns, rounds);
        bench_record_real(o, "flops_per_s", flops / s);
        put_share(o, "flops_of_peak", flops / s, peak, missing);
        bench_record_real(o, "weight_bytes_per_s", bytes / s);
        put_share(o, "read_of_peak", bytes / s, b->o->warm ? 0 : read, "the weights lie in a cache");
    }
    for (int i = 0; i < rounds && !c->left_out; i++)
        ratio[i] = sgemm->ns[i] / c->ns[i];
    if (!c->left_out)
        bench_kernel_spread(o, "ratio", ratio, rounds);
    json_array_append_new(b->results, o);
}

static void run_group(bench *b, int64_t rows)
{
    const int64_t now = bench_clock_ns();
    const int64_t end = now + (b->deadline_ns - now) / (b->groups_left > 0 ? b->groups_left : 1);
    int rounds = 0;
    draw(b->x, rows * b->shape.in, 1, 1);
    for (int i = 0; i < b->contenders; i++)
        begin_contender(b, b->contender + i, rows);
    while (rounds < LEAST_ROUNDS || (rounds < MOST_ROUNDS && bench_clock_ns() < end)) {
        for (int i = 0; i < b->contenders; i++) {
            contender *c = b->contender + (i + rounds * 7) % b->contenders;
            if (!c->left_out)
                c->ns[rounds] = sample(b, c, rows);
        }
        rounds++;
    }
    for (int i = 0; i < b->contenders; i++) {
        contender *c = b->contender + i;
        if (!c->left_out)
            c->row_ns = bench_stats_min(c->ns, (size_t)rounds) / (double)rows;
        report(b, c, rows, rounds);
    }
    b->groups_left--;
}

/* ---- shapes ---- */

static void list_contenders(bench *b)
{
    b->contender[0] = (contender){.precision = ZO_PRECISION_F32};
    b->contenders = 1;
    for (const zo_panels *const *t = zo_panels_all(); *t; t++)
        for (int p = 0; bench_kernel_wanted(b->o, (*t)->name) && p < ZO_PRECISION_COUNT; p++)
            for (int k = 0; k < ZO_COMPUTE_COUNT; k++)
                if (b->o->precision[p] && b->o->compute[k] && computed_in(b, p, k) &&
                    b->contenders < CONTENDERS)
                    b->contender[b->contenders++] = (contender){.panels = *t, .precision = p, .compute = k};
}

/* Room for anything of this shape. Tables and computes differ in how high a tile is and what it holds. */
static zo_status make_room(bench *b, zo_error *err)
{
    const int64_t in = b->shape.in, out = b->shape.out, rows = b->rows;
    int64_t bytes = 0;
    b->scratch_bytes = 0;
    for (const zo_panels *const *t = zo_panels_all(); *t; t++) {
        const int32_t n = zo_tiles_cut((*t)->tile_rows, 0, rows, NULL);
        const int64_t scratch = zo_engine_scratch(*t, in, n);
        for (int k = 0; k < ZO_COMPUTE_COUNT; k++) {
            const int64_t packed = n * zo_tile_bytes(&(zo_engine){.panels = *t, .compute = k}, in);
            bytes = packed > bytes ? packed : bytes;
        }
        b->scratch_bytes = scratch > b->scratch_bytes ? scratch : b->scratch_bytes;
    }
    const bench_kernel_array room[] = {{&b->x, rows * in, sizeof(float)},
                                       {&b->y, rows * out, sizeof(float)},
                                       {&b->plain, out * in, sizeof(float)},
                                       {&b->absolute, out * in, sizeof(float)},
                                       {&b->wanted, CHECK_ROWS * out, sizeof(float)},
                                       {&b->magnitude, CHECK_ROWS * out, sizeof(float)},
                                       {&b->packed, bytes, 1},
                                       {&b->scratch, b->scratch_bytes * b->o->threads, 1},
                                       {&b->tiles, rows, sizeof(zo_tile)}};
    memcpy(b->room, room, sizeof room);
    return bench_kernel_make(b->room, sizeof room / sizeof *room, err);
}

static void free_room(bench *b)
{
    bench_kernel_free(b->room, sizeof b->room / sizeof *b->room);
    for (int p = 0; p < ZO_PRECISION_COUNT; p++)
        zo_mem_free(b->weights[p].copies);
    zo_mem_free(b->in_rows.copies);
    memset(b->weights, 0, sizeof b->weights);
    b->in_rows = (weights){0};
}

static zo_status run_shape(bench *b, zo_error *err)
{
    fprintf(stderr, "%s: %s (%lld x %lld)\n", b->shape.model, b->shape.maps, (long long)b->shape.out,
            (long long)b->shape.in);
    list_contenders(b);
    zo_status st = make_room(b, err);
    if (!st)
        draw(b->plain, b->shape.out * b->shape.in, 0, 1 / sqrtf((float)b->shape.in));
    if (!st)
        st = make_weights(b, &b->in_rows, ZO_PRECISION_F32, false, err);
    for (int p = 0; p < ZO_PRECISION_COUNT && !st; p++)
        if (b->o->precision[p])
            st = make_weights(b, b->weights + p, p, true, err);
    if (!st)
        st = check_all(b, err);
    for (int i = 0; i < b->o->row_counts && !st; i++)
        run_group(b, b->o->rows[i]);
    free_room(b);
    return st;
}

/* The maps of a block; those of equal shape are one. Returns their number. */
static int shapes_of(const char *model, const zo_config *c, shape out[ZO_TARGET_COUNT])
{
    int n = 0;
    for (int t = 0; t < ZO_TARGET_COUNT; t++) {
        shape s = {.model = model};
        int i = 0;
        zo_target_shape(c, t, &s.out, &s.in);
        while (i < n && (out[i].out != s.out || out[i].in != s.in))
            i++;
        if (i == n)
            out[n++] = s;
        const size_t at = strlen(out[i].maps);
        const char *name = zo_target_name(t);
        snprintf(out[i].maps + at, sizeof out[i].maps - at, "%s%.*s", at ? ", " : "", (int)strcspn(name, "_"),
                 name);
    }
    return n;
}

zo_status bench_products_measure(const bench_kernel_options *o, const json_t *peak, json_t **out,
                                 zo_error *err)
{
    bench b = {.o = o, .peak = peak, .results = json_array()};
    shape shapes[BENCH_KERNEL_MODELS * ZO_TARGET_COUNT];
    zo_status st = b.results ? ZO_OK : zo_fail(err, ZO_ERR_MEMORY, "benchmark: out of memory");
    int n = 0;
    *out = NULL;
    for (int i = 0; i < o->models; i++)
        n += shapes_of(o->model[i], o->config + i, shapes + n);
    b.groups_left = n * o->row_counts;
    b.deadline_ns = bench_clock_ns() + (int64_t)(1e9 * o->seconds);
    b.rows = o->rows[o->row_counts - 1] > CHECK_ROWS ? o->rows[o->row_counts - 1] : CHECK_ROWS;
    for (int i = 0; i < n && !st; i++) {
        b.shape = shapes[i];
        st = run_shape(&b, err);
    }
    if (st)
        json_decref(b.results);
    else
        *out = b.results;
    return st;
}
