/* See model_watch.h. */
#include "bench/launch/model_watch.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/backend/backend.h"
#include "bench/record/inputs.h"
#include "bench/base/paths.h"

zo_status bench_model_watch_init(bench_model_watch *m, zo_error *err)
{
    *m = (bench_model_watch){json_object(), json_object()};
    return m->known && m->recorded ? ZO_OK
                                   : zo_fail(err, ZO_ERR_MEMORY, "keep track of models: out of memory");
}

void bench_model_watch_deinit(bench_model_watch *m)
{
    json_decref(m->known);
    json_decref(m->recorded);
    *m = (bench_model_watch){0};
}

/* What changes with a file's content: new reference; NULL: there is no file of that name. */
static json_t *stamp_of(const char *path, bool *regular)
{
    struct stat info;
    if (stat(path, &info))
        return NULL;
    *regular = S_ISREG(info.st_mode);
    return json_pack("[I, I, I, I]", (json_int_t)info.st_ino, (json_int_t)info.st_size,
                     (json_int_t)info.st_mtim.tv_sec, (json_int_t)info.st_mtim.tv_nsec);
}

json_t *bench_model_watch_input(bench_model_watch *m, const bench_params *p)
{
    char path[4096];
    bool regular = false;
    json_t *input = NULL;
    if (!bench_backend_of(p)->has_model || bench_model_path(p->model, path, sizeof path, NULL))
        return NULL;
    json_t *stamp = stamp_of(path, &regular);
    if (!stamp)
        return bench_inputs_model(path, &input, NULL) ? NULL : input; /* generated, or not there */
    json_t *known = json_object_get(m->known, path);
    /* a folder's own time does not change with a file's content: those are small or looked at again */
    if (known && regular && json_equal(json_object_get(known, "stamp"), stamp))
        input = json_incref(json_object_get(known, "input"));
    else if (!bench_inputs_model(path, &input, NULL))
        json_object_set_new(m->known, path, json_pack("{s:O, s:O}", "stamp", stamp, "input", input));
    json_decref(stamp);
    return input;
}

void bench_model_watch_note(bench_model_watch *m, const json_t *record)
{
    const json_t *input = json_object_get(json_object_get(record, "inputs"), "model");
    const char *path = json_string_value(json_object_get(input, "path"));
    json_t *sha256 = json_object_get(input, "sha256");
    if (path && json_is_string(sha256))
        json_object_set(m->recorded, path, sha256);
}

bool bench_model_watch_changed(const bench_model_watch *m, const bench_params *p, const json_t *input,
                               char *why, size_t cap)
{
    char path[4096];
    bool regular = false;
    const char *name = json_string_value(json_object_get(input, "path")),
               *sha256 = json_string_value(json_object_get(input, "sha256")),
               *before = name ? json_string_value(json_object_get(m->recorded, name)) : NULL;
    if (before && sha256 && strcmp(before, sha256) != 0) {
        snprintf(why, cap,
                 "model %s has changed: its SHA-256 was %.12s... in earlier records and is %.12s...; --fresh "
                 "begins anew",
                 p->model, before, sha256);
        return true;
    }
    if (!sha256 || bench_model_path(p->model, path, sizeof path, NULL))
        return false;
    json_t *stamp = stamp_of(path, &regular);
    const json_t *known = json_object_get(json_object_get(m->known, path), "stamp");
    const bool other = known && (!stamp || (regular && !json_equal(stamp, known)));
    if (other)
        snprintf(why, cap, "model %s %s while the cell ran", p->model, stamp ? "changed" : "vanished");
    json_decref(stamp);
    return other;
}
