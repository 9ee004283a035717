/* Tests of safetensors.c: headers written out by hand, hostile ones among them, and files exchanged with the
 * format's own library. */
#include "core/format/safetensors.h"

#include <string.h>

#include "core/base/folder_fixture.h"
#include "core/format/safetensors_fixture.h"

/* A file of this header and n bytes of data 0, 1, 2, ...; owned by the caller. */
static uint8_t *compose(const char *header, size_t n, size_t *bytes)
{
    uint64_t length = strlen(header);
    uint8_t *file = malloc(8 + length + n);
    assert_non_null(file);
    memcpy(file, &length, 8);
    memcpy(file + 8, header, length);
    for (size_t i = 0; i < n; i++)
        file[8 + length + i] = (uint8_t)i;
    *bytes = 8 + length + n;
    return file;
}

/* Opens an exact copy, so that a sanitizer sees a read one byte past it. */
static zo_status open_copy(const uint8_t *bytes, size_t n, zo_error *err)
{
    zo_mem mem = {0};
    zo_safetensors *s;
    uint8_t *copy = malloc(n ? n : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, n);
    zo_status st = zo_safetensors_open_memory(copy, n, "hostile", &mem, &s, err);
    if (!st) {
        volatile double sum = safetensors_walk(s);
        (void)sum;
    } else {
        assert_null(s);
        assert_int_equal(err->status, st);
    }
    zo_safetensors_free(s);
    free(copy);
    assert_int_equal(mem.now[ZO_ACCOUNT_DATA], 0);
    return st;
}

/* b lies before a; an empty tensor and a scalar are legal. */
static const char small[] = "{\"__metadata__\":{\"format\":\"pt\",\"k\":\"\\u00e9\"},"
                            "\"a\":{\"dtype\":\"F16\",\"shape\":[2,2],\"data_offsets\":[8,16]},"
                            "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
                            "\"none\":{\"dtype\":\"I64\",\"shape\":[4,0],\"data_offsets\":[16,16]},"
                            "\"one\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[16,17]}}   ";

