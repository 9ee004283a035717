/* The roofline as a figure: how fast steps are against what the machine can do at their arithmetic intensity. */
#ifndef BENCH_ROOFLINE_FIGURE_H
#define BENCH_ROOFLINE_FIGURE_H

#include "bench/report/gnuplot.h"
#include "bench/results/results.h"

/* Writes the data of a plot of kind BENCH_PLOT_ROOFLINE, a point per configuration (operations per byte, operations per
 * second: both by formula over the measured step time; where records have counters, a second one by these), and the settings that plots/roofline.gp reads: the measured
 * peaks of the records. Where no record has peaks, there are points without roofs; where records differ in them, the
 * highest is drawn. Fails: ZO_ERR_MEMORY. */
zo_status bench_roofline_figure_put(const bench_results *r, const bench_plot_spec *spec, bench_canvas *c,
                                    zo_error *err);

#endif
