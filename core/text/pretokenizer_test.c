/* Tests of the pre-tokenizer: where patterns cut, against Hugging Face tokenizers; which patterns are
 * refused; the limits on backtracking. */
#include "core/text/pretokenizer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>
#include <openssl/evp.h>

#define LLAMA3(numbers)                                                                                      \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" numbers                                    \
    "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

/* scripts/reference_tokenize.py patterns, with tokenizers 0.23.3, over core/text/tokenizer_test.json: SHA-256 over
 * the length of every piece as little-endian int32, -1 after each text. The last pattern is no model's; it
 * uses the rest of the syntax. */
static const struct {
    const char *name, *pattern[2];
    bool prefix;
    size_t pieces;
    const char *sha256;
} references[] = {
    {"gpt-2", {zo_pre_gpt2}, false, 1026, "97573d58d11b383f8e3ea8ec679c855ea714a2c19cee7df51d9223a5918e44db"},
    {"prefix", {zo_pre_gpt2}, true, 1028, "ba51e18d1c90511c2dec85ae53b3071a83dec3972aca7707a1c360605bc97c05"},
    {"smollm",
     {"\\p{N}", zo_pre_gpt2},
     false,
     1497,
     "85f37e691e2dc9907b600c57b8fa17384ed42f5a723c97e388c3f71b3bcff3e2"},
    {"digits", {"\\p{N}+"}, false, 155, "0b6c900a5a9de9d839997ed60b9e03f8bd7b7d8263f6108bff4ed53b8a0439e3"},
    {"llama3",
     {LLAMA3("\\p{N}{1,3}")},
     false,
     1116,
     "5ef818096649e553dd13406c668c3dd958ff49673c2d9ef98fbf81a14b7f54af"},
    {"qwen2",
     {LLAMA3("\\p{N}")},
     false,
     1423,
     "7411f22cb7581c4225a45fd79b1056d170079c4929f836591bb0e803eca9a0ad"},
    {"syntax",
     {"[\\S]?+\\d{2,}|[^\\s\\D]|\\S{3}|(?:x|)+?y"},
     false,
     2745,
     "2b5b9ee662f28abd0a62867a6a3ec2b730190726eceab50334454aeb1feda484"},
};

static zo_mem mem;

static size_t held(void)
{
    return mem.now[ZO_ACCOUNT_DATA];
}

static zo_pre new_pre(const char *a, const char *b, bool prefix)
{
    zo_pre p;
    zo_error err = {0};
    assert_int_equal(zo_pre_init(&p, &mem, &err), ZO_OK);
    if (prefix)
        assert_int_equal(zo_pre_add(&p, (zo_pre_step){.kind = ZO_PRE_PREPEND, .to = " ", .unless = true},
                                    &err),
                         ZO_OK);
    if (zo_pre_pattern(&p, a, strlen(a), false, &err) || (b && zo_pre_pattern(&p, b, strlen(b), false, &err)))
        fail_msg("%s", err.text);
    return p;
}

static void cut(const zo_pre *p, const char *text, size_t n, EVP_MD_CTX *md, size_t *count)
{
    zo_pieces pieces;
    zo_error err = {0};
    const int32_t end = -1;
    size_t at = 0;
    if (zo_pieces_init(&pieces, text, n, &mem, &err) || zo_pre_apply(p, &pieces, &err))
        fail_msg("%s", err.text);
    for (size_t i = 0; i < pieces.count; i++) {
        int32_t bytes = (int32_t)pieces.piece[i].n;
        assert_int_equal(pieces.piece[i].start, at); /* nothing lost, nothing twice */
        at += pieces.piece[i].n;
        EVP_DigestUpdate(md, &bytes, sizeof bytes);
    }
    EVP_DigestUpdate(md, &end, sizeof end);
    *count += pieces.count;
    zo_pieces_deinit(&pieces);
}

