/* See config.h. */
#include "core/format/config.h"

#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "core/format/json_text.h"
#include "core/format/unread.h"

static const double pi = 3.14159265358979323846;

/* Ranges of the integer fields. Far above any real model, and so small that each product of two or three of
 * them fits an int64. */
static const struct {
    const char *name;
    size_t at;
    int32_t min, max;
} fields[] = {
    {"layers", offsetof(zo_config, layers), 1, 1 << 12},
    {"width", offsetof(zo_config, width), 1, 1 << 18},
    {"heads", offsetof(zo_config, heads), 1, 1 << 12},
    {"kv_heads", offsetof(zo_config, kv_heads), 1, 1 << 12},
    {"head_dim", offsetof(zo_config, head_dim), 2, 1 << 12},
    {"ffn", offsetof(zo_config, ffn), 1, 1 << 20},
    {"vocab", offsetof(zo_config, vocab), 1, 1 << 24},
    {"context", offsetof(zo_config, context), 1, 1 << 30},
};

static zo_status check_scaling(const zo_rope_scaling *s, zo_error *err)
{
    if (s->factor == 0)
        return ZO_OK;
    if (!(s->factor >= 1 && s->factor <= 1e6 && s->low_freq_factor > 0 && s->high_freq_factor <= 1e6 &&
          s->high_freq_factor > s->low_freq_factor && s->original_context > 0))
        return zo_fail(err, ZO_ERR_FORMAT,
                       "rope_scaling: factor %g, low %g, high %g, original context %d: want factor >= 1, "
                       "0 < low < high, context > 0",
                       s->factor, s->low_freq_factor, s->high_freq_factor, (int)s->original_context);
    return ZO_OK;
}

zo_status zo_config_check(const zo_config *c, zo_error *err)
{
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        int32_t v;
        memcpy(&v, (const char *)c + fields[i].at, sizeof v);
        if (v < fields[i].min || v > fields[i].max)
            return zo_fail(err, ZO_ERR_FORMAT, "%s: %d is not in [%d, %d]", fields[i].name, (int)v,
                           (int)fields[i].min, (int)fields[i].max);
    }
    if (c->heads % c->kv_heads)
        return zo_fail(err, ZO_ERR_FORMAT, "kv_heads: %d does not divide %d heads", (int)c->kv_heads,
                       (int)c->heads);
    if (c->head_dim % 2)
        return zo_fail(err, ZO_ERR_FORMAT, "head_dim: %d is odd", (int)c->head_dim);
    if (c->heads * c->head_dim > 1 << 18)
        return zo_fail(err, ZO_ERR_FORMAT, "head_dim: %d times %d heads is more than 2^18", (int)c->head_dim,
                       (int)c->heads);
    if (!(c->norm_eps > 0 && c->norm_eps < 1))
        return zo_fail(err, ZO_ERR_FORMAT, "norm_eps: %g is not in (0, 1)", (double)c->norm_eps);
    if (!(c->rope_theta >= 1 && c->rope_theta <= 1e15))
        return zo_fail(err, ZO_ERR_FORMAT, "rope_theta: %g is not in [1, 1e15]", c->rope_theta);
    return check_scaling(&c->rope_scaling, err);
}

int64_t zo_config_linear_params(const zo_config *c)
{
    int64_t d = c->width, q = (int64_t)c->heads * c->head_dim, kv = (int64_t)c->kv_heads * c->head_dim;
    return c->layers * (2 * d * q + 2 * d * kv + 3 * d * c->ffn);
}

int64_t zo_config_params(const zo_config *c)
{
    int64_t d = c->width, q = (int64_t)c->heads * c->head_dim, kv = (int64_t)c->kv_heads * c->head_dim;
    int64_t norms = (2 * (int64_t)c->layers + 1) * d;
    int64_t biases = c->qkv_bias ? c->layers * (q + 2 * kv) : 0;
    return zo_config_linear_params(c) + norms + biases + (c->tied ? 1 : 2) * (int64_t)c->vocab * d;
}

/* --- GGUF --- */

static bool is_text(zo_gguf_str s, const char *text)
{
    return s.n == strlen(text) && memcmp(s.s, text, s.n) == 0;
}

