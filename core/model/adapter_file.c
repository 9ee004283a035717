/* See adapter_file.h. */
#include "core/model/adapter_file.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/number/dtype.h"
#include "core/base/file.h"
#include "core/format/safetensors.h"

#define CONFIG_FILE  "adapter_config.json"
#define TENSOR_FILE  "adapter_model.safetensors"
#define MAX_PATH     4096
#define MAX_NAME     128
#define MAX_RANK     65536
#define DEFAULT_RANK 8 /* what PEFT assumes for r and lora_alpha where a configuration is silent */

/* Which half of a pair. */
typedef enum half { HALF_A, HALF_B } half;

static void tensor_name(char name[MAX_NAME], int32_t layer, zo_target t, half h)
{
    snprintf(name, MAX_NAME, "base_model.model.model.layers.%d.%s.%s.lora_%c.weight", (int)layer,
             zo_target_parent(t), zo_target_name(t), h == HALF_A ? 'A' : 'B');
}

static zo_status join(char path[MAX_PATH], const char *dir, const char *file, zo_error *err)
{
    int n = snprintf(path, MAX_PATH, "%s/%s", dir, file);
    if (n < 0 || n >= MAX_PATH)
        return zo_fail(err, ZO_ERR_INVALID, "%.64s...: path is too long", dir);
    return ZO_OK;
}

static int has_target(uint32_t targets, int t)
{
    return targets >> t & 1;
}

static size_t count_targets(uint32_t targets)
{
    size_t n = 0;
    for (int t = 0; t < ZO_TARGET_COUNT; t++)
        n += (size_t)has_target(targets, t);
    return n;
}

/* --- save --- */

/* dir and the folders above it. */
static zo_status make_folder(const char *dir, zo_error *err)
{
    char path[MAX_PATH];
    size_t n = strlen(dir);
    if (n == 0 || n >= sizeof path)
        return zo_fail(err, ZO_ERR_INVALID, "make folder \"%.64s\": bad length of path", dir);
    memcpy(path, dir, n + 1);
    for (size_t i = 1; i <= n; i++) {
        if (path[i] && path[i] != '/')
            continue;
        path[i] = 0;
        if (mkdir(path, 0777) && errno != EEXIST)
            return zo_fail(err, ZO_ERR_IO, "make folder %s: %s", path, strerror(errno));
        path[i] = i < n ? '/' : 0;
    }
    return ZO_OK;
}

static zo_status save_tensors(const zo_lora *l, const char *path, zo_error *err)
{
    static const char *const meta[] = {"format", "pt"};
    size_t count = 2 * (size_t)l->layers * count_targets(l->options.targets), n = 0;
    zo_st_tensor *tensors = NULL;
    char(*names)[MAX_NAME] = NULL;
    zo_status st =
        zo_mem_array(NULL, ZO_ACCOUNT_ADAPTER, count, sizeof *tensors, "tensor list", &tensors, err);
    if (!st)
        st = zo_mem_array(NULL, ZO_ACCOUNT_ADAPTER, count, sizeof *names, "tensor names", &names, err);
    if (st)
        goto cleanup;
    for (int32_t layer = 0; layer < l->layers; layer++)
        for (int t = 0; t < ZO_TARGET_COUNT; t++) {
            const zo_lora_pair *p = zo_lora_at(l, layer, (zo_target)t);
            if (!has_target(l->options.targets, t))
                continue;
            for (half h = HALF_A; h <= HALF_B; h++, n++) {
                int64_t rows = h == HALF_A ? l->options.rank : p->out;
                int64_t cols = h == HALF_A ? p->in : l->options.rank;
                tensor_name(names[n], layer, (zo_target)t, h);
                tensors[n] = (zo_st_tensor){.name = names[n],
                                            .dtype = "F32",
                                            .rank = 2,
                                            .shape = {rows, cols},
                                            .data = h == HALF_A ? p->a : p->b,
                                            .bytes = (size_t)(rows * cols) * sizeof(float)};
            }
        }
    st = zo_safetensors_write(path, tensors, n, meta, 1, err);
cleanup:
    zo_mem_free(names);
    zo_mem_free(tensors);
    return st;
}

