/* Tests of llama.c, forward.c and decoder.c: against independent implementations (a float64 NumPy forward of SmolLM2,
 * Hugging Face transformers for small models, llama2.c's text), against each other, and against what may not matter
 * (padding, batch mates, threads). */
#include <math.h>
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/model/llama.h"
#include "core/model/llama_expected.h"
#include "core/model/llama_small.h"
#include "core/kernel/rng.h"
#include "core/format/safetensors.h"
#include "core/text/tokenizer.h"

#define SMOLLM2 "models/smollm2-135m.gguf"
#define PROMPTS (int)(sizeof expected / sizeof expected[0])

static zo_llama *open_model(const char *path, int32_t positions, zo_mem *mem)
{
    zo_error err = {0};
    zo_weights *w = NULL;
    zo_llama *m = NULL;
    if (zo_weights_open(path, mem, &w, &err) || zo_llama_load(w, ZO_PRECISION_F32, positions, mem, &m, &err))
        fail_msg("%s", err.text);
    zo_weights_free(w);
    return m;
}

/* Sequences whose label rows are their positions [first, n): an id that nobody looks at follows each. */
typedef struct probe {
    const int32_t *ids;
    int32_t n, first;
} probe;

typedef struct run {
    zo_batch batch;
    zo_session *session;
    const float *logits; /* (N, sum of n - first, V) */
} run;

#define MAX_PROBES       16
#define MAX_PROBE_TOKENS 256

static run start(const zo_llama *m, const zo_lora *l, const probe *probes, int32_t count, int32_t min_tokens,
                 int32_t pad, int32_t replicas)
{
    static int32_t ids[MAX_PROBES][MAX_PROBE_TOKENS];
    zo_sequence sequences[MAX_PROBES];
    zo_error err = {0};
    run r = {.session = NULL};
    int32_t longest = min_tokens, labels = 0;
    assert_true(count <= MAX_PROBES);
    for (int32_t i = 0; i < count; i++) {
        assert_true(probes[i].n < MAX_PROBE_TOKENS);
        memcpy(ids[i], probes[i].ids, (size_t)probes[i].n * sizeof ids[i][0]);
        ids[i][probes[i].n] = 0;
        sequences[i] = (zo_sequence){ids[i], probes[i].n + 1, probes[i].n - probes[i].first};
        labels += sequences[i].n_labels;
        longest = longest > sequences[i].n ? longest : sequences[i].n;
    }
    int32_t tokens = zo_batch_padded(longest);
    zo_session_limits limits = {.rows = (int64_t)replicas * count * tokens,
                                .tokens = tokens,
                                .labels = (int64_t)replicas * labels,
                                .replicas = replicas,
                                .rank = l ? l->options.rank : 0,
                                .train_a = l && l->options.train_a};
    if (zo_batch_init(&r.batch, count, count * tokens, labels, NULL, &err) ||
        zo_session_new(m, &limits, NULL, &r.session, &err))
        fail_msg("%s", err.text);
    zo_batch_fill(&r.batch, sequences, count, min_tokens, pad);
    assert_int_equal(r.batch.tokens, tokens);
    return r;
}

static void finish(run *r)
{
    zo_session_free(r->session);
    zo_batch_deinit(&r->batch);
}

/* The plain forward of some probes. */
static run forward(const zo_llama *m, const zo_lora *l, const probe *probes, int32_t count,
                   int32_t min_tokens, int32_t pad)
{
    run r = start(m, l, probes, count, min_tokens, pad, 1);
    r.logits = zo_llama_logits(r.session, l, &r.batch, NULL);
    return r;
}

/* The largest difference of n values; NaN where there is one. */
static double distance(const float *a, const float *b, int64_t n)
{
    double worst = 0;
    for (int64_t i = 0; i < n; i++) {
        double d = fabs((double)a[i] - (double)b[i]);
        worst = d > worst || isnan(d) ? d : worst;
    }
    return worst;
}

static void assert_near(const float *a, const float *b, int64_t n, double bound, const char *what)
{
    double worst = distance(a, b, n);
    if (!(worst <= bound))
        fail_msg("%s: largest difference %.3g, expected at most %.3g", what, worst, bound);
}

/* --- SmolLM2 against the NumPy forward --- */

/* Logits reach 35, where one f32 rounding is 4e-6, and 30 layers add theirs: 3e-5 was seen. */
#define SMOLLM2_TOLERANCE 2e-4

static zo_llama *smollm2;

static int open_smollm2(void **state)
{
    (void)state;
    if (access(SMOLLM2, R_OK) == 0)
        smollm2 = open_model(SMOLLM2, 64, NULL);
    return 0;
}

static int close_smollm2(void **state)
{
    (void)state;
    zo_llama_free(smollm2);
    return 0;
}

static void need_smollm2(void)
{
    if (!smollm2) {
        printf("skip: no " SMOLLM2 "\n");
        skip();
    }
}

