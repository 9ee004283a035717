/* See pretokenizer.h. */
#include "core/text/pretokenizer.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

#include "core/base/utf8.h"

#define MAX_PATTERN 65536
/* Of one match: PCRE2's own limit of backtracking steps; its limit of heap (20 GB) is lowered to 64 MiB. */
#define MATCH_LIMIT    10000000u
#define HEAP_LIMIT_KIB 65536u

const char zo_pre_gpt2[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

static void *pcre2_alloc(size_t bytes, void *mem)
{
    return zo_mem_alloc(mem, ZO_ACCOUNT_DATA, bytes);
}

static void pcre2_release(void *block, void *mem)
{
    (void)mem;
    zo_mem_free(block);
}

zo_status zo_pre_init(zo_pre *p, zo_mem *mem, zo_error *err)
{
    memset(p, 0, sizeof *p);
    p->mem = mem;
    p->general = pcre2_general_context_create(pcre2_alloc, pcre2_release, mem);
    return p->general ? ZO_OK : zo_fail(err, ZO_ERR_MEMORY, "pre-tokenizer: out of memory");
}

void zo_pre_deinit(zo_pre *p)
{
    for (int i = 0; i < p->count; i++)
        pcre2_code_free(p->steps[i].code);
    pcre2_general_context_free(p->general);
    memset(p, 0, sizeof *p);
}

zo_status zo_pre_add(zo_pre *p, zo_pre_step step, zo_error *err)
{
    if (p->count == ZO_PRE_MAX_STEPS) {
        pcre2_code_free(step.code);
        return zo_fail(err, ZO_ERR_UNSUPPORTED, "pre-tokenizer: more than %d steps", ZO_PRE_MAX_STEPS);
    }
    p->steps[p->count++] = step;
    return ZO_OK;
}

/* --- patterns ------------------------------------------------------------------------------------------ */

/* White_Space and its complement as ranges of a class: PCRE2's \s has U+180E besides, and not U+0085 in every
 * release. */
#define SPACES                                                                                               \
    "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{" \
    "3000}"
#define NO_SPACES                                                                                            \
    "\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-\\x{84}\\x{86}-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}"          \
    "\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{10ffff}"

/* A pattern under translation. */
typedef struct translation {
    const char *in;
    size_t n, at;
    char *out;
    size_t out_n, out_cap;
    bool in_class;
    zo_error *err;
} translation;

static zo_status refuse(const translation *t, size_t from, size_t n)
{
    n = n < t->n - from ? n : t->n - from;
    return zo_fail(t->err, ZO_ERR_UNSUPPORTED, "pattern \"%.*s\": \"%.*s\" at byte %zu is not supported",
                   (int)(t->n < 200 ? t->n : 200), t->in, (int)n, t->in + from, from);
}

static void emit(translation *t, const char *s, size_t n)
{
    assert(n <= t->out_cap - t->out_n);
    memcpy(t->out + t->out_n, s, n);
    t->out_n += n;
}

static char peek(const translation *t, size_t ahead)
{
    return t->at + ahead < t->n ? t->in[t->at + ahead] : 0;
}

/* \p{L}, \P{Lu}: general categories, of one letter or two. */
static zo_status translate_property(translation *t)
{
    static const char *const one = "CLMNPSZ";
    size_t n = peek(t, 4) == '}' ? 5 : 6;
    char second = peek(t, 4);
    bool ok = peek(t, 2) == '{' && peek(t, 3) && strchr(one, peek(t, 3)) &&
              (n == 5 || (second >= 'a' && second <= 'z' && peek(t, 5) == '}'));
    if (!ok)
        return refuse(t, t->at, 12);
    emit(t, t->in + t->at, n);
    t->at += n;
    return ZO_OK;
}

static zo_status translate_escape(translation *t)
{
    static const struct {
        char letter;
        const char *outside, *inside;
    } row[] = {
        {'s', "[" SPACES "]", SPACES}, {'S', "[^" SPACES "]", NO_SPACES},
        {'d', "\\p{Nd}", "\\p{Nd}"},   {'D', "\\P{Nd}", "\\P{Nd}"},
        {'r', "\\r", "\\r"},           {'n', "\\n", "\\n"},
        {'t', "\\t", "\\t"},           {'f', "\\f", "\\f"},
    };
    char c = peek(t, 1);
    if (c == 'p' || c == 'P')
        return translate_property(t);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        if (row[i].letter == c) {
            const char *to = t->in_class ? row[i].inside : row[i].outside;
            emit(t, to, strlen(to));
            t->at += 2;
            return ZO_OK;
        }
    }
    if (!c || !strchr("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ ", c))
        return refuse(t, t->at, 2);
    emit(t, t->in + t->at, 2);
    t->at += 2;
    return ZO_OK;
}

