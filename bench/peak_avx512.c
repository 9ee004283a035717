/* The loops of peak_kernel.h for AVX-512, with the dot products that came to it later. */
#include "bench/peak_kernel.h"

#if defined(__x86_64__)

#include <immintrin.h>

typedef float vec __attribute__((vector_size(64), may_alias));

#define FMA(acc, x, y) ((vec)_mm512_fmadd_ps((__m512)(acc), (__m512)(x), (__m512)(y)))
#define EACH           EACH_24

#include "bench/peak_body.h"

__attribute__((target("avx512bf16"))) static double bf16_loop(int64_t n, float x, float y)
{
    const __m512 fx = _mm512_set1_ps(x), fy = _mm512_set1_ps(y);
    const __m512bh vx = _mm512_cvtne2ps_pbh(fx, fx), vy = _mm512_cvtne2ps_pbh(fy, fy);
    vec sum = {0};
#define X(i) __m512 c##i = _mm512_set1_ps(zero);
    EACH(X)
#undef X
    for (int64_t k = 0; k < n; k++) {
#define X(i) c##i = _mm512_dpbf16_ps(c##i, vx, vy);
        EACH(X)
#undef X
    }
#define X(i) sum += (vec)c##i;
    EACH(X)
#undef X
    return lanes_sum(sum);
}

__attribute__((target("avx512vnni"))) static double int8_loop(int64_t n, float x, float y)
{
    const __m512i vx = _mm512_set1_epi8((char)(unsigned char)x), vy = _mm512_set1_epi8((char)y);
    vec sum = {0};
#define X(i) __m512i c##i = _mm512_set1_epi32((int)zero);
    EACH(X)
#undef X
    for (int64_t k = 0; k < n; k++) {
/* not the intrinsic, around which gcc 12 keeps accumulators in memory */
#define X(i) __asm__("vpdpbusd %2, %1, %0" : "+v"(c##i) : "v"(vx), "v"(vy));
        EACH(X)
#undef X
    }
#define X(i) sum += (vec)_mm512_cvtepi32_ps(c##i);
    EACH(X)
#undef X
    return lanes_sum(sum);
}

static bool has_f(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

static bool has_vnni(void)
{
    return has_f() && __builtin_cpu_supports("avx512vnni");
}

static bool has_bf16(void)
{
    return has_vnni() && __builtin_cpu_supports("avx512bf16");
}

const bench_peak_kernels bench_peak_avx512[] = {
    {"avx512-bf16", has_bf16, {f32_loop, bf16_loop, int8_loop}, sum_loop, triad_loop},
    {"avx512-vnni", has_vnni, {f32_loop, NULL, int8_loop}, sum_loop, triad_loop},
    {"avx512", has_f, {f32_loop, NULL, NULL}, sum_loop, triad_loop},
    {0},
};

#else

const bench_peak_kernels bench_peak_avx512[] = {{0}};

#endif
