/* For templates, NAME_isa.c, which the Makefile compiles once per instruction set: ISA is its name there, and ISA_<name> is 1.
 * A template that is compiled with less than its name says would be slow, and silent about it: it does not compile.
 */
#ifndef ZO_ISA_H
#define ZO_ISA_H

#if ISA_portable
#define ISA_NAME "portable"
#elif ISA_avx2
#define ISA_NAME "avx2"
#elif ISA_avx512
#define ISA_NAME "avx512"
#elif ISA_avx512vnni
#define ISA_NAME "avx512-vnni"
#elif ISA_avx512bf16
#define ISA_NAME "avx512-bf16"
#elif ISA_avx512bf16fma
#define ISA_NAME "avx512-bf16-fma"
#else
#error "a template: its objects are made by the Makefile's rule, which names an instruction set"
#endif

#if ISA_avx512vnni || ISA_avx512bf16 || ISA_avx512bf16fma
#define ISA_VNNI 1
#else
#define ISA_VNNI 0
#endif
#define ISA_AVX512 (ISA_avx512 || ISA_VNNI)

#if (ISA_avx2 || ISA_AVX512) && !(defined(__AVX2__) && defined(__FMA__) && defined(__F16C__))
#error "compiled without AVX2, FMA and F16C"
#endif
#if ISA_AVX512 &&                                                                                            \
    !(defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__))
#error "compiled without AVX-512 F, BW, DQ and VL"
#endif
#if ISA_VNNI && !(defined(__AVX512VNNI__) && defined(__AVX512VBMI__))
#error "compiled without AVX-512 VNNI and VBMI"
#endif
#if (ISA_avx512bf16 || ISA_avx512bf16fma) && !defined(__AVX512BF16__)
#error "compiled without AVX-512 BF16"
#endif

#define ISA_JOIN_(name, isa) name##isa
#define ISA_JOIN(name, isa)  ISA_JOIN_(name, isa)
/* The table of a template: ISA_TABLE(zo_kernels_) is zo_kernels_avx2 where ISA is avx2. */
#define ISA_TABLE(prefix) ISA_JOIN(prefix, ISA)

#endif
