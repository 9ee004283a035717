/* A batch of sequences as the model takes it.
 *
 * Sequences are left-padded to the longest, rounded up to a multiple of 8. A padded position is masked: it
 * changes no result. Only real positions become rows of the forward pass, packed one after the other, unless the
 * batch is padded to a length that was asked for: then every position is a row, so that a given T costs what T
 * tokens cost. `label` rows are the positions whose output predicts a label token; only they go
 * through the output head, and through the last layer behind its attention.
 */
#ifndef ZO_BATCH_H
#define ZO_BATCH_H

#include <stdint.h>

#include "core/base/error.h"
#include "core/base/mem.h"

typedef struct zo_batch {
    int32_t sequences;  /* B */
    int32_t tokens;     /* T, padding included */
    int32_t labels;     /* number of label rows */
    int32_t *ids;       /* (B, T) */
    int32_t *start;     /* (B) first real position, T where the sequence is empty */
    int32_t *first;     /* (B) first position that becomes a row: start, or 0 where padding is run */
    int32_t *offset;    /* (B + 1) row of that position; offset[B] is the number of rows */
    int32_t *label_row; /* (labels), rising: b * T + t: the output there predicts label_id */
    int32_t *label_id;  /* (labels) */
    int32_t cap_sequences, cap_tokens, cap_labels; /* room for B sequences, B * T ids, labels */
} zo_batch;

/* Room for the given sizes (account: data). cap_tokens is for the whole B * T. */
zo_status zo_batch_init(zo_batch *b, int32_t cap_sequences, int32_t cap_tokens, int32_t cap_labels,
                        zo_mem *mem, zo_error *err);
void zo_batch_deinit(zo_batch *b);

/* One sequence to be put into a batch: n ids, of which the last n_labels are labels (each predicted by the
 * position before it). n_labels < n, or n == n_labels == 0. */
typedef struct zo_sequence {
    const int32_t *ids;
    int32_t n, n_labels;
} zo_sequence;

/* Fills b from n sequences, left-padded with pad to the longest of them (min_tokens 0), or to min_tokens where that is
 * more, padding then becoming rows too. Asserts that it fits. */
void zo_batch_fill(zo_batch *b, const zo_sequence *sequences, int32_t n, int32_t min_tokens, int32_t pad);

/* T of a batch whose longest sequence has n tokens: the next multiple of 8. */
static inline int32_t zo_batch_padded(int32_t n)
{
    return (n + 7) / 8 * 8;
}

#endif
