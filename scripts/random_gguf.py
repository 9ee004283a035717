#!/usr/bin/env python3
"""Writes a GGUF file of random weights in the shape of a known model, for programs whose speed is to be compared:

    scripts/random_gguf.py tinyllama-1.1b OUT.gguf [--layers 4]

Every tensor is f32 and written as it is made, so memory stays small. Matrices are uniform with mean 0 and variance
1 / in, norms are 1: what synth:NAME holds in kind (core/format/synth.c), not in values. The tokenizer cuts text into single
characters, but keeps the two answers of the task `polarity` whole, so that a training sequence has one label token.
Needs NumPy.
"""
import argparse
import sys

import numpy as np

from llama2c_to_gguf import BYTE, CONTROL, NORMAL, UNKNOWN, metadata, write_gguf

# The published models' config.json: layers, width, heads, kv heads, ffn, vocabulary, context. All have RoPE base 1e4.
SHAPES = {
    "tiny": (2, 256, 4, 2, 512, 512, 512),  # nobody's: for trying things out
    "tinyllama-1.1b": (22, 2048, 32, 4, 5632, 32000, 2048),
    "llama2-7b": (32, 4096, 32, 32, 11008, 32000, 4096),
}
WHOLE_WORDS = ("\u2581great", "\u2581terrible")
CHUNK = 1 << 22  # values made at a time


def configuration(shape, layers=None):
    all_layers, dim, heads, kv_heads, ffn, vocab, context = SHAPES[shape]
    return {"dim": dim, "ffn": ffn, "layers": layers or all_layers, "heads": heads, "kv_heads": kv_heads,
            "vocab": vocab, "context": context, "head": dim // heads}


def tokens(vocab):
    """[(token, score, type)]. SentencePiece merges two neighbours where the vocabulary holds what they make together:
    words are kept whole by holding all their beginnings, the longest with the best score."""
    out = [("<unk>", 0.0, UNKNOWN), ("<s>", 0.0, CONTROL), ("</s>", 0.0, CONTROL)]
    out += [(f"<0x{b:02X}>", 0.0, BYTE) for b in range(256)]
    out += [(chr(c), -1000.0, NORMAL) for c in (*range(ord("a"), ord("z") + 1), 0x2581)]
    out += [(word[:n], float(n), NORMAL) for word in WHOLE_WORDS for n in range(2, len(word) + 1)]
    return out + [(f"<{i}>", -1000.0, NORMAL) for i in range(len(out), vocab)]


def matrix(rng, inputs, outputs):
    reach, left = np.float32(np.sqrt(3 / inputs)), inputs * outputs
    while left:
        n = min(left, CHUNK)
        yield ((rng.random(n, np.float32) * 2 - 1) * reach).tobytes()
        left -= n


def ones(n):
    yield np.ones(n, np.float32).tobytes()


def tensors(c, seed):
    rng = np.random.default_rng(seed)
    dim, kv = c["dim"], c["kv_heads"] * c["head"]
    block = {"attn_norm": [dim], "attn_q": [dim, dim], "attn_k": [dim, kv], "attn_v": [dim, kv],
             "attn_output": [dim, dim], "ffn_norm": [dim], "ffn_gate": [dim, c["ffn"]], "ffn_up": [dim, c["ffn"]],
             "ffn_down": [c["ffn"], dim]}
    names = {"token_embd": [dim, c["vocab"]], "output_norm": [dim], "output": [dim, c["vocab"]]}
    for i in range(c["layers"]):
        names.update({f"blk.{i}.{name}": dims for name, dims in block.items()})
    return [(f"{name}.weight", dims, matrix(rng, *dims) if len(dims) == 2 else ones(*dims))
            for name, dims in names.items()]


def write(path, shape, layers=None, seed=42):
    c = configuration(shape, layers)
    write_gguf(path, metadata(c, tokens(c["vocab"]), f"random {shape}, {c['layers']} layers"), tensors(c, seed))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("out")
    parser.add_argument("--layers", type=int, help="write only so many (default: all)")
    parser.add_argument("--seed", type=int, default=42)
    args = parser.parse_args()
    if args.layers is not None and args.layers < 1:
        sys.exit("--layers must be 1 or more")
    try:
        write(args.out, args.shape, args.layers, args.seed)
    except OSError as e:
        sys.exit(str(e))


if __name__ == "__main__":
    main()
