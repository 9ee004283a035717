/* See safetensors.h. The parsed header (jansson) lives as long as the reader and owns every name. */
#include "core/format/safetensors.h"

#include <assert.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"

#define MAX_HEADER 100000000 /* bytes, as the format's own reader has it */

/* Bits of a value of each of the format's types. */
static const struct {
    const char *name;
    int bits;
} types[] = {
    {"F64", 64},        {"F32", 32},    {"F16", 16},    {"BF16", 16},   {"I64", 64},    {"I32", 32},
    {"I16", 16},        {"I8", 8},      {"U64", 64},    {"U32", 32},    {"U16", 16},    {"U8", 8},
    {"BOOL", 8},        {"C64", 64},    {"F8_E4M3", 8}, {"F8_E5M2", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8},
    {"F8_E5M2FNUZ", 8}, {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"F4", 4},
};

struct zo_safetensors {
    zo_mem *mem;
    zo_file_map map; /* {0} over borrowed memory */
    json_t *header;
    zo_st_tensor *tensors; /* in order of offset */
    zo_st_tensor **by_name;
    size_t n;
};

/* 0: unknown. */
static int bits_of_type(const char *name)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(types[i].name, name) == 0)
            return types[i].bits;
    return 0;
}

/* The bytes that a shape of a type takes; false where that is not a whole number or does not fit. */
static bool bytes_of(int bits, int rank, const int64_t *shape, size_t *out)
{
    uint64_t n = (uint64_t)bits;
    for (int i = 0; i < rank; i++)
        if (shape[i] < 0 || __builtin_mul_overflow(n, (uint64_t)shape[i], &n))
            return false;
    *out = (size_t)(n / 8);
    return n % 8 == 0;
}

static zo_status bad(const char *file, const char *tensor, zo_error *err, const char *what)
{
    return zo_fail(err, ZO_ERR_FORMAT, "read %s: tensor %.128s: %s", file, tensor, what);
}

/* One entry of the header. begin is left in data's place by way of *offset. */
static zo_status read_entry(const char *file, const char *name, const json_t *entry, zo_st_tensor *t,
                            uint64_t *offset, zo_error *err)
{
    const json_t *dtype = json_object_get(entry, "dtype"), *shape = json_object_get(entry, "shape");
    const json_t *offsets = json_object_get(entry, "data_offsets");
    const json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
    *t = (zo_st_tensor){.name = name, .dtype = json_string_value(dtype)};
    if (!json_is_object(entry) || !t->dtype || !json_is_array(shape) || json_array_size(offsets) != 2 ||
        !json_is_integer(begin) || !json_is_integer(end) || json_object_size(entry) != 3)
        return bad(file, name, err, "want exactly dtype, shape and data_offsets [begin, end]");
    int bits = bits_of_type(t->dtype);
    if (!bits)
        return zo_fail(err, ZO_ERR_UNSUPPORTED, "read %s: tensor %.128s: unknown type %.32s", file, name,
                       t->dtype);
    if (json_array_size(shape) > ZO_ST_MAX_RANK)
        return zo_fail(err, ZO_ERR_UNSUPPORTED, "read %s: tensor %.128s: more than %d dimensions", file, name,
                       ZO_ST_MAX_RANK);
    t->rank = (int)json_array_size(shape);
    for (int i = 0; i < t->rank; i++) {
        const json_t *v = json_array_get(shape, (size_t)i);
        if (!json_is_integer(v))
            return bad(file, name, err, "a dimension is not an integer");
        t->shape[i] = json_integer_value(v);
    }
    json_int_t from = json_integer_value(begin), to = json_integer_value(end);
    if (!bytes_of(bits, t->rank, t->shape, &t->bytes) || from < 0 || to < from ||
        (uint64_t)(to - from) != t->bytes)
        return bad(file, name, err, "data_offsets do not fit shape and dtype");
    *offset = (uint64_t)from;
    return ZO_OK;
}

typedef struct entry {
    zo_st_tensor t;
    uint64_t offset;
} entry;

