/* See filter.h. */
#include "bench/filter.h"

#include <stdio.h>
#include <string.h>

#include "bench/params.h"

/* The value as the parameters' own JSON has it: "1e-2" and "0.01" are one, "all" is the list of all. */
static zo_status canonical(const bench_option *o, const char *text, json_t **out, zo_error *err)
{
    zo_error as_json = {0};
    bench_params p;
    json_t *value = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
    bench_params_default(&p);
    if (!value || bench_params_set(&p, o, value, &as_json)) {
        json_decref(value);
        value = json_string(text);
        if (!value)
            return zo_fail(err, ZO_ERR_INVALID, "--filter %s: the value is not UTF-8", o->name);
        if (bench_params_set(&p, o, value, err)) {
            json_decref(value);
            return zo_error_context(err, "--filter %s=%s", o->name, text), ZO_ERR_INVALID;
        }
    }
    json_decref(value);
    *out = bench_params_get(&p, o);
    return ZO_OK;
}

zo_status bench_filter_add(json_t *where, const char *text, zo_error *err)
{
    char key[64];
    json_t *value = NULL;
    const char *equals = strchr(text, '=');
    if (!equals || equals == text || (size_t)(equals - text) >= sizeof key)
        return zo_fail(err, ZO_ERR_INVALID, "--filter %s: must be key=value", text);
    snprintf(key, sizeof key, "%.*s", (int)(equals - text), text);
    const bench_option *o = bench_option_find(key);
    if (!o) {
        const char *near = bench_option_nearest(key);
        return zo_fail(err, ZO_ERR_INVALID, "--filter %s: no parameter of that name%s%s%s", key,
                       near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    }
    zo_status st = canonical(o, equals + 1, &value, err);
    if (st)
        return st;
    if (!json_object_get(where, key))
        json_object_set_new(where, key, json_array());
    json_array_append_new(json_object_get(where, key), value);
    return ZO_OK;
}
