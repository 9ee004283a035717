/* The kernels of panel.h for AVX2 and FMA. */
#if defined(__x86_64__)

#define TILE_ROWS   6 /* twelve sums, two weights, two to spare */
#define AT_ONCE     1
#define PACK_F32    pack_f32_plain
#define PACK_BF16   pack_bf16_plain
#define UNPACK_F32  unpack_f32_plain
#define UNPACK_BF16 unpack_bf16_plain

#include "core/panel_plain.h"

#include "core/panel_body.h"

const zo_panels zo_panels_avx2 = PANEL_TABLE("avx2", NULL);

#else
typedef int zo_panel_avx2_is_empty; /* ISO C wants a declaration in every file */
#endif
