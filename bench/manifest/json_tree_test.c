/* Tests of json_tree.c: positions by hand, the tree against jansson's for generated texts, every kind of error. */
#include "bench/manifest/json_tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The tree of a text; its root, or NULL. */
static bench_node *parse(bench_json_tree *t, const char *text, size_t n, const char *name, zo_error *err)
{
    bench_node *root = NULL;
    zo_status st =
        bench_json_tree_parse(t, text, n, (bench_place){bench_json_tree_name(t, name), 1, 1}, &root, err);
    assert_int_equal(st, err->status);
    return st ? NULL : root;
}

static void place_is(bench_place at, int line, int column)
{
    assert_int_equal(at.line, line);
    assert_int_equal(at.column, column);
}

static void by_hand(void **state)
{
    (void)state;
    const char text[] =
        "\n {\"a\": 1,\n"                       /* line 2: { at 2, "a" at 3, 1 at 8 */
        "\t\"caf\xc3\xa9\":\t[ true , {}],\r\n" /* line 3: key at 2, [ at 10, true at 12, {} at 19 */
        "  \"b\\u0061c\\n\" : \n"               /* line 4: "bac\n" at 3 */
        "     \"x\\\"]}\" }\n";                 /* line 5: at 6 */
    bench_json_tree t = {0};
    zo_error err = {0};
    const bench_node *root = parse(&t, text, sizeof text - 1, "m.json", &err);
    assert_string_equal(root->at.file, "m.json");
    place_is(root->at, 2, 2);
    place_is(root->key_at, 2, 2);
    assert_null(root->key);
    assert_null(root->next);
    const bench_node *a = bench_node_member(root, "a");
    assert_ptr_equal(a, root->first);
    place_is(a->key_at, 2, 3);
    place_is(a->at, 2, 8);
    assert_null(a->first);
    const bench_node *cafe = bench_node_member(root, "caf\xc3\xa9");
    assert_ptr_equal(cafe, a->next);
    place_is(cafe->key_at, 3, 2);
    place_is(cafe->at, 3, 10);
    place_is(cafe->first->at, 3, 12);
    place_is(cafe->first->key_at, 3, 12);
    assert_null(cafe->first->key);
    place_is(cafe->first->next->at, 3, 19);
    assert_null(cafe->first->next->first);
    assert_null(cafe->first->next->next);
    const bench_node *bac = bench_node_member(root, "bac\n");
    assert_ptr_equal(bac, cafe->next);
    place_is(bac->key_at, 4, 3);
    place_is(bac->at, 5, 6);
    assert_null(bac->next);
    assert_null(bench_node_member(root, "b"));
    assert_null(bench_node_member(cafe, "a"));
    assert_string_equal(json_string_value(json_object_get(root->value, "bac\n")), "x\"]}");
    bench_json_tree_free(&t);
    bench_json_tree_free(&t);
}

/* Repeated keys are ours and exact; of jansson's words, which another version of it may choose otherwise, only the line is
 * asked (0: exact). */
static const struct {
    const char *text;
    int line;
    const char *message;
} bad[] = {
    {"{\"a\": 1, \"a\": 2}", 0, "f:1:10: \"a\" is set a second time"},
    {"{\"a\": 1,\n \"b\": {},\n  \"\\u0061\": 2}", 0, "f:3:3: \"a\" is set a second time"},
    {"[{\"a\": {\"b\": 1, \"c\": 2,\n\"b\": 3}}]", 0, "f:2:1: \"b\" is set a second time"},
    {"", 1, "end of file"},
    {"{\"a\": 1,\n \"b\" 2}", 2, "expected near '2'"},
    {"{\"a\": 1,\n}", 2, "expected near '}'"},
    {"{\"a\": [1, 2}", 1, "']' expected"},
    {"{\"a\": NaN}", 1, "'NaN'"},
    {"{\"a\": -Infinity}", 1, "'-'"},
    {"{\"a\":\n 1e999}", 2, "overflow"},
    {"{\"a\": 99999999999999999999}", 1, "99999999999999999999"},
    {"{\"a\": 01}", 1, "'0'"},
    {"{\n\"a\": \"\xff\"}", 2, "0xff"},
    {"{\"a\": \"\xc3\x28\"}", 1, "0xc3"},
    {"{\"a\": \"\\ud800\"}", 1, "D800"},
    {"{\"a\": \"\\u0000\"}", 1, "u0000"},
    {"{\"a\": \"x\ny\"}", 1, "newline"},
    {"{\"a\": 1}\n2", 2, "end of file expected"},
    {"{\"a\": \"never ends", 1, "end of input"},
    {"// no comments", 1, "'/'"},
    {"\xef\xbb\xbf{}", 1, "invalid token"},
};

