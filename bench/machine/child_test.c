/* Tests of child.c: this program runs itself as children that behave well, badly and not at all. */
#include "bench/machine/child.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/base/clock.h"

/* ---- children ---- */

static void say(const char *line)
{
    dprintf(BENCH_CHILD_FD, "%s\n", line);
}

/* Sends its job back inside a message, with the threads that its environment asks for and their places. */
static int child_echo(void)
{
    json_t *job = json_loadfd(0, 0, NULL);
    json_t *m = json_pack("{s:o, s:s, s:s?, s:s?}", "job", job, "threads", getenv("OMP_NUM_THREADS"),
                          "places", getenv("OMP_PLACES"), "bind", getenv("OMP_PROC_BIND"));
    json_dumpfd(m, BENCH_CHILD_FD, JSON_COMPACT);
    say("");
    json_decref(m);
    return 0;
}

static int child_hang(void)
{
    say("{\"up\": true}");
    for (int i = 0; i < 600; i++)
        sleep(1);
    return 0;
}

static void rest(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* Ends at SIGTERM with a last message; it first asks the launcher to end, so many times by SIGINT, as a terminal does, or by
 * `other`. */
static int await_sigterm(int ask, int other)
{
    sigset_t set;
    int signal;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    say("{\"up\": true}");
    for (int i = 0; i < ask; i++) {
        rest(i ? 300 : 0);
        kill(getppid(), SIGINT);
    }
    if (other)
        kill(getppid(), other);
    sigwait(&set, &signal);
    say("{\"bye\": true}");
    return 7;
}

static int child_polite(void)
{
    return await_sigterm(0, 0);
}

static int child_interrupts(void)
{
    return await_sigterm(2, 0);
}

static int child_terminates(void)
{
    return await_sigterm(0, SIGTERM);
}

/* Asked once by SIGINT, the launcher lets it end by itself. */
static int child_finishes(void)
{
    say("{\"up\": true}");
    kill(getppid(), SIGINT);
    rest(400);
    say("{\"bye\": true}");
    return 5;
}

static int child_deaf(void)
{
    signal(SIGTERM, SIG_IGN);
    return child_hang();
}

static int child_signal(int number)
{
    signal(number, SIG_DFL); /* sanitizers catch some */
    fprintf(stderr, "about to end\n");
    raise(number);
    return 0;
}

static int child_segv(void)
{
    return child_signal(SIGSEGV);
}

static int child_kill(void)
{
    return child_signal(SIGKILL);
}

static int child_chatter(void)
{
    for (int i = 0; i < 20000; i++)
        printf("line %d of many\n", i);
    printf("caf\xc3\xa9\x01 end\n\n");
    return 3;
}

static int child_garbage(void)
{
    say("{\"ok\": 1}");
    say("[1]");
    say("hello \x01");
    say("{\"ok\": 2}");
    dprintf(BENCH_CHILD_FD, "{\"half\": ");
    return 0;
}

/* A message much longer than a pipe holds. */
static int child_big(void)
{
    const size_t n = 3000000;
    char *text = malloc(n + 1);
    memset(text, 'x', n);
    text[n] = '\0';
    dprintf(BENCH_CHILD_FD, "{\"big\": \"%s\"}\n", text);
    free(text);
    return 0;
}

/* Leaves a descendant that holds the pipes open. */
static int child_litter(void)
{
    pid_t pid = fork();
    if (pid == 0)
        return child_hang();
    char line[64];
    snprintf(line, sizeof line, "{\"pid\": %d}", (int)pid);
    say(line);
    return 0;
}

static int child_interrupts_deaf(void)
{
    signal(SIGTERM, SIG_IGN);
    say("{\"up\": true}");
    for (int i = 0; i < 3; i++) {
        kill(getppid(), SIGINT);
        rest(300);
    }
    sleep(600);
    return 0;
}

static const struct {
    const char *name;
    int (*run)(void);
} children[] = {
    {"echo", child_echo},
    {"hang", child_hang},
    {"polite", child_polite},
    {"deaf", child_deaf},
    {"segv", child_segv},
    {"kill", child_kill},
    {"chatter", child_chatter},
    {"garbage", child_garbage},
    {"big", child_big},
    {"litter", child_litter},
    {"interrupts", child_interrupts},
    {"finishes", child_finishes},
    {"terminates", child_terminates},
    {"interrupts-deaf", child_interrupts_deaf},
};

/* ---- tests ---- */

typedef struct heard {
    json_t *messages;
} heard;

static void hear(void *self, json_t *message)
{
    json_array_append(((heard *)self)->messages, message);
}

static bench_child_result run_bound(const char *child, double timeout_s, const char *const *settings,
                                    json_t **messages)
{
    const char *argv[] = {"child_test", child, NULL};
    heard h = {json_array()};
    json_t *job = json_pack("{s:s, s:[f, i]}", "name", "a job", "values", 0.1, 3);
    bench_child_options o = {.argv = argv,
                             .job = job,
                             .threads = 3,
                             .settings = settings,
                             .timeout_s = timeout_s,
                             .grace_s = 0.2,
                             .finish = true,
                             .message = hear,
                             .self = &h};
    bench_child_result r;
    bench_signals signals = {.fd = -1};
    zo_error err = {0};
    assert_int_equal(bench_signals_open(&signals, &err), ZO_OK);
    if (bench_child_run(&signals, &o, &r, &err))
        fail_msg("%s", err.text);
    bench_signals_close(&signals);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nobody is left to wait for */
    json_decref(job);
    *messages = h.messages;
    return r;
}

static bench_child_result run(const char *child, double timeout_s, json_t **messages)
{
    return run_bound(child, timeout_s, NULL, messages);
}

/* What the child is told replaces what is set here; nothing else of the environment changes. */
static void threads_and_places_are_set(void **state)
{
    char place[40];
    const char *const settings[] = {place, "OMP_PROC_BIND=close", NULL};
    json_t *m;
    (void)state;
    snprintf(place, sizeof place, "OMP_PLACES={%d}", sched_getcpu());
    setenv("OMP_PROC_BIND", "false", 1);
    run_bound("echo", 0, settings, &m);
    assert_string_equal(json_string_value(json_object_get(json_array_get(m, 0), "places")),
                        place + strlen("OMP_PLACES="));
    assert_string_equal(json_string_value(json_object_get(json_array_get(m, 0), "bind")), "close");
    json_decref(m);
    run("echo", 0, &m);
    assert_null(json_string_value(json_object_get(json_array_get(m, 0), "places")));
    assert_string_equal(json_string_value(json_object_get(json_array_get(m, 0), "bind")), "false");
    json_decref(m);
    unsetenv("OMP_PROC_BIND");
}

static void a_job_goes_there_and_back(void **state)
{
    json_t *m, *sent = json_pack("{s:s, s:[f, i]}", "name", "a job", "values", 0.1, 3);
    (void)state;
    bench_child_result r = run("echo", 0, &m);
    assert_int_equal(r.signal + r.code, 0);
    assert_false(r.timed_out || r.interrupted || r.killed || r.out_of_memory);
    assert_string_equal(r.tail, "");
    assert_int_equal(json_array_size(m), 1);
    assert_true(json_equal(json_object_get(json_array_get(m, 0), "job"), sent));
    assert_string_equal(json_string_value(json_object_get(json_array_get(m, 0), "threads")), "3");
    assert_true(r.wall_ns > 0);
    json_decref(sent);
    json_decref(m);
}

static void ways_to_end(void **state)
{
    static const struct {
        const char *child;
        double timeout_s;
        int signal, code;
        bool timed_out, interrupted, stopped, killed;
        size_t messages;
    } cases[] = {
        {"hang", 0.3, SIGTERM, 0, true, false, false, false, 1},
        {"polite", 0.3, 0, 7, true, false, false, false, 2},
        {"deaf", 0.3, SIGKILL, 0, true, false, false, true, 1},
        {"segv", 0, SIGSEGV, 0, false, false, false, false, 0},
        {"kill", 0, SIGKILL, 0, false, false, false, false, 0},
        {"finishes", 0, 0, 5, false, true, false, false, 2},
        {"interrupts", 0, 0, 7, false, true, true, false, 2},
        {"terminates", 0, 0, 7, false, true, true, false, 2},
        {"interrupts-deaf", 0, SIGKILL, 0, false, true, true, true, 1},
        {"nobody", 0, 0, 99, false, false, false, false, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *m;
        bench_child_result r = run(cases[i].child, cases[i].timeout_s, &m);
        if (r.signal != cases[i].signal || r.code != cases[i].code || r.timed_out != cases[i].timed_out ||
            r.interrupted != cases[i].interrupted || r.stopped != cases[i].stopped ||
            r.killed != cases[i].killed || json_array_size(m) != cases[i].messages)
            fail_msg("%s: signal %d, code %d, timed out %d, interrupted %d, killed %d, %zu messages",
                     cases[i].child, r.signal, r.code, r.timed_out, r.interrupted, r.killed,
                     json_array_size(m));
        assert_false(r.out_of_memory);
        json_decref(m);
    }
}

static void the_end_of_the_output_is_kept(void **state)
{
    json_t *m;
    (void)state;
    bench_child_result r = run("chatter", 0, &m);
    static const char end[] = "; line 19999 of many; caf??? end";
    size_t n = strlen(r.tail);
    assert_int_equal(r.code, 3);
    assert_in_range(n, sizeof r.tail / 2, sizeof r.tail - 1);
    assert_string_equal(r.tail + n - strlen(end), end);
    assert_int_equal(strncmp(r.tail, "line ", 5), 0); /* from the beginning of a line */
    json_decref(m);
    r = run("segv", 0, &m);
    assert_string_equal(r.tail, "about to end");
    json_decref(m);
}

static void garbage_is_reported_and_passed_over(void **state)
{
    json_t *m;
    (void)state;
    bench_child_result r = run("garbage", 0, &m);
    assert_int_equal(json_array_size(m), 2);
    assert_string_equal(r.garbage, "[1]");
    json_decref(m);
}

static void a_message_can_be_long(void **state)
{
    json_t *m;
    (void)state;
    bench_child_result r = run("big", 0, &m);
    assert_int_equal(r.code, 0);
    assert_int_equal(json_string_length(json_object_get(json_array_get(m, 0), "big")), 3000000);
    json_decref(m);
}

static void descendants_do_not_stay(void **state)
{
    json_t *m;
    (void)state;
    bench_child_result r = run("litter", 0, &m);
    pid_t pid = 0; /* it may have spoken before or after its parent */
    for (size_t i = 0; i < json_array_size(m); i++)
        pid += (pid_t)json_integer_value(json_object_get(json_array_get(m, i), "pid"));
    assert_int_equal(r.code, 0);
    assert_true(pid > 0);
    /* it was killed; whoever inherits it reaps it sooner or later */
    for (int tries = 0; kill(pid, 0) == 0 && tries < 500; tries++) {
        char path[64], text[256] = "";
        snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
        FILE *f = fopen(path, "r");
        if (!f)
            break;
        size_t n = fread(text, 1, sizeof text - 1, f);
        fclose(f);
        if (n && strstr(text, ") Z "))
            break;
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
        assert_true(tries < 499);
    }
    json_decref(m);
}

static void a_missing_program_is_told(void **state)
{
    const char *argv[] = {"x", NULL};
    json_t *job = json_object();
    heard h = {json_array()};
    bench_child_options o = {
        .argv = argv, .program = "/nonexistent", .job = job, .threads = 1, .message = hear, .self = &h};
    bench_child_result r;
    bench_signals signals = {.fd = -1};
    (void)state;
    assert_int_equal(bench_signals_open(&signals, NULL), ZO_OK);
    assert_int_equal(bench_child_run(&signals, &o, &r, NULL), ZO_OK);
    bench_signals_close(&signals);
    assert_int_equal(r.code, 127);
    assert_string_equal(r.tail, "exec /nonexistent: No such file or directory");
    json_decref(h.messages);
    json_decref(job);
}

/* The launcher is killed: its child must go too. A process between plays the launcher. */
static void a_child_dies_with_its_parent(void **state)
{
    int fds[2];
    char c;
    (void)state;
    assert_int_equal(pipe(fds), 0);
    pid_t launcher = fork();
    if (launcher == 0) {
        json_t *m;
        close(fds[0]);
        dup2(fds[1], 9); /* held open by the child as well, without FD_CLOEXEC */
        close(fds[1]);
        run("hang", 0, &m);
        _exit(1);
    }
    close(fds[1]);
    nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
    assert_int_equal(kill(launcher, SIGKILL), 0);
    assert_int_equal(waitpid(launcher, NULL, 0), launcher);
    alarm(20);
    assert_int_equal(read(fds[0], &c, 1), 0); /* comes back when the last holder is gone */
    alarm(0);
    close(fds[0]);
}

static void signals_have_names(void **state)
{
    (void)state;
    assert_string_equal(bench_signal_name(SIGSEGV), "SIGSEGV");
    assert_string_equal(bench_signal_name(SIGKILL), "SIGKILL");
    assert_string_equal(bench_signal_name(-1), "an unusual signal");
    assert_string_equal(bench_signal_name(64), "an unusual signal");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_goes_there_and_back),
        cmocka_unit_test(threads_and_places_are_set),
        cmocka_unit_test(ways_to_end),
        cmocka_unit_test(the_end_of_the_output_is_kept),
        cmocka_unit_test(garbage_is_reported_and_passed_over),
        cmocka_unit_test(a_message_can_be_long),
        cmocka_unit_test(descendants_do_not_stay),
        cmocka_unit_test(a_missing_program_is_told),
        cmocka_unit_test(a_child_dies_with_its_parent),
        cmocka_unit_test(signals_have_names),
    };
    for (size_t i = 0; argc > 1 && i < sizeof children / sizeof *children; i++)
        if (strcmp(argv[1], children[i].name) == 0)
            return children[i].run();
    return argc > 1 ? 99 : cmocka_run_group_tests(tests, NULL, NULL);
}
