/* See flags.h. */
#include "bench/cmd/flags.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/exit.h"
#include "bench/cmd/commands.h"
#include "bench/manifest/condition.h"
#include "bench/manifest/params.h"

#define MOST_FLAGS 31

static bool takes_value(const bench_flag *f)
{
    return !f->set && (!f->take || f->value);
}

typedef enum form {
    FORM_TEXT,
    FORM_MAN, /* a subsection of zobench(1) */
    FORM_BASH /* a branch of the completion's `case` */
} help_form;

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
void bench_flags_wrap(const char *text, int used, int indent, FILE *to)
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
        bench_flags_wrap(f->help, used, width + 6, to);
    }
}

/* ---- the manual page ---- */

/* roff's own characters, and dashes that stay what they are. */
void bench_flags_roff(const char *text, FILE *to)
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
        bench_flags_roff(line, to);
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
        bench_flags_roff(line, to);
        fputc('\n', to);
    }
    fputs(".fi\n", to);
    roff_description(p.description, to);
    for (const bench_flag *f = flags; f->name; f++) {
        if (!f->help)
            continue;
        fputs(".TP\n.B \\-\\-", to);
        bench_flags_roff(f->name, to);
        if (f->value) {
            fputs(" \\fI", to);
            bench_flags_roff(f->value, to);
            fputs("\\fR", to);
        }
        fputc('\n', to);
        bench_flags_roff(f->help, to);
        fputc('\n', to);
    }
    free(p.text);
}

/* ---- completion ---- */

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
            value = value || (strcmp(word + 2, f->name) == 0 && takes_value(f));
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
        if (takes_value(f))
            fprintf(to, "        --%s) value='%s' ;;\n", f->name, o ? o->name : f->value ? f->value : "TEXT");
    }
    fputs("        esac ;;\n", to);
    free(p.text);
}

static void print(help_form form, const bench_flag *flags, void (*usage)(FILE *to), FILE *to)
{
    static void (*const forms[])(const bench_flag *, void (*)(FILE *), FILE *) = {
        [FORM_TEXT] = print_text, [FORM_MAN] = print_man, [FORM_BASH] = print_bash};
    forms[form](flags, usage, to);
}

/* ---- parsing ---- */

static bool set_number(const char *command, const bench_flag *f, const char *text)
{
    char *end;
    errno = 0;
    long n = strtol(text, &end, 10);
    if (end == text || *end || errno || n < f->low || n > f->high) {
        fprintf(stderr, "zobench %s: --%s must be a whole number from %ld to %ld, not \"%s\"\n", command,
                f->name, f->low, f->high, text);
        return false;
    }
    *f->number = n;
    return true;
}

static void append(const char **list, const char *text)
{
    while (*list)
        list++;
    list[0] = text;
    list[1] = NULL;
}

/* Returns whether the value is one. */
static bool take(const char *command, const bench_flag *f, const char *text)
{
    zo_error err = {0};
    if (f->set)
        *f->set = true;
    else if (f->text)
        *f->text = text;
    else if (f->list)
        append(f->list, text);
    else if (f->number)
        return set_number(command, f, text);
    else if (f->filter)
        (void)bench_condition_filter(f->filter, text, &err);
    else
        (void)f->take(f->code, text, f->to, &err);
    return bench_command_end(command, &err, BENCH_EXIT_OK) == BENCH_EXIT_OK;
}

void bench_flags_help(const bench_flag *flags, void (*usage)(FILE *to), FILE *to)
{
    print(FORM_TEXT, flags, usage, to);
}

static int help(const char *form, const bench_flag *flags, void (*usage)(FILE *to))
{
    if (form && strcmp(form, "man") && strcmp(form, "bash")) {
        bench_flags_help(flags, usage, stderr);
        return BENCH_EXIT_USAGE;
    }
    print(!form ? FORM_TEXT : strcmp(form, "man") == 0 ? FORM_MAN : FORM_BASH, flags, usage, stdout);
    return BENCH_EXIT_OK;
}

int bench_flags(int argc, char **argv, const bench_flag *flags, int least, int most, void (*usage)(FILE *to))
{
    enum { HELP = MOST_FLAGS };
    struct option options[MOST_FLAGS + 2] = {0};
    int n = 0;
    for (; flags[n].name; n++) {
        assert(n < MOST_FLAGS);
        options[n] =
            (struct option){flags[n].name, takes_value(&flags[n]) ? required_argument : no_argument, 0, n};
    }
    options[n] = (struct option){"help", optional_argument, 0, HELP};
    optind = 0; /* glibc: begin anew, help asks one command after the other */
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == HELP)
            return help(optarg, flags, usage);
        if (c < 0 || c >= n) { /* getopt has named the flag */
            bench_flags_help(flags, usage, stderr);
            return BENCH_EXIT_USAGE;
        }
        if (!take(argv[0], &flags[c], optarg))
            return BENCH_EXIT_USAGE;
    }
    if (argc - optind < least || argc - optind > most) {
        bench_flags_help(flags, usage, stderr);
        return BENCH_EXIT_USAGE;
    }
    return -1;
}
