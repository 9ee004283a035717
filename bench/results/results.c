/* See results.h. */
#include "bench/base/text.h"
#include "bench/results/results.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/record/metric.h"
#include "bench/record/inputs.h"
#include "bench/record/record.h"
#include "bench/manifest/condition.h"

static int32_t option_count(void)
{
    int32_t n = 0;
    while (bench_options[n].name)
        n++;
    return n;
}

/* ---- Loading ---- */

static char **texts_of(const bench_params *p)
{
    int32_t n = option_count();
    char **text = calloc((size_t)n + 1, sizeof *text), shown[512];
    for (int32_t i = 0; text && i < n; i++) {
        text[i] = strdup(bench_params_text(p, &bench_options[i], shown, sizeof shown));
        if (!text[i]) {
            while (i--)
                free(text[i]);
            free(text);
            return NULL;
        }
    }
    return text;
}

static int by_run(const void *a, const void *b)
{
    json_int_t x = bench_metric_integer_at(*(const json_t *const *)a, "run"),
               y = bench_metric_integer_at(*(const json_t *const *)b, "run");
    return (x > y) - (x < y);
}

void bench_result_settle(bench_result *cell)
{
    qsort(cell->runs, (size_t)cell->run_count, sizeof *cell->runs, by_run);
    cell->ok_count = 0;
    for (int32_t i = 0; i < cell->run_count; i++)
        cell->ok_count += bench_record_ok(cell->runs[i]);
}

void bench_result_deinit(bench_result *cell)
{
    for (char **t = cell->text; t && *t; t++)
        free(*t);
    free(cell->text);
    free(cell->runs);
}

static int by_id(const void *a, const void *b)
{
    return strcmp((*(bench_result *const *)a)->cell->id, (*(bench_result *const *)b)->cell->id);
}

static int id_against(const void *id, const void *cell)
{
    return strcmp(id, (*(bench_result *const *)cell)->cell->id);
}

/* The parameters of a configuration: all but the seed. To be freed. */
static char *configuration_of(const bench_cell *cell)
{
    json_t *o = bench_params_to_json(&cell->params);
    json_object_del(o, bench_option_seed()->name);
    char *key = json_dumps(o, JSON_SORT_KEYS | JSON_COMPACT);
    json_decref(o);
    return key;
}

/* Runs of a configuration that read other contents than its newest one are results of something else: left out. */
static void leave_out_others(bench_results *r)
{
    json_t *newest = json_object(); /* configuration -> record */
    char why[sizeof r->other];
    for (int choosing = 1; choosing >= 0; choosing--) {
        for (int32_t c = 0; c < r->cell_count; c++) {
            bench_result *cell = &r->cells[c];
            char *key = configuration_of(cell->cell);
            int32_t kept = 0;
            for (int32_t i = 0; key && i < cell->run_count; i++) {
                const json_t *run = cell->runs[i], *best = json_object_get(newest, key);
                if (choosing && bench_record_ok(run) &&
                    (!best ||
                     strcmp(bench_metric_text_at(run, "started"), bench_metric_text_at(best, "started")) > 0))
                    json_object_set(newest, key, (json_t *)run);
                if (choosing || !bench_inputs_differ(json_object_get(run, "inputs"),
                                                     json_object_get(best, "inputs"), why, sizeof why))
                    cell->runs[kept++] = run;
                else if (r->others++ == 0)
                    memcpy(r->other, why, sizeof why);
            }
            cell->run_count = key ? kept : cell->run_count;
            free(key);
        }
    }
    json_decref(newest);
}

/* Gives every cell the records that are its own; those of no cell are strays. false: memory is out. */
static bool deal_records(bench_results *r)
{
    size_t i, cells = (size_t)r->cell_count;
    const json_t *record;
    bench_result **sorted = calloc(cells + 1, sizeof *sorted);
    bool ok = sorted != NULL;
    for (size_t k = 0; ok && k < cells; k++)
        sorted[k] = &r->cells[k];
    if (ok)
        qsort(sorted, cells, sizeof *sorted, by_id);
    for (int counting = 1; ok && counting >= 0; counting--) { /* how many, then which */
        json_array_foreach(r->records, i, record)
        {
            bench_result **at =
                bsearch(bench_metric_text_at(record, "cell_id"), sorted, cells, sizeof *sorted, id_against);
            if (!at)
                r->strays += counting;
            else if (counting)
                (*at)->run_count++;
            else
                (*at)->runs[(*at)->run_count++] = record;
        }
        for (size_t k = 0; ok && counting && k < cells; k++) {
            r->cells[k].runs = calloc((size_t)r->cells[k].run_count + 1, sizeof(const json_t *));
            r->cells[k].run_count = 0;
            ok = r->cells[k].runs != NULL;
        }
    }
    if (ok)
        leave_out_others(r);
    for (size_t k = 0; ok && k < cells; k++)
        bench_result_settle(&r->cells[k]);
    free(sorted);
    return ok;
}

