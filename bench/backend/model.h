/* A model brought up for use: weights, tokenizer and, where there is one, an adapter. */
#ifndef BENCH_MODEL_H
#define BENCH_MODEL_H

#include "bench/manifest/params.h"
#include "core/base/error.h"
#include "core/model/llama.h"
#include "core/model/lora.h"
#include "core/base/mem.h"
#include "core/text/tokenizer.h"

typedef struct bench_model {
    char path[4096]; /* what the name resolved to */
    zo_config config;
    zo_llama *llama;
    zo_llama_bytes weight_bytes; /* what it was to take */
    zo_tokenizer *tokenizer;
    zo_lora *lora; /* NULL: none */
} bench_model;

/* A tokenizer's ids must all have a row of the embedding, which may have more (padded vocabularies). path is for the message.
 * Fails: ZO_ERR_FORMAT. */
zo_status bench_model_check_vocabulary(const zo_tokenizer *t, const zo_config *c, const char *path,
                                       zo_error *err);

/* name: see paths.h. weights: precision of the linear maps. positions: longest sequence, 0: the model's context, or its sliding window.
 * adapter: a PEFT folder, or NULL or "". peft: what may be trained; weights that may not are frozen (zo_llama_freeze). On
 * failure nothing is left open. Close with bench_model_close. */
zo_status bench_model_open(const char *name, zo_precision weights, const char *adapter, zo_peft peft,
                           int32_t positions, zo_mem *mem, bench_model *out, zo_error *err);
/* The same, with all weights in rows: not frozen. */
zo_status bench_model_open_rows(const char *name, zo_precision weights, const char *adapter, zo_peft peft,
                                int32_t positions, zo_mem *mem, bench_model *out, zo_error *err);
void bench_model_close(bench_model *m);

/* A model as the flags of a command name it. */
typedef struct bench_model_wanted {
    const char *model, *weights, *compute, *adapter;
} bench_model_wanted;

/* clang-format off */
#define BENCH_MODEL_WANTED {.model = "smollm2-135m", .weights = "f32", .compute = "f32"}

/* Rows of bench_flag (flags.h) that fill it. */
#define BENCH_MODEL_FLAGS(wanted)                                                                            \
    {.name = "model", .text = &(wanted).model, .value = "M",                                                 \
     .help = "a model's name or path (default smollm2-135m)"},                                               \
    {.name = "weights", .text = &(wanted).weights, .value = "P",                                             \
     .help = "precision of the frozen weights (default f32)"},                                               \
    {.name = "compute", .text = &(wanted).compute, .value = "C",                                             \
     .help = "what products with them are made in (default f32)"},                                           \
    {.name = "adapter", .text = &(wanted).adapter, .value = "DIR", .help = "a PEFT folder"}
/* clang-format on */

/* As bench_model_open. *compute: what products are to be made in. Fails also with ZO_ERR_INVALID, where a name is none of those
 * there are. */
zo_status bench_model_open_wanted(const bench_model_wanted *w, int32_t positions, zo_mem *mem,
                                  bench_model *out, zo_compute *compute, zo_error *err);

/* The shapes of a model, of which nothing else is read. */
zo_status bench_model_config(const char *name, zo_config *out, zo_error *err);

/* The precision of each kind of tensor, for a record: new reference. */
json_t *bench_model_precisions(const bench_model *m);

/* What a cell's parameters mean to the core: the options of its trainer, a new adapter (A drawn from
 * the seed). */
zo_trainer_options bench_trainer_options(const bench_params *p, int32_t pad);
/* Values that a cell trains. */
double bench_trained(const bench_params *p, const zo_config *c);
zo_status bench_new_adapter(const bench_params *p, const zo_config *c, zo_mem *mem, zo_lora **out,
                            zo_error *err);

/* The token that fills padding: EOS, as the reference does for Llama, else 0. */
int32_t bench_model_pad(const bench_model *m);

/* Ids of a text as the model wants a prompt (BOS where it is used): zo_mem_free them. */
zo_status bench_model_encode(const bench_model *m, const char *text, size_t n, zo_mem *mem, int32_t **ids,
                             int32_t *count, zo_error *err);
/* Text of ids, NUL-terminated: zo_mem_free it. Ids of the model that the tokenizer has no token for (the rows that pad a
 * vocabulary) have no text. */
zo_status bench_model_decode(const bench_model *m, const int32_t *ids, int32_t n, zo_mem *mem, char **text,
                             size_t *bytes, zo_error *err);

#endif
