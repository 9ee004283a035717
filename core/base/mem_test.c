/* Tests of mem.c: what the accounts say, planted failures, sizes that overflow, and counting from several threads. */
#include "core/base/mem.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void accounts_are_kept_apart(void **state)
{
    (void)state;
    zo_mem mem = {0};
    char *a = zo_mem_alloc(&mem, ZO_ACCOUNT_WEIGHTS, 1000);
    char *b = zo_mem_alloc(&mem, ZO_ACCOUNT_WEIGHTS, 24);
    char *c = zo_mem_alloc(&mem, ZO_ACCOUNT_KV, 7);
    assert_true(a && b && c);
    assert_int_equal(mem.now[ZO_ACCOUNT_WEIGHTS], 1024);
    assert_int_equal(mem.now[ZO_ACCOUNT_KV], 7);
    zo_mem_free(a);
    assert_int_equal(mem.now[ZO_ACCOUNT_WEIGHTS], 24);
    assert_int_equal(mem.peak[ZO_ACCOUNT_WEIGHTS], 1024);
    a = zo_mem_alloc(&mem, ZO_ACCOUNT_WEIGHTS, 100); /* below the peak: the peak stays */
    assert_int_equal(mem.peak[ZO_ACCOUNT_WEIGHTS], 1024);
    zo_mem_free(a);
    zo_mem_free(b);
    zo_mem_free(c);
    zo_mem_free(NULL);
    for (int i = 0; i < ZO_ACCOUNT_COUNT; i++)
        assert_int_equal(mem.now[i], 0);
    assert_int_equal(mem.peak[ZO_ACCOUNT_KV], 7);
    assert_int_equal(mem.peak[ZO_ACCOUNT_DATA], 0);
}

static void blocks_are_aligned_and_zeroed(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 63, 64, 65, 4096, 100000};
    for (int dirty = 0; dirty < 2; dirty++) /* the second round gets memory that was written to */
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            unsigned char *p = zo_mem_alloc(NULL, ZO_ACCOUNT_DATA, sizes[i]);
            assert_non_null(p);
            assert_int_equal((uintptr_t)p % 64, 0);
            for (size_t k = 0; k < sizes[i]; k++)
                assert_int_equal(p[k], 0);
            memset(p, 0xff, sizes[i]);
            zo_mem_free(p);
        }
}

static void planted_failure_comes_once(void **state)
{
    (void)state;
    zo_mem mem = {.fail_after = 3};
    void *p[5];
    for (int i = 0; i < 5; i++) {
        p[i] = zo_mem_alloc(&mem, ZO_ACCOUNT_DATA, 10);
        assert_int_equal(p[i] == NULL, i == 2);
    }
    assert_int_equal(mem.now[ZO_ACCOUNT_DATA], 40);
    for (int i = 0; i < 5; i++)
        zo_mem_free(p[i]);
}

static void arrays_check_their_size(void **state)
{
    (void)state;
    static const struct {
        size_t count, size;
    } impossible[] = {
        {SIZE_MAX / 8 + 2, 8}, /* wraps to 8 bytes */
        {SIZE_MAX, SIZE_MAX},
        {SIZE_MAX - 64, 1}, /* does not wrap, but with its header it would */
        {SIZE_MAX, 1},
    };
    zo_mem mem = {0};
    for (size_t i = 0; i < sizeof impossible / sizeof impossible[0]; i++) {
        zo_error err = {0};
        char sentinel, *p = &sentinel;
        assert_int_equal(zo_mem_array(&mem, ZO_ACCOUNT_ADAPTER, impossible[i].count, impossible[i].size,
                                      "noise", &p, &err),
                         ZO_ERR_MEMORY);
        assert_null(p);
        assert_int_equal(err.status, ZO_ERR_MEMORY);
        assert_non_null(strstr(err.text, "allocate noise"));
        assert_non_null(strstr(err.text, "out of memory"));
        assert_int_equal(mem.now[ZO_ACCOUNT_ADAPTER], 0);
        assert_int_equal(mem.peak[ZO_ACCOUNT_ADAPTER], 0);
    }
    float *f = NULL;
    zo_error err = {0};
    assert_int_equal(zo_mem_array(&mem, ZO_ACCOUNT_ADAPTER, 6, sizeof *f, "noise", &f, &err), ZO_OK);
    assert_non_null(f);
    assert_int_equal(mem.now[ZO_ACCOUNT_ADAPTER], 6 * sizeof *f);
    zo_mem_free(f);
    mem.fail_after = 1;
    assert_int_equal(zo_mem_array(&mem, ZO_ACCOUNT_ADAPTER, 6, sizeof *f, "noise", &f, NULL), ZO_ERR_MEMORY);
    assert_null(f);
}

static void accounts_have_names(void **state)
{
    (void)state;
    for (int i = 0; i < ZO_ACCOUNT_COUNT; i++)
        for (int k = 0; k < i; k++)
            assert_string_not_equal(zo_account_name((zo_account)i), zo_account_name((zo_account)k));
    assert_string_equal(zo_account_name(ZO_ACCOUNT_ACTIVATIONS), "activations");
    assert_string_equal(zo_account_name(ZO_ACCOUNT_COUNT), "unknown");
}

static void *allocate_and_free(void *mem)
{
    uintptr_t missing = 0;
    for (int i = 0; i < 100; i++) {
        void *a = zo_mem_alloc(mem, ZO_ACCOUNT_KV, 100), *b = zo_mem_alloc(mem, ZO_ACCOUNT_KV, 50);
        missing += (uintptr_t)(!a + !b);
        zo_mem_free(a);
        zo_mem_free(b);
    }
    return (void *)missing;
}

/* pthreads, not OpenMP, whose joins a thread sanitizer does not see. */
static void threads_may_share_a_ledger(void **state)
{
    (void)state;
    zo_mem mem = {0};
    pthread_t thread[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, allocate_and_free, &mem), 0);
    for (int i = 0; i < 4; i++) {
        void *missing;
        assert_int_equal(pthread_join(thread[i], &missing), 0);
        assert_null(missing);
    }
    assert_int_equal(mem.now[ZO_ACCOUNT_KV], 0);
    assert_in_range(mem.peak[ZO_ACCOUNT_KV], 150, 4 * 150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accounts_are_kept_apart),    cmocka_unit_test(blocks_are_aligned_and_zeroed),
        cmocka_unit_test(planted_failure_comes_once), cmocka_unit_test(arrays_check_their_size),
        cmocka_unit_test(accounts_have_names),        cmocka_unit_test(threads_may_share_a_ledger),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
