/* See range.h. */
#include "bench/manifest/range.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST_WHOLE 9007199254740992.0 /* 2^53: up to here doubles hold every whole number */

bool bench_range_is(const char *text)
{
    return *text && strchr("+-.0123456789", *text) && strstr(text, "..");
}

/* The number at *text, which then points behind it. The second dot of ".." belongs to none. */
static bool take_number(const char **text, double *out)
{
    char digits[40], *end;
    size_t n = strspn(*text, "+-");
    n += strspn(*text + n, "0123456789");
    if ((*text)[n] == '.' && (*text)[n + 1] != '.')
        n += 1 + strspn(*text + n + 1, "0123456789");
    if ((*text)[n] == 'e' || (*text)[n] == 'E') {
        n++;
        n += strspn(*text + n, "+-");
        n += strspn(*text + n, "0123456789");
    }
    if (n == 0 || n >= sizeof digits)
        return false;
    memcpy(digits, *text, n);
    digits[n] = '\0';
    *out = strtod(digits, &end);
    *text += n;
    return *end == '\0' && isfinite(*out);
}

static bool is_whole(double x)
{
    return x == floor(x) && fabs(x) <= LARGEST_WHOLE;
}

static zo_status wrong(const char *text, const char *why, zo_error *err)
{
    return zo_fail(err, ZO_ERR_INVALID,
                   "must be a range like \"1..8\", \"0..10+2\" or \"64..256*2\", not \"%.64s\"%s", text, why);
}

zo_status bench_range_read(const char *text, bench_range *out, zo_error *err)
{
    const char *at = text;
    bench_range r = {0};
    if (!take_number(&at, &r.first) || strncmp(at, "..", 2) != 0)
        return wrong(text, "", err);
    at += 2;
    if (!take_number(&at, &r.last))
        return wrong(text, "", err);
    if (*at == '+' || *at == '*') {
        r.multiply = *at++ == '*';
        if (!take_number(&at, &r.step))
            return wrong(text, "", err);
        if (r.multiply ? r.step <= 1 : r.step <= 0)
            return wrong(text, r.multiply ? ": a factor must be more than 1" : ": a step must be more than 0",
                         err);
    }
    if (*at)
        return wrong(text, "", err);
    if (r.first > r.last)
        return wrong(text, ": it begins above its end", err);
    if (r.multiply && r.first <= 0)
        return wrong(text, ": what is multiplied must be more than 0", err);
    r.whole = is_whole(r.first) && is_whole(r.last) && is_whole(r.step);
    *out = r;
    return ZO_OK;
}

/* Value number i, in 12 digits where it is not whole: 0.1 + 2 * 0.1 is to be 0.3. */
static double value_at(const bench_range *r, int i)
{
    char digits[32];
    double step = r->step > 0 ? r->step : 1;
    double x = r->multiply ? r->first * pow(step, i) : r->first + i * step;
    if (r->whole)
        return x;
    snprintf(digits, sizeof digits, "%.12g", x);
    return strtod(digits, NULL);
}

zo_status bench_range_list(const bench_range *r, json_t *list, zo_error *err)
{
    for (int i = 0;; i++) {
        double x = value_at(r, i);
        if (!(x <= r->last))
            return ZO_OK;
        if (i == BENCH_RANGE_MOST)
            return zo_fail(err, ZO_ERR_INVALID, "is a range of more than %d values", BENCH_RANGE_MOST);
        if (json_array_append_new(list, r->whole ? json_integer((json_int_t)x) : json_real(x)))
            return zo_fail(err, ZO_ERR_MEMORY, "is a range for which memory is out");
    }
}

bool bench_range_holds(const bench_range *r, double x)
{
    if (!(x >= r->first && x <= r->last))
        return false;
    if (r->step == 0)
        return true;
    double i = r->multiply ? log(x / r->first) / log(r->step) : (x - r->first) / r->step;
    return i < BENCH_RANGE_MOST && value_at(r, (int)(i + 0.5)) == x;
}
