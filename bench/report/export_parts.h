/* What the writers of bench/report/export.c's table share. */
#ifndef BENCH_EXPORT_PARTS_H
#define BENCH_EXPORT_PARTS_H

#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "bench/record/metric.h"
#include "bench/results/results.h"
#include "bench/results/summary.h"
#include "core/base/error.h"

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

/* The samples of a metric, one per repetition that ended well and has a finite value: values (at most run_count) and,
 * where runs is not NULL, the records they are of. Returns how many. */
int32_t bench_export_samples(const bench_export_cell *c, const bench_metric *m, double *values,
                             const json_t **runs);
/* One metric of a cell; value is NaN where it is unknown or no finite number. */
void bench_export_summary(const bench_export_cell *c, const bench_metric *m, bench_summary *out);

/* The newest record of a repetition that ended well; NULL: there is none. */
const json_t *bench_export_newest(const bench_export_set *set);

/* object[key] = value; nothing where value is not finite. */
void bench_export_put(json_t *object, const char *key, double value);
/* Writes value (taken) with a newline after it. Fails: ZO_ERR_IO, ZO_ERR_MEMORY (value is NULL). */
zo_status bench_export_json(json_t *value, FILE *out, zo_error *err);

/* export_ci.c: formats that follow benchmarks over commits */
zo_status bench_export_google(const bench_export_set *set, FILE *out, zo_error *err);
zo_status bench_export_bencher(const bench_export_set *set, FILE *out, zo_error *err);
zo_status bench_export_github_smaller(const bench_export_set *set, FILE *out, zo_error *err);
zo_status bench_export_github_bigger(const bench_export_set *set, FILE *out, zo_error *err);
/* export_tools.c: formats of other measuring programs */
zo_status bench_export_hyperfine(const bench_export_set *set, FILE *out, zo_error *err);
zo_status bench_export_hyperfine_2(const bench_export_set *set, FILE *out, zo_error *err);
zo_status bench_export_llama_bench(const bench_export_set *set, FILE *out, zo_error *err);
/* export_rows.c: a row per repetition */
zo_status bench_export_csv(const bench_export_set *set, FILE *out, zo_error *err);
zo_status bench_export_sql(const bench_export_set *set, FILE *out, zo_error *err);

#endif
