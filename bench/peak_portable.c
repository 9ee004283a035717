/* The loops of peak_kernel.h for the instruction set that every processor of the architecture has. The compiler may
 * fuse a product with the sum after it where that set can. */
typedef float vec __attribute__((vector_size(16), may_alias));

#define FMA(acc, x, y) ((acc) * (x) + (y))
#if defined(__x86_64__)
#define EACH(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) /* of 16 registers */
#else
#define EACH(X)                                                                                              \
    X(0)                                                                                                     \
    X(1)                                                                                                     \
    X(2)                                                                                                     \
    X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16) X(17) X(18) X(19) X(20)     \
        X(21) X(22) X(23) /* of 32 */
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
