/* Tests of weights.c and synth.c: one small model written in every form and read back in Hugging Face order, files
 * that lack something, hostile files, a published model, and the synthetic ones. */
#include "core/format/weights.h"

#include <fcntl.h>
#include <math.h>
#include <omp.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/file.h"
#include "core/format/gguf_fixture.h"
#include "core/model/llama.h"
#include "core/format/safetensors.h"
#include "core/format/synth.h"

#define MODEL "models/smollm2-135m.gguf"

/* --- the small model: L = 2, D = 32, H = 2, K = 1, hd = 16, F = 64, V = 8 --- */

typedef struct small_tensor {
    const char *hf, *gguf; /* of a layer: behind its number */
    int64_t out, in;       /* in 0: rank 1 */
    int heads;             /* > 0: rows that GGUF files of architecture llama permute */
    bool bias;
} small_tensor;

static const small_tensor globals[] = {
    {"model.embed_tokens.weight", "token_embd.weight", 8, 32, 0, false},
    {"model.norm.weight", "output_norm.weight", 32, 0, 0, false},
    {"lm_head.weight", "output.weight", 8, 32, 0, false},
};
static const small_tensor per_layer[] = {
    {"self_attn.q_proj.weight", "attn_q.weight", 32, 32, 2, false},
    {"self_attn.k_proj.weight", "attn_k.weight", 16, 32, 1, false},
    {"self_attn.v_proj.weight", "attn_v.weight", 16, 32, 0, false},
    {"self_attn.o_proj.weight", "attn_output.weight", 32, 32, 0, false},
    {"mlp.gate_proj.weight", "ffn_gate.weight", 64, 32, 0, false},
    {"mlp.up_proj.weight", "ffn_up.weight", 64, 32, 0, false},
    {"mlp.down_proj.weight", "ffn_down.weight", 32, 64, 0, false},
    {"input_layernorm.weight", "attn_norm.weight", 32, 0, 0, false},
    {"post_attention_layernorm.weight", "ffn_norm.weight", 32, 0, 0, false},
    {"self_attn.q_proj.bias", "attn_q.bias", 32, 0, 0, true},
    {"self_attn.k_proj.bias", "attn_k.bias", 16, 0, 0, true},
    {"self_attn.v_proj.bias", "attn_v.bias", 16, 0, 0, true},
};
enum { GLOBALS = 3, PER_LAYER = 12, LAYERS = 2, MOST = GLOBALS + LAYERS * PER_LAYER };

/* One tensor of the model, with its names and values spelled out. */
typedef struct full_tensor {
    char hf[128], gguf[64];
    const small_tensor *t;
    int64_t rows, cols;
    float *values; /* (rows, cols), in Hugging Face order */
} full_tensor;

typedef struct model {
    bool qwen2, tied;
    int n;
    full_tensor tensors[MOST];
} model;

/* Multiples of 1/4 up to 16, so that f16, bf16 and q8_0 hold them exactly; the rows of a tensor all differ. */
static float value_of(int tensor, int64_t row, int64_t col)
{
    return 0.25f * (float)((11 * tensor + 3 * row + col) % 64 + 1);
}

static void model_add(model *m, const small_tensor *t, int layer)
{
    if ((t->bias && !m->qwen2) || (m->tied && strcmp(t->hf, "lm_head.weight") == 0))
        return;
    full_tensor *f = &m->tensors[m->n];
    if (layer < 0) {
        snprintf(f->hf, sizeof f->hf, "%s", t->hf);
        snprintf(f->gguf, sizeof f->gguf, "%s", t->gguf);
    } else {
        snprintf(f->hf, sizeof f->hf, "model.layers.%d.%s", layer, t->hf);
        snprintf(f->gguf, sizeof f->gguf, "blk.%d.%s", layer, t->gguf);
    }
    f->t = t;
    f->rows = t->in ? t->out : 1;
    f->cols = t->in ? t->in : t->out;
    f->values = malloc((size_t)(f->rows * f->cols) * sizeof(float));
    assert_non_null(f->values);
    for (int64_t r = 0; r < f->rows; r++)
        for (int64_t c = 0; c < f->cols; c++)
            f->values[r * f->cols + c] = value_of(m->n, r, c);
    m->n++;
}

static model model_make(bool qwen2, bool tied)
{
    model m = {.qwen2 = qwen2, .tied = tied};
    for (int i = 0; i < GLOBALS; i++)
        model_add(&m, &globals[i], -1);
    for (int layer = 0; layer < LAYERS; layer++)
        for (int i = 0; i < PER_LAYER; i++)
            model_add(&m, &per_layer[i], layer);
    return m;
}

static void model_free(model *m)
{
    for (int i = 0; i < m->n; i++)
        free(m->tensors[i].values);
}

/* Values in the file's type; returns the bytes. type: ggml's number (0 f32, 1 f16, 8 q8_0, 30 bf16). */
static size_t encode(uint32_t type, const float *values, int64_t n, uint8_t *out)
{
    size_t at = 0;
    for (int64_t i = 0; i < n; i++) {
        uint16_t h = type == 1 ? zo_f32_to_f16(values[i]) : zo_f32_to_bf16(values[i]);
        if (type == 0) {
            memcpy(out + at, &values[i], 4);
            at += 4;
        } else if (type == 8) {
            uint16_t quarter = zo_f32_to_f16(0.25f);
            if (i % 32 == 0) {
                memcpy(out + at, &quarter, 2);
                at += 2;
            }
            out[at++] = (uint8_t)(int8_t)(values[i] * 4);
        } else {
            memcpy(out + at, &h, 2);
            at += 2;
        }
    }
    return at;
}

/* The rows of a q or k projection as llama.cpp's converter lays them out: each head's two halves are interleaved
 * (convert_hf_to_gguf.py, LlamaModel.permute: reshape (heads, 2, hd/2, in), swap the middle axes). */
static void interleave(const full_tensor *f, float *out)
{
    int64_t half = f->rows / f->t->heads / 2;
    for (int64_t h = 0; h < f->t->heads; h++)
        for (int64_t i = 0; i < half; i++)
            for (int64_t j = 0; j < 2; j++)
                memcpy(out + ((h * half + i) * 2 + j) * f->cols,
                       f->values + ((h * 2 + j) * half + i) * f->cols, (size_t)f->cols * sizeof(float));
}

static uint32_t type_of(const full_tensor *f, int i, bool mixed)
{
    static const uint32_t types[] = {0, 1, 8, 30};
    return mixed && f->t->in ? types[i % 4] : 0;
}

