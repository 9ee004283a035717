/* See tile.h. */
#include "core/tile.h"

int32_t zo_tiles_cut(int tile_rows, int64_t first, int64_t rows, int32_t replica, zo_tile *out)
{
    int64_t n = (rows + tile_rows - 1) / tile_rows;
    for (int64_t i = 0; i < n && out; i++) {
        int64_t begin = rows * i / n, end = rows * (i + 1) / n;
        out[i] = (zo_tile){(int32_t)(first + begin), (int16_t)(end - begin), (int16_t)replica};
    }
    return (int32_t)n;
}

static bool in_pairs(const zo_engine *e)
{
    return e->compute == ZO_COMPUTE_BF16 && e->panels->bf16;
}

int64_t zo_tile_inputs(const zo_engine *e, int64_t k)
{
    return in_pairs(e) ? k + k % 2 : k;
}

int64_t zo_tile_bytes(const zo_engine *e, int64_t k)
{
    return zo_tile_inputs(e, k) * e->panels->tile_rows * (in_pairs(e) ? 2 : 4);
}

void zo_tile_pack(const zo_engine *e, void *tile, const float *x, int64_t ld, int rows, int64_t k)
{
    if (in_pairs(e))
        e->panels->pack_bf16(tile, x, ld, rows, k);
    else
        e->panels->pack_f32(tile, x, ld, rows, k, e->compute == ZO_COMPUTE_BF16);
}
