/* See predict.h. */
#include "bench/cell/predict.h"

#include "core/train/trainer.h"

/* Means over the training rows, of a batch of B that a forward of one replica runs. */
static zo_cost_rows mean_rows(const zo_dataset *d, int64_t seq_len, int64_t batch)
{
    zo_cost_rows m = {0};
    const double share = (double)batch / d->count;
    for (int32_t i = 0; i < d->count; i++) {
        const zo_sequence *x = &d->examples[i].choice[d->examples[i].label];
        m.rows += share * (seq_len ? zo_batch_padded((int32_t)seq_len) : x->n);
        m.squares += share * x->n * x->n;
        m.labels += share * x->n_labels;
    }
    return m;
}

static double evaluation_flops(const zo_config *c, const zo_lora_options *lora, const zo_dataset *d)
{
    bool by_class = zo_task_metric(d->task) == ZO_METRIC_CLASS;
    double flops = 0;
    for (int32_t i = 0; i < d->count; i++)
        for (int32_t k = 0; k < (by_class ? 1 : d->examples[i].choices); k++) {
            const zo_sequence *x = &d->examples[i].choice[k];
            double n = by_class ? x->n - x->n_labels + 1 : x->n;
            zo_cost_rows each = {n, n * n, by_class ? 1 : x->n_labels};
            flops += zo_cost_forward_flops(c, lora, each);
        }
    return flops;
}

double bench_predict_seconds(const bench_params *p, const zo_config *c, const zo_dataset *train,
                             const zo_dataset *eval, const bench_roof *roof)
{
    zo_lora_options options = bench_params_lora(p), *lora = bench_params_adapts(p) ? &options : NULL;
    double seconds = 0;
    if (bench_params_trains(p)) {
        bench_roofline r;
        bench_roofline_predict(p, c, mean_rows(train, p->seq_len, p->batch), roof, &r);
        seconds += 1e-9 * r.step_ns * (double)p->steps;
    }
    if (bench_params_evaluates(p))
        seconds += (double)bench_params_evaluations(p) * evaluation_flops(c, lora, eval) /
                   roof->flops_per_s[p->compute];
    return seconds;
}
