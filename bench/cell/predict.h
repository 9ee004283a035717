/* What a cell will take in time, by the roofline. (In memory: bench_backend_bytes.) */
#ifndef BENCH_PREDICT_H
#define BENCH_PREDICT_H

#include <stdint.h>

#include "bench/cell/roofline.h"
#include "bench/manifest/params.h"
#include "core/data/task.h"
#include "core/format/config.h"
#include "core/model/llama.h"

/* Of a whole repetition by the roofline (roofline.h), in seconds: its steps by the model, its evaluations (large batches) at the
 * arithmetic peak. Loading, which is short beside them, is not in it. train and eval: the rows that it trains and evaluates
 * on; not looked at where it does neither. */
double bench_predict_seconds(const bench_params *p, const zo_config *c, const zo_dataset *train,
                             const zo_dataset *eval, const bench_roof *roof);

#endif
