/* Fuzz target of the tokenizer. The first byte says what the rest is:
 *
 *   0  a tokenizer.json       1  a GGUF file: whatever opens must encode and decode, and free all it took
 *   2  text for a byte-level tokenizer, whose decoding must give the text back
 *   3  text for a SentencePiece tokenizer: the same, but for U+2581, which decodes as a space
 *   4  a pattern, a NUL and a text that it cuts: no byte may be lost
 *
 * Run: make fuzz && scripts/fuzz-seeds /tmp/seeds
 *      build/fuzz/core/tokenizer_fuzz -max_len=4096 /tmp/seeds/tokenizer
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fuzz_fixture.h"
#include "core/text/pretokenizer.h"
#include "core/text/tokenizer.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);

static zo_mem mem;
static zo_tokenizer *byte_level, *sentencepiece;

/* Every byte, a few merges, the pattern of Llama 3 and added tokens of each kind. */
static zo_tokenizer *make_byte_level(void)
{
    static char json[16384];
    size_t n = (size_t)sprintf(
        json, "{\"added_tokens\": [{\"id\": 260, \"content\": \"<s>\", \"special\": true,"
              " \"normalized\": false}, {\"id\": 261, \"content\": \"<x>\"}],"
              " \"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [{\"type\":"
              " \"Split\", \"pattern\": {\"Regex\": \"(?i:'s|'t|'re|'ve|'m|'ll|'d)|"
              "[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}{1,3}| ?[^\\\\s\\\\p{L}\\\\p{N}]+"
              "[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+\"}, \"behavior\": \"Isolated\"},"
              " {\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"use_regex\": false}]},"
              " \"decoder\": {\"type\": \"ByteLevel\"}, \"model\": {\"type\": \"BPE\", \"vocab\": {");
    for (int b = 0, k = 0; b < 256; b++) {
        int self = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b != 0xAD);
        n += (size_t)sprintf(json + n, "\"\\u%04x\": %d, ", self ? b : 0x100 + k++, b);
    }
    sprintf(json + n, "\"ab\": 256, \"abab\": 257, \"\\u0120a\": 258, \"aa\": 259},"
                      " \"merges\": [\"a b\", \"ab ab\", \"\\u0120 a\", \"a a\"]}}");
    zo_tokenizer *t = NULL;
    zo_error err = {0};
    zo_tokenizer_from_json(json, strlen(json), "built in", &mem, &t, &err);
    CHECK(t || (fprintf(stderr, "%s\n", err.text), 0));
    return t;
}

static zo_tokenizer *make_sentencepiece(void)
{
    static char json[16384];
    size_t n = (size_t)sprintf(
        json, "{\"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"Prepend\","
              " \"prepend\": \"\\u2581\"}, {\"type\": \"Replace\", \"pattern\": {\"String\": \" \"},"
              " \"content\": \"\\u2581\"}]}, \"decoder\": {\"type\": \"Sequence\", \"decoders\":"
              " [{\"type\": \"Replace\", \"pattern\": {\"String\": \"\\u2581\"}, \"content\": \" \"},"
              " {\"type\": \"ByteFallback\"}, {\"type\": \"Fuse\"}, {\"type\": \"Strip\", \"content\":"
              " \" \", \"start\": 1, \"stop\": 0}]}, \"model\": {\"type\": \"BPE\","
              " \"byte_fallback\": true, \"vocab\": {");
    for (int b = 0; b < 256; b++)
        n += (size_t)sprintf(json + n, "\"<0x%02X>\": %d, ", (unsigned)b, b);
    sprintf(
        json + n,
        "\"\\u2581\": 256, \"a\": 257, \"b\": 258, \"ab\": 259, \"\\u2581a\": 260, \"\\u2581\\u2581\": 261,"
        " \"\\u00e9\": 262}, \"merges\": [\"a b\", \"\\u2581 a\", \"\\u2581 \\u2581\"]}}");
    zo_tokenizer *t = NULL;
    zo_error err = {0};
    zo_tokenizer_from_json(json, strlen(json), "built in", &mem, &t, &err);
    CHECK(t || (fprintf(stderr, "%s\n", err.text), 0));
    return t;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    byte_level = make_byte_level();
    sentencepiece = make_sentencepiece();
    return 0;
}