static double logsumexp(const float *x, int32_t n)
{
    double top = x[zo_argmax(x, n)], sum = 0;
    for (int32_t i = 0; i < n; i++)
        sum += exp(x[i] - top);
    return top + log(sum);
}

static void assert_expected(const float *logits, const int32_t *selected, const double *want, int32_t argmax,
                            double lse, int prompt, const char *where)
{
    int32_t vocab = smollm2->config.vocab;
    for (int i = 0; i < EXPECTED_SELECTED; i++)
        if (!(fabs(logits[selected[i]] - want[i]) <= SMOLLM2_TOLERANCE))
            fail_msg("prompt %d, %s, id %d: logit %.6f, expected %.6f", prompt, where, selected[i],
                     logits[selected[i]], want[i]);
    if (zo_argmax(logits, vocab) != argmax)
        fail_msg("prompt %d, %s: argmax %d, expected %d", prompt, where, zo_argmax(logits, vocab), argmax);
    if (!(fabs(logsumexp(logits, vocab) - lse) <= SMOLLM2_TOLERANCE))
        fail_msg("prompt %d, %s: logsumexp %.6f, expected %.6f", prompt, where, logsumexp(logits, vocab),
                 lse);
}

/* logits of positions middle .. n - 1 */
static void assert_prompt(const float *logits, int p)
{
    const expected_logits *e = &expected[p];
    const float *last = logits + (int64_t)(e->n - 1 - e->middle) * smollm2->config.vocab;
    assert_expected(logits, e->selected, e->middle_logits, e->middle_argmax, e->middle_logsumexp, p,
                    "middle");
    assert_expected(last, e->selected, e->last, e->last_argmax, e->last_logsumexp, p, "last");
}

static void smollm2_one_prompt_at_a_time(void **state)
{
    (void)state;
    need_smollm2();
    for (int p = 0; p < PROMPTS; p++) {
        run r = forward(smollm2, NULL, &(probe){expected[p].ids, expected[p].n, expected[p].middle}, 1, 0, 2);
        assert_prompt(r.logits, p);
        finish(&r);
    }
}

static void smollm2_all_prompts_in_one_batch(void **state)
{
    probe probes[PROMPTS];
    (void)state;
    need_smollm2();
    for (int p = 0; p < PROMPTS; p++)
        probes[p] = (probe){expected[p].ids, expected[p].n, expected[p].middle};
    run r = forward(smollm2, NULL, probes, PROMPTS, 0, 2);
    const float *logits = r.logits;
    for (int p = 0; p < PROMPTS; p++) {
        assert_prompt(logits, p);
        logits += (int64_t)(expected[p].n - expected[p].middle) * smollm2->config.vocab;
    }
    finish(&r);
}

static void smollm2_decoder(void **state)
{
    zo_error err = {0};
    zo_decoder *d = NULL;
    const float *logits;
    (void)state;
    need_smollm2();
    if (zo_decoder_new(smollm2, NULL, ZO_COMPUTE_F32, 64, NULL, &d, &err))
        fail_msg("%s", err.text);
    for (int p = 0; p < 6; p++) {
        const expected_logits *e = &expected[p];
        zo_decoder_reset(d);
        if (zo_decoder_feed(d, e->ids, e->middle + 1, &logits, &err))
            fail_msg("%s", err.text);
        assert_expected(logits, e->selected, e->middle_logits, e->middle_argmax, e->middle_logsumexp, p,
                        "decoder, middle");
        if (e->n > e->middle + 1 &&
            zo_decoder_feed(d, e->ids + e->middle + 1, e->n - e->middle - 1, &logits, &err))
            fail_msg("%s", err.text);
        assert_expected(logits, e->selected, e->last, e->last_argmax, e->last_logsumexp, p, "decoder, last");
    }
    zo_decoder_free(d);
}

/* A model that overflows has no likeliest token: an error, and no logits. */
static void logits_that_are_no_numbers(void **state)
{
    static const float bad[] = {NAN, INFINITY};
    const int32_t id = 5;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        zo_llama *m = open_model("synth:tiny", 64, NULL);
        zo_error err = {0};
        zo_decoder *d = NULL;
        const float *logits = NULL;
        assert_int_equal(zo_decoder_new(m, NULL, ZO_COMPUTE_F32, 8, NULL, &d, &err), ZO_OK);
        assert_int_equal(zo_decoder_feed(d, &id, 1, &logits, &err), ZO_OK);
        m->final_norm[3] = bad[i];
        assert_int_equal(zo_decoder_feed(d, &id, 1, &logits, &err), ZO_ERR_NUMERIC);
        assert_non_null(strstr(err.text, "the logit of token 0 is "));
        zo_decoder_free(d);
        zo_llama_free(m);
    }
}

/* --- small models against transformers --- */

