/* Tests of cmd_tokenize.c with the synthetic tokenizer, whose ids are bytes + 3. */
#include "bench/base/exit.h"
#include "bench/cmd/command_fixture.h"
#include "bench/cmd/commands.h"

static command_output output; /* too large for a stack */

/* The command with these n bytes as its input, and up to three flags. */
static int lines(const char *const flags[3], const char *in, size_t n)
{
    const char *argv[6] = {"tokenize", "--model", "synth:tiny"};
    for (int i = 0; i < 3; i++)
        argv[3 + i] = flags[i];
    const char *const *all = argv;
    FILE *from = tmpfile();
    const int before = dup(STDIN_FILENO);
    assert_true(from && before >= 0 && fwrite(in, 1, n, from) == n && fflush(from) == 0);
    rewind(from);
    assert_true(dup2(fileno(from), STDIN_FILENO) >= 0);
    clearerr(stdin);
    command_run(bench_cmd_tokenize, all, &output);
    fflush(stdin); /* drops what it has read ahead */
    assert_true(dup2(before, STDIN_FILENO) >= 0);
    close(before);
    fclose(from);
    return output.code;
}

static void converts_lines(void **state)
{
    (void)state;
    static const struct {
        const char *flags[3], *in, *out;
        size_t n; /* bytes of out; 0: up to its NUL */
    } row[] = {
        {{0}, "ab\n\nc", "100 101\n\n102\n", 0},
        {{"--special"}, "a</s>\n", "1 100 2\n", 0},
        {{0}, "a</s>\n", "100 63 50 118 65\n", 0},
        {{"--json"}, "ab\n\n", "[100, 101]\n[]\n", 0},
        {{"--decode"}, "1 100 101\n102\n\n", "ab\nc\n\n", 0},
        {{"--decode", "--special"}, "[1, 100,2]\r\n", "<s>a</s>\n", 0},
        {{"--decode", "--json"}, "100 13 37 258\n", "\"a\\n\\\"\xEF\xBF\xBD\"\n", 0},
        {{"--decode"}, "258 13 3", "\xFF\n\0\n", 4},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        if (lines(row[i].flags, row[i].in, strlen(row[i].in)) != BENCH_EXIT_OK)
            fail_msg("row %zu: %s", i, output.err);
        if (row[i].n)
            assert_memory_equal(output.out, row[i].out, row[i].n);
        else
            assert_string_equal(output.out, row[i].out);
    }
}

static void refuses_lines(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        size_t n;
        const char *says;
    } row[] = {
        {"100\n1 x\n", 8, "zobench tokenize: line 2: \"x\" is no token id"},
        {"1x", 2, "line 1: \"1x\" is no token id"},
        {"-4", 2, "line 1: \"-4\" is no token id"},
        {"99999999999999999999", 20, "is no token id"},
        {"512", 3, "line 1: decode: id 512 is not in the vocabulary of 512"},
        {"1\0002", 3, "line 1: a NUL byte"},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        assert_int_equal(lines((const char *const[3]){"--decode"}, row[i].in, row[i].n), BENCH_EXIT_USAGE);
        assert_non_null(strstr(output.err, row[i].says));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(converts_lines), cmocka_unit_test(refuses_lines)};
    return cmocka_run_group_tests_name("tokenize", tests, NULL, NULL);
}
