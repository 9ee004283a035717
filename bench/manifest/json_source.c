/* See json_source.h. */
#include "bench/manifest/json_source.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/utf8.h"

/* ---- the scanner: over text that jansson has accepted, so it only has to find where things begin and end ---- */

typedef struct scanner {
    const char *at, *end;
    bench_place place; /* of *at */
    bench_node *free_node;
    const bench_node *end_node;
    char *free_key; /* room for a decoded key is never more than the text's */
    const bench_json_source *source;
} scanner;

static void step(scanner *s)
{
    unsigned char c = (unsigned char)*s->at++;
    if (c == '\n') {
        s->place.line++;
        s->place.column = 1;
    } else if ((c & 0xc0) != 0x80) { /* not the continuation of a character */
        s->place.column++;
    }
}

static char peek(scanner *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
        step(s);
    return s->at < s->end ? *s->at : '\0';
}

/* Over a string, from quote to quote. True where it holds an escape. */
static bool skip_string(scanner *s)
{
    bool escapes = false;
    step(s);
    while (s->at < s->end && *s->at != '"') {
        if (*s->at == '\\') {
            escapes = true;
            step(s);
        }
        if (s->at < s->end)
            step(s);
    }
    if (s->at < s->end)
        step(s);
    return escapes;
}

static void skip_scalar(scanner *s)
{
    while (s->at < s->end && !strchr(",]} \t\r\n", *s->at))
        step(s);
}

/* The key at *s, decoded, kept in the source's room for keys. */
static const char *take_key(scanner *s)
{
    const char *begin = s->at;
    char *key = s->free_key;
    bool escapes = skip_string(s);
    size_t n = (size_t)(s->at - begin);
    json_t *decoded = escapes ? json_loadb(begin, n, JSON_DECODE_ANY, NULL) : NULL;
    if (decoded) {
        memcpy(key, json_string_value(decoded), json_string_length(decoded) + 1);
        json_decref(decoded);
    } else {
        memcpy(key, begin + 1, n - 2);
        key[n - 2] = '\0';
    }
    s->free_key += strlen(key) + 1;
    return key;
}

static zo_status scan_value(scanner *s, bench_node *node, zo_error *err);

/* Members of an object, or elements of an array, up to the closing bracket. seen: the keys so far (object only). */
static zo_status scan_children(scanner *s, bench_node *parent, json_t *seen, zo_error *err)
{
    const bench_node **link = &parent->first;
    step(s);
    for (char c; (c = peek(s)) != '\0' && c != ']' && c != '}';) {
        if (c == ',') {
            step(s);
            continue;
        }
        assert(s->free_node < s->end_node);
        bench_node *child = s->free_node++;
        child->key_at = s->place;
        if (seen) {
            child->key = take_key(s);
            if (json_object_get(seen, child->key))
                return bench_json_source_fail(child->key_at, err, "\"%.64s\" is set a second time",
                                              child->key);
            if (json_object_set_new(seen, child->key, json_true()))
                return zo_fail(err, ZO_ERR_MEMORY, "%s: out of memory", s->source->name);
            if (peek(s) == ':')
                step(s);
        }
        zo_status st = scan_value(s, child, err);
        if (st)
            return st;
        if (!seen)
            child->key_at = child->at;
        *link = child;
        link = &child->next;
    }
    if (s->at < s->end)
        step(s);
    return ZO_OK;
}

static zo_status scan_value(scanner *s, bench_node *node, zo_error *err)
{
    char c = peek(s);
    node->at = s->place;
    if (c == '{') {
        json_t *seen = json_object();
        zo_status st = seen ? scan_children(s, node, seen, err)
                            : zo_fail(err, ZO_ERR_MEMORY, "%s: out of memory", s->source->name);
        json_decref(seen);
        return st;
    }
    if (c == '[')
        return scan_children(s, node, NULL, err);
    if (c == '"')
        skip_string(s);
    else
        skip_scalar(s);
    return ZO_OK;
}

/* No fewer than the values of a text: each but the first follows a comma or an opening bracket. */
static size_t most_values(const char *text, size_t n)
{
    size_t values = 1;
    for (size_t i = 0; i < n; i++)
        values += text[i] == ',' || text[i] == '[' || text[i] == '{';
    return values;
}

