/* A comparison as people and programs read it: see compare.h. */
#include "bench/base/text.h"
#include "bench/results/compare.h"

#include <math.h>
#include <string.h>

#include "bench/results/environment.h"
#include "bench/record/metric.h"
#include "bench/record/record.h"
#include "bench/base/table.h"

/* What comes first: what somebody must look at. What is the same is folded away where it is long. */
static const bench_verdict order[] = {BENCH_REGRESSED, BENCH_INCONCLUSIVE, BENCH_IMPROVED, BENCH_SAME};
enum { ORDERED = sizeof order / sizeof *order, LONG = 12 };

/* A comment on GitHub has room for 65,536 characters; a row has up to 350. */
enum { MOST_ROWS = 150 };

int bench_compare_tests(const bench_comparison *c)
{
    int n = 0;
    for (int32_t i = 0; i < c->finding_count; i++)
        n += !isnan(c->findings[i].p);
    return n;
}

void bench_compare_headline(const bench_comparison *c, char *out, size_t cap)
{
    snprintf(out, cap, "%d regressed, %d improved, %d same, %d inconclusive", c->count[BENCH_REGRESSED],
             c->count[BENCH_IMPROVED], c->count[BENCH_SAME], c->count[BENCH_INCONCLUSIVE]);
    if (c->failed)
        bench_text_add(out, cap, "; %d repetition%s failed", c->failed, c->failed == 1 ? "" : "s");
}

/* +5.2% of a ratio, +1.20 pt of a difference of shares. Two significant digits below 1. */
static void change_text(const bench_finding *f, double change, char *out, size_t cap)
{
    const double percent = 100 * (f->difference ? change : change - 1);
    snprintf(out, cap, "%+.*f%s", fabs(percent) < 0.995 ? 2 : 1, percent, f->difference ? " pt" : "%");
}

static void add_change(bench_table *t, const bench_finding *f)
{
    char change[64], low[64], high[64], text[200];
    change_text(f, f->change, change, sizeof change);
    change_text(f, f->interval.low, low, sizeof low);
    change_text(f, f->interval.high, high, sizeof high);
    if (f->certain || !(f->interval.coverage > 0))
        snprintf(text, sizeof text, "%s", f->change == (f->difference ? 0 : 1) ? "none" : change);
    else
        snprintf(text, sizeof text, "%s [%s, %s]", change, low, high);
    bench_table_add_number(t, text, f->change, f->interval);
}

static void add_value(bench_table *t, const bench_finding *f, double value)
{
    char number[64], text[96];
    bench_metric_format(f->metric, value, number, sizeof number);
    snprintf(text, sizeof text, "%s%s%s", number, *f->metric->shown_unit ? " " : "", f->metric->shown_unit);
    bench_table_add_number(t, text, value, bench_no_interval);
}

static void add_n(bench_table *t, const bench_finding *f)
{
    char text[64];
    if (f->old_n == f->new_n)
        snprintf(text, sizeof text, "%lld %s", (long long)f->old_n, bench_unit_name(f->unit, f->old_n));
    else
        snprintf(text, sizeof text, "%lld, %lld %s", (long long)f->old_n, (long long)f->new_n,
                 bench_unit_name(f->unit, f->new_n));
    bench_table_add_text(t, text);
}

static void add_verdict(bench_table *t, const bench_finding *f)
{
    char text[64];
    if (f->verdict == BENCH_INCONCLUSIVE && f->more > 0)
        snprintf(text, sizeof text, "inconclusive (+%lld %s)", (long long)f->more,
                 bench_unit_name(f->unit, f->more));
    else
        snprintf(text, sizeof text, "%s", bench_verdict_name(f->verdict));
    bench_table_add_text(t, text);
}

/* "step time: 3% (noise 1.2%), accuracy: 1 pt" of the metrics that occur, each once. */
static void thresholds_text(const bench_comparison *c, char *out, size_t cap)
{
    *out = 0;
    for (int32_t i = 0; i < c->finding_count; i++) {
        const bench_finding *f = &c->findings[i];
        bool seen = false;
        for (int32_t k = 0; k < i; k++)
            seen |= c->findings[k].metric == f->metric;
        if (seen)
            continue;
        bench_text_add(out, cap, "%s%s %.3g%s", *out ? ", " : "", f->metric->label, 100 * f->threshold,
                       f->difference ? " pt" : "%");
        if (!isnan(f->floor))
            bench_text_add(out, cap, " (noise of this machine %.2g%%)", 100 * f->floor);
    }
}

static void remark(const bench_comparison *c, bench_table *t)
{
    char text[1000], thresholds[800];
    const int tests = bench_compare_tests(c);
    thresholds_text(c, thresholds, sizeof thresholds);
    snprintf(text, sizeof text, "Regressed or improved: the change is beyond what matters (%s)", thresholds);
    if (!tests)
        bench_text_add(text, sizeof text, "; nothing here is left to chance, so nothing is tested.");
    else
        bench_text_add(text, sizeof text,
                       ", and p, corrected by Holm over the %d finding%s tested, is at most %g.", tests,
                       tests == 1 ? " that is" : "s that are", c->alpha);
    bench_table_remark(t, text);
    bench_table_remark(
        t, "Same: the 95% interval lies within what matters on both sides. Inconclusive: neither; "
           "in brackets how many more would probably tell.");
    bench_table_remark(
        t, "Old and new are medians over runs and means over seeds; the interval of their change is "
           "a percentile bootstrap (pairs in blocks), of shares that of Agresti and Min.");
}

