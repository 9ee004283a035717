/* The forward pass of llama.h over replicas.
 *
 * Letters: N replicas, B sequences, T tokens, D width, F feed-forward width, V vocabulary, R rank; rows: N times the
 * rows of the batch (B * T less the padding that is not run), replica by replica.
 * One layer, top to bottom: norm, q k v, rotate, attend, o, norm, gate and up, SwiGLU, down.
 */
#include <assert.h>
#include <cblas.h>
#include <math.h>
#include <omp.h>
#include <string.h>

#include "core/kernel.h"
#include "core/llama.h"
#include "core/noise.h"

struct zo_session {
    const zo_llama *m;
    zo_session_limits limits;
    const zo_kernels *kernels;
    zo_phase_hook hook;
    int threads;       /* that scratch has room for; the machine may be given more later */
    int32_t *id;       /* (rows of one replica) token */
    int32_t *position; /* (the same) from the sequence's first real token on; negative: padding */
    float *x;          /* (rows, D) residual stream */
    float *normed;     /* (rows, D) */
    float *qkv;        /* (rows, Q + 2 KV) */
    float *mixed;      /* (rows, Q) attention's output */
    float *hidden;     /* (rows, 2 F) gate and up, then their product in the first half */
    float *low;        /* (rows, 3 R) A x of the targets of a group */
    float *b;          /* (N, out, R) replicas of Bw, one target at a time */
    float *a;          /* (N, R, in) replicas of A, where it is trained */
    float *scratch;    /* (threads, zo_attend_scratch) */
    float *last;       /* (N * labels, D) */
    float *logits;     /* (N * labels, V) */
    double *surprise;  /* (N * labels) cross-entropy of each label */
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

static const zo_replica master = {0, 0};

/* The arrays of a session, their sizes in elements of 4 bytes; zo_session_new and zo_session_bytes both walk over it. */
typedef struct array {
    const char *name;
    int64_t n;
    size_t offset; /* of the pointer in zo_session */
} array;

_Static_assert(sizeof(float) == sizeof(int32_t), "the arrays of a session have elements of one size");

#define ARRAYS 14

static void list_arrays(const zo_config *c, const zo_session_limits *l, int32_t threads, array out[ARRAYS])
{
    int64_t query = (int64_t)c->heads * c->head_dim, kv = (int64_t)c->kv_heads * c->head_dim;
    int64_t widest = query > c->ffn ? query : c->ffn; /* of any target's in or out */
    widest = widest > c->width ? widest : c->width;
    int64_t replica = l->rank ? (int64_t)l->replicas * l->rank * widest : 0;
    const array all[ARRAYS] = {
        {"row tokens", l->rows, offsetof(zo_session, id)},
        {"row positions", l->rows, offsetof(zo_session, position)},
        {"residual", l->rows * c->width, offsetof(zo_session, x)},
        {"normed", l->rows * c->width, offsetof(zo_session, normed)},
        {"qkv", l->rows * (query + 2 * kv), offsetof(zo_session, qkv)},
        {"attention", l->rows * query, offsetof(zo_session, mixed)},
        {"feed-forward", l->rows * 2 * c->ffn, offsetof(zo_session, hidden)},
        {"low-rank", l->rows * 3 * l->rank, offsetof(zo_session, low)},
        {"replicas of B", replica, offsetof(zo_session, b)},
        {"replicas of A", replica, offsetof(zo_session, a)},
        {"scratch of attention", threads * zo_attend_scratch(l->tokens, c->head_dim),
         offsetof(zo_session, scratch)},
        {"label rows", l->labels * c->width, offsetof(zo_session, last)},
        {"logits", l->labels * c->vocab, offsetof(zo_session, logits)},
        {"label losses", l->labels * (int64_t)(sizeof(double) / sizeof(float)),
         offsetof(zo_session, surprise)},
    };
    memcpy(out, all, sizeof all);
}

zo_status zo_session_new(const zo_llama *m, const zo_session_limits *limits, zo_mem *mem, zo_session **out,
                         zo_error *err)
{
    zo_status st = ZO_OK;
    zo_session *s = NULL;
    array arrays[ARRAYS];
    *out = NULL;
    if (m->precision != ZO_PRECISION_F32 || limits->compute != ZO_COMPUTE_F32)
        return zo_fail(err, ZO_ERR_UNSUPPORTED, "session: weights %s with compute %s",
                       zo_precision_name(m->precision), zo_compute_name(limits->compute));
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
    s->kernels = zo_kernels_best();
    s->threads = omp_get_max_threads();
    list_arrays(&m->config, limits, s->threads, arrays);
    for (int i = 0; i < ARRAYS && !st; i++)
        st = zo_mem_array(mem, ZO_ACCOUNT_ACTIVATIONS, (size_t)arrays[i].n, sizeof(float), arrays[i].name,
                          (char *)s + arrays[i].offset, err);
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
    void *const all[] = {s->id,  s->position, s->x, s->normed,  s->qkv,  s->mixed,  s->hidden,
                         s->low, s->b,        s->a, s->scratch, s->last, s->logits, s->surprise};
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
    int64_t n = 0;
    list_arrays(c, limits, threads, arrays);
    for (int i = 0; i < ARRAYS; i++)
        n += arrays[i].n;
    return n * (int64_t)sizeof(float) + (int64_t)sizeof(zo_session);
}

/* y (rows, out; leading dimension ldy) = scale * x (rows, in; ldx) w (out, in)^T + beta * y */
static void product(float *y, int64_t ldy, const float *x, int64_t ldx, const float *w, int64_t rows,
                    int64_t out, int64_t in, float scale, float beta)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)rows, (blasint)out, (blasint)in, scale, x,
                (blasint)ldx, w, (blasint)in, beta, y, (blasint)ldy);
}