/* Both trees have the same shape and order: jansson keeps members in the order of the text, and none is repeated. */
static void attach(bench_node *node, json_t *value)
{
    size_t i;
    json_t *child;
    const char *key;
    bench_node *at = (bench_node *)node->first;
    node->value = value;
    json_array_foreach(value, i, child)
    {
        assert(at);
        attach(at, child);
        at = (bench_node *)at->next;
    }
    json_object_foreach(value, key, child)
    {
        assert(at && strcmp(at->key, key) == 0);
        attach(at, child);
        at = (bench_node *)at->next;
    }
    assert(!at);
}

static zo_status scan(bench_json_source *s, const char *text, size_t n, zo_error *err)
{
    size_t values = most_values(text, n);
    s->nodes = calloc(values, sizeof s->nodes[0]);
    s->keys = malloc(n + 1);
    if (!s->nodes || !s->keys)
        return zo_fail(err, ZO_ERR_MEMORY, "%s: out of memory", s->name);
    scanner scan = {text, text + n, {s->name, 1, 1}, s->nodes + 1, s->nodes + values, s->keys, s};
    s->root = s->nodes;
    zo_status st = scan_value(&scan, s->nodes, err);
    s->nodes->key_at = s->nodes->at;
    if (!st)
        attach(s->nodes, s->json);
    return st;
}

/* ---- parsing ---- */

/* A character that was cut is not well-formed either. */
void bench_json_source_clean(char *text)
{
    for (size_t left = strlen(text); left > 0;) {
        uint32_t cp = 0;
        int n = zo_utf8_decode(text, left, &cp);
        bool control = n == 0 || cp < 32 || (cp >= 127 && cp < 160);
        n = n ? n : 1;
        if (control)
            memset(text, '?', (size_t)n);
        text += n;
        left -= (size_t)n;
    }
}

/* jansson lets a NUL pass behind a number, and the scanner takes one for the end. */
static zo_status refuse_nul(const bench_json_source *s, const char *text, size_t n, zo_error *err)
{
    const char *nul = memchr(text, '\0', n);
    scanner scan = {.at = text, .end = nul, .place = {s->name, 1, 1}};
    if (!nul)
        return ZO_OK;
    while (scan.at < nul)
        step(&scan);
    return bench_json_source_fail(scan.place, err, "a NUL byte in the text");
}

zo_status bench_json_source_parse(const char *text, size_t n, const char *name, bench_json_source **out,
                                  zo_error *err)
{
    json_error_t e;
    zo_status st = ZO_OK;
    *out = NULL;
    bench_json_source *s = calloc(1, sizeof *s);
    if (!s)
        return zo_fail(err, ZO_ERR_MEMORY, "%s: out of memory", name);
    size_t length = strlen(name), most = sizeof s->name - 1;
    snprintf(s->name, sizeof s->name, "%s%s", length > most ? "..." : "",
             length > most ? name + length - (most - 3) : name);
    bench_json_source_clean(s->name);
    st = refuse_nul(s, text, n, err);
    if (!st) {
        s->json = json_loadb(text, n, JSON_DECODE_ANY, &e);
        bench_place at = {s->name, e.line > 0 ? e.line : 1, e.column > 0 ? e.column : 1};
        st = s->json ? scan(s, text, n, err) : bench_json_source_fail(at, err, "%s", e.text);
    }
    if (st)
        bench_json_source_free(s);
    else
        *out = s;
    return st;
}

void bench_json_source_free(bench_json_source *s)
{
    if (!s)
        return;
    json_decref(s->json);
    free(s->nodes);
    free(s->keys);
    free(s);
}

const bench_node *bench_node_member(const bench_node *object, const char *key)
{
    for (const bench_node *n = object->first; n; n = n->next)
        if (n->key && strcmp(n->key, key) == 0)
            return n;
    return NULL;
}

zo_status bench_json_source_fail(bench_place at, zo_error *err, const char *fmt, ...)
{
    char text[sizeof err->text];
    va_list ap;
    int said = at.line > 0 ? snprintf(text, sizeof text, "%.255s:%d:%d: ", at.file, at.line, at.column)
                           : snprintf(text, sizeof text, "%.255s: ", at.file);
    size_t n = (size_t)said;
    va_start(ap, fmt);
    vsnprintf(text + n, sizeof text - n, fmt, ap); /* a name is at most half of it */
    va_end(ap);
    bench_json_source_clean(text);
    return zo_fail(err, ZO_ERR_FORMAT, "%s", text);
}