/* The findings whose verdicts are order[first] to order[last], as long as there is room for more rows. */
static bench_table *make_table(const bench_comparison *c, int first, int last, int *room)
{
    bench_table *t = bench_table_new("");
    bench_table_add_column(t, BENCH_COLUMN_TEXT, "verdict", "verdict");
    bench_table_add_column(t, BENCH_COLUMN_TEXT, "cell", "cell");
    bench_table_add_column(t, BENCH_COLUMN_TEXT, "metric", "metric");
    bench_table_add_column(t, BENCH_COLUMN_NUMBER, "old", "old");
    bench_table_add_column(t, BENCH_COLUMN_NUMBER, "new", "new");
    bench_table_add_column(t, BENCH_COLUMN_SPREAD, "change", "change");
    bench_table_add_column(t, BENCH_COLUMN_NUMBER, "p (Holm)", "p_holm");
    bench_table_add_column(t, BENCH_COLUMN_TEXT, "from", "from");
    for (int v = first; v <= last; v++) {
        for (int32_t i = 0; i < c->finding_count; i++) {
            const bench_finding *f = &c->findings[i];
            if (f->verdict != order[v] || *room == 0)
                continue;
            --*room;
            bench_table_add_row(t);
            add_verdict(t, f);
            bench_table_add_text(t, c->matches[c->match_of[i]].label);
            bench_table_add_text(t, f->metric->label);
            add_value(t, f, f->old_value);
            add_value(t, f, f->new_value);
            add_change(t, f);
            if (*f->note)
                bench_table_mark(t, f->note);
            bench_table_add_printed(t, f->p_adjusted < 0.001 ? "%.0e" : "%.3f", f->p_adjusted);
            add_n(t, f);
        }
    }
    if (last == ORDERED - 1)
        remark(c, t);
    return t;
}

static void print_list(FILE *out, const char *what, const json_t *list)
{
    size_t i;
    const json_t *item;
    json_array_foreach(list, i, item)
    {
        fprintf(out, "- %s: ", what);
        bench_table_put_escaped(BENCH_FORMAT_MARKDOWN, json_string_value(item), out);
        putc('\n', out);
    }
}

static zo_status put_table(const bench_comparison *c, int first, int last, int *room, FILE *out,
                           zo_error *err)
{
    bench_table *t = make_table(c, first, last, room);
    zo_status st = bench_table_write(t, BENCH_FORMAT_MARKDOWN, out, err);
    bench_table_free(t);
    return st;
}

/* "Measured on AMD EPYC (AuthenticAMD family 25 ...), 2 cores, KVM; OpenBLAS 0.3.21 (SkylakeX)."; the new side's, from which the
 * old one differs as was said. */
static void print_machine(const bench_comparison *c, FILE *out)
{
    const json_t *record = NULL;
    for (int32_t i = 0; i < c->match_count && !record; i++)
        record = json_array_get(c->matches[i].new_runs, 0);
    const char *cpu = bench_metric_text_at(record, "machine.cpu"),
               *id = bench_metric_text_at(record, "machine.cpu_id"),
               *hypervisor = bench_metric_text_at(record, "machine.hypervisor"),
               *version = bench_metric_text_at(record, "backend.version"),
               *core = bench_metric_text_at(record, "backend.core");
    const json_int_t cores = bench_metric_integer_at(record, "machine.cores_allowed");
    char text[512];
    if (!*cpu)
        return;
    snprintf(text, sizeof text, "Measured on %.80s", cpu);
    if (*id)
        bench_text_add(text, sizeof text, " (%.80s)", id);
    if (cores > 0)
        bench_text_add(text, sizeof text, ", %lld core%s", (long long)cores, cores == 1 ? "" : "s");
    if (*hypervisor)
        bench_text_add(text, sizeof text, ", a guest of %.40s", hypervisor);
    if (*version && *core)
        bench_text_add(text, sizeof text, "; OpenBLAS %.40s, %.40s kernels", version, core);
    bench_table_put_escaped(BENCH_FORMAT_MARKDOWN, text, out);
    fputs(".\n\n", out);
}

