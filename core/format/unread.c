/* See unread.h. */
#include "core/format/unread.h"

#include <fnmatch.h>
#include <math.h>
#include <string.h>

#define ANY NAN

static const char describes[] = "describes the model or where it is from",
                  neutral[] = "with this value the step that it controls does nothing",
                  trains[] = "acts in training by backpropagation only",
                  prompts[] = "a wish to whoever generates text, not a part of the model",
                  runs[] = "how a program runs, stores or reports the same computation",
                  other[] = "of models of another kind, or a task's head",
                  token[] = "a token's id: the tokenizer has it",
                  inits[] = "how the adapter's weights started",
                  guards[] = "without effect on the modules that are adapted";

typedef struct row {
    zo_unread kind;
    const char *pattern; /* as of fnmatch(3) */
    const char *why;
    double value; /* harmless with this number alone, or ANY */
} row;

static const row table[] = {
    {ZO_UNREAD_TENSOR, "*rotary_emb.inv_freq",
     "rotary inverse frequencies: they follow from the configuration", ANY},
    {ZO_UNREAD_TENSOR, "blk.*.attn_rot_embd*",
     "rotary inverse frequencies: they follow from the configuration", ANY},

    {ZO_UNREAD_GGUF, "attention.causal", neutral, 1},
    {ZO_UNREAD_GGUF, "attention.clamp_kqv", neutral, 0},
    {ZO_UNREAD_GGUF, "attention.max_alibi_bias", neutral, 0},
    {ZO_UNREAD_GGUF, "attention.scale", neutral, 0},
    {ZO_UNREAD_GGUF, "attn_logit_softcapping", neutral, 0},
    {ZO_UNREAD_GGUF, "embedding_scale", neutral, 1},
    {ZO_UNREAD_GGUF, "expert_*", neutral, 0},
    {ZO_UNREAD_GGUF, "final_logit_softcapping", neutral, 0},
    {ZO_UNREAD_GGUF, "logit_scale", neutral, 1},
    {ZO_UNREAD_GGUF, "pooling_type", neutral, 0},
    {ZO_UNREAD_GGUF, "residual_scale", neutral, 1},
    {ZO_UNREAD_GGUF, "rope.scaling.attn_factor", neutral, 1},
    {ZO_UNREAD_GGUF, "rope.scaling.finetuned", describes, ANY},
    {ZO_UNREAD_GGUF, "use_parallel_residual", neutral, 0},

    {ZO_UNREAD_TOKENS, "*.chat_template*", "how a chat is written as text: prompts are given as text", ANY},
    {ZO_UNREAD_TOKENS, "tokenizer.chat_templates", "how a chat is written as text: prompts are given as text",
     ANY},
    {ZO_UNREAD_TOKENS, "tokenizer.huggingface.json", "the same tokenizer in another form", ANY},
    {ZO_UNREAD_TOKENS, "tokenizer.rwkv.world", "the same tokenizer in another form", ANY},
    {ZO_UNREAD_TOKENS, "tokenizer.ggml.*_token_id", token, ANY},
    {ZO_UNREAD_TOKENS, "tokenizer.ggml.eot_token_ids", token, ANY},
    {ZO_UNREAD_TOKENS, "tokenizer.ggml.token_type_count", other, ANY},
    {ZO_UNREAD_TOKENS, "tokenizer.ggml.add_sep_token", neutral, 0},
    {ZO_UNREAD_TOKENS, "tokenizer.ggml.add_space_prefix", "of the SentencePiece kind", ANY},
    {ZO_UNREAD_TOKENS, "tokenizer.ggml.remove_extra_whitespaces", neutral, 0},
    {ZO_UNREAD_TOKENS, "tokenizer.ggml.scores", "of the SentencePiece kind", ANY},
    {ZO_UNREAD_TOKENS, "tokenizer.ggml.merges", "of the byte-level kind: scores decide here", ANY},
    {ZO_UNREAD_TOKENS, "tokenizer.ggml.added_tokens", "their types tell them", ANY},
    {ZO_UNREAD_TOKENS, "tokenizer.ggml.pre", "of the byte-level kind", ANY},

    {ZO_UNREAD_CONFIG, "_name_or_path", describes, ANY},
    {ZO_UNREAD_CONFIG, "_commit_hash", describes, ANY},
    {ZO_UNREAD_CONFIG, "architectures", describes, ANY},
    {ZO_UNREAD_CONFIG, "model_name", describes, ANY},
    {ZO_UNREAD_CONFIG, "is_llama_config", describes, ANY},
    {ZO_UNREAD_CONFIG, "transformers_version", describes, ANY},
    {ZO_UNREAD_CONFIG, "transformers.js_config", describes, ANY},
    {ZO_UNREAD_CONFIG, "unsloth_*", describes, ANY},
    {ZO_UNREAD_CONFIG, "tokenizer_class", describes, ANY},
    {ZO_UNREAD_CONFIG, "torch_dtype", "the tensors have types of their own", ANY},
    {ZO_UNREAD_CONFIG, "dtype", "the tensors have types of their own", ANY},
    {ZO_UNREAD_CONFIG, "use_bfloat16", "the tensors have types of their own", ANY},
    {ZO_UNREAD_CONFIG, "*_token_id", token, ANY},
    {ZO_UNREAD_CONFIG, "image_token_index", token, ANY},
    {ZO_UNREAD_CONFIG, "*dropout*", trains, ANY},
    {ZO_UNREAD_CONFIG, "*_pdrop", trains, ANY},
    {ZO_UNREAD_CONFIG, "initializer_range", trains, ANY},
    {ZO_UNREAD_CONFIG, "initializer_factor", trains, ANY},
    {ZO_UNREAD_CONFIG, "gradient_checkpointing", trains, ANY},
    {ZO_UNREAD_CONFIG, "ignore_index", trains, ANY},
    {ZO_UNREAD_CONFIG, "pretraining_tp", "the same products in slices", ANY},
    {ZO_UNREAD_CONFIG, "use_cache", runs, ANY},
    {ZO_UNREAD_CONFIG, "*attn_implementation*", runs, ANY},
    {ZO_UNREAD_CONFIG, "_flash_attn_2_enabled", runs, ANY},
    {ZO_UNREAD_CONFIG, "use_flash_attention*", runs, ANY},
    {ZO_UNREAD_CONFIG, "torchscript", runs, ANY},
    {ZO_UNREAD_CONFIG, "chunk_size_feed_forward", runs, ANY},
    {ZO_UNREAD_CONFIG, "output_*", runs, ANY},
    {ZO_UNREAD_CONFIG, "return_dict*", runs, ANY},
    {ZO_UNREAD_CONFIG, "use_return_dict", runs, ANY},
    {ZO_UNREAD_CONFIG, "max_length", prompts, ANY},
    {ZO_UNREAD_CONFIG, "min_length", prompts, ANY},
    {ZO_UNREAD_CONFIG, "max_sequence_length", prompts, ANY},
    {ZO_UNREAD_CONFIG, "model_max_length", prompts, ANY},
    {ZO_UNREAD_CONFIG, "do_sample", prompts, ANY},
    {ZO_UNREAD_CONFIG, "temperature", prompts, ANY},
    {ZO_UNREAD_CONFIG, "top_[kp]", prompts, ANY},
    {ZO_UNREAD_CONFIG, "typical_p", prompts, ANY},
    {ZO_UNREAD_CONFIG, "*_penalty", prompts, ANY},
    {ZO_UNREAD_CONFIG, "*no_repeat_ngram_size", prompts, ANY},
    {ZO_UNREAD_CONFIG, "num_beam*", prompts, ANY},
    {ZO_UNREAD_CONFIG, "num_return_sequences", prompts, ANY},
    {ZO_UNREAD_CONFIG, "early_stopping", prompts, ANY},
    {ZO_UNREAD_CONFIG, "*bad_words_ids", prompts, ANY},
    {ZO_UNREAD_CONFIG, "*suppress_tokens", prompts, ANY},
    {ZO_UNREAD_CONFIG, "remove_invalid_values", prompts, ANY},
    {ZO_UNREAD_CONFIG, "prefix", prompts, ANY},
    {ZO_UNREAD_CONFIG, "task_specific_params", prompts, ANY},
    {ZO_UNREAD_CONFIG, "id2label", other, ANY},
    {ZO_UNREAD_CONFIG, "label2id", other, ANY},
    {ZO_UNREAD_CONFIG, "num_labels", other, ANY},
    {ZO_UNREAD_CONFIG, "problem_type", other, ANY},
    {ZO_UNREAD_CONFIG, "finetuning_task", other, ANY},
    {ZO_UNREAD_CONFIG, "is_decoder", other, ANY},
    {ZO_UNREAD_CONFIG, "tf_legacy_loss", other, ANY},
    {ZO_UNREAD_CONFIG, "tie_encoder_decoder", other, ANY},
    {ZO_UNREAD_CONFIG, "add_cross_attention", neutral, 0},
    {ZO_UNREAD_CONFIG, "is_encoder_decoder", neutral, 0},
    {ZO_UNREAD_CONFIG, "attention_bias", neutral, 0},
    {ZO_UNREAD_CONFIG, "attention_out_bias", neutral, 0},
    {ZO_UNREAD_CONFIG, "mlp_bias", neutral, 0},
    {ZO_UNREAD_CONFIG, "bias", neutral, 0},
    {ZO_UNREAD_CONFIG, "use_bias", neutral, 0},
    {ZO_UNREAD_CONFIG, "*softcap*", neutral, 0},
    {ZO_UNREAD_CONFIG, "embedding_multiplier", neutral, 1},
    {ZO_UNREAD_CONFIG, "residual_multiplier", neutral, 1},
    {ZO_UNREAD_CONFIG, "logits_scaling", neutral, 1},
    {ZO_UNREAD_CONFIG, "logit_scale", neutral, 1},
    {ZO_UNREAD_CONFIG, "partial_rotary_factor", neutral, 1},
    {ZO_UNREAD_CONFIG, "qk_norm", neutral, 0},
    {ZO_UNREAD_CONFIG, "use_qk_norm", neutral, 0},
    {ZO_UNREAD_CONFIG, "rope_interleaved", neutral, 0},
    {ZO_UNREAD_CONFIG, "use_mrope", neutral, 0},

    {ZO_UNREAD_ROPE, "factor", neutral, 1},
    {ZO_UNREAD_ROPE, "partial_rotary_factor", neutral, 1},
    {ZO_UNREAD_ROPE, "attention_factor", neutral, 1},

    {ZO_UNREAD_ADAPTER, "auto_mapping", describes, ANY},
    {ZO_UNREAD_ADAPTER, "base_model_name_or_path", describes, ANY},
    {ZO_UNREAD_ADAPTER, "base_model_class", describes, ANY},
    {ZO_UNREAD_ADAPTER, "parent_library", describes, ANY},
    {ZO_UNREAD_ADAPTER, "peft_version", describes, ANY},
    {ZO_UNREAD_ADAPTER, "revision", describes, ANY},
    {ZO_UNREAD_ADAPTER, "task_type", describes, ANY},
    {ZO_UNREAD_ADAPTER, "inference_mode", trains, ANY},
    {ZO_UNREAD_ADAPTER, "lora_dropout", trains, ANY},
    {ZO_UNREAD_ADAPTER, "ensure_weight_tying", trains, ANY},
    {ZO_UNREAD_ADAPTER, "runtime_config", runs, ANY},
    {ZO_UNREAD_ADAPTER, "megatron_core", guards, ANY},
    {ZO_UNREAD_ADAPTER, "qalora_group_size", guards, ANY},
    {ZO_UNREAD_ADAPTER, "corda_config", inits, ANY},
    {ZO_UNREAD_ADAPTER, "eva_config", inits, ANY},
    {ZO_UNREAD_ADAPTER, "loftq_config", inits, ANY},
    {ZO_UNREAD_ADAPTER, "lora_ga_config", inits, ANY},
};

