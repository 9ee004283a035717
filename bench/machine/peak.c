/* See peak.h. Threads of our own, bound to cores, so that nothing has to be put back afterwards. */
#include "bench/machine/peak.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <hwloc.h>

#include "bench/machine/binding.h"
#include "bench/machine/cgroup.h"
#include "bench/base/clock.h"
#include "bench/machine/peak_kernel.h"
#include "bench/record/record.h"
#include "bench/base/stats.h"

enum { READ = BENCH_PEAK_LOOPS, TRIAD, CACHED, KINDS = CACHED + BENCH_PEAK_CACHED };
enum {
    ROUNDS = 7,
    LOOP = 32768,  /* rounds of an arithmetic loop at a time: some 200 us */
    CHUNK = 65536, /* floats of an array at a time */
    PAGE = 1024,   /* floats of the smallest page */
};

#define ARRAY_MIN ((int64_t)1 << 26) /* bytes of all arrays, where caches are small or not known */

static const struct kind {
    const char *key;
    float x, y; /* what a loop works on: its values stay finite */
    const char *missing;
} kinds[KINDS] = {
    [BENCH_PEAK_F32] = {"f32_flops_per_s", -0.9995f, 1.5f, NULL},
    [BENCH_PEAK_BF16] = {"bf16_flops_per_s", 1.375f, -0.8125f,
                         "this processor has no dot products of AVX-512 BF16"},
    [BENCH_PEAK_INT8] = {"int8_ops_per_s", 85, -42,
                         "this processor has no dot products of AVX-512 VNNI or AVX-VNNI"},
    [READ] = {"read_bytes_per_s", 0, 0, NULL},
    [TRIAD] = {"triad_bytes_per_s", 0, 0, NULL},
    /* the others go into one list */
};

typedef struct team {
    const bench_peak_kernels *kernels;
    double products[BENCH_PEAK_LOOPS]; /* of one round of a loop */
    hwloc_topology_t topology;
    hwloc_obj_t *places; /* (place_count) borrowed processors */
    int place_count;
    float *array;
    size_t array_bytes;
    int64_t part; /* floats of array that are one thread's, a multiple of 3 CHUNK */
    /* floats of part that are read for a CACHED kind, multiples of CHUNK; 0: none */
    int64_t cached[BENCH_PEAK_CACHED];
    int64_t slice_ns;
    pthread_mutex_t gate; /* held until all are there */
    bool abandoned;       /* one could not be started: go home */
    pthread_barrier_t round;
} team;

typedef struct worker {
    team *team;
    pthread_t thread;
    int index;
    bool bound;
    int64_t at[KINDS];               /* where in its part of the array a kind goes on */
    double rates[KINDS][ROUNDS + 1]; /* work per second; the first round warms up */
    double result;                   /* of all loops, for nobody */
} worker;

static bool measured(const team *t, int kind)
{
    return kind >= CACHED ? t->cached[kind - CACHED] > 0 : kind >= BENCH_PEAK_LOOPS || t->kernels->loop[kind];
}

/* ---- a thread ---- */

static float *part_of(const worker *w)
{
    return w->team->array + w->index * w->team->part;
}

/* Of the first `floats` of the part, over and over. */
static double read_some(worker *w, int kind, int64_t floats)
{
    w->result += w->team->kernels->sum(part_of(w) + w->at[kind], CHUNK);
    w->at[kind] = (w->at[kind] + CHUNK) % floats;
    return CHUNK * sizeof(float);
}

static double triad_some(worker *w)
{
    const int64_t third = w->team->part / 3;
    float *a = part_of(w) + w->at[TRIAD];
    w->team->kernels->triad(a, a + third, a + 2 * third, 0.5f, CHUNK);
    w->at[TRIAD] = (w->at[TRIAD] + CHUNK) % third;
    return 3.0 * CHUNK * sizeof(float);
}

