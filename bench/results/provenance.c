/* See provenance.h. */
#include "bench/results/provenance.h"

#include <stdio.h>
#include <string.h>

#include "bench/base/text.h"
#include "bench/record/metric.h"

/* Each writes what a record has at a key; nothing where it has no such object. */
static void describe_machine(const json_t *record, const char *key, char *out, size_t cap)
{
    const json_t *m = json_object_get(record, key);
    double bytes = json_number_value(json_object_get(m, "memory_bytes"));
    long long cores = bench_metric_integer_at(m, "cores");
    long long allowed = bench_metric_integer_at(m, "cores_allowed");
    if (!json_is_object(m))
        return;
    snprintf(out, cap, "%s, ",
             *bench_metric_text_at(m, "cpu") ? bench_metric_text_at(m, "cpu") : "unknown processor");
    if (cores > 0 && allowed > 0 && allowed < cores)
        bench_text_add(out, cap, "%lld of %lld cores, ", allowed, cores);
    else if (cores > 0)
        bench_text_add(out, cap, "%lld core%s, ", cores, cores == 1 ? "" : "s");
    if (bytes > 0)
        bench_text_add(out, cap, "%.1f GiB of memory, ", bytes / (1024.0 * 1024 * 1024));
    const char *kernels =
        bench_metric_text_at(m, *bench_metric_text_at(m, "matrix_kernels") ? "matrix_kernels" : "kernels");
    if (*kernels)
        bench_text_add(out, cap, "%s kernels, ", kernels);
    if (json_is_true(json_object_get(m, "virtual")))
        bench_text_add(out, cap, "virtual machine, ");
    bench_text_add(out, cap, "%s",
                   *bench_metric_text_at(m, "os") ? bench_metric_text_at(m, "os") : "unknown system");
}

static void describe_build(const json_t *record, const char *key, char *out, size_t cap)
{
    const json_t *b = json_object_get(record, key);
    const char *commit = bench_metric_text_at(b, "commit");
    if (!json_is_object(b))
        return;
    snprintf(out, cap, "commit %s%s, %s build, %s %s", *commit ? commit : "unknown",
             json_is_true(json_object_get(b, "dirty")) ? " with local changes" : "",
             bench_metric_text_at(b, "config"), bench_metric_text_at(b, "compiler"),
             bench_metric_text_at(b, "flags"));
    if (*bench_metric_text_at(record, "backend.core")) /* of a library */
        bench_text_add(out, cap, ", %s %s (%s kernels, %lld threads)",
                       bench_metric_text_at(record, "backend.library"),
                       bench_metric_text_at(record, "backend.version"),
                       bench_metric_text_at(record, "backend.core"),
                       (long long)bench_metric_integer_at(record, "backend.threads"));
}

static void describe_input(const json_t *record, const char *key, char *out, size_t cap)
{
    const json_t *input = json_object_get(json_object_get(record, "inputs"), key);
    const char *path = bench_metric_text_at(input, "path"), *hash = bench_metric_text_at(input, "sha256");
    if (!json_is_object(input))
        return;
    snprintf(out, cap, "%s: %s%s%s%s", key, path, *path ? ", " : "", *hash ? "SHA-256 " : "generated", hash);
}

static const struct {
    void (*describe)(const json_t *record, const char *key, char *out, size_t cap);
    const char *key;
} kinds[] = {
    [BENCH_PROVENANCE_MACHINE] = {describe_machine, "machine"},
    [BENCH_PROVENANCE_BUILD] = {describe_build, "build"},
    [BENCH_PROVENANCE_MODEL] = {describe_input, "model"},
    [BENCH_PROVENANCE_ADAPTER] = {describe_input, "adapter"},
    [BENCH_PROVENANCE_TRAIN] = {describe_input, "train"},
    [BENCH_PROVENANCE_VALIDATION] = {describe_input, "validation"},
    [BENCH_PROVENANCE_TEMPLATE] = {describe_input, "template"},
    [BENCH_PROVENANCE_MANIFEST] = {describe_input, "manifest"},
};

/* Puts a text among the others where it is new. */
static void add_text(bench_provenance_table *out, const char text[sizeof out->text[0]])
{
    bool known = !*text;
    for (int32_t k = 0; k < out->count; k++)
        known = known || strcmp(out->text[k], text) == 0;
    if (known)
        return;
    if (out->count == BENCH_PROVENANCE_MOST)
        out->more = true;
    else
        snprintf(out->text[out->count++], sizeof out->text[0], "%s", text);
}

void bench_provenance_collect(const bench_results *r, bench_provenance kind, bench_provenance_table *out)
{
    size_t i;
    json_t *record;
    memset(out, 0, sizeof *out);
    json_array_foreach(r->records, i, record)
    {
        char text[sizeof out->text[0]] = "";
        kinds[kind].describe(record, kinds[kind].key, text, sizeof text);
        add_text(out, text);
    }
}

int32_t bench_provenance_builds(const bench_results *r)
{
    bench_provenance_table all = {0};
    size_t i;
    json_t *record;
    json_array_foreach(r->records, i, record)
    {
        char text[sizeof all.text[0]] = "";
        json_t *alone = json_pack("{s:O?}", "build", json_object_get(record, "build"));
        describe_build(alone, "build", text, sizeof text);
        add_text(&all, text);
        json_decref(alone);
    }
    return all.count;
}

void bench_provenance_period(const bench_results *r, const char **first, const char **last)
{
    size_t i;
    json_t *record;
    *first = *last = "";
    json_array_foreach(r->records, i, record)
    {
        const char *at = bench_metric_text_at(record, "started"); /* such times sort as text */
        if (*at && (!**first || strcmp(at, *first) < 0))
            *first = at;
        if (strcmp(at, *last) > 0)
            *last = at;
    }
}
