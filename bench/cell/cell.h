/* One repetition of one cell, in the child: model, data, steps and evaluations become the parts of a record.
 *
 * Only zo_trainer_step lies between the start and the stop of the clock. The first steps of every child, as
 * many as measure.h says, are timed apart. With checkpoint_every the adapter and all that was measured so far are written to
 * FOLDER/checkpoints/CELLID-RUN every so many steps, and when the cell is asked to stop; a later child of the same cell, run and
 * model goes on from there and ends with the bits of an uninterrupted one.
 */
#ifndef BENCH_CELL_H
#define BENCH_CELL_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "bench/manifest/params.h"
#include "core/base/error.h"
#include "core/base/mem.h"

/* What the launcher asks for: { "cell": {..}, "cell_id": "..", "run": 0, "warmup": 1, "folder": "results/NAME",
 * "save_adapter": false, "model": {what bench_inputs_model says} or null, "binding": {bench_binding_to_json},
 * "blas_kernel": {bench_kernel_choice_make}, "peaks": {roofline.h} or null, with "peaks_reason" }. */
typedef struct bench_cell_job {
    bench_params params;
    char id[13];
    int run;
    int64_t warmup;       /* as bench_measure has it */
    const char *folder;   /* borrowed from the JSON */
    bool save_adapter;    /* into FOLDER/adapters/CELLID-RUN, once trained */
    json_t *model;        /* borrowed from the JSON */
    const json_t *peaks;  /* likewise (roofline.h); NULL: ... */
    const char *no_peaks; /* ... why */
} bench_cell_job;

/* Fails: ZO_ERR_FORMAT, naming the key. */
zo_status bench_cell_job_read(const json_t *json, bench_cell_job *out, zo_error *err);

/* Who listens. Every call may be NULL. */
typedef struct bench_cell_watch {
    void *self;
    void (*part)(void *self, const char *key,
                 json_t *value);                   /* of the record, as soon as it is known; borrowed */
    void (*progress)(void *self, json_t *message); /* as bench_progress_update takes it; borrowed */
    bool (*stop)(void *self);                      /* asked between steps: true ends the cell */
} bench_cell_watch;

/* Runs it to its end. New reference: status (ok, failed, oom, nan; interrupted where watch said stop), reason and every
 * part of a record that it came to (record.h). The ledger's accounts go into "memory". NULL: out of memory. */
json_t *bench_cell_run(const bench_cell_job *job, const bench_cell_watch *watch, zo_mem *mem);

#endif
