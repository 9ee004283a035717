/* Tests of row_file.c on files written here: what comes out of either form, and each refusal with its line number. */
#include "core/data/row_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[256];

static int make_folder(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/rows_test.XXXXXX", tmp ? tmp : "/tmp");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

/* Rows seen, one a line, as compact JSON with sorted keys. */
typedef struct seen {
    char text[1024];
    int rows, fail_at;
} seen;

static zo_status note(void *context, const json_t *row, zo_error *err)
{
    seen *s = context;
    if (++s->rows == s->fail_at)
        return zo_fail(err, ZO_ERR_INVALID, "not wanted");
    char *text = json_dumps(row, JSON_COMPACT | JSON_SORT_KEYS);
    assert_non_null(text);
    assert_true(strlen(s->text) + strlen(text) + 2 < sizeof s->text);
    strcat(strcat(s->text, text), "\n");
    free(text);
    return ZO_OK;
}

/* Reads n bytes as a file of that name. The error's text has the folder taken off. */
static zo_status read_bytes(const char *name, const void *bytes, size_t n, int32_t limit, seen *s,
                            char error[512])
{
    char path[300];
    zo_mem mem = {0};
    zo_error err = {0};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    zo_status st = zo_row_file_read(path, limit, note, s, NULL, &mem, &err);
    assert_int_equal(st, err.status);
    assert_int_equal(mem.now[ZO_ACCOUNT_DATA], 0);
    assert_int_equal(unlink(path), 0);
    const char *text = strncmp(err.text, folder, strlen(folder)) ? err.text : err.text + strlen(folder) + 1;
    snprintf(error, 512, "%s", text);
    return st;
}

typedef struct row_case {
    const char *name, *bytes;
    size_t n;
    int32_t limit;
    zo_status status;
    const char *want; /* rows, or the error */
} row_case;

#define BYTES(s) s, sizeof(s) - 1

static const row_case cases[] = {
    {"a.jsonl", BYTES("{\"b\":1,\"a\":\"x\"}\n{\"c\":true}\n"), 0, ZO_OK,
     "{\"a\":\"x\",\"b\":1}\n{\"c\":true}\n"},
    {"no-newline.jsonl", BYTES("{\"a\":1}\n{\"a\":2}"), 0, ZO_OK, "{\"a\":1}\n{\"a\":2}\n"},
    {"crlf.jsonl", BYTES("\xEF\xBB\xBF{\"a\":1}\r\n\r\n \t\r\n{\"a\":2}\r\n"), 0, ZO_OK,
     "{\"a\":1}\n{\"a\":2}\n"},
    {"limit.jsonl", BYTES("{\"a\":1}\n{\"a\":2}\nnever read\n"), 2, ZO_OK, "{\"a\":1}\n{\"a\":2}\n"},
    {"empty.jsonl", BYTES(""), 0, ZO_OK, ""},
    {"a.tsv", BYTES("x\ty\nit 's , \"so \t1\n\t\\n\n"), 0, ZO_OK,
     "{\"x\":\"it 's , \\\"so \",\"y\":\"1\"}\n{\"x\":\"\",\"y\":\"\\\\n\"}\n"},
    {"crlf.tsv", BYTES("\xEF\xBB\xBFx\ty\r\n1\t2\r\n\r\n"), 0, ZO_OK, "{\"x\":\"1\",\"y\":\"2\"}\n"},
    {"limit.tsv", BYTES("x\n1\n2\n3\n"), 2, ZO_OK, "{\"x\":\"1\"}\n{\"x\":\"2\"}\n"},
    {"header.tsv", BYTES("x\ty\n"), 0, ZO_OK, ""},

    {"not.jsonl", BYTES("{\"a\":1}\n\n{\"a\":\n"), 0, ZO_ERR_FORMAT, "not.jsonl:3: JSON, column "},
    {"two.jsonl", BYTES("{\"a\":1} {\"a\":1}\n"), 0, ZO_ERR_FORMAT, "two.jsonl:1: JSON, column "},
    {"array.jsonl", BYTES("[1]\n"), 0, ZO_ERR_FORMAT, "array.jsonl:1: not a JSON object"},
    {"twice.jsonl", BYTES("{\"a\":1,\"a\":2}\n"), 0, ZO_ERR_FORMAT, "twice.jsonl:1: JSON, column "},
    {"nul.jsonl", BYTES("{\"a\":\"\0\"}\n"), 0, ZO_ERR_FORMAT, "nul.jsonl:1: JSON, column "},
    {"escaped.jsonl", BYTES("{\"a\":\"\\u0000\"}\n"), 0, ZO_ERR_FORMAT, "escaped.jsonl:1: JSON, column "},
    {"latin1.jsonl", BYTES("{\"a\":\"\xE9\"}\n"), 0, ZO_ERR_FORMAT, "latin1.jsonl:1: JSON, column "},
    {"ragged.tsv", BYTES("x\ty\n1\t2\n1\n"), 0, ZO_ERR_FORMAT,
     "ragged.tsv:3: 1 columns where the header has 2"},
    {"wide.tsv", BYTES("x\ty\n1\t2\t3\n"), 0, ZO_ERR_FORMAT, "wide.tsv:2: 3 columns where the header has 2"},
    {"twice.tsv", BYTES("x\tx\n1\t2\n"), 0, ZO_ERR_FORMAT, "twice.tsv:2: the header has column \"x\" twice"},
    {"nul.tsv", BYTES("x\ty\n1\ta\0b\n"), 0, ZO_ERR_FORMAT, "nul.tsv:2: column 2 holds a NUL"},
    {"latin1.tsv", BYTES("x\ty\n1\t2\n\xE9\t2\n"), 0, ZO_ERR_FORMAT, "latin1.tsv:3: column 1 is not UTF-8"},
};

static void forms_and_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const row_case *c = &cases[i];
        seen s = {0};
        char error[512];
        zo_status st = read_bytes(c->name, c->bytes, c->n, c->limit, &s, error);
        const char *got = c->status ? error : s.text;
        if (st != c->status || strncmp(got, c->want, strlen(c->want)) ||
            (!st && strlen(got) != strlen(c->want)))
            fail_msg("%s: status %d, \"%s\"; expected %d, \"%s\"", c->name, st, st ? error : s.text,
                     c->status, c->want);
    }
}

