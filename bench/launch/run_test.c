/* Tests of run.c and launch.c: this program is its own child, which behaves as the cell's `queries` say, or runs a real
 * cell of a tiny made-up model. */
#include "bench/backend/openblas.h"
#include "bench/launch/run.h"

#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/base/memory_limit.h"
#include "bench/launch/pairs.h"
#include "bench/machine/child.h"
#include "bench/cmd/commands.h"
#include "bench/manifest/condition.h"
#include "bench/base/folder.h"
#include "bench/record/metric.h"
#include "bench/manifest/place_fixture.h"
#include "bench/record/record.h"

/* ---- the child ---- */

static void rest(int ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

static void say(const char *text)
{
    dprintf(BENCH_CHILD_FD, "%s\n", text);
}

static int answer(double median_ns)
{
    dprintf(BENCH_CHILD_FD,
            "{\"record\":{\"status\":\"ok\",\"reason\":null,\"time\":{\"median_ns\":%.17g},\"numerics\":{"
            "\"threads\":%s}}}\n",
            median_ns, getenv("OMP_NUM_THREADS"));
    return 0;
}

static int fine(int run)
{
    (void)run;
    say("{\"partial\":{\"inputs\":{\"model\":{\"path\":\"m\"}},\"seeds\":{\"seed\":1}}}");
    return answer(1000);
}

static int segv(int run)
{
    (void)run;
    signal(SIGSEGV, SIG_DFL);
    say("{\"partial\":{\"seeds\":{\"seed\":7}}}");
    say("{\"progress\":{\"phase\":\"train\",\"step\":3,\"steps\":9,\"loss\":0.5}}");
    fprintf(stderr, "last words\n");
    raise(SIGSEGV);
    return 0;
}

static int hang(int run)
{
    (void)run;
    say("{\"progress\":{\"phase\":\"load\"}}");
    sleep(600);
    return 0;
}

static int garbage(int run)
{
    say("this is no JSON");
    return fine(run);
}

static int silent(int run)
{
    (void)run;
    fprintf(stderr, "giving up\n");
    return 5;
}

static int killed(int run)
{
    (void)run;
    raise(SIGKILL);
    return 0;
}

static int told(const char *status)
{
    dprintf(BENCH_CHILD_FD, "{\"record\":{\"status\":\"%s\",\"reason\":\"because\"}}\n", status);
    return 0;
}

static int nan_(int run)
{
    (void)run;
    return told("nan");
}

static int oom(int run)
{
    (void)run;
    return told("oom");
}

static int unheard_of(int run)
{
    (void)run;
    return told("splendid");
}

/* As a library ends that was refused memory. */
static int refused(int run)
{
    (void)run;
    fprintf(stderr, "library: Cannot allocate memory\n");
    return 1;
}

static int fails_after_all(int run)
{
    fine(run);
    return 1;
}

static int noisy(int run)
{
    return answer(1000 * (1 + run % 3));
}

static void ask_launcher(int signal)
{
    kill(getppid(), signal);
    rest(300);
}

static bool first_time(void)
{
    const bool first = access("interrupted", F_OK) != 0;
    close(open("interrupted", O_CREAT | O_WRONLY, 0666));
    return first;
}

/* The first attempt asks the launcher twice to end. */
static int interrupts(int run)
{
    sigset_t set;
    int got;
    if (!first_time())
        return fine(run);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    ask_launcher(SIGINT);
    kill(getppid(), SIGINT);
    sigwait(&set, &got);
    return told("interrupted");
}

static int interrupts_once(int run)
{
    if (first_time())
        ask_launcher(SIGINT);
    return fine(run);
}

static int slow(int run)
{
    rest(60);
    return fine(run);
}

enum {
    FINE = 1,
    SEGV,
    HANG,
    GARBAGE,
    SILENT,
    KILLED,
    NAN_,
    OOM,
    UNHEARD_OF,
    FAILS_AFTER_ALL,
    NOISY,
    INTERRUPTS,
    SLOW,
    INTERRUPTS_ONCE,
    REFUSED,
    NOBODY
};

static int (*const behave[])(int run) = {
    [FINE] = fine,
    [SEGV] = segv,
    [HANG] = hang,
    [GARBAGE] = garbage,
    [SILENT] = silent,
    [KILLED] = killed,
    [NAN_] = nan_,
    [OOM] = oom,
    [UNHEARD_OF] = unheard_of,
    [FAILS_AFTER_ALL] = fails_after_all,
    [NOISY] = noisy,
    [INTERRUPTS] = interrupts,
    [SLOW] = slow,
    [INTERRUPTS_ONCE] = interrupts_once,
    [REFUSED] = refused,
};

enum { REAL_RANK = 3 }; /* cells of this rank are real ones */

static int child(char **argv)
{
    json_t *job = json_loadf(stdin, 0, NULL);
    int queries = (int)json_integer_value(json_object_get(json_object_get(job, "cell"), "queries"));
    int run = (int)json_integer_value(json_object_get(job, "run"));
    if (json_integer_value(json_object_get(json_object_get(job, "cell"), "rank")) == REAL_RANK) {
        json_decref(job);
        rewind(stdin);
        return bench_cmd_cell(1, argv);
    }
    json_decref(job);
    return queries > 0 && (size_t)queries < sizeof behave / sizeof *behave ? behave[queries](run) : 99;
}

#define CELLS "results/test/cells.jsonl"
static const char *const own_argv[] = {"run_test", "cell", NULL}, *const sgemm_argv[] = {"run_test", "sgemm",
                                                                                         NULL};
static const bench_run_options plain = {.results = "results", .grace_s = 0.2, .argv = own_argv};

/* Writes m.json with the list of queries, and reads it; cells come in the manifest's order unless measure has another. */
static bench_manifest *manifest(const char *queries, const char *measure, int threads)
{
    bench_manifest *m = NULL;
    zo_error err = {0};
    char *text = bench_folder_path(
        "{\"schema\": \"zobench/1\", \"name\": \"test\", \"defaults\": {\"model\": "
        "\"synth:tiny\", \"task\": \"polarity\", \"batch\": 1, \"threads\": %d}, \"matrix\": "
        "{\"queries\": %s}, \"measure\": {%s%s}}\n",
        threads, queries, measure, strstr(measure, "order\"") ? "" : ", \"order\": \"round-robin\"");
    assert_int_equal(bench_folder_save("m.json", text, strlen(text), NULL), ZO_OK);
    free(text);
    if (bench_manifest_load("m.json", &m, &err))
        fail_msg("%s", err.text);
    return m;
}

static bench_run_summary run(const bench_manifest *m, bench_run_options o)
{
    bench_run_summary s;
    zo_error err = {0};
    if (bench_run(m, &o, &s, &err))
        fail_msg("%s", err.text);
    return s;
}

static json_t *records(void)
{
    json_t *all = NULL;
    zo_error err = {0};
    if (bench_records_load(CELLS, &all, NULL, &err))
        fail_msg("%s", err.text);
    return all;
}

static size_t record_count(void)
{
    json_t *all = records();
    size_t n = json_array_size(all);
    json_decref(all);
    return n;
}

static int queries_of(const json_t *record)
{
    return (int)json_integer_value(json_object_get(json_object_get(record, "cell"), "queries"));
}

/* "queries/run ..." in the order of the records. */
static char *order(void)
{
    json_t *all = records(), *r;
    size_t i, n = 0;
    char *text = calloc(1, 4096);
    json_array_foreach(all, i, r) n +=
        (size_t)snprintf(text + n, 4096 - n, "%s%d/%lld", i ? " " : "", queries_of(r),
                         (long long)json_integer_value(json_object_get(r, "run")));
    json_decref(all);
    return text;
}

static void assert_order(const char *expected)
{
    char *text = order();
    assert_string_equal(text, expected);
    free(text);
}

/* ---- tests ---- */

/* The records of a manifest's cells, in its order, by either way of launching them. */
static json_t *records_of_run(const bench_manifest *m)
{
    const int n = m->cell_count;
    bench_run_summary s = run(m, plain);
    assert_int_equal(s.cells, n);
    assert_int_equal(s.ok, 1);
    assert_int_equal(s.failed, n - 1);
    assert_int_equal(s.done, n);
    assert_false(s.interrupted);
    return records();
}

/* Of zobench compare --keep: what the new side left. */
static json_t *records_of_pairs(const bench_manifest *m)
{
    zo_error err = {0};
    bench_pairs *p = NULL;
    json_t *kept = NULL;
    if (bench_pairs_open(m, &(bench_pairs_options){.keep = "kept"}, &p, &err) ||
        bench_pairs_measure(p, NULL, 1, &err) || bench_records_load("kept/new.jsonl", &kept, NULL, &err))
        fail_msg("%s", err.text);
    assert_false(bench_pairs_interrupted(p));
    bench_pairs_free(p);
    return kept;
}

static void check_outcome(const json_t *r, const bench_manifest *m)
{
    static const char *const parts[] = {"time",     "memory", "roofline", "counters", "accuracy", "loss",
                                        "numerics", "seeds",  "build",    "inputs",   "peaks"};
    assert_true(json_integer_value(json_object_get(r, "wall_ns")) > 0);
    assert_int_equal(json_string_length(json_object_get(r, "started")), 20);
    assert_int_equal(json_string_length(json_object_get(r, "fingerprint")), 12);
    assert_true(json_is_object(json_object_get(r, "machine")));
    assert_string_equal(json_string_value(bench_metric_at(r, "inputs.manifest.sha256")), m->sha256);
    for (size_t k = 0; k < sizeof parts / sizeof *parts;
         k++) { /* never missing, never null without a reason */
        char key[32];
        snprintf(key, sizeof key, "%s_reason", parts[k]);
        const json_t *part = json_object_get(r, parts[k]);
        assert_non_null(part);
        assert_true(!json_is_null(part) || json_is_string(json_object_get(r, key)));
    }
}

static void every_outcome_is_a_record(void **state)
{
    const char *why;
    const bool limited = bench_memory_limit_bytes(1 << 29, NULL, 3, &why) > 0; /* not under sanitizers */
    const struct {
        int queries;
        const char *status, *reason; /* NULL: null */
    } cases[] = {
        {FINE, "ok", NULL},
        {SEGV, "crashed", "ended by SIGSEGV, at step 3 of 9: last words"},
        {HANG, "timeout", "stopped at the time limit of 1.0 s, in phase load"},
        {GARBAGE, "failed", "sent what is no message: this is no JSON"},
        {SILENT, "failed", "ended with exit code 5 and no record: giving up"},
        {KILLED, "crashed", "killed (SIGKILL), possibly out of memory"},
        {NAN_, "nan", "because"},
        {OOM, "oom", "because"},
        {UNHEARD_OF, "failed", "its record has status splendid"},
        {FAILS_AFTER_ALL, "failed", "ended with exit code 1: it printed nothing"},
        {REFUSED, limited ? "oom" : "failed",
         limited ? "wanted more than its 512.0 MiB of memory: library: Cannot allocate memory"
                 : "ended with exit code 1 and no record: library: Cannot allocate memory"},
        {NOBODY, "failed", "ended with exit code 99 and no record: it printed nothing"},
    };
    enum { N = sizeof cases / sizeof *cases };
    static json_t *(*const ways[])(const bench_manifest *) = {records_of_run, records_of_pairs};
    (void)state;
    bench_manifest *m =
        manifest("[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 16]", "\"timeout\": \"1s\", \"memory\": \"512MiB\"", 3);
    for (size_t way = 0; way < sizeof ways / sizeof *ways; way++) {
        json_t *all = ways[way](m);
        assert_int_equal(json_array_size(all), N);
        for (size_t i = 0; i < N; i++) {
            const json_t *r = json_array_get(all, i);
            const char *status = json_string_value(json_object_get(r, "status"));
            const char *reason = json_string_value(json_object_get(r, "reason"));
            assert_int_equal(queries_of(r), cases[i].queries);
            if (strcmp(status, cases[i].status) || !reason != !cases[i].reason ||
                (reason && strcmp(reason, cases[i].reason)))
                fail_msg("way %zu, queries %d: %s: %s", way, cases[i].queries, status,
                         reason ? reason : "(null)");
            check_outcome(r, m);
        }
        const json_t *fine_one = json_array_get(all, 0), *crashed = json_array_get(all, 1);
        assert_int_equal(json_integer_value(bench_metric_at(fine_one, "numerics.threads")), 3);
        assert_string_equal(json_string_value(bench_metric_at(fine_one, "inputs.model.path")), "m");
        /* what a child said before it crashed is kept */
        assert_int_equal(json_integer_value(bench_metric_at(crashed, "seeds.seed")), 7);
        json_decref(all);
    }
    bench_manifest_free(m);
}

static void started_again_it_does_what_is_missing(void **state)
{
    (void)state;
    bench_manifest *m = manifest("[1, 5]", "\"min_runs\": 2", 0);
    bench_run_options retry = plain, filtered = plain;
    json_t *missing = NULL, *where = json_object();
    zo_error err = {0};
    retry.retry = true;
    filtered.where = where;
    assert_int_equal(bench_condition_filter(where, "queries=1", &err), ZO_OK);

    assert_int_equal(bench_run_missing(m, &plain, &missing, &err), ZO_OK);
    assert_int_equal(json_array_size(missing), 2);
    assert_int_equal(json_array_size(json_object_get(json_array_get(missing, 1), "runs")), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(missing, 1), "label")), "queries=5");
    json_decref(missing);
    assert_int_equal(access("results", F_OK), -1); /* looking leaves nothing behind */

    assert_int_equal(run(m, filtered).done, 2);
    bench_run_summary s = run(m, plain); /* the failing cell gets no second repetition */
    assert_int_equal(s.done, 1);
    assert_int_equal(s.ok, 1);
    assert_int_equal(s.failed, 1);
    assert_order("1/0 1/1 5/0");
    assert_int_equal(run(m, plain).done, 0);
    assert_int_equal(bench_run_missing(m, &plain, &missing, &err), ZO_OK);
    assert_int_equal(json_array_size(missing), 0);
    json_decref(missing);
    assert_int_equal(run(m, retry).done, 1);
    assert_order("1/0 1/1 5/0 5/0");
    json_decref(where);
    bench_manifest_free(m);
}

