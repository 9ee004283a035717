/* How many of a child's first steps are warm-up.
 *
 * A fixed number, or "auto": warm-up ends with the second step in a row that is not faster than the fastest before it by more
 * than 2%, and is at most half of the steps. Times that fall (caches, page faults, a clock that comes up) are warm-up as long as
 * they fall; a step that is slow for once neither ends it nor lengthens it. The steps that the rule looked at are never counted,
 * so that it cannot favour fast ones.
 */
#ifndef BENCH_WARMUP_H
#define BENCH_WARMUP_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

typedef struct bench_warmup {
    int64_t asked; /* steps, or BENCH_WARMUP_AUTO (manifest.h) */
    int64_t most;
    int64_t taken;
    int64_t best_ns;
    int even; /* steps in a row that were no faster */
    bool over;
} bench_warmup;

/* steps: that the child will run. */
void bench_warmup_init(bench_warmup *w, int64_t asked, int64_t steps);
/* Was this step, the next of the child, warm-up? */
bool bench_warmup_step(bench_warmup *w, int64_t ns);
/* {"rule": "fixed", "steps": 1} or {"rule": "auto", "steps": 4, "flat": true (false: ended by its bound)}: new reference. */
json_t *bench_warmup_to_json(const bench_warmup *w);

#endif
