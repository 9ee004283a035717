/* See tabulate.h. */
#include "bench/report/tabulate.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/results/grid.h"
#include "bench/record/metric.h"
#include "bench/results/summary.h"

/* ---- Tables of the manifest ---- */

/* The letters of a label that suit the name of a CSV column: "both, queries=4" -> "both_queries_4". */
static void make_key(const char *label, const char *ending, char *out, size_t cap)
{
    size_t n = 0;
    for (; *label && n + 1 < cap; label++) {
        bool fits = isalnum((unsigned char)*label) || *label == '.' || *label == '-';
        if (fits)
            out[n++] = *label;
        else if (n > 0 && out[n - 1] != '_')
            out[n++] = '_';
    }
    snprintf(out + n, cap - n, "%s%s", n ? "_" : "", ending);
}

/* Values of one table: a summary per place, row-major. */
typedef struct grid {
    bench_grid cross;
    bench_summary *places;       /* (rows, cols) */
    const bench_result **a, **b; /* (count) room for the cells of a place and of its baseline */
} grid;

static zo_status grid_init(grid *g, const bench_results *r, const json_t *where, const char *rows,
                           const char *cols, zo_error *err)
{
    memset(g, 0, sizeof *g);
    zo_status st = bench_grid_init(&g->cross, r, where, rows, cols, false, err);
    if (st)
        return st;
    size_t count = (size_t)g->cross.count + 1;
    g->places = calloc((size_t)g->cross.row_count * (size_t)g->cross.col_count + 1, sizeof *g->places);
    g->a = calloc(count, sizeof(const bench_result *));
    g->b = calloc(count, sizeof(const bench_result *));
    return g->places && g->a && g->b ? ZO_OK : zo_fail(err, ZO_ERR_MEMORY, "make table: out of memory");
}

static void grid_deinit(grid *g)
{
    bench_grid_deinit(&g->cross);
    free(g->places);
    free(g->a);
    free(g->b);
}

static bench_summary *place_of(const grid *g, int32_t row, int32_t col)
{
    return &g->places[(size_t)row * (size_t)g->cross.col_count + (size_t)col];
}

static void fill_absolute(grid *g, const bench_metric *m)
{
    for (int32_t row = 0; row < g->cross.row_count; row++)
        for (int32_t col = 0; col < g->cross.col_count; col++)
            bench_summary_of(m, g->a, bench_grid_at(&g->cross, row, col, g->a), place_of(g, row, col));
}

static void fill_relative(grid *g, const bench_metric *m, const bench_table_spec *spec)
{
    const bench_option *o = bench_option_find(spec->relative_option);
    for (int32_t row = 0; row < g->cross.row_count; row++) {
        for (int32_t col = 0; col < g->cross.col_count; col++) {
            bench_summary *s = place_of(g, row, col);
            int32_t na = bench_grid_at(&g->cross, row, col, g->a);
            int32_t nb = o ? bench_grid_baseline(&g->cross, row, col, o, spec->relative_value, g->b) : 0;
            bench_summary_ratio(m, g->a, na, g->b, nb, s);
            if (isnan(s->value) && na > 0 && nb == 0)
                snprintf(s->why, sizeof s->why, "no one configuration to divide by");
            if (na > 0 && na == nb && g->a[0] == g->b[0] && !isnan(s->value)) /* the baseline itself */
                *s = (bench_summary){.value = 1, .interval = bench_no_interval, .n = s->n};
        }
    }
}

/* The note that all known places share, to out; "" where they differ. */
static void common_note(const grid *g, char *out, size_t cap)
{
    char note[320];
    size_t n = (size_t)g->cross.row_count * (size_t)g->cross.col_count;
    *out = 0;
    for (size_t i = 0; i < n; i++) {
        const bench_summary *s = &g->places[i];
        if (isnan(s->value) || (s->spread == BENCH_SPREAD_NONE && s->value == 1))
            continue;
        bench_summary_note(s, note, sizeof note);
        if (*out && strcmp(out, note) != 0) {
            *out = 0;
            return;
        }
        snprintf(out, cap, "%s", note);
    }
}

