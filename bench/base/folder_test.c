/* Tests of folder.c in a folder of its own. */
#include "bench/base/folder.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int make_place(void **state)
{
    const char *tmp = getenv("TMPDIR");
    char *dir = bench_folder_path("%s/folder.XXXXXX", tmp ? tmp : "/tmp");
    *state = dir;
    return mkdtemp(dir) ? 0 : -1;
}

static int drop_place(void **state)
{
    int failed = bench_folder_remove(*state, NULL);
    failed |= access(*state, F_OK) == 0;
    free(*state);
    return failed;
}

static void put(const char *path)
{
    zo_error err = {0};
    if (bench_folder_save(path, "text", 4, &err))
        fail_msg("%s", err.text);
}

static size_t matches(const char *pattern)
{
    glob_t g;
    size_t n = glob(pattern, 0, NULL, &g) ? 0 : g.gl_pathc;
    globfree(&g);
    return n;
}

static void folders_come_and_go(void **state)
{
    char *deep = bench_folder_path("%s/a/b//c/", (char *)*state), *file = bench_folder_path("%sx", deep),
         *below = bench_folder_path("%s/y", file), *top = bench_folder_path("%s/a", (char *)*state),
         *outside = bench_folder_path("%s/outside", (char *)*state),
         *link = bench_folder_path("%slink", deep);
    zo_error err = {0};
    for (int again = 0; again < 2; again++)
        assert_int_equal(bench_folder_make(deep, &err), ZO_OK);
    put(file);
    put(outside);
    assert_int_equal(symlink(outside, link), 0);
    assert_int_equal(bench_folder_make(below, &err), ZO_ERR_IO);
    assert_non_null(strstr(err.text, "make folder "));
    err = (zo_error){0};
    assert_int_equal(bench_folder_make(file, &err), ZO_ERR_IO);
    assert_non_null(strstr(err.text, "a file of that name is in the way"));
    assert_int_equal(bench_folder_remove(top, NULL), ZO_OK);
    assert_int_equal(access(top, F_OK), -1);
    assert_int_equal(access(outside, F_OK), 0); /* a link is removed, what it names is not */
    assert_int_equal(bench_folder_remove(top, NULL), ZO_OK);
    char *all[] = {deep, file, below, top, outside, link};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

static void set_aside_never_replaces(void **state)
{
    char *path = bench_folder_path("%s/cells.jsonl", (char *)*state),
         *pattern = bench_folder_path("%s/cells-2*Z*.jsonl", (char *)*state);
    for (size_t i = 0; i < 3; i++) { /* within a second, most likely */
        put(path);
        assert_int_equal(bench_folder_set_aside(path, NULL), ZO_OK);
        assert_int_equal(access(path, F_OK), -1);
        assert_int_equal(matches(pattern), i + 1);
    }
    assert_int_equal(bench_folder_set_aside(path, NULL), ZO_OK); /* nothing there */
    assert_int_equal(matches(pattern), 3);
    free(path);
    free(pattern);
}

static void json_comes_back(void **state)
{
    char *path = bench_folder_path("%s/state.json", (char *)*state),
         *pattern = bench_folder_path("%s/*", (char *)*state);
    json_t *value = json_pack("{s:[f, i], s:n}", "a", 0.1, 2, "b"), *back;
    for (int again = 0; again < 2; again++)
        assert_int_equal(bench_folder_save_json(path, value, NULL), ZO_OK);
    back = json_load_file(path, 0, NULL);
    assert_true(json_equal(value, back));
    assert_int_equal(matches(pattern), 1); /* no temporary file stays */
    json_decref(back);
    json_decref(value);
    free(path);
    free(pattern);
}

#define IN_PLACE(f) cmocka_unit_test_setup_teardown(f, make_place, drop_place)

int main(void)
{
    const struct CMUnitTest tests[] = {IN_PLACE(folders_come_and_go), IN_PLACE(set_aside_never_replaces),
                                       IN_PLACE(json_comes_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
