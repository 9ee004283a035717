/* Formats of other measuring programs: hyperfine's JSON (1.x and schema 2) and llama-bench's rows. See export.h. */
#include "bench/report/export_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/manifest/params.h"
#include "bench/base/stats.h"
#include "bench/record/record.h"

static json_t *reals(const double *x, int32_t n)
{
    json_t *array = json_array();
    for (int32_t i = 0; i < n; i++)
        json_array_append_new(array, bench_record_json(x[i]));
    return array;
}

/* ---- hyperfine 1.x, in seconds and bytes ---- */

static json_t *hyperfine_result(const bench_export_samples *s)
{
    const bench_export_cell *c = s->cell;
    const bench_metric *peak = bench_metric_find("peak_rss_bytes");
    const size_t n = (size_t)s->n;
    json_t *parameters = json_object(), *codes = json_array(), *memory = json_array();
    for (const bench_option *o = bench_options; o->name; o++)
        json_object_set_new(parameters, o->name, json_string(bench_result_text(&c->result, o)));
    for (int32_t i = 0; i < s->n; i++) {
        s->ns[i] /= 1e9; /* seconds from here on */
        const double bytes = bench_metric_value(peak, s->runs[i]);
        json_array_append_new(codes, json_integer(0)); /* what status ok means */
        json_array_append_new(memory,
                              bytes >= 0 && bytes < 0x1p62 ? json_integer((json_int_t)bytes) : json_null());
    }
    return json_pack("{s:s, s:o, s:o, s:o, s:n, s:n, s:o, s:o, s:o, s:o, s:o, s:o}", "command", c->name,
                     "mean", bench_record_json(bench_stats_mean(s->ns, n)), "stddev",
                     bench_record_json(bench_stats_sd(s->ns, n)), "median",
                     bench_record_json(bench_stats_median(s->ns, n)), "user", "system", "min",
                     bench_record_json(bench_stats_min(s->ns, n)), "max",
                     bench_record_json(bench_stats_max(s->ns, n)), "times", reals(s->ns, s->n),
                     "memory_usage_byte", memory, "exit_codes", codes, "parameters", parameters);
}

/* ---- hyperfine 2, schema version 2: the same by run and by metric ---- */

static json_t *hyperfine_2_summary(const char *unit, const double *x, int32_t count)
{
    const size_t n = (size_t)count;
    return json_pack("{s:s, s:i, s:o, s:o, s:o, s:o, s:o}", "unit", unit, "count", count, "mean",
                     bench_record_json(bench_stats_mean(x, n)), "stddev",
                     bench_record_json(bench_stats_sd(x, n)), "median",
                     bench_record_json(bench_stats_median(x, n)), "min",
                     bench_record_json(bench_stats_min(x, n)), "max",
                     bench_record_json(bench_stats_max(x, n)));
}

/* What a run lacks is not in its measurement; what any lacks is not in the summary. */
static json_t *hyperfine_2_result(const bench_export_samples *s)
{
    const bench_export_cell *c = s->cell;
    const bench_metric *peak = bench_metric_find("peak_rss_bytes");
    json_t *measurements = json_array(), *summary = json_object(), *parameters = json_object();
    double *bytes = s->ts; /* room for as many */
    int32_t known_bytes = 0;
    for (int32_t i = 0; i < s->n; i++) {
        json_t *one = json_object();
        s->ns[i] /= 1e9; /* seconds from here on */
        bytes[i] = bench_metric_value(peak, s->runs[i]);
        json_object_set_new(one, "time_wall_clock",
                            json_pack("{s:o, s:s}", "value", bench_record_json(s->ns[i]), "unit", "second"));
        if (bytes[i] >= 0 && bytes[i] < 0x1p62) {
            known_bytes++;
            json_object_set_new(one, "memory_peak_resident",
                                json_pack("{s:I, s:s}", "value", (json_int_t)bytes[i], "unit", "byte"));
        }
        json_object_set_new(one, "exit_code", json_integer(0)); /* what status ok means */
        json_array_append_new(measurements, one);
    }
    json_object_set_new(summary, "time_wall_clock", hyperfine_2_summary("second", s->ns, s->n));
    if (known_bytes == s->n)
        json_object_set_new(summary, "memory_peak_resident", hyperfine_2_summary("byte", bytes, s->n));
    for (const bench_option *o = bench_options; o->name; o++)
        json_object_set_new(parameters, o->name,
                            json_pack("{s:s}", "value", bench_result_text(&c->result, o)));
    return json_pack("{s:s, s:o, s:o, s:o}", "command", c->name, "measurements", measurements, "parameters",
                     parameters, "summary", summary);
}

/* ---- llama-bench ---- */

/* Columns of things that there are none of here. The comparing script joins rows on most of them, so that null would match
 * nothing. */
