/* The kernels of kernel.h, a table for each instruction set (isa.h). */
#include "core/kernel/isa.h"

#include "core/kernel/kernel.h"
#include "core/kernel/kernel_attend.h"

const zo_kernels ISA_TABLE(zo_kernels_) = KERNEL_TABLE(ISA_NAME);
