/* Formats of programs that follow benchmarks over commits: google-benchmark JSON (schema 1), Bencher Metric Format (v0),
 * github-action-benchmark. See export.h. */
#include "bench/report/export_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/stats.h"

/* object[key] = value; nothing where value is not finite. */
static void put(json_t *object, const char *key, double value)
{
    if (isfinite(value))
        json_object_set_new(object, key, json_real(value));
}

/* ---- google-benchmark: a row per repetition, then mean, median, stddev and cv of them ---- */

/* "L1d", as machine.h names caches. */
static json_t *google_cache(const json_t *cache, double pus)
{
    const char *name = json_string_value(json_object_get(cache, "name"));
    const double count = json_number_value(json_object_get(cache, "count"));
    if (!name || name[0] != 'L' || name[1] < '1' || name[1] > '9')
        return NULL;
    json_t *out = json_pack("{s:s, s:i}", "type",
                            name[2] == 'd'   ? "Data"
                            : name[2] == 'i' ? "Instruction"
                                             : "Unified",
                            "level", name[1] - '0');
    json_object_set(out, "size", json_object_get(cache, "bytes"));
    if (count > 0 && pus > 0)
        json_object_set_new(out, "num_sharing", json_integer((json_int_t)(pus / count)));
    return out;
}

/* Of the newest repetition. caches is always there: Bencher's adapter wants it. Custom keys are texts. */
static json_t *google_context(const bench_export_set *set)
{
    const json_t *record = bench_export_newest(set), *cache;
    const json_t *machine = json_object_get(record, "machine"), *build = json_object_get(record, "build");
    const char *config = json_string_value(json_object_get(build, "config"));
    json_t *context = json_object(), *caches = json_array();
    const double pus = json_number_value(json_object_get(machine, "pus"));
    size_t i;
    json_object_set(context, "date", json_object_get(record, "started"));
    json_object_set_new(context, "executable", json_string("zobench"));
    json_object_set(context, "num_cpus", json_object_get(machine, "pus"));
    json_array_foreach(json_object_get(machine, "caches"), i, cache)
    {
        json_t *c = google_cache(cache, pus);
        if (c)
            json_array_append_new(caches, c);
    }
    json_object_set_new(context, "caches", caches);
    if (json_is_number(json_object_get(machine, "load_average")))
        json_object_set_new(context, "load_avg", json_pack("[O]", json_object_get(machine, "load_average")));
    if (config)
        json_object_set_new(context, "library_build_type",
                            json_string(strcmp(config, "release") == 0 ? "release" : "debug"));
    json_object_set_new(context, "json_schema_version", json_integer(1));
    json_object_set_new(context, "real_time_is", json_string("the median training step of a repetition"));
    json_object_set_new(context, "cpu_time_is", json_string("not measured: real_time again"));
    if (json_is_string(json_object_get(machine, "cpu")))
        json_object_set(context, "cpu", json_object_get(machine, "cpu"));
    if (json_is_string(json_object_get(build, "commit")))
        json_object_set(context, "commit", json_object_get(build, "commit"));
    return context;
}

/* What all rows of a cell have. */
static json_t *google_row(const bench_export_samples *s, const char *name, const char *type,
                          const json_t *record)
{
    const json_t *threads = bench_metric_at(record, "build.openmp_threads");
    json_t *row = json_pack("{s:s, s:i, s:i, s:s, s:s, s:i}", "name", name, "family_index", s->index,
                            "per_family_instance_index", 0, "run_name", s->cell->name, "run_type", type,
                            "repetitions", s->n);
    if (json_is_integer(threads))
        json_object_set(row, "threads", (json_t *)threads);
    return row;
}

static void google_times(json_t *row, double ns, json_int_t iterations)
{
    json_object_set_new(row, "iterations", json_integer(iterations));
    put(row, "real_time", ns);
    put(row, "cpu_time", ns);
    json_object_set_new(row, "time_unit", json_string("ns"));
}

static void google_aggregate(json_t *rows, const bench_export_samples *s, const char *what, const char *unit,
                             double value)
{
    char *name = NULL;
    if (!isfinite(value) || asprintf(&name, "%s_%s", s->cell->name, what) < 0)
        return;
    json_t *row = google_row(s, name, "aggregate", s->runs[0]);
    json_object_set_new(row, "aggregate_name", json_string(what));
    json_object_set_new(row, "aggregate_unit", json_string(unit));
    google_times(row, value, s->n);
    json_array_append_new(rows, row);
    free(name);
}

/* Counters: every other metric, flat. */
static void google_counters(json_t *row, const json_t *record)
{
    for (const char *const *m = bench_metric_names(); *m; m++)
        if (strcmp(*m, "step_ns") != 0)
            put(row, *m, bench_metric_value(bench_metric_find(*m), record));
}

