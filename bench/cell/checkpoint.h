/* Checkpoints of a cell: the adapter at a step, what its method keeps, and the history up to it, always together.
 *
 * A folder holds adapter-STEP/ and state.json, which names it and is replaced last: a cut at any moment leaves the
 * older ones whole. What the method keeps is method_state.bin beside the adapter, the bytes as they are; there is none where it
 * keeps nothing. A checkpoint belongs to one cell id, run and model.
 */
#ifndef BENCH_CHECKPOINT_H
#define BENCH_CHECKPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "bench/cell/history.h"
#include "core/base/error.h"
#include "core/model/lora.h"

typedef struct bench_checkpoint {
    const char *dir; /* borrowed, as all that follows */
    const char *cell_id;
    int run;
    const json_t *model; /* what bench_inputs_model says; compared by its sha256 and path */
    const char *base;    /* model name for the adapter's configuration */
    void *state;         /* of the method: saved, and filled by loading */
    size_t state_bytes;  /* 0: none */
} bench_checkpoint;

/* Writes all, then removes older adapters. Fails: ZO_ERR_IO, ZO_ERR_MEMORY. */
zo_status bench_checkpoint_save(const bench_checkpoint *c, int64_t step, const zo_lora *lora,
                                const bench_history *h, zo_error *err);

/* Takes up a checkpoint: *lora, where there is one, is replaced (the old one freed) by the saved adapter; *step, h and
 * c->state are set. *found is false, and nothing changed, where there is none, where it is another cell's, or where it cannot be
 * read (err then says why; the caller goes on from the start). Fails: ZO_ERR_MEMORY. */
zo_status bench_checkpoint_load(const bench_checkpoint *c, const zo_config *config, zo_mem *mem,
                                zo_lora **lora, int64_t *step, bench_history *h, bool *found, zo_error *err);

#endif
