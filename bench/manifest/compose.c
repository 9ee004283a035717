/* See compose.h. All nodes of the tree are copies, so that members can be replaced, with the places of the originals. */
#include "bench/manifest/compose.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/manifest/argument.h"
#include "bench/manifest/params.h"
#include "bench/manifest/json_tree.h"
#include "bench/manifest/variables.h"
#include "core/base/file.h"

enum { MOST_FILES = 64, MOST_FILE_BYTES = 4 << 20 };

typedef struct file {
    char *path; /* owned; absolute, without links */
    bench_json_source *source;
    bool open; /* its includes are being read */
} file;

struct bench_document {
    const bench_language *language;
    file files[MOST_FILES];
    int file_count;
    bench_json_tree tree;
    bench_node *root;
    char (*set_names)[256]; /* "--set key=value" */
    char *text;
    size_t bytes;
};

/* ---- files ---- */

static zo_status take_file(bench_document *d, const char *text, size_t n, const char *path, char *real,
                           zo_error *err);

/* "dir/of/this/" + name, or name alone where it is absolute. NULL: out of memory. */
static char *beside(const char *path, const char *name)
{
    const char *slash = *name == '/' ? NULL : strrchr(path, '/');
    char *out = NULL;
    if (asprintf(&out, "%.*s%s", slash ? (int)(slash - path) + 1 : 0, path, name) < 0)
        return NULL;
    return out;
}

static zo_status fail_include(bench_place at, const char *what, zo_error *err)
{
    return bench_json_source_fail(at, err, "include: %s", what);
}

/* One element of a file's "include". */
static zo_status include_one(bench_document *d, const char *path, const bench_node *element, zo_error *err)
{
    zo_status st = ZO_OK;
    zo_file_map map = {0};
    zo_error why = {0};
    const char *name = json_string_value(element->value);
    char *joined = beside(path, name), *real = joined ? realpath(joined, NULL) : NULL;
    if (!joined)
        st = bench_json_tree_memory(err);
    for (int i = 0; i < d->file_count && real; i++) {
        if (strcmp(d->files[i].path, real) != 0)
            continue;
        if (d->files[i].open)
            st = bench_json_source_fail(element->at, err, "include: \"%.128s\" is this file, or includes it",
                                        name);
        goto cleanup; /* it counts once */
    }
    if (!st && d->file_count == MOST_FILES)
        st = bench_json_source_fail(element->at, err, "include: more than %d files", MOST_FILES);
    if (!st && zo_file_map_open(joined, &map, &why))
        st = fail_include(element->at, why.text, err);
    if (!st && !real)
        st = fail_include(element->at, "it has just vanished", err);
    if (!st) {
        st = take_file(d, map.data, map.bytes, joined, real, err);
        real = NULL;
    }
cleanup:
    zo_file_map_close(&map);
    free(joined);
    free(real);
    return st;
}

static zo_status include_all(bench_document *d, const char *path, const bench_node *root, zo_error *err)
{
    const bench_node *list = bench_node_member(root, "include");
    zo_status st = ZO_OK;
    if (list && !json_is_array(list->value))
        return bench_json_source_fail(list->at, err, "\"include\" must be a list of files");
    for (const bench_node *e = list ? list->first : NULL; e && !st; e = e->next) {
        const char *name = json_string_value(e->value);
        if (!name || !*name)
            return bench_json_source_fail(e->at, err, "\"include\" must be a list of files, each a text");
        st = include_one(d, path, e, err);
    }
    return st;
}

/* Before all else, because a manifest of another version may have any other keys. */
static zo_status check_root(const bench_document *d, const bench_node *root, zo_error *err)
{
    char shown[64];
    const bench_node *schema = bench_node_member(root, "schema");
    if (!json_is_object(root->value))
        return bench_json_source_fail(root->at, err, "\"manifest\" must be an object, not %s",
                                      bench_value_text(root->value, shown, sizeof shown));
    const char *version = schema ? json_string_value(schema->value) : NULL;
    if (schema && (!version || strcmp(version, d->language->schema) != 0))
        return bench_json_source_fail(
            schema->at, err, "\"schema\" must be \"%s\", the language that this program reads, not %s",
            d->language->schema, bench_value_text(schema->value, shown, sizeof shown));
    return ZO_OK;
}

/* A file's includes, then itself, over what is there. Takes real. */
static zo_status take_file(bench_document *d, const char *text, size_t n, const char *path, char *real,
                           zo_error *err)
{
    file *f = &d->files[d->file_count++];
    bench_node *mine = NULL;
    *f = (file){.path = real, .open = true};
    if (n > MOST_FILE_BYTES)
        return zo_fail(err, ZO_ERR_FORMAT, "%.300s: a manifest of %zu bytes, more than %d", path, n,
                       MOST_FILE_BYTES);
    zo_status st = bench_json_source_parse(text, n, path, &f->source, err);
    if (!st)
        st = check_root(d, f->source->root, err);
    if (!st)
        st = include_all(d, path, f->source->root, err);
    if (!st)
        st = bench_json_tree_copy(&d->tree, f->source->root, &mine, err);
    if (!st && !d->root)
        d->root = mine;
    else if (!st) {
        bench_json_tree_merge(d->root, mine, true);
        d->root->at = mine->at; /* of the file that includes the others, in the end */
    }
    f->open = false;
    return st;
}

