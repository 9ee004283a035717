/* Tests of adapter_file.c: what is written is what PEFT reads, and what cannot be read is refused with a clear message. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "core/number/dtype.h"
#include "core/model/adapter_file.h"
#include "core/kernel/rng.h"
#include "core/format/safetensors.h"

/* Every dimension differs from every other where a mix-up could hide: q (16, 12), k and v (8, 12), o (12, 16),
 * gate and up (20, 12), down (12, 20). */
static const zo_config shape = {.arch = "llama",
                                .layers = 3,
                                .width = 12,
                                .heads = 4,
                                .kv_heads = 2,
                                .head_dim = 4,
                                .ffn = 20,
                                .vocab = 32,
                                .context = 64,
                                .norm_eps = 1e-5f,
                                .rope_theta = 1e4};

#define QV (1u << ZO_TARGET_Q | 1u << ZO_TARGET_V)

typedef struct fixture {
    char dir[256], config[300], tensors[300];
} fixture;

static int make_dir(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    const char *tmp = getenv("TMPDIR");
    if (!f)
        return -1;
    snprintf(f->dir, sizeof f->dir, "%s/peft_test.XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(f->dir))
        return -1;
    snprintf(f->config, sizeof f->config, "%s/adapter_config.json", f->dir);
    snprintf(f->tensors, sizeof f->tensors, "%s/adapter_model.safetensors", f->dir);
    *state = f;
    return 0;
}

/* Fails where a file other than the two is left. */
static int remove_dir(void **state)
{
    fixture *f = *state;
    unlink(f->config);
    unlink(f->tensors);
    int failed = rmdir(f->dir);
    free(f);
    return failed;
}

/* An adapter whose every element is different from zero. */
static zo_lora *new_lora(int32_t rank, double alpha, uint32_t targets)
{
    zo_lora_options options = {.rank = rank, .alpha = alpha, .targets = targets, .seed = 1};
    zo_error err = {0};
    zo_lora *l = NULL;
    if (zo_lora_new(&shape, &options, NULL, &l, &err))
        fail_msg("%s", err.text);
    for (int32_t i = 0; i < l->layers; i++)
        for (int t = 0; t < ZO_TARGET_COUNT; t++) {
            zo_lora_pair *p = zo_lora_at(l, i, (zo_target)t);
            if (p->b)
                zo_normals((zo_noise_at){.seed = 9, .tensor = p->tensor_b}, 0, p->out * rank, p->b);
        }
    return l;
}

static void save(const zo_lora *l, const char *dir)
{
    zo_error err = {0};
    if (zo_adapter_file_save(l, dir, "some/base", &err))
        fail_msg("%s", err.text);
}

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
}

/* Loads and wants a failure: its status and, in its one-line message, a fragment. */
static void assert_refused(const char *dir, const zo_config *c, zo_status status, const char *fragment)
{
    zo_mem mem = {0};
    zo_error err = {0};
    zo_lora *l = NULL;
    zo_status st = zo_adapter_file_load(dir, c, false, &mem, &l, &err);
    if (st != status || err.status != status || !strstr(err.text, fragment) || strchr(err.text, '\n'))
        fail_msg("status %d, \"%s\"; expected %d and \"%s\"", (int)st, err.text, (int)status, fragment);
    assert_null(l);
    for (int a = 0; a < ZO_ACCOUNT_COUNT; a++)
        assert_int_equal(mem.now[a], 0);
}

static void assert_same(const zo_lora *a, const zo_lora *b)
{
    assert_int_equal(a->options.rank, b->options.rank);
    assert_int_equal(a->options.targets, b->options.targets);
    assert_true(a->options.alpha == b->options.alpha && a->scale == b->scale);
    for (int32_t i = 0; i < shape.layers; i++)
        for (int t = 0; t < ZO_TARGET_COUNT; t++) {
            const zo_lora_pair *p = zo_lora_at(a, i, (zo_target)t), *q = zo_lora_at(b, i, (zo_target)t);
            assert_int_equal(!p->a, !q->a);
            if (!p->a)
                continue;
            assert_memory_equal(p->a, q->a, (size_t)(p->in * a->options.rank) * sizeof *p->a);
            assert_memory_equal(p->b, q->b, (size_t)(p->out * a->options.rank) * sizeof *p->b);
        }
}

