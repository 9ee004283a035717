/* Help, the manual page and completion for bash, from the tables that parse: flags (flags.h), commands (commands.h) and the
 * parameters of a cell (params.h). */
#ifndef BENCH_HELP_H
#define BENCH_HELP_H

#include <stdio.h>

/* Every parameter of a cell with its default, words and what it means. */
void bench_help_options(FILE *to);
/* zobench(1), roff with the man macros. */
void bench_help_man(FILE *to);
/* A script for bash to source. */
void bench_help_bash(FILE *to);

#endif