/* The whole model as a GGUF file. without: a tensor that is left out, or NULL. */
static gguf_make model_gguf(const model *m, bool mixed, const char *without)
{
    gguf_make g = {0};
    const char *arch = m->qwen2 ? "qwen2" : "llama";
    char key[64];
    uint8_t buffer[64 * 64 * 4];
    uint64_t offset = 0;
    make_header(&g, 3, (uint64_t)m->n - (without != NULL) + 1, 9);
    make_pair_str(&g, "general.architecture", arch);
    static const struct {
        const char *key;
        uint32_t v;
    } ints[] = {{"block_count", LAYERS},     {"embedding_length", 32},       {"feed_forward_length", 64},
                {"attention.head_count", 2}, {"attention.head_count_kv", 1}, {"context_length", 128}};
    for (size_t i = 0; i < sizeof ints / sizeof ints[0]; i++) {
        snprintf(key, sizeof key, "%s.%s", arch, ints[i].key);
        make_pair_u32(&g, key, ints[i].v);
    }
    snprintf(key, sizeof key, "%s.rope.freq_base", arch);
    make_pair_f32(&g, key, 10000);
    snprintf(key, sizeof key, "%s.attention.layer_norm_rms_epsilon", arch);
    make_pair_f32(&g, key, 1e-5f);
    const uint64_t extra[] = {4}; /* a tensor that nobody asks for, and harmless */
    make_tensor(&g, "blk.0.attn_rot_embd", 1, extra, 0, 0);
    offset += 32;
    for (int i = 0; i < m->n; i++) {
        const full_tensor *f = &m->tensors[i];
        const uint64_t dims[] = {(uint64_t)f->cols, (uint64_t)f->rows};
        if (without && strcmp(without, f->hf) == 0)
            continue;
        make_tensor(&g, f->gguf, f->t->in ? 2 : 1, dims, type_of(f, i, mixed), offset);
        offset += (encode(type_of(f, i, mixed), f->values, f->rows * f->cols, buffer) + 31) / 32 * 32;
    }
    make_padding(&g, 32);
    for (int i = 0; i < 32; i++)
        make_bytes(&g, "", 1);
    for (int i = 0; i < m->n; i++) {
        const full_tensor *f = &m->tensors[i];
        float rows[64 * 64];
        if (without && strcmp(without, f->hf) == 0)
            continue;
        memcpy(rows, f->values, (size_t)(f->rows * f->cols) * sizeof(float));
        if (f->t->heads && !m->qwen2)
            interleave(f, rows);
        make_bytes(&g, buffer, encode(type_of(f, i, mixed), rows, f->rows * f->cols, buffer));
        make_padding(&g, 32);
    }
    return g;
}

/* --- files --- */

typedef struct folder {
    char dir[512];
} folder;

