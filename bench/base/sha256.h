/* SHA-256, for what records name their inputs by and for cell ids. OpenSSL's libcrypto does the work. */
#ifndef BENCH_SHA256_H
#define BENCH_SHA256_H

#include <stddef.h>

#include "core/base/error.h"

#define BENCH_SHA256_HEX 65 /* 64 lower-case hex digits and a NUL */

/* Of n bytes. */
void bench_sha256(const void *data, size_t n, char hex[BENCH_SHA256_HEX]);

/* Of a file's bytes, read in pieces. Fails: ZO_ERR_IO (hex is then ""). */
zo_status bench_sha256_file(const char *path, char hex[BENCH_SHA256_HEX], zo_error *err);

#endif
