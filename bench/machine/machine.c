/* See machine.h. */
#include "bench/machine/machine.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <hwloc.h>

#include "bench/machine/binding.h"
#include "bench/machine/cgroup.h"
#include "bench/machine/setting.h"
#include "bench/record/record.h"
#include "bench/base/sha256.h"
#include "core/kernel/kernel.h"
#include "core/kernel/panel.h"

/* Instruction sets that matter to matrix products, by their names in /proc/cpuinfo (x86, then Arm). */
static const char *const known_isa[] = {
    "sse4_2",   "avx",      "f16c",        "fma",         "avx2",        "avx_vnni", "avx512f",  "avx512bw",
    "avx512dq", "avx512vl", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_bf16", "amx_int8",
    "asimd",    "asimdhp",  "asimddp",     "fphp",        "sve",         "sve2",     "bf16",     "i8mm",
};

/* NULL where it is not there. */
static json_t *meminfo(const char *key)
{
    char *kib = bench_setting_read(key, ':', "/proc/meminfo");
    json_t *bytes = kib ? json_integer(strtoll(kib, NULL, 10) * 1024) : NULL;
    free(kib);
    return bytes;
}

static char *cpuinfo(const char *key)
{
    return bench_setting_read(key, ':', "/proc/cpuinfo");
}

static void describe_processor(json_t *o, hwloc_topology_t topology)
{
    const char *model = hwloc_obj_get_info_by_name(hwloc_get_root_obj(topology), "CPUModel");
    char *name = cpuinfo("model name"), *flags = cpuinfo("flags");
    json_t *isa = json_array();
    json_t *virtual = flags ? json_boolean(bench_setting_lists(flags, ' ', "hypervisor"))
                            : NULL; /* only x86 has such a flag */
    flags = flags ? flags : cpuinfo("Features");
    if (!name && hwloc_get_obj_by_type(topology, HWLOC_OBJ_PACKAGE, 0))
        model = hwloc_obj_get_info_by_name(hwloc_get_obj_by_type(topology, HWLOC_OBJ_PACKAGE, 0), "CPUModel");
    name = name ? name : model ? strdup(model) : NULL;
    bench_record_set(o, "cpu", bench_setting_json(name), "neither /proc/cpuinfo nor hwloc names it");
    for (size_t i = 0; flags && i < sizeof known_isa / sizeof *known_isa; i++)
        if (bench_setting_lists(flags, ' ', known_isa[i]))
            json_array_append_new(isa, json_string(known_isa[i]));
    json_object_set_new(o, "isa", isa);
    json_object_set_new(o, "kernels", json_string(zo_kernels_best()->name));
    json_object_set_new(o, "matrix_kernels", json_string(zo_panels_best()->name));
    bench_record_set(o, "virtual", virtual, "/proc/cpuinfo has no flags");
    bench_processor_describe("/proc", "/sys", o);
    free(flags);
}

/* The name, size and number of each kind of cache, smallest first. */
static json_t *describe_caches(hwloc_topology_t topology)
{
    static const hwloc_obj_type_t types[] = {HWLOC_OBJ_L1CACHE, HWLOC_OBJ_L2CACHE, HWLOC_OBJ_L3CACHE,
                                             HWLOC_OBJ_L4CACHE};
    json_t *caches = json_array();
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        char name[32];
        hwloc_obj_t cache = hwloc_get_obj_by_type(topology, types[i], 0);
        if (!cache)
            continue;
        hwloc_obj_type_snprintf(name, sizeof name, cache, 0);
        json_array_append_new(caches, json_pack("{s:s, s:I, s:i}", "name", name, "bytes",
                                                (json_int_t)cache->attr->cache.size, "count",
                                                hwloc_get_nbobjs_by_type(topology, types[i])));
    }
    return caches;
}

/* The memory and the processors of each NUMA node. */
static json_t *describe_numa(hwloc_topology_t topology)
{
    json_t *nodes = json_array();
    for (hwloc_obj_t o = NULL; (o = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_NUMANODE, o));)
        json_array_append_new(nodes, json_pack("{s:i, s:I, s:i}", "node", (int)o->os_index, "bytes",
                                               (json_int_t)o->attr->numanode.local_memory, "pus",
                                               hwloc_bitmap_weight(o->cpuset)));
    return nodes;
}

/* Objects of a type that the affinity mask touches. */
static int allowed(hwloc_topology_t topology, hwloc_const_cpuset_t mask, hwloc_obj_type_t type)
{
    int n = 0;
    for (hwloc_obj_t o = NULL; (o = hwloc_get_next_obj_by_type(topology, type, o));)
        n += hwloc_bitmap_intersects(o->cpuset, mask);
    return n;
}

static void describe_topology(json_t *o, hwloc_topology_t topology)
{
    static const struct {
        const char *key;
        hwloc_obj_type_t type;
    } counts[] = {
        {"packages", HWLOC_OBJ_PACKAGE},
        {"numa_nodes", HWLOC_OBJ_NUMANODE},
        {"cores", HWLOC_OBJ_CORE},
        {"pus", HWLOC_OBJ_PU},
    };
    hwloc_cpuset_t mask = hwloc_bitmap_alloc();
    int known = mask && hwloc_get_cpubind(topology, mask, HWLOC_CPUBIND_PROCESS) == 0;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        int n = hwloc_get_nbobjs_by_type(topology, counts[i].type);
        bench_record_set(o, counts[i].key, n > 0 ? json_integer(n) : NULL, "not in hwloc's topology");
    }
    for (size_t i = 2; i < sizeof counts / sizeof *counts; i++) {
        char key[32];
        int n = known ? allowed(topology, mask, counts[i].type) : 0;
        snprintf(key, sizeof key, "%s_allowed", counts[i].key);
        bench_record_set(o, key, n > 0 ? json_integer(n) : NULL, "not in hwloc's topology");
    }
    hwloc_bitmap_free(mask);
    json_object_set_new(o, "numa", describe_numa(topology));
    json_object_set_new(o, "caches", describe_caches(topology));
}

