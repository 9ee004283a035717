/* See params.h. */
#include "bench/manifest/params.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bench/machine/binding.h"
#include "bench/base/sha256.h"
#include "core/kernel/rng.h"

/* ---- the table ---- */

static const char *task_word(int i)
{
    return zo_task_names()[i];
}

#define WORDS(function, count, name_of)                                                                      \
    static const char *function(int i)                                                                       \
    {                                                                                                        \
        return i < count ? name_of(i) : NULL;                                                                \
    }
WORDS(method_word, ZO_METHOD_COUNT, zo_method_name)
WORDS(peft_word, ZO_PEFT_COUNT, zo_peft_name)
WORDS(target_word, ZO_TARGET_COUNT, zo_target_name)
WORDS(parallel_word, ZO_PARALLEL_COUNT, zo_parallel_name)
WORDS(weights_word, ZO_PRECISION_COUNT, zo_precision_name)
WORDS(compute_word, ZO_COMPUTE_COUNT, zo_compute_name)

const char *bench_backend_name(int backend)
{
#define X(name, text) #text,
    static const char *const names[] = {BENCH_BACKEND_MAP(X)};
#undef X
    return backend >= 0 && backend < BENCH_BACKEND_COUNT ? names[backend] : NULL;
}

#define AT(field)                .offset = offsetof(bench_params, field), .size = sizeof(((bench_params *)0)->field)
#define INT(field, def, lo, hi)  .type = BENCH_INT, AT(field), .fallback = def, .low = lo, .high = hi
#define REAL(field, def, lo, hi) .type = BENCH_REAL, AT(field), .fallback = def, .low = lo, .high = hi
#define STRING(field, def)       .type = BENCH_STRING, AT(field), .fallback = def
#define WORD(field, def, words)  .type = BENCH_WORD, AT(field), .fallback = def, .word = words
#define NULLABLE(value)          .nullable = true, .null_value = value

#define MOST_ROWS 2147483647.0 /* of anything counted in int32_t */

/* clang-format off */
const bench_option bench_options[] = {
    {"model", STRING(model, "\"smollm2-135m\""), .help = "a name under models/, a path, or synth:NAME"},
    {"task", STRING(task, "\"sst2\""), .word = task_word, .help = "data set with its template and metric"},
    {"data", STRING(data, "null"), NULLABLE(0), .help = "folder of data sets; null: $ZOBENCH_DATA or ./data"},
    {"train_rows", INT(train_rows, "1000", 0, MOST_ROWS), .help = "first rows of the training split; 0: all"},
    {"eval_rows", INT(eval_rows, "1000", 0, MOST_ROWS), .untimed = true, .help = "first rows of the validation split; 0: all"},
    {"holdout", INT(holdout, "0", 0, MOST_ROWS), .help = "evaluate on the last so many training rows instead, and do not train on them"},
    {"method", WORD(method, "\"prge\"", method_word), .help = "how parameters are trained"},
    {"peft", WORD(peft, "\"lora-fa\"", peft_word), .help = "what is trained"},
    {"rank", INT(rank, "16", 1, 1024), .help = "of the adapter's matrices"},
    {"alpha", REAL(alpha, "32", 1e-6, 1e6), .help = "the adapter's output is scaled by alpha / rank"},
    {"targets", .type = BENCH_FLAGS, AT(targets), .fallback = "\"all\"", .word = target_word, .help = "linear maps that get an adapter: \"all\" or a list"},
    {"queries", INT(queries, "4", 1, ZO_MAX_QUERIES), .help = "directions sampled per step (q)"},
    {"batch", INT(batch, "4", 1, 4096), .help = "sequences that each query sees (B)"},
    {"seq_len", INT(seq_len, "null", 8, 131072), NULLABLE(0), .help = "tokens per sequence, padded and cut to it; null: the longest of the batch"},
    {"max_tokens", INT(max_tokens, "512", 8, 131072), .help = "longer sequences are cut on the left to this"},
    {"parallel", WORD(parallel, "\"both\"", parallel_word), .help = "replicas in one forward; follows the method (prge: both, others: none) unless set"},
    {"weights", WORD(weights, "\"f32\"", weights_word), .help = "precision of the frozen weights"},
    {"compute", WORD(compute, "\"f32\"", compute_word), .later = true, .help = "what products with frozen weights are made in; int8 is for int8 and nf4 weights"},
    {"eps", REAL(eps, "0.01", 1e-10, 1e3), .untimed = true, .help = "distance of a perturbation, in units of its noise"},
    {"lr", REAL(lr, "5e-5", 0, 1e3), .untimed = true, .help = "learning rate"},
    {"steps", INT(steps, "20", 0, MOST_ROWS), .untimed = true, .help = "training steps; follows the method (zero-shot: 0) unless set"},
    {"eval_every", INT(eval_every, "0", 0, MOST_ROWS), NULLABLE(-1), .untimed = true, .help = "steps between evaluations; 0: before and after training; null: none"},
    {"checkpoint_every", INT(checkpoint_every, "0", 0, MOST_ROWS), .untimed = true, .help = "steps between checkpoints; 0: none"},
    {"numerics", INT(numerics, "0", 0, 1000), .untimed = true, .later = true, .help = "batches on which rounding is measured after the last step, outside of all times and memory; 0: none"},
    {"adapter", STRING(adapter, "null"), NULLABLE(0), .untimed = true, .help = "PEFT folder to start from; null: a new adapter"},
    {"seed", INT(seed, "42", 0, 9007199254740991.0), .untimed = true, .help = "of noise, data order and adapter"},
    {"threads", INT(threads, "0", 0, 4096), .help = "0: all cores"},
    {"bind", WORD(bind, "\"cores\"", bench_bind_name), .launched = true, .later = true, .help = "threads to cores of one NUMA node, to cores of all nodes in turn (spread), or none"},
    {"backend", WORD(backend, "\"native\"", bench_backend_name), .launched = true, .later = true, .help = "who computes: this program's own kernels; the same with frozen maps by OpenBLAS; or nobody (fixed losses, to try the harness)"},
    {"blas_kernel", STRING(blas_kernel, "null"), NULLABLE(0), .launched = true, .later = true, .help = "OpenBLAS's kernels, by core type; \"auto\": the fastest that are right; null: OpenBLAS's own choice"},
    {0},
};
/* clang-format on */

