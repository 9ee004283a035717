/* See condition.h. */
#include "bench/manifest/condition.h"

#include <stdio.h>
#include <string.h>

#include "bench/manifest/argument.h"
#include "bench/manifest/range.h"

typedef enum relation { EQUAL, NOT_EQUAL, BELOW, AT_MOST, ABOVE, AT_LEAST, IN_RANGE } relation;

static const struct {
    const char *sign;
    relation relation;
} signs[] = {{"!=", NOT_EQUAL}, {"<=", AT_MOST}, {">=", AT_LEAST}, {"<", BELOW}, {">", ABOVE}};

typedef struct condition {
    relation relation;
    bench_params other; /* what the parameter is compared with, in its field */
    bench_range range;
} condition;

static zo_status read_condition(const bench_option *o, const json_t *value, condition *c, zo_error *err)
{
    const char *text = json_is_string(value) ? json_string_value(value) : "";
    c->relation = EQUAL;
    if (bench_option_is_number(o) && bench_range_is(text)) {
        c->relation = IN_RANGE;
        return bench_range_read(text, &c->range, err);
    }
    for (size_t i = 0; i < sizeof signs / sizeof signs[0] && c->relation == EQUAL; i++) {
        if (strncmp(text, signs[i].sign, strlen(signs[i].sign)) != 0)
            continue;
        c->relation = signs[i].relation;
        text += strlen(signs[i].sign);
    }
    if (c->relation == EQUAL)
        return bench_params_set(&c->other, o, value, err);
    if (c->relation != NOT_EQUAL && !bench_option_is_number(o))
        return zo_fail(err, ZO_ERR_INVALID, "has no order: only \"!=\" can be asked of it, not \"%.64s\"",
                       json_string_value(value));
    json_t *operand = bench_argument_value(o, text + strspn(text, " "));
    zo_status st = operand ? bench_params_set(&c->other, o, operand, err)
                           : zo_fail(err, ZO_ERR_INVALID, "must not be compared with what is not UTF-8");
    json_decref(operand);
    return st;
}

static double number_of(const bench_params *p, const bench_option *o)
{
    const void *field = (const char *)p + o->offset;
    return o->type == BENCH_INT ? (double)*(const int64_t *)field : *(const double *)field;
}

static bool is_null(const bench_params *p, const bench_option *o)
{
    return o->type == BENCH_INT && o->nullable && (int64_t)number_of(p, o) == o->null_value;
}

zo_status bench_condition_check(const bench_option *o, const json_t *value, zo_error *err)
{
    condition c;
    zo_status st = read_condition(o, value, &c, err);
    if (!st && c.relation > NOT_EQUAL && c.relation < IN_RANGE && is_null(&c.other, o))
        st = zo_fail(err, ZO_ERR_INVALID, "must be compared with a number, not with null");
    return st;
}

/* Does p fulfil it? False too for what bench_condition_check refuses. */
static bool holds(const bench_params *p, const bench_option *o, const json_t *value)
{
    condition c;
    if (read_condition(o, value, &c, NULL))
        return false;
    if (c.relation <= NOT_EQUAL)
        return bench_params_same(p, &c.other, o) == (c.relation == EQUAL);
    if (is_null(p, o)) /* stands for no number */
        return false;
    double x = number_of(p, o), y = c.relation == IN_RANGE ? 0 : number_of(&c.other, o);
    switch (c.relation) {
    case BELOW:
        return x < y;
    case AT_MOST:
        return x <= y;
    case ABOVE:
        return x > y;
    case AT_LEAST:
        return x >= y;
    default:
        return bench_range_holds(&c.range, x);
    }
}

bool bench_condition_match(const bench_params *p, const json_t *where)
{
    const char *key;
    json_t *value, *element;
    size_t i;
    json_object_foreach((json_t *)where, key, value)
    {
        const bench_option *o = bench_option_find(key);
        bool any = false;
        if (!o)
            return false;
        if (!bench_value_is_list(o, value)) {
            any = holds(p, o, value);
        } else {
            json_array_foreach(value, i, element) any = any || holds(p, o, element);
        }
        if (!any)
            return false;
    }
    return true;
}

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

zo_status bench_condition_filter(json_t *where, const char *text, zo_error *err)
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
