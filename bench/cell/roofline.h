/* The roofline: what a training step could take at best on this machine, and how near a measured one comes.
 *
 * The model adds up, for the forwards of a step (core/model/cost.h counts them):
 *
 *   a group of frozen maps   max(operations / peak of the compute unit, bytes of weights / bandwidth)
 *                                + values / rate of unpacking: a panel's weights stream in while the one before is
 *                                multiplied (linear.c), and nothing does while one is unpacked. There are two rates,
 *                                as blocks of panels are smaller for a few rows
 *                            (frozen f32 in compute f32 is read where it lies, and not unpacked; compute int8 scales sums:
 *                            for each row, output channel and block of inputs a multiply-add in f32, for nf4 two. The head is
 *                            multiplied in bf16)
 *   adapters and attention   operations / f32 peak
 *   activations, replicas    bytes / bandwidth: the small operators stand between the maps and overlap with none, and
 *                            replicas of the adapters are written before they are read
 *   noise                    values / rate of noise, for replicas and the update
 *   sweeps                   8 bytes for each trained value and sweep / bandwidth: the update's, and in place (mezo, full) those
 *                            to and fro
 *
 * The bandwidth is that of reading as many bytes as the weights have again and again: memory's from one and a half times the
 * last-level caches on, below that as measured at half of them, three quarters and all, between these by interpolation.
 * Peaks and rates are measured in the same run as the step; nothing is fitted. Source: Williams, Waterman, Patterson
 * 2009, "Roofline: An Insightful Visual Performance Model for Multicore Architectures".
 */
#ifndef BENCH_ROOFLINE_H
#define BENCH_ROOFLINE_H

#include <stdbool.h>

#include <jansson.h>

#include "bench/manifest/params.h"
#include "bench/machine/peak.h"
#include "core/format/config.h"
#include "core/model/cost.h"
#include "core/base/error.h"

/* bench_peak_measure's object with
 *   "noise_values_per_s": 1.0,
 *   "unpack_values_per_s": {"f32": {"f32": 1.0, ...by precision}, "bf16": {..}, ..},     by compute, of the weights that it is for; in cache
 *   "unpack_few_values_per_s": the same in blocks for a few rows (ZO_LINEAR_FEWEST tiles)
 * New reference. Fails as bench_peak_measure does. */
zo_status bench_roofline_measure(int threads, double seconds, json_t **out, zo_error *err);

typedef struct bench_roof {
    /* where the processor has no such unit, or bf16's is the slower one: that of the one before */
    double flops_per_s[ZO_COMPUTE_COUNT];
    double read_bytes_per_s;
    double cache_bytes;                           /* 0: unknown */
    double cached_bytes_per_s[BENCH_PEAK_CACHED]; /* of arrays as large as half of it, three quarters, all */
    double noise_values_per_s;
    double unpack_values_per_s[ZO_COMPUTE_COUNT][ZO_PRECISION_COUNT];
    double unpack_few_values_per_s[ZO_COMPUTE_COUNT][ZO_PRECISION_COUNT];
} bench_roof;

/* What is missing of the rates of kernels, as from bench_peak_measure alone, costs nothing (infinity). False: peaks is
 * no such object, or lacks f32_flops_per_s or read_bytes_per_s. */
bool bench_roofline_read(const json_t *peaks, bench_roof *out);

/* Of a whole step. */
typedef struct bench_roofline {
    double flops, weight_bytes, adapter_bytes, activation_bytes;
    /* with a roof; NaN without */
    double flops_ns; /* all operations at the peaks of their units */
    double bytes_ns; /* all bytes at the bandwidth */
    double step_ns;  /* the model's prediction */
    bool memory;     /* the prediction's larger part is waiting for memory */
} bench_roofline;

/* One step of a cell (method not zero-shot), of forwards like `each`. roof may be NULL. */
void bench_roofline_predict(const bench_params *p, const zo_config *c, zo_cost_rows each,
                            const bench_roof *roof, bench_roofline *out);

/* A record's "roofline" (record.h) but for flops_per_step and achieved_flops_per_s, which the history knows: added to
 * `object`. c NULL: no step was timed, and all of it is unknown. peaks NULL or null: what needs them is null with the
 * reason `why` (NULL: nobody measured them). */
void bench_roofline_put(json_t *object, const bench_params *p, const zo_config *c, zo_cost_rows each,
                        const json_t *peaks, const char *why, double median_ns);

/* What the record's counters (counter.h) say of the same, added to `object`: floating-point operations, and bytes from
 * memory, 64 for each last-level miss. Where there is no counter: null, and its reason. */
void bench_roofline_counted(json_t *object, const json_t *record, double median_ns);

#endif
