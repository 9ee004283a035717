/* See tokenizer.h. The way of a text to ids is zo_tokenizer_encode; bpe.c merges, pretokenizer.c cuts, and
 * the readers of the two formats are tokenizer_json.c and tokenizer_gguf.c. */
#include "core/text/tokenizer.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/file.h"
#include "core/text/tokenizer_parts.h"
#include "core/base/utf8.h"
#include "core/format/weights.h"
#include "core/format/synth.h"

void zo_tokenizer_free(zo_tokenizer *t)
{
    if (!t)
        return;
    zo_bpe_free(t->bpe);
    zo_pre_deinit(&t->normalizer);
    zo_pre_deinit(&t->cutter);
    zo_added_deinit(&t->raw);
    zo_added_deinit(&t->normalized);
    zo_mem_free(t);
}

/* --- opening ------------------------------------------------------------------------------------------- */

/* synth: three special tokens, the 256 bytes, and for every further id of the model its number; no merges, so
 * that encoding is arithmetic. */
static zo_status read_synth(zo_tokenizer *t, const char *path, zo_error *err)
{
    static const char *const special[] = {"<unk>", "<s>", "</s>"};
    const int32_t first = 3, named = first + 256;
    zo_config config;
    if (!zo_synth_config(path + 6, &config) || config.vocab < named)
        return zo_fail(err, ZO_ERR_INVALID, "open %s: no such synthetic model", path);
    t->byte_level = true;
    t->bos = 1;
    t->eos = 2;
    zo_status st = zo_bpe_new(config.vocab, (size_t)config.vocab * 16, t->mem, &t->bpe, err);
    for (int32_t i = 0; i < first && !st; i++) {
        size_t n = strlen(special[i]);
        st = zo_bpe_put(t->bpe, i, special[i], n, 0, ZO_TOKEN_SPECIAL | ZO_TOKEN_LITERAL, err);
        if (!st)
            st = zo_added_put(&t->raw, special[i], n, (zo_added){.id = i, .special = true}, t->mem, err);
    }
    for (int32_t i = first; i < named && !st; i++)
        st = zo_bpe_put(t->bpe, i, &(char){(char)(i - first)}, 1, 0, ZO_TOKEN_MERGEABLE, err);
    for (int32_t i = named; i < config.vocab && !st; i++) {
        char text[16];
        int n = snprintf(text, sizeof text, "<%d>", i);
        st = zo_bpe_put(t->bpe, i, text, (size_t)n, 0, ZO_TOKEN_LITERAL, err);
    }
    if (!st)
        st = zo_bpe_index(t->bpe, err);
    if (!st)
        st = zo_added_finish(&t->raw, err);
    return st ? st : zo_affix_put(&t->before, t->bos, t, err);
}

/* Reads the whole file with `read`. missing_ok: no file, nothing done. */
static zo_status read_file(zo_tokenizer *t, const char *path, bool missing_ok,
                           zo_status (*read)(zo_tokenizer *, const char *, size_t, zo_error *), zo_error *err)
{
    struct stat info;
    zo_file_map map = {0};
    if (missing_ok && stat(path, &info) != 0 && errno == ENOENT)
        return ZO_OK;
    zo_status st = zo_file_map_open(path, &map, err);
    if (st)
        return st;
    st = read(t, map.data, map.bytes, err);
    if (st)
        zo_error_context(err, "read %s", path);
    zo_file_map_close(&map);
    return st;
}

static zo_status read_gguf_file(zo_tokenizer *t, const char *path, zo_error *err)
{
    zo_gguf *g = NULL;
    zo_status st = zo_gguf_open(path, t->mem, &g, err);
    if (st)
        return st;
    st = zo_tokenizer_read_gguf(t, g, err);
    if (st)
        zo_error_context(err, "read the tokenizer of %s", path);
    zo_gguf_free(g);
    return st;
}

static zo_status read_folder(zo_tokenizer *t, const char *path, zo_error *err)
{
    static const struct {
        const char *name;
        bool optional;
        zo_status (*read)(zo_tokenizer *, const char *, size_t, zo_error *);
    } files[] = {{"tokenizer.json", false, zo_tokenizer_read_json},
                 {"tokenizer_config.json", true, zo_tokenizer_read_config}};
    zo_status st = ZO_OK;
    for (int i = 0; i < 2 && !st; i++) {
        char file[4096];
        if (snprintf(file, sizeof file, "%s/%s", path, files[i].name) >= (int)sizeof file)
            return zo_fail(err, ZO_ERR_INVALID, "open %.200s...: the path is too long", path);
        st = read_file(t, file, files[i].optional, files[i].read, err);
    }
    return st;
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), k = strlen(end);
    return n >= k && strcmp(s + n - k, end) == 0;
}