/* {n}, {n,} or {n,m}, which nothing may follow that changes its meaning. */
static zo_status translate_count(translation *t)
{
    size_t i = 1;
    for (; peek(t, i) >= '0' && peek(t, i) <= '9'; i++)
        ;
    bool ok = i > 1;
    if (peek(t, i) == ',')
        for (i++; peek(t, i) >= '0' && peek(t, i) <= '9'; i++)
            ;
    ok = ok && peek(t, i) == '}' && peek(t, i + 1) != '+' && peek(t, i + 1) != '?';
    if (!ok)
        return refuse(t, t->at, i + 2);
    emit(t, t->in + t->at, i + 1);
    t->at += i + 1;
    return ZO_OK;
}

static zo_status translate_group(translation *t)
{
    static const char *const known[] = {"(?:", "(?=", "(?!", "(?i:"};
    size_t n = peek(t, 1) == '?' || peek(t, 1) == '*' ? 0 : 1;
    for (size_t i = 0; i < sizeof known / sizeof known[0] && n == 0; i++) {
        size_t k = strlen(known[i]);
        if (k <= t->n - t->at && memcmp(known[i], t->in + t->at, k) == 0)
            n = k;
    }
    if (n == 0)
        return refuse(t, t->at, 4);
    emit(t, t->in + t->at, n);
    t->at += n;
    return ZO_OK;
}

static zo_status translate_one(translation *t)
{
    char c = t->in[t->at];
    if (c == '\\')
        return translate_escape(t);
    if (t->in_class) {
        if (c == '[' || (c == '&' && peek(t, 1) == '&'))
            return refuse(t, t->at, 2);
        t->in_class = c != ']';
    } else if (c == '{') {
        return translate_count(t);
    } else if (c == '(') {
        return translate_group(t);
    } else if (c == '^' || c == '$' || c == ']' || c == '}' || c == 0) {
        return refuse(t, t->at, 1); /* line anchors differ; unbalanced brackets */
    } else if (c == '[') {
        t->in_class = true;
        size_t n = peek(t, 1) == '^' ? 2 : 1;
        if (peek(t, n) == ']')
            return refuse(t, t->at, n + 1);
        emit(t, t->in + t->at, n);
        t->at += n;
        return ZO_OK;
    }
    emit(t, t->in + t->at, 1);
    t->at++;
    return ZO_OK;
}

static zo_status compile(zo_pre *p, const char *pattern, size_t n, uint32_t options, zo_error *err)
{
    int code = 0;
    size_t at = 0;
    pcre2_compile_context *context = pcre2_compile_context_create(p->general);
    if (!context)
        return zo_fail(err, ZO_ERR_MEMORY, "pattern: out of memory");
    pcre2_set_newline(context, PCRE2_NEWLINE_LF); /* what "." does not match */
    pcre2_code *re = pcre2_compile((PCRE2_SPTR)pattern, n, options, &code, &at, context);
    pcre2_compile_context_free(context);
    if (!re) {
        char text[128] = "";
        pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof text);
        return zo_fail(err, code == PCRE2_ERROR_HEAP_FAILED ? ZO_ERR_MEMORY : ZO_ERR_FORMAT,
                       "pattern \"%.*s\": %s at byte %zu", (int)(n < 200 ? n : 200), pattern, text, at);
    }
    /* Where there is no JIT compiler, or it may not have executable memory, pcre2_match interprets. */
    (void)pcre2_jit_compile(re, PCRE2_JIT_COMPLETE);
    return zo_pre_add(p, (zo_pre_step){.kind = ZO_PRE_SPLIT, .code = re}, err);
}