enum { OPTION_COUNT = sizeof bench_options / sizeof bench_options[0] - 1 };
_Static_assert(OPTION_COUNT <= 64, "the rows that were set are counted in a 64-bit word");

const bench_option *bench_option_find(const char *name)
{
    for (const bench_option *o = bench_options; o->name; o++)
        if (strcmp(o->name, name) == 0)
            return o;
    return NULL;
}

const bench_option *bench_option_seed(void)
{
    return bench_option_find("seed");
}

bool bench_option_is_number(const bench_option *o)
{
    return o->type == BENCH_INT || o->type == BENCH_REAL;
}

uint64_t bench_option_bit(const bench_option *o)
{
    return UINT64_C(1) << (o - bench_options);
}

/* ---- did you mean ---- */

enum { MOST_LETTERS = 48 };

static int fold(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : (unsigned char)c;
}

/* Letters to insert, delete, replace or swap with their neighbour to get from a to b (optimal string alignment).
 * Neither is longer than MOST_LETTERS. */
static int distance(const char *a, const char *b)
{
    int n = (int)strlen(a), m = (int)strlen(b);
    int d[3][MOST_LETTERS + 1]; /* row i of the table at d[i % 3] */
    for (int j = 0; j <= m; j++)
        d[0][j] = j;
    for (int i = 1; i <= n; i++) {
        int *row = d[i % 3], *above = d[(i + 2) % 3], *above2 = d[(i + 1) % 3];
        row[0] = i;
        for (int j = 1; j <= m; j++) {
            int best = above[j - 1] + (fold(a[i - 1]) != fold(b[j - 1]));
            if (above[j] + 1 < best)
                best = above[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) && fold(a[i - 2]) == fold(b[j - 1]) &&
                above2[j - 2] + 1 < best)
                best = above2[j - 2] + 1;
            row[j] = best;
        }
    }
    return d[n % 3][m];
}

typedef struct nearest {
    const char *word, *best;
    int limit; /* the largest distance that still counts as near */
} nearest;

static nearest nearest_begin(const char *word)
{
    size_t n = strlen(word);
    int limit = n < 8 ? 1 : n < 12 ? 2 : 3; /* include is not near to exclude */
    return (nearest){word, NULL, n == 0 || n > MOST_LETTERS ? -1 : limit};
}

