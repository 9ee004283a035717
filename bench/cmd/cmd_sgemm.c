/* zobench sgemm: the child's side of a comparison of OpenBLAS's kernels (blas.h). Reads a job (sgemm.h) from standard input and
 * answers on descriptor 3, or on standard output where that is not open. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "bench/machine/child.h"
#include "bench/cmd/commands.h"
#include "bench/base/exit.h"
#include "bench/backend/openblas.h"
#include "bench/backend/sgemm.h"

int bench_cmd_sgemm(int argc, char **argv)
{
    const int fd = fcntl(BENCH_CHILD_FD, F_GETFD) < 0 ? STDOUT_FILENO : BENCH_CHILD_FD;
    json_t *job = json_loadf(stdin, JSON_REJECT_DUPLICATES, NULL);
    (void)argv;
    zo_error err = {0};
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
