/* zobench help: the commands, one of them, the parameters of manifests, the manual page, completion. */
#include <stdio.h>
#include <string.h>

#include "bench/cmd/commands.h"
#include "bench/base/exit.h"
#include "bench/cmd/flags.h"
#include "bench/cmd/help.h"
#include "bench/manifest/params.h"

const bench_command bench_commands[] = {
#define X(name, function, help) {name, function, help},
    BENCH_COMMAND_MAP(X)
#undef X
        {0}};

enum { COMMANDS = sizeof bench_commands / sizeof bench_commands[0] - 1 };

const bench_command *bench_command_find(const char *name)
{
    const char *names[COMMANDS + 1] = {0};
    for (int i = 0; i < COMMANDS; i++) {
        if (strcmp(name, bench_commands[i].name) == 0)
            return &bench_commands[i];
        names[i] = bench_commands[i].name;
    }
    const char *near = bench_nearest(name, names);
    fprintf(stderr, "zobench: \"%s\" is not a command", name);
    fprintf(stderr, near ? "; did you mean \"%s\"?\n" : "; zobench help lists them\n", near);
    return NULL;
}

static void usage(FILE *to)
{
    fputs("usage: zobench help [COMMAND | options]\n"
          "       zobench help --man | --bash\n\n"
          "Lists the commands, or says more about one, or lists the parameters of manifests (options).\n",
          to);
}

static void list(FILE *to)
{
    fputs("zobench fine-tunes language models without backpropagation (RGE, P-RGE) and measures what it "
          "costs.\n\n"
          "usage: zobench COMMAND [ARGUMENTS]        zobench help COMMAND says more\n\n",
          to);
    for (const bench_command *c = bench_commands; c->name; c++)
        fprintf(to, "  %-10s %s\n", c->name, c->help);
    fputs("\nhelp options: the parameters of manifests. Without a command: machine, suites, results, next "
          "step.\n"
          "A first run: zobench run experiments/quickstart.json && zobench report results/quickstart\n",
          to);
}

int bench_cmd_help(int argc, char **argv)
{
    bool man = false, bash = false;
    const bench_flag flags[] = {
        {.name = "man", .set = &man, .help = "print a manual page, zobench.1: man -l <(zobench help --man)"},
        {.name = "bash", .set = &bash, .help = "print completion for bash: . <(zobench help --bash)"},
        {0}};
    int code = bench_flags(argc, argv, flags, 0, 1, usage);
    if (code >= 0)
        return code;
    const char *about = argv[optind];
    if (man + bash + (about != NULL) > 1) {
        bench_flags_help(flags, usage, stderr);
        return BENCH_EXIT_USAGE;
    }
    if (man)
        bench_help_man(stdout);
    else if (bash)
        bench_help_bash(stdout);
    else if (!about)
        list(stdout);
    else if (strcmp(about, "options") == 0)
        bench_help_options(stdout);
    else {
        const bench_command *c = bench_command_find(about);
        char name[32], help[] = "--help", *asked[] = {name, help, NULL};
        if (!c)
            return BENCH_EXIT_USAGE;
        snprintf(name, sizeof name, "%s", c->name);
        return c->run(2, asked);
    }
    return BENCH_EXIT_OK;
}
