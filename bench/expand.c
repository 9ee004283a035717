/* See expand.h. */
#include "bench/expand.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PATTERNS = 1000 }; /* of exclude */

void bench_expand_init(bench_expansion *x)
{
    *x = (bench_expansion){0};
    bench_params_default(&x->defaults);
}

void bench_expand_deinit(bench_expansion *x)
{
    free(x->axes);
    free(x->hits);
    free(x->seeds);
    *x = (bench_expansion){0};
}

/* ---- reading ---- */

zo_status bench_expand_defaults(bench_reader *r, const bench_field *f, void *out, const bench_node *node)
{
    bench_expansion *x = out;
    return bench_reader_params(r, f->key, &x->defaults, &x->given, node);
}

/* A key and its list of values. */
static zo_status check_values(bench_reader *r, bench_expansion *x, const bench_node *member)
{
    const bench_option *o;
    bench_params scratch;
    zo_status st = bench_reader_find(r, member, &o);
    if (st)
        return st;
    if (x->varied & bench_option_bit(o))
        return BENCH_FAIL(r, member->key_at,
                          "\"%s\" varies already, in \"matrix\" or another group of \"zip\"", o->name);
    x->swept |= bench_option_bit(o);
    x->varied |= bench_option_bit(o);
    if (!json_is_array(member->value))
        return bench_reader_wrong(r, o->name, "a list of values here", member);
    if (!member->first)
        return BENCH_FAIL(r, member->at, "\"%s\" is an empty list", o->name);
    for (const bench_node *element = member->first; element && !st; element = element->next)
        st = bench_reader_set(r, &scratch, o, element);
    return st;
}

static zo_status add_axis(bench_reader *r, bench_expansion *x, const bench_node *key, bool group)
{
    bench_axis *grown = realloc(x->axes, (x->axis_count + 1) * sizeof x->axes[0]);
    if (!grown)
        return bench_reader_memory(r);
    x->axes = grown;
    x->axes[x->axis_count++] = (bench_axis){key, group, json_array_size(key->value)};
    return ZO_OK;
}

zo_status bench_expand_matrix(bench_reader *r, const bench_field *f, void *out, const bench_node *node)
{
    bench_expansion *x = out;
    zo_status st = ZO_OK;
    if (!json_is_object(node->value))
        return bench_reader_wrong(r, f->key, "an object", node);
    for (const bench_node *member = node->first; member && !st; member = member->next) {
        st = check_values(r, x, member);
        if (!st)
            st = add_axis(r, x, member, false);
    }
    return st;
}

static zo_status read_group(bench_reader *r, bench_expansion *x, const char *name, const bench_node *group)
{
    const bench_node *first = group->first;
    if (!json_is_object(group->value) || !first)
        return bench_reader_wrong(r, name, "a list of objects with at least one parameter each", group);
    for (const bench_node *member = first; member; member = member->next) {
        zo_status st = check_values(r, x, member);
        if (st)
            return st;
        if (json_array_size(member->value) != json_array_size(first->value))
            return BENCH_FAIL(r, member->at,
                              "\"%s\" has %zu values, but \"%s\", which it is zipped with, has %zu",
                              member->key, json_array_size(member->value), first->key,
                              json_array_size(first->value));
    }
    return add_axis(r, x, first, true);
}

zo_status bench_expand_zip(bench_reader *r, const bench_field *f, void *out, const bench_node *node)
{
    zo_status st = ZO_OK;
    if (!json_is_array(node->value))
        return bench_reader_wrong(r, f->key, "a list of objects", node);
    for (const bench_node *group = node->first; group && !st; group = group->next)
        st = read_group(r, out, f->key, group);
    return st;
}

zo_status bench_expand_exclude(bench_reader *r, const bench_field *f, void *out, const bench_node *node)
{
    bench_expansion *x = out;
    zo_status st = ZO_OK;
    json_t *pattern;
    size_t n = json_array_size(node->value);
    if (!json_is_array(node->value))
        return bench_reader_wrong(r, f->key, "a list of objects", node);
    if (n > MOST_PATTERNS)
        return BENCH_FAIL(r, node->at, "\"%s\" has %zu elements, more than %d", f->key, n, MOST_PATTERNS);
    x->exclude = node;
    x->hits = calloc(n + 1, sizeof x->hits[0]);
    if (!x->hits)
        return bench_reader_memory(r);
    for (const bench_node *element = node->first; element && !st; element = element->next)
        st = bench_reader_where(r, f, &pattern, element);
    return st;
}

