/* Tests of reference.c: weights of every precision. A model in some precision gives the loss of the f32 model that holds its
 * decoded values, to the last bit; and those are near the ones that the file holds. */
#include "core/model/reference.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/model/llama_expected.h"
#include "core/text/tokenizer.h"

#define SMOLLM2 "models/smollm2-135m.gguf"

static zo_llama *load(const char *path, zo_precision p)
{
    zo_weights *w;
    zo_llama *m = NULL;
    zo_error err = {0};
    if (zo_weights_open(path, NULL, &w, &err) || zo_llama_load(w, p, 64, NULL, &m, &err))
        fail_msg("%s", err.text);
    zo_weights_free(w);
    return m;
}

/* Root mean square error over root mean square value of a matrix, at most. f16 and bf16: the largest of one value. int8:
 * uniform rounding errors of 1/127 of the row's largest value, up to 12 root mean squares of it (1 / (127 sqrt 12) times
 * 12 is 0.027; normal rows have 4). nf4: what normal blocks have, 0.092 with quantized absmax, and a quarter more. */
static const double most_error[ZO_PRECISION_COUNT] = {0, 1.0 / 2048, 1.0 / 256, 0.027, 0.115};

/* The values of m, decoded into the twin's, which has the same in f32. */
static void decode_matrix(const zo_matrix *m, const zo_matrix *twin)
{
    float *to = (float *)twin->values; /* the model's own */
    int64_t n = m->out * m->in;
    double error = 0, square = 0;
    float *x = malloc((size_t)n * sizeof *x);
    assert_non_null(x);
    zo_precision_decode_rows(m, 0, m->out, x);
    for (int64_t k = 0; k < n; k++) {
        error += ((double)x[k] - (double)to[k]) * ((double)x[k] - (double)to[k]);
        square += (double)to[k] * (double)to[k];
    }
    if (!(sqrt(error / square) <= most_error[m->precision]))
        fail_msg("%lld x %lld in %s: relative error %.4f", (long long)m->out, (long long)m->in,
                 zo_precision_name(m->precision), sqrt(error / square));
    memcpy(to, x, (size_t)n * sizeof *x);
    free(x);
}

static void decode_into(const zo_llama *m, const zo_llama *twin)
{
    decode_matrix(&m->embedding, &twin->embedding);
    if (!m->config.tied)
        decode_matrix(&m->head, &twin->head);
    for (int32_t i = 0; i < m->config.layers; i++)
        for (int t = 0; t < ZO_TARGET_COUNT; t++)
            decode_matrix(&m->layers[i].linear[t].w, &twin->layers[i].linear[t].w);
}

/* Mean cross-entropy of ids[n - labels .. n) after what comes before each. */
static double loss_of(const zo_llama *m, const int32_t *ids, int32_t n, int32_t labels)
{
    zo_batch batch;
    zo_error err = {0};
    zo_sequence sequence = {ids, n, labels};
    double loss;
    if (zo_batch_init(&batch, 1, zo_batch_padded(n), labels, NULL, &err))
        fail_msg("%s", err.text);
    zo_batch_fill(&batch, &sequence, 1, 0, 0);
    if (zo_reference_loss(m, NULL, &batch, 0, 0, (zo_replica){0, 0}, 0, &loss, &err))
        fail_msg("%s", err.text);
    zo_batch_deinit(&batch);
    return loss;
}

/* In every stride-th precision, f32 first. */
static void check_model(const char *path, int stride, const int32_t *ids, int32_t n, int32_t labels)
{
    double plain = 0;
    for (int p = ZO_PRECISION_F32; p < ZO_PRECISION_COUNT; p += stride) {
        zo_llama *m = load(path, (zo_precision)p), *twin = load(path, ZO_PRECISION_F32);
        decode_into(m, twin);
        double loss = loss_of(m, ids, n, labels), same = loss_of(twin, ids, n, labels);
        if (loss != same)
            fail_msg("%s in %s: loss %.17g, of the decoded values %.17g", path,
                     zo_precision_name((zo_precision)p), loss, same);
        plain = p == ZO_PRECISION_F32 ? loss : plain;
        assert_true(p == ZO_PRECISION_F32 || loss != plain); /* another model it is */
        zo_llama_free(m);
        zo_llama_free(twin);
    }
}

static void synth_tiny(void **state)
{
    static const int32_t ids[] = {1, 100, 7, 300, 511, 42, 42, 9};
    (void)state;
    check_model("synth:tiny", 1, ids, 8, 4);
}

static void smollm2(void **state)
{
    (void)state;
    if (access(SMOLLM2, R_OK) != 0) {
        printf("skip: no " SMOLLM2 "\n");
        skip();
    }
    const expected_logits *e = &expected[sizeof expected / sizeof expected[0] - 1];
    assert_true(e->n >= 4);
    check_model(SMOLLM2, ZO_PRECISION_NF4, e->ids, 3, 1); /* f32 and nf4: the others take long */
}

/* The first tokens of the story that the model tells, which it holds likely. */
static void stories260k(void **state)
{
    const char *data = getenv("ZOBENCH_TEST_DATA"), *tmp = getenv("TMPDIR");
    char dir[200], gguf[256], command[2000], text[160];
    int32_t ids[160];
    size_t n = 0;
    zo_tokenizer *t;
    zo_error err = {0};
    (void)state;
    data = data ? data : "../shared/data";
    snprintf(command, sizeof command, "%s/stories260k/expected_greedy.txt", data);
    FILE *f = fopen(command, "rb");
    if (!f) {
        printf("skip: no %s\n", command);
        skip();
    }
    assert_int_equal(fread(text, 1, sizeof text, f), sizeof text);
    fclose(f);
    snprintf(dir, sizeof dir, "%s/reference_test.XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(dir));
    snprintf(gguf, sizeof gguf, "%s/m.gguf", dir);
    snprintf(command, sizeof command,
             "python3 -B scripts/llama2c_to_gguf.py '%s/stories260k/stories260K.bin' "
             "'%s/stories260k/tok512.bin' '%s'",
             data, data, gguf);
    assert_int_equal(system(command), 0);
    if (zo_tokenizer_open(gguf, NULL, &t, &err) ||
        zo_tokenizer_encode(t, text, sizeof text, ZO_ENCODE_SPECIAL, ids, 160, &n, &err))
        fail_msg("%s", err.text);
    assert_true(n > 24);
    check_model(gguf, 1, ids, 24, 20);
    zo_tokenizer_free(t);
    unlink(gguf);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(synth_tiny),
        cmocka_unit_test(smollm2),
        cmocka_unit_test(stories260k),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
