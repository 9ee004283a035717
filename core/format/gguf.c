/* See gguf.h. One pass over the header with a cursor that cannot leave the file; nothing is allocated before
 * the count that asks for it has been held against the bytes that are left. */
#include "core/format/gguf.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"

#define MAGIC             "GGUF"
#define DEFAULT_ALIGNMENT 32
#define MAX_RANK          4

/* Value types of the metadata, by their number in the file. */
typedef enum kind {
    KIND_U8,
    KIND_I8,
    KIND_U16,
    KIND_I16,
    KIND_U32,
    KIND_I32,
    KIND_F32,
    KIND_BOOL,
    KIND_STRING,
    KIND_ARRAY,
    KIND_U64,
    KIND_I64,
    KIND_F64,
    KIND_COUNT
} kind;

/* Bytes of a value; strings and arrays have no fixed size. */
static const uint8_t kind_bytes[KIND_COUNT] = {
    [KIND_U8] = 1,  [KIND_I8] = 1,   [KIND_U16] = 2, [KIND_I16] = 2, [KIND_U32] = 4, [KIND_I32] = 4,
    [KIND_F32] = 4, [KIND_BOOL] = 1, [KIND_U64] = 8, [KIND_I64] = 8, [KIND_F64] = 8,
};

/* The least bytes that an entry takes in the file: what bounds a stated count. */
enum { MIN_STRING = 8, MIN_PAIR = MIN_STRING + 4 + 1, MIN_TENSOR = MIN_STRING + 4 + 4 + 8 };

typedef struct pair {
    zo_gguf_str key;
    kind type; /* of the value; of the elements where is_array */
    bool is_array;
    bool used;              /* a getter was asked for it */
    int64_t count;          /* elements of an array */
    const uint8_t *value;   /* scalars and arrays of them: their bytes */
    zo_gguf_str string;     /* KIND_STRING, no array */
    const uint64_t *starts; /* KIND_STRING, array: where each string's length field lies, from `data` */
} pair;

struct zo_gguf {
    zo_mem *mem;
    zo_file_map map; /* {0} over borrowed memory */
    const uint8_t *data;
    size_t bytes;
    const char *name; /* during open: for messages */
    size_t at;        /* during open: the cursor */
    pair *pairs;      /* sorted by key */
    size_t n_pairs;
    zo_gguf_tensor *tensors; /* in the file's order */
    size_t *by_name;         /* indices of tensors, sorted by name */
    size_t n_tensors;
    zo_gguf **parts; /* the files after the first of a model in parts: owned, for their maps */
    size_t n_parts;
};

static zo_status bad(const zo_gguf *g, zo_error *err, const char *what)
{
    return zo_fail(err, ZO_ERR_FORMAT, "read %s: at byte %zu: %s", g->name, g->at, what);
}

static size_t left(const zo_gguf *g)
{
    return g->bytes - g->at;
}

static zo_status take(zo_gguf *g, void *out, size_t n, zo_error *err)
{
    if (n > left(g))
        return bad(g, err, "the file ends within its header");
    memcpy(out, g->data + g->at, n);
    g->at += n;
    return ZO_OK;
}

static zo_status take_string(zo_gguf *g, zo_gguf_str *out, zo_error *err)
{
    uint64_t n = 0;
    zo_status st = take(g, &n, sizeof n, err);
    if (st)
        return st;
    if (n > left(g))
        return bad(g, err, "a string reaches past the end of the file");
    *out = (zo_gguf_str){.s = (const char *)g->data + g->at, .n = (size_t)n};
    g->at += (size_t)n;
    return ZO_OK;
}

static zo_status check_bools(const zo_gguf *g, const uint8_t *b, uint64_t n, zo_error *err)
{
    for (uint64_t i = 0; i < n; i++)
        if (b[i] > 1)
            return bad(g, err, "a boolean is neither 0 nor 1");
    return ZO_OK;
}

