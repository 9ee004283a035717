/* See schema.h. Every value may be a variable instead, and every section null. */
#include "bench/manifest/schema.h"

#include <assert.h>
#include <stdio.h>

#include "bench/record/metric.h"
#include "bench/manifest/params.h"

/* ---- pieces ---- */

static json_t *ref(const char *to)
{
    return json_pack("{s:o}", "$ref", json_sprintf("#/$defs/%s", to));
}

static json_t *pattern(const char *p)
{
    return json_pack("{s:s, s:s}", "type", "string", "pattern", p);
}

/* a, or a variable. Takes a. */
static json_t *or_variable(json_t *a)
{
    return json_pack("{s:[o, o]}", "anyOf", a, ref("variable"));
}

static json_t *list_of(json_t *element)
{
    return json_pack("{s:s, s:o}", "type", "array", "items", element);
}

/* The names of a table's rows, or of a list, as bench_nearest takes them. */
static json_t *words(const void *names, size_t stride)
{
    json_t *list = json_array();
    for (const char *row = names, *name; (name = *(const char *const *)row); row += stride)
        json_array_append_new(list, json_string(name));
    return json_pack("{s:o}", "enum", list);
}

static json_t *object(json_t *properties, json_t *required)
{
    json_t *o =
        json_pack("{s:s, s:o, s:b}", "type", "object", "properties", properties, "additionalProperties", 0);
    if (json_array_size(required))
        json_object_set(o, "required", required);
    json_decref(required);
    return o;
}

/* ---- parameters ---- */

static json_t *option_words(const bench_option *o)
{
    json_t *list = json_array();
    for (int i = 0; o->word(i); i++)
        json_array_append_new(list, json_string(o->word(i)));
    return json_pack("{s:o}", "enum", list);
}

static json_t *number(const char *type, double low, double high)
{
    return json_pack("{s:s, s:f, s:f}", "type", type, "minimum", low, "maximum", high);
}

static json_t *option_value(const bench_option *o)
{
    switch (o->type) {
    case BENCH_INT:
        return number("integer", o->low, o->high);
    case BENCH_REAL:
        return number("number", o->low, o->high);
    case BENCH_WORD:
        return option_words(o);
    case BENCH_STRING:
        return o->word ? option_words(o)
                       : json_pack("{s:s, s:i, s:I}", "type", "string", "minLength", 1, "maxLength",
                                   (json_int_t)o->size - 1);
    case BENCH_FLAGS:
        break;
    }
    return json_pack("{s:[{s:s}, {s:s, s:o, s:i, s:b}]}", "anyOf", "const", "all", "type", "array", "items",
                     option_words(o), "minItems", 1, "uniqueItems", 1);
}

/* A parameter's value: itself, null (left unset, or a value of its own), or a variable. */
static json_t *option_shape(const bench_option *o)
{
    return json_pack("{s:s, s:o, s:[o, {s:s}, o]}", "description", o->help, "default",
                     json_loads(o->fallback, JSON_DECODE_ANY, NULL), "anyOf", option_value(o), "type", "null",
                     ref("variable"));
}

static json_t *option_ref(const bench_option *o)
{
    char to[64];
    snprintf(to, sizeof to, "parameters/properties/%s", o->name);
    return ref(to);
}

/* A list of values, in which ranges stand for theirs; a range alone; a variable for all; null: not swept. */
static json_t *values_shape(const bench_option *o)
{
    json_t *element = bench_option_is_number(o)
                          ? json_pack("{s:[o, o]}", "anyOf", option_ref(o), ref("range"))
                          : option_ref(o);
    json_t *list = json_pack("{s:s, s:o, s:i}", "type", "array", "items", element, "minItems", 1);
    json_t *any = json_pack("[o, {s:s}, o]", list, "type", "null", ref("variable"));
    if (bench_option_is_number(o))
        json_array_append_new(any, ref("range"));
    return json_pack("{s:o}", "anyOf", any);
}

static json_t *condition_shape(const bench_option *o)
{
    json_t *one =
        json_pack("[o, o]", option_ref(o), pattern(bench_option_is_number(o) ? "^(!=|<|>)" : "^!="));
    if (bench_option_is_number(o))
        json_array_append_new(one, ref("range"));
    json_t *list =
        json_pack("{s:s, s:{s:o}, s:i}", "type", "array", "items", "anyOf", json_copy(one), "minItems", 1);
    json_array_append_new(one, list);
    return json_pack("{s:o}", "anyOf", one);
}

