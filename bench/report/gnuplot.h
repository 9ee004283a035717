/* What figures need of gnuplot: texts and numbers as its scripts and data files take them, and running it. */
#ifndef BENCH_GNUPLOT_H
#define BENCH_GNUPLOT_H

#include <stdint.h>
#include <stdio.h>

#include "core/base/error.h"

/* Endings of the images that a script makes, "svg", NULL-terminated. */
extern const char *const bench_gnuplot_endings[];

/* A figure being written. */
typedef struct bench_canvas {
    FILE *data, *script;
    int32_t shown;     /* series, panels: 0 where there is nothing to draw */
    char caption[900]; /* what is shown and what its marks mean */
} bench_canvas;

/* A line NAME = 'text' of a script; with index >= 0 NAMEindex. Control characters become spaces. */
void bench_gnuplot_put_setting(FILE *f, const char *name, int index, const char *text);
/* A number of a data file, "?" where it is not finite, and what follows it. */
void bench_gnuplot_put_number(FILE *f, double v, const char *end);

/* Runs gnuplot on dir/name.gp. The images dir/name.* appear complete or not at all: where it fails, older ones are
 * gone. Fails: ZO_ERR_IO and one line: gnuplot is not there, or what it said. */
zo_status bench_gnuplot_draw(const char *dir, const char *name, zo_error *err);

#endif
