/* See help.h. */
#include "bench/cmd/help.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "bench/machine/build.h"
#include "bench/cmd/commands.h"
#include "bench/base/exit.h"
#include "bench/report/export.h"
#include "bench/record/metric.h"
#include "bench/manifest/params.h"

#define WIDTH 100 /* of a line of text */

/* ---- what usage() says ---- */

/* usage()'s text: lines of the synopsis, and what follows the empty line after them. */
typedef struct pages {
    char *text; /* owned */
    char *synopsis;
    char *description;
} pages;

static pages read_usage(void (*usage)(FILE *to))
{
    pages p = {0};
    size_t bytes = 0;
    FILE *f = open_memstream(&p.text, &bytes);
    assert(f); /* a few kilobytes */
    usage(f);
    fclose(f);
    p.synopsis = p.text;
    p.description = strstr(p.text, "\n\n");
    if (p.description) {
        *p.description = '\0';
        p.description += 2;
    } else {
        p.description = p.text + bytes;
    }
    return p;
}

/* The next line of *at, without "usage:" and the blanks before and after it; NULL: there is none. Ends it. */
static char *next_line(char **at)
{
    char *line = strsep(at, "\n");
    if (line && strncmp(line, "usage:", 6) == 0)
        line += 6;
    return line ? line + strspn(line, " ") : NULL;
}

/* ---- text ---- */

static int flag_width(const bench_flag *f)
{
    return (int)strlen(f->name) + (f->value ? 1 + (int)strlen(f->value) : 0);
}

/* Words after `indent` blanks, of which the first line has `used` already. */
static void wrap(const char *text, int used, int indent, FILE *to)
{
    for (int at = used; *text;) {
        const int n = (int)strcspn(text, " ");
        if (at > indent && at + 1 + n > WIDTH) {
            fprintf(to, "\n%*s", indent, "");
            at = indent;
        } else if (at > indent) {
            fputc(' ', to);
            at++;
        } else if (at < indent) {
            fprintf(to, "%*s", indent - at, "");
            at = indent;
        }
        fprintf(to, "%.*s", n, text);
        at += n;
        text += n + strspn(text + n, " ");
    }
    fputc('\n', to);
}

static void print_text(const bench_flag *flags, void (*usage)(FILE *to), FILE *to)
{
    int width = 0, n = 0;
    usage(to);
    for (const bench_flag *f = flags; f->name; f++)
        if (f->help && flag_width(f) > width)
            width = flag_width(f);
    for (const bench_flag *f = flags; f->name; f++) {
        if (!f->help)
            continue;
        if (n++ == 0)
            fputc('\n', to);
        const int used = fprintf(to, "  --%s%s%s", f->name, f->value ? " " : "", f->value ? f->value : "");
        wrap(f->help, used, width + 6, to);
    }
}

/* ---- the manual page ---- */

/* roff's own characters, and dashes that stay what they are. */
static void roff(const char *text, FILE *to)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", to);
    for (; *text; text++) {
        if (*text == '\\')
            fputs("\\e", to);
        else if (*text == '-')
            fputs("\\-", to);
        else
            fputc(*text, to);
    }
}

/* Lines that begin with blanks, or have columns, are kept as they are. A .PP stands before each paragraph, none at the end. */
static void roff_description(char *text, FILE *to)
{
    bool plain = true, apart = true;
    for (char *line = text, *end; *line; line = end) {
        end = line + strcspn(line, "\n");
        if (*end)
            *end++ = '\0';
        if (!*line) {
            apart = true;
            continue;
        }
        const bool as_is = *line == ' ' || strstr(line, "  ");
        if (as_is && plain)
            fputs(".PP\n.nf\n", to);
        else if (!as_is && !plain)
            fputs(".fi\n.PP\n", to);
        else if (apart)
            fputs(as_is ? "\n" : ".PP\n", to);
        plain = !as_is;
        apart = false;
        roff(line, to);
        fputc('\n', to);
    }
    if (!plain)
        fputs(".fi\n", to);
}

