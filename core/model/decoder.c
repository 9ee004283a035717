/* Greedy decoding of llama.h: one token at a time through a key-value cache. Its products and operators are those of
 * forward.c on a single row, so both give the same bits. */
#include <math.h>
#include <omp.h>
#include <stddef.h>
#include <string.h>

#include "core/kernel/kernel.h"
#include "core/model/linear.h"
#include "core/model/llama.h"

struct zo_decoder {
    const zo_llama *m;
    const zo_lora *lora;
    const zo_kernels *kernels;
    zo_engine engine;
    int32_t capacity, at;
    float *keys;    /* (L, capacity, 2 KV): a position's keys, then its values */
    float *x;       /* (D) */
    float *normed;  /* (D) */
    char *input;    /* a tile of D or Q inputs */
    float *qkv;     /* (Q + 2 KV) */
    float *mixed;   /* (Q) */
    char *hidden;   /* a tile of F inputs */
    float *low;     /* (3, R, H) */
    float *a, *b;   /* the adapter as panels, one group at a time */
    float *scratch; /* zo_attend_scratch */
    float *logits;  /* (V) */
};

zo_status zo_decoder_new(const zo_llama *m, const zo_lora *l, zo_compute compute, int32_t capacity,
                         zo_mem *mem, zo_decoder **out, zo_error *err)
{
    const zo_config *c = &m->config;
    int64_t query = (int64_t)c->heads * c->head_dim, kv = (int64_t)c->kv_heads * c->head_dim, a, b;
    int64_t widest = query > c->width ? query : c->width;
    int32_t rank = l ? l->options.rank : 0;
    zo_decoder *d = NULL;
    *out = NULL;
    if (capacity < 1 || capacity > m->positions)
        return zo_fail(err, ZO_ERR_INVALID, "decoder: %d positions asked of a model that has %d", capacity,
                       m->positions);
    zo_status st = zo_mem_array(mem, ZO_ACCOUNT_KV, 1, sizeof *d, "decoder", &d, err);
    if (st)
        return st;
    *d = (zo_decoder){.m = m, .lora = l, .kernels = zo_kernels_best(), .capacity = capacity};
    d->engine = (zo_engine){.panels = zo_panels_best(),
                            .compute = compute,
                            .threads = omp_get_max_threads(),
                            .sgemm = m->sgemm};
    d->engine.scratch_bytes = zo_engine_scratch(d->engine.panels, widest > c->ffn ? widest : c->ffn, 1);
    zo_lowrank_most(c, rank, &a, &b);
    const int64_t F = sizeof(float);
    const struct {
        void *at;
        int64_t bytes;
        zo_account account;
    } arrays[] = {
        {&d->keys, c->layers * (int64_t)capacity * 2 * kv * F, ZO_ACCOUNT_KV},
        {&d->x, c->width * F, ZO_ACCOUNT_ACTIVATIONS},
        {&d->normed, c->width * F, ZO_ACCOUNT_ACTIVATIONS},
        {&d->input, zo_tile_bytes(&d->engine, widest), ZO_ACCOUNT_ACTIVATIONS},
        {&d->qkv, (query + 2 * kv) * F, ZO_ACCOUNT_ACTIVATIONS},
        {&d->mixed, query * F, ZO_ACCOUNT_ACTIVATIONS},
        {&d->hidden, zo_tile_bytes(&d->engine, c->ffn), ZO_ACCOUNT_ACTIVATIONS},
        {&d->low, (int64_t)rank * 3 * d->engine.panels->tile_rows * F, ZO_ACCOUNT_ACTIVATIONS},
        {&d->a, a * F, ZO_ACCOUNT_ACTIVATIONS},
        {&d->b, b * F, ZO_ACCOUNT_ACTIVATIONS},
        {&d->scratch, zo_attend_scratch(capacity, c->head_dim) * F, ZO_ACCOUNT_ACTIVATIONS},
        {&d->logits, c->vocab * F, ZO_ACCOUNT_ACTIVATIONS},
        {&d->engine.scratch, d->engine.threads * d->engine.scratch_bytes, ZO_ACCOUNT_ACTIVATIONS},
        {&d->engine.room, m->sgemm ? zo_engine_room(widest > c->ffn ? widest : c->ffn, 1) * F : 0,
         ZO_ACCOUNT_ACTIVATIONS},
    };
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0] && !st; i++)
        st = zo_mem_array(mem, arrays[i].account, (size_t)arrays[i].bytes, 1, "decoder", arrays[i].at, err);
    if (st) {
        zo_decoder_free(d);
        return st;
    }
    *out = d;
    return ZO_OK;
}

void zo_decoder_free(zo_decoder *d)
{
    if (!d)
        return;
    void *const all[] = {d->keys, d->x, d->normed, d->input,   d->qkv,    d->mixed,          d->hidden,
                         d->low,  d->a, d->b,      d->scratch, d->logits, d->engine.scratch, d->engine.room};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        zo_mem_free(all[i]);
    zo_mem_free(d);
}

void zo_decoder_reset(zo_decoder *d)
{
    d->at = 0;
}

