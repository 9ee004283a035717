/* See schedule.h. */
#include "bench/launch/schedule.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/stats.h"
#include "bench/manifest/condition.h"
#include "bench/record/metric.h"
#include "bench/record/record.h"
#include "core/kernel/rng.h"

#define SHARD_BLOCK UINT32_MAX /* the draw that deals cells to shards */

/* ---- shards and order ---- */

const char *bench_order_name(bench_order order)
{
    static const char *const names[] = {[BENCH_ORDER_INTERLEAVE] = "interleave",
                                        [BENCH_ORDER_ROUND_ROBIN] = "round-robin",
                                        [BENCH_ORDER_SEQUENTIAL] = "sequential"};
    return names[order];
}

zo_status bench_shard_read(const char *text, bench_shard *out, zo_error *err)
{
    bench_shard s = {0};
    int end = 0;
    if (sscanf(text, "%d/%d%n", &s.part, &s.parts, &end) != 2 || text[end] || s.part < 1 || s.part > s.parts)
        return zo_fail(err, ZO_ERR_INVALID, "--shard %s: must be i/n, part i from 1 to n", text);
    *out = s;
    return ZO_OK;
}

/* A cell's random place in a block: a function of its id, not of what other cells there are. */
static uint64_t draw(const bench_manifest *m, const bench_cell *cell, uint32_t block)
{
    return zo_bits(zo_seed_for((uint64_t)m->measure.order_seed, "order"), strtoull(cell->id, NULL, 16),
                   block);
}

/* In how many others' favour a cell comes later, with equal draws in the manifest's order. */
static int32_t rank_in_manifest(const bench_manifest *m, int32_t cell)
{
    const uint64_t mine = draw(m, &m->cells[cell], SHARD_BLOCK);
    int32_t rank = 0;
    for (int32_t i = 0; i < m->cell_count; i++) {
        const uint64_t other = draw(m, &m->cells[i], SHARD_BLOCK);
        rank += other < mine || (other == mine && i < cell);
    }
    return rank;
}

static bool in_shard(const bench_manifest *m, int32_t cell, bench_shard s)
{
    return s.parts <= 1 || rank_in_manifest(m, cell) % s.parts == s.part - 1;
}

typedef struct drawn {
    uint64_t bits;
    int cell;
} drawn;

static int by_bits(const void *a, const void *b)
{
    const drawn *x = a, *y = b;
    return x->bits != y->bits ? (x->bits > y->bits) - (x->bits < y->bits)
                              : (x->cell > y->cell) - (x->cell < y->cell);
}

/* Leaves the manifest's order where memory is out. */
static void make_order(bench_schedule *s, int block)
{
    if (s->order_block == block)
        return;
    s->order_block = block;
    for (int i = 0; i < s->count; i++)
        s->order[i] = i;
    drawn *d = s->m->measure.order == BENCH_ORDER_INTERLEAVE ? calloc((size_t)s->count, sizeof *d) : NULL;
    for (int i = 0; d && i < s->count; i++)
        d[i] = (drawn){draw(s->m, s->cells[i].cell, (uint32_t)block), i};
    if (d)
        qsort(d, (size_t)s->count, sizeof *d, by_bits);
    for (int i = 0; d && i < s->count; i++)
        s->order[i] = d[i].cell;
    free(d);
}

/* ---- cells ---- */

static bool add_cell(bench_schedule *s, const bench_cell *cell)
{
    const size_t n = (size_t)s->max_runs;
    bench_scheduled *c = &s->cells[s->count];
    c->cell = cell;
    c->runs = calloc(n, sizeof *c->runs);
    c->median_ns = calloc(n, sizeof *c->median_ns);
    c->wall_ns = calloc(n, sizeof *c->wall_ns);
    s->count++;
    bench_manifest_label(s->m, &cell->params, c->label, sizeof c->label);
    return c->runs && c->median_ns && c->wall_ns;
}

zo_status bench_schedule_init(bench_schedule *s, const bench_manifest *m, const json_t *where,
                              bench_shard shard, zo_error *err)
{
    int32_t matching = 0;
    *s = (bench_schedule){.m = m, .max_runs = (int)m->measure.max_runs, .order_block = -1};
    s->cells = calloc((size_t)m->cell_count + 1, sizeof *s->cells);
    s->order = calloc((size_t)m->cell_count + 1, sizeof *s->order);
    s->scratch = calloc((size_t)s->max_runs, sizeof *s->scratch);
    bool ok = s->cells && s->order && s->scratch;
    for (int32_t i = 0; ok && i < m->cell_count; i++) {
        if (!bench_condition_match(&m->cells[i].params, where))
            continue;
        matching++;
        if (in_shard(m, i, shard))
            ok = add_cell(s, &m->cells[i]);
    }
    if (!ok)
        return zo_fail(err, ZO_ERR_MEMORY, "run %s: out of memory", m->name);
    return matching ? ZO_OK : zo_fail(err, ZO_ERR_INVALID, "run %s: no cell passes the filter", m->name);
}

void bench_schedule_deinit(bench_schedule *s)
{
    for (int i = 0; i < s->count; i++) {
        free(s->cells[i].runs);
        free(s->cells[i].median_ns);
        free(s->cells[i].wall_ns);
    }
    free(s->cells);
    free(s->order);
    free(s->scratch);
    *s = (bench_schedule){0};
}

