/* The metrics that tables, figures and comparisons can ask for: what each is, where a record holds it, how it is shown. */
#ifndef BENCH_METRIC_H
#define BENCH_METRIC_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "bench/base/stats.h"

typedef enum bench_better { BENCH_LOWER, BENCH_HIGHER } bench_better;

/* How the repetitions of a cell are brought together. */
typedef enum bench_pool {
    BENCH_POOL_RUNS, /* varies from run to run and not with the seed: median over all runs, of all seeds */
    BENCH_POOL_SEEDS /* the same in every run of a seed: mean and standard deviation over the seeds */
} bench_pool;

typedef enum bench_take {
    BENCH_TAKE_NUMBER,    /* the number at path */
    BENCH_TAKE_LAST,      /* of a curve [[step, value], ...]: the last value */
    BENCH_TAKE_TAIL_MEAN, /* of a curve: the mean of the last tenth of its values, at least one */
} bench_take;

typedef struct bench_metric {
    const char *name;  /* manifest key: "step_ns" */
    const char *label; /* "step time" */
    const char *help;  /* what it is, exactly, in a line */
    const char *unit;  /* of the recorded number: "ns"; "" for none */
    const char *path;  /* in a record, dots between keys: "time.median_ns" */
    bench_take take;
    const char *interval_path; /* [low, high] within a run, or NULL */
    const char *coverage_path; /* of that interval; 0.95 where a record lacks it */
    const char *stderr_path;   /* standard error over the evaluation's examples, or NULL */
    bench_pool pool;
    bench_better better;
    double scale;           /* shown = recorded * scale */
    const char *shown_unit; /* "ms" */
    int decimals;           /* of the shown number; -n: n significant digits */
} bench_metric;

/* NULL: unknown. */
const bench_metric *bench_metric_find(const char *name);
/* NULL-terminated, static. */
const char *const *bench_metric_names(void);

/* Is it a share of right answers, whose changes are differences (points), not ratios? */
bool bench_metric_is_share(const bench_metric *m);

/* Value, interval within the run and standard error of a record, in recorded units. NaN (interval: none) where the record
 * holds null, nothing, or something else than a number: never 0 for unknown. */
double bench_metric_value(const bench_metric *m, const json_t *record);
bench_interval bench_metric_interval(const bench_metric *m, const json_t *record);
double bench_metric_stderr(const bench_metric *m, const json_t *record);

/* The JSON value at a path with dots, or NULL; borrowed. */
json_t *bench_metric_at(const json_t *object, const char *path);
/* The number there, NaN where there is none; the integer, else 0; the text, borrowed, else "". */
double bench_metric_number_at(const json_t *object, const char *path);
json_int_t bench_metric_integer_at(const json_t *object, const char *path);
const char *bench_metric_text_at(const json_t *object, const char *path);

/* A recorded value as it is shown, without unit: 1234567 ns -> "1.235". NaN and infinities: "-". */
void bench_metric_format(const bench_metric *m, double value, char *out, size_t cap);
/* The same for a number that shares its digits with another: as many decimals as `like` has when shown. */
void bench_metric_format_like(const bench_metric *m, double value, double like, char *out, size_t cap);

/* "step time (ms)", "accuracy (%)"; without unit just the label. */
void bench_metric_heading(const bench_metric *m, char *out, size_t cap);
/* A title with what is shown and its unit: "Cost" becomes "Cost: step time (ms)", "Step time by length", which says it,
 * "Step time by length (ms)", and "" "Step time (ms)". */
void bench_metric_title(const bench_metric *m, const char *title, char *out, size_t cap);

#endif
