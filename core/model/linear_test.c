/* Tests of linear.h, tile.h, lowrank.h and the kernels of panel.h against plain sums in double, for every instruction set
 * that this machine has, every precision and compute, in shapes that are multiples of nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/number/dtype.h"
#include "core/model/linear.h"
#include "core/kernel/rng.h"

enum { MOST_TILES = 64 };

/* A uniform number in [-1, 1), a function of its place. */
static float number(uint64_t stream, uint64_t i)
{
    return (float)(int32_t)(zo_bits(stream, i, 0) >> 32) * 0x1p-31f;
}

static float *numbers(uint64_t stream, int64_t n)
{
    float *x = malloc((size_t)n * sizeof *x);
    assert_non_null(x);
    for (int64_t i = 0; i < n; i++)
        x[i] = number(stream, (uint64_t)i);
    return x;
}

static void *room(int64_t bytes)
{
    void *p = aligned_alloc(64, (size_t)(bytes + 63) / 64 * 64 + 64);
    assert_non_null(p);
    return p;
}

/* A matrix of random values in some precision, in panel order if that is asked for and there is one; its storage. */
static void *make_matrix(zo_precision p, int64_t out, int64_t in, bool reordered, uint64_t stream,
                         zo_matrix *w)
{
    float *x = numbers(stream, out * in), *absmax = malloc((size_t)zo_precision_scratch(p, out, in) * 4 + 4);
    zo_encoder e = {p, out, in, room(zo_precision_bytes(p, out, in)), absmax};
    zo_precision_encode_rows(&e, 0, out, x);
    *w = zo_precision_encode_end(&e);
    if (reordered && zo_precision_reorders(p, in)) {
        void *rows = room(zo_precision_reorder_bytes(in));
        zo_precision_reorder(w, 1, rows);
        free(rows);
    }
    free(x);
    free(absmax);
    return e.storage;
}

/* One product with everything that belongs to it. */
typedef struct fixture {
    zo_engine e;
    int64_t in, rows, ld;
    int maps;
    zo_linear map[3];
    void *storage[3];
    float *x, *y, *bias[3];
    void *packed;
    zo_tile tiles[MOST_TILES];
    int32_t n, replicas;
} fixture;

static void pack_all(fixture *f)
{
    f->packed = room(f->n * zo_tile_bytes(&f->e, f->in));
    for (int32_t i = 0; i < f->n; i++)
        zo_tile_pack(&f->e, (char *)f->packed + i * zo_tile_bytes(&f->e, f->in),
                     f->x + f->tiles[i].row * f->in, f->in, f->tiles[i].rows, f->in);
}

/* rows: of each of `replicas`. */
static fixture begin(const zo_panels *panels, zo_compute compute, zo_precision p, bool reordered, int64_t in,
                     const int64_t *out, int maps, int64_t rows, int32_t replicas)
{
    fixture f = {.in = in, .rows = rows * replicas, .maps = maps, .replicas = replicas};
    f.e = (zo_engine){.panels = panels, .compute = compute, .threads = omp_get_max_threads()};
    for (int i = 0; i < maps; i++) {
        f.storage[i] = make_matrix(p, out[i], in, reordered, 10 + (uint64_t)i, &f.map[i].w);
        f.map[i].bias = f.bias[i] = i == 1 ? numbers(20, out[i]) : NULL;
        f.ld += out[i];
    }
    f.x = numbers(3, f.rows * in);
    f.y = numbers(4, f.rows * f.ld);
    f.n = zo_tiles_cut(panels->tile_rows, 0, f.rows, NULL);
    assert_true(f.n <= MOST_TILES);
    zo_tiles_cut(panels->tile_rows, 0, f.rows, f.tiles);
    zo_tile *tile = f.tiles;
    for (int32_t r = 0; r < replicas; r++)
        tile = zo_tiles_own(tile, r * rows, rows, r);
    f.e.scratch_bytes = zo_engine_scratch(panels, in, f.n);
    f.e.scratch = room(f.e.scratch_bytes * f.e.threads);
    pack_all(&f);
    return f;
}

