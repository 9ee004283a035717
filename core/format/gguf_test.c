/* Tests of gguf.c over files composed here, hostile ones among them, and over a published model. */
#include "core/format/gguf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/format/gguf_fixture.h"

#define MODEL "models/smollm2-135m.gguf"

/* A file with every kind of value, arrays of both sorts, and two tensors; the last byte belongs to the second. */
static gguf_make small_file(uint32_t version)
{
    gguf_make m = {0};
    const uint64_t dims[] = {32, 2}, one[] = {3};
    make_header(&m, version, 2, 15);
    make_key(&m, "u8", GGUF_U8), make_bytes(&m, "\xff", 1);
    make_key(&m, "i8", GGUF_I8), make_bytes(&m, "\xff", 1);
    make_key(&m, "u16", GGUF_U16), make_bytes(&m, "\xfe\xff", 2);
    make_key(&m, "i16", GGUF_I16), make_bytes(&m, "\xfe\xff", 2);
    make_pair_u32(&m, "u32", 0xfffffffd);
    make_key(&m, "i32", GGUF_I32), make_u32(&m, 0xfffffffd);
    make_pair_f32(&m, "f32", 1.5f);
    make_key(&m, "yes", GGUF_BOOL), make_bytes(&m, "\1", 1);
    make_pair_str(&m, "string", "text");
    make_key(&m, "u64", GGUF_U64), make_u64(&m, UINT64_MAX);
    make_key(&m, "i64", GGUF_I64), make_u64(&m, UINT64_MAX);
    double d = -0.25;
    make_key(&m, "f64", GGUF_F64), make_bytes(&m, &d, sizeof d);
    make_pair_array(&m, "words", GGUF_STRING, 3);
    make_str(&m, "a"), make_str(&m, ""), make_str(&m, "longer");
    make_pair_array(&m, "numbers", GGUF_I16, 2), make_bytes(&m, "\1\0\xff\xff", 4);
    make_pair_array(&m, "nothing", GGUF_F64, 0);
    make_tensor(&m, "second", 1, one, 0, 64);
    make_tensor(&m, "first", 2, dims, 2, 0); /* Q4_0 */
    make_padding(&m, 32);
    size_t start = m.n;
    for (int i = 0; i < 36; i++)
        make_bytes(&m, "\x3c", 1);
    while (m.n < start + 64)
        make_bytes(&m, "", 1);
    const float values[] = {1, 2, 3};
    make_bytes(&m, values, sizeof values);
    return m;
}

static void reads_every_kind(void **state)
{
    (void)state;
    for (uint32_t version = 2; version <= 3; version++) {
        gguf_make m = small_file(version);
        zo_gguf *g;
        zo_mem mem = {0};
        zo_error err = {0};
        assert_int_equal(zo_gguf_open_memory(m.bytes, m.n, "small", &mem, &g, &err), ZO_OK);
        static const struct {
            const char *key;
            bool is_int;
            int64_t i;
            bool is_real;
            double r;
        } cases[] = {
            {"u8", true, 255, true, 255},
            {"i8", true, -1, true, -1},
            {"u16", true, 65534, true, 65534},
            {"i16", true, -2, true, -2},
            {"u32", true, 4294967293, true, 4294967293},
            {"i32", true, -3, true, -3},
            {"f32", false, 0, true, 1.5},
            {"yes", true, 1, false, 0},
            {"string", false, 0, false, 0},
            {"u64", false, 0, true, 18446744073709551616.0},
            {"i64", true, -1, true, -1},
            {"f64", false, 0, true, -0.25},
            {"words", false, 0, false, 0},
            {"absent", false, 0, false, 0},
        };
        for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
            int64_t i = 77;
            double r = 77;
            assert_int_equal(zo_gguf_int(g, cases[c].key, &i), cases[c].is_int);
            assert_true(i == (cases[c].is_int ? cases[c].i : 77));
            assert_int_equal(zo_gguf_real(g, cases[c].key, &r), cases[c].is_real);
            assert_true(r == (cases[c].is_real ? cases[c].r : 77));
        }
        zo_gguf_str s;
        assert_true(zo_gguf_string(g, "string", &s));
        assert_int_equal(s.n, 4);
        assert_memory_equal(s.s, "text", 4);
        assert_false(zo_gguf_string(g, "u8", &s));
        assert_false(zo_gguf_string(g, "words", &s));
        assert_true(zo_gguf_array_strings(g, "words") == 3);
        assert_true(zo_gguf_array_numbers(g, "words") == -1);
        assert_true(zo_gguf_array_strings(g, "string") == -1);
        s = zo_gguf_array_string(g, "words", 2);
        assert_int_equal(s.n, 6);
        assert_memory_equal(s.s, "longer", 6);
        assert_int_equal(zo_gguf_array_string(g, "words", 1).n, 0);
        assert_true(zo_gguf_array_numbers(g, "numbers") == 2);
        assert_true(zo_gguf_array_number(g, "numbers", 0) == 1);
        assert_true(zo_gguf_array_number(g, "numbers", 1) == -1);
        assert_true(zo_gguf_array_numbers(g, "nothing") == 0);
        assert_true(zo_gguf_has(g, "nothing"));
        assert_false(zo_gguf_has(g, "noth"));
        assert_int_equal(zo_gguf_key_count(g), 15);
        assert_memory_equal(zo_gguf_key_at(g, 0).s, "f32", 3);
        zo_gguf_free(g);
        assert_int_equal(mem.now[ZO_ACCOUNT_DATA], 0);
        free(m.bytes);
    }
}

