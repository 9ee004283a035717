/* See flags.h. */
#include "bench/cmd/flags.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/exit.h"
#include "bench/cmd/help.h"

#define MOST_FLAGS 31

bool bench_flag_takes_value(const bench_flag *f)
{
    return !f->set && (!f->take || f->value);
}

static bool set_number(const char *command, const bench_flag *f, const char *text)
{
    char *end;
    errno = 0;
    long n = strtol(text, &end, 10);
    if (end == text || *end || errno || n < f->low || n > f->high) {
        fprintf(stderr, "zobench %s: --%s must be a whole number from %ld to %ld, not \"%s\"\n", command,
                f->name, f->low, f->high, text);
        return false;
    }
    *f->number = n;
    return true;
}

static void append(const char **list, const char *text)
{
    while (*list)
        list++;
    list[0] = text;
    list[1] = NULL;
}

/* Returns whether the value is one. */
static bool take(const char *command, const bench_flag *f, const char *text)
{
    zo_error err = {0};
    if (f->set)
        *f->set = true;
    else if (f->text)
        *f->text = text;
    else if (f->list)
        append(f->list, text);
    else if (f->number)
        return set_number(command, f, text);
    else if (f->take(f->code, text, f->to, &err)) {
        fprintf(stderr, "zobench %s: %s\n", command, err.text);
        return false;
    }
    return true;
}

void bench_flags_help(const bench_flag *flags, void (*usage)(FILE *to), FILE *to)
{
    bench_help_print(BENCH_HELP_TEXT, flags, usage, to);
}

static int help(const char *form, const bench_flag *flags, void (*usage)(FILE *to))
{
    if (form && strcmp(form, "man") && strcmp(form, "bash")) {
        bench_flags_help(flags, usage, stderr);
        return BENCH_EXIT_USAGE;
    }
    bench_help_print(!form                      ? BENCH_HELP_TEXT
                     : strcmp(form, "man") == 0 ? BENCH_HELP_MAN
                                                : BENCH_HELP_BASH,
                     flags, usage, stdout);
    return BENCH_EXIT_OK;
}

int bench_flags(int argc, char **argv, const bench_flag *flags, int least, int most, void (*usage)(FILE *to))
{
    enum { HELP = MOST_FLAGS };
    struct option options[MOST_FLAGS + 2] = {0};
    int n = 0;
    for (; flags[n].name; n++) {
        assert(n < MOST_FLAGS);
        options[n] =
            (struct option){flags[n].name,
                            bench_flag_takes_value(&flags[n]) ? required_argument : no_argument, 0, n};
    }
    options[n] = (struct option){"help", optional_argument, 0, HELP};
    optind = 0; /* glibc: begin anew, help asks one command after the other */
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == HELP)
            return help(optarg, flags, usage);
        if (c < 0 || c >= n) { /* getopt has named the flag */
            bench_flags_help(flags, usage, stderr);
            return BENCH_EXIT_USAGE;
        }
        if (!take(argv[0], &flags[c], optarg))
            return BENCH_EXIT_USAGE;
    }
    if (argc - optind < least || argc - optind > most) {
        bench_flags_help(flags, usage, stderr);
        return BENCH_EXIT_USAGE;
    }
    return -1;
}
