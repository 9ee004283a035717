/* zobench help: the commands, one of them, the parameters of manifests, the manual page, completion. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/cmd/commands.h"
#include "bench/base/exit.h"
#include "bench/cmd/flags.h"
#include "bench/machine/build.h"
#include "bench/manifest/params.h"
#include "bench/record/metric.h"
#include "bench/report/export.h"

const bench_command bench_commands[] = {
#define X(name, function, help) {name, function, help},
    BENCH_COMMAND_MAP(X)
#undef X
        {0}};

enum { COMMANDS = sizeof bench_commands / sizeof bench_commands[0] - 1 };

const bench_command *bench_command_find(const char *name)
{
    for (const bench_command *c = bench_commands; c->name; c++)
        if (strcmp(name, c->name) == 0)
            return c;
    const char *near = bench_nearest(name, &bench_commands[0].name, sizeof bench_commands[0]);
    fprintf(stderr, "zobench: \"%s\" is not a command", name);
    fprintf(stderr, near ? "; did you mean \"%s\"?\n" : "; zobench help lists them\n", near);
    return NULL;
}

int bench_command_end(const char *name, const zo_error *err, int code)
{
    if (!err->status)
        return code;
    fprintf(stderr, "zobench %s: %s\n", name, err->text);
    return BENCH_EXIT_USAGE;
}

void bench_command_print(json_t *value, size_t flags)
{
    json_dumpf(value, stdout, flags);
    putchar('\n');
    json_decref(value);
}

/* ---- the manual page, and the parameters ---- */

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
        bench_flags_roff(o->name, to);
        fputc('\n', to);
        bench_flags_roff(o->help, to);
        fputs(". Default ", to);
        bench_flags_roff(o->fallback, to);
        fputc('.', to);
        if (o->word) {
            fputs(" One of: ", to);
            for (int i = 0; o->word(i); i++) {
                fputs(i ? ", " : "", to);
                bench_flags_roff(o->word(i), to);
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

static void print_man(FILE *to)
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

static void print_bash(FILE *to)
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

static void print_options(FILE *to)
{
    fputs("Parameters of a cell, for \"defaults\", \"matrix\", \"zip\", \"exclude\" and \"cells\", and "
          "KEY=VALUE, "
          "with their defaults:\n\n",
          to);
    for (const bench_option *o = bench_options; o->name; o++) {
        int used = fprintf(to, "  %-17s %-15s ", o->name, o->fallback);
        bench_flags_wrap(o->help, used, 36, to);
        if (!o->word)
            continue;
        fprintf(to, "%36s", "");
        print_words(o, to);
        fputc('\n', to);
    }
}

/* ---- the command ---- */

static void usage(FILE *to)
{
    fputs("usage: zobench help [COMMAND | options]\n"
          "       zobench help --man | --bash\n\n"
          "Lists the commands, or says more about one, or lists the parameters of manifests (options).\n",
          to);
}

static void list(FILE *to)
{
    fputs("zobench fine-tunes language models without backpropagation (RGE, P-RGE) and measures what it "
          "costs.\n\n"
          "usage: zobench COMMAND [ARGUMENTS]        zobench help COMMAND says more\n\n",
          to);
    for (const bench_command *c = bench_commands; c->name; c++)
        fprintf(to, "  %-10s %s\n", c->name, c->help);
    fputs("\nhelp options: the parameters of manifests. Without a command: machine, suites, results, next "
          "step.\n"
          "A first run: zobench run experiments/quickstart.json && zobench report results/quickstart\n",
          to);
}

int bench_cmd_help(int argc, char **argv)
{
    bool man = false, bash = false;
    const bench_flag flags[] = {
        {.name = "man", .set = &man, .help = "print a manual page, zobench.1: man -l <(zobench help --man)"},
        {.name = "bash", .set = &bash, .help = "print completion for bash: . <(zobench help --bash)"},
        {0}};
    int code = bench_flags(argc, argv, flags, 0, 1, usage);
    if (code >= 0)
        return code;
    const char *about = argv[optind];
    if (man + bash + (about != NULL) > 1) {
        bench_flags_help(flags, usage, stderr);
        return BENCH_EXIT_USAGE;
    }
    if (man)
        print_man(stdout);
    else if (bash)
        print_bash(stdout);
    else if (!about)
        list(stdout);
    else if (strcmp(about, "options") == 0)
        print_options(stdout);
    else {
        const bench_command *c = bench_command_find(about);
        char name[32], help[] = "--help", *asked[] = {name, help, NULL};
        if (!c)
            return BENCH_EXIT_USAGE;
        snprintf(name, sizeof name, "%s", c->name);
        return c->run(2, asked);
    }
    return BENCH_EXIT_OK;
}