static double half_width(bench_interval i)
{
    return (i.high - i.low) / 2;
}

/* Of a metric that seeds decide, the two error bars go to columns of their own: an interval of one or the other would not say
 * which it is. */
static bench_column_kind column_kind(const bench_metric *m, bool relative)
{
    return m->pool == BENCH_POOL_SEEDS && !relative ? BENCH_COLUMN_ERRORS : BENCH_COLUMN_SPREAD;
}

static void add_summary(bench_table *t, const bench_metric *m, const bench_summary *s, const char *common)
{
    char text[256], note[320];
    bench_summary_text(m, s, text, sizeof text);
    bench_summary_note(s, note, sizeof note);
    if (m->pool == BENCH_POOL_SEEDS && m != &bench_metric_ratio)
        bench_table_add_errors(t, text, s->value,
                               s->spread == BENCH_SPREAD_SEEDS ? half_width(s->interval) : NAN, s->stderr_);
    else
        bench_table_add_number(t, text, s->value, s->interval);
    if (isnan(s->value) || (!*common && !(s->spread == BENCH_SPREAD_NONE && m == &bench_metric_ratio)))
        bench_table_mark(t, note);
}

static void add_remark(bench_table *t, const char *note)
{
    char text[656];
    snprintf(text, sizeof text, "%s.", note);
    text[0] = (char)toupper((unsigned char)text[0]);
    if (*note)
        bench_table_remark(t, text);
}

/* Title: what the manifest calls the table, what it shows (unless that says so), in which unit. */
static void make_title(const bench_table_spec *spec, const bench_metric *m, bool relative, char *out,
                       size_t cap)
{
    const char *title = spec->title;
    bool told = *title && strcasestr(title, m->label);
    if (!relative) {
        bench_metric_title(m, title, out, cap);
        return;
    }
    snprintf(out, cap, "%s%s%s%srelative to %s=%s", title, *title ? ": " : "", told ? "" : m->label,
             told ? "" : " ", spec->relative_option, spec->relative_value);
    if (!*title)
        out[0] = (char)toupper((unsigned char)out[0]);
}

static void add_columns(bench_table *t, const grid *g, const bench_metric *m, bool relative)
{
    char head[256], key[320], ending[64];
    snprintf(ending, sizeof ending, "%s%s", m->name, relative ? "_ratio" : "");
    for (int32_t i = 0; i < g->cross.row_option_count; i++)
        bench_table_add_column(t, BENCH_COLUMN_TEXT, g->cross.row_options[i]->name,
                               g->cross.row_options[i]->name);
    for (int32_t col = 0; col < g->cross.col_count; col++) {
        bench_grid_label(&g->cross, false, col, head, sizeof head);
        make_key(head, ending, key, sizeof key);
        if (!*head)
            snprintf(head, sizeof head, "%s", m->label);
        bench_table_add_column(t, column_kind(m, relative), head, key);
    }
}

static void add_row_labels(bench_table *t, const grid *g, int32_t row)
{
    bench_table_add_row(t);
    for (int32_t i = 0; i < g->cross.row_option_count; i++)
        bench_table_add_text(t, bench_result_text(bench_grid_row(&g->cross, row), g->cross.row_options[i]));
}

