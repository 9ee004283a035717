/* Tests of compare.c, compare_output.c, environment.c and noise_floor.c on made-up records. */
#include "bench/results/compare.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/results/environment.h"
#include "bench/results/noise_floor.h"
#include "bench/base/folder.h"
#include "bench/record/record.h"

/* What a made-up record is made of; the rest is the same for all. */
typedef struct made {
    const char *method, *parallel;
    int seed, run;
    double step_ns, loss;
    const char *right; /* bits of 16 examples */
    const char *cpu, *template;
    const char *status;
} made;

static const made plain = {"prge", "both", 42, 0, 1e7, 0.5, "ff00", "a cpu", "a template", "ok"};

static json_t *make_record(made r)
{
    int ones = 0;
    for (unsigned long bits = r.right ? strtoul(r.right, NULL, 16) : 0; bits; bits &= bits - 1)
        ones++;
    json_t *o =
        json_pack("{s:s, s:{s:s, s:s, s:i}, s:s, s:i, s:s, s:s, s:{s:f}, s:{s:I}, s:{s:[[i, f]]}, s:{s:s}, "
                  "s:{s:{s:s}}}",
                  "schema", BENCH_RECORD_SCHEMA, "cell", "method", r.method, "parallel", r.parallel, "seed",
                  r.seed, "cell_id", "0123456789ab", "run", r.run, "status", r.status, "reason", "", "time",
                  "median_ns", r.step_ns, "memory", "peak_rss_bytes", (json_int_t)100000000, "loss", "curve",
                  0, r.loss, "machine", "cpu", r.cpu, "inputs", "template", "sha256", r.template);
    assert_non_null(o);
    if (r.right)
        json_object_set_new(o, "accuracy",
                            json_pack("{s:f, s:f, s:i, s:s}", "value", ones / 16.0, "stderr", 0.12, "n", 16,
                                      "right", r.right));
    return o;
}

/* n runs whose times go up and down by 1%, in another order for another `from`. */
static json_t *make_runs(made r, int n, int from)
{
    json_t *list = json_array();
    const double step_ns = r.step_ns;
    for (int i = 0; i < n; i++) {
        r.run = i;
        r.step_ns = step_ns * (1 + 0.002 * ((i * 7 + from) % 11 - 5));
        json_array_append_new(list, make_record(r));
    }
    return list;
}

static json_t *joined(json_t *a, json_t *b)
{
    json_array_extend(a, b);
    json_decref(b);
    return a;
}

/* Takes the arrays; NULL where it fails, with the text in err. */
static bench_comparison *compare(json_t *old, json_t *new_, bench_compare_options o, zo_error *err)
{
    bench_comparison *c = NULL;
    zo_status st = bench_compare(old, new_, &o, &c, err);
    assert_true(!st == (c != NULL));
    json_decref(old);
    json_decref(new_);
    return c;
}

static const bench_finding *finding(const bench_comparison *c, const char *metric, bench_unit unit)
{
    for (int32_t i = 0; c && i < c->finding_count; i++)
        if (strcmp(c->findings[i].metric->name, metric) == 0 && c->findings[i].unit == unit)
            return &c->findings[i];
    fail_msg("no finding of %s", metric);
    return NULL;
}

