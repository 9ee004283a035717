/* Tests of table.c: one table in all five formats against text written by hand, escapes, and what is unknown. */
#include "bench/base/table.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *written(const bench_table *t, bench_format format)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    zo_error err = {0};
    if (bench_table_write(t, format, f, &err))
        fail_msg("%s", err.text);
    fclose(f);
    return text;
}

static void expect(const bench_table *t, bench_format format, const char *expected)
{
    char *text = written(t, format);
    assert_string_equal(text, expected);
    free(text);
}

static bench_table *sample(void)
{
    bench_table *t = bench_table_new("Step time (ms)");
    bench_table_add_column(t, BENCH_COLUMN_TEXT, "seq_len", "seq_len");
    bench_table_add_column(t, BENCH_COLUMN_SPREAD, "none", "none_step_ns");
    bench_table_add_column(t, BENCH_COLUMN_NUMBER, "runs", "runs");
    bench_table_add_row(t);
    bench_table_add_text(t, "64");
    bench_table_add_number(t, "1.50 [1.25, 2.00]", 1.5e6, (bench_interval){1.25e6, 2e6, 0.95});
    bench_table_add_printed(t, "%.0f", 10);
    bench_table_add_row(t);
    bench_table_add_text(t, "128");
    bench_table_add_number(t, "3.125 ±0.1", 3125000.1, bench_no_interval);
    bench_table_mark(t, "of one run");
    bench_table_add_missing(t);
    bench_table_mark(t, "timeout");
    bench_table_mark(t, "of one run");
    bench_table_remark(t, "Brackets: 95% interval.");
    return t;
}

static void five_formats(void **state)
{
    (void)state;
    bench_table *t = sample();
    assert_int_equal(bench_table_rows(t), 2);
    expect(t, BENCH_FORMAT_TEXT,
           "Step time (ms)\n"
           "seq_len               none     runs\n"
           "-------  -----------------  -------\n"
           "64       1.50 [1.25, 2.00]       10\n"
           "128         3.125 ±0.1 [a]  - [a,b]\n"
           "[a] of one run\n"
           "[b] timeout\n"
           "Brackets: 95% interval.\n");
    expect(t, BENCH_FORMAT_MARKDOWN,
           "### Step time (ms)\n"
           "\n"
           "| seq_len |                   none |            runs |\n"
           "| ------- | ---------------------: | --------------: |\n"
           "| 64      |      1.50 [1.25, 2.00] |              10 |\n"
           "| 128     | 3.125 ±0.1<sup>a</sup> | -<sup>a,b</sup> |\n"
           "\n"
           "<sup>a</sup> of one run\n"
           "\n"
           "<sup>b</sup> timeout\n"
           "\n"
           "Brackets: 95% interval.\n");
    expect(t, BENCH_FORMAT_CSV,
           "seq_len,none_step_ns,none_step_ns_low,none_step_ns_high,runs\n"
           "64,1500000,1250000,2000000,10\n"
           "128,3125000.1,,,\n");
    expect(t, BENCH_FORMAT_LATEX,
           "% \\usepackage{booktabs}\n"
           "\\begin{table}\n"
           "  \\centering\n"
           "  \\caption{Step time (ms)}\n"
           "  \\begin{tabular}{lrr}\n"
           "    \\toprule\n"
           "    seq\\_len &                                         none &                   runs \\\\\n"
           "    \\midrule\n"
           "    64       &                            1.50 [1.25, 2.00] &                     10 \\\\\n"
           "    128      & 3.125 \\ensuremath{\\pm}0.1\\textsuperscript{a} & -\\textsuperscript{a,b} \\\\\n"
           "    \\bottomrule\n"
           "  \\end{tabular}\n"
           "  \\par\\footnotesize \\textsuperscript{a} of one run\n"
           "  \\par\\footnotesize \\textsuperscript{b} timeout\n"
           "  \\par\\footnotesize Brackets: 95\\% interval.\n"
           "\\end{table}\n");
    char *text = written(t, BENCH_FORMAT_JSON);
    json_t *got = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    json_t *wanted = json_loads(
        "{\"title\": \"Step time (ms)\", \"columns\": [{\"key\": \"seq_len\", \"head\": \"seq_len\"},"
        " {\"key\": \"none_step_ns\", \"head\": \"none\"}, {\"key\": \"runs\", \"head\": \"runs\"}],"
        " \"rows\": [{\"seq_len\": \"64\", \"none_step_ns\": 1500000.0, \"none_step_ns_low\": 1250000.0,"
        " \"none_step_ns_high\": 2000000.0, \"runs\": 10.0},"
        " {\"seq_len\": \"128\", \"none_step_ns\": 3125000.1, \"none_step_ns_low\": null,"
        " \"none_step_ns_high\": null, \"runs\": null}],"
        " \"notes\": [\"of one run\", \"timeout\", \"Brackets: 95% interval.\"]}",
        0, NULL);
    assert_non_null(wanted);
    assert_true(json_equal(got, wanted));
    assert_int_equal(text[strlen(text) - 1], '\n');
    json_decref(got);
    json_decref(wanted);
    free(text);
    bench_table_free(t);
}

