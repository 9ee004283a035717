/* Tokenizers in tokenizer.json, the form of the Hugging Face tokenizers library, and the
 * tokenizer_config.json of transformers beside it.
 *
 * Source: github.com/huggingface/tokenizers (serialization of each component). The file is a model, added
 * tokens and four components: normalizer, pre_tokenizer, post_processor, decoder. A component, or a key of
 * one, that is not in the tables below is refused by name. `truncation` and `padding` are the caller's
 * business and not read.
 */
#include <jansson.h>
#include <string.h>

#include "core/format/json_text.h"
#include "core/text/tokenizer_parts.h"
#include "core/base/utf8.h"

/* --- JSON helpers -------------------------------------------------------------------------------------- */

/* The keys of an object against a list of known ones, "a b c". */
static zo_status check_keys(const json_t *object, const char *what, const char *known, zo_error *err)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        const char *at = known;
        size_t n = strlen(key);
        while (at && !(strncmp(at, key, n) == 0 && (at[n] == ' ' || at[n] == 0))) {
            at = strchr(at, ' ');
            at = at ? at + 1 : NULL;
        }
        if (!at || n == 0)
            return zo_fail(err, ZO_ERR_UNSUPPORTED, "%s: key \"%.60s\" is not supported", what, key);
    }
    return ZO_OK;
}

/* Members with defaults: absent and null mean `otherwise`; another type fails. */
static zo_status get_bool(const json_t *object, const char *key, bool otherwise, bool *out, zo_error *err)
{
    const json_t *v = json_object_get(object, key);
    *out = otherwise;
    if (!v || json_is_null(v))
        return ZO_OK;
    if (!json_is_boolean(v))
        return zo_fail(err, ZO_ERR_FORMAT, "\"%s\" is not true or false", key);
    *out = json_is_true(v);
    return ZO_OK;
}

static zo_status get_string(const json_t *object, const char *key, const char **out, zo_error *err)
{
    const json_t *v = json_object_get(object, key);
    *out = NULL;
    if (!v || json_is_null(v))
        return ZO_OK;
    if (!json_is_string(v))
        return zo_fail(err, ZO_ERR_FORMAT, "\"%s\" is not a string", key);
    *out = json_string_value(v);
    return ZO_OK;
}

/* A string that must be there, of less than `cap` bytes. */
static zo_status get_short(const json_t *object, const char *key, char *out, size_t cap, zo_error *err)
{
    const char *s;
    zo_status st = get_string(object, key, &s, err);
    if (st)
        return st;
    if (!s)
        return zo_fail(err, ZO_ERR_FORMAT, "\"%s\" is missing", key);
    if (strlen(s) >= cap)
        return zo_fail(err, ZO_ERR_UNSUPPORTED, "\"%s\" of \"%.60s\" is not supported: longer than %zu bytes",
                       key, s, cap - 1);
    memcpy(out, s, strlen(s) + 1);
    return ZO_OK;
}

/* One kind of component. */
typedef struct component {
    const char *type;
    const char *keys; /* besides "type" */
    zo_status (*read)(zo_tokenizer *, const json_t *, zo_error *);
} component;

/* Finds the row of a component and reads it. `what` names the role. null and absent: nothing. */
static zo_status read_component(zo_tokenizer *t, const json_t *json, const char *what, const component *rows,
                                size_t n, zo_error *err)
{
    if (!json || json_is_null(json))
        return ZO_OK;
    const char *type = json_string_value(json_object_get(json, "type"));
    if (!type)
        return zo_fail(err, ZO_ERR_FORMAT, "%s: not an object with a \"type\"", what);
    for (size_t i = 0; i < n; i++) {
        char keys[256] = "type ";
        if (strcmp(rows[i].type, type) != 0)
            continue;
        strcat(keys, rows[i].keys);
        zo_status st = check_keys(json, type, keys, err);
        if (!st)
            st = rows[i].read(t, json, err);
        if (st && err &&
            strncmp(err->text, what, strlen(what)) != 0) /* not yet said by a part of a Sequence */
            zo_error_context(err, "%s %s", what, type);
        return st;
    }
    return zo_fail(err, ZO_ERR_UNSUPPORTED, "%s %.60s is not supported", what, type);
}

/* Every member of an array through `read`, in order. */
static zo_status read_sequence(zo_tokenizer *t, const json_t *json, const char *key,
                               zo_status (*read)(zo_tokenizer *, const json_t *, zo_error *), zo_error *err)
{
    const json_t *list = json_object_get(json, key);
    if (!json_is_array(list))
        return zo_fail(err, ZO_ERR_FORMAT, "\"%s\" is not an array", key);
    zo_status st = ZO_OK;
    for (size_t i = 0; i < json_array_size(list) && !st; i++)
        st = read(t, json_array_get(list, i), err);
    return st;
}

