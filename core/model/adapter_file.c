/* See adapter_file.h. */
#include "core/model/adapter_file.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "core/number/dtype.h"
#include "core/base/file.h"
#include "core/format/json_text.h"
#include "core/format/safetensors.h"
#include "core/format/unread.h"

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
    size_t count = 2 * (size_t)l->layers * ZO_TARGET_COUNT, n = 0;
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
            if (!p->b)
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

/* "model.layers.0.self_attn.q_proj": what PEFT's rules are held against. */
static void module_path(char path[MAX_NAME], int32_t layer, int t)
{
    snprintf(path, MAX_NAME, "model.layers.%d.%s.%s", (int)layer, zo_target_parent((zo_target)t),
             zo_target_name((zo_target)t));
}

/* The names of the targets; where not every layer has them all, the paths of its modules. New reference, or NULL. */
static json_t *modules_to_json(const zo_lora *l)
{
    char path[MAX_NAME];
    json_t *modules = json_array();
    bool everywhere = true, ok = true;
    for (int64_t i = 0; i < (int64_t)l->layers * ZO_TARGET_COUNT; i++)
        everywhere =
            everywhere && (l->pairs[i].b || !has_target(l->options.targets, (int)(i % ZO_TARGET_COUNT)));
    for (int32_t layer = 0; layer < (everywhere ? 1 : l->layers); layer++)
        for (int t = 0; t < ZO_TARGET_COUNT; t++) {
            if (!zo_lora_at(l, layer, (zo_target)t)->b)
                continue;
            module_path(path, layer, t);
            ok = ok && json_array_append_new(modules, json_string(everywhere ? zo_target_name((zo_target)t)
                                                                             : path)) == 0;
        }
    if (ok)
        return modules;
    json_decref(modules);
    return NULL;
}

/* The configuration as a new reference, or NULL when out of memory (or base is not UTF-8). */
static json_t *config_to_json(const zo_lora *l, const char *base)
{
    double alpha = l->options.alpha;
    json_t *modules = modules_to_json(l);
    if (!modules)
        return NULL;
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

/* A configuration being read. */
typedef struct settings {
    json_t *json;           /* owned */
    const json_t *modules;  /* target_modules */
    const json_t *excluded; /* exclude_modules */
    const json_t *layers;   /* layers_to_transform */
    pcre2_code *pattern[2]; /* of modules and excluded where they are one: owned */
    uint32_t *targets;      /* (L) what each layer adapts: owned */
} settings;

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

/* Settings of PEFT's LoraConfig that this program does not compute must be absent, null, false or empty. */
static zo_status check_rest(const json_t *json, zo_error *err)
{
    static const char *const read[] = {"peft_type",           "bias",
                                       "init_lora_weights",   "r",
                                       "lora_alpha",          "target_modules",
                                       "use_rslora",          "exclude_modules",
                                       "layers_to_transform", "layers_pattern"};
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)json, key, value)
    {
        bool known = is_off(value);
        for (size_t i = 0; i < sizeof read / sizeof read[0] && !known; i++)
            known = strcmp(key, read[i]) == 0;
        zo_status st = known ? ZO_OK : zo_unread_check(ZO_UNREAD_ADAPTER, key, strlen(key), NAN, err);
        if (st)
            return st;
    }
    return ZO_OK;
}

static zo_status check_kind(const json_t *json, zo_error *err)
{
    const json_t *type = json_object_get(json, "peft_type");
    const json_t *bias = json_object_get(json, "bias");
    const json_t *start = json_object_get(json, "init_lora_weights");
    if (!json_is_string(type))
        return zo_fail(err, ZO_ERR_FORMAT, "peft_type: missing, or not a string");
    if (strcmp(json_string_value(type), "LORA"))
        return zo_fail(err, ZO_ERR_UNSUPPORTED, "peft_type %.64s: only LORA is supported", shown(type));
    if (!is_off(bias) && !(json_is_string(bias) && strcmp(json_string_value(bias), "none") == 0))
        return zo_fail(err, ZO_ERR_UNSUPPORTED, "bias %.64s: only none is supported", shown(bias));
    if (!is_plain_start(start))
        return zo_fail(err, ZO_ERR_UNSUPPORTED,
                       "init_lora_weights %.64s: it changes the base model's weights", shown(start));
    return check_rest(json, err);
}

/* A name stands for each module whose path it ends, whole steps of it. */
static bool names(const json_t *name, const char *path)
{
    const char *s = json_is_string(name) ? json_string_value(name) : "";
    size_t n = strlen(s), k = strlen(path);
    return n && n <= k && strcmp(path + k - n, s) == 0 && (n == k || path[k - n - 1] == '.');
}

