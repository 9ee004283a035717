/* See report.h. First everything is brought into tables and lines in memory, then written. */
#include "bench/report/report.h"

#include <stdlib.h>
#include <string.h>

#include "bench/base/folder.h"
#include "bench/results/prediction.h"
#include "bench/report/report_parts.h"
#include "bench/report/tabulate.h"
#include "core/base/file.h"

/* ---- Files ---- */

/* A file of the report's folder: what `write` makes or, where that is NULL, a table. */
static zo_status save(const bench_report_parts *r, const char *name, const char *ending,
                      const bench_table *table, bench_format format,
                      zo_status (*write)(const bench_report_parts *, FILE *, zo_error *), zo_error *err)
{
    zo_file_draft d = {0};
    char *path = bench_folder_path("%s/%s.%s", r->out, name, ending);
    zo_status st = path ? zo_file_draft_open(&d, path, err)
                        : zo_fail(err, ZO_ERR_MEMORY, "write %s: out of memory", name);
    if (!st)
        st = write ? write(r, d.f, err) : bench_table_write(table, format, d.f, err);
    if (!st)
        st = zo_file_draft_commit(&d, err);
    zo_file_draft_discard(&d);
    free(path);
    return st;
}

/* A table in the three formats of files. */
static zo_status save_formats(const bench_report_parts *r, const bench_table *t, const char *name,
                              zo_error *err)
{
    static const struct {
        bench_format format;
        const char *ending;
    } formats[] = {{BENCH_FORMAT_MARKDOWN, "md"}, {BENCH_FORMAT_CSV, "csv"}, {BENCH_FORMAT_LATEX, "tex"}};
    zo_status st = ZO_OK;
    for (size_t k = 0; !st && k < sizeof formats / sizeof *formats; k++)
        st = save(r, name, formats[k].ending, t, formats[k].format, NULL, err);
    return st;
}

static zo_status save_tables(const bench_report_parts *r, zo_error *err)
{
    zo_status st = ZO_OK;
    for (int32_t i = 0; !st && i < r->table_count; i++)
        st = save_formats(r, r->tables[i].table, r->tables[i].name, err);
    if (!st && r->results->manifest->claim_count) {
        st = save_formats(r, r->verdicts, "claims", err);
        if (!st)
            st = save(r, "claims-pairs", "csv", r->pairs, BENCH_FORMAT_CSV, NULL, err);
    }
    return st ? st : save(r, "cells", "csv", r->cells, BENCH_FORMAT_CSV, NULL, err);
}

static zo_status save_figures(bench_report_parts *r, zo_error *err)
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
        fprintf(r->people, "zobench report: warning: figures are not drawn: %s\n", why.text);
        warned = true;
    }
    return ZO_OK;
}

static void name_files(const bench_report_parts *r, FILE *f)
{
    fprintf(f, "wrote %s/report.md\n      %s/report.html\n      %s/cells.csv\n", r->out, r->out, r->out);
    if (r->results->manifest->claim_count)
        fprintf(f, "      %s/claims.md .csv .tex\n      %s/claims-pairs.csv\n", r->out, r->out);
    for (int32_t i = 0; i < r->table_count; i++)
        fprintf(f, "      %s/%s.md .csv .tex\n", r->out, r->tables[i].name);
    for (int32_t i = 0; i < r->figure_count; i++)
        if (!r->figures[i].empty)
            fprintf(f, "      %s/%s%s .gp .dat\n", r->out, r->figures[i].name,
                    r->figures[i].drawn ? ".svg .png .pdf" : "");
}

/* ---- What is printed ---- */

static zo_status print_text(const bench_report_parts *r, FILE *f, zo_error *err)
{
    zo_status st = ZO_OK;
    fprintf(f, "%s\n", r->results->manifest->title);
    for (int32_t i = 0; i < r->provenance[BENCH_PROVENANCE_MACHINE].count; i++)
        fprintf(f, "%s\n", r->provenance[BENCH_PROVENANCE_MACHINE].text[i]);
    bench_report_put_state(r, f);
    fputc('\n', f);
    bench_report_put_growth(r, BENCH_FORMAT_TEXT, "", "\n", f);
    bench_report_put_warnings(r, "Beware: ", "\n", f);
    if (r->results->manifest->claim_count) {
        fputc('\n', f);
        st = bench_table_write(r->verdicts, BENCH_FORMAT_TEXT, f, err);
    }
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

static zo_status print_json(const bench_report_parts *r, FILE *f, zo_error *err)
{
    const bench_manifest *m = r->results->manifest;
    json_t *tables = json_array();
    for (int32_t i = 0; i < r->table_count; i++) {
        json_t *t = bench_table_to_json(r->tables[i].table);
        json_object_set_new(t, "name", json_string(r->tables[i].name));
        json_array_append_new(tables, t);
    }
    json_t *o = json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:o, s:o, s:o, s:o, s:o}", "schema",
                          BENCH_REPORT_SCHEMA, "name", m->name, "title", m->title, "cells",
                          r->results->cell_count, "complete", bench_report_complete_cells(r), "torn_lines",
                          r->results->torn, "stray_records", r->results->strays, "runs_of_other_contents",
                          r->results->others, "doubled_runs", r->results->doubled, "claims",
                          bench_claims_to_json(r->results, r->claims, m->claim_count, r->dir), "growth",
                          bench_report_growth_json(r), "tables", tables, "incomplete",
                          bench_table_to_json(r->trouble), "all", bench_table_to_json(r->cells));
    zo_status st = ZO_OK;
    if (!o || json_dumpf(o, f, JSON_INDENT(2)) != 0)
        st = zo_fail(err, ZO_ERR_IO, "print report as JSON");
    fputc('\n', f);
    json_decref(o);
    return st;
}