/* ---- --set ---- */

/* Where a bare parameter would have no effect. */
static const char *varies_in(const bench_node *root, const char *key)
{
    const bench_node *zip = bench_json_tree_member(root, "zip"),
                     *seeds = bench_json_tree_member(root, "seeds");
    if (bench_node_member(root, "matrix") && bench_node_member(bench_node_member(root, "matrix"), key))
        return "matrix";
    for (const bench_node *group = zip ? zip->first : NULL; group; group = group->next)
        if (bench_node_member(group, key))
            return "zip";
    return seeds && strcmp(key, bench_option_seed()->name) == 0 ? "seeds" : NULL;
}

static zo_status fail_key(const bench_document *d, bench_place at, const char *key, zo_error *err)
{
    const bench_node *variables = bench_json_tree_member(d->root, "variables");
    const char *near = bench_nearest(key, d->language->sections);
    near = near ? near : bench_option_nearest(key);
    for (const bench_node *v = variables ? variables->first : NULL; v && !near; v = v->next)
        near = bench_nearest(key, (const char *const[]){v->key, NULL});
    return bench_json_source_fail(at, err,
                                  "\"%.64s\" is no variable, parameter or section of this manifest%s%s%s",
                                  key, near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static bool is_section(const bench_language *l, const char *key)
{
    for (const char *const *s = l->sections; *s; s++)
        if (strcmp(*s, key) == 0)
            return true;
    return false;
}

/* The section that a key of --set belongs to ("": it is one itself), and the key within. */
static zo_status find_section(const bench_document *d, bench_place at, char *key, const char **section,
                              const char **rest, zo_error *err)
{
    char *dot = strchr(key, '.');
    const bench_node *variables = bench_json_tree_member(d->root, "variables");
    *section = "";
    *rest = key;
    if (dot) {
        *dot = '\0';
        *section = key;
        *rest = dot + 1;
        if (!is_section(d->language, key))
            return fail_key(d, at, key, err);
    } else if (variables && bench_node_member(variables, key)) {
        *section = "variables";
    } else if (bench_option_find(key)) {
        *section = "defaults";
        const char *where = varies_in(d->root, key);
        if (where)
            return bench_json_source_fail(at, err, "\"%s\" varies in \"%s\": choose with --filter, or set %s",
                                          key, where,
                                          strcmp(where, "matrix") == 0 ? "matrix.KEY=[...]"
                                                                       : "other values there");
    } else if (!is_section(d->language, key)) {
        return fail_key(d, at, key, err);
    }
    if (strcmp(*section, "variables") == 0 && !(variables && bench_node_member(variables, *rest)))
        return bench_json_source_fail(at, err, "the manifest has no variable \"%.64s\"", *rest);
    if (strcmp(*section, "include") == 0 || strcmp(*rest, "include") == 0)
        return bench_json_source_fail(at, err, "\"include\" can be set in files only");
    return ZO_OK;
}

/* A value from the command line as nodes; all of it is in one place. */
static zo_status make_value(bench_document *d, bench_place at, const char *key, json_t *value,
                            bench_node **out, zo_error *err)
{
    const bench_node here = {.key = key, .at = at, .key_at = at, .value = value};
    zo_status st = bench_json_tree_make(&d->tree, &here, out, err);
    const char *name;
    json_t *child;
    size_t i;
    json_object_foreach(value, name, child)
    {
        bench_node *mine = NULL;
        if (!st)
            st = make_value(d, at, name, child, &mine, err);
        if (!st)
            *bench_json_tree_last(*out) = mine;
    }
    json_array_foreach(value, i, child)
    {
        bench_node *mine = NULL;
        if (!st)
            st = make_value(d, at, NULL, child, &mine, err);
        if (!st)
            *bench_json_tree_last(*out) = mine;
    }
    return st;
}

static zo_status set_one(bench_document *d, const char *argument, char *name, json_t **keep, zo_error *err)
{
    const char *equals = strchr(argument, '='), *section, *rest;
    char key[96];
    bench_node *value = NULL, *holder = NULL;
    snprintf(name, sizeof d->set_names[0], "--set %s", argument);
    bench_json_source_clean(name);
    const bench_place at = {name, 0, 0};
    if (!equals || equals == argument || (size_t)(equals - argument) >= sizeof key)
        return bench_json_source_fail(at, err, "must be key=value");
    snprintf(key, sizeof key, "%.*s", (int)(equals - argument), argument);
    zo_status st = find_section(d, at, key, &section, &rest, err);
    if (st)
        return st;
    json_t *json = bench_argument_value(bench_option_find(rest), equals + 1);
    if (!json)
        return bench_json_source_fail(at, err, "the value is not UTF-8");
    /* {"section": {"key": value}}, or {"key": value}; keys live in it as long as the document */
    *keep = *section ? json_pack("{s:{s:o}}", section, rest, json) : json_pack("{s:o}", rest, json);
    if (!*keep)
        return bench_json_tree_memory(err);
    st = make_value(d, at, NULL, *keep, &holder, err);
    value = holder ? (bench_node *)holder->first : NULL;
    bench_node *known = value ? bench_json_tree_member(d->root, value->key) : NULL;
    if (!st && *section && known && !json_is_object(known->value))
        return bench_json_source_fail(at, err, "\"%s\" is no object: only the whole can be set", section);
    if (!st && *section)
        bench_json_tree_merge(d->root, holder, true);
    else if (!st && known)
        bench_json_tree_replace(known, value); /* the whole, not joined */
    else if (!st)
        *bench_json_tree_last(d->root) = value;
    return st;
}

static zo_status set_all(bench_document *d, const char *const *sets, zo_error *err)
{
    size_t n = 0;
    zo_status st = ZO_OK;
    while (sets && sets[n])
        n++;
    d->set_names = calloc(n + 1, sizeof d->set_names[0]);
    if (!d->set_names)
        return bench_json_tree_memory(err);
    for (size_t i = 0; i < n && !st; i++) {
        json_t *keep = NULL;
        bench_node *holder = NULL;
        st = set_one(d, sets[i], d->set_names[i], &keep, err);
        if (!st && keep) /* a node that nothing hangs on keeps the keys alive */
            st = bench_json_tree_make(&d->tree, &(bench_node){.value = keep}, &holder, err);
        json_decref(keep);
    }
    return st;
}

/* ---- the whole ---- */

static bool is_done_with(const bench_node *member)
{
    return strcmp(member->key, "include") == 0 || strcmp(member->key, "variables") == 0;
}

static bool is_include(const bench_node *member)
{
    return strcmp(member->key, "include") == 0;
}

static bool is_null(const bench_node *member)
{
    return json_is_null(member->value);
}

static zo_status write_text(bench_document *d, zo_error *err)
{
    zo_status st = bench_json_tree_build(d->root, err);
    if (st)
        return st;
    d->text = json_dumps(d->root->value, JSON_INDENT(2));
    d->bytes = d->text ? strlen(d->text) : 0;
    if (!d->text)
        return bench_json_tree_memory(err);
    d->text[d->bytes++] = '\n'; /* in the place of the NUL */
    return ZO_OK;
}

static zo_status compose(bench_document *d, const char *text, size_t n, const char *path,
                         const char *const *sets, zo_error *err)
{
    char *real = realpath(path, NULL);
    real = real ? real : strdup(path); /* a text that lies in no file */
    if (!real)
        return bench_json_tree_memory(err);
    zo_status st = take_file(d, text, n, path, real, err);
    if (!st)
        bench_json_tree_drop(d->root, is_include);
    if (!st)
        st = set_all(d, sets, err);
    if (st)
        return st;
    if (d->file_count > 1 || (sets && *sets)) {
        st = write_text(d, err);
    } else {
        d->text = malloc(n + 1);
        d->bytes = n;
        if (d->text)
            memcpy(d->text, text, n);
        else
            st = bench_json_tree_memory(err);
    }
    const bench_node *variables = bench_json_tree_member(d->root, "variables");
    if (!st)
        st = bench_variables_check(variables, err);
    if (!st)
        st = bench_variables_fill(&d->tree, variables, d->root, err);
    if (st)
        return st;
    bench_json_tree_drop(d->root, is_done_with);
    bench_json_tree_drop(d->root, is_null);
    bench_node *matrix = bench_json_tree_member(d->root, "matrix");
    if (matrix && json_is_object(matrix->value))
        bench_json_tree_drop(matrix, is_null);
    return bench_json_tree_build(d->root, err);
}

zo_status bench_compose(const bench_language *l, const char *text, size_t n, const char *path,
                        const char *const *sets, bench_document **out, zo_error *err)
{
    *out = NULL;
    bench_document *d = calloc(1, sizeof *d);
    if (!d)
        return bench_json_tree_memory(err);
    d->language = l;
    zo_status st = compose(d, text, n, path, sets, err);
    if (st)
        bench_document_free(d);
    else
        *out = d;
    return st;
}

void bench_document_free(bench_document *d)
{
    if (!d)
        return;
    bench_json_tree_free(&d->tree);
    for (int i = 0; i < d->file_count; i++) {
        free(d->files[i].path);
        bench_json_source_free(d->files[i].source);
    }
    free(d->set_names);
    free(d->text);
    free(d);
}

const bench_node *bench_document_root(const bench_document *d)
{
    return d->root;
}

const char *bench_document_text(const bench_document *d, size_t *bytes)
{
    *bytes = d->bytes;
    return d->text;
}
