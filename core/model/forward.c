/* The forward pass of llama.h over replicas.
 *
 * Letters: N replicas, B sequences, T tokens, D width, F feed-forward width, V vocabulary, R rank; rows: N times the
 * rows of the batch (B * T less the padding that is not run), replica by replica.
 * One layer, top to bottom: norm, q k v, rotate, attend, o, norm, gate and up, SwiGLU, down. Nobody looks at what the last
 * layer makes of rows that predict no label: from its attention on it works on the others alone, as the head does.
 */
#include <assert.h>
#include <math.h>
#include <omp.h>
#include <stddef.h>
#include <string.h>

#include "core/kernel/kernel.h"
#include "core/model/linear.h"
#include "core/model/llama.h"

enum {
    CHUNK = 1024 /* rows that a layer works on at once, unless one sequence has more */
};

struct zo_session {
    const zo_llama *m;
    zo_session_limits limits;
    const zo_kernels *kernels;
    zo_engine engine;
    zo_phase_hook hook;
    int32_t *id;        /* (rows of one replica) token */
    int32_t *position;  /* (the same) from the sequence's first real token on; negative: padding */
    float *x;           /* (rows, D) residual stream */
    zo_tile *tiles;     /* of a chunk, as are all that follow */
    char *input;        /* tiles of D or Q inputs */
    float *qkv;         /* (rows, Q + 2 KV) */
    float *mixed;       /* (rows, Q) attention's output */
    char *hidden;       /* tiles of F inputs */
    float *low;         /* (tiles, 3, R, H) A x of the targets of a group */
    float *b;           /* replicas of Bw, one group at a time */
    float *a;           /* replicas of A */
    float *scratch;     /* (threads, zo_attend_scratch) */
    float *last;        /* (N * labels, D) residual stream of label rows, from the last layer on */
    float *logits;      /* (N * labels, V) */
    double *label_loss; /* (N * labels) cross-entropy of each label */
};

/* What a forward works on: sizes and arguments in one place. */
typedef struct pass {
    zo_session *s;
    const zo_config *c;
    const zo_lora *lora;
    const zo_batch *batch;
    const zo_perturbation *p;
    int64_t replicas, block, rows; /* N, rows of one replica, N * block */
} pass;

/* Whole sequences that a layer works on at once, numbered through all replicas, so that the activations of a layer take
 * no more room however many replicas there are. */
typedef struct chunk {
    int64_t sequence, sequences; /* the first, how many */
    int64_t row, rows;
    int32_t tiles;
    int32_t replica; /* the first; those of the tiles count from it */
    zo_perturbation moved;
    const zo_perturbation *p; /* moved, or NULL */
} chunk;

/* The arrays of a session; zo_session_new and zo_session_bytes both walk over them. */
typedef struct array {
    const char *name;
    int64_t bytes;
    size_t offset; /* of the pointer in zo_session */
} array;

#define ARRAYS 16

static zo_engine engine_of(const zo_session_limits *l, int threads)
{
    return (zo_engine){.panels = zo_panels_best(), .compute = l->compute, .threads = threads};
}

static int64_t chunk_rows(const zo_session_limits *l)
{
    int64_t most = CHUNK > l->tokens ? CHUNK : l->tokens;
    return l->rows < most ? l->rows : most;
}

static int64_t chunk_tiles(const zo_session_limits *l, const zo_engine *e)
{
    return zo_tiles_cut(e->panels->tile_rows, 0, chunk_rows(l), NULL);
}

static int64_t widest_input(const zo_config *c)
{
    int64_t query = (int64_t)c->heads * c->head_dim, in = query > c->ffn ? query : c->ffn;
    return in > c->width ? in : c->width;
}

