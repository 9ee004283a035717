/* zobench trace: everything of N training steps as one safetensors file, for independent replays.
 *
 * Tensors, s = 0 .. N-1, M a module path such as model.layers.0.self_attn.q_proj, q queries, B sequences, T tokens:
 *   step.s.ids (B, T) I32, step.s.start (B) I32 first real position, step.s.example (B) I32 row of the data set
 *   step.s.label_row (labels) I32 place in (B, T), step.s.label_id (labels) I32
 *   step.s.projected (q) F64, and the losses of replicas by their sign, as far as the method has such: step.s.plus,
 *   step.s.minus, step.s.base (theta itself) F64
 *   noise.s.M.lora_B (q, out, R) F32, and noise.s.M.lora_A (q, R, in) where A is trained
 *   adapter.k.M.lora_B (out, R), adapter.k.M.lora_A (R, in) F32, k = 0 .. N: before step k
 * Metadata: the cell's parameters as JSON ("cell"), the model's path ("model"), "scale", the derived seed of the
 * noise ("noise_seed"), and how many examples the data set has ("examples").
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/manifest/argument.h"
#include "bench/cmd/commands.h"
#include "bench/base/exit.h"
#include "bench/cmd/flags.h"
#include "bench/backend/model.h"
#include "bench/base/paths.h"
#include "core/kernel/rng.h"
#include "core/format/safetensors.h"
#include "core/train/trainer.h"

static void usage(FILE *to)
{
    fputs("usage: zobench trace --out FILE [KEY=VALUE ...]\n"
          "\n"
          "Runs `steps` training steps (default 20; take few) and writes tokens, labels, noise, losses,\n"
          "projected gradients and the adapter before and after each to FILE, in safetensors form. Keys are\n"
          "those of manifests (zobench help options):\n"
          "  model=synth:tiny task=polarity steps=2 queries=4 batch=4 parallel=both peft=lora-fa rank=4 ...\n"
          "scripts/replay_trace.py computes the same steps independently and compares.\n",
          to);
}

/* The tensors written so far; each owns a copy of its data. */
typedef struct tape {
    zo_st_tensor *tensors;
    size_t count, room;
} tape;

static void tape_free(tape *t)
{
    for (size_t i = 0; i < t->count; i++) {
        free((char *)t->tensors[i].name);
        free((void *)t->tensors[i].data);
    }
    free(t->tensors);
}

/* Room for a new tensor under a name made of prefix, step and rest, which the caller fills; NULL: out of memory. */
static void *tape_add(tape *t, const char *dtype, size_t size, int rank, const int64_t *shape,
                      const char *prefix, uint32_t step, const char *rest)
{
    char name[160];
    zo_st_tensor x = {.dtype = dtype, .rank = rank, .bytes = size};
    for (int i = 0; i < rank; i++) {
        x.shape[i] = shape[i];
        x.bytes *= (size_t)shape[i];
    }
    if (t->count == t->room) {
        size_t room = t->room ? 2 * t->room : 64;
        zo_st_tensor *more = realloc(t->tensors, room * sizeof *more);
        if (!more)
            return NULL;
        t->tensors = more;
        t->room = room;
    }
    snprintf(name, sizeof name, "%s.%" PRIu32 ".%s", prefix, step, rest);
    void *data = malloc(x.bytes + 1);
    x.name = strdup(name);
    x.data = data;
    if (!data || !x.name) {
        free(data);
        free((char *)x.name);
        return NULL;
    }
    t->tensors[t->count++] = x;
    return data;
}

static zo_status tape_copy(tape *t, const char *dtype, size_t size, int rank, const int64_t *shape,
                           const char *prefix, uint32_t step, const char *rest, const void *data,
                           zo_error *err)
{
    void *to = tape_add(t, dtype, size, rank, shape, prefix, step, rest);
    if (!to)
        return zo_fail(err, ZO_ERR_MEMORY, "trace: out of memory");
    memcpy(to, data, t->tensors[t->count - 1].bytes);
    return ZO_OK;
}

