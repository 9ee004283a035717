/* See figure.h. */
#include "bench/base/text.h"
#include "bench/report/figure.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/results/grid.h"
#include "bench/report/gnuplot.h"
#include "bench/report/heatmap.h"
#include "bench/record/metric.h"
#include "bench/report/roofline_figure.h"
#include "bench/base/stats.h"
#include "bench/results/summary.h"
#include "bench/record/record.h"
#include "core/base/file.h"

/* The scripts, from plots/ as it was when the program was built. */
#define EMBED(symbol, file)                                                                                  \
    __asm__(".section .rodata\n.global " #symbol "\n" #symbol ":\n.incbin \"" file                           \
            "\"\n.byte 0\n.previous\n");                                                                     \
    extern const char symbol[]

EMBED(bench_plots_style, "plots/style.gp");
EMBED(bench_plots_bars, "plots/bars.gp");
EMBED(bench_plots_lines, "plots/lines.gp");
EMBED(bench_plots_curve, "plots/curve.gp");
EMBED(bench_plots_heatmap, "plots/heatmap.gp");
EMBED(bench_plots_roofline, "plots/roofline.gp");

enum { MOST_MARKED = 60, MARKED = 25 };

static const bench_metric rss = {.name = "rss_bytes",
                                 .label = "resident memory",
                                 .unit = "bytes",
                                 .pool = BENCH_POOL_SEEDS,
                                 .scale = 1.0 / (1024 * 1024),
                                 .shown_unit = "MiB"};

/* What a curve can show: where the record has it, its label and unit; NULL: those of the metric of this name. */
static const struct curve {
    const char *y, *path;
    const bench_metric *metric;
} curves[] = {
    {"loss", "loss.curve", NULL},
    {"eval_loss", "loss.eval_curve", NULL},
    {"accuracy", "accuracy.curve", NULL},
    {"rss_bytes", "memory.rss_curve", &rss},
};

static const struct curve *curve_of(const char *y)
{
    for (size_t i = 0; i < sizeof curves / sizeof *curves; i++)
        if (strcmp(curves[i].y, y) == 0)
            return &curves[i];
    return NULL;
}

/* Bars, lines or a curve being written. */
typedef struct sketch {
    const bench_plot_spec *spec;
    const bench_metric *metric;      /* on the y axis */
    const struct curve *curve;       /* NULL: bars or lines */
    bench_grid grid;                 /* x by series; curve: one row */
    bench_summary *values;           /* bars, lines: of the grid's places */
    double *at;                      /* (rows) where a row is on the x axis */
    int32_t *order;                  /* (rows) rows from left to right */
    bool numeric, logarithmic, many; /* lines: x are numbers, far apart; curve: too many points to mark */
    int32_t shown;                   /* series that have a value */
    FILE *data, *script;
} sketch;

static void put_point(FILE *f, double x, double value, double low, double high)
{
    bench_gnuplot_put_number(f, x, "\t");
    bench_gnuplot_put_number(f, value, "\t");
    bench_gnuplot_put_number(f, low, "\t");
    bench_gnuplot_put_number(f, high, "\n");
}

/* Room above and below the values: accuracies that hardly differ should look so, and memory that hardly grows. */
static double pad_of(const bench_metric *m)
{
    return strcmp(m->shown_unit, "%") == 0 ? 2.5 : m == &rss ? 1 : 0;
}

/* ---- Bars and lines: values of configurations ---- */

static bool parse_number(const char *text, double *out)
{
    char *end;
    *out = strtod(text, &end);
    return *text && *end == 0 && isfinite(*out);
}

/* Rows at their numbers if all are numbers, else at 0, 1, 2 ... */
static void place_rows(sketch *s)
{
    int32_t n = s->grid.rows.count;
    double least = INFINITY, most = -INFINITY;
    s->numeric = s->spec->kind == BENCH_PLOT_LINES && s->grid.rows.option_count == 1;
    for (int32_t i = 0; i < n && s->numeric; i++)
        s->numeric =
            parse_number(bench_result_text(s->grid.rows.first[i], s->grid.rows.options[0]), &s->at[i]);
    for (int32_t i = 0; i < n; i++) {
        if (!s->numeric)
            s->at[i] = i;
        least = fmin(least, s->at[i]);
        most = fmax(most, s->at[i]);
        int32_t k = i; /* insertion by position */
        for (; k > 0 && s->at[s->order[k - 1]] > s->at[i]; k--)
            s->order[k] = s->order[k - 1];
        s->order[k] = i;
    }
    s->logarithmic = s->numeric && n > 2 && least > 0 && most / least >= 8;
}

