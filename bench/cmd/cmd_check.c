/* zobench check: are manifests well formed? */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/cmd/commands.h"
#include "bench/base/exit.h"
#include "bench/cmd/flags.h"
#include "bench/manifest/manifest.h"
#include "bench/manifest/schema.h"

static void usage(FILE *to)
{
    fputs(
        "usage: zobench check [OPTIONS] MANIFEST...\n"
        "       zobench check --schema\n"
        "\n"
        "Reads, checks and expands manifests; runs nothing. What is wrong is said as file:line:column.\n"
        "Exits with 2 where a manifest is bad, else with 0. Warnings do not count. The parameters of cells\n"
        "are listed by zobench help options.\n",
        to);
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
static int check(const char *path, const char *const *sets, json_t *list)
{
    bench_manifest *m = NULL;
    zo_error err = {0};
    int bad = bench_manifest_load_set(path, sets, &m, &err) != ZO_OK;
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

/* The rest of argv are paths. */
static int check_all(int argc, char **argv, const char *const *sets, bool json)
{
    int bad = 0;
    json_t *list = json ? json_array() : NULL;
    for (int i = 0; i < argc; i++)
        bad += !check(argv[i], sets, list);
    if (list)
        bench_command_print(list, JSON_INDENT(2));
    return bad ? BENCH_EXIT_USAGE : BENCH_EXIT_OK;
}

int bench_cmd_check(int argc, char **argv)
{
    bool json = false, schema = false;
    const char **sets = calloc((size_t)argc + 1, sizeof *sets);
    const bench_flag flags[] = {{.name = "json",
                                 .set = &json,
                                 .help = "one JSON array, an object per manifest"},
                                {.name = "schema",
                                 .set = &schema,
                                 .help = "print the language's JSON Schema (draft 2020-12), and stop"},
                                BENCH_FLAG_SET(sets),
                                {0}};
    int code = sets ? bench_flags(argc, argv, flags, 0, argc, usage) : BENCH_EXIT_USAGE;
    if (code < 0 && schema == (optind < argc)) { /* either, not both and not neither */
        bench_flags_help(flags, usage, stderr);
        code = BENCH_EXIT_USAGE;
    }
    if (code < 0 && schema) {
        bench_command_print(bench_schema_make(bench_manifest_sections()), JSON_INDENT(2));
        code = BENCH_EXIT_OK;
    }
    if (code < 0)
        code = check_all(argc - optind, argv + optind, sets, json);
    free(sets);
    return code;
}
