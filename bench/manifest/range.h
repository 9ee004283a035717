/* Ranges of numbers as texts: "1..8" (step 1), "0..10+2" (0, 2 .. 10), "64..256*2" (64, 128, 256). Both ends belong to a
 * range; the last value is the largest that is not above its end. Numbers are written as in JSON ("1e-4..1e-1*10").
 */
#ifndef BENCH_RANGE_H
#define BENCH_RANGE_H

#include <stdbool.h>

#include <jansson.h>

#include "core/base/error.h"

#define BENCH_RANGE_MOST 10000 /* values of one range */

typedef struct bench_range {
    double first, last;
    double step; /* 0: none was written, 1 where values are listed */
    bool multiply;
    bool whole; /* all that was written are whole numbers */
} bench_range;

/* Does a text look like a range: ".." after something that begins a number? */
bool bench_range_is(const char *text);

/* Fails: ZO_ERR_INVALID, with what is wrong ("must be ... like \"64..256*2\", not \"4..1\""). */
zo_status bench_range_read(const char *text, bench_range *out, zo_error *err);

/* Appends the values: integers where the range is whole, else reals of 12 significant digits. Fails: ZO_ERR_INVALID
 * (too many), ZO_ERR_MEMORY. */
zo_status bench_range_list(const bench_range *r, json_t *list, zo_error *err);

/* Whether x is one of the values; without a step whether it lies between the ends. */
bool bench_range_holds(const bench_range *r, double x);

#endif
