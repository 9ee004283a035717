/* zobench tokenize: text to token ids and back, line by line. */
#include <stdio.h>

#include "bench/cmd/commands.h"
#include "bench/base/exit.h"
#include "bench/cmd/flags.h"
#include "bench/base/paths.h"
#include "bench/cmd/tokenize.h"

static void usage(FILE *to)
{
    fputs("usage: zobench tokenize [OPTIONS] < LINES\n"
          "\n"
          "Reads lines of text and prints the token ids of each on a line of its own.\n",
          to);
}

static zo_status run(const char *model, bench_tokenize how, zo_error *err)
{
    zo_mem mem = {0};
    zo_tokenizer *t = NULL;
    char path[4096];
    zo_status st = bench_model_path(model, path, sizeof path, err);
    if (!st)
        st = zo_tokenizer_open(path, &mem, &t, err);
    if (!st)
        st = bench_tokenize_lines(t, how, stdin, stdout, err);
    zo_tokenizer_free(t);
    return st;
}

int bench_cmd_tokenize(int argc, char **argv)
{
    const char *model = "smollm2-135m";
    bench_tokenize how = {0};
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
    if (run(model, how, &err)) {
        fprintf(stderr, "zobench tokenize: %s\n", err.text);
        return BENCH_EXIT_USAGE;
    }
    return BENCH_EXIT_OK;
}