zo_status bench_compare_markdown(const bench_comparison *c, const char *old_name, const char *new_name,
                                 FILE *out, zo_error *err)
{
    char headline[200];
    bench_compare_headline(c, headline, sizeof headline);
    fprintf(out, "### zobench compare: %s\n\n", headline);
    fputs("old `", out);
    bench_table_put_escaped(BENCH_FORMAT_MARKDOWN, old_name, out);
    fputs("`, new `", out);
    bench_table_put_escaped(BENCH_FORMAT_MARKDOWN, new_name, out);
    fputs("`\n\n", out);
    print_machine(c, out);
    if (bench_environment_spoils(c->differences, c->times, c->answers))
        fputs("**The two sides do not differ in the code alone; what is spoilt is no evidence:**\n\n", out);
    bench_environment_print(c->differences, "- differs: ", out);
    for (int32_t i = 0; i < c->match_count; i++)
        print_list(out, c->matches[i].label, c->matches[i].failed);
    print_list(out, "only in old", c->only_old);
    print_list(out, "only in new", c->only_new);
    if (json_array_size(c->differences) || c->failed || json_array_size(c->only_old) ||
        json_array_size(c->only_new))
        putc('\n', out);
    const bool folded = c->count[BENCH_SAME] > LONG, others = c->count[BENCH_SAME] < c->finding_count;
    int room = MOST_ROWS;
    zo_status st = ZO_OK;
    if (!folded)
        st = put_table(c, 0, ORDERED - 1, &room, out, err);
    else if (others)
        st = put_table(c, 0, ORDERED - 2, &room, out, err);
    if (folded) {
        fprintf(out, "%s<details><summary>%d the same</summary>\n\n", others ? "\n" : "",
                c->count[BENCH_SAME]);
        if (!st)
            st = put_table(c, ORDERED - 1, ORDERED - 1, &room, out, err);
        fputs("\n</details>\n", out);
    }
    if (c->finding_count > MOST_ROWS)
        fprintf(out, "\n%d findings more are left out; --json has them all.\n", c->finding_count - MOST_ROWS);
    return st;
}

/* The numbers from which a finding of runs or pairs was made, for whoever wants to do it again. */
static json_t *samples_of(const bench_metric *m, const json_t *runs)
{
    size_t i;
    const json_t *record;
    json_t *list = json_array();
    json_array_foreach(runs, i, record)
    {
        json_array_append_new(list, bench_record_json(bench_metric_value(m, record)));
    }
    return list;
}

static json_t *interval_json(bench_interval i)
{
    return i.coverage > 0 && isfinite(i.low) && isfinite(i.high) ? json_pack("[f, f]", i.low, i.high) : NULL;
}

static json_t *finding_json(const bench_comparison *c, int32_t at)
{
    const bench_finding *f = &c->findings[at];
    const bench_match *m = &c->matches[c->match_of[at]];
    json_t *o = json_pack("{s:s, s:s, s:s, s:s}", "cell", m->label, "metric", f->metric->name, "unit",
                          f->metric->unit, "verdict", bench_verdict_name(f->verdict));
    bench_record_real(o, "old", f->old_value);
    bench_record_real(o, "new", f->new_value);
    bench_record_real(o, f->difference ? "difference" : "ratio", f->change);
    bench_record_set(o, "interval", interval_json(f->interval), "too few samples");
    bench_record_set(o, "coverage", f->interval.coverage > 0 ? json_real(f->interval.coverage) : NULL,
                     "there is no interval");
    json_object_set_new(o, "of", json_string(bench_unit_name(f->unit, 0)));
    json_object_set_new(o, "old_n", json_integer(f->old_n));
    json_object_set_new(o, "new_n", json_integer(f->new_n));
    bench_record_set(o, "test", *f->test ? json_string(f->test) : NULL, "nothing is left to chance");
    bench_record_set(o, "p", json_real(f->p), "not tested");
    bench_record_set(o, "p_holm", json_real(f->p_adjusted), "not tested");
    bench_record_real(o, "threshold", f->threshold);
    bench_record_set(o, "noise_floor", json_real(f->floor), "not measured; zobench noise does");
    bench_record_set(o, "more_runs", f->more > 0 ? json_integer(f->more) : NULL,
                     f->verdict == BENCH_INCONCLUSIVE ? "not known" : "the verdict stands");
    json_object_set_new(o, "note", *f->note ? json_string(f->note) : json_null());
    json_object_set_new(o, "old_samples", samples_of(f->metric, m->old_runs));
    json_object_set_new(o, "new_samples", samples_of(f->metric, m->new_runs));
    return o;
}

json_t *bench_compare_to_json(const bench_comparison *c, const char *old_name, const char *new_name)
{
    json_t *findings = json_array(), *counts = json_object(), *failed = json_array();
    for (int32_t i = 0; i < c->finding_count; i++)
        json_array_append_new(findings, finding_json(c, i));
    for (int v = 0; v < 4; v++)
        json_object_set_new(counts, bench_verdict_name(v), json_integer(c->count[v]));
    for (int32_t i = 0; i < c->match_count; i++)
        json_array_extend(failed, c->matches[i].failed);
    return json_pack("{s:s, s:s, s:s, s:f, s:o, s:b, s:O, s:O, s:O, s:o, s:o}", "schema",
                     BENCH_COMPARE_SCHEMA, "old", old_name, "new", new_name, "alpha", c->alpha, "count",
                     counts, "spoilt", bench_environment_spoils(c->differences, c->times, c->answers),
                     "environment", c->differences, "only_old", c->only_old, "only_new", c->only_new,
                     "failed", failed, "findings", findings);
}