static void errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        bench_json_tree t = {0};
        zo_error err = {0};
        int line = 0, column = 0, end = 0;
        assert_null(parse(&t, bad[i].text, strlen(bad[i].text), "f", &err));
        bench_json_tree_free(&t);
        assert_int_equal(err.status, ZO_ERR_FORMAT);
        if (!bad[i].line) {
            assert_string_equal(err.text, bad[i].message);
            continue;
        }
        printf("%s\n", err.text);
        assert_int_equal(sscanf(err.text, "f:%d:%d: %n", &line, &column, &end), 2);
        assert_int_equal(line, bad[i].line);
        assert_true(column >= 1 && end > 0);
        assert_non_null(strstr(err.text + end, bad[i].message));
        for (const char *c = err.text; *c; c++)
            assert_true((unsigned char)*c >= 32);
    }
}

static void nul_bytes_and_names(void **state)
{
    (void)state;
    bench_json_tree t = {0};
    zo_error err = {0};
    assert_null(parse(&t, "{}\0{}", 5, "f", &err));
    err = (zo_error){0};
    assert_null(parse(&t, "[\n 1\0 ]", 7, "f", &err));
    assert_string_equal(err.text, "f:2:3: a NUL byte in the text");
    char name[400];
    memset(name, 'd', sizeof name);
    strcpy(name + 390, "/m.json");
    const char *shown = bench_json_tree_name(&t, name);
    assert_int_equal(strlen(shown), 255);
    assert_memory_equal(shown, "...ddd", 6);
    assert_string_equal(shown + 248, "/m.json");
    err = (zo_error){0};
    assert_int_equal(bench_json_tree_fail((bench_place){shown, 7, 9}, &err, "%s is %d", "it", 3),
                     ZO_ERR_FORMAT);
    assert_string_equal(err.text + 255, ":7:9: it is 3");
    /* one line of UTF-8, whatever is repeated: controls, bytes that are none, a character cut at the end */
    err = (zo_error){0};
    char cut[600];
    memset(cut, 'x', sizeof cut);
    memcpy(cut, "a\nb\x7f\xc2\x85\xff\xc3\xa9", 9);
    snprintf(name, 10, "na\tme\xe2\x82");
    for (size_t at = 9; at + 2 < sizeof cut; at += 2)
        memcpy(cut + at, "\xc3\xa9", 3);
    bench_json_tree_fail((bench_place){bench_json_tree_name(&t, name), 1, 2}, &err, "%s", cut);
    assert_memory_equal(err.text, "na?me??:1:2: a?b????\xc3\xa9", 22);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    json_t *utf8 = json_string(err.text); /* NULL where it is not */
    assert_non_null(utf8);
    json_decref(utf8);
    /* jansson's limit of nesting is ours; just under it is walked */
    enum { DEEP = 2000 };
    char deep[2 * DEEP + 1];
    memset(deep, '[', DEEP);
    memset(deep + DEEP, ']', DEEP);
    err = (zo_error){0};
    int depth = 0;
    for (const bench_node *n = parse(&t, deep, 2 * DEEP, "f", &err); n; n = n->first)
        place_is(n->at, 1, ++depth);
    assert_int_equal(depth, DEEP);
    bench_json_tree_free(&t);
}

/* ---- generated texts: the tree has jansson's shape, and each place points at the value ---- */

typedef struct writer {
    char text[16384];
    size_t n;
    uint32_t random;
} writer;

static uint32_t draw(writer *w, uint32_t below)
{
    w->random =
        w->random * 1664525u + 1013904223u; /* Numerical Recipes' generator: which values does not matter */
    return (w->random >> 8) % below;
}

static void put(writer *w, const char *s)
{
    w->n += (size_t)snprintf(w->text + w->n, sizeof w->text - w->n, "%s", s);
}

static void put_space(writer *w)
{
    static const char *const spaces[] = {"", "", " ", "\n", "\t", "\r\n  "};
    put(w, spaces[draw(w, 6)]);
}

