/* Cell parameters on the command line: "queries=4 lr=1e-3 model=smollm2-135m", under their manifest names. */
#ifndef BENCH_ARGUMENT_H
#define BENCH_ARGUMENT_H

#include "bench/params.h"

/* The defaults, then every "key=value" of argv[0 .. n), then what follows from them, then bench_params_check. A value
 * is read as JSON, and as a plain string where it is none. Fails: ZO_ERR_INVALID, naming the argument, with the nearest
 * known key. */
zo_status bench_arguments(bench_params *p, char *const *argv, int n, zo_error *err);

#endif
