/* See lora.h. */
#include "core/model/lora.h"

#include <math.h>
#include <string.h>

#include "core/kernel/noise.h"
#include "core/kernel/rng.h"

static const char *const target_names[] = {
#define X(name, module, parent) [ZO_TARGET_##name] = module,
    ZO_TARGET_MAP(X)
#undef X
};

static const char *const target_parents[] = {
#define X(name, module, parent) [ZO_TARGET_##name] = parent,
    ZO_TARGET_MAP(X)
#undef X
};

const char *zo_target_name(zo_target t)
{
    return (unsigned)t < ZO_TARGET_COUNT ? target_names[t] : NULL;
}

const char *zo_target_parent(zo_target t)
{
    return (unsigned)t < ZO_TARGET_COUNT ? target_parents[t] : NULL;
}

typedef struct group_row {
    zo_target first;
    int count;
} group_row;

static const group_row groups[] = {
#define X(name, first, count) [ZO_GROUP_##name] = {first, count},
    ZO_GROUP_MAP(X)
#undef X
};

zo_target zo_group_first(zo_group g)
{
    return groups[g].first;
}

int zo_group_targets(zo_group g)
{
    return groups[g].count;
}

void zo_target_shape(const zo_config *c, zo_target t, int64_t *out, int64_t *in)
{
    int64_t width = c->width, query = (int64_t)c->heads * c->head_dim,
            kv = (int64_t)c->kv_heads * c->head_dim;
    const int64_t shape[ZO_TARGET_COUNT][2] = {
        [ZO_TARGET_Q] = {query, width},     [ZO_TARGET_K] = {kv, width},
        [ZO_TARGET_V] = {kv, width},        [ZO_TARGET_O] = {width, query},
        [ZO_TARGET_GATE] = {c->ffn, width}, [ZO_TARGET_UP] = {c->ffn, width},
        [ZO_TARGET_DOWN] = {width, c->ffn},
    };
    *out = shape[t][0];
    *in = shape[t][1];
}

/* All A in one block and all Bw in another, layer by layer in target order: the A of neighbouring targets that read
 * the same input are then one matrix, and one product serves them. */
static zo_status lay_out(zo_lora *l, const zo_config *c, const uint32_t *layers, zo_mem *mem, zo_error *err)
{
    int64_t total_a = 0, total_b = 0;
    for (int32_t layer = 0; layer < c->layers; layer++) {
        for (int t = 0; t < ZO_TARGET_COUNT; t++) {
            zo_lora_pair *p = zo_lora_at(l, layer, t);
            zo_target_shape(c, t, &p->out, &p->in);
            p->tensor_b = 2 * (uint32_t)(layer * ZO_TARGET_COUNT + t);
            p->tensor_a = p->tensor_b + 1;
            if ((layers ? layers[layer] : l->options.targets) & (1u << t)) {
                total_a += p->in * l->options.rank;
                total_b += p->out * l->options.rank;
            }
        }
    }
    zo_status st = zo_mem_array(mem, ZO_ACCOUNT_ADAPTER, (size_t)total_a, sizeof(float), "adapter A",
                                &l->storage_a, err);
    if (!st)
        st = zo_mem_array(mem, ZO_ACCOUNT_ADAPTER, (size_t)total_b, sizeof(float), "adapter B", &l->storage_b,
                          err);
    if (st)
        return st;
    float *a = l->storage_a, *b = l->storage_b;
    for (int64_t i = 0; i < (int64_t)c->layers * ZO_TARGET_COUNT; i++) {
        zo_lora_pair *p = &l->pairs[i];
        uint32_t targets = layers ? layers[i / ZO_TARGET_COUNT] : l->options.targets;
        if (targets & (1u << (i % ZO_TARGET_COUNT))) {
            p->a = a;
            p->b = b;
            a += p->in * l->options.rank;
            b += p->out * l->options.rank;
        }
    }
    l->trainable = total_b + (l->options.train_a ? total_a : 0);
    return ZO_OK;
}

