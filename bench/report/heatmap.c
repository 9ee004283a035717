/* See heatmap.h. */
#include "bench/base/text.h"
#include "bench/report/heatmap.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bench/results/grid.h"
#include "bench/record/metric.h"
#include "bench/results/summary.h"

/* Heights in pixels: of a row, between panels, of all else, of the least figure. */
enum { ROW = 27, BETWEEN = 38, AROUND = 58, LEAST = 300 };

/* The map being drawn. */
typedef struct map {
    const bench_plot_spec *spec;
    const bench_metric *metric[2]; /* value, beside */
    int32_t metrics;               /* 1 or 2 */
    bench_grid grid;               /* rows: (y, x); columns: panels */
    bench_grid_axis x, y;          /* the columns and rows of a panel */
    bench_summary *values[2];      /* by metric: of the grid's places */
    double least, most;            /* of all values */
    int32_t longest;               /* characters of a printed value */
    bench_summary typical;         /* of some place that has a value */
} map;

static void map_deinit(map *m)
{
    bench_grid_axis_deinit(&m->x);
    bench_grid_axis_deinit(&m->y);
    bench_grid_deinit(&m->grid);
    free(m->values[0]);
    free(m->values[1]);
}

static zo_status map_init(map *m, const bench_results *r, const bench_plot_spec *spec, zo_error *err)
{
    char rows[sizeof spec->y + sizeof spec->x + 1];
    *m = (map){.spec = spec, .metrics = *spec->beside ? 2 : 1, .least = INFINITY, .most = -INFINITY};
    m->metric[0] = bench_metric_find(spec->value);
    m->metric[1] = bench_metric_find(spec->beside);
    if (!m->metric[0] || (m->metrics == 2 && !m->metric[1]))
        return zo_fail(err, ZO_ERR_INVALID, "plot: \"%s\" is not a metric",
                       m->metric[0] ? spec->beside : spec->value);
    snprintf(rows, sizeof rows, "%s,%s", spec->y, spec->x);
    zo_status st = bench_grid_init(&m->grid, r, spec->where, rows, spec->series, true, err);
    if (!st)
        st = bench_grid_axis_init(&m->x, &m->grid, spec->x, err);
    if (!st)
        st = bench_grid_axis_init(&m->y, &m->grid, spec->y, err);
    for (int32_t k = 0; !st && k < m->metrics; k++) {
        m->values[k] =
            *spec->relative_option
                ? bench_grid_ratios(&m->grid, m->metric[k], spec->relative_option, spec->relative_value, true)
                : bench_grid_values(&m->grid, m->metric[k]);
        if (!m->values[k])
            st = zo_fail(err, ZO_ERR_MEMORY, "plot: out of memory");
    }
    return st;
}

static const bench_summary *summary_at(const map *m, int32_t panel, int32_t metric, int32_t row)
{
    return &m->values[metric][row * m->grid.cols.count + panel];
}

/* NaN: none that a scale of factors could show. */
static double value_at(const map *m, int32_t panel, int32_t metric, int32_t row)
{
    const double v = summary_at(m, panel, metric, row)->value;
    return v > 0 ? v : NAN;
}

static void find_typical(map *m)
{
    for (int32_t panel = 0; panel < m->grid.cols.count; panel++) {
        for (int32_t row = 0; row < m->grid.rows.count; row++) {
            const bench_summary *s = summary_at(m, panel, 0, row);
            if (!isnan(s->value) && s->n > m->typical.n)
                m->typical = *s;
        }
    }
}

/* Nothing to see: no value, or only baselines, which are 1 by definition. */
static bool is_blank(const map *m, int32_t panel)
{
    const bench_option *o = bench_option_find(m->spec->relative_option);
    bool blank = true;
    for (int32_t row = 0; row < m->grid.rows.count; row++) {
        const bench_group place = bench_grid_at(&m->grid, row, panel);
        bool baseline = o && place.count > 0 &&
                        strcmp(bench_result_text(place.cells[0], o), m->spec->relative_value) == 0;
        for (int32_t k = 0; k < m->metrics && !baseline; k++)
            blank = blank && isnan(value_at(m, panel, k, row));
    }
    return blank;
}

static void print_value(const map *m, double v, char *out, size_t cap)
{
    if (isnan(v))
        snprintf(out, cap, "–");
    else if (*m->spec->relative_option)
        snprintf(out, cap, v < 9.995 ? "%.2f" : "%.1f", v);
    else
        bench_metric_format(m->metric[0], v, out, cap);
}

/* A block: x, y, the value that is coloured, the value as printed. */
static void put_panel(map *m, int32_t panel, int32_t k, FILE *data)
{
    double scale = *m->spec->relative_option ? 1 : m->metric[0]->scale;
    char text[64];
    for (int32_t row = 0; row < m->grid.rows.count; row++) {
        double v = value_at(m, panel, k, row);
        int32_t cell = 0;
        if (bench_grid_at(&m->grid, row, panel).count == 0)
            continue;
        while (m->grid.rows.of[cell] != row)
            cell++;
        print_value(m, v, text, sizeof text);
        fprintf(data, "%d\t%d\t", m->x.of[cell], m->y.of[cell]);
        bench_gnuplot_put_number(data, v * scale, "\t");
        fprintf(data, "%s\n", text);
        if (isnan(v))
            continue;
        m->least = fmin(m->least, v * scale);
        m->most = fmax(m->most, v * scale);
        m->longest = (int32_t)strlen(text) > m->longest ? (int32_t)strlen(text) : m->longest;
    }
    fputs("\n\n", data);
}

