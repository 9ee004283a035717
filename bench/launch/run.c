/* See run.h. The launcher itself stays small: models are loaded by children only. */
#include "bench/launch/run.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/backend/backend.h"
#include "bench/machine/binding.h"
#include "bench/machine/build.h"
#include "bench/base/memory_limit.h"
#include "bench/machine/child.h"
#include "bench/backend/kernel_choice.h"
#include "bench/base/clock.h"
#include "bench/launch/memory_fit.h"
#include "bench/base/folder.h"
#include "bench/machine/machine.h"
#include "bench/launch/model_watch.h"
#include "bench/launch/outcome.h"
#include "bench/launch/progress.h"
#include "bench/record/record.h"
#include "bench/cell/roofline.h"
#include "bench/launch/schedule.h"
#include "bench/launch/session_log.h"

typedef struct suite {
    const bench_manifest *m;
    const bench_run_options *o;
    char *folder, *cells_path;
    bench_schedule schedule;
    int lock;
    json_t *machine, *build;
    bench_model_watch models;
    json_t *peaks;    /* threads -> roofline.h, or why there is none */
    int64_t peaks_ns; /* when the oldest of them was measured */
    bench_signals signals;
    bench_kernel_choice choice;
    bench_progress progress;
    char started[BENCH_CLOCK_UTC];
    int64_t begin_ns;
} suite;

/* ---- what is known ---- */

/* What earlier sessions left. */
typedef struct past {
    int torn;          /* lines */
    int others;        /* records from another machine or build */
    int doubled, same; /* repetitions with several records (bench_records_doubled) */
} past;

static zo_status read_records(suite *s, past *out, zo_error *err)
{
    json_t *all = NULL, *latest = NULL, *record;
    size_t at;
    zo_status st = bench_records_load(s->cells_path, &all, &out->torn, err);
    if (st)
        return st;
    latest = bench_records_latest(all);
    out->doubled = bench_records_doubled(all, &out->same);
    json_array_foreach(latest, at, record)
    {
        if (!bench_record_ok(record) && s->o->retry)
            continue;
        if (!bench_schedule_note(&s->schedule, record))
            continue;
        bench_model_watch_note(&s->models, record);
        out->others += s->machine && json_object_get(record, "fingerprint") &&
                       !bench_machine_made(s->machine, s->build, record);
    }
    json_decref(latest);
    json_decref(all);
    return ZO_OK;
}

static void tell_past(suite *s, const past *p)
{
    if (p->torn)
        bench_progress_note(&s->progress, "%s: %d torn line%s passed over", s->cells_path, p->torn,
                            p->torn > 1 ? "s" : "");
    if (p->others)
        bench_progress_note(&s->progress,
                            "%s: %d record%s of another machine or build kept; --fresh begins anew",
                            s->cells_path, p->others, p->others > 1 ? "s" : "");
    if (p->doubled)
        bench_progress_note(&s->progress,
                            "%s: %d repetition%s recorded more than once (%d of them word for word); the "
                            "last record counts",
                            s->cells_path, p->doubled, p->doubled > 1 ? "s" : "", p->same);
}

/* ---- the folder ---- */

static zo_status take_lock(suite *s, zo_error *err)
{
    zo_status st = ZO_OK;
    char *path = bench_folder_path("%s/.lock", s->folder);
    s->lock = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666) : -1;
    if (s->lock < 0)
        st = zo_fail(err, ZO_ERR_IO, "open %s/.lock: %s", s->folder, strerror(errno));
    else if (flock(s->lock, LOCK_EX | LOCK_NB))
        st = zo_fail(err, ZO_ERR_IO,
                     errno == EWOULDBLOCK ? "%s: another run is writing there" : "%s: flock failed",
                     s->folder);
    free(path);
    return st;
}

/* What was parsed, so that a report needs nothing else. */
static zo_status save_manifest(const suite *s, zo_error *err)
{
    char *path = bench_folder_path("%s/manifest.json", s->folder);
    zo_status st = path ? bench_folder_save(path, s->m->text, s->m->text_bytes, err)
                        : zo_fail(err, ZO_ERR_MEMORY, "run %s: out of memory", s->m->name);
    free(path);
    return st;
}

