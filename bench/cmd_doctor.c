/* zobench doctor: the machine and the build as records will hold them, and what is wrong with them. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/build.h"
#include "bench/commands.h"
#include "bench/doctor.h"
#include "bench/exit.h"
#include "bench/flags.h"
#include "bench/machine.h"

static void usage(FILE *to)
{
    fputs("usage: zobench doctor [--json]\n\n"
          "Prints the machine and the build as records will hold them, then what is wrong with them for "
          "measuring.\n"
          "Exit: 0, whatever it finds.\n",
          to);
}

/* Bytes with a unit that leaves few digits, other values as they are. */
static void print_value(const char *key, const json_t *value)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    const size_t n = strlen(key);
    double bytes = json_number_value(value);
    size_t unit = 0;
    if (n > 5 && strcmp(key + n - 5, "bytes") == 0) {
        for (; bytes >= 1024 && unit + 1 < sizeof units / sizeof *units; unit++)
            bytes /= 1024;
        printf("%.4g %s", bytes, units[unit]);
    } else if (json_is_string(value)) {
        printf("%s", json_string_value(value));
    } else if (json_is_boolean(value)) {
        printf("%s", json_is_true(value) ? "yes" : "no");
    } else if (json_is_real(value)) {
        printf("%.2f", json_number_value(value));
    } else if (json_is_integer(value)) {
        printf("%lld", (long long)json_integer_value(value));
    }
}

static void print_list(const json_t *list)
{
    size_t i;
    const json_t *v;
    json_array_foreach(list, i, v)
    {
        if (json_is_object(v)) { /* a cache */
            printf("%s%lldx %s ", i ? ", " : "", (long long)json_integer_value(json_object_get(v, "count")),
                   json_string_value(json_object_get(v, "name")));
            print_value("cache_bytes", json_object_get(v, "bytes"));
        } else {
            printf("%s%s", i ? " " : "", json_string_value(v));
        }
    }
}

/* "  cores_allowed           2"; a null with its reason. */
static void print_object(const char *prefix, json_t *o)
{
    const char *key;
    json_t *value;
    json_object_foreach(o, key, value)
    {
        char name[80];
        const size_t n = strlen(key);
        if (n > 7 && strcmp(key + n - 7, "_reason") == 0)
            continue;
        if (json_is_object(value)) {
            snprintf(name, sizeof name, "%s.", key);
            print_object(name, value);
            continue;
        }
        printf("  %s%-*s ", prefix, (int)(24 - strlen(prefix)), key);
        snprintf(name, sizeof name, "%s_reason", key);
        if (json_is_null(value))
            printf("unknown: %s", json_string_value(json_object_get(o, name)));
        else if (json_is_array(value))
            print_list(value);
        else
            print_value(key, value);
        putchar('\n');
    }
}

static void print_findings(const json_t *findings)
{
    size_t i;
    const json_t *f;
    printf("%s\n", json_array_size(findings) ? "findings" : "findings: none");
    json_array_foreach(findings, i, f)
    {
        const char *remedy = json_string_value(json_object_get(f, "remedy"));
        printf("  %s\n", json_string_value(json_object_get(f, "what")));
        if (remedy)
            printf("    remedy: %s\n", remedy);
    }
}

int bench_cmd_doctor(int argc, char **argv)
{
    bool json = false;
    json_t *machine = NULL;
    char print[13];
    zo_error err = {0};
    const bench_flag flags[] = {{.name = "json", .set = &json}, {0}};
    int code = bench_flags(argc, argv, flags, 0, 0, usage);
    if (code >= 0)
        return code;
    if (bench_machine_describe(&machine, &err)) {
        fprintf(stderr, "zobench doctor: %s\n", err.text);
        return BENCH_EXIT_FAILED;
    }
    json_t *build = bench_build_describe(), *findings = bench_doctor_findings(machine, build);
    bench_machine_fingerprint(machine, build, print);
    if (json) {
        json_t *all = json_pack("{s:s, s:O, s:O, s:O}", "fingerprint", print, "machine", machine, "build",
                                build, "findings", findings);
        json_dumpf(all, stdout, JSON_INDENT(1));
        putchar('\n');
        json_decref(all);
    } else {
        printf("machine\n");
        print_object("", machine);
        printf("build\n");
        print_object("", build);
        printf("fingerprint %s\n", print);
        print_findings(findings);
    }
    json_decref(findings);
    json_decref(build);
    json_decref(machine);
    return BENCH_EXIT_OK;
}
