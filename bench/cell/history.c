/* See history.h. */
#include "bench/cell/history.h"

#include <math.h>
#include <stdlib.h>

#include "bench/record/record.h"
#include "bench/base/stats.h"

/* The arrays and numbers that a checkpoint holds, under their names. */
static const struct {
    const char *name;
    size_t offset;
} arrays[] =
    {
        {"warmup_ns", offsetof(bench_history, warmup_ns)},
        {"step_ns", offsetof(bench_history, step_ns)},
        {"loss", offsetof(bench_history, loss)},
        {"evaluations", offsetof(bench_history, evaluations)},
        {"rss", offsetof(bench_history, rss)},
        {"resumed", offsetof(bench_history, resumed)},
},
  sums[] = {
      {"tokens", offsetof(bench_history, tokens)},
      {"real_tokens", offsetof(bench_history, real_tokens)},
      {"flops", offsetof(bench_history, flops)},
      {"rows", offsetof(bench_history, each.rows)},
      {"attended", offsetof(bench_history, each.squares)},
      {"labels", offsetof(bench_history, each.labels)},
      {"squares", offsetof(bench_history, squares)},
};

enum { ARRAYS = sizeof arrays / sizeof *arrays, SUMS = sizeof sums / sizeof *sums };

static json_t **array_at(const bench_history *h, int i)
{
    return (json_t **)((char *)h + arrays[i].offset);
}

static double *sum_at(const bench_history *h, int i)
{
    return (double *)((char *)h + sums[i].offset);
}

zo_status bench_history_init(bench_history *h, zo_error *err)
{
    *h = (bench_history){0};
    for (int i = 0; i < ARRAYS; i++)
        if (!(*array_at(h, i) = json_array()))
            return zo_fail(err, ZO_ERR_MEMORY, "keep samples: out of memory");
    return ZO_OK;
}

void bench_history_deinit(bench_history *h)
{
    for (int i = 0; i < ARRAYS; i++)
        json_decref(*array_at(h, i));
    *h = (bench_history){0};
}

/* ---- taking in ---- */

void bench_history_step(bench_history *h, const zo_step_report *r, int32_t queries, double flops, int64_t ns,
                        const int64_t phase_ns[ZO_PHASE_COUNT], bool warmup)
{
    json_array_append_new(h->loss, json_pack("[I, f]", (json_int_t)r->step, r->losses.mean));
    for (int32_t i = 0; i < queries; i++)
        h->squares += r->losses.projected[i] * r->losses.projected[i];
    h->square_count += queries;
    json_array_append_new(warmup ? h->warmup_ns : h->step_ns, json_integer(ns));
    if (warmup)
        return;
    for (int i = 0; i < ZO_PHASE_COUNT; i++)
        h->phase_ns[i] += phase_ns[i];
    h->tokens += (double)r->tokens;
    h->real_tokens += (double)r->real_tokens;
    h->flops += flops;
    h->each.rows += r->each.rows;
    h->each.squares += r->each.squares;
    h->each.labels += r->each.labels;
}

/* Four examples to a hex digit, the first at its highest bit (record.h). New reference. */
static json_t *pack_bits(const uint8_t *right, int64_t n)
{
    static const char digits[] = "0123456789abcdef";
    const size_t count = ((size_t)n + 3) / 4;
    char *text = right ? malloc(count + 1) : NULL;
    json_t *packed = NULL;
    for (size_t i = 0; text && i < count; i++) {
        int digit = 0;
        for (size_t k = 4 * i; k < 4 * i + 4; k++)
            digit = 2 * digit + (k < (size_t)n && right[k]);
        text[i] = digits[digit];
    }
    if (text)
        packed = json_stringn(text, count);
    free(text);
    return packed;
}

void bench_history_evaluation(bench_history *h, int64_t step, const zo_evaluation *e, const uint8_t *right,
                              int64_t ns)
{
    json_t *o = json_pack("{s:I, s:I, s:I, s:I}", "step", (json_int_t)step, "right", (json_int_t)e->right,
                          "n", (json_int_t)e->n, "ns", (json_int_t)ns);
    bench_record_real(o, "accuracy", e->accuracy);
    bench_record_real(o, "stderr", e->stderr_);
    bench_record_real(o, "loss", e->loss);
    bench_record_set(o, "bits", pack_bits(right, e->n), "not kept");
    json_array_append_new(h->evaluations, o);
}

/* ---- there and back ---- */

json_t *bench_history_to_json(const bench_history *h)
{
    json_t *o = json_object(), *phases = json_object();
    for (int i = 0; i < ARRAYS; i++)
        json_object_set(o, arrays[i].name, *array_at(h, i));
    for (int i = 0; i < SUMS; i++)
        json_object_set_new(o, sums[i].name, json_real(*sum_at(h, i)));
    for (int i = 0; i < ZO_PHASE_COUNT; i++)
        json_object_set_new(phases, zo_phase_name(i), json_integer(h->phase_ns[i]));
    json_object_set_new(o, "phase_ns", phases);
    json_object_set_new(o, "square_count", json_integer(h->square_count));
    return o;
}

