/* zobench trace, replayed by scripts/replay_trace.py: an independent double-precision implementation computes the same
 * steps and must find the same tokens, noise, losses, projected gradients and adapters. Needs python3 with NumPy. */
#include <getopt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/cmd/commands.h"
#include "bench/base/exit.h"
#include "core/format/safetensors.h"

static char path[300];

static int set_up(void **state)
{
    const char *tmp = getenv("TMPDIR");
    (void)state;
    snprintf(path, sizeof path, "%s/trace_test.XXXXXX", tmp ? tmp : "/tmp");
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(path);
}

/* The exit code of bench_cmd_trace with --out path and up to twelve arguments, NULL-terminated. */
static int trace(const char *const *arguments)
{
    char *argv[16] = {"trace", "--out", path};
    int argc = 3;
    for (; *arguments; arguments++)
        argv[argc++] = (char *)*arguments;
    optind = 0; /* getopt starts anew */
    return bench_cmd_trace(argc, argv);
}

/* The exit code of the replay; its table goes to this test's output. */
static int replay(void)
{
    char command[400];
    fflush(stdout);
    snprintf(command, sizeof command, "python3 scripts/replay_trace.py '%s'", path);
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void need_numpy(void)
{
    if (system("python3 -c 'import numpy' 2>/dev/null") != 0) {
        printf("skip: no python3 with NumPy\n");
        skip();
    }
}

static void replays_find_the_same(void **state)
{
    static const char *const cases[][12] = {
        {"parallel=both", "queries=3", "batch=2", "steps=2", "rank=4"},
        {"parallel=outer", "queries=2", "batch=2", "steps=2", "rank=3", "alpha=5", "peft=lora", "lr=1e-2"},
        {"parallel=inner", "queries=2", "batch=3", "steps=3", "rank=4", "seed=7", "train_rows=4",
         "targets=[\"q_proj\",\"v_proj\"]"},
        {"method=rge", "parallel=none", "queries=2", "batch=2", "steps=2", "rank=4", "seq_len=64"},
        {"method=mezo", "parallel=none", "queries=1", "batch=2", "steps=2", "rank=4", "lr=1e-2"},
    };
    (void)state;
    need_numpy();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *arguments[13] = {"model=synth:tiny", "task=polarity"};
        for (int k = 0; cases[i][k]; k++)
            arguments[2 + k] = cases[i][k];
        assert_int_equal(trace(arguments), BENCH_EXIT_OK);
        if (replay() != 0)
            fail_msg("case %zu (%s, %s): the replay disagrees", i, cases[i][0], cases[i][1]);
    }
}

/* Adds `by` to the first value of a tensor of the trace. */
static void change(const char *name, double by)
{
    zo_error err = {0};
    zo_safetensors *s = NULL;
    if (zo_safetensors_open(path, NULL, &s, &err))
        fail_msg("%s", err.text);
    size_t n = zo_safetensors_count(s);
    zo_st_tensor *list = calloc(n, sizeof *list);
    static const char *const keys[] = {"cell", "model", "scale", "noise_seed", "examples"};
    const char *meta[10];
    static char copy[32768];
    assert_non_null(list);
    for (size_t i = 0; i < n; i++) {
        list[i] = *zo_safetensors_at(s, i);
        if (strcmp(list[i].name, name))
            continue;
        assert_true(list[i].bytes <= sizeof copy);
        memcpy(copy, list[i].data, list[i].bytes);
        list[i].data = copy;
        if (strcmp(list[i].dtype, "F64") == 0) {
            double x;
            memcpy(&x, copy, sizeof x);
            x += by;
            memcpy(copy, &x, sizeof x);
        } else {
            float x;
            memcpy(&x, copy, sizeof x);
            x += (float)by;
            memcpy(copy, &x, sizeof x);
        }
    }
    for (size_t i = 0; i < 5; i++) {
        meta[2 * i] = keys[i];
        meta[2 * i + 1] = zo_safetensors_meta(s, keys[i]);
    }
    if (zo_safetensors_write(path, list, n, meta, 5, &err))
        fail_msg("%s", err.text);
    free(list);
    zo_safetensors_free(s);
}

/* The replay is no rubber stamp: each kind of figure, a little off, is found. */
static void replays_find_differences(void **state)
{
    static const struct {
        const char *tensor;
        double by;
    } cases[] = {
        {"step.1.plus", 1e-4},
        {"step.1.projected", 0.05},
        {"noise.0.model.layers.1.mlp.up_proj.lora_B", 1e-4},
        {"adapter.1.model.layers.0.self_attn.o_proj.lora_B", 1e-6},
        {"adapter.2.model.layers.0.self_attn.o_proj.lora_A", 1e-6},
    };
    static const char *const arguments[] = {"model=synth:tiny", "task=polarity", "queries=1", "batch=2",
                                            "steps=2",          "rank=2",        NULL};
    (void)state;
    need_numpy();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(trace(arguments), BENCH_EXIT_OK);
        change(cases[i].tensor, cases[i].by);
        if (replay() != 1)
            fail_msg("%s changed by %g: not found", cases[i].tensor, cases[i].by);
    }
}

static void trace_refuses(void **state)
{
    static const char *const cases[][6] = {
        {"model=synth:tiny", "task=polarity", "method=zero-shot"},
        {"model=synth:tiny", "task=polarity", "method=mezo", "parallel=none", "peft=full"},
        {"model=synth:none", "task=polarity"},
        {"queries=none"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(trace(cases[i]), BENCH_EXIT_USAGE);
    optind = 0;
    assert_int_equal(bench_cmd_trace(1, (char *[]){"trace", NULL}), BENCH_EXIT_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(replays_find_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(replays_find_differences, set_up, tear_down),
        cmocka_unit_test_setup_teardown(trace_refuses, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("cmd_trace", tests, NULL, NULL);
}
