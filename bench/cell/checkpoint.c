/* See checkpoint.h. */
#include "bench/cell/checkpoint.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/base/folder.h"
#include "core/base/file.h"
#include "core/model/adapter_file.h"

#define SCHEMA     "zobench/checkpoint/1"
#define STATE_FILE "%s/method_state.bin"

/* Adapters other than the one that state.json names. */
static void remove_older(const bench_checkpoint *c, const char *keep)
{
    glob_t found = {0};
    char *pattern = bench_folder_path("%s/adapter-*", c->dir);
    if (pattern && glob(pattern, GLOB_NOSORT, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++)
            if (strcmp(strrchr(found.gl_pathv[i], '/') + 1, keep) != 0)
                bench_folder_remove(found.gl_pathv[i], NULL);
    globfree(&found);
    free(pattern);
}

static zo_status save_state(const bench_checkpoint *c, const char *adapter, zo_error *err)
{
    char *path = bench_folder_path(STATE_FILE, adapter);
    zo_status st = path ? bench_folder_save(path, c->state, c->state_bytes, err)
                        : zo_fail(err, ZO_ERR_MEMORY, "write %s: out of memory", adapter);
    free(path);
    return st;
}

static zo_status map_state(const bench_checkpoint *c, const char *adapter, zo_file_map *out, zo_error *err)
{
    char *path = bench_folder_path(STATE_FILE, adapter);
    zo_status st = path ? zo_file_map_open(path, out, err)
                        : zo_fail(err, ZO_ERR_MEMORY, "read %s: out of memory", adapter);
    if (!st && out->bytes != c->state_bytes)
        st = zo_fail(err, ZO_ERR_FORMAT, "%s: %zu bytes, and the method keeps %zu", path, out->bytes,
                     c->state_bytes);
    free(path);
    return st;
}

zo_status bench_checkpoint_save(const bench_checkpoint *c, int64_t step, const zo_lora *lora,
                                const bench_history *h, zo_error *err)
{
    zo_status st = ZO_OK;
    char name[48];
    snprintf(name, sizeof name, "adapter-%lld", (long long)step);
    char *adapter = bench_folder_path("%s/%s", c->dir, name),
         *state = bench_folder_path("%s/state.json", c->dir);
    json_t *o = json_pack("{s:s, s:s, s:i, s:O?, s:I, s:s, s:o}", "schema", SCHEMA, "cell_id", c->cell_id,
                          "run", c->run, "model", c->model, "step", (json_int_t)step, "adapter", name,
                          "history", bench_history_to_json(h));
    if (!adapter || !state || !o) {
        st = zo_fail(err, ZO_ERR_MEMORY, "write checkpoint %s: out of memory", c->dir);
        goto cleanup;
    }
    st = zo_adapter_file_save(lora, adapter, c->base, err);
    if (!st && c->state_bytes)
        st = save_state(c, adapter, err);
    if (!st)
        st = bench_folder_save_json(state, o, err);
    if (!st)
        remove_older(c, name);
cleanup:
    json_decref(o);
    free(adapter);
    free(state);
    return st ? zo_error_context(err, "checkpoint") : ZO_OK;
}

static bool same_string(const json_t *a, const json_t *b, const char *key)
{
    const json_t *x = json_object_get(a, key), *y = json_object_get(b, key);
    return x && y && json_equal((json_t *)x, (json_t *)y);
}

static bool belongs(const bench_checkpoint *c, const json_t *o)
{
    const char *schema = json_string_value(json_object_get(o, "schema")),
               *id = json_string_value(json_object_get(o, "cell_id"));
    const json_t *model = json_object_get(o, "model");
    return schema && strcmp(schema, SCHEMA) == 0 && id && strcmp(id, c->cell_id) == 0 &&
           json_integer_value(json_object_get(o, "run")) == c->run &&
           same_string(model, c->model, "sha256") && same_string(model, c->model, "path");
}

zo_status bench_checkpoint_load(const bench_checkpoint *c, const zo_config *config, zo_mem *mem,
                                zo_lora **lora, int64_t *step, bench_history *h, bool *found, zo_error *err)
{
    zo_status st = ZO_OK;
    zo_lora *saved = NULL;
    zo_file_map kept = {0};
    json_error_t why;
    char *state = bench_folder_path("%s/state.json", c->dir), *adapter = NULL;
    json_t *o = NULL;
    *found = false;
    if (!state || access(state, F_OK))
        goto cleanup;
    o = json_load_file(state, JSON_REJECT_DUPLICATES, &why);
    const char *name = json_string_value(json_object_get(o, "adapter"));
    const json_t *at = json_object_get(o, "step");
    if (!o || !name || strchr(name, '/') || !json_is_integer(at) || json_integer_value(at) < 0) {
        zo_fail(err, ZO_ERR_FORMAT, "%s: %s", state, o ? "no adapter or no step" : why.text);
        goto cleanup;
    }
    if (!belongs(c, o))
        goto cleanup;
    adapter = bench_folder_path("%s/%s", c->dir, name);
    if (!adapter)
        st = zo_fail(err, ZO_ERR_MEMORY, "read checkpoint: out of memory");
    else
        st = zo_adapter_file_load(adapter, config, (*lora)->options.train_a, mem, &saved, err);
    if (!st && c->state_bytes)
        st = map_state(c, adapter, &kept, err);
    if (!st)
        st = bench_history_from_json(h, json_object_get(o, "history"), err);
    if (st)
        goto cleanup;
    *step = json_integer_value(at);
    if (c->state_bytes)
        memcpy(c->state, kept.data, c->state_bytes);
    zo_lora_free(*lora);
    *lora = saved;
    saved = NULL;
    *found = true;
cleanup:
    zo_file_map_close(&kept);
    zo_lora_free(saved);
    json_decref(o);
    free(state);
    free(adapter);
    return st == ZO_ERR_MEMORY ? st : ZO_OK;
}
