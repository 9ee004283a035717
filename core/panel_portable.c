/* The kernels of panel.h in plain C, for every machine. */
#define TILE_ROWS   2 /* of four registers each, and four weights, on a machine with sixteen */
#define AT_ONCE     1
#define PACK_F32    pack_f32_plain
#define PACK_BF16   pack_bf16_plain
#define PACK_INT8   pack_int8_plain
#define UNPACK_F32  unpack_f32_plain
#define UNPACK_BF16 unpack_bf16_plain
#define UNPACK_INT8 unpack_int8_plain

#include "core/panel_plain.h"

#include "core/panel_body.h"

const zo_panels zo_panels_portable = PANEL_TABLE("portable", NULL, panel_int8_plain, false);