static void nearest_try(nearest *s, const char *candidate)
{
    if (s->limit < 0 || strlen(candidate) > MOST_LETTERS)
        return;
    int d = distance(s->word, candidate);
    if (d <= s->limit) { /* the first of equals: from here on only what is nearer */
        s->best = candidate;
        s->limit = d - 1;
    }
}

const char *bench_nearest(const char *word, const void *names, size_t stride)
{
    nearest s = nearest_begin(word);
    for (const char *row = names, *name; (name = *(const char *const *)row); row += stride)
        nearest_try(&s, name);
    return s.best;
}

const char *bench_option_nearest(const char *word)
{
    return bench_nearest(word, &bench_options[0].name, sizeof bench_options[0]);
}

static const char *word_nearest(const char *word, const bench_option *o)
{
    nearest s = nearest_begin(word);
    for (int i = 0; o->word(i); i++)
        nearest_try(&s, o->word(i));
    return s.best;
}

const char *bench_did_you_mean(const char *near, char out[BENCH_DID_YOU_MEAN_BYTES])
{
    out[0] = '\0';
    if (near)
        snprintf(out, BENCH_DID_YOU_MEAN_BYTES, "; did you mean \"%s\"?", near);
    return out;
}

/* ---- values as text ---- */

const char *bench_real_text(double value, char out[32])
{
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(out, 32, "%.*g", digits, value);
        if (strtod(out, NULL) == value)
            break;
    }
    return out;
}

const char *bench_value_text(const json_t *value, char *out, size_t cap)
{
    char number[32];
    char *text = NULL;
    if (!json_is_real(value))
        text =
            json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15));
    const char *whole = text                  ? text
                        : json_is_real(value) ? bench_real_text(json_real_value(value), number)
                                              : "this";
    if ((size_t)snprintf(out, cap, "%s", whole) >= cap && cap > 3)
        memcpy(out + cap - 4, "...", 4);
    free(text);
    return out;
}

/* ---- setting a field ---- */

enum { SHOWN = 64 }; /* bytes of an offending value that a message repeats */

/* "a, b, c" of the allowed words. */
static void list_words(const bench_option *o, char *out, size_t cap)
{
    size_t n = 0;
    out[0] = '\0';
    for (int i = 0; o->word(i) && n < cap; i++)
        n += (size_t)snprintf(out + n, cap - n, "%s%s", i ? ", " : "", o->word(i));
}

static zo_status fail_word(const bench_option *o, const json_t *value, zo_error *err)
{
    char words[256], shown[SHOWN];
    list_words(o, words, sizeof words);
    const char *near = json_is_string(value) ? word_nearest(json_string_value(value), o) : NULL;
    return zo_fail(err, ZO_ERR_INVALID, "must be %s%s, not %s%s", o->word(1) ? "one of " : "", words,
                   bench_value_text(value, shown, sizeof shown), BENCH_DID_YOU_MEAN(near));
}

static zo_status set_int(const bench_option *o, const json_t *value, int64_t *field, zo_error *err)
{
    double number = json_is_number(value) ? json_number_value(value) : NAN;
    if (!(number >= o->low && number <= o->high) || number != floor(number)) {
        char shown[SHOWN];
        return zo_fail(err, ZO_ERR_INVALID, "must be a whole number from %.0f to %.0f%s, not %s", o->low,
                       o->high, o->nullable ? " or null" : "", bench_value_text(value, shown, sizeof shown));
    }
    *field = json_is_integer(value) ? json_integer_value(value) : (int64_t)number;
    return ZO_OK;
}

static zo_status set_real(const bench_option *o, const json_t *value, double *field, zo_error *err)
{
    double number = json_is_number(value) ? json_number_value(value) : NAN;
    if (!(number >= o->low && number <= o->high)) {
        char shown[SHOWN];
        return zo_fail(err, ZO_ERR_INVALID, "must be a number from %g to %g, not %s", o->low, o->high,
                       bench_value_text(value, shown, sizeof shown));
    }
    *field = number + 0.0; /* -0 becomes 0 */
    return ZO_OK;
}

