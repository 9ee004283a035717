/* The kernels of panel.h for AVX2 and FMA. */
#if defined(__x86_64__)

#include "core/panel_avx2.h"

#include "core/panel_body.h"

const zo_panels zo_panels_avx2 = PANEL_TABLE("avx2", NULL, panel_int8_plain, false);

#else
typedef int zo_panel_avx2_is_empty; /* ISO C wants a declaration in every file */
#endif