static void orders(void **state)
{
    (void)state;
    bench_manifest *m = manifest("[1, 11]", "\"min_runs\": 2", 0);
    run(m, plain);
    assert_order("1/0 11/0 1/1 11/1");
    bench_manifest_free(m);
    m = manifest("[1, 11]", "\"min_runs\": 2, \"order\": \"sequential\"", 0);
    bench_run_options fresh = plain;
    fresh.fresh = true;
    assert_int_equal(run(m, fresh).done, 4);
    assert_order("1/0 1/1 11/0 11/1");
    bench_manifest_free(m);
}

/* Six equal samples are the fewest whose interval holds the median with 95%; noise never gets narrow enough. */
static void repetitions_until_the_interval_is_narrow(void **state)
{
    (void)state;
    bench_manifest *m = manifest("[1, 11]", "\"min_runs\": 2, \"max_runs\": 9, \"ci\": \"2%\"", 0);
    assert_int_equal(run(m, plain).done, 6 + 9);
    assert_int_equal(run(m, plain).done, 0);
    bench_manifest_free(m);
    m = manifest("[1, 11]", "\"min_runs\": 2, \"max_runs\": 12, \"ci\": \"2%\"",
                 0); /* more are allowed now */
    assert_int_equal(run(m, plain).done, 3);
    bench_manifest_free(m);
}

