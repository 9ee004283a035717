/* Cell parameters on the command line: "queries=4 lr=1e-3 model=smollm2-135m", under their manifest names. */
#ifndef BENCH_ARGUMENT_H
#define BENCH_ARGUMENT_H

#include "bench/manifest/params.h"

/* A value as it is written on a command line: JSON, or a plain string where it is none, or a number or truth value where the
 * parameter (NULL: any) is a text. New reference; NULL: not UTF-8. */
json_t *bench_argument_value(const bench_option *o, const char *text);

/* The defaults, then every "key=value" of argv[0 .. n), then what follows from them, then bench_params_check. A value
 * is read as bench_argument_value does. Options that only a cell's own process can have (`launched`) are refused. Fails:
 * ZO_ERR_INVALID, naming the argument, with the nearest known key. */
zo_status bench_arguments(bench_params *p, char *const *argv, int n, zo_error *err);

#endif
