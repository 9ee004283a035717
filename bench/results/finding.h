/* What a comparison finds about one metric of one configuration, old against new: how large the change is, how sure, and
 * what to make of it.
 *
 * A change is a ratio new / old, or for shares (accuracy) a difference new - old. A verdict of regressed or improved needs
 * both: evidence (p, corrected by Holm over all findings of the comparison, at most alpha) and an effect that matters
 * (the change itself beyond the threshold). Same needs an interval that lies within the threshold on both sides. All
 * else is inconclusive: neither of the two was shown.
 */
#ifndef BENCH_FINDING_H
#define BENCH_FINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/record/metric.h"
#include "bench/base/stats.h"

typedef enum bench_verdict {
    BENCH_SAME,
    BENCH_IMPROVED,
    BENCH_REGRESSED,
    BENCH_INCONCLUSIVE,
} bench_verdict;

const char *bench_verdict_name(bench_verdict v); /* "same" ... */

/* What was drawn at random, and so what the interval and the test speak of. */
typedef enum bench_unit {
    BENCH_UNIT_PAIRS,    /* runs next to each other, in alternating order */
    BENCH_UNIT_RUNS,     /* runs of either side, unrelated */
    BENCH_UNIT_SEEDS,    /* the same training seeds on both sides */
    BENCH_UNIT_EXAMPLES, /* the same examples of the test set */
} bench_unit;

const char *bench_unit_name(bench_unit u, int64_t n); /* "pairs"; "pair" of one */

typedef struct bench_finding {
    const bench_metric *metric;
    bench_unit unit;
    int64_t old_n, new_n;        /* of the unit */
    double old_value, new_value; /* medians (runs, pairs), means (seeds, examples) */
    bool difference;             /* change is new - old; else new / old */
    bool
        certain; /* chance has no part: the same seed and data give the same answer. A difference is no noise, and is
                   * not tested */
    double change;
    bench_interval interval;
    const char *test;     /* static; "" where nothing is tested */
    double p, p_adjusted; /* NaN: not tested */
    double threshold;     /* smallest change that matters: 0.03 is 3%, or 3 points of a share */
    double floor;         /* smallest change that this machine can tell; NaN: not measured */
    bench_verdict verdict;
    int64_t more; /* inconclusive: so many more of the unit, on each side, would tell; 0: not known */
    char note[240];
} bench_finding;

/* Each fills a finding but for threshold, floor, p_adjusted, verdict and more. Samples are in recorded units. seed: of the
 * bootstrap. Without a value on one side the change is NaN.
 *
 * Pairs in the order in which they ran: median of the pairs' ratios, with an interval by a bootstrap in blocks of about
 * n^(1/3) neighbours (Kuensch 1989 for the rate), and signed ranks of their logarithms. */
void bench_finding_pairs(bench_finding *f, const bench_metric *m, const double *old, const double *new_,
                         size_t n, uint64_t seed);
/* Ratio of medians, bootstrap, Mann-Whitney. */
void bench_finding_runs(bench_finding *f, const bench_metric *m, const double *old, size_t old_n,
                        const double *new_, size_t new_n, uint64_t seed);
/* old[i] and new_[i] have the same seed: median of ratios (shares: differences), bootstrap, signed ranks. */
void bench_finding_seeds(bench_finding *f, const bench_metric *m, const double *old, const double *new_,
                         size_t n, uint64_t seed);
/* Of n examples only_old were right for the old alone, only_new for the new alone; both for both. McNemar. */
void bench_finding_examples(bench_finding *f, const bench_metric *m, int64_t both, int64_t only_old,
                            int64_t only_new, int64_t n);
/* Values that chance has no part in: mean over the same n seeds. */
void bench_finding_fixed(bench_finding *f, const bench_metric *m, const double *old, const double *new_,
                         size_t n);

/* Holm over all findings with a p, then the verdicts, and how many more runs would tell. Sets p_adjusted, verdict and
 * more; threshold must be set. false: out of memory. */
bool bench_findings_judge(bench_finding *f, size_t n, double alpha);
/* The verdict of one finding whose p_adjusted is set. */
void bench_finding_judge(bench_finding *f, double alpha);

/* The smallest change that n pairs from such noise can tell: a change of this size is found, with p below alpha, in nine
 * of ten comparisons. ratios: logarithms of new / old (count) of a program against itself. By drawing from them:
 * a function of its arguments. NaN where count < 6, 0 where all are 0. */
double bench_finding_floor(const double *ratios, size_t count, size_t pairs, double alpha);

#endif