static void fresh_sets_aside(void **state)
{
    glob_t g;
    (void)state;
    bench_manifest *m = manifest("[1]", "\"min_runs\": 1", 0);
    bench_run_options fresh = plain;
    fresh.fresh = true;
    run(m, plain);
    assert_int_equal(bench_folder_make("results/test/checkpoints/x", NULL), ZO_OK);
    run(m, fresh);
    assert_order("1/0");
    assert_int_equal(glob("results/test/cells-*.jsonl", 0, NULL, &g), 0);
    assert_int_equal(g.gl_pathc, 1);
    globfree(&g);
    assert_int_equal(glob("results/test/checkpoints-*/x", 0, NULL, &g), 0);
    globfree(&g);
    bench_manifest_free(m);
}

static void the_folder_is_complete_and_guarded(void **state)
{
    struct stat a, b;
    bench_run_summary s;
    zo_error err = {0};
    (void)state;
    bench_manifest *m = manifest("[1]", "\"min_runs\": 1", 0);
    run(m, plain);
    assert_int_equal(stat("m.json", &a) | stat("results/test/manifest.json", &b), 0);
    assert_int_equal(a.st_size, b.st_size);
    bench_manifest *copy = NULL;
    assert_int_equal(bench_manifest_load("results/test/manifest.json", &copy, &err), ZO_OK);
    assert_string_equal(copy->sha256, m->sha256);
    bench_manifest_free(copy);

    int lock = open("results/test/.lock", O_RDWR);
    assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), 0);
    assert_int_equal(bench_run(m, &plain, &s, &err), ZO_ERR_IO);
    assert_string_equal(err.text, "results/test: another run is writing there");
    close(lock);

    bench_manifest *other = manifest("[11]", "\"min_runs\": 1", 0); /* m.json is another file now */
    run(m, plain);                                                  /* what was read is what is kept */
    assert_int_equal(bench_manifest_load("results/test/manifest.json", &copy, &err), ZO_OK);
    assert_string_equal(copy->sha256, m->sha256);
    bench_manifest_free(copy);
    bench_manifest_free(other);
    bench_manifest_free(m);
}

