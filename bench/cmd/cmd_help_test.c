/* help, the manual page and completion: all three have every flag of every command, and bash completes with them. */
#include "bench/cmd/command_fixture.h"

#include <stdbool.h>

#include "bench/machine/build.h"
#include "bench/cmd/commands.h"
#include "bench/base/exit.h"
#include "bench/manifest/params.h"

static command_output o, man, bash;

static void help(command_output *to, const char *about)
{
    command_run(bench_cmd_help, (const char *const[]){"help", about, NULL}, to);
}

static int load(void **state)
{
    (void)state;
    help(&man, "--man");
    help(&bash, "--bash");
    return man.code || bash.code;
}

static void lists_commands(void **state)
{
    (void)state;
    help(&o, NULL);
    assert_int_equal(o.code, BENCH_EXIT_OK);
    for (const bench_command *c = bench_commands; c->name; c++) {
        assert_non_null(strstr(o.out, c->name));
        assert_non_null(strstr(o.out, c->help));
    }
    help(&o, "options");
    for (const bench_option *p = bench_options; p->name; p++) {
        assert_non_null(strstr(o.out, p->name));
        assert_non_null(strstr(man.out, p->word ? "One of: " : p->name));
        for (int i = 0; p->word && p->word(i); i++) {
            assert_non_null(strstr(o.out, p->word(i)));
            assert_non_null(strstr(bash.out, p->word(i)));
        }
    }
}

/* The rest of the line after `mark`, from `from` on. */
static void line_after(const char *from, const char *mark, char *out, size_t cap)
{
    const char *at = strstr(from, mark);
    assert_non_null(at);
    at += strlen(mark);
    snprintf(out, cap, "%.*s", (int)strcspn(at, "'\n"), at);
}

static void each_command(void **state)
{
    (void)state;
    static command_output direct;
    for (const bench_command *c = bench_commands; c->name; c++) {
        char flags[1024], mark[64], *save = NULL;
        int count = 0, listed = 0;
        help(&o, c->name);
        command_run(c->run, (const char *const[]){c->name, "--help", NULL}, &direct);
        assert_int_equal(o.code, BENCH_EXIT_OK);
        assert_string_equal(o.err, "");
        assert_string_equal(o.out, direct.out);
        snprintf(mark, sizeof mark, "usage: zobench %s", c->name);
        assert_ptr_equal(strstr(o.out, mark), o.out);
        snprintf(mark, sizeof mark, "\n    %s)\n", c->name);
        const char *branch = strstr(bash.out, mark);
        assert_non_null(branch);
        line_after(branch, "flags='", flags, sizeof flags);
        for (char *f = strtok_r(flags, " ", &save); f; f = strtok_r(NULL, " ", &save), count++) {
            if (strcmp(f, "--help") == 0)
                continue;
            snprintf(mark, sizeof mark, "\n  %s ", f);
            assert_non_null(strstr(o.out, mark));
        }
        for (const char *at = o.out; (at = strstr(at, "\n  --")); at++)
            listed++;
        assert_int_equal(listed, count - 1); /* --help is not listed */
        snprintf(mark, sizeof mark, ".SS %s\n", c->name);
        assert_non_null(strstr(man.out, mark));
    }
}

static void refused(void **state)
{
    (void)state;
    help(&o, "rnu");
    assert_int_equal(o.code, BENCH_EXIT_USAGE);
    assert_string_equal(o.err, "zobench: \"rnu\" is not a command; did you mean \"run\"?\n");
    command_run(bench_cmd_help, (const char *const[]){"help", "--man", "--bash", NULL}, &o);
    assert_int_equal(o.code, BENCH_EXIT_USAGE);
    command_run(bench_cmd_plan, (const char *const[]){"plan", "--help=html", NULL}, &o);
    assert_int_equal(o.code, BENCH_EXIT_USAGE);
    assert_string_equal(o.out, "");
}

