/* The diff of environments: in what, besides the code, two sets of records differ, and which numbers that spoils.
 *
 * A difference "spoils" times (another machine, BLAS kernel, number of threads ...), answers (another template, model, data)
 * or nothing that is measured (the commit, which is meant to differ; compiler and flags, which may be what is compared):
 * the latter is said, the former refuses the comparison unless it is forced.
 */
#ifndef BENCH_ENVIRONMENT_H
#define BENCH_ENVIRONMENT_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

/* Compares the records of one cell on both sides (arrays) and adds what differs to `differences`, an array of
 *   { "what": "BLAS kernel", "path": "backend.core", "old": ["Haswell"], "new": ["Cooperlake"],
 *     "spoils_times": true, "spoils_answers": false, "cells": ["method=prge"] }
 * old and new hold the values that occur (null: not recorded); several on one side are a difference of their own. What earlier builds did not record is said, and spoils nothing. A side
 * without records differs in nothing. The same
 * difference of another cell only adds its label. */
void bench_environment_add(json_t *differences, const json_t *old, const json_t *new_, const char *label);

/* Is there a difference that spoils times, or answers, where those are compared? */
bool bench_environment_spoils(const json_t *differences, bool times, bool answers);

/* One line per difference, each after `prefix`: "BLAS kernel: Haswell -> Cooperlake (spoils times; 2 cells)". */
void bench_environment_print(const json_t *differences, const char *prefix, FILE *out);

#endif