/* Does a little of one kind and says how much it was. */
static double work_some(worker *w, int kind)
{
    if (kind >= CACHED)
        return read_some(w, kind, w->team->cached[kind - CACHED]);
    if (kind >= BENCH_PEAK_LOOPS)
        return kind == READ ? read_some(w, READ, w->team->part) : triad_some(w);
    w->result += w->team->kernels->loop[kind](LOOP, kinds[kind].x, kinds[kind].y);
    return 2 * w->team->products[kind] * LOOP; /* a product is multiplied and added */
}

static double rate(worker *w, int kind)
{
    const int64_t begin = bench_clock_ns();
    int64_t now = begin;
    double done = 0;
    while (now - begin < w->team->slice_ns) {
        done += work_some(w, kind);
        now = bench_clock_ns();
    }
    return done / ((double)(now - begin) * 1e-9);
}

static void take_round(worker *w, int kind, int round)
{
    if (!measured(w->team, kind))
        return;
    pthread_barrier_wait(&w->team->round);
    w->rates[kind][round] = rate(w, kind);
}

/* Until what is read lies where it does for those who read it again and again, which takes some caches several times; but no
 * longer than all rounds do. */
static void fill_cache(worker *w, int kind)
{
    enum { TIMES = 4 };
    const int64_t end = bench_clock_ns() + (ROUNDS + 1) * w->team->slice_ns;
    for (int64_t i = 0; i < TIMES * w->team->cached[kind - CACHED] && bench_clock_ns() < end; i += CHUNK)
        work_some(w, kind);
}

static void *work(void *self)
{
    worker *w = self;
    team *t = w->team;
    pthread_mutex_lock(&t->gate);
    const bool abandoned = t->abandoned;
    pthread_mutex_unlock(&t->gate);
    if (abandoned)
        return NULL;
    w->bound = hwloc_set_cpubind(t->topology, t->places[w->index % t->place_count]->cpuset,
                                 HWLOC_CPUBIND_THREAD) == 0;
    for (int64_t i = 0; i < t->part; i += PAGE) /* from here, so that its memory is near */
        part_of(w)[i] = 1;
    for (int round = 0; round <= ROUNDS; round++)
        for (int kind = 0; kind < CACHED; kind++)
            take_round(w, kind, round);
    for (int kind = CACHED; kind < KINDS; kind++) {
        fill_cache(w, kind);
        for (int round = 0; round <= ROUNDS; round++)
            take_round(w, kind, round);
    }
    return NULL;
}

/* ---- the team ---- */

/* The processors that a cell of so many threads is given too; where there are fewer, all of them in turn. */
static zo_status find_places(team *t, int threads, zo_error *err)
{
    zo_status st = ZO_OK;
    hwloc_cpuset_t mask = hwloc_bitmap_alloc();
    int *pus = calloc((size_t)threads, sizeof *pus);
    t->places = calloc((size_t)threads, sizeof *t->places);
    if (!mask || !pus || !t->places) {
        st = zo_fail(err, ZO_ERR_MEMORY, "measure peaks: out of memory");
        goto cleanup;
    }
    if (hwloc_get_cpubind(t->topology, mask, HWLOC_CPUBIND_PROCESS))
        hwloc_bitmap_copy(mask, hwloc_topology_get_allowed_cpuset(t->topology));
    const int usable = hwloc_bitmap_weight(mask);
    t->place_count = threads < usable ? threads : usable;
    if (!bench_binding_choose(t->topology, mask, BENCH_BIND_CORES, t->place_count, pus)) {
        st = zo_fail(err, ZO_ERR_UNSUPPORTED,
                     "measure peaks: hwloc does not know the affinity mask's processors");
        goto cleanup;
    }
    for (int i = 0; i < t->place_count; i++)
        t->places[i] = hwloc_get_pu_obj_by_os_index(t->topology, (unsigned)pus[i]);
cleanup:
    hwloc_bitmap_free(mask);
    free(pus);
    return st;
}

