/* The report of a results folder: tables, figures and where the numbers come from, from DIR/manifest.json and
 * DIR/cells.jsonl alone.
 *
 * Written to the report's folder, each file complete or not at all:
 *   report.md                              everything, to be read
 *   report.html                            the same as one page that needs no other file and no network
 *   claims.md, .csv, .tex, claims-pairs.csv  the verdicts on the manifest's claims; one row per pair of cells
 *   table-N.md, .csv, .tex                 the N-th table of the manifest; table-N-relative.* beside it for "relative_to"
 *   figure-N.svg, .png, .pdf, .gp, .dat    the N-th plot, its script and data
 *   cells.csv                              one row per cell: status, every parameter, every metric in recorded units
 * A manifest without tables gets one: configurations by step time, peak memory and accuracy. Where gnuplot is missing or
 * fails there is one warning, and the report goes on without that image.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/base/error.h"

#define BENCH_REPORT_SCHEMA "zobench/report/1"

typedef struct bench_report_options {
    const char *dir;         /* results/NAME */
    const char *out;         /* NULL: DIR/report */
    const char *const *sets; /* what --set says, as bench_manifest_load_set takes it; NULL: nothing */
    bool json;               /* data gets one JSON object instead of tables as text */
    FILE *data;              /* tables */
    FILE *people;            /* warnings and what was written */
} bench_report_options;

typedef struct bench_report_outcome {
    int32_t contradicted; /* claims */
    int32_t undecided;    /* inconclusive, not run, not comparable */
} bench_report_outcome;

/* outcome is written in any case. Fails: ZO_ERR_IO, ZO_ERR_FORMAT (manifest or records), ZO_ERR_MEMORY. Cells that failed are part of a report, not a
 * failure of it. */
zo_status bench_report(const bench_report_options *o, bench_report_outcome *outcome, zo_error *err);

#endif
