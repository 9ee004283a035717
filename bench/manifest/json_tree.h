/* A JSON text as a tree whose nodes know where they stand in it, so that a message can say "file:line:column", and which can be
 * changed: members replaced, joined and dropped.
 *
 * jansson checks a text and says what is wrong with it; it keeps no positions, so a scanner of our own goes over the text a
 * second time and makes the nodes, members and elements in the order of the text.
 * Lines and columns count from 1; a column is a character (UTF-8), whatever its width; a tab is one.
 */
#ifndef BENCH_JSON_TREE_H
#define BENCH_JSON_TREE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "core/base/error.h"

typedef struct bench_place {
    const char *file;     /* the text's name, which must live on; or what else says where: "--set a=b" */
    int32_t line, column; /* line 0: file says it all */
} bench_place;

typedef struct bench_node {
    const char *key;                 /* decoded; NULL for elements and the root */
    bench_place at;                  /* where the value begins */
    bench_place key_at;              /* where its key begins; `at` where there is none */
    json_t *value;                   /* what stands there */
    struct bench_node *first, *next; /* first member or element; next one of the same parent */
} bench_node;

/* Owns all nodes, those that hang nowhere too, with their keys, values and the names of texts. {0} is an empty one. */
typedef struct bench_json_tree {
    struct bench_made *made;
    int count;
} bench_json_tree;

void bench_json_tree_free(bench_json_tree *t);

/* "read a manifest: out of memory" */
zo_status bench_json_tree_memory(zo_error *err);

/* A text's name for places, one line of UTF-8, the end of it where it is longer than 255 bytes. NULL: out of memory. */
const char *bench_json_tree_name(bench_json_tree *t, const char *name);

/* Parses text (n bytes, need not end in NUL), which begins at `at`; where that has no line, all of it stands there. Fails:
 * ZO_ERR_FORMAT "name:line:column: what" for anything that is not one JSON value, repeated keys included; ZO_ERR_MEMORY. */
zo_status bench_json_tree_parse(bench_json_tree *t, const char *text, size_t n, bench_place at,
                                bench_node **out, zo_error *err);

/* A copy of a node and of all below it. Fails: ZO_ERR_FORMAT (too many in all), ZO_ERR_MEMORY. */
zo_status bench_json_tree_copy(bench_json_tree *t, const bench_node *from, bench_node **out, zo_error *err);

/* The member of that name of an object that may be NULL, or NULL. */
bench_node *bench_node_member(const bench_node *object, const char *key);
/* Everything but its key and its place among its parent's children. */
void bench_json_tree_replace(bench_node *node, const bench_node *by);
/* What `from` says over what stands in `into`, both objects; `from` is used up. deep: objects within are merged too, and lists
 * of objects joined. */
void bench_json_tree_merge(bench_node *into, bench_node *from, bool deep);
/* Takes the members that `drop` says out of an object. */
void bench_json_tree_drop(bench_node *object, bool (*drop)(const bench_node *member));
/* Makes the values of objects and lists, which changes below them leave as they were. Fails: ZO_ERR_MEMORY. */
zo_status bench_json_tree_build(bench_node *node, zo_error *err);

/* ZO_ERR_FORMAT with "file:line:column: " before the text. */
zo_status bench_json_tree_fail(bench_place at, zo_error *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
