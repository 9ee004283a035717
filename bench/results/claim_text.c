/* What claims are as text: the words, tables and JSON of claim.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/text.h"
#include "bench/results/claim.h"
#include "bench/record/metric.h"
#include "bench/results/summary.h"
#include "bench/record/record.h"

/* Ratios as such; differences and values as the metric is shown. */
static const bench_metric *shown_as(const bench_claim_spec *s)
{
    return s->kind == BENCH_CLAIM_RATIO ? &bench_metric_ratio : bench_metric_find(s->of);
}

static const char *unit_of(const bench_claim_spec *s)
{
    return s->kind == BENCH_CLAIM_RATIO ? "" : bench_metric_find(s->of)->shown_unit;
}

/* A number with its unit; "-" where it is not known. */
static void put_number(const bench_claim_spec *s, double v, char *out, size_t cap)
{
    const char *unit = unit_of(s);
    char text[64];
    bench_metric_format(shown_as(s), v, text, sizeof text);
    snprintf(out, cap, "%s%s%s", text, *unit && isfinite(v) ? " " : "", isfinite(v) ? unit : "");
}

/* "at least 1.5", "0.85 to 1.15": what is claimed, as shown. */
static void put_wanted(const bench_claim *c, char *out, size_t cap)
{
    char low[128], high[128];
    put_number(c->spec, c->low, low, sizeof low);
    put_number(c->spec, c->high, high, sizeof high);
    if (isinf(c->low))
        snprintf(out, cap, "up to %s", high);
    else if (isinf(c->high))
        snprintf(out, cap, "at least %s", low);
    else
        snprintf(out, cap, "%s to %s", low, high);
}

static void put_ours(const bench_claim *c, const bench_claim_pair *p, char *out, size_t cap)
{
    char value[128], low[64], high[64];
    put_number(c->spec, p ? p->value : NAN, value, sizeof value);
    if (!p || p->interval.coverage == 0) {
        snprintf(out, cap, "%s", value);
        return;
    }
    bench_metric_format_like(shown_as(c->spec), p->interval.low, p->value, low, sizeof low);
    bench_metric_format_like(shown_as(c->spec), p->interval.high, p->value, high, sizeof high);
    snprintf(out, cap, "%s [%s, %s]", value, low, high);
}

/* Ours against the published value (or what is asked, where none was published): in percent of it; of a difference, or
 * of a value in percent, in the metric's unit. */
static void put_deviation(const bench_claim *c, const bench_claim_pair *p, char *out, size_t cap)
{
    const bench_claim_spec *s = c->spec;
    const bench_metric *m = bench_metric_find(s->of);
    double of = isnan(s->paper) ? s->expect : s->paper;
    bool points = s->kind == BENCH_CLAIM_DIFFERENCE ||
                  (s->kind == BENCH_CLAIM_VALUE && strcmp(m->shown_unit, "%") == 0);
    if (!p || isnan(p->value))
        snprintf(out, cap, "-");
    else if (points)
        snprintf(out, cap, "%+.3g %s", (p->value - of) * m->scale,
                 strcmp(m->shown_unit, "%") == 0 ? "points" : m->shown_unit);
    else
        snprintf(out, cap, "%+.1f%%", 100 * (p->value / of - 1));
}

void bench_claim_reason(const bench_claim *c, char *out, size_t cap)
{
    char ours[240], wanted[160];
    const bench_claim_pair *p = c->shown;
    *out = 0;
    if (!p) {
        snprintf(out, cap, "The manifest has no such cells.");
        return;
    }
    put_ours(c, p, ours, sizeof ours);
    put_wanted(c, wanted, sizeof wanted);
    if (c->pair_count > 1) {
        snprintf(out, cap, "%d %s", c->pair_count,
                 c->spec->kind == BENCH_CLAIM_VALUE ? "configurations" : "pairs of configurations");
        for (int v = BENCH_CLAIM_VERDICTS - 1, any = 0; v >= 0; v--)
            if (c->counts[v])
                bench_text_add(out, cap, "%s%s: %d", any++ ? ", " : " (",
                               bench_claim_verdict_text((bench_verdict)v), c->counts[v]);
        bench_text_add(out, cap, "). At %s: ", p->label);
    }
    bench_text_add(out, cap, "%seasured %s, wanted %s%s%s.", *out ? "m" : "M", ours, wanted,
                   *p->why ? "; " : "", p->why);
}

