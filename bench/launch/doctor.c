/* See doctor.h. A check is a row of the table: it writes what is wrong and returns true, or returns false. */
#include "bench/launch/doctor.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "bench/backend/blas.h"
#include "bench/machine/machine.h"

/* What is looked at. */
typedef struct subject {
    const json_t *machine, *build, *blas, *sgemm; /* the last two NULL: not looked at */
} subject;

typedef struct text {
    char what[320], remedy[256]; /* remedy "": none is known */
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

static bool not_release(const subject *s, text *t)
{
    if (strcmp(string(s->build, "config"), "release") == 0)
        return false;
    snprintf(t->what, sizeof t->what, "this is a %s build: its times say nothing of a release build's",
             string(s->build, "config"));
    snprintf(t->remedy, sizeof t->remedy, "make");
    return true;
}

static bool uncommitted(const subject *s, text *t)
{
    if (!json_is_true(json_object_get(s->build, "dirty")))
        return false;
    snprintf(t->what, sizeof t->what,
             "built from files that differ from commit %.12s: records name code that nobody "
             "else can fetch",
             string(s->build, "commit"));
    snprintf(t->remedy, sizeof t->remedy, "commit, then make");
    return true;
}

static bool wrong_threading(const subject *s, text *t)
{
    const char *parallel = string(s->blas, "parallel");
    if (!s->blas || strcmp(parallel, "openmp") == 0)
        return false;
    snprintf(t->what, sizeof t->what,
             "OpenBLAS is the %s build, not the OpenMP one: its threads and this program's get in each "
             "other's way",
             parallel);
    snprintf(t->remedy, sizeof t->remedy,
             "install libopenblas-openmp-dev (Debian's name), then make clean all");
    return true;
}

/* The fastest kernel that was found right and is wider than the one in use; NULL: there is none. */
static const json_t *best_wider(const json_t *sgemm, int bits)
{
    const json_t *kernel, *best = NULL;
    size_t i;
    json_array_foreach(json_object_get(sgemm, "kernels"), i, kernel)
    {
        if (json_is_true(json_object_get(kernel, "correct")) &&
            bench_blas_bits(string(kernel, "core")) > bits && number(kernel, "speed") > number(best, "speed"))
            best = kernel;
    }
    return best;
}

static bool narrow_kernel(const subject *s, text *t)
{
    const json_t *blas = s->blas;
    const int widest = has_isa(s->machine, "avx512f") ? 512 : has_isa(s->machine, "avx2") ? 256 : 0;
    const int bits = bench_blas_bits(string(blas, "core"));
    if (!bits || bits >= widest)
        return false;
    const json_t *best = best_wider(s->sgemm, bits);
    int n = snprintf(t->what, sizeof t->what,
                     "OpenBLAS %.32s runs its %.32s kernels with vectors of %d bits; this processor has %d",
                     string(blas, "version"), string(blas, "core"), bits, widest);
    if (best) {
        const char *core = string(best, "core");
        const double speed = number(best, "speed");
        snprintf(t->what + n, sizeof t->what - (size_t)n,
                 ": its %.32s kernels, found right, are %.2f times as fast here", core, speed);
        if (speed > 1)
            snprintf(t->remedy, sizeof t->remedy,
                     "OPENBLAS_CORETYPE=%s in the environment, or \"blas_kernel\": \"auto\" in a cell", core);
    } else if (s->sgemm) {
        snprintf(t->what + n, sizeof t->what - (size_t)n, ", but no wider ones of this OpenBLAS are right");
    } else if (strstr(string(blas, "config"), "DYNAMIC_ARCH")) {
        snprintf(t->remedy, sizeof t->remedy,
                 "zobench doctor, without --quick, finds out what wider ones would bring");
    }
    return true;
}

/* What the environment leads to gives wrong results: nothing that is measured with it counts. */
static bool wrong_kernel(const subject *s, text *t)
{
    const json_t *first = json_array_get(json_object_get(s->sgemm, "kernels"), 0);
    const char *fastest = bench_blas_fastest(s->sgemm);
    if (!json_is_false(json_object_get(first, "correct")))
        return false;
    snprintf(t->what, sizeof t->what, "OpenBLAS's %s kernels give wrong products: %.120s",
             string(first, "core"), string(first, "reason"));
    if (fastest)
        snprintf(t->remedy, sizeof t->remedy, "OPENBLAS_CORETYPE=%s in the environment: those are right",
                 fastest);
    return true;
}

static bool few_threads(const subject *s, text *t)
{
    const double threads = number(s->blas, "threads"), cores = bench_machine_threads(s->machine);
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

static bool little_memory(const subject *s, text *t)
{
    const double available = number(s->machine, "memory_available_bytes"),
                 limit = number(s->machine, "memory_limit_bytes");
    const double usable = limit > 0 && limit < available ? limit : available;
    if (usable <= 0 || usable >= 2 * GIB)
        return false;
    snprintf(t->what, sizeof t->what,
             "only %.1f GiB of memory can be had%s: a model of 135 million parameters takes 0.6 GiB "
             "in f32, one of 1.1 billion 4.5 GiB",
             usable / GIB, usable < available ? " in this control group" : "");
    return true;
}

static bool busy(const subject *s, text *t)
{
    const double load = number(s->machine, "load_average"), pus = number(s->machine, "pus");
    if (pus <= 0 || load < 0.25 * pus)
        return false;
    snprintf(t->what, sizeof t->what, "other work is running: load average %.1f on %.0f processors", load,
             pus);
    snprintf(t->remedy, sizeof t->remedy,
             "wait for it to end, or read step times with their intervals in mind");
    return true;
}

static bool slow_governor(const subject *s, text *t)
{
    const char *governor = string(s->machine, "governor");
    if (strcmp(governor, "powersave") != 0 && strcmp(governor, "conservative") != 0)
        return false;
    snprintf(t->what, sizeof t->what,
             "the frequency governor is %s: the processor may take its time to speed up", governor);
    snprintf(t->remedy, sizeof t->remedy, "cpupower frequency-set -g performance (as root; undone by -g %s)",
             governor);
    return true;
}

static bool boosts(const subject *s, text *t)
{
    if (!json_is_true(json_object_get(s->machine, "boost")))
        return false;
    snprintf(t->what, sizeof t->what,
             "the processor may run faster than its rated clock for as long as it stays cool: times drift "
             "with heat and with what its other cores do");
    snprintf(
        t->remedy, sizeof t->remedy,
        "echo 0 > /sys/devices/system/cpu/cpufreq/boost, or echo 1 > /sys/devices/system/cpu/intel_pstate/"
        "no_turbo (as root; undone by the other digit)");
    return true;
}

/* One step in a hundred, where times are to be told apart to a few percent. */
static bool stolen(const subject *s, text *t)
{
    const double share = number(s->machine, "steal_share");
    if (share < 0.01)
        return false;
    snprintf(t->what, sizeof t->what,
             "the host of this virtual machine gives %.0f%% of its processors' time to others: times carry "
             "their work",
             100 * share);
    return true;
}

static const struct check {
    const char *id;
    bool (*find)(const subject *s, text *t);
} checks[] = {
    {"build-config", not_release},
    {"build-dirty", uncommitted},
    {"blas-parallel", wrong_threading},
    {"blas-kernel", narrow_kernel},
    {"blas-wrong", wrong_kernel},
    {"blas-threads", few_threads},
    {"memory", little_memory},
    {"load", busy},
    {"governor", slow_governor},
    {"boost", boosts},
    {"steal", stolen},
};

json_t *bench_doctor_findings(const json_t *machine, const json_t *build, const json_t *blas,
                              const json_t *sgemm)
{
    const subject s = {machine, build, blas, sgemm};
    json_t *all = json_array();
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        text t = {"", ""};
        if (checks[i].find(&s, &t))
            json_array_append_new(all, json_pack("{s:s, s:s, s:s?}", "id", checks[i].id, "what", t.what,
                                                 "remedy", *t.remedy ? t.remedy : NULL));
    }
    return all;
}
