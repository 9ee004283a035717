/* Fuzz target of adapter folders. The first byte says what the rest is:
 *
 *   0  adapter_config.json                   1  members added to a sound adapter_config.json
 *   2  adapter_model.safetensors             3  changes to a sound one: offset (2 bytes), value, over and over
 *
 * The file that is not fuzzed is sound. What loads must save and load again as the same adapter.
 *
 *     make fuzz && build/fuzz/core/peft_fuzz -max_len=2048
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/fuzz_fixture.h"
#include "core/model/adapter_file.h"

static const zo_config shape = {.arch = "llama",
                                .layers = 1,
                                .width = 4,
                                .heads = 2,
                                .kv_heads = 1,
                                .head_dim = 2,
                                .ffn = 6,
                                .vocab = 8,
                                .context = 8,
                                .norm_eps = 1e-5f,
                                .rope_theta = 1e4};

enum { ROOM = 8192 };

/* The folder that is written and read, and one for what was loaded; and the two sound files of q_proj and down_proj. */
static char dir[64], config_path[128], tensor_path[128], again[128], again_files[2][160];
static char config[ROOM], tensors[ROOM];
static size_t config_bytes, tensor_bytes;

static void put(const char *path, const void *data, size_t n)
{
    FILE *f = fopen(path, "wb");
    CHECK(f && fwrite(data, 1, n, f) == n && fclose(f) == 0);
}

static size_t get(const char *path, char *data)
{
    FILE *f = fopen(path, "rb");
    CHECK(f);
    size_t n = fread(data, 1, ROOM, f);
    CHECK(n > 0 && n < ROOM && fclose(f) == 0);
    return n;
}

static void clean_up(void)
{
    unlink(config_path);
    unlink(tensor_path);
    for (int i = 0; i < 2; i++)
        unlink(again_files[i]);
    rmdir(again);
    rmdir(dir);
}

static void prepare(void)
{
    zo_lora_options o = {.rank = 2,
                         .alpha = 4,
                         .targets = 1u << ZO_TARGET_Q | 1u << ZO_TARGET_DOWN,
                         .seed = 1};
    zo_lora *l = NULL;
    snprintf(dir, sizeof dir, "/tmp/peft_fuzz.XXXXXX");
    CHECK(mkdtemp(dir) && atexit(clean_up) == 0);
    snprintf(config_path, sizeof config_path, "%s/adapter_config.json", dir);
    snprintf(tensor_path, sizeof tensor_path, "%s/adapter_model.safetensors", dir);
    snprintf(again, sizeof again, "%s/again", dir);
    snprintf(again_files[0], sizeof again_files[0], "%s/adapter_config.json", again);
    snprintf(again_files[1], sizeof again_files[1], "%s/adapter_model.safetensors", again);
    CHECK(zo_lora_new(&shape, &o, NULL, &l, NULL) == ZO_OK &&
          zo_adapter_file_save(l, dir, "base", NULL) == ZO_OK);
    zo_lora_free(l);
    config_bytes = get(config_path, config);
    tensor_bytes = get(tensor_path, tensors);
}

static void write_case(uint8_t kind, const uint8_t *data, size_t size)
{
    char changed[2 * ROOM];
    size_t n = 0;
    put(config_path, config, config_bytes);
    put(tensor_path, tensors, tensor_bytes);
    switch (kind) {
    case 0:
        put(config_path, data, size);
        break;
    case 1:
        n = strlen("{\"peft_type\": \"LORA\", \"target_modules\": [\"q_proj\", \"down_proj\"]");
        memcpy(changed, "{\"peft_type\": \"LORA\", \"target_modules\": [\"q_proj\", \"down_proj\"]", n);
        changed[n++] = ',';
        size = size < ROOM ? size : ROOM;
        if (size)
            memcpy(changed + n, data, size);
        changed[n + size] = '}';
        put(config_path, changed, n + size + 1);
        break;
    case 2:
        put(tensor_path, data, size);
        break;
    default:
        memcpy(changed, tensors, tensor_bytes);
        for (; n + 3 <= size; n += 3)
            changed[(data[n] << 8 | data[n + 1]) % tensor_bytes] = (char)data[n + 2];
        put(tensor_path, changed, tensor_bytes);
    }
}

static void same(const zo_lora *a, const zo_lora *b)
{
    CHECK(a->options.rank == b->options.rank && a->options.targets == b->options.targets &&
          a->scale == b->scale);
    for (int t = 0; t < ZO_TARGET_COUNT; t++) {
        const zo_lora_pair *p = zo_lora_at(a, 0, (zo_target)t), *q = zo_lora_at(b, 0, (zo_target)t);
        CHECK(!p->a == !q->a);
        if (p->a)
            CHECK(memcmp(p->a, q->a, (size_t)(p->in * a->options.rank) * sizeof *p->a) == 0 &&
                  memcmp(p->b, q->b, (size_t)(p->out * a->options.rank) * sizeof *p->b) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    zo_mem mem = {0};
    zo_error err = {0};
    zo_lora *l, *reloaded;
    if (!dir[0])
        prepare();
    if (size == 0)
        return 0;
    write_case(data[0] % 4, data + 1, size - 1);
    zo_status st = zo_adapter_file_load(dir, &shape, data[0] & 4, &mem, &l, &err);
    CHECK((st == ZO_OK) == (l != NULL) && err.status == st);
    if (l) {
        CHECK(zo_adapter_file_save(l, again, "base", NULL) == ZO_OK);
        CHECK(zo_adapter_file_load(again, &shape, false, NULL, &reloaded, NULL) == ZO_OK);
        same(l, reloaded);
        zo_lora_free(reloaded);
    }
    zo_lora_free(l);
    for (int a = 0; a < ZO_ACCOUNT_COUNT; a++) {
        CHECK(mem.now[a] == 0);
        CHECK(mem.peak[a] <= 64 * (size + tensor_bytes) + 65536); /* a bound on what a folder may cost */
    }
    return 0;
}
