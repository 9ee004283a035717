/* All that a cell has measured so far: samples and curves, kept across checkpoints, and what a record makes of them. */
#ifndef BENCH_HISTORY_H
#define BENCH_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "core/base/error.h"
#include "core/base/phase.h"
#include "core/train/trainer.h"

typedef struct bench_history {
    json_t *warmup_ns, *step_ns; /* a sample per step; the first of every child are warm-up */
    json_t *loss;                /* [[step, mean of its losses], ...] */
    json_t *evaluations; /* [{"step", "right", "n", "accuracy", "stderr", "loss", "ns", "bits"}, ...] */
    json_t *rss;         /* memory_growth.h: resident size over steps */
    json_t *resumed;     /* steps from which a later child went on */
    /* sums over the steps in step_ns */
    int64_t phase_ns[ZO_PHASE_COUNT];
    double tokens, real_tokens, flops;
    zo_cost_rows each; /* of a forward of one replica */
    /* over all steps: projected gradients squared, and how many */
    double squares;
    int64_t square_count;
} bench_history;

/* Fails: ZO_ERR_MEMORY. */
zo_status bench_history_init(bench_history *h, zo_error *err);
void bench_history_deinit(bench_history *h);

/* flops: of the whole step. */
void bench_history_step(bench_history *h, const zo_step_report *r, int32_t queries, double flops, int64_t ns,
                        const int64_t phase_ns[ZO_PHASE_COUNT], bool warmup);
/* right (e->n): whether each example was answered right; NULL: not known. */
void bench_history_evaluation(bench_history *h, int64_t step, const zo_evaluation *e, const uint8_t *right,
                              int64_t ns);

/* Everything, to be written to a checkpoint and read back bit for bit: new reference; and the reverse, into an
 * initialized history, which keeps what it had on failure. Fails: ZO_ERR_FORMAT, naming the key. */
json_t *bench_history_to_json(const bench_history *h);
zo_status bench_history_from_json(bench_history *h, const json_t *o, zo_error *err);

/* Parts of a record (record.h): new references. load_ns: from the child's start to its first step. */
json_t *bench_history_time(const bench_history *h, int64_t load_ns);
/* [median, low, high] of the latest step times, at most 501, for progress; [median] where there is no interval; NULL: none. */
json_t *bench_history_recent(const bench_history *h);
json_t *bench_history_roofline(const bench_history *h);
/* Means over the timed steps, and their median time: NaN where there are none. */
zo_cost_rows bench_history_rows(const bench_history *h);
double bench_history_median_ns(const bench_history *h);
json_t *bench_history_loss(const bench_history *h);
json_t *bench_history_numerics(const bench_history *h);
/* NULL where nothing was evaluated. last: the step after which the final evaluation is due. */
json_t *bench_history_accuracy(const bench_history *h, const zo_task *task, const char *name, int64_t last);

#endif