zo_status bench_results_load(const char *dir, const char *const *sets, bench_results **out, zo_error *err)
{
    char path[4096];
    json_t *all = NULL;
    int same = 0;
    *out = NULL;
    bench_results *r = calloc(1, sizeof *r);
    if (!r)
        return zo_fail(err, ZO_ERR_MEMORY, "load %s: out of memory", dir);
    snprintf(path, sizeof path, "%s/manifest.json", dir);
    zo_status st = bench_manifest_load_set(path, sets, &r->manifest, err);
    if (st)
        goto cleanup;
    snprintf(path, sizeof path, "%s/cells.jsonl", dir);
    st = bench_records_load(path, &all, &r->torn, err);
    if (st)
        goto cleanup;
    r->records = bench_records_latest(all);
    r->doubled = bench_records_doubled(all, &same);
    r->cell_count = r->manifest->cell_count;
    r->cells = calloc((size_t)r->cell_count + 1, sizeof *r->cells);
    bool ok = r->records && r->cells;
    for (int32_t i = 0; ok && i < r->cell_count; i++) {
        r->cells[i].cell = &r->manifest->cells[i];
        r->cells[i].text = texts_of(&r->manifest->cells[i].params);
        ok = r->cells[i].text != NULL;
    }
    if (!ok || !deal_records(r)) {
        st = zo_fail(err, ZO_ERR_MEMORY, "load %s: out of memory", dir);
        goto cleanup;
    }
    *out = r;
    r = NULL;
cleanup:
    json_decref(all);
    bench_results_free(r);
    return st;
}

void bench_results_free(bench_results *r)
{
    if (!r)
        return;
    for (int32_t i = 0; r->cells && i < r->cell_count; i++)
        bench_result_deinit(&r->cells[i]);
    free(r->cells);
    json_decref(r->records);
    bench_manifest_free(r->manifest);
    free(r);
}

/* ---- Cells ---- */

const char *bench_result_text(const bench_result *cell, const bench_option *o)
{
    return cell->text[o - bench_options];
}

bool bench_result_matches(const bench_result *cell, const json_t *where)
{
    return bench_condition_match(&cell->cell->params, where);
}

bool bench_result_alike(const bench_result *a, const bench_result *b, const bench_option *except)
{
    for (const bench_option *o = bench_options; o->name; o++)
        if (o != except && o != bench_option_seed() &&
            strcmp(bench_result_text(a, o), bench_result_text(b, o)) != 0)
            return false;
    return true;
}

void bench_result_trouble(const bench_results *r, const bench_result *cell, char *out, size_t cap)
{
    *out = 0;
    for (int32_t i = cell->run_count - 1; i >= 0; i--) {
        if (bench_record_ok(cell->runs[i]))
            continue;
        bench_record_reason(cell->runs[i], out, cap);
        return;
    }
    if (cell->run_count == 0)
        snprintf(out, cap, "not run yet");
    else if (cell->run_count < r->manifest->measure.min_runs)
        snprintf(out, cap, "%d of %lld runs done", cell->run_count, (long long)r->manifest->measure.min_runs);
}

bool bench_results_varies(const bench_results *r, const bench_option *o)
{
    for (int32_t i = 1; i < r->cell_count; i++)
        if (strcmp(bench_result_text(&r->cells[0], o), bench_result_text(&r->cells[i], o)) != 0)
            return true;
    return false;
}

void bench_result_label(const bench_results *r, const bench_result *cell, char *out, size_t cap)
{
    *out = 0;
    for (const bench_option *o = bench_options; o->name; o++)
        if (bench_results_varies(r, o))
            bench_text_add(out, cap, "%s%s=%s", *out ? ", " : "", o->name, bench_result_text(cell, o));
    if (!*out)
        snprintf(out, cap, "%s", cell->cell->id);
}
