/* Tests of manifest.c and the files it is made of (reader.c, specs.c, expand.c): every message with its place, the order
 * and number of cells, exclude, seeds, what repeats, warnings. */
#include "bench/manifest/manifest.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/base/sha256.h"
#include "bench/manifest/condition.h"

/* Each manifest of the tables below begins with this line; what they give is its second line. */
#define HEAD "{\"schema\": \"zobench/1\", \"name\": \"n\",\n"

static const struct {
    const char *rest, *message;
} bad[] = {
    /* keys */
    {"\"defaults\": {\"paralel\": \"both\"}}",
     "f:2:14: \"paralel\" is not a known key; did you mean \"parallel\"?"},
    {"\"defaults\": {\"xyzzy\": 1}}", "f:2:14: \"xyzzy\" is not a known key"},
    {"\"parallel\": \"both\"}",
     "f:2:1: \"parallel\" is a parameter: it belongs in \"defaults\", \"matrix\", \"zip\" or \"cells\""},
    {"\"matrx\": {}}", "f:2:1: \"matrx\" is not a known key; did you mean \"matrix\"?"},
    {"\"include\": [\"common.json\"]}", "f:2:13: include: open common.json: No such file or directory"},
    {"\"tables\": [{\"rows\": \"seed\", \"value\": \"losss\"}]}",
     "f:2:38: \"value\" must be a metric: step_ns, tokens_per_s, peak_rss_bytes, accuracy, accuracy_initial, "
     "accuracy_best, loss, eval_loss, flops_per_s, predicted_step_ns, of_roofline, of_peak, of_bandwidth, "
     "small_of_step, snr, gradient_correlation, logit_change, loss_change, ..., not \"losss\"; did you mean "
     "\"loss\"?"}, /* of more metrics than there is room for */
    {"\"claim\": []}", "f:2:1: \"claim\" is not a known key; did you mean \"claims\"?"},
    {"\"defaults\": {\"lr\": 1, \"lr\": 2}}", "f:2:23: \"lr\" is set a second time"},
    {"\"name\": \"m\"}", "f:2:1: \"name\" is set a second time"},
    {"\"seeds\": [1], \"defaults\": {}, \"seeds\": [2]}", "f:2:31: \"seeds\" is set a second time"},
    /* values */
    {"\"defaults\": {\"queries\": 0}}", "f:2:25: \"queries\" must be a whole number from 1 to 1024, not 0"},
    {"\"defaults\": {\"queries\": \"4\"}}",
     "f:2:25: \"queries\" must be a whole number from 1 to 1024, not \"4\""},
    {"\"defaults\": {\"method\": \"prg\"}}",
     "f:2:24: \"method\" must be one of zero-shot, mezo, rge, prge, not \"prg\"; did you mean \"prge\"?"},
    {"\"defaults\": {\"eps\": 1e300}}", "f:2:21: \"eps\" must be a number from 1e-10 to 1000, not 1e+300"},
    {"\"defaults\": [1]}", "f:2:13: \"defaults\" must be an object, not [1]"},
    {"\"defaults\": {\"eps\": 1e999}}", NULL},
    {"\"defaults\": {\"eps\": NaN}}", NULL},
    {"\"defaults\": {\"model\": \"\xff\"}}", NULL},
    {"\"defaults\": {}", NULL},
    /* name, title */
    {"\"title\": 7}", "f:2:10: \"title\" must be a text, not 7"},
    {"\"title\": \"a\\tb\"}", "f:2:10: \"title\" must be a text without control characters, not \"a\\tb\""},
    /* matrix */
    {"\"matrix\": []}", "f:2:11: \"matrix\" must be an object, not []"},
    {"\"matrix\": {\"lr\": []}}", "f:2:18: \"lr\" is an empty list"},
    {"\"matrix\": {\"lr\": 1e-3}}",
     "f:2:18: \"lr\" must be a list of values here, or a range like \"1..8\" or \"64..256*2\", not 0.001"},
    {"\"matrix\": {\"lrr\": [1]}}", "f:2:12: \"lrr\" is not a known key; did you mean \"lr\"?"},
    {"\"matrix\": {\"lr\": [1e-3,\n  -1]}}", "f:3:3: \"lr\" must be a number from 0 to 1000, not -1"},
    /* zip */
    {"\"zip\": {\"lr\": [1]}}", "f:2:8: \"zip\" must be a list of objects, not {\"lr\":[1]}"},
    {"\"zip\": [{}]}", "f:2:9: \"zip\" must be a list of objects with at least one parameter each, not {}"},
    {"\"zip\": [{\"queries\": [1, 4], \"batch\": [16]}]}",
     "f:2:38: \"batch\" has 1 values, but \"queries\", which it is zipped with, has 2"},
    {"\"zip\": [{\"queries\": []}]}", "f:2:21: \"queries\" is an empty list"},
    {"\"matrix\": {\"lr\": [1]}, \"zip\": [{\"batch\": [1], \"lr\": [2]}]}",
     "f:2:47: \"lr\" varies already, in \"matrix\" or another group of \"zip\""},
    {"\"zip\": [{\"lr\": [1]}, {\"lr\": [2]}]}",
     "f:2:23: \"lr\" varies already, in \"matrix\" or another group of \"zip\""},
    /* exclude, cells, seeds */
    {"\"exclude\": {}}", "f:2:12: \"exclude\" must be a list of objects, not {}"},
    {"\"exclude\": [{}]}", "f:2:13: \"exclude\" must be an object with at least one parameter, not {}"},
    {"\"exclude\": [{\"query\": 1}]}", "f:2:14: \"query\" is not a known key"},
    {"\"exclude\": [{\"querie\": 1}]}", "f:2:14: \"querie\" is not a known key; did you mean \"queries\"?"},
    {"\"exclude\": [{\"queries\": [1, \"x\"]}]}",
     "f:2:29: \"queries\" must be a whole number from 1 to 1024, not \"x\""},
    {"\"exclude\": [{\"queries\": []}]}", "f:2:25: \"queries\" is an empty list"},
    {"\"matrix\": {\"queries\": [1, 2]}, \"exclude\": [{\"queries\": [1, 2]}]}",
     "f:2:32: no cell is left: \"exclude\" matches all 2"},
    {"\"exclude\": [{\"lr\": 5e-5}]}", "f:2:1: no cell is left: \"exclude\" matches all 1"},
    {"\"cells\": {}}", "f:2:10: \"cells\" must be a list of objects, not {}"},
    {"\"cells\": [{}, 1]}", "f:2:15: \"cells\" must be an object, not 1"},
    {"\"cells\": [{\"batch\": 0}]}", "f:2:21: \"batch\" must be a whole number from 1 to 4096, not 0"},
    {"\"seeds\": 42}", "f:2:10: \"seeds\" must be a list of whole numbers or a range, not 42"},
    {"\"seeds\": []}", "f:2:10: \"seeds\" must be a list of whole numbers or a range, not []"},
    {"\"seeds\": [1, 1.5]}", "f:2:14: \"seed\" must be a whole number from 0 to 9007199254740991, not 1.5"},
    {"\"matrix\": {\"seed\": [1, 2]}, \"seeds\": [3]}",
     "f:2:29: \"seed\" varies already, in \"matrix\", \"zip\" or \"cells\""},
    /* contradictions of a cell */
    {"\"matrix\": {\"queries\": [1], \"method\": [\"prge\", \"mezo\"]}, \"defaults\": {\"parallel\": "
     "\"inner\"}}",
     "f:2:12: cell method=mezo queries=1: method mezo runs one replica at a time: parallel must be none, not "
     "inner "
     "(prge batches replicas)"},
    {"\"cells\": [{\"lr\": 1},\n {\"method\": \"rge\", \"parallel\": \"outer\"}]}",
     "f:3:2: cell method=rge parallel=outer: method rge runs one replica at a time: parallel must be none, "
     "not outer "
     "(prge batches replicas)"},
    {"\"defaults\": {\"method\": \"zero-shot\", \"steps\": 5}}",
     "f:1:1: the cell of the defaults: method zero-shot trains nothing: steps must be 0, not 5"},
    {"\"defaults\": {\"steps\": 3}, \"measure\": {\"warmup\": 3}}",
     "f:1:1: the cell of the defaults: steps 3 are all warm-up (3, see \"measure\"): none would be timed"},
    /* measure */
    {"\"measure\": {\"warm_up\": 1}}", "f:2:13: \"warm_up\" is not a known key; did you mean \"warmup\"?"},
    {"\"measure\": {\"warmup\": -1}}", "f:2:23: \"warmup\" must be a whole number from 0 to 1000000, not -1"},
    {"\"measure\": {\"min_runs\": 0}}", "f:2:25: \"min_runs\" must be a whole number from 1 to 1000, not 0"},
    {"\"measure\": {\"min_runs\": 5, \"max_runs\": 4}}",
     "f:2:40: \"max_runs\" 4 is less than \"min_runs\" 5"},
    {"\"measure\": {\"min_runs\": 5, \"ci\": \"2%\"}}",
     "f:2:28: \"ci\" asks for more runs where the interval is wide: \"max_runs\" must be more than "
     "\"min_runs\" 5"},
    {"\"measure\": {\"max_runs\": 5}}",
     "f:2:13: \"max_runs\" is never reached without \"ci\", the wanted width of the interval, like \"2%\""},
    {"\"measure\": {\"ci\": 0.02}}",
     "f:2:19: \"ci\" must be a text like \"2%\", from 0.01% to 100%, not 0.02"},
    {"\"measure\": {\"ci\": \"2\"}}",
     "f:2:19: \"ci\" must be a text like \"2%\", from 0.01% to 100%, not \"2\""},
    {"\"measure\": {\"ci\": \"101%\"}}",
     "f:2:19: \"ci\" must be a text like \"2%\", from 0.01% to 100%, not \"101%\""},
    {"\"measure\": {\"ci\": \"1.2.3%\"}}",
     "f:2:19: \"ci\" must be a text like \"2%\", from 0.01% to 100%, not \"1.2.3%\""},
    {"\"measure\": {\"timeout\": 90}}",
     "f:2:24: \"timeout\" must be a text like \"90s\", \"15m\" or \"2h\", from 1s to 30d, not 90"},
    {"\"measure\": {\"timeout\": \"90 s\"}}",
     "f:2:24: \"timeout\" must be a text like \"90s\", \"15m\" or \"2h\", from 1s to 30d, not \"90 s\""},
    {"\"measure\": {\"timeout\": \"31d\"}}",
     "f:2:24: \"timeout\" must be a text like \"90s\", \"15m\" or \"2h\", from 1s to 30d, not \"31d\""},
    {"\"measure\": {\"timeout\": \"h\"}}",
     "f:2:24: \"timeout\" must be a text like \"90s\", \"15m\" or \"2h\", from 1s to 30d, not \"h\""},
    {"\"measure\": {\"order\": \"interleaved\"}}",
     "f:2:22: \"order\" must be one of interleave, round-robin, sequential, "
     "not \"interleaved\"; did you mean \"interleave\"?"},
    /* tables */
    {"\"tables\": {}}", "f:2:11: \"tables\" must be a list of objects, not {}"},
    {"\"tables\": [{\"rows\": \"queries\"}]}", "f:2:12: \"value\" is missing"},
    {"\"tables\": [{\"value\": \"step_ns\"}]}", "f:2:12: \"rows\" is missing"},
    {"\"tables\": [{\"rows\": \"query\", \"value\": \"step_ns\"}]}",
     "f:2:21: \"rows\" must be the name of a parameter, not \"query\""},
    {"\"tables\": [{\"rows\": \"batch\", \"cols\": \"bach\", \"value\": \"step_ns\"}]}",
     "f:2:38: \"cols\" must be the name of a parameter, not \"bach\"; did you mean \"batch\"?"},
    {"\"tables\": [{\"rows\": \"batch\", \"cols\": \"batch\", \"value\": \"step_ns\"}]}",
     "f:2:38: \"cols\" is the same parameter as \"rows\""},
    {"\"tables\": [{\"rows\": \"batch\", \"value\": \"step_ns\", \"relative_to\": {\"lr\": 1}}]}",
     "f:2:66: \"relative_to\" must name the parameter of \"rows\" or \"cols\", not \"lr\""},
    {"\"tables\": [{\"rows\": \"batch\", \"value\": \"step_ns\", \"relative_to\": {}}]}",
     "f:2:65: \"relative_to\" must be an object with one parameter, not {}"},
    {"\"tables\": [{\"rows\": \"batch\", \"value\": \"step_ns\", \"relative_to\": {\"batch\": 0}}]}",
     "f:2:75: \"batch\" must be a whole number from 1 to 4096, not 0"},
    {"\"tables\": [{\"rows\": \"batch\", \"value\": \"step_ns\", \"where\": {\"bach\": 0}}]}",
     "f:2:60: \"bach\" is not a known key; did you mean \"batch\"?"},
    /* plots */
    {"\"plots\": [{\"kind\": \"bar\", \"x\": \"batch\", \"y\": \"step_ns\"}]}",
     "f:2:20: \"kind\" must be one of bars, lines, curve, heatmap, roofline, not \"bar\"; did you mean "
     "\"bars\"?"},
    {"\"plots\": [{\"kind\": \"bars\", \"y\": \"step_ns\"}]}", "f:2:11: \"x\" is missing"},
    {"\"plots\": [{\"kind\": \"bars\", \"x\": \"batch\"}]}", "f:2:11: \"y\" is missing"},
    {"\"plots\": [{\"kind\": \"bars\", \"x\": \"step\", \"y\": \"step_ns\"}]}",
     "f:2:33: \"x\" must be the name of a parameter, not \"step\"; did you mean \"steps\"?"},
    {"\"plots\": [{\"kind\": \"lines\", \"x\": \"batch\", \"series\": \"batch\", \"y\": \"step_ns\"}]}",
     "f:2:53: \"series\" is the same parameter as \"x\""},
    {"\"plots\": [{\"kind\": \"curve\", \"x\": \"batch\", \"y\": \"loss\"}]}",
     "f:2:34: \"x\" must be one of step, not \"batch\""},
    {"\"plots\": [{\"kind\": \"curve\", \"y\": \"step_ns\"}]}",
     "f:2:34: \"y\" must be one of loss, eval_loss, accuracy, rss_bytes, not \"step_ns\""},
    {"\"plots\": [{\"kind\": \"heatmap\", \"x\": \"batch\", \"y\": \"rank\"}]}",
     "f:2:11: \"value\" is missing"},
    {"\"plots\": [{\"kind\": \"heatmap\", \"x\": \"batch\", \"y\": [], \"value\": \"step_ns\"}]}",
     "f:2:50: \"y\" is an empty list"},
    {"\"plots\": [{\"kind\": \"heatmap\", \"x\": \"batch\", \"y\": [\"rank\", \"rnk\"], \"value\": "
     "\"step_ns\"}]}",
     "f:2:59: \"y\" must be the name of a parameter, not \"rnk\"; did you mean \"rank\"?"},
    {"\"plots\": [{\"kind\": \"heatmap\", \"x\": \"batch\", \"y\": [\"rank\", \"alpha\", \"rank\"], "
     "\"value\": \"step_ns\"}]}",
     "f:2:68: \"rank\" is named twice"},
    {"\"plots\": [{\"kind\": \"heatmap\", \"x\": \"batch\", \"y\": [\"rank\", \"batch\"], \"value\": "
     "\"step_ns\"}]}",
     "f:2:59: \"y\" names the same parameter as \"x\""},
    {"\"plots\": [{\"kind\": \"heatmap\", \"x\": \"batch\", \"y\": \"rank\", \"value\": \"step_ns\", "
     "\"beside\": \"tokens_per_s\"}]}",
     "f:2:88: \"beside\" must be of the same unit as \"value\", ns"},
    {"\"plots\": [{\"kind\": \"heatmap\", \"x\": \"batch\", \"y\": \"rank\", \"value\": \"step_ns\", "
     "\"relative_to\": {\"paralel\": \"none\"}}]}",
     "f:2:94: \"paralel\" is not a known key; did you mean \"parallel\"?"},
    {"\"plots\": [{\"kind\": \"bars\", \"x\": \"batch\", \"y\": \"step_ns\", \"beside\": \"step_ns\"}]}",
     "f:2:58: \"beside\" is a key of heat maps only"},
    {"\"plots\": [{\"kind\": \"roofline\", \"x\": \"batch\"}]}",
     "f:2:32: a roofline has axes of its own, no \"x\""},
    /* claims */
    {"\"claims\": [{\"id\": \"a\", \"source\": \"s\", \"of\": \"step_ns\", \"over\": \"load_ns\", "
     "\"value\": {\"batch\": 4}, \"expect\": 1, \"bound\": \"up to\"}]}",
     "f:2:56: \"over\" is for a claim of a ratio"},
    {"\"claims\": [{\"id\": \"a\", \"source\": \"s\", \"of\": \"step_ns\", \"expect\": 1, \"tolerance\": "
     "\"1%\"}]}",
     "f:2:12: a claim needs \"ratio\", \"difference\" or \"value\""},
    {"\"claims\": [{\"id\": \"a\", \"source\": \"s\", \"of\": \"step_ns\", \"expect\": 1, \"ratio\": "
     "[\"none\", \"inner\"], \"value\": {\"batch\": 1}, \"tolerance\": \"1%\"}]}",
     "f:2:97: a claim is of one kind: \"ratio\" or \"value\""},
    {"\"claims\": [{\"id\": \"a\", \"source\": \"s\", \"of\": \"step_ns\", \"ratio\": [\"none\", "
     "\"inner\"]}]}",
     "f:2:12: \"paper\" is missing, and \"expect\", which can stand for it"},
    {"\"claims\": [{\"id\": \"a\", \"source\": \"s\", \"of\": \"step_ns\", \"paper\": 1, \"ratio\": "
     "[\"none\", \"inner\"]}]}",
     "f:2:12: \"tolerance\" is missing: no measured value equals another"},
    {"\"claims\": [{\"id\": \"a\", \"source\": \"s\", \"of\": \"step_ns\", \"paper\": 1, \"ratio\": "
     "[\"none\", \"iner\"], \"bound\": \"up to\"}]}",
     "f:2:77: no parameter has the values \"none\" and \"iner\""},
    {"\"claims\": [{\"id\": \"a\", \"source\": \"s\", \"of\": \"step_ns\", \"paper\": 1, \"ratio\": "
     "[\"none\"], \"bound\": \"up to\"}]}",
     "f:2:77: \"ratio\" must be a list of two, over and under the line, not [\"none\"]"},
    {"\"claims\": [{\"id\": \"a\", \"source\": \"s\", \"of\": \"step_ns\", \"paper\": 1, \"ratio\": "
     "[{\"batch\": 1}, {\"bach\": 2}], \"bound\": \"up to\"}]}",
     "f:2:93: \"bach\" is not a known key; did you mean \"batch\"?"},
    {"\"claims\": [{\"id\": \"a\", \"source\": \"s\", \"of\": \"step_ns\", \"paper\": -1, \"ratio\": "
     "[\"none\", \"inner\"], \"bound\": \"up to\"}]}",
     "f:2:65: a ratio must be more than 0"},
    {"\"claims\": [{\"id\": \"a\", \"source\": \"s\", \"of\": \"step_ns\", \"paper\": 1, \"ratio\": "
     "[\"none\", \"inner\"], \"bound\": \"at most\"}]}",
     "f:2:105: \"bound\" must be one of equal, at least, up to, not \"at most\""},
    {"\"claims\": [{\"id\": \"a\", \"source\": \"s\", \"of\": \"step_ns\", \"paper\": \"2\", \"ratio\": "
     "[\"none\", \"inner\"]}]}",
     "f:2:65: \"paper\" must be a number, not \"2\""},
    {"\"claims\": [{\"id\": \"a\", \"source\": \"s\", \"of\": \"step_ns\", \"paper\": 2, \"ratio\": "
     "[\"none\", \"inner\"], \"portable\": \"no\"}]}",
     "f:2:108: \"portable\" must be true or false, not \"no\""},
    {"\"claims\": [{\"id\": \"a\", \"source\": \"s\", \"of\": \"step_ns\", \"paper\": 2, \"ratio\": "
     "[\"none\", \"inner\"], \"bound\": \"up to\", \"hardware\": \"X\"}]}",
     "f:2:114: \"hardware\" is for a claim that says \"portable\": false"},
    {"\"claims\": [{\"id\": \"a\", \"source\": \"s\", \"of\": \"step_ns\", \"paper\": 2, \"ratio\": "
     "[\"none\", \"inner\"], \"bound\": \"up to\"}, {\"id\": \"a\", \"source\": \"s\", \"of\": \"step_ns\", "
     "\"paper\": 3, \"ratio\": [\"none\", \"inner\"], \"bound\": \"up to\"}]}",
     "f:2:122: \"a\" is the id of an earlier claim"},
    /* size */
    {"\"seeds\": [1, 2, 3], \"matrix\": {\"rank\": [1,2,3,4,5,6,7,8,9,10], \"alpha\": "
     "[1,2,3,4,5,6,7,8,9,10], "
     "\"queries\": [1,2,3,4,5,6,7,8,9,10], \"lr\": [1,2,3,4,5,6,7]}}",
     "f:2:32: more than 20000 cells before \"exclude\""},
    {"\"matrix\": {\"rank\": [1,2,3,4,5,6,7,8,9,10], \"alpha\": [1,2,3,4,5,6,7,8,9,10], \"queries\": "
     "[1,2,3,4,5,6,7,8,9,10], \"batch\": [1,2,3,4,5,6,7,8,9,10], \"seed\": [1,2,3,4,5,6,7,8,9,10], "
     "\"steps\": "
     "[1,2,3,4,5,6,7,8,9,10], \"lr\": [1,2,3,4,5,6,7,8,9,10], \"train_rows\": [1,2,3,4,5,6,7,8,9,10], "
     "\"eval_rows\": "
     "[1,2,3,4,5,6,7,8,9,10], \"eps\": [1,2,3,4,5,6,7,8,9,10], \"threads\": [1,2,3,4,5,6,7,8,9,10]}}",
     "f:2:12: more than 20000 cells before \"exclude\""},
};

