/* zobench check: are manifests well formed? */
#include <jansson.h>
#include <stdio.h>

#include "bench/commands.h"
#include "bench/exit.h"
#include "bench/flags.h"
#include "bench/manifest.h"

static void usage(FILE *to)
{
    fputs("usage: zobench check [--json] MANIFEST...\n\n"
          "Reads, checks and expands manifests; runs nothing. What is wrong is said as file:line:column.\n"
          "Exits with 2 where a manifest is bad, else with 0. Warnings do not count.\n"
          "  --json   one JSON array, an object per manifest\n\n"
          "Parameters of a cell, for \"defaults\", \"matrix\", \"zip\", \"exclude\" and \"cells\", with "
          "their defaults:\n",
          to);
    for (const bench_option *o = bench_options; o->name; o++)
        fprintf(to, "  %-17s %-15s %s\n", o->name, o->fallback, o->help);
}

static json_t *describe(const char *path, const bench_manifest *m, const zo_error *err)
{
    json_t *o = json_pack("{s:s, s:b, s:s?}", "path", path, "ok", m != NULL, "error", m ? NULL : err->text);
    if (!m)
        return o;
    json_t *warnings = json_array();
    for (int32_t i = 0; i < m->warning_count; i++)
        json_array_append_new(warnings, json_string(m->warnings[i]));
    json_object_update_new(o, json_pack("{s:s, s:s, s:i, s:I, s:s, s:o}", "name", m->name, "title", m->title,
                                        "cells", m->cell_count, "min_runs", (json_int_t)m->measure.min_runs,
                                        "sha256", m->sha256, "warnings", warnings));
    return o;
}

/* Returns whether it is good. */
static int check(const char *path, json_t *list)
{
    bench_manifest *m = NULL;
    zo_error err = {0};
    int bad = bench_manifest_load(path, &m, &err) != ZO_OK;
    if (bad)
        fprintf(stderr, "%s\n", err.text);
    for (int32_t i = 0; m && i < m->warning_count; i++)
        fprintf(stderr, "%s (warning)\n", m->warnings[i]);
    if (list)
        json_array_append_new(list, describe(path, m, &err));
    else if (m)
        printf("%s: %d cell%s\n", path, m->cell_count, m->cell_count == 1 ? "" : "s");
    bench_manifest_free(m);
    return !bad;
}

int bench_cmd_check(int argc, char **argv)
{
    bool json = false;
    int bad = 0;
    const bench_flag flags[] = {{.name = "json", .set = &json}, {0}};
    int code = bench_flags(argc, argv, flags, 1, argc, usage);
    if (code >= 0)
        return code;
    json_t *list = json ? json_array() : NULL;
    for (; optind < argc; optind++)
        bad += !check(argv[optind], list);
    if (list) {
        json_dumpf(list, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(list);
    }
    return bad ? BENCH_EXIT_USAGE : BENCH_EXIT_OK;
}
