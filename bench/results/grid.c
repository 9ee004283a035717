/* See grid.h. */
#include "bench/base/text.h"
#include "bench/results/grid.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Is the cell's parameter what this manifest value says? Compared after parsing, so that 1e-2 is 0.01. */
static bool has_value(const bench_result *cell, const bench_option *o, const json_t *value)
{
    bench_params p = cell->cell->params;
    char text[512];
    return bench_params_set(&p, o, value, NULL) == ZO_OK &&
           strcmp(bench_params_text(&p, o, text, sizeof text), bench_result_text(cell, o)) == 0;
}

/* null comes before all numbers, which are not negative. */
static double number_of(const char *text)
{
    return strcmp(text, "null") == 0 ? -1 : strtod(text, NULL);
}

/* The place of a value that the manifest does not list: words in the order of the option's table, numbers by size, other
 * texts by their first cell. */
static int32_t place_by_nature(const bench_results *r, const bench_result *cell, const bench_option *o)
{
    const char *text = bench_result_text(cell, o);
    int32_t place = 0;
    if (o->type == BENCH_WORD) {
        while (o->word(place) && strcmp(o->word(place), text) != 0)
            place++;
    } else if (o->type == BENCH_INT || o->type == BENCH_REAL) {
        for (int32_t i = 0; i < r->cell_count; i++)
            place += number_of(bench_result_text(&r->cells[i], o)) < number_of(text);
    } else {
        while (strcmp(bench_result_text(&r->cells[place], o), text) != 0)
            place++;
    }
    return place;
}

/* The place of a value in the lists of the manifest: matrix, zip groups, seeds; after all of them where it is in none.
 * Equal places mean equal values. */
static int32_t place_in_manifest(const bench_results *r, const bench_result *cell, const bench_option *o)
{
    const json_t *root = r->manifest->root, *zip = json_object_get(root, "zip"), *list;
    int32_t place = 0;
    size_t groups = json_array_size(zip);
    for (size_t g = 0; g < groups + 2; g++) {
        if (g == 0)
            list = json_object_get(json_object_get(root, "matrix"), o->name);
        else if (g <= groups)
            list = json_object_get(json_array_get(zip, g - 1), o->name);
        else
            list = o == bench_option_seed() ? json_object_get(root, "seeds") : NULL;
        for (size_t i = 0; i < json_array_size(list); i++, place++)
            if (has_value(cell, o, json_array_get(list, i)))
                return place;
    }
    return place + place_by_nature(r, cell, o);
}

/* Cells sorted by the places of their values of some options. */
typedef struct ranking {
    int32_t *place; /* (count, n) */
    int32_t *order; /* (count) */
    int32_t n;
} ranking;

static int compare_places(const int32_t *a, const int32_t *b, int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return 0;
}

static int by_place(const void *a, const void *b, void *context)
{
    const ranking *k = context;
    int32_t i = *(const int32_t *)a, j = *(const int32_t *)b;
    int order =
        compare_places(k->place + (size_t)i * (size_t)k->n, k->place + (size_t)j * (size_t)k->n, k->n);
    return order ? order : (i > j) - (i < j);
}

static void ranking_deinit(ranking *k)
{
    free(k->place);
    free(k->order);
}

/* false: memory is out. */
static bool ranking_init(ranking *k, const bench_grid *g, const bench_option *const *options, int32_t n)
{
    *k = (ranking){.n = n};
    k->place = calloc((size_t)g->count * (size_t)n + 1, sizeof *k->place);
    k->order = calloc((size_t)g->count + 1, sizeof *k->order);
    if (!k->place || !k->order) {
        ranking_deinit(k);
        return false;
    }
    for (int32_t i = 0; i < g->count; i++) {
        k->order[i] = i;
        for (int32_t o = 0; o < n; o++)
            k->place[(size_t)i * (size_t)n + (size_t)o] =
                place_in_manifest(g->results, g->cells[i], options[o]);
    }
    qsort_r(k->order, (size_t)g->count, sizeof *k->order, by_place, k);
    return true;
}

/* Is the i-th cell of the order of other values than the one before? */
static bool begins_group(const ranking *k, int32_t i)
{
    return i == 0 || compare_places(k->place + (size_t)k->order[i] * (size_t)k->n,
                                    k->place + (size_t)k->order[i - 1] * (size_t)k->n, k->n) != 0;
}

/* ---- Axes ---- */

static void add_option(bench_grid_axis *a, const bench_option *o)
{
    if (o && a->option_count < BENCH_GRID_OPTIONS)
        a->options[a->option_count++] = o;
}

/* Those named in a list with commas between. */
static void add_options(bench_grid_axis *a, const char *names)
{
    char name[32];
    for (size_t k; *names; names += k + (names[k] == ',')) {
        k = strcspn(names, ",");
        snprintf(name, sizeof name, "%.*s", (int)k, names);
        add_option(a, bench_option_find(name));
    }
}

