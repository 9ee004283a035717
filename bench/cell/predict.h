/* What a cell will take, by formula: memory, and time by the roofline. */
#ifndef BENCH_PREDICT_H
#define BENCH_PREDICT_H

#include <stdint.h>

#include "bench/cell/roofline.h"
#include "bench/manifest/params.h"
#include "core/data/task.h"
#include "core/format/config.h"
#include "core/model/llama.h"

/* Sequences of a cell's data, once encoded: most ids and most label ids in one. Eval: 0 where nothing is evaluated. */
typedef struct bench_lengths {
    int32_t train, train_labels;
    int32_t eval, eval_labels;
} bench_lengths;

/* The bytes that a cell will take at most: what it asks the memory accounts for, which are weights, adapter, activations
 * of training and of evaluation; and what it uses of the mapped model file all along. Not in it: data (small), what
 * libraries allocate, and the model file where it is only read while loading.
 * weights: of the model in the cell's precision, at bench_params_longest positions (zo_llama_weight_bytes).
 * l: NULL where the data is not known; sequences may then be as long as max_tokens. */
int64_t bench_predict_bytes(const bench_params *p, const zo_config *c, zo_llama_bytes weights,
                            const bench_lengths *l);

/* Of a whole repetition by the roofline (roofline.h), in seconds: its steps by the model, its evaluations (large batches) at the
 * arithmetic peak. Loading, which is short beside them, is not in it. train and eval: the rows that it trains and evaluates
 * on; not looked at where it does neither. */
double bench_predict_seconds(const bench_params *p, const zo_config *c, const zo_dataset *train,
                             const zo_dataset *eval, const bench_roof *roof);

/* Threads of the cell: what it asks for, or what OpenMP has. */
int32_t bench_predict_threads(const bench_params *p);

#endif
