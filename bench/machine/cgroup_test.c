/* Tests of cgroup.c over made-up /proc and /sys trees of both versions, and over this machine's own. */
#include "bench/machine/cgroup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct entry {
    const char *path, *text; /* text NULL: a folder */
} entry;

/* Made in order and removed in reverse. */
static const entry tree[] = {
    {"p1", NULL},
    {"p1/self", NULL},
    {"p1/self/cgroup", "5:cpuacct,cpu:/job\n6:cpuset:/\n4:memory:/job/step\n0::/other\n"},
    {"p1/vmstat", "nr_free_pages 12\noom_kill 3\n"},
    {"s1", NULL},
    {"s1/memory", NULL},
    {"s1/memory/memory.limit_in_bytes", "9223372036854771712\n"},
    {"s1/memory/job", NULL},
    {"s1/memory/job/memory.limit_in_bytes", "1000000\n"},
    {"s1/memory/job/step", NULL},
    {"s1/memory/job/step/memory.limit_in_bytes", "2000000\n"},
    {"s1/memory/job/step/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 7\n"},
    {"s1/cpu", NULL},
    {"s1/cpu/cpu.cfs_quota_us", "-1\n"},
    {"s1/cpu/cpu.cfs_period_us", "100000\n"},
    {"s1/cpu/job", NULL},
    {"s1/cpu/job/cpu.cfs_quota_us", "150000\n"},
    {"s1/cpu/job/cpu.cfs_period_us", "100000\n"},
    {"p2", NULL},
    {"p2/self", NULL},
    {"p2/self/cgroup", "0::/a\n"},
    {"p2/vmstat", "oom_kill 5\n"},
    {"s2", NULL},
    {"s2/memory.max", "max\n"},
    {"s2/cpu.max", "400000 100000\n"},
    {"s2/a", NULL},
    {"s2/a/cpu.max", "max 100000\n"},
    {"s2/a/memory.max", "4096\n"},
    {"s2/a/memory.events", "low 0\noom 8\noom_kill 2\noom_group_kill 0\n"},
    {"p3", NULL}, /* no group at all, an old kernel */
    {"p3/vmstat", "nr_free_pages 1\n"},
    {"p4", NULL}, /* a group whose files cannot be read */
    {"p4/self", NULL},
    {"p4/self/cgroup", "0::/gone\n"},
    {"p4/vmstat", "oom_kill 11\n"},
};
#define ENTRIES (sizeof tree / sizeof *tree)

static const char *at(const char *dir, const char *name)
{
    static char path[4][600];
    static int turn;
    char *p = path[turn++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", dir, name);
    return p;
}

static int make_tree(void **state)
{
    char *dir = malloc(300);
    const char *tmp = getenv("TMPDIR");
    snprintf(dir, 300, "%s/cgroup.XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(dir))
        return -1;
    for (size_t i = 0; i < ENTRIES; i++) {
        if (!tree[i].text) {
            if (mkdir(at(dir, tree[i].path), 0777))
                return -1;
            continue;
        }
        FILE *f = fopen(at(dir, tree[i].path), "w");
        if (!f || fputs(tree[i].text, f) < 0 || fclose(f))
            return -1;
    }
    *state = dir;
    return 0;
}

static int drop_tree(void **state)
{
    int failed = 0;
    for (size_t i = ENTRIES; i-- > 0;)
        failed |= remove(at(*state, tree[i].path));
    failed |= rmdir(*state);
    free(*state);
    return failed;
}

static void limits_kills_and_quotas(void **state)
{
    static const struct {
        const char *proc, *sys;
        int64_t limit, kills; /* -1: not known */
        double cpus;
    } cases[] = {
        {"p1", "s1", 1000000, 7, 1.5}, /* the tighter limit lies outside */
        {"p2", "s2", 4096, 2, 4},      /* "max" is no limit; that outside is */
        {"p3", "s1", -1, -1, -1},      {"p4", "s2", -1, 11, 4}, {"nowhere", "nowhere", -1, -1, -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *proc = at(*state, cases[i].proc), *sys = at(*state, cases[i].sys);
        uint64_t n = 0;
        assert_int_equal(bench_cgroup_memory_limit(proc, sys, &n), cases[i].limit >= 0);
        assert_true(cases[i].limit < 0 || n == (uint64_t)cases[i].limit);
        assert_int_equal(bench_cgroup_oom_kills(proc, sys, &n), cases[i].kills >= 0);
        assert_true(cases[i].kills < 0 || n == (uint64_t)cases[i].kills);
        double cpus = 0;
        assert_int_equal(bench_cgroup_cpus(proc, sys, &cpus), cases[i].cpus > 0);
        assert_true(cases[i].cpus < 0 || cpus == cases[i].cpus);
    }
}

/* A process that ends by itself is no kill. */
static void kills_do_not_rise_by_themselves(void **state)
{
    uint64_t before = 0, after = 0;
    (void)state;
    if (!bench_cgroup_oom_kills(BENCH_CGROUPS, &before)) {
        printf("skip: this kernel counts no out-of-memory kills\n");
        skip();
    }
    assert_true(bench_cgroup_oom_kills(BENCH_CGROUPS, &after));
    assert_true(after >= before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(limits_kills_and_quotas, make_tree, drop_tree),
        cmocka_unit_test(kills_do_not_rise_by_themselves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
