/* See grid.h. */
#include "bench/results/grid.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool same_values(const bench_result *a, const bench_result *b, const bench_option *const *options,
                        int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        if (strcmp(bench_result_text(a, options[i]), bench_result_text(b, options[i])) != 0)
            return false;
    return true;
}

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
static bool ranking_init(ranking *k, const bench_grid *c, const bench_results *r,
                         const bench_option *const *options, int32_t n)
{
    *k = (ranking){.n = n};
    k->place = calloc((size_t)c->count * (size_t)n + 1, sizeof *k->place);
    k->order = calloc((size_t)c->count + 1, sizeof *k->order);
    if (!k->place || !k->order) {
        ranking_deinit(k);
        return false;
    }
    for (int32_t i = 0; i < c->count; i++) {
        k->order[i] = i;
        for (int32_t o = 0; o < n; o++)
            k->place[(size_t)i * (size_t)n + (size_t)o] = place_in_manifest(r, c->cells[i], options[o]);
    }
    qsort_r(k->order, (size_t)c->count, sizeof *k->order, by_place, k);
    return true;
}

/* Is the i-th cell of the order of other values than the one before? */
static bool begins_group(const ranking *k, int32_t i)
{
    return i == 0 || compare_places(k->place + (size_t)k->order[i] * (size_t)k->n,
                                    k->place + (size_t)k->order[i - 1] * (size_t)k->n, k->n) != 0;
}

/* Numbers the cells by their values of some options, equal values equally; false: memory is out. */
static bool number_cells(const bench_grid *c, const bench_results *r, const bench_option *const *options,
                         int32_t n, int32_t *number, int32_t *count)
{
    ranking k;
    *count = 0;
    if (!ranking_init(&k, c, r, options, n))
        return false;
    for (int32_t i = 0; i < c->count; i++) {
        *count += begins_group(&k, i);
        number[k.order[i]] = *count - 1;
    }
    ranking_deinit(&k);
    return true;
}

static void add_option(const bench_option **options, int32_t *n, const bench_option *o)
{
    if (o && *n < BENCH_GRID_OPTIONS)
        options[(*n)++] = o;
}

/* Those named in a list with commas between. */
static void add_options(const bench_option **options, int32_t *n, const char *names)
{
    char name[32];
    for (size_t k; *names; names += k + (names[k] == ',')) {
        k = strcspn(names, ",");
        snprintf(name, sizeof name, "%.*s", (int)k, names);
        add_option(options, n, bench_option_find(name));
    }
}

