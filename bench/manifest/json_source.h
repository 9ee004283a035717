/* A JSON text and where its values stand in it, so that a message can say "file:line:column".
 *
 * jansson parses and gives the values; it keeps no positions, so a scanner of our own goes over the text a second time
 * and builds a tree of the same shape, each node with its value and place, members and elements in the order of the text.
 * Lines and columns count from 1; a column is a character (UTF-8), whatever its width; a tab is one.
 */
#ifndef BENCH_JSON_SOURCE_H
#define BENCH_JSON_SOURCE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "core/base/error.h"

typedef struct bench_place {
    const char *file;     /* the source's name, which must live on; or what else says where: "--set a=b" */
    int32_t line, column; /* line 0: file says it all */
} bench_place;

typedef struct bench_node {
    const char *key;                       /* decoded; NULL for elements and the root */
    bench_place at;                        /* where the value begins */
    bench_place key_at;                    /* where its key begins; `at` where there is none */
    json_t *value;                         /* what stands there; borrowed */
    const struct bench_node *first, *next; /* first member or element; next one of the same parent */
} bench_node;

typedef struct bench_json_source {
    char name[256]; /* of the file, for messages; the end of it where it is longer */
    json_t *json;   /* owned */
    const bench_node *root;
    bench_node *nodes; /* owned, with keys */
    char *keys;
} bench_json_source;

/* Parses text (n bytes, need not end in NUL). Fails: ZO_ERR_FORMAT "name:line:column: what" for anything that is not one
 * JSON value, repeated keys included; ZO_ERR_MEMORY. */
zo_status bench_json_source_parse(const char *text, size_t n, const char *name, bench_json_source **out,
                                  zo_error *err);
void bench_json_source_free(bench_json_source *s);

/* The member of that name, or NULL. */
const bench_node *bench_node_member(const bench_node *object, const char *key);

/* ZO_ERR_FORMAT with "file:line:column: " before the text. */
zo_status bench_json_source_fail(bench_place at, zo_error *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Makes any text one line of UTF-8: '?' for controls and for what is not well-formed. */
void bench_json_source_clean(char *text);

#endif
