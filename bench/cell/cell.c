/* See cell.h. */
#include "bench/backend/backend.h"
#include "bench/cell/cell.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <omp.h>

#include "bench/cell/checkpoint.h"
#include "bench/base/clock.h"
#include "bench/machine/counter.h"
#include "bench/machine/counter_papi.h"
#include "bench/base/folder.h"
#include "bench/record/memory_growth.h"
#include "bench/cell/history.h"
#include "bench/record/inputs.h"
#include "bench/backend/rows.h"
#include "bench/manifest/manifest.h"
#include "bench/cell/measure.h"
#include "bench/cell/numerics.h"
#include "bench/cell/predict.h"
#include "bench/record/record.h"
#include "bench/cell/roofline.h"
#include "core/model/adapter_file.h"
#include "core/kernel/rng.h"

#define PROGRESS_NS 100000000

static const char no_model[] = "backend null has no model";

typedef struct cell {
    const bench_cell_job *job;
    const bench_params *p;
    const bench_cell_watch *watch;
    zo_mem *mem;
    const zo_task *task;
    bench_engine engine;
    bench_rows rows;
    bench_stopwatch stopwatch;
    bench_counter *counter; /* NULL: nothing is trained */
    bench_warmup warmup;
    bool training; /* the engine takes steps */
    bench_history history;
    bench_checkpoint checkpoint;
    char *checkpoint_dir;
    int64_t start;             /* first step of this child */
    int64_t begin_ns, load_ns; /* load_ns 0: it never came to the first step */
    int64_t begin_rss;         /* -1: unknown */
    int64_t told_ns;           /* when progress was last told */
    json_t *weights;           /* precisions of the model; NULL: it was not loaded */
    json_t *memory;            /* as it was before rounding was measured; NULL: it was not */
    json_t *precision;         /* what was measured of rounding */
    char no_precision[256];    /* why it was not */
    bool loaded;               /* model and data */
    bool interrupted;
} cell;

zo_status bench_cell_job_read(const json_t *json, bench_cell_job *out, zo_error *err)
{
    const char *id = json_string_value(json_object_get(json, "cell_id"));
    const json_t *run = json_object_get(json, "run"), *warmup = json_object_get(json, "warmup"),
                 *save = json_object_get(json, "save_adapter");
    *out = (bench_cell_job){.folder = json_string_value(json_object_get(json, "folder")),
                            .run = (int)json_integer_value(run),
                            .warmup = json_integer_value(warmup),
                            .save_adapter = json_is_true(save),
                            .peaks = json_object_get(json, "peaks"),
                            .no_peaks = json_string_value(json_object_get(json, "peaks_reason")),
                            .model = json_object_get(json, "model")};
    if (!id || strlen(id) != 12)
        return zo_fail(err, ZO_ERR_FORMAT, "job: cell_id must be 12 letters");
    if (!json_is_integer(run) || !json_is_integer(warmup) || out->warmup < BENCH_WARMUP_AUTO)
        return zo_fail(err, ZO_ERR_FORMAT, "job: run and warmup must be whole numbers");
    if (!out->folder || !json_is_boolean(save))
        return zo_fail(err, ZO_ERR_FORMAT, "job: folder must be a text and save_adapter true or false");
    memcpy(out->id, id, sizeof out->id);
    zo_status st = bench_params_from_json(&out->params, json_object_get(json, "cell"), err);
    return st ? (zo_error_context(err, "job: cell"), st) : ZO_OK;
}

/* ---- telling ---- */

static void tell_part(const cell *c, const char *key, json_t *value)
{
    if (c->watch->part)
        c->watch->part(c->watch->self, key, value);
}

/* At most ten times a second, and at the end of a phase. */
static bool is_time_to_tell(const cell *c, bool always)
{
    return c->watch->progress && (always || bench_clock_ns() - c->told_ns >= PROGRESS_NS);
}

/* Takes message. */
static void tell(cell *c, json_t *message, bool always)
{
    if (is_time_to_tell(c, always)) {
        c->told_ns = bench_clock_ns();
        c->watch->progress(c->watch->self, message);
    }
    json_decref(message);
}

static bool stopped(cell *c)
{
    if (!c->interrupted && c->watch->stop && c->watch->stop(c->watch->self))
        c->interrupted = true;
    return c->interrupted;
}

/* ---- bringing up ---- */

static int64_t last_step(const cell *c)
{
    return bench_params_trains(c->p) ? c->p->steps : 0;
}