static void messages(void **state)
{
    (void)state;
    int different = 0;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[2048];
        bench_manifest *m;
        zo_error err = {0};
        snprintf(text, sizeof text, HEAD "%s", bad[i].rest);
        zo_status st = bench_manifest_parse(text, strlen(text), "f", &m, &err);
        assert_null(m);
        assert_int_equal(st, ZO_ERR_FORMAT);
        const char *expected = bad[i].message ? bad[i].message : "f:2:"; /* jansson's words */
        if (strncmp(err.text, expected, bad[i].message ? sizeof err.text : 4) != 0) {
            print_error("%s\n  says     %s\n  expected %s\n", bad[i].rest, err.text, expected);
            different++;
        }
    }
    assert_int_equal(different, 0);
}

static void heads(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"[]", "f:1:1: \"manifest\" must be an object, not []"},
        {"{}", "f:1:1: \"schema\" is missing"},
        {"{\"schema\": \"zobench/1\"}", "f:1:1: \"name\" is missing"},
        {"{\"includes\": [], \"schema\": \"zobench/2\"}",
         "f:1:28: \"schema\" must be \"zobench/1\", the language that this program reads, not \"zobench/2\""},
        {"{\"schema\": 1}",
         "f:1:12: \"schema\" must be \"zobench/1\", the language that this program reads, not 1"},
        {"{\"schema\": \"zobench/1\", \"name\": \"a/b\"}",
         "f:1:33: \"name\" must be made of letters, digits, '-', '_' and '.', and begin with a letter, a "
         "digit or '_', "
         "not \"a/b\""},
        {"{\"schema\": \"zobench/1\", \"name\": \"..\"}",
         "f:1:33: \"name\" must be made of letters, digits, '-', '_' and '.', and begin with a letter, a "
         "digit or '_', "
         "not \"..\""},
        {"{\"schema\": \"zobench/1\", \"name\": \"\"}", "f:1:33: \"name\" must be a text, not \"\""},
        {"{\"schema\": \"zobench/1\", \"name\": "
         "\"0123456789012345678901234567890123456789012345678901234567890123\"}",
         "f:1:33: \"name\" must be a text of at most 63 bytes, not of 64"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bench_manifest *m;
        zo_error err = {0};
        assert_int_equal(bench_manifest_parse(cases[i][0], strlen(cases[i][0]), "f", &m, &err),
                         ZO_ERR_FORMAT);
        assert_string_equal(err.text, cases[i][1]);
        assert_null(m);
    }
}