static folder folder_make(void)
{
    folder f;
    const char *tmp = getenv("TMPDIR");
    snprintf(f.dir, sizeof f.dir, "%s/zobench-weights-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(f.dir));
    return f;
}

static const char *folder_path(const folder *f, const char *name, char path[600])
{
    snprintf(path, 600, "%s/%s", f->dir, name);
    return path;
}

static void folder_write(const folder *f, const char *name, const void *data, size_t n)
{
    char path[600];
    FILE *file = fopen(folder_path(f, name, path), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

/* Every file that a test here makes. */
static void folder_remove(const folder *f)
{
    static const char *const names[] = {
        "m.gguf",        "config.json",  "model.safetensors", "model.safetensors.index.json",
        "a.safetensors", "b.safetensors"};
    char path[600];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unlink(folder_path(f, names[i], path));
    assert_int_equal(rmdir(f->dir), 0);
}

/* The part of the model whose index is `part` modulo `parts`, as one safetensors file. */
static void write_safetensors(const folder *f, const char *name, const model *m, int part, int parts,
                              bool mixed)
{
    static const char *const types[] = {[0] = "F32", [1] = "F16", [30] = "BF16"};
    zo_st_tensor list[MOST];
    uint8_t *data[MOST];
    size_t n = 0;
    char path[600];
    zo_error err = {0};
    for (int i = part; i < m->n; i += parts) {
        const full_tensor *t = &m->tensors[i];
        uint32_t type = type_of(t, i, mixed) == 8 ? 1 : type_of(t, i, mixed);
        data[n] = malloc((size_t)(t->rows * t->cols) * 4);
        assert_non_null(data[n]);
        list[n] = (zo_st_tensor){.name = t->hf, .dtype = types[type], .rank = t->t->in ? 2 : 1};
        list[n].shape[0] = t->t->in ? t->rows : t->cols;
        list[n].shape[1] = t->cols;
        list[n].data = data[n];
        list[n].bytes = encode(type, t->values, t->rows * t->cols, data[n]);
        n++;
    }
    if (zo_safetensors_write(folder_path(f, name, path), list, n, NULL, 0, &err))
        fail_msg("%s", err.text);
    for (size_t i = 0; i < n; i++)
        free(data[i]);
}

static void write_config(const folder *f, const model *m)
{
    char text[600];
    snprintf(
        text, sizeof text,
        "{\"model_type\":\"%s\",\"num_hidden_layers\":2,\"hidden_size\":32,\"num_attention_heads\":2,"
        "\"num_key_value_heads\":1,\"intermediate_size\":64,\"vocab_size\":8,\"max_position_embeddings\":128,"
        "\"rms_norm_eps\":1e-5,\"tie_word_embeddings\":%s}",
        m->qwen2 ? "qwen2" : "llama", m->tied ? "true" : "false");
    folder_write(f, "config.json", text, strlen(text));
}

static zo_weights *open_or_fail(const char *path, zo_mem *mem)
{
    zo_weights *w;
    zo_error err = {0};
    if (zo_weights_open(path, mem, &w, &err))
        fail_msg("%s", err.text);
    return w;
}

/* Every tensor is there with its shape, and every row range reads back the model's values. */
static void check_model(const model *m, const char *path)
{
    zo_mem mem = {0};
    zo_weights *w = open_or_fail(path, &mem);
    assert_int_equal(zo_weights_count(w), m->n);
    assert_int_equal(zo_weights_config(w)->tied, m->tied);
    assert_int_equal(zo_weights_config(w)->vocab, 8);
    assert_null(zo_weights_find(w, "blk.0.attn_rot_embd"));
    for (int i = 0; i < m->n; i++) {
        const full_tensor *f = &m->tensors[i];
        const zo_tensor *t = zo_weights_find(w, f->hf);
        float out[64 * 64 + 1];
        if (!t)
            fail_msg("%s: no %s", path, f->hf);
        assert_int_equal(t->rank, f->t->in ? 2 : 1);
        assert_true(t->shape[0] == (f->t->in ? f->rows : f->cols) && (!f->t->in || t->shape[1] == f->cols));
        for (int64_t row = 0; row <= f->rows; row += 5)
            for (int64_t rows = 0; rows <= f->rows - row; rows += 3) {
                out[rows * f->cols] = 42;
                zo_weights_read_rows(w, t, row, rows, out);
                if (memcmp(out, f->values + row * f->cols, (size_t)(rows * f->cols) * sizeof(float)) != 0)
                    fail_msg("%s: %s: rows [%d, %d) differ", path, f->hf, (int)row, (int)(row + rows));
                assert_true(out[rows * f->cols] == 42);
            }
        zo_weights_drop(w, t); /* its values come back */
        zo_weights_read_rows(w, t, 0, f->rows, out);
        assert_memory_equal(out, f->values, (size_t)(f->rows * f->cols) * sizeof(float));
    }
    zo_weights_free(w);
    assert_int_equal(mem.now[ZO_ACCOUNT_DATA], 0);
}

static void every_form_reads_the_same(void **state)
{
    (void)state;
    char path[600];
    for (int k = 0; k < 8; k++) {
        model m = model_make(k & 1, k & 2);
        bool mixed = k & 4;
        folder f = folder_make();
        gguf_make g = model_gguf(&m, mixed, NULL);
        folder_write(&f, "m.gguf", g.bytes, g.n);
        check_model(&m, folder_path(&f, "m.gguf", path));
        write_config(&f, &m);
        write_safetensors(&f, "model.safetensors", &m, 0, 1, mixed);
        check_model(&m, f.dir);
        folder_remove(&f);
        free(g.bytes);
        model_free(&m);
    }
}

/* One more tensor: a copy of the final norm, or of the embedding as a head. */
static void model_extra(model *m, const char *hf, const char *gguf, bool head, float change)
{
    full_tensor *f = &m->tensors[m->n++];
    *f = m->tensors[head ? 0 : 1];
    snprintf(f->hf, sizeof f->hf, "%s", hf);
    snprintf(f->gguf, sizeof f->gguf, "%s", gguf);
    f->values = malloc((size_t)(f->rows * f->cols) * sizeof(float));
    assert_non_null(f->values);
    memcpy(f->values, m->tensors[head ? 0 : 1].values, (size_t)(f->rows * f->cols) * sizeof(float));
    f->values[f->rows * f->cols - 1] += change;
}

static void expect_open(const char *path, const char *refused)
{
    zo_weights *w = NULL;
    zo_error err = {0};
    zo_status st = zo_weights_open(path, NULL, &w, &err);
    zo_weights_free(w);
    if (refused ? st != ZO_ERR_UNSUPPORTED || !strstr(err.text, refused) : st != ZO_OK)
        fail_msg("%s: status %d \"%s\", expected %s", path, (int)st, err.text, refused ? refused : "ok");
}

/* What is not used is an error that names it, in any block and any file; what is harmless is not. */
static void refuses_what_it_would_leave_out(void **state)
{
    (void)state;
    static const struct {
        const char *hf, *gguf;
        bool harmless;
    } cases[] = {
        {"model.layers.1.self_attn.q_proj.bias", "blk.1.attn_q.bias", false},
        {"model.layers.1.self_attn.q_norm.weight", "blk.1.attn_q_norm.weight", false},
        {"model.layers.0.mlp.down_proj.bias", "blk.0.ffn_down.bias", false},
        {"model.layers.1.pre_feedforward_layernorm.weight", "blk.1.post_ffw_norm.weight", false},
        {"model.layers.2.input_layernorm.weight", "blk.2.attn_norm.weight", false},
        {"model.norm.bias", "output_norm.bias", false},
        {"score.weight", "rope_factors_long.weight", false},
        {"model.layers.1.self_attn.rotary_emb.inv_freq", "blk.1.attn_rot_embd.weight", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char path[600], index[4096] = "{\"weight_map\":{";
        model m = model_make(false, true);
        model_extra(&m, cases[i].hf, cases[i].gguf, false, 0);
        folder f = folder_make();
        gguf_make g = model_gguf(&m, false, NULL);
        folder_write(&f, "m.gguf", g.bytes, g.n);
        expect_open(folder_path(&f, "m.gguf", path), cases[i].harmless ? NULL : cases[i].gguf);
        write_config(&f, &m);
        write_safetensors(&f, "model.safetensors", &m, 0, 1, false);
        expect_open(f.dir, cases[i].harmless ? NULL : cases[i].hf);
        unlink(folder_path(&f, "model.safetensors", path));
        m.n--; /* in a part of its own, which nothing else is read from */
        write_safetensors(&f, "a.safetensors", &m, 0, 1, false);
        for (int k = 0; k < m.n; k++)
            snprintf(index + strlen(index), sizeof index - strlen(index), "\"%s\":\"a.safetensors\",",
                     m.tensors[k].hf);
        snprintf(index + strlen(index), sizeof index - strlen(index), "\"%s\":\"b.safetensors\"}}",
                 cases[i].hf);
        folder_write(&f, "model.safetensors.index.json", index, strlen(index));
        expect_open(f.dir, cases[i].harmless ? NULL : cases[i].hf);
        m.n++;
        folder_remove(&f);
        free(g.bytes);
        model_free(&m);
    }
}

/* A head beside an embedding that config.json ties it to: the embedding again, or refused. */
static void a_tied_head_must_be_the_embedding(void **state)
{
    (void)state;
    for (int differs = 0; differs < 2; differs++) {
        model m = model_make(false, true);
        folder f = folder_make();
        model_extra(&m, "lm_head.weight", "output.weight", true, differs ? 0.25f : 0);
        write_config(&f, &m);
        write_safetensors(&f, "model.safetensors", &m, 0, 1, false);
        expect_open(f.dir, differs ? "tensor lm_head.weight: differs" : NULL);
        folder_remove(&f);
        model_free(&m);
    }
}

/* A window shorter than what is to be run is refused when a model is loaded. */
static void a_window_bounds_the_positions(void **state)
{
    (void)state;
    model m = model_make(false, true);
    folder f = folder_make();
    char text[600];
    zo_error err = {0};
    zo_llama *l = NULL;
    snprintf(
        text, sizeof text,
        "{\"model_type\":\"mistral\",\"num_hidden_layers\":2,\"hidden_size\":32,\"num_attention_heads\":2,"
        "\"num_key_value_heads\":1,\"intermediate_size\":64,\"vocab_size\":8,\"max_position_embeddings\":128,"
        "\"rms_norm_eps\":1e-5,\"tie_word_embeddings\":true,\"sliding_window\":64}");
    folder_write(&f, "config.json", text, strlen(text));
    write_safetensors(&f, "model.safetensors", &m, 0, 1, false);
    zo_weights *w = open_or_fail(f.dir, NULL);
    assert_int_equal(zo_weights_config(w)->window, 64);
    assert_int_equal(zo_llama_load(w, ZO_PRECISION_F32, 65, NULL, &l, &err), ZO_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "sliding_window is 64"));
    assert_int_equal(zo_llama_load(w, ZO_PRECISION_F32, 64, NULL, &l, NULL), ZO_OK);
    zo_llama_free(l);
    zo_weights_free(w);
    folder_remove(&f);
    model_free(&m);
}

/* --- loading (llama.c) in every precision --- */

static const full_tensor *full_of(const model *m, const char *hf)
{
    for (int i = 0; i < m->n; i++)
        if (strcmp(m->tensors[i].hf, hf) == 0)
            return &m->tensors[i];
    fail_msg("no tensor %s", hf);
    return NULL;
}

/* A matrix that was loaded holds what encoding the model's values gives; f32, f16 and bf16 hold them exactly. */
static void check_matrix(const zo_matrix *loaded, const full_tensor *f, zo_precision p)
{
    _Alignas(64) uint8_t storage[64 * 64 * 4 + 256];
    float out[64 * 64], want[64 * 64], absmax[64];
    assert_int_equal(loaded->precision, p);
    assert_true(loaded->out == f->rows && loaded->in == f->cols);
    assert_true(zo_precision_bytes(p, f->rows, f->cols) <= (int64_t)sizeof storage);
    zo_encoder e = {p, f->rows, f->cols, storage, absmax};
    zo_precision_encode_rows(&e, 0, f->rows, f->values);
    zo_matrix m = zo_precision_encode_end(&e);
    zo_precision_decode_rows(&m, 0, f->rows, want);
    if (p != ZO_PRECISION_INT8 && p != ZO_PRECISION_NF4)
        assert_memory_equal(want, f->values, (size_t)(f->rows * f->cols) * sizeof(float));
    zo_precision_decode_rows(loaded, 0, f->rows, out);
    if (memcmp(out, want, (size_t)(f->rows * f->cols) * sizeof(float)) != 0)
        fail_msg("%s in %s differs", f->hf, zo_precision_name(p));
}

/* What embedding and head become: see zo_llama_load. */
static zo_precision vocabulary_precision(const zo_weights *w, const char *name, zo_precision p)
{
    zo_dtype d = zo_weights_find(w, name)->dtype;
    if (p == ZO_PRECISION_F32)
        return p;
    return d == ZO_DTYPE_F16       ? ZO_PRECISION_F16
           : d == ZO_DTYPE_BF16    ? ZO_PRECISION_BF16
           : p == ZO_PRECISION_F16 ? ZO_PRECISION_F16
                                   : ZO_PRECISION_BF16;
}

/* Whether a matrix lies in the file's map: exactly where the file has its precision. Counts its bytes. */
static void check_place(const zo_weights *w, const full_tensor *f, const zo_matrix *m, int64_t *mapped)
{
    const zo_tensor *t = zo_weights_find(w, f->hf);
    bool same = (t->dtype == ZO_DTYPE_F16 && m->precision == ZO_PRECISION_F16) ||
                (t->dtype == ZO_DTYPE_BF16 && m->precision == ZO_PRECISION_BF16);
    assert_int_equal(m->values == t->data, same);
    assert_int_equal(m->permuted_heads, same ? t->permuted_heads : 0);
    *mapped += same ? (int64_t)t->bytes : 0;
}

static const full_tensor *full_of_linear(const model *m, int layer, zo_target t)
{
    char name[128];
    snprintf(name, sizeof name, "model.layers.%d.%s.%s.weight", layer, zo_target_parent(t),
             zo_target_name(t));
    return full_of(m, name);
}

/* Frozen, what lies in the map stays as it is, and values are the same. */
static void check_reordered(const model *m, int layer, zo_target t, const zo_matrix *w)
{
    bool reorders = zo_precision_reorders(w->precision, w->in);
    assert_int_equal(w->panel_rows, reorders ? w->out / ZO_PANEL_ROWS * ZO_PANEL_ROWS : 0);
    check_matrix(w, full_of_linear(m, layer, t), w->precision);
}

static void check_loaded(const model *m, const char *path, zo_precision p)
{
    zo_mem mem = {0};
    zo_error err = {0};
    zo_llama *l = NULL;
    int64_t mapped = 0;
    zo_weights *w = open_or_fail(path, NULL);
    zo_llama_bytes bytes = zo_llama_weight_bytes(w, p, 9);
    if (zo_llama_load(w, p, 9, &mem, &l, &err))
        fail_msg("%s", err.text);
    assert_int_equal(mem.peak[ZO_ACCOUNT_WEIGHTS], bytes.held);
    assert_int_equal(mem.now[ZO_ACCOUNT_DATA], 0);
    const full_tensor *embedding = full_of(m, "model.embed_tokens.weight"),
                      *head = m->tied ? embedding : full_of(m, "lm_head.weight");
    check_place(w, embedding, &l->embedding, &mapped);
    if (!m->tied)
        check_place(w, head, &l->head, &mapped);
    zo_precision of_embedding = vocabulary_precision(w, embedding->hf, p),
                 of_head = vocabulary_precision(w, head->hf, p);
    for (int layer = 0; layer < LAYERS; layer++)
        for (int t = 0; t < ZO_TARGET_COUNT; t++)
            check_place(w, full_of_linear(m, layer, (zo_target)t), &l->layers[layer].linear[t].w, &mapped);
    assert_int_equal(mapped, bytes.mapped);
    assert_int_equal(l->source != NULL, mapped > 0);
    assert_int_equal(l->storage != NULL, p == ZO_PRECISION_F32);
    zo_weights_free(w); /* the model holds what it needs */
    check_matrix(&l->embedding, embedding, of_embedding);
    check_matrix(&l->head, head, of_head);
    assert_memory_equal(l->final_norm, full_of(m, "model.norm.weight")->values, 32 * sizeof(float));
    for (int layer = 0; layer < LAYERS; layer++) {
        const zo_layer *at = &l->layers[layer];
        char name[128];
        for (int t = 0; t < ZO_TARGET_COUNT; t++) {
            const char *parent = zo_target_parent((zo_target)t), *target = zo_target_name((zo_target)t);
            check_matrix(&at->linear[t].w, full_of_linear(m, layer, (zo_target)t), p);
            assert_int_equal(at->linear[t].bias != NULL, m->qwen2 && t <= ZO_TARGET_V);
            if (!at->linear[t].bias)
                continue;
            snprintf(name, sizeof name, "model.layers.%d.%s.%s.bias", layer, parent, target);
            const full_tensor *f = full_of(m, name);
            assert_memory_equal(at->linear[t].bias, f->values, (size_t)f->cols * sizeof(float));
        }
        snprintf(name, sizeof name, "model.layers.%d.input_layernorm.weight", layer);
        assert_memory_equal(at->attn_norm, full_of(m, name)->values, 32 * sizeof(float));
        snprintf(name, sizeof name, "model.layers.%d.post_attention_layernorm.weight", layer);
        assert_memory_equal(at->ffn_norm, full_of(m, name)->values, 32 * sizeof(float));
    }
    if (zo_llama_freeze(l, &mem, &err))
        fail_msg("%s", err.text);
    assert_int_equal(mem.now[ZO_ACCOUNT_DATA], 0);
    for (int layer = 0; layer < LAYERS; layer++)
        for (int t = 0; t < ZO_TARGET_COUNT; t++)
            check_reordered(m, layer, (zo_target)t, &l->layers[layer].linear[t].w);
    zo_llama_free(l);
    assert_int_equal(mem.now[ZO_ACCOUNT_WEIGHTS], 0);
}

static void every_form_loads_in_every_precision(void **state)
{
    (void)state;
    char path[600];
    for (int k = 0; k < 8; k++) {
        model m = model_make(k & 1, k & 2);
        bool mixed = k & 4;
        folder f = folder_make();
        gguf_make g = model_gguf(&m, mixed, NULL);
        folder_write(&f, "m.gguf", g.bytes, g.n);
        write_config(&f, &m);
        write_safetensors(&f, "model.safetensors", &m, 0, 1, mixed);
        for (int p = 0; p < ZO_PRECISION_COUNT; p++) {
            check_loaded(&m, folder_path(&f, "m.gguf", path), (zo_precision)p);
            check_loaded(&m, f.dir, (zo_precision)p);
        }
        folder_remove(&f);
        free(g.bytes);
        model_free(&m);
    }
}

/* Beside the model itself: a few rows for each thread, and nf4's absmax of one tensor, whatever the model's size. */
static void loading_holds_no_second_copy(void **state)
{
    (void)state;
    for (int p = 0; p < ZO_PRECISION_COUNT; p++) {
        zo_mem mem = {0};
        zo_error err = {0};
        zo_llama *l = NULL;
        zo_weights *w = open_or_fail("synth:tiny", NULL);
        zo_llama_bytes bytes = zo_llama_weight_bytes(w, (zo_precision)p, 8);
        if (zo_llama_load(w, (zo_precision)p, 8, &mem, &l, &err))
            fail_msg("%s", err.text);
        assert_int_equal(bytes.mapped, 0);
        assert_int_equal(mem.peak[ZO_ACCOUNT_WEIGHTS], bytes.held);
        /* the largest tensor of tiny is one block of rows: (512, 64) */
        int64_t most = p == ZO_PRECISION_F32 ? 0 : 512 * 64 * omp_get_max_threads() + 176 * 64 / 64;
        assert_true(mem.peak[ZO_ACCOUNT_DATA] <= (size_t)most * sizeof(float));
        zo_llama_free(l);
        zo_weights_free(w);
    }
}

/* From a file that is used straight from its map in part, so that what is left of a model holds the map or does not. */
static void loading_may_run_out_of_memory(void **state)
{
    (void)state;
    char path[600];
    model m = model_make(false, false);
    folder f = folder_make();
    gguf_make g = model_gguf(&m, true, NULL);
    folder_write(&f, "m.gguf", g.bytes, g.n);
    for (int p = 0; p < ZO_PRECISION_COUNT; p++) {
        zo_status st = ZO_ERR_MEMORY;
        for (long k = 1; st; k++) {
            zo_mem mem = {.fail_after = k}, open = {0};
            zo_error err = {0};
            zo_llama *l = NULL;
            zo_weights *w = open_or_fail(folder_path(&f, "m.gguf", path), &open);
            st = zo_llama_load(w, (zo_precision)p, 8, &mem, &l, &err);
            if (st) {
                assert_int_equal(st, ZO_ERR_MEMORY);
                assert_null(l);
            } else {
                assert_true(k > 5);
            }
            zo_llama_free(l);
            zo_weights_free(w);
            for (int a = 0; a < ZO_ACCOUNT_COUNT; a++)
                assert_int_equal(mem.now[a] + open.now[a], 0);
        }
    }
    folder_remove(&f);
    free(g.bytes);
    model_free(&m);
}

/* Writes a weight_map that sends tensor i to files[i % 2]. */
static void write_index(const folder *f, const model *m, const char *a, const char *b)
{
    char text[8192];
    size_t n = (size_t)snprintf(text, sizeof text, "{\"metadata\":{\"total_size\":1},\"weight_map\":{");
    for (int i = 0; i < m->n; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s\"%s\":\"%s\"", i ? "," : "", m->tensors[i].hf,
                              i % 2 ? b : a);
    n += (size_t)snprintf(text + n, sizeof text - n, "}}");
    folder_write(f, "model.safetensors.index.json", text, n);
}

static void expect_failure(const char *path, zo_status status, const char *text)
{
    zo_mem mem = {0};
    zo_weights *w;
    zo_error err = {0};
    zo_status st = zo_weights_open(path, &mem, &w, &err);
    if (st != status || !strstr(err.text, text))
        fail_msg("open %s: status %d \"%s\", expected %d \"%s\"", path, (int)st, err.text, (int)status, text);
    assert_null(w);
    assert_int_equal(mem.now[ZO_ACCOUNT_DATA], 0);
}

static void shards_are_put_together(void **state)
{
    (void)state;
    model m = model_make(false, false);
    folder f = folder_make();
    char path[600];
    write_config(&f, &m);
    expect_failure(f.dir, ZO_ERR_IO, "neither model.safetensors nor model.safetensors.index.json");
    write_safetensors(&f, "a.safetensors", &m, 0, 2, false);
    write_safetensors(&f, "b.safetensors", &m, 1, 2, false);
    write_index(&f, &m, "a.safetensors", "b.safetensors");
    check_model(&m, f.dir);
    static const char *const elsewhere[] = {"../x", "/etc/passwd", ".hidden", "", "sub\\\\x"};
    for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++) {
        write_index(&f, &m, "a.safetensors", elsewhere[i]);
        expect_failure(f.dir, ZO_ERR_FORMAT, "is not a plain file name");
    }
    write_index(&f, &m, "a.safetensors", "a.safetensors");
    expect_failure(f.dir, ZO_ERR_FORMAT, "a.safetensors: tensor model.norm.weight is missing");
    write_index(&f, &m, "a.safetensors", "c.safetensors");
    expect_failure(f.dir, ZO_ERR_IO, "c.safetensors: No such file");
    static const struct {
        const char *index, *text;
    } bad[] = {{"{\"weight_map\":{}}", "weight_map has no model.embed_tokens.weight"},
               {"{\"weight_map\":{\"model.embed_tokens.weight\":3}}",
                "weight_map has no model.embed_tokens.weight"},
               {"{\"weight_map\":[]}", "no object weight_map"},
               {"[]", "no object weight_map"},
               {"{", "line 1"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        folder_write(&f, "model.safetensors.index.json", bad[i].index, strlen(bad[i].index));
        expect_failure(f.dir, ZO_ERR_FORMAT, bad[i].text);
    }
    unlink(folder_path(&f, "config.json", path));
    expect_failure(f.dir, ZO_ERR_IO, "config.json: No such file");
    folder_remove(&f);
    model_free(&m);
}

static void incomplete_models_are_refused(void **state)
{
    (void)state;
    model m = model_make(true, true);
    folder f = folder_make();
    char path[600], text[200];
    folder_path(&f, "m.gguf", path);
    for (int i = 0; i < m.n; i++) {
        if (i == 0) /* without an embedding there is no vocabulary */
            snprintf(text, sizeof text, "token_embd.weight: missing");
        else
            snprintf(text, sizeof text, "tensor %s is missing", m.tensors[i].gguf);
        gguf_make g = model_gguf(&m, false, m.tensors[i].hf);
        folder_write(&f, "m.gguf", g.bytes, g.n);
        expect_failure(path, ZO_ERR_FORMAT, text);
        free(g.bytes);
    }
    model_free(&m);
    m = model_make(false, false);
    write_config(&f, &m);
    for (int i = 0; i < m.n; i++) { /* one row less: of a matrix, of a vector */
        full_tensor *t = &m.tensors[i];
        int64_t *shorter = t->t->in ? &t->rows : &t->cols;
        (*shorter)--;
        write_safetensors(&f, "model.safetensors", &m, 0, 1, false);
        (*shorter)++;
        snprintf(text, sizeof text, "tensor %s has shape (%d", t->hf, (int)*shorter - 1);
        expect_failure(f.dir, ZO_ERR_FORMAT, text);
    }
    zo_st_tensor ints = {.name = "model.embed_tokens.weight",
                         .dtype = "I32",
                         .rank = 2,
                         .shape = {1, 1},
                         .data = "abc",
                         .bytes = 4};
    zo_error err = {0};
    char file[600];
    assert_int_equal(zo_safetensors_write(folder_path(&f, "model.safetensors", file), &ints, 1, NULL, 0,
                                          &err),
                     ZO_OK);
    expect_failure(f.dir, ZO_ERR_UNSUPPORTED, "type I32 is not supported");
    folder_remove(&f);
    model_free(&m);
    expect_failure("/nonexistent/model", ZO_ERR_IO, "open /nonexistent/model: No such file");
    expect_failure("synth:huge", ZO_ERR_INVALID, "there are tiny, smollm2-135m");
    expect_failure("README.md", access("README.md", R_OK) == 0 ? ZO_ERR_FORMAT : ZO_ERR_IO, "README.md");
}

/* Opens; where that goes well, reads the ends of each tensor. */
static bool open_and_touch(const char *path)
{
    zo_mem mem = {0};
    zo_weights *w;
    zo_error err = {0};
    zo_status st = zo_weights_open(path, &mem, &w, &err);
    if (!st) {
        float out[64];
        for (size_t i = 0; i < zo_weights_count(w); i++) {
            const zo_tensor *t = zo_weights_at(w, i);
            zo_weights_read_rows(w, t, 0, 1, out);
            zo_weights_read_rows(w, t, t->rank == 2 ? t->shape[0] - 1 : 0, 1, out);
        }
    } else {
        assert_int_equal(err.status, st);
    }
    zo_weights_free(w);
    assert_int_equal(mem.now[ZO_ACCOUNT_DATA], 0);
    return st == ZO_OK;
}

static void hostile_files_do_no_harm(void **state)
{
    (void)state;
    model m = model_make(false, true);
    folder f = folder_make();
    char path[600];
    gguf_make g = model_gguf(&m, true, NULL);
    int refused = 0;
    folder_path(&f, "m.gguf", path);
    size_t header = g.n;
    for (size_t i = 0; i + 5 < g.n; i++) /* the last tensor's entry ends what is worth breaking */
        if (memcmp(g.bytes + i, "blk.1", 5) == 0)
            header = i + 100;
    folder_write(&f, "m.gguf", g.bytes, g.n);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    for (size_t i = 0; i < header; i++) { /* one bit of each byte, in place */
        uint8_t broken = g.bytes[i] ^ (uint8_t)(1 << i % 8);
        assert_int_equal(pwrite(fd, &broken, 1, (off_t)i), 1);
        refused += !open_and_touch(path);
        assert_int_equal(pwrite(fd, &g.bytes[i], 1, (off_t)i), 1);
    }
    assert_true(refused > (int)header / 2);
    assert_true(open_and_touch(path));
    for (size_t n = g.n - 1; n > 0; n -= n < 7 ? n : n < header ? 7 : 251) { /* truncations */
        assert_int_equal(ftruncate(fd, (off_t)n), 0);
        if (open_and_touch(path))
            fail_msg("the first %zu of %zu bytes were accepted", n, g.n);
    }
    close(fd);
    folder_remove(&f);
    free(g.bytes);
    model_free(&m);
}

static void allocation_failures_are_reported(void **state)
{
    (void)state;
    model m = model_make(false, false);
    folder f = folder_make();
    write_config(&f, &m);
    write_safetensors(&f, "a.safetensors", &m, 0, 2, false);
    write_safetensors(&f, "b.safetensors", &m, 1, 2, false);
    write_index(&f, &m, "a.safetensors", "b.safetensors");
    gguf_make g = model_gguf(&m, false, NULL);
    folder_write(&f, "m.gguf", g.bytes, g.n);
    char gguf[600];
    const char *const paths[] = {folder_path(&f, "m.gguf", gguf), f.dir, "synth:tiny"};
    for (size_t p = 0; p < sizeof paths / sizeof paths[0]; p++) {
        zo_status st = ZO_ERR_MEMORY;
        long after = 0;
        while (st == ZO_ERR_MEMORY) {
            zo_mem mem = {.fail_after = ++after};
            zo_weights *w;
            zo_error err = {0};
            st = zo_weights_open(paths[p], &mem, &w, &err);
            assert_true((st == ZO_OK) == (w != NULL));
            zo_weights_free(w);
            assert_int_equal(mem.now[ZO_ACCOUNT_DATA], 0);
        }
        assert_int_equal(st, ZO_OK);
        assert_true(after > 3);
    }
    folder_remove(&f);
    free(g.bytes);
    model_free(&m);
}

/* --- a published model --- */

/* SmolLM2-135M-Instruct, Q4_1. Values: the PyPI package gguf 0.19.0 (gguf.quants.dequantize), q and k put back in
 * order with numpy (reshape (heads, 32, 2, 576), axes 1 and 2 swapped); f32 bits. */
static void reads_a_published_model(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t row;
        struct {
            int col;
            uint32_t bits;
        } at[4];
    } cases[] = {
        {"model.embed_tokens.weight",
         49151,
         {{0, 0x3c3c8000}, {1, 0x3bbc8000}, {100, 0xbcdc7800}, {575, 0xbd2ad000}}},
        {"model.norm.weight", 0, {{0, 0x3fe10000}, {1, 0x3fe90000}, {100, 0x40060000}, {575, 0x3ffe0000}}},
        {"model.layers.0.self_attn.q_proj.weight",
         1,
         {{0, 0xbe230000}, {1, 0x3ecbc000}, {100, 0x3d528000}, {575, 0xbe441000}}},
        {"model.layers.0.self_attn.q_proj.weight",
         545,
         {{0, 0x3d7fc000}, {1, 0xbe015800}, {100, 0xbdb34000}, {575, 0x3dc64000}}},
        {"model.layers.29.self_attn.k_proj.weight",
         100,
         {{0, 0x3e034400}, {1, 0xbdcc0800}, {100, 0x3cb26000}, {575, 0x3db2b000}}},
        {"model.layers.29.self_attn.v_proj.weight",
         100,
         {{0, 0xbdf90000}, {1, 0x3e921000}, {100, 0xbe69e000}, {575, 0xbe87a800}}},
        {"model.layers.7.mlp.down_proj.weight",
         575,
         {{0, 0xbe17f800}, {1, 0x3da83000}, {1000, 0xbeda0000}, {1535, 0x3d69c000}}},
    };
    if (access(MODEL, R_OK) != 0) {
        printf("skip: %s is not there\n", MODEL);
        skip();
    }
    zo_weights *w = open_or_fail(MODEL, NULL);
    const zo_config *c = zo_weights_config(w);
    zo_config same;
    assert_true(zo_synth_config("smollm2-135m", &same)); /* the synthetic twin has its shape */
    assert_memory_equal(c->arch, same.arch, sizeof c->arch);
    assert_true(c->layers == same.layers && c->width == same.width && c->heads == same.heads);
    assert_true(c->kv_heads == same.kv_heads && c->head_dim == same.head_dim && c->ffn == same.ffn);
    assert_true(c->vocab == same.vocab && c->context == same.context && c->tied == same.tied);
    assert_true(c->norm_eps == same.norm_eps && c->rope_theta == same.rope_theta);
    assert_int_equal(zo_weights_count(w), 272);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        float row[1536];
        zo_weights_read_rows(w, zo_weights_find(w, cases[i].name), cases[i].row, 1, row);
        for (int k = 0; k < 4; k++) {
            uint32_t bits;
            memcpy(&bits, &row[cases[i].at[k].col], 4);
            if (bits != cases[i].at[k].bits)
                fail_msg("%s [%d, %d]: %08x, expected %08x, tolerance 0", cases[i].name, (int)cases[i].row,
                         cases[i].at[k].col, bits, cases[i].at[k].bits);
        }
    }
    zo_weights_free(w);
}

/* --- a llama2.c checkpoint, converted --- */

static void converts_a_llama2c_checkpoint(void **state)
{
    (void)state;
    /* header and places of stories260K.bin: run.c, memory_map_weights */
    enum {
        D = 64,
        F = 172,
        L = 5,
        H = 8,
        K = 4,
        V = 512,
        HD = 8,
        EMBEDDING = 28,
        NORM = EMBEDDING + 4 * V * D
    };
    const char *data = getenv("ZOBENCH_TEST_DATA");
    char source[600], command[3000], path[600];
    snprintf(source, sizeof source, "%s/stories260k", data ? data : "../shared/data");
    if (access(source, R_OK) != 0) {
        printf("skip: %s is not there\n", source);
        skip();
    }
    if (system("python3 -c '' 2>/dev/null") != 0) {
        printf("skip: there is no python3\n");
        skip();
    }
    folder f = folder_make();
    folder_path(&f, "m.gguf", path);
    snprintf(command, sizeof command,
             "python3 -B scripts/llama2c_to_gguf.py '%s/stories260K.bin' '%s/tok512.bin' '%s'", source,
             source, path);
    assert_int_equal(system(command), 0);
    zo_weights *w = open_or_fail(path, NULL);
    const zo_config *c = zo_weights_config(w);
    assert_true(c->layers == L && c->width == D && c->heads == H && c->kv_heads == K && c->head_dim == HD);
    assert_true(c->ffn == F && c->vocab == V && c->context == 512 && c->tied && c->rope_theta == 10000);
    zo_file_map map;
    zo_error err = {0};
    char bin[700];
    snprintf(bin, sizeof bin, "%s/stories260K.bin", source);
    if (zo_file_map_open(bin, &map, &err))
        fail_msg("%s", err.text);
    const char *raw = map.data;
    float row[F];
    zo_weights_read_rows(w, zo_weights_find(w, "model.embed_tokens.weight"), V - 1, 1, row);
    assert_memory_equal(row, raw + EMBEDDING + 4 * (V - 1) * D, 4 * D);
    const size_t wq = NORM + 4 * L * D, wk = wq + 4 * L * D * D, wv = wk + 4 * L * K * HD * D;
    const zo_tensor *q = zo_weights_find(w, "model.layers.3.self_attn.q_proj.weight");
    const zo_tensor *k = zo_weights_find(w, "model.layers.3.self_attn.k_proj.weight");
    for (int r = 0; r < D;
         r++) { /* run.c rotates elements 2i and 2i + 1 of a head together: i and i + hd/2 here */
        int interleaved = r / HD * HD + 2 * (r % (HD / 2)) + r % HD / (HD / 2);
        zo_weights_read_rows(w, q, r, 1, row);
        assert_memory_equal(row, raw + wq + 4 * (3 * D * D + interleaved * D), 4 * D);
        if (r < K * HD) {
            zo_weights_read_rows(w, k, r, 1, row);
            assert_memory_equal(row, raw + wk + 4 * (3 * K * HD * D + interleaved * D), 4 * D);
        }
    }
    zo_weights_read_rows(w, zo_weights_find(w, "model.layers.3.self_attn.v_proj.weight"), 5, 1, row);
    assert_memory_equal(row, raw + wv + 4 * (3 * K * HD * D + 5 * D), 4 * D);
    /* from the end: two tables (512, HD / 2), the last norm, w3 = up, w2 = down, w1 = gate */
    const size_t last_norm = map.bytes - 4 * 512 * HD - 4 * D, w3 = last_norm - 4 * L * F * D,
                 w2 = w3 - 4 * L * D * F, w1 = w2 - 4 * L * F * D;
    zo_weights_read_rows(w, zo_weights_find(w, "model.norm.weight"), 0, 1, row);
    assert_memory_equal(row, raw + last_norm, 4 * D);
    zo_weights_read_rows(w, zo_weights_find(w, "model.layers.4.mlp.up_proj.weight"), F - 1, 1, row);
    assert_memory_equal(row, raw + w3 + 4 * (L * F - 1) * D, 4 * D);
    zo_weights_read_rows(w, zo_weights_find(w, "model.layers.0.mlp.down_proj.weight"), 1, 1, row);
    assert_memory_equal(row, raw + w2 + 4 * F, 4 * F);
    zo_weights_read_rows(w, zo_weights_find(w, "model.layers.1.mlp.gate_proj.weight"), 2, 1, row);
    assert_memory_equal(row, raw + w1 + 4 * (F * D + 2 * D), 4 * D);
    zo_file_map_close(&map);
    zo_weights_free(w);
    zo_gguf *g;
    int64_t id;
    if (zo_gguf_open(path, NULL, &g, &err))
        fail_msg("%s", err.text);
    static const struct {
        int id, type;
        const char *text;
    } tokens[] = {{0, 2, "<unk>"},  {1, 3, "<s>"},      {2, 3, "</s>"},
                  {3, 6, "<0x00>"}, {258, 6, "<0xFF>"}, {259, 1, "\xe2\x96\x81t"},
                  {260, 1, "he"}};
    assert_true(zo_gguf_array_strings(g, "tokenizer.ggml.tokens") == V);
    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++) {
        zo_gguf_str s = zo_gguf_array_string(g, "tokenizer.ggml.tokens", tokens[i].id);
        assert_int_equal(s.n, strlen(tokens[i].text));
        assert_memory_equal(s.s, tokens[i].text, s.n);
        assert_true(zo_gguf_array_number(g, "tokenizer.ggml.token_type", tokens[i].id) == tokens[i].type);
    }
    assert_true(zo_gguf_array_number(g, "tokenizer.ggml.scores", 261) == -2);
    assert_true(zo_gguf_int(g, "tokenizer.ggml.bos_token_id", &id) && id == 1);
    assert_true(zo_gguf_int(g, "tokenizer.ggml.eos_token_id", &id) && id == 2);
    zo_gguf_free(g);
    folder_remove(&f);
}

