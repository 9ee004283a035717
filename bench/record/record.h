/* Records: one JSON object per line in results/NAME/cells.jsonl, appended and fsynced.
 *
 * A record is the result of one repetition of one cell. What was not measured is null, with the reason in a key of
 * the same name + "_reason". Shape (units are in the keys):
 *
 * { "schema": "zobench/record/1", "cell": {every parameter}, "cell_id": "a1b2c3d4e5f6", "run": 0,
 *   "status": "ok" | "failed" | "timeout" | "oom" | "crashed" | "nan", "reason": null | "text",
 *   "started": "2026-01-31T12:00:00Z", "wall_ns": 1 (of the child, from fork to end),
 *   "schedule": {"order": "interleave", "order_seed": 1, "block": 0, "position": 3 (in the block), "index": 7 (in the session)},
 *   "stopping": {"decision": "go on" | "enough" | "narrow" | "max_runs" | "no time" | "failed", "runs": 6, "ci": 0.02,
 *                "half_width": 0.011} (schedule.h: of the cell, with this repetition; run.h: the session says what else ended it),
 *   "time": { "step_ns": [every counted step], "warmup_ns": [..], "warmup": {measure.h}, "median_ns": 1.0, "ci_ns": [low, high] of the median,
 *             "ci_coverage": 0.97 (0.95 asked; less with fewer than six steps),
 *             "phases_ns": {"data": 1.0, "perturb": .., "linear": .., "lowrank": .., "attention": .., "small": .., "head": ..,
 *                           "loss": .., "update": .., "other": ..}
 *                              (core/base/phase.h; mean per counted step; they add up to the mean of step_ns),
 *             "small_of_step": 0.08 (attention, small and loss of it; SwiGLU is fused into linear),
 *             "tokens_per_step": 1.0, "padded_tokens_per_step": 1.0 (means, of all forwards of a step;
 *                                the second with the padding that is run),
 *             "tokens_per_s": 1.0 (without padding, over the median), "load_ns": 1 (to the first step),
 *             "eval_ns": 1 (all evaluations together), "predicted_ns": 1.0 (of the whole, by the roofline: plan.h), "resumed_at": [steps] (only where a checkpoint was taken up) },
 *   "limits": {"timeout_s": 7200.0, "memory_bytes": 1 (memory_limit.h)},
 *   "memory": { "peak_rss_bytes": 1, "rss_anon_bytes": 1, "rss_file_bytes": 1 (at the end),
 *               "accounts": {"weights": 1, ...peak bytes}, "program_bytes": 1 (resident at the start),
 *               "predicted_bytes": 1 (program_bytes and plan.h),
 *               "rss_curve": [[step, bytes], ...], "rss_growth": {memory_growth.h} },
 *   "weights": {"linear": "nf4", "embedding": "bf16", "head": "bf16", "norms": "f32" (biases too),
 *               "mapped_bytes": 0 (used straight from the model file, in no account)} | null,
 *   "roofline": { "flops_per_step": 1.0 (by formula), "achieved_flops_per_s": 1.0 (over the median),
 *                 "bytes_per_step": 1.0 (by formula), "bytes": {"weights": .., "adapter": .., "activations": ..},
 *                 "achieved_bytes_per_s": 1.0, "of_peak": 0.8 (of the arithmetic peak), "of_bandwidth": 0.1,
 *                 "binds": "compute" | "memory", "predicted_step_ns": 1.0, "of_roofline": 0.8 (predicted over median),
 *                 "counted_fp_ops_per_s": 1.0, "counted_bytes_per_step": 1.0, "counted_bytes_per_s": 1.0 (by counters,
 *                 last-level misses being 64 bytes each) }
 *                 (roofline.h; a step that is not faster than the model's: of_roofline is at most 1),
 *   "peaks": {roofline.h: measured by the launcher at most a minute before, with as many threads} | null,
 *   "counters": {"steps": 5, "cycles_per_step": 1.0, "instructions_per_step": .., "llc_misses_per_step": ..,
 *                "fp_ops_per_step": .., "energy_j_per_step": .., "source": {"cycles": "perf_event PAPI_TOT_CYC", ..,
 *                "library": "PAPI 7.0.0"}} | null (counter.h),
 *   "accuracy": { "task": "sst2", "metric": "accuracy/class", "chance": 0.5, "value": 0.5 (after the last step),
 *                 "initial": 0.5, "best": 0.5, "stderr": 0.01, "initial_stderr": 0.01, "n": 872,
 *                 "curve": [[0, 0.5], [20, 0.6]],
                 "right": "c4.." (which of the n were right after the last step, for tests on the same examples: four
                           to a hex digit, the first at its highest bit, zeros at the end) } | null,
 *   "loss": { "curve": [[0, 0.69], ...one per step, mean of its losses], "eval_curve": [[0, 0.7], ...] },
 *   "numerics": { "projected_gradient_rms": 1.0 (of all steps, as computed),
 *                 "precision": (core/train/rounding.h; on the batches that would follow the last step, with the adapter as it
 *                               is then; not in times and memory) null where the parameter numerics is 0 |
 *                   { "batches": 2, "samples": 8 (projected gradients), "eps": 0.01,
 *                     against f32 weights with compute f32:
 *                     "loss": 0.7, "loss_change": 0.001 (means over the batches),
 *                     "logit_rms": 3.0 (of f32, about each row's mean), "logit_change_rms": 0.01, "logit_change_max": 0.1,
 *                     "kl_nats": 1e-5 (mean divergence from f32's next tokens), "same_top": 1.0 (share of label rows),
 *                     rounding, of projected gradients: signal = exact, in double, for the same decoded weights and eps;
 *                     noise = as computed, less the signal; snr = signal_rms / noise_rms, known to about
 *                     1 / sqrt(samples) of itself:
 *                     "signal_rms": 2.0, "noise_rms": 0.05, "snr": 40.0, "loss_noise_rms": 1e-3 (of one loss),
 *                     weights alone, of exact projected gradients with those of f32 weights:
 *                     "correlation": 0.99 (about zero), "same_sign": 1.0 (share) } },
 *   "fingerprint": "a1b2c3d4e5f6" (machine.h), "machine": {machine.h}, "build": {build.h},
 *   "backend": {"name": "native" | "openblas" | "null", "library": "zobench", "version": "..", ...} (bench/backend/backend.h; of
 *              openblas: openblas.h; records of earlier builds have none: native),
 *   "blas_kernel": {"asked": "auto", "core_type": "SkylakeX" | null, "how": "..", ...} (kernel_choice.h; where a cell asked),
 *   "binding": {"policy": "cores", "threads": [{"thread": 0, "pu": 0, ...}, ...]} | null (binding.h),
 *   "inputs": {"model": {"path": "..", "bytes": 1, "sha256": ".."}, "train": {.. "lines_skipped": 2 (where the publisher's file has broken ones)}, "validation": ..,
 *              "adapter": ..,
 *              "template": {"sha256": ".."}, "manifest": {"path": "..", "sha256": ".."}} (inputs.h),
 *   "seeds": {"seed": 42, "noise": "0x0123456789abcdef", "data_order": .., "adapter_init": ..} }
 */
