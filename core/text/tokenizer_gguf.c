/* Tokenizers in GGUF metadata: keys tokenizer.ggml.*, as llama.cpp's convert_hf_to_gguf.py writes them.
 *
 * Source of the meaning of keys, token types and names of pre-tokenizers: ggml's docs/gguf.md and llama.cpp's
 * src/llama-vocab.cpp. Differs from llama.cpp: control and unused tokens never arise by merging (they do not
 * in SentencePiece either); added tokens are found leftmost and longest first (as Hugging Face tokenizers
 * do). As in both, and not as in SentencePiece, text after an added token gets the dummy prefix again.
 */
#include <assert.h>
#include <string.h>

#include "core/text/tokenizer_parts.h"

#define KEY(name) "tokenizer.ggml." name

/* llama.cpp's llama_token_type. */
enum { NORMAL = 1, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE, TYPES };

static const char llama3[] = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|"
                             " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
static const char qwen2[] = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|"
                            " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/* tokenizer.ggml.pre of the models this program runs. Source: llama.cpp's table of names and patterns; where
 * a pattern was rewritten there for std::regex this has the one of the models' tokenizer.json. */
static const struct pre {
    const char *name;
    bool whole_pieces; /* "ignore_merges" */
    bool adds_bos;     /* unless add_bos_token says otherwise */
    bool nfc;          /* the model's own normalizer; llama.cpp leaves it out */
    const char *pattern[4];
} pres[] = {
    {"default",
     false,
     false,
     false,
     {"[\\p{P}\\$\\+<=>\\^~\\|]+", zo_pre_gpt2, "\\p{N}+", "[0-9][0-9][0-9]"}},
    {"gpt-2", false, false, false, {zo_pre_gpt2}},
    {"smollm", false, false, false, {"\\p{N}", zo_pre_gpt2}},
    {"llama-bpe", true, true, false, {llama3}},
    {"llama3", true, true, false, {llama3}},
    {"llama-v3", true, true, false, {llama3}},
    {"smaug-bpe", false, false, false, {llama3}},
    {"qwen2", false, false, true, {qwen2}},
    {"deepseek-r1-qwen", false, false, true, {qwen2}},
};

/* Number of tokens, after the arrays that go with them have been checked, or an error. */
static zo_status count_tokens(const zo_gguf *g, bool scored, int64_t *count, size_t *bytes, zo_error *err)
{
    int64_t n = zo_gguf_array_strings(g, KEY("tokens"));
    if (n <= 0)
        return zo_fail(err, ZO_ERR_FORMAT, "%s: missing, empty or not an array of strings", KEY("tokens"));
    if (zo_gguf_has(g, KEY("token_type")) && zo_gguf_array_numbers(g, KEY("token_type")) != n)
        return zo_fail(err, ZO_ERR_FORMAT, "%s: not an array of %lld numbers", KEY("token_type"),
                       (long long)n);
    if (scored && zo_gguf_array_numbers(g, KEY("scores")) != n)
        return zo_fail(err, ZO_ERR_FORMAT, "%s: not an array of %lld numbers", KEY("scores"), (long long)n);
    *count = n;
    *bytes = 0;
    for (int64_t i = 0; i < n; i++)
        *bytes += zo_gguf_array_string(g, KEY("tokens"), i).n;
    return ZO_OK;
}

static zo_status put_token(zo_tokenizer *t, int64_t id, zo_gguf_str s, int type, float score, zo_error *err)
{
    static const unsigned flags[TYPES] = {[UNKNOWN] = ZO_TOKEN_SPECIAL | ZO_TOKEN_LITERAL,
                                          [CONTROL] = ZO_TOKEN_SPECIAL | ZO_TOKEN_LITERAL,
                                          [USER_DEFINED] = ZO_TOKEN_LITERAL,
                                          [UNUSED] = ZO_TOKEN_LITERAL,
                                          [BYTE] = ZO_TOKEN_BYTE};
    int byte = type == BYTE ? zo_tokenizer_byte_of(s.s, s.n) : -1;
    if (type == BYTE && (byte < 0 || t->byte_level || t->bpe->byte_id[byte] >= 0))
        return zo_fail(err, ZO_ERR_FORMAT, "token %lld of type byte is \"%.*s\"", (long long)id,
                       (int)(s.n < 60 ? s.n : 60), s.s);
    if (type == NORMAL && t->byte_level)
        return zo_tokenizer_put_mapped(t, id, s.s, s.n, 0, err);
    unsigned f = type == NORMAL && s.n > 0 ? ZO_TOKEN_MERGEABLE : flags[type];
    zo_status st = zo_bpe_put(t->bpe, id, s.s, s.n, score, f, err);
    if (!st && byte >= 0) {
        t->bpe->tokens[id].byte = (uint8_t)byte;
        t->bpe->byte_id[byte] = (int32_t)id;
    }
    if (!st && s.n > 0 && (type == UNKNOWN || type == CONTROL || type == USER_DEFINED))
        st = zo_added_put(&t->raw, s.s, s.n, (zo_added){.id = (int32_t)id, .special = type != USER_DEFINED},
                          t->mem, err);
    return st;
}

