/* See pairs.h. */
#include "bench/launch/pairs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/machine/binding.h"
#include "bench/base/memory_limit.h"
#include "bench/machine/child.h"
#include "bench/backend/kernel_choice.h"
#include "bench/base/clock.h"
#include "bench/base/folder.h"
#include "bench/record/inputs.h"
#include "bench/machine/machine.h"
#include "bench/launch/outcome.h"
#include "bench/manifest/params.h"
#include "bench/base/paths.h"
#include "bench/launch/progress.h"
#include "bench/record/record.h"
#include "bench/manifest/condition.h"

enum { OLD, NEW, SIDES };

static const char *const side_names[SIDES] = {"old", "new"};

typedef struct paired_cell {
    const bench_cell *cell;
    char label[160];
    json_t *model;   /* what the child is told of the model's file */
    json_t *kernels; /* what OpenBLAS is to run, for both sides (kernel_choice.h); NULL: not chosen yet */
    int runs;        /* pairs so far, forgotten ones too */
    bool failed;
} paired_cell;

struct bench_pairs {
    const bench_manifest *m;
    bench_pairs_options o;
    const char *program[SIDES];
    json_t *records[SIDES];
    char *keep[SIDES];
    paired_cell *cells;
    int cell_count;
    char *scratch; /* folder for checkpoints, emptied after every child */
    json_t *machine;
    bench_signals signals;
    bench_progress progress;
    bench_kernel_choice choice;
    bool interrupted;
};

/* ---- opening ---- */

static json_t *model_input(const bench_params *params)
{
    char path[4096];
    json_t *input = NULL;
    if (bench_model_path(params->model, path, sizeof path, NULL) || bench_inputs_model(path, &input, NULL))
        return NULL; /* the child will say it in its own words */
    return input;
}

static zo_status choose_cells(bench_pairs *p, zo_error *err)
{
    p->cells = calloc((size_t)p->m->cell_count + 1, sizeof *p->cells);
    if (!p->cells)
        return zo_fail(err, ZO_ERR_MEMORY, "compare %s: out of memory", p->m->name);
    for (int32_t i = 0; i < p->m->cell_count; i++) {
        const bench_cell *cell = &p->m->cells[i];
        paired_cell *c = &p->cells[p->cell_count];
        if (!bench_condition_match(&cell->params, p->o.where))
            continue;
        c->cell = cell;
        bench_manifest_label(p->m, &cell->params, c->label, sizeof c->label);
        /* hashing a model takes seconds: once for cells that follow each other with the same one */
        const paired_cell *last = p->cell_count ? c - 1 : NULL;
        c->model = last && strcmp(last->cell->params.model, cell->params.model) == 0
                       ? json_incref(last->model)
                       : model_input(&cell->params);
        p->cell_count++;
    }
    return p->cell_count ? ZO_OK
                         : zo_fail(err, ZO_ERR_INVALID, "compare %s: no cell passes the filter", p->m->name);
}

static zo_status open_keep(bench_pairs *p, zo_error *err)
{
    zo_status st = p->o.keep ? bench_folder_make(p->o.keep, err) : ZO_OK;
    for (int s = 0; s < SIDES && p->o.keep && !st; s++) {
        p->keep[s] = bench_folder_path("%s/%s.jsonl", p->o.keep, side_names[s]);
        st = p->keep[s] ? bench_folder_set_aside(p->keep[s], err)
                        : zo_fail(err, ZO_ERR_MEMORY, "compare %s: out of memory", p->m->name);
    }
    return st;
}

