/* See blas.h. */
#include "bench/backend/blas.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bench/machine/binding.h"
#include "bench/base/clock.h"
#include "bench/manifest/params.h"
#include "bench/base/stats.h"

/* ---- core types ---- */

/* The vectors that OpenBLAS's kernels use, and what a candidate asks of the processor, by its names in /proc/cpuinfo (NULL: it is
 * no candidate: slower than another of the table wherever it runs).
 * Source: OpenBLAS, TargetList.txt, kernel/x86_64/KERNEL.*, and Makefile.x86_64 for what the compiler may use. */
static const struct core_type {
    const char *name;
    int bits;
    const char *needs[6];
} core_types[] = {
    {"Sapphirerapids", 512, {"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_bf16", "avx512_fp16"}},
    {"Cooperlake", 512, {"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_bf16"}},
    {"SkylakeX", 512, {"avx512f", "avx512bw", "avx512dq", "avx512vl"}},
    {"Haswell", 256, {"avx2", "fma"}},
    {"Zen", 256, {NULL}}, /* Haswell's products */
    {"Excavator", 256, {NULL}},
    {"Sandybridge", 256, {NULL}},
    {"Bulldozer", 128, {NULL}},
    {"Piledriver", 128, {NULL}},
    {"Steamroller", 128, {NULL}},
    {"Prescott", 128, {NULL}},
    {"Core2", 128, {NULL}},
    {"Penryn", 128, {NULL}},
    {"Dunnington", 128, {NULL}},
    {"Nehalem", 128, {NULL}},
    {"Athlon", 128, {NULL}},
    {"Opteron", 128, {NULL}},
    {"Barcelona", 128, {NULL}},
    {"Bobcat", 128, {NULL}},
    {"Atom", 128, {NULL}},
    {"Nano", 128, {NULL}},
    {"Katmai", 128, {NULL}},
    {"Coppermine", 128, {NULL}},
    {"Northwood", 128, {NULL}},
    {"Banias", 128, {NULL}},
    {0},
};

enum { CORE_TYPES = sizeof core_types / sizeof *core_types - 1 };

int bench_blas_bits(const char *core)
{
    for (int i = 0; i < CORE_TYPES; i++)
        if (strcasecmp(core, core_types[i].name) == 0)
            return core_types[i].bits;
    return 0;
}

const char *bench_blas_nearest(const char *core)
{
    return bench_nearest(core, &core_types[0].name, sizeof core_types[0]);
}

bool bench_blas_is(const char *running, const char *asked)
{
    return strcasecmp(running, asked) == 0;
}

static bool has_isa(const json_t *machine, const char *name)
{
    size_t i;
    const json_t *word;
    json_array_foreach(json_object_get(machine, "isa"), i, word)
    {
        if (json_is_string(word) && strcmp(json_string_value(word), name) == 0)
            return true;
    }
    return false;
}

static bool can_run(const json_t *machine, const struct core_type *type)
{
    bool can = type->needs[0] != NULL;
    for (size_t i = 0; i < sizeof type->needs / sizeof *type->needs && type->needs[i]; i++)
        can = can && has_isa(machine, type->needs[i]);
    return can;
}

/* ---- shapes ---- */

enum { SHAPES = 4, ROWS = 2, ROUNDS = 3, CANDIDATES = 8 };

static const int row_counts[ROWS] = {64, 1024};

#define CLEARLY  1.03 /* faster than what comes before it */
#define ROUNDS_S 3.0  /* no further round is begun after that */
#define CHILD_S  2.0  /* a child's largest number of rows is left out where it would take longer */

/* The linear maps of one layer. */
typedef struct shape {
    int64_t out, in;
    int count;
} shape;

static void list_shapes(const zo_config *c, shape out[SHAPES])
{
    const int64_t q = (int64_t)c->heads * c->head_dim, kv = (int64_t)c->kv_heads * c->head_dim;
    out[0] = (shape){q, c->width, 2}; /* q; o is of this size too, turned round where it is not square */
    out[1] = (shape){kv, c->width, 2};
    out[2] = (shape){c->ffn, c->width, 2};
    out[3] = (shape){c->width, c->ffn, 1};
}

static json_t *make_job(const shape *shapes, bool check)
{
    json_t *rows = json_array(), *list = json_array();
    for (int i = 0; i < ROWS; i++)
        json_array_append_new(rows, json_integer(row_counts[i]));
    for (int i = 0; i < SHAPES; i++)
        json_array_append_new(list, json_pack("[I, I]", (json_int_t)shapes[i].out, (json_int_t)shapes[i].in));
    return json_pack("{s:b, s:f, s:o, s:o}", "check", check, "seconds", CHILD_S, "rows", rows, "shapes",
                     list);
}

