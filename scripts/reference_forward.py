#!/usr/bin/env python3
"""A second opinion on the forward pass: Llama in NumPy, double precision, straight from a GGUF file.

It shares nothing with the C code: own GGUF reader, own dequantizers, rotary pairs left in the file's interleaved
order, attention as one dense masked softmax, everything in float64. Slow and plain on purpose.

    scripts/reference_forward.py MODEL.gguf IDS_FILE            what the last position predicts, per prompt
    scripts/reference_forward.py MODEL.gguf IDS_FILE --c        the same as C tables (core/model/llama_expected.h)

IDS_FILE holds one prompt a line, token ids separated by spaces; `#` starts a comment.

Formats: ggml's docs/gguf.md and ggml-quants.c (F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q6_K).
Model: Touvron et al. 2023, arXiv:2302.13971; rotary embedding: Su et al. 2021, arXiv:2104.09864.
"""
import argparse
import mmap
import struct
import sys

import numpy as np

# --- GGUF ---

SCALARS = {0: "<u1", 1: "<i1", 2: "<u2", 3: "<i2", 4: "<u4", 5: "<i4", 6: "<f4", 7: "?", 10: "<u8", 11: "<i8",
           12: "<f8"}
STRING, ARRAY = 8, 9


class Cursor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def number(self, fmt):
        size = struct.calcsize(fmt)
        value, = struct.unpack_from(fmt, self.data, self.at)
        self.at += size
        return value

    def string(self):
        n = self.number("<Q")
        self.at += n
        return bytes(self.data[self.at - n:self.at]).decode("utf-8", "replace")

    def array(self, kind, n):
        if kind == STRING:
            return [self.string() for _ in range(n)]
        dtype = np.dtype(SCALARS[kind])
        self.at += n * dtype.itemsize
        return np.frombuffer(self.data, dtype, n, self.at - n * dtype.itemsize)

    def value(self, kind):
        if kind == STRING:
            return self.string()
        if kind == ARRAY:
            inner = self.number("<I")
            return self.array(inner, self.number("<Q"))
        return self.array(kind, 1)[0].item()


def halves(raw, at):
    """Little-endian binary16 numbers at byte `at` of every block, as a column."""
    return raw[:, at:at + 2].copy().view("<f2").astype(np.float64)


def nibbles(raw):
    """Block formats keep value i in the low half of byte i and value i + 16 in its high half."""
    return np.concatenate([raw & 15, raw >> 4], axis=1).astype(np.float64)


def fifth_bits(raw):
    return np.unpackbits(raw, axis=1, bitorder="little").astype(np.float64) * 16


def q6_k(b):
    low, high, scales, d = b[:, :128], b[:, 128:192], b[:, 192:208].copy().view(np.int8), halves(b, 208)
    out = np.empty((len(b), 256))
    for half in range(2):
        l, h = low[:, 64 * half:64 * half + 64], high[:, 32 * half:32 * half + 32]
        parts = [l[:, :32] & 15, l[:, 32:] & 15, l[:, :32] >> 4, l[:, 32:] >> 4]
        for k, part in enumerate(parts):
            q = (part | ((h >> (2 * k) & 3) << 4)).astype(np.float64) - 32
            s = np.repeat(scales[:, 8 * half + 2 * k:8 * half + 2 * k + 2], 16, axis=1)
            out[:, 128 * half + 32 * k:128 * half + 32 * k + 32] = d * s * q
    return out


