/* See export.h. A new format is a row of the table below and a writer. */
#include "bench/report/export.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/results/compare.h"
#include "bench/report/export_parts.h"
#include "bench/manifest/params.h"
#include "bench/record/metric.h"
#include "bench/record/record.h"

const bench_export_format bench_export_formats[] = {
    {"google-benchmark",
     "google-benchmark's compare.py; github-action-benchmark (googlecpp), Bencher (cpp_google)", false,
     bench_export_google, NULL},
    {"bencher", "bencher run --adapter json (Bencher Metric Format)", false, bench_export_bencher, NULL},
    {"github-smaller", "github-action-benchmark (customSmallerIsBetter): time, memory, loss", false,
     bench_export_github_smaller, NULL},
    {"github-bigger", "github-action-benchmark (customBiggerIsBetter): throughput, accuracy", false,
     bench_export_github_bigger, NULL},
    {"hyperfine", "scripts for hyperfine 1.x --export-json", false, bench_export_hyperfine, NULL},
    {"hyperfine-2", "scripts for hyperfine 2 --export-json (schema version 2)", false,
     bench_export_hyperfine_2, NULL},
    {"llama-bench", "llama.cpp's compare-llama-bench.py (JSON)", false, bench_export_llama_bench, NULL},
    {"csv", "spreadsheets, pandas, R: a row per repetition", true, NULL, bench_export_csv},
    {"sql", "sqlite3 FILE.db: a row per repetition in table zobench", true, NULL, bench_export_sql},
    {0},
};

zo_status bench_export_find(const char *name, const bench_export_format **out, zo_error *err)
{
    for (*out = bench_export_formats; (*out)->name; ++*out)
        if (strcmp(name, (*out)->name) == 0)
            return ZO_OK;
    const char *near = bench_nearest(name, &bench_export_formats[0].name, sizeof bench_export_formats[0]);
    return zo_fail(err, ZO_ERR_INVALID,
                   near ? "\"%s\" is not a format; did you mean \"%s\"?"
                        : "\"%s\" is not a format; --help lists them",
                   name, near);
}

/* ---- the set: records by cell ---- */

/* A parameter of a record as people read it; what the record lacks has its default. New memory. */
static char *text_of(const json_t *record, const bench_option *o, const bench_params *defaults)
{
    const json_t *v = json_object_get(json_object_get(record, "cell"), o->name);
    char shown[512];
    if (json_is_string(v))
        return strdup(json_string_value(v));
    return strdup(v ? bench_value_text(v, shown, sizeof shown)
                    : bench_params_text(defaults, o, shown, sizeof shown));
}

/* "smollm2-135m/polarity/queries=16": new memory. */
static char *name_of(const bench_result *r, const bench_params *defaults)
{
    char *name = NULL, shown[512];
    size_t size;
    FILE *f = open_memstream(&name, &size);
    if (!f)
        return NULL;
    fprintf(f, "%s/%s", bench_result_text(r, bench_option_find("model")),
            bench_result_text(r, bench_option_find("task")));
    for (const bench_option *o = bench_options; o->name; o++) {
        const bool said = strcmp(o->name, "model") == 0 || strcmp(o->name, "task") == 0;
        const char *text = bench_result_text(r, o);
        if (!said && strcmp(text, bench_params_text(defaults, o, shown, sizeof shown)) != 0)
            fprintf(f, "/%s=%s", o->name, text);
    }
    if (fclose(f)) {
        free(name);
        return NULL;
    }
    return name;
}

/* Cells whose records have parameters that this program does not know may have the same name: their ids tell them apart. */
static bool make_unique(bench_export_set *set, int32_t i)
{
    for (int32_t k = 0; k < i; k++) {
        if (strcmp(set->cells[k].name, set->cells[i].name) != 0)
            continue;
        const size_t size = strlen(set->cells[i].name) + strlen(set->cells[i].id) + 2;
        char *longer = malloc(size);
        if (!longer)
            return false;
        snprintf(longer, size, "%s/%s", set->cells[i].name, set->cells[i].id);
        free(set->cells[i].name);
        set->cells[i].name = longer;
        return true;
    }
    return true;
}

static bool fill_cell(bench_export_set *set, int32_t i, const json_t *record)
{
    bench_export_cell *c = &set->cells[i];
    bench_params defaults;
    size_t n = 0;
    bench_params_default(&defaults);
    while (bench_options[n].name)
        n++;
    c->result.text = calloc(n + 1, sizeof *c->result.text);
    for (size_t k = 0; c->result.text && k < n; k++)
        if (!(c->result.text[k] = text_of(record, &bench_options[k], &defaults)))
            return false;
    c->name = c->result.text ? name_of(&c->result, &defaults) : NULL;
    return c->name && make_unique(set, i);
}

