/* Tests of params.c: defaults, every message about a value, contradictions, the round trip, the id. */
#include "bench/manifest/params.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/machine/binding.h"
#include "bench/base/sha256.h"
#include "bench/manifest/condition.h"

static json_t *json(const char *text)
{
    json_error_t e;
    json_t *value = json_loads(text, JSON_DECODE_ANY, &e);
    if (!value)
        fail_msg("test's own JSON %s: %s", text, e.text);
    return value;
}

static zo_status set(bench_params *p, const char *key, const char *text, zo_error *err)
{
    const bench_option *o = bench_option_find(key);
    assert_non_null(o);
    json_t *value = json(text);
    zo_status st = bench_params_set(p, o, value, err);
    json_decref(value);
    return st;
}

static void defaults(void **state)
{
    (void)state;
    bench_params p;
    bench_params_default(&p);
    assert_int_equal(bench_option_seed()->offset, offsetof(bench_params, seed));
    assert_string_equal(p.model, "smollm2-135m");
    assert_string_equal(p.task, "sst2");
    assert_string_equal(p.data, "");
    assert_string_equal(p.adapter, "");
    assert_int_equal(p.train_rows, 1000);
    assert_int_equal(p.eval_rows, 1000);
    assert_int_equal(p.holdout, 0);
    assert_int_equal(p.method, ZO_METHOD_PRGE);
    assert_int_equal(p.peft, ZO_PEFT_LORA_FA);
    assert_int_equal(p.rank, 16);
    assert_true(p.alpha == 32);
    assert_int_equal(p.targets, ZO_TARGETS_ALL);
    assert_int_equal(p.queries, 4);
    assert_int_equal(p.batch, 4);
    assert_int_equal(p.seq_len, 0);
    assert_int_equal(p.max_tokens, 512);
    assert_int_equal(p.parallel, ZO_PARALLEL_BOTH);
    assert_int_equal(p.weights, 0);
    assert_true(p.eps == 1e-2);
    assert_true(p.lr == 5e-5);
    assert_int_equal(p.steps, 20);
    assert_int_equal(p.eval_every, 0);
    assert_int_equal(p.checkpoint_every, 0);
    assert_int_equal(p.seed, 42);
    assert_int_equal(p.threads, 0);
    assert_int_equal(p.bind, BENCH_BIND_CORES);
    assert_int_equal(bench_params_check(&p, NULL), ZO_OK);
    for (const bench_option *o = bench_options; o->name; o++) {
        assert_ptr_equal(bench_option_find(o->name), o);
        assert_true(o->help && *o->help);
        assert_int_equal(bench_option_bit(o), UINT64_C(1) << (o - bench_options));
    }
    assert_null(bench_option_find("paralel"));
    assert_null(bench_option_find(""));
}