static void test_round_trip(void **state)
{
    static const struct {
        int32_t rank;
        double alpha;
        uint32_t targets;
    } cases[] = {{4, 8, ZO_TARGETS_ALL},
                 {1, 1, 1u << ZO_TARGET_DOWN},
                 {8, 16, QV},
                 {3, 0.3, 1u << ZO_TARGET_O | QV}};
    fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        zo_mem mem = {0};
        zo_error err = {0};
        zo_lora *loaded = NULL, *l = new_lora(cases[i].rank, cases[i].alpha, cases[i].targets);
        save(l, f->dir); /* also over the files of the case before */
        if (zo_adapter_file_load(f->dir, &shape, i % 2, &mem, &loaded, &err))
            fail_msg("%s", err.text);
        assert_same(l, loaded);
        assert_int_equal(loaded->options.train_a, i % 2);
        assert_true((loaded->trainable > l->trainable) == (i % 2));
        assert_true(mem.now[ZO_ACCOUNT_ADAPTER] > 0);
        zo_lora_free(loaded);
        zo_lora_free(l);
        for (int a = 0; a < ZO_ACCOUNT_COUNT; a++)
            assert_int_equal(mem.now[a], 0);
    }
}

/* Keys and shapes as PEFT writes them for LlamaForCausalLM (source: peft's save_pretrained, checked with 0.21.2). */
static void test_file_is_what_peft_writes(void **state)
{
    static const struct {
        const char *name;
        int64_t rows, cols;
    } wanted[] = {
        {"base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight", 5, 12},
        {"base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight", 16, 5},
        {"base_model.model.model.layers.1.self_attn.k_proj.lora_B.weight", 8, 5},
        {"base_model.model.model.layers.1.self_attn.v_proj.lora_A.weight", 5, 12},
        {"base_model.model.model.layers.2.self_attn.o_proj.lora_A.weight", 5, 16},
        {"base_model.model.model.layers.2.self_attn.o_proj.lora_B.weight", 12, 5},
        {"base_model.model.model.layers.2.mlp.gate_proj.lora_B.weight", 20, 5},
        {"base_model.model.model.layers.2.mlp.up_proj.lora_A.weight", 5, 12},
        {"base_model.model.model.layers.2.mlp.down_proj.lora_A.weight", 5, 20},
        {"base_model.model.model.layers.2.mlp.down_proj.lora_B.weight", 12, 5},
    };
    fixture *f = *state;
    zo_error err = {0};
    zo_safetensors *s = NULL;
    zo_lora *l = new_lora(5, 10, ZO_TARGETS_ALL);
    save(l, f->dir);
    if (zo_safetensors_open(f->tensors, NULL, &s, &err))
        fail_msg("%s", err.text);
    assert_int_equal(zo_safetensors_count(s), 3 * 7 * 2);
    assert_string_equal(zo_safetensors_meta(s, "format"), "pt");
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        const zo_st_tensor *t = zo_safetensors_find(s, wanted[i].name);
        if (!t)
            fail_msg("%s: missing", wanted[i].name);
        assert_string_equal(t->dtype, "F32");
        assert_int_equal(t->rank, 2);
        assert_int_equal(t->shape[0], wanted[i].rows);
        assert_int_equal(t->shape[1], wanted[i].cols);
    }
    const zo_st_tensor *t = zo_safetensors_find(s, wanted[9].name);
    assert_memory_equal(t->data, zo_lora_at(l, 2, ZO_TARGET_DOWN)->b, t->bytes);
    zo_safetensors_free(s);
    zo_lora_free(l);
}

