/* See plan.h. */
#include "bench/backend/backend.h"
#include "bench/launch/plan.h"

#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "bench/machine/build.h"
#include "bench/backend/rows.h"
#include "bench/base/folder.h"
#include "bench/machine/machine.h"
#include "bench/cell/measure.h"
#include "bench/record/metric.h"
#include "bench/base/paths.h"
#include "bench/record/inputs.h"
#include "bench/record/record.h"
#include "bench/cell/roofline.h"
#include "bench/base/stats.h"
#include "bench/manifest/condition.h"
#include "core/model/llama.h"
#include "core/data/task.h"
#include "core/text/tokenizer.h"
#include "core/format/weights.h"

#define PEAK_S 0.5 /* for the peaks of a thread count */

/* ---- disk ---- */

enum {
    RECORD_BYTES = 8192, /* machine, build, inputs ...: some 5000 */
    STEP_BYTES = 64,     /* a time, [step, loss] and [step, size] */
    EVALUATION_BYTES = 256
};

/* One record, generously: it holds a time and a loss for every step, and which rows every evaluation had right. */
static int64_t record_bytes_of(const bench_params *p)
{
    const int64_t rows = p->holdout ? p->holdout : p->eval_rows;
    return RECORD_BYTES + STEP_BYTES * p->steps + bench_params_evaluations(p) * (EVALUATION_BYTES + rows / 4);
}

/* The checkpoints of a repetition while it runs: two of adapter_bytes, the older is removed last, and the samples so far. */
static int64_t checkpoint_bytes_of(const bench_params *p, int64_t adapter_bytes)
{
    return p->checkpoint_every ? 2 * (adapter_bytes + record_bytes_of(p)) : 0;
}

/* Free for this user on the disk of a folder, or of the nearest one above it that there is; -1: not known. */
static int64_t disk_free(const char *folder)
{
    struct statvfs disk;
    char *path = strdup(folder);
    int failed = -1;
    while (path && (failed = statvfs(path, &disk)) != 0) {
        char *slash = strrchr(path, '/');
        if (!slash || slash == path) {
            failed = statvfs(slash ? "/" : ".", &disk);
            break;
        }
        *slash = '\0';
    }
    free(path);
    return failed ? -1 : (int64_t)disk.f_bavail * (int64_t)disk.f_frsize;
}

/* ---- memory ---- */

/* Memory that a cell may take now: what is available, or its control group's limit; -1: unknown. */
static int64_t available_bytes_of(const json_t *machine)
{
    const json_t *free_now = json_object_get(machine, "memory_available_bytes"),
                 *limit = json_object_get(machine, "memory_limit_bytes");
    int64_t bytes = json_is_integer(free_now) ? json_integer_value(free_now) : -1;
    if (json_is_integer(limit) && (bytes < 0 || json_integer_value(limit) < bytes))
        bytes = json_integer_value(limit);
    return bytes;
}

/* measure.memory where that is a size, but no more than is available; -1: unknown. */
static int64_t limit_bytes_of(const bench_measure *m, const json_t *machine)
{
    const int64_t available = available_bytes_of(machine);
    return m->memory_bytes > 0 && (available < 0 || m->memory_bytes < available) ? m->memory_bytes
                                                                                 : available;
}

/* ---- models and data, each opened once ---- */

typedef struct model {
    struct model *next;
    const char *name; /* borrowed from the manifest */
    char path[4096];
    zo_config config;
    zo_weights *weights;     /* NULL: trouble says why */
    zo_tokenizer *tokenizer; /* opened where rows are wanted; NULL: the same */
    zo_error trouble;
} model;

typedef struct data {
    struct data *next;
    const bench_params *key; /* borrowed likewise; what same_data compares counts */
    bench_rows rows;
    zo_error trouble;
} data;

typedef struct planner {
    const bench_manifest *m;
    bench_plan *plan;
    model *models;
    data *data;
    json_t *seen;              /* path -> what a file is now (inputs.h) */
    json_t *records;           /* the latest of each repetition, first of this manifest, then of others */
    size_t own;                /* records of this manifest */
    bench_params *past;        /* the cell of each record */
    bool *alike;               /* whether it is of this machine and build */
    bench_plan_parts *scratch; /* (records) */
} planner;