static const bench_summary *value_at(const sketch *s, int32_t row, int32_t col)
{
    return &s->values[row * s->grid.cols.count + col];
}

/* The two blocks of a series: medians with intervals, and the samples. */
static void put_series(sketch *s, int32_t col, double shift)
{
    const bench_metric *m = s->metric;
    bool any = false;
    fputs("# x, value, low, high\n", s->data);
    for (int32_t i = 0; i < s->grid.rows.count; i++) {
        const bench_summary *v = value_at(s, s->order[i], col);
        put_point(s->data, s->at[s->order[i]] + shift, v->value * m->scale, v->interval.low * m->scale,
                  v->interval.high * m->scale);
    }
    fputs("\n\n# the single samples: x, value\n", s->data);
    for (int32_t i = 0; i < s->grid.rows.count; i++) {
        double *samples;
        int32_t n = bench_summary_samples(m, bench_grid_at(&s->grid, s->order[i], col), &samples);
        for (int32_t k = 0; k < n; k++)
            fprintf(s->data, "%.10g\t%.10g\n", s->at[s->order[i]] + shift, samples[k] * m->scale);
        free(samples);
        any = any || n > 0;
    }
    fputs(any ? "\n\n" : "?\t?\n\n\n", s->data);
}

static bool has_value(const sketch *s, int32_t col)
{
    for (int32_t row = 0; row < s->grid.rows.count; row++)
        if (value_at(s, row, col)->n > 0)
            return true;
    return false;
}

static void put_values(sketch *s)
{
    int32_t total = 0, cols = s->grid.cols.count;
    char label[256];
    for (int32_t col = 0; col < cols; col++)
        total += has_value(s, col);
    place_rows(s);
    for (int32_t col = 0; col < cols; col++) {
        if (!has_value(s, col))
            continue;
        double shift = s->spec->kind == BENCH_PLOT_BARS ? (s->shown - (total - 1) / 2.0) * 0.8 / total : 0;
        bench_grid_label(&s->grid.cols, col, label, sizeof label);
        fprintf(s->data, "# series %d: %s\n", s->shown + 1, label);
        put_series(s, col, shift);
        bench_gnuplot_put_setting(s->script, "title_", ++s->shown, label);
    }
}

static void put_value_settings(sketch *s)
{
    bool bars = s->spec->kind == BENCH_PLOT_BARS;
    char heading[128];
    bench_metric_heading(s->metric, heading, sizeof heading);
    bench_gnuplot_put_setting(s->script, "ylabel", -1, heading);
    bench_gnuplot_put_setting(s->script, "xlabel", -1, s->spec->x);
    fprintf(s->script, bars ? "groups = %d\n" : "ticks = %d\n", s->grid.rows.count);
    if (bars)
        fprintf(s->script, "width = %.6g\n", 0.8 / (s->shown ? s->shown : 1));
    else
        fprintf(s->script, "logx = %d\nfrom0 = %d\npad = %g\n", s->logarithmic,
                s->metric->pool == BENCH_POOL_RUNS, pad_of(s->metric));
    for (int32_t i = 0; i < s->grid.rows.count; i++) {
        const bench_result *cell = s->grid.rows.first[i];
        const char *text = s->grid.rows.option_count ? bench_result_text(cell, s->grid.rows.options[0]) : "";
        bench_gnuplot_put_setting(s->script, "tick_", i, text);
        if (!bars)
            fprintf(s->script, "at_%d = %.10g\n", i, s->at[i]);
    }
}

/* ---- Curves ---- */

typedef struct point {
    double step, value, low, high;
} point;

static int by_step(const void *a, const void *b)
{
    double x = ((const point *)a)->step, y = ((const point *)b)->step;
    return (x > y) - (x < y);
}