static zo_status load_data(cell *c, zo_error *err)
{
    const bench_params *p = c->p;
    if (c->engine.backend->has_model)
        return bench_rows_open(p, c->engine.model.tokenizer, c->mem, &c->rows, err);
    c->rows.train.count = (int32_t)(p->train_rows ? p->train_rows : 1);
    c->rows.eval.count = (int32_t)(p->holdout ? p->holdout : p->eval_rows ? p->eval_rows : 1);
    return ZO_OK;
}

static zo_status open_engine(cell *c, zo_error *err)
{
    zo_status st = bench_engine_open(&c->engine, c->p, c->mem, err);
    if (st)
        return st;
    if (c->engine.backend->has_model)
        c->weights = bench_model_precisions(&c->engine.model);
    json_t *o = bench_engine_describe(&c->engine);
    tell_part(c, "backend", o);
    json_decref(o);
    return ZO_OK;
}

static zo_status start_training(cell *c, zo_error *err)
{
    c->counter = bench_counter_open(bench_counter_papi(omp_get_max_threads()));
    zo_status st =
        c->engine.backend->train(&c->engine, &c->rows.train, bench_stopwatch_hook(&c->stopwatch), err);
    c->training = !st;
    return st;
}

static zo_status resume(cell *c, zo_error *err)
{
    bool found = false;
    int64_t step = 0;
    zo_error why = {0};
    c->checkpoint_dir = bench_folder_path("%s/checkpoints/%s-%d", c->job->folder, c->job->id, c->job->run);
    if (!c->checkpoint_dir)
        return zo_fail(err, ZO_ERR_MEMORY, "run the cell: out of memory");
    c->checkpoint = (bench_checkpoint){
        c->checkpoint_dir, c->job->id, c->job->run, c->job->model, c->engine.model.path, NULL, 0};
    if (!bench_params_trains(c->p) || !c->p->checkpoint_every)
        return ZO_OK;
    c->checkpoint.state_bytes =
        zo_estimator_state_bytes(zo_estimator_of((zo_method)c->p->method), (int32_t)c->p->queries,
                                 c->engine.model.lora->trainable);
    if (zo_mem_array(c->mem, ZO_ACCOUNT_OPTIMIZER, c->checkpoint.state_bytes, 1, "state of the method",
                     &c->checkpoint.state, err))
        return ZO_ERR_MEMORY;
    c->engine.state = c->checkpoint.state;
    if (bench_checkpoint_load(&c->checkpoint, &c->engine.model.config, c->mem, &c->engine.model.lora, &step,
                              &c->history, &found, &why))
        return zo_fail(err, why.status, "%s", why.text);
    if (found && c->engine.backend->adapter_set && c->engine.backend->adapter_set(&c->engine, err))
        return err->status;
    if (why.status) /* a broken checkpoint is no reason not to begin */
        fprintf(stderr, "checkpoint not used: %s\n", why.text);
    if (!found)
        return ZO_OK;
    json_array_append_new(c->history.resumed, json_integer(step));
    c->start = step;
    return ZO_OK;
}

/* ---- inputs and seeds ---- */

static json_t *data_input(const zo_dataset *d, const char *task)
{
    json_t *o = NULL;
    if (!d)
        return NULL;
    if (!*d->path)
        return bench_inputs_generated(task);
    if (bench_inputs_file(d->path, &o, NULL))
        return NULL;
    if (d->skipped)
        json_object_set_new(o, "lines_skipped", json_integer(d->skipped));
    return o;
}

static void tell_inputs(const cell *c)
{
    json_t *o = json_object(), *adapter = NULL;
    const bool held_out = c->p->holdout > 0;
    bench_record_set(o, "model", json_is_null(c->job->model) ? NULL : json_incref(c->job->model),
                     c->engine.backend->has_model ? "cannot be read" : no_model);
    bench_record_set(o, "train", data_input(c->rows.train_split, c->p->task),
                     c->engine.backend->has_model ? "nothing is trained" : no_model);
    bench_record_set(o, "validation",
                     data_input(held_out ? c->rows.train_split : c->rows.eval_split, c->p->task),
                     c->engine.backend->has_model ? "nothing is evaluated" : no_model);
    bench_record_set(o, "template", bench_inputs_text(zo_task_template(c->task)), "");
    if (*c->p->adapter) {
        zo_status st = bench_inputs_adapter(c->p->adapter, &adapter, NULL);
        bench_record_set(o, "adapter", st ? NULL : adapter, "cannot be read");
    }
    tell_part(c, "inputs", o);
    json_decref(o);
}

