/* Command-line flags of a command, from a table: --name TEXT, --name N or --name alone; --help is always there. */
#ifndef BENCH_FLAGS_H
#define BENCH_FLAGS_H

#include <getopt.h> /* optind */
#include <stdbool.h>
#include <stdio.h>

/* One of text, list, number and set is not NULL: where the flag's value goes. */
typedef struct bench_flag {
    const char *name;  /* without the dashes */
    const char **text; /* borrowed from argv */
    const char **list; /* the same, any number of times: NULL-terminated, with room for argc + 1 */
    long *number;      /* a whole number in [low, high] */
    long low, high;
    bool *set; /* takes no value */
} bench_flag;

/* Reads argv's flags (ended by a row whose name is NULL; at most 15) and checks that `least` to `most` arguments are left,
 * which begin at argv[optind]. Returns -1 to go on, else the exit code to end with, what is wrong having been said. */
int bench_flags(int argc, char **argv, const bench_flag *flags, int least, int most, void (*usage)(FILE *to));

#endif
