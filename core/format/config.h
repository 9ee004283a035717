/* The shape of a Llama-family model, as a GGUF file's metadata or a config.json states it.
 *
 * Letters, here and everywhere: B batch, T tokens, D model width, H heads, K key-value heads, F feed-forward
 * width, V vocabulary, L layers.
 */
#ifndef ZO_CONFIG_H
#define ZO_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/format/gguf.h"

/* Llama 3 frequency scaling (Hugging Face rope_type "llama3"); factor 0: none. */
typedef struct zo_rope_scaling {
    double factor, low_freq_factor, high_freq_factor;
    int32_t original_context;
} zo_rope_scaling;

typedef struct zo_config {
    char arch[16];    /* "llama", "qwen2" */
    int32_t layers;   /* L */
    int32_t width;    /* D */
    int32_t heads;    /* H */
    int32_t kv_heads; /* K, divides H */
    int32_t head_dim; /* even; H * head_dim is usually D */
    int32_t ffn;      /* F */
    int32_t vocab;    /* V */
    int32_t context;  /* longest sequence the model was trained for */
    int32_t window; /* tokens that a sliding window lets attention see, where less than the context; else 0 */
    float norm_eps; /* RMSNorm */
    double rope_theta; /* RoPE base */
    zo_rope_scaling rope_scaling;
    bool tied;     /* the output head is the embedding */
    bool qkv_bias; /* q, k, v projections have a bias (Qwen2) */
} zo_config;

/* What a GGUF file's metadata (its own keys, and the shapes of its tensors) or the text of a config.json (n bytes)
 * says; name is for messages. *out has passed zo_config_check. A key that is not read is refused by name unless it is
 * harmless (unread.h): other architectures, other RoPE scalings, experts, soft caps. Of config.json, tie_word_embeddings alone
 * decides `tied`.
 *
 * GGUF states the llama3 RoPE scaling as a tensor of factors (rope_freqs.weight). The scaling is recovered
 * from it, with the constants that every published model has (low 1, high 4, context 8192), and the tensor is
 * held against the result.
 * Fails: ZO_ERR_FORMAT, ZO_ERR_UNSUPPORTED. */
zo_status zo_config_from_gguf(const zo_gguf *g, const char *name, zo_config *out, zo_error *err);
zo_status zo_config_from_json(const char *text, size_t n, const char *name, zo_config *out, zo_error *err);

/* Every field within its range, products that later code forms within int64 and sane sizes.
 * Fails: ZO_ERR_FORMAT naming the field. */
zo_status zo_config_check(const zo_config *c, zo_error *err);

/* Parameters of the whole model (embedding counted once when tied), and those that every token multiplies
 * with outside the head (the linear layers of the L blocks). */
int64_t zo_config_params(const zo_config *c);
int64_t zo_config_linear_params(const zo_config *c);

#endif