static bench_manifest *parse(const char *rest)
{
    char text[4096];
    bench_manifest *m;
    zo_error err = {0};
    snprintf(text, sizeof text, HEAD "%s", rest);
    if (bench_manifest_parse(text, strlen(text), "f", &m, &err))
        fail_msg("%s", err.text);
    return m;
}

/* The cells of a manifest as "q,B,parallel,seed q,B,parallel,seed ...". */
static void cells_are(const char *rest, const char *expected)
{
    bench_manifest *m = parse(rest);
    char text[4096] = "";
    for (int32_t i = 0; i < m->cell_count; i++) {
        const bench_params *p = &m->cells[i].params;
        size_t n = strlen(text);
        snprintf(text + n, sizeof text - n, "%s%d,%d,%s,%d", i ? " " : "", (int)p->queries, (int)p->batch,
                 zo_parallel_name((zo_parallel)p->parallel), (int)p->seed);
        char id[13];
        bench_params_id(p, id);
        assert_string_equal(m->cells[i].id, id);
    }
    assert_string_equal(text, expected);
    bench_manifest_free(m);
}

static void expansion(void **state)
{
    (void)state;
    cells_are("\"title\": \"t\"}", "4,4,both,42");
    cells_are("\"defaults\": {\"queries\": 2, \"seed\": 7}}", "2,4,both,7");
    cells_are("\"matrix\": {}, \"cells\": []}", "4,4,both,42");
    /* the last key fastest, as written */
    cells_are("\"matrix\": {\"queries\": [2, 1], \"batch\": [1, 3, 2]}}",
              "2,1,both,42 2,3,both,42 2,2,both,42 1,1,both,42 1,3,both,42 1,2,both,42");
    cells_are("\"matrix\": {\"batch\": [1, 3], \"queries\": [2, 1]}}",
              "2,1,both,42 1,1,both,42 2,3,both,42 1,3,both,42");
    cells_are("\"zip\": [{\"queries\": [1, 4, 16], \"batch\": [16, 4, 1]}]}",
              "1,16,both,42 4,4,both,42 16,1,both,42");
    /* zip groups come after the matrix */
    cells_are("\"zip\": [{\"queries\": [1, 4], \"batch\": [16, 4]}, {\"seed\": [5, 6]}], "
              "\"matrix\": {\"parallel\": [\"none\", \"both\"]}}",
              "1,16,none,5 1,16,none,6 4,4,none,5 4,4,none,6 1,16,both,5 1,16,both,6 4,4,both,5 4,4,both,6");
    /* cells are over the defaults alone; with them and nothing else, the defaults are no cell */
    cells_are("\"defaults\": {\"batch\": 2}, \"cells\": [{\"queries\": 64}, {\"batch\": 9}]}",
              "64,2,both,42 4,9,both,42");
    cells_are("\"matrix\": {\"queries\": [1, 2]}, \"cells\": [{\"batch\": 64}]}",
              "1,4,both,42 2,4,both,42 4,64,both,42");
    cells_are("\"cells\": [{}]}", "4,4,both,42");
    /* once per seed */
    cells_are("\"matrix\": {\"queries\": [1, 2]}, \"cells\": [{\"batch\": 64}], \"seeds\": [3, 1]}",
              "1,4,both,3 1,4,both,1 2,4,both,3 2,4,both,1 4,64,both,3 4,64,both,1");
    cells_are("\"defaults\": {\"seed\": 9}, \"seeds\": [3, 9]}", "4,4,both,3 4,4,both,9");
    /* what appears twice is kept once, the first time */
    cells_are("\"matrix\": {\"queries\": [1, 2, 1]}, \"cells\": [{\"queries\": 2}, {}, {\"batch\": 4.0}], "
              "\"seeds\": [1, 1]}",
              "1,4,both,1 2,4,both,1 4,4,both,1");
}