void bench_claim_records(const bench_claim_pair *p, char *out, size_t cap)
{
    *out = 0;
    for (int side = 0; side < 2; side++) {
        for (int32_t i = 0; i < p->count[side]; i++) {
            const bench_result *cell = p->cells[side][i];
            const char *between = cell->run_count == 1 ? " run " : " runs ";
            bench_text_add(out, cap, "%s%s%s", *out ? "; " : "", cell->cell->id,
                           cell->run_count ? "" : " not run");
            for (int32_t k = 0; k < cell->run_count; k++, between = ", ")
                bench_text_add(out, cap, "%s%lld%s", between,
                               (long long)bench_metric_integer_at(cell->runs[k], "run"),
                               bench_record_ok(cell->runs[k]) ? "" : " (failed)");
        }
    }
}

/* Which of the cells the claim is about: allocated, NULL where memory is out. */
static bool *cells_of(const bench_results *r, const bench_claim *c)
{
    bool *used = calloc((size_t)r->cell_count + 1, sizeof *used);
    for (int32_t i = 0; used && i < c->pair_count; i++)
        for (int side = 0; side < 2; side++)
            for (int32_t k = 0; k < c->pairs[i].count[side]; k++)
                used[c->pairs[i].cells[side][k] - r->cells] = true;
    return used;
}

/* Adds a word to a shell command. */
static void add_word(const char *word, char *out, size_t cap)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=+,";
    if (!word[strspn(word, plain)]) {
        bench_text_add(out, cap, " %s", word);
        return;
    }
    bench_text_add(out, cap, " '");
    for (; *word; word++)
        bench_text_add(out, cap, *word == '\'' ? "'\\''" : "%c", *word);
    bench_text_add(out, cap, "'");
}

/* The values of one option among the used cells, each once, as --filter takes them; nothing where that is all values, or
 * more than there is room for. */
static void add_filters(const bench_results *r, const bool *used, const bench_option *o, char *out,
                        size_t cap)
{
    const size_t before = strlen(out);
    char word[400];
    bool narrower = false;
    for (int32_t i = 0; i < r->cell_count; i++) {
        const char *text = bench_result_text(&r->cells[i], o);
        bool first = true, any = false;
        for (int32_t k = 0; k < r->cell_count; k++) {
            if (strcmp(bench_result_text(&r->cells[k], o), text) != 0)
                continue;
            first = first && k >= i;
            any = any || used[k];
            if (!first || any)
                break;
        }
        narrower = narrower || (first && !any);
        if (!first || !any)
            continue;
        snprintf(word, sizeof word, "%s=%s", o->name, text);
        bench_text_add(out, cap, " --filter");
        add_word(word, out, cap);
    }
    if (!narrower || strlen(out) + 1 == cap)
        out[before] = 0;
}

/* More repetitions than the manifest asks for, where those are what is missing. */
static void add_runs(const bench_results *r, const bench_claim *c, char *out, size_t cap)
{
    const bench_measure *m = &r->manifest->measure;
    int32_t runs = 0;
    if (bench_metric_find(c->spec->of)->pool == BENCH_POOL_SEEDS)
        return;
    for (int32_t i = 0; i < c->pair_count; i++) {
        const bench_claim_pair *p = &c->pairs[i];
        if (p->verdict == BENCH_CLAIM_INCONCLUSIVE && p->missing && p->n + p->missing > runs)
            runs = p->n + p->missing;
    }
    if (runs > m->min_runs)
        bench_text_add(out, cap, " --set measure.min_runs=%d", runs);
    if (runs > m->min_runs && m->max_runs > m->min_runs && m->max_runs <= runs)
        bench_text_add(out, cap, " --set measure.max_runs=%d", runs + 1);
}

void bench_claim_command(const bench_results *r, const bench_claim *c, const char *dir, char *out, size_t cap)
{
    char path[4096];
    bool *used = cells_of(r, c);
    snprintf(out, cap, "zobench run");
    for (const bench_option *o = bench_options; used && o->name; o++)
        if (bench_results_varies(r, o))
            add_filters(r, used, o, out, cap);
    free(used);
    add_runs(r, c, out, cap);
    snprintf(path, sizeof path, "%s/manifest.json", dir);
    add_word(path, out, cap);
    bench_text_add(out, cap, " && zobench report");
    snprintf(path, sizeof path, "results/%s", r->manifest->name); /* where run writes to */
    add_word(path, out, cap);
}

/* ---- Tables ---- */