/* The entry of that name, opened at its first use; NULL: out of memory. */
static model *find_model(planner *s, const char *name)
{
    for (model *m = s->models; m; m = m->next)
        if (strcmp(m->name, name) == 0)
            return m;
    model *m = calloc(1, sizeof *m);
    if (!m)
        return NULL;
    m->next = s->models;
    m->name = name;
    s->models = m;
    if (!bench_model_path(name, m->path, sizeof m->path, &m->trouble) &&
        !zo_weights_open(m->path, NULL, &m->weights, &m->trouble))
        m->config = *zo_weights_config(m->weights);
    return m;
}

static zo_llama_bytes weight_bytes(const model *m, const bench_params *p)
{
    return zo_llama_weight_bytes(m->weights, (zo_precision)p->weights, (int32_t)bench_params_longest(p));
}

static bool same_data(const bench_params *a, const bench_params *b)
{
    return strcmp(a->model, b->model) == 0 && strcmp(a->task, b->task) == 0 &&
           strcmp(a->data, b->data) == 0 && a->train_rows == b->train_rows && a->eval_rows == b->eval_rows &&
           a->holdout == b->holdout && a->batch == b->batch && bench_params_cut(a) == bench_params_cut(b) &&
           bench_params_trains(a) == bench_params_trains(b) &&
           bench_params_evaluates(a) == bench_params_evaluates(b);
}

/* The rows of a cell of model m, read at their first use; NULL: its tokenizer cannot be read, or (*lost) out of memory. */
static data *find_data(planner *s, const bench_params *p, model *m, bool *lost)
{
    if (m->weights && !m->tokenizer && !m->trouble.status)
        (void)zo_tokenizer_open(m->path, NULL, &m->tokenizer, &m->trouble);
    if (!m->tokenizer)
        return NULL;
    for (data *d = s->data; d; d = d->next)
        if (same_data(d->key, p))
            return d;
    data *d = calloc(1, sizeof *d);
    *lost = !d;
    if (!d)
        return NULL;
    *d = (data){.next = s->data, .key = p};
    s->data = d;
    (void)bench_rows_open(p, m->tokenizer, NULL, &d->rows, &d->trouble);
    return d;
}

static void planner_deinit(planner *s)
{
    json_decref(s->seen);
    for (data *d = s->data, *next; d; d = next) {
        next = d->next;
        bench_rows_close(&d->rows);
        free(d);
    }
    for (model *m = s->models, *next; m; m = next) {
        next = m->next;
        zo_tokenizer_free(m->tokenizer);
        zo_weights_free(m->weights);
        free(m);
    }
    json_decref(s->records);
    free(s->past);
    free(s->alike);
    free(s->scratch);
}

/* ---- time by the roofline ---- */

/* The roof for so many threads, measured at its first use: in plan->peaks under that number. False: it can't be. */
static bool roof_for(planner *s, int32_t threads, bench_roof *out)
{
    char key[16];
    json_t *peaks = NULL;
    snprintf(key, sizeof key, "%d", threads);
    if (!s->plan->peaks)
        s->plan->peaks = json_object();
    if (!json_object_get(s->plan->peaks, key) &&
        bench_roofline_measure(threads, PEAK_S, &peaks, NULL) == ZO_OK)
        json_object_set_new(s->plan->peaks, key, peaks);
    return bench_roofline_read(json_object_get(s->plan->peaks, key), out);
}

static void estimate(planner *s, const bench_params *p, const model *m, const data *d, bench_plan_cell *out)
{
    bench_roof roof;
    if (!roof_for(s, bench_backend_threads(p), &roof))
        return;
    out->seconds = bench_predict_seconds(p, &m->config, &d->rows.train, &d->rows.eval, &roof);
    out->basis = BENCH_PLAN_ESTIMATED;
}

/* ---- time by records ---- */

/* Equal in all that the time of a step depends on. */
static bool as_costly(const bench_params *a, const bench_params *b)
{
    for (const bench_option *o = bench_options; o->name; o++)
        if (!o->untimed && !bench_params_same(a, b, o))
            return false;
    return true;
}

