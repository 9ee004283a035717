/* See counter_papi.h.
 *
 * Each thread opens and starts an event set of its own, once: its events are inherited by threads that it starts later (OpenMP's
 * pool is made anew after a smaller team), and PAPI opens the events of a set again when a second set of the same thread
 * is started, which threads of in between would not have inherited. Then sets are only read, from any thread: PAPI reads
 * inherited events by system calls, and not from the registers of the processor that it runs on.
 *
 * Energy of PAPI's component powercap is left alone: its reading of a counter that did not move is the counter itself, and
 * it knows no unreadable files. The kernel shows the same counters as events of perf_event_uncore.
 */
#include "bench/machine/counter_papi.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hwloc.h>
#include <omp.h>
#include <papi.h>
#include <pthread.h>

#define CORE "perf_event"
enum { CORE_COUNTS = BENCH_COUNT_ENERGY, MOST_PACKAGES = 64 };

/* In order of preference: of operations those in single precision, or all that there are. */
static const char *const events[CORE_COUNTS][2] = {
    [BENCH_COUNT_CYCLES] = {"PAPI_TOT_CYC", "perf::PERF_COUNT_HW_CPU_CYCLES"},
    [BENCH_COUNT_INSTRUCTIONS] = {"PAPI_TOT_INS", "perf::PERF_COUNT_HW_INSTRUCTIONS"},
    [BENCH_COUNT_LLC_MISSES] = {"PAPI_L3_TCM", "perf::PERF_COUNT_HW_CACHE_MISSES"},
    [BENCH_COUNT_FP_OPS] = {"PAPI_SP_OPS", "PAPI_FP_OPS"},
};

/* Energy of a package, named by one of its processors or by its number. */
static const struct {
    const char *component, *event;
    bool by_processor;
    double joules; /* of a count */
} energies[] = {
    {"perf_event_uncore", "rapl::RAPL_ENERGY_PKG:cpu=%d", true, 0x1p-32},
    {"perf_event_uncore", "amd64_rapl::RAPL_ENERGY_PKG:cpu=%d", true, 0x1p-32},
    {"rapl", "rapl:::PACKAGE_ENERGY:PACKAGE%d", false, 1e-9},
};

typedef struct papi {
    bench_counter_source source;
    bool started;
    const char *event[CORE_COUNTS]; /* NULL: not there */
    int threads, *sets;             /* (threads) PAPI_NULL: none */
    int energy, packages;           /* a set of as many events */
    double joules;
} papi;

static papi *papi_of(bench_counter_source *s)
{
    return (papi *)(void *)s; /* its first member */
}

/* ---- event sets ---- */

static void drop_set(int *set)
{
    if (*set == PAPI_NULL)
        return;
    PAPI_stop(*set, NULL); /* refuses where it is not running */
    PAPI_cleanup_eventset(*set);
    PAPI_destroy_eventset(set);
}

/* Of the calling thread. */
static int make_set(bool scaled, int *set)
{
    PAPI_option_t inherit = {0};
    *set = PAPI_NULL;
    int failed = PAPI_create_eventset(set);
    if (!failed)
        failed = PAPI_assign_eventset_component(*set, PAPI_get_component_index(CORE));
    inherit.inherit = (PAPI_inherit_option_t){.eventset = *set, .inherit = PAPI_INHERIT_ALL};
    if (!failed)
        failed = PAPI_set_opt(PAPI_INHERIT, &inherit);
    if (!failed && scaled)
        failed = PAPI_set_multiplex(*set);
    return failed;
}

static int fill_set(const papi *p, int *set)
{
    int failed = make_set(p->source.scaled, set);
    for (int i = 0; i < CORE_COUNTS && !failed; i++)
        if (p->event[i])
            failed = PAPI_add_named_event(*set, p->event[i]);
    return failed;
}

/* ---- what there is ---- */

/* Why a component counts nothing; NULL: it counts. */
static const char *component_off(const char *name)
{
    const int index = PAPI_get_component_index(name);
    const PAPI_component_info_t *info = index < 0 ? NULL : PAPI_get_component_info(index);
    if (!info)
        return "this PAPI was built without it";
    return info->disabled ? info->disabled_reason : NULL;
}

