/* See summary.h. */
#include "bench/results/summary.h"
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

/* The numbers of a configuration: one per run (BENCH_POOL_RUNS) or per seed, with what identifies it. */
typedef struct sample {
    double value;
    const json_t *record;
    const char *seed;
    json_int_t run;
} sample;

static sample sample_of(const bench_metric *m, const bench_result *cell, const json_t *record)
{
    return (sample){bench_metric_value(m, record), record, bench_result_text(cell, bench_option_seed()),
                    json_integer_value(json_object_get(record, "run"))};
}

/* All samples of a configuration, allocated; *failed: runs that have none. NULL: memory is out. */
static sample *samples_of(const bench_metric *m, const bench_result *const *cells, int32_t count, int32_t *n,
                          int32_t *failed, char *why, size_t cap)
{
    size_t most = 1;
    *n = *failed = 0;
    for (int32_t i = 0; i < count; i++)
        most += (size_t)cells[i]->run_count;
    sample *s = calloc(most, sizeof *s);
    snprintf(why, cap, "%s", s ? count ? "not run yet" : "no such cell in the manifest" : "out of memory");
    for (int32_t i = 0; s && i < count; i++) {
        bool have = false; /* this seed */
        for (int32_t k = 0; k < cells[i]->run_count; k++) {
            const json_t *record = cells[i]->runs[k];
            if (!bench_record_ok(record)) {
                bench_record_reason(record, why, cap);
                ++*failed;
                continue;
            }
            s[*n] = sample_of(m, cells[i], record);
            if (isnan(s[*n].value))
                unknown_why(m, record, why, cap);
            else if (m->pool == BENCH_POOL_RUNS || !have)
                have = true, ++*n;
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

void bench_summary_of(const bench_metric *m, const bench_result *const *cells, int32_t count,
                      bench_summary *out)
{
    *out = nothing;
    sample *s = samples_of(m, cells, count, &out->n, &out->failed, out->why, sizeof out->why);
    double *x = s ? calloc((size_t)out->n + 1, sizeof *x) : NULL;
    if (x && out->n > 0) {
        for (int32_t i = 0; i < out->n; i++) {
            x[i] = s[i].value;
            out->stderr_ = fmax(out->stderr_, bench_metric_stderr(m, s[i].record)); /* fmax passes over NaN */
        }
        if (m->pool == BENCH_POOL_SEEDS)
            over_seeds(x, out->n, out);
        else
            over_runs(x, out->n, out);
        if (out->n == 1)
            within_record(m, s[0].record, out);
        out->why[0] = 0;
    }
    free(x);
    free(s);
}

int32_t bench_summary_samples(const bench_metric *m, const bench_result *const *cells, int32_t count,
                              double **out)
{
    int32_t n, failed;
    char why[sizeof((bench_summary *)0)->why];
    sample *s = samples_of(m, cells, count, &n, &failed, why, sizeof why);
    double *x = s && n ? calloc((size_t)n, sizeof *x) : NULL;
    for (int32_t i = 0; x && i < n; i++)
        x[i] = s[i].value;
    free(s);
    *out = x;
    return x ? n : 0;
}

/* Ratios (or differences) of the samples that have a partner of the same seed and run (seed alone, where that is the
 * unit): how many. */
static int32_t paired(const bench_metric *m, const sample *a, int32_t a_count, const sample *b,
                      int32_t b_count, bool difference, double *out)
{
    int32_t n = 0;
    for (int32_t i = 0; i < a_count; i++) {
        for (int32_t k = 0; k < b_count; k++) {
            if (strcmp(a[i].seed, b[k].seed) == 0 && (m->pool == BENCH_POOL_SEEDS || a[i].run == b[k].run) &&
                (difference || b[k].value != 0)) {
                out[n++] = difference ? a[i].value - b[k].value : a[i].value / b[k].value;
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

void bench_summary_ratio(const bench_metric *m, const bench_result *const *a, int32_t a_count,
                         const bench_result *const *b, int32_t b_count, bench_summary *out)
{
    bench_summary sa, sb;
    *out = nothing;
    bench_summary_of(m, a, a_count, &sa);
    bench_summary_of(m, b, b_count, &sb);
    out->failed = sa.failed + sb.failed;
    if (isnan(sa.value) || isnan(sb.value)) {
        if (isnan(sa.value))
            snprintf(out->why, sizeof out->why, "%s", sa.why);
        else
            snprintf(out->why, sizeof out->why, "what to divide by: %.300s", sb.why);
        return;
    }
    int32_t na, nb, failed;
    char why[sizeof out->why];
    sample *x = samples_of(m, a, a_count, &na, &failed, why, sizeof why);
    sample *y = samples_of(m, b, b_count, &nb, &failed, why, sizeof why);
    double *ratio = calloc((size_t)sa.n + 1, sizeof *ratio);
    out->n = x && y && ratio ? paired(m, x, na, y, nb, false, ratio) : 0;
    if (out->n < 2)
        unpaired_ratio(&sa, &sb, out);
    else if (m->pool == BENCH_POOL_SEEDS)
        over_seeds(ratio, out->n, out);
    else
        over_runs(ratio, out->n, out);
    free(ratio);
    free(x);
    free(y);
}

int32_t bench_summary_pairs(const bench_metric *m, const bench_result *const *a, int32_t a_count,
                            const bench_result *const *b, int32_t b_count, bool difference, double **out)
{
    int32_t na, nb, failed, n = 0;
    char why[sizeof((bench_summary *)0)->why];
    sample *x = samples_of(m, a, a_count, &na, &failed, why, sizeof why);
    sample *y = samples_of(m, b, b_count, &nb, &failed, why, sizeof why);
    *out = calloc((size_t)(x ? na : 0) + 1, sizeof **out);
    if (x && y && *out)
        n = paired(m, x, na, y, nb, difference, *out);
    free(x);
    free(y);
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
    size_t n = strlen(out);
    if (s->failed)
        snprintf(out + n, cap - n, "; %d more gave no result", s->failed);
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
