/* zobench compare: is new slower, fatter or wrong, against old? */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/cmd/commands.h"
#include "bench/results/compare.h"
#include "bench/results/environment.h"
#include "bench/base/exit.h"
#include "bench/cmd/flags.h"
#include "bench/results/noise_floor.h"
#include "bench/base/folder.h"
#include "bench/launch/pairs.h"

#define MOST_METRICS 16

typedef struct arguments {
    bench_compare_options compare;
    bench_pairs_options pairs;
    const char *metrics[MOST_METRICS + 1];
    int metric_count;
    const char **sets; /* NULL-terminated */
    json_t *thresholds, *old_where, *new_where, *where, *floors;
    const char *program[2];
    int programs;
    long count, again; /* pairs; pairs of suspects; -1: not given */
    long decisive;     /* pairs from which a verdict of regressed would come; 0: those that there are */
    const char *results, *noise;
    bool gate, strict, force, json, quiet;
    char **rest; /* arguments that are no options */
    int rest_count;
} arguments;

static void usage(FILE *to)
{
    fputs(
        "usage: zobench compare [OPTIONS] OLD NEW                              records: files, or folders of "
        "results\n"
        "       zobench compare [OPTIONS] --binary OLD --binary NEW MANIFEST  two builds, run next to each "
        "other\n"
        "\n"
        "Says of every cell and metric: regressed, improved, same or inconclusive (and how many more runs\n"
        "would tell). Builds are run pair by pair in alternating order; cells whose times or memory are not\n"
        "the same at first are measured again, and then the new pairs alone count. One --binary is compared\n"
        "with this program.\n",
        to);
}

/* ---- arguments ---- */

/* In messages "--pairs"; whole: a count. */
typedef struct number {
    const char *name;
    double low, high, *to;
    bool whole;
} number;

static zo_status take_number(int code, const char *text, void *to, zo_error *err)
{
    const number *n = to;
    char *end;
    (void)code;
    *n->to = strtod(text, &end);
    if (end == text || *end || !(*n->to >= n->low && *n->to <= n->high))
        return zo_fail(err, ZO_ERR_INVALID, "--%s must be a number from %g to %g, not \"%s\"", n->name,
                       n->low, n->high, text);
    if (n->whole && *n->to != floor(*n->to))
        return zo_fail(err, ZO_ERR_INVALID, "--%s must be a whole number, not \"%s\"", n->name, text);
    return ZO_OK;
}

static zo_status find_metric(const char *name, zo_error *err)
{
    const char *near =
        bench_metric_find(name) ? NULL : bench_nearest(name, bench_metric_names(), sizeof(char *));
    if (bench_metric_find(name))
        return ZO_OK;
    return zo_fail(err, ZO_ERR_INVALID,
                   near ? "\"%s\" is not a metric; did you mean \"%s\"?" : "\"%s\" is not a metric", name,
                   near);
}

/* "5%", "0.05" or "step_ns=5%" */
static zo_status take_threshold(int code, const char *text, void *thresholds, zo_error *err)
{
    (void)code;
    char name[64] = "";
    const char *equals = strchr(text, '='), *value = equals ? equals + 1 : text;
    char *end;
    double v = strtod(value, &end);
    if (equals)
        snprintf(name, sizeof name, "%.*s", (int)(equals - text), text);
    if (*end == '%')
        v /= 100, end++;
    if (end == value || *end || !(v > 0 && v < 10))
        return zo_fail(err, ZO_ERR_INVALID, "--threshold must be like 5%% or step_ns=5%%, not \"%s\"", text);
    if (*name && find_metric(name, err))
        return err->status;
    for (const char *const *m = bench_metric_names(); *m; m++)
        if (!*name || strcmp(*m, name) == 0)
            json_object_set_new(thresholds, *m, json_real(v));
    return ZO_OK;
}

static zo_status take_metric(int code, const char *text, void *to, zo_error *err)
{
    arguments *a = to;
    (void)code;
    if (a->metric_count == MOST_METRICS)
        return zo_fail(err, ZO_ERR_INVALID, "--metric: at most %d", MOST_METRICS);
    a->metrics[a->metric_count++] = text;
    return find_metric(text, err);
}

