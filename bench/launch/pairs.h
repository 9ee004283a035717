/* Two builds of this program, old and new, run next to each other: pair after pair, in alternating order, every cell of a
 * manifest in turn, each repetition in a fresh child (cell.h), whose program is the one or the other.
 *
 * What drifts or bursts slower than a pair takes hits both sides alike, and what depends on who goes first hits each
 * side equally often. Nothing is written but what `keep` asks for.
 */
#ifndef BENCH_PAIRS_H
#define BENCH_PAIRS_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include "bench/manifest/manifest.h"
#include "core/base/error.h"

typedef struct bench_pairs_options {
    const char *old_program, *new_program; /* paths; NULL: this program itself */
    const json_t *where;                   /* cells, as bench_condition_match has it; NULL: all */
    const char *keep; /* folder for old.jsonl and new.jsonl with every record; NULL: records are not kept */
    FILE *progress;   /* NULL: quiet */
} bench_pairs_options;

typedef struct bench_pairs bench_pairs;

/* m is borrowed for as long as the pairs live. Fails: ZO_ERR_IO (a program that cannot be executed, keep cannot be
 * written), ZO_ERR_INVALID (no cell passes the filter), ZO_ERR_MEMORY, as bench_machine_describe. */
zo_status bench_pairs_open(const bench_manifest *m, const bench_pairs_options *o, bench_pairs **out,
                           zo_error *err);
void bench_pairs_free(bench_pairs *p);

/* n more pairs of every cell, or of those whose id is a key of `cells`. A cell that fails gives a record that says so and is
 * not tried again. Stops early where this process was asked to end. Fails as bench_child_run and bench_record_append. */
zo_status bench_pairs_measure(bench_pairs *p, const json_t *cells, int n, zo_error *err);
bool bench_pairs_interrupted(const bench_pairs *p);

/* Drops what was measured of these cells, so that what is measured next stands alone. */
void bench_pairs_forget(bench_pairs *p, const json_t *cells);

/* The records so far, pairs with equal cell_id and run: borrowed. */
const json_t *bench_pairs_old(const bench_pairs *p);
const json_t *bench_pairs_new(const bench_pairs *p);

#endif
