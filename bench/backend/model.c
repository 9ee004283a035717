/* See model.h. */
#include "bench/backend/model.h"

#include <limits.h>

#include "bench/base/paths.h"
#include "core/model/adapter_file.h"
#include "core/kernel/rng.h"
#include "core/format/weights.h"

zo_status bench_model_check_vocabulary(const zo_tokenizer *t, const zo_config *c, const char *path,
                                       zo_error *err)
{
    if (zo_tokenizer_vocab(t) <= c->vocab)
        return ZO_OK;
    return zo_fail(err, ZO_ERR_FORMAT,
                   "open %s: the tokenizer has ids for %d tokens, the embedding has %d rows: the tokens "
                   "beyond them (added "
                   "without resizing the embedding?) cannot be run",
                   path, zo_tokenizer_vocab(t), c->vocab);
}

zo_status bench_model_open(const char *name, zo_precision weights, const char *adapter, zo_peft peft,
                           int32_t positions, zo_mem *mem, bench_model *out, zo_error *err)
{
    zo_status st = bench_model_open_rows(name, weights, adapter, peft, positions, mem, out, err);
    if (!st && peft != ZO_PEFT_FULL)
        st = zo_llama_freeze(out->llama, mem, err);
    if (st)
        bench_model_close(out);
    return st;
}

zo_status bench_model_open_rows(const char *name, zo_precision weights, const char *adapter, zo_peft peft,
                                int32_t positions, zo_mem *mem, bench_model *out, zo_error *err)
{
    zo_weights *w = NULL;
    *out = (bench_model){.path = ""};
    zo_status st = bench_model_path(name, out->path, sizeof out->path, err);
    if (!st)
        st = zo_weights_open(out->path, mem, &w, err);
    if (!st) {
        out->config = *zo_weights_config(w);
        if (!positions)
            positions = out->config.window ? out->config.window : out->config.context;
        out->weight_bytes = zo_llama_weight_bytes(w, weights, positions);
        st = zo_llama_load(w, weights, positions, mem, &out->llama, err);
    }
    zo_weights_free(w);
    if (!st)
        st = zo_tokenizer_open(out->path, mem, &out->tokenizer, err);
    if (!st)
        st = bench_model_check_vocabulary(out->tokenizer, &out->config, out->path, err);
    if (!st && adapter && *adapter)
        st = zo_adapter_file_load(adapter, &out->config, peft == ZO_PEFT_LORA, mem, &out->lora, err);
    if (st)
        bench_model_close(out);
    return st;
}

void bench_model_close(bench_model *m)
{
    zo_llama_free(m->llama);
    zo_tokenizer_free(m->tokenizer);
    zo_lora_free(m->lora);
    m->llama = NULL;
    m->tokenizer = NULL;
    m->lora = NULL;
}

zo_status bench_model_config(const char *name, zo_config *out, zo_error *err)
{
    zo_mem mem = {0};
    zo_weights *w = NULL;
    char path[4096];
    zo_status st = bench_model_path(name, path, sizeof path, err);
    if (!st)
        st = zo_weights_open(path, &mem, &w, err);
    if (!st)
        *out = *zo_weights_config(w);
    zo_weights_free(w);
    return st;
}

/* The parameter `key` of p from its name on a command line. */
static zo_status set_word(bench_params *p, const char *key, const char *name, zo_error *err)
{
    json_t *value = json_string(name);
    zo_status st = value ? bench_params_set(p, bench_option_find(key), value, err)
                         : zo_fail(err, ZO_ERR_INVALID, "must be text in UTF-8");
    json_decref(value);
    return st ? (zo_error_context(err, "%s", key), st) : ZO_OK;
}

