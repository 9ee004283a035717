/* Faults that a run survives: full and unwritable disks, torn files, models that change or vanish, cells that want too much
 * memory, wishes to end. After each, running again does exactly what is missing. This program is its own child, which
 * behaves as the cell's `queries` say, or runs a real cell of a made-up model. */
#include "bench/launch/run.h"

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/base/memory_limit.h"
#include "bench/launch/pairs.h"
#include "bench/machine/child.h"
#include "bench/cmd/commands.h"
#include "bench/base/exit.h"
#include "bench/base/folder.h"
#include "bench/manifest/place_fixture.h"
#include "bench/record/record.h"

#define CELLS "results/test/cells.jsonl"
#define MODEL "./model.gguf"

/* ---- the child ---- */

static int answer(void)
{
    dprintf(BENCH_CHILD_FD,
            "{\"record\":{\"status\":\"ok\",\"reason\":null,\"time\":{\"median_ns\":1000.0}}}\n");
    return 0;
}

static void write_model(const char *text)
{
    assert_int_equal(bench_folder_save(MODEL, text, strlen(text), NULL), ZO_OK);
}

static int changes_model(void)
{
    write_model("other weights");
    return answer();
}

static int removes_model(void)
{
    unlink(MODEL);
    return answer();
}

/* As a library does that was refused memory. */
static int wants_memory(void)
{
    const size_t bytes = (size_t)1 << 30;
    char *p = malloc(bytes);
    if (!p) {
        fprintf(stderr, "library: Cannot allocate memory\n");
        return 1;
    }
    memset(p, 1, bytes);
    free(p);
    return answer();
}

static int interrupts(void)
{
    kill(getppid(), SIGINT);
    nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
    return answer();
}

static int fails(void)
{
    return 1;
}

enum { ANSWER = 1, CHANGES, REMOVES, MEMORY, INTERRUPTS, FAILS };

static int (*const behave[])(void) = {
    [ANSWER] = answer,       [CHANGES] = changes_model, [REMOVES] = removes_model,
    [MEMORY] = wants_memory, [INTERRUPTS] = interrupts, [FAILS] = fails,
};

enum { REAL_RANK = 3 }; /* cells of this rank are real ones */

static int child(char **argv)
{
    json_t *job = json_loadf(stdin, 0, NULL), *cell = json_object_get(job, "cell");
    json_t *told = json_pack("{s:{s:{s:O?}}}", "partial", "inputs", "model", json_object_get(job, "model"));
    const int queries = (int)json_integer_value(json_object_get(cell, "queries")),
              rank = (int)json_integer_value(json_object_get(cell, "rank"));
    json_decref(job);
    if (rank == REAL_RANK) {
        json_decref(told);
        rewind(stdin);
        return bench_cmd_cell(1, argv);
    }
    json_dumpfd(told, BENCH_CHILD_FD, JSON_COMPACT);
    dprintf(BENCH_CHILD_FD, "\n");
    json_decref(told);
    return queries > 0 && (size_t)queries < sizeof behave / sizeof *behave ? behave[queries]() : 99;
}

static const char *const own_argv[] = {"fault_test", "cell", NULL};
static const bench_run_options plain = {.results = "results", .grace_s = 0.2, .argv = own_argv};

/* Writes m.json and reads it. rest: members of the manifest behind the defaults. */
static bench_manifest *manifest(const char *defaults, const char *rest)
{
    bench_manifest *m = NULL;
    zo_error err = {0};
    char *text = bench_folder_path("{\"schema\": \"zobench/1\", \"name\": \"test\", \"defaults\": {\"task\": "
                                   "\"polarity\", \"batch\": 1, "
                                   "\"threads\": 1, %s}, %s}\n",
                                   defaults, rest);
    assert_int_equal(bench_folder_save("m.json", text, strlen(text), NULL), ZO_OK);
    free(text);
    if (bench_manifest_load("m.json", &m, &err))
        fail_msg("%s", err.text);
    return m;
}

#define SYNTH         "\"model\": \"synth:tiny\""
#define MEASURE(text) "\"measure\": {\"order\": \"round-robin\", " text "}"