/* An integer of the architecture, "llama.block_count". fallback < 0: required. */
static zo_status gguf_field(const zo_gguf *g, const char *arch, const char *key, int64_t fallback,
                            int32_t *out, zo_error *err)
{
    char full[128];
    int64_t v = fallback;
    snprintf(full, sizeof full, "%s.%s", arch, key);
    if (zo_gguf_has(g, full) ? !zo_gguf_int(g, full, &v) : fallback < 0)
        return zo_fail(err, ZO_ERR_FORMAT, "%s: missing, or not one integer", full);
    if (v < 0 || v > INT32_MAX)
        return zo_fail(err, ZO_ERR_FORMAT, "%s: %lld is out of range", full, (long long)v);
    *out = (int32_t)v;
    return ZO_OK;
}

static zo_status gguf_real(const zo_gguf *g, const char *arch, const char *key, double fallback, double *out,
                           zo_error *err)
{
    char full[128];
    *out = fallback;
    snprintf(full, sizeof full, "%s.%s", arch, key);
    if (zo_gguf_has(g, full) ? !zo_gguf_real(g, full, out) : fallback < 0)
        return zo_fail(err, ZO_ERR_FORMAT, "%s: missing, or not a number", full);
    return ZO_OK;
}

/* Metadata that announces a computation which is not the one of llama.c. */
static zo_status gguf_refuse(const zo_gguf *g, zo_config *c, zo_error *err)
{
    char key[128];
    zo_gguf_str type = {"none", 4}, layout;
    double factor = 1;
    int32_t n = 0;
    snprintf(key, sizeof key, "%s.rope.scaling.type", c->arch);
    if (zo_gguf_has(g, key) && !zo_gguf_string(g, key, &type))
        return zo_fail(err, ZO_ERR_FORMAT, "%s: not a string", key);
    if (!is_text(type, "none") && !is_text(type, "linear"))
        return zo_fail(err, ZO_ERR_UNSUPPORTED, "%s: RoPE scaling \"%.*s\" is not supported", key,
                       (int)(type.n < 32 ? type.n : 32), type.s);
    /* A factor counts without a type as well: it is then linear. 0 stands for none. */
    static const char *const factors[] = {"rope.scaling.factor", "rope.scale_linear"};
    for (int i = 0; i < 2; i++) {
        zo_status st = gguf_real(g, c->arch, factors[i], 1, &factor, err);
        if (!st && factor != 1 && factor != 0)
            st = zo_fail(err, ZO_ERR_UNSUPPORTED, "%s.%s: linear RoPE scaling is not supported", c->arch,
                         factors[i]);
        if (st)
            return st;
    }
    snprintf(key, sizeof key, "%s.tensor_data_layout", c->arch);
    if (zo_gguf_string(g, key, &layout) && !is_text(layout, "Meta AI original pth"))
        return zo_fail(err, ZO_ERR_UNSUPPORTED, "%s: \"%.*s\" is not supported", key,
                       (int)(layout.n < 32 ? layout.n : 32), layout.s);
    zo_status st = gguf_field(g, c->arch, "attention.sliding_window", 0, &n, err);
    if (!st)
        c->window = n < c->context ? n : 0;
    if (!st)
        st = gguf_field(g, c->arch, "attention.value_length", c->head_dim, &n, err);
    if (!st && n != c->head_dim)
        st = zo_fail(err, ZO_ERR_UNSUPPORTED, "%s.attention.value_length: %d differs from key_length %d",
                     c->arch, (int)n, (int)c->head_dim);
    if (!st)
        st = gguf_field(g, c->arch, "rope.dimension_count", c->head_dim, &n, err);
    if (!st && n != c->head_dim)
        st = zo_fail(err, ZO_ERR_UNSUPPORTED,
                     "%s.rope.dimension_count: %d of %d (partial RoPE) is not supported", c->arch, (int)n,
                     (int)c->head_dim);
    if (!st)
        st = gguf_field(g, c->arch, "vocab_size", c->vocab, &n, err);
    if (!st && n != c->vocab)
        st = zo_fail(err, ZO_ERR_FORMAT, "%s.vocab_size: %d, but token_embd.weight has %d rows", c->arch,
                     (int)n, (int)c->vocab);
    snprintf(key, sizeof key, "%s.", c->arch);
    return st ? st : zo_gguf_unread(g, key, ZO_UNREAD_GGUF, err);
}