/* As texts: they have 64 bits, of which readers of JSON may keep 53. */
static void tell_seeds(const cell *c)
{
    static const struct {
        const char *key, *purpose;
    } seeds[] = {{"noise", "noise"}, {"data_order", "data order"}, {"adapter_init", "adapter init"}};
    json_t *o = json_pack("{s:I}", "seed", (json_int_t)c->p->seed);
    for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++)
        json_object_set_new(o, seeds[i].key,
                            json_sprintf("0x%016llx", (unsigned long long)zo_seed_for((uint64_t)c->p->seed,
                                                                                      seeds[i].purpose)));
    tell_part(c, "seeds", o);
    json_decref(o);
}

/* ---- steps and evaluations ---- */

static void evaluation_progress(void *self, int32_t done, int32_t count)
{
    tell(self, json_pack("{s:s, s:i, s:i}", "phase", "eval", "done", done, "count", count), done == count);
}

static zo_status evaluate(cell *c, int64_t step, zo_error *err)
{
    zo_evaluation e;
    uint8_t *right =
        calloc((size_t)c->rows.eval.count + 1, 1); /* NULL: the record will say that it was not kept */
    int64_t begin = bench_clock_ns();
    zo_status st =
        c->engine.backend->evaluate(&c->engine, &c->rows.eval, evaluation_progress, c, right, &e, err);
    if (!st)
        bench_history_evaluation(&c->history, step, &e, right, bench_clock_ns() - begin);
    free(right);
    return st ? (zo_error_context(err, "evaluation after step %lld", (long long)step), st) : ZO_OK;
}

/* Brings engine.model.lora up to what is trained. */
static zo_status adapter(cell *c, zo_error *err)
{
    return c->engine.backend->adapter_get ? c->engine.backend->adapter_get(&c->engine, err) : ZO_OK;
}

static zo_status save_checkpoint(cell *c, int64_t step, zo_error *err)
{
    zo_status st = adapter(c, err);
    if (!st)
        st = bench_folder_make(c->checkpoint_dir, err);
    return st ? st : bench_checkpoint_save(&c->checkpoint, step, c->engine.model.lora, &c->history, err);
}

/* Nothing is worked out for a message that is not sent. */
static void tell_step(cell *c, int64_t step, double loss)
{
    const int64_t steps = c->p->steps;
    if (!is_time_to_tell(c, step == steps))
        return;
    json_t *message = json_pack("{s:s, s:I, s:I, s:f}", "phase", "train", "step", (json_int_t)step, "steps",
                                (json_int_t)steps, "loss", loss),
           *ns = bench_history_recent(&c->history);
    if (message && ns)
        json_object_set(message, "step_ns", ns);
    json_decref(ns);
    tell(c, message, true);
}

static bool due(int64_t every, int64_t step, int64_t steps)
{
    return every > 0 && step % every == 0 && step < steps;
}

/* One step, with what is due after it. */
static zo_status step_once(cell *c, zo_error *err)
{
    const int64_t steps = c->p->steps, s = bench_engine_at(&c->engine);
    zo_step_report report;
    const int64_t begin = bench_clock_ns();
    bench_counter_start(c->counter);
    bench_stopwatch_start(&c->stopwatch);
    zo_status st = c->engine.backend->step(&c->engine, &report, err);
    bench_measure_slow_down(BENCH_SLOW_STEP, begin);
    int64_t ns = bench_stopwatch_stop(&c->stopwatch);
    bench_counter_stop(c->counter);
    if (st)
        return st;
    const bool warmup = bench_warmup_step(&c->warmup, ns);
    const zo_lora_options *lora = c->engine.model.lora ? &c->engine.model.lora->options : NULL;
    const double flops = report.replicas * zo_cost_forward_flops(&c->engine.model.config, lora, report.each);
    bench_history_step(&c->history, &report, (int32_t)c->p->queries, flops, ns, c->stopwatch.phase_ns,
                       warmup);
    if (!warmup)
        bench_counter_keep(c->counter);
    const int64_t rss = bench_measure_rss();
    if (rss >= 0)
        bench_memory_growth_sample(c->history.rss, s + 1, rss);
    tell_step(c, s + 1, report.losses.mean);
    if (due(c->p->eval_every, s + 1, steps))
        st = evaluate(c, s + 1, err);
    if (!st && due(c->p->checkpoint_every, s + 1, steps))
        st = save_checkpoint(c, s + 1, err);
    return st;
}

static zo_status train(cell *c, zo_error *err)
{
    zo_status st = ZO_OK;
    bench_warmup_init(&c->warmup, c->job->warmup, c->p->steps - bench_engine_at(&c->engine));
    while (!st && bench_engine_at(&c->engine) < c->p->steps && !stopped(c))
        st = step_once(c, err);
    if (!st && stopped(c) && c->p->checkpoint_every)
        st = save_checkpoint(c, bench_engine_at(&c->engine), err);
    return st;
}

