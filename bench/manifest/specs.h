/* The sections of a manifest that say how to measure and what to report. */
#ifndef BENCH_SPECS_H
#define BENCH_SPECS_H

#include "bench/manifest/reader.h"

#define BENCH_WARMUP_AUTO (-1) /* "auto": until steps have ceased to get faster, see history.h */

/* See schedule.h. */
typedef enum bench_order {
    BENCH_ORDER_INTERLEAVE,
    BENCH_ORDER_ROUND_ROBIN,
    BENCH_ORDER_SEQUENTIAL
} bench_order;

typedef struct bench_measure {
    int64_t warmup;       /* steps in every child whose time is not counted; BENCH_WARMUP_AUTO; default 1 */
    int64_t min_runs;     /* repetitions (fresh children) of a cell; default 1 */
    int64_t max_runs;     /* >= min_runs; more repetitions until the interval is narrow; default min_runs */
    double ci;            /* wanted half-width of the median's 95% interval over it ("2%": 0.02); 0: none */
    int64_t memory_bytes; /* per child; "8GiB", "none", default "auto" (memory_limit.h) */
    double timeout_s;     /* per child; "90s", "15m", "2h"; default 2h */
    bench_order order;    /* default interleave */
    int64_t order_seed;   /* of the random orders of interleave; default 1 */
} bench_measure;

/* A table of the report: one row per value of `rows`, one column per value of `cols`. */
typedef struct bench_table_spec {
    char title[160];
    char rows[32], cols[32]; /* option names, different ones; cols may be "" (a single column) */
    char value[32]; /* a metric of bench/record/metric.h: "step_ns", "peak_rss_bytes", "accuracy" ... */
    /* relative_to: divide by the cell of the same row (or column) in which this option, one of rows and cols, has this
     * value, as bench_params_text has it; "": absolute */
    char relative_option[32], relative_value[256];
    json_t *where; /* what bench_condition_match asks of cells, or NULL; borrowed from root */
} bench_table_spec;

typedef enum bench_plot_kind {
    BENCH_PLOT_BARS,
    BENCH_PLOT_LINES,
    BENCH_PLOT_CURVE,
    BENCH_PLOT_HEATMAP,
    BENCH_PLOT_ROOFLINE
} bench_plot_kind;

/* bars, lines: y of cells over x, a group or line per value of series ("": one). curve: a curve of the record (loss,
 * accuracy, resident memory) over steps, a line per value of series ("": one per cell). heatmap: a panel per value of series, in it a column
 * per value of x and a row per value of y, one or more options, coloured by `value`; `beside` is a metric of the
 * same unit to be shown in a panel of its own next to it, "": none. roofline: a point per configuration, a colour per value of
 * series; no axes to choose. */
typedef struct bench_plot_spec {
    char title[160];
    bench_plot_kind kind;
    char x[32], series[32];
    char y
        [128]; /* a metric; curve: "loss" or "accuracy" (x is "step"); heatmap: names of options, with commas between */
    char value[32], beside[32];                    /* heatmap: metrics */
    char relative_option[32], relative_value[256]; /* heatmap: as in a table */
    json_t *where;
} bench_plot_spec;

typedef enum bench_claim_kind {
    BENCH_CLAIM_RATIO,
    BENCH_CLAIM_DIFFERENCE,
    BENCH_CLAIM_VALUE
} bench_claim_kind;
typedef enum bench_bound { BENCH_BOUND_EQUAL, BENCH_BOUND_AT_LEAST, BENCH_BOUND_UP_TO } bench_bound;

/* A claim about a metric: a over b, a less b, or a alone, for every pair of cells that match the sides, that match `where`, and
 * that differ in nothing else. Numbers are in the metric's recorded unit. */
typedef struct bench_claim_spec {
    char id[64];      /* letters, digits and '-' */
    char title[200];  /* in words; "": the id */
    char source[300]; /* who says so: version, table, row */
    bench_claim_kind kind;
    json_t *side[2]; /* owned; what bench_condition_match asks of a and b (value: a alone) */
    char of[32];     /* a metric */
    char over[32];   /* ratio: another, whose ratio ours is divided by; "": none */
    double paper;    /* the published value; NaN: none */
    double expect;   /* what is asked of our value: the published one unless given */
    bench_bound bound;
    double tolerance;     /* of `expect` */
    bool portable;        /* holds on any hardware; default true */
    char hardware[100];   /* not portable: what the processor's name holds where it does; "": unknown */
    char known_miss[300]; /* why it is known not to hold here; "": it shall */
    json_t *where;        /* borrowed from root, or NULL */
} bench_claim_spec;

/* Readers (bench_read) of the sections "measure" (a bench_measure holding its defaults), and of one element of "tables"
 * (a bench_table_spec), "plots" (a bench_plot_spec) and "claims" (a bench_claim_spec). */
extern const bench_field bench_measure_fields[], bench_table_fields[], bench_plot_fields[],
    bench_claim_fields[];
bench_read bench_specs_measure, bench_specs_table, bench_specs_plot, bench_specs_claim;

#endif