bool bench_schedule_note(bench_schedule *s, const json_t *record)
{
    const char *id = json_string_value(json_object_get(record, "cell_id"));
    const json_int_t run = json_integer_value(json_object_get(record, "run"));
    if (!id || run < 0 || run >= s->max_runs)
        return false;
    for (int i = 0; i < s->count; i++) {
        bench_scheduled *c = &s->cells[i];
        if (strcmp(id, c->cell->id) != 0)
            continue;
        c->runs[run] = bench_record_ok(record) ? BENCH_RUN_OK : BENCH_RUN_FAILED;
        c->median_ns[run] = bench_metric_number_at(record, "time.median_ns");
        c->wall_ns[run] = bench_metric_number_at(record, "wall_ns");
        return true;
    }
    return false;
}

int bench_schedule_count(const bench_schedule *s, const bench_scheduled *c, bench_run_state state)
{
    int n = 0;
    for (int r = 0; r < s->max_runs; r++)
        n += c->runs[r] == state;
    return n;
}

/* ---- enough ---- */

/* What is known of the repetitions that are ok, into s->scratch. */
static size_t collect(const bench_schedule *s, const bench_scheduled *c, const double *values)
{
    size_t n = 0;
    for (int r = 0; r < s->max_runs; r++)
        if (c->runs[r] == BENCH_RUN_OK && !isnan(values[r]))
            s->scratch[n++] = values[r];
    return n;
}

/* Of the interval of the median step time, over the median; NaN where fewer samples than an interval of 95% needs. */
static double half_width(const bench_schedule *s, const bench_scheduled *c)
{
    const size_t n = collect(s, c, c->median_ns);
    const bench_interval i = bench_stats_median_interval(s->scratch, n, 0.95);
    return i.coverage >= 0.95 ? bench_stats_relative_half_width(bench_stats_median(s->scratch, n), i) : NAN;
}

/* Why the cell gets no further repetitions (bench_schedule_stopping); NULL: it does. */
static const char *decide(const bench_schedule *s, const bench_scheduled *c)
{
    const int ok = bench_schedule_count(s, c, BENCH_RUN_OK);
    if (bench_schedule_count(s, c, BENCH_RUN_FAILED))
        return "failed";
    if (ok < s->m->measure.min_runs)
        return NULL;
    if (s->m->measure.ci <= 0)
        return "enough";
    if (collect(s, c, c->median_ns) == 0)
        return "no time";
    if (half_width(s, c) <= s->m->measure.ci)
        return "narrow";
    return ok >= s->max_runs ? "max_runs" : NULL;
}

json_t *bench_schedule_stopping(const bench_schedule *s, const bench_scheduled *c)
{
    const double half = half_width(s, c), ci = s->m->measure.ci;
    const char *why = decide(s, c);
    json_t *o = json_pack("{s:s, s:i}", "decision", why ? why : "go on", "runs",
                          bench_schedule_count(s, c, BENCH_RUN_OK));
    json_object_set_new(o, "ci", ci > 0 ? json_real(ci) : json_null());
    json_object_set_new(o, "half_width", isnan(half) ? json_null() : json_real(half));
    if (isnan(half))
        json_object_set_new(o, "half_width_reason",
                            json_string("too few repetitions with a step time for 95%"));
    return o;
}

/* ---- next ---- */

bool bench_schedule_wants(const bench_schedule *s, const bench_scheduled *c, int run)
{
    if (c->runs[run] != BENCH_RUN_MISSING || bench_schedule_count(s, c, BENCH_RUN_FAILED))
        return false;
    return run < s->m->measure.min_runs || !decide(s, c);
}

static bool fits(const bench_schedule *s, const bench_scheduled *c, double left_s)
{
    const size_t n = collect(s, c, c->wall_ns);
    return n == 0 ? left_s > 0 : bench_stats_median(s->scratch, n) / 1e9 <= left_s;
}

/* The first cell, in the block's order, that wants this run and fits. */
static bool next_in_block(bench_schedule *s, int block, double left_s, bench_scheduled **c, int *position)
{
    bool any = false;
    for (int i = 0; i < s->count && !any; i++)
        any = bench_schedule_wants(s, &s->cells[i], block);
    if (!any)
        return false;
    make_order(s, block);
    for (int k = 0; k < s->count; k++) {
        *c = &s->cells[s->order[k]];
        *position = k;
        if (bench_schedule_wants(s, *c, block) && fits(s, *c, left_s))
            return true;
    }
    return false;
}

bool bench_schedule_next(bench_schedule *s, double left_s, bench_scheduled **c, int *run, int *position)
{
    if (s->m->measure.order != BENCH_ORDER_SEQUENTIAL) {
        for (*run = 0; *run < s->max_runs; ++*run)
            if (next_in_block(s, *run, left_s, c, position))
                return true;
        return false;
    }
    for (*position = 0; *position < s->count; ++*position) {
        *c = &s->cells[*position];
        for (*run = 0; *run < s->max_runs; ++*run)
            if (bench_schedule_wants(s, *c, *run) && fits(s, *c, left_s))
                return true;
    }
    return false;
}

int bench_schedule_left(const bench_schedule *s)
{
    int n = 0;
    for (int i = 0; i < s->count; i++)
        for (int r = 0; r < s->max_runs; r++)
            n += (r < s->m->measure.min_runs || r == bench_schedule_count(s, &s->cells[i], BENCH_RUN_OK)) &&
                 bench_schedule_wants(s, &s->cells[i], r);
    return n;
}
