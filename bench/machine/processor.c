/* See processor.h. */
#include "bench/machine/processor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/machine/setting.h"
#include "bench/record/record.h"

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

/* Names of models are marketing, and hypervisors shorten them; this is what the silicon says. */
static json_t *cpu_id(const char *proc)
{
    static const struct {
        const char *keys[4], *format;
    } kinds[] = {
        {{"vendor_id", "cpu family", "model", "stepping"}, "%s family %s model %s stepping %s"},
        {{"CPU implementer", "CPU architecture", "CPU part", "CPU revision"},
         "implementer %s architecture %s part %s revision %s"},
    };
    json_t *id = NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && !id; i++) {
        char *v[4], text[160];
        for (int k = 0; k < 4; k++)
            v[k] = bench_setting_read(kinds[i].keys[k], ':', "%s/cpuinfo", proc);
        if (v[0] && v[1] && v[2] && v[3]) {
            snprintf(text, sizeof text, kinds[i].format, v[0], v[1], v[2], v[3]);
            id = json_string(text);
        }
        for (int k = 0; k < 4; k++)
            free(v[k]);
    }
    return id;
}

/* Leaf 0x40000000 holds twelve letters of whoever runs the virtual machine, where the hypervisor bit says that there is one.
 * Source: Linux, arch/x86/kernel/cpu/hypervisor.c and the tables it lists. */
static void describe_hypervisor(json_t *machine)
{
#if defined(__x86_64__) || defined(__i386__)
    static const struct {
        const char *letters, *name;
    } known[] = {
        {"KVMKVMKVM", "KVM"},
        {"Microsoft Hv", "Hyper-V"},
        {"VMwareVMware", "VMware"},
        {"XenVMMXenVMM", "Xen"},
        {"TCGTCGTCGTCG", "QEMU without KVM"},
        {"bhyve bhyve ", "bhyve"},
        {"prl hyperv  ", "Parallels"},
        {"ACRNACRNACRN", "ACRN"},
        {"Jailhouse", "Jailhouse"},
    };
    unsigned a, b, c, d;
    char letters[13] = "";
    const char *name = letters;
    __cpuid(1, a, b, c, d);
    if (!(c >> 31 & 1)) {
        bench_record_unknown(machine, "hypervisor", "none: not a virtual machine");
        return;
    }
    __cpuid(0x40000000, a, b, c, d);
    memcpy(letters, &b, 4);
    memcpy(letters + 4, &c, 4);
    memcpy(letters + 8, &d, 4);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(letters, known[i].letters) == 0)
            name = known[i].name;
    bench_record_set(machine, "hypervisor", *name ? json_string(name) : NULL, "it does not give its name");
#else
    bench_record_unknown(machine, "hypervisor", "only x86 processors can be asked");
#endif
}

/* The general switch of the cpufreq drivers, or that of intel_pstate, which says the opposite. */
static json_t *boost(const char *sys)
{
    static const struct {
        const char *file, *yes;
    } switches[] = {
        {"cpufreq/boost", "1"},
        {"intel_pstate/no_turbo", "0"},
    };
    for (size_t i = 0; i < sizeof switches / sizeof *switches; i++) {
        char *line = bench_setting_read("", 0, "%s/devices/system/cpu/%s", sys, switches[i].file);
        const bool known = line && (strcmp(line, "0") == 0 || strcmp(line, "1") == 0);
        json_t *value = known ? json_boolean(strcmp(line, switches[i].yes) == 0) : NULL;
        free(line);
        if (value)
            return value;
    }
    return NULL;
}

void bench_processor_describe(const char *proc, const char *sys, json_t *machine)
{
    static const char not_ours[] = "the kernel does not set this processor's frequency";
    bench_record_set(machine, "cpu_id", cpu_id(proc), "/proc/cpuinfo does not give it");
    bench_record_set(machine, "microcode",
                     bench_setting_json(bench_setting_read("microcode", ':', "%s/cpuinfo", proc)),
                     "/proc/cpuinfo does not give it");
    describe_hypervisor(machine);
    bench_record_set(machine, "governor",
                     bench_setting_json(
                         bench_setting_read("", 0, "%s/devices/system/cpu/cpu0/cpufreq/scaling_governor",
                                            sys)),
                     not_ours);
    bench_record_set(machine, "boost", boost(sys), not_ours);
}

/* "cpu  user nice system idle iowait irq softirq steal guest guest_nice"; guest is in user, guest_nice in nice. Source: proc(5). */
bench_ticks bench_processor_ticks(const char *proc)
{
    enum { STEAL = 7 };
    bench_ticks t = {0, 0};
    uint64_t v[STEAL + 1] = {0};
    char *line = bench_setting_read("cpu", 0, "%s/stat", proc), *p = line;
    int n = 0;
    for (char *end; p && n <= STEAL; n++, p = end) {
        v[n] = strtoull(p, &end, 10);
        if (end == p)
            break;
    }
    free(line);
    if (n <= STEAL) /* a kernel that does not count it */
        return t;
    for (int i = 0; i <= STEAL; i++)
        t.all += v[i];
    t.stolen = v[STEAL];
    return t;
}

void bench_processor_stolen(bench_ticks from, bench_ticks to, json_t *machine)
{
    const bool moved = to.all > from.all && to.stolen >= from.stolen;
    const double share = moved ? (double)(to.stolen - from.stolen) / (double)(to.all - from.all) : 0;
    json_object_del(machine, "steal_share_reason");
    bench_record_set(machine, "steal_share", moved ? json_real(share > 1 ? 1 : share) : NULL,
                     to.all ? "too short a time for the kernel's ticks" : "not counted");
}
