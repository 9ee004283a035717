/* See manifest.h. The sections are rows of a table; a new section is a new row with its reader. */
#include "bench/manifest/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/memory_limit.h"
#include "bench/manifest/compose.h"
#include "bench/manifest/expand.h"
#include "bench/manifest/reader.h"
#include "bench/manifest/schema.h"
#include "bench/base/sha256.h"
#include "bench/manifest/specs.h"
#include "bench/manifest/condition.h"
#include "core/base/file.h"

/* A manifest while it is read. The manifest comes first: freeing it frees all. */
typedef struct draft {
    bench_manifest m;
    bench_expansion x;
} draft;

/* ---- sections ---- */

/* A folder under results/ will have this name. */
static zo_status read_name(bench_reader *r, const bench_field *f, void *out, const bench_node *node)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    const char *name = out;
    zo_status st = bench_reader_text(r, f, out, node);
    if (!st && (name[strspn(name, allowed)] || *name == '.' || *name == '-'))
        st = bench_reader_wrong(
            r, f->key, "made of letters, digits, '-', '_' and '.', and begin with a letter, a digit or '_'",
            node);
    return st;
}

/* In the order of reading: each section may rely on those above. */
static const bench_field sections[] = {
    {"schema", bench_reader_skip, .shape = BENCH_SHAPE_VERSION, .fixed = true, .required = true},
    {"include", bench_reader_skip, .shape = BENCH_SHAPE_INCLUDE, .fixed = true},
    {"variables", bench_reader_skip, .shape = BENCH_SHAPE_VARIABLES},
    {"name", read_name, BENCH_FIELD(draft, m.name), .shape = BENCH_SHAPE_TEXT, .required = true},
    {"title", bench_reader_text, BENCH_FIELD(draft, m.title), .shape = BENCH_SHAPE_TEXT},
    {"defaults", bench_expand_defaults, BENCH_FIELD(draft, x), .shape = BENCH_SHAPE_PARAMS},
    {"matrix", bench_expand_matrix, BENCH_FIELD(draft, x), .shape = BENCH_SHAPE_LISTS},
    {"zip", bench_expand_zip, BENCH_FIELD(draft, x), .shape = BENCH_SHAPE_ZIP},
    {"exclude", bench_expand_exclude, BENCH_FIELD(draft, x), .shape = BENCH_SHAPE_EXCLUDE},
    {"cells", bench_expand_cells, BENCH_FIELD(draft, x), .shape = BENCH_SHAPE_PARAMS_LIST},
    {"seeds", bench_expand_seeds, BENCH_FIELD(draft, x), .shape = BENCH_SHAPE_SEEDS},
    {"measure", bench_specs_measure, BENCH_FIELD(draft, m.measure), .members = bench_measure_fields},
    {"tables", bench_reader_list, BENCH_LIST(draft, m.tables, m.table_count), .each = bench_specs_table,
     .members = bench_table_fields},
    {"plots", bench_reader_list, BENCH_LIST(draft, m.plots, m.plot_count), .each = bench_specs_plot,
     .members = bench_plot_fields},
    {"claims", bench_reader_list, BENCH_LIST(draft, m.claims, m.claim_count), .each = bench_specs_claim,
     .members = bench_claim_fields},
    {0},
};

const bench_field *bench_manifest_sections(void)
{
    return sections;
}

static const bench_node *first_of(const bench_reader *r, const char *section)
{
    const bench_node *list = bench_node_member(r->root, section);
    return list ? list->first : NULL;
}

/* A kinder word than "not known" for a parameter that stands outside its section. */
static zo_status check_root(bench_reader *r)
{
    zo_status st = ZO_OK;
    for (const bench_node *member = r->root->first; member && !st; member = member->next)
        if (bench_option_find(member->key))
            st = BENCH_FAIL(
                r, member->key_at,
                "\"%s\" is a parameter: it belongs in \"defaults\", \"matrix\", \"zip\" or \"cells\"",
                member->key);
    return st;
}

