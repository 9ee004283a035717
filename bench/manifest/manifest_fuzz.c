/* libFuzzer target: any text is either refused with one line that names its place, or gives cells that hold what
 * manifest.h promises. Seeds: experiments/. */
#include "bench/manifest/manifest.h"
#include "bench/manifest/condition.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "manifest_fuzz: %s\n", what);
        abort();
    }
}

static void check_refusal(zo_status st, const zo_error *err, const bench_manifest *m)
{
    int line = 0, column = 0;
    must(m == NULL, "a manifest beside an error");
    must(err->status == st, "the error is not the one returned");
    must(sscanf(err->text, "fuzz:%d:%d: ", &line, &column) == 2 && line > 0 && column > 0, "no place");
    for (const char *c = err->text; *c; c++)
        must((unsigned char)*c >= 32 && *c != 127, "a control character in a message");
}

static void check_cell(const bench_cell *c)
{
    bench_params again;
    char id[13];
    json_t *object = bench_params_to_json(&c->params);
    must(bench_params_check(&c->params, NULL) == ZO_OK, "a cell that contradicts itself");
    must(bench_params_from_json(&again, object, NULL) == ZO_OK, "a cell that cannot be read back");
    bench_params_id(&again, id);
    must(strcmp(id, c->id) == 0, "another id after a round trip");
    json_decref(object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    zo_error err = {0};
    bench_manifest *m = NULL;
    zo_status st = bench_manifest_parse((const char *)data, size, "fuzz", &m, &err);
    if (st) {
        check_refusal(st, &err, m);
        return 0;
    }
    char label[64];
    must(m->cell_count > 0 && m->cell_count <= BENCH_MANIFEST_MOST_CELLS, "a number of cells");
    must(m->measure.min_runs >= 1 && m->measure.max_runs >= m->measure.min_runs, "numbers of runs");
    must(*m->name && !strchr(m->name, '/'), "a name");
    for (int32_t i = 0; i < m->cell_count && i < 8; i++) {
        check_cell(&m->cells[i]);
        bench_manifest_label(m, &m->cells[i].params, label, sizeof label);
        for (int32_t j = 0; j < i; j++)
            must(strcmp(m->cells[i].id, m->cells[j].id) != 0, "a cell twice");
        for (int32_t j = 0; j < m->table_count; j++)
            bench_condition_match(&m->cells[i].params, m->tables[j].where);
    }
    bench_manifest_free(m);
    return 0;
}