static void reads_a_header(void **state)
{
    (void)state;
    size_t n;
    uint8_t *file = compose(small, 17, &n);
    zo_safetensors *s;
    zo_error err = {0};
    if (zo_safetensors_open_memory(file, n, "small", NULL, &s, &err))
        fail_msg("%s", err.text);
    static const char *const order[] = {"b", "a", "none", "one"};
    assert_int_equal(zo_safetensors_count(s), 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(zo_safetensors_at(s, i)->name, order[i]);
    const zo_st_tensor *a = zo_safetensors_find(s, "a"), *one = zo_safetensors_find(s, "one");
    assert_string_equal(a->dtype, "F16");
    assert_int_equal(a->rank, 2);
    assert_true(a->shape[0] == 2 && a->shape[1] == 2);
    assert_int_equal(a->bytes, 8);
    assert_int_equal(*(const uint8_t *)a->data, 8);
    assert_int_equal(one->rank, 0);
    assert_int_equal(one->bytes, 1);
    assert_int_equal(*(const uint8_t *)one->data, 16);
    assert_int_equal(zo_safetensors_find(s, "none")->bytes, 0);
    assert_null(zo_safetensors_find(s, "__metadata__"));
    assert_null(zo_safetensors_find(s, "c"));
    assert_string_equal(zo_safetensors_meta(s, "format"), "pt");
    assert_string_equal(zo_safetensors_meta(s, "k"), "\xc3\xa9");
    assert_null(zo_safetensors_meta(s, "absent"));
    zo_safetensors_free(s);
    free(file);
}

static void rules_are_kept(void **state)
{
    (void)state;
#define T(shape, offsets) "\"t\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":" offsets "}"
    static const struct {
        const char *header;
        size_t data;
        zo_status status;
        const char *text; /* in the message */
    } cases[] = {
        {"{}", 0, ZO_OK, ""},
        {"{" T("[2]", "[0,8]") "}", 8, ZO_OK, ""},
        {"{" T("[2]", "[0,8]") "}", 9, ZO_ERR_FORMAT, "9 bytes of data, the header describes 8"},
        {"{" T("[2]", "[0,8]") "}", 7, ZO_ERR_FORMAT, "past the end of the file"},
        {"{" T("[2]", "[4,12]") "}", 12, ZO_ERR_FORMAT, "a hole before it"},
        {"{" T("[2]", "[0,4]") "}", 4, ZO_ERR_FORMAT, "do not fit shape"},
        {"{" T("[2]", "[8,0]") "}", 8, ZO_ERR_FORMAT, "do not fit shape"},
        {"{" T("[-2]", "[0,8]") "}", 8, ZO_ERR_FORMAT, "do not fit shape"},
        {"{" T("[4611686018427387904,4]", "[0,0]") "}", 0, ZO_ERR_FORMAT, "do not fit shape"},
        {"{" T("[2]", "[-8,0]") "}", 8, ZO_ERR_FORMAT, "do not fit shape"},
        {"{" T("[2]", "[0,8,8]") "}", 8, ZO_ERR_FORMAT, "want exactly"},
        {"{" T("[2]", "[0.0,8]") "}", 8, ZO_ERR_FORMAT, "want exactly"},
        {"{" T("2", "[0,8]") "}", 8, ZO_ERR_FORMAT, "want exactly"},
        {"{" T("[2.0]", "[0,8]") "}", 8, ZO_ERR_FORMAT, "dimension is not an integer"},
        {"{" T("[1,1,1,1,1,1,1,1,2]", "[0,8]") "}", 8, ZO_ERR_UNSUPPORTED, "more than 8 dimensions"},
        {"{" T("[2]", "[0,8]") "," T("[2]", "[8,16]") "}", 16, ZO_ERR_FORMAT, "duplicate object key"},
        {"{" T("[1]", "[0,4]") ",\"u\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[2,6]}}", 6,
         ZO_ERR_FORMAT, "overlaps"},
        {"{\"t\":[]}", 0, ZO_ERR_FORMAT, "want exactly"},
        {"{\"t\":{\"dtype\":\"F31\",\"shape\":[],\"data_offsets\":[0,4]}}", 4, ZO_ERR_UNSUPPORTED,
         "unknown type F31"},
        {"{\"t\":{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,1]}}", 1, ZO_ERR_FORMAT,
         "do not fit shape"},
        {"{\"t\":{\"dtype\":\"F4\",\"shape\":[4],\"data_offsets\":[0,2]}}", 2, ZO_OK, ""},
        {"{\"t\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1],\"more\":0}}", 1, ZO_ERR_FORMAT,
         "want exactly"},
        {"{\"__metadata__\":{\"k\":1}}", 0, ZO_ERR_FORMAT, "__metadata__ k is not a string"},
        {"{\"__metadata__\":\"k\"}", 0, ZO_ERR_FORMAT, "__metadata__ is not an object"},
        {" {}", 0, ZO_ERR_FORMAT, "not a safetensors file"},
        {"[]", 0, ZO_ERR_FORMAT, "not a safetensors file"},
        {"{]", 0, ZO_ERR_FORMAT, "header, byte"},
        {"{\"\xff\":0}", 0, ZO_ERR_FORMAT, "header, byte"},
    };
#undef T
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        size_t n;
        uint8_t *file = compose(cases[c].header, cases[c].data, &n);
        zo_error err = {0};
        zo_status st = open_copy(file, n, &err);
        if (st != cases[c].status || !strstr(err.text, cases[c].text))
            fail_msg("%s: status %d \"%s\", expected %d \"%s\"", cases[c].header, (int)st, err.text,
                     (int)cases[c].status, cases[c].text);
        free(file);
    }
    /* lengths that lie: beyond the file, beyond the format's limit, and one that wraps */
    static const uint64_t lengths[] = {3, 0, 100000001, UINT64_MAX, UINT64_MAX - 7};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        uint8_t file[10];
        zo_error err = {0};
        memcpy(file, &lengths[i], 8);
        memcpy(file + 8, "{}", 2);
        assert_int_equal(open_copy(file, sizeof file, &err), ZO_ERR_FORMAT);
    }
}

static void truncation_is_refused(void **state)
{
    (void)state;
    size_t n;
    uint8_t *file = compose(small, 17, &n);
    for (size_t some = 0; some < n; some++) {
        zo_error err = {0};
        if (open_copy(file, some, &err) != ZO_ERR_FORMAT)
            fail_msg("the first %zu of %zu bytes were accepted", some, n);
    }
    free(file);
}

