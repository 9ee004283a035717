/* polarity: a sentiment task that the program makes itself, so that fine-tuning can be shown without any download.
 *
 * Short reviews of films, meals, rooms, books and appliances, two or three sentences each, put together from
 * patterns and word lists of our own. Most sentences say what they mean ("The acting was superb."); every second
 * review has one with a contrary word in it, by concession, negation, hearsay or disappointed expectation ("Nobody
 * could call the soup bland."). The last quarter of every word list is kept for validation, so that learning the
 * words by heart does not look like learning the task.
 */
#ifndef ZO_POLARITY_H
#define ZO_POLARITY_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/mem.h"

#define ZO_POLARITY_ROWS 400 /* in each split */
#define ZO_POLARITY_TEXT 384 /* room for a text and its NUL */

typedef struct zo_polarity_row {
    char sentence[ZO_POLARITY_TEXT];
    int32_t label; /* 0 negative, 1 positive */
} zo_polarity_row;

/* Both splits: rows[0 .. 400) are train, rows[400 .. 800) validation. No sentence stands there twice, and of the rows
 * 2 k and 2 k + 1 one is positive and one is negative. Always the same, on every machine. */
void zo_polarity_rows(zo_polarity_row rows[2 * ZO_POLARITY_ROWS]);

#endif
