/* The report as Markdown: see report_parts.h. */
#include "bench/report/report_parts.h"

static zo_status put_table(const bench_report_table *t, FILE *f, zo_error *err)
{
    zo_status st = bench_table_write(t->table, BENCH_FORMAT_MARKDOWN, f, err);
    fprintf(f, "\n[CSV](%s.csv) [LaTeX](%s.tex)\n\n", t->name, t->name);
    return st;
}

static void put_figures(const bench_report_parts *r, FILE *f)
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

static void put_text(const char *text, FILE *f)
{
    bench_table_put_escaped(BENCH_FORMAT_MARKDOWN, text, f);
}

/* The verdicts, and for each why, from which records, and how to get there. */
static zo_status put_claims(const bench_report_parts *r, FILE *f, zo_error *err)
{
    char text[2000];
    int32_t count = r->results->manifest->claim_count;
    if (!count)
        return ZO_OK;
    fputs("## Claims\n\n", f);
    zo_status st = bench_table_write(r->verdicts, BENCH_FORMAT_MARKDOWN, f, err);
    fputs("\n[CSV](claims.csv) [LaTeX](claims.tex) [every pair of cells](claims-pairs.csv)\n", f);
    for (int32_t i = 0; i < count; i++) {
        const bench_claim *c = &r->claims[i];
        fprintf(f, "\n- **%s**: %s. ", c->spec->id, bench_claim_verdict_text(c->verdict));
        bench_claim_reason(c, text, sizeof text);
        put_text(text, f);
        fputs(" Source: ", f);
        put_text(c->spec->source, f);
        if (c->shown) {
            fputs(". Records: ", f);
            bench_claim_records(c->shown, text, sizeof text);
            put_text(text, f);
        }
        bench_claim_command(r->results, c, r->dir, text, sizeof text);
        fprintf(f, ".\n\n  ```sh\n  %s\n  ```\n", text);
    }
    fputc('\n', f);
    return st;
}

zo_status bench_report_markdown(const bench_report_parts *r, FILE *f, zo_error *err)
{
    zo_status st = ZO_OK;
    const char *first, *last;
    fputs("# ", f);
    bench_table_put_escaped(BENCH_FORMAT_MARKDOWN, r->results->manifest->title, f);
    fputs("\n\n", f);
    bench_report_put_state(r, f);
    fputs("\n\n", f);
    bench_report_put_growth(r, BENCH_FORMAT_MARKDOWN, "", "\n\n", f);
    bench_report_put_differences(r, BENCH_FORMAT_MARKDOWN, f);
    fputs("\n\n", f);
    bench_report_put_warnings(r, "**Beware:** ", "\n\n", f);
    bench_report_put_provenance(r, BENCH_PROVENANCE_MACHINE, BENCH_FORMAT_MARKDOWN, "Machine: ", "\n", f);
    fputs(r->provenance[BENCH_PROVENANCE_MACHINE].count ? "\n" : "", f);
    st = put_claims(r, f, err);
    fputs("## Tables\n\n", f);
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
    fputs("- ", f);
    bench_report_put_common(r, BENCH_FORMAT_MARKDOWN, f);
    fputc('\n', f);
    bench_provenance_period(r->results, &first, &last);
    if (*first)
        fprintf(f, "- runs begun from %s to %s\n", first, last);
    for (bench_provenance kind = BENCH_PROVENANCE_BUILD; kind < BENCH_PROVENANCE_COUNT; kind++)
        bench_report_put_provenance(r, kind, BENCH_FORMAT_MARKDOWN, "- ", "\n", f);
    fputs("- every cell with every parameter and metric: [cells.csv](cells.csv)\n", f);
    return st;
}