static zo_status take_program(int code, const char *text, void *to, zo_error *err)
{
    arguments *a = to;
    (void)code;
    if (a->programs == 2)
        return zo_fail(err, ZO_ERR_INVALID, "--binary: two programs can be compared, not more");
    a->program[a->programs++] = text;
    return ZO_OK;
}

/* An option that would do nothing is a mistake. */
static zo_status check_options(const arguments *a, zo_error *err)
{
    const struct {
        const char *name;
        bool given, builds; /* belongs to --binary; else to records */
    } bound[] = {{"pairs", a->count >= 0, true},
                 {"again", a->again >= 0, true},
                 {"keep", a->pairs.keep, true},
                 {"results", a->results, true},
                 {"set", a->sets[0], true},
                 {"old", json_object_size(a->old_where) > 0, false},
                 {"new", json_object_size(a->new_where) > 0, false},
                 {"paired", a->compare.paired, false}};
    for (size_t i = 0; i < sizeof bound / sizeof *bound; i++)
        if (bound[i].given && bound[i].builds != (a->programs > 0))
            return zo_fail(err, ZO_ERR_INVALID, "--%s is for %s", bound[i].name,
                           bound[i].builds ? "--binary" : "records");
    return a->strict && !a->gate ? zo_fail(err, ZO_ERR_INVALID, "--strict is for --gate") : ZO_OK;
}

/* NULL: no condition was given. */
static const json_t *condition(const json_t *where)
{
    return json_object_size(where) ? where : NULL;
}

#define TEXT(word, field, what, about)                                                                       \
    {                                                                                                        \
        .name = word, .text = &a->field, .value = what, .help = about                                        \
    }
#define CELLS(word, field, about)                                                                            \
    {                                                                                                        \
        .name = word, .filter = a->field, .value = "KEY=VALUE", .help = about                                \
    }
#define SWITCH(word, field, about)                                                                           \
    {                                                                                                        \
        .name = word, .set = &a->field, .help = about                                                        \
    }
#define TAKE(word, with, where, what, about)                                                                 \
    {                                                                                                        \
        .name = word, .take = with, .to = where, .value = what, .help = about                                \
    }

/* 0 to go on, else the exit code + 1. */
static int parse(int argc, char **argv, arguments *a, zo_error *err)
{
    double pairs = -1, again = -1;
    number alpha = {"alpha", 1e-9, 0.5, &a->compare.alpha, false}, count = {"pairs", 1, 100000, &pairs, true},
           second = {"again", 0, 100000, &again, true};
    const bench_flag flags[] = {
        TAKE("binary", take_program, a, "PROGRAM", "a build to run (OLD, then NEW)"),
        TAKE("metric", take_metric, a, "METRIC", "step_ns, peak_rss_bytes, accuracy, loss; again for more"),
        TAKE("threshold", take_threshold, a->thresholds, "[METRIC=]5%",
             "smallest change that matters; of accuracy in points"),
        TAKE("alpha", take_number, &alpha, "0.01",
             "chance of any false alarm in the whole comparison (Holm)"),
        CELLS("old", old_where, "compare these cells of OLD ..."),
        CELLS("new", new_where, "... with these of NEW, which may be the same folder"),
        CELLS("filter", where, "only these cells"),
        TAKE("pairs", take_number, &count, "N", "pairs of every cell (16; --binary)"),
        TAKE("again", take_number, &second, "N",
             "pairs of a suspect the second time (twice as many; 0: never; --binary)"),
        TEXT("keep", pairs.keep, "DIR", "keep the records in DIR/old.jsonl and new.jsonl (--binary)"),
        SWITCH("paired", compare.paired,
               "records of the same cell and run ran next to each other (as --keep's did)"),
        TEXT("noise", noise, "FILE", "noise floor (DIR/NAME/noise.json, or noise.json beside the records)"),
        TEXT("results", results, "DIR", "where DIR/NAME/noise.json is looked for (results; --binary)"),
        SWITCH("gate", gate, "exit 1 where something regressed, 3 where cells failed or are missing"),
        SWITCH("strict", strict, "with --gate: exit 4 where something is inconclusive"),
        SWITCH("force", force, "go on where machines, BLAS, threads or templates differ"),
        SWITCH("json", json, "one JSON object instead of Markdown"),
        SWITCH("quiet", quiet, "say nothing but results and errors"),
        {.name = "set",
         .list = a->sets,
         .value = "KEY=VALUE",
         .help = "of a variable, parameter or section of the manifest, as check has it (--binary)"},
        {0}};
    const int code = bench_flags(argc, argv, flags, 0, argc, usage);
    if (code >= 0)
        return code + 1;
    a->count = (long)pairs;
    a->again = (long)again;
    if (check_options(a, err))
        return BENCH_EXIT_USAGE + 1;
    a->rest = argv + optind;
    a->rest_count = argc - optind;
    a->compare.metrics = a->metric_count ? a->metrics : NULL;
    a->compare.thresholds = a->thresholds;
    a->compare.where = condition(a->where);
    a->compare.old_where = condition(a->old_where);
    a->compare.new_where = condition(a->new_where);
    /* one folder is enough where --old and --new choose in it */
    const bool one = !a->programs && a->rest_count == 1 && a->compare.old_where && a->compare.new_where;
    if (a->rest_count != (a->programs ? 1 : 2) && !one) {
        bench_flags_help(flags, usage, stderr);
        return BENCH_EXIT_USAGE + 1;
    }
    a->count = a->count < 0 ? 16 : a->count;
    a->again = a->again < 0 ? 2 * a->count : a->again;
    a->results = a->results ? a->results : "results";
    return 0;
}

