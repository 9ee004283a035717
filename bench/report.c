/* See report.h. First everything is brought into tables and lines in memory, then written. */
#include "bench/report.h"

#include <stdlib.h>
#include <string.h>

#include "bench/figure.h"
#include "bench/folder.h"
#include "bench/metric.h"
#include "bench/origin.h"
#include "bench/results.h"
#include "bench/table.h"
#include "bench/tabulate.h"
#include "core/file.h"

typedef struct named_table {
    char name[48]; /* "table-1-relative" */
    bench_table *table;
} named_table;

typedef struct report {
    bench_results *results;
    const bench_report_options *options;
    char *out; /* folder */
    named_table *tables;
    int32_t table_count;
    bench_table *trouble; /* cells that are not complete */
    bench_table *cells;   /* cells.csv */
    bench_figure *figures;
    int32_t figure_count;
    bench_origins origins[BENCH_ORIGIN_COUNT];
} report;

/* ---- Words ---- */

static int32_t complete_cells(const report *r)
{
    return r->results->cell_count - (int32_t)bench_table_rows(r->trouble);
}

/* One sentence each: how much there is, and what to beware of. */
static void put_state(const report *r, FILE *f)
{
    const bench_results *b = r->results;
    int32_t runs = 0, ok = 0;
    for (int32_t i = 0; i < b->cell_count; i++) {
        runs += b->cells[i].run_count;
        ok += b->cells[i].ok_count;
    }
    fprintf(f, "%d of %d cells complete, %d of %d runs ok.", complete_cells(r), b->cell_count, ok, runs);
    if (b->torn)
        fprintf(f, " %d torn line%s of cells.jsonl left out.", b->torn, b->torn == 1 ? "" : "s");
    if (b->strays)
        fprintf(f, " %d record%s of cells that the manifest no longer has left out.", b->strays,
                b->strays == 1 ? "" : "s");
    if (b->doubled)
        fprintf(f, " %d run%s recorded more than once; the last record counts.", b->doubled,
                b->doubled == 1 ? "" : "s");
}

/* "The cells differ in: seq_len, seed." */
static void put_differences(const report *r, FILE *f)
{
    const char *between = "The cells differ in: ";
    for (const bench_option *o = bench_options; o->name; o++) {
        if (!bench_results_varies(r->results, o))
            continue;
        fputs(between, f);
        bench_table_put_escaped(BENCH_FORMAT_MARKDOWN, o->name, f);
        between = ", ";
    }
    fputs(*between == ',' ? ".\n\n" : "", f);
}

/* "model smollm2-135m, task sst2 ..." */
static void put_common(const report *r, FILE *f)
{
    const char *between = "- the same in all cells: ";
    for (const bench_option *o = bench_options; o->name && r->results->cell_count; o++) {
        if (bench_results_varies(r->results, o))
            continue;
        fprintf(f, "%s", between);
        bench_table_put_escaped(BENCH_FORMAT_MARKDOWN, o->name, f);
        fputc(' ', f);
        bench_table_put_escaped(BENCH_FORMAT_MARKDOWN, bench_result_text(&r->results->cells[0], o), f);
        between = ", ";
    }
    fputc('\n', f);
}

/* A line per text, each behind `before`. */
static void put_origins(const report *r, bench_origin kind, const char *before, FILE *f)
{
    const bench_origins *o = &r->origins[kind];
    for (int32_t i = 0; i < o->count; i++) {
        fputs(before, f);
        bench_table_put_escaped(BENCH_FORMAT_MARKDOWN, o->text[i], f);
        fputc('\n', f);
    }
    if (o->more)
        fprintf(f, "%sothers\n", before);
}

/* Runs that began while others kept the processors busy: our own share of the load is at most one per processor. */
static int32_t busy_runs(const report *r, double *most, int32_t *processors)
{
    size_t i;
    json_t *record;
    int32_t busy = 0;
    *most = 0;
    *processors = 0;
    json_array_foreach(r->results->records, i, record)
    {
        const json_t *load = bench_metric_at(record, "machine.load_average");
        json_int_t pus = json_integer_value(bench_metric_at(record, "machine.pus_allowed"));
        if (pus <= 0 || !(json_number_value(load) > 1.5 * (double)pus))
            continue;
        busy++;
        if (json_number_value(load) > *most) {
            *most = json_number_value(load);
            *processors = (int32_t)pus;
        }
    }
    return busy;
}