static void explain_core(papi *p, const char *what, const char *why)
{
    for (int i = 0; i < CORE_COUNTS; i++) {
        p->event[i] = NULL;
        p->source.there[i] = false;
        snprintf(p->source.text[i], sizeof p->source.text[i], "PAPI, %s: %.200s", what, why);
    }
}

/* Can it be counted by itself? */
static int try_event(const char *event)
{
    int set, failed = make_set(false, &set);
    if (!failed)
        failed = PAPI_add_named_event(set, event);
    drop_set(&set);
    return failed;
}

/* The first of its events that is there. */
static void choose_event(papi *p, int kind)
{
    const PAPI_hw_info_t *hardware = PAPI_get_hardware_info();
    char *text = p->source.text[kind];
    size_t used = 0, cap = sizeof p->source.text[kind];
    for (int i = 0; i < 2; i++) {
        const char *name = events[kind][i];
        if (kind == BENCH_COUNT_LLC_MISSES && i && hardware && hardware->vendor == PAPI_VENDOR_AMD)
            continue; /* the kernel's cache misses are the second level's there */
        const int failed = try_event(name);
        if (!failed) {
            p->event[kind] = name;
            p->source.there[kind] = true;
            snprintf(text, cap, "%s %s", CORE, name);
            return;
        }
        used += (size_t)snprintf(text + used, cap - used, "%s%s: %.60s", used ? "; " : "PAPI, ", name,
                                 PAPI_strerror(failed));
    }
}

static bool any_event(const papi *p)
{
    for (int i = 0; i < CORE_COUNTS; i++)
        if (p->event[i])
            return true;
    return false;
}

/* Every event by itself fits the processor's counters; all together may not. */
static void look_whether_they_fit(papi *p)
{
    int set;
    const bool fit = fill_set(p, &set) == PAPI_OK;
    drop_set(&set);
    p->source.scaled = !fit && PAPI_multiplex_init() == PAPI_OK;
}

static void start_core(papi *p)
{
    int failed = PAPI_OK;
#pragma omp parallel num_threads(p->threads)
    {
        int *set = &p->sets[omp_get_thread_num()], mine = fill_set(p, set);
        if (!mine)
            mine = PAPI_start(*set);
        if (mine) {
#pragma omp critical(bench_counter_papi)
            failed = mine;
        }
    }
    if (failed)
        explain_core(p, "start", PAPI_strerror(failed));
}

/* Threads forget what they know of PAPI's tables, which are about to go. */
static void stop_core(papi *p)
{
#pragma omp parallel num_threads(p->threads)
    {
        drop_set(&p->sets[omp_get_thread_num()]);
        if (omp_get_thread_num())
            PAPI_unregister_thread();
    }
}

/* A processor of each package; its number. */
static int processors_of_packages(int *processors)
{
    hwloc_topology_t t;
    hwloc_obj_t package = NULL;
    int n = 0;
    if (hwloc_topology_init(&t))
        return 0;
    if (!hwloc_topology_load(t))
        while (n < MOST_PACKAGES && (package = hwloc_get_next_obj_by_type(t, HWLOC_OBJ_PACKAGE, package)))
            processors[n++] = hwloc_bitmap_first(package->cpuset);
    hwloc_topology_destroy(t);
    return n;
}

/* A row of energies, of all packages. */
static int start_energy(papi *p, size_t row, const int *processors, int packages)
{
    char name[64];
    p->energy = PAPI_NULL;
    int failed = PAPI_create_eventset(&p->energy);
    for (int i = 0; i < packages && !failed; i++) {
        snprintf(name, sizeof name, energies[row].event, energies[row].by_processor ? processors[i] : i);
        failed = PAPI_add_named_event(p->energy, name);
    }
    if (!failed)
        failed = PAPI_start(p->energy);
    if (failed)
        drop_set(&p->energy);
    return failed;
}