static void stored_runs(void **state)
{
    (void)state;
    zo_error err = {0};
    made slow = plain;
    slow.step_ns *= 1.06;
    bench_comparison *c =
        compare(make_runs(plain, 20, 0), make_runs(slow, 20, 3), (bench_compare_options){0}, &err);
    const bench_finding *f = finding(c, "step_ns", BENCH_UNIT_RUNS);
    assert_int_equal(f->verdict, BENCH_REGRESSED);
    assert_true(fabs(f->change - 1.06) < 1e-9 && f->interval.low > 1.04 && f->interval.high < 1.08);
    assert_int_equal(finding(c, "peak_rss_bytes", BENCH_UNIT_RUNS)->verdict, BENCH_SAME);
    assert_int_equal(finding(c, "loss", BENCH_UNIT_SEEDS)->verdict, BENCH_SAME);
    assert_true(finding(c, "loss", BENCH_UNIT_SEEDS)->certain);
    assert_true(finding(c, "accuracy", BENCH_UNIT_EXAMPLES)->certain);
    assert_int_equal(c->count[BENCH_REGRESSED], 1);
    assert_int_equal(c->count[BENCH_SAME], 3);
    assert_int_equal(bench_compare_tests(c), 2); /* time and memory: the others leave nothing to chance */
    /* two tests: Holm doubles the smaller p */
    assert_true(fabs(f->p_adjusted - 2 * f->p) < 1e-18);
    bench_comparison_free(c);
    /* three runs say nothing, but how many would */
    c = compare(make_runs(plain, 3, 0), make_runs(slow, 3, 3), (bench_compare_options){0}, &err);
    f = finding(c, "step_ns", BENCH_UNIT_RUNS);
    assert_int_equal(f->verdict, BENCH_INCONCLUSIVE);
    assert_true(f->more >= 3);
    bench_comparison_free(c);
}

static void cells_are_matched(void **state)
{
    (void)state;
    zo_error err = {0};
    made mezo = plain, inner = plain, failed = plain;
    mezo.method = "mezo", mezo.parallel = "none";
    inner.parallel = "inner";
    failed.status = "timeout", failed.run = 20;
    bench_comparison *c = compare(joined(make_runs(plain, 8, 0), make_runs(mezo, 8, 1)),
                                  joined(joined(make_runs(inner, 8, 2), make_runs(mezo, 8, 3)),
                                         json_pack("[o]", make_record(plain))),
                                  (bench_compare_options){0}, &err);
    assert_int_equal(c->match_count, 2);
    assert_string_equal(c->matches[0].label, "method=prge");
    assert_string_equal(c->matches[1].label, "method=mezo");
    assert_int_equal(json_array_size(c->only_new), 1);
    assert_int_equal(json_array_size(c->only_old), 0);
    bench_comparison_free(c);
    /* one side's failures are counted, and their cell is still compared */
    c = compare(make_runs(plain, 8, 0), joined(make_runs(plain, 8, 0), json_pack("[o]", make_record(failed))),
                (bench_compare_options){0}, &err);
    assert_int_equal(c->failed, 1);
    assert_string_equal(json_string_value(json_array_get(c->matches[0].failed, 0)), "new: timeout");
    bench_comparison_free(c);
    /* one run on each side: how many more it takes at least */
    c = compare(make_runs(plain, 1, 0), make_runs(plain, 1, 0), (bench_compare_options){0}, &err);
    assert_int_equal(finding(c, "step_ns", BENCH_UNIT_RUNS)->more, 5);
    bench_comparison_free(c);
    /* a record whose parameters are none */
    json_t *bad = make_runs(plain, 1, 0);
    json_object_set_new(json_array_get(bad, 0), "cell", json_string("x"));
    json_object_del(json_array_get(bad, 0), "cell_id");
    assert_null(compare(bad, make_runs(plain, 1, 0), (bench_compare_options){0}, &err));
    assert_int_equal(err.status, ZO_ERR_FORMAT);
    err = (zo_error){0};
    /* nothing in common */
    assert_null(compare(make_runs(plain, 2, 0), make_runs(mezo, 2, 0), (bench_compare_options){0}, &err));
    assert_int_equal(err.status, ZO_ERR_INVALID);
    assert_non_null(strstr(err.text, "(old has 1, new 1); the nearest two differ in method, parallel"));
}

