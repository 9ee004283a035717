/* The kernels of kernel.h for the instruction set that every processor of the architecture has. */
#include "core/kernel.h"
#include "core/kernel_attend.h"

const zo_kernels zo_kernels_portable = KERNEL_TABLE("portable");