static void list_arrays(const zo_config *c, const zo_session_limits *l, int threads, array out[ARRAYS])
{
    int64_t query = (int64_t)c->heads * c->head_dim, kv = (int64_t)c->kv_heads * c->head_dim, a, b;
    zo_engine e = engine_of(l, threads);
    int64_t rows = chunk_rows(l), tiles = chunk_tiles(l, &e), H = e.panels->tile_rows, F = sizeof(float);
    int64_t widest = query > c->width ? query : c->width;
    zo_lowrank_most(c, l->rank, &a, &b);
    const array all[ARRAYS] = {
        {"row tokens", l->rows * F, offsetof(zo_session, id)},
        {"row positions", l->rows * F, offsetof(zo_session, position)},
        {"residual", l->rows * c->width * F, offsetof(zo_session, x)},
        {"tiles", tiles * (int64_t)sizeof(zo_tile), offsetof(zo_session, tiles)},
        {"inputs", tiles * zo_tile_bytes(&e, widest), offsetof(zo_session, input)},
        {"qkv", rows * (query + 2 * kv) * F, offsetof(zo_session, qkv)},
        {"attention", rows * query * F, offsetof(zo_session, mixed)},
        {"feed-forward", tiles * zo_tile_bytes(&e, c->ffn), offsetof(zo_session, hidden)},
        {"low-rank", tiles * 3 * l->rank * H * F, offsetof(zo_session, low)},
        {"replicas of B", l->replicas * b * F, offsetof(zo_session, b)},
        {"replicas of A", (l->train_a ? l->replicas : 1) * a * F, offsetof(zo_session, a)},
        {"scratch of attention", threads * zo_attend_scratch(l->tokens, c->head_dim) * F,
         offsetof(zo_session, scratch)},
        {"label rows", l->labels * c->width * F, offsetof(zo_session, last)},
        {"logits", l->labels * c->vocab * F, offsetof(zo_session, logits)},
        {"room of sgemm", l->sgemm ? zo_engine_room(widest_input(c), tiles * H) * F : 0,
         offsetof(zo_session, engine.room)},
        {"label losses", l->labels * (int64_t)sizeof(double), offsetof(zo_session, label_loss)},
    };
    memcpy(out, all, sizeof all);
}

static int64_t scratch_of(const zo_config *c, const zo_session_limits *l, const zo_engine *e)
{
    return zo_engine_scratch(e->panels, widest_input(c), chunk_tiles(l, e));
}

zo_status zo_session_new(const zo_llama *m, const zo_session_limits *limits, zo_mem *mem, zo_session **out,
                         zo_error *err)
{
    zo_status st = ZO_OK;
    zo_session *s = NULL;
    array arrays[ARRAYS];
    *out = NULL;
    if (limits->rows < 1 || limits->tokens < 1 || limits->tokens > m->positions || limits->labels < 0 ||
        limits->replicas < 1 || limits->rank < 0)
        return zo_fail(
            err, ZO_ERR_INVALID,
            "session: %lld rows of %d tokens, %d replicas of rank %d do not fit a model of %d positions",
            (long long)limits->rows, limits->tokens, limits->replicas, limits->rank, m->positions);
    st = zo_mem_array(mem, ZO_ACCOUNT_ACTIVATIONS, 1, sizeof *s, "session", &s, err);
    if (st)
        return st;
    s->m = m;
    s->limits = *limits;
    s->limits.sgemm = m->sgemm != NULL;
    s->kernels = zo_kernels_best();
    s->engine = engine_of(limits, omp_get_max_threads());
    s->engine.sgemm = m->sgemm;
    s->engine.scratch_bytes = scratch_of(&m->config, limits, &s->engine);
    list_arrays(&m->config, &s->limits, s->engine.threads, arrays);
    for (int i = 0; i < ARRAYS && !st; i++)
        st = zo_mem_array(mem, ZO_ACCOUNT_ACTIVATIONS, (size_t)arrays[i].bytes, 1, arrays[i].name,
                          (char *)s + arrays[i].offset, err);
    if (!st)
        st = zo_mem_array(mem, ZO_ACCOUNT_ACTIVATIONS, (size_t)s->engine.threads,
                          (size_t)s->engine.scratch_bytes, "panels", &s->engine.scratch, err);
    if (st) {
        zo_session_free(s);
        return st;
    }
    *out = s;
    return ZO_OK;
}

