/* See bpe.h. */
#include "core/text/bpe.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "core/base/utf8.h"

#define MAX_TOKENS (1 << 24)

/* What a message shows of a token: its text cut to 60 bytes. */
#define SHOW(s, n) (int)((n) < 60 ? (n) : 60), (s)

typedef struct zo_bpe_symbol {
    int32_t id;          /* token, or -1: a character that none covers (by score only) */
    uint32_t start, n;   /* its bytes of the piece; n 0: it was merged into its left neighbour */
    int32_t left, right; /* neighbours, -1: none */
} symbol;

typedef struct zo_bpe_candidate {
    uint64_t order; /* rank << 32 | position of the left symbol: the least goes first */
    int32_t id;     /* what the two become */
} candidate;

static uint64_t mix(uint64_t x)
{
    /* The finalizer of splitmix64 (Steele, Lea, Flood 2014). */
    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}

static uint64_t hash_text(const char *s, size_t n)
{
    uint64_t h = mix(n + 1);
    for (; n >= 8; s += 8, n -= 8) {
        uint64_t word;
        memcpy(&word, s, 8);
        h = mix(h ^ word);
    }
    uint64_t tail = 0;
    memcpy(&tail, s, n);
    return mix(h ^ tail);
}

/* The least power of two with room for count entries at most half full. */
static size_t table_size(size_t count)
{
    size_t size = 16;
    while (size < 2 * count)
        size *= 2;
    return size;
}

zo_status zo_bpe_new(int64_t count, size_t text_bytes, zo_mem *mem, zo_bpe **out, zo_error *err)
{
    zo_bpe *b = NULL;
    *out = NULL;
    if (count < 0 || count > MAX_TOKENS)
        return zo_fail(err, ZO_ERR_FORMAT, "vocabulary: %lld ids, at most %d are supported", (long long)count,
                       MAX_TOKENS);
    zo_status st = zo_mem_array(mem, ZO_ACCOUNT_DATA, 1, sizeof *b, "vocabulary", &b, err);
    if (st)
        return st;
    b->mem = mem;
    b->count = (int32_t)count;
    b->unknown = -1;
    b->text_cap = text_bytes;
    for (int i = 0; i < 256; i++)
        b->byte_id[i] = -1;
    st = zo_mem_array(mem, ZO_ACCOUNT_DATA, (size_t)count, sizeof *b->tokens, "tokens", &b->tokens, err);
    if (!st)
        st = zo_mem_array(mem, ZO_ACCOUNT_DATA, text_bytes, 1, "texts of tokens", &b->text, err);
    if (st) {
        zo_bpe_free(b);
        return st;
    }
    *out = b;
    return ZO_OK;
}

void zo_bpe_free(zo_bpe *b)
{
    if (!b)
        return;
    zo_mem_free(b->tokens);
    zo_mem_free(b->text);
    zo_mem_free(b->index);
    zo_mem_free(b->merges);
    zo_mem_free(b->joined);
    zo_mem_free(b);
}

zo_status zo_bpe_put(zo_bpe *b, int64_t id, const char *s, size_t n, float score, unsigned flags,
                     zo_error *err)
{
    if (id < 0 || id >= b->count)
        return zo_fail(err, ZO_ERR_FORMAT, "vocabulary: id %lld of token \"%.*s\" is not in [0, %d)",
                       (long long)id, SHOW(s, n), b->count);
    zo_token *t = &b->tokens[id];
    if (t->flags)
        return zo_fail(err, ZO_ERR_FORMAT, "vocabulary: id %lld is both \"%.*s\" and \"%.*s\"", (long long)id,
                       SHOW(t->s, t->n), SHOW(s, n));
    if (isnan(score))
        return zo_fail(err, ZO_ERR_FORMAT, "vocabulary: the score of token %lld is not a number",
                       (long long)id);
    assert(n <= b->text_cap - b->text_used);
    if (n > INT32_MAX)
        return zo_fail(err, ZO_ERR_FORMAT, "vocabulary: token %lld has %zu bytes", (long long)id, n);
    char *to = b->text + b->text_used;
    memcpy(to, s, n);
    b->text_used += n;
    *t = (zo_token){.s = to, .n = (uint32_t)n, .score = score, .flags = (uint8_t)(flags | ZO_TOKEN_PRESENT)};
    return ZO_OK;
}