bool bench_plan_parts_read(const json_t *record, const bench_params *past, const bench_params *p,
                           bench_plan_parts *out)
{
    if (!bench_record_ok(record) || (bench_params_evaluates(p) && !bench_params_evaluates(past)))
        return false;
    out->step_ns = bench_params_trains(p) ? bench_metric_number_at(record, "time.median_ns") : 0;
    out->load_ns = bench_metric_number_at(record, "time.load_ns");
    out->evaluation_ns = bench_params_evaluates(p) ? bench_metric_number_at(record, "time.eval_ns") /
                                                         (double)bench_params_evaluations(past)
                                                   : 0;
    return !isnan(out->step_ns + out->load_ns + out->evaluation_ns);
}

double bench_plan_parts_seconds(const bench_params *p, const bench_plan_parts *parts, size_t n)
{
    double *each = calloc(n + 1, 3 * sizeof *each), *load = each ? each + n : NULL,
           *eval = each ? load + n : NULL, seconds = NAN;
    for (size_t i = 0; each && i < n; i++) {
        each[i] = parts[i].step_ns;
        load[i] = parts[i].load_ns;
        eval[i] = parts[i].evaluation_ns;
    }
    if (each && n)
        seconds = 1e-9 * (bench_stats_median(each, n) * (double)p->steps + bench_stats_median(load, n) +
                          bench_stats_median(eval, n) * (double)bench_params_evaluations(p));
    free(each);
    return seconds;
}

/* Medians over the records of this cell, or else of cells whose steps cost as much. */
static void recall(planner *s, const bench_cell *cell, bool exact, bench_plan_cell *out)
{
    size_t i, n = 0;
    const bench_params *p = &cell->params;
    json_t *record;
    json_array_foreach(s->records, i, record)
    {
        const bench_params *past = &s->past[i];
        const char *id = json_string_value(json_object_get(record, "cell_id"));
        bool fits =
            exact ? id && strcmp(id, cell->id) == 0
                  : as_costly(past, p) && (past->eval_rows == p->eval_rows || !bench_params_evaluates(p));
        n += s->alike[i] && fits && bench_plan_parts_read(record, past, p, &s->scratch[n]);
    }
    const double seconds = bench_plan_parts_seconds(p, s->scratch, n);
    if (isnan(seconds))
        return;
    out->basis = BENCH_PLAN_MEASURED;
    out->seconds = seconds;
}

/* What was made of other contents is not done. */
static void count_runs(planner *s, bench_plan_cell *out)
{
    size_t i;
    json_t *record;
    char why[512];
    json_array_foreach(s->records, i, record)
    {
        const char *id = json_string_value(json_object_get(record, "cell_id"));
        if (i >= s->own || !id || strcmp(id, out->cell->id) != 0)
            continue;
        if (!bench_record_ok(record))
            out->failed++;
        else if (bench_inputs_changed(json_object_get(record, "inputs"), s->seen, why, sizeof why))
            snprintf(out->trouble, sizeof out->trouble, "made of other contents: %.220s", why);
        else
            out->done++;
    }
}

/* Which records tell of this machine and a program built alike. */
static zo_status compare_machines(planner *s, json_t *machine, zo_error *err)
{
    size_t i;
    json_t *record, *build = bench_build_describe();
    if (!build)
        return zo_fail(err, ZO_ERR_MEMORY, "plan %s: out of memory", s->m->name);
    json_array_foreach(s->records, i, record)
    {
        s->alike[i] = bench_machine_made(machine, build, record) &&
                      !bench_params_from_json(&s->past[i], json_object_get(record, "cell"), NULL);
    }
    json_decref(build);
    return ZO_OK;
}

/* What other manifests' runs left in the same folder of results; what cannot be read there is none of this plan's business. */
static void add_others(planner *s, const char *results, const char *own)
{
    glob_t found = {0};
    char *pattern = bench_folder_path("%s/*/cells.jsonl", results);
    if (!pattern || glob(pattern, 0, NULL, &found))
        found.gl_pathc = 0;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        json_t *all = NULL, *latest;
        if (strcmp(found.gl_pathv[i], own) == 0 || bench_records_load(found.gl_pathv[i], &all, NULL, NULL))
            continue;
        latest = bench_records_latest(all);
        json_array_extend(s->records, latest);
        json_decref(latest);
        json_decref(all);
    }
    globfree(&found);
    free(pattern);
}