static void foreign_records_stop_a_run(void **state)
{
    bench_run_summary s;
    zo_error err = {0};
    (void)state;
    bench_manifest *m = manifest("[1]", "\"min_runs\": 1", 0);
    assert_int_equal(bench_folder_make("results/test", NULL), ZO_OK);
    assert_int_equal(bench_folder_save(CELLS, "{\"schema\":\"zobench/record/99\"}\n", 31, NULL), ZO_OK);
    assert_int_equal(bench_run(m, &plain, &s, &err), ZO_ERR_FORMAT);
    assert_non_null(strstr(err.text, CELLS ":1: "));
    bench_manifest_free(m);
}

static void interrupted_it_goes_on_later(void **state)
{
    (void)state;
    bench_manifest *m = manifest("[1, 12, 11]", "\"min_runs\": 1", 0);
    char *text = NULL;
    size_t bytes = 0;
    bench_run_options o = plain;
    o.progress = open_memstream(&text, &bytes);
    bench_run_summary s = run(m, o);
    fclose(o.progress);
    assert_non_null(
        strstr(text, "Z stopping after this repetition; asked again, after the step that is running\n"));
    assert_non_null(strstr(text, "Z stopping after the step that is running; asked again, at once\n"));
    free(text);
    assert_true(s.interrupted);
    assert_int_equal(s.done, 1);
    assert_order("1/0"); /* nothing is recorded of the one that was stopped */
    s = run(m, plain);
    assert_false(s.interrupted);
    assert_int_equal(s.done, 2);
    assert_int_equal(s.ok, 3);
    assert_order("1/0 12/0 11/0");
    bench_manifest_free(m);
}

/* Asked once, the launcher lets the repetition end and records it. */
static void interrupted_once_it_finishes_the_repetition(void **state)
{
    (void)state;
    bench_manifest *m = manifest("[1, 14, 11]", "\"min_runs\": 1", 0);
    bench_run_summary s = run(m, plain);
    assert_true(s.interrupted);
    assert_int_equal(s.done, 2);
    assert_order("1/0 14/0");
    s = run(m, plain);
    assert_false(s.interrupted);
    assert_order("1/0 14/0 11/0");
    bench_manifest_free(m);
}

/* Blocks of all cells, each in an order of its own that a second run of the same seed repeats and another seed does not. */
static void interleaved_at_random(void **state)
{
    static const char measure[] = "\"min_runs\": 4, \"order\": \"interleave\", \"order_seed\": %d";
    char text[100], *orders[3];
    (void)state;
    for (int i = 0; i < 3; i++) {
        snprintf(text, sizeof text, measure, i == 2 ? 8 : 7);
        bench_manifest *m = manifest("[1, 11, 13]", text, 0);
        bench_run_options fresh = plain;
        fresh.fresh = true;
        run(m, fresh);
        orders[i] = order();
        bench_manifest_free(m);
        json_t *all = records(), *r;
        size_t k;
        unsigned seen = 0;
        json_array_foreach(all, k, r)
        {
            const json_t *place = json_object_get(r, "schedule");
            assert_int_equal(json_integer_value(json_object_get(place, "block")), k / 3);
            assert_int_equal(json_integer_value(json_object_get(place, "position")), k % 3);
            assert_int_equal(json_integer_value(json_object_get(place, "index")), k);
            assert_string_equal(json_string_value(json_object_get(place, "order")), "interleave");
            seen = (k % 3 ? seen : 0) | 1u << queries_of(r);
            if (k % 3 == 2)
                assert_int_equal(seen, 1u << 1 | 1u << 11 | 1u << 13);
        }
        json_decref(all);
    }
    assert_string_equal(orders[0], orders[1]);
    assert_string_not_equal(orders[0], orders[2]);
    for (int i = 0; i < 3; i++)
        free(orders[i]);
}

static const char *decision_of(const json_t *record)
{
    return json_string_value(json_object_get(json_object_get(record, "stopping"), "decision"));
}

