/* See compare.h. */
#include "bench/base/text.h"
#include "bench/results/compare.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/results/environment.h"
#include "bench/base/folder.h"
#include "bench/manifest/params.h"
#include "bench/record/metric.h"
#include "bench/record/record.h"
#include "bench/results/results.h"
#include "bench/manifest/condition.h"

#define BOOTSTRAP_SEED 1
#define DEFAULT_ALPHA  0.01

static const char *const default_metrics[] = {"step_ns", "peak_rss_bytes", "accuracy", "loss", NULL};

/* ---- loading ---- */

zo_status bench_compare_load(const char *path, json_t **out, zo_error *err)
{
    struct stat info;
    json_t *all = NULL;
    *out = NULL;
    if (stat(path, &info))
        return zo_fail(err, ZO_ERR_IO, "open %s: no such file or folder", path);
    char *file = S_ISDIR(info.st_mode) ? bench_folder_path("%s/cells.jsonl", path) : strdup(path);
    if (!file)
        return zo_fail(err, ZO_ERR_MEMORY, "load %s: out of memory", path);
    zo_status st = access(file, R_OK)
                       ? zo_fail(err, ZO_ERR_IO, "open %s: no records there; zobench run makes them", file)
                       : bench_records_load(file, &all, NULL, err);
    if (!st && !(*out = bench_records_latest(all)))
        st = zo_fail(err, ZO_ERR_MEMORY, "load %s: out of memory", path);
    json_decref(all);
    free(file);
    return st;
}

/* ---- matching ---- */

/* The records of one configuration on one side. */
typedef struct group {
    bench_params params; /* of its first record */
    json_t *ok, *failed; /* owned until a match takes them */
    bool taken;
} group;

typedef struct side {
    group *groups; /* (count) */
    int32_t count;
} side;

static bool named(const bench_compare_options *o, const char *name)
{
    return json_object_get(o->old_where, name) || json_object_get(o->new_where, name);
}

/* How many options differ but for the seed and those that the conditions name. loose: nor for the parallelism where methods are
 * compared, since it follows from the method. text: their names, where it is not NULL. */
static int differing(const bench_params *a, const bench_params *b, const bench_compare_options *o, bool loose,
                     char *text, size_t cap)
{
    int n = 0;
    if (text)
        *text = 0;
    for (const bench_option *option = bench_options; option->name; option++) {
        if (option == bench_option_seed() || named(o, option->name) || bench_params_same(a, b, option) ||
            (loose && named(o, "method") && strcmp(option->name, "parallel") == 0))
            continue;
        if (text)
            bench_text_add(text, cap, "%s%s", n ? ", " : "", option->name);
        n++;
    }
    return n;
}

static bool alike_but_seed(const bench_params *a, const bench_params *b)
{
    return differing(a, b, &(bench_compare_options){0}, false, NULL, 0) == 0;
}

static void side_free(side *s)
{
    for (int32_t i = 0; s->groups && i < s->count; i++) {
        json_decref(s->groups[i].ok);
        json_decref(s->groups[i].failed);
    }
    free(s->groups);
}

/* Groups the records that pass the condition. Within a side nothing but the seed is pooled. */
static zo_status side_fill(side *s, const json_t *records, const bench_compare_options *o,
                           const json_t *where, zo_error *err)
{
    size_t i;
    const json_t *record;
    *s = (side){.groups = calloc(json_array_size(records) + 1, sizeof *s->groups)};
    if (!s->groups)
        return zo_fail(err, ZO_ERR_MEMORY, "compare: out of memory");
    json_array_foreach(records, i, record)
    {
        bench_params p;
        group *g = NULL;
        zo_status st = bench_params_from_json(&p, json_object_get(record, "cell"), err);
        if (st) {
            const char *id = bench_metric_text_at(record, "cell_id");
            zo_error_context(err, "record of cell %s", *id ? id : "(none)");
            return st;
        }
        if (!bench_condition_match(&p, o->where) || !bench_condition_match(&p, where))
            continue;
        for (int32_t k = 0; k < s->count && !g; k++)
            if (alike_but_seed(&p, &s->groups[k].params))
                g = &s->groups[k];
        if (!g) {
            g = &s->groups[s->count++];
            *g = (group){p, json_array(), json_array(), false};
        }
        json_array_append(bench_record_ok(record) ? g->ok : g->failed, (json_t *)record);
    }
    return ZO_OK;
}