static zo_status read_records(planner *s, const char *results, json_t *machine, zo_error *err)
{
    json_t *all = NULL;
    char *path = bench_folder_path("%s/%s/cells.jsonl", results, s->m->name);
    zo_status st = path ? bench_records_load(path, &all, NULL, err) : ZO_OK;
    if (!st)
        s->records = bench_records_latest(all);
    s->own = json_array_size(s->records);
    if (!st && path)
        add_others(s, results, path);
    size_t n = json_array_size(s->records) + 1;
    s->past = calloc(n, sizeof *s->past);
    s->alike = calloc(n, sizeof *s->alike);
    s->scratch = calloc(n, sizeof *s->scratch);
    if (!st && (!path || !s->records || !s->past || !s->alike || !s->scratch))
        st = zo_fail(err, ZO_ERR_MEMORY, "plan %s: out of memory", s->m->name);
    if (!st)
        st = compare_machines(s, machine, err);
    json_decref(all);
    free(path);
    return st;
}

/* ---- the whole ---- */

static void set_trouble(bench_plan_cell *out, const zo_error *why)
{
    if (!*out->trouble)
        snprintf(out->trouble, sizeof out->trouble, "%.255s", why->text);
}

/* What the cell itself would find out only after loading. */
static void check_cell(const bench_params *p, const zo_config *c, const data *d, bench_plan_cell *out)
{
    zo_error why = d->trouble;
    if (bench_params_adapts(p) && p->rank > c->width)
        zo_fail(&why, ZO_ERR_INVALID, "rank %lld is more than the width %d of %s", (long long)p->rank,
                c->width, p->model);
    set_trouble(out, &why);
}

static zo_status plan_cell(planner *s, bench_plan_cell *out, zo_error *err)
{
    const bench_params *p = &out->cell->params;
    if (!bench_backend_of(p)->has_model) {
        count_runs(s, out);
        recall(s, out->cell, true, out);
        out->record_bytes = record_bytes_of(p);
        return ZO_OK;
    }
    model *m = find_model(s, p->model);
    bool lost = false;
    const data *d = m ? find_data(s, p, m, &lost) : NULL;
    if (!m || lost)
        return zo_fail(err, ZO_ERR_MEMORY, "plan %s: out of memory", s->m->name);
    count_runs(s, out);
    recall(s, out->cell, true, out);
    if (out->basis == BENCH_PLAN_UNKNOWN)
        recall(s, out->cell, false, out);
    set_trouble(out, &m->trouble);
    out->record_bytes = record_bytes_of(p);
    if (!d)
        return ZO_OK;
    const zo_lora_options lora = bench_params_lora(p);
    out->checkpoint_bytes = checkpoint_bytes_of(p, zo_lora_bytes(&m->config, &lora));
    check_cell(p, &m->config, d, out);
    bench_lengths lengths = {d->rows.train.longest, d->rows.train.most_labels, d->rows.eval.longest,
                             d->rows.eval.most_labels};
    out->bytes = s->plan->program_bytes +
                 bench_backend_bytes(p, &m->config, weight_bytes(m, p), d->trouble.status ? NULL : &lengths);
    out->too_large = s->plan->limit_bytes >= 0 && out->bytes > s->plan->limit_bytes;
    if (out->basis == BENCH_PLAN_UNKNOWN && !*out->trouble)
        estimate(s, p, m, d, out);
    return ZO_OK;
}

static void sum_up(bench_plan *plan)
{
    int64_t most = 0; /* checkpoints are removed once a repetition is done */
    for (int32_t i = 0; i < plan->count; i++) {
        const bench_plan_cell *c = &plan->cells[i];
        int64_t left = c->wanted - c->done - c->failed;
        if (left <= 0)
            continue;
        plan->disk_bytes += left * c->record_bytes;
        most = c->checkpoint_bytes > most ? c->checkpoint_bytes : most;
        if (isnan(c->seconds))
            plan->unknown++;
        else
            plan->remaining_s += (double)left * c->seconds;
    }
    plan->disk_bytes += most;
}