static void add_bias(float *y, int64_t ldy, const float *bias, int64_t rows, int64_t out)
{
#pragma omp parallel for
    for (int64_t r = 0; r < rows; r++)
        for (int64_t j = 0; j < out; j++)
            y[r * ldy + j] += bias[j];
}

static const zo_replica *replicas_of(const pass *f)
{
    return f->p ? f->p->replicas : &master;
}

/* The N copies of one trainable array: the master itself where nothing moves it. */
static const float *form(const pass *f, float *scratch, const float *x, int64_t n, uint32_t tensor,
                         int64_t *stride)
{
    if (!f->p) {
        *stride = 0;
        return x;
    }
    zo_phase_enter(f->s->hook, ZO_PHASE_PERTURB);
    zo_noise_replicas(scratch, x, n, f->p->seed, f->p->step, tensor, f->p->eps, replicas_of(f),
                      (int32_t)f->replicas);
    zo_phase_enter(f->s->hook, ZO_PHASE_FORWARD);
    *stride = n;
    return scratch;
}

/* low = A x for the adapted targets of a group, columns target by target; returns how many columns. A frozen A is
 * one product for all replicas and targets, since neighbouring targets' A are neighbours in memory (lora.c). */
static int64_t low_rank(const pass *f, int32_t layer, zo_group g, const float *x, int64_t ldx)
{
    int64_t rank = f->lora->options.rank, columns = 0, rows = f->block;
    const zo_lora_pair *first = NULL;
    for (int i = 0; i < zo_group_targets(g); i++) {
        const zo_lora_pair *pair = zo_lora_at(f->lora, layer, zo_group_first(g) + i);
        if (!pair->a)
            continue;
        first = first ? first : pair;
        columns += rank;
    }
    if (!first)
        return 0;
    if (!f->lora->options.train_a) {
        product(f->s->low, columns, x, ldx, first->a, f->rows, columns, first->in, 1.0f, 0.0f);
        return columns;
    }
    float *low = f->s->low;
    for (int i = 0; i < zo_group_targets(g); i++) {
        const zo_lora_pair *pair = zo_lora_at(f->lora, layer, zo_group_first(g) + i);
        if (!pair->a)
            continue;
        int64_t stride;
        const float *a = form(f, f->s->a, pair->a, rank * pair->in, pair->tensor_a, &stride);
        for (int64_t n = 0; n < f->replicas; n++)
            product(low + n * rows * columns, columns, x + n * rows * ldx, ldx, a + n * stride, rows, rank,
                    pair->in, 1.0f, 0.0f);
        low += rank;
    }
    return columns;
}