/* key, value, message (NULL: accepted) */
static const struct {
    const char *key, *value, *message;
} values[] = {
    {"queries", "1", NULL},
    {"queries", "1024", NULL},
    {"queries", "16.0", NULL},
    {"steps", "2e4", NULL},
    {"queries", "0", "must be a whole number from 1 to 1024, not 0"},
    {"queries", "1025", "must be a whole number from 1 to 1024, not 1025"},
    {"queries", "2.5", "must be a whole number from 1 to 1024, not 2.5"},
    {"queries", "\"four\"", "must be a whole number from 1 to 1024, not \"four\""},
    {"queries", "[1,4]", "must be a whole number from 1 to 1024, not [1,4]"},
    {"queries", "null", "must be a whole number from 1 to 1024, not null"},
    {"queries", "true", "must be a whole number from 1 to 1024, not true"},
    {"queries", "9223372036854775807", "must be a whole number from 1 to 1024, not 9223372036854775807"},
    {"queries", "1e300", "must be a whole number from 1 to 1024, not 1e+300"},
    {"seed", "9007199254740991", NULL},
    {"seed", "9007199254740992", "must be a whole number from 0 to 9007199254740991, not 9007199254740992"},
    {"seed", "-1", "must be a whole number from 0 to 9007199254740991, not -1"},
    {"seq_len", "null", NULL},
    {"seq_len", "0", "must be a whole number from 8 to 131072 or null, not 0"},
    {"eval_every", "null", NULL},
    {"eval_every", "-1", "must be a whole number from 0 to 2147483647 or null, not -1"},
    {"eps", "1", NULL},
    {"eps", "0.001", NULL},
    {"eps", "0", "must be a number from 1e-10 to 1000, not 0"},
    {"eps", "\"1e-2\"", "must be a number from 1e-10 to 1000, not \"1e-2\""},
    {"lr", "0", NULL},
    {"lr", "-1e-05", "must be a number from 0 to 1000, not -1e-05"},
    {"method", "\"mezo\"", NULL},
    {"method", "\"prg\"", "must be one of zero-shot, mezo, rge, prge, not \"prg\"; did you mean \"prge\"?"},
    {"method", "\"adam\"", "must be one of zero-shot, mezo, rge, prge, not \"adam\""},
    {"method", "3", "must be one of zero-shot, mezo, rge, prge, not 3"},
    {"parallel", "\"Both\"", "must be one of none, inner, outer, both, not \"Both\"; did you mean \"both\"?"},
    {"weights", "\"f32\"", NULL},
    {"weights", "\"f16\"", NULL},
    {"weights", "\"bf16\"", NULL},
    {"weights", "\"int8\"", NULL},
    {"weights", "\"nf4\"", NULL},
    {"compute", "\"bf16\"", NULL},
    {"compute", "\"f16\"", "must be one of f32, bf16, int8, not \"f16\"; did you mean \"bf16\"?"},
    {"weights", "\"fp16\"", "must be one of f32, f16, bf16, int8, nf4, not \"fp16\"; did you mean \"f16\"?"},
    {"task", "\"polarity\"", NULL},
    {"model", "\"\"", "must be a text, not \"\""},
    {"model", "7", "must be a text, not 7"},
    {"model", "\"a\\nb\"", "must not hold control characters: \"a\\nb\""},
    {"data", "null", NULL},
    {"data", "\"\"", "must be a text or null, not \"\""},
    {"targets", "\"all\"", NULL},
    {"targets", "[\"q_proj\",\"v_proj\"]", NULL},
    {"targets", "[]",
     "must be \"all\" or a list of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj, not []"},
    {"targets", "\"q_proj\"",
     "must be \"all\" or a list of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj, not "
     "\"q_proj\""},
    {"targets", "[\"q_proj\",\"q_proj\"]", "names q_proj twice"},
    {"targets", "[\"qproj\"]",
     "an element of the list: must be one of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj, "
     "not "
     "\"qproj\"; did you mean \"q_proj\"?"},
    {"targets", "[1]",
     "an element of the list: must be one of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj, "
     "not 1"},
};

static void each_value(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        bench_params p, before;
        bench_params_default(&p);
        before = p;
        zo_error err = {0};
        zo_status st = set(&p, values[i].key, values[i].value, &err);
        if (values[i].message) {
            assert_int_equal(st, ZO_ERR_INVALID);
            assert_string_equal(err.text, values[i].message);
            assert_memory_equal(&p, &before, sizeof p);
        } else if (st) {
            fail_msg("%s %s: %s", values[i].key, values[i].value, err.text);
        }
    }
}

static void long_values(void **state)
{
    (void)state;
    bench_params p;
    zo_error err = {0};
    char text[300];
    memset(text, 'm', sizeof text);
    text[0] = '"', text[256] = '"', text[257] = '\0'; /* 255 letters fit */
    bench_params_default(&p);
    assert_int_equal(set(&p, "model", text, &err), ZO_OK);
    assert_int_equal(strlen(p.model), 255);
    text[256] = 'm', text[257] = '"', text[258] = '\0';
    assert_int_equal(set(&p, "model", text, &err), ZO_ERR_INVALID);
    assert_string_equal(err.text, "must be a text of at most 255 bytes, not of 256");
    err = (zo_error){0};
    assert_int_equal(set(&p, "rank", text, &err), ZO_ERR_INVALID); /* shown cut */
    assert_true(strlen(err.text) < 128);
    assert_string_equal(err.text + strlen(err.text) - 6, "mmm...");
}

