/* For tests and fuzzing: touches everything that a safetensors reader offers. */
#ifndef ZO_SAFETENSORS_FIXTURE_H
#define ZO_SAFETENSORS_FIXTURE_H

#include <stdlib.h>

#include "core/number/dtype.h"
#include "core/format/safetensors.h"

/* The ends of each tensor, some of its values, its shape and its name. Returns a sum of it, so that nothing is
 * left out by a compiler. */
static inline double safetensors_walk(const zo_safetensors *s)
{
    double sum = zo_safetensors_meta(s, "format") ? 1 : 0;
    for (size_t i = 0; i < zo_safetensors_count(s); i++) {
        const zo_st_tensor *t = zo_safetensors_at(s, i);
        const unsigned char *data = t->data;
        zo_dtype dtype;
        if (zo_safetensors_find(s, t->name) != t)
            abort();
        for (int k = 0; k < t->rank; k++)
            sum += (double)t->shape[k];
        if (t->bytes)
            sum += data[0] + data[t->bytes - 1];
        if (t->bytes && zo_dtype_from_safetensors(t->dtype, &dtype)) {
            const zo_dtype_info *d = zo_dtype_get(dtype);
            float some[64];
            int64_t n = (int64_t)(t->bytes / (size_t)d->bytes);
            n = n < 64 ? n : 64;
            d->decode(t->data, some, n);
            sum += (double)some[n - 1];
            d->decode(data + t->bytes - d->bytes, some, 1);
            sum += (double)some[0];
        }
    }
    return sum;
}

#endif