/* A negative vocabulary size: the head follows the two tables at the end. D = F = 4, L = H = K = 1, V = 4, T = 2. */
static void converts_an_untied_checkpoint(void **state)
{
    (void)state;
    const int32_t header[] = {4, 4, 1, 1, 1, -4, 2};
    enum { FLOATS = 16 + 4 + 4 * 16 + 4 + 3 * 16 + 4 + 2 * 4 + 16 };
    uint8_t bin[sizeof header + 4 * FLOATS];
    static const char tokens[] = "\3\0\0\0" /* longest, then score, length, bytes */
                                 "\0\0\0\0\1\0\0\0a\0\0\0\0\1\0\0\0b\0\0\0\0\1\0\0\0c\0\0\0\0\1\0\0\0d";
    char path[600], command[2000];
    if (system("python3 -c '' 2>/dev/null") != 0) {
        printf("skip: there is no python3\n");
        skip();
    }
    folder f = folder_make();
    memcpy(bin, header, sizeof header);
    for (int i = 0; i < FLOATS; i++) {
        float v = (float)i;
        memcpy(bin + sizeof header + 4 * i, &v, 4);
    }
    folder_write(&f, "a.safetensors", bin, sizeof bin); /* names that folder_remove knows */
    folder_write(&f, "b.safetensors", tokens, sizeof tokens - 1);
    snprintf(command, sizeof command,
             "python3 -B scripts/llama2c_to_gguf.py '%s/a.safetensors' '%s/b.safetensors' '%s/m.gguf'", f.dir,
             f.dir, f.dir);
    assert_int_equal(system(command), 0);
    zo_weights *w = open_or_fail(folder_path(&f, "m.gguf", path), NULL);
    float head[16];
    assert_false(zo_weights_config(w)->tied);
    zo_weights_read_rows(w, zo_weights_find(w, "lm_head.weight"), 0, 4, head);
    for (int i = 0; i < 16; i++)
        assert_true(head[i] == FLOATS - 16 + i);
    zo_weights_free(w);
    unlink(folder_path(&f, "m.gguf", path));
    folder_write(&f, "a.safetensors", bin, sizeof bin - 1); /* cut short: no file is made */
    strcat(command, " 2>/dev/null");
    assert_int_not_equal(system(command), 0);
    assert_int_not_equal(access(path, F_OK), 0);
    folder_remove(&f);
}