static void excludes(void **state)
{
    (void)state;
#define GRID "\"matrix\": {\"queries\": [1, 2], \"parallel\": [\"none\", \"inner\", \"both\"]}, "
    cells_are(GRID "\"exclude\": [{\"queries\": 1, \"parallel\": \"inner\"}]}",
              "1,4,none,42 1,4,both,42 2,4,none,42 2,4,inner,42 2,4,both,42");
    cells_are(GRID "\"exclude\": [{\"parallel\": [\"inner\", \"none\"]}]}", "1,4,both,42 2,4,both,42");
    cells_are(GRID "\"exclude\": [{\"parallel\": \"inner\"}, {\"queries\": 1}]}", "2,4,none,42 2,4,both,42");
    /* a parameter that does not vary counts too; cells are not touched; seeds are matched */
    cells_are(GRID "\"exclude\": [{\"batch\": 4, \"queries\": 2}], \"cells\": [{\"queries\": 2}]}",
              "1,4,none,42 1,4,inner,42 1,4,both,42 2,4,both,42");
    cells_are(
        "\"matrix\": {\"queries\": [1, 2]}, \"seeds\": [5, 6], \"exclude\": [{\"queries\": 2, \"seed\": 6}]}",
        "1,4,both,5 1,4,both,6 2,4,both,5");
    /* what follows from the method is matched as it has become, and contradictions may be excluded */
    cells_are("\"matrix\": {\"method\": [\"rge\", \"prge\"]}, \"exclude\": [{\"parallel\": \"none\"}]}",
              "4,4,both,42");
    cells_are("\"matrix\": {\"method\": [\"rge\", \"prge\"], \"parallel\": [\"none\", \"both\"]}, "
              "\"exclude\": [{\"method\": \"rge\", \"parallel\": \"both\"}]}",
              "4,4,none,42 4,4,none,42 4,4,both,42");
}

