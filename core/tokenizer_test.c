/* Tests of the tokenizer: ids against those of other implementations over real data (recorded as digests by
 * scripts/reference_tokenize.py), decoding as the inverse of encoding, and refusal of what is wrong or unknown. */
#include "core/tokenizer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <jansson.h>
#include <openssl/evp.h>

#include "core/file.h"
#include "core/gguf.h"

#define MODEL "models/smollm2-135m.gguf"
#define NASTY "core/tokenizer_test.json"

static zo_mem mem;

static size_t held(void)
{
    return mem.now[ZO_ACCOUNT_DATA];
}

/* --- texts and digests --------------------------------------------------------------------------------------- */

typedef struct reference {
    const char *name;
    size_t texts, ids;
    const char *sha256;
} reference;

/* A digest under way, as digest() of the script. */
typedef struct tally {
    const zo_tokenizer *t;
    int flags;
    bool round_trip; /* decoding must give the text back */
    EVP_MD_CTX *md;
    size_t texts, ids;
} tally;

static void hex_of(EVP_MD_CTX *md, char out[65])
{
    unsigned char bytes[32];
    assert_int_equal(EVP_DigestFinal_ex(md, bytes, NULL), 1);
    for (int i = 0; i < 32; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    EVP_MD_CTX_free(md);
}

static EVP_MD_CTX *new_digest(void)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestInit_ex(md, EVP_sha256(), NULL), 1);
    return md;
}

/* All ids of a text; free() them. */
static int32_t *encode(const zo_tokenizer *t, const char *text, size_t n, int flags, size_t *count)
{
    zo_error err = {0};
    size_t again = 0;
    if (zo_tokenizer_encode(t, text, n, flags, NULL, 0, count, &err))
        fail_msg("%s", err.text);
    int32_t *ids = malloc((*count + 1) * sizeof *ids);
    ids[*count] = 0x5A5A5A5A;
    assert_int_equal(zo_tokenizer_encode(t, text, n, flags, ids, *count, &again, &err), ZO_OK);
    assert_int_equal(again, *count);
    assert_int_equal(ids[*count], 0x5A5A5A5A); /* nothing past cap */
    return ids;
}

static char *decode(const zo_tokenizer *t, const int32_t *ids, size_t n, bool keep, size_t *bytes)
{
    zo_error err = {0};
    size_t again = 0;
    if (zo_tokenizer_decode(t, ids, n, keep, NULL, 0, bytes, &err))
        fail_msg("%s", err.text);
    char *text = malloc(*bytes + 1);
    text[*bytes] = 'Z';
    assert_int_equal(zo_tokenizer_decode(t, ids, n, keep, text, *bytes, &again, &err), ZO_OK);
    assert_int_equal(again, *bytes);
    assert_int_equal(text[*bytes], 'Z');
    text[*bytes] = 0;
    return text;
}

static void add_text(tally *y, const char *text, size_t n)
{
    const int32_t end = -1; /* little-endian hosts only, as all of this program */
    size_t count, bytes;
    int32_t *ids = encode(y->t, text, n, y->flags, &count);
    EVP_DigestUpdate(y->md, ids, count * sizeof *ids);
    EVP_DigestUpdate(y->md, &end, sizeof end);
    y->texts++;
    y->ids += count;
    if (y->round_trip) {
        char *back = decode(y->t, ids, count, true, &bytes);
        if (bytes != n || memcmp(back, text, n) != 0)
            fail_msg("decode(encode(x)) differs for \"%.100s\": \"%.100s\"", text, back);
        free(back);
    }
    free(ids);
}

static void add_strings(tally *y, const json_t *value)
{
    const char *key;
    json_t *item;
    size_t i;
    if (json_is_string(value))
        add_text(y, json_string_value(value), json_string_length(value));
    json_object_foreach((json_t *)value, key, item) add_strings(y, item);
    json_array_foreach((json_t *)value, i, item) add_strings(y, item);
}