static void test_configuration_is_what_peft_reads(void **state)
{
    static const char *const known[] = {"peft_type",
                                        "task_type",
                                        "base_model_name_or_path",
                                        "r",
                                        "lora_alpha",
                                        "lora_dropout",
                                        "bias",
                                        "fan_in_fan_out",
                                        "inference_mode",
                                        "target_modules"};
    fixture *f = *state;
    zo_lora *l = new_lora(4, 8, QV);
    save(l, f->dir);
    json_t *c = json_load_file(f->config, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(c);
    assert_int_equal(json_object_size(c), sizeof known / sizeof known[0]); /* and so no other key */
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        assert_non_null(json_object_get(c, known[i]));
    assert_string_equal(json_string_value(json_object_get(c, "peft_type")), "LORA");
    assert_string_equal(json_string_value(json_object_get(c, "base_model_name_or_path")), "some/base");
    assert_int_equal(json_integer_value(json_object_get(c, "r")), 4);
    assert_true(json_is_integer(json_object_get(c, "lora_alpha")));
    assert_int_equal(json_integer_value(json_object_get(c, "lora_alpha")), 8);
    const json_t *modules = json_object_get(c, "target_modules");
    assert_int_equal(json_array_size(modules), 2);
    assert_string_equal(json_string_value(json_array_get(modules, 0)), "q_proj");
    assert_string_equal(json_string_value(json_array_get(modules, 1)), "v_proj");
    json_decref(c);
    zo_lora_free(l);
}

static void test_configurations(void **state)
{
#define LORA    "\"peft_type\": \"LORA\""
#define MODULES "\"target_modules\": [\"q_proj\", \"v_proj\"]"
#define REST    "\"r\": 4, \"lora_alpha\": 8, " MODULES
    static const struct {
        const char *text;
        zo_status status;
        const char *fragment; /* of the message */
    } cases[] = {
        {"{" LORA ", " REST "}", ZO_OK, ""},
        /* What PEFT 0.21.2 writes beside: all off. */
        {"{" LORA ", " REST
         ", \"alpha_pattern\": {}, \"auto_mapping\": null, \"bias\": \"none\", \"corda_config\": null,"
         " \"fan_in_fan_out\": false, \"init_lora_weights\": true, \"layers_to_transform\": null, "
         "\"loftq_config\": {},"
         " \"lora_bias\": false, \"modules_to_save\": null, \"rank_pattern\": {}, \"revision\": null,"
         " \"use_dora\": false, \"use_rslora\": false, \"use_qalora\": false, \"lora_dropout\": 0.1}",
         ZO_OK, ""},
        {"{" LORA ", \"r\": 4, \"lora_alpha\": 8, \"target_modules\": [\"v_proj\", \"self_attn.q_proj\"]}",
         ZO_OK, ""},
        {"", ZO_ERR_FORMAT, "adapter_config.json"},
        {"{" LORA ", " REST, ZO_ERR_FORMAT, "adapter_config.json: line 1"},
        {"{" LORA ", " LORA ", " REST "}", ZO_ERR_FORMAT, "duplicate"},
        {"[]", ZO_ERR_FORMAT, "not a JSON object"},
        {"{" REST "}", ZO_ERR_FORMAT, "peft_type"},
        {"{\"peft_type\": \"IA3\", " REST "}", ZO_ERR_UNSUPPORTED, "peft_type IA3"},
        {"{\"peft_type\": \"ADALORA\", " REST "}", ZO_ERR_UNSUPPORTED, "peft_type ADALORA"},
        {"{" LORA ", \"r\": 4, \"lora_alpha\": 600000, \"use_rslora\": true, " MODULES "}", ZO_ERR_FORMAT,
         "lora_alpha"},
        {"{" LORA ", \"r\": 4, \"target_modules\": \"((.*)*)*x\"}", ZO_ERR_UNSUPPORTED,
         "target_modules ((.*)*)*x"},
        {"{" LORA ", " REST ", \"use_rslora\": 1}", ZO_ERR_FORMAT, "use_rslora"},
        {"{" LORA ", \"r\": 4, \"lora_alpha\": 4, \"use_rslora\": true, " MODULES "}", ZO_OK,
         ""}, /* 4 / sqrt 4 = 8 / 4 */
        {"{" LORA ", " REST ", \"use_dora\": true}", ZO_ERR_UNSUPPORTED, "use_dora"},
        {"{" LORA ", " REST ", \"fan_in_fan_out\": true}", ZO_ERR_UNSUPPORTED, "fan_in_fan_out"},
        {"{" LORA ", " REST ", \"rank_pattern\": {\"q_proj\": 2}}", ZO_ERR_UNSUPPORTED, "rank_pattern"},
        {"{" LORA ", " REST ", \"alpha_pattern\": {\"q_proj\": 2}}", ZO_ERR_UNSUPPORTED, "alpha_pattern"},
        /* fewer than the tensors that are there, and all of them; other names of the same */
        {"{" LORA ", " REST ", \"layers_to_transform\": [0, 2]}", ZO_ERR_UNSUPPORTED,
         "layers.1.self_attn.q_proj.lora_A"},
        {"{" LORA ", " REST ", \"layers_to_transform\": 1}", ZO_ERR_UNSUPPORTED,
         "layers.0.self_attn.q_proj.lora_A"},
        {"{" LORA ", " REST ", \"layers_to_transform\": [2, 1, 0], \"layers_pattern\": \"layers\"}", ZO_OK,
         ""},
        {"{" LORA ", " REST ", \"layers_to_transform\": [0.5]}", ZO_ERR_FORMAT, "layers_to_transform"},
        {"{" LORA ", " REST ", \"layers_pattern\": [\"h\"]}", ZO_ERR_UNSUPPORTED, "layers_pattern h"},
        {"{" LORA ", " REST ", \"exclude_modules\": [\"lm_head\", \"o_proj\"]}", ZO_OK, ""},
        {"{" LORA ", " REST ", \"exclude_modules\": \".*(mlp|o_proj).*\"}", ZO_OK, ""},
        {"{" LORA ", " REST ", \"exclude_modules\": [\"v_proj\"]}", ZO_ERR_UNSUPPORTED, "v_proj.lora_A"},
        {"{" LORA ", \"r\": 4, \"lora_alpha\": 8, \"target_modules\": \".*[.](q_proj|v_proj)\"}", ZO_OK, ""},
        {"{" LORA ", \"r\": 4, \"lora_alpha\": 8, \"target_modules\": \".*[.]q_proj\"}", ZO_ERR_UNSUPPORTED,
         "v_proj.lora_A"},
        {"{" LORA ", \"r\": 4, \"lora_alpha\": 8, \"target_modules\": \"q_proj|v_proj\"}", ZO_ERR_UNSUPPORTED,
         "target_modules q_proj|v_proj"}, /* a pattern is of the whole path */
        {"{" LORA ", \"r\": 4, \"target_modules\": \"(\"}", ZO_ERR_UNSUPPORTED, "not a pattern"},
        {"{" LORA ", \"r\": 4, \"target_modules\": 7}", ZO_ERR_FORMAT, "target_modules"},
        {"{" LORA ", \"r\": 4, \"lora_alpha\": 8, \"target_modules\": [\"model.layers.0.self_attn.q_proj\","
         "\"model.layers.1.self_attn.q_proj\", \"layers.2.self_attn.q_proj\", \"v_proj\"]}",
         ZO_OK, ""},
        {"{" LORA ", \"r\": 4, \"target_modules\": [\"model.layers.3.self_attn.q_proj\"]}",
         ZO_ERR_UNSUPPORTED, "target module model.layers.3.self_attn.q_proj"},
        {"{" LORA ", \"r\": 4, \"target_modules\": [\"proj\"]}", ZO_ERR_UNSUPPORTED, "target module proj"},
        {"{" LORA ", " REST ", \"some_new_setting\": 3}", ZO_ERR_UNSUPPORTED, "some_new_setting"},
        {"{" LORA ", " REST ", \"eva_config\": {\"rho\": 2.0}, \"lora_dropout\": 100000000000000000000}",
         ZO_OK, ""},
        {"{" LORA ", " REST ", \"modules_to_save\": [\"lm_head\"]}", ZO_ERR_UNSUPPORTED, "modules_to_save"},
        {"{" LORA ", " REST ", \"bias\": \"lora_only\"}", ZO_ERR_UNSUPPORTED, "bias lora_only"},
        {"{" LORA ", " REST ", \"init_lora_weights\": \"pissa\"}", ZO_ERR_UNSUPPORTED,
         "init_lora_weights pissa"},
        {"{" LORA ", \"r\": 0, " MODULES "}", ZO_ERR_FORMAT, "r: "},
        {"{" LORA ", \"r\": 2.5, " MODULES "}", ZO_ERR_FORMAT, "r: "},
        {"{" LORA ", \"r\": 4294967300, " MODULES "}", ZO_ERR_FORMAT, "r: "},
        {"{" LORA ", \"r\": 4, \"lora_alpha\": 0, " MODULES "}", ZO_ERR_FORMAT, "lora_alpha"},
        {"{" LORA ", \"r\": 4, \"lora_alpha\": \"8\", " MODULES "}", ZO_ERR_FORMAT, "lora_alpha"},
        {"{" LORA ", \"r\": 4}", ZO_ERR_FORMAT, "target_modules"},
        {"{" LORA ", \"r\": 4, \"target_modules\": []}", ZO_ERR_FORMAT, "target_modules"},
        {"{" LORA ", \"r\": 4, \"target_modules\": [7]}", ZO_ERR_FORMAT, "target_modules"},
        {"{" LORA ", \"r\": 4, \"target_modules\": [\"lm_head\"]}", ZO_ERR_UNSUPPORTED, "lm_head"},
        {"{" LORA ", \"r\": 4, \"target_modules\": \".*_proj\"}", ZO_ERR_FORMAT,
         "k_proj.lora_A.weight: missing"},
        /* r absent means 8, so the tensors, which have rank 4, do not fit. */
        {"{" LORA ", " MODULES "}", ZO_ERR_FORMAT, "want (8, 12)"},
        {"{" LORA ", \"r\": 4, \"target_modules\": \"all-linear\"}", ZO_ERR_FORMAT,
         "tensor base_model.model.model.layers.0.self_attn.k_proj.lora_A.weight: missing"},
        {"{" LORA ", \"r\": 4, \"target_modules\": [\"q_proj\"]}", ZO_ERR_UNSUPPORTED,
         "tensor base_model.model.model.layers.0.self_attn.v_proj.lora_A.weight: not supported"},
    };
    fixture *f = *state;
    zo_lora *l = new_lora(4, 8, QV);
    save(l, f->dir);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        zo_error err = {0};
        zo_lora *loaded = NULL;
        write_text(f->config, cases[i].text);
        if (cases[i].status) {
            assert_refused(f->dir, &shape, cases[i].status, cases[i].fragment);
            continue;
        }
        if (zo_adapter_file_load(f->dir, &shape, false, NULL, &loaded, &err))
            fail_msg("case %zu: %s", i, err.text);
        assert_same(l, loaded);
        zo_lora_free(loaded);
    }
    zo_lora_free(l);
}

