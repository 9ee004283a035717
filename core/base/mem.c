/* See mem.h. A block is preceded by one 64-byte header that names its ledger, account and size. */
#include "core/base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HEADER 64

/* A huge page: blocks of one or more ask for them, since walking page tables for each 4 KiB of weights takes longer than
 * reading them, above all in a virtual machine. Where the kernel has none, nothing is lost. */
#define HUGE ((size_t)2 << 20)

typedef struct header {
    zo_mem *mem;
    size_t bytes;
    zo_account account;
} header;

_Static_assert(sizeof(header) <= HEADER, "header fits");

const char *zo_account_name(zo_account account)
{
    static const char *const names[] = {
#define X(name, text) [ZO_ACCOUNT_##name] = text,
        ZO_ACCOUNT_MAP(X)
#undef X
    };
    return (unsigned)account < ZO_ACCOUNT_COUNT ? names[account] : "unknown";
}

/* Tests make the n-th allocation fail; without a countdown running this never does. */
static int planted_failure(zo_mem *mem)
{
    return mem && atomic_load(&mem->fail_after) > 0 && atomic_fetch_sub(&mem->fail_after, 1) == 1;
}

void *zo_mem_alloc(zo_mem *mem, zo_account account, size_t bytes)
{
    if (bytes > SIZE_MAX - 2 * HEADER || planted_failure(mem))
        return NULL;
    size_t total = (bytes + HEADER + 63) & ~(size_t)63;
    void *raw = NULL;
    if (posix_memalign(&raw, total < HUGE ? 64 : HUGE, total)) /* C11's wants multiples of the alignment */
        return NULL;
    if (total >= HUGE)
        (void)madvise(raw, total & ~(HUGE - 1), MADV_HUGEPAGE);
    memset(raw, 0, total);
    *(header *)raw = (header){.mem = mem, .bytes = bytes, .account = account};
    if (mem) {
        size_t now = atomic_fetch_add(&mem->now[account], bytes) + bytes;
        size_t peak = atomic_load(&mem->peak[account]);
        while (now > peak && !atomic_compare_exchange_weak(&mem->peak[account], &peak, now))
            ;
    }
    return (char *)raw + HEADER;
}

zo_status zo_mem_array(zo_mem *mem, zo_account account, size_t count, size_t size, const char *what,
                       void *out, zo_error *err)
{
    size_t bytes = 0;
    void *block = NULL;
    if (!__builtin_mul_overflow(count, size, &bytes))
        block = zo_mem_alloc(mem, account, bytes);
    memcpy(out, &block, sizeof block);
    if (!block)
        return zo_fail(err, ZO_ERR_MEMORY, "allocate %s: %zu x %zu bytes: out of memory", what, count, size);
    return ZO_OK;
}

void zo_mem_free(void *block)
{
    if (!block)
        return;
    header *h = (header *)((char *)block - HEADER);
    if (h->mem)
        atomic_fetch_sub(&h->mem->now[h->account], h->bytes);
    free(h);
}
