/* See specs.h. */
#include "bench/manifest/specs.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bench/record/metric.h"
#include "bench/base/memory_limit.h"
#include "bench/manifest/schema.h"

/* ---- measure ---- */

static const char *const order_words[] = {"interleave", "round-robin", "sequential", NULL}; /* bench_order */
static const char *const auto_word[] = {"auto", NULL}; /* BENCH_WARMUP_AUTO */
_Static_assert(BENCH_WARMUP_AUTO == -1, "as bench_reader_int has it for a word");

static zo_status read_memory(bench_reader *r, const bench_field *f, void *out, const bench_node *node)
{
    const char *text = json_string_value(node->value);
    return text && bench_memory_limit_read(text, out)
               ? ZO_OK
               : bench_reader_wrong(r, f->key, "a text like \"8GiB\" or \"512MiB\", \"auto\" or \"none\"",
                                    node);
}

const bench_field bench_measure_fields[] = {
    {"warmup", bench_reader_int, BENCH_FIELD(bench_measure, warmup), .low = 0, .high = 1e6,
     .words = auto_word},
    {"min_runs", bench_reader_int, BENCH_FIELD(bench_measure, min_runs), .low = 1, .high = 1000},
    {"max_runs", bench_reader_int, BENCH_FIELD(bench_measure, max_runs), .low = 1, .high = 1000},
    {"ci", bench_reader_percent, BENCH_FIELD(bench_measure, ci), .low = 0.01, .high = 100},
    {"timeout", bench_reader_duration, BENCH_FIELD(bench_measure, timeout_s), .low = 1, .high = 30 * 86400.0},
    {"memory", read_memory, BENCH_FIELD(bench_measure, memory_bytes), .shape = BENCH_SHAPE_MEMORY},
    {"order", bench_reader_word, BENCH_FIELD(bench_measure, order), .words = order_words},
    {"order_seed", bench_reader_int, BENCH_FIELD(bench_measure, order_seed), .low = 0,
     .high = 9007199254740991.0},
    {0},
};

zo_status bench_specs_measure(bench_reader *r, const bench_field *f, void *out, const bench_node *node)
{
    bench_measure *m = out;
    zo_status st = bench_reader_fields(r, bench_measure_fields, f->key, m, node);
    if (st)
        return st;
    const bench_node *most = bench_node_member(node, "max_runs"), *ci = bench_node_member(node, "ci");
    if (!most)
        m->max_runs = m->min_runs;
    if (m->max_runs < m->min_runs)
        return BENCH_FAIL(r, most->at, "\"max_runs\" %lld is less than \"min_runs\" %lld",
                          (long long)m->max_runs, (long long)m->min_runs);
    if (ci && m->max_runs == m->min_runs)
        return BENCH_FAIL(
            r, ci->key_at,
            "\"ci\" asks for more runs where the interval is wide: \"max_runs\" must be more than "
            "\"min_runs\" %lld",
            (long long)m->min_runs);
    if (!ci && m->max_runs > m->min_runs)
        return BENCH_FAIL(
            r, most->key_at,
            "\"max_runs\" is never reached without \"ci\", the wanted width of the interval, like "
            "\"2%%\"");
    return ZO_OK;
}

/* ---- tables ---- */

/* An object of one parameter and its value: their names as text. */
static zo_status read_baseline(bench_reader *r, const bench_field *f, const bench_node *node, char option[32],
                               char value[256])
{
    const bench_option *o;
    bench_params scratch;
    if (!json_is_object(node->value) || json_object_size(node->value) != 1)
        return bench_reader_wrong(r, f->key, "an object with one parameter", node);
    zo_status st = bench_reader_find(r, node->first, &o);
    bool unset = false;
    if (!st)
        st = bench_reader_set(r, &scratch, o, node->first, &unset);
    if (!st && unset)
        st = bench_reader_wrong(r, o->name, "a value here", node->first);
    if (st)
        return st;
    snprintf(option, 32, "%s", o->name);
    bench_params_text(&scratch, o, value, 256);
    return ZO_OK;
}