/* Layers that differ: what is saved comes back, and nothing of the others. */
static void test_some_modules_alone(void **state)
{
    const uint32_t layers[] = {0, QV, 1u << ZO_TARGET_Q};
    const zo_lora_options options = {.rank = 4, .alpha = 8, .targets = QV, .seed = 1};
    fixture *f = *state;
    zo_error err = {0};
    zo_lora *l = NULL, *loaded = NULL;
    if (zo_lora_new_layers(&shape, &options, layers, NULL, &l, &err))
        fail_msg("%s", err.text);
    save(l, f->dir);
    if (zo_adapter_file_load(f->dir, &shape, false, NULL, &loaded, &err))
        fail_msg("%s", err.text);
    assert_same(l, loaded);
    for (int i = 0; i < 3; i++)
        for (int t = 0; t < ZO_TARGET_COUNT; t++) {
            assert_int_equal(zo_lora_at(loaded, i, (zo_target)t)->a != NULL, layers[i] >> t & 1);
            assert_int_equal(zo_lora_at(loaded, i, (zo_target)t)->b != NULL, layers[i] >> t & 1);
        }
    zo_lora_free(loaded);
    zo_lora_free(l);
}

/* Rewrites the tensor file after a change to its list. */
static void edit_tensors(const fixture *f, void (*change)(zo_st_tensor *t, size_t *n))
{
    static zo_st_tensor list[64];
    zo_error err = {0};
    zo_safetensors *s = NULL;
    if (zo_safetensors_open(f->tensors, NULL, &s, &err))
        fail_msg("%s", err.text);
    size_t n = zo_safetensors_count(s);
    assert_true(n < 64);
    for (size_t i = 0; i < n; i++)
        list[i] = *zo_safetensors_at(s, i);
    change(list, &n);
    if (zo_safetensors_write(f->tensors, list, n, NULL, 0, &err))
        fail_msg("%s", err.text);
    zo_safetensors_free(s);
}

