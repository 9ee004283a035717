/* Tests of schema.c: a validator of draft 2020-12 (Python's jsonschema) accepts the schema, and with it every manifest that is
 * shipped and whatever the parser accepts here; what it can know to be wrong it refuses, as the parser does. */
#include "bench/manifest/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/base/folder.h"
#include "bench/manifest/manifest.h"

#define HEAD "{\"schema\": \"zobench/1\", \"name\": \"n\", "

static const char *const good[] = {
    HEAD "\"defaults\": {\"queries\": 4.0, \"seq_len\": null, \"rank\": null, \"targets\": [\"q_proj\"]}}",
    HEAD "\"matrix\": {\"seq_len\": \"64..256*2\", \"queries\": [1, \"2..4\"], \"lr\": \"1e-4..1e-2*10\", "
         "\"batch\": null}}",
    HEAD "\"zip\": [{\"queries\": [1, 4], \"batch\": [16, 4]}, {\"lr\": [1, 2], \"eps\": [1, 2]}], "
         "\"seeds\": \"1..3\"}",
    HEAD
    "\"matrix\": {\"queries\": [1, 2, 8]}, \"exclude\": [{\"queries\": \">4\"}, {\"queries\": [\"2..3\", 1], "
    "\"parallel\": \"!=both\"}]}",
    HEAD "\"variables\": {\"q\": [1, 2], \"b\": 3, \"w\": \"2m\"}, \"matrix\": {\"queries\": \"${q}\"}, "
         "\"defaults\": {\"batch\": \"${b}\"}, \"measure\": {\"timeout\": \"${w}\", \"min_runs\": \"${b}\"}}",
    HEAD "\"measure\": {\"min_runs\": 2, \"max_runs\": 9, \"ci\": \"2%\", \"order\": \"sequential\", "
         "\"timeout\": \"1.5h\"}, "
         "\"tables\": null, \"title\": null}",
    HEAD "\"tables\": [{\"rows\": \"lr\", \"cols\": \"batch\", \"value\": \"step_ns\", \"relative_to\": "
         "{\"lr\": 1}, "
         "\"where\": {\"batch\": [1, 4]}}], \"plots\": [{\"kind\": \"curve\", \"y\": \"loss\"}]}",
};

static const char *const bad[] = {
    "[]",
    "{\"schema\": \"zobench/1\"}",
    "{\"schema\": \"zobench/2\", \"name\": \"n\"}",
    HEAD "\"matrx\": {}}",
    HEAD "\"defaults\": {\"querys\": 1}}",
    HEAD "\"defaults\": {\"queries\": 0}}",
    HEAD "\"defaults\": {\"queries\": \"4\"}}",
    HEAD "\"defaults\": {\"queries\": 1.5}}",
    HEAD "\"defaults\": {\"method\": \"prg\"}}",
    HEAD "\"defaults\": {\"targets\": []}}",
    HEAD "\"matrix\": {\"lr\": []}}",
    HEAD "\"matrix\": {\"lr\": 1}}",
    HEAD "\"matrix\": {\"parallel\": \"1..2\"}}",
    HEAD "\"zip\": {\"lr\": [1]}}",
    HEAD "\"exclude\": [{\"parallel\": \"<both\"}]}",
    HEAD "\"seeds\": 42}",
    HEAD "\"measure\": {\"warmups\": 1}}",
    HEAD "\"measure\": {\"ci\": \"2\"}}",
    HEAD "\"measure\": {\"timeout\": \"90 s\"}}",
    HEAD "\"measure\": {\"order\": \"random\"}}",
    HEAD "\"tables\": [{\"rows\": \"lr\"}]}",
    HEAD "\"tables\": [{\"rows\": \"lr\", \"value\": \"step\"}]}",
    HEAD "\"plots\": [{\"kind\": \"pie\", \"y\": \"loss\"}]}",
    HEAD "\"include\": \"a.json\"}",
};

enum { GOOD = sizeof good / sizeof good[0], BAD = sizeof bad / sizeof bad[0] };

static void the_parser_agrees(void **state)
{
    (void)state;
    for (size_t i = 0; i < GOOD + BAD; i++) {
        const char *text = i < GOOD ? good[i] : bad[i - GOOD];
        bench_manifest *m = NULL;
        zo_error err = {0};
        zo_status st = bench_manifest_parse(text, strlen(text), "f", &m, &err);
        if ((st == ZO_OK) != (i < GOOD))
            fail_msg("%s: %s", text, st ? err.text : "accepted");
        bench_manifest_free(m);
    }
}

static void every_parameter_is_in_it(void **state)
{
    (void)state;
    static const char *const objects[] = {"parameters", "lists", "conditions"};
    json_t *schema = bench_schema_make(bench_manifest_sections()), *defs = json_object_get(schema, "$defs");
    for (size_t i = 0; i < sizeof objects / sizeof objects[0]; i++)
        for (const bench_option *o = bench_options; o->name; o++)
            assert_non_null(
                json_object_get(json_object_get(json_object_get(defs, objects[i]), "properties"), o->name));
    json_decref(schema);
}

static void a_validator_agrees(void **state)
{
    const char *tmp = getenv("TMPDIR");
    char *command = NULL, *path;
    size_t bytes = 0;
    (void)state;
    if (system("python3 -c 'import jsonschema; jsonschema.Draft202012Validator' 2>/dev/null") != 0) {
        printf("skip: no python3 with jsonschema 4\n");
        skip();
    }
    char *dir = bench_folder_path("%s/schema.XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(dir));
    FILE *f = open_memstream(&command, &bytes);
    json_t *schema = bench_schema_make(bench_manifest_sections());
    path = bench_folder_path("%s/schema.json", dir);
    assert_int_equal(bench_folder_save_json(path, schema, NULL), ZO_OK);
    fprintf(f, "python3 scripts/check_schema.py %s experiments/*.json", path);
    free(path);
    for (size_t i = 0; i < GOOD + BAD; i++) {
        const char *text = i < GOOD ? good[i] : bad[i - GOOD];
        path = bench_folder_path("%s/%s-%zu.json", dir, i < GOOD ? "good" : "bad", i);
        assert_int_equal(bench_folder_save(path, text, strlen(text), NULL), ZO_OK);
        fprintf(f, "%s %s", i == GOOD ? " --bad" : "", path);
        free(path);
    }
    fclose(f);
    int code = system(command);
    assert_int_equal(bench_folder_remove(dir, NULL), ZO_OK);
    json_decref(schema);
    free(command);
    free(dir);
    assert_int_equal(code, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_parser_agrees),
                                       cmocka_unit_test(every_parameter_is_in_it),
                                       cmocka_unit_test(a_validator_agrees)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