static void nulls_and_words(void **state)
{
    (void)state;
    bench_params p;
    bench_params_default(&p);
    assert_int_equal(set(&p, "seq_len", "64", NULL), ZO_OK);
    assert_int_equal(p.seq_len, 64);
    assert_int_equal(set(&p, "seq_len", "null", NULL), ZO_OK);
    assert_int_equal(p.seq_len, 0);
    assert_int_equal(set(&p, "eval_every", "null", NULL), ZO_OK);
    assert_int_equal(p.eval_every, -1);
    assert_int_equal(set(&p, "data", "\"d\"", NULL), ZO_OK);
    assert_string_equal(p.data, "d");
    assert_int_equal(set(&p, "data", "null", NULL), ZO_OK);
    assert_string_equal(p.data, "");
    assert_int_equal(set(&p, "targets", "[\"v_proj\",\"q_proj\"]", NULL), ZO_OK);
    assert_int_equal(p.targets, 1 << ZO_TARGET_V | 1 << ZO_TARGET_Q);
    assert_int_equal(set(&p, "method", "\"zero-shot\"", NULL), ZO_OK);
    assert_int_equal(p.method, ZO_METHOD_ZERO_SHOT);
    assert_int_equal(set(&p, "steps", "2e4", NULL), ZO_OK);
    assert_int_equal(p.steps, 20000);
    char out[64];
    assert_string_equal(bench_params_text(&p, bench_option_find("method"), out, sizeof out), "zero-shot");
    assert_string_equal(bench_params_text(&p, bench_option_find("seq_len"), out, sizeof out), "null");
    assert_string_equal(bench_params_text(&p, bench_option_find("lr"), out, sizeof out), "5e-05");
    assert_string_equal(bench_params_text(&p, bench_option_find("targets"), out, sizeof out),
                        "[\"q_proj\",\"v_proj\"]");
}

