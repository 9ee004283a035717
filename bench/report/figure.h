/* Figures: a plot of a manifest as a data file, a self-contained gnuplot script, and what gnuplot draws from them.
 *
 * The scripts of plots/ are part of the program; a figure's script is its settings, plots/style.gp and the script of its kind,
 * so that `gnuplot NAME.gp` in its folder draws it again without zobench.
 */
#ifndef BENCH_FIGURE_H
#define BENCH_FIGURE_H

#include <stdbool.h>
#include <stddef.h>

#include "bench/results/results.h"

typedef struct bench_figure {
    char name[32];     /* "figure-1": NAME.dat, NAME.gp, NAME.svg, .png, .pdf */
    char caption[900]; /* what is shown and what bars and dots mean */
    bool empty;        /* no value to show: nothing was written */
    bool drawn;
} bench_figure;

/* Writes NAME.dat and NAME.gp to dir. Fails: ZO_ERR_IO, ZO_ERR_MEMORY, ZO_ERR_INVALID (a metric that is none). */
zo_status bench_figure_write(const bench_results *r, const bench_plot_spec *spec, int number, const char *dir,
                             bench_figure *out, zo_error *err);

/* Runs gnuplot on NAME.gp; sets drawn. Fails with ZO_ERR_IO and one line: gnuplot is not there, or what it said. The
 * images appear complete or not at all. */
zo_status bench_figure_draw(const char *dir, bench_figure *f, zo_error *err);

#endif
