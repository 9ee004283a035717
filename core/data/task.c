/* See task.h.
 *
 * A task is a row of `tasks`: where its fields stand, its label values and its templates. In a template {name} is the
 * text of a field, {name|other} that of the first field there is, {outer.inner} that of a field within a field,
 * {name:edit} the same changed by a row of `edits`.
 * The templates' source is named in task.h; the fields' names are those of the data sets as the Hugging Face hub, GLUE
 * and SuperGLUE distribute them.
 */
#include "core/data/task.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/data/polarity.h"
#include "core/kernel/rng.h"
#include "core/data/row_file.h"

#define MAX_TOKENS 512 /* the authors' max_length */
#define MAX_LABELS 4   /* values that a label can have in files */

enum { RANDOM_ROWS = 400 /* in each split */ };

struct zo_task {
    const char *name;
    zo_metric metric;
    const char *prompt;
    const char *answer[ZO_TASK_MAX_CHOICES]; /* up to the first NULL */
    const char *words;                       /* prompt and answers in one text, for zo_task_template */
    const char *label_field[2];              /* the first one there is */
    struct {
        const char *value; /* integers and booleans as JSON writes them */
        int32_t choice;
    } label[MAX_LABELS];
    bool generated;
    bool drawn;       /* generated not as text but as ids */
    bool skips;       /* lines of the published .tsv that lack columns are left out */
    const char *nest; /* a field in which the publisher's own form has many rows (collect_nested) */
};

/* The tasks, in the order in which they are listed. */
#define TASK_MAP(X)                                                                                          \
    X(sst2)                                                                                                  \
    X(rte) X(boolq) X(copa) X(mrpc) X(qqp) X(qnli) X(wnli) X(wic) X(wsc) X(multirc) X(polarity) X(random)

enum {
#define X(name) TASK_##name,
    TASK_MAP(X)
#undef X
        TASKS
};

/* clang-format off */
#define TEMPLATE(prompt_, a, b) .prompt = prompt_, .answer = {a, b}, .words = prompt_ "[" a "|" b "]"

static const zo_task tasks[TASKS] = {
    [TASK_sst2] = {
        .name = "sst2", .metric = ZO_METRIC_CLASS,
        TEMPLATE("{sentence:strip} It was", " terrible", " great"),
        .label_field = {"label"}, .label = {{"0", 0}, {"1", 1}}},
    [TASK_rte] = {
        .name = "rte", .metric = ZO_METRIC_CLASS,
        TEMPLATE("{premise|sentence1}\nDoes this mean that \"{hypothesis|sentence2}\" is true? Yes or No?",
                 " Yes", " No"),
        .label_field = {"label"}, .label = {{"0", 0}, {"1", 1}, {"entailment", 0}, {"not_entailment", 1}}},
    [TASK_boolq] = {
        .name = "boolq", .metric = ZO_METRIC_CLASS,
        TEMPLATE("{passage} {question:ask}", " Yes", " No"),
        .label_field = {"answer", "label"}, .label = {{"true", 0}, {"false", 1}, {"1", 0}, {"0", 1}}},
    [TASK_copa] = {
        .name = "copa", .metric = ZO_METRIC_CHOICE,
        TEMPLATE("{premise:unstop}{question:conjunction}", " {choice1:continue}", " {choice2:continue}"),
        .label_field = {"label"}, .label = {{"0", 0}, {"1", 1}}},
    [TASK_mrpc] = {
        .name = "mrpc", .metric = ZO_METRIC_CLASS,
        .prompt = "Do the following two sentences mean the same thing? Yes or No?\nSentence 1: {sentence1|#1 String}\n"
                  "Sentence 2: {sentence2|#2 String}\n",
        .answer = {" No", " Yes"},
        .words = "Do the following two sentences mean the same thing? Yes or No?\nSentence 1: {sentence1}\n"
                 "Sentence 2: {sentence2}\n[ No| Yes]",
        .label_field = {"label", "Quality"}, .label = {{"0", 0}, {"1", 1}}},
    [TASK_qqp] = {
        .name = "qqp", .metric = ZO_METRIC_CLASS,
        TEMPLATE("Are these two questions asking the same thing? Yes or No?\nQuestion 1: {question1}\n"
                 "Question 2: {question2}\n", " No", " Yes"),
        .label_field = {"label", "is_duplicate"}, .label = {{"0", 0}, {"1", 1}}, .skips = true},
    [TASK_qnli] = { /* the label as it stands: 1, not_entailment, is Yes */
        .name = "qnli", .metric = ZO_METRIC_CLASS,
        TEMPLATE("Does this sentence answer the question? Yes or No?\nQuestion: {question}\nSentence: {sentence}\n",
                 " No", " Yes"),
        .label_field = {"label"}, .label = {{"0", 0}, {"1", 1}, {"entailment", 0}, {"not_entailment", 1}}},
    [TASK_wnli] = {
        .name = "wnli", .metric = ZO_METRIC_CLASS,
        TEMPLATE("Given the first sentence, is the second sentence true? Yes or No?\nSentence 1: {sentence1}\n"
                 "Sentence 2: {sentence2}\n", " No", " Yes"),
        .label_field = {"label"}, .label = {{"0", 0}, {"1", 1}}},
    [TASK_wic] = {
        .name = "wic", .metric = ZO_METRIC_CLASS,
        TEMPLATE("Does the word \"{word}\" have the same meaning in these two sentences? Yes, No?\n{sentence1}\n"
                 "{sentence2}\n", " No", " Yes"),
        .label_field = {"label"}, .label = {{"0", 0}, {"1", 1}, {"false", 0}, {"true", 1}}},
    [TASK_wsc] = { /* the question mark after "refer to" is the authors' */
        .name = "wsc", .metric = ZO_METRIC_CLASS,
        TEMPLATE("{text}\nIn the previous sentence, does the pronoun \"{span2_text|target.span2_text:lower}\" refer to? "
                 "{span1_text|target.span1_text}? Yes or No?", " No", " Yes"),
        .label_field = {"label"}, .label = {{"0", 0}, {"1", 1}, {"false", 0}, {"true", 1}}},
    [TASK_multirc] = {
        .name = "multirc", .metric = ZO_METRIC_CLASS,
        TEMPLATE("{paragraph}\nQuestion: {question}\nI found this answer \"{answer}\". Is that correct? Yes or No?",
                 " No", " Yes"),
        .label_field = {"label"}, .label = {{"0", 0}, {"1", 1}}, .nest = "passage"},
    [TASK_polarity] = {
        .name = "polarity", .metric = ZO_METRIC_CLASS, .generated = true,
        TEMPLATE("{sentence:strip} It was", " terrible", " great"),
        .label_field = {"label"}, .label = {{"0", 0}, {"1", 1}}},
    [TASK_random] = {
        .name = "random", .metric = ZO_METRIC_CLASS, .generated = true, .drawn = true,
        TEMPLATE("ids drawn from the vocabulary", "one id", "another")},
};
/* clang-format on */

