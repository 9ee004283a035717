/* See filter.h. */
#include "bench/manifest/filter.h"

#include <stdio.h>
#include <string.h>

#include "bench/manifest/argument.h"
#include "bench/manifest/condition.h"
#include "bench/manifest/params.h"

/* The value or condition. text: the whole of it, for messages. */
static zo_status read_value(const bench_option *o, const char *value, const char *text, json_t **out,
                            zo_error *err)
{
    *out = bench_argument_value(o, value);
    if (!*out)
        return zo_fail(err, ZO_ERR_INVALID, "--filter %s: the value is not UTF-8", o->name);
    if (!bench_condition_check(o, *out, err))
        return ZO_OK;
    json_decref(*out);
    return zo_error_context(err, "--filter %s", text), ZO_ERR_INVALID;
}

zo_status bench_filter_add(json_t *where, const char *text, zo_error *err)
{
    char key[64];
    json_t *value = NULL;
    const size_t n = strcspn(text, "=<>!"); /* "a=1", and "a<1" for "a=<1" */
    if (!text[n] || n == 0 || n >= sizeof key)
        return zo_fail(err, ZO_ERR_INVALID, "--filter %s: must be key=value", text);
    snprintf(key, sizeof key, "%.*s", (int)n, text);
    const bench_option *o = bench_option_find(key);
    if (!o) {
        const char *near = bench_option_nearest(key);
        return zo_fail(err, ZO_ERR_INVALID, "--filter %s: no parameter of that name%s%s%s", key,
                       near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    }
    zo_status st = read_value(o, text + n + (text[n] == '='), text, &value, err);
    if (st)
        return st;
    if (!json_object_get(where, key))
        json_object_set_new(where, key, json_array());
    json_array_append_new(json_object_get(where, key), value);
    return ZO_OK;
}
