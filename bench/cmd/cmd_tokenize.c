/* zobench tokenize: text to token ids and back, line by line. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/cmd/commands.h"
#include "bench/base/exit.h"
#include "bench/cmd/flags.h"
#include "bench/base/paths.h"
#include "core/base/utf8.h"
#include "core/text/tokenizer.h"

static void usage(FILE *to)
{
    fputs("usage: zobench tokenize [OPTIONS] < LINES\n"
          "\n"
          "Reads lines of text and prints the token ids of each on a line of its own.\n",
          to);
}

typedef struct form {
    bool decode;  /* ids to text instead */
    bool special; /* encode: add BOS and the like, and read special tokens written out; decode: keep them */
    bool json;    /* a JSON array (encode) or string (decode) per line; bytes that are no UTF-8 are U+FFFD */
} form;

/* One line at work. Buffers grow and are kept for the next. */
typedef struct work {
    const zo_tokenizer *t;
    form how;
    int32_t *ids;
    size_t ids_cap;
    char *text;
    size_t text_cap;
} work;

static zo_status room(void *buffer, size_t *cap, size_t count, size_t size, zo_error *err)
{
    if (count <= *cap)
        return ZO_OK;
    void *old, *bigger;
    memcpy(&old, buffer, sizeof old);
    bigger = reallocarray(old, count, size);
    if (!bigger)
        return zo_fail(err, ZO_ERR_MEMORY, "a line of %zu: out of memory", count);
    memcpy(buffer, &bigger, sizeof bigger);
    *cap = count;
    return ZO_OK;
}

static zo_status encode_line(work *w, const char *line, size_t n, zo_error *err)
{
    const int flags = w->how.special ? ZO_ENCODE_SPECIAL | ZO_ENCODE_PARSE : ZO_ENCODE_PLAIN;
    const bool json = w->how.json;
    size_t count = 0;
    zo_status st = room(&w->ids, &w->ids_cap, n + 16, sizeof *w->ids, err);
    if (!st)
        st = zo_tokenizer_encode(w->t, line, n, flags, w->ids, w->ids_cap, &count, err);
    if (!st && count > w->ids_cap) { /* a normalizer that lengthens the text */
        st = room(&w->ids, &w->ids_cap, count, sizeof *w->ids, err);
        if (!st)
            st = zo_tokenizer_encode(w->t, line, n, flags, w->ids, w->ids_cap, &count, err);
    }
    if (st)
        return st;
    if (json)
        putchar('[');
    for (size_t i = 0; i < count; i++)
        printf(i == 0 ? "%d" : json ? ", %d" : " %d", w->ids[i]);
    puts(json ? "]" : "");
    return ZO_OK;
}

static zo_status parse_ids(work *w, const char *line, size_t *count, zo_error *err)
{
    static const char between[] = " \t\r,[]";
    *count = 0;
    for (const char *at = line + strspn(line, between); *at; at += strspn(at, between)) {
        char *end;
        errno = 0;
        long id = strtol(at, &end, 10);
        if (end == at || (*end && !strchr(between, *end)) || errno || id < 0 || id > INT32_MAX)
            return zo_fail(err, ZO_ERR_FORMAT, "\"%.*s\" is no token id", (int)strcspn(at, between), at);
        w->ids[(*count)++] = (int32_t)id;
        at = end;
    }
    return ZO_OK;
}

/* Bytes that are no UTF-8 become U+FFFD, one for each: JSON cannot hold them. */
static json_t *json_text(const char *s, size_t n)
{
    static const char replacement[] = "\xEF\xBF\xBD";
    char *clean = malloc(3 * n + 1);
    size_t to = 0;
    for (size_t at = 0; clean && at < n;) {
        int bytes = zo_utf8_decode(s + at, n - at, NULL);
        memcpy(clean + to, bytes ? s + at : replacement, bytes ? (size_t)bytes : 3);
        to += bytes ? (size_t)bytes : 3;
        at += bytes ? (size_t)bytes : 1;
    }
    json_t *text = clean ? json_stringn(clean, to) : NULL;
    free(clean);
    return text;
}

