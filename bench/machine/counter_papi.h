/* Counts from PAPI (the Performance API): of this process in user space, all its threads, and of the processors' energy. */
#ifndef BENCH_COUNTER_PAPI_H
#define BENCH_COUNTER_PAPI_H

#include "bench/machine/counter_source.h"

/* Starts to count, in the threads of a parallel region of so many and in those that they start later; 1: starts no threads, so
 * that signals can still be waited for (child.h). One at a time in a process. PAPI is not touched before, prints nothing,
 * and its failures are reasons. NULL: out of memory. */
bench_counter_source *bench_counter_papi(int threads);

#endif