/* ---- the noise floor ---- */

/* From so many runs (pairs) on each side comes the verdict that has most of them. */
static int most_runs(const bench_comparison *c)
{
    int64_t n = 0;
    for (int32_t i = 0; i < c->finding_count; i++) {
        const bench_finding *f = &c->findings[i];
        const int64_t here = f->old_n < f->new_n ? f->old_n : f->new_n;
        if ((f->unit == BENCH_UNIT_PAIRS || f->unit == BENCH_UNIT_RUNS) && here > n)
            n = here;
    }
    return (int)n;
}

/* The floors for this comparison from a noise file, where there is one that fits. */
static zo_status read_floors(arguments *a, const char *path, const bench_comparison *c, const json_t *records,
                             zo_error *err)
{
    json_t *noise = NULL, *differences = json_array();
    zo_status st = ZO_OK;
    if (!a->noise && access(path, F_OK)) {
        if (!a->quiet && c->times)
            fprintf(stderr, "the noise of this machine is not known: zobench noise MANIFEST measures it\n");
        goto cleanup;
    }
    st = bench_noise_floor_load(path, &noise, err);
    if (st)
        goto cleanup;
    if (!bench_noise_floor_fits(noise, records, differences)) {
        fprintf(stderr, "%s is of another machine or build and not used:\n", path);
        bench_environment_print(differences, "  ", stderr);
        goto cleanup;
    }
    json_decref(a->floors);
    const int runs = most_runs(c);
    a->floors = bench_noise_floor_for(noise, runs > a->decisive ? runs : (int)a->decisive,
                                      bench_compare_tests(c), c->alpha);
    a->compare.floors = a->floors;
cleanup:
    json_decref(noise);
    json_decref(differences);
    return st;
}

/* Compares, with the floors that fit what is compared. noise: where a noise.json may lie. */
static zo_status compare(arguments *a, const json_t *old, const json_t *new_, const char *noise,
                         bench_comparison **out, zo_error *err)
{
    const json_t *thresholds = a->compare.thresholds;
    a->compare.floors = NULL;
    zo_status st = bench_compare(old, new_, &a->compare, out, err);
    if (!st)
        st = read_floors(a, a->noise ? a->noise : noise, *out, new_, err);
    a->compare.thresholds = thresholds;
    if (st || !a->compare.floors)
        return st;
    bench_comparison_free(*out);
    *out = NULL;
    return bench_compare(old, new_, &a->compare, out, err);
}

/* ---- results ---- */

