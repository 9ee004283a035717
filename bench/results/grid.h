/* Cross tables: the cells of a results folder in rows and columns, one configuration in a place. */
#ifndef BENCH_GRID_H
#define BENCH_GRID_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "bench/results/results.h"
#include "bench/results/summary.h"

#define BENCH_GRID_OPTIONS 32

/* Cells numbered by the values that they have of some options, in the order in which the manifest names those. */
typedef struct bench_grid_axis {
    const bench_option *options[BENCH_GRID_OPTIONS];
    int32_t option_count;
    int32_t *of;                /* (cells) */
    const bench_result **first; /* (count) the first cell with each number: the one to take the values from */
    int32_t count;
} bench_grid_axis;

typedef struct bench_grid {
    const bench_results *results;
    const bench_result **cells; /* those that match, in the manifest's order */
    int32_t count;
    bench_grid_axis rows, cols;
    const bench_result **by_place, **baseline;
    int32_t *begin; /* (rows * cols + 1) of each place in by_place */
} bench_grid;

/* rows, cols: names of options with commas between, "" for none (then there is one row or column). Options that are needed
 * besides, for every place to hold one configuration, join the columns if spare_to_cols, else the rows. r is borrowed.
 * Fails: ZO_ERR_MEMORY. */
zo_status bench_grid_init(bench_grid *g, const bench_results *r, const json_t *where, const char *rows,
                          const char *cols, bool spare_to_cols, zo_error *err);
void bench_grid_deinit(bench_grid *g);

/* The grid's cells by options of one's own, named as above. Fails: ZO_ERR_MEMORY. */
zo_status bench_grid_axis_init(bench_grid_axis *a, const bench_grid *g, const char *names, zo_error *err);
void bench_grid_axis_deinit(bench_grid_axis *a);
/* The values of a row or column, with commas between; a value that is no word brings its option's name:
 * "both, queries=4". "" without options. */
void bench_grid_label(const bench_grid_axis *a, int32_t index, char *out, size_t cap);

/* The cells of a place; may be none. */
bench_group bench_grid_at(const bench_grid *g, int32_t row, int32_t col);
/* A metric of every place: (rows, cols), to be freed; NULL: out of memory. */
bench_summary *bench_grid_values(const bench_grid *g, const bench_metric *m);
/* The same divided by each place's baseline, and 1 for the baseline itself: the one configuration whose `option` has the value
 * `value` and which otherwise is as much like the place as there is any: alike in all; in the rows' and columns' options; in
 * the columns'; in the rows'. as_factor: by what factor the place is better, so above 1 is better whatever the metric. */
bench_summary *bench_grid_ratios(const bench_grid *g, const bench_metric *m, const char *option,
                                 const char *value, bool as_factor);

#endif
