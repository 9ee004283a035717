/* Low-rank adapters of a Llama model, and the replicas of them that zeroth-order training runs.
 *
 *     y = W x + (alpha / R) * Bw A x          A (R, in), Bw (out, R)
 *
 * LoRA-FA: A is drawn once (Kaiming uniform, a = sqrt 5: U(-1/sqrt(in), 1/sqrt(in))) and frozen, Bw starts at 0
 * and is all that is trained. LoRA: A is trained too.
 * Source: Hu et al. 2021, arXiv:2106.09685; Zhang et al. 2023, arXiv:2308.03303 (LoRA-FA).
 *
 * A replica (sign s, query i) owns Bw + s eps z_i (and A + s eps z_i for LoRA). It is formed where it is used,
 * from the master and the noise function, one tensor at a time: no second copy of the adapter is kept.
 * Source: MobiZO, arXiv:2409.15520 (MP-LoRA).
 */
#ifndef ZO_LORA_H
#define ZO_LORA_H

#include <stdbool.h>
#include <stdint.h>

#include "core/format/config.h"
#include "core/base/error.h"
#include "core/base/mem.h"

/* The seven linear maps of a block, in the order in which they are used. name, PEFT module, of */
#define ZO_TARGET_MAP(X)                                                                                     \
    X(Q, "q_proj", "self_attn")                                                                              \
    X(K, "k_proj", "self_attn")                                                                              \
    X(V, "v_proj", "self_attn")                                                                              \
    X(O, "o_proj", "self_attn")                                                                              \
    X(GATE, "gate_proj", "mlp")                                                                              \
    X(UP, "up_proj", "mlp")                                                                                  \
    X(DOWN, "down_proj", "mlp")

typedef enum zo_target {
#define X(name, module, parent) ZO_TARGET_##name,
    ZO_TARGET_MAP(X)
#undef X
        ZO_TARGET_COUNT
} zo_target;

#define ZO_TARGETS_ALL ((1u << ZO_TARGET_COUNT) - 1)

/* "q_proj" and "self_attn". Static storage. */
const char *zo_target_name(zo_target t);
const char *zo_target_parent(zo_target t);
/* The (out, in) of a target's weight in a model. */
void zo_target_shape(const zo_config *c, zo_target t, int64_t *out, int64_t *in);

/* Targets that read the same input are a group; the columns of their outputs lie one after the other. name, first target,
 * number of targets */
#define ZO_GROUP_MAP(X)                                                                                      \
    X(QKV, ZO_TARGET_Q, 3)                                                                                   \
    X(O, ZO_TARGET_O, 1)                                                                                     \
    X(GATE_UP, ZO_TARGET_GATE, 2)                                                                            \
    X(DOWN, ZO_TARGET_DOWN, 1)

typedef enum zo_group {
#define X(name, first, count) ZO_GROUP_##name,
    ZO_GROUP_MAP(X)
#undef X
        ZO_GROUP_COUNT
} zo_group;

zo_target zo_group_first(zo_group g);
int zo_group_targets(zo_group g);

typedef struct zo_lora_options {
    int32_t rank;     /* R >= 1 */
    double alpha;     /* > 0; scale = alpha / R */
    uint32_t targets; /* bit 1 << zo_target; at least one */
    bool train_a;     /* LoRA; false: LoRA-FA */
    uint64_t seed;    /* of A, already zo_seed_for(seed, "adapter init") */
} zo_lora_options;

/* One adapted linear map. Trainable tensor numbers, which name the noise: 2 * (layer * 7 + target) for Bw and
 * that + 1 for A, whichever targets are chosen. */
typedef struct zo_lora_pair {
    float *a; /* (R, in); NULL where the target is not adapted */
    float *b; /* (out, R) */
    int64_t in, out;
    uint32_t tensor_b, tensor_a;
} zo_lora_pair;

typedef struct zo_lora {
    zo_lora_options options;
    float scale;                  /* alpha / R */
    int32_t layers;               /* L */
    zo_lora_pair *pairs;          /* (L, 7) */
    int64_t trainable;            /* P */
    float *storage_a, *storage_b; /* all A, all Bw, in the order of pairs */
} zo_lora;

/* A drawn, Bw zero. *out owns its arrays (account: adapter). Fails: ZO_ERR_INVALID, ZO_ERR_MEMORY. */
zo_status zo_lora_new(const zo_config *c, const zo_lora_options *options, zo_mem *mem, zo_lora **out,
                      zo_error *err);
/* The same where layers differ in their targets: layers (L), each within options->targets; NULL: all alike. */
zo_status zo_lora_new_layers(const zo_config *c, const zo_lora_options *options, const uint32_t *layers,
                             zo_mem *mem, zo_lora **out, zo_error *err);
void zo_lora_free(zo_lora *l);
/* Bytes that zo_lora_new will ask for, for plans. */
int64_t zo_lora_bytes(const zo_config *c, const zo_lora_options *options);

static inline zo_lora_pair *zo_lora_at(const zo_lora *l, int32_t layer, zo_target t)
{
    return &l->pairs[(int64_t)layer * ZO_TARGET_COUNT + t];
}

/* theta += sum_i coef[i] * z_i over every trainable tensor, z_i the noise of (seed, step, i). Each element's sum
 * is formed in the order of i, so the result is the same on any number of threads.
 * seed: already zo_seed_for(seed, "noise"). Allocates nothing. */
void zo_lora_add_noise(zo_lora *l, uint64_t seed, uint32_t step, const double *coef, int32_t queries);

#endif