/* set->records into set->cells; false: memory is out. */
static bool group(bench_export_set *set)
{
    const size_t records = json_array_size(set->records);
    json_t *place = json_object(), *record; /* cell_id -> index of its cell */
    size_t i;
    bool fine = place && (set->cells = calloc(records + 1, sizeof *set->cells));
    json_array_foreach(set->records, i, record)
    {
        const char *id = bench_metric_text_at(record, "cell_id");
        const json_t *known = json_object_get(place, id);
        bench_export_cell *c = fine ? &set->cells[known ? json_integer_value(known) : set->count] : NULL;
        if (!c)
            break;
        if (!known) {
            c->id = id;
            c->result.runs = calloc(records, sizeof *c->result.runs);
            set->count++;
            fine = c->result.runs && fill_cell(set, set->count - 1, record) &&
                   !json_object_set_new(place, c->id, json_integer(set->count - 1));
        }
        if (fine)
            c->result.runs[c->result.run_count++] = record;
    }
    for (int32_t k = 0; fine && k < set->count; k++)
        bench_result_settle(&set->cells[k].result);
    json_decref(place);
    return fine;
}

static void deinit(bench_export_set *set)
{
    for (int32_t i = 0; i < set->count; i++) {
        bench_result_deinit(&set->cells[i].result);
        free(set->cells[i].name);
    }
    free(set->cells);
    json_decref(set->records);
}

/* ---- pieces for the writers ---- */

/* The values of a metric and the records they are of: how many. */
static int32_t samples_of(const bench_export_cell *c, const char *metric, double *values, const json_t **runs)
{
    int32_t n = 0;
    for (int32_t i = 0; i < c->result.run_count; i++) {
        runs[n] = c->result.runs[i];
        values[n] = bench_record_ok(runs[n]) ? bench_metric_value(bench_metric_find(metric), runs[n]) : NAN;
        n += isfinite(values[n]) != 0;
    }
    return n;
}

json_t *bench_export_each(const bench_export_set *set, bool throughput,
                          json_t *(*make)(const bench_export_samples *))
{
    json_t *all = json_array();
    for (int32_t i = 0; all && i < set->count; i++) {
        const bench_export_cell *c = &set->cells[i];
        const size_t most = (size_t)c->result.run_count + 1;
        bench_export_samples s = {
            c, i, calloc(most, sizeof *s.ns), calloc(most, sizeof *s.ts), calloc(most, sizeof *s.runs), 0, 0};
        bool fine = s.ns && s.ts && s.runs;
        if (fine) {
            s.ts_n = samples_of(c, "tokens_per_s", s.ts, s.runs);
            s.n = samples_of(c, "step_ns", s.ns, s.runs);
        }
        if (s.n && (s.ts_n || !throughput))
            fine = !json_array_append_new(all, make(&s));
        free(s.ns);
        free(s.ts);
        free(s.runs);
        if (!fine) {
            json_decref(all);
            all = NULL;
        }
    }
    return all;
}

void bench_export_summary(const bench_export_cell *c, const bench_metric *m, bench_summary *out)
{
    const bench_result *cell = &c->result;
    bench_summary_of(m, (bench_group){&cell, 1}, out);
    if (!isfinite(out->value))
        out->value = NAN;
}

const json_t *bench_export_newest(const bench_export_set *set)
{
    for (size_t i = json_array_size(set->records); i--;)
        if (bench_record_ok(json_array_get(set->records, i)))
            return json_array_get(set->records, i);
    return NULL;
}

/* Ends in a newline. */
static zo_status write_json(json_t *value, FILE *out, zo_error *err)
{
    zo_status st = ZO_OK;
    if (!value)
        return zo_fail(err, ZO_ERR_MEMORY, "make JSON of the records: out of memory");
    if (json_dumpf(value, out, JSON_INDENT(2)) || fputc('\n', out) == EOF)
        st = zo_fail(err, ZO_ERR_IO, "write the records as JSON");
    json_decref(value);
    return st;
}

/* ---- the whole ---- */

zo_status bench_export(const char *path, const bench_export_format *format, FILE *out,
                       bench_export_outcome *outcome, zo_error *err)
{
    bench_export_set set = {0};
    *outcome = (bench_export_outcome){0};
    zo_status st = bench_compare_load(path, &set.records, err);
    if (!st && !group(&set))
        st = zo_fail(err, ZO_ERR_MEMORY, "read %s: out of memory", path);
    for (int32_t i = 0; !st && i < set.count; i++) {
        const bench_result *r = &set.cells[i].result;
        outcome->cells++;
        outcome->runs += r->run_count;
        outcome->cells_left += !format->every && !r->ok_count;
        outcome->runs_left += format->every ? 0 : r->run_count - r->ok_count;
    }
    if (!st && format->json)
        st = write_json(format->json(&set), out, err);
    else if (!st)
        format->write(&set, out);
    if (!st && (fflush(out) || ferror(out)))
        st = zo_fail(err, ZO_ERR_IO, "write %s as %s", path, format->name);
    deinit(&set);
    return st;
}
