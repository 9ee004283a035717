/* What a child has said, and what its end comes to in a record. */
#ifndef BENCH_OUTCOME_H
#define BENCH_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "bench/machine/child.h"
#include "bench/launch/progress.h"

/* What a child has said so far. */
typedef struct bench_heard {
    bench_progress *progress;
    json_t *parts;  /* keys of the record that came early */
    json_t *record; /* NULL until it came */
    long long step, steps;
    char phase[32];
} bench_heard;

/* What a child may take. */
typedef struct bench_limits {
    double timeout_s;
    uint64_t memory_bytes; /* 0: no limit, and why */
    const char *why_not;
} bench_limits;

/* For bench_child_options: self is a bench_heard. */
void bench_heard_message(void *self, json_t *message);
void bench_heard_wish(void *self, bool now);

/* The status, with its reason; NULL: as the child's own record says. */
const char *bench_outcome_judge(const bench_heard *e, const bench_child_result *r, const bench_limits *l,
                                char *reason, size_t cap);

/* A record's "limits". */
void bench_outcome_limits(json_t *record, const bench_limits *l);

/* Every part of a record that the child did not come to becomes null, with the reason. */
void bench_outcome_fill(json_t *record);

#endif
