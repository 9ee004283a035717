/* See metric.h. A new metric is a new row, and its name in bench_metric_names. */
#include "bench/record/metric.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define MIB (1.0 / (1024 * 1024))

static const bench_metric metrics[] = {
    {.name = "step_ns",
     .label = "step time",
     .help = "median wall time of a training step",
     .unit = "ns",
     .path = "time.median_ns",
     .interval_path = "time.ci_ns",
     .coverage_path = "time.ci_coverage",
     .pool = BENCH_POOL_RUNS,
     .better = BENCH_LOWER,
     .scale = 1e-6,
     .shown_unit = "ms",
     .decimals = -4},
    {.name = "tokens_per_s",
     .label = "throughput",
     .help = "tokens that pass through the forward passes of a step, all replicas, per second",
     .unit = "tokens/s",
     .path = "time.tokens_per_s",
     .pool = BENCH_POOL_RUNS,
     .better = BENCH_HIGHER,
     .scale = 1,
     .shown_unit = "tokens/s",
     .decimals = -4},
    {.name = "peak_rss_bytes",
     .label = "peak memory",
     .help = "largest resident set of the process (VmHWM), loading included",
     .unit = "bytes",
     .path = "memory.peak_rss_bytes",
     .pool = BENCH_POOL_RUNS,
     .better = BENCH_LOWER,
     .scale = MIB,
     .shown_unit = "MiB",
     .decimals = -4},
    {.name = "accuracy",
     .label = "accuracy",
     .help = "share of right answers after the last step",
     .unit = "",
     .path = "accuracy.value",
     .stderr_path = "accuracy.stderr",
     .pool = BENCH_POOL_SEEDS,
     .better = BENCH_HIGHER,
     .scale = 100,
     .shown_unit = "%",
     .decimals = 1},
    {.name = "accuracy_initial",
     .label = "accuracy before training",
     .help = "share of right answers before the first step",
     .unit = "",
     .path = "accuracy.initial",
     .stderr_path = "accuracy.initial_stderr",
     .pool = BENCH_POOL_SEEDS,
     .better = BENCH_HIGHER,
     .scale = 100,
     .shown_unit = "%",
     .decimals = 1},
    {.name = "accuracy_best",
     .label = "best accuracy",
     .help = "largest share of right answers over all evaluations: biased upwards, for comparison with "
             "papers that report it",
     .unit = "",
     .path = "accuracy.best",
     .pool = BENCH_POOL_SEEDS,
     .better = BENCH_HIGHER,
     .scale = 100,
     .shown_unit = "%",
     .decimals = 1},
    {.name = "loss",
     .label = "training loss",
     .help = "mean training loss over the last tenth of the steps (at least one)",
     .unit = "",
     .path = "loss.curve",
     .take = BENCH_TAKE_TAIL_MEAN,
     .pool = BENCH_POOL_SEEDS,
     .better = BENCH_LOWER,
     .scale = 1,
     .shown_unit = "",
     .decimals = -4},
    {.name = "eval_loss",
     .label = "evaluation loss",
     .help = "mean loss over the evaluation examples after the last step",
     .unit = "",
     .path = "loss.eval_curve",
     .take = BENCH_TAKE_LAST,
     .pool = BENCH_POOL_SEEDS,
     .better = BENCH_LOWER,
     .scale = 1,
     .shown_unit = "",
     .decimals = -4},
    {.name = "flops_per_s",
     .label = "arithmetic rate",
     .help = "floating-point operations that a step needs (counted from shapes) per second of step time",
     .unit = "flop/s",
     .path = "roofline.achieved_flops_per_s",
     .pool = BENCH_POOL_RUNS,
     .better = BENCH_HIGHER,
     .scale = 1e-9,
     .shown_unit = "Gflop/s",
     .decimals = -4},
    {.name = "predicted_step_ns",
     .label = "predicted step time",
     .help = "time of a training step by the roofline of this machine: what it could be at best",
     .unit = "ns",
     .path = "roofline.predicted_step_ns",
     .pool = BENCH_POOL_RUNS,
     .better = BENCH_LOWER,
     .scale = 1e-6,
     .shown_unit = "ms",
     .decimals = -4},
    {.name = "of_roofline",
     .label = "share of the roofline",
     .help = "predicted over measured step time",
     .unit = "",
     .path = "roofline.of_roofline",
     .pool = BENCH_POOL_RUNS,
     .better = BENCH_HIGHER,
     .scale = 100,
     .shown_unit = "%",
     .decimals = 1},
    {.name = "of_peak",
     .label = "share of the arithmetic peak",
     .help = "what a step's operations would take at the measured peak, over step time",
     .unit = "",
     .path = "roofline.of_peak",
     .pool = BENCH_POOL_RUNS,
     .better = BENCH_HIGHER,
     .scale = 100,
     .shown_unit = "%",
     .decimals = 1},
    {.name = "of_bandwidth",
     .label = "share of the memory bandwidth",
     .help = "what a step's bytes (counted from shapes) would take at the measured bandwidth, over step time",
     .unit = "",
     .path = "roofline.of_bandwidth",
     .pool = BENCH_POOL_RUNS,
     .better = BENCH_HIGHER,
     .scale = 100,
     .shown_unit = "%",
     .decimals = 1},
    {.name = "small_of_step",
     .label = "share of the small operators",
     .help = "attention, norms, RoPE, embedding and softmax-loss of a step's time (SwiGLU is part of the "
             "products)",
     .unit = "",
     .path = "time.small_of_step",
     .pool = BENCH_POOL_RUNS,
     .better = BENCH_LOWER,
     .scale = 100,
     .shown_unit = "%",
     .decimals = 1},
    {.name = "snr",
     .label = "signal to noise of projected gradients",
     .help = "exact projected gradients over what rounding adds to them, both rms; needs numerics > 0",
     .unit = "",
     .path = "numerics.precision.snr",
     .pool = BENCH_POOL_SEEDS,
     .better = BENCH_HIGHER,
     .scale = 1,
     .shown_unit = "",
     .decimals = -3},
    {.name = "gradient_correlation",
     .label = "correlation with f32's projected gradients",
     .help =
         "of exact projected gradients for the weights as decoded and for f32 weights; needs numerics > 0",
     .unit = "",
     .path = "numerics.precision.correlation",
     .pool = BENCH_POOL_SEEDS,
     .better = BENCH_HIGHER,
     .scale = 1,
     .shown_unit = "",
     .decimals = 4},
    {.name = "logit_change",
     .label = "change of logits",
     .help = "rms of the change against f32; needs numerics > 0",
     .unit = "",
     .path = "numerics.precision.logit_change_rms",
     .pool = BENCH_POOL_SEEDS,
     .better = BENCH_LOWER,
     .scale = 1,
     .shown_unit = "",
     .decimals = -3},
    {.name = "loss_change",
     .label = "change of the loss",
     .help = "of the mean loss against f32; needs numerics > 0",
     .unit = "",
     .path = "numerics.precision.loss_change",
     .pool = BENCH_POOL_SEEDS,
     .better = BENCH_LOWER,
     .scale = 1,
     .shown_unit = "",
     .decimals = -3},
    {.name = "load_ns",
     .label = "load time",
     .help = "wall time from opening the model to being ready for the first step",
     .unit = "ns",
     .path = "time.load_ns",
     .pool = BENCH_POOL_RUNS,
     .better = BENCH_LOWER,
     .scale = 1e-6,
     .shown_unit = "ms",
     .decimals = -4},
    {.name = "cycles_per_step",
     .label = "clock cycles",
     .help = "cycles of a step in user space, of all threads, by the processor's counters",
     .unit = "",
     .path = "counters.cycles_per_step",
     .pool = BENCH_POOL_RUNS,
     .better = BENCH_LOWER,
     .scale = 1e-6,
     .shown_unit = "10^6",
     .decimals = -4},
    {.name = "instructions_per_step",
     .label = "instructions",
     .help = "instructions of a step in user space, of all threads, by the processor's counters",
     .unit = "",
     .path = "counters.instructions_per_step",
     .pool = BENCH_POOL_RUNS,
     .better = BENCH_LOWER,
     .scale = 1e-6,
     .shown_unit = "10^6",
     .decimals = -4},
    {.name = "llc_misses_per_step",
     .label = "last-level cache misses",
     .help = "of a step, by the processor's counters",
     .unit = "",
     .path = "counters.llc_misses_per_step",
     .pool = BENCH_POOL_RUNS,
     .better = BENCH_LOWER,
     .scale = 1e-6,
     .shown_unit = "10^6",
     .decimals = -4},
    {.name = "fp_ops_per_step",
     .label = "counted floating-point operations",
     .help = "of a step, by the processor's counters, not by formula",
     .unit = "",
     .path = "counters.fp_ops_per_step",
     .pool = BENCH_POOL_RUNS,
     .better = BENCH_LOWER,
     .scale = 1e-9,
     .shown_unit = "10^9",
     .decimals = -4},
    {.name = "energy_j_per_step",
     .label = "energy",
     .help = "of all processor packages over a step, by their counters",
     .unit = "J",
     .path = "counters.energy_j_per_step",
     .pool = BENCH_POOL_RUNS,
     .better = BENCH_LOWER,
     .scale = 1,
     .shown_unit = "J",
     .decimals = -4},
    {.name = "counted_fp_ops_per_s",
     .label = "counted arithmetic rate",
     .help = "counted floating-point operations of a step over the median step time",
     .unit = "op/s",
     .path = "roofline.counted_fp_ops_per_s",
     .pool = BENCH_POOL_RUNS,
     .better = BENCH_HIGHER,
     .scale = 1e-9,
     .shown_unit = "Gop/s",
     .decimals = -4},
    {.name = "counted_bytes_per_s",
     .label = "counted memory traffic",
     .help = "last-level misses of a step, 64 bytes each, over the median step time",
     .unit = "byte/s",
     .path = "roofline.counted_bytes_per_s",
     .pool = BENCH_POOL_RUNS,
     .better = BENCH_LOWER,
     .scale = 1e-9,
     .shown_unit = "GB/s",
     .decimals = -4},
};

