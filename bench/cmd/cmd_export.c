/* zobench export: records in the formats of other tools. */
#include <stdio.h>

#include "bench/cmd/commands.h"
#include "bench/base/exit.h"
#include "bench/report/export.h"
#include "bench/cmd/flags.h"

static void usage(FILE *to)
{
    fputs("usage: zobench export FORMAT DIR\n\n"
          "Writes the records of DIR, a results folder or a file of records, to stdout in another tool's "
          "format:\n\n",
          to);
    for (const bench_export_format *f = bench_export_formats; f->name; f++)
        fprintf(to, "  %-17s %s\n", f->name, f->reader);
    fputs(
        "\nA cell is a benchmark, named by its model, its task and what is not at its default. Times are "
        "those "
        "of a\n"
        "training step; a sample is the median step of a repetition. Repetitions that failed are in csv and "
        "sql\n"
        "alone, with status and reason. Unknown values are left out, null or empty fields, never 0 or NaN; "
        "but\n"
        "google-benchmark's readers refuse rows without cpu_time: processor time is not measured, and it "
        "repeats\n"
        "real_time.\n",
        to);
}

int bench_cmd_export(int argc, char **argv)
{
    const bench_flag flags[] = {{0}};
    const bench_export_format *format = NULL;
    bench_export_outcome o;
    zo_error err = {0};
    const int code = bench_flags(argc, argv, flags, 2, 2, usage);
    if (code >= 0)
        return code;
    if (bench_export_find(argv[optind], &format, &err) ||
        bench_export(argv[optind + 1], format, stdout, &o, &err))
        return bench_command_end("export", &err, BENCH_EXIT_USAGE);
    if (o.runs_left)
        fprintf(stderr, "left out: %d of %d repetitions, which gave no result, and so %d of %d cells\n",
                o.runs_left, o.runs, o.cells_left, o.cells);
    return BENCH_EXIT_OK;
}