/* ---- candidates ---- */

typedef struct candidate {
    const char *asked; /* NULL: the environment as it is */
    char core[64];     /* "": it could not say */
    bool correct, there, tried;
    char reason[320];
    double ns[ROWS][ROUNDS]; /* of all products of a layer; NaN: too long */
} candidate;

typedef struct comparison {
    const bench_blas_options *o;
    const bench_signals *signals;
    shape shapes[SHAPES];
    candidate candidates[CANDIDATES];
    int count, rounds;
    bool interrupted;
} comparison;

/* What a child has answered. */
static void hear(void *self, json_t *message)
{
    json_t **answer = self;
    json_decref(*answer);
    *answer = json_incref(message);
}

static void add_candidate(comparison *c, const char *asked)
{
    c->candidates[c->count++] = (candidate){.asked = asked};
}

/* Why a child's end was none; NULL: it was one. */
static void judge(candidate *k, const bench_child_result *r, const json_t *answer)
{
    const char *core = json_string_value(json_object_get(answer, "core")),
               *reason = json_string_value(json_object_get(answer, "reason"));
    snprintf(k->core, sizeof k->core, "%s", core ? core : "");
    k->there = core && (!k->asked || bench_blas_is(core, k->asked));
    if (r->signal)
        snprintf(k->reason, sizeof k->reason, "its process ended by %s", bench_signal_name(r->signal));
    else if (r->timed_out || r->code || !core)
        snprintf(k->reason, sizeof k->reason, "its process %s: %.250s", r->timed_out ? "hung" : "failed",
                 r->tail);
    else if (!k->there)
        snprintf(k->reason, sizeof k->reason, "OpenBLAS does not have these kernels: it runs %s", core);
    else if (reason)
        snprintf(k->reason, sizeof k->reason, "%s", reason);
    k->correct = !*k->reason;
}

static void take_times(const comparison *c, candidate *k, const json_t *answer, int round)
{
    for (int r = 0; r < ROWS; r++) {
        const json_t *times = json_array_get(json_object_get(answer, "ns"), (size_t)r);
        double sum = 0;
        for (int i = 0; i < SHAPES; i++) {
            const json_t *ns = json_array_get(times, (size_t)i);
            sum += json_is_integer(ns) ? c->shapes[i].count * (double)json_integer_value(ns) : NAN;
        }
        k->ns[r][round] = sum > 0 ? sum : NAN;
    }
}

/* One child of one candidate. */
static zo_status ask(comparison *c, candidate *k, int round, zo_error *err)
{
    static const char *const own_argv[] = {"zobench", "sgemm", NULL};
    bench_binding binding;
    bench_child_result result;
    json_t *answer = NULL, *job = make_job(c->shapes, round == 0);
    bench_binding_make(BENCH_BIND_CORES, c->o->threads, &binding);
    const bench_child_options options = {.program = c->o->program,
                                         .argv = c->o->argv ? c->o->argv : own_argv,
                                         .job = job,
                                         .threads = c->o->threads,
                                         .settings = bench_binding_settings(&binding),
                                         .blas_core = k->asked,
                                         .timeout_s = 60,
                                         .grace_s = 1,
                                         .message = hear,
                                         .self = &answer};
    zo_status st = bench_child_run(c->signals, &options, &result, err);
    c->interrupted = !st && result.interrupted;
    if (!st && !c->interrupted) {
        judge(k, &result, answer);
        if (k->correct)
            take_times(c, k, answer, round);
    }
    bench_binding_deinit(&binding);
    json_decref(answer);
    json_decref(job);
    return st;
}

/* The other kernels are only candidates once it is known what the environment leads to. */
static zo_status first_round(comparison *c, zo_error *err)
{
    add_candidate(c, NULL);
    zo_status st = ask(c, &c->candidates[0], 0, err);
    for (int i = 0; !st && !c->interrupted && i < CORE_TYPES && c->count < CANDIDATES; i++) {
        if (!can_run(c->o->machine, &core_types[i]) ||
            bench_blas_is(c->candidates[0].core, core_types[i].name))
            continue;
        add_candidate(c, core_types[i].name);
        st = ask(c, &c->candidates[c->count - 1], 0, err);
    }
    c->rounds = 1;
    return st;
}

