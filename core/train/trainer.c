/* See trainer.h. */
#include "core/train/trainer.h"

#include <assert.h>
#include <string.h>

#include "core/kernel/rng.h"

static const char *const peft_names[] = {
#define X(name, text) [ZO_PEFT_##name] = text,
    ZO_PEFT_MAP(X)
#undef X
};

const char *zo_peft_name(zo_peft p)
{
    return (unsigned)p < ZO_PEFT_COUNT ? peft_names[p] : NULL;
}

struct zo_trainer {
    zo_llama *m;
    zo_lora *lora;
    const zo_dataset *train;
    zo_trainer_options o;
    uint64_t noise_seed, order_seed;
    zo_session *session;
    zo_batch batch;
    uint32_t step;
    void *state;            /* its own, where the options give none */
    int32_t *order;         /* (count) the permutation of epoch `epoch` */
    int64_t epoch;          /* -1: none yet */
    int32_t *example;       /* (B) */
    zo_sequence *sequences; /* (B) */
    double *loss;           /* (losses) */
    double *projected;      /* (q) */
    double *held, *move;    /* (q) in place: theta is at theta0 + sum_i held[i] z_i; scratch */
};

bool zo_trainer_in_place(zo_method method, zo_peft peft)
{
    return zo_estimator_of(method)->in_place || peft == ZO_PEFT_FULL;
}

zo_estimator_cost zo_trainer_cost(const zo_trainer_options *o)
{
    return zo_estimator_count(zo_estimator_of(o->method), o->estimator.parallel,
                              zo_trainer_in_place(o->method, o->peft), o->estimator.queries);
}

static zo_status check_options(const zo_trainer_options *o, const zo_lora *lora, const zo_dataset *train,
                               zo_error *err)
{
    const zo_estimator *method = zo_estimator_of(o->method);
    const zo_estimator_options *e = &o->estimator;
    char list[32];
    if (!method->losses)
        return zo_fail(err, ZO_ERR_INVALID, "train: method %s has no steps", method->name);
    if (e->queries < 1 || e->queries > ZO_MAX_QUERIES)
        return zo_fail(err, ZO_ERR_INVALID, "train: queries must be 1 to %d, not %d", ZO_MAX_QUERIES,
                       e->queries);
    if (o->batch < 1 || o->batch > train->count)
        return zo_fail(err, ZO_ERR_INVALID, "train: a batch of %d from a data set of %d examples", o->batch,
                       train->count);
    if (!(e->eps > 0) || !(e->lr >= 0))
        return zo_fail(err, ZO_ERR_INVALID, "train: eps %g must be positive and lr %g not negative", e->eps,
                       e->lr);
    const bool alone = o->peft == ZO_PEFT_FULL || !zo_estimator_batches(method);
    const uint32_t parallels = alone ? 1u << ZO_PARALLEL_NONE : method->parallels;
    if (!(parallels >> e->parallel & 1))
        return zo_fail(err, ZO_ERR_INVALID, "train: method %s with peft %s%s: parallel must be %s",
                       method->name, zo_peft_name(o->peft), alone ? " runs one replica at a time" : "",
                       zo_parallel_list(parallels, list));
    if ((o->peft == ZO_PEFT_FULL) != (lora == NULL))
        return zo_fail(err, ZO_ERR_INVALID, "train: peft %s %s an adapter", zo_peft_name(o->peft),
                       lora ? "takes no" : "needs");
    if (lora && lora->options.train_a != (o->peft == ZO_PEFT_LORA))
        return zo_fail(err, ZO_ERR_INVALID, "train: the adapter does not train what peft %s does",
                       zo_peft_name(o->peft));
    return ZO_OK;
}

zo_session_limits zo_trainer_limits(const zo_trainer_options *o, int32_t longest, int32_t labels,
                                    int32_t rank)
{
    int64_t B = o->batch, T = zo_batch_padded(o->seq_len > longest ? o->seq_len : longest);
    int32_t replicas = zo_trainer_cost(o).replicas;
    return (zo_session_limits){.rows = replicas * B * T,
                               .tokens = (int32_t)T,
                               .labels = replicas * B * labels,
                               .replicas = replicas,
                               .rank = rank,
                               .train_a = o->peft == ZO_PEFT_LORA,
                               .compute = o->compute};
}

