/* For tests and fuzzing: composes GGUF files in memory, and touches everything that a reader offers. */
#ifndef ZO_GGUF_FIXTURE_H
#define ZO_GGUF_FIXTURE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/format/gguf.h"

/* Value types by their number in the file. */
enum {
    GGUF_U8,
    GGUF_I8,
    GGUF_U16,
    GGUF_I16,
    GGUF_U32,
    GGUF_I32,
    GGUF_F32,
    GGUF_BOOL,
    GGUF_STRING,
    GGUF_ARRAY,
    GGUF_U64,
    GGUF_I64,
    GGUF_F64
};

typedef struct gguf_make {
    uint8_t *bytes; /* owned: free() it */
    size_t n, cap;
} gguf_make;

static inline void make_bytes(gguf_make *m, const void *data, size_t n)
{
    if (m->n + n > m->cap) {
        m->cap = 2 * (m->n + n);
        m->bytes = realloc(m->bytes, m->cap);
        if (!m->bytes)
            abort();
    }
    if (n)
        memcpy(m->bytes + m->n, data, n);
    m->n += n;
}

static inline void make_u32(gguf_make *m, uint32_t v)
{
    make_bytes(m, &v, sizeof v);
}

static inline void make_u64(gguf_make *m, uint64_t v)
{
    make_bytes(m, &v, sizeof v);
}

static inline void make_str(gguf_make *m, const char *s)
{
    make_u64(m, strlen(s));
    make_bytes(m, s, strlen(s));
}

static inline void make_header(gguf_make *m, uint32_t version, uint64_t tensors, uint64_t pairs)
{
    make_bytes(m, "GGUF", 4);
    make_u32(m, version);
    make_u64(m, tensors);
    make_u64(m, pairs);
}

/* Key and type; the value's bytes follow. */
static inline void make_key(gguf_make *m, const char *key, uint32_t type)
{
    make_str(m, key);
    make_u32(m, type);
}

static inline void make_pair_u32(gguf_make *m, const char *key, uint32_t v)
{
    make_key(m, key, GGUF_U32);
    make_u32(m, v);
}

static inline void make_pair_f32(gguf_make *m, const char *key, float v)
{
    make_key(m, key, GGUF_F32);
    make_bytes(m, &v, sizeof v);
}

static inline void make_pair_str(gguf_make *m, const char *key, const char *v)
{
    make_key(m, key, GGUF_STRING);
    make_str(m, v);
}

/* Element type and count; the elements follow. */
static inline void make_pair_array(gguf_make *m, const char *key, uint32_t type, uint64_t n)
{
    make_key(m, key, GGUF_ARRAY);
    make_u32(m, type);
    make_u64(m, n);
}

/* dims in the file's order: the contiguous one first. */
static inline void make_tensor(gguf_make *m, const char *name, uint32_t rank, const uint64_t *dims,
                               uint32_t type, uint64_t offset)
{
    make_str(m, name);
    make_u32(m, rank);
    make_bytes(m, dims, rank * sizeof *dims);
    make_u32(m, type);
    make_u64(m, offset);
}

static inline void make_padding(gguf_make *m, size_t alignment)
{
    while (m->n % alignment)
        make_bytes(m, "", 1);
}

/* Reads every key as each kind, the ends of each array, the ends of each tensor and its first rows. Returns a sum
 * of it, so that nothing is left out by a compiler. */
static inline double gguf_walk(const zo_gguf *g)
{
    double sum = 0;
    for (size_t i = 0; i < zo_gguf_key_count(g); i++) {
        zo_gguf_str key = zo_gguf_key_at(g, i), s;
        char *copy = malloc(key.n + 1);
        int64_t v = 0;
        double d = 0;
        if (!copy)
            abort();
        memcpy(copy, key.s, key.n);
        copy[key.n] = '\0';
        sum += zo_gguf_int(g, copy, &v) + (double)v;
        sum += zo_gguf_real(g, copy, &d) ? d : 0;
        if (zo_gguf_string(g, copy, &s) && s.n)
            sum += s.s[0] + s.s[s.n - 1];
        int64_t strings = zo_gguf_array_strings(g, copy), numbers = zo_gguf_array_numbers(g, copy);
        for (int64_t k = 0; k < strings; k++) {
            s = zo_gguf_array_string(g, copy, k);
            sum += s.n ? s.s[0] + s.s[s.n - 1] : 0;
        }
        if (numbers > 0)
            sum += zo_gguf_array_number(g, copy, 0) + zo_gguf_array_number(g, copy, numbers - 1);
        free(copy);
    }
    for (size_t i = 0; i < zo_gguf_tensor_count(g); i++) {
        const zo_gguf_tensor *t = zo_gguf_tensor_at(g, i);
        const zo_dtype_info *d = zo_dtype_get(t->dtype);
        const uint8_t *data = t->data;
        float some[512];
        if (zo_gguf_tensor_find(g, t->name) != t)
            abort();
        sum += data[0] + data[t->bytes - 1];
        int64_t values = (int64_t)(t->bytes / (size_t)d->bytes) * d->block;
        int64_t n = values < 512 ? values : 512;
        d->decode(data, some, n);
        sum += (double)some[n - 1];
        d->decode(data + t->bytes - d->bytes, some, d->block);
        sum += (double)some[0];
    }
    return sum;
}

#endif
