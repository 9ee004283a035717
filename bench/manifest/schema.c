/* See schema.h. Every value may be a variable instead, and every section null. */
#include "bench/manifest/schema.h"

#include <assert.h>
#include <string.h>

#include "bench/record/metric.h"
#include "bench/manifest/params.h"

/* ---- pieces ---- */

static json_t *reference(const char *to)
{
    return json_sprintf("#/$defs/%s", to);
}

static json_t *ref(const char *to)
{
    return json_pack("{s:o}", "$ref", reference(to));
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

/* Names are those of a list. */
static json_t *words(const char *const *names)
{
    json_t *list = json_array();
    for (; *names; names++)
        json_array_append_new(list, json_string(*names));
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
    return json_pack("{s:o}", "$ref", json_sprintf("#/$defs/parameters/properties/%s", o->name));
}

static bool is_number(const bench_option *o)
{
    return o->type == BENCH_INT || o->type == BENCH_REAL;
}

/* A list of values, in which ranges stand for theirs; a range alone; a variable for all; null: not swept. */
static json_t *values_shape(const bench_option *o)
{
    json_t *element =
        is_number(o) ? json_pack("{s:[o, o]}", "anyOf", option_ref(o), ref("range")) : option_ref(o);
    json_t *list = json_pack("{s:s, s:o, s:i}", "type", "array", "items", element, "minItems", 1);
    json_t *any = json_pack("[o, {s:s}, o]", list, "type", "null", ref("variable"));
    if (is_number(o))
        json_array_append_new(any, ref("range"));
    return json_pack("{s:o}", "anyOf", any);
}

static json_t *condition_shape(const bench_option *o)
{
    json_t *one = json_pack("[o, o]", option_ref(o), pattern(is_number(o) ? "^(!=|<|>)" : "^!="));
    if (is_number(o))
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

json_t *bench_schema_version(const bench_field *f)
{
    (void)f;
    return json_pack("{s:s}", "const", BENCH_MANIFEST_SCHEMA);
}

json_t *bench_schema_include(const bench_field *f)
{
    (void)f;
    return json_pack("{s:s, s:{s:s, s:i}}", "type", "array", "items", "type", "string", "minLength", 1);
}

json_t *bench_schema_variables(const bench_field *f)
{
    (void)f;
    return json_pack("{s:s}", "type", "object");
}

json_t *bench_schema_params(const bench_field *f)
{
    (void)f;
    return ref("parameters");
}

json_t *bench_schema_params_list(const bench_field *f)
{
    return list_of(bench_schema_params(f));
}

json_t *bench_schema_matrix(const bench_field *f)
{
    (void)f;
    return ref("lists");
}

json_t *bench_schema_zip(const bench_field *f)
{
    return list_of(bench_schema_matrix(f));
}

static json_t *where_shape(const bench_field *f)
{
    (void)f;
    return ref("conditions");
}

json_t *bench_schema_exclude(const bench_field *f)
{
    return list_of(where_shape(f));
}

json_t *bench_schema_seeds(const bench_field *f)
{
    (void)f;
    return json_pack("{s:s}", "$ref", "#/$defs/lists/properties/seed");
}

json_t *bench_schema_relative(const bench_field *f)
{
    (void)f;
    return json_pack("{s:o, s:i, s:i}", "$ref", reference("parameters"), "minProperties", 1, "maxProperties",
                     1);
}

json_t *bench_schema_text(const bench_field *f)
{
    json_t *o = json_pack("{s:s, s:i}", "type", "string", "minLength", 1);
    if (f->size)
        json_object_set_new(o, "maxLength", json_integer((json_int_t)f->size - 1));
    return o;
}

json_t *bench_schema_texts(const bench_field *f)
{
    json_t *list = list_of(bench_schema_text(f));
    json_object_set_new(list, "minItems", json_integer(1));
    return json_pack("{s:[o, o]}", "anyOf", bench_schema_text(f), list);
}

json_t *bench_schema_sides(const bench_field *f)
{
    json_t *side = json_pack("{s:[o, o]}", "anyOf", bench_schema_text(f), where_shape(f));
    return json_pack("{s:s, s:o, s:i, s:i}", "type", "array", "items", side, "minItems", 2, "maxItems", 2);
}

json_t *bench_schema_where(const bench_field *f)
{
    return where_shape(f);
}

json_t *bench_schema_number(const bench_field *f)
{
    return number("number", f->low, f->high);
}

json_t *bench_schema_boolean(const bench_field *f)
{
    (void)f;
    return json_pack("{s:s}", "type", "boolean");
}

static json_t *int_shape(const bench_field *f)
{
    return number("integer", f->low, f->high);
}

json_t *bench_schema_int_or_auto(const bench_field *f)
{
    return json_pack("{s:[o, {s:s}]}", "anyOf", int_shape(f), "const", "auto");
}

json_t *bench_schema_memory(const bench_field *f)
{
    (void)f;
    return pattern("^(auto|none|[0-9.]+(MiB|GiB|TiB|MB|GB|TB))$");
}

static json_t *percent_shape(const bench_field *f)
{
    (void)f;
    return pattern("^[0-9]*[.]?[0-9]*%$");
}

static json_t *duration_shape(const bench_field *f)
{
    (void)f;
    return pattern("^[0-9]*[.]?[0-9]*[smhd]$");
}

static json_t *word_shape(const bench_field *f)
{
    return words(f->words);
}

static json_t *option_name_shape(const bench_field *f)
{
    json_t *list = json_array();
    (void)f;
    for (const bench_option *o = bench_options; o->name; o++)
        json_array_append_new(list, json_string(o->name));
    return json_pack("{s:o}", "enum", list);
}

static json_t *metric_shape(const bench_field *f)
{
    (void)f;
    return words(bench_metric_names());
}

/* What each reader of reader.h takes. */
static const struct {
    bench_read read;
    bench_shape shape;
} shapes[] = {
    {bench_reader_text, bench_schema_text}, {bench_reader_int, int_shape},
    {bench_reader_percent, percent_shape},  {bench_reader_duration, duration_shape},
    {bench_reader_word, word_shape},        {bench_reader_option, option_name_shape},
    {bench_reader_metric, metric_shape},    {bench_reader_where, where_shape},
};

static json_t *field_shape(const bench_field *f)
{
    bench_shape shape = f->shape;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0] && !shape; i++)
        if (shapes[i].read == f->read)
            shape = shapes[i].shape;
    assert(shape); /* a field with a reader of its own says its shape */
    json_t *o = shape(f);
    return f->shape == bench_schema_version || f->shape == bench_schema_include ? o : or_variable(o);
}

json_t *bench_schema_object(const bench_field *f)
{
    json_t *properties = json_object(), *required = json_array();
    for (const bench_field *m = f->members; m->key; m++) {
        json_object_set_new(properties, m->key, field_shape(m));
        if (m->required)
            json_array_append_new(required, json_string(m->key));
    }
    return object(properties, required);
}

json_t *bench_schema_objects(const bench_field *f)
{
    return list_of(bench_schema_object(f));
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
