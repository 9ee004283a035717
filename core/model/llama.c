/* See llama.h. The model as arrays: loading, the list of its tensors, sizes and operation counts.
 * The forward pass is in forward.c, decoding in decoder.c.
 */
#include "core/model/llama.h"

#include <assert.h>
#include <math.h>
#include <omp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/kernel/noise.h"

/* One tensor of the model: its name in the file, its place in zo_llama, its shape. Everything that walks over the
 * weights (loading, full-parameter training, sizes) walks over this list. */
typedef enum kind { LINEAR, VOCABULARY /* embedding, head */, VECTOR /* norm, bias */ } kind;

typedef struct slot {
    char name[96];
    kind kind;
    zo_matrix *matrix; /* what to set; NULL where it is a vector, or only sizes are asked for */
    float **vector;    /* the same for norms and biases */
    int64_t rows, cols;
} slot;

static int32_t slot_count(const zo_config *c)
{
    return 2 + !c->tied + c->layers * (2 + ZO_TARGET_COUNT + (c->qkv_bias ? 3 : 0));
}

static slot slot_of_linear(const zo_config *c, zo_llama *m, int32_t layer, zo_target t, int bias)
{
    slot s = {.kind = bias ? VECTOR : LINEAR};
    zo_target_shape(c, t, &s.rows, &s.cols);
    if (bias)
        s.cols = 1;
    snprintf(s.name, sizeof s.name, "model.layers.%d.%s.%s.%s", layer, zo_target_parent(t), zo_target_name(t),
             bias ? "bias" : "weight");
    if (m && bias)
        s.vector = &m->layers[layer].linear[t].bias;
    else if (m)
        s.matrix = &m->layers[layer].linear[t].w;
    return s;
}

/* Within a layer: two norms, seven weights, and the three biases where there are any. Weights of a group are
 * neighbours here, and so in memory. */
static slot slot_in_layer(const zo_config *c, zo_llama *m, int32_t layer, int32_t i)
{
    if (i >= 2)
        return i < 2 + ZO_TARGET_COUNT ? slot_of_linear(c, m, layer, i - 2, 0)
                                       : slot_of_linear(c, m, layer, i - 2 - ZO_TARGET_COUNT, 1);
    slot s = {.kind = VECTOR, .rows = 1, .cols = c->width};
    snprintf(s.name, sizeof s.name, "model.layers.%d.%s.weight", layer,
             i == 0 ? "input_layernorm" : "post_attention_layernorm");
    if (m)
        s.vector = i == 0 ? &m->layers[layer].attn_norm : &m->layers[layer].ffn_norm;
    return s;
}

static slot slot_at(const zo_config *c, zo_llama *m, int32_t i)
{
    int32_t per_layer = 2 + ZO_TARGET_COUNT + (c->qkv_bias ? 3 : 0);
    if (i >= 1 && i <= c->layers * per_layer)
        return slot_in_layer(c, m, (i - 1) / per_layer, (i - 1) % per_layer);
    if (i == 0)
        return (slot){
            "model.embed_tokens.weight", VOCABULARY, m ? &m->embedding : NULL, NULL, c->vocab, c->width};
    if (i == 1 + c->layers * per_layer)
        return (slot){"model.norm.weight", VECTOR, NULL, m ? &m->final_norm : NULL, 1, c->width};
    return (slot){"lm_head.weight", VOCABULARY, m ? &m->head : NULL, NULL, c->vocab, c->width};
}

/* Where tensor i ends when it starts at `start`, in floats. */
static int64_t slot_end(const zo_config *c, int32_t i, int64_t start)
{
    slot s = slot_at(c, NULL, i);
    return start + s.rows * s.cols;
}

static int64_t storage_floats(const zo_config *c)
{
    int64_t n = 0;
    for (int32_t i = 0; i < slot_count(c); i++)
        n = slot_end(c, i, n);
    return n;
}

/* Llama 3's change of the rotary frequencies: long waves are stretched by `factor`, short ones kept, those between
 * blended. Source: Llama 3.1's reference code (apply_scaling), as in Hugging Face's rope_type "llama3". */
static double scaled_frequency(const zo_rope_scaling *s, double frequency)
{
    if (s->factor == 0)
        return frequency;
    double wave = 2 * M_PI / frequency;
    if (wave < s->original_context / s->high_freq_factor)
        return frequency;
    if (wave > s->original_context / s->low_freq_factor)
        return frequency / s->factor;
    double smooth =
        (s->original_context / wave - s->low_freq_factor) / (s->high_freq_factor - s->low_freq_factor);
    return (1 - smooth) * frequency / s->factor + smooth * frequency;
}