/* What makes times doubtful; each line between `before` and `after`. */
static void put_warnings(const report *r, const char *before, const char *after, FILE *f)
{
    int32_t machines = r->origins[BENCH_ORIGIN_MACHINE].count, builds = bench_origin_builds(r->results),
            processors;
    double load;
    int32_t busy = busy_runs(r, &load, &processors);
    if (machines > 1 || builds > 1)
        fprintf(
            f, "%sthe records come from %d machine%s and %d build%s; times are comparable only within one.%s",
            before, machines, machines == 1 ? "" : "s", builds, builds == 1 ? "" : "s", after);
    if (busy > 0)
        fprintf(f,
                "%s%d of %zu runs began on a busy machine (load up to %.1f on %d processor%s); their times "
                "are doubtful.%s",
                before, busy, json_array_size(r->results->records), load, processors,
                processors == 1 ? "" : "s", after);
}

static zo_status put_table(const named_table *t, FILE *f, zo_error *err)
{
    zo_status st = bench_table_write(t->table, BENCH_FORMAT_MARKDOWN, f, err);
    fprintf(f, "\n[CSV](%s.csv) [LaTeX](%s.tex)\n\n", t->name, t->name);
    return st;
}

static void put_figures(const report *r, FILE *f)
{
    if (r->figure_count)
        fputs("## Figures\n\n", f);
    for (int32_t i = 0; i < r->figure_count; i++) {
        const bench_figure *fig = &r->figures[i];
        if (fig->drawn)
            fprintf(f, "![figure %d](%s.svg)\n\n", i + 1, fig->name);
        fprintf(f, "**Figure %d.** ", i + 1);
        bench_table_put_escaped(BENCH_FORMAT_MARKDOWN, fig->caption, f);
        if (fig->empty)
            fputs(" Nothing was measured yet that it could show.\n\n", f);
        else
            fprintf(f, "%s [script](%s.gp) [data](%s.dat)\n\n", fig->drawn ? "" : " Not drawn.", fig->name,
                    fig->name);
    }
}

static zo_status put_report(const report *r, FILE *f, zo_error *err)
{
    zo_status st = ZO_OK;
    const char *first, *last;
    fputs("# ", f);
    bench_table_put_escaped(BENCH_FORMAT_MARKDOWN, r->results->manifest->title, f);
    fputs("\n\n", f);
    put_state(r, f);
    fputs("\n\n", f);
    put_differences(r, f);
    put_warnings(r, "**Beware:** ", "\n\n", f);
    put_origins(r, BENCH_ORIGIN_MACHINE, "Machine: ", f);
    fputs(r->origins[BENCH_ORIGIN_MACHINE].count ? "\n## Tables\n\n" : "## Tables\n\n", f);
    for (int32_t i = 0; !st && i < r->table_count; i++)
        st = put_table(&r->tables[i], f, err);
    put_figures(r, f);
    if (!st && bench_table_rows(r->trouble)) {
        fputs("## Cells that are not complete\n\n`zobench run` with the same manifest runs what is "
              "missing.\n\n",
              f);
        st = bench_table_write(r->trouble, BENCH_FORMAT_MARKDOWN, f, err);
        fputc('\n', f);
    }
    fputs("## Where the numbers come from\n\n", f);
    put_common(r, f);
    bench_origin_period(r->results, &first, &last);
    if (*first)
        fprintf(f, "- runs begun from %s to %s\n", first, last);
    for (bench_origin kind = BENCH_ORIGIN_BUILD; kind < BENCH_ORIGIN_COUNT; kind++)
        put_origins(r, kind, "- ", f);
    fputs("- every cell with every parameter and metric: [cells.csv](cells.csv)\n", f);
    return st;
}

/* ---- Files ---- */

