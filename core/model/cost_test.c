/* Tests of cost.c: counted by hand. */
#include "core/model/cost.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/format/weights.h"
#include "core/format/synth.h"

static void expect(const char *what, double value, double expected)
{
    if (value != expected) /* whole numbers below 2^53: no rounding */
        fail_msg("%s: %.17g, by hand %.17g", what, value, expected);
}

/* synth:tiny is L = 2, D = 64, 4 heads and 2 kv heads of 16, F = 176, V = 512. Four replicas of two queries, each with 10
 * rows in sequences of 4 and 6 tokens and 3 labels; rank 2 on all seven maps. */
static void a_tiny_forward_by_hand(void **state)
{
    const zo_lora_options lora = {.rank = 2, .alpha = 4, .targets = ZO_TARGETS_ALL};
    const zo_cost_forward f = {.lora = &lora, .replicas = 4, .queries = 2, .each = {10, 4 * 4 + 6 * 6, 3}};
    /* a layer's weights: q 64 x 64, k and v 32 x 64; o 64 x 64; gate and up 176 x 64; down 64 x 176 */
    static const double values[ZO_COST_MAPS] = {8192, 4096, 22528, 11264, 512 * 64};
    zo_config c;
    zo_cost cost;
    (void)state;
    assert_true(zo_synth_config("tiny", &c));
    zo_cost_of(&c, ZO_PRECISION_F32, ZO_PRECISION_F32, &f, &cost);
    for (int i = 0; i < ZO_COST_MAPS; i++) {
        bool head = i == ZO_COST_MAPS - 1;
        /* q k v of all rows in both layers; the rest of all in the first, of those with a label in the last */
        double layers = head ? 1 : 2, rows = head ? 4 * 3 : i == 0 ? 2 * 4 * 10 : 4 * 10 + 4 * 3;
        expect("values", cost.map[i].values, layers * values[i]);
        expect("bytes", cost.map[i].bytes, 4 * layers * values[i]);
        expect("flops", cost.map[i].flops, 2 * rows * values[i]);
    }
    /* Bw of a layer: 2 * (64 + 32 + 32 + 64 + 176 + 176 + 64) values; A: 2 * (6 * 64 + 176) */
    /* on q k v: Bw 2 * (64 + 32 + 32), A 2 * 3 * 64 */
    expect("adapter", cost.adapter_flops, 2.0 * (80 * (256 + 384) + 52 * (960 + 736)));
    expect("noise", cost.noise_values, 2.0 * 2 * 1216);
    expect("adapter bytes", cost.adapter_bytes, 4.0 * (2 * 4 * 2 * 1216 + 2 * 1120));
    /* half of 4 * 64 * n^2 for each replica and layer */
    expect("attention", cost.attention_flops, 4.0 * 2 * (16 + 36) * 4 * 64 / 2);
    expect("activations", cost.activation_bytes,
           4.0 * (80 * (3 * 64 + 5 * 64 + 6 * 32) + 52 * (7 * 64 + 64 + 2 * 176)));
    expect("all", zo_cost_flops(&cost),
           2.0 * (80 * 8192 + 52 * 37888) + 2.0 * 12 * 512 * 64 + 278784 + 53248);
    expect("weights", zo_cost_weight_bytes(&cost), 4.0 * (2 * 46080 + 512 * 64));

    zo_lora_options trained = lora;
    trained.train_a = true;
    expect("trained", zo_cost_trained(&c, &trained), 2.0 * (1216 + 1120));
    trained.targets = 1u << ZO_TARGET_DOWN;
    expect("trained", zo_cost_trained(&c, &trained), 2.0 * 2 * (64 + 176));
    expect("trained", zo_cost_trained(&c, NULL), 0);
}

/* The same operations, fewer bytes: int8 keeps a byte per value and a float per channel. */
static void precisions_change_bytes_only(void **state)
{
    const zo_cost_forward f = {.replicas = 1, .each = {8, 64, 1}};
    zo_config c;
    zo_cost f32, int8;
    (void)state;
    assert_true(zo_synth_config("tiny", &c));
    zo_cost_of(&c, ZO_PRECISION_F32, ZO_PRECISION_F32, &f, &f32);
    zo_cost_of(&c, ZO_PRECISION_INT8, ZO_PRECISION_BF16, &f, &int8);
    expect("flops", zo_cost_flops(&int8), zo_cost_flops(&f32));
    expect("qkv", int8.map[0].bytes, 2.0 * (8192 + 4 * (64 + 32 + 32)));
    expect("head", int8.map[ZO_COST_MAPS - 1].bytes, 2.0 * 512 * 64);
    expect("no noise", int8.noise_values + int8.adapter_flops + int8.adapter_bytes, 0);
}

/* Llama-2-7B's published shape: 6,476,005,376 parameters in linear layers (32 * (4 * 4096^2 + 3 * 4096 * 11008)), two
 * sequences of 64 tokens, three label rows, rank 16 on every linear map: adapters of 32 * 16 * (4 * 8192 + 3 * 15104)
 * parameters. Without the last layer's o, gate, up and down, through which 125 of 128 rows do not go. */
static void a_published_shape(void **state)
{
    zo_config c;
    const zo_lora_options lora = {.rank = 16, .alpha = 32, .targets = ZO_TARGETS_ALL};
    const zo_cost_rows each = {128, 2 * 64 * 64, 3};
    (void)state;
    assert_true(zo_synth_config("llama2-7b", &c));
    double linear = 2.0 * 6476005376.0 * 128, attention = 2.0 * 32 * (4.0 * 4096 * 64 * 64 / 2);
    linear -= 2.0 * 125 * (4096.0 * 4096 + 3 * 4096.0 * 11008);
    double head = 2.0 * 3 * 32000 * 4096, adapter = 2.0 * 128 * 32 * 16 * (4 * 8192 + 3 * 15104);
    adapter -= 2.0 * 125 * 16 * (8192 + 3 * 15104);
    expect("without", zo_cost_forward_flops(&c, NULL, each), linear + attention + head);
    expect("with", zo_cost_forward_flops(&c, &lora, each), linear + attention + head + adapter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tiny_forward_by_hand),
        cmocka_unit_test(precisions_change_bytes_only),
        cmocka_unit_test(a_published_shape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