static zo_status keep_adapter(cell *c, zo_error *err)
{
    char *dir = bench_folder_path("%s/adapters/%s-%d", c->job->folder, c->job->id, c->job->run);
    zo_status st = dir ? adapter(c, err) : zo_fail(err, ZO_ERR_MEMORY, "save the adapter: out of memory");
    if (!st)
        st = zo_adapter_file_save(c->engine.model.lora, dir, c->engine.model.path, err);
    free(dir);
    return st;
}

/* Why there is no model and no data. */
static const char *unread(const cell *c)
{
    return c->engine.backend && !c->engine.backend->has_model ? no_model : "model or data could not be read";
}

/* ---- memory, and rounding, which is measured when all else has been ---- */

/* By formula, from the shapes alone, over what the process took before it had loaded anything. */
static json_t *predicted_bytes(const cell *c)
{
    const bench_lengths l = {c->rows.train.longest, c->rows.train.most_labels, c->rows.eval.longest,
                             c->rows.eval.most_labels};
    if (!c->loaded || c->begin_rss < 0)
        return NULL;
    return json_integer(c->begin_rss +
                        bench_backend_bytes(c->p, &c->engine.model.config, c->engine.model.weight_bytes, &l));
}

/* Of the whole repetition, as bench_plan_make estimates it. */
static void put_predicted_ns(const cell *c, json_t *time)
{
    bench_roof roof;
    const bool known = c->loaded && bench_roofline_read(c->job->peaks, &roof);
    bench_record_set(time, "predicted_ns",
                     known ? json_real(1e9 * bench_predict_seconds(c->p, &c->engine.model.config,
                                                                   &c->rows.train, &c->rows.eval, &roof))
                           : NULL,
                     !c->loaded         ? unread(c)
                     : c->job->no_peaks ? c->job->no_peaks
                                        : "the machine's peaks were not measured");
}

static json_t *memory_part(const cell *c)
{
    json_t *o = json_object();
    static const char no_status[] = "/proc/self/status does not say";
    bench_record_set(o, "peak_rss_bytes", bench_measure_status("VmHWM"), no_status);
    bench_record_set(o, "rss_anon_bytes", bench_measure_status("RssAnon"), no_status);
    bench_record_set(o, "rss_file_bytes", bench_measure_status("RssFile"), no_status);
    json_object_set_new(o, "accounts", bench_measure_accounts(c->mem));
    bench_record_set(o, "program_bytes", c->begin_rss < 0 ? NULL : json_integer(c->begin_rss),
                     "/proc does not say");
    bench_record_set(o, "predicted_bytes", predicted_bytes(c), unread(c));
    bench_record_set(o, "rss_curve", json_array_size(c->history.rss) ? json_copy(c->history.rss) : NULL,
                     "no step was taken");
    bench_record_set(o, "rss_growth",
                     bench_memory_growth_judge(c->history.rss, c->start + c->warmup.taken + 1),
                     "fewer than 8 samples after the warm-up");
    return o;
}

static void rounding_progress(void *self, zo_precision weights, zo_compute compute, int32_t done,
                              int32_t count)
{
    (void)weights;
    (void)compute;
    tell(self, json_pack("{s:s, s:i, s:i}", "phase", "numerics", "done", done, "count", count),
         done == count);
}

/* On the batches that training would see next. Memory is told as it was before. A failure is no reason to lose the
 * record. */
static void measure_rounding(cell *c)
{
    const zo_compute compute = (zo_compute)c->p->compute;
    zo_error err = {0};
    zo_rounding n;
    bench_numerics b = {.p = c->p,
                        .path = c->engine.model.path,
                        .lora = c->engine.model.lora,
                        .train = &c->rows.train,
                        .pad = bench_model_pad(&c->engine.model),
                        .first = bench_engine_at(&c->engine),
                        .batches = (int32_t)c->p->numerics,
                        .mem = c->mem,
                        .progress = rounding_progress,
                        .self = c};
    c->memory = memory_part(c);
    zo_trainer_free(c->engine.trainer);
    zo_llama_free(c->engine.model.llama);
    c->engine.trainer = NULL;
    c->engine.model.llama = NULL;
    if (!bench_numerics_measure(&b, (zo_precision)c->p->weights, &compute, 1, &n, &err))
        c->precision = bench_numerics_json(&n, b.batches, c->p->eps);
    snprintf(c->no_precision, sizeof c->no_precision, "%.255s", err.text);
    bench_numerics_deinit(&b);
}

