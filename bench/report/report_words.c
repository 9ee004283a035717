/* What reports of all formats say: see report_parts.h. */
#include "bench/report/report_parts.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "bench/record/metric.h"

int32_t bench_report_complete_cells(const bench_report_parts *r)
{
    return r->results->cell_count - (int32_t)bench_table_rows(r->trouble);
}

/* " Steps ran at 45% to 67% of what the roofline allows; arithmetic binds in 4 runs, memory in 2." */
static void put_roofline(const bench_results *b, FILE *f)
{
    size_t i;
    json_t *record;
    double low = INFINITY, high = 0;
    int32_t memory = 0, all = 0;
    json_array_foreach(b->records, i, record)
    {
        const double share = bench_metric_number_at(record, "roofline.of_roofline");
        const char *binds = bench_metric_text_at(record, "roofline.binds");
        if (isnan(share) || !*binds)
            continue;
        low = fmin(low, share);
        high = fmax(high, share);
        memory += strcmp(binds, "memory") == 0;
        all++;
    }
    if (all)
        fprintf(f,
                " Steps ran at %.0f%% to %.0f%% of what the roofline allows; arithmetic binds in %d run%s, "
                "memory "
                "in %d.",
                100 * low, 100 * high, all - memory, all - memory == 1 ? "" : "s", memory);
}

/* Over all records that have both. */
typedef struct range {
    double low, high;
} range;

static range ratios(const bench_results *b, const char *over, const char *under)
{
    size_t i;
    json_t *record;
    range r = {INFINITY, -INFINITY};
    json_array_foreach(b->records, i, record)
    {
        const json_t *x = bench_metric_at(record, over), *y = bench_metric_at(record, under);
        if (json_is_number(x) && json_number_value(y) > 0) {
            r.low = fmin(r.low, json_number_value(x) / json_number_value(y));
            r.high = fmax(r.high, json_number_value(x) / json_number_value(y));
        }
    }
    return r;
}

/* " Counters found 0.98 to 1.02 times the formula's operations and 0.40 to 0.90 times its bytes." */
static void put_counted(const bench_results *b, FILE *f)
{
    const range ops = ratios(b, "counters.fp_ops_per_step", "roofline.flops_per_step"),
                bytes = ratios(b, "roofline.counted_bytes_per_step", "roofline.bytes_per_step");
    const bool both = ops.low <= ops.high && bytes.low <= bytes.high;
    if (!(ops.low <= ops.high) && !(bytes.low <= bytes.high))
        return;
    fputs(" Counters found", f);
    if (ops.low <= ops.high)
        fprintf(f, " %.2f to %.2f times the formula's operations", ops.low, ops.high);
    if (bytes.low <= bytes.high)
        fprintf(f, "%s %.2f to %.2f times %s bytes", both ? " and" : "", bytes.low, bytes.high,
                both ? "its" : "the formula's");
    fputc('.', f);
}

/* The groups of phases that reports tell of. */
static const struct {
    const char *text, *phases[3];
} shares[] = {
    {"frozen maps", {"linear", "head"}},
    {"the adapters' A x", {"lowrank"}},
    {"attention, norms, RoPE and loss", {"attention", "small", "loss"}},
    {"noise and update", {"perturb", "update"}},
};

/* The share of a group in a record's step; NaN where it is not known. */
static double share_of(const json_t *record, size_t group)
{
    const json_t *phases = bench_metric_at(record, "time.phases_ns"), *v;
    const char *key;
    double sum = 0, all = 0;
    json_object_foreach((json_t *)phases, key, v) all += json_number_value(v);
    for (int i = 0; i < 3 && shares[group].phases[i]; i++) {
        v = json_object_get(phases, shares[group].phases[i]);
        if (!json_is_number(v))
            return NAN;
        sum += json_number_value(v);
    }
    return all > 0 ? sum / all : NAN;
}

/* " Of a step's time, frozen maps took 84.1% to 88.0%, ...". */
static void put_shares(const bench_results *b, FILE *f)
{
    bool any = false;
    for (size_t group = 0; group < sizeof shares / sizeof *shares; group++) {
        size_t i;
        json_t *record;
        double low = INFINITY, high = 0;
        json_array_foreach(b->records, i, record)
        {
            const double share = share_of(record, group);
            low = fmin(low, share); /* which pass over NaN */
            high = fmax(high, share);
        }
        if (isinf(low))
            continue;
        fprintf(f, "%s %s %s%.1f%% to %.1f%%", any ? "," : " Of a step's time,", shares[group].text,
                any ? "" : "took ", 100 * low, 100 * high);
        any = true;
    }
    fputs(any ? "." : "", f);
}

