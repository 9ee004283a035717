/* The loops of peak_kernel.h for the instruction set that every processor of the architecture has. The compiler may
 * fuse a product with the sum after it where that set can. */
typedef float vec __attribute__((vector_size(16), may_alias));

#define FMA(acc, x, y) ((acc) * (x) + (y))
#if defined(__x86_64__)
#define EACH EACH_12 /* of 16 registers */
#else
#define EACH EACH_24 /* of 32 */
#endif

#include "bench/peak_body.h"

static bool always(void)
{
    return true;
}

const bench_peak_kernels bench_peak_portable[] = {
    {"portable", always, {f32_loop, NULL, NULL}, sum_loop, triad_loop},
    {0},
};