/* The slot of a text: the one that holds it or the free one where it belongs. */
static size_t slot_of_text(const zo_bpe *b, const char *s, size_t n)
{
    size_t at = hash_text(s, n) & b->index_mask;
    for (; b->index[at]; at = (at + 1) & b->index_mask) {
        const zo_token *t = &b->tokens[b->index[at] - 1];
        if (t->n == n && memcmp(t->s, s, n) == 0)
            break;
    }
    return at;
}

int32_t zo_bpe_find(const zo_bpe *b, const char *s, size_t n)
{
    return n == 0 || n > b->longest ? -1 : b->index[slot_of_text(b, s, n)] - 1;
}

zo_status zo_bpe_index(zo_bpe *b, zo_error *err)
{
    size_t mergeable = 0;
    for (int32_t i = 0; i < b->count; i++)
        mergeable += (b->tokens[i].flags & ZO_TOKEN_MERGEABLE) != 0;
    size_t size = table_size(mergeable);
    zo_status st =
        zo_mem_array(b->mem, ZO_ACCOUNT_DATA, size, sizeof *b->index, "index of tokens", &b->index, err);
    if (st)
        return st;
    b->index_mask = size - 1;
    for (int32_t i = 0; i < b->count; i++) {
        const zo_token *t = &b->tokens[i];
        if (!(t->flags & ZO_TOKEN_MERGEABLE))
            continue;
        size_t at = slot_of_text(b, t->s, t->n);
        if (b->index[at])
            return zo_fail(err, ZO_ERR_FORMAT, "vocabulary: tokens %d and %d are both \"%.*s\"",
                           b->index[at] - 1, i, SHOW(t->s, t->n));
        b->index[at] = i + 1;
        b->longest = t->n > b->longest ? t->n : b->longest;
    }
    for (int i = 0; i < 256 && !b->characters; i++)
        b->byte_id[i] = zo_bpe_find(b, &(char){(char)i}, 1);
    return ZO_OK;
}

static size_t slot_of_pair(const zo_bpe *b, uint64_t pair)
{
    size_t at = mix(pair) & b->merges_mask;
    while (b->merges[at].pair && b->merges[at].pair != pair)
        at = (at + 1) & b->merges_mask;
    return at;
}

static uint64_t pair_of(int32_t left, int32_t right)
{
    return ((uint64_t)left << 32 | (uint32_t)right) + 1;
}

zo_status zo_bpe_merges(zo_bpe *b, size_t count, zo_error *err)
{
    assert(!b->merges && b->index);
    if (count > 4 * (size_t)MAX_TOKENS)
        return zo_fail(err, ZO_ERR_FORMAT, "merges: %zu, at most %d are supported", count, 4 * MAX_TOKENS);
    size_t size = table_size(count);
    zo_status st = zo_mem_array(b->mem, ZO_ACCOUNT_DATA, size, sizeof *b->merges, "merges", &b->merges, err);
    b->merges_mask = size - 1;
    if (!st)
        st = zo_mem_array(b->mem, ZO_ACCOUNT_DATA, b->longest, 1, "text of a merge", &b->joined, err);
    return st;
}

zo_status zo_bpe_add_merge(zo_bpe *b, const char *left, size_t left_n, const char *right, size_t right_n,
                           zo_error *err)
{
    int32_t l = zo_bpe_find(b, left, left_n), r = zo_bpe_find(b, right, right_n), id = -1;
    if (l >= 0 && r >= 0 && left_n + right_n <= b->longest) {
        memcpy(b->joined, left, left_n);
        memcpy(b->joined + left_n, right, right_n);
        id = zo_bpe_find(b, b->joined, left_n + right_n);
    }
    if (id < 0)
        return zo_fail(err, ZO_ERR_FORMAT, "merge %u: \"%.*s\" + \"%.*s\": %s is no token", b->merges_added,
                       SHOW(left, left_n), SHOW(right, right_n),
                       l < 0   ? "the left side"
                       : r < 0 ? "the right side"
                               : "the result");
    uint64_t pair = pair_of(l, r);
    size_t at = slot_of_pair(b, pair);
    if (b->merges[at].pair)
        return zo_fail(err, ZO_ERR_FORMAT, "merge %u: \"%.*s\" + \"%.*s\" repeats merge %u", b->merges_added,
                       SHOW(left, left_n), SHOW(right, right_n), b->merges[at].rank);
    b->merges[at] = (zo_bpe_merge){.pair = pair, .rank = b->merges_added++, .id = id};
    return ZO_OK;
}