static void end(fixture *f)
{
    for (int i = 0; i < f->maps; i++) {
        free(f->storage[i]);
        free(f->bias[i]);
    }
    free(f->x);
    free(f->y);
    free(f->packed);
    free(f->e.scratch);
}

static void apply(fixture *f, zo_into into, const zo_lowrank *lowrank)
{
    zo_linear_call c = {.maps = f->map,
                        .count = f->maps,
                        .lowrank = lowrank,
                        .tiles = f->tiles,
                        .n = f->n,
                        .x = f->packed,
                        .into = into,
                        .y = f->y,
                        .ld = f->ld};
    for (int i = 0; i < 3; i++)
        c.target[i] = lowrank && i < lowrank->targets ? i : -1;
    zo_linear_apply(&f->e, &c);
}

static float as_computed(zo_compute c, float v)
{
    return c == ZO_COMPUTE_F32 ? v : zo_bf16_to_f32(zo_f32_to_bf16(v));
}

static bool in_whole_numbers(const fixture *f, const zo_matrix *w)
{
    return f->e.compute == ZO_COMPUTE_INT8 && zo_precision_in_int8(w->precision, w->in);
}

/* Input k of a row of x as a product takes it. */
static double input(const fixture *f, const zo_matrix *w, int64_t row, int64_t k)
{
    const float *x = f->x + row * f->in;
    float most = 0, v = as_computed(f->e.compute, x[k]);
    if (!in_whole_numbers(f, w))
        return v;
    for (int64_t i = k / 32 * 32; i < k / 32 * 32 + 32 && i < f->in; i++)
        most = fmaxf(most, fabsf(as_computed(f->e.compute, x[i])));
    float scaled =
        v * (127.0f / most); /* in f32, as the kernel: near the middle of two it is this that decides */
    return rint(scaled) * (most / 127.0f);
}

/* Weight k of a row. int8 is rounded to bf16 as a code, which is exact. */
static double weight(const fixture *f, const zo_matrix *w, const float *row_of_w, int64_t r, int64_t k)
{
    if (w->precision == ZO_PRECISION_INT8)
        return row_of_w[k];
    if (!in_whole_numbers(f, w))
        return as_computed(f->e.compute, row_of_w[k]);
    int64_t i = r * w->in + k;
    double level = zo_nf4_levels[zo_precision_code_nf4(w, i)];
    return rint(127 * level) / 127 * zo_precision_absmax(w, i / ZO_NF4_BLOCK);
}

/* Row of x times row r of w in double; *bound: the sum of magnitudes. */
static double plain(const fixture *f, const zo_matrix *w, const float *row_of_w, int64_t r, int64_t row,
                    double *bound)
{
    double sum = 0;
    *bound = 0;
    for (int64_t k = 0; k < f->in; k++) {
        double term = input(f, w, row, k) * weight(f, w, row_of_w, r, k);
        sum += term;
        *bound += fabs(term);
    }
    return sum;
}

/* The error of n additions and products in f32, each off by half a unit in the last place at most: Higham 2002, (3.5). One
 * of two orders: n + 8 covers scale, bias, the low-rank part's steps and a sum with y. */
static double error_bound(int64_t n, double magnitudes)
{
    double nu = (double)(n + 8) * 0x1p-24;
    return nu / (1 - nu) * magnitudes + 1e-30;
}

