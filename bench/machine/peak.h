/* Peaks of this machine: what its arithmetic and its memory do at best, measured. The limits of a roofline. */
#ifndef BENCH_PEAK_H
#define BENCH_PEAK_H

#include <jansson.h>

#include "core/base/error.h"

/* Measures with so many threads, each bound to a core of its own while there are enough (those that
 * binding.h chooses), in about so many seconds (1 is plenty). The calling thread is left where it is.
 *
 * New reference:
 * { "threads": 2, "isa": "avx512-bf16",
 *   "f32_flops_per_s": 1.0     fused multiply-adds, 2 flops each (a processor without: a multiplication and an addition)
 *   "bf16_flops_per_s": 1.0    dot products of bf16 pairs summed in f32 (AVX-512 BF16; slower than f32's multiply-adds on some
 *                              processors, which then multiply bf16 values as f32: core/kernel/panel.c), or null with a reason
 *   "int8_ops_per_s": 1.0      dot products of four bytes summed in int32 (VNNI), or null with a reason
 *   "read_bytes_per_s": 1.0    summing an array
 *   "triad_bytes_per_s": 1.0   a = b + s c, 12 bytes per element: what the store reads first is not counted
 *   "cache_bytes": 1           of the last-level caches of the cores in use, or null with a reason
 *   "cached_read_bytes_per_s": [1.0, 1.0, 1.0]   summing arrays of 1/2, 3/4 and all of cache_bytes again and again; or null with
 *                              a reason
 *   "array_bytes": 1           of all arrays: four times cache_bytes, or less where memory is short
 *   "bound": true              false: threads could not be bound to cores
 *   "rounds": 7, "spread": 0.01 }
 *
 * Each rate is the sum over threads, and the median of `rounds` short rounds that take the kinds in turn (of caches one
 * size after the other, as they keep what is read); spread is the largest interquartile range over the kinds (those of
 * caches, which other processors may share, left out), relative to the median. The matrix units of some processors (AMX)
 * are not counted: no kernel here uses them.
 * The triad's convention: McCalpin 1995, "Memory Bandwidth and Machine Balance", STREAM.
 * Fails: ZO_ERR_INVALID (threads < 1, or seconds not positive), ZO_ERR_MEMORY, ZO_ERR_UNSUPPORTED (no topology, no
 * threads). */
enum { BENCH_PEAK_CACHED = 3 };

zo_status bench_peak_measure(int threads, double seconds, json_t **out, zo_error *err);

#endif