/* What llama3 scaling divides the frequency theta^(-2i/hd) by. Source: rope_type "llama3" in transformers'
 * modeling_rope_utils.py. */
static double llama3_divisor(const zo_config *c, int32_t i)
{
    const zo_rope_scaling *s = &c->rope_scaling;
    double wavelength = 2 * pi * pow(c->rope_theta, 2.0 * i / c->head_dim);
    double turns = s->original_context / wavelength;
    if (turns < s->low_freq_factor)
        return s->factor;
    if (turns > s->high_freq_factor)
        return 1;
    double smooth = (turns - s->low_freq_factor) / (s->high_freq_factor - s->low_freq_factor);
    return 1 / ((1 - smooth) / s->factor + smooth);
}

static zo_status gguf_scaling(const zo_gguf *g, zo_config *c, zo_error *err)
{
    const zo_gguf_tensor *t = zo_gguf_tensor_find(g, "rope_freqs.weight");
    int32_t n = c->head_dim / 2;
    float largest = 1;
    if (!t)
        return ZO_OK;
    if (t->dtype != ZO_DTYPE_F32 || t->rank != 1 || t->shape[0] != n)
        return zo_fail(err, ZO_ERR_FORMAT, "tensor rope_freqs.weight: want %d values of f32", (int)n);
    const char *data = t->data;
    for (int32_t i = 0; i < n; i++) {
        float v;
        memcpy(&v, data + 4 * i, sizeof v);
        largest = v > largest ? v : largest;
    }
    c->rope_scaling = (zo_rope_scaling){.factor = (double)largest,
                                        .low_freq_factor = 1,
                                        .high_freq_factor = 4,
                                        .original_context = 8192};
    for (int32_t i = 0; i < n; i++) {
        float v;
        memcpy(&v, data + 4 * i, sizeof v);
        /* The file's values were computed in f32, so a few of its roundings (6e-8 each, and pow amplifies by
         * log theta) separate the two. */
        double want = llama3_divisor(c, i);
        if (!(fabs((double)v - want) <= 1e-4 * want))
            return zo_fail(err, ZO_ERR_UNSUPPORTED,
                           "tensor rope_freqs.weight: not the llama3 RoPE scaling (value %d is %g, not %g)",
                           (int)i, (double)v, want);
    }
    return ZO_OK;
}

static zo_status gguf_architecture(const zo_gguf *g, zo_config *c, zo_error *err)
{
    static const char *const known[] = {"llama", "qwen2"};
    zo_gguf_str arch, type;
    if (zo_gguf_string(g, "general.type", &type) && !is_text(type, "model"))
        return zo_fail(err, ZO_ERR_UNSUPPORTED, "general.type: \"%.*s\" is not a model",
                       (int)(type.n < 64 ? type.n : 64), type.s);
    if (!zo_gguf_string(g, "general.architecture", &arch))
        return zo_fail(err, ZO_ERR_FORMAT, "general.architecture: missing, or not a string");
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (is_text(arch, known[i])) {
            memcpy(c->arch, known[i], arch.n + 1);
            c->qkv_bias = strcmp(known[i], "qwen2") == 0;
            return ZO_OK;
        }
    return zo_fail(err, ZO_ERR_UNSUPPORTED,
                   "general.architecture: \"%.*s\" is not supported (llama and qwen2 are)",
                   (int)(arch.n < 64 ? arch.n : 64), arch.s);
}

