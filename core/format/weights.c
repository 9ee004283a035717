/* See weights.h. What a model must hold is one table of tensors, in terms of the configuration; each source (GGUF,
 * safetensors folder, synth) finds a tensor by its name, and one place checks what it found. */
#include "core/format/weights.h"

#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/format/gguf.h"
#include "core/format/json_text.h"
#include "core/number/precision.h"
#include "core/format/safetensors.h"
#include "core/format/synth.h"
#include "core/format/unread.h"

/* The lengths that occur in shapes. */
typedef enum extent { NONE, VOCAB, WIDTH, QUERY, KEY, FFN } extent;

typedef enum when { ALWAYS, UNTIED, BIASED } when;

typedef struct spec {
    const char *hf, *gguf; /* behind "model.layers.N." and "blk.N." for those of a layer */
    extent out, in;        /* in NONE: rank 1 */
    when when;
    bool rotary; /* rows are permuted in GGUF files of architecture llama */
} spec;

static const spec model_specs[] = {
    {"model.embed_tokens.weight", "token_embd.weight", VOCAB, WIDTH, ALWAYS, false},
    {"model.norm.weight", "output_norm.weight", WIDTH, NONE, ALWAYS, false},
    {"lm_head.weight", "output.weight", VOCAB, WIDTH, UNTIED, false},
};

static const spec layer_specs[] = {
    {"input_layernorm.weight", "attn_norm.weight", WIDTH, NONE, ALWAYS, false},
    {"self_attn.q_proj.weight", "attn_q.weight", QUERY, WIDTH, ALWAYS, true},
    {"self_attn.k_proj.weight", "attn_k.weight", KEY, WIDTH, ALWAYS, true},
    {"self_attn.v_proj.weight", "attn_v.weight", KEY, WIDTH, ALWAYS, false},
    {"self_attn.o_proj.weight", "attn_output.weight", WIDTH, QUERY, ALWAYS, false},
    {"self_attn.q_proj.bias", "attn_q.bias", QUERY, NONE, BIASED, false},
    {"self_attn.k_proj.bias", "attn_k.bias", KEY, NONE, BIASED, false},
    {"self_attn.v_proj.bias", "attn_v.bias", KEY, NONE, BIASED, false},
    {"post_attention_layernorm.weight", "ffn_norm.weight", WIDTH, NONE, ALWAYS, false},
    {"mlp.gate_proj.weight", "ffn_gate.weight", FFN, WIDTH, ALWAYS, false},
    {"mlp.up_proj.weight", "ffn_up.weight", FFN, WIDTH, ALWAYS, false},
    {"mlp.down_proj.weight", "ffn_down.weight", WIDTH, FFN, ALWAYS, false},
};

enum {
    MODEL_SPECS = sizeof model_specs / sizeof model_specs[0],
    LAYER_SPECS = sizeof layer_specs / sizeof layer_specs[0]
};

typedef struct shard {
    const char *file; /* in the index, or the one file's name */
    zo_safetensors *st;
} shard;

struct zo_weights {
    zo_mem *mem;
    int holds; /* how often zo_weights_free is due */
    zo_config config;
    zo_tensor *tensors;
    size_t n;
    const zo_tensor **by_name; /* sorted */
    /* the source: one of the three */
    zo_gguf *gguf;
    const char *folder; /* during open */
    json_t *index;      /* model.safetensors.index.json, or NULL where there is one file */
    shard *shards;
    size_t n_shards;
    bool synth;
};

static int64_t extent_of(const zo_config *c, extent e)
{
    switch (e) {
    case VOCAB:
        return c->vocab;
    case WIDTH:
        return c->width;
    case QUERY:
        return (int64_t)c->heads * c->head_dim;
    case KEY:
        return (int64_t)c->kv_heads * c->head_dim;
    case FFN:
        return c->ffn;
    case NONE:
        break;
    }
    return 0;
}

static bool wanted(const zo_config *c, const spec *s)
{
    return s->when == ALWAYS || (s->when == UNTIED && !c->tied) || (s->when == BIASED && c->qkv_bias);
}

/* --- sources: each fills dtype, rank, shape, data and bytes of t, or fails --- */