/* Two claims with one id could not be told apart in a report. */
static zo_status check_ids(bench_reader *r, const bench_manifest *m)
{
    const bench_node *at = first_of(r, "claims");
    for (int32_t i = 0; i < m->claim_count; i++, at = at->next)
        for (int32_t k = 0; k < i; k++)
            if (strcmp(m->claims[i].id, m->claims[k].id) == 0)
                return BENCH_FAIL(r, bench_node_member(at, "id")->at, "\"%s\" is the id of an earlier claim",
                                  m->claims[i].id);
    return ZO_OK;
}

/* ---- what is allowed, but hardly meant ---- */

static zo_status warn(bench_reader *r, bench_manifest *m, bench_place at, const char *what)
{
    char(*grown)[512] = realloc(m->warnings, (size_t)(m->warning_count + 1) * sizeof m->warnings[0]);
    if (!grown)
        return bench_reader_memory(r);
    m->warnings = grown;
    snprintf(m->warnings[m->warning_count++], sizeof m->warnings[0], "%s:%d:%d: %s", at.file, at.line,
             at.column, what);
    return ZO_OK;
}

/* Some cell matches where, and has that value (option "": any). */
static bool any_cell(const bench_manifest *m, const json_t *where, const char *option, const char *value)
{
    char text[256];
    const bench_option *o = *option ? bench_option_find(option) : NULL;
    for (int32_t i = 0; i < m->cell_count; i++) {
        const bench_params *p = &m->cells[i].params;
        if ((!o || strcmp(bench_params_text(p, o, text, sizeof text), value) == 0) &&
            bench_condition_match(p, where))
            return true;
    }
    return false;
}

/* Some cell is one side of the claim, and some cell the other. */
static bool any_pair(const bench_manifest *m, const bench_claim_spec *claim)
{
    bool found[2] = {false, claim->kind == BENCH_CLAIM_VALUE};
    for (int32_t i = 0; i < m->cell_count; i++)
        for (int k = 0; k < 2; k++)
            found[k] = found[k] || (bench_condition_match(&m->cells[i].params, claim->side[k]) &&
                                    bench_condition_match(&m->cells[i].params, claim->where));
    return found[0] && found[1];
}

/* A table or plot that takes no cell, or whose baseline none has. */
static zo_status warn_empty(bench_reader *r, bench_manifest *m, const bench_node *at, const char *kind,
                            const json_t *where, const char *option, const char *value)
{
    char text[64];
    if (!any_cell(m, where, "", "")) {
        snprintf(text, sizeof text, "no cell matches: the %s will be empty", kind);
        return warn(r, m, bench_node_member(at, "where")->at, text);
    }
    snprintf(text, sizeof text, "no cell of the %s has this value", kind);
    return any_cell(m, where, option, value) ? ZO_OK
                                             : warn(r, m, bench_node_member(at, "relative_to")->at, text);
}

static zo_status warn_all(bench_reader *r, bench_manifest *m, const bench_expansion *x)
{
    zo_status st = ZO_OK;
    const bench_node *at = first_of(r, "exclude");
    for (size_t i = 0; at && !st; i++, at = at->next)
        if (x->hits[i] == 0)
            st = warn(r, m, at->at, "this exclude matches no cell");
    at = first_of(r, "tables");
    for (int32_t i = 0; i < m->table_count && !st; i++, at = at->next)
        st = warn_empty(r, m, at, "table", m->tables[i].where, m->tables[i].relative_option,
                        m->tables[i].relative_value);
    at = first_of(r, "plots");
    for (int32_t i = 0; i < m->plot_count && !st; i++, at = at->next)
        st = warn_empty(r, m, at, "plot", m->plots[i].where, m->plots[i].relative_option,
                        m->plots[i].relative_value);
    at = first_of(r, "claims");
    for (int32_t i = 0; i < m->claim_count && !st; i++, at = at->next)
        if (!any_pair(m, &m->claims[i]))
            st = warn(r, m, at->at, "no cells match: the claim will never be tested");
    return st;
}

/* ---- the whole ---- */

static void find_varying(bench_manifest *m)
{
    for (const bench_option *o = bench_options; o->name; o++)
        for (int32_t i = 1; i < m->cell_count && !(m->varying & bench_option_bit(o)); i++)
            if (!bench_params_same(&m->cells[0].params, &m->cells[i].params, o))
                m->varying |= bench_option_bit(o);
}

