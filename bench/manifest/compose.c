/* See compose.h. */
#include "bench/manifest/compose.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/manifest/argument.h"
#include "bench/manifest/schema.h"
#include "core/base/file.h"

enum { MOST_FILES = 64, MOST_FILE_BYTES = 4 << 20 };

typedef struct file {
    char *path; /* owned; absolute, without links */
    bool open;  /* its includes are being read */
} file;

/* A document while it is made. */
typedef struct draft {
    const bench_field *sections;
    file files[MOST_FILES];
    int file_count;
    bench_json_tree *tree;
    bench_node *root;
} draft;

/* ---- files ---- */

static zo_status take_file(draft *d, const char *text, size_t n, const char *path, char *real, zo_error *err);

/* "dir/of/this/" + name, or name alone where it is absolute. NULL: out of memory. */
static char *beside(const char *path, const char *name)
{
    const char *slash = *name == '/' ? NULL : strrchr(path, '/');
    char *out = NULL;
    if (asprintf(&out, "%.*s%s", slash ? (int)(slash - path) + 1 : 0, path, name) < 0)
        return NULL;
    return out;
}

/* One element of a file's "include". */
static zo_status include_one(draft *d, const char *path, const bench_node *element, zo_error *err)
{
    zo_file_map map = {0};
    zo_error why = {0};
    const char *name = json_string_value(element->value);
    char *joined = beside(path, name), *real = joined ? realpath(joined, NULL) : NULL;
    zo_status st = joined ? ZO_OK : bench_json_tree_memory(err);
    for (int i = 0; i < d->file_count && real; i++) {
        if (strcmp(d->files[i].path, real) != 0)
            continue;
        if (d->files[i].open)
            st = bench_json_tree_fail(element->at, err, "include: \"%.128s\" is this file, or includes it",
                                      name);
        goto cleanup; /* it counts once */
    }
    if (!st && d->file_count == MOST_FILES)
        st = bench_json_tree_fail(element->at, err, "include: more than %d files", MOST_FILES);
    if (!st && zo_file_map_open(joined, &map, &why))
        st = bench_json_tree_fail(element->at, err, "include: %s", why.text);
    if (!st && !real)
        st = bench_json_tree_fail(element->at, err, "include: it has just vanished");
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

static zo_status include_all(draft *d, const char *path, const bench_node *root, zo_error *err)
{
    const bench_node *list = bench_node_member(root, "include");
    zo_status st = ZO_OK;
    if (list && !json_is_array(list->value))
        return bench_json_tree_fail(list->at, err, "\"include\" must be a list of files");
    for (const bench_node *e = list ? list->first : NULL; e && !st; e = e->next) {
        const char *name = json_string_value(e->value);
        if (!name || !*name)
            return bench_json_tree_fail(e->at, err, "\"include\" must be a list of files, each a text");
        st = include_one(d, path, e, err);
    }
    return st;
}

/* Before all else, because a manifest of another version may have any other keys. */
static zo_status check_root(const bench_node *root, zo_error *err)
{
    char shown[64];
    const bench_node *schema = bench_node_member(root, "schema");
    if (!json_is_object(root->value))
        return bench_json_tree_fail(root->at, err, "\"manifest\" must be an object, not %s",
                                    bench_value_text(root->value, shown, sizeof shown));
    const char *version = schema ? json_string_value(schema->value) : NULL;
    if (schema && (!version || strcmp(version, BENCH_MANIFEST_SCHEMA) != 0))
        return bench_json_tree_fail(schema->at, err,
                                    "\"schema\" must be \"%s\", the language that this program reads, not %s",
                                    BENCH_MANIFEST_SCHEMA,
                                    bench_value_text(schema->value, shown, sizeof shown));
    return ZO_OK;
}

/* A file's includes, then itself, over what is there. Takes real. */
static zo_status take_file(draft *d, const char *text, size_t n, const char *path, char *real, zo_error *err)
{
    file *f = &d->files[d->file_count++];
    const char *name = bench_json_tree_name(d->tree, path);
    bench_node *mine = NULL;
    *f = (file){.path = real, .open = true};
    if (n > MOST_FILE_BYTES)
        return zo_fail(err, ZO_ERR_FORMAT, "%.300s: a manifest of %zu bytes, more than %d", path, n,
                       MOST_FILE_BYTES);
    zo_status st = name ? bench_json_tree_parse(d->tree, text, n, (bench_place){name, 1, 1}, &mine, err)
                        : bench_json_tree_memory(err);
    if (!st)
        st = check_root(mine, err);
    if (!st)
        st = include_all(d, path, mine, err);
    f->open = false;
    if (st)
        return st;
    if (d->root)
        bench_json_tree_merge(d->root, mine, true);
    else
        d->root = mine;
    d->root->at = mine->at; /* of the file that includes the others, in the end */
    return ZO_OK;
}

/* ---- variables ---- */

/* The section may be NULL. */
static const char *nearest_variable(const bench_node *variables, const char *name)
{
    const char *near = NULL;
    for (const bench_node *v = variables ? variables->first : NULL; v && !near; v = v->next)
        near = bench_nearest(name, (const char *const[]){v->key, NULL}, sizeof v->key);
    return near;
}

/* "${name}" at *text, which then points behind it; NULL where there is none. Fails where a name is not known. */
static zo_status find_variable(const bench_node *variables, bench_place at, const char **text,
                               const bench_node **out, zo_error *err)
{
    char name[64];
    const char *end = strchr(*text, '}');
    size_t n = end ? (size_t)(end - *text) - 2 : 0;
    *out = NULL;
    if (!end || n == 0 || n >= sizeof name)
        return bench_json_tree_fail(at, err,
                                    "\"${\" begins a variable, \"${name}\"; \"$${\" stands for itself");
    snprintf(name, sizeof name, "%.*s", (int)n, *text + 2);
    *text = end + 1;
    *out = bench_node_member(variables, name);
    return *out ? ZO_OK
                : bench_json_tree_fail(at, err, "there is no variable \"%s\"%s", name,
                                       BENCH_DID_YOU_MEAN(nearest_variable(variables, name)));
}

/* The text with what its variables stand for. */
static zo_status fill_in(const bench_node *variables, bench_place at, const char *text, FILE *out,
                         zo_error *err)
{
    char number[128];
    while (*text) {
        const bench_node *v = NULL;
        if (strncmp(text, "$${", 3) == 0) {
            fputs("${", out);
            text += 3;
            continue;
        }
        if (strncmp(text, "${", 2) != 0) {
            fputc(*text++, out);
            continue;
        }
        zo_status st = find_variable(variables, at, &text, &v, err);
        if (st)
            return st;
        if (!json_is_string(v->value) && !json_is_number(v->value))
            return bench_json_tree_fail(at, err,
                                        "variable \"%.64s\" is no text or number, and cannot be part of one",
                                        v->key);
        fputs(json_is_string(v->value) ? json_string_value(v->value)
                                       : bench_value_text(v->value, number, sizeof number),
              out);
    }
    return ZO_OK;
}

static zo_status substitute_text(bench_json_tree *t, const bench_node *variables, bench_node *node,
                                 zo_error *err)
{
    const char *text = json_string_value(node->value), *behind = text;
    const bench_node *whole = NULL;
    zo_status st = ZO_OK;
    if (strncmp(text, "${", 2) == 0) {
        st = find_variable(variables, node->at, &behind, &whole, err);
        if (st)
            return st;
    }
    if (whole && !*behind) { /* the value itself, of any type */
        bench_node *value = NULL;
        st = bench_json_tree_copy(t, whole, &value, err);
        if (st)
            return st;
        json_decref(node->value);
        node->value = json_incref(value->value);
        node->first = value->first;
        return ZO_OK;
    }
    char *filled = NULL;
    size_t bytes = 0;
    FILE *f = open_memstream(&filled, &bytes);
    if (!f)
        return bench_json_tree_memory(err);
    st = fill_in(variables, node->at, text, f, err);
    if (fclose(f) && !st)
        st = bench_json_tree_memory(err);
    json_t *value = st ? NULL : json_string(filled);
    free(filled);
    if (!st && !value)
        return bench_json_tree_memory(err);
    if (value) {
        json_decref(node->value);
        node->value = value;
    }
    return st;
}

/* Puts values in the place of variables in node and all below it, the section itself left out. A text that is one variable
 * becomes its value, of any type. */
static zo_status fill(bench_json_tree *t, const bench_node *variables, bench_node *node, zo_error *err)
{
    zo_status st = ZO_OK;
    if (json_is_string(node->value))
        return strstr(json_string_value(node->value), "${") ? substitute_text(t, variables, node, err)
                                                            : ZO_OK;
    for (bench_node *child = node->first; child && !st; child = child->next)
        if (child != variables)
            st = fill(t, variables, child, err);
    return st;
}

/* The section may be NULL. */
static zo_status check_variables(const bench_node *variables, zo_error *err)
{
    if (variables && !json_is_object(variables->value))
        return bench_json_tree_fail(variables->at, err, "\"variables\" must be an object");
    for (const bench_node *v = variables ? variables->first : NULL; v; v = v->next) {
        const size_t n = strlen(v->key);
        if (bench_option_find(v->key))
            return bench_json_tree_fail(v->key_at, err,
                                        "\"%s\" is a parameter: a variable needs another name", v->key);
        if (n == 0 || n > 63 || strpbrk(v->key, ".={}"))
            return bench_json_tree_fail(v->key_at, err,
                                        "\"%.64s\": a variable's name has 1 to 63 bytes, and none of . = { }",
                                        v->key);
        if (json_is_string(v->value) && strstr(json_string_value(v->value), "${"))
            return bench_json_tree_fail(v->at, err, "a variable's value holds no other variables");
    }
    return ZO_OK;
}

/* ---- --set ---- */

/* Where a bare parameter would have no effect. */
static const char *varies_in(const bench_node *root, const char *key)
{
    const bench_node *zip = bench_node_member(root, "zip"), *seeds = bench_node_member(root, "seeds");
    if (bench_node_member(bench_node_member(root, "matrix"), key))
        return "matrix";
    for (const bench_node *group = zip ? zip->first : NULL; group; group = group->next)
        if (bench_node_member(group, key))
            return "zip";
    return seeds && strcmp(key, bench_option_seed()->name) == 0 ? "seeds" : NULL;
}

static zo_status fail_key(const draft *d, bench_place at, const char *key, zo_error *err)
{
    const char *near = bench_nearest(key, &d->sections->key, sizeof *d->sections);
    near = near ? near : bench_option_nearest(key);
    near = near ? near : nearest_variable(bench_node_member(d->root, "variables"), key);
    return bench_json_tree_fail(at, err, "\"%.64s\" is no variable, parameter or section of this manifest%s",
                                key, BENCH_DID_YOU_MEAN(near));
}

/* The section that a key of --set belongs to ("": it is one itself), and the key within. */
static zo_status find_section(const draft *d, bench_place at, char *key, const char **section,
                              const char **rest, zo_error *err)
{
    char *dot = strchr(key, '.');
    const bench_node *variables = bench_node_member(d->root, "variables");
    *section = "";
    *rest = key;
    if (dot) {
        *dot = '\0';
        *section = key;
        *rest = dot + 1;
        if (!bench_reader_field(d->sections, key))
            return fail_key(d, at, key, err);
    } else if (bench_node_member(variables, key)) {
        *section = "variables";
    } else if (bench_option_find(key)) {
        *section = "defaults";
        const char *where = varies_in(d->root, key);
        if (where)
            return bench_json_tree_fail(at, err, "\"%s\" varies in \"%s\": choose with --filter, or set %s",
                                        key, where,
                                        strcmp(where, "matrix") == 0 ? "matrix.KEY=[...]"
                                                                     : "other values there");
    } else if (!bench_reader_field(d->sections, key)) {
        return fail_key(d, at, key, err);
    }
    if (strcmp(*section, "variables") == 0 && !bench_node_member(variables, *rest))
        return bench_json_tree_fail(at, err, "the manifest has no variable \"%.64s\"", *rest);
    if (strcmp(*section, "include") == 0 || strcmp(*rest, "include") == 0)
        return bench_json_tree_fail(at, err, "\"include\" can be set in files only");
    return ZO_OK;
}

static zo_status set_one(draft *d, const char *argument, zo_error *err)
{
    const char *equals = strchr(argument, '='), *section, *rest;
    char key[96], name[256];
    bench_node *holder = NULL;
    snprintf(name, sizeof name, "--set %s", argument);
    const bench_place at = {bench_json_tree_name(d->tree, name), 0, 0};
    if (!at.file)
        return bench_json_tree_memory(err);
    if (!equals || equals == argument || (size_t)(equals - argument) >= sizeof key)
        return bench_json_tree_fail(at, err, "must be key=value");
    snprintf(key, sizeof key, "%.*s", (int)(equals - argument), argument);
    zo_status st = find_section(d, at, key, &section, &rest, err);
    if (st)
        return st;
    json_t *json = bench_argument_value(bench_option_find(rest), equals + 1);
    if (!json)
        return bench_json_tree_fail(at, err, "the value is not UTF-8");
    /* {"section": {"key": value}}, or {"key": value} */
    json = *section ? json_pack("{s:{s:o}}", section, rest, json) : json_pack("{s:o}", rest, json);
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    st = text ? bench_json_tree_parse(d->tree, text, strlen(text), at, &holder, err)
              : bench_json_tree_memory(err);
    json_decref(json);
    free(text);
    if (st)
        return st;
    bench_node *known = bench_node_member(d->root, holder->first->key);
    if (*section && known && !json_is_object(known->value))
        return bench_json_tree_fail(at, err, "\"%s\" is no object: only the whole can be set", section);
    if (!*section && known)
        bench_json_tree_replace(known, holder->first); /* the whole, not joined */
    else
        bench_json_tree_merge(d->root, holder, true);
    return ZO_OK;
}

/* ---- the whole ---- */

static bool is_include(const bench_node *member)
{
    return strcmp(member->key, "include") == 0;
}

static bool is_done_with(const bench_node *member)
{
    return is_include(member) || strcmp(member->key, "variables") == 0;
}

static bool is_null(const bench_node *member)
{
    return json_is_null(member->value);
}

/* The file's own bytes, or the tree's where others had a part in it. */
static zo_status make_text(const draft *d, bool own, const char *text, size_t n, bench_document *out,
                           zo_error *err)
{
    zo_status st = own ? ZO_OK : bench_json_tree_build(d->root, err);
    char *all = own || st ? NULL : json_dumps(d->root->value, JSON_INDENT(2));
    if (st)
        return st;
    text = own ? text : all;
    n = own ? n : all ? strlen(all) : 0;
    out->bytes = n + !own;
    out->text = text ? malloc(n + 2) : NULL;
    if (out->text) {
        memcpy(out->text, text, n);
        memcpy(out->text + n, own ? "" : "\n", own ? 1 : 2);
    }
    free(all);
    return out->text ? ZO_OK : bench_json_tree_memory(err);
}

static zo_status compose(draft *d, const char *text, size_t n, const char *path, const char *const *sets,
                         bench_document *out, zo_error *err)
{
    bool own;
    char *real = realpath(path, NULL);
    real = real ? real : strdup(path); /* a text that lies in no file */
    if (!real)
        return bench_json_tree_memory(err);
    zo_status st = take_file(d, text, n, path, real, err);
    if (st)
        return st;
    bench_json_tree_drop(d->root, is_include);
    for (own = d->file_count == 1; sets && *sets && !st; sets++, own = false)
        st = set_one(d, *sets, err);
    if (!st)
        st = make_text(d, own, text, n, out, err);
    const bench_node *variables = bench_node_member(d->root, "variables");
    if (!st)
        st = check_variables(variables, err);
    if (!st)
        st = fill(d->tree, variables, d->root, err);
    if (st)
        return st;
    bench_json_tree_drop(d->root, is_done_with);
    bench_json_tree_drop(d->root, is_null);
    bench_node *matrix = bench_node_member(d->root, "matrix");
    if (matrix && json_is_object(matrix->value))
        bench_json_tree_drop(matrix, is_null);
    return bench_json_tree_build(d->root, err);
}

zo_status bench_compose(const bench_field *sections, const char *text, size_t n, const char *path,
                        const char *const *sets, bench_document *out, zo_error *err)
{
    *out = (bench_document){0};
    draft d = {.sections = sections, .tree = &out->tree};
    zo_status st = compose(&d, text, n, path, sets, out, err);
    out->root = d.root;
    for (int i = 0; i < d.file_count; i++)
        free(d.files[i].path);
    if (st)
        bench_compose_deinit(out);
    return st;
}

void bench_compose_deinit(bench_document *d)
{
    bench_json_tree_free(&d->tree);
    free(d->text);
    *d = (bench_document){0};
}
