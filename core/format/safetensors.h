/* safetensors reader (one file; shards are put together in weights.c) and writer.
 *
 * Source: the format text of github.com/huggingface/safetensors: 8 bytes little-endian header length N
 * (at most 100,000,000), N bytes of JSON, then the data. As its readers do, this one verifies that the ranges
 * are contiguous from 0 to the end of the file, that each size is shape x dtype, and that no key repeats.
 */
#ifndef ZO_SAFETENSORS_H
#define ZO_SAFETENSORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/mem.h"

#define ZO_ST_MAX_RANK 8

/* All of the format's plain types are readable as bytes; weights.c takes F32, F16 and BF16 of them. */
typedef struct zo_st_tensor {
    const char *name;  /* owned by the reader */
    const char *dtype; /* "F32", "I64", ... as the file spells it */
    int rank;
    int64_t shape[ZO_ST_MAX_RANK];
    const void *data; /* in the map; not necessarily aligned */
    size_t bytes;
    bool used; /* zo_safetensors_find has given it */
} zo_st_tensor;

typedef struct zo_safetensors zo_safetensors;

zo_status zo_safetensors_open(const char *path, zo_mem *mem, zo_safetensors **out, zo_error *err);
zo_status zo_safetensors_open_memory(const void *data, size_t bytes, const char *name, zo_mem *mem,
                                     zo_safetensors **out, zo_error *err);
void zo_safetensors_free(zo_safetensors *s);
size_t zo_safetensors_count(const zo_safetensors *s);
const zo_st_tensor *zo_safetensors_at(const zo_safetensors *s, size_t i); /* in order of offset */
const zo_st_tensor *zo_safetensors_find(const zo_safetensors *s, const char *name);
/* A string of __metadata__, or NULL. */
const char *zo_safetensors_meta(const zo_safetensors *s, const char *key);

/* Writes tensors (name, dtype, rank, shape, data, bytes of each are read) to path: sorted by dtype width
 * (widest first) and name, header padded to 8 bytes, to a temporary name in the same folder, fsynced and
 * renamed. meta: pairs of key and value, n_meta pairs. Fails: ZO_ERR_IO, ZO_ERR_INVALID (a repeated name,
 * bytes that do not match the shape), ZO_ERR_MEMORY; path is then as it was. */
zo_status zo_safetensors_write(const char *path, const zo_st_tensor *tensors, size_t n,
                               const char *const *meta, size_t n_meta, zo_error *err);

#endif
