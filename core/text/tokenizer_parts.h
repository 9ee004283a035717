/* The inside of a tokenizer and how it is filled, for its readers, tokenizer_gguf.c and tokenizer_json.c, and for tokenizer.c. */
#ifndef ZO_TOKENIZER_PARTS_H
#define ZO_TOKENIZER_PARTS_H

#include "core/text/bpe.h"
#include "core/format/gguf.h"
#include "core/text/pretokenizer.h"

/* A token that is looked for in the text itself, before any other step. */
typedef struct zo_added {
    char *s; /* n > 0 bytes, owned */
    size_t n;
    int32_t id;
    bool special;        /* only under ZO_ENCODE_PARSE */
    bool lstrip, rstrip; /* takes the white space on that side along */
} zo_added;

typedef struct zo_added_set {
    zo_added *list; /* sorted by text once finished */
    size_t count, cap;
    bool begins[256]; /* some text begins with this byte */
} zo_added_set;

#define ZO_TOKENIZER_MAX_AFFIX 8

typedef struct zo_affix {
    int32_t id[ZO_TOKENIZER_MAX_AFFIX];
    int count;
} zo_affix;

typedef struct zo_tokenizer zo_tokenizer; /* tokenizer.h */
struct zo_tokenizer {
    zo_mem *mem;
    bool byte_level;
    zo_bpe *bpe;
    /* Encoding: raw added tokens, normalization, normalized added tokens, cutting, byte pairs. */
    zo_added_set raw, normalized;
    zo_pre normalizer, cutter;
    zo_affix before, after; /* what ZO_ENCODE_SPECIAL adds */
    int32_t bos, eos;       /* -1: none */
    /* Decoding of the SentencePiece kind. */
    bool decodes_spaces;    /* U+2581 becomes a space */
    bool decodes_bytes;     /* <0xNN> becomes a byte */
    int strip_spaces;       /* this many spaces at the start of the text are left out */
    bool strip_first_token; /* no space comes from the first token */
    char nul[4];            /* what stands for NUL in the JSON being read, or "" */
};

#define ZO_METASPACE "\xE2\x96\x81" /* U+2581, which stands for a space */

/* Empty, all ids -1. Fails: ZO_ERR_MEMORY. */
zo_status zo_tokenizer_new(zo_mem *mem, zo_tokenizer **out, zo_error *err);

/* Puts a token of the byte-level alphabet: what the printable characters of s stand for. A text that is not
 * wholly of that alphabet is put as it is and cannot arise by merging. Fails as zo_bpe_put, ZO_ERR_MEMORY. */
zo_status zo_tokenizer_put_mapped(zo_tokenizer *t, int64_t id, const char *s, size_t n, unsigned flags,
                                  zo_error *err);
/* zo_bpe_add_merge with both sides in the byte-level alphabet where the tokenizer is of that kind. */
zo_status zo_tokenizer_add_merge(zo_tokenizer *t, const char *left, size_t left_n, const char *right,
                                 size_t right_n, zo_error *err);

/* Puts an added token whose text is s into a set; finish sorts it. Fails: ZO_ERR_MEMORY; ZO_ERR_FORMAT (no
 * text; the same text twice). */
zo_status zo_added_put(zo_added_set *set, const char *s, size_t n, zo_added flags, zo_mem *mem,
                       zo_error *err);
zo_status zo_added_finish(zo_added_set *set, zo_error *err);
void zo_added_deinit(zo_added_set *set);

/* The value of "<0xNN>", or -1. */
int zo_tokenizer_byte_of(const char *s, size_t n);

/* The token of exactly this text as written, or -1. */
int32_t zo_tokenizer_find(const zo_tokenizer *t, const char *s, size_t n);

/* Fails: ZO_ERR_FORMAT (too many, or an id outside the vocabulary). */
zo_status zo_affix_put(zo_affix *a, int64_t id, const zo_tokenizer *t, zo_error *err);

/* Fills a new tokenizer from an open GGUF file. */
zo_status zo_tokenizer_read_gguf(zo_tokenizer *t, const zo_gguf *g, zo_error *err);
/* ... from the text of a tokenizer.json, and of the tokenizer_config.json beside it (NULL: there is none). */
zo_status zo_tokenizer_read_json(zo_tokenizer *t, const char *text, size_t n, zo_error *err);
zo_status zo_tokenizer_read_config(zo_tokenizer *t, const char *text, size_t n, zo_error *err);

#endif