/* The curve of a record: the first ok run of a cell; all runs of a seed have the same. */
static const json_t *record_of(const bench_result *cell)
{
    for (int32_t i = 0; i < cell->run_count; i++) {
        if (bench_record_ok(cell->runs[i]))
            return cell->runs[i];
    }
    return NULL;
}

/* Equal steps of several seeds, p[0 .. n), as their mean, with the standard deviation; unknown values do not count. */
static point merge(const point *p, size_t n, double *x)
{
    size_t known = 0;
    for (size_t i = 0; i < n; i++)
        if (!isnan(p[i].value))
            x[known++] = p[i].value;
    double mean = bench_stats_mean(x, known), sd = bench_stats_sd(x, known);
    return (point){p[0].step, mean, mean - sd, mean + sd};
}

/* sqrt(p (1 - p) / (n - 1)), the standard error of one seed's accuracy. */
static void add_stderr(point *p, size_t n, const json_t *record)
{
    double examples = json_number_value(bench_metric_at(record, "accuracy.n"));
    for (size_t i = 0; examples > 1 && i < n; i++) {
        double e = sqrt(p[i].value * (1 - p[i].value) / (examples - 1));
        p[i].low = p[i].value - e;
        p[i].high = p[i].value + e;
    }
}

/* The curve of a configuration, by step, merged over seeds; *n points, to be freed. */
static point *curve_points(const sketch *s, int32_t col, size_t *n)
{
    const bench_group group = bench_grid_at(&s->grid, 0, col);
    int32_t seeds = 0;
    size_t total = 0, kept = 0;
    const json_t *record = NULL;
    *n = 0;
    for (int32_t c = 0; c < group.count; c++)
        total += json_array_size(bench_metric_at(record_of(group.cells[c]), s->curve->path));
    point *p = calloc(total + 1, sizeof *p);
    double *x = calloc((size_t)group.count + 1, sizeof *x);
    for (int32_t c = 0; p && x && c < group.count; c++) {
        const json_t *curve = bench_metric_at(record_of(group.cells[c]), s->curve->path);
        size_t size = json_array_size(curve);
        for (size_t i = 0; i < size; i++) {
            const json_t *pair = json_array_get(curve, i), *value = json_array_get(pair, 1);
            double v = json_is_number(value) ? json_number_value(value) : NAN;
            p[kept++] = (point){json_number_value(json_array_get(pair, 0)), v, NAN, NAN};
        }
        if (size > 0)
            seeds++, record = record_of(group.cells[c]);
    }
    if (p && x && kept)
        qsort(p, kept, sizeof *p, by_step);
    for (size_t i = 0, next; p && x && i < kept; i = next) {
        for (next = i + 1; next < kept && next - i < (size_t)group.count && p[next].step == p[i].step;)
            next++;
        p[(*n)++] = merge(p + i, next - i, x);
    }
    if (p && x && seeds == 1 && strcmp(s->curve->y, "accuracy") == 0)
        add_stderr(p, *n, record);
    free(x);
    return p;
}

/* Points as a block. A gap is one blank line: two would begin a new block. */
static void put_block(const sketch *s, const point *p, size_t n)
{
    double k = s->metric->scale;
    bool any = false, gap = false;
    for (size_t i = 0; i < n; i++) {
        if (isnan(p[i].value)) {
            gap = any;
            continue;
        }
        if (gap)
            fputc('\n', s->data);
        put_point(s->data, p[i].step, p[i].value * k, p[i].low * k, p[i].high * k);
        any = true;
        gap = false;
    }
    fputs(any ? "\n\n" : "?\t?\t?\t?\n\n\n", s->data);
}

/* Means of consecutive points in MARKED blocks, at most; in place. Returns how many. */
static size_t thin(point *p, size_t n)
{
    size_t width = (n + MARKED - 1) / MARKED, kept = 0;
    for (size_t i = 0; i < n; i += width) {
        size_t k, known = 0;
        double step = 0, value = 0;
        for (k = i; k < n && k < i + width; k++) {
            step += p[k].step;
            if (!isnan(p[k].value))
                value += p[k].value, known++;
        }
        p[kept++] = (point){step / (double)(k - i), known ? value / (double)known : NAN, NAN, NAN};
    }
    return kept;
}