/* The configuration as a new reference, or NULL when out of memory (or base is not UTF-8). */
static json_t *config_to_json(const zo_lora *l, const char *base)
{
    double alpha = l->options.alpha;
    json_t *modules = json_array();
    for (int t = 0; t < ZO_TARGET_COUNT; t++)
        if (has_target(l->options.targets, t) &&
            json_array_append_new(modules, json_string(zo_target_name((zo_target)t)))) {
            json_decref(modules);
            return NULL;
        }
    /* lora_alpha is an integer in PEFT's own configuration; a fraction is read there as well. */
    json_t *number =
        alpha == floor(alpha) && alpha < 1e15 ? json_integer((json_int_t)alpha) : json_real(alpha);
    return json_pack("{s:s, s:s, s:s, s:i, s:o, s:f, s:s, s:b, s:b, s:o}", "peft_type", "LORA", "task_type",
                     "CAUSAL_LM", "base_model_name_or_path", base, "r", (int)l->options.rank, "lora_alpha",
                     number, "lora_dropout", 0.0, "bias", "none", "fan_in_fan_out", 0, "inference_mode", 1,
                     "target_modules", modules);
}

static zo_status save_config(const zo_lora *l, const char *path, const char *base, zo_error *err)
{
    zo_status st = ZO_OK;
    zo_file_draft draft = {0};
    char *text = NULL;
    json_t *config = config_to_json(l, base);
    if (config)
        text = json_dumps(config, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    if (!text) {
        st = zo_fail(err, ZO_ERR_INVALID, "write %s: no memory, or the base model's name is not UTF-8", path);
        goto cleanup;
    }
    st = zo_file_draft_open(&draft, path, err);
    if (!st)
        st = zo_file_draft_write(&draft, text, strlen(text), err);
    if (!st)
        st = zo_file_draft_write(&draft, "\n", 1, err);
    if (!st)
        st = zo_file_draft_commit(&draft, err);
cleanup:
    zo_file_draft_discard(&draft);
    free(text);
    json_decref(config);
    return st;
}

/* The configuration is written last: where it is there, the tensors are. */
zo_status zo_adapter_file_save(const zo_lora *l, const char *dir, const char *base, zo_error *err)
{
    char path[MAX_PATH];
    zo_status st = make_folder(dir, err);
    if (!st)
        st = join(path, dir, TENSOR_FILE, err);
    if (!st)
        st = save_tensors(l, path, err);
    if (!st)
        st = join(path, dir, CONFIG_FILE, err);
    if (!st)
        st = save_config(l, path, base, err);
    return st;
}

/* --- load --- */

/* Settings of PEFT's LoraConfig that change what the tensors mean and that this program does not compute. They must
 * be absent, null, false or empty. */
static const char *const refused[] = {
    "use_rslora",
    "use_dora",
    "use_qalora",
    "use_bdlora",
    "lora_bias",
    "fan_in_fan_out",
    "rank_pattern",
    "alpha_pattern",
    "layers_to_transform",
    "modules_to_save",
    "target_parameters",
    "exclude_modules",
    "layer_replication",
    "trainable_token_indices",
    "alora_invocation_tokens",
    "arrow_config",
    "megatron_config",
    "kasa_config",
    "monteclora_config",
};

/* Values of init_lora_weights whose start leaves the base weights alone. The others (pissa, olora, loftq, corda ...)
 * belong to a changed base model. */
static const char *const plain_starts[] = {"gaussian", "eva", "orthogonal"};

static int is_off(const json_t *v)
{
    return !v || json_is_null(v) || json_is_false(v) || (json_is_object(v) && !json_object_size(v)) ||
           (json_is_array(v) && !json_array_size(v)) || (json_is_string(v) && !json_string_length(v));
}

static int is_plain_start(const json_t *v)
{
    for (size_t i = 0; i < sizeof plain_starts / sizeof plain_starts[0]; i++)
        if (json_is_string(v) && strcmp(json_string_value(v), plain_starts[i]) == 0)
            return 1;
    return !v || json_is_null(v) || json_is_boolean(v);
}

/* Text of a value for a message. */
static const char *shown(const json_t *v)
{
    return json_is_string(v) ? json_string_value(v) : json_is_null(v) ? "null" : "(not a string)";
}

static zo_status check_kind(const json_t *config, zo_error *err)
{
    const json_t *type = json_object_get(config, "peft_type");
    const json_t *bias = json_object_get(config, "bias");
    const json_t *start = json_object_get(config, "init_lora_weights");
    if (!json_is_string(type))
        return zo_fail(err, ZO_ERR_FORMAT, "peft_type: missing, or not a string");
    if (strcmp(json_string_value(type), "LORA"))
        return zo_fail(err, ZO_ERR_UNSUPPORTED, "peft_type %.64s: only LORA is supported", shown(type));
    if (!is_off(bias) && !(json_is_string(bias) && strcmp(json_string_value(bias), "none") == 0))
        return zo_fail(err, ZO_ERR_UNSUPPORTED, "bias %.64s: only none is supported", shown(bias));
    if (!is_plain_start(start))
        return zo_fail(err, ZO_ERR_UNSUPPORTED,
                       "init_lora_weights %.64s: it changes the base model's weights", shown(start));
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (!is_off(json_object_get(config, refused[i])))
            return zo_fail(err, ZO_ERR_UNSUPPORTED, "%s: not supported", refused[i]);
    return ZO_OK;
}

static zo_status read_module(const json_t *v, uint32_t *targets, zo_error *err)
{
    char full[MAX_NAME];
    if (!json_is_string(v))
        return zo_fail(err, ZO_ERR_FORMAT, "target_modules: not all are strings");
    for (int t = 0; t < ZO_TARGET_COUNT; t++) {
        const char *name = zo_target_name((zo_target)t);
        snprintf(full, sizeof full, "%s.%s", zo_target_parent((zo_target)t), name);
        if (strcmp(json_string_value(v), name) == 0 || strcmp(json_string_value(v), full) == 0) {
            *targets |= 1u << t;
            return ZO_OK;
        }
    }
    return zo_fail(err, ZO_ERR_UNSUPPORTED, "target module %.64s: not one of a block's seven linear maps",
                   json_string_value(v));
}

static zo_status read_modules(const json_t *v, uint32_t *targets, zo_error *err)
{
    size_t i;
    const json_t *module;
    zo_status st = ZO_OK;
    *targets = 0;
    if (json_is_string(v) && strcmp(json_string_value(v), "all-linear") == 0) {
        *targets = ZO_TARGETS_ALL;
        return ZO_OK;
    }
    if (json_is_string(v)) /* PEFT takes a single string as a pattern; a plain name means itself */
        return read_module(v, targets, err);
    if (!json_is_array(v) || !json_array_size(v))
        return zo_fail(err, ZO_ERR_FORMAT, "target_modules: missing or empty");
    json_array_foreach(v, i, module) if (!st) st = read_module(module, targets, err);
    return st;
}

static zo_status read_options(const json_t *config, zo_lora_options *out, zo_error *err)
{
    const json_t *r = json_object_get(config, "r"), *alpha = json_object_get(config, "lora_alpha");
    if (!json_is_object(config))
        return zo_fail(err, ZO_ERR_FORMAT, "not a JSON object");
    zo_status st = check_kind(config, err);
    if (st)
        return st;
    if (r && (!json_is_integer(r) || json_integer_value(r) < 1 || json_integer_value(r) > MAX_RANK))
        return zo_fail(err, ZO_ERR_FORMAT, "r: not an integer in [1, %d]", MAX_RANK);
    if (alpha && !(json_is_number(alpha) && json_number_value(alpha) > 0 && json_number_value(alpha) <= 1e6))
        return zo_fail(err, ZO_ERR_FORMAT, "lora_alpha: not a number in (0, 1e6]");
    out->rank = r ? (int32_t)json_integer_value(r) : DEFAULT_RANK;
    out->alpha = alpha ? json_number_value(alpha) : DEFAULT_RANK;
    return read_modules(json_object_get(config, "target_modules"), &out->targets, err);
}

static zo_status load_config(const char *path, zo_lora_options *out, zo_error *err)
{
    zo_file_map map = {0};
    json_t *config = NULL;
    json_error_t at;
    zo_status st = zo_file_map_open(path, &map, err);
    if (st)
        goto cleanup;
    config = json_loadb(map.data, map.bytes, JSON_REJECT_DUPLICATES, &at);
    if (!config) {
        st = zo_fail(err, ZO_ERR_FORMAT, "%s:%d:%d: %s", path, at.line, at.column, at.text);
        goto cleanup;
    }
    st = read_options(config, out, err);
    if (st)
        zo_error_context(err, "%s", path);
cleanup:
    json_decref(config);
    zo_file_map_close(&map);
    return st;
}

/* The tensor of one half, its shape and type checked. */
static zo_status find_half(const zo_safetensors *s, const zo_config *c, const zo_lora_options *o,
                           int32_t layer, zo_target t, half h, const zo_st_tensor **found, zo_error *err)
{
    char name[MAX_NAME];
    int64_t out, in;
    zo_dtype dtype;
    zo_target_shape(c, t, &out, &in);
    int64_t rows = h == HALF_A ? o->rank : out, cols = h == HALF_A ? in : o->rank;
    tensor_name(name, layer, t, h);
    const zo_st_tensor *x = zo_safetensors_find(s, name);
    if (!x)
        return zo_fail(err, ZO_ERR_FORMAT, "tensor %s: missing", name);
    if (x->rank != 2 || x->shape[0] != rows || x->shape[1] != cols)
        return zo_fail(err, ZO_ERR_FORMAT, "tensor %s: rank %d, shape (%lld, %lld): want (%lld, %lld)", name,
                       x->rank, (long long)(x->rank > 0 ? x->shape[0] : 0),
                       (long long)(x->rank > 1 ? x->shape[1] : 0), (long long)rows, (long long)cols);
    if (!zo_dtype_from_safetensors(x->dtype, &dtype))
        return zo_fail(err, ZO_ERR_UNSUPPORTED, "tensor %s: type %s: want F32, F16 or BF16", name, x->dtype);
    *found = x;
    return ZO_OK;
}

/* Every tensor that the options call for and no other. Done before anything is allocated by those options. */
static zo_status check_tensors(const zo_safetensors *s, const zo_config *c, const zo_lora_options *o,
                               zo_error *err)
{
    const zo_st_tensor *found;
    size_t wanted = 2 * (size_t)c->layers * count_targets(o->targets);
    for (int32_t layer = 0; layer < c->layers; layer++)
        for (int t = 0; t < ZO_TARGET_COUNT; t++)
            for (half h = HALF_A; h <= HALF_B && has_target(o->targets, t); h++) {
                zo_status st = find_half(s, c, o, layer, (zo_target)t, h, &found, err);
                if (st)
                    return st;
            }
    if (zo_safetensors_count(s) != wanted)
        return zo_fail(err, ZO_ERR_FORMAT, "%zu tensors where %d layers and target_modules call for %zu",
                       zo_safetensors_count(s), (int)c->layers, wanted);
    return ZO_OK;
}

static zo_status read_half(const zo_safetensors *s, const zo_config *c, zo_lora *l, int32_t layer,
                           zo_target t, half h, zo_error *err)
{
    const zo_lora_pair *p = zo_lora_at(l, layer, t);
    float *dst = h == HALF_A ? p->a : p->b;
    int64_t n = (h == HALF_A ? p->in : p->out) * l->options.rank;
    const zo_st_tensor *x;
    zo_dtype dtype;
    zo_status st = find_half(s, c, &l->options, layer, t, h, &x, err);
    if (st || !zo_dtype_from_safetensors(x->dtype, &dtype))
        return st;
    zo_dtype_get(dtype)->decode(x->data, dst, n);
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(dst[i]))
            return zo_fail(err, ZO_ERR_NUMERIC, "tensor %s: element %lld is NaN or infinite", x->name,
                           (long long)i);
    return ZO_OK;
}

