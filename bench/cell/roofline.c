/* See roofline.h. */
#include "bench/cell/roofline.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <omp.h>

#include "bench/backend/backend.h"
#include "bench/base/clock.h"
#include "bench/machine/peak.h"
#include "bench/record/metric.h"
#include "bench/record/record.h"
#include "core/model/linear.h"
#include "core/kernel/noise.h"

#define LINE_BYTES 64 /* of a cache: what a miss brings */

/* ---- rates of kernels that are no multiplications ---- */

#define KERNEL_NS 10000000 /* for each */

/* Of a matrix that fits a core's second-level cache in f32. A usual width: rows of 16 bits are 4 KiB apart, so that the lines
 * of a vector's channels compete for one set of the first-level cache. */
enum { OUT = 48, IN = 2048 };

typedef struct sample {
    zo_matrix matrix;
    float *values;
    void *storage;
} sample;

static bool sample_make(zo_precision p, bool frozen, sample *s)
{
    zo_encoder e = {.precision = p, .out = OUT, .in = IN};
    bool made;
    size_t bytes = ((size_t)zo_precision_bytes(p, OUT, IN) + 63) / 64 * 64;
    *s = (sample){.values = malloc(sizeof(float) * OUT * IN), .storage = aligned_alloc(64, bytes)};
    e.storage = s->storage;
    e.absmax = calloc((size_t)zo_precision_scratch(p, OUT, IN) + 1, sizeof(float));
    made = s->values && s->storage && e.absmax;
    for (int i = 0; made && i < OUT * IN; i++)
        s->values[i] = (float)(i * 37 % 201 - 100) / 100;
    if (made) {
        memset(s->storage, 0, bytes);
        zo_precision_encode_rows(&e, 0, OUT, s->values);
        s->matrix = zo_precision_encode_end(&e);
    }
    if (made && frozen && zo_precision_reorders(p, IN))
        zo_precision_reorder(&s->matrix, 1, s->values);
    free(e.absmax);
    return made;
}

static void sample_drop(sample *s)
{
    free(s->values);
    free(s->storage);
}

/* Unpacks inputs [k0, k0 + k) of all channels, vector by vector, as linear.c does with a block of a panel. */
static void unpack_block(const zo_panels *panels, const zo_matrix *w, zo_compute compute, int64_t k0,
                         int64_t k, char *to)
{
    const zo_unpack *unpack = &panels->unpack[w->precision];
    for (int64_t row = 0; row < OUT; row += ZO_PANEL_LANES) {
        const zo_panel_source from = {w, row, k0, k, compute != ZO_COMPUTE_F32 && !panels->bf16, 0};
        if (compute == ZO_COMPUTE_INT8)
            unpack->int8((uint8_t *)to + row * k, (float *)(void *)(to + OUT * k) + row * k / 64, &from);
        else if (compute == ZO_COMPUTE_BF16 && panels->bf16)
            unpack->bf16((uint16_t *)(void *)to + row * k, &from);
        else
            unpack->f32((float *)(void *)to + row * k, &from);
    }
}

/* Values per second of all threads, each at the best of its rounds; NaN: out of memory. Of f32 in compute f32 the rate of
 * rows that are not frozen: frozen ones need no unpacking. */
static double unpack_rate(zo_precision p, zo_compute compute, int64_t block_bytes, int threads)
{
    sample s;
    double values = 0;
    const zo_panels *panels = zo_panels_best();
    const int value_bytes = compute == ZO_COMPUTE_INT8                   ? 1
                            : compute == ZO_COMPUTE_BF16 && panels->bf16 ? 2
                                                                         : 4;
    const int64_t k = block_bytes / (OUT * value_bytes);
    bool made = sample_make(p, p != ZO_PRECISION_F32 || compute != ZO_COMPUTE_F32, &s);
#pragma omp parallel num_threads(threads) reduction(+ : values) if (made)
    {
        char *to = aligned_alloc(64, (size_t)(2 * block_bytes));
        double best = 0;
        const int64_t start = bench_clock_ns();
        for (int64_t before = start, now = start; made && to && now - start < KERNEL_NS; before = now) {
            for (int64_t k0 = 0; k0 < IN; k0 += k)
                unpack_block(panels, &s.matrix, compute, k0, k, to);
            now = bench_clock_ns();
            best = fmax(best, OUT * IN / (double)(now - before + 1) * 1e9);
        }
        values += best;
        free(to);
    }
    sample_drop(&s);
    return values > 0 ? values : NAN;
}

