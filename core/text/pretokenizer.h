/* What happens to text before byte-pair encoding: a list of steps that rewrite it and cut it into pieces.
 *
 * Patterns are those that tokenizer.json and llama.cpp write for Oniguruma and the Rust regex crate; they run
 * on PCRE2 (UTF and UCP). zo_pre_pattern accepts only syntax that means the same in all of them, and spells
 * out \s and \d where PCRE2 differs. What is a letter or a number follows the Unicode version of the PCRE2 at
 * hand.
 *
 * Bytes that are not UTF-8 never meet a pattern: a maximal run of them is a piece of its own, and the text
 * before and after it is matched as if it stood alone.
 */
#ifndef ZO_PRETOKENIZER_H
#define ZO_PRETOKENIZER_H

#define PCRE2_CODE_UNIT_WIDTH 8

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pcre2.h>

#include "core/base/error.h"
#include "core/base/mem.h"

typedef enum zo_pre_kind {
    ZO_PRE_SPLIT,        /* matches of `code` and what lies between them are pieces ("Isolated") */
    ZO_PRE_SPLIT_BEFORE, /* a piece begins at every `from` ("MergedWithNext") */
    ZO_PRE_PREPEND,      /* `to` is put before every piece, see `unless` and `first_only` */
    ZO_PRE_REPLACE,      /* every `from` becomes `to` */
    ZO_PRE_NFC,          /* text must already be in normalization form C; see zo_pre_apply */
} zo_pre_kind;

typedef struct zo_pre_step {
    zo_pre_kind kind;
    pcre2_code *code;
    char from[8], to[8]; /* NUL-terminated */
    bool unless;         /* PREPEND: not where the piece begins with `to` already */
    bool first_only;     /* PREPEND: only to the piece that begins the text */
} zo_pre_step;

#define ZO_PRE_MAX_STEPS 16

typedef struct zo_pre {
    zo_mem *mem;
    pcre2_general_context *general; /* PCRE2 allocates through the ledger */
    int count;
    zo_pre_step steps[ZO_PRE_MAX_STEPS];
} zo_pre;

/* Storage of the caller. Fails: ZO_ERR_MEMORY. */
zo_status zo_pre_init(zo_pre *p, zo_mem *mem, zo_error *err);
void zo_pre_deinit(zo_pre *p);

/* Appends a step; its strings are copied, `code` is taken also on failure. Fails: ZO_ERR_UNSUPPORTED (more
 * than ZO_PRE_MAX_STEPS). */
zo_status zo_pre_add(zo_pre *p, zo_pre_step step, zo_error *err);

/* Appends a ZO_PRE_SPLIT by a pattern (n bytes). literal: it is a plain string. Fails: ZO_ERR_FORMAT (PCRE2
 * does not compile it), ZO_ERR_UNSUPPORTED (syntax that is outside what is said above), ZO_ERR_MEMORY. */
zo_status zo_pre_pattern(zo_pre *p, const char *pattern, size_t n, bool literal, zo_error *err);

/* The pattern of GPT-2, which the ByteLevel pre-tokenizer has built in. Source: openai/gpt-2 src/encoder.py
 * and tokenizers/src/pre_tokenizers/byte_level.rs. */
extern const char zo_pre_gpt2[];

typedef struct zo_piece {
    size_t start, n; /* bytes of zo_pieces.text; n > 0 */
    int32_t id;      /* >= 0: an added token; -1: text */
    bool first;      /* begins where the text begins */
} zo_piece;

/* Text and its pieces, in order and without overlap. {.mem = mem} begins. */
typedef struct zo_pieces {
    zo_mem *mem;
    const char *text; /* borrowed, or owned[current] once a step has rewritten it */
    zo_piece *piece;
    size_t count, cap;

    char *owned[2];
    size_t owned_cap[2];
    int current;
    zo_piece *spare; /* where the next step writes */
    size_t spare_count, spare_cap;
    pcre2_match_data *match;
    pcre2_match_context *context;
} zo_pieces;

/* One piece: the whole text (borrowed; n < 2^31), none where n is 0. Fails: ZO_ERR_MEMORY. */
zo_status zo_pieces_init(zo_pieces *p, const char *text, size_t n, zo_mem *mem, zo_error *err);
void zo_pieces_deinit(zo_pieces *p);

/* Building the next list: append to it, then put it in the place of the current one. Empty pieces are
 * dropped. Fails: ZO_ERR_MEMORY. */
zo_status zo_pieces_put(zo_pieces *p, size_t start, size_t n, int32_t id, bool first, zo_error *err);
void zo_pieces_swap(zo_pieces *p);

/* Runs the steps over the pieces that are text. Safe from several threads, each with pieces of its own.
 * Fails: ZO_ERR_MEMORY; ZO_ERR_FORMAT (PCRE2 gave up: a pattern that backtracks too much); ZO_ERR_INVALID
 * (the text grows to 2^31 bytes); ZO_ERR_UNSUPPORTED (ZO_PRE_NFC and a character that is not known to be the
 * same in form C). */
zo_status zo_pre_apply(const zo_pre *p, zo_pieces *pieces, zo_error *err);

#endif
