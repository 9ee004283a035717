/* Tests of pairs.c, and of zobench compare and noise, with shell scripts in the place of programs: each answers a job with a
 * record whose step time it makes up. */
#include "bench/launch/pairs.h"

#include <sys/stat.h>

#include "bench/base/memory_limit.h"
#include "bench/cmd/command_fixture.h"
#include "bench/cmd/commands.h"
#include "bench/base/exit.h"
#include "bench/base/folder.h"
#include "bench/manifest/place_fixture.h"
#include "bench/record/record.h"

static const char manifest[] =
    "{\"schema\": \"zobench/1\", \"name\": \"pairs\", \"defaults\": {\"model\": \"synth:tiny\", \"task\": "
    "\"polarity\", "
    "\"eval_every\": null, \"threads\": 1}, \"cells\": [{\"method\": \"prge\"}, {\"method\": \"mezo\"}]}";

static int make_place(void **state)
{
    return place_make(state) || bench_folder_save("m.json", manifest, sizeof manifest - 1, NULL) ? -1 : 0;
}

/* A program that says its name in `log`, and ends after `last`. */
static void write_program(const char *name, const char *last)
{
    char *text = bench_folder_path("#!/bin/sh\n"
                                   "run=$(sed 's/.*\"run\": *\\([0-9]*\\).*/\\1/')\n"
                                   "echo %s >> log\n"
                                   "%s\n",
                                   name, last);
    assert_int_equal(bench_folder_save(name, text, strlen(text), NULL), ZO_OK);
    assert_int_equal(chmod(name, 0755), 0);
    free(text);
}

/* A step takes `ns` and up to half a per cent more, by a rule. */
static void write_timed(const char *name, int ns, int salt)
{
    char *last = bench_folder_path(
        "echo '{\"record\":{\"status\":\"ok\",\"reason\":null,\"time\":{\"median_ns\":'$((%d + (run * 7 + "
        "%d) %% 11 * "
        "%d / 2000))'}}}' >&3",
        ns, salt, ns);
    write_program(name, last);
    free(last);
}

static bench_manifest *load(void)
{
    bench_manifest *m = NULL;
    zo_error err = {0};
    if (bench_manifest_load("m.json", &m, &err))
        fail_msg("%s", err.text);
    return m;
}

static const char *text_at(const json_t *records, size_t i, const char *key)
{
    return json_string_value(json_object_get(json_array_get(records, i), key));
}

/* Two cells and two pairs: old new | new old for the first, shifted by one for the second. */
static void alternates(void **state)
{
    (void)state;
    zo_error err = {0};
    bench_pairs *p = NULL;
    bench_manifest *m = load();
    write_timed("a", 1000000, 0);
    write_timed("b", 1000000, 3);
    assert_int_equal(bench_pairs_open(m, &(bench_pairs_options){"./a", "./b", NULL, "kept", NULL}, &p, &err),
                     ZO_OK);
    assert_int_equal(bench_pairs_measure(p, NULL, 2, &err), ZO_OK);
    assert_false(bench_pairs_interrupted(p));
    char log[64] = "";
    FILE *f = fopen("log", "r");
    assert_non_null(f);
    log[fread(log, 1, sizeof log - 1, f)] = '\0';
    fclose(f);
    assert_string_equal(log, "a\nb\nb\na\nb\na\na\nb\n");
    const json_t *old = bench_pairs_old(p), *new_ = bench_pairs_new(p);
    assert_int_equal(json_array_size(old), 4);
    assert_int_equal(json_array_size(new_), 4);
    assert_string_equal(text_at(old, 0, "status"), "ok");
    assert_string_equal(text_at(old, 0, "cell_id"), text_at(new_, 0, "cell_id"));
    assert_int_equal(json_integer_value(json_object_get(json_array_get(old, 2), "run")), 1);
    /* only one of the cells again, alone */
    json_t *one = json_pack("{s:b}", m->cells[1].id, 1), *kept = NULL;
    bench_pairs_forget(p, one);
    assert_int_equal(json_array_size(old), 2);
    assert_int_equal(bench_pairs_measure(p, one, 3, &err), ZO_OK);
    assert_int_equal(json_array_size(old), 5);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(old, 4), "run")), 4);
    /* everything is kept, what was forgotten too */
    assert_int_equal(bench_records_load("kept/old.jsonl", &kept, NULL, &err), ZO_OK);
    assert_int_equal(json_array_size(kept), 7);
    const json_t *input = json_object_get(json_object_get(json_array_get(kept, 0), "inputs"), "manifest");
    assert_string_equal(json_string_value(json_object_get(input, "sha256")), m->sha256);
    json_decref(kept);
    json_decref(one);
    bench_pairs_free(p);
    bench_manifest_free(m);
}

