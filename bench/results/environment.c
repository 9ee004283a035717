/* See environment.h. A further thing that may differ is a new row. */
#include "bench/results/environment.h"

#include <stdlib.h>
#include <string.h>

#include "bench/record/metric.h"

typedef struct trait {
    const char *what;
    const char *path;
    bool times, answers; /* does a difference spoil them? */
    bool young; /* earlier builds did not record it: where it is not there, nothing is known to differ */
} trait;

static const trait traits[] = {
    {"processor", "machine.cpu", true, false, false},
    {"processor family and stepping", "machine.cpu_id", true, false, true},
    {"microcode", "machine.microcode", false, false, true},
    {"hypervisor", "machine.hypervisor", false, false, true},
    {"instruction sets", "machine.isa", true, false, false},
    {"kernels", "machine.kernels", true, false, false},
    {"matrix kernels", "machine.matrix_kernels", true, false, true},
    {"cores allowed", "machine.cores_allowed", true, false, false},
    {"hardware threads allowed", "machine.pus_allowed", true, false, false},
    {"processor quota", "machine.cpu_quota", true, false, false},
    {"frequency governor", "machine.governor", true, false, false},
    {"boost", "machine.boost", true, false, true},
    {"memory", "machine.memory_bytes", false, false, false},
    {"kernel", "machine.kernel", false, false, false},
    {"operating system", "machine.os", false, false, false},
    {"C library", "machine.libc", false, false, true},
    {"build kind", "build.config", true, false, false},
    {"BLAS version", "backend.config", true, false, false},
    {"BLAS kernel", "backend.core", true, false, false},
    {"BLAS threading", "backend.parallel", true, false, false},
    {"BLAS threads", "backend.threads", true, false, false},
    {"BLAS settings", "backend.settings", true, false, true},
    {"OpenMP threads", "build.openmp_threads", true, false, false},
    {"OpenMP and other settings", "build.settings", true, false, true},
    {"compiler", "build.compiler", false, false, false},
    {"compiler flags", "build.flags", false, false, false},
    {"commit", "build.commit", false, false, false},
    {"model", "inputs.model.sha256", true, true, false},
    {"training data", "inputs.train.sha256", true, true, false},
    {"evaluation data", "inputs.validation.sha256", false, true, false},
    {"template", "inputs.template.sha256", true, true, false},
    {"adapter", "inputs.adapter.sha256", true, true, false},
};

/* The values at path that occur in records, each once; what is not there is null. New reference. */
static json_t *values_at(const json_t *records, const char *path)
{
    json_t *values = json_array(), *record;
    size_t i, k;
    json_array_foreach(records, i, record)
    {
        json_t *value = bench_metric_at(record, path), *known;
        bool found = false;
        value = value ? value : json_null();
        json_array_foreach(values, k, known) found |= json_equal(known, value);
        if (!found)
            json_array_append(values, value);
    }
    return values;
}

static bool lacks(const json_t *records, const char *path)
{
    size_t i;
    const json_t *record;
    bool there = false;
    json_array_foreach(records, i, record) there |= bench_metric_at(record, path) != NULL;
    return !there;
}

/* Are the two alike, and one value each? */
static bool agree(const json_t *old, const json_t *new_)
{
    return json_array_size(old) <= 1 && json_equal(old, new_);
}

void bench_environment_add(json_t *differences, const json_t *old, const json_t *new_, const char *label)
{
    if (!json_array_size(old) || !json_array_size(new_)) /* a side that failed says nothing of where it ran */
        return;
    for (size_t i = 0; i < sizeof traits / sizeof *traits; i++) {
        const trait *t = &traits[i];
        json_t *a = values_at(old, t->path), *b = values_at(new_, t->path), *d;
        json_t *cells = NULL;
        size_t k;
        json_array_foreach(differences, k, d)
        {
            if (strcmp(json_string_value(json_object_get(d, "path")), t->path) == 0 &&
                json_equal(json_object_get(d, "old"), a) && json_equal(json_object_get(d, "new"), b))
                cells = json_object_get(d, "cells");
        }
        if (!agree(a, b) && !cells) {
            const bool unknown = t->young && (lacks(old, t->path) || lacks(new_, t->path));
            cells = json_array();
            json_array_append_new(differences,
                                  json_pack("{s:s, s:s, s:O, s:O, s:b, s:b, s:o}", "what", t->what, "path",
                                            t->path, "old", a, "new", b, "spoils_times", t->times && !unknown,
                                            "spoils_answers", t->answers, "cells", cells));
        }
        if (cells)
            json_array_append_new(cells, json_string(label));
        json_decref(a);
        json_decref(b);
    }
}

bool bench_environment_spoils(const json_t *differences, bool times, bool answers)
{
    size_t i;
    json_t *d;
    bool spoils = false;
    json_array_foreach(differences, i, d) spoils |=
        (times && json_is_true(json_object_get(d, "spoils_times"))) ||
        (answers && json_is_true(json_object_get(d, "spoils_answers")));
    return spoils;
}

static void print_values(const json_t *values, FILE *out)
{
    size_t i;
    json_t *v;
    json_array_foreach(values, i, v)
    {
        char *text = json_is_string(v) ? NULL : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
        fprintf(out, "%s%s", i ? " and " : "",
                json_is_string(v) ? json_string_value(v)
                : json_is_null(v) ? "not recorded"
                : text            ? text
                                  : "?");
        free(text);
    }
}

void bench_environment_print(const json_t *differences, const char *prefix, FILE *out)
{
    size_t i;
    json_t *d;
    json_array_foreach(differences, i, d)
    {
        const bool times = json_is_true(json_object_get(d, "spoils_times"));
        const bool answers = json_is_true(json_object_get(d, "spoils_answers"));
        const size_t cells = json_array_size(json_object_get(d, "cells"));
        fprintf(out, "%s%s: ", prefix, json_string_value(json_object_get(d, "what")));
        print_values(json_object_get(d, "old"), out);
        fputs(" -> ", out);
        print_values(json_object_get(d, "new"), out);
        fprintf(out, " (%s%zu cell%s)\n",
                times && answers ? "spoils times and answers; "
                : times          ? "spoils times; "
                : answers        ? "spoils answers; "
                                 : "",
                cells, cells == 1 ? "" : "s");
    }
}
