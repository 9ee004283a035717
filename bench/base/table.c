/* See table.h. Markdown, LaTeX and text are one grid of strings with different separators; CSV and JSON are one list of
 * keys and numbers. */
#include "bench/base/table.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MAX_MARKS 64 /* notes that cells can carry; further ones are printed without a mark */

typedef struct column {
    bench_column_kind kind;
    char *head, *key;
} column;

typedef struct cell {
    char *text; /* NULL: missing */
    double number;
    bench_interval interval;
    uint64_t marks; /* bit i: note i */
} cell;

typedef struct note {
    char *text;
    bool marked;
} note;

struct bench_table {
    char *title;
    column *columns;
    cell *cells; /* (rows, width) */
    note *notes;
    size_t width, rows, filled, note_count;
    bool failed; /* memory ran out */
};

/* ---- Filling ---- */

/* A copy of a text; where the text was cut within a character of UTF-8, without what is left of it. */
static char *copy_of(const char *text)
{
    size_t n = strlen(text), tail = 1;
    char *copy = malloc(n + 1);
    if (!copy)
        return NULL;
    memcpy(copy, text, n + 1);
    while (tail < n && tail < 4 && ((unsigned char)text[n - tail] & 0xC0) == 0x80)
        tail++;
    unsigned char first = n ? (unsigned char)text[n - tail] : 0;
    size_t wanted = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 1;
    if (wanted > tail)
        copy[n - tail] = 0;
    return copy;
}

bench_table *bench_table_new(const char *title)
{
    bench_table *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->title = copy_of(title);
    t->failed = !t->title;
    return t;
}

void bench_table_free(bench_table *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->width; i++) {
        free(t->columns[i].head);
        free(t->columns[i].key);
    }
    for (size_t i = 0; i < t->rows * t->width; i++)
        free(t->cells[i].text);
    for (size_t i = 0; i < t->note_count; i++)
        free(t->notes[i].text);
    free(t->columns);
    free(t->cells);
    free(t->notes);
    free(t->title);
    free(t);
}

/* Makes room for `more` further elements after `count`; the new ones are zero. NULL: *failed is set, array stays. */
static void *grown(void *array, size_t count, size_t more, size_t size, bool *failed)
{
    char *p = realloc(array, (count + more) * size);
    if (p)
        memset(p + count * size, 0, more * size);
    else
        *failed = true;
    return p;
}

void bench_table_add_column(bench_table *t, bench_column_kind kind, const char *head, const char *key)
{
    if (!t || t->failed)
        return;
    column *columns = grown(t->columns, t->width, 1, sizeof *columns, &t->failed);
    if (!columns)
        return;
    t->columns = columns;
    columns[t->width++] = (column){kind, copy_of(head), copy_of(key)};
    t->failed = !columns[t->width - 1].head || !columns[t->width - 1].key;
}

void bench_table_add_row(bench_table *t)
{
    if (!t || t->failed || t->width == 0)
        return;
    cell *cells = grown(t->cells, t->rows * t->width, t->width, sizeof *cells, &t->failed);
    if (!cells)
        return;
    t->cells = cells;
    t->filled = t->rows * t->width;
    t->rows++;
    for (size_t i = t->filled; i < t->rows * t->width; i++) {
        cells[i].number = NAN;
        cells[i].interval = bench_no_interval;
    }
}

static cell *next_cell(bench_table *t)
{
    return !t || t->failed || t->filled >= t->rows * t->width ? NULL : &t->cells[t->filled++];
}

void bench_table_add_text(bench_table *t, const char *text)
{
    cell *c = next_cell(t);
    if (c)
        t->failed = !(c->text = copy_of(text));
}

static void add_value(bench_table *t, const char *text, double value, bench_interval interval)
{
    cell *c = next_cell(t);
    if (!c || !isfinite(value))
        return;
    c->number = value;
    c->interval = interval;
    t->failed = !(c->text = copy_of(text));
}

