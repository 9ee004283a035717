/* See summary.h. */
#include "bench/base/text.h"
#include "bench/results/summary.h"
#include "bench/record/metric.h"
#include "bench/record/record.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const bench_metric bench_metric_ratio = {.name = "ratio",
                                         .label = "ratio",
                                         .help = "of two values",
                                         .unit = "",
                                         .scale = 1,
                                         .shown_unit = "",
                                         .decimals = -3};

/* Why a record has no value: the reason that the record gives at the first null on the way, or "not measured". */
static void unknown_why(const bench_metric *m, const json_t *record, char *out, size_t cap)
{
    const json_t *at = record;
    const char *path = m->path;
    snprintf(out, cap, "not measured");
    while (json_is_object(at) && *path) {
        size_t n = strcspn(path, ".");
        char key[64], reason[80];
        snprintf(key, sizeof key, "%.*s", (int)n, path);
        snprintf(reason, sizeof reason, "%s_reason", key);
        const char *text = json_string_value(json_object_get(at, reason));
        if (text)
            snprintf(out, cap, "not measured: %s", text);
        at = json_object_get(at, key);
        path += n + (path[n] == '.');
    }
}

/* What identifies a number of a configuration. */
typedef struct sample {
    const json_t *record;
    const char *seed;
    json_int_t run;
} sample;

/* The numbers of a configuration: one per run (BENCH_POOL_RUNS) or per seed. */
typedef struct samples {
    double *value; /* (n); NULL: out of memory */
    sample *of;    /* (n) */
    int32_t n;
    int32_t failed; /* runs that have none */
    char why[sizeof((bench_summary *)0)->why];
} samples;

static void samples_deinit(samples *s)
{
    free(s->value);
    free(s->of);
}

static samples samples_of(const bench_metric *m, bench_group cells)
{
    const bench_option *seed = bench_option_seed();
    size_t most = 1;
    for (int32_t i = 0; i < cells.count; i++)
        most += (size_t)cells.cells[i]->run_count;
    samples s = {.value = calloc(most, sizeof *s.value), .of = calloc(most, sizeof *s.of)};
    if (!s.value || !s.of) {
        samples_deinit(&s);
        return (samples){.why = "out of memory"};
    }
    snprintf(s.why, sizeof s.why, "%s", cells.count ? "not run yet" : "no such cell in the manifest");
    for (int32_t i = 0; i < cells.count; i++) {
        const bench_result *cell = cells.cells[i];
        bool have = false; /* this seed */
        for (int32_t k = 0; k < cell->run_count; k++) {
            const json_t *record = cell->runs[k];
            if (!bench_record_ok(record)) {
                bench_record_reason(record, s.why, sizeof s.why);
                s.failed++;
                continue;
            }
            s.value[s.n] = bench_metric_value(m, record);
            s.of[s.n] =
                (sample){record, bench_result_text(cell, seed), bench_metric_integer_at(record, "run")};
            if (isnan(s.value[s.n]))
                unknown_why(m, record, s.why, sizeof s.why);
            else if (m->pool == BENCH_POOL_RUNS || !have)
                have = true, s.n++;
        }
    }
    return s;
}

/* x as mean and standard deviation of samples by seed. */
static void over_seeds(const double *x, int32_t n, bench_summary *out)
{
    double sd = bench_stats_sd(x, (size_t)n);
    out->value = bench_stats_mean(x, (size_t)n);
    if (n < 2)
        return;
    out->spread = BENCH_SPREAD_SEEDS;
    out->interval = (bench_interval){out->value - sd, out->value + sd, 0};
}

static void over_runs(const double *x, int32_t n, bench_summary *out)
{
    out->value = bench_stats_median(x, (size_t)n);
    out->interval = bench_stats_median_interval(x, (size_t)n, 0.95);
    if (n >= 2)
        out->spread = BENCH_SPREAD_RUNS;
}

static void pool(const bench_metric *m, const double *x, int32_t n, bench_summary *out)
{
    if (m->pool == BENCH_POOL_SEEDS)
        over_seeds(x, n, out);
    else
        over_runs(x, n, out);
}

