/* See condition.h. */
#include "bench/manifest/condition.h"

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

static bool is_number(const bench_option *o)
{
    return o->type == BENCH_INT || o->type == BENCH_REAL;
}

static zo_status read_condition(const bench_option *o, const json_t *value, condition *c, zo_error *err)
{
    const char *text = json_is_string(value) ? json_string_value(value) : "";
    c->relation = EQUAL;
    if (is_number(o) && bench_range_is(text)) {
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
    if (c->relation != NOT_EQUAL && !is_number(o))
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

bool bench_condition_holds(const bench_params *p, const bench_option *o, const json_t *value)
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
