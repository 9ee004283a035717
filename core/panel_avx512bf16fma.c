/* The kernels of panel.h for processors with AVX-512 BF16 whose dot products of pairs are slower than fused multiply-adds of the
 * same values as f32 (panel.c): values are rounded by instruction, and multiplied in f32. */
#if defined(__x86_64__)

#define PAIRS 0

#include "core/panel_avx512.h"

#include "core/panel_body.h"

#include "core/panel_vnni.h"

const zo_panels zo_panels_avx512bf16fma = PANEL_TABLE("avx512-bf16-fma", NULL, panel_int8, true);

#else
typedef int zo_panel_avx512bf16fma_is_empty; /* ISO C wants a declaration in every file */
#endif