static zo_status begin_anew(const suite *s, zo_error *err)
{
    char *checkpoints = bench_folder_path("%s/checkpoints", s->folder);
    zo_status st = bench_folder_set_aside(s->cells_path, err);
    if (!st && checkpoints)
        st = bench_folder_set_aside(checkpoints, err);
    free(checkpoints);
    return st;
}

static zo_status open_folder(suite *s, zo_error *err)
{
    zo_status st = bench_folder_make(s->folder, err);
    if (!st)
        st = take_lock(s, err);
    if (!st && s->o->fresh)
        st = begin_anew(s, err);
    if (!st)
        st = save_manifest(s, err);
    return st;
}

/* ---- one repetition ---- */

/* What the child is to do; cell.h reads it. */
static json_t *make_job(suite *s, const bench_scheduled *c, int run, const bench_binding *binding,
                        json_t *kernels)
{
    json_t *job = json_pack("{s:o, s:s, s:i, s:I, s:s, s:b}", "cell", bench_params_to_json(&c->cell->params),
                            "cell_id", c->cell->id, "run", run, "warmup", (json_int_t)s->m->measure.warmup,
                            "folder", s->folder, "save_adapter", s->o->save_adapters);
    bench_record_set(job, "model", bench_model_watch_input(&s->models, &c->cell->params), "cannot be read");
    json_object_set_new(job, "binding", bench_binding_to_json(binding));
    json_object_set(job, "blas_kernel", kernels);
    return job;
}

/* The bandwidth that a shared machine lends changes within minutes: peaks are measured again when they are older. */
#define PEAKS_HOLD_S 60

static void drop_old_peaks(suite *s)
{
    const double hold_s = s->o->peaks_hold_s > 0 ? s->o->peaks_hold_s : PEAKS_HOLD_S;
    const int64_t now = bench_clock_ns();
    if (json_object_size(s->peaks) > 0 && (double)(now - s->peaks_ns) < hold_s * 1e9)
        return;
    json_object_clear(s->peaks);
    s->peaks_ns = now;
}

/* The peaks that so many threads reach. */
static void add_peaks(suite *s, const bench_params *p, int threads, json_t *job)
{
    char key[16];
    json_t *peaks = NULL;
    zo_error why = {0};
    if (!bench_params_trains(p) || !bench_backend_of(p)->has_model || !(s->o->peak_s > 0)) {
        bench_record_unknown(job, "peaks", s->o->peak_s > 0 ? "nothing is trained" : "not asked for");
        return;
    }
    snprintf(key, sizeof key, "%d", threads);
    drop_old_peaks(s);
    if (!json_object_get(s->peaks, key))
        json_object_set_new(s->peaks, key,
                            bench_roofline_measure(threads, s->o->peak_s, &peaks, &why) == ZO_OK
                                ? peaks
                                : json_string(why.text));
    peaks = json_object_get(s->peaks, key);
    bench_record_set(job, "peaks", json_is_object(peaks) ? json_incref(peaks) : NULL,
                     json_is_string(peaks) ? json_string_value(peaks) : "out of memory");
}

/* A child's record with what only the launcher knows: new reference. */
static json_t *make_record(suite *s, const bench_scheduled *c, int run, const char *started, json_t *kernels,
                           const bench_limits *l, const bench_heard *e, const bench_child_result *r)
{
    char reason[1400], print[13];
    const char *status = bench_outcome_judge(e, r, l, reason, sizeof reason);
    const char *told = json_string_value(json_object_get(e->record, "status"));
    json_t *record = json_object();
    json_object_set_new(record, "schema", json_string(BENCH_RECORD_SCHEMA));
    json_object_set_new(record, "cell", bench_params_to_json(&c->cell->params));
    json_object_set_new(record, "cell_id", json_string(c->cell->id));
    json_object_set_new(record, "run", json_integer(run));
    json_object_set_new(record, "status", json_string(status ? status : told));
    json_object_set_new(record, "reason", status ? json_string(reason) : json_null());
    if (!status && json_is_string(json_object_get(e->record, "reason")))
        json_object_set(record, "reason", json_object_get(e->record, "reason"));
    json_object_set_new(record, "started", json_string(started));
    json_object_set_new(record, "wall_ns", json_integer(r->wall_ns));
    bench_outcome_limits(record, l);
    json_object_update_missing(record, e->record);
    json_object_update_missing(record, e->parts);
    if (!json_object_get(record, "build")) /* it ended before it could tell; its threads would be its own */
        json_object_set(record, "build", s->build);
    bench_outcome_fill(record);
    if (!json_is_null(kernels))
        json_object_set(record, "blas_kernel", kernels);
    bench_machine_fingerprint(s->machine, json_object_get(record, "build"),
                              json_object_get(record, "backend"), print);
    json_object_set_new(record, "fingerprint", json_string(print));
    json_object_set_new(record, "machine", json_copy(s->machine));
    bench_processor_stolen(r->began, r->ended, json_object_get(record, "machine"));
    if (!json_is_object(json_object_get(record, "inputs")))
        json_object_set_new(record, "inputs", json_object());
    json_object_set_new(json_object_get(record, "inputs"), "manifest",
                        json_pack("{s:s, s:s}", "path", s->m->path, "sha256", s->m->sha256));
    return record;
}