/* Whether a rule takes a module: a list of names, or a pattern of the whole path, or "all-linear". A string that is a plain name
 * means itself. Source: PEFT's check_target_module_exists. */
static bool takes(const json_t *rule, const pcre2_code *pattern, const char *path)
{
    bool hit =
        names(rule, path) || (json_is_string(rule) && strcmp(json_string_value(rule), "all-linear") == 0);
    for (size_t i = 0; i < json_array_size(rule) && !hit; i++)
        hit = names(json_array_get(rule, i), path);
    pcre2_match_data *match = pattern && !hit ? pcre2_match_data_create(1, NULL) : NULL;
    pcre2_match_context *limits = match ? pcre2_match_context_create(NULL) : NULL;
    if (limits) { /* a pattern that backtracks without end takes nothing */
        pcre2_set_match_limit(limits, 100000);
        hit = pcre2_match(pattern, (PCRE2_SPTR)path, strlen(path), 0, 0, match, limits) >= 0;
    }
    pcre2_match_context_free(limits);
    pcre2_match_data_free(match);
    return hit;
}

static bool selected(const settings *c, int32_t layer)
{
    bool hit = is_off(c->layers) || (json_is_integer(c->layers) && json_integer_value(c->layers) == layer);
    for (size_t i = 0; i < json_array_size(c->layers) && !hit; i++)
        hit = json_integer_value(json_array_get(c->layers, i)) == layer;
    return hit;
}

/* What each layer adapts. A name that stands for no module of the seven kinds is refused: its tensors could not be run. */
static zo_status choose(settings *c, const zo_config *model, uint32_t *all, zo_error *err)
{
    char path[MAX_NAME];
    *all = 0;
    for (int32_t layer = 0; layer < model->layers; layer++)
        for (int t = 0; t < ZO_TARGET_COUNT; t++) {
            module_path(path, layer, t);
            if (selected(c, layer) && takes(c->modules, c->pattern[0], path) &&
                !takes(c->excluded, c->pattern[1], path))
                c->targets[layer] |= 1u << t;
            *all |= c->targets[layer];
        }
    for (size_t i = 0; i < json_array_size(c->modules); i++) {
        const json_t *name = json_array_get(c->modules, i);
        bool stands = false;
        for (int64_t k = 0; k < (int64_t)model->layers * ZO_TARGET_COUNT && !stands; k++) {
            module_path(path, (int32_t)(k / ZO_TARGET_COUNT), (int)(k % ZO_TARGET_COUNT));
            stands = names(name, path) || takes(c->excluded, c->pattern[1], json_string_value(name));
        }
        if (!stands)
            return zo_fail(err, ZO_ERR_UNSUPPORTED,
                           "target module %.64s: not one of a block's seven linear maps", shown(name));
    }
    if (!*all)
        return zo_fail(err, ZO_ERR_UNSUPPORTED,
                       "target_modules %.64s: not one of a block's seven linear maps",
                       json_is_string(c->modules) ? shown(c->modules)
                                                  : "with layers_to_transform and exclude_modules");
    return ZO_OK;
}

/* A string or a list of strings; a string that is no plain name is compiled. */
static zo_status read_rule(const json_t *rule, const char *key, pcre2_code **pattern, zo_error *err)
{
    int code;
    PCRE2_SIZE at;
    for (size_t i = 0; i < json_array_size(rule); i++)
        if (!json_is_string(json_array_get(rule, i)))
            return zo_fail(err, ZO_ERR_FORMAT, "%s: not all are strings", key);
    if (json_is_array(rule) || is_off(rule))
        return ZO_OK;
    if (!json_is_string(rule))
        return zo_fail(err, ZO_ERR_FORMAT, "%s: neither a string nor a list of them", key);
    *pattern = pcre2_compile((PCRE2_SPTR)json_string_value(rule), json_string_length(rule),
                             PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF, &code, &at, NULL);
    return *pattern ? ZO_OK
                    : zo_fail(err, ZO_ERR_UNSUPPORTED, "%s \"%.64s\": not a pattern that is understood here",
                              key, shown(rule));
}

static zo_status read_layers(const settings *c, zo_error *err)
{
    const json_t *pattern = json_object_get(c->json, "layers_pattern");
    const json_t *only = json_array_size(pattern) == 1 ? json_array_get(pattern, 0) : pattern;
    bool good = is_off(c->layers) || json_is_integer(c->layers) || json_is_array(c->layers);
    for (size_t i = 0; i < json_array_size(c->layers); i++)
        good = good && json_is_integer(json_array_get(c->layers, i));
    if (!good)
        return zo_fail(err, ZO_ERR_FORMAT, "layers_to_transform: neither an integer nor a list of them");
    if (!is_off(pattern) && strcmp(shown(only), "layers") != 0)
        return zo_fail(err, ZO_ERR_UNSUPPORTED, "layers_pattern %.64s: not supported (layers is)",
                       shown(only));
    return ZO_OK;
}

