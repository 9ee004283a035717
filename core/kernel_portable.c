/* The kernels of kernel.h for the instruction set that every processor of the architecture has. */
#include "core/kernel.h"
#include "core/kernel_body.h"
#include "core/kernel_noise.h"

const zo_kernels zo_kernels_portable = {
    .name = "portable",
    .normals = noise_normals,
    .rmsnorm = rmsnorm,
    .rope = rope,
    .swiglu = swiglu,
    .attend = attend,
    .logsumexp = logsumexp,
    .scale_add = scale_add,
};