static zo_status make_rope(zo_llama *m, zo_mem *mem, zo_error *err)
{
    int32_t half = m->config.head_dim / 2;
    size_t n = (size_t)m->positions * (size_t)half;
    zo_status st = zo_mem_array(mem, ZO_ACCOUNT_WEIGHTS, n, sizeof(float), "rotary table", &m->rope_cos, err);
    if (!st)
        st = zo_mem_array(mem, ZO_ACCOUNT_WEIGHTS, n, sizeof(float), "rotary table", &m->rope_sin, err);
    if (st)
        return st;
    for (int32_t i = 0; i < half; i++) {
        double f = pow(m->config.rope_theta, -2.0 * i / m->config.head_dim);
        f = scaled_frequency(&m->config.rope_scaling, f);
        for (int32_t p = 0; p < m->positions; p++) {
            m->rope_cos[(int64_t)p * half + i] = (float)cos(p * f);
            m->rope_sin[(int64_t)p * half + i] = (float)sin(p * f);
        }
    }
    return ZO_OK;
}

/* ---- loading ---- */

/* How a tensor is kept. */
typedef struct home {
    zo_precision precision;
    bool mapped;   /* used straight from the file's map */
    int64_t bytes; /* in the model's own storage: 0 where mapped */
} home;

static bool stored_as(const zo_tensor *t, zo_precision p)
{
    zo_dtype same = p == ZO_PRECISION_F16 ? ZO_DTYPE_F16 : ZO_DTYPE_BF16;
    return t && t->data && (p == ZO_PRECISION_F16 || p == ZO_PRECISION_BF16) && t->dtype == same;
}

static zo_precision precision_of(const zo_tensor *t, kind k, zo_precision wanted)
{
    if (k == VECTOR || wanted == ZO_PRECISION_F32)
        return ZO_PRECISION_F32;
    if (k == LINEAR)
        return wanted;
    if (stored_as(t, ZO_PRECISION_F16))
        return ZO_PRECISION_F16;
    return wanted == ZO_PRECISION_F16 && !stored_as(t, ZO_PRECISION_BF16) ? ZO_PRECISION_F16
                                                                          : ZO_PRECISION_BF16;
}

static home home_of(const zo_weights *w, const slot *s, zo_precision wanted)
{
    const zo_tensor *t = zo_weights_find(w, s->name);
    home h = {.precision = precision_of(t, s->kind, wanted)};
    h.mapped = stored_as(t, h.precision) && (uintptr_t)t->data % sizeof(uint16_t) == 0;
    if (wanted == ZO_PRECISION_F32) /* one array without gaps: storage */
        h.bytes = s->rows * s->cols * (int64_t)sizeof(float);
    else if (!h.mapped)
        h.bytes = zo_precision_bytes(h.precision, s->rows, s->cols);
    return h;
}

zo_llama_bytes zo_llama_weight_bytes(const zo_weights *w, zo_precision precision, int32_t positions)
{
    const zo_config *c = zo_weights_config(w);
    zo_llama_bytes n = {.held = (int64_t)(sizeof(zo_llama) + (size_t)c->layers * sizeof(zo_layer))};
    n.held += zo_batch_padded(positions) * (int64_t)c->head_dim * (int64_t)sizeof(float);
    for (int32_t i = 0; i < slot_count(c); i++) {
        slot s = slot_at(c, NULL, i);
        home h = home_of(w, &s, precision);
        n.held += h.bytes;
        n.mapped += h.mapped ? (int64_t)zo_weights_find(w, s.name)->bytes : 0;
    }
    return n;
}

/* Room for conversions, enough for any tensor of the model. */
typedef struct load_scratch {
    float *rows;   /* (threads, block) */
    int64_t block; /* values of one thread */
    int threads;
    float *absmax; /* zo_encoder */
} load_scratch;

/* Rows that a thread converts at once: few, so that they stay in its cache. */
static int64_t rows_at_once(zo_precision p, int64_t cols)
{
    enum { VALUES = 1 << 16 };
    int64_t grain = zo_precision_grain(p, cols), some = VALUES / (grain * cols);
    return grain * (some > 1 ? some : 1);
}

