/* See reader.h. */
#include "bench/manifest/reader.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/manifest/condition.h"
#include "bench/record/metric.h"
#include "bench/manifest/range.h"

enum {
    SHOWN = 64, /* bytes of an offending value that a message repeats */
    MOST_OBJECTS = 1000
};

zo_status bench_reader_memory(bench_reader *r)
{
    return zo_fail(r->err, ZO_ERR_MEMORY, "%s: out of memory", r->name);
}

zo_status bench_reader_wrong(bench_reader *r, const char *name, const char *wanted, const bench_node *node)
{
    char shown[SHOWN];
    return BENCH_FAIL(r, node->at, "\"%s\" must be %s, not %s", name, wanted,
                      bench_value_text(node->value, shown, sizeof shown));
}

/* The same for a misspelt name. */
static zo_status wrong_name(bench_reader *r, const char *name, const char *wanted, const bench_node *node,
                            const char *near)
{
    char shown[SHOWN];
    return BENCH_FAIL(r, node->at, "\"%s\" must be %s, not %s%s", name, wanted,
                      bench_value_text(node->value, shown, sizeof shown), BENCH_DID_YOU_MEAN(near));
}

static zo_status unknown_key(bench_reader *r, const bench_node *member, const char *near)
{
    return BENCH_FAIL(r, member->key_at, "\"%.64s\" is not a known key%s", member->key,
                      BENCH_DID_YOU_MEAN(near));
}

/* ---- fields ---- */

const bench_field *bench_reader_field(const bench_field *fields, const char *key)
{
    while (fields->key && strcmp(fields->key, key) != 0)
        fields++;
    return fields->key ? fields : NULL;
}

zo_status bench_reader_fields(bench_reader *r, const bench_field *fields, const char *name, void *out,
                              const bench_node *node)
{
    if (!json_is_object(node->value))
        return bench_reader_wrong(r, name, "an object", node);
    for (const bench_node *member = node->first; member; member = member->next)
        if (!bench_reader_field(fields, member->key))
            return unknown_key(r, member, bench_nearest(member->key, &fields->key, sizeof *fields));
    for (const bench_field *f = fields; f->key; f++) {
        const bench_node *member = bench_node_member(node, f->key);
        if (!member && f->required)
            return BENCH_FAIL(r, node->at, "\"%s\" is missing", f->key);
        zo_status st = member ? f->read(r, f, (char *)out + f->offset, member) : ZO_OK;
        if (st)
            return st;
    }
    return ZO_OK;
}

zo_status bench_reader_text(bench_reader *r, const bench_field *f, void *out, const bench_node *node)
{
    const char *text = json_string_value(node->value);
    if (!text || !*text)
        return bench_reader_wrong(r, f->key, "a text", node);
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < 32 || *c == 127)
            return bench_reader_wrong(r, f->key, "a text without control characters", node);
    if (strlen(text) >= f->size)
        return BENCH_FAIL(r, node->at, "\"%s\" must be a text of at most %zu bytes, not of %zu", f->key,
                          f->size - 1, strlen(text));
    snprintf(out, f->size, "%s", text);
    return ZO_OK;
}

zo_status bench_reader_int(bench_reader *r, const bench_field *f, void *out, const bench_node *node)
{
    double number = json_is_number(node->value) ? json_number_value(node->value) : NAN;
    const char *word = f->words ? json_string_value(node->value) : NULL;
    char wanted[80];
    if (word && strcmp(word, f->words[0]) == 0) {
        *(int64_t *)out = -1;
        return ZO_OK;
    }
    if (word) {
        snprintf(wanted, sizeof wanted, "a whole number or \"%s\"", f->words[0]);
        return bench_reader_wrong(r, f->key, wanted, node);
    }
    if (!(number >= f->low && number <= f->high) || number != floor(number)) {
        snprintf(wanted, sizeof wanted, "a whole number from %.0f to %.0f", f->low, f->high);
        return bench_reader_wrong(r, f->key, wanted, node);
    }
    *(int64_t *)out = (int64_t)number;
    return ZO_OK;
}

/* The number at the start of a text; what follows it in *unit. NaN where there is none. */
static double leading_number(const char *text, const char **unit)
{
    size_t n = strspn(text, "0123456789.");
    char digits[32], *end;
    *unit = text + n;
    if (n == 0 || n >= sizeof digits)
        return NAN;
    memcpy(digits, text, n);
    digits[n] = '\0';
    double number = strtod(digits, &end);
    return *end ? NAN : number;
}

static const char *text_or_none(const bench_node *node)
{
    return json_is_string(node->value) ? json_string_value(node->value) : "";
}