static json_t *by_option(json_t *(*shape)(const bench_option *))
{
    json_t *properties = json_object();
    for (const bench_option *o = bench_options; o->name; o++)
        json_object_set_new(properties, o->name, shape(o));
    return object(properties, NULL);
}

/* ---- fields ---- */

static json_t *text_shape(const bench_field *f)
{
    return json_pack("{s:s, s:i, s:I}", "type", "string", "minLength", 1, "maxLength",
                     (json_int_t)f->size - 1);
}

static json_t *int_shape(const bench_field *f)
{
    json_t *whole = number("integer", f->low, f->high);
    return f->words ? json_pack("{s:[o, {s:s}]}", "anyOf", whole, "const", f->words[0]) : whole;
}

static json_t *word_shape(const bench_field *f)
{
    return words(f->words, sizeof *f->words);
}

static json_t *option_name_shape(const bench_field *f)
{
    (void)f;
    return words(&bench_options[0].name, sizeof bench_options[0]);
}

static json_t *metric_shape(const bench_field *f)
{
    (void)f;
    return words(bench_metric_names(), sizeof(char *));
}

static json_t *object_shape(const bench_field *f);

static json_t *objects_shape(const bench_field *f)
{
    return list_of(object_shape(f));
}

/* What each reader of reader.h takes. */
static const struct {
    bench_read *read;
    json_t *(*make)(const bench_field *f);
    const char *text;
} shapes[] = {
    {bench_reader_text, text_shape, NULL},
    {bench_reader_int, int_shape, NULL},
    {bench_reader_percent, NULL, BENCH_JSON({"type" : "string", "pattern" : "^[0-9]*[.]?[0-9]*%$"})},
    {bench_reader_duration, NULL, BENCH_JSON({"type" : "string", "pattern" : "^[0-9]*[.]?[0-9]*[smhd]$"})},
    {bench_reader_word, word_shape, NULL},
    {bench_reader_option, option_name_shape, NULL},
    {bench_reader_metric, metric_shape, NULL},
    {bench_reader_where, NULL, BENCH_SHAPE_WHERE},
    {bench_reader_list, objects_shape, NULL},
};

static json_t *field_shape(const bench_field *f)
{
    const char *text = f->shape;
    json_t *shape = NULL;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0] && !text && !shape; i++) {
        if (shapes[i].read != f->read)
            continue;
        text = shapes[i].text;
        shape = text ? NULL : shapes[i].make(f);
    }
    if (!text && !shape && f->members)
        shape = object_shape(f);
    shape = text ? json_loads(text, 0, NULL) : shape;
    assert(shape); /* a field with a reader of its own says its shape */
    return f->fixed ? shape : or_variable(shape);
}

static json_t *object_shape(const bench_field *f)
{
    json_t *properties = json_object(), *required = json_array();
    for (const bench_field *m = f->members; m->key; m++) {
        json_object_set_new(properties, m->key, field_shape(m));
        if (m->required)
            json_array_append_new(required, json_string(m->key));
    }
    return object(properties, required);
}

/* ---- the whole ---- */

static json_t *definitions(void)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "variable", pattern("[$][{]"), "range",
                     pattern("^[-+.0-9eE]+[.][.][-+.0-9eE]+([*+][-+.0-9eE]+)?$"), "parameters",
                     by_option(option_shape), "lists", by_option(values_shape), "conditions",
                     by_option(condition_shape));
}

json_t *bench_schema_make(const bench_field *sections)
{
    json_t *properties = json_object();
    for (const bench_field *f = sections; f->key; f++) {
        json_t *shape = field_shape(f);
        if (!f->required)
            shape = json_pack("{s:[o, {s:s}]}", "anyOf", shape, "type", "null");
        json_object_set_new(properties, f->key, shape);
    }
    /* "$schema" itself is not a key of a manifest */
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:b, s:[{s:[s]}, {s:[s, s]}], s:o}", "$schema",
                     "https://json-schema.org/draft/2020-12/schema", "$id", "urn:zobench:schema:manifest:1",
                     "title", "zobench experiment manifest", "description",
                     "A text \"${name}\" stands for a variable, wherever a value may. Null leaves unset.",
                     "type", "object", "properties", properties, "additionalProperties", 0, "anyOf",
                     "required", "include", "required", "schema", "name", "$defs", definitions());
}
