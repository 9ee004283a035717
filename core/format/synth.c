/* See synth.h. Shapes are those of the published models' config.json; values are noise of a size that keeps a
 * forward finite at any depth. */
#include "core/format/synth.h"

#include <math.h>
#include <string.h>

#include "core/kernel/kernel_noise.h" /* philox_10 */

/* name, L, D, H, K, F, V, context, RoPE base, tied */
#define MODEL_MAP(X)                                                                                         \
    X("tiny", 2, 64, 4, 2, 176, 512, 512, 1e4, false)                                                        \
    X("smollm2-135m", 30, 576, 9, 3, 1536, 49152, 8192, 1e5, true)                                           \
    X("tinyllama-1.1b", 22, 2048, 32, 4, 5632, 32000, 2048, 1e4, false)                                      \
    X("llama2-7b", 32, 4096, 32, 32, 11008, 32000, 4096, 1e4, false)                                         \
    X("llama2-13b", 40, 5120, 40, 40, 13824, 32000, 4096, 1e4, false)                                        \
    X("llama3-8b", 32, 4096, 32, 8, 14336, 128256, 8192, 5e5, false)                                         \
    X("llama3-70b", 80, 8192, 64, 8, 28672, 128256, 8192, 5e5, false)

#define NAME(name, ...) name,
static const char *const names[] = {MODEL_MAP(NAME) NULL};

#define CONFIG(name, L, D, H, K, F, V, C, BASE, TIED)                                                        \
    {.arch = "llama",                                                                                        \
     .layers = L,                                                                                            \
     .width = D,                                                                                             \
     .heads = H,                                                                                             \
     .kv_heads = K,                                                                                          \
     .head_dim = (D) / (H),                                                                                  \
     .ffn = F,                                                                                               \
     .vocab = V,                                                                                             \
     .context = C,                                                                                           \
     .norm_eps = 1e-5f,                                                                                      \
     .rope_theta = BASE,                                                                                     \
     .tied = TIED},
static const zo_config configs[] = {MODEL_MAP(CONFIG)};

const char *const *zo_synth_names(void)
{
    return names;
}

/* The digits behind "NAME/", as a number of layers; 0: they are none. */
static int32_t layers_of(const char *digits)
{
    int32_t n = 0;
    for (; *digits >= '0' && *digits <= '9' && n <= ZO_SYNTH_LAYERS; digits++)
        n = 10 * n + (*digits - '0');
    return *digits || n > ZO_SYNTH_LAYERS ? 0 : n;
}

int zo_synth_config(const char *name, zo_config *out)
{
    size_t n = strcspn(name, "/");
    for (int i = 0; names[i]; i++) {
        if (strlen(names[i]) != n || memcmp(names[i], name, n) != 0)
            continue;
        int32_t layers = name[n] ? layers_of(name + n + 1) : configs[i].layers;
        if (!layers)
            return 0;
        *out = configs[i];
        out->layers = layers;
        return 1;
    }
    return 0;
}

/* Values [8 b, 8 (b + BLOCKS)): eight 16-bit values of each of so many Philox calls, which are done side by side. */
enum { BLOCKS = 16 };

static void blocks(int64_t stream, int64_t b, float scale, float shift, float out[8 * BLOCKS])
{
    /* A fixed seed: a synth model has one set of values. */
    static const uint32_t key[2] = {0x7a6f7379, 0x6e746831};
    uint32_t bits[4][BLOCKS];
    for (int k = 0; k < BLOCKS; k++) {
        uint32_t c[4] = {(uint32_t)(b + k), (uint32_t)((uint64_t)(b + k) >> 32), (uint32_t)stream,
                         (uint32_t)((uint64_t)stream >> 32)};
        philox_10(c, key[0], key[1]);
        for (int i = 0; i < 4; i++)
            bits[i][k] = c[i];
    }
    for (int k = 0; k < BLOCKS; k++) {
        for (int i = 0; i < 4; i++) {
            out[8 * k + 2 * i] = (float)(int32_t)(bits[i][k] & 0xffff) * scale + shift;
            out[8 * k + 2 * i + 1] = (float)(int32_t)(bits[i][k] >> 16) * scale + shift;
        }
    }
}

void zo_synth_values(int64_t stream, int64_t in, int64_t first, int64_t n, float *out)
{
    if (in == 0) {
        for (int64_t k = 0; k < n; k++)
            out[k] = 1;
        return;
    }
    /* The 65536 values (k + 1/2) / 32768 - 1 are symmetric about 0, with variance 1/3. */
    float reach = sqrtf(3 / (float)in);
    float scale = reach / 32768, shift = reach * (0.5f / 32768 - 1);
    for (int64_t k = 0; k < n;) {
        int64_t at = first + k, skip = at % 8;
        int64_t some = 8 * BLOCKS - skip < n - k ? 8 * BLOCKS - skip : n - k;
        float values[8 * BLOCKS];
        blocks(stream, at / 8, scale, shift, values);
        memcpy(out + k, values + skip, (size_t)some * sizeof *out);
        k += some;
    }
}