static void following(void **state)
{
    (void)state;
    cells_are("\"matrix\": {\"method\": [\"zero-shot\", \"mezo\", \"rge\", \"prge\"]}}",
              "4,4,none,42 4,4,none,42 4,4,none,42 4,4,both,42");
    bench_manifest *m = parse("\"matrix\": {\"method\": [\"zero-shot\", \"prge\"]}}");
    assert_int_equal(m->cells[0].params.steps, 0);
    assert_int_equal(m->cells[1].params.steps, 20);
    bench_manifest_free(m);
    cells_are("\"defaults\": {\"method\": \"mezo\"}, \"cells\": [{}, {\"method\": \"prge\"}]}",
              "4,4,none,42 4,4,both,42");
    cells_are("\"defaults\": {\"parallel\": \"inner\"}, \"cells\": [{}, {\"method\": \"rge\", \"parallel\": "
              "\"none\"}]}",
              "4,4,inner,42 4,4,none,42");
}

/* The ids of a small manifest, recorded from Python's hashlib over json.dumps(sort_keys=True): people's records are found
 * by them. */
static void recorded_ids(void **state)
{
    (void)state;
    static const char *const ids[] = {"5437c2a8f328", "b84bb175c215", "a7dffb79c2d1", "3c6b00ceda60"};
    bench_manifest *m = parse("\"matrix\": {\"parallel\": [\"both\", \"none\"], \"seq_len\": [null, 64]}}");
    assert_int_equal(m->cell_count, 4);
    for (int i = 0; i < 4; i++)
        assert_string_equal(m->cells[i].id, ids[i]);
    bench_manifest_free(m);
}