/* Options by which people tell cells apart first. */
static const char *const telling[] = {"method",  "peft",    "parallel", "queries", "batch",
                                      "seq_len", "weights", "task",     "model"};

/* Marks o where two groups that agree in all options marked so far differ in it. */
static void mark_option(const side *s, const bench_option *o, uint64_t *marked)
{
    if (o == bench_option_seed() || *marked & bench_option_bit(o))
        return;
    for (int32_t i = 0; i < s->count; i++) {
        for (int32_t k = i + 1; k < s->count; k++) {
            const bench_params *a = &s->groups[i].params, *b = &s->groups[k].params;
            bool agree = !bench_params_same(a, b, o);
            for (const bench_option *m = bench_options; agree && m->name; m++)
                agree = !(*marked & bench_option_bit(m)) || bench_params_same(a, b, m);
            if (agree) {
                *marked |= bench_option_bit(o);
                return;
            }
        }
    }
}

/* As few options as tell all configurations of a side apart. */
static uint64_t telling_options(const side *s)
{
    uint64_t marked = 0;
    for (size_t i = 0; i < sizeof telling / sizeof *telling; i++)
        mark_option(s, bench_option_find(telling[i]), &marked);
    for (const bench_option *o = bench_options; o->name; o++)
        mark_option(s, o, &marked);
    return marked;
}

/* What sets a configuration apart from the others of its side and, after "->", the old from the new one. */
static void make_label(uint64_t options, const bench_params *a, const bench_params *b, char *out, size_t cap)
{
    char text[512], other[512];
    *out = 0;
    for (const bench_option *o = bench_options; o->name; o++) {
        const bool same = bench_params_same(a, b, o);
        if (o == bench_option_seed() || (same && !(options & bench_option_bit(o))))
            continue;
        bench_params_text(a, o, text, sizeof text);
        bench_params_text(b, o, other, sizeof other);
        bench_text_add(out, cap, "%s%s=%s%s%s", *out ? ", " : "", o->name, text, same ? "" : " -> ",
                       same ? "" : other);
    }
    if (!*out)
        snprintf(out, cap, "%s", zo_method_name(a->method));
}

static void note_failures(bench_match *m, const char *name, const json_t *failed)
{
    size_t i;
    const json_t *record;
    json_array_foreach(failed, i, record)
    {
        char why[240];
        bench_record_reason(record, why, sizeof why);
        json_array_append_new(m->failed, json_sprintf("%s: %s", name, why));
    }
}

static int by_run_and_seed(const void *a, const void *b)
{
    const json_t *x = *(const json_t *const *)a, *y = *(const json_t *const *)b;
    const json_int_t seeds[] = {bench_metric_integer_at(x, "cell.seed"),
                                bench_metric_integer_at(y, "cell.seed")},
                     runs[] = {bench_metric_integer_at(x, "run"), bench_metric_integer_at(y, "run")};
    if (runs[0] != runs[1])
        return runs[0] < runs[1] ? -1 : 1;
    return (seeds[0] > seeds[1]) - (seeds[0] < seeds[1]);
}

/* Takes the array, gives one in order. NULL: out of memory. */
static json_t *in_order(json_t *records)
{
    const size_t n = json_array_size(records);
    json_t **list = malloc((n + 1) * sizeof *list), *out = list ? json_array() : NULL;
    for (size_t i = 0; list && i < n; i++)
        list[i] = json_array_get(records, i);
    if (out)
        qsort(list, n, sizeof *list, by_run_and_seed);
    for (size_t i = 0; out && i < n; i++)
        json_array_append(out, list[i]);
    free(list);
    json_decref(records);
    return out;
}