/* Adds noise to an array as large as a small adapter, all threads together: the best round. */
static double noise_rate(int threads)
{
    enum { N = 1 << 19 };
    const double one = 1e-3;
    double best = 0;
    int before = omp_get_max_threads();
    float *x = calloc(N, sizeof *x);
    if (!x)
        return NAN;
    omp_set_num_threads(threads);
    zo_noise_add(x, N, 1, 0, 0, &one, 1); /* makes the threads, and the pages */
    const int64_t start = bench_clock_ns();
    for (int64_t from = start, now = start; now - start < KERNEL_NS; from = now) {
        zo_noise_add(x, N, 1, 1, 0, &one, 1);
        now = bench_clock_ns();
        best = fmax(best, N / (double)(now - from + 1) * 1e9);
    }
    omp_set_num_threads(before);
    free(x);
    return best;
}

static json_t *unpack_rates(int64_t block_bytes, int threads)
{
    json_t *by_compute = json_object();
    for (int k = 0; k < ZO_COMPUTE_COUNT; k++) {
        json_t *by_precision = json_object();
        for (int p = 0; p < ZO_PRECISION_COUNT; p++)
            if (k != ZO_COMPUTE_INT8 || zo_precision_in_int8(p, IN))
                bench_record_real(by_precision, zo_precision_name(p),
                                  unpack_rate(p, k,
                                              k == ZO_COMPUTE_INT8 ? ZO_LINEAR_BLOCK_FEWEST : block_bytes,
                                              threads));
        json_object_set_new(by_compute, zo_compute_name(k), by_precision);
    }
    return by_compute;
}

static void measure_kernels(json_t *o, int threads)
{
    json_object_set_new(o, "unpack_values_per_s", unpack_rates(ZO_LINEAR_BLOCK_FEW, threads));
    json_object_set_new(o, "unpack_few_values_per_s", unpack_rates(ZO_LINEAR_BLOCK_FEWEST, threads));
    bench_record_real(o, "noise_values_per_s", noise_rate(threads));
}

zo_status bench_roofline_measure(int threads, double seconds, json_t **out, zo_error *err)
{
    zo_status st = bench_peak_measure(threads, seconds, out, err);
    if (st)
        return st;
    measure_kernels(*out, threads);
    return ZO_OK;
}

/* ---- the model ---- */

static double number_or(const json_t *o, const char *key, double otherwise)
{
    const json_t *v = json_object_get(o, key);
    return json_is_number(v) && json_number_value(v) > 0 ? json_number_value(v) : otherwise;
}

static void read_unpack(const json_t *rates, double out[ZO_COMPUTE_COUNT][ZO_PRECISION_COUNT])
{
    for (int k = 0; k < ZO_COMPUTE_COUNT; k++)
        for (int p = 0; p < ZO_PRECISION_COUNT; p++)
            out[k][p] = number_or(json_object_get(rates, zo_compute_name(k)), zo_precision_name(p), INFINITY);
}

bool bench_roofline_read(const json_t *peaks, bench_roof *out)
{
    const json_t *cached = json_object_get(peaks, "cached_read_bytes_per_s");
    double f32 = number_or(peaks, "f32_flops_per_s", NAN);
    *out = (bench_roof){.read_bytes_per_s = number_or(peaks, "read_bytes_per_s", NAN),
                        .cache_bytes = number_or(peaks, "cache_bytes", 0),
                        .noise_values_per_s = number_or(peaks, "noise_values_per_s", INFINITY)};
    out->flops_per_s[ZO_COMPUTE_F32] = f32;
    out->flops_per_s[ZO_COMPUTE_BF16] = fmax(number_or(peaks, "bf16_flops_per_s", f32), f32);
    out->flops_per_s[ZO_COMPUTE_INT8] = number_or(peaks, "int8_ops_per_s", out->flops_per_s[ZO_COMPUTE_BF16]);
    for (size_t i = 0; i < BENCH_PEAK_CACHED; i++) {
        const double rate = json_number_value(json_array_get(cached, i));
        out->cached_bytes_per_s[i] = rate > 0 ? rate : INFINITY;
    }
    read_unpack(json_object_get(peaks, "unpack_values_per_s"), out->unpack_values_per_s);
    read_unpack(json_object_get(peaks, "unpack_few_values_per_s"), out->unpack_few_values_per_s);
    return isfinite(f32) && isfinite(out->read_bytes_per_s);
}

/* What a step takes. */
typedef struct plan {
    zo_estimator_cost step;
    double trained, state_bytes;
} plan;

static double ns(double amount, double per_s)
{
    return amount / per_s * 1e9;
}

/* Time at the roof, and how much of it is waiting for memory. */
typedef struct tally {
    double all, memory;
} tally;

static void add(tally *t, double busy_ns, double memory_ns)
{
    t->all += fmax(busy_ns, memory_ns);
    t->memory += memory_ns > busy_ns ? memory_ns : 0;
}