zo_status bench_tabulate_spec(const bench_results *r, const bench_table_spec *spec, bool relative,
                              bench_table **out, zo_error *err)
{
    const bench_metric *m = bench_metric_find(spec->value), *shown = relative ? &bench_metric_ratio : m;
    char text[512];
    grid g;
    if (!m)
        return zo_fail(err, ZO_ERR_INVALID, "table: \"%s\" is not a metric", spec->value);
    zo_status st = grid_init(&g, r, spec->where, spec->rows, spec->cols, err);
    if (st)
        goto cleanup;
    if (relative)
        fill_relative(&g, m, spec);
    else
        fill_absolute(&g, m);
    make_title(spec, m, relative, text, sizeof text);
    bench_table *t = *out = bench_table_new(text);
    add_columns(t, &g, m, relative);
    common_note(&g, text, sizeof text);
    for (int32_t row = 0; row < g.cross.row_count; row++) {
        add_row_labels(t, &g, row);
        for (int32_t col = 0; col < g.cross.col_count; col++)
            add_summary(t, shown, place_of(&g, row, col), text);
    }
    add_remark(t, text);
    if (relative)
        add_remark(t, m->better == BENCH_LOWER
                          ? "below 1 is better; each run is divided by the run of the same number"
                          : "above 1 is better; each run is divided by the run of the same number");
    else if (m->pool == BENCH_POOL_SEEDS || strcmp(m->name, "peak_rss_bytes") == 0)
        add_remark(t, m->help);
cleanup:
    grid_deinit(&g);
    return st;
}

/* ---- The table of a manifest without tables, and that of fine-tuning ---- */

/* Columns that name a configuration: the options of the rows or, where there is only one, what it is. */
static void add_names(bench_table *t, const grid *g, int32_t row, bool heads)
{
    static const char *const otherwise[] = {"model", "task", "method"};
    int32_t n = g->cross.row_option_count ? g->cross.row_option_count : 3;
    if (!heads)
        bench_table_add_row(t);
    for (int32_t i = 0; i < n; i++) {
        const bench_option *o =
            g->cross.row_option_count ? g->cross.row_options[i] : bench_option_find(otherwise[i]);
        if (heads)
            bench_table_add_column(t, BENCH_COLUMN_TEXT, o->name, o->name);
        else
            bench_table_add_text(t, bench_result_text(bench_grid_row(&g->cross, row), o));
    }
}

/* The labels of the columns that share the i-th one's note: "accuracy before training, accuracy". */
static void sharing_labels(const bench_metric *const *m, int32_t n, const bool *any, const char (*note)[400],
                           int32_t i, char *out, size_t cap)
{
    size_t used = 0;
    *out = 0;
    for (int32_t k = i; k < n && used < cap; k++)
        if (any[k] && strcmp(note[k], note[i]) == 0)
            used += (size_t)snprintf(out + used, cap - used, "%s%s", used ? ", " : "", m[k]->label);
}

/* Below the table: what the numbers of its columns are, each remark once. */
static void add_column_remarks(bench_table *t, const bench_metric *const *m, int32_t n, const bool *any,
                               const char (*note)[400])
{
    char text[640], labels[200];
    for (int32_t i = 0; i < n; i++) {
        bool again = false, bare = !m[i]->stderr_path && m[i]->pool == BENCH_POOL_SEEDS;
        for (int32_t k = 0; k < i; k++)
            again = again || (any[k] && strcmp(note[k], note[i]) == 0);
        sharing_labels(m, n, any, note, i, labels, sizeof labels);
        snprintf(text, sizeof text, "%s: %.400s", labels, note[i]);
        if (any[i] && !again && *note[i] && !(bare && strcmp(note[i], "one run") == 0))
            add_remark(t, text);
        snprintf(text, sizeof text, "%s: %s", m[i]->label, m[i]->help);
        if (any[i] && bare)
            add_remark(t, text);
    }
}