/* Do both sides have the model, data and template from which answers come? */
static bool same_inputs(const bench_match *m)
{
    json_t *differences = json_array();
    bench_environment_add(differences, m->old_runs, m->new_runs, m->label);
    const bool same = !bench_environment_spoils(differences, false, true);
    json_decref(differences);
    return same;
}

/* The configuration of the other side that belongs to a, *out NULL: none. One that was chosen on either side belongs to the other. */
static zo_status find_partner(const group *a, side *new_, bool alone, const bench_compare_options *o,
                              group **out, zo_error *err)
{
    *out = NULL;
    for (int loose = 0; loose < 2 && !*out; loose++) {
        for (int32_t k = 0; k < new_->count; k++) {
            group *b = &new_->groups[k];
            if (!alone && differing(&a->params, &b->params, o, loose, NULL, 0))
                continue;
            if (*out || b->taken)
                return zo_fail(err, ZO_ERR_INVALID,
                               "more than one cell matches; narrow --old and --new until old and new "
                               "are one cell each");
            *out = b;
        }
    }
    return ZO_OK;
}

/* What keeps those two apart that are nearest to each other. */
static zo_status refuse_strangers(const side *old, const side *new_, const bench_compare_options *o,
                                  zo_error *err)
{
    char text[240] = "", nearest[240] = "";
    int least = INT_MAX;
    for (int32_t i = 0; i < old->count; i++) {
        for (int32_t k = 0; k < new_->count; k++) {
            const int n =
                differing(&old->groups[i].params, &new_->groups[k].params, o, true, text, sizeof text);
            if (n < least) {
                least = n;
                memcpy(nearest, text, sizeof nearest);
            }
        }
    }
    return zo_fail(err, ZO_ERR_INVALID, "no cell is on both sides (old has %d, new %d)%s%.200s", old->count,
                   new_->count, *nearest ? "; the nearest two differ in " : "", nearest);
}

static zo_status match_groups(bench_comparison *c, side *old, side *new_, const bench_compare_options *o,
                              zo_error *err)
{
    char label[200];
    const uint64_t old_options = telling_options(old), new_options = telling_options(new_);
    const bool alone = o->old_where && o->new_where && old->count == 1 && new_->count == 1;
    for (int32_t i = 0; i < old->count; i++) {
        group *a = &old->groups[i], *b;
        zo_status st = find_partner(a, new_, alone, o, &b, err);
        if (st)
            return st;
        make_label(old_options, &a->params, b ? &b->params : &a->params, label, sizeof label);
        if (!b) {
            json_array_append_new(c->only_old, json_string(label));
            continue;
        }
        bench_match *m = &c->matches[c->match_count++];
        b->taken = true;
        snprintf(m->label, sizeof m->label, "%s", label);
        m->identical = alike_but_seed(&a->params, &b->params);
        m->failed = json_array();
        note_failures(m, "old", a->failed);
        note_failures(m, "new", b->failed);
        m->old_runs = in_order(a->ok);
        m->new_runs = in_order(b->ok);
        a->ok = b->ok = NULL;
        if (!m->old_runs || !m->new_runs || !m->failed)
            return zo_fail(err, ZO_ERR_MEMORY, "compare: out of memory");
        c->failed += (int32_t)json_array_size(m->failed);
        m->identical &= same_inputs(m);
        bench_environment_add(c->differences, m->old_runs, m->new_runs, m->label);
    }
    for (int32_t k = 0; k < new_->count; k++) {
        make_label(new_options, &new_->groups[k].params, &new_->groups[k].params, label, sizeof label);
        if (!new_->groups[k].taken)
            json_array_append_new(c->only_new, json_string(label));
    }
    return c->match_count ? ZO_OK : refuse_strangers(old, new_, o, err);
}