static zo_status read_options(settings *c, const zo_config *model, zo_lora_options *out, zo_error *err)
{
    const json_t *r = json_object_get(c->json, "r"), *alpha = json_object_get(c->json, "lora_alpha"),
                 *rs = json_object_get(c->json, "use_rslora");
    if (!json_is_object(c->json))
        return zo_fail(err, ZO_ERR_FORMAT, "not a JSON object");
    zo_status st = check_kind(c->json, err);
    if (st)
        return st;
    if (r && (!json_is_integer(r) || json_integer_value(r) < 1 || json_integer_value(r) > MAX_RANK))
        return zo_fail(err, ZO_ERR_FORMAT, "r: not an integer in [1, %d]", MAX_RANK);
    if (alpha && !json_is_number(alpha))
        return zo_fail(err, ZO_ERR_FORMAT, "lora_alpha: not a number");
    if (!is_off(rs) && !json_is_true(rs))
        return zo_fail(err, ZO_ERR_FORMAT, "use_rslora: not a boolean");
    out->rank = r ? (int32_t)json_integer_value(r) : DEFAULT_RANK;
    out->alpha = alpha ? json_number_value(alpha) : DEFAULT_RANK;
    if (json_is_true(rs)) /* scaled by alpha / sqrt(R); Kalajdzievski 2023, arXiv:2312.03732 */
        out->alpha *= sqrt(out->rank);
    if (!(out->alpha > 0 && out->alpha <= 1e6))
        return zo_fail(err, ZO_ERR_FORMAT,
                       "lora_alpha: not a number in (0, 1e6], with use_rslora times the root of r");
    c->modules = json_object_get(c->json, "target_modules");
    c->excluded = json_object_get(c->json, "exclude_modules");
    c->layers = json_object_get(c->json, "layers_to_transform");
    if (is_off(c->modules))
        return zo_fail(err, ZO_ERR_FORMAT, "target_modules: missing or empty");
    st = read_rule(c->modules, "target_modules", &c->pattern[0], err);
    if (!st)
        st = read_rule(c->excluded, "exclude_modules", &c->pattern[1], err);
    if (!st)
        st = read_layers(c, err);
    if (!st)
        st = choose(c, model, &out->targets, err);
    return st;
}

static void settings_deinit(settings *c)
{
    json_decref(c->json);
    pcre2_code_free(c->pattern[0]);
    pcre2_code_free(c->pattern[1]);
    zo_mem_free(c->targets);
}

static zo_status load_config(const char *path, const zo_config *model, settings *c, zo_lora_options *out,
                             zo_error *err)
{
    zo_file_map map = {0};
    zo_status st = zo_file_map_open(path, &map, err);
    if (st)
        return st;
    st = zo_json_load(map.data, map.bytes, NULL, &c->json, err);
    if (!st)
        st = zo_mem_array(NULL, ZO_ACCOUNT_ADAPTER, (size_t)model->layers, sizeof *c->targets,
                          "target modules", &c->targets, err);
    if (!st)
        st = read_options(c, model, out, err);
    if (st)
        zo_error_context(err, "%s", path);
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
                               const uint32_t *layers, zo_error *err)
{
    const zo_st_tensor *found;
    zo_status st = ZO_OK;
    for (int32_t layer = 0; layer < c->layers; layer++)
        for (int t = 0; t < ZO_TARGET_COUNT; t++)
            for (half h = HALF_A; h <= HALF_B && has_target(layers[layer], t) && !st; h++)
                st = find_half(s, c, o, layer, (zo_target)t, h, &found, err);
    for (size_t i = 0; i < zo_safetensors_count(s) && !st; i++) {
        found = zo_safetensors_at(s, i);
        if (!found->used)
            st = zo_unread_check(ZO_UNREAD_TENSOR, found->name, strlen(found->name), NAN, err);
    }
    return st;
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
            for (half h = HALF_A; h <= HALF_B && zo_lora_at(l, layer, (zo_target)t)->b; h++) {
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
    settings chosen = {0};
    zo_safetensors *s = NULL;
    zo_lora *l = NULL;
    *out = NULL;
    zo_status st = join(path, dir, CONFIG_FILE, err);
    if (!st)
        st = load_config(path, c, &chosen, &options, err);
    if (!st)
        st = join(path, dir, TENSOR_FILE, err);
    if (!st)
        st = zo_safetensors_open(path, mem, &s, err);
    if (st)
        goto cleanup;
    st = check_tensors(s, c, &options, chosen.targets, err);
    if (!st)
        st = zo_lora_new_layers(c, &options, chosen.targets, mem, &l, err);
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
    settings_deinit(&chosen);
    return st;
}