zo_status bench_history_from_json(bench_history *h, const json_t *o, zo_error *err)
{
    const json_t *phases = json_object_get(o, "phase_ns"), *count = json_object_get(o, "square_count");
    for (int i = 0; i < ARRAYS; i++)
        if (!json_is_array(json_object_get(o, arrays[i].name)))
            return zo_fail(err, ZO_ERR_FORMAT, "samples: %s is no list", arrays[i].name);
    for (int i = 0; i < SUMS; i++)
        if (!json_is_number(json_object_get(o, sums[i].name)))
            return zo_fail(err, ZO_ERR_FORMAT, "samples: %s is no number", sums[i].name);
    for (int i = 0; i < ZO_PHASE_COUNT; i++)
        if (!json_is_integer(json_object_get(phases, zo_phase_name(i))))
            return zo_fail(err, ZO_ERR_FORMAT, "samples: phase_ns.%s is no number", zo_phase_name(i));
    if (!json_is_integer(count))
        return zo_fail(err, ZO_ERR_FORMAT, "samples: square_count is no number");
    for (int i = 0; i < ARRAYS; i++) {
        json_decref(*array_at(h, i));
        *array_at(h, i) = json_incref(json_object_get(o, arrays[i].name));
    }
    for (int i = 0; i < SUMS; i++)
        *sum_at(h, i) = json_number_value(json_object_get(o, sums[i].name));
    for (int i = 0; i < ZO_PHASE_COUNT; i++)
        h->phase_ns[i] = json_integer_value(json_object_get(phases, zo_phase_name(i)));
    h->square_count = json_integer_value(count);
    return ZO_OK;
}

/* ---- parts of a record ---- */

static const char no_steps[] = "no step was timed after the warm-up";

/* Of the latest `most` step times. */
static double median_ns(const bench_history *h, size_t most, bench_interval *interval)
{
    const size_t all = json_array_size(h->step_ns), n = all < most ? all : most;
    double *x = malloc((n + 1) * sizeof *x), median;
    *interval = bench_no_interval;
    if (!x)
        return NAN;
    for (size_t i = 0; i < n; i++)
        x[i] = (double)json_integer_value(json_array_get(h->step_ns, all - n + i));
    median = bench_stats_median(x, n);
    *interval = bench_stats_median_interval(x, n, 0.95);
    free(x);
    return median;
}

json_t *bench_history_recent(const bench_history *h)
{
    bench_interval i;
    const double median = median_ns(h, 501, &i);
    if (!(median > 0))
        return NULL;
    return i.coverage >= 0.95 ? json_pack("[f, f, f]", median, i.low, i.high) : json_pack("[f]", median);
}

/* object[key] = mean over the timed steps of a sum over them. */
static void set_mean(const bench_history *h, json_t *object, const char *key, double sum)
{
    double n = (double)json_array_size(h->step_ns);
    bench_record_set(object, key, n > 0 ? json_real(sum / n) : NULL, no_steps);
}

/* object[key] = the share of attention and the small operators in the timed steps. */
static void set_small(const bench_history *h, json_t *object, const char *key)
{
    int64_t all = 0;
    for (int p = 0; p < ZO_PHASE_COUNT; p++)
        all += h->phase_ns[p];
    const int64_t small =
        h->phase_ns[ZO_PHASE_ATTENTION] + h->phase_ns[ZO_PHASE_SMALL] + h->phase_ns[ZO_PHASE_LOSS];
    bench_record_set(object, key, all > 0 ? json_real((double)small / (double)all) : NULL, no_steps);
}

/* object[key] = that mean over the median time, per second. */
static void set_rate(const bench_history *h, json_t *object, const char *key, double sum)
{
    bench_interval interval;
    double n = (double)json_array_size(h->step_ns), median = median_ns(h, SIZE_MAX, &interval);
    bench_record_set(object, key, median > 0 ? json_real(sum / n / median * 1e9) : NULL, no_steps);
}

static json_t *copy_of(const json_t *array)
{
    return json_copy((json_t *)array);
}