static zo_status save_table(const report *r, const bench_table *t, bench_format format, const char *name,
                            const char *ending, zo_error *err)
{
    zo_file_draft d = {0};
    char *path = bench_folder_path("%s/%s.%s", r->out, name, ending);
    zo_status st = path ? zo_file_draft_open(&d, path, err)
                        : zo_fail(err, ZO_ERR_MEMORY, "write %s: out of memory", name);
    if (!st)
        st = bench_table_write(t, format, d.f, err);
    if (!st)
        st = zo_file_draft_commit(&d, err);
    zo_file_draft_discard(&d);
    free(path);
    return st;
}

static zo_status save_report(const report *r, zo_error *err)
{
    zo_file_draft d = {0};
    char *path = bench_folder_path("%s/report.md", r->out);
    zo_status st = path ? zo_file_draft_open(&d, path, err)
                        : zo_fail(err, ZO_ERR_MEMORY, "write report.md: out of memory");
    if (!st)
        st = put_report(r, d.f, err);
    if (!st)
        st = zo_file_draft_commit(&d, err);
    zo_file_draft_discard(&d);
    free(path);
    return st;
}

static zo_status save_tables(const report *r, zo_error *err)
{
    static const struct {
        bench_format format;
        const char *ending;
    } formats[] = {{BENCH_FORMAT_MARKDOWN, "md"}, {BENCH_FORMAT_CSV, "csv"}, {BENCH_FORMAT_LATEX, "tex"}};
    zo_status st = ZO_OK;
    for (int32_t i = 0; i < r->table_count; i++)
        for (size_t k = 0; !st && k < 3; k++)
            st = save_table(r, r->tables[i].table, formats[k].format, r->tables[i].name, formats[k].ending,
                            err);
    return st ? st : save_table(r, r->cells, BENCH_FORMAT_CSV, "cells", "csv", err);
}

static zo_status save_figures(report *r, zo_error *err)
{
    const bench_manifest *m = r->results->manifest;
    bool warned = false;
    r->figures = calloc((size_t)m->plot_count + 1, sizeof *r->figures);
    if (!r->figures)
        return zo_fail(err, ZO_ERR_MEMORY, "make figures: out of memory");
    for (int32_t i = 0; i < m->plot_count; i++) {
        bench_figure *f = &r->figures[r->figure_count++];
        zo_status st = bench_figure_write(r->results, &m->plots[i], i + 1, r->out, f, err);
        if (st)
            return st;
        zo_error why = {0};
        if (f->empty || bench_figure_draw(r->out, f, &why) == ZO_OK || warned)
            continue;
        fprintf(r->options->people, "zobench report: warning: figures are not drawn: %s\n", why.text);
        warned = true;
    }
    return ZO_OK;
}

static void name_files(const report *r, FILE *f)
{
    fprintf(f, "wrote %s/report.md\n      %s/cells.csv\n", r->out, r->out);
    for (int32_t i = 0; i < r->table_count; i++)
        fprintf(f, "      %s/%s.md .csv .tex\n", r->out, r->tables[i].name);
    for (int32_t i = 0; i < r->figure_count; i++)
        if (!r->figures[i].empty)
            fprintf(f, "      %s/%s%s .gp .dat\n", r->out, r->figures[i].name,
                    r->figures[i].drawn ? ".svg .png .pdf" : "");
}

/* ---- What is printed ---- */

static zo_status print_text(const report *r, FILE *f, zo_error *err)
{
    zo_status st = ZO_OK;
    fprintf(f, "%s\n", r->results->manifest->title);
    for (int32_t i = 0; i < r->origins[BENCH_ORIGIN_MACHINE].count; i++)
        fprintf(f, "%s\n", r->origins[BENCH_ORIGIN_MACHINE].text[i]);
    put_state(r, f);
    fputc('\n', f);
    put_warnings(r, "Beware: ", "\n", f);
    for (int32_t i = 0; !st && i < r->table_count; i++) {
        fputc('\n', f);
        st = bench_table_write(r->tables[i].table, BENCH_FORMAT_TEXT, f, err);
    }
    if (!st && bench_table_rows(r->trouble)) {
        fputs("\nCells that are not complete\n", f);
        st = bench_table_write(r->trouble, BENCH_FORMAT_TEXT, f, err);
    }
    return st;
}

