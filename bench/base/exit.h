/* Exit codes of the program. They are a contract with other people's scripts. */
#ifndef BENCH_EXIT_H
#define BENCH_EXIT_H

enum bench_exit {
    BENCH_EXIT_OK = 0,
    BENCH_EXIT_REGRESSION = 1,   /* a regression or a contradicted claim */
    BENCH_EXIT_USAGE = 2,        /* bad manifest, usage or input file */
    BENCH_EXIT_FAILED = 3,       /* some cells failed */
    BENCH_EXIT_INCONCLUSIVE = 4, /* under --strict */
    BENCH_EXIT_INTERRUPTED = 130 /* resumable */
};

#endif
