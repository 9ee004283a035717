/* See reference.h. Written for reading: no function knows about more than one row at a time except attention. What it
 * allows itself for speed is that a product's sum is split in eight, which a compiler can do side by side. */
#include "core/model/reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/kernel/rng.h"

typedef struct reference {
    const zo_llama *m;
    const zo_lora *lora;
    uint64_t seed;
    uint32_t step;
    zo_replica replica;
    double step_size;
    int32_t n;                                 /* positions of the sequence */
    double *x, *normed, *qkv, *mixed, *hidden; /* (n, ...) */
    float *z;                                  /* noise of one adapter matrix */
    float *row;                                /* of a weight, decoded */
    double *w;                                 /* a row of a weight or of a moved adapter matrix */
} reference;

static double dot(const double *a, const double *b, int64_t n)
{
    double part[8] = {0};
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int k = 0; k < 8; k++)
            part[k] += a[i + k] * b[i + k];
    for (; i < n; i++)
        part[i % 8] += a[i] * b[i];
    return ((part[0] + part[4]) + (part[1] + part[5])) + ((part[2] + part[6]) + (part[3] + part[7]));
}

/* Row i of a weight into r->w. */
static void decode(reference *r, const zo_matrix *m, int64_t i)
{
    zo_precision_decode_rows(m, i, 1, r->row);
    for (int64_t k = 0; k < m->in; k++)
        r->w[k] = r->row[k];
}

/* y = x / rms(x) * w */
static void rmsnorm(double *y, const double *x, const float *w, int32_t width, double eps)
{
    double square = 0;
    for (int32_t i = 0; i < width; i++)
        square += x[i] * x[i];
    for (int32_t i = 0; i < width; i++)
        y[i] = x[i] / sqrt(square / width + eps) * w[i];
}

/* Noise of a whole adapter matrix into r->z. */
static void noise(reference *r, int64_t n, uint32_t tensor)
{
    zo_normals((zo_noise_at){r->seed, r->step, r->replica.query, tensor}, 0, n, r->z);
}

/* Row i of an adapter matrix (., n), moved along the noise in r->z where it is trained, into r->w. */
static void move(reference *r, const float *theta, int64_t i, int64_t n, bool trained)
{
    for (int64_t k = i * n; k < (i + 1) * n; k++)
        r->w[k - i * n] = theta[k] + (trained ? r->replica.sign * r->step_size * r->z[k] : 0);
}

/* y (n, ldy) += W x + bias + scale Bw A x for one target. */
static void linear(reference *r, int32_t layer, zo_target t, double *y, int64_t ldy, const double *x,
                   int64_t ldx)
{
    const zo_linear *l = &r->m->layers[layer].linear[t];
    const int64_t out = l->w.out, in = l->w.in;
    for (int64_t o = 0; o < out; o++) {
        decode(r, &l->w, o);
        for (int32_t p = 0; p < r->n; p++)
            y[p * ldy + o] += dot(r->w, x + p * ldx, in) + (l->bias ? l->bias[o] : 0);
    }
    const zo_lora_pair *pair = r->lora ? zo_lora_at(r->lora, layer, t) : NULL;
    if (!pair || !pair->b)
        return;
    int32_t R = r->lora->options.rank;
    bool train_a = r->lora->options.train_a;
    double *low = r->hidden + (int64_t)r->n * 2 * r->m->config.ffn; /* (n, R), behind the feed-forward */
    if (train_a)
        noise(r, R * in, pair->tensor_a);
    for (int32_t k = 0; k < R; k++) {
        move(r, pair->a, k, in, train_a);
        for (int32_t p = 0; p < r->n; p++)
            low[p * R + k] = dot(r->w, x + p * ldx, in);
    }
    noise(r, out * R, pair->tensor_b);
    for (int64_t o = 0; o < out; o++) {
        move(r, pair->b, o, R, true);
        for (int32_t p = 0; p < r->n; p++)
            y[p * ldy + o] += r->lora->options.alpha / R * dot(r->w, low + p * R, R);
    }
}

static void rotate(const reference *r, double *head, int32_t position)
{
    int32_t half = r->m->config.head_dim / 2;
    for (int32_t i = 0; i < half; i++) {
        double c = r->m->rope_cos[(int64_t)position * half + i],
               s = r->m->rope_sin[(int64_t)position * half + i];
        double a = head[i], b = head[half + i];
        head[i] = a * c - b * s;
        head[half + i] = b * c + a * s;
    }
}

static void attend(const reference *r, int32_t p, int32_t h, double *weight)
{
    const zo_config *c = &r->m->config;
    int64_t d = c->head_dim, ld = (c->heads + 2 * c->kv_heads) * d,
            kv = (c->heads + h / (c->heads / c->kv_heads)) * d;
    double total = 0;
    for (int32_t j = 0; j <= p; j++) {
        double dot = 0;
        for (int64_t i = 0; i < d; i++)
            dot += r->qkv[p * ld + h * d + i] * r->qkv[j * ld + kv + i];
        weight[j] = exp(dot / sqrt((double)d));
        total += weight[j];
    }
    for (int64_t i = 0; i < d; i++) {
        double sum = 0;
        for (int32_t j = 0; j <= p; j++)
            sum += weight[j] / total * r->qkv[j * ld + kv + c->kv_heads * d + i];
        r->mixed[(int64_t)p * c->heads * d + h * d + i] = sum;
    }
}