static zo_status read_path(zo_tokenizer *t, const char *path, zo_error *err)
{
    struct stat info;
    if (strncmp(path, "synth:", 6) == 0)
        return read_synth(t, path, err);
    if (stat(path, &info) != 0)
        return zo_fail(err, ZO_ERR_IO, "open %s: %s", path, strerror(errno));
    if (S_ISDIR(info.st_mode))
        return read_folder(t, path, err);
    return ends_with(path, ".json") ? read_file(t, path, false, zo_tokenizer_read_json, err)
                                    : read_gguf_file(t, path, err);
}

/* Ends every way of opening: out gets t, or NULL and t is freed. */
static zo_status hand_over(zo_tokenizer *t, zo_status st, zo_tokenizer **out)
{
    if (st)
        zo_tokenizer_free(t);
    *out = st ? NULL : t;
    return st;
}

zo_status zo_tokenizer_open(const char *path, zo_mem *mem, zo_tokenizer **out, zo_error *err)
{
    zo_tokenizer *t = NULL;
    zo_status st = zo_tokenizer_new(mem, &t, err);
    return hand_over(t, st ? st : read_path(t, path, err), out);
}

zo_status zo_tokenizer_from_json(const char *text, size_t bytes, const char *name, zo_mem *mem,
                                 zo_tokenizer **out, zo_error *err)
{
    zo_tokenizer *t = NULL;
    zo_status st = zo_tokenizer_new(mem, &t, err);
    if (!st) {
        st = zo_tokenizer_read_json(t, text, bytes, err);
        if (st)
            zo_error_context(err, "read %s", name);
    }
    return hand_over(t, st, out);
}

zo_status zo_tokenizer_from_gguf(const void *data, size_t bytes, const char *name, zo_mem *mem,
                                 zo_tokenizer **out, zo_error *err)
{
    zo_tokenizer *t = NULL;
    zo_gguf *g = NULL;
    zo_status st = zo_tokenizer_new(mem, &t, err);
    if (!st)
        st = zo_gguf_open_memory(data, bytes, name, mem, &g, err);
    if (!st) {
        st = zo_tokenizer_read_gguf(t, g, err);
        if (st)
            zo_error_context(err, "read the tokenizer of %s", name);
    }
    zo_gguf_free(g);
    return hand_over(t, st, out);
}

/* --- what it is ---------------------------------------------------------------------------------------- */

int32_t zo_tokenizer_vocab(const zo_tokenizer *t)
{
    return t->bpe->count;
}

bool zo_tokenizer_has(const zo_tokenizer *t, int32_t id)
{
    return id >= 0 && id < t->bpe->count && t->bpe->tokens[id].flags;
}

int32_t zo_tokenizer_bos(const zo_tokenizer *t)
{
    return t->bos;
}

int32_t zo_tokenizer_eos(const zo_tokenizer *t)
{
    return t->eos;
}

/* --- encoding ------------------------------------------------------------------------------------------ */