static zo_status read_relative(bench_reader *r, const bench_field *f, void *out, const bench_node *node)
{
    bench_table_spec *table = out;
    zo_status st = read_baseline(r, f, node, table->relative_option, table->relative_value);
    if (!st && strcmp(table->relative_option, table->rows) != 0 &&
        strcmp(table->relative_option, table->cols) != 0)
        st = BENCH_FAIL(r, node->first->key_at,
                        "\"%s\" must name the parameter of \"rows\" or \"cols\", not \"%s\"", f->key,
                        table->relative_option);
    return st;
}

const bench_field bench_table_fields[] = {
    {"title", bench_reader_text, BENCH_FIELD(bench_table_spec, title)},
    {"rows", bench_reader_option, BENCH_FIELD(bench_table_spec, rows), .required = true},
    {"cols", bench_reader_option, BENCH_FIELD(bench_table_spec, cols)},
    {"value", bench_reader_metric, BENCH_FIELD(bench_table_spec, value), .required = true},
    {"relative_to", read_relative, .shape = BENCH_SHAPE_RELATIVE}, /* after rows and cols */
    {"where", bench_reader_where, BENCH_FIELD(bench_table_spec, where)},
    {0},
};

zo_status bench_specs_table(bench_reader *r, const bench_field *f, void *out, const bench_node *node)
{
    bench_table_spec *table = out;
    zo_status st = bench_reader_fields(r, bench_table_fields, f->key, table, node);
    if (!st && strcmp(table->rows, table->cols) == 0)
        st = BENCH_FAIL(r, bench_node_member(node, "cols")->at, "\"cols\" is the same parameter as \"rows\"");
    return st;
}

/* ---- plots ---- */

static const char *const kind_words[] = {"bars",    "lines",    "curve",
                                         "heatmap", "roofline", NULL}; /* bench_plot_kind */
static const char *const curve_x[] = {"step", NULL}, *const curve_y[] = {"loss", "eval_loss", "accuracy",
                                                                         "rss_bytes", NULL};

static zo_status read_plot_relative(bench_reader *r, const bench_field *f, void *out, const bench_node *node)
{
    bench_plot_spec *plot = out;
    return read_baseline(r, f, node, plot->relative_option, plot->relative_value);
}

/* What is skipped is read once the kind is known. */
const bench_field bench_plot_fields[] = {
    {"title", bench_reader_text, BENCH_FIELD(bench_plot_spec, title)},
    {"kind", bench_reader_word, BENCH_FIELD(bench_plot_spec, kind), .required = true, .words = kind_words},
    {"x", bench_reader_skip, .shape = BENCH_SHAPE_TEXT},
    {"series", bench_reader_option, BENCH_FIELD(bench_plot_spec, series)},
    {"y", bench_reader_skip, .shape = BENCH_SHAPE_TEXTS},
    {"value", bench_reader_metric, BENCH_FIELD(bench_plot_spec, value)},
    {"relative_to", read_plot_relative, .shape = BENCH_SHAPE_RELATIVE},
    {"beside", bench_reader_metric, BENCH_FIELD(bench_plot_spec, beside)},
    {"where", bench_reader_where, BENCH_FIELD(bench_plot_spec, where)},
    {0},
};

static const bench_field x_field = {"x", NULL, BENCH_FIELD(bench_plot_spec, x)},
                         y_field = {"y", NULL, BENCH_FIELD(bench_plot_spec, y)};

static zo_status read_curve(bench_reader *r, bench_plot_spec *plot, const bench_node *node)
{
    static const bench_field step = {"x", .words = curve_x}, curve = {"y", .words = curve_y};
    const bench_node *x = bench_node_member(node, "x");
    int word = 0;
    zo_status st = x ? bench_reader_word(r, &step, &word, x) : ZO_OK;
    snprintf(plot->x, sizeof plot->x, "%s", curve_x[word]);
    if (!st)
        st = bench_reader_word(r, &curve, &word, bench_node_member(node, "y"));
    if (!st)
        snprintf(plot->y, sizeof plot->y, "%s", curve_y[word]);
    return st;
}