static int compare_offsets(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (x->offset != y->offset)
        return x->offset < y->offset ? -1 : 1;
    if (x->t.bytes != y->t.bytes) /* empty ones come before the one that starts where they are */
        return x->t.bytes < y->t.bytes ? -1 : 1;
    return strcmp(x->t.name, y->t.name);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp((*(const zo_st_tensor *const *)a)->name, (*(const zo_st_tensor *const *)b)->name);
}

static zo_status check_meta(const char *file, const json_t *meta, zo_error *err)
{
    const char *key;
    json_t *value;
    if (meta && !json_is_object(meta))
        return zo_fail(err, ZO_ERR_FORMAT, "read %s: __metadata__ is not an object", file);
    json_object_foreach((json_t *)(uintptr_t)meta, key, value) if (!json_is_string(value)) return zo_fail(
        err, ZO_ERR_FORMAT, "read %s: __metadata__ %.128s is not a string", file, key);
    return ZO_OK;
}

/* Ranges in order must follow each other without a hole from 0 to the end. */
static zo_status place(zo_safetensors *s, const entry *entries, size_t n, const char *data, size_t bytes,
                       const char *file, zo_error *err)
{
    uint64_t at = 0;
    for (size_t i = 0; i < n; i++) {
        const entry *e = &entries[i];
        if (e->offset != at)
            return bad(file, e->t.name, err, "its data overlaps another's, or there is a hole before it");
        if (e->t.bytes > bytes - at)
            return bad(file, e->t.name, err,
                       "its data reaches past the end of the file (is the file cut short?)");
        s->tensors[i] = e->t;
        s->tensors[i].data = data + at;
        s->by_name[i] = &s->tensors[i];
        at += e->t.bytes;
    }
    if (at != bytes)
        return zo_fail(err, ZO_ERR_FORMAT, "read %s: %zu bytes of data, the header describes %llu", file,
                       bytes, (unsigned long long)at);
    s->n = n;
    if (n)
        qsort(s->by_name, n, sizeof *s->by_name, compare_names);
    return ZO_OK;
}

static zo_status read_entries(zo_safetensors *s, const char *data, size_t bytes, const char *file,
                              zo_error *err)
{
    size_t most = json_object_size(s->header), n = 0;
    entry *entries = NULL;
    const char *name;
    json_t *value;
    zo_status st = check_meta(file, json_object_get(s->header, "__metadata__"), err);
    if (!st)
        st = zo_mem_array(s->mem, ZO_ACCOUNT_DATA, most, sizeof *entries, "a safetensors header", &entries,
                          err);
    if (!st)
        st = zo_mem_array(s->mem, ZO_ACCOUNT_DATA, most, sizeof *s->tensors, "a tensor list", &s->tensors,
                          err);
    if (!st)
        st = zo_mem_array(s->mem, ZO_ACCOUNT_DATA, most, sizeof *s->by_name, "a tensor name index",
                          &s->by_name, err);
    if (st)
        goto cleanup;
    json_object_foreach(s->header, name, value)
    {
        if (strcmp(name, "__metadata__") == 0)
            continue;
        st = read_entry(file, name, value, &entries[n].t, &entries[n].offset, err);
        if (st)
            goto cleanup;
        n++;
    }
    if (n)
        qsort(entries, n, sizeof *entries, compare_offsets);
    st = place(s, entries, n, data, bytes, file, err);
cleanup:
    zo_mem_free(entries);
    return st;
}

static zo_status read_file(zo_safetensors *s, const char *data, size_t bytes, const char *file, zo_error *err)
{
    uint64_t n = 0;
    json_error_t e;
    if (bytes >= sizeof n)
        memcpy(&n, data, sizeof n);
    if (bytes < sizeof n || n > MAX_HEADER || n > bytes - sizeof n || n < 2 || data[sizeof n] != '{')
        return zo_fail(err, ZO_ERR_FORMAT, "read %s: not a safetensors file, or cut short within its header",
                       file);
    s->header = json_loadb(data + sizeof n, (size_t)n, JSON_REJECT_DUPLICATES, &e);
    if (!s->header)
        return zo_fail(err, ZO_ERR_FORMAT, "read %s: header, byte %d: %s", file, e.position, e.text);
    return read_entries(s, data + sizeof n + n, bytes - sizeof n - (size_t)n, file, err);
}

