/* Tests of file.c: what can be mapped and what cannot, and files that appear complete or not at all. */
#include "core/base/file.h"

#include <string.h>
#include <sys/stat.h>

#include "core/base/folder_fixture.h"

/* The file holds exactly this text. */
static void expect_text(const folder *f, const char *text)
{
    zo_file_map map;
    zo_error err = {0};
    if (zo_file_map_open(f->file, &map, &err))
        fail_msg("%s", err.text);
    assert_int_equal(map.bytes, strlen(text));
    assert_memory_equal(map.data, text, map.bytes);
    zo_file_map_close(&map);
    assert_null(map.data);
}

static void put(const folder *f, const char *text)
{
    zo_file_draft d = {0};
    zo_error err = {0};
    if (zo_file_draft_open(&d, f->file, &err) || zo_file_draft_write(&d, text, strlen(text), &err) ||
        zo_file_draft_commit(&d, &err))
        fail_msg("%s", err.text);
    zo_file_draft_discard(&d); /* allowed, and changes nothing */
}

static void maps_regular_files_alone(void **state)
{
    (void)state;
    folder f = folder_make("file", "x");
    char empty[600], fifo[600], missing[600];
    snprintf(empty, sizeof empty, "%s/empty", f.dir);
    snprintf(fifo, sizeof fifo, "%s/fifo", f.dir);
    snprintf(missing, sizeof missing, "%s/missing", f.dir);
    put(&f, "text");
    expect_text(&f, "text");
    fclose(fopen(empty, "w"));
    assert_int_equal(mkfifo(fifo, 0600), 0);
    const struct {
        const char *path;
        zo_status status;
        const char *text;
    } cases[] = {{missing, ZO_ERR_IO, "No such file"},
                 {f.dir, ZO_ERR_IO, "is a folder, not a file"},
                 {empty, ZO_ERR_FORMAT, "the file is empty"},
                 {fifo, ZO_ERR_IO, "is not a regular file"}, /* and does not wait for its writer */
                 {"/dev/null", ZO_ERR_IO, "is not a regular file"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        zo_file_map map;
        zo_error err = {0};
        assert_int_equal(zo_file_map_open(cases[i].path, &map, &err), cases[i].status);
        assert_null(map.data);
        assert_non_null(strstr(err.text, cases[i].text));
        assert_non_null(strstr(err.text, cases[i].path));
        zo_file_map_close(&map);
    }
    unlink(empty);
    unlink(fifo);
    folder_remove(&f);
}

/* What is there in the place of a file is named. */
static void stand_ins_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says; /* NULL: mapped */
    } rows[] = {
        {"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "Git LFS pointer"},
        {"<!DOCTYPE html><html></html>", "HTML page"},
        {"\n\n  <HTML lang=en>", "HTML page"},
        {"version 2", NULL},
        {"<svg/>", NULL},
        {"  ", NULL},
    };
    folder f = folder_make("file", "x");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        zo_file_map map;
        zo_error err = {0};
        put(&f, rows[i].text);
        zo_status st = zo_file_map_open(f.file, &map, &err);
        if (rows[i].says ? st != ZO_ERR_FORMAT || map.data || !strstr(err.text, rows[i].says) : st != ZO_OK)
            fail_msg("%s: status %d \"%s\"", rows[i].text, (int)st, err.text);
        zo_file_map_close(&map);
    }
    folder_remove(&f);
}

static void a_draft_appears_with_its_commit(void **state)
{
    (void)state;
    folder f = folder_make("file", "x");
    zo_file_draft d = {0};
    zo_error err = {0};
    struct stat info;
    put(&f, "old");
    assert_int_equal(zo_file_draft_open(&d, f.file, &err), ZO_OK);
    assert_int_equal(zo_file_draft_write(&d, "new", 3, &err), ZO_OK);
    assert_int_equal(zo_file_draft_write(&d, NULL, 0, &err), ZO_OK);
    assert_int_equal(folder_files(&f), 2); /* in the same folder, so that a rename is enough */
    expect_text(&f, "old");
    assert_int_equal(zo_file_draft_commit(&d, &err), ZO_OK);
    assert_int_equal(folder_files(&f), 1);
    expect_text(&f, "new");
    mode_t mask = umask(0);
    umask(mask);
    assert_int_equal(stat(f.file, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0666 & ~mask); /* readable as any new file is */
    folder_remove(&f);
}

static void a_discarded_draft_leaves_nothing(void **state)
{
    (void)state;
    folder f = folder_make("file", "x");
    zo_file_draft a = {0}, b = {0};
    zo_error err = {0};
    put(&f, "old");
    assert_int_equal(zo_file_draft_open(&a, f.file, &err), ZO_OK);
    assert_int_equal(zo_file_draft_open(&b, f.file, &err), ZO_OK); /* two at once do not meet */
    assert_int_equal(zo_file_draft_write(&a, "half", 4, &err), ZO_OK);
    assert_int_equal(folder_files(&f), 3);
    zo_file_draft_discard(&a);
    zo_file_draft_discard(&b);
    zo_file_draft_discard(&b);
    assert_int_equal(folder_files(&f), 1);
    expect_text(&f, "old");
    folder_remove(&f);
}

static void failures_are_told(void **state)
{
    (void)state;
    folder f = folder_make("file", "x");
    zo_file_draft d = {0};
    zo_error err = {0};
    char target[600];
    /* the target is a folder: the rename fails and the temporary file goes */
    snprintf(target, sizeof target, "%s/folder", f.dir);
    assert_int_equal(mkdir(target, 0700), 0);
    assert_int_equal(zo_file_draft_open(&d, target, &err), ZO_OK);
    assert_int_equal(zo_file_draft_commit(&d, &err), ZO_ERR_IO);
    assert_non_null(strstr(err.text, "rename"));
    assert_null(d.f);
    assert_int_equal(folder_files(&f), 1);
    rmdir(target);
    /* a device that is always full: the error comes with the flush */
    if (access("/dev/full", W_OK) == 0) {
        char gone[700];
        snprintf(gone, sizeof gone, "%s/gone", f.dir);
        err = (zo_error){0};
        d = (zo_file_draft){.f = fopen("/dev/full", "w"), .path = strdup(f.file), .temporary = strdup(gone)};
        assert_int_equal(zo_file_draft_write(&d, "x", 1, &err), ZO_OK);
        assert_int_equal(zo_file_draft_commit(&d, &err), ZO_ERR_IO);
        assert_non_null(strstr(err.text, "No space left"));
        assert_null(d.f);
    }
    folder_remove(&f);
    err = (zo_error){0};
    assert_int_equal(zo_file_draft_open(&d, f.file, &err), ZO_ERR_IO); /* the folder is gone */
    assert_non_null(strstr(err.text, "No such file"));
    assert_null(d.path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_regular_files_alone),
        cmocka_unit_test(stand_ins_are_named),
        cmocka_unit_test(a_draft_appears_with_its_commit),
        cmocka_unit_test(a_discarded_draft_leaves_nothing),
        cmocka_unit_test(failures_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
