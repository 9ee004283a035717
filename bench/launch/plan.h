/* What a manifest's cells will take, before anything is run: time, memory, what is done already. */
#ifndef BENCH_PLAN_H
#define BENCH_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/manifest/manifest.h"
#include "bench/cell/predict.h"
#include "bench/launch/schedule.h"
#include "core/format/config.h"
#include "core/base/error.h"
#include "core/model/llama.h"
#include "core/data/task.h"

/* What a record tells of the time that repetitions like it take. */
typedef struct bench_plan_parts {
    double step_ns, load_ns, evaluation_ns; /* of one step, of loading, of one evaluation */
} bench_plan_parts;

/* Of a record of the cell `past`, for the cell p. False: it is not ok, or lacks a part. */
bool bench_plan_parts_read(const json_t *record, const bench_params *past, const bench_params *p,
                           bench_plan_parts *out);
/* Seconds of a repetition of p by the medians of the parts (n); NaN for n = 0 or where memory is out. */
double bench_plan_parts_seconds(const bench_params *p, const bench_plan_parts *parts, size_t n);

typedef enum bench_plan_basis {
    BENCH_PLAN_UNKNOWN,   /* the model or the data cannot be read */
    BENCH_PLAN_ESTIMATED, /* by the roofline of this machine, measured now: it will hardly be less */
    BENCH_PLAN_MEASURED /* from records of this or another manifest, made on this machine by a program built alike */
} bench_plan_basis;

typedef struct bench_plan_cell {
    const bench_cell *cell; /* of the manifest */
    char label[160];
    int64_t wanted; /* repetitions at least: min_runs */
    int64_t done;   /* repetitions whose latest record says ok */
    int64_t failed; /* whose latest record says something else */
    double seconds; /* of one repetition; NaN: unknown */
    bench_plan_basis basis;
    int64_t bytes;                          /* -1: unknown */
    int64_t record_bytes, checkpoint_bytes; /* on disk: of each repetition, and while one runs; at most */
    bool too_large;                         /* bytes are more than it may take */
    char trouble[256];                      /* why it would fail, "model ...: no such file"; "" */
} bench_plan_cell;

typedef struct bench_plan {
    bench_plan_cell *cells; /* those of the manifest that match, in order; owned */
    int32_t count;
    double remaining_s; /* of all repetitions still to be done whose time is known */
    int32_t unknown;    /* cells with repetitions to be done whose time is not known */
    json_t
        *peaks; /* what estimates rest on (roofline.h), by number of threads; owned; NULL: none was needed */
    int64_t
        available_bytes; /* memory that this machine, or its control group, has to give now; -1: unknown */
    int64_t limit_bytes; /* what a cell may take of it: measure.memory, else what is available; -1: unknown */
    int64_t program_bytes;   /* what a process of this program takes by itself, part of each cell's bytes */
    int64_t disk_bytes;      /* that repetitions still to be done will write at most */
    int64_t disk_free_bytes; /* -1: unknown */
} bench_plan;

/* For the cells that match where (bench_condition_match; NULL: all). Reads the records of this manifest and, for times, of the others in `results`, the models' headers and
 * the data. m is borrowed and must outlive *out. What concerns one
 * cell alone (a model that is missing) is its trouble and no failure. Fails: ZO_ERR_INVALID (no
 * cell matches), ZO_ERR_IO, ZO_ERR_FORMAT (records), ZO_ERR_MEMORY. */
zo_status bench_plan_make(const bench_manifest *m, const char *results, const json_t *where, bench_plan *out,
                          zo_error *err);
void bench_plan_deinit(bench_plan *p);

/* Before a run: a cell with repetitions to be done needs at least what bench_backend_bytes says of its weights, adapter and the
 * shortest sequences, whatever its data; there is what limit_bytes is of a plan. Models that cannot be read are no matter of
 * this. Fails: ZO_ERR_INVALID, with how many cells cannot fit and the first of them. */
zo_status bench_plan_check_memory(const bench_schedule *s, const json_t *machine, zo_error *err);

#endif
