/* Was the plan right? What records predicted of themselves, and what earlier runs predict of later ones, against what was
 * measured. */
#ifndef BENCH_PREDICTION_H
#define BENCH_PREDICTION_H

#include "bench/results/results.h"
#include "bench/base/table.h"

/* A row for each kind of prediction that any run has: peak memory (plan.h, from shapes), the time of a step and of a whole run
 * by the machine's peaks (roofline.h), and of a run by the earlier runs of its cell on the same machine and build, as
 * `zobench plan` has it. Columns: how many runs, and their errors, measured / predicted - 1: median, lowest, highest, and the
 * run that was farthest off. Runs that are not ok have none, and those that went on from a checkpoint none of a whole run.
 * May have no rows. NULL: out of memory. */
bench_table *bench_prediction_table(const bench_results *r);

#endif