static void visit_stops(void **state)
{
    (void)state;
    seen s = {.fail_at = 2};
    char error[512];
    assert_int_equal(read_bytes("a.tsv", BYTES("x\n1\n\n2\n3\n"), 0, &s, error), ZO_ERR_INVALID);
    assert_string_equal(error, "a.tsv:4: not wanted");
    assert_int_equal(s.rows, 2);
}

/* A line that just fits, across many reads; and one that doesn't. */
static void long_lines(void **state)
{
    (void)state;
    const size_t max = ZO_ROW_FILE_MAX_LINE;
    char *bytes = malloc(2 * max + 16), error[512];
    assert_non_null(bytes);
    memset(bytes, ' ', 2 * max);
    memcpy(bytes, "{}\n{", 4);
    memcpy(bytes + max + 1, "}\n{}",
           4); /* the second line has max - 1 bytes, its end the last of the buffer */
    seen s = {0};
    assert_int_equal(read_bytes("long.jsonl", bytes, max + 5, 0, &s, error), ZO_OK);
    assert_string_equal(s.text, "{}\n{}\n{}\n");
    memset(bytes + 4, ' ', max);
    memcpy(bytes + max + 3, "}\n{}", 4);
    s = (seen){0};
    assert_int_equal(read_bytes("long.jsonl", bytes, max + 7, 0, &s, error), ZO_ERR_FORMAT);
    assert_string_equal(error, "long.jsonl:2: longer than 1048576 bytes");
    free(bytes);
}

static void unreadable(void **state)
{
    (void)state;
    char path[300];
    seen s = {0};
    zo_error err = {0};
    snprintf(path, sizeof path, "%s/none.jsonl", folder);
    assert_int_equal(zo_row_file_read(path, 0, note, &s, NULL, NULL, &err), ZO_ERR_IO);
    assert_non_null(strstr(err.text, "none.jsonl: No such file or directory"));
    err = (zo_error){0};
    assert_int_equal(zo_row_file_read(folder, 0, note, &s, NULL, NULL, &err), ZO_ERR_IO);
    assert_non_null(strstr(err.text, "Is a directory"));
    err = (zo_error){0};
    zo_mem mem = {.fail_after = 1};
    assert_int_equal(zo_row_file_read("LICENSE", 0, note, &s, NULL, &mem, &err), ZO_ERR_MEMORY);
    assert_string_equal(err.text, "LICENSE: allocate line buffer: 1048576 x 1 bytes: out of memory");
    assert_int_equal(s.rows, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_and_refusals),
        cmocka_unit_test(visit_stops),
        cmocka_unit_test(long_lines),
        cmocka_unit_test(unreadable),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