static void products_are_those_of_plain_sums(void **state)
{
    static const struct {
        int64_t in, out, rows;
    } shapes[] = {{52, 37, 19},  {64, 96, 8},    {172, 100, 13}, {1, 1, 1},
                  {2048, 50, 9}, {5632, 33, 17}, {4224, 16, 3}};
    enum { EACH = 2 * ZO_PRECISION_COUNT * ZO_COMPUTE_COUNT };
    (void)state;
    for (const zo_panels *const *panels = zo_panels_all(); *panels; panels++) {
        for (int i = 0; i < (int)(sizeof shapes / sizeof shapes[0]) * EACH; i++) {
            zo_precision p = i % ZO_PRECISION_COUNT;
            zo_compute c = i / ZO_PRECISION_COUNT % ZO_COMPUTE_COUNT;
            bool reordered = i / ZO_PRECISION_COUNT / ZO_COMPUTE_COUNT % 2;
            int s = i / EACH;
            fixture f = begin(*panels, c, p, reordered, shapes[s].in, &shapes[s].out, 1, shapes[s].rows, 1);
            float *w = malloc((size_t)f.in * sizeof *w);
            apply(&f, ZO_INTO_SET, NULL);
            for (int64_t o = 0; o < f.ld; o++) {
                zo_precision_decode_rows(&f.map[0].w, o, 1, w);
                for (int64_t r = 0; r < f.rows; r++) {
                    double bound, want = plain(&f, &f.map[0].w, w, o, r, &bound);
                    double off = fabs(f.y[r * f.ld + o] - want);
                    if (!(off <= error_bound(f.in, bound)))
                        fail_msg("%s, %s%s, compute %s, %lld x %lld: y[%lld][%lld] is off by %g",
                                 (*panels)->name, zo_precision_name(p), reordered ? " in panel order" : "",
                                 zo_compute_name(c), (long long)f.ld, (long long)f.in, (long long)r,
                                 (long long)o, off);
                }
            }
            free(w);
            end(&f);
        }
    }
}

/* Three maps side by side, one with a bias, added to what y holds; the rows of W reordered as GGUF files hold them. */
static void joined_maps_add_to_y(void **state)
{
    static const int64_t out[] = {40, 24, 7};
    (void)state;
    for (const zo_panels *const *panels = zo_panels_all(); *panels; panels++) {
        fixture f = begin(*panels, ZO_COMPUTE_F32, ZO_PRECISION_BF16, false, 96, out, 3, 11, 1);
        float w[96], *before = malloc((size_t)(f.rows * f.ld) * sizeof *before);
        f.map[0].w.permuted_heads = 5;
        memcpy(before, f.y, (size_t)(f.rows * f.ld) * sizeof *before);
        apply(&f, ZO_INTO_ADD, NULL);
        int64_t column = 0;
        for (int m = 0; m < 3; column += out[m++]) {
            for (int64_t o = 0; o < out[m]; o++) {
                zo_precision_decode_rows(&f.map[m].w, o, 1, w);
                for (int64_t r = 0; r < f.rows; r++) {
                    double bound, want = plain(&f, &f.map[m].w, w, o, r, &bound);
                    double was = before[r * f.ld + column + o], bias = f.bias[m] ? f.bias[m][o] : 0;
                    assert_true(fabs(f.y[r * f.ld + column + o] - (was + want + bias)) <=
                                error_bound(f.in, bound + fabs(was) + fabs(bias)));
                }
            }
        }
        free(before);
        end(&f);
    }
}

/* The same rows alone, in another order of company, on other numbers of threads, with weights in the other order: the same
 * bits. */
