/* See session_log.h. */
#include "bench/launch/session_log.h"

#include "bench/base/clock.h"
#include "bench/record/record.h"

const char *bench_order_name(bench_order order)
{
    static const char *const names[] = {[BENCH_ORDER_INTERLEAVE] = "interleave",
                                        [BENCH_ORDER_ROUND_ROBIN] = "round-robin",
                                        [BENCH_ORDER_SEQUENTIAL] = "sequential"};
    return names[order];
}

zo_status bench_session_log_append(const char *path, const bench_session_log *session,
                                   const bench_schedule *s, zo_error *err)
{
    const bench_measure *m = &s->m->measure;
    char now[BENCH_CLOCK_UTC];
    bench_clock_utc(now);
    json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s?}", "schema", "zobench/session/1", "started",
                          session->started, "ended", now, "why", session->why, "error", session->error);
    json_t *cells = json_array();
    json_object_set_new(o, "budget_s", session->budget_s > 0 ? json_real(session->budget_s) : json_null());
    json_object_set_new(o, "shard",
                        session->shard.parts
                            ? json_sprintf("%d/%d", session->shard.part, session->shard.parts)
                            : json_null());
    json_object_set_new(o, "order", json_string(bench_order_name(m->order)));
    json_object_set_new(o, "order_seed", json_integer(m->order_seed));
    json_object_set_new(o, "done", json_integer(session->done));
    for (int i = 0; i < s->count; i++) {
        json_t *cell = json_pack("{s:s, s:s}", "cell_id", s->cells[i].cell->id, "label", s->cells[i].label);
        json_t *stopping = bench_schedule_stopping(s, &s->cells[i]);
        json_object_update(cell, stopping);
        json_decref(stopping);
        json_array_append_new(cells, cell);
    }
    json_object_set_new(o, "cells", cells);
    zo_status st = bench_record_append(path, o, err);
    json_decref(o);
    return st;
}
