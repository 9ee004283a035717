/* Llama-family model: load in any precision, forward over replicas, greedy decoding.
 *
 * Letters: B sequences, T tokens, D width, H heads, K kv heads, F feed-forward width, V vocabulary, L layers, N
 * replicas, R LoRA rank. Activations are row-major (rows, width): replica by replica, and within one the rows of the
 * batch, B * T less the padding that is not run (batch.h).
 *
 * Frozen weights meet the rows of all replicas in one product (linear.h), in which each replica's rows meet their own
 * Bw (lora.h). With N = 1 and no perturbation this is the plain forward. A replica's logits and losses are the same bit
 * for bit whatever replicas and sequences share the call, on any number of threads.
 */
#ifndef ZO_LLAMA_H
#define ZO_LLAMA_H

#include <stdint.h>

#include "core/data/batch.h"
#include "core/format/config.h"
#include "core/base/error.h"
#include "core/model/linear.h"
#include "core/model/lora.h"
#include "core/base/mem.h"
#include "core/base/phase.h"
#include "core/format/weights.h"

typedef struct zo_layer {
    float *attn_norm, *ffn_norm; /* (D) */
    zo_linear linear[ZO_TARGET_COUNT];
} zo_layer;

typedef struct zo_llama {
    zo_config config;
    zo_precision precision;     /* of the linear maps; norms and biases are f32 */
    zo_matrix embedding;        /* (V, D) */
    float *final_norm;          /* (D) */
    zo_matrix head;             /* (V, D); the embedding itself when tied */
    zo_layer *layers;           /* (L) */
    int32_t positions;          /* longest sequence that can be run */
    float *rope_cos, *rope_sin; /* (positions, head_dim / 2) */
    float *storage;             /* f32: all weights, in the order of zo_llama_tensor; else NULL */
    bool frozen;                /* zo_llama_freeze was called */
    zo_sgemm *
        sgemm; /* a library's product for the linear maps (tile.h); NULL, as after loading: this program's own */
    void *packed;       /* other precisions: the weights that the model does not use from the file's map */
    zo_weights *source; /* held where it does; else NULL */
} zo_llama;

/* Brings every tensor into its precision, one at a time (account: weights), a block of rows at a time where values must
 * be converted (account: data, while it lasts). positions: the longest sequence that will be run.
 *
 * The linear maps get the precision that is asked for, norms and biases f32. Embedding and head are f32 with f32, else
 * what the file has of f16 and bf16, else f16 with f16, else bf16. What the file holds as f16 or bf16 and is wanted so is
 * used straight from the map, rows in the file's order (zo_matrix.permuted_heads).
 * *out owns its arrays and holds w where it needs the map; the caller frees its w as ever. Fails: ZO_ERR_INVALID,
 * ZO_ERR_UNSUPPORTED (more positions than a sliding window), ZO_ERR_MEMORY. */
zo_status zo_llama_load(zo_weights *w, zo_precision precision, int32_t positions, zo_mem *mem, zo_llama **out,
                        zo_error *err);
void zo_llama_free(zo_llama *m);

/* Turns the linear maps that lie in the model's own storage into panel order (precision.h), for a model whose weights stay
 * as they are: its products get faster, no result changes by a bit. Room (account: data, while it lasts) is 16 rows for
 * each thread. Afterwards f32 weights cannot be trained (asserted). Fails: ZO_ERR_MEMORY, m as it was. */
zo_status zo_llama_freeze(zo_llama *m, zo_mem *mem, zo_error *err);

/* The trainable tensors of a model in f32, for full-parameter training: i in [0, count). Numbers from 2 * 7 * L
 * on name their noise, apart from the adapters' (lora.h). Biases and norms included; a tied head counted once. */
int32_t zo_llama_tensors(const zo_llama *m);
float *zo_llama_tensor(const zo_llama *m, int32_t i, int64_t *n, uint32_t *noise_tensor);
int64_t zo_llama_trainable(const zo_llama *m);
/* theta += sum_i coef[i] * z_i over all of them; see zo_lora_add_noise. */
void zo_llama_add_noise(zo_llama *m, uint64_t seed, uint32_t step, const double *coef, int32_t queries);

/* Room for forwards of up to these sizes; a forward allocates nothing. */
typedef struct zo_session_limits {
    int64_t rows;       /* most N * rows of a batch, padding that is run included */
    int32_t tokens;     /* most T */
    int64_t labels;     /* most N * labels */
    int32_t replicas;   /* most N */
    int32_t rank;       /* most R; 0: no adapter */
    bool train_a;       /* replicas have an A of their own */
    zo_compute compute; /* how the products with frozen weights are made */
    bool sgemm;         /* by a library: room for it (zo_session_new goes by the model's) */
} zo_session_limits;

typedef struct zo_session zo_session;
/* m: borrowed (account: activations). threads as OpenMP has them. Fails: ZO_ERR_INVALID, ZO_ERR_MEMORY. */
zo_status zo_session_new(const zo_llama *m, const zo_session_limits *limits, zo_mem *mem, zo_session **out,
                         zo_error *err);
void zo_session_free(zo_session *s);
/* Told of each change of phase during a forward. Default: nobody. */
void zo_session_watch(zo_session *s, zo_phase_hook hook);

/* The forward of N replicas over one batch, up to logits at the label rows: logits (N, labels, V), valid until the
 * session's next call. l may be NULL (no adapter); p may be NULL (one replica, the master). Sizes beyond the limits
 * are asserted. */
const float *zo_llama_logits(zo_session *s, const zo_lora *l, const zo_batch *batch,
                             const zo_perturbation *p);

/* Mean cross-entropy over the label rows of the batch, for each of N replicas: loss (N). The batch must have labels.
 * Fails: ZO_ERR_NUMERIC where a loss is NaN or infinite (loss is filled all the same). */
zo_status zo_llama_losses(zo_session *s, const zo_lora *l, const zo_batch *batch, const zo_perturbation *p,
                          double *loss, zo_error *err);

/* Greedy decoding with a key-value cache: feeds ids one at a time. One sequence, positions < capacity. */
typedef struct zo_decoder zo_decoder;
zo_status zo_decoder_new(const zo_llama *m, const zo_lora *l, zo_compute compute, int32_t capacity,
                         zo_mem *mem, zo_decoder **out, zo_error *err);
void zo_decoder_free(zo_decoder *d);
void zo_decoder_reset(zo_decoder *d);
/* Logits (V) after ids[0 .. n) have been appended; valid until the next call. Fails: ZO_ERR_INVALID when the cache
 * is full or an id lies outside the vocabulary, ZO_ERR_NUMERIC where a logit is NaN or infinite. */
zo_status zo_decoder_feed(zo_decoder *d, const int32_t *ids, int32_t n, const float **logits, zo_error *err);
/* Index of the largest of n values; the first of equals. */
int32_t zo_argmax(const float *x, int32_t n);

/* What zo_llama_load will take: bytes that it asks for, and bytes of the file's map that become resident as they are
 * used, for plans. */
typedef struct zo_llama_bytes {
    int64_t held, mapped;
} zo_llama_bytes;
zo_llama_bytes zo_llama_weight_bytes(const zo_weights *w, zo_precision precision, int32_t positions);
/* Bytes that zo_session_new will ask for. */
int64_t zo_session_bytes(const zo_config *c, const zo_session_limits *limits, int32_t threads);

#endif