static void layer(reference *r, int32_t i, double *weight)
{
    const zo_config *c = &r->m->config;
    const zo_layer *l = &r->m->layers[i];
    int64_t D = c->width, F = c->ffn, d = c->head_dim, Q = c->heads * d, KV = c->kv_heads * d,
            ld = Q + 2 * KV;
    memset(r->qkv, 0, sizeof *r->qkv * (size_t)(r->n * ld));
    memset(r->hidden, 0, sizeof *r->hidden * (size_t)(r->n * 2 * F));
    for (int32_t p = 0; p < r->n; p++)
        rmsnorm(r->normed + p * D, r->x + p * D, l->attn_norm, c->width, c->norm_eps);
    linear(r, i, ZO_TARGET_Q, r->qkv, ld, r->normed, D);
    linear(r, i, ZO_TARGET_K, r->qkv + Q, ld, r->normed, D);
    linear(r, i, ZO_TARGET_V, r->qkv + Q + KV, ld, r->normed, D);
    for (int32_t p = 0; p < r->n; p++)
        for (int32_t h = 0; h < c->heads + c->kv_heads; h++)
            rotate(r, r->qkv + p * ld + h * d, p);
    for (int32_t p = 0; p < r->n; p++)
        for (int32_t h = 0; h < c->heads; h++)
            attend(r, p, h, weight);
    linear(r, i, ZO_TARGET_O, r->x, D, r->mixed, Q);
    for (int32_t p = 0; p < r->n; p++)
        rmsnorm(r->normed + p * D, r->x + p * D, l->ffn_norm, c->width, c->norm_eps);
    linear(r, i, ZO_TARGET_GATE, r->hidden, 2 * F, r->normed, D);
    linear(r, i, ZO_TARGET_UP, r->hidden + F, 2 * F, r->normed, D);
    for (int32_t p = 0; p < r->n; p++) {
        double *gate = r->hidden + p * 2 * F;
        for (int64_t k = 0; k < F; k++)
            gate[k] = gate[k] / (1 + exp(-gate[k])) * gate[F + k];
    }
    linear(r, i, ZO_TARGET_DOWN, r->x, D, r->hidden, 2 * F);
}

/* -log p(id) after position p. */
static double cross_entropy(reference *r, int32_t p, int32_t id)
{
    const zo_config *c = &r->m->config;
    double total = 0, chosen = 0;
    rmsnorm(r->normed, r->x + (int64_t)p * c->width, r->m->final_norm, c->width, c->norm_eps);
    for (int32_t v = 0; v < c->vocab; v++) {
        decode(r, &r->m->head, v);
        double z = dot(r->w, r->normed, c->width);
        total += exp(z);
        chosen = v == id ? z : chosen;
    }
    return log(total) - chosen;
}

static void run(reference *r, const int32_t *ids, double *weight)
{
    const zo_config *c = &r->m->config;
    for (int32_t p = 0; p < r->n; p++) {
        zo_precision_decode_rows(&r->m->embedding, ids[p], 1, r->row);
        for (int32_t i = 0; i < c->width; i++)
            r->x[(int64_t)p * c->width + i] = r->row[i];
    }
    for (int32_t i = 0; i < c->layers; i++)
        layer(r, i, weight);
}

zo_status zo_reference_loss(const zo_llama *m, const zo_lora *l, const zo_batch *batch, uint64_t seed,
                            uint32_t step, zo_replica replica, double step_size, double *loss, zo_error *err)
{
    const zo_config *c = &m->config;
    size_t T = (size_t)batch->tokens, D = (size_t)c->width, d = (size_t)c->head_dim, F = (size_t)c->ffn;
    size_t R = l ? (size_t)l->options.rank : 0, widest = D > F ? D : F;
    widest = (size_t)c->heads * d > widest ? (size_t)c->heads * d : widest;
    widest = R > widest ? R : widest;
    reference r = {.m = m, .lora = l, .seed = seed, .step = step, .replica = replica, .step_size = step_size};
    double *weight = calloc(T, sizeof *weight);
    r.x = calloc(T * D, sizeof *r.x);
    r.normed = calloc(T * D, sizeof *r.normed);
    r.qkv = calloc(T * d * (size_t)(c->heads + 2 * c->kv_heads), sizeof *r.qkv);
    r.mixed = calloc(T * d * (size_t)c->heads, sizeof *r.mixed);
    r.hidden = calloc(T * (2 * F + R), sizeof *r.hidden);
    r.z = calloc(widest * R + 1, sizeof *r.z);
    r.row = calloc(widest, sizeof *r.row);
    r.w = calloc(widest, sizeof *r.w);
    zo_status st = ZO_OK;
    *loss = 0;
    if (!weight || !r.x || !r.normed || !r.qkv || !r.mixed || !r.hidden || !r.z || !r.row || !r.w)
        st = zo_fail(err, ZO_ERR_MEMORY, "reference forward: out of memory");
    for (int32_t i = 0, b = -1; i < batch->labels && !st; i++) {
        int32_t sequence = batch->label_row[i] / batch->tokens, start = batch->start[sequence];
        r.n = batch->tokens - start;
        if (sequence != b)
            run(&r, batch->ids + (int64_t)sequence * batch->tokens + start, weight);
        b = sequence;
        *loss += cross_entropy(&r, batch->label_row[i] % batch->tokens - start, batch->label_id[i]) /
                 batch->labels;
    }
    free(weight);
    free(r.x);
    free(r.normed);
    free(r.qkv);
    free(r.mixed);
    free(r.hidden);
    free(r.z);
    free(r.row);
    free(r.w);
    return st;
}