static void labels(void **state)
{
    (void)state;
    char out[64];
    bench_manifest *m =
        parse("\"matrix\": {\"parallel\": [\"both\"], \"seq_len\": [null, 64], \"queries\": [1, 4]}}");
    assert_string_equal(bench_manifest_label(m, &m->cells[0].params, out, sizeof out),
                        "queries=1 seq_len=null");
    assert_string_equal(bench_manifest_label(m, &m->cells[3].params, out, sizeof out),
                        "queries=4 seq_len=64");
    assert_string_equal(bench_manifest_label(m, &m->cells[3].params, out, 12), "queries=4 s");
    bench_manifest_free(m);
    m = parse("\"defaults\": {\"queries\": 2}}");
    assert_string_equal(bench_manifest_label(m, &m->cells[0].params, out, sizeof out), "n");
    bench_manifest_free(m);
    m = parse("\"matrix\": {\"method\": [\"mezo\", \"prge\"]}, \"cells\": [{\"batch\": 2}]}");
    assert_string_equal(bench_manifest_label(m, &m->cells[0].params, out, sizeof out),
                        "method=mezo parallel=none");
    assert_string_equal(bench_manifest_label(m, &m->cells[1].params, out, sizeof out), "method=prge");
    assert_string_equal(bench_manifest_label(m, &m->cells[2].params, out, sizeof out), "method=prge batch=2");
    bench_manifest_free(m);
    m = parse("\"cells\": [{}, {\"lr\": 1}]}");
    assert_string_equal(bench_manifest_label(m, &m->cells[0].params, out, sizeof out), "defaults");
    assert_string_equal(bench_manifest_label(m, &m->cells[1].params, out, sizeof out), "lr=1");
    bench_manifest_free(m);
}