static void a_row_does_not_depend_on_its_company(void **state)
{
    static const int64_t out[] = {150, 64};
    int threads = omp_get_max_threads();
    (void)state;
    for (const zo_panels *const *panels = zo_panels_all(); *panels; panels++) {
        for (int i = 0; i < ZO_PRECISION_COUNT * ZO_COMPUTE_COUNT; i++) {
            zo_compute c = i / ZO_PRECISION_COUNT;
            zo_precision p = i % ZO_PRECISION_COUNT;
            fixture f = begin(*panels, c, p, false, 1088, out, 2, 21, 1);
            size_t bytes = (size_t)(f.rows * f.ld) * sizeof(float);
            float *all = malloc(bytes);
            apply(&f, ZO_INTO_SET, NULL);
            memcpy(all, f.y, bytes);
            end(&f);
            f = begin(*panels, c, p, true, 1088, out, 2, 21, 1);
            for (int many = 1; many <= 3; many++) {
                omp_set_num_threads(many);
                for (int64_t rows = 1; rows < f.rows; rows = rows * 2 + 1) {
                    int64_t first = f.rows - rows;
                    memset(f.y, 0, bytes);
                    f.n = zo_tiles_cut(f.e.panels->tile_rows, first, rows, f.tiles);
                    free(f.packed);
                    pack_all(&f);
                    apply(&f, ZO_INTO_SET, NULL);
                    assert_memory_equal(f.y + first * f.ld, all + first * f.ld,
                                        (size_t)(rows * f.ld) * sizeof(float));
                }
            }
            omp_set_num_threads(threads);
            free(all);
            end(&f);
        }
    }
}

/* A library's product, plain. */
static void some_sgemm(float *y, const float *x, const float *w, int64_t rows, int64_t out, int64_t in)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t o = 0; o < out; o++) {
            double sum = 0;
            for (int64_t k = 0; k < in; k++)
                sum += (double)x[r * in + k] * w[o * in + k];
            y[r * out + o] = (float)sum;
        }
}

/* Kernels or a library: each is within its bound of the sums in double, so they are within two bounds of each other. More channels
 * than the library makes at once, a bias, GGUF's order of rows. (What a replica adds is tested with the whole model.) */
static void a_library_makes_the_same_products(void **state)
{
    static const int64_t out[] = {600, 40, 7}, pair[] = {70, 70};
    (void)state;
    for (int i = 0; i < ZO_PRECISION_COUNT * 2; i++) {
        const zo_precision p = i % ZO_PRECISION_COUNT;
        const bool swiglu = i >= ZO_PRECISION_COUNT;
        fixture f =
            begin(zo_panels_best(), ZO_COMPUTE_F32, p, false, 96, swiglu ? pair : out, swiglu ? 2 : 3, 11, 2);
        if (p == ZO_PRECISION_BF16)
            f.map[1].w.permuted_heads = 5;
        const int64_t n = f.rows * f.ld, packed = f.n * zo_tile_bytes(&f.e, 70) / (int64_t)sizeof(float);
        float *before = malloc((size_t)n * sizeof *before), *own = malloc((size_t)n * sizeof *own);
        float *tiles[2] = {calloc((size_t)packed, sizeof(float)), calloc((size_t)packed, sizeof(float))};
        memcpy(before, f.y, (size_t)n * sizeof *before);
        f.e.room = room(zo_engine_room(f.in, f.rows) * (int64_t)sizeof(float));
        for (int library = 0; library < 2; library++) {
            zo_linear_call c = {.maps = f.map,
                                .count = f.maps,
                                .target = {-1, -1, -1},
                                .tiles = f.tiles,
                                .n = f.n,
                                .x = f.packed,
                                .into = swiglu ? ZO_INTO_SWIGLU : ZO_INTO_ADD,
                                .y = f.y,
                                .ld = f.ld,
                                .packed = tiles[library]};
            f.e.sgemm = library ? some_sgemm : NULL;
            memcpy(f.y, before, (size_t)n * sizeof *before);
            zo_linear_apply(&f.e, &c);
            if (!library)
                memcpy(own, f.y, (size_t)n * sizeof *own);
        }
        /* |x| and |w| are at most 1, |y| before, bias and silu' of the order of 1; outputs of two maps of some 10 are multiplied */
        for (int64_t k = 0; k < (swiglu ? packed : n); k++) {
            const double a = swiglu ? tiles[0][k] : own[k], b = swiglu ? tiles[1][k] : f.y[k];
            assert_true(fabs(a - b) <= 2 * error_bound(f.in, 96) * (swiglu ? 20 : 1));
        }
        free(before);
        free(own);
        free(tiles[0]);
        free(tiles[1]);
        free(f.e.room);
        end(&f);
    }
}