/* Every part of a manifest is in one shard; files put together with cat are one run, and what is in both is found. */
static void shards_add_up(void **state)
{
    (void)state;
    bench_manifest *m = manifest("[1, 2, 4, 5, 6, 11]", "\"min_runs\": 1", 0);
    bench_run_options o = plain;
    int cells = 0;
    for (int part = 1; part <= 3; part++) {
        char name[16], *path;
        snprintf(name, sizeof name, "part%d", part);
        o.results = name;
        o.shard = (bench_shard){part, 3};
        cells += run(m, o).cells;
        path = bench_folder_path("cat %s/test/cells.jsonl >> all.jsonl", name);
        assert_int_equal(system(path), 0);
        free(path);
    }
    assert_int_equal(cells, 6);
    assert_int_equal(bench_folder_make("results/test", NULL), ZO_OK);
    assert_int_equal(rename("all.jsonl", CELLS), 0);
    assert_int_equal(record_count(), 6);
    assert_int_equal(run(m, plain).done, 0); /* nothing is missing */

    int same = -1;
    json_t *all = records();
    assert_int_equal(bench_records_doubled(all, &same), 0);
    json_decref(all);
    assert_int_equal(system("cp " CELLS " once && cat once >> " CELLS), 0);
    all = records();
    assert_int_equal(bench_records_doubled(all, &same), 2); /* queries 1 and 11 are ok */
    assert_int_equal(same, 2);
    json_object_set_new(json_array_get(all, 0), "wall_ns",
                        json_integer(1)); /* now one pair differs, if it is ok */
    for (size_t i = 0; i < json_array_size(all); i++)
        if (queries_of(json_array_get(all, i)) == 1)
            json_object_set_new(json_array_get(all, i), "wall_ns", json_integer((json_int_t)i));
    assert_int_equal(bench_records_doubled(all, &same), 2);
    assert_int_equal(same, 1);
    json_decref(all);
    char *text = NULL;
    size_t bytes = 0;
    o = plain;
    o.progress = open_memstream(&text, &bytes);
    run(m, o);
    fclose(o.progress);
    assert_non_null(strstr(text, "2 repetitions recorded more than once (2 of them word for word)"));
    free(text);
    static const char *const bad[] = {"0/3", "4/3", "1", "1/3x", "a/b", "-1/3"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        bench_shard s;
        assert_int_equal(bench_shard_read(bad[i], &s, NULL), ZO_ERR_INVALID);
    }
    bench_manifest_free(m);
}

static json_t *last_session(void)
{
    FILE *f = fopen("results/test/sessions.jsonl", "r");
    json_t *last = NULL;
    char *line = NULL;
    size_t cap = 0;
    assert_non_null(f);
    while (getline(&line, &cap, f) > 0) {
        json_decref(last);
        last = json_loads(line, 0, NULL);
    }
    free(line);
    fclose(f);
    assert_non_null(last);
    return last;
}

static const char *session_decision(const json_t *session, size_t cell)
{
    return json_string_value(
        json_object_get(json_array_get(json_object_get(session, "cells"), cell), "decision"));
}

/* Records and the session say why a cell got no more repetitions. */
static void why_it_stopped_is_recorded(void **state)
{
    (void)state;
    bench_manifest *m = manifest("[1, 11, 5]", "\"min_runs\": 2, \"max_runs\": 7, \"ci\": \"2%\"", 0);
    run(m, plain);
    json_t *all = records(), *r, *last[3] = {0}, *session = last_session();
    size_t i;
    json_array_foreach(all, i, r) last[queries_of(r) == 1 ? 0 : queries_of(r) == 11 ? 1 : 2] = r;
    assert_string_equal(decision_of(last[0]), "narrow");
    assert_string_equal(decision_of(last[1]), "max_runs");
    assert_string_equal(decision_of(last[2]), "failed");
    assert_string_equal(decision_of(json_array_get(all, 0)), "go on");
    assert_true(
        json_is_null(json_object_get(json_object_get(json_array_get(all, 0), "stopping"), "half_width")));
    assert_true(json_real_value(json_object_get(json_object_get(last[0], "stopping"), "half_width")) == 0);
    assert_string_equal(json_string_value(json_object_get(session, "why")), "complete");
    assert_string_equal(session_decision(session, 0), "narrow");
    assert_string_equal(session_decision(session, 1), "max_runs");
    assert_string_equal(session_decision(session, 2), "failed");
    json_decref(session);
    json_decref(all);
    bench_manifest_free(m);
}

/* A repetition that would end beyond the budget is not begun, and what is missing is done by a later session. */
static void a_budget_ends_a_session(void **state)
{
    (void)state;
    bench_manifest *m = manifest("[13]", "\"min_runs\": 200", 0);
    bench_run_options o = plain;
    o.budget_s = 0.5;
    bench_run_summary s = run(m, o);
    assert_true(s.out_of_budget);
    assert_false(s.interrupted);
    assert_in_range(s.done, 1, 8); /* of 60 ms and more each */
    json_t *session = last_session();
    assert_string_equal(json_string_value(json_object_get(session, "why")), "budget");
    assert_string_equal(session_decision(session, 0), "go on");
    json_decref(session);
    bench_manifest_free(m);
    m = manifest("[13]", "\"min_runs\": 10", 0);
    assert_int_equal(run(m, plain).done, 10 - s.done);
    bench_manifest_free(m);
}

/* However often the launcher is killed, in the end every repetition has exactly one record. */
static void a_killed_launcher_loses_nothing(void **state)
{
    (void)state;
    bench_manifest *m = manifest("[13]", "\"min_runs\": 8", 0);
    for (size_t seen = 0; seen < 6; seen += 3) {
        pid_t launcher = fork();
        if (launcher == 0) {
            bench_run_summary s;
            _exit(bench_run(m, &plain, &s, NULL) ? 1 : 0);
        }
        for (int tries = 0; record_count() < seen + 3 && tries < 4000; tries++)
            rest(5);
        kill(launcher, SIGKILL);
        waitpid(launcher, NULL, 0);
        assert_in_range(record_count(), seen + 3, seen + 5);
    }
    size_t before = record_count();
    bench_run_summary s = run(m, plain);
    assert_int_equal(s.done, 8 - before);
    assert_int_equal(s.ok, 1);
    assert_order("13/0 13/1 13/2 13/3 13/4 13/5 13/6 13/7");
    bench_manifest_free(m);
}