static zo_status take_array(zo_gguf *g, pair *p, zo_error *err)
{
    uint32_t type = 0;
    uint64_t n = 0;
    zo_status st = take(g, &type, sizeof type, err);
    if (!st)
        st = take(g, &n, sizeof n, err);
    if (st)
        return st;
    if (type >= KIND_COUNT || type == KIND_ARRAY)
        return bad(g, err, "an array's element type is unknown, or an array");
    size_t each = type == KIND_STRING ? MIN_STRING : kind_bytes[type];
    if (n > left(g) / each)
        return bad(g, err, "an array reaches past the end of the file");
    p->is_array = true;
    p->type = (kind)type;
    p->count = (int64_t)n;
    p->value = g->data + g->at;
    if (type != KIND_STRING) {
        g->at += (size_t)n * each;
        return type == KIND_BOOL ? check_bools(g, p->value, n, err) : ZO_OK;
    }
    uint64_t *starts = NULL;
    st = zo_mem_array(g->mem, ZO_ACCOUNT_DATA, (size_t)n, sizeof *starts, "the index of a GGUF array",
                      &starts, err);
    p->starts = starts;
    for (uint64_t i = 0; i < n && !st; i++) {
        zo_gguf_str s = {0};
        starts[i] = g->at;
        st = take_string(g, &s, err);
    }
    return st;
}

static zo_status take_pair(zo_gguf *g, pair *p, zo_error *err)
{
    uint32_t type = 0;
    zo_status st = take_string(g, &p->key, err);
    if (!st)
        st = take(g, &type, sizeof type, err);
    if (st)
        return st;
    if (type >= KIND_COUNT)
        return bad(g, err, "a metadata value is of unknown type");
    if (type == KIND_ARRAY)
        return take_array(g, p, err);
    p->type = (kind)type;
    if (type == KIND_STRING)
        return take_string(g, &p->string, err);
    if (kind_bytes[type] > left(g))
        return bad(g, err, "the file ends within its header");
    p->value = g->data + g->at;
    g->at += kind_bytes[type];
    return type == KIND_BOOL ? check_bools(g, p->value, 1, err) : ZO_OK;
}