/* --- synthetic models --- */

/* Parameter counts as the models' cards or safetensors indices state them. */
static void synthetic_shapes_are_the_published_ones(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t params;
    } cases[] = {{"smollm2-135m", 134515008}, {"tinyllama-1.1b", 1100048384}, {"llama2-7b", 6738415616},
                 {"llama2-13b", 13015864320}, {"llama3-8b", 8030261248},      {"llama3-70b", 70553706496}};
    int names = 0;
    for (const char *const *name = zo_synth_names(); *name; name++, names++) {
        zo_config c;
        zo_error err = {0};
        char path[64];
        assert_true(zo_synth_config(*name, &c));
        if (zo_config_check(&c, &err))
            fail_msg("%s: %s", *name, err.text);
        snprintf(path, sizeof path, "synth:%s", *name);
        zo_weights *w = open_or_fail(path, NULL);
        int64_t params = 0;
        for (size_t i = 0; i < zo_weights_count(w); i++)
            params += (int64_t)(zo_weights_at(w, i)->bytes / sizeof(float));
        assert_true(params == zo_config_params(&c));
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
            if (strcmp(cases[i].name, *name) == 0)
                assert_true(params == cases[i].params);
        zo_weights_free(w);
    }
    assert_int_equal(names, 1 + sizeof cases / sizeof cases[0]); /* and tiny */
    zo_config none;
    assert_false(zo_synth_config("tin", &none));
    static const char *const bad[] = {"tiny/",   "tiny/0",    "tiny/-1",
                                      "tiny/2x", "tiny/1001", "tiny/99999999999",
                                      "/2",      "tin/2",     "tiny/2/2"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(zo_synth_config(bad[i], &none));
}