void zo_session_free(zo_session *s)
{
    if (!s)
        return;
    void *const all[] = {s->id,         s->position, s->x,          s->tiles,
                         s->input,      s->qkv,      s->mixed,      s->hidden,
                         s->low,        s->b,        s->a,          s->scratch,
                         s->last,       s->logits,   s->label_loss, s->engine.scratch,
                         s->engine.room};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        zo_mem_free(all[i]);
    zo_mem_free(s);
}

void zo_session_watch(zo_session *s, zo_phase_hook hook)
{
    s->hook = hook;
}

int64_t zo_session_bytes(const zo_config *c, const zo_session_limits *limits, int32_t threads)
{
    array arrays[ARRAYS];
    zo_engine e = engine_of(limits, threads);
    int64_t n = (int64_t)sizeof(zo_session) + threads * scratch_of(c, limits, &e);
    list_arrays(c, limits, threads, arrays);
    for (int i = 0; i < ARRAYS; i++)
        n += arrays[i].bytes;
    return n;
}

/* The next whole sequences behind `c` that fit a chunk, cut into tiles. */
static void advance(const pass *f, chunk *c)
{
    const int32_t *offset = f->batch->offset;
    int64_t B = f->batch->sequences, most = chunk_rows(&f->s->limits);
    c->sequence += c->sequences;
    c->row += c->rows;
    c->sequences = c->rows = c->tiles = 0;
    c->replica = (int32_t)(c->sequence / B);
    for (int64_t i = c->sequence; i < f->replicas * B; i++, c->sequences++) {
        const int64_t rows = offset[i % B + 1] - offset[i % B];
        if (c->rows && c->rows + rows > most)
            break;
        c->rows += rows;
    }
    zo_tile *tile = f->s->tiles;
    c->tiles = zo_tiles_cut(f->s->engine.panels->tile_rows, 0, c->rows, tile);
    for (int64_t i = c->sequence, row = 0; i < c->sequence + c->sequences; i++) {
        const int64_t rows = offset[i % B + 1] - offset[i % B];
        tile = zo_tiles_own(tile, row, rows, (int32_t)(i / B) - c->replica);
        row += rows;
    }
    c->p = NULL;
    if (f->p) {
        c->moved = *f->p;
        c->moved.replicas += c->replica;
        c->moved.count = (int32_t)((c->sequence + c->sequences - 1) / B) - c->replica + 1;
        c->p = &c->moved;
    }
}

/* The maps of a group on a chunk's packed x: into y (rows, ld), or, for SwiGLU, into the tiles `packed`. */
static void linear(const pass *f, const chunk *c, int32_t layer, zo_group g, const void *x, zo_into into,
                   float *y, int64_t ld, void *packed)
{
    zo_session *s = f->s;
    zo_lowrank lowrank;
    zo_linear_call call = {.maps = s->m->layers[layer].linear + zo_group_first(g),
                           .count = zo_group_targets(g),
                           .tiles = s->tiles,
                           .n = c->tiles,
                           .x = x,
                           .into = into,
                           .y = y,
                           .ld = ld,
                           .packed = packed};
    if (zo_lowrank_collect(f->lora, layer, g, &lowrank, call.target)) {
        lowrank.p = c->p;
        lowrank.a = s->a;
        lowrank.b = s->b;
        lowrank.low = s->low;
        zo_phase_enter(s->hook, ZO_PHASE_PERTURB);
        zo_lowrank_form(s->engine.panels, &lowrank);
        zo_phase_enter(s->hook, ZO_PHASE_LOWRANK);
        zo_lowrank_inputs(&s->engine, &lowrank, s->tiles, c->tiles, x);
        call.lowrank = &lowrank;
    }
    zo_phase_enter(s->hook, ZO_PHASE_LINEAR);
    zo_linear_apply(&s->engine, &call);
    zo_phase_enter(s->hook, ZO_PHASE_SMALL);
}