static int find_word(const bench_option *o, const json_t *value)
{
    const char *word = json_string_value(value);
    for (int i = 0; word && o->word(i); i++)
        if (strcmp(o->word(i), word) == 0)
            return i;
    return -1;
}

static zo_status set_string(const bench_option *o, const json_t *value, char *field, zo_error *err)
{
    char shown[SHOWN];
    const char *text = json_string_value(value);
    if (o->word && find_word(o, value) < 0)
        return fail_word(o, value, err);
    if (!text || !*text)
        return zo_fail(err, ZO_ERR_INVALID, "must be a text%s, not %s", o->nullable ? " or null" : "",
                       bench_value_text(value, shown, sizeof shown));
    if (strlen(text) >= o->size)
        return zo_fail(err, ZO_ERR_INVALID, "must be a text of at most %zu bytes, not of %zu", o->size - 1,
                       strlen(text));
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < 32 || *c == 127)
            return zo_fail(err, ZO_ERR_INVALID, "must not hold control characters: %s",
                           bench_value_text(value, shown, sizeof shown));
    snprintf(field, o->size, "%s", text);
    return ZO_OK;
}

static uint32_t all_flags(const bench_option *o)
{
    uint32_t all = 0;
    for (int i = 0; o->word(i); i++)
        all |= 1u << i;
    return all;
}

static zo_status set_flags(const bench_option *o, const json_t *value, uint32_t *field, zo_error *err)
{
    uint32_t flags = 0;
    size_t i;
    json_t *element;
    char shown[SHOWN], words[256];
    list_words(o, words, sizeof words);
    if (json_is_string(value) && strcmp(json_string_value(value), "all") == 0) {
        *field = all_flags(o);
        return ZO_OK;
    }
    if (!json_is_array(value) || json_array_size(value) == 0)
        return zo_fail(err, ZO_ERR_INVALID, "must be \"all\" or a list of %s, not %s", words,
                       bench_value_text(value, shown, sizeof shown));
    json_array_foreach(value, i, element)
    {
        int at = find_word(o, element);
        if (at < 0) {
            (void)fail_word(o, element, err);
            return zo_error_context(err, "an element of the list"), ZO_ERR_INVALID;
        }
        if (flags >> at & 1)
            return zo_fail(err, ZO_ERR_INVALID, "names %s twice", o->word(at));
        flags |= 1u << at;
    }
    *field = flags;
    return ZO_OK;
}

static void *field_of(const bench_params *p, const bench_option *o)
{
    return (char *)p + o->offset;
}

zo_status bench_params_set(bench_params *p, const bench_option *o, const json_t *value, zo_error *err)
{
    void *field = field_of(p, o);
    if (json_is_null(value) && o->nullable) {
        if (o->type == BENCH_STRING)
            *(char *)field = '\0';
        else
            *(int64_t *)field = o->null_value;
        return ZO_OK;
    }
    int word;
    switch (o->type) {
    case BENCH_INT:
        return set_int(o, value, field, err);
    case BENCH_REAL:
        return set_real(o, value, field, err);
    case BENCH_STRING:
        return set_string(o, value, field, err);
    case BENCH_FLAGS:
        return set_flags(o, value, field, err);
    case BENCH_WORD:
        word = find_word(o, value);
        if (word < 0)
            return fail_word(o, value, err);
        *(int *)field = word;
        return ZO_OK;
    }
    return zo_fail(err, ZO_ERR_INVALID, "has no type");
}

void bench_params_unset(bench_params *p, const bench_option *o)
{
    json_t *value = json_loads(o->fallback, JSON_DECODE_ANY, NULL);
    zo_status st = bench_params_set(p, o, value, NULL);
    assert(st == ZO_OK);
    (void)st;
    json_decref(value);
}

zo_status bench_params_take(bench_params *p, const bench_option *o, const json_t *value, bool *unset,
                            zo_error *err)
{
    *unset = json_is_null(value) && !o->nullable;
    if (!*unset)
        return bench_params_set(p, o, value, err);
    bench_params_unset(p, o);
    return ZO_OK;
}

void bench_params_default(bench_params *p)
{
    memset(p, 0, sizeof *p);
    for (const bench_option *o = bench_options; o->name; o++)
        bench_params_unset(p, o);
}

/* ---- what follows from the method, and what contradicts it ---- */

