/* The tables of a report, from a results folder. A number that is not known is "-" with a footnote that says why. */
#ifndef BENCH_TABULATE_H
#define BENCH_TABULATE_H

#include "bench/results/results.h"
#include "bench/base/table.h"

/* A table as the manifest asks for it: a row per value of `rows`, a column per value of `cols`; further options join the
 * rows where places would else hold several configurations. out[1]: the same with every place divided by its baseline, NULL
 * where the table has none. Both are NULL or to be freed, also on failure. Fails: ZO_ERR_INVALID (no metric), ZO_ERR_MEMORY. */
zo_status bench_tabulate_spec(const bench_results *r, const bench_table_spec *spec, bench_table *out[2],
                              zo_error *err);

/* For a manifest without tables: configurations by step time, peak memory and accuracy (where one has it). *out as above. */
zo_status bench_tabulate_usual(const bench_results *r, bench_table **out, zo_error *err);

/* Accuracy before and after training, of the configurations that have both; may have no rows. */
zo_status bench_tabulate_tuning(const bench_results *r, bench_table **out, zo_error *err);

/* The cells that are not complete, and why; may have no rows. NULL: out of memory. */
bench_table *bench_tabulate_incomplete(const bench_results *r);

/* One row per cell: id, status, runs, every parameter, every metric in recorded units. NULL: out of memory. */
bench_table *bench_tabulate_cells(const bench_results *r);

#endif