static void add_file(tally *y, const char *path)
{
    zo_file_map map;
    zo_error err = {0};
    if (zo_file_map_open(path, &map, &err))
        fail_msg("%s", err.text);
    bool tsv = strcmp(path + strlen(path) - 4, ".tsv") == 0;
    const char *at = map.data, *end = at + map.bytes;
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop ? stop : end;
        if (stop > at && !tsv) {
            json_error_t e;
            json_t *row = json_loadb(at, (size_t)(stop - at), JSON_ALLOW_NUL, &e);
            assert_non_null(row);
            add_strings(y, row);
            json_decref(row);
        }
        for (const char *field = at, *tab; tsv && stop > at && field <= stop; field = tab + 1) {
            tab = memchr(field, '\t', (size_t)(stop - field));
            tab = tab ? tab : stop;
            add_text(y, field, (size_t)(tab - field));
        }
        at = stop + 1;
    }
    zo_file_map_close(&map);
}

static void add_nasty(tally *y)
{
    json_error_t e;
    size_t i;
    json_t *item, *all = json_load_file(NASTY, JSON_ALLOW_NUL, &e);
    assert_non_null(all);
    json_array_foreach(all, i, item)
    {
        const json_t *one = json_is_array(item) ? json_array_get(item, 0) : item;
        size_t n = json_string_length(one);
        size_t copies = json_is_array(item) ? (size_t)json_integer_value(json_array_get(item, 1)) : 1;
        char *text = malloc(n * copies + 1);
        for (size_t k = 0; k < copies; k++)
            memcpy(text + k * n, json_string_value(one), n);
        text[n * copies] = 0;
        add_text(y, text, n * copies);
        free(text);
    }
    json_decref(all);
}

static void check(tally *y, const reference *r)
{
    char hex[65];
    hex_of(y->md, hex);
    if (y->texts != r->texts || y->ids != r->ids || strcmp(hex, r->sha256) != 0)
        fail_msg("%s: %zu texts, %zu ids, %s; the reference has %zu, %zu, %s", r->name, y->texts, y->ids, hex,
                 r->texts, r->ids, r->sha256);
}

static const char *data_dir(void)
{
    const char *dir = getenv("ZOBENCH_TEST_DATA");
    return dir ? dir : "../shared/data";
}

/* Every row that is a data file. */
static void check_files(const zo_tokenizer *t, const reference *rows, size_t n, bool round_trip)
{
    for (size_t i = 0; i < n; i++) {
        char path[4096];
        tally y = {.t = t, .md = new_digest(), .round_trip = round_trip};
        snprintf(path, sizeof path, "%s/%s", data_dir(), rows[i].name);
        add_file(&y, path);
        check(&y, &rows[i]);
    }
}

/* --- SmolLM2 ------------------------------------------------------------------------------------------------- */

