/* The backend of this program's own kernels, in core/; its functions are those of every backend that trains there. */
#include "bench/backend/backend.h"
#include "bench/machine/build.h"
#include "core/kernel/kernel.h"

/* An adapter that was saved must be what the parameters say, or the record would tell of another. */
static zo_status check_adapter(const bench_engine *e, zo_error *err)
{
    const zo_lora_options *o = &e->model.lora->options;
    const bench_params *p = e->p;
    if (o->rank == p->rank && o->alpha == p->alpha && o->targets == p->targets)
        return ZO_OK;
    return zo_fail(err, ZO_ERR_INVALID,
                   "adapter %s has rank %d and alpha %g%s; the cell says rank %lld and alpha %g", p->adapter,
                   o->rank, o->alpha, o->targets != p->targets ? ", and other targets" : "",
                   (long long)p->rank, p->alpha);
}

zo_status bench_engine_open_model(bench_engine *e, bool freeze, zo_error *err)
{
    const bench_params *p = e->p;
    zo_status st =
        (freeze ? bench_model_open : bench_model_open_rows)(p->model, (zo_precision)p->weights, p->adapter,
                                                            (zo_peft)p->peft,
                                                            zo_batch_padded((int32_t)bench_params_longest(p)),
                                                            e->mem, &e->model, err);
    if (!st && e->model.lora)
        st = check_adapter(e, err);
    if (!st && !e->model.lora && bench_params_trains(p) && p->peft != ZO_PEFT_FULL)
        st = bench_new_adapter(p, &e->model.config, e->mem, &e->model.lora, err);
    return st;
}

static zo_status open(bench_engine *e, zo_error *err)
{
    return bench_engine_open_model(e, true, err);
}

zo_status bench_native_train(bench_engine *e, const zo_dataset *rows, zo_phase_hook hook, zo_error *err)
{
    zo_trainer_options o = bench_trainer_options(e->p, bench_model_pad(&e->model));
    o.hook = hook;
    o.state = e->state;
    return zo_trainer_new(e->model.llama, e->model.lora, rows, &o, e->mem, &e->trainer, err);
}

void bench_native_seek(bench_engine *e, uint32_t step)
{
    zo_trainer_seek(e->trainer, step);
}

zo_status bench_native_step(bench_engine *e, zo_step_report *out, zo_error *err)
{
    return zo_trainer_step(e->trainer, out, err);
}

zo_status bench_native_evaluate(bench_engine *e, const zo_dataset *rows, bench_engine_progress *progress,
                                void *self, uint8_t *right, zo_evaluation *out, zo_error *err)
{
    return zo_evaluate(e->model.llama, e->model.lora, rows, bench_model_pad(&e->model),
                       (zo_compute)e->p->compute, e->mem, progress, self, right, out, err);
}

int64_t bench_native_bytes(const bench_params *p, const zo_config *c, zo_llama_bytes weights,
                           const bench_lengths *l)
{
    const zo_lora_options lora = bench_params_lora(p);
    const zo_trainer_options o = bench_trainer_options(p, 0);
    const int32_t rank = bench_params_adapts(p) ? lora.rank : 0, threads = bench_backend_threads(p);
    int64_t bytes = weights.held + weights.mapped + (rank ? zo_lora_bytes(c, &lora) : 0);
    if (bench_params_trains(p)) {
        zo_session_limits limits = zo_trainer_limits(&o, l->train, l->train_labels, rank);
        limits.sgemm = p->backend == BENCH_BACKEND_OPENBLAS;
        bytes += zo_session_bytes(c, &limits, threads);
        bytes += (int64_t)zo_estimator_state_bytes(zo_estimator_of(o.method), o.estimator.queries,
                                                   (int64_t)bench_trained(p, c));
    }
    if (bench_params_evaluates(p)) { /* while the trainer's session is there */
        zo_session_limits limits = zo_evaluate_limits(l->eval, l->eval_labels, rank, o.compute);
        limits.sgemm = p->backend == BENCH_BACKEND_OPENBLAS;
        bytes += zo_session_bytes(c, &limits, threads);
    }
    return bytes;
}

static json_t *describe(const bench_engine *e)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s}", "library", "zobench", "version", bench_build_commit(),
                     "kernels", zo_kernels_best()->name, "panels", zo_panels_best()->name, "compute",
                     zo_compute_name((zo_compute)e->p->compute));
}

const bench_backend bench_backend_native = {.has_model = true,
                                            .open = open,
                                            .train = bench_native_train,
                                            .seek = bench_native_seek,
                                            .step = bench_native_step,
                                            .evaluate = bench_native_evaluate,
                                            .bytes = bench_native_bytes,
                                            .describe = describe};