/* The last one by name: layer 2, v_proj, lora_B, (8, 4). */
#define LAST "base_model.model.model.layers.2.self_attn.v_proj.lora_B.weight"

static void drop_last(zo_st_tensor *t, size_t *n)
{
    assert_string_equal(t[*n - 1].name, LAST);
    (*n)--;
}

static void transpose_last(zo_st_tensor *t, size_t *n)
{
    int64_t rows = t[*n - 1].shape[0];
    t[*n - 1].shape[0] = t[*n - 1].shape[1];
    t[*n - 1].shape[1] = rows;
}

static void flatten_last(zo_st_tensor *t, size_t *n)
{
    t[*n - 1].rank = 1;
    t[*n - 1].shape[0] *= t[*n - 1].shape[1];
}

static void integers_last(zo_st_tensor *t, size_t *n)
{
    t[*n - 1].dtype = "I32";
}

static void rename_last(zo_st_tensor *t, size_t *n)
{
    t[*n - 1].name = "base_model.model.model.layers.3.self_attn.v_proj.lora_B.weight";
}

static void add_one(zo_st_tensor *t, size_t *n)
{
    t[*n] = t[*n - 1];
    t[*n].name = "base_model.model.lm_head.lora_B.weight";
    (*n)++;
}

static void nan_last(zo_st_tensor *t, size_t *n)
{
    static float values[8 * 4];
    memcpy(values, t[*n - 1].data, sizeof values);
    values[17] = NAN;
    t[*n - 1].data = values;
}

