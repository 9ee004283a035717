/* Tests of batch.c: the layout of a batch against one written out by hand, and against its definition for
 * many shapes. */
#include "core/data/batch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void layout_by_hand(void **state)
{
    (void)state;
    const int32_t a[] = {10, 11, 12}, c[] = {20, 21, 22, 23, 24, 25, 26, 27, 28};
    const zo_sequence s[] = {{a, 3, 1}, {NULL, 0, 0}, {c, 9, 3}};
    /* T = 16: the longest has 9 */
    const int32_t ids[3][16] = {
        {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 11, 12},
        {0},
        {0, 0, 0, 0, 0, 0, 0, 20, 21, 22, 23, 24, 25, 26, 27, 28},
    };
    const int32_t start[] = {13, 16, 7};
    const int32_t row[] = {14, 2 * 16 + 12, 2 * 16 + 13, 2 * 16 + 14}, id[] = {12, 26, 27, 28};
    const int32_t packed[] = {0, 3, 3, 12}, padded[] = {0, 16, 32, 48}, none[] = {0, 0, 0};
    zo_batch b;
    assert_int_equal(zo_batch_init(&b, 3, 48, 4, NULL, NULL), ZO_OK);
    for (int again = 0; again < 2; again++) {
        zo_batch_fill(&b, s, 3, 0, 0);
        assert_int_equal(b.sequences, 3);
        assert_int_equal(b.tokens, 16);
        assert_int_equal(b.labels, 4);
        assert_memory_equal(b.ids, ids, sizeof ids);
        assert_memory_equal(b.start, start, sizeof start);
        assert_memory_equal(b.first, start, sizeof start);
        assert_memory_equal(b.offset, packed, sizeof packed);
        assert_memory_equal(b.label_row, row, sizeof row);
        assert_memory_equal(b.label_id, id, sizeof id);
        zo_batch_fill(&b, s, 1, 0, 7); /* a smaller one between: nothing of it may remain */
        assert_int_equal(b.tokens, 8);
        assert_int_equal(b.ids[0], 7);
        assert_int_equal(b.labels, 1);
    }
    zo_batch_fill(&b, s, 3, 10, 0); /* a length that was asked for, though shorter: every position is a row */
    assert_memory_equal(b.ids, ids, sizeof ids);
    assert_memory_equal(b.start, start, sizeof start);
    assert_memory_equal(b.first, none, sizeof none);
    assert_memory_equal(b.offset, padded, sizeof padded);
    zo_batch_deinit(&b);
    assert_null(b.ids);
}

static void every_length(void **state)
{
    (void)state;
    int32_t text[40];
    zo_batch b;
    for (int32_t i = 0; i < 40; i++)
        text[i] = 100 + i;
    assert_int_equal(zo_batch_init(&b, 2, 80, 80, NULL, NULL), ZO_OK);
    for (int32_t n = 1; n <= 40; n++) {
        for (int32_t labels = 0; labels < n; labels++) {
            const zo_sequence s[] = {{text, n, labels}, {text, (n + 1) / 2, 0}};
            zo_batch_fill(&b, s, 2, 0, -1);
            assert_int_equal(b.tokens % 8, 0);
            assert_in_range(b.tokens, n, n + 7);
            assert_int_equal(b.labels, labels);
            for (int32_t t = 0; t < b.tokens; t++)
                assert_int_equal(b.ids[t], t < b.start[0] ? -1 : text[t - b.start[0]]);
            for (int32_t k = 0; k < labels;
                 k++) { /* the output at label_row predicts the id right after it */
                assert_int_equal(b.label_id[k], text[n - labels + k]);
                assert_int_equal(b.ids[b.label_row[k] + 1], b.label_id[k]);
            }
        }
    }
    zo_batch_deinit(&b);
}

static void empty_batch(void **state)
{
    (void)state;
    zo_batch b;
    assert_int_equal(zo_batch_init(&b, 0, 0, 0, NULL, NULL), ZO_OK);
    zo_batch_fill(&b, NULL, 0, 0, 0);
    assert_int_equal(b.sequences + b.tokens + b.labels, 0);
    zo_batch_deinit(&b);
    assert_int_equal(zo_batch_padded(0), 0);
    assert_int_equal(zo_batch_padded(1), 8);
    assert_int_equal(zo_batch_padded(8), 8);
    assert_int_equal(zo_batch_padded(9), 16);
}

static void failures(void **state)
{
    (void)state;
    zo_mem mem = {0};
    zo_batch b;
    zo_error err = {0};
    for (long nth = 1; nth <= 6; nth++) { /* init allocates six arrays */
        err = (zo_error){0};
        mem.fail_after = nth;
        assert_int_equal(zo_batch_init(&b, 2, 16, 2, &mem, &err), ZO_ERR_MEMORY);
        assert_non_null(strstr(err.text, "allocate batch"));
        assert_null(b.ids);
        assert_int_equal(mem.now[ZO_ACCOUNT_DATA], 0);
    }
    mem.fail_after = 7;
    assert_int_equal(zo_batch_init(&b, 2, 16, 2, &mem, NULL), ZO_OK);
    assert_int_equal(mem.now[ZO_ACCOUNT_DATA], (16 + 2 + 2 + 3 + 2 + 2) * sizeof(int32_t));
    zo_batch_deinit(&b);
    assert_int_equal(mem.now[ZO_ACCOUNT_DATA], 0);
    err = (zo_error){0};
    assert_int_equal(zo_batch_init(&b, 2, -1, 2, NULL, &err), ZO_ERR_INVALID);
    assert_string_equal(err.text, "batch of 2 sequences, -1 tokens, 2 labels: a size is negative");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layout_by_hand),
        cmocka_unit_test(every_length),
        cmocka_unit_test(empty_batch),
        cmocka_unit_test(failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
