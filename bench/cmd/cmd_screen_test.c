/* The bare zobench in folders of all kinds: it always comes, and says what is there. */
#include "bench/cmd/command_fixture.h"

#include <sys/stat.h>

#include "bench/cmd/commands.h"
#include "bench/base/exit.h"
#include "bench/base/folder.h"
#include "bench/manifest/manifest.h"
#include "bench/record/record.h"

static char home[4096], here[512];

static int enter(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(here, sizeof here, "%s/screen.XXXXXX", tmp && *tmp ? tmp : "/tmp");
    return getcwd(home, sizeof home) && mkdtemp(here) && chdir(here) == 0 ? 0 : -1;
}

static int leave(void **state)
{
    (void)state;
    return chdir(home) == 0 && bench_folder_remove(here, NULL) == ZO_OK ? 0 : -1;
}

static const char *show(command_output *o)
{
    command_run(bench_cmd_screen, (const char *const[]){"./zobench", NULL}, o);
    assert_int_equal(o->code, BENCH_EXIT_OK);
    assert_string_equal(o->err, "");
    assert_non_null(strstr(o->out, "\nmachine  "));
    assert_non_null(strstr(o->out, "\nreadiness  "));
    assert_non_null(strstr(o->out, "\nnext  "));
    return o->out;
}

static void save(const char *path, const char *text)
{
    assert_int_equal(bench_folder_save(path, text, strlen(text), NULL), ZO_OK);
}

#define MANIFEST                                                                                             \
    "{\"schema\": \"zobench/1\", \"name\": \"tiny\", \"title\": \"A tiny one\",\n"                           \
    " \"defaults\": {\"model\": \"synth:tiny\", \"task\": \"polarity\"},\n"                                  \
    " \"matrix\": {\"queries\": [1, 2]}, \"measure\": {\"min_runs\": 3},\n"                                  \
    " \"claims\": [{\"id\": \"faster\", \"source\": \"nobody\", \"of\": \"step_ns\", \"paper\": 2,\n"        \
    "   \"ratio\": [{\"queries\": 1}, {\"queries\": 2}], \"bound\": \"at least\"}]}\n"

static void empty_folder(void **state)
{
    (void)state;
    command_output o;
    show(&o);
    assert_non_null(strstr(o.out, "no manifest in ./experiments"));
    assert_non_null(strstr(o.out, "last run   none here yet"));
    assert_non_null(strstr(o.out, "./zobench eval model=synth:tiny"));
}

static void suites_and_no_results(void **state)
{
    (void)state;
    command_output o;
    assert_int_equal(mkdir("experiments", 0777), 0);
    save("experiments/tiny.json", MANIFEST);
    save("experiments/broken.json", "{\"schema\": \"zobench/1\",\n \"nam\": \"x\"}");
    save("experiments/absent.json",
         "{\"schema\": \"zobench/1\", \"name\": \"absent\", \"defaults\": {\"model\": \"no-such-model\"}}");
    show(&o);
    assert_non_null(strstr(o.out, "experiments/tiny.json                  2      6         ?  A tiny one\n"));
    assert_non_null(strstr(o.out, "experiments/broken.json:2:"));
    assert_non_null(strstr(o.out, "did you mean \"name\""));
    assert_non_null(strstr(o.out, "[needs model no-such-model]"));
    assert_non_null(strstr(o.out, "next       ./zobench run experiments/tiny.json\n"));
}

static void record(const bench_cell *cell, int run, const char *status)
{
    json_t *r = json_pack("{s:s, s:o, s:s, s:i, s:s, s:I, s:{s:f}}", "schema", BENCH_RECORD_SCHEMA, "cell",
                          bench_params_to_json(&cell->params), "cell_id", cell->id, "run", run, "status",
                          status, "wall_ns", (json_int_t)2000000000, "time", "median_ns",
                          4e6 / (double)cell->params.queries / (double)cell->params.queries);
    assert_int_equal(bench_record_append("results/tiny/cells.jsonl", r, NULL), ZO_OK);
    json_decref(r);
}

/* One repetition of the suite's first cell is ok, one is not; its time is known from then on. Then all are, and then there
 * is a report. */
static void from_begun_to_done(void **state)
{
    (void)state;
    command_output o;
    bench_manifest *m = NULL;
    assert_int_equal(mkdir("results", 0777), 0);
    assert_int_equal(mkdir("results/tiny", 0777), 0);
    save("results/tiny/manifest.json", MANIFEST);
    assert_int_equal(bench_manifest_load("results/tiny/manifest.json", &m, NULL), ZO_OK);
    record(&m->cells[0], 0, "ok");
    record(&m->cells[0], 1, "timeout");
    show(&o);
    assert_non_null(strstr(o.out, "  12.0 s  A tiny one\n")); /* six repetitions of 2 s */
    assert_non_null(strstr(o.out, "results/tiny: 1 not run\n"));
    assert_non_null(strstr(o.out, "last run   results/tiny, "));
    assert_non_null(strstr(o.out, ": 1 of 6 repetitions done, 1 not ok\n"));
    assert_non_null(strstr(o.out, "next       ./zobench run experiments/tiny.json --retry\n"));
    for (int i = 1; i < 6; i++)
        record(&m->cells[i / 3], i % 3, "ok");
    bench_manifest_free(m);
    show(&o);
    assert_non_null(strstr(o.out, "  12.0 s  A tiny one [done]\n"));
    assert_non_null(strstr(o.out, "results/tiny: 1 holds\n")); /* a ratio of 4 */
    assert_non_null(strstr(o.out, ": 6 of 6 repetitions done\n"));
    assert_non_null(strstr(o.out, "next       ./zobench report results/tiny\n"));
    assert_int_equal(mkdir("results/tiny/report", 0777), 0);
    show(&o);
    assert_non_null(strstr(o.out, "next       scripts/fetch-model no-such-model, then"));
}

static void broken_results(void **state)
{
    (void)state;
    command_output o;
    assert_int_equal(mkdir("results/wild", 0777), 0);
    save("results/wild/cells.jsonl", "not a record\n{\"schema\": 7}\n");
    save("results/wild/manifest.json", "{ \"schema\"");
    assert_int_equal(mkdir("results/bare", 0777), 0);
    save("results/bare/cells.jsonl", "");
    save("results/file", "");
    show(&o);
    assert_non_null(strstr(o.out, "  results/wild cannot be read: results/wild/manifest.json:1:"));
    assert_non_null(strstr(o.out, "  results/bare cannot be read: "));
    assert_null(strstr(o.out, "results/file"));
    save("results/wild/manifest.json", MANIFEST);
    show(&o);
    assert_non_null(strstr(o.out, "  results/wild cannot be read: "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_folder),
        cmocka_unit_test(suites_and_no_results),
        cmocka_unit_test(from_begun_to_done),
        cmocka_unit_test(broken_results),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
