/* Backends: what computes a cell's steps and evaluations, chosen by the parameter `backend`. One table row each.
 *
 * A cell opens an engine, brings it to a step, and then takes steps and evaluations from it. What an engine trains is an adapter
 * that the cell holds (model.lora): an engine with a copy of its own brings it up to date before it is saved (adapter_get), and
 * takes it over after it was loaded (adapter_set). What a backend cannot run is refused when a manifest is checked
 * (bench_params_check).
 */
#ifndef BENCH_BACKEND_H
#define BENCH_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "bench/backend/model.h"
#include "bench/manifest/params.h"
#include "core/train/trainer.h"

typedef struct bench_backend bench_backend;

/* One cell's. Everything is borrowed but the model and the trainer. */
typedef struct bench_engine {
    const bench_backend *backend;
    const bench_params *p;
    zo_mem *mem;
    bench_model model;   /* zeros where the backend has none; its lora is the adapter in use, NULL: none */
    zo_trainer *trainer; /* of the backends that run in this program's own core; NULL: nothing is trained */
    uint32_t at;         /* the next step, of the others */
    /* Borrowed: what the method keeps, as it is before the step that comes; NULL: the trainer has its own. */
    void *state;
} bench_engine;

/* Sequences of a cell's data, once encoded: most ids and most label ids in one. Eval: 0 where nothing is evaluated. */
typedef struct bench_lengths {
    int32_t train, train_labels;
    int32_t eval, eval_labels;
} bench_lengths;

typedef void bench_engine_progress(void *self, int32_t done, int32_t count);

struct bench_backend {
    bool has_model; /* false: neither the cell's model nor its data are read */
    /* e->p and e->mem are given. Fails as bench_model_open, and ZO_ERR_UNSUPPORTED (a library is not there). */
    zo_status (*open)(bench_engine *e, zo_error *err);
    /* Ready for steps on these rows (borrowed; not looked at without a model) from step 0 on; seek: from another. */
    zo_status (*train)(bench_engine *e, const zo_dataset *rows, zo_phase_hook hook, zo_error *err);
    void (*seek)(bench_engine *e, uint32_t step);
    /* Fails as zo_trainer_step: ZO_ERR_NUMERIC where a loss is not finite. */
    zo_status (*step)(bench_engine *e, zo_step_report *out, zo_error *err);
    /* As zo_evaluate, but that progress is always there. Without a model, rows has a count alone. */
    zo_status (*evaluate)(bench_engine *e, const zo_dataset *rows, bench_engine_progress *progress,
                          void *self, uint8_t *right, zo_evaluation *out, zo_error *err);
    /* NULL: e->model.lora is what is trained. */
    zo_status (*adapter_get)(bench_engine *e, zo_error *err);
    zo_status (*adapter_set)(bench_engine *e, zo_error *err);
    /* What bench_backend_bytes says; NULL: nothing worth counting. */
    int64_t (*bytes)(const bench_params *p, const zo_config *c, zo_llama_bytes weights,
                     const bench_lengths *l);
    /* What ran, of an open engine, for its record: new reference to { "library": .., "version": .., ... }. */
    json_t *(*describe)(const bench_engine *e);
    void (*close)(bench_engine *e); /* what open and train made beyond model and trainer; NULL: nothing */
};

/* The row of a cell. */
const bench_backend *bench_backend_of(const bench_params *p);
/* In the order of BENCH_BACKEND_MAP (params.h). */
extern const bench_backend bench_backend_native, bench_backend_openblas, bench_backend_null;

/* Fails as the backend's open; e is then closed. */
zo_status bench_engine_open(bench_engine *e, const bench_params *p, zo_mem *mem, zo_error *err);
void bench_engine_close(bench_engine *e);
/* The next step that it will take. */
uint32_t bench_engine_at(const bench_engine *e);
/* { "name": "native", and what describe says }: new reference. */
json_t *bench_engine_describe(const bench_engine *e);

/* The bytes that a cell will take at most: what it asks the memory accounts for, which are weights, adapter, activations
 * of training and of evaluation; and what it uses of the mapped model file all along. Not in it: data (small), what
 * libraries allocate, and the model file where it is only read while loading.
 * weights: of the model in the cell's precision, at bench_params_longest positions (zo_llama_weight_bytes).
 * l: NULL where the data is not known; sequences may then be as long as max_tokens. */
int64_t bench_backend_bytes(const bench_params *p, const zo_config *c, zo_llama_bytes weights,
                            const bench_lengths *l);
/* Threads of the cell: what it asks for, or what OpenMP has. */
int32_t bench_backend_threads(const bench_params *p);

/* The parts of native, for rows that differ from it in little. freeze: weights that are not trained go into panel order. */
zo_status bench_engine_open_model(bench_engine *e, bool freeze, zo_error *err);
zo_status bench_native_train(bench_engine *e, const zo_dataset *rows, zo_phase_hook hook, zo_error *err);
void bench_native_seek(bench_engine *e, uint32_t step);
zo_status bench_native_step(bench_engine *e, zo_step_report *out, zo_error *err);
zo_status bench_native_evaluate(bench_engine *e, const zo_dataset *rows, bench_engine_progress *progress,
                                void *self, uint8_t *right, zo_evaluation *out, zo_error *err);
int64_t bench_native_bytes(const bench_params *p, const zo_config *c, zo_llama_bytes weights,
                           const bench_lengths *l);

#endif
