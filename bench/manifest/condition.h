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

/* Whether p has, for every key of the object `where`, the value given there or one of a list of values, each of which may
 * be a condition. NULL matches all; unknown keys and values that no parameter can have match nothing (a
 * manifest's have been checked). */
bool bench_condition_match(const bench_params *p, const json_t *where);

/* Choosing cells on the command line, --filter key=value or a condition, "seq_len>=128", "seq_len=64..256": adds it to an object
 * as bench_condition_match takes it. What is said of one key are alternatives, keys are all required. The value is JSON, or a text
 * without its quotes. Fails: ZO_ERR_INVALID, naming the key or saying what the value must be. */
zo_status bench_condition_filter(json_t *where, const char *text, zo_error *err);

#endif