zo_status bench_plan_make(const bench_manifest *m, const char *results, const json_t *where, bench_plan *out,
                          zo_error *err)
{
    planner s = {.m = m, .plan = out, .seen = json_object()};
    const int64_t resident = bench_measure_rss();
    json_t *machine = NULL;
    *out =
        (bench_plan){.available_bytes = -1, .limit_bytes = -1, .program_bytes = resident > 0 ? resident : 0};
    zo_status st = bench_machine_describe(&machine, err);
    if (!st)
        st = read_records(&s, results, machine, err);
    if (!st) {
        out->available_bytes = available_bytes_of(machine);
        out->limit_bytes = limit_bytes_of(&m->measure, machine);
        out->cells = calloc((size_t)m->cell_count, sizeof *out->cells);
        if (!out->cells)
            st = zo_fail(err, ZO_ERR_MEMORY, "plan %s: out of memory", m->name);
    }
    for (int32_t i = 0; !st && i < m->cell_count; i++) {
        bench_plan_cell *c = &out->cells[out->count];
        if (!bench_condition_match(&m->cells[i].params, where))
            continue;
        *c = (bench_plan_cell){.cell = &m->cells[i],
                               .wanted = m->measure.min_runs,
                               .seconds = NAN,
                               .bytes = -1};
        bench_manifest_label(m, &c->cell->params, c->label, sizeof c->label);
        st = plan_cell(&s, c, err);
        out->count++;
    }
    if (!st && out->count == 0)
        st = zo_fail(err, ZO_ERR_INVALID, "plan %s: no cell passes the filter", m->name);
    sum_up(out);
    out->disk_free_bytes = disk_free(results);
    planner_deinit(&s);
    json_decref(machine);
    if (st)
        bench_plan_deinit(out);
    return st;
}

void bench_plan_deinit(bench_plan *p)
{
    free(p->cells);
    json_decref(p->peaks);
    *p = (bench_plan){0};
}

/* ---- before a run ---- */

/* At least; -1: not known. */
static int64_t least_bytes(const model *m, const bench_params *p)
{
    const int32_t tokens =
        (int32_t)(p->seq_len ? p->seq_len : 8); /* the padding of a batch is a multiple of it */
    const bench_lengths shortest = {tokens, 1, p->eval_every >= 0 ? tokens : 0, p->eval_every >= 0};
    return m && m->weights && bench_backend_of(p)->has_model
               ? bench_backend_bytes(p, &m->config, weight_bytes(m, p), &shortest)
               : -1;
}

static bool has_work(const bench_schedule *s, const bench_scheduled *c)
{
    for (int r = 0; r < s->max_runs; r++)
        if (bench_schedule_wants(s, c, r))
            return true;
    return false;
}

zo_status bench_plan_check_memory(const bench_schedule *s, const json_t *machine, zo_error *err)
{
    const int64_t have = limit_bytes_of(&s->m->measure, machine);
    planner models = {.m = s->m};
    int too_large = 0;
    char first[256] = "";
    for (int i = 0; i < s->count && have >= 0; i++) {
        const bench_scheduled *c = &s->cells[i];
        const bench_params *p = &c->cell->params;
        const int64_t need = has_work(s, c) ? least_bytes(find_model(&models, p->model), p) : -1;
        if (need <= have)
            continue;
        if (too_large++ == 0)
            snprintf(first, sizeof first, "%s needs at least %.1f GiB", c->label, (double)need / (1 << 30));
    }
    planner_deinit(&models);
    if (!too_large)
        return ZO_OK;
    return zo_fail(
        err, ZO_ERR_INVALID,
        "run %s: %d cell%s cannot fit into the %.1f GiB of memory that %s: %s; --oversize goes on all "
        "the same, and records what becomes of it",
        s->m->name, too_large, too_large == 1 ? "" : "s", (double)have / (1 << 30),
        have < available_bytes_of(machine) ? "a cell may take" : "are available", first);
}
