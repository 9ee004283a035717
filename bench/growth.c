/* See growth.h. */
#include "bench/growth.h"

#include <math.h>
#include <stdlib.h>

#include "bench/stats.h"

enum { LEAST_SAMPLES = 8 };

static int64_t step_of(const json_t *curve, size_t i)
{
    return json_integer_value(json_array_get(json_array_get(curve, i), 0));
}

static int64_t stride_at(int64_t step)
{
    int64_t stride = 1;
    while (step / stride >= BENCH_GROWTH_MOST)
        stride *= 2;
    return stride;
}

void bench_growth_sample(json_t *curve, int64_t step, int64_t bytes)
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

static const char *verdict(const bench_slope *s, double steps, double mean)
{
    const double change = s->slope * steps, least = fmax(1048576, 0.005 * mean);
    if (s->interval.low > 0 && change > least)
        return "grows";
    return s->interval.high < 0 && -change > least ? "shrinks" : "steady";
}

json_t *bench_growth_judge(const json_t *curve, int64_t from)
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
        out = json_pack("{s:f, s:[f, f], s:I, s:s}", "slope_bytes_per_step", s.slope, "ci", s.interval.low,
                        s.interval.high, "steps", (json_int_t)steps, "verdict",
                        verdict(&s, steps, bench_stats_mean(y, n)));
    }
    free(x);
    return out;
}
