/* See tile.h. */
#include "core/kernel/tile.h"

int32_t zo_tiles_cut(int tile_rows, int64_t first, int64_t rows, zo_tile *out)
{
    int64_t n = (rows + tile_rows - 1) / tile_rows;
    for (int64_t i = 0; i < n && out; i++) {
        int64_t begin = rows * i / n, end = rows * (i + 1) / n;
        out[i] = (zo_tile){.row = (int32_t)(first + begin), .rows = (int16_t)(end - begin)};
    }
    return (int32_t)n;
}

zo_tile *zo_tiles_own(zo_tile *t, int64_t first, int64_t rows, int32_t replica)
{
    for (int64_t row = first; row < first + rows; row++) {
        while (row >= t->row + t->rows)
            t++;
        t->replica[row - t->row] = (int16_t)replica;
    }
    return t;
}

int zo_tile_run(const zo_tile *t, int row)
{
    int n = 1;
    while (row + n < t->rows && t->replica[row + n] == t->replica[row])
        n++;
    return n;
}

bool zo_engine_pairs(const zo_engine *e)
{
    return e->compute != ZO_COMPUTE_F32 && e->panels->bf16;
}

/* Values per row of a packed tile of k inputs, fill included. */
static int64_t inputs_of(const zo_engine *e, int64_t k)
{
    return zo_engine_pairs(e) ? k + k % 2 : k;
}

/* Bytes of a tile's first form. */
static int64_t first_bytes(const zo_engine *e, int64_t k)
{
    return inputs_of(e, k) * e->panels->tile_rows * (zo_engine_pairs(e) ? 2 : 4);
}

static int64_t blocks_of(int64_t k)
{
    return (k + ZO_INT8_BLOCK - 1) / ZO_INT8_BLOCK;
}

int64_t zo_tile_bytes(const zo_engine *e, int64_t k)
{
    int64_t block = ZO_INT8_BLOCK + (int64_t)sizeof(float) + (int64_t)sizeof(int32_t);
    int64_t second = e->compute == ZO_COMPUTE_INT8 ? blocks_of(k) * block * e->panels->tile_rows : 0;
    return first_bytes(e, k) + second;
}

zo_int8_tile zo_tile_int8(const zo_engine *e, const void *tile, int64_t k)
{
    int64_t of_block = blocks_of(k) * e->panels->tile_rows;
    uintptr_t codes = (uintptr_t)tile + (uintptr_t)first_bytes(e, k);
    uintptr_t scale = codes + (uintptr_t)(of_block * ZO_INT8_BLOCK);
    return (zo_int8_tile){(int8_t *)codes, (float *)scale,
                          (int32_t *)(scale + (uintptr_t)of_block * sizeof(float))};
}

void zo_tile_finish(const zo_engine *e, void *tile, int64_t k)
{
    if (e->compute != ZO_COMPUTE_INT8)
        return;
    zo_int8_tile to = zo_tile_int8(e, tile, k);
    e->panels->pack_int8(&to, tile, k);
}

void zo_tile_pack(const zo_engine *e, void *tile, const float *x, int64_t ld, int rows, int64_t k)
{
    if (zo_engine_pairs(e))
        e->panels->pack_bf16(tile, x, ld, rows, k);
    else
        e->panels->pack_f32(tile, x, ld, rows, k, e->compute != ZO_COMPUTE_F32);
    zo_tile_finish(e, tile, k);
}