zo_status bench_expand_cells(bench_reader *r, const bench_field *f, void *out, const bench_node *node)
{
    bench_expansion *x = out;
    bench_params scratch;
    zo_status st = ZO_OK;
    if (!json_is_array(node->value))
        return bench_reader_wrong(r, f->key, "a list of objects", node);
    x->cells = node;
    for (const bench_node *element = node->first; element && !st; element = element->next)
        st = bench_reader_params(r, f->key, &scratch, &x->varied, element);
    return st;
}

zo_status bench_expand_seeds(bench_reader *r, const bench_field *f, void *out, const bench_node *node)
{
    bench_expansion *x = out;
    const bench_option *o = bench_option_find("seed");
    bench_params scratch;
    size_t n = json_array_size(node->value);
    if (n == 0)
        return bench_reader_wrong(r, f->key, "a list of whole numbers", node);
    if (x->varied & bench_option_bit(o))
        return BENCH_FAIL(r, node->key_at, "\"seed\" varies already, in \"matrix\", \"zip\" or \"cells\"");
    x->seeds = calloc(n, sizeof x->seeds[0]);
    if (!x->seeds)
        return bench_reader_memory(r);
    for (const bench_node *element = node->first; element; element = element->next) {
        zo_status st = bench_reader_set(r, &scratch, o, element);
        if (st)
            return st;
        x->seeds[x->seed_count++] = scratch.seed;
    }
    return ZO_OK;
}

/* ---- expanding ---- */

typedef struct list {
    bench_cell *cells;
    int32_t count, room;
    json_t *ids; /* of the cells, as a set */
} list;

/* "cell queries=4 parallel=both": what it does not share with the defaults. */
static void describe(const bench_params *p, uint64_t set, char *out, size_t cap)
{
    size_t n = (size_t)snprintf(out, cap, "cell");
    char value[64];
    for (const bench_option *o = bench_options; o->name && n < cap; o++)
        if (set & bench_option_bit(o))
            n += (size_t)snprintf(out + n, cap - n, " %s=%s", o->name,
                                  bench_params_text(p, o, value, sizeof value));
    if (!set)
        snprintf(out, cap, "the cell of the defaults");
}

static zo_status check_cell(bench_reader *r, const bench_params *p, uint64_t set, bench_place at,
                            int64_t warmup)
{
    char cell[256];
    zo_error why = {0};
    if (!bench_params_check(p, &why) && p->steps > 0 && p->steps <= warmup)
        zo_fail(&why, ZO_ERR_INVALID,
                "steps %lld are all warm-up (%lld, see \"measure\"): none would be timed",
                (long long)p->steps, (long long)warmup);
    if (!why.status)
        return ZO_OK;
    describe(p, set, cell, sizeof cell);
    return BENCH_FAIL(r, at, "%s: %s", cell, why.text);
}

static bool is_excluded(bench_expansion *x, const bench_params *p)
{
    bool excluded = false;
    size_t i = 0;
    const bench_node *pattern = x->exclude ? x->exclude->first : NULL;
    for (; pattern; pattern = pattern->next, i++)
        if (bench_params_match(p, pattern->value)) {
            x->hits
                [i]++; /* of every one: a second pattern is not without effect because the first came before */
            excluded = true;
        }
    return excluded;
}

/* Appends, unless the list has the cell already. */
static zo_status append(bench_reader *r, list *l, const bench_params *p)
{
    bench_cell cell = {.params = *p};
    bench_params_id(p, cell.id);
    if (json_object_get(l->ids, cell.id))
        return ZO_OK;
    if (l->count == l->room) {
        int32_t room = l->room ? 2 * l->room : 16;
        bench_cell *grown = realloc(l->cells, (size_t)room * sizeof l->cells[0]);
        if (!grown)
            return bench_reader_memory(r);
        l->cells = grown;
        l->room = room;
    }
    if (json_object_set_new(l->ids, cell.id, json_true()))
        return bench_reader_memory(r);
    l->cells[l->count++] = cell;
    return ZO_OK;
}

