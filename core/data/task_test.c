/* Tests of task.c. Texts are checked on rows of the real data sets (../shared/data or $ZOBENCH_TEST_DATA) against
 * what the templates' table makes of them by hand, and on rows written here for what the real ones don't show. */
#include "core/data/task.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "core/data/polarity.h"

#define MODEL "models/smollm2-135m.gguf"

/* Does it put BOS before a text? */
static bool adds_bos(const zo_tokenizer *t)
{
    int32_t first = -1;
    size_t n = 0;
    assert_int_equal(zo_tokenizer_encode(t, "", 0, ZO_ENCODE_SPECIAL, &first, 1, &n, NULL), ZO_OK);
    return n > 0 && first == zo_tokenizer_bos(t);
}

static char folder[256]; /* for files written here, laid out as <folder>/<task>/<file> */

static const char *data_folder(void)
{
    const char *dir = getenv("ZOBENCH_TEST_DATA");
    dir = dir ? dir : "../shared/data";
    if (access(dir, R_OK)) {
        printf("skip: no data sets at %s (ZOBENCH_TEST_DATA names another folder)\n", dir);
        skip();
    }
    return dir;
}

static zo_tokenizer *open_model_tokenizer(void)
{
    zo_tokenizer *tok = NULL;
    if (access(MODEL, R_OK)) {
        printf("skip: no %s (scripts/fetch-model smollm2-135m)\n", MODEL);
        skip();
    }
    zo_error err = {0};
    if (zo_tokenizer_open(MODEL, NULL, &tok, &err))
        fail_msg("%s", err.text);
    return tok;
}

static zo_tokenizer *open_byte_tokenizer(void)
{
    zo_tokenizer *tok = NULL;
    assert_int_equal(zo_tokenizer_open("synth:tiny", NULL, &tok, NULL), ZO_OK);
    return tok;
}

static int make_folder(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/task_test.XXXXXX", tmp ? tmp : "/tmp");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

/* The path of <folder>/<task>/<name>; its folder is there. */
static const char *place(const char *task, const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, task);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/%s/%s", folder, task, name);
    return path;
}

static void write_file(const char *task, const char *name, const char *text)
{
    FILE *f = fopen(place(task, name), "wb");
    assert_non_null(f);
    assert_int_equal(fputs(text, f) >= 0, 1);
    assert_int_equal(fclose(f), 0);
}

static void remove_file(const char *task, const char *name)
{
    char path[512];
    assert_int_equal(unlink(place(task, name)), 0);
    snprintf(path, sizeof path, "%s/%s", folder, task);
    rmdir(path); /* refused while another file is there */
}

typedef struct loaded {
    zo_row *rows;
    int32_t count;
    zo_data_file file;
} loaded;

static loaded load(const char *task, const char *dir, zo_split split, int32_t limit)
{
    loaded l;
    zo_error err = {0};
    const zo_task *t = zo_task_find(task);
    assert_non_null(t);
    if (zo_task_rows(t, dir, split, limit, NULL, &l.rows, &l.count, &l.file, &err))
        fail_msg("%s: %s", task, err.text);
    return l;
}

static void unload(loaded l)
{
    zo_task_rows_free(l.rows, l.count);
}

static void check_row(const zo_row *row, const char *prompt, const char *a, const char *b, int32_t label)
{
    assert_string_equal(row->prompt, prompt);
    assert_int_equal(row->choices, 2);
    assert_string_equal(row->answer[0], a);
    assert_string_equal(row->answer[1], b);
    assert_int_equal(row->label, label);
}

/* ---- texts of real rows ---- */

static const struct known {
    const char *task;
    zo_split split;
    int32_t row;
    const char *prompt, *answer[2];
    int32_t label;
} known[] = {
    {"sst2",
     ZO_SPLIT_TRAIN,
     0,
     "hide new secretions from the parental units It was",
     {" terrible", " great"},
     0},
    {"sst2", ZO_SPLIT_TRAIN, 999, "a heartening tale of small victories It was", {" terrible", " great"}, 1},
    {"sst2",
     ZO_SPLIT_VALIDATION,
     0,
     "it 's a charming and often affecting journey . It was",
     {" terrible", " great"},
     1},
    {"sst2",
     ZO_SPLIT_VALIDATION,
     871,
     "looking aristocratic , luminous yet careworn in jane hamilton 's exemplary costumes , rampling gives a "
     "performance that could not be improved upon . ' It was",
     {" terrible", " great"},
     1},
    {"rte",
     ZO_SPLIT_TRAIN,
     0,
     "No Weapons of Mass Destruction Found in Iraq Yet.\nDoes this mean that \"Weapons of Mass Destruction "
     "Found in "
     "Iraq.\" is true? Yes or No?",
     {" Yes", " No"},
     1},
    {"rte",
     ZO_SPLIT_VALIDATION,
     0,
     "Dana Reeve, the widow of the actor Christopher Reeve, has died of lung cancer at age 44, according to "
     "the "
     "Christopher Reeve Foundation.\nDoes this mean that \"Christopher Reeve had an accident.\" is true? Yes "
     "or No?",
     {" Yes", " No"},
     1},
    {"boolq",
     ZO_SPLIT_TRAIN,
     242,
     "The BBC announced on 2 March 2017 that there would be no further series. Will there be a second series "
     "of the "
     "coroner?",
     {" Yes", " No"},
     1},
    {"boolq",
     ZO_SPLIT_VALIDATION,
     347,
     "It is currently legal to keep skunks as pets in Britain without a license. Can you own a skunk in the "
     "uk?",
     {" Yes", " No"},
     0},
    {"copa",
     ZO_SPLIT_TRAIN,
     0,
     "My body cast a shadow over the grass because",
     {" the sun was rising.", " the grass was cut."},
     0},
    {"copa",
     ZO_SPLIT_TRAIN,
     6,
     "The stain came out of the shirt because",
     {" I patched the shirt.", " I bleached the shirt."},
     1},
    {"copa", /* the first choice begins with a space, so its first word is empty */
     ZO_SPLIT_TRAIN,
     128,
     "The trip took a long time because",
     {"  The driver talked the whole way.", " the driver made a wrong turn."},
     1},
    {"copa", /* the premise ends with a space */
     ZO_SPLIT_TRAIN,
     209,
     "The parents forbade their children from watching the movie because",
     {" the movie was rated R.", " the movie was animated."},
     0},
    {"copa",
     ZO_SPLIT_VALIDATION,
     0,
     "The man turned on the faucet so",
     {" the toilet filled with water.", " water flowed from the spout."},
     1},
    {"mrpc",
     ZO_SPLIT_VALIDATION,
     76,
     "Do the following two sentences mean the same thing? Yes or No?\nSentence 1: McCabe said he was "
     "considered a "
     "witness , not a suspect .\nSentence 2: \" He is not considered a suspect , \" McCabe said .\n",
     {" No", " Yes"},
     0},
    {"qnli",
     ZO_SPLIT_VALIDATION,
     125,
     "Does this sentence answer the question? Yes or No?\nQuestion: What is the festival of food and drink "
     "known as?\n"
     "Sentence: EAT!\n",
     {" No", " Yes"},
     0},
    {"multirc",
     ZO_SPLIT_TRAIN,
     197,
     "I'm here to tell you the story of a robot named Carl. He came from a far away land known as Factory. "
     "Carl was "
     "sad because he was missing a part called a tire. He also needed a sun gatherer. But, the tire was more "
     "important. Once Carl got all these parts he could travel to his new home in the nation of Lab and the "
     "city of "
     "Office. It was a tricky thing to get there with missing parts. Just as he had given up hope Carl got a "
     "message "
     "from Mr. X saying the new parts were ready to be delivered. This made the robot very happy. The parts "
     "arrived a "
     "few days later and Carl put them in with 2 days of work. After this Carl began to travel the last bit "
     "of his "
     "goal to get to his new job. After this Carl took 10 days to get to Lab. \nQuestion: Does Mr. X install "
     "Carl's "
     "new parts?\nI found this answer \"Maybe\". Is that correct? Yes or No?",
     {" No", " Yes"},
     0},
};

