/* A table to be shown: Markdown, CSV, LaTeX (booktabs), aligned text and JSON from one description.
 *
 * A cell holds what people read (text) and, where it is a number, what programs read (number, low, high). Markdown, LaTeX
 * and text show the former with footnotes; CSV and JSON hold the latter, in the recorded unit.
 *
 * A table is filled without looking at errors: where memory runs out it remembers so, and writing it fails.
 */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include <stdio.h>

#include <jansson.h>

#include "bench/base/stats.h"
#include "core/base/error.h"

typedef enum bench_column_kind {
    BENCH_COLUMN_TEXT,   /* left-aligned; CSV and JSON: the text */
    BENCH_COLUMN_NUMBER, /* right-aligned; CSV and JSON: KEY */
    BENCH_COLUMN_SPREAD, /* right-aligned; CSV and JSON: KEY, KEY_low, KEY_high */
    BENCH_COLUMN_ERRORS, /* right-aligned; CSV and JSON: KEY, KEY_seeds_sd, KEY_examples_stderr */
} bench_column_kind;

typedef enum bench_format {
    BENCH_FORMAT_TEXT,
    BENCH_FORMAT_MARKDOWN, /* GitHub's tables; | and marks of emphasis are escaped */
    BENCH_FORMAT_CSV,      /* quoted as RFC 4180 says, lines end in LF; an unknown number is an empty field */
    BENCH_FORMAT_LATEX,    /* a table environment with booktabs rules */
    BENCH_FORMAT_HTML,     /* a table element with its notes */
    BENCH_FORMAT_JSON,     /* one object, ends in a newline; an unknown number is null */
} bench_format;

typedef struct bench_table bench_table;

/* NULL where memory is out; every function below accepts NULL. title may be "". */
bench_table *bench_table_new(const char *title);
void bench_table_free(bench_table *t);

/* Columns come first, then rows; strings are copied. head is shown; key names the column in CSV and JSON. */
void bench_table_add_column(bench_table *t, bench_column_kind kind, const char *head, const char *key);
/* A new row of empty cells. The functions below fill the next cell of the newest row, from left to right. */
void bench_table_add_row(bench_table *t);
void bench_table_add_text(bench_table *t, const char *text);
/* A number: its text, value and interval (bench_no_interval: none). Shown as "-" and unknown where value is not finite. */
void bench_table_add_number(bench_table *t, const char *text, double value, bench_interval interval);
/* A number alone, with the text that `format` (of printf, for one double) makes of it. */
void bench_table_add_printed(bench_table *t, const char *format, double value)
    __attribute__((format(printf, 2, 0)));
/* The same for a column of BENCH_COLUMN_ERRORS: how training seeds differ, and how unsure a test set's few examples leave one
 * seed. Two error bars that are never merged; NaN: not known. */
void bench_table_add_errors(bench_table *t, const char *text, double value, double seeds_sd,
                            double examples_stderr);
/* "-" */
void bench_table_add_missing(bench_table *t);

/* Puts a footnote's mark, "a", "b" ..., at the cell that was filled last. Equal texts share a mark. */
void bench_table_mark(bench_table *t, const char *note);
/* A remark on the whole table, below it, without a mark. */
void bench_table_remark(bench_table *t, const char *note);

size_t bench_table_rows(const bench_table *t);

/* Fails: ZO_ERR_MEMORY (the table could not be filled), ZO_ERR_IO. Never prints NaN or infinity. */
zo_status bench_table_write(const bench_table *t, bench_format format, FILE *out, zo_error *err);
/* {"title": "..", "columns": [{"key": "..", "head": ".."}], "rows": [{KEY: value}], "notes": ["a: .."]}: new
 * reference; NULL where memory is out. */
json_t *bench_table_to_json(const bench_table *t);

/* Pieces for those who write Markdown or CSV around a table: s escaped for the format, with newlines as spaces in
 * Markdown and LaTeX. */
void bench_table_put_escaped(bench_format format, const char *s, FILE *out);

#endif
