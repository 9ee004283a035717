/* See disk.h. */
#include "bench/launch/disk.h"

#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "bench/manifest/params.h"

enum {
    RECORD_BYTES = 8192, /* machine, build, inputs ...: some 5000 */
    STEP_BYTES = 64,     /* a time, [step, loss] and [step, size] */
    EVALUATION_BYTES = 256
};

int64_t bench_disk_record_bytes(const bench_params *p)
{
    const int64_t rows = p->holdout ? p->holdout : p->eval_rows;
    return RECORD_BYTES + STEP_BYTES * p->steps + bench_params_evaluations(p) * (EVALUATION_BYTES + rows / 4);
}

int64_t bench_disk_checkpoint_bytes(const bench_params *p, int64_t adapter_bytes)
{
    return p->checkpoint_every ? 2 * (adapter_bytes + bench_disk_record_bytes(p)) : 0;
}

int64_t bench_disk_free(const char *folder)
{
    struct statvfs disk;
    char *path = strdup(folder);
    int failed = -1;
    while (path && (failed = statvfs(path, &disk)) != 0) {
        char *slash = strrchr(path, '/');
        if (!slash || slash == path) {
            failed = statvfs(slash ? "/" : ".", &disk);
            break;
        }
        *slash = '\0';
    }
    free(path);
    return failed ? -1 : (int64_t)disk.f_bavail * (int64_t)disk.f_frsize;
}
