/* Tests of record.c: lines survive appends, torn ends, foreign schemas and full disks. */
#include "bench/record/record.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct place {
    char dir[256], path[300];
} place;

static int make_place(void **state)
{
    place *p = calloc(1, sizeof *p);
    const char *tmp = getenv("TMPDIR");
    snprintf(p->dir, sizeof p->dir, "%s/record.XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(p->dir))
        return -1;
    snprintf(p->path, sizeof p->path, "%s/cells.jsonl", p->dir);
    *state = p;
    return 0;
}

static int drop_place(void **state)
{
    place *p = *state;
    unlink(p->path);
    int failed = rmdir(p->dir);
    free(p);
    return failed;
}

static void put(const char *path, const char *mode, const char *text)
{
    FILE *f = fopen(path, mode);
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
}

static json_t *record(const char *id, int run, const char *status)
{
    return json_pack("{s:s, s:s, s:i, s:s}", "schema", BENCH_RECORD_SCHEMA, "cell_id", id, "run", run,
                     "status", status);
}

static void append(const char *path, const char *id, int run, const char *status)
{
    json_t *r = record(id, run, status);
    zo_error err = {0};
    if (bench_record_append(path, r, &err))
        fail_msg("%s", err.text);
    json_decref(r);
}

static const char *text_of(const json_t *records, size_t i, const char *key)
{
    return json_string_value(json_object_get(json_array_get(records, i), key));
}

static void missing_file_is_empty(void **state)
{
    place *p = *state;
    json_t *all = NULL;
    int torn = -1;
    assert_int_equal(bench_records_load(p->path, &all, &torn, NULL), ZO_OK);
    assert_int_equal(json_array_size(all), 0);
    assert_int_equal(torn, 0);
    json_decref(all);
}

static void appended_records_come_back_in_order(void **state)
{
    place *p = *state;
    json_t *all = NULL;
    for (int i = 0; i < 3; i++)
        append(p->path, "a", i, "ok");
    assert_int_equal(bench_records_load(p->path, &all, NULL, NULL), ZO_OK);
    assert_int_equal(json_array_size(all), 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(json_integer_value(json_object_get(json_array_get(all, i), "run")), i);
    json_decref(all);
}

/* A power cut may leave any part of a line: with each of them the next record must stand alone. */
static void a_torn_line_never_joins_the_next(void **state)
{
    place *p = *state;
    json_t *r = record("torn", 0, "ok");
    char *whole = json_dumps(r, JSON_COMPACT);
    size_t length = strlen(whole);
    for (size_t n = 1; n <= length; n++) {
        json_t *all = NULL;
        int torn = 0;
        unlink(p->path);
        append(p->path, "first", 0, "ok");
        char *part = strndup(whole, n);
        put(p->path, "a", part);
        append(p->path, "next", 0, "ok");
        assert_int_equal(bench_records_load(p->path, &all, &torn, NULL), ZO_OK);
        /* the whole line without its newline is a record; anything less is torn */
        assert_int_equal(json_array_size(all), n == length ? 3 : 2);
        assert_int_equal(torn, n != length);
        assert_string_equal(text_of(all, json_array_size(all) - 1, "cell_id"), "next");
        json_decref(all);
        free(part);
    }
    free(whole);
    json_decref(r);
}

static void foreign_records_are_refused(void **state)
{
    static const struct {
        const char *line, *text;
    } cases[] = {
        {"{\"schema\":\"zobench/record/2\"}\n", "zobench/record/2"},
        {"{}\n", "(none)"},
        {"12\n", "(none)"},
    };
    place *p = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *all = (json_t *)p;
        zo_error err = {0};
        char place_text[400];
        unlink(p->path);
        append(p->path, "a", 0, "ok");
        put(p->path, "a", "\n"); /* an empty line is nothing, but counts */
        put(p->path, "a", cases[i].line);
        assert_int_equal(bench_records_load(p->path, &all, NULL, &err), ZO_ERR_FORMAT);
        assert_null(all);
        snprintf(place_text, sizeof place_text, "%s:3: ", p->path);
        assert_non_null(strstr(err.text, place_text));
        if (!strstr(err.text, cases[i].text))
            fail_msg("%s", err.text);
    }
}

/* A record that does not fit is taken back whole: the file ends as it did before. */
static void half_a_record_is_taken_back(void **state)
{
    place *p = *state;
    struct rlimit old, tight;
    json_t *r = record("big", 1, "ok"), *all = NULL;
    char *filler = malloc(5001);
    struct stat before, after;
    zo_error err = {0};
    memset(filler, 'x', 5000);
    filler[5000] = '\0';
    json_object_set_new(r, "filler", json_string(filler));
    append(p->path, "a", 0, "ok");
    assert_int_equal(stat(p->path, &before), 0);
    signal(SIGXFSZ, SIG_IGN); /* writes beyond the limit fail, as on a full disk */
    getrlimit(RLIMIT_FSIZE, &old);
    tight = (struct rlimit){.rlim_cur = 1000, .rlim_max = old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    zo_status st = bench_record_append(p->path, r, &err);
    setrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(st, ZO_ERR_IO);
    assert_non_null(strstr(err.text, "write "));
    assert_int_equal(stat(p->path, &after), 0);
    assert_int_equal(after.st_size, before.st_size);
    assert_int_equal(bench_record_append(p->path, r, NULL), ZO_OK);
    assert_int_equal(bench_records_load(p->path, &all, NULL, NULL), ZO_OK);
    assert_int_equal(json_array_size(all), 2);
    json_decref(all);
    json_decref(r);
    free(filler);
}

static void failures_name_the_file(void **state)
{
    place *p = *state;
    zo_error err = {0};
    json_t *r = record("a", 0, "ok"), *all = NULL;
    assert_int_equal(bench_record_append("/nonexistent/cells.jsonl", r, &err), ZO_ERR_IO);
    assert_string_equal(err.text, "open /nonexistent/cells.jsonl: No such file or directory");
    err = (zo_error){0};
    assert_int_equal(bench_records_load(p->dir, &all, NULL, &err), ZO_ERR_IO); /* a folder */
    assert_non_null(strstr(err.text, p->dir));
    json_decref(r);
}

static void the_latest_of_each_run_counts(void **state)
{
    static const struct {
        const char *id;
        int run;
        const char *status;
    } lines[] = {{"a", 0, "failed"}, {"b", 0, "ok"}, {"a", 1, "ok"}, {"a", 0, "ok"}, {"b", 0, "nan"}};
    (void)state;
    json_t *all = json_array();
    for (size_t i = 0; i < 5; i++)
        json_array_append_new(all, record(lines[i].id, lines[i].run, lines[i].status));
    json_t *latest = bench_records_latest(all);
    assert_int_equal(json_array_size(latest), 3);
    for (size_t i = 0; i < 3; i++)
        assert_ptr_equal(json_array_get(latest, i), json_array_get(all, i + 2));
    json_decref(latest);
    json_decref(all);
}

static void unknown_is_null_with_a_reason(void **state)
{
    (void)state;
    json_t *o = json_object();
    bench_record_real(o, "good", 0.1);
    bench_record_real(o, "bad", NAN);
    bench_record_real(o, "worse", INFINITY);
    bench_record_set(o, "set", json_integer(3), "never");
    bench_record_unknown(o, "watts", "no sensor");
    char *text = json_dumps(o, JSON_COMPACT);
    assert_string_equal(
        text, "{\"good\":0.10000000000000001,\"bad\":null,\"bad_reason\":\"not finite\",\"worse\":null,"
              "\"worse_reason\":\"not finite\",\"set\":3,\"watts\":null,\"watts_reason\":\"no sensor\"}");
    free(text);
    json_decref(o);
}

static void numbers_as_json(void **state)
{
    json_t *half = bench_record_json(0.5), *none = bench_record_json(NAN), *all = bench_record_json(INFINITY);
    (void)state;
    assert_true(json_real_value(half) == 0.5);
    assert_true(json_is_null(none) && json_is_null(all));
    json_decref(half);
}

#define IN_PLACE(f) cmocka_unit_test_setup_teardown(f, make_place, drop_place)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_PLACE(missing_file_is_empty),
        IN_PLACE(appended_records_come_back_in_order),
        IN_PLACE(a_torn_line_never_joins_the_next),
        IN_PLACE(foreign_records_are_refused),
        IN_PLACE(half_a_record_is_taken_back),
        IN_PLACE(failures_name_the_file),
        cmocka_unit_test(the_latest_of_each_run_counts),
        cmocka_unit_test(unknown_is_null_with_a_reason),
        cmocka_unit_test(numbers_as_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
