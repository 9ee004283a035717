/* Benchmarks of the kernels: the linear maps against OpenBLAS in the same run, and the small operators.
 *
 *   make bench                                        all of it, about two minutes
 *   make bench BENCH="--rows 8,64 --precision nf4"    arguments of the program: --help lists them
 *
 * Figures are of as many threads as OMP_NUM_THREADS says. A program of its own; the library and zobench do not hold it.
 */
#include "bench/backend/openblas.h"
#include "bench/lab/lab.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/exit.h"
#include "bench/cmd/flags.h"
#include "bench/backend/model.h"
#include "bench/machine/peak.h"
#include "bench/machine/setting.h"
#include "bench/base/stats.h"
#include "bench/base/table.h"
#include "core/kernel/kernel.h"
#include "core/kernel/panel.h"

#define SECONDS       75 /* for products; quick: less */
#define QUICK_SECONDS 2
#define SLICE_S       0.04 /* for each operator and table */
#define PEAK_S        1.0

static void usage(FILE *to)
{
    fputs("usage: kernel_bench [OPTIONS]\n\n"
          "Times zo_linear_apply against OpenBLAS's sgemm of the same shape, taken in turn, and the small "
          "operators.\n"
          "Every product is held against sgemm before it is timed. Markdown on stdout, progress on stderr.\n"
          "  --rows N,...       rows of x (8,16,64,256,1024)\n"
          "  --precision P,...  of the weights: f32, f16, bf16, int8, nf4 (all)\n"
          "  --compute C,...    f32, bf16, int8 (all; int8 only with weights int8 and nf4)\n"
          "  --kernel K,...     tables of kernels: portable, avx2, avx512, avx512-vnni, avx512-bf16-fma,\n"
          "                     avx512-bf16 (all that run here)\n"
          "  --model NAME       whose maps; again for more (synth:tinyllama-1.1b and synth:smollm2-135m)\n"
          "  --warm             the same weights again and again; else copies that exceed the last-level "
          "cache\n"
          "  --only WHAT        products or operators\n"
          "  --seconds N        for all products together, about (75)\n"
          "  --quick            a few seconds: smollm2-135m, 8 and 64 rows, few samples\n"
          "  --json             one JSON object (bench/lab/lab.h)\n"
          "Exit: 0; 1 a kernel is wrong; 2 bad usage.\n",
          to);
}

/* ---- options ---- */

/* chosen[i]: is names[i] in the list? NULL chooses all. False: it has a name that is none of `count`. */
static bool choose(const char *flag, const char *list, const char *const *names, int count, bool *chosen)
{
    for (int i = 0; i < count; i++)
        chosen[i] = !list || bench_setting_lists(list, ',', names[i]);
    for (const char *p = list; p; p = *p ? p + 1 : NULL) {
        size_t n = strcspn(p, ",");
        int i = 0;
        while (i < count && (strlen(names[i]) != n || strncmp(names[i], p, n) != 0))
            i++;
        if (i == count) {
            fprintf(stderr, "kernel_bench: --%s: \"%.*s\" is none of", flag, (int)n, p);
            for (i = 0; i < count; i++)
                fprintf(stderr, "%s %s", i ? "," : "", names[i]);
            fputc('\n', stderr);
            return false;
        }
        p += n;
    }
    return true;
}

static bool choose_tables(const char *list)
{
    const char *names[16];
    bool chosen[16];
    int n = 0;
    for (const zo_panels *const *t = zo_panels_all(); *t; t++)
        names[n++] = (*t)->name;
    return choose("kernel", list, names, n, chosen);
}

static bool choose_precisions(bench_kernel_options *o, const char *precision, const char *compute)
{
    const char *precisions[ZO_PRECISION_COUNT], *computes[ZO_COMPUTE_COUNT];
    for (int i = 0; i < ZO_PRECISION_COUNT; i++)
        precisions[i] = zo_precision_name(i);
    for (int i = 0; i < ZO_COMPUTE_COUNT; i++)
        computes[i] = zo_compute_name(i);
    return choose("precision", precision, precisions, ZO_PRECISION_COUNT, o->precision) &&
           choose("compute", compute, computes, ZO_COMPUTE_COUNT, o->compute);
}