static void filters(void **state)
{
    static const struct {
        const char *a, *b;
        size_t cells; /* of queries 1, 2, 11 */
    } good[] = {
        {"queries=1", "queries=11", 2},           {"queries=2", "threads=0", 1},
        {"eps=1e-2", "queries=1.0", 1},           {"data=null", "targets=all", 3},
        {"model=synth:tiny", "task=polarity", 3},
    };
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"queries", "--filter queries: must be key=value"},
        {"=1", "--filter =1: must be key=value"},
        {"querries=1", "--filter querries: no parameter of that name; did you mean queries?"},
        {"parallel=bth", "--filter parallel=bth: must be one of none, inner, outer, both, not \"bth\"; did "
                         "you mean \"both\"?"},
        {"queries=many", "--filter queries=many: must be a whole number from 1 to 1024, not \"many\""},
    };
    (void)state;
    bench_manifest *m = manifest("[1, 2, 11]", "\"min_runs\": 1", 0);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        bench_run_options o = plain;
        json_t *where = json_object(), *missing = NULL;
        zo_error err = {0};
        if (bench_condition_filter(where, good[i].a, &err) || bench_condition_filter(where, good[i].b, &err))
            fail_msg("%s", err.text);
        o.where = where;
        assert_int_equal(bench_run_missing(m, &o, &missing, &err), ZO_OK);
        assert_int_equal(json_array_size(missing), good[i].cells);
        json_decref(missing);
        json_decref(where);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        json_t *where = json_object();
        zo_error err = {0};
        assert_int_equal(bench_condition_filter(where, bad[i].text, &err), ZO_ERR_INVALID);
        assert_string_equal(err.text, bad[i].message);
        json_decref(where);
    }
    bench_run_options o = plain;
    bench_run_summary s;
    zo_error err = {0};
    json_t *where = json_object();
    assert_int_equal(bench_condition_filter(where, "queries=5", &err), ZO_OK);
    o.where = where;
    assert_int_equal(bench_run(m, &o, &s, &err), ZO_ERR_INVALID);
    assert_string_equal(err.text, "run test: no cell passes the filter");
    json_decref(where);
    bench_manifest_free(m);
}

/* Off a terminal: one line for each repetition, with its outcome. */
static void progress_off_a_terminal(void **state)
{
    char *text = NULL;
    size_t bytes = 0;
    (void)state;
    bench_manifest *m = manifest("[1, 5]", "\"min_runs\": 2", 0);
    bench_run_options o = plain;
    o.progress = open_memstream(&text, &bytes);
    run(m, o);
    fclose(o.progress);
    const char *first = strchr(text, '\n');
    const size_t time = sizeof "2026-01-31T12:00:00Z" - 1;
    assert_int_equal(strncmp(text + time, " [1/4] queries=1  ok       1 us per step  in ", 45), 0);
    assert_int_equal(strncmp(first + 1 + time, " [2/4] queries=5  failed   in ", 30), 0);
    assert_non_null(strstr(first, "s  ended with exit code 5 and no record: giving up\n"));
    assert_non_null(strstr(first, "Z [3/3] queries=1  run 2  ok"));
    free(text);
    bench_manifest_free(m);
}

/* ---- real cells ---- */

static bench_manifest *real_manifest(int steps, int checkpoint_every)
{
    bench_manifest *m = NULL;
    zo_error err = {0};
    char *text = bench_folder_path(
        "{\"schema\": \"zobench/1\", \"name\": \"test\", \"defaults\": {\"model\": \"synth:tiny\", \"task\": "
        "\"polarity\", \"train_rows\": 16, \"eval_rows\": 8, \"queries\": 2, \"batch\": 2, \"rank\": %d, "
        "\"lr\": 0.01, "
        "\"steps\": %d, \"checkpoint_every\": %d, \"threads\": 1}}\n",
        REAL_RANK, steps, checkpoint_every);
    assert_int_equal(bench_folder_save("m.json", text, strlen(text), NULL), ZO_OK);
    free(text);
    if (bench_manifest_load("m.json", &m, &err))
        fail_msg("%s", err.text);
    return m;
}

static pid_t start_launcher(const bench_manifest *m, bench_run_options o)
{
    pid_t pid = fork();
    if (pid == 0) {
        bench_run_summary s;
        _exit(bench_run(m, &o, &s, NULL) ? 1 : 0);
    }
    return pid;
}

static size_t matches(const char *pattern)
{
    glob_t g;
    size_t n = glob(pattern, 0, NULL, &g) ? 0 : g.gl_pathc;
    globfree(&g);
    return n;
}

/* Until the only file that matches has been written or replaced since `last`. */
static void wait_for_change(const char *pattern, struct timespec *last)
{
    for (int tries = 0;; tries++) {
        glob_t g;
        struct stat info = {0};
        bool there = glob(pattern, 0, NULL, &g) == 0 && stat(g.gl_pathv[0], &info) == 0;
        globfree(&g);
        if (there && (info.st_mtim.tv_sec != last->tv_sec || info.st_mtim.tv_nsec != last->tv_nsec)) {
            *last = info.st_mtim;
            return;
        }
        assert_true(tries < 12000);
        rest(5);
    }
}

/* The child of a process, from /proc. */
static pid_t child_of(pid_t parent)
{
    glob_t g;
    pid_t found = 0;
    assert_int_equal(glob("/proc/[0-9]*/stat", 0, NULL, &g), 0);
    for (size_t i = 0; i < g.gl_pathc && !found; i++) {
        int pid = 0, of = 0;
        FILE *f = fopen(g.gl_pathv[i], "r");
        if (f && fscanf(f, "%d (%*[^)]) %*c %d", &pid, &of) == 2 && of == parent)
            found = pid;
        if (f)
            fclose(f);
    }
    globfree(&g);
    return found;
}

static json_t *only_ok_record(void)
{
    json_t *all = records(), *r = json_array_get(all, json_array_size(all) - 1);
    if (strcmp(json_string_value(json_object_get(r, "status")), "ok") != 0)
        fail_msg("%s", json_string_value(json_object_get(r, "reason")));
    json_incref(r);
    json_decref(all);
    return r;
}

