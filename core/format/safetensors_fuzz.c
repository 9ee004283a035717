/* Fuzz target: any bytes as a safetensors file, and as a config.json; whatever opens is read throughout.
 *
 *     make fuzz && scripts/fuzz-seeds build/fuzz/seeds
 *     build/fuzz/core/safetensors_fuzz -runs=1000000 -max_len=4096 -dict=build/fuzz/seeds/safetensors.dict \
 *         build/fuzz/corpus build/fuzz/seeds/safetensors
 */
#include <stddef.h>
#include <stdint.h>

#include "core/format/config.h"
#include "core/base/fuzz_fixture.h"
#include "core/format/safetensors_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    zo_safetensors *s;
    zo_config c;
    zo_error err = {0};
    zo_mem mem = {0};
    zo_status st = zo_safetensors_open_memory(data, size, "fuzz", &mem, &s, &err);
    if (st == ZO_OK) {
        volatile double sum = safetensors_walk(s);
        (void)sum;
        zo_safetensors_free(s);
    } else if (s || err.status != st) {
        abort();
    }
    if (mem.now[ZO_ACCOUNT_DATA] ||
        mem.peak[ZO_ACCOUNT_DATA] > 64 * size + 4096) /* a bound on what a file may cost */
        abort();
    /* A header's text may be a configuration as well. */
    if (size > 8 && zo_config_from_json((const char *)data + 8, size - 8, "fuzz", &c, NULL) == ZO_OK &&
        zo_config_check(&c, NULL) != ZO_OK)
        abort();
    return 0;
}