#define METRICS (sizeof metrics / sizeof *metrics)

const bench_metric *bench_metric_find(const char *name)
{
    for (size_t i = 0; i < METRICS; i++)
        if (strcmp(metrics[i].name, name) == 0)
            return &metrics[i];
    return NULL;
}

const char *const *bench_metric_names(void)
{
    /* A constant list, so that no state is filled in at run time; the test holds it against the table. */
    static const char *const names[METRICS + 1] = {
        "step_ns",
        "tokens_per_s",
        "peak_rss_bytes",
        "accuracy",
        "accuracy_initial",
        "accuracy_best",
        "loss",
        "eval_loss",
        "flops_per_s",
        "predicted_step_ns",
        "of_roofline",
        "of_peak",
        "of_bandwidth",
        "small_of_step",
        "snr",
        "gradient_correlation",
        "logit_change",
        "loss_change",
        "load_ns",
        "cycles_per_step",
        "instructions_per_step",
        "llc_misses_per_step",
        "fp_ops_per_step",
        "energy_j_per_step",
        "counted_fp_ops_per_s",
        "counted_bytes_per_s",
        NULL,
    };
    return names;
}

bool bench_metric_is_share(const bench_metric *m)
{
    return strcmp(m->shown_unit, "%") == 0;
}

json_t *bench_metric_at(const json_t *object, const char *path)
{
    const json_t *at = object;
    while (at && *path) {
        size_t n = strcspn(path, ".");
        char key[64];
        if (n >= sizeof key)
            return NULL;
        memcpy(key, path, n);
        key[n] = 0;
        at = json_object_get(at, key);
        path += n + (path[n] == '.');
    }
    return (json_t *)at;
}