static void test_bad_tensors_are_refused(void **state)
{
    static const struct {
        void (*change)(zo_st_tensor *t, size_t *n);
        zo_status status;
        const char *fragment;
    } cases[] = {
        {drop_last, ZO_ERR_FORMAT, "tensor " LAST ": missing"},
        {transpose_last, ZO_ERR_FORMAT, "tensor " LAST ": rank 2, shape (4, 8): want (8, 4)"},
        {flatten_last, ZO_ERR_FORMAT, "tensor " LAST ": rank 1"},
        {integers_last, ZO_ERR_UNSUPPORTED, "tensor " LAST ": type I32"},
        {rename_last, ZO_ERR_FORMAT, "tensor " LAST ": missing"},
        {add_one, ZO_ERR_UNSUPPORTED, "tensor base_model.model.lm_head.lora_B.weight"},
        {nan_last, ZO_ERR_NUMERIC, "tensor " LAST ": element 17 is NaN"},
    };
    fixture *f = *state;
    zo_lora *l = new_lora(4, 8, QV);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        save(l, f->dir);
        edit_tensors(f, cases[i].change);
        assert_refused(f->dir, &shape, cases[i].status, cases[i].fragment);
    }
    zo_lora_free(l);
}

static void test_wrong_model_is_refused(void **state)
{
    fixture *f = *state;
    zo_config other = shape;
    zo_lora *l = new_lora(4, 8, QV);
    save(l, f->dir);
    other.width = 16;
    assert_refused(f->dir, &other, ZO_ERR_FORMAT, "want (4, 16)");
    other = shape;
    other.layers = 4;
    assert_refused(f->dir, &other, ZO_ERR_FORMAT, "layers.3.self_attn.q_proj.lora_A.weight: missing");
    other.layers = 2;
    assert_refused(f->dir, &other, ZO_ERR_UNSUPPORTED,
                   "tensor base_model.model.model.layers.2.self_attn.q_proj");
    zo_lora_free(l);
}