void zo_bpe_scratch_deinit(zo_bpe_scratch *s)
{
    zo_mem_free(s->symbols);
    zo_mem_free(s->heap);
    *s = (zo_bpe_scratch){.mem = s->mem};
}

/* Room for n symbols. The heap never holds more than 2 n candidates: there are n - 1 at first, and each of at
 * most n - 1 merges takes one out and puts at most two in. */
static zo_status reserve(zo_bpe_scratch *s, size_t n, zo_error *err)
{
    if (n <= s->symbols_cap)
        return ZO_OK;
    size_t cap = n < 32 ? 64 : 2 * n;
    zo_bpe_scratch_deinit(s);
    zo_status st =
        zo_mem_array(s->mem, ZO_ACCOUNT_DATA, cap, sizeof *s->symbols, "symbols", &s->symbols, err);
    if (!st)
        st = zo_mem_array(s->mem, ZO_ACCOUNT_DATA, 2 * cap, sizeof *s->heap, "merge queue", &s->heap, err);
    if (!st)
        s->symbols_cap = cap;
    return st;
}

static void heap_push(candidate *heap, size_t *count, candidate c)
{
    size_t at = (*count)++;
    for (; at > 0 && heap[(at - 1) / 2].order > c.order; at = (at - 1) / 2)
        heap[at] = heap[(at - 1) / 2];
    heap[at] = c;
}

static candidate heap_pop(candidate *heap, size_t *count)
{
    candidate top = heap[0], last = heap[--*count];
    size_t at = 0, n = *count;
    for (size_t child = 1; child < n; at = child, child = 2 * at + 1) {
        if (child + 1 < n && heap[child + 1].order < heap[child].order)
            child++;
        if (last.order <= heap[child].order)
            break;
        heap[at] = heap[child];
    }
    if (n > 0)
        heap[at] = last;
    return top;
}

/* Scores as ranks: an order-preserving map of floats to integers, turned round so that the highest score is
 * the least rank. */
static uint32_t rank_of_score(float score)
{
    uint32_t bits;
    score += 0.0f; /* -0 is 0 */
    memcpy(&bits, &score, sizeof bits);
    return bits >> 31 ? bits : ~(bits | 0x80000000u);
}

/* What symbols l and r become, or false. By rank, as Hugging Face does, the two ids decide; by score, as
 * SentencePiece does, their joined text does. */
static bool find_merge(const zo_bpe *b, const char *text, const symbol *l, const symbol *r, uint32_t *rank,
                       int32_t *id)
{
    if (b->by_score) {
        *id = zo_bpe_find(b, text + l->start, (size_t)l->n + r->n);
        if (*id >= 0)
            *rank = rank_of_score(b->tokens[*id].score);
        return *id >= 0;
    }
    if (!b->merges)
        return false;
    const zo_bpe_merge *m = &b->merges[slot_of_pair(b, pair_of(l->id, r->id))];
    *rank = m->rank;
    *id = m->id;
    return m->pair != 0;
}

/* Queues the merge of symbol `left` and its right neighbour, where there is one. */
static void consider(const zo_bpe *b, const char *text, zo_bpe_scratch *s, size_t *waiting, int32_t left)
{
    if (left < 0 || s->symbols[left].right < 0)
        return;
    const symbol *l = &s->symbols[left];
    candidate c;
    uint32_t rank;
    if (find_merge(b, text, l, &s->symbols[l->right], &rank, &c.id)) {
        c.order = (uint64_t)rank << 32 | (uint32_t)left;
        heap_push(s->heap, waiting, c);
    }
}

