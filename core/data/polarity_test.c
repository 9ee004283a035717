/* Tests of polarity.c: the rows are those recorded, and have the properties that polarity.h promises. */
#include "core/data/polarity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#define N ZO_POLARITY_ROWS

static zo_polarity_row rows[2 * N];

static int make_rows(void **state)
{
    (void)state;
    zo_polarity_rows(rows);
    return 0;
}

/* SHA-256 of "label<TAB>sentence<LF>" of all rows, train first. Made by this code when the word lists were settled:
 * a change of it changes every result on the task, and belongs in a commit of its own. */
static void recorded(void **state)
{
    (void)state;
    static const char want[] = "6dd481e8966afcf85e6b760766eaa72c6b6d0921800f3802f46e257ad1147cb4";
    unsigned char digest[32];
    char got[65];
    EVP_MD_CTX *sha = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestInit_ex(sha, EVP_sha256(), NULL), 1);
    for (int i = 0; i < 2 * N; i++) {
        char line[ZO_POLARITY_TEXT + 16];
        int n = snprintf(line, sizeof line, "%d\t%s\n", rows[i].label, rows[i].sentence);
        assert_int_equal(EVP_DigestUpdate(sha, line, (size_t)n), 1);
    }
    assert_int_equal(EVP_DigestFinal_ex(sha, digest, NULL), 1);
    EVP_MD_CTX_free(sha);
    for (int i = 0; i < 32; i++)
        snprintf(got + 2 * i, 3, "%02x", digest[i]);
    assert_string_equal(got, want);
    assert_string_equal(rows[0].sentence,
                        "A chaotic resort whose view was grim. The view was so cramped that I cancelled the "
                        "rest of the stay. I demanded my deposit back.");
}

static void balanced(void **state)
{
    (void)state;
    int positive_first = 0;
    for (int i = 0; i < 2 * N; i += 2) {
        assert_int_equal(rows[i].label + rows[i + 1].label, 1);
        positive_first += rows[i].label;
    }
    /* a fair coin's count of N tosses: within 4 standard deviations, sqrt(N) / 2 each */
    assert_in_range(positive_first, N / 2 - 40, N / 2 + 40);
    _Static_assert(N == 400, "4 * sqrt(400) / 2 = 40");
}

static int by_sentence(const void *a, const void *b)
{
    return strcmp(((const zo_polarity_row *)a)->sentence, ((const zo_polarity_row *)b)->sentence);
}

static void no_sentence_twice(void **state)
{
    (void)state;
    zo_polarity_row sorted[2 * N];
    memcpy(sorted, rows, sizeof rows);
    qsort(sorted, 2 * N, sizeof *sorted, by_sentence);
    for (int i = 1; i < 2 * N; i++)
        assert_true(strcmp(sorted[i - 1].sentence, sorted[i].sentence) < 0);
}

static void well_formed(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * N; i++) {
        const char *s = rows[i].sentence;
        assert_in_range(s[0], 'A', 'Z');
        assert_int_equal(s[strlen(s) - 1], '.');
        assert_null(strpbrk(s, "[]{}")); /* no bracket of a pattern is left */
        assert_null(strstr(s, "  "));
        assert_null(strstr(s, "terrible")); /* the label words themselves */
        assert_null(strstr(s, "great"));
    }
}

/* Distinct words of rows [first, first + N), each followed by a space, into words. */
static int words_of(int first, char *words, size_t cap)
{
    int count = 0;
    words[0] = ' ';
    words[1] = 0;
    for (int i = first; i < first + N; i++) {
        char copy[ZO_POLARITY_TEXT], key[ZO_POLARITY_TEXT + 2], *save = NULL;
        memcpy(copy, rows[i].sentence, sizeof copy);
        for (char *w = strtok_r(copy, " .,:;", &save); w; w = strtok_r(NULL, " .,:;", &save)) {
            snprintf(key, sizeof key, " %s ", w);
            if (strstr(words, key))
                continue;
            assert_true(strlen(words) + strlen(key) < cap);
            strcat(words, key + 1);
            count++;
        }
    }
    return count;
}

/* Some of validation's words never stand in train: a fifth or so by the lists' last quarters; a tenth is asked. */
static void unseen_words(void **state)
{
    (void)state;
    static char train[1 << 15], validation[1 << 15];
    const int n = words_of(0, train, sizeof train);
    const int m = words_of(N, validation, sizeof validation);
    int unseen = 0;
    char *save = NULL;
    for (char *w = strtok_r(validation, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
        char key[ZO_POLARITY_TEXT];
        snprintf(key, sizeof key, " %s ", w);
        unseen += !strstr(train, key);
    }
    printf("words: train %d, validation %d, of which not in train %d\n", n, m, unseen);
    assert_true(unseen > m / 10);
    assert_true(unseen < m / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded),    cmocka_unit_test(balanced),     cmocka_unit_test(no_sentence_twice),
        cmocka_unit_test(well_formed), cmocka_unit_test(unseen_words),
    };
    return cmocka_run_group_tests(tests, make_rows, NULL);
}
