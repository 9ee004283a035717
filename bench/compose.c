/* See compose.h. All nodes of the tree are copies, so that members can be replaced, with the places of the originals. */
#include "bench/compose.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/argument.h"
#include "bench/params.h"
#include "core/file.h"

enum {
    MOST_FILES = 64,
    MOST_FILE_BYTES = 4 << 20,
    MOST_NODES = 4 << 20 /* variables may stand for long lists, many times */
};

/* A node of our own, with the list of all of them. */
typedef struct made {
    bench_node node;
    struct made *older;
} made;

typedef struct file {
    char *path; /* owned; absolute, without links */
    bench_source *source;
    bool open; /* its includes are being read */
} file;

struct bench_document {
    const bench_language *language;
    file files[MOST_FILES];
    int file_count;
    made *nodes;
    int node_count;
    bench_node *root;
    char (*set_names)[256]; /* "--set key=value" */
    char *text;
    size_t bytes;
};

/* ---- nodes ---- */

static zo_status no_memory(zo_error *err)
{
    return zo_fail(err, ZO_ERR_MEMORY, "read a manifest: out of memory");
}

static zo_status make(bench_document *d, const bench_node *like, bench_node **out, zo_error *err)
{
    if (d->node_count == MOST_NODES)
        return bench_source_fail(like->at, err, "more than %d values in all", MOST_NODES);
    made *m = calloc(1, sizeof *m);
    if (!m)
        return no_memory(err);
    m->node = *like;
    m->node.next = NULL;
    json_incref(m->node.value);
    m->older = d->nodes;
    d->nodes = m;
    d->node_count++;
    *out = &m->node;
    return ZO_OK;
}

/* A copy of the node and all below it. */
static zo_status copy(bench_document *d, const bench_node *from, bench_node **out, zo_error *err)
{
    zo_status st = make(d, from, out, err);
    if (st)
        return st;
    const bench_node **link = &(*out)->first;
    *link = NULL;
    for (const bench_node *child = from->first; child && !st; child = child->next) {
        bench_node *mine = NULL;
        st = copy(d, child, &mine, err);
        *link = mine;
        if (mine)
            link = &mine->next;
    }
    return st;
}

/* The list's last link, to append to. */
static const bench_node **last_link(bench_node *parent)
{
    const bench_node **link = &parent->first;
    while (*link)
        link = &((bench_node *)*link)->next;
    return link;
}

static bench_node *member_of(const bench_node *object, const char *key)
{
    return object ? (bench_node *)bench_node_member(object, key) : NULL;
}

/* Everything but its place among its parent's children. */
static void replace(bench_node *node, const bench_node *by)
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
static void merge(bench_node *into, bench_node *from, bool deep)
{
    for (const bench_node *child = from->first, *next; child; child = next) {
        bench_node *known = member_of(into, child->key);
        next = child->next;
        if (!known) {
            *last_link(into) = child;
            ((bench_node *)child)->next = NULL;
        } else if (deep && json_is_object(known->value) && json_is_object(child->value)) {
            merge(known, (bench_node *)child, false);
        } else if (deep && is_list_of_objects(known) && is_list_of_objects(child)) {
            *last_link(known) = child->first;
        } else {
            replace(known, child);
        }
    }
}