/* Launcher killed, then its child, then interrupted: what is left of the cell each time goes on, and its curves come out as if
 * nothing had happened. */
static void a_real_cell_survives_everything(void **state)
{
    static const char checkpoint[] = "results/test/checkpoints/*/state.json";
    (void)state;
    struct timespec last = {0};
    bench_manifest *m = real_manifest(60, 3);
    bench_run_options elsewhere = plain, retry = plain;
    elsewhere.results = "other";
    retry.retry = true;
    bench_run_summary s = run(m, elsewhere);
    assert_int_equal(s.ok, 1);

    pid_t launcher = start_launcher(m, plain);
    wait_for_change(checkpoint, &last);
    kill(launcher, SIGKILL);
    waitpid(launcher, NULL, 0);
    assert_int_equal(record_count(), 0);

    launcher = start_launcher(m, plain);
    wait_for_change(checkpoint, &last);
    pid_t child_pid = child_of(launcher);
    assert_true(child_pid > 0);
    kill(child_pid, SIGKILL);
    waitpid(launcher, NULL, 0);
    json_t *all = records();
    assert_int_equal(json_array_size(all), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(all, 0), "status")), "crashed");
    json_decref(all);
    assert_int_equal(matches(checkpoint), 1);

    launcher = start_launcher(m, retry);
    wait_for_change(checkpoint, &last);
    kill(launcher, SIGTERM);
    waitpid(launcher, NULL, 0);

    run(m, retry);
    json_t *r = only_ok_record(), *time = json_object_get(r, "time");
    assert_true(json_array_size(json_object_get(time, "resumed_at")) > 0);
    json_t *whole = NULL;
    assert_int_equal(bench_records_load("other/test/cells.jsonl", &whole, NULL, NULL), ZO_OK);
    static const char *const parts[] = {"loss", "accuracy", "numerics"};
    for (size_t i = 0; i < 3; i++)
        assert_true(
            json_equal(json_object_get(r, parts[i]), json_object_get(json_array_get(whole, 0), parts[i])));
    assert_int_equal(matches("results/test/checkpoints"), 0); /* gone once the record is safe */
    json_decref(whole);
    json_decref(r);
    bench_manifest_free(m);
}

/* Peaks hold for a while: the same numbers for all repetitions, and others once they are measured again. */
static void peaks_are_measured_again(void **state)
{
    (void)state;
    static const double hold_s[] = {1000, 1e-9};
    for (int i = 0; i < 2; i++) {
        bench_manifest *m = real_manifest(2, 0);
        bench_run_options o = plain;
        o.fresh = true;
        o.peak_s = 0.02;
        o.peaks_hold_s = hold_s[i];
        m->measure.min_runs = m->measure.max_runs = 2;
        run(m, o);
        json_t *records = NULL;
        assert_int_equal(bench_records_load("results/test/cells.jsonl", &records, NULL, NULL), ZO_OK);
        assert_int_equal(json_array_size(records), 2);
        const bool same = json_equal(json_object_get(json_array_get(records, 0), "peaks"),
                                     json_object_get(json_array_get(records, 1), "peaks"));
        assert_int_equal(same, i == 0);
        json_decref(records);
        bench_manifest_free(m);
    }
}

/* What the launcher and the child know of a real cell is all there. */
static void a_real_record(void **state)
{
    (void)state;
    bench_manifest *m = real_manifest(4, 0);
    bench_run_options o = plain;
    o.save_adapters = true;
    o.peak_s = 0.05;
    run(m, o);
    json_t *r = only_ok_record(), *inputs = json_object_get(r, "inputs");
    assert_true(json_object_get(inputs, "model") && json_object_get(inputs, "template") &&
                json_object_get(inputs, "manifest"));
    json_t *build = json_object_get(r, "build");
    assert_int_equal(json_integer_value(json_object_get(build, "openmp_threads")), 1);
    assert_null(json_object_get(build, "openblas"));
    assert_string_equal(json_string_value(bench_metric_at(r, "backend.name")), "native");
    assert_int_equal(json_array_size(json_object_get(json_object_get(r, "time"), "step_ns")), 3);
    assert_int_equal(matches("results/test/adapters/*-0/adapter_model.safetensors"), 1);
    const json_t *binding = json_object_get(r, "binding"), *roofline = json_object_get(r, "roofline");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(r, "peaks"), "threads")), 1);
    assert_true(json_number_value(json_object_get(roofline, "predicted_step_ns")) > 0);
    assert_true(json_number_value(json_object_get(roofline, "of_peak")) > 0);
    assert_non_null(json_string_value(json_object_get(roofline, "binds")));
    if (!getenv("OMP_PROC_BIND") && !getenv("OMP_PLACES")) { /* else the record says what those did */
        assert_string_equal(json_string_value(json_object_get(binding, "policy")), "cores");
        assert_int_equal(json_array_size(json_object_get(binding, "threads")), 1);
    }
    json_decref(r);
    bench_manifest_free(m);
}

/* The cells of one run: OpenBLAS's own kernels, the fastest right ones, some by name, some that there are not. */
static bench_manifest *kernel_manifest(const char *kernels)
{
    bench_manifest *m = NULL;
    zo_error err = {0};
    char *text = bench_folder_path(
        "{\"schema\": \"zobench/1\", \"name\": \"test\", \"defaults\": {\"model\": \"synth:tiny\", \"task\": "
        "\"polarity\", \"train_rows\": 16, \"eval_every\": null, \"queries\": 2, \"batch\": 2, \"rank\": %d, "
        "\"steps\": 2, \"threads\": 1, \"backend\": \"openblas\"}, \"matrix\": {\"blas_kernel\": [%s]}, "
        "\"measure\": {\"min_runs\": 1, "
        "\"max_runs\": 1, \"order\": \"round-robin\"}}\n",
        REAL_RANK, kernels);
    assert_int_equal(bench_folder_save("m.json", text, strlen(text), NULL), ZO_OK);
    free(text);
    if (bench_manifest_load("m.json", &m, &err))
        fail_msg("%s", err.text);
    return m;
}

