/* See memory_fit.h. */
#include "bench/backend/backend.h"
#include "bench/launch/memory_fit.h"

#include <stdio.h>
#include <string.h>

#include "bench/base/paths.h"
#include "bench/launch/plan.h"
#include "core/format/weights.h"

/* Cells follow each other with the same model: one is kept open. */
typedef struct opened {
    const char *name;    /* NULL: none */
    zo_weights *weights; /* NULL: cannot be read */
} opened;

static void open_model(opened *m, const char *name)
{
    char path[4096];
    if (m->name && strcmp(m->name, name) == 0)
        return;
    zo_weights_free(m->weights);
    *m = (opened){.name = name};
    if (!bench_model_path(name, path, sizeof path, NULL) && zo_weights_open(path, NULL, &m->weights, NULL))
        m->weights = NULL;
}

/* At least; -1: not known. */
static int64_t least_bytes(opened *m, const bench_params *p)
{
    const int32_t tokens =
        (int32_t)(p->seq_len ? p->seq_len : 8); /* the padding of a batch is a multiple of it */
    const bench_lengths shortest = {tokens, 1, p->eval_every >= 0 ? tokens : 0, p->eval_every >= 0};
    if (!bench_backend_of(p)->has_model)
        return -1;
    open_model(m, p->model);
    if (!m->weights)
        return -1;
    zo_llama_bytes weights =
        zo_llama_weight_bytes(m->weights, (zo_precision)p->weights, (int32_t)bench_params_longest(p));
    return bench_backend_bytes(p, zo_weights_config(m->weights), weights, &shortest);
}

static bool has_work(const bench_schedule *s, const bench_scheduled *c)
{
    for (int r = 0; r < s->max_runs; r++)
        if (bench_schedule_wants(s, c, r))
            return true;
    return false;
}

zo_status bench_memory_fit_check(const bench_schedule *s, const json_t *machine, zo_error *err)
{
    const int64_t have = bench_plan_limit(&s->m->measure, machine);
    opened m = {0};
    int too_large = 0;
    char first[256] = "";
    for (int i = 0; i < s->count && have >= 0; i++) {
        const bench_scheduled *c = &s->cells[i];
        const int64_t need = has_work(s, c) ? least_bytes(&m, &c->cell->params) : -1;
        if (need <= have)
            continue;
        if (too_large++ == 0)
            snprintf(first, sizeof first, "%s needs at least %.1f GiB", c->label, (double)need / (1 << 30));
    }
    zo_weights_free(m.weights);
    if (!too_large)
        return ZO_OK;
    return zo_fail(
        err, ZO_ERR_INVALID,
        "run %s: %d cell%s cannot fit into the %.1f GiB of memory that %s: %s; --oversize goes on all "
        "the same, and records what becomes of it",
        s->m->name, too_large, too_large == 1 ? "" : "s", (double)have / (1 << 30),
        have < bench_plan_available(machine) ? "a cell may take" : "are available", first);
}