static bench_run_summary run(const bench_manifest *m)
{
    bench_run_summary s;
    zo_error err = {0};
    if (bench_run(m, &plain, &s, &err))
        fail_msg("%s", err.text);
    return s;
}

static json_t *records(int *torn)
{
    json_t *all = NULL;
    zo_error err = {0};
    if (bench_records_load(CELLS, &all, torn, &err))
        fail_msg("%s", err.text);
    return all;
}

/* Each of the cell's n repetitions is there once, and nothing else is. */
static void assert_complete(int n)
{
    json_t *all = records(NULL), *r;
    size_t i;
    unsigned seen = 0;
    assert_int_equal(json_array_size(all), n);
    json_array_foreach(all, i, r) seen |= 1u << json_integer_value(json_object_get(r, "run"));
    assert_int_equal(seen, (1u << n) - 1);
    json_decref(all);
}

#define THREAD_SANITIZER 0
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#undef THREAD_SANITIZER
#define THREAD_SANITIZER 1
#endif
#endif

/* ---- tests ---- */

/* A file that cannot grow, as on a full disk: the session ends with an error; what it could not write whole is not there. */
static void a_full_disk(void **state)
{
    struct stat info;
    (void)state;
    if (THREAD_SANITIZER) {
        printf("skip: under ThreadSanitizer no process starts where files cannot grow\n");
        skip();
    }
    bench_manifest *m = manifest(SYNTH ", \"queries\": 1", MEASURE("\"min_runs\": 6"));
    pid_t launcher = fork();
    if (launcher == 0) {
        bench_run_summary s;
        zo_error err = {0};
        signal(SIGXFSZ, SIG_IGN); /* then write fails with EFBIG */
        struct rlimit most = {10000, 10000};
        setrlimit(RLIMIT_FSIZE, &most);
        const zo_status st = bench_run(m, &plain, &s, &err);
        _exit(st == ZO_ERR_IO && strstr(err.text, "write " CELLS) ? 0 : 1);
    }
    int status = -1, torn = -1;
    assert_int_equal(waitpid(launcher, &status, 0), launcher);
    assert_int_equal(status, 0);
    json_t *all = records(&torn);
    const int before = (int)json_array_size(all);
    assert_in_range(before, 1, 5);
    assert_int_equal(torn, 0);
    json_decref(all);
    assert_int_equal(stat(CELLS, &info), 0);
    assert_true(info.st_size <= 10000);
    assert_int_equal(run(m).done, 6 - before);
    assert_complete(6);
    bench_manifest_free(m);
}

enum { CANNOT_MOUNT = 77 };

/* In a process of its own: a small file system in memory at results/, run until it is full, made larger, run again. */
static int fill_a_disk(const bench_manifest *m)
{
    bench_run_summary s;
    zo_error err = {0};
    int torn = -1;
    json_t *all = NULL;
    if (mkdir("results", 0777) || unshare(geteuid() ? CLONE_NEWUSER | CLONE_NEWNS : CLONE_NEWNS) ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount("tmpfs", "results", "tmpfs", 0, "size=28k"))
        return CANNOT_MOUNT;
    if (bench_run(m, &plain, &s, &err) != ZO_ERR_IO || !strstr(err.text, "No space left on device"))
        return 1;
    if (bench_records_load(CELLS, &all, &torn, NULL) || torn)
        return 2;
    const int before = (int)json_array_size(all);
    json_decref(all);
    if (before < 1 || before > 8)
        return 3;
    if (mount(NULL, "results", NULL, MS_REMOUNT, "size=1m"))
        return 4;
    if (bench_run(m, &plain, &s, NULL) || s.done != 9 - before)
        return 5;
    return s.ok == 1 && !bench_records_load(CELLS, &all, NULL, NULL) && json_array_size(all) == 9 ? 0 : 6;
}

