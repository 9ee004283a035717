/* Tests of progress.c: durations, and the line that is drawn anew on a terminal (a pseudo-terminal here). */
#include "bench/launch/progress.h"

#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/base/clock.h"

static void durations(void **state)
{
    static const struct {
        double ns;
        const char *text;
    } cases[] = {
        {0, "0 us"},         {1500, "2 us"},     {999e3, "999 us"}, {12.34e6, "12.3 ms"}, {4.25e9, "4.2 s"},
        {59.94e9, "59.9 s"}, {59.96e9, "1m00s"}, {200e9, "3m20s"},  {3599.6e9, "1h00m"},  {7500e9, "2h05m"},
        {NAN, "?"},          {-1, "?"},          {INFINITY, "?"},
    };
    char text[BENCH_DURATION];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(bench_progress_duration(cases[i].ns, text), cases[i].text);
}

/* A terminal of so many columns; what is written to *out can be read from the returned descriptor. Skips the test where
 * the system has no pseudo-terminals. */
static int terminal(int columns, FILE **out)
{
    struct winsize size = {.ws_row = 24, .ws_col = (unsigned short)columns};
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0) {
        print_message("skip: no pseudo-terminal can be opened here\n");
        skip();
    }
    assert_true(grantpt(master) == 0 && unlockpt(master) == 0);
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    assert_true(slave >= 0);
    assert_int_equal(ioctl(slave, TIOCSWINSZ, &size), 0);
    *out = fdopen(slave, "w");
    return master;
}

/* All that comes until there is a pause: one drawing may come in pieces. */
static void heard(int fd, char *text, size_t cap)
{
    struct pollfd more = {.fd = fd, .events = POLLIN};
    size_t all = 0;
    do {
        ssize_t n = read(fd, text + all, cap - 1 - all);
        assert_true(n > 0);
        all += (size_t)n;
    } while (all < cap - 1 && poll(&more, 1, 200) == 1);
    text[all] = '\0';
}

static json_t *training(int step)
{
    return json_pack("{s:s, s:i, s:i, s:f, s:[f, f, f]}", "phase", "train", "step", step, "steps", 20, "loss",
                     0.69314, "step_ns", 12e6, 11.9e6, 12.2e6);
}

static void lines_are_drawn_anew(void **state)
{
    FILE *out;
    char text[2000];
    bench_progress p;
    int fd = terminal(120, &out);
    json_t *one = training(1), *two = training(10),
           *record = json_pack("{s:s, s:s, s:i}", "status", "nan", "reason", "step 3", "wall_ns", 2000000);
    (void)state;
    bench_progress_init(&p, out, 4);
    assert_true(p.live);
    bench_progress_begin(&p, "parallel=both", 2);
    heard(fd, text, sizeof text);
    assert_string_equal(text, "\r[--------------------] 0/4\033[K\r\n"
                              "parallel=both  run 3  [--------------------] start\033[K");
    p.drawn_ns = bench_clock_ns();  /* hearing took its time */
    bench_progress_update(&p, one); /* too soon after the last: not drawn */
    nanosleep(&(struct timespec){.tv_nsec = 120000000}, NULL);
    bench_progress_update(&p, two);
    heard(fd, text, sizeof text); /* half of the first of four */
    assert_string_equal(
        text, "\r\033[A[##------------------] 0/4\033[K\r\n"
              "parallel=both  run 3  [##########----------] train 10/20  12.0 ms +-1.2%  loss 0.6931"
              "\033[K");
    bench_progress_end(&p, record);
    heard(fd, text, sizeof text);
    assert_string_equal(text,
                        "\r\033[K\033[A\033[K[1/4] parallel=both  run 3  nan      in 2.0 ms  step 3\r\n");
    bench_progress_begin(&p, "parallel=none", 0);
    heard(fd, text, sizeof text);
    const char begin[] = "\r[#####---------------] 1/4  1 not ok  ";
    assert_memory_equal(text, begin, sizeof begin - 1);
    assert_non_null(strstr(text, " left\033[K\r\nparallel=none  [--------------------] start\033[K"));
    fclose(out);
    close(fd);
    json_decref(one);
    json_decref(two);
    json_decref(record);
}

