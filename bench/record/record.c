/* See record.h. */
#include "bench/record/record.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/record/metric.h"

static zo_status write_all(int fd, const char *path, const char *data, size_t bytes, zo_error *err)
{
    while (bytes) {
        ssize_t n = write(fd, data, bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return zo_fail(err, ZO_ERR_IO, "write %s: %s", path, strerror(errno));
        data += n;
        bytes -= (size_t)n;
    }
    return ZO_OK;
}

/* A file's name lasts only once its folder is on disk too. */
static zo_status sync_folder(const char *path, zo_error *err)
{
    zo_status st = ZO_OK;
    const char *slash = strrchr(path, '/');
    char *dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd < 0 || fsync(fd))
        st = zo_fail(err, ZO_ERR_IO, "sync the folder of %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    free(dir);
    return st;
}

/* The file with its last line ended, and its size then. */
static zo_status open_for_append(const char *path, int *fd, off_t *size, zo_error *err)
{
    struct stat info;
    char last = '\n';
    *fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (*fd < 0)
        return zo_fail(err, ZO_ERR_IO, "open %s: %s", path, strerror(errno));
    if (fstat(*fd, &info))
        return zo_fail(err, ZO_ERR_IO, "stat %s: %s", path, strerror(errno));
    *size = info.st_size;
    if (info.st_size == 0)
        return sync_folder(path, err);
    if (pread(*fd, &last, 1, info.st_size - 1) != 1)
        return zo_fail(err, ZO_ERR_IO, "read %s: %s", path, strerror(errno));
    if (last == '\n')
        return ZO_OK;
    ++*size;
    return write_all(*fd, path, "\n", 1, err);
}

zo_status bench_record_append(const char *path, const json_t *record, zo_error *err)
{
    zo_status st = ZO_OK;
    int fd = -1;
    off_t before = 0;
    size_t bytes = 0;
    char *line = json_dumps(record, JSON_COMPACT);
    if (!line)
        return zo_fail(err, ZO_ERR_INVALID, "write a record to %s: it is no JSON object", path);
    bytes = strlen(line);
    line[bytes++] = '\n'; /* in the place of the NUL */
    st = open_for_append(path, &fd, &before, err);
    if (st)
        goto cleanup;
    st = write_all(fd, path, line, bytes, err);
    if (!st && fsync(fd))
        st = zo_fail(err, ZO_ERR_IO, "fsync %s: %s", path, strerror(errno));
    if (st && ftruncate(fd, before))
        zo_error_context(err, "%s may end in half a record", path);
cleanup:
    if (fd >= 0)
        close(fd);
    free(line);
    return st;
}

/* One line into the array; a line that is no JSON is counted as torn. */
static zo_status take_line(json_t *records, const char *path, long number, const char *line, size_t bytes,
                           int *torn, zo_error *err)
{
    zo_status st = ZO_OK;
    json_t *record = json_loadb(line, bytes, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    const char *schema = json_string_value(json_object_get(record, "schema"));
    if (!record)
        ++*torn;
    else if (!schema || strcmp(schema, BENCH_RECORD_SCHEMA) != 0)
        st = zo_fail(err, ZO_ERR_FORMAT, "%s:%ld: a record of schema %s; this version reads %s", path, number,
                     schema ? schema : "(none)", BENCH_RECORD_SCHEMA);
    else if (json_array_append(records, record))
        st = zo_fail(err, ZO_ERR_MEMORY, "read %s: out of memory", path);
    json_decref(record);
    return st;
}

zo_status bench_records_load(const char *path, json_t **out, int *torn, zo_error *err)
{
    zo_status st = ZO_OK;
    int lost = 0;
    char *line = NULL;
    size_t cap = 0;
    json_t *records = json_array();
    FILE *f = fopen(path, "re");
    *out = NULL;
    if (!records) {
        st = zo_fail(err, ZO_ERR_MEMORY, "read %s: out of memory", path);
        goto cleanup;
    }
    if (!f && errno != ENOENT) {
        st = zo_fail(err, ZO_ERR_IO, "open %s: %s", path, strerror(errno));
        goto cleanup;
    }
    for (long number = 1; f && !st; number++) {
        ssize_t n = getline(&line, &cap, f);
        if (n < 0)
            break;
        if (strspn(line, " \t\r\n") < (size_t)n)
            st = take_line(records, path, number, line, (size_t)n, &lost, err);
    }
    if (!st && f && !feof(f))
        st = zo_fail(err, ZO_ERR_IO, "read %s: %s", path, strerror(errno));
    if (st)
        goto cleanup;
    *out = records;
    records = NULL;
cleanup:
    if (torn)
        *torn = lost;
    json_decref(records);
    free(line);
    if (f)
        fclose(f);
    return st;
}

static void run_key(const json_t *record, char key[96])
{
    snprintf(key, 96, "%.64s/%lld", bench_metric_text_at(record, "cell_id"),
             (long long)bench_metric_integer_at(record, "run"));
}

bool bench_record_ok(const json_t *record)
{
    return strcmp(bench_metric_text_at(record, "status"), "ok") == 0;
}

void bench_record_reason(const json_t *record, char *out, size_t cap)
{
    const char *reason = bench_metric_text_at(record, "reason");
    int n = snprintf(out, cap, "%s%s%s", bench_metric_text_at(record, "status"), *reason ? ": " : "", reason);
    if (n >= 0 && (size_t)n < cap)
        return;
    size_t end = cap - 4; /* not within a character of UTF-8 */
    while (end > 0 && ((unsigned char)out[end] & 0xC0) == 0x80)
        end--;
    memcpy(out + end, "...", 4);
}

int bench_records_doubled(const json_t *records, int *same)
{
    json_t *first = json_object(), *doubled = json_object(); /* key -> record; key -> all are equal */
    const json_t *record;
    json_t *equal;
    const char *name;
    size_t i;
    char key[96];
    json_array_foreach(records, i, record)
    {
        if (!bench_record_ok(record))
            continue;
        run_key(record, key);
        const json_t *known = json_object_get(first, key);
        if (!known)
            json_object_set(first, key, (json_t *)record);
        else if (!json_is_false(json_object_get(doubled, key)))
            json_object_set_new(doubled, key, json_boolean(json_equal(known, record)));
    }
    const int n = (int)json_object_size(doubled);
    *same = 0;
    json_object_foreach(doubled, name, equal) *same += json_is_true(equal);
    json_decref(first);
    json_decref(doubled);
    return n;
}

json_t *bench_records_latest(const json_t *records)
{
    json_t *last = json_object(), *out = json_array(); /* last: "cell_id/run" -> index of its last record */
    json_t *record;
    size_t i;
    int failed = !last || !out;
    for (int keep = 0; keep < 2; keep++) {
        json_array_foreach(records, i, record)
        {
            char key[96];
            run_key(record, key);
            if (!keep)
                failed |= json_object_set_new(last, key, json_integer((json_int_t)i));
            else if (json_integer_value(json_object_get(last, key)) == (json_int_t)i)
                failed |= json_array_append(out, record);
        }
    }
    json_decref(last);
    if (failed) {
        json_decref(out);
        return NULL;
    }
    return out;
}

json_t *bench_record_json(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

void bench_record_unknown(json_t *object, const char *key, const char *reason)
{
    char name[128];
    snprintf(name, sizeof name, "%s_reason", key);
    json_object_set_new(object, key, json_null());
    json_object_set_new(object, name, json_string(reason));
}

void bench_record_real(json_t *object, const char *key, double value)
{
    bench_record_set(object, key, json_real(value), "not finite"); /* json_real of NaN or infinity is NULL */
}

void bench_record_set(json_t *object, const char *key, json_t *value, const char *reason)
{
    if (value)
        json_object_set_new(object, key, value);
    else
        bench_record_unknown(object, key, reason);
}