static zo_status open_bytes(zo_file_map map, const void *data, size_t bytes, const char *name, zo_mem *mem,
                            zo_safetensors **out, zo_error *err)
{
    zo_safetensors *s = NULL;
    *out = NULL;
    zo_status st = zo_mem_array(mem, ZO_ACCOUNT_DATA, 1, sizeof *s, "a safetensors reader", &s, err);
    if (st) {
        zo_file_map_close(&map);
        return st;
    }
    *s = (zo_safetensors){.mem = mem, .map = map};
    st = read_file(s, data, bytes, name, err);
    if (st)
        zo_safetensors_free(s);
    else
        *out = s;
    return st;
}

zo_status zo_safetensors_open(const char *path, zo_mem *mem, zo_safetensors **out, zo_error *err)
{
    zo_file_map map;
    *out = NULL;
    zo_status st = zo_file_map_open(path, &map, err);
    return st ? st : open_bytes(map, map.data, map.bytes, path, mem, out, err);
}

zo_status zo_safetensors_open_memory(const void *data, size_t bytes, const char *name, zo_mem *mem,
                                     zo_safetensors **out, zo_error *err)
{
    return open_bytes((zo_file_map){0}, data, bytes, name, mem, out, err);
}

void zo_safetensors_free(zo_safetensors *s)
{
    if (!s)
        return;
    json_decref(s->header);
    zo_mem_free(s->tensors);
    zo_mem_free(s->by_name);
    zo_file_map_close(&s->map);
    zo_mem_free(s);
}

size_t zo_safetensors_count(const zo_safetensors *s)
{
    return s->n;
}

const zo_st_tensor *zo_safetensors_at(const zo_safetensors *s, size_t i)
{
    assert(i < s->n);
    return &s->tensors[i];
}