/* The value, which may be in quotes. */
static json_t *os_name(void)
{
    char *name = bench_setting_read("PRETTY_NAME", '=', "/etc/os-release"), *text = name;
    if (text && *text == '"')
        text++;
    json_t *value = text ? json_stringn(text, strcspn(text, "\"")) : NULL;
    free(name);
    return value;
}

/* "glibc 2.36" */
static json_t *libc(void)
{
    char version[64];
    const size_t n = confstr(_CS_GNU_LIBC_VERSION, version, sizeof version);
    return n > 1 && n <= sizeof version ? json_string(version) : NULL;
}

static void describe_system(json_t *o)
{
    uint64_t limit;
    double cpus;
    struct utsname u;
    bool limited = bench_cgroup_memory_limit(BENCH_CGROUPS, &limit);
    bench_record_set(o, "memory_bytes", meminfo("MemTotal"), "/proc/meminfo cannot be read");
    bench_record_set(o, "memory_limit_bytes", limited ? json_integer((json_int_t)limit) : NULL,
                     "no control group sets one");
    bench_record_set(o, "cpu_quota", bench_cgroup_cpus(BENCH_CGROUPS, &cpus) ? json_real(cpus) : NULL,
                     "no control group sets one");
    bench_record_set(o, "os", os_name(), "/etc/os-release cannot be read");
    bench_record_set(o, "kernel", uname(&u) == 0 ? json_string(u.release) : NULL, "uname failed");
    bench_record_set(o, "libc", libc(), "the C library does not say");
}

zo_status bench_machine_describe(json_t **out, zo_error *err)
{
    zo_status st = ZO_OK;
    hwloc_topology_t topology = NULL;
    json_t *o = json_object();
    *out = NULL;
    if (!o) {
        st = zo_fail(err, ZO_ERR_MEMORY, "describe the machine: out of memory");
        goto cleanup;
    }
    st = bench_binding_topology(&topology, "describe the machine", err);
    if (st)
        goto cleanup;
    describe_processor(o, topology);
    describe_topology(o, topology);
    describe_system(o);
    bench_machine_refresh(o);
    bench_machine_stolen(o, NULL);
    *out = o;
    o = NULL;
cleanup:
    if (topology)
        hwloc_topology_destroy(topology);
    json_decref(o);
    return st;
}

zo_status bench_machine_topology(const char *path, zo_error *err)
{
    hwloc_topology_t topology = NULL;
    zo_status st = bench_binding_topology(&topology, "describe the machine", err);
    if (!st && hwloc_topology_export_xml(topology, path, 0))
        st = zo_fail(err, ZO_ERR_IO, "write the topology to %s: %s", path, strerror(errno));
    if (topology)
        hwloc_topology_destroy(topology);
    return st;
}

bench_ticks bench_machine_ticks(void)
{
    return bench_processor_ticks("/proc");
}

void bench_machine_stolen(json_t *machine, const bench_ticks *since)
{
    const bench_ticks boot = {0, 0};
    bench_processor_stolen(since ? *since : boot, bench_machine_ticks(), machine);
}

void bench_machine_refresh(json_t *machine)
{
    double load;
    bench_record_set(machine, "memory_available_bytes", meminfo("MemAvailable"),
                     "/proc/meminfo cannot be read");
    bench_record_set(machine, "load_average", getloadavg(&load, 1) == 1 ? json_real(load) : NULL,
                     "/proc/loadavg cannot be read");
}

int bench_machine_threads(const json_t *machine)
{
    const json_t *quota = json_object_get(machine, "cpu_quota");
    json_int_t cores = json_integer_value(json_object_get(machine, "cores_allowed"));
    cores = cores > 0 ? cores : 1;
    if (json_is_number(quota) && json_number_value(quota) < (double)cores)
        cores = (json_int_t)ceil(json_number_value(quota));
    return (int)cores;
}

void bench_machine_fingerprint(const json_t *machine, const json_t *build, const json_t *backend,
                               char out[13])
{
    static const char *const of_backend[] = {"name", "library", "version", "core", "parallel"};
    char hex[BENCH_SHA256_HEX];
    const char *name = json_string_value(json_object_get(backend, "name"));
    json_t *parts = json_pack("[O?, O?, O?, O?, O?, O?, O?]", json_object_get(machine, "cpu"),
                              json_object_get(machine, "isa"), json_object_get(machine, "cores_allowed"),
                              json_object_get(machine, "pus_allowed"), json_object_get(machine, "cpu_quota"),
                              json_object_get(build, "compiler"), json_object_get(build, "flags"));
    for (size_t i = 0; name && strcmp(name, "native") != 0 && i < sizeof of_backend / sizeof *of_backend; i++)
        json_array_append(parts, json_object_get(backend, of_backend[i]));
    char *text = json_dumps(parts, JSON_COMPACT);
    bench_sha256(text ? text : "", text ? strlen(text) : 0, hex);
    memcpy(out, hex, 12);
    out[12] = '\0';
    free(text);
    json_decref(parts);
}

bool bench_machine_made(const json_t *machine, const json_t *build, const json_t *record)
{
    char here[13], there[13];
    bench_machine_fingerprint(machine, build, NULL, here);
    bench_machine_fingerprint(json_object_get(record, "machine"), json_object_get(record, "build"), NULL,
                              there);
    return strcmp(here, there) == 0;
}
