/* The program's commands: each is a function with main's signature (argv[0] is its name) that returns an exit code of
 * exit.h. Data goes to stdout, everything for people to stderr.
 */
#ifndef BENCH_COMMANDS_H
#define BENCH_COMMANDS_H

#include <jansson.h>

#include "core/base/error.h"

/* name, function, what it does */
#define BENCH_COMMAND_MAP(X)                                                                                 \
    X("doctor", bench_cmd_doctor, "the machine as records will hold it, and what is wrong with it")          \
    X("check", bench_cmd_check, "validate manifests: file:line:column and did-you-mean")                     \
    X("plan", bench_cmd_plan, "list a manifest's cells with predicted time and memory")                      \
    X("run", bench_cmd_run, "run what is missing of a manifest; start it again to go on")                    \
    X("report", bench_cmd_report, "tables and figures from the records of a run")                            \
    X("compare", bench_cmd_compare, "old against new: records, or two builds run next to each other")        \
    X("noise", bench_cmd_noise, "the smallest change that this machine can tell")                            \
    X("export", bench_cmd_export, "the records in the formats of other tools: CI services, CSV, SQL, ...")   \
    X("eval", bench_cmd_eval, "accuracy of a model on a task, zero-shot or with an adapter")                 \
    X("generate", bench_cmd_generate, "greedy continuation of a prompt")                                     \
    X("numerics", bench_cmd_numerics, "what precisions do to logits, losses and projected gradients")        \
    X("logits", bench_cmd_logits, "logits after a prompt")                                                   \
    X("tokenize", bench_cmd_tokenize, "text to token ids and back, line by line")                            \
    X("trace", bench_cmd_trace, "everything of N training steps as one safetensors file")                    \
    X("help", bench_cmd_help, "this list, or more about a command; manual page, completion for bash")

#define X(name, function, help) int function(int argc, char **argv);
BENCH_COMMAND_MAP(X)
#undef X

typedef struct bench_command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} bench_command;

/* Ended by a row whose name is NULL. */
extern const bench_command bench_commands[];
/* NULL: there is none of that name, which was said. */
const bench_command *bench_command_find(const char *name);

/* The end of a command: says what went wrong, if anything did, and returns the exit code: BENCH_EXIT_USAGE then, else code. */
int bench_command_end(const char *name, const zo_error *err, int code);
/* A value on stdout, as json_dumpf with these flags, and an end of line. Takes it. */
void bench_command_print(json_t *value, size_t flags);

/* Without a command. argv[0] is the program as it was called. */
int bench_cmd_screen(int argc, char **argv);

/* "cell" and "sgemm": the children's side of run and doctor, not listed. */
int bench_cmd_cell(int argc, char **argv);
int bench_cmd_sgemm(int argc, char **argv);

#endif