const zo_st_tensor *zo_safetensors_find(const zo_safetensors *s, const char *name)
{
    size_t lo = 0, hi = s->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = strcmp(name, s->by_name[mid]->name);
        if (c == 0) {
            s->by_name[mid]->used = true;
            return s->by_name[mid];
        }
        if (c < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return NULL;
}

const char *zo_safetensors_meta(const zo_safetensors *s, const char *key)
{
    return json_string_value(json_object_get(json_object_get(s->header, "__metadata__"), key));
}

/* --- writer --- */

/* Widest type first, so that each tensor is aligned to its own width. */
static int compare_for_writing(const void *a, const void *b)
{
    const zo_st_tensor *x = *(const zo_st_tensor *const *)a, *y = *(const zo_st_tensor *const *)b;
    int bx = bits_of_type(x->dtype), by = bits_of_type(y->dtype);
    return bx != by ? (bx < by) - (bx > by) : strcmp(x->name, y->name);
}

static zo_status check_for_writing(const char *path, const zo_st_tensor *t, zo_error *err)
{
    size_t bytes;
    int bits = t->dtype ? bits_of_type(t->dtype) : 0;
    if (!t->name || !bits || t->rank < 0 || t->rank > ZO_ST_MAX_RANK || strcmp(t->name, "__metadata__") == 0)
        return zo_fail(err, ZO_ERR_INVALID, "write %s: tensor %.128s: no such name, type or rank", path,
                       t->name ? t->name : "(none)");
    if (!bytes_of(bits, t->rank, t->shape, &bytes) || bytes != t->bytes)
        return zo_fail(err, ZO_ERR_INVALID, "write %s: tensor %.128s: %zu bytes do not match its shape", path,
                       t->name, t->bytes);
    return ZO_OK;
}

/* Adds name: {dtype, shape, data_offsets} to header. The JSON calls fail on exhausted memory or on a name that
 * is not UTF-8. */
static bool put_entry(json_t *header, const zo_st_tensor *t, uint64_t begin)
{
    json_t *shape = json_array();
    bool ok = shape != NULL;
    for (int i = 0; i < t->rank && ok; i++)
        ok = json_array_append_new(shape, json_integer(t->shape[i])) == 0;
    json_t *e = ok ? json_pack("{s:s, s:O, s:[I, I]}", "dtype", t->dtype, "shape", shape, "data_offsets",
                               (json_int_t)begin, (json_int_t)(begin + t->bytes))
                   : NULL;
    json_decref(shape);
    return e && json_object_set_new(header, t->name, e) == 0;
}

/* The header's text, a NUL-terminated string from jansson, or NULL. */
static char *header_text(const zo_st_tensor *const *order, size_t n, const char *const *meta, size_t n_meta)
{
    uint64_t at = 0;
    char *text = NULL;
    json_t *header = json_object(), *m = n_meta ? json_object() : NULL;
    bool ok = header && (!n_meta || m);
    for (size_t i = 0; i < n_meta && ok; i++)
        ok = json_object_set_new(m, meta[2 * i], json_string(meta[2 * i + 1])) == 0;
    if (ok && n_meta)
        ok = json_object_set(header, "__metadata__", m) == 0;
    for (size_t i = 0; i < n && ok; at += order[i]->bytes, i++)
        ok = put_entry(header, order[i], at);
    if (ok)
        text = json_dumps(header, JSON_COMPACT);
    json_decref(m);
    json_decref(header);
    return text;
}

static zo_status write_all(const char *path, const char *text, const zo_st_tensor *const *order, size_t n,
                           zo_error *err)
{
    static const char spaces[8] = "        ";
    size_t length = strlen(text), padding = (8 - length % 8) % 8;
    uint64_t total = length + padding;
    zo_file_draft d = {0};
    if (total > MAX_HEADER)
        return zo_fail(err, ZO_ERR_INVALID, "write %s: its header would be longer than the format allows",
                       path);
    zo_status st = zo_file_draft_open(&d, path, err);
    if (!st)
        st = zo_file_draft_write(&d, &total, sizeof total, err);
    if (!st)
        st = zo_file_draft_write(&d, text, length, err);
    if (!st)
        st = zo_file_draft_write(&d, spaces, padding, err);
    for (size_t i = 0; i < n && !st; i++)
        st = zo_file_draft_write(&d, order[i]->data, order[i]->bytes, err);
    if (!st)
        st = zo_file_draft_commit(&d, err);
    zo_file_draft_discard(&d);
    return st;
}

zo_status zo_safetensors_write(const char *path, const zo_st_tensor *tensors, size_t n,
                               const char *const *meta, size_t n_meta, zo_error *err)
{
    zo_status st = ZO_OK;
    const zo_st_tensor **order = NULL;
    char *text = NULL;
    st = zo_mem_array(NULL, ZO_ACCOUNT_DATA, n, sizeof *order, "a tensor order", &order, err);
    for (size_t i = 0; i < n && !st; i++) {
        order[i] = &tensors[i];
        st = check_for_writing(path, &tensors[i], err);
    }
    if (st)
        goto cleanup;
    qsort(order, n, sizeof *order, compare_names);
    for (size_t i = 1; i < n; i++)
        if (strcmp(order[i - 1]->name, order[i]->name) == 0) {
            st = zo_fail(err, ZO_ERR_INVALID, "write %s: tensor %.128s repeats", path, order[i]->name);
            goto cleanup;
        }
    qsort(order, n, sizeof *order, compare_for_writing);
    text = header_text(order, n, meta, n_meta);
    st = text ? write_all(path, text, order, n, err)
              : zo_fail(err, ZO_ERR_INVALID, "write %s: a name is not UTF-8, or memory is exhausted", path);
cleanup:
    free(text);
    zo_mem_free(order);
    return st;
}
