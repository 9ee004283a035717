/* Tests of doctor.c: each finding on a machine made to have it, none on one that has nothing. */
#include "bench/launch/doctor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char good_machine[] =
    "{\"isa\": [\"avx2\", \"avx512f\"], \"cores_allowed\": 8, \"pus\": 16, \"memory_available_bytes\": "
    "64000000000, "
    "\"memory_limit_bytes\": null, \"load_average\": 0.5, \"governor\": \"performance\"}";
static const char good_build[] =
    "{\"config\": \"release\", \"commit\": \"0123456789abcdef0123456789abcdef01234567\", \"dirty\": false, "
    "\"openblas\": "
    "{\"version\": \"0.3.21\", \"config\": \"OpenBLAS 0.3.21 DYNAMIC_ARCH\", \"core\": \"SkylakeX\", "
    "\"parallel\": "
    "\"openmp\", \"threads\": 8}}";

/* The findings after changes to both, and on a comparison of kernels; NULL: none. */
static json_t *findings(const char *machine_changes, const char *build_changes, const char *compared)
{
    json_t *sgemm = compared ? json_loads(compared, 0, NULL) : NULL;
    json_t *m = json_loads(good_machine, 0, NULL), *b = json_loads(good_build, 0, NULL);
    json_t *mc = json_loads(machine_changes ? machine_changes : "{}", 0, NULL),
           *bc = json_loads(build_changes ? build_changes : "{}", 0, NULL);
    assert_true(m && b && mc && bc && (sgemm || !compared));
    json_object_update_recursive(m, mc);
    json_object_update_recursive(b, bc);
    json_t *all = bench_doctor_findings(m, b, json_object_get(b, "openblas"), sgemm);
    json_decref(sgemm);
    json_decref(m);
    json_decref(b);
    json_decref(mc);
    json_decref(bc);
    return all;
}

static void each_is_found(void **state)
{
    static const struct {
        const char *machine, *build, *id, *what; /* id NULL: nothing is wrong */
    } cases[] = {
        {NULL, NULL, NULL, NULL},
        {NULL, "{\"config\": \"asan\"}", "build-config", "asan build"},
        {NULL, "{\"dirty\": true}", "build-dirty", "commit 0123456789ab"},
        {NULL, "{\"dirty\": null}", NULL, NULL},
        {NULL, "{\"openblas\": {\"parallel\": \"pthreads\"}}", "blas-parallel", "pthreads build"},
        {NULL, "{\"openblas\": {\"core\": \"Zen\"}}", "blas-kernel",
         "vectors of 256 bits; this processor has 512"},
        {"{\"isa\": [\"avx2\"]}", "{\"openblas\": {\"core\": \"Zen\"}}", NULL, NULL},
        {"{\"isa\": [\"avx2\"]}", "{\"openblas\": {\"core\": \"Nehalem\"}}", "blas-kernel", "128 bits"},
        {NULL, "{\"openblas\": {\"core\": \"Cooperlake\"}}", NULL, NULL},
        {NULL, "{\"openblas\": {\"core\": \"neoversen1\"}}", NULL,
         NULL}, /* not in the table: nothing to say */
        {NULL, "{\"openblas\": {\"threads\": 4}}", "blas-threads", "4 threads here, of 8 cores"},
        {"{\"memory_available_bytes\": 1073741824}", NULL, "memory", "only 1.0 GiB of memory"},
        {"{\"memory_limit_bytes\": 1073741824}", NULL, "memory", "in this control group"},
        {"{\"memory_available_bytes\": null}", NULL, NULL, NULL},
        {"{\"load_average\": 9.26}", NULL, "load", "load average 9.3 on 16 processors"},
        {"{\"load_average\": null}", NULL, NULL, NULL},
        {"{\"governor\": \"powersave\"}", NULL, "governor", "is powersave"},
        {"{\"governor\": null}", NULL, NULL, NULL},
        {"{\"boost\": true}", NULL, "boost", "faster than its rated clock"},
        {"{\"boost\": false}", NULL, NULL, NULL},
        {"{\"steal_share\": 0.043}", NULL, "steal", "gives 4% of its processors' time to others"},
        {"{\"steal_share\": 0.002}", NULL, NULL, NULL},
        {"{\"steal_share\": null}", NULL, NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *all = findings(cases[i].machine, cases[i].build, NULL);
        if (json_array_size(all) != (cases[i].id ? 1 : 0)) {
            char *text = json_dumps(all, 0);
            fail_msg("case %zu: %s", i, text);
        }
        const json_t *f = json_array_get(all, 0);
        if (f) {
            assert_string_equal(json_string_value(json_object_get(f, "id")), cases[i].id);
            if (!strstr(json_string_value(json_object_get(f, "what")), cases[i].what))
                fail_msg("%s", json_string_value(json_object_get(f, "what")));
        }
        json_decref(all);
    }
}

/* A static build has no other kernels to choose, a guest can't keep its host's time, and memory can't be had for a command:
 * nothing is proposed. */
static void no_remedy_that_would_not_work(void **state)
{
    static const char *const none[] = {"{\"steal_share\": 0.2}", "{\"memory_available_bytes\": 1073741824}"};
    static const char narrow[] = "{\"openblas\": {\"core\": \"Haswell\"}}",
                      fixed[] = "{\"openblas\": {\"core\": \"Haswell\", \"config\": \"OpenBLAS 0.3.21\"}}";
    (void)state;
    json_t *a = findings(NULL, narrow, NULL), *b = findings(NULL, fixed, NULL);
    assert_true(json_is_string(json_object_get(json_array_get(a, 0), "remedy")));
    assert_true(json_is_null(json_object_get(json_array_get(b, 0), "remedy")));
    json_decref(a);
    json_decref(b);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        a = findings(none[i], NULL, NULL);
        assert_int_equal(json_array_size(a), 1);
        assert_true(json_is_null(json_object_get(json_array_get(a, 0), "remedy")));
        json_decref(a);
    }
}