static zo_status read_tensors(const zo_safetensors *s, const zo_config *c, zo_lora *l, zo_error *err)
{
    for (int32_t layer = 0; layer < l->layers; layer++)
        for (int t = 0; t < ZO_TARGET_COUNT; t++)
            for (half h = HALF_A; h <= HALF_B && has_target(l->options.targets, t); h++) {
                zo_status st = read_half(s, c, l, layer, (zo_target)t, h, err);
                if (st)
                    return st;
            }
    return ZO_OK;
}

zo_status zo_adapter_file_load(const char *dir, const zo_config *c, bool train_a, zo_mem *mem, zo_lora **out,
                               zo_error *err)
{
    char path[MAX_PATH];
    zo_lora_options options = {.train_a = train_a};
    zo_safetensors *s = NULL;
    zo_lora *l = NULL;
    *out = NULL;
    zo_status st = join(path, dir, CONFIG_FILE, err);
    if (!st)
        st = load_config(path, &options, err);
    if (!st)
        st = join(path, dir, TENSOR_FILE, err);
    if (!st)
        st = zo_safetensors_open(path, mem, &s, err);
    if (st)
        goto cleanup;
    st = check_tensors(s, c, &options, err);
    if (!st)
        st = zo_lora_new(c, &options, mem, &l, err);
    if (!st)
        st = read_tensors(s, c, l, err);
    if (st) {
        zo_error_context(err, "%s", path);
        goto cleanup;
    }
    *out = l;
    l = NULL;
cleanup:
    zo_lora_free(l);
    zo_safetensors_free(s);
    return st;
}
