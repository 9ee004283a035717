/* See rounding.h. */
#include "core/train/rounding.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "core/model/reference.h"
#include "core/kernel/rng.h"

/* Everything of one reading. */
typedef struct reader {
    zo_llama *m;
    zo_lora *lora;
    zo_trainer_options o;
    zo_trainer *trainer;
    zo_session *session; /* for theta itself: one replica */
    zo_readings *out;
} reader;

static zo_status make_room(reader *r, const zo_dataset *train, bool exact, zo_mem *mem, zo_error *err)
{
    zo_readings *out = r->out;
    zo_trainer_options alone = r->o;
    alone.estimator.queries = 1;
    alone.estimator.parallel = ZO_PARALLEL_NONE;
    zo_session_limits limits =
        zo_trainer_limits(&alone, train->longest, train->most_labels, r->lora->options.rank);
    size_t losses = (size_t)out->steps * (size_t)zo_trainer_cost(&r->o).losses;
    const struct {
        void *at;
        size_t n, size;
    } arrays[] = {
        {&out->logits, (size_t)out->steps * (size_t)limits.labels * (size_t)out->vocab, sizeof *out->logits},
        {&out->loss, (size_t)out->steps, sizeof *out->loss},
        {&out->computed, losses, sizeof *out->computed},
        {&out->exact, exact ? losses : 0, sizeof *out->exact},
    };
    zo_status st = zo_session_new(r->m, &limits, mem, &r->session, err);
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0] && !st; i++)
        if (arrays[i].n)
            st = zo_mem_array(mem, ZO_ACCOUNT_DATA, arrays[i].n, arrays[i].size, "numerics", arrays[i].at,
                              err);
    if (!st)
        st = zo_trainer_new(r->m, r->lora, train, &r->o, mem, &r->trainer, err);
    return st;
}

static int32_t losses_of(const zo_readings *r)
{
    return zo_estimator_of(r->method)->losses(r->estimator.queries);
}

/* Logits and loss at theta. */
static zo_status read_theta(reader *r, const zo_batch *batch, int32_t step, zo_error *err)
{
    zo_readings *out = r->out;
    size_t values = (size_t)batch->labels * (size_t)out->vocab;
    zo_status st = zo_llama_losses(r->session, r->lora, batch, NULL, out->loss + step, err);
    const float *logits = zo_llama_logits(r->session, r->lora, batch, NULL);
    memcpy(out->logits + out->rows * out->vocab, logits, values * sizeof *logits);
    out->rows += batch->labels;
    return st;
}

/* The losses of a step in double: a thread to each. */
static zo_status read_exact(reader *r, const zo_batch *batch, uint32_t step, double *out, zo_error *err)
{
    uint64_t seed = zo_seed_for(r->o.seed, "noise");
    zo_status failed = ZO_OK;
    const zo_estimator *e = zo_estimator_of(r->o.method);
    const int32_t q = r->o.estimator.queries, losses = e->losses(q);
#pragma omp parallel for schedule(dynamic)
    for (int32_t i = 0; i < losses; i++) {
        zo_status st = zo_reference_loss(r->m, r->lora, batch, seed, step, e->replica(q, i),
                                         r->o.estimator.eps, out + i, NULL);
        if (st) {
#pragma omp critical(zo_rounding_failed)
            failed = st;
        }
    }
    return failed ? zo_fail(err, failed, "numerics: step %u in double precision: %s", step,
                            zo_status_text(failed))
                  : ZO_OK;
}

static zo_status read_step(reader *r, int32_t step, zo_error *err)
{
    zo_readings *out = r->out;
    zo_step_report report;
    int64_t at = (int64_t)step * losses_of(out);
    zo_status st = zo_trainer_step(r->trainer, &report, err);
    if (st)
        return st;
    memcpy(out->computed + at, report.losses.loss, (size_t)report.replicas * sizeof *out->computed);
    st = read_theta(r, report.batch, step, err);
    if (!st && out->exact)
        st = read_exact(r, report.batch, report.step, out->exact + at, err);
    return st;
}

zo_status zo_rounding_read(zo_llama *m, zo_lora *lora, const zo_dataset *train, const zo_trainer_options *o,
                           uint32_t first, int32_t steps, bool exact,
                           void (*progress)(void *self, int32_t done, int32_t count), void *self, zo_mem *mem,
                           zo_readings *out, zo_error *err)
{
    *out = (zo_readings){0};
    assert(steps > 0);
    if (!lora)
        return zo_fail(err, ZO_ERR_UNSUPPORTED, "numerics: measured with an adapter, not with peft full");
    *out = (zo_readings){.steps = steps,
                         .vocab = m->config.vocab,
                         .method = o->method,
                         .estimator = o->estimator};
    reader r = {.m = m, .lora = lora, .o = *o, .out = out};
    r.o.estimator.lr = 0;
    r.o.hook = (zo_phase_hook){0};
    r.o.state = NULL;
    zo_status st = make_room(&r, train, exact, mem, err);
    if (!st)
        zo_trainer_seek(r.trainer, first);
    for (int32_t s = 0; s < steps && !st; s++) {
        st = read_step(&r, s, err);
        if (!st && progress)
            progress(self, s + 1, steps);
    }
    zo_trainer_free(r.trainer);
    zo_session_free(r.session);
    if (st)
        zo_readings_deinit(out);
    return st;
}