#define ROWS(rows) (rows), sizeof(rows) / sizeof((rows)[0])

/* --- normalizers --------------------------------------------------------------------------------------- */

static zo_status read_normalizer(zo_tokenizer *t, const json_t *json, zo_error *err);

static zo_status normalizer_sequence(zo_tokenizer *t, const json_t *json, zo_error *err)
{
    return read_sequence(t, json, "normalizers", read_normalizer, err);
}

static zo_status normalizer_nfc(zo_tokenizer *t, const json_t *json, zo_error *err)
{
    (void)json;
    return zo_pre_add(&t->normalizer, (zo_pre_step){.kind = ZO_PRE_NFC}, err);
}

static zo_status normalizer_prepend(zo_tokenizer *t, const json_t *json, zo_error *err)
{
    zo_pre_step step = {.kind = ZO_PRE_PREPEND};
    zo_status st = get_short(json, "prepend", step.to, sizeof step.to, err);
    return st ? st : zo_pre_add(&t->normalizer, step, err);
}

/* {"pattern": {"String": " "}, "content": "_"}: the two strings of a replacement. */
static zo_status get_replacement(const json_t *json, zo_pre_step *step, zo_error *err)
{
    const json_t *pattern = json_object_get(json, "pattern");
    if (json_object_get(pattern, "Regex"))
        return zo_fail(err, ZO_ERR_UNSUPPORTED, "a pattern of kind Regex is not supported here");
    zo_status st = get_short(pattern, "String", step->from, sizeof step->from, err);
    if (!st && !step->from[0])
        st = zo_fail(err, ZO_ERR_FORMAT, "\"String\" is empty");
    return st ? st : get_short(json, "content", step->to, sizeof step->to, err);
}

static zo_status normalizer_replace(zo_tokenizer *t, const json_t *json, zo_error *err)
{
    zo_pre_step step = {.kind = ZO_PRE_REPLACE};
    zo_status st = get_replacement(json, &step, err);
    return st ? st : zo_pre_add(&t->normalizer, step, err);
}

static zo_status read_normalizer(zo_tokenizer *t, const json_t *json, zo_error *err)
{
    static const component rows[] = {
        {"Sequence", "normalizers", normalizer_sequence},
        {"NFC", "", normalizer_nfc},
        {"Prepend", "prepend", normalizer_prepend},
        {"Replace", "pattern content", normalizer_replace},
    };
    return read_component(t, json, "normalizer", ROWS(rows), err);
}

/* --- pre-tokenizers ------------------------------------------------------------------------------------ */

static zo_status read_pre_tokenizer(zo_tokenizer *t, const json_t *json, zo_error *err);

static zo_status pre_sequence(zo_tokenizer *t, const json_t *json, zo_error *err)
{
    return read_sequence(t, json, "pretokenizers", read_pre_tokenizer, err);
}

static zo_status pre_digits(zo_tokenizer *t, const json_t *json, zo_error *err)
{
    bool each;
    zo_status st = get_bool(json, "individual_digits", false, &each, err);
    const char *pattern = each ? "\\p{N}" : "\\p{N}+";
    return st ? st : zo_pre_pattern(&t->cutter, pattern, strlen(pattern), false, err);
}

static zo_status pre_split(zo_tokenizer *t, const json_t *json, zo_error *err)
{
    bool invert;
    const char *behavior, *regex, *string;
    const json_t *pattern = json_object_get(json, "pattern");
    zo_status st = get_bool(json, "invert", false, &invert, err);
    if (!st)
        st = get_string(json, "behavior", &behavior, err);
    if (!st)
        st = get_string(pattern, "Regex", &regex, err);
    if (!st)
        st = get_string(pattern, "String", &string, err);
    if (st)
        return st;
    if (invert)
        return zo_fail(err, ZO_ERR_UNSUPPORTED, "\"invert\": true is not supported");
    if (!behavior || strcmp(behavior, "Isolated") != 0)
        return zo_fail(err, ZO_ERR_UNSUPPORTED, "behavior %.60s is not supported",
                       behavior ? behavior : "(none)");
    if (!regex == !string)
        return zo_fail(err, ZO_ERR_FORMAT, "\"pattern\" is neither a Regex nor a String");
    const char *s = regex ? regex : string;
    return zo_pre_pattern(&t->cutter, s, strlen(s), !regex, err);
}

