/* zobench run: runs what is missing of a manifest. */
#include <stdio.h>
#include <stdlib.h>

#include "bench/cmd/commands.h"
#include "bench/base/exit.h"
#include "bench/cmd/flags.h"
#include "bench/manifest/manifest.h"
#include "bench/manifest/reader.h"
#include "bench/launch/run.h"

#define PEAK_S 1.0 /* for the peaks that records are held against */

typedef struct arguments {
    bench_run_options run;
    json_t *where;
    bool dry_run, json;
    const char *manifest;
    const char **sets; /* NULL-terminated */
} arguments;

static void usage(FILE *to)
{
    fputs("usage: zobench run [OPTIONS] MANIFEST\n"
          "\n"
          "Runs every repetition of every cell in a fresh process and appends its record to\n"
          "DIR/NAME/cells.jsonl. Started again it does what is missing. Ctrl-C stops after the repetition "
          "that\n"
          "is running; twice, after its step; SIGTERM does that at once.\n"
          "Exit: 0 every cell is ok, 2 bad manifest or usage, 3 some cells are not ok, 130 interrupted.\n",
          to);
}

static zo_status take_shard(int code, const char *text, void *shard, zo_error *err)
{
    (void)code;
    return bench_shard_read(text, shard, err);
}

static zo_status take_budget(int code, const char *text, void *seconds, zo_error *err)
{
    (void)code;
    if (!bench_duration_read(text, seconds) || *(double *)seconds <= 0)
        return zo_fail(err, ZO_ERR_INVALID, "--budget %s: must be a time like 90s, 15m or 2h", text);
    return ZO_OK;
}

/* -1 to go on, else the exit code. */
static int parse(int argc, char **argv, arguments *a)
{
    bool quiet = false;
    const bench_flag flags[] = {
        {.name = "results", .text = &a->run.results, .value = "DIR", .help = "folder of results (results)"},
        {.name = "filter",
         .filter = a->where,
         .value = "KEY=VALUE",
         .help = "only cells with this value; again for the same key: or this one"},
        BENCH_FLAG_SET(a->sets),
        {.name = "shard",
         .take = take_shard,
         .to = &a->run.shard,
         .value = "I/N",
         .help = "only part I of N of the cells, dealt at random; records of all parts are put together with "
                 "cat"},
        {.name = "budget",
         .take = take_budget,
         .to = &a->run.budget_s,
         .value = "TIME",
         .help = "begin no repetition that would end later (2h, 90m), as far as earlier ones tell"},
        {.name = "oversize", .set = &a->run.oversize, .help = "run cells too that cannot fit into memory"},
        {.name = "retry", .set = &a->run.retry, .help = "try repetitions again that did not end ok"},
        {.name = "fresh", .set = &a->run.fresh, .help = "set earlier records aside and begin anew"},
        {.name = "save-adapters",
         .set = &a->run.save_adapters,
         .help = "keep what was trained, in DIR/NAME/adapters"},
        {.name = "dry-run", .set = &a->dry_run, .help = "list what would be run, and stop"},
        {.name = "json", .set = &a->json, .help = "with --dry-run: as JSON"},
        {.name = "quiet", .set = &quiet, .help = "say nothing but errors"},
        {0}};
    int code = bench_flags(argc, argv, flags, 1, 1, usage);
    if (code < 0 && a->json && !a->dry_run) {
        bench_flags_help(flags, usage, stderr);
        code = BENCH_EXIT_USAGE;
    }
    if (quiet)
        a->run.progress = NULL;
    a->manifest = argv[optind];
    return code;
}

static zo_status list_missing(const bench_manifest *m, const arguments *a, zo_error *err)
{
    json_t *missing = NULL, *cell;
    size_t i, runs = 0;
    zo_status st = bench_run_missing(m, &a->run, &missing, err);
    if (st)
        return st;
    if (a->json) {
        bench_command_print(json_incref(missing), JSON_INDENT(1));
    } else {
        json_array_foreach(missing, i, cell)
        {
            size_t n = json_array_size(json_object_get(cell, "runs"));
            runs += n;
            printf("%s  %2zu run%s  %s\n", json_string_value(json_object_get(cell, "cell_id")), n,
                   n == 1 ? " " : "s", json_string_value(json_object_get(cell, "label")));
        }
        fprintf(stderr, "%zu repetitions of %zu cells are missing\n", runs, json_array_size(missing));
    }
    json_decref(missing);
    return ZO_OK;
}

static void say_how_it_went(const bench_manifest *m, const arguments *a, const bench_run_summary *s)
{
    const int open = s->cells - s->ok - s->failed;
    if (!a->run.progress)
        return;
    fprintf(stderr,
            "%d cell%s: %d ok, %d not ok, %d open; %d repetition%s run now; records in %s/%s/cells.jsonl\n",
            s->cells, s->cells == 1 ? "" : "s", s->ok, s->failed, open, s->done, s->done == 1 ? "" : "s",
            a->run.results, m->name);
    if (s->interrupted)
        fprintf(stderr, "interrupted; the same command goes on from here\n");
    else if (s->out_of_budget)
        fprintf(stderr, "no time left in the budget; the same command goes on from here\n");
    if (s->failed && !s->interrupted)
        fprintf(stderr, "cells that are not ok are tried again with --retry\n");
    if (!s->interrupted)
        fprintf(stderr, "next: zobench report %s/%s\n", a->run.results, m->name);
}

static int run(const arguments *a, zo_error *err)
{
    bench_manifest *m = NULL;
    bench_run_summary s = {0};
    zo_status st = bench_manifest_load_set(a->manifest, a->sets, &m, err);
    if (st)
        return BENCH_EXIT_USAGE;
    for (int32_t i = 0; i < m->warning_count; i++)
        fprintf(stderr, "%s\n", m->warnings[i]);
    st = a->dry_run ? list_missing(m, a, err) : bench_run(m, &a->run, &s, err);
    if (!st && !a->dry_run)
        say_how_it_went(m, a, &s);
    bench_manifest_free(m);
    if (st)
        return BENCH_EXIT_USAGE;
    return s.interrupted ? BENCH_EXIT_INTERRUPTED : s.failed ? BENCH_EXIT_FAILED : BENCH_EXIT_OK;
}

int bench_cmd_run(int argc, char **argv)
{
    zo_error err = {0};
    arguments a = {.run = {.results = "results", .progress = stderr, .peak_s = PEAK_S},
                   .where = json_object()};
    a.run.where = a.where;
    a.sets = calloc((size_t)argc + 1, sizeof *a.sets);
    if (!a.sets)
        zo_fail(&err, ZO_ERR_MEMORY, "out of memory");
    int code = a.sets ? parse(argc, argv, &a) : BENCH_EXIT_USAGE;
    code = code < 0 ? run(&a, &err) : code;
    json_decref(a.where);
    free(a.sets);
    return bench_command_end("run", &err, code);
}
