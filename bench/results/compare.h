/* Two sets of records, old and new, brought together cell by cell, and what is found in them.
 *
 * Cells are matched by their parameters, seed apart: the seeds of a configuration belong together. Where old and new are
 * chosen by a condition on parameters (method=mezo against method=prge), those parameters do not count in matching, nor, where
 * the method is one of them and nothing fits better, does parallel, which follows from it. Where both conditions leave one
 * configuration each, those two are compared.
 */
#ifndef BENCH_COMPARE_H
#define BENCH_COMPARE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "bench/results/finding.h"
#include "core/base/error.h"

#define BENCH_COMPARE_SCHEMA "zobench/compare/1"

typedef struct bench_compare_options {
    const char *const *metrics; /* names, NULL-terminated; NULL: step_ns, peak_rss_bytes, accuracy, loss */
    double alpha;               /* 0: 0.01 */
    const json_t *thresholds;   /* metric: smallest change that matters, over the default; NULL: none given */
    const json_t
        *floors; /* metric: smallest change that this machine can tell (noise_floor.h); NULL: not measured */
    const json_t *where;                 /* records that count, as bench_condition_match has it; NULL: all */
    const json_t *old_where, *new_where; /* the same for either side, for what shall differ; NULL: all */
    bool paired;                         /* records of the same cell and run ran next to each other */
} bench_compare_options;

/* A configuration that both sides have. */
typedef struct bench_match {
    char label[200];
    json_t *old_runs, *new_runs; /* records that are ok, by seed and run; owned */
    json_t *failed;              /* ["new: timeout: ..."]: repetitions without a result; owned */
    bool identical;              /* the same parameters, model, data and template on both sides */
} bench_match;

typedef struct bench_comparison {
    bench_match *matches;
    int32_t match_count;
    bench_finding *findings; /* in the order of matches and metrics */
    int32_t *match_of;       /* (finding_count) */
    int32_t finding_count;
    json_t *differences;         /* environment.h */
    json_t *only_old, *only_new; /* labels of configurations without a partner */
    bool times, answers;         /* what the metrics are, for bench_environment_spoils */
    int32_t count[4];            /* findings by verdict */
    int32_t failed;              /* repetitions of matched cells without a result */
    double alpha;
} bench_comparison;

/* Records of a file, of FOLDER/cells.jsonl, or of both. New reference at *out: the latest of every cell and run.
 * Fails as bench_records_load does; ZO_ERR_IO where there is no such file. */
zo_status bench_compare_load(const char *path, json_t **out, zo_error *err);

/* Matches and judges. Fails: ZO_ERR_INVALID (no configuration is on both sides; a threshold below the machine's noise floor;
 * unknown metric), ZO_ERR_FORMAT (a record's parameters are not known), ZO_ERR_MEMORY. */
zo_status bench_compare(const json_t *old, const json_t *new_, const bench_compare_options *o,
                        bench_comparison **out, zo_error *err);
void bench_comparison_free(bench_comparison *c);

/* Markdown, fit for a comment on a pull request: a headline, what differs besides the code, a table, what its terms
 * mean. */
zo_status bench_compare_markdown(const bench_comparison *c, const char *old_name, const char *new_name,
                                 FILE *out, zo_error *err);
/* New reference. */
json_t *bench_compare_to_json(const bench_comparison *c, const char *old_name, const char *new_name);
/* How many findings have a p: what Holm corrects for. */
int bench_compare_tests(const bench_comparison *c);
/* "2 regressed, 1 improved, 5 same, 0 inconclusive" */
void bench_compare_headline(const bench_comparison *c, char *out, size_t cap);

#endif