/* Its record is safe: what it kept for going on is not needed any more. */
static void drop_checkpoint(const suite *s, const bench_scheduled *c, int run)
{
    char *path = bench_folder_path("%s/checkpoints/%s-%d", s->folder, c->cell->id, run);
    if (path)
        bench_folder_remove(path, NULL);
    free(path);
    path = bench_folder_path("%s/checkpoints", s->folder);
    if (path)
        rmdir(path); /* once it is empty */
    free(path);
}

/* What the cell's process is to run of OpenBLAS; NULL: asked to end meanwhile. A comparison for "auto" is told of. */
static zo_status choose_kernels(suite *s, const bench_scheduled *c, int threads, json_t **out, zo_error *err)
{
    const bool compared = s->choice.compared != NULL;
    s->choice.machine = s->machine;
    s->choice.signals = &s->signals;
    s->choice.argv = s->o->blas_argv;
    zo_status st = bench_kernel_choice_make(&s->choice, &c->cell->params, threads, out, err);
    if (!st && *out && !compared && s->choice.compared) {
        const char *type = bench_kernel_choice_core_type(*out),
                   *how = json_string_value(json_object_get(*out, "how"));
        bench_progress_note(&s->progress, "OpenBLAS's kernels compared: %s, %s",
                            type ? type : "its own choice", how ? how : "none of which is right");
    }
    return st;
}

/* Then the outcome is that, whatever the child said or would say: cells of different weights are not to be compared. */
static bool is_other_model(const suite *s, const bench_scheduled *c, const json_t *job, bench_heard *e)
{
    char why[512];
    if (!bench_model_watch_changed(&s->models, &c->cell->params, json_object_get(job, "model"), why,
                                   sizeof why))
        return false;
    json_decref(e->record);
    e->record = json_pack("{s:s, s:s}", "status", "failed", "reason", why);
    return true;
}

/* What the launcher knows of the repetition's place. */
static void add_schedule(const suite *s, json_t *record, int run, int position)
{
    const bench_measure *m = &s->m->measure;
    json_object_set_new(record, "schedule",
                        json_pack("{s:s, s:I, s:i, s:i, s:i}", "order", bench_order_name(m->order),
                                  "order_seed", (json_int_t)m->order_seed, "block", run, "position", position,
                                  "index", s->progress.done));
}