static void nearest_names(void **state)
{
    (void)state;
    static const struct {
        const char *word, *near;
    } cases[] = {
        {"paralel", "parallel"},
        {"Parallel", "parallel"},
        {"seqlen", "seq_len"},
        {"quereis", "queries"},
        {"lrr", "lr"},
        {"l", "lr"},
        {"evalevery", "eval_every"},
        {"learning_rate", NULL},
        {"", NULL},
        {"zzz", NULL},
        {"bacth", "batch"},
        {"treads", "threads"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *near = bench_option_nearest(cases[i].word);
        if (cases[i].near)
            assert_string_equal(near ? near : "(none)", cases[i].near);
        else
            assert_null(near);
    }
    const char *const words[] = {"smoke", "smoked", NULL};
    assert_string_equal(bench_nearest("smokd", words, sizeof *words), "smoke"); /* the first of equals */
    assert_string_equal(bench_nearest("smoked", words, sizeof *words), "smoked");
    char word[400];
    memset(word, 'a', sizeof word);
    word[399] = '\0';
    assert_null(bench_nearest(word, words, sizeof *words));
    const char *const longest[] = {word, NULL};
    assert_null(bench_nearest("aaaa", longest, sizeof *longest));
}

static void following(void **state)
{
    (void)state;
    static const int parallel[] = {[ZO_METHOD_ZERO_SHOT] = ZO_PARALLEL_NONE,
                                   [ZO_METHOD_MEZO] = ZO_PARALLEL_NONE,
                                   [ZO_METHOD_RGE] = ZO_PARALLEL_NONE,
                                   [ZO_METHOD_PRGE] = ZO_PARALLEL_BOTH};
    for (int m = 0; m < ZO_METHOD_COUNT; m++) {
        bench_params p;
        bench_params_default(&p);
        p.method = m;
        bench_params_follow(&p, 0);
        assert_int_equal(p.parallel, parallel[m]);
        assert_int_equal(p.steps, m == ZO_METHOD_ZERO_SHOT ? 0 : 20);
        assert_int_equal(bench_params_check(&p, NULL), ZO_OK);
        p.parallel = ZO_PARALLEL_INNER; /* set: stays */
        p.steps = 7;
        bench_params_follow(&p, bench_option_bit(bench_option_find("parallel")) |
                                    bench_option_bit(bench_option_find("steps")));
        assert_int_equal(p.parallel, ZO_PARALLEL_INNER);
        assert_int_equal(p.steps, 7);
    }
}

static void contradictions(void **state)
{
    (void)state;
    static const struct {
        const char *set[4][2]; /* key, value */
        const char *message;   /* NULL: none */
    } cases[] = {
        {{{"method", "\"mezo\""}},
         "method mezo runs one replica at a time: parallel must be none, not both (prge batches replicas)"},
        {{{"method", "\"rge\""}, {"parallel", "\"outer\""}},
         "method rge runs one replica at a time: parallel must be none, not outer (prge batches replicas)"},
        {{{"method", "\"rge\""}, {"parallel", "\"none\""}}, NULL},
        {{{"peft", "\"full\""}},
         "method prge batches replicas of an adapter: peft full needs method mezo or rge"},
        {{{"peft", "\"full\""}, {"method", "\"mezo\""}, {"parallel", "\"none\""}}, NULL},
        {{{"peft", "\"full\""}, {"method", "\"mezo\""}, {"parallel", "\"none\""}, {"adapter", "\"a\""}},
         "peft full trains no adapter: adapter must be null"},
        {{{"peft", "\"full\""}, {"method", "\"mezo\""}, {"parallel", "\"none\""}, {"weights", "\"nf4\""}},
         "peft full trains the weights themselves: weights must be f32, not nf4"},
        {{{"peft", "\"full\""}, {"method", "\"mezo\""}, {"parallel", "\"none\""}, {"checkpoint_every", "5"}},
         "peft full has no adapter to save: checkpoint_every must be 0"},
        {{{"compute", "\"int8\""}, {"weights", "\"bf16\""}},
         "compute int8 multiplies weights of 8 and 4 bits: weights must be int8 or nf4, not bf16"},
        {{{"compute", "\"int8\""}, {"weights", "\"int8\""}}, NULL},
        {{{"compute", "\"int8\""}, {"weights", "\"nf4\""}}, NULL},
        {{{"numerics", "1"}, {"steps", "0"}}, "numerics must be 0 where nothing is trained"},
        {{{"numerics", "1"}, {"peft", "\"full\""}, {"method", "\"rge\""}, {"parallel", "\"none\""}},
         "numerics must be 0 with peft full: an adapter's are measured"},
        {{{"backend", "\"openblas\""}, {"weights", "\"nf4\""}}, NULL},
        {{{"backend", "\"openblas\""}, {"compute", "\"bf16\""}},
         "backend openblas multiplies in f32: compute must be f32"},
        {{{"backend", "\"openblas\""}, {"numerics", "1"}},
         "backend openblas is not what rounding is measured of: numerics must be 0"},
        {{{"backend", "\"openblas\""}, {"blas_kernel", "\"auto\""}}, NULL},
        {{{"blas_kernel", "\"auto\""}},
         "blas_kernel is for backend openblas: with native, which multiplies by itself, it must be null"},
        {{{"backend", "\"null\""}}, NULL},
        {{{"backend", "\"null\""}, {"checkpoint_every", "5"}},
         "backend null has no parameters: adapter must be null and checkpoint_every 0"},
        {{{"backend", "\"null\""}, {"numerics", "1"}}, "backend null computes nothing: numerics must be 0"},
        {{{"method", "\"zero-shot\""}}, "method zero-shot trains nothing: steps must be 0, not 20"},
        {{{"method", "\"zero-shot\""}, {"steps", "0"}, {"parallel", "\"none\""}}, NULL},
        {{{"method", "\"zero-shot\""}, {"steps", "0"}, {"eval_every", "null"}},
         "method zero-shot only evaluates: eval_every must not be null"},
        {{{"holdout", "1000"}}, "holdout 1000 leaves none of train_rows 1000 to train on"},
        {{{"holdout", "997"}}, "batch 4 is more than the 3 rows to train on"},
        {{{"holdout", "996"}}, NULL},
        {{{"holdout", "1000"}, {"train_rows", "0"}},
         NULL}, /* all rows: how many is known when they are read */
        {{{"queries", "1024"}, {"batch", "512"}, {"max_tokens", "2048"}},
         "one forward would hold 1048576 sequences (2048 replicas x batch 512) of up to 2048 tokens, more "
         "than 2^31 "
         "rows"},
        {{{"queries", "1024"}, {"batch", "512"}, {"seq_len", "2040"}}, NULL},
        {{{"queries", "1024"}, {"batch", "512"}, {"max_tokens", "2048"}, {"parallel", "\"none\""}}, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bench_params p;
        zo_error err = {0};
        bench_params_default(&p);
        for (int k = 0; k < 4 && cases[i].set[k][0]; k++)
            assert_int_equal(set(&p, cases[i].set[k][0], cases[i].set[k][1], NULL), ZO_OK);
        zo_status st = bench_params_check(&p, &err);
        assert_string_equal(err.text, cases[i].message ? cases[i].message : "");
        assert_int_equal(st, cases[i].message ? ZO_ERR_INVALID : ZO_OK);
    }
}

/* The canonical text of the defaults, written out by hand. Its SHA-256 by Python's hashlib begins with default_id. The
 * id names records that people keep: a change here orphans them. */
static const char default_text[] =
    "{\"adapter\":null,\"alpha\":32,\"batch\":4,\"checkpoint_every\":0,\"data\":null,\"eps\":0.01,\"eval_"
    "every\":0,"
    "\"eval_rows\":1000,\"holdout\":0,\"lr\":5e-05,\"max_tokens\":512,\"method\":\"prge\",\"model\":"
    "\"smollm2-135m\","
    "\"parallel\":\"both\",\"peft\":\"lora-fa\",\"queries\":4,\"rank\":16,\"seed\":42,\"seq_len\":null,"
    "\"steps\":20,"
    "\"targets\":\"all\",\"task\":\"sst2\",\"threads\":0,\"train_rows\":1000,\"weights\":\"f32\"}";
static const char default_id[] = "5437c2a8f328";

static void ids(void **state)
{
    (void)state;
    bench_params p;
    char id[13], hex[BENCH_SHA256_HEX];
    bench_params_default(&p);
    bench_params_id(&p, id);
    assert_string_equal(id, default_id);
    bench_sha256(default_text, sizeof default_text - 1, hex);
    assert_memory_equal(id, hex, 12);
    /* every field counts */
    static const char *const other[][2] = {
        {"model", "\"synth:tiny\""},
        {"task", "\"rte\""},
        {"data", "\"d\""},
        {"train_rows", "10"},
        {"eval_rows", "10"},
        {"holdout", "10"},
        {"method", "\"rge\""},
        {"peft", "\"lora\""},
        {"rank", "8"},
        {"alpha", "16"},
        {"targets", "[\"q_proj\"]"},
        {"queries", "1"},
        {"batch", "1"},
        {"seq_len", "64"},
        {"max_tokens", "64"},
        {"parallel", "\"none\""},
        {"eps", "0.001"},
        {"lr", "0"},
        {"steps", "1"},
        {"eval_every", "null"},
        {"checkpoint_every", "1"},
        {"adapter", "\"a\""},
        {"seed", "1"},
        {"threads", "1"},
        {"weights", "\"int8\""},
        {"compute", "\"bf16\""},
        {"numerics", "2"},
        {"bind", "\"none\""},
        {"blas_kernel", "\"auto\""},
    };
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++) {
        bench_params q;
        char id2[13];
        bench_params_default(&q);
        assert_int_equal(set(&q, other[i][0], other[i][1], NULL), ZO_OK);
        bench_params_id(&q, id2);
        assert_string_not_equal(id2, id);
        assert_int_equal(set(&p, other[i][0], other[i][1], NULL), ZO_OK); /* p: all of them, for below */
    }
    /* an option that came later does not count at its default, even where others that did are set */
    static const char *const later[][2] = {{"compute", "\"f32\""},
                                           {"numerics", "0"},
                                           {"bind", "\"cores\""},
                                           {"blas_kernel", "null"}};
    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++) {
        bench_params q;
        char id2[13];
        assert_true(bench_option_find(later[i][0])->later);
        bench_params_default(&q);
        assert_int_equal(set(&q, later[i][0], later[i][1], NULL), ZO_OK);
        bench_params_id(&q, id2);
        assert_string_equal(id2, default_id);
    }
    bench_params_id(&p, id);
    /* spelling does not count */
    bench_params q = p;
    char id2[13];
    assert_int_equal(set(&q, "queries", "1.0", NULL), ZO_OK);
    assert_int_equal(set(&q, "eps", "1e-3", NULL), ZO_OK);
    assert_int_equal(set(&q, "lr", "-0.0", NULL), ZO_OK);
    bench_params_id(&q, id2);
    assert_string_equal(id2, id);
}

