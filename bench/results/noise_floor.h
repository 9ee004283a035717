/* The noise floor of a machine: a program compared with itself, kept in a file that later comparisons quote.
 *
 * results/NAME/noise.json: { "schema": "zobench/noise/1", "manifest": {"name", "sha256"}, "started": "..", "pairs": 24,
 *   "alpha": 0.01, "tests": 4, "machine": {..}, "build": {..},
 *   "cells": [ { "label": "..", "metrics": { "step_ns": { "log_ratios": [new / old of every pair], "floor": 0.02 } } } ],
 *   "floors": { "step_ns": 0.02, "peak_rss_bytes": 0.004 } }
 * A floor is the smallest change that nine of ten comparisons of `pairs` pairs find at alpha over `tests` tests (Holm's
 * first step); over the cells it is the largest of theirs.
 */
#ifndef BENCH_NOISE_FLOOR_H
#define BENCH_NOISE_FLOOR_H

#include <jansson.h>

#include "bench/results/compare.h"
#include "core/base/error.h"

#define BENCH_NOISE_FLOOR_SCHEMA "zobench/noise/1"

/* The file's object from a comparison of a program with itself, without manifest and started. record: of the comparison,
 * for machine and build. New reference; NULL: out of memory. */
json_t *bench_noise_floor_make(const bench_comparison *c, int pairs, const json_t *record);

/* Reads a file. Fails: ZO_ERR_IO, ZO_ERR_FORMAT. */
zo_status bench_noise_floor_load(const char *path, json_t **out, zo_error *err);

/* { metric: floor } for comparisons of so many pairs and tests at alpha, from the log ratios that are kept; null
 * where so few pairs could not find any. New reference. */
json_t *bench_noise_floor_for(const json_t *noise, int pairs, int tests, double alpha);

/* Was it measured on such a machine and build as the records are of? What differs is added to `differences` (environment.h). */
bool bench_noise_floor_fits(const json_t *noise, const json_t *records, json_t *differences);

#endif
