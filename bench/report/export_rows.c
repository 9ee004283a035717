/* CSV and SQL: every repetition a row, with its parameters and metrics as columns. See export.h. */
#include "bench/report/export_parts.h"

#include <math.h>
#include <string.h>

#include "bench/manifest/params.h"
#include "bench/base/table.h"
#include "bench/record/record.h"

enum { MOST_COLUMNS = 128 };

/* One of path, option and metric says where a record has the value. */
typedef struct column {
    const char *key;  /* of CSV's first line and of the SQL table */
    const char *type; /* SQL */
    const char *path; /* "": the cell's name */
    const bench_option *option;
    const bench_metric *metric;
} column;

static const column first[] = {
    {"cell_id", "TEXT", .path = "cell_id"},
    {"name", "TEXT", .path = ""},
    {"run", "INTEGER", .path = "run"},
    {"status", "TEXT", .path = "status"},
    {"reason", "TEXT", .path = "reason"},
    {"started", "TEXT", .path = "started"},
    {"fingerprint", "TEXT", .path = "fingerprint"},
    {"commit", "TEXT", .path = "build.commit"},
    {"wall_ns", "INTEGER", .path = "wall_ns"},
};

static int columns_of(column *out)
{
    static const char *const types[] = {[BENCH_INT] = "INTEGER", [BENCH_REAL] = "REAL"};
    int n = 0;
    for (size_t i = 0; i < sizeof first / sizeof *first; i++)
        out[n++] = first[i];
    for (const bench_option *o = bench_options; o->name && n < MOST_COLUMNS; o++) {
        const bool number = o->type == BENCH_INT || o->type == BENCH_REAL;
        out[n++] = (column){o->name, number ? types[o->type] : "TEXT", .option = o};
    }
    for (const char *const *m = bench_metric_names(); *m && n < MOST_COLUMNS; m++)
        out[n++] = (column){*m, "REAL", .metric = bench_metric_find(*m)};
    return n;
}

/* New reference; null where it is not known. Lists are texts. */
static json_t *value_of(const column *c, const bench_export_cell *cell, const json_t *record)
{
    json_t *v = NULL;
    char shown[512];
    if (c->metric)
        return bench_record_json(bench_metric_value(c->metric, record));
    if (c->path && !*c->path)
        return json_string(cell->name);
    v = c->option ? json_object_get(json_object_get(record, "cell"), c->option->name)
                  : bench_metric_at(record, c->path);
    if (!v)
        return json_null();
    if (json_is_object(v) || json_is_array(v) || json_is_boolean(v))
        return json_string(bench_value_text(v, shown, sizeof shown));
    return json_incref(v);
}

/* Whole numbers with all their digits, others in as few as give them back. */
static void put_number(const json_t *v, FILE *out)
{
    char text[32];
    const double x = json_number_value(v);
    if (json_is_integer(v))
        fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    else if (x == floor(x) && fabs(x) < 0x1p53)
        fprintf(out, "%.0f", x);
    else
        fputs(bench_real_text(x, text), out);
}

static void put_csv(const json_t *v, FILE *out)
{
    if (json_is_number(v))
        put_number(v, out);
    else if (json_is_string(v))
        bench_table_put_escaped(BENCH_FORMAT_CSV, json_string_value(v), out);
}

/* Text between quotes (' for values, " for names), which are doubled inside. */
static void put_quoted(const char *s, char quote, FILE *out)
{
    fputc(quote, out);
    for (; *s; s++) {
        if (*s == quote)
            fputc(quote, out);
        fputc(*s, out);
    }
    fputc(quote, out);
}

static void put_sql(const json_t *v, FILE *out)
{
    if (json_is_number(v))
        put_number(v, out);
    else if (json_is_string(v))
        put_quoted(json_string_value(v), '\'', out);
    else
        fputs("NULL", out);
}

static void put_row(const column *columns, int count, const bench_export_cell *cell, const json_t *record,
                    void (*put)(const json_t *, FILE *), FILE *out)
{
    for (int i = 0; i < count; i++) {
        json_t *v = value_of(&columns[i], cell, record);
        fputs(i ? "," : "", out);
        put(v, out);
        json_decref(v);
    }
}

void bench_export_csv(const bench_export_set *set, FILE *out)
{
    column columns[MOST_COLUMNS];
    const int count = columns_of(columns);
    for (int i = 0; i < count; i++)
        fprintf(out, "%s%s", i ? "," : "", columns[i].key);
    fputc('\n', out);
    for (int32_t i = 0; i < set->count; i++) {
        for (int32_t k = 0; k < set->cells[i].result.run_count; k++) {
            put_row(columns, count, &set->cells[i], set->cells[i].result.runs[k], put_csv, out);
            fputc('\n', out);
        }
    }
}

/* What is loaded twice is there once: a repetition is told by its cell, its number and when it began. */
void bench_export_sql(const bench_export_set *set, FILE *out)
{
    column columns[MOST_COLUMNS];
    const int count = columns_of(columns);
    fputs("CREATE TABLE IF NOT EXISTS \"zobench\" (\n", out);
    for (int i = 0; i < count; i++) {
        put_quoted(columns[i].key, '"', out);
        fprintf(out, " %s%s\n", columns[i].type, i + 1 < count ? "," : "");
    }
    fputs(");\nCREATE UNIQUE INDEX IF NOT EXISTS \"zobench_once\" ON \"zobench\" "
          "(\"cell_id\", \"run\", COALESCE(\"started\", ''));\nBEGIN;\n",
          out);
    for (int32_t i = 0; i < set->count; i++) {
        for (int32_t k = 0; k < set->cells[i].result.run_count; k++) {
            fputs("INSERT OR REPLACE INTO \"zobench\" (", out);
            for (int c = 0; c < count; c++) {
                fputs(c ? "," : "", out);
                put_quoted(columns[c].key, '"', out);
            }
            fputs(") VALUES (", out);
            put_row(columns, count, &set->cells[i], set->cells[i].result.runs[k], put_sql, out);
            fputs(");\n", out);
        }
    }
    fputs("COMMIT;\n", out);
}