static void known_rows(void **state)
{
    (void)state;
    const char *dir = data_folder();
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const struct known *k = &known[i];
        loaded l = load(k->task, dir, k->split, k->row + 1); /* the limit makes it the last one */
        assert_int_equal(l.count, k->row + 1);
        check_row(&l.rows[k->row], k->prompt, k->answer[0], k->answer[1], k->label);
        unload(l);
    }
}

/* Rows with label 0 and label 1, as the data sets' own README counts them; boolq's true is our 0. */
static void label_counts(void **state)
{
    (void)state;
    static const struct {
        const char *task;
        zo_split split;
        int32_t label[2];
    } want[] = {
        {"sst2", ZO_SPLIT_TRAIN, {458, 542}},      {"sst2", ZO_SPLIT_VALIDATION, {428, 444}},
        {"rte", ZO_SPLIT_TRAIN, {490, 510}},       {"rte", ZO_SPLIT_VALIDATION, {146, 131}},
        {"boolq", ZO_SPLIT_TRAIN, {316, 184}},     {"boolq", ZO_SPLIT_VALIDATION, {625, 375}},
        {"copa", ZO_SPLIT_TRAIN, {195, 205}},      {"copa", ZO_SPLIT_VALIDATION, {55, 45}},
        {"mrpc", ZO_SPLIT_TRAIN, {337, 663}},      {"mrpc", ZO_SPLIT_VALIDATION, {129, 279}},
        {"multirc", ZO_SPLIT_TRAIN, {570, 430}},   {"multirc", ZO_SPLIT_VALIDATION, {541, 459}},
        {"qnli", ZO_SPLIT_VALIDATION, {473, 527}},
    };
    const char *dir = data_folder();
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        loaded l = load(want[i].task, dir, want[i].split, 0);
        int32_t got[2] = {0, 0};
        for (int32_t r = 0; r < l.count; r++)
            got[l.rows[r].label]++;
        assert_int_equal(got[0], want[i].label[0]);
        assert_int_equal(got[1], want[i].label[1]);
        assert_non_null(
            strstr(l.file.path, want[i].split == ZO_SPLIT_TRAIN ? "/train.jsonl" : "/validation.jsonl"));
        unload(l);
    }
}

static void same_rows(loaded a, loaded b)
{
    assert_int_equal(a.count, b.count);
    for (int32_t i = 0; i < a.count; i++)
        check_row(&b.rows[i], a.rows[i].prompt, a.rows[i].answer[0], a.rows[i].answer[1], a.rows[i].label);
}

/* GLUE's dev.tsv and SuperGLUE's val.jsonl give the rows of the Hugging Face form. */
static void original_forms(void **state)
{
    (void)state;
    static const struct {
        const char *task, *original, *name;
        int32_t rows;
    } forms[] = {{"sst2", "original/dev.tsv", "dev.tsv", 872},
                 {"rte", "original/val.jsonl", "val.jsonl", 277}};
    const char *dir = data_folder();
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        char relative[512], *absolute;
        snprintf(relative, sizeof relative, "%s/%s/%s", dir, forms[i].task, forms[i].original);
        absolute = realpath(relative, NULL);
        assert_non_null(absolute);
        assert_int_equal(symlink(absolute, place(forms[i].task, forms[i].name)), 0);
        free(absolute);
        loaded raw = load(forms[i].task, folder, ZO_SPLIT_VALIDATION, 0);
        loaded hub = load(forms[i].task, dir, ZO_SPLIT_VALIDATION, 0);
        assert_int_equal(raw.count, forms[i].rows);
        assert_string_equal(raw.file.path + strlen(raw.file.path) - strlen(forms[i].name), forms[i].name);
        same_rows(hub, raw);
        unload(raw);
        unload(hub);
        remove_file(forms[i].task, forms[i].name);
    }
}

/* ---- rows written here ---- */

static void forms_of_rte(void **state)
{
    (void)state;
    write_file(
        "rte", "train.tsv",
        "index\tsentence1\tsentence2\tlabel\n0\tA \"b\" c.\tD.\tnot_entailment\n1\tE.\tF.\tentailment\n");
    loaded l = load("rte", folder, ZO_SPLIT_TRAIN, 0);
    assert_int_equal(l.count, 2);
    check_row(&l.rows[0], "A \"b\" c.\nDoes this mean that \"D.\" is true? Yes or No?", " Yes", " No", 1);
    check_row(&l.rows[1], "E.\nDoes this mean that \"F.\" is true? Yes or No?", " Yes", " No", 0);
    unload(l);
    remove_file("rte", "train.tsv");
}

