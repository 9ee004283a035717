/* See binding.h. */
#include "bench/machine/binding.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <omp.h>

#include "bench/record/record.h"

static const char *const names[] = {
#define X(name, text) [BENCH_BIND_##name] = text,
    BENCH_BIND_MAP(X)
#undef X
};

const char *bench_bind_name(int b)
{
    return b >= 0 && b < BENCH_BIND_COUNT ? names[b] : NULL;
}

zo_status bench_binding_topology(hwloc_topology_t *t, const char *what, zo_error *err)
{
    if (hwloc_topology_init(t)) {
        *t = NULL;
        return zo_fail(err, ZO_ERR_MEMORY, "%s: hwloc: out of memory", what);
    }
    if (!hwloc_topology_load(*t))
        return ZO_OK;
    zo_fail(err, ZO_ERR_UNSUPPORTED, "%s: hwloc finds no topology: %s", what, strerror(errno));
    hwloc_topology_destroy(*t);
    *t = NULL;
    return ZO_ERR_UNSUPPORTED;
}

/* ---- choosing ---- */

/* A processor and what it is chosen by. */
typedef struct candidate {
    int pu;         /* the operating system's number */
    int index;      /* hwloc's: neighbours are near */
    int node;       /* NUMA */
    int sibling;    /* 0: the first allowed one of its core */
    int efficiency; /* of its kind; 0 where kinds are not told apart */
    int turn;       /* SPREAD: how many of its node come before it */
} candidate;

static int node_of(hwloc_topology_t t, hwloc_obj_t pu)
{
    for (hwloc_obj_t n = NULL; (n = hwloc_get_next_obj_by_type(t, HWLOC_OBJ_NUMANODE, n));)
        if (hwloc_bitmap_isset(n->cpuset, pu->os_index))
            return (int)n->logical_index;
    return 0;
}

/* -1: hwloc doesn't tell kinds apart. */
static int efficiency_of(hwloc_topology_t t, hwloc_obj_t pu)
{
    int efficiency = -1, kind = hwloc_cpukinds_get_by_cpuset(t, pu->cpuset, 0);
    if (kind < 0 || hwloc_cpukinds_get_info(t, (unsigned)kind, NULL, &efficiency, NULL, NULL, 0))
        return -1;
    return efficiency;
}

/* Allowed processors of the same core that come before this one. */
static int sibling_of(hwloc_topology_t t, hwloc_const_cpuset_t allowed, hwloc_obj_t pu)
{
    hwloc_obj_t core = hwloc_get_ancestor_obj_by_type(t, HWLOC_OBJ_CORE, pu), other = NULL;
    int n = 0;
    while (core && (other = hwloc_get_next_obj_inside_cpuset_by_type(t, core->cpuset, HWLOC_OBJ_PU, other)) &&
           other != pu)
        n += hwloc_bitmap_isset(allowed, other->os_index);
    return n;
}

/* The order in which processors are taken. */
static int by_rank(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->sibling != y->sibling)
        return x->sibling - y->sibling;
    if (x->efficiency != y->efficiency)
        return y->efficiency - x->efficiency;
    return x->turn != y->turn ? x->turn - y->turn : x->index - y->index;
}

static int list_candidates(hwloc_topology_t t, hwloc_const_cpuset_t allowed, candidate *out)
{
    int n = 0;
    for (hwloc_obj_t pu = NULL; (pu = hwloc_get_next_obj_by_type(t, HWLOC_OBJ_PU, pu));)
        if (hwloc_bitmap_isset(allowed, pu->os_index))
            out[n++] = (candidate){.pu = (int)pu->os_index,
                                   .index = (int)pu->logical_index,
                                   .node = node_of(t, pu),
                                   .sibling = sibling_of(t, allowed, pu),
                                   .efficiency = efficiency_of(t, pu)};
    qsort(out, (size_t)n, sizeof *out, by_rank);
    return n;
}

/* Keeps, in their order, only the processors of the node that has enough cores for all threads, and of those the one
 * whose cores are the most efficient; all where no node has. */
static int keep_one_node(candidate *c, int n, int threads)
{
    int best = -1, kept = 0;
    long best_sum = 0;
    for (int first = 0; first < n; first++) {
        int cores = 0;
        long sum = 0;
        for (int i = 0; i < n && cores < threads; i++)
            if (c[i].node == c[first].node && c[i].sibling == 0) {
                cores++;
                sum += c[i].efficiency;
            }
        bool better = best < 0 || sum > best_sum || (sum == best_sum && c[first].node < best);
        if (cores == threads && better) {
            best = c[first].node;
            best_sum = sum;
        }
    }
    for (int i = 0; i < n; i++)
        if (best < 0 || c[i].node == best)
            c[kept++] = c[i];
    return kept;
}