/* An old build is not told of options that it cannot know, as long as they are at their default. */
static void old_builds(void **state)
{
    (void)state;
    static const char script[] = "#!/bin/sh\ncat > job\nexit 1\n";
    zo_error err = {0};
    bench_pairs *p = NULL;
    bench_manifest *m = load();
    int later = 0;
    write_program("a", "exit 1");
    assert_int_equal(bench_folder_save("b", script, sizeof script - 1, NULL), ZO_OK);
    assert_int_equal(chmod("b", 0755), 0);
    assert_int_equal(bench_pairs_open(m, &(bench_pairs_options){"./a", "./b", NULL, NULL, NULL}, &p, &err),
                     ZO_OK);
    assert_int_equal(bench_pairs_measure(p, NULL, 1, &err), ZO_OK);
    json_t *job = json_load_file("job", 0, NULL), *cell = json_object_get(job, "cell");
    assert_non_null(cell);
    for (const bench_option *o = bench_options; o->name; o++) {
        assert_int_equal(json_object_get(cell, o->name) == NULL, o->later);
        later += o->later;
    }
    assert_true(later > 0);
    json_decref(job);
    bench_pairs_free(p);
    bench_manifest_free(m);
}

static void failures(void **state)
{
    (void)state;
    zo_error err = {0};
    bench_pairs *p = NULL;
    bench_manifest *m = load();
    write_timed("a", 1000000, 0);
    write_program("broken", "echo no good; exit 5");
    assert_int_equal(bench_pairs_open(m, &(bench_pairs_options){"./a", "./broken", NULL, NULL, NULL}, &p,
                                      &err),
                     ZO_OK);
    assert_int_equal(bench_pairs_measure(p, NULL, 3, &err), ZO_OK);
    assert_int_equal(json_array_size(bench_pairs_new(p)), 2); /* each cell once: it is not tried again */
    assert_string_equal(text_at(bench_pairs_new(p), 0, "reason"),
                        "ended with exit code 5 and no record: no good");
    bench_pairs_free(p);
    p = NULL;
    assert_int_equal(bench_pairs_open(m, &(bench_pairs_options){"./a", "./nothing", NULL, NULL, NULL}, &p,
                                      &err),
                     ZO_ERR_IO);
    assert_null(p);
    json_t *where = json_pack("{s:s}", "method", "rge");
    assert_int_equal(bench_pairs_open(m, &(bench_pairs_options){"./a", "./a", where, NULL, NULL}, &p, NULL),
                     ZO_ERR_INVALID);
    json_decref(where);
    bench_manifest_free(m);
}

/* Beyond the manifest's memory a child is refused it, ends, and is a row with status oom; past its time it is one too. */
static void limits(void **state)
{
    (void)state;
    zo_error err = {0};
    bench_pairs *p = NULL;
    const char *why, *sets[] = {"measure.memory=64MiB", "measure.timeout=1s", NULL};
    bench_manifest *m = NULL;
    assert_int_equal(bench_manifest_load_set("m.json", sets, &m, &err), ZO_OK);
    /* dd takes a block of 256 MiB of its own */
    write_program(
        "hog",
        "dd if=/dev/zero of=/dev/null bs=256M count=1 2>&1 || { echo Cannot allocate memory; exit 1; }; "
        "echo '{\"record\":{\"status\":\"ok\"}}' >&3");
    write_program("sleeper", "exec sleep 20");
    assert_int_equal(bench_pairs_open(m, &(bench_pairs_options){"./hog", "./sleeper", NULL, NULL, NULL}, &p,
                                      &err),
                     ZO_OK);
    assert_int_equal(bench_pairs_measure(p, NULL, 1, &err), ZO_OK);
    assert_string_equal(text_at(bench_pairs_new(p), 0, "status"), "timeout");
    assert_non_null(strstr(text_at(bench_pairs_new(p), 0, "reason"), "time limit of 1.0 s"));
    if (bench_memory_limit_bytes(1 << 26, NULL, 1, &why)) {
        const json_t *told = json_object_get(json_array_get(bench_pairs_old(p), 0), "limits");
        assert_string_equal(text_at(bench_pairs_old(p), 0, "status"), "oom");
        assert_non_null(
            strstr(text_at(bench_pairs_old(p), 0, "reason"), "wanted more than its 64.0 MiB of memory"));
        assert_int_equal(json_integer_value(json_object_get(told, "memory_bytes")), 64 << 20);
    } else
        printf("skip the ceiling: %s\n", why);
    bench_pairs_free(p);
    bench_manifest_free(m);
}