void bench_params_follow(bench_params *p, uint64_t given)
{
    if (!(given & bench_option_bit(bench_option_find("parallel"))))
        p->parallel = (int)zo_estimator_of((zo_method)p->method)->parallel;
    if (!(given & bench_option_bit(bench_option_find("steps"))) && p->method == ZO_METHOD_ZERO_SHOT)
        p->steps = 0;
}

int64_t bench_params_cut(const bench_params *p)
{
    return p->seq_len && p->seq_len < p->max_tokens ? p->seq_len : p->max_tokens;
}

int64_t bench_params_longest(const bench_params *p)
{
    return p->seq_len ? p->seq_len : p->max_tokens;
}

/* Rows of one forward are counted in int32_t. */
static zo_status check_size(const bench_params *p, zo_error *err)
{
    int64_t replicas = zo_estimator_count(zo_estimator_of((zo_method)p->method), (zo_parallel)p->parallel,
                                          false, (int32_t)p->queries)
                           .replicas;
    int64_t tokens = bench_params_longest(p);
    if (replicas * p->batch * tokens > INT32_MAX)
        return zo_fail(
            err, ZO_ERR_INVALID,
            "one forward would hold %lld sequences (%lld replicas x batch %lld) of up to %lld tokens, more "
            "than 2^31 rows",
            (long long)(replicas * p->batch), (long long)replicas, (long long)p->batch, (long long)tokens);
    return ZO_OK;
}

static zo_status check_rows(const bench_params *p, zo_error *err)
{
    if (p->method == ZO_METHOD_ZERO_SHOT || p->train_rows == 0)
        return ZO_OK;
    if (p->holdout >= p->train_rows)
        return zo_fail(err, ZO_ERR_INVALID, "holdout %lld leaves none of train_rows %lld to train on",
                       (long long)p->holdout, (long long)p->train_rows);
    if (p->batch > p->train_rows - p->holdout)
        return zo_fail(err, ZO_ERR_INVALID, "batch %lld is more than the %lld rows to train on",
                       (long long)p->batch, (long long)(p->train_rows - p->holdout));
    return ZO_OK;
}

/* Why a backend cannot run such a cell; NULL: it can. */
static const char *openblas_refuses(const bench_params *p)
{
    if (p->compute != ZO_COMPUTE_F32)
        return "multiplies in f32: compute must be f32";
    return p->numerics ? "is not what rounding is measured of: numerics must be 0" : NULL;
}

static const char *null_refuses(const bench_params *p)
{
    if (*p->adapter || p->checkpoint_every)
        return "has no parameters: adapter must be null and checkpoint_every 0";
    return p->numerics ? "computes nothing: numerics must be 0" : NULL;
}

static zo_status check_backend(const bench_params *p, zo_error *err)
{
    static const char *(*const refuses[])(const bench_params *) = {
        [BENCH_BACKEND_OPENBLAS] = openblas_refuses, [BENCH_BACKEND_NULL] = null_refuses};
    const char *why = refuses[p->backend] ? refuses[p->backend](p) : NULL;
    if (why)
        return zo_fail(err, ZO_ERR_INVALID, "backend %s %s", bench_backend_name(p->backend), why);
    if (*p->blas_kernel && p->backend != BENCH_BACKEND_OPENBLAS)
        return zo_fail(
            err, ZO_ERR_INVALID,
            "blas_kernel is for backend openblas: with %s, which multiplies by itself, it must be null",
            bench_backend_name(p->backend));
    return ZO_OK;
}

/* "mezo or rge": the methods with steps that batch replicas, or those that do not. Returns out. */
static const char *methods_that(bool batch, char out[128])
{
    int n = 0;
    out[0] = '\0';
    for (int m = 0; m < ZO_METHOD_COUNT && n < 128; m++) {
        const zo_estimator *e = zo_estimator_of((zo_method)m);
        if (e->losses && zo_estimator_batches(e) == batch)
            n += snprintf(out + n, 128 - (size_t)n, "%s%s", n ? " or " : "", e->name);
    }
    return out;
}