static const zo_tile one = {.rows = 1};

static const void *pack(zo_decoder *d, const float *x, int64_t width, const float *norm)
{
    if (norm) {
        d->kernels->rmsnorm(d->normed, x, norm, width, d->m->config.norm_eps);
        x = d->normed;
    }
    zo_tile_pack(&d->engine, d->input, x, width, 1, width);
    return d->input;
}

static void linear(zo_decoder *d, int32_t layer, zo_group g, const void *x, zo_into into, float *y)
{
    zo_lowrank lowrank;
    zo_linear_call call = {.maps = d->m->layers[layer].linear + zo_group_first(g),
                           .count = zo_group_targets(g),
                           .tiles = &one,
                           .n = 1,
                           .x = x,
                           .into = into,
                           .y = y,
                           .packed = d->hidden};
    if (zo_lowrank_collect(d->lora, layer, g, &lowrank, call.target)) {
        lowrank.a = d->a;
        lowrank.b = d->b;
        lowrank.low = d->low;
        zo_lowrank_form(d->engine.panels, &lowrank);
        zo_lowrank_inputs(&d->engine, &lowrank, &one, 1, x);
        call.lowrank = &lowrank;
    }
    zo_linear_apply(&d->engine, &call);
}

static void attention(zo_decoder *d, int32_t layer)
{
    const zo_config *c = &d->m->config;
    int64_t hd = c->head_dim, kv = c->kv_heads * hd, half = hd / 2;
    const float *cosine = d->m->rope_cos + d->at * half, *sine = d->m->rope_sin + d->at * half;
    for (int64_t h = 0; h < c->heads + c->kv_heads; h++)
        d->kernels->rope(d->qkv + h * hd, cosine, sine, half);
    float *cache = d->keys + (int64_t)layer * d->capacity * 2 * kv;
    memcpy(cache + d->at * 2 * kv, d->qkv + c->heads * hd, (size_t)(2 * kv) * sizeof(float));
    int64_t group = c->heads / c->kv_heads;
    for (int64_t h = 0; h < c->kv_heads; h++)
        d->kernels->attend(&(zo_attention){
            .out = d->mixed + h * group * hd,
            .q = d->qkv + h * group * hd,
            .k = cache + h * hd,
            .v = cache + kv + h * hd,
            .ldkv = 2 * kv,
            .heads = group,
            .first = d->at,
            .rows = 1,
            .d = hd,
            .scale = 1.0f / sqrtf((float)hd),
            .scratch = d->scratch,
        });
}

static void feed_one(zo_decoder *d, int32_t id)
{
    const zo_config *c = &d->m->config;
    int64_t D = c->width, Q = (int64_t)c->heads * c->head_dim;
    zo_precision_decode_rows(&d->m->embedding, id, 1, d->x);
    for (int32_t i = 0; i < c->layers; i++) {
        const zo_layer *l = &d->m->layers[i];
        linear(d, i, ZO_GROUP_QKV, pack(d, d->x, D, l->attn_norm), ZO_INTO_SET, d->qkv);
        attention(d, i);
        linear(d, i, ZO_GROUP_O, pack(d, d->mixed, Q, NULL), ZO_INTO_ADD, d->x);
        linear(d, i, ZO_GROUP_GATE_UP, pack(d, d->x, D, l->ffn_norm), ZO_INTO_SWIGLU, NULL);
        linear(d, i, ZO_GROUP_DOWN, d->hidden, ZO_INTO_ADD, d->x);
    }
    d->at++;
}

zo_status zo_decoder_feed(zo_decoder *d, const int32_t *ids, int32_t n, const float **logits, zo_error *err)
{
    const zo_config *c = &d->m->config;
    if (n < 1 || n > d->capacity - d->at)
        return zo_fail(err, ZO_ERR_INVALID, "decode: %d more tokens do not fit a cache of %d that holds %d",
                       n, d->capacity, d->at);
    for (int32_t i = 0; i < n; i++)
        if (ids[i] < 0 || ids[i] >= c->vocab)
            return zo_fail(err, ZO_ERR_INVALID, "decode: token %d is outside the vocabulary of %d", ids[i],
                           c->vocab);
    for (int32_t i = 0; i < n; i++)
        feed_one(d, ids[i]);
    zo_linear map = {.w = d->m->head};
    zo_linear_call call = {.maps = &map,
                           .count = 1,
                           .tiles = &one,
                           .n = 1,
                           .x = pack(d, d->x, c->width, d->m->final_norm),
                           .into = ZO_INTO_SET,
                           .y = d->logits};
    zo_linear_apply(&d->engine, &call);
    for (int32_t i = 0; i < c->vocab; i++)
        if (!isfinite(d->logits[i]))
            return zo_fail(err, ZO_ERR_NUMERIC, "decode: the logit of token %d is %g", i,
                           (double)d->logits[i]);
    *logits = d->logits;
    return ZO_OK;
}

int32_t zo_argmax(const float *x, int32_t n)
{
    int32_t best = 0;
    for (int32_t i = 1; i < n; i++)
        if (x[i] > x[best])
            best = i;
    return best;
}