static void put_panels(map *m, bench_canvas *c)
{
    char label[256], text[400];
    for (int32_t panel = 0; panel < m->grid.cols.count; panel++) {
        if (is_blank(m, panel))
            continue;
        bench_grid_label(&m->grid.cols, panel, label, sizeof label);
        for (int32_t k = 0; k < m->metrics; k++) {
            const char *of = m->metrics == 2 ? m->metric[k]->label : "";
            snprintf(text, sizeof text, "%s%s%s", label, *label && *of ? ": " : "", of);
            fprintf(c->data, "# panel %d: %s\n# x, y, value, as printed\n", c->shown + 1, text);
            put_panel(m, panel, k, c->data);
            bench_gnuplot_put_setting(c->script, "title_", ++c->shown, text);
        }
    }
}

static void put_axis(const bench_grid_axis *axis, const char *names, const char *letter, FILE *script)
{
    char text[256], name[16];
    snprintf(name, sizeof name, "%slabel", letter);
    bench_gnuplot_put_setting(script, name, -1, names);
    fprintf(script, "%ss = %d\n", letter, axis->count);
    snprintf(name, sizeof name, "%stick_", letter);
    for (int32_t i = 0; i < axis->count; i++) {
        *text = 0;
        for (int32_t k = 0; k < axis->option_count; k++) /* values alone: "4, 1" */
            bench_text_add(text, sizeof text, "%s%s", k ? ", " : "",
                           bench_result_text(axis->first[i], axis->options[k]));
        bench_gnuplot_put_setting(script, name, i, text);
    }
}

/* "batch,queries" -> "batch, queries" */
static void space_names(const char *names, char *out, size_t cap)
{
    size_t n = 0;
    for (; *names && n + 3 < cap; names++) {
        out[n++] = *names;
        if (*names == ',')
            out[n++] = ' ';
    }
    out[n] = 0;
}

static void put_settings(const map *m, bench_canvas *c)
{
    char text[256];
    bool relative = *m->spec->relative_option, any = m->most > 0;
    int32_t across = c->shown > 1 ? 2 : 1, down = (c->shown + across - 1) / across;
    int32_t high = AROUND + down * (m->y.count * ROW + BETWEEN);
    space_names(m->spec->y, text, sizeof text);
    put_axis(&m->x, m->spec->x, "x", c->script);
    put_axis(&m->y, text, "y", c->script);
    if (relative)
        snprintf(text, sizeof text, "times better than %s=%.100s", m->spec->relative_option,
                 m->spec->relative_value);
    else
        bench_metric_heading(m->metric[0], text, sizeof text);
    bench_gnuplot_put_setting(c->script, "scale", -1, text);
    fprintf(c->script, "series = %d\nacross = %d\nhigh = %d\n", c->shown, across,
            high > LEAST ? high : LEAST);
    fprintf(c->script, "centred = %d\nleast = %.6g\nmost = %.6g\nlongest = %d\n", relative,
            any ? m->least : 1, any ? m->most : 1, m->longest);
}

/* How far apart the two metrics are: from a to b times. */
static void put_agreement(const map *m, char *out, size_t cap)
{
    double least = INFINITY, most = -INFINITY;
    int32_t n = 0;
    *out = 0;
    if (m->metrics < 2)
        return;
    for (int32_t panel = 0; panel < m->grid.cols.count; panel++) {
        for (int32_t row = 0; row < m->grid.rows.count && !is_blank(m, panel); row++) {
            double ratio = value_at(m, panel, 0, row) / value_at(m, panel, 1, row);
            if (isnan(ratio))
                continue;
            least = fmin(least, ratio);
            most = fmax(most, ratio);
            n++;
        }
    }
    if (n > 0)
        snprintf(out, cap, " Where both are known, in %d places, %s%s is from %.2f to %.2f times %s%s.", n,
                 *m->spec->relative_option ? "the factor by " : "", m->metric[0]->label, least, most,
                 *m->spec->relative_option ? "that by " : "", m->metric[1]->label);
}

static void put_caption(const map *m, bench_canvas *c)
{
    char what[320], note[200] = "", rows[160], agreement[320];
    bool relative = *m->spec->relative_option;
    if (relative)
        snprintf(what, sizeof what, "%s%s%s", m->spec->title, *m->spec->title ? ": " : "",
                 m->metric[0]->label);
    else
        bench_metric_title(m->metric[0], m->spec->title, what, sizeof what);
    what[0] = (char)toupper((unsigned char)what[0]);
    space_names(m->spec->y, rows, sizeof rows);
    if (m->typical.n > 0)
        snprintf(note, sizeof note, m->typical.n == 1 ? " One run." : " %s of %d %s, at most.",
                 m->metric[0]->pool == BENCH_POOL_RUNS ? "Median" : "Mean", m->typical.n,
                 m->metric[0]->pool == BENCH_POOL_RUNS ? "runs" : "seeds");
    put_agreement(m, agreement, sizeof agreement);
    snprintf(c->caption, sizeof c->caption, "%s over %s and %s%s%s.", what, m->spec->x, rows,
             *m->spec->series ? ", by " : "", m->spec->series);
    if (relative)
        bench_text_add(
            c->caption, sizeof c->caption,
            " Each value says by what factor a place is better than the same at %s=%.100s: blue and above 1 "
            "is better, orange and below 1 worse.",
            m->spec->relative_option, m->spec->relative_value);
    bench_text_add(c->caption, sizeof c->caption, "%s%s", note, agreement);
}

zo_status bench_heatmap_put(const bench_results *r, const bench_plot_spec *spec, bench_canvas *c,
                            zo_error *err)
{
    map m;
    zo_status st = map_init(&m, r, spec, err);
    if (!st) {
        find_typical(&m);
        put_panels(&m, c);
        put_settings(&m, c);
        put_caption(&m, c);
    }
    map_deinit(&m);
    return st;
}
