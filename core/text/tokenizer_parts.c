/* See tokenizer_parts.h. */
#include "core/text/tokenizer_parts.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/utf8.h"

zo_status zo_tokenizer_new(zo_mem *mem, zo_tokenizer **out, zo_error *err)
{
    zo_tokenizer *t = NULL;
    zo_status st = zo_mem_array(mem, ZO_ACCOUNT_DATA, 1, sizeof *t, "tokenizer", &t, err);
    if (st)
        return st;
    t->mem = mem;
    t->bos = t->eos = -1;
    st = zo_pre_init(&t->normalizer, mem, err);
    if (!st)
        st = zo_pre_init(&t->cutter, mem, err);
    if (st) {
        zo_pre_deinit(&t->normalizer);
        zo_pre_deinit(&t->cutter);
        zo_mem_free(t);
        t = NULL;
    }
    *out = t;
    return st;
}

void zo_added_deinit(zo_added_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        zo_mem_free(set->list[i].s);
    zo_mem_free(set->list);
}

/* The byte that a character of GPT-2's alphabet stands for, or -1. The printable bytes 21-7E, A1-AC and AE-FF
 * stand for themselves, the 68 others are U+0100 and up in order. Source: openai/gpt-2 src/encoder.py,
 * bytes_to_unicode. */
static int byte_of_character(uint32_t cp)
{
    if ((cp >= 0x21 && cp <= 0x7E) || (cp >= 0xA1 && cp <= 0xFF && cp != 0xAD))
        return (int)cp;
    if (cp < 0x100 || cp > 0x143)
        return -1;
    int k = (int)(cp - 0x100);
    return k <= 0x20 ? k : k <= 0x42 ? 0x7F + k - 0x21 : 0xAD;
}

/* Bytes of a text in that alphabet to out (n bytes of room), or false. */
static bool unmap(const char *s, size_t n, char *out, size_t *out_n)
{
    *out_n = 0;
    for (size_t at = 0; at < n;) {
        uint32_t cp = 0;
        int bytes = zo_utf8_decode(s + at, n - at, &cp), value = bytes > 0 ? byte_of_character(cp) : -1;
        if (value < 0)
            return false;
        out[(*out_n)++] = (char)value;
        at += (size_t)bytes;
    }
    return true;
}

/* Room for n bytes: `small` (of small_n) where that is enough. */
static char *borrow(zo_mem *mem, char *small, size_t small_n, size_t n)
{
    return n <= small_n ? small : zo_mem_alloc(mem, ZO_ACCOUNT_DATA, n);
}

static void give_back(char *buffer, const char *small)
{
    if (buffer != small)
        zo_mem_free(buffer);
}

zo_status zo_tokenizer_put_mapped(zo_tokenizer *t, int64_t id, const char *s, size_t n, unsigned flags,
                                  zo_error *err)
{
    char small[256];
    size_t bytes;
    char *buffer = borrow(t->mem, small, sizeof small, n);
    if (!buffer)
        return zo_fail(err, ZO_ERR_MEMORY, "token %lld: out of memory", (long long)id);
    bool mapped = n > 0 && unmap(s, n, buffer, &bytes);
    zo_status st = mapped ? zo_bpe_put(t->bpe, id, buffer, bytes, 0, flags | ZO_TOKEN_MERGEABLE, err)
                          : zo_bpe_put(t->bpe, id, s, n, 0, flags | ZO_TOKEN_LITERAL, err);
    give_back(buffer, small);
    return st;
}