static zo_status decode_line(work *w, const char *line, size_t n, zo_error *err)
{
    size_t count = 0, bytes = 0;
    zo_status st = room(&w->ids, &w->ids_cap, n / 2 + 1, sizeof *w->ids, err);
    if (!st && strlen(line) != n)
        st = zo_fail(err, ZO_ERR_FORMAT, "a NUL byte is no token id");
    if (!st)
        st = parse_ids(w, line, &count, err);
    if (!st)
        st = zo_tokenizer_decode(w->t, w->ids, count, w->how.special, w->text, w->text_cap, &bytes, err);
    if (!st && bytes > w->text_cap) {
        st = room(&w->text, &w->text_cap, bytes, 1, err);
        if (!st)
            st = zo_tokenizer_decode(w->t, w->ids, count, w->how.special, w->text, w->text_cap, &bytes, err);
    }
    if (st)
        return st;
    if (w->how.json) {
        json_t *text = json_text(w->text, bytes);
        if (!text || json_dumpf(text, stdout, JSON_ENCODE_ANY))
            st = zo_fail(err, ZO_ERR_MEMORY, "write a line: out of memory");
        json_decref(text);
    } else if (bytes > 0) {
        fwrite(w->text, 1, bytes, stdout);
    }
    putchar('\n');
    return st;
}

/* Handles every line of stdin, without its line feed, and writes one line for each to stdout. Lines to decode hold whole numbers
 * between blanks, commas and brackets. Lines before one that fails have been written. */
static zo_status convert_lines(const zo_tokenizer *t, form how, zo_error *err)
{
    work w = {.t = t, .how = how};
    char *line = NULL;
    size_t cap = 0, number = 0;
    ssize_t n;
    zo_status st = ZO_OK;
    while (!st && (n = getline(&line, &cap, stdin)) >= 0) {
        number++;
        if (n > 0 && line[n - 1] == '\n')
            line[--n] = 0;
        st = how.decode ? decode_line(&w, line, (size_t)n, err) : encode_line(&w, line, (size_t)n, err);
        if (st)
            zo_error_context(err, "line %zu", number);
    }
    if (!st && ferror(stdin))
        st = zo_fail(err, ZO_ERR_IO, "read lines: %s", strerror(errno));
    if (!st && (fflush(stdout) != 0 || ferror(stdout)))
        st = zo_fail(err, ZO_ERR_IO, "write lines: %s", strerror(errno));
    free(line);
    free(w.ids);
    free(w.text);
    return st;
}

static zo_status run(const char *model, form how, zo_error *err)
{
    zo_mem mem = {0};
    zo_tokenizer *t = NULL;
    char path[4096];
    zo_status st = bench_model_path(model, path, sizeof path, err);
    if (!st)
        st = zo_tokenizer_open(path, &mem, &t, err);
    if (!st)
        st = convert_lines(t, how, err);
    zo_tokenizer_free(t);
    return st;
}

int bench_cmd_tokenize(int argc, char **argv)
{
    const char *model = "smollm2-135m";
    form how = {0};
    const bench_flag flags[] = {
        {.name = "model",
         .text = &model,
         .value = "M",
         .help = "a model's name or path, or a tokenizer.json (default smollm2-135m)"},
        {.name = "decode",
         .set = &how.decode,
         .help =
             "read lines of ids instead, and print the text of each; a text may have line ends of its own"},
        {.name = "special",
         .set = &how.special,
         .help = "add what the model puts around a text (BOS), and read special tokens that are written out, "
                 "such as <|im_start|>; with --decode: print special tokens too"},
        {.name = "json",
         .set = &how.json,
         .help = "print each line as JSON: an array of ids, or with --decode a string, in which a byte that "
                 "is no UTF-8 is U+FFFD"},
        {0}};
    int code = bench_flags(argc, argv, flags, 0, 0, usage);
    if (code >= 0)
        return code;
    zo_error err = {0};
    (void)run(model, how, &err);
    return bench_command_end("tokenize", &err, BENCH_EXIT_OK);
}