/* Rows of x as packed tiles, normalized where w is given. */
static void pack(zo_session *s, void *packed, int32_t tiles, const float *x, int64_t width, const float *w)
{
    const zo_engine *e = &s->engine;
    int64_t bytes = zo_tile_bytes(e, width);
    int threads = e->threads < omp_get_max_threads() ? e->threads : omp_get_max_threads();
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int32_t i = 0; i < tiles; i++) {
        const zo_tile *t = s->tiles + i;
        const float *rows = x + t->row * width;
        float *normed = (float *)(void *)(e->scratch + omp_get_thread_num() * e->scratch_bytes);
        for (int r = 0; w && r < t->rows; r++)
            s->kernels->rmsnorm(normed + r * width, rows + r * width, w, width, s->m->config.norm_eps);
        zo_tile_pack(e, (char *)packed + i * bytes, w ? normed : rows, width, t->rows, width);
    }
}

/* Which token, at which position, each row of a replica holds. */
static void place_rows(const pass *f)
{
    const zo_batch *b = f->batch;
    for (int32_t i = 0; i < b->sequences; i++) {
        for (int32_t t = b->first[i], row = b->offset[i]; t < b->tokens; t++, row++) {
            f->s->id[row] = b->ids[(int64_t)i * b->tokens + t];
            f->s->position[row] = t - b->start[i];
        }
    }
}

/* Padding that is run gets the embedding of its token and goes along; no real position looks at it. */
static void embed(const pass *f)
{
    int64_t width = f->c->width;
#pragma omp parallel for
    for (int64_t r = 0; r < f->rows; r++) {
        int32_t id = f->s->id[r % f->block];
        assert(id >= 0 && id < f->c->vocab);
        zo_precision_decode_rows(&f->s->m->embedding, id, 1, f->s->x + r * width);
    }
}

/* q and k heads of a row turned by its position. */
static void rotate(const pass *f, const chunk *c)
{
    int64_t half = f->c->head_dim / 2, heads = f->c->heads + f->c->kv_heads;
    int64_t ld = (f->c->heads + 2 * f->c->kv_heads) * (int64_t)f->c->head_dim;
#pragma omp parallel for
    for (int64_t r = 0; r < c->rows; r++) {
        int64_t position = f->s->position[(c->row + r) % f->block];
        if (position < 0)
            continue;
        const float *cosine = f->s->m->rope_cos + position * half,
                    *sine = f->s->m->rope_sin + position * half;
        for (int64_t h = 0; h < heads; h++)
            f->s->kernels->rope(f->s->qkv + r * ld + h * 2 * half, cosine, sine, half);
    }
}

/* Rows of a sequence that attend in one call: the keys are laid out anew for each. */
#define ATTEND_ROWS 64

/* Causal attention: a real row looks at the real rows up to itself. Padding comes out as 0. One task: some rows of a
 * sequence and the query heads that share a key-value head. */
static void attention(const pass *f, const chunk *c)
{
    const zo_batch *batch = f->batch;
    int64_t d = f->c->head_dim, H = f->c->heads, K = f->c->kv_heads, B = batch->sequences,
            ld = (H + 2 * K) * d;
    int64_t blocks = (batch->tokens + ATTEND_ROWS - 1) / ATTEND_ROWS, group = H / K * d;
    int threads = omp_get_max_threads() < f->s->engine.threads ? omp_get_max_threads() : f->s->engine.threads;
#pragma omp parallel for collapse(3) schedule(dynamic) num_threads(threads)
    for (int64_t sequence = c->sequence; sequence < c->sequence + c->sequences; sequence++) {
        for (int64_t block = 0; block < blocks; block++) {
            for (int64_t h = 0; h < K; h++) {
                int64_t b = sequence % B, padding = batch->start[b] - batch->first[b];
                int64_t start = sequence / B * f->block + batch->offset[b] - c->row,
                        first = block * ATTEND_ROWS;
                int64_t rows = batch->offset[b + 1] - batch->offset[b] - padding - first;
                float *out = f->s->mixed + start * H * d + h * group;
                for (int64_t i = 0; block == 0 && i < padding; i++)
                    memset(out + i * H * d, 0, (size_t)group * sizeof *out);
                if (rows <= 0)
                    continue;
                const float *real = f->s->qkv + (start + padding) * ld;
                f->s->kernels->attend(&(zo_attention){
                    .out = out + (padding + first) * H * d,
                    .ldo = H * d,
                    .q = real + first * ld + h * group,
                    .ldq = ld,
                    .k = real + (H + h) * d,
                    .v = real + (H + K + h) * d,
                    .ldkv = ld,
                    .heads = H / K,
                    .first = first,
                    .rows = rows < ATTEND_ROWS ? rows : ATTEND_ROWS,
                    .d = d,
                    .scale = 1.0f / sqrtf((float)d),
                    .scratch =
                        f->s->scratch + omp_get_thread_num() * zo_attend_scratch(f->s->limits.tokens, d),
                });
            }
        }
    }
}

