/* zobench report: tables and figures from the records of a run. */
#include <stdio.h>
#include <stdlib.h>

#include "bench/commands.h"
#include "bench/exit.h"
#include "bench/flags.h"
#include "bench/report.h"

static void usage(FILE *to)
{
    fputs(
        "usage: zobench report DIR [--out DIR] [--set KEY=VALUE]... [--strict] [--json]\n\n"
        "Makes tables (Markdown, CSV, LaTeX) and figures (SVG, PNG, PDF, with gnuplot script and data) from\n"
        "DIR/manifest.json and DIR/cells.jsonl, prints the tables, and says which files it wrote.\n"
        "and one HTML page that needs no other file, and judges the manifest's claims.\n"
        "Cells that failed or were not run yet are listed; they do not change the exit code, which is 0, or "
        "1 where\n"
        "a claim is contradicted.\n"
        "Without gnuplot there is a warning and no images.\n\n"
        "  --out DIR        where to write; default DIR/report\n"
        "  --set KEY=VALUE  of a variable or section of DIR/manifest.json, as check has it\n"
        "  --strict         exit with 4 where a claim is inconclusive, not run or not comparable\n"
        "  --json           print one JSON object instead of tables\n",
        to);
}

int bench_cmd_report(int argc, char **argv)
{
    bench_report_options o = {.data = stdout, .people = stderr};
    bench_report_outcome outcome;
    bool strict = false;
    const char **sets = calloc((size_t)argc + 1, sizeof *sets);
    const bench_flag flags[] = {{.name = "out", .text = &o.out},
                                {.name = "set", .list = sets},
                                {.name = "strict", .set = &strict},
                                {.name = "json", .set = &o.json},
                                {0}};
    zo_error err = {0};
    int code = sets ? bench_flags(argc, argv, flags, 1, 1, usage) : BENCH_EXIT_USAGE;
    if (code < 0) {
        o.dir = argv[optind];
        o.sets = sets;
        if (bench_report(&o, &outcome, &err)) {
            fprintf(stderr, "zobench report: %s\n", err.text);
            code = BENCH_EXIT_USAGE;
        } else {
            code = outcome.contradicted          ? BENCH_EXIT_REGRESSION
                   : strict && outcome.undecided ? BENCH_EXIT_INCONCLUSIVE
                                                 : BENCH_EXIT_OK;
        }
    }
    free(sets);
    return code;
}