static void flipped_bits_do_no_harm(void **state)
{
    (void)state;
    size_t n, refused = 0;
    uint8_t *file = compose(small, 17, &n);
    for (size_t bit = 0; bit < 8 * n; bit++) {
        zo_error err = {0};
        file[bit / 8] ^= (uint8_t)(1 << bit % 8);
        refused += open_copy(file, n, &err) != ZO_OK;
        file[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_in_range(refused, 8 * n / 2,
                    8 * n - 17 * 8); /* most of the header; none of the 17 bytes of data */
    free(file);
}

static void allocation_failures_are_reported(void **state)
{
    (void)state;
    size_t n;
    uint8_t *file = compose(small, 17, &n);
    zo_status st = ZO_ERR_MEMORY;
    long after = 0;
    while (st == ZO_ERR_MEMORY) {
        zo_mem mem = {.fail_after = ++after};
        zo_safetensors *s;
        zo_error err = {0};
        st = zo_safetensors_open_memory(file, n, "small", &mem, &s, &err);
        assert_true((st == ZO_OK) == (s != NULL));
        zo_safetensors_free(s);
        assert_int_equal(mem.now[ZO_ACCOUNT_DATA], 0);
    }
    assert_int_equal(st, ZO_OK);
    assert_in_range(after, 4, 20);
    free(file);
}

/* --- writer --- */

static const float f32[] = {1, -2, 3, 0.5f, 1e30f, -0.0f};
static const uint16_t f16[] = {0x3c00, 0xc000, 0x0001};
static const int64_t i64[] = {-1, INT64_MAX};
static const zo_st_tensor written[] = {
    {.name = "z.half", .dtype = "F16", .rank = 1, .shape = {3}, .data = f16, .bytes = sizeof f16},
    {.name = "b", .dtype = "F32", .rank = 2, .shape = {2, 3}, .data = f32, .bytes = sizeof f32},
    {.name = "a \"quoted\" \xc3\xa9", .dtype = "F32", .rank = 1, .shape = {1}, .data = f32, .bytes = 4},
    {.name = "wide", .dtype = "I64", .rank = 1, .shape = {2}, .data = i64, .bytes = sizeof i64},
    {.name = "empty", .dtype = "F32", .rank = 2, .shape = {0, 7}, .data = NULL, .bytes = 0},
};
enum { WRITTEN = sizeof written / sizeof written[0] };

static void writes_what_it_reads(void **state)
{
    (void)state;
    folder f = folder_make("safetensors", "x.safetensors");
    zo_error err = {0};
    zo_safetensors *s;
    static const char *const meta[] = {"format", "pt", "note", "a \"b\""};
    for (int again = 0; again < 2; again++) /* the second time over the first file */
        if (zo_safetensors_write(f.file, written, WRITTEN, meta, 2, &err))
            fail_msg("%s", err.text);
    assert_int_equal(folder_files(&f), 1);
    if (zo_safetensors_open(f.file, NULL, &s, &err))
        fail_msg("%s", err.text);
    assert_int_equal(zo_safetensors_count(s), WRITTEN);
    assert_string_equal(zo_safetensors_at(s, 0)->name, "wide"); /* widest type first */
    assert_string_equal(zo_safetensors_at(s, WRITTEN - 1)->name, "z.half");
    for (size_t i = 0; i < WRITTEN; i++) {
        const zo_st_tensor *w = &written[i], *r = zo_safetensors_find(s, w->name);
        assert_non_null(r);
        assert_string_equal(r->dtype, w->dtype);
        assert_int_equal(r->rank, w->rank);
        assert_memory_equal(r->shape, w->shape, sizeof w->shape[0] * (size_t)w->rank);
        assert_int_equal(r->bytes, w->bytes);
        if (w->bytes)
            assert_memory_equal(r->data, w->data, w->bytes);
        assert_int_equal((uintptr_t)r->data % 8 % (strcmp(w->dtype, "F16") ? 4 : 2), 0);
    }
    assert_string_equal(zo_safetensors_meta(s, "note"), "a \"b\"");
    zo_safetensors_free(s);
    folder_remove(&f);
}

static void refuses_to_write_nonsense(void **state)
{
    (void)state;
    static const zo_st_tensor twice[] = {
        {.name = "a", .dtype = "U8", .rank = 0, .data = "x", .bytes = 1},
        {.name = "a", .dtype = "F32", .rank = 1, .shape = {1}, .data = f32, .bytes = 4}};
    static const zo_st_tensor size[] = {
        {.name = "a", .dtype = "F32", .rank = 1, .shape = {2}, .data = f32, .bytes = 4}};
    static const zo_st_tensor type[] = {
        {.name = "a", .dtype = "F33", .rank = 1, .shape = {1}, .data = f32, .bytes = 4}};
    static const zo_st_tensor name[] = {
        {.name = "\xff", .dtype = "F32", .rank = 1, .shape = {1}, .data = f32, .bytes = 4}};
    const struct {
        const zo_st_tensor *t;
        size_t n;
        const char *text;
    } cases[] = {{twice, 2, "repeats"},
                 {size, 1, "4 bytes do not match"},
                 {type, 1, "no such name, type"},
                 {name, 1, "UTF-8"}};
    zo_error err = {0};
    folder f = folder_make("safetensors", "x.safetensors");
    assert_int_equal(zo_safetensors_write(f.file, written, 1, NULL, 0, &err), ZO_OK);
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        zo_safetensors *s;
        err = (zo_error){0};
        assert_int_equal(zo_safetensors_write(f.file, cases[c].t, cases[c].n, NULL, 0, &err), ZO_ERR_INVALID);
        assert_non_null(strstr(err.text, cases[c].text));
        err = (zo_error){0};
        assert_int_equal(zo_safetensors_open(f.file, NULL, &s, &err), ZO_OK); /* as it was */
        assert_non_null(zo_safetensors_find(s, "z.half"));
        zo_safetensors_free(s);
    }
    folder_remove(&f);
    err = (zo_error){0};
    assert_int_equal(zo_safetensors_write(f.file, written, 1, NULL, 0, &err),
                     ZO_ERR_IO); /* the folder is gone */
    assert_non_null(strstr(err.text, "No such file"));
}

/* The format's own library writes the same bytes for the same tensors, and reads what is written here. */
static void agrees_with_the_reference(void **state)
{
    (void)state;
    static const char script[] =
        "import sys, numpy as np\n"
        "from safetensors.numpy import save_file, load_file\n"
        "ours, theirs = sys.argv[1], sys.argv[1] + '.reference'\n"
        "f = np.array([1, -2, 3, 0.5, 1e30, -0.0], np.float32)\n"
        "t = {'z.half': np.array([1, -2, 2.0 ** -24], np.float16), 'b': f.reshape(2, 3),\n"
        "     'a \"quoted\" \\u00e9': f[:1], 'wide': np.array([-1, 2 ** 63 - 1]), 'empty': np.zeros((0, 7), "
        "np.float32)}\n"
        "r = load_file(ours)\n"
        "assert r.keys() == t.keys() and all(r[k].dtype == t[k].dtype and r[k].shape == t[k].shape and\n"
        "                                    r[k].tobytes() == t[k].tobytes() for k in t)\n"
        "save_file(t, theirs, {'format': 'pt'})\n"
        "assert open(ours, 'rb').read() == open(theirs, 'rb').read()\n";
    static const char *const meta[] = {"format", "pt"};
    zo_error err = {0};
    char path[700], command[2000];
    if (system("python3 -c 'import safetensors.numpy' 2>/dev/null") != 0) {
        printf("skip: python3 has no package safetensors\n");
        skip();
    }
    folder f = folder_make("safetensors", "x.safetensors");
    assert_int_equal(zo_safetensors_write(f.file, written, WRITTEN, meta, 1, &err), ZO_OK);
    snprintf(path, sizeof path, "%s/script.py", f.dir);
    FILE *p = fopen(path, "w");
    assert_non_null(p);
    fputs(script, p);
    fclose(p);
    snprintf(command, sizeof command, "python3 -B '%s' '%s' 2>&1", path, f.file);
    int rc = system(command);
    unlink(path);
    snprintf(path, sizeof path, "%s.reference", f.file);
    unlink(path);
    folder_remove(&f);
    assert_int_equal(rc, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_header),
        cmocka_unit_test(rules_are_kept),
        cmocka_unit_test(truncation_is_refused),
        cmocka_unit_test(flipped_bits_do_no_harm),
        cmocka_unit_test(allocation_failures_are_reported),
        cmocka_unit_test(writes_what_it_reads),
        cmocka_unit_test(refuses_to_write_nonsense),
        cmocka_unit_test(agrees_with_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
