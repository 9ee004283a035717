/* One view of a model file, whatever its format.
 *
 * A model is a `.gguf` file, a folder with config.json and model*.safetensors, or `synth:NAME` (random weights
 * of a known shape; `synth:NAME/4`: with 4 layers). Tensor names are the Hugging Face ones ("model.layers.0.self_attn.q_proj.weight",
 * "model.embed_tokens.weight", "model.norm.weight", "lm_head.weight"); shapes are row-major (out, in).
 *
 * Row order. GGUF files of architecture llama hold the rows of q_proj and k_proj permuted for interleaved
 * rotary pairs: file row h*hd + 2i + j is Hugging Face row h*hd + j*hd/2 + i. zo_weights_read_rows undoes this,
 * so a reader always sees rows in Hugging Face (split halves) order.
 */
#ifndef ZO_WEIGHTS_H
#define ZO_WEIGHTS_H

#include <stddef.h>
#include <stdint.h>

#include "core/format/config.h"
#include "core/number/dtype.h"
#include "core/base/error.h"
#include "core/base/mem.h"

typedef struct zo_tensor {
    char name[128];
    zo_dtype dtype;
    int rank;         /* 1 or 2 */
    int64_t shape[2]; /* (n) or (out, in) */
    const void *data; /* in the map (synth: NULL, values are a function of name and index) */
    size_t bytes;
    int permuted_heads; /* > 0: rows are in interleaved rotary order over this many heads (precision.h) */
    int64_t stream;     /* the reader's own */
} zo_tensor;

typedef struct zo_weights zo_weights;

/* Opens and checks everything that the configuration calls for: each tensor there, with the right shape.
 * *out owns its maps. Fails: ZO_ERR_IO, ZO_ERR_FORMAT, ZO_ERR_UNSUPPORTED (architecture or type), ZO_ERR_MEMORY. */
zo_status zo_weights_open(const char *path, zo_mem *mem, zo_weights **out, zo_error *err);
/* Takes back one hold on w; with the last it is closed. */
void zo_weights_free(zo_weights *w);
/* One more hold: w stays open until each has been taken back. Not from several threads at once. Returns w. */
zo_weights *zo_weights_hold(zo_weights *w);

const zo_config *zo_weights_config(const zo_weights *w);
size_t zo_weights_count(const zo_weights *w);
const zo_tensor *zo_weights_at(const zo_weights *w, size_t i);
/* NULL where there is none. */
const zo_tensor *zo_weights_find(const zo_weights *w, const char *name);

/* Rows [row, row + rows) of a tensor, decoded to f32 in Hugging Face order: out (rows, in). A rank-1 tensor is
 * one row. Safe to call from several threads. The range is the caller's to keep (asserted). */
void zo_weights_read_rows(const zo_weights *w, const zo_tensor *t, int64_t row, int64_t rows, float *out);

/* Tells that the caller is done with t for now: its pages leave the process, and so its peak memory. They come
 * back when they are read again. */
void zo_weights_drop(const zo_weights *w, const zo_tensor *t);

#endif
