/* Tests of results.c on results that are kept: a record belongs to a cell of its manifest by the cell's id, which no later
 * option may change. What a folder of results becomes as tables and figures, report_test.c tests. */
#include "bench/results/results.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void check_kept(const char *dir)
{
    bench_results *r;
    zo_error err = {0};
    int32_t with_records = 0;
    if (bench_results_load(dir, NULL, &r, &err))
        fail_msg("%s", err.text);
    assert_int_equal(r->torn, 0);
    assert_int_equal(r->strays, 0);
    for (int32_t i = 0; i < r->cell_count; i++) {
        with_records += r->cells[i].run_count > 0;
        for (int32_t k = 0; k < r->cells[i].run_count; k++) {
            bench_params p;
            char id[13];
            const json_t *record = r->cells[i].runs[k];
            assert_int_equal(bench_params_from_json(&p, json_object_get(record, "cell"), &err), ZO_OK);
            bench_params_id(&p, id);
            assert_string_equal(id, json_string_value(json_object_get(record, "cell_id")));
        }
    }
    /* a sweep that its budget ended has cells without records */
    print_message("%s: %d of %d cells, %zu records\n", dir, with_records, r->cell_count,
                  json_array_size(r->records));
    assert_true(with_records > 0);
    bench_results_free(r);
}

static void kept_records_belong_to_their_cells(void **state)
{
    glob_t found;
    (void)state;
    assert_int_equal(glob("results/kept/*/cells.jsonl", 0, NULL, &found), 0); /* from the top of the source */
    for (size_t i = 0; i < found.gl_pathc; i++) {
        *strrchr(found.gl_pathv[i], '/') = '\0';
        check_kept(found.gl_pathv[i]);
    }
    globfree(&found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(kept_records_belong_to_their_cells)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