static bool read_rows(bench_kernel_options *o, const char *list)
{
    for (const char *p = list;; p++) {
        char *end;
        long n = strtol(p, &end, 10);
        if (end == p || (*end && *end != ',') || n < 1 || n > 16384 ||
            (o->row_counts && n <= o->rows[o->row_counts - 1]) || o->row_counts == BENCH_KERNEL_ROWS) {
            fprintf(stderr,
                    "kernel_bench: --rows must be up to %d rising numbers from 1 to 16384, not \"%s\"\n",
                    BENCH_KERNEL_ROWS, list);
            return false;
        }
        o->rows[o->row_counts++] = n;
        p = end;
        if (!*p)
            return true;
    }
}

static bool read_models(bench_kernel_options *o, const char *const *names)
{
    for (; *names; names++) {
        zo_error err = {0};
        if (o->models == BENCH_KERNEL_MODELS) {
            fprintf(stderr, "kernel_bench: --model: at most %d\n", BENCH_KERNEL_MODELS);
            return false;
        }
        if (bench_model_config(*names, o->config + o->models, &err)) {
            fprintf(stderr, "kernel_bench: --model: %s\n", err.text);
            return false;
        }
        o->model[o->models++] = *names;
    }
    return true;
}

/* ---- output: everything is made of the JSON object ---- */

