/* Tests of the program itself: what it does with its standard output. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char program[4096]; /* BUILD/zobench, of this BUILD/bench/cmd/main_test */

static int find_program(void **state)
{
    (void)state;
    char path[3000];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n < 0)
        return -1;
    path[n] = '\0';
    snprintf(program, sizeof program, "%s/zobench", dirname(dirname(dirname(path))));
    return access(program, X_OK);
}

/* The exit code of the program in a shell command: %s is the program. What it says on stderr goes to said. */
static int run(const char *format, char *said, size_t cap)
{
    char command[9000];
    snprintf(command, sizeof command, format, program);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    size_t n = fread(said, 1, cap - 1, f);
    said[n] = '\0';
    int status = pclose(f);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* A full disk cuts no result short without a word: short outputs, which fail at the end, and long ones, which fail before. */
static void a_full_disk_is_told_of(void **state)
{
    static const char *const commands[] = {
        "%s 2>&1 >/dev/full",
        "%s help 2>&1 >/dev/full",
        "%s help --man 2>&1 >/dev/full",
        "%s check --schema 2>&1 >/dev/full",
        "%s doctor --quick 2>&1 >/dev/full",
        "%s eval model=synth:tiny task=polarity eval_rows=2 2>&1 >/dev/full",
        "%s eval --json model=synth:tiny task=polarity eval_rows=2 2>&1 >/dev/full",
        "%s logits --model synth:tiny the 2>&1 >/dev/full",
        "%s logits --model synth:tiny --top 0 the 2>&1 >/dev/full",
        "%s generate --model synth:tiny the 2>&1 >/dev/full",
        "echo a | %s tokenize --model synth:tiny 2>&1 >/dev/full",
    };
    char said[4000];
    (void)state;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        const int code = run(commands[i], said, sizeof said);
        if (code != 2 || !strstr(said, "No space left on device"))
            fail_msg("%s: exit %d, \"%s\"", commands[i], code, said);
    }
}

/* A reader that has enough is no error to tell of: the signal ends the program, as it does others. */
static void a_closed_pipe_is_silent(void **state)
{
    char said[4000];
    (void)state;
    assert_int_equal(run("{ { trap - PIPE; %s help --man; echo code $? >&3; } | true; } 3>&1 2>&1", said,
                         sizeof said),
                     0);
    if (strcmp(said, "code 141\n") != 0 &&
        strcmp(said, "code 0\n") != 0) /* 0: the pipe took all of it first */
        fail_msg("said \"%s\"", said);
}

/* In a folder of its own: a manifest that takes no time. */
#define MANIFEST                                                                                             \
    "d=$(mktemp -d) && cd $d && echo '{\"schema\": \"zobench/1\", \"name\": \"n\", \"defaults\": "           \
    "{\"backend\": "                                                                                         \
    "\"null\", \"task\": \"sst2\", \"steps\": 30}}' >m.json && "
#define CLEAN "; cd / && rm -r $d"

/* Closed descriptors are not taken for something else: the log of a run does not go into its lock, output is missed. */
static void closed_descriptors(void **state)
{
    char said[4000];
    (void)state;
    assert_int_equal(run(MANIFEST "%s run m.json <&- >&- 2>&-; echo $? $(wc -c <results/n/.lock) $(wc -l "
                                  "<results/n/cells.jsonl)" CLEAN,
                         said, sizeof said),
                     0);
    assert_string_equal(said, "0 0 1\n");
    assert_int_equal(run("%s help 2>&1 >&-", said, sizeof said), 2);
    assert_string_equal(said, "zobench help: write standard output: Bad file descriptor\n");
}

/* A limit on the size of files fails like a full disk: told of, and nothing of what was there is lost. */
static void a_limit_on_files(void **state)
{
    char said[4000];
    (void)state;
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
    print_message("skip: the thread sanitizer's own memory is files, which the limit holds for too\n");
    skip();
#endif
#endif
    run(MANIFEST "p=%s; $p run m.json 2>/dev/null; sed -i 's/30/31/' m.json; (ulimit -f 8; $p run m.json "
                 "--results results "
                 "2>&1; echo code $?); wc -l <results/n/cells.jsonl" CLEAN,
        said, sizeof said);
    if (!strstr(said, "File too large") || strstr(said, "code 0") || !strstr(said, "\n1\n"))
        fail_msg("said \"%s\"", said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_disk_is_told_of),
        cmocka_unit_test(a_closed_pipe_is_silent),
        cmocka_unit_test(closed_descriptors),
        cmocka_unit_test(a_limit_on_files),
    };
    return cmocka_run_group_tests(tests, find_program, NULL);
}