static zo_status further_rounds(comparison *c, int64_t begin_ns, zo_error *err)
{
    zo_status st = ZO_OK;
    while (!st && !c->interrupted && c->rounds < ROUNDS &&
           (double)(bench_clock_ns() - begin_ns) * 1e-9 < ROUNDS_S) {
        for (int i = 0; !st && !c->interrupted && i < c->count; i++)
            if (c->candidates[i].correct)
                st = ask(c, &c->candidates[i], c->rounds, err);
        c->rounds++;
    }
    return st;
}

/* ---- the result ---- */

static double rate(const comparison *c, const candidate *k, int row)
{
    double flops = 0;
    for (int i = 0; i < SHAPES; i++)
        flops +=
            2.0 * row_counts[row] * (double)c->shapes[i].out * (double)c->shapes[i].in * c->shapes[i].count;
    return flops / (bench_stats_median(k->ns[row], (size_t)c->rounds) * 1e-9);
}

/* Over the numbers of rows that both were timed at; NaN: there is none. */
static double speed(const comparison *c, const candidate *k, const candidate *first)
{
    double ratios[ROWS];
    size_t n = 0;
    for (int r = 0; k->correct && first->correct && r < ROWS; r++)
        if (!isnan(rate(c, k, r)) && !isnan(rate(c, first, r)))
            ratios[n++] = rate(c, k, r) / rate(c, first, r);
    return bench_stats_geomean(ratios, n);
}

static json_t *real_or_null(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *describe_candidate(const comparison *c, const candidate *k)
{
    json_t *rates = json_array();
    for (int r = 0; r < ROWS; r++)
        json_array_append_new(rates, k->correct ? real_or_null(rate(c, k, r)) : json_null());
    return json_pack("{s:s?, s:s?, s:o, s:s?, s:o, s:o}", "asked", k->asked, "core",
                     *k->core ? k->core : NULL, "correct",
                     k->correct || k->there ? json_boolean(k->correct) : json_null(), "reason",
                     *k->reason ? k->reason : NULL, "flops_per_s", rates, "speed",
                     real_or_null(speed(c, k, &c->candidates[0])));
}

/* The first right one, unless a later one is clearly faster: kernels of equal speed are not to change places from one
 * comparison to the next. */
static int find_fastest(const comparison *c)
{
    int best = -1;
    for (int i = 0; i < c->count; i++)
        if (c->candidates[i].correct &&
            (best < 0 || speed(c, &c->candidates[i], &c->candidates[best]) > CLEARLY))
            best = i;
    return best;
}

static json_t *describe(const comparison *c)
{
    json_t *rows = json_array(), *kernels = json_array();
    const int fastest = find_fastest(c);
    for (int r = 0; r < ROWS; r++)
        json_array_append_new(rows, json_integer(row_counts[r]));
    for (int i = 0; i < c->count; i++)
        json_array_append_new(kernels, describe_candidate(c, &c->candidates[i]));
    return json_pack("{s:s, s:i, s:i, s:o, s:o, s:o}", "model", c->o->model, "threads", c->o->threads,
                     "rounds", c->rounds, "rows", rows, "kernels", kernels, "fastest",
                     fastest < 0 ? json_null() : json_integer(fastest));
}

zo_status bench_blas_compare(const bench_signals *signals, const bench_blas_options *o, json_t **out,
                             zo_error *err)
{
    const int64_t begin_ns = bench_clock_ns();
    comparison *c = calloc(1, sizeof *c);
    *out = NULL;
    if (!c)
        return zo_fail(err, ZO_ERR_MEMORY, "compare OpenBLAS's kernels: out of memory");
    c->o = o;
    c->signals = signals;
    list_shapes(o->config, c->shapes);
    zo_status st = first_round(c, err);
    if (!st)
        st = further_rounds(c, begin_ns, err);
    if (!st && !c->interrupted && !(*out = describe(c)))
        st = zo_fail(err, ZO_ERR_MEMORY, "compare OpenBLAS's kernels: out of memory");
    free(c);
    return st;
}

const char *bench_blas_fastest(const json_t *compared)
{
    const json_t *fastest = json_object_get(compared, "fastest");
    const json_t *kernel = json_is_integer(fastest) ? json_array_get(json_object_get(compared, "kernels"),
                                                                     (size_t)json_integer_value(fastest))
                                                    : NULL;
    return json_string_value(json_object_get(kernel, "asked"));
}
