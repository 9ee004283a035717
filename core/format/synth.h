/* Values of the models that zo_weights_open makes up (synth:NAME). */
#ifndef ZO_SYNTH_H
#define ZO_SYNTH_H

#include <stdint.h>

#include "core/format/weights.h"

/* out[k] = value first + k of t in row-major order, k in [0, n): 1 for norms, for matrices uniform with mean 0
 * and variance 1 / in, a function of (t->stream, index) alone. */
void zo_synth_values(const zo_tensor *t, int64_t first, int64_t n, float *out);

#endif
