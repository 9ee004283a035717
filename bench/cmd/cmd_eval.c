/* zobench eval: accuracy of a model on a task, zero-shot or with an adapter. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "bench/manifest/argument.h"
#include "bench/cmd/commands.h"
#include "bench/base/exit.h"
#include "bench/cmd/flags.h"
#include "bench/backend/model.h"
#include "bench/backend/rows.h"

static void usage(FILE *to)
{
    fputs("usage: zobench eval [OPTIONS] [KEY=VALUE ...]\n"
          "\n"
          "Accuracy on the validation rows of a task. Keys are those of manifests (zobench help options), "
          "chiefly:\n"
          "  model=smollm2-135m task=sst2 data=DIR eval_rows=1000 max_tokens=512 adapter=DIR\n",
          to);
}

static void progress(void *self, int32_t done, int32_t count)
{
    (void)self;
    fprintf(stderr, "\r%d of %d sequences%s", done, count, done == count ? "\n" : "");
}

static void print(const bench_params *p, const zo_dataset *d, const zo_evaluation *e, bool json)
{
    if (json) {
        json_t *error = isnan(e->stderr_) ? json_null() : json_real(e->stderr_); /* one row has none */
        json_t *o =
            json_pack("{s:s, s:s, s:s, s:f, s:o, s:I, s:I, s:f}", "model", p->model, "task", p->task,
                      "metric", zo_metric_name(zo_task_metric(d->task)), "accuracy", e->accuracy, "stderr",
                      error, "right", (json_int_t)e->right, "n", (json_int_t)e->n, "loss", e->loss);
        bench_command_print(o, 0);
        return;
    }
    printf("%s on %s%s%s: %.2f%%", p->model, p->task, p->adapter[0] ? " with " : "", p->adapter,
           100 * e->accuracy);
    if (!isnan(e->stderr_))
        printf(" +- %.2f%%", 100 * e->stderr_);
    printf(" (%lld of %lld), loss %.4f\n", (long long)e->right, (long long)e->n, e->loss);
}

static zo_status evaluate(const bench_params *p, zo_split split, bool json, zo_error *err)
{
    zo_mem mem = {0};
    bench_model m;
    zo_dataset *d = NULL;
    zo_evaluation e;
    zo_status st = bench_model_open(p->model, (zo_precision)p->weights, p->adapter, ZO_PEFT_LORA_FA,
                                    (int32_t)bench_params_longest(p), &mem, &m, err);
    if (st)
        return st;
    st = bench_rows_split(p, split, m.tokenizer, &mem, &d, err);
    if (!st)
        st = zo_evaluate(m.llama, m.lora, d, bench_model_pad(&m), (zo_compute)p->compute, &mem,
                         isatty(STDERR_FILENO) ? progress : NULL, NULL, NULL, &e, err);
    if (!st && d->skipped)
        fprintf(stderr, "zobench eval: %d lines of %s lack columns and were left out\n", d->skipped, d->path);
    if (!st)
        print(p, d, &e, json);
    zo_dataset_free(d);
    bench_model_close(&m);
    return st;
}

int bench_cmd_eval(int argc, char **argv)
{
    bool train = false, json = false;
    const bench_flag flags[] = {{.name = "train", .set = &train, .help = "the training rows instead"},
                                {.name = "json", .set = &json, .help = "one JSON object"},
                                {0}};
    int code = bench_flags(argc, argv, flags, 0, argc, usage);
    if (code >= 0)
        return code;
    bench_params p;
    zo_error err = {0};
    if (!bench_arguments(&p, argv + optind, argc - optind, &err))
        (void)evaluate(&p, train ? ZO_SPLIT_TRAIN : ZO_SPLIT_VALIDATION, json, &err);
    return bench_command_end("eval", &err, BENCH_EXIT_OK);
}