static zo_status pre_byte_level(zo_tokenizer *t, const json_t *json, zo_error *err)
{
    bool prefix, regex;
    zo_status st = get_bool(json, "add_prefix_space", true, &prefix, err);
    if (!st)
        st = get_bool(json, "use_regex", true, &regex, err);
    if (st)
        return st;
    t->byte_level = true;
    if (prefix)
        st = zo_pre_add(&t->cutter, (zo_pre_step){.kind = ZO_PRE_PREPEND, .to = " ", .unless = true}, err);
    return st || !regex ? st : zo_pre_pattern(&t->cutter, zo_pre_gpt2, strlen(zo_pre_gpt2), false, err);
}

/* What Metaspace says about its replacement for the space and about the dummy prefix. Older files have
 * add_prefix_space, newer ones prepend_scheme. */
static zo_status get_metaspace(const json_t *json, char mark[8], const char **scheme, zo_error *err)
{
    bool prefix;
    zo_status st = get_short(json, "replacement", mark, 8, err);
    if (!st)
        st = get_bool(json, "add_prefix_space", true, &prefix, err);
    if (!st)
        st = get_string(json, "prepend_scheme", scheme, err);
    if (st)
        return st;
    if (!mark[0])
        return zo_fail(err, ZO_ERR_FORMAT, "\"replacement\" is empty");
    if (!*scheme)
        *scheme = prefix ? "always" : "never";
    if (strcmp(*scheme, "always") != 0 && strcmp(*scheme, "first") != 0 && strcmp(*scheme, "never") != 0)
        return zo_fail(err, ZO_ERR_UNSUPPORTED, "prepend_scheme %.60s is not supported", *scheme);
    return ZO_OK;
}

static zo_status pre_metaspace(zo_tokenizer *t, const json_t *json, zo_error *err)
{
    zo_pre_step replace = {.kind = ZO_PRE_REPLACE, .from = " "};
    zo_pre_step prepend = {.kind = ZO_PRE_PREPEND, .unless = true};
    zo_pre_step cut = {.kind = ZO_PRE_SPLIT_BEFORE};
    const char *scheme;
    bool split;
    zo_status st = get_metaspace(json, replace.to, &scheme, err);
    if (!st)
        st = get_bool(json, "split", true, &split, err);
    if (!st)
        st = zo_pre_add(&t->cutter, replace, err);
    memcpy(prepend.to, replace.to, sizeof replace.to);
    memcpy(cut.from, replace.to, sizeof replace.to);
    prepend.first_only = !st && strcmp(scheme, "first") == 0;
    if (!st && strcmp(scheme, "never") != 0)
        st = zo_pre_add(&t->cutter, prepend, err);
    return st || !split ? st : zo_pre_add(&t->cutter, cut, err);
}

static zo_status read_pre_tokenizer(zo_tokenizer *t, const json_t *json, zo_error *err)
{
    static const component rows[] = {
        {"Sequence", "pretokenizers", pre_sequence},
        {"Digits", "individual_digits", pre_digits},
        {"Split", "pattern behavior invert", pre_split},
        {"ByteLevel", "add_prefix_space trim_offsets use_regex", pre_byte_level},
        {"Metaspace", "replacement add_prefix_space prepend_scheme split str_rep", pre_metaspace},
    };
    if (t->byte_level) /* what follows would see the mapped characters */
        return zo_fail(err, ZO_ERR_UNSUPPORTED, "a pre_tokenizer after ByteLevel is not supported");
    return read_component(t, json, "pre_tokenizer", ROWS(rows), err);
}

/* --- model --------------------------------------------------------------------------------------------- */

/* Counts of the whole vocabulary: model and added tokens. */
typedef struct extent {
    int64_t ids; /* the greatest id + 1 */
    size_t tokens, bytes;
} extent;

static zo_status measure(const json_t *id, const char *text, size_t n, extent *x, zo_error *err)
{
    if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) > INT32_MAX)
        return zo_fail(err, ZO_ERR_FORMAT, "the id of token \"%.60s\" is not an integer from 0 to 2^31 - 1",
                       text);
    if (json_integer_value(id) >= x->ids)
        x->ids = json_integer_value(id) + 1;
    x->tokens++;
    x->bytes += n;
    return ZO_OK;
}

