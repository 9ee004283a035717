/* See memory_limit.h. */
#include "bench/base/memory_limit.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define THREAD_BYTES ((uint64_t)16 << 20)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

bool bench_memory_limit_read(const char *text, int64_t *out)
{
    static const struct {
        const char *name;
        double bytes;
    } units[] = {{"MiB", 1048576.0}, {"GiB", 1073741824.0}, {"TiB", 1099511627776.0},
                 {"MB", 1e6},        {"GB", 1e9},           {"TB", 1e12}};
    const size_t n = strspn(text, "0123456789.");
    char *end;
    if (strcmp(text, "auto") == 0 || strcmp(text, "none") == 0) {
        *out = *text == 'a' ? BENCH_MEMORY_AUTO : BENCH_MEMORY_NONE;
        return true;
    }
    const double number = strtod(text, &end);
    if (n == 0 || end != text + n)
        return false;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        const double bytes = number * units[i].bytes;
        if (strcmp(end, units[i].name) != 0 || !(bytes >= 1048576 && bytes <= 1e15))
            continue;
        *out = (int64_t)bytes;
        return true;
    }
    return false;
}

uint64_t bench_memory_limit_bytes(int64_t asked, const json_t *machine, int threads, const char **why_not)
{
    const json_t *available = json_object_get(machine, "memory_available_bytes"),
                 *limit = json_object_get(machine, "memory_limit_bytes");
    *why_not = "not asked for";
    if (SANITIZED || asked == BENCH_MEMORY_NONE) {
        *why_not = SANITIZED ? "a sanitizer keeps more address space than there is memory" : *why_not;
        return 0;
    }
    if (asked > 0)
        return (uint64_t)asked;
    *why_not = "the machine does not say how much memory is available";
    if (!json_is_number(available))
        return 0;
    double bytes = json_number_value(available);
    if (json_is_number(limit) && json_number_value(limit) < bytes)
        bytes = json_number_value(limit);
    return (uint64_t)(0.95 * bytes) + (uint64_t)threads * THREAD_BYTES;
}

bool bench_memory_limit_hit(const char *tail)
{
    static const char *const clues[] = {"out of memory",          "Cannot allocate memory",
                                        "emory allocation",       "bad_alloc",
                                        "Thread creation failed", "BLAS : Program is Terminated"};
    bool hit = false;
    for (size_t i = 0; i < sizeof clues / sizeof clues[0]; i++)
        hit = hit || strstr(tail, clues[i]);
    return hit;
}
