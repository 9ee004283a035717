/* GGUF v2 and v3 reader. The file is memory-mapped; every count, offset, size, name and alignment is checked
 * before it is used.
 *
 * Source: ggml's docs/gguf.md. Stricter than it, as ggml's own loader is: alignment a power of two, tensor
 * names shorter than 64 bytes, duplicate keys or tensors refused.
 */
#ifndef ZO_GGUF_H
#define ZO_GGUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/format/unread.h"
#include "core/number/dtype.h"
#include "core/base/error.h"
#include "core/base/mem.h"

typedef struct zo_gguf zo_gguf;

/* A string inside the map: not NUL-terminated. */
typedef struct zo_gguf_str {
    const char *s;
    size_t n;
} zo_gguf_str;

typedef struct zo_gguf_tensor {
    char name[64];
    zo_dtype dtype;
    int rank;
    int64_t shape[4]; /* row-major (the file's dims reversed): the last one is contiguous */
    const void *data; /* in the map */
    size_t bytes;
    bool used; /* zo_gguf_tensor_find has given it */
} zo_gguf_tensor;

/* path: borrowed. A model in parts (NAME-00001-of-00002.gguf) is opened by its first: the tensors are then those of all parts,
 * the metadata that of the first. *out owns the maps; free it with zo_gguf_free. Fails: ZO_ERR_IO, ZO_ERR_FORMAT,
 * ZO_ERR_UNSUPPORTED (a version or tensor type that is not in the table), ZO_ERR_MEMORY. */
zo_status zo_gguf_open(const char *path, zo_mem *mem, zo_gguf **out, zo_error *err);
/* The same of one part over bytes in memory, which are borrowed and must outlive *out; name is for messages. */
zo_status zo_gguf_open_memory(const void *data, size_t bytes, const char *name, zo_mem *mem, zo_gguf **out,
                              zo_error *err);
void zo_gguf_free(zo_gguf *g);

size_t zo_gguf_tensor_count(const zo_gguf *g);
const zo_gguf_tensor *zo_gguf_tensor_at(const zo_gguf *g, size_t i);
const zo_gguf_tensor *zo_gguf_tensor_find(const zo_gguf *g, const char *name); /* NULL: none */

/* Metadata. Each returns false where the key is absent or of another kind; integers of any width and
 * booleans convert to int64 when they fit, floats of both widths and integers to double. */
size_t zo_gguf_key_count(const zo_gguf *g);
zo_gguf_str zo_gguf_key_at(const zo_gguf *g, size_t i); /* in bytewise order */
/* Every key that begins with `prefix` and that none of the calls below was asked for must be harmless: zo_unread_check. */
zo_status zo_gguf_unread(const zo_gguf *g, const char *prefix, zo_unread as, zo_error *err);
bool zo_gguf_has(const zo_gguf *g, const char *key);
bool zo_gguf_int(const zo_gguf *g, const char *key, int64_t *out);
bool zo_gguf_real(const zo_gguf *g, const char *key, double *out);
bool zo_gguf_string(const zo_gguf *g, const char *key, zo_gguf_str *out);
/* Arrays: the number of elements, or -1. Element getters assert 0 <= i < count. */
int64_t zo_gguf_array_strings(const zo_gguf *g, const char *key);
int64_t zo_gguf_array_numbers(const zo_gguf *g, const char *key);
zo_gguf_str zo_gguf_array_string(const zo_gguf *g, const char *key, int64_t i);
double zo_gguf_array_number(const zo_gguf *g, const char *key, int64_t i);

#endif