/* A layer up to its attention, of a chunk's rows: into `mixed`. */
static void attend_layer(const pass *f, const chunk *c, int32_t i)
{
    zo_session *s = f->s;
    int64_t D = f->c->width, Q = (int64_t)f->c->heads * f->c->head_dim;
    int64_t QKV = Q + 2 * (int64_t)f->c->kv_heads * f->c->head_dim;
    pack(s, s->input, c->tiles, s->x + c->row * D, D, s->m->layers[i].attn_norm);
    linear(f, c, i, ZO_GROUP_QKV, s->input, ZO_INTO_SET, s->qkv, QKV, NULL);
    rotate(f, c);
    zo_phase_enter(s->hook, ZO_PHASE_ATTENTION);
    attention(f, c);
    zo_phase_enter(s->hook, ZO_PHASE_SMALL);
}

/* The rest of it, for the rows whose residual stream is x. */
static void feed_layer(const pass *f, const chunk *c, int32_t i, float *x)
{
    zo_session *s = f->s;
    int64_t D = f->c->width, Q = (int64_t)f->c->heads * f->c->head_dim;
    pack(s, s->input, c->tiles, s->mixed, Q, NULL);
    linear(f, c, i, ZO_GROUP_O, s->input, ZO_INTO_ADD, x, D, NULL);
    pack(s, s->input, c->tiles, x, D, s->m->layers[i].ffn_norm);
    linear(f, c, i, ZO_GROUP_GATE_UP, s->input, ZO_INTO_SWIGLU, NULL, 0, s->hidden);
    linear(f, c, i, ZO_GROUP_DOWN, s->hidden, ZO_INTO_ADD, x, D, NULL);
}

/* Label rows of a replica that lie in sequences before this one. */
static int64_t labels_before(const zo_batch *batch, int64_t sequence)
{
    int64_t n = 0;
    while (n < batch->labels && batch->label_row[n] / batch->tokens < sequence)
        n++;
    return n;
}

/* Of a chunk the rows that predict a label, cut into tiles anew: what attention gave them, moved together in `mixed`, and their
 * residual stream, to `last`. Label rows rise through a batch, so that none is written over before it is read. */
static chunk keep_labels(const pass *f, const chunk *c)
{
    zo_session *s = f->s;
    const zo_batch *batch = f->batch;
    const int64_t B = batch->sequences, L = batch->labels, end = c->sequence + c->sequences;
    const int64_t D = f->c->width, Q = (int64_t)f->c->heads * f->c->head_dim;
    chunk kept = *c;
    kept.row = c->sequence / B * L + labels_before(batch, c->sequence % B);
    kept.rows = 0;
    for (int64_t n = c->sequence / B; n * B < end; n++) {
        const int64_t to = labels_before(batch, end - n * B < B ? end - n * B : B);
        for (int64_t i = n == c->sequence / B ? kept.row - n * L : 0; i < to; i++, kept.rows++) {
            const int32_t b = batch->label_row[i] / batch->tokens, t = batch->label_row[i] % batch->tokens;
            const int64_t row = n * f->block + batch->offset[b] + t - batch->first[b];
            memmove(s->mixed + kept.rows * Q, s->mixed + (row - c->row) * Q, (size_t)Q * sizeof(float));
            memcpy(s->last + (kept.row + kept.rows) * D, s->x + row * D, (size_t)D * sizeof(float));
        }
    }
    zo_tile *tile = s->tiles;
    kept.tiles = zo_tiles_cut(s->engine.panels->tile_rows, 0, kept.rows, tile);
    for (int64_t row = 0; row < kept.rows; row++)
        tile = zo_tiles_own(tile, row, 1, (int32_t)((kept.row + row) / L) - c->replica);
    return kept;
}