static command_output output; /* too large for a stack */

static void check(int code, const char *said, int (*command)(int, char **), const char *const *argv)
{
    command_run(command, argv, &output);
    if (output.code != code)
        fail_msg("%s %s: exit %d, expected %d\n%s%s", argv[0], argv[1], output.code, code, output.out,
                 output.err);
    if (said && !strstr(output.out, said) && !strstr(output.err, said))
        fail_msg("%s %s: \"%s\" is not in\n%s%s", argv[0], argv[1], said, output.out, output.err);
}

#define ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})

static void gate(void **state)
{
    (void)state;
    write_timed("a", 1000000, 0);
    write_timed("same", 1000000, 4);
    write_timed("slow", 1080000, 4);
    write_program("broken", "exit 5");
    /* two cells with times alone */
    check(BENCH_EXIT_OK, "0 regressed, 0 improved, 2 same", bench_cmd_compare,
          ARGV("compare", "--binary", "./a", "--binary", "./same", "m.json", "--gate"));
    check(BENCH_EXIT_REGRESSION, "measured again, 24 pairs", bench_cmd_compare,
          ARGV("compare", "--binary", "./a", "--binary", "./slow", "m.json", "--gate", "--pairs", "12"));
    assert_non_null(strstr(output.out, "| regressed |"));
    assert_non_null(strstr(output.out, "24 pairs")); /* only the second time counts */
    assert_null(strstr(output.out, "12 pairs"));
    check(BENCH_EXIT_OK, "2 regressed", bench_cmd_compare,
          ARGV("compare", "--binary", "./a", "--binary", "./slow", "m.json", "--pairs", "12"));
    check(BENCH_EXIT_FAILED, "2 repetitions failed", bench_cmd_compare,
          ARGV("compare", "--binary", "./a", "--binary", "./broken", "m.json", "--gate", "--pairs", "4"));
    /* four pairs can show nothing, and say so */
    check(BENCH_EXIT_INCONCLUSIVE, "cannot show a change", bench_cmd_compare,
          ARGV("compare", "--binary", "./a", "--binary", "./slow", "m.json", "--gate", "--strict", "--pairs",
               "4", "--again", "0"));
    check(BENCH_EXIT_USAGE, "nothing", bench_cmd_compare,
          ARGV("compare", "--binary", "./a", "--binary", "./nothing", "m.json"));
    /* what was kept says the same, if it is read as pairs */
    check(BENCH_EXIT_OK, NULL, bench_cmd_compare,
          ARGV("compare", "--binary", "./a", "--binary", "./slow", "m.json", "--again", "0", "--keep",
               "kept"));
    check(BENCH_EXIT_REGRESSION, "16 pairs", bench_cmd_compare,
          ARGV("compare", "kept/old.jsonl", "kept/new.jsonl", "--paired", "--gate"));
    check(BENCH_EXIT_REGRESSION, "16 runs", bench_cmd_compare,
          ARGV("compare", "kept/old.jsonl", "kept/new.jsonl", "--gate"));
    check(BENCH_EXIT_OK, "1 same", bench_cmd_compare,
          ARGV("compare", "kept/old.jsonl", "kept/old.jsonl", "--gate", "--filter", "method=prge"));
}

