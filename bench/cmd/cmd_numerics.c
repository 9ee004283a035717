/* zobench numerics: what the precision of weights and compute does to logits, losses and projected gradients. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/manifest/argument.h"
#include "bench/cmd/commands.h"
#include "bench/base/exit.h"
#include "bench/cmd/flags.h"
#include "bench/backend/model.h"
#include "bench/backend/rows.h"
#include "bench/cell/numerics.h"
#include "bench/base/paths.h"
#include "core/model/adapter_file.h"

enum { BATCHES = 2 /* unless told otherwise */ };

static void usage(FILE *to)
{
    fputs(
        "usage: zobench numerics [OPTIONS] [KEY=VALUE ...]\n\n"
        "Measures what rounding does, for every precision of weights and compute, or for those that are "
        "given.\n"
        "Keys are those of manifests, chiefly:\n"
        "  model=smollm2-135m task=polarity numerics=2 (batches) queries=4 batch=4 eps=1e-2 adapter=DIR\n"
        "  weights=nf4 compute=bf16   only these\n"
        "\n"
        "loss         mean over the batches, and its change against f32 weights with compute f32\n"
        "logits       rms of their change, over the rms of f32's logits about their mean\n"
        "KL, top      divergence from f32's next tokens (nats); share of rows with the same likeliest token\n"
        "signal       rms of the projected gradients in double precision, for the weights as they are "
        "decoded\n"
        "noise, SNR   rms of what steps compute less that; rms of signal over rms of noise\n"
        "corr, signs  of exact projected gradients with those of f32 weights: the effect of the weights "
        "alone\n\n"
        "The plain forward in double takes its time: 2 x queries x batch sequences per batch and precision "
        "of\n"
        "weights.\n",
        to);
}

static void progress(void *self, zo_precision weights, zo_compute compute, int32_t done, int32_t count)
{
    (void)self;
    fprintf(stderr, "\r%4s %4s: %d of %d batches%s", zo_precision_name(weights), zo_compute_name(compute),
            done, count, done == count ? "\n" : "");
}

static void print_head(const bench_params *p, int32_t batches)
{
    printf("%s on %s: %d %s, q = %lld, B = %lld, eps = %g\n\n", p->model, p->task, batches,
           batches == 1 ? "batch" : "batches", (long long)p->queries, (long long)p->batch, p->eps);
    printf("%-7s %-7s %8s %9s %8s %9s %6s %9s %9s %9s %8s %6s\n", "weights", "compute", "loss", "change",
           "logits", "KL", "top", "signal", "noise", "SNR", "corr", "signs");
}

static void print_row(zo_precision weights, zo_compute compute, const zo_rounding *n)
{
    printf("%-7s %-7s %8.4f %+9.2g %7.3f%% %9.2g %5.1f%% %9.3g %9.2g %9.3g %8.5f %5.1f%%\n",
           zo_precision_name(weights), zo_compute_name(compute), n->loss, n->loss_change,
           100 * n->logit_change_rms / n->logit_rms, n->kl, 100 * n->same_top, n->signal_rms, n->noise_rms,
           n->snr, n->correlation, 100 * n->same_sign);
    fflush(stdout);
}

static void print_json(const bench_numerics *b, zo_precision weights, zo_compute compute,
                       const zo_rounding *n)
{
    json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "model", b->p->model, "task", b->p->task,
                          "weights", zo_precision_name(weights), "compute", zo_compute_name(compute),
                          "queries", (json_int_t)b->p->queries, "batch", (json_int_t)b->p->batch, "seed",
                          (json_int_t)b->p->seed),
           *figures = bench_numerics_json(n, b->batches, b->p->eps);
    json_object_update(o, figures);
    json_decref(figures);
    bench_command_print(o, JSON_COMPACT);
}

/* What to measure: a bit per precision and compute; int8 for the weights that it is for. */
typedef struct choice {
    unsigned weights, computes;
    bool json;
} choice;