bench_table *bench_claims_table(const bench_claim *claims, int32_t count)
{
    static const char *const heads[] = {"claim", "verdict", "published", "ours", "deviation", "asked"};
    char text[300];
    bench_table *t = bench_table_new("Verdicts");
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        bench_table_add_column(t, BENCH_COLUMN_TEXT, heads[i], heads[i]);
    for (int32_t i = 0; i < count; i++) {
        const bench_claim *c = &claims[i];
        bench_table_add_row(t);
        bench_table_add_text(t, *c->spec->title ? c->spec->title : c->spec->id);
        bench_table_add_text(t, bench_claim_verdict_text(c->verdict));
        put_number(c->spec, c->spec->paper, text, sizeof text);
        bench_table_add_text(t, text);
        put_ours(c, c->shown, text, sizeof text);
        bench_table_add_text(t, text);
        put_deviation(c, c->shown, text, sizeof text);
        bench_table_add_text(t, text);
        put_wanted(c, text, sizeof text);
        bench_table_add_text(t, text);
    }
    bench_table_remark(
        t, "Ours is that of the pair of cells that decides, with its 95% interval; the deviation is from the "
           "published value, or from what is asked where none was published.");
    for (int32_t i = 0; i < count; i++)
        if (claims[i].pair_count > 1)
            bench_table_remark(t, "Of several pairs of cells, one counts as outside of what is asked where "
                                  "its p, corrected by Holm "
                                  "over all of them, is at most 0.05; holds asks it of every pair at once.");
    for (int32_t i = 0; i < count; i++)
        if (claims[i].spec->kind == BENCH_CLAIM_VALUE && claims[i].shown && claims[i].shown->n > 1 &&
            bench_metric_find(claims[i].spec->of)->pool == BENCH_POOL_SEEDS)
            bench_table_remark(t,
                               "The interval of a value over seeds has both of its errors in it: how seeds "
                               "differ, and the test set's few examples.");
    return t;
}

bench_table *bench_claims_pairs(const bench_claim *claims, int32_t count)
{
    char text[2000];
    bench_table *t = bench_table_new("");
    bench_table_add_column(t, BENCH_COLUMN_TEXT, "claim", "claim");
    bench_table_add_column(t, BENCH_COLUMN_TEXT, "cells", "cells");
    bench_table_add_column(t, BENCH_COLUMN_SPREAD, "value", "value");
    bench_table_add_column(t, BENCH_COLUMN_NUMBER, "samples", "samples");
    bench_table_add_column(t, BENCH_COLUMN_NUMBER, "p (Holm)", "p_holm");
    bench_table_add_column(t, BENCH_COLUMN_TEXT, "verdict", "verdict");
    bench_table_add_column(t, BENCH_COLUMN_TEXT, "why", "why");
    bench_table_add_column(t, BENCH_COLUMN_TEXT, "records", "records");
    for (int32_t i = 0; i < count; i++) {
        for (int32_t k = 0; k < claims[i].pair_count; k++) {
            const bench_claim_pair *p = &claims[i].pairs[k];
            bench_table_add_row(t);
            bench_table_add_text(t, claims[i].spec->id);
            bench_table_add_text(t, p->label);
            put_ours(&claims[i], p, text, sizeof text);
            bench_table_add_number(t, text, p->value, p->interval);
            bench_table_add_printed(t, "%.0f", p->n);
            bench_table_add_printed(t, "%.2g", p->p);
            bench_table_add_text(t, bench_claim_verdict_text(p->verdict));
            bench_table_add_text(t, p->why);
            bench_claim_records(p, text, sizeof text);
            bench_table_add_text(t, text);
        }
    }
    return t;
}

/* ---- JSON ---- */

static json_t *pair_json(const bench_claim_pair *p)
{
    char records[2000];
    bench_claim_records(p, records, sizeof records);
    return json_pack("{s:s, s:o, s:o, s:o, s:i, s:o, s:s, s:o, s:s, s:s}", "cells", p->label, "value",
                     bench_record_json(p->value), "low", bench_record_json(p->interval.low), "high",
                     bench_record_json(p->interval.high), "samples", p->n, "p_holm", bench_record_json(p->p),
                     "verdict", bench_claim_verdict_text(p->verdict), "runs_missing",
                     p->missing ? json_integer(p->missing) : json_null(), "why", p->why, "records", records);
}

json_t *bench_claims_to_json(const bench_results *r, const bench_claim *claims, int32_t count,
                             const char *dir)
{
    char reason[1200], command[2000];
    json_t *list = json_array();
    for (int32_t i = 0; i < count; i++) {
        const bench_claim *c = &claims[i];
        json_t *pairs = json_array();
        for (int32_t k = 0; k < c->pair_count; k++)
            json_array_append_new(pairs, pair_json(&c->pairs[k]));
        bench_claim_reason(c, reason, sizeof reason);
        bench_claim_command(r, c, dir, command, sizeof command);
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:s, s:s, s:o, s:s}", "id",
                                        c->spec->id, "title", c->spec->title, "source", c->spec->source, "of",
                                        c->spec->of, "published", bench_record_json(c->spec->paper), "low",
                                        bench_record_json(c->low), "high", bench_record_json(c->high),
                                        "verdict", bench_claim_verdict_text(c->verdict), "reason", reason,
                                        "pairs", pairs, "command", command));
    }
    return list;
}
