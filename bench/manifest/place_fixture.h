/* For tests that run in a folder of their own: group set-up and tear-down. */
#ifndef BENCH_PLACE_FIXTURE_H
#define BENCH_PLACE_FIXTURE_H

#include <stdlib.h>
#include <unistd.h>

#include "bench/base/folder.h"

/* A new folder among the temporary files, which becomes the working directory; *state owns its path. */
static inline int place_make(void **state)
{
    const char *tmp = getenv("TMPDIR");
    char *dir = bench_folder_path("%s/zobench.XXXXXX", tmp && *tmp ? tmp : "/tmp");
    *state = dir;
    return dir && mkdtemp(dir) && chdir(dir) == 0 ? 0 : -1;
}

/* Removes it with all that is in it. */
static inline int place_drop(void **state)
{
    int failed = chdir("/") || bench_folder_remove(*state, NULL);
    free(*state);
    return failed;
}

#endif