static void put_curves(sketch *s)
{
    char label[256];
    for (int32_t col = 0; col < s->grid.cols.count; col++) {
        size_t n;
        free(curve_points(s, col, &n));
        s->many = s->many || n > MOST_MARKED;
    }
    for (int32_t col = 0; col < s->grid.cols.count; col++) {
        size_t n, known = 0;
        point *p = curve_points(s, col, &n);
        for (size_t i = 0; i < n; i++)
            known += !isnan(p[i].value);
        if (known > 0) {
            bench_grid_label(&s->grid.cols, col, label, sizeof label);
            fprintf(s->data, "# series %d: %s\n# marked points: step, value, low, high\n", s->shown + 1,
                    label);
            point *marked = calloc(n, sizeof *marked);
            if (marked) {
                memcpy(marked, p, n * sizeof *p);
                put_block(s, marked, s->many ? thin(marked, n) : n);
            }
            fprintf(s->data, "# every step: step, value, low, high\n");
            put_block(s, p, n);
            bench_gnuplot_put_setting(s->script, "title_", ++s->shown, label);
            free(marked);
        }
        free(p);
    }
    bench_gnuplot_put_setting(s->script, "xlabel", -1, "step");
    bench_metric_heading(s->metric, label, sizeof label);
    bench_gnuplot_put_setting(s->script, "ylabel", -1, label);
    fprintf(s->script, "many = %d\npad = %g\n", s->many, pad_of(s->metric));
}

/* ---- Captions ---- */

/* What the error bars of the figure are: the note that all values share, or a general word. */
static void bars_note(sketch *s, char *out, size_t cap)
{
    char note[200];
    *out = 0;
    for (int32_t i = 0; i < s->grid.rows.count; i++) {
        for (int32_t k = 0; k < s->grid.cols.count; k++) {
            const bench_summary *v = value_at(s, i, k);
            if (isnan(v->value))
                continue;
            bench_summary_caption(v, note, sizeof note);
            if (*out && strcmp(out, note) != 0) {
                snprintf(out, cap, "value and error bar as in the tables");
                return;
            }
            snprintf(out, cap, "%s", note);
        }
    }
}

/* What the bands of a curve are: over seeds if any of its lines has several. */
static void curve_note(sketch *s, char *out, size_t cap)
{
    int32_t most = 0;
    for (int32_t col = 0; col < s->grid.cols.count; col++) {
        int32_t n = bench_grid_at(&s->grid, 0, col).count;
        most = n > most ? n : most;
    }
    *out = 0;
    if (most > 1)
        snprintf(out, cap, "mean over %d seeds, band: their standard deviation", most);
    else if (strcmp(s->curve->y, "accuracy") == 0)
        snprintf(out, cap, "band: standard error over the evaluation examples");
}

static void put_caption(sketch *s, char *out, size_t cap)
{
    const char *series = *s->spec->series ? s->spec->series : NULL;
    char what[320], note[200];
    bench_metric_title(s->metric, s->spec->title, what, sizeof what);
    if (!s->curve)
        bars_note(s, note, sizeof note);
    else if (s->many)
        snprintf(note, sizeof note, "thin: every step; thick: means of consecutive steps");
    else
        curve_note(s, note, sizeof note);
    note[0] = (char)toupper((unsigned char)note[0]);
    snprintf(out, cap, "%s over %s%s%s.%s%s%s", what, s->spec->x, series ? ", by " : "", series ? series : "",
             *note ? " " : "", note, *note ? "." : "");
    if (!s->curve)
        bench_text_add(out, cap, " Dots: the single %s.",
                       s->metric->pool == BENCH_POOL_SEEDS ? "seeds" : "runs");
}

/* ---- Kinds ---- */

