/* See json_tree.h. */
#include "bench/manifest/json_tree.h"

#include <stdlib.h>

enum { MOST_NODES = 4 << 20 }; /* variables may stand for long lists, many times */

/* A node of our own, with the list of all of them. */
struct bench_made {
    bench_node node;
    struct bench_made *older;
};

zo_status bench_json_tree_memory(zo_error *err)
{
    return zo_fail(err, ZO_ERR_MEMORY, "read a manifest: out of memory");
}

zo_status bench_json_tree_make(bench_json_tree *t, const bench_node *like, bench_node **out, zo_error *err)
{
    if (t->count == MOST_NODES)
        return bench_json_source_fail(like->at, err, "more than %d values in all", MOST_NODES);
    bench_made *m = calloc(1, sizeof *m);
    if (!m)
        return bench_json_tree_memory(err);
    m->node = *like;
    m->node.next = NULL;
    json_incref(m->node.value);
    m->older = t->nodes;
    t->nodes = m;
    t->count++;
    *out = &m->node;
    return ZO_OK;
}

zo_status bench_json_tree_copy(bench_json_tree *t, const bench_node *from, bench_node **out, zo_error *err)
{
    zo_status st = bench_json_tree_make(t, from, out, err);
    if (st)
        return st;
    const bench_node **link = &(*out)->first;
    *link = NULL;
    for (const bench_node *child = from->first; child && !st; child = child->next) {
        bench_node *mine = NULL;
        st = bench_json_tree_copy(t, child, &mine, err);
        *link = mine;
        if (mine)
            link = &mine->next;
    }
    return st;
}

const bench_node **bench_json_tree_last(bench_node *parent)
{
    const bench_node **link = &parent->first;
    while (*link)
        link = &((bench_node *)*link)->next;
    return link;
}

bench_node *bench_json_tree_member(const bench_node *object, const char *key)
{
    return object ? (bench_node *)bench_node_member(object, key) : NULL;
}

void bench_json_tree_replace(bench_node *node, const bench_node *by)
{
    json_decref(node->value);
    node->value = json_incref(by->value);
    node->at = by->at;
    node->key_at = by->key_at;
    node->first = by->first;
}

static bool is_list_of_objects(const bench_node *node)
{
    bool all = json_is_array(node->value);
    for (const bench_node *n = node->first; n && all; n = n->next)
        all = json_is_object(n->value);
    return all;
}

/* What `from` (copied already) says over what stands in `into`. deep: objects within are merged too. */
void bench_json_tree_merge(bench_node *into, bench_node *from, bool deep)
{
    for (const bench_node *child = from->first, *next; child; child = next) {
        bench_node *known = bench_json_tree_member(into, child->key);
        next = child->next;
        if (!known) {
            *bench_json_tree_last(into) = child;
            ((bench_node *)child)->next = NULL;
        } else if (deep && json_is_object(known->value) && json_is_object(child->value)) {
            bench_json_tree_merge(known, (bench_node *)child, false);
        } else if (deep && is_list_of_objects(known) && is_list_of_objects(child)) {
            *bench_json_tree_last(known) = child->first;
        } else {
            bench_json_tree_replace(known, child);
        }
    }
}

/* Every object's and list's value, from those below it. Deep recursion is bounded as jansson's is. */
zo_status bench_json_tree_build(bench_node *node, zo_error *err)
{
    const bool object = json_is_object(node->value);
    if (!object && !json_is_array(node->value))
        return ZO_OK;
    json_t *value = object ? json_object() : json_array();
    json_decref(node->value);
    node->value = value;
    for (const bench_node *child = node->first; child; child = child->next) {
        zo_status st = bench_json_tree_build((bench_node *)child, err);
        if (st)
            return st;
        if (object ? json_object_set(value, child->key, child->value)
                   : json_array_append(value, child->value))
            return bench_json_tree_memory(err);
    }
    return value ? ZO_OK : bench_json_tree_memory(err);
}

void bench_json_tree_drop(bench_node *object, bool (*drop)(const bench_node *member))
{
    const bench_node **link = &object->first;
    while (*link) {
        if (drop(*link))
            *link = (*link)->next;
        else
            link = &((bench_node *)*link)->next;
    }
}

void bench_json_tree_free(bench_json_tree *t)
{
    for (bench_made *m = t->nodes, *older; m; m = older) {
        older = m->older;
        json_decref(m->node.value);
        free(m);
    }
    *t = (bench_json_tree){0};
}
