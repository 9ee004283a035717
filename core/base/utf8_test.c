/* Tests of utf8.c: every code point there and back, and byte sequences that are not well-formed. */
#include "core/base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A code point (at most U+10FFFF, no surrogate) as bytes; returns their number. */
static int encode(uint32_t cp, char out[4])
{
    static const unsigned char mark[5] = {0, 0, 0xC0, 0xE0, 0xF0};
    int bytes = cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    for (int i = bytes - 1; i > 0; i--, cp >>= 6)
        out[i] = (char)(0x80 | (cp & 0x3F));
    out[0] = (char)(mark[bytes] | cp);
    return bytes;
}

static void every_code_point(void **state)
{
    (void)state;
    for (uint32_t cp = 0; cp <= 0x10FFFF; cp++) {
        if (cp >= 0xD800 && cp <= 0xDFFF)
            continue;
        char s[4];
        uint32_t back = 0;
        int n = encode(cp, s);
        assert_int_equal(n, cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4);
        assert_int_equal(zo_utf8_decode(s, (size_t)n, &back), n);
        assert_int_equal(back, cp);
        for (int cut = 0; cut < n; cut++)
            assert_int_equal(zo_utf8_decode(s, (size_t)cut, &back), 0);
    }
}

/* Every sequence of three bytes, with some fourth ones, is decoded by the rule of RFC 3629's grammar, written
 * out here. */
static int by_grammar(const unsigned char *s, size_t n)
{
    static const struct {
        unsigned char lead[2], second[2];
        int bytes;
    } row[] = {
        {{0x00, 0x7F}, {0, 0}, 1},       {{0xC2, 0xDF}, {0x80, 0xBF}, 2}, {{0xE0, 0xE0}, {0xA0, 0xBF}, 3},
        {{0xE1, 0xEC}, {0x80, 0xBF}, 3}, {{0xED, 0xED}, {0x80, 0x9F}, 3}, {{0xEE, 0xEF}, {0x80, 0xBF}, 3},
        {{0xF0, 0xF0}, {0x90, 0xBF}, 4}, {{0xF1, 0xF3}, {0x80, 0xBF}, 4}, {{0xF4, 0xF4}, {0x80, 0x8F}, 4},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        if (s[0] < row[i].lead[0] || s[0] > row[i].lead[1] || n < (size_t)row[i].bytes)
            continue;
        bool ok = row[i].bytes == 1 || (s[1] >= row[i].second[0] && s[1] <= row[i].second[1]);
        for (int k = 2; k < row[i].bytes; k++)
            ok = ok && s[k] >= 0x80 && s[k] <= 0xBF;
        return ok ? row[i].bytes : 0;
    }
    return 0;
}

static void every_short_sequence(void **state)
{
    (void)state;
    static const unsigned char fourth[] = {0x00, 0x7F, 0x80, 0xBF, 0xC0, 0xFF};
    for (uint32_t v = 0; v < 1u << 24; v++) {
        unsigned char s[4] = {(unsigned char)(v >> 16), (unsigned char)(v >> 8), (unsigned char)v, 0};
        for (size_t k = 0; k < sizeof fourth; k++) {
            s[3] = fourth[k];
            if (zo_utf8_decode((const char *)s, 4, NULL) != by_grammar(s, 4))
                fail_msg("%02x %02x %02x %02x", s[0], s[1], s[2], s[3]);
            if (s[0] < 0xF0)
                break;
        }
    }
}

static void white_space(void **state)
{
    (void)state;
    /* PropList.txt, White_Space */
    static const uint32_t list[] = {0x09,   0x0A,   0x0B,   0x0C,   0x0D,   0x20,   0x85,   0xA0,   0x1680,
                                    0x2000, 0x2001, 0x2002, 0x2003, 0x2004, 0x2005, 0x2006, 0x2007, 0x2008,
                                    0x2009, 0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000};
    size_t found = 0;
    for (uint32_t cp = 0; cp <= 0x10FFFF; cp++)
        if (zo_utf8_is_space(cp))
            assert_int_equal(cp, list[found++]);
    assert_int_equal(found, sizeof list / sizeof list[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_code_point),
                                       cmocka_unit_test(every_short_sequence), cmocka_unit_test(white_space)};
    return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
