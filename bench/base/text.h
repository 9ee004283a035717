/* Texts made piece by piece in a buffer of fixed size. */
#ifndef BENCH_TEXT_H
#define BENCH_TEXT_H

#include <stddef.h>

/* Appends to the text in out (cap bytes, ended); what does not fit is cut off. */
void bench_text_add(char *out, size_t cap, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