static zo_status read_manifest(bench_reader *r, draft *d)
{
    bench_manifest *m = &d->m;
    m->measure = (bench_measure){.warmup = 1,
                                 .min_runs = 1,
                                 .max_runs = 1,
                                 .timeout_s = 7200,
                                 .memory_bytes = BENCH_MEMORY_AUTO,
                                 .order_seed = 1};
    m->root = json_incref(r->root->value);
    zo_status st = check_root(r);
    if (!st)
        st = bench_reader_fields(r, sections, "manifest", d, r->root);
    if (!st)
        st = check_ids(r, m);
    if (!st && !*m->title)
        snprintf(m->title, sizeof m->title, "%s", m->name);
    if (!st)
        st = bench_expand(r, &d->x, m->measure.warmup, &m->cells, &m->cell_count);
    m->defaults = d->x.defaults;
    m->swept = d->x.swept;
    if (!st)
        find_varying(m);
    if (!st)
        st = warn_all(r, m, &d->x);
    return st;
}

static zo_status parse(const char *text, size_t bytes, const char *path, const char *const *sets,
                       bench_manifest **out, zo_error *err)
{
    bench_document document;
    *out = NULL;
    if (strlen(path) >= sizeof(*out)->path)
        return zo_fail(err, ZO_ERR_INVALID, "%.300s...: the path is too long", path);
    zo_status st = bench_compose(sections, text, bytes, path, sets, &document, err);
    if (st)
        return st;
    bench_reader r = {document.root, path, err};
    draft *d = calloc(1, sizeof *d);
    if (!d) {
        bench_compose_deinit(&document);
        return bench_reader_memory(&r);
    }
    bench_manifest *m = &d->m;
    snprintf(m->path, sizeof m->path, "%s", path);
    m->text = document.text; /* ownership moves */
    m->text_bytes = document.bytes;
    document.text = NULL;
    bench_sha256(m->text, m->text_bytes, m->sha256);
    bench_expand_init(&d->x);
    st = read_manifest(&r, d);
    bench_expand_deinit(&d->x);
    bench_compose_deinit(&document);
    if (st)
        bench_manifest_free(m);
    else
        *out = m;
    return st;
}

zo_status bench_manifest_parse(const char *text, size_t bytes, const char *path, bench_manifest **out,
                               zo_error *err)
{
    return parse(text, bytes, path, NULL, out, err);
}

zo_status bench_manifest_load_set(const char *path, const char *const *sets, bench_manifest **out,
                                  zo_error *err)
{
    zo_file_map map = {0};
    *out = NULL;
    zo_status st = zo_file_map_open(path, &map, err);
    if (!st)
        st = parse(map.data, map.bytes, path, sets, out, err);
    zo_file_map_close(&map);
    return st;
}

zo_status bench_manifest_load(const char *path, bench_manifest **out, zo_error *err)
{
    return bench_manifest_load_set(path, NULL, out, err);
}

void bench_manifest_free(bench_manifest *m)
{
    if (!m)
        return;
    free(m->cells);
    free(m->tables);
    free(m->plots);
    for (int32_t i = 0; m->claims && i <= m->claim_count; i++) { /* with the one at which reading stopped */
        json_decref(m->claims[i].side[0]);
        json_decref(m->claims[i].side[1]);
    }
    free(m->claims);
    free(m->warnings);
    free(m->text);
    json_decref(m->root);
    free(m);
}

const char *bench_manifest_label(const bench_manifest *m, const bench_params *p, char *out, size_t cap)
{
    uint64_t which = 0;
    for (const bench_option *o = bench_options; o->name; o++) {
        const uint64_t bit = bench_option_bit(o);
        if (m->varying & bit && (m->swept & bit || !bench_params_same(p, &m->defaults, o)))
            which |= bit;
    }
    if (!which)
        snprintf(out, cap, "%s", m->cell_count == 1 ? m->name : "defaults");
    else
        bench_params_list(p, which, out, cap);
    return out;
}
