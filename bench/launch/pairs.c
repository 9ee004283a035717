/* See pairs.h. */
#include "bench/launch/pairs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/base/folder.h"
#include "bench/launch/launch.h"
#include "bench/manifest/condition.h"
#include "bench/record/record.h"

enum { OLD, NEW, SIDES };

static const char *const side_names[SIDES] = {"old", "new"};

typedef struct paired_cell {
    const bench_cell *cell;
    char label[160];
    int runs; /* pairs so far, forgotten ones too */
    bool failed;
} paired_cell;

struct bench_pairs {
    const bench_manifest *m;
    bench_pairs_options o;
    const char *program[SIDES];
    json_t *records[SIDES];
    char *keep[SIDES];
    paired_cell *cells;
    int cell_count;
    char *scratch; /* folder for checkpoints, emptied after every child */
    bench_launch launch;
};

/* ---- opening ---- */

static zo_status choose_cells(bench_pairs *p, zo_error *err)
{
    p->cells = calloc((size_t)p->m->cell_count + 1, sizeof *p->cells);
    if (!p->cells)
        return zo_fail(err, ZO_ERR_MEMORY, "compare %s: out of memory", p->m->name);
    for (int32_t i = 0; i < p->m->cell_count; i++) {
        const bench_cell *cell = &p->m->cells[i];
        paired_cell *c = &p->cells[p->cell_count];
        if (!bench_condition_match(&cell->params, p->o.where))
            continue;
        c->cell = cell;
        bench_manifest_label(p->m, &cell->params, c->label, sizeof c->label);
        p->cell_count++;
    }
    return p->cell_count ? ZO_OK
                         : zo_fail(err, ZO_ERR_INVALID, "compare %s: no cell passes the filter", p->m->name);
}

static zo_status open_keep(bench_pairs *p, zo_error *err)
{
    zo_status st = p->o.keep ? bench_folder_make(p->o.keep, err) : ZO_OK;
    for (int s = 0; s < SIDES && p->o.keep && !st; s++) {
        p->keep[s] = bench_folder_path("%s/%s.jsonl", p->o.keep, side_names[s]);
        st = p->keep[s] ? bench_folder_set_aside(p->keep[s], err)
                        : zo_fail(err, ZO_ERR_MEMORY, "compare %s: out of memory", p->m->name);
    }
    return st;
}

static zo_status make_scratch(bench_pairs *p, zo_error *err)
{
    const char *tmp = getenv("TMPDIR");
    p->scratch = bench_folder_path("%s/zobench-pairs.XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (p->scratch && mkdtemp(p->scratch))
        return ZO_OK;
    free(p->scratch);
    p->scratch = NULL;
    return zo_fail(err, ZO_ERR_IO, "make a folder for checkpoints: %s", strerror(errno));
}

zo_status bench_pairs_open(const bench_manifest *m, const bench_pairs_options *o, bench_pairs **out,
                           zo_error *err)
{
    zo_status st = ZO_OK;
    *out = NULL;
    bench_pairs *p = calloc(1, sizeof *p);
    if (!p)
        return zo_fail(err, ZO_ERR_MEMORY, "compare %s: out of memory", m->name);
    *p = (bench_pairs){.m = m,
                       .o = *o,
                       .program = {o->old_program, o->new_program},
                       .launch = {.signals = {.fd = -1}}};
    for (int s = 0; s < SIDES && !st; s++) {
        if (p->program[s] && access(p->program[s], X_OK))
            st = zo_fail(err, ZO_ERR_IO, "execute %s: %s", p->program[s], strerror(errno));
        p->records[s] = json_array();
    }
    if (!st)
        st = choose_cells(p, err);
    if (!st)
        st = open_keep(p, err);
    if (!st)
        st = make_scratch(p, err);
    if (!st)
        st = bench_launch_open(&p->launch, &(bench_launch_options){.m = m, .folder = p->scratch}, err);
    if (st) {
        bench_pairs_free(p);
        return st;
    }
    bench_progress_init(&p->launch.progress, o->progress && isatty(fileno(o->progress)) ? o->progress : NULL,
                        0);
    *out = p;
    return ZO_OK;
}

void bench_pairs_free(bench_pairs *p)
{
    if (!p)
        return;
    bench_launch_close(&p->launch);
    for (int s = 0; s < SIDES; s++) {
        json_decref(p->records[s]);
        free(p->keep[s]);
    }
    if (p->scratch)
        bench_folder_remove(p->scratch, NULL);
    free(p->scratch);
    free(p->cells);
    free(p);
}

/* ---- one child ---- */

/* One repetition of a cell by the program of a side. An interrupted child leaves no record. */
static zo_status run_child(bench_pairs *p, paired_cell *c, int s, zo_error *err)
{
    char *checkpoints = bench_folder_path("%s/checkpoints", p->scratch);
    json_t *record = NULL;
    zo_status st =
        bench_launch_repetition(&p->launch, c->cell, c->label, c->runs, p->program[s], &record, err);
    if (record) {
        json_array_append(p->records[s], record);
        c->failed |= !bench_record_ok(record);
        bench_progress_end(&p->launch.progress, record);
        if (p->keep[s])
            st = bench_record_append(p->keep[s], record, err);
    }
    if (checkpoints)
        bench_folder_remove(checkpoints, NULL);
    free(checkpoints);
    json_decref(record);
    return st;
}

/* ---- pairs ---- */

static bool chosen(const paired_cell *c, const json_t *cells)
{
    return !c->failed && (!cells || json_object_get(cells, c->cell->id));
}

zo_status bench_pairs_measure(bench_pairs *p, const json_t *cells, int n, zo_error *err)
{
    zo_status st = ZO_OK;
    for (int i = 0; i < p->cell_count; i++)
        p->launch.progress.total += chosen(&p->cells[i], cells) ? SIDES * n : 0;
    for (int pair = 0; pair < n && !st; pair++) {
        for (int i = 0; i < p->cell_count && !st && !p->launch.interrupted; i++) {
            paired_cell *c = &p->cells[i];
            const int first = (c->runs + i) % SIDES;
            if (!chosen(c, cells))
                continue;
            for (int k = 0; k < SIDES && !st && !p->launch.interrupted; k++)
                st = run_child(p, c, (first + k) % SIDES, err);
            c->runs++;
        }
    }
    bench_progress_clear(&p->launch.progress);
    return st;
}

bool bench_pairs_interrupted(const bench_pairs *p)
{
    return p->launch.interrupted;
}

void bench_pairs_forget(bench_pairs *p, const json_t *cells)
{
    for (int s = 0; s < SIDES; s++) {
        for (size_t i = json_array_size(p->records[s]); i-- > 0;) {
            const json_t *record = json_array_get(p->records[s], i);
            if (bench_record_ok(record) &&
                json_object_get(cells, json_string_value(json_object_get(record, "cell_id"))))
                json_array_remove(p->records[s], i);
        }
    }
}

const json_t *bench_pairs_old(const bench_pairs *p)
{
    return p->records[OLD];
}

const json_t *bench_pairs_new(const bench_pairs *p)
{
    return p->records[NEW];
}
