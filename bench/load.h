/* A model brought up for use: weights, tokenizer and, where there is one, an adapter. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "bench/params.h"
#include "core/error.h"
#include "core/llama.h"
#include "core/lora.h"
#include "core/mem.h"
#include "core/tokenizer.h"

typedef struct bench_model {
    char path[4096]; /* what the name resolved to */
    zo_config config;
    zo_llama *llama;
    zo_llama_bytes weight_bytes; /* what it was to take */
    zo_tokenizer *tokenizer;
    zo_lora *lora; /* NULL: none */
} bench_model;

/* name: see paths.h. weights: precision of the linear maps. positions: longest sequence, 0: the model's context.
 * adapter: a PEFT folder, or NULL or "". peft: what may be trained; weights that may not are frozen (zo_llama_freeze). On
 * failure nothing is left open. Close with bench_model_close. */
zo_status bench_model_open(const char *name, zo_precision weights, const char *adapter, zo_peft peft,
                           int32_t positions, zo_mem *mem, bench_model *out, zo_error *err);
void bench_model_close(bench_model *m);

/* The shapes of a model, of which nothing else is read. */
zo_status bench_model_config(const char *name, zo_config *out, zo_error *err);

/* A precision, and what products are computed in, by name. Fail: ZO_ERR_INVALID, with the names there are. */
zo_status bench_model_weights(const char *name, zo_precision *out, zo_error *err);
zo_status bench_model_compute(const char *name, zo_compute *out, zo_error *err);
/* The precision of each kind of tensor, for a record: new reference. */
json_t *bench_model_precisions(const bench_model *m);

/* What a cell's parameters mean to the core: the options of its trainer, a new adapter (A drawn from
 * the seed). */
zo_trainer_options bench_trainer_options(const bench_params *p, int32_t pad);
zo_status bench_new_adapter(const bench_params *p, const zo_config *c, zo_mem *mem, zo_lora **out,
                            zo_error *err);

/* The token that fills padding: EOS, as the reference does for Llama, else 0. */
int32_t bench_model_pad(const bench_model *m);

/* Ids of a text as the model wants a prompt (BOS where it is used): zo_mem_free them. */
zo_status bench_model_encode(const bench_model *m, const char *text, size_t n, zo_mem *mem, int32_t **ids,
                             int32_t *count, zo_error *err);
/* Text of ids, NUL-terminated: zo_mem_free it. */
zo_status bench_model_decode(const bench_model *m, const int32_t *ids, int32_t n, zo_mem *mem, char **text,
                             size_t *bytes, zo_error *err);

#endif