/* A row per configuration that `keep` wants, a column per metric that any of them has. */
static zo_status make_metrics_table(const bench_results *r, const char *title, const char *const *names,
                                    int32_t n, bool (*keep)(const grid *, int32_t row), bench_table **out,
                                    zo_error *err)
{
    char head[128], note[8][400];
    const bench_metric *metrics[8];
    bool any[8] = {false};
    grid g;
    zo_status st = grid_init(&g, r, NULL, "", "", err);
    if (st)
        goto cleanup;
    bench_table *t = *out = bench_table_new(title);
    add_names(t, &g, 0, true);
    for (int32_t i = 0; i < n; i++) {
        metrics[i] = bench_metric_find(names[i]);
        fill_absolute(&g, metrics[i]);
        common_note(&g, note[i], sizeof note[i]);
        for (int32_t row = 0; row < g.cross.row_count; row++)
            any[i] = any[i] || !isnan(place_of(&g, row, 0)->value);
        any[i] = any[i] || i == 0; /* never a table without values */
        bench_metric_heading(metrics[i], head, sizeof head);
        if (any[i])
            bench_table_add_column(t, column_kind(metrics[i], false), head, metrics[i]->name);
    }
    for (int32_t row = 0; row < g.cross.row_count; row++) {
        if (keep && !keep(&g, row))
            continue;
        add_names(t, &g, row, false);
        for (int32_t i = 0; i < n; i++) {
            bench_summary s;
            if (!any[i])
                continue;
            bench_summary_of(metrics[i], g.a, bench_grid_at(&g.cross, row, 0, g.a), &s);
            add_summary(t, metrics[i], &s, note[i]);
        }
    }
    add_column_remarks(t, metrics, n, any, note);
cleanup:
    grid_deinit(&g);
    return st;
}

/* Was this configuration trained, and evaluated before and after? */
static bool is_tuned(const grid *g, int32_t row)
{
    bench_summary before, after;
    int32_t n = bench_grid_at(&g->cross, row, 0, g->a);
    bench_summary_of(bench_metric_find("accuracy_initial"), g->a, n, &before);
    bench_summary_of(bench_metric_find("accuracy"), g->a, n, &after);
    return n > 0 && g->a[0]->cell->params.steps > 0 && !isnan(before.value) && !isnan(after.value);
}

/* What guessing would reach, where it is the same for all cells. */
static void add_chance_remark(bench_table *t, const bench_results *r)
{
    char text[64];
    double chance = NAN;
    size_t i;
    json_t *record;
    json_array_foreach(r->records, i, record)
    {
        const json_t *at = bench_metric_at(record, "accuracy.chance");
        if (!json_is_number(at))
            continue;
        if (!isnan(chance) && json_number_value(at) != chance)
            return;
        chance = json_number_value(at);
    }
    snprintf(text, sizeof text, "guessing reaches %.1f%%", 100 * chance);
    if (!isnan(chance))
        add_remark(t, text);
}

/* Names the task and the number of steps where all cells share them. */
static void tuning_title(const bench_results *r, char *out, size_t cap)
{
    const bench_option *task = bench_option_find("task"), *steps = bench_option_find("steps");
    size_t n = (size_t)snprintf(out, cap, "Accuracy before and after training");
    if (r->cell_count && !bench_results_varies(r, task))
        n += (size_t)snprintf(out + n, cap - n, " on %s", bench_result_text(&r->cells[0], task));
    if (r->cell_count && !bench_results_varies(r, steps))
        snprintf(out + n, cap - n, ", %s steps", bench_result_text(&r->cells[0], steps));
}

zo_status bench_tabulate_usual(const bench_results *r, bench_table **out, zo_error *err)
{
    static const char *const names[] = {"step_ns", "peak_rss_bytes", "accuracy"};
    return make_metrics_table(r, "Step time, peak memory, accuracy", names, 3, NULL, out, err);
}

zo_status bench_tabulate_tuning(const bench_results *r, bench_table **out, zo_error *err)
{
    static const char *const names[] = {"accuracy_initial", "accuracy", "accuracy_best"};
    char title[200];
    tuning_title(r, title, sizeof title);
    zo_status st = make_metrics_table(r, title, names, 3, is_tuned, out, err);
    add_chance_remark(*out, r);
    return st;
}

/* ---- Cells ---- */

