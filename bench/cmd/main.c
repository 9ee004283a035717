/* zobench: fine-tunes language models without backpropagation and measures what that costs. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "bench/cmd/commands.h"
#include "bench/base/exit.h"

/* A command's exit code; where what it printed could not be written, that of a failure, which it may have told of itself. */
static int finish(const char *command, int code)
{
    bool failed = ferror(stdout) != 0;
    if (failed && code == BENCH_EXIT_USAGE)
        return code;
    errno = 0;
    if (failed)
        putchar('\n'); /* the output is cut already: what is wrong with it? */
    failed = fflush(stdout) != 0 || failed;
    const int why = errno;
    failed = fclose(stdout) != 0 || failed;
    if (!failed)
        return code;
    fprintf(stderr, "zobench%s%s: write standard output: %s\n", *command ? " " : "", command,
            why ? strerror(why) : "not all of it could be written");
    return BENCH_EXIT_USAGE;
}

/* A file that is opened later must not become standard output because that was closed: what was printed would end up in it.
 * Closed, input is empty, output cannot be written and is told of, messages are lost. */
static void hold_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            open("/dev/null", fd == 2 ? O_WRONLY : O_RDONLY); /* takes the lowest number that is free */
}

int main(int argc, char **argv)
{
    hold_descriptors();
    signal(SIGXFSZ, SIG_IGN); /* a limit on the size of files is a write that fails, as on a full disk */
    char help[] = "help", *no_arguments[] = {help, NULL};
    if (argc < 2)
        return finish("", bench_cmd_screen(argc, argv));
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return finish("help", bench_cmd_help(1, no_arguments));
    if (strcmp(argv[1], "cell") == 0)
        return bench_cmd_cell(argc - 1, argv + 1);
    if (strcmp(argv[1], "sgemm") == 0)
        return bench_cmd_sgemm(argc - 1, argv + 1);
    const bench_command *c = bench_command_find(argv[1]);
    return c ? finish(c->name, c->run(argc - 1, argv + 1)) : BENCH_EXIT_USAGE;
}