/* Bytes of the last-level caches above the places in use. */
static int64_t cache_bytes(const team *t)
{
    int64_t bytes = 0;
    for (int i = 0; i < t->place_count; i++) {
        hwloc_obj_t last = NULL;
        for (hwloc_obj_t o = t->places[i]; o; o = o->parent)
            last = hwloc_obj_type_is_dcache(o->type) ? o : last;
        bool counted = false; /* with an earlier place */
        for (int j = 0; last && j < i; j++)
            counted |= hwloc_obj_is_in_subtree(t->topology, t->places[j], last) != 0;
        bytes += last && !counted ? (int64_t)last->attr->cache.size : 0;
    }
    return bytes;
}

/* Of the machine, or what the control group leaves of it. */
static int64_t memory_bytes(const team *t)
{
    const uint64_t all = hwloc_get_root_obj(t->topology)->total_memory;
    uint64_t limit;
    return (int64_t)(bench_cgroup_memory_limit(BENCH_CGROUPS, &limit) && (!all || limit < all) ? limit : all);
}

/* Four times the caches, but no more than an eighth of the memory. Pages come when they are touched. */
static zo_status make_array(team *t, int threads, zo_error *err)
{
    const int64_t step = (int64_t)3 * CHUNK * threads * (int64_t)sizeof(float), memory = memory_bytes(t);
    int64_t bytes = 4 * cache_bytes(t);
    bytes = bytes > ARRAY_MIN ? bytes : ARRAY_MIN;
    bytes = memory > 0 && bytes > memory / 8 ? memory / 8 : bytes;
    const int64_t steps = bytes < step ? 1 : (bytes + step - 1) / step;
    t->part = steps * 3 * CHUNK;
    for (int i = 0; i < BENCH_PEAK_CACHED; i++) { /* none where caches are unknown or tiny */
        const int64_t floats =
            cache_bytes(t) * (2 + i) / 4 / threads / (int64_t)sizeof(float) / CHUNK * CHUNK;
        t->cached[i] = floats <= t->part ? floats : 0;
    }
    t->array_bytes = (size_t)(steps * step);
    void *array = mmap(NULL, t->array_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (array == MAP_FAILED)
        return zo_fail(err, ZO_ERR_MEMORY, "measure peaks: out of memory for arrays of %zu bytes",
                       t->array_bytes);
    t->array = array;
    madvise(array, t->array_bytes, MADV_HUGEPAGE); /* it may refuse */
    return ZO_OK;
}

static zo_status open_team(team *t, int threads, zo_error *err)
{
    zo_status st = bench_binding_topology(&t->topology, "measure peaks", err);
    if (!st)
        st = find_places(t, threads, err);
    if (!st)
        st = make_array(t, threads, err);
    t->kernels = bench_peak_best();
    for (int i = 0; i < BENCH_PEAK_LOOPS; i++)
        t->products[i] = t->kernels->loop[i] ? t->kernels->loop[i](1, 1, 1) : 0;
    return st;
}

static void close_team(team *t)
{
    if (t->array)
        munmap(t->array, t->array_bytes);
    free(t->places);
    if (t->topology)
        hwloc_topology_destroy(t->topology);
}

static zo_status run_team(team *t, worker *workers, int threads, zo_error *err)
{
    int started = 0, refused = 0;
    pthread_mutex_init(&t->gate, NULL);
    pthread_barrier_init(&t->round, NULL, (unsigned)threads);
    pthread_mutex_lock(&t->gate);
    while (started < threads && !refused) {
        refused = pthread_create(&workers[started].thread, NULL, work, &workers[started]);
        started += !refused;
    }
    t->abandoned = refused != 0;
    pthread_mutex_unlock(&t->gate);
    for (int i = 0; i < started; i++)
        pthread_join(workers[i].thread, NULL);
    pthread_barrier_destroy(&t->round);
    pthread_mutex_destroy(&t->gate);
    return refused ? zo_fail(err, ZO_ERR_UNSUPPORTED, "measure peaks: start thread %d of %d: %s", started + 1,
                             threads, strerror(refused))
                   : ZO_OK;
}

static json_t *describe(const team *t, const worker *workers, int threads)
{
    json_t *o = json_pack("{s:i, s:s}", "threads", threads, "isa", t->kernels->name);
    double spread = 0;
    bool bound = true;
    json_t *cached = json_array();
    for (int kind = 0; o && kind < KINDS; kind++) {
        double sums[ROUNDS] = {0};
        if (kind >= CACHED && !measured(t, kind))
            continue;
        if (!measured(t, kind)) {
            bench_record_unknown(o, kinds[kind].key, kinds[kind].missing);
            continue;
        }
        for (int round = 0; round < ROUNDS; round++)
            for (int i = 0; i < threads; i++)
                sums[round] += workers[i].rates[kind][round + 1];
        const double median = bench_stats_median(sums, ROUNDS);
        if (kind >= CACHED) {
            json_array_append_new(cached, json_real(median));
            continue;
        }
        const double range =
            (bench_stats_quantile(sums, ROUNDS, 0.75) - bench_stats_quantile(sums, ROUNDS, 0.25)) / median;
        spread = range > spread ? range : spread;
        bench_record_real(o, kinds[kind].key, median);
    }
    const int64_t cache = cache_bytes(t);
    bench_record_set(o, "cache_bytes", cache > 0 ? json_integer((json_int_t)cache) : NULL,
                     "hwloc shows no caches");
    const bool all = json_array_size(cached) == BENCH_PEAK_CACHED;
    bench_record_set(o, "cached_read_bytes_per_s", all ? json_incref(cached) : NULL,
                     "caches are not known, too small for this or too large for the memory");
    json_decref(cached);
    for (int i = 0; i < threads; i++)
        bound &= workers[i].bound;
    json_object_set_new(o, "array_bytes", json_integer((json_int_t)t->array_bytes));
    json_object_set_new(o, "bound", json_boolean(bound));
    json_object_set_new(o, "rounds", json_integer(ROUNDS));
    json_object_set_new(o, "spread", json_real(spread));
    return o;
}

zo_status bench_peak_measure(int threads, double seconds, json_t **out, zo_error *err)
{
    team t = {0};
    worker *workers = NULL;
    *out = NULL;
    if (threads < 1 || !(seconds > 0 && seconds < 3600))
        return zo_fail(err, ZO_ERR_INVALID, "measure peaks: %d threads for %g seconds", threads, seconds);
    zo_status st = open_team(&t, threads, err);
    if (st)
        goto cleanup;
    workers = calloc((size_t)threads, sizeof *workers);
    if (!workers) {
        st = zo_fail(err, ZO_ERR_MEMORY, "measure peaks: out of memory");
        goto cleanup;
    }
    for (int i = 0; i < threads; i++)
        workers[i] = (worker){.team = &t, .index = i};
    t.slice_ns = (int64_t)(seconds * 1e9 / (KINDS * (ROUNDS + 1)));
    st = run_team(&t, workers, threads, err);
    if (st)
        goto cleanup;
    *out = describe(&t, workers, threads);
    if (!*out)
        st = zo_fail(err, ZO_ERR_MEMORY, "measure peaks: out of memory");
cleanup:
    free(workers);
    close_team(&t);
    return st;
}

/* ---- which loops ---- */

const bench_peak_kernels *const bench_peak_tables[] = {
#if defined(__x86_64__)
    bench_peak_avx512, bench_peak_avx2,
#endif
    bench_peak_portable, NULL};

const bench_peak_kernels *bench_peak_best(void)
{
    for (int i = 0; bench_peak_tables[i]; i++)
        for (const bench_peak_kernels *k = bench_peak_tables[i]; k->name; k++)
            if (k->runs())
                return k;
    return bench_peak_portable;
}
