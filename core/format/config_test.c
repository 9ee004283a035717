/* Tests of config.c: what config.json files and GGUF metadata of published models say, and what is refused. */
#include "core/format/config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/format/gguf_fixture.h"

/* The parts of published files that matter here. */
static const char llama32_1b[] = /* meta-llama/Llama-3.2-1B */
    "{\"architectures\":[\"LlamaForCausalLM\"],\"attention_bias\":false,\"head_dim\":64,\"hidden_act\":"
    "\"silu\","
    "\"hidden_size\":2048,\"intermediate_size\":8192,\"max_position_embeddings\":131072,\"mlp_bias\":false,"
    "\"model_type\":\"llama\",\"num_attention_heads\":32,\"num_hidden_layers\":16,\"num_key_value_heads\":8,"
    "\"pretraining_tp\":1,\"rms_norm_eps\":1e-05,\"rope_scaling\":{\"factor\":32.0,\"high_freq_factor\":4.0,"
    "\"low_freq_factor\":1.0,\"original_max_position_embeddings\":8192,\"rope_type\":\"llama3\"},"
    "\"rope_theta\":500000.0,\"tie_word_embeddings\":true,\"vocab_size\":128256}";
static const char qwen25_05b[] = /* Qwen/Qwen2.5-0.5B */
    "{\"architectures\":[\"Qwen2ForCausalLM\"],\"hidden_act\":\"silu\",\"hidden_size\":896,\"intermediate_"
    "size\":4864,"
    "\"max_position_embeddings\":32768,\"max_window_layers\":24,\"model_type\":\"qwen2\",\"num_attention_"
    "heads\":14,"
    "\"num_hidden_layers\":24,\"num_key_value_heads\":2,\"rms_norm_eps\":1e-06,\"rope_theta\":1000000.0,"
    "\"sliding_window\":32768,\"tie_word_embeddings\":true,\"use_sliding_window\":false,\"vocab_size\":"
    "151936}";
static const char tinyllama[] = /* TinyLlama/TinyLlama-1.1B-Chat-v1.0; nulls and absent keys take defaults */
    "{\"hidden_act\":\"silu\",\"hidden_size\":2048,\"intermediate_size\":5632,\"max_position_embeddings\":"
    "2048,"
    "\"model_type\":\"llama\",\"num_attention_heads\":32,\"num_hidden_layers\":22,\"num_key_value_heads\":4,"
    "\"rms_norm_eps\":1e-05,\"rope_scaling\":null,\"tie_word_embeddings\":false,\"vocab_size\":32000}";

static zo_config parse(const char *text)
{
    zo_config c;
    zo_error err = {0};
    if (zo_config_from_json(text, strlen(text), "config.json", &c, &err))
        fail_msg("%s", err.text);
    return c;
}

static void reads_published_configurations(void **state)
{
    (void)state;
    zo_config c = parse(llama32_1b);
    assert_string_equal(c.arch, "llama");
    assert_int_equal(c.layers, 16);
    assert_int_equal(c.width, 2048);
    assert_int_equal(c.heads, 32);
    assert_int_equal(c.kv_heads, 8);
    assert_int_equal(c.head_dim, 64);
    assert_int_equal(c.ffn, 8192);
    assert_int_equal(c.vocab, 128256);
    assert_int_equal(c.context, 131072);
    assert_true(c.norm_eps == 1e-5f && c.rope_theta == 500000 && c.tied && !c.qkv_bias);
    assert_true(c.rope_scaling.factor == 32 && c.rope_scaling.low_freq_factor == 1);
    assert_true(c.rope_scaling.high_freq_factor == 4 && c.rope_scaling.original_context == 8192);
    assert_true(zo_config_params(&c) == 1235814400); /* the model's card: 1.23B */
    c = parse(qwen25_05b);
    assert_string_equal(c.arch, "qwen2");
    assert_true(c.qkv_bias && c.tied && c.head_dim == 64 && c.rope_scaling.factor == 0);
    assert_true(zo_config_params(&c) == 494032768); /* its card: 0.49B; with 24 * (896 + 2 * 128) biases */
    c = parse(tinyllama);
    assert_true(c.head_dim == 64 && c.rope_theta == 10000 && !c.tied && c.rope_scaling.factor == 0);
    assert_true(zo_config_params(&c) == 1100048384); /* its safetensors index: 1100048384 parameters */
    assert_true(zo_config_linear_params(&c) == 1100048384 - 2 * 32000 * 2048 - (2 * 22 + 1) * 2048);
}

