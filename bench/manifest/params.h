/* The parameters of one cell, resolved: what the manifest's keys become.
 *
 * One table (params.c) describes every key: name, type, place in the struct, default, range, allowed words, help.
 * Parsing, checking, "did you mean", the help text, the cell's echo in a record and its id all come from it.
 */
#ifndef BENCH_PARAMS_H
#define BENCH_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "core/base/error.h"
#include "core/train/estimator.h"
#include "core/model/lora.h"
#include "core/number/precision.h"
#include "core/train/trainer.h"

/* Who computes a cell (bench/backend): name, text */
#define BENCH_BACKEND_MAP(X)                                                                                 \
    X(NATIVE, native)                                                                                        \
    X(OPENBLAS, openblas)                                                                                    \
    X(NULL, null)

typedef enum bench_backend_kind {
#define X(name, text) BENCH_BACKEND_##name,
    BENCH_BACKEND_MAP(X)
#undef X
        BENCH_BACKEND_COUNT
} bench_backend_kind;

/* NULL where it is none. */
const char *bench_backend_name(int backend);

typedef struct bench_params {
    char model[256];    /* "smollm2-135m", a path, "synth:tiny" */
    char task[32];      /* of core/data/task.h: "sst2", "polarity" */
    char data[256];     /* folder of data sets; "" (null): $ZOBENCH_DATA or ./data */
    int64_t train_rows; /* first rows of the training split; default 1000 (the paper), 0: all */
    int64_t eval_rows;  /* first rows of the validation split; default 1000, 0: all */
    int64_t holdout;    /* > 0: evaluate on the last so many training rows, which are then not trained on */
    int method;         /* zo_method; default prge */
    int peft;           /* zo_peft; default lora-fa */
    int64_t rank;       /* default 16 */
    double alpha;       /* default 32 */
    uint32_t targets;   /* list of target names, or "all" */
    int64_t queries;    /* q, default 4 */
    int64_t batch;      /* B, default 4 */
    int64_t seq_len;    /* T, padded and cut to; 0 (null): the longest of the batch */
    int64_t max_tokens; /* longer sequences are cut on the left to this, default 512 */
    int parallel;       /* zo_parallel; default the method's, prge's is both */
    int weights;        /* zo_precision of the frozen weights; default f32 */
    int compute;        /* zo_compute of products with them; default f32 */
    double eps;         /* default 1e-2 */
    double lr;          /* default 5e-5 */
    int64_t steps;      /* default 20 */
    int64_t eval_every; /* 0: only before and after training; -1 (null): no evaluation at all */
    int64_t checkpoint_every; /* steps between checkpoints; 0: none */
    int64_t numerics;         /* batches on which rounding is measured after the last step; 0: none */
    char adapter[256];        /* PEFT folder to start from; "" (null): a new one */
    int64_t seed;             /* default 42 */
    int64_t threads;          /* 0: all cores */
    int bind;                 /* bench_bind; default cores */
    int backend;              /* bench_backend_kind; default native */
    char blas_kernel
        [32]; /* OpenBLAS core type or "auto"; "" (null): OpenBLAS's own choice. See kernel_choice.h */
} bench_params;

/* INT int64_t, REAL double, STRING char[] (null: ""), WORD int, FLAGS uint32_t. */
typedef enum bench_type { BENCH_INT, BENCH_REAL, BENCH_STRING, BENCH_WORD, BENCH_FLAGS } bench_type;

typedef struct bench_option {
    const char *name; /* manifest key */
    bench_type type;
    size_t offset;        /* in bench_params */
    size_t size;          /* of the field, for strings */
    const char *fallback; /* default, in JSON */
    double low, high;     /* range of numbers, both included */
    int64_t null_value;   /* what null stands for, where nullable */
    bool nullable;
    const char *(*word)(int); /* allowed words by value, NULL past the last; a string may have them too */
    const char *help;         /* one line */
    bool untimed;             /* a step takes as long and as much memory whatever the value */
    bool launched;            /* settled when a cell's process starts: for cells of a manifest only */
    bool later;               /* came after records were kept: left out of the id at its default */
} bench_option;

