/* Files: a read-only map of a whole one, and a new one that appears complete or not at all. */
#ifndef ZO_FILE_H
#define ZO_FILE_H

#include <stddef.h>
#include <stdio.h>

#include "core/base/error.h"

typedef struct zo_file_map {
    const void *data; /* page-aligned */
    size_t bytes;     /* > 0 */
} zo_file_map;

/* Maps path, private and read-only. Fails: ZO_ERR_IO (missing, a folder, no regular file), ZO_ERR_FORMAT (empty,
 * or a Git LFS pointer or a web page in the place of what was wanted). */
zo_status zo_file_map_open(const char *path, zo_file_map *out, zo_error *err);
/* {0} is allowed. */
void zo_file_map_close(zo_file_map *map);

/* A file being written. Start it as {0}; it is written to a temporary name in the folder of path. */
typedef struct zo_file_draft {
    FILE *f;
    char *path, *temporary; /* owned */
} zo_file_draft;

/* Fails: ZO_ERR_IO, ZO_ERR_MEMORY. */
zo_status zo_file_draft_open(zo_file_draft *d, const char *path, zo_error *err);
zo_status zo_file_draft_write(zo_file_draft *d, const void *data, size_t bytes, zo_error *err);
/* Flushes, fsyncs, renames to path and fsyncs the folder. The draft is {0} afterwards, also on failure, which
 * leaves path as it was (unless only the folder could not be synced). */
zo_status zo_file_draft_commit(zo_file_draft *d, zo_error *err);
/* Removes an uncommitted file; {0} is allowed, so it may follow every draft. */
void zo_file_draft_discard(zo_file_draft *d);

#endif
