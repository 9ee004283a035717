/* Trees of nodes that can be changed: copies of what stood in texts, with the places of the originals, members of which are
 * replaced, joined and dropped. The values of objects and lists are made from those below them in the end.
 */
#ifndef BENCH_JSON_TREE_H
#define BENCH_JSON_TREE_H

#include <stdbool.h>

#include "bench/manifest/json_source.h"
#include "core/base/error.h"

typedef struct bench_made bench_made;

/* Keeps all nodes, those that hang nowhere too. {0} is an empty one. */
typedef struct bench_json_tree {
    bench_made *nodes;
    int count;
} bench_json_tree;

void bench_json_tree_free(bench_json_tree *t);

zo_status bench_json_tree_memory(zo_error *err);

/* A node like that one, which shares what is below it; a copy of it and of all below. Keys are borrowed, values referred to.
 * Fails: ZO_ERR_FORMAT (too many), ZO_ERR_MEMORY. */
zo_status bench_json_tree_make(bench_json_tree *t, const bench_node *like, bench_node **out, zo_error *err);
zo_status bench_json_tree_copy(bench_json_tree *t, const bench_node *from, bench_node **out, zo_error *err);

/* All that follows takes nodes of a tree. */

/* Where the next member or element is to be appended: *bench_json_tree_last(parent) = child. */
const bench_node **bench_json_tree_last(bench_node *parent);
/* Of an object that may be NULL; NULL: none. */
bench_node *bench_json_tree_member(const bench_node *object, const char *key);
/* Everything but its key and its place among its parent's children. */
void bench_json_tree_replace(bench_node *node, const bench_node *by);
/* What `from` says over what stands in `into`, both objects; `from` is used up. deep: objects within are merged too, and lists
 * of objects joined. */
void bench_json_tree_merge(bench_node *into, bench_node *from, bool deep);
/* Takes the members that `drop` says out of an object. */
void bench_json_tree_drop(bench_node *object, bool (*drop)(const bench_node *member));
/* Makes every object's and list's value. Fails: ZO_ERR_MEMORY. */
zo_status bench_json_tree_build(bench_node *node, zo_error *err);

#endif