/* Numbers the cells by the axis's options; false: memory is out. */
static bool number_cells(bench_grid_axis *a, const bench_grid *g)
{
    ranking k;
    a->of = calloc((size_t)g->count + 1, sizeof *a->of);
    a->first = calloc((size_t)g->count + 1, sizeof(const bench_result *));
    if (!a->of || !a->first || !ranking_init(&k, g, a->options, a->option_count))
        return false;
    for (int32_t i = 0; i < g->count; i++) {
        if (begins_group(&k, i))
            a->first[a->count++] = g->cells[k.order[i]];
        a->of[k.order[i]] = a->count - 1;
    }
    ranking_deinit(&k);
    return true;
}

zo_status bench_grid_axis_init(bench_grid_axis *a, const bench_grid *g, const char *names, zo_error *err)
{
    *a = (bench_grid_axis){0};
    add_options(a, names);
    if (number_cells(a, g))
        return ZO_OK;
    bench_grid_axis_deinit(a);
    return zo_fail(err, ZO_ERR_MEMORY, "number %d cells: out of memory", g->count);
}

void bench_grid_axis_deinit(bench_grid_axis *a)
{
    free(a->of);
    free(a->first);
    *a = (bench_grid_axis){0};
}

void bench_grid_label(const bench_grid_axis *a, int32_t index, char *out, size_t cap)
{
    *out = 0;
    for (int32_t i = 0; i < a->option_count; i++) {
        const char *value = bench_result_text(a->first[index], a->options[i]);
        bool word = ((*value | 32) >= 'a' && (*value | 32) <= 'z') && strcmp(value, "null") != 0;
        bench_text_add(out, cap, "%s%s%s%s", i ? ", " : "", word ? "" : a->options[i]->name, word ? "" : "=",
                       value);
    }
}

/* ---- The grid ---- */

/* Do cells of one place differ in this option? -1: memory is out. */
static int is_needed(const bench_grid *g, const bench_option *o)
{
    bool needed = false;
    ranking k;
    const bench_option *options[2 * BENCH_GRID_OPTIONS];
    const size_t rows = (size_t)g->rows.option_count, cols = (size_t)g->cols.option_count;
    memcpy(options, g->rows.options, rows * sizeof *options);
    memcpy(options + rows, g->cols.options, cols * sizeof *options);
    if (!ranking_init(&k, g, options, (int32_t)(rows + cols)))
        return -1;
    for (int32_t i = 1; i < g->count && !needed; i++)
        needed = !begins_group(&k, i) && strcmp(bench_result_text(g->cells[k.order[i]], o),
                                                bench_result_text(g->cells[k.order[i - 1]], o)) != 0;
    ranking_deinit(&k);
    return needed;
}

/* Options that say little about a configuration, and name it only where no other does. */
static bool is_minor(const bench_option *o)
{
    static const char *const minor[] = {"data",       "train_rows", "eval_rows",  "holdout",
                                        "max_tokens", "threads",    "eval_every", "checkpoint_every"};
    for (size_t i = 0; i < sizeof minor / sizeof *minor; i++)
        if (strcmp(o->name, minor[i]) == 0)
            return true;
    return false;
}

/* Adds to one side the options in which cells of one place differ; the seed may differ. false: memory is out. */
static bool add_spare_options(bench_grid *g, bench_grid_axis *to)
{
    for (int minor = 0; minor < 2; minor++) {
        for (const bench_option *o = bench_options; o->name; o++) {
            if (is_minor(o) != minor || o == bench_option_seed() || !bench_results_varies(g->results, o))
                continue;
            int needed = is_needed(g, o);
            if (needed < 0)
                return false;
            if (needed)
                add_option(to, o);
        }
    }
    return true;
}

static size_t place_count(const bench_grid *g)
{
    return (size_t)g->rows.count * (size_t)g->cols.count;
}

/* Puts the cells of each place next to each other; false: memory is out. */
static bool sort_cells(bench_grid *g)
{
    g->by_place = calloc((size_t)g->count + 1, sizeof(const bench_result *));
    g->baseline = calloc((size_t)g->count + 1, sizeof(const bench_result *));
    g->begin = calloc(place_count(g) + 2, sizeof *g->begin);
    if (!g->by_place || !g->baseline || !g->begin)
        return false;
    for (int32_t i = 0; i < g->count; i++)
        g->begin[g->rows.of[i] * g->cols.count + g->cols.of[i] + 2]++;
    for (size_t p = 1; p <= place_count(g); p++)
        g->begin[p + 1] += g->begin[p];
    for (int32_t i = 0; i < g->count; i++)
        g->by_place[g->begin[g->rows.of[i] * g->cols.count + g->cols.of[i] + 1]++] = g->cells[i];
    return true;
}

