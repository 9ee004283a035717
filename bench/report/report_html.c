/* The report as one HTML page: see report_parts.h. Everything that comes from manifests and records is escaped; figures are
 * the SVG files that gnuplot drew, whose ids are made different from figure to figure. */
#include "bench/report/report_parts.h"

#include <stdlib.h>
#include <string.h>

#include "bench/base/folder.h"
#include "core/base/file.h"

/* Wide screens, telephones, paper; light and dark as the reader's system has it. Figures keep their white ground. */
static const char style[] =
    ":root{color-scheme:light dark;--ink:#1a1c1f;--soft:#5b6168;--line:#d5d9de;--ground:#fff;--shade:#f4f6f8;"
    "--link:#0b5cad}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6e8ea;--soft:#a3abb3;--line:#3a4047;--ground:#15181b;"
    "--shade:#1f2429;--link:#7db7f0}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0 auto;max-width:62rem;padding:1rem 1rem 3rem;background:var(--ground);color:var(--ink);"
    "font:1rem/1.5 system-ui,sans-serif;overflow-wrap:break-word}\n"
    "h1{font-size:1.6rem;line-height:1.25;margin:.5rem 0}\n"
    "h2{font-size:1.25rem;margin:2.2rem 0 .6rem;border-bottom:1px solid var(--line);padding-bottom:.2rem}\n"
    "h3{font-size:1rem;margin:1.4rem 0 .2rem}\n"
    "p{margin:.4rem 0}a{color:var(--link)}ul{padding-left:1.2rem}\n"
    "nav a{margin-right:1rem;display:inline-block}sup{line-height:0}\n"
    ".table{overflow-x:auto;margin:.3rem 0}\n"
    "table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}\n"
    "th,td{padding:.25rem .7rem;text-align:left;border-bottom:1px solid var(--line);vertical-align:top}\n"
    "td.n,th.n{text-align:right;white-space:nowrap}td.w{min-width:11rem}summary{cursor:pointer}\n"
    "th{background:var(--shade)}\n"
    ".note,.soft{color:var(--soft);font-size:.85rem}\n"
    "figure{margin:1.4rem 0}figcaption{font-size:.9rem;color:var(--soft)}\n"
    ".plot{overflow-x:auto;background:#fff;border:1px solid var(--line);border-radius:4px}\n"
    ".plot svg{display:block;width:100%;min-width:34rem;height:auto}\n"
    ".beware{border-left:4px solid #d55e00;padding:.3rem .8rem;background:var(--shade)}\n"
    ".claim{border:1px solid var(--line);border-left:6px solid var(--c,var(--soft));border-radius:4px;"
    "padding:.5rem .9rem;margin:.8rem 0}\n"
    ".claim h3{margin:0}.claim .verdict{font-weight:700}\n"
    ".holds{--c:#009e73}.contradicted{--c:#d55e00}.direction-only{--c:#e69f00}.inconclusive,.known-miss{--c:#"
    "0072b2}\n"
    "pre,code{font:.8rem/1.4 ui-monospace,monospace}\n"
    "pre{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--shade);padding:.5rem "
    ".7rem;border-radius:4px}\n"
    "@media(max-width:40rem){body{padding:.6rem .7rem 2rem}th,td{padding:.2rem .4rem}h1{font-size:1.3rem}}\n"
    "@media print{:root{--ink:#000;--soft:#444;--line:#bbb;--ground:#fff;--shade:#f2f2f2}"
    "body{max-width:none;font-size:10pt;padding:0}nav{display:none}"
    ".table,.plot{overflow:visible}.plot svg{min-width:0;max-width:16cm;margin:0 auto}"
    "figure,.claim,tr{break-inside:avoid}h2,h3{break-after:avoid}}\n";

static void put(const char *text, FILE *f)
{
    bench_table_put_escaped(BENCH_FORMAT_HTML, text, f);
}

/* ---- Claims ---- */

/* "direction only" -> "direction-only" */
static void put_class(bench_verdict v, FILE *f)
{
    for (const char *p = bench_claim_verdict_text(v); *p; p++)
        fputc(*p == ' ' ? '-' : *p, f);
}

static void put_claim(const bench_report_parts *r, const bench_claim *c, FILE *f)
{
    char text[2000];
    fputs("<section class=\"claim ", f);
    put_class(c->verdict, f);
    fputs("\"><h3>", f);
    put(*c->spec->title ? c->spec->title : c->spec->id, f);
    fprintf(f, "</h3>\n<p><span class=\"verdict\">%s</span>. ", bench_claim_verdict_text(c->verdict));
    bench_claim_reason(c, text, sizeof text);
    put(text, f);
    fputs("</p>\n<p class=\"soft\">Source: ", f);
    put(c->spec->source, f);
    fputs("</p>\n", f);
    if (c->shown) {
        fputs("<p class=\"soft\">Records: ", f);
        bench_claim_records(c->shown, text, sizeof text);
        put(text, f);
        fputs("</p>\n", f);
    }
    fputs("<pre>", f);
    bench_claim_command(r->results, c, r->dir, text, sizeof text);
    put(text, f);
    fputs("</pre></section>\n", f);
}

static zo_status put_claims(const bench_report_parts *r, FILE *f, zo_error *err)
{
    int32_t count = r->results->manifest->claim_count;
    if (!count)
        return ZO_OK;
    fputs("<h2 id=\"claims\">Claims</h2>\n", f);
    zo_status st = bench_table_write(r->verdicts, BENCH_FORMAT_HTML, f, err);
    for (int32_t i = 0; i < count; i++)
        put_claim(r, &r->claims[i], f);
    return st;
}