/* The parallelism follows from the method, and where each condition leaves one cell, that is what is compared. */
static void methods_meet(void **state)
{
    (void)state;
    zo_error err = {0};
    made mezo = plain, unbatched = plain, inner = plain;
    mezo.method = "mezo", mezo.parallel = "none";
    unbatched.parallel = "none", inner.parallel = "inner";
    json_t *is_mezo = json_pack("{s:s}", "method", "mezo"), *is_prge = json_pack("{s:s}", "method", "prge");
    const bench_compare_options o = {.old_where = is_mezo, .new_where = is_prge};
    bench_comparison *c = compare(make_runs(mezo, 3, 0), make_runs(plain, 3, 0), o, &err);
    assert_int_equal(c->match_count, 1);
    assert_string_equal(c->matches[0].label, "method=mezo -> prge, parallel=none -> both");
    assert_false(c->matches[0].identical);
    bench_comparison_free(c);
    /* of several, the one that differs in nothing else */
    c = compare(make_runs(mezo, 3, 0), joined(make_runs(plain, 3, 0), make_runs(unbatched, 3, 0)), o, &err);
    assert_int_equal(c->match_count, 1);
    assert_string_equal(c->matches[0].label, "method=mezo -> prge");
    bench_comparison_free(c);
    /* it is not guessed which of two that differ in more */
    assert_null(
        compare(make_runs(mezo, 3, 0), joined(make_runs(plain, 3, 0), make_runs(inner, 3, 0)), o, &err));
    assert_non_null(strstr(err.text, "narrow --old and --new"));
    /* two folders of one cell each are another matter: nobody said that they belong together */
    err = (zo_error){0};
    assert_null(compare(make_runs(mezo, 3, 0), make_runs(plain, 3, 0), (bench_compare_options){0}, &err));
    json_decref(is_mezo);
    json_decref(is_prge);
}

/* method=mezo against method=prge in the same records; the two conditions leave parallel out of the matching. */
static void cells_that_differ(void **state)
{
    (void)state;
    zo_error err = {0};
    made mezo = plain;
    mezo.method = "mezo", mezo.parallel = "none", mezo.right = "f000", mezo.step_ns = 2e7, mezo.loss = 0.9;
    json_t *all = joined(make_runs(plain, 12, 0), make_runs(mezo, 12, 1)),
           *old = json_pack("{s:s, s:s}", "method", "mezo", "parallel", "none"),
           *new_ = json_pack("{s:s, s:s}", "method", "prge", "parallel", "both");
    bench_comparison *c = compare(json_incref(all), json_incref(all),
                                  (bench_compare_options){.old_where = old, .new_where = new_}, &err);
    assert_int_equal(c->match_count, 1);
    assert_false(c->matches[0].identical);
    assert_string_equal(c->matches[0].label, "method=mezo -> prge, parallel=none -> both");
    assert_int_equal(finding(c, "step_ns", BENCH_UNIT_RUNS)->verdict, BENCH_IMPROVED);
    /* another cell: one seed's loss is no evidence, however far apart */
    assert_int_equal(finding(c, "loss", BENCH_UNIT_SEEDS)->verdict, BENCH_INCONCLUSIVE);
    /* 0xff00 against 0xf000: four examples right for new alone, none for old: p = 2 / 2^4 */
    const bench_finding *f = finding(c, "accuracy", BENCH_UNIT_EXAMPLES);
    assert_true(fabs(f->p - 0.125) < 1e-12 && fabs(f->change - 0.25) < 1e-12);
    assert_int_equal(f->verdict, BENCH_INCONCLUSIVE);
    bench_comparison_free(c);
    json_decref(all);
    json_decref(old);
    json_decref(new_);
}