/* What a single record says about its own precision. */
static void within_record(const bench_metric *m, const json_t *record, bench_summary *out)
{
    double e = out->stderr_;
    bench_interval steps = bench_metric_interval(m, record);
    if (!isnan(e)) {
        out->spread = BENCH_SPREAD_EXAMPLES;
        out->interval = (bench_interval){out->value - e, out->value + e, 0};
    } else if (steps.coverage > 0) {
        out->spread = BENCH_SPREAD_STEPS;
        out->interval = steps;
    }
}

static const bench_summary nothing = {.value = NAN, .interval = {NAN, NAN, 0}, .stderr_ = NAN};

static bench_summary summarise(const bench_metric *m, const samples *s)
{
    bench_summary out = nothing;
    out.n = s->n;
    out.failed = s->failed;
    if (s->n == 0) {
        snprintf(out.why, sizeof out.why, "%s", s->why);
        return out;
    }
    for (int32_t i = 0; i < s->n; i++) /* fmax passes over NaN */
        out.stderr_ = fmax(out.stderr_, bench_metric_stderr(m, s->of[i].record));
    pool(m, s->value, s->n, &out);
    if (s->n == 1)
        within_record(m, s->of[0].record, &out);
    return out;
}

void bench_summary_of(const bench_metric *m, bench_group cells, bench_summary *out)
{
    samples s = samples_of(m, cells);
    *out = summarise(m, &s);
    samples_deinit(&s);
}

int32_t bench_summary_samples(const bench_metric *m, bench_group cells, double **out)
{
    samples s = samples_of(m, cells);
    free(s.of);
    *out = s.value;
    return s.n;
}

/* Ratios (or differences) of the samples that have a partner of the same seed and run (seed alone, where that is the
 * unit), to *out: how many. */
static int32_t paired(const bench_metric *m, const samples *a, const samples *b, bool difference,
                      double **out)
{
    int32_t n = 0;
    double *x = *out = calloc((size_t)a->n + 1, sizeof *x);
    for (int32_t i = 0; x && i < a->n; i++) {
        for (int32_t k = 0; k < b->n; k++) {
            if (strcmp(a->of[i].seed, b->of[k].seed) == 0 &&
                (m->pool == BENCH_POOL_SEEDS || a->of[i].run == b->of[k].run) &&
                (difference || b->value[k] != 0)) {
                x[n++] = difference ? a->value[i] - b->value[k] : a->value[i] / b->value[k];
                break;
            }
        }
    }
    return n;
}

/* Fewer than two pairs: the values' own intervals, where both have one of the same kind. */
static void unpaired_ratio(const bench_summary *a, const bench_summary *b, bench_summary *out)
{
    out->value = b->value == 0 ? NAN : a->value / b->value;
    out->interval = bench_stats_ratio_interval(a->interval, b->interval);
    out->n = a->n < b->n ? a->n : b->n;
    if (out->interval.coverage > 0)
        out->spread = a->spread == BENCH_SPREAD_STEPS ? a->spread : b->spread;
    if (isnan(out->value))
        snprintf(out->why, sizeof out->why, "the value to divide by is 0");
}

void bench_summary_ratio(const bench_metric *m, bench_group a, bench_group b, bench_summary *out)
{
    samples x = samples_of(m, a), y = samples_of(m, b);
    const bench_summary sa = summarise(m, &x), sb = summarise(m, &y);
    double *ratio = NULL;
    *out = nothing;
    out->failed = sa.failed + sb.failed;
    if (isnan(sa.value)) {
        snprintf(out->why, sizeof out->why, "%s", sa.why);
    } else if (isnan(sb.value)) {
        snprintf(out->why, sizeof out->why, "what to divide by: %.300s", sb.why);
    } else {
        out->n = paired(m, &x, &y, false, &ratio);
        if (out->n < 2)
            unpaired_ratio(&sa, &sb, out);
        else
            pool(m, ratio, out->n, out);
    }
    free(ratio);
    samples_deinit(&x);
    samples_deinit(&y);
}

int32_t bench_summary_pairs(const bench_metric *m, bench_group a, bench_group b, bool difference,
                            double **out)
{
    samples x = samples_of(m, a), y = samples_of(m, b);
    const int32_t n = paired(m, &x, &y, difference, out);
    samples_deinit(&x);
    samples_deinit(&y);
    return n;
}

