/* Formats of programs that follow benchmarks over commits: google-benchmark JSON (schema 1), Bencher Metric Format (v0),
 * github-action-benchmark. See export.h. */
#include "bench/report/export_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/stats.h"

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
static json_t *google_row(const bench_export_cell *c, int32_t family, int32_t repetitions, const char *name,
                          const char *type, const json_t *record)
{
    const json_t *threads = bench_metric_at(record, "build.openmp_threads");
    json_t *row = json_pack("{s:s, s:i, s:i, s:s, s:s, s:i}", "name", name, "family_index", family,
                            "per_family_instance_index", 0, "run_name", c->name, "run_type", type,
                            "repetitions", repetitions);
    if (json_is_integer(threads))
        json_object_set(row, "threads", (json_t *)threads);
    return row;
}

static void google_times(json_t *row, double ns, json_int_t iterations)
{
    json_object_set_new(row, "iterations", json_integer(iterations));
    bench_export_put(row, "real_time", ns);
    bench_export_put(row, "cpu_time", ns);
    json_object_set_new(row, "time_unit", json_string("ns"));
}

static void google_aggregate(json_t *rows, const bench_export_cell *c, int32_t family, int32_t n,
                             const char *what, const char *unit, double value, const json_t *record)
{
    char *name = NULL;
    if (!isfinite(value) || asprintf(&name, "%s_%s", c->name, what) < 0)
        return;
    json_t *row = google_row(c, family, n, name, "aggregate", record);
    json_object_set_new(row, "aggregate_name", json_string(what));
    json_object_set_new(row, "aggregate_unit", json_string(unit));
    google_times(row, value, n);
    json_array_append_new(rows, row);
    free(name);
}

/* Counters: every other metric, flat. */
static void google_counters(json_t *row, const json_t *record)
{
    for (const char *const *m = bench_metric_names(); *m; m++)
        if (strcmp(*m, "step_ns") != 0)
            bench_export_put(row, *m, bench_metric_value(bench_metric_find(*m), record));
}

static bool google_cell(json_t *rows, const bench_export_cell *c, int32_t family)
{
    const size_t most = (size_t)c->result.run_count + 1;
    double *ns = calloc(most, sizeof *ns);
    const json_t **runs = calloc(most, sizeof *runs);
    const bool fine = ns && runs;
    const int32_t n = fine ? bench_export_samples(c, bench_metric_find("step_ns"), ns, runs) : 0;
    for (int32_t i = 0; i < n; i++) {
        json_t *row = google_row(c, family, n, c->name, "iteration", runs[i]);
        json_object_set_new(row, "repetition_index", json_integer(i));
        google_times(row, ns[i], (json_int_t)json_array_size(bench_metric_at(runs[i], "time.step_ns")));
        google_counters(row, runs[i]);
        json_array_append_new(rows, row);
    }
    if (n >= 2) {
        const double mean = bench_stats_mean(ns, (size_t)n), sd = bench_stats_sd(ns, (size_t)n);
        google_aggregate(rows, c, family, n, "mean", "time", mean, runs[0]);
        google_aggregate(rows, c, family, n, "median", "time", bench_stats_median(ns, (size_t)n), runs[0]);
        google_aggregate(rows, c, family, n, "stddev", "time", sd, runs[0]);
        google_aggregate(rows, c, family, n, "cv", "percentage", sd / mean, runs[0]);
    }
    free(ns);
    free(runs);
    return fine;
}

zo_status bench_export_google(const bench_export_set *set, FILE *out, zo_error *err)
{
    json_t *rows = json_array();
    for (int32_t i = 0; i < set->count; i++) {
        if (!google_cell(rows, &set->cells[i], i)) {
            json_decref(rows);
            return zo_fail(err, ZO_ERR_MEMORY, "export %s: out of memory", set->cells[i].name);
        }
    }
    return bench_export_json(json_pack("{s:o, s:o}", "context", google_context(set), "benchmarks", rows), out,
                             err);
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
            bench_export_put(measure, "lower_value", s.interval.low);
            bench_export_put(measure, "upper_value", s.interval.high);
        }
        bencher_slug(*name, slug, sizeof slug);
        json_object_set_new(measures, slug, measure);
    }
    return measures;
}

zo_status bench_export_bencher(const bench_export_set *set, FILE *out, zo_error *err)
{
    json_t *all = json_object();
    for (int32_t i = 0; i < set->count; i++) {
        json_t *measures = bencher_measures(&set->cells[i]);
        if (json_object_size(measures))
            json_object_set(all, set->cells[i].name, measures);
        json_decref(measures);
    }
    return bench_export_json(all, out, err);
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

static zo_status github(const bench_export_set *set, bench_better better, FILE *out, zo_error *err)
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
    return bench_export_json(all, out, err);
}

zo_status bench_export_github_smaller(const bench_export_set *set, FILE *out, zo_error *err)
{
    return github(set, BENCH_LOWER, out, err);
}

zo_status bench_export_github_bigger(const bench_export_set *set, FILE *out, zo_error *err)
{
    return github(set, BENCH_HIGHER, out, err);
}