static void find_energy(papi *p)
{
    int processors[MOST_PACKAGES], packages = 0;
    char *text = p->source.text[BENCH_COUNT_ENERGY];
    size_t used = 0, cap = sizeof p->source.text[BENCH_COUNT_ENERGY];
    for (size_t i = 0; i < sizeof energies / sizeof *energies; i++) {
        const char *off = component_off(energies[i].component);
        const bool again = i && strcmp(energies[i].component, energies[i - 1].component) == 0;
        if (!off && !packages)
            packages = processors_of_packages(processors);
        const int failed = off ? PAPI_ECMP : start_energy(p, i, processors, packages);
        if (!failed) {
            snprintf(text, cap, "%s %s", energies[i].component, energies[i].event);
            p->source.there[BENCH_COUNT_ENERGY] = true;
            p->packages = packages;
            p->joules = energies[i].joules;
            return;
        }
        if (used < cap && !(off && again))
            used += (size_t)snprintf(text + used, cap - used, "%s%s: %s", used ? "; " : "PAPI, ",
                                     off ? energies[i].component : energies[i].event,
                                     off ? off : PAPI_strerror(failed));
    }
}

/* ---- the source ---- */

static void read_core(const papi *p, double totals[BENCH_COUNTS])
{
    memset(totals, 0, CORE_COUNTS * sizeof *totals);
    for (int t = 0; t < p->threads; t++) {
        long long values[CORE_COUNTS];
        const bool known = PAPI_read(p->sets[t], values) == PAPI_OK;
        for (int i = 0, at = 0; i < CORE_COUNTS; i++)
            if (p->event[i])
                totals[i] += known ? (double)values[at++] : NAN;
    }
}

static void read_papi(bench_counter_source *s, double totals[BENCH_COUNTS])
{
    const papi *p = papi_of(s);
    long long values[MOST_PACKAGES];
    if (any_event(p))
        read_core(p, totals);
    if (!s->there[BENCH_COUNT_ENERGY])
        return;
    totals[BENCH_COUNT_ENERGY] = PAPI_read(p->energy, values) == PAPI_OK ? 0 : NAN;
    for (int i = 0; i < p->packages && !isnan(totals[BENCH_COUNT_ENERGY]); i++)
        totals[BENCH_COUNT_ENERGY] += p->joules * (double)values[i];
}

static void close_papi(bench_counter_source *s)
{
    papi *p = papi_of(s);
    if (p->started) {
        drop_set(&p->energy);
        stop_core(p);
        PAPI_shutdown();
    }
    free(p->sets);
    free(p);
}

static unsigned long this_thread(void)
{
    return (unsigned long)pthread_self();
}

/* What went wrong, or NULL. */
static const char *start_library(papi *p)
{
    const int version = PAPI_library_init(PAPI_VER_CURRENT);
    if (version != PAPI_VER_CURRENT)
        return version > 0 ? "the library is of another version than it was built with"
                           : PAPI_strerror(version);
    p->started = true;
    snprintf(p->source.library, sizeof p->source.library, "PAPI %d.%d.%d", PAPI_VERSION_MAJOR(version),
             PAPI_VERSION_MINOR(version), PAPI_VERSION_REVISION(version));
    PAPI_set_debug(PAPI_QUIET);
    const int failed = PAPI_thread_init(this_thread);
    return failed ? PAPI_strerror(failed) : NULL;
}

bench_counter_source *bench_counter_papi(int threads)
{
    papi *p = calloc(1, sizeof *p);
    int *sets = malloc((size_t)threads * sizeof *sets);
    if (!p || !sets) {
        free(p);
        free(sets);
        return NULL;
    }
    for (int i = 0; i < threads; i++)
        sets[i] = PAPI_NULL;
    *p = (papi){{.read = read_papi, .close = close_papi},
                .threads = threads,
                .sets = sets,
                .energy = PAPI_NULL};
    const char *why = start_library(p), *off = why ? why : component_off(CORE);
    if (off)
        explain_core(p, why ? "start" : CORE, off);
    else
        for (int i = 0; i < CORE_COUNTS; i++)
            choose_event(p, i);
    if (any_event(p)) {
        look_whether_they_fit(p);
        start_core(p);
    }
    if (why)
        snprintf(p->source.text[BENCH_COUNT_ENERGY], sizeof p->source.text[BENCH_COUNT_ENERGY], "PAPI: %s",
                 why);
    else
        find_energy(p);
    return &p->source;
}
