/* zobench run: runs what is missing of a manifest. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/commands.h"
#include "bench/exit.h"
#include "bench/filter.h"
#include "bench/manifest.h"
#include "bench/reader.h"
#include "bench/run.h"

#define PEAK_S 1.0 /* for the peaks that records are held against */

typedef struct arguments {
    bench_run_options run;
    json_t *where;
    bool dry_run, json;
    const char *manifest;
    const char **sets; /* NULL-terminated */
    int set_count;
} arguments;

static void usage(FILE *to)
{
    fputs("usage: zobench run MANIFEST [OPTIONS]\n\n"
          "Runs every repetition of every cell in a fresh process and appends its record to "
          "DIR/NAME/cells.jsonl.\n"
          "Started again it does what is missing. Ctrl-C stops after the repetition that is running; twice, "
          "after its\n"
          "step; SIGTERM does that at once.\n\n"
          "  --results DIR       folder of results (results)\n"
          "  --filter KEY=VALUE  only cells with this value; again for the same key: or this one\n"
          "  --set KEY=VALUE     of a variable, parameter or section of the manifest, as check has it\n"
          "  --shard I/N         only part I of N of the cells, dealt at random; records of all parts are "
          "put together\n"
          "                      with cat\n"
          "  --budget TIME       begin no repetition that would end later (2h, 90m), as far as earlier ones "
          "tell\n"
          "  --oversize          run cells too that cannot fit into memory\n"
          "  --retry             try repetitions again that did not end ok\n"
          "  --fresh             set earlier records aside and begin anew\n"
          "  --save-adapters     keep what was trained, in DIR/NAME/adapters\n"
          "  --dry-run           list what would be run, and stop\n"
          "  --json              with --dry-run: as JSON\n"
          "  --quiet             say nothing but errors\n\n"
          "Exit: 0 every cell is ok, 2 bad manifest or usage, 3 some cells are not ok, 130 interrupted.\n",
          to);
}

enum option_code {
    RESULTS = 256,
    FILTER,
    SET,
    SHARD,
    BUDGET,
    OVERSIZE,
    RETRY,
    FRESH,
    SAVE_ADAPTERS,
    DRY_RUN,
    JSON,
    QUIET,
    HELP
};

/* 0 to go on, else the exit code + 1. */
static int parse(int argc, char **argv, arguments *a, zo_error *err)
{
    static const struct option options[] = {
        {"results", required_argument, 0, RESULTS},
        {"filter", required_argument, 0, FILTER},
        {"set", required_argument, 0, SET},
        {"shard", required_argument, 0, SHARD},
        {"budget", required_argument, 0, BUDGET},
        {"oversize", no_argument, 0, OVERSIZE},
        {"retry", no_argument, 0, RETRY},
        {"fresh", no_argument, 0, FRESH},
        {"save-adapters", no_argument, 0, SAVE_ADAPTERS},
        {"dry-run", no_argument, 0, DRY_RUN},
        {"json", no_argument, 0, JSON},
        {"quiet", no_argument, 0, QUIET},
        {"help", no_argument, 0, HELP},
        {0},
    };
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case RESULTS:
            a->run.results = optarg;
            break;
        case FILTER:
            if (bench_filter_add(a->where, optarg, err))
                return BENCH_EXIT_USAGE + 1;
            break;
        case SET:
            a->sets[a->set_count++] = optarg;
            break;
        case SHARD:
            if (bench_shard_read(optarg, &a->run.shard, err))
                return BENCH_EXIT_USAGE + 1;
            break;
        case BUDGET:
            if (!bench_duration_read(optarg, &a->run.budget_s) || a->run.budget_s <= 0) {
                zo_fail(err, ZO_ERR_INVALID, "--budget %s: must be a time like 90s, 15m or 2h", optarg);
                return BENCH_EXIT_USAGE + 1;
            }
            break;
        case OVERSIZE:
            a->run.oversize = true;
            break;
        case RETRY:
            a->run.retry = true;
            break;
        case FRESH:
            a->run.fresh = true;
            break;
        case SAVE_ADAPTERS:
            a->run.save_adapters = true;
            break;
        case DRY_RUN:
            a->dry_run = true;
            break;
        case JSON:
            a->json = true;
            break;
        case QUIET:
            a->run.progress = NULL;
            break;
        case HELP:
            usage(stdout);
            return BENCH_EXIT_OK + 1;
        default:
            usage(stderr);
            return BENCH_EXIT_USAGE + 1;
        }
    }
    if (optind + 1 != argc || (a->json && !a->dry_run)) {
        usage(stderr);
        return BENCH_EXIT_USAGE + 1;
    }
    a->manifest = argv[optind];
    return 0;
}

static zo_status list_missing(const bench_manifest *m, const arguments *a, zo_error *err)
{
    json_t *missing = NULL, *cell;
    size_t i, runs = 0;
    zo_status st = bench_run_missing(m, &a->run, &missing, err);
    if (st)
        return st;
    if (a->json) {
        json_dumpf(missing, stdout, JSON_INDENT(1));
        putchar('\n');
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
    int code = a.sets ? parse(argc, argv, &a, &err) : BENCH_EXIT_USAGE + 1;
    code = code ? code - 1 : run(&a, &err);
    if (err.status)
        fprintf(stderr, "zobench run: %s\n", err.text);
    json_decref(a.where);
    free(a.sets);
    return code;
}
