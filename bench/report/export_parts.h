/* What the writers of bench/report/export.c's table share. */
#ifndef BENCH_EXPORT_PARTS_H
#define BENCH_EXPORT_PARTS_H

#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "bench/record/metric.h"
#include "bench/results/results.h"
#include "bench/results/summary.h"

typedef struct bench_export_cell {
    char *name;          /* unique in the set */
    const char *id;      /* borrowed from its records */
    bench_result result; /* its parameters as text and its records by run; cell is NULL */
} bench_export_cell;

typedef struct bench_export_set {
    json_t *records;          /* owned */
    bench_export_cell *cells; /* (count), in the order of the records */
    int32_t count;
} bench_export_set;

/* The step times and throughputs of a cell's repetitions that ended well and have a finite one. */
typedef struct bench_export_samples {
    const bench_export_cell *cell;
    int32_t index;       /* of the cell in its set */
    double *ns, *ts;     /* (n), (ts_n); the reader's to scale */
    const json_t **runs; /* (n) the records of ns */
    int32_t n, ts_n;
} bench_export_samples;

/* An array with what `make` says of every cell that has step times and, where throughput is set, throughputs. NULL: out of
 * memory. */
json_t *bench_export_each(const bench_export_set *set, bool throughput,
                          json_t *(*make)(const bench_export_samples *));
/* One metric of a cell; value is NaN where it is unknown or no finite number. */
void bench_export_summary(const bench_export_cell *c, const bench_metric *m, bench_summary *out);

/* The newest record of a repetition that ended well; NULL: there is none. */
const json_t *bench_export_newest(const bench_export_set *set);

/* export_ci.c: formats that follow benchmarks over commits */
json_t *bench_export_google(const bench_export_set *set);
json_t *bench_export_bencher(const bench_export_set *set);
json_t *bench_export_github_smaller(const bench_export_set *set);
json_t *bench_export_github_bigger(const bench_export_set *set);
/* export_tools.c: formats of other measuring programs */
json_t *bench_export_hyperfine(const bench_export_set *set);
json_t *bench_export_hyperfine_2(const bench_export_set *set);
json_t *bench_export_llama_bench(const bench_export_set *set);
/* export_rows.c: a row per repetition */
void bench_export_csv(const bench_export_set *set, FILE *out);
void bench_export_sql(const bench_export_set *set, FILE *out);

#endif
