/* Tiles: the rows of a forward as the kernels read them (panel.h), and what everything that works on tiles shares. */
#ifndef ZO_TILE_H
#define ZO_TILE_H

#include <stdint.h>

#include "core/kernel/panel.h"
#include "core/number/precision.h"

/* Up to H neighbouring rows. */
typedef struct zo_tile {
    int32_t row; /* the first */
    int16_t rows;
    int16_t replica[ZO_PANEL_TILE]; /* of each row */
} zo_tile;

/* Cuts rows [first, first + rows) into the fewest tiles, of nearly equal height, all of them replica 0's. Returns their number;
 * with out NULL it only counts. */
int32_t zo_tiles_cut(int tile_rows, int64_t first, int64_t rows, zo_tile *out);
/* Makes rows [first, first + rows) those of a replica; `t` and the tiles behind it hold them. Returns the last one. */
zo_tile *zo_tiles_own(zo_tile *t, int64_t first, int64_t rows, int32_t replica);
/* How many rows from this one on, which the tile has, are of one replica. */
int zo_tile_run(const zo_tile *t, int row);

/* A library's product of f32 matrices, without gaps between rows: y (rows, out) = x (rows, in) w (out, in)^T. Called by one
 * thread, it may use as many as it likes. */
typedef void zo_sgemm(float *y, const float *x, const float *w, int64_t rows, int64_t out, int64_t in);

/* How products are computed: chosen once, shared by all of them. */
typedef struct zo_engine {
    const zo_panels *panels;
    zo_compute compute;
    zo_sgemm *sgemm; /* NULL: the panels' kernels; else, with compute f32, frozen maps are multiplied by it */
    float *room;     /* zo_engine_room floats; NULL without sgemm */
    int threads;     /* at most so many work on a product */
    char *scratch;   /* (threads, scratch_bytes) */
    int64_t scratch_bytes;
} zo_engine;

/* Whether tiles hold bf16 pairs, else f32. */
bool zo_engine_pairs(const zo_engine *e);

/* Scratch of one thread for maps of up to `in` inputs over up to `tiles` tiles. */
int64_t zo_engine_scratch(const zo_panels *panels, int64_t in, int64_t tiles);

/* Floats of room that sgemm needs for up to so many rows, of maps of up to `in` inputs. */
int64_t zo_engine_room(int64_t in, int64_t rows);

/* Bytes of a packed tile of k inputs, in both forms where compute is int8. */
int64_t zo_tile_bytes(const zo_engine *e, int64_t k);

/* tile = rows of x (rows, ld), k inputs of each. */
void zo_tile_pack(const zo_engine *e, void *tile, const float *x, int64_t ld, int rows, int64_t k);
/* The second form from the first, where compute is int8: for tiles that were not packed at once. */
void zo_tile_finish(const zo_engine *e, void *tile, int64_t k);
/* Where the second form of a tile of k inputs lies. */
zo_int8_tile zo_tile_int8(const zo_engine *e, const void *tile, int64_t k);

#endif