/* Accuracy has two error bars: of the examples and over the seeds. They are two findings. */
static void two_error_bars(void **state)
{
    (void)state;
    zo_error err = {0};
    static const char *const bits[] = {"f000", "fc00", "f800", "f000", "ff00", "f000", "f800", "fc00"};
    json_t *old = json_array(), *new_ = json_array(), *mezo = json_pack("{s:s}", "method", "rge"),
           *prge = json_pack("{s:s}", "method", "prge");
    for (int i = 0; i < 8; i++) {
        made r = plain;
        r.seed = i;
        r.right = bits[i];
        r.loss = 0.5 + 0.01 * i;
        json_array_append_new(new_, make_record(r));
        r.method = "rge", r.right = "c000";
        r.loss *= 1.2;
        json_array_append_new(old, make_record(r));
    }
    bench_comparison *c =
        compare(old, new_, (bench_compare_options){.old_where = mezo, .new_where = prge}, &err);
    const bench_finding *of_examples = finding(c, "accuracy", BENCH_UNIT_EXAMPLES),
                        *over_seeds = finding(c, "accuracy", BENCH_UNIT_SEEDS);
    assert_int_equal(of_examples->old_n, 16);
    assert_int_equal(over_seeds->old_n, 8);
    /* all eight seeds agree: 2 / 2^8; the least p of a seed is 2 / 2^6 (0xff00 against 0xc000), times 8 seeds */
    assert_true(fabs(over_seeds->p - 2 / 256.0) < 1e-12);
    assert_true(fabs(of_examples->p - 8 * 2 / 64.0) < 1e-12);
    /* mean over the seeds of 4, 6, 5, 4, 8, 4, 5, 6 of 16, less 2 of 16 */
    assert_true(fabs(of_examples->change - (42 / 8.0 - 2) / 16) < 1e-12);
    /* the loss fell by 1.2 for each of the eight seeds */
    assert_true(fabs(finding(c, "loss", BENCH_UNIT_SEEDS)->change - 1 / 1.2) < 1e-9);
    bench_comparison_free(c);
    json_decref(mezo);
    json_decref(prge);
}

/* A wrong answer needs no repetition: the same cell, the same seed, another loss. */
static void wrong_answers(void **state)
{
    (void)state;
    zo_error err = {0};
    made wrong = plain, broken = plain;
    wrong.loss = 0.7;
    broken.right = "0012";
    bench_comparison *c =
        compare(make_runs(plain, 2, 0), make_runs(wrong, 2, 0), (bench_compare_options){0}, &err);
    assert_int_equal(finding(c, "loss", BENCH_UNIT_SEEDS)->verdict, BENCH_REGRESSED);
    bench_comparison_free(c);
    c = compare(make_runs(plain, 2, 0), make_runs(broken, 2, 0), (bench_compare_options){0}, &err);
    /* eight right for old alone, two for new alone: 2 (1 + 10 + 45) / 2^10, counted by hand */
    assert_true(fabs(finding(c, "accuracy", BENCH_UNIT_EXAMPLES)->p - 112 / 1024.0) < 1e-12);
    bench_comparison_free(c);
    /* a loss that is not the same in the runs of one side is no basis */
    json_t *unsteady = joined(make_runs(plain, 1, 0), json_array());
    wrong.run = 1;
    json_array_append_new(unsteady, make_record(wrong));
    c = compare(unsteady, make_runs(wrong, 2, 0), (bench_compare_options){0}, &err);
    assert_int_equal(finding(c, "loss", BENCH_UNIT_SEEDS)->verdict, BENCH_INCONCLUSIVE);
    bench_comparison_free(c);
    /* without bits, or with bits that cannot be: shares as if independent */
    static const char *const spoilt[] = {"0", "00zz"};
    for (size_t i = 0; i < 2; i++) {
        json_t *old = make_runs(plain, 1, 0), *new_ = make_runs(broken, 1, 0);
        json_object_set_new(json_object_get(json_array_get(new_, 0), "accuracy"), "right",
                            json_string(spoilt[i]));
        c = compare(old, new_, (bench_compare_options){0}, &err);
        assert_string_equal(finding(c, "accuracy", BENCH_UNIT_EXAMPLES)->test, "z of independent shares");
        bench_comparison_free(c);
    }
}