zo_status bench_reader_percent(bench_reader *r, const bench_field *f, void *out, const bench_node *node)
{
    const char *unit;
    char wanted[80];
    double percent = leading_number(text_or_none(node), &unit);
    if (strcmp(unit, "%") != 0 || !(percent >= f->low && percent <= f->high)) {
        snprintf(wanted, sizeof wanted, "a text like \"2%%\", from %g%% to %g%%", f->low, f->high);
        return bench_reader_wrong(r, f->key, wanted, node);
    }
    *(double *)out = percent / 100;
    return ZO_OK;
}

bool bench_duration_read(const char *text, double *seconds)
{
    static const struct {
        const char *name;
        double seconds;
    } units[] = {{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
    const char *unit;
    double number = leading_number(text, &unit);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(unit, units[i].name) != 0 || isnan(number))
            continue;
        *seconds = number * units[i].seconds;
        return true;
    }
    return false;
}

zo_status bench_reader_duration(bench_reader *r, const bench_field *f, void *out, const bench_node *node)
{
    char wanted[80];
    double seconds;
    if (bench_duration_read(text_or_none(node), &seconds) && seconds >= f->low && seconds <= f->high) {
        *(double *)out = seconds;
        return ZO_OK;
    }
    snprintf(wanted, sizeof wanted, "a text like \"90s\", \"15m\" or \"2h\", from %gs to %gd", f->low,
             f->high / 86400);
    return bench_reader_wrong(r, f->key, wanted, node);
}

/* "one of a, b"; of more words than there is room for the first, "one of a, b, ...". */
static void list_words(const char *begin, const char *const *words, char *out, size_t cap)
{
    size_t n = (size_t)snprintf(out, cap, "%s", begin);
    for (int i = 0; words[i]; i++) {
        if (n + strlen(words[i]) + sizeof ", , ..." > cap) {
            snprintf(out + n, cap - n, ", ...");
            return;
        }
        n += (size_t)snprintf(out + n, cap - n, "%s%s", i ? ", " : "", words[i]);
    }
}

zo_status bench_reader_word(bench_reader *r, const bench_field *f, void *out, const bench_node *node)
{
    const char *word = json_string_value(node->value);
    char wanted[128];
    for (int i = 0; word && f->words[i]; i++) {
        if (strcmp(word, f->words[i]) == 0) {
            *(int *)out = i;
            return ZO_OK;
        }
    }
    list_words("one of ", f->words, wanted, sizeof wanted);
    return wrong_name(r, f->key, wanted, node, word ? bench_nearest(word, f->words, sizeof *f->words) : NULL);
}

zo_status bench_reader_option(bench_reader *r, const bench_field *f, void *out, const bench_node *node)
{
    const char *name = json_string_value(node->value);
    if (!name || !bench_option_find(name))
        return wrong_name(r, f->key, "the name of a parameter", node,
                          name ? bench_option_nearest(name) : NULL);
    snprintf(out, f->size, "%s", name);
    return ZO_OK;
}

zo_status bench_reader_metric(bench_reader *r, const bench_field *f, void *out, const bench_node *node)
{
    const char *name = json_string_value(node->value);
    char wanted[256];
    if (!name || !bench_metric_find(name)) {
        list_words("a metric: ", bench_metric_names(), wanted, sizeof wanted);
        return wrong_name(r, f->key, wanted, node,
                          name ? bench_nearest(name, bench_metric_names(), sizeof(char *)) : NULL);
    }
    snprintf(out, f->size, "%s", name);
    return ZO_OK;
}

zo_status bench_reader_skip(bench_reader *r, const bench_field *f, void *out, const bench_node *node)
{
    (void)r, (void)f, (void)out, (void)node;
    return ZO_OK;
}

zo_status bench_reader_list(bench_reader *r, const bench_field *f, void *out, const bench_node *node)
{
    const size_t n = json_array_size(node->value);
    int32_t *count = (int32_t *)((char *)out - f->offset + f->count_offset);
    zo_status st = ZO_OK;
    if (!json_is_array(node->value))
        return bench_reader_wrong(r, f->key, "a list of objects", node);
    if (n > MOST_OBJECTS)
        return BENCH_FAIL(r, node->at, "\"%s\" has %zu elements, more than %d", f->key, n, MOST_OBJECTS);
    char *list = calloc(n + 1, f->each_size);
    if (!list)
        return bench_reader_memory(r);
    memcpy(out, &list, sizeof list); /* a pointer to another type */
    for (const bench_node *element = node->first; element && !st; element = element->next) {
        st = f->each(r, f, list + (size_t)*count * f->each_size, element);
        *count += !st;
    }
    return st;
}

/* ---- parameters ---- */

