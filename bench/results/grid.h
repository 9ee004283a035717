/* Cross tables: the cells of a results folder in rows and columns, one configuration in a place. */
#ifndef BENCH_GRID_H
#define BENCH_GRID_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "bench/results/results.h"

#define BENCH_GRID_OPTIONS 32

/* Cells in rows and columns. A row (column) is named by one value of every option of its side. */
typedef struct bench_grid {
    const bench_result **cells; /* those that match, in the manifest's order */
    int32_t count;
    const bench_option *row_options[BENCH_GRID_OPTIONS], *col_options[BENCH_GRID_OPTIONS];
    int32_t row_option_count, col_option_count;
    int32_t *row_of, *col_of; /* (count) */
    int32_t row_count, col_count;
} bench_grid;

/* rows, cols: names of options with commas between, "" for none (then there is one row or column). Options that are needed besides, for every
 * place to hold one configuration, join the columns if spare_to_cols, else the rows. Rows and columns come in the
 * order in which the manifest names their values. Fails: ZO_ERR_MEMORY. */
zo_status bench_grid_init(bench_grid *c, const bench_results *r, const json_t *where, const char *rows,
                          const char *cols, bool spare_to_cols, zo_error *err);
void bench_grid_deinit(bench_grid *c);
/* The cells of a place, to out (count of the cross): how many. */
int32_t bench_grid_at(const bench_grid *c, int32_t row, int32_t col, const bench_result **out);
/* A cell of a row (column): the one to take the row's values from. */
const bench_result *bench_grid_row(const bench_grid *c, int32_t row);
const bench_result *bench_grid_col(const bench_grid *c, int32_t col);
/* The values of a row's or a column's options, with commas between; a value that is no word brings its option's name:
 * "both, queries=4". "" without options. */
void bench_grid_label(const bench_grid *c, bool of_row, int32_t index, char *out, size_t cap);

/* The one configuration that place (row, col) is to be divided by: cells whose `option` has the value `value`
 * and which otherwise are as much like the place as there are any: alike in all; in the rows' and columns' options; in the
 * columns'; in the rows'. To out; 0 where there is none or it is not one configuration. */
int32_t bench_grid_baseline(const bench_grid *c, int32_t row, int32_t col, const bench_option *option,
                            const char *value, const bench_result **out);

#endif