/* ---- Figures ---- */

/* Copies an SVG document from its <svg on, with "figure-N-" before its ids and before what refers to them. */
static void put_svg(const char *svg, size_t n, const char *name, FILE *f)
{
    static const char *const before[] = {" id=\"", " id='", "href=\"#", "href='#", "url(#", "url('#", NULL};
    const char *p = memmem(svg, n, "<svg", 4), *end = svg + n;
    for (; p && p < end; p++) {
        for (const char *const *b = before; *b; b++) {
            size_t length = strlen(*b);
            if ((size_t)(end - p) >= length && memcmp(p, *b, length) == 0) {
                fprintf(f, "%s%s-", *b, name);
                p += length;
                break;
            }
        }
        if (p < end)
            fputc(*p, f);
    }
}

static zo_status put_figure(const bench_report_parts *r, int32_t index, FILE *f, zo_error *err)
{
    const bench_figure *fig = &r->figures[index];
    zo_status st = ZO_OK;
    fputs("<figure>\n", f);
    if (fig->drawn) {
        zo_file_map map = {0};
        char *path = bench_folder_path("%s/%s.svg", r->out, fig->name);
        st = path ? zo_file_map_open(path, &map, err)
                  : zo_fail(err, ZO_ERR_MEMORY, "write report.html: out of memory");
        fputs("<div class=\"plot\">", f);
        if (!st)
            put_svg(map.data, map.bytes, fig->name, f);
        fputs("</div>\n", f);
        zo_file_map_close(&map);
        free(path);
    }
    fprintf(f, "<figcaption><b>Figure %d.</b> ", index + 1);
    put(fig->caption, f);
    fputs(fig->empty ? " Nothing was measured yet that it could show." : fig->drawn ? "" : " Not drawn.", f);
    fputs("</figcaption></figure>\n", f);
    return st;
}

/* ---- The page ---- */

static void put_head(const bench_report_parts *r, FILE *f)
{
    const char *title = r->results->manifest->title;
    fputs("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
          f);
    put(title, f);
    fprintf(f, "</title>\n<style>\n%s</style></head>\n<body>\n<h1>", style);
    put(title, f);
    fputs("</h1>\n<p>", f);
    bench_report_put_state(r, f);
    fputs(" ", f);
    bench_report_put_differences(r, BENCH_FORMAT_HTML, f);
    fputs("</p>\n", f);
    bench_report_put_growth(r, BENCH_FORMAT_HTML, "<p>", "</p>\n", f);
    bench_report_put_warnings(r, "<p class=\"beware\">Beware: ", "</p>\n", f);
    bench_report_put_provenance(r, BENCH_PROVENANCE_MACHINE, BENCH_FORMAT_HTML, "<p>Machine: ", "</p>\n", f);
    fputs("<nav>", f);
    fputs(r->results->manifest->claim_count ? "<a href=\"#claims\">Claims</a>" : "", f);
    fputs("<a href=\"#tables\">Tables</a>", f);
    fputs(r->figure_count ? "<a href=\"#figures\">Figures</a>" : "", f);
    fputs(bench_table_rows(r->trouble) ? "<a href=\"#incomplete\">Incomplete</a>" : "", f);
    fputs("<a href=\"#origins\">Origins</a></nav>\n", f);
}

static void put_provenance(const bench_report_parts *r, FILE *f)
{
    const char *first, *last;
    fputs("<h2 id=\"origins\">Where the numbers come from</h2>\n<ul><li>", f);
    bench_report_put_common(r, BENCH_FORMAT_HTML, f);
    fputs("</li>\n", f);
    bench_provenance_period(r->results, &first, &last);
    if (*first) {
        fputs("<li>runs begun from ", f);
        put(first, f);
        fputs(" to ", f);
        put(last, f);
        fputs("</li>\n", f);
    }
    for (bench_provenance kind = BENCH_PROVENANCE_BUILD; kind < BENCH_PROVENANCE_COUNT; kind++)
        bench_report_put_provenance(r, kind, BENCH_FORMAT_HTML, "<li>", "</li>\n", f);
    fputs("</ul>\n", f);
}

/* Many of them would fill pages: they are folded away, also on paper. */
static zo_status put_trouble(const bench_report_parts *r, FILE *f, zo_error *err)
{
    enum { FEW = 20 };
    size_t rows = bench_table_rows(r->trouble);
    fputs("<h2 id=\"incomplete\">Cells that are not complete</h2>\n", f);
    if (rows > FEW)
        fprintf(f, "<details><summary>%zu of %d cells</summary>\n", rows, r->results->cell_count);
    zo_status st = bench_table_write(r->trouble, BENCH_FORMAT_HTML, f, err);
    fputs(rows > FEW ? "</details>\n" : "", f);
    return st;
}

zo_status bench_report_html(const bench_report_parts *r, FILE *f, zo_error *err)
{
    put_head(r, f);
    zo_status st = put_claims(r, f, err);
    fputs("<h2 id=\"tables\">Tables</h2>\n", f);
    for (int32_t i = 0; !st && i < r->table_count; i++)
        st = bench_table_write(r->tables[i].table, BENCH_FORMAT_HTML, f, err);
    fputs(r->figure_count ? "<h2 id=\"figures\">Figures</h2>\n" : "", f);
    for (int32_t i = 0; !st && i < r->figure_count; i++)
        st = put_figure(r, i, f, err);
    if (!st && bench_table_rows(r->trouble))
        st = put_trouble(r, f, err);
    put_provenance(r, f);
    fputs("</body></html>\n", f);
    return st;
}