/* Encodes, decodes what came out, and returns the text (free it), or NULL where the tokenizer refuses it. */
static char *there_and_back(const zo_tokenizer *t, const char *text, size_t n, int flags, size_t *back_n)
{
    size_t count = 0, again = 0;
    if (zo_tokenizer_encode(t, text, n, flags, NULL, 0, &count, NULL) != ZO_OK)
        return NULL;
    int32_t *ids = malloc((count + 1) * sizeof *ids);
    CHECK(zo_tokenizer_encode(t, text, n, flags, ids, count, &again, NULL) == ZO_OK && again == count);
    CHECK(zo_tokenizer_decode(t, ids, count, true, NULL, 0, back_n, NULL) == ZO_OK);
    char *back = malloc(*back_n + 1);
    CHECK(zo_tokenizer_decode(t, ids, count, true, back, *back_n, &again, NULL) == ZO_OK && again == *back_n);
    free(ids);
    return back;
}

static void try_model(const uint8_t *data, size_t size, int gguf)
{
    static const char text[] = "Hello  ab abab\n\t<s> \xE2\x96\x81 \xC3\xA9\xFF 123's";
    zo_tokenizer *t = NULL;
    zo_error err = {0};
    zo_status st = gguf ? zo_tokenizer_from_gguf(data, size, "fuzz", &mem, &t, &err)
                        : zo_tokenizer_from_json((const char *)data, size, "fuzz", &mem, &t, &err);
    CHECK(!t == (st != ZO_OK) && err.status == st && !err.text[0] == !st);
    size_t n;
    for (int flags = 0; t && flags < 4; flags++)
        free(there_and_back(t, text, sizeof text - 1, flags, &n));
    zo_tokenizer_free(t);
}

static void try_byte_level(const char *text, size_t n)
{
    size_t back_n = 0;
    for (int parse = 0; parse < 2; parse++) {
        char *back = there_and_back(byte_level, text, n, parse ? ZO_ENCODE_PARSE : 0, &back_n);
        CHECK(back && back_n == n && (n == 0 || memcmp(back, text, n) == 0));
        free(back);
    }
}

static void try_sentencepiece(const char *text, size_t n)
{
    size_t back_n = 0, at = 0;
    char *back = there_and_back(sentencepiece, text, n, 0, &back_n);
    CHECK(back);
    for (size_t i = 0; i < n; at++) {
        int mark = n - i >= 3 && memcmp(text + i, "\xE2\x96\x81", 3) == 0;
        CHECK(at < back_n && back[at] == (mark ? ' ' : text[i]));
        i += mark ? 3 : 1;
    }
    CHECK(at == back_n);
    free(back);
}

static void try_pattern(const char *data, size_t size)
{
    const char *nul = memchr(data, 0, size);
    if (!nul)
        return;
    zo_pre p;
    zo_pieces pieces;
    size_t n = (size_t)(nul - data), rest = size - n - 1, at = 0;
    rest = rest < 64 ? rest : 64; /* so that patterns that backtrack end soon */
    CHECK(zo_pre_init(&p, &mem, NULL) == ZO_OK);
    if (zo_pre_pattern(&p, data, n, false, NULL) == ZO_OK) {
        CHECK(zo_pieces_init(&pieces, nul + 1, rest, &mem, NULL) == ZO_OK);
        if (zo_pre_apply(&p, &pieces, NULL) == ZO_OK) {
            for (size_t i = 0; i < pieces.count; at += pieces.piece[i++].n)
                CHECK(pieces.piece[i].start == at && pieces.piece[i].n > 0);
            CHECK(at == rest);
        }
        zo_pieces_deinit(&pieces);
    }
    zo_pre_deinit(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    size_t before = mem.now[ZO_ACCOUNT_DATA];
    const char *text = (const char *)data + 1;
    switch (data[0] % 5) {
    case 0:
    case 1:
        try_model(data + 1, size - 1, data[0] % 5);
        break;
    case 2:
        try_byte_level(text, size - 1);
        break;
    case 3:
        try_sentencepiece(text, size - 1);
        break;
    case 4:
        try_pattern(text, size - 1);
        break;
    }
    CHECK(mem.now[ZO_ACCOUNT_DATA] == before);
    return 0;
}
