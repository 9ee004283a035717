/* The manifest language as a JSON Schema, draft 2020-12, made from the tables that the parser reads with: sections, fields and
 * parameters. What a schema cannot say (cycles of includes, contradictions within a cell, what is behind a variable) only the
 * parser checks; the schema accepts all that the parser does.
 */
#ifndef BENCH_SCHEMA_H
#define BENCH_SCHEMA_H

#include <jansson.h>

#include "bench/manifest/reader.h"

#define BENCH_MANIFEST_SCHEMA "zobench/1"

/* Of the sections that a manifest may have (bench_manifest_sections). New reference. */
json_t *bench_schema_make(const bench_field *sections);

/* Shapes (bench_shape) of fields whose reader is not one of reader.h's; those of parameters are for sections. */
json_t *bench_schema_version(const bench_field *f);
json_t *bench_schema_include(const bench_field *f);
json_t *bench_schema_variables(const bench_field *f);
json_t *bench_schema_params(const bench_field *f);      /* an object of values */
json_t *bench_schema_params_list(const bench_field *f); /* a list of those */
json_t *bench_schema_matrix(const bench_field *f);      /* an object of lists of values */
json_t *bench_schema_zip(const bench_field *f);         /* a list of those */
json_t *bench_schema_exclude(const bench_field *f);     /* a list of objects of conditions */
json_t *bench_schema_seeds(const bench_field *f);
json_t *bench_schema_object(const bench_field *f);   /* of f->members */
json_t *bench_schema_objects(const bench_field *f);  /* a list of those */
json_t *bench_schema_relative(const bench_field *f); /* an object of one parameter */
json_t *bench_schema_sides(const bench_field *f);    /* two of: a word, or conditions */
json_t *bench_schema_where(const bench_field *f);    /* an object of conditions */
json_t *bench_schema_number(const bench_field *f);   /* from f->low to f->high */
json_t *bench_schema_boolean(const bench_field *f);
json_t *bench_schema_text(const bench_field *f);
json_t *bench_schema_texts(const bench_field *f); /* a text or a list of them */
json_t *bench_schema_int_or_auto(const bench_field *f);
json_t *bench_schema_memory(const bench_field *f);

#endif