static void round_trip(void **state)
{
    (void)state;
    bench_params p, q;
    bench_params_default(&p);
    for (int other = 0; other < 2; other++) {
        if (other) {
            assert_int_equal(set(&p, "targets", "[\"down_proj\",\"q_proj\"]", NULL), ZO_OK);
            assert_int_equal(set(&p, "eps", "0.1234567890123456789", NULL), ZO_OK);
            assert_int_equal(set(&p, "model", "\"mod\\u00e8le \\\"x\\\"\"", NULL), ZO_OK);
            assert_int_equal(set(&p, "eval_every", "null", NULL), ZO_OK);
            assert_int_equal(set(&p, "seed", "9007199254740991", NULL), ZO_OK);
        }
        json_t *object = bench_params_to_json(&p);
        const char *key;
        json_t *value;
        const bench_option *o = bench_options;
        json_object_foreach(object, key, value) assert_string_equal(key, (o++)->name); /* table order */
        assert_null(o->name);
        char *text = json_dumps(object, JSON_COMPACT); /* and through text, as a record goes */
        json_t *again = json(text);
        assert_int_equal(bench_params_from_json(&q, again, NULL), ZO_OK);
        assert_memory_equal(&p, &q, sizeof p);
        free(text);
        json_decref(again);
        json_decref(object);
    }
}

