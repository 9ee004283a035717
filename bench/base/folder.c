/* See folder.h. */
#include "bench/base/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/file.h"

char *bench_folder_path(const char *fmt, ...)
{
    char *path = NULL;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&path, fmt, ap) < 0)
        path = NULL;
    va_end(ap);
    return path;
}

zo_status bench_folder_make(const char *path, zo_error *err)
{
    zo_status st = ZO_OK;
    struct stat info;
    char *p = strdup(path);
    if (!p)
        return zo_fail(err, ZO_ERR_MEMORY, "make folder %s: out of memory", path);
    for (char *end = p + 1; !st; end++) {
        if (*end != '/' && *end)
            continue;
        char was = *end;
        *end = '\0';
        if (mkdir(p, 0777) && errno != EEXIST)
            st = zo_fail(err, ZO_ERR_IO, "make folder %s: %s", p, strerror(errno));
        *end = was;
        if (!was)
            break;
    }
    if (!st && (stat(path, &info) || !S_ISDIR(info.st_mode)))
        st = zo_fail(err, ZO_ERR_IO, "make folder %s: a file of that name is in the way", path);
    free(p);
    return st;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *at)
{
    (void)info;
    (void)type;
    (void)at;
    return remove(path);
}

zo_status bench_folder_remove(const char *path, zo_error *err)
{
    if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) && errno != ENOENT)
        return zo_fail(err, ZO_ERR_IO, "remove %s: %s", path, strerror(errno));
    return ZO_OK;
}

zo_status bench_folder_set_aside(const char *path, zo_error *err)
{
    char stamp[32];
    time_t now = time(NULL);
    struct tm parts;
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    const char *ending = strrchr(name, '.') ? strrchr(name, '.') : name + strlen(name);
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", gmtime_r(&now, &parts));
    for (int i = 1; i < 1000; i++) {
        char number[16] = "";
        if (i > 1)
            snprintf(number, sizeof number, "-%d", i);
        char *aside = bench_folder_path("%.*s-%s%s%s", (int)(ending - path), path, stamp, number, ending);
        if (!aside)
            return zo_fail(err, ZO_ERR_MEMORY, "set %s aside: out of memory", path);
        int failed = renameat2(AT_FDCWD, path, AT_FDCWD, aside, RENAME_NOREPLACE), why = errno;
        if (failed && why == EINVAL) { /* a file system that cannot promise it */
            failed = access(aside, F_OK) == 0 || rename(path, aside);
            why = access(aside, F_OK) == 0 ? EEXIST : errno;
        }
        free(aside);
        if (!failed || why == ENOENT)
            return ZO_OK;
        if (why != EEXIST)
            return zo_fail(err, ZO_ERR_IO, "set %s aside: %s", path, strerror(why));
    }
    return zo_fail(err, ZO_ERR_IO, "set %s aside: no free name", path);
}

zo_status bench_folder_save(const char *path, const void *data, size_t bytes, zo_error *err)
{
    zo_file_draft draft = {0};
    zo_status st = zo_file_draft_open(&draft, path, err);
    if (!st)
        st = zo_file_draft_write(&draft, data, bytes, err);
    if (!st)
        st = zo_file_draft_commit(&draft, err);
    zo_file_draft_discard(&draft);
    return st;
}

zo_status bench_folder_save_json(const char *path, const json_t *value, zo_error *err)
{
    char *text = json_dumps(value, JSON_COMPACT);
    if (!text)
        return zo_fail(err, ZO_ERR_INVALID, "write %s: the value is no JSON", path);
    zo_status st = bench_folder_save(path, text, strlen(text), err);
    free(text);
    return st;
}
