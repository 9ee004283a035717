/* Tests of binding.c: the choice on made-up topologies, the environment, and real threads in a process of their own. */
#include "bench/machine/binding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <omp.h>

static hwloc_topology_t made_up(const char *description)
{
    hwloc_topology_t t;
    assert_int_equal(hwloc_topology_init(&t), 0);
    assert_int_equal(hwloc_topology_set_synthetic(t, description), 0);
    assert_int_equal(hwloc_topology_load(t), 0);
    return t;
}

static void choose_from(hwloc_topology_t t, const char *allowed, bench_bind policy, int threads,
                        const char *expected)
{
    hwloc_cpuset_t mask = hwloc_bitmap_alloc();
    int pus[64];
    char text[256] = "", *at = text;
    hwloc_bitmap_list_sscanf(mask, allowed);
    if (bench_binding_choose(t, mask, policy, threads, pus))
        for (int i = 0; i < threads; i++)
            at += sprintf(at, "%s%d", i ? " " : "", pus[i]);
    if (strcmp(text, expected) != 0)
        fail_msg("%d threads of %s, %s: %s, expected %s", threads, allowed, bench_bind_name(policy), text,
                 expected);
    hwloc_bitmap_free(mask);
}

/* Worked out by hand from the descriptions; hwloc's synthetic processors are numbered depth first. */
static void cores_come_first_then_kinds_then_nodes(void **state)
{
    static const struct {
        const char *topology, *allowed;
        bench_bind policy;
        int threads;
        const char *expected; /* "": refused */
    } cases[] = {
        /* two packages with a node each, four cores of two processors: node 0 has 0-7 */
        {"node:2 core:4 pu:2", "0-15", BENCH_BIND_CORES, 1, "0"},
        {"node:2 core:4 pu:2", "0-15", BENCH_BIND_CORES, 4, "0 2 4 6"},
        {"node:2 core:4 pu:2", "0-15", BENCH_BIND_CORES, 5, "0 2 4 6 8"},
        {"node:2 core:4 pu:2", "0-15", BENCH_BIND_CORES, 9, "0 2 4 6 8 10 12 14 1"},
        {"node:2 core:4 pu:2", "0-15", BENCH_BIND_CORES, 17, ""},
        {"node:2 core:4 pu:2", "0-15", BENCH_BIND_SPREAD, 4, "0 8 2 10"},
        {"node:2 core:4 pu:2", "0-15", BENCH_BIND_SPREAD, 9, "0 8 2 10 4 12 6 14 1"},
        /* a mask that leaves two cores of node 0, one of them half, and three of node 1 */
        {"node:2 core:4 pu:2", "3,6-7,8-13", BENCH_BIND_CORES, 2, "3 6"},
        {"node:2 core:4 pu:2", "3,6-7,8-13", BENCH_BIND_CORES, 3, "8 10 12"},
        {"node:2 core:4 pu:2", "3,6-7,8-13", BENCH_BIND_CORES, 4, "3 6 8 10"},
        {"node:2 core:4 pu:2", "3,6-7,8-13", BENCH_BIND_CORES, 6, "3 6 8 10 12 7"},
        {"core:2 pu:1", "1", BENCH_BIND_CORES, 1, "1"},
        {"core:2 pu:1", "1", BENCH_BIND_CORES, 2, ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hwloc_topology_t t = made_up(cases[i].topology);
        choose_from(t, cases[i].allowed, cases[i].policy, cases[i].threads, cases[i].expected);
        hwloc_topology_destroy(t);
    }
}

static void add_kind(hwloc_topology_t t, const char *pus, int efficiency)
{
    hwloc_cpuset_t set = hwloc_bitmap_alloc();
    hwloc_bitmap_list_sscanf(set, pus);
    assert_int_equal(hwloc_cpukinds_register(t, set, efficiency, 0, NULL, 0), 0);
    hwloc_bitmap_free(set);
}

/* Efficiency cores have the lower numbers here. Their second choice comes before second threads of fast cores. */
static void performance_cores_come_first(void **state)
{
    hwloc_topology_t t = made_up("core:4 pu:2");
    (void)state;
    add_kind(t, "0-3", 0);
    add_kind(t, "4-7", 1);
    choose_from(t, "0-7", BENCH_BIND_CORES, 2, "4 6");
    choose_from(t, "0-7", BENCH_BIND_CORES, 3, "4 6 0");
    choose_from(t, "0-7", BENCH_BIND_CORES, 8, "4 6 0 2 5 7 1 3");
    hwloc_topology_destroy(t);
    t = made_up("node:2 core:2 pu:1"); /* the fast cores are node 1's */
    add_kind(t, "0-1", 0);
    add_kind(t, "2-3", 1);
    choose_from(t, "0-3", BENCH_BIND_CORES, 2, "2 3");
    hwloc_topology_destroy(t);
}

static void clear_environment(void)
{
    unsetenv("OMP_PROC_BIND");
    unsetenv("OMP_PLACES");
    unsetenv("GOMP_CPU_AFFINITY");
    unsetenv("KMP_AFFINITY");
}

static void what_stands_in_the_way_is_said(void **state)
{
    bench_binding b;
    char text[64];
    (void)state;
    clear_environment();
    bench_binding_make(BENCH_BIND_NONE, 1, &b);
    assert_null(b.told);
    assert_null(b.setting[0]);
    assert_string_equal(b.reason, "bind is none");
    bench_binding_deinit(&b);

    bench_binding_make(BENCH_BIND_CORES, 4097, &b); /* more than any machine this runs on */
    assert_null(b.told);
    snprintf(text, sizeof text, "4097 threads, and the affinity mask has ");
    assert_int_equal(strncmp(b.reason, text, strlen(text)), 0);
    bench_binding_deinit(&b);

    setenv("OMP_PROC_BIND", "spread", 1);
    setenv("OMP_PLACES", "cores", 1);
    bench_binding_make(BENCH_BIND_CORES, 1, &b);
    assert_string_equal(b.told, "environment");
    assert_null(b.setting[0]);
    assert_string_equal(b.reason, "OMP_PROC_BIND=spread OMP_PLACES=cores");
    bench_binding_deinit(&b);
    clear_environment();

    json_t *record = json_object();
    bench_binding_describe(record, NULL);
    assert_true(json_is_null(json_object_get(record, "binding")));
    assert_string_equal(json_string_value(json_object_get(record, "binding_reason")), "nobody asked for it");
    json_decref(record);
}

/* ---- real threads: this program again, with what the launcher sets ---- */

/* The child: after a smaller team, whose extra threads may have ended, everything is described. */
static int describe_here(const char *told_text)
{
    json_t *told = json_loads(told_text, 0, NULL), *record = json_object();
    int members = 0;
#pragma omp parallel num_threads(1) reduction(+ : members)
    members++;
    bench_binding_describe(record, told);
    json_dumpf(record, stdout, JSON_COMPACT);
    json_decref(record);
    json_decref(told);
    return members != 1;
}

static json_t *record_of_child(const bench_binding *b, int threads)
{
    int ends[2], status;
    json_t *told = bench_binding_to_json(b);
    char *text = json_dumps(told, JSON_COMPACT), number[16];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        snprintf(number, sizeof number, "%d", threads);
        setenv("OMP_NUM_THREADS", number, 1);
        for (int i = 0; b->setting[i]; i++)
            putenv(b->setting[i]);
        dup2(ends[1], 1);
        execl("/proc/self/exe", "binding_test", "describe", text, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    FILE *f = fdopen(ends[0], "r");
    json_t *record = json_loadf(f, 0, NULL);
    fclose(f);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_non_null(record);
    free(text);
    json_decref(told);
    return record;
}

/* On whatever machine this is: as many threads as the mask has processors, at most 8. */
static void threads_are_where_the_record_says(void **state)
{
    hwloc_topology_t t;
    hwloc_cpuset_t mask = hwloc_bitmap_alloc();
    int pus[8];
    size_t i;
    json_t *thread;
    bench_binding b;
    (void)state;
    clear_environment();
    assert_int_equal(hwloc_topology_init(&t), 0);
    assert_int_equal(hwloc_topology_load(t), 0);
    assert_int_equal(hwloc_get_cpubind(t, mask, HWLOC_CPUBIND_PROCESS), 0);
    int n = hwloc_bitmap_weight(mask) < 8 ? hwloc_bitmap_weight(mask) : 8;
    bench_binding_make(BENCH_BIND_CORES, n, &b);
    assert_string_equal(b.told, "cores");
    assert_true(bench_binding_choose(t, mask, BENCH_BIND_CORES, n, pus));
    json_t *record = record_of_child(&b, n), *binding = json_object_get(record, "binding"),
           *threads = json_object_get(binding, "threads");
    if (!threads)
        fail_msg("not bound: %s", json_string_value(json_object_get(record, "binding_reason")));
    assert_string_equal(json_string_value(json_object_get(binding, "policy")), "cores");
    assert_int_equal(json_array_size(threads), n);
    json_array_foreach(threads, i, thread)
    {
        json_int_t pu = json_integer_value(json_object_get(thread, "pu"));
        assert_int_equal(json_integer_value(json_object_get(thread, "thread")), i);
        assert_int_equal(pu, pus[i]);
        assert_true(hwloc_bitmap_isset(mask, (unsigned)pu));
    }
    json_decref(record);

    /* told that they are bound, and they are not: the record doesn't claim it */
    if (n > 1) {
        bench_binding_deinit(&b);
        b.told = "cores";
        record = record_of_child(&b, n);
        assert_true(json_is_null(json_object_get(record, "binding")));
        assert_non_null(json_string_value(json_object_get(record, "binding_reason")));
        json_decref(record);
    }
    bench_binding_deinit(&b);
    hwloc_bitmap_free(mask);
    hwloc_topology_destroy(t);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cores_come_first_then_kinds_then_nodes),
        cmocka_unit_test(performance_cores_come_first),
        cmocka_unit_test(what_stands_in_the_way_is_said),
        cmocka_unit_test(threads_are_where_the_record_says),
    };
    if (argc > 2 && strcmp(argv[1], "describe") == 0)
        return describe_here(argv[2]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
