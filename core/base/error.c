/* See error.h. */
#include "core/base/error.h"

#include <stdio.h>
#include <string.h>

const char *zo_status_text(zo_status status)
{
    static const char *const text[] = {
#define X(name, words) [ZO_##name] = words,
        ZO_STATUS_MAP(X)
#undef X
    };
    return (size_t)status < sizeof text / sizeof text[0] ? text[status] : "unknown status";
}

zo_status zo_fail(zo_error *err, zo_status code, const char *fmt, ...)
{
    if (err && err->status == ZO_OK) {
        va_list ap;
        va_start(ap, fmt);
        err->status = code;
        vsnprintf(err->text, sizeof err->text, fmt, ap);
        va_end(ap);
    }
    return code;
}

zo_status zo_error_context(zo_error *err, const char *fmt, ...)
{
    if (!err || err->status == ZO_OK)
        return err ? err->status : ZO_OK;
    char old[sizeof err->text];
    memcpy(old, err->text, sizeof old);
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof err->text &&
        snprintf(err->text + n, sizeof err->text - (size_t)n, ": %s", old) < 0)
        err->text[n] = '\0'; /* a text cut at the end is no failure */
    return err->status;
}
