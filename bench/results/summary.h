/* One number with its uncertainty for a configuration: the runs and seeds of its cells brought together. */
#ifndef BENCH_SUMMARY_H
#define BENCH_SUMMARY_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/record/metric.h"
#include "bench/results/results.h"
#include "bench/base/stats.h"

typedef enum bench_spread {
    BENCH_SPREAD_NONE,
    BENCH_SPREAD_RUNS,    /* interval of the median over runs, by order statistics */
    BENCH_SPREAD_STEPS,   /* one run: interval of its median step; says nothing about other runs */
    BENCH_SPREAD_SEEDS,   /* mean -+ standard deviation over seeds */
    BENCH_SPREAD_EXAMPLES /* one seed: -+ standard error over the evaluation's examples */
} bench_spread;

typedef struct bench_summary {
    double value; /* NaN: unknown, see why */
    bench_interval interval;
    bench_spread spread;
    double stderr_; /* largest standard error over the examples of a sample's evaluation; NaN: none */
    int32_t n;      /* samples: runs or seeds */
    int32_t failed; /* runs without a result */
    char why[320];  /* where value is unknown */
} bench_summary;

/* One metric of a configuration. Runs are pooled as the metric's row says. The two error bars of an accuracy are never
 * merged: with several seeds it is their standard deviation. */
void bench_summary_of(const bench_metric *m, bench_group cells, bench_summary *out);

/* The single samples of a summary, to *out (to be freed; NULL: out of memory): how many. */
int32_t bench_summary_samples(const bench_metric *m, bench_group cells, double **out);

/* The metric of a over that of b. Where both have runs (or seeds) of the same numbers, at least two, each is divided by
 * its partner, which ran next to it when the manifest interleaves: median and interval (mean and standard
 * deviation) of those ratios. Otherwise the ratio of the two values, with an interval from both where they have one. */
void bench_summary_ratio(const bench_metric *m, bench_group a, bench_group b, bench_summary *out);
/* The single ratios a / b, or differences a - b, of the samples that have such a partner, to *out (to be freed): how many. */
int32_t bench_summary_pairs(const bench_metric *m, bench_group a, bench_group b, bool difference,
                            double **out);
/* How ratios are shown; not in bench_metric_find. */
extern const bench_metric bench_metric_ratio;

/* "12.34 [12.10, 12.60]", "62.5 ±1.6", with both error bars "62.5 ±0.8 (±1.6)", "-". Brackets are left out where they would only repeat the value. */
void bench_summary_text(const bench_metric *m, const bench_summary *s, char *out, size_t cap);
/* What value and brackets (±) are, or why there is no value: the text of a footnote. */
void bench_summary_note(const bench_summary *s, char *out, size_t cap);
/* The same for a figure: what its marks and error bars are. */
void bench_summary_caption(const bench_summary *s, char *out, size_t cap);

#endif
