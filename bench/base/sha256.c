/* See sha256.h. */
#include "bench/base/sha256.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#define PIECE_BYTES (1u << 20)

static void to_hex(const unsigned char *digest, char hex[BENCH_SHA256_HEX])
{
    static const char digit[] = "0123456789abcdef";
    for (int i = 0; i < 32; i++) {
        hex[2 * i] = digit[digest[i] >> 4];
        hex[2 * i + 1] = digit[digest[i] & 15];
    }
    hex[64] = '\0';
}

void bench_sha256(const void *data, size_t n, char hex[BENCH_SHA256_HEX])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int bytes = 0;
    int ok = EVP_Digest(data, n, digest, &bytes, EVP_sha256(), NULL);
    assert(ok == 1 && bytes == 32); /* no input can make it fail, only a broken libcrypto */
    (void)ok;
    to_hex(digest, hex);
}

zo_status bench_sha256_file(const char *path, char hex[BENCH_SHA256_HEX], zo_error *err)
{
    zo_status st = ZO_OK;
    unsigned char digest[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *md = NULL;
    char *piece = NULL;
    FILE *f = NULL;
    hex[0] = '\0';
    f = fopen(path, "rb");
    if (!f) {
        st = zo_fail(err, ZO_ERR_IO, "open %s: %s", path, strerror(errno));
        goto cleanup;
    }
    piece = malloc(PIECE_BYTES);
    md = EVP_MD_CTX_new();
    if (!piece || !md || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1) {
        st = zo_fail(err, ZO_ERR_MEMORY, "hash %s: out of memory", path);
        goto cleanup;
    }
    for (size_t n; (n = fread(piece, 1, PIECE_BYTES, f)) > 0;) {
        int ok = EVP_DigestUpdate(md, piece, n);
        assert(ok == 1);
        (void)ok;
    }
    if (ferror(f)) {
        st = zo_fail(err, ZO_ERR_IO, "read %s: %s", path, strerror(errno));
        goto cleanup;
    }
    int ok = EVP_DigestFinal_ex(md, digest, NULL);
    assert(ok == 1);
    (void)ok;
    to_hex(digest, hex);
cleanup:
    EVP_MD_CTX_free(md);
    free(piece);
    if (f)
        fclose(f);
    return st;
}
