/* The inner loops of peak.c, one table per instruction set (peak_isa.c).
 *
 * An arithmetic loop has accumulators enough to hide the latency of its instruction, held in registers. It runs n
 * rounds over all of them from zero and returns the sum of their elements, so that nothing of it can be left out, and so that
 * what a round does can be read off: with x = y = 1, one round returns the number of products that were added up.
 */
#ifndef BENCH_PEAK_KERNEL_H
#define BENCH_PEAK_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef double bench_peak_loop(int64_t n, float x, float y);

enum {
    BENCH_PEAK_F32,  /* acc = acc * x + y */
    BENCH_PEAK_BF16, /* acc = acc + x * y + x * y */
    BENCH_PEAK_INT8, /* acc = acc + 4 x * y, x in [0, 255], y in [-128, 127] */
    BENCH_PEAK_LOOPS
};

typedef struct bench_peak_kernels {
    const char *name;                        /* "avx512-bf16" */
    bool (*runs)(void);                      /* on this processor */
    bench_peak_loop *loop[BENCH_PEAK_LOOPS]; /* NULL: no such instruction */
    /* n: a multiple of 128; arrays begin at multiples of 64 bytes */
    double (*sum)(const float *x, int64_t n);
    void (*triad)(float *a, const float *b, const float *c, float s, int64_t n); /* a = b + s c */
} bench_peak_kernels;

/* The rows of a table, the widest first, ended by one whose name is NULL. The last of all runs anywhere. */
extern const bench_peak_kernels bench_peak_avx512[], bench_peak_avx2[], bench_peak_portable[];
/* Those three, the widest first, then NULL. */
extern const bench_peak_kernels *const bench_peak_tables[];

/* The first that this processor runs. */
const bench_peak_kernels *bench_peak_best(void);

#endif
