/* Where models and data lie. Names without a slash are looked up; everything else is a path.
 *
 * Models: $ZOBENCH_MODELS or ./models, NAME.gguf or the folder NAME. Data: $ZOBENCH_DATA or ./data.
 */
#ifndef BENCH_PATHS_H
#define BENCH_PATHS_H

#include <stddef.h>

#include "core/base/error.h"

/* "smollm2-135m" -> "models/smollm2-135m.gguf"; "synth:tiny" and paths stay. Fails: ZO_ERR_IO, saying what was looked
 * for and how to fetch it. */
zo_status bench_model_path(const char *name, char *out, size_t cap, zo_error *err);

/* The folder for a manifest's "data" value; NULL or "" means the default. */
const char *bench_data_dir(const char *value);

#endif
