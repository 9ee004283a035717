/* See progress.h. */
#include "bench/progress.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bench/clock.h"

#define REDRAW_NS 100000000

const char *bench_progress_duration(double ns, char out[BENCH_DURATION])
{
    const double s = ns / 1e9;
    const long long whole = (long long)(s + 0.5);
    if (!(s >= 0) || s > 1e12)
        snprintf(out, BENCH_DURATION, "?");
    else if (s < 1e-3)
        snprintf(out, BENCH_DURATION, "%.0f us", s * 1e6);
    else if (s < 1)
        snprintf(out, BENCH_DURATION, "%.1f ms", s * 1e3);
    else if (s < 59.95)
        snprintf(out, BENCH_DURATION, "%.1f s", s);
    else if (whole < 3600)
        snprintf(out, BENCH_DURATION, "%lldm%02llds", whole / 60, whole % 60);
    else
        snprintf(out, BENCH_DURATION, "%lldh%02lldm", whole / 3600, whole / 60 % 60);
    return out;
}

void bench_progress_init(bench_progress *p, FILE *out, int total)
{
    *p = (bench_progress){.out = out, .live = out && isatty(fileno(out)), .total = total};
}

void bench_progress_clear(bench_progress *p)
{
    if (p->live && p->drawn_ns)
        fputs("\r\033[K", p->out);
    p->drawn_ns = 0;
}

static void draw(bench_progress *p, const char *text)
{
    struct winsize w;
    int width = ioctl(fileno(p->out), TIOCGWINSZ, &w) == 0 && w.ws_col > 1 ? w.ws_col - 1 : 79;
    fprintf(p->out, "\r%.*s\033[K", width, text);
    fflush(p->out);
    p->drawn_ns = bench_clock_ns();
}

void bench_progress_begin(bench_progress *p, const char *label, int run)
{
    snprintf(p->label, sizeof p->label, "%s", label);
    p->run = run;
    p->first_ns = 0;
    p->session_ns = p->session_ns ? p->session_ns : bench_clock_ns();
    bench_progress_update(p, NULL);
}

/* Time left for this repetition, from the steps seen so far, then for the session, from the repetitions done. */
static int eta(bench_progress *p, int64_t step, int64_t steps, char *out, size_t cap)
{
    char a[BENCH_DURATION];
    int n = 0;
    int64_t now = bench_clock_ns();
    if (step > 0 && !p->first_ns) {
        p->first_ns = now;
        p->first_step = step;
    }
    if (p->first_ns && step > p->first_step)
        n = snprintf(out, cap, "  %s left",
                     bench_progress_duration((double)(now - p->first_ns) * (double)(steps - step) /
                                                 (double)(step - p->first_step),
                                             a));
    if (p->done > 0 && n >= 0 && (size_t)n < cap)
        n += snprintf(out + n, cap - (size_t)n, "  %s for all",
                      bench_progress_duration((double)(now - p->session_ns) * (p->total - p->done) / p->done,
                                              a));
    return n;
}

void bench_progress_update(bench_progress *p, const json_t *message)
{
    char line[512];
    if (!p->live || (message && p->drawn_ns && bench_clock_ns() - p->drawn_ns < REDRAW_NS))
        return;
    const char *phase = json_string_value(json_object_get(message, "phase"));
    const json_t *step = json_object_get(message, "step"), *done = json_object_get(message, "done"),
                 *loss = json_object_get(message, "loss");
    int64_t s = json_integer_value(step), of = json_integer_value(json_object_get(message, "steps"));
    size_t n = (size_t)snprintf(line, sizeof line, "[%d/%d] %s", p->done + 1, p->total, p->label);
    if (p->run > 0 && n < sizeof line)
        n += (size_t)snprintf(line + n, sizeof line - n, "  run %d", p->run + 1);
    if (n < sizeof line)
        n += (size_t)snprintf(line + n, sizeof line - n, "  %s", phase ? phase : "start");
    if (step && n < sizeof line)
        n += (size_t)snprintf(line + n, sizeof line - n, " %lld/%lld", (long long)s, (long long)of);
    if (done && n < sizeof line)
        n += (size_t)snprintf(line + n, sizeof line - n, " %lld/%lld", (long long)json_integer_value(done),
                              (long long)json_integer_value(json_object_get(message, "count")));
    if (json_is_number(loss) && n < sizeof line)
        n += (size_t)snprintf(line + n, sizeof line - n, "  loss %.4f", json_number_value(loss));
    if (n < sizeof line)
        eta(p, s, of, line + n, sizeof line - n);
    draw(p, line);
}

/* "ok  12.3 ms per step, 4.2 s" or "timeout  reason". */
static void outcome(const json_t *record, char *out, size_t cap)
{
    char step[BENCH_DURATION], wall[BENCH_DURATION];
    const char *status = json_string_value(json_object_get(record, "status")),
               *reason = json_string_value(json_object_get(record, "reason"));
    const json_t *median = json_object_get(json_object_get(record, "time"), "median_ns");
    const json_t *accuracy = json_object_get(json_object_get(record, "accuracy"), "value");
    int n = snprintf(out, cap, "%-7s", status ? status : "?");
    if (json_is_number(median))
        n += snprintf(out + n, cap - (size_t)n, "  %s per step",
                      bench_progress_duration(json_number_value(median), step));
    if (json_is_number(accuracy))
        n += snprintf(out + n, cap - (size_t)n, "  accuracy %.3f", json_number_value(accuracy));
    n += snprintf(out + n, cap - (size_t)n, "  in %s",
                  bench_progress_duration(json_number_value(json_object_get(record, "wall_ns")), wall));
    if (reason)
        snprintf(out + n, cap - (size_t)n, "  %.400s", reason);
}

void bench_progress_end(bench_progress *p, const json_t *record)
{
    char text[640], run[32] = "";
    p->done++;
    if (!p->out)
        return;
    bench_progress_clear(p);
    outcome(record, text, sizeof text);
    if (p->run > 0)
        snprintf(run, sizeof run, "  run %d", p->run + 1);
    fprintf(p->out, "[%d/%d] %s%s  %s\n", p->done, p->total, p->label, run, text);
    fflush(p->out);
}

void bench_progress_note(bench_progress *p, const char *fmt, ...)
{
    va_list ap;
    if (!p->out)
        return;
    bench_progress_clear(p);
    va_start(ap, fmt);
    vfprintf(p->out, fmt, ap);
    va_end(ap);
    fputc('\n', p->out);
    fflush(p->out);
}
