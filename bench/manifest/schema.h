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

/* What fields take whose reader is none of reader.h's, as texts of JSON. */
#define BENCH_JSON(...) #__VA_ARGS__
/* clang-format off */
#define BENCH_SHAPE_VERSION "{\"const\": \"" BENCH_MANIFEST_SCHEMA "\"}"
#define BENCH_SHAPE_INCLUDE BENCH_JSON({"type": "array", "items": {"type": "string", "minLength": 1}})
#define BENCH_SHAPE_VARIABLES BENCH_JSON({"type": "object"})
#define BENCH_SHAPE_PARAMS BENCH_JSON({"$ref": "#/$defs/parameters"})
#define BENCH_SHAPE_PARAMS_LIST BENCH_JSON({"type": "array", "items": {"$ref": "#/$defs/parameters"}})
#define BENCH_SHAPE_LISTS BENCH_JSON({"$ref": "#/$defs/lists"})
#define BENCH_SHAPE_ZIP BENCH_JSON({"type": "array", "items": {"$ref": "#/$defs/lists"}})
#define BENCH_SHAPE_WHERE BENCH_JSON({"$ref": "#/$defs/conditions"})
#define BENCH_SHAPE_EXCLUDE BENCH_JSON({"type": "array", "items": {"$ref": "#/$defs/conditions"}})
#define BENCH_SHAPE_SEEDS BENCH_JSON({"$ref": "#/$defs/lists/properties/seed"})
#define BENCH_SHAPE_RELATIVE BENCH_JSON({"$ref": "#/$defs/parameters", "minProperties": 1, "maxProperties": 1})
#define BENCH_SHAPE_TEXT BENCH_JSON({"type": "string", "minLength": 1})
#define BENCH_SHAPE_TEXTS BENCH_JSON({"anyOf": [{"type": "string", "minLength": 1}, {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1}]})
#define BENCH_SHAPE_SIDES BENCH_JSON({"type": "array", "items": {"anyOf": [{"type": "string", "minLength": 1}, {"$ref": "#/$defs/conditions"}]}, "minItems": 2, "maxItems": 2})
#define BENCH_SHAPE_NUMBER BENCH_JSON({"type": "number", "minimum": -1e300, "maximum": 1e300})
#define BENCH_SHAPE_BOOLEAN BENCH_JSON({"type": "boolean"})
#define BENCH_SHAPE_MEMORY BENCH_JSON({"type": "string", "pattern": "^(auto|none|[0-9.]+(MiB|GiB|TiB|MB|GB|TB))$"})
/* clang-format on */

#endif