static zo_status measure_all(const json_t *vocab, const json_t *added, extent *x, zo_error *err)
{
    const char *key;
    json_t *value;
    size_t i;
    if (added && !json_is_array(added))
        return zo_fail(err, ZO_ERR_FORMAT, "\"added_tokens\" is not an array");
    json_object_foreach((json_t *)vocab, key, value)
    {
        zo_status st = measure(value, key, strlen(key), x, err);
        if (st)
            return st;
    }
    json_array_foreach((json_t *)added, i, value)
    {
        const char *text = json_string_value(json_object_get(value, "content"));
        if (!text || !*text)
            return zo_fail(err, ZO_ERR_FORMAT, "added token %zu: \"content\" is not a text", i);
        zo_status st = measure(json_object_get(value, "id"), text, strlen(text), x, err);
        if (st)
            return st;
    }
    /* Ids may have holes, but a file of a few tokens may not ask for a table of billions. */
    if ((uint64_t)x->ids > 2 * (uint64_t)x->tokens + 1024)
        return zo_fail(err, ZO_ERR_FORMAT, "an id of %lld, where there are %zu tokens", (long long)x->ids - 1,
                       x->tokens);
    return ZO_OK;
}

/* A token's text as it is: where the file has NULs, its stand-ins (json_text.h) become NUL again. */
typedef struct token_text {
    const char *s;
    size_t n;
    char room[256];
} token_text;

static zo_status text_of(const zo_tokenizer *t, const char *s, size_t n, token_text *out, zo_error *err)
{
    const size_t mark = sizeof t->nul - 1;
    out->s = s;
    out->n = n;
    if (!t->nul[0] || !memmem(s, n, t->nul, mark))
        return ZO_OK;
    if (n > sizeof out->room)
        return zo_fail(err, ZO_ERR_UNSUPPORTED, "a token with NUL, of %zu bytes and more, is not supported",
                       sizeof out->room);
    out->s = out->room;
    out->n = 0;
    for (size_t i = 0; i < n;) {
        bool is_nul = n - i >= mark && memcmp(s + i, t->nul, mark) == 0;
        out->room[out->n++] = is_nul ? '\0' : s[i];
        i += is_nul ? mark : 1;
    }
    return ZO_OK;
}

static zo_status read_vocab(zo_tokenizer *t, const json_t *vocab, zo_error *err)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)vocab, key, value)
    {
        int64_t id = json_integer_value(value);
        token_text k;
        zo_status st = text_of(t, key, strlen(key), &k, err);
        if (!st)
            st = t->byte_level ? zo_tokenizer_put_mapped(t, id, k.s, k.n, 0, err)
                               : zo_bpe_put(t->bpe, id, k.s, k.n, 0,
                                            k.n > 0 ? ZO_TOKEN_MERGEABLE : ZO_TOKEN_LITERAL, err);
        if (st)
            return st;
    }
    return ZO_OK;
}

/* A merge is "left right" or ["left", "right"]. */
static zo_status read_merge(zo_tokenizer *t, const json_t *merge, size_t i, zo_error *err)
{
    const char *left = json_string_value(merge), *right = NULL;
    size_t left_n = 0;
    if (left) {
        const char *space = strchr(left, ' ');
        left_n = space ? (size_t)(space - left) : 0;
        right = space && !strchr(space + 1, ' ') ? space + 1 : NULL;
    } else if (json_array_size(merge) == 2) {
        left = json_string_value(json_array_get(merge, 0));
        right = json_string_value(json_array_get(merge, 1));
        left_n = left ? strlen(left) : 0;
    }
    if (!left || !right)
        return zo_fail(err, ZO_ERR_FORMAT, "merge %zu is not two texts", i);
    token_text l, r;
    zo_status st = text_of(t, left, left_n, &l, err);
    if (!st)
        st = text_of(t, right, strlen(right), &r, err);
    return st ? st : zo_tokenizer_add_merge(t, l.s, l.n, r.s, r.n, err);
}

static zo_status read_merges(zo_tokenizer *t, const json_t *merges, zo_error *err)
{
    const json_t *first = json_array_get(merges, 0);
    size_t header = json_is_string(first) && strncmp(json_string_value(first), "#version", 8) == 0;
    if (!json_is_array(merges))
        return zo_fail(err, ZO_ERR_FORMAT, "\"merges\" is not an array");
    zo_status st = zo_bpe_merges(t->bpe, json_array_size(merges), err);
    for (size_t i = header; i < json_array_size(merges) && !st; i++)
        st = read_merge(t, json_array_get(merges, i), i, err);
    return st;
}

/* The byte tokens of byte_fallback: all 256, in the model's vocabulary. */
static zo_status find_byte_tokens(zo_tokenizer *t, zo_error *err)
{
    zo_bpe *b = t->bpe;
    for (int32_t i = 0; i < b->count; i++) {
        int byte = b->tokens[i].flags & ZO_TOKEN_MERGEABLE
                       ? zo_tokenizer_byte_of(b->tokens[i].s, b->tokens[i].n)
                       : -1;
        if (byte >= 0) {
            b->byte_id[byte] = i;
            b->tokens[i].byte = (uint8_t)byte;
            b->tokens[i].flags |= ZO_TOKEN_BYTE;
        }
    }
    for (int i = 0; i < 256; i++)
        if (b->byte_id[i] < 0)
            return zo_fail(err, ZO_ERR_FORMAT, "\"byte_fallback\" without a token <0x%02X>", (unsigned)i);
    return ZO_OK;
}

