/* Tests of cmd_doctor.c: what is printed, in text and as JSON, with and without measuring. */
#include "bench/cmd/command_fixture.h"

#include <unistd.h>

#include <hwloc.h>
#include <jansson.h>

#include "bench/cmd/commands.h"
#include "bench/base/exit.h"

static command_output o;

static void quick(void **state)
{
    (void)state;
    command_run(bench_cmd_doctor, (const char *const[]){"doctor", "--quick", NULL}, &o);
    assert_int_equal(o.code, BENCH_EXIT_OK);
    assert_memory_equal(o.out, "machine\n", 8);
    assert_non_null(strstr(o.out, "\nbuild\n"));
    assert_non_null(strstr(o.out, "\ncounters\n  cycles "));
    assert_non_null(strstr(o.out, "\n  energy "));
    assert_non_null(strstr(o.out, "\nfindings"));
    assert_null(strstr(o.out, "\npeaks\n"));
    assert_non_null(strstr(o.out, "\nbackend openblas\n  library "));
    assert_null(strstr(o.out, "openblas sgemm"));
    static const char *const lines[] = {
        "cpu_id",   "microcode",   "hypervisor", "matrix_kernels",   "numa",
        "boost",    "steal_share", "libc",       "program_sha256",   "commit",
        "governor", "compiler",    "core",       "openmp.proc_bind", "settings"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char start[40];
        snprintf(start, sizeof start, "\n  %s", lines[i]);
        if (!strstr(o.out, start))
            fail_msg("no line of %s in:\n%s", lines[i], o.out);
    }
    command_run(bench_cmd_doctor, (const char *const[]){"doctor", "--quick", "--json", NULL}, &o);
    json_t *all = json_loads(o.out, JSON_REJECT_DUPLICATES, NULL);
    assert_true(json_is_null(json_object_get(all, "peaks")) && json_is_null(json_object_get(all, "sgemm")));
    assert_string_equal(json_string_value(json_object_get(all, "peaks_reason")), "--quick measures nothing");
    assert_true(json_is_object(json_object_get(all, "machine")) &&
                json_is_object(json_object_get(all, "build")));
    static const char *const counters[] = {"cycles", "instructions", "llc_misses", "fp_ops", "energy"};
    for (size_t i = 0; i < sizeof counters / sizeof *counters; i++) {
        char reason[40];
        snprintf(reason, sizeof reason, "%s_reason", counters[i]);
        const json_t *of = json_object_get(all, "counters"), *there = json_object_get(of, counters[i]);
        assert_true(json_string_length(there) > 0 ||
                    (json_is_null(there) && json_string_length(json_object_get(of, reason)) > 0));
    }
    assert_true(json_is_array(json_object_get(all, "findings")));
    assert_int_equal(strlen(json_string_value(json_object_get(all, "fingerprint"))), 12);
    json_decref(all);
}

/* The file is what hwloc reads back as a topology with as many processors. */
static void topology(void **state)
{
    (void)state;
    hwloc_topology_t here, there;
    char path[256];
    const char *tmp = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/doctor-test-%d.xml", tmp && *tmp ? tmp : "/tmp", (int)getpid());
    command_run(bench_cmd_doctor, (const char *const[]){"doctor", "--quick", "--topology", path, NULL}, &o);
    assert_int_equal(o.code, BENCH_EXIT_OK);
    assert_int_equal(hwloc_topology_init(&here), 0);
    assert_int_equal(hwloc_topology_load(here), 0);
    assert_int_equal(hwloc_topology_init(&there), 0);
    assert_int_equal(hwloc_topology_set_xml(there, path), 0);
    assert_int_equal(hwloc_topology_load(there), 0);
    assert_int_equal(hwloc_get_nbobjs_by_type(there, HWLOC_OBJ_PU),
                     hwloc_get_nbobjs_by_type(here, HWLOC_OBJ_PU));
    hwloc_topology_destroy(there);
    hwloc_topology_destroy(here);
    unlink(path);
    command_run(bench_cmd_doctor,
                (const char *const[]){"doctor", "--quick", "--topology", "/nowhere/at/all.xml", NULL}, &o);
    assert_int_equal(o.code, BENCH_EXIT_FAILED);
    assert_non_null(strstr(o.err, "write the topology to /nowhere/at/all.xml: No such file or directory"));
}

static void measured(void **state)
{
    (void)state;
    command_run(bench_cmd_doctor, (const char *const[]){"doctor", "--json", "model=synth:tiny", NULL}, &o);
    assert_string_equal(o.err, "");
    assert_int_equal(o.code, BENCH_EXIT_OK);
    json_t *all = json_loads(o.out, JSON_REJECT_DUPLICATES, NULL);
    const json_t *sgemm = json_object_get(all, "sgemm"), *peaks = json_object_get(all, "peaks");
    assert_true(json_real_value(json_object_get(peaks, "f32_flops_per_s")) > 0);
    assert_true(json_real_value(json_object_get(peaks, "read_bytes_per_s")) > 0);
    assert_string_equal(json_string_value(json_object_get(sgemm, "model")), "synth:tiny");
    const json_t *first = json_array_get(json_object_get(sgemm, "kernels"), 0);
    assert_true(json_is_true(json_object_get(first, "correct")));
    assert_true(json_real_value(json_array_get(json_object_get(first, "flops_per_s"), 0)) > 0);
    json_decref(all);
    command_run(bench_cmd_doctor, (const char *const[]){"doctor", "model=synth:tiny", NULL}, &o);
    assert_non_null(strstr(o.out, "\npeaks\n"));
    assert_non_null(strstr(o.out, " Gflop/s\n"));
    assert_non_null(strstr(o.out, "\nopenblas sgemm, Gflop/s in the shapes of synth:tiny, "));
    assert_non_null(strstr(o.out, "  in use\n"));
}

static void refused(void **state)
{
    (void)state;
    command_run(bench_cmd_doctor, (const char *const[]){"doctor", "rank=3", NULL}, &o);
    assert_int_equal(o.code, BENCH_EXIT_USAGE);
    assert_string_equal(o.err, "zobench doctor: argument \"rank=3\": only model=NAME is known here\n");
    command_run(bench_cmd_doctor, (const char *const[]){"doctor", "model=synth:huge", NULL}, &o);
    assert_int_equal(o.code, BENCH_EXIT_USAGE);
    assert_string_equal(o.out, "");
    assert_non_null(strstr(o.err, "synth:huge"));
    command_run(bench_cmd_doctor, (const char *const[]){"doctor", "--quik", NULL}, &o);
    assert_int_equal(o.code, BENCH_EXIT_USAGE);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(quick), cmocka_unit_test(topology),
                                       cmocka_unit_test(measured), cmocka_unit_test(refused)};
    if (argc > 1) /* a child of the comparison */
        return bench_cmd_sgemm(argc - 1, argv + 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
