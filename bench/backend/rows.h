/* The rows of a task that a cell's parameters ask for: to train on, and to evaluate on. */
#ifndef BENCH_ROWS_H
#define BENCH_ROWS_H

#include "bench/manifest/params.h"
#include "core/base/error.h"
#include "core/base/mem.h"
#include "core/data/task.h"

typedef struct bench_rows {
    zo_dataset *train_split, *eval_split; /* as read, owned; NULL where not needed */
    zo_dataset train,
        eval; /* views: eval is the validation split, or what of the training split is held out; count 0: none */
} bench_rows;

/* Of what the cell trains and evaluates on; mem may be NULL. *out is to be closed in any case. Fails: as zo_dataset_load;
 * ZO_ERR_INVALID (too few rows for holdout and batch). */
zo_status bench_rows_open(const bench_params *p, const zo_tokenizer *tokenizer, zo_mem *mem, bench_rows *out,
                          zo_error *err);
void bench_rows_close(bench_rows *r);

/* One split, as many rows and tokens of it as p says. Fails as zo_dataset_load, and with ZO_ERR_INVALID (unknown task). */
zo_status bench_rows_split(const bench_params *p, zo_split split, const zo_tokenizer *tokenizer, zo_mem *mem,
                           zo_dataset **out, zo_error *err);

#endif
