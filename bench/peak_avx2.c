/* The loops of peak_kernel.h for AVX2 and FMA, with the dot products of AVX-VNNI. */
#include "bench/peak_kernel.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

typedef float vec __attribute__((vector_size(32), may_alias));

#define FMA(acc, x, y) ((vec)_mm256_fmadd_ps((__m256)(acc), (__m256)(x), (__m256)(y)))
#define EACH           EACH_12

#include "bench/peak_body.h"

__attribute__((target("avxvnni"))) static double int8_loop(int64_t n, float x, float y)
{
    const __m256i vx = _mm256_set1_epi8((char)(unsigned char)x), vy = _mm256_set1_epi8((char)y);
    vec sum = {0};
#define X(i) __m256i c##i = _mm256_set1_epi32((int)zero);
    EACH(X)
#undef X
    for (int64_t k = 0; k < n; k++) {
/* not the intrinsic, around which gcc 12 keeps accumulators in memory */
#define X(i) __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(c##i) : "x"(vx), "x"(vy));
        EACH(X)
#undef X
    }
#define X(i) sum += (vec)_mm256_cvtepi32_ps(c##i);
    EACH(X)
#undef X
    return lanes_sum(sum);
}

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

/* clang's builtin does not know the name. Source: Intel 64 and IA-32 SDM, CPUID, leaf 7, sub-leaf 1, EAX bit 4. */
static bool has_vnni(void)
{
    unsigned a, b, c, d;
    return has_avx2() && __get_cpuid_count(7, 1, &a, &b, &c, &d) && a >> 4 & 1;
}

const bench_peak_kernels bench_peak_avx2[] = {
    {"avx2-vnni", has_vnni, {f32_loop, NULL, int8_loop}, sum_loop, triad_loop},
    {"avx2", has_avx2, {f32_loop, NULL, NULL}, sum_loop, triad_loop},
    {0},
};

#else

const bench_peak_kernels bench_peak_avx2[] = {{0}};

#endif