/* scripts/reference_tokenize.py smollm2, with tokenizers 0.23.3. */
static const reference smollm2_files[] = {
    {"arc_easy/train.jsonl", 9998, 46074, "ccfc439121b7f49da097a52ff9c878bd646b479f20223a6eee1b21dd611ca966"},
    {"arc_easy/validation.jsonl", 6272, 32521,
     "cb2fd957b7996f1dfb93e77dcd644792115e35d2d9a24690710f656e7d702297"},
    {"boolq/train.jsonl", 1000, 68840, "938d871305951bb865cae93a1830a9cd5771559357b5f2bb3ac57a7974744b1d"},
    {"boolq/train_last500.jsonl", 1000, 69864,
     "052f2ac7923ba31dccc9b97c0342035cded4f571c7f4f834c7db9c2e93fc8fe7"},
    {"boolq/validation.jsonl", 2000, 138535,
     "20827d78565d34a09a80f7212a5ac87a78748954c5681c289478b4c4d48b7dd5"},
    {"copa/train.jsonl", 1600, 8658, "25ebb924d02ca99224ac7ff38c6cf2db7c0c185801f76879f1865b683cc56a6e"},
    {"copa/validation.jsonl", 400, 2212, "2a797aee83f7381066cae579ed07dcc7a84d7f0099f192681b0d334a406daa7b"},
    {"drop/sample.jsonl", 114, 6255, "6e296a546da56d77235194367273526ecb973ffd10b287965a7ec344b6829bff"},
    {"hellaswag/validation.jsonl", 7000, 87252,
     "17bf19b2e13862ba72b95dc2246fe1fa638afac283bd7b2d674c908a11601104"},
    {"mrpc/train.jsonl", 2000, 54087, "8a0e6f54e732bd8c98ac05367636a6df7fc1e5dc8f1d354a1dab1ea78749f8ba"},
    {"mrpc/validation.jsonl", 816, 22083, "ed2817d068ee34736250d504863dff85aaa791895fa5702f3970f8b749202857"},
    {"multirc/train.jsonl", 3000, 405056, "b91151d8b4e3f2b17ab6345cdfb3a5b04a5c1f3b7602cdbab3a39da82dbad29b"},
    {"multirc/validation.jsonl", 3000, 336002,
     "9c6fcb62c832771633229f6bf2a007e04c21d7c74b4add36a7edeb63e598eb5f"},
    {"qnli/validation.jsonl", 2000, 50985,
     "bb76006f573921e5e0fceab4c04c2c199d59c497b0b816135f0faeaa1b0ea2b4"},
    {"rte/original/val.jsonl", 831, 20318,
     "d8b6702dbbfc4dacc92731f59af8ab94e365e1b6b92fde161e97a1a3f53212cf"},
    {"rte/train.jsonl", 2000, 72346, "8bc13cbaee7375971f046c12ff6410e47cb024f4f42985b3ce317f490a98f039"},
    {"rte/validation.jsonl", 554, 19225, "91313711dc7619489d3c1a60fe3356ff640e52d162ef5798d3c1386cbd773f63"},
    {"squad/validation_subset.jsonl", 5000, 222574,
     "3f8c7012ab3cd6bff5d803e6b0a162bb4256fbe0ee60bc338bb19e2dbcf61137"},
    {"sst2/original/dev.tsv", 1746, 22060,
     "d721bb08ceb4cefc0ab64edf0dc03442de0491ae69bfe2bae70c57c87ea3f4af"},
    {"sst2/train.jsonl", 1000, 12524, "f9318c8f0f0d33561538dedc35f476d190f6c2c46075b0cea09e71787b99b3b5"},
    {"sst2/validation.jsonl", 872, 21186, "8e7978405460e338e340728d4074de9f842c51c0c61e3c147cc0ae7a4db5d706"},
};
static const reference smollm2_nasty[] = {
    {"nasty", 75, 5483, "1154655ec82d2a0de9da22701fdc5ee5e1fa1d24bf126d0383a1e4c1c0e9c04d"},
    {"nasty, special tokens parsed", 75, 5407,
     "5584314e6ebfa077117464c3446e9e128d447c7613717b6390eab24d48c06e47"},
};
static const reference smollm2_random = {"-", 20000, 135269,
                                         "84c6ad346fc541d6469bf62076ea41973a42a894047809598bd43aecb02089cc"};

/* A tokenizer.json from the tokens and merges of a GGUF file, as the model's own is. free() it. */
static char *smollm2_json(const char *path)
{
    zo_gguf *g = NULL;
    zo_error err = {0};
    if (zo_gguf_open(path, &mem, &g, &err))
        fail_msg("%s", err.text);
    json_t *vocab = json_object(), *merges = json_array(), *added = json_array();
    int64_t n = zo_gguf_array_strings(g, "tokenizer.ggml.tokens");
    for (int64_t i = 0; i < n; i++) {
        zo_gguf_str s = zo_gguf_array_string(g, "tokenizer.ggml.tokens", i);
        json_t *text = json_stringn(s.s, s.n);
        json_object_set_new(vocab, json_string_value(text), json_integer(i));
        if (zo_gguf_array_number(g, "tokenizer.ggml.token_type", i) == 3)
            json_array_append_new(added, json_pack("{s:I, s:O, s:b, s:b, s:b, s:b, s:b}", "id", (json_int_t)i,
                                                   "content", text, "single_word", 0, "lstrip", 0, "rstrip",
                                                   0, "normalized", 0, "special", 1));
        json_decref(text);
    }
    n = zo_gguf_array_strings(g, "tokenizer.ggml.merges");
    for (int64_t i = 0; i < n; i++) {
        zo_gguf_str s = zo_gguf_array_string(g, "tokenizer.ggml.merges", i);
        json_array_append_new(merges, json_stringn(s.s, s.n));
    }
    zo_gguf_free(g);
    json_t *root =
        json_pack("{s:s, s:n, s:n, s:o, s:n, s:{s:s, s:[{s:s, s:b}, {s:s, s:b, s:b, s:b}]}, s:n, s:{s:s, "
                  "s:b, s:b, s:b},"
                  " s:{s:s, s:n, s:n, s:n, s:n, s:b, s:b, s:b, s:o, s:o}}",
                  "version", "1.0", "truncation", "padding", "added_tokens", added, "normalizer",
                  "pre_tokenizer", "type", "Sequence", "pretokenizers", "type", "Digits", "individual_digits",
                  1, "type", "ByteLevel", "add_prefix_space", 0, "trim_offsets", 1, "use_regex", 1,
                  "post_processor", "decoder", "type", "ByteLevel", "add_prefix_space", 1, "trim_offsets", 1,
                  "use_regex", 1, "model", "type", "BPE", "dropout", "unk_token", "continuing_subword_prefix",
                  "end_of_word_suffix", "fuse_unk", 0, "byte_fallback", 0, "ignore_merges", 0, "vocab", vocab,
                  "merges", merges);
    assert_non_null(root);
    char *text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    return text;
}