static void environments(void **state)
{
    (void)state;
    zo_error err = {0};
    made other = plain;
    other.cpu = "another cpu";
    bench_comparison *c =
        compare(make_runs(plain, 6, 0), make_runs(other, 6, 0), (bench_compare_options){0}, &err);
    assert_int_equal(json_array_size(c->differences), 1);
    assert_true(bench_environment_spoils(c->differences, true, false));
    assert_false(bench_environment_spoils(c->differences, false, true));
    bench_comparison_free(c);
    other = plain;
    other.template = "another template";
    c = compare(make_runs(plain, 6, 0), make_runs(other, 6, 0), (bench_compare_options){0}, &err);
    assert_true(bench_environment_spoils(c->differences, false, true));
    /* other prompts: the examples are not the same */
    assert_string_equal(finding(c, "accuracy", BENCH_UNIT_EXAMPLES)->test, "z of independent shares");
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    bench_environment_print(c->differences, "> ", f);
    fclose(f);
    assert_string_equal(text,
                        "> template: a template -> another template (spoils times and answers; 1 cell)\n");
    free(text);
    bench_comparison_free(c);
    c = compare(make_runs(plain, 6, 0), make_runs(plain, 6, 1), (bench_compare_options){0}, &err);
    assert_int_equal(json_array_size(c->differences), 0);
    bench_comparison_free(c);
    /* an earlier build, which did not record its settings, is no other machine; settings that differ are */
    json_t *before = make_runs(plain, 6, 0), *later = make_runs(plain, 6, 0), *r;
    size_t i;
    json_array_foreach(later, i, r)
        json_object_set_new(r, "build", json_pack("{s:{s:s}}", "settings", "OMP_WAIT_POLICY", "passive"));
    c = compare(json_incref(before), json_incref(later), (bench_compare_options){0}, &err);
    assert_int_equal(json_array_size(c->differences), 1);
    assert_false(bench_environment_spoils(c->differences, true, true));
    bench_comparison_free(c);
    json_array_foreach(before, i, r) json_object_set_new(r, "build", json_pack("{s:{}}", "settings"));
    c = compare(before, later, (bench_compare_options){0}, &err);
    assert_true(bench_environment_spoils(c->differences, true, false));
    bench_comparison_free(c);
    /* one side measured on two machines */
    c = compare(make_runs(plain, 6, 0),
                joined(make_runs(plain, 6, 1), make_runs((made){.method = "prge",
                                                                .parallel = "both",
                                                                .seed = 42,
                                                                .step_ns = 1,
                                                                .loss = 0.5,
                                                                .cpu = "another",
                                                                .template = "a template",
                                                                .status = "ok"},
                                                         1, 0)),
                (bench_compare_options){0}, &err);
    assert_true(bench_environment_spoils(c->differences, true, false));
    bench_comparison_free(c);
}

static void thresholds(void **state)
{
    (void)state;
    zo_error err = {0};
    made slow = plain;
    slow.step_ns *= 1.06;
    json_t *wide = json_pack("{s:f}", "step_ns", 0.1), *narrow = json_pack("{s:f}", "step_ns", 0.02),
           *floors = json_pack("{s:f}", "step_ns", 0.08);
    bench_comparison *c = compare(make_runs(plain, 20, 0), make_runs(slow, 20, 3),
                                  (bench_compare_options){.thresholds = wide}, &err);
    assert_int_equal(finding(c, "step_ns", BENCH_UNIT_RUNS)->verdict, BENCH_SAME);
    bench_comparison_free(c);
    /* noise above the default of 3% is said, and hides nothing that was shown; what was asked for is refused */
    c = compare(make_runs(plain, 20, 0), make_runs(slow, 20, 3), (bench_compare_options){.floors = floors},
                &err);
    assert_true(finding(c, "step_ns", BENCH_UNIT_RUNS)->threshold == 0.03);
    assert_true(finding(c, "step_ns", BENCH_UNIT_RUNS)->floor == 0.08);
    assert_string_equal(finding(c, "step_ns", BENCH_UNIT_RUNS)->note,
                        "this machine's noise may hide changes below 8%");
    assert_int_equal(finding(c, "step_ns", BENCH_UNIT_RUNS)->verdict, BENCH_REGRESSED);
    bench_comparison_free(c);
    assert_null(compare(make_runs(plain, 20, 0), make_runs(slow, 20, 3),
                        (bench_compare_options){.floors = floors, .thresholds = narrow}, &err));
    assert_int_equal(err.status, ZO_ERR_INVALID);
    assert_non_null(strstr(err.text, "noise"));
    json_decref(wide);
    json_decref(narrow);
    json_decref(floors);
}

