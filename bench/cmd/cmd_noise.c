/* zobench noise: the smallest change that this machine can tell, from this program compared with itself. */
#include <stdio.h>
#include <stdlib.h>

#include "bench/base/clock.h"
#include "bench/cmd/commands.h"
#include "bench/results/compare.h"
#include "bench/base/exit.h"
#include "bench/cmd/flags.h"
#include "bench/results/noise_floor.h"
#include "bench/base/folder.h"
#include "bench/launch/pairs.h"
#include "bench/record/record.h"

static void usage(FILE *to)
{
    fputs("usage: zobench noise [OPTIONS] MANIFEST\n"
          "\n"
          "Runs every cell with this program on both sides, pair by pair in alternating order, and writes "
          "what\n"
          "the pairs differ by to DIR/NAME/noise.json, with the smallest change that comparisons of so many\n"
          "pairs find in nine of ten cases. zobench compare quotes it and refuses thresholds below it.\n",
          to);
}

static void print(const json_t *noise, const bench_comparison *c, const char *path)
{
    const char *name;
    json_t *floor;
    json_object_foreach(json_object_get(noise, "floors"), name, floor)
    {
        const bench_metric *m = bench_metric_find(name);
        if (json_is_number(floor))
            printf("%-20s changes from %.2g%% on can be told\n", m ? m->label : name,
                   100 * json_number_value(floor));
        else
            printf("%-20s so few pairs tell nothing; try --pairs\n", m ? m->label : name);
    }
    for (int32_t i = 0; i < c->finding_count; i++)
        if (c->findings[i].verdict == BENCH_REGRESSED || c->findings[i].verdict == BENCH_IMPROVED)
            printf("beware: %s of %s seems to have %s against itself: this machine's noise is not alike over "
                   "time\n",
                   c->findings[i].metric->label, c->matches[c->match_of[i]].label,
                   bench_verdict_name(c->findings[i].verdict));
    fprintf(stderr, "kept in %s\n", path);
}

/* Stores and shows; the exit code. */
static int keep(const bench_manifest *m, const bench_comparison *c, const json_t *record, long pairs,
                const char *results, const char *started, bool json, bool quiet, zo_error *err)
{
    int code = BENCH_EXIT_USAGE;
    json_t *noise = bench_noise_floor_make(c, (int)pairs, record);
    char *folder = bench_folder_path("%s/%s", results, m->name),
         *path = bench_folder_path("%s/%s/noise.json", results, m->name);
    if (!noise || !folder || !path) {
        zo_fail(err, ZO_ERR_MEMORY, "noise of %s: out of memory", m->name);
        goto cleanup;
    }
    json_object_set_new(noise, "manifest", json_pack("{s:s, s:s}", "name", m->name, "sha256", m->sha256));
    json_object_set_new(noise, "started", json_string(started));
    if (bench_folder_make(folder, err) || bench_folder_save_json(path, noise, err))
        goto cleanup;
    if (json)
        bench_command_print(json_incref(noise), JSON_INDENT(1));
    else if (!quiet)
        print(noise, c, path);
    code = c->failed ? BENCH_EXIT_FAILED : BENCH_EXIT_OK;
cleanup:
    json_decref(noise);
    free(folder);
    free(path);
    return code;
}

int bench_cmd_noise(int argc, char **argv)
{
    zo_error err = {0};
    long pairs = 32;
    const char *results = "results", *program = NULL, **sets = calloc((size_t)argc + 1, sizeof *sets);
    bool json = false, quiet = false;
    const bench_flag flags[] = {
        {.name = "pairs",
         .number = &pairs,
         .low = 6,
         .high = 100000,
         .value = "N",
         .help = "pairs of every cell (32, as zobench compare takes in the end)"},
        {.name = "binary", .text = &program, .value = "PROGRAM", .help = "this program instead"},
        {.name = "results", .text = &results, .value = "DIR", .help = "folder of results (results)"},
        BENCH_FLAG_SET(sets),
        {.name = "json", .set = &json, .help = "print the file"},
        {.name = "quiet", .set = &quiet, .help = "say nothing but errors"},
        {0}};
    char started[BENCH_CLOCK_UTC];
    bench_manifest *m = NULL;
    bench_pairs *p = NULL;
    bench_comparison *c = NULL;
    int code = sets ? bench_flags(argc, argv, flags, 1, 1, usage) : BENCH_EXIT_USAGE;
    if (code >= 0) {
        free(sets);
        return code;
    }
    code = BENCH_EXIT_USAGE;
    bench_clock_utc(started);
    const bench_compare_options options = {.paired = true};
    zo_status st = bench_manifest_load_set(argv[optind], sets, &m, &err);
    if (!st)
        st = bench_pairs_open(m, &(bench_pairs_options){program, program, NULL, NULL, quiet ? NULL : stderr},
                              &p, &err);
    if (!st)
        st = bench_pairs_measure(p, NULL, (int)pairs, &err);
    if (!st && !bench_pairs_interrupted(p))
        st = bench_compare(bench_pairs_old(p), bench_pairs_new(p), &options, &c, &err);
    if (p && bench_pairs_interrupted(p))
        code = BENCH_EXIT_INTERRUPTED;
    else if (!st)
        code = keep(m, c, json_array_get(bench_pairs_old(p), 0), pairs, results, started, json, quiet, &err);
    bench_comparison_free(c);
    bench_pairs_free(p);
    bench_manifest_free(m);
    free(sets);
    return bench_command_end("noise", &err, code);
}