static void kernels_of_openblas(void **state)
{
    (void)state;
    const char *before = getenv("OPENBLAS_CORETYPE"), *own = bench_openblas_load(NULL)->get_corename();
    char named[128];
    snprintf(named, sizeof named, "null, \"auto\", \"%s\", \"Skylake9\"", own);
    bench_manifest *m = kernel_manifest(named);
    bench_run_options o = plain;
    o.blas_argv = sgemm_argv;
    bench_run_summary s = run(m, o);
    assert_int_equal(s.ok, 3);
    assert_int_equal(s.failed, 1);
    json_t *all = records();
    const json_t *r[4];
    for (size_t i = 0; i < 4; i++)
        r[i] = json_array_get(all, i);
    assert_null(json_object_get(r[0], "blas_kernel"));
    assert_string_equal(json_string_value(bench_metric_at(r[0], "backend.core")), own);

    const json_t *k = json_object_get(r[1], "blas_kernel");
    assert_string_equal(json_string_value(json_object_get(k, "asked")), "auto");
    const char *chosen = json_string_value(json_object_get(k, "core_type"));
    assert_string_equal(json_string_value(bench_metric_at(r[1], "backend.core")), chosen ? chosen : own);
    assert_non_null(strstr(json_string_value(json_object_get(k, "how")), "right"));
    assert_true(
        json_is_true(json_object_get(json_array_get(bench_metric_at(r[1], "blas_kernel.compared.kernels"), 0),
                                     "correct")));

    assert_string_equal(json_string_value(bench_metric_at(r[2], "blas_kernel.core_type")), own);
    assert_string_equal(json_string_value(bench_metric_at(r[2], "backend.core")), own);

    assert_string_equal(json_string_value(json_object_get(r[3], "status")), "failed");
    assert_non_null(strstr(json_string_value(json_object_get(r[3], "reason")),
                           "blas_kernel \"Skylake9\": this OpenBLAS does not have such kernels"));
    json_decref(all);
    bench_manifest_free(m);
    assert_true(before == getenv("OPENBLAS_CORETYPE")); /* this process's environment is not touched */
}

/* The whole harness without a model: one cell for each method, repeated, with every step and evaluation that was asked for. */
static void nothing_is_computed(void **state)
{
    (void)state;
    static const char text[] =
        "{\"schema\": \"zobench/1\", \"name\": \"test\", \"defaults\": {\"model\": "
        "\"no-such-model\", \"task\": "
        "\"sst2\", \"backend\": \"null\", \"rank\": 3, \"steps\": 7, \"eval_every\": 3, "
        "\"eval_rows\": 10, \"threads\": 1}, "
        "\"matrix\": {\"method\": [\"prge\", \"mezo\", \"rge\"]}, \"measure\": "
        "{\"min_runs\": 2, \"warmup\": 2}}\n";
    bench_manifest *m = NULL;
    zo_error err = {0};
    assert_int_equal(bench_folder_save("m.json", text, strlen(text), NULL), ZO_OK);
    if (bench_manifest_load("m.json", &m, &err))
        fail_msg("%s", err.text);
    bench_run_summary s = run(m, plain);
    assert_int_equal(s.ok, 3);
    json_t *all = records(), *r;
    size_t i;
    assert_int_equal(json_array_size(all), 6);
    json_array_foreach(all, i, r)
    {
        assert_string_equal(json_string_value(bench_metric_at(r, "backend.name")), "null");
        assert_int_equal(json_array_size(bench_metric_at(r, "time.step_ns")), 5);
        assert_int_equal(json_array_size(bench_metric_at(r, "accuracy.curve")), 4); /* steps 0, 3, 6, 7 */
        assert_true(json_number_value(bench_metric_at(r, "accuracy.value")) == 0.5);
        assert_true(json_is_null(json_object_get(r, "weights")));
        assert_string_equal(json_string_value(bench_metric_at(r, "inputs.model_reason")),
                            "backend null has no model");
    }
    json_decref(all);
    bench_manifest_free(m);
}

#define IN_PLACE(f) cmocka_unit_test_setup_teardown(f, place_make, place_drop)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IN_PLACE(every_outcome_is_a_record),
        IN_PLACE(nothing_is_computed),
        IN_PLACE(started_again_it_does_what_is_missing),
        IN_PLACE(orders),
        IN_PLACE(repetitions_until_the_interval_is_narrow),
        IN_PLACE(fresh_sets_aside),
        IN_PLACE(the_folder_is_complete_and_guarded),
        IN_PLACE(foreign_records_stop_a_run),
        IN_PLACE(interrupted_it_goes_on_later),
        IN_PLACE(interrupted_once_it_finishes_the_repetition),
        IN_PLACE(interleaved_at_random),
        IN_PLACE(shards_add_up),
        IN_PLACE(why_it_stopped_is_recorded),
        IN_PLACE(a_budget_ends_a_session),
        IN_PLACE(a_killed_launcher_loses_nothing),
        IN_PLACE(filters),
        IN_PLACE(progress_off_a_terminal),
        IN_PLACE(a_real_cell_survives_everything),
        IN_PLACE(peaks_are_measured_again),
        IN_PLACE(a_real_record),
        IN_PLACE(kernels_of_openblas),
    };
    if (argc > 1 && strcmp(argv[1], "cell") == 0)
        return child(argv + 1);
    if (argc > 1 && strcmp(argv[1], "sgemm") == 0)
        return bench_cmd_sgemm(argc - 1, argv + 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