/* The row of a name: the one that its value suits, else the first; NULL: none. */
static const row *find(zo_unread kind, const char *name, size_t n, double value)
{
    const row *found = NULL;
    char text[256];
    if (n >= sizeof text || memchr(name, '\0', n))
        return NULL;
    memcpy(text, name, n);
    text[n] = '\0';
    const char *key = kind == ZO_UNREAD_GGUF && strchr(text, '.') ? strchr(text, '.') + 1 : text;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].kind != kind || fnmatch(table[i].pattern, key, 0) != 0)
            continue;
        if (isnan(table[i].value) || table[i].value == value)
            return &table[i];
        found = found ? found : &table[i];
    }
    return found;
}

const char *zo_unread_reason(zo_unread kind, const char *name, size_t n, double value)
{
    const row *r = find(kind, name, n, value);
    return r && (isnan(r->value) || r->value == value) ? r->why : NULL;
}

zo_status zo_unread_check(zo_unread kind, const char *name, size_t n, double value, zo_error *err)
{
    const char *what = kind == ZO_UNREAD_TENSOR ? "tensor " : "";
    int shown = (int)(n < 200 ? n : 200);
    if (zo_unread_reason(kind, name, n, value))
        return ZO_OK;
    const row *r = find(kind, name, n, value);
    if (r && !isnan(value)) /* its only number is another */
        return zo_fail(err, ZO_ERR_UNSUPPORTED, "%s%.*s: %g is not supported (%g is)", what, shown, name,
                       value, r->value);
    return zo_fail(err, ZO_ERR_UNSUPPORTED,
                   "%s%.*s: not supported (it would be left out, and may change the result)", what, shown,
                   name);
}