static zo_status read_tokens(zo_tokenizer *t, const zo_gguf *g, bool scored, zo_error *err)
{
    int64_t n = 0;
    size_t bytes = 0;
    bool typed = zo_gguf_has(g, KEY("token_type"));
    zo_status st = count_tokens(g, scored, &n, &bytes, err);
    if (!st)
        st = zo_bpe_new(n, bytes, t->mem, &t->bpe, err);
    for (int64_t i = 0; i < n && !st; i++) {
        double type = typed ? zo_gguf_array_number(g, KEY("token_type"), i) : NORMAL;
        float score = scored ? (float)zo_gguf_array_number(g, KEY("scores"), i) : 0;
        if (!(type >= NORMAL && type < TYPES))
            return zo_fail(err, ZO_ERR_UNSUPPORTED, "type %g of token %lld is not supported", type,
                           (long long)i);
        st = put_token(t, i, zo_gguf_array_string(g, KEY("tokens"), i), (int)type, score, err);
    }
    if (!st)
        st = zo_added_finish(&t->raw, err);
    if (!st && !scored)
        st = zo_bpe_index(t->bpe, err);
    return st;
}

static zo_status read_merges(zo_tokenizer *t, const zo_gguf *g, zo_error *err)
{
    int64_t n = zo_gguf_array_strings(g, KEY("merges"));
    if (n < 0)
        return zo_fail(err, ZO_ERR_FORMAT, "%s: missing or not an array of strings", KEY("merges"));
    zo_status st = zo_bpe_merges(t->bpe, (size_t)n, err);
    for (int64_t i = 0; i < n && !st; i++) {
        zo_gguf_str s = zo_gguf_array_string(g, KEY("merges"), i);
        const char *space = memchr(s.s, ' ', s.n);
        if (!space)
            return zo_fail(err, ZO_ERR_FORMAT, "merge %lld: \"%.*s\" has no space", (long long)i,
                           (int)(s.n < 60 ? s.n : 60), s.s);
        size_t left = (size_t)(space - s.s);
        st = zo_tokenizer_add_merge(t, s.s, left, space + 1, s.n - left - 1, err);
    }
    return st;
}

/* An id's key: absent leaves *id as it is. -1, which some write without its sign, is none. */
static zo_status read_id(const zo_tokenizer *t, const zo_gguf *g, const char *key, int32_t *id, zo_error *err)
{
    int64_t v;
    if (!zo_gguf_has(g, key))
        return ZO_OK;
    bool integer = zo_gguf_int(g, key, &v);
    if (integer && v == UINT32_MAX)
        v = -1;
    if (!integer || v < -1 || v >= t->bpe->count)
        return zo_fail(err, ZO_ERR_FORMAT, "%s: not an id of the %d tokens", key, t->bpe->count);
    *id = (int32_t)v;
    return ZO_OK;
}

static bool read_flag(const zo_gguf *g, const char *key, bool otherwise)
{
    int64_t v;
    return zo_gguf_int(g, key, &v) ? v != 0 : otherwise;
}

static zo_status read_special(zo_tokenizer *t, const zo_gguf *g, bool adds_bos, zo_error *err)
{
    zo_status st = read_id(t, g, KEY("bos_token_id"), &t->bos, err);
    if (!st)
        st = read_id(t, g, KEY("eos_token_id"), &t->eos, err);
    if (!st && read_flag(g, KEY("add_bos_token"), adds_bos) && t->bos >= 0)
        st = zo_affix_put(&t->before, t->bos, t, err);
    if (!st && read_flag(g, KEY("add_eos_token"), false) && t->eos >= 0)
        st = zo_affix_put(&t->after, t->eos, t, err);
    return st;
}