static void reads_tensors(void **state)
{
    (void)state;
    gguf_make m = small_file(3);
    zo_gguf *g;
    float out[64];
    assert_int_equal(zo_gguf_open_memory(m.bytes, m.n, "small", NULL, &g, NULL), ZO_OK);
    assert_int_equal(zo_gguf_tensor_count(g), 2);
    const zo_gguf_tensor *first = zo_gguf_tensor_find(g, "first"), *second = zo_gguf_tensor_find(g, "second");
    assert_ptr_equal(zo_gguf_tensor_at(g, 1), first);
    assert_null(zo_gguf_tensor_find(g, "third"));
    assert_int_equal(first->rank, 2);
    assert_int_equal(first->shape[0], 2); /* row-major: the file's dims reversed */
    assert_int_equal(first->shape[1], 32);
    assert_int_equal(first->bytes, 36);
    zo_dtype_get(first->dtype)->decode(first->data, out, 64);
    float d = zo_f16_to_f32(0x3c3c); /* each byte is 3c: d * (12 - 8) and d * (3 - 8) */
    for (int i = 0; i < 64; i++)
        assert_true(out[i] == (i % 32 < 16 ? 4 * d : -5 * d));
    assert_int_equal(second->rank, 1);
    assert_int_equal(second->shape[0], 3);
    zo_dtype_get(second->dtype)->decode(second->data, out, 3);
    assert_true(out[0] == 1 && out[1] == 2 && out[2] == 3);
    zo_gguf_free(g);
    free(m.bytes);
}

/* Opens an exact copy, so that a sanitizer sees a read one byte past it. */
static zo_status open_copy(const uint8_t *bytes, size_t n, zo_error *err)
{
    zo_mem mem = {0};
    zo_gguf *g;
    uint8_t *copy = malloc(n ? n : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, n);
    zo_status st = zo_gguf_open_memory(copy, n, "hostile", &mem, &g, err);
    if (!st) {
        volatile double sum = gguf_walk(g);
        (void)sum;
    } else {
        assert_null(g);
        assert_int_equal(err->status, st);
    }
    zo_gguf_free(g);
    free(copy);
    assert_int_equal(mem.now[ZO_ACCOUNT_DATA], 0);
    return st;
}

static void truncation_is_refused(void **state)
{
    (void)state;
    gguf_make m = small_file(3);
    for (size_t n = 0; n < m.n; n++) {
        zo_error err = {0};
        if (open_copy(m.bytes, n, &err) != ZO_ERR_FORMAT)
            fail_msg("the first %zu of %zu bytes were accepted", n, m.n);
    }
    free(m.bytes);
}