static void measure(void **state)
{
    (void)state;
    bench_manifest *m = parse("\"title\": \"t\"}");
    assert_int_equal(m->measure.warmup, 1);
    assert_int_equal(m->measure.min_runs, 1);
    assert_int_equal(m->measure.max_runs, 1);
    assert_true(m->measure.ci == 0);
    assert_true(m->measure.timeout_s == 7200);
    assert_int_equal(m->measure.order, BENCH_ORDER_INTERLEAVE);
    assert_int_equal(m->table_count + m->plot_count + m->warning_count, 0);
    bench_manifest_free(m);
    m = parse(
        "\"measure\": {\"order\": \"sequential\", \"timeout\": \"1.5h\", \"ci\": \"2%\", \"min_runs\": 3, "
        "\"max_runs\": 30, \"warmup\": 0}, \"defaults\": {\"steps\": 1}}");
    assert_int_equal(m->measure.warmup, 0);
    assert_int_equal(m->measure.min_runs, 3);
    assert_int_equal(m->measure.max_runs, 30);
    assert_true(m->measure.ci == 0.02);
    assert_true(m->measure.timeout_s == 5400);
    assert_int_equal(m->measure.order, BENCH_ORDER_SEQUENTIAL);
    bench_manifest_free(m);
    static const struct {
        const char *text;
        double seconds;
    } times[] = {{"90s", 90}, {"15m", 900}, {"2h", 7200}, {"30d", 30 * 86400.0}, {"0.5m", 30}, {"1s", 1}};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        char rest[80];
        snprintf(rest, sizeof rest, "\"measure\": {\"timeout\": \"%s\", \"min_runs\": 2}}", times[i].text);
        m = parse(rest);
        assert_true(m->measure.timeout_s == times[i].seconds);
        assert_int_equal(m->measure.max_runs, 2); /* as min_runs */
        bench_manifest_free(m);
    }
}

static void tables_and_plots(void **state)
{
    (void)state;
    bench_manifest *m =
        parse("\"title\": \"Inner loop\", \"matrix\": {\"parallel\": [\"none\", \"inner\"], \"seq_len\": "
              "[null, 64]},\n"
              "\"tables\": [{\"rows\": \"seq_len\", \"cols\": \"parallel\", \"value\": \"step_ns\", "
              "\"relative_to\": {\"parallel\": \"none\"}},\n"
              " {\"title\": \"T\", \"rows\": \"seq_len\", \"value\": \"peak_rss_bytes\", \"relative_to\": "
              "{\"seq_len\": null}, "
              "\"where\": {\"parallel\": [\"inner\"]}}],\n"
              "\"plots\": [{\"kind\": \"lines\", \"x\": \"seq_len\", \"series\": \"parallel\", \"y\": "
              "\"step_ns\"},\n"
              " {\"kind\": \"curve\", \"y\": \"accuracy\"},\n"
              " {\"kind\": \"bars\", \"x\": \"parallel\", \"y\": \"loss\", \"where\": {\"seq_len\": 64}, "
              "\"title\": \"P\"},\n"
              " {\"kind\": \"heatmap\", \"x\": \"seq_len\", \"y\": [\"batch\", \"queries\"], \"value\": "
              "\"step_ns\", \"relative_to\": {\"parallel\": \"none\"}, \"beside\": \"load_ns\"}]}");
    assert_string_equal(m->name, "n");
    assert_string_equal(m->title, "Inner loop");
    assert_string_equal(m->path, "f");
    assert_int_equal(m->table_count, 2);
    const bench_table_spec *t = m->tables;
    assert_string_equal(t[0].title, "");
    assert_string_equal(t[0].rows, "seq_len");
    assert_string_equal(t[0].cols, "parallel");
    assert_string_equal(t[0].value, "step_ns");
    assert_string_equal(t[0].relative_option, "parallel");
    assert_string_equal(t[0].relative_value, "none");
    assert_null(t[0].where);
    assert_string_equal(t[1].title, "T");
    assert_string_equal(t[1].cols, "");
    assert_string_equal(t[1].relative_option, "seq_len");
    assert_string_equal(t[1].relative_value, "null");
    assert_true(bench_condition_match(&m->cells[2].params, t[1].where));
    assert_false(bench_condition_match(&m->cells[0].params, t[1].where));
    assert_int_equal(m->plot_count, 4);
    const bench_plot_spec *p = m->plots;
    assert_int_equal(p[0].kind, BENCH_PLOT_LINES);
    assert_string_equal(p[0].x, "seq_len");
    assert_string_equal(p[0].series, "parallel");
    assert_string_equal(p[0].y, "step_ns");
    assert_int_equal(p[1].kind, BENCH_PLOT_CURVE);
    assert_string_equal(p[1].x, "step");
    assert_string_equal(p[1].series, "");
    assert_string_equal(p[1].y, "accuracy");
    assert_int_equal(p[2].kind, BENCH_PLOT_BARS);
    assert_string_equal(p[2].title, "P");
    assert_non_null(p[2].where);
    assert_int_equal(p[3].kind, BENCH_PLOT_HEATMAP);
    assert_string_equal(p[3].y, "batch,queries");
    assert_string_equal(p[3].value, "step_ns");
    assert_string_equal(p[3].beside, "load_ns");
    assert_string_equal(p[3].relative_option, "parallel");
    assert_string_equal(p[3].relative_value, "none");
    assert_int_equal(m->warning_count, 0);
    bench_manifest_free(m);
}