json_t *bench_history_time(const bench_history *h, int64_t load_ns)
{
    bench_interval i;
    double median = median_ns(h, SIZE_MAX, &i);
    json_int_t eval_ns = 0;
    size_t at, n = json_array_size(h->evaluations);
    json_t *o = json_object(), *phases = json_object(), *evaluation;
    json_object_set_new(o, "step_ns", copy_of(h->step_ns));
    json_object_set_new(o, "warmup_ns", copy_of(h->warmup_ns));
    bench_record_set(o, "median_ns", json_real(median), no_steps);
    bench_record_set(o, "ci_ns", i.coverage > 0 ? json_pack("[f, f]", i.low, i.high) : NULL,
                     "fewer than two steps were timed");
    bench_record_set(o, "ci_coverage", i.coverage > 0 ? json_real(i.coverage) : NULL,
                     "fewer than two steps were timed");
    for (int p = 0; p < ZO_PHASE_COUNT; p++)
        set_mean(h, phases, zo_phase_name(p), (double)h->phase_ns[p]);
    if (json_array_size(h->step_ns))
        json_object_set(o, "phases_ns", phases);
    else
        bench_record_unknown(o, "phases_ns", no_steps);
    json_decref(phases);
    set_small(h, o, "small_of_step");
    set_rate(h, o, "tokens_per_s", h->real_tokens);
    set_mean(h, o, "tokens_per_step", h->real_tokens);
    set_mean(h, o, "padded_tokens_per_step", h->tokens);
    json_object_set_new(o, "load_ns", json_integer(load_ns));
    json_array_foreach(h->evaluations, at, evaluation) eval_ns +=
        json_integer_value(json_object_get(evaluation, "ns"));
    bench_record_set(o, "eval_ns", n ? json_integer(eval_ns) : NULL, "nothing was evaluated");
    if (json_array_size(h->resumed))
        json_object_set_new(o, "resumed_at", copy_of(h->resumed));
    return o;
}

json_t *bench_history_roofline(const bench_history *h)
{
    json_t *o = json_object();
    set_mean(h, o, "flops_per_step", h->flops);
    set_rate(h, o, "achieved_flops_per_s", h->flops);
    return o;
}

zo_cost_rows bench_history_rows(const bench_history *h)
{
    const double n = (double)json_array_size(h->step_ns); /* 0 / 0 is NaN */
    return (zo_cost_rows){h->each.rows / n, h->each.squares / n, h->each.labels / n};
}

double bench_history_median_ns(const bench_history *h)
{
    bench_interval interval;
    return json_array_size(h->step_ns) ? median_ns(h, SIZE_MAX, &interval) : NAN;
}

/* [[step, value of key], ...] */
static json_t *evaluation_curve(const bench_history *h, const char *key)
{
    size_t i;
    json_t *e, *curve = json_array();
    json_array_foreach(h->evaluations, i, e)
        json_array_append_new(curve,
                              json_pack("[O, O]", json_object_get(e, "step"), json_object_get(e, key)));
    return curve;
}

json_t *bench_history_loss(const bench_history *h)
{
    return json_pack("{s:o, s:o}", "curve", copy_of(h->loss), "eval_curve", evaluation_curve(h, "loss"));
}

json_t *bench_history_numerics(const bench_history *h)
{
    json_t *o = json_object();
    bench_record_set(o, "projected_gradient_rms",
                     h->square_count ? json_real(sqrt(h->squares / (double)h->square_count)) : NULL,
                     "no step was run");
    return o;
}

/* The evaluation after a step, or NULL. */
static const json_t *evaluation_at(const bench_history *h, int64_t step)
{
    size_t i;
    const json_t *e;
    json_array_foreach(h->evaluations, i, e)
    {
        if (json_integer_value(json_object_get(e, "step")) == step)
            return e;
    }
    return NULL;
}

static void set_evaluated(json_t *o, const char *key, const json_t *evaluation, const char *of)
{
    json_t *value = json_object_get(evaluation, of);
    if (json_is_number(value))
        json_object_set(o, key, value);
    else
        bench_record_unknown(o, key,
                             evaluation ? "not defined for so few examples" : "the cell did not come to it");
}

json_t *bench_history_accuracy(const bench_history *h, const zo_task *task, const char *name, int64_t last)
{
    const json_t *first = evaluation_at(h, 0), *end = evaluation_at(h, last), *e, *best = NULL;
    size_t i;
    json_array_foreach(h->evaluations, i, e)
    {
        if (!best || json_number_value(json_object_get(e, "accuracy")) >
                         json_number_value(json_object_get(best, "accuracy")))
            best = e;
    }
    if (!best)
        return NULL;
    json_t *o = json_pack("{s:s, s:s}", "task", name, "metric", zo_metric_name(zo_task_metric(task)));
    json_object_set_new(o, "chance", json_real(zo_task_chance(task)));
    set_evaluated(o, "value", end, "accuracy");
    set_evaluated(o, "initial", first, "accuracy");
    set_evaluated(o, "best", best, "accuracy");
    set_evaluated(o, "stderr", end, "stderr");
    set_evaluated(o, "initial_stderr", first, "stderr");
    set_evaluated(o, "n", best, "n");
    bench_record_set(o, "right",
                     json_is_string(json_object_get(end, "bits")) ? json_incref(json_object_get(end, "bits"))
                                                                  : NULL,
                     end ? "not kept" : "the cell did not come to it");
    json_object_set_new(o, "curve", evaluation_curve(h, "accuracy"));
    return o;
}
