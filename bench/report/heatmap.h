/* Heat maps: a metric over two axes, a panel per configuration of the rest, and a second metric in panels beside. */
#ifndef BENCH_HEATMAP_H
#define BENCH_HEATMAP_H

#include "bench/report/gnuplot.h"
#include "bench/results/results.h"

/* Writes the data of a plot of kind BENCH_PLOT_HEATMAP and the settings that plots/heatmap.gp reads.
 *
 * With relative_to every place shows by what factor it is better than its baseline (as tables find it: grid.h), so that
 * above 1 is better whatever the metric, and panels that hold nothing but baselines are left out. A place whose cell
 * has no result is marked, one without a cell stays empty. Fails: ZO_ERR_INVALID (no metric), ZO_ERR_MEMORY. */
zo_status bench_heatmap_put(const bench_results *r, const bench_plot_spec *spec, bench_canvas *c,
                            zo_error *err);

#endif