const char *zo_metric_name(zo_metric m)
{
    static const char *const names[] = {
        [ZO_METRIC_CLASS] = "accuracy/class",
        [ZO_METRIC_CHOICE] = "accuracy/choice",
    };
    return names[m];
}

const zo_task *zo_task_find(const char *name)
{
    for (int i = 0; i < TASKS; i++)
        if (!strcmp(tasks[i].name, name))
            return &tasks[i];
    return NULL;
}

const char *const *zo_task_names(void)
{
    static const char *const names[TASKS + 1] = {
#define X(name) #name,
        TASK_MAP(X)
#undef X
    };
    return names;
}

zo_metric zo_task_metric(const zo_task *t)
{
    return t->metric;
}

static int32_t choices_of(const zo_task *t)
{
    int32_t n = 0;
    while (n < ZO_TASK_MAX_CHOICES && t->answer[n])
        n++;
    return n;
}

double zo_task_chance(const zo_task *t)
{
    return 1.0 / choices_of(t);
}

const char *zo_task_template(const zo_task *t)
{
    return t->words;
}

/* ---- text under construction ---- */

typedef struct text {
    char *s; /* (cap) */
    size_t n, cap;
    zo_mem *mem;
} text;

static zo_status text_add(text *t, const char *s, size_t n, zo_error *err)
{
    if (n > t->cap - t->n) {
        const size_t cap = 2 * t->cap + n + 1024;
        char *bigger = NULL;
        zo_status st = zo_mem_array(t->mem, ZO_ACCOUNT_DATA, cap, 1, "text of a row", &bigger, err);
        if (st)
            return st;
        if (t->n > 0)
            memcpy(bigger, t->s, t->n);
        zo_mem_free(t->s);
        t->s = bigger;
        t->cap = cap;
    }
    if (n > 0)
        memcpy(t->s + t->n, s, n);
    t->n += n;
    return ZO_OK;
}

static zo_status text_add_char(text *t, char c, zo_error *err)
{
    return text_add(t, &c, 1, err);
}

/* ---- edits: a field's text put into the template in changed form ---- */

static char ascii_upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_space(char c)
{
    return c != 0 && strchr(" \t\n\v\f\r", c);
}

static size_t without_trailing_space(const char *s, size_t n)
{
    while (n > 0 && is_space(s[n - 1]))
        n--;
    return n;
}

/* Without white space at both ends. */
static zo_status edit_strip(text *out, const char *s, size_t n, zo_error *err)
{
    n = without_trailing_space(s, n);
    while (n > 0 && is_space(*s)) {
        s++;
        n--;
    }
    return text_add(out, s, n, err);
}