/* One adapter matrix as it is (o NULL), or the noise of all queries over it. */
static zo_status matrix(tape *t, const char *prefix, uint32_t step, const char *rest, const float *x,
                        int64_t rows, int64_t cols, uint32_t tensor, const zo_trainer_options *o,
                        zo_error *err)
{
    if (!o)
        return tape_copy(t, "F32", sizeof *x, 2, (const int64_t[]){rows, cols}, prefix, step, rest, x, err);
    const int32_t q = o->estimator.queries;
    const uint64_t seed = zo_seed_for(o->seed, "noise");
    float *z = tape_add(t, "F32", sizeof *z, 3, (const int64_t[]){q, rows, cols}, prefix, step, rest);
    if (!z)
        return zo_fail(err, ZO_ERR_MEMORY, "trace: out of memory");
    for (int32_t i = 0; i < q; i++)
        zo_estimator_of(o->method)->noise((zo_noise_at){seed, step, (uint32_t)i, tensor}, 0, rows * cols,
                                          z + i * rows * cols);
    return ZO_OK;
}

/* Every adapted module: its matrices, or its noise. */
static zo_status modules(tape *t, const zo_lora *l, const char *prefix, uint32_t step,
                         const zo_trainer_options *o, zo_error *err)
{
    int64_t rank = l->options.rank;
    zo_status st = ZO_OK;
    for (int32_t i = 0; i < l->layers * ZO_TARGET_COUNT && !st; i++) {
        const zo_lora_pair *p = &l->pairs[i];
        zo_target target = i % ZO_TARGET_COUNT;
        char rest[96];
        if (!p->b)
            continue;
        int n = snprintf(rest, sizeof rest, "model.layers.%d.%s.%s.lora_", i / ZO_TARGET_COUNT,
                         zo_target_parent(target), zo_target_name(target));
        snprintf(rest + n, sizeof rest - (size_t)n, "B");
        st = matrix(t, prefix, step, rest, p->b, p->out, rank, p->tensor_b, o, err);
        if (st || (o && !l->options.train_a))
            continue;
        snprintf(rest + n, sizeof rest - (size_t)n, "A");
        st = matrix(t, prefix, step, rest, p->a, rank, p->in, p->tensor_a, o, err);
    }
    return st;
}

static zo_status record_step(tape *t, const zo_step_report *r, const zo_trainer_options *o, zo_error *err)
{
    const zo_batch *b = r->batch;
    const int64_t batch[] = {b->sequences, b->tokens}, labels[] = {b->labels}, q[] = {o->estimator.queries};
    double of_sign[3][ZO_MAX_LOSSES];
    int64_t n[3] = {0};
    for (int32_t i = 0, k; i < r->replicas; i++) {
        k = zo_estimator_of(o->method)->replica(o->estimator.queries, i).sign + 1;
        of_sign[k][n[k]++] = r->losses.loss[i];
    }
    const struct {
        const char *dtype;
        size_t size;
        int rank;
        const int64_t *shape;
        const char *name;
        const void *data;
    } rows[] = {
        {"I32", 4, 2, batch, "ids", b->ids},
        {"I32", 4, 1, batch, "start", b->start},
        {"I32", 4, 1, batch, "example", r->example},
        {"I32", 4, 1, labels, "label_row", b->label_row},
        {"I32", 4, 1, labels, "label_id", b->label_id},
        {"F64", 8, 1, n + 2, "plus", of_sign[2]},
        {"F64", 8, 1, n + 0, "minus", of_sign[0]},
        {"F64", 8, 1, n + 1, "base", of_sign[1]},
        {"F64", 8, 1, q, "projected", r->losses.projected},
    };
    zo_status st = ZO_OK;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0] && !st; i++)
        if (rows[i].shape[0])
            st = tape_copy(t, rows[i].dtype, rows[i].size, rows[i].rank, rows[i].shape, "step", r->step,
                           rows[i].name, rows[i].data, err);
    return st;
}

