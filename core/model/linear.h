/* Linear maps over frozen weights of every precision, for the rows of many replicas at once.
 *
 *     y = x W^T + scale * Bw_n (A x) + bias        for the rows of replica n
 *
 * x is packed into tiles once (tile.h) and shared by all maps that read it. The output channels are shared out over the
 * threads; each unpacks a panel of W into its own buffer, in cache, or takes it where it lies (f32 in panel order,
 * precision.h), and multiplies all tiles with it. Meanwhile the next block is fetched from memory. In what is multiplied:
 * zo_compute (precision.h); maps of one call that are not all of one precision are not multiplied in whole numbers.
 *
 * What a row gets does not depend on the other rows, their number, the replicas beside it or the number of threads: sums
 * run along the inner dimension in order and are never split.
 */
#ifndef ZO_LINEAR_H
#define ZO_LINEAR_H

#include "core/model/lowrank.h"
#include "core/kernel/tile.h"

typedef struct zo_linear {
    zo_matrix w;
    float *bias; /* (out) or NULL */
} zo_linear;

typedef enum zo_into {
    ZO_INTO_SET,   /* y = ... */
    ZO_INTO_ADD,   /* y += ... */
    ZO_INTO_SWIGLU /* of two maps: silu(first) * second, packed as tiles of the next map */
} zo_into;

typedef struct zo_linear_call {
    const zo_linear *maps;     /* neighbours that read the same x; their outputs stand side by side in y */
    int count;                 /* 1 ... 3 */
    const zo_lowrank *lowrank; /* NULL: none. Its low and replicas must have been made */
    int target[3];             /* of lowrank, for each map; -1: not adapted */
    const zo_tile *tiles;
    int32_t n;
    const void *x; /* (n) tiles of in inputs */
    zo_into into;
    float *y; /* (rows, ld): row r of the tiles at y + r * ld */
    int64_t ld;
    void *packed; /* SWIGLU: (n) tiles of out inputs */
} zo_linear_call;

/* Bytes of a block of a panel, along the inner dimension: for many tiles one that stays in a cache of 1 MiB with the tiles that
 * stream by; for few, whose weights come from memory, one that leaves room for the next block; and for the fewest, for which
 * a panel takes as long to write as to use, and for whole numbers always, one that lies in the first-level cache. */
enum {
    ZO_LINEAR_BLOCK = 384 << 10,
    ZO_LINEAR_BLOCK_FEW = 96 << 10,
    ZO_LINEAR_BLOCK_FEWEST = 24 << 10,
    ZO_LINEAR_FEW = 32, /* tiles */
    ZO_LINEAR_FEWEST = 4
};

void zo_linear_apply(const zo_engine *e, const zo_linear_call *c);

#endif
