/* The sections of a manifest that say how to measure and what to report. */
#ifndef BENCH_SPECS_H
#define BENCH_SPECS_H

#include "bench/manifest/manifest.h"
#include "bench/manifest/reader.h"

/* Readers (bench_read) of the sections "measure" (a bench_measure holding its defaults), and of one element of "tables"
 * (a bench_table_spec), "plots" (a bench_plot_spec) and "claims" (a bench_claim_spec). */
extern const bench_field bench_measure_fields[], bench_table_fields[], bench_plot_fields[],
    bench_claim_fields[];
zo_status bench_specs_measure(bench_reader *r, const bench_field *f, void *out, const bench_node *node);
zo_status bench_specs_table(bench_reader *r, const bench_field *f, void *out, const bench_node *node);
zo_status bench_specs_plot(bench_reader *r, const bench_field *f, void *out, const bench_node *node);
zo_status bench_specs_claim(bench_reader *r, const bench_field *f, void *out, const bench_node *node);

#endif
