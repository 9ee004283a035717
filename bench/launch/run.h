/* Runs a manifest: every repetition of every cell in a fresh child, each outcome a record in results/NAME/cells.jsonl.
 *
 * Started again it does what is missing. A repetition is named by (cell_id, run), run from 0. It is done when its latest
 * record says ok; one with another status is done too unless `retry` is asked for, and no further repetitions of its
 * cell are tried. Which comes next and when there are enough: schedule.h.
 *
 * results/NAME also holds manifest.json (the manifest's bytes, so that a report needs nothing else), checkpoints/ and
 * adapters/ of cells (cell.h), .lock, which keeps a second run out, and sessions.jsonl: one line per call, saying why it ended
 * and how far each cell came:
 *
 * { "schema": "zobench/session/1", "started": "2026-01-31T12:00:00Z", "ended": .., "why": "complete" | "budget" |
 *   "interrupted" | "failed", "error": null, "budget_s": null, "shard": null | "1/3", "order": "interleave", "order_seed": 1,
 *   "done": 12 (repetitions), "cells": [{"cell_id": .., "label": .., "decision": "narrow", "runs": 6, "ci": 0.02,
 *   "half_width": 0.011}] (schedule.h; a decision "go on" is one that `why` kept from being carried out) }
 */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include "bench/manifest/manifest.h"
#include "bench/launch/schedule.h"
#include "core/base/error.h"

typedef struct bench_run_options {
    const char *results; /* folder of folders, "results" */
    const json_t *where; /* cells to run, as bench_condition_match has it; NULL: all */
    bench_shard shard;   /* and of those, of which part of the manifest's; {0}: all */
    double budget_s;     /* no repetition is begun that would end later, as far as is known; 0: no bound */
    bool retry;          /* try repetitions again that did not end ok */
    bool fresh;          /* set earlier records and checkpoints aside and begin anew */
    bool oversize;       /* run cells too that cannot fit into memory (bench_plan_check_memory) */
    bool save_adapters;  /* keep what was trained, in adapters/CELLID-RUN */
    FILE *progress;      /* NULL: quiet */
    double
        peak_s; /* seconds for measuring the machine's peaks, for each number of threads; 0: they are not */
    double peaks_hold_s;          /* after which they are measured again; 0: 60 */
    double grace_s;               /* between SIGTERM and SIGKILL at the time limit; 0: 10 s */
    const char *const *argv;      /* the child's; NULL: this program's internal command */
    const char *const *blas_argv; /* likewise, of children that compare OpenBLAS's kernels */
} bench_run_options;

typedef struct bench_run_summary {
    int cells;          /* chosen */
    int ok;             /* cells all of whose repetitions so far are ok, and at least one is */
    int failed;         /* cells with a repetition whose latest record is not ok */
    int done;           /* repetitions run in this session */
    bool interrupted;   /* asked to end; the same call goes on from here */
    bool out_of_budget; /* the time was too short for more */
} bench_run_summary;

/* Fails, before anything is run: ZO_ERR_IO (results cannot be written, another run holds the lock), ZO_ERR_FORMAT (a
 * record of another schema), ZO_ERR_INVALID (no cell is chosen, or one cannot fit); later only where a record cannot be written (ZO_ERR_IO).
 * A cell that fails is no failure of the run. */
zo_status bench_run(const bench_manifest *m, const bench_run_options *o, bench_run_summary *out,
                    zo_error *err);

/* What bench_run would do now, before further repetitions for a narrower interval: a new array of
 * { "cell_id": "..", "label": "..", "runs": [0, 1], "cell": {..} }. Writes nothing. */
zo_status bench_run_missing(const bench_manifest *m, const bench_run_options *o, json_t **out, zo_error *err);

#endif
