/* The kernels of panel.h for AVX-512 with dot products of bytes. */
#if defined(__x86_64__)

#define PAIRS 0

#include "core/panel_avx512.h"

#include "core/panel_body.h"

#include "core/panel_vnni.h"

const zo_panels zo_panels_avx512vnni = PANEL_TABLE("avx512-vnni", NULL, panel_int8, true);

#else
typedef int zo_panel_avx512vnni_is_empty; /* ISO C wants a declaration in every file */
#endif