static void patterns_as_hugging_face(void **state)
{
    (void)state;
    json_t *item, *all = json_load_file("core/text/tokenizer_test.json", JSON_ALLOW_NUL, NULL);
    size_t i;
    assert_non_null(all);
    for (size_t k = 0; k < sizeof references / sizeof references[0]; k++) {
        zo_pre p = new_pre(references[k].pattern[0], references[k].pattern[1], references[k].prefix);
        EVP_MD_CTX *md = EVP_MD_CTX_new();
        EVP_DigestInit_ex(md, EVP_sha256(), NULL);
        size_t count = 0;
        json_array_foreach(all, i, item)
        {
            const json_t *one = json_is_array(item) ? json_array_get(item, 0) : item;
            size_t n = json_string_length(one);
            size_t copies = json_is_array(item) ? (size_t)json_integer_value(json_array_get(item, 1)) : 1;
            char *text = malloc(n * copies + 1);
            for (size_t c = 0; c < copies; c++)
                memcpy(text + c * n, json_string_value(one), n);
            cut(&p, text, n * copies, md, &count);
            free(text);
        }
        unsigned char sum[32];
        char hex[65];
        EVP_DigestFinal_ex(md, sum, NULL);
        EVP_MD_CTX_free(md);
        for (int b = 0; b < 32; b++)
            snprintf(hex + 2 * b, 3, "%02x", sum[b]);
        if (count != references[k].pieces || strcmp(hex, references[k].sha256) != 0)
            fail_msg("%s: %zu pieces, %s", references[k].name, count, hex);
        zo_pre_deinit(&p);
    }
    json_decref(all);
    assert_int_equal(held(), 0);
}

/* Bytes that are no UTF-8 are pieces of their own, and end what is before them. By the rule in
 * pretokenizer.h. */
static void bytes_apart(void **state)
{
    (void)state;
    static const char text[] = "ab\xC3\xA9 \xFF\xC3 c  \xE2\x96!\xF0\x9F\x98\x80 \xED\xA0\x80";
    static const size_t expected[] = {4, 1, 2, 2, 2, 2, 5, 1, 3};
    zo_pre p = new_pre(zo_pre_gpt2, NULL, false);
    zo_pieces pieces;
    assert_int_equal(zo_pieces_init(&pieces, text, sizeof text - 1, &mem, NULL), ZO_OK);
    assert_int_equal(zo_pre_apply(&p, &pieces, NULL), ZO_OK);
    assert_int_equal(pieces.count, sizeof expected / sizeof expected[0]);
    for (size_t i = 0; i < pieces.count; i++)
        assert_int_equal(pieces.piece[i].n, expected[i]);
    zo_pieces_deinit(&pieces);
    zo_pre_deinit(&p);
}

static void refuses_patterns(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        zo_status status;
        const char *says;
    } row[] = {
        {"\\w+", ZO_ERR_UNSUPPORTED, "\"\\w\" at byte 0"},
        {"a\\b", ZO_ERR_UNSUPPORTED, "\"\\b\" at byte 1"},
        {"^a", ZO_ERR_UNSUPPORTED, "\"^\""},
        {"a$", ZO_ERR_UNSUPPORTED, "\"$\""},
        {"(?<=a)b", ZO_ERR_UNSUPPORTED, "\"(?<=\""},
        {"(?i)a", ZO_ERR_UNSUPPORTED, "\"(?i)\""},
        {"(*ANY)a", ZO_ERR_UNSUPPORTED, "\"(*AN\""},
        {"\\p{Han}", ZO_ERR_UNSUPPORTED, "\\p{Han}"},
        {"\\pL", ZO_ERR_UNSUPPORTED, "\\pL"},
        {"[a[b]]", ZO_ERR_UNSUPPORTED, "\"[b\""},
        {"[a&&b]", ZO_ERR_UNSUPPORTED, "\"&&\""},
        {"[]a]", ZO_ERR_UNSUPPORTED, "\"[]\""},
        {"a{,3}", ZO_ERR_UNSUPPORTED, "\"{,"},
        {"a{2}+", ZO_ERR_UNSUPPORTED, "\"{2}+\""},
        {"a{2}?", ZO_ERR_UNSUPPORTED, "\"{2}?\""},
        {"\\", ZO_ERR_UNSUPPORTED, "\"\\\""},
        {"\\x41", ZO_ERR_UNSUPPORTED, "\"\\x\""},
        {"(a", ZO_ERR_FORMAT, "at byte"},
        {"[a", ZO_ERR_FORMAT, "not closed"},
        {"[b-a]", ZO_ERR_FORMAT, "at byte"},
        {"a**", ZO_ERR_FORMAT, "at byte"},
        {"(?:(?:a{999}){999}){999}", ZO_ERR_FORMAT, "at byte"},
        {"", ZO_ERR_FORMAT, "not 0"},
        {"a\xFF", ZO_ERR_FORMAT, "not UTF-8 at byte 1"},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        zo_pre p;
        zo_error err = {0};
        assert_int_equal(zo_pre_init(&p, &mem, &err), ZO_OK);
        zo_status st = zo_pre_pattern(&p, row[i].pattern, strlen(row[i].pattern), false, &err);
        if (st != row[i].status || !strstr(err.text, row[i].says))
            fail_msg("%s: status %d, \"%s\"", row[i].pattern, st, err.text);
        zo_pre_deinit(&p);
    }
    assert_int_equal(held(), 0);
}

