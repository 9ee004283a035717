/* What a forward has to compute and to move, by formula, from shapes alone. For rooflines and plans.
 *
 * Letters as in llama.h: N replicas, D width, F feed-forward width, V vocabulary, L layers, R rank; Q = heads * head_dim,
 * K = kv_heads * head_dim. A multiplication and an addition are two operations.
 *
 *   linear map (out, in)  2 rows out in operations; its weights are read once per forward, whatever N is. Rows are all, but behind
 *                         the last layer's attention (o, gate and up, down) only those that predict a label
 *   adapter of a map      2 rows R (out + in) operations
 *   attention             4 Q n^2 / 2 operations for a sequence of n real tokens and each layer: q k^T and its product with v,
 *                         of which the causal half is done
 *   head                  2 labels V D operations
 *   activations           every operator reads its input and writes its output once, in f32: for a row and layer
 *                         3 D + 5 Q + 6 K values up to attention (norm 2 D; q k v D + Q + 2 K; rotation 2 Q + 2 K; attention
 *                         2 Q + 2 K) and 7 D + Q + 2 F behind it (o Q + 2 D; norm 2 D; gate and up D + F; down F + 2 D)
 *   noise                 one value for each trained one and query of a forward: the two signs share it
 *
 * Counts of the transformer's operations: Kaplan et al. 2020, arXiv:2001.08361, table 1; of replicas that share their
 * frozen weights: MobiZO, arXiv:2409.15520. Padding that is run counts, in rows.
 */
#ifndef ZO_COST_H
#define ZO_COST_H

#include <stdint.h>

#include "core/format/config.h"
#include "core/model/lora.h"
#include "core/number/precision.h"

/* One replica's share of a forward; a mean over steps may be a fraction. */
typedef struct zo_cost_rows {
    double rows;    /* through the linear maps */
    double squares; /* sum of n * n over the sequences, n real tokens */
    double labels;  /* rows that predict a label */
} zo_cost_rows;

/* Of forwards that differ, means. */
typedef struct zo_cost_forward {
    const zo_lora_options *lora; /* NULL: no adapter */
    double replicas;             /* N */
    double queries;              /* of different noise among them; 0: nothing is perturbed */
    zo_cost_rows each;
} zo_cost_forward;

enum { ZO_COST_MAPS = 5 }; /* q k v, o, gate and up, down, the head */

/* Frozen maps that read the same input, of all layers together. */
typedef struct zo_cost_map {
    double flops;  /* operations in the unit of `compute` */
    double values; /* weights, each unpacked once per forward */
    double bytes;  /* of them, as they are kept */
} zo_cost_map;

typedef struct zo_cost {
    zo_cost_map map[ZO_COST_MAPS];
    double adapter_flops, attention_flops; /* f32 */
    double adapter_bytes;                  /* A and the replicas of Bw (and of A): written and read */
    double activation_bytes;
    double noise_values;
} zo_cost;

/* weights: of the layers' maps; head: of the head. */
void zo_cost_of(const zo_config *c, zo_precision weights, zo_precision head, const zo_cost_forward *f,
                zo_cost *out);

/* Sums of a cost: all operations, bytes of weights. */
double zo_cost_flops(const zo_cost *cost);
double zo_cost_weight_bytes(const zo_cost *cost);

/* Operations of one forward of one replica, of any precision. */
double zo_cost_forward_flops(const zo_config *c, const zo_lora_options *lora, zo_cost_rows each);

/* Values of an adapter that are trained. */
double zo_cost_trained(const zo_config *c, const zo_lora_options *lora);

#endif
