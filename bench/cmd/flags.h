/* Command-line flags of a command, from a table that parses them and explains them: --name TEXT, --name N or --name alone. --help
 * is always there; --help=man and --help=bash print the same for a manual page and for completion. */
#ifndef BENCH_FLAGS_H
#define BENCH_FLAGS_H

#include <getopt.h> /* optind */
#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include "core/base/error.h"

/* One of text, list, number, set, filter and take is not NULL: where the flag's value goes. */
typedef struct bench_flag {
    const char *name;  /* without the dashes */
    const char **text; /* borrowed from argv */
    const char **list; /* the same, any number of times: NULL-terminated, with room for argc + 1 */
    long *number;      /* a whole number in [low, high] */
    long low, high;
    bool *set;      /* takes no value */
    json_t *filter; /* a condition KEY=VALUE is added (bench_condition_filter) */
    /* Reads the value itself (NULL where the flag has none: `value` is NULL); its message is what people are told. */
    zo_status (*take)(int code, const char *text, void *to, zo_error *err);
    int code; /* these two are passed on to it */
    void *to;
    const char *value; /* what help calls the value: "DIR" */
    const char *help;  /* one sentence; NULL: usage() has it */
} bench_flag;

/* clang-format off */
/* The row of commands that take manifests. */
#define BENCH_FLAG_SET(sets)                                                                                 \
    {.name = "set", .list = (sets), .value = "KEY=VALUE",                                                    \
     .help = "of a variable, a parameter of \"defaults\", a section, or SECTION.KEY of the manifest; "       \
             "again for more"}
/* clang-format on */

/* Reads argv's flags (ended by a row whose name is NULL; at most 31) and checks that `least` to `most` arguments are left,
 * which begin at argv[optind]. usage writes the lines "usage: zobench ..." and, after an empty line, what the command does;
 * the flags follow. Returns -1 to go on, else the exit code to end with, what is wrong having been said. */
int bench_flags(int argc, char **argv, const bench_flag *flags, int least, int most, void (*usage)(FILE *to));
/* What --help prints. */
void bench_flags_help(const bench_flag *flags, void (*usage)(FILE *to), FILE *to);
/* Words after `indent` blanks, of which the first line has `used` already; roff's own characters escaped. */
void bench_flags_wrap(const char *text, int used, int indent, FILE *to);
void bench_flags_roff(const char *text, FILE *to);

#endif
