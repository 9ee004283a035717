/* zo_evaluate of trainer.h: accuracy of a model on a data set.
 *
 * Sequences are sorted by length and run in batches of about ROWS rows, so that little of a batch is padding. A class
 * task runs each prompt once, with any one answer token behind it, and compares the label words' first tokens there; a
 * choice task runs every choice and compares mean log-probabilities.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/kernel/kernel.h"
#include "core/train/trainer.h"

#define ROWS   1024
#define LABELS 128

/* One sequence to run: choice `choice` of example `example`. */
typedef struct item {
    zo_sequence sequence;
    int32_t example, choice;
} item;

typedef struct evaluator {
    const zo_dataset *d;
    bool by_class;
    item *items; /* (count) */
    int32_t count;
    double *score; /* (examples, ZO_TASK_MAX_CHOICES) log-probability: a choice's mean, a label word's */
} evaluator;

static int by_length(const void *a, const void *b)
{
    const item *x = a, *y = b;
    if (x->sequence.n != y->sequence.n)
        return x->sequence.n < y->sequence.n ? -1 : 1;
    if (x->example != y->example)
        return x->example < y->example ? -1 : 1;
    return x->choice - y->choice;
}

static void list_items(evaluator *e)
{
    e->count = 0;
    for (int32_t i = 0; i < e->d->count; i++) {
        const zo_example *x = &e->d->examples[i];
        for (int32_t c = 0; c < (e->by_class ? 1 : x->choices); c++) {
            item it = {x->choice[c], i, c};
            if (e->by_class) { /* the prompt and one token, whose only use is to make the row before it a label row */
                it.sequence.n -= it.sequence.n_labels - 1;
                it.sequence.n_labels = 1;
            }
            e->items[e->count++] = it;
        }
    }
    qsort(e->items, (size_t)e->count, sizeof *e->items, by_length);
}

/* Items [first, return value) go into one batch. They are sorted, so the last is the longest. */
static int32_t batch_end(const evaluator *e, int32_t first)
{
    int64_t labels = 0;
    int32_t last = first;
    while (last < e->count) {
        labels += e->items[last].sequence.n_labels;
        int64_t rows = (int64_t)(last - first + 1) * zo_batch_padded(e->items[last].sequence.n);
        if (last > first && (rows > ROWS || labels > LABELS))
            break;
        last++;
    }
    return last;
}

static void score_batch(evaluator *e, const item *items, const zo_batch *b, const float *logits, int32_t V)
{
    const zo_kernels *k = zo_kernels_best();
    int32_t row = 0;
    for (int32_t i = 0; i < b->sequences; i++) {
        const zo_example *x = &e->d->examples[items[i].example];
        double *score = e->score + (int64_t)items[i].example * ZO_TASK_MAX_CHOICES;
        if (e->by_class) {
            const float *z = logits + (int64_t)row++ * V;
            double total = k->logsumexp(z, V);
            for (int32_t c = 0; c < x->choices; c++)
                score[c] = z[x->choice[c].ids[x->choice[c].n - x->choice[c].n_labels]] - total;
            continue;
        }
        double sum = 0;
        for (int32_t j = 0; j < items[i].sequence.n_labels; j++, row++) {
            const float *z = logits + (int64_t)row * V;
            sum += z[b->label_id[row]] - k->logsumexp(z, V);
        }
        score[items[i].choice] = sum / items[i].sequence.n_labels;
    }
}

/* The first of equal scores wins, as numpy's argmax. */
static zo_status sum_up(const evaluator *e, uint8_t *right, zo_evaluation *out, zo_error *err)
{
    *out = (zo_evaluation){.n = e->d->count};
    for (int32_t i = 0; i < e->d->count; i++) {
        const zo_example *x = &e->d->examples[i];
        const double *score = e->score + (int64_t)i * ZO_TASK_MAX_CHOICES;
        int32_t best = 0;
        for (int32_t c = 0; c < x->choices; c++) {
            if (!isfinite(score[c]))
                return zo_fail(err, ZO_ERR_NUMERIC, "evaluate: the score of example %d is %g", i, score[c]);
            if (score[c] > score[best])
                best = c;
        }
        out->right += best == x->label;
        out->loss -= score[x->label] / e->d->count;
        if (right)
            right[i] = best == x->label;
    }
    out->accuracy = e->d->count ? (double)out->right / e->d->count : 0;
    out->stderr_ = zo_accuracy_stderr(out->right, out->n);
    return ZO_OK;
}

zo_session_limits zo_evaluate_limits(int32_t longest, int32_t labels, int32_t rank, zo_compute compute)
{
    int32_t T = zo_batch_padded(longest);
    return (zo_session_limits){.rows = T > ROWS ? T : ROWS,
                               .tokens = T,
                               .labels = labels > LABELS ? labels : LABELS,
                               .replicas = 1,
                               .rank = rank,
                               .compute = compute};
}

static zo_status run(evaluator *e, const zo_llama *m, const zo_lora *lora, int32_t pad, zo_compute compute,
                     zo_mem *mem, void (*progress)(void *, int32_t, int32_t), void *self, zo_error *err)
{
    zo_session *session = NULL;
    zo_batch batch = {0};
    zo_sequence *sequences = NULL;
    zo_session_limits limits =
        zo_evaluate_limits(e->d->longest, e->d->most_labels, lora ? lora->options.rank : 0, compute);
    int32_t rows = (int32_t)limits.rows, labels = (int32_t)limits.labels;
    zo_status st = zo_session_new(m, &limits, mem, &session, err);
    if (!st)
        st = zo_batch_init(&batch, rows, rows, labels, mem, err);
    if (!st)
        st = zo_mem_array(mem, ZO_ACCOUNT_DATA, (size_t)rows, sizeof *sequences, "evaluation", &sequences,
                          err);
    for (int32_t first = 0, last; !st && first < e->count; first = last) {
        last = batch_end(e, first);
        for (int32_t i = first; i < last; i++)
            sequences[i - first] = e->items[i].sequence;
        zo_batch_fill(&batch, sequences, last - first, 0, pad);
        score_batch(e, e->items + first, &batch, zo_llama_logits(session, lora, &batch, NULL),
                    m->config.vocab);
        if (progress)
            progress(self, last, e->count);
    }
    zo_mem_free(sequences);
    zo_batch_deinit(&batch);
    zo_session_free(session);
    return st;
}

zo_status zo_evaluate(const zo_llama *m, const zo_lora *lora, const zo_dataset *d, int32_t pad,
                      zo_compute compute, zo_mem *mem,
                      void (*progress)(void *self, int32_t done, int32_t count), void *self, uint8_t *right,
                      zo_evaluation *out, zo_error *err)
{
    evaluator e = {.d = d, .by_class = zo_task_metric(d->task) == ZO_METRIC_CLASS};
    size_t most = (size_t)d->count * ZO_TASK_MAX_CHOICES;
    zo_status st = zo_mem_array(mem, ZO_ACCOUNT_DATA, most, sizeof *e.items, "evaluation", &e.items, err);
    if (!st)
        st = zo_mem_array(mem, ZO_ACCOUNT_DATA, most, sizeof *e.score, "evaluation", &e.score, err);
    if (!st) {
        list_items(&e);
        st = run(&e, m, lora, pad, compute, mem, progress, self, err);
    }
    if (!st)
        st = sum_up(&e, right, out, err);
    zo_mem_free(e.items);
    zo_mem_free(e.score);
    return st;
}