static zo_status gguf_fields(const zo_gguf *g, zo_config *c, zo_error *err)
{
    const zo_gguf_tensor *embedding = zo_gguf_tensor_find(g, "token_embd.weight");
    double eps = 0;
    if (!embedding || embedding->rank != 2 || embedding->shape[0] > INT32_MAX)
        return zo_fail(err, ZO_ERR_FORMAT, "tensor token_embd.weight: missing, or not of rank 2");
    c->vocab = (int32_t)embedding->shape[0];
    c->tied = zo_gguf_tensor_find(g, "output.weight") == NULL;
    zo_status st = gguf_field(g, c->arch, "block_count", -1, &c->layers, err);
    if (!st)
        st = gguf_field(g, c->arch, "embedding_length", -1, &c->width, err);
    if (!st)
        st = gguf_field(g, c->arch, "attention.head_count", -1, &c->heads, err);
    if (!st)
        st = gguf_field(g, c->arch, "attention.head_count_kv", c->heads, &c->kv_heads, err);
    if (!st)
        st = gguf_field(g, c->arch, "attention.key_length", c->heads > 0 ? c->width / c->heads : 0,
                        &c->head_dim, err);
    if (!st)
        st = gguf_field(g, c->arch, "feed_forward_length", -1, &c->ffn, err);
    if (!st)
        st = gguf_field(g, c->arch, "context_length", -1, &c->context, err);
    if (!st)
        st = gguf_real(g, c->arch, "attention.layer_norm_rms_epsilon", -1, &eps, err);
    if (!st)
        st = gguf_real(g, c->arch, "rope.freq_base", 10000, &c->rope_theta, err);
    c->norm_eps = (float)eps;
    return st;
}

zo_status zo_config_from_gguf(const zo_gguf *g, const char *name, zo_config *out, zo_error *err)
{
    zo_config c = {0};
    zo_status st = gguf_architecture(g, &c, err);
    if (!st)
        st = gguf_fields(g, &c, err);
    if (!st)
        st = zo_config_check(&c, err);
    if (!st)
        st = gguf_refuse(g, &c, err);
    if (!st)
        st = gguf_scaling(g, &c, err);
    if (!st)
        st = zo_config_check(&c, err);
    if (st)
        zo_error_context(err, "read %s", name);
    else
        *out = c;
    return st;
}

/* --- config.json --- */

/* An object being read, and what has not been taken from it yet. */
typedef struct source {
    const json_t *object;
    json_t *left; /* owned */
} source;

/* What was left must be harmless. Ends the reading of s in every case. */
static zo_status source_close(source *s, zo_status st, zo_unread kind, zo_error *err)
{
    const char *key;
    json_t *value;
    json_object_foreach(s->left, key, value)
    {
        if (!st && !json_is_null(value))
            st = zo_unread_check(kind, key, strlen(key), zo_json_value(value), err);
    }
    json_decref(s->left);
    return st;
}

static zo_status source_open(source *s, const json_t *object, zo_error *err)
{
    *s = (source){.object = object, .left = json_copy((json_t *)(uintptr_t)object)};
    return s->left ? ZO_OK : zo_fail(err, ZO_ERR_MEMORY, "a configuration: out of memory");
}

/* null is absent, as in Python's configurations. */
static json_t *json_field(const source *s, const char *key)
{
    json_t *v = json_object_get(s->object, key);
    json_object_del(s->left, key);
    return json_is_null(v) ? NULL : v;
}

/* fallback < 0: required. */
static zo_status json_int(const source *s, const char *key, int64_t fallback, int32_t *out, zo_error *err)
{
    json_t *v = json_field(s, key);
    json_int_t n = v ? json_integer_value(v) : fallback;
    if (v ? !json_is_integer(v) : fallback < 0)
        return zo_fail(err, ZO_ERR_FORMAT, "%s: missing, or not an integer", key);
    if (n < 0 || n > INT32_MAX)
        return zo_fail(err, ZO_ERR_FORMAT, "%s: %lld is out of range", key, (long long)n);
    *out = (int32_t)n;
    return ZO_OK;
}

static zo_status json_number(const source *s, const char *key, double fallback, double *out, zo_error *err)
{
    json_t *v = json_field(s, key);
    if (v ? !json_is_number(v) : fallback < 0)
        return zo_fail(err, ZO_ERR_FORMAT, "%s: missing, or not a number", key);
    *out = v ? json_number_value(v) : fallback;
    return ZO_OK;
}

static zo_status json_flag(const source *s, const char *key, bool fallback, bool *out, zo_error *err)
{
    json_t *v = json_field(s, key);
    if (v && !json_is_boolean(v))
        return zo_fail(err, ZO_ERR_FORMAT, "%s: not a boolean", key);
    *out = v ? json_is_true(v) : fallback;
    return ZO_OK;
}

