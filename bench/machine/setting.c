/* See setting.h. */
#include "bench/machine/setting.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where the value of a line begins; NULL: it has another key. */
static const char *value_in(const char *line, const char *key, char mark)
{
    const size_t n = strlen(key);
    const char *at = line + n;
    if (strncmp(line, key, n) != 0)
        return NULL;
    at += strspn(at, " \t");
    if (mark ? *at++ != mark : n && at == line + n)
        return NULL;
    return at + strspn(at, " \t");
}

char *bench_setting_read(const char *key, char mark, const char *path, ...)
{
    char *name = NULL, *line = NULL, *value = NULL;
    size_t cap = 0;
    va_list ap;
    va_start(ap, path);
    if (vasprintf(&name, path, ap) < 0)
        name = NULL;
    va_end(ap);
    FILE *f = name ? fopen(name, "re") : NULL;
    while (f && !value && getline(&line, &cap, f) > 0) {
        const char *at = value_in(line, key, mark);
        value = at ? strndup(at, strcspn(at, "\n")) : NULL;
    }
    free(line);
    free(name);
    if (f)
        fclose(f);
    return value;
}

json_t *bench_setting_json(char *value)
{
    json_t *string = value && *value ? json_string(value) : NULL;
    free(value);
    return string;
}

bool bench_setting_lists(const char *list, char mark, const char *word)
{
    const size_t n = strlen(word);
    for (const char *p = list; (p = strstr(p, word)); p += n)
        if ((p == list || p[-1] == mark) && (p[n] == mark || !p[n]))
            return true;
    return false;
}
