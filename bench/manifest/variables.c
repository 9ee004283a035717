/* See variables.h. */
#include "bench/manifest/variables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/manifest/params.h"

/* "${name}" at *text, which then points behind it; NULL where there is none. Fails where a name is not known. */
static zo_status find_variable(const bench_node *variables, bench_place at, const char **text,
                               const bench_node **out, zo_error *err)
{
    char name[64];
    const char *end = strchr(*text, '}');
    size_t n = end ? (size_t)(end - *text) - 2 : 0;
    *out = NULL;
    if (!end || n == 0 || n >= sizeof name)
        return bench_json_source_fail(at, err,
                                      "\"${\" begins a variable, \"${name}\"; \"$${\" stands for itself");
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
    return bench_json_source_fail(at, err, "there is no variable \"%s\"%s%s%s", name,
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
            return bench_json_source_fail(
                at, err, "variable \"%.64s\" is no text or number, and cannot be part of one", v->key);
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

zo_status bench_variables_fill(bench_json_tree *t, const bench_node *variables, bench_node *node,
                               zo_error *err)
{
    zo_status st = ZO_OK;
    if (json_is_string(node->value))
        return strstr(json_string_value(node->value), "${") ? substitute_text(t, variables, node, err)
                                                            : ZO_OK;
    for (const bench_node *child = node->first; child && !st; child = child->next)
        if (child != variables)
            st = bench_variables_fill(t, variables, (bench_node *)child, err);
    return st;
}

zo_status bench_variables_check(const bench_node *variables, zo_error *err)
{
    if (variables && !json_is_object(variables->value))
        return bench_json_source_fail(variables->at, err, "\"variables\" must be an object");
    for (const bench_node *v = variables ? variables->first : NULL; v; v = v->next) {
        const size_t n = strlen(v->key);
        if (bench_option_find(v->key))
            return bench_json_source_fail(v->key_at, err,
                                          "\"%s\" is a parameter: a variable needs another name", v->key);
        if (n == 0 || n > 63 || strpbrk(v->key, ".={}"))
            return bench_json_source_fail(
                v->key_at, err, "\"%.64s\": a variable's name has 1 to 63 bytes, and none of . = { }",
                v->key);
        if (json_is_string(v->value) && strstr(json_string_value(v->value), "${"))
            return bench_json_source_fail(v->at, err, "a variable's value holds no other variables");
    }
    return ZO_OK;
}
