/* JSON as the files of models hold it, which jansson alone would refuse: a byte order mark at the start, integers beyond 64
 * bits (transformers writes 10^30 for "no limit"), a NUL in a key.
 */
#ifndef ZO_JSON_TEXT_H
#define ZO_JSON_TEXT_H

#include <jansson.h>
#include <stddef.h>

#include "core/base/error.h"

/* Parses n bytes of text into *out, a new reference. Duplicate keys fail. An integer that does not fit 64 bits becomes a real.
 *
 * nul: where it is not NULL, each NUL (\u0000) of a string becomes a character that occurs nowhere else in the text, whose
 * UTF-8 (3 bytes) is written to nul, with a zero byte; "" where there is no NUL. NULL: a NUL fails.
 * Fails: ZO_ERR_FORMAT ("line 1, column 2: ..."), ZO_ERR_MEMORY. */
zo_status zo_json_load(const char *text, size_t n, char nul[4], json_t **out, zo_error *err);

/* The number of v for zo_unread_check: booleans are 0 and 1, other values NaN. */
double zo_json_value(const json_t *v);

#endif