/* The first of every node, then the second of every node, and so on, within each kind. */
static void take_turns(candidate *c, int n)
{
    for (int i = 0; i < n; i++)
        for (int k = 0; k < i; k++)
            c[i].turn +=
                c[k].node == c[i].node && c[k].sibling == c[i].sibling && c[k].efficiency == c[i].efficiency;
    qsort(c, (size_t)n, sizeof *c, by_rank);
}

bool bench_binding_choose(hwloc_topology_t topology, hwloc_const_cpuset_t allowed, bench_bind policy,
                          int threads, int *pus)
{
    int all = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PU);
    candidate *c = all > 0 ? calloc((size_t)all, sizeof *c) : NULL;
    int n = c ? list_candidates(topology, allowed, c) : 0;
    if (policy == BENCH_BIND_SPREAD && n)
        take_turns(c, n);
    else
        n = keep_one_node(c, n, threads);
    for (int i = 0; i < threads && i < n; i++)
        pus[i] = c[i].pu;
    free(c);
    return threads > 0 && n >= threads;
}

/* ---- for children ---- */

/* "OMP_PROC_BIND=close OMP_PLACES=cores", as far as they are set; "" for none. */
static void list_settings(char *out, size_t cap)
{
    static const char *const variables[] = {"OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY",
                                            "KMP_AFFINITY"};
    size_t n = 0;
    *out = 0;
    for (size_t i = 0; i < sizeof variables / sizeof *variables && n < cap; i++) {
        const char *value = getenv(variables[i]);
        if (value && *value)
            n += (size_t)snprintf(out + n, cap - n, "%s%s=%.60s", n ? " " : "", variables[i], value);
    }
}

/* How an OpenMP library is told: one place for each thread. */
typedef struct dialect {
    const char *before, *item, *after; /* of the list of places; item takes the processor's number */
    const char *also;                  /* a second setting, or NULL */
} dialect;

/* GNU's library narrows the first thread's mask as soon as it is loaded, and it always is, since OpenBLAS is linked with it.
 * Where LLVM's is the one in use, that would be all that it had left to bind to: it alone is told, by its own variable. */
static const dialect gnu = {"OMP_PLACES=", "{%d}", "", "OMP_PROC_BIND=close"},
                     llvm = {"KMP_AFFINITY=granularity=fine,explicit,proclist=[", "%d", "]", NULL};

static const dialect *dialect_in_use(void)
{
    return dlsym(RTLD_DEFAULT, "__kmpc_fork_call") ? &llvm : &gnu;
}

/* False: out of memory. */
static bool make_settings(const dialect *d, const int *pus, int n, char *setting[3])
{
    size_t bytes;
    FILE *f = open_memstream(&setting[0], &bytes);
    if (!f)
        return false;
    fputs(d->before, f);
    for (int i = 0; i < n; i++) {
        fputs(i ? "," : "", f);
        fprintf(f, d->item, pus[i]);
    }
    fputs(d->after, f);
    if (fclose(f))
        return false;
    setting[1] = d->also ? strdup(d->also) : NULL;
    return setting[1] || !d->also;
}

static void choose(bench_bind policy, int threads, bench_binding *out)
{
    hwloc_topology_t t;
    int *pus = calloc((size_t)threads + 1, sizeof *pus);
    hwloc_cpuset_t allowed = hwloc_bitmap_alloc();
    if (!pus || !allowed) {
        snprintf(out->reason, sizeof out->reason, "out of memory");
    } else if (bench_binding_topology(&t, "bind threads", NULL)) {
        snprintf(out->reason, sizeof out->reason, "hwloc finds no topology");
    } else {
        if (hwloc_get_cpubind(t, allowed, HWLOC_CPUBIND_PROCESS))
            snprintf(out->reason, sizeof out->reason, "hwloc cannot read the affinity mask");
        else if (!bench_binding_choose(t, allowed, policy, threads, pus))
            snprintf(out->reason, sizeof out->reason, "%d threads, and the affinity mask has %d processor%s",
                     threads, hwloc_bitmap_weight(allowed), hwloc_bitmap_weight(allowed) == 1 ? "" : "s");
        else if (make_settings(dialect_in_use(), pus, threads, out->setting))
            out->told = names[policy];
        hwloc_topology_destroy(t);
    }
    hwloc_bitmap_free(allowed);
    free(pus);
}

void bench_binding_make(bench_bind policy, int threads, bench_binding *out)
{
    *out = (bench_binding){0};
    if (policy == BENCH_BIND_NONE) {
        snprintf(out->reason, sizeof out->reason, "bind is none");
        return;
    }
    list_settings(out->reason, sizeof out->reason);
    if (*out->reason) {
        out->told = "environment";
        return;
    }
    choose(policy, threads, out);
    if (!out->told && !*out->reason)
        snprintf(out->reason, sizeof out->reason, "out of memory");
}

void bench_binding_deinit(bench_binding *b)
{
    free(b->setting[0]);
    free(b->setting[1]);
    *b = (bench_binding){0};
}

const char *const *bench_binding_settings(const bench_binding *b)
{
    return (const char *const *)b->setting;
}

