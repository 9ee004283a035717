/* Claims: what a manifest says of its cells, held against the records.
 *
 * A claim is tested on every pair of configurations that its sides choose and that differ in nothing else but the seed; each
 * pair gets a verdict, and the claim the gravest of its pairs. One of many pairs lies outside by chance sooner than one
 * alone: direction only, contradicted and known miss therefore also ask that p, corrected by Holm over the claim's pairs, is
 * at most 0.05. Holds asks every pair at once, where no correction is due (Berger 1982, Technometrics 24(4):
 * intersection-union tests).
 */
#ifndef BENCH_CLAIM_H
#define BENCH_CLAIM_H

#include <stdint.h>

#include "bench/results/results.h"
#include "bench/base/table.h"

/* In order of gravity: the last one that a pair has is the claim's. */
typedef enum bench_verdict {
    BENCH_CLAIM_HOLDS,      /* the whole interval is within what is claimed */
    BENCH_CLAIM_KNOWN_MISS, /* it does not, and the manifest says why */
    BENCH_CLAIM_NOT_RUN,    /* a side has no record that is ok */
    BENCH_CLAIM_NOT_COMPARABLE, /* the sides are of different machines or builds, or the claim is of another processor */
    BENCH_CLAIM_INCONCLUSIVE, /* the interval reaches over an edge, or there is none */
    BENCH_CLAIM_DIRECTION_ONLY, /* outside, yet on the side of "no effect" (ratio 1, difference 0) that is claimed */
    BENCH_CLAIM_CONTRADICTED, /* outside */
    BENCH_CLAIM_VERDICTS
} bench_verdict;

/* "direction only" */
const char *bench_claim_verdict_text(bench_verdict v);

/* One comparison. */
typedef struct bench_claim_pair {
    const bench_result **cells[2]; /* owned; of the two sides, one per seed; a value has one side */
    int32_t count[2];
    char label[300]; /* what tells the pair from the others; "" where it is the only one */
    double value;    /* NaN: unknown */
    /* 95%, of pairs of runs (median: order statistics from six on, below Student's t of logarithms) or of seeds (mean,
     * Student's t; of an accuracy's value with the standard error over its examples added in squares); of one seed: from the
     * standard errors over its examples. coverage 0: none */
    bench_interval interval;
    int32_t n; /* samples */
    double
        p; /* of a value within what is claimed, two-sided, by Holm over the claim's pairs; NaN: not tested */
    double
        p_ranks; /* uncorrected: by the signs of the samples' distances from the nearest edge; NaN: not of a median */
    double p_normal; /* uncorrected: by Student's t, as the interval of fewer samples; NaN: none */
    double
        examples;  /* of the interval's half width: the part that no number of seeds makes smaller; 0: none */
    double effect; /* distance from the nearest edge over the standard deviation; NaN: unknown */
    int32_t
        missing; /* inconclusive: runs that would likely tell; 0: no number of runs that anyone would make */
    bench_verdict verdict;
    char why[400];
} bench_claim_pair;

typedef struct bench_claim {
    const bench_claim_spec *spec; /* borrowed from the results' manifest */
    double low, high;             /* what our value may be; -INFINITY, INFINITY: no edge */
    bench_claim_pair *pairs;      /* owned */
    int32_t pair_count;
    int32_t counts[BENCH_CLAIM_VERDICTS]; /* pairs by verdict */
    const bench_claim_pair *shown;        /* the pair that decided; NULL: there are none */
    bench_verdict verdict;
} bench_claim;

/* Judges every claim of the manifest; *out (manifest->claim_count) is the caller's, to be given to
 * bench_claims_free. Fails: ZO_ERR_MEMORY. */
zo_status bench_claims_judge(const bench_results *r, bench_claim **out, zo_error *err);
void bench_claims_free(bench_claim *claims, int32_t count);

/* One or two sentences: why the verdict is what it is. */
void bench_claim_reason(const bench_claim *c, char *out, size_t cap);
/* The records of a pair, "a1b2c3d4e5f6 runs 0-5, ...". */
void bench_claim_records(const bench_claim_pair *p, char *out, size_t cap);
/* The command that runs what the claim needs, missing runs included, and judges it, in results/NAME, where run writes;
 * dir: of the results that have the manifest. */
void bench_claim_command(const bench_results *r, const bench_claim *c, const char *dir, char *out,
                         size_t cap);

/* Both NULL where memory is out: a row per claim (published value, ours, deviation, verdict), and one per pair. */
bench_table *bench_claims_table(const bench_claim *claims, int32_t count);
bench_table *bench_claims_pairs(const bench_claim *claims, int32_t count);

/* [{"id": .., "verdict": .., "pairs": [..], "records": [..], "command": ".."}]: new reference. */
json_t *bench_claims_to_json(const bench_results *r, const bench_claim *claims, int32_t count,
                             const char *dir);

#endif
