/* See counter.h. */
#include "bench/machine/counter.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bench/record/record.h"

static const struct {
    const char *name, *key;
} counts[BENCH_COUNTS] = {
    [BENCH_COUNT_CYCLES] = {"cycles", "cycles_per_step"},
    [BENCH_COUNT_INSTRUCTIONS] = {"instructions", "instructions_per_step"},
    [BENCH_COUNT_LLC_MISSES] = {"llc_misses", "llc_misses_per_step"},
    [BENCH_COUNT_FP_OPS] = {"fp_ops", "fp_ops_per_step"},
    [BENCH_COUNT_ENERGY] = {"energy", "energy_j_per_step"},
};

struct bench_counter {
    bench_counter_source *source;
    double before[BENCH_COUNTS], step[BENCH_COUNTS], sum[BENCH_COUNTS];
    int64_t steps;
};

bench_counter *bench_counter_open(bench_counter_source *source)
{
    bench_counter *c = source ? calloc(1, sizeof *c) : NULL;
    if (c)
        c->source = source;
    else if (source)
        source->close(source);
    return c;
}

void bench_counter_close(bench_counter *c)
{
    if (!c)
        return;
    c->source->close(c->source);
    free(c);
}

void bench_counter_start(bench_counter *c)
{
    if (c)
        c->source->read(c->source, c->before);
}

void bench_counter_stop(bench_counter *c)
{
    double after[BENCH_COUNTS] = {0};
    if (!c)
        return;
    c->source->read(c->source, after);
    for (int i = 0; i < BENCH_COUNTS; i++)
        c->step[i] = after[i] - c->before[i];
    /* a step without a cycle: others hold the counters, and PAPI repeats the values of its last reading */
    if (c->source->there[BENCH_COUNT_CYCLES] && !(c->step[BENCH_COUNT_CYCLES] > 0))
        for (int i = 0; i < BENCH_COUNT_ENERGY; i++)
            c->step[i] = NAN;
}

void bench_counter_keep(bench_counter *c)
{
    if (!c)
        return;
    for (int i = 0; i < BENCH_COUNTS; i++)
        c->sum[i] += c->step[i];
    c->steps++;
}

/* The names of what is there, and why the rest is not. */
static json_t *describe(const bench_counter_source *s, bool reasons)
{
    json_t *o = json_object();
    for (int i = 0; i < BENCH_COUNTS; i++)
        if (s->there[i])
            json_object_set_new(o, counts[i].name, json_string(s->text[i]));
        else if (reasons)
            bench_record_unknown(o, counts[i].name, s->text[i]);
    if (*s->library)
        json_object_set_new(o, "library", json_string(s->library));
    if (s->scaled)
        json_object_set_new(o, "scaled", json_true());
    return o;
}

void bench_counter_put(const bench_counter *c, json_t *object)
{
    if (!c || !c->steps) {
        bench_record_unknown(object, "counters",
                             c ? "no step was timed after the warm-up" : "no step was run");
        return;
    }
    const bench_counter_source *s = c->source;
    json_t *o = json_pack("{s:I}", "steps", (json_int_t)c->steps);
    for (int i = 0; i < BENCH_COUNTS; i++) {
        const bool known = s->there[i] && isfinite(c->sum[i]);
        bench_record_set(o, counts[i].key, known ? json_real(c->sum[i] / (double)c->steps) : NULL,
                         s->there[i] ? "it could not be read at every step" : s->text[i]);
    }
    json_object_set_new(o, "source", describe(s, false));
    json_object_set_new(object, "counters", o);
}

json_t *bench_counter_describe(bench_counter_source *source)
{
    if (!source)
        return json_object();
    json_t *o = describe(source, true);
    source->close(source);
    return o;
}
