/* Models made up from a name (synth:NAME of weights.h): shapes that are known, and values that are functions of their place. */
#ifndef ZO_SYNTH_H
#define ZO_SYNTH_H

#include <stdint.h>

#include "core/format/config.h"

/* The names that synth: knows, NULL-terminated; and the configuration of one (0 where unknown). "NAME/4" is the same
 * shape with 4 layers (1 to ZO_SYNTH_LAYERS). */
#define ZO_SYNTH_LAYERS 1000
const char *const *zo_synth_names(void);
int zo_synth_config(const char *name, zo_config *out);

/* out[k] = value first + k of a tensor in row-major order, k in [0, n): for in > 0, a matrix with so many columns, uniform with
 * mean 0 and variance 1 / in, a function of (stream, index) alone; for in 0, a norm: 1. */
void zo_synth_values(int64_t stream, int64_t in, int64_t first, int64_t n, float *out);

#endif