static void escapes(void **state)
{
    (void)state;
    static const struct {
        bench_format format;
        const char *raw, *escaped;
    } cases[] = {
        {BENCH_FORMAT_MARKDOWN, "a|b", "a\\|b"},
        {BENCH_FORMAT_MARKDOWN, "seq_len _x_ *b* `c` <i> \\", "seq_len \\_x\\_ \\*b\\* \\`c\\` \\<i> \\\\"},
        {BENCH_FORMAT_MARKDOWN, "two\nlines", "two lines"},
        {BENCH_FORMAT_LATEX, "50% of $x_1 & #2 {y} ~/^\\",
         "50\\% of \\$x\\_1 \\& \\#2 \\{y\\} \\textasciitilde{}/\\textasciicircum{}\\textbackslash{}"},
        {BENCH_FORMAT_LATEX, "<a> 2×3 1→2 |",
         "\\textless{}a\\textgreater{} 2\\ensuremath{\\times}3 "
         "1\\ensuremath{\\rightarrow}2 \\textbar{}"},
        {BENCH_FORMAT_CSV, "plain text", "plain text"},
        {BENCH_FORMAT_CSV, "a,b", "\"a,b\""},
        {BENCH_FORMAT_CSV, "say \"hi\"", "\"say \"\"hi\"\"\""},
        {BENCH_FORMAT_CSV, "two\nlines", "\"two\nlines\""},
        {BENCH_FORMAT_CSV, "cr\r", "\"cr\r\""},
        {BENCH_FORMAT_CSV, " edge", "\" edge\""},
        {BENCH_FORMAT_CSV, "", ""},
        {BENCH_FORMAT_TEXT, "tab\tnl\n", "tab nl "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&text, &size);
        bench_table_put_escaped(cases[i].format, cases[i].raw, f);
        fclose(f);
        assert_string_equal(text, cases[i].escaped);
        free(text);
    }
}

/* A first cell that begins with [ would be read as an argument of \\. */
static void latex_bracket(void **state)
{
    (void)state;
    bench_table *t = bench_table_new("");
    bench_table_add_column(t, BENCH_COLUMN_TEXT, "x", "x");
    bench_table_add_row(t);
    bench_table_add_text(t, "[1, 2]");
    char *text = written(t, BENCH_FORMAT_LATEX);
    assert_non_null(strstr(text, "    {}[1, 2] \\\\\n"));
    assert_null(strstr(text, "caption"));
    free(text);
    bench_table_free(t);
}

static void never_nan(void **state)
{
    (void)state;
    const double odd[] = {NAN, INFINITY, -INFINITY};
    bench_table *t = bench_table_new("t");
    bench_table_add_column(t, BENCH_COLUMN_SPREAD, "v", "v");
    for (size_t i = 0; i < 3; i++) {
        bench_table_add_row(t);
        bench_table_add_number(t, "nan", odd[i], (bench_interval){1, 2, 0.95});
        bench_table_add_row(t);
        bench_table_add_number(t, "7", 7, (bench_interval){odd[i], 2, 0.95});
    }
    for (bench_format f = BENCH_FORMAT_TEXT; f <= BENCH_FORMAT_JSON; f++) {
        char *text = written(t, f);
        assert_null(strstr(text, "nan"));
        assert_null(strstr(text, "inf"));
        free(text);
    }
    expect(t, BENCH_FORMAT_CSV, "v,v_low,v_high\n,,\n7,,\n,,\n7,,\n,,\n7,,\n");
    bench_table_free(t);
}

