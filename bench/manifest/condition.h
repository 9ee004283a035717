/* What "exclude", "where" and --filter ask of one parameter of a cell: that it has a value, or that a condition holds:
 * "<64", "<=64", ">64", ">=64", "64..256" (between, both ends included), "64..256*2" (one of them), "!=both".
 */
#ifndef BENCH_CONDITION_H
#define BENCH_CONDITION_H

#include <stdbool.h>

#include <jansson.h>

#include "bench/manifest/params.h"
#include "core/base/error.h"

/* Is value a value of the parameter or a condition for it? Fails: ZO_ERR_INVALID, without the place, as bench_params_set. */
zo_status bench_condition_check(const bench_option *o, const json_t *value, zo_error *err);

/* Does p fulfil it? False too for what bench_condition_check refuses. */
bool bench_condition_holds(const bench_params *p, const bench_option *o, const json_t *value);

#endif