static void from_bad_json(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"[]", "parameters: must be an object"},
        {"{\"rnk\": 1}", "parameters: \"rnk\" is not a known key; did you mean \"rank\"?"},
        {"{\"zzzz\": 1}", "parameters: \"zzzz\" is not a known key"},
        {"{\"rank\": 0}", "parameters: \"rank\": must be a whole number from 1 to 1024, not 0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bench_params p;
        zo_error err = {0};
        json_t *value = json(cases[i][0]);
        assert_int_equal(bench_params_from_json(&p, value, &err), ZO_ERR_FORMAT);
        assert_string_equal(err.text, cases[i][1]);
        json_decref(value);
    }
}

static void matching(void **state)
{
    (void)state;
    static const struct {
        const char *where;
        bool matches;
    } cases[] = {
        {"{}", true},
        {"{\"queries\": 4}", true},
        {"{\"queries\": 4.0, \"parallel\": \"both\"}", true},
        {"{\"queries\": 4, \"parallel\": \"none\"}", false},
        {"{\"queries\": [1, 4]}", true},
        {"{\"queries\": [1, 16], \"parallel\": \"both\"}", false},
        {"{\"queries\": []}", false},
        {"{\"lr\": 5e-5, \"model\": [\"x\", \"smollm2-135m\"]}", true},
        {"{\"seq_len\": null}", true},
        {"{\"seq_len\": [null, 8]}", true},
        {"{\"seq_len\": 8}", false},
        {"{\"targets\": \"all\"}", true},
        {"{\"targets\": [\"q_proj\", \"v_proj\"]}", false},
        {"{\"targets\": [[\"q_proj\"], \"all\"]}", true},
        {"{\"targets\": [\"all\"]}", true},
        {"{\"paralel\": \"both\"}", false},
        {"{\"queries\": \"4\"}", false},
    };
    bench_params p;
    bench_params_default(&p);
    assert_true(bench_condition_match(&p, NULL));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *where = json(cases[i].where);
        if (bench_condition_match(&p, where) != cases[i].matches)
            fail_msg("%s", cases[i].where);
        json_decref(where);
    }
    json_t *pair = json("{\"targets\": [\"v_proj\", \"q_proj\"]}"); /* one value, in any order */
    assert_int_equal(set(&p, "targets", "[\"q_proj\",\"v_proj\"]", NULL), ZO_OK);
    assert_true(bench_condition_match(&p, pair));
    json_decref(pair);
}

static void real_numbers(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0.1, "0.1"},
                 {1e-5, "1e-05"},
                 {5e-5, "5e-05"},
                 {32, "32"},
                 {1e22, "1e+22"},
                 {1.0 / 3, "0.3333333333333333"},
                 {0.1 + 0.2, "0.30000000000000004"}};
    char out[32];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(bench_real_text(cases[i].value, out), cases[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),        cmocka_unit_test(each_value),    cmocka_unit_test(long_values),
        cmocka_unit_test(nulls_and_words), cmocka_unit_test(nearest_names), cmocka_unit_test(following),
        cmocka_unit_test(contradictions),  cmocka_unit_test(ids),           cmocka_unit_test(round_trip),
        cmocka_unit_test(from_bad_json),   cmocka_unit_test(matching),      cmocka_unit_test(real_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