static zo_status from_gguf(zo_weights *w, const spec *s, int layer, zo_tensor *t, zo_error *err)
{
    char name[64];
    if (layer < 0)
        snprintf(name, sizeof name, "%s", s->gguf);
    else
        snprintf(name, sizeof name, "blk.%d.%s", layer, s->gguf);
    const zo_gguf_tensor *g = zo_gguf_tensor_find(w->gguf, name);
    if (!g)
        return zo_fail(err, ZO_ERR_FORMAT, "tensor %s is missing", name);
    if (g->rank != 1 && g->rank != 2)
        return zo_fail(err, ZO_ERR_FORMAT, "tensor %s has %d dimensions", name, g->rank);
    t->dtype = g->dtype;
    t->rank = g->rank;
    memcpy(t->shape, g->shape, sizeof t->shape);
    t->data = g->data;
    t->bytes = g->bytes;
    if (s->rotary && strcmp(w->config.arch, "llama") == 0)
        t->permuted_heads = s->out == QUERY ? w->config.heads : w->config.kv_heads;
    return ZO_OK;
}

/* A shard lies beside its index: nothing that an index says may lead elsewhere. */
static bool plain_name(const char *file)
{
    return file[0] != '\0' && file[0] != '.' && !strpbrk(file, "/\\");
}

static zo_status open_shard(zo_weights *w, const char *file, zo_safetensors **out, zo_error *err)
{
    if (!plain_name(file))
        return zo_fail(err, ZO_ERR_FORMAT, "model.safetensors.index.json: \"%.64s\" is not a plain file name",
                       file);
    for (size_t i = 0; i < w->n_shards; i++)
        if (strcmp(w->shards[i].file, file) == 0) {
            *out = w->shards[i].st;
            return ZO_OK;
        }
    char *path = NULL;
    zo_safetensors *st = NULL;
    if (asprintf(&path, "%s/%s", w->folder, file) < 0)
        return zo_fail(err, ZO_ERR_MEMORY, "open %s: out of memory", file);
    zo_status status = zo_safetensors_open(path, w->mem, &st, err);
    free(path);
    if (status)
        return status;
    shard *grown = NULL;
    status = zo_mem_array(w->mem, ZO_ACCOUNT_DATA, w->n_shards + 1, sizeof *grown, "the list of shards",
                          &grown, err);
    if (status) {
        zo_safetensors_free(st);
        return status;
    }
    if (w->n_shards)
        memcpy(grown, w->shards, w->n_shards * sizeof *grown);
    zo_mem_free(w->shards);
    w->shards = grown;
    w->shards[w->n_shards++] = (shard){.file = file, .st = st};
    *out = st;
    return ZO_OK;
}

static zo_status from_folder(zo_weights *w, const spec *s, int layer, zo_tensor *t, zo_error *err)
{
    const char *file = "model.safetensors";
    zo_safetensors *shard_st = NULL;
    (void)s;
    (void)layer;
    if (w->index) {
        file = json_string_value(json_object_get(json_object_get(w->index, "weight_map"), t->name));
        if (!file)
            return zo_fail(err, ZO_ERR_FORMAT, "model.safetensors.index.json: weight_map has no %s", t->name);
    }
    zo_status st = open_shard(w, file, &shard_st, err);
    if (st)
        return st;
    const zo_st_tensor *found = zo_safetensors_find(shard_st, t->name);
    if (!found)
        return zo_fail(err, ZO_ERR_FORMAT, "%s: tensor %s is missing", file, t->name);
    if (found->rank != 1 && found->rank != 2)
        return zo_fail(err, ZO_ERR_FORMAT, "%s: tensor %s has %d dimensions", file, t->name, found->rank);
    if (!zo_dtype_from_safetensors(found->dtype, &t->dtype))
        return zo_fail(err, ZO_ERR_UNSUPPORTED,
                       "%s: tensor %s: type %s is not supported (F32, F16 and BF16 are)", file, t->name,
                       found->dtype);
    t->rank = found->rank;
    for (int i = 0; i < found->rank; i++)
        t->shape[i] = found->shape[i];
    t->data = found->data;
    t->bytes = found->bytes;
    return ZO_OK;
}