/* The same shape, and the same values in the layers that both have. */
static void synthetic_layers(void **state)
{
    (void)state;
    zo_config few, all;
    assert_true(zo_synth_config("tinyllama-1.1b", &all) && zo_synth_config("tinyllama-1.1b/4", &few));
    assert_int_equal(few.layers, 4);
    few.layers = all.layers;
    assert_memory_equal(&few, &all, sizeof few);
    assert_true(zo_synth_config("tiny/1000", &few) && few.layers == 1000);
    zo_weights *two = open_or_fail("synth:tiny", NULL), *one = open_or_fail("synth:tiny/1", NULL);
    assert_int_equal(zo_weights_config(one)->layers, 1);
    assert_null(zo_weights_find(one, "model.layers.1.mlp.up_proj.weight"));
    for (size_t i = 0; i < zo_weights_count(one); i++) {
        const zo_tensor *a = zo_weights_at(one, i), *b = zo_weights_find(two, a->name);
        float x[256], y[256];
        zo_weights_read_rows(one, a, 0, 1, x);
        zo_weights_read_rows(two, b, 0, 1, y);
        assert_memory_equal(x, y, (size_t)a->shape[a->rank - 1] * sizeof *x);
    }
    zo_weights_free(one);
    zo_weights_free(two);
}

