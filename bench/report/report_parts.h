/* What a report is made of, for the files that write it in one format or another. */
#ifndef BENCH_REPORT_PARTS_H
#define BENCH_REPORT_PARTS_H

#include "bench/results/claim.h"
#include "bench/report/figure.h"
#include "bench/results/provenance.h"
#include "bench/results/results.h"
#include "bench/base/table.h"

typedef struct bench_report_table {
    char name[48]; /* "table-1-relative": NAME.md, NAME.csv, NAME.tex */
    bench_table *table;
} bench_report_table;

typedef struct bench_report_parts {
    bench_results *results;
    const char *dir; /* results/NAME */
    FILE *people;    /* for warnings */
    char *out;       /* folder */
    bench_report_table *tables;
    int32_t table_count;
    bench_claim *claims; /* (results->manifest->claim_count) */
    bench_table *verdicts, *pairs;
    bench_table *trouble; /* cells that are not complete */
    bench_table *cells;   /* cells.csv */
    bench_figure *figures;
    int32_t figure_count;
    bench_provenance_table provenance[BENCH_PROVENANCE_COUNT];
} bench_report_parts;

/* The whole report. Fails: ZO_ERR_MEMORY, ZO_ERR_IO. */
zo_status bench_report_markdown(const bench_report_parts *r, FILE *f, zo_error *err);
/* One page that needs nothing else: style and figures are in it, no scripts. */
zo_status bench_report_html(const bench_report_parts *r, FILE *f, zo_error *err);

/* ---- Words that the formats share (report_words.c) ---- */

int32_t bench_report_complete_cells(const bench_report_parts *r);
/* A sentence each: how much there is, and what to beware of. Plain letters. */
void bench_report_put_state(const bench_report_parts *r, FILE *f);
/* "The cells differ in: seq_len, seed."; nothing where there is one cell. */
void bench_report_put_differences(const bench_report_parts *r, bench_format format, FILE *f);
/* "the same in all cells: model smollm2-135m, task sst2 ..." */
void bench_report_put_common(const bench_report_parts *r, bench_format format, FILE *f);
/* Where records come from: each text between `before` and `after`. */
void bench_report_put_provenance(const bench_report_parts *r, bench_provenance kind, bench_format format,
                                 const char *before, const char *after, FILE *f);
/* What makes times doubtful; each sentence between `before` and `after`. */
void bench_report_put_warnings(const bench_report_parts *r, const char *before, const char *after, FILE *f);

/* A sentence or two on memory over the steps (memory_growth.h), between `before` and `after`: in how many runs it grew, and by how much at
 * most. Nothing where no run has samples. */
void bench_report_put_growth(const bench_report_parts *r, bench_format format, const char *before,
                             const char *after, FILE *f);
/* {"runs": {"grows": 0, "jumps": 0, "shrinks": 0, "steady": 2, "too_short": 0}, "farthest": {"cell_id": "..", "run": 0, memory_growth.h}
 * or null}: new reference. */
json_t *bench_report_growth_json(const bench_report_parts *r);

#endif
