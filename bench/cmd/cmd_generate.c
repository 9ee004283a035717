/* zobench generate: greedy continuation of a prompt. */
#include <stdio.h>
#include <string.h>

#include "bench/cmd/commands.h"
#include "bench/base/exit.h"
#include "bench/cmd/flags.h"
#include "bench/backend/model.h"

static void usage(FILE *to)
{
    fputs("usage: zobench generate [OPTIONS] PROMPT\n"
          "\n"
          "Continues PROMPT greedily and prints prompt and continuation.\n",
          to);
}

/* Feeds the prompt, then the likeliest token again and again, until the end token or the room is used up. */
static zo_status continue_ids(const bench_model *m, zo_compute compute, int32_t *ids, int32_t *count,
                              int32_t room, zo_mem *mem, zo_error *err)
{
    zo_decoder *d = NULL;
    const float *logits = NULL;
    zo_status st = zo_decoder_new(m->llama, m->lora, compute, room, mem, &d, err);
    if (!st)
        st = zo_decoder_feed(d, ids, *count, &logits, err);
    while (!st && *count < room) {
        int32_t next = zo_argmax(logits, m->config.vocab);
        if (next == zo_tokenizer_eos(m->tokenizer) || next == zo_tokenizer_bos(m->tokenizer))
            break;
        ids[(*count)++] = next;
        if (*count < room)
            st = zo_decoder_feed(d, &next, 1, &logits, err);
    }
    zo_decoder_free(d);
    return st;
}

typedef struct request {
    bench_model_wanted model;
    const char *prompt;
    long room;
    bool as_ids;
} request;

static zo_status generate(const request *r, zo_error *err)
{
    zo_compute compute;
    zo_mem mem = {0};
    bench_model m;
    int32_t *ids = NULL, *prompt_ids = NULL, count = 0, room = (int32_t)r->room;
    char *text = NULL;
    size_t bytes = 0;
    zo_status st = bench_model_open_wanted(&r->model, room, &mem, &m, &compute, err);
    if (st)
        return st;
    st = bench_model_encode(&m, r->prompt, strlen(r->prompt), &mem, &prompt_ids, &count, err);
    if (!st && count == 0)
        st =
            zo_fail(err, ZO_ERR_INVALID, "generate: the prompt has no tokens and the model starts with none");
    if (!st && count > room)
        st = zo_fail(err, ZO_ERR_INVALID, "generate: the prompt has %d tokens, more than --tokens %d", count,
                     room);
    if (!st)
        st = zo_mem_array(&mem, ZO_ACCOUNT_DATA, (size_t)room, sizeof *ids, "token ids", &ids, err);
    if (!st) {
        memcpy(ids, prompt_ids, (size_t)count * sizeof *ids);
        st = continue_ids(&m, compute, ids, &count, room, &mem, err);
    }
    if (!st && r->as_ids) {
        for (int32_t i = 0; i < count; i++)
            printf(i ? " %d" : "%d", ids[i]);
        putchar('\n');
    } else if (!st) {
        st = bench_model_decode(&m, ids, count, &mem, &text, &bytes, err);
        if (!st) {
            fwrite(text, 1, bytes, stdout);
            putchar('\n');
        }
    }
    zo_mem_free(ids);
    zo_mem_free(prompt_ids);
    zo_mem_free(text);
    bench_model_close(&m);
    return st;
}

int bench_cmd_generate(int argc, char **argv)
{
    request r = {.model = BENCH_MODEL_WANTED, .room = 64};
    const bench_flag flags[] = {BENCH_MODEL_FLAGS(r.model),
                                {.name = "tokens",
                                 .number = &r.room,
                                 .low = 1,
                                 .high = 1 << 20,
                                 .value = "N",
                                 .help = "at most N positions in all, prompt included (default 64)"},
                                {.name = "ids", .set = &r.as_ids, .help = "print token ids instead of text"},
                                {0}};
    int code = bench_flags(argc, argv, flags, 1, 1, usage);
    if (code >= 0)
        return code;
    r.prompt = argv[optind];
    zo_error err = {0};
    (void)generate(&r, &err);
    return bench_command_end("generate", &err, BENCH_EXIT_OK);
}
