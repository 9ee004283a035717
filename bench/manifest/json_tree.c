/* See json_tree.h. */
#include "bench/manifest/json_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/utf8.h"

enum { MOST_NODES = 4 << 20 }; /* variables may stand for long lists, many times */

/* ---- nodes ---- */

/* A node with its key, and the list of all of them. */
struct bench_made {
    bench_node node;
    struct bench_made *older;
    char key[];
};

zo_status bench_json_tree_memory(zo_error *err)
{
    return zo_fail(err, ZO_ERR_MEMORY, "read a manifest: out of memory");
}

/* A node like that one, with a copy of its key and a reference to its value; it has no neighbours. */
static zo_status make(bench_json_tree *t, const bench_node *like, bench_node **out, zo_error *err)
{
    const size_t n = like->key ? strlen(like->key) + 1 : 0;
    if (t->count == MOST_NODES)
        return bench_json_tree_fail(like->at, err, "more than %d values in all", MOST_NODES);
    struct bench_made *m = malloc(sizeof *m + n);
    if (!m)
        return bench_json_tree_memory(err);
    m->node = (bench_node){n ? memcpy(m->key, like->key, n) : NULL,
                           like->at,
                           like->key_at,
                           json_incref(like->value),
                           NULL,
                           NULL};
    m->older = t->made;
    t->made = m;
    t->count++;
    *out = &m->node;
    return ZO_OK;
}

void bench_json_tree_free(bench_json_tree *t)
{
    for (struct bench_made *m = t->made, *older; m; m = older) {
        older = m->older;
        json_decref(m->node.value);
        free(m);
    }
    *t = (bench_json_tree){0};
}

zo_status bench_json_tree_copy(bench_json_tree *t, const bench_node *from, bench_node **out, zo_error *err)
{
    zo_status st = make(t, from, out, err);
    if (st)
        return st;
    bench_node **link = &(*out)->first;
    for (const bench_node *child = from->first; child && !st; child = child->next) {
        st = bench_json_tree_copy(t, child, link, err);
        link = st ? NULL : &(*link)->next;
    }
    return st;
}

bench_node *bench_node_member(const bench_node *object, const char *key)
{
    for (bench_node *n = object ? object->first : NULL; n; n = n->next)
        if (n->key && strcmp(n->key, key) == 0)
            return n;
    return NULL;
}

void bench_json_tree_replace(bench_node *node, const bench_node *by)
{
    json_decref(node->value);
    node->value = json_incref(by->value);
    node->at = by->at;
    node->key_at = by->key_at;
    node->first = by->first;
}

static void append(bench_node *parent, bench_node *children)
{
    bench_node **link = &parent->first;
    while (*link)
        link = &(*link)->next;
    *link = children;
}

static bool is_list_of_objects(const bench_node *node)
{
    bool all = json_is_array(node->value);
    for (const bench_node *n = node->first; n && all; n = n->next)
        all = json_is_object(n->value);
    return all;
}

void bench_json_tree_merge(bench_node *into, bench_node *from, bool deep)
{
    for (bench_node *child = from->first, *next; child; child = next) {
        bench_node *known = bench_node_member(into, child->key);
        next = child->next;
        if (!known) {
            child->next = NULL;
            append(into, child);
        } else if (deep && json_is_object(known->value) && json_is_object(child->value)) {
            bench_json_tree_merge(known, child, false);
        } else if (deep && is_list_of_objects(known) && is_list_of_objects(child)) {
            append(known, child->first);
        } else {
            bench_json_tree_replace(known, child);
        }
    }
}

void bench_json_tree_drop(bench_node *object, bool (*drop)(const bench_node *member))
{
    for (bench_node **link = &object->first; *link;) {
        if (drop(*link))
            *link = (*link)->next;
        else
            link = &(*link)->next;
    }
}

/* 0, or not where memory is out. */
static int add_value(bench_node *parent, const bench_node *child)
{
    return child->key ? json_object_set(parent->value, child->key, child->value)
                      : json_array_append(parent->value, child->value);
}

/* Deep recursion is bounded as jansson's is. */
zo_status bench_json_tree_build(bench_node *node, zo_error *err)
{
    const bool object = json_is_object(node->value);
    if (!object && !json_is_array(node->value))
        return ZO_OK;
    json_decref(node->value);
    node->value = object ? json_object() : json_array();
    for (bench_node *child = node->first; child; child = child->next) {
        zo_status st = bench_json_tree_build(child, err);
        if (st)
            return st;
        if (add_value(node, child))
            return bench_json_tree_memory(err);
    }
    return node->value ? ZO_OK : bench_json_tree_memory(err);
}

/* ---- messages ---- */

/* Makes any text one line of UTF-8: '?' for controls and for what is not well-formed, a character that was cut too. */
static void clean(char *text)
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