/* A question: the first letter upper case, exactly one question mark at the end. */
static zo_status edit_ask(text *out, const char *s, size_t n, zo_error *err)
{
    zo_status st = ZO_OK;
    n = without_trailing_space(s, n);
    while (n > 0 && s[n - 1] == '?')
        n = without_trailing_space(s, n - 1);
    if (n > 0)
        st = text_add_char(out, ascii_upper(s[0]), err);
    if (!st && n > 0)
        st = text_add(out, s + 1, n - 1, err);
    return st ? st : text_add_char(out, '?', err);
}

/* A sentence without white space and one full stop at its end, so that it can be continued. */
static zo_status edit_unstop(text *out, const char *s, size_t n, zo_error *err)
{
    n = without_trailing_space(s, n);
    if (n > 0 && s[n - 1] == '.')
        n--;
    return text_add(out, s, n, err);
}

/* What joins a premise to its effect or to its cause. */
static zo_status edit_conjunction(text *out, const char *s, size_t n, zo_error *err)
{
    static const struct {
        const char *value, *word;
    } conjunctions[] = {{"effect", " so"}, {"cause", " because"}};
    for (size_t i = 0; i < sizeof conjunctions / sizeof conjunctions[0]; i++)
        if (n == strlen(conjunctions[i].value) && !memcmp(s, conjunctions[i].value, n))
            return text_add(out, conjunctions[i].word, strlen(conjunctions[i].word), err);
    return zo_fail(err, ZO_ERR_FORMAT, "\"%.40s\" is neither \"effect\" nor \"cause\"", s);
}

/* A sentence as it goes on after a conjunction: the first word, up to the first space, in lower case unless it is
 * "I". As the authors' rule has it, a sentence that begins with a space has an empty first word and stays as it is. */
static zo_status edit_continue(text *out, const char *s, size_t n, zo_error *err)
{
    const char *space = memchr(s, ' ', n);
    const size_t word = space ? (size_t)(space - s) : n;
    const bool keep = word == 1 && s[0] == 'I';
    zo_status st = ZO_OK;
    for (size_t i = 0; i < word && !st; i++)
        st = text_add_char(out, keep ? s[i] : ascii_lower(s[i]), err);
    return st ? st : text_add(out, s + word, n - word, err);
}

static zo_status edit_lower(text *out, const char *s, size_t n, zo_error *err)
{
    zo_status st = ZO_OK;
    for (size_t i = 0; i < n && !st; i++)
        st = text_add_char(out, ascii_lower(s[i]), err);
    return st;
}

static zo_status edit_none(text *out, const char *s, size_t n, zo_error *err)
{
    return text_add(out, s, n, err);
}

static const struct edit {
    const char *name;
    zo_status (*apply)(text *out, const char *s, size_t n, zo_error *err);
} edits[] = {
    {"", edit_none},
    {"strip", edit_strip},
    {"ask", edit_ask},
    {"unstop", edit_unstop},
    {"conjunction", edit_conjunction},
    {"continue", edit_continue},
    {"lower", edit_lower},
};

/* ---- templates ---- */

/* The field that a name of n bytes names, or NULL. A dot leads into a field. */
static const json_t *follow(const json_t *row, const char *name, size_t n)
{
    for (;;) {
        const char *dot = memchr(name, '.', n);
        const size_t bytes = dot ? (size_t)(dot - name) : n;
        char key[64];
        assert(bytes < sizeof key);
        memcpy(key, name, bytes);
        key[bytes] = 0;
        row = json_object_get(row, key);
        if (!dot)
            return row;
        name += bytes + 1;
        n -= bytes + 1;
    }
}

/* The first field of row whose name stands in names (n bytes, "a|b"), which must be a string. */
static zo_status find_field(const json_t *row, const char *names, size_t n, const char **value,
                            size_t *length, zo_error *err)
{
    const char *end = names + n;
    for (const char *name = names; name < end;) {
        const char *bar = memchr(name, '|', (size_t)(end - name));
        const size_t bytes = (size_t)((bar ? bar : end) - name);
        const json_t *field = follow(row, name, bytes);
        if (json_is_string(field)) {
            *value = json_string_value(field);
            *length = json_string_length(field);
            return ZO_OK;
        }
        if (field)
            return zo_fail(err, ZO_ERR_FORMAT, "field \"%.*s\" is not a string", (int)bytes, name);
        name += bytes + 1;
    }
    return zo_fail(err, ZO_ERR_FORMAT, "no field \"%.*s\"", (int)n, names);
}