static void flipped_bits_do_no_harm(void **state)
{
    (void)state;
    gguf_make m = small_file(3);
    size_t refused = 0;
    for (size_t bit = 0; bit < 8 * m.n; bit++) {
        zo_error err = {0};
        m.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        refused += open_copy(m.bytes, m.n, &err) != ZO_OK;
        m.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_in_range(refused, 500, 8 * m.n - 500); /* both happen often: lengths against values */
    free(m.bytes);
}

static void allocation_failures_are_reported(void **state)
{
    (void)state;
    gguf_make m = small_file(3);
    zo_status st = ZO_ERR_MEMORY;
    long after = 0;
    while (st == ZO_ERR_MEMORY) {
        zo_mem mem = {.fail_after = ++after};
        zo_gguf *g;
        zo_error err = {0};
        st = zo_gguf_open_memory(m.bytes, m.n, "small", &mem, &g, &err);
        assert_true((st == ZO_OK) == (g != NULL));
        zo_gguf_free(g);
        assert_int_equal(mem.now[ZO_ACCOUNT_DATA], 0);
    }
    assert_int_equal(st, ZO_OK);
    assert_in_range(after, 6, 20); /* reader, pairs, array index, tensors, offsets, names */
    free(m.bytes);
}

/* One small file per rule; each breaks only that. */
typedef enum rule {
    KEY_TWICE,
    VALUE_TYPE,
    NESTED_ARRAY,
    LONG_ARRAY,
    LONG_STRING,
    BAD_BOOL,
    TENSOR_TWICE,
    RANK_5,
    ZERO_DIM,
    HUGE_DIMS,
    LONG_NAME,
    ODD_ROW,
    ODD_OFFSET,
    PAST_THE_END,
    ALIGNMENT_24,
    TENSOR_TYPE,
    VERSION_1,
    SWAPPED,
    VERSION_4,
    MANY_TENSORS,
    MANY_PAIRS,
    NO_RULE, /* the same frame is a valid, empty file */
    RULES
} rule;

static const struct {
    uint32_t version;
    uint64_t tensors, pairs;
    zo_status status;
    const char *text; /* in the message */
} rules[RULES] = {
    [KEY_TWICE] = {3, 0, 2, ZO_ERR_FORMAT, "key repeats"},
    [VALUE_TYPE] = {3, 0, 1, ZO_ERR_FORMAT, "unknown type"},
    [NESTED_ARRAY] = {3, 0, 1, ZO_ERR_FORMAT, "element type"},
    [LONG_ARRAY] = {3, 0, 1, ZO_ERR_FORMAT, "array reaches past"},
    [LONG_STRING] = {3, 0, 1, ZO_ERR_FORMAT, "string reaches past"},
    [BAD_BOOL] = {3, 0, 1, ZO_ERR_FORMAT, "boolean"},
    [TENSOR_TWICE] = {3, 2, 0, ZO_ERR_FORMAT, "tensor t repeats"},
    [RANK_5] = {3, 1, 0, ZO_ERR_FORMAT, "more than 4 dimensions"},
    [ZERO_DIM] = {3, 1, 0, ZO_ERR_FORMAT, "dimensions are 0"},
    [HUGE_DIMS] = {3, 1, 0, ZO_ERR_FORMAT, "too large"},
    [LONG_NAME] = {3, 1, 0, ZO_ERR_FORMAT, "longer than 63 bytes"},
    [ODD_ROW] = {3, 1, 0, ZO_ERR_FORMAT, "rows of 33 values"},
    [ODD_OFFSET] = {3, 1, 0, ZO_ERR_FORMAT, "misaligned"},
    [PAST_THE_END] = {3, 1, 0, ZO_ERR_FORMAT, "past the end of the file"},
    [ALIGNMENT_24] = {3, 1, 1, ZO_ERR_FORMAT, "alignment is not a power of two"},
    [TENSOR_TYPE] = {3, 1, 0, ZO_ERR_UNSUPPORTED, "type Q4_2 (ggml's 4)"},
    [VERSION_1] = {1, 0, 0, ZO_ERR_UNSUPPORTED, "GGUF version 1"},
    [SWAPPED] = {0x03000000, 0, 0, ZO_ERR_UNSUPPORTED, "big-endian"},
    [VERSION_4] = {4, 0, 0, ZO_ERR_UNSUPPORTED, "GGUF version 4"},
    [MANY_TENSORS] = {3, UINT64_MAX, 0, ZO_ERR_FORMAT, "more tensors than"},
    [MANY_PAIRS] = {3, 0, UINT64_MAX / 13, ZO_ERR_FORMAT, "more metadata entries than"},
    [NO_RULE] = {3, 0, 0, ZO_OK, ""},
};

/* The metadata entry of a rule about metadata. */
static void make_refused_pair(gguf_make *m, rule r)
{
    switch (r) {
    case KEY_TWICE:
        make_pair_u32(m, "twice", 1);
        make_pair_str(m, "twice", "");
        break;
    case VALUE_TYPE:
        make_key(m, "k", 13);
        break;
    case NESTED_ARRAY:
        make_pair_array(m, "k", GGUF_ARRAY, 1);
        make_u32(m, GGUF_U8);
        make_u64(m, 0);
        break;
    case LONG_ARRAY: /* times 8 bytes it would wrap to 8 */
        make_pair_array(m, "k", GGUF_U64, UINT64_MAX / 8 + 2);
        break;
    case LONG_STRING:
        make_pair_array(m, "k", GGUF_STRING, 1);
        make_u64(m, UINT64_MAX);
        break;
    case BAD_BOOL:
        make_key(m, "k", GGUF_BOOL);
        make_bytes(m, "\2", 1);
        break;
    case ALIGNMENT_24:
        make_pair_u32(m, "general.alignment", 24);
        break;
    default:
        break;
    }
}

static void make_refused_tensor(gguf_make *m, rule r)
{
    const uint64_t row[] = {32}, five[] = {1, 1, 1, 1, 1}, zero[] = {32, 0}, odd[] = {33},
                   wide[] = {UINT64_C(1) << 40};
    const uint64_t huge[] = {UINT64_C(1) << 62, 32}; /* the product wraps to 0 */
    char name[65] = {0};
    memset(name, 'n', 64);
    switch (r) {
    case RANK_5:
        make_tensor(m, "t", 5, five, 0, 0);
        break;
    case ZERO_DIM:
        make_tensor(m, "t", 2, zero, 0, 0);
        break;
    case HUGE_DIMS:
        make_tensor(m, "t", 2, huge, 0, 0);
        break;
    case LONG_NAME:
        make_tensor(m, name, 1, row, 0, 0);
        break;
    case ODD_ROW:
        make_tensor(m, "t", 1, odd, 2, 0);
        break;
    case ODD_OFFSET:
        make_tensor(m, "t", 1, row, 0, 16);
        break;
    case PAST_THE_END:
        make_tensor(m, "t", 1, wide, 0, 0);
        break;
    case TENSOR_TYPE: /* once Q4_2 */
        make_tensor(m, "t", 1, row, 4, 0);
        break;
    default:
        make_tensor(m, "t", 1, row, 0, 0);
        break;
    }
}

static void rules_are_kept(void **state)
{
    (void)state;
    for (rule r = 0; r < RULES; r++) {
        gguf_make m = {0};
        zo_error err = {0};
        make_header(&m, rules[r].version, rules[r].tensors, rules[r].pairs);
        make_refused_pair(&m, r);
        for (uint64_t i = 0; i < rules[r].tensors && i < 2; i++)
            make_refused_tensor(&m, r);
        make_padding(&m, 32);
        for (int i = 0; i < 512; i++)
            make_bytes(&m, "", 1);
        zo_status st = open_copy(m.bytes, m.n, &err);
        if (st != rules[r].status || !strstr(err.text, rules[r].text))
            fail_msg("rule %d: status %d \"%s\", expected %d \"%s\"", (int)r, (int)st, err.text,
                     (int)rules[r].status, rules[r].text);
        free(m.bytes);
    }
}

static void paths_that_are_no_files(void **state)
{
    (void)state;
    char dir[512], path[600];
    const char *tmp = getenv("TMPDIR");
    zo_gguf *g;
    snprintf(dir, sizeof dir, "%s/zobench-gguf-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/empty", dir);
    fclose(fopen(path, "w"));
    const struct {
        const char *path;
        zo_status status;
        const char *text;
    } cases[] = {{"/nonexistent/x.gguf", ZO_ERR_IO, "open /nonexistent/x.gguf: No such file"},
                 {dir, ZO_ERR_IO, "is a folder"},
                 {path, ZO_ERR_FORMAT, "the file is empty"},
                 {"/dev/null", ZO_ERR_IO, "not a regular file"}};
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        zo_error err = {0};
        assert_int_equal(zo_gguf_open(cases[c].path, NULL, &g, &err), cases[c].status);
        assert_null(g);
        assert_non_null(strstr(err.text, cases[c].text));
    }
    unlink(path);
    rmdir(dir);
}

