/* The kernels of kernel.h for AVX2, FMA and F16C. */
#if defined(__x86_64__)

#include "core/kernel.h"
#include "core/kernel_attend.h"

const zo_kernels zo_kernels_avx2 = KERNEL_TABLE("avx2");

#else
typedef int zo_kernel_avx2_is_empty; /* ISO C wants a declaration in every file */
#endif