/* Puts {names:edit}, without its braces, into out. */
static zo_status expand_field(text *out, const char *spec, size_t n, const json_t *row, zo_error *err)
{
    const char *colon = memchr(spec, ':', n);
    const size_t names = colon ? (size_t)(colon - spec) : n;
    const char *edit = colon ? colon + 1 : spec + n;
    const size_t edit_n = (size_t)(spec + n - edit);
    const char *value = NULL;
    size_t length = 0;
    zo_status st = find_field(row, spec, names, &value, &length, err);
    if (st)
        return st;
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        if (strlen(edits[i].name) == edit_n && !memcmp(edits[i].name, edit, edit_n)) {
            st = edits[i].apply(out, value, length, err);
            if (st == ZO_ERR_FORMAT)
                zo_error_context(err, "field \"%.*s\"", (int)names, spec);
            return st;
        }
    }
    assert(!"the table of tasks names an edit that is not in the table of edits");
    return ZO_ERR_INVALID;
}

/* template with its fields filled in, and a NUL, at the end of out. */
static zo_status expand(text *out, const char *template, const json_t *row, zo_error *err)
{
    zo_status st = ZO_OK;
    for (const char *p = template; *p && !st;) {
        const size_t plain = strcspn(p, "{");
        st = text_add(out, p, plain, err);
        p += plain;
        if (*p && !st) {
            const char *close = strchr(p, '}');
            assert(close);
            st = expand_field(out, p + 1, (size_t)(close - p - 1), row, err);
            p = close + 1;
        }
    }
    return st ? st : text_add_char(out, 0, err);
}

static zo_status find_label(const zo_task *t, const json_t *row, int32_t *choice, zo_error *err)
{
    const char *name = t->label_field[0];
    const json_t *field = json_object_get(row, name);
    char number[32];
    if (!field && t->label_field[1]) {
        name = t->label_field[1];
        field = json_object_get(row, name);
    }
    if (!field)
        return zo_fail(err, ZO_ERR_FORMAT, "no field \"%s%s%s\"", t->label_field[0],
                       t->label_field[1] ? "|" : "", t->label_field[1] ? t->label_field[1] : "");
    const char *value =
        json_is_boolean(field) ? json_is_true(field) ? "true" : "false" : json_string_value(field);
    if (json_is_integer(field)) {
        snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(field));
        value = number;
    }
    if (!value)
        return zo_fail(err, ZO_ERR_FORMAT, "field \"%s\" is not an integer, a boolean or a string", name);
    for (size_t i = 0; i < MAX_LABELS && t->label[i].value; i++) {
        if (!strcmp(t->label[i].value, value)) {
            *choice = t->label[i].choice;
            return ZO_OK;
        }
    }
    return zo_fail(err, ZO_ERR_FORMAT, "field \"%s\": unknown label %.40s", name, value);
}

/* ---- rows ---- */

/* Rows under construction; the visitor's context. */
typedef struct collector {
    const zo_task *task;
    zo_mem *mem;
    text scratch;
    zo_row *rows; /* (cap) */
    int32_t count, cap;
    int32_t limit; /* of rows; 0: none */
} collector;

static zo_status more_room(collector *c, zo_error *err)
{
    const int32_t cap = c->cap > INT32_MAX / 2 ? INT32_MAX : c->cap ? 2 * c->cap : 1024;
    zo_row *rows = NULL;
    zo_status st = zo_mem_array(c->mem, ZO_ACCOUNT_DATA, (size_t)cap, sizeof *rows, "rows", &rows, err);
    if (st)
        return st;
    if (c->count > 0)
        memcpy(rows, c->rows, (size_t)c->count * sizeof *rows);
    zo_mem_free(c->rows);
    c->rows = rows;
    c->cap = cap;
    return ZO_OK;
}

/* Appends the row that the task's templates make of fields. */
static zo_status collect_row(collector *c, const json_t *fields, zo_error *err)
{
    const zo_task *t = c->task;
    const int32_t choices = choices_of(t);
    size_t answer[ZO_TASK_MAX_CHOICES];
    zo_status st = ZO_OK;
    if (c->count == c->cap && (st = more_room(c, err)))
        return st;
    zo_row *row = &c->rows[c->count];
    *row = (zo_row){.choices = choices};
    st = find_label(t, fields, &row->label, err);
    c->scratch.n = 0;
    if (!st)
        st = expand(&c->scratch, t->prompt, fields, err);
    for (int32_t i = 0; i < choices && !st; i++) {
        answer[i] = c->scratch.n;
        st = expand(&c->scratch, t->answer[i], fields, err);
    }
    if (!st)
        st = zo_mem_array(c->mem, ZO_ACCOUNT_DATA, c->scratch.n, 1, "text of a row", &row->prompt, err);
    if (st)
        return st;
    memcpy(row->prompt, c->scratch.s, c->scratch.n);
    for (int32_t i = 0; i < choices; i++)
        row->answer[i] = row->prompt + answer[i];
    c->count++;
    return ZO_OK;
}

