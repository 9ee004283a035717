/* See launch.h. The launcher itself stays small: models are loaded by children only. */
#include "bench/launch/launch.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/backend/backend.h"
#include "bench/base/clock.h"
#include "bench/base/folder.h"
#include "bench/base/memory_limit.h"
#include "bench/base/paths.h"
#include "bench/cell/roofline.h"
#include "bench/machine/binding.h"
#include "bench/machine/build.h"
#include "bench/machine/machine.h"
#include "bench/record/inputs.h"
#include "bench/record/record.h"

/* One repetition on its way. */
typedef struct attempt {
    bench_launch *l;
    const bench_cell *cell;
    int run;
    const char *program;
    int threads;
    json_t *kernels, *job;
    bench_binding binding;
    char started[BENCH_CLOCK_UTC];
    /* what the child may take */
    double timeout_s;
    uint64_t memory_bytes; /* 0: no limit, and why */
    const char *no_limit;
    /* what it has said so far */
    json_t *parts;  /* keys of the record that came early */
    json_t *record; /* NULL until it came */
    long long step, steps;
    char phase[32];
    bench_child_result end;
} attempt;

/* ---- models ---- */

/* What changes with a file's content: new reference; NULL: there is no file of that name. */
static json_t *stamp_of(const char *path, bool *regular)
{
    struct stat info;
    if (stat(path, &info))
        return NULL;
    *regular = S_ISREG(info.st_mode);
    return json_pack("[I, I, I, I]", (json_int_t)info.st_ino, (json_int_t)info.st_size,
                     (json_int_t)info.st_mtim.tv_sec, (json_int_t)info.st_mtim.tv_nsec);
}

json_t *bench_launch_model(bench_launch *l, const bench_params *p)
{
    char path[4096];
    bool regular = false;
    json_t *input = NULL;
    if (!bench_backend_of(p)->has_model || bench_model_path(p->model, path, sizeof path, NULL))
        return NULL;
    json_t *stamp = stamp_of(path, &regular);
    if (!stamp)
        return bench_inputs_model(path, &input, NULL) ? NULL : input; /* generated, or not there */
    json_t *known = json_object_get(l->models, path);
    /* a folder's own time does not change with a file's content: those are small or looked at again */
    if (known && regular && json_equal(json_object_get(known, "stamp"), stamp))
        input = json_incref(json_object_get(known, "input"));
    else if (!bench_inputs_model(path, &input, NULL))
        json_object_set_new(l->models, path, json_pack("{s:O, s:O}", "stamp", stamp, "input", input));
    json_decref(stamp);
    return input;
}

/* cell_id -> inputs of the records that a program made. */
static json_t *program_inputs(bench_launch *l, const char *program)
{
    const char *name = program ? program : "";
    if (!json_object_get(l->inputs, name))
        json_object_set_new(l->inputs, name, json_object());
    return json_object_get(l->inputs, name);
}

/* program: which made it; another one may have other templates. */
static void note(bench_launch *l, const json_t *record, const char *program)
{
    const json_t *input = json_object_get(json_object_get(record, "inputs"), "model");
    const char *path = json_string_value(json_object_get(input, "path"));
    json_t *sha256 = json_object_get(input, "sha256");
    if (path && json_is_string(sha256))
        json_object_set(l->recorded, path, sha256);
    const char *id = json_string_value(json_object_get(record, "cell_id"));
    if (id && !json_object_get(program_inputs(l, program), id))
        json_object_set(program_inputs(l, program), id, json_object_get(record, "inputs"));
}

void bench_launch_note(bench_launch *l, const json_t *record)
{
    note(l, record, NULL);
}