static double number(const json_t *v)
{
    return json_is_number(v) ? json_number_value(v) : NAN;
}

double bench_metric_number_at(const json_t *object, const char *path)
{
    return number(bench_metric_at(object, path));
}

/* The mean of the values of the last `count` points of [[step, value], ...]; NaN where one of them is unknown. */
static double curve_mean(const json_t *curve, size_t count)
{
    size_t n = json_array_size(curve);
    double sum = 0;
    if (n == 0)
        return NAN;
    for (size_t i = n - count; i < n; i++)
        sum += number(json_array_get(json_array_get(curve, i), 1));
    return sum / (double)count;
}

double bench_metric_value(const bench_metric *m, const json_t *record)
{
    const json_t *at = bench_metric_at(record, m->path);
    size_t n = json_array_size(at);
    switch (m->take) {
    case BENCH_TAKE_LAST:
        return curve_mean(at, 1);
    case BENCH_TAKE_TAIL_MEAN:
        return curve_mean(at, n / 10 ? n / 10 : 1);
    case BENCH_TAKE_NUMBER:
        break;
    }
    return number(at);
}

bench_interval bench_metric_interval(const bench_metric *m, const json_t *record)
{
    const json_t *at = m->interval_path ? bench_metric_at(record, m->interval_path) : NULL;
    double coverage = m->coverage_path ? number(bench_metric_at(record, m->coverage_path)) : NAN;
    bench_interval i = {number(json_array_get(at, 0)), number(json_array_get(at, 1)),
                        isnan(coverage) ? 0.95 : coverage};
    return isnan(i.low) || isnan(i.high) || !(i.coverage > 0) ? bench_no_interval : i;
}

