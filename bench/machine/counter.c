/* See counter.h. */
#include "bench/machine/counter.h"

#include <errno.h>
#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/perf_event.h>
#include <omp.h>

#include "bench/record/record.h"

#define MOST_EVENTS 8
#define MOST_ZONES  16          /* packages with an energy counter */
#define PER_STEP    "_per_step" /* how the events' keys end */

static const bench_counter_event hardware[] = {
    {"cycles_per_step", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
    {"instructions_per_step", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
    {"llc_misses_per_step", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES},
    {0},
};

/* A package's energy: a file that counts microjoules up to `range` and begins anew. */
typedef struct zone {
    char *path;
    double range, before;
} zone;

struct bench_counter {
    const bench_counter_event *events;
    int count, threads;
    int *fd;                   /* (count, threads) -1: not open */
    char why[MOST_EVENTS][96]; /* "": open in every thread */
    double before[MOST_EVENTS], step[MOST_EVENTS], sum[MOST_EVENTS];
    zone zones[MOST_ZONES];
    int zone_count;
    char no_energy[96];
    double joules, joules_sum;
    int64_t steps;
};

/* ---- the kernel's events ---- */

static int open_event(const bench_counter_event *e)
{
    struct perf_event_attr attr = {.type = e->type,
                                   .size = sizeof attr,
                                   .config = e->config,
                                   .disabled = 1,
                                   .inherit = 1, /* by threads that this one starts */
                                   .exclude_kernel = 1,
                                   .exclude_hv = 1,
                                   .read_format =
                                       PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING};
    return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

static void explain(int error, char *out, size_t cap)
{
    int paranoid = -2;
    FILE *f = fopen("/proc/sys/kernel/perf_event_paranoid", "re");
    if (f && fscanf(f, "%d", &paranoid) != 1)
        paranoid = -2;
    if (f)
        fclose(f);
    if (error == ENOENT || error == ENODEV || error == EOPNOTSUPP)
        snprintf(out, cap, "no such counter here; a virtual machine mostly has none");
    else if ((error == EACCES || error == EPERM) && paranoid > 2)
        snprintf(out, cap, "not allowed: kernel.perf_event_paranoid is %d", paranoid);
    else if (error == EACCES || error == EPERM)
        snprintf(out, cap, "not allowed: a filter of system calls, as containers have");
    else
        snprintf(out, cap, "perf_event_open: %s", strerror(error));
}

/* In every thread of a team; an event that fails in one is closed in all. */
static void open_events(bench_counter *c)
{
    int error[MOST_EVENTS] = {0};
#pragma omp parallel num_threads(c->threads)
    for (int i = 0; i < c->count; i++) {
        int fd = open_event(&c->events[i]), failed = errno;
        c->fd[i * c->threads + omp_get_thread_num()] = fd;
        if (fd < 0) {
#pragma omp critical(bench_counter)
            error[i] = failed;
        }
    }
    for (int i = 0; i < c->count; i++)
        if (error[i])
            explain(error[i], c->why[i], sizeof c->why[i]);
}

static void all_events(const bench_counter *c, unsigned long request)
{
    for (int i = 0; i < c->count * c->threads; i++)
        if (c->fd[i] >= 0)
            ioctl(c->fd[i], request, 0);
}

/* Of all threads, as if it had counted all the time that it was on; NaN: never got a counter. */
static double read_event(const bench_counter *c, int event)
{
    double sum = 0;
    for (int t = 0; t < c->threads; t++) {
        uint64_t v[3]; /* value, time enabled, time running */
        int fd = c->fd[event * c->threads + t];
        if (fd < 0 || read(fd, v, sizeof v) != (ssize_t)sizeof v)
            return NAN;
        if (v[2])
            sum += (double)v[0] * ((double)v[1] / (double)v[2]);
        else if (v[1])
            return NAN;
    }
    return sum;
}

/* ---- energy ---- */

static double read_number(const char *path)
{
    double value = NAN;
    FILE *f = fopen(path, "re");
    if (f && fscanf(f, "%lf", &value) != 1)
        value = NAN;
    if (f)
        fclose(f);
    return value;
}

/* Packages: intel-rapl:0, :1 ... (AMD's too); intel-rapl:0:0 is a part of the first. */
static void open_energy(bench_counter *c, const char *folder)
{
    char pattern[512], range[600];
    glob_t found;
    snprintf(pattern, sizeof pattern, "%s/intel-rapl:*/energy_uj", folder);
    snprintf(c->no_energy, sizeof c->no_energy, "the kernel shows no energy counter (powercap)");
    if (glob(pattern, 0, NULL, &found))
        return;
    for (size_t i = 0; i < found.gl_pathc && c->zone_count < MOST_ZONES; i++) {
        const char *path = found.gl_pathv[i], *name = strstr(path, "intel-rapl:") + strlen("intel-rapl:");
        zone *z = &c->zones[c->zone_count];
        if (strchr(name, ':'))
            continue;
        snprintf(range, sizeof range, "%.*smax_energy_range_uj", (int)(strlen(path) - strlen("energy_uj")),
                 path);
        *z = (zone){strdup(path), read_number(range), NAN};
        c->zone_count += z->path != NULL;
        if (z->path && isnan(read_number(path)))
            snprintf(c->no_energy, sizeof c->no_energy,
                     "energy counters cannot be read: mostly for root alone");
        else if (z->path)
            c->no_energy[0] = 0;
    }
    globfree(&found);
}

/* Joules since the last call; NaN where a package cannot be read. */
static double spent_energy(bench_counter *c)
{
    double sum = 0;
    for (int i = 0; i < c->zone_count; i++) {
        zone *z = &c->zones[i];
        double now = read_number(z->path), moved = now - z->before;
        sum += moved < 0 ? moved + z->range : moved;
        z->before = now;
    }
    return sum * 1e-6;
}

/* ---- steps ---- */

static bench_counter *open_in(int threads, const bench_counter_event *events, const char *powercap)
{
    bench_counter *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->events = events ? events : hardware;
    while (c->count < MOST_EVENTS && c->events[c->count].key)
        c->count++;
    c->threads = threads;
    c->fd = calloc((size_t)c->count * (size_t)c->threads + 1, sizeof *c->fd);
    if (!c->fd) {
        free(c);
        return NULL;
    }
    for (int i = 0; i < c->count * c->threads; i++)
        c->fd[i] = -1;
    open_events(c);
    open_energy(c, powercap ? powercap : "/sys/class/powercap");
    return c;
}

bench_counter *bench_counter_open(const bench_counter_event *events, const char *powercap)
{
    return open_in(omp_get_max_threads(), events, powercap);
}

void bench_counter_close(bench_counter *c)
{
    if (!c)
        return;
    for (int i = 0; i < c->count * c->threads; i++)
        if (c->fd[i] >= 0)
            close(c->fd[i]);
    for (int i = 0; i < c->zone_count; i++)
        free(c->zones[i].path);
    free(c->fd);
    free(c);
}

void bench_counter_start(bench_counter *c)
{
    if (!c)
        return;
    for (int i = 0; i < c->count; i++)
        c->before[i] = read_event(c, i);
    (void)spent_energy(c);
    all_events(c, PERF_EVENT_IOC_ENABLE);
}

void bench_counter_stop(bench_counter *c)
{
    if (!c)
        return;
    all_events(c, PERF_EVENT_IOC_DISABLE);
    c->joules = spent_energy(c);
    for (int i = 0; i < c->count; i++)
        c->step[i] = read_event(c, i) - c->before[i];
}

void bench_counter_keep(bench_counter *c)
{
    if (!c)
        return;
    for (int i = 0; i < c->count; i++)
        c->sum[i] += c->step[i];
    c->joules_sum += c->joules;
    c->steps++;
}

void bench_counter_put(const bench_counter *c, json_t *object)
{
    bool any = false;
    json_t *o;
    if (!c || !c->steps) {
        bench_record_unknown(object, "counters",
                             c ? "no step was timed after the warm-up" : "no step was run");
        return;
    }
    o = json_pack("{s:I}", "steps", (json_int_t)c->steps);
    for (int i = 0; i < c->count; i++) {
        bool known = !*c->why[i] && isfinite(c->sum[i]);
        bench_record_set(o, c->events[i].key, known ? json_real(c->sum[i] / (double)c->steps) : NULL,
                         *c->why[i] ? c->why[i] : "the kernel gave it no time on a counter");
        any |= known;
    }
    bool energy = !*c->no_energy && isfinite(c->joules_sum);
    bench_record_set(o, "energy_j_per_step", energy ? json_real(c->joules_sum / (double)c->steps) : NULL,
                     *c->no_energy ? c->no_energy : "an energy counter could not be read");
    if (any || energy) {
        json_object_set_new(object, "counters", o);
        return;
    }
    bench_record_unknown(object, "counters", c->count && *c->why[0] ? c->why[0] : c->no_energy);
    json_decref(o);
}

json_t *bench_counter_describe(const bench_counter_event *events, const char *powercap)
{
    bench_counter *c = open_in(1, events, powercap);
    json_t *o = json_object();
    for (int i = 0; c && i < c->count; i++) {
        char name[64];
        const size_t n = strlen(c->events[i].key), end = sizeof PER_STEP - 1;
        snprintf(name, sizeof name, "%.*s", (int)(n > end ? n - end : n), c->events[i].key);
        bench_record_set(o, name, *c->why[i] ? NULL : json_true(), c->why[i]);
    }
    if (c)
        bench_record_set(o, "energy", *c->no_energy ? NULL : json_true(), c->no_energy);
    bench_counter_close(c);
    return o;
}