static zo_status check_method(const bench_params *p, zo_error *err)
{
    const zo_estimator *method = zo_estimator_of((zo_method)p->method);
    const bool batches = zo_estimator_batches(method);
    char list[32], names[128];
    if (!(method->parallels >> p->parallel & 1))
        return zo_fail(err, ZO_ERR_INVALID, "method %s%s: parallel must be %s, not %s (%s batches replicas)",
                       method->name, batches ? "" : " runs one replica at a time",
                       zo_parallel_list(method->parallels, list), zo_parallel_name((zo_parallel)p->parallel),
                       methods_that(true, names));
    if (p->peft == ZO_PEFT_FULL && batches)
        return zo_fail(err, ZO_ERR_INVALID,
                       "method %s batches replicas of an adapter: peft full needs method %s", method->name,
                       methods_that(false, names));
    return ZO_OK;
}

zo_status bench_params_check(const bench_params *p, zo_error *err)
{
    zo_status st;
    if (p->method == ZO_METHOD_ZERO_SHOT) {
        if (p->steps != 0)
            return zo_fail(err, ZO_ERR_INVALID, "method zero-shot trains nothing: steps must be 0, not %lld",
                           (long long)p->steps);
        if (p->eval_every == -1)
            return zo_fail(err, ZO_ERR_INVALID,
                           "method zero-shot only evaluates: eval_every must not be null");
    }
    st = check_method(p, err);
    if (st)
        return st;
    if (p->peft == ZO_PEFT_FULL && *p->adapter)
        return zo_fail(err, ZO_ERR_INVALID, "peft full trains no adapter: adapter must be null");
    if (p->peft == ZO_PEFT_FULL && p->weights != ZO_PRECISION_F32)
        return zo_fail(err, ZO_ERR_INVALID,
                       "peft full trains the weights themselves: weights must be f32, not %s",
                       zo_precision_name((zo_precision)p->weights));
    if (p->compute == ZO_COMPUTE_INT8 && p->weights != ZO_PRECISION_INT8 && p->weights != ZO_PRECISION_NF4)
        return zo_fail(err, ZO_ERR_INVALID,
                       "compute int8 multiplies weights of 8 and 4 bits: weights must be int8 or nf4, not %s",
                       zo_precision_name((zo_precision)p->weights));
    if (p->peft == ZO_PEFT_FULL && p->checkpoint_every)
        return zo_fail(err, ZO_ERR_INVALID, "peft full has no adapter to save: checkpoint_every must be 0");
    if (p->numerics && (p->steps == 0 || p->peft == ZO_PEFT_FULL))
        return zo_fail(err, ZO_ERR_INVALID, "numerics must be 0 %s",
                       p->steps == 0 ? "where nothing is trained"
                                     : "with peft full: an adapter's are measured");
    st = check_backend(p, err);
    if (!st)
        st = check_rows(p, err);
    return st ? st : check_size(p, err);
}

/* ---- comparing ---- */

bool bench_params_same(const bench_params *a, const bench_params *b, const bench_option *o)
{
    if (o->type == BENCH_STRING)
        return strcmp(field_of(a, o), field_of(b, o)) == 0;
    return memcmp(field_of(a, o), field_of(b, o), o->size) == 0;
}

bool bench_value_is_list(const bench_option *o, const json_t *value)
{
    size_t i;
    json_t *element;
    if (!json_is_array(value) || o->type != BENCH_FLAGS)
        return json_is_array(value);
    json_array_foreach(value, i, element) if (!json_is_string(element) ||
                                              strcmp(json_string_value(element), "all") == 0) return true;
    return false;
}

bool bench_params_trains(const bench_params *p)
{
    return p->method != ZO_METHOD_ZERO_SHOT && p->steps > 0;
}

bool bench_params_evaluates(const bench_params *p)
{
    return p->eval_every >= 0;
}

int64_t bench_params_evaluations(const bench_params *p)
{
    if (!bench_params_evaluates(p))
        return 0;
    if (!bench_params_trains(p))
        return 1;
    return 2 + (p->eval_every ? (p->steps - 1) / p->eval_every : 0);
}

bool bench_params_adapts(const bench_params *p)
{
    return *p->adapter || (bench_params_trains(p) && p->peft != ZO_PEFT_FULL);
}

zo_lora_options bench_params_lora(const bench_params *p)
{
    return (zo_lora_options){.rank = (int32_t)p->rank,
                             .alpha = p->alpha,
                             .targets = p->targets,
                             .train_a = p->peft == ZO_PEFT_LORA,
                             .seed = zo_seed_for((uint64_t)p->seed, "adapter init")};
}