/* SuperGLUE's own form of MultiRC: a passage with its questions, each with its answers. A row of each answer, as the hub has them. */
static zo_status collect_nested(collector *c, const json_t *passage, zo_error *err)
{
    const json_t *questions = json_object_get(passage, "questions"), *question, *answer;
    zo_status st = ZO_OK;
    size_t i, k;
    if (!json_is_array(questions))
        return zo_fail(err, ZO_ERR_FORMAT, "field \"%s\" has no list \"questions\"", c->task->nest);
    json_array_foreach(questions, i, question)
    {
        const json_t *answers = json_object_get(question, "answers");
        if (!json_is_array(answers))
            return zo_fail(err, ZO_ERR_FORMAT, "question %zu of the passage has no list \"answers\"", i + 1);
        json_array_foreach(answers, k, answer)
        {
            if (c->limit && c->count == c->limit)
                return ZO_OK;
            json_t *row =
                json_pack("{s:O*, s:O*, s:O*, s:O*}", "paragraph", json_object_get(passage, "text"),
                          "question", json_object_get(question, "question"), "answer",
                          json_object_get(answer, "text"), "label", json_object_get(answer, "label"));
            st = row ? collect_row(c, row, err) : zo_fail(err, ZO_ERR_MEMORY, "make a row: out of memory");
            json_decref(row);
            if (st)
                return zo_error_context(err, "question %zu, answer %zu", i + 1, k + 1), st;
        }
    }
    return ZO_OK;
}

/* The rows of a line, or of a generated row. */
static zo_status collect(void *context, const json_t *fields, zo_error *err)
{
    collector *c = context;
    const json_t *nested = c->task->nest ? json_object_get(fields, c->task->nest) : NULL;
    return nested ? collect_nested(c, nested, err) : collect_row(c, fields, err);
}

static zo_status generate(collector *c, zo_split split, int32_t limit, zo_error *err)
{
    const int32_t first = split == ZO_SPLIT_TRAIN ? 0 : ZO_POLARITY_ROWS;
    const int32_t n = limit > 0 && limit < ZO_POLARITY_ROWS ? limit : ZO_POLARITY_ROWS;
    zo_polarity_row *made = NULL;
    zo_status st = zo_mem_array(c->mem, ZO_ACCOUNT_DATA, 2 * ZO_POLARITY_ROWS, sizeof *made, "generated rows",
                                &made, err);
    if (st)
        return st;
    zo_polarity_rows(made);
    for (int32_t i = first; i < first + n && !st; i++) {
        json_t *fields = json_pack("{s:s, s:i}", "sentence", made[i].sentence, "label", (int)made[i].label);
        st = fields ? collect(c, fields, err) : zo_fail(err, ZO_ERR_MEMORY, "make a row: out of memory");
        json_decref(fields);
    }
    zo_mem_free(made);
    return st;
}

/* The first file of the split that is there. */
static zo_status find_file(const zo_task *t, const char *dir, zo_split split, char path[512], zo_error *err)
{
    static const char *const names[][6] = {
        [ZO_SPLIT_TRAIN] = {"train.jsonl", "train.tsv"},
        [ZO_SPLIT_VALIDATION] = {"validation.jsonl", "val.jsonl", "dev.jsonl", "validation.tsv", "dev.tsv"},
    };
    char list[128] = "";
    assert(dir);
    for (const char *const *name = names[split]; *name; name++) {
        if (snprintf(path, 512, "%s/%s/%s", dir, t->name, *name) >= 512)
            return zo_fail(err, ZO_ERR_INVALID, "data folder %.100s...: name too long", dir);
        if (!access(path, F_OK))
            return ZO_OK;
        if (errno != ENOENT && errno != ENOTDIR)
            return zo_fail(err, ZO_ERR_IO, "open %s: %s", path, strerror(errno));
        const size_t n = strlen(list);
        snprintf(list + n, sizeof list - n, "%s%s", n ? ", " : "", *name);
    }
    return zo_fail(err, ZO_ERR_IO, "%s/%s: none of %s is there; scripts/fetch-data %s gets the data", dir,
                   t->name, list, t->name);
}