static zo_status check_model(const json_t *model, zo_error *err)
{
    static const char *const empty[] = {"continuing_subword_prefix", "end_of_word_suffix"};
    const char *type, *text;
    const json_t *dropout = json_object_get(model, "dropout");
    zo_status st = get_string(model, "type", &type, err);
    if (st)
        return st;
    if (!json_is_object(model))
        return zo_fail(err, ZO_ERR_FORMAT, "no object \"model\"");
    if (type ? strcmp(type, "BPE") != 0 : !json_object_get(model, "merges"))
        return zo_fail(err, ZO_ERR_UNSUPPORTED, "model %.60s is not supported",
                       type ? type : "without a type");
    st = check_keys(
        model, "model",
        "type dropout unk_token continuing_subword_prefix end_of_word_suffix fuse_unk byte_fallback "
        "ignore_merges vocab merges",
        err);
    if (st)
        return st;
    if (dropout && !json_is_null(dropout) && json_number_value(dropout) != 0)
        return zo_fail(err, ZO_ERR_UNSUPPORTED, "model: \"dropout\" is not supported");
    for (int i = 0; i < 2; i++) {
        st = get_string(model, empty[i], &text, err);
        if (st)
            return st;
        if (text && *text)
            return zo_fail(err, ZO_ERR_UNSUPPORTED, "model: \"%s\" is not supported", empty[i]);
    }
    if (!json_is_object(json_object_get(model, "vocab")))
        return zo_fail(err, ZO_ERR_FORMAT, "model: \"vocab\" is not an object");
    return ZO_OK;
}

static zo_status read_model(zo_tokenizer *t, const json_t *model, const json_t *added, zo_error *err)
{
    const json_t *vocab = json_object_get(model, "vocab");
    const char *unknown;
    bool fallback, fuse, whole;
    extent x = {0};
    zo_status st = check_model(model, err);
    if (!st)
        st = get_string(model, "unk_token", &unknown, err);
    if (!st)
        st = get_bool(model, "byte_fallback", false, &fallback, err);
    if (!st)
        st = get_bool(model, "fuse_unk", false, &fuse, err);
    if (!st)
        st = get_bool(model, "ignore_merges", false, &whole, err);
    if (!st)
        st = measure_all(vocab, added, &x, err);
    if (!st)
        st = zo_bpe_new(x.ids, x.bytes, t->mem, &t->bpe, err);
    if (st)
        return st;
    if (fallback && t->byte_level)
        return zo_fail(err, ZO_ERR_UNSUPPORTED, "\"byte_fallback\" with ByteLevel is not supported");

    t->bpe->characters = !t->byte_level;
    t->bpe->byte_fallback = fallback;
    t->bpe->fuse_unknown = fuse;
    t->bpe->whole_pieces = whole;
    if (unknown && json_object_get(vocab, unknown))
        t->bpe->unknown = (int32_t)json_integer_value(json_object_get(vocab, unknown));
    else if (unknown)
        return zo_fail(err, ZO_ERR_FORMAT, "unk_token \"%.60s\" is not in the vocabulary", unknown);
    st = read_vocab(t, vocab, err);
    if (!st)
        st = zo_bpe_index(t->bpe, err);
    if (!st && fallback)
        st = find_byte_tokens(t, err);
    return st ? st : read_merges(t, json_object_get(model, "merges"), err);
}

/* --- added tokens -------------------------------------------------------------------------------------- */

/* The text as it is looked for: normalized as all text is. */
static zo_status put_normalized(zo_tokenizer *t, const char *text, size_t n, zo_added flags, zo_error *err)
{
    zo_pieces p;
    zo_status st = zo_pieces_init(&p, text, n, t->mem, err);
    if (!st)
        st = zo_pre_apply(&t->normalizer, &p, err);
    if (!st && p.count != 1)
        st = zo_fail(err, ZO_ERR_FORMAT, "added token \"%.60s\" is empty once normalized", text);
    if (!st)
        st = zo_added_put(&t->normalized, p.text + p.piece[0].start, p.piece[0].n, flags, t->mem, err);
    zo_pieces_deinit(&p);
    return st;
}

