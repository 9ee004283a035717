/* Records in the formats of other tools.
 *
 * A cell (its seed included) is one benchmark there. Its name is the model, the task and every parameter that is not at
 * its default, "smollm2-135m/polarity/queries=16", so that it stays the same when other cells come and go. Times are those
 * of a training step: the median step of a repetition is one sample. Only repetitions that ended well are in the formats
 * of other tools, and cells without one are not; CSV and SQL hold every repetition. No format ever holds NaN or infinity:
 * what is unknown is left out, null, or an empty field.
 */
#ifndef BENCH_EXPORT_H
#define BENCH_EXPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "core/base/error.h"

struct bench_export_set;

typedef struct bench_export_format {
    const char *name;   /* "bencher" */
    const char *reader; /* what reads it, in a line */
    bool every;         /* repetitions without a result are in it too */
    /* One of the two: the whole as JSON (new reference; NULL: out of memory), or written as it goes. */
    json_t *(*json)(const struct bench_export_set *set);
    void (*write)(const struct bench_export_set *set, FILE *out);
} bench_export_format;

/* The formats, ended by a row whose name is NULL. */
extern const bench_export_format bench_export_formats[];

/* Fails: ZO_ERR_INVALID, with what was probably meant. */
zo_status bench_export_find(const char *name, const bench_export_format **out, zo_error *err);

/* What was exported, for people. */
typedef struct bench_export_outcome {
    int32_t cells, runs;           /* that there are */
    int32_t cells_left, runs_left; /* of those, without a result and so left out */
} bench_export_outcome;

/* The records of path, a results folder or a file of records, to out. Of a repetition that was tried again the newest
 * record counts. Fails: ZO_ERR_IO and ZO_ERR_FORMAT as bench_compare_load, ZO_ERR_IO (writing), ZO_ERR_MEMORY. */
zo_status bench_export(const char *path, const bench_export_format *format, FILE *out,
                       bench_export_outcome *outcome, zo_error *err);

#endif