static zo_status find_matches(bench_comparison *c, const json_t *old, const json_t *new_,
                              const bench_compare_options *o, zo_error *err)
{
    side a = {0}, b = {0};
    zo_status st = side_fill(&a, old, o, o->old_where, err);
    if (!st)
        st = side_fill(&b, new_, o, o->new_where, err);
    if (!st && !(c->matches = calloc((size_t)a.count + 1, sizeof *c->matches)))
        st = zo_fail(err, ZO_ERR_MEMORY, "compare: out of memory");
    if (!st)
        st = match_groups(c, &a, &b, o, err);
    side_free(&a);
    side_free(&b);
    return st;
}

/* ---- samples ---- */

/* Numbers of both sides, room for every record. */
typedef struct samples {
    double *old, *new_;
    const json_t **old_records, **new_records;
    size_t old_n, new_n;
} samples;

static bool samples_init(samples *s, const bench_match *m)
{
    const size_t n = json_array_size(m->old_runs) + json_array_size(m->new_runs) + 1;
    *s = (samples){malloc(n * sizeof *s->old),
                   malloc(n * sizeof *s->new_),
                   malloc(n * sizeof *s->old_records),
                   malloc(n * sizeof *s->new_records),
                   0,
                   0};
    return s->old && s->new_ && s->old_records && s->new_records;
}

static void samples_deinit(samples *s)
{
    free(s->old);
    free(s->new_);
    free(s->old_records);
    free(s->new_records);
}

static size_t all_values(const bench_metric *metric, const json_t *runs, double *out)
{
    size_t i, n = 0;
    const json_t *record;
    json_array_foreach(runs, i, record)
    {
        double v = bench_metric_value(metric, record);
        if (!isnan(v))
            out[n++] = v;
    }
    return n;
}

/* The record of a side among `runs` that belongs to a: of its seed and, unless by_seed, its run. *unsteady: further runs of
 * the seed have another value. */
static const json_t *partner_of(const bench_metric *metric, const json_t *a, const json_t *runs, bool by_seed,
                                bool *unsteady)
{
    const json_t *found = NULL, *b;
    size_t i;
    json_array_foreach(runs, i, b)
    {
        const double y = bench_metric_value(metric, b);
        if (isnan(y) || bench_metric_integer_at(a, "cell.seed") != bench_metric_integer_at(b, "cell.seed") ||
            (!by_seed && bench_metric_integer_at(a, "run") != bench_metric_integer_at(b, "run")))
            continue;
        if (!found)
            found = b;
        else
            *unsteady |= y != bench_metric_value(metric, found);
    }
    return found;
}

/* Fills s with the values that belong together, one of every pair (by_seed: of every seed), in the order of the runs.
 * *unsteady: runs of one seed and side do not agree. */
static void partners(const bench_metric *metric, const bench_match *m, bool by_seed, samples *s,
                     bool *unsteady)
{
    size_t i;
    const json_t *a;
    *unsteady = false;
    s->old_n = 0;
    json_array_foreach(m->old_runs, i, a)
    {
        /* of a seed its first run */
        if (by_seed && partner_of(metric, a, m->old_runs, true, unsteady) != a)
            continue;
        const json_t *b = partner_of(metric, a, m->new_runs, by_seed, unsteady);
        if (!b || isnan(bench_metric_value(metric, a)))
            continue;
        s->old[s->old_n] = bench_metric_value(metric, a);
        s->new_[s->old_n] = bench_metric_value(metric, b);
        s->old_records[s->old_n] = a;
        s->new_records[s->old_n++] = b;
    }
    s->new_n = s->old_n;
}

/* ---- findings ---- */

/* The bits of an evaluation, one byte each, to be freed; NULL: the record does not hold them. */
static uint8_t *right_of(const json_t *record, int64_t *n)
{
    const char *text = json_string_value(bench_metric_at(record, "accuracy.right"));
    *n = bench_metric_integer_at(record, "accuracy.n");
    if (!text || *n <= 0 || strlen(text) != ((size_t)*n + 3) / 4)
        return NULL;
    uint8_t *right = malloc((size_t)*n);
    for (int64_t i = 0; right && i < *n; i++) {
        const char c = text[i / 4];
        const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0) {
            free(right);
            return NULL;
        }
        right[i] = digit >> (3 - i % 4) & 1;
    }
    return right;
}