static zo_status read_added(zo_tokenizer *t, const json_t *json, const json_t *vocab, zo_error *err)
{
    const char *text = json_string_value(json_object_get(json, "content"));
    int64_t id = json_integer_value(json_object_get(json, "id"));
    const json_t *known = json_object_get(vocab, text);
    zo_added a = {.id = (int32_t)id};
    bool word, normalized;
    zo_status st =
        check_keys(json, "added token", "id content single_word lstrip rstrip normalized special", err);
    if (!st)
        st = get_bool(json, "single_word", false, &word, err);
    if (!st)
        st = get_bool(json, "lstrip", false, &a.lstrip, err);
    if (!st)
        st = get_bool(json, "rstrip", false, &a.rstrip, err);
    if (!st)
        st = get_bool(json, "normalized", true, &normalized, err);
    if (!st)
        st = get_bool(json, "special", false, &a.special, err);
    if (st)
        return st;
    if (word)
        return zo_fail(err, ZO_ERR_UNSUPPORTED, "added token \"%.60s\": single_word is not supported", text);
    if (known && json_integer_value(known) != id)
        return zo_fail(err, ZO_ERR_FORMAT, "added token \"%.60s\" has id %lld, and %lld in the vocabulary",
                       text, (long long)id, (long long)json_integer_value(known));
    token_text k;
    st = text_of(t, text, strlen(text), &k, err);
    if (st)
        return st;
    if (known)
        t->bpe->tokens[id].flags |= a.special ? ZO_TOKEN_SPECIAL : 0;
    else
        st = zo_bpe_put(t->bpe, id, k.s, k.n, 0, ZO_TOKEN_LITERAL | (a.special ? ZO_TOKEN_SPECIAL : 0u), err);
    if (st)
        return st;
    return normalized ? put_normalized(t, k.s, k.n, a, err) : zo_added_put(&t->raw, k.s, k.n, a, t->mem, err);
}

static zo_status read_all_added(zo_tokenizer *t, const json_t *added, const json_t *vocab, zo_error *err)
{
    zo_status st = ZO_OK;
    for (size_t i = 0; i < json_array_size(added) && !st; i++)
        st = read_added(t, json_array_get(added, i), vocab, err);
    if (!st)
        st = zo_added_finish(&t->raw, err);
    return st ? st : zo_added_finish(&t->normalized, err);
}

/* --- post-processors ----------------------------------------------------------------------------------- */

static zo_status read_post_processor(zo_tokenizer *t, const json_t *json, zo_error *err);

static zo_status post_sequence(zo_tokenizer *t, const json_t *json, zo_error *err)
{
    return read_sequence(t, json, "processors", read_post_processor, err);
}

/* Moves offsets, which are not kept here. */
static zo_status post_byte_level(zo_tokenizer *t, const json_t *json, zo_error *err)
{
    (void)t;
    (void)json;
    (void)err;
    return ZO_OK;
}

/* "single": the special tokens before and after sequence A. */
static zo_status post_template(zo_tokenizer *t, const json_t *json, zo_error *err)
{
    const json_t *single = json_object_get(json, "single");
    zo_affix *side = &t->before;
    for (size_t i = 0; i < json_array_size(single); i++) {
        const json_t *item = json_array_get(single, i), *special = json_object_get(item, "SpecialToken");
        const char *sequence = json_string_value(json_object_get(json_object_get(item, "Sequence"), "id"));
        const char *name = json_string_value(json_object_get(special, "id"));
        if (sequence && strcmp(sequence, "A") == 0 && side == &t->before) {
            side = &t->after;
            continue;
        }
        const json_t *ids =
            name ? json_object_get(json_object_get(json_object_get(json, "special_tokens"), name), "ids")
                 : NULL;
        if (!json_is_array(ids))
            return zo_fail(err, ZO_ERR_FORMAT,
                           "item %zu of \"single\" is neither sequence A nor a special token", i);
        for (size_t k = 0; k < json_array_size(ids); k++) {
            const json_t *id = json_array_get(ids, k);
            zo_status st = zo_affix_put(side, json_is_integer(id) ? json_integer_value(id) : -1, t, err);
            if (st)
                return st;
        }
    }
    return side == &t->after ? ZO_OK : zo_fail(err, ZO_ERR_FORMAT, "\"single\" has no sequence A");
}

static zo_status read_post_processor(zo_tokenizer *t, const json_t *json, zo_error *err)
{
    static const component rows[] = {
        {"Sequence", "processors", post_sequence},
        {"ByteLevel", "add_prefix_space trim_offsets use_regex", post_byte_level},
        {"TemplateProcessing", "single pair special_tokens", post_template},
    };
    return read_component(t, json, "post_processor", ROWS(rows), err);
}