/* The first entry of [lo, hi) whose byte d is at least c; they are all longer than d and agree before it. */
static size_t lower_bound(const zo_added_set *set, size_t lo, size_t hi, size_t d, unsigned c)
{
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if ((unsigned char)set->list[mid].s[d] < c)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* The longest added token that s begins with, or NULL. */
static const zo_added *longest_added(const zo_added_set *set, const char *s, size_t n)
{
    const zo_added *best = NULL;
    size_t lo = 0, hi = set->count;
    for (size_t d = 0; lo < hi; d++) {
        if (set->list[lo].n == d) /* sorts before those that it begins */
            best = &set->list[lo++];
        if (d == n)
            break;
        unsigned c = (unsigned char)s[d];
        hi = lower_bound(set, lo, hi, d, c + 1);
        lo = lower_bound(set, lo, hi, d, c);
    }
    return best;
}

/* Bytes of the white space character that ends s, or 0. */
static size_t space_at_end(const char *s, size_t n)
{
    for (size_t k = 1; k <= 3 && k <= n; k++) {
        uint32_t cp;
        if (zo_utf8_decode(s + n - k, k, &cp) == (int)k)
            return zo_utf8_is_space(cp) ? k : 0;
    }
    return 0;
}

static size_t space_at_start(const char *s, size_t n)
{
    uint32_t cp;
    int bytes = zo_utf8_decode(s, n, &cp);
    return bytes > 0 && zo_utf8_is_space(cp) ? (size_t)bytes : 0;
}

static zo_status split_piece(const zo_added_set *set, bool parse, zo_pieces *p, const zo_piece *of,
                             zo_error *err)
{
    const char *s = p->text + of->start;
    size_t gap = 0;
    zo_status st = ZO_OK;
    for (size_t at = 0; at < of->n && !st;) {
        const zo_added *a = set->begins[(unsigned char)s[at]] ? longest_added(set, s + at, of->n - at) : NULL;
        if (!a) {
            at++;
            continue;
        }
        size_t from = at, to = at + a->n, k;
        at = to;
        if (a->special && !parse)
            continue; /* passed over whole, as Hugging Face's encode_special_tokens does */
        while (a->lstrip && from > gap && (k = space_at_end(s + gap, from - gap)) > 0)
            from -= k;
        while (a->rstrip && (k = space_at_start(s + to, of->n - to)) > 0)
            to += k;
        st = zo_pieces_put(p, of->start + gap, from - gap, -1, of->first && gap == 0, err);
        if (!st)
            st = zo_pieces_put(p, of->start + from, to - from, a->id, false, err);
        gap = at = to;
    }
    return st ? st : zo_pieces_put(p, of->start + gap, of->n - gap, -1, of->first && gap == 0, err);
}

static zo_status split_added(const zo_added_set *set, bool parse, zo_pieces *p, zo_error *err)
{
    zo_status st = ZO_OK;
    if (set->count == 0)
        return ZO_OK;
    for (size_t i = 0; i < p->count && !st; i++)
        st = p->piece[i].id < 0
                 ? split_piece(set, parse, p, &p->piece[i], err)
                 : zo_pieces_put(p, p->piece[i].start, p->piece[i].n, p->piece[i].id, false, err);
    zo_pieces_swap(p);
    return st;
}

static void put_affix(const zo_affix *a, int flags, zo_ids *out)
{
    for (int i = 0; i < a->count && (flags & ZO_ENCODE_SPECIAL); i++)
        zo_ids_put(out, a->id[i]);
}

zo_status zo_tokenizer_encode(const zo_tokenizer *t, const char *text, size_t n, int flags, int32_t *ids,
                              size_t cap, size_t *count, zo_error *err)
{
    bool parse = flags & ZO_ENCODE_PARSE;
    zo_ids out = {.ids = ids, .cap = cap};
    zo_pieces p;
    zo_bpe_scratch scratch = {.mem = t->mem};
    zo_status st = zo_pieces_init(&p, text, n, t->mem, err);
    if (!st)
        st = split_added(&t->raw, parse, &p, err);
    if (!st)
        st = zo_pre_apply(&t->normalizer, &p, err);
    if (!st)
        st = split_added(&t->normalized, parse, &p, err);
    if (!st)
        st = zo_pre_apply(&t->cutter, &p, err);
    put_affix(&t->before, flags, &out);
    for (size_t i = 0; i < p.count && !st; i++) {
        if (p.piece[i].id >= 0)
            zo_ids_put(&out, p.piece[i].id);
        else
            st = zo_bpe_encode(t->bpe, p.text + p.piece[i].start, p.piece[i].n, &scratch, &out, err);
    }
    put_affix(&t->after, flags, &out);
    zo_bpe_scratch_deinit(&scratch);
    zo_pieces_deinit(&p);
    *count = st ? 0 : out.count;
    return st;
}

/* --- decoding ------------------------------------------------------------------------------------------ */

typedef struct sink {
    char *text;
    size_t cap, count;
    size_t strip; /* spaces still to be left out, as long as nothing was written */
} sink;

static void put_bytes(sink *out, const char *s, size_t n)
{
    for (; n > 0 && out->count == 0 && out->strip > 0 && *s == ' '; s++, n--)
        out->strip--;
    if (n > 0 && out->count < out->cap)
        memcpy(out->text + out->count, s, n < out->cap - out->count ? n : out->cap - out->count);
    out->count += n;
}

/* The text of a SentencePiece token: U+2581 is a space. */
static void put_spaced(sink *out, const zo_token *k, bool drop_spaces)
{
    const size_t mark = sizeof ZO_METASPACE - 1;
    for (size_t at = 0, end; at < k->n; at = end + mark) {
        const char *hit = memmem(k->s + at, k->n - at, ZO_METASPACE, mark);
        end = hit ? (size_t)(hit - k->s) : k->n;
        put_bytes(out, k->s + at, end - at);
        if (hit && !drop_spaces)
            put_bytes(out, " ", 1);
    }
}

zo_status zo_tokenizer_decode(const zo_tokenizer *t, const int32_t *ids, size_t n, bool keep_special,
                              char *text, size_t cap, size_t *count, zo_error *err)
{
    sink out = {.text = text, .cap = cap, .strip = (size_t)t->strip_spaces};
    bool first = true;
    *count = 0;
    for (size_t i = 0; i < n; i++) {
        if (!zo_tokenizer_has(t, ids[i]))
            return zo_fail(err, ZO_ERR_INVALID, "decode: id %d is not in the vocabulary of %d", ids[i],
                           t->bpe->count);
        const zo_token *k = &t->bpe->tokens[ids[i]];
        if ((k->flags & ZO_TOKEN_SPECIAL) && !keep_special)
            continue;
        if ((k->flags & ZO_TOKEN_BYTE) && t->decodes_bytes)
            put_bytes(&out, &(char){(char)k->byte}, 1);
        else if (!t->decodes_spaces || (k->flags & ZO_TOKEN_LITERAL))
            put_bytes(&out, k->s, k->n);
        else
            put_spaced(&out, k, first && t->strip_first_token);
        first = false;
    }
    *count = out.count;
    return ZO_OK;
}
