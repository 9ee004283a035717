/* Tests of compose.c through manifest.c: includes, --set, variables, and the text that says the same alone. */
#include "bench/manifest/compose.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/base/folder.h"
#include "bench/manifest/manifest.h"
#include "bench/manifest/place_fixture.h"

static int make_place(void **state)
{
    return place_make(state) || bench_folder_make("sub", NULL) ? -1 : 0;
}

static void save(const char *path, const char *text)
{
    assert_int_equal(bench_folder_save(path, text, strlen(text), NULL), ZO_OK);
}

#define HEAD "{\"schema\": \"zobench/1\", \"name\": \"n\",\n"

static bench_manifest *load(const char *const *sets)
{
    bench_manifest *m = NULL;
    zo_error err = {0};
    if (bench_manifest_load_set("m.json", sets, &m, &err))
        fail_msg("%s", err.text);
    return m;
}

/* "queries,batch,parallel ..." */
static void cells_are(const bench_manifest *m, const char *expected)
{
    char text[1024] = "";
    for (int32_t i = 0; i < m->cell_count; i++) {
        const bench_params *p = &m->cells[i].params;
        size_t n = strlen(text);
        snprintf(text + n, sizeof text - n, "%s%d,%d,%s", i ? " " : "", (int)p->queries, (int)p->batch,
                 zo_parallel_name((zo_parallel)p->parallel));
    }
    assert_string_equal(text, expected);
}

/* Nearer files win, key by key; lists of objects are joined; other lists are replaced; order is that of reading. */
static void includes(void **state)
{
    (void)state;
    save("sub/base.json", "{\"defaults\": {\"batch\": 2, \"lr\": 1e-3, \"model\": \"synth:tiny\"},\n"
                          " \"cells\": [{\"queries\": 9}], \"seeds\": [1, 2, 3], \"title\": \"base\",\n"
                          " \"measure\": {\"warmup\": 2, \"min_runs\": 3},\n"
                          " \"tables\": [{\"rows\": \"lr\", \"value\": \"step_ns\"}]}");
    save("sub/middle.json",
         "{\"include\": [\"base.json\"], \"defaults\": {\"batch\": 3}, \"title\": \"middle\",\n"
         " \"matrix\": {\"queries\": [5, 6], \"parallel\": [\"none\"]}}");
    save("m.json", HEAD "\"include\": [\"sub/middle.json\", \"sub/base.json\"],\n"
                        "\"defaults\": {\"lr\": 1e-2}, \"matrix\": {\"queries\": [7], \"parallel\": null},\n"
                        "\"cells\": [{\"queries\": 8}], \"seeds\": [4], \"measure\": {\"warmup\": 0}}");
    bench_manifest *m = load(NULL);
    cells_are(m, "7,3,both 9,3,both 8,3,both"); /* base.json counts once, before middle.json */
    assert_string_equal(m->title, "middle");
    assert_int_equal(m->measure.warmup, 0);
    assert_int_equal(m->measure.min_runs, 3);
    assert_int_equal(m->table_count, 1);
    assert_true(m->cells[0].params.lr == 1e-2);
    assert_int_equal(m->cells[0].params.seed, 4);
    /* the text alone says the same */
    bench_manifest *alone = NULL;
    save("alone.json", m->text);
    assert_int_equal(bench_manifest_load("alone.json", &alone, NULL), ZO_OK);
    assert_int_equal(alone->cell_count, m->cell_count);
    for (int32_t i = 0; i < m->cell_count; i++)
        assert_string_equal(alone->cells[i].id, m->cells[i].id);
    assert_string_equal(alone->sha256, m->sha256); /* a file without includes is kept as it is */
    bench_manifest_free(alone);
    bench_manifest_free(m);
}

typedef struct broken {
    const char *base, *rest, *set, *message;
} broken;

