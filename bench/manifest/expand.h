/* From the sections that describe cells (defaults, matrix, zip, exclude, cells, seeds) to the list of cells. */
#ifndef BENCH_EXPAND_H
#define BENCH_EXPAND_H

#include "bench/manifest/reader.h"

#define BENCH_MANIFEST_MOST_CELLS 20000 /* before exclude: more is taken for a mistake */

typedef struct bench_cell {
    bench_params params;
    char id[13];
} bench_cell;

/* A parameter and its values: a key of matrix or of a group of zip. */
typedef struct bench_axis {
    const bench_option *option;
    json_t *values; /* owned */
    bool zipped;    /* takes its values together with the axis before it, which has as many */
    bench_place at; /* of the key */
} bench_axis;

/* The sections, read and checked. */
typedef struct bench_expansion {
    bench_params defaults;
    uint64_t given;      /* set in defaults */
    uint64_t swept;      /* set in matrix or zip */
    uint64_t varied;     /* set in matrix, zip or cells */
    bench_axis axes[64]; /* matrix, then zip; no parameter twice */
    size_t axis_count;
    const bench_node *exclude, *cells; /* the lists, or NULL */
    size_t *hits;                      /* owned: cells that each exclude matches, once expanded */
    int64_t *seeds;                    /* owned; NULL: each cell has its own */
    size_t seed_count;
} bench_expansion;

void bench_expand_init(bench_expansion *x);
void bench_expand_deinit(bench_expansion *x);

/* Readers (bench_read) of the sections into a bench_expansion, to be called in this order. */
bench_read bench_expand_defaults, bench_expand_matrix, bench_expand_zip, bench_expand_exclude,
    bench_expand_cells, bench_expand_seeds;

/* The cells, in the order that manifest.h states, each checked. warmup: of measure; no cell may have fewer steps. *cells is
 * the caller's to free, also on failure. */
zo_status bench_expand(bench_reader *r, bench_expansion *x, int64_t warmup, bench_cell **cells,
                       int32_t *count);

#endif
