/* See rows.h. */
#include "bench/backend/rows.h"

#include "bench/base/paths.h"

zo_status bench_rows_split(const bench_params *p, zo_split split, const zo_tokenizer *tokenizer, zo_mem *mem,
                           zo_dataset **out, zo_error *err)
{
    const zo_task *task = zo_task_find(p->task);
    const int64_t limit = split == ZO_SPLIT_TRAIN ? p->train_rows : p->eval_rows;
    if (!task)
        return zo_fail(err, ZO_ERR_INVALID, "task %s is not known", p->task);
    return zo_dataset_load(task, bench_data_dir(p->data), split, (int32_t)limit, tokenizer,
                           (int32_t)bench_params_cut(p), mem, out, err);
}

zo_status bench_rows_open(const bench_params *p, const zo_tokenizer *tokenizer, zo_mem *mem, bench_rows *out,
                          zo_error *err)
{
    const int32_t holdout = (int32_t)p->holdout;
    const bool trains = bench_params_trains(p);
    zo_status st = ZO_OK;
    *out = (bench_rows){0};
    if (trains || holdout)
        st = bench_rows_split(p, ZO_SPLIT_TRAIN, tokenizer, mem, &out->train_split, err);
    if (!st && bench_params_evaluates(p) && !holdout)
        st = bench_rows_split(p, ZO_SPLIT_VALIDATION, tokenizer, mem, &out->eval_split, err);
    if (st)
        return st;
    if (out->train_split) {
        const int32_t left = out->train_split->count - holdout;
        if (left <= 0 || (trains && p->batch > left))
            return zo_fail(err, ZO_ERR_INVALID,
                           "%s has %d training rows: too few for holdout %d and batch %lld", p->task,
                           out->train_split->count, holdout, (long long)p->batch);
        out->train = zo_dataset_slice(out->train_split, 0, left);
        if (holdout)
            out->eval = zo_dataset_slice(out->train_split, left, holdout);
    }
    if (out->eval_split)
        out->eval = zo_dataset_slice(out->eval_split, 0, out->eval_split->count);
    return ZO_OK;
}

void bench_rows_close(bench_rows *r)
{
    zo_dataset_free(r->train_split);
    zo_dataset_free(r->eval_split);
    *r = (bench_rows){0};
}