bench_table *bench_tabulate_incomplete(const bench_results *r)
{
    char label[512], trouble[400];
    bench_table *t = bench_table_new("");
    bench_table_add_column(t, BENCH_COLUMN_TEXT, "cell", "cell");
    bench_table_add_column(t, BENCH_COLUMN_TEXT, "id", "cell_id");
    bench_table_add_column(t, BENCH_COLUMN_TEXT, "what happened", "what");
    for (int32_t i = 0; i < r->cell_count; i++) {
        const bench_result *cell = &r->cells[i];
        bench_result_trouble(r, cell, trouble, sizeof trouble);
        if (!*trouble)
            continue;
        bench_result_label(r, cell, label, sizeof label);
        bench_table_add_row(t);
        bench_table_add_text(t, label);
        bench_table_add_text(t, cell->cell->id);
        bench_table_add_text(t, trouble);
    }
    return t;
}

static void add_count(bench_table *t, int32_t n)
{
    char text[32];
    snprintf(text, sizeof text, "%d", n);
    bench_table_add_number(t, text, n, bench_no_interval);
}

static void add_plain_number(bench_table *t, double v)
{
    char text[32];
    snprintf(text, sizeof text, "%.6g", v);
    bench_table_add_number(t, text, v, bench_no_interval);
}

static void add_metric_columns(bench_table *t, const bench_metric *m)
{
    char key[64];
    bool runs = m->pool == BENCH_POOL_RUNS;
    bench_table_add_column(t, runs ? BENCH_COLUMN_SPREAD : BENCH_COLUMN_NUMBER, m->name, m->name);
    snprintf(key, sizeof key, "%s_%s", m->name, runs ? "coverage" : "stderr");
    if (runs || m->stderr_path)
        bench_table_add_column(t, BENCH_COLUMN_NUMBER, key, key);
}

static void add_metric_values(bench_table *t, const bench_metric *m, const bench_result *cell)
{
    char text[256];
    bench_summary s;
    bench_summary_of(m, &cell, 1, &s);
    bench_summary_text(m, &s, text, sizeof text);
    bench_table_add_number(t, text, s.value, s.interval);
    if (m->pool == BENCH_POOL_RUNS)
        add_plain_number(t, s.interval.coverage > 0 ? s.interval.coverage : NAN);
    else if (m->stderr_path)
        add_plain_number(t, s.stderr_);
}

bench_table *bench_tabulate_cells(const bench_results *r)
{
    char trouble[400];
    bench_table *t = bench_table_new("");
    bench_table_add_column(t, BENCH_COLUMN_TEXT, "cell_id", "cell_id");
    bench_table_add_column(t, BENCH_COLUMN_TEXT, "status", "status");
    bench_table_add_column(t, BENCH_COLUMN_NUMBER, "runs_ok", "runs_ok");
    bench_table_add_column(t, BENCH_COLUMN_NUMBER, "runs", "runs");
    for (const bench_option *o = bench_options; o->name; o++)
        bench_table_add_column(t, BENCH_COLUMN_TEXT, o->name, o->name);
    for (const char *const *name = bench_metric_names(); *name; name++)
        add_metric_columns(t, bench_metric_find(*name));
    for (int32_t i = 0; i < r->cell_count; i++) {
        const bench_result *cell = &r->cells[i];
        bench_result_trouble(r, cell, trouble, sizeof trouble);
        bench_table_add_row(t);
        bench_table_add_text(t, cell->cell->id);
        bench_table_add_text(t, *trouble ? trouble : "ok");
        add_count(t, cell->ok_count);
        add_count(t, cell->run_count);
        for (const bench_option *o = bench_options; o->name; o++) {
            const char *text = bench_result_text(cell, o);
            bench_table_add_text(t, strcmp(text, "null") == 0 ? "" : text);
        }
        for (const char *const *name = bench_metric_names(); *name; name++)
            add_metric_values(t, bench_metric_find(*name), cell);
    }
    return t;
}
