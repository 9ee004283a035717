/* Before a run: is there a cell that cannot fit into memory, whatever its data? */
#ifndef BENCH_MEMORY_FIT_H
#define BENCH_MEMORY_FIT_H

#include <jansson.h>

#include "bench/backend/backend.h"
#include "bench/launch/schedule.h"
#include "core/base/error.h"

/* Looks at the headers of the models of cells with repetitions to be done. A cell needs at least what bench_backend_bytes says of its
 * weights, adapter and the shortest sequences; there is what bench_plan_limit says.
 * Models that cannot be read are no matter of this. Fails: ZO_ERR_INVALID, with how many cells and the first of them. */
zo_status bench_memory_fit_check(const bench_schedule *s, const json_t *machine, zo_error *err);

#endif
