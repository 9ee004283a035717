/* Byte-pair encoding: a vocabulary, its merge rules, and one encoder for both ways of stating the rules.
 *
 *   by rank    a list of pairs of tokens; the pair that stands earliest in the list is merged first
 *              (Sennrich et al. 2016, arXiv:1508.07909; as GPT-2 and Hugging Face tokenizers do)
 *   by score   any two neighbours whose joined text is a token; the highest score is merged first
 *              (SentencePiece's BPE model, Kudo and Richardson 2018, arXiv:1808.06226)
 *
 * Of equals the leftmost is merged first. A piece of n symbols takes O(n log n) time: the candidates lie in a
 * heap, the symbols in a linked list.
 *
 * Built in this order: zo_bpe_new, zo_bpe_put for every token, zo_bpe_index, then zo_bpe_merges and
 * zo_bpe_add_merge where merges go by rank. Read-only afterwards, so any number of threads may encode.
 */
#ifndef ZO_BPE_H
#define ZO_BPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/mem.h"

typedef enum zo_token_flags {
    ZO_TOKEN_PRESENT = 1,   /* the id is a token; ids need not be dense */
    ZO_TOKEN_MERGEABLE = 2, /* text can become this token by merging: it is in the index */
    ZO_TOKEN_SPECIAL = 4,   /* left out of decoded text unless asked for */
    ZO_TOKEN_BYTE = 8,      /* stands for the one byte in `byte` (<0xNN>) */
    ZO_TOKEN_LITERAL = 16,  /* an added token: its text is meant as it is written */
} zo_token_flags;

typedef struct zo_token {
    const char *s; /* n bytes, owned by the vocabulary; not NUL-terminated */
    uint32_t n;
    float score;
    uint8_t flags, byte;
} zo_token;

typedef struct zo_bpe_merge {
    uint64_t pair; /* left id << 32 | right id, plus 1; 0: a free slot */
    uint32_t rank;
    int32_t id;
} zo_bpe_merge;

typedef struct zo_bpe {
    /* How to encode: set by whoever builds it. */
    bool by_score;
    bool characters;    /* symbols are UTF-8 characters at first, else single bytes */
    bool byte_fallback; /* a character that is no token becomes its bytes' tokens byte_id[] */
    bool whole_pieces;  /* a piece that is a token is that token, whatever the merges say ("ignore_merges") */
    bool fuse_unknown;  /* neighbouring unknown characters become one unknown token */
    int32_t unknown;    /* the token of what is unknown; -1: it is dropped */
    int32_t byte_id[256]; /* -1: none. With characters unset, filled by zo_bpe_index. */

    int32_t count; /* ids are [0, count) */
    zo_token *tokens;
    uint32_t longest; /* bytes of the longest mergeable token */

    zo_mem *mem;
    char *text; /* of all tokens */
    size_t text_used, text_cap;
    int32_t *index; /* hash of token text -> id + 1, open addressing; 0: free */
    size_t index_mask;
    zo_bpe_merge *merges; /* hash of pairs, open addressing */
    size_t merges_mask;
    uint32_t merges_added;
    char *joined; /* (longest): the result of the merge being added */
} zo_bpe;

/* A vocabulary of ids [0, count), none present yet, with room for text_bytes bytes of text. The four choices
 * are false, unknown is -1. Fails: ZO_ERR_FORMAT (more than 2^24 ids), ZO_ERR_MEMORY. */
zo_status zo_bpe_new(int64_t count, size_t text_bytes, zo_mem *mem, zo_bpe **out, zo_error *err);
void zo_bpe_free(zo_bpe *b);

/* Puts a token in place; the text is copied. The room promised to zo_bpe_new suffices (asserted). Fails:
 * ZO_ERR_FORMAT (id out of range or already taken, score NaN). */
zo_status zo_bpe_put(zo_bpe *b, int64_t id, const char *s, size_t n, float score, unsigned flags,
                     zo_error *err);

/* Builds the index of the mergeable tokens. Fails: ZO_ERR_FORMAT (two mergeable tokens of one text),
 * ZO_ERR_MEMORY. */
zo_status zo_bpe_index(zo_bpe *b, zo_error *err);

/* Room for `count` merges, then one after the other in order of rank. Fails: ZO_ERR_FORMAT (a side or the
 * result is no mergeable token, or the pair was there before), ZO_ERR_MEMORY. */
zo_status zo_bpe_merges(zo_bpe *b, size_t count, zo_error *err);
zo_status zo_bpe_add_merge(zo_bpe *b, const char *left, size_t left_n, const char *right, size_t right_n,
                           zo_error *err);

/* The mergeable token of a text, or -1. */
int32_t zo_bpe_find(const zo_bpe *b, const char *s, size_t n);

/* Where encoding works: one per call of zo_tokenizer_encode, reused for its pieces. {.mem = mem} begins. */
typedef struct zo_bpe_scratch {
    zo_mem *mem;
    struct zo_bpe_symbol *symbols;
    struct zo_bpe_candidate *heap;
    size_t symbols_cap;
} zo_bpe_scratch;
void zo_bpe_scratch_deinit(zo_bpe_scratch *s);

/* Where ids go: the first cap of them to ids, and all of them into count. */
typedef struct zo_ids {
    int32_t *ids;
    size_t cap, count;
} zo_ids;
void zo_ids_put(zo_ids *out, int32_t id);

/* Appends the ids of one piece of text (n < 2^31 bytes). Fails: ZO_ERR_MEMORY. */
zo_status zo_bpe_encode(const zo_bpe *b, const char *text, size_t n, zo_bpe_scratch *s, zo_ids *out,
                        zo_error *err);

#endif