/* What a narrow kernel costs, and whether there is a remedy, is as the comparison has it. */
static void what_it_costs(void **state)
{
#define KERNELS(rest) "{\"fastest\": 0, \"kernels\": [{\"asked\": null, \"core\": \"Haswell\", " rest "]}"
#define RIGHT         "\"correct\": true, \"speed\": 1.0}"
#define WIDER(rest)   ", {\"asked\": \"SkylakeX\", \"core\": \"SkylakeX\", " rest "}"
    static const char narrow[] = "{\"openblas\": {\"core\": \"Haswell\"}}";
    static const struct {
        const char *compared, *id, *what, *remedy; /* remedy NULL: none */
    } cases[] = {
        {KERNELS(RIGHT WIDER("\"correct\": true, \"speed\": 1.5")), "blas-kernel",
         "its SkylakeX kernels, found right, are 1.50 times as fast here", "OPENBLAS_CORETYPE=SkylakeX"},
        {KERNELS(RIGHT WIDER("\"correct\": true, \"speed\": 0.9")), "blas-kernel", "0.90 times as fast",
         NULL},
        {KERNELS(RIGHT WIDER("\"correct\": false, \"speed\": null")), "blas-kernel",
         "no wider ones of this OpenBLAS are right", NULL},
        {KERNELS(RIGHT), "blas-kernel", "no wider ones of this OpenBLAS are right", NULL},
    };
    static const char wrong[] =
        "{\"fastest\": 1, \"kernels\": [{\"asked\": null, \"core\": \"SkylakeX\", \"correct\": "
        "false, \"reason\": \"wrong at 1 rows\"}, {\"asked\": \"Haswell\", \"correct\": true}]}";
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *all = findings(NULL, narrow, cases[i].compared);
        const json_t *f = json_array_get(all, 0);
        const char *remedy = json_string_value(json_object_get(f, "remedy"));
        assert_int_equal(json_array_size(all), 1);
        assert_string_equal(json_string_value(json_object_get(f, "id")), cases[i].id);
        assert_non_null(strstr(json_string_value(json_object_get(f, "what")), cases[i].what));
        assert_true(cases[i].remedy ? remedy && strstr(remedy, cases[i].remedy) : !remedy);
        json_decref(all);
    }
    json_t *all = findings(NULL, NULL, wrong);
    const json_t *f = json_array_get(all, 0);
    assert_int_equal(json_array_size(all), 1);
    assert_string_equal(json_string_value(json_object_get(f, "id")), "blas-wrong");
    assert_string_equal(json_string_value(json_object_get(f, "what")),
                        "OpenBLAS's SkylakeX kernels give wrong products: wrong at 1 rows");
    assert_non_null(strstr(json_string_value(json_object_get(f, "remedy")), "OPENBLAS_CORETYPE=Haswell"));
    json_decref(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_is_found),
                                       cmocka_unit_test(no_remedy_that_would_not_work),
                                       cmocka_unit_test(what_it_costs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
