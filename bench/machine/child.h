/* One child process: handed a job on its standard input, heard on descriptor 3, held to a time limit.
 *
 * A message is one line of JSON on descriptor 3. What the child writes to its standard output and error is caught; the
 * end of it is kept. The child leads a process group of its own, which is gone when bench_child_run returns, and
 * dies with this process.
 */
#ifndef BENCH_CHILD_H
#define BENCH_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "bench/machine/processor.h"
#include "core/base/error.h"

#define BENCH_CHILD_FD 3

/* Signals as something to wait for: SIGCHLD, and those that ask this process to end. */
typedef struct bench_signals {
    int fd;
    sigset_t before; /* the mask to restore, here and in children */
} bench_signals;

/* Blocks them in this thread (call it before starting others). Fails: ZO_ERR_IO. */
zo_status bench_signals_open(bench_signals *s, zo_error *err);
/* Whether this process has been asked to end since the last look. */
bool bench_signals_asked(const bench_signals *s);
/* Restores the mask; signals that were asked for and not yet seen are dropped. {.fd = -1} is allowed. */
void bench_signals_close(bench_signals *s);

typedef struct bench_child_options {
    const char *const *argv;     /* NULL-terminated */
    const char *program;         /* what is executed; NULL: this program itself */
    const json_t *job;           /* borrowed */
    int threads;                 /* OMP_NUM_THREADS in the child */
    const char *const *settings; /* "NAME=value" put into its environment, NULL-terminated; NULL: none */
    const char *blas_core;       /* OPENBLAS_CORETYPE; NULL: as in this environment */
    uint64_t memory_bytes;       /* RLIMIT_DATA; 0: as it is */
    double timeout_s;            /* 0: none. Then SIGTERM ... */
    double grace_s;              /* ... and SIGKILL so much later */
    bool finish; /* a first SIGINT to this process lets the child end by itself; else it is told to end */
    void (*message)(void *self, json_t *message); /* borrowed for the call */
    /* This process was asked to end; now: the child is told to. NULL: nobody cares. */
    void (*asked)(void *self, bool now);
    void *self;
} bench_child_options;

typedef struct bench_child_result {
    bool timed_out;   /* the time limit passed */
    bool interrupted; /* this process was asked to end */
    bool
        stopped; /* ... by more than one SIGINT, so that the child was told to: SIGTERM, SIGKILL after grace_s or
                           at one more wish */
    bool out_of_memory;       /* killed by the kernel for want of memory */
    int signal;               /* that ended it; 0: it exited */
    bool killed;              /* by a SIGKILL of ours */
    int code;                 /* exit code, where signal is 0 */
    int64_t wall_ns;          /* from fork to its end */
    bench_ticks began, ended; /* the processors' time at the two */
    char tail[1024];          /* the last of its output, as one line of ASCII; "" for none */
    char garbage
        [128]; /* the beginning of the first line on descriptor 3 that was no JSON object; "" for none */
} bench_child_result;

/* Runs it to its end, however that comes about. Fails only where no child could be run or waited for: ZO_ERR_IO. */
zo_status bench_child_run(const bench_signals *signals, const bench_child_options *o, bench_child_result *out,
                          zo_error *err);

/* "SIGSEGV"; static storage; "an unusual signal" for those that are not in the table. */
const char *bench_signal_name(int signal);

#endif