static zo_status read_values(bench_reader *r, bench_plot_spec *plot, const bench_node *node)
{
    zo_status st = bench_reader_option(r, &x_field, plot->x, bench_node_member(node, "x"));
    if (!st)
        st = bench_reader_metric(r, &y_field, plot->y, bench_node_member(node, "y"));
    return st;
}

/* The rows of a heat map: a parameter or a list of them, which name no row twice. */
static zo_status read_rows(bench_reader *r, bench_plot_spec *plot, const bench_node *y)
{
    const bench_field one = {"y", .size = sizeof plot->x};
    char name[sizeof plot->x];
    size_t n = 0;
    if (json_is_array(y->value) && !y->first)
        return BENCH_FAIL(r, y->at, "\"y\" is an empty list");
    for (const bench_node *at = json_is_array(y->value) ? y->first : y; at; at = at == y ? NULL : at->next) {
        zo_status st = bench_reader_option(r, &one, name, at);
        if (st)
            return st;
        for (const bench_node *other = y->first; other && other != at; other = other->next)
            if (strcmp(json_string_value(other->value), name) == 0)
                return BENCH_FAIL(r, at->at, "\"%s\" is named twice", name);
        if (strcmp(name, plot->x) == 0 || strcmp(name, plot->series) == 0)
            return BENCH_FAIL(r, at->at, "\"y\" names the same parameter as \"%s\"",
                              strcmp(name, plot->x) == 0 ? "x" : "series");
        if (n + strlen(name) + 2 > sizeof plot->y)
            return BENCH_FAIL(r, at->at, "\"y\" names too many parameters");
        n += (size_t)snprintf(plot->y + n, sizeof plot->y - n, "%s%s", n ? "," : "", name);
    }
    return ZO_OK;
}

static zo_status read_heatmap(bench_reader *r, bench_plot_spec *plot, const bench_node *node)
{
    const bench_metric *value = bench_metric_find(plot->value), *beside = bench_metric_find(plot->beside);
    if (!value)
        return BENCH_FAIL(r, node->at, "\"value\" is missing");
    zo_status st = bench_reader_option(r, &x_field, plot->x, bench_node_member(node, "x"));
    if (!st)
        st = read_rows(r, plot, bench_node_member(node, "y"));
    if (!st && beside && strcmp(beside->unit, value->unit) != 0)
        st = BENCH_FAIL(r, bench_node_member(node, "beside")->at,
                        "\"beside\" must be of the same unit as \"value\", %s", value->unit);
    return st;
}

/* The first of the keys that the plot has, or NULL. */
static const bench_node *any_of(const bench_node *node, const char *const *keys)
{
    const bench_node *found = NULL;
    for (; !found && *keys; keys++)
        found = bench_node_member(node, *keys);
    return found;
}

zo_status bench_specs_plot(bench_reader *r, const bench_field *f, void *out, const bench_node *node)
{
    static const char *const of_heatmaps[] = {"value", "relative_to", "beside", NULL}, *const axes[] = {"x",
                                                                                                        "y",
                                                                                                        NULL};
    bench_plot_spec *plot = out;
    zo_status st = bench_reader_fields(r, bench_plot_fields, f->key, plot, node);
    const bench_node *strange = NULL;
    if (!st && plot->kind != BENCH_PLOT_HEATMAP && (strange = any_of(node, of_heatmaps)))
        return BENCH_FAIL(r, strange->key_at, "\"%s\" is a key of heat maps only", strange->key);
    if (!st && plot->kind == BENCH_PLOT_ROOFLINE && (strange = any_of(node, axes)))
        return BENCH_FAIL(r, strange->key_at, "a roofline has axes of its own, no \"%s\"", strange->key);
    if (st || plot->kind == BENCH_PLOT_ROOFLINE)
        return st;
    if (!bench_node_member(node, "y"))
        return BENCH_FAIL(r, node->at, "\"y\" is missing");
    if (plot->kind == BENCH_PLOT_CURVE)
        return read_curve(r, plot, node);
    if (!bench_node_member(node, "x"))
        return BENCH_FAIL(r, node->at, "\"x\" is missing");
    st = plot->kind == BENCH_PLOT_HEATMAP ? read_heatmap(r, plot, node) : read_values(r, plot, node);
    if (!st && strcmp(plot->x, plot->series) == 0)
        st =
            BENCH_FAIL(r, bench_node_member(node, "series")->at, "\"series\" is the same parameter as \"x\"");
    return st;
}