/* Mean 0 and variance 1 / in, within 4.5 standard errors of a uniform variable (0.001 % to fail a fair draw); norms
 * are 1; any split of the rows gives the same values. */
static void synthetic_values(void **state)
{
    (void)state;
    zo_weights *w = open_or_fail("synth:tiny", NULL);
    for (size_t i = 0; i < zo_weights_count(w); i++) {
        const zo_tensor *t = zo_weights_at(w, i);
        int64_t rows = t->rank == 2 ? t->shape[0] : 1, in = t->rank == 2 ? t->shape[1] : t->shape[0],
                n = rows * in;
        float *all = malloc((size_t)n * sizeof(float)), *some = malloc((size_t)n * sizeof(float));
        double sum = 0, squares = 0;
        assert_true(all && some);
        zo_weights_read_rows(w, t, 0, rows, all);
        for (int64_t k = 0; k < n; k++) {
            sum += (double)all[k];
            squares += (double)all[k] * (double)all[k];
        }
        if (t->rank == 1) {
            assert_true(sum == (double)n && squares == (double)n);
        } else {
            double sd = sqrt(1.0 / (double)in), mean = sum / (double)n, variance = squares / (double)n;
            if (fabs(mean) > 4.5 * sd / sqrt((double)n) ||
                fabs(variance - sd * sd) > 4.5 * sd * sd * sqrt(0.8 / (double)n)) /* kurtosis 9/5 */
                fail_msg("%s: mean %g, variance %g, expected 0 and %g", t->name, mean, variance, sd * sd);
            for (int64_t row = 0; row < rows; row += 7)
                zo_weights_read_rows(w, t, row, rows - row < 7 ? rows - row : 7, some + row * in);
            assert_memory_equal(all, some, (size_t)n * sizeof(float));
            for (size_t k = 0; k < i; k++) { /* no two tensors have the same values */
                const zo_tensor *other = zo_weights_at(w, k);
                if (other->rank == 2 && other->shape[1] == in) {
                    zo_weights_read_rows(w, other, 0, 1, some);
                    assert_memory_not_equal(all, some, (size_t)in * sizeof(float));
                }
            }
        }
        free(all);
        free(some);
    }
    zo_weights_free(w);
}