/* --- decoders ------------------------------------------------------------------------------------------ */

/* The two families: ByteLevel; or Replace, ByteFallback, Fuse and Strip in this order, or Metaspace. This is
 * what zo_tokenizer_decode does; a different chain is refused. */
static zo_status read_decoder(zo_tokenizer *t, const json_t *json, zo_error *err);

static zo_status decoder_sequence(zo_tokenizer *t, const json_t *json, zo_error *err)
{
    static const char *const order[] = {"Replace", "ByteFallback", "Fuse", "Strip"};
    const json_t *list = json_object_get(json, "decoders");
    size_t at = 0, n = json_array_size(list);
    bool fused = false;
    for (size_t i = 0; i < n; i++, at++) {
        const char *type = json_string_value(json_object_get(json_array_get(list, i), "type"));
        if (!type)
            return zo_fail(err, ZO_ERR_FORMAT, "not an object with a \"type\"");
        while (at < 4 && strcmp(type, order[at]) != 0)
            at++;
        if (at == 4 || (at == 3 && !fused))
            return zo_fail(err, ZO_ERR_UNSUPPORTED, "a sequence with %.60s at place %zu is not supported",
                           type, i);
        fused = fused || at == 2;
    }
    return read_sequence(t, json, "decoders", read_decoder, err);
}

static zo_status decoder_byte_level(zo_tokenizer *t, const json_t *json, zo_error *err)
{
    (void)json;
    return t->byte_level
               ? ZO_OK
               : zo_fail(err, ZO_ERR_UNSUPPORTED, "without a pre_tokenizer ByteLevel is not supported");
}

static zo_status decoder_replace(zo_tokenizer *t, const json_t *json, zo_error *err)
{
    zo_pre_step step = {0};
    zo_status st = get_replacement(json, &step, err);
    t->decodes_spaces = true;
    if (!st && (strcmp(step.from, ZO_METASPACE) != 0 || strcmp(step.to, " ") != 0))
        st = zo_fail(err, ZO_ERR_UNSUPPORTED, "other than of U+2581 by a space is not supported");
    return st;
}

static zo_status decoder_byte_fallback(zo_tokenizer *t, const json_t *json, zo_error *err)
{
    (void)json;
    t->decodes_bytes = true;
    return t->bpe->byte_fallback
               ? ZO_OK
               : zo_fail(err, ZO_ERR_UNSUPPORTED, "without \"byte_fallback\" is not supported");
}

static zo_status decoder_fuse(zo_tokenizer *t, const json_t *json, zo_error *err)
{
    (void)t;
    (void)json;
    (void)err;
    return ZO_OK;
}

static zo_status decoder_strip(zo_tokenizer *t, const json_t *json, zo_error *err)
{
    char content[8];
    const json_t *start = json_object_get(json, "start"), *stop = json_object_get(json, "stop");
    zo_status st = get_short(json, "content", content, sizeof content, err);
    if (st)
        return st;
    if (strcmp(content, " ") != 0 || json_integer_value(stop) != 0 || !json_is_integer(start) ||
        json_integer_value(start) < 0 || json_integer_value(start) > 8)
        return zo_fail(err, ZO_ERR_UNSUPPORTED, "other than of spaces at the start is not supported");
    t->strip_spaces = (int)json_integer_value(start);
    return ZO_OK;
}

static zo_status decoder_metaspace(zo_tokenizer *t, const json_t *json, zo_error *err)
{
    char mark[8];
    const char *scheme;
    zo_status st = get_metaspace(json, mark, &scheme, err);
    if (!st && strcmp(mark, ZO_METASPACE) != 0)
        st = zo_fail(err, ZO_ERR_UNSUPPORTED, "of other than U+2581 is not supported");
    t->decodes_spaces = true;
    t->strip_first_token = !st && strcmp(scheme, "never") != 0;
    return st;
}

static zo_status read_decoder(zo_tokenizer *t, const json_t *json, zo_error *err)
{
    static const component rows[] = {
        {"Sequence", "decoders", decoder_sequence},
        {"ByteLevel", "add_prefix_space trim_offsets use_regex", decoder_byte_level},
        {"Replace", "pattern content", decoder_replace},
        {"ByteFallback", "", decoder_byte_fallback},
        {"Fuse", "", decoder_fuse},
        {"Strip", "content start stop", decoder_strip},
        {"Metaspace", "replacement add_prefix_space prepend_scheme split str_rep", decoder_metaspace},
    };
    return read_component(t, json, "decoder", ROWS(rows), err);
}