static void every_message_has_its_place(void **state)
{
    static const broken cases[] = {
        /* in the right file */
        {"{\n \"defaults\": {\"queries\": 0}}", "\"include\": [\"sub/b.json\"]}", NULL,
         "sub/b.json:2:26: \"queries\" must be a whole number from 1 to 1024, not 0"},
        {"{\n \"defalts\": {}}", "\"include\": [\"sub/b.json\"]}", NULL,
         "sub/b.json:2:2: \"defalts\" is not a known key; did you mean \"defaults\"?"},
        {"{\"matrix\": {\"lr\": [1]}}", "\"include\": [\"sub/b.json\"], \"zip\": [{\"lr\": [2]}]}", NULL,
         "m.json:2:37: \"lr\" varies already, in \"matrix\" or another group of \"zip\""},
        {"{\"cells\": [{},\n {\"method\": \"rge\", \"parallel\": \"outer\"}]}",
         "\"include\": [\"sub/b.json\"]}", NULL,
         "sub/b.json:2:2: cell method=rge parallel=outer: method rge runs one replica at a time: parallel "
         "must be "
         "none, not outer (prge batches replicas)"},
        {"{\n", "\"include\": [\"sub/b.json\"]}", NULL,
         "sub/b.json:2:1: string or '}' expected near end of file"},
        {"{\"schema\": \"zobench/9\"}", "\"include\": [\"sub/b.json\"]}", NULL,
         "sub/b.json:1:12: \"schema\" must be \"zobench/1\", the language that this program reads, not "
         "\"zobench/9\""},
        {"[]", "\"include\": [\"sub/b.json\"]}", NULL,
         "sub/b.json:1:1: \"manifest\" must be an object, not []"},
        /* includes */
        {"{}", "\"include\": [\"sub/none.json\"]}", NULL,
         "m.json:2:13: include: open sub/none.json: No such file or directory"},
        {"{}", "\"include\": [\"sub\"]}", NULL, "m.json:2:13: include: open sub: is a folder, not a file"},
        {"{}", "\"include\": \"sub/b.json\"}", NULL, "m.json:2:12: \"include\" must be a list of files"},
        {"{}", "\"include\": [1]}", NULL, "m.json:2:13: \"include\" must be a list of files, each a text"},
        {"{}", "\"include\": [\"m.json\"]}", NULL,
         "m.json:2:13: include: \"m.json\" is this file, or includes it"},
        {"{\"include\": [\"../m.json\"]}", "\"include\": [\"sub/b.json\"]}", NULL,
         "sub/b.json:1:14: include: \"../m.json\" is this file, or includes it"},
        /* --set */
        {"{}", "\"title\": \"t\"}", "queries=0",
         "--set queries=0: \"queries\" must be a whole number from 1 to 1024, not 0"},
        {"{}", "\"title\": \"t\"}", "querie=1",
         "--set querie=1: \"querie\" is no variable, parameter or section of this manifest; did you mean "
         "\"queries\"?"},
        {"{}", "\"variables\": {\"length\": 1}}", "lenght=1",
         "--set lenght=1: \"lenght\" is no variable, parameter or section of this manifest; did you mean "
         "\"length\"?"},
        {"{}", "\"title\": \"t\"}", "mesure.warmup=1",
         "--set mesure.warmup=1: \"mesure\" is no variable, parameter or section of this manifest; did you "
         "mean "
         "\"measure\"?"},
        {"{}", "\"title\": \"t\"}", "measure.warm=1", "--set measure.warm=1: \"warm\" is not a known key"},
        {"{}", "\"title\": \"t\"}", "variables.x=1",
         "--set variables.x=1: the manifest has no variable \"x\""},
        {"{}", "\"title\": \"t\"}", "queries", "--set queries: must be key=value"},
        {"{}", "\"title\": \"t\"}", "include=[\"x\"]",
         "--set include=[\"x\"]: \"include\" can be set in files only"},
        {"{}", "\"matrix\": {\"queries\": [1, 2]}}", "queries=1",
         "--set queries=1: \"queries\" varies in \"matrix\": choose with --filter, or set matrix.KEY=[...]"},
        {"{}", "\"seeds\": [1, 2]}", "seed=1",
         "--set seed=1: \"seed\" varies in \"seeds\": choose with --filter, or set other values there"},
        {"{}", "\"tables\": []}", "tables.rows=lr",
         "--set tables.rows=lr: \"tables\" is no object: only the whole can be set"},
        /* variables */
        {"{}", "\"defaults\": {\"batch\": \"${b}\"}}", NULL, "m.json:2:23: there is no variable \"b\""},
        {"{}", "\"variables\": {\"size\": 1}, \"defaults\": {\"batch\": \"${sise}\"}}", NULL,
         "m.json:2:49: there is no variable \"sise\"; did you mean \"size\"?"},
        {"{}", "\"variables\": {\"b\": 0}, \"defaults\": {\"batch\": \"${b}\"}}", NULL,
         "m.json:2:46: \"batch\" must be a whole number from 1 to 4096, not 0"},
        {"{}", "\"variables\": {\"b\": [1]}, \"title\": \"b ${b}\"}", NULL,
         "m.json:2:35: variable \"b\" is no text or number, and cannot be part of one"},
        {"{}", "\"variables\": {\"b\": 1}, \"title\": \"${b\"}", NULL,
         "m.json:2:33: \"${\" begins a variable, \"${name}\"; \"$${\" stands for itself"},
        {"{}", "\"variables\": {\"batch\": 1}}", NULL,
         "m.json:2:15: \"batch\" is a parameter: a variable needs another name"},
        {"{}", "\"variables\": {\"a\": \"${b}\", \"b\": 1}}", NULL,
         "m.json:2:20: a variable's value holds no other variables"},
        {"{}", "\"variables\": [1]}", NULL, "m.json:2:14: \"variables\" must be an object"},
    };
    (void)state;
    int different = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[1024];
        bench_manifest *m = NULL;
        zo_error err = {0};
        snprintf(text, sizeof text, HEAD "%s", cases[i].rest);
        save("m.json", text);
        save("sub/b.json", cases[i].base);
        zo_status st = bench_manifest_load_set("m.json", (const char *const[]){cases[i].set, NULL}, &m, &err);
        assert_null(m);
        if (st != ZO_ERR_FORMAT || strcmp(err.text, cases[i].message) != 0) {
            print_error("%s\n  says     %s\n  expected %s\n", cases[i].rest, err.text, cases[i].message);
            different++;
        }
    }
    assert_int_equal(different, 0);
}

