/* For tests of training: examples of random tokens for synth:tiny. */
#ifndef ZO_TRAINER_FIXTURE_H
#define ZO_TRAINER_FIXTURE_H

#include "core/kernel/rng.h"
#include "core/data/task.h"

/* Fills d->count examples, each with one choice of up to d->longest ids in [0, 512): those of example i are the row ids +
 * i * d->longest, less i % shorter of them, and the last 1 + i % d->most_labels are labels. d->examples is `examples`. */
static inline void trainer_examples(const zo_dataset *d, zo_example *examples, int32_t *ids, int shorter)
{
    for (int i = 0; i < d->count; i++, ids += d->longest) {
        for (int t = 0; t < d->longest; t++)
            ids[t] = (int32_t)zo_below(zo_bits(5, (uint64_t)t, (uint32_t)i), 512);
        examples[i] =
            (zo_example){.choices = 1, .choice = {{ids, d->longest - i % shorter, 1 + i % d->most_labels}}};
    }
}

#endif
