/* Text to token ids and back: one byte-pair implementation for the two kinds that Llama-family models use.
 *
 *   SentencePiece kind (Llama 2, llama2.c): spaces become U+2581, a dummy prefix, merges in order of score
 *       (or of tokenizer.json's merge list), bytes that no token covers as <0xNN>.
 *   Byte-level kind (GPT-2, SmolLM2, Llama 3, Qwen2): text is cut by pre-tokenizer patterns (PCRE2, in UTF-8
 *       and Unicode mode), bytes are mapped to printable characters, merges in order of rank.
 *
 * The source is a model's tokenizer.json (a folder model) or GGUF metadata (tokenizer.ggml.*); both give the
 * same ids for the same model. The reference is Hugging Face tokenizers; what it does with text is done here,
 * with two limits: what is a letter or a number follows PCRE2's version of Unicode, and normalizer NFC
 * (Qwen2) is not carried out but required, see zo_tokenizer_encode.
 */
#ifndef ZO_TOKENIZER_H
#define ZO_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/mem.h"

typedef struct zo_tokenizer zo_tokenizer;

/* path: what zo_weights_open takes: a .gguf file, a folder with tokenizer.json (tokenizer_config.json is read
 * for BOS and EOS where it is there), or synth:NAME (id = byte + 3, bos 1, which it adds, eos 2; ids past the
 * bytes read as "<ID>": enough to move text through). A path that ends in .json is read as a tokenizer.json.
 * Fails: ZO_ERR_IO, ZO_ERR_FORMAT, ZO_ERR_UNSUPPORTED (a component, setting or kind of model that is not
 * known, by name), ZO_ERR_INVALID (no such synthetic model), ZO_ERR_MEMORY. */
zo_status zo_tokenizer_open(const char *path, zo_mem *mem, zo_tokenizer **out, zo_error *err);
/* The two formats over bytes in memory; name is for messages. The bytes need not outlive the call. */
zo_status zo_tokenizer_from_json(const char *text, size_t bytes, const char *name, zo_mem *mem,
                                 zo_tokenizer **out, zo_error *err);
zo_status zo_tokenizer_from_gguf(const void *data, size_t bytes, const char *name, zo_mem *mem,
                                 zo_tokenizer **out, zo_error *err);
void zo_tokenizer_free(zo_tokenizer *t);

/* The greatest id + 1; ids below may have no token. */
int32_t zo_tokenizer_vocab(const zo_tokenizer *t);
bool zo_tokenizer_has(const zo_tokenizer *t, int32_t id);
int32_t zo_tokenizer_bos(const zo_tokenizer *t); /* -1: none */
int32_t zo_tokenizer_eos(const zo_tokenizer *t); /* -1: none */

typedef enum zo_encode_flags {
    ZO_ENCODE_PLAIN = 0,
    ZO_ENCODE_SPECIAL = 1, /* what the model's own post-processor adds (BOS) */
    ZO_ENCODE_PARSE = 2,   /* special tokens written out in the text ("<|im_start|>") become their ids */
} zo_encode_flags;

/* Ids of text (n bytes; need not be UTF-8: bytes that are not go through as bytes, as the kind can). Writes
 * the first `cap` of them to ids and returns in *count how many there are in all; call again when *count >
 * cap. ids may be NULL with cap 0. Safe to call from several threads.
 *
 * What the vocabulary cannot express is dropped, or becomes the unknown token where the model has one, as in
 * the models' own tokenizers: SmolLM2's, for one, has no token for 21 of the 256 bytes (most of them occur in
 * no UTF-8).
 *
 * Fails: ZO_ERR_MEMORY; ZO_ERR_FORMAT (a pattern of the file backtracks too much); ZO_ERR_INVALID (2^31 bytes
 * and more); ZO_ERR_UNSUPPORTED (the model normalizes to form C, and the text has a character that is not
 * known to be the same in it: combining marks, mostly; ids are never wrong for that). */
zo_status zo_tokenizer_encode(const zo_tokenizer *t, const char *text, size_t n, int flags, int32_t *ids,
                              size_t cap, size_t *count, zo_error *err);

/* Bytes of ids, in the same two-call manner; no NUL is added. Special tokens are left out unless
 * keep_special. An id outside the vocabulary fails with ZO_ERR_INVALID. The SentencePiece kind drops the
 * dummy prefix's space at the very start. Bytes are given as they are, whether or not they form UTF-8. */
zo_status zo_tokenizer_decode(const zo_tokenizer *t, const int32_t *ids, size_t n, bool keep_special,
                              char *text, size_t cap, size_t *count, zo_error *err);

#endif