zo_status zo_pre_pattern(zo_pre *p, const char *pattern, size_t n, bool literal, zo_error *err)
{
    for (size_t i = 0; i < n;) {
        int bytes = zo_utf8_decode(pattern + i, n - i, NULL);
        if (!bytes)
            return zo_fail(err, ZO_ERR_FORMAT, "pattern: not UTF-8 at byte %zu", i);
        i += (size_t)bytes;
    }
    if (n > MAX_PATTERN || n == 0)
        return zo_fail(err, ZO_ERR_FORMAT, "pattern: %zu bytes, at most %d and not 0 are supported", n,
                       MAX_PATTERN);
    if (literal)
        return compile(p, pattern, n, PCRE2_UTF | PCRE2_LITERAL, err);

    translation t = {.in = pattern, .n = n, .err = err};
    t.out_cap = n / 2 * sizeof NO_SPACES + n + 8; /* two bytes in become at most a NO_SPACES */
    zo_status st = zo_mem_array(p->mem, ZO_ACCOUNT_DATA, t.out_cap, 1, "pattern", &t.out, err);
    while (!st && t.at < n)
        st = translate_one(&t);
    if (!st && t.in_class)
        st = zo_fail(err, ZO_ERR_FORMAT, "pattern \"%.*s\": a \"[\" is not closed", (int)(n < 200 ? n : 200),
                     pattern);
    if (!st)
        st = compile(p, t.out, t.out_n, PCRE2_UTF | PCRE2_UCP | PCRE2_NO_AUTO_CAPTURE, err);
    zo_mem_free(t.out);
    return st;
}

/* --- pieces -------------------------------------------------------------------------------------------- */

zo_status zo_pieces_init(zo_pieces *p, const char *text, size_t n, zo_mem *mem, zo_error *err)
{
    *p = (zo_pieces){.mem = mem, .text = text};
    if (n >= INT32_MAX)
        return zo_fail(err, ZO_ERR_INVALID, "encode %zu bytes: at most %d are supported", n, INT32_MAX - 1);
    zo_status st = zo_pieces_put(p, 0, n, -1, true, err);
    zo_pieces_swap(p);
    return st;
}

void zo_pieces_deinit(zo_pieces *p)
{
    zo_mem_free(p->piece);
    zo_mem_free(p->spare);
    zo_mem_free(p->owned[0]);
    zo_mem_free(p->owned[1]);
    pcre2_match_data_free(p->match);
    pcre2_match_context_free(p->context);
    memset(p, 0, sizeof *p);
}

zo_status zo_pieces_put(zo_pieces *p, size_t start, size_t n, int32_t id, bool first, zo_error *err)
{
    if (n == 0)
        return ZO_OK;
    if (p->spare_count == p->spare_cap) {
        size_t cap = p->spare_cap ? 2 * p->spare_cap : 64;
        zo_piece *bigger = NULL;
        zo_status st =
            zo_mem_array(p->mem, ZO_ACCOUNT_DATA, cap, sizeof *bigger, "pieces of text", &bigger, err);
        if (st)
            return st;
        if (p->spare_count)
            memcpy(bigger, p->spare, p->spare_count * sizeof *bigger);
        zo_mem_free(p->spare);
        p->spare = bigger;
        p->spare_cap = cap;
    }
    p->spare[p->spare_count++] = (zo_piece){start, n, id, first};
    return ZO_OK;
}

void zo_pieces_swap(zo_pieces *p)
{
    zo_piece *piece = p->piece;
    size_t cap = p->cap;
    p->piece = p->spare;
    p->count = p->spare_count;
    p->cap = p->spare_cap;
    p->spare = piece;
    p->spare_cap = cap;
    p->spare_count = 0;
}

/* A part of piece `of`. */
static zo_status put_part(zo_pieces *p, const zo_piece *of, size_t from, size_t to, zo_error *err)
{
    return zo_pieces_put(p, of->start + from, to - from, -1, of->first && from == 0, err);
}

/* --- steps --------------------------------------------------------------------------------------------- */

static zo_status prepare_matching(const zo_pre *p, zo_pieces *pieces, zo_error *err)
{
    if (pieces->match)
        return ZO_OK;
    pieces->match = pcre2_match_data_create(1, p->general);
    pieces->context = pcre2_match_context_create(p->general);
    if (!pieces->match || !pieces->context)
        return zo_fail(err, ZO_ERR_MEMORY, "match a pattern: out of memory");
    pcre2_set_match_limit(pieces->context, MATCH_LIMIT);
    pcre2_set_heap_limit(pieces->context, HEAP_LIMIT_KIB);
    return ZO_OK;
}

static int match(const pcre2_code *code, const char *s, size_t n, size_t at, zo_pieces *p)
{
    int rc = pcre2_match(code, (PCRE2_SPTR)s, n, at, PCRE2_NO_UTF_CHECK, p->match, p->context);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT) /* 32 KiB of stack; the interpreter uses the heap */
        rc = pcre2_match(code, (PCRE2_SPTR)s, n, at, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, p->match, p->context);
    return rc;
}

