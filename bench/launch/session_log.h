/* The log of sessions: one line per call of run in results/NAME/sessions.jsonl, saying why it ended and how far each cell came.
 *
 * { "schema": "zobench/session/1", "started": "2026-01-31T12:00:00Z", "ended": .., "why": "complete" | "budget" |
 *   "interrupted" | "failed", "error": null, "budget_s": null, "shard": null | "1/3", "order": "interleave", "order_seed": 1,
 *   "done": 12 (repetitions), "cells": [{"cell_id": .., "label": .., "decision": "narrow", "runs": 6, "ci": 0.02,
 *   "half_width": 0.011}] (schedule.h; a decision "go on" is one that `why` kept from being carried out) }
 */
#ifndef BENCH_SESSION_LOG_H
#define BENCH_SESSION_LOG_H

#include "bench/launch/schedule.h"
#include "core/base/error.h"

typedef struct bench_session_log {
    const char *started, *why;
    const char *error; /* NULL: none */
    double budget_s;   /* 0: none */
    bench_shard shard;
    int done;
} bench_session_log;

/* "interleave" */
const char *bench_order_name(bench_order order);

/* Fails: ZO_ERR_IO, ZO_ERR_MEMORY. */
zo_status bench_session_log_append(const char *path, const bench_session_log *session,
                                   const bench_schedule *s, zo_error *err);

#endif