/* *recorded: whether there is an outcome; a child that was stopped leaves none. *asked: this process was asked to end. */
static zo_status run_once(suite *s, bench_scheduled *c, int run, int position, bool *recorded, bool *asked,
                          zo_error *err)
{
    static const char *const own_argv[] = {"zobench", "cell", NULL};
    char started[BENCH_CLOCK_UTC];
    bench_heard e = {.progress = &s->progress, .parts = json_object()};
    bench_child_result r = {0};
    bench_limits l = {.timeout_s = s->m->measure.timeout_s};
    json_t *record = NULL, *job, *kernels;
    const int threads =
        c->cell->params.threads > 0 ? (int)c->cell->params.threads : bench_machine_threads(s->machine);
    bench_binding binding;
    zo_status st = choose_kernels(s, c, threads, &kernels, err);
    *recorded = false;
    *asked = !st && !kernels;
    if (st || !kernels) {
        json_decref(e.parts);
        return st;
    }
    bench_machine_refresh(s->machine);
    l.memory_bytes = bench_memory_limit_bytes(s->m->measure.memory_bytes, s->machine, threads, &l.why_not);
    bench_binding_make((bench_bind)c->cell->params.bind, threads, &binding);
    job = make_job(s, c, run, &binding, kernels);
    add_peaks(s, &c->cell->params, threads, job);
    *asked = bench_signals_asked(&s->signals); /* meanwhile: what has not begun need not be finished */
    bench_child_options options = {.argv = s->o->argv ? s->o->argv : own_argv,
                                   .job = job,
                                   .threads = threads,
                                   .settings = bench_binding_settings(&binding),
                                   .blas_core = bench_kernel_choice_core_type(kernels),
                                   .timeout_s = l.timeout_s,
                                   .memory_bytes = l.memory_bytes,
                                   .grace_s = s->o->grace_s > 0 ? s->o->grace_s : 10,
                                   .finish = true,
                                   .message = bench_heard_message,
                                   .asked = bench_heard_wish,
                                   .self = &e};
    bench_clock_utc(started);
    bench_progress_begin(&s->progress, c->label, run);
    if (!*asked && !is_other_model(s, c, job, &e))
        st = bench_child_run(&s->signals, &options, &r, err);
    if (!st && bench_record_ok(e.record))
        is_other_model(s, c, job, &e);
    *recorded = !*asked && !st && (!r.stopped || (bench_record_ok(e.record) && !r.signal && r.code == 0));
    *asked |= r.interrupted;
    if (*recorded) {
        record = make_record(s, c, run, started, kernels, &l, &e, &r);
        json_object_set(record, "peaks", json_object_get(job, "peaks"));
        if (json_object_get(job, "peaks_reason"))
            json_object_set(record, "peaks_reason", json_object_get(job, "peaks_reason"));
        add_schedule(s, record, run, position);
        bench_schedule_note(&s->schedule, record);
        if (bench_record_ok(record))
            bench_model_watch_note(&s->models, record);
        json_object_set_new(record, "stopping", bench_schedule_stopping(&s->schedule, c));
        st = bench_record_append(s->cells_path, record, err);
    }
    if (!st && *recorded) {
        if (c->runs[run] == BENCH_RUN_OK)
            drop_checkpoint(s, c, run);
        bench_progress_end(&s->progress, record);
    }
    json_decref(record);
    json_decref(e.record);
    json_decref(e.parts);
    json_decref(job);
    json_decref(kernels);
    bench_binding_deinit(&binding);
    return st;
}

/* ---- the whole ---- */

static zo_status suite_open(suite *s, const bench_manifest *m, const bench_run_options *o, zo_error *err)
{
    *s = (suite){.m = m, .o = o, .lock = -1, .signals = {.fd = -1}};
    s->folder = bench_folder_path("%s/%s", o->results, m->name);
    s->cells_path = bench_folder_path("%s/%s/cells.jsonl", o->results, m->name);
    s->peaks = json_object();
    if (!s->folder || !s->cells_path || !s->peaks)
        return zo_fail(err, ZO_ERR_MEMORY, "run %s: out of memory", m->name);
    zo_status st = bench_model_watch_init(&s->models, err);
    if (st)
        return st;
    bench_clock_utc(s->started);
    s->begin_ns = bench_clock_ns();
    return bench_schedule_init(&s->schedule, m, o->where, o->shard, err);
}

static void suite_close(suite *s)
{
    bench_schedule_deinit(&s->schedule);
    bench_signals_close(&s->signals);
    bench_kernel_choice_deinit(&s->choice);
    if (s->lock >= 0)
        close(s->lock);
    json_decref(s->machine);
    json_decref(s->build);
    bench_model_watch_deinit(&s->models);
    json_decref(s->peaks);
    free(s->cells_path);
    free(s->folder);
}

static void summarize(const suite *s, bench_run_summary *out)
{
    const bench_schedule *all = &s->schedule;
    out->cells = all->count;
    for (int i = 0; i < all->count; i++) {
        const bool failed = bench_schedule_count(all, &all->cells[i], BENCH_RUN_FAILED) > 0;
        out->failed += failed;
        out->ok += !failed && bench_schedule_count(all, &all->cells[i], BENCH_RUN_OK) > 0;
    }
}