static zo_status scratch_init(load_scratch *scratch, const zo_llama *m, const zo_weights *w, zo_mem *mem,
                              zo_error *err)
{
    int64_t absmax = 0;
    *scratch = (load_scratch){.threads = omp_get_max_threads()};
    if (m->storage)
        return ZO_OK;
    for (int32_t i = 0; i < slot_count(&m->config); i++) {
        slot s = slot_at(&m->config, NULL, i);
        home h = home_of(w, &s, m->precision);
        if (h.mapped || s.kind == VECTOR)
            continue;
        int64_t at_once = rows_at_once(h.precision, s.cols),
                more = zo_precision_scratch(h.precision, s.rows, s.cols);
        int64_t block = (at_once < s.rows ? at_once : s.rows) * s.cols;
        scratch->block = block > scratch->block ? block : scratch->block;
        absmax = more > absmax ? more : absmax;
    }
    zo_status st = zo_mem_array(mem, ZO_ACCOUNT_DATA, (size_t)scratch->threads * (size_t)scratch->block,
                                sizeof(float), "rows to convert", &scratch->rows, err);
    return st ? st
              : zo_mem_array(mem, ZO_ACCOUNT_DATA, (size_t)absmax, sizeof(float), "absmax to quantize",
                             &scratch->absmax, err);
}

static void scratch_deinit(load_scratch *scratch)
{
    zo_mem_free(scratch->rows);
    zo_mem_free(scratch->absmax);
}

/* Rows are decoded in blocks by all threads. */
static void decode_tensor(const zo_weights *w, const zo_tensor *t, const slot *s, float *out)
{
    int64_t rows = t->rank == 1 ? 1 : s->rows, cols = s->rows * s->cols / rows;
    enum { BLOCK = 64 };
#pragma omp parallel for schedule(dynamic)
    for (int64_t r = 0; r < rows; r += BLOCK)
        zo_weights_read_rows(w, t, r, rows - r < BLOCK ? rows - r : BLOCK, out + r * cols);
}

static zo_matrix encode_tensor(const zo_weights *w, const zo_tensor *t, const slot *s, zo_precision p,
                               void *storage, const load_scratch *scratch)
{
    zo_encoder e = {p, s->rows, s->cols, storage, scratch->absmax};
    int64_t block = rows_at_once(p, s->cols);
#pragma omp parallel for schedule(dynamic) num_threads(scratch->threads)
    for (int64_t r = 0; r < s->rows; r += block) {
        int64_t some = s->rows - r < block ? s->rows - r : block;
        float *rows = scratch->rows + omp_get_thread_num() * scratch->block;
        zo_weights_read_rows(w, t, r, some, rows);
        zo_precision_encode_rows(&e, r, some, rows);
    }
    return zo_precision_encode_end(&e);
}

/* One tensor to `to`, h->bytes long. */
static void read_one(zo_llama *m, const zo_weights *w, const zo_tensor *t, const slot *s, const home *h,
                     void *to, const load_scratch *scratch)
{
    zo_matrix as_it_is = {.precision = h->precision,
                          .out = s->rows,
                          .in = s->cols,
                          .values = h->mapped ? t->data : to,
                          .permuted_heads = h->mapped ? t->permuted_heads : 0};
    if (s->kind == VECTOR || m->storage)
        decode_tensor(w, t, s, to);
    if (s->kind == VECTOR)
        *s->vector = to;
    else if (m->storage || h->mapped)
        *s->matrix = as_it_is;
    else
        *s->matrix = encode_tensor(w, t, s, h->precision, to, scratch);
    if (!h->mapped)
        zo_weights_drop(w, t); /* its pages would count as resident beside the copy */
}

static zo_status read_all(zo_llama *m, zo_weights *w, zo_mem *mem, zo_error *err)
{
    load_scratch scratch;
    char *next = m->storage ? (char *)m->storage : m->packed;
    zo_status st = scratch_init(&scratch, m, w, mem, err);
    for (int32_t i = 0; !st && i < slot_count(&m->config); i++) {
        slot s = slot_at(&m->config, m, i);
        home h = home_of(w, &s, m->precision);
        const zo_tensor *t = zo_weights_find(w, s.name);
        if (!t) {
            st = zo_fail(err, ZO_ERR_FORMAT, "load model: tensor %s is missing", s.name);
            break;
        }
        read_one(m, w, t, &s, &h, next, &scratch);
        if (h.mapped && !m->source)
            m->source = zo_weights_hold(w);
        next += h.bytes;
    }
    scratch_deinit(&scratch);
    if (m->config.tied)
        m->head = m->embedding;
    return st;
}

static zo_status make_storage(zo_llama *m, const zo_weights *w, zo_mem *mem, zo_error *err)
{
    size_t bytes = 0;
    for (int32_t i = 0; i < slot_count(&m->config); i++) {
        slot s = slot_at(&m->config, NULL, i);
        bytes += (size_t)home_of(w, &s, m->precision).bytes;
    }
    return zo_mem_array(mem, ZO_ACCOUNT_WEIGHTS, bytes, 1, "weights",
                        m->precision == ZO_PRECISION_F32 ? (void *)&m->storage : &m->packed, err);
}