static zo_status write_tape(const tape *t, const char *path, const bench_params *p, const bench_model *m,
                            const zo_dataset *d, zo_error *err)
{
    char scale[32], seed[32], examples[32];
    json_t *cell = bench_params_to_json(p);
    char *text = cell ? json_dumps(cell, JSON_COMPACT) : NULL;
    snprintf(scale, sizeof scale, "%.9g", m->lora->scale);
    snprintf(seed, sizeof seed, "%" PRIu64, zo_seed_for((uint64_t)p->seed, "noise"));
    snprintf(examples, sizeof examples, "%" PRId32, d->count);
    const char *meta[] = {"cell", text,         "model", m->path,    "scale",
                          scale,  "noise_seed", seed,    "examples", examples};
    zo_status st = text ? zo_safetensors_write(path, t->tensors, t->count, meta, 5, err)
                        : zo_fail(err, ZO_ERR_MEMORY, "trace: out of memory");
    free(text);
    json_decref(cell);
    return st;
}

static zo_status run_steps(const bench_params *p, bench_model *m, const zo_dataset *d, tape *t, zo_mem *mem,
                           zo_error *err)
{
    zo_trainer *trainer = NULL;
    zo_trainer_options o = bench_trainer_options(p, bench_model_pad(m));
    zo_status st = zo_trainer_new(m->llama, m->lora, d, &o, mem, &trainer, err);
    for (uint32_t s = 0; s < p->steps && !st; s++) {
        zo_step_report report;
        st = modules(t, m->lora, "adapter", s, NULL, err);
        if (!st)
            st = modules(t, m->lora, "noise", s, &o, err);
        if (!st)
            st = zo_trainer_step(trainer, &report, err);
        if (!st)
            st = record_step(t, &report, &o, err);
    }
    if (!st)
        st = modules(t, m->lora, "adapter", (uint32_t)p->steps, NULL, err);
    zo_trainer_free(trainer);
    return st;
}

static zo_status trace(const bench_params *p, const char *path, zo_error *err)
{
    zo_mem mem = {0};
    bench_model m;
    zo_dataset *d = NULL;
    tape t = {0};
    if (p->peft == ZO_PEFT_FULL)
        return zo_fail(err, ZO_ERR_UNSUPPORTED, "trace: peft full would write the whole model at every step");
    if (p->method == ZO_METHOD_ZERO_SHOT)
        return zo_fail(err, ZO_ERR_INVALID, "trace: method zero-shot has no steps");
    zo_status st = bench_model_open(p->model, (zo_precision)p->weights, p->adapter, p->peft,
                                    (int32_t)bench_params_longest(p), &mem, &m, err);
    if (st)
        return st;
    if (!m.lora)
        st = bench_new_adapter(p, &m.config, &mem, &m.lora, err);
    if (!st)
        st =
            zo_dataset_load(zo_task_find(p->task), bench_data_dir(p->data), ZO_SPLIT_TRAIN,
                            (int32_t)p->train_rows, m.tokenizer, (int32_t)bench_params_cut(p), &mem, &d, err);
    if (!st)
        st = run_steps(p, &m, d, &t, &mem, err);
    if (!st)
        st = write_tape(&t, path, p, &m, d, err);
    tape_free(&t);
    zo_dataset_free(d);
    bench_model_close(&m);
    return st;
}

int bench_cmd_trace(int argc, char **argv)
{
    const char *path = NULL;
    const bench_flag flags[] = {{.name = "out", .text = &path, .value = "FILE", .help = "where to write"},
                                {0}};
    int code = bench_flags(argc, argv, flags, 0, argc, usage);
    if (code >= 0)
        return code;
    if (!path) {
        usage(stderr);
        return BENCH_EXIT_USAGE;
    }
    bench_params p;
    zo_error err = {0};
    zo_status st = bench_arguments(&p, argv + optind, argc - optind, &err);
    if (!st)
        st = trace(&p, path, &err);
    if (st)
        fprintf(stderr, "zobench trace: %s\n", err.text);
    return st ? BENCH_EXIT_USAGE : BENCH_EXIT_OK;
}
