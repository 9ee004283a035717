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

#include "core/error.h"
#include "core/estimator.h"
#include "core/lora.h"
#include "core/trainer.h"

typedef struct bench_params {
    char model[256];     /* "smollm2-135m", a path, "synth:tiny" */
    char task[32];       /* "sst2", "rte", "boolq", "copa", "polarity" */
    char data[256];      /* folder of data sets; "" (null): $ZOBENCH_DATA or ./data */
    int64_t train_rows;  /* first rows of the training split; default 1000 (the paper), 0: all */
    int64_t eval_rows;   /* first rows of the validation split; default 1000, 0: all */
    int64_t holdout;     /* > 0: evaluate on the last so many training rows, which are then not trained on */
    int method;          /* zo_method; default prge */
    int peft;            /* zo_peft; default lora-fa */
    int64_t rank;        /* default 16 */
    double alpha;        /* default 32 */
    uint32_t targets;    /* list of target names, or "all" */
    int64_t queries;     /* q, default 4 */
    int64_t batch;       /* B, default 4 */
    int64_t seq_len;     /* 0 (null): longest of the batch */
    int64_t max_tokens;  /* sequences are cut on the left to this, default 512 */
    int parallel;        /* zo_parallel; default both; mezo and rge run "none" */
    int weights;         /* precision of the frozen weights: f32 */
    double eps;          /* default 1e-2 */
    double lr;           /* default 5e-5 */
    int64_t steps;       /* default 20 */
    int64_t eval_every;  /* 0: only before and after training; -1 (null): no evaluation at all */
    int64_t checkpoint_every; /* steps between checkpoints; 0: none */
    char adapter[256];   /* PEFT folder to start from; "" (null): a new one */
    int64_t seed;        /* default 42 */
    int64_t threads;     /* 0: all cores */
} bench_params;

typedef enum bench_type { BENCH_INT, BENCH_REAL, BENCH_STRING, BENCH_WORD, BENCH_FLAGS } bench_type;

typedef struct bench_option {
    const char *name;         /* manifest key */
    bench_type type;
    size_t offset;            /* in bench_params */
    size_t size;              /* of the field, for strings */
    const char *fallback;     /* default, in JSON */
    double low, high;         /* range of numbers, both included */
    int64_t null_value;       /* what null stands for, where nullable */
    bool nullable;
    const char *(*word)(int); /* allowed words by value, NULL past the last */
    const char *help;         /* one line */
} bench_option;

/* The table, ended by a row whose name is NULL. */
extern const bench_option bench_options[];
const bench_option *bench_option_find(const char *name);
/* The known name nearest to a misspelt one, or NULL where none is near (words: NULL-terminated). */
const char *bench_nearest(const char *word, const char *const *words);

void bench_params_default(bench_params *p);
/* Sets one field from a JSON value. On failure err->text says what is wrong with the value ("must be a whole number
 * from 1 to 1024, not \"four\""), without the place, which the caller knows. */
zo_status bench_params_set(bench_params *p, const bench_option *o, const json_t *value, zo_error *err);
/* Contradictions between fields (mezo with parallel both; full with prge; batch * queries bounds ...). */
zo_status bench_params_check(const bench_params *p, zo_error *err);

/* Every parameter under its manifest name, in table order: new reference. */
json_t *bench_params_to_json(const bench_params *p);
/* The reverse, for records and for the child: unknown keys are errors. */
zo_status bench_params_from_json(bench_params *p, const json_t *object, zo_error *err);

/* The cell id: first 12 hex digits of the SHA-256 of the canonical JSON (sorted keys, compact). */
void bench_params_id(const bench_params *p, char id[13]);

#endif
