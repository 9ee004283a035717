/* The kernels of kernel.h for AVX-512 F, BW, DQ and VL. */
#if defined(__x86_64__)

#include "core/kernel.h"
#include "core/kernel_attend.h"

const zo_kernels zo_kernels_avx512 = KERNEL_TABLE("avx512");

#else
typedef int zo_kernel_avx512_is_empty; /* ISO C wants a declaration in every file */
#endif
