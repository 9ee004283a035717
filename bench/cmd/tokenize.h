/* Lines of text to lines of token ids and back: what `zobench tokenize` does. */
#ifndef BENCH_TOKENIZE_H
#define BENCH_TOKENIZE_H

#include <stdbool.h>
#include <stdio.h>

#include "core/text/tokenizer.h"

typedef struct bench_tokenize {
    bool decode;  /* ids to text instead */
    bool special; /* encode: add BOS and the like, and read special tokens written out; decode: keep them */
    bool json;    /* a JSON array (encode) or string (decode) per line; bytes that are no UTF-8 are U+FFFD */
} bench_tokenize;

/* Handles every line of `in`, without its line feed, and writes one line for each to `out`. Lines to decode
 * hold whole numbers between blanks, commas and brackets. Fails: ZO_ERR_FORMAT ("line N: ...": no id),
 * ZO_ERR_IO, and as zo_tokenizer_encode and zo_tokenizer_decode; lines before the failing one have been
 * written. */
zo_status bench_tokenize_lines(const zo_tokenizer *t, bench_tokenize how, FILE *in, FILE *out, zo_error *err);

#endif
