/* See roofline_figure.h. */
#include "bench/report/roofline_figure.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bench/results/grid.h"
#include "bench/record/metric.h"
#include "bench/base/stats.h"
#include "bench/record/record.h"

/* Of a configuration: medians over its runs. NaN: unknown. */
typedef struct spot {
    double intensity, rate; /* operations per byte, per second */
} spot;

static double at(const json_t *record, const char *path)
{
    const json_t *v = bench_metric_at(record, path);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

/* All cells of a configuration; x, y: room for all its runs. */
static spot spot_of(const bench_result *const *cells, int32_t count, double *x, double *y)
{
    size_t n = 0;
    for (int32_t i = 0; i < count; i++) {
        for (int32_t k = 0; k < cells[i]->run_count; k++) {
            const json_t *record = cells[i]->runs[k];
            double flops = at(record, "roofline.flops_per_step"),
                   bytes = at(record, "roofline.bytes_per_step");
            double rate = at(record, "roofline.achieved_flops_per_s");
            if (!bench_record_ok(record) || !(flops > 0) || !(bytes > 0) || !(rate > 0))
                continue;
            x[n] = flops / bytes;
            y[n++] = rate;
        }
    }
    return (spot){bench_stats_median(x, n), bench_stats_median(y, n)};
}

/* The highest that a record has of a rate, of cells of a compute if one is given; NaN: none. */
static double highest(const bench_results *r, const char *path, const char *compute)
{
    double most = NAN;
    size_t i;
    json_t *record;
    json_array_foreach(r->records, i, record)
    {
        const char *of = json_string_value(bench_metric_at(record, "cell.compute"));
        if (!compute || (of && strcmp(of, compute) == 0))
            most = fmax(most, at(record, path)); /* fmax passes over NaN */
    }
    return most;
}

static void put_roofs(const bench_results *r, FILE *script)
{
    static const struct {
        const char *name, *path, *compute;
    } roofs[] = {
        {"f32_peak", "peaks.f32_flops_per_s", NULL},
        {"bf16_peak", "peaks.bf16_flops_per_s", NULL},
        {"int8_peak", "peaks.int8_ops_per_s", "int8"}, /* far above all that does not use it */
        {"bandwidth", "peaks.read_bytes_per_s", NULL},
    };
    for (size_t i = 0; i < sizeof roofs / sizeof *roofs; i++) {
        double v = highest(r, roofs[i].path, roofs[i].compute);
        fprintf(script, "%s = %.6g\n", roofs[i].name, isnan(v) ? 0 : v / 1e9);
    }
}

static size_t runs_of(const bench_results *r)
{
    size_t n = 1;
    for (int32_t i = 0; i < r->cell_count; i++)
        n += (size_t)r->cells[i].run_count;
    return n;
}

/* A block per series that has a point. */
static void put_points(const bench_grid *cross, const bench_result **place, double *x, double *y,
                       bench_canvas *c)
{
    char label[256];
    for (int32_t col = 0; col < cross->col_count; col++) {
        bool any = false;
        for (int32_t row = 0; row < cross->row_count; row++) {
            spot s = spot_of(place, bench_grid_at(cross, row, col, place), x, y);
            if (isnan(s.intensity))
                continue;
            if (!any) {
                bench_grid_label(cross, false, col, label, sizeof label);
                fprintf(c->data, "# series %d: %s\n# operations per byte, 10^9 operations per second\n",
                        c->shown + 1, label);
                bench_gnuplot_put_setting(c->script, "title_", ++c->shown, label);
                any = true;
            }
            bench_gnuplot_put_number(c->data, s.intensity, "\t");
            bench_gnuplot_put_number(c->data, s.rate / 1e9, "\n");
        }
        fputs(any ? "\n\n" : "", c->data);
    }
}

zo_status bench_roofline_figure_put(const bench_results *r, const bench_plot_spec *spec, bench_canvas *c,
                                    zo_error *err)
{
    bench_grid cross;
    zo_status st = bench_grid_init(&cross, r, spec->where, "", spec->series, false, err);
    if (st)
        return st;
    const bench_result **place = calloc((size_t)cross.count + 1, sizeof(const bench_result *));
    double *x = calloc(runs_of(r), sizeof *x), *y = calloc(runs_of(r), sizeof *y);
    if (!place || !x || !y) {
        st = zo_fail(err, ZO_ERR_MEMORY, "plot: out of memory");
        goto cleanup;
    }
    put_points(&cross, place, x, y, c);
    put_roofs(r, c->script);
    bench_gnuplot_put_setting(c->script, "xlabel", -1, "operations per byte");
    bench_gnuplot_put_setting(c->script, "ylabel", -1, "Gflop/s");
    fprintf(c->script, "series = %d\n", c->shown);
    snprintf(
        c->caption, sizeof c->caption,
        "%s%sRoofline%s%s: arithmetic rate of a step over its arithmetic intensity (operations and bytes by "
        "formula, medians over runs). Lines: what memory bandwidth and arithmetic units were measured to "
        "give at best.",
        spec->title, *spec->title ? ". " : "", *spec->series ? " by " : "", spec->series);
cleanup:
    bench_grid_deinit(&cross);
    free(place);
    free(x);
    free(y);
    return st;
}