static void no_nan(const json_t *o)
{
    char *text = json_dumps(o, 0);
    assert_non_null(text);
    assert_null(strstr(text, "nan"));
    assert_null(strstr(text, "inf"));
    free(text);
}

static void output(void **state)
{
    (void)state;
    zo_error err = {0};
    made slow = plain;
    slow.step_ns *= 1.06;
    bench_comparison *c =
        compare(make_runs(plain, 20, 0), make_runs(slow, 20, 3), (bench_compare_options){0}, &err);
    json_t *o = bench_compare_to_json(c, "a", "b");
    const json_t *first = json_array_get(json_object_get(o, "findings"), 0);
    no_nan(o);
    assert_string_equal(json_string_value(json_object_get(o, "schema")), BENCH_COMPARE_SCHEMA);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(o, "count"), "regressed")), 1);
    assert_string_equal(json_string_value(json_object_get(first, "verdict")), "regressed");
    assert_int_equal(json_array_size(json_object_get(first, "old_samples")), 20);
    assert_true(json_is_null(json_object_get(first, "noise_floor")));
    json_decref(o);
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    assert_int_equal(bench_compare_markdown(c, "a`b", "b", f, &err), ZO_OK);
    fclose(f);
    assert_non_null(strstr(text, "### zobench compare: 1 regressed, 0 improved, 3 same, 0 inconclusive"));
    const char *worst = strstr(text, "| regressed");
    assert_non_null(worst);
    assert_true(worst < strstr(text, "| same"));
    assert_non_null(strstr(text, "+6.0% ["));
    assert_non_null(strstr(text, "Measured on a cpu.\n\n|"));
    assert_non_null(strstr(text, "Holm over the 2 findings that are tested"));
    assert_null(strstr(text, "nan"));
    assert_null(strstr(text, "<details>"));
    free(text);
    bench_comparison_free(c);
    /* much that is the same is folded away, below what is not */
    static const char *const methods[] = {"prge", "mezo", "rge", "zero-shot"};
    json_t *old = make_runs(slow, 8, 0), *new_ = make_runs(slow, 8, 1);
    for (int i = 0; i < 4; i++) {
        made r = plain;
        r.method = methods[i], r.parallel = "inner";
        joined(old, make_runs(r, 8, 0));
        r.step_ns *= i ? 1 : 1.1;
        joined(new_, make_runs(r, 8, 1));
    }
    c = compare(old, new_, (bench_compare_options){0}, &err);
    assert_int_equal(c->count[BENCH_SAME], 19);
    text = NULL;
    f = open_memstream(&text, &n);
    assert_int_equal(bench_compare_markdown(c, "a", "b", f, &err), ZO_OK);
    fclose(f);
    const char *folded = strstr(text, "<details><summary>19 the same</summary>");
    assert_non_null(folded);
    assert_true(strstr(text, "| regressed") < folded && strstr(text, "| same") > folded);
    assert_non_null(strstr(folded, "</details>"));
    free(text);
    bench_comparison_free(c);
}

/* However many cells there are, the Markdown fits a comment on GitHub, and what is worst is in it. */
static void much_output(void **state)
{
    (void)state;
    zo_error err = {0};
    json_t *old = json_array(), *new_ = json_array();
    for (int i = 1; i <= 100; i++) {
        for (int side = 0; side < 2; side++) {
            json_t *runs = make_runs((made){"prge", "both", 42, 0, i == 99 && side ? 2e7 : 1e7, 0.5, "ff00",
                                            "a cpu", "a template", "ok"},
                                     8, 0),
                   *r;
            size_t k;
            json_array_foreach(runs, k, r)
                json_object_set_new(json_object_get(r, "cell"), "queries", json_integer(i));
            joined(side ? new_ : old, runs);
        }
    }
    bench_comparison *c = compare(old, new_, (bench_compare_options){.alpha = 0.5}, &err);
    assert_int_equal(c->count[BENCH_REGRESSED], 1);
    assert_int_equal(c->finding_count, 400);
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    assert_int_equal(bench_compare_markdown(c, "a", "b", f, &err), ZO_OK);
    fclose(f);
    assert_true(n < 65536);
    assert_non_null(strstr(text, "| queries=99"));
    assert_non_null(strstr(text, "250 findings more are left out; --json has them all."));
    free(text);
    bench_comparison_free(c);
}

