/* Fuzz target: any bytes as a GGUF file; whatever opens is read throughout, and its configuration with it.
 *
 *     make fuzz && scripts/fuzz-seeds build/fuzz/seeds
 *     build/fuzz/core/gguf_fuzz -runs=1000000 -max_len=4096 build/fuzz/corpus build/fuzz/seeds/gguf
 */
#include <stddef.h>
#include <stdint.h>

#include "core/format/config.h"
#include "core/base/fuzz_fixture.h"
#include "core/format/gguf_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    zo_gguf *g;
    zo_error err = {0};
    zo_mem mem = {0};
    zo_status st = zo_gguf_open_memory(data, size, "fuzz", &mem, &g, &err);
    if (st == ZO_OK) {
        zo_config c;
        volatile double sum = gguf_walk(g);
        (void)sum;
        if (zo_config_from_gguf(g, "fuzz", &c, &err) == ZO_OK && zo_config_check(&c, NULL) != ZO_OK)
            abort();
        zo_gguf_free(g);
    } else if (g || err.status != st) {
        abort();
    }
    if (mem.now[ZO_ACCOUNT_DATA] ||
        mem.peak[ZO_ACCOUNT_DATA] > 64 * size + 4096) /* a bound on what a file may cost */
        abort();
    return 0;
}