double bench_metric_stderr(const bench_metric *m, const json_t *record)
{
    return m->stderr_path ? number(bench_metric_at(record, m->stderr_path)) : NAN;
}

/* Decimals that show `value` with so many significant digits; none where it has more before the point. */
static int decimals_for(double value, int significant)
{
    double size = fabs(value);
    int before = size > 0 ? (int)floor(log10(size)) + 1 : 1;
    int decimals = significant - before;
    if (decimals > 0 && decimals < 15 && size * pow(10, decimals) >= pow(10, significant) - 0.5)
        decimals--; /* 9.9996 has four digits as 10.00 */
    return decimals < 0 ? 0 : decimals > 12 ? 12 : decimals;
}

void bench_metric_format_like(const bench_metric *m, double value, double like, char *out, size_t cap)
{
    if (!isfinite(value) || !isfinite(like))
        snprintf(out, cap, "-");
    else
        snprintf(out, cap, "%.*f",
                 m->decimals >= 0 ? m->decimals : decimals_for(like * m->scale, -m->decimals),
                 value * m->scale);
}

void bench_metric_format(const bench_metric *m, double value, char *out, size_t cap)
{
    bench_metric_format_like(m, value, value, out, cap);
}

void bench_metric_heading(const bench_metric *m, char *out, size_t cap)
{
    if (*m->shown_unit)
        snprintf(out, cap, "%s (%s)", m->label, m->shown_unit);
    else
        snprintf(out, cap, "%s", m->label);
}

void bench_metric_title(const bench_metric *m, const char *title, char *out, size_t cap)
{
    char heading[128];
    bench_metric_heading(m, heading, sizeof heading);
    if (*title && strcasestr(title, m->label))
        snprintf(out, cap, "%s%s", title, heading + strlen(m->label));
    else
        snprintf(out, cap, "%s%s%s", title, *title ? ": " : "", heading);
    if (!*title)
        out[0] = (char)toupper((unsigned char)out[0]);
}