#ifndef BENCH_RECORD_H
#define BENCH_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "core/base/error.h"

#define BENCH_RECORD_SCHEMA "zobench/record/1"

/* Appends one line and fsyncs; the file is made where it is missing. A previous line that lacks its newline (power
 * cut) is first ended, so that it never joins with the new one; a line that could not be written whole is taken back.
 * Fails: ZO_ERR_IO, ZO_ERR_INVALID (record cannot be written as JSON). */
zo_status bench_record_append(const char *path, const json_t *record, zo_error *err);

/* All records of a file, as a new array. A torn line is skipped and counted in *torn (may be NULL); a record of
 * another schema fails with ZO_ERR_FORMAT "file:line". A missing file gives an empty array. */
zo_status bench_records_load(const char *path, json_t **out, int *torn, zo_error *err);

/* Does it say that all went well? Everything else counts as a repetition that has to be done again, or has no numbers. */
bool bench_record_ok(const json_t *record);
/* "timeout: more than 15m" of a record that is not ok; ends in "..." where it does not fit (cap >= 8). */
void bench_record_reason(const json_t *record, char *out, size_t cap);

/* Of several records of the same cell_id and run (a failed one that was tried again) the last: a new array, in the
 * file's order. NULL: out of memory. */
json_t *bench_records_latest(const json_t *records);

/* Repetitions (cell_id and run) of which there is more than one record that says ok, as where files of machines that did
 * the same are put together; *same: those whose records are all equal, as where one file was taken twice. */
int bench_records_doubled(const json_t *records, int *same);

/* A number, new reference; null where JSON has no such number. */
json_t *bench_record_json(double value);

/* What is not known: object[key] = null, object[key_reason] = reason. */
void bench_record_unknown(json_t *object, const char *key, const char *reason);
/* object[key] = value, or null and "not finite" where JSON has no such number. */
void bench_record_real(json_t *object, const char *key, double value);
/* object[key] = value (taken), or null and the reason where value is NULL. */
void bench_record_set(json_t *object, const char *key, json_t *value, const char *reason);

#endif