static void a_disk_without_space(void **state)
{
    (void)state;
    bench_manifest *m = manifest(SYNTH ", \"queries\": 1", MEASURE("\"min_runs\": 9"));
    pid_t pid = fork();
    if (pid == 0)
        _exit(fill_a_disk(m));
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    bench_manifest_free(m);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == CANNOT_MOUNT) {
        printf("skip: no file system can be mounted here\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void unwritable_results(void **state)
{
    bench_run_summary s;
    zo_error err = {0};
    (void)state;
    bench_manifest *m = manifest(SYNTH ", \"queries\": 1", MEASURE("\"min_runs\": 1"));
    assert_int_equal(bench_folder_save("results", "a file", 6, NULL), ZO_OK);
    assert_int_equal(bench_run(m, &plain, &s, &err), ZO_ERR_IO);
    assert_non_null(strstr(err.text, "results"));
    assert_int_equal(s.done, 0);
    unlink("results");
    err = (zo_error){0};
    assert_int_equal(bench_folder_make(CELLS, NULL), ZO_OK); /* a folder where the file should be */
    assert_int_equal(bench_run(m, &plain, &s, &err), ZO_ERR_IO);
    assert_int_equal(rmdir(CELLS), 0);
    assert_int_equal(run(m).done, 1);
    bench_manifest_free(m);
}

/* Power went while the last line was written: that repetition is done again, at every length of what is left of it. */
static void a_torn_last_line(void **state)
{
    struct stat info;
    (void)state;
    bench_manifest *m = manifest(SYNTH ", \"queries\": 1", MEASURE("\"min_runs\": 3"));
    run(m);
    assert_int_equal(stat(CELLS, &info), 0);
    const long line = info.st_size / 3;
    const long left[] = {1, line / 2, line - 200, 0};
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) {
        int torn = -1;
        assert_int_equal(stat(CELLS, &info), 0);
        json_t *all = records(NULL);
        const size_t whole = json_array_size(all);
        char *last = json_dumps(json_array_get(all, whole - 1), JSON_COMPACT);
        assert_int_equal(truncate(CELLS, info.st_size - (off_t)strlen(last) - 1 + left[i]), 0);
        free(last);
        json_decref(all);
        assert_int_equal(run(m).done, 1);
        all = records(&torn);
        assert_int_equal(json_array_size(all), 3);
        assert_true(torn >= (left[i] > 0));
        json_decref(all);
    }
    assert_int_equal(run(m).done, 0);
    assert_complete(3);
    bench_manifest_free(m);
}

static const char *text_of(const json_t *all, size_t i, const char *key)
{
    const char *text = json_string_value(json_object_get(json_array_get(all, i), key));
    return text ? text : "(null)";
}

/* Cells of other weights than those before them fail, and say why; the rest of the sweep goes on. */
static void a_model_that_changes(void **state)
{
    (void)state;
    write_model("weights");
    bench_manifest *m = manifest("\"model\": \"" MODEL "\"",
                                 "\"matrix\": {\"queries\": [1, 2]}, " MEASURE("\"min_runs\": 2"));
    bench_run_summary s = run(m);
    assert_int_equal(s.failed, 2);
    json_t *all = records(NULL);
    assert_int_equal(json_array_size(all), 3);
    assert_string_equal(text_of(all, 0, "status"), "ok");
    assert_string_equal(text_of(all, 1, "reason"), "model " MODEL " changed while the cell ran");
    /* and between two repetitions, or sessions */
    assert_string_equal(text_of(all, 2, "status"), "failed");
    assert_non_null(strstr(text_of(all, 2, "reason"), "model " MODEL " has changed: its SHA-256 was "));
    json_decref(all);
    bench_run_options retry = plain;
    zo_error err = {0};
    retry.retry = true;
    assert_int_equal(bench_run(m, &retry, &s, &err), ZO_ERR_INVALID); /* it is still another one */
    assert_non_null(
        strstr(err.text, "was made of other contents than there are now: model " MODEL ": SHA-256 "));
    err = (zo_error){0};
    write_model("weights");
    bench_manifest_free(m);
    m = manifest("\"model\": \"" MODEL "\"", "\"matrix\": {\"queries\": [1]}, " MEASURE("\"min_runs\": 2"));
    assert_int_equal(bench_run(m, &retry, &s, &err), ZO_OK);
    assert_int_equal(s.ok, 1); /* back again */
    bench_manifest_free(m);
}

/* Nor are two programs compared with different weights. */
static void a_model_that_changes_between_pairs(void **state)
{
    (void)state;
    write_model("weights");
    bench_manifest *m = manifest("\"model\": \"" MODEL "\"",
                                 "\"matrix\": {\"queries\": [1, 2]}, " MEASURE("\"min_runs\": 1"));
    bench_pairs *p = NULL;
    zo_error err = {0};
    if (bench_pairs_open(m, &(bench_pairs_options){0}, &p, &err) || bench_pairs_measure(p, NULL, 2, &err))
        fail_msg("%s", err.text);
    const json_t *old = bench_pairs_old(p);
    assert_string_equal(text_of(old, 0, "status"), "ok");
    assert_string_equal(text_of(bench_pairs_new(p), 0, "status"), "ok");
    /* the second cell begins with the new side, which changes it; then neither cell has the weights that it had */
    assert_string_equal(text_of(bench_pairs_new(p), 1, "reason"),
                        "model " MODEL " changed while the cell ran");
    for (size_t i = 1; i < 3; i++) {
        assert_string_equal(text_of(old, i, "status"), "failed");
        assert_non_null(strstr(text_of(old, i, "reason"), "has changed: its SHA-256 was "));
        assert_null(strstr(text_of(old, i, "reason"), "--fresh")); /* which is no flag of compare */
    }
    bench_pairs_free(p);
    bench_manifest_free(m);
}

static void a_model_that_vanishes(void **state)
{
    (void)state;
    write_model("weights");
    bench_manifest *m = manifest("\"model\": \"" MODEL "\", \"queries\": 3", MEASURE("\"min_runs\": 1"));
    run(m);
    json_t *all = records(NULL);
    assert_string_equal(text_of(all, 0, "reason"), "model " MODEL " vanished while the cell ran");
    json_decref(all);
    bench_manifest_free(m);
    unlink(CELLS);
    /* a real cell finds it gone, the next one goes on */
    m = manifest("\"rank\": 3, \"steps\": 2, \"eval_every\": null, \"train_rows\": 8, \"queries\": 1",
                 "\"matrix\": {\"model\": [\"" MODEL "\", \"synth:tiny\"]}, " MEASURE("\"min_runs\": 1"));
    bench_run_summary s = run(m);
    assert_int_equal(s.ok, 1);
    all = records(NULL);
    assert_string_equal(text_of(all, 0, "status"), "failed");
    assert_non_null(strstr(text_of(all, 0, "reason"), "model.gguf"));
    assert_string_equal(text_of(all, 1, "status"), "ok");
    json_decref(all);
    bench_manifest_free(m);
}

/* Beyond its ceiling a cell is a row with status oom, whether it says so itself or ends in a library; the rest goes on. */
static void too_much_memory(void **state)
{
    const char *why;
    (void)state;
    if (!bench_memory_limit_bytes(1 << 26, NULL, 1, &why)) {
        printf("skip: no ceiling: %s\n", why);
        skip();
    }
    bench_manifest *m =
        manifest(SYNTH, "\"matrix\": {\"queries\": [4, 1]}, " MEASURE("\"memory\": \"512MiB\""));
    bench_run_summary s = run(m);
    assert_int_equal(s.ok, 1);
    json_t *all = records(NULL);
    assert_string_equal(text_of(all, 0, "status"), "oom");
    assert_string_equal(text_of(all, 0, "reason"),
                        "wanted more than its 512.0 MiB of memory: library: Cannot allocate memory");
    assert_string_equal(text_of(all, 1, "status"), "ok");
    const json_t *limits = json_object_get(json_array_get(all, 1), "limits");
    assert_int_equal(json_integer_value(json_object_get(limits, "memory_bytes")), 512 << 20);
    json_decref(all);
    bench_manifest_free(m);
    unlink(CELLS);
    /* 135 million weights in f32 are 513 MiB */
    m = manifest("\"rank\": 3, \"steps\": 2, \"eval_every\": null, \"train_rows\": 8, \"queries\": 1",
                 "\"matrix\": {\"model\": [\"synth:smollm2-135m\", \"synth:tiny\"]}, " MEASURE(
                     "\"memory\": \"400MiB\""));
    bench_run_options o = plain;
    zo_error err = {0};
    assert_int_equal(bench_run(m, &o, &s, &err), ZO_ERR_INVALID); /* refused before anything is run */
    assert_non_null(strstr(err.text,
                           "run test: 1 cell cannot fit into the 0.4 GiB of memory that a cell may take: "
                           "model=synth:smollm2-135m needs at least 0.5 GiB; --oversize"));
    o.oversize = true;
    err = (zo_error){0};
    assert_int_equal(bench_run(m, &o, &s, &err), ZO_OK);
    all = records(NULL);
    if (s.ok != 1)
        fail_msg("%s; %s", text_of(all, 0, "reason"), text_of(all, 1, "reason"));
    assert_string_equal(text_of(all, 0, "status"), "oom");
    assert_non_null(strstr(text_of(all, 0, "reason"), "memory"));
    assert_string_equal(text_of(all, 1, "status"), "ok");
    json_decref(all);
    bench_manifest_free(m);
}

static int command(const char *results)
{
    pid_t pid = fork();
    if (pid == 0) {
        char *argv[] = {"run", "--quiet", "--results", (char *)results, "m.json", NULL};
        _exit(bench_cmd_run(5, argv));
    }
    int status = -1;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The command starts this program with "cell": its children are those above. */
static void exit_codes(void **state)
{
    (void)state;
    bench_manifest_free(manifest(SYNTH ", \"queries\": 1", MEASURE("\"min_runs\": 1")));
    assert_int_equal(command("fine"), BENCH_EXIT_OK);
    assert_int_equal(command("m.json"), BENCH_EXIT_USAGE);
    bench_manifest_free(manifest(SYNTH, "\"matrix\": {\"queries\": [6, 1]}, " MEASURE("\"min_runs\": 1")));
    assert_int_equal(command("failed"), BENCH_EXIT_FAILED);
    bench_manifest_free(manifest(SYNTH, "\"matrix\": {\"queries\": [5, 1]}, " MEASURE("\"min_runs\": 1")));
    assert_int_equal(command("results"), BENCH_EXIT_INTERRUPTED);
    assert_complete(1); /* the repetition was finished */
    assert_int_equal(command("results"), BENCH_EXIT_OK);
    unlink("m.json");
    assert_int_equal(command("results"), BENCH_EXIT_USAGE);
}

static void wish(int signal)
{
    (void)signal;
    raise(SIGINT);
}

/* Asked to end while the machine's peaks are measured, before its first repetition: it does not begin that. */
static void asked_before_it_begins(void **state)
{
    (void)state;
    bench_manifest *m =
        manifest("\"rank\": 3, " SYNTH ", \"steps\": 100000, \"eval_every\": null, \"queries\": 1",
                 MEASURE("\"min_runs\": 1"));
    pid_t launcher = fork();
    if (launcher == 0) {
        bench_run_summary s;
        sigset_t set;
        bench_run_options o = plain;
        o.peak_s = 0.3; /* for each of several */
        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        sigprocmask(SIG_BLOCK, &set, NULL);
        signal(SIGALRM, wish);
        ualarm(250000, 0);
        const zo_status st = bench_run(m, &o, &s, NULL);
        _exit(st || !s.interrupted || s.done ? 1 : 0);
    }
    int status = -1;
    assert_int_equal(waitpid(launcher, &status, 0), launcher);
    assert_int_equal(status, 0);
    json_t *all = records(NULL);
    assert_int_equal(json_array_size(all), 0);
    json_decref(all);
    bench_manifest_free(m);
}

#define IN_PLACE(f) cmocka_unit_test_setup_teardown(f, place_make, place_drop)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IN_PLACE(a_full_disk),
        IN_PLACE(a_disk_without_space),
        IN_PLACE(unwritable_results),
        IN_PLACE(a_torn_last_line),
        IN_PLACE(a_model_that_changes),
        IN_PLACE(a_model_that_changes_between_pairs),
        IN_PLACE(a_model_that_vanishes),
        IN_PLACE(too_much_memory),
        IN_PLACE(exit_codes),
        IN_PLACE(asked_before_it_begins),
    };
    if (argc > 1 && strcmp(argv[1], "cell") == 0)
        return child(argv + 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
