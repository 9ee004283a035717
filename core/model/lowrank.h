/* The low-rank part of an adapted linear map for many replicas at once (MP-LoRA, MobiZO, arXiv:2409.15520):
 *
 *     y += scale * Bw_n (A x)        for the rows of replica n
 *
 * in f32 whatever the frozen weight's precision, of x as tiles hold it in their first form (panel.h). Replicas of A and Bw are formed in the layout of the kernels' panels, so
 * that a replica costs what its operations cost: R more steps of sums that stand in registers anyway.
 */
#ifndef ZO_LOWRANK_H
#define ZO_LOWRANK_H

#include <stdint.h>

#include "core/model/lora.h"
#include "core/kernel/replica.h"
#include "core/kernel/tile.h"

/* N replicas at once: the rows of replica n meet Bw + sign_n * eps * z_(query_n). */
typedef struct zo_perturbation {
    uint64_t seed; /* already zo_seed_for(seed, "noise") */
    uint32_t step;
    double eps;
    int32_t count; /* N */
    const zo_replica *replicas;
} zo_perturbation;

/* The adapted targets of a group of maps that read the same x. */
typedef struct zo_lowrank {
    int targets; /* 1 ... 3, of the same in */
    const zo_lora_pair *pair[3];
    int32_t rank; /* R */
    float scale;
    bool train_a;
    const zo_perturbation *p; /* NULL: one replica, the master */
    float *a;                 /* (N or 1, targets, ceil(R / 16), in, 16): N where A is trained */
    float *b;                 /* target by target (N, ceil(out / 16), R, 16) */
    float *low;               /* (tiles, targets, R, H): scale * A x */
} zo_lowrank;

/* Values that one replica of A and of Bw takes in this layout, of a group's targets: the most of any group. rank 0: 0. */
void zo_lowrank_most(const zo_config *c, int32_t rank, int64_t *a, int64_t *b);

/* The adapted targets of a group: fills all but p and the arrays. target[i]: which of them the group's i-th target is, or
 * -1. False: none is adapted, or l is NULL. */
bool zo_lowrank_collect(const zo_lora *l, int32_t layer, zo_group g, zo_lowrank *out, int target[3]);
/* Fills a and b. */
void zo_lowrank_form(const zo_panels *panels, const zo_lowrank *l);
/* Fills low from packed x (n tiles). */
void zo_lowrank_inputs(const zo_engine *e, const zo_lowrank *l, const zo_tile *tiles, int32_t n,
                       const void *x);
/* The panel of target i's Bw for a replica, at output channel 16 * vector; vectors lie R * 16 values apart. */
const float *zo_lowrank_panel(const zo_lowrank *l, int i, int32_t replica, int64_t vector);

#endif
