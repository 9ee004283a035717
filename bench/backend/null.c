/* The backend that computes nothing: every loss and every answer is fixed. It runs the harness alone, in milliseconds. */
#include "bench/backend/backend.h"

#define LOSS 0.5

static zo_status open(bench_engine *e, zo_error *err)
{
    (void)e;
    (void)err;
    return ZO_OK;
}

static zo_status train(bench_engine *e, const zo_dataset *rows, zo_phase_hook hook, zo_error *err)
{
    (void)e;
    (void)rows;
    (void)hook;
    (void)err;
    return ZO_OK;
}

static void seek(bench_engine *e, uint32_t step)
{
    e->at = step;
}

static zo_status step(bench_engine *e, zo_step_report *out, zo_error *err)
{
    static double losses[ZO_MAX_LOSSES], projected[ZO_MAX_QUERIES];
    const int64_t rows = e->p->batch * e->p->queries;
    (void)err;
    *out = (zo_step_report){.step = e->at++,
                            .losses = {.loss = losses, .projected = projected, .mean = LOSS},
                            .tokens = rows,
                            .real_tokens = rows};
    return ZO_OK;
}

/* Every other row is answered right. */
static zo_status evaluate(bench_engine *e, const zo_dataset *rows, bench_engine_progress *progress,
                          void *self, uint8_t *right, zo_evaluation *out, zo_error *err)
{
    (void)e;
    (void)err;
    *out = (zo_evaluation){.n = rows->count, .loss = LOSS};
    for (int32_t i = 0; i < rows->count; i++) {
        out->right += i % 2 == 0;
        if (right)
            right[i] = i % 2 == 0;
    }
    out->accuracy = (double)out->right / (double)out->n;
    out->stderr_ = zo_accuracy_stderr(out->right, out->n);
    progress(self, rows->count, rows->count);
    return ZO_OK;
}

static json_t *describe(const bench_engine *e)
{
    (void)e;
    return json_object();
}

const bench_backend bench_backend_null = {
    .open = open, .train = train, .seek = seek, .step = step, .evaluate = evaluate, .describe = describe};
