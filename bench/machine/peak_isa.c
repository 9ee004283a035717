/* The loops of peak_kernel.h, a table for each instruction set (isa.h). The compiler may fuse a product with the sum after
 * it in the portable ones. */
#include "core/kernel/isa.h"

#include "bench/machine/peak_kernel.h"

#if ISA_AVX512 || ISA_avx2
#include <cpuid.h>
#include <immintrin.h>
#endif

#if ISA_AVX512
typedef float vec __attribute__((vector_size(64), may_alias));
#define FMA(acc, x, y) ((vec)_mm512_fmadd_ps((__m512)(acc), (__m512)(x), (__m512)(y)))
#elif ISA_avx2
typedef float vec __attribute__((vector_size(32), may_alias));
#define FMA(acc, x, y) ((vec)_mm256_fmadd_ps((__m256)(acc), (__m256)(x), (__m256)(y)))
#else
typedef float vec __attribute__((vector_size(16), may_alias));
#define FMA(acc, x, y) ((acc) * (x) + (y))
#endif

/* EACH(X): X(i) for every accumulator, as many as the registers allow: 12 of 16, 24 of 32. */
#define EACH_12(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#define AND_12(X)  X(12) X(13) X(14) X(15) X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23)
#if ISA_AVX512 || !defined(__x86_64__)
#define EACH(X) EACH_12(X) AND_12(X)
#else
#define EACH(X) EACH_12(X)
#endif

enum { LANES = sizeof(vec) / sizeof(float) };

/* Read anew for every accumulator: a compiler that knew them to be all alike would keep a single one. */
static const volatile float zero = 0;

static inline double lanes_sum(vec v)
{
    double sum = 0;
    for (int i = 0; i < LANES; i++)
        sum += v[i];
    return sum;
}

static double f32_loop(int64_t n, float x, float y)
{
    const vec vx = x - (vec){0}, vy = y - (vec){0};
    vec sum = {0};
#define X(i) vec c##i = zero - (vec){0};
    EACH(X)
#undef X
    for (int64_t k = 0; k < n; k++) {
#define X(i) c##i = FMA(c##i, vx, vy);
        EACH(X)
#undef X
    }
#define X(i) sum += c##i;
    EACH(X)
#undef X
    return lanes_sum(sum);
}

static double sum_loop(const float *x, int64_t n)
{
    vec s[8] = {{0}};
    double sum = 0;
    for (const float *end = x + n; x < end; x += 8 * LANES)
        for (int j = 0; j < 8; j++)
            s[j] += *(const vec *)(x + j * LANES);
    for (int j = 0; j < 8; j++)
        sum += lanes_sum(s[j]);
    return sum;
}

static void triad_loop(float *a, const float *b, const float *c, float s, int64_t n)
{
    const vec vs = s - (vec){0};
    for (int64_t i = 0; i < n; i += LANES)
        *(vec *)(a + i) = FMA(*(const vec *)(c + i), vs, *(const vec *)(b + i));
}

#if ISA_AVX512

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

#elif ISA_avx2

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

static bool always(void)
{
    return true;
}

const bench_peak_kernels bench_peak_portable[] = {
    {"portable", always, {f32_loop, NULL, NULL}, sum_loop, triad_loop},
    {0},
};

#endif