static void print_man(const bench_flag *flags, void (*usage)(FILE *to), FILE *to)
{
    pages p = read_usage(usage);
    char *at = p.synopsis;
    fputs(".nf\n", to);
    for (char *line = next_line(&at); line; line = next_line(&at)) {
        fputs(".B ", to);
        roff(line, to);
        fputc('\n', to);
    }
    fputs(".fi\n", to);
    roff_description(p.description, to);
    for (const bench_flag *f = flags; f->name; f++) {
        if (!f->help)
            continue;
        fputs(".TP\n.B \\-\\-", to);
        roff(f->name, to);
        if (f->value) {
            fputs(" \\fI", to);
            roff(f->value, to);
            fputs("\\fR", to);
        }
        fputc('\n', to);
        roff(f->help, to);
        fputc('\n', to);
    }
    free(p.text);
}

/* The allowed words of a parameter with blanks between. */
static void print_words(const bench_option *o, FILE *to)
{
    for (int i = 0; o->word && o->word(i); i++)
        fprintf(to, "%s%s", i ? " " : "", o->word(i));
}

static void man_options(FILE *to)
{
    for (const bench_option *o = bench_options; o->name; o++) {
        fputs(".TP\n.B ", to);
        roff(o->name, to);
        fputc('\n', to);
        roff(o->help, to);
        fputs(". Default ", to);
        roff(o->fallback, to);
        fputc('.', to);
        if (o->word) {
            fputs(" One of: ", to);
            for (int i = 0; o->word(i); i++) {
                fputs(i ? ", " : "", to);
                roff(o->word(i), to);
            }
            fputc('.', to);
        }
        fputc('\n', to);
    }
}

/* What each command prints for --help=FORM goes to stdout, and so must the rest. */
static void ask(const bench_command *c, const char *form, FILE *to)
{
    char name[32], flag[32];
    char *argv[] = {name, flag, NULL};
    snprintf(name, sizeof name, "%s", c->name);
    snprintf(flag, sizeof flag, "--help=%s", form);
    fflush(to);
    c->run(2, argv);
}

void bench_help_man(FILE *to)
{
    fprintf(to, ".TH ZOBENCH 1 \"%s\"\n", bench_build_date());
    fputs(".SH NAME\nzobench \\- fine\\-tune language models without backpropagation, and "
          "measure what that costs\n"
          ".SH SYNOPSIS\n.B zobench\n.br\n.B zobench\n.I COMMAND\n[\\fIARGUMENTS\\fR]\n"
          ".SH DESCRIPTION\nRuns experiment manifests cell by cell, each repetition in a process of its own; "
          "records step time, peak memory and accuracy; turns the records into tables, figures and verdicts. "
          "Without a command it says where one is: machine, suites, claims, last run and next step. Data "
          "goes to standard output, everything for people to standard error.\n"
          ".SH COMMANDS\n",
          to);
    for (const bench_command *c = bench_commands; c->name; c++) {
        fprintf(to, ".SS %s\n", c->name);
        ask(c, "man", to);
    }
    fputs(".SH PARAMETERS\nOf a cell, for \"defaults\", \"matrix\", \"zip\", \"exclude\" and \"cells\" of "
          "manifests, and where a command takes KEY=VALUE.\n",
          to);
    man_options(to);
    fputs(".SH ENVIRONMENT\n.TP\n.B ZOBENCH_MODELS\nwhere models lie; ./models\n"
          ".TP\n.B ZOBENCH_DATA\nwhere data sets lie; ./data\n"
          ".SH \"EXIT STATUS\"\n",
          to);
    static const struct {
        int code;
        const char *what;
    } codes[] = {{BENCH_EXIT_OK, "fine"},
                 {BENCH_EXIT_REGRESSION, "something regressed, or a claim is contradicted"},
                 {BENCH_EXIT_USAGE, "bad manifest, usage or input"},
                 {BENCH_EXIT_FAILED, "some cells failed"},
                 {BENCH_EXIT_INCONCLUSIVE, "inconclusive, with \\-\\-strict"},
                 {BENCH_EXIT_INTERRUPTED, "interrupted; the same command goes on"}};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        fprintf(to, ".TP\n.B %d\n%s\n", codes[i].code, codes[i].what);
}