static bool have(const char *path, const char *why)
{
    if (access(path, R_OK) == 0)
        return true;
    printf("skip: %s: no %s\n", why, path);
    return false;
}

static void check_smollm2(const zo_tokenizer *t)
{
    assert_int_equal(zo_tokenizer_vocab(t), 49152);
    assert_true(zo_tokenizer_byte_level(t));
    assert_false(zo_tokenizer_adds_bos(t));

    for (int parse = 0; parse < 2; parse++) {
        tally y = {.t = t, .md = new_digest(), .flags = parse ? ZO_ENCODE_PARSE : ZO_ENCODE_PLAIN};
        add_nasty(&y);
        check(&y, &smollm2_nasty[parse]);
    }

    int32_t *ids = malloc(smollm2_random.texts * sizeof *ids);
    uint64_t x = 1;
    for (size_t i = 0; i < smollm2_random.texts; i++) {
        x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        ids[i] = (int32_t)((x >> 33) % 49152);
    }
    tally y = {.md = new_digest(), .texts = smollm2_random.texts};
    char *text = decode(t, ids, smollm2_random.texts, true, &y.ids);
    EVP_DigestUpdate(y.md, text, y.ids);
    check(&y, &smollm2_random);
    free(text);
    free(ids);
}

static void smollm2_as_hugging_face(void **state)
{
    (void)state;
    zo_error err = {0};
    zo_tokenizer *t = NULL;
    if (!have(MODEL, "SmolLM2"))
        skip();
    if (zo_tokenizer_open(MODEL, &mem, &t, &err))
        fail_msg("%s", err.text);
    assert_int_equal(zo_tokenizer_bos(t), 1);
    assert_int_equal(zo_tokenizer_eos(t), 2);
    check_smollm2(t);
    if (have(data_dir(), "SmolLM2 over the data sets"))
        check_files(t, smollm2_files, sizeof smollm2_files / sizeof smollm2_files[0], true);
    zo_tokenizer_free(t);

    char *json = smollm2_json(MODEL);
    if (zo_tokenizer_from_json(json, strlen(json), "tokenizer.json", &mem, &t, &err))
        fail_msg("%s", err.text);
    check_smollm2(t);
    if (have(data_dir(), "SmolLM2 over the data sets"))
        check_files(t, smollm2_files, sizeof smollm2_files / sizeof smollm2_files[0], false);
    zo_tokenizer_free(t);
    free(json);
    assert_int_equal(held(), 0);
}

/* --- a GGUF file in memory ----------------------------------------------------------------------------------- */

typedef struct buffer {
    char *p;
    size_t n, cap;
} buffer;

static void put(buffer *b, const void *data, size_t n)
{
    if (b->n + n > b->cap) {
        b->cap = 2 * (b->n + n);
        b->p = realloc(b->p, b->cap);
    }
    memcpy(b->p + b->n, data, n);
    b->n += n;
}

static void put_u32(buffer *b, uint32_t v)
{
    put(b, &v, sizeof v);
}