const char *bench_json_tree_name(bench_json_tree *t, const char *name)
{
    char shown[256];
    const size_t length = strlen(name), most = sizeof shown - 1;
    bench_node *node;
    snprintf(shown, sizeof shown, "%s%s", length > most ? "..." : "",
             length > most ? name + length - (most - 3) : name);
    clean(shown);
    return make(t, &(bench_node){.key = shown, .at = {shown, 0, 0}}, &node, NULL) ? NULL : node->key;
}

zo_status bench_json_tree_fail(bench_place at, zo_error *err, const char *fmt, ...)
{
    char text[sizeof err->text];
    va_list ap;
    int said = at.line > 0 ? snprintf(text, sizeof text, "%.255s:%d:%d: ", at.file, at.line, at.column)
                           : snprintf(text, sizeof text, "%.255s: ", at.file);
    size_t n = (size_t)said;
    va_start(ap, fmt);
    vsnprintf(text + n, sizeof text - n, fmt, ap); /* a name is at most half of it */
    va_end(ap);
    clean(text);
    return zo_fail(err, ZO_ERR_FORMAT, "%s", text);
}

/* ---- the scanner: over text that jansson has accepted, so it only has to find where things begin and end ---- */

typedef struct scanner {
    const char *at, *end;
    bench_place place; /* of *at */
    bench_json_tree *tree;
} scanner;

static void step(scanner *s)
{
    unsigned char c = (unsigned char)*s->at++;
    if (s->place.line == 0)
        return;
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

/* The string, number or word at *s as jansson reads it: new reference. NULL: out of memory. */
static json_t *take_scalar(scanner *s)
{
    const char *begin = s->at, quote = *begin;
    do {
        if (*s->at == '\\')
            step(s);
        if (s->at < s->end)
            step(s);
    } while (s->at < s->end && (quote == '"' ? *s->at != '"' : !strchr(",]} \t\r\n", *s->at)));
    if (s->at < s->end && quote == '"')
        step(s);
    return json_loadb(begin, (size_t)(s->at - begin), JSON_DECODE_ANY, NULL);
}

static zo_status scan_value(scanner *s, bench_node *node, zo_error *err);

/* A member or an element, appended. */
static zo_status scan_child(scanner *s, bench_node *parent, bench_node **link, zo_error *err)
{
    zo_status st = ZO_OK;
    bench_node child = {.at = s->place, .key_at = s->place};
    json_t *key = json_is_object(parent->value) ? take_scalar(s) : NULL;
    child.key = json_string_value(key);
    if (json_is_object(parent->value) && !key)
        st = bench_json_tree_memory(err);
    else if (key && json_object_get(parent->value, child.key))
        st = bench_json_tree_fail(child.key_at, err, "\"%.64s\" is set a second time", child.key);
    if (!st && key && peek(s) == ':')
        step(s);
    if (!st)
        st = make(s->tree, &child, link, err);
    json_decref(key);
    if (!st)
        st = scan_value(s, *link, err);
    return !st && add_value(parent, *link) ? bench_json_tree_memory(err) : st;
}

static zo_status scan_value(scanner *s, bench_node *node, zo_error *err)
{
    char c = peek(s);
    node->at = s->place;
    if (!node->key)
        node->key_at = node->at;
    node->value = c == '{' ? json_object() : c == '[' ? json_array() : take_scalar(s);
    if (!node->value)
        return bench_json_tree_memory(err);
    if (c != '{' && c != '[')
        return ZO_OK;
    bench_node **link = &node->first;
    step(s);
    while ((c = peek(s)) != '\0' && c != ']' && c != '}') {
        zo_status st = c == ',' ? ZO_OK : scan_child(s, node, link, err);
        if (st)
            return st;
        if (c == ',')
            step(s);
        else
            link = &(*link)->next;
    }
    if (s->at < s->end)
        step(s);
    return ZO_OK;
}

zo_status bench_json_tree_parse(bench_json_tree *t, const char *text, size_t n, bench_place at,
                                bench_node **out, zo_error *err)
{
    json_error_t e;
    scanner s = {text, text + n, at, t};
    const char *nul = memchr(text, '\0', n);
    /* jansson lets one pass behind a number, and the scanner takes it for the end */
    while (nul && s.at < nul)
        step(&s);
    if (nul)
        return bench_json_tree_fail(s.place, err, "a NUL byte in the text");
    json_t *checked = json_loadb(text, n, JSON_DECODE_ANY, &e);
    if (!checked) {
        at.line = e.line > 0 ? e.line : 1;
        at.column = e.column > 0 ? e.column : 1;
        return bench_json_tree_fail(at, err, "%s", e.text);
    }
    json_decref(checked);
    bench_node root = {.at = at, .key_at = at};
    zo_status st = make(t, &root, out, err);
    return st ? st : scan_value(&s, *out, err);
}
