/* zobench: fine-tunes language models without backpropagation and measures what that costs. */
#include <stdio.h>
#include <string.h>

#include "bench/commands.h"
#include "bench/exit.h"
#include "bench/params.h"

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
#define X(name, function, help) {name, function, help},
    BENCH_COMMAND_MAP(X)
#undef X
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void usage(FILE *to)
{
    fprintf(to, "zobench fine-tunes language models without backpropagation (RGE, P-RGE) and measures what "
                "it costs.\n\n"
                "usage: zobench COMMAND [ARGUMENTS]        zobench COMMAND --help says more\n\n");
    for (int i = 0; i < COMMANDS; i++)
        fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].help);
    fprintf(to,
            "\nA first run: zobench run experiments/quickstart.json && zobench report results/quickstart\n");
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return bench_cmd_screen(argc, argv);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        usage(stdout);
        return BENCH_EXIT_OK;
    }
    if (strcmp(argv[1], "cell") == 0)
        return bench_cmd_cell(argc - 1, argv + 1);
    if (strcmp(argv[1], "sgemm") == 0)
        return bench_cmd_sgemm(argc - 1, argv + 1);
    const char *names[COMMANDS + 1] = {0};
    for (int i = 0; i < COMMANDS; i++) {
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
        names[i] = commands[i].name;
    }
    const char *near = bench_nearest(argv[1], names);
    fprintf(stderr, "zobench: \"%s\" is not a command", argv[1]);
    fprintf(stderr, near ? "; did you mean \"%s\"?\n" : "; zobench --help lists them\n", near);
    return BENCH_EXIT_USAGE;
}