/* The text with `from` replaced by `to`, once; owned by the caller. */
static char *replaced(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    char *out = malloc(strlen(text) + strlen(to) + 1);
    assert_non_null(at);
    assert_non_null(out);
    sprintf(out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    return out;
}

static void refuses_what_it_does_not_compute(void **state)
{
    (void)state;
    static const struct {
        const char *base, *from, *to;
        zo_status status;
        const char *text; /* in the message */
    } cases[] = {
        {tinyllama, "\"llama\"", "\"gemma2\"", ZO_ERR_UNSUPPORTED, "model_type: \"gemma2\""},
        {tinyllama, "\"model_type\"", "\"type\"", ZO_ERR_FORMAT, "model_type: missing"},
        {tinyllama, "\"llama\"", "\"mistral\"", ZO_OK, ""},
        {tinyllama, "\"llama\"", "\"mistral\",\"sliding_window\":1024", ZO_OK, ""},
        {tinyllama, "\"llama\"", "\"mistral\",\"sliding_window\":null", ZO_OK, ""},
        {qwen25_05b, "\"use_sliding_window\":false", "\"use_sliding_window\":true", ZO_OK, ""},
        {qwen25_05b, "\"max_window_layers\":24", "\"layer_types\":[\"sliding_attention\"]",
         ZO_ERR_UNSUPPORTED, "layer_types: sliding_attention without"},
        {qwen25_05b, "\"max_window_layers\":24", "\"layer_types\":[\"full_attention\"]", ZO_OK, ""},
        {qwen25_05b, "\"max_window_layers\":24", "\"layer_types\":[\"chunked_attention\"]",
         ZO_ERR_UNSUPPORTED, "\"chunked_attention\""},
        {llama32_1b, "\"llama3\"", "\"yarn\"", ZO_ERR_UNSUPPORTED, "RoPE scaling \"yarn\""},
        /* a factor that the type does not use, and no type, which is "default" */
        {llama32_1b, "\"llama3\"", "\"default\"", ZO_ERR_UNSUPPORTED, "rope_scaling: factor: 32"},
        {llama32_1b, "\"rope_type\":\"llama3\"", "\"x\":1", ZO_ERR_UNSUPPORTED, "rope_scaling: factor: 32"},
        {tinyllama, "\"rope_scaling\":null", "\"rope_scaling\":{\"factor\":1.0}", ZO_OK, ""},
        {tinyllama, "\"rope_scaling\":null", "\"rope_scaling\":{\"mrope_section\":[1]}", ZO_ERR_UNSUPPORTED,
         "rope_scaling: mrope_section"},
        {tinyllama, "\"rope_scaling\":null",
         "\"rope_scaling\":{\"type\":\"linear\",\"rope_type\":\"default\"}", ZO_ERR_UNSUPPORTED,
         "contradict"},
        /* both: the first counts, whatever their order */
        {tinyllama, "\"rope_scaling\":null",
         "\"rope_parameters\":{\"rope_type\":\"default\"},\"rope_scaling\":{\"type\":\"linear\",\"factor\":8."
         "0}",
         ZO_ERR_UNSUPPORTED, "rope_scaling: RoPE scaling \"linear\""},
        {tinyllama, "\"rope_scaling\":null",
         "\"rope_scaling\":{},\"rope_parameters\":{\"rope_type\":\"yarn\"}", ZO_ERR_UNSUPPORTED,
         "rope_parameters: RoPE scaling \"yarn\""},
        {tinyllama, "\"rope_scaling\":null", "\"rope_scaling\":{}", ZO_OK, ""},
        {llama32_1b, "\"rope_type\"", "\"type\"", ZO_OK, ""},
        {llama32_1b, "\"rope_scaling\"", "\"rope_parameters\"", ZO_OK, ""},
        {llama32_1b, "\"high_freq_factor\":4.0", "\"high_freq_factor\":0.5", ZO_ERR_FORMAT, "low < high"},
        {llama32_1b, "\"factor\":32.0", "\"factor\":0", ZO_ERR_FORMAT, "factor is 0"},
        {llama32_1b, "\"attention_bias\":false", "\"attention_bias\":true", ZO_ERR_UNSUPPORTED,
         "attention_bias"},
        {llama32_1b, "\"mlp_bias\":false", "\"mlp_bias\":true", ZO_ERR_UNSUPPORTED, "mlp_bias"},
        {llama32_1b, "\"silu\"", "\"gelu\"", ZO_ERR_UNSUPPORTED, "hidden_act"},
        {llama32_1b, "\"pretraining_tp\":1", "\"partial_rotary_factor\":0.5", ZO_ERR_UNSUPPORTED,
         "partial_rotary"},
        {llama32_1b, "\"pretraining_tp\":1", "\"quantization_config\":{}", ZO_ERR_UNSUPPORTED,
         "quantization_config"},
        /* keys that nothing reads: by name, unless they are harmless or neutral */
        {tinyllama, "\"hidden_act\"", "\"logits_scaling\":8.0,\"hidden_act\"", ZO_ERR_UNSUPPORTED,
         "logits_scaling: 8 is not supported (1 is)"},
        {tinyllama, "\"hidden_act\"", "\"logits_scaling\":1.0,\"hidden_act\"", ZO_OK, ""},
        {tinyllama, "\"hidden_act\"", "\"embedding_multiplier\":12,\"hidden_act\"", ZO_ERR_UNSUPPORTED,
         "embedding_multiplier: 12"},
        {tinyllama, "\"hidden_act\"", "\"residual_multiplier\":0.22,\"hidden_act\"", ZO_ERR_UNSUPPORTED,
         "residual_multiplier: 0.22"},
        {tinyllama, "\"hidden_act\"", "\"attention_multiplier\":0.5,\"hidden_act\"", ZO_ERR_UNSUPPORTED,
         "attention_multiplier: not supported"},
        {tinyllama, "\"hidden_act\"", "\"final_logit_softcapping\":30.0,\"hidden_act\"", ZO_ERR_UNSUPPORTED,
         "final_logit_softcapping: 30"},
        {tinyllama, "\"hidden_act\"", "\"attn_logit_softcapping\":null,\"hidden_act\"", ZO_OK, ""},
        {tinyllama, "\"hidden_act\"", "\"num_local_experts\":8,\"hidden_act\"", ZO_ERR_UNSUPPORTED,
         "num_local_experts"},
        {tinyllama, "\"hidden_act\"", "\"some_new_flag\":true,\"hidden_act\"", ZO_ERR_UNSUPPORTED,
         "some_new_flag"},
        {tinyllama, "\"hidden_act\"",
         "\"architectures\":[\"LlamaForCausalLM\"],\"attention_dropout\":0.1,\"bos_token_id\":1,"
         "\"initializer_range\":0.02,\"use_cache\":true,\"transformers_version\":\"4.1\",\"torch_dtype\":"
         "\"float16\","
         "\"max_length\":1000000000000000019884624838656,\"hidden_act\"",
         ZO_OK, ""},
        {tinyllama, "\"hidden_size\":2048", "\"hidden_size\":100000000000000000000", ZO_ERR_FORMAT,
         "hidden_size: missing, or not an"},
        {tinyllama, "{", "\xef\xbb\xbf{", ZO_OK, ""},
        {tinyllama, "{", "\xff\xfe{", ZO_ERR_FORMAT, "UTF-16"},
        {tinyllama, "\"hidden_size\":2048", "\"hidden_size\":2048.0", ZO_ERR_FORMAT,
         "hidden_size: missing, or not an"},
        {tinyllama, "\"hidden_size\":2048,", "", ZO_ERR_FORMAT, "hidden_size: missing"},
        {tinyllama, "\"hidden_size\":2048", "\"hidden_size\":-1", ZO_ERR_FORMAT,
         "hidden_size: -1 is out of range"},
        {tinyllama, "\"hidden_size\":2048", "\"hidden_size\":0", ZO_ERR_FORMAT, "width: 0 is not in"},
        {tinyllama, "\"num_hidden_layers\":22", "\"num_hidden_layers\":1000000", ZO_ERR_FORMAT,
         "layers: 1000000"},
        {tinyllama, "\"num_attention_heads\":32", "\"num_attention_heads\":0", ZO_ERR_FORMAT, "heads: 0"},
        {tinyllama, "\"num_key_value_heads\":4", "\"num_key_value_heads\":5", ZO_ERR_FORMAT,
         "5 does not divide"},
        {tinyllama, "\"num_key_value_heads\":4", "\"head_dim\":63,\"num_key_value_heads\":4", ZO_ERR_FORMAT,
         "63 is odd"},
        {tinyllama, "\"rms_norm_eps\":1e-05", "\"rms_norm_eps\":0", ZO_ERR_FORMAT, "norm_eps: 0"},
        {tinyllama, "\"rope_scaling\":null", "\"rope_theta\":0", ZO_ERR_FORMAT, "rope_theta: 0"},
        {tinyllama, "\"rope_scaling\":null", "\"rope_scaling\":1", ZO_ERR_FORMAT,
         "rope_scaling: not an object"},
        {tinyllama, "\"tie_word_embeddings\":false", "\"tie_word_embeddings\":0", ZO_ERR_FORMAT,
         "not a boolean"},
        {tinyllama, "\"vocab_size\":32000", "\"vocab_size\":1,\"vocab_size\":2", ZO_ERR_FORMAT, "duplicate"},
        {tinyllama, "\"vocab_size\":32000}", "", ZO_ERR_FORMAT, "line 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text = replaced(cases[i].base, cases[i].from, cases[i].to);
        zo_config c;
        zo_error err = {0};
        zo_status st = zo_config_from_json(text, strlen(text), "config.json", &c, &err);
        if (st != cases[i].status || !strstr(err.text, cases[i].text) ||
            (st && !strstr(err.text, "config.json")))
            fail_msg("%s for %s: status %d \"%s\", expected %d \"%s\"", cases[i].to, cases[i].from, (int)st,
                     err.text, (int)cases[i].status, cases[i].text);
        free(text);
    }
}

/* --- GGUF --- */

typedef struct extra {
    const char *key;
    uint32_t type; /* GGUF_U32, GGUF_F32, GGUF_STRING, or 100: a tensor of one f32 */
    const char *text;
    double number;
} extra;

/* Metadata like SmolLM2's, with a small embedding and one thing added. The values of rope_freqs.weight are given
 * by (n, freqs); n = 0: no such tensor. */
static zo_gguf *gguf_of(const char *arch, const extra *e, int n, const float *freqs, gguf_make *m)
{
    const uint64_t embedding[] = {32, 8}, one[] = {1}, half[] = {(uint64_t)n};
    bool tensor = e && e->type == 100, pair = e && e->type != 100;
    char key[64];
    zo_gguf *g;
    zo_error err = {0};
    make_header(m, 3, 1 + (uint64_t)tensor + (n > 0), 8 + (uint64_t)pair);
    make_pair_str(m, "general.architecture", arch);
#define KEY(name) (snprintf(key, sizeof key, "%s.%s", arch, name), key)
    make_pair_u32(m, KEY("block_count"), 2);
    make_pair_u32(m, KEY("embedding_length"), 32);
    make_pair_u32(m, KEY("feed_forward_length"), 48);
    make_pair_u32(m, KEY("attention.head_count"), 2);
    make_pair_u32(m, KEY("context_length"), 64);
    make_pair_f32(m, KEY("rope.freq_base"), n > 0 ? 500000 : 10000);
    make_pair_f32(m, KEY("attention.layer_norm_rms_epsilon"), 1e-5f);
    if (pair) {
        make_key(m, KEY(e->key), e->type);
        float f = (float)e->number;
        if (e->type == GGUF_STRING)
            make_str(m, e->text);
        else if (e->type == GGUF_F32)
            make_bytes(m, &f, 4);
        else
            make_u32(m, (uint32_t)e->number);
    }
#undef KEY
    make_tensor(m, "token_embd.weight", 2, embedding, 0, 0);
    if (tensor)
        make_tensor(m, e->key, 1, one, 0, 1024);
    if (n > 0)
        make_tensor(m, "rope_freqs.weight", 1, half, 0, 1024);
    make_padding(m, 32);
    for (int i = 0; i < 1024; i++)
        make_bytes(m, "", 1);
    make_bytes(m, freqs, (size_t)n * sizeof *freqs);
    make_bytes(m, "\0\0\0", 4);
    if (zo_gguf_open_memory(m->bytes, m->n, "small.gguf", NULL, &g, &err))
        fail_msg("%s", err.text);
    return g;
}

static void reads_gguf_metadata(void **state)
{
    (void)state;
    gguf_make m = {0};
    zo_gguf *g = gguf_of("llama", NULL, 0, NULL, &m);
    zo_config c;
    zo_error err = {0};
    if (zo_config_from_gguf(g, "small.gguf", &c, &err))
        fail_msg("%s", err.text);
    assert_true(c.layers == 2 && c.width == 32 && c.heads == 2 && c.kv_heads == 2 && c.head_dim == 16);
    assert_true(c.ffn == 48 && c.vocab == 8 && c.context == 64 && c.tied && !c.qkv_bias);
    assert_true(c.norm_eps == 1e-5f && c.rope_theta == 10000 && c.rope_scaling.factor == 0);
    zo_gguf_free(g);
    free(m.bytes);
}

static void refuses_gguf_metadata(void **state)
{
    (void)state;
    static const struct {
        const char *arch;
        extra e;
        zo_status status;
        const char *text;
    } cases[] = {
        {"llama", {"rope.scaling.type", GGUF_STRING, "yarn", 0}, ZO_ERR_UNSUPPORTED, "RoPE scaling \"yarn\""},
        {"llama", {"rope.scaling.type", GGUF_STRING, "none", 0}, ZO_OK, ""},
        {"llama", {"rope.scale_linear", GGUF_F32, NULL, 4}, ZO_ERR_UNSUPPORTED, "linear RoPE scaling"},
        {"llama", {"rope.scale_linear", GGUF_F32, NULL, 1}, ZO_OK, ""},
        {"llama",
         {"rope.scaling.factor", GGUF_F32, NULL, 8},
         ZO_ERR_UNSUPPORTED,
         "llama.rope.scaling.factor"},
        {"llama", {"rope.scaling.factor", GGUF_F32, NULL, 0}, ZO_OK, ""},
        {"llama",
         {"rope.scaling.yarn_log_multiplier", GGUF_F32, NULL, 1},
         ZO_ERR_UNSUPPORTED,
         "yarn_log_multiplier"},
        {"llama", {"logit_scale", GGUF_F32, NULL, 0.5}, ZO_ERR_UNSUPPORTED, "llama.logit_scale: 0.5 is not"},
        {"llama", {"attention.scale", GGUF_F32, NULL, 0.5}, ZO_ERR_UNSUPPORTED, "llama.attention.scale"},
        {"llama",
         {"final_logit_softcapping", GGUF_F32, NULL, 30},
         ZO_ERR_UNSUPPORTED,
         "final_logit_softcapping"},
        {"llama", {"attention.causal", GGUF_U32, NULL, 0}, ZO_ERR_UNSUPPORTED, "llama.attention.causal: 0"},
        {"llama",
         {"some_new_key", GGUF_U32, NULL, 1},
         ZO_ERR_UNSUPPORTED,
         "llama.some_new_key: not supported"},
        {"llama",
         {"vocab_size", GGUF_U32, NULL, 9},
         ZO_ERR_FORMAT,
         "vocab_size: 9, but token_embd.weight has 8"},
        {"llama", {"vocab_size", GGUF_U32, NULL, 8}, ZO_OK, ""},
        {"llama", {"expert_count", GGUF_U32, NULL, 8}, ZO_ERR_UNSUPPORTED, "llama.expert_count: 8"},
        {"llama", {"expert_count", GGUF_U32, NULL, 0}, ZO_OK, ""},
        {"llama", {"attention.sliding_window", GGUF_U32, NULL, 32}, ZO_OK, ""},
        {"llama", {"attention.sliding_window", GGUF_U32, NULL, 64}, ZO_OK, ""},
        {"llama", {"rope.dimension_count", GGUF_U32, NULL, 8}, ZO_ERR_UNSUPPORTED, "partial RoPE"},
        {"llama",
         {"attention.value_length", GGUF_U32, NULL, 8},
         ZO_ERR_UNSUPPORTED,
         "differs from key_length"},
        {"llama", {"attention.key_length", GGUF_U32, NULL, 7}, ZO_ERR_FORMAT, "head_dim: 7 is odd"},
        {"llama", {"attention.head_count_kv", GGUF_U32, NULL, 1}, ZO_OK, ""},
        {"llama",
         {"attention.head_count_kv", GGUF_F32, NULL, 1},
         ZO_ERR_FORMAT,
         "head_count_kv: missing, or not one"},
        {"llama", {"attention.head_count_kv", GGUF_U32, NULL, 4294967295.0}, ZO_ERR_FORMAT, "out of range"},
        {"llama", {"output.weight", 100, NULL, 0}, ZO_OK, ""},
        {"gemma", {"expert_count", GGUF_U32, NULL, 0}, ZO_ERR_UNSUPPORTED, "\"gemma\" is not supported"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gguf_make m = {0};
        zo_gguf *g = gguf_of(cases[i].arch, &cases[i].e, 0, NULL, &m);
        zo_config c;
        zo_error err = {0};
        zo_status st = zo_config_from_gguf(g, "small.gguf", &c, &err);
        if (st != cases[i].status || !strstr(err.text, cases[i].text) ||
            (st && !strstr(err.text, "small.gguf")))
            fail_msg("%s: status %d \"%s\", expected %d \"%s\"", cases[i].e.key, (int)st, err.text,
                     (int)cases[i].status, cases[i].text);
        if (!st && strcmp(cases[i].e.key, "attention.sliding_window") == 0)
            assert_int_equal(c.window, cases[i].e.number < 64 ? cases[i].e.number : 0);
        if (!st && strcmp(cases[i].e.key, "output.weight") == 0)
            assert_false(c.tied);
        zo_gguf_free(g);
        free(m.bytes);
    }
}

/* The factors as llama.cpp's converter computes them, in f32 as it does (convert_hf_to_gguf.py, Llama 3.1). With
 * the base 500000 and a head of 16, wavelengths run from 6 to 620000: all three ranges occur. */
static void recovers_the_llama3_scaling(void **state)
{
    (void)state;
    for (int factor = 8; factor <= 32; factor *= 4) {
        float freqs[8];
        int between = 0;
        for (int i = 0; i < 8; i++) {
            float freq = 1 / powf(500000, (float)(2 * i) / 16), wavelength = 2 * 3.14159265f / freq;
            float smooth = (8192 / wavelength - 1) / (4 - 1);
            freqs[i] = wavelength < 8192.0f / 4   ? 1
                       : wavelength > 8192.0f / 1 ? (float)factor
                                                  : 1 / ((1 - smooth) / (float)factor + smooth);
            between += freqs[i] > 1 && freqs[i] < (float)factor;
        }
        assert_true(between > 0);
        for (int wrong = 0; wrong < 2; wrong++) {
            gguf_make m = {0};
            zo_config c;
            zo_error err = {0};
            freqs[0] = wrong ? 1.01f : 1;
            zo_gguf *g = gguf_of("llama", NULL, 8, freqs, &m);
            assert_int_equal(zo_config_from_gguf(g, "x", &c, &err), wrong ? ZO_ERR_UNSUPPORTED : ZO_OK);
            if (wrong)
                assert_non_null(strstr(err.text, "not the llama3 RoPE scaling"));
            else
                assert_true(c.rope_scaling.factor == factor && c.rope_scaling.original_context == 8192 &&
                            c.rope_scaling.low_freq_factor == 1 && c.rope_scaling.high_freq_factor == 4);
            zo_gguf_free(g);
            free(m.bytes);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_published_configurations),
        cmocka_unit_test(refuses_what_it_does_not_compute),
        cmocka_unit_test(reads_gguf_metadata),
        cmocka_unit_test(refuses_gguf_metadata),
        cmocka_unit_test(recovers_the_llama3_scaling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