zo_status zo_task_rows(const zo_task *t, const char *dir, zo_split split, int32_t limit, zo_mem *mem,
                       zo_row **rows, int32_t *count, zo_data_file *file, zo_error *err)
{
    zo_status st = ZO_OK;
    collector c = {.task = t, .mem = mem, .scratch = {.mem = mem}, .limit = limit};
    zo_data_file from = {.path = ""};
    *rows = NULL;
    *count = 0;
    if (limit < 0)
        return zo_fail(err, ZO_ERR_INVALID, "%s: a limit of %d rows is negative", t->name, limit);
    if (t->drawn)
        return zo_fail(err, ZO_ERR_UNSUPPORTED, "%s: its rows are ids, not texts", t->name);
    if (t->generated) {
        st = generate(&c, split, limit, err);
    } else {
        st = find_file(t, dir, split, from.path, err);
        if (!st)
            st = zo_row_file_read(from.path, limit, collect, &c, t->skips ? &from.skipped : NULL, mem, err);
        if (!st && c.count == 0)
            st = zo_fail(err, ZO_ERR_FORMAT, "%s: no rows", from.path);
    }
    zo_mem_free(c.scratch.s);
    if (st) {
        zo_task_rows_free(c.rows, c.count);
        return st;
    }
    *rows = c.rows;
    *count = c.count;
    if (file)
        *file = from;
    return ZO_OK;
}

void zo_task_rows_free(zo_row *rows, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        zo_mem_free(rows[i].prompt);
    zo_mem_free(rows);
}

/* ---- encoding ---- */

/* Ids that grow. */
typedef struct ids {
    int32_t *v; /* (cap) */
    size_t n, cap;
} ids;

static zo_status ids_reserve(ids *a, size_t n, zo_mem *mem, zo_error *err)
{
    if (n <= a->cap)
        return ZO_OK;
    const size_t cap = n + n / 2 + 1024;
    int32_t *bigger = NULL;
    zo_status st = zo_mem_array(mem, ZO_ACCOUNT_DATA, cap, sizeof *bigger, "token ids", &bigger, err);
    if (st)
        return st;
    if (a->n > 0)
        memcpy(bigger, a->v, a->n * sizeof *bigger);
    zo_mem_free(a->v);
    a->v = bigger;
    a->cap = cap;
    return ZO_OK;
}

static zo_status encode_text(const zo_tokenizer *tok, const char *s, size_t n, ids *out, zo_mem *mem,
                             zo_error *err)
{
    for (;;) {
        size_t count = 0;
        zo_status st = zo_tokenizer_encode(tok, s, n, ZO_ENCODE_SPECIAL, out->v, out->cap, &count, err);
        out->n = 0;
        if (st)
            return st;
        if (count <= out->cap) {
            out->n = count;
            return ZO_OK;
        }
        st = ids_reserve(out, count, mem, err);
        if (st)
            return st;
    }
}

/* What encoding keeps from row to row. */
typedef struct encoder {
    const zo_task *task;
    const zo_tokenizer *tok;
    int32_t max_tokens;
    zo_mem *mem;
    ids prompt, full[ZO_TASK_MAX_CHOICES]; /* of the row at hand */
    size_t prompt_n[ZO_TASK_MAX_CHOICES];  /* how many of full are not the answer's */
    text scratch;
    ids all;       /* every sequence of the data set */
    size_t *begin; /* (sequences) where each begins in all */
} encoder;

/* Tokenizes the row's texts whole and finds where the answers begin. */
static zo_status encode_row(encoder *e, const zo_row *row, zo_error *err)
{
    const size_t prompt = strlen(row->prompt);
    size_t stripped = prompt;
    while (stripped > 0 && row->prompt[stripped - 1] == ' ')
        stripped--;
    zo_status st = encode_text(e->tok, row->prompt, stripped, &e->prompt, e->mem, err);
    for (int32_t i = 0; i < row->choices && !st; i++) {
        e->scratch.n = 0;
        st = text_add(&e->scratch, row->prompt, prompt, err);
        if (!st)
            st = text_add(&e->scratch, row->answer[i], strlen(row->answer[i]), err);
        if (!st)
            st = encode_text(e->tok, e->scratch.s, e->scratch.n, &e->full[i], e->mem, err);
        e->prompt_n[i] = e->prompt.n;
    }
    return st;
}

static int32_t sequence_id(const encoder *e, int32_t choice, size_t at)
{
    return at < e->full[choice].n ? e->full[choice].v[at] : -1;
}

/* Makes the choices of a class task share their prompt and differ in the token after it. */
static zo_status align_classes(encoder *e, const zo_row *row, zo_error *err)
{
    size_t shared = 0;
    for (bool same = true; same; shared += same)
        for (int32_t i = 0; i < row->choices; i++)
            same &= sequence_id(e, i, shared) >= 0 && sequence_id(e, i, shared) == sequence_id(e, 0, shared);
    if (shared < e->prompt.n)
        return zo_fail(err, ZO_ERR_INVALID, "the prompt's tokens change with the label word");
    for (int32_t i = 0; i < row->choices; i++) {
        e->prompt_n[i] = shared;
        for (int32_t j = 0; j < i; j++)
            if (sequence_id(e, i, shared) == sequence_id(e, j, shared))
                return zo_fail(err, ZO_ERR_INVALID, "label words \"%s\" and \"%s\" begin with the same token",
                               row->answer[j], row->answer[i]);
    }
    return ZO_OK;
}