static zo_status check_decoder(const zo_tokenizer *t, const json_t *json, zo_error *err)
{
    const char *type = json_string_value(json_object_get(json, "type"));
    if (!type)
        return zo_fail(err, ZO_ERR_UNSUPPORTED, "a tokenizer without a decoder is not supported");
    if (t->byte_level != (strcmp(type, "ByteLevel") == 0))
        return zo_fail(err, ZO_ERR_UNSUPPORTED,
                       "decoder %.60s with%s a pre_tokenizer ByteLevel is not supported", type,
                       t->byte_level ? "" : "out");
    return ZO_OK;
}

/* --- files --------------------------------------------------------------------------------------------- */

static zo_status load(const char *text, size_t n, char nul[4], json_t **out, zo_error *err)
{
    zo_status st = zo_json_load(text, n, nul, out, err);
    if (st || json_is_object(*out))
        return st;
    json_decref(*out);
    *out = NULL;
    return zo_fail(err, ZO_ERR_FORMAT, "not a JSON object");
}

/* With no other word on it, the tokens around a text are the first and last of it. */
static void guess_special(zo_tokenizer *t)
{
    if (t->before.count > 0)
        t->bos = t->before.id[0];
    if (t->after.count > 0)
        t->eos = t->after.id[t->after.count - 1];
}

zo_status zo_tokenizer_read_json(zo_tokenizer *t, const char *text, size_t n, zo_error *err)
{
    json_t *root = NULL;
    zo_status st = load(text, n, t->nul, &root, err);
    if (st)
        return st;
    const json_t *model = json_object_get(root, "model"), *added = json_object_get(root, "added_tokens");
    const json_t *decoder = json_object_get(root, "decoder");
    st = check_keys(
        root, "tokenizer",
        "version truncation padding added_tokens normalizer pre_tokenizer post_processor decoder model", err);
    if (!st)
        st = read_normalizer(t, json_object_get(root, "normalizer"), err);
    if (!st)
        st = read_pre_tokenizer(t, json_object_get(root, "pre_tokenizer"), err);
    if (!st)
        st = read_model(t, model, added, err);
    if (!st)
        st = read_all_added(t, added, json_object_get(model, "vocab"), err);
    if (!st)
        st = read_post_processor(t, json_object_get(root, "post_processor"), err);
    if (!st)
        st = check_decoder(t, decoder, err);
    if (!st)
        st = read_decoder(t, decoder, err);
    if (!st)
        guess_special(t);
    json_decref(root);
    return st;
}

/* "<s>" or {"content": "<s>", ...}; absent and null leave *id; "" is none. */
static zo_status read_named(const zo_tokenizer *t, const json_t *config, const char *key, int32_t *id,
                            zo_error *err)
{
    const json_t *v = json_object_get(config, key);
    if (!v || json_is_null(v))
        return ZO_OK;
    const char *text = json_string_value(json_is_object(v) ? json_object_get(v, "content") : v);
    int32_t found = text && *text ? zo_tokenizer_find(t, text, strlen(text)) : -1;
    if (found < 0 && !(text && !*text))
        return zo_fail(err, ZO_ERR_FORMAT, "%s \"%.60s\" is not in the vocabulary", key, text ? text : "");
    *id = found;
    return ZO_OK;
}

/* add_bos_token, add_eos_token: where the file says so, it decides over the post-processor. */
static zo_status read_affix(zo_tokenizer *t, const json_t *config, const char *key, int32_t id, zo_affix *a,
                            zo_error *err)
{
    bool add;
    if (!json_is_boolean(json_object_get(config, key)) || id < 0)
        return ZO_OK;
    zo_status st = get_bool(config, key, false, &add, err);
    bool has = a->count > 0 && a->id[a == &t->before ? 0 : a->count - 1] == id;
    if (st || has == add)
        return st;
    if (a->count > 0)
        return zo_fail(err, ZO_ERR_UNSUPPORTED, "%s against the post_processor is not supported", key);
    return zo_affix_put(a, id, t, err);
}

zo_status zo_tokenizer_read_config(zo_tokenizer *t, const char *text, size_t n, zo_error *err)
{
    json_t *config = NULL;
    char nul[4];
    zo_status st = load(text, n, nul, &config, err);
    if (!st)
        st = read_named(t, config, "bos_token", &t->bos, err);
    if (!st)
        st = read_named(t, config, "eos_token", &t->eos, err);
    if (!st)
        st = read_affix(t, config, "add_bos_token", t->bos, &t->before, err);
    if (!st)
        st = read_affix(t, config, "add_eos_token", t->eos, &t->after, err);
    json_decref(config);
    return st;
}
