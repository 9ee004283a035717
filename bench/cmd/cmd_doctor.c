/* zobench doctor: the machine and the build as records will hold them, what they can do, and what is wrong with them. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/backend/blas.h"
#include "bench/backend/openblas.h"
#include "bench/machine/build.h"
#include "bench/cmd/commands.h"
#include "bench/machine/counter.h"
#include "bench/machine/counter_papi.h"
#include "bench/launch/doctor.h"
#include "bench/base/exit.h"
#include "bench/cmd/flags.h"
#include "bench/backend/model.h"
#include "bench/machine/machine.h"
#include "bench/machine/peak.h"
#include "bench/record/record.h"

#define PEAK_S 1.0 /* for all peaks together */

static void usage(FILE *to)
{
    fputs(
        "usage: zobench doctor [OPTIONS] [model=NAME]\n"
        "\n"
        "Prints the machine and the build as records will hold them, which hardware counters steps can be\n"
        "counted with, what the machine can do at best, for the backend openblas how fast its kernels "
        "multiply\n"
        "in the shapes of a model (NAME, by default synth:tinyllama-1.1b), and what is wrong with all that\n"
        "for measuring.\n"
        "Takes some seconds.\n"
        "Exit: 0, whatever it finds; 2: no such model; 3: the topology cannot be written.\n",
        to);
}

static bool ends_with(const char *key, const char *end)
{
    const size_t n = strlen(key), m = strlen(end);
    return n > m && strcmp(key + n - m, end) == 0;
}

static void print_bytes(double bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    for (; bytes >= 1024 && unit + 1 < sizeof units / sizeof *units; unit++)
        bytes /= 1024;
    printf("%.4g %s", bytes, units[unit]);
}

/* Numbers with their unit in few digits, other values as they are. */
static void print_value(const char *key, const json_t *value)
{
    static const struct {
        const char *end, *unit;
    } rates[] = {{"_flops_per_s", "Gflop/s"}, {"_ops_per_s", "Gop/s"}, {"_bytes_per_s", "GB/s"}};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        if (ends_with(key, rates[i].end)) {
            printf("%.4g %s", json_number_value(value) * 1e-9, rates[i].unit);
            return;
        }
    }
    if (ends_with(key, "_share"))
        printf("%.2f%%", 100 * json_number_value(value));
    else if (ends_with(key, "bytes"))
        print_bytes(json_number_value(value));
    else if (json_is_string(value))
        printf("%s", json_string_value(value));
    else if (json_is_boolean(value))
        printf("%s", json_is_true(value) ? "yes" : "no");
    else if (json_is_real(value))
        printf("%.2f", json_number_value(value));
    else if (json_is_integer(value))
        printf("%lld", (long long)json_integer_value(value));
}