/* Cuts the row's sequences to max_tokens and stores them as those of example x. */
static zo_status store_row(encoder *e, const zo_row *row, zo_example *x, size_t *sequence, zo_error *err)
{
    const int32_t bos = zo_tokenizer_bos(e->tok);
    const size_t max = (size_t)e->max_tokens;
    size_t longest = 0;
    for (int32_t i = 0; i < row->choices; i++)
        longest = e->full[i].n > longest ? e->full[i].n : longest;
    *x = (zo_example){.choices = row->choices, .label = row->label};
    for (int32_t i = 0; i < row->choices; i++) {
        const ids *full = &e->full[i];
        const size_t n = e->task->metric == ZO_METRIC_CLASS ? longest : full->n;
        const size_t cut = n > max ? n - max : 0;
        if (full->n <= e->prompt_n[i])
            return zo_fail(err, ZO_ERR_INVALID, "answer \"%s\" has no tokens", row->answer[i]);
        if (e->prompt_n[i] <= cut)
            return zo_fail(err, ZO_ERR_INVALID,
                           "answer \"%.40s\" of %zu tokens leaves no room for a prompt in %zu",
                           row->answer[i], full->n - e->prompt_n[i], max);
        zo_status st = ids_reserve(&e->all, e->all.n + full->n - cut, e->mem, err);
        if (st)
            return st;
        e->begin[(*sequence)++] = e->all.n;
        memcpy(e->all.v + e->all.n, full->v + cut, (full->n - cut) * sizeof *full->v);
        if (bos >= 0 && full->v[0] == bos)
            e->all.v[e->all.n] = bos;
        e->all.n += full->n - cut;
        x->choice[i].n = (int32_t)(full->n - cut);
        x->choice[i].n_labels = (int32_t)(full->n - e->prompt_n[i]);
    }
    return ZO_OK;
}

/* The figures that depend on which examples d has. */
static void measure(zo_dataset *d)
{
    d->longest = d->most_labels = 0;
    for (int32_t i = 0; i < d->count; i++) {
        for (int32_t k = 0; k < d->examples[i].choices; k++) {
            const zo_sequence *s = &d->examples[i].choice[k];
            d->longest = s->n > d->longest ? s->n : d->longest;
            d->most_labels = s->n_labels > d->most_labels ? s->n_labels : d->most_labels;
        }
    }
}

static void encoder_free(encoder *e)
{
    for (int32_t i = 0; i < ZO_TASK_MAX_CHOICES; i++)
        zo_mem_free(e->full[i].v);
    zo_mem_free(e->prompt.v);
    zo_mem_free(e->scratch.s);
    zo_mem_free(e->all.v);
    zo_mem_free(e->begin);
}

zo_status zo_dataset_encode(const zo_task *t, const zo_row *rows, int32_t count, const zo_tokenizer *tok,
                            int32_t max_tokens, zo_mem *mem, zo_dataset **out, zo_error *err)
{
    encoder e = {.task = t, .tok = tok, .mem = mem, .scratch = {.mem = mem}};
    zo_dataset *d = NULL;
    size_t sequence = 0;
    zo_status st = ZO_OK;
    *out = NULL;
    e.max_tokens = max_tokens ? max_tokens : MAX_TOKENS;
    if (count < 0 || e.max_tokens < 2)
        return zo_fail(err, ZO_ERR_INVALID, "encode %d rows of %s to at most %d tokens: needs 2 or more",
                       count, t->name, e.max_tokens);
    if ((st = zo_mem_array(mem, ZO_ACCOUNT_DATA, 1, sizeof *d, "data set", &d, err)) ||
        (st = zo_mem_array(mem, ZO_ACCOUNT_DATA, (size_t)count, sizeof *d->examples, "examples", &d->examples,
                           err)) ||
        (st = zo_mem_array(mem, ZO_ACCOUNT_DATA, (size_t)count * ZO_TASK_MAX_CHOICES, sizeof *e.begin,
                           "sequence starts", &e.begin, err)))
        goto cleanup;
    d->task = t;
    for (; d->count < count; d->count++) {
        const zo_row *row = &rows[d->count];
        st = encode_row(&e, row, err);
        if (!st && t->metric == ZO_METRIC_CLASS)
            st = align_classes(&e, row, err);
        if (!st)
            st = store_row(&e, row, &d->examples[d->count], &sequence, err);
        if (st) {
            zo_error_context(err, "encode row %d of %s", d->count + 1, t->name);
            goto cleanup;
        }
    }
    st = zo_mem_array(mem, ZO_ACCOUNT_DATA, e.all.n, sizeof *d->ids, "token ids", &d->ids, err);
    if (st)
        goto cleanup;
    if (e.all.n > 0)
        memcpy(d->ids, e.all.v, e.all.n * sizeof *d->ids);
    sequence = 0;
    for (int32_t i = 0; i < count; i++)
        for (int32_t k = 0; k < d->examples[i].choices; k++)
            d->examples[i].choice[k].ids = d->ids + e.begin[sequence++];
    measure(d);
    *out = d;
    d = NULL;
cleanup:
    encoder_free(&e);
    zo_dataset_free(d);
    return st;
}

