/* zobench report: tables and figures from the records of a run. */
#include <stdio.h>
#include <stdlib.h>

#include "bench/cmd/commands.h"
#include "bench/base/exit.h"
#include "bench/cmd/flags.h"
#include "bench/report/report.h"

static void usage(FILE *to)
{
    fputs(
        "usage: zobench report [OPTIONS] DIR\n"
        "\n"
        "Makes tables (Markdown, CSV, LaTeX), figures (SVG, PNG, PDF, with gnuplot script and data) and one\n"
        "HTML page that needs no other file from DIR/manifest.json and DIR/cells.jsonl, judges the\n"
        "manifest's claims, prints the tables, and says which files it wrote. Cells that failed or were not\n"
        "run yet are listed; they do not change the exit code, which is 0, or 1 where a claim is\n"
        "contradicted. Without gnuplot there is a warning and no images.\n",
        to);
}

int bench_cmd_report(int argc, char **argv)
{
    bench_report_options o = {.data = stdout, .people = stderr};
    bench_report_outcome outcome;
    bool strict = false;
    const char **sets = calloc((size_t)argc + 1, sizeof *sets);
    const bench_flag flags[] = {
        {.name = "out", .text = &o.out, .value = "DIR", .help = "where to write; default DIR/report"},
        {.name = "set",
         .list = sets,
         .value = "KEY=VALUE",
         .help = "of a variable or section of DIR/manifest.json, as check has it; again for more"},
        {.name = "strict",
         .set = &strict,
         .help = "exit with 4 where a claim is inconclusive, not run or not comparable"},
        {.name = "json", .set = &o.json, .help = "print one JSON object instead of tables"},
        {0}};
    zo_error err = {0};
    int code = sets ? bench_flags(argc, argv, flags, 1, 1, usage) : BENCH_EXIT_USAGE;
    if (code < 0) {
        o.dir = argv[optind];
        o.sets = sets;
        (void)bench_report(&o, &outcome, &err);
        code = outcome.contradicted          ? BENCH_EXIT_REGRESSION
               : strict && outcome.undecided ? BENCH_EXIT_INCONCLUSIVE
                                             : BENCH_EXIT_OK;
    }
    free(sets);
    return bench_command_end("report", &err, code);
}