/* Is the model another than in the records so far, or than when `input` was read? Then *why says so. */
static bool model_changed(const bench_launch *l, const bench_params *p, const json_t *input, char *why,
                          size_t cap)
{
    char path[4096];
    bool regular = false;
    const char *name = json_string_value(json_object_get(input, "path")),
               *sha256 = json_string_value(json_object_get(input, "sha256")),
               *before = name ? json_string_value(json_object_get(l->recorded, name)) : NULL;
    if (before && sha256 && strcmp(before, sha256) != 0) {
        snprintf(why, cap,
                 "model %s has changed: its SHA-256 was %.12s... in earlier records and is %.12s...%s",
                 p->model, before, sha256, l->o.anew ? l->o.anew : "");
        return true;
    }
    if (!sha256 || bench_model_path(p->model, path, sizeof path, NULL))
        return false;
    json_t *stamp = stamp_of(path, &regular);
    const json_t *known = json_object_get(json_object_get(l->models, path), "stamp");
    const bool other = known && (!stamp || (regular && !json_equal(stamp, known)));
    if (other)
        snprintf(why, cap, "model %s %s while the cell ran", p->model, stamp ? "changed" : "vanished");
    json_decref(stamp);
    return other;
}

/* Then the outcome is that, whatever the child said or would say. */
static bool is_other_model(attempt *a)
{
    char why[512];
    if (!model_changed(a->l, &a->cell->params, json_object_get(a->job, "model"), why, sizeof why))
        return false;
    json_decref(a->record);
    a->record = json_pack("{s:s, s:s}", "status", "failed", "reason", why);
    return true;
}

/* After the child: of what it read, is anything another than in the records of this cell so far? Then the outcome is that. */
static void check_inputs(attempt *a)
{
    char why[512];
    const json_t *before = json_object_get(program_inputs(a->l, a->program), a->cell->id);
    if (!bench_record_ok(a->record) ||
        !bench_inputs_differ(before, json_object_get(a->parts, "inputs"), why, sizeof why))
        return;
    json_decref(a->record);
    a->record = json_pack("{s:s, s:o}", "status", "failed", "reason",
                          json_sprintf("it read other contents than this cell did before: %s%s", why,
                                       a->l->o.anew ? a->l->o.anew : ""));
}

/* ---- the job ---- */

/* The bandwidth that a shared machine lends changes within minutes: peaks are measured again when they are older. */
#define PEAKS_HOLD_S 60

static void drop_old_peaks(bench_launch *l)
{
    const double hold_s = l->o.peaks_hold_s > 0 ? l->o.peaks_hold_s : PEAKS_HOLD_S;
    const int64_t now = bench_clock_ns();
    if (json_object_size(l->peaks) > 0 && (double)(now - l->peaks_ns) < hold_s * 1e9)
        return;
    json_object_clear(l->peaks);
    l->peaks_ns = now;
}