json_t *bench_binding_to_json(const bench_binding *b)
{
    return json_pack("{s:s?, s:s}", "policy", b->told, "reason", b->reason);
}

/* ---- in the child ---- */

static void set_index(json_t *o, const char *key, hwloc_obj_t at)
{
    if (at)
        json_object_set_new(o, key, json_integer((json_int_t)at->logical_index));
}

static json_t *describe_thread(hwloc_topology_t t, int thread, hwloc_const_cpuset_t mask)
{
    json_t *o = json_pack("{s:i}", "thread", thread);
    hwloc_obj_t pu = hwloc_get_pu_obj_by_os_index(t, (unsigned)hwloc_bitmap_first(mask));
    if (hwloc_bitmap_weight(mask) != 1 || !pu) {
        char *text = NULL;
        if (hwloc_bitmap_list_asprintf(&text, mask) >= 0)
            json_object_set_new(o, "pus", json_string(text));
        free(text);
        return o;
    }
    json_object_set_new(o, "pu", json_integer((json_int_t)pu->os_index));
    set_index(o, "core", hwloc_get_ancestor_obj_by_type(t, HWLOC_OBJ_CORE, pu));
    set_index(o, "package", hwloc_get_ancestor_obj_by_type(t, HWLOC_OBJ_PACKAGE, pu));
    json_object_set_new(o, "numa", json_integer(node_of(t, pu)));
    if (efficiency_of(t, pu) >= 0)
        json_object_set_new(o, "kind", json_integer(efficiency_of(t, pu)));
    return o;
}

/* The affinity mask of every thread of a team (threads); false: one could not be read. */
static bool read_masks(hwloc_topology_t t, hwloc_cpuset_t *masks, int threads)
{
    bool known = true;
#pragma omp parallel num_threads(threads) reduction(&& : known)
    {
        hwloc_cpuset_t mask = masks[omp_get_thread_num()];
        known =
            omp_get_num_threads() == threads && mask && hwloc_get_cpubind(t, mask, HWLOC_CPUBIND_THREAD) == 0;
    }
    return known;
}

/* Every thread on one processor of its own; several may share in a place that the environment gave. */
static bool one_each(const hwloc_cpuset_t *masks, int threads)
{
    for (int i = 0; i < threads; i++) {
        if (hwloc_bitmap_weight(masks[i]) != 1)
            return false;
        for (int k = 0; k < i; k++)
            if (hwloc_bitmap_isequal(masks[i], masks[k]))
                return false;
    }
    return true;
}

static bool all_free(hwloc_topology_t t, const hwloc_cpuset_t *masks, int threads)
{
    for (int i = 0; i < threads; i++)
        if (!hwloc_bitmap_isincluded(hwloc_topology_get_allowed_cpuset(t), masks[i]))
            return false;
    return true;
}

/* What the threads are bound to; NULL and a reason where that is not what was meant. */
static json_t *look(hwloc_topology_t t, const char *policy, const json_t *told, char *reason, size_t cap)
{
    int threads = omp_get_max_threads();
    const bool theirs = strcmp(policy, "environment") == 0;
    const char *settings = json_string_value(json_object_get(told, "reason"));
    json_t *list = NULL, *o = NULL;
    hwloc_cpuset_t *masks = calloc((size_t)threads, sizeof(hwloc_cpuset_t));
    for (int i = 0; masks && i < threads; i++)
        masks[i] = hwloc_bitmap_alloc();
    if (!masks || !read_masks(t, masks, threads)) {
        snprintf(reason, cap, "hwloc cannot read what the threads are bound to");
    } else if (theirs && all_free(t, masks, threads)) {
        snprintf(reason, cap, "the environment has %s", settings ? settings : "no binding");
    } else if (!theirs && !one_each(masks, threads)) {
        snprintf(reason, cap, "the OpenMP library did not bind the threads as it was told to");
    } else {
        list = json_array();
        for (int i = 0; i < threads; i++)
            json_array_append_new(list, describe_thread(t, i, masks[i]));
        o = json_pack("{s:s, s:o}", "policy", policy, "threads", list);
        if (theirs && settings)
            json_object_set_new(o, "environment", json_string(settings));
    }
    for (int i = 0; masks && i < threads; i++)
        hwloc_bitmap_free(masks[i]);
    free(masks);
    return o;
}

void bench_binding_describe(json_t *record, const json_t *told)
{
    const char *policy = json_string_value(json_object_get(told, "policy"));
    const char *reason = json_string_value(json_object_get(told, "reason"));
    char why[256] = "hwloc finds no topology";
    hwloc_topology_t t;
    if (!policy) {
        bench_record_unknown(record, "binding", reason ? reason : "nobody asked for it");
        return;
    }
    json_t *o = NULL;
    if (!bench_binding_topology(&t, "look at threads", NULL)) {
        o = look(t, policy, told, why, sizeof why);
        hwloc_topology_destroy(t);
    }
    bench_record_set(record, "binding", o, why);
}
