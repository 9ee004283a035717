/* zobench: fine-tunes language models without backpropagation and measures what that costs. */
#include <string.h>

#include "bench/cmd/commands.h"
#include "bench/base/exit.h"

int main(int argc, char **argv)
{
    char help[] = "help", *no_arguments[] = {help, NULL};
    if (argc < 2)
        return bench_cmd_screen(argc, argv);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return bench_cmd_help(1, no_arguments);
    if (strcmp(argv[1], "cell") == 0)
        return bench_cmd_cell(argc - 1, argv + 1);
    if (strcmp(argv[1], "sgemm") == 0)
        return bench_cmd_sgemm(argc - 1, argv + 1);
    const bench_command *c = bench_command_find(argv[1]);
    return c ? c->run(argc - 1, argv + 1) : BENCH_EXIT_USAGE;
}
