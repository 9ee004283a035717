/* See text.h. */
#include "bench/base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void bench_text_add(char *out, size_t cap, const char *format, ...)
{
    const size_t used = strlen(out);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(out + used, cap - used, format, arguments);
    va_end(arguments);
}