/* Were both records evaluated on the same examples, asked in the same way? */
static bool same_examples(const json_t *a, const json_t *b)
{
    static const char *const paths[] = {"inputs.validation.sha256", "inputs.validation.path",
                                        "inputs.template.sha256",   "accuracy.n",
                                        "cell.eval_rows",           "cell.holdout"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        const json_t *x = bench_metric_at(a, paths[i]), *y = bench_metric_at(b, paths[i]);
        const bool path = strstr(paths[i], ".path") != NULL;
        /* a file is told by its content: the path only counts where there is none */
        if (path && json_is_string(bench_metric_at(a, "inputs.validation.sha256")))
            continue;
        if (!x != !y || (x && !json_equal(x, y)))
            return false;
    }
    return true;
}

/* counts[0..2]: right in both, in a alone, in b alone. */
static bool count_right(const json_t *a, const json_t *b, int64_t counts[3], int64_t *n)
{
    int64_t na, nb;
    uint8_t *x = right_of(a, &na), *y = right_of(b, &nb);
    const bool ok = x && y && na == nb && same_examples(a, b);
    counts[0] = counts[1] = counts[2] = 0;
    for (int64_t i = 0; ok && i < na; i++) {
        counts[0] += x[i] && y[i];
        counts[1] += x[i] && !y[i];
        counts[2] += !x[i] && y[i];
    }
    *n = na;
    free(x);
    free(y);
    return ok;
}

/* Accuracy on the same examples. One seed: McNemar. Several: the counts are means over the seeds, as if there were one, since
 * further seeds see no further examples; p is the least of theirs times their number (Bonferroni). */
static bool examples_finding(bench_finding *f, const bench_metric *metric, const samples *s)
{
    int64_t sum[3] = {0}, n = 0;
    double least = 1;
    const double seeds = (double)s->old_n;
    if (!s->old_n)
        return false;
    for (size_t i = 0; i < s->old_n; i++) {
        int64_t counts[3], here;
        if (!count_right(s->old_records[i], s->new_records[i], counts, &here) || (n && here != n))
            return false;
        n = here;
        least = fmin(least, bench_stats_mcnemar(counts[1], counts[2]).p);
        for (int k = 0; k < 3; k++)
            sum[k] += counts[k];
    }
    bench_finding_examples(f, metric, sum[0], sum[1], sum[2], n * (int64_t)s->old_n);
    f->old_n = f->new_n = n;
    if (s->old_n > 1 && !f->certain) {
        f->interval = bench_stats_paired_share(llround((double)sum[1] / seeds),
                                               llround((double)sum[2] / seeds), n, 0.95);
        f->p = fmin(1, seeds * least);
        snprintf(
            f->note, sizeof f->note,
            "mean over %zu seeds; the test set's uncertainty alone: least p of the seeds times their number",
            s->old_n);
    }
    return true;
}

/* Two shares of examples that cannot be told apart one by one: as if they were different ones. */
static void shares_finding(bench_finding *f, const bench_metric *metric, const samples *s)
{
    bench_finding_fixed(f, metric, s->old, s->new_, s->old_n);
    f->certain = false;
    const double a = bench_metric_stderr(metric, s->old_records[0]),
                 b = bench_metric_stderr(metric, s->new_records[0]), e = sqrt(a * a + b * b);
    const double z = bench_stats_t_quantile(0.975, INFINITY);
    f->unit = BENCH_UNIT_EXAMPLES;
    f->old_n = bench_metric_integer_at(s->old_records[0], "accuracy.n");
    f->new_n = bench_metric_integer_at(s->new_records[0], "accuracy.n");
    if (!(e > 0)) {
        snprintf(f->note, sizeof f->note, "no standard errors, so not tested");
        f->interval = bench_no_interval;
        return;
    }
    f->interval = (bench_interval){f->change - z * e, f->change + z * e, 0.95};
    f->test = "z of independent shares";
    f->p = 2 * (1 - bench_stats_t_cdf(fabs(f->change) / e, INFINITY));
    snprintf(f->note, sizeof f->note,
             "which examples were right is not recorded on both sides, or they differ: taken as independent");
}

