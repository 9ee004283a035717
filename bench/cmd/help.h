/* Help, the manual page and completion for bash, from the tables that parse: flags (flags.h), commands (commands.h) and the
 * parameters of a cell (params.h). */
#ifndef BENCH_HELP_H
#define BENCH_HELP_H

#include <stdio.h>

#include "bench/cmd/flags.h"

typedef enum bench_help_form {
    BENCH_HELP_TEXT,
    BENCH_HELP_MAN, /* a subsection of zobench(1) */
    BENCH_HELP_BASH /* a branch of the completion's `case` */
} bench_help_form;

/* One command. usage: as bench_flags takes it. */
void bench_help_print(bench_help_form form, const bench_flag *flags, void (*usage)(FILE *to), FILE *to);

/* Every parameter of a cell with its default, words and what it means. */
void bench_help_options(FILE *to);
/* zobench(1), roff with the man macros. */
void bench_help_man(FILE *to);
/* A script for bash to source. */
void bench_help_bash(FILE *to);

#endif
