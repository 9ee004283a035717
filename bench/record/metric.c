/* See metric.h. A new metric is a new row. */
#include "bench/record/metric.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Quantities: recorded unit, how it is shown, digits. */
#define MILLISECONDS      .unit = "ns", .scale = 1e-6, .shown_unit = "ms", .decimals = -4
#define MEBIBYTES         .unit = "bytes", .scale = 1.0 / (1024 * 1024), .shown_unit = "MiB", .decimals = -4
#define TOKENS_PER_SECOND .unit = "tokens/s", .scale = 1, .shown_unit = "tokens/s", .decimals = -4
#define GIGAFLOPS         .unit = "flop/s", .scale = 1e-9, .shown_unit = "Gflop/s", .decimals = -4
#define MILLIONS          .unit = "", .scale = 1e-6, .shown_unit = "10^6", .decimals = -4
#define PERCENT           .unit = "", .scale = 100, .shown_unit = "%", .decimals = 1
#define NUMBER(digits)    .unit = "", .scale = 1, .shown_unit = "", .decimals = (digits)

/* Name, label, help, path, pool, what is better, quantity and what else a row may have. */
#define METRICS(METRIC)                                                                                      \
    METRIC(step_ns, "step time", "median wall time of a training step", "time.median_ns", RUNS, LOWER,       \
           MILLISECONDS, .interval_path = "time.ci_ns", .coverage_path = "time.ci_coverage")                 \
    METRIC(tokens_per_s, "throughput",                                                                       \
           "tokens that pass through the forward passes of a step, all replicas, per second",                \
           "time.tokens_per_s", RUNS, HIGHER, TOKENS_PER_SECOND)                                             \
    METRIC(peak_rss_bytes, "peak memory", "largest resident set of the process (VmHWM), loading included",   \
           "memory.peak_rss_bytes", RUNS, LOWER, MEBIBYTES)                                                  \
    METRIC(accuracy, "accuracy", "share of right answers after the last step", "accuracy.value", SEEDS,      \
           HIGHER, PERCENT, .stderr_path = "accuracy.stderr")                                                \
    METRIC(accuracy_initial, "accuracy before training", "share of right answers before the first step",     \
           "accuracy.initial", SEEDS, HIGHER, PERCENT, .stderr_path = "accuracy.initial_stderr")             \
    METRIC(accuracy_best, "best accuracy",                                                                   \
           "largest share of right answers over all evaluations: biased upwards, for comparison with "       \
           "papers that report it",                                                                          \
           "accuracy.best", SEEDS, HIGHER, PERCENT)                                                          \
    METRIC(loss, "training loss", "mean training loss over the last tenth of the steps (at least one)",      \
           "loss.curve", SEEDS, LOWER, NUMBER(-4), .take = BENCH_TAKE_TAIL_MEAN)                             \
    METRIC(eval_loss, "evaluation loss", "mean loss over the evaluation examples after the last step",       \
           "loss.eval_curve", SEEDS, LOWER, NUMBER(-4), .take = BENCH_TAKE_LAST)                             \
    METRIC(flops_per_s, "arithmetic rate",                                                                   \
           "floating-point operations that a step needs (counted from shapes) per second of step time",      \
           "roofline.achieved_flops_per_s", RUNS, HIGHER, GIGAFLOPS)                                         \
    METRIC(predicted_step_ns, "predicted step time",                                                         \
           "time of a training step by the roofline of this machine: what it could be at best",              \
           "roofline.predicted_step_ns", RUNS, LOWER, MILLISECONDS)                                          \
    METRIC(of_roofline, "share of the roofline", "predicted over measured step time",                        \
           "roofline.of_roofline", RUNS, HIGHER, PERCENT)                                                    \
    METRIC(of_peak, "share of the arithmetic peak",                                                          \
           "what a step's operations would take at the measured peak, over step time", "roofline.of_peak",   \
           RUNS, HIGHER, PERCENT)                                                                            \
    METRIC(of_bandwidth, "share of the memory bandwidth",                                                    \
           "what a step's bytes (counted from shapes) would take at the measured bandwidth, over step time", \
           "roofline.of_bandwidth", RUNS, HIGHER, PERCENT)                                                   \
    METRIC(small_of_step, "share of the small operators",                                                    \
           "attention, norms, RoPE, embedding and softmax-loss of a step's time (SwiGLU is part of the "     \
           "products)",                                                                                      \
           "time.small_of_step", RUNS, LOWER, PERCENT)                                                       \
    METRIC(snr, "signal to noise of projected gradients",                                                    \
           "exact projected gradients over what rounding adds to them, both rms; needs numerics > 0",        \
           "numerics.precision.snr", SEEDS, HIGHER, NUMBER(-3))                                              \
    METRIC(                                                                                                  \
        gradient_correlation, "correlation with f32's projected gradients",                                  \
        "of exact projected gradients for the weights as decoded and for f32 weights; needs numerics > 0",   \
        "numerics.precision.correlation", SEEDS, HIGHER, NUMBER(4))                                          \
    METRIC(logit_change, "change of logits", "rms of the change against f32; needs numerics > 0",            \
           "numerics.precision.logit_change_rms", SEEDS, LOWER, NUMBER(-3))                                  \
    METRIC(loss_change, "change of the loss", "of the mean loss against f32; needs numerics > 0",            \
           "numerics.precision.loss_change", SEEDS, LOWER, NUMBER(-3))                                       \
    METRIC(load_ns, "load time", "wall time from opening the model to being ready for the first step",       \
           "time.load_ns", RUNS, LOWER, MILLISECONDS)                                                        \
    METRIC(cycles_per_step, "clock cycles",                                                                  \
           "cycles of a step in user space, of all threads, by the processor's counters",                    \
           "counters.cycles_per_step", RUNS, LOWER, MILLIONS)                                                \
    METRIC(instructions_per_step, "instructions",                                                            \
           "instructions of a step in user space, of all threads, by the processor's counters",              \
           "counters.instructions_per_step", RUNS, LOWER, MILLIONS)                                          \
    METRIC(llc_misses_per_step, "last-level cache misses", "of a step, by the processor's counters",         \
           "counters.llc_misses_per_step", RUNS, LOWER, MILLIONS)                                            \
    METRIC(fp_ops_per_step, "counted floating-point operations",                                             \
           "of a step, by the processor's counters, not by formula", "counters.fp_ops_per_step", RUNS,       \
           LOWER, .unit = "", .scale = 1e-9, .shown_unit = "10^9", .decimals = -4)                           \
    METRIC(energy_j_per_step, "energy", "of all processor packages over a step, by their counters",          \
           "counters.energy_j_per_step", RUNS, LOWER, .unit = "J", .scale = 1, .shown_unit = "J",            \
           .decimals = -4)                                                                                   \
    METRIC(counted_fp_ops_per_s, "counted arithmetic rate",                                                  \
           "counted floating-point operations of a step over the median step time",                          \
           "roofline.counted_fp_ops_per_s", RUNS, HIGHER, .unit = "op/s", .scale = 1e-9,                     \
           .shown_unit = "Gop/s", .decimals = -4)                                                            \
    METRIC(counted_bytes_per_s, "counted memory traffic",                                                    \
           "last-level misses of a step, 64 bytes each, over the median step time",                          \
           "roofline.counted_bytes_per_s", RUNS, LOWER, .unit = "byte/s", .scale = 1e-9,                     \
           .shown_unit = "GB/s", .decimals = -4)

