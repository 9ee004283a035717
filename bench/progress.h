/* What a run tells people while it goes on: on a terminal one line that is drawn anew, elsewhere a line per finished
 * repetition. */
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
    int64_t drawn_ns;   /* when the line was last drawn; 0: there is none */
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
/* { "phase": "train", "step": 3, "steps": 20, "loss": 0.5, "done": 64, "count": 872 }, all but phase optional. */
void bench_progress_update(bench_progress *p, const json_t *message);
/* The outcome of the repetition, as its record has it. */
void bench_progress_end(bench_progress *p, const json_t *record);
/* A line of its own, between the others. */
void bench_progress_note(bench_progress *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Takes the drawn line away. */
void bench_progress_clear(bench_progress *p);

#endif