void bench_report_put_state(const bench_report_parts *r, FILE *f)
{
    const bench_results *b = r->results;
    int32_t runs = 0, ok = 0;
    for (int32_t i = 0; i < b->cell_count; i++) {
        runs += b->cells[i].run_count;
        ok += b->cells[i].ok_count;
    }
    fprintf(f, "%d of %d cells complete, %d of %d runs ok.", bench_report_complete_cells(r), b->cell_count,
            ok, runs);
    if (b->torn)
        fprintf(f, " %d torn line%s of cells.jsonl left out.", b->torn, b->torn == 1 ? "" : "s");
    if (b->others)
        fprintf(f, " %d run%s of other contents left out: %s.", b->others, b->others == 1 ? "" : "s",
                b->other);
    if (b->strays)
        fprintf(f, " %d record%s of cells that the manifest no longer has left out.", b->strays,
                b->strays == 1 ? "" : "s");
    if (b->doubled)
        fprintf(f, " %d run%s recorded more than once; the last record counts.", b->doubled,
                b->doubled == 1 ? "" : "s");
    put_roofline(b, f);
    put_counted(b, f);
    put_shares(b, f);
}

void bench_report_put_differences(const bench_report_parts *r, bench_format format, FILE *f)
{
    const char *between = "The cells differ in: ";
    for (const bench_option *o = bench_options; o->name; o++) {
        if (!bench_results_varies(r->results, o))
            continue;
        fputs(between, f);
        bench_table_put_escaped(format, o->name, f);
        between = ", ";
    }
    fputs(*between == ',' ? "." : "", f);
}

void bench_report_put_common(const bench_report_parts *r, bench_format format, FILE *f)
{
    const char *between = "the same in all cells: ";
    for (const bench_option *o = bench_options; o->name && r->results->cell_count; o++) {
        if (bench_results_varies(r->results, o))
            continue;
        fprintf(f, "%s", between);
        bench_table_put_escaped(format, o->name, f);
        fputc(' ', f);
        bench_table_put_escaped(format, bench_result_text(&r->results->cells[0], o), f);
        between = ", ";
    }
}

void bench_report_put_provenance(const bench_report_parts *r, bench_provenance kind, bench_format format,
                                 const char *before, const char *after, FILE *f)
{
    const bench_provenance_table *o = &r->provenance[kind];
    for (int32_t i = 0; i < o->count; i++) {
        fputs(before, f);
        bench_table_put_escaped(format, o->text[i], f);
        fputs(after, f);
    }
    if (o->more)
        fprintf(f, "%sothers%s", before, after);
}

/* Runs that began while others kept the processors busy: our own share of the load is at most one per processor. */
static int32_t busy_runs(const bench_report_parts *r, double *most, int32_t *processors)
{
    size_t i;
    json_t *record;
    int32_t busy = 0;
    *most = 0;
    *processors = 0;
    json_array_foreach(r->results->records, i, record)
    {
        const double load = bench_metric_number_at(record, "machine.load_average");
        const json_int_t pus = bench_metric_integer_at(record, "machine.pus_allowed");
        if (pus <= 0 || !(load > 1.5 * (double)pus))
            continue;
        busy++;
        if (load > *most) {
            *most = load;
            *processors = (int32_t)pus;
        }
    }
    return busy;
}

/* Runs that beat the roofline by more than its peaks are unsure of: others kept the processors busy while those were
 * measured. Tiny steps in caches do some percent better than memory allows. */
static int32_t too_fast(const bench_report_parts *r, double *most)
{
    size_t i;
    json_t *record;
    int32_t n = 0;
    *most = 0;
    json_array_foreach(r->results->records, i, record)
    {
        const double share = bench_metric_number_at(record, "roofline.of_roofline");
        n += share > 1.25;
        *most = fmax(*most, share);
    }
    return n;
}

void bench_report_put_warnings(const bench_report_parts *r, const char *before, const char *after, FILE *f)
{
    int32_t machines = r->provenance[BENCH_PROVENANCE_MACHINE].count,
            builds = bench_provenance_builds(r->results), processors;
    double load, most;
    int32_t busy = busy_runs(r, &load, &processors), fast = too_fast(r, &most);
    if (machines > 1 || builds > 1)
        fprintf(
            f, "%sthe records come from %d machine%s and %d build%s; times are comparable only within one.%s",
            before, machines, machines == 1 ? "" : "s", builds, builds == 1 ? "" : "s", after);
    if (busy > 0)
        fprintf(f,
                "%s%d of %zu runs began on a busy machine (load up to %.1f on %d processor%s); their times "
                "are doubtful.%s",
                before, busy, json_array_size(r->results->records), load, processors,
                processors == 1 ? "" : "s", after);
    if (fast > 0)
        fprintf(f,
                "%s%d of %zu runs were faster than the measured peaks allow (up to %.3g times): the peaks "
                "are too "
                "low, as other work beside their measuring makes them, and shares of them say nothing.%s",
                before, fast, json_array_size(r->results->records), most, after);
}