static zo_status show(const arguments *a, const bench_comparison *c, const char *old_name,
                      const char *new_name, zo_error *err)
{
    if (!a->json)
        return bench_compare_markdown(c, old_name, new_name, stdout, err);
    json_t *o = bench_compare_to_json(c, old_name, new_name);
    if (!o || json_dumpf(o, stdout, JSON_INDENT(1))) {
        json_decref(o);
        return zo_fail(err, ZO_ERR_IO, "write the comparison");
    }
    putchar('\n');
    json_decref(o);
    return ZO_OK;
}

static int exit_code(const arguments *a, const bench_comparison *c)
{
    if (!a->gate)
        return BENCH_EXIT_OK;
    if (c->count[BENCH_REGRESSED])
        return BENCH_EXIT_REGRESSION;
    if (c->failed || json_array_size(c->only_old))
        return BENCH_EXIT_FAILED;
    return a->strict && c->count[BENCH_INCONCLUSIVE] ? BENCH_EXIT_INCONCLUSIVE : BENCH_EXIT_OK;
}

/* Refuses what cannot be compared, unless it is forced to. */
static zo_status check_environment(const arguments *a, const bench_comparison *c, zo_error *err)
{
    if (!bench_environment_spoils(c->differences, c->times, c->answers) || a->force)
        return ZO_OK;
    fprintf(stderr, "The two sides differ in more than the code:\n");
    bench_environment_print(c->differences, "  ", stderr);
    return zo_fail(err, ZO_ERR_INVALID,
                   "what differs above spoils the comparison; --force makes it all the same");
}

static int finish(const arguments *a, const bench_comparison *c, const char *old_name, const char *new_name,
                  zo_error *err)
{
    if (check_environment(a, c, err) || show(a, c, old_name, new_name, err))
        return BENCH_EXIT_USAGE;
    if (!a->quiet) {
        char headline[200];
        bench_compare_headline(c, headline, sizeof headline);
        fprintf(stderr, "%s\n", headline);
    }
    return exit_code(a, c);
}

/* ---- records ---- */

static int compare_records(arguments *a, zo_error *err)
{
    const char *old_name = a->rest[0], *new_name = a->rest[a->rest_count - 1];
    json_t *old = NULL, *new_ = NULL;
    bench_comparison *c = NULL;
    char *noise = bench_folder_path("%s/noise.json", new_name);
    int code = BENCH_EXIT_USAGE;
    zo_status st = bench_compare_load(old_name, &old, err);
    if (!st)
        st = bench_compare_load(new_name, &new_, err);
    if (!st && noise)
        st = compare(a, old, new_, noise, &c, err);
    if (!st && c)
        code = finish(a, c, old_name, new_name, err);
    bench_comparison_free(c);
    json_decref(old);
    json_decref(new_);
    free(noise);
    return code;
}

/* ---- builds ---- */

/* The ids of cells whose time or memory is not the same: to be measured again. New reference. */
static json_t *find_suspects(const bench_comparison *c)
{
    json_t *ids = json_object(), *record;
    size_t k;
    for (int32_t i = 0; i < c->finding_count; i++) {
        const bench_match *m = &c->matches[c->match_of[i]];
        if (c->findings[i].unit != BENCH_UNIT_PAIRS || c->findings[i].verdict == BENCH_SAME)
            continue;
        json_array_foreach(m->old_runs, k, record)
            json_object_set_new(ids, json_string_value(json_object_get(record, "cell_id")), json_true());
    }
    return ids;
}

/* At fewer pairs no order of them has a p that is small enough. */
static void warn_of_few(const arguments *a, const bench_comparison *c)
{
    const double tests = bench_compare_tests(c), p = exp2(1 - (double)most_runs(c));
    if (!a->quiet && tests > 0 && p * tests > c->alpha)
        fprintf(stderr, "%d pairs cannot show a change at alpha %g over %g tests: at least %g are needed\n",
                most_runs(c), c->alpha, tests, ceil(1 + log2(tests / c->alpha)));
}

