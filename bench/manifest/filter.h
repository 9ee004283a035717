/* Choosing cells on the command line: --filter key=value, or a condition, "seq_len>=128", "seq_len=64..256" (condition.h).
 * What is said of one key are alternatives, keys are all required. */
#ifndef BENCH_FILTER_H
#define BENCH_FILTER_H

#include <jansson.h>

#include "core/base/error.h"

/* Adds "key=value" to an object as bench_params_match takes it. The value is JSON, or a text without its quotes.
 * Fails: ZO_ERR_INVALID, naming the key or saying what the value must be. */
zo_status bench_filter_add(json_t *where, const char *text, zo_error *err);

#endif