/* A metric that the seed decides: the same seed gives the same value. Fills one or two findings; returns how many. */
static int32_t seeds_findings(const bench_metric *metric, const bench_match *m, samples *s,
                              bench_finding *out)
{
    bool unsteady, equal = true;
    int32_t n = 0;
    partners(metric, m, true, s, &unsteady);
    if (!s->old_n)
        return 0;
    for (size_t i = 0; i < s->old_n; i++)
        equal &= s->old[i] == s->new_[i];
    const bool share = strcmp(metric->name, "accuracy") == 0;
    if (share && examples_finding(&out[n], metric, s))
        n++;
    else if (share && s->old_n == 1 && !(equal && m->identical))
        shares_finding(&out[n++], metric, s);
    if (n && (s->old_n == 1 || m->identical))
        return n;
    /* Six seeds can show something at 5%; what is the same cell needs no test to be known as different for these. */
    if (m->identical && (equal || s->old_n < 6)) {
        bench_finding_fixed(&out[n], metric, s->old, s->new_, s->old_n);
    } else {
        bench_finding_seeds(&out[n], metric, s->old, s->new_, s->old_n, BOOTSTRAP_SEED);
        if (s->old_n < 6)
            snprintf(out[n].note, sizeof out[n].note,
                     "%zu seed%s: whether others would say the same cannot be told from fewer than 6",
                     s->old_n, s->old_n == 1 ? "" : "s");
    }
    if (unsteady)
        snprintf(out[n].note, sizeof out[n].note, "runs of one seed and program do not agree");
    if (unsteady && out[n].certain)
        out[n].interval = bench_no_interval, out[n].change = NAN;
    return n + 1;
}

static int32_t runs_finding(const bench_metric *metric, const bench_match *m, bool paired, samples *s,
                            bench_finding *out)
{
    bool unsteady;
    if (paired) {
        partners(metric, m, false, s, &unsteady);
        if (!s->old_n)
            return 0;
        bench_finding_pairs(out, metric, s->old, s->new_, s->old_n, BOOTSTRAP_SEED);
        return 1;
    }
    s->old_n = all_values(metric, m->old_runs, s->old);
    s->new_n = all_values(metric, m->new_runs, s->new_);
    if (!s->old_n || !s->new_n)
        return 0;
    bench_finding_runs(out, metric, s->old, s->old_n, s->new_, s->new_n, BOOTSTRAP_SEED);
    return 1;
}

/* The default threshold of a metric: 0.03 is 3%, or 3 points. */
static double threshold_of(const bench_metric *m)
{
    /* Times and rates vary by a few per cent from build to build without a cause in the code (layout); memory hardly. */
    static const struct {
        const char *name;
        double threshold;
    } thresholds[] = {{"step_ns", 0.03}, {"peak_rss_bytes", 0.03}, {"load_ns", 0.1}};
    for (size_t i = 0; i < sizeof thresholds / sizeof *thresholds; i++)
        if (strcmp(m->name, thresholds[i].name) == 0)
            return thresholds[i].threshold;
    return bench_metric_is_share(m) ? 0.01 : 0.03;
}

/* The threshold that was asked for, which must not be below the noise; else the default, whatever the noise: a verdict needs
 * evidence in any case, and where the noise drowns a change of that size it is inconclusive. A threshold raised to the noise
 * would call changes the same that were shown to be there. */
