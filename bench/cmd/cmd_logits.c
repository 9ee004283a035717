/* zobench logits: the likeliest next tokens after a prompt. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/cmd/commands.h"
#include "bench/base/exit.h"
#include "bench/cmd/flags.h"
#include "bench/backend/model.h"

typedef struct request {
    bench_model_wanted model;
    const char *prompt;
    long top;
    bool json;
} request;

static void usage(FILE *to)
{
    fputs("usage: zobench logits [OPTIONS] PROMPT\n"
          "\n"
          "Prints the N largest logits after PROMPT: id, logit, token.\n",
          to);
}

/* Index of the largest logit that is less than `below`, or equal to it and behind `after`. */
static int32_t next_largest(const float *x, int32_t n, float below, int32_t after)
{
    int32_t best = -1;
    for (int32_t i = 0; i < n; i++) {
        int later = x[i] < below || (x[i] == below && i > after);
        if (later && (best < 0 || x[i] > x[best]))
            best = i;
    }
    return best;
}

static zo_status print_one(const bench_model *m, const float *logits, int32_t id, json_t *list, zo_mem *mem,
                           zo_error *err)
{
    char *text = NULL;
    size_t bytes = 0;
    if (list) {
        json_array_append_new(list, json_pack("{s:i, s:o}", "id", id, "logit", json_real(logits[id])));
        return ZO_OK;
    }
    zo_status st = bench_model_decode(m, &id, 1, mem, &text, &bytes, err);
    if (!st) {
        json_t *quoted = json_stringn(text, bytes);
        char *shown = quoted ? json_dumps(quoted, JSON_ENCODE_ANY | JSON_ENSURE_ASCII) : NULL;
        printf("%6d %12.6f  %s\n", id, logits[id], shown ? shown : "(part of a character)");
        free(shown);
        json_decref(quoted);
    }
    zo_mem_free(text);
    return st;
}

static zo_status print_logits(const request *r, const bench_model *m, const int32_t *ids, int32_t count,
                              const float *logits, zo_mem *mem, zo_error *err)
{
    zo_status st = ZO_OK;
    json_t *list = r->json ? json_array() : NULL;
    int32_t n = r->top && r->top < m->config.vocab ? (int32_t)r->top : m->config.vocab, id = -1;
    for (int32_t i = 0; i < n && !st; i++) {
        id = r->top ? next_largest(logits, m->config.vocab, id < 0 ? 3.4e38f : logits[id], id) : i;
        if (id >= 0)
            st = print_one(m, logits, id, list, mem, err);
    }
    if (list && !st) {
        json_t *prompt = json_array();
        for (int32_t i = 0; i < count; i++)
            json_array_append_new(prompt, json_integer(ids[i]));
        bench_command_print(json_pack("{s:o, s:O}", "ids", prompt, "logits", list), JSON_COMPACT);
    }
    json_decref(list);
    return st;
}

static zo_status show(const request *r, zo_error *err)
{
    zo_mem mem = {0};
    bench_model m;
    int32_t *ids = NULL, count = 0;
    zo_decoder *d = NULL;
    const float *logits = NULL;
    zo_compute compute;
    zo_status st = bench_model_open_wanted(&r->model, 0, &mem, &m, &compute, err);
    if (st)
        return st;
    st = bench_model_encode(&m, r->prompt, strlen(r->prompt), &mem, &ids, &count, err);
    if (!st && count == 0)
        st = zo_fail(err, ZO_ERR_INVALID, "logits: the prompt has no tokens");
    if (!st)
        st = zo_decoder_new(m.llama, m.lora, compute, count ? count : 1, &mem, &d, err);
    if (!st)
        st = zo_decoder_feed(d, ids, count, &logits, err);
    if (!st)
        st = print_logits(r, &m, ids, count, logits, &mem, err);
    zo_decoder_free(d);
    zo_mem_free(ids);
    bench_model_close(&m);
    return st;
}

int bench_cmd_logits(int argc, char **argv)
{
    request r = {.model = BENCH_MODEL_WANTED, .top = 10};
    const bench_flag flags[] = {
        BENCH_MODEL_FLAGS(r.model),
        {.name = "top",
         .number = &r.top,
         .low = 0,
         .high = INT32_MAX,
         .value = "N",
         .help = "how many (default 10); 0: the whole vocabulary, in order of id"},
        {.name = "json",
         .set = &r.json,
         .help = "one JSON object: {\"ids\": [...], \"logits\": [{\"id\", \"logit\"}, ...]}"},
        {0}};
    int code = bench_flags(argc, argv, flags, 1, 1, usage);
    if (code >= 0)
        return code;
    r.prompt = argv[optind];
    zo_error err = {0};
    (void)show(&r, &err);
    return bench_command_end("logits", &err, BENCH_EXIT_OK);
}