static zo_status from_synth(zo_weights *w, const spec *s, int layer, zo_tensor *t)
{
    t->dtype = ZO_DTYPE_F32;
    t->rank = s->in == NONE ? 1 : 2;
    t->shape[0] = extent_of(&w->config, s->out);
    t->shape[1] = extent_of(&w->config, s->in);
    t->bytes = (size_t)t->shape[0] * (size_t)(t->rank == 2 ? t->shape[1] : 1) * sizeof(float);
    /* Numbered by table row and layer, so that a name keeps its values whatever else the model holds. */
    t->stream = layer < 0 ? s - model_specs : (int64_t)(layer + 1) * 64 + (s - layer_specs);
    return ZO_OK;
}

/* --- the view --- */

static zo_status add(zo_weights *w, const spec *s, int layer, zo_error *err)
{
    if (!wanted(&w->config, s))
        return ZO_OK;
    zo_tensor *t = &w->tensors[w->n];
    if (layer < 0)
        snprintf(t->name, sizeof t->name, "%s", s->hf);
    else
        snprintf(t->name, sizeof t->name, "model.layers.%d.%s", layer, s->hf);
    zo_status st = w->gguf    ? from_gguf(w, s, layer, t, err)
                   : w->synth ? from_synth(w, s, layer, t)
                              : from_folder(w, s, layer, t, err);
    if (st)
        return st;
    int64_t out = extent_of(&w->config, s->out), in = extent_of(&w->config, s->in);
    if (t->rank != (in ? 2 : 1) || t->shape[0] != out || (in && t->shape[1] != in)) {
        char want[64], found[64];
        snprintf(want, sizeof want, in ? "(%lld, %lld)" : "(%lld)", (long long)out, (long long)in);
        snprintf(found, sizeof found, t->rank == 2 ? "(%lld, %lld)" : "(%lld)", (long long)t->shape[0],
                 (long long)t->shape[1]);
        return zo_fail(err, ZO_ERR_FORMAT, "tensor %s has shape %s, the configuration says %s", t->name,
                       found, want);
    }
    w->n++;
    return ZO_OK;
}

/* --- what is left over --- */

static zo_status check_tensor(const char *name, zo_error *err)
{
    return zo_unread_check(ZO_UNREAD_TENSOR, name, strlen(name), NAN, err);
}

/* The bytes of two tensors, a piece at a time: a piece's pages leave again before the next come. */
static bool same_bytes(const zo_weights *w, const zo_st_tensor *a, const zo_tensor *b)
{
    enum { PIECE = 1 << 20 };
    bool same = a->bytes == b->bytes;
    for (size_t at = 0; same && at < a->bytes; at += PIECE) {
        size_t n = a->bytes - at < PIECE ? a->bytes - at : PIECE;
        const char *x = (const char *)a->data + at, *y = (const char *)b->data + at;
        same = memcmp(x, y, n) == 0;
        zo_weights_drop(w, &(zo_tensor){.data = x, .bytes = n});
        zo_weights_drop(w, &(zo_tensor){.data = y, .bytes = n});
    }
    return same;
}

/* A head in a file whose configuration ties it to the embedding: harmless where it is the embedding. */
static zo_status check_tied_head(const zo_weights *w, const zo_st_tensor *head, zo_error *err)
{
    const zo_tensor *embedding = &w->tensors[0];
    if (strcmp(head->dtype, zo_dtype_get(embedding->dtype)->safetensors) == 0 &&
        same_bytes(w, head, embedding))
        return ZO_OK;
    return zo_fail(err, ZO_ERR_UNSUPPORTED,
                   "tensor %s: differs from %s, to which config.json ties it (tie_word_embeddings)",
                   head->name, embedding->name);
}

static zo_status check_folder(zo_weights *w, zo_error *err)
{
    const char *head = model_specs[MODEL_SPECS - 1].hf, *name;
    zo_status st = ZO_OK;
    json_t *file;
    json_object_foreach(json_object_get(w->index, "weight_map"), name, file)
    {
        bool tied = w->config.tied && strcmp(name, head) == 0;
        zo_safetensors *shard_st;
        if (!st && tied) /* it may be in a file that nothing else is read from */
            st = open_shard(w, json_is_string(file) ? json_string_value(file) : "", &shard_st, err);
        else if (!st && !zo_weights_find(w, name))
            st = check_tensor(name, err);
    }
    for (size_t i = 0; i < w->n_shards && !st; i++)
        for (size_t k = 0; k < zo_safetensors_count(w->shards[i].st) && !st; k++) {
            const zo_st_tensor *t = zo_safetensors_at(w->shards[i].st, k);
            if (!t->used)
                st = w->config.tied && strcmp(t->name, head) == 0 ? check_tied_head(w, t, err)
                                                                  : check_tensor(t->name, err);
        }
    return st;
}

