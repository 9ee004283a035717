/* What a cell read, named by SHA-256, so that a record says exactly what it is a result of. */
#ifndef BENCH_INPUTS_H
#define BENCH_INPUTS_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "core/base/error.h"

/* { "path": "...", "bytes": 1, "sha256": "..." } of a file. Fails: ZO_ERR_IO. */
zo_status bench_inputs_file(const char *path, json_t **out, zo_error *err);

/* The same of text that lies in no file. New reference. */
json_t *bench_inputs_text(const char *text);

/* What is made by a rule and read from nowhere: { "path": name, "sha256": null, ... }. New reference. */
json_t *bench_inputs_generated(const char *name);

/* Of a model as zo_weights_open takes it: a file; the first of several parts, whose sha256 is that of the list of all parts' as
 * JSON; a folder, whose "files" are its configuration, tokenizer and weights, and
 * whose sha256 is that of their [sha256, name] pairs as JSON; or synth:NAME, generated. Fails: ZO_ERR_IO. */
zo_status bench_inputs_model(const char *path, json_t **out, zo_error *err);

/* The same for a whole folder of an adapter. */
zo_status bench_inputs_adapter(const char *dir, json_t **out, zo_error *err);

/* A result belongs to contents, not to paths. `then`, `now`: the "inputs" of two records. True where one of model, training data,
 * validation data, adapter and template is another: *why names it, "validation data/dev.tsv: SHA-256 2cc5120a... then, 40d51462...
 * now". What was not recorded, or is made by a rule, is no other. */
bool bench_inputs_differ(const json_t *then, const json_t *now, char *why, size_t cap);

/* The same of a record's inputs and the files of these names as they are now; one that cannot be read is no other. seen: path ->
 * what it is, an object of the caller's, so that each file is read once. */
bool bench_inputs_changed(const json_t *then, json_t *seen, char *why, size_t cap);

#endif