/* ---- claims ---- */

static const char *const bound_words[] = {"equal", "at least", "up to", NULL}; /* bench_bound */

static zo_status read_id(bench_reader *r, const bench_field *f, void *out, const bench_node *node)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
    zo_status st = bench_reader_text(r, f, out, node);
    if (!st && ((const char *)out)[strspn(out, allowed)])
        st = bench_reader_wrong(r, f->key, "made of letters, digits and '-'", node);
    return st;
}

static zo_status read_number(bench_reader *r, const bench_field *f, void *out, const bench_node *node)
{
    if (!json_is_number(node->value))
        return bench_reader_wrong(r, f->key, "a number", node);
    *(double *)out = json_number_value(node->value);
    return ZO_OK;
}

static zo_status read_boolean(bench_reader *r, const bench_field *f, void *out, const bench_node *node)
{
    if (!json_is_boolean(node->value))
        return bench_reader_wrong(r, f->key, "true or false", node);
    *(bool *)out = json_is_true(node->value);
    return ZO_OK;
}

/* What cells a side is of: an object of conditions. */
static zo_status read_side(bench_reader *r, const bench_field *f, json_t **out, const bench_node *node)
{
    json_t *where = NULL;
    zo_status st = bench_reader_where(r, f, &where, node);
    if (!st)
        *out = json_incref(where);
    return st;
}

static bool has_word(const bench_option *o, const char *word)
{
    for (int i = 0; o->type == BENCH_WORD && o->word(i); i++)
        if (strcmp(o->word(i), word) == 0)
            return true;
    return false;
}

/* Two bare words, "none" and "inner": values of the one parameter that has both. */
static zo_status read_words(bench_reader *r, bench_claim_spec *claim, const bench_node *node)
{
    const char *a = json_string_value(node->first->value), *b = json_string_value(node->first->next->value);
    const bench_option *of = NULL;
    for (const bench_option *o = bench_options; o->name; o++) {
        if (!has_word(o, a) || !has_word(o, b))
            continue;
        if (of)
            return BENCH_FAIL(
                r, node->at,
                "\"%.40s\" and \"%.40s\" may be values of \"%s\" or of \"%s\": write {\"%s\": \"%.40s\"}", a,
                b, of->name, o->name, of->name, a);
        of = o;
    }
    if (!of)
        return BENCH_FAIL(r, node->at, "no parameter has the values \"%.40s\" and \"%.40s\"", a, b);
    claim->side[0] = json_pack("{s:s}", of->name, a);
    claim->side[1] = json_pack("{s:s}", of->name, b);
    return claim->side[0] && claim->side[1] ? ZO_OK : bench_reader_memory(r);
}

static zo_status read_sides(bench_reader *r, const bench_field *f, void *out, const bench_node *node)
{
    bench_claim_spec *claim = out;
    if (!json_is_array(node->value) || json_array_size(node->value) != 2)
        return bench_reader_wrong(r, f->key, "a list of two, over and under the line", node);
    if (json_is_string(node->first->value) && json_is_string(node->first->next->value))
        return read_words(r, claim, node);
    zo_status st = read_side(r, f, &claim->side[0], node->first);
    return st ? st : read_side(r, f, &claim->side[1], node->first->next);
}

static zo_status read_single(bench_reader *r, const bench_field *f, void *out, const bench_node *node)
{
    return read_side(r, f, &((bench_claim_spec *)out)->side[0], node);
}

static const char *const kind_keys[] = {"ratio", "difference", "value"}; /* bench_claim_kind */