/* As scripts/reference_transformers.py makes them: SHAPE, the formula of the weights, the order of the tensors. */
typedef struct small_model {
    char dir[200], config[256], weights[256];
    zo_st_tensor list[32];
    char names[32][96];
    size_t count;
} small_model;

static float *formula(size_t t, size_t n, int is_norm)
{
    float *w = malloc(n * sizeof *w);
    assert_non_null(w);
    for (size_t j = 0; j < n; j++) {
        uint32_t x = (uint32_t)j + 65537u * (uint32_t)t;
        x = (x ^ (x >> 16)) * 0x45d9f3bu;
        x = (x ^ (x >> 16)) * 0x45d9f3bu;
        float v = (float)((x ^ (x >> 16)) >> 12) * 0x1p-19f - 1.0f;
        w[j] = (is_norm ? 1.0f : 0.0f) + v / 4;
    }
    return w;
}

static void add_tensor(small_model *s, int64_t rows, int64_t cols, const char *name)
{
    size_t t = s->count++;
    assert_true(t < 32);
    snprintf(s->names[t], sizeof s->names[t], "%s", name);
    s->list[t] =
        (zo_st_tensor){.name = s->names[t],
                       .dtype = "F32",
                       .rank = cols ? 2 : 1,
                       .shape = {rows, cols},
                       .data = formula(t, (size_t)(rows * (cols ? cols : 1)), strstr(name, "norm") != NULL),
                       .bytes = (size_t)(rows * (cols ? cols : 1)) * sizeof(float)};
}

static void add_layer(small_model *s, int layer, int bias)
{
    static const struct {
        const char *name;
        int rows, cols, is_bias;
    } tensors[] = {
        {"input_layernorm.weight", 24, 0, 0},   {"self_attn.q_proj.weight", 0, 24, 0},
        {"self_attn.k_proj.weight", -1, 24, 0}, {"self_attn.v_proj.weight", -1, 24, 0},
        {"self_attn.o_proj.weight", 24, 0, 2},  {"mlp.gate_proj.weight", 36, 24, 0},
        {"mlp.up_proj.weight", 36, 24, 0},      {"mlp.down_proj.weight", 24, 36, 0},
        {"self_attn.q_proj.bias", 0, 0, 1},     {"self_attn.k_proj.bias", -1, 0, 1},
        {"self_attn.v_proj.bias", -1, 0, 1},    {"post_attention_layernorm.weight", 24, 0, 0},
    };
    /* Six heads and two key-value heads; head size 8 for llama3, 24 / 6 = 4 for qwen2. */
    int head_dim = bias ? 4 : 8;
    for (size_t i = 0; i < sizeof tensors / sizeof tensors[0]; i++) {
        char name[96];
        int rows = tensors[i].rows == 0    ? 6 * head_dim
                   : tensors[i].rows == -1 ? 2 * head_dim
                                           : tensors[i].rows;
        int cols = tensors[i].is_bias == 2 ? 6 * head_dim : tensors[i].cols;
        if (tensors[i].is_bias == 1 && !bias)
            continue;
        snprintf(name, sizeof name, "model.layers.%d.%s", layer, tensors[i].name);
        add_tensor(s, rows, cols, name);
    }
}

