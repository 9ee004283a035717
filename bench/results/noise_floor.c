/* See noise_floor.h. */
#include "bench/results/noise_floor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/results/environment.h"
#include "bench/record/record.h"

static json_t *log_ratios(const bench_metric *m, const bench_match *match)
{
    json_t *list = json_array(), *a, *b;
    size_t i, k;
    json_array_foreach(match->old_runs, i, a)
    {
        json_array_foreach(match->new_runs, k, b)
        {
            const double ratio = bench_metric_value(m, b) / bench_metric_value(m, a);
            if (json_equal(json_object_get(a, "run"), json_object_get(b, "run")) &&
                json_equal(json_object_get(a, "cell_id"), json_object_get(b, "cell_id")) && ratio > 0 &&
                isfinite(ratio))
                json_array_append_new(list, json_real(log(ratio)));
        }
    }
    return list;
}

json_t *bench_noise_floor_make(const bench_comparison *c, int pairs, const json_t *record)
{
    json_t *cells = json_array(), *noise = json_object(), *floors;
    int tests = 0;
    for (int32_t i = 0; i < c->match_count; i++) {
        json_t *metrics = json_object();
        for (int32_t k = 0; k < c->finding_count; k++) {
            const bench_finding *f = &c->findings[k];
            if (c->match_of[k] != i || f->unit != BENCH_UNIT_PAIRS)
                continue;
            json_object_set_new(metrics, f->metric->name,
                                json_pack("{s:o}", "log_ratios", log_ratios(f->metric, &c->matches[i])));
            tests++;
        }
        json_array_append_new(cells,
                              json_pack("{s:s, s:o}", "label", c->matches[i].label, "metrics", metrics));
    }
    json_object_set_new(noise, "schema", json_string(BENCH_NOISE_FLOOR_SCHEMA));
    json_object_set_new(noise, "pairs", json_integer(pairs));
    json_object_set_new(noise, "alpha", json_real(c->alpha));
    json_object_set_new(noise, "tests", json_integer(tests));
    json_object_set(noise, "machine", json_object_get(record, "machine"));
    json_object_set(noise, "build", json_object_get(record, "build"));
    json_object_set_new(noise, "cells", cells);
    floors = bench_noise_floor_for(noise, pairs, tests, c->alpha);
    json_object_set_new(noise, "floors", floors);
    return noise;
}

zo_status bench_noise_floor_load(const char *path, json_t **out, zo_error *err)
{
    json_error_t why;
    json_t *o = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
    const char *schema = json_string_value(json_object_get(o, "schema"));
    *out = NULL;
    if (!o)
        return zo_fail(err, why.line > 0 ? ZO_ERR_FORMAT : ZO_ERR_IO, "read %s: %s", path, why.text);
    if (!schema || strcmp(schema, BENCH_NOISE_FLOOR_SCHEMA) != 0 ||
        !json_is_array(json_object_get(o, "cells"))) {
        json_decref(o);
        return zo_fail(err, ZO_ERR_FORMAT, "%s: its schema is %s; this version reads %s", path,
                       schema ? "another" : "missing", BENCH_NOISE_FLOOR_SCHEMA);
    }
    *out = o;
    return ZO_OK;
}

static double floor_of(const json_t *ratios, int pairs, double alpha)
{
    const size_t n = json_array_size(ratios);
    double *x = malloc((n + 1) * sizeof *x), floor = NAN;
    for (size_t i = 0; x && i < n; i++)
        x[i] = json_number_value(json_array_get(ratios, i));
    if (x)
        floor = bench_finding_floor(x, n, (size_t)pairs, alpha);
    free(x);
    return floor;
}

json_t *bench_noise_floor_for(const json_t *noise, int pairs, int tests, double alpha)
{
    json_t *floors = json_object(), *cell, *metric;
    size_t i;
    const char *name;
    json_array_foreach(json_object_get(noise, "cells"), i, cell)
    {
        json_object_foreach(json_object_get(cell, "metrics"), name, metric)
        {
            const double floor =
                floor_of(json_object_get(metric, "log_ratios"), pairs, alpha / (tests > 1 ? tests : 1));
            json_t *known = json_object_get(floors, name);
            if (json_is_null(known) || (known && json_number_value(known) >= floor))
                continue;
            json_object_set_new(floors, name, bench_record_json(floor));
        }
    }
    return floors;
}

/* A record or noise file without what each of its cells has of its own: inputs, and how many threads where. New reference;
 * what a failed repetition does not have is no matter. */
static json_t *of_machine(const json_t *record)
{
    static const struct {
        const char *in, *key; /* in NULL: of the build itself */
    } of_cell[] = {
        {NULL, "openmp_threads"},        {NULL, "openmp"},
        {"settings", "OMP_NUM_THREADS"}, {"settings", "OMP_PLACES"},
        {"settings", "OMP_PROC_BIND"},   {"settings", "KMP_AFFINITY"},
    };
    json_t *copy = json_copy((json_t *)record), *build = json_deep_copy(json_object_get(record, "build"));
    for (size_t i = 0; i < sizeof of_cell / sizeof *of_cell; i++)
        json_object_del(of_cell[i].in ? json_object_get(build, of_cell[i].in) : build, of_cell[i].key);
    json_object_del(copy, "inputs");
    json_object_del(copy, "backend");
    if (build)
        json_object_set_new(copy, "build", build);
    return copy;
}

bool bench_noise_floor_fits(const json_t *noise, const json_t *records, json_t *differences)
{
    json_t *list = json_array(), *bare = json_array(), *record;
    size_t i;
    json_array_append_new(list, of_machine(noise));
    json_array_foreach(records, i, record) json_array_append_new(bare, of_machine(record));
    bench_environment_add(differences, list, bare, "noise");
    json_decref(list);
    json_decref(bare);
    return !bench_environment_spoils(differences, true, false);
}