/* Every object's and list's value, from those below it. Deep recursion is bounded as jansson's is. */
static zo_status build(bench_node *node, zo_error *err)
{
    const bool object = json_is_object(node->value);
    if (!object && !json_is_array(node->value))
        return ZO_OK;
    json_t *value = object ? json_object() : json_array();
    json_decref(node->value);
    node->value = value;
    for (const bench_node *child = node->first; child; child = child->next) {
        zo_status st = build((bench_node *)child, err);
        if (st)
            return st;
        if (object ? json_object_set(value, child->key, child->value)
                   : json_array_append(value, child->value))
            return no_memory(err);
    }
    return value ? ZO_OK : no_memory(err);
}

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
    return bench_source_fail(at, err, "include: %s", what);
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
        st = no_memory(err);
    for (int i = 0; i < d->file_count && real; i++) {
        if (strcmp(d->files[i].path, real) != 0)
            continue;
        if (d->files[i].open)
            st =
                bench_source_fail(element->at, err, "include: \"%.128s\" is this file, or includes it", name);
        goto cleanup; /* it counts once */
    }
    if (!st && d->file_count == MOST_FILES)
        st = bench_source_fail(element->at, err, "include: more than %d files", MOST_FILES);
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
        return bench_source_fail(list->at, err, "\"include\" must be a list of files");
    for (const bench_node *e = list ? list->first : NULL; e && !st; e = e->next) {
        const char *name = json_string_value(e->value);
        if (!name || !*name)
            return bench_source_fail(e->at, err, "\"include\" must be a list of files, each a text");
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
        return bench_source_fail(root->at, err, "\"manifest\" must be an object, not %s",
                                 bench_value_text(root->value, shown, sizeof shown));
    const char *version = schema ? json_string_value(schema->value) : NULL;
    if (schema && (!version || strcmp(version, d->language->schema) != 0))
        return bench_source_fail(schema->at, err,
                                 "\"schema\" must be \"%s\", the language that this program reads, not %s",
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
    zo_status st = bench_source_parse(text, n, path, &f->source, err);
    if (!st)
        st = check_root(d, f->source->root, err);
    if (!st)
        st = include_all(d, path, f->source->root, err);
    if (!st)
        st = copy(d, f->source->root, &mine, err);
    if (!st && !d->root)
        d->root = mine;
    else if (!st) {
        merge(d->root, mine, true);
        d->root->at = mine->at; /* of the file that includes the others, in the end */
    }
    f->open = false;
    return st;
}

/* ---- --set ---- */

/* Where a bare parameter would have no effect. */
static const char *varies_in(const bench_node *root, const char *key)
{
    const bench_node *zip = member_of(root, "zip"), *seeds = member_of(root, "seeds");
    if (bench_node_member(root, "matrix") && bench_node_member(bench_node_member(root, "matrix"), key))
        return "matrix";
    for (const bench_node *group = zip ? zip->first : NULL; group; group = group->next)
        if (bench_node_member(group, key))
            return "zip";
    return seeds && strcmp(key, "seed") == 0 ? "seeds" : NULL;
}

static zo_status fail_key(const bench_document *d, bench_place at, const char *key, zo_error *err)
{
    const bench_node *variables = member_of(d->root, "variables");
    const char *near = bench_nearest(key, d->language->sections);
    near = near ? near : bench_option_nearest(key);
    for (const bench_node *v = variables ? variables->first : NULL; v && !near; v = v->next)
        near = bench_nearest(key, (const char *const[]){v->key, NULL});
    return bench_source_fail(at, err, "\"%.64s\" is no variable, parameter or section of this manifest%s%s%s",
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
    const bench_node *variables = member_of(d->root, "variables");
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
            return bench_source_fail(at, err, "\"%s\" varies in \"%s\": choose with --filter, or set %s", key,
                                     where,
                                     strcmp(where, "matrix") == 0 ? "matrix.KEY=[...]"
                                                                  : "other values there");
    } else if (!is_section(d->language, key)) {
        return fail_key(d, at, key, err);
    }
    if (strcmp(*section, "variables") == 0 && !(variables && bench_node_member(variables, *rest)))
        return bench_source_fail(at, err, "the manifest has no variable \"%.64s\"", *rest);
    if (strcmp(*section, "include") == 0 || strcmp(*rest, "include") == 0)
        return bench_source_fail(at, err, "\"include\" can be set in files only");
    return ZO_OK;
}

/* A value from the command line as nodes; all of it is in one place. */
static zo_status make_value(bench_document *d, bench_place at, const char *key, json_t *value,
                            bench_node **out, zo_error *err)
{
    const bench_node here = {.key = key, .at = at, .key_at = at, .value = value};
    zo_status st = make(d, &here, out, err);
    const char *name;
    json_t *child;
    size_t i;
    json_object_foreach(value, name, child)
    {
        bench_node *mine = NULL;
        if (!st)
            st = make_value(d, at, name, child, &mine, err);
        if (!st)
            *last_link(*out) = mine;
    }
    json_array_foreach(value, i, child)
    {
        bench_node *mine = NULL;
        if (!st)
            st = make_value(d, at, NULL, child, &mine, err);
        if (!st)
            *last_link(*out) = mine;
    }
    return st;
}

static zo_status set_one(bench_document *d, const char *argument, char *name, json_t **keep, zo_error *err)
{
    const char *equals = strchr(argument, '='), *section, *rest;
    char key[96];
    bench_node *value = NULL, *holder = NULL;
    snprintf(name, sizeof d->set_names[0], "--set %s", argument);
    bench_source_clean(name);
    const bench_place at = {name, 0, 0};
    if (!equals || equals == argument || (size_t)(equals - argument) >= sizeof key)
        return bench_source_fail(at, err, "must be key=value");
    snprintf(key, sizeof key, "%.*s", (int)(equals - argument), argument);
    zo_status st = find_section(d, at, key, &section, &rest, err);
    if (st)
        return st;
    json_t *json = bench_argument_value(bench_option_find(rest), equals + 1);
    if (!json)
        return bench_source_fail(at, err, "the value is not UTF-8");
    /* {"section": {"key": value}}, or {"key": value}; keys live in it as long as the document */
    *keep = *section ? json_pack("{s:{s:o}}", section, rest, json) : json_pack("{s:o}", rest, json);
    if (!*keep)
        return no_memory(err);
    st = make_value(d, at, NULL, *keep, &holder, err);
    value = holder ? (bench_node *)holder->first : NULL;
    bench_node *known = value ? member_of(d->root, value->key) : NULL;
    if (!st && *section && known && !json_is_object(known->value))
        return bench_source_fail(at, err, "\"%s\" is no object: only the whole can be set", section);
    if (!st && *section)
        merge(d->root, holder, true);
    else if (!st && known)
        replace(known, value); /* the whole, not joined */
    else if (!st)
        *last_link(d->root) = value;
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
        return no_memory(err);
    for (size_t i = 0; i < n && !st; i++) {
        json_t *keep = NULL;
        bench_node *holder = NULL;
        st = set_one(d, sets[i], d->set_names[i], &keep, err);
        if (!st && keep) /* a node that nothing hangs on keeps the keys alive */
            st = make(d, &(bench_node){.value = keep}, &holder, err);
        json_decref(keep);
    }
    return st;
}

/* ---- variables ---- */

/* "${name}" at *text, which then points behind it; NULL where there is none. Fails where a name is not known. */
static zo_status find_variable(const bench_node *variables, bench_place at, const char **text,
                               const bench_node **out, zo_error *err)
{
    char name[64];
    const char *end = strchr(*text, '}');
    size_t n = end ? (size_t)(end - *text) - 2 : 0;
    *out = NULL;
    if (!end || n == 0 || n >= sizeof name)
        return bench_source_fail(at, err, "\"${\" begins a variable, \"${name}\"; \"$${\" stands for itself");
    snprintf(name, sizeof name, "%.*s", (int)n, *text + 2);
    *text = end + 1;
    for (const bench_node *v = variables ? variables->first : NULL; v && !*out; v = v->next)
        if (strcmp(v->key, name) == 0)
            *out = v;
    if (*out)
        return ZO_OK;
    const char *near = NULL;
    for (const bench_node *v = variables ? variables->first : NULL; v && !near; v = v->next)
        near = bench_nearest(name, (const char *const[]){v->key, NULL});
    return bench_source_fail(at, err, "there is no variable \"%s\"%s%s%s", name,
                             near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
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
            return bench_source_fail(at, err,
                                     "variable \"%.64s\" is no text or number, and cannot be part of one",
                                     v->key);
        fputs(json_is_string(v->value) ? json_string_value(v->value)
                                       : bench_value_text(v->value, number, sizeof number),
              out);
    }
    return ZO_OK;
}

static zo_status substitute_text(bench_document *d, const bench_node *variables, bench_node *node,
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
        st = copy(d, whole, &value, err);
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
        return no_memory(err);
    st = fill_in(variables, node->at, text, f, err);
    if (fclose(f) && !st)
        st = no_memory(err);
    json_t *value = st ? NULL : json_string(filled);
    free(filled);
    if (!st && !value)
        return no_memory(err);
    if (value) {
        json_decref(node->value);
        node->value = value;
    }
    return st;
}

static zo_status substitute(bench_document *d, const bench_node *variables, bench_node *node, zo_error *err)
{
    zo_status st = ZO_OK;
    if (json_is_string(node->value))
        return strstr(json_string_value(node->value), "${") ? substitute_text(d, variables, node, err)
                                                            : ZO_OK;
    for (const bench_node *child = node->first; child && !st; child = child->next)
        if (child != variables)
            st = substitute(d, variables, (bench_node *)child, err);
    return st;
}

static zo_status check_variables(const bench_node *variables, zo_error *err)
{
    if (variables && !json_is_object(variables->value))
        return bench_source_fail(variables->at, err, "\"variables\" must be an object");
    for (const bench_node *v = variables ? variables->first : NULL; v; v = v->next) {
        const size_t n = strlen(v->key);
        if (bench_option_find(v->key))
            return bench_source_fail(v->key_at, err, "\"%s\" is a parameter: a variable needs another name",
                                     v->key);
        if (n == 0 || n > 63 || strpbrk(v->key, ".={}"))
            return bench_source_fail(v->key_at, err,
                                     "\"%.64s\": a variable's name has 1 to 63 bytes, and none of . = { }",
                                     v->key);
        if (json_is_string(v->value) && strstr(json_string_value(v->value), "${"))
            return bench_source_fail(v->at, err, "a variable's value holds no other variables");
    }
    return ZO_OK;
}

/* ---- the whole ---- */

/* Takes the members that `drop` says out of an object. */
static void drop_members(bench_node *object, bool (*drop)(const bench_node *member))
{
    const bench_node **link = &object->first;
    while (*link) {
        if (drop(*link))
            *link = (*link)->next;
        else
            link = &((bench_node *)*link)->next;
    }
}

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
    zo_status st = build(d->root, err);
    if (st)
        return st;
    d->text = json_dumps(d->root->value, JSON_INDENT(2));
    d->bytes = d->text ? strlen(d->text) : 0;
    if (!d->text)
        return no_memory(err);
    d->text[d->bytes++] = '\n'; /* in the place of the NUL */
    return ZO_OK;
}

