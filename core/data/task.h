/* Tasks: data sets turned into prompts, answers and a metric. One table row per task.
 *
 * Templates and label words are those of the MobiZO authors' scripts (arXiv:2409.15520), which follow MeZO's
 * (arXiv:2305.17333): a row becomes a prompt and one answer text per choice; the right answer's text ends the training
 * sequence. The whole text is tokenized at once; the answer's tokens are those past the tokens of the prompt with
 * its trailing spaces stripped.
 * Differs from them: where all label words of a class task begin with the same tokens (a space of its own, in a
 * tokenizer of bytes), these count as prompt, because they tell no class from another. Upper and lower case are
 * changed in ASCII letters only.
 *
 * Two tasks are made by the program. polarity (polarity.h) can be learnt. random is for speed and memory, where values do
 * not matter: 400 rows in each split of as many ids as a sequence may have, from 2 on, drawn evenly from the vocabulary;
 * the last id is the label, of two choices that a coin settles, so that its accuracy means nothing.
 */
#ifndef ZO_TASK_H
#define ZO_TASK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/data/batch.h"
#include "core/base/error.h"
#include "core/base/mem.h"
#include "core/text/tokenizer.h"

typedef enum zo_metric {
    ZO_METRIC_CLASS,  /* argmax over the label words' first tokens at the last prompt position */
    ZO_METRIC_CHOICE, /* the choice with the highest mean log-probability of its tokens */
} zo_metric;

const char *zo_metric_name(zo_metric m); /* "accuracy/class", "accuracy/choice" */

#define ZO_TASK_MAX_CHOICES 8

/* A row as text. */
typedef struct zo_row {
    char *prompt;                      /* without the answer; ends before the answer's leading space */
    char *answer[ZO_TASK_MAX_CHOICES]; /* prompt + answer[i] is the i-th full text; in prompt's memory */
    int32_t choices;
    int32_t label; /* the right one */
} zo_row;

typedef struct zo_task zo_task;
const zo_task *zo_task_find(const char *name); /* NULL: unknown */
const char *const *zo_task_names(void);        /* NULL-terminated */
zo_metric zo_task_metric(const zo_task *t);
double zo_task_chance(const zo_task *t);        /* accuracy of a coin of as many sides */
const char *zo_task_template(const zo_task *t); /* the template in words, as records hash it */

typedef enum zo_split { ZO_SPLIT_TRAIN, ZO_SPLIT_VALIDATION } zo_split;

/* A split, encoded. Example i has `choices` sequences; each holds all its ids, of which the last n_labels are the
 * answer's. For ZO_METRIC_CLASS all choices share their prompt. */
typedef struct zo_example {
    zo_sequence choice[ZO_TASK_MAX_CHOICES];
    int32_t choices, label;
} zo_example;

typedef struct zo_dataset {
    const zo_task *task;
    zo_example *examples; /* (count) */
    int32_t count;
    int32_t longest;     /* most ids in a sequence */
    int32_t most_labels; /* most label ids in a sequence */
    char path[512];      /* the file that was read; "" for a generated task */
    int32_t skipped;     /* lines of it that were left out (zo_task_rows) */
    int32_t *ids;        /* storage of all sequences */
} zo_dataset;

/* The file of a split: "" for a generated task; and how many of its lines were left out. */
typedef struct zo_data_file {
    char path[512];
    int32_t skipped;
} zo_data_file;

/* Rows of a split as text (account: data; free with zo_task_rows_free). dir holds <task>/<file> in one of the accepted
 * forms, looked for in this order:
 *   train.jsonl | train.tsv, and validation.jsonl | val.jsonl | dev.jsonl | validation.tsv | dev.tsv
 *   (Hugging Face field names, SuperGLUE's own .jsonl, GLUE's own .tsv with a header line; core/data/row_file.h has what a
 *   line may be). Lines of GLUE's qqp that lack columns, of which the published file has some, are left out and counted.
 * Choices are in the order of the template's label words: sst2 and polarity terrible, great; rte and boolq Yes, No
 * (so true is 0); copa choice1, choice2; the others No, Yes (random has ids only, see
 * zo_dataset_load).
 * limit: the first `limit` rows, 0 for all. A generated task (polarity) reads no file; its rows are a function of
 * the split, and dir may be NULL. file (may be NULL) is what was read.
 * Fails: ZO_ERR_IO (no such file: says which names were looked for; or it can't be read), ZO_ERR_FORMAT with
 * "file:line: ..." for a bad row, "file: ..." for one without rows, ZO_ERR_INVALID (limit < 0, dir too long),
 * ZO_ERR_UNSUPPORTED (random), ZO_ERR_MEMORY. */
zo_status zo_task_rows(const zo_task *t, const char *dir, zo_split split, int32_t limit, zo_mem *mem,
                       zo_row **rows, int32_t *count, zo_data_file *file, zo_error *err);
void zo_task_rows_free(zo_row *rows, int32_t count);

/* Encodes rows. max_tokens: sequences are cut on the left (a leading BOS is kept), 0: 512; the choices of a class
 * task all by the same number of tokens, so that they keep sharing their prompt. Fails: ZO_ERR_INVALID where an
 * answer has no tokens or leaves no room for one token of prompt, or for ZO_METRIC_CLASS where label words can't be
 * told apart by one token; ZO_ERR_MEMORY. */
zo_status zo_dataset_encode(const zo_task *t, const zo_row *rows, int32_t count, const zo_tokenizer *tok,
                            int32_t max_tokens, zo_mem *mem, zo_dataset **out, zo_error *err);
/* zo_task_rows and zo_dataset_encode in one; and random's rows, each of max_tokens ids. */
zo_status zo_dataset_load(const zo_task *t, const char *dir, zo_split split, int32_t limit,
                          const zo_tokenizer *tok, int32_t max_tokens, zo_mem *mem, zo_dataset **out,
                          zo_error *err);
void zo_dataset_free(zo_dataset *d);

/* A view of rows [first, first + count) of d: for holding out part of a split. Nothing to free; d must outlive it. */
zo_dataset zo_dataset_slice(const zo_dataset *d, int32_t first, int32_t count);

/* A coin's standard error for k right of n, as lm-evaluation-harness computes it: sqrt(p (1 - p) / (n - 1)).
 * NaN where n < 2: one toss tells nothing of its error. */
double zo_accuracy_stderr(int64_t right, int64_t n);

#endif
