/* Fine-tuning: a model, what of it is trained, a data set and an estimator, brought together; and evaluation.
 *
 * What a trainer goes on from is the parameters, the step number and what its method keeps (estimator.h; most keep nothing):
 * noise and data order are functions of the seed. Given these three it continues with the bits of an uninterrupted run.
 */
#ifndef ZO_TRAINER_H
#define ZO_TRAINER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/model/cost.h"
#include "core/train/estimator.h"
#include "core/model/llama.h"
#include "core/model/lora.h"
#include "core/base/phase.h"
#include "core/data/task.h"

#define ZO_PEFT_MAP(X)                                                                                       \
    X(LORA_FA, "lora-fa") /* Bw trained, A frozen */                                                         \
    X(LORA, "lora")       /* Bw and A trained */                                                             \
    X(FULL, "full")       /* every weight, in place */

typedef enum zo_peft {
#define X(name, text) ZO_PEFT_##name,
    ZO_PEFT_MAP(X)
#undef X
        ZO_PEFT_COUNT
} zo_peft;

const char *zo_peft_name(zo_peft p);

typedef struct zo_trainer_options {
    zo_method method; /* one that has steps */
    zo_peft peft;
    zo_estimator_options estimator; /* parallel: one that the method runs in; with peft FULL, NONE */
    int32_t batch;                  /* B, sequences per query, all queries the same */
    int32_t seq_len; /* 0: T is the longest of the batch; else at least this, and padding is run (batch.h) */
    uint64_t seed;   /* the run's seed; noise and data order derive theirs from it */
    int32_t pad;     /* token id for padding */
    zo_compute compute; /* of the forwards */
    zo_phase_hook hook;
    void *state; /* borrowed: what the method keeps, as after the step to go on from; NULL: new, of its own */
} zo_trainer_options;

/* Does it move the parameters themselves, one forward at a time, rather than form replicas of them? */
bool zo_trainer_in_place(zo_method method, zo_peft peft);

typedef struct zo_trainer zo_trainer;

/* Everything is borrowed and must outlive the trainer. lora NULL exactly when peft is FULL. All memory a step needs is
 * allocated here. Fails: ZO_ERR_INVALID (options that contradict each other or the model, fewer examples than B), ZO_ERR_MEMORY. */
zo_status zo_trainer_new(zo_llama *m, zo_lora *lora, const zo_dataset *train, const zo_trainer_options *o,
                         zo_mem *mem, zo_trainer **out, zo_error *err);
void zo_trainer_free(zo_trainer *t);

/* The next step to run (0 at first), and a jump to one, for continuing. */
uint32_t zo_trainer_at(const zo_trainer *t);
void zo_trainer_seek(zo_trainer *t, uint32_t step);

/* What a step did. Pointers are to the trainer's own, valid until its next call. */
typedef struct zo_step_report {
    uint32_t step;
    zo_step losses;
    const zo_batch *batch;  /* the B sequences that every query saw */
    const int32_t *example; /* (B) their rows in the data set */
    int32_t replicas;       /* through the model: a loss each */
    int64_t tokens;         /* rows of all replicas, padding that is run included */
    int64_t real_tokens;    /* of them without padding */
    zo_cost_rows each;      /* of one replica */
} zo_step_report;

zo_status zo_trainer_step(zo_trainer *t, zo_step_report *report, zo_error *err);

/* Evaluation on a data set with the current parameters: value = right / n. right (count) may be NULL.
 * progress may be NULL; it is called after every batch. Fails: ZO_ERR_NUMERIC, ZO_ERR_MEMORY. */
typedef struct zo_evaluation {
    int64_t right, n;
    double accuracy, stderr_; /* zo_accuracy_stderr */
    double loss;              /* mean over examples of the right answer's mean cross-entropy */
} zo_evaluation;

zo_status zo_evaluate(const zo_llama *m, const zo_lora *lora, const zo_dataset *d, int32_t pad,
                      zo_compute compute, zo_mem *mem,
                      void (*progress)(void *self, int32_t done, int32_t count), void *self, uint8_t *right,
                      zo_evaluation *out, zo_error *err);

/* What a step of these options takes. */
zo_estimator_cost zo_trainer_cost(const zo_trainer_options *o);
/* The sizes of the sessions that zo_trainer_new and zo_evaluate make, so that plans can say what they will take. longest
 * and labels: of the data set, most ids and most label ids in a sequence; rank 0: no adapter. */
zo_session_limits zo_trainer_limits(const zo_trainer_options *o, int32_t longest, int32_t labels,
                                    int32_t rank);
zo_session_limits zo_evaluate_limits(int32_t longest, int32_t labels, int32_t rank, zo_compute compute);

#endif