static int compare_str(zo_gguf_str a, zo_gguf_str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.s, b.s, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

static int compare_pairs(const void *a, const void *b)
{
    return compare_str(((const pair *)a)->key, ((const pair *)b)->key);
}

static zo_status take_pairs(zo_gguf *g, uint64_t n, zo_error *err)
{
    if (n > left(g) / MIN_PAIR)
        return bad(g, err, "more metadata entries than the file has room for");
    zo_status st =
        zo_mem_array(g->mem, ZO_ACCOUNT_DATA, (size_t)n, sizeof *g->pairs, "GGUF metadata", &g->pairs, err);
    while (!st && g->n_pairs < n)
        st = take_pair(g, &g->pairs[g->n_pairs++], err);
    if (st)
        return st;
    qsort(g->pairs, g->n_pairs, sizeof *g->pairs, compare_pairs);
    for (size_t i = 1; i < g->n_pairs; i++)
        if (compare_pairs(&g->pairs[i - 1], &g->pairs[i]) == 0)
            return bad(g, err, "a metadata key repeats");
    return ZO_OK;
}

static zo_status alignment_of(const zo_gguf *g, size_t *out, zo_error *err)
{
    int64_t a = DEFAULT_ALIGNMENT;
    if (zo_gguf_has(g, "general.alignment") &&
        (!zo_gguf_int(g, "general.alignment", &a) || a <= 0 || a > (1 << 30) || (a & (a - 1))))
        return bad(g, err, "general.alignment is not a power of two");
    *out = (size_t)a;
    return ZO_OK;
}

static zo_status refuse_type(const zo_gguf *g, const char *tensor, uint32_t type, zo_error *err)
{
    char known[256] = "";
    const char *name = zo_dtype_gguf_name(type);
    for (int i = 0, n = 0; i < ZO_DTYPE_COUNT; i++)
        n += snprintf(known + n, sizeof known - (size_t)n, "%s%s", i ? ", " : "",
                      zo_dtype_gguf_name((uint32_t)zo_dtype_get((zo_dtype)i)->gguf));
    return zo_fail(err, ZO_ERR_UNSUPPORTED,
                   "read %s: tensor %s: type %s (ggml's %u) is not supported; these are: %s", g->name, tensor,
                   name ? name : "unknown", type, known);
}

/* Name, shape and type; data is left as the offset from the data section, whose place is not known yet. */
static zo_status take_tensor(zo_gguf *g, zo_gguf_tensor *t, uint64_t *offset, zo_error *err)
{
    zo_gguf_str name = {0};
    uint32_t rank = 0, type = 0;
    uint64_t dims[MAX_RANK];
    zo_status st = take_string(g, &name, err);
    if (!st)
        st = take(g, &rank, sizeof rank, err);
    if (st)
        return st;
    if (name.n == 0 || name.n >= sizeof t->name || memchr(name.s, '\0', name.n))
        return bad(g, err, "a tensor's name is empty, longer than 63 bytes, or holds a NUL");
    memcpy(t->name, name.s, name.n);
    if (rank > MAX_RANK)
        return bad(g, err, "a tensor has more than 4 dimensions");
    st = take(g, dims, rank * sizeof dims[0], err);
    if (!st)
        st = take(g, &type, sizeof type, err);
    if (!st)
        st = take(g, offset, sizeof *offset, err);
    if (st)
        return st;
    if (!zo_dtype_from_gguf(type, &t->dtype))
        return refuse_type(g, t->name, type, err);
    const zo_dtype_info *d = zo_dtype_get(t->dtype);
    int64_t values = 1;
    t->rank = (int)rank;
    for (uint32_t i = 0; i < rank; i++) {
        if (dims[i] == 0 || dims[i] > INT64_MAX || __builtin_mul_overflow(values, (int64_t)dims[i], &values))
            return bad(g, err, "a tensor's dimensions are 0 or too large");
        t->shape[rank - 1 - i] = (int64_t)dims[i];
    }
    int64_t row = rank ? (int64_t)dims[0] : 1;
    if (row % d->block)
        return zo_fail(err, ZO_ERR_FORMAT,
                       "read %s: tensor %s: rows of %lld values are not blocks of %d (%s)", g->name, t->name,
                       (long long)row, d->block, zo_dtype_gguf_name(type));
    if (__builtin_mul_overflow((size_t)(values / d->block), (size_t)d->bytes, &t->bytes))
        return bad(g, err, "a tensor's dimensions are too large");
    return ZO_OK;
}

static zo_status take_tensors(zo_gguf *g, uint64_t n, zo_error *err)
{
    uint64_t *offsets = NULL;
    size_t alignment = 0;
    if (n > left(g) / MIN_TENSOR)
        return bad(g, err, "more tensors than the file has room for");
    zo_status st = zo_mem_array(g->mem, ZO_ACCOUNT_DATA, (size_t)n, sizeof *g->tensors,
                                "the GGUF tensor list", &g->tensors, err);
    if (!st)
        st = zo_mem_array(g->mem, ZO_ACCOUNT_DATA, (size_t)n, sizeof *offsets, "GGUF offsets", &offsets, err);
    for (; !st && g->n_tensors < n; g->n_tensors++)
        st = take_tensor(g, &g->tensors[g->n_tensors], &offsets[g->n_tensors], err);
    if (!st)
        st = alignment_of(g, &alignment, err);
    if (st)
        goto cleanup;
    size_t start = (g->at + alignment - 1) & ~(alignment - 1);
    for (size_t i = 0; i < g->n_tensors; i++) {
        zo_gguf_tensor *t = &g->tensors[i];
        if (offsets[i] % alignment || start > g->bytes || offsets[i] > g->bytes - start ||
            t->bytes > g->bytes - start - offsets[i]) {
            st = zo_fail(
                err, ZO_ERR_FORMAT,
                "read %s: tensor %s: its data (offset %llu, %zu bytes) is misaligned or past the end of "
                "the file (is the file cut short?)",
                g->name, t->name, (unsigned long long)offsets[i], t->bytes);
            goto cleanup;
        }
        t->data = g->data + start + offsets[i];
    }
cleanup:
    zo_mem_free(offsets);
    return st;
}

static int compare_names(const void *a, const void *b, void *tensors)
{
    const zo_gguf_tensor *t = tensors;
    return strcmp(t[*(const size_t *)a].name, t[*(const size_t *)b].name);
}

static zo_status index_tensors(zo_gguf *g, zo_error *err)
{
    zo_status st = zo_mem_array(g->mem, ZO_ACCOUNT_DATA, g->n_tensors, sizeof *g->by_name,
                                "the GGUF name index", &g->by_name, err);
    if (st)
        return st;
    for (size_t i = 0; i < g->n_tensors; i++)
        g->by_name[i] = i;
    qsort_r(g->by_name, g->n_tensors, sizeof *g->by_name, compare_names, g->tensors);
    for (size_t i = 1; i < g->n_tensors; i++) {
        const char *name = g->tensors[g->by_name[i]].name;
        if (strcmp(g->tensors[g->by_name[i - 1]].name, name) == 0)
            return zo_fail(err, ZO_ERR_FORMAT, "read %s: tensor %s repeats", g->name, name);
    }
    return ZO_OK;
}

static zo_status read_header(zo_gguf *g, zo_error *err)
{
    char magic[4];
    uint32_t version = 0;
    uint64_t n_tensors = 0, n_pairs = 0;
    if (left(g) < 24 || memcmp(g->data, MAGIC, sizeof magic) != 0)
        return zo_fail(err, ZO_ERR_FORMAT, "read %s: not a GGUF file", g->name);
    zo_status st = take(g, magic, sizeof magic, err);
    if (!st)
        st = take(g, &version, sizeof version, err);
    if (!st && version != 2 && version != 3)
        st = zo_fail(err, ZO_ERR_UNSUPPORTED, "read %s: GGUF version %u%s is not supported (2 and 3 are)",
                     g->name, version, version && !(version & 0xffff) ? " (a big-endian file?)" : "");
    if (!st)
        st = take(g, &n_tensors, sizeof n_tensors, err);
    if (!st)
        st = take(g, &n_pairs, sizeof n_pairs, err);
    if (!st)
        st = take_pairs(g, n_pairs, err);
    if (!st)
        st = take_tensors(g, n_tensors, err);
    if (!st)
        st = index_tensors(g, err);
    return st;
}

static zo_status open_bytes(zo_file_map map, const void *data, size_t bytes, const char *name, zo_mem *mem,
                            zo_gguf **out, zo_error *err)
{
    zo_gguf *g = NULL;
    *out = NULL;
    zo_status st = zo_mem_array(mem, ZO_ACCOUNT_DATA, 1, sizeof *g, "a GGUF reader", &g, err);
    if (st) {
        zo_file_map_close(&map);
        return st;
    }
    *g = (zo_gguf){.mem = mem, .map = map, .data = data, .bytes = bytes, .name = name};
    st = read_header(g, err);
    g->name = NULL;
    if (st)
        zo_gguf_free(g);
    else
        *out = g;
    return st;
}

/* Which part of how many a file is; 0 of 1 where it is whole. */
static void part_of(const zo_gguf *g, int64_t *no, int64_t *count)
{
    *no = 0;
    *count = 1;
    (void)zo_gguf_int(g, "split.no", no);
    (void)zo_gguf_int(g, "split.count", count);
}

static zo_status open_part(zo_gguf *g, const char *path, int64_t no, int64_t count, zo_error *err)
{
    zo_file_map map;
    int64_t its_no, its_count;
    zo_gguf *part = NULL;
    zo_status st = zo_file_map_open(path, &map, err);
    if (!st)
        st = open_bytes(map, map.data, map.bytes, path, g->mem, &part, err);
    if (st)
        return st;
    g->parts[g->n_parts++] = part;
    part_of(part, &its_no, &its_count);
    if (its_no != no || its_count != count)
        return zo_fail(err, ZO_ERR_FORMAT,
                       "read %s: part %lld of %lld, where part %lld of %lld is looked for", path,
                       (long long)its_no + 1, (long long)its_count, (long long)no + 1, (long long)count);
    return ZO_OK;
}

/* The tensors of all parts in one list. */
static zo_status join_tensors(zo_gguf *g, zo_error *err)
{
    zo_gguf_tensor *all = NULL;
    int64_t stated;
    size_t n = g->n_tensors;
    for (size_t i = 0; i < g->n_parts; i++)
        n += g->parts[i]->n_tensors;
    if (zo_gguf_int(g, "split.tensors.count", &stated) && stated != (int64_t)n)
        return zo_fail(err, ZO_ERR_FORMAT,
                       "read %s: its parts hold %zu tensors, split.tensors.count says %lld", g->name, n,
                       (long long)stated);
    zo_status st = zo_mem_array(g->mem, ZO_ACCOUNT_DATA, n, sizeof *all, "the GGUF tensor list", &all, err);
    if (st)
        return st;
    memcpy(all, g->tensors, g->n_tensors * sizeof *all);
    for (size_t i = 0, at = g->n_tensors; i < g->n_parts; at += g->parts[i++]->n_tensors)
        if (g->parts[i]->n_tensors)
            memcpy(all + at, g->parts[i]->tensors, g->parts[i]->n_tensors * sizeof *all);
    zo_mem_free(g->tensors);
    zo_mem_free(g->by_name);
    g->by_name = NULL;
    g->tensors = all;
    g->n_tensors = n;
    return index_tensors(g, err);
}

/* The files beside path that are the rest of a model in parts, as gguf-split names them: NAME-00001-of-00002.gguf. */
static zo_status open_parts(zo_gguf *g, const char *path, zo_error *err)
{
    int64_t no, count;
    char ending[40];
    char *name = NULL;
    size_t n = strlen(path);
    part_of(g, &no, &count);
    if (count <= 1)
        return ZO_OK;
    snprintf(ending, sizeof ending, "-%05d-of-%05d.gguf", 1, (int)(count & 0xffff));
    size_t k = strlen(ending);
    if (no != 0)
        return zo_fail(err, ZO_ERR_FORMAT,
                       "read %s: part %lld of %lld of a model: the first part is what to name (...%s)", path,
                       (long long)no + 1, (long long)count, ending);
    if (count > 0xffff || n < k || strcmp(path + n - k, ending) != 0)
        return zo_fail(err, ZO_ERR_FORMAT,
                       "read %s: part 1 of %lld of a model, and its name does not end in %s, by which the "
                       "others are found; "
                       "gguf-split --merge makes one file of parts (joining them byte by byte does not)",
                       path, (long long)count, ending);
    zo_status st = zo_mem_array(g->mem, ZO_ACCOUNT_DATA, (size_t)count, sizeof(zo_gguf *),
                                "the parts of a model", &g->parts, err);
    if (!st)
        st = zo_mem_array(g->mem, ZO_ACCOUNT_DATA, n + 1, 1, "a part's name", &name, err);
    for (int64_t i = 1; i < count && !st; i++) {
        memcpy(name, path, n - k);
        snprintf(name + n - k, k + 1, "-%05d-of-%05d.gguf", (int)i + 1, (int)count);
        st = open_part(g, name, i, count, err);
    }
    zo_mem_free(name);
    g->name = path;
    if (!st)
        st = join_tensors(g, err);
    g->name = NULL;
    return st;
}

zo_status zo_gguf_open(const char *path, zo_mem *mem, zo_gguf **out, zo_error *err)
{
    zo_file_map map;
    *out = NULL;
    zo_status st = zo_file_map_open(path, &map, err);
    if (!st)
        st = open_bytes(map, map.data, map.bytes, path, mem, out, err);
    if (!st)
        st = open_parts(*out, path, err);
    if (st) {
        zo_gguf_free(*out);
        *out = NULL;
    }
    return st;
}

zo_status zo_gguf_open_memory(const void *data, size_t bytes, const char *name, zo_mem *mem, zo_gguf **out,
                              zo_error *err)
{
    return open_bytes((zo_file_map){0}, data, bytes, name, mem, out, err);
}

void zo_gguf_free(zo_gguf *g)
{
    if (!g)
        return;
    for (size_t i = 0; i < g->n_pairs; i++)
        zo_mem_free((void *)(uintptr_t)g->pairs[i].starts);
    zo_mem_free(g->pairs);
    zo_mem_free(g->tensors);
    zo_mem_free(g->by_name);
    for (size_t i = 0; i < g->n_parts; i++)
        zo_gguf_free(g->parts[i]);
    zo_mem_free(g->parts);
    zo_file_map_close(&g->map);
    zo_mem_free(g);
}

size_t zo_gguf_tensor_count(const zo_gguf *g)
{
    return g->n_tensors;
}

const zo_gguf_tensor *zo_gguf_tensor_at(const zo_gguf *g, size_t i)
{
    assert(i < g->n_tensors);
    return &g->tensors[i];
}

const zo_gguf_tensor *zo_gguf_tensor_find(const zo_gguf *g, const char *name)
{
    size_t lo = 0, hi = g->n_tensors;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        zo_gguf_tensor *t = &g->tensors[g->by_name[mid]];
        int c = strcmp(name, t->name);
        if (c == 0) {
            t->used = true;
            return t;
        }
        if (c < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return NULL;
}

static const pair *find(const zo_gguf *g, const char *key)
{
    pair wanted = {.key = {key, strlen(key)}};
    pair *p = g->n_pairs ? bsearch(&wanted, g->pairs, g->n_pairs, sizeof wanted, compare_pairs) : NULL;
    if (p)
        p->used = true;
    return p;
}

/* The number at p as an int64 (false: a float, or it does not fit) or as a double. */
static bool load_int(const uint8_t *p, kind type, int64_t *out)
{
    union {
        int8_t i8;
        int16_t i16;
        uint16_t u16;
        int32_t i32;
        uint32_t u32;
        int64_t i64;
        uint64_t u64;
    } v = {0};
    memcpy(&v, p, kind_bytes[type]);
    switch (type) {
    case KIND_U8:
    case KIND_BOOL:
        *out = *p;
        return true;
    case KIND_I8:
        *out = v.i8;
        return true;
    case KIND_U16:
        *out = v.u16;
        return true;
    case KIND_I16:
        *out = v.i16;
        return true;
    case KIND_U32:
        *out = v.u32;
        return true;
    case KIND_I32:
        *out = v.i32;
        return true;
    case KIND_I64:
        *out = v.i64;
        return true;
    case KIND_U64:
        *out = (int64_t)v.u64;
        return v.u64 <= INT64_MAX;
    default:
        return false;
    }
}

static double load_real(const uint8_t *p, kind type)
{
    float f;
    double d;
    uint64_t u;
    int64_t i = 0;
    switch (type) {
    case KIND_F32:
        memcpy(&f, p, sizeof f);
        return (double)f;
    case KIND_F64:
        memcpy(&d, p, sizeof d);
        return d;
    case KIND_U64:
        memcpy(&u, p, sizeof u);
        return (double)u;
    default:
        load_int(p, type, &i);
        return (double)i;
    }
}

size_t zo_gguf_key_count(const zo_gguf *g)
{
    return g->n_pairs;
}

zo_gguf_str zo_gguf_key_at(const zo_gguf *g, size_t i)
{
    assert(i < g->n_pairs);
    return g->pairs[i].key;
}

zo_status zo_gguf_unread(const zo_gguf *g, const char *prefix, zo_unread as, zo_error *err)
{
    size_t n = strlen(prefix);
    zo_status st = ZO_OK;
    for (size_t i = 0; i < g->n_pairs && !st; i++) {
        const pair *p = &g->pairs[i];
        if (p->used || p->key.n < n || memcmp(p->key.s, prefix, n) != 0)
            continue;
        double value = p->is_array || p->type == KIND_STRING ? NAN : load_real(p->value, p->type);
        st = zo_unread_check(as, p->key.s, p->key.n, value, err);
    }
    return st;
}

bool zo_gguf_has(const zo_gguf *g, const char *key)
{
    return find(g, key) != NULL;
}

bool zo_gguf_int(const zo_gguf *g, const char *key, int64_t *out)
{
    const pair *p = find(g, key);
    int64_t v;
    if (!p || p->is_array || p->type == KIND_STRING || !load_int(p->value, p->type, &v))
        return false;
    *out = v;
    return true;
}

bool zo_gguf_real(const zo_gguf *g, const char *key, double *out)
{
    const pair *p = find(g, key);
    if (!p || p->is_array || p->type == KIND_STRING || p->type == KIND_BOOL)
        return false;
    *out = load_real(p->value, p->type);
    return true;
}

bool zo_gguf_string(const zo_gguf *g, const char *key, zo_gguf_str *out)
{
    const pair *p = find(g, key);
    if (!p || p->is_array || p->type != KIND_STRING)
        return false;
    *out = p->string;
    return true;
}

int64_t zo_gguf_array_strings(const zo_gguf *g, const char *key)
{
    const pair *p = find(g, key);
    return p && p->is_array && p->type == KIND_STRING ? p->count : -1;
}

int64_t zo_gguf_array_numbers(const zo_gguf *g, const char *key)
{
    const pair *p = find(g, key);
    return p && p->is_array && p->type != KIND_STRING ? p->count : -1;
}

zo_gguf_str zo_gguf_array_string(const zo_gguf *g, const char *key, int64_t i)
{
    const pair *p = find(g, key);
    assert(p && p->is_array && p->type == KIND_STRING && i >= 0 && i < p->count);
    uint64_t n = 0;
    const uint8_t *at = g->data + p->starts[i];
    memcpy(&n, at, sizeof n);
    return (zo_gguf_str){.s = (const char *)at + sizeof n, .n = (size_t)n};
}

double zo_gguf_array_number(const zo_gguf *g, const char *key, int64_t i)
{
    const pair *p = find(g, key);
    assert(p && p->is_array && p->type != KIND_STRING && i >= 0 && i < p->count);
    return load_real(p->value + i * kind_bytes[p->type], p->type);
}
