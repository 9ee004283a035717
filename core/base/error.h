/* Status codes and the one error message that goes with them.
 *
 * A function that input can make fail returns a zo_status and fills a caller-owned zo_error. The first
 * error wins: zo_fail on an error that is already set keeps the older text. err may be NULL.
 * A message says what was being done to which thing: "open w.gguf: No such file or directory".
 */
#ifndef ZO_ERROR_H
#define ZO_ERROR_H

#include <stdarg.h>

/* name, text */
#define ZO_STATUS_MAP(X)                                                                                     \
    X(OK, "ok")                                                                                              \
    X(ERR_INVALID, "invalid argument")                                                                       \
    X(ERR_IO, "input or output failed")                                                                      \
    X(ERR_FORMAT, "malformed input")                                                                         \
    X(ERR_UNSUPPORTED, "not supported")                                                                      \
    X(ERR_MEMORY, "out of memory")                                                                           \
    X(ERR_NUMERIC, "a value is NaN or infinite")

typedef enum zo_status {
#define X(name, text) ZO_##name,
    ZO_STATUS_MAP(X)
#undef X
} zo_status;

typedef struct zo_error {
    zo_status status;
    char text[512];
} zo_error;

/* The status's own words, "malformed input". Static storage. */
const char *zo_status_text(zo_status status);

/* Sets err (if it is not NULL and not yet set) and returns code. Example:
 *     return zo_fail(err, ZO_ERR_IO, "open %s: %s", path, strerror(errno)); */
zo_status zo_fail(zo_error *err, zo_status code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "context: " before the text of an error that is set; does nothing otherwise. Returns err's status. */
zo_status zo_error_context(zo_error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