/* Every tensor of the model was taken, or is harmless. */
static zo_status check_leftover(zo_weights *w, zo_error *err)
{
    zo_status st = ZO_OK;
    if (!w->gguf)
        return check_folder(w, err);
    for (size_t i = 0; i < zo_gguf_tensor_count(w->gguf) && !st; i++)
        if (!zo_gguf_tensor_at(w->gguf, i)->used)
            st = check_tensor(zo_gguf_tensor_at(w->gguf, i)->name, err);
    return st;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp((*(zo_tensor *const *)a)->name, (*(zo_tensor *const *)b)->name);
}

static zo_status collect(zo_weights *w, zo_error *err)
{
    size_t most = MODEL_SPECS + (size_t)w->config.layers * LAYER_SPECS;
    zo_status st =
        zo_mem_array(w->mem, ZO_ACCOUNT_DATA, most, sizeof *w->tensors, "the tensor list", &w->tensors, err);
    for (int i = 0; i < MODEL_SPECS && !st; i++)
        st = add(w, &model_specs[i], -1, err);
    for (int layer = 0; layer < w->config.layers && !st; layer++)
        for (int i = 0; i < LAYER_SPECS && !st; i++)
            st = add(w, &layer_specs[i], layer, err);
    if (!st)
        st = zo_mem_array(w->mem, ZO_ACCOUNT_DATA, w->n, sizeof *w->by_name, "the tensor name index",
                          &w->by_name, err);
    if (st)
        return st;
    for (size_t i = 0; i < w->n; i++)
        w->by_name[i] = &w->tensors[i];
    qsort(w->by_name, w->n, sizeof *w->by_name, compare_names);
    return ZO_OK;
}

static zo_status open_folder_config(zo_weights *w, const char *path, zo_error *err)
{
    zo_file_map map = {0};
    char *file = NULL;
    if (asprintf(&file, "%s/config.json", path) < 0)
        return zo_fail(err, ZO_ERR_MEMORY, "open %s: out of memory", path);
    zo_status st = zo_file_map_open(file, &map, err);
    if (!st)
        st = zo_config_from_json(map.data, map.bytes, file, &w->config, err);
    zo_file_map_close(&map);
    free(file);
    return st;
}

/* One model.safetensors, or else an index that names shards. */
static zo_status open_folder_index(zo_weights *w, const char *path, zo_error *err)
{
    zo_status st = ZO_OK;
    zo_file_map map = {0};
    char *single = NULL, *index = NULL;
    if (asprintf(&single, "%s/model.safetensors", path) < 0)
        single = NULL;
    if (asprintf(&index, "%s/model.safetensors.index.json", path) < 0)
        index = NULL;
    if (!single || !index) {
        st = zo_fail(err, ZO_ERR_MEMORY, "open %s: out of memory", path);
        goto cleanup;
    }
    if (access(single, F_OK) == 0)
        goto cleanup;
    if (access(index, F_OK) != 0) {
        st = zo_fail(err, ZO_ERR_IO,
                     "open %s: neither model.safetensors nor model.safetensors.index.json is there", path);
        goto cleanup;
    }
    st = zo_file_map_open(index, &map, err);
    if (st)
        goto cleanup;
    st = zo_json_load(map.data, map.bytes, NULL, &w->index, err);
    if (st)
        zo_error_context(err, "read %s", index);
    else if (!json_is_object(json_object_get(w->index, "weight_map")))
        st = zo_fail(err, ZO_ERR_FORMAT, "read %s: no object weight_map", index);
cleanup:
    zo_file_map_close(&map);
    free(single);
    free(index);
    return st;
}

