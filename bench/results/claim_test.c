/* Tests of claim.c and claim_text.c: results folders written by hand, and the verdicts that must come of them. */
#include "bench/results/claim.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "bench/base/folder.h"
#include "bench/record/record.h"

typedef struct fixture {
    char dir[256];
    bench_results *results;
    bench_claim *claims;
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    const char *tmp = getenv("TMPDIR");
    snprintf(f->dir, sizeof f->dir, "%s/zobench-claim-XXXXXX", tmp ? tmp : "/tmp");
    *state = f;
    return mkdtemp(f->dir) ? 0 : -1;
}

static void forget(fixture *f)
{
    if (f->results)
        bench_claims_free(f->claims, f->results->manifest->claim_count);
    bench_results_free(f->results);
    f->claims = NULL;
    f->results = NULL;
}

static int teardown(void **state)
{
    fixture *f = *state;
    forget(f);
    bench_folder_remove(f->dir, NULL);
    free(f);
    return 0;
}

/* none takes 100 ms in every run, inner and outer as the test says; the accuracy of seed s is that of the test, too. */
typedef struct plan {
    int32_t runs;
    double inner[8];         /* ms of run k; <= 0: no record */
    const char *fingerprint; /* of inner's records; NULL: as none's */
    int32_t only;            /* inner's ms are those of this seq_len, of all others 90; 0: of all */
    double accuracy[2][4];   /* of none and inner, by seed 1, 2 ... */
} plan;

static json_t *record_of(const bench_params *p, const plan *how, int32_t k)
{
    bool inner = p->parallel == ZO_PARALLEL_INNER;
    double ms = !inner ? 100 : how->only && p->seq_len != how->only ? 90 : how->inner[k];
    const char *print = inner && how->fingerprint ? how->fingerprint : "aaaaaaaaaaaa";
    double accuracy = p->seed >= 1 && p->seed <= 4 ? how->accuracy[inner][p->seed - 1] : 0;
    if (ms <= 0)
        return NULL;
    return json_pack("{s:s, s:n, s:{s:f, s:f}, s:{s:i}, s:{s:f, s:f}, s:s, s:{s:s}}", "status", "ok",
                     "reason", "time", "median_ns", ms * 1e6, "load_ns", ms * 2e6, "memory", "peak_rss_bytes",
                     1 << 20, "accuracy", "value", accuracy, "stderr", 0.01, "fingerprint", print, "machine",
                     "cpu", "Test Processor 3000");
}

/* A manifest with these further sections, its records, and the verdicts. */
static void judge(fixture *f, const char *sections, const plan *how)
{
    char text[4096], path[400];
    zo_error err = {0};
    forget(f);
    snprintf(text, sizeof text,
             "{\"schema\": \"zobench/1\", \"name\": \"c\", \"defaults\": {\"model\": \"synth:tiny\"}, %s}",
             sections);
    snprintf(path, sizeof path, "%s/manifest.json", f->dir);
    if (bench_folder_save(path, text, strlen(text), &err))
        fail_msg("%s", err.text);
    bench_manifest *m;
    if (bench_manifest_load(path, &m, &err))
        fail_msg("%s", err.text);
    snprintf(path, sizeof path, "%s/cells.jsonl", f->dir);
    remove(path);
    for (int32_t k = 0; k < how->runs; k++) {
        for (int32_t i = 0; i < m->cell_count; i++) {
            json_t *record = record_of(&m->cells[i].params, how, k);
            if (!record)
                continue;
            json_object_set_new(record, "schema", json_string(BENCH_RECORD_SCHEMA));
            json_object_set_new(record, "cell_id", json_string(m->cells[i].id));
            json_object_set_new(record, "run", json_integer(k));
            if (bench_record_append(path, record, &err))
                fail_msg("%s", err.text);
            json_decref(record);
        }
    }
    bench_manifest_free(m);
    if (bench_results_load(f->dir, NULL, &f->results, &err) ||
        bench_claims_judge(f->results, &f->claims, &err))
        fail_msg("%s", err.text);
}

static void expect(const fixture *f, int32_t claim, bench_verdict verdict, const char *reason)
{
    char text[1200];
    bench_claim_reason(&f->claims[claim], text, sizeof text);
    if (f->claims[claim].verdict != verdict || !strstr(text, reason))
        fail_msg("claim %d: %s: %s, not %s: ...%s...", claim,
                 bench_claim_verdict_text(f->claims[claim].verdict), text, bench_claim_verdict_text(verdict),
                 reason);
}