static zo_status make_room(zo_trainer *t, zo_mem *mem, zo_error *err)
{
    const zo_trainer_options *o = &t->o;
    int32_t q = o->estimator.queries, B = o->batch;
    zo_session_limits limits =
        zo_trainer_limits(o, t->train->longest, t->train->most_labels, t->lora ? t->lora->options.rank : 0);
    int32_t T = limits.tokens;
    int64_t parameters = t->lora ? t->lora->trainable : zo_llama_trainable(t->m);
    zo_status st = zo_session_new(t->m, &limits, mem, &t->session, err);
    if (!st)
        st = zo_batch_init(&t->batch, B, B * T, B * t->train->most_labels, mem, err);
    const struct {
        void *at;
        size_t n, size;
    } arrays[] = {
        {&t->order, (size_t)t->train->count, sizeof *t->order},
        {&t->example, (size_t)B, sizeof *t->example},
        {&t->sequences, (size_t)B, sizeof *t->sequences},
        {&t->loss, (size_t)zo_estimator_of(o->method)->losses(q), sizeof *t->loss},
        {&t->projected, (size_t)q, sizeof *t->projected},
        {&t->held, (size_t)q, sizeof *t->held},
        {&t->move, (size_t)q, sizeof *t->move},
        {&t->state, o->state ? 0 : zo_estimator_state_bytes(zo_estimator_of(o->method), q, parameters), 1},
    };
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0] && !st; i++)
        st = zo_mem_array(mem, ZO_ACCOUNT_OPTIMIZER, arrays[i].n, arrays[i].size, "trainer", arrays[i].at,
                          err);
    return st;
}

zo_status zo_trainer_new(zo_llama *m, zo_lora *lora, const zo_dataset *train, const zo_trainer_options *o,
                         zo_mem *mem, zo_trainer **out, zo_error *err)
{
    zo_trainer *t = NULL;
    *out = NULL;
    zo_status st = check_options(o, lora, train, err);
    if (!st && o->peft == ZO_PEFT_FULL && m->precision != ZO_PRECISION_F32)
        st = zo_fail(err, ZO_ERR_INVALID,
                     "train: peft full moves the weights themselves, which must be f32, not %s",
                     zo_precision_name(m->precision));
    if (!st)
        st = zo_mem_array(mem, ZO_ACCOUNT_OPTIMIZER, 1, sizeof *t, "trainer", &t, err);
    if (st)
        return st;
    *t = (zo_trainer){.m = m, .lora = lora, .train = train, .o = *o, .epoch = -1};
    t->noise_seed = zo_seed_for(o->seed, "noise");
    t->order_seed = zo_seed_for(o->seed, "data order");
    st = make_room(t, mem, err);
    if (st) {
        zo_trainer_free(t);
        return st;
    }
    zo_session_watch(t->session, o->hook);
    *out = t;
    return ZO_OK;
}

void zo_trainer_free(zo_trainer *t)
{
    if (!t)
        return;
    void *const all[] = {t->order,     t->example, t->sequences, t->loss,
                         t->projected, t->held,    t->move,      t->state};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        zo_mem_free(all[i]);
    zo_session_free(t->session);
    zo_batch_deinit(&t->batch);
    zo_mem_free(t);
}

uint32_t zo_trainer_at(const zo_trainer *t)
{
    return t->step;
}

void zo_trainer_seek(zo_trainer *t, uint32_t step)
{
    t->step = step;
}

/* Step s sees places s * B ... of the endless sequence of shuffled epochs. */
static void build_batch(zo_trainer *t)
{
    int32_t count = t->train->count;
    for (int32_t b = 0; b < t->o.batch; b++) {
        int64_t place = (int64_t)t->step * t->o.batch + b;
        if (place / count != t->epoch) {
            t->epoch = place / count;
            zo_shuffle(t->order_seed, (uint64_t)t->epoch, t->order, count);
        }
        t->example[b] = t->order[place % count];
        const zo_example *e = &t->train->examples[t->example[b]];
        t->sequences[b] = e->choice[e->label];
    }
    zo_batch_fill(&t->batch, t->sequences, t->o.batch, t->o.seq_len, t->o.pad);
}