/* ---- bash ---- */

/* What the arguments of a line of the synopsis are called: words that are no flags, nor values of flags. */
static void arguments_of(const bench_flag *flags, char *line, FILE *to)
{
    char *save = NULL, *columns = strstr(line, "  ");
    bool bracket = false, value = false;
    if (columns)
        *columns = '\0';                                    /* what follows explains the line */
    strtok_r(line, " ", &save), strtok_r(NULL, " ", &save); /* zobench COMMAND */
    for (char *word; (word = strtok_r(NULL, " ", &save));) {
        const bool flag = strncmp(word, "--", 2) == 0, opens = strncmp(word, "[--", 3) == 0;
        bracket = bracket || opens;
        if (!bracket && !flag && !value && !strchr("<|", *word) && strcmp(word, "[OPTIONS]"))
            fprintf(to, " %.*s", (int)strcspn(word + (*word == '['), "]."), word + (*word == '['));
        value = false;
        for (const bench_flag *f = flags; flag && f->name; f++)
            value = value || (strcmp(word + 2, f->name) == 0 && bench_flag_takes_value(f));
        if (bracket && strchr(word, ']'))
            bracket = false;
    }
}

/* What to offer for a flag's value: the words of the parameter of that name, where there is one, else what help calls it. */
static void print_bash(const bench_flag *flags, void (*usage)(FILE *to), FILE *to)
{
    pages p = read_usage(usage);
    char *at = p.synopsis;
    fputs("        flags='--help", to);
    for (const bench_flag *f = flags; f->name; f++)
        fprintf(to, " --%s", f->name);
    fputs("'\n        arguments='", to);
    for (char *line = next_line(&at); line; line = next_line(&at))
        arguments_of(flags, line, to);
    fputs("'\n        case $flag in\n", to);
    for (const bench_flag *f = flags; f->name; f++) {
        const bench_option *o = bench_option_find(f->name);
        o = o && (o->word || o->type == BENCH_STRING) ? o : NULL;
        if (bench_flag_takes_value(f))
            fprintf(to, "        --%s) value='%s' ;;\n", f->name, o ? o->name : f->value ? f->value : "TEXT");
    }
    fputs("        esac ;;\n", to);
    free(p.text);
}

static void bash_list(const char *what, const char *option, FILE *to)
{
    fprintf(to, "    %s) %s_zobench_words '", what, option);
}

/* _zobench_value NAME WORD adds what may stand for a value that help calls NAME, and begins with WORD. */
static void bash_values(FILE *to)
{
    fputs("_zobench_words()\n{\n"
          "    mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -W \"$1\" -- \"$word\")\n}\n\n"
          "_zobench_files()\n{\n"
          "    mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen \"$@\" -- \"$word\")\n"
          "    compopt -o filenames 2>/dev/null\n}\n\n"
          "_zobench_value()\n{\n"
          "    local word=$2\n"
          "    case $1 in\n"
          "    MANIFEST) _zobench_files -f -X '!*.json'; _zobench_files -d ;;\n"
          "    DIR | data | adapter) _zobench_files -d ;;\n"
          "    OLD | NEW | FILE | PROGRAM) _zobench_files -f ;;\n"
          "    M | model) _zobench_words \"$(ls \"${ZOBENCH_MODELS:-models}\" 2>/dev/null | sed "
          "'s/[.]gguf$//')\"\n"
          "        _zobench_files -f ;;\n"
          "    options) _zobench_words options ;;\n",
          to);
    bash_list("METRIC", "", to);
    for (const char *const *m = bench_metric_names(); *m; m++)
        fprintf(to, "%s ", *m);
    fputs("' ;;\n", to);
    bash_list("FORMAT", "", to);
    for (const bench_export_format *f = bench_export_formats; f->name; f++)
        fprintf(to, "%s ", f->name);
    fputs("' ;;\n", to);
    bash_list("COMMAND", "", to);
    for (const bench_command *c = bench_commands; c->name; c++)
        fprintf(to, "%s ", c->name);
    fputs("' ;;\n", to);
    bash_list("KEY=VALUE", "compopt -o nospace 2>/dev/null; ", to);
    for (const bench_option *o = bench_options; o->name; o++)
        fprintf(to, "%s= ", o->name);
    fputs("' ;;\n", to);
    for (const bench_option *o = bench_options; o->name; o++) {
        if (!o->word)
            continue;
        bash_list(o->name, "", to);
        print_words(o, to);
        fputs("' ;;\n", to);
    }
    fputs("    esac\n}\n\n", to);
}