/* A row of the task `random`: id i of a sequence is the same however long it is. The second choice, which lies behind the
 * first, differs in its last id. */
static void draw_row(zo_split split, int32_t row, int32_t n, int32_t vocab, int32_t *v, zo_example *out)
{
    const uint64_t seed = zo_seed_for(1, "random task"), at = (uint64_t)split << 32 | (uint64_t)row;
    const uint64_t V = (uint64_t)vocab;
    const int32_t step = 1 + (int32_t)zo_below(zo_bits(seed, at, 1), V - 1);
    for (int32_t i = 0; i < n; i++)
        v[i] = (int32_t)zo_below(zo_bits(seed, at, 2 + (uint32_t)i), V);
    memcpy(v + n, v, (size_t)n * sizeof *v);
    v[2 * n - 1] = (int32_t)(((int64_t)v[n - 1] + step) % vocab);
    *out = (zo_example){.choice = {{v, n, 1}, {v + n, n, 1}},
                        .choices = 2,
                        .label = (int32_t)zo_below(zo_bits(seed, at, 0), 2)};
}

static zo_status draw_dataset(const zo_task *t, zo_split split, int32_t limit, int32_t vocab, int32_t n,
                              zo_mem *mem, zo_dataset **out, zo_error *err)
{
    const int32_t count = limit > 0 && limit < RANDOM_ROWS ? limit : RANDOM_ROWS;
    zo_dataset *d = NULL;
    if (limit < 0 || n < 2 || vocab < 2)
        return zo_fail(err, ZO_ERR_INVALID, "%s: %d rows of %d tokens from %d: needs 2 or more", t->name,
                       limit, n, vocab);
    zo_status st = zo_mem_array(mem, ZO_ACCOUNT_DATA, 1, sizeof *d, "data set", &d, err);
    if (!st)
        st = zo_mem_array(mem, ZO_ACCOUNT_DATA, (size_t)count, sizeof *d->examples, "examples", &d->examples,
                          err);
    if (!st)
        st = zo_mem_array(mem, ZO_ACCOUNT_DATA, (size_t)count * 2 * (size_t)n, sizeof *d->ids, "token ids",
                          &d->ids, err);
    if (st) {
        zo_dataset_free(d);
        return st;
    }
    d->task = t;
    for (; d->count < count; d->count++)
        draw_row(split, d->count, n, vocab, d->ids + (int64_t)d->count * 2 * n, &d->examples[d->count]);
    measure(d);
    *out = d;
    return ZO_OK;
}

zo_status zo_dataset_load(const zo_task *t, const char *dir, zo_split split, int32_t limit,
                          const zo_tokenizer *tok, int32_t max_tokens, zo_mem *mem, zo_dataset **out,
                          zo_error *err)
{
    zo_row *rows = NULL;
    int32_t count = 0;
    zo_data_file file;
    *out = NULL;
    if (t->drawn)
        return draw_dataset(t, split, limit, zo_tokenizer_vocab(tok), max_tokens ? max_tokens : MAX_TOKENS,
                            mem, out, err);
    zo_status st = zo_task_rows(t, dir, split, limit, mem, &rows, &count, &file, err);
    if (!st)
        st = zo_dataset_encode(t, rows, count, tok, max_tokens, mem, out, err);
    if (!st) {
        memcpy((*out)->path, file.path, sizeof file.path);
        (*out)->skipped = file.skipped;
    }
    zo_task_rows_free(rows, count);
    return st;
}

void zo_dataset_free(zo_dataset *d)
{
    if (!d)
        return;
    zo_mem_free(d->examples);
    zo_mem_free(d->ids);
    zo_mem_free(d);
}

zo_dataset zo_dataset_slice(const zo_dataset *d, int32_t first, int32_t count)
{
    assert(first >= 0 && count >= 0 && first <= d->count - count);
    zo_dataset view = *d;
    view.examples = d->examples + first;
    view.count = count;
    view.ids = NULL; /* not the view's own */
    measure(&view);
    return view;
}

double zo_accuracy_stderr(int64_t right, int64_t n)
{
    if (n < 2)
        return NAN;
    const double p = (double)right / (double)n;
    return sqrt(p * (1 - p) / (double)(n - 1));
}