static void merge_all(const zo_bpe *b, const char *text, zo_bpe_scratch *s, int32_t n)
{
    size_t waiting = 0;
    for (int32_t i = 0; i + 1 < n; i++)
        consider(b, text, s, &waiting, i);
    while (waiting > 0) {
        candidate c = heap_pop(s->heap, &waiting);
        int32_t at = (int32_t)(uint32_t)c.order, id;
        uint32_t rank;
        symbol *l = &s->symbols[at];
        if (l->n == 0 || l->right < 0)
            continue;
        symbol *r = &s->symbols[l->right];
        /* One of the two may have been merged since: what they would become now tells. */
        if (!find_merge(b, text, l, r, &rank, &id) || id != c.id)
            continue;
        l->id = id;
        l->n += r->n;
        l->right = r->right;
        r->n = 0;
        if (l->right >= 0)
            s->symbols[l->right].left = at;
        consider(b, text, s, &waiting, l->left);
        consider(b, text, s, &waiting, at);
    }
}

/* Cuts a piece into its first symbols. By rank merges are about ids, so what is no token becomes the ids of
 * its bytes or the unknown id here; by score they are about text, and this waits until put_symbol. */
static int32_t first_symbols(const zo_bpe *b, const char *text, size_t n, symbol *out)
{
    int32_t count = 0;
    bool fusing = false;
    for (size_t at = 0; at < n;) {
        int valid = b->characters ? zo_utf8_decode(text + at, n - at, NULL) : 1;
        uint32_t bytes = valid > 0 ? (uint32_t)valid : 1;
        int32_t id = b->characters ? zo_bpe_find(b, text + at, bytes) : b->byte_id[(unsigned char)text[at]];
        bool unknown = id < 0 && !b->by_score && !b->byte_fallback;
        if (id >= 0 || b->by_score) {
            out[count++] = (symbol){.id = id, .start = (uint32_t)at, .n = bytes};
        } else if (b->byte_fallback) {
            for (size_t i = at; i < at + bytes; i++)
                out[count++] = (symbol){b->byte_id[(unsigned char)text[i]], .start = (uint32_t)i, .n = 1};
        } else if (b->unknown >= 0 && fusing && b->fuse_unknown) {
            out[count - 1].n += bytes;
        } else if (b->unknown >= 0) {
            out[count++] = (symbol){.id = b->unknown, .start = (uint32_t)at, .n = bytes};
        }
        fusing = unknown;
        at += bytes;
    }
    return count;
}

/* Ids of one symbol after all merges. *fusing: the symbol before was unknown. */
static void put_symbol(const zo_bpe *b, const char *text, const symbol *y, bool *fusing, zo_ids *out)
{
    bool unknown = y->id < 0 && !b->byte_fallback;
    if (y->id >= 0)
        zo_ids_put(out, y->id);
    else if (b->byte_fallback)
        for (uint32_t k = 0; k < y->n; k++)
            zo_ids_put(out, b->byte_id[(unsigned char)text[y->start + k]]);
    else if (b->unknown >= 0 && !(*fusing && b->fuse_unknown))
        zo_ids_put(out, b->unknown);
    *fusing = unknown;
}

void zo_ids_put(zo_ids *out, int32_t id)
{
    if (out->count < out->cap)
        out->ids[out->count] = id;
    out->count++;
}

zo_status zo_bpe_encode(const zo_bpe *b, const char *text, size_t n, zo_bpe_scratch *s, zo_ids *out,
                        zo_error *err)
{
    assert(n < INT32_MAX);
    int32_t whole = b->whole_pieces ? zo_bpe_find(b, text, n) : -1;
    if (whole >= 0) {
        zo_ids_put(out, whole);
        return ZO_OK;
    }
    zo_status st = reserve(s, n, err);
    if (st)
        return st;
    int32_t count = first_symbols(b, text, n, s->symbols);
    for (int32_t i = 0; i < count; i++) {
        s->symbols[i].left = i - 1;
        s->symbols[i].right = i + 1 < count ? i + 1 : -1;
    }
    merge_all(b, text, s, count);
    bool fusing = false;
    for (int32_t i = count > 0 ? 0 : -1; i >= 0; i = s->symbols[i].right)
        put_symbol(b, text, &s->symbols[i], &fusing, out);
    return ZO_OK;
}