void bench_table_add_number(bench_table *t, const char *text, double value, bench_interval interval)
{
    const bool known = isfinite(interval.low) && isfinite(interval.high);
    add_value(t, text, value, known ? interval : bench_no_interval);
}

void bench_table_add_printed(bench_table *t, const char *format, double value)
{
    char text[64];
    snprintf(text, sizeof text, format, value);
    bench_table_add_number(t, text, value, bench_no_interval);
}

void bench_table_add_errors(bench_table *t, const char *text, double value, double seeds_sd,
                            double examples_stderr)
{
    /* what goes with the value, in the order of suffixes */
    add_value(t, text, value, (bench_interval){seeds_sd, examples_stderr, 0});
}

void bench_table_add_missing(bench_table *t)
{
    next_cell(t);
}

/* The index of a note, which is added where it is new. */
static size_t note_index(bench_table *t, const char *text, bool marked)
{
    for (size_t i = 0; i < t->note_count; i++)
        if (t->notes[i].marked == marked && strcmp(t->notes[i].text, text) == 0)
            return i;
    note *notes = grown(t->notes, t->note_count, 1, sizeof *notes, &t->failed);
    char *copy = copy_of(text);
    if (notes)
        t->notes = notes;
    if (!notes || !copy) {
        t->failed = true;
        free(copy);
        return MAX_MARKS;
    }
    notes[t->note_count] = (note){copy, marked};
    return t->note_count++;
}

void bench_table_mark(bench_table *t, const char *text)
{
    if (!t || t->failed || t->filled == 0)
        return;
    size_t i = note_index(t, text, true);
    if (i < MAX_MARKS)
        t->cells[t->filled - 1].marks |= UINT64_C(1) << i;
}

void bench_table_remark(bench_table *t, const char *text)
{
    if (t && !t->failed)
        note_index(t, text, false);
}

size_t bench_table_rows(const bench_table *t)
{
    return t ? t->rows : 0;
}

static const char *title_of(const bench_table *t)
{
    return t && t->title ? t->title : "";
}

/* ---- Escapes ---- */

/* What stands for what else. */
typedef struct rule {
    const char *from, *to;
} rule;

#define BLANKS                                                                                               \
    {"\n", " "}, {"\r", " "},                                                                                \
    {                                                                                                        \
        "\t", " "                                                                                            \
    }

static const rule text_rules[] = {BLANKS, {0}};
/* Fit for the inside of elements and of quoted attributes. */
static const rule html_rules[] = {{"&", "&amp;"},   {"<", "&lt;"},  {">", "&gt;"},
                                  {"\"", "&quot;"}, {"'", "&#39;"}, {0}};
static const rule latex_rules[] = {
    {"\\", "\\textbackslash{}"},
    {"&", "\\&"},
    {"%", "\\%"},
    {"$", "\\$"},
    {"#", "\\#"},
    {"_", "\\_"},
    {"{", "\\{"},
    {"}", "\\}"},
    {"~", "\\textasciitilde{}"},
    {"^", "\\textasciicircum{}"},
    {"<", "\\textless{}"},
    {">", "\\textgreater{}"},
    {"|", "\\textbar{}"},
    {"±", "\\ensuremath{\\pm}"},
    {"×", "\\ensuremath{\\times}"},
    {"→", "\\ensuremath{\\rightarrow}"},
    BLANKS,
    {0},
};
/* RFC 4180, section 2, rule 7 */
static const rule csv_rules[] = {{"\"", "\"\""}, {0}};

static void put_by(const rule *rules, const char *s, FILE *out)
{
    while (*s) {
        const rule *r = rules;
        while (r->from && strncmp(s, r->from, strlen(r->from)) != 0)
            r++;
        if (r->from)
            fputs(r->to, out);
        else
            fputc(*s, out);
        s += r->from ? strlen(r->from) : 1;
    }
}