static void forms_of_boolq(void **state)
{
    (void)state;
    static const char *const prompt[] = {
        "T -- p. Is it?",        "p. Is it?", "p. Is it?", "p. Is it?", "p. 5 is it?",
        "p. \xC3\xA9t\xC3\xA9?", "p. ?"};
    write_file("boolq", "dev.jsonl",
               "{\"passage\": \"T -- p.\", \"question\": \"is it\", \"label\": true, \"idx\": 0}\n"
               "{\"passage\": \"p.\", \"question\": \"Is it?\", \"label\": 0}\n"
               "{\"passage\": \"p.\", \"question\": \"is it ? \", \"answer\": true, \"title\": \"T\"}\n"
               "{\"passage\": \"p.\", \"question\": \"is it??\", \"answer\": false}\n"
               "{\"passage\": \"p.\", \"question\": \"5 is it\", \"label\": 1}\n"
               "{\"passage\": \"p.\", \"question\": \"\\u00e9t\\u00e9\", \"label\": false}\n"
               "{\"passage\": \"p.\", \"question\": \"\", \"label\": \"true\"}\n");
    static const int32_t label[] = {0, 1, 0, 1, 0, 1, 0}; /* true is Yes is 0 */
    loaded l = load("boolq", folder, ZO_SPLIT_VALIDATION, 0);
    assert_int_equal(l.count, 7);
    for (int i = 0; i < 7; i++)
        check_row(&l.rows[i], prompt[i], " Yes", " No", label[i]);
    unload(l);
    remove_file("boolq", "dev.jsonl");
}