static zo_status print_json(const report *r, FILE *f, zo_error *err)
{
    const bench_manifest *m = r->results->manifest;
    json_t *tables = json_array();
    for (int32_t i = 0; i < r->table_count; i++) {
        json_t *t = bench_table_to_json(r->tables[i].table);
        json_object_set_new(t, "name", json_string(r->tables[i].name));
        json_array_append_new(tables, t);
    }
    json_t *o =
        json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:o, s:o, s:o}", "schema", BENCH_REPORT_SCHEMA,
                  "name", m->name, "title", m->title, "cells", r->results->cell_count, "complete",
                  complete_cells(r), "torn_lines", r->results->torn, "stray_records", r->results->strays,
                  "doubled_runs", r->results->doubled, "tables", tables, "incomplete",
                  bench_table_to_json(r->trouble), "all", bench_table_to_json(r->cells));
    zo_status st = ZO_OK;
    if (!o || json_dumpf(o, f, JSON_INDENT(2)) != 0)
        st = zo_fail(err, ZO_ERR_IO, "print report as JSON");
    fputc('\n', f);
    json_decref(o);
    return st;
}

static zo_status make_tables(report *r, zo_error *err)
{
    const bench_manifest *m = r->results->manifest;
    zo_status st = ZO_OK;
    r->tables = calloc(2 * (size_t)m->table_count + 2, sizeof *r->tables);
    if (!r->tables)
        return zo_fail(err, ZO_ERR_MEMORY, "make tables: out of memory");
    for (int32_t i = 0; !st && i < m->table_count; i++) {
        for (int relative = 0; !st && relative <= (*m->tables[i].relative_option != 0); relative++) {
            named_table *t = &r->tables[r->table_count++];
            snprintf(t->name, sizeof t->name, "table-%d%s", i + 1, relative ? "-relative" : "");
            st = bench_tabulate_spec(r->results, &m->tables[i], relative, &t->table, err);
        }
    }
    if (!st && m->table_count == 0) {
        named_table *t = &r->tables[r->table_count++];
        snprintf(t->name, sizeof t->name, "table-1");
        st = bench_tabulate_usual(r->results, &t->table, err);
    }
    if (st)
        return st;
    named_table *t = &r->tables[r->table_count++];
    snprintf(t->name, sizeof t->name, "fine-tuning");
    st = bench_tabulate_tuning(r->results, &t->table, err);
    if (!st && bench_table_rows(t->table) == 0) {
        bench_table_free(t->table);
        r->table_count--;
    }
    return st;
}

static void report_deinit(report *r)
{
    for (int32_t i = 0; i < r->table_count; i++)
        bench_table_free(r->tables[i].table);
    bench_table_free(r->trouble);
    bench_table_free(r->cells);
    bench_results_free(r->results);
    free(r->tables);
    free(r->figures);
    free(r->out);
}

zo_status bench_report(const bench_report_options *o, zo_error *err)
{
    report r = {.options = o};
    zo_status st = bench_results_load_set(o->dir, o->sets, &r.results, err);
    if (st)
        goto cleanup;
    r.out = o->out ? strdup(o->out) : bench_folder_path("%s/report", o->dir);
    st = r.out ? bench_folder_make(r.out, err) : zo_fail(err, ZO_ERR_MEMORY, "report: out of memory");
    if (st)
        goto cleanup;
    st = make_tables(&r, err);
    if (st)
        goto cleanup;
    r.trouble = bench_tabulate_incomplete(r.results);
    r.cells = bench_tabulate_cells(r.results);
    for (bench_origin kind = 0; kind < BENCH_ORIGIN_COUNT; kind++)
        bench_origin_collect(r.results, kind, &r.origins[kind]);
    st = save_tables(&r, err);
    if (!st)
        st = save_figures(&r, err);
    if (!st)
        st = save_report(&r, err);
    if (!st)
        st = o->json ? print_json(&r, o->data, err) : print_text(&r, o->data, err);
    if (!st && (fflush(o->data) || ferror(o->data)))
        st = zo_fail(err, ZO_ERR_IO, "print report");
    if (!st)
        name_files(&r, o->people);
cleanup:
    report_deinit(&r);
    return st;
}
