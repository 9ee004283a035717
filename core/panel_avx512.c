/* The kernels of panel.h for AVX-512 F, BW, DQ and VL. */
#if defined(__x86_64__)

#define PAIRS 0

#include "core/panel_avx512.h"

#include "core/panel_body.h"

const zo_panels zo_panels_avx512 = PANEL_TABLE("avx512", NULL, panel_int8_plain, false);

#else
typedef int zo_panel_avx512_is_empty; /* ISO C wants a declaration in every file */
#endif
