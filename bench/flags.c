/* See flags.h. */
#include "bench/flags.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "bench/exit.h"

#define MOST_FLAGS 15

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

int bench_flags(int argc, char **argv, const bench_flag *flags, int least, int most, void (*usage)(FILE *to))
{
    enum { HELP = MOST_FLAGS };
    struct option options[MOST_FLAGS + 2] = {0};
    int n = 0;
    for (; flags[n].name; n++) {
        assert(n < MOST_FLAGS);
        options[n] = (struct option){flags[n].name, flags[n].set ? no_argument : required_argument, 0, n};
    }
    options[n] = (struct option){"help", no_argument, 0, HELP};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == HELP) {
            usage(stdout);
            return BENCH_EXIT_OK;
        }
        if (c < 0 || c >= n) { /* getopt has named the flag */
            usage(stderr);
            return BENCH_EXIT_USAGE;
        }
        if (flags[c].set)
            *flags[c].set = true;
        else if (flags[c].text)
            *flags[c].text = optarg;
        else if (flags[c].list)
            append(flags[c].list, optarg);
        else if (!set_number(argv[0], &flags[c], optarg))
            return BENCH_EXIT_USAGE;
    }
    if (argc - optind < least || argc - optind > most) {
        usage(stderr);
        return BENCH_EXIT_USAGE;
    }
    return -1;
}