static bool word_character(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void put_markdown(const char *s, FILE *out)
{
    for (const char *p = s; *p; p++) {
        bool inside_word = p > s && word_character(p[-1]) && word_character(p[1]);
        if (strchr("\\|`*<", *p) || (*p == '_' && !inside_word))
            fputc('\\', out);
        fputc(strchr("\n\r\t", *p) ? ' ' : *p, out);
    }
}

/* RFC 4180, section 2, rules 5 and 6; spaces at the ends are quoted too, since some readers strip them. */
static void put_csv(const char *s, FILE *out)
{
    size_t n = strlen(s);
    if (!strpbrk(s, ",\"\r\n") && !(n && (s[0] == ' ' || s[n - 1] == ' '))) {
        fputs(s, out);
        return;
    }
    fputc('"', out);
    put_by(csv_rules, s, out);
    fputc('"', out);
}

void bench_table_put_escaped(bench_format format, const char *s, FILE *out)
{
    static const rule *const rules[] = {[BENCH_FORMAT_TEXT] = text_rules,
                                        [BENCH_FORMAT_LATEX] = latex_rules,
                                        [BENCH_FORMAT_HTML] = html_rules,
                                        [BENCH_FORMAT_JSON] = text_rules};
    if (format == BENCH_FORMAT_MARKDOWN)
        put_markdown(s, out);
    else if (format == BENCH_FORMAT_CSV)
        put_csv(s, out);
    else
        put_by(rules[format], s, out);
}

/* ---- Markdown, LaTeX, text: a grid ---- */

typedef struct layout {
    const char *line_start, *between, *line_end;
    const char *mark_before, *mark_after;
} layout;

static const layout layouts[] = {
    [BENCH_FORMAT_TEXT] = {"", "  ", "", " [", "]"},
    [BENCH_FORMAT_MARKDOWN] = {"| ", " | ", " |", "<sup>", "</sup>"},
    [BENCH_FORMAT_LATEX] = {"    ", " & ", " \\\\", "\\textsuperscript{", "}"},
    [BENCH_FORMAT_HTML] = {"", "", "", "<sup>", "</sup>"},
};

/* "a", "b" ... "z", "aa": the mark of the i-th marked note. */
static void put_letter(size_t i, FILE *out)
{
    if (i >= 26)
        put_letter(i / 26 - 1, out);
    fputc('a' + (int)(i % 26), out);
}

static size_t mark_number(const bench_table *t, size_t index)
{
    size_t number = 0;
    for (size_t i = 0; i < index; i++)
        number += t->notes[i].marked;
    return number;
}

static void put_marks(const bench_table *t, uint64_t marks, bench_format format, FILE *out)
{
    const char *before = layouts[format].mark_before;
    for (size_t i = 0; i < t->note_count && i < MAX_MARKS; i++) {
        if (!(marks >> i & 1))
            continue;
        fputs(before, out);
        put_letter(mark_number(t, i), out);
        before = ",";
    }
    if (marks)
        fputs(layouts[format].mark_after, out);
}

/* One place of the grid, row 0 being the heads, as an allocated string; NULL where memory is out. */
static char *grid_text(const bench_table *t, size_t row, size_t col, bench_format format)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return NULL;
    if (row == 0) {
        bench_table_put_escaped(format, t->columns[col].head, f);
    } else {
        const cell *c = &t->cells[(row - 1) * t->width + col];
        /* A line that begins with [ or * would be an argument of the \\ before it. */
        if (format == BENCH_FORMAT_LATEX && col == 0 && c->text && strchr("[*", c->text[0]))
            fputs("{}", f);
        bench_table_put_escaped(format, c->text ? c->text : "-", f);
        put_marks(t, c->marks, format, f);
    }
    if (fclose(f) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

static size_t shown_width(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xC0) != 0x80; /* UTF-8: continuation bytes take no room */
    return n;
}

static void put_times(char c, size_t n, FILE *out)
{
    while (n--)
        fputc(c, out);
}

static void put_grid_row(const bench_table *t, char *const *row, const size_t *width, const layout *l,
                         FILE *out)
{
    fputs(l->line_start, out);
    for (size_t i = 0; i < t->width; i++) {
        size_t pad = width[i] - shown_width(row[i]);
        bool right = t->columns[i].kind != BENCH_COLUMN_TEXT, last = i + 1 == t->width;
        if (right)
            put_times(' ', pad, out);
        fputs(row[i], out);
        if (!right && !(last && !*l->line_end))
            put_times(' ', pad, out);
        fputs(last ? l->line_end : l->between, out);
    }
    fputc('\n', out);
}

/* The line below the heads. */
static void put_rule(const bench_table *t, const size_t *width, bench_format format, FILE *out)
{
    const layout *l = &layouts[format];
    if (format == BENCH_FORMAT_LATEX) {
        fputs("    \\midrule\n", out);
        return;
    }
    fputs(l->line_start, out);
    for (size_t i = 0; i < t->width; i++) {
        bool colon = format == BENCH_FORMAT_MARKDOWN && t->columns[i].kind != BENCH_COLUMN_TEXT;
        put_times('-', width[i] - colon, out);
        if (colon)
            fputc(':', out);
        fputs(i + 1 == t->width ? l->line_end : l->between, out);
    }
    fputc('\n', out);
}

static zo_status put_grid(const bench_table *t, bench_format format, FILE *out, zo_error *err)
{
    zo_status st = ZO_OK;
    size_t places = (t->rows + 1) * t->width;
    char **text = calloc(places ? places : 1, sizeof *text);
    size_t *width = calloc(t->width ? t->width : 1, sizeof *width);
    for (size_t i = 0; text && width && i < places; i++) {
        text[i] = grid_text(t, i / t->width, i % t->width, format);
        if (!text[i]) {
            st = zo_fail(err, ZO_ERR_MEMORY, "lay out table: out of memory");
            goto cleanup;
        }
        size_t n = shown_width(text[i]), least = format == BENCH_FORMAT_MARKDOWN ? 3 : 1;
        width[i % t->width] = n > width[i % t->width] ? n : width[i % t->width];
        width[i % t->width] = least > width[i % t->width] ? least : width[i % t->width];
    }
    if (!text || !width) {
        st = zo_fail(err, ZO_ERR_MEMORY, "lay out table: out of memory");
        goto cleanup;
    }
    put_grid_row(t, text, width, &layouts[format], out);
    put_rule(t, width, format, out);
    for (size_t r = 1; r <= t->rows; r++)
        put_grid_row(t, text + r * t->width, width, &layouts[format], out);
cleanup:
    for (size_t i = 0; text && i < places; i++)
        free(text[i]);
    free(text);
    free(width);
    return st;
}

/* Notes below the grid, each between `before` and `after`. */
static void put_notes(const bench_table *t, bench_format format, const char *before, const char *after,
                      FILE *out)
{
    for (size_t i = 0; i < t->note_count; i++) {
        fputs(before, out);
        if (t->notes[i].marked && i < MAX_MARKS) {
            const char *open = layouts[format].mark_before;
            fputs(open + (*open == ' '), out);
            put_letter(mark_number(t, i), out);
            fprintf(out, "%s ", layouts[format].mark_after);
        }
        bench_table_put_escaped(format, t->notes[i].text, out);
        fputs(after, out);
    }
}

/* Letters in the widest row that the columns could make up. */
static size_t letters_across(const bench_table *t)
{
    size_t sum = 0;
    for (size_t col = 0; col < t->width; col++) {
        size_t most = shown_width(t->columns[col].head);
        for (size_t row = 0; row < t->rows; row++) {
            const char *text = t->cells[row * t->width + col].text;
            size_t n = text ? shown_width(text) : 1;
            most = n > most ? n : most;
        }
        sum += most;
    }
    return sum;
}

static zo_status put_latex_table(const bench_table *t, FILE *out, zo_error *err)
{
    fputs("% \\usepackage{booktabs}\n\\begin{table}\n  \\centering\n", out);
    if (*t->title) {
        fputs("  \\caption{", out);
        put_by(latex_rules, t->title, out);
        fputs("}\n", out);
    }
    /* A line of an article holds about 80 letters; columns need room between them. */
    size_t across = letters_across(t) + 2 * t->width;
    fputs(across > 90   ? "  \\scriptsize\\setlength{\\tabcolsep}{2pt}\n"
          : across > 62 ? "  \\footnotesize\\setlength{\\tabcolsep}{3pt}\n"
                        : "",
          out);
    fputs("  \\begin{tabular}{", out);
    for (size_t i = 0; i < t->width; i++)
        fputc(t->columns[i].kind == BENCH_COLUMN_TEXT ? 'l' : 'r', out);
    fputs("}\n    \\toprule\n", out);
    zo_status st = put_grid(t, BENCH_FORMAT_LATEX, out, err);
    fputs("    \\bottomrule\n  \\end{tabular}\n", out);
    put_notes(t, BENCH_FORMAT_LATEX, "  \\par\\footnotesize ", "\n", out);
    fputs("\\end{table}\n", out);
    return st;
}

/* Numbers have class "n", sentences "w", notes "note"; the table stands in a box that may scroll on its own, its title above
 * that: a caption would be as narrow as its table and scroll with it. */
static zo_status put_html_table(const bench_table *t, FILE *out, zo_error *err)
{
    enum { SENTENCE = 24 /* letters from which a column that is squeezed is hard to read */ };
    if (*t->title) {
        fputs("<h3>", out);
        put_by(html_rules, t->title, out);
        fputs("</h3>\n", out);
    }
    fputs("<div class=\"table\"><table>\n", out);
    for (size_t row = 0; row <= t->rows; row++) {
        fputs(row == 0 ? "<thead><tr>" : row == 1 ? "<tbody><tr>" : "<tr>", out);
        for (size_t col = 0; col < t->width; col++) {
            const char *tag = row == 0 ? "th" : "td";
            char *text = grid_text(t, row, col, BENCH_FORMAT_HTML);
            if (!text)
                return zo_fail(err, ZO_ERR_MEMORY, "lay out table: out of memory");
            fprintf(out, "<%s%s>%s</%s>", tag,
                    t->columns[col].kind != BENCH_COLUMN_TEXT ? " class=\"n\""
                    : shown_width(text) > SENTENCE            ? " class=\"w\""
                                                              : "",
                    text, tag);
            free(text);
        }
        fputs(row == 0 ? "</tr></thead>\n" : "</tr>\n", out);
    }
    fputs(t->rows ? "</tbody></table></div>\n" : "</table></div>\n", out);
    put_notes(t, BENCH_FORMAT_HTML, "<p class=\"note\">", "</p>\n", out);
    return ZO_OK;
}

static zo_status put_plain_table(const bench_table *t, bench_format format, FILE *out, zo_error *err)
{
    bool markdown = format == BENCH_FORMAT_MARKDOWN;
    if (*t->title) {
        fputs(markdown ? "### " : "", out);
        bench_table_put_escaped(format, t->title, out);
        fputs(markdown ? "\n\n" : "\n", out);
    }
    zo_status st = put_grid(t, format, out, err);
    put_notes(t, format, markdown ? "\n" : "", "\n", out);
    return st;
}

/* ---- CSV, JSON: keys and numbers ---- */

/* The numbers of a cell in the order of its keys: KEY, KEY_low, KEY_high. */
static const char *const suffixes[][3] = {
    [BENCH_COLUMN_TEXT] = {""},
    [BENCH_COLUMN_NUMBER] = {""},
    [BENCH_COLUMN_SPREAD] = {"", "_low", "_high"},
    [BENCH_COLUMN_ERRORS] = {"", "_seeds_sd", "_examples_stderr"},
};

static size_t fields(const column *c)
{
    return suffixes[c->kind][1] ? 3 : 1;
}

static double field(const cell *c, size_t i)
{
    return i == 0 ? c->number : i == 1 ? c->interval.low : c->interval.high;
}

/* The shortest decimal that reads back as the same double. */
static void put_double(double v, FILE *out)
{
    char text[32];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    fputs(text, out);
}

static void put_csv_table(const bench_table *t, FILE *out)
{
    for (size_t i = 0; i < t->width; i++) {
        for (size_t k = 0; k < fields(&t->columns[i]); k++) {
            char name[256];
            snprintf(name, sizeof name, "%s%s", t->columns[i].key, suffixes[t->columns[i].kind][k]);
            fputs(i + k ? "," : "", out);
            put_csv(name, out);
        }
    }
    fputc('\n', out);
    for (size_t r = 0; r < t->rows; r++) {
        for (size_t i = 0; i < t->width; i++) {
            const cell *c = &t->cells[r * t->width + i];
            for (size_t k = 0; k < fields(&t->columns[i]); k++) {
                fputs(i + k ? "," : "", out);
                if (t->columns[i].kind == BENCH_COLUMN_TEXT)
                    put_csv(c->text ? c->text : "", out);
                else if (isfinite(field(c, k)))
                    put_double(field(c, k), out);
            }
        }
        fputc('\n', out);
    }
}

static json_t *row_json(const bench_table *t, size_t row)
{
    json_t *object = json_object();
    for (size_t i = 0; i < t->width; i++) {
        const cell *c = &t->cells[row * t->width + i];
        for (size_t k = 0; k < fields(&t->columns[i]); k++) {
            char name[256];
            json_t *value;
            snprintf(name, sizeof name, "%s%s", t->columns[i].key, suffixes[t->columns[i].kind][k]);
            if (t->columns[i].kind == BENCH_COLUMN_TEXT)
                value = c->text ? json_string(c->text) : json_null();
            else
                value = isfinite(field(c, k)) ? json_real(field(c, k)) : json_null();
            json_object_set_new(object, name, value);
        }
    }
    return object;
}

json_t *bench_table_to_json(const bench_table *t)
{
    json_t *columns = json_array(), *rows = json_array(), *notes = json_array();
    for (size_t i = 0; t && i < t->width; i++)
        json_array_append_new(columns,
                              json_pack("{s:s, s:s}", "key", t->columns[i].key, "head", t->columns[i].head));
    for (size_t r = 0; t && r < t->rows; r++)
        json_array_append_new(rows, row_json(t, r));
    for (size_t i = 0; t && i < t->note_count; i++)
        json_array_append_new(notes, json_string(t->notes[i].text));
    return json_pack("{s:s, s:o, s:o, s:o}", "title", title_of(t), "columns", columns, "rows", rows, "notes",
                     notes);
}

zo_status bench_table_write(const bench_table *t, bench_format format, FILE *out, zo_error *err)
{
    zo_status st = ZO_OK;
    json_t *json = NULL;
    if (!t || t->failed)
        return zo_fail(err, ZO_ERR_MEMORY, "fill table %s: out of memory", title_of(t));
    switch (format) {
    case BENCH_FORMAT_TEXT:
    case BENCH_FORMAT_MARKDOWN:
        st = put_plain_table(t, format, out, err);
        break;
    case BENCH_FORMAT_LATEX:
        st = put_latex_table(t, out, err);
        break;
    case BENCH_FORMAT_HTML:
        st = put_html_table(t, out, err);
        break;
    case BENCH_FORMAT_CSV:
        put_csv_table(t, out);
        break;
    case BENCH_FORMAT_JSON:
        json = bench_table_to_json(t);
        if (!json || json_dumpf(json, out, JSON_INDENT(2)) != 0)
            st = zo_fail(err, ZO_ERR_IO, "write table %s as JSON", t->title);
        fputc('\n', out);
        json_decref(json);
        break;
    }
    if (!st && ferror(out))
        st = zo_fail(err, ZO_ERR_IO, "write table %s", t->title);
    return st;
}