#define TWO "\"matrix\": {\"parallel\": [\"none\", \"inner\"]}, "
#define RATIO(rest)                                                                                          \
    TWO "\"claims\": [{\"id\": \"c\", \"source\": \"s\", \"ratio\": [\"none\", \"inner\"], \"of\": "         \
        "\"step_ns\", " rest "}]"

/* Ratios 2.0, 2.0, 2.0408, ...: clearly two times faster. */
static const plan twice = {.runs = 6, .inner = {50, 50, 49, 51, 50, 50}};

/* 95% of the median of six by order statistics is smallest to largest: 100/51 = 1.961 to 100/49 = 2.041. */
static void verdicts_of_ratios(void **state)
{
    static const struct {
        const char *rest;
        bench_verdict verdict;
        const char *reason;
    } cases[] = {
        {"\"paper\": 2.0, \"tolerance\": \"5%\"", BENCH_CLAIM_HOLDS,
         "Measured 2.00 [1.96, 2.04], wanted 1.90 to 2.10."},
        {"\"paper\": 2.0, \"bound\": \"up to\", \"tolerance\": \"5%\"", BENCH_CLAIM_HOLDS,
         "wanted 0.950 to 2.10"},
        {"\"paper\": 1.5, \"bound\": \"at least\"", BENCH_CLAIM_HOLDS, "wanted at least 1.50"},
        {"\"paper\": 3.0, \"tolerance\": \"5%\"", BENCH_CLAIM_DIRECTION_ONLY, "wanted 2.85 to 3.15"},
        {"\"paper\": 3.0, \"bound\": \"at least\"", BENCH_CLAIM_DIRECTION_ONLY, ""},
        {"\"paper\": 0.5, \"tolerance\": \"5%\"", BENCH_CLAIM_CONTRADICTED, "wanted 0.475 to 0.525"},
        {"\"paper\": 0.9, \"bound\": \"up to\"", BENCH_CLAIM_CONTRADICTED, "wanted up to 0.900"},
        {"\"paper\": 0.9, \"bound\": \"up to\", \"known_miss\": \"a slow cache\"", BENCH_CLAIM_KNOWN_MISS,
         "wanted up to 0.900; a slow cache."},
        {"\"paper\": 2.0, \"tolerance\": \"5%\", \"known_miss\": \"a slow cache\"", BENCH_CLAIM_HOLDS,
         "2.10; no longer a known miss (a slow cache)."},
        {"\"paper\": 9, \"expect\": 1.5, \"bound\": \"at least\"", BENCH_CLAIM_HOLDS, ""},
        {"\"paper\": 2.0, \"tolerance\": \"5%\", \"portable\": false", BENCH_CLAIM_NOT_COMPARABLE,
         "the claim is of other hardware"},
        {"\"paper\": 2.0, \"tolerance\": \"5%\", \"portable\": false, \"hardware\": \"Phone 8\"",
         BENCH_CLAIM_NOT_COMPARABLE, "the claim is of Phone 8, the records of Test Processor 3000"},
        {"\"paper\": 2.0, \"tolerance\": \"5%\", \"portable\": false, \"hardware\": \"Processor\"",
         BENCH_CLAIM_HOLDS, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char sections[1000];
        snprintf(sections, sizeof sections, RATIO("%s"), cases[i].rest);
        judge(*state, sections, &twice);
        expect(*state, 0, cases[i].verdict, cases[i].reason);
    }
}

/* How many runs are missing: none without an interval (three make one), else as the root of their number. */
static void inconclusive(void **state)
{
    fixture *f = *state;
    const plan once = {.runs = 1, .inner = {50}};
    judge(f, RATIO("\"paper\": 2.0, \"tolerance\": \"5%\""), &once);
    expect(f, 0, BENCH_CLAIM_INCONCLUSIVE, "one sample has no interval; about 2 more runs would tell.");
    assert_int_equal(f->claims[0].shown->missing, 2);

    /* Ratios 1.6 and 2: median 1.6, interval 1.6 to 2. Half its width is 0.4, the edge 0.3 away: 6 (4/3)^2 = 10.7 runs. */
    const plan wide = {.runs = 6, .inner = {62.5, 62.5, 62.5, 62.5, 50, 50}};
    judge(f, RATIO("\"expect\": 1.9, \"bound\": \"up to\""), &wide);
    expect(f, 0, BENCH_CLAIM_INCONCLUSIVE, "about 5 more runs would tell");
    judge(f, RATIO("\"expect\": 1.6001, \"bound\": \"at least\""), &wide);
    expect(f, 0, BENCH_CLAIM_INCONCLUSIVE, "too near to the edge for any number of runs up to 1000");

    /* Three runs: Student's t of logarithms, here of none that differ. */
    const plan few = {.runs = 3, .inner = {50, 50, 50}};
    judge(f, RATIO("\"paper\": 2.0, \"tolerance\": \"1%\""), &few);
    expect(f, 0, BENCH_CLAIM_HOLDS, "2.00 [2.00, 2.00]");
}

static void without_records(void **state)
{
    const plan nothing = {.runs = 1, .inner = {0}};
    judge(*state, RATIO("\"paper\": 2.0, \"tolerance\": \"5%\""), &nothing);
    expect(*state, 0, BENCH_CLAIM_NOT_RUN, "not run yet");
    const plan others = {.runs = 6, .inner = {50, 50, 49, 51, 50, 50}, .fingerprint = "bbbbbbbbbbbb"};
    judge(*state, RATIO("\"paper\": 2.0, \"tolerance\": \"5%\""), &others);
    expect(*state, 0, BENCH_CLAIM_NOT_COMPARABLE, "different machines or builds");
    judge(*state,
          TWO "\"claims\": [{\"id\": \"c\", \"source\": \"s\", \"ratio\": [{\"batch\": 1}, {\"batch\": 2}], "
              "\"of\": "
              "\"step_ns\", \"paper\": 1, \"tolerance\": \"1%\"}]",
          &twice);
    expect(*state, 0, BENCH_CLAIM_NOT_RUN, "The manifest has no such cells.");
    assert_int_equal(((fixture *)*state)->results->manifest->warning_count, 1);
}

/* Every pair that differs in nothing else is tested; the gravest verdict is the claim's. */
static void many_pairs(void **state)
{
    fixture *f = *state;
    char text[600];
    judge(f,
          "\"matrix\": {\"seq_len\": [8, 16], \"parallel\": [\"none\", \"inner\", \"outer\"]}, "
          "\"exclude\": [{\"seq_len\": 16, \"parallel\": \"outer\"}], "
          "\"claims\": [{\"id\": \"all\", \"source\": \"s\", \"ratio\": [{\"parallel\": \"none\"}, "
          "{\"parallel\": "
          "[\"inner\", \"outer\"]}], \"of\": \"step_ns\", \"expect\": 1.5, \"bound\": \"at least\"}]",
          &twice);
    assert_int_equal(f->claims[0].pair_count, 3);
    assert_int_equal(f->claims[0].counts[BENCH_CLAIM_HOLDS], 2);
    expect(f, 0, BENCH_CLAIM_CONTRADICTED,
           "3 pairs of configurations (contradicted: 1, holds: 2). At seq_len=8: measured 1.00 [1.00, 1.00], "
           "wanted at "
           "least 1.50.");
    bench_claim_records(f->claims[0].shown, text, sizeof text);
    const char *id = f->claims[0].shown->cells[0][0]->cell->id;
    assert_memory_equal(text, id, 12);
    assert_memory_equal(text + 12, " runs 0, 1, 2, 3, 4, 5; ", 24);
}

/* Eight pairs whose medians hold, and one, seq_len 8, that is outside by itself: slower by 2.5% to 4%, with the noise of its
 * runs. Expected p: SciPy 1.17.1, see below. */
static void one_of_many(void **state)
{
    static const char alone[] =
        "\"matrix\": {\"parallel\": [\"none\", \"inner\"]}, \"claims\": [{\"id\": \"c\", \"source\": \"s\", "
        "\"ratio\": [\"none\", \"inner\"], \"of\": \"step_ns\", \"expect\": 1, \"bound\": \"at least\"}]";
    static const char many[] =
        "\"matrix\": {\"seq_len\": [8, 16, 24, 32, 40, 48, 56, 64], \"parallel\": [\"none\", \"inner\"]}, "
        "\"claims\": [{\"id\": \"c\", \"source\": \"s\", \"ratio\": [\"none\", \"inner\"], \"of\": "
        "\"step_ns\", \"expect\": 1, \"bound\": \"at least\"%s}]";
    char sections[1000], text[600];
    fixture *f = *state;
    const plan noisy = {.runs = 6, .inner = {101, 103, 110, 102, 120, 101}, .only = 8};
    judge(f, alone, &(plan){.runs = 6, .inner = {101, 103, 110, 102, 120, 101}});
    expect(f, 0, BENCH_CLAIM_CONTRADICTED, "wanted at least 1.00.");
    assert_true(fabs(f->claims[0].shown->p - 0.03125) < 1e-12); /* binomtest(0, 6).pvalue */

    /* x = log(100 / [101, 103, ..]): ttest_1samp(x, 0).pvalue = 0.09496952750; times 8: 0.75975622.
     * With this mean and deviation, 15 runs are the fewest whose p, times 8, is at most 0.05. */
    snprintf(sections, sizeof sections, many, "");
    judge(f, sections, &noisy);
    expect(
        f, 0, BENCH_CLAIM_INCONCLUSIVE,
        "8 pairs of configurations (inconclusive: 1, holds: 7). At seq_len=8: measured 0.976 [0.833, 0.990], "
        "wanted at least 1.00; outside by itself, not among 8 pairs (p = 0.76 by Holm); about 9 more "
        "runs would tell");
    assert_true(fabs(f->claims[0].shown->p - 0.7597562199809984) < 1e-9);
    bench_claim_command(f->results, &f->claims[0], "d", text, sizeof text);
    assert_non_null(strstr(text, " --set measure.min_runs=15 d/manifest.json"));
    snprintf(sections, sizeof sections, many, ", \"known_miss\": \"noise\"");
    judge(f, sections, &noisy);
    expect(f, 0, BENCH_CLAIM_INCONCLUSIVE, "not among 8 pairs");

    /* Little noise, and it counts among all of them, though the signs of six runs alone could not tell. */
    const plan clear = {.runs = 6, .inner = {103, 103.5, 103.2, 102.9, 103.1, 103.3}, .only = 8};
    snprintf(sections, sizeof sections, many, "");
    judge(f, sections, &clear);
    expect(f, 0, BENCH_CLAIM_CONTRADICTED, "(contradicted: 1, holds: 7). At seq_len=8: measured 0.969");
    assert_true(f->claims[0].shown->p < 0.001);
}

/* The command names what is narrower than the manifest, quoted for a shell. */
static void commands(void **state)
{
    fixture *f = *state;
    char text[600];
    judge(f,
          "\"matrix\": {\"batch\": [1, 2], \"parallel\": [\"none\", \"inner\", \"outer\"]}, "
          "\"claims\": [{\"id\": \"c\", \"source\": \"s\", \"ratio\": [\"none\", \"inner\"], \"of\": "
          "\"step_ns\", "
          "\"paper\": 2, \"tolerance\": \"5%\"}]",
          &twice);
    bench_claim_command(f->results, &f->claims[0], "results/it's", text, sizeof text);
    assert_string_equal(
        text, "zobench run --filter parallel=none --filter parallel=inner 'results/it'\\''s/manifest.json' "
              "&& zobench report results/c");
    for (size_t cap = 1; cap < sizeof text; cap++) { /* never beyond the room there is */
        char *small = malloc(cap);
        bench_claim_command(f->results, &f->claims[0], "results/it's", small, cap);
        bench_claim_reason(&f->claims[0], small, cap);
        bench_claim_records(f->claims[0].shown, small, cap);
        free(small);
    }
}

/* Differences of accuracies, by seeds: 0.02, 0.04, 0.03: mean 0.03, sd 0.01, half width t(0.975, 2) = 4.3027 times
 * 0.01 / sqrt 3, 0.0248. The value's interval holds the test set's error too: half width 0.0287 over seeds, hypot with 1.96
 * times 0.01: 0.0347. One seed: 1.96 * hypot(0.01, 0.01) = 0.0277. */
static void differences(void **state)
{
    static const char sections[] = TWO "\"seeds\": [1, 2, 3], \"claims\": ["
                                       "{\"id\": \"a\", \"source\": \"s\", \"difference\": [\"inner\", "
                                       "\"none\"], \"of\": \"accuracy\", \"paper\": "
                                       "0.016, \"expect\": 0.001, \"bound\": \"at least\"},"
                                       "{\"id\": \"b\", \"source\": \"s\", \"value\": {\"parallel\": "
                                       "\"inner\"}, \"of\": \"accuracy\", \"paper\": "
                                       "0.9, \"tolerance\": \"10%\"}]";
    const plan how = {.runs = 1, .inner = {50}, .accuracy = {{0.8, 0.8, 0.81}, {0.82, 0.84, 0.84}}};
    fixture *f = *state;
    judge(f, sections, &how);
    expect(f, 0, BENCH_CLAIM_HOLDS, "Measured 3.0 % [0.5, 5.5], wanted at least 0.1 %.");
    assert_true(fabs(f->claims[0].shown->interval.low - (0.03 - 4.302652730 * 0.01 / sqrt(3))) < 1e-9);
    expect(f, 1, BENCH_CLAIM_INCONCLUSIVE, "more seeds would tell");
    bench_table *t = bench_claims_table(f->claims, 2);
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(bench_table_write(t, BENCH_FORMAT_CSV, out, NULL), ZO_OK);
    fclose(out);
    assert_string_equal(text,
                        "claim,verdict,published,ours,deviation,asked\n"
                        "a,holds,1.6 %,\"3.0 % [0.5, 5.5]\",+1.4 points,at least 0.1 %\n"
                        "b,inconclusive,90.0 %,\"83.3 % [79.9, 86.8]\",-6.67 points,81.0 % to 99.0 %\n");
    free(text);
    bench_table_free(t);

    /* Seeds that agree, but 1.96 times 0.01 from examples, more than the 0.01 to the edge: seeds would not help. */
    const plan agreed = {.runs = 1, .inner = {50}, .accuracy = {{0.8, 0.8, 0.8}, {0.8, 0.8, 0.8}}};
    judge(f, sections, &agreed);
    expect(f, 1, BENCH_CLAIM_INCONCLUSIVE, "the test set has too few examples to tell.");

    /* 2 by step time, 2 by load time, which the records give as twice the step time: 1 of the other. */
    judge(f, RATIO("\"over\": \"load_ns\", \"expect\": 1, \"tolerance\": \"1%\""), &twice);
    expect(f, 0, BENCH_CLAIM_HOLDS, "Measured 1.00 [1.00, 1.00]");
    judge(f, RATIO("\"over\": \"tokens_per_s\", \"expect\": 1, \"tolerance\": \"1%\""), &twice);
    expect(f, 0, BENCH_CLAIM_NOT_RUN, "not measured");

    const plan one = {.runs = 1, .inner = {50}, .accuracy = {{0.8}, {0.84}}};
    judge(f,
          TWO "\"seeds\": [1], \"claims\": [{\"id\": \"a\", \"source\": \"s\", \"difference\": [\"inner\", "
              "\"none\"], "
              "\"of\": \"accuracy\", \"expect\": 0.01, \"bound\": \"at least\"}]",
          &one);
    expect(f, 0, BENCH_CLAIM_HOLDS, "Measured 4.0 % [1.2, 6.8]");
}

/* What a claim says of published values stands in results/reference/, with the same source. */
static void shipped_claims_have_references(void **state)
{
    static const char *const manifests[] = {"experiments/parallel.json", "experiments/parallel-map.json"};
    (void)state;
    json_error_t where;
    json_t *reference = json_load_file("results/reference/mobizo.json", JSON_REJECT_DUPLICATES, &where);
    if (!reference)
        fail_msg("results/reference/mobizo.json:%d: %s", where.line, where.text);
    for (size_t i = 0; i < sizeof manifests / sizeof *manifests; i++) {
        bench_manifest *m;
        zo_error err = {0};
        int32_t published = 0;
        if (bench_manifest_load(manifests[i], &m, &err))
            fail_msg("%s", err.text);
        for (int32_t k = 0; k < m->claim_count; k++) {
            const bench_claim_spec *c = &m->claims[k];
            const json_t *value = json_object_get(json_object_get(reference, "values"), c->id);
            if (isnan(c->paper))
                continue;
            published++;
            assert_non_null(value);
            assert_true(json_number_value(json_object_get(value, "value")) == c->paper);
            assert_string_equal(json_string_value(json_object_get(value, "source")), c->source);
        }
        assert_true(published > 0);
        bench_manifest_free(m);
    }
    json_decref(reference);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(verdicts_of_ratios), TEST(inconclusive),
        TEST(without_records),    TEST(many_pairs),
        TEST(one_of_many),        TEST(commands),
        TEST(differences),        cmocka_unit_test(shipped_claims_have_references),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