/* Cuts [from, to) of a piece, which is UTF-8, at the matches of a pattern. */
static zo_status split_valid(const pcre2_code *code, zo_pieces *p, const zo_piece *of, size_t from, size_t to,
                             zo_error *err)
{
    const char *s = p->text + of->start + from;
    size_t n = to - from, gap = 0, at = 0;
    zo_status st = ZO_OK;
    while (!st && at < n) {
        int rc = match(code, s, n, at, p);
        if (rc == PCRE2_ERROR_NOMATCH)
            break;
        if (rc < 0) {
            char text[128] = "";
            pcre2_get_error_message(rc, (PCRE2_UCHAR *)text, sizeof text);
            return zo_fail(err, rc == PCRE2_ERROR_NOMEMORY ? ZO_ERR_MEMORY : ZO_ERR_FORMAT,
                           "match a pre-tokenizer's pattern to %zu bytes of text: %s", n, text);
        }
        const size_t *found = pcre2_get_ovector_pointer(p->match);
        size_t begin = found[0], end = found[1];
        st = put_part(p, of, from + gap, from + begin, err);
        if (!st)
            st = put_part(p, of, from + begin, from + end, err);
        gap = end;
        at = end > begin ? end : end + (end < n ? (size_t)zo_utf8_decode(s + end, n - end, NULL) : 1);
    }
    return st ? st : put_part(p, of, from + gap, to, err);
}

static zo_status split(const zo_pre *pre, const zo_pre_step *step, zo_pieces *p, zo_error *err)
{
    zo_status st = prepare_matching(pre, p, err);
    for (size_t i = 0; i < p->count && !st; i++) {
        const zo_piece *of = &p->piece[i];
        if (of->id >= 0) {
            st = zo_pieces_put(p, of->start, of->n, of->id, of->first, err);
            continue;
        }
        /* Runs of UTF-8 and runs of other bytes take turns. */
        for (size_t at = 0, run = 0; at < of->n && !st; run = at) {
            int bytes;
            while (at < of->n && (bytes = zo_utf8_decode(p->text + of->start + at, of->n - at, NULL)) > 0)
                at += (size_t)bytes;
            if (at > run)
                st = split_valid(step->code, p, of, run, at, err);
            run = at;
            while (at < of->n && zo_utf8_decode(p->text + of->start + at, of->n - at, NULL) == 0)
                at++;
            if (!st)
                st = put_part(p, of, run, at, err);
        }
    }
    return st;
}

static size_t find(const char *s, size_t n, size_t at, const char *what, size_t what_n)
{
    const char *hit = at < n ? memmem(s + at, n - at, what, what_n) : NULL;
    return hit ? (size_t)(hit - s) : n;
}

static zo_status split_before(const zo_pre_step *step, zo_pieces *p, zo_error *err)
{
    zo_status st = ZO_OK;
    size_t from_n = strlen(step->from);
    for (size_t i = 0; i < p->count && !st; i++) {
        const zo_piece *of = &p->piece[i];
        const char *s = p->text + of->start;
        if (of->id >= 0) {
            st = zo_pieces_put(p, of->start, of->n, of->id, of->first, err);
            continue;
        }
        for (size_t at = 0, next; at < of->n && !st; at = next) {
            bool here = from_n <= of->n - at && memcmp(s + at, step->from, from_n) == 0;
            next = find(s, of->n, here ? at + from_n : at, step->from, from_n);
            st = put_part(p, of, at, next, err);
        }
    }
    return st;
}

/* What a piece becomes when `step` rewrites it: its new size, written to `to` unless that is NULL. */
static size_t rewrite_piece(const zo_pre_step *step, const char *s, size_t n, bool first, char *to)
{
    size_t from_n = strlen(step->from), to_n = strlen(step->to), size = 0;
    if (step->kind == ZO_PRE_PREPEND) {
        bool has = to_n <= n && memcmp(s, step->to, to_n) == 0;
        if ((step->unless && has) || (step->first_only && !first))
            to_n = 0;
        if (to) {
            memcpy(to, step->to, to_n);
            memcpy(to + to_n, s, n);
        }
        return to_n + n;
    }
    for (size_t at = 0, next; at < n; at = next + from_n) {
        next = find(s, n, at, step->from, from_n);
        if (to)
            memcpy(to + size, s + at, next - at);
        size += next - at;
        if (next == n)
            break;
        if (to)
            memcpy(to + size, step->to, to_n);
        size += to_n;
    }
    return size;
}