void zo_readings_deinit(zo_readings *r)
{
    zo_mem_free(r->logits);
    zo_mem_free(r->loss);
    zo_mem_free(r->computed);
    zo_mem_free(r->exact);
    *r = (zo_readings){0};
}

/* log sum_v exp(x[v]) */
static double logsumexp(const float *x, int32_t n)
{
    double most = x[zo_argmax(x, n)], sum = 0;
    for (int32_t v = 0; v < n; v++)
        sum += exp(x[v] - most);
    return most + log(sum);
}

/* Adds one label row, without dividing by their number yet. */
static void compare_row(const float *x, const float *f32, int32_t V, zo_rounding *n)
{
    double lse = logsumexp(x, V), lse_f32 = logsumexp(f32, V), mean = 0;
    for (int32_t v = 0; v < V; v++)
        mean += (double)f32[v] / V;
    for (int32_t v = 0; v < V; v++) {
        double change = (double)x[v] - f32[v], size = f32[v] - mean, logp = f32[v] - lse_f32;
        n->logit_rms += size * size / V;
        n->logit_change_rms += change * change / V;
        n->logit_change_max = fmax(n->logit_change_max, fabs(change));
        n->kl += exp(logp) * (logp - (x[v] - lse));
    }
    n->same_top += zo_argmax(x, V) == zo_argmax(f32, V);
}

static void compare_theta(const zo_readings *r, const zo_readings *f32, zo_rounding *n)
{
    double rows = (double)r->rows;
    for (int64_t i = 0; i < r->rows; i++)
        compare_row(r->logits + i * r->vocab, f32->logits + i * r->vocab, r->vocab, n);
    n->logit_rms = sqrt(n->logit_rms / rows);
    n->logit_change_rms = sqrt(n->logit_change_rms / rows);
    n->kl /= rows;
    n->same_top /= rows;
    for (int32_t s = 0; s < r->steps; s++) {
        n->loss += r->loss[s] / r->steps;
        n->loss_change += (r->loss[s] - f32->loss[s]) / r->steps;
    }
}

/* Adds the errors of a step's losses, squared, to *all: query by query. */
static void add_errors(const zo_estimator *e, int32_t q, const double *loss, const double *exact, double *all)
{
    for (int32_t i = 0, n; i < e->losses(q); i += n) {
        double sum = 0;
        n = zo_estimator_of_query(e, q, i);
        for (int32_t k = i; k < i + n; k++)
            sum += (loss[k] - exact[k]) * (loss[k] - exact[k]);
        *all += sum;
    }
}

zo_rounding zo_rounding_compare(const zo_readings *r, const zo_readings *exact, const zo_readings *f32)
{
    const zo_estimator *e = zo_estimator_of(r->method);
    const zo_estimator_options *o = &r->estimator;
    const int32_t losses = losses_of(r), q = o->queries;
    zo_rounding n = {.samples = (int64_t)r->steps * q};
    double g[ZO_MAX_QUERIES], g_computed[ZO_MAX_QUERIES], g_f32[ZO_MAX_QUERIES];
    double signal = 0, noise = 0, errors = 0, both = 0, full = 0;
    assert(exact->exact && f32->exact && r->rows == f32->rows && r->vocab == f32->vocab);
    assert(r->steps == exact->steps && losses == losses_of(exact) && r->steps == f32->steps);
    compare_theta(r, f32, &n);
    for (int64_t at = 0; at < (int64_t)r->steps * losses; at += losses) {
        e->project(o, exact->exact + at, g);
        e->project(o, r->computed + at, g_computed);
        e->project(o, f32->exact + at, g_f32);
        add_errors(e, q, r->computed + at, exact->exact + at, &errors);
        for (int32_t i = 0; i < q; i++) {
            double off = g_computed[i] - g[i];
            signal += g[i] * g[i];
            noise += off * off;
            both += g[i] * g_f32[i];
            full += g_f32[i] * g_f32[i];
            n.same_sign += (double)((g[i] > 0) == (g_f32[i] > 0)) / (double)n.samples;
        }
    }
    n.signal_rms = sqrt(signal / (double)n.samples);
    n.noise_rms = sqrt(noise / (double)n.samples);
    n.snr = n.signal_rms / n.noise_rms;
    n.loss_noise_rms = sqrt(errors / ((double)r->steps * losses));
    n.correlation = both / sqrt(signal * full);
    return n;
}