/* Do cells of one place differ in this option? -1: memory is out. */
static int is_needed(const bench_grid *c, const bench_results *r, const bench_option *o)
{
    const bench_option *both[2 * BENCH_GRID_OPTIONS];
    bool needed = false;
    ranking k;
    memcpy(both, c->row_options, (size_t)c->row_option_count * sizeof *both);
    memcpy(both + c->row_option_count, c->col_options, (size_t)c->col_option_count * sizeof *both);
    if (!ranking_init(&k, c, r, both, c->row_option_count + c->col_option_count))
        return -1;
    for (int32_t i = 1; i < c->count; i++)
        needed =
            needed || (!begins_group(&k, i) && strcmp(bench_result_text(c->cells[k.order[i]], o),
                                                      bench_result_text(c->cells[k.order[i - 1]], o)) != 0);
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
static bool add_spare_options(bench_grid *c, const bench_results *r, bool to_cols)
{
    for (int minor = 0; minor < 2; minor++) {
        for (const bench_option *o = bench_options; o->name; o++) {
            if (is_minor(o) != minor || o == bench_option_seed() || !bench_results_varies(r, o))
                continue;
            int needed = is_needed(c, r, o);
            if (needed < 0)
                return false;
            if (needed && to_cols)
                add_option(c->col_options, &c->col_option_count, o);
            else if (needed)
                add_option(c->row_options, &c->row_option_count, o);
        }
    }
    return true;
}

zo_status bench_grid_init(bench_grid *c, const bench_results *r, const json_t *where, const char *rows,
                          const char *cols, bool spare_to_cols, zo_error *err)
{
    size_t most = (size_t)r->cell_count + 1;
    memset(c, 0, sizeof *c);
    c->cells = calloc(most, sizeof(const bench_result *));
    c->row_of = calloc(most, sizeof *c->row_of);
    c->col_of = calloc(most, sizeof *c->col_of);
    if (!c->cells || !c->row_of || !c->col_of) {
        bench_grid_deinit(c);
        return zo_fail(err, ZO_ERR_MEMORY, "cross %d cells: out of memory", r->cell_count);
    }
    for (int32_t i = 0; i < r->cell_count; i++)
        if (bench_result_matches(&r->cells[i], where))
            c->cells[c->count++] = &r->cells[i];
    add_options(c->row_options, &c->row_option_count, rows);
    add_options(c->col_options, &c->col_option_count, cols);
    if (!add_spare_options(c, r, spare_to_cols) ||
        !number_cells(c, r, c->row_options, c->row_option_count, c->row_of, &c->row_count) ||
        !number_cells(c, r, c->col_options, c->col_option_count, c->col_of, &c->col_count)) {
        bench_grid_deinit(c);
        return zo_fail(err, ZO_ERR_MEMORY, "cross %d cells: out of memory", r->cell_count);
    }
    return ZO_OK;
}

void bench_grid_deinit(bench_grid *c)
{
    free(c->cells);
    free(c->row_of);
    free(c->col_of);
    memset(c, 0, sizeof *c);
}

int32_t bench_grid_at(const bench_grid *c, int32_t row, int32_t col, const bench_result **out)
{
    int32_t n = 0;
    for (int32_t i = 0; i < c->count; i++)
        if (c->row_of[i] == row && c->col_of[i] == col)
            out[n++] = c->cells[i];
    return n;
}

static const bench_result *first_with(const bench_grid *c, const int32_t *number, int32_t wanted)
{
    for (int32_t i = 0; i < c->count; i++)
        if (number[i] == wanted)
            return c->cells[i];
    assert(!"a row or column of the cross");
    return NULL;
}

const bench_result *bench_grid_row(const bench_grid *c, int32_t row)
{
    return first_with(c, c->row_of, row);
}

const bench_result *bench_grid_col(const bench_grid *c, int32_t col)
{
    return first_with(c, c->col_of, col);
}

void bench_grid_label(const bench_grid *c, bool of_row, int32_t index, char *out, size_t cap)
{
    const bench_result *cell = of_row ? bench_grid_row(c, index) : bench_grid_col(c, index);
    const bench_option *const *options = of_row ? c->row_options : c->col_options;
    int32_t n = of_row ? c->row_option_count : c->col_option_count;
    size_t used = 0;
    *out = 0;
    for (int32_t i = 0; i < n && used < cap; i++) {
        const char *value = bench_result_text(cell, options[i]);
        bool word = ((*value | 32) >= 'a' && (*value | 32) <= 'z') && strcmp(value, "null") != 0;
        used += (size_t)snprintf(out + used, cap - used, "%s%s%s%s", i ? ", " : "",
                                 word ? "" : options[i]->name, word ? "" : "=", value);
    }
}

/* The options of one side but for one. */
static int32_t side_options(const bench_option *const *options, int32_t n, const bench_option *except,
                            const bench_option **out)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < n; i++)
        if (options[i] != except)
            out[kept++] = options[i];
    return kept;
}

/* Cells with the value that are like `place`: in everything (level 0), in the options of rows and columns (1), of
 * columns (2), of rows (3). How many; 0 where they are not one configuration. */
static int32_t baseline_level(const bench_grid *c, int level, const bench_result *place,
                              const bench_option *option, const char *value, const bench_result **out)
{
    const bench_option *rows[BENCH_GRID_OPTIONS], *cols[BENCH_GRID_OPTIONS];
    int32_t row_n = side_options(c->row_options, c->row_option_count, option, rows);
    int32_t col_n = side_options(c->col_options, c->col_option_count, option, cols);
    int32_t n = 0;
    for (int32_t i = 0; i < c->count; i++) {
        const bench_result *cell = c->cells[i];
        if (strcmp(bench_result_text(cell, option), value) != 0)
            continue;
        if (level == 0 && !bench_result_alike(cell, place, option))
            continue;
        if ((level == 1 || level == 2) && !same_values(cell, place, cols, col_n))
            continue;
        if ((level == 1 || level == 3) && !same_values(cell, place, rows, row_n))
            continue;
        if (n > 0 && !bench_result_alike(cell, out[0], NULL))
            return 0;
        out[n++] = cell;
    }
    return n;
}

int32_t bench_grid_baseline(const bench_grid *c, int32_t row, int32_t col, const bench_option *option,
                            const char *value, const bench_result **out)
{
    const bench_result *place = NULL;
    int32_t n = 0;
    for (int32_t i = 0; i < c->count && !place; i++)
        if (c->row_of[i] == row && c->col_of[i] == col)
            place = c->cells[i];
    for (int level = 0; place && n == 0 && level <= 3; level++)
        n = baseline_level(c, level, place, option, value, out);
    return n;
}