static zo_status read_byte_level(zo_tokenizer *t, const zo_gguf *g, zo_error *err)
{
    zo_gguf_str name = {"default", 7};
    if (zo_gguf_has(g, KEY("pre")) && !zo_gguf_string(g, KEY("pre"), &name))
        return zo_fail(err, ZO_ERR_FORMAT, "%s: not a string", KEY("pre"));
    const struct pre *pre = NULL;
    for (size_t i = 0; i < sizeof pres / sizeof pres[0]; i++)
        if (strlen(pres[i].name) == name.n && memcmp(pres[i].name, name.s, name.n) == 0)
            pre = &pres[i];
    if (!pre)
        return zo_fail(err, ZO_ERR_UNSUPPORTED, "%s \"%.*s\" is not supported", KEY("pre"),
                       (int)(name.n < 60 ? name.n : 60), name.s);

    t->byte_level = true;
    zo_status st = read_tokens(t, g, false, err);
    if (!st)
        st = read_merges(t, g, err);
    if (!st)
        st = read_special(t, g, pre->adds_bos, err);
    if (!st)
        t->bpe->whole_pieces = pre->whole_pieces;
    if (!st && pre->nfc)
        st = zo_pre_add(&t->normalizer, (zo_pre_step){.kind = ZO_PRE_NFC}, err);
    for (int i = 0; i < 4 && pre->pattern[i] && !st; i++)
        st = zo_pre_pattern(&t->cutter, pre->pattern[i], strlen(pre->pattern[i]), false, err);
    return st;
}

static zo_status read_sentencepiece(zo_tokenizer *t, const zo_gguf *g, zo_error *err)
{
    static const char *const refused[] = {KEY("remove_extra_whitespaces"), KEY("precompiled_charsmap")};
    int64_t v;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (zo_gguf_has(g, refused[i]) && !(zo_gguf_int(g, refused[i], &v) && v == 0))
            return zo_fail(err, ZO_ERR_UNSUPPORTED, "%s is not supported", refused[i]);
    zo_status st = read_tokens(t, g, true, err);
    if (st)
        return st;
    zo_bpe *b = t->bpe;
    int bytes = 0;
    for (int i = 0; i < 256; i++)
        bytes += b->byte_id[i] >= 0;
    if (bytes != 0 && bytes != 256)
        return zo_fail(err, ZO_ERR_FORMAT, "%d of the 256 byte tokens <0x00> to <0xFF> are missing",
                       256 - bytes);
    b->by_score = b->characters = b->fuse_unknown = true;
    b->byte_fallback = t->decodes_bytes = bytes == 256;
    t->decodes_spaces = true;
    t->bos = b->count > 1 ? 1 : -1; /* llama.cpp's defaults for this kind */
    t->eos = b->count > 2 ? 2 : -1;
    b->unknown = 0;
    st = zo_bpe_index(b, err);
    if (!st)
        st = read_id(t, g, KEY("unknown_token_id"), &b->unknown, err);
    if (!st)
        st = read_special(t, g, true, err);
    if (st)
        return st;
    if (read_flag(g, KEY("add_space_prefix"), true)) {
        t->strip_spaces = 1;
        st = zo_pre_add(&t->normalizer, (zo_pre_step){.kind = ZO_PRE_PREPEND, .to = ZO_METASPACE}, err);
    }
    if (!st)
        st = zo_pre_add(&t->normalizer,
                        (zo_pre_step){.kind = ZO_PRE_REPLACE, .from = " ", .to = ZO_METASPACE}, err);
    return st;
}

zo_status zo_tokenizer_read_gguf(zo_tokenizer *t, const zo_gguf *g, zo_error *err)
{
    static const struct {
        const char *model;
        zo_status (*read)(zo_tokenizer *, const zo_gguf *, zo_error *);
    } kinds[] = {{"llama", read_sentencepiece}, {"gpt2", read_byte_level}};
    zo_gguf_str model;
    if (!zo_gguf_string(g, KEY("model"), &model))
        return zo_fail(err, ZO_ERR_FORMAT, "%s: missing or not a string: there is no tokenizer",
                       KEY("model"));
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strlen(kinds[i].model) == model.n && memcmp(kinds[i].model, model.s, model.n) == 0) {
            zo_status st = kinds[i].read(t, g, err);
            return st ? st : zo_gguf_unread(g, "tokenizer.", ZO_UNREAD_TOKENS, err);
        }
    return zo_fail(err, ZO_ERR_UNSUPPORTED, "%s \"%.*s\" is not supported", KEY("model"),
                   (int)(model.n < 60 ? model.n : 60), model.s);
}
