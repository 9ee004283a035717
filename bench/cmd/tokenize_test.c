/* Tests of tokenize.c with the synthetic tokenizer, whose ids are bytes + 3. */
#include "bench/cmd/tokenize.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static zo_status lines(bench_tokenize how, const char *in, size_t n, char **out, zo_error *err)
{
    zo_mem mem = {0};
    zo_tokenizer *t = NULL;
    size_t out_n = 0;
    assert_int_equal(zo_tokenizer_open("synth:tiny", &mem, &t, err), ZO_OK);
    FILE *from = fmemopen((void *)in, n, "r"), *to = open_memstream(out, &out_n);
    zo_status st = bench_tokenize_lines(t, how, from, to, err);
    fclose(from);
    fclose(to);
    zo_tokenizer_free(t);
    return st;
}

static void converts_lines(void **state)
{
    (void)state;
    static const struct {
        bench_tokenize how;
        const char *in, *out;
    } row[] = {
        {{0}, "ab\n\nc", "100 101\n\n102\n"},
        {{.special = true}, "a</s>\n", "1 100 2\n"},
        {{0}, "a</s>\n", "100 63 50 118 65\n"},
        {{.json = true}, "ab\n\n", "[100, 101]\n[]\n"},
        {{.decode = true}, "1 100 101\n102\n\n", "ab\nc\n\n"},
        {{.decode = true, .special = true}, "[1, 100,2]\r\n", "<s>a</s>\n"},
        {{.decode = true, .json = true}, "100 13 37 258\n", "\"a\\n\\\"\xEF\xBF\xBD\"\n"},
        {{.decode = true}, "258 13 3", "\xFF\n"}, /* up to the NUL of id 3 */
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        zo_error err = {0};
        char *out = NULL;
        if (lines(row[i].how, row[i].in, strlen(row[i].in), &out, &err))
            fail_msg("row %zu: %s", i, err.text);
        if (i + 1 < sizeof row / sizeof row[0])
            assert_string_equal(out, row[i].out);
        else
            assert_memory_equal(out, "\xFF\n\0\n", 4);
        free(out);
    }
}

static void refuses_lines(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        size_t n;
        const char *says;
        zo_status status;
    } row[] = {
        {"100\n1 x\n", 8, "line 2: \"x\" is no token id", ZO_ERR_FORMAT},
        {"1x", 2, "line 1: \"1x\" is no token id", ZO_ERR_FORMAT},
        {"-4", 2, "line 1: \"-4\" is no token id", ZO_ERR_FORMAT},
        {"99999999999999999999", 20, "is no token id", ZO_ERR_FORMAT},
        {"512", 3, "line 1: decode: id 512 is not in the vocabulary of 512", ZO_ERR_INVALID},
        {"1\0002", 3, "line 1: a NUL byte", ZO_ERR_FORMAT},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        zo_error err = {0};
        char *out = NULL;
        assert_int_equal(lines((bench_tokenize){.decode = true}, row[i].in, row[i].n, &out, &err),
                         row[i].status);
        assert_non_null(strstr(err.text, row[i].says));
        free(out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(converts_lines), cmocka_unit_test(refuses_lines)};
    return cmocka_run_group_tests_name("tokenize", tests, NULL, NULL);
}