static void layer_forward(const pass *f, const chunk *c, int32_t i)
{
    attend_layer(f, c, i);
    if (i + 1 < f->c->layers) {
        feed_layer(f, c, i, f->s->x + c->row * f->c->width);
        return;
    }
    const chunk kept = keep_labels(f, c);
    if (kept.tiles)
        feed_layer(f, &kept, i, f->s->last + kept.row * f->c->width);
}

/* Rows that predict a label through the head, as many at once as the session has tiles for. */
static void head(const pass *f)
{
    zo_session *s = f->s;
    int64_t D = f->c->width, H = s->engine.panels->tile_rows;
    int64_t most = chunk_tiles(&s->limits, &s->engine) * H, all = f->replicas * f->batch->labels;
    zo_linear map = {.w = s->m->head};
    for (int64_t at = 0; at < all; at += most) {
        int32_t tiles = zo_tiles_cut((int)H, 0, all - at < most ? all - at : most, s->tiles);
        zo_linear_call call = {.maps = &map,
                               .count = 1,
                               .tiles = s->tiles,
                               .n = tiles,
                               .x = s->input,
                               .into = ZO_INTO_SET,
                               .y = s->logits + at * f->c->vocab,
                               .ld = f->c->vocab};
        pack(s, s->input, tiles, s->last + at * D, D, s->m->final_norm);
        zo_phase_enter(s->hook, ZO_PHASE_HEAD);
        zo_linear_apply(&s->engine, &call);
        zo_phase_enter(s->hook, ZO_PHASE_SMALL);
    }
}

const float *zo_llama_logits(zo_session *s, const zo_lora *l, const zo_batch *batch, const zo_perturbation *p)
{
    pass f = {.s = s, .c = &s->m->config, .lora = l, .batch = batch, .p = p, .replicas = p ? p->count : 1};
    f.block = batch->offset[batch->sequences];
    f.rows = f.replicas * f.block;
    assert(f.rows >= 1 && f.rows <= s->limits.rows && batch->tokens <= s->limits.tokens);
    assert(f.replicas <= s->limits.replicas && f.replicas * batch->labels <= s->limits.labels);
    assert(!l || (l->options.rank <= s->limits.rank && (s->limits.train_a || !l->options.train_a || !p)));
    assert(l || !p);
    zo_phase_enter(s->hook, ZO_PHASE_SMALL);
    place_rows(&f);
    embed(&f);
    for (int32_t i = 0; i < f.c->layers; i++) {
        chunk c = {.sequences = 0};
        for (advance(&f, &c); c.sequences; advance(&f, &c))
            layer_forward(&f, &c, i);
    }
    head(&f);
    return s->logits;
}

zo_status zo_llama_losses(zo_session *s, const zo_lora *l, const zo_batch *batch, const zo_perturbation *p,
                          double *loss, zo_error *err)
{
    int64_t labels = batch->labels, V = s->m->config.vocab, replicas = p ? p->count : 1;
    assert(labels > 0);
    const float *logits = zo_llama_logits(s, l, batch, p);
    zo_phase_enter(s->hook, ZO_PHASE_LOSS);
#pragma omp parallel for
    for (int64_t i = 0; i < replicas * labels; i++)
        s->label_loss[i] =
            s->kernels->logsumexp(logits + i * V, V) - logits[i * V + batch->label_id[i % labels]];
    for (int64_t n = 0; n < replicas; n++) {
        loss[n] = 0;
        for (int64_t i = 0; i < labels; i++)
            loss[n] += s->label_loss[n * labels + i];
        loss[n] /= (double)labels;
    }
    zo_phase_enter(s->hook, ZO_PHASE_OTHER);
    for (int64_t n = 0; n < replicas; n++)
        if (!isfinite(loss[n]))
            return zo_fail(err, ZO_ERR_NUMERIC, "the loss of replica %d is %g", (int)n, loss[n]);
    return ZO_OK;
}
