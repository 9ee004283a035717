/* What is wrong with a machine or build for measuring, in plain words, and how to mend it where that is known. */
#ifndef BENCH_DOCTOR_H
#define BENCH_DOCTOR_H

#include <jansson.h>

/* machine, build: as bench_machine_describe and bench_build_describe make them; blas: as bench_openblas_describe, sgemm: as
 * bench_blas_compare does, each NULL where the backend openblas was not looked at. A new array of
 * { "id": "blas-threads", "what": "...", "remedy": "..." or null }; empty where nothing is wrong. What a machine does not
 * say is not held against it. */
json_t *bench_doctor_findings(const json_t *machine, const json_t *build, const json_t *blas,
                              const json_t *sgemm);

#endif