zo_status bench_reader_find(bench_reader *r, const bench_node *member, const bench_option **out)
{
    *out = bench_option_find(member->key);
    return *out ? ZO_OK : unknown_key(r, member, bench_option_nearest(member->key));
}

/* The same with a value that may not be the node's own. */
static zo_status set_value(bench_reader *r, bench_params *p, const bench_option *o, const json_t *value,
                           bench_place at, bool *unset)
{
    zo_error why = {0};
    return bench_params_take(p, o, value, unset, &why) ? BENCH_FAIL(r, at, "\"%s\" %s", o->name, why.text)
                                                       : ZO_OK;
}

zo_status bench_reader_set(bench_reader *r, bench_params *p, const bench_option *o, const bench_node *node,
                           bool *unset)
{
    return set_value(r, p, o, node->value, node->at, unset);
}

static bool is_range(const bench_option *o, const json_t *value)
{
    return bench_option_is_number(o) && json_is_string(value) && bench_range_is(json_string_value(value));
}

static zo_status add_values(bench_reader *r, const bench_option *o, const bench_node *node, json_t *list)
{
    bench_params scratch;
    bench_range range;
    bool unset;
    zo_error why = {0};
    zo_status st = ZO_OK;
    size_t from = json_array_size(list);
    if (!is_range(o, node->value)) {
        if (json_array_append(list, node->value))
            return bench_reader_memory(r);
    } else if (bench_range_read(json_string_value(node->value), &range, &why) ||
               bench_range_list(&range, list, &why)) {
        return BENCH_FAIL(r, node->at, "\"%s\" %s", o->name, why.text);
    }
    for (size_t i = from; i < json_array_size(list) && !st; i++)
        st = set_value(r, &scratch, o, json_array_get(list, i), node->at, &unset);
    return st;
}

zo_status bench_reader_values(bench_reader *r, const bench_option *o, const bench_node *node, json_t **out)
{
    zo_status st = ZO_OK;
    *out = NULL;
    if (!json_is_array(node->value) && !is_range(o, node->value))
        return bench_reader_wrong(r, o->name,
                                  bench_option_is_number(o)
                                      ? "a list of values here, or a range like \"1..8\" or \"64..256*2\""
                                      : "a list of values here",
                                  node);
    if (json_is_array(node->value) && !node->first)
        return BENCH_FAIL(r, node->at, "\"%s\" is an empty list", o->name);
    json_t *list = json_array();
    if (!list)
        return bench_reader_memory(r);
    if (!json_is_array(node->value))
        st = add_values(r, o, node, list);
    for (const bench_node *element = node->first; element && !st; element = element->next)
        st = add_values(r, o, element, list);
    if (st)
        json_decref(list);
    else
        *out = list;
    return st;
}

zo_status bench_reader_params(bench_reader *r, const char *name, bench_params *p, uint64_t *given,
                              const bench_node *node)
{
    if (!json_is_object(node->value))
        return bench_reader_wrong(r, name, "an object", node);
    for (const bench_node *member = node->first; member; member = member->next) {
        const bench_option *o;
        zo_status st = bench_reader_find(r, member, &o);
        bool unset = false;
        if (!st)
            st = bench_reader_set(r, p, o, member, &unset);
        if (st)
            return st;
        *given = unset ? *given & ~bench_option_bit(o) : *given | bench_option_bit(o);
    }
    return ZO_OK;
}

static zo_status check_condition(bench_reader *r, const bench_option *o, const bench_node *node)
{
    zo_error why = {0};
    if (bench_condition_check(o, node->value, &why))
        return BENCH_FAIL(r, node->at, "\"%s\" %s", o->name, why.text);
    return ZO_OK;
}

/* One parameter of a where: its value, or each of its values. */
static zo_status check_alternatives(bench_reader *r, const bench_node *member)
{
    const bench_option *o;
    zo_status st = bench_reader_find(r, member, &o);
    if (st)
        return st;
    if (!bench_value_is_list(o, member->value))
        return check_condition(r, o, member);
    if (!member->first)
        return BENCH_FAIL(r, member->at, "\"%s\" is an empty list", o->name);
    for (const bench_node *element = member->first; element && !st; element = element->next)
        st = check_condition(r, o, element);
    return st;
}

zo_status bench_reader_where(bench_reader *r, const bench_field *f, void *out, const bench_node *node)
{
    zo_status st = ZO_OK;
    if (!json_is_object(node->value) || !node->first)
        return bench_reader_wrong(r, f->key, "an object with at least one parameter", node);
    for (const bench_node *member = node->first; member && !st; member = member->next)
        st = check_alternatives(r, member);
    *(json_t **)out = node->value;
    return st;
}