/* The table, ended by a row whose name is NULL; at most 64 rows. */
extern const bench_option bench_options[];
const bench_option *bench_option_find(const char *name);
/* The row in which repetitions of one configuration may differ, as samples of it. */
const bench_option *bench_option_seed(void);
/* The bit of a row, in a set of them. */
uint64_t bench_option_bit(const bench_option *o);
bool bench_option_is_number(const bench_option *o);
/* The known name nearest to a misspelt one, or NULL where none is near. names: where the first row of a table, or of a list of
 * names, has its name, and so on every `stride` bytes up to a NULL. One letter, two from 8 letters on, three from 12, may be
 * missing, added, wrong or swapped with their neighbour; case does not count. */
const char *bench_nearest(const char *word, const void *names, size_t stride);
const char *bench_option_nearest(const char *word);
/* "; did you mean \"near\"?" for the end of a message, "" where near is NULL. Returns out; the macro brings it. */
enum { BENCH_DID_YOU_MEAN_BYTES = 96 };
const char *bench_did_you_mean(const char *near, char out[BENCH_DID_YOU_MEAN_BYTES]);
#define BENCH_DID_YOU_MEAN(near) bench_did_you_mean(near, (char[BENCH_DID_YOU_MEAN_BYTES]){0})
/* A JSON value as one line of text for a message, cut with "..." where it is long. Returns out. */
const char *bench_value_text(const json_t *value, char *out, size_t cap);
/* A number in as few digits as give it back, "0.01". Returns out. */
const char *bench_real_text(double value, char out[32]);

void bench_params_default(bench_params *p);
/* One field gets its default. */
void bench_params_unset(bench_params *p, const bench_option *o);
/* Sets one field from a JSON value. On failure *p is as it was and err->text says what is wrong with the value ("must
 * be a whole number from 1 to 1024, not \"four\""), without the place, which the caller knows. */
zo_status bench_params_set(bench_params *p, const bench_option *o, const json_t *value, zo_error *err);
/* The same, but null leaves a field unset where it is no value of its own: it gets its default. *unset says whether. */
zo_status bench_params_take(bench_params *p, const bench_option *o, const json_t *value, bool *unset,
                            zo_error *err);
/* Gives the fields that follow from others their value, unless they were set: parallel is the method's (estimator.h);
 * steps is 0 for zero-shot. given: bit i is set where row i of bench_options was. */
void bench_params_follow(bench_params *p, uint64_t given);
/* Sequences are cut to this: the lesser of seq_len and max_tokens; and the longest T that a cell can run. */
int64_t bench_params_cut(const bench_params *p);
int64_t bench_params_longest(const bench_params *p);
/* Contradictions between fields (mezo with parallel both; full with prge; batch * queries bounds ...). */
zo_status bench_params_check(const bench_params *p, zo_error *err);

/* One field as short text, as people read it: strings and words without quotes, null as "null". Returns out. */
const char *bench_params_text(const bench_params *p, const bench_option *o, char *out, size_t cap);
/* "queries=4 parallel=both", of the options whose bits are set, cut to cap. */
void bench_params_list(const bench_params *p, uint64_t which, char *out, size_t cap);

/* Equal in one field. */
bool bench_params_same(const bench_params *a, const bench_params *b, const bench_option *o);
/* True where a value in "exclude" or "where" is a list of alternatives. A list of target names is one value; several of
 * those are a list of lists. */
bool bench_value_is_list(const bench_option *o, const json_t *value);
/* Are there steps to be made? Is there anything to be evaluated, and how many times in a repetition? */
bool bench_params_trains(const bench_params *p);
bool bench_params_evaluates(const bench_params *p);
int64_t bench_params_evaluations(const bench_params *p);
/* Is an adapter loaded or made? What it is where it is made. */
bool bench_params_adapts(const bench_params *p);
zo_lora_options bench_params_lora(const bench_params *p);

/* Every parameter under its manifest name, in table order: new reference. */
json_t *bench_params_to_json(const bench_params *p);
/* The reverse, for records and for the child: unknown keys are errors, missing ones have their default. */
zo_status bench_params_from_json(bench_params *p, const json_t *object, zo_error *err);

/* The cell id: first 12 hex digits of the SHA-256 of the canonical JSON (keys sorted, compact, non-ASCII as UTF-8, real
 * numbers in as few digits as give them back: as C's %.{p}g with the smallest p that does). An option that is marked
 * `later` is not in it where it has its default, so that cells keep the id they had before the option existed; that
 * default therefore never changes. */
void bench_params_id(const bench_params *p, char id[13]);

#endif
