/* See panel.h. */
#include "core/panel.h"

#include <stddef.h>

#include "core/kernel.h"

extern const zo_panels zo_panels_portable;

#if defined(__x86_64__)

extern const zo_panels zo_panels_avx2, zo_panels_avx512, zo_panels_avx512vnni, zo_panels_avx512bf16;

const zo_panels *const *zo_panels_all(void)
{
    static const zo_panels *const all[] = {&zo_panels_avx512bf16, &zo_panels_avx512vnni, &zo_panels_avx512,
                                           &zo_panels_avx2,       &zo_panels_portable,   NULL};
    const zo_kernels *widest = zo_kernels_best();
    if (widest != &zo_kernels_avx512)
        return widest == &zo_kernels_avx2 ? all + 3 : all + 4;
    if (!__builtin_cpu_supports("avx512vnni") || !__builtin_cpu_supports("avx512vbmi"))
        return all + 2;
    return __builtin_cpu_supports("avx512bf16") ? all : all + 1;
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
