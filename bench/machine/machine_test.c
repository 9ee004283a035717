/* Tests of machine.c and build.c: against what other interfaces of the system say, and for completeness. */
#include "bench/machine/machine.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/machine/build.h"

static json_t *describe(void)
{
    json_t *m = NULL;
    zo_error err = {0};
    if (bench_machine_describe(&m, &err))
        fail_msg("%s", err.text);
    return m;
}

static json_int_t number(const json_t *o, const char *key)
{
    return json_integer_value(json_object_get(o, key));
}

/* Each key is there; where it is null a reason stands beside it, and nothing is 0 for want of knowledge. */
static void complete(const json_t *o, const char *const *keys)
{
    for (; *keys; keys++) {
        char reason[64];
        const json_t *v = json_object_get(o, *keys);
        snprintf(reason, sizeof reason, "%s_reason", *keys);
        if (!v)
            fail_msg("%s is missing", *keys);
        if (json_is_null(v))
            assert_true(json_string_length(json_object_get(o, reason)) > 0);
        else
            assert_null(json_object_get(o, reason));
        if (json_is_integer(v))
            assert_true(json_integer_value(v) > 0);
        if (json_is_string(v))
            assert_true(json_string_length(v) > 0);
    }
}

static void machine_is_complete(void **state)
{
    static const char *const keys[] = {"cpu",          "isa",
                                       "cpu_id",       "microcode",
                                       "kernels",      "matrix_kernels",
                                       "virtual",      "hypervisor",
                                       "numa",         "packages",
                                       "numa_nodes",   "cores",
                                       "pus",          "cores_allowed",
                                       "pus_allowed",  "caches",
                                       "memory_bytes", "memory_limit_bytes",
                                       "cpu_quota",    "os",
                                       "kernel",       "libc",
                                       "governor",     "boost",
                                       "steal_share",  "memory_available_bytes",
                                       "load_average", NULL};
    (void)state;
    json_t *m = describe();
    complete(m, keys);
    json_decref(m);
}

static void machine_agrees_with_the_system(void **state)
{
    (void)state;
    json_t *m = describe();
    /* both come from the kernel's count of usable pages; meminfo rounds to KiB */
    int64_t pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    assert_int_equal(number(m, "memory_bytes"), pages * page);
    assert_true(number(m, "memory_available_bytes") <= number(m, "memory_bytes"));
    assert_int_equal(number(m, "pus"), sysconf(_SC_NPROCESSORS_ONLN));
    assert_true(number(m, "cores") <= number(m, "pus"));
    assert_true(number(m, "cores_allowed") <= number(m, "cores"));
#if defined(__x86_64__)
    int avx2 = 0;
    size_t i;
    json_t *word;
    json_array_foreach(json_object_get(m, "isa"), i, word) avx2 |=
        strcmp(json_string_value(word), "avx2") == 0;
    assert_int_equal(avx2, __builtin_cpu_supports("avx2") != 0);
#endif
    json_decref(m);
}

static void affinity_is_seen(void **state)
{
    cpu_set_t old, one;
    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof old, &old), 0);
    int cpu = 0;
    while (!CPU_ISSET(cpu, &old))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    json_t *all = describe();
    assert_int_equal(number(all, "pus_allowed"), CPU_COUNT(&old));
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    json_t *narrow = describe();
    assert_int_equal(sched_setaffinity(0, sizeof old, &old), 0);
    assert_int_equal(number(narrow, "pus_allowed"), 1);
    assert_int_equal(number(narrow, "cores_allowed"), 1);
    assert_int_equal(number(narrow, "pus"), number(all, "pus"));
    json_decref(narrow);
    json_decref(all);
}

static void build_is_complete(void **state)
{
    static const char *const keys[] = {"program_sha256", "commit", "dirty",    "config",
                                       "compiler",       "flags",  "jansson",  "hwloc_api",
                                       "openmp_threads", "openmp", "settings", NULL};
    (void)state;
    json_t *b = bench_build_describe();
    const json_t *commit = json_object_get(b, "commit");
    complete(b, keys);
    assert_int_equal(json_string_length(json_object_get(b, "program_sha256")), 64);
    assert_int_equal(number(json_object_get(b, "openmp"), "version"), _OPENMP);
    assert_true(json_is_null(commit) || json_string_length(commit) == 40);
    assert_non_null(strstr(json_string_value(json_object_get(b, "flags")), "-ffp-contract=off"));
    json_decref(b);
}

/* Only what performance depends on is taken from the environment. */
static void settings_are_seen(void **state)
{
    (void)state;
    setenv("OMP_SCHEDULE", "guided,3", 1);
    setenv("OPENBLAS_VERBOSE", "0", 1); /* openblas.h has those */
    setenv("ZOBENCH_TOKEN", "secret", 1);
    json_t *b = bench_build_describe(), *settings = json_object_get(b, "settings");
    assert_string_equal(json_string_value(json_object_get(settings, "OMP_SCHEDULE")), "guided,3");
    assert_null(json_object_get(settings, "OPENBLAS_VERBOSE"));
    assert_null(json_object_get(settings, "ZOBENCH_TOKEN"));
    assert_null(json_object_get(settings, "PATH"));
    unsetenv("OMP_SCHEDULE");
    unsetenv("OPENBLAS_VERBOSE");
    unsetenv("ZOBENCH_TOKEN");
    json_decref(b);
}