# ggml type number: name, values in a block, bytes in a block, decoder of (blocks, bytes) to (blocks, values)
TYPES = {
    0: ("F32", 1, 4, lambda b: b.view("<f4").astype(np.float64)),
    1: ("F16", 1, 2, lambda b: b.view("<f2").astype(np.float64)),
    2: ("Q4_0", 32, 18, lambda b: halves(b, 0) * (nibbles(b[:, 2:]) - 8)),
    3: ("Q4_1", 32, 20, lambda b: halves(b, 0) * nibbles(b[:, 4:]) + halves(b, 2)),
    6: ("Q5_0", 32, 22, lambda b: halves(b, 0) * (nibbles(b[:, 6:]) + fifth_bits(b[:, 2:6]) - 16)),
    7: ("Q5_1", 32, 24, lambda b: halves(b, 0) * (nibbles(b[:, 8:]) + fifth_bits(b[:, 4:8])) + halves(b, 2)),
    8: ("Q8_0", 32, 34, lambda b: halves(b, 0) * b[:, 2:].copy().view(np.int8)),
    14: ("Q6_K", 256, 210, q6_k),
    30: ("BF16", 1, 2, lambda b: (b.view("<u2").astype("<u4") << 16).view("<f4").astype(np.float64)),
}


class Gguf:
    """Metadata in .meta; .tensor(name) decodes one tensor to float64, row-major (out, in)."""

    def __init__(self, path):
        with open(path, "rb") as f:
            self.data = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
        c = Cursor(self.data)
        magic, version = c.number("4s"), c.number("<I")
        if magic != b"GGUF" or version not in (2, 3):
            sys.exit(f"{path}: not a GGUF file of version 2 or 3")
        tensors, pairs = c.number("<Q"), c.number("<Q")
        self.meta, self.index = {}, {}
        for _ in range(pairs):
            key = c.string()
            self.meta[key] = c.value(c.number("<I"))
        for _ in range(tensors):
            name = c.string()
            dims = [c.number("<Q") for _ in range(c.number("<I"))]
            kind = c.number("<I")
            self.index[name] = (kind, tuple(reversed(dims)), c.number("<Q"))
        align = self.meta.get("general.alignment", 32)
        self.start = (c.at + align - 1) // align * align

    def tensor(self, name):
        kind, shape, offset = self.index[name]
        if kind not in TYPES:
            sys.exit(f"tensor {name}: type {kind} is not known here")
        _, block, size, decode = TYPES[kind]
        count = int(np.prod(shape))
        raw = np.frombuffer(self.data, np.uint8, count // block * size, self.start + offset)
        return decode(raw.reshape(-1, size)).reshape(shape)


# --- model ---

# A block's linear maps: GGUF name, Hugging Face name
LINEAR = {"attn_q": "q_proj", "attn_k": "k_proj", "attn_v": "v_proj", "attn_output": "o_proj",
          "ffn_gate": "gate_proj", "ffn_up": "up_proj", "ffn_down": "down_proj"}


class Llama:
    """Every weight as float64. Rows of q and k stay in the file's order; `interleaved` says which that is."""

    def __init__(self, path):
        g = Gguf(path)
        arch = g.meta["general.architecture"]
        if arch not in ("llama", "qwen2"):
            sys.exit(f"{path}: architecture {arch} is not known here")
        get = lambda key, default=None: g.meta.get(f"{arch}.{key}", default)
        self.meta = g.meta
        self.layers, self.width, self.heads = get("block_count"), get("embedding_length"), get("attention.head_count")
        self.kv_heads = get("attention.head_count_kv", self.heads)
        self.head_dim = get("attention.key_length", self.width // self.heads)
        self.ffn, self.eps = get("feed_forward_length"), get("attention.layer_norm_rms_epsilon")
        self.interleaved = arch == "llama"
        self.frequency = get("rope.freq_base", 10000.0) ** (-2.0 * np.arange(self.head_dim // 2) / self.head_dim)
        if "rope_freqs.weight" in g.index:
            self.frequency = self.frequency / g.tensor("rope_freqs.weight")
        self.embedding = g.tensor("token_embd.weight")
        self.head = g.tensor("output.weight") if "output.weight" in g.index else self.embedding
        self.final_norm = g.tensor("output_norm.weight")
        self.vocab = len(self.embedding)
        self.blocks = []
        for i in range(self.layers):
            block = {n: g.tensor(f"blk.{i}.{n}.weight") for n in ("attn_norm", "ffn_norm", *LINEAR)}
            for n in ("attn_q", "attn_k", "attn_v"):
                if f"blk.{i}.{n}.bias" in g.index:
                    block[n + ".bias"] = g.tensor(f"blk.{i}.{n}.bias")
            self.blocks.append(block)

    def to_file_order(self, rows, name):
        """Rows given in Hugging Face order (split halves), reordered to the file's for q and k."""
        if not self.interleaved or name not in ("attn_q", "attn_k"):
            return rows
        split = rows.reshape(-1, 2, self.head_dim // 2, *rows.shape[1:])
        return split.swapaxes(1, 2).reshape(rows.shape)

    def linear(self, i, name, x, lora):
        y = x @ self.blocks[i][name].T
        if name + ".bias" in self.blocks[i]:
            y = y + self.blocks[i][name + ".bias"]
        if lora and (i, LINEAR[name]) in lora:
            scale, a, b = lora[i, LINEAR[name]]
            y = y + scale * (x @ a.T) @ self.to_file_order(b, name).T
        return y

    def norm(self, x, w):
        return x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + self.eps) * w

    def rotate(self, x):
        """x (T, heads, head_dim): turns each pair by position times frequency."""
        angle = np.arange(len(x))[:, None, None] * self.frequency
        c, s = np.cos(angle), np.sin(angle)
        half = self.head_dim // 2
        a, b = (x[..., 0::2], x[..., 1::2]) if self.interleaved else (x[..., :half], x[..., half:])
        y = np.empty_like(x)
        if self.interleaved:
            y[..., 0::2], y[..., 1::2] = a * c - b * s, b * c + a * s
        else:
            y[..., :half], y[..., half:] = a * c - b * s, b * c + a * s
        return y

    def attention(self, i, x, lora):
        n = len(x)
        q = self.rotate(self.linear(i, "attn_q", x, lora).reshape(n, self.heads, self.head_dim))
        k = self.rotate(self.linear(i, "attn_k", x, lora).reshape(n, self.kv_heads, self.head_dim))
        v = self.linear(i, "attn_v", x, lora).reshape(n, self.kv_heads, self.head_dim)
        group = self.heads // self.kv_heads
        k, v = np.repeat(k, group, axis=1), np.repeat(v, group, axis=1)
        score = np.einsum("ihd,jhd->hij", q, k) / np.sqrt(self.head_dim)
        score = np.where(np.tri(n, dtype=bool), score, -np.inf)
        p = np.exp(score - score.max(axis=-1, keepdims=True))
        p /= p.sum(axis=-1, keepdims=True)
        y = np.einsum("hij,jhd->ihd", p, v).reshape(n, self.heads * self.head_dim)
        return self.linear(i, "attn_output", y, lora)

    def feed_forward(self, i, x, lora):
        gate = self.linear(i, "ffn_gate", x, lora)
        gate = gate / (1 + np.exp(-gate))
        return self.linear(i, "ffn_down", gate * self.linear(i, "ffn_up", x, lora), lora)

    def logits(self, ids, rows=None, lora=None):
        """Logits (len(rows), V) of one sequence. lora: {(layer, "q_proj"): (scale, A (R, in), B (out, R))}."""
        x = self.embedding[np.asarray(ids)]
        for i, block in enumerate(self.blocks):
            x = x + self.attention(i, self.norm(x, block["attn_norm"]), lora)
            x = x + self.feed_forward(i, self.norm(x, block["ffn_norm"]), lora)
        if rows is not None:
            x = x[rows]
        return self.norm(x, self.final_norm) @ self.head.T


def logsumexp(x):
    top = x.max()
    return top + np.log(np.exp(x - top).sum())


# --- what is printed ---

SELECTED = 16


def selected_ids(last, prompt):
    """The four that the prompt makes likeliest, and twelve spread over the vocabulary."""
    top = [int(i) for i in np.argsort(-last, kind="stable")[:4]]
    return top + [(3079 * k + 17 * prompt + 5) % len(last) for k in range(SELECTED - 4)]


def read_ids(path):
    with open(path) as f:
        lines = [line.split("#")[0].split() for line in f]
    return [[int(w) for w in line] for line in lines if line]


def records(model, prompts):
    for number, ids in enumerate(prompts):
        middle = len(ids) // 2
        mid, last = model.logits(ids, rows=[middle, len(ids) - 1])
        chosen = selected_ids(last, number)
        yield ids, middle, mid, last, chosen


def print_text(model, prompts):
    for ids, middle, mid, last, chosen in records(model, prompts):
        print(f"prompt of {len(ids)} tokens: {' '.join(map(str, ids))}")
        print(f"  last: argmax {last.argmax()}, logsumexp {logsumexp(last):.9f}")
        print("  last: " + " ".join(f"{i}:{last[i]:.9f}" for i in chosen))
        print(f"  position {middle}: argmax {mid.argmax()}, logsumexp {logsumexp(mid):.9f}")
        print(f"  position {middle}: " + " ".join(f"{i}:{mid[i]:.9f}" for i in chosen))


def wrapped(words, width=100, indent="         "):
    lines, line = [], ""
    for w in words:
        if line and len(line) + len(w) + 2 > width:
            lines.append(line)
            line = ""
        line += (" " if line else "") + w + ","
    return ("\n" + indent).join(lines + [line])


def print_c(model, prompts, command):
    longest = max(map(len, prompts))
    print(f"""/* Logits of SmolLM2-135M-Instruct (Q4_1) in double precision, computed by an independent NumPy forward.
 *
 * Written by
 *     {command}
 * Per prompt: its ids; {SELECTED} ids of the vocabulary (the four likeliest next ones, and twelve others) with their
 * logits at the last and at one middle position; argmax and log(sum(exp(logits))) at both.
 */
#ifndef ZO_LLAMA_EXPECTED_H
#define ZO_LLAMA_EXPECTED_H

#include <stdint.h>

#define EXPECTED_LONGEST {longest}
#define EXPECTED_SELECTED {SELECTED}

typedef struct expected_logits {{
    int32_t n, middle; /* tokens; the middle position */
    int32_t ids[EXPECTED_LONGEST];
    int32_t selected[EXPECTED_SELECTED];
    int32_t last_argmax, middle_argmax;
    double last_logsumexp, middle_logsumexp;
    double last[EXPECTED_SELECTED], middle_logits[EXPECTED_SELECTED];
}} expected_logits;

/* clang-format off */
static const expected_logits expected[] = {{""")
    number = lambda x: f"{x:.7f}"
    for ids, middle, mid, last, chosen in records(model, prompts):
        print(f"    {{{len(ids)}, {middle},")
        print(f"     .ids = {{{wrapped(map(str, ids))}}},")
        print(f"     .selected = {{{wrapped(map(str, chosen))}}},")
        print(f"     .last_argmax = {last.argmax()}, .middle_argmax = {mid.argmax()},")
        print(f"     .last_logsumexp = {number(logsumexp(last))}, .middle_logsumexp = {number(logsumexp(mid))},")
        print(f"     .last = {{{wrapped(number(last[i]) for i in chosen)}}},")
        print(f"     .middle_logits = {{{wrapped(number(mid[i]) for i in chosen)}}}}},")
    print("};\n/* clang-format on */\n\n#endif")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("ids_file")
    parser.add_argument("--c", action="store_true", help="C tables instead of text")
    args = parser.parse_args()
    model, prompts = Llama(args.model), read_ids(args.ids_file)
    for ids in prompts:
        if min(ids) < 0 or max(ids) >= model.vocab:
            sys.exit(f"{args.ids_file}: ids must lie in [0, {model.vocab})")
    if args.c:
        print_c(model, prompts, f"scripts/reference_forward.py {args.model} {args.ids_file} --c")
    else:
        print_text(model, prompts)


if __name__ == "__main__":
    main()