zo_status bench_grid_init(bench_grid *g, const bench_results *r, const json_t *where, const char *rows,
                          const char *cols, bool spare_to_cols, zo_error *err)
{
    *g = (bench_grid){.results = r};
    g->cells = calloc((size_t)r->cell_count + 1, sizeof(const bench_result *));
    for (int32_t i = 0; g->cells && i < r->cell_count; i++)
        if (bench_result_matches(&r->cells[i], where))
            g->cells[g->count++] = &r->cells[i];
    add_options(&g->rows, rows);
    add_options(&g->cols, cols);
    if (g->cells && add_spare_options(g, spare_to_cols ? &g->cols : &g->rows) && number_cells(&g->rows, g) &&
        number_cells(&g->cols, g) && sort_cells(g))
        return ZO_OK;
    bench_grid_deinit(g);
    return zo_fail(err, ZO_ERR_MEMORY, "cross %d cells: out of memory", r->cell_count);
}

void bench_grid_deinit(bench_grid *g)
{
    bench_grid_axis_deinit(&g->rows);
    bench_grid_axis_deinit(&g->cols);
    free(g->cells);
    free(g->by_place);
    free(g->baseline);
    free(g->begin);
    *g = (bench_grid){0};
}

bench_group bench_grid_at(const bench_grid *g, int32_t row, int32_t col)
{
    const int32_t *begin = &g->begin[row * g->cols.count + col];
    return (bench_group){g->by_place + begin[0], begin[1] - begin[0]};
}

/* ---- Values ---- */

/* Do two cells agree in the options of an axis but for one? */
static bool agree(const bench_grid_axis *axis, const bench_result *a, const bench_result *b,
                  const bench_option *except)
{
    for (int32_t i = 0; i < axis->option_count; i++) {
        const bench_option *o = axis->options[i];
        if (o != except && strcmp(bench_result_text(a, o), bench_result_text(b, o)) != 0)
            return false;
    }
    return true;
}

/* Cells with the value that are like `place`: in everything (level 0), in the options of rows and columns (1), of
 * columns (2), of rows (3). None where they are not one configuration. A view of g->baseline. */
static bench_group baseline_level(const bench_grid *g, int level, const bench_result *place,
                                  const bench_option *option, const char *value)
{
    int32_t n = 0;
    for (int32_t i = 0; i < g->count; i++) {
        const bench_result *cell = g->cells[i];
        if (strcmp(bench_result_text(cell, option), value) != 0)
            continue;
        if (level == 0 && !bench_result_alike(cell, place, option))
            continue;
        if ((level == 1 || level == 2) && !agree(&g->cols, cell, place, option))
            continue;
        if ((level == 1 || level == 3) && !agree(&g->rows, cell, place, option))
            continue;
        if (n > 0 && !bench_result_alike(cell, g->baseline[0], NULL))
            return (bench_group){0};
        g->baseline[n++] = cell;
    }
    return (bench_group){g->baseline, n};
}

static bench_group baseline_of(const bench_grid *g, bench_group place, const char *name, const char *value)
{
    const bench_option *option = bench_option_find(name);
    bench_group found = {0};
    for (int level = 0; option && place.count && found.count == 0 && level <= 3; level++)
        found = baseline_level(g, level, place.cells[0], option, value);
    return found;
}

bench_summary *bench_grid_values(const bench_grid *g, const bench_metric *m)
{
    bench_summary *out = calloc(place_count(g) + 1, sizeof *out), *s = out;
    for (int32_t row = 0; out && row < g->rows.count; row++)
        for (int32_t col = 0; col < g->cols.count; col++)
            bench_summary_of(m, bench_grid_at(g, row, col), s++);
    return out;
}

static void relate(const bench_metric *m, bench_group place, bench_group baseline, bool upside_down,
                   bench_summary *out)
{
    bench_summary_ratio(m, upside_down ? baseline : place, upside_down ? place : baseline, out);
    if (isnan(out->value) && place.count > 0 && baseline.count == 0)
        snprintf(out->why, sizeof out->why, "no one configuration to divide by");
    if (place.count > 0 && place.count == baseline.count && place.cells[0] == baseline.cells[0] &&
        !isnan(out->value)) /* the baseline itself */
        *out = (bench_summary){.value = 1, .interval = bench_no_interval, .n = out->n};
}

bench_summary *bench_grid_ratios(const bench_grid *g, const bench_metric *m, const char *option,
                                 const char *value, bool as_factor)
{
    const bool upside_down = as_factor && m->better == BENCH_LOWER;
    bench_summary *out = calloc(place_count(g) + 1, sizeof *out), *s = out;
    for (int32_t row = 0; out && row < g->rows.count; row++) {
        for (int32_t col = 0; col < g->cols.count; col++) {
            bench_group place = bench_grid_at(g, row, col);
            relate(m, place, baseline_of(g, place, option, value), upside_down, s++);
        }
    }
    return out;
}
