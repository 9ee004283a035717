/* See cost.h. */
#include "core/model/cost.h"

static double target_values(const zo_config *c, zo_target t)
{
    int64_t out, in;
    zo_target_shape(c, t, &out, &in);
    return (double)out * (double)in;
}

static double target_bytes(const zo_config *c, zo_target t, zo_precision p)
{
    int64_t out, in;
    zo_target_shape(c, t, &out, &in);
    return (double)zo_precision_bytes(p, out, in);
}

/* Rows through the maps of a group, of all layers together. */
static double group_rows(const zo_config *c, zo_group g, double rows, double labels)
{
    return g == ZO_GROUP_QKV ? c->layers * rows : (c->layers - 1) * rows + labels;
}

/* The layers' maps of a group. */
static zo_cost_map group_cost(const zo_config *c, zo_precision p, zo_group g, double rows, double labels)
{
    zo_cost_map m = {0};
    for (int i = 0; i < zo_group_targets(g); i++) {
        m.values += target_values(c, zo_group_first(g) + i);
        m.bytes += target_bytes(c, zo_group_first(g) + i, p);
    }
    m.flops = 2 * group_rows(c, g, rows, labels) * m.values;
    m.values *= c->layers;
    m.bytes *= c->layers;
    return m;
}

static zo_cost_map head_cost(const zo_config *c, zo_precision p, double labels)
{
    double values = (double)c->vocab * c->width;
    return (zo_cost_map){2 * labels * values, values, (double)zo_precision_bytes(p, c->vocab, c->width)};
}

/* Values of a layer's adapters on a group of maps: of the Bw alone, or of the A. */
static double group_adapter(const zo_config *c, const zo_lora_options *lora, zo_group g, bool of_a)
{
    double sum = 0;
    for (int i = 0; lora && i < zo_group_targets(g); i++) {
        int64_t out, in;
        zo_target_shape(c, zo_group_first(g) + i, &out, &in);
        if (lora->targets & (1u << (zo_group_first(g) + i)))
            sum += (double)(of_a ? in : out) * lora->rank;
    }
    return sum;
}

static double adapter_values(const zo_config *c, const zo_lora_options *lora, bool of_a)
{
    double sum = 0;
    for (int g = 0; g < ZO_GROUP_COUNT; g++)
        sum += group_adapter(c, lora, g, of_a);
    return sum * c->layers;
}

static double adapter_flops(const zo_config *c, const zo_lora_options *lora, double rows, double labels)
{
    double sum = 0;
    for (int g = 0; g < ZO_GROUP_COUNT; g++)
        sum += 2 * group_rows(c, g, rows, labels) *
               (group_adapter(c, lora, g, true) + group_adapter(c, lora, g, false));
    return sum;
}

double zo_cost_trained(const zo_config *c, const zo_lora_options *lora)
{
    return adapter_values(c, lora, false) + (lora && lora->train_a ? adapter_values(c, lora, true) : 0);
}

void zo_cost_of(const zo_config *c, zo_precision weights, zo_precision head, const zo_cost_forward *f,
                zo_cost *out)
{
    const double N = f->replicas, rows = N * f->each.rows, labels = N * f->each.labels;
    const double query = (double)c->heads * c->head_dim, kv = (double)c->kv_heads * c->head_dim;
    const double b = adapter_values(c, f->lora, false), a = adapter_values(c, f->lora, true);
    const double trained = zo_cost_trained(c, f->lora);
    *out = (zo_cost){0};
    for (int g = 0; g < ZO_GROUP_COUNT; g++)
        out->map[g] = group_cost(c, weights, g, rows, labels);
    out->map[ZO_COST_MAPS - 1] = head_cost(c, head, labels);
    out->adapter_flops = adapter_flops(c, f->lora, rows, labels);
    out->attention_flops = N * f->each.squares * 2 * query * c->layers;
    out->adapter_bytes = 4 * (2 * N * trained + (a + b - trained));
    out->activation_bytes =
        4 * (group_rows(c, ZO_GROUP_QKV, rows, labels) * (3.0 * c->width + 5 * query + 6 * kv) +
             group_rows(c, ZO_GROUP_O, rows, labels) * (7.0 * c->width + query + 2.0 * c->ffn));
    out->noise_values = f->queries * trained;
}

double zo_cost_flops(const zo_cost *cost)
{
    double sum = cost->adapter_flops + cost->attention_flops;
    for (int i = 0; i < ZO_COST_MAPS; i++)
        sum += cost->map[i].flops;
    return sum;
}

double zo_cost_weight_bytes(const zo_cost *cost)
{
    double sum = 0;
    for (int i = 0; i < ZO_COST_MAPS; i++)
        sum += cost->map[i].bytes;
    return sum;
}

double zo_cost_forward_flops(const zo_config *c, const zo_lora_options *lora, zo_cost_rows each)
{
    const zo_cost_forward f = {.lora = lora, .replicas = 1, .each = each};
    zo_cost cost;
    zo_cost_of(c, ZO_PRECISION_F32, ZO_PRECISION_F32, &f, &cost);
    return zo_cost_flops(&cost);
}
