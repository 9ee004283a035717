/* zobench plan: the cells of a manifest, what they will take, and what is done. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/cmd/commands.h"
#include "bench/base/exit.h"
#include "bench/cmd/flags.h"
#include "bench/manifest/manifest.h"
#include "bench/launch/plan.h"
#include "bench/launch/progress.h"
#include "bench/record/record.h"
#include "bench/base/table.h"

static void usage(FILE *to)
{
    fputs(
        "usage: zobench plan [OPTIONS] MANIFEST\n"
        "\n"
        "Lists the cells with their repetitions (done/wanted), predicted time of one repetition and\n"
        "predicted memory; runs nothing. Exits with 3 where a cell cannot run as things are (missing model\n"
        "or data, too little memory or disk).\n",
        to);
}

static bool can_run(const bench_plan_cell *c)
{
    return !*c->trouble && !c->too_large;
}

static bool disk_is_short(const bench_plan *plan)
{
    return plan->disk_free_bytes >= 0 && plan->disk_bytes > plan->disk_free_bytes;
}

/* ---- for people ---- */

static void add_seconds(bench_table *t, const bench_plan_cell *c)
{
    char text[BENCH_DURATION];
    if (c->basis == BENCH_PLAN_UNKNOWN) {
        bench_table_add_missing(t);
        return;
    }
    bench_table_add_number(t, bench_progress_duration(1e9 * c->seconds, text), c->seconds, bench_no_interval);
    if (c->basis == BENCH_PLAN_ESTIMATED)
        bench_table_mark(
            t, "estimated from floating-point operations, at the speed that a large matrix product has now; "
               "records of a first run replace it");
}

static void add_bytes(bench_table *t, const bench_plan_cell *c)
{
    char text[32];
    if (c->bytes < 0) {
        bench_table_add_missing(t);
        return;
    }
    snprintf(text, sizeof text, "%.0f MiB", (double)c->bytes / (1 << 20));
    bench_table_add_number(t, text, (double)c->bytes, bench_no_interval);
    if (c->too_large)
        bench_table_mark(t, "more memory than it may take");
}

static zo_status print_table(const bench_plan *plan, zo_error *err)
{
    bench_table *t = bench_table_new("");
    char text[64];
    bench_table_add_column(t, BENCH_COLUMN_TEXT, "cell", "label");
    bench_table_add_column(t, BENCH_COLUMN_TEXT, "id", "cell_id");
    bench_table_add_column(t, BENCH_COLUMN_TEXT, "runs", "runs");
    bench_table_add_column(t, BENCH_COLUMN_NUMBER, "time per run", "seconds");
    bench_table_add_column(t, BENCH_COLUMN_NUMBER, "memory", "bytes");
    for (int32_t i = 0; i < plan->count; i++) {
        const bench_plan_cell *c = &plan->cells[i];
        bench_table_add_row(t);
        bench_table_add_text(t, c->label);
        if (*c->trouble)
            bench_table_mark(t, c->trouble);
        bench_table_add_text(t, c->cell->id);
        snprintf(text, sizeof text, c->failed ? "%lld/%lld, %lld failed" : "%lld/%lld", (long long)c->done,
                 (long long)c->wanted, (long long)c->failed);
        bench_table_add_text(t, text);
        add_seconds(t, c);
        add_bytes(t, c);
    }
    zo_status st = bench_table_write(t, BENCH_FORMAT_TEXT, stdout, err);
    bench_table_free(t);
    return st;
}

static void remark(const bench_manifest *m, const bench_plan *plan)
{
    char text[BENCH_DURATION];
    int32_t cannot = 0, estimated = 0;
    for (int32_t i = 0; i < plan->count; i++) {
        cannot += !can_run(&plan->cells[i]);
        estimated += plan->cells[i].basis == BENCH_PLAN_ESTIMATED;
    }
    fprintf(stderr, "%s: %d cell%s, ", m->name, plan->count, plan->count == 1 ? "" : "s");
    if (plan->unknown && !(plan->remaining_s > 0))
        fputs("an unknown time to go", stderr);
    else if (plan->remaining_s > 0)
        fprintf(stderr, "%s%s to go", estimated ? "about " : "",
                bench_progress_duration(1e9 * plan->remaining_s, text));
    else
        fputs("nothing to go", stderr);
    if (plan->unknown)
        fprintf(stderr, "; %d cell%s of unknown time", plan->unknown, plan->unknown == 1 ? "" : "s");
    if (m->measure.max_runs > m->measure.min_runs)
        fprintf(stderr, "; up to %lld runs of a cell where its interval is wide",
                (long long)m->measure.max_runs);
    if (plan->available_bytes >= 0)
        fprintf(stderr, "; %.1f GiB of memory available", (double)plan->available_bytes / (1 << 30));
    if (plan->limit_bytes != plan->available_bytes)
        fprintf(stderr, ", of which a cell may take %.1f GiB", (double)plan->limit_bytes / (1 << 30));
    if (plan->disk_free_bytes >= 0)
        fprintf(stderr, "; %.1f MiB of %.1f GiB of disk", (double)plan->disk_bytes / (1 << 20),
                (double)plan->disk_free_bytes / (1 << 30));
    if (disk_is_short(plan))
        fputs(", which is too little", stderr);
    if (cannot)
        fprintf(stderr, "; %d cell%s cannot run as things are", cannot, cannot == 1 ? "" : "s");
    fputc('\n', stderr);
}

