/* See batch.h. */
#include "core/data/batch.h"

#include <assert.h>
#include <string.h>

zo_status zo_batch_init(zo_batch *b, int32_t cap_sequences, int32_t cap_tokens, int32_t cap_labels,
                        zo_mem *mem, zo_error *err)
{
    struct {
        int32_t **array;
        int32_t count;
        const char *what;
    } const rooms[] = {
        {&b->ids, cap_tokens, "batch ids"},
        {&b->start, cap_sequences, "batch starts"},
        {&b->first, cap_sequences, "batch first rows"},
        {&b->offset, cap_sequences < INT32_MAX ? cap_sequences + 1 : 0, "batch offsets"},
        {&b->label_row, cap_labels, "batch label rows"},
        {&b->label_id, cap_labels, "batch label ids"},
    };
    *b = (zo_batch){0};
    if (cap_sequences < 0 || cap_tokens < 0 || cap_labels < 0)
        return zo_fail(err, ZO_ERR_INVALID, "batch of %d sequences, %d tokens, %d labels: a size is negative",
                       cap_sequences, cap_tokens, cap_labels);
    for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++) {
        zo_status st = zo_mem_array(mem, ZO_ACCOUNT_DATA, (size_t)rooms[i].count, sizeof(int32_t),
                                    rooms[i].what, rooms[i].array, err);
        if (st) {
            zo_batch_deinit(b);
            return st;
        }
    }
    b->cap_sequences = cap_sequences;
    b->cap_tokens = cap_tokens;
    b->cap_labels = cap_labels;
    return ZO_OK;
}

void zo_batch_deinit(zo_batch *b)
{
    zo_mem_free(b->ids);
    zo_mem_free(b->start);
    zo_mem_free(b->first);
    zo_mem_free(b->offset);
    zo_mem_free(b->label_row);
    zo_mem_free(b->label_id);
    *b = (zo_batch){0};
}

void zo_batch_fill(zo_batch *b, const zo_sequence *sequences, int32_t n, int32_t min_tokens, int32_t pad)
{
    int32_t longest = min_tokens;
    for (int32_t i = 0; i < n; i++)
        longest = sequences[i].n > longest ? sequences[i].n : longest;
    const int32_t T = zo_batch_padded(longest);
    assert(n >= 0 && n <= b->cap_sequences);
    assert((int64_t)n * T <= b->cap_tokens);

    b->sequences = n;
    b->tokens = T;
    b->labels = 0;
    b->offset[0] = 0;
    for (int32_t i = 0; i < n; i++) {
        const zo_sequence *s = &sequences[i];
        const int32_t start = T - s->n;
        int32_t *row = b->ids + (int64_t)i * T;
        assert(s->n_labels >= 0 && (s->n_labels < s->n || s->n == 0));
        assert(s->n_labels <= b->cap_labels - b->labels);
        b->start[i] = start;
        b->first[i] = min_tokens ? 0 : start;
        b->offset[i + 1] = b->offset[i] + T - b->first[i];
        for (int32_t t = 0; t < start; t++)
            row[t] = pad;
        if (s->n > 0) /* an empty sequence may have no ids to copy from */
            memcpy(row + start, s->ids, (size_t)s->n * sizeof *row);
        for (int32_t t = T - s->n_labels; t < T; t++) {
            b->label_row[b->labels] = i * T + t - 1;
            b->label_id[b->labels] = row[t];
            b->labels++;
        }
    }
}