zo_status zo_llama_load(zo_weights *w, zo_precision precision, int32_t positions, zo_mem *mem, zo_llama **out,
                        zo_error *err)
{
    zo_status st = ZO_OK;
    zo_llama *m = NULL;
    *out = NULL;
    if (positions < 1)
        return zo_fail(err, ZO_ERR_INVALID, "load model: %d positions", positions);
    if (zo_weights_config(w)->window && positions > zo_weights_config(w)->window)
        return zo_fail(err, ZO_ERR_UNSUPPORTED,
                       "load model: sequences of %d tokens, where the model's sliding_window is %d: only up "
                       "to it is supported",
                       positions, zo_weights_config(w)->window);
    st = zo_mem_array(mem, ZO_ACCOUNT_WEIGHTS, 1, sizeof *m, "model", &m, err);
    if (st)
        goto cleanup;
    m->config = *zo_weights_config(w);
    m->precision = precision;
    m->positions = zo_batch_padded(positions);
    st = zo_mem_array(mem, ZO_ACCOUNT_WEIGHTS, (size_t)m->config.layers, sizeof *m->layers, "layers",
                      &m->layers, err);
    if (st)
        goto cleanup;
    st = make_storage(m, w, mem, err);
    if (st)
        goto cleanup;
    st = make_rope(m, mem, err);
    if (st)
        goto cleanup;
    st = read_all(m, w, mem, err);
    if (st)
        goto cleanup;
    *out = m;
    m = NULL;
cleanup:
    zo_llama_free(m);
    return st;
}

/* ---- panel order ---- */

zo_status zo_llama_freeze(zo_llama *m, zo_mem *mem, zo_error *err)
{
    int64_t bytes = 0;
    int threads = omp_get_max_threads();
    char *room;
    if (m->frozen)
        return ZO_OK;
    for (int t = 0; t < ZO_TARGET_COUNT; t++) {
        int64_t in = m->layers[0].linear[t].w.in;
        bytes = zo_precision_reorder_bytes(in) > bytes ? zo_precision_reorder_bytes(in) : bytes;
    }
    zo_status st =
        zo_mem_array(mem, ZO_ACCOUNT_DATA, (size_t)threads, (size_t)bytes, "rows to reorder", &room, err);
    if (st)
        return st;
    for (int32_t l = 0; l < m->config.layers; l++)
        for (int t = 0; t < ZO_TARGET_COUNT; t++)
            if (zo_precision_reorders(m->precision, m->layers[l].linear[t].w.in)) /* none that is mapped */
                zo_precision_reorder(&m->layers[l].linear[t].w, threads, room);
    m->frozen = true;
    zo_mem_free(room);
    return ZO_OK;
}

void zo_llama_free(zo_llama *m)
{
    if (!m)
        return;
    zo_mem_free(m->storage);
    zo_mem_free(m->packed);
    zo_weights_free(m->source);
    zo_mem_free(m->rope_cos);
    zo_mem_free(m->rope_sin);
    zo_mem_free(m->layers);
    zo_mem_free(m);
}

int32_t zo_llama_tensors(const zo_llama *m)
{
    return slot_count(&m->config);
}

float *zo_llama_tensor(const zo_llama *m, int32_t i, int64_t *n, uint32_t *noise_tensor)
{
    float *at = m->storage;
    assert(at && !m->frozen && i >= 0 && i < slot_count(&m->config));
    for (int32_t k = 0; k < i; k++)
        at = m->storage + slot_end(&m->config, k, at - m->storage);
    *n = slot_end(&m->config, i, 0);
    *noise_tensor = 2 * ZO_TARGET_COUNT * (uint32_t)m->config.layers + (uint32_t)i;
    return at;
}

int64_t zo_llama_trainable(const zo_llama *m)
{
    return storage_floats(&m->config);
}

void zo_llama_add_noise(zo_llama *m, uint64_t seed, uint32_t step, const double *coef, int32_t queries)
{
    float *x = m->storage;
    assert(x && !m->frozen);
    uint32_t tensor = 2 * ZO_TARGET_COUNT * (uint32_t)m->config.layers;
    for (int32_t i = 0; i < slot_count(&m->config); i++, tensor++) {
        int64_t n = slot_end(&m->config, i, 0);
        zo_noise_add(x, n, seed, step, tensor, coef, queries);
        x += n;
    }
}
