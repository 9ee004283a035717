/* For tests of commands: runs one in this process and keeps what it writes. */
#ifndef BENCH_COMMAND_FIXTURE_H
#define BENCH_COMMAND_FIXTURE_H

#include <fcntl.h>
#include <getopt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct command_output {
    int code;
    char out[65536], err[65536]; /* NUL-terminated */
} command_output;

static inline void command_read(FILE *f, char *text, size_t cap)
{
    rewind(f);
    size_t n = fread(text, 1, cap - 1, f);
    text[n] = '\0';
    fclose(f);
}

/* argv: NULL-terminated, its first is the command's name. */
static inline void command_run(int (*command)(int, char **), const char *const *argv, command_output *o)
{
    char *copy[16] = {0};
    int argc = 0, out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
    FILE *to_out = tmpfile(), *to_err = tmpfile();
    assert_true(out >= 0 && err >= 0 && to_out && to_err);
    for (; argv[argc] && argc < 15; argc++)
        copy[argc] = strdup(argv[argc]);
    fflush(stdout);
    fflush(stderr);
    dup2(fileno(to_out), STDOUT_FILENO);
    dup2(fileno(to_err), STDERR_FILENO);
    optind = 0; /* glibc: begin anew */
    o->code = command(argc, copy);
    fflush(stdout);
    fflush(stderr);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    close(out);
    close(err);
    command_read(to_out, o->out, sizeof o->out);
    command_read(to_err, o->err, sizeof o->err);
    for (int i = 0; i < argc; i++)
        free(copy[i]);
}

/* A file in the folder for temporary files; unlink and free its name. */
static inline char *command_file(const char *text)
{
    const char *tmp = getenv("TMPDIR");
    char path[512];
    snprintf(path, sizeof path, "%s/command.XXXXXX", tmp && *tmp ? tmp : "/tmp");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    return strdup(path);
}

#endif
