/* Tests of disk.c: a real record is within what is foretold, and free space is that of the folder above. */
#include "bench/launch/disk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "bench/launch/plan.h"

/* The longest line of results that are kept, of cells with and without training. */
static void records_fit(void **state)
{
    (void)state;
    char *line = NULL;
    size_t cap = 0;
    int seen = 0;
    FILE *f = fopen("results/kept/quickstart/cells.jsonl", "r");
    assert_non_null(f);
    for (ssize_t n; (n = getline(&line, &cap, f)) > 0; seen++) {
        json_t *record = json_loads(line, 0, NULL);
        bench_params p;
        assert_int_equal(bench_params_from_json(&p, json_object_get(record, "cell"), NULL), ZO_OK);
        assert_in_range(n, 1, bench_disk_record_bytes(&p));
        json_decref(record);
    }
    assert_true(seen > 0);
    free(line);
    fclose(f);
}

static void sums(void **state)
{
    bench_params p;
    (void)state;
    bench_params_default(&p);
    const int64_t short_run = bench_disk_record_bytes(&p);
    p.steps += 1000;
    assert_int_equal(bench_disk_record_bytes(&p) - short_run, 64000);
    assert_int_equal(bench_disk_checkpoint_bytes(&p, 1000), 0);
    p.checkpoint_every = 5;
    assert_int_equal(bench_disk_checkpoint_bytes(&p, 1000), 2 * (1000 + bench_disk_record_bytes(&p)));
}

static void free_space(void **state)
{
    (void)state;
    assert_true(bench_disk_free("/") >= 0);
    assert_true(bench_disk_free("/proc") == 0); /* a file system that holds nothing */
    assert_true(bench_disk_free("/proc/none/of/this") == 0);
    assert_true(bench_disk_free("no-such-folder/none") >= 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(records_fit), cmocka_unit_test(sums),
                                       cmocka_unit_test(free_space)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