static void put_u64(buffer *b, uint64_t v)
{
    put(b, &v, sizeof v);
}

static void put_text(buffer *b, const char *s, size_t n)
{
    put_u64(b, n);
    put(b, s, n);
}

/* GGUF's type numbers. */
enum { U32 = 4, I32 = 5, F32 = 6, BOOL = 7, STRING = 8, ARRAY = 9 };

/* An empty file; every key adds 1 to the count at byte 16. */
static void begin(buffer *b)
{
    *b = (buffer){0};
    put(b, "GGUF", 4);
    put_u32(b, 3);
    put_u64(b, 0);
    put_u64(b, 0);
}

static void put_key(buffer *b, const char *name, uint32_t type)
{
    char key[128];
    int n = snprintf(key, sizeof key, "tokenizer.ggml.%s", name);
    uint64_t keys;
    put_text(b, key, (size_t)n);
    put_u32(b, type);
    memcpy(&keys, b->p + 16, sizeof keys);
    keys++;
    memcpy(b->p + 16, &keys, sizeof keys);
}

static void put_string(buffer *b, const char *name, const char *value)
{
    put_key(b, name, STRING);
    put_text(b, value, strlen(value));
}

static void put_array(buffer *b, const char *name, uint32_t type, size_t count)
{
    put_key(b, name, ARRAY);
    put_u32(b, type);
    put_u64(b, count);
}

/* --- llama2.c's tokenizer ------------------------------------------------------------------------------------ */

#define TOK512 512

/* A SentencePiece vocabulary as tok512.bin states it. */
typedef struct pieces {
    char text[TOK512][64]; /* with U+2581 */
    float score[TOK512];
} pieces;

static void read_pieces(pieces *p)
{
    char path[4096];
    zo_file_map map;
    zo_error err = {0};
    snprintf(path, sizeof path, "%s/stories260k/tok512.bin", data_dir());
    if (zo_file_map_open(path, &map, &err))
        fail_msg("%s", err.text);
    const char *at = (const char *)map.data + 4;
    static const char *const special[] = {"<unk>", "<s>", "</s>"};
    for (int i = 0; i < TOK512; i++) {
        int32_t n;
        memcpy(&p->score[i], at, 4);
        memcpy(&n, at + 4, 4);
        at += 8;
        char *to = p->text[i];
        for (int k = 0; k < n && i >= 259; k++) { /* llama2.c's export wrote spaces for U+2581 */
            int bytes = snprintf(to, 8, "%s", at[k] == ' ' ? "\xE2\x96\x81" : (char[]){at[k], 0});
            to += bytes;
        }
        if (i < 259)
            snprintf(to, 64, "%.*s", (int)n, at);
        if (i < 3)
            snprintf(to, 64, "%s", special[i]);
        at += n;
    }
    assert_true(at == (const char *)map.data + map.bytes);
    zo_file_map_close(&map);
}

static buffer tok512_gguf(const pieces *p)
{
    buffer b;
    begin(&b);
    put_string(&b, "model", "llama");
    put_array(&b, "tokens", STRING, TOK512);
    for (int i = 0; i < TOK512; i++)
        put_text(&b, p->text[i], strlen(p->text[i]));
    put_array(&b, "scores", F32, TOK512);
    put(&b, p->score, sizeof p->score);
    put_array(&b, "token_type", I32, TOK512);
    for (int i = 0; i < TOK512; i++)
        put_u32(&b, i == 0 ? 2 : i < 3 ? 3 : i < 259 ? 6 : 1);
    return b;
}

static int find_piece(const pieces *p, const char *s, size_t n)
{
    for (int i = 259; i < TOK512; i++)
        if (strlen(p->text[i]) == n && memcmp(p->text[i], s, n) == 0)
            return i;
    return -1;
}

typedef struct join {
    float score;
    int id, left, right;
} join;

static int compare_joins(const void *a, const void *b)
{
    const join *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    if (x->id != y->id)
        return x->id - y->id;
    return x->left != y->left ? x->left - y->left : x->right - y->right;
}