/* The rows of a cell. */
static json_t *google_cell(const bench_export_samples *s)
{
    const bench_export_cell *c = s->cell;
    const size_t n = (size_t)s->n;
    json_t *rows = json_array();
    for (int32_t i = 0; i < s->n; i++) {
        const json_t *record = s->runs[i];
        json_t *row = google_row(s, c->name, "iteration", record);
        json_object_set_new(row, "repetition_index", json_integer(i));
        google_times(row, s->ns[i], (json_int_t)json_array_size(bench_metric_at(record, "time.step_ns")));
        google_counters(row, record);
        json_array_append_new(rows, row);
    }
    if (n >= 2) {
        const double mean = bench_stats_mean(s->ns, n), sd = bench_stats_sd(s->ns, n);
        google_aggregate(rows, s, "mean", "time", mean);
        google_aggregate(rows, s, "median", "time", bench_stats_median(s->ns, n));
        google_aggregate(rows, s, "stddev", "time", sd);
        google_aggregate(rows, s, "cv", "percentage", sd / mean);
    }
    return rows;
}

json_t *bench_export_google(const bench_export_set *set)
{
    json_t *cells = bench_export_each(set, false, google_cell), *rows = json_array(), *cell;
    size_t i;
    json_array_foreach(cells, i, cell) json_array_extend(rows, cell);
    const bool fine = cells != NULL;
    json_decref(cells);
    if (fine)
        return json_pack("{s:o, s:o}", "context", google_context(set), "benchmarks", rows);
    json_decref(rows);
    return NULL;
}

/* ---- Bencher ---- */

/* Measures that Bencher knows by a name of its own; the others keep ours, with dashes. */
static const struct {
    const char *metric, *slug;
} slugs[] = {{"step_ns", "latency"}, {"tokens_per_s", "throughput"}, {"peak_rss_bytes", "peak-memory"}};

static void bencher_slug(const char *metric, char *out, size_t cap)
{
    snprintf(out, cap, "%s", metric);
    for (char *s = out; *s; s++)
        *s = *s == '_' ? '-' : *s;
    for (size_t i = 0; i < sizeof slugs / sizeof *slugs; i++)
        if (strcmp(slugs[i].metric, metric) == 0)
            snprintf(out, cap, "%s", slugs[i].slug);
}

/* {measure: {value, lower_value, upper_value}} of what is known; no bounds where there is no interval. */
static json_t *bencher_measures(const bench_export_cell *c)
{
    json_t *measures = json_object();
    for (const char *const *name = bench_metric_names(); *name; name++) {
        bench_summary s;
        char slug[64];
        bench_export_summary(c, bench_metric_find(*name), &s);
        if (isnan(s.value))
            continue;
        json_t *measure = json_pack("{s:f}", "value", s.value);
        if (s.spread != BENCH_SPREAD_NONE) {
            put(measure, "lower_value", s.interval.low);
            put(measure, "upper_value", s.interval.high);
        }
        bencher_slug(*name, slug, sizeof slug);
        json_object_set_new(measures, slug, measure);
    }
    return measures;
}

json_t *bench_export_bencher(const bench_export_set *set)
{
    json_t *all = json_object();
    for (int32_t i = 0; i < set->count; i++) {
        json_t *measures = bencher_measures(&set->cells[i]);
        if (json_object_size(measures))
            json_object_set(all, set->cells[i].name, measures);
        json_decref(measures);
    }
    return all;
}

/* ---- github-action-benchmark: numbers as people read them, one direction in a file ---- */

static json_t *github_entry(const bench_export_cell *c, const bench_metric *m)
{
    bench_summary s;
    char text[256], note[512];
    bench_export_summary(c, m, &s);
    if (!isfinite(s.value * m->scale))
        return NULL;
    char *name = NULL;
    if (asprintf(&name, "%s: %s", c->name, m->label) < 0)
        return NULL;
    json_t *entry =
        json_pack("{s:s, s:s, s:f}", "name", name, "unit", m->shown_unit, "value", s.value * m->scale);
    free(name);
    bench_summary_text(m, &s, text, sizeof text);
    const char *range = strchr(text, ' '); /* "12.3 [12.1, 12.6]", "62.5 ±1.6" */
    if (range)
        json_object_set_new(entry, "range", json_string(range + 1));
    bench_summary_note(&s, note, sizeof note);
    json_object_set_new(entry, "extra", json_sprintf("%s\n%s", note, m->help));
    return entry;
}

static json_t *github(const bench_export_set *set, bench_better better)
{
    json_t *all = json_array();
    for (int32_t i = 0; i < set->count; i++) {
        for (const char *const *name = bench_metric_names(); *name; name++) {
            const bench_metric *m = bench_metric_find(*name);
            json_t *entry = m->better == better ? github_entry(&set->cells[i], m) : NULL;
            if (entry)
                json_array_append_new(all, entry);
        }
    }
    return all;
}

json_t *bench_export_github_smaller(const bench_export_set *set)
{
    return github(set, BENCH_LOWER);
}

json_t *bench_export_github_bigger(const bench_export_set *set)
{
    return github(set, BENCH_HIGHER);
}