static void floors(void **state)
{
    (void)state;
    zo_error err = {0};
    json_t *old = make_runs(plain, 24, 0), *noise = NULL, *differences = json_array();
    json_t *record = json_deep_copy(json_array_get(old, 0));
    bench_comparison *c =
        compare(json_incref(old), make_runs(plain, 24, 3), (bench_compare_options){.paired = true}, &err);
    json_t *o = bench_noise_floor_make(c, 24, record);
    no_nan(o);
    const double at_24 = json_number_value(json_object_get(json_object_get(o, "floors"), "step_ns"));
    assert_true(at_24 > 0.001 && at_24 < 0.02); /* differences of 1% in 24 pairs */
    assert_true(json_number_value(json_object_get(json_object_get(o, "floors"), "peak_rss_bytes")) == 0);
    const char *tmp = getenv("TMPDIR");
    char *path = bench_folder_path("%s/noise-test-%d.json", tmp && *tmp ? tmp : "/tmp", (int)getpid());
    assert_int_equal(bench_folder_save_json(path, o, &err), ZO_OK);
    assert_int_equal(bench_noise_floor_load(path, &noise, &err), ZO_OK);
    json_t *fewer = bench_noise_floor_for(noise, 12, 2, 0.01),
           *none = bench_noise_floor_for(noise, 3, 2, 0.01);
    assert_true(json_number_value(json_object_get(fewer, "step_ns")) > at_24);
    assert_true(json_is_null(json_object_get(none, "step_ns"))); /* three pairs never find anything */
    assert_true(bench_noise_floor_fits(noise, old, differences));
    json_t *other = json_deep_copy(json_array_get(old, 1)), *build = json_object();
    json_object_set_new(other, "build", build);
    json_object_set_new(build, "openmp_threads",
                        json_integer(7)); /* a cell of 7 threads, beside the one before */
    json_object_set_new(build, "settings", json_pack("{s:s}", "OMP_NUM_THREADS", "7"));
    json_object_set_new(noise, "build", json_pack("{s:{}}", "settings"));
    json_array_set_new(old, 1, other);
    json_t *with = json_pack("[O]", other);
    json_array_clear(differences);
    assert_true(bench_noise_floor_fits(noise, with, differences)); /* threads are no matter */
    json_object_set_new(json_object_get(build, "settings"), "OMP_WAIT_POLICY", json_string("passive"));
    assert_false(bench_noise_floor_fits(noise, with, differences));
    json_decref(with);
    json_object_set_new(json_object_get(noise, "machine"), "cpu", json_string("another"));
    assert_false(bench_noise_floor_fits(noise, old, differences));
    json_object_set_new(noise, "schema", json_string("zobench/noise/0"));
    json_t *bad = NULL;
    bench_folder_save_json(path, noise, NULL);
    assert_int_equal(bench_noise_floor_load(path, &bad, &err), ZO_ERR_FORMAT);
    unlink(path);
    assert_int_equal(bench_noise_floor_load(path, &bad, NULL), ZO_ERR_IO);
    json_decref(fewer);
    json_decref(none);
    json_decref(noise);
    json_decref(o);
    json_decref(old);
    json_decref(record);
    json_decref(differences);
    free(path);
    bench_comparison_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stored_runs),    cmocka_unit_test(cells_are_matched),
        cmocka_unit_test(methods_meet),   cmocka_unit_test(cells_that_differ),
        cmocka_unit_test(two_error_bars), cmocka_unit_test(wrong_answers),
        cmocka_unit_test(environments),   cmocka_unit_test(thresholds),
        cmocka_unit_test(output),         cmocka_unit_test(much_output),
        cmocka_unit_test(floors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
