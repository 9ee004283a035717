/* See expand.h. */
#include "bench/manifest/expand.h"
#include "bench/manifest/condition.h"

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
    for (size_t i = 0; i < x->axis_count; i++)
        json_decref(x->axes[i].values);
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

/* A new axis. zipped: with the one before. */
static zo_status add_axis(bench_reader *r, bench_expansion *x, const bench_node *member, bool zipped)
{
    const bench_option *o;
    zo_status st = bench_reader_find(r, member, &o);
    if (st)
        return st;
    if (x->varied & bench_option_bit(o))
        return BENCH_FAIL(r, member->key_at,
                          "\"%s\" varies already, in \"matrix\" or another group of \"zip\"", o->name);
    x->swept |= bench_option_bit(o);
    x->varied |= bench_option_bit(o);
    bench_axis *axis = &x->axes[x->axis_count];
    *axis = (bench_axis){.option = o, .zipped = zipped, .at = member->key_at};
    st = bench_reader_values(r, o, member, &axis->values);
    x->axis_count += !st;
    return st;
}

zo_status bench_expand_matrix(bench_reader *r, const bench_field *f, void *out, const bench_node *node)
{
    zo_status st = ZO_OK;
    if (!json_is_object(node->value))
        return bench_reader_wrong(r, f->key, "an object", node);
    for (const bench_node *member = node->first; member && !st; member = member->next)
        st = add_axis(r, out, member, false);
    return st;
}

static zo_status read_group(bench_reader *r, bench_expansion *x, const char *name, const bench_node *group)
{
    const bench_node *first = group->first;
    const bench_axis *axis = &x->axes[x->axis_count];
    zo_status st = ZO_OK;
    if (!json_is_object(group->value) || !first)
        return bench_reader_wrong(r, name, "a list of objects with at least one parameter each", group);
    for (const bench_node *member = first; member && !st; member = member->next) {
        st = add_axis(r, x, member, member != first);
        if (st)
            break;
        const size_t n = json_array_size(x->axes[x->axis_count - 1].values),
                     all = json_array_size(axis->values);
        if (n != all)
            st = BENCH_FAIL(r, member->at,
                            "\"%s\" has %zu values, but \"%s\", which it is zipped with, has %zu",
                            member->key, n, first->key, all);
    }
    return st;
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
    for (const bench_node *element = node->first; element && !st; element = element->next) {
        uint64_t given = 0;
        st = bench_reader_params(r, f->key, &scratch, &given, element);
        x->varied |= given;
    }
    return st;
}

zo_status bench_expand_seeds(bench_reader *r, const bench_field *f, void *out, const bench_node *node)
{
    bench_expansion *x = out;
    const bench_option *o = bench_option_seed();
    bench_params scratch;
    json_t *values, *value;
    size_t i;
    if (!json_is_string(node->value) && json_array_size(node->value) == 0)
        return bench_reader_wrong(r, f->key, "a list of whole numbers or a range", node);
    if (x->varied & bench_option_bit(o))
        return BENCH_FAIL(r, node->key_at, "\"seed\" varies already, in \"matrix\", \"zip\" or \"cells\"");
    zo_status st = bench_reader_values(r, o, node, &values);
    if (st)
        return st;
    x->seeds = calloc(json_array_size(values), sizeof x->seeds[0]);
    if (!x->seeds)
        st = bench_reader_memory(r);
    json_array_foreach(values, i, value)
    {
        if (st)
            break;
        if (json_is_null(value))
            st = bench_reader_wrong(r, f->key, "a list of whole numbers or a range", node);
        else if (!bench_params_set(&scratch, o, value, NULL)) /* it has been checked */
            x->seeds[x->seed_count++] = scratch.seed;
    }
    json_decref(values);
    return st;
}

/* ---- expanding ---- */

typedef struct list {
    bench_cell *cells; /* room for all that there can be */
    int32_t count;
    json_t *ids; /* of the cells, as a set */
} list;

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
    bench_params_list(p, set, cell, sizeof cell);
    return BENCH_FAIL(r, at, "%s%s: %s", set ? "cell " : "the cell of the defaults", cell, why.text);
}

static bool is_excluded(bench_expansion *x, const bench_params *p)
{
    bool excluded = false;
    size_t i = 0;
    const bench_node *pattern = x->exclude ? x->exclude->first : NULL;
    for (; pattern; pattern = pattern->next, i++)
        if (bench_condition_match(p, pattern->value)) {
            x->hits
                [i]++; /* all that match: a second one is not without effect because the first came before */
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
    if (json_object_set_new(l->ids, cell.id, json_true()))
        return bench_reader_memory(r);
    l->cells[l->count++] = cell;
    return ZO_OK;
}

/* p for every seed. set: what it does not share with the defaults; given: that and what it shares. */
static zo_status append_seeds(bench_reader *r, bench_expansion *x, list *l, bench_params p, uint64_t set,
                              uint64_t given, bool listed, bench_place at, int64_t warmup)
{
    bench_params_follow(&p, given);
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
static void apply(const bench_axis *a, size_t i, bench_params *p, uint64_t *set, uint64_t *given)
{
    const uint64_t bit = bench_option_bit(a->option);
    bool unset;
    zo_status st = bench_params_take(p, a->option, json_array_get(a->values, i), &unset, NULL);
    assert(st == ZO_OK);
    (void)st;
    *set |= bit;
    *given = unset ? *given & ~bit : *given | bit;
}

/* The product of all axes, the last fastest. */
static zo_status expand_product(bench_reader *r, bench_expansion *x, list *l, size_t product, int64_t warmup)
{
    bench_place at = x->axis_count ? x->axes[0].at : r->root->at;
    for (size_t n = 0; n < product; n++) {
        bench_params p = x->defaults;
        uint64_t set = 0, given = x->given;
        size_t rest = n;
        for (size_t k = x->axis_count; k-- > 0;) {
            const size_t count = json_array_size(x->axes[k].values);
            apply(&x->axes[k], rest % count, &p, &set, &given);
            rest /= x->axes[k].zipped ? 1 : count;
        }
        zo_status st = append_seeds(r, x, l, p, set, given, false, at, warmup);
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
        uint64_t set = 0, given = x->given;
        zo_status st = bench_reader_params(r, x->cells->key, &p, &given, cell);
        for (const bench_node *member = cell->first; member && !st; member = member->next)
            set |= bench_option_bit(bench_option_find(member->key));
        if (!st)
            st = append_seeds(r, x, l, p, set, given, true, cell->at, warmup);
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
    /* no overflow: a count is less than a text's bytes, and the loop ends */
    for (size_t k = 0; k < x->axis_count && product <= most; k++)
        product *= x->axes[k].zipped ? 1 : json_array_size(x->axes[k].values);
    if (!st && (product > most || listed > most || seeds > most || (product + listed) * seeds > most))
        st = BENCH_FAIL(r, x->axis_count ? x->axes[0].at : r->root->at,
                        "more than %d cells before \"exclude\"", BENCH_MANIFEST_MOST_CELLS);
    l.cells = st ? NULL : calloc((product + listed) * seeds, sizeof l.cells[0]);
    if (!st)
        st = l.cells ? expand_product(r, x, &l, product, warmup) : bench_reader_memory(r);
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