/* silu(gate) * up, as tiles: what the next map reads is compared with what packing the plain result gives. exp is good to 2
 * ulp (vector.h), the division and two products to half a unit each; bf16 keeps 8 bits. */
static void swiglu_packs_the_next_input(void **state)
{
    static const int64_t out[] = {43, 43};
    (void)state;
    for (const zo_panels *const *panels = zo_panels_all(); *panels; panels++) {
        for (int i = 0; i < 2 * ZO_COMPUTE_COUNT; i++) {
            fixture f = begin(*panels, i % ZO_COMPUTE_COUNT, ZO_PRECISION_F32, i / ZO_COMPUTE_COUNT, 64, out,
                              2, 10, 1);
            int64_t bytes = zo_tile_bytes(&f.e, out[0]);
            char *h = room(f.n * bytes), *want = room(bytes);
            float rows[ZO_PANEL_TILE * 43];
            apply(&f, ZO_INTO_SET, NULL);
            zo_linear_call c = {.maps = f.map,
                                .count = 2,
                                .target = {-1, -1, -1},
                                .tiles = f.tiles,
                                .n = f.n,
                                .x = f.packed,
                                .into = ZO_INTO_SWIGLU,
                                .packed = h};
            memset(h, 0, (size_t)(f.n * bytes));
            zo_linear_apply(&f.e, &c);
            for (int32_t t = 0; t < f.n; t++) {
                for (int r = 0; r < f.tiles[t].rows; r++)
                    for (int64_t j = 0; j < out[0]; j++) {
                        const float *y = f.y + (f.tiles[t].row + r) * f.ld;
                        rows[r * out[0] + j] = (float)(y[j] / (1 + exp(-(double)y[j])) * y[out[0] + j]);
                    }
                zo_tile_pack(&f.e, want, rows, out[0], f.tiles[t].rows, out[0]);
                bool pairs = zo_engine_pairs(&f.e);
                double most = f.e.compute == ZO_COMPUTE_F32 ? 4 * 0x1p-23 : 0x1p-8;
                for (int64_t k = 0; k < (out[0] + (pairs ? out[0] % 2 : 0)) * (*panels)->tile_rows; k++) {
                    float a = pairs ? zo_bf16_to_f32(((uint16_t *)(void *)(h + t * bytes))[k])
                                    : ((float *)(void *)(h + t * bytes))[k];
                    float b =
                        pairs ? zo_bf16_to_f32(((uint16_t *)(void *)want)[k]) : ((float *)(void *)want)[k];
                    assert_true(fabs(a - b) <= most * fabs(b));
                }
                memcpy(want, h + t * bytes, (size_t)bytes);
                zo_tile_finish(&f.e, want, out[0]);
                assert_memory_equal(h + t * bytes, want, (size_t)bytes);
            }
            free(h);
            free(want);
            end(&f);
        }
    }
}

static void swiglu_at_the_ends(void **state)
{
    (void)state;
    for (const zo_panels *const *panels = zo_panels_all(); *panels; panels++) {
        float sums[ZO_PANEL_LD] = {-200.0f, 200.0f, NAN, 0.0f}, tile[16 * ZO_PANEL_TILE];
        int H = (*panels)->tile_rows;
        for (int i = 0; i < ZO_PANEL_LANES; i++)
            sums[ZO_PANEL_LANES + i] = 1.0f;
        (*panels)->swiglu_f32(tile, sums, 1, 4, false);
        assert_true(fabsf(tile[0]) < 1e-30f && tile[H] == 200.0f && isnan(tile[2 * H]) &&
                    tile[3 * H] == 0.0f);
    }
}