static zo_status unknown_synth(const char *path, zo_error *err)
{
    char known[256] = "";
    const char *const *names = zo_synth_names();
    for (size_t n = 0; *names && n < sizeof known; names++)
        n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", n ? ", " : "", *names);
    return zo_fail(err, ZO_ERR_INVALID, "open %s: no such synthetic model; there are %s; NAME/4 has 4 layers",
                   path, known);
}

static zo_status open_source(zo_weights *w, const char *path, zo_error *err)
{
    struct stat info;
    if (strncmp(path, "synth:", 6) == 0) {
        w->synth = true;
        if (!zo_synth_config(path + 6, &w->config))
            return unknown_synth(path, err);
        return ZO_OK;
    }
    if (stat(path, &info) != 0)
        return zo_fail(err, ZO_ERR_IO, "open %s: %s", path, strerror(errno));
    if (S_ISDIR(info.st_mode)) {
        zo_status st = open_folder_config(w, path, err);
        return st ? st : open_folder_index(w, path, err);
    }
    zo_status st = zo_gguf_open(path, w->mem, &w->gguf, err);
    return st ? st : zo_config_from_gguf(w->gguf, path, &w->config, err);
}

zo_status zo_weights_open(const char *path, zo_mem *mem, zo_weights **out, zo_error *err)
{
    zo_weights *w = NULL;
    *out = NULL;
    zo_status st = zo_mem_array(mem, ZO_ACCOUNT_DATA, 1, sizeof *w, "a model view", &w, err);
    if (st)
        return st;
    w->mem = mem;
    w->holds = 1;
    w->folder = path;
    st = open_source(w, path, err);
    if (!st) {
        st = collect(w, err);
        if (!st)
            st = check_leftover(w, err);
        if (st)
            zo_error_context(err, "open %s", path);
    }
    w->folder = NULL;
    if (st)
        zo_weights_free(w);
    else
        *out = w;
    return st;
}

zo_weights *zo_weights_hold(zo_weights *w)
{
    w->holds++;
    return w;
}

void zo_weights_free(zo_weights *w)
{
    if (!w || --w->holds > 0)
        return;
    for (size_t i = 0; i < w->n_shards; i++)
        zo_safetensors_free(w->shards[i].st);
    zo_mem_free(w->shards);
    json_decref(w->index);
    zo_gguf_free(w->gguf);
    zo_mem_free(w->by_name);
    zo_mem_free(w->tensors);
    zo_mem_free(w);
}

const zo_config *zo_weights_config(const zo_weights *w)
{
    return &w->config;
}

size_t zo_weights_count(const zo_weights *w)
{
    return w->n;
}

const zo_tensor *zo_weights_at(const zo_weights *w, size_t i)
{
    assert(i < w->n);
    return &w->tensors[i];
}

const zo_tensor *zo_weights_find(const zo_weights *w, const char *name)
{
    size_t lo = 0, hi = w->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = strcmp(name, w->by_name[mid]->name);
        if (c == 0)
            return w->by_name[mid];
        if (c < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return NULL;
}

void zo_weights_read_rows(const zo_weights *w, const zo_tensor *t, int64_t row, int64_t rows, float *out)
{
    int64_t all = t->rank == 2 ? t->shape[0] : 1, in = t->rank == 2 ? t->shape[1] : t->shape[0];
    assert(row >= 0 && rows >= 0 && row <= all && rows <= all - row);
    if (w->synth) {
        zo_synth_values(t->stream, t->rank == 1 ? 0 : in, row * in, rows * in, out);
        return;
    }
    const zo_dtype_info *d = zo_dtype_get(t->dtype);
    const char *data = t->data;
    int64_t row_bytes = in / d->block * d->bytes;
    if (!t->permuted_heads) {
        d->decode(data + row * row_bytes, out, rows * in);
        return;
    }
    for (int64_t r = 0; r < rows; r++)
        d->decode(data + zo_rotary_row(row + r, t->shape[0], t->permuted_heads) * row_bytes, out + r * in,
                  in);
}

void zo_weights_drop(const zo_weights *w, const zo_tensor *t)
{
    (void)w;
    if (!t->data)
        return;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = (uintptr_t)t->data & ~(page - 1);
    /* A hint: where it fails, the pages stay. Pages shared with a neighbour come back when that is read. */
    (void)madvise((void *)from, (uintptr_t)t->data + t->bytes - from, MADV_DONTNEED);
}
