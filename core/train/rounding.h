/* What rounding does to a model and to its projected gradients, measured.
 *
 * Two effects are kept apart. Frozen weights in few bits make another model: its losses and projected gradients are
 * other numbers, though exact ones. And the forward rounds: activations to `compute`, and with bf16 what it unpacks of
 * f32, f16 and nf4 weights; sums and the moved parameters to f32. Only this second effect is noise, because it is what
 * can drown the small differences of losses L that projected gradients g_i are made of (estimator.h):
 *
 *   signal  g_i of exact arithmetic, for the weights as they were decoded: the plain forward in double
 *           (reference.h), at the same eps. So neither quantized weights nor the curvature of L over eps are noise.
 *   noise   the g_i that a training step computed, less the signal.
 *   snr     rms(signal) / rms(noise) over all queries and steps. Rounding errors of L do not depend on eps: noise
 *           grows as 1 / eps, snr falls as eps does. An estimate sum_i g_i z_i / q has its coefficients off by
 *           1 / snr of their size, to be seen beside the sampling error of q directions for P parameters, which is
 *           far above 1.
 *
 * The effect of quantized weights is told by how exact g_i of the decoded weights go together with exact g_i of the f32
 * weights on the same batches and directions (an update's cosine within the span of the z_i, as far as these are
 * orthogonal), and by logits and losses at theta against those of the f32 model in f32, rounding included.
 */
#ifndef ZO_ROUNDING_H
#define ZO_ROUNDING_H

#include "core/train/trainer.h"

/* What a model gave on the batches of some training steps. V vocabulary; losses: of a step. */
typedef struct zo_readings {
    int32_t steps, vocab;
    zo_method method;
    zo_estimator_options estimator;
    int64_t rows;     /* label rows of all steps */
    float *logits;    /* (rows, V) at theta */
    double *loss;     /* (steps) at theta */
    double *computed; /* (steps, losses) as steps computed them */
    double *exact;    /* the same in double; NULL: not read */
} zo_readings;

/* The batches of steps [first, first + steps) of a trainer with these options, whose learning rate is taken as 0: every
 * step is at theta. lora is left as such steps leave it: MeZO's, which move it to and fro, round it; others do not touch
 * it. exact: read `exact` too, which costs a plain forward of B sequences for each loss of a step, on all threads. progress may be NULL;
 * it is called after every step. *out owns its arrays (account: data); free with zo_readings_deinit, which accepts zeros.
 * Fails: what zo_trainer_new and steps fail with; ZO_ERR_UNSUPPORTED (peft FULL). *out is then zeros. */
zo_status zo_rounding_read(zo_llama *m, zo_lora *lora, const zo_dataset *train, const zo_trainer_options *o,
                           uint32_t first, int32_t steps, bool exact,
                           void (*progress)(void *self, int32_t done, int32_t count), void *self, zo_mem *mem,
                           zo_readings *out, zo_error *err);
void zo_readings_deinit(zo_readings *r);

/* NaN: 0 / 0. */
typedef struct zo_rounding {
    /* at theta, against the f32 model in f32; over all label rows */
    double loss, loss_change; /* mean over the batches; how far it lies from the f32 model's */
    double logit_rms;         /* of the f32 model, less each row's mean: what changes are to be seen beside */
    double logit_change_rms, logit_change_max;
    double kl;       /* mean Kullback-Leibler divergence from the f32 model's next-token distribution, nats */
    double same_top; /* share of rows whose likeliest token is the f32 model's */
    /* projected gradients: the noise of rounding. With n samples an rms is known to about 1 / sqrt(2 n) of itself. */
    int64_t samples;
    double signal_rms, noise_rms, snr; /* snr infinite where nothing was rounded */
    double loss_noise_rms;             /* of one loss: errors that those of a query share cancel in g_i */
    /* projected gradients: the effect of the weights. Correlation about zero, the mean of g over directions. */
    double correlation, same_sign;
} zo_rounding;

/* `exact`: readings of the same weights that have them, perhaps r itself. f32, with exact readings: of the f32 model with
 * compute f32. All of the same steps. */
zo_rounding zo_rounding_compare(const zo_readings *r, const zo_readings *exact, const zo_readings *f32);

#endif
