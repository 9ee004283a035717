/* Tests of sha256.c against published test vectors. */
#include "bench/base/sha256.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Source: NIST's SHA-256 example values (FIPS 180-4: "abc" and the 448-bit message) and CAVP SHA256ShortMsg (Len = 0);
 * a million times "a" is the long example of FIPS 180-2, appendix B.3. */
static const struct {
    const char *text;
    const char *hex;
} vectors[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};
static const char million_a[] = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

static void of_bytes(void **state)
{
    (void)state;
    char hex[BENCH_SHA256_HEX];
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        bench_sha256(vectors[i].text, strlen(vectors[i].text), hex);
        assert_string_equal(hex, vectors[i].hex);
    }
}

static void of_a_file(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    char dir[512], path[600], hex[BENCH_SHA256_HEX];
    snprintf(dir, sizeof dir, "%s/sha256_test.XXXXXX", tmp && *tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/a", dir);
    for (size_t n = 0; n <= 3000000; n += 1000000) { /* under, at and over one piece of reading */
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        char *text = malloc(n + 1), expected[BENCH_SHA256_HEX];
        assert_non_null(text);
        memset(text, 'a', n);
        assert_int_equal(fwrite(text, 1, n, f), n);
        assert_int_equal(fclose(f), 0);
        assert_int_equal(bench_sha256_file(path, hex, NULL), ZO_OK);
        bench_sha256(text, n, expected);
        assert_string_equal(hex, expected);
        if (n == 1000000)
            assert_string_equal(hex, million_a);
        free(text);
    }
    unlink(path);
    zo_error err = {0};
    assert_int_equal(bench_sha256_file(path, hex, &err), ZO_ERR_IO);
    assert_string_equal(hex, "");
    assert_non_null(strstr(err.text, "/a: No such file or directory"));
    err = (zo_error){0};
    assert_int_equal(bench_sha256_file(dir, hex, &err), ZO_ERR_IO); /* a folder opens, but does not read */
    assert_non_null(strstr(err.text, "Is a directory"));
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_bytes),
        cmocka_unit_test(of_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