static double time_left(const suite *s)
{
    return s->o->budget_s > 0 ? s->o->budget_s - (double)(bench_clock_ns() - s->begin_ns) / 1e9 : INFINITY;
}

static zo_status run_all(suite *s, bench_run_summary *out, zo_error *err)
{
    bench_scheduled *cell;
    int run, position;
    bool recorded;
    while (!out->interrupted && bench_schedule_next(&s->schedule, time_left(s), &cell, &run, &position)) {
        out->interrupted = bench_signals_asked(&s->signals);
        if (out->interrupted)
            break;
        zo_status st = run_once(s, cell, run, position, &recorded, &out->interrupted, err);
        bench_progress_clear(&s->progress);
        if (st)
            return st;
        out->done += recorded;
        s->progress.total = s->progress.done + bench_schedule_left(&s->schedule);
    }
    out->out_of_budget = !out->interrupted && s->o->budget_s > 0 && bench_schedule_left(&s->schedule) > 0;
    return ZO_OK;
}

/* A session that did and found nothing to do leaves no trace. */
static zo_status log_session(const suite *s, const bench_run_summary *out, zo_status st, zo_error *err)
{
    char *path = bench_folder_path("%s/sessions.jsonl", s->folder);
    const bench_session_log session = {.started = s->started,
                                       .why = st                   ? "failed"
                                              : out->interrupted   ? "interrupted"
                                              : out->out_of_budget ? "budget"
                                                                   : "complete",
                                       .error = st && err ? err->text : NULL,
                                       .budget_s = s->o->budget_s,
                                       .shard = s->o->shard,
                                       .done = out->done};
    zo_status logged = ZO_OK;
    if (!path)
        logged = zo_fail(err, ZO_ERR_MEMORY, "run %s: out of memory", s->m->name);
    else if (st || out->done || out->interrupted || out->out_of_budget)
        logged = bench_session_log_append(path, &session, &s->schedule, err);
    free(path);
    return st ? st : logged;
}

zo_status bench_run(const bench_manifest *m, const bench_run_options *o, bench_run_summary *out,
                    zo_error *err)
{
    suite s;
    past p = {0};
    *out = (bench_run_summary){0};
    zo_status st = suite_open(&s, m, o, err);
    if (!st)
        st = bench_machine_describe(&s.machine, err);
    if (st)
        goto cleanup;
    s.build = bench_build_describe();
    st = open_folder(&s, err);
    if (!st)
        st = read_records(&s, &p, err);
    if (!st && !o->oversize)
        st = bench_memory_fit_check(&s.schedule, s.machine, err);
    if (!st)
        st = bench_signals_open(&s.signals, err);
    if (st)
        goto cleanup;
    bench_progress_init(&s.progress, o->progress, bench_schedule_left(&s.schedule));
    tell_past(&s, &p);
    st = run_all(&s, out, err);
    summarize(&s, out);
    st = log_session(&s, out, st, err);
cleanup:
    suite_close(&s);
    return st;
}

zo_status bench_run_missing(const bench_manifest *m, const bench_run_options *o, json_t **out, zo_error *err)
{
    suite s;
    past p = {0};
    *out = NULL;
    zo_status st = suite_open(&s, m, o, err);
    if (!st && !o->fresh)
        st = read_records(&s, &p, err);
    if (!st)
        *out = json_array();
    for (int i = 0; !st && i < s.schedule.count; i++) {
        const bench_scheduled *c = &s.schedule.cells[i];
        json_t *runs = json_array();
        for (int r = 0; r < m->measure.min_runs; r++)
            if (bench_schedule_wants(&s.schedule, c, r))
                json_array_append_new(runs, json_integer(r));
        if (json_array_size(runs))
            json_array_append_new(*out,
                                  json_pack("{s:s, s:s, s:O, s:o}", "cell_id", c->cell->id, "label", c->label,
                                            "runs", runs, "cell", bench_params_to_json(&c->cell->params)));
        json_decref(runs);
    }
    suite_close(&s);
    return st;
}