/* What a time depends on changes the fingerprint; what merely changes does not. */
static void fingerprint_follows_what_matters(void **state)
{
    static const struct {
        const char *part, *key; /* part NULL: of the machine; "": of the build */
        int matters;
    } cases[] = {
        {NULL, "cpu", 1},           {NULL, "isa", 1},
        {NULL, "cores_allowed", 1}, {NULL, "pus_allowed", 1},
        {NULL, "cpu_quota", 1},     {"", "compiler", 1},
        {"", "flags", 1},           {"", "commit", 0},
        {NULL, "load_average", 0},  {NULL, "memory_available_bytes", 0},
        {"", "openmp_threads", 0}, /* a parameter of the cell */
    };
    char before[13], after[13];
    (void)state;
    json_t *m = describe(), *b = bench_build_describe();
    bench_machine_fingerprint(m, b, NULL, before);
    assert_int_equal(strspn(before, "0123456789abcdef"), 12);
    assert_int_equal(strlen(before), 12);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *m2 = json_deep_copy(m), *b2 = json_deep_copy(b);
        json_t *o = cases[i].part ? b2 : m2;
        assert_non_null(json_object_get(o, cases[i].key));
        json_object_set_new(o, cases[i].key, json_string("changed"));
        bench_machine_fingerprint(m2, b2, NULL, after);
        if ((strcmp(before, after) != 0) != cases[i].matters)
            fail_msg("%s: before %s, after %s", cases[i].key, before, after);
        json_decref(m2);
        json_decref(b2);
    }
    json_decref(m);
    json_decref(b);
}

/* Of a backend that is a library, the library counts; of this program itself nothing more. */
static void backends_have_fingerprints(void **state)
{
    static const struct {
        const char *backend;
        int same; /* as without */
    } cases[] = {{"{'name': 'native', 'library': 'zobench', 'version': 'abc'}", 1},
                 {"{'name': 'openblas', 'library': 'OpenBLAS', 'version': '1', 'core': 'Zen'}", 0},
                 {"{'name': 'openblas', 'library': 'OpenBLAS', 'version': '1', 'core': 'Haswell'}", 0}};
    char bare[13], print[3][13];
    (void)state;
    json_t *m = describe(), *b = bench_build_describe();
    bench_machine_fingerprint(m, b, NULL, bare);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[160];
        snprintf(text, sizeof text, "%s", cases[i].backend);
        for (char *c = text; *c; c++)
            *c = *c == '\'' ? '"' : *c;
        json_t *backend = json_loads(text, 0, NULL);
        bench_machine_fingerprint(m, b, backend, print[i]);
        assert_int_equal(strcmp(bare, print[i]) == 0, cases[i].same);
        json_decref(backend);
    }
    assert_string_not_equal(print[1], print[2]);
    json_decref(m);
    json_decref(b);
}

/* Records of builds that noted OpenBLAS are judged as if they had not. */
static void records_made_here(void **state)
{
    (void)state;
    json_t *m = describe(), *b = bench_build_describe();
    json_t *record = json_pack("{s:o, s:o}", "machine", json_deep_copy(m), "build", json_deep_copy(b));
    json_object_set_new(json_object_get(record, "build"), "openblas", json_pack("{s:s}", "core", "Zen"));
    assert_true(bench_machine_made(m, b, record));
    json_object_set_new(json_object_get(record, "build"), "flags", json_string("-O1"));
    assert_false(bench_machine_made(m, b, record));
    json_decref(record);
    json_decref(m);
    json_decref(b);
}

static void threads_follow_mask_and_quota(void **state)
{
    static const struct {
        const char *machine;
        int threads;
    } cases[] = {
        {"{\"cores_allowed\": 8, \"cpu_quota\": null}", 8},
        {"{\"cores_allowed\": 8, \"cpu_quota\": 1.5}", 2},
        {"{\"cores_allowed\": 8, \"cpu_quota\": 64.0}", 8},
        {"{\"cores_allowed\": 8, \"cpu_quota\": 0.25}", 1},
        {"{\"cores_allowed\": null, \"cpu_quota\": null}", 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *m = json_loads(cases[i].machine, 0, NULL);
        assert_int_equal(bench_machine_threads(m), cases[i].threads);
        json_decref(m);
    }
}

static void refresh_replaces(void **state)
{
    (void)state;
    json_t *m = describe();
    json_object_set_new(m, "load_average", json_string("stale"));
    json_object_set_new(m, "memory_available_bytes", json_string("stale"));
    bench_machine_refresh(m);
    assert_false(json_is_string(json_object_get(m, "load_average")));
    assert_false(json_is_string(json_object_get(m, "memory_available_bytes")));
    json_decref(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(machine_is_complete),
        cmocka_unit_test(machine_agrees_with_the_system),
        cmocka_unit_test(affinity_is_seen),
        cmocka_unit_test(build_is_complete),
        cmocka_unit_test(settings_are_seen),
        cmocka_unit_test(fingerprint_follows_what_matters),
        cmocka_unit_test(backends_have_fingerprints),
        cmocka_unit_test(records_made_here),
        cmocka_unit_test(threads_follow_mask_and_quota),
        cmocka_unit_test(refresh_replaces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