static zo_status make_scratch(bench_pairs *p, zo_error *err)
{
    const char *tmp = getenv("TMPDIR");
    p->scratch = bench_folder_path("%s/zobench-pairs.XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (p->scratch && mkdtemp(p->scratch))
        return ZO_OK;
    free(p->scratch);
    p->scratch = NULL;
    return zo_fail(err, ZO_ERR_IO, "make a folder for checkpoints: %s", strerror(errno));
}

zo_status bench_pairs_open(const bench_manifest *m, const bench_pairs_options *o, bench_pairs **out,
                           zo_error *err)
{
    zo_status st = ZO_OK;
    *out = NULL;
    bench_pairs *p = calloc(1, sizeof *p);
    if (!p)
        return zo_fail(err, ZO_ERR_MEMORY, "compare %s: out of memory", m->name);
    *p = (bench_pairs){.m = m, .o = *o, .program = {o->old_program, o->new_program}, .signals = {.fd = -1}};
    for (int s = 0; s < SIDES && !st; s++) {
        if (p->program[s] && access(p->program[s], X_OK))
            st = zo_fail(err, ZO_ERR_IO, "execute %s: %s", p->program[s], strerror(errno));
        p->records[s] = json_array();
    }
    if (!st)
        st = choose_cells(p, err);
    if (!st)
        st = bench_machine_describe(&p->machine, err);
    if (!st)
        st = open_keep(p, err);
    if (!st)
        st = make_scratch(p, err);
    if (!st)
        st = bench_signals_open(&p->signals, err);
    bench_progress_init(&p->progress, o->progress && isatty(fileno(o->progress)) ? o->progress : NULL, 0);
    if (!st) {
        *out = p;
        p->choice = (bench_kernel_choice){.machine = p->machine, .signals = &p->signals};
        p = NULL;
    }
    bench_pairs_free(p);
    return st;
}

void bench_pairs_free(bench_pairs *p)
{
    if (!p)
        return;
    bench_signals_close(&p->signals);
    for (int i = 0; i < p->cell_count; i++) {
        json_decref(p->cells[i].model);
        json_decref(p->cells[i].kernels);
    }
    bench_kernel_choice_deinit(&p->choice);
    for (int s = 0; s < SIDES; s++) {
        json_decref(p->records[s]);
        free(p->keep[s]);
    }
    if (p->scratch)
        bench_folder_remove(p->scratch, NULL);
    json_decref(p->machine);
    free(p->scratch);
    free(p->cells);
    free(p);
}

/* ---- one child ---- */

/* The record of a child with what only its parent knows. New reference. */
static json_t *make_record(const bench_pairs *p, const paired_cell *c, const char *started,
                           const bench_limits *l, const bench_heard *e, const bench_child_result *r)
{
    char reason[1400], print[13];
    const char *status = bench_outcome_judge(e, r, l, reason, sizeof reason);
    json_t *record =
        json_pack("{s:s, s:o, s:s, s:i}", "schema", BENCH_RECORD_SCHEMA, "cell",
                  bench_params_to_json(&c->cell->params), "cell_id", c->cell->id, "run", c->runs);
    if (status) {
        json_object_set_new(record, "status", json_string(status));
        json_object_set_new(record, "reason", json_string(reason));
    }
    json_object_set_new(record, "started", json_string(started));
    json_object_set_new(record, "wall_ns", json_integer(r->wall_ns));
    bench_outcome_limits(record, l);
    json_object_update_missing(record, e->record);
    json_object_update_missing(record, e->parts);
    json_object_set_new(record, "machine", json_copy(p->machine));
    bench_processor_stolen(r->began, r->ended, json_object_get(record, "machine"));
    if (!json_is_null(c->kernels))
        json_object_set(record, "blas_kernel", c->kernels);
    if (json_is_object(json_object_get(record, "build"))) {
        bench_machine_fingerprint(p->machine, json_object_get(record, "build"),
                                  json_object_get(record, "backend"), print);
        json_object_set_new(record, "fingerprint", json_string(print));
    }
    if (!json_is_object(json_object_get(record, "inputs")))
        json_object_set_new(record, "inputs", json_object());
    json_object_set_new(json_object_get(record, "inputs"), "manifest",
                        json_pack("{s:s, s:s}", "path", p->m->path, "sha256", p->m->sha256));
    return record;
}

/* Without options that came later and are at their default, as a cell's id: an old build that does not know them does what
 * they say. New reference. */
static json_t *told_params(const bench_params *params)
{
    bench_params fresh;
    json_t *o = bench_params_to_json(params);
    bench_params_default(&fresh);
    for (const bench_option *option = bench_options; option->name; option++)
        if (option->later && bench_params_same(params, &fresh, option))
            json_object_del(o, option->name);
    return o;
}

static int threads_of(const bench_pairs *p, const paired_cell *c)
{
    return c->cell->params.threads > 0 ? (int)c->cell->params.threads : bench_machine_threads(p->machine);
}

/* Chooses OpenBLAS's kernels for both sides, once. */
static zo_status choose_kernels(bench_pairs *p, paired_cell *c, zo_error *err)
{
    if (c->kernels)
        return ZO_OK;
    zo_status st = bench_kernel_choice_make(&p->choice, &c->cell->params, threads_of(p, c), &c->kernels, err);
    p->interrupted |= !st && !c->kernels;
    return st;
}

/* One repetition of a cell by the program of a side. An interrupted child leaves no record. */
static zo_status run_child(bench_pairs *p, paired_cell *c, int s, zo_error *err)
{
    static const char *const argv[] = {"zobench", "cell", NULL};
    char started[BENCH_CLOCK_UTC], *checkpoints = bench_folder_path("%s/checkpoints", p->scratch);
    bench_heard e = {.progress = &p->progress, .parts = json_object()};
    bench_limits l = {.timeout_s = p->m->measure.timeout_s};
    bench_child_result r;
    bench_binding binding;
    const int threads = threads_of(p, c);
    bench_machine_refresh(p->machine);
    l.memory_bytes = bench_memory_limit_bytes(p->m->measure.memory_bytes, p->machine, threads, &l.why_not);
    bench_binding_make((bench_bind)c->cell->params.bind, threads, &binding);
    json_t *record = NULL,
           *job = json_pack("{s:o, s:s, s:i, s:I, s:s, s:b}", "cell", told_params(&c->cell->params),
                            "cell_id", c->cell->id, "run", c->runs, "warmup",
                            (json_int_t)p->m->measure.warmup, "folder", p->scratch, "save_adapter", 0);
    bench_record_set(job, "model", json_incref(c->model), "cannot be read");
    json_object_set_new(job, "binding", bench_binding_to_json(&binding));
    json_object_set(job, "blas_kernel", c->kernels);
    const bench_child_options options = {.argv = argv,
                                         .program = p->program[s],
                                         .job = job,
                                         .threads = threads,
                                         .settings = bench_binding_settings(&binding),
                                         .blas_core = bench_kernel_choice_core_type(c->kernels),
                                         .timeout_s = l.timeout_s,
                                         .memory_bytes = l.memory_bytes,
                                         .grace_s = 10,
                                         .message = bench_heard_message,
                                         .self = &e};
    bench_clock_utc(started);
    bench_progress_begin(&p->progress, c->label, c->runs);
    zo_status st = bench_child_run(&p->signals, &options, &r, err);
    p->interrupted |= !st && r.interrupted;
    if (!st && !r.interrupted) {
        record = make_record(p, c, started, &l, &e, &r);
        json_array_append(p->records[s], record);
        c->failed |= !bench_record_ok(record);
        bench_progress_end(&p->progress, record);
        if (p->keep[s])
            st = bench_record_append(p->keep[s], record, err);
    }
    if (checkpoints)
        bench_folder_remove(checkpoints, NULL);
    free(checkpoints);
    bench_binding_deinit(&binding);
    json_decref(record);
    json_decref(e.record);
    json_decref(e.parts);
    json_decref(job);
    return st;
}

/* ---- pairs ---- */

static bool chosen(const paired_cell *c, const json_t *cells)
{
    return !c->failed && (!cells || json_object_get(cells, c->cell->id));
}

zo_status bench_pairs_measure(bench_pairs *p, const json_t *cells, int n, zo_error *err)
{
    zo_status st = ZO_OK;
    for (int i = 0; i < p->cell_count; i++)
        p->progress.total += chosen(&p->cells[i], cells) ? SIDES * n : 0;
    for (int pair = 0; pair < n && !st; pair++) {
        for (int i = 0; i < p->cell_count && !st && !p->interrupted; i++) {
            paired_cell *c = &p->cells[i];
            const int first = (c->runs + i) % SIDES;
            if (!chosen(c, cells))
                continue;
            p->interrupted |= bench_signals_asked(&p->signals);
            if (!p->interrupted)
                st = choose_kernels(p, c, err);
            for (int k = 0; k < SIDES && !st && !p->interrupted; k++)
                st = run_child(p, c, (first + k) % SIDES, err);
            c->runs++;
        }
    }
    bench_progress_clear(&p->progress);
    return st;
}

bool bench_pairs_interrupted(const bench_pairs *p)
{
    return p->interrupted;
}

void bench_pairs_forget(bench_pairs *p, const json_t *cells)
{
    for (int s = 0; s < SIDES; s++) {
        for (size_t i = json_array_size(p->records[s]); i-- > 0;) {
            const json_t *record = json_array_get(p->records[s], i);
            if (bench_record_ok(record) &&
                json_object_get(cells, json_string_value(json_object_get(record, "cell_id"))))
                json_array_remove(p->records[s], i);
        }
    }
}

const json_t *bench_pairs_old(const bench_pairs *p)
{
    return p->records[OLD];
}

const json_t *bench_pairs_new(const bench_pairs *p)
{
    return p->records[NEW];
}

const json_t *bench_pairs_machine(const bench_pairs *p)
{
    return p->machine;
}
