/* The kernels of panel.h, a table for each instruction set (isa.h).
 *
 * avx512bf16fma is for processors with AVX-512 BF16 whose dot products of pairs are slower than fused multiply-adds of the same
 * values as f32 (panel.c): values are rounded by instruction, and multiplied in f32.
 */
#include "core/kernel/isa.h"

#if ISA_AVX512
#if ISA_avx512bf16
#define PAIRS 1
#else
#define PAIRS 0
#endif
#include "core/kernel/panel_avx512.h"
#elif ISA_avx2
#include "core/kernel/panel_avx2.h"
#else
#define TILE_ROWS        2 /* of four registers each, and four weights, on a machine with sixteen */
#define AT_ONCE          1
#define PACK_F32         pack_f32_plain
#define PACK_BF16        pack_bf16_plain
#define PACK_INT8        pack_int8_plain
#define PLAIN(name, ...) [ZO_PRECISION_##name] = {unpack_f32_plain, unpack_bf16_plain, unpack_int8_plain},
#define UNPACK                                                                                               \
    {                                                                                                        \
        ZO_PRECISION_MAP(PLAIN)                                                                              \
    }
#include "core/kernel/panel_plain.h"
#endif

#include "core/kernel/panel_body.h"

#if ISA_VNNI
#include "core/kernel/panel_vnni.h"
#define INT8 panel_int8
#else
#define INT8 panel_int8_plain
#endif

#if ISA_avx512bf16
#include "core/kernel/panel_pairs.h"
#define BF16 panel_bf16
#else
#define BF16 NULL
#endif

const zo_panels ISA_TABLE(zo_panels_) = PANEL_TABLE(ISA_NAME, BF16, INT8, ISA_VNNI);