static zo_status set_threshold(bench_finding *f, const bench_compare_options *o, zo_error *err)
{
    const json_t *asked = json_object_get(o->thresholds, f->metric->name),
                 *floor = json_object_get(o->floors, f->metric->name);
    const bool noisy = f->unit == BENCH_UNIT_PAIRS || f->unit == BENCH_UNIT_RUNS;
    if (json_is_number(floor) && noisy)
        f->floor = json_number_value(floor);
    if (asked && f->floor > json_number_value(asked))
        return zo_fail(err, ZO_ERR_INVALID,
                       "threshold %g%% for %s: this machine's noise lets no change below %.2g%% be told",
                       100 * json_number_value(asked), f->metric->name, 100 * f->floor);
    f->threshold = asked ? json_number_value(asked) : threshold_of(f->metric);
    if (f->floor > f->threshold && !*f->note)
        snprintf(f->note, sizeof f->note, "this machine's noise may hide changes below %.2g%%",
                 100 * f->floor);
    return ZO_OK;
}

static zo_status find_all(bench_comparison *c, const bench_compare_options *o, zo_error *err)
{
    const char *const *names = o->metrics ? o->metrics : default_metrics;
    int32_t metrics = 0;
    zo_status st = ZO_OK;
    while (names[metrics])
        metrics++;
    const size_t most = 2 * (size_t)metrics * (size_t)c->match_count + 1;
    c->findings = calloc(most, sizeof *c->findings);
    c->match_of = calloc(most, sizeof *c->match_of);
    if (!c->findings || !c->match_of)
        return zo_fail(err, ZO_ERR_MEMORY, "compare: out of memory");
    for (int32_t i = 0; i < c->match_count && !st; i++) {
        samples s;
        if (!samples_init(&s, &c->matches[i]))
            st = zo_fail(err, ZO_ERR_MEMORY, "compare: out of memory");
        for (int32_t k = 0; k < metrics && !st; k++) {
            const bench_metric *metric = bench_metric_find(names[k]);
            bench_finding *f = c->findings + c->finding_count;
            if (!metric) {
                st = zo_fail(err, ZO_ERR_INVALID, "\"%s\" is not a metric", names[k]);
                break;
            }
            const bool runs = metric->pool == BENCH_POOL_RUNS;
            const int32_t n = runs ? runs_finding(metric, &c->matches[i], o->paired, &s, f)
                                   : seeds_findings(metric, &c->matches[i], &s, f);
            *(runs ? &c->times : &c->answers) = true;
            for (int32_t j = 0; j < n && !st; j++) {
                c->match_of[c->finding_count++] = i;
                st = set_threshold(&f[j], o, err);
            }
        }
        samples_deinit(&s);
    }
    return st;
}

zo_status bench_compare(const json_t *old, const json_t *new_, const bench_compare_options *o,
                        bench_comparison **out, zo_error *err)
{
    *out = NULL;
    bench_comparison *c = calloc(1, sizeof *c);
    if (!c)
        return zo_fail(err, ZO_ERR_MEMORY, "compare: out of memory");
    c->alpha = o->alpha > 0 ? o->alpha : DEFAULT_ALPHA;
    c->differences = json_array();
    c->only_old = json_array();
    c->only_new = json_array();
    zo_status st = find_matches(c, old, new_, o, err);
    if (!st)
        st = find_all(c, o, err);
    if (!st && !bench_findings_judge(c->findings, (size_t)c->finding_count, c->alpha))
        st = zo_fail(err, ZO_ERR_MEMORY, "compare: out of memory");
    for (int32_t i = 0; !st && i < c->finding_count; i++)
        c->count[c->findings[i].verdict]++;
    if (!st) {
        *out = c;
        c = NULL;
    }
    bench_comparison_free(c);
    return st;
}

void bench_comparison_free(bench_comparison *c)
{
    if (!c)
        return;
    for (int32_t i = 0; c->matches && i < c->match_count; i++) {
        json_decref(c->matches[i].old_runs);
        json_decref(c->matches[i].new_runs);
        json_decref(c->matches[i].failed);
    }
    json_decref(c->differences);
    json_decref(c->only_old);
    json_decref(c->only_new);
    free(c->matches);
    free(c->findings);
    free(c->match_of);
    free(c);
}
