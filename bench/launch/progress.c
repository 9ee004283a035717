/* See progress.h. */
#include "bench/launch/progress.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bench/base/clock.h"
#include "bench/record/record.h"

#define REDRAW_NS INT64_C(100000000)
#define PLAIN_NS  INT64_C(60000000000)

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

/* ---- a line of text, built piece by piece ---- */

typedef struct line {
    char text[1024];
    size_t n;
} line;

static void __attribute__((format(printf, 2, 3))) add(line *l, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(l->text + l->n, sizeof l->text - l->n, fmt, ap);
    va_end(ap);
    if (n > 0)
        l->n = l->n + (size_t)n < sizeof l->text ? l->n + (size_t)n : sizeof l->text - 1;
}

/* [#####-----] */
static void add_bar(line *l, double share)
{
    enum { CELLS = 20 };
    const int full = share > 0 ? (int)(fmin(share, 1) * CELLS + 1e-9) : 0;
    add(l, "[%.*s%.*s]", full, "####################", CELLS - full, "--------------------");
}

static void add_run(line *l, const bench_progress *p)
{
    add(l, "%s", p->label);
    if (p->run > 0)
        add(l, "  run %d", p->run + 1);
}

/* "  21.3 ms +-0.4%" */
static void add_interval(line *l, double median, double half_width)
{
    char text[BENCH_DURATION];
    add(l, "  %s", bench_progress_duration(median, text));
    if (half_width >= 0)
        add(l, " +-%.1f%%", 100 * half_width);
}

/* ---- time left ---- */

/* Of this repetition, from the steps seen so far; NaN: not known. */
static double cell_left_ns(bench_progress *p, int64_t step, int64_t steps)
{
    const int64_t now = bench_clock_ns();
    if (step > 0 && !p->first_ns) {
        p->first_ns = now;
        p->first_step = step;
    }
    if (!p->first_ns || step <= p->first_step)
        return NAN;
    return (double)(now - p->first_ns) * (double)(steps - step) / (double)(step - p->first_step);
}

/* Of the session, from the repetitions done; share: of the one that is running. */
static double sweep_left_ns(const bench_progress *p, double share)
{
    if (p->done == 0)
        return NAN;
    return (double)(bench_clock_ns() - p->session_ns) * (p->total - p->done - share) / (p->done + share);
}

/* In whole seconds: the digits behind them would only flicker. */
static void add_left(line *l, double ns)
{
    const double s = ceil(ns / 1e9);
    char text[BENCH_DURATION];
    if (s >= 0 && s < 60)
        add(l, "  %.0f s left", s);
    else if (s >= 0)
        add(l, "  %s left", bench_progress_duration(1e9 * s, text));
}

/* Shortens the label, the first n letters of a line, to its first eight at least, so that what follows it fits into width. */
static void shorten_label(line *l, size_t n, size_t width)
{
    static const char dots[] = "...";
    enum { LEAST = 8, DOTS = sizeof dots - 1 };
    if (l->n <= width || n <= LEAST + DOTS)
        return;
    const size_t wanted = l->n - width + DOTS, cut = wanted < n - LEAST ? wanted : n - LEAST;
    memmove(l->text + n - cut + DOTS, l->text + n, l->n - n + 1);
    memcpy(l->text + n - cut, dots, DOTS);
    l->n = l->n - cut + DOTS;
}

/* ---- drawing ---- */

void bench_progress_init(bench_progress *p, FILE *out, int total)
{
    *p = (bench_progress){.out = out, .live = out && isatty(fileno(out)), .total = total};
}

void bench_progress_clear(bench_progress *p)
{
    if (p->live && p->drawn_ns)
        fputs("\r\033[K\033[A\033[K", p->out);
    p->drawn_ns = 0;
}

static void draw(bench_progress *p, const line *sweep, line *cell)
{
    struct winsize w;
    const int width = ioctl(fileno(p->out), TIOCGWINSZ, &w) == 0 && w.ws_col > 1 ? w.ws_col - 1 : 79;
    shorten_label(cell, strlen(p->label), (size_t)width);
    fprintf(p->out, "%s%.*s\033[K\n%.*s\033[K", p->drawn_ns ? "\r\033[A" : "\r", width, sweep->text, width,
            cell->text);
    fflush(p->out);
    p->drawn_ns = bench_clock_ns();
}

/* A line that stays. */
static void print(bench_progress *p, const char *text)
{
    char now[BENCH_CLOCK_UTC];
    bench_progress_clear(p);
    if (p->live)
        fprintf(p->out, "%s\n", text);
    else {
        bench_clock_utc(now);
        fprintf(p->out, "%s %s\n", now, text);
        p->drawn_ns = bench_clock_ns();
    }
    fflush(p->out);
}

/* ---- the calls ---- */