static void sets(void **state)
{
    (void)state;
    save("m.json",
         HEAD "\"variables\": {\"lengths\": [32, 64], \"size\": \"tiny\", \"runs\": 3},\n"
              "\"defaults\": {\"model\": \"synth:${size}\", \"batch\": 2},\n"
              "\"matrix\": {\"queries\": [1, 2], \"seq_len\": \"${lengths}\"},\n"
              "\"title\": \"$${size} is ${size}, ${runs} times\", \"measure\": {\"min_runs\": \"${runs}\"},\n"
              "\"tables\": [{\"rows\": \"seq_len\", \"value\": \"step_ns\"}]}");
    bench_manifest *m = load(NULL);
    assert_int_equal(m->cell_count, 4);
    assert_string_equal(m->title, "${size} is tiny, 3 times");
    assert_string_equal(m->cells[0].params.model, "synth:tiny");
    assert_int_equal(m->measure.min_runs, 3);
    bench_manifest_free(m);
    m = load((const char *const[]){"batch=8", "lengths=[16]", "matrix.queries=1..3", "name=other", "runs=1",
                                   "measure.warmup=0", "tables=[]", "title=it", NULL});
    cells_are(m, "1,8,both 2,8,both 3,8,both");
    assert_int_equal(m->cells[0].params.seq_len, 16);
    assert_string_equal(m->name, "other");
    assert_string_equal(m->title, "it");
    assert_int_equal(m->measure.min_runs, 1);
    assert_int_equal(m->measure.warmup, 0);
    assert_int_equal(m->table_count, 0);
    /* what was set is in the text, and its variables may be set again */
    bench_manifest *alone = NULL;
    save("m.json", m->text);
    alone = load((const char *const[]){"size=small", NULL});
    assert_int_equal(alone->cell_count, 3);
    assert_string_equal(alone->cells[0].params.model, "synth:small");
    bench_manifest_free(alone);
    bench_manifest_free(m);
}

/* Null: as if nothing had been said, so that what follows from the method follows again. */
static void unset(void **state)
{
    (void)state;
    save("m.json", HEAD
         "\"defaults\": {\"parallel\": \"inner\", \"batch\": 9, \"seq_len\": 64},\n"
         "\"cells\": [{}, {\"method\": \"rge\", \"parallel\": null}, {\"batch\": null, \"seq_len\": null}]}");
    bench_manifest *m = load(NULL);
    cells_are(m, "4,9,inner 4,9,none 4,4,inner");
    assert_int_equal(m->cells[2].params.seq_len, 0);
    bench_manifest_free(m);
    save("m.json",
         HEAD "\"defaults\": {\"batch\": 9}, \"matrix\": {\"batch\": [null, 2], \"queries\": \"1..2\"}}");
    m = load(NULL);
    cells_are(m, "1,4,both 2,4,both 1,2,both 2,2,both");
    bench_manifest_free(m);
    m = load((const char *const[]){"matrix.batch=null", "matrix.queries=[1,\"8..16*2\"]", NULL});
    cells_are(m, "1,9,both 8,9,both 16,9,both");
    bench_manifest_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(includes),
                                       cmocka_unit_test(every_message_has_its_place), cmocka_unit_test(sets),
                                       cmocka_unit_test(unset)};
    return cmocka_run_group_tests(tests, make_place, place_drop);
}
