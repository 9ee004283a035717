/* The kernels of kernel.h for AVX-512 F, BW, DQ and VL. */
#if defined(__x86_64__)

#include "core/kernel.h"
#include "core/kernel_body.h"
#include "core/kernel_noise.h"

const zo_kernels zo_kernels_avx512 = {
    .name = "avx512",
    .normals = noise_normals,
    .rmsnorm = rmsnorm,
    .rope = rope,
    .swiglu = swiglu,
    .attend = attend,
    .logsumexp = logsumexp,
    .scale_add = scale_add,
};

#else
typedef int zo_kernel_avx512_is_empty; /* ISO C wants a declaration in every file */
#endif
