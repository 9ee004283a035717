/* Which repetition of which cell comes next, and when a cell has enough of them.
 *
 * A block is one repetition of every cell that wants one. order "interleave" takes the cells of each block in a random order
 * of its own, so that drift of the machine hits all alike; the order is a function of order_seed, the block and the cells' ids
 * alone: the same for every session, filter and shard. "round-robin" keeps the manifest's order, "sequential" does a cell's
 * repetitions one after the other.
 *
 * A cell gets min_runs repetitions. With `ci` it gets more, up to max_runs, until the 95% interval of the median of their
 * median step times is within ci of that median. One whose repetition failed gets no further ones.
 */
#ifndef BENCH_SCHEDULE_H
#define BENCH_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "bench/manifest/manifest.h"
#include "core/base/error.h"

typedef enum bench_run_state { BENCH_RUN_MISSING, BENCH_RUN_OK, BENCH_RUN_FAILED } bench_run_state;

typedef struct bench_scheduled {
    const bench_cell *cell;
    char label[160];
    bench_run_state *runs; /* (max_runs) */
    double *median_ns;     /* (max_runs) of a step; NaN: not known */
    double *wall_ns;       /* (max_runs) of the repetition; NaN: not known */
} bench_scheduled;

/* Part number `part`, from 1, of `parts`; 0 of 0: everything. */
typedef struct bench_shard {
    int part, parts;
} bench_shard;

typedef struct bench_schedule {
    const bench_manifest *m;
    bench_scheduled *cells; /* those chosen, in the manifest's order; owned */
    int count, max_runs;
    int *order; /* (count) of the block in order_block */
    int order_block;
    double *scratch; /* (max_runs) */
} bench_schedule;

/* "interleave" */
const char *bench_order_name(bench_order order);

/* "2/5". Fails: ZO_ERR_INVALID. */
zo_status bench_shard_read(const char *text, bench_shard *out, zo_error *err);

/* where: as bench_condition_match has it. The cells of the manifest are dealt to shards at random, from order_seed. A shard may
 * have none. Fails: ZO_ERR_INVALID (no cell matches where), ZO_ERR_MEMORY. */
zo_status bench_schedule_init(bench_schedule *s, const bench_manifest *m, const json_t *where,
                              bench_shard shard, zo_error *err);
void bench_schedule_deinit(bench_schedule *s);

/* Takes in a record. False where it is none of a chosen cell's runs. */
bool bench_schedule_note(bench_schedule *s, const json_t *record);

int bench_schedule_count(const bench_schedule *s, const bench_scheduled *c, bench_run_state state);
/* Why a cell gets no further repetitions, or that it does: {"decision": "go on" | "enough" (min_runs, and no ci was asked
 * for) | "narrow" (the interval is within ci) | "max_runs" | "no time" (step times are not known: nothing to narrow) | "failed",
 * "runs": 6, "ci": 0.02, "half_width": 0.011}: new reference. */
json_t *bench_schedule_stopping(const bench_schedule *s, const bench_scheduled *c);

/* The next repetition that would end within left_s, as far as the cell's earlier ones tell (one of which nothing is known
 * always does); *position: its place in the block. False: none. */
bool bench_schedule_next(bench_schedule *s, double left_s, bench_scheduled **c, int *run, int *position);
/* Would the cell's run be done, whatever the time? */
bool bench_schedule_wants(const bench_schedule *s, const bench_scheduled *c, int run);
/* Repetitions still to do, as far as is known. */
int bench_schedule_left(const bench_schedule *s);

#endif