void bench_progress_begin(bench_progress *p, const char *label, int run)
{
    snprintf(p->label, sizeof p->label, "%s", label);
    p->run = run;
    p->first_ns = 0;
    p->session_ns = p->session_ns ? p->session_ns : bench_clock_ns();
    if (p->live)
        bench_progress_update(p, NULL);
    else
        p->drawn_ns = bench_clock_ns();
}

static double share_of(int64_t done, int64_t of)
{
    return of > 0 ? (double)done / (double)of : 0;
}

/* What the message says, without bars: "train 60/120  21.3 ms +-0.4%  4 s left  loss 0.6931". What matters least comes last,
 * where narrow terminals cut. */
static void add_state(line *l, const json_t *message, double left_ns)
{
    const char *phase = json_string_value(json_object_get(message, "phase"));
    const json_t *step = json_object_get(message, "step"), *done = json_object_get(message, "done"),
                 *loss = json_object_get(message, "loss"), *ns = json_object_get(message, "step_ns");
    const double median = json_number_value(json_array_get(ns, 0)),
                 low = json_number_value(json_array_get(ns, 1)),
                 high = json_number_value(json_array_get(ns, 2));
    add(l, "%s", phase ? phase : "start");
    if (step)
        add(l, " %lld/%lld", (long long)json_integer_value(step),
            (long long)json_integer_value(json_object_get(message, "steps")));
    if (done)
        add(l, " %lld/%lld", (long long)json_integer_value(done),
            (long long)json_integer_value(json_object_get(message, "count")));
    if (median > 0)
        add_interval(l, median, high > low || json_array_size(ns) > 1 ? (high - low) / 2 / median : -1);
    add_left(l, left_ns);
    if (json_is_number(loss))
        add(l, "  loss %.4f", json_number_value(loss));
}

void bench_progress_update(bench_progress *p, const json_t *message)
{
    line sweep = {0}, cell = {0};
    const int64_t pause = p->live ? REDRAW_NS : PLAIN_NS;
    if (!p->out || (message && p->drawn_ns && bench_clock_ns() - p->drawn_ns < pause))
        return;
    const int64_t step = json_integer_value(json_object_get(message, "step")),
                  steps = json_integer_value(json_object_get(message, "steps")),
                  done = json_integer_value(json_object_get(message, "done")),
                  count = json_integer_value(json_object_get(message, "count"));
    const double share = steps > 0 ? share_of(step, steps) : 0;
    if (!p->live) {
        add(&cell, "[%d/%d] ", p->done + 1, p->total);
        add_run(&cell, p);
        add(&cell, "  ");
        add_state(&cell, message, cell_left_ns(p, step, steps));
        print(p, cell.text);
        return;
    }
    add_bar(&sweep, share_of(p->done, p->total) + share / (p->total > 0 ? p->total : 1));
    add(&sweep, " %d/%d", p->done, p->total);
    if (p->not_ok)
        add(&sweep, "  %d not ok", p->not_ok);
    add_left(&sweep, sweep_left_ns(p, share));
    add_run(&cell, p);
    add(&cell, "  ");
    add_bar(&cell, steps > 0 ? share : share_of(done, count));
    add(&cell, " ");
    add_state(&cell, message, cell_left_ns(p, step, steps));
    draw(p, &sweep, &cell);
}

/* "ok  12.3 ms per step +-0.4% over 6 runs, 4.2 s" or "timeout  reason". */
static void add_outcome(line *l, const json_t *record)
{
    char text[BENCH_DURATION];
    const char *status = json_string_value(json_object_get(record, "status")),
               *reason = json_string_value(json_object_get(record, "reason"));
    const json_t *median = json_object_get(json_object_get(record, "time"), "median_ns"),
                 *accuracy = json_object_get(json_object_get(record, "accuracy"), "value"),
                 *stopping = json_object_get(record, "stopping"),
                 *half = json_object_get(stopping, "half_width");
    add(l, "%-7s", status ? status : "?");
    if (json_is_number(median))
        add(l, "  %s per step", bench_progress_duration(json_number_value(median), text));
    if (json_is_number(half))
        add(l, " +-%.1f%% over %lld runs", 100 * json_number_value(half),
            (long long)json_integer_value(json_object_get(stopping, "runs")));
    if (json_is_number(accuracy))
        add(l, "  accuracy %.3f", json_number_value(accuracy));
    add(l, "  in %s", bench_progress_duration(json_number_value(json_object_get(record, "wall_ns")), text));
    if (reason)
        add(l, "  %.400s", reason);
}

void bench_progress_end(bench_progress *p, const json_t *record)
{
    line l = {0};
    p->done++;
    p->not_ok += !bench_record_ok(record);
    if (!p->out)
        return;
    add(&l, "[%d/%d] ", p->done, p->total);
    add_run(&l, p);
    add(&l, "  ");
    add_outcome(&l, record);
    print(p, l.text);
}

void bench_progress_note(bench_progress *p, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    if (!p->out)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    print(p, text);
}
