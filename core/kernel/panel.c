/* See panel.h. */
#include "core/kernel/panel.h"

#include <stddef.h>

#include "core/kernel/kernel.h"

extern const zo_panels zo_panels_portable;

#if defined(__x86_64__)

#include <cpuid.h>

extern const zo_panels zo_panels_avx2, zo_panels_avx512, zo_panels_avx512vnni, zo_panels_avx512bf16,
    zo_panels_avx512bf16fma;

/* Intel's processors from Sapphire Rapids on, which are known by AVX512-FP16, leave bf16 to their matrix units: VDPBF16PS takes
 * four times as long as a fused multiply-add of as many lanes, for twice the products. (Measured on Emerald Rapids: bf16 172,
 * f32 351 Gflop/s of two cores. On AMD's Zen 4 it is 469 to 234.) Not measured here: which table runs decides the bits. */
static bool has_slow_pairs(void)
{
    static _Atomic signed char known; /* asked once: a virtual machine takes microseconds over cpuid */
    if (!known) {
        unsigned a, b, c, d;
        const bool slow =
            __builtin_cpu_is("intel") && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d >> 23 & 1);
        known = slow ? 1 : -1;
    }
    return known > 0;
}

const zo_panels *const *zo_panels_all(void)
{
    static const zo_panels *const with_pairs[] = {&zo_panels_avx512bf16,
                                                  &zo_panels_avx512bf16fma,
                                                  &zo_panels_avx512vnni,
                                                  &zo_panels_avx512,
                                                  &zo_panels_avx2,
                                                  &zo_panels_portable,
                                                  NULL};
    static const zo_panels *const with_slow_pairs[] = {&zo_panels_avx512bf16fma,
                                                       &zo_panels_avx512bf16,
                                                       &zo_panels_avx512vnni,
                                                       &zo_panels_avx512,
                                                       &zo_panels_avx2,
                                                       &zo_panels_portable,
                                                       NULL};
    const zo_kernels *widest = zo_kernels_best();
    if (widest != &zo_kernels_avx512)
        return with_pairs + (widest == &zo_kernels_avx2 ? 4 : 5);
    if (!__builtin_cpu_supports("avx512vnni") || !__builtin_cpu_supports("avx512vbmi"))
        return with_pairs + 3;
    if (!__builtin_cpu_supports("avx512bf16"))
        return with_pairs + 2;
    return has_slow_pairs() ? with_slow_pairs : with_pairs;
}

#else

const zo_panels *const *zo_panels_all(void)
{
    static const zo_panels *const all[] = {&zo_panels_portable, NULL};
    return all;
}

#endif

const zo_panels *zo_panels_best(void)
{
    return zo_panels_all()[0];
}