static void print_list(const char *key, const json_t *list)
{
    size_t i;
    const json_t *v;
    json_array_foreach(list, i, v)
    {
        if (json_is_string(v)) {
            printf("%s%s", i ? " " : "", json_string_value(v));
            continue;
        }
        if (json_is_number(v)) {
            printf("%s", i ? ", " : "");
            print_value(key, v);
            continue;
        }
        const char *cache = json_string_value(json_object_get(v, "name")); /* else a NUMA node */
        printf(cache ? "%s%lldx %s " : "%snode %lld: ", i ? ", " : "",
               (long long)json_integer_value(json_object_get(v, cache ? "count" : "node")), cache);
        print_bytes(json_number_value(json_object_get(v, "bytes")));
        if (!cache)
            printf(" and %lld pus", (long long)json_integer_value(json_object_get(v, "pus")));
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
        if (ends_with(key, "_reason"))
            continue;
        if (json_object_size(value)) {
            snprintf(name, sizeof name, "%s.", key);
            print_object(name, value);
            continue;
        }
        printf("  %s%-*s ", prefix, (int)(24 - strlen(prefix)), key);
        snprintf(name, sizeof name, "%s_reason", key);
        if (json_is_null(value))
            printf("unknown: %s", json_string_value(json_object_get(o, name)));
        else if (json_is_array(value))
            print_list(key, value);
        else if (json_is_object(value))
            printf("none");
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

/* "  SkylakeX         123.4     140.2      1.10   the environment's" */
static void print_kernel(const json_t *kernel)
{
    const char *asked = json_string_value(json_object_get(kernel, "asked")),
               *core = json_string_value(json_object_get(kernel, "core")),
               *reason = json_string_value(json_object_get(kernel, "reason"));
    size_t i;
    const json_t *rate;
    printf("  %-16s", asked ? asked : core ? core : "the environment's");
    if (reason) {
        printf(" %s\n", reason);
        return;
    }
    json_array_foreach(json_object_get(kernel, "flops_per_s"), i, rate)
    {
        if (json_is_number(rate))
            printf(" %10.4g", json_number_value(rate) * 1e-9);
        else
            printf(" %10s", "-");
    }
    printf(" %10.2f%s\n", json_number_value(json_object_get(kernel, "speed")), asked ? "" : "  in use");
}

static void print_sgemm(const json_t *sgemm)
{
    size_t i;
    const json_t *rows, *kernel;
    printf("openblas sgemm, Gflop/s in the shapes of %s, %lld threads\n  %-16s",
           json_string_value(json_object_get(sgemm, "model")),
           (long long)json_integer_value(json_object_get(sgemm, "threads")), "kernels");
    json_array_foreach(json_object_get(sgemm, "rows"), i, rows)
        printf(" %5lld rows", (long long)json_integer_value(rows));
    printf(" %10s\n", "speed");
    json_array_foreach(json_object_get(sgemm, "kernels"), i, kernel) print_kernel(kernel);
}

/* What was found out. */
typedef struct diagnosis {
    json_t *machine, *build, *counters, *peaks, *findings; /* peaks NULL: not measured */
    json_t *blas, *sgemm; /* of backend openblas; NULL: there is none; not measured */
    char no_blas[256];    /* why */
    char fingerprint[13];
} diagnosis;

static void print(const diagnosis *d)
{
    printf("machine\n");
    print_object("", d->machine);
    printf("build\n");
    print_object("", d->build);
    printf("fingerprint %s\n", d->fingerprint);
    printf("counters\n");
    print_object("", d->counters);
    if (d->peaks) {
        printf("peaks\n");
        print_object("", d->peaks);
    }
    printf("backend openblas%s%s\n", d->blas ? "" : ": ", d->blas ? "" : d->no_blas);
    if (d->blas)
        print_object("", d->blas);
    if (d->sgemm)
        print_sgemm(d->sgemm);
    print_findings(d->findings);
}

static void print_json(const diagnosis *d)
{
    static const char quick[] = "--quick measures nothing";
    json_t *all = json_pack("{s:s, s:O, s:O, s:O}", "fingerprint", d->fingerprint, "machine", d->machine,
                            "build", d->build, "counters", d->counters);
    bench_record_set(all, "peaks", json_incref(d->peaks), quick);
    bench_record_set(all, "openblas", json_incref(d->blas), d->no_blas);
    bench_record_set(all, "sgemm", json_incref(d->sgemm), d->blas ? quick : d->no_blas);
    json_object_set(all, "findings", d->findings);
    json_dumpf(all, stdout, JSON_INDENT(1));
    putchar('\n');
    json_decref(all);
}

/* d->sgemm stays NULL where this process was asked to end. */
static zo_status measure(diagnosis *d, const char *model, const zo_config *config, zo_error *err)
{
    bench_signals signals = {.fd = -1};
    const bench_blas_options options = {.machine = d->machine,
                                        .model = model,
                                        .config = config,
                                        .threads = bench_machine_threads(d->machine)};
    zo_status st = bench_peak_measure(options.threads, PEAK_S, &d->peaks, err);
    if (!st)
        st = bench_signals_open(&signals, err);
    if (!st && d->blas)
        st = bench_blas_compare(&signals, &options, &d->sgemm, err);
    bench_signals_close(&signals);
    return st;
}

/* The model of "model=NAME"; NULL: that is not what the argument is. */
static const char *model_argument(int argc, char **argv)
{
    static const char key[] = "model=";
    if (optind == argc)
        return "synth:tinyllama-1.1b";
    if (strncmp(argv[optind], key, sizeof key - 1) == 0)
        return argv[optind] + sizeof key - 1;
    fprintf(stderr, "zobench doctor: argument \"%s\": only model=NAME is known here\n", argv[optind]);
    return NULL;
}

int bench_cmd_doctor(int argc, char **argv)
{
    bool json = false, quick = false;
    diagnosis d = {0};
    zo_config config;
    zo_error err = {0}, no_blas = {0};
    const char *topology = NULL;
    const bench_flag flags[] = {{.name = "json", .set = &json, .help = "one JSON object"},
                                {.name = "quick", .set = &quick, .help = "measure nothing"},
                                {.name = "topology",
                                 .text = &topology,
                                 .value = "FILE",
                                 .help = "also write hwloc's whole topology as XML; lstopo -i FILE draws it"},
                                {0}};
    int code = bench_flags(argc, argv, flags, 0, 1, usage);
    const char *model = code < 0 ? model_argument(argc, argv) : NULL;
    if (code >= 0 || !model)
        return code >= 0 ? code : BENCH_EXIT_USAGE;
    code = BENCH_EXIT_USAGE;
    if (bench_model_config(model, &config, &err))
        goto cleanup;
    code = BENCH_EXIT_FAILED;
    if (topology && bench_machine_topology(topology, &err))
        goto cleanup;
    if (bench_machine_describe(&d.machine, &err))
        goto cleanup;
    d.build = bench_build_describe();
    d.counters = bench_counter_describe(bench_counter_papi(1));
    const bench_openblas *blas = bench_openblas_load(&no_blas);
    if (blas)
        d.blas = bench_openblas_describe(blas);
    snprintf(d.no_blas, sizeof d.no_blas, "%.255s", no_blas.text);
    const bench_ticks begin = bench_machine_ticks();
    if (!quick && measure(&d, model, &config, &err))
        goto cleanup;
    if (!quick)
        bench_machine_stolen(d.machine, &begin);
    code = BENCH_EXIT_INTERRUPTED;
    if (!quick && d.blas && !d.sgemm)
        goto cleanup;
    code = BENCH_EXIT_OK;
    d.findings = bench_doctor_findings(d.machine, d.build, d.blas, d.sgemm);
    bench_machine_fingerprint(d.machine, d.build, NULL, d.fingerprint);
    if (json)
        print_json(&d);
    else
        print(&d);
cleanup:
    if (err.status)
        fprintf(stderr, "zobench doctor: %s\n", err.text);
    json_decref(d.findings);
    json_decref(d.sgemm);
    json_decref(d.blas);
    json_decref(d.peaks);
    json_decref(d.counters);
    json_decref(d.build);
    json_decref(d.machine);
    return code;
}