/* The operations of frozen maps at the peak of their unit. */
static double multiply_ns(const bench_params *p, const zo_cost *cost, int map, const bench_roof *roof)
{
    const bool in_bf16 = p->compute == ZO_COMPUTE_INT8 && map == ZO_COST_MAPS - 1;
    return ns(cost->map[map].flops, roof->flops_per_s[in_bf16 ? ZO_COMPUTE_BF16 : p->compute]);
}

/* Compute int8: of the sums of blocks. */
static double scale_ns(const bench_params *p, const zo_cost *cost, int map, const bench_roof *roof)
{
    const double scaled = cost->map[map].flops / ZO_INT8_BLOCK * (p->weights == ZO_PRECISION_NF4 ? 2 : 1);
    const bool scales = p->compute == ZO_COMPUTE_INT8 && map != ZO_COST_MAPS - 1;
    return scales ? ns(scaled, roof->flops_per_s[ZO_COMPUTE_F32]) : 0;
}

static double unpack_ns(const bench_params *p, const zo_cost *cost, int map, const bench_roof *roof)
{
    const double values = cost->map[map].values, rows = cost->map[map].flops / (2 * values);
    const bool head = map == ZO_COST_MAPS - 1, f32 = p->weights == ZO_PRECISION_F32,
               few = rows <= ZO_LINEAR_FEWEST * zo_panels_best()->tile_rows;
    const double(*rate)[ZO_PRECISION_COUNT] = few ? roof->unpack_few_values_per_s : roof->unpack_values_per_s;
    if (head)
        return ns(values, rate[p->compute == ZO_COMPUTE_F32 ? ZO_COMPUTE_F32 : ZO_COMPUTE_BF16]
                              [f32 ? ZO_PRECISION_F32 : ZO_PRECISION_BF16]);
    if (f32 && p->compute == ZO_COMPUTE_F32 && p->peft != ZO_PEFT_FULL)
        return 0; /* read where they lie */
    return ns(values, rate[p->compute][p->weights]);
}

/* Of reading so many bytes again and again. */
static double bandwidth_of(const bench_roof *roof, double bytes)
{
    const double shares[BENCH_PEAK_CACHED + 1] = {0.5, 0.75, 1, 1.5};
    double ns_per_byte[BENCH_PEAK_CACHED + 1], share = bytes / roof->cache_bytes;
    for (int i = 0; i < BENCH_PEAK_CACHED; i++)
        ns_per_byte[i] = ns(1, roof->cached_bytes_per_s[i]);
    ns_per_byte[BENCH_PEAK_CACHED] = ns(1, roof->read_bytes_per_s);
    if (!(share < shares[BENCH_PEAK_CACHED])) /* nor where the cache is unknown */
        return roof->read_bytes_per_s;
    int i = 0;
    while (i < BENCH_PEAK_CACHED - 1 && share > shares[i + 1])
        i++;
    const double way = fmax(0, (share - shares[i]) / (shares[i + 1] - shares[i]));
    return ns(1, ns_per_byte[i] + way * (ns_per_byte[i + 1] - ns_per_byte[i]));
}

static void predict(const bench_params *p, const zo_cost *cost, const plan *s, const bench_roof *roof,
                    bench_roofline *out)
{
    const double f32 = roof->flops_per_s[ZO_COMPUTE_F32];
    const double weight_bytes = zo_cost_weight_bytes(cost), bandwidth = bandwidth_of(roof, weight_bytes);
    const double forwards = s->step.forwards, swept = 8.0 * s->step.sweeps * s->trained + 2 * s->state_bytes;
    tally t = {0};
    double products = 0;
    for (int i = 0; i < ZO_COST_MAPS; i++) {
        const zo_cost_map *m = &cost->map[i];
        const double multiply = multiply_ns(p, cost, i, roof);
        products += multiply;
        if (m->flops > 0) {
            add(&t, multiply + scale_ns(p, cost, i, roof), ns(m->bytes, bandwidth));
            add(&t, unpack_ns(p, cost, i, roof), 0);
        }
    }
    add(&t, ns(cost->adapter_flops + cost->attention_flops, f32), 0);
    add(&t, 0, ns(cost->activation_bytes + cost->adapter_bytes, bandwidth));
    add(&t, ns(cost->noise_values, roof->noise_values_per_s), 0);
    t.all *= forwards;
    t.memory *= forwards;
    add(&t, ns(s->step.moved * s->trained, roof->noise_values_per_s), ns(swept, bandwidth));
    out->step_ns = t.all;
    out->memory = t.memory > t.all / 2;
    out->flops_ns = forwards * (products + ns(cost->adapter_flops + cost->attention_flops, f32));
    out->bytes_ns = forwards * ns(weight_bytes + cost->activation_bytes + cost->adapter_bytes, bandwidth);
}

