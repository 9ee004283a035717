/* See doctor.h. A check is a row of the table: it writes what is wrong and returns true, or returns false. */
#include "bench/doctor.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "bench/machine.h"

typedef struct text {
    char what[256], remedy[256]; /* remedy "": none is known */
} text;

static const char *string(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

static double number(const json_t *o, const char *key)
{
    return json_number_value(json_object_get(o, key)); /* 0 for null */
}

static bool has_isa(const json_t *machine, const char *name)
{
    size_t i;
    const json_t *word;
    json_array_foreach(json_object_get(machine, "isa"), i, word)
    {
        if (strcmp(json_string_value(word), name) == 0)
            return true;
    }
    return false;
}

static bool not_release(const json_t *machine, const json_t *build, text *t)
{
    (void)machine;
    if (strcmp(string(build, "config"), "release") == 0)
        return false;
    snprintf(t->what, sizeof t->what, "this is a %s build: its times say nothing of a release build's",
             string(build, "config"));
    snprintf(t->remedy, sizeof t->remedy, "make");
    return true;
}

static bool uncommitted(const json_t *machine, const json_t *build, text *t)
{
    (void)machine;
    if (!json_is_true(json_object_get(build, "dirty")))
        return false;
    snprintf(t->what, sizeof t->what,
             "built from files that differ from commit %.12s: records name code that nobody "
             "else can fetch",
             string(build, "commit"));
    snprintf(t->remedy, sizeof t->remedy, "commit, then make");
    return true;
}

static bool wrong_threading(const json_t *machine, const json_t *build, text *t)
{
    const char *parallel = string(json_object_get(build, "openblas"), "parallel");
    (void)machine;
    if (strcmp(parallel, "openmp") == 0)
        return false;
    snprintf(t->what, sizeof t->what,
             "OpenBLAS is the %s build, not the OpenMP one: its threads and this program's get in each "
             "other's way",
             parallel);
    snprintf(t->remedy, sizeof t->remedy,
             "install libopenblas-openmp-dev (Debian's name), then make clean all");
    return true;
}

/* The vectors that OpenBLAS's kernels use, in bits; 0: a name that is not in the table.
 * Source: OpenBLAS, TargetList.txt and kernel/x86_64/KERNEL.* */
static int kernel_bits(const char *core)
{
    static const struct {
        const char *core;
        int bits;
    } table[] = {
        {"SkylakeX", 512},   {"Cooperlake", 512},  {"Sapphirerapids", 512}, {"Haswell", 256},
        {"Zen", 256},        {"Excavator", 256},   {"Sandybridge", 256},    {"Bulldozer", 128},
        {"Piledriver", 128}, {"Steamroller", 128}, {"Prescott", 128},       {"Core2", 128},
        {"Penryn", 128},     {"Dunnington", 128},  {"Nehalem", 128},        {"Athlon", 128},
        {"Opteron", 128},    {"Barcelona", 128},   {"Bobcat", 128},         {"Atom", 128},
        {"Nano", 128},       {"Katmai", 128},      {"Coppermine", 128},     {"Northwood", 128},
        {"Banias", 128},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(core, table[i].core) == 0)
            return table[i].bits;
    return 0;
}

static bool narrow_kernel(const json_t *machine, const json_t *build, text *t)
{
    const json_t *blas = json_object_get(build, "openblas");
    const int widest = has_isa(machine, "avx512f") ? 512 : has_isa(machine, "avx2") ? 256 : 0;
    const int bits = kernel_bits(string(blas, "core"));
    if (!bits || bits >= widest)
        return false;
    snprintf(t->what, sizeof t->what,
             "OpenBLAS %s runs its %s kernels with vectors of %d bits; this processor has %d",
             string(blas, "version"), string(blas, "core"), bits, widest);
    if (strstr(string(blas, "config"), "DYNAMIC_ARCH"))
        snprintf(t->remedy, sizeof t->remedy,
                 "OPENBLAS_CORETYPE=%s in the environment may choose wider ones; compare losses before "
                 "trusting it",
                 widest == 512 ? "SkylakeX" : "Haswell");
    return true;
}

static bool few_threads(const json_t *machine, const json_t *build, text *t)
{
    const double threads = number(json_object_get(build, "openblas"), "threads"),
                 cores = bench_machine_threads(machine);
    if (threads >= cores || threads <= 0)
        return false;
    snprintf(t->what, sizeof t->what,
             "OpenBLAS uses %.0f threads here, of %.0f cores: OMP_NUM_THREADS or its own limit "
             "holds it back",
             threads, cores);
    snprintf(t->remedy, sizeof t->remedy,
             "unset OMP_NUM_THREADS; the cells of zobench run get a value of their own in any case");
    return true;
}

#define GIB (1024.0 * 1024 * 1024)

static bool little_memory(const json_t *machine, const json_t *build, text *t)
{
    const double available = number(machine, "memory_available_bytes"),
                 limit = number(machine, "memory_limit_bytes");
    const double usable = limit > 0 && limit < available ? limit : available;
    (void)build;
    if (usable <= 0 || usable >= 2 * GIB)
        return false;
    snprintf(t->what, sizeof t->what,
             "only %.1f GiB of memory can be had%s: a model of 135 million parameters takes 0.6 GiB "
             "in f32, one of 1.1 billion 4.5 GiB",
             usable / GIB, usable < available ? " in this control group" : "");
    return true;
}

static bool busy(const json_t *machine, const json_t *build, text *t)
{
    const double load = number(machine, "load_average"), pus = number(machine, "pus");
    (void)build;
    if (pus <= 0 || load < 0.25 * pus)
        return false;
    snprintf(t->what, sizeof t->what, "other work is running: load average %.1f on %.0f processors", load,
             pus);
    snprintf(t->remedy, sizeof t->remedy,
             "wait for it to end, or read step times with their intervals in mind");
    return true;
}

static bool slow_governor(const json_t *machine, const json_t *build, text *t)
{
    const char *governor = string(machine, "governor");
    (void)build;
    if (strcmp(governor, "powersave") != 0 && strcmp(governor, "conservative") != 0)
        return false;
    snprintf(t->what, sizeof t->what,
             "the frequency governor is %s: the processor may take its time to speed up", governor);
    snprintf(t->remedy, sizeof t->remedy, "cpupower frequency-set -g performance (as root; undone by -g %s)",
             governor);
    return true;
}

static const struct check {
    const char *id;
    bool (*find)(const json_t *machine, const json_t *build, text *t);
} checks[] = {
    {"build-config", not_release},
    {"build-dirty", uncommitted},
    {"blas-parallel", wrong_threading},
    {"blas-kernel", narrow_kernel},
    {"blas-threads", few_threads},
    {"memory", little_memory},
    {"load", busy},
    {"governor", slow_governor},
};

json_t *bench_doctor_findings(const json_t *machine, const json_t *build)
{
    json_t *all = json_array();
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        text t = {"", ""};
        if (checks[i].find(machine, build, &t))
            json_array_append_new(all, json_pack("{s:s, s:s, s:s?}", "id", checks[i].id, "what", t.what,
                                                 "remedy", *t.remedy ? t.remedy : NULL));
    }
    return all;
}
