/* The children's side. Each reads a job from standard input and answers on descriptor 3 (child.h), or on standard output where
 * that is not open, as when it is run by hand. zobench cell belongs to run and compare (cell.h) and answers with messages; zobench
 * sgemm to a comparison of OpenBLAS's kernels (sgemm.h). */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/machine/binding.h"
#include "bench/machine/build.h"
#include "bench/cell/cell.h"
#include "bench/machine/child.h"
#include "bench/backend/kernel_choice.h"
#include "bench/backend/openblas.h"
#include "bench/backend/sgemm.h"
#include "bench/cmd/commands.h"
#include "bench/base/exit.h"

static int answer_fd(void)
{
    return fcntl(BENCH_CHILD_FD, F_GETFD) < 0 ? STDOUT_FILENO : BENCH_CHILD_FD;
}

/* { key: value } as one line. */
static void send(const int *fd, const char *key, json_t *value)
{
    json_t *o = json_pack("{s:O}", key, value);
    char *line = json_dumps(o, JSON_COMPACT);
    size_t n = line ? strlen(line) : 0, sent = 0;
    if (line)
        line[n++] = '\n'; /* in the place of the NUL */
    while (sent < n) {
        ssize_t now = write(*fd, line + sent, n - sent);
        if (now < 0)
            _exit(BENCH_EXIT_FAILED); /* nobody listens any more */
        sent += (size_t)now;
    }
    free(line);
    json_decref(o);
}

static void send_part(void *self, const char *key, json_t *value)
{
    json_t *o = json_pack("{s:O}", key, value);
    send(self, "partial", o);
    json_decref(o);
}

static void send_progress(void *self, json_t *message)
{
    send(self, "progress", message);
}

/* Before the clock runs: it makes the threads. */
static void send_binding(int *fd, const json_t *told)
{
    static const char *const keys[] = {"binding", "binding_reason"};
    json_t *o = json_object();
    bench_binding_describe(o, told);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (json_object_get(o, keys[i]))
            send_part(fd, keys[i], json_object_get(o, keys[i]));
    json_decref(o);
}

/* SIGTERM and SIGINT are blocked and looked at between steps: no handler, no state. */
static bool asked_to_stop(void *self)
{
    sigset_t pending;
    (void)self;
    sigpending(&pending);
    return sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1;
}

static void block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

/* A record of a cell that asked for kernels of OpenBLAS and did not get them; NULL: it has what it asked for, or will fail without
 * the library. */
static json_t *kernels_missing(const bench_cell_job *job, const json_t *chosen)
{
    char reason[512] = "blas_kernel: nobody has chosen";
    const bench_openblas *blas = *job->params.blas_kernel ? bench_openblas_load(NULL) : NULL;
    if (!blas || (json_is_object(chosen) &&
                  bench_kernel_choice_holds(chosen, blas->get_corename(), reason, sizeof reason)))
        return NULL;
    return json_pack("{s:s, s:s}", "status", "failed", "reason", reason);
}

int bench_cmd_cell(int argc, char **argv)
{
    int fd = answer_fd();
    const bench_cell_watch watch = {&fd, send_part, send_progress, asked_to_stop};
    zo_mem mem = {0};
    zo_error err = {0};
    bench_cell_job job;
    json_error_t why;
    (void)argv;
    if (argc > 1) {
        fprintf(stderr,
                "zobench cell: takes no arguments but a job on standard input; it belongs to zobench run\n");
        return BENCH_EXIT_USAGE;
    }
    block_signals();
    json_t *json = json_loadf(stdin, JSON_REJECT_DUPLICATES, &why);
    if (!json || bench_cell_job_read(json, &job, &err)) {
        fprintf(stderr, "zobench cell: %s\n", json ? err.text : why.text);
        json_decref(json);
        return BENCH_EXIT_USAGE;
    }
    json_t *build = bench_build_describe();
    send_part(&fd, "build", build);
    send_binding(&fd, json_object_get(json, "binding"));
    json_t *record = kernels_missing(&job, json_object_get(json, "blas_kernel"));
    if (!record)
        record = bench_cell_run(&job, &watch, &mem);
    if (record)
        send(&fd, "record", record);
    json_decref(record);
    json_decref(build);
    json_decref(json);
    return record ? BENCH_EXIT_OK : BENCH_EXIT_FAILED;
}

int bench_cmd_sgemm(int argc, char **argv)
{
    const int fd = answer_fd();
    json_t *job = json_loadf(stdin, JSON_REJECT_DUPLICATES, NULL);
    zo_error err = {0};
    (void)argv;
    const bool loaded = bench_openblas_load(&err) != NULL;
    json_t *answer = argc == 1 && job && loaded ? bench_sgemm_answer(job, bench_sgemm_openblas) : NULL;
    if (!loaded)
        fprintf(stderr, "zobench sgemm: %s\n", err.text);
    else if (!answer)
        fprintf(stderr, "zobench sgemm: no job on standard input; it belongs to zobench doctor and run\n");
    const bool told = answer && !json_dumpfd(answer, fd, JSON_COMPACT) && write(fd, "\n", 1) == 1;
    json_decref(answer);
    json_decref(job);
    return told ? BENCH_EXIT_OK : BENCH_EXIT_USAGE;
}