static void shortest_numbers(void **state)
{
    (void)state;
    bench_table *t = bench_table_new("");
    const double v[] = {0.1, 1.0 / 3, 1e300, 123456789012, -0.5, 5e-324};
    bench_table_add_column(t, BENCH_COLUMN_NUMBER, "v", "v");
    for (size_t i = 0; i < 6; i++) {
        bench_table_add_row(t);
        bench_table_add_number(t, "", v[i], bench_no_interval);
    }
    expect(t, BENCH_FORMAT_CSV,
           "v\n0.1\n0.3333333333333333\n1e+300\n123456789012\n-0.5\n4.94065645841247e-324\n");
    bench_table_free(t);
}

/* No rows, short rows, cells beyond the row, more notes than marks, no table at all. */
static void edges(void **state)
{
    (void)state;
    char note[32];
    bench_table *t = bench_table_new("");
    bench_table_mark(t, "no cell yet");
    bench_table_add_column(t, BENCH_COLUMN_TEXT, "a", "a");
    bench_table_add_column(t, BENCH_COLUMN_NUMBER, "b", "b");
    expect(t, BENCH_FORMAT_TEXT, "a  b\n-  -\n");
    bench_table_add_text(t, "no row yet");
    bench_table_add_row(t);
    bench_table_add_text(t, "short");
    bench_table_add_row(t);
    bench_table_add_text(t, "full");
    bench_table_add_number(t, "1", 1, bench_no_interval);
    bench_table_add_text(t, "too many");
    expect(t, BENCH_FORMAT_CSV, "a,b\nshort,\nfull,1\n");
    for (int i = 0; i < 70; i++) {
        snprintf(note, sizeof note, "note %d", i);
        bench_table_mark(t, note);
    }
    char *text = written(t, BENCH_FORMAT_TEXT);
    assert_non_null(strstr(text, "1 [a,b,c,"));
    assert_non_null(strstr(text, "[aa] note 26\n"));
    assert_non_null(strstr(text, ",bl]\n"));
    assert_non_null(strstr(text, "[bl] note 63\nnote 64\n"));
    free(text);
    bench_table_free(t);

    bench_table_free(NULL);
    bench_table_add_row(NULL);
    bench_table_add_missing(NULL);
    bench_table_mark(NULL, "x");
    assert_int_equal(bench_table_rows(NULL), 0);
    zo_error err = {0};
    assert_int_equal(bench_table_write(NULL, BENCH_FORMAT_TEXT, stdout, &err), ZO_ERR_MEMORY);
}

