/* See backend.h. */
#include "bench/backend/backend.h"

#include <omp.h>

#define ROW(name, text) [BENCH_BACKEND_##name] = &bench_backend_##text,
static const bench_backend *const rows[] = {BENCH_BACKEND_MAP(ROW)};
#undef ROW

const bench_backend *bench_backend_of(const bench_params *p)
{
    return rows[p->backend];
}

zo_status bench_engine_open(bench_engine *e, const bench_params *p, zo_mem *mem, zo_error *err)
{
    *e = (bench_engine){.backend = bench_backend_of(p), .p = p, .mem = mem};
    zo_status st = e->backend->open(e, err);
    if (st)
        bench_engine_close(e);
    return st;
}

void bench_engine_close(bench_engine *e)
{
    if (e->backend && e->backend->close)
        e->backend->close(e);
    zo_trainer_free(e->trainer);
    e->trainer = NULL;
    bench_model_close(&e->model);
}

uint32_t bench_engine_at(const bench_engine *e)
{
    return e->trainer ? zo_trainer_at(e->trainer) : e->at;
}

json_t *bench_engine_describe(const bench_engine *e)
{
    json_t *o = json_pack("{s:s}", "name", bench_backend_name(e->p->backend)),
           *more = e->backend->describe(e);
    json_object_update(o, more);
    json_decref(more);
    return o;
}

int32_t bench_backend_threads(const bench_params *p)
{
    return p->threads ? (int32_t)p->threads : omp_get_max_threads();
}

/* Where the data is not known: sequences as long as they may be, answers of a few tokens. */
static bench_lengths longest_allowed(const bench_params *p)
{
    int32_t longest = (int32_t)bench_params_cut(p), labels = longest < 16 ? longest : 16;
    return (bench_lengths){longest, labels, bench_params_evaluates(p) ? longest : 0, labels};
}

int64_t bench_backend_bytes(const bench_params *p, const zo_config *c, zo_llama_bytes weights,
                            const bench_lengths *l)
{
    const bench_lengths any = longest_allowed(p);
    const bench_backend *b = bench_backend_of(p);
    return b->bytes ? b->bytes(p, c, weights, l ? l : &any) : 0;
}
