/* The kernels of kernel.h, a table for each instruction set (isa.h). */
#include "core/isa.h"

#include "core/kernel.h"
#include "core/kernel_attend.h"

const zo_kernels ISA_TABLE(zo_kernels_) = KERNEL_TABLE(ISA_NAME);