/* Texts that were cut within a character lose the rest of it: JSON takes whole characters only. */
static void cut_texts(void **state)
{
    (void)state;
    static const struct {
        const char *cut, *kept;
    } cases[] = {{"a\xC2", "a"},
                 {"a\xC2\xB1", "a\xC2\xB1"},
                 {"a\xE2\x86", "a"},
                 {"\xE2", ""},
                 {"\xE2\x86\x92", "\xE2\x86\x92"},
                 {"x\xF0\x9F\x98", "x"},
                 {"x\xF0\x9F\x98\x80", "x\xF0\x9F\x98\x80"},
                 {"", ""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bench_table *t = bench_table_new(cases[i].cut);
        json_t *json = bench_table_to_json(t);
        assert_string_equal(json_string_value(json_object_get(json, "title")), cases[i].kept);
        json_decref(json);
        bench_table_free(t);
    }
}

/* A device that takes nothing: the failure is reported, not lost. */
static void full_device(void **state)
{
    (void)state;
    FILE *f = fopen("/dev/full", "w");
    if (!f) {
        print_message("skip: /dev/full is not there\n");
        skip();
    }
    setvbuf(f, NULL, _IONBF, 0);
    bench_table *t = sample();
    zo_error err = {0};
    for (bench_format i = BENCH_FORMAT_TEXT; i <= BENCH_FORMAT_JSON; i++)
        assert_int_equal(bench_table_write(t, i, f, NULL), ZO_ERR_IO);
    assert_int_equal(bench_table_write(t, BENCH_FORMAT_CSV, f, &err), ZO_ERR_IO);
    assert_string_equal(err.text, "write table Step time (ms)");
    bench_table_free(t);
    fclose(f);
}

/* Two error bars keep their names, and what is not known of one stays empty. */
static void two_error_bars(void **state)
{
    (void)state;
    bench_table *t = bench_table_new("");
    bench_table_add_column(t, BENCH_COLUMN_ERRORS, "accuracy", "v");
    bench_table_add_row(t);
    bench_table_add_errors(t, "60 ±10 (±2)", 0.6, 0.1, 0.02);
    bench_table_add_row(t);
    bench_table_add_errors(t, "50 ±2", 0.5, NAN, 0.02);
    bench_table_add_row(t);
    bench_table_add_errors(t, "-", NAN, 0.1, 0.02);
    expect(t, BENCH_FORMAT_CSV, "v,v_seeds_sd,v_examples_stderr\n0.6,0.1,0.02\n0.5,,0.02\n,,\n");
    bench_table_free(t);
}

/* HTML: what is text stays text, numbers have a class, and a table without rows is one too. */
static void html(void **state)
{
    (void)state;
    bench_table *t = bench_table_new("a<b & \"c\" 'd'");
    bench_table_add_column(t, BENCH_COLUMN_TEXT, "<h>", "h");
    bench_table_add_column(t, BENCH_COLUMN_NUMBER, "n", "n");
    expect(t, BENCH_FORMAT_HTML,
           "<h3>a&lt;b &amp; &quot;c&quot; &#39;d&#39;</h3>\n<div class=\"table\"><table>\n"
           "<thead><tr><th>&lt;h&gt;</th><th class=\"n\">n</th></tr></thead>\n</table></div>\n");
    bench_table_add_row(t);
    bench_table_add_text(t, "<script>");
    bench_table_add_number(t, "2", 2, bench_no_interval);
    bench_table_mark(t, "a & b");
    expect(
        t, BENCH_FORMAT_HTML,
        "<h3>a&lt;b &amp; &quot;c&quot; &#39;d&#39;</h3>\n<div class=\"table\"><table>\n"
        "<thead><tr><th>&lt;h&gt;</th><th class=\"n\">n</th></tr></thead>\n"
        "<tbody><tr><td>&lt;script&gt;</td><td class=\"n\">2<sup>a</sup></td></tr>\n</tbody></table></div>\n"
        "<p class=\"note\"><sup>a</sup> a &amp; b</p>\n");
    bench_table_free(t);
    t = bench_table_new("");
    bench_table_add_column(t, BENCH_COLUMN_TEXT, "said", "said");
    bench_table_add_row(t);
    bench_table_add_text(t, "a sentence that must not be squeezed");
    expect(t, BENCH_FORMAT_HTML,
           "<div class=\"table\"><table>\n<thead><tr><th>said</th></tr></thead>\n"
           "<tbody><tr><td class=\"w\">a sentence that must not be "
           "squeezed</td></tr>\n</tbody></table></div>\n");
    bench_table_free(t);
}

/* LaTeX: what would not fit on a line is set smaller. */
static void latex_wide(void **state)
{
    static const struct {
        int letters;
        const char *size;
    } cases[] = {{40, NULL},
                 {80, "\\footnotesize\\setlength{\\tabcolsep}"},
                 {120, "\\scriptsize\\setlength"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char wide[200];
        snprintf(wide, sizeof wide, "%0*d", cases[i].letters, 0);
        bench_table *t = bench_table_new("");
        bench_table_add_column(t, BENCH_COLUMN_TEXT, "h", "h");
        bench_table_add_row(t);
        bench_table_add_text(t, wide);
        char *text = written(t, BENCH_FORMAT_LATEX);
        assert_true(cases[i].size ? strstr(text, cases[i].size) != NULL
                                  : strstr(text, "size\\setlength") == NULL);
        free(text);
        bench_table_free(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(five_formats), cmocka_unit_test(escapes),          cmocka_unit_test(latex_bracket),
        cmocka_unit_test(never_nan),    cmocka_unit_test(shortest_numbers), cmocka_unit_test(edges),
        cmocka_unit_test(full_device),  cmocka_unit_test(cut_texts),        cmocka_unit_test(two_error_bars),
        cmocka_unit_test(html),         cmocka_unit_test(latex_wide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