zo_status zo_tokenizer_add_merge(zo_tokenizer *t, const char *left, size_t left_n, const char *right,
                                 size_t right_n, zo_error *err)
{
    if (!t->byte_level)
        return zo_bpe_add_merge(t->bpe, left, left_n, right, right_n, err);
    char small[256];
    size_t l_n = 0, r_n = 0;
    char *buffer = borrow(t->mem, small, sizeof small, left_n + right_n);
    if (!buffer)
        return zo_fail(err, ZO_ERR_MEMORY, "merge: out of memory");
    /* A side outside of the alphabet has no token, which the callee says of the text as it is. */
    bool l = unmap(left, left_n, buffer, &l_n), r = unmap(right, right_n, buffer + left_n, &r_n);
    zo_status st = zo_bpe_add_merge(t->bpe, l ? buffer : left, l ? l_n : left_n, r ? buffer + left_n : right,
                                    r ? r_n : right_n, err);
    give_back(buffer, small);
    return st;
}

zo_status zo_added_put(zo_added_set *set, const char *s, size_t n, zo_added flags, zo_mem *mem, zo_error *err)
{
    zo_status st = ZO_OK;
    if (n == 0)
        return zo_fail(err, ZO_ERR_FORMAT, "added token %d: it has no text", flags.id);
    if (set->count == set->cap) {
        size_t cap = set->cap ? 2 * set->cap : 32;
        zo_added *bigger = NULL;
        st = zo_mem_array(mem, ZO_ACCOUNT_DATA, cap, sizeof *bigger, "added tokens", &bigger, err);
        if (st)
            return st;
        if (set->count)
            memcpy(bigger, set->list, set->count * sizeof *bigger);
        zo_mem_free(set->list);
        set->list = bigger;
        set->cap = cap;
    }
    st = zo_mem_array(mem, ZO_ACCOUNT_DATA, n, 1, "added token", &flags.s, err);
    if (st)
        return st;
    memcpy(flags.s, s, n);
    flags.n = n;
    set->list[set->count++] = flags;
    set->begins[(unsigned char)s[0]] = true;
    return ZO_OK;
}

static int compare_added(const void *a, const void *b)
{
    const zo_added *x = a, *y = b;
    int order = memcmp(x->s, y->s, x->n < y->n ? x->n : y->n);
    return order ? order : (x->n > y->n) - (x->n < y->n);
}

zo_status zo_added_finish(zo_added_set *set, zo_error *err)
{
    if (set->count)
        qsort(set->list, set->count, sizeof *set->list, compare_added);
    for (size_t i = 1; i < set->count; i++)
        if (compare_added(&set->list[i - 1], &set->list[i]) == 0)
            return zo_fail(err, ZO_ERR_FORMAT, "added tokens %d and %d are both \"%.*s\"",
                           set->list[i - 1].id, set->list[i].id,
                           (int)(set->list[i].n < 60 ? set->list[i].n : 60), set->list[i].s);
    return ZO_OK;
}

int zo_tokenizer_byte_of(const char *s, size_t n)
{
    static const char digits[] = "0123456789ABCDEF";
    if (n != 6 || memcmp(s, "<0x", 3) != 0 || s[5] != '>')
        return -1;
    const char *high = s[3] ? strchr(digits, s[3]) : NULL, *low = s[4] ? strchr(digits, s[4]) : NULL;
    return high && low ? (int)(high - digits) * 16 + (int)(low - digits) : -1;
}

int32_t zo_tokenizer_find(const zo_tokenizer *t, const char *s, size_t n)
{
    for (int32_t i = 0; i < t->bpe->count; i++) {
        const zo_token *k = &t->bpe->tokens[i];
        if (k->flags && k->n == n && memcmp(k->s, s, n) == 0)
            return i;
    }
    return -1;
}

zo_status zo_affix_put(zo_affix *a, int64_t id, const zo_tokenizer *t, zo_error *err)
{
    if (id < 0 || id >= t->bpe->count || !t->bpe->tokens[id].flags)
        return zo_fail(err, ZO_ERR_FORMAT, "special token %lld is not in the vocabulary", (long long)id);
    if (a->count == ZO_TOKENIZER_MAX_AFFIX)
        return zo_fail(err, ZO_ERR_UNSUPPORTED, "more than %d special tokens around a text",
                       ZO_TOKENIZER_MAX_AFFIX);
    a->id[a->count++] = (int32_t)id;
    return ZO_OK;
}