/* With compute int8 what is not finite makes NaN of its row, and of no other; what is too small to be scaled counts as 0. */
static void whole_numbers_at_the_ends(void **state)
{
    static const int64_t out = 33;
    (void)state;
    for (const zo_panels *const *panels = zo_panels_all(); *panels; panels++) {
        for (int i = 0; i < 2; i++) {
            fixture f = begin(*panels, ZO_COMPUTE_INT8, i ? ZO_PRECISION_NF4 : ZO_PRECISION_INT8, true, 128,
                              &out, 1, 6, 1);
            f.x[70] = NAN;
            f.x[2 * 128 + 127] = INFINITY;
            f.x[3 * 128 + 5] = -INFINITY;
            for (int64_t k = 0; k < 128; k++)
                f.x[5 * 128 + k] = 1e-39f;
            free(f.packed);
            pack_all(&f);
            apply(&f, ZO_INTO_SET, NULL);
            for (int64_t o = 0; o < out; o++) {
                assert_true(isnan(f.y[o]) && isnan(f.y[2 * out + o]) && isnan(f.y[3 * out + o]));
                assert_true(isfinite(f.y[out + o]) && isfinite(f.y[4 * out + o]));
                assert_true(f.y[5 * out + o] == 0);
            }
            end(&f);
        }
    }
}

static void tiles_share_rows_out_evenly(void **state)
{
    zo_tile t[4], *last;
    (void)state;
    assert_int_equal(zo_tiles_cut(8, 5, 9, NULL), 2);
    assert_int_equal(zo_tiles_cut(8, 5, 9, t), 2);
    assert_int_equal(t[0].row, 5);
    assert_int_equal(t[0].rows, 4);
    assert_int_equal(t[1].row, 9);
    assert_int_equal(t[1].rows, 5);
    last = zo_tiles_own(t, 5, 3, 2);
    assert_ptr_equal(last, t);
    last = zo_tiles_own(last, 8, 2, 3);
    assert_ptr_equal(last, t + 1);
    assert_ptr_equal(zo_tiles_own(last, 10, 4, 4), t + 1);
    for (int row = 5; row < 14; row++)
        assert_int_equal(t[row / 9].replica[row < 9 ? row - 5 : row - 9], row < 8 ? 2 : row < 10 ? 3 : 4);
    assert_int_equal(zo_tile_run(t, 0), 3);
    assert_int_equal(zo_tile_run(t, 1), 2);
    assert_int_equal(zo_tile_run(t, 3), 1);
    assert_int_equal(zo_tile_run(t + 1, 1), 4);
    assert_int_equal(zo_tiles_cut(8, 0, 8, t), 1);
    assert_int_equal(t[0].replica[7], 0);
    assert_int_equal(zo_tiles_cut(8, 0, 0, t), 0);
}

