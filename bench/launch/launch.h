/* One repetition of one cell in a fresh child: from "this cell, this run, this program" to its record (record.h).
 *
 * Chosen for the child: limits, processors, OpenBLAS's kernels, the machine's peaks if they are asked for. It is handed its
 * job (cell.h), heard, and judged by what became of it; the record has every part, null with a reason where the child did not come
 * to it. Models are hashed once as long as they stay the same, and watched: a repetition with other weights than those before it
 * fails, since cells that are compared must have had the same.
 */
#ifndef BENCH_LAUNCH_H
#define BENCH_LAUNCH_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "bench/backend/kernel_choice.h"
#include "bench/launch/progress.h"
#include "bench/machine/child.h"
#include "bench/manifest/manifest.h"
#include "core/base/error.h"

/* How all children of a session are started; borrowed. */
typedef struct bench_launch_options {
    const bench_manifest *m;
    const char *folder;  /* for checkpoints/ and adapters/ */
    bool save_adapters;  /* of what was trained */
    bool finish;         /* a first wish to end lets the child that runs come to its end (child.h) */
    const char *anew;    /* said where a model has changed since earlier records: what helps; NULL: nothing */
    double peak_s;       /* seconds for measuring the peaks, for each number of threads; 0: they are not */
    double peaks_hold_s; /* after which they are measured again; 0: 60 */
    double grace_s;      /* between SIGTERM and SIGKILL at the time limit; 0: 10 s */
    const char *const *argv;      /* the child's; NULL: this program's internal command */
    const char *const *blas_argv; /* likewise, of children that compare OpenBLAS's kernels */
} bench_launch_options;

typedef struct bench_launch {
    bench_launch_options o;
    bench_progress progress; /* the caller's: silent unless initialized */
    bool interrupted;        /* this process was asked to end */
    /* owned */
    json_t *machine, *build; /* as bench_machine_describe and bench_build_describe have them */
    json_t *models;          /* path -> { "stamp": what changes with the files, "input": inputs.h } */
    json_t *recorded;        /* path -> sha256 of models in the records so far */
    json_t *inputs;          /* program -> cell_id -> inputs of its records so far */
    json_t *peaks;           /* threads -> roofline.h, or why there is none */
    int64_t peaks_ns;        /* when the oldest of them was measured */
    bench_signals signals;
    bench_kernel_choice choice;
} bench_launch;

/* Signals are blocked until it is closed (child.h). *l is to be closed in any case. Fails: ZO_ERR_IO, ZO_ERR_MEMORY, as
 * bench_machine_describe. */
zo_status bench_launch_open(bench_launch *l, const bench_launch_options *o, zo_error *err);
void bench_launch_close(bench_launch *l); /* {.signals = {.fd = -1}} is allowed */

/* What a cell's model is now (inputs.h), read once as long as the file stays the same: new reference; NULL: it cannot be read, which
 * the child will say in its own words. */
json_t *bench_launch_model(bench_launch *l, const bench_params *p);

/* Takes in the inputs that an earlier record has. */
void bench_launch_note(bench_launch *l, const json_t *record);

/* program: NULL: this one. *record: a new reference; NULL where this process was asked to end before there was an outcome
 * (l->interrupted). What the child does is no failure. Fails: as bench_child_run and bench_kernel_choice_make. */
zo_status bench_launch_repetition(bench_launch *l, const bench_cell *cell, const char *label, int run,
                                  const char *program, json_t **record, zo_error *err);

#endif
