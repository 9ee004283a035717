/* Folders and small files of results. */
#ifndef BENCH_FOLDER_H
#define BENCH_FOLDER_H

#include <jansson.h>

#include "core/base/error.h"

/* printf into new memory; NULL: out of memory. */
char *bench_folder_path(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Makes path and the folders above it that are missing. Fails: ZO_ERR_IO. */
zo_status bench_folder_make(const char *path, zo_error *err);

/* Removes a folder with all that is in it; symbolic links are removed, not followed. It may be missing.
 * Fails: ZO_ERR_IO. */
zo_status bench_folder_remove(const char *path, zo_error *err);

/* Renames path to a name with this moment in it ("cells.jsonl" -> "cells-20260131T120000Z.jsonl"), never onto
 * something that exists. It may be missing. Fails: ZO_ERR_IO. */
zo_status bench_folder_set_aside(const char *path, zo_error *err);

/* A whole small file, complete or not at all. Fails: ZO_ERR_IO. */
zo_status bench_folder_save(const char *path, const void *data, size_t bytes, zo_error *err);
zo_status bench_folder_save_json(const char *path, const json_t *value, zo_error *err);

#endif