/* p for every seed. set: what it does not share with the defaults. */
static zo_status append_seeds(bench_reader *r, bench_expansion *x, list *l, bench_params p, uint64_t set,
                              bool listed, bench_place at, int64_t warmup)
{
    bench_params_follow(&p, x->given | set);
    for (size_t i = 0; i < (x->seeds ? x->seed_count : 1); i++) {
        if (x->seeds)
            p.seed = x->seeds[i];
        if (!listed && is_excluded(x, &p))
            continue;
        zo_status st = check_cell(r, &p, set, at, warmup);
        if (!st)
            st = append(r, l, &p);
        if (st)
            return st;
    }
    return ZO_OK;
}

/* Value number i of an axis into p; it has been checked. */
static void apply(const bench_axis *a, size_t i, bench_params *p, uint64_t *set)
{
    for (const bench_node *key = a->key; key; key = a->group ? key->next : NULL) {
        const bench_option *o = bench_option_find(key->key);
        zo_status st = bench_params_set(p, o, json_array_get(key->value, i), NULL);
        assert(st == ZO_OK);
        (void)st;
        *set |= bench_option_bit(o);
    }
}

/* The product of all axes, the last fastest. */
static zo_status expand_product(bench_reader *r, bench_expansion *x, list *l, size_t product, int64_t warmup)
{
    bench_place at = x->axis_count ? x->axes[0].key->key_at : r->source->root->at;
    for (size_t n = 0; n < product; n++) {
        bench_params p = x->defaults;
        uint64_t set = 0;
        size_t rest = n;
        for (size_t k = x->axis_count; k-- > 0; rest /= x->axes[k].count)
            apply(&x->axes[k], rest % x->axes[k].count, &p, &set);
        zo_status st = append_seeds(r, x, l, p, set, false, at, warmup);
        if (st)
            return st;
    }
    return ZO_OK;
}

static zo_status expand_cells(bench_reader *r, bench_expansion *x, list *l, int64_t warmup)
{
    const bench_node *cell = x->cells ? x->cells->first : NULL;
    for (; cell; cell = cell->next) {
        bench_params p = x->defaults;
        uint64_t set = 0;
        zo_status st = bench_reader_params(r, x->cells->key, &p, &set, cell);
        if (!st)
            st = append_seeds(r, x, l, p, set, true, cell->at, warmup);
        if (st)
            return st;
    }
    return ZO_OK;
}

zo_status bench_expand(bench_reader *r, bench_expansion *x, int64_t warmup, bench_cell **cells,
                       int32_t *count)
{
    list l = {.ids = json_object()};
    size_t listed = x->cells ? json_array_size(x->cells->value) : 0, seeds = x->seeds ? x->seed_count : 1;
    size_t product = x->axis_count || listed == 0, most = BENCH_MANIFEST_MOST_CELLS;
    zo_status st = l.ids ? ZO_OK : bench_reader_memory(r);
    for (size_t k = 0; k < x->axis_count && product <= most; k++)
        product *= x->axes[k].count; /* no overflow: a count is less than a text's bytes, and the loop ends */
    if (!st && (product > most || listed > most || seeds > most || (product + listed) * seeds > most))
        st = BENCH_FAIL(r, x->axis_count ? x->axes[0].key->key_at : r->source->root->at,
                        "more than %d cells before \"exclude\"", BENCH_MANIFEST_MOST_CELLS);
    if (!st)
        st = expand_product(r, x, &l, product, warmup);
    if (!st)
        st = expand_cells(r, x, &l, warmup);
    if (!st && l.count == 0)
        st = BENCH_FAIL(r, x->exclude->key_at, "no cell is left: \"exclude\" matches all %zu",
                        product * seeds);
    json_decref(l.ids);
    *cells = l.cells;
    *count = l.count;
    return st;
}