static void write_small(small_model *s, const char *config, int bias)
{
    const char *tmp = getenv("TMPDIR");
    zo_error err = {0};
    memset(s, 0, sizeof *s);
    snprintf(s->dir, sizeof s->dir, "%s/llama_test.XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(s->dir));
    snprintf(s->config, sizeof s->config, "%s/config.json", s->dir);
    snprintf(s->weights, sizeof s->weights, "%s/model.safetensors", s->dir);
    FILE *f = fopen(s->config, "wb");
    assert_non_null(f);
    assert_true(fputs(config, f) >= 0);
    assert_int_equal(fclose(f), 0);
    add_tensor(s, SMALL_VOCAB, 24, "model.embed_tokens.weight");
    add_layer(s, 0, bias);
    add_layer(s, 1, bias);
    add_tensor(s, 24, 0, "model.norm.weight");
    if (!bias)
        add_tensor(s, SMALL_VOCAB, 24, "lm_head.weight");
    if (zo_safetensors_write(s->weights, s->list, s->count, NULL, 0, &err))
        fail_msg("%s", err.text);
}

static void remove_small(small_model *s)
{
    for (size_t i = 0; i < s->count; i++)
        free((void *)s->list[i].data);
    unlink(s->config);
    unlink(s->weights);
    assert_int_equal(rmdir(s->dir), 0);
}

#define SHAPE                                                                                                \
    "\"vocab_size\": 40, \"hidden_size\": 24, \"intermediate_size\": 36, \"num_hidden_layers\": 2, "         \
    "\"num_attention_heads\": 6, \"num_key_value_heads\": 2, \"max_position_embeddings\": 128, "             \
    "\"hidden_act\": \"silu\""

static void small_models_as_transformers_runs_them(void **state)
{
    static const struct {
        const char *name, *config;
        int bias;
        const double (*want)[SMALL_VOCAB];
    } cases[] = {
        {"llama3",
         "{\"model_type\": \"llama\", " SHAPE
         ", \"head_dim\": 8, \"rms_norm_eps\": 1e-5, \"rope_theta\": 500.0,"
         " \"tie_word_embeddings\": false, \"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8.0,"
         " \"low_freq_factor\": 1.0, \"high_freq_factor\": 4.0, \"original_max_position_embeddings\": 32}}",
         0, small_llama3},
        {"qwen2",
         "{\"model_type\": \"qwen2\", " SHAPE ", \"rms_norm_eps\": 1e-6, \"rope_theta\": 1000000.0,"
         " \"tie_word_embeddings\": true}",
         1, small_qwen2},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static small_model s;
        int32_t ids[SMALL_TOKENS];
        double worst = 0;
        write_small(&s, cases[i].config, cases[i].bias);
        zo_llama *m = open_model(s.dir, 64, NULL);
        for (int t = 0; t < SMALL_TOKENS; t++)
            ids[t] = (7 * t + 3) % SMALL_VOCAB;
        run r = forward(m, NULL, &(probe){ids, SMALL_TOKENS, 0}, 1, 0, 0);
        for (int row = 0; row < SMALL_ROWS; row++)
            for (int v = 0; v < SMALL_VOCAB; v++)
                worst =
                    fmax(worst, fabs(r.logits[small_rows[row] * SMALL_VOCAB + v] - cases[i].want[row][v]));
        /* Logits of size 1 through two layers: a few f32 roundings, and the table's six digits. */
        if (!(worst <= 1e-5))
            fail_msg("%s: largest difference %.3g, expected at most 1e-5", cases[i].name, worst);
        finish(&r);
        zo_llama_free(m);
        remove_small(&s);
    }
}

/* --- what must not matter --- */

static void random_ids(int32_t *ids, int32_t n, int32_t vocab, uint64_t seed)
{
    for (int32_t i = 0; i < n; i++)
        ids[i] = (int32_t)zo_below(zo_bits(seed, (uint64_t)i, 0), (uint64_t)vocab);
}

/* Amount of padding, the padding token and the other sequences of a batch. */
static void padding_and_batch_mates_change_nothing(void **state)
{
    enum { N = 19, MATES = 5 };
    int32_t ids[MATES + 1][64];
    probe probes[MATES + 1];
    zo_llama *m = open_model("synth:tiny", 64, NULL);
    int64_t values = (int64_t)N * m->config.vocab;
    (void)state;
    for (int i = 0; i <= MATES; i++) {
        random_ids(ids[i], 64, m->config.vocab, (uint64_t)i);
        probes[i] = (probe){ids[i], i == 3 ? N : 5 + 9 * i, i == 3 ? 0 : 2};
    }
    run alone = forward(m, NULL, &probes[3], 1, 0, 0);
    for (int32_t min_tokens = 0; min_tokens <= 64; min_tokens += 8) {
        run padded = forward(m, NULL, &probes[3], 1, min_tokens, 0);
        run other = forward(m, NULL, &probes[3], 1, min_tokens, 77);
        assert_memory_equal(padded.logits, alone.logits, (size_t)values * sizeof(float));
        assert_memory_equal(padded.logits, other.logits, (size_t)values * sizeof(float));
        finish(&other);
        finish(&padded);
    }
    run together = forward(m, NULL, probes, MATES + 1, 0, 7);
    const float *mine = together.logits;
    for (int i = 0; i < 3; i++)
        mine += (int64_t)(probes[i].n - probes[i].first) * m->config.vocab;
    assert_memory_equal(mine, alone.logits, (size_t)values * sizeof(float));
    finish(&together);
    finish(&alone);
    zo_llama_free(m);
}

static void later_tokens_change_nothing(void **state)
{
    int32_t ids[40];
    zo_llama *m = open_model("synth:tiny", 64, NULL);
    (void)state;
    random_ids(ids, 40, m->config.vocab, 1);
    run a = forward(m, NULL, &(probe){ids, 40, 0}, 1, 0, 0);
    ids[25] = (ids[25] + 1) % m->config.vocab;
    run b = forward(m, NULL, &(probe){ids, 40, 0}, 1, 0, 0);
    assert_memory_equal(a.logits, b.logits, (size_t)(25 * m->config.vocab) * sizeof(float));
    assert_true(distance(a.logits + 25 * m->config.vocab, b.logits + 25 * m->config.vocab, m->config.vocab) >
                1e-2);
    finish(&b);
    finish(&a);
    zo_llama_free(m);
}

static void threads_change_nothing(void **state)
{
    int32_t ids[8][40];
    probe probes[8];
    int before = omp_get_max_threads();
    zo_llama *m = open_model("synth:tiny", 64, NULL);
    (void)state;
    for (int i = 0; i < 8; i++) {
        random_ids(ids[i], 40, m->config.vocab, (uint64_t)i);
        probes[i] = (probe){ids[i], 40 - i, 30};
    }
    omp_set_num_threads(1);
    run one = forward(m, NULL, probes, 8, 0, 0);
    for (int threads = 2; threads <= 5; threads++) {
        omp_set_num_threads(threads);
        run many = forward(m, NULL, probes, 8, 0, 0);
        assert_memory_equal(many.logits, one.logits,
                            (size_t)one.batch.labels * (size_t)m->config.vocab * sizeof(float));
        finish(&many);
    }
    omp_set_num_threads(before);
    finish(&one);
    zo_llama_free(m);
}

/* --- adapters --- */

static zo_lora *new_adapter(const zo_llama *m, uint32_t targets, bool train_a)
{
    zo_lora_options o = {.rank = 4, .alpha = 12, .targets = targets, .train_a = train_a, .seed = 3};
    zo_error err = {0};
    zo_lora *l = NULL;
    if (zo_lora_new(&m->config, &o, NULL, &l, &err))
        fail_msg("%s", err.text);
    for (int64_t i = 0; i < (int64_t)l->layers * ZO_TARGET_COUNT; i++)
        if (l->pairs[i].b) {
            int64_t n = l->pairs[i].out * 4;
            zo_normals((zo_noise_at){.seed = 4, .tensor = l->pairs[i].tensor_b}, 0, n, l->pairs[i].b);
            for (int64_t j = 0; j < n; j++)
                l->pairs[i].b[j] *= 0.1f;
        }
    return l;
}

/* W += (alpha / R) Bw A, in double. */
static void merge(zo_llama *m, const zo_lora *l)
{
    for (int32_t layer = 0; layer < l->layers; layer++)
        for (int t = 0; t < ZO_TARGET_COUNT; t++) {
            const zo_lora_pair *p = zo_lora_at(l, layer, (zo_target)t);
            float *w = (float *)m->layers[layer].linear[t].w.values; /* the model's own */
            for (int64_t o = 0; p->b && o < p->out; o++)
                for (int64_t i = 0; i < p->in; i++) {
                    double sum = 0;
                    for (int r = 0; r < l->options.rank; r++)
                        sum += (double)p->b[o * l->options.rank + r] * (double)p->a[r * p->in + i];
                    w[o * p->in + i] = (float)(w[o * p->in + i] + l->options.alpha / l->options.rank * sum);
                }
        }
}

static void adapter_equals_merged_weights(void **state)
{
    static const uint32_t targets[] = {ZO_TARGETS_ALL, 1u << ZO_TARGET_Q | 1u << ZO_TARGET_V,
                                       1u << ZO_TARGET_K, 1u << ZO_TARGET_O | 1u << ZO_TARGET_UP,
                                       1u << ZO_TARGET_DOWN};
    enum { N = 21 };
    int32_t ids[N];
    (void)state;
    for (size_t i = 0; i < 2 * sizeof targets / sizeof targets[0]; i++) {
        zo_llama *m = open_model("synth:tiny", 64, NULL);
        zo_lora *l = new_adapter(m, targets[i / 2], i % 2);
        int64_t values = (int64_t)N * m->config.vocab;
        zo_decoder *d = NULL;
        zo_error err = {0};
        const float *step;
        random_ids(ids, N, m->config.vocab, i);
        run plain = forward(m, NULL, &(probe){ids, N, 0}, 1, 0, 0);
        run adapted = forward(m, l, &(probe){ids, N, 0}, 1, 0, 0);
        assert_true(distance(adapted.logits, plain.logits, values) > 1e-2); /* the adapter does something */
        if (zo_decoder_new(m, l, ZO_COMPUTE_F32, N, NULL, &d, &err) ||
            zo_decoder_feed(d, ids, N, &step, &err))
            fail_msg("%s", err.text);
        merge(m, l);
        run merged = forward(m, NULL, &(probe){ids, N, 0}, 1, 0, 0);
        /* Logits of size 1; merged weights are rounded to f32 once more. */
        assert_near(adapted.logits, merged.logits, values, 2e-5, "adapter against merged weights");
        assert_near(step, merged.logits + values - m->config.vocab, m->config.vocab, 2e-5,
                    "decoder with adapter");
        zo_decoder_free(d);
        finish(&merged);
        finish(&adapted);
        finish(&plain);
        zo_lora_free(l);
        zo_llama_free(m);
    }
}

/* Each of N replicas in one forward equals a forward of its own with the parameters moved by hand. */
static void replicas_equal_moved_adapters(void **state)
{
    static const zo_replica replicas[] = {{1, 0}, {-1, 0}, {0, 0}, {1, 5}, {-1, 2}};
    enum { N = 13, REPLICAS = sizeof replicas / sizeof replicas[0] };
    zo_llama *m = open_model("synth:tiny", 64, NULL);
    int32_t ids[2][N + 3];
    probe probes[2] = {{ids[0], N, 8}, {ids[1], N + 3, 8}};
    (void)state;
    random_ids(ids[0], N + 3, m->config.vocab, 1);
    random_ids(ids[1], N + 3, m->config.vocab, 2);
    for (int train_a = 0; train_a < 2; train_a++) {
        zo_perturbation p = {.seed = 8, .step = 3, .eps = 0.05, .count = REPLICAS, .replicas = replicas};
        zo_lora *l = new_adapter(m, ZO_TARGETS_ALL, train_a);
        run all = start(m, l, probes, 2, 0, 0, REPLICAS);
        all.logits = zo_llama_logits(all.session, l, &all.batch, &p);
        int64_t values = (int64_t)all.batch.labels * m->config.vocab;
        for (int r = 0; r < REPLICAS; r++) {
            zo_lora *moved = new_adapter(m, ZO_TARGETS_ALL, train_a);
            for (int64_t i = 0; i < (int64_t)l->layers * ZO_TARGET_COUNT; i++)
                for (int half = 0; half <= train_a; half++) {
                    const zo_lora_pair *pair = &moved->pairs[i];
                    int64_t n = (half ? pair->in : pair->out) * 4;
                    float *x = half ? pair->a : pair->b, z[800];
                    assert_true(n <= 800);
                    zo_normals((zo_noise_at){8, 3, replicas[r].query, half ? pair->tensor_a : pair->tensor_b},
                               0, n, z);
                    for (int64_t j = 0; j < n; j++)
                        x[j] += (float)(replicas[r].sign * p.eps) * z[j];
                }
            run one = forward(m, moved, probes, 2, 0, 0);
            assert_near(all.logits + r * values, one.logits, values, 2e-5, "replica");
            finish(&one);
            zo_lora_free(moved);
        }
        finish(&all);
        zo_lora_free(l);
    }
    zo_llama_free(m);
}

static void losses_are_the_cross_entropy_of_the_logits(void **state)
{
    enum { N = 17 };
    int32_t ids[N];
    zo_llama *m = open_model("synth:tiny", 64, NULL);
    zo_error err = {0};
    double loss, want = 0;
    (void)state;
    random_ids(ids, N, m->config.vocab, 6);
    run r = forward(m, NULL, &(probe){ids, N, 0}, 1, 0, 0);
    for (int i = 0; i < N; i++) {
        const float *row = r.logits + (int64_t)i * m->config.vocab;
        want += (logsumexp(row, m->config.vocab) - row[i + 1 < N ? ids[i + 1] : 0]) / N;
    }
    if (zo_llama_losses(r.session, NULL, &r.batch, NULL, &loss, &err))
        fail_msg("%s", err.text);
    /* The same f32 logits, both sums in double. */
    if (!(fabs(loss - want) <= 1e-9 * want))
        fail_msg("loss %.12g, expected %.12g", loss, want);

    m->final_norm[5] = NAN;
    assert_int_equal(zo_llama_losses(r.session, NULL, &r.batch, NULL, &loss, &err), ZO_ERR_NUMERIC);
    assert_non_null(strstr(err.text, "loss of replica 0"));
    assert_true(isnan(loss));
    finish(&r);
    zo_llama_free(m);
}

/* --- decoding --- */

/* One token at a time, several at once, and the whole sequence give the same bits at every position; N lies beyond two of
 * the blocks of rows that attend together (forward.c), behind padding. */
static void decoder_equals_full_forward(void **state)
{
    enum { N = 150 };
    int32_t ids[N];
    zo_llama *m = open_model("synth:tiny", N + 10, NULL);
    int32_t vocab = m->config.vocab;
    zo_error err = {0};
    zo_decoder *d = NULL;
    const float *logits;
    (void)state;
    random_ids(ids, N, vocab, 2);
    run r = forward(m, NULL, &(probe){ids, N, 0}, 1, N + 10, 0);
    if (zo_decoder_new(m, NULL, ZO_COMPUTE_F32, N, NULL, &d, &err))
        fail_msg("%s", err.text);
    for (int chunk = 1; chunk <= N; chunk += 30) {
        zo_decoder_reset(d);
        for (int at = 0; at < N; at += chunk) {
            int n = chunk < N - at ? chunk : N - at;
            if (zo_decoder_feed(d, ids + at, n, &logits, &err))
                fail_msg("%s", err.text);
            assert_memory_equal(logits, r.logits + (int64_t)(at + n - 1) * vocab,
                                (size_t)vocab * sizeof *logits);
        }
    }
    assert_int_equal(zo_decoder_feed(d, ids, 1, &logits, &err), ZO_ERR_INVALID); /* full */
    assert_non_null(strstr(err.text, "cache of 150"));
    zo_decoder_reset(d);
    err = (zo_error){0};
    assert_int_equal(zo_decoder_feed(d, &vocab, 1, &logits, &err), ZO_ERR_INVALID);
    assert_non_null(strstr(err.text, "outside the vocabulary"));
    assert_int_equal(zo_decoder_feed(d, &(int32_t){-1}, 1, &logits, NULL), ZO_ERR_INVALID);
    assert_int_equal(zo_decoder_feed(d, ids, 0, &logits, NULL), ZO_ERR_INVALID);
    assert_int_equal(zo_decoder_feed(d, ids, N, &logits, NULL), ZO_OK); /* refusals took no room */
    zo_decoder_free(d);
    finish(&r);
    zo_llama_free(m);
}

/* The whole of expected_greedy.txt, or NULL with a word on why not. Source: llama2.c's own test (data/README.md). */
static char *expected_story(const char *data)
{
    char path[500];
    snprintf(path, sizeof path, "%s/stories260k/expected_greedy.txt", data);
    FILE *f = fopen(path, "rb");
    char *text = calloc(1, 4096);
    if (!f || !text) {
        printf("skip: no %s\n", path);
        free(text);
        return NULL;
    }
    assert_in_range(fread(text, 1, 4095, f), 1, 4094);
    fclose(f);
    return text;
}

/* llama2.c's model, turned into GGUF, tells llama2.c's story: 200 tokens at temperature 0. */
static void stories260k_tells_its_story(void **state)
{
    enum { STEPS = 200 };
    const char *data = getenv("ZOBENCH_TEST_DATA"), *tmp = getenv("TMPDIR");
    char dir[200], gguf[256], command[2000], text[4096];
    (void)state;
    data = data ? data : "../shared/data";
    char *want = expected_story(data);
    if (!want)
        skip();
    snprintf(dir, sizeof dir, "%s/llama_test.XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(dir));
    snprintf(gguf, sizeof gguf, "%s/stories260k.gguf", dir);
    snprintf(command, sizeof command,
             "python3 scripts/llama2c_to_gguf.py '%s/stories260k/stories260K.bin' "
             "'%s/stories260k/tok512.bin' '%s'",
             data, data, gguf);
    assert_int_equal(system(command), 0);

    zo_error err = {0};
    zo_llama *m = open_model(gguf, STEPS, NULL);
    zo_tokenizer *t = NULL;
    zo_decoder *d = NULL;
    const float *logits;
    int32_t ids[STEPS + 1];
    size_t n = 0, bytes;
    if (zo_tokenizer_open(gguf, NULL, &t, &err) ||
        zo_decoder_new(m, NULL, ZO_COMPUTE_F32, STEPS, NULL, &d, &err))
        fail_msg("%s", err.text);
    ids[0] = zo_tokenizer_bos(t);
    assert_int_equal(ids[0], 1);
    while (n < STEPS) {
        if (zo_decoder_feed(d, ids + n, 1, &logits, &err))
            fail_msg("%s", err.text);
        int32_t next = zo_argmax(logits, m->config.vocab);
        if (next == ids[0]) /* run.c ends a story at the next BOS */
            break;
        ids[++n] = next;
    }
    if (zo_tokenizer_decode(t, ids, n + 1, false, text, sizeof text - 1, &bytes, &err))
        fail_msg("%s", err.text);
    assert_in_range(bytes, 1, sizeof text - 1);
    text[bytes] = '\0';
    assert_string_equal(text, want);
    zo_decoder_free(d);
    zo_tokenizer_free(t);
    zo_llama_free(m);
    unlink(gguf);
    assert_int_equal(rmdir(dir), 0);
    free(want);
}

static void argmax_is_the_first_of_equals(void **state)
{
    (void)state;
    assert_int_equal(zo_argmax((const float[]){3}, 1), 0);
    assert_int_equal(zo_argmax((const float[]){-3, -1, -2, -1}, 4), 1);
    assert_int_equal(zo_argmax((const float[]){0, 5, -INFINITY, 7}, 4), 3);
}

/* --- sizes and failures --- */

static void every_parameter_is_listed_once(void **state)
{
    zo_llama *m = open_model("synth:tiny", 20, NULL);
    const float *next = m->storage;
    (void)state;
    for (int32_t i = 0; i < zo_llama_tensors(m); i++) {
        int64_t n;
        uint32_t tensor;
        assert_ptr_equal(zo_llama_tensor(m, i, &n, &tensor), next);
        assert_int_equal(tensor, 2 * 7 * m->config.layers + i);
        assert_true(n > 0);
        next += n;
    }
    assert_int_equal(next - m->storage, zo_llama_trainable(m));
    assert_int_equal(zo_llama_trainable(m), zo_config_params(&m->config));
    assert_true(m->positions >= 20);
    zo_llama_free(m);
}

static void accounts_hold_what_was_planned(void **state)
{
    zo_mem mem = {0};
    zo_error err = {0};
    zo_weights *w = NULL;
    zo_llama *m = NULL;
    zo_session *s = NULL;
    zo_session_limits limits = {.rows = 128, .tokens = 32, .labels = 12, .replicas = 4, .rank = 8};
    (void)state;
    if (zo_weights_open("synth:tiny", NULL, &w, &err) ||
        zo_llama_load(w, ZO_PRECISION_F32, 64, &mem, &m, &err) || zo_session_new(m, &limits, &mem, &s, &err))
        fail_msg("%s", err.text);
    assert_int_equal(atomic_load(&mem.peak[ZO_ACCOUNT_WEIGHTS]),
                     zo_llama_weight_bytes(w, ZO_PRECISION_F32, 64).held);
    assert_int_equal(atomic_load(&mem.peak[ZO_ACCOUNT_ACTIVATIONS]),
                     zo_session_bytes(&m->config, &limits, omp_get_max_threads()));
    zo_session_free(s);
    zo_llama_free(m);
    for (int a = 0; a < ZO_ACCOUNT_COUNT; a++)
        assert_int_equal(atomic_load(&mem.now[a]), 0);
    assert_int_equal(zo_llama_load(w, ZO_PRECISION_F32, 0, &mem, &m, &err), ZO_ERR_INVALID);
    assert_null(m);
    zo_weights_free(w);
}

static void every_allocation_may_fail(void **state)
{
    zo_weights *w = NULL;
    zo_error none = {0};
    (void)state;
    if (zo_weights_open("synth:tiny", NULL, &w, &none))
        fail_msg("%s", none.text);
    for (long k = 1;; k++) {
        zo_mem mem = {.fail_after = k};
        zo_error err = {0};
        zo_llama *m = NULL;
        zo_session *s = NULL;
        zo_decoder *d = NULL;
        zo_session_limits limits = {.rows = 16, .tokens = 16, .labels = 2, .replicas = 1, .rank = 2};
        zo_status st = zo_llama_load(w, ZO_PRECISION_F32, 16, &mem, &m, &err);
        if (!st)
            st = zo_session_new(m, &limits, &mem, &s, &err);
        if (!st)
            st = zo_decoder_new(m, NULL, ZO_COMPUTE_F32, 16, &mem, &d, &err);
        zo_decoder_free(d);
        zo_session_free(s);
        zo_llama_free(m);
        for (int a = 0; a < ZO_ACCOUNT_COUNT; a++)
            assert_int_equal(atomic_load(&mem.now[a]), 0);
        if (!st) {
            assert_true(k > 20);
            break;
        }
        assert_int_equal(st, ZO_ERR_MEMORY);
        assert_non_null(strstr(err.text, "out of memory"));
    }
    zo_weights_free(w);
}

static void sessions_refuse_what_does_not_fit(void **state)
{
    static const zo_session_limits bad[] = {
        {.rows = 0, .tokens = 8, .replicas = 1},
        {.rows = 8, .tokens = 0, .replicas = 1},
        {.rows = 80, .tokens = 72, .replicas = 1},
        {.rows = 8, .tokens = 8, .replicas = 0},
        {.rows = 8, .tokens = 8, .replicas = 1, .rank = -1},
        {.rows = 8, .tokens = 8, .replicas = 1, .labels = -1},
    };
    zo_llama *m = open_model("synth:tiny", 64, NULL);
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        zo_session *s = NULL;
        assert_int_equal(zo_session_new(m, &bad[i], NULL, &s, NULL), ZO_ERR_INVALID);
        assert_null(s);
    }
    zo_decoder *d = NULL;
    assert_int_equal(zo_decoder_new(m, NULL, ZO_COMPUTE_F32, 0, NULL, &d, NULL), ZO_ERR_INVALID);
    assert_int_equal(zo_decoder_new(m, NULL, ZO_COMPUTE_F32, 65, NULL, &d, NULL), ZO_ERR_INVALID);
    zo_llama_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(smollm2_one_prompt_at_a_time),
        cmocka_unit_test(smollm2_all_prompts_in_one_batch),
        cmocka_unit_test(smollm2_decoder),
        cmocka_unit_test(logits_that_are_no_numbers),
        cmocka_unit_test(small_models_as_transformers_runs_them),
        cmocka_unit_test(padding_and_batch_mates_change_nothing),
        cmocka_unit_test(later_tokens_change_nothing),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(adapter_equals_merged_weights),
        cmocka_unit_test(replicas_equal_moved_adapters),
        cmocka_unit_test(losses_are_the_cross_entropy_of_the_logits),
        cmocka_unit_test(decoder_equals_full_forward),
        cmocka_unit_test(stories260k_tells_its_story),
        cmocka_unit_test(argmax_is_the_first_of_equals),
        cmocka_unit_test(every_parameter_is_listed_once),
        cmocka_unit_test(accounts_hold_what_was_planned),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(sessions_refuse_what_does_not_fit),
    };
    return cmocka_run_group_tests_name("llama", tests, open_smollm2, close_smollm2);
}
