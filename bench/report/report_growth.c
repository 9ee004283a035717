/* What reports say of memory over the steps: see report_parts.h and memory_growth.h. */
#include <math.h>
#include <string.h>

#include "bench/record/memory_growth.h"
#include "bench/record/metric.h"
#include "bench/report/report_parts.h"

/* The worst first. */
static const char *const verdicts[] = {"grows", "jumps", "shrinks", "steady"};
enum { GROWS, JUMPS, SHRINKS, STEADY, VERDICTS };

typedef struct growth {
    int32_t count[VERDICTS], judged, too_short;
    const bench_result *cell; /* of the farthest: of the worst verdict, the largest change; NULL: none */
    int run;
    int verdict;
    json_t *farthest;
} growth;

static int verdict_of(const json_t *judged)
{
    const char *text = bench_metric_text_at(judged, "verdict");
    int v = 0;
    while (v < STEADY && strcmp(text, verdicts[v]) != 0)
        v++;
    return v;
}

static void add_run(growth *g, const bench_result *cell, const json_t *record)
{
    if (!json_is_array(bench_metric_at(record, "memory.rss_curve")))
        return;
    json_t *judged = bench_memory_growth_of(record);
    if (!judged) {
        g->too_short++;
        return;
    }
    const int v = verdict_of(judged);
    g->judged++;
    g->count[v]++;
    if (g->farthest && (v > g->verdict ||
                        (v == g->verdict && fabs(bench_metric_number_at(judged, "change_bytes")) <=
                                                fabs(bench_metric_number_at(g->farthest, "change_bytes"))))) {
        json_decref(judged);
        return;
    }
    json_decref(g->farthest);
    g->farthest = judged;
    g->verdict = v;
    g->cell = cell;
    g->run = (int)bench_metric_integer_at(record, "run");
}

static growth collect(const bench_report_parts *r)
{
    growth g = {0};
    for (int32_t i = 0; i < r->results->cell_count; i++)
        for (int32_t k = 0; k < r->results->cells[i].run_count; k++)
            add_run(&g, &r->results->cells[i], r->results->cells[i].runs[k]);
    return g;
}

/* "+1.2 KiB per step [+1.1, +1.3], +2.3 MiB over 1976 steps" */
static void put_change(const json_t *judged, FILE *f)
{
    static const char *const names[] = {"bytes", "KiB", "MiB"};
    const double slope = bench_metric_number_at(judged, "slope_bytes_per_step");
    const json_t *ci = json_object_get(judged, "ci");
    int unit = 0;
    double scale = 1;
    for (; unit < 2 && fabs(slope) / scale >= 1024; unit++)
        scale *= 1024;
    fprintf(f, "%+.1f %s per step [%+.1f, %+.1f], %+.1f MiB over %lld steps", slope / scale, names[unit],
            json_number_value(json_array_get(ci, 0)) / scale,
            json_number_value(json_array_get(ci, 1)) / scale,
            bench_metric_number_at(judged, "change_bytes") / 1048576,
            (long long)bench_metric_integer_at(judged, "steps"));
}

/* "of 24 runs it came to rest or jumped in 22, was steady in 2" */
static void put_counts(const growth *g, FILE *f)
{
    static const char *const words[] = {[GROWS] = "rose all along",
                                        [JUMPS] = "jumped or came to rest",
                                        [SHRINKS] = "fell all along",
                                        [STEADY] = "was steady"};
    const char *between = " ";
    fprintf(f, "of %d run%s it", g->judged, g->judged == 1 ? "" : "s");
    for (int v = 0; v < VERDICTS; v++) {
        if (!g->count[v])
            continue;
        fprintf(f, "%s%s in %d", between, words[v], g->count[v]);
        between = ", ";
    }
}

void bench_report_put_growth(const bench_report_parts *r, bench_format format, const char *before,
                             const char *after, FILE *f)
{
    char label[512];
    growth g = collect(r);
    if (!g.judged && !g.too_short)
        return;
    fputs(before, f);
    if (!g.judged) {
        fprintf(
            f,
            "Whether memory grows over the steps cannot be told: no run has 8 samples after its warm-up.%s",
            after);
        return;
    }
    fprintf(f, "Memory %s over the steps: ", g.count[GROWS] ? "grows" : "does not keep growing");
    put_counts(&g, f);
    if (g.too_short)
        fprintf(f, "; %d more %s too short to tell", g.too_short, g.too_short == 1 ? "is" : "are");
    bench_result_label(r->results, g.cell, label, sizeof label);
    fputs(". Farthest from level: ", f);
    bench_table_put_escaped(format, label, f);
    fprintf(f, ", run %d, by ", g.run + 1);
    put_change(g.farthest, f);
    fprintf(f,
            " (resident size after every step from the end of the warm-up, least squares, 95%% interval).%s",
            after);
    json_decref(g.farthest);
}

json_t *bench_report_growth_json(const bench_report_parts *r)
{
    growth g = collect(r);
    json_t *runs = json_object(), *o = json_pack("{s:o, s:n}", "runs", runs, "farthest");
    for (int v = 0; v < VERDICTS; v++)
        json_object_set_new(runs, verdicts[v], json_integer(g.count[v]));
    json_object_set_new(runs, "too_short", json_integer(g.too_short));
    if (g.farthest) {
        json_object_set_new(g.farthest, "cell_id", json_string(g.cell->cell->id));
        json_object_set_new(g.farthest, "run", json_integer(g.run));
        json_object_set_new(o, "farthest", g.farthest);
    }
    return o;
}
