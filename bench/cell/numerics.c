/* See rounding.h. */
#include "bench/cell/numerics.h"

#include "bench/backend/model.h"
#include "bench/record/record.h"
#include "core/format/weights.h"

static zo_status load(const bench_numerics *b, zo_precision weights, zo_llama **out, zo_error *err)
{
    zo_weights *w = NULL;
    zo_status st = zo_weights_open(b->path, b->mem, &w, err);
    if (!st)
        st =
            zo_llama_load(w, weights, zo_batch_padded((int32_t)bench_params_longest(b->p)), b->mem, out, err);
    zo_weights_free(w);
    if (!st)
        st = zo_llama_freeze(*out, b->mem, err);
    return st;
}

/* Who is told of a reading's batches. */
typedef struct listener {
    const bench_numerics *b;
    zo_precision weights;
    zo_compute compute;
} listener;

static void tell(void *self, int32_t done, int32_t count)
{
    const listener *l = self;
    if (l->b->progress)
        l->b->progress(l->b->self, l->weights, l->compute, done, count);
}

static zo_status read_model(const bench_numerics *b, zo_llama *m, zo_compute compute, bool exact,
                            zo_readings *out, zo_error *err)
{
    listener l = {b, m->precision, compute};
    zo_trainer_options o = bench_trainer_options(b->p, b->pad);
    o.compute = compute;
    tell(&l, 0, b->batches);
    return zo_rounding_read(m, b->lora, b->train, &o, b->first, b->batches, exact, tell, &l, b->mem, out,
                            err);
}

/* The f32 model may be m itself. */
static zo_status need_f32(bench_numerics *b, zo_llama *m, zo_error *err)
{
    zo_llama *f32 = NULL;
    zo_status st = ZO_OK;
    if (b->f32.exact)
        return ZO_OK;
    if (!m)
        st = load(b, ZO_PRECISION_F32, &f32, err);
    if (!st)
        st = read_model(b, m ? m : f32, ZO_COMPUTE_F32, true, &b->f32, err);
    zo_llama_free(f32);
    return st;
}

zo_status bench_numerics_measure(bench_numerics *b, zo_precision weights, const zo_compute *computes, int n,
                                 zo_rounding *out, zo_error *err)
{
    zo_llama *m = NULL;
    zo_readings first = {0}, *exact = weights == ZO_PRECISION_F32 ? &b->f32 : NULL;
    zo_status st = exact ? ZO_OK : need_f32(b, NULL, err);
    if (!st)
        st = load(b, weights, &m, err);
    if (!st)
        st = exact ? need_f32(b, m, err) : ZO_OK;
    for (int i = 0; i < n && !st; i++) {
        zo_readings r = {0};
        if (exact && computes[i] == ZO_COMPUTE_F32 && weights == ZO_PRECISION_F32) {
            out[i] = zo_rounding_compare(&b->f32, &b->f32, &b->f32);
            continue;
        }
        st = read_model(b, m, computes[i], !exact, exact ? &r : &first, err);
        if (!st)
            out[i] = zo_rounding_compare(exact ? &r : &first, exact ? exact : &first, &b->f32);
        zo_readings_deinit(&r);
        exact = exact ? exact : &first;
    }
    zo_readings_deinit(&first);
    zo_llama_free(m);
    return st;
}

void bench_numerics_deinit(bench_numerics *b)
{
    zo_readings_deinit(&b->f32);
}

json_t *bench_numerics_json(const zo_rounding *n, int32_t batches, double eps)
{
    const struct {
        const char *key;
        double value;
    } reals[] = {
        {"eps", eps},
        {"loss", n->loss},
        {"loss_change", n->loss_change},
        {"logit_rms", n->logit_rms},
        {"logit_change_rms", n->logit_change_rms},
        {"logit_change_max", n->logit_change_max},
        {"kl_nats", n->kl},
        {"same_top", n->same_top},
        {"signal_rms", n->signal_rms},
        {"noise_rms", n->noise_rms},
        {"snr", n->snr},
        {"loss_noise_rms", n->loss_noise_rms},
        {"correlation", n->correlation},
        {"same_sign", n->same_sign},
    };
    json_t *o = json_pack("{s:i, s:I}", "batches", batches, "samples", (json_int_t)n->samples);
    for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++)
        bench_record_real(o, reals[i].key, reals[i].value);
    return o;
}
