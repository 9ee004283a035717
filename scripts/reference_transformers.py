#!/usr/bin/env python3
"""Logits of two small models by Hugging Face transformers in double precision, as C tables for core/model/llama_test.c.

    scripts/reference_transformers.py      (needs: pip install torch transformers; prints core/model/llama_small.h)

The weights are a formula, which the test repeats: value j of tensor t (counted in the order of `tensor_names`) is
v = mix(j + 65537 * t) * 2^-19 - 1 with mix's upper 20 bits; a weight is v / 4, a norm's weight 1 + v / 4.
"""
import numpy as np
import torch
import transformers
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

SHAPE = dict(vocab_size=40, hidden_size=24, intermediate_size=36, num_hidden_layers=2, num_attention_heads=6,
             num_key_value_heads=2, max_position_embeddings=128)
TOKENS, ROWS = 23, (7, 22)

# Short original context, so that all three regions of the scaling (kept, blended, stretched) occur at head size 8.
LLAMA3 = dict(rope_type="llama3", rope_theta=500.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=32)
MODELS = (
    ("llama3", LlamaForCausalLM, LlamaConfig(**SHAPE, head_dim=8, rms_norm_eps=1e-5, tie_word_embeddings=False,
                                             rope_parameters=LLAMA3)),
    ("qwen2", Qwen2ForCausalLM, Qwen2Config(**SHAPE, rms_norm_eps=1e-6, tie_word_embeddings=True,
                                            rope_parameters=dict(rope_type="default", rope_theta=1000000.0))),
)


def tensor_names(config, bias):
    yield "model.embed_tokens.weight"
    for i in range(config.num_hidden_layers):
        layer = f"model.layers.{i}."
        yield layer + "input_layernorm.weight"
        yield from (layer + f"self_attn.{n}_proj.weight" for n in "qkvo")
        yield from (layer + f"mlp.{n}_proj.weight" for n in ("gate", "up", "down"))
        if bias:
            yield from (layer + f"self_attn.{n}_proj.bias" for n in "qkv")
        yield layer + "post_attention_layernorm.weight"
    yield "model.norm.weight"
    if not config.tie_word_embeddings:
        yield "lm_head.weight"


def formula(t, shape, is_norm):
    x = np.arange(np.prod(shape), dtype=np.uint32) + np.uint32(65537 * t)
    x = (x ^ (x >> 16)) * np.uint32(0x45D9F3B)
    x = (x ^ (x >> 16)) * np.uint32(0x45D9F3B)
    v = ((x ^ (x >> 16)) >> 12).astype(np.float64) * 2.0 ** -19 - 1
    return torch.from_numpy((is_norm + v / 4).reshape(shape))


def main():
    print(f"""/* Logits of two small models of formula weights. Written by scripts/reference_transformers.py with transformers
 * {transformers.__version__} in double precision; its norms and softmax are single inside, so the last digit may be off. */
#ifndef ZO_LLAMA_SMALL_H
#define ZO_LLAMA_SMALL_H

#define SMALL_VOCAB {SHAPE["vocab_size"]}
#define SMALL_TOKENS {TOKENS} /* ids are 7 t + 3 mod the vocabulary */
#define SMALL_ROWS {len(ROWS)}

static const int small_rows[SMALL_ROWS] = {{{", ".join(map(str, ROWS))}}};

/* clang-format off */""")
    ids = torch.tensor([[(7 * t + 3) % SHAPE["vocab_size"] for t in range(TOKENS)]])
    for name, kind, config in MODELS:
        model = kind(config).double().eval()
        state = model.state_dict()
        weights = {n: formula(t, tuple(state[n].shape), float("norm" in n))
                   for t, n in enumerate(tensor_names(config, kind is Qwen2ForCausalLM))}
        missing, unexpected = model.load_state_dict(weights, strict=False)
        assert not unexpected and set(missing) <= {"lm_head.weight"}, (missing, unexpected)
        model.tie_weights()
        with torch.no_grad():
            logits = model(ids).logits[0].numpy()
        print(f"static const double small_{name}[SMALL_ROWS][SMALL_VOCAB] = {{")
        for row in ROWS:
            numbers = [f"{x:.6f}" for x in logits[row]]
            print("    {" + ",\n     ".join(", ".join(numbers[k:k + 8]) for k in range(0, len(numbers), 8)) + "},")
        print("};")
    print("/* clang-format on */\n\n#endif")


if __name__ == "__main__":
    main()
