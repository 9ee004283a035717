/* zobench report: tables and figures from the records of a run. */
#include <stdio.h>

#include "bench/commands.h"
#include "bench/exit.h"
#include "bench/flags.h"
#include "bench/report.h"

static void usage(FILE *to)
{
    fputs("usage: zobench report DIR [--out DIR] [--json]\n\n"
          "Makes tables (Markdown, CSV, LaTeX) and figures (SVG, PNG, with gnuplot script and data) from\n"
          "DIR/manifest.json and DIR/cells.jsonl, prints the tables, and says which files it wrote.\n"
          "Cells that failed or were not run yet are listed; they do not change the exit code, which is 0.\n"
          "Without gnuplot there is a warning and no images.\n\n"
          "  --out DIR  where to write; default DIR/report\n"
          "  --json     print one JSON object instead of tables\n",
          to);
}

int bench_cmd_report(int argc, char **argv)
{
    bench_report_options o = {.data = stdout, .people = stderr};
    const bench_flag flags[] = {{.name = "out", .text = &o.out}, {.name = "json", .set = &o.json}, {0}};
    int code = bench_flags(argc, argv, flags, 1, 1, usage);
    if (code >= 0)
        return code;
    o.dir = argv[optind];
    zo_error err = {0};
    if (bench_report(&o, &err)) {
        fprintf(stderr, "zobench report: %s\n", err.text);
        return BENCH_EXIT_USAGE;
    }
    return BENCH_EXIT_OK;
}