/* The table behind the last one becomes part of the report where it has rows. */
static void keep_if_filled(bench_report_parts *r)
{
    bench_report_table *t = &r->tables[r->table_count];
    if (bench_table_rows(t->table)) {
        r->table_count++;
        return;
    }
    bench_table_free(t->table);
    t->table = NULL;
}

static zo_status make_tables(bench_report_parts *r, zo_error *err)
{
    const bench_manifest *m = r->results->manifest;
    zo_status st = ZO_OK;
    r->tables = calloc(2 * (size_t)m->table_count + 3, sizeof *r->tables);
    if (!r->tables)
        return zo_fail(err, ZO_ERR_MEMORY, "make tables: out of memory");
    for (int32_t i = 0; !st && i < m->table_count; i++) {
        bench_table *tables[2];
        st = bench_tabulate_spec(r->results, &m->tables[i], tables, err);
        for (int relative = 0; relative < 2 && tables[relative]; relative++) {
            bench_report_table *t = &r->tables[r->table_count++];
            snprintf(t->name, sizeof t->name, "table-%d%s", i + 1, relative ? "-relative" : "");
            t->table = tables[relative];
        }
    }
    if (!st && m->table_count == 0) {
        bench_report_table *t = &r->tables[r->table_count++];
        snprintf(t->name, sizeof t->name, "table-1");
        st = bench_tabulate_usual(r->results, &t->table, err);
    }
    if (st)
        return st;
    bench_report_table *t = &r->tables[r->table_count];
    snprintf(t->name, sizeof t->name, "fine-tuning");
    st = bench_tabulate_tuning(r->results, &t->table, err);
    keep_if_filled(r);
    if (st)
        return st;
    t = &r->tables[r->table_count];
    snprintf(t->name, sizeof t->name, "prediction");
    t->table = bench_prediction_table(r->results);
    keep_if_filled(r);
    return ZO_OK;
}

static void report_deinit(bench_report_parts *r)
{
    for (int32_t i = 0; i < r->table_count; i++)
        bench_table_free(r->tables[i].table);
    bench_claims_free(r->claims, r->results ? r->results->manifest->claim_count : 0);
    bench_table_free(r->verdicts);
    bench_table_free(r->pairs);
    bench_table_free(r->trouble);
    bench_table_free(r->cells);
    bench_results_free(r->results);
    free(r->tables);
    free(r->figures);
    free(r->out);
}

static zo_status judge_claims(bench_report_parts *r, bench_report_outcome *outcome, zo_error *err)
{
    int32_t count = r->results->manifest->claim_count;
    zo_status st = bench_claims_judge(r->results, &r->claims, err);
    if (st)
        return st;
    r->verdicts = bench_claims_table(r->claims, count);
    r->pairs = bench_claims_pairs(r->claims, count);
    for (int32_t i = 0; i < count; i++) {
        bench_verdict v = r->claims[i].verdict;
        outcome->contradicted += v == BENCH_CLAIM_CONTRADICTED;
        outcome->undecided +=
            v == BENCH_CLAIM_INCONCLUSIVE || v == BENCH_CLAIM_NOT_RUN || v == BENCH_CLAIM_NOT_COMPARABLE;
    }
    return ZO_OK;
}

zo_status bench_report(const bench_report_options *o, bench_report_outcome *outcome, zo_error *err)
{
    bench_report_parts r = {.dir = o->dir, .people = o->people};
    *outcome = (bench_report_outcome){0};
    zo_status st = bench_results_load(o->dir, o->sets, &r.results, err);
    if (st)
        goto cleanup;
    r.out = o->out ? strdup(o->out) : bench_folder_path("%s/report", o->dir);
    st = r.out ? bench_folder_make(r.out, err) : zo_fail(err, ZO_ERR_MEMORY, "report: out of memory");
    if (st)
        goto cleanup;
    st = make_tables(&r, err);
    if (st)
        goto cleanup;
    st = judge_claims(&r, outcome, err);
    if (st)
        goto cleanup;
    r.trouble = bench_tabulate_incomplete(r.results);
    r.cells = bench_tabulate_cells(r.results);
    for (bench_provenance kind = 0; kind < BENCH_PROVENANCE_COUNT; kind++)
        bench_provenance_collect(r.results, kind, &r.provenance[kind]);
    st = save_tables(&r, err);
    if (!st)
        st = save_figures(&r, err);
    if (!st)
        st = save(&r, "report", "md", NULL, BENCH_FORMAT_MARKDOWN, bench_report_markdown, err);
    if (!st)
        st = save(&r, "report", "html", NULL, BENCH_FORMAT_HTML, bench_report_html, err);
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
