/* See row_file.h. */
#include "core/data/row_file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* A file's lines, one at a time, in a buffer of fixed size. */
typedef struct lines {
    FILE *f;
    char *buffer; /* (ZO_ROW_FILE_MAX_LINE) */
    size_t begin, end;
    long number; /* of the line that was given last, from 1 */
    bool at_end;
} lines;

/* The next line without its end, or *line = NULL after the last. It stays valid until the next call. */
static zo_status next_line(lines *l, char **line, size_t *n, zo_error *err)
{
    *line = NULL;
    l->number++;
    for (;;) {
        char *begin = l->buffer + l->begin;
        const size_t have = l->end - l->begin;
        char *newline = memchr(begin, '\n', have);
        if (newline || (l->at_end && have > 0)) {
            *line = begin;
            *n = newline ? (size_t)(newline - begin) : have;
            l->begin += *n + (newline ? 1 : 0);
            if (*n > 0 && begin[*n - 1] == '\r')
                --*n;
            return ZO_OK;
        }
        if (l->at_end)
            return ZO_OK;
        if (have == ZO_ROW_FILE_MAX_LINE)
            return zo_fail(err, ZO_ERR_FORMAT, "longer than %d bytes", ZO_ROW_FILE_MAX_LINE);
        memmove(l->buffer, begin, have);
        l->begin = 0;
        l->end = have + fread(l->buffer + have, 1, ZO_ROW_FILE_MAX_LINE - have, l->f);
        if (ferror(l->f))
            return zo_fail(err, ZO_ERR_IO, "read: %s", strerror(errno));
        l->at_end = feof(l->f);
    }
}

static bool blank(const char *line, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strchr(" \t\v\f", line[i]) || !line[i])
            return false;
    return true;
}

static void skip_byte_order_mark(lines *l, char **line, size_t *n)
{
    if (l->number == 1 && *n >= 3 && !memcmp(*line, "\xEF\xBB\xBF", 3)) {
        *line += 3;
        *n -= 3;
    }
}

static zo_status parse_json(const char *line, size_t n, json_t **row, zo_error *err)
{
    json_error_t e;
    *row = json_loadb(line, n, JSON_REJECT_DUPLICATES, &e);
    if (!*row)
        return zo_fail(err, json_error_code(&e) == json_error_out_of_memory ? ZO_ERR_MEMORY : ZO_ERR_FORMAT,
                       "JSON, column %d: %s", e.column, e.text);
    if (!json_is_object(*row)) {
        json_decref(*row);
        *row = NULL;
        return zo_fail(err, ZO_ERR_FORMAT, "not a JSON object");
    }
    return ZO_OK;
}

/* Splits a line at its tabs into an array of strings. */
static zo_status split_tabs(const char *line, size_t n, json_t **columns, zo_error *err)
{
    const char *end = line + n;
    *columns = json_array();
    for (const char *cell = line;;) {
        const char *tab = memchr(cell, '\t', (size_t)(end - cell));
        const size_t length = (size_t)((tab ? tab : end) - cell);
        if (memchr(cell, 0, length)) {
            zo_fail(err, ZO_ERR_FORMAT, "column %zu holds a NUL", json_array_size(*columns) + 1);
            break;
        }
        if (json_array_append_new(*columns, json_stringn(cell, length))) {
            zo_fail(err, ZO_ERR_FORMAT, "column %zu is not UTF-8", json_array_size(*columns) + 1);
            break;
        }
        if (!tab)
            return ZO_OK;
        cell = tab + 1;
    }
    json_decref(*columns);
    *columns = NULL;
    return ZO_ERR_FORMAT;
}

/* The first line gives *header and no row; one that is skipped none either. */
static zo_status parse_tsv(const char *line, size_t n, json_t **header, json_t **row, int32_t *skipped,
                           zo_error *err)
{
    json_t *columns = NULL;
    zo_status st = split_tabs(line, n, &columns, err);
    if (st)
        return st;
    if (!*header) {
        *header = columns;
        return ZO_OK;
    }
    const size_t have = json_array_size(columns), want = json_array_size(*header);
    if (have != want && skipped) {
        ++*skipped;
        goto cleanup;
    }
    if (have != want) {
        st = zo_fail(err, ZO_ERR_FORMAT, "%zu columns where the header has %zu", have, want);
        goto cleanup;
    }
    *row = json_object();
    for (size_t i = 0; i < have && !st; i++) {
        const char *name = json_string_value(json_array_get(*header, i));
        if (json_object_get(*row, name))
            st = zo_fail(err, ZO_ERR_FORMAT, "the header has column \"%s\" twice", name);
        else if (json_object_set(*row, name, json_array_get(columns, i)))
            st = zo_fail(err, ZO_ERR_MEMORY, "make a row: out of memory");
    }
    if (st) {
        json_decref(*row);
        *row = NULL;
    }
cleanup:
    json_decref(columns);
    return st;
}

zo_status zo_row_file_read(const char *path, int32_t limit, zo_row_file_visit visit, void *context,
                           int32_t *skipped, zo_mem *mem, zo_error *err)
{
    const size_t length = strlen(path);
    const bool tsv = length >= 4 && !strcmp(path + length - 4, ".tsv");
    zo_status st = ZO_OK;
    lines l = {0};
    json_t *header = NULL, *row = NULL;
    zo_error inner = {0};
    l.f = fopen(path, "rb");
    if (!l.f)
        return zo_fail(err, ZO_ERR_IO, "open %s: %s", path, strerror(errno));
    st = zo_mem_array(mem, ZO_ACCOUNT_DATA, ZO_ROW_FILE_MAX_LINE, 1, "line buffer", &l.buffer, &inner);

    for (int32_t rows = 0; !st && (limit == 0 || rows < limit);) {
        char *line = NULL;
        size_t n = 0;
        st = next_line(&l, &line, &n, &inner);
        if (st || !line)
            break;
        skip_byte_order_mark(&l, &line, &n);
        if (blank(line, n))
            continue;
        st = tsv ? parse_tsv(line, n, &header, &row, skipped, &inner) : parse_json(line, n, &row, &inner);
        if (st || !row)
            continue;
        st = visit(context, row, &inner);
        rows++;
        json_decref(row);
        row = NULL;
    }
    if (st && l.number > 0)
        zo_fail(err, st, "%s:%ld: %s", path, l.number, inner.text);
    else if (st)
        zo_fail(err, st, "%s: %s", path, inner.text);
    json_decref(header);
    zo_mem_free(l.buffer);
    fclose(l.f);
    return st;
}