/* Numbers as the file's publisher states them: SmolLM2-135M-Instruct, quantized with llama.cpp. */
static void reads_a_published_model(void **state)
{
    (void)state;
    zo_gguf *g;
    zo_error err = {0};
    zo_mem mem = {0};
    int64_t v;
    if (access(MODEL, R_OK) != 0) {
        printf("skip: %s is not there\n", MODEL);
        skip();
    }
    if (zo_gguf_open(MODEL, &mem, &g, &err))
        fail_msg("%s", err.text);
    assert_int_equal(zo_gguf_tensor_count(g), 272);
    assert_true(zo_gguf_int(g, "llama.block_count", &v) && v == 30);
    assert_true(zo_gguf_array_strings(g, "tokenizer.ggml.tokens") == 49152);
    assert_true(zo_gguf_array_strings(g, "tokenizer.ggml.merges") == 48900);
    zo_gguf_str s = zo_gguf_array_string(g, "tokenizer.ggml.tokens", 1);
    assert_int_equal(s.n, 12);
    assert_memory_equal(s.s, "<|im_start|>", 12);
    const zo_gguf_tensor *t = zo_gguf_tensor_find(g, "token_embd.weight");
    assert_int_equal(t->dtype, ZO_DTYPE_Q8_0);
    assert_int_equal(t->shape[0], 49152);
    assert_int_equal(t->shape[1], 576);
    assert_int_equal(zo_gguf_tensor_find(g, "blk.29.ffn_down.weight")->dtype, ZO_DTYPE_Q4_1);
    volatile double sum = gguf_walk(g);
    (void)sum;
    zo_gguf_free(g);
    assert_int_equal(mem.now[ZO_ACCOUNT_DATA], 0);
}