static zo_status compose(bench_document *d, const char *text, size_t n, const char *path,
                         const char *const *sets, zo_error *err)
{
    char *real = realpath(path, NULL);
    real = real ? real : strdup(path); /* a text that lies in no file */
    if (!real)
        return no_memory(err);
    zo_status st = take_file(d, text, n, path, real, err);
    if (!st)
        drop_members(d->root, is_include);
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
            st = no_memory(err);
    }
    const bench_node *variables = member_of(d->root, "variables");
    if (!st)
        st = check_variables(variables, err);
    if (!st)
        st = substitute(d, variables, d->root, err);
    if (st)
        return st;
    drop_members(d->root, is_done_with);
    drop_members(d->root, is_null);
    bench_node *matrix = member_of(d->root, "matrix");
    if (matrix && json_is_object(matrix->value))
        drop_members(matrix, is_null);
    return build(d->root, err);
}

zo_status bench_compose(const bench_language *l, const char *text, size_t n, const char *path,
                        const char *const *sets, bench_document **out, zo_error *err)
{
    *out = NULL;
    bench_document *d = calloc(1, sizeof *d);
    if (!d)
        return no_memory(err);
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
    for (made *m = d->nodes, *older; m; m = older) {
        older = m->older;
        json_decref(m->node.value);
        free(m);
    }
    for (int i = 0; i < d->file_count; i++) {
        free(d->files[i].path);
        bench_source_free(d->files[i].source);
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
