/* The memory that a cell's process may take, so that one that wants too much is a row and not a dead machine.
 *
 * The limit is RLIMIT_DATA: memory of its own (heap, private mappings), not the pages of a mapped model file, which the kernel can
 * drop. What goes beyond it is refused to the process, which then ends with status oom and says what it asked for.
 */
#ifndef BENCH_MEMORY_LIMIT_H
#define BENCH_MEMORY_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#define BENCH_MEMORY_AUTO (-1)
#define BENCH_MEMORY_NONE 0

/* "8GiB", "512MiB", "auto", "none". False where it is none of these. */
bool bench_memory_limit_read(const char *text, int64_t *out);

/* The limit in bytes for a process of so many threads; 0: none, and *why_not says so (static storage). auto: 95% of the memory
 * that is available now, or of the control group's limit where that is less, and 16 MiB for the stack and the buffers of each
 * thread, most of which are never touched. */
uint64_t bench_memory_limit_bytes(int64_t asked, const json_t *machine, int threads, const char **why_not);

/* Does the end of a process's output speak of memory that it did not get? */
bool bench_memory_limit_hit(const char *tail);

#endif