/* --- models in parts --- */

/* One part, with a tensor of one f32, its number, and what else is said. tensors: split.tensors.count, 0: not stated. */
static void write_part(const char *path, const char *tensor, uint32_t no, uint32_t count, uint32_t tensors)
{
    gguf_make m = {0};
    const uint64_t one[] = {1};
    const float value = (float)no + 1;
    make_header(&m, 3, 1, 2 + (tensors > 0));
    make_pair_u32(&m, "split.no", no);
    make_pair_u32(&m, "split.count", count);
    if (tensors)
        make_pair_u32(&m, "split.tensors.count", tensors);
    make_tensor(&m, tensor, 1, one, 0, 0);
    make_padding(&m, 32);
    make_bytes(&m, &value, sizeof value);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(m.bytes, 1, m.n, f), m.n);
    assert_int_equal(fclose(f), 0);
    free(m.bytes);
}

static void parts_are_one_model(void **state)
{
    (void)state;
    static const struct {
        const char *name;          /* of the first part */
        const char *second;        /* its tensor */
        uint32_t no, count, total; /* of the second; what the first states of tensors */
        const char *open, *says;   /* NULL: opens */
    } rows[] = {
        {"m-00001-of-00002.gguf", "b", 1, 2, 2, "m-00001-of-00002.gguf", NULL},
        {"m-00001-of-00002.gguf", "b", 1, 2, 0, "m-00001-of-00002.gguf", NULL},
        {"m-00001-of-00002.gguf", "b", 1, 2, 2, "m-00002-of-00002.gguf",
         "part 2 of 2 of a model: the first part"},
        {"whole.gguf", "b", 1, 2, 2, "whole.gguf",
         "part 1 of 2 of a model, and its name does not end in -00001-of-00002"},
        {"m-00001-of-00002.gguf", "b", 0, 2, 2, "m-00001-of-00002.gguf", "part 1 of 2, where part 2 of 2"},
        {"m-00001-of-00002.gguf", "b", 1, 3, 2, "m-00001-of-00002.gguf", "part 2 of 3, where part 2 of 2"},
        {"m-00001-of-00002.gguf", "b", 1, 2, 3, "m-00001-of-00002.gguf",
         "hold 2 tensors, split.tensors.count says 3"},
        {"m-00001-of-00002.gguf", "a", 1, 2, 2, "m-00001-of-00002.gguf", "tensor a repeats"},
        {"m-00001-of-00002.gguf", NULL, 1, 2, 2, "m-00001-of-00002.gguf",
         "m-00002-of-00002.gguf: No such file"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *tmp = getenv("TMPDIR");
        char dir[256], first[400], second[400], path[400];
        zo_mem mem = {0};
        zo_error err = {0};
        zo_gguf *g = NULL;
        snprintf(dir, sizeof dir, "%s/zobench-gguf-XXXXXX", tmp ? tmp : "/tmp");
        assert_non_null(mkdtemp(dir));
        snprintf(first, sizeof first, "%s/%s", dir, rows[i].name);
        snprintf(second, sizeof second, "%s/m-00002-of-00002.gguf", dir);
        snprintf(path, sizeof path, "%s/%s", dir, rows[i].open);
        write_part(first, "a", 0, 2, rows[i].total);
        if (rows[i].second)
            write_part(second, rows[i].second, rows[i].no, rows[i].count, 0);
        zo_status st = zo_gguf_open(path, &mem, &g, &err);
        if (rows[i].says ? st == ZO_OK || g || !strstr(err.text, rows[i].says) : st != ZO_OK)
            fail_msg("row %zu: status %d \"%s\"", i, (int)st, err.text);
        for (int k = 0; g && k < 2; k++) {
            const zo_gguf_tensor *t = zo_gguf_tensor_find(g, k ? "b" : "a");
            assert_non_null(t);
            assert_true(*(const float *)t->data == (float)k + 1);
        }
        if (g)
            gguf_walk(g);
        zo_gguf_free(g);
        assert_int_equal(mem.now[ZO_ACCOUNT_DATA], 0);
        unlink(first);
        unlink(second);
        assert_int_equal(rmdir(dir), 0);
    }
}

/* What nothing asked for is told, unless it is harmless. */
static void unread_keys_are_told(void **state)
{
    (void)state;
    gguf_make m = {0};
    zo_gguf *g;
    zo_error err = {0};
    int64_t v;
    make_header(&m, 3, 0, 4);
    make_pair_u32(&m, "llama.block_count", 2);
    make_pair_f32(&m, "llama.logit_scale", 1);
    make_pair_f32(&m, "llamas", 1);
    make_pair_str(&m, "general.name", "n");
    assert_int_equal(zo_gguf_open_memory(m.bytes, m.n, "x", NULL, &g, NULL), ZO_OK);
    assert_int_equal(zo_gguf_unread(g, "llama.", ZO_UNREAD_GGUF, &err), ZO_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "llama.block_count"));
    assert_true(zo_gguf_int(g, "llama.block_count", &v));
    assert_int_equal(zo_gguf_unread(g, "llama.", ZO_UNREAD_GGUF, NULL), ZO_OK);
    zo_gguf_free(g);
    free(m.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_kind),        cmocka_unit_test(reads_tensors),
        cmocka_unit_test(truncation_is_refused),   cmocka_unit_test(flipped_bits_do_no_harm),
        cmocka_unit_test(rules_are_kept),          cmocka_unit_test(allocation_failures_are_reported),
        cmocka_unit_test(paths_that_are_no_files), cmocka_unit_test(reads_a_published_model),
        cmocka_unit_test(parts_are_one_model),     cmocka_unit_test(unread_keys_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