void bench_help_bash(FILE *to)
{
    fputs("# Completion of zobench for bash: . <(zobench help --bash)\n\n", to);
    bash_values(to);
    /* bash takes "=" for a word of its own where COMP_WORDBREAKS has it, as is the default */
    fputs("_zobench()\n{\n"
          "    local at=$COMP_CWORD command=${COMP_WORDS[1]} word=${COMP_WORDS[COMP_CWORD]} flag=\n"
          "    local key= value= start= flags= arguments= each\n"
          "    COMPREPLY=()\n"
          "    if ((at < 2)); then\n"
          "        _zobench_value COMMAND \"$word\"\n"
          "        return\n"
          "    fi\n"
          "    [[ $word == '=' ]] && { word=; ((at++)); }\n"
          "    if [[ ${COMP_WORDS[at - 1]} == '=' ]]; then\n"
          "        key=${COMP_WORDS[at - 2]}\n"
          "        flag=$key\n"
          "    elif [[ $word == *=* ]]; then\n"
          "        start=${word%=*}=\n"
          "        key=${word%=*}\n"
          "        key=${key##*=}\n"
          "        flag=$key\n"
          "        word=${word##*=}\n"
          "    else\n"
          "        flag=${COMP_WORDS[at - 1]}\n"
          "    fi\n"
          "    case $command in\n",
          to);
    for (const bench_command *c = bench_commands; c->name; c++) {
        fprintf(to, "    %s)\n", c->name);
        ask(c, "bash", to);
    }
    fputs("    *) return ;;\n"
          "    esac\n"
          "    if [[ -n $value ]]; then\n"
          "        _zobench_value \"$value\" \"$word\"\n"
          "    elif [[ -n $key ]]; then\n"
          "        _zobench_value \"$key\" \"$word\"\n"
          "    elif [[ $word == -* ]]; then\n"
          "        COMPREPLY=($(compgen -W \"$flags\" -- \"$word\"))\n"
          "    else\n"
          "        for each in $arguments; do\n"
          "            _zobench_value \"$each\" \"$word\"\n"
          "        done\n"
          "    fi\n"
          "    ((${#COMPREPLY[@]} == 0)) || COMPREPLY=(\"${COMPREPLY[@]/#/$start}\")\n"
          "}\n\ncomplete -F _zobench zobench ./zobench\n",
          to);
}

/* ---- all of it ---- */

void bench_help_print(bench_help_form form, const bench_flag *flags, void (*usage)(FILE *to), FILE *to)
{
    static void (*const print[])(const bench_flag *, void (*)(FILE *), FILE *) = {
        [BENCH_HELP_TEXT] = print_text, [BENCH_HELP_MAN] = print_man, [BENCH_HELP_BASH] = print_bash};
    print[form](flags, usage, to);
}

void bench_help_options(FILE *to)
{
    fputs("Parameters of a cell, for \"defaults\", \"matrix\", \"zip\", \"exclude\" and \"cells\", and "
          "KEY=VALUE, "
          "with their defaults:\n\n",
          to);
    for (const bench_option *o = bench_options; o->name; o++) {
        int used = fprintf(to, "  %-17s %-15s ", o->name, o->fallback);
        wrap(o->help, used, 36, to);
        if (!o->word)
            continue;
        fprintf(to, "%36s", "");
        print_words(o, to);
        fputc('\n', to);
    }
}