static void test_truncated_and_missing_files_are_refused(void **state)
{
    fixture *f = *state;
    zo_lora *l = new_lora(4, 8, QV);
    save(l, f->dir);
    FILE *file = fopen(f->tensors, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long size = ftell(file);
    fclose(file);
    for (long cut = size - 1; cut > 0; cut = cut / 2) {
        assert_int_equal(truncate(f->tensors, cut), 0);
        assert_refused(f->dir, &shape, ZO_ERR_FORMAT, "adapter_model.safetensors");
    }
    unlink(f->tensors);
    assert_refused(f->dir, &shape, ZO_ERR_IO, "adapter_model.safetensors: No such file");
    unlink(f->config);
    assert_refused(f->dir, &shape, ZO_ERR_IO, "adapter_config.json: No such file");
    zo_lora_free(l);
}

/* Values that the 16-bit types hold exactly come back as they were. */
static void test_sixteen_bit_tensors(void **state)
{
    static uint16_t storage[64][400];
    static zo_st_tensor list[64];
    fixture *f = *state;
    zo_lora *l = new_lora(4, 8, QV);
    for (int bf16 = 0; bf16 < 2; bf16++) {
        zo_error err = {0};
        zo_safetensors *s = NULL;
        zo_lora *loaded = NULL;
        save(l, f->dir);
        if (zo_safetensors_open(f->tensors, NULL, &s, &err))
            fail_msg("%s", err.text);
        size_t n = zo_safetensors_count(s);
        for (size_t i = 0; i < n; i++) {
            list[i] = *zo_safetensors_at(s, i);
            size_t values = list[i].bytes / sizeof(float);
            for (size_t k = 0; k < values; k++) {
                float x = (float)(i + 1) * 0.125f - (float)(k % 16);
                storage[i][k] = bf16 ? zo_f32_to_bf16(x) : zo_f32_to_f16(x);
            }
            list[i].dtype = bf16 ? "BF16" : "F16";
            list[i].data = storage[i];
            list[i].bytes = values * 2;
        }
        if (zo_safetensors_write(f->tensors, list, n, NULL, 0, &err) ||
            zo_adapter_file_load(f->dir, &shape, false, NULL, &loaded, &err))
            fail_msg("%s", err.text);
        /* The first is layer 0, q_proj, A; the last is layer 2, v_proj, B. */
        for (int k = 0; k < 32; k++) {
            assert_true(zo_lora_at(loaded, 0, ZO_TARGET_Q)->a[k] == 0.125f - (float)(k % 16));
            assert_true(zo_lora_at(loaded, 2, ZO_TARGET_V)->b[k] == (float)n * 0.125f - (float)(k % 16));
        }
        zo_lora_free(loaded);
        zo_safetensors_free(s);
    }
    zo_lora_free(l);
}

static void test_save_makes_parents_and_reports_failures(void **state)
{
    fixture *f = *state;
    char mid[300], deep[400], file[500];
    zo_error err = {0};
    zo_lora *loaded = NULL, *l = new_lora(4, 8, QV);
    snprintf(mid, sizeof mid, "%s/a", f->dir);
    snprintf(deep, sizeof deep, "%s/b/", mid);
    save(l, deep);
    if (zo_adapter_file_load(deep, &shape, false, NULL, &loaded, &err))
        fail_msg("%s", err.text);
    assert_same(l, loaded);
    snprintf(file, sizeof file, "%sadapter_config.json/below", deep);
    assert_int_equal(zo_adapter_file_save(l, file, "x", &err), ZO_ERR_IO); /* a file is in the way */
    assert_non_null(strstr(err.text, "make folder"));
    err = (zo_error){0};
    assert_int_equal(zo_adapter_file_save(l, deep, "\xff", &err), ZO_ERR_INVALID);
    snprintf(file, sizeof file, "%sadapter_config.json", deep);
    unlink(file);
    snprintf(file, sizeof file, "%sadapter_model.safetensors", deep);
    unlink(file);
    assert_int_equal(rmdir(deep), 0); /* no temporary file is left */
    assert_int_equal(rmdir(mid), 0);
    zo_lora_free(loaded);
    zo_lora_free(l);
}

/* Each allocation fails once; nothing leaks and the message says so. */
static void test_every_allocation_may_fail(void **state)
{
    fixture *f = *state;
    zo_lora *l = new_lora(4, 8, QV);
    save(l, f->dir);
    for (long k = 1;; k++) {
        zo_mem mem = {.fail_after = k};
        zo_error err = {0};
        zo_lora *loaded = NULL;
        zo_status st = zo_adapter_file_load(f->dir, &shape, false, &mem, &loaded, &err);
        zo_lora_free(loaded);
        for (int a = 0; a < ZO_ACCOUNT_COUNT; a++)
            assert_int_equal(mem.now[a], 0);
        if (st == ZO_OK) {
            assert_true(k > 3); /* adapter, table, A and B at least */
            break;
        }
        assert_int_equal(st, ZO_ERR_MEMORY);
        assert_null(loaded);
    }
    zo_lora_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_file_is_what_peft_writes, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_configuration_is_what_peft_reads, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_configurations, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_some_modules_alone, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_bad_tensors_are_refused, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_wrong_model_is_refused, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_truncated_and_missing_files_are_refused, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_sixteen_bit_tensors, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_save_makes_parents_and_reports_failures, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_every_allocation_may_fail, make_dir, remove_dir),
    };
    return cmocka_run_group_tests_name("peft", tests, NULL, NULL);
}