/* The same as tokenizer.json, as transformers converts a SentencePiece file: merges_of() of the script. */
static char *tok512_json(const pieces *p)
{
    static join joins[4096];
    size_t n = 0;
    for (int i = 259; i < TOK512; i++) {
        size_t bytes_n = strlen(p->text[i]);
        for (size_t k = 1; k < bytes_n; k++) {
            join j = {p->score[i], i, find_piece(p, p->text[i], k),
                      find_piece(p, p->text[i] + k, bytes_n - k)};
            if (j.left >= 0 && j.right >= 0)
                joins[n++] = j;
        }
    }
    qsort(joins, n, sizeof *joins, compare_joins);
    json_t *vocab = json_object(), *merges = json_array();
    for (int i = 0; i < TOK512; i++)
        json_object_set_new(vocab, p->text[i], json_integer(i));
    for (size_t i = 0; i < n; i++)
        json_array_append_new(merges, json_pack("[s, s]", p->text[joins[i].left], p->text[joins[i].right]));
    json_t *root = json_loads(
        "{\"added_tokens\": [{\"id\": 0, \"content\": \"<unk>\", \"normalized\": false, \"special\": true},"
        " {\"id\": 1, \"content\": \"<s>\", \"normalized\": false, \"special\": true},"
        " {\"id\": 2, \"content\": \"</s>\", \"normalized\": false, \"special\": true}],"
        " \"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"Prepend\", \"prepend\": "
        "\"\u2581\"},"
        "  {\"type\": \"Replace\", \"pattern\": {\"String\": \" \"}, \"content\": \"\u2581\"}]},"
        " \"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": [{\"SpecialToken\": {\"id\": "
        "\"<s>\"}},"
        "  {\"Sequence\": {\"id\": \"A\"}}], \"special_tokens\": {\"<s>\": {\"ids\": [1]}}},"
        " \"decoder\": {\"type\": \"Sequence\", \"decoders\": [{\"type\": \"Replace\","
        "  \"pattern\": {\"String\": \"\u2581\"}, \"content\": \" \"}, {\"type\": \"ByteFallback\"}, "
        "{\"type\": \"Fuse\"},"
        "  {\"type\": \"Strip\", \"content\": \" \", \"start\": 1, \"stop\": 0}]},"
        " \"model\": {\"type\": \"BPE\", \"unk_token\": \"<unk>\", \"fuse_unk\": true, \"byte_fallback\": "
        "true}}",
        0, NULL);
    json_object_set_new(json_object_get(root, "model"), "vocab", vocab);
    json_object_set_new(json_object_get(root, "model"), "merges", merges);
    char *text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    return text;
}

/* scripts/reference_tokenize.py tok512: sentencepiece 0.2.3 and tokenizers 0.23.3, which agree on every file. The last
 * row is of tokenizers, because sentencepiece has no special tokens in text. */
static const reference tok512_files[] = {
    {"arc_easy/train.jsonl", 9998, 132440,
     "4ab28b0082bc721ffb064c85ea2e3ed0611faee5511048caa1df5e1f14ee8e54"},
    {"arc_easy/validation.jsonl", 6272, 84631,
     "7b574a1499451bd2baa8a519ca275d39d3c4ad4e021c068a745f7282f383ce57"},
    {"boolq/train.jsonl", 1000, 186422, "8a23d97c408f731923f66892ba43390c66ec98f9ddcd4101edfa50588c4bfed3"},
    {"boolq/train_last500.jsonl", 1000, 189639,
     "e640fe50fe8aa95ba0eb39735abdcde2f91f529180830b3254c425b5cce2ec88"},
    {"boolq/validation.jsonl", 2000, 373673,
     "6a2bb7faac6b9a83e213c7b02c68557452cbd2e7d933661da2d66bed19061339"},
    {"copa/train.jsonl", 1600, 22164, "02bb024266708f57b16190ac3d170a64e4a32ad6fbd9029cd598c64fa7e87607"},
    {"copa/validation.jsonl", 400, 5532, "e0db84ee37f59bf65e575d9b5a5d72f6f51329021ae1c0b7db828573d960c7fd"},
    {"drop/sample.jsonl", 114, 14536, "33ad88a6dd93d84a60c26d7f38247cb80b71e97719f78679880c2f93acd58daf"},
    {"hellaswag/validation.jsonl", 7000, 213341,
     "874659dce04e385d259a43aa6f127caaea36d2e5f9bc79e70651da1193807d1c"},
    {"mrpc/train.jsonl", 2000, 148276, "e5dbf1439961fa203aa6d4540dc5b492a782b8385d399eb182131f53b315beec"},
    {"mrpc/validation.jsonl", 816, 60975, "2df24c907676c7ceaac9e698c04105d44ad09b3e0a837031ce7b6db78fe01f74"},
    {"multirc/train.jsonl", 3000, 1103190,
     "3e1b3d97f37bc6d7e366432b0acff6e4bc2ff30ea5d1186b7734afc58d530bd0"},
    {"multirc/validation.jsonl", 3000, 935727,
     "f6a738cfb41dca1e27a51a2e28b7214d2cd23f8086bf57ffae70ddd03acb0085"},
    {"qnli/validation.jsonl", 2000, 144231,
     "79e878692cbbaa45f468d18d98bbca204204cf566dbf59760199552f0c72984e"},
    {"rte/original/val.jsonl", 831, 55050,
     "d570339b05f7f8f7d3f47f72162c89c931b5f576f005faaa50cf9d9665f984e7"},
    {"rte/train.jsonl", 2000, 201501, "efd7434e63d9641d4bd9da8084224b95277271e53a45ca16b90997eeb0a6fe06"},
    {"rte/validation.jsonl", 554, 53126, "aeb9add9a2bb35ab3e1251e87bf852670bb50b0c9f6917f2f977ea8af6b61d66"},
    {"squad/validation_subset.jsonl", 5000, 595614,
     "e4a16855633ed26646276ca0f6ce7bd02311b6535558cf58dd5f87504f81c712"},
    {"sst2/original/dev.tsv", 1746, 57700,
     "f0cfd73f0e3e27e3e854de999caca354a4267978b0b784bf5a1a08a3f96ebbdf"},
    {"sst2/train.jsonl", 1000, 32716, "21d3284496fa863758cc73d0df97cfa02053d4b1c83dd19224719546df2042f1"},
    {"sst2/validation.jsonl", 872, 55947, "c51d9db803de74c69d713aaee4463377605101dd10ba50c8b74d8ec1aa597196"},
};
static const reference tok512_nasty[] = {
    {"nasty", 75, 9738, "3bb1b34b57dd92acf376e21ec657540ec38f1436861f9cf22abad65fcb6708c8"},
    {"nasty, special tokens parsed", 75, 9729,
     "1faf4ddf2a37a7e74d28998c50db5d120b8327bcd96ac5a729d8758944d55082"},
};

static void check_tok512(const zo_tokenizer *t)
{
    assert_int_equal(zo_tokenizer_vocab(t), TOK512);
    assert_false(zo_tokenizer_byte_level(t));
    assert_true(zo_tokenizer_adds_bos(t));
    assert_int_equal(zo_tokenizer_bos(t), 1);
    for (int parse = 0; parse < 2; parse++) {
        tally y = {.t = t, .md = new_digest(), .flags = parse ? ZO_ENCODE_PARSE : ZO_ENCODE_PLAIN};
        add_nasty(&y);
        check(&y, &tok512_nasty[parse]);
    }
    check_files(t, tok512_files, sizeof tok512_files / sizeof tok512_files[0], true);
}

static void tok512_as_sentencepiece(void **state)
{
    (void)state;
    zo_error err = {0};
    zo_tokenizer *t = NULL;
    static pieces p;
    if (!have(data_dir(), "llama2.c's tokenizer"))
        skip();
    read_pieces(&p);

    buffer b = tok512_gguf(&p);
    if (zo_tokenizer_from_gguf(b.p, b.n, "tok512.gguf", &mem, &t, &err))
        fail_msg("%s", err.text);
    assert_int_equal(zo_tokenizer_eos(t), 2);
    check_tok512(t);
    zo_tokenizer_free(t);
    free(b.p);

    char *json = tok512_json(&p);
    if (zo_tokenizer_from_json(json, strlen(json), "tokenizer.json", &mem, &t, &err))
        fail_msg("%s", err.text);
    check_tok512(t);
    zo_tokenizer_free(t);
    free(json);
    assert_int_equal(held(), 0);
}

/* --- small cases --------------------------------------------------------------------------------------------- */

static void check_ids(const zo_tokenizer *t, const json_t *row, const char *key, int flags, const char *why)
{
    const json_t *text = json_object_get(row, "text"), *expected = json_object_get(row, key);
    size_t n;
    int32_t *ids = encode(t, json_string_value(text), json_string_length(text), flags, &n);
    bool same = n == json_array_size(expected);
    for (size_t i = 0; i < n && same; i++)
        same = ids[i] == json_integer_value(json_array_get(expected, i));
    if (!same) {
        for (size_t i = 0; i < n; i++)
            print_message("%d ", ids[i]);
        fail_msg("%s: %s ids of \"%s\" differ", why, key, json_string_value(text));
    }
    free(ids);
}

static void check_text(const zo_tokenizer *t, const json_t *row, const char *key, bool keep, const char *why)
{
    const json_t *list = json_object_get(row, "full"), *expected = json_object_get(row, key);
    if (!expected)
        return;
    int32_t ids[256];
    size_t n = json_array_size(list), bytes_n;
    assert_true(n <= 256);
    for (size_t i = 0; i < n; i++)
        ids[i] = (int32_t)json_integer_value(json_array_get(list, i));
    char *text = decode(t, ids, n, keep, &bytes_n);
    if (bytes_n != json_string_length(expected) || memcmp(text, json_string_value(expected), bytes_n) != 0)
        fail_msg("%s: %s is \"%s\", not \"%s\"", why, key, text, json_string_value(expected));
    free(text);
}

/* Every component and setting that is supported, against Hugging Face tokenizers 0.23.3: the file is written by
 * scripts/reference_tokenize.py cases. */
static void components_as_hugging_face(void **state)
{
    (void)state;
    json_error_t e;
    json_t *one, *row, *all = json_load_file("core/tokenizer_cases.json", 0, &e);
    size_t i, k, rows = 0;
    assert_non_null(all);
    json_array_foreach(all, i, one)
    {
        zo_error err = {0};
        zo_tokenizer *t = NULL;
        const char *why = json_string_value(json_object_get(one, "why"));
        char *text = json_dumps(json_object_get(one, "tokenizer"), 0);
        if (zo_tokenizer_from_json(text, strlen(text), why, &mem, &t, &err))
            fail_msg("%s", err.text);
        json_array_foreach(json_object_get(one, "rows"), k, row)
        {
            check_ids(t, row, "plain", ZO_ENCODE_PLAIN, why);
            check_ids(t, row, "full", ZO_ENCODE_SPECIAL | ZO_ENCODE_PARSE, why);
            check_text(t, row, "decoded", false, why);
            check_text(t, row, "decoded_all", true, why);
            rows++;
        }
        zo_tokenizer_free(t);
        free(text);
    }
    assert_true(rows > 150);
    json_decref(all);
    assert_int_equal(held(), 0);
}

/* --- synth --------------------------------------------------------------------------------------------------- */

static void synth_is_bytes(void **state)
{
    (void)state;
    zo_error err = {0};
    zo_tokenizer *t = NULL;
    size_t n, bytes;
    char all[256];
    for (int i = 0; i < 256; i++)
        all[i] = (char)i;
    assert_int_equal(zo_tokenizer_open("synth:tiny", &mem, &t, &err), ZO_OK);
    int32_t *ids = encode(t, all, 256, ZO_ENCODE_SPECIAL, &n);
    assert_int_equal(n, 257);
    assert_int_equal(ids[0], 1);
    for (int i = 0; i < 256; i++)
        assert_int_equal(ids[1 + i], 3 + i);
    char *text = decode(t, ids, n, false, &bytes);
    assert_int_equal(bytes, 256);
    assert_memory_equal(text, all, 256);
    assert_true(zo_tokenizer_adds_bos(t));
    free(text);
    free(ids);
    zo_tokenizer_free(t);
    assert_int_equal(held(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(smollm2_as_hugging_face),
        cmocka_unit_test(tok512_as_sentencepiece),
        cmocka_unit_test(components_as_hugging_face),
        cmocka_unit_test(synth_is_bytes),
    };
    return cmocka_run_group_tests_name("tokenizer", tests, NULL, NULL);
}