#define ROW(name_, label_, help_, path_, pool_, better_, ...)                                                \
    {.name = #name_,                                                                                         \
     .label = label_,                                                                                        \
     .help = help_,                                                                                          \
     .path = path_,                                                                                          \
     .pool = BENCH_POOL_##pool_,                                                                             \
     .better = BENCH_##better_,                                                                              \
     __VA_ARGS__},
#define NAME(name_, ...) #name_,

static const bench_metric metrics[] = {METRICS(ROW)};

const bench_metric *bench_metric_find(const char *name)
{
    for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++)
        if (strcmp(metrics[i].name, name) == 0)
            return &metrics[i];
    return NULL;
}

const char *const *bench_metric_names(void)
{
    static const char *const names[] = {METRICS(NAME) NULL};
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

json_int_t bench_metric_integer_at(const json_t *object, const char *path)
{
    return json_integer_value(bench_metric_at(object, path));
}

const char *bench_metric_text_at(const json_t *object, const char *path)
{
    const char *s = json_string_value(bench_metric_at(object, path));
    return s ? s : "";
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
    double coverage = m->coverage_path ? bench_metric_number_at(record, m->coverage_path) : NAN;
    bench_interval i = {number(json_array_get(at, 0)), number(json_array_get(at, 1)),
                        isnan(coverage) ? 0.95 : coverage};
    return isnan(i.low) || isnan(i.high) || !(i.coverage > 0) ? bench_no_interval : i;
}

double bench_metric_stderr(const bench_metric *m, const json_t *record)
{
    return m->stderr_path ? bench_metric_number_at(record, m->stderr_path) : NAN;
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