/* Runs a program on a text; false where it is not installed. */
static bool feed(const char *program, const char *probe, const char *text, char *out, size_t cap)
{
    char line[600], *path = command_file(text);
    if (system(probe)) {
        print_message("%s is not installed\n", program);
        unlink(path);
        free(path);
        return false;
    }
    snprintf(line, sizeof line, "%s %s 2>&1", program, path);
    FILE *f = popen(line, "r");
    assert_non_null(f);
    size_t n = fread(out, 1, cap - 1, f);
    out[n] = '\0';
    if (pclose(f))
        fail_msg("%s: %s", line, out);
    unlink(path);
    free(path);
    return true;
}

static void roff_is_clean(void **state)
{
    (void)state;
    char out[2000];
    if (!feed("groff -man -Tutf8 -ww -z", "command -v groff >/dev/null", man.out, out, sizeof out))
        skip();
    assert_string_equal(out, "");
}

/* What mandoc warns of and groff lets pass: paragraphs without text, a page without a date. */
static void man_page_is_clean(void **state)
{
    (void)state;
    static const char *const empty[] = {".PP\n.PP", ".PP\n.SS", ".PP\n.SH",
                                        ".PP\n.TP", ".nf\n.fi", "\n\n.fi"};
    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++)
        if (strstr(man.out, empty[i]))
            fail_msg("the page has %s", empty[i]);
    char out[2000], date[40];
    snprintf(date, sizeof date, ".TH ZOBENCH 1 \"%s\"\n", bench_build_date());
    assert_memory_equal(man.out, date, strlen(date));
    if (!*bench_build_date() ||
        !feed("mandoc -T lint -W warning <", "command -v mandoc >/dev/null", man.out, out, sizeof out))
        skip();
    assert_string_equal(out, "");
}

static void bash_completes(void **state)
{
    (void)state;
    static const struct {
        const char *words; /* as bash splits them */
        const char *replies;
    } cases[] = {
        {"zobench no", "noise"},
        {"zobench rep", "report"},
        {"zobench help opt", "options"},
        {"zobench run --sav", "--save-adapters"},
        {"zobench run experiments/smo", "experiments/smoke.json"},
        {"zobench plan --filter par", "parallel="},
        {"zobench plan --filter parallel = ou", "outer"},
        {"zobench plan --filter parallel =", "none inner outer both"},
        {"zobench plan --filter=parallel=in", "--filter=parallel=inner"}, /* where "=" ends no word */
        {"zobench eval wei", "weights="},
        {"zobench eval weights=n", "weights=nf4"},
        {"zobench generate --weights=b", "--weights=bf16"},
        {"zobench generate --weights b", "bf16"},
        {"zobench generate --weights = b", "bf16"},
        {"zobench compare --metric peak", "peak_rss_bytes"},
        {"zobench report resu", "results"},
        {"zobench export hyp", "hyperfine hyperfine-2"},
        {"zobench what x", ""},
        {"zobench generate x", ""},
    };
    static char script[70000], out[4000], want[4000];
    int n = snprintf(script, sizeof script, "%s\nset -u\n", bash.out);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        n += snprintf(script + n, sizeof script - (size_t)n,
                      "COMP_WORDS=(%s); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _zobench; "
                      "echo \"${COMPREPLY[*]-}\"\n",
                      cases[i].words);
        strcat(strcat(want, cases[i].replies), "\n");
    }
    assert_true((size_t)n < sizeof script);
    if (!feed("bash", "command -v bash >/dev/null", script, out, sizeof out))
        skip();
    assert_string_equal(out, want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_commands),    cmocka_unit_test(each_command),
        cmocka_unit_test(refused),           cmocka_unit_test(roff_is_clean),
        cmocka_unit_test(man_page_is_clean), cmocka_unit_test(bash_completes),
    };
    return cmocka_run_group_tests(tests, load, NULL);
}