static zo_status json_llama3(const source *s, zo_config *c, zo_error *err)
{
    zo_rope_scaling *r = &c->rope_scaling;
    zo_status st = json_number(s, "factor", -1, &r->factor, err);
    if (!st)
        st = json_number(s, "low_freq_factor", -1, &r->low_freq_factor, err);
    if (!st)
        st = json_number(s, "high_freq_factor", -1, &r->high_freq_factor, err);
    if (!st)
        st = json_int(s, "original_max_position_embeddings", c->context, &r->original_context, err);
    if (!st && r->factor == 0)
        st = zo_fail(err, ZO_ERR_FORMAT, "factor is 0");
    return st;
}

/* The type is "default" where there is none, as in transformers; "type" is its older name. */
static zo_status json_rope_type(const source *s, const char **type, zo_error *err)
{
    const json_t *newer = json_field(s, "rope_type"), *older = json_field(s, "type");
    *type = "default";
    if ((newer && !json_is_string(newer)) || (older && !json_is_string(older)))
        return zo_fail(err, ZO_ERR_FORMAT, "rope_type: not a string");
    if (newer && older && strcmp(json_string_value(newer), json_string_value(older)) != 0)
        return zo_fail(err, ZO_ERR_UNSUPPORTED,
                       "rope_type \"%.32s\" and type \"%.32s\" contradict each other",
                       json_string_value(newer), json_string_value(older));
    if (newer || older)
        *type = json_string_value(newer ? newer : older);
    return ZO_OK;
}

static zo_status json_rope_object(const source *s, zo_config *c, zo_error *err)
{
    const char *type;
    zo_status st = json_number(s, "rope_theta", c->rope_theta, &c->rope_theta, err);
    if (!st)
        st = json_rope_type(s, &type, err);
    if (st || strcmp(type, "default") == 0)
        return st;
    return strcmp(type, "llama3") == 0 ? json_llama3(s, c, err)
                                       : zo_fail(err, ZO_ERR_UNSUPPORTED,
                                                 "RoPE scaling \"%.32s\" is not supported (llama3 is)", type);
}

/* rope_scaling, or else rope_parameters of newer files. Both may hold the base; {} is as absent. Where both are there, the first
 * counts and the other is not looked at. Source: transformers 5, modeling_rope_utils.py (convert_rope_params_to_dict,
 * standardize_rope_params). */
static zo_status json_rope(const source *root, zo_config *c, zo_error *err)
{
    static const char *const keys[] = {"rope_scaling", "rope_parameters"};
    const json_t *objects[2] = {json_field(root, keys[0]), json_field(root, keys[1])};
    zo_status st = json_number(root, "rope_theta", 10000, &c->rope_theta, err);
    for (int i = 0; i < 2 && !st; i++) {
        source s;
        if (objects[i] && !json_is_object(objects[i]))
            return zo_fail(err, ZO_ERR_FORMAT, "%s: not an object", keys[i]);
        if (json_object_size(objects[i]) == 0)
            continue;
        st = source_open(&s, objects[i], err);
        if (!st)
            st = source_close(&s, json_rope_object(&s, c, err), ZO_UNREAD_ROPE, err);
        if (st)
            zo_error_context(err, "%s", keys[i]);
        return st;
    }
    return st;
}

/* Which layers see a window. Source: transformers, configuration_qwen2.py and configuration_mistral.py. The window is set where
 * any layer has it. */
static zo_status json_window(const source *root, zo_config *c, zo_error *err)
{
    const json_t *types = json_field(root, "layer_types"), *type;
    bool on = true, named = false;
    size_t i;
    int32_t window = 0, from = 0;
    zo_status st = json_int(root, "sliding_window", 0, &window, err);
    if (!st) /* Qwen2 states a window that use_sliding_window switches */
        st = json_flag(root, "use_sliding_window", !c->qkv_bias, &on, err);
    if (!st)
        st = json_int(root, "max_window_layers", 0, &from, err);
    if (!st && types && !json_is_array(types))
        st = zo_fail(err, ZO_ERR_FORMAT, "layer_types: not an array");
    json_array_foreach(types, i, type)
    {
        const char *name = json_is_string(type) ? json_string_value(type) : "";
        named = named || strcmp(name, "sliding_attention") == 0;
        if (!st && strcmp(name, "full_attention") != 0 && strcmp(name, "sliding_attention") != 0)
            st = zo_fail(err, ZO_ERR_UNSUPPORTED, "layer_types: \"%.32s\" is not supported", name);
    }
    if (!st && named && !(on && window))
        st = zo_fail(err, ZO_ERR_UNSUPPORTED, "layer_types: sliding_attention without a sliding_window");
    c->window = on && window < c->context ? window : 0;
    return st;
}

