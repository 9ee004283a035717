/* See json_text.h. What jansson would refuse is replaced in a copy of the text by something of the same length, so that the
 * places in messages stay right. */
#include "core/format/json_text.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"

/* The 32 code points from U+FDD0 on are noncharacters, free for such a use. In UTF-8: EF B7 90 to EF B7 AF. */
enum { STAND_IN = 0xfdd0, STAND_INS = 32, ESCAPE = 6 /* bytes of \uXXXX */ };

/* Bytes of the number at s, and whether it is an integer that does not fit 64 bits. */
static size_t scan_number(const char *s, size_t n, bool *huge)
{
    char digits[24] = "";
    size_t i = s[0] == '-';
    while (i < n && s[i] >= '0' && s[i] <= '9')
        i++;
    *huge = i >= sizeof digits;
    if (i >= 19 && !*huge) {
        memcpy(digits, s, i);
        errno = 0;
        (void)strtoll(digits, NULL, 10);
        *huge = errno == ERANGE;
    }
    if (i < n && strchr(".eE", s[i]))
        *huge = false;
    while (i < n && s[i] && strchr("0123456789.eE+-", s[i]))
        i++;
    return i;
}

/* The code of the escape \uXXXX at s, or -1. */
static int scan_escape(const char *s, size_t n)
{
    char hex[5] = "", *end;
    if (n < ESCAPE || s[1] != 'u')
        return -1;
    memcpy(hex, s + 2, 4);
    long code = strtol(hex, &end, 16);
    return end == hex + 4 ? (int)code : -1;
}

typedef struct finding {
    size_t nuls, huge;
    uint32_t taken; /* bit i: U+FDD0 + i occurs */
} finding;

/* Walks over the text. change: NULL, or the same text, in which the findings are replaced; stand_in: a code for NUL, 0: leave. */
static finding walk(const char *s, size_t n, char *change, int stand_in)
{
    static const char digits[] = "0123456789abcdef";
    finding f = {0};
    bool quoted = false;
    for (size_t i = 0, step; i < n; i += step) {
        const unsigned char *u = (const unsigned char *)s + i;
        step = 1;
        if (!quoted && (*u == '-' || (*u >= '0' && *u <= '9'))) {
            bool huge;
            step = scan_number(s + i, n - i, &huge);
            f.huge += huge;
            if (huge && change)
                memcpy(change + i + step - 2, "e2", 2);
        } else if (quoted && *u == '\\') {
            int code = scan_escape(s + i, n - i);
            step = code >= 0 ? ESCAPE : 2;
            f.nuls += code == 0;
            if (code >= STAND_IN && code < STAND_IN + STAND_INS)
                f.taken |= 1u << (code - STAND_IN);
            for (int k = 0; code == 0 && change && stand_in && k < 4; k++)
                change[i + 2 + (size_t)k] = digits[stand_in >> (12 - 4 * k) & 15];
        } else if (*u == '"') {
            quoted = !quoted;
        } else if (n - i >= 3 && u[0] == 0xef && u[1] == 0xb7 && u[2] >= 0x90 && u[2] < 0x90 + STAND_INS) {
            f.taken |= 1u << (u[2] - 0x90);
        }
    }
    return f;
}

zo_status zo_json_load(const char *text, size_t n, char nul[4], json_t **out, zo_error *err)
{
    json_error_t e;
    char *copy = NULL;
    *out = NULL;
    if (nul)
        nul[0] = '\0';
    if (n >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0))
        return zo_fail(err, ZO_ERR_FORMAT, "it is in UTF-16; JSON is in UTF-8");
    size_t mark = n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    text += mark;
    n -= mark;
    finding f = walk(text, n, NULL, 0);
    if (f.huge || (f.nuls && nul)) {
        int free_one = f.taken == UINT32_MAX ? 0 : __builtin_ctz(~f.taken);
        bool replace = nul && f.nuls && f.taken != UINT32_MAX;
        zo_status st = zo_mem_array(NULL, ZO_ACCOUNT_DATA, n, 1, "a JSON text", &copy, err);
        if (st)
            return st;
        memcpy(copy, text, n);
        walk(text, n, copy, replace ? STAND_IN + free_one : 0);
        if (replace)
            memcpy(nul, (const char[]){(char)0xef, (char)0xb7, (char)(0x90 + free_one), '\0'}, 4);
    }
    *out = json_loadb(copy ? copy : text, n, JSON_REJECT_DUPLICATES, &e);
    zo_mem_free(copy);
    return *out ? ZO_OK : zo_fail(err, ZO_ERR_FORMAT, "line %d, column %d: %s", e.line, e.column, e.text);
}

double zo_json_value(const json_t *v)
{
    return json_is_number(v) ? json_number_value(v) : json_is_boolean(v) ? json_is_true(v) : NAN;
}
