/* See argument.h. */
#include "bench/manifest/argument.h"

#include <string.h>

json_t *bench_argument_value(const bench_option *o, const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
    bool words = o && (o->type == BENCH_STRING || o->type == BENCH_WORD);
    if (value && !(words && (json_is_number(value) || json_is_boolean(value))))
        return value;
    json_decref(value);
    return json_string(text);
}

static zo_status set_one(bench_params *p, const char *argument, uint64_t *given, zo_error *err)
{
    const char *equals = strchr(argument, '=');
    char key[32] = "";
    if (!equals || equals == argument || (size_t)(equals - argument) >= sizeof key)
        return zo_fail(err, ZO_ERR_INVALID, "argument \"%s\": parameters are written key=value", argument);
    memcpy(key, argument, (size_t)(equals - argument));
    const bench_option *o = bench_option_find(key);
    if (!o)
        return zo_fail(err, ZO_ERR_INVALID, "argument \"%s\": \"%s\" is not a known key%s", argument, key,
                       BENCH_DID_YOU_MEAN(bench_option_nearest(key)));
    if (o->launched)
        return zo_fail(err, ZO_ERR_INVALID,
                       "argument \"%s\": %s is for the cells of a manifest, which have a process each",
                       argument, o->name);
    json_t *value = bench_argument_value(o, equals + 1);
    if (!value)
        return zo_fail(err, ZO_ERR_INVALID, "argument \"%s\": the value is not UTF-8", argument);
    zo_status st = bench_params_set(p, o, value, err);
    json_decref(value);
    if (st)
        return zo_error_context(err, "argument \"%s\"", argument);
    *given |= bench_option_bit(o);
    return ZO_OK;
}

zo_status bench_arguments(bench_params *p, char *const *argv, int n, zo_error *err)
{
    uint64_t given = 0;
    bench_params_default(p);
    for (int i = 0; i < n; i++) {
        zo_status st = set_one(p, argv[i], &given, err);
        if (st)
            return st;
    }
    bench_params_follow(p, given);
    return bench_params_check(p, err);
}