/* Settings that must have their usual value, or be absent; zo_unread_check has those that are numbers. */
static zo_status json_refuse(const source *root, zo_config *c, zo_error *err)
{
    const json_t *act = json_field(root, "hidden_act");
    bool biased;
    zo_status st = ZO_OK;
    if (act && !(json_is_string(act) && (strcmp(json_string_value(act), "silu") == 0 ||
                                         strcmp(json_string_value(act), "swish") == 0)))
        return zo_fail(err, ZO_ERR_UNSUPPORTED, "hidden_act: only \"silu\" is supported");
    if (c->qkv_bias) /* Qwen2's biases are its architecture's own; some of its files also say so here */
        st = json_flag(root, "attention_bias", true, &biased, err);
    return st ? st : json_window(root, c, err);
}

static zo_status json_architecture(const source *root, zo_config *c, zo_error *err)
{
    static const struct {
        const char *type, *arch;
        bool qkv_bias;
    } known[] = {{"llama", "llama", false}, {"mistral", "llama", false}, {"qwen2", "qwen2", true}};
    const char *type = json_string_value(json_field(root, "model_type"));
    if (!type)
        return zo_fail(err, ZO_ERR_FORMAT, "model_type: missing, or not a string");
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(type, known[i].type) == 0) {
            snprintf(c->arch, sizeof c->arch, "%s", known[i].arch);
            c->qkv_bias = known[i].qkv_bias;
            return ZO_OK;
        }
    return zo_fail(err, ZO_ERR_UNSUPPORTED,
                   "model_type: \"%.64s\" is not supported (llama, mistral and qwen2 are)", type);
}

static zo_status json_fields(const source *root, zo_config *c, zo_error *err)
{
    double eps = 0;
    zo_status st = json_int(root, "num_hidden_layers", -1, &c->layers, err);
    if (!st)
        st = json_int(root, "hidden_size", -1, &c->width, err);
    if (!st)
        st = json_int(root, "num_attention_heads", -1, &c->heads, err);
    if (!st)
        st = json_int(root, "num_key_value_heads", c->heads, &c->kv_heads, err);
    if (!st)
        st = json_int(root, "head_dim", c->heads > 0 ? c->width / c->heads : 0, &c->head_dim, err);
    if (!st)
        st = json_int(root, "intermediate_size", -1, &c->ffn, err);
    if (!st)
        st = json_int(root, "vocab_size", -1, &c->vocab, err);
    if (!st)
        st = json_int(root, "max_position_embeddings", 2048, &c->context, err);
    if (!st)
        st = json_number(root, "rms_norm_eps", 1e-6, &eps, err);
    if (!st)
        st = json_flag(root, "tie_word_embeddings", false, &c->tied, err);
    c->norm_eps = (float)eps;
    return st;
}

/* Everything of an object that was read. */
static zo_status json_config(const source *root, zo_config *c, zo_error *err)
{
    zo_status st = json_architecture(root, c, err);
    if (!st)
        st = json_fields(root, c, err);
    if (!st)
        st = json_rope(root, c, err);
    if (!st)
        st = zo_config_check(c, err);
    return st ? st : json_refuse(root, c, err);
}

zo_status zo_config_from_json(const char *text, size_t n, const char *name, zo_config *out, zo_error *err)
{
    zo_config c = {0};
    json_t *root = NULL;
    source s = {0};
    zo_status st = zo_json_load(text, n, NULL, &root, err);
    if (!st && !json_is_object(root))
        st = zo_fail(err, ZO_ERR_FORMAT, "not a JSON object");
    if (!st)
        st = source_open(&s, root, err);
    if (!st)
        st = source_close(&s, json_config(&s, &c, err), ZO_UNREAD_CONFIG, err);
    if (st)
        zo_error_context(err, "read %s", name);
    else
        *out = c;
    json_decref(root);
    return st;
}