/* ---- for programs ---- */

static json_t *cell_json(const bench_plan_cell *c)
{
    static const char *const basis[] = {[BENCH_PLAN_UNKNOWN] = NULL,
                                        [BENCH_PLAN_ESTIMATED] = "estimated",
                                        [BENCH_PLAN_MEASURED] = "measured"};
    json_t *o =
        json_pack("{s:s, s:s, s:I, s:I, s:I}", "label", c->label, "cell_id", c->cell->id, "wanted",
                  (json_int_t)c->wanted, "done", (json_int_t)c->done, "failed", (json_int_t)c->failed);
    bench_record_set(o, "seconds", c->basis ? json_real(c->seconds) : NULL,
                     "the model or its data cannot be read");
    json_object_set_new(o, "seconds_basis", basis[c->basis] ? json_string(basis[c->basis]) : json_null());
    bench_record_set(o, "bytes", c->bytes >= 0 ? json_integer(c->bytes) : NULL, "the model cannot be read");
    json_object_set_new(o, "fits", c->bytes >= 0 ? json_boolean(!c->too_large) : json_null());
    json_object_set_new(o, "trouble", *c->trouble ? json_string(c->trouble) : json_null());
    json_object_set_new(o, "cell", bench_params_to_json(&c->cell->params));
    return o;
}

static void print_json(const bench_manifest *m, const bench_plan *plan)
{
    json_t *o = json_pack("{s:s, s:s, s:f, s:i}", "name", m->name, "manifest_sha256", m->sha256,
                          "remaining_s", plan->remaining_s, "cells_of_unknown_time", plan->unknown),
           *cells = json_array();
    bench_record_set(o, "available_bytes",
                     plan->available_bytes >= 0 ? json_integer(plan->available_bytes) : NULL,
                     "/proc/meminfo cannot be read");
    bench_record_set(o, "limit_bytes", plan->limit_bytes >= 0 ? json_integer(plan->limit_bytes) : NULL,
                     "/proc/meminfo cannot be read");
    json_object_set_new(o, "disk_bytes", json_integer(plan->disk_bytes));
    bench_record_set(o, "disk_free_bytes",
                     plan->disk_free_bytes >= 0 ? json_integer(plan->disk_free_bytes) : NULL,
                     "the file system does not say");
    bench_record_set(o, "peaks", json_incref(plan->peaks), "nothing is estimated");
    for (int32_t i = 0; i < plan->count; i++)
        json_array_append_new(cells, cell_json(&plan->cells[i]));
    json_object_set_new(o, "cells", cells);
    bench_command_print(o, JSON_INDENT(2));
}

static zo_status plan(const char *path, const char *const *sets, const char *results, const json_t *where,
                      bool json, bool *all_can_run, zo_error *err)
{
    bench_manifest *m = NULL;
    bench_plan p = {0};
    zo_status st = bench_manifest_load_set(path, sets, &m, err);
    if (st)
        return st;
    for (int32_t i = 0; i < m->warning_count; i++)
        fprintf(stderr, "%s (warning)\n", m->warnings[i]);
    st = bench_plan_make(m, results, where, &p, err);
    for (int32_t i = 0; i < p.count; i++)
        *all_can_run = *all_can_run && can_run(&p.cells[i]);
    *all_can_run = *all_can_run && !disk_is_short(&p);
    if (!st && json)
        print_json(m, &p);
    else if (!st)
        st = print_table(&p, err);
    if (!st)
        remark(m, &p);
    bench_plan_deinit(&p);
    bench_manifest_free(m);
    return st;
}

int bench_cmd_plan(int argc, char **argv)
{
    const char *results = "results";
    bool json = false, all_can_run = true;
    json_t *where = json_object();
    const char **sets = calloc((size_t)argc + 1, sizeof *sets);
    const bench_flag flags[] = {
        {.name = "filter",
         .filter = where,
         .value = "KEY=VALUE",
         .help = "only cells with that value; again for the same key: or this one"},
        BENCH_FLAG_SET(sets),
        {.name = "results", .text = &results, .value = "DIR", .help = "where records lie (results)"},
        {.name = "json", .set = &json, .help = "one JSON object"},
        {0}};
    zo_error err = {0};
    int code = sets ? bench_flags(argc, argv, flags, 1, 1, usage) : BENCH_EXIT_USAGE;
    if (code < 0) {
        zo_status st = plan(argv[optind], sets, results, where, json, &all_can_run, &err);
        if (st) /* a manifest's message begins with file:line:column, so that editors find the place */
            fprintf(stderr, "%s\n", err.text);
        code = st ? BENCH_EXIT_USAGE : all_can_run ? BENCH_EXIT_OK : BENCH_EXIT_FAILED;
    }
    json_decref(where);
    free(sets);
    return code;
}