/* The peaks that so many threads reach. */
static void add_peaks(attempt *a)
{
    bench_launch *l = a->l;
    char key[16];
    json_t *peaks = NULL;
    zo_error why = {0};
    const bench_params *p = &a->cell->params;
    if (!bench_params_trains(p) || !bench_backend_of(p)->has_model || !(l->o.peak_s > 0)) {
        bench_record_unknown(a->job, "peaks", l->o.peak_s > 0 ? "nothing is trained" : "not asked for");
        return;
    }
    snprintf(key, sizeof key, "%d", a->threads);
    drop_old_peaks(l);
    if (!json_object_get(l->peaks, key))
        json_object_set_new(l->peaks, key,
                            bench_roofline_measure(a->threads, l->o.peak_s, &peaks, &why) == ZO_OK
                                ? peaks
                                : json_string(why.text));
    peaks = json_object_get(l->peaks, key);
    bench_record_set(a->job, "peaks", json_is_object(peaks) ? json_incref(peaks) : NULL,
                     json_is_string(peaks) ? json_string_value(peaks) : "out of memory");
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

/* What the child is to do; cell.h reads it. */
static void make_job(attempt *a)
{
    bench_launch *l = a->l;
    a->job = json_pack("{s:o, s:s, s:i, s:I, s:s, s:b}", "cell", told_params(&a->cell->params), "cell_id",
                       a->cell->id, "run", a->run, "warmup", (json_int_t)l->o.m->measure.warmup, "folder",
                       l->o.folder, "save_adapter", l->o.save_adapters);
    bench_record_set(a->job, "model", bench_launch_model(l, &a->cell->params), "cannot be read");
    json_object_set_new(a->job, "binding", bench_binding_to_json(&a->binding));
    json_object_set(a->job, "blas_kernel", a->kernels);
    add_peaks(a);
}

/* What the cell's process is to run of OpenBLAS; a->kernels stays NULL where this process was asked to end meanwhile. A
 * comparison for "auto" is told of. */
static zo_status choose_kernels(attempt *a, zo_error *err)
{
    bench_launch *l = a->l;
    const bool compared = l->choice.compared != NULL;
    zo_status st = bench_kernel_choice_make(&l->choice, &a->cell->params, a->threads, &a->kernels, err);
    if (!st && a->kernels && !compared && l->choice.compared) {
        const char *type = bench_kernel_choice_core_type(a->kernels),
                   *how = json_string_value(json_object_get(a->kernels, "how"));
        bench_progress_note(&l->progress, "OpenBLAS's kernels compared: %s, %s",
                            type ? type : "its own choice", how ? how : "none of which is right");
    }
    return st;
}

/* ---- the child ---- */

static void hear(void *self, json_t *message)
{
    attempt *a = self;
    const json_t *progress = json_object_get(message, "progress"), *step = json_object_get(progress, "step");
    const char *phase = json_string_value(json_object_get(progress, "phase"));
    json_t *record = json_object_get(message, "record");
    if (step) {
        a->step = json_integer_value(step);
        a->steps = json_integer_value(json_object_get(progress, "steps"));
    }
    if (phase)
        snprintf(a->phase, sizeof a->phase, "%s", phase);
    if (progress)
        bench_progress_update(&a->l->progress, progress);
    json_object_update(a->parts, json_object_get(message, "partial"));
    if (json_is_object(record)) {
        json_decref(a->record);
        a->record = json_incref(record);
    }
}

static void hear_wish(void *self, bool now)
{
    bench_progress_note(&((attempt *)self)->l->progress,
                        now ? "stopping after the step that is running; asked again, at once"
                            : "stopping after this repetition; asked again, after the step that is running");
}

static zo_status run_child(attempt *a, zo_error *err)
{
    static const char *const own_argv[] = {"zobench", "cell", NULL};
    const bench_launch_options *o = &a->l->o;
    const bench_child_options options = {.argv = o->argv ? o->argv : own_argv,
                                         .program = a->program,
                                         .job = a->job,
                                         .threads = a->threads,
                                         .settings = bench_binding_settings(&a->binding),
                                         .blas_core = bench_kernel_choice_core_type(a->kernels),
                                         .timeout_s = a->timeout_s,
                                         .memory_bytes = a->memory_bytes,
                                         .grace_s = o->grace_s > 0 ? o->grace_s : 10,
                                         .finish = o->finish,
                                         .message = hear,
                                         .asked = o->finish ? hear_wish : NULL,
                                         .self = a};
    zo_status st = is_other_model(a) ? ZO_OK : bench_child_run(&a->l->signals, &options, &a->end, err);
    if (!st && bench_record_ok(a->record) && !is_other_model(a))
        check_inputs(a);
    return st;
}

/* ---- the record ---- */

static bool ended_well(const attempt *a)
{
    return bench_record_ok(a->record) && !a->end.signal && a->end.code == 0;
}

/* The status, with its reason; NULL: as the child's own record says. */
static const char *judge_end(const attempt *a, char *reason, size_t cap)
{
    const bench_child_result *r = &a->end;
    const char *tail = *r->tail ? r->tail : "it printed nothing";
    char limit[BENCH_DURATION], where[96] = "";
    if (a->steps)
        snprintf(where, sizeof where, ", at step %lld of %lld", a->step, a->steps);
    else if (*a->phase)
        snprintf(where, sizeof where, ", in phase %s", a->phase);
    if (r->timed_out && !ended_well(a)) {
        snprintf(reason, cap, "stopped at the time limit of %s%s",
                 bench_progress_duration(a->timeout_s * 1e9, limit), where);
        return "timeout";
    }
    if (r->out_of_memory) {
        snprintf(reason, cap, "killed by the kernel for want of memory%s", where);
        return "oom";
    }
    if (a->memory_bytes && (r->signal || r->code || !a->record) && bench_memory_limit_hit(tail)) {
        snprintf(reason, cap, "wanted more than its %.1f MiB of memory%s: %s",
                 (double)a->memory_bytes / 1048576, where, tail);
        return "oom";
    }
    if (r->signal == SIGKILL) {
        snprintf(reason, cap, "killed (SIGKILL), possibly out of memory%s", where);
        return "crashed";
    }
    if (r->signal) {
        snprintf(reason, cap, "ended by %s%s: %s", bench_signal_name(r->signal), where, tail);
        return "crashed";
    }
    if (*r->garbage) {
        snprintf(reason, cap, "sent what is no message: %s", r->garbage);
        return "failed";
    }
    if (r->code || !a->record) {
        snprintf(reason, cap, "ended with exit code %d%s%s: %s", r->code, a->record ? "" : " and no record",
                 where, tail);
        return "failed";
    }
    return NULL;
}

static bool is_status(const char *status)
{
    static const char *const all[] = {"ok", "failed", "timeout", "oom", "crashed", "nan", "skipped"};
    for (size_t i = 0; status && i < sizeof all / sizeof *all; i++)
        if (strcmp(status, all[i]) == 0)
            return true;
    return false;
}

/* status and reason of the record. */
static void put_outcome(const attempt *a, json_t *record)
{
    char reason[1400];
    const char *told = json_string_value(json_object_get(a->record, "status")),
               *status = judge_end(a, reason, sizeof reason);
    json_t *why = json_object_get(a->record, "reason");
    if (!status && !is_status(told)) {
        snprintf(reason, sizeof reason, "its record has status %.64s", told ? told : "(none)");
        status = "failed";
    }
    json_object_set_new(record, "status", json_string(status ? status : told));
    json_object_set_new(record, "reason",
                        status                ? json_string(reason)
                        : json_is_string(why) ? json_incref(why)
                                              : json_null());
}

static void put_limits(const attempt *a, json_t *record)
{
    json_t *o = json_pack("{s:f}", "timeout_s", a->timeout_s);
    bench_record_set(o, "memory_bytes", a->memory_bytes ? json_integer((json_int_t)a->memory_bytes) : NULL,
                     a->no_limit);
    json_object_set_new(record, "limits", o);
}

/* Every part of a record that the child did not come to becomes null, with the reason. */
static void fill(json_t *record)
{
    static const char *const parts[] = {"time",     "memory", "roofline", "counters", "accuracy", "loss",
                                        "numerics", "build",  "binding",  "inputs",   "seeds"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!json_object_get(record, parts[i]))
            bench_record_unknown(record, parts[i], "the cell did not come to it");
}

/* Of the machine and the build that made the record. A child of this program that ended before it could tell has this
 * program's build; of another program it is not known. */
static void put_origin(const attempt *a, json_t *record)
{
    const bench_launch *l = a->l;
    char print[13] = "";
    if (!json_object_get(record, "build") && !a->program)
        json_object_set(record, "build", l->build);
    const json_t *build = json_object_get(record, "build");
    if (build)
        bench_machine_fingerprint(l->machine, build, json_object_get(record, "backend"), print);
    bench_record_set(record, "fingerprint", build ? json_string(print) : NULL, "its build is not known");
    json_object_set_new(record, "machine", json_copy(l->machine));
    bench_processor_stolen(a->end.began, a->end.ended, json_object_get(record, "machine"));
}

/* What the child said, with what only the launcher knows: new reference. */
static json_t *make_record(const attempt *a)
{
    const bench_manifest *m = a->l->o.m;
    json_t *record = json_pack("{s:s, s:o, s:s, s:i}", "schema", BENCH_RECORD_SCHEMA, "cell",
                               bench_params_to_json(&a->cell->params), "cell_id", a->cell->id, "run", a->run);
    put_outcome(a, record);
    json_object_set_new(record, "started", json_string(a->started));
    json_object_set_new(record, "wall_ns", json_integer(a->end.wall_ns));
    put_limits(a, record);
    json_object_update_missing(record, a->record);
    json_object_update_missing(record, a->parts);
    put_origin(a, record);
    fill(record);
    if (!json_is_null(a->kernels))
        json_object_set(record, "blas_kernel", a->kernels);
    if (!json_is_object(json_object_get(record, "inputs")))
        json_object_set_new(record, "inputs", json_object());
    json_object_set_new(json_object_get(record, "inputs"), "manifest",
                        json_pack("{s:s, s:s}", "path", m->path, "sha256", m->sha256));
    json_object_set(record, "peaks", json_object_get(a->job, "peaks"));
    if (json_object_get(a->job, "peaks_reason"))
        json_object_set(record, "peaks_reason", json_object_get(a->job, "peaks_reason"));
    if (bench_record_ok(record))
        note(a->l, record, a->program);
    return record;
}

/* ---- the whole ---- */

zo_status bench_launch_open(bench_launch *l, const bench_launch_options *o, zo_error *err)
{
    *l = (bench_launch){.o = *o,
                        .models = json_object(),
                        .recorded = json_object(),
                        .inputs = json_object(),
                        .peaks = json_object(),
                        .signals = {.fd = -1}};
    if (!l->models || !l->recorded || !l->inputs || !l->peaks)
        return zo_fail(err, ZO_ERR_MEMORY, "start cells: out of memory");
    zo_status st = bench_machine_describe(&l->machine, err);
    l->build = bench_build_describe();
    l->choice = (bench_kernel_choice){.machine = l->machine, .signals = &l->signals, .argv = o->blas_argv};
    return st ? st : bench_signals_open(&l->signals, err);
}

void bench_launch_close(bench_launch *l)
{
    bench_signals_close(&l->signals);
    bench_kernel_choice_deinit(&l->choice);
    json_decref(l->machine);
    json_decref(l->build);
    json_decref(l->models);
    json_decref(l->recorded);
    json_decref(l->inputs);
    json_decref(l->peaks);
}

zo_status bench_launch_repetition(bench_launch *l, const bench_cell *cell, const char *label, int run,
                                  const char *program, json_t **record, zo_error *err)
{
    attempt a = {.l = l, .cell = cell, .run = run, .program = program, .parts = json_object()};
    const bench_params *p = &cell->params;
    const bench_measure *m = &l->o.m->measure;
    *record = NULL;
    a.threads = p->threads > 0 ? (int)p->threads : bench_machine_threads(l->machine);
    zo_status st = choose_kernels(&a, err);
    if (!st && a.kernels) {
        bench_machine_refresh(l->machine);
        a.timeout_s = m->timeout_s;
        a.memory_bytes = bench_memory_limit_bytes(m->memory_bytes, l->machine, a.threads, &a.no_limit);
        bench_binding_make((bench_bind)p->bind, a.threads, &a.binding);
        make_job(&a);
    }
    /* asked meanwhile: what has not begun need not be finished */
    l->interrupted |= !st && (!a.kernels || bench_signals_asked(&l->signals));
    if (!st && !l->interrupted) {
        bench_clock_utc(a.started);
        bench_progress_begin(&l->progress, label, run);
        st = run_child(&a, err);
        if (!st && (!a.end.stopped || ended_well(&a)))
            *record = make_record(&a);
        l->interrupted |= a.end.interrupted;
    }
    json_decref(a.record);
    json_decref(a.parts);
    json_decref(a.job);
    json_decref(a.kernels);
    bench_binding_deinit(&a.binding);
    return st;
}
