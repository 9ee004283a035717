/* UTF-8, one character at a time. Source: the Unicode Standard, table 3-7 (well-formed byte sequences). */
#ifndef ZO_UTF8_H
#define ZO_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the well-formed sequence that s (n bytes) begins with, 1 to 4, or 0 where there is none (overlong
 * forms, surrogates and code points past U+10FFFF are not well-formed). *cp, which may be NULL, gets the code
 * point; it is written only where the result is not 0. */
int zo_utf8_decode(const char *s, size_t n, uint32_t *cp);

/* The White_Space property: 25 code points, unchanged since Unicode 6.3. */
bool zo_utf8_is_space(uint32_t cp);

#endif
