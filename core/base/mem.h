/* Memory accounts: every large allocation belongs to a named account, so that peak memory can be explained.
 *
 * A zo_mem is a ledger owned by the caller (usually one per process). Blocks are 64-byte aligned and zeroed.
 * Thread-safe: the counters are atomic. A NULL ledger is allowed everywhere and means "not counted".
 */
#ifndef ZO_MEM_H
#define ZO_MEM_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"

#define ZO_ACCOUNT_MAP(X)                                                                                    \
    X(WEIGHTS, "weights")                                                                                    \
    X(ADAPTER, "adapter")                                                                                    \
    X(ACTIVATIONS, "activations")                                                                            \
    X(KV, "kv")                                                                                              \
    X(OPTIMIZER, "optimizer")                                                                                \
    X(DATA, "data")                                                                                          \
    X(HARNESS, "harness")

typedef enum zo_account {
#define X(name, text) ZO_ACCOUNT_##name,
    ZO_ACCOUNT_MAP(X)
#undef X
        ZO_ACCOUNT_COUNT
} zo_account;

typedef struct zo_mem {
    atomic_size_t now[ZO_ACCOUNT_COUNT];  /* bytes held */
    atomic_size_t peak[ZO_ACCOUNT_COUNT]; /* the most that was ever held */
    atomic_long fail_after; /* tests: > 0 counts down, and the allocation that reaches 0 fails */
} zo_mem;

/* "weights", ... Static storage. */
const char *zo_account_name(zo_account account);

/* bytes of zeroed, 64-byte aligned memory on the given account, or NULL. 0 bytes give a valid pointer. */
void *zo_mem_alloc(zo_mem *mem, zo_account account, size_t bytes);

/* The same with count * size checked for overflow, and the failure put into err as
 * "allocate <what>: <n> bytes: out of memory". *out is NULL on failure. */
zo_status zo_mem_array(zo_mem *mem, zo_account account, size_t count, size_t size, const char *what,
                       void *out, zo_error *err);

/* NULL is allowed. */
void zo_mem_free(void *block);

#endif
