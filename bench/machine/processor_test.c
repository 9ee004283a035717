/* Tests of processor.c: over files as Linux writes them on machines of several kinds. */
#include "bench/machine/processor.h"
#include "bench/machine/setting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/base/folder.h"

/* Formats: Documentation/admin-guide/pm/cpufreq.rst and intel_pstate.rst of Linux, proc(5). */
static const char x86[] = "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 143\n"
                          "model name\t: Intel(R) Xeon(R)\nstepping\t: 8\nmicrocode\t: 0x2b000603\n\n"
                          "processor\t: 1\nvendor_id\t: GenuineIntel\nmicrocode\t: 0x1\n";
static const char arm[] =
    "processor\t: 0\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\nCPU architecture: 8\n"
    "CPU variant\t: 0x3\nCPU part\t: 0xd0c\nCPU revision\t: 1\n";

static char root[256];

static void put(const char *name, const char *text)
{
    char *path = bench_folder_path("%s/%s", root, name), *folder = strdup(path);
    *strrchr(folder, '/') = '\0';
    assert_int_equal(bench_folder_make(folder, NULL), ZO_OK);
    assert_int_equal(bench_folder_save(path, text, strlen(text), NULL), ZO_OK);
    free(folder);
    free(path);
}

static int make_root(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(root, sizeof root, "%s/processor-test-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
    (void)state;
    return bench_folder_remove(root, NULL) ? -1 : 0;
}

static const char *text_of(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

static void named(void **state)
{
    static const struct {
        const char *cpuinfo, *id, *microcode;
    } cases[] = {
        {x86, "GenuineIntel family 6 model 143 stepping 8", "0x2b000603"},
        {arm, "implementer 0x41 architecture 8 part 0xd0c revision 1", NULL},
        {"processor\t: 0\n", NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *m = json_object();
        put("cpuinfo", cases[i].cpuinfo);
        bench_processor_describe(root, root, m);
        if (cases[i].id)
            assert_string_equal(text_of(m, "cpu_id"), cases[i].id);
        else
            assert_non_null(text_of(m, "cpu_id_reason"));
        if (cases[i].microcode)
            assert_string_equal(text_of(m, "microcode"), cases[i].microcode);
        else
            assert_non_null(text_of(m, "microcode_reason"));
        json_decref(m);
    }
}

/* null where neither switch is there: the kernel of a guest has none. */
static void clocks(void **state)
{
    static const char general[] = "devices/system/cpu/cpufreq/boost",
                      intel[] = "devices/system/cpu/intel_pstate/no_turbo";
    static const struct {
        const char *file, *text;
        int boost; /* -1: not known */
    } cases[] = {{NULL, NULL, -1},  {general, "1\n", 1}, {general, "0\n", 0},
                 {intel, "1\n", 0}, {intel, "0\n", 1},   {intel, "", -1}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *m = json_object();
        remove_root(NULL);
        if (cases[i].file)
            put(cases[i].file, cases[i].text);
        bench_processor_describe(root, root, m);
        const json_t *boost = json_object_get(m, "boost");
        if (cases[i].boost < 0)
            assert_true(json_is_null(boost) && text_of(m, "boost_reason"));
        else
            assert_int_equal(json_is_true(boost), cases[i].boost);
        assert_true(json_is_null(json_object_get(m, "governor")));
        json_decref(m);
    }
    json_t *m = json_object();
    put("devices/system/cpu/cpu0/cpufreq/scaling_governor", "schedutil\n");
    bench_processor_describe(root, root, m);
    assert_string_equal(text_of(m, "governor"), "schedutil");
    json_decref(m);
}

static void ticks(void **state)
{
    (void)state;
    json_t *m = json_object();
    put("stat", "cpu  10 20 30 400 5 6 7 22 8 9\ncpu0 1 1 1 1 1 1 1 1 1 1\n");
    const bench_ticks a = bench_processor_ticks(root);
    assert_true(a.stolen == 22 &&
                a.all == 500); /* 10 + 20 + 30 + 400 + 5 + 6 + 7 + 22: guests' time is in the first two */
    put("stat", "cpu  40 20 30 450 5 6 7 42 8 9\n");
    const bench_ticks b = bench_processor_ticks(root);
    bench_processor_stolen(a, b, m);
    assert_float_equal(json_real_value(json_object_get(m, "steal_share")), 0.2, 1e-12); /* 20 of 100 */
    bench_processor_stolen(b, b, m);
    assert_true(json_is_null(json_object_get(m, "steal_share")));
    assert_string_equal(text_of(m, "steal_share_reason"), "too short a time for the kernel's ticks");
    bench_processor_stolen(a, b, m);
    assert_null(json_object_get(m, "steal_share_reason"));
    put("stat", "cpu  1 2 3 4\n"); /* Linux before 2.6.11 */
    const bench_ticks old = bench_processor_ticks(root);
    bench_processor_stolen(old, old, m);
    assert_string_equal(text_of(m, "steal_share_reason"), "not counted");
    json_decref(m);
}

#if defined(__x86_64__)
/* cpuid and the kernel agree on whether there is a hypervisor. */
static void hypervisor(void **state)
{
    (void)state;
    char *flags = bench_setting_read("flags", ':', "/proc/cpuinfo");
    json_t *m = json_object();
    bench_processor_describe("/proc", "/sys", m);
    if (flags && strstr(flags, "hypervisor"))
        assert_string_not_equal(text_of(m, "hypervisor") ? text_of(m, "hypervisor")
                                                         : text_of(m, "hypervisor_reason"),
                                "none: not a virtual machine");
    else if (flags)
        assert_string_equal(text_of(m, "hypervisor_reason"), "none: not a virtual machine");
    json_decref(m);
    free(flags);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(named, make_root, remove_root),
        cmocka_unit_test_setup_teardown(clocks, make_root, remove_root),
        cmocka_unit_test_setup_teardown(ticks, make_root, remove_root),
#if defined(__x86_64__)
        cmocka_unit_test(hypervisor),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