/* A threshold below the noise is refused after the first pair of every cell, which says on what machine and build. */
static zo_status measure_first(arguments *a, bench_pairs *p, const char *noise, long *done, zo_error *err)
{
    const bool quiet = a->quiet;
    bench_comparison *c = NULL;
    *done = 0;
    if (!json_object_size(a->thresholds))
        return ZO_OK;
    zo_status st = bench_pairs_measure(p, NULL, 1, err);
    *done = 1;
    a->quiet = true; /* what there is to say is said at the end */
    if (!st && !bench_pairs_interrupted(p))
        st = compare(a, bench_pairs_old(p), bench_pairs_new(p), noise, &c, err);
    a->quiet = quiet;
    bench_comparison_free(c);
    return st;
}

static zo_status measure(arguments *a, bench_pairs *p, const char *noise, bench_comparison **c, zo_error *err)
{
    json_t *suspects = NULL;
    long done;
    a->decisive = a->again > a->count ? a->again : a->count;
    zo_status st = measure_first(a, p, noise, &done, err);
    if (!st && !bench_pairs_interrupted(p))
        st = bench_pairs_measure(p, NULL, (int)(a->count - done), err);
    if (!st && !bench_pairs_interrupted(p))
        st = compare(a, bench_pairs_old(p), bench_pairs_new(p), noise, c, err);
    if (st || !*c)
        return st;
    warn_of_few(a, *c);
    suspects = find_suspects(*c);
    if (a->again && json_object_size(suspects)) {
        if (!a->quiet) {
            char headline[200];
            bench_compare_headline(*c, headline, sizeof headline);
            fprintf(stderr, "at first: %s; %zu cell%s measured again, %ld pairs\n", headline,
                    json_object_size(suspects), json_object_size(suspects) == 1 ? "" : "s", a->again);
        }
        bench_comparison_free(*c);
        *c = NULL;
        a->quiet = true; /* what there is to say about the noise was said */
        bench_pairs_forget(p, suspects);
        st = bench_pairs_measure(p, suspects, (int)a->again, err);
        if (!st && !bench_pairs_interrupted(p))
            st = compare(a, bench_pairs_old(p), bench_pairs_new(p), noise, c, err);
    }
    json_decref(suspects);
    return st;
}

static int compare_builds(arguments *a, zo_error *err)
{
    bench_manifest *m = NULL;
    bench_pairs *p = NULL;
    bench_comparison *c = NULL;
    char *noise = NULL;
    int code = BENCH_EXIT_USAGE;
    const bool quiet = a->quiet;
    a->pairs.old_program = a->program[0];
    a->pairs.new_program = a->program[1];
    a->pairs.where = a->compare.where;
    a->pairs.progress = a->quiet ? NULL : stderr;
    a->compare.paired = true;
    zo_status st = bench_manifest_load_set(a->rest[0], a->sets, &m, err);
    if (!st)
        noise = bench_folder_path("%s/%s/noise.json", a->results, m->name);
    if (!st && !noise)
        st = zo_fail(err, ZO_ERR_MEMORY, "compare %s: out of memory", m->name);
    if (!st)
        st = bench_pairs_open(m, &a->pairs, &p, err);
    if (!st)
        st = measure(a, p, noise, &c, err);
    a->quiet = quiet;
    if (p && bench_pairs_interrupted(p))
        code = BENCH_EXIT_INTERRUPTED;
    else if (!st && c)
        code = finish(a, c, a->program[0], a->program[1] ? a->program[1] : "this program", err);
    bench_comparison_free(c);
    bench_pairs_free(p);
    bench_manifest_free(m);
    free(noise);
    return code;
}

int bench_cmd_compare(int argc, char **argv)
{
    zo_error err = {0};
    arguments a = {0};
    a.thresholds = json_object();
    a.old_where = json_object();
    a.new_where = json_object();
    a.where = json_object();
    a.sets = calloc((size_t)argc + 1, sizeof *a.sets);
    int code = a.sets ? parse(argc, argv, &a, &err) : BENCH_EXIT_USAGE + 1;
    code = code ? code - 1 : a.programs ? compare_builds(&a, &err) : compare_records(&a, &err);
    free(a.sets);
    json_decref(a.thresholds);
    json_decref(a.old_where);
    json_decref(a.new_where);
    json_decref(a.where);
    json_decref(a.floors);
    return bench_command_end("compare", &err, code);
}