/* The pairs of sentences that GLUE has as .tsv, and SuperGLUE's wic and wsc, raw and as the hub has them. */
static void forms_of_pairs(void **state)
{
    (void)state;
    static const struct {
        const char *task, *name, *text, *prompt;
        int32_t label;
    } cases[] = {
        {"mrpc", "train.jsonl", "{\"sentence1\":\"a .\",\"sentence2\":\"b .\",\"label\":1}\n",
         "Do the following two sentences mean the same thing? Yes or No?\nSentence 1: a .\nSentence 2: b .\n",
         1},
        {"qqp", "train.jsonl", "{\"question1\":\"a?\",\"question2\":\"b?\",\"label\":0}\n",
         "Are these two questions asking the same thing? Yes or No?\nQuestion 1: a?\nQuestion 2: b?\n", 0},
        {"qqp", "train.tsv", "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n1\t2\t3\ta?\tb?\t1\n",
         "Are these two questions asking the same thing? Yes or No?\nQuestion 1: a?\nQuestion 2: b?\n", 1},
        {"qnli", "train.tsv", "index\tquestion\tsentence\tlabel\n0\ta?\t\"b\" .\tnot_entailment\n",
         "Does this sentence answer the question? Yes or No?\nQuestion: a?\nSentence: \"b\" .\n", 1},
        {"wnli", "train.tsv", "index\tsentence1\tsentence2\tlabel\n0\ta.\tb.\t1\n",
         "Given the first sentence, is the second sentence true? Yes or No?\nSentence 1: a.\nSentence 2: "
         "b.\n",
         1},
        {"wic", "train.jsonl",
         "{\"word\":\"w\",\"sentence1\":\"a w.\",\"sentence2\":\"b w.\",\"label\":false}\n",
         "Does the word \"w\" have the same meaning in these two sentences? Yes, No?\na w.\nb w.\n", 0},
        {"wsc", "train.jsonl",
         "{\"text\":\"t.\",\"span1_text\":\"Ann Lee\",\"span2_text\":\"She\",\"label\":1}\n",
         "t.\nIn the previous sentence, does the pronoun \"she\" refer to? Ann Lee? Yes or No?", 1},
        {"wsc", "train.jsonl",
         "{\"text\":\"t.\",\"target\":{\"span1_text\":\"Ann Lee\",\"span2_text\":\"She\"},\"label\":true}\n",
         "t.\nIn the previous sentence, does the pronoun \"she\" refer to? Ann Lee? Yes or No?", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_file(cases[i].task, cases[i].name, cases[i].text);
        loaded l = load(cases[i].task, folder, ZO_SPLIT_TRAIN, 0);
        assert_int_equal(l.count, 1);
        check_row(&l.rows[0], cases[i].prompt, " No", " Yes", cases[i].label);
        unload(l);
        remove_file(cases[i].task, cases[i].name);
    }
}

static void forms_of_copa(void **state)
{
    (void)state;
    write_file("copa", "train.jsonl",
               "{\"premise\":\"He ran..\",\"choice1\":\"I\",\"choice2\":\"I'm "
               "OK.\",\"question\":\"effect\",\"label\":1}\n"
               "{\"premise\":\"Why?\",\"choice1\":\"NASA "
               "Did.\",\"choice2\":\"\",\"question\":\"cause\",\"label\":0}\n");
    loaded l = load("copa", folder, ZO_SPLIT_TRAIN, 0);
    check_row(&l.rows[0], "He ran. so", " I", " i'm OK.", 1);
    check_row(&l.rows[1], "Why? because", " nasa Did.", " ", 0);
    unload(l);
    remove_file("copa", "train.jsonl");
}

static void strip_in_sst2(void **state)
{
    (void)state;
    write_file("sst2", "train.jsonl",
               "{\"sentence\":\" \\t a  b\\n \",\"label\":1}\n{\"sentence\":\" \",\"label\":0}\n");
    loaded l = load("sst2", folder, ZO_SPLIT_TRAIN, 0);
    check_row(&l.rows[0], "a  b It was", " terrible", " great", 1);
    check_row(&l.rows[1], " It was", " terrible", " great", 0);
    unload(l);
    remove_file("sst2", "train.jsonl");
}

/* The first file of the list wins; a limit past the end gives all. */
static void order_of_files(void **state)
{
    (void)state;
    static const char *const names[] = {"validation.jsonl", "val.jsonl", "dev.jsonl", "validation.tsv",
                                        "dev.tsv"};
    for (int i = 4; i >= 0; i--) {
        char text[100];
        snprintf(text, sizeof text,
                 i < 3 ? "{\"sentence\":\"%s\",\"label\":1}\n" : "sentence\tlabel\n%s\t1\n", names[i]);
        write_file("sst2", names[i], text);
        loaded l = load("sst2", folder, ZO_SPLIT_VALIDATION, 1000);
        assert_int_equal(l.count, 1);
        assert_memory_equal(l.rows[0].prompt, names[i], strlen(names[i]));
        assert_string_equal(l.file.path + strlen(l.file.path) - strlen(names[i]), names[i]);
        unload(l);
    }
    for (int i = 0; i < 5; i++)
        remove_file("sst2", names[i]);
}

/* GLUE's own MRPC has a header of its own; its rows are those of the hub's form. */
static void mrpc_as_glue_has_it(void **state)
{
    (void)state;
    write_file("mrpc", "train.jsonl", "{\"sentence1\":\"He \\\"said.\",\"sentence2\":\"So.\",\"label\":1}\n");
    write_file("mrpc", "dev.tsv",
               "\xEF\xBB\xBFQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t2\t3\tHe \"said.\tSo.\n");
    loaded hub = load("mrpc", folder, ZO_SPLIT_TRAIN, 0), own = load("mrpc", folder, ZO_SPLIT_VALIDATION, 0);
    check_row(&own.rows[0], hub.rows[0].prompt, " No", " Yes", 1);
    assert_int_equal(hub.rows[0].label, 1);
    unload(hub);
    unload(own);
    remove_file("mrpc", "train.jsonl");
    remove_file("mrpc", "dev.tsv");
}

/* SuperGLUE's own MultiRC nests questions and answers in passages; a limit counts rows, not passages. */
static void multirc_as_superglue_has_it(void **state)
{
    static const struct {
        const char *question, *answer;
        int label;
    } rows[] = {{"Who?", "I", 0}, {"Who?", "you", 1}, {"Why?", "so", 1}};
    (void)state;
    write_file("multirc", "val.jsonl",
               "{\"idx\":0,\"version\":1.1,\"passage\":{\"text\":\"A "
               "b.\",\"questions\":[{\"question\":\"Who?\",\"answers\":"
               "[{\"text\":\"I\",\"idx\":0,\"label\":0},{\"text\":\"you\",\"idx\":1,\"label\":1}],\"idx\":0},"
               "{\"question\":\"Why?\",\"answers\":[{\"text\":\"so\",\"idx\":2,\"label\":1}],\"idx\":1}]}}\n"
               "{\"passage\":{\"text\":\"C.\",\"questions\":[{\"question\":\"D?\",\"answers\":[{\"text\":"
               "\"e\",\"label\":0}]}]}}\n");
    loaded all = load("multirc", folder, ZO_SPLIT_VALIDATION, 0),
           some = load("multirc", folder, ZO_SPLIT_VALIDATION, 2);
    assert_int_equal(all.count, 4);
    assert_int_equal(some.count, 2);
    for (int i = 0; i < 3; i++) {
        char want[200];
        snprintf(want, sizeof want,
                 "A b.\nQuestion: %s\nI found this answer \"%s\". Is that correct? Yes or No?",
                 rows[i].question, rows[i].answer);
        check_row(&all.rows[i], want, " No", " Yes", rows[i].label);
    }
    unload(all);
    unload(some);
    remove_file("multirc", "val.jsonl");
}

/* Lines of GLUE's QQP that lack columns are left out and counted; those of other tasks are errors. */
static void qqp_skips_broken_lines(void **state)
{
    static const char text[] = "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n1\t2\t3\tA?\tB?\t0\n"
                               "\tWas it? It was.\t0\n4\t5\t6\tC?\tD?\t1\n";
    (void)state;
    write_file("qqp", "dev.tsv", text);
    loaded l = load("qqp", folder, ZO_SPLIT_VALIDATION, 0);
    assert_int_equal(l.count, 2);
    assert_int_equal(l.file.skipped, 1);
    assert_int_equal(l.rows[1].label, 1);
    unload(l);
    remove_file("qqp", "dev.tsv");
}

static void bad_rows(void **state)
{
    (void)state;
    static const struct {
        const char *task, *text, *error;
    } cases[] = {
        {"sst2", "{\"sentence\":\"a\",\"label\":1}\n\n{\"label\":1}\n",
         "train.jsonl:3: no field \"sentence\""},
        {"sst2", "{\"sentence\":\"a\"}\n", "train.jsonl:1: no field \"label\""},
        {"sst2", "{\"sentence\":\"a\",\"label\":2}\n", "train.jsonl:1: field \"label\": unknown label 2"},
        {"sst2", "{\"sentence\":\"a\",\"label\":-1}\n", "train.jsonl:1: field \"label\": unknown label -1"},
        {"sst2", "{\"sentence\":\"a\",\"label\":1.0}\n",
         "train.jsonl:1: field \"label\" is not an integer, a boolean or a string"},
        {"sst2", "{\"sentence\":\"a\",\"label\":null}\n",
         "train.jsonl:1: field \"label\" is not an integer, a boolean or a string"},
        {"sst2", "{\"sentence\":5,\"label\":1}\n", "train.jsonl:1: field \"sentence\" is not a string"},
        {"sst2", "sentence\tlabel\na\t1\n", "train.jsonl:1: JSON, column "},
        {"sst2", "\n", "train.jsonl: no rows"},
        {"rte", "{\"premise\":\"a\",\"label\":1}\n", "train.jsonl:1: no field \"hypothesis|sentence2\""},
        {"rte", "{\"premise\":\"a\",\"hypothesis\":\"b\",\"label\":\"neutral\"}\n",
         "train.jsonl:1: field \"label\": unknown label neutral"},
        {"boolq", "{\"passage\":\"a\",\"question\":\"b\"}\n", "train.jsonl:1: no field \"answer|label\""},
        {"wsc", "{\"text\":\"t\",\"target\":{\"span1_text\":\"a\"},\"label\":0}\n",
         "train.jsonl:1: no field \"span2_text|target.span2_text\""},
        {"wsc", "{\"text\":\"t\",\"target\":{\"span2_text\":[]},\"label\":0}\n",
         "train.jsonl:1: field \"target.span2_text\" is not a string"},
        {"multirc", "{\"passage\":{\"text\":\"a\"}}\n",
         "train.jsonl:1: field \"passage\" has no list \"questions\""},
        {"multirc",
         "{\"passage\":{\"text\":\"a\",\"questions\":[{\"question\":\"b\",\"answers\":[{\"text\":\"c\"}]}]}}"
         "\n",
         "train.jsonl:1: question 1, answer 1: no field \"label\""},
        {"copa", "{\"premise\":\"a\",\"choice1\":\"b\",\"choice2\":\"c\",\"question\":\"why\",\"label\":0}\n",
         "train.jsonl:1: field \"question\": \"why\" is neither \"effect\" nor \"cause\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        zo_mem mem = {0};
        zo_error err = {0};
        zo_row *rows = (zo_row *)&mem;
        int32_t count = 5;
        write_file(cases[i].task, "train.jsonl", cases[i].text);
        zo_status st = zo_task_rows(zo_task_find(cases[i].task), folder, ZO_SPLIT_TRAIN, 0, &mem, &rows,
                                    &count, NULL, &err);
        assert_int_equal(st, ZO_ERR_FORMAT);
        assert_int_equal(err.status, ZO_ERR_FORMAT);
        assert_memory_equal(err.text, folder, strlen(folder));
        const char *text = err.text + strlen(folder) + 1 + strlen(cases[i].task) + 1;
        if (strncmp(text, cases[i].error, strlen(cases[i].error)))
            fail_msg("\"%s\", expected \"%s\"", text, cases[i].error);
        assert_null(rows);
        assert_int_equal(count, 0);
        assert_int_equal(mem.now[ZO_ACCOUNT_DATA], 0);
        remove_file(cases[i].task, "train.jsonl");
    }
}

static void missing_files(void **state)
{
    (void)state;
    char want[512];
    zo_row *rows;
    int32_t count;
    zo_error err = {0};
    const zo_task *t = zo_task_find("sst2");
    assert_int_equal(zo_task_rows(t, folder, ZO_SPLIT_VALIDATION, 0, NULL, &rows, &count, NULL, &err),
                     ZO_ERR_IO);
    snprintf(want, sizeof want,
             "%s/sst2: none of validation.jsonl, val.jsonl, dev.jsonl, validation.tsv, dev.tsv is there; "
             "scripts/fetch-data sst2 gets the data",
             folder);
    assert_string_equal(err.text, want);
    err = (zo_error){0};
    assert_int_equal(zo_task_rows(t, folder, ZO_SPLIT_TRAIN, -1, NULL, &rows, &count, NULL, &err),
                     ZO_ERR_INVALID);
    err = (zo_error){0};
    memset(want, 'x', 511);
    want[511] = 0;
    assert_int_equal(zo_task_rows(t, want, ZO_SPLIT_TRAIN, 0, NULL, &rows, &count, NULL, &err),
                     ZO_ERR_INVALID);
    assert_non_null(strstr(err.text, "name too long"));
}

/* ---- the table ---- */

static void table(void **state)
{
    (void)state;
    static const char *const want[][2] = {
        {"sst2", "{sentence:strip} It was[ terrible| great]"},
        {"rte",
         "{premise|sentence1}\nDoes this mean that \"{hypothesis|sentence2}\" is true? Yes or No?[ Yes| No]"},
        {"boolq", "{passage} {question:ask}[ Yes| No]"},
        {"copa", "{premise:unstop}{question:conjunction}[ {choice1:continue}| {choice2:continue}]"},
        {"mrpc", "Do the following two sentences mean the same thing? Yes or No?\nSentence 1: {sentence1}\n"
                 "Sentence 2: {sentence2}\n[ No| Yes]"},
        {"qqp", "Are these two questions asking the same thing? Yes or No?\nQuestion 1: {question1}\n"
                "Question 2: {question2}\n[ No| Yes]"},
        {"qnli", "Does this sentence answer the question? Yes or No?\nQuestion: {question}\n"
                 "Sentence: {sentence}\n[ No| Yes]"},
        {"wnli",
         "Given the first sentence, is the second sentence true? Yes or No?\nSentence 1: {sentence1}\n"
         "Sentence 2: {sentence2}\n[ No| Yes]"},
        {"wic",
         "Does the word \"{word}\" have the same meaning in these two sentences? Yes, No?\n{sentence1}\n"
         "{sentence2}\n[ No| Yes]"},
        {"wsc", "{text}\nIn the previous sentence, does the pronoun \"{span2_text|target.span2_text:lower}\" "
                "refer to? {span1_text|target.span1_text}? Yes or No?[ No| Yes]"},
        {"multirc", "{paragraph}\nQuestion: {question}\nI found this answer \"{answer}\". Is that correct? "
                    "Yes or No?[ No| Yes]"},
        {"polarity", "{sentence:strip} It was[ terrible| great]"},
        {"random", "ids drawn from the vocabulary[one id|another]"},
    };
    size_t i = 0;
    for (; zo_task_names()[i]; i++) {
        assert_true(i < sizeof want / sizeof want[0]);
        const char *name = want[i][0];
        const zo_task *t = zo_task_find(name);
        assert_string_equal(zo_task_names()[i], name);
        assert_non_null(t);
        assert_string_equal(zo_task_template(t), want[i][1]);
        assert_int_equal(zo_task_metric(t), strcmp(name, "copa") ? ZO_METRIC_CLASS : ZO_METRIC_CHOICE);
        assert_true(zo_task_chance(t) == 0.5);
    }
    assert_int_equal(i, sizeof want / sizeof want[0]);
    assert_null(zo_task_find("sst"));
    assert_null(zo_task_find(""));
    assert_string_equal(zo_metric_name(ZO_METRIC_CLASS), "accuracy/class");
    assert_string_equal(zo_metric_name(ZO_METRIC_CHOICE), "accuracy/choice");
}

static void polarity_rows(void **state)
{
    (void)state;
    static zo_polarity_row made[2 * ZO_POLARITY_ROWS];
    zo_polarity_rows(made);
    for (int split = 0; split < 2; split++) {
        for (int32_t limit = 0; limit <= 500; limit += 100) {
            loaded l = load("polarity", NULL, split ? ZO_SPLIT_VALIDATION : ZO_SPLIT_TRAIN, limit);
            assert_int_equal(l.count, limit && limit < ZO_POLARITY_ROWS ? limit : ZO_POLARITY_ROWS);
            assert_string_equal(l.file.path, "");
            for (int32_t i = 0; i < l.count; i++) {
                const zo_polarity_row *m = &made[split * ZO_POLARITY_ROWS + i];
                char prompt[ZO_POLARITY_TEXT + 8];
                snprintf(prompt, sizeof prompt, "%.*s It was", ZO_POLARITY_TEXT - 1, m->sentence);
                check_row(&l.rows[i], prompt, " terrible", " great", m->label);
            }
            unload(l);
        }
    }
}

static zo_dataset *draw(const zo_tokenizer *tok, zo_split split, int32_t limit, int32_t tokens)
{
    zo_dataset *d = NULL;
    zo_error err = {0};
    if (zo_dataset_load(zo_task_find("random"), NULL, split, limit, tok, tokens, NULL, &d, &err))
        fail_msg("%s", err.text);
    return d;
}

/* Every length from 2 on, as many rows as asked for; ids of the vocabulary, all of it in the end; choices that share their
 * prompt and differ in the label; both labels; and the same ids in a longer sequence, others in the other split. */
static void random_rows(void **state)
{
    (void)state;
    zo_tokenizer *tok = open_byte_tokenizer();
    const int32_t vocab = zo_tokenizer_vocab(tok);
    static const int32_t lengths[] = {2, 3, 8, 64, 300};
    bool *seen = calloc((size_t)vocab, sizeof *seen);
    assert_non_null(seen);
    zo_dataset *longest = draw(tok, ZO_SPLIT_TRAIN, 0, 300), *other = draw(tok, ZO_SPLIT_VALIDATION, 0, 300);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        const int32_t n = lengths[i], rows[] = {7, 399, 400};
        zo_dataset *d = draw(tok, ZO_SPLIT_TRAIN, i < 2 ? rows[i] : 1000, n);
        int32_t right = 0;
        assert_int_equal(d->count, rows[i < 2 ? i : 2]);
        assert_int_equal(d->longest, n);
        assert_int_equal(d->most_labels, 1);
        assert_string_equal(d->path, "");
        for (int32_t r = 0; r < d->count; r++) {
            const zo_example *x = &d->examples[r];
            const int32_t *a = x->choice[0].ids, *b = x->choice[1].ids;
            assert_int_equal(x->choices, 2);
            for (int k = 0; k < 2; k++) {
                assert_int_equal(x->choice[k].n, n);
                assert_int_equal(x->choice[k].n_labels, 1);
            }
            assert_memory_equal(a, longest->examples[r].choice[0].ids, (size_t)n * sizeof *a);
            assert_memory_equal(a, b, (size_t)(n - 1) * sizeof *a);
            assert_int_not_equal(a[n - 1], b[n - 1]);
            assert_in_range(b[n - 1], 0, vocab - 1);
            for (int32_t t = 0; t < n; t++) {
                assert_in_range(a[t], 0, vocab - 1);
                seen[a[t]] = true;
            }
            right += x->label;
        }
        if (d->count == 400) /* 6 standard deviations of a coin's 400 tosses, 10 each */
            assert_in_range(right, 140, 260);
        zo_dataset_free(d);
    }
    for (int32_t v = 0; v < vocab; v++) /* 120,000 draws: e^(-120,000 / vocab) of an id stay out */
        assert_true(seen[v]);
    assert_memory_not_equal(other->examples[0].choice[0].ids, longest->examples[0].choice[0].ids, 300 * 4);
    zo_dataset_free(longest);
    zo_dataset_free(other);
    free(seen);

    zo_dataset *d = NULL;
    zo_row *row = NULL;
    int32_t count;
    const zo_task *t = zo_task_find("random");
    assert_int_equal(zo_dataset_load(t, NULL, ZO_SPLIT_TRAIN, -1, tok, 8, NULL, &d, NULL), ZO_ERR_INVALID);
    assert_int_equal(zo_dataset_load(t, NULL, ZO_SPLIT_TRAIN, 0, tok, 1, NULL, &d, NULL), ZO_ERR_INVALID);
    assert_int_equal(zo_task_rows(t, NULL, ZO_SPLIT_TRAIN, 0, NULL, &row, &count, NULL, NULL),
                     ZO_ERR_UNSUPPORTED);
    zo_tokenizer_free(tok);
}

/* ---- encoding ---- */

/* With the byte tokenizer, whose ids are byte + 3: the sequence is the text itself. */
static void check_bytes(const zo_sequence *s, const char *text, int32_t labels)
{
    const int32_t n = (int32_t)strlen(text);
    assert_int_equal(s->n_labels, labels);
    for (int32_t i = 0; i < n; i++)
        assert_int_equal(s->ids[s->n - n + i], (unsigned char)text[i] + 3);
}

static void encode_bytes(void **state)
{
    (void)state;
    zo_tokenizer *tok = open_byte_tokenizer();
    const int32_t bos = adds_bos(tok);
    zo_dataset *d = NULL;
    write_file("sst2", "train.jsonl",
               "{\"sentence\":\"ab\",\"label\":1}\n{\"sentence\":\"c\",\"label\":0}\n");
    assert_int_equal(zo_dataset_load(zo_task_find("sst2"), folder, ZO_SPLIT_TRAIN, 0, tok, 0, NULL, &d, NULL),
                     ZO_OK);
    assert_int_equal(d->count, 2);
    assert_ptr_equal(d->task, zo_task_find("sst2"));
    assert_non_null(strstr(d->path, "/sst2/train.jsonl"));
    assert_int_equal(d->examples[0].choices, 2);
    assert_int_equal(d->examples[0].label, 1);
    /* the space before either word counts as prompt: it tells the classes not apart */
    check_bytes(&d->examples[0].choice[0], "ab It was terrible", 8);
    check_bytes(&d->examples[0].choice[1], "ab It was great", 5);
    check_bytes(&d->examples[1].choice[0], "c It was terrible", 8);
    assert_int_equal(d->examples[1].choice[1].n, 14 + bos);
    assert_int_equal(d->longest, 18 + bos);
    assert_int_equal(d->most_labels, 8);
    zo_dataset_free(d);

    /* cut to 12: by as much as the longer word asks for, in both, so that the prompt stays the same */
    assert_int_equal(zo_dataset_load(zo_task_find("sst2"), folder, ZO_SPLIT_TRAIN, 0, tok, 12, NULL, &d,
                                     NULL),
                     ZO_OK);
    const zo_sequence *cut = d->examples[0].choice;
    assert_int_equal(cut[0].n, 12);
    assert_int_equal(cut[1].n, 9);
    assert_int_equal(d->longest, 12);
    check_bytes(&cut[0], bos ? "as terrible" : "was terrible", 8);
    check_bytes(&cut[1], bos ? "as great" : "was great", 5);
    if (bos)
        assert_int_equal(cut[0].ids[0], zo_tokenizer_bos(tok));
    zo_dataset_free(d);
    remove_file("sst2", "train.jsonl");

    write_file("copa", "train.jsonl",
               "{\"premise\":\"He ran.\",\"choice1\":\"A.\",\"choice2\":\"B c "
               "d.\",\"question\":\"effect\",\"label\":1}\n");
    assert_int_equal(zo_dataset_load(zo_task_find("copa"), folder, ZO_SPLIT_TRAIN, 0, tok, 14, NULL, &d,
                                     NULL),
                     ZO_OK);
    check_bytes(&d->examples[0].choice[0], "ran so a.",
                3); /* choices are cut each by itself, and keep the space */
    assert_int_equal(d->examples[0].choice[0].n, 12 + bos);
    check_bytes(&d->examples[0].choice[1], "an so b c d.", 7);
    assert_int_equal(d->examples[0].choice[1].n, 14);
    zo_dataset_free(d);
    remove_file("copa", "train.jsonl");
    zo_tokenizer_free(tok);
}

/* A row made by hand, for what no task of the table makes. */
static zo_status encode_one(const char *task, const char *prompt, const char *a, const char *b,
                            int32_t max_tokens, const zo_tokenizer *tok, zo_error *err)
{
    zo_mem mem = {0};
    zo_dataset *d = NULL;
    char text[3][64];
    snprintf(text[0], 64, "%s", prompt);
    snprintf(text[1], 64, "%s", a);
    snprintf(text[2], 64, "%s", b);
    const zo_row row = {.prompt = text[0], .answer = {text[1], text[2]}, .choices = 2};
    *err = (zo_error){0};
    zo_status st = zo_dataset_encode(zo_task_find(task), &row, 1, tok, max_tokens, &mem, &d, err);
    assert_true(st ? !d : !!d);
    zo_dataset_free(d);
    assert_int_equal(mem.now[ZO_ACCOUNT_DATA], 0);
    return st;
}

static void encode_refusals(void **state)
{
    (void)state;
    zo_tokenizer *tok = open_byte_tokenizer();
    zo_error err;
    assert_int_equal(encode_one("sst2", "p", " a", " b", 0, tok, &err), ZO_OK);
    assert_int_equal(encode_one("sst2", "p", " a", " a", 0, tok, &err), ZO_ERR_INVALID);
    assert_string_equal(err.text,
                        "encode row 1 of sst2: label words \" a\" and \" a\" begin with the same token");
    assert_int_equal(encode_one("sst2", "p", " a", " ab", 0, tok, &err), ZO_ERR_INVALID);
    assert_string_equal(err.text, "encode row 1 of sst2: answer \" a\" has no tokens");
    assert_int_equal(encode_one("copa", "p", "", "b", 0, tok, &err), ZO_ERR_INVALID);
    assert_string_equal(err.text, "encode row 1 of copa: answer \"\" has no tokens");
    assert_int_equal(encode_one("copa", "p", "abc", "abcdefgh", 9, tok, &err), ZO_OK);
    assert_int_equal(encode_one("copa", "p", "abc", "abcdefgh", 8, tok, &err), ZO_ERR_INVALID);
    assert_string_equal(
        err.text, "encode row 1 of copa: answer \"abcdefgh\" of 8 tokens leaves no room for a prompt in 8");
    assert_int_equal(encode_one("copa", "p", "a", "b", 1, tok, &err), ZO_ERR_INVALID);
    zo_tokenizer_free(tok);
}

/* Ids of text, by another call of the tokenizer than the encoder's. */
static int32_t ids_of(const zo_tokenizer *tok, const char *text, int32_t *ids, size_t cap)
{
    size_t n = 0;
    assert_int_equal(zo_tokenizer_encode(tok, text, strlen(text), ZO_ENCODE_SPECIAL, ids, cap, &n, NULL),
                     ZO_OK);
    assert_true(n <= cap);
    return (int32_t)n;
}

static void encode_with_model(void **state)
{
    (void)state;
    const char *dir = data_folder();
    static const char *const names[] = {"sst2", "rte",     "boolq",    "copa", "mrpc",
                                        "qnli", "multirc", "polarity", NULL};
    zo_tokenizer *tok = open_model_tokenizer();
    for (const char *const *name = names; *name; name++) {
        const zo_task *t = zo_task_find(*name);
        loaded l = load(*name, dir, ZO_SPLIT_VALIDATION, 60);
        zo_dataset *d = NULL;
        assert_int_equal(zo_dataset_encode(t, l.rows, l.count, tok, 0, NULL, &d, NULL), ZO_OK);
        assert_int_equal(d->count, l.count);
        for (int32_t i = 0; i < d->count; i++) {
            int32_t ids[4096];
            for (int32_t k = 0; k < 2; k++) {
                char text[16384];
                const zo_sequence *s = &d->examples[i].choice[k];
                snprintf(text, sizeof text, "%s%s", l.rows[i].prompt, l.rows[i].answer[k]);
                const int32_t n = ids_of(tok, text, ids, 4096);
                assert_int_equal(s->n, n < 512 ? n : 512);
                assert_memory_equal(s->ids, ids + n - s->n, (size_t)s->n * sizeof *ids);
                /* the answer, with its space, is encoded by itself to the same ids */
                const int32_t m = ids_of(tok, l.rows[i].answer[k], ids, 4096);
                assert_int_equal(s->n_labels, m);
                assert_memory_equal(s->ids + s->n - m, ids, (size_t)m * sizeof *ids);
                if (zo_task_metric(t) == ZO_METRIC_CLASS)
                    assert_int_equal(s->n_labels, 1);
            }
        }
        zo_dataset_free(d);
        unload(l);
    }
    zo_tokenizer_free(tok);
}

/* Cut to 16 tokens: what is left is the end of the whole. */
static void truncate_with_model(void **state)
{
    (void)state;
    const char *dir = data_folder();
    zo_tokenizer *tok = open_model_tokenizer();
    zo_dataset *whole = NULL, *cut = NULL;
    const zo_task *t = zo_task_find("rte");
    const bool bos = adds_bos(tok);
    assert_int_equal(zo_dataset_load(t, dir, ZO_SPLIT_VALIDATION, 20, tok, 0, NULL, &whole, NULL), ZO_OK);
    assert_int_equal(zo_dataset_load(t, dir, ZO_SPLIT_VALIDATION, 20, tok, 16, NULL, &cut, NULL), ZO_OK);
    assert_int_equal(cut->longest, 16);
    for (int32_t i = 0; i < 20; i++) {
        for (int32_t k = 0; k < 2; k++) {
            const zo_sequence *a = &whole->examples[i].choice[k], *b = &cut->examples[i].choice[k];
            assert_true(a->n > 16);
            assert_int_equal(b->n, 16);
            assert_int_equal(b->n_labels, a->n_labels);
            assert_memory_equal(b->ids + bos, a->ids + a->n - 16 + bos, (size_t)(16 - bos) * sizeof *a->ids);
            assert_int_equal(b->ids[0], bos ? a->ids[0] : a->ids[a->n - 16]);
        }
    }
    zo_dataset_free(whole);
    zo_dataset_free(cut);
    zo_tokenizer_free(tok);
}

static void slices(void **state)
{
    (void)state;
    zo_tokenizer *tok = open_byte_tokenizer();
    zo_dataset *d = NULL;
    write_file("sst2", "train.jsonl",
               "{\"sentence\":\"a\",\"label\":1}\n{\"sentence\":\"bbb\",\"label\":0}\n{\"sentence\":\"cc\","
               "\"label\":1}\n");
    assert_int_equal(zo_dataset_load(zo_task_find("sst2"), folder, ZO_SPLIT_TRAIN, 0, tok, 0, NULL, &d, NULL),
                     ZO_OK);
    const zo_dataset last = zo_dataset_slice(d, 2, 1), none = zo_dataset_slice(d, 3, 0);
    const zo_dataset all = zo_dataset_slice(d, 0, 3);
    assert_int_equal(last.count, 1);
    assert_ptr_equal(last.examples, d->examples + 2);
    assert_int_equal(last.longest, d->longest - 1);
    assert_string_equal(last.path, d->path);
    assert_int_equal(none.count + none.longest + none.most_labels, 0);
    assert_int_equal(all.longest, d->longest);
    zo_dataset_free(d);
    zo_tokenizer_free(tok);
    remove_file("sst2", "train.jsonl");
}

/* Every allocation fails once. Nothing is left allocated, and the message says what was being allocated. */
static void failing_allocations(void **state)
{
    (void)state;
    zo_tokenizer *tok = open_byte_tokenizer();
    write_file(
        "copa", "train.jsonl",
        "{\"premise\":\"a\",\"choice1\":\"b\",\"choice2\":\"c\",\"question\":\"cause\",\"label\":0}\n"
        "{\"premise\":\"d\",\"choice1\":\"e\",\"choice2\":\"f\",\"question\":\"cause\",\"label\":0}\n");
    static const struct {
        const char *name;
        long least; /* lines, rows, texts, ids, examples; or the data set, its examples, their ids */
    } tasks[] = {{"copa", 12}, {"polarity", 12}, {"random", 4}};
    for (int i = 0; i < 3; i++) {
        zo_status st = ZO_ERR_MEMORY;
        long nth = 0;
        while (st) {
            zo_mem mem = {.fail_after = ++nth};
            zo_error err = {0};
            zo_dataset *d = NULL;
            st = zo_dataset_load(zo_task_find(tasks[i].name), folder, ZO_SPLIT_TRAIN, 2, tok, 0, &mem, &d,
                                 &err);
            assert_true(st == ZO_OK || st == ZO_ERR_MEMORY);
            assert_true(st ? !d && strstr(err.text, "allocate ") : !!d);
            zo_dataset_free(d);
            assert_int_equal(mem.now[ZO_ACCOUNT_DATA], 0);
        }
        assert_in_range(nth, tasks[i].least, 40);
    }
    remove_file("copa", "train.jsonl");
    zo_tokenizer_free(tok);
}

/* p = 3/4, n = 4: sqrt(3/4 * 1/4 / 3) = 1/4, exactly. */
static void standard_error(void **state)
{
    (void)state;
    assert_true(zo_accuracy_stderr(3, 4) == 0.25);
    assert_true(fabs(zo_accuracy_stderr(50, 100) - sqrt(0.25 / 99)) < 1e-15);
    assert_true(zo_accuracy_stderr(0, 10) == 0);
    assert_true(zo_accuracy_stderr(10, 10) == 0);
    assert_true(isnan(zo_accuracy_stderr(1, 1)));
    assert_true(isnan(zo_accuracy_stderr(0, 0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_rows),
        cmocka_unit_test(label_counts),
        cmocka_unit_test(original_forms),
        cmocka_unit_test(forms_of_rte),
        cmocka_unit_test(forms_of_boolq),
        cmocka_unit_test(forms_of_pairs),
        cmocka_unit_test(forms_of_copa),
        cmocka_unit_test(strip_in_sst2),
        cmocka_unit_test(order_of_files),
        cmocka_unit_test(mrpc_as_glue_has_it),
        cmocka_unit_test(multirc_as_superglue_has_it),
        cmocka_unit_test(qqp_skips_broken_lines),
        cmocka_unit_test(bad_rows),
        cmocka_unit_test(missing_files),
        cmocka_unit_test(table),
        cmocka_unit_test(polarity_rows),
        cmocka_unit_test(random_rows),
        cmocka_unit_test(encode_bytes),
        cmocka_unit_test(encode_refusals),
        cmocka_unit_test(encode_with_model),
        cmocka_unit_test(truncate_with_model),
        cmocka_unit_test(slices),
        cmocka_unit_test(failing_allocations),
        cmocka_unit_test(standard_error),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
