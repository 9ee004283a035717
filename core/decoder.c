/* Greedy decoding of llama.h: one token at a time through a key-value cache. Matrix times vector throughout, so it
 * shares the weights and the small operators with forward.c, and none of its loops. */
#include <cblas.h>
#include <math.h>
#include <string.h>

#include "core/kernel.h"
#include "core/llama.h"

struct zo_decoder {
    const zo_llama *m;
    const zo_lora *lora;
    const zo_kernels *kernels;
    int32_t capacity, at;
    float *keys;    /* (L, capacity, 2 KV): a position's keys, then its values */
    float *x;       /* (D) */
    float *normed;  /* (D) */
    float *qkv;     /* (Q + 2 KV) */
    float *mixed;   /* (Q) */
    float *hidden;  /* (2 F) */
    float *low;     /* (R) */
    float *scratch; /* zo_attend_scratch */
    float *logits;  /* (V) */
};

zo_status zo_decoder_new(const zo_llama *m, const zo_lora *l, int32_t capacity, zo_mem *mem, zo_decoder **out,
                         zo_error *err)
{
    const zo_config *c = &m->config;
    size_t query = (size_t)c->heads * (size_t)c->head_dim, kv = (size_t)c->kv_heads * (size_t)c->head_dim;
    zo_decoder *d = NULL;
    *out = NULL;
    if (m->precision != ZO_PRECISION_F32)
        return zo_fail(err, ZO_ERR_UNSUPPORTED, "decoder: weights in another precision than f32");
    if (capacity < 1 || capacity > m->positions)
        return zo_fail(err, ZO_ERR_INVALID, "decoder: %d positions asked of a model that has %d", capacity,
                       m->positions);
    zo_status st = zo_mem_array(mem, ZO_ACCOUNT_KV, 1, sizeof *d, "decoder", &d, err);
    if (st)
        return st;
    *d = (zo_decoder){.m = m, .lora = l, .kernels = zo_kernels_best(), .capacity = capacity};
    const struct {
        float **at;
        size_t n;
        zo_account account;
    } arrays[] = {
        {&d->keys, (size_t)c->layers * (size_t)capacity * 2 * kv, ZO_ACCOUNT_KV},
        {&d->x, (size_t)c->width, ZO_ACCOUNT_ACTIVATIONS},
        {&d->normed, (size_t)c->width, ZO_ACCOUNT_ACTIVATIONS},
        {&d->qkv, query + 2 * kv, ZO_ACCOUNT_ACTIVATIONS},
        {&d->mixed, query, ZO_ACCOUNT_ACTIVATIONS},
        {&d->hidden, 2 * (size_t)c->ffn, ZO_ACCOUNT_ACTIVATIONS},
        {&d->low, l ? (size_t)l->options.rank : 0, ZO_ACCOUNT_ACTIVATIONS},
        {&d->scratch, (size_t)zo_attend_scratch(capacity, c->head_dim), ZO_ACCOUNT_ACTIVATIONS},
        {&d->logits, (size_t)c->vocab, ZO_ACCOUNT_ACTIVATIONS},
    };
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0] && !st; i++)
        st = zo_mem_array(mem, arrays[i].account, arrays[i].n, sizeof(float), "decoder", arrays[i].at, err);
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
    float *const all[] = {d->keys,   d->x,   d->normed,  d->qkv,   d->mixed,
                          d->hidden, d->low, d->scratch, d->logits};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        zo_mem_free(all[i]);
    zo_mem_free(d);
}

void zo_decoder_reset(zo_decoder *d)
{
    d->at = 0;
}

/* y (out) = scale * w (out, in) x (in) + beta * y */
static void apply(float *y, const float *w, const float *x, int64_t out, int64_t in, float scale, float beta)
{
    cblas_sgemv(CblasRowMajor, CblasNoTrans, (blasint)out, (blasint)in, scale, w, (blasint)in, x, 1, beta, y,
                1);
}

static void linear(zo_decoder *d, int32_t layer, zo_group g, float *y, const float *x, float beta)
{
    const zo_linear *l = &d->m->layers[layer].linear[zo_group_first(g)];
    int64_t out, in;
    zo_group_shape(&d->m->config, g, &out, &in);
    apply(y, l->w.values, x, out, in, 1.0f, beta);
    for (int i = 0; i < zo_group_targets(g); i++) {
        if (l[i].bias)
            d->kernels->scale_add(y, y, 1.0f, l[i].bias, l[i].w.out);
        const zo_lora_pair *pair = d->lora ? zo_lora_at(d->lora, layer, zo_group_first(g) + i) : NULL;
        if (pair && pair->b) {
            int32_t rank = d->lora->options.rank;
            apply(d->low, pair->a, x, rank, pair->in, 1.0f, 0.0f);
            apply(y, pair->b, d->low, pair->out, rank, d->lora->scale, 1.0f);
        }
        y += l[i].w.out;
    }
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
    memcpy(d->x, (const float *)d->m->embedding.values + (int64_t)id * c->width,
           (size_t)c->width * sizeof(float));
    for (int32_t i = 0; i < c->layers; i++) {
        const zo_layer *l = &d->m->layers[i];
        d->kernels->rmsnorm(d->normed, d->x, l->attn_norm, c->width, c->norm_eps);
        linear(d, i, ZO_GROUP_QKV, d->qkv, d->normed, 0.0f);
        attention(d, i);
        linear(d, i, ZO_GROUP_O, d->x, d->mixed, 1.0f);
        d->kernels->rmsnorm(d->normed, d->x, l->ffn_norm, c->width, c->norm_eps);
        linear(d, i, ZO_GROUP_GATE_UP, d->hidden, d->normed, 0.0f);
        d->kernels->swiglu(d->hidden, d->hidden + c->ffn, c->ffn);
        linear(d, i, ZO_GROUP_DOWN, d->x, d->hidden, 1.0f);
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
    d->kernels->rmsnorm(d->normed, d->x, d->m->final_norm, c->width, c->norm_eps);
    apply(d->logits, d->m->head.values, d->normed, c->vocab, c->width, 1.0f, 0.0f);
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