static zo_status replica_losses(void *self, uint32_t step, double eps, const zo_replica *replicas, int32_t n,
                                double *loss, zo_error *err)
{
    zo_trainer *t = self;
    zo_perturbation p = {t->noise_seed, step, eps, n, replicas};
    return zo_llama_losses(t->session, t->lora, &t->batch, &p, loss, err);
}

static zo_status replica_update(void *self, uint32_t step, const double *coef, int32_t q, zo_error *err)
{
    (void)err;
    zo_trainer *t = self;
    zo_phase_enter(t->o.hook, ZO_PHASE_UPDATE);
    zo_lora_add_noise(t->lora, t->noise_seed, step, coef, q);
    return ZO_OK;
}

/* Moves theta from theta0 + sum_i held[i] z_i to theta0 + sum_i to[i] z_i in one sweep: from +eps to -eps is one,
 * and so is undoing the last perturbation together with the update. */
static void move_to(zo_trainer *t, uint32_t step, const double *to)
{
    int32_t q = t->o.estimator.queries;
    for (int32_t i = 0; i < q; i++) {
        t->move[i] = to[i] - t->held[i];
        t->held[i] = to[i];
    }
    if (t->lora)
        zo_lora_add_noise(t->lora, t->noise_seed, step, t->move, q);
    else
        zo_llama_add_noise(t->m, t->noise_seed, step, t->move, q);
}

static zo_status in_place_losses(void *self, uint32_t step, double eps, const zo_replica *replicas, int32_t n,
                                 double *loss, zo_error *err)
{
    zo_trainer *t = self;
    double to[ZO_MAX_QUERIES] = {0};
    assert(n == 1);
    to[replicas[0].query] = replicas[0].sign * eps;
    zo_phase_enter(t->o.hook, ZO_PHASE_PERTURB);
    move_to(t, step, to);
    return zo_llama_losses(t->session, t->lora, &t->batch, NULL, loss, err);
}

static zo_status in_place_update(void *self, uint32_t step, const double *coef, int32_t q, zo_error *err)
{
    (void)err;
    zo_trainer *t = self;
    zo_phase_enter(t->o.hook, ZO_PHASE_UPDATE);
    move_to(t, step, coef);
    memset(t->held, 0, (size_t)q * sizeof *t->held); /* where the update went is the new theta0 */
    return ZO_OK;
}

static void fill_report(const zo_trainer *t, zo_step_report *r)
{
    int64_t real = 0;
    double squares = 0;
    for (int32_t b = 0; b < t->o.batch; b++) {
        int64_t n = t->batch.tokens - t->batch.start[b];
        real += n;
        squares += (double)n * (double)n;
    }
    r->batch = &t->batch;
    r->example = t->example;
    r->replicas = zo_estimator_of(t->o.method)->losses(t->o.estimator.queries);
    r->tokens = (int64_t)r->replicas * t->batch.offset[t->o.batch];
    r->real_tokens = r->replicas * real;
    r->each = (zo_cost_rows){t->batch.offset[t->o.batch], squares, t->batch.labels};
}

zo_status zo_trainer_step(zo_trainer *t, zo_step_report *report, zo_error *err)
{
    bool moves = zo_trainer_in_place(t->o.method, t->o.peft);
    zo_problem problem = {t, moves ? in_place_losses : replica_losses,
                          moves ? in_place_update : replica_update};
    zo_phase_enter(t->o.hook, ZO_PHASE_DATA);
    build_batch(t);
    *report = (zo_step_report){.step = t->step, .losses = {t->loss, t->projected, 0}};
    zo_status st = zo_estimator_step(zo_estimator_of(t->o.method), &t->o.estimator, &problem,
                                     t->o.state ? t->o.state : t->state, t->step, &report->losses, err);
    fill_report(t, report);
    if (st) {
        if (moves)
            move_to(t, t->step, (const double[ZO_MAX_QUERIES]){0});
        return zo_error_context(err, "step %u", t->step);
    }
    t->step++;
    zo_phase_enter(t->o.hook, ZO_PHASE_OTHER);
    return ZO_OK;
}