static void put_value(writer *w, int depth)
{
    static const char *const scalars[] = {"null",   "true", "false",        "0",
                                          "-1.5e3", "\"\"", "\"[,{:\\\\\"", "\"\xe2\x82\xac\""};
    uint32_t kind = depth == 5 ? 3 : draw(w, depth > 0 ? 4 : 2), children = draw(w, 5);
    put_space(w);
    if (kind < 2) {
        put(w, scalars[draw(w, 8)]);
    } else {
        put(w, kind == 2 ? "[" : "{");
        put_space(w);
        for (uint32_t i = 0; i < children; i++) {
            char key[32];
            snprintf(key, sizeof key, "%s\"%s%u\"", i ? "," : "", draw(w, 2) ? "k\\t\\u00e9" : "\xc3\xa9,",
                     i);
            put_space(w);
            put(w, kind == 2 ? (i ? "," : "") : key);
            put_space(w);
            if (kind == 3)
                put(w, ":");
            put_value(w, depth - 1);
        }
        put(w, kind == 2 ? "]" : "}");
    }
    put_space(w);
}

/* The text at a place. */
static const char *at(const writer *w, bench_place place)
{
    const char *c = w->text;
    for (int line = 1; line < place.line; line++)
        c = strchr(c, '\n') + 1;
    for (int column = 1; column < place.column; column++)
        do
            c++;
        while ((*c & 0xc0) == 0x80);
    return c;
}

static size_t same(const writer *w, const json_t *value, const bench_node *node)
{
    static const char first[] = {
        [JSON_OBJECT] = '{', [JSON_ARRAY] = '[', [JSON_STRING] = '"', [JSON_INTEGER] = '0',
        [JSON_REAL] = '-',   [JSON_TRUE] = 't',  [JSON_FALSE] = 'f',  [JSON_NULL] = 'n'};
    size_t i, count = 1;
    json_t *child;
    const char *key;
    const bench_node *n = node->first;
    assert_true(json_equal(node->value, value));
    assert_int_equal(*at(w, node->at), first[json_typeof(value)]);
    if (json_is_array(value)) {
        json_array_foreach(value, i, child)
        {
            assert_non_null(n);
            assert_null(n->key);
            count += same(w, child, n);
            n = n->next;
        }
    } else if (json_is_object(value)) {
        json_object_foreach((json_t *)value, key, child)
        {
            assert_non_null(n);
            assert_string_equal(n->key, key);
            assert_int_equal(*at(w, n->key_at), '"');
            count += same(w, child, n);
            n = n->next;
        }
    }
    assert_null(n);
    return count;
}

/* A text without places: all of it stands in one. Changes show in values once they are made anew. */
static void changes(void **state)
{
    (void)state;
    bench_json_tree t = {0};
    zo_error err = {0};
    static const char from[] = "{\"a\": {\"x\": 1}, \"l\": [{}], \"n\": null, \"s\": [1]}",
                      set[] = "{\"a\": {\"y\": [2]},\n \"l\": [{\"z\": 3}], \"s\": [4]}";
    bench_node *root = parse(&t, from, sizeof from - 1, "f", &err), *by, *copy;
    assert_int_equal(bench_json_tree_parse(&t, set, sizeof set - 1, (bench_place){"--set", 0, 0}, &by, &err),
                     ZO_OK);
    const bench_node *y = bench_node_member(bench_node_member(by, "a"), "y");
    place_is(y->first->at, 0, 0);
    assert_int_equal(bench_json_tree_copy(&t, root, &copy, &err), ZO_OK);
    bench_json_tree_merge(root, by, true);
    assert_int_equal(bench_json_tree_build(root, &err), ZO_OK);
    char *text = json_dumps(root->value, JSON_COMPACT);
    assert_string_equal(text, "{\"a\":{\"x\":1,\"y\":[2]},\"l\":[{},{\"z\":3}],\"n\":null,\"s\":[4]}");
    free(text);
    assert_int_equal(bench_json_tree_build(copy, &err), ZO_OK);
    json_t *before = json_loads(from, 0, NULL);
    assert_true(json_equal(copy->value, before));
    json_decref(before);
    bench_json_tree_free(&t);
}

static void generated(void **state)
{
    (void)state;
    static writer w;
    size_t values = 0;
    for (uint32_t seed = 0; seed < 2000; seed++) {
        w.n = 0;
        w.random = seed;
        put_value(&w, 5);
        bench_json_tree t = {0};
        zo_error err = {0};
        const bench_node *root = parse(&t, w.text, w.n, "f", &err);
        if (!root)
            fail_msg("%s in %s", err.text, w.text);
        json_t *value = json_loadb(w.text, w.n, JSON_DECODE_ANY, NULL);
        assert_true(json_equal(root->value, value));
        values += same(&w, value, root);
        json_decref(value);
        bench_json_tree_free(&t);
    }
    assert_true(values > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand), cmocka_unit_test(errors),    cmocka_unit_test(nul_bytes_and_names),
        cmocka_unit_test(changes), cmocka_unit_test(generated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
