/* What Linux shows of itself as lines of small files, in /proc, /sys and /etc. */
#ifndef BENCH_SETTING_H
#define BENCH_SETTING_H

#include <stdbool.h>

#include <jansson.h>

/* What follows a key, white space, `mark` (0: none) and more white space in the first line that begins so, to the line's end; key
 * "": the first line. The path is printed. To be freed; NULL: there is none. */
char *bench_setting_read(const char *key, char mark, const char *path, ...)
    __attribute__((format(printf, 3, 4)));

/* That text as a string, which is taken; NULL where it is NULL or empty. New reference. */
json_t *bench_setting_json(char *value);

/* Is word one of a list with that mark between the words? */
bool bench_setting_lists(const char *list, char mark, const char *word);

#endif