static void too_many_steps(void **state)
{
    (void)state;
    zo_pre p;
    zo_error err = {0};
    assert_int_equal(zo_pre_init(&p, &mem, &err), ZO_OK);
    for (int i = 0; i < ZO_PRE_MAX_STEPS; i++)
        assert_int_equal(zo_pre_pattern(&p, "a", 1, true, &err), ZO_OK);
    assert_int_equal(zo_pre_pattern(&p, "a", 1, true, &err), ZO_ERR_UNSUPPORTED);
    zo_pre_deinit(&p);
    assert_int_equal(held(), 0);
}

/* A pattern that takes 2^n steps for n letters is given up, not waited for. */
static void limits_backtracking(void **state)
{
    (void)state;
    zo_pre p = new_pre("(?:a+)+[bc]", NULL, false);
    zo_pieces pieces;
    zo_error err = {0};
    char text[64];
    memset(text, 'a', sizeof text);
    assert_int_equal(zo_pieces_init(&pieces, text, sizeof text, &mem, &err), ZO_OK);
    assert_int_equal(zo_pre_apply(&p, &pieces, &err), ZO_ERR_FORMAT);
    assert_non_null(strstr(err.text, "match a pre-tokenizer's pattern"));
    zo_pieces_deinit(&pieces);
    zo_pre_deinit(&p);
    assert_int_equal(held(), 0);
}

static void literal_pattern(void **state)
{
    (void)state;
    static const size_t expected[] = {1, 2, 1, 2, 2};
    zo_pre p;
    zo_pieces pieces;
    assert_int_equal(zo_pre_init(&p, &mem, NULL), ZO_OK);
    assert_int_equal(zo_pre_pattern(&p, ".*", 2, true, NULL), ZO_OK);
    assert_int_equal(zo_pieces_init(&pieces, "a.*b.*.*", 8, &mem, NULL), ZO_OK);
    assert_int_equal(zo_pre_apply(&p, &pieces, NULL), ZO_OK);
    assert_int_equal(pieces.count, 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(pieces.piece[i].n, expected[i]);
    zo_pieces_deinit(&pieces);
    zo_pre_deinit(&p);
}

/* Form C: what is surely in it passes, everything else is refused by code point. */
static void nfc_is_required(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool passes;
    } row[] = {
        {"caf\xC3\xA9", true},                                 /* U+00E9 */
        {"\xE2\x80\x9Cquoted\xE2\x80\x9D \xE2\x80\xA6", true}, /* U+201C U+201D U+2026 */
        {"\xE4\xBD\xA0\xED\x95\x9C\xF0\x9F\x98\x80", true},    /* U+4F60 U+D55C U+1F600 */
        {"\xFF\xC3", true},                                    /* no UTF-8: nothing to normalize */
        {"e\xCC\x81", false},                                  /* U+0301 composes with e */
        {"\xE2\x84\xAB", false},                               /* U+212B becomes U+00C5 */
        {"\xE1\x84\x92\xE1\x85\xA1", false},                   /* U+1112 U+1161 become one syllable */
        {"\xEF\xA4\x80", false},                               /* U+F900 becomes U+8C48 */
    };
    zo_pre p;
    assert_int_equal(zo_pre_init(&p, &mem, NULL), ZO_OK);
    assert_int_equal(zo_pre_add(&p, (zo_pre_step){.kind = ZO_PRE_NFC}, NULL), ZO_OK);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        zo_pieces pieces;
        zo_error err = {0};
        assert_int_equal(zo_pieces_init(&pieces, row[i].text, strlen(row[i].text), &mem, &err), ZO_OK);
        zo_status st = zo_pre_apply(&p, &pieces, &err);
        if (st != (row[i].passes ? ZO_OK : ZO_ERR_UNSUPPORTED))
            fail_msg("%s: status %d, \"%s\"", row[i].text, st, err.text);
        zo_pieces_deinit(&pieces);
    }
    zo_pre_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_as_hugging_face), cmocka_unit_test(bytes_apart),
        cmocka_unit_test(refuses_patterns),         cmocka_unit_test(too_many_steps),
        cmocka_unit_test(limits_backtracking),      cmocka_unit_test(literal_pattern),
        cmocka_unit_test(nfc_is_required),
    };
    return cmocka_run_group_tests_name("pretokenizer", tests, NULL, NULL);
}