void bench_roofline_predict(const bench_params *p, const zo_config *c, zo_cost_rows each,
                            const bench_roof *roof, bench_roofline *out)
{
    const zo_lora_options options = bench_params_lora(p), *lora = p->peft == ZO_PEFT_FULL ? NULL : &options;
    const zo_trainer_options o = bench_trainer_options(p, 0);
    const double trained = bench_trained(p, c);
    const plan s = {zo_trainer_cost(&o), trained,
                    (double)zo_estimator_state_bytes(zo_estimator_of(o.method), o.estimator.queries,
                                                     (int64_t)trained)};
    const double forwards = s.step.forwards;
    const zo_cost_forward f = {lora, s.step.losses / forwards, s.step.drawn / forwards, each};
    const zo_precision weights = (zo_precision)p->weights;
    zo_cost cost;
    zo_cost_of(c, weights, weights == ZO_PRECISION_F32 ? weights : ZO_PRECISION_BF16, &f, &cost);
    *out = (bench_roofline){.flops = forwards * zo_cost_flops(&cost),
                            .weight_bytes = forwards * zo_cost_weight_bytes(&cost),
                            .adapter_bytes = forwards * cost.adapter_bytes,
                            .activation_bytes = forwards * cost.activation_bytes,
                            .flops_ns = NAN,
                            .bytes_ns = NAN,
                            .step_ns = NAN};
    if (roof)
        predict(p, &cost, &s, roof, out);
}

void bench_roofline_put(json_t *object, const bench_params *p, const zo_config *c, zo_cost_rows each,
                        const json_t *peaks, const char *why, double median_ns)
{
    static const char *const keys[] = {"bytes_per_step",    "bytes",      "achieved_bytes_per_s",
                                       "predicted_step_ns", "binds",      "of_peak",
                                       "of_bandwidth",      "of_roofline"};
    bench_roof roof;
    bench_roofline r;
    const bool known = bench_roofline_read(peaks, &roof);
    for (size_t i = 0; !c && i < sizeof keys / sizeof *keys; i++)
        bench_record_unknown(object, keys[i],
                             bench_backend_of(p)->has_model ? "no step was timed after the warm-up"
                                                            : "nothing is computed");
    if (!c)
        return;
    why = why ? why : "nobody measured the peaks";
    bench_roofline_predict(p, c, each, known ? &roof : NULL, &r);
    const double bytes = r.weight_bytes + r.adapter_bytes + r.activation_bytes;
    json_object_set_new(object, "bytes_per_step", json_real(bytes));
    json_object_set_new(object, "bytes",
                        json_pack("{s:f, s:f, s:f}", "weights", r.weight_bytes, "adapter", r.adapter_bytes,
                                  "activations", r.activation_bytes));
    json_object_set_new(object, "achieved_bytes_per_s", json_real(bytes / median_ns * 1e9));
    bench_record_set(object, "predicted_step_ns", known ? json_real(r.step_ns) : NULL, why);
    bench_record_set(object, "binds", known ? json_string(r.memory ? "memory" : "compute") : NULL, why);
    bench_record_set(object, "of_peak", known ? json_real(r.flops_ns / median_ns) : NULL, why);
    bench_record_set(object, "of_bandwidth", known ? json_real(r.bytes_ns / median_ns) : NULL, why);
    bench_record_set(object, "of_roofline", known ? json_real(r.step_ns / median_ns) : NULL, why);
}

void bench_roofline_counted(json_t *object, const json_t *record, double median_ns)
{
    static const struct {
        const char *key, *of, *reason;
        double factor;
        bool per_s;
    } parts[] = {
        {"counted_fp_ops_per_s", "counters.fp_ops_per_step", "counters.fp_ops_per_step_reason", 1, true},
        {"counted_bytes_per_step", "counters.llc_misses_per_step", "counters.llc_misses_per_step_reason",
         LINE_BYTES, false},
        {"counted_bytes_per_s", "counters.llc_misses_per_step", "counters.llc_misses_per_step_reason",
         LINE_BYTES, true},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const json_t *of = bench_metric_at(record, parts[i].of);
        const char *why = json_string_value(bench_metric_at(record, parts[i].reason));
        const double value =
            json_number_value(of) * parts[i].factor / (parts[i].per_s ? median_ns * 1e-9 : 1);
        bench_record_set(object, parts[i].key, json_is_number(of) ? json_real(value) : NULL,
                         why ? why : json_string_value(json_object_get(record, "counters_reason")));
    }
}
