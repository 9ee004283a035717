/* Tests of model.c: a tokenizer against the embedding, and the text of ids that only pad a vocabulary. */
#include "bench/backend/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/format/synth.h"

/* The first synthetic model, whose tokenizer has 3 + byte for a byte. */
static bench_model model_make(zo_mem *mem)
{
    bench_model m = {0};
    zo_error err = {0};
    snprintf(m.path, sizeof m.path, "synth:%s/1", zo_synth_names()[0]);
    if (!zo_synth_config(m.path + 6, &m.config) || zo_tokenizer_open(m.path, mem, &m.tokenizer, &err))
        fail_msg("%s", err.text);
    return m;
}

static void every_id_has_a_row(void **state)
{
    (void)state;
    zo_mem mem = {0};
    bench_model m = model_make(&mem);
    int32_t n = zo_tokenizer_vocab(m.tokenizer);
    char sizes[2][64];
    for (m.config.vocab = n - 1; m.config.vocab <= n + 1; m.config.vocab++) {
        zo_error err = {0};
        zo_status st = bench_model_check_vocabulary(m.tokenizer, &m.config, m.path, &err);
        assert_int_equal(st, m.config.vocab < n ? ZO_ERR_FORMAT : ZO_OK);
        snprintf(sizes[0], sizeof sizes[0], "%d tokens", n);
        snprintf(sizes[1], sizeof sizes[1], "%d rows", n - 1);
        assert_true(!st ||
                    (strstr(err.text, sizes[0]) && strstr(err.text, sizes[1]) && strstr(err.text, m.path)));
    }
    bench_model_close(&m);
}

static void padding_rows_have_no_text(void **state)
{
    (void)state;
    zo_mem mem = {0};
    bench_model m = model_make(&mem);
    int32_t n = zo_tokenizer_vocab(m.tokenizer);
    char *text = NULL;
    size_t bytes = 0;
    m.config.vocab = n + 8;
    assert_int_equal(bench_model_decode(&m, (int32_t[]){3 + 'a', n, n + 7, 3 + 'b'}, 4, &mem, &text, &bytes,
                                        NULL),
                     ZO_OK);
    assert_string_equal(text, "ab");
    assert_int_equal(bytes, 2);
    zo_mem_free(text);
    assert_int_equal(bench_model_decode(&m, &(int32_t){n + 8}, 1, &mem, &text, &bytes, NULL), ZO_ERR_INVALID);
    assert_int_equal(bench_model_decode(&m, &(int32_t){-1}, 1, &mem, &text, &bytes, NULL), ZO_ERR_INVALID);
    bench_model_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_id_has_a_row),
        cmocka_unit_test(padding_rows_have_no_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
