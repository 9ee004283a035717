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

/* Where a record has operations and bytes of a step, and operations per second. */
typedef struct sort {
    const char *ops, *bytes, *rate;
} sort;

static const sort by_formula = {"roofline.flops_per_step", "roofline.bytes_per_step",
                                "roofline.achieved_flops_per_s"},
                  by_counters = {"counters.fp_ops_per_step", "roofline.counted_bytes_per_step",
                                 "roofline.counted_fp_ops_per_s"};

/* All cells of a configuration; x, y: room for all its runs. */
static spot spot_of(const sort *k, bench_group group, double *x, double *y)
{
    size_t n = 0;
    for (int32_t i = 0; i < group.count; i++) {
        for (int32_t run = 0; run < group.cells[i]->run_count; run++) {
            const json_t *record = group.cells[i]->runs[run];
            double ops = bench_metric_number_at(record, k->ops),
                   bytes = bench_metric_number_at(record, k->bytes),
                   rate = bench_metric_number_at(record, k->rate);
            if (!bench_record_ok(record) || !(ops > 0) || !(bytes > 0) || !(rate > 0))
                continue;
            x[n] = ops / bytes;
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
        if (!compute || strcmp(bench_metric_text_at(record, "cell.compute"), compute) == 0)
            most = fmax(most, bench_metric_number_at(record, path)); /* fmax passes over NaN */
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

static void put_point(FILE *f, spot s)
{
    bench_gnuplot_put_number(f, s.intensity, "\t");
    bench_gnuplot_put_number(f, s.rate / 1e9, "");
}

/* A block per series that has a point. To `counted`: what counters say of the same places, with the series' number. */
static void put_points(const bench_grid *g, double *x, double *y, FILE *counted, bench_canvas *c)
{
    char label[256];
    for (int32_t col = 0; col < g->cols.count; col++) {
        bool any = false;
        for (int32_t row = 0; row < g->rows.count; row++) {
            const bench_group place = bench_grid_at(g, row, col);
            const spot s = spot_of(&by_formula, place, x, y), found = spot_of(&by_counters, place, x, y);
            if (isnan(s.intensity))
                continue;
            if (!any) {
                bench_grid_label(&g->cols, col, label, sizeof label);
                fprintf(c->data, "# series %d: %s\n# operations per byte, 10^9 operations per second\n",
                        c->shown + 1, label);
                bench_gnuplot_put_setting(c->script, "title_", ++c->shown, label);
                any = true;
            }
            put_point(c->data, s);
            fputc('\n', c->data);
            if (isnan(found.intensity))
                continue;
            put_point(counted, found);
            fprintf(counted, "\t%d\n", c->shown);
        }
        fputs(any ? "\n\n" : "", c->data);
    }
}

zo_status bench_roofline_figure_put(const bench_results *r, const bench_plot_spec *spec, bench_canvas *c,
                                    zo_error *err)
{
    bench_grid g;
    zo_status st = bench_grid_init(&g, r, spec->where, "", spec->series, false, err);
    if (st)
        return st;
    double *x = calloc(runs_of(r), sizeof *x), *y = calloc(runs_of(r), sizeof *y);
    char *text = NULL; /* of the counted points */
    size_t size = 0;
    FILE *counted = open_memstream(&text, &size);
    if (!x || !y || !counted) {
        st = zo_fail(err, ZO_ERR_MEMORY, "plot: out of memory");
        goto cleanup;
    }
    put_points(&g, x, y, counted, c);
    fflush(counted);
    if (size)
        fprintf(c->data, "# by counters: operations per byte, 10^9 operations per second, series\n%s", text);
    put_roofs(r, c->script);
    bench_gnuplot_put_setting(c->script, "xlabel", -1, "operations per byte");
    bench_gnuplot_put_setting(c->script, "ylabel", -1, "Gflop/s");
    fprintf(c->script, "series = %d\ncounted = %d\n", c->shown, size > 0);
    snprintf(
        c->caption, sizeof c->caption,
        "%s%sRoofline%s%s: arithmetic rate of a step over its arithmetic intensity (operations and bytes by "
        "formula, medians over runs). Lines: what memory bandwidth and arithmetic units were measured to "
        "give at best.%s",
        spec->title, *spec->title ? ". " : "", *spec->series ? " by " : "", spec->series,
        size
            ? " Rings: floating-point operations and bytes from memory (last-level misses, 64 bytes each) as "
              "the processor's counters have them."
            : "");
cleanup:
    if (counted)
        fclose(counted);
    free(text);
    bench_grid_deinit(&g);
    free(x);
    free(y);
    return st;
}