zo_status bench_model_open_wanted(const bench_model_wanted *w, int32_t positions, zo_mem *mem,
                                  bench_model *out, zo_compute *compute, zo_error *err)
{
    bench_params p;
    bench_params_default(&p);
    zo_status st = set_word(&p, "weights", w->weights, err);
    if (!st)
        st = set_word(&p, "compute", w->compute, err);
    if (!st)
        st = bench_params_check(&p, err);
    *compute = (zo_compute)p.compute;
    return st ? st
              : bench_model_open(w->model, (zo_precision)p.weights, w->adapter, ZO_PEFT_LORA_FA, positions,
                                 mem, out, err);
}

json_t *bench_model_precisions(const bench_model *m)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:I}", "linear", zo_precision_name(m->llama->precision),
                     "embedding", zo_precision_name(m->llama->embedding.precision), "head",
                     zo_precision_name(m->llama->head.precision), "norms",
                     zo_precision_name(ZO_PRECISION_F32), "mapped_bytes", (json_int_t)m->weight_bytes.mapped);
}

zo_trainer_options bench_trainer_options(const bench_params *p, int32_t pad)
{
    return (zo_trainer_options){.method = p->method,
                                .peft = p->peft,
                                .estimator = {(int32_t)p->queries, p->parallel, p->eps, p->lr},
                                .batch = (int32_t)p->batch,
                                .seq_len = (int32_t)p->seq_len,
                                .seed = (uint64_t)p->seed,
                                .pad = pad,
                                .compute = (zo_compute)p->compute};
}

double bench_trained(const bench_params *p, const zo_config *c)
{
    const zo_lora_options lora = bench_params_lora(p);
    return p->peft == ZO_PEFT_FULL ? (double)zo_config_params(c) : zo_cost_trained(c, &lora);
}

zo_status bench_new_adapter(const bench_params *p, const zo_config *c, zo_mem *mem, zo_lora **out,
                            zo_error *err)
{
    const zo_lora_options o = bench_params_lora(p);
    return zo_lora_new(c, &o, mem, out, err);
}

int32_t bench_model_pad(const bench_model *m)
{
    int32_t eos = zo_tokenizer_eos(m->tokenizer);
    return eos >= 0 ? eos : 0;
}

zo_status bench_model_encode(const bench_model *m, const char *text, size_t n, zo_mem *mem, int32_t **ids,
                             int32_t *count, zo_error *err)
{
    size_t all = 0;
    *ids = NULL;
    *count = 0;
    zo_status st = zo_tokenizer_encode(m->tokenizer, text, n, ZO_ENCODE_SPECIAL, NULL, 0, &all, err);
    if (!st && all > INT_MAX)
        st = zo_fail(err, ZO_ERR_INVALID, "the text has %zu tokens: too many", all);
    if (!st)
        st = zo_mem_array(mem, ZO_ACCOUNT_DATA, all, sizeof **ids, "token ids", ids, err);
    if (!st)
        st = zo_tokenizer_encode(m->tokenizer, text, n, ZO_ENCODE_SPECIAL, *ids, all, &all, err);
    *count = (int32_t)all;
    return st;
}

zo_status bench_model_decode(const bench_model *m, const int32_t *ids, int32_t n, zo_mem *mem, char **text,
                             size_t *bytes, zo_error *err)
{
    int32_t *known = NULL, count = 0;
    *text = NULL;
    zo_status st = zo_mem_array(mem, ZO_ACCOUNT_DATA, (size_t)n, sizeof *known, "token ids", &known, err);
    for (int32_t i = 0; i < n && !st; i++)
        if (zo_tokenizer_has(m->tokenizer, ids[i]) || ids[i] < 0 || ids[i] >= m->config.vocab)
            known[count++] = ids[i];
    if (!st)
        st = zo_tokenizer_decode(m->tokenizer, known, (size_t)count, false, NULL, 0, bytes, err);
    if (!st)
        st = zo_mem_array(mem, ZO_ACCOUNT_DATA, *bytes + 1, 1, "text", text, err);
    if (!st)
        st = zo_tokenizer_decode(m->tokenizer, known, (size_t)count, false, *text, *bytes, bytes, err);
    zo_mem_free(known);
    return st;
}