/* Odd widths make rows start within a block of eight. */
static void synthetic_rows_of_odd_width(void **state)
{
    (void)state;
    zo_weights *w = open_or_fail("synth:tiny", NULL);
    zo_tensor t = *zo_weights_find(w, "model.layers.1.mlp.up_proj.weight");
    float all[7 * 13], row[13];
    t.shape[0] = 7;
    t.shape[1] = 13;
    zo_weights_read_rows(w, &t, 0, 7, all);
    for (int64_t r = 0; r < 7; r++) {
        zo_weights_read_rows(w, &t, r, 1, row);
        assert_memory_equal(row, all + 13 * r, sizeof row);
    }
    zo_weights_free(w);
}

static void *read_everything(void *weights)
{
    const zo_weights *w = weights;
    double *sum = malloc(sizeof *sum);
    float out[256];
    if (!sum)
        return NULL;
    *sum = 0;
    for (size_t i = 0; i < zo_weights_count(w); i++) {
        const zo_tensor *t = zo_weights_find(w, zo_weights_at(w, i)->name);
        for (int64_t r = 0; r < (t->rank == 2 ? t->shape[0] : 1); r++) {
            zo_weights_read_rows(w, t, r, 1, out);
            *sum += (double)out[0];
        }
    }
    return sum;
}

static void threads_may_read_together(void **state)
{
    (void)state;
    model m = model_make(false, false);
    folder f = folder_make();
    gguf_make g = model_gguf(&m, true, NULL);
    char path[600];
    folder_write(&f, "m.gguf", g.bytes, g.n);
    const char *const paths[] = {folder_path(&f, "m.gguf", path), "synth:tiny"};
    for (int p = 0; p < 2; p++) {
        zo_weights *w = open_or_fail(paths[p], NULL);
        pthread_t thread[4];
        double first = 0;
        for (int i = 0; i < 4; i++)
            assert_int_equal(pthread_create(&thread[i], NULL, read_everything, w), 0);
        for (int i = 0; i < 4; i++) {
            void *sum;
            assert_int_equal(pthread_join(thread[i], &sum), 0);
            assert_non_null(sum);
            first = i ? first : *(double *)sum;
            assert_true(*(double *)sum == first);
            free(sum);
        }
        zo_weights_free(w);
    }
    folder_remove(&f);
    free(g.bytes);
    model_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_reads_the_same),
        cmocka_unit_test(refuses_what_it_would_leave_out),
        cmocka_unit_test(a_tied_head_must_be_the_embedding),
        cmocka_unit_test(a_window_bounds_the_positions),
        cmocka_unit_test(every_form_loads_in_every_precision),
        cmocka_unit_test(loading_holds_no_second_copy),
        cmocka_unit_test(loading_may_run_out_of_memory),
        cmocka_unit_test(shards_are_put_together),
        cmocka_unit_test(incomplete_models_are_refused),
        cmocka_unit_test(hostile_files_do_no_harm),
        cmocka_unit_test(allocation_failures_are_reported),
        cmocka_unit_test(reads_a_published_model),
        cmocka_unit_test(converts_a_llama2c_checkpoint),
        cmocka_unit_test(converts_an_untied_checkpoint),
        cmocka_unit_test(synthetic_shapes_are_the_published_ones),
        cmocka_unit_test(synthetic_layers),
        cmocka_unit_test(synthetic_values),
        cmocka_unit_test(synthetic_rows_of_odd_width),
        cmocka_unit_test(threads_may_read_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