static zo_status rewrite(const zo_pre_step *step, zo_pieces *p, zo_error *err)
{
    size_t size = 0, at = 0;
    int next = 1 - p->current;
    zo_status st = ZO_OK;
    for (size_t i = 0; i < p->count; i++)
        if (p->piece[i].id < 0)
            size += rewrite_piece(step, p->text + p->piece[i].start, p->piece[i].n, p->piece[i].first, NULL);
    if (size >= INT32_MAX)
        return zo_fail(err, ZO_ERR_INVALID,
                       "encode: the normalized text has %zu bytes, at most %d are supported", size,
                       INT32_MAX - 1);
    if (size > p->owned_cap[next]) {
        zo_mem_free(p->owned[next]);
        p->owned_cap[next] = 0;
        st = zo_mem_array(p->mem, ZO_ACCOUNT_DATA, size, 1, "normalized text", &p->owned[next], err);
        if (st)
            return st;
        p->owned_cap[next] = size;
    }
    for (size_t i = 0; i < p->count && !st; i++) {
        const zo_piece *of = &p->piece[i];
        size_t n = of->n;
        if (of->id < 0)
            n = rewrite_piece(step, p->text + of->start, of->n, of->first, p->owned[next] + at);
        st = zo_pieces_put(p, of->id < 0 ? at : 0, n, of->id, of->first, err);
        at += of->id < 0 ? n : 0;
    }
    p->current = next;
    p->text = p->owned[next];
    return st;
}

/* True where a text of such characters alone is its own normalization form C: none has a combining class,
 * none composes with what is before it, none changes alone (NFC_Quick_Check=Yes, UAX #15 section 9). Only
 * ranges that are wholly of that kind are listed; scripts/reference_tokenize.py checks them against the
 * Unicode database. */
static bool same_in_nfc(uint32_t cp)
{
    static const uint32_t range[][2] = {{0x0000, 0x02FF},  {0x0388, 0x0482}, {0x048A, 0x058F},
                                        {0x05D0, 0x05EA},  {0x0621, 0x064A}, {0x0671, 0x06D5},
                                        {0x0904, 0x0939},  {0x0E01, 0x0E37}, {0x0E40, 0x0E46},
                                        {0x1E00, 0x1F70},  {0x2002, 0x20BF}, {0x2100, 0x2125},
                                        {0x212C, 0x2328},  {0x232B, 0x2ADB}, {0x3000, 0x3029},
                                        {0x3030, 0x3098},  {0x309B, 0x9FFF}, {0xAC00, 0xD7A3},
                                        {0xE000, 0xF8FF},  {0xFE00, 0xFE0F}, {0xFE30, 0xFFFD},
                                        {0x1F000, 0x1FAFF}};
    for (size_t i = 0; i < sizeof range / sizeof range[0]; i++)
        if (cp >= range[i][0] && cp <= range[i][1])
            return true;
    return false;
}

static zo_status require_nfc(const zo_pieces *p, zo_error *err)
{
    for (size_t i = 0; i < p->count; i++) {
        const zo_piece *of = &p->piece[i];
        for (size_t at = 0; at < of->n && of->id < 0;) {
            uint32_t cp = 0;
            int bytes = zo_utf8_decode(p->text + of->start + at, of->n - at, &cp);
            if (bytes > 0 && !same_in_nfc(cp))
                return zo_fail(err, ZO_ERR_UNSUPPORTED,
                               "encode: normalizer NFC is not supported for text with U+%04X", cp);
            at += bytes > 0 ? (size_t)bytes : 1;
        }
    }
    return ZO_OK;
}

zo_status zo_pre_apply(const zo_pre *p, zo_pieces *pieces, zo_error *err)
{
    zo_status st = ZO_OK;
    for (int i = 0; i < p->count && !st; i++) {
        const zo_pre_step *step = &p->steps[i];
        switch (step->kind) {
        case ZO_PRE_NFC:
            st = require_nfc(pieces, err);
            continue;
        case ZO_PRE_SPLIT:
            st = split(p, step, pieces, err);
            break;
        case ZO_PRE_SPLIT_BEFORE:
            st = split_before(step, pieces, err);
            break;
        case ZO_PRE_PREPEND:
        case ZO_PRE_REPLACE:
            st = rewrite(step, pieces, err);
            break;
        }
        zo_pieces_swap(pieces);
    }
    return st;
}