/* y += scale * Bw_n A x: each replica's rows meet their own Bw. y (rows, ldy) holds the group's joined outputs. */
static void adapt(const pass *f, int32_t layer, zo_group g, float *y, int64_t ldy, const float *x,
                  int64_t ldx)
{
    int64_t columns = low_rank(f, layer, g, x, ldx), rows = f->block, rank = f->lora->options.rank;
    const float *low = f->s->low;
    for (int i = 0; i < zo_group_targets(g); i++) {
        const zo_lora_pair *pair = zo_lora_at(f->lora, layer, zo_group_first(g) + i);
        if (pair->b) {
            int64_t stride;
            const float *b = form(f, f->s->b, pair->b, pair->out * rank, pair->tensor_b, &stride);
            for (int64_t n = 0; n < f->replicas; n++)
                product(y + n * rows * ldy, ldy, low + n * rows * columns, columns, b + n * stride, rows,
                        pair->out, rank, f->lora->scale, 1.0f);
            low += rank;
        }
        y += pair->out;
    }
}

/* y (rows, out of the group) = W x, plus beta * y, plus biases and adapters. */
static void linear(const pass *f, int32_t layer, zo_group g, float *y, int64_t ldy, const float *x,
                   int64_t ldx, float beta)
{
    const zo_linear *l = &f->s->m->layers[layer].linear[zo_group_first(g)];
    int64_t out, in, column = 0;
    zo_group_shape(f->c, g, &out, &in);
    product(y, ldy, x, ldx, l->w.values, f->rows, out, in, 1.0f, beta);
    for (int i = 0; i < zo_group_targets(g); i++) {
        if (l[i].bias)
            add_bias(y + column, ldy, l[i].bias, f->rows, l[i].w.out);
        column += l[i].w.out;
    }
    if (f->lora)
        adapt(f, layer, g, y, ldy, x, ldx);
}

static void norm(const pass *f, float *y, const float *x, const float *w, int64_t rows)
{
    int64_t width = f->c->width;
#pragma omp parallel for
    for (int64_t r = 0; r < rows; r++)
        f->s->kernels->rmsnorm(y + r * width, x + r * width, w, width, f->c->norm_eps);
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
        memcpy(f->s->x + r * width, (const float *)f->s->m->embedding.values + id * width,
               (size_t)width * sizeof(float));
    }
}

