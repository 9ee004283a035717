/* For tests: a folder of its own with the name of a file in it. */
#ifndef ZO_FOLDER_FIXTURE_H
#define ZO_FOLDER_FIXTURE_H

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct folder {
    char dir[512], file[600];
} folder;

/* In the folder for temporary files, named after `what`; the file is not made. */
static inline folder folder_make(const char *what, const char *file)
{
    folder f;
    const char *tmp = getenv("TMPDIR");
    snprintf(f.dir, sizeof f.dir, "%s/zobench-%s-XXXXXX", tmp ? tmp : "/tmp", what);
    assert_non_null(mkdtemp(f.dir));
    snprintf(f.file, sizeof f.file, "%s/%s", f.dir, file);
    return f;
}

/* Files in it. */
static inline size_t folder_files(const folder *f)
{
    size_t n = 0;
    DIR *d = opendir(f->dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

/* With the file; fails the test where anything else is left in it. */
static inline void folder_remove(const folder *f)
{
    unlink(f->file);
    assert_int_equal(rmdir(f->dir), 0);
}

#endif
