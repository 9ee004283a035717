/* See tabulate.h. */
#include "bench/base/text.h"
#include "bench/report/tabulate.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/results/grid.h"
#include "bench/record/metric.h"
#include "bench/results/summary.h"

enum { MOST_METRICS = 4 };

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

/* The note that all known places share, to out; "" where they differ. */
static void common_note(const bench_summary *places, int32_t n, char *out, size_t cap)
{
    char note[320];
    *out = 0;
    for (const bench_summary *s = places; s < places + n; s++) {
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

static void add_columns(bench_table *t, const bench_grid *g, const bench_metric *m, bool relative)
{
    char head[256], key[320], ending[64];
    snprintf(ending, sizeof ending, "%s%s", m->name, relative ? "_ratio" : "");
    for (int32_t i = 0; i < g->rows.option_count; i++)
        bench_table_add_column(t, BENCH_COLUMN_TEXT, g->rows.options[i]->name, g->rows.options[i]->name);
    for (int32_t col = 0; col < g->cols.count; col++) {
        bench_grid_label(&g->cols, col, head, sizeof head);
        make_key(head, ending, key, sizeof key);
        if (!*head)
            snprintf(head, sizeof head, "%s", m->label);
        bench_table_add_column(t, column_kind(m, relative), head, key);
    }
}

static bench_table *make_table(const bench_table_spec *spec, const bench_grid *g, const bench_metric *m,
                               const bench_summary *s, bool relative)
{
    char text[512];
    make_title(spec, m, relative, text, sizeof text);
    bench_table *t = bench_table_new(text);
    add_columns(t, g, m, relative);
    common_note(s, g->rows.count * g->cols.count, text, sizeof text);
    for (int32_t row = 0; row < g->rows.count; row++) {
        bench_table_add_row(t);
        for (int32_t i = 0; i < g->rows.option_count; i++)
            bench_table_add_text(t, bench_result_text(g->rows.first[row], g->rows.options[i]));
        for (int32_t col = 0; col < g->cols.count; col++)
            add_summary(t, relative ? &bench_metric_ratio : m, s++, text);
    }
    add_remark(t, text);
    if (relative)
        add_remark(t, m->better == BENCH_LOWER
                          ? "below 1 is better; each run is divided by the run of the same number"
                          : "above 1 is better; each run is divided by the run of the same number");
    else if (m->pool == BENCH_POOL_SEEDS || strcmp(m->name, "peak_rss_bytes") == 0)
        add_remark(t, m->help);
    return t;
}

zo_status bench_tabulate_spec(const bench_results *r, const bench_table_spec *spec, bench_table *out[2],
                              zo_error *err)
{
    const bench_metric *m = bench_metric_find(spec->value);
    bench_grid g;
    out[0] = out[1] = NULL;
    if (!m)
        return zo_fail(err, ZO_ERR_INVALID, "table: \"%s\" is not a metric", spec->value);
    zo_status st = bench_grid_init(&g, r, spec->where, spec->rows, spec->cols, false, err);
    for (int relative = 0; !st && relative <= (*spec->relative_option != 0); relative++) {
        bench_summary *s = relative
                               ? bench_grid_ratios(&g, m, spec->relative_option, spec->relative_value, false)
                               : bench_grid_values(&g, m);
        if (s)
            out[relative] = make_table(spec, &g, m, s, relative);
        else
            st = zo_fail(err, ZO_ERR_MEMORY, "make table: out of memory");
        free(s);
    }
    bench_grid_deinit(&g);
    return st;
}

/* ---- The table of a manifest without tables, and that of fine-tuning ---- */

/* A table of metrics: a row per configuration, a column per metric that any of them has. */
typedef struct metrics_table {
    bench_grid grid;
    const bench_metric *metric[MOST_METRICS];
    bench_summary *values[MOST_METRICS]; /* (rows) */
    char note[MOST_METRICS][400];        /* what the values of a column share */
    bool any[MOST_METRICS];              /* is there a value? */
    int32_t n;
} metrics_table;

/* Columns that name a configuration: the options of the rows or, where there is only one, what it is. first NULL: their
 * heads. */
static void add_names(bench_table *t, const bench_grid_axis *rows, const bench_result *first)
{
    static const char *const otherwise[] = {"model", "task", "method"};
    int32_t n = rows->option_count ? rows->option_count : 3;
    for (int32_t i = 0; i < n; i++) {
        const bench_option *o = rows->option_count ? rows->options[i] : bench_option_find(otherwise[i]);
        if (first)
            bench_table_add_text(t, bench_result_text(first, o));
        else
            bench_table_add_column(t, BENCH_COLUMN_TEXT, o->name, o->name);
    }
}

/* Below the table: what the numbers of its columns are, each remark once, after the labels of the columns that share it:
 * "accuracy before training, accuracy". */
static void add_column_remarks(bench_table *t, const metrics_table *m)
{
    char text[640], labels[200];
    for (int32_t i = 0; i < m->n; i++) {
        bool again = false, bare = !m->metric[i]->stderr_path && m->metric[i]->pool == BENCH_POOL_SEEDS;
        *labels = 0;
        for (int32_t k = 0; k < m->n; k++) {
            if (!m->any[k] || strcmp(m->note[k], m->note[i]) != 0)
                continue;
            again = again || k < i;
            bench_text_add(labels, sizeof labels, "%s%s", *labels ? ", " : "", m->metric[k]->label);
        }
        snprintf(text, sizeof text, "%s: %.400s", labels, m->note[i]);
        if (m->any[i] && !again && *m->note[i] && !(bare && strcmp(m->note[i], "one run") == 0))
            add_remark(t, text);
        snprintf(text, sizeof text, "%s: %s", m->metric[i]->label, m->metric[i]->help);
        if (m->any[i] && bare)
            add_remark(t, text);
    }
}

static void metrics_deinit(metrics_table *m)
{
    for (int32_t i = 0; i < MOST_METRICS; i++)
        free(m->values[i]);
    bench_grid_deinit(&m->grid);
}

static zo_status metrics_init(metrics_table *m, const bench_results *r, const char *const *names,
                              zo_error *err)
{
    *m = (metrics_table){0};
    zo_status st = bench_grid_init(&m->grid, r, NULL, "", "", false, err);
    for (; !st && names[m->n]; m->n++) {
        const int32_t i = m->n, rows = m->grid.rows.count;
        m->metric[i] = bench_metric_find(names[i]);
        m->values[i] = bench_grid_values(&m->grid, m->metric[i]);
        if (!m->values[i])
            return zo_fail(err, ZO_ERR_MEMORY, "make table: out of memory");
        common_note(m->values[i], rows, m->note[i], sizeof m->note[i]);
        m->any[i] = i == 0; /* never a table without values */
        for (int32_t row = 0; row < rows; row++)
            m->any[i] = m->any[i] || !isnan(m->values[i][row].value);
    }
    return st;
}

/* keep: which rows; NULL: all. */
static zo_status make_metrics_table(const bench_results *r, const char *title, const char *const *names,
                                    bool (*keep)(const metrics_table *, int32_t row), bench_table **out,
                                    zo_error *err)
{
    char head[128];
    metrics_table m;
    *out = NULL;
    zo_status st = metrics_init(&m, r, names, err);
    bench_table *t = *out = st ? NULL : bench_table_new(title);
    if (!t)
        goto cleanup;
    add_names(t, &m.grid.rows, NULL);
    for (int32_t i = 0; i < m.n; i++) {
        bench_metric_heading(m.metric[i], head, sizeof head);
        if (m.any[i])
            bench_table_add_column(t, column_kind(m.metric[i], false), head, m.metric[i]->name);
    }
    for (int32_t row = 0; row < m.grid.rows.count; row++) {
        if (keep && !keep(&m, row))
            continue;
        bench_table_add_row(t);
        add_names(t, &m.grid.rows, m.grid.rows.first[row]);
        for (int32_t i = 0; i < m.n; i++)
            if (m.any[i])
                add_summary(t, m.metric[i], &m.values[i][row], m.note[i]);
    }
    add_column_remarks(t, &m);
cleanup:
    metrics_deinit(&m);
    return st;
}

/* Was this configuration trained, and evaluated before and after, as the first two metrics say? */
static bool is_tuned(const metrics_table *m, int32_t row)
{
    return m->grid.rows.first[row]->cell->params.steps > 0 && !isnan(m->values[0][row].value) &&
           !isnan(m->values[1][row].value);
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
        const double here = bench_metric_number_at(record, "accuracy.chance");
        if (isnan(here))
            continue;
        if (!isnan(chance) && here != chance)
            return;
        chance = here;
    }
    snprintf(text, sizeof text, "guessing reaches %.1f%%", 100 * chance);
    if (!isnan(chance))
        add_remark(t, text);
}

/* Names the task and the number of steps where all cells share them. */
static void tuning_title(const bench_results *r, char *out, size_t cap)
{
    const bench_option *task = bench_option_find("task"), *steps = bench_option_find("steps");
    snprintf(out, cap, "Accuracy before and after training");
    if (r->cell_count && !bench_results_varies(r, task))
        bench_text_add(out, cap, " on %s", bench_result_text(&r->cells[0], task));
    if (r->cell_count && !bench_results_varies(r, steps))
        bench_text_add(out, cap, ", %s steps", bench_result_text(&r->cells[0], steps));
}

zo_status bench_tabulate_usual(const bench_results *r, bench_table **out, zo_error *err)
{
    static const char *const names[] = {"step_ns", "peak_rss_bytes", "accuracy", NULL};
    return make_metrics_table(r, "Step time, peak memory, accuracy", names, NULL, out, err);
}

zo_status bench_tabulate_tuning(const bench_results *r, bench_table **out, zo_error *err)
{
    static const char *const names[] = {"accuracy_initial", "accuracy", "accuracy_best", NULL};
    char title[200];
    tuning_title(r, title, sizeof title);
    zo_status st = make_metrics_table(r, title, names, is_tuned, out, err);
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
    bench_summary_of(m, (bench_group){&cell, 1}, &s);
    bench_summary_text(m, &s, text, sizeof text);
    bench_table_add_number(t, text, s.value, s.interval);
    if (m->pool == BENCH_POOL_RUNS)
        bench_table_add_printed(t, "%.6g", s.interval.coverage > 0 ? s.interval.coverage : NAN);
    else if (m->stderr_path)
        bench_table_add_printed(t, "%.6g", s.stderr_);
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
        bench_table_add_printed(t, "%.0f", cell->ok_count);
        bench_table_add_printed(t, "%.0f", cell->run_count);
        for (const bench_option *o = bench_options; o->name; o++) {
            const char *text = bench_result_text(cell, o);
            bench_table_add_text(t, strcmp(text, "null") == 0 ? "" : text);
        }
        for (const char *const *name = bench_metric_names(); *name; name++)
            add_metric_values(t, bench_metric_find(*name), cell);
    }
    return t;
}
