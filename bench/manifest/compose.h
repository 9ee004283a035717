/* One tree out of a manifest's file, the files that it includes, what --set says, and variables.
 *
 * "include": ["a.json", ...]: files relative to the including one. What they say is taken first, in that order, then what the
 * file itself says: an object's members are taken over one by one, lists of objects are joined, anything else is replaced;
 * a section or a key of "matrix" that is null in the end is as if it had never been there. A file that is included twice
 * counts once. "variables": {"size": "135m"}: a text "${size}" anywhere else stands for the value, "smollm2-${size}" for a text
 * that holds it; "$${" is "${".
 */
#ifndef BENCH_COMPOSE_H
#define BENCH_COMPOSE_H

#include <stddef.h>

#include "bench/manifest/reader.h"
#include "core/base/error.h"

typedef struct bench_document {
    bench_json_tree tree;
    const bench_node *root; /* the whole, an object */
    /* owned, bytes long and a NUL: a text that says the same alone: the file's own bytes, or, where other files or --set had a
     * part in it, written anew */
    char *text;
    size_t bytes;
} bench_document;

/* sections: those that a manifest may have. sets: NULL-terminated list of "key=value" or NULL. A key is a variable's name, a
 * parameter's (of "defaults"), a section's, or SECTION.KEY; a value as bench_argument_value reads it. text: the file's (n bytes),
 * path: its name. Fails: ZO_ERR_FORMAT with "file:line:column: " or "--set key=value: " before the text; ZO_ERR_MEMORY. */
zo_status bench_compose(const bench_field *sections, const char *text, size_t n, const char *path,
                        const char *const *sets, bench_document *out, zo_error *err);
void bench_compose_deinit(bench_document *d);

#endif
