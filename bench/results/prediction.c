/* See prediction.h. A new kind of prediction is a new row. */
#include "bench/results/prediction.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/record/metric.h"
#include "bench/launch/plan.h"
#include "bench/base/stats.h"
#include "bench/record/record.h"

/* The k-th run of a cell by one rule; NaN: it has no such prediction. */
typedef double predict_rule(const bench_result *cell, int32_t k);

typedef struct kind {
    const char *name;
    predict_rule *predicted;
    const char *measured; /* path in a record */
} kind;

static double bytes_by_shapes(const bench_result *cell, int32_t k)
{
    return bench_metric_number_at(cell->runs[k], "memory.predicted_bytes");
}

static double step_by_peaks(const bench_result *cell, int32_t k)
{
    return bench_metric_number_at(cell->runs[k], "roofline.predicted_step_ns");
}

static bool is_whole(const json_t *record)
{
    return !bench_metric_at(record, "time.resumed_at");
}

static double run_by_peaks(const bench_result *cell, int32_t k)
{
    return is_whole(cell->runs[k]) ? bench_metric_number_at(cell->runs[k], "time.predicted_ns") : NAN;
}

static bool same_making(const json_t *a, const json_t *b)
{
    const char *x = bench_metric_text_at(a, "fingerprint");
    return *x && strcmp(x, bench_metric_text_at(b, "fingerprint")) == 0;
}

static double run_by_records(const bench_result *cell, int32_t k)
{
    const bench_params *p = &cell->cell->params;
    bench_plan_parts *parts = calloc((size_t)k + 1, sizeof *parts);
    size_t n = 0;
    for (int32_t i = 0; parts && i < k; i++)
        n += same_making(cell->runs[i], cell->runs[k]) &&
             bench_plan_parts_read(cell->runs[i], p, p, &parts[n]);
    const double seconds =
        parts && is_whole(cell->runs[k]) ? bench_plan_parts_seconds(p, parts, n) : NAN; /* NaN for n = 0 */
    free(parts);
    return 1e9 * seconds;
}

static const kind kinds[] = {
    {"peak memory, from shapes", bytes_by_shapes, "memory.peak_rss_bytes"},
    {"time of a step, by the machine's peaks", step_by_peaks, "time.median_ns"},
    {"time of a run, by the machine's peaks", run_by_peaks, "wall_ns"},
    {"time of a run, by the cell's earlier runs", run_by_records, "wall_ns"},
};

static void add_error(bench_table *t, double error)
{
    char text[32];
    snprintf(text, sizeof text, "%+.1f%%", 100 * error);
    bench_table_add_number(t, text, error, bench_no_interval);
}

static void add_row(bench_table *t, const bench_results *r, const kind *of, double *errors)
{
    char text[560], label[512];
    size_t n = 0;
    double farthest = -1;
    for (int32_t i = 0; i < r->cell_count; i++) {
        const bench_result *cell = &r->cells[i];
        for (int32_t k = 0; k < cell->run_count; k++) {
            const double error =
                bench_metric_number_at(cell->runs[k], of->measured) / of->predicted(cell, k) - 1;
            if (!bench_record_ok(cell->runs[k]) || !isfinite(error))
                continue;
            errors[n++] = error;
            if (fabs(error) <= farthest)
                continue;
            farthest = fabs(error);
            bench_result_label(r, cell, label, sizeof label);
            snprintf(text, sizeof text, "%s, run %lld", label,
                     (long long)bench_metric_integer_at(cell->runs[k], "run") + 1);
        }
    }
    if (n == 0)
        return;
    bench_table_add_row(t);
    bench_table_add_text(t, of->name);
    bench_table_add_printed(t, "%.0f", (double)n);
    add_error(t, bench_stats_median(errors, n));
    add_error(t, bench_stats_min(errors, n));
    add_error(t, bench_stats_max(errors, n));
    bench_table_add_text(t, text);
}

bench_table *bench_prediction_table(const bench_results *r)
{
    size_t runs = 1;
    for (int32_t i = 0; i < r->cell_count; i++)
        runs += (size_t)r->cells[i].run_count;
    double *errors = calloc(runs, sizeof *errors);
    bench_table *t = errors ? bench_table_new("What was predicted, and how far off it was") : NULL;
    bench_table_add_column(t, BENCH_COLUMN_TEXT, "predicted", "predicted");
    bench_table_add_column(t, BENCH_COLUMN_NUMBER, "runs", "runs");
    bench_table_add_column(t, BENCH_COLUMN_NUMBER, "median error", "error_median");
    bench_table_add_column(t, BENCH_COLUMN_NUMBER, "lowest", "error_lowest");
    bench_table_add_column(t, BENCH_COLUMN_NUMBER, "highest", "error_highest");
    bench_table_add_column(t, BENCH_COLUMN_TEXT, "farthest off", "farthest");
    for (size_t i = 0; t && i < sizeof kinds / sizeof *kinds; i++)
        add_row(t, r, &kinds[i], errors);
    bench_table_remark(
        t, "Error: measured over predicted, less 1; +10% took a tenth more than predicted. By the machine's "
           "peaks a time is what the roofline allows at best.");
    free(errors);
    return t;
}