void bench_summary_text(const bench_metric *m, const bench_summary *s, char *out, size_t cap)
{
    char value[64], low[64], high[64];
    bench_metric_format(m, s->value, value, sizeof value);
    switch (s->spread) {
    case BENCH_SPREAD_RUNS:
    case BENCH_SPREAD_STEPS:
        bench_metric_format_like(m, s->interval.low, s->value, low, sizeof low);
        bench_metric_format_like(m, s->interval.high, s->value, high, sizeof high);
        if (strcmp(low, value) == 0 && strcmp(high, value) == 0)
            snprintf(out, cap, "%s", value);
        else
            snprintf(out, cap, "%s [%s, %s]", value, low, high);
        break;
    case BENCH_SPREAD_SEEDS:
    case BENCH_SPREAD_EXAMPLES:
        bench_metric_format_like(m, (s->interval.high - s->interval.low) / 2, s->value, low, sizeof low);
        bench_metric_format_like(m, s->stderr_, s->value, high, sizeof high);
        if (s->spread == BENCH_SPREAD_SEEDS && !isnan(s->stderr_))
            snprintf(out, cap, "%s ±%s (±%s)", value, low, high);
        else
            snprintf(out, cap, "%s ±%s", value, low);
        break;
    case BENCH_SPREAD_NONE:
        snprintf(out, cap, "%s", value);
        break;
    }
}

static void spread_note(const bench_summary *s, char *out, size_t cap)
{
    double percent = s->interval.coverage * 100;
    switch (s->spread) {
    case BENCH_SPREAD_RUNS:
        if (percent < 95)
            snprintf(
                out, cap,
                "median of %d runs [smallest, largest: they hold the true median with probability %.0f%%]",
                s->n, percent);
        else
            snprintf(out, cap, "median of %d runs [its 95%% interval by order statistics, coverage %.1f%%]",
                     s->n, percent);
        break;
    case BENCH_SPREAD_STEPS:
        snprintf(out, cap,
                 "one run: median over its steps [its %.0f%% interval, which does not tell how runs differ]",
                 percent);
        break;
    case BENCH_SPREAD_SEEDS:
        snprintf(out, cap, "mean over %d seeds ± their standard deviation%s", s->n,
                 isnan(s->stderr_) ? "" : " (± the standard error of one seed over the evaluation examples)");
        break;
    case BENCH_SPREAD_EXAMPLES:
        snprintf(out, cap,
                 "one seed ± the standard error over the evaluation examples; how seeds differ is not known");
        break;
    case BENCH_SPREAD_NONE:
        snprintf(out, cap, s->n == 1 ? "one run" : "%d runs", s->n);
        break;
    }
}

static void add_failed(const bench_summary *s, char *out, size_t cap)
{
    if (s->failed)
        bench_text_add(out, cap, "; %d more gave no result", s->failed);
}

void bench_summary_note(const bench_summary *s, char *out, size_t cap)
{
    if (isnan(s->value)) {
        snprintf(out, cap, "%s", s->why);
        return;
    }
    spread_note(s, out, cap);
    add_failed(s, out, cap);
}

void bench_summary_caption(const bench_summary *s, char *out, size_t cap)
{
    switch (s->spread) {
    case BENCH_SPREAD_RUNS:
        snprintf(out, cap, "median of %d runs, error bars %s", s->n,
                 s->interval.coverage < 0.95 ? "from the smallest to the largest" : "its 95% interval");
        break;
    case BENCH_SPREAD_STEPS:
        snprintf(out, cap, "one run, error bars the interval of its median step");
        break;
    case BENCH_SPREAD_SEEDS:
        snprintf(out, cap, "mean over %d seeds, error bars their standard deviation", s->n);
        break;
    case BENCH_SPREAD_EXAMPLES:
        snprintf(out, cap, "one seed, error bars the standard error over the evaluation examples");
        break;
    case BENCH_SPREAD_NONE:
        snprintf(out, cap, "%s", s->n == 1 ? "one run" : "no error bars");
        break;
    }
    add_failed(s, out, cap);
}