static zo_status sketch_init(sketch *s, const bench_results *r, const bench_plot_spec *spec, zo_error *err)
{
    bool curve = spec->kind == BENCH_PLOT_CURVE;
    *s = (sketch){.spec = spec};
    s->curve = curve ? curve_of(spec->y) : NULL;
    s->metric = s->curve && s->curve->metric ? s->curve->metric : bench_metric_find(spec->y);
    if (!s->metric || (curve && !s->curve))
        return zo_fail(err, ZO_ERR_INVALID, "plot: \"%s\" is not a %s", spec->y, curve ? "curve" : "metric");
    zo_status st = bench_grid_init(&s->grid, r, spec->where, curve ? "" : spec->x, spec->series, true, err);
    if (st)
        return st;
    size_t rows = (size_t)s->grid.rows.count + 1;
    s->values = curve ? NULL : bench_grid_values(&s->grid, s->metric);
    s->at = calloc(rows, sizeof *s->at);
    s->order = calloc(rows, sizeof *s->order);
    if ((!curve && !s->values) || !s->at || !s->order)
        return zo_fail(err, ZO_ERR_MEMORY, "plot: out of memory");
    return ZO_OK;
}

static void sketch_deinit(sketch *s)
{
    bench_grid_deinit(&s->grid);
    free(s->values);
    free(s->at);
    free(s->order);
}

static zo_status put_sketch(const bench_results *r, const bench_plot_spec *spec, bench_canvas *c,
                            zo_error *err)
{
    sketch s;
    zo_status st = sketch_init(&s, r, spec, err);
    s.data = c->data;
    s.script = c->script;
    if (!st && s.curve) {
        put_curves(&s);
    } else if (!st) {
        put_values(&s);
        put_value_settings(&s);
    }
    if (!st) {
        fprintf(s.script, "series = %d\n", s.shown);
        put_caption(&s, c->caption, sizeof c->caption);
        c->shown = s.shown;
    }
    sketch_deinit(&s);
    return st;
}

/* Writes what a figure shows, and the settings of its script. */
typedef zo_status put_kind(const bench_results *r, const bench_plot_spec *spec, bench_canvas *c,
                           zo_error *err);

static const struct {
    put_kind *put;
    const char *script;
} kinds[] = {
    [BENCH_PLOT_BARS] = {put_sketch, bench_plots_bars},
    [BENCH_PLOT_LINES] = {put_sketch, bench_plots_lines},
    [BENCH_PLOT_CURVE] = {put_sketch, bench_plots_curve},
    [BENCH_PLOT_HEATMAP] = {bench_heatmap_put, bench_plots_heatmap},
    [BENCH_PLOT_ROOFLINE] = {bench_roofline_figure_put, bench_plots_roofline},
};

/* ---- Files ---- */

zo_status bench_figure_write(const bench_results *r, const bench_plot_spec *spec, int number, const char *dir,
                             bench_figure *out, zo_error *err)
{
    zo_file_draft data = {0}, script = {0};
    char path[4096];
    bench_canvas c = {0};
    memset(out, 0, sizeof *out);
    snprintf(out->name, sizeof out->name, "figure-%d", number);
    snprintf(path, sizeof path, "%s/%s.dat", dir, out->name);
    zo_status st = zo_file_draft_open(&data, path, err);
    if (st)
        goto cleanup;
    snprintf(path, sizeof path, "%s/%s.gp", dir, out->name);
    st = zo_file_draft_open(&script, path, err);
    if (st)
        goto cleanup;
    c.data = data.f;
    c.script = script.f;
    fprintf(c.script, "# Draws %s.svg, .png and .pdf from %s.dat: gnuplot %s.gp\n\n", out->name, out->name,
            out->name);
    bench_gnuplot_put_setting(c.script, "name", -1, out->name);
    st = kinds[spec->kind].put(r, spec, &c, err);
    if (st)
        goto cleanup;
    fprintf(c.script, "\n%s\n%s", bench_plots_style, kinds[spec->kind].script);
    snprintf(out->caption, sizeof out->caption, "%s", c.caption);
    out->empty = c.shown == 0;
    if (out->empty)
        goto cleanup;
    st = zo_file_draft_commit(&data, err);
    if (!st)
        st = zo_file_draft_commit(&script, err);
cleanup:
    zo_file_draft_discard(&data);
    zo_file_draft_discard(&script);
    return st;
}

zo_status bench_figure_draw(const char *dir, bench_figure *f, zo_error *err)
{
    zo_status st = bench_gnuplot_draw(dir, f->name, err);
    f->drawn = !st;
    return st;
}