/* U(-1/sqrt(in), 1/sqrt(in)): torch's kaiming_uniform_ with a = sqrt 5, whose bound is
 * sqrt(6 / ((1 + 5) in)). 24 random bits per value, at the middle of their interval. */
static void draw_a(zo_lora *l)
{
    for (int64_t i = 0; i < (int64_t)l->layers * ZO_TARGET_COUNT; i++) {
        zo_lora_pair *p = &l->pairs[i];
        if (!p->a)
            continue;
        double bound = 1.0 / sqrt((double)p->in);
        for (int64_t j = 0; j < p->in * l->options.rank; j++) {
            uint64_t bits = zo_bits(l->options.seed, (uint64_t)j, p->tensor_a);
            p->a[j] = (float)(((double)(bits >> 40) + 0.5) * 0x1p-23 * bound - bound);
        }
    }
}

zo_status zo_lora_new(const zo_config *c, const zo_lora_options *options, zo_mem *mem, zo_lora **out,
                      zo_error *err)
{
    return zo_lora_new_layers(c, options, NULL, mem, out, err);
}

zo_status zo_lora_new_layers(const zo_config *c, const zo_lora_options *options, const uint32_t *layers,
                             zo_mem *mem, zo_lora **out, zo_error *err)
{
    zo_status st = ZO_OK;
    zo_lora *l = NULL;
    *out = NULL;
    if (options->rank < 1 || options->rank > c->width)
        return zo_fail(err, ZO_ERR_INVALID, "adapter: rank %d is outside 1 to %d, the model's width",
                       options->rank, c->width);
    if (!(options->alpha > 0) || !isfinite(options->alpha))
        return zo_fail(err, ZO_ERR_INVALID, "adapter: alpha %g is not a positive number", options->alpha);
    if (!(options->targets & ZO_TARGETS_ALL) || (options->targets & ~ZO_TARGETS_ALL))
        return zo_fail(err, ZO_ERR_INVALID, "adapter: no target module is chosen");
    st = zo_mem_array(mem, ZO_ACCOUNT_ADAPTER, 1, sizeof *l, "adapter", &l, err);
    if (st)
        goto cleanup;
    l->options = *options;
    l->scale = (float)(options->alpha / options->rank);
    l->layers = c->layers;
    st = zo_mem_array(mem, ZO_ACCOUNT_ADAPTER, (size_t)c->layers * ZO_TARGET_COUNT, sizeof *l->pairs,
                      "adapter table", &l->pairs, err);
    if (st)
        goto cleanup;
    st = lay_out(l, c, layers, mem, err);
    if (st)
        goto cleanup;
    draw_a(l);
    *out = l;
    l = NULL;
cleanup:
    zo_lora_free(l);
    return st;
}

int64_t zo_lora_bytes(const zo_config *c, const zo_lora_options *options)
{
    int64_t floats = 0, out, in;
    for (int t = 0; t < ZO_TARGET_COUNT; t++) {
        zo_target_shape(c, t, &out, &in);
        if (options->targets & (1u << t))
            floats += (out + in) * options->rank;
    }
    return (int64_t)sizeof(zo_lora) +
           c->layers * (floats * (int64_t)sizeof(float) + ZO_TARGET_COUNT * (int64_t)sizeof(zo_lora_pair));
}

void zo_lora_free(zo_lora *l)
{
    if (!l)
        return;
    zo_mem_free(l->storage_a);
    zo_mem_free(l->storage_b);
    zo_mem_free(l->pairs);
    zo_mem_free(l);
}

void zo_lora_add_noise(zo_lora *l, uint64_t seed, uint32_t step, const double *coef, int32_t queries)
{
    for (int64_t i = 0; i < (int64_t)l->layers * ZO_TARGET_COUNT; i++) {
        const zo_lora_pair *p = &l->pairs[i];
        if (!p->b)
            continue;
        zo_noise_add(p->b, p->out * l->options.rank, seed, step, p->tensor_b, coef, queries);
        if (l->options.train_a)
            zo_noise_add(p->a, p->in * l->options.rank, seed, step, p->tensor_a, coef, queries);
    }
}
