/* See run.h. */
#include "bench/launch/run.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/base/clock.h"
#include "bench/base/folder.h"
#include "bench/launch/launch.h"
#include "bench/launch/plan.h"
#include "bench/launch/schedule.h"
#include "bench/machine/machine.h"
#include "bench/record/inputs.h"
#include "bench/record/metric.h"
#include "bench/record/record.h"

typedef struct suite {
    const bench_manifest *m;
    const bench_run_options *o;
    char *folder, *cells_path;
    bench_schedule schedule;
    int lock;
    bench_launch launch;
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

/* The model of a record as it is now, once for each path, by way of the launcher, who will want it again. */
static void see_model(suite *s, const json_t *record, json_t *seen)
{
    const char *path = json_string_value(bench_metric_at(record, "inputs.model.path"));
    bench_params p;
    if (!path || json_object_get(seen, path) ||
        bench_params_from_json(&p, json_object_get(record, "cell"), NULL))
        return;
    json_t *now = bench_launch_model(&s->launch, &p);
    const char *is = json_string_value(json_object_get(now, "path"));
    if (is && strcmp(is, path) == 0)
        json_object_set(seen, path, now);
    json_decref(now);
}

static zo_status read_records(suite *s, past *out, zo_error *err)
{
    json_t *all = NULL, *latest = NULL, *record, *seen = json_object();
    char why[512];
    size_t at;
    zo_status st = bench_records_load(s->cells_path, &all, &out->torn, err);
    if (st) {
        json_decref(seen);
        return st;
    }
    latest = bench_records_latest(all);
    out->doubled = bench_records_doubled(all, &out->same);
    json_array_foreach(latest, at, record)
    {
        if (!bench_record_ok(record) && s->o->retry)
            continue;
        if (!bench_schedule_note(&s->schedule, record))
            continue;
        if (bench_record_ok(record))
            see_model(s, record, seen);
        if (bench_record_ok(record) &&
            bench_inputs_changed(json_object_get(record, "inputs"), seen, why, sizeof why)) {
            st = zo_fail(
                err, ZO_ERR_INVALID,
                "%s: cell %s was made of other contents than there are now: %s; --fresh begins anew, another "
                "\"name\" goes on beside it",
                s->cells_path, json_string_value(json_object_get(record, "cell_id")), why);
            break;
        }
        bench_launch_note(&s->launch, record);
        out->others += s->launch.machine && json_object_get(record, "fingerprint") &&
                       !bench_machine_made(s->launch.machine, s->launch.build, record);
    }
    json_decref(latest);
    json_decref(all);
    json_decref(seen);
    return st;
}

static void tell_past(suite *s, const past *p)
{
    if (p->torn)
        bench_progress_note(&s->launch.progress, "%s: %d torn line%s passed over", s->cells_path, p->torn,
                            p->torn > 1 ? "s" : "");
    if (p->others)
        bench_progress_note(&s->launch.progress,
                            "%s: %d record%s of another machine or build kept; --fresh begins anew",
                            s->cells_path, p->others, p->others > 1 ? "s" : "");
    if (p->doubled)
        bench_progress_note(&s->launch.progress,
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

/* What the schedule knows of the repetition, into the record and the other way round. */
static void add_schedule(suite *s, const bench_scheduled *c, int position, json_t *record)
{
    const bench_measure *m = &s->m->measure;
    json_object_set_new(record, "schedule",
                        json_pack("{s:s, s:I, s:O, s:i, s:i}", "order", bench_order_name(m->order),
                                  "order_seed", (json_int_t)m->order_seed, "block",
                                  json_object_get(record, "run"), "position", position, "index",
                                  s->launch.progress.done));
    bench_schedule_note(&s->schedule, record);
    json_object_set_new(record, "stopping", bench_schedule_stopping(&s->schedule, c));
}

/* *recorded: whether there is an outcome; a child that was stopped leaves none. */
static zo_status run_once(suite *s, const bench_scheduled *c, int run, int position, bool *recorded,
                          zo_error *err)
{
    json_t *record = NULL;
    zo_status st = bench_launch_repetition(&s->launch, c->cell, c->label, run, NULL, &record, err);
    *recorded = record != NULL;
    if (st || !record)
        return st;
    add_schedule(s, c, position, record);
    st = bench_record_append(s->cells_path, record, err);
    if (!st && bench_record_ok(record))
        drop_checkpoint(s, c, run);
    if (!st)
        bench_progress_end(&s->launch.progress, record);
    json_decref(record);
    return st;
}

/* ---- the whole ---- */

static zo_status suite_open(suite *s, const bench_manifest *m, const bench_run_options *o, zo_error *err)
{
    *s = (suite){.m = m, .o = o, .lock = -1, .launch = {.signals = {.fd = -1}}};
    s->folder = bench_folder_path("%s/%s", o->results, m->name);
    s->cells_path = bench_folder_path("%s/%s/cells.jsonl", o->results, m->name);
    if (!s->folder || !s->cells_path)
        return zo_fail(err, ZO_ERR_MEMORY, "run %s: out of memory", m->name);
    bench_clock_utc(s->started);
    s->begin_ns = bench_clock_ns();
    return bench_schedule_init(&s->schedule, m, o->where, o->shard, err);
}

static void suite_close(suite *s)
{
    bench_launch_close(&s->launch);
    bench_schedule_deinit(&s->schedule);
    if (s->lock >= 0)
        close(s->lock);
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
    bench_launch *l = &s->launch;
    bench_scheduled *cell;
    int run, position;
    bool recorded;
    zo_status st = ZO_OK;
    while (!st && !out->interrupted &&
           bench_schedule_next(&s->schedule, time_left(s), &cell, &run, &position)) {
        l->interrupted = bench_signals_asked(&l->signals);
        if (!l->interrupted) {
            st = run_once(s, cell, run, position, &recorded, err);
            bench_progress_clear(&l->progress);
            out->done += !st && recorded;
            l->progress.total = l->progress.done + bench_schedule_left(&s->schedule);
        }
        out->interrupted = l->interrupted;
    }
    out->out_of_budget =
        !st && !out->interrupted && s->o->budget_s > 0 && bench_schedule_left(&s->schedule) > 0;
    return st;
}

/* A cell's part in the log of sessions. */
static json_t *logged_cell(const bench_schedule *s, const bench_scheduled *c)
{
    json_t *cell = json_pack("{s:s, s:s}", "cell_id", c->cell->id, "label", c->label),
           *stopping = bench_schedule_stopping(s, c);
    json_object_update(cell, stopping);
    json_decref(stopping);
    return cell;
}

/* One line in sessions.jsonl (run.h). A session that did and found nothing to do leaves no trace. */
static zo_status log_session(const suite *s, const bench_run_summary *out, zo_status st, zo_error *err)
{
    const bench_run_options *o = s->o;
    const bench_measure *m = &s->m->measure;
    char now[BENCH_CLOCK_UTC], *path = bench_folder_path("%s/sessions.jsonl", s->folder);
    const char *why = st                   ? "failed"
                      : out->interrupted   ? "interrupted"
                      : out->out_of_budget ? "budget"
                                           : "complete";
    json_t *cells = json_array(), *line;
    zo_status logged = path ? ZO_OK : zo_fail(err, ZO_ERR_MEMORY, "run %s: out of memory", s->m->name);
    bench_clock_utc(now);
    for (int i = 0; i < s->schedule.count; i++)
        json_array_append_new(cells, logged_cell(&s->schedule, &s->schedule.cells[i]));
    line =
        json_pack("{s:s, s:s, s:s, s:s, s:s?, s:o, s:o, s:s, s:I, s:i, s:o}", "schema", "zobench/session/1",
                  "started", s->started, "ended", now, "why", why, "error", st && err ? err->text : NULL,
                  "budget_s", o->budget_s > 0 ? json_real(o->budget_s) : json_null(), "shard",
                  o->shard.parts ? json_sprintf("%d/%d", o->shard.part, o->shard.parts) : json_null(),
                  "order", bench_order_name(m->order), "order_seed", (json_int_t)m->order_seed, "done",
                  out->done, "cells", cells);
    if (path && (st || out->done || out->interrupted || out->out_of_budget))
        logged = bench_record_append(path, line, err);
    json_decref(line);
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
    const bench_launch_options options = {.m = m,
                                          .folder = s.folder,
                                          .save_adapters = o->save_adapters,
                                          .finish = true,
                                          .anew = "; --fresh begins anew",
                                          .peak_s = o->peak_s,
                                          .peaks_hold_s = o->peaks_hold_s,
                                          .grace_s = o->grace_s,
                                          .argv = o->argv,
                                          .blas_argv = o->blas_argv};
    if (!st)
        st = bench_launch_open(&s.launch, &options, err);
    if (!st)
        st = open_folder(&s, err);
    if (!st)
        st = read_records(&s, &p, err);
    if (!st && !o->oversize)
        st = bench_plan_check_memory(&s.schedule, s.launch.machine, err);
    if (st)
        goto cleanup;
    bench_progress_init(&s.launch.progress, o->progress, bench_schedule_left(&s.schedule));
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
