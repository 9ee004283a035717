/* Reading checked values out of a JSON text: a section of a manifest is a table of fields, each with the function that
 * reads it. What is wrong is said with its place. All fail with ZO_ERR_FORMAT, or ZO_ERR_MEMORY.
 */
#ifndef BENCH_READER_H
#define BENCH_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/manifest/params.h"
#include "bench/manifest/json_tree.h"
#include "core/base/error.h"

typedef struct bench_reader {
    const bench_node *root;
    const char *name; /* of the whole, for messages without a place */
    zo_error *err;
} bench_reader;

#define BENCH_FAIL(r, place, ...) bench_json_tree_fail(place, (r)->err, __VA_ARGS__)

typedef struct bench_field bench_field;
/* Puts the node's value, checked, to out. */
typedef zo_status bench_read(bench_reader *r, const bench_field *f, void *out, const bench_node *node);

/* A table of fields is ended by a row whose key is NULL. */
struct bench_field {
    const char *key;
    bench_read *read;
    size_t offset, size; /* of the place in what is filled */
    bool required;
    bool fixed;                 /* no variable can stand for it */
    double low, high;           /* range of numbers, both included */
    const char *const *words;   /* allowed words, NULL-terminated */
    const char *shape;          /* what it takes (schema.h); NULL: as schema.c has it for the reader */
    const bench_field *members; /* of an object, or of each object of a list */
    /* of a list of objects: the reader of one, its size, and the place of their number, an int32_t */
    bench_read *each;
    size_t each_size, count_offset;
};

#define BENCH_FIELD(type, name) .offset = offsetof(type, name), .size = sizeof(((type *)0)->name)
#define BENCH_LIST(type, name, count)                                                                        \
    BENCH_FIELD(type, name), .each_size = sizeof(*((type *)0)->name), .count_offset = offsetof(type, count)

/* The row of that key, or NULL. */
const bench_field *bench_reader_field(const bench_field *fields, const char *key);

/* Fills out from an object, in the order of the table. Unknown and missing keys are errors. name: of the section. */
zo_status bench_reader_fields(bench_reader *r, const bench_field *fields, const char *name, void *out,
                              const bench_node *node);

/* Readers of one value. */
bench_read bench_reader_text;     /* char[] */
bench_read bench_reader_int;      /* int64_t; words[0], where there are words, is -1 */
bench_read bench_reader_percent;  /* "2%": double, 0.02 */
bench_read bench_reader_duration; /* "15m": double, in seconds */
bench_read bench_reader_word;     /* int: its place in words */
bench_read bench_reader_option;   /* the name of a parameter: char[] */
bench_read bench_reader_metric;   /* the name of a metric: char[] */
bench_read bench_reader_where;    /* an object as bench_condition_match takes it: json_t *, borrowed */
bench_read bench_reader_skip;     /* nothing: others read the field */
bench_read bench_reader_list; /* a list of at most 1000 objects: a new array, the caller's also on failure */

/* "15m" in seconds; false where it is none. */
bool bench_duration_read(const char *text, double *seconds);

/* The parameter that a member's key names. */
zo_status bench_reader_find(bench_reader *r, const bench_node *member, const bench_option **out);
/* p->o = the node's value. Null leaves it unset where it is no value of its own: p gets the default; *unset says
 * whether. */
zo_status bench_reader_set(bench_reader *r, bench_params *p, const bench_option *o, const bench_node *node,
                           bool *unset);
/* A list of values of a parameter as a new array at *out: [1, 2], "1..2", ["1..2", 4]; ranges are written out. Each is
 * checked. Failure leaves *out NULL. */
zo_status bench_reader_values(bench_reader *r, const bench_option *o, const bench_node *node, json_t **out);
/* All members of an object into p, their bits into *given; those left unset are taken out of it. */
zo_status bench_reader_params(bench_reader *r, const char *name, bench_params *p, uint64_t *given,
                              const bench_node *node);

/* "name" must be ..., not ... */
zo_status bench_reader_wrong(bench_reader *r, const char *name, const char *wanted, const bench_node *node);
zo_status bench_reader_memory(bench_reader *r);

#endif
