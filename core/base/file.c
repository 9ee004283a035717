/* See file.h. */
#include "core/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* What stands in the place of a file that was not fetched as it should have been; NULL: nothing of the kind. */
static const char *stand_in(const char *s, size_t n)
{
    static const struct {
        const char *begin, *what;
    } known[] = {
        {"version https://git-lfs", "a Git LFS pointer, not the file itself: git lfs pull fetches it"},
        {"<!doctype html",
         "an HTML page, not the file itself: the download brought a web page (log-in, error or preview?)"},
        {"<html",
         "an HTML page, not the file itself: the download brought a web page (log-in, error or preview?)"},
    };
    for (; n && memchr(" \t\r\n", *s, 4); s++)
        n--;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (n >= strlen(known[i].begin) && strncasecmp(s, known[i].begin, strlen(known[i].begin)) == 0)
            return known[i].what;
    return NULL;
}

/* No madvise: weights are read front to back, which the kernel's own read-ahead serves, and a reader that
 * wants the metadata alone must not pull in the rest. */
zo_status zo_file_map_open(const char *path, zo_file_map *out, zo_error *err)
{
    zo_status st = ZO_OK;
    struct stat info;
    void *data;
    *out = (zo_file_map){0};
    /* O_NONBLOCK: opening a FIFO must not wait for its writer. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return zo_fail(err, ZO_ERR_IO, "open %s: %s", path, strerror(errno));
    if (fstat(fd, &info) != 0) {
        st = zo_fail(err, ZO_ERR_IO, "open %s: %s", path, strerror(errno));
        goto cleanup;
    }
    if (!S_ISREG(info.st_mode)) {
        st = zo_fail(err, ZO_ERR_IO, "open %s: %s", path,
                     S_ISDIR(info.st_mode) ? "is a folder, not a file" : "is not a regular file");
        goto cleanup;
    }
    if (info.st_size <= 0 || (uintmax_t)info.st_size > SIZE_MAX / 2) {
        st = zo_fail(err, ZO_ERR_FORMAT, "open %s: the file is %s", path,
                     info.st_size <= 0 ? "empty" : "too large");
        goto cleanup;
    }
    data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) {
        st = zo_fail(err, ZO_ERR_IO, "map %s: %s", path, strerror(errno));
        goto cleanup;
    }
    *out = (zo_file_map){.data = data, .bytes = (size_t)info.st_size};
    const char *what = stand_in(data, out->bytes);
    if (what) {
        st = zo_fail(err, ZO_ERR_FORMAT, "open %s: it is %s", path, what);
        zo_file_map_close(out);
    }
cleanup:
    close(fd);
    return st;
}

void zo_file_map_close(zo_file_map *map)
{
    if (map->data)
        munmap((void *)(uintptr_t)map->data, map->bytes);
    *map = (zo_file_map){0};
}

zo_status zo_file_draft_open(zo_file_draft *d, const char *path, zo_error *err)
{
    size_t room = strlen(path) + 64;
    int fd = -1;
    *d = (zo_file_draft){.path = strdup(path), .temporary = malloc(room)};
    if (!d->path || !d->temporary) {
        zo_file_draft_discard(d);
        return zo_fail(err, ZO_ERR_MEMORY, "write %s: out of memory", path);
    }
    /* Not mkstemp, whose files only the owner may read. */
    for (int i = 0; i < 1000 && fd < 0; i++) {
        snprintf(d->temporary, room, "%s.tmp-%ld-%d", path, (long)getpid(), i);
        fd = open(d->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno != EEXIST)
            break;
    }
    d->f = fd < 0 ? NULL : fdopen(fd, "wb");
    if (!d->f) {
        zo_status st = zo_fail(err, ZO_ERR_IO, "create %s: %s", d->temporary, strerror(errno));
        if (fd >= 0) {
            close(fd);
            unlink(d->temporary);
        }
        zo_file_draft_discard(d);
        return st;
    }
    return ZO_OK;
}

zo_status zo_file_draft_write(zo_file_draft *d, const void *data, size_t bytes, zo_error *err)
{
    if (bytes && fwrite(data, 1, bytes, d->f) != bytes)
        return zo_fail(err, ZO_ERR_IO, "write %s: %s", d->temporary, strerror(errno));
    return ZO_OK;
}

/* A rename lasts through a crash once its folder is on disk. File systems that cannot do this say EINVAL. */
static int sync_folder_of(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash)
        slash[slash == path] = '\0';
    int fd = open(slash ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : fsync(fd);
    if (rc != 0 && errno == EINVAL)
        rc = 0;
    if (fd >= 0)
        close(fd);
    return rc;
}

zo_status zo_file_draft_commit(zo_file_draft *d, zo_error *err)
{
    zo_status st = ZO_OK;
    if (fflush(d->f) != 0 || fsync(fileno(d->f)) != 0)
        st = zo_fail(err, ZO_ERR_IO, "write %s: %s", d->temporary, strerror(errno));
    int closed = fclose(d->f);
    d->f = NULL;
    if (!st && closed != 0)
        st = zo_fail(err, ZO_ERR_IO, "write %s: %s", d->temporary, strerror(errno));
    if (!st && rename(d->temporary, d->path) != 0)
        st = zo_fail(err, ZO_ERR_IO, "rename %s to %s: %s", d->temporary, d->path, strerror(errno));
    if (st)
        unlink(d->temporary);
    else if (sync_folder_of(d->temporary) != 0)
        st = zo_fail(err, ZO_ERR_IO, "sync the folder of %s: %s", d->path, strerror(errno));
    zo_file_draft_discard(d);
    return st;
}

void zo_file_draft_discard(zo_file_draft *d)
{
    if (d->f) {
        fclose(d->f);
        unlink(d->temporary);
    }
    free(d->path);
    free(d->temporary);
    *d = (zo_file_draft){0};
}