static void long_lines_are_cut(void **state)
{
    FILE *out;
    char text[2000];
    bench_progress p;
    int fd = terminal(20, &out);
    (void)state;
    bench_progress_init(&p, out, 4);
    bench_progress_begin(&p, "parallel=both seq_len=64", 0);
    heard(fd, text, sizeof text);
    /* 19 columns: the last would wrap */
    assert_string_equal(text, "\r[------------------\033[K\r\nparallel...  [-----\033[K");
    fclose(out);
    close(fd);
}

/* A long label gives way to the bar, the state and the time left. */
static void labels_give_way(void **state)
{
    FILE *out;
    char text[2000];
    bench_progress p;
    json_t *one = training(1), *two = training(10);
    int fd = terminal(100, &out);
    (void)state;
    bench_progress_init(&p, out, 4);
    bench_progress_begin(&p, "holdout=16 method=prge peft=lora-fa targets=[\"q_proj\",\"v_proj\"] seq_len=96",
                         1);
    heard(fd, text, sizeof text);
    p.drawn_ns = 0; /* drawn at once, as the first */
    bench_progress_update(&p, one);
    heard(fd, text, sizeof text);
    p.drawn_ns = 0;
    p.first_ns -= INT64_C(18000000000); /* as if nine steps had taken so long */
    bench_progress_update(&p, two);
    heard(fd, text, sizeof text);
    const char *cell = strchr(text, '\n') + 1, *end = strstr(cell, "\033[K");
    assert_int_equal(end - cell, 99);
    assert_memory_equal(cell, "holdout=16", 10);
    assert_non_null(strstr(cell, "...  run 2  [##########----------] train 10/20  12.0 ms +-1.2%  "));
    assert_memory_equal(end - 20, " s left  loss 0.6931", 20);
    fclose(out);
    close(fd);
    json_decref(one);
    json_decref(two);
}

/* Off a terminal: the time, then the outcome; while a repetition runs one line a minute at most. */
static void plain_lines(void **state)
{
    char *text = NULL;
    size_t bytes = 0;
    bench_progress p;
    json_t *two = training(2),
           *record = json_pack("{s:s, s:i, s:{s:f}, s:{s:f, s:i}}", "status", "ok", "wall_ns", 2000000,
                               "time", "median_ns", 12e6, "stopping", "half_width", 0.004, "runs", 6);
    FILE *out = open_memstream(&text, &bytes);
    (void)state;
    bench_progress_init(&p, out, 4);
    bench_progress_begin(&p, "parallel=both", 0);
    bench_progress_update(&p, two);
    fflush(out);
    assert_int_equal(bytes, 0);
    p.drawn_ns -= INT64_C(61000000000); /* as if so much time had gone by */
    bench_progress_update(&p, two);
    bench_progress_end(&p, record);
    fclose(out);
    const char *second = strchr(text, '\n') + 1;
    assert_string_equal(strchr(second, ' '),
                        " [1/4] parallel=both  ok       12.0 ms per step +-0.4% over 6 runs  in 2.0 ms\n");
    const char first[] = " [1/4] parallel=both  train 2/20  12.0 ms +-1.2%  loss 0.6931\n";
    assert_memory_equal(strchr(text, ' '), first, sizeof first - 1);
    for (const char *line = text; line; line = line == text ? second : NULL) { /* "2026-01-31T12:00:00Z" */
        assert_int_equal(strchr(line, ' ') - line, 20);
        assert_true(line[10] == 'T' && line[19] == 'Z');
    }
    free(text);
    json_decref(two);
    json_decref(record);
}

static void silence(void **state)
{
    bench_progress p;
    json_t *record = json_object();
    (void)state;
    bench_progress_init(&p, NULL, 1);
    bench_progress_begin(&p, "x", 0);
    bench_progress_update(&p, NULL);
    bench_progress_note(&p, "note");
    bench_progress_end(&p, record);
    bench_progress_clear(&p);
    assert_int_equal(p.done, 1);
    json_decref(record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations),          cmocka_unit_test(lines_are_drawn_anew),
        cmocka_unit_test(long_lines_are_cut), cmocka_unit_test(labels_give_way),
        cmocka_unit_test(plain_lines),        cmocka_unit_test(silence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
