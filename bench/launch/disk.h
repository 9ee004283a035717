/* What a run leaves on disk, and how much room there is. */
#ifndef BENCH_DISK_H
#define BENCH_DISK_H

#include <stdint.h>

#include "bench/manifest/params.h"

/* One record, generously: it holds a time and a loss for every step, and which rows every evaluation had right. */
int64_t bench_disk_record_bytes(const bench_params *p);

/* The checkpoints of a repetition while it runs: two of adapter_bytes, the older is removed last, and the samples so far; 0
 * without checkpoint_every. */
int64_t bench_disk_checkpoint_bytes(const bench_params *p, int64_t adapter_bytes);

/* Free for this user on the disk of a folder, or of the nearest one above it that there is; -1: not known. */
int64_t bench_disk_free(const char *folder);

#endif