static void warnings(void **state)
{
    (void)state;
    bench_manifest *m = parse(
        "\"matrix\": {\"queries\": [1, 2]}, \"exclude\": [{\"queries\": 2},\n {\"queries\": 3}, {\"batch\": "
        "[4], "
        "\"queries\": 2}],\n"
        "\"tables\": [{\"rows\": \"queries\", \"value\": \"step_ns\", \"where\": {\"batch\": 5}},\n"
        "           {\"rows\": \"queries\", \"value\": \"step_ns\", \"relative_to\": {\"queries\": 2}}],\n"
        "\"plots\": [{\"kind\": \"curve\", \"y\": \"loss\", \"where\": {\"queries\": [2, 3]}},\n"
        " {\"kind\": \"heatmap\", \"x\": \"batch\", \"y\": \"rank\", \"value\": \"step_ns\", "
        "\"relative_to\": "
        "{\"queries\": 2}}]}");
    static const char *const expected[] = {
        "f:3:2: this exclude matches no cell",         "f:4:61: no cell matches: the table will be empty",
        "f:5:67: no cell of the table has this value", "f:6:51: no cell matches: the plot will be empty",
        "f:7:84: no cell of the plot has this value",
    };
    assert_int_equal(m->warning_count, 5);
    for (int i = 0; i < 5; i++)
        assert_string_equal(m->warnings[i], expected[i]);
    bench_manifest_free(m);
}

static void files(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    char dir[512], path[600], hex[BENCH_SHA256_HEX];
    snprintf(dir, sizeof dir, "%s/manifest_test.XXXXXX", tmp && *tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/m.json", dir);
    bench_manifest *m;
    zo_error err = {0};
    assert_int_equal(bench_manifest_load(path, &m, &err), ZO_ERR_IO);
    assert_null(m);
    assert_non_null(strstr(err.text, "/m.json: No such file or directory"));
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(HEAD "\"defaults\": {}}", f);
    fclose(f);
    err = (zo_error){0};
    if (bench_manifest_load(path, &m, &err))
        fail_msg("%s", err.text);
    assert_string_equal(m->path, path);
    assert_int_equal(bench_sha256_file(path, hex, NULL), ZO_OK);
    assert_string_equal(m->sha256, hex);
    assert_string_equal(m->title, "n"); /* the name, where no title is given */
    bench_manifest_free(m);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs(HEAD "\n}", f);
    fclose(f);
    assert_int_equal(bench_manifest_load(path, &m, &err), ZO_ERR_FORMAT);
    char begin[640];
    snprintf(begin, sizeof begin, "%s:3:1: ", path);
    assert_memory_equal(err.text, begin, strlen(begin));
    unlink(path);
    rmdir(dir);
}

static void too_large(void **state)
{
    (void)state;
    bench_manifest *m;
    zo_error err = {0};
    size_t n = (4 << 20) + 1;
    char *text = malloc(n);
    assert_non_null(text);
    memset(text, ' ', n);
    memcpy(text, HEAD, sizeof HEAD - 1);
    memcpy(text + sizeof HEAD, "\"cells\": []}", 12);
    assert_int_equal(bench_manifest_parse(text, n - 1, "f", &m, &err), ZO_OK);
    bench_manifest_free(m);
    assert_int_equal(bench_manifest_parse(text, n, "f", &m, &err), ZO_ERR_FORMAT);
    assert_string_equal(err.text, "f: a manifest of 4194305 bytes, more than 4194304");
    free(text);
    char path[5000];
    memset(path, 'p', sizeof path);
    path[4999] = '\0';
    err = (zo_error){0};
    assert_int_equal(bench_manifest_parse("{}", 2, path, &m, &err), ZO_ERR_INVALID);
    assert_non_null(strstr(err.text, "the path is too long"));
    path[4095] = '\0'; /* messages show the end of it */
    err = (zo_error){0};
    assert_int_equal(bench_manifest_parse("{}", 2, path, &m, &err), ZO_ERR_FORMAT);
    const char *end = ":1:1: \"schema\" is missing";
    assert_string_equal(err.text + strlen(err.text) - strlen(end), end);
}

/* The manifests that are shipped: good, without a warning, each of the name of its file. */
static void shipped(void **state)
{
    (void)state;
    glob_t found;
    assert_int_equal(glob("experiments/*.json", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        char path[300];
        bench_manifest *m;
        zo_error err = {0};
        if (bench_manifest_load(found.gl_pathv[i], &m, &err))
            fail_msg("%s", err.text);
        if (m->warning_count)
            fail_msg("%s", m->warnings[0]);
        snprintf(path, sizeof path, "experiments/%s.json", m->name);
        assert_string_equal(found.gl_pathv[i], path);
        bench_manifest_free(m);
    }
    globfree(&found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages), cmocka_unit_test(heads),     cmocka_unit_test(expansion),
        cmocka_unit_test(excludes), cmocka_unit_test(following), cmocka_unit_test(recorded_ids),
        cmocka_unit_test(labels),   cmocka_unit_test(measure),   cmocka_unit_test(tables_and_plots),
        cmocka_unit_test(warnings), cmocka_unit_test(files),     cmocka_unit_test(too_large),
        cmocka_unit_test(shipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