static void noise(void **state)
{
    (void)state;
    write_timed("a", 1000000, 0);
    write_timed("slow", 1080000, 4);
    check(BENCH_EXIT_USAGE, "--set", bench_cmd_noise,
          ARGV("noise", "m.json", "--binary", "./a", "--set", "stps=3"));
    check(BENCH_EXIT_USAGE, "--set", bench_cmd_compare,
          ARGV("compare", "--binary", "./a", "m.json", "--set", "stps=3"));
    check(BENCH_EXIT_OK, "can be told", bench_cmd_noise,
          ARGV("noise", "m.json", "--binary", "./a", "--results", "r"));
    json_t *o = json_load_file("r/pairs/noise.json", 0, NULL);
    assert_int_equal(json_array_size(json_object_get(o, "cells")), 2);
    json_decref(o);
    /* "a" is the same every time */
    check(BENCH_EXIT_REGRESSION, "noise of this machine 0%", bench_cmd_compare,
          ARGV("compare", "--binary", "./a", "--binary", "./slow", "m.json", "--results", "r", "--gate"));
    /* noise larger than a threshold refuses it */
    o = json_load_file("r/pairs/noise.json", 0, NULL);
    json_t *cell;
    size_t i;
    json_array_foreach(json_object_get(o, "cells"), i, cell)
        json_object_set_new(json_object_get(json_object_get(cell, "metrics"), "step_ns"), "log_ratios",
                            json_pack("[f,f,f,f,f,f,f,f]", 0.1, -0.1, 0.2, -0.2, 0.1, -0.15, 0.05, -0.3));
    assert_int_equal(bench_folder_save_json("big.json", o, NULL), ZO_OK);
    json_decref(o);
    check(BENCH_EXIT_USAGE, "noise lets no change below", bench_cmd_compare,
          ARGV("compare", "--binary", "./a", "--binary", "./slow", "m.json", "--noise", "big.json",
               "--threshold", "5%", "--keep", "refused"));
    json_t *kept = NULL; /* not after all that was to be measured: one pair of each of the two cells */
    assert_int_equal(bench_records_load("refused/old.jsonl", &kept, NULL, NULL), ZO_OK);
    assert_int_equal(json_array_size(kept), 2);
    json_decref(kept);
    check(BENCH_EXIT_REGRESSION, "16 pairs", bench_cmd_compare,
          ARGV("compare", "--binary", "./a", "--binary", "./slow", "m.json", "--results", "r", "--gate",
               "--threshold", "5%", "--again", "0"));
    check(BENCH_EXIT_USAGE, "noise.json", bench_cmd_compare,
          ARGV("compare", "--binary", "./a", "--binary", "./slow", "m.json", "--noise", "none/noise.json"));
}

static void usage(void **state)
{
    (void)state;
    write_timed("a", 1000000, 0);
    check(BENCH_EXIT_OK, "usage", bench_cmd_compare, ARGV("compare", "--help"));
    check(BENCH_EXIT_USAGE, "usage", bench_cmd_compare, ARGV("compare", "one"));
    check(BENCH_EXIT_USAGE, "no such file", bench_cmd_compare, ARGV("compare", "x", "y"));
    check(BENCH_EXIT_USAGE, "--pairs is for --binary", bench_cmd_compare,
          ARGV("compare", "x", "y", "--pairs", "3"));
    check(BENCH_EXIT_USAGE, "--paired is for records", bench_cmd_compare,
          ARGV("compare", "--binary", "./a", "m.json", "--paired"));
    check(BENCH_EXIT_USAGE, "--strict is for --gate", bench_cmd_compare,
          ARGV("compare", "x", "y", "--strict"));
    check(BENCH_EXIT_USAGE, "did you mean \"step_ns\"", bench_cmd_compare,
          ARGV("compare", "x", "y", "--metric", "step_n"));
    check(BENCH_EXIT_USAGE, "--threshold must be like", bench_cmd_compare,
          ARGV("compare", "x", "y", "--threshold", "step_ns=lots"));
    check(BENCH_EXIT_USAGE, "--alpha must be", bench_cmd_compare, ARGV("compare", "x", "y", "--alpha", "2"));
    check(BENCH_EXIT_USAGE, "two programs", bench_cmd_compare,
          ARGV("compare", "--binary", "a", "--binary", "a", "--binary", "a", "m.json"));
    check(BENCH_EXIT_USAGE, "usage", bench_cmd_noise, ARGV("noise"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(alternates, make_place, place_drop),
        cmocka_unit_test_setup_teardown(old_builds, make_place, place_drop),
        cmocka_unit_test_setup_teardown(failures, make_place, place_drop),
        cmocka_unit_test_setup_teardown(limits, make_place, place_drop),
        cmocka_unit_test_setup_teardown(gate, make_place, place_drop),
        cmocka_unit_test_setup_teardown(noise, make_place, place_drop),
        cmocka_unit_test_setup_teardown(usage, make_place, place_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