/* q and k heads of a row turned by its position. */
static void rotate(const pass *f)
{
    int64_t half = f->c->head_dim / 2, heads = f->c->heads + f->c->kv_heads;
    int64_t ld = (f->c->heads + 2 * f->c->kv_heads) * (int64_t)f->c->head_dim;
#pragma omp parallel for
    for (int64_t r = 0; r < f->rows; r++) {
        int64_t position = f->s->position[r % f->block];
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
static void attention(const pass *f)
{
    const zo_batch *batch = f->batch;
    int64_t d = f->c->head_dim, H = f->c->heads, K = f->c->kv_heads, B = batch->sequences,
            ld = (H + 2 * K) * d;
    int64_t blocks = (batch->tokens + ATTEND_ROWS - 1) / ATTEND_ROWS, group = H / K * d;
    int threads = omp_get_max_threads() < f->s->threads ? omp_get_max_threads() : f->s->threads;
#pragma omp parallel for collapse(3) schedule(dynamic) num_threads(threads)
    for (int64_t sequence = 0; sequence < f->replicas * B; sequence++) {
        for (int64_t block = 0; block < blocks; block++) {
            for (int64_t h = 0; h < K; h++) {
                int64_t b = sequence % B, padding = batch->start[b] - batch->first[b];
                int64_t start = sequence / B * f->block + batch->offset[b], first = block * ATTEND_ROWS;
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

static void swiglu(const pass *f)
{
    int64_t F = f->c->ffn;
#pragma omp parallel for
    for (int64_t r = 0; r < f->rows; r++)
        f->s->kernels->swiglu(f->s->hidden + r * 2 * F, f->s->hidden + r * 2 * F + F, F);
}

static void layer_forward(const pass *f, int32_t i)
{
    zo_session *s = f->s;
    const zo_layer *l = &s->m->layers[i];
    int64_t D = f->c->width, Q = (int64_t)f->c->heads * f->c->head_dim, F = f->c->ffn;
    int64_t QKV = Q + 2 * (int64_t)f->c->kv_heads * f->c->head_dim;
    norm(f, s->normed, s->x, l->attn_norm, f->rows);
    linear(f, i, ZO_GROUP_QKV, s->qkv, QKV, s->normed, D, 0.0f);
    rotate(f);
    attention(f);
    linear(f, i, ZO_GROUP_O, s->x, D, s->mixed, Q, 1.0f);
    norm(f, s->normed, s->x, l->ffn_norm, f->rows);
    linear(f, i, ZO_GROUP_GATE_UP, s->hidden, 2 * F, s->normed, D, 0.0f);
    swiglu(f);
    linear(f, i, ZO_GROUP_DOWN, s->x, D, s->hidden, 2 * F, 1.0f);
}

/* Only rows that predict a label go through the head. */
static void head(const pass *f)
{
    zo_session *s = f->s;
    const zo_batch *batch = f->batch;
    int64_t D = f->c->width, labels = batch->labels;
    for (int64_t n = 0; n < f->replicas; n++) {
        for (int64_t i = 0; i < labels; i++) {
            int32_t b = batch->label_row[i] / batch->tokens, t = batch->label_row[i] % batch->tokens;
            int64_t row = n * f->block + batch->offset[b] + t - batch->first[b];
            memcpy(s->last + (n * labels + i) * D, s->x + row * D, (size_t)D * sizeof(float));
        }
    }
    norm(f, s->last, s->last, s->m->final_norm, f->replicas * labels);
    product(s->logits, f->c->vocab, s->last, D, s->m->head.values, f->replicas * labels, f->c->vocab, D, 1.0f,
            0.0f);
}

const float *zo_llama_logits(zo_session *s, const zo_lora *l, const zo_batch *batch, const zo_perturbation *p)
{
    pass f = {.s = s, .c = &s->m->config, .lora = l, .batch = batch, .p = p, .replicas = p ? p->count : 1};
    f.block = batch->offset[batch->sequences];
    f.rows = f.replicas * f.block;
    assert(f.rows >= 1 && f.rows <= s->limits.rows && batch->tokens <= s->limits.tokens);
    assert(f.replicas <= s->limits.replicas && f.replicas * batch->labels <= s->limits.labels);
    assert(!l || l->options.rank <= s->limits.rank);
    assert(l || !p);
    zo_phase_enter(s->hook, ZO_PHASE_FORWARD);
    place_rows(&f);
    embed(&f);
    for (int32_t i = 0; i < f.c->layers; i++)
        layer_forward(&f, i);
    zo_phase_enter(s->hook, ZO_PHASE_LOSS);
    head(&f);
    return s->logits;
}

zo_status zo_llama_losses(zo_session *s, const zo_lora *l, const zo_batch *batch, const zo_perturbation *p,
                          double *loss, zo_error *err)
{
    int64_t labels = batch->labels, V = s->m->config.vocab, replicas = p ? p->count : 1;
    assert(labels > 0);
    const float *logits = zo_llama_logits(s, l, batch, p);
#pragma omp parallel for
    for (int64_t i = 0; i < replicas * labels; i++)
        s->surprise[i] =
            s->kernels->logsumexp(logits + i * V, V) - logits[i * V + batch->label_id[i % labels]];
    for (int64_t n = 0; n < replicas; n++) {
        loss[n] = 0;
        for (int64_t i = 0; i < labels; i++)
            loss[n] += s->surprise[n * labels + i];
        loss[n] /= (double)labels;
    }
    zo_phase_enter(s->hook, ZO_PHASE_OTHER);
    for (int64_t n = 0; n < replicas; n++)
        if (!isfinite(loss[n]))
            return zo_fail(err, ZO_ERR_NUMERIC, "the loss of replica %d is %g", (int)n, loss[n]);
    return ZO_OK;
}