/* Adapters of two targets whose A and Bw are random, four replicas, one of them the master: y against sums in double over the moved values. */
static void check_replicas(const zo_panels *panels, zo_compute compute, int32_t rank, bool train_a)
{
    static const int64_t out[] = {50, 21};
    static const zo_replica replicas[] = {{1, 0}, {-1, 0}, {0, 2}, {1, 5}};
    enum { IN = 70, ROWS = 9, N = 4 };
    fixture f = begin(panels, compute, ZO_PRECISION_F32, true, IN, out, 2, ROWS, N);
    zo_lora_pair pair[2];
    for (int i = 0; i < 2; i++)
        pair[i] = (zo_lora_pair){numbers(30 + (uint64_t)i, rank * IN),
                                 numbers(40 + (uint64_t)i, out[i] * rank),
                                 IN,
                                 out[i],
                                 2 * (uint32_t)i,
                                 2 * (uint32_t)i + 1};
    zo_perturbation p = {.seed = 77, .step = 3, .eps = 0.25, .count = N, .replicas = replicas};
    int64_t vectors = (rank + 15) / 16;
    zo_lowrank l = {
        .targets = 2, .pair = {&pair[0], &pair[1]}, .rank = rank, .scale = 0.5f, .train_a = train_a, .p = &p};
    l.a = room(N * 2 * vectors * 16 * IN * 4);
    l.b = room(N * (64 + 32) * rank * 4);
    l.low = room(f.n * 2 * rank * panels->tile_rows * 4);
    zo_lowrank_form(panels, &l);
    zo_lowrank_inputs(&f.e, &l, f.tiles, f.n, f.packed);
    apply(&f, ZO_INTO_SET, &l);

    float *w = malloc(IN * sizeof *w), *za = malloc((size_t)(rank * IN) * 4),
          *zb = malloc((size_t)(50 * rank) * 4);
    for (int32_t n = 0; n < N; n++) {
        int64_t column = 0;
        for (int m = 0; m < 2; column += out[m++]) {
            double step = replicas[n].sign * p.eps;
            zo_normals((zo_noise_at){p.seed, p.step, replicas[n].query, pair[m].tensor_a}, 0, rank * IN, za);
            zo_normals((zo_noise_at){p.seed, p.step, replicas[n].query, pair[m].tensor_b}, 0, out[m] * rank,
                       zb);
            for (int64_t row = n * ROWS; row < (n + 1) * ROWS; row++) {
                double low[70], magnitude[70]; /* of A x */
                for (int32_t r = 0; r < rank; r++) {
                    low[r] = magnitude[r] = 0;
                    for (int64_t k = 0; k < IN; k++) {
                        double a = pair[m].a[r * IN + k] + (train_a ? step * za[r * IN + k] : 0);
                        double x = as_computed(compute, f.x[row * IN + k]);
                        low[r] += a * x;
                        magnitude[r] += fabs(a * x);
                    }
                }
                for (int64_t o = 0; o < out[m]; o++) {
                    double bound, low_bound = 0, want;
                    zo_precision_decode_rows(&f.map[m].w, o, 1, w);
                    want = plain(&f, &f.map[m].w, w, o, row, &bound) + (f.bias[m] ? f.bias[m][o] : 0);
                    for (int32_t r = 0; r < rank; r++) {
                        double b = pair[m].b[o * rank + r] + step * zb[o * rank + r];
                        want += l.scale * b * low[r];
                        low_bound += l.scale * fabs(b) * magnitude[r];
                    }
                    assert_true(fabs(f.y[row * f.ld + column + o] - want) <=
                                error_bound(2 * IN + rank, bound + low_bound + 1));
                }
            }
        }
    }
    for (int i = 0; i < 2; i++) {
        free(pair[i].a);
        free(pair[i].b);
    }
    free(w);
    free(za);
    free(zb);
    free(l.a);
    free(l.b);
    free(l.low);
    end(&f);
}

static void every_replica_meets_its_own_adapter(void **state)
{
    static const int32_t ranks[] = {1, 8, 16, 50, 70};
    (void)state;
    for (const zo_panels *const *panels = zo_panels_all(); *panels; panels++)
        for (int i = 0; i < 5 * 2 * 2; i++)
            check_replicas(*panels, i % 2 ? ZO_COMPUTE_BF16 : ZO_COMPUTE_F32, ranks[i / 4], i / 2 % 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(products_are_those_of_plain_sums),
                                       cmocka_unit_test(joined_maps_add_to_y),
                                       cmocka_unit_test(a_row_does_not_depend_on_its_company),
                                       cmocka_unit_test(a_library_makes_the_same_products),
                                       cmocka_unit_test(swiglu_packs_the_next_input),
                                       cmocka_unit_test(swiglu_at_the_ends),
                                       cmocka_unit_test(whole_numbers_at_the_ends),
                                       cmocka_unit_test(tiles_share_rows_out_evenly),
                                       cmocka_unit_test(every_replica_meets_its_own_adapter)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
