/* What a run tells people while it goes on. On a terminal two lines that are drawn anew, a bar for the sweep and one for the
 * repetition that is running:
 *
 *     [#######-------------] 4/12  1 not ok  2m10s left
 *     queries=4 parallel=both  run 2  [##########----------] train 60/120  21.3 ms +-0.4%  2 s left  loss 0.6931
 *
 * above which a line for each finished repetition, or failure, remains. Elsewhere lines with the time (UTC) before them: one for
 * each finished repetition, and one a minute for one that takes longer. The interval is that of the median step time so far
 * (95%), as half its width over the median. */
#ifndef BENCH_PROGRESS_H
#define BENCH_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

typedef struct bench_progress {
    FILE *out; /* NULL: silent */
    bool live; /* out is a terminal */
    int total; /* repetitions to be done in this session; may grow */
    int done;  /* of them */
    char label[160];
    int run;
    int not_ok;         /* of those done */
    int64_t drawn_ns;   /* when the lines were last drawn, or the last plain line came; 0: there is none */
    int64_t session_ns; /* when the first repetition began; 0: none has */
    int64_t first_ns;   /* when the first step of this repetition was heard of; 0: none was */
    int64_t first_step;
} bench_progress;

#define BENCH_DURATION 32

/* "850 us", "12.3 ms", "4.2 s", "3m20s", "2h05m" */
const char *bench_progress_duration(double ns, char out[BENCH_DURATION]);

/* out may be NULL. */
void bench_progress_init(bench_progress *p, FILE *out, int total);
void bench_progress_begin(bench_progress *p, const char *label, int run);
/* { "phase": "train", "step": 3, "steps": 20, "loss": 0.5, "step_ns": [median, low, high] (so far), "done": 64, "count": 872 },
 * all but phase optional. */
void bench_progress_update(bench_progress *p, const json_t *message);
/* The outcome of the repetition, as its record has it. */
void bench_progress_end(bench_progress *p, const json_t *record);
/* A line of its own, between the others. */
void bench_progress_note(bench_progress *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Takes the drawn lines away. */
void bench_progress_clear(bench_progress *p);

#endif