static zo_status measure(bench_numerics *b, const choice *c, zo_error *err)
{
    zo_compute computes[ZO_COMPUTE_COUNT];
    zo_rounding n[ZO_COMPUTE_COUNT];
    zo_status st = ZO_OK;
    if (!c->json)
        print_head(b->p, b->batches);
    for (int w = 0; w < ZO_PRECISION_COUNT && !st; w++) {
        if (!(c->weights >> w & 1))
            continue;
        int count = 0;
        for (int i = 0; i < ZO_COMPUTE_COUNT; i++)
            if ((c->computes >> i & 1) &&
                (i != ZO_COMPUTE_INT8 || zo_precision_in_int8((zo_precision)w, ZO_NF4_BLOCK)))
                computes[count++] = (zo_compute)i;
        st = bench_numerics_measure(b, (zo_precision)w, computes, count, n, err);
        for (int i = 0; i < count && !st; i++) {
            if (c->json)
                print_json(b, (zo_precision)w, computes[i], &n[i]);
            else
                print_row((zo_precision)w, computes[i], &n[i]);
        }
    }
    return st;
}

/* Tokenizer and adapter; the weights come one precision after the other. */
static zo_status open_without_weights(const bench_params *p, zo_mem *mem, bench_model *m, zo_error *err)
{
    *m = (bench_model){.path = ""};
    zo_status st = bench_model_path(p->model, m->path, sizeof m->path, err);
    if (!st)
        st = bench_model_config(p->model, &m->config, err);
    if (!st)
        st = zo_tokenizer_open(m->path, mem, &m->tokenizer, err);
    if (!st)
        st = bench_model_check_vocabulary(m->tokenizer, &m->config, m->path, err);
    if (!st)
        st = *p->adapter
                 ? zo_adapter_file_load(p->adapter, &m->config, p->peft == ZO_PEFT_LORA, mem, &m->lora, err)
                 : bench_new_adapter(p, &m->config, mem, &m->lora, err);
    return st;
}

static zo_status run(const bench_params *p, const choice *c, zo_error *err)
{
    zo_mem mem = {0};
    bench_model m;
    zo_dataset *d = NULL;
    bench_numerics b = {.p = p,
                        .batches = p->numerics ? (int32_t)p->numerics : BATCHES,
                        .mem = &mem,
                        .progress = isatty(STDERR_FILENO) ? progress : NULL};
    if (p->method == ZO_METHOD_ZERO_SHOT)
        return zo_fail(err, ZO_ERR_INVALID, "method zero-shot has no projected gradients");
    if (p->peft == ZO_PEFT_FULL)
        return zo_fail(err, ZO_ERR_UNSUPPORTED, "peft full: rounding is measured with an adapter");
    zo_status st = open_without_weights(p, &mem, &m, err);
    if (!st)
        st = bench_rows_split(p, ZO_SPLIT_TRAIN, m.tokenizer, &mem, &d, err);
    if (!st) {
        b.path = m.path;
        b.lora = m.lora;
        b.train = d;
        b.pad = bench_model_pad(&m);
        st = measure(&b, c, err);
    }
    bench_numerics_deinit(&b);
    zo_dataset_free(d);
    bench_model_close(&m);
    return st;
}

/* Is key among the arguments "key=value"? */
static bool given(char **argv, int n, const char *key)
{
    size_t length = strlen(key);
    for (int i = 0; i < n; i++)
        if (strncmp(argv[i], key, length) == 0 && argv[i][length] == '=')
            return true;
    return false;
}

int bench_cmd_numerics(int argc, char **argv)
{
    choice c = {.json = false};
    const bench_flag flags[] = {{.name = "json", .set = &c.json, .help = "one JSON object per line"}, {0}};
    int code = bench_flags(argc, argv, flags, 0, argc, usage);
    if (code >= 0)
        return code;
    bench_params p;
    zo_error err = {0};
    if (!bench_arguments(&p, argv + optind, argc - optind, &err)) {
        c.weights = given(argv + optind, argc - optind, "weights") ? 1u << p.weights : ~0u;
        c.computes = given(argv + optind, argc - optind, "compute") ? 1u << p.compute : ~0u;
        (void)run(&p, &c, &err);
    }
    return bench_command_end("numerics", &err, BENCH_EXIT_OK);
}