static void llama_constants(json_t *row)
{
    static const struct {
        const char *key, *text; /* text NULL: number, or false where that is negative */
        int number;
    } constants[] = {
        {"gpu_info", "", 0},         {"backends", "zobench", 0},
        {"cpu_mask", "0x0", 0},      {"cpu_strict", NULL, -1},
        {"poll", NULL, 0},           {"type_k", "f32", 0},
        {"type_v", "f32", 0},        {"n_gpu_layers", NULL, 0},
        {"split_mode", "none", 0},   {"main_gpu", NULL, 0},
        {"no_kv_offload", NULL, -1}, {"flash_attn", NULL, 0},
        {"tensor_split", "0.00", 0}, {"tensor_buft_overrides", "none", 0},
        {"embeddings", NULL, -1},    {"no_op_offload", NULL, 0},
        {"n_gen", NULL, 0},          {"n_depth", NULL, 0},
        {"n_cpu_moe", NULL, 0},      {"fit_target", NULL, 0},
        {"fit_min_ctx", NULL, 0},
    };
    for (size_t i = 0; i < sizeof constants / sizeof *constants; i++)
        json_object_set_new(row, constants[i].key,
                            constants[i].text         ? json_string(constants[i].text)
                            : constants[i].number < 0 ? json_false()
                                                      : json_integer(constants[i].number));
}

/* The value at a path, new reference; null where it is not there. */
static json_t *known(const json_t *record, const char *path)
{
    json_t *v = bench_metric_at(record, path);
    return v ? json_incref(v) : json_null();
}

/* A mean number of tokens as a whole number; null where it is not there. */
static json_t *tokens(const json_t *record, const char *path)
{
    const double x = json_number_value(bench_metric_at(record, path));
    return x > 0 && x < 0x1p53 ? json_integer((json_int_t)llround(x)) : json_null();
}

static void llama_origin(json_t *row, const bench_export_cell *c, const json_t *record)
{
    const bool mapped = json_number_value(bench_metric_at(record, "weights.mapped_bytes")) > 0;
    const char *commit = json_string_value(bench_metric_at(record, "build.commit"));
    json_object_set_new(row, "schema", json_string("zobench/llama-bench/1"));
    json_object_set_new(row, "build_commit",
                        commit ? json_stringn(commit, strnlen(commit, 8)) : json_string("unknown"));
    json_object_set_new(row, "build_number", json_null());
    json_object_set_new(row, "cpu_info", known(record, "machine.cpu"));
    json_object_set_new(row, "model_filename",
                        json_string(bench_result_text(&c->result, bench_option_find("model"))));
    json_object_set_new(row, "model_type", json_string(c->name));
    json_object_set_new(row, "model_size", known(record, "inputs.model.bytes"));
    json_object_set_new(row, "model_n_params", json_null());
    json_object_set_new(row, "n_batch", tokens(record, "time.padded_tokens_per_step"));
    json_object_set_new(row, "n_ubatch", tokens(record, "time.padded_tokens_per_step"));
    json_object_set_new(row, "n_threads", known(record, "build.openmp_threads"));
    json_object_set_new(row, "use_mmap", json_boolean(mapped)); /* became load_mode; scripts of both times */
    json_object_set_new(row, "load_mode", json_string(mapped ? "mmap" : "none"));
    json_object_set_new(row, "n_prompt", tokens(record, "time.tokens_per_step"));
    json_object_set_new(row, "test_time", known(record, "started"));
}

static json_t *llama_row(const bench_export_samples *s)
{
    const bench_export_cell *c = s->cell;
    json_t *row = json_object();
    bench_summary summary;
    llama_origin(row, c, s->runs[s->n - 1]);
    llama_constants(row);
    json_object_set_new(row, "avg_ns", bench_record_json(round(bench_stats_mean(s->ns, (size_t)s->n))));
    json_object_set_new(row, "stddev_ns", bench_record_json(round(bench_stats_sd(s->ns, (size_t)s->n))));
    json_object_set_new(row, "avg_ts", bench_record_json(bench_stats_mean(s->ts, (size_t)s->ts_n)));
    json_object_set_new(row, "stddev_ts", bench_record_json(bench_stats_sd(s->ts, (size_t)s->ts_n)));
    json_object_set_new(row, "samples_ns", reals(s->ns, s->n));
    json_object_set_new(row, "samples_ts", reals(s->ts, s->ts_n));
    json_object_set_new(row, "status", json_string(s->n == c->result.run_count ? "ok" : "incomplete"));
    for (const char *const *name = bench_metric_names(); *name; name++) {
        if (strcmp(*name, "step_ns") == 0 || strcmp(*name, "tokens_per_s") == 0)
            continue;
        bench_export_summary(c, bench_metric_find(*name), &summary);
        json_object_set_new(row, *name, bench_record_json(summary.value));
    }
    return row;
}

json_t *bench_export_hyperfine(const bench_export_set *set)
{
    return json_pack("{s:o}", "results", bench_export_each(set, false, hyperfine_result));
}

json_t *bench_export_hyperfine_2(const bench_export_set *set)
{
    const json_t *started = json_object_get(bench_export_newest(set), "started");
    json_t *metadata = json_pack("{s:s, s:{s:s}}", "hyperfine_version", "zobench", "platform", "os", "Linux");
    if (json_is_string(started))
        json_object_set(metadata, "start_time", (json_t *)started);
    return json_pack("{s:i, s:o, s:s, s:o}", "schema_version", 2, "metadata", metadata, "primary_metric",
                     "time_wall_clock", "results", bench_export_each(set, false, hyperfine_2_result));
}

/* Its reader wants throughputs. */
json_t *bench_export_llama_bench(const bench_export_set *set)
{
    return bench_export_each(set, true, llama_row);
}
