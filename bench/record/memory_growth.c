/* See memory_growth.h. */
#include "bench/record/memory_growth.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "bench/base/stats.h"
#include "bench/record/metric.h"

enum { LEAST_SAMPLES = 8 };

static int64_t step_of(const json_t *curve, size_t i)
{
    return json_integer_value(json_array_get(json_array_get(curve, i), 0));
}

static int64_t stride_at(int64_t step)
{
    int64_t stride = 1;
    while (step / stride >= BENCH_MEMORY_GROWTH_MOST)
        stride *= 2;
    return stride;
}

void bench_memory_growth_sample(json_t *curve, int64_t step, int64_t bytes)
{
    const int64_t stride = stride_at(step);
    const size_t n = json_array_size(curve);
    if (step % stride != 0)
        return;
    if (n && stride_at(step_of(curve, n - 1)) != stride) /* it has just doubled */
        for (size_t i = n; i-- > 0;)
            if (step_of(curve, i) % stride != 0)
                json_array_remove(curve, i);
    json_array_append_new(curve, json_pack("[I, I]", (json_int_t)step, (json_int_t)bytes));
}

/* Do the medians of the four quarters of y (n) follow each other in the direction of slope, by a third of what it says? */
static bool goes_on(const double *y, size_t n, double slope, double steps)
{
    const double least = fabs(slope) * steps / 4 / 3;
    double last = NAN;
    for (size_t q = 0; q < 4; q++) {
        const size_t begin = q * n / 4, end = (q + 1) * n / 4;
        const double median = bench_stats_median(y + begin, end - begin);
        if (q && !((slope > 0 ? median - last : last - median) >= least))
            return false;
        last = median;
    }
    return true;
}

static const char *verdict(const bench_slope *s, const double *y, size_t n, double steps)
{
    const double change = fabs(s->slope) * steps, least = fmax(1048576, 0.005 * bench_stats_mean(y, n));
    if ((s->interval.low <= 0 && s->interval.high >= 0) || change <= least)
        return "steady";
    if (!goes_on(y, n, s->slope, steps))
        return "jumps";
    return s->slope > 0 ? "grows" : "shrinks";
}

json_t *bench_memory_growth_judge(const json_t *curve, int64_t from)
{
    const size_t all = json_array_size(curve);
    double *x = calloc(2 * all + 1, sizeof *x), *y = x + all;
    size_t n = 0;
    json_t *out = NULL;
    for (size_t i = 0; x && i < all; i++) {
        if (step_of(curve, i) < from)
            continue;
        x[n] = (double)step_of(curve, i);
        y[n++] = (double)json_integer_value(json_array_get(json_array_get(curve, i), 1));
    }
    if (n >= LEAST_SAMPLES) {
        const bench_slope s = bench_stats_slope(x, y, n, 0.95);
        const double steps = x[n - 1] - x[0];
        out = json_pack("{s:f, s:[f, f], s:I, s:f, s:s}", "slope_bytes_per_step", s.slope, "ci",
                        s.interval.low, s.interval.high, "steps", (json_int_t)steps, "change_bytes",
                        s.slope * steps, "verdict", verdict(&s, y, n, steps));
    }
    free(x);
    return out;
}

json_t *bench_memory_growth_of(const json_t *record)
{
    const json_t *resumed = bench_metric_at(record, "time.resumed_at");
    const size_t times = json_array_size(resumed);
    const int64_t start = times ? json_integer_value(json_array_get(resumed, times - 1)) : 0,
                  warmup = bench_metric_integer_at(record, "time.warmup.steps");
    return bench_memory_growth_judge(bench_metric_at(record, "memory.rss_curve"), start + warmup + 1);
}