/* ---- to JSON and back ---- */

/* One field in its manifest form: new reference. */
static json_t *get(const bench_params *p, const bench_option *o)
{
    const void *field = field_of(p, o);
    switch (o->type) {
    case BENCH_INT:
        if (o->nullable && *(const int64_t *)field == o->null_value)
            return json_null();
        return json_integer(*(const int64_t *)field);
    case BENCH_REAL:
        return json_real(*(const double *)field);
    case BENCH_STRING:
        return *(const char *)field ? json_string(field) : json_null();
    case BENCH_WORD:
        return json_string(o->word(*(const int *)field));
    case BENCH_FLAGS:
        break;
    }
    uint32_t flags = *(const uint32_t *)field;
    if (flags == all_flags(o))
        return json_string("all");
    json_t *list = json_array();
    for (int i = 0; o->word(i); i++)
        if (flags >> i & 1)
            json_array_append_new(list, json_string(o->word(i)));
    return list;
}

const char *bench_params_text(const bench_params *p, const bench_option *o, char *out, size_t cap)
{
    json_t *value = get(p, o);
    if (json_is_string(value))
        snprintf(out, cap, "%s", json_string_value(value));
    else
        bench_value_text(value, out, cap);
    json_decref(value);
    return out;
}

void bench_params_list(const bench_params *p, uint64_t which, char *out, size_t cap)
{
    size_t n = 0;
    char text[80];
    out[0] = '\0';
    for (const bench_option *o = bench_options; o->name && n < cap; o++)
        if (which & bench_option_bit(o))
            n += (size_t)snprintf(out + n, cap - n, "%s%s=%s", n ? " " : "", o->name,
                                  bench_params_text(p, o, text, sizeof text));
}

json_t *bench_params_to_json(const bench_params *p)
{
    json_t *object = json_object();
    for (const bench_option *o = bench_options; o->name; o++)
        json_object_set_new(object, o->name, get(p, o));
    return object;
}

zo_status bench_params_from_json(bench_params *p, const json_t *object, zo_error *err)
{
    const char *key;
    json_t *value;
    bench_params_default(p);
    if (!json_is_object(object))
        return zo_fail(err, ZO_ERR_FORMAT, "parameters: must be an object");
    json_object_foreach((json_t *)object, key, value)
    {
        const bench_option *o = bench_option_find(key);
        if (!o)
            return zo_fail(err, ZO_ERR_FORMAT, "parameters: \"%.64s\" is not a known key%s", key,
                           BENCH_DID_YOU_MEAN(bench_option_nearest(key)));
        if (bench_params_set(p, o, value, err))
            return zo_error_context(err, "parameters: \"%s\"", key), ZO_ERR_FORMAT;
    }
    return ZO_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const bench_option *const *)a)->name, (*(const bench_option *const *)b)->name);
}

static bool at_default(const bench_params *p, const bench_option *o)
{
    bench_params scratch;
    bench_params_unset(&scratch, o);
    return bench_params_same(p, &scratch, o);
}

void bench_params_id(const bench_params *p, char id[13])
{
    const bench_option *sorted[OPTION_COUNT];
    char *text = NULL, hex[BENCH_SHA256_HEX], number[32];
    size_t bytes = 0;
    for (int i = 0; i < OPTION_COUNT; i++)
        sorted[i] = &bench_options[i];
    qsort(sorted, OPTION_COUNT, sizeof sorted[0], by_name);
    FILE *f = open_memstream(&text, &bytes);
    assert(f); /* a few hundred bytes */
    for (int i = 0, written = 0; i < OPTION_COUNT; i++) {
        if (sorted[i]->later && at_default(p, sorted[i]))
            continue;
        json_t *value = get(p, sorted[i]);
        fprintf(f, "%c\"%s\":", written++ ? ',' : '{', sorted[i]->name);
        if (json_is_real(value))
            fputs(bench_real_text(json_real_value(value), number), f);
        else
            json_dumpf(value, f, JSON_ENCODE_ANY | JSON_COMPACT);
        json_decref(value);
    }
    fputc('}', f);
    fclose(f);
    bench_sha256(text, bytes, hex);
    free(text);
    memcpy(id, hex, 12);
    id[12] = '\0';
}
