/* See kernel.h. */
#include "core/kernel/kernel.h"

#include <stddef.h>

#if defined(__x86_64__)

/* F16C is not asked for: every processor with AVX2 has it, and clang's builtin does not know the name. */
static int has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static int has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

const zo_kernels *const *zo_kernels_all(void)
{
    static const zo_kernels *const all[] = {&zo_kernels_avx512, &zo_kernels_avx2, &zo_kernels_portable, NULL};
    return has_avx512() ? all : has_avx2() ? all + 1 : all + 2;
}

#else

const zo_kernels *const *zo_kernels_all(void)
{
    static const zo_kernels *const all[] = {&zo_kernels_portable, NULL};
    return all;
}

#endif

const zo_kernels *zo_kernels_best(void)
{
    return zo_kernels_all()[0];
}

int64_t zo_attend_scratch(int64_t keys, int64_t d)
{
    int64_t n = zo_attend_padded(keys), wide = zo_attend_padded(d);
    return n * d + keys * wide + ZO_ATTEND_LINES * (n + wide);
}