static const char *text_of(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

/* NaN where it is null. */
static double number_of(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

static bool same(const json_t *a, const json_t *b, const char *key)
{
    return json_equal(json_object_get(a, key), json_object_get(b, key));
}

/* "1.31 (1.28-1.34) 88%", or "61% read" where reading the weights is nearer to its peak, or the only one known. */
static void put_product(bench_table *t, const json_t *r)
{
    char cell[64] = "";
    double flops = number_of(r, "flops_of_peak"), read = number_of(r, "read_of_peak");
    size_t n = 0;
    if (!json_is_number(json_object_get(r, "ns"))) {
        bench_table_add_missing(t);
        return;
    }
    if (strcmp(text_of(r, "kernel"), "openblas") && !isnan(number_of(r, "ratio")))
        n = (size_t)snprintf(cell, sizeof cell, "%.2f (%.2f-%.2f) ", number_of(r, "ratio"),
                             number_of(r, "ratio_low"), number_of(r, "ratio_high"));
    if (flops >= read || (isnan(read) && !isnan(flops)))
        snprintf(cell + n, sizeof cell - n, "%.0f%%", 100 * flops);
    else if (!isnan(read))
        snprintf(cell + n, sizeof cell - n, "%.0f%% read", 100 * read);
    bench_table_add_text(t, cell);
}

/* The table of one shape; its results begin at products[first], number of rows by number of rows, each with the same
 * contenders. Returns where the next shape's begin. */
static size_t print_shape(const json_t *products, size_t first)
{
    const json_t *head = json_array_get(products, first), *r;
    size_t contenders = 0, end = first;
    char text[128];
    for (; (r = json_array_get(products, end)) && same(r, head, "model") && same(r, head, "maps"); end++)
        contenders += same(r, head, "rows");
    snprintf(text, sizeof text, "%s: %s (%lld x %lld)", text_of(head, "model"), text_of(head, "maps"),
             (long long)json_integer_value(json_object_get(head, "out")),
             (long long)json_integer_value(json_object_get(head, "in")));
    printf("### %s\n\n", text);
    bench_table *t = bench_table_new("");
    bench_table_add_column(t, BENCH_COLUMN_TEXT, "kernel", "kernel");
    bench_table_add_column(t, BENCH_COLUMN_TEXT, "weights", "weights");
    bench_table_add_column(t, BENCH_COLUMN_TEXT, "compute", "compute");
    for (size_t i = first; i < end; i += contenders) {
        snprintf(text, sizeof text, "%lld rows",
                 (long long)json_integer_value(json_object_get(json_array_get(products, i), "rows")));
        bench_table_add_column(t, BENCH_COLUMN_TEXT, text, text);
    }
    for (size_t c = 0; c < contenders; c++) {
        r = json_array_get(products, first + c);
        bench_table_add_row(t);
        bench_table_add_text(t, text_of(r, "kernel"));
        bench_table_add_text(t, text_of(r, "weights"));
        bench_table_add_text(t, text_of(r, "compute"));
        for (size_t i = first + c; i < end; i += contenders)
            put_product(t, json_array_get(products, i));
    }
    bench_table_write(t, BENCH_FORMAT_MARKDOWN, stdout, NULL);
    bench_table_free(t);
    putchar('\n');
    return end;
}

static void print_operators(const json_t *operators)
{
    size_t i;
    json_t *r;
    bench_table *t = bench_table_new("");
    static const char *const texts[] = {"operator", "weights", "kernel", "per"};
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
        bench_table_add_column(t, BENCH_COLUMN_TEXT, texts[k], texts[k]);
    bench_table_add_column(t, BENCH_COLUMN_SPREAD, "ns", "ns");
    bench_table_add_column(t, BENCH_COLUMN_NUMBER, "GB/s", "gb_per_s");
    json_array_foreach(operators, i, r)
    {
        char text[64];
        double rate = number_of(r, "bytes_per_s") * 1e-9;
        bench_interval quartiles = {number_of(r, "ns_low"), number_of(r, "ns_high"), 0.5};
        bench_table_add_row(t);
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
            bench_table_add_text(t, text_of(r, texts[k]));
        snprintf(text, sizeof text, "%.3g (%.3g-%.3g)", number_of(r, "ns"), quartiles.low, quartiles.high);
        bench_table_add_number(t, text, number_of(r, "ns"), quartiles);
        snprintf(text, sizeof text, "%.1f", rate);
        bench_table_add_number(t, text, rate, bench_no_interval);
    }
    printf("### Small operators, in cache\n\n");
    bench_table_write(t, BENCH_FORMAT_MARKDOWN, stdout, NULL);
    bench_table_free(t);
}

static void print_rate(const json_t *peak, const char *key, const char *unit, const char *what)
{
    if (json_is_number(json_object_get(peak, key)))
        printf(", %s %.1f %s", what, number_of(peak, key) * 1e-9, unit);
}

static void print_markdown(const json_t *all)
{
    const json_t *peak = json_object_get(all, "peak"), *products = json_object_get(all, "products");
    const json_t *operators = json_object_get(all, "operators");
    printf("## Kernels\n\n%lld threads; OpenBLAS runs its %s kernels. Measured peaks: %s",
           (long long)json_integer_value(json_object_get(all, "threads")), text_of(all, "openblas_core"),
           text_of(peak, "isa"));
    print_rate(peak, "f32_flops_per_s", "Gflop/s", "f32");
    print_rate(peak, "bf16_flops_per_s", "Gflop/s", "bf16");
    print_rate(peak, "int8_ops_per_s", "Gop/s", "int8");
    print_rate(peak, "read_bytes_per_s", "GB/s", "reading");
    printf(" (spread %.0f%%).\n\n", 100 * number_of(peak, "spread"));
    if (products)
        printf("How many times as fast as sgemm of the same shape in f32, in the same run (median and "
               "quartiles over "
               "rounds),\nand the share of the peak that is nearest: multiply-adds (bf16's and int8's where "
               "there are dot products\nof them; int8's have no peak elsewhere), or reading the weights. "
               "Weights are %s.\n\n",
               json_is_true(json_object_get(all, "warm"))
                   ? "warm: the same ones again and again"
                   : "cold: copies beyond the last-level cache, in turn");
    for (size_t i = 0; i < json_array_size(products);)
        i = print_shape(products, i);
    if (operators)
        print_operators(operators);
}

/* ---- the whole ---- */

static zo_status measure(bench_kernel_options *o, bool quick, const char *only, json_t **out, zo_error *err)
{
    json_t *peak = NULL, *products = NULL, *operators = NULL;
    *out = NULL;
    zo_status st = bench_peak_measure(o->threads, quick ? PEAK_S / 5 : PEAK_S, &peak, err);
    if (st)
        return st;
    /* Four times the last-level caches where memory allows; half of that leaves nothing in them. */
    o->copies_bytes = json_integer_value(json_object_get(peak, "array_bytes")) / 2;
    if (strcmp(only, "operators"))
        st = bench_products_measure(o, peak, &products, err);
    if (!st && strcmp(only, "products"))
        st = bench_operators_measure(o, quick ? SLICE_S / 20 : SLICE_S, &operators, err);
    if (!st) {
        *out = json_pack("{s:s, s:i, s:s, s:b, s:o, s:o*, s:o*}", "schema", "zobench/kernels/1", "threads",
                         o->threads, "openblas_core", bench_openblas_load(NULL)->get_corename(), "warm",
                         o->warm, "peak", peak, "products", products, "operators", operators);
        return *out ? ZO_OK : zo_fail(err, ZO_ERR_MEMORY, "benchmark: out of memory");
    }
    json_decref(peak);
    json_decref(products);
    json_decref(operators);
    return st;
}

int main(int argc, char **argv)
{
    static const char *const all_models[] = {"synth:tinyllama-1.1b", "synth:smollm2-135m", NULL};
    bool quick = false, json = false;
    const char *rows = NULL, *precision = NULL, *compute = NULL, *only = "", **models;
    long seconds = 0;
    bench_kernel_options o = {.threads = omp_get_max_threads()};
    zo_error err = {0};
    json_t *result = NULL;
    models = calloc((size_t)argc + 1, sizeof *models);
    if (!models)
        return BENCH_EXIT_USAGE;
    const bench_flag flags[] = {{.name = "rows", .text = &rows},
                                {.name = "precision", .text = &precision},
                                {.name = "compute", .text = &compute},
                                {.name = "kernel", .text = &o.kernel},
                                {.name = "model", .list = models},
                                {.name = "only", .text = &only},
                                {.name = "seconds", .number = &seconds, .low = 1, .high = 86400},
                                {.name = "warm", .set = &o.warm},
                                {.name = "quick", .set = &quick},
                                {.name = "json", .set = &json},
                                {0}};
    int code = bench_flags(argc, argv, flags, 0, 0, usage);
    if (code < 0 && *only && strcmp(only, "products") && strcmp(only, "operators")) {
        fprintf(stderr, "kernel_bench: --only must be products or operators, not \"%s\"\n", only);
        code = BENCH_EXIT_USAGE;
    }
    o.seconds = seconds ? (double)seconds : quick ? QUICK_SECONDS : SECONDS;
    if (code < 0 && (!choose_precisions(&o, precision, compute) || !choose_tables(o.kernel) ||
                     !read_rows(&o, rows    ? rows
                                    : quick ? "8,64"
                                            : "8,16,64,256,1024") ||
                     !read_models(&o, *models ? models : all_models + quick)))
        code = BENCH_EXIT_USAGE;
    if (code < 0) {
        code = measure(&o, quick, only, &result, &err) ? BENCH_EXIT_REGRESSION : BENCH_EXIT_OK;
        if (code)
            fprintf(stderr, "kernel_bench: %s\n", err.text);
        else if (json)
            json_dumpf(result, stdout, JSON_PRESERVE_ORDER | JSON_INDENT(1));
        else
            print_markdown(result);
    }
    json_decref(result);
    free(models);
    return code;
}