const bench_field bench_claim_fields[] = {
    {"id", read_id, BENCH_FIELD(bench_claim_spec, id), .required = true,
     .shape = BENCH_JSON({"type" : "string", "minLength" : 1, "maxLength" : 63})},
    {"title", bench_reader_text, BENCH_FIELD(bench_claim_spec, title)},
    {"source", bench_reader_text, BENCH_FIELD(bench_claim_spec, source), .required = true},
    {"ratio", bench_reader_skip, .shape = BENCH_SHAPE_SIDES},
    {"difference", bench_reader_skip, .shape = BENCH_SHAPE_SIDES},
    {"value", bench_reader_skip, .shape = BENCH_SHAPE_WHERE},
    {"of", bench_reader_metric, BENCH_FIELD(bench_claim_spec, of), .required = true},
    {"over", bench_reader_metric, BENCH_FIELD(bench_claim_spec, over)},
    {"paper", read_number, BENCH_FIELD(bench_claim_spec, paper), .shape = BENCH_SHAPE_NUMBER},
    {"expect", read_number, BENCH_FIELD(bench_claim_spec, expect), .shape = BENCH_SHAPE_NUMBER},
    {"bound", bench_reader_word, BENCH_FIELD(bench_claim_spec, bound), .words = bound_words},
    {"tolerance", bench_reader_percent, BENCH_FIELD(bench_claim_spec, tolerance), .low = 0, .high = 1000},
    {"portable", read_boolean, BENCH_FIELD(bench_claim_spec, portable), .shape = BENCH_SHAPE_BOOLEAN},
    {"hardware", bench_reader_text, BENCH_FIELD(bench_claim_spec, hardware)},
    {"known_miss", bench_reader_text, BENCH_FIELD(bench_claim_spec, known_miss)},
    {"where", bench_reader_where, BENCH_FIELD(bench_claim_spec, where)},
    {0},
};

/* What fields cannot check one by one. */
static zo_status check_claim(bench_reader *r, bench_claim_spec *claim, const bench_node *node)
{
    const bench_node *expect = bench_node_member(node, "expect"), *paper = bench_node_member(node, "paper"),
                     *hardware = bench_node_member(node, "hardware");
    const bench_node *over = bench_node_member(node, "over");
    if (over && claim->kind != BENCH_CLAIM_RATIO)
        return BENCH_FAIL(r, over->key_at, "\"over\" is for a claim of a ratio");
    if (!expect && !paper)
        return BENCH_FAIL(r, node->at, "\"paper\" is missing, and \"expect\", which can stand for it");
    if (isnan(claim->expect))
        claim->expect = claim->paper;
    if (claim->kind == BENCH_CLAIM_RATIO && claim->expect <= 0)
        return BENCH_FAIL(r, (expect ? expect : paper)->at, "a ratio must be more than 0");
    if (claim->bound == BENCH_BOUND_EQUAL && !bench_node_member(node, "tolerance"))
        return BENCH_FAIL(r, node->at, "\"tolerance\" is missing: no measured value equals another");
    if (hardware && claim->portable)
        return BENCH_FAIL(r, hardware->key_at, "\"hardware\" is for a claim that says \"portable\": false");
    return ZO_OK;
}

zo_status bench_specs_claim(bench_reader *r, const bench_field *f, void *out, const bench_node *node)
{
    static bench_read *const read[] = {read_sides, read_sides, read_single};
    bench_claim_spec *claim = out;
    const bench_node *given = NULL;
    *claim = (bench_claim_spec){.paper = NAN, .expect = NAN, .portable = true};
    zo_status st = bench_reader_fields(r, bench_claim_fields, f->key, claim, node);
    for (int i = 0; i < 3 && !st; i++) {
        const bench_node *sides = bench_node_member(node, kind_keys[i]);
        const bench_field side = {.key = kind_keys[i]};
        if (sides && given)
            return BENCH_FAIL(r, sides->key_at, "a claim is of one kind: \"%s\" or \"%s\"", given->key,
                              sides->key);
        if (!sides)
            continue;
        given = sides;
        claim->kind = (bench_claim_kind)i;
        st = read[i](r, &side, claim, sides);
    }
    if (!st && !given)
        st = BENCH_FAIL(r, node->at, "a claim needs \"ratio\", \"difference\" or \"value\"");
    return st ? st : check_claim(r, claim, node);
}