static zo_status run_cell(cell *c, zo_error *err)
{
    c->begin_ns = bench_clock_ns();
    c->begin_rss = bench_measure_rss();
    tell_seeds(c);
    tell(c, json_pack("{s:s}", "phase", "load"), true);
    zo_status st = open_engine(c, err);
    if (!st)
        st = load_data(c, err);
    if (st)
        return st;
    c->loaded = c->engine.backend->has_model;
    tell_inputs(c);
    st = resume(c, err);
    if (!st && bench_params_trains(c->p))
        st = start_training(c, err);
    if (st)
        return st;
    c->load_ns = bench_clock_ns() - c->begin_ns;
    if (c->training)
        c->engine.backend->seek(&c->engine, (uint32_t)c->start);
    if (bench_params_evaluates(c->p) && !json_array_size(c->history.evaluations))
        st = evaluate(c, 0, err);
    if (!st && c->training)
        st = train(c, err);
    if (!st && c->training && !stopped(c) && bench_params_evaluates(c->p))
        st = evaluate(c, c->p->steps, err);
    if (!st && c->training && !stopped(c) && c->job->save_adapter && c->engine.model.lora)
        st = keep_adapter(c, err);
    if (!st && c->training && !stopped(c) && c->p->numerics)
        measure_rounding(c);
    return st;
}

/* ---- the record ---- */

static json_t *roofline_part(const cell *c)
{
    json_t *o = bench_history_roofline(&c->history);
    const double median = bench_history_median_ns(&c->history);
    bench_roofline_put(o, c->p, median > 0 && c->loaded ? &c->engine.model.config : NULL,
                       bench_history_rows(&c->history), c->job->peaks, c->job->no_peaks, median);
    return o;
}

static const char *status_of(const cell *c, zo_status st)
{
    switch (st) {
    case ZO_OK:
        return c->interrupted ? "interrupted" : "ok";
    case ZO_ERR_MEMORY:
        return "oom";
    case ZO_ERR_NUMERIC:
        return "nan";
    default:
        return "failed";
    }
}

static json_t *numerics_part(const cell *c)
{
    json_t *o = bench_history_numerics(&c->history);
    const char *why = c->p->numerics ? "the cell did not come to it" : "numerics is 0";
    bench_record_set(o, "precision", c->precision ? json_incref(c->precision) : NULL,
                     *c->no_precision ? c->no_precision : why);
    return o;
}

static json_t *make_record(const cell *c, zo_status st, const zo_error *err)
{
    json_t *o = json_object();
    json_object_set_new(o, "status", json_string(status_of(c, st)));
    json_object_set_new(o, "reason", st ? json_string(err->text) : json_null());
    json_object_set_new(o, "time", bench_history_time(&c->history, c->load_ns));
    json_object_set_new(json_object_get(o, "time"), "warmup", bench_warmup_to_json(&c->warmup));
    put_predicted_ns(c, json_object_get(o, "time"));
    json_object_set_new(o, "memory", c->memory ? json_incref(c->memory) : memory_part(c));
    bench_record_set(o, "weights", c->weights ? json_incref(c->weights) : NULL, unread(c));
    json_object_set_new(o, "roofline", roofline_part(c));
    bench_counter_put(c->counter, o);
    bench_roofline_counted(json_object_get(o, "roofline"), o, bench_history_median_ns(&c->history));
    bench_record_set(o, "accuracy",
                     c->task ? bench_history_accuracy(&c->history, c->task, c->p->task, last_step(c)) : NULL,
                     bench_params_evaluates(c->p) ? "the cell did not come to it" : "eval_every is null");
    json_object_set_new(o, "loss", bench_history_loss(&c->history));
    json_object_set_new(o, "numerics", numerics_part(c));
    return o;
}

static void cell_close(cell *c)
{
    bench_counter_close(c->counter);
    bench_engine_close(&c->engine);
    bench_rows_close(&c->rows);
    zo_mem_free(c->checkpoint.state);
    bench_history_deinit(&c->history);
    json_decref(c->weights);
    json_decref(c->memory);
    json_decref(c->precision);
    free(c->checkpoint_dir);
}

json_t *bench_cell_run(const bench_cell_job *job, const bench_cell_watch *watch, zo_mem *mem)
{
    zo_error err = {0};
    json_t *record = NULL;
    cell c = {
        .job = job, .p = &job->params, .watch = watch, .mem = mem, .task = zo_task_find(job->params.task)};
    zo_status st = bench_params_check(c.p, &err);
    if (!bench_history_init(&c.history, NULL)) {
        if (!st)
            st = run_cell(&c, &err);
        record = make_record(&c, st, &err);
    }
    cell_close(&c);
    return record;
}
