/* See measure.h. */
#include "bench/cell/measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/base/clock.h"
#include "bench/manifest/manifest.h"

void bench_stopwatch_start(bench_stopwatch *w)
{
    *w = (bench_stopwatch){.phase = ZO_PHASE_OTHER, .running = true};
    w->since_ns = bench_clock_ns();
}

static void enter(void *self, zo_phase phase)
{
    bench_stopwatch *w = self;
    if (!w->running)
        return;
    int64_t now = bench_clock_ns();
    w->phase_ns[w->phase] += now - w->since_ns;
    w->phase = phase;
    w->since_ns = now;
}

int64_t bench_stopwatch_stop(bench_stopwatch *w)
{
    int64_t total = 0;
    enter(w, ZO_PHASE_OTHER);
    w->running = false;
    for (int i = 0; i < ZO_PHASE_COUNT; i++)
        total += w->phase_ns[i];
    return total;
}

zo_phase_hook bench_stopwatch_hook(bench_stopwatch *w)
{
    return (zo_phase_hook){.enter = enter, .self = w};
}

void bench_measure_slow_down(int percent, int64_t begin_ns)
{
    if (percent <= 0)
        return;
    const int64_t now = bench_clock_ns(), end = now + (now - begin_ns) * percent / 100;
    while (bench_clock_ns() < end)
        ;
}

enum { EVEN_STEPS = 2 }; /* that end it */

void bench_warmup_init(bench_warmup *w, int64_t asked, int64_t steps)
{
    *w = (bench_warmup){.asked = asked, .most = asked == BENCH_WARMUP_AUTO ? steps / 2 : asked};
    w->over = w->most <= 0;
}

bool bench_warmup_step(bench_warmup *w, int64_t ns)
{
    if (w->over)
        return false;
    const bool faster = w->taken == 0 || (double)ns < 0.98 * (double)w->best_ns;
    w->even = faster ? 0 : w->even + 1;
    w->best_ns = w->taken == 0 || ns < w->best_ns ? ns : w->best_ns;
    w->taken++;
    w->over = w->taken >= w->most || (w->asked == BENCH_WARMUP_AUTO && w->even >= EVEN_STEPS);
    return true;
}

json_t *bench_warmup_to_json(const bench_warmup *w)
{
    const bool is_auto = w->asked == BENCH_WARMUP_AUTO;
    json_t *o = json_pack("{s:s, s:I}", "rule", is_auto ? "auto" : "fixed", "steps", (json_int_t)w->taken);
    if (is_auto)
        json_object_set_new(o, "flat", json_boolean(w->even >= EVEN_STEPS));
    return o;
}

json_t *bench_measure_status(const char *key)
{
    char line[256];
    size_t n = strlen(key);
    json_t *value = NULL;
    FILE *f = fopen("/proc/self/status", "re");
    while (f && !value && fgets(line, sizeof line, f))
        if (strncmp(line, key, n) == 0 && line[n] == ':')
            value = json_integer(strtoll(line + n + 1, NULL, 10) * 1024);
    if (f)
        fclose(f);
    return value;
}

int64_t bench_measure_rss(void)
{
    long long pages = -1;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f && fscanf(f, "%*d %lld", &pages) != 1)
        pages = -1;
    if (f)
        fclose(f);
    return pages < 0 ? -1 : (int64_t)pages * sysconf(_SC_PAGESIZE);
}

json_t *bench_measure_accounts(const zo_mem *mem)
{
    json_t *o = json_object();
    for (int i = 0; i < ZO_ACCOUNT_COUNT; i++)
        json_object_set_new(o, zo_account_name(i), json_integer((json_int_t)atomic_load(&mem->peak[i])));
    return o;
}
