#!/usr/bin/env python3
"""Turns a llama2.c checkpoint and its tokenizer into one GGUF file:

    scripts/llama2c_to_gguf.py stories260K.bin tok512.bin stories260K.gguf

Reads the float32 checkpoints that llama2.c's run.c takes (export.py, version 0) and the tokenizer.bin of its
tokenizer.py. Source of both layouts: run.c (memory_map_weights, build_tokenizer). Writes GGUF v3, every tensor f32.
Both formats hold the rows of q and k in the order of interleaved rotary pairs, so rows are copied as they are.
Needs nothing but Python.
"""
import math
import os
import struct
import sys

ALIGNMENT = 32
U32, I32, F32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6
EPSILON, ROPE_BASE = 1e-5, 10000.0  # constants of run.c


def read_checkpoint(path):
    """(configuration, tensors as write_gguf takes them)"""
    with open(path, "rb") as f:
        raw = f.read()
    if len(raw) < 28 or raw[:4] == struct.pack("<I", 0x616B3432):
        sys.exit(f"{path}: not a float32 checkpoint of llama2.c's first format (version 0)")
    dim, ffn, layers, heads, kv_heads, vocab, context = struct.unpack_from("<7i", raw)
    tied, vocab = vocab > 0, abs(vocab)
    if min(dim, ffn, layers, heads, kv_heads, vocab, context) <= 0 or dim % heads or heads % kv_heads:
        sys.exit(f"{path}: its header makes no sense: {struct.unpack_from('<7i', raw)}")
    head = dim // heads
    kv = kv_heads * head
    at = 28
    tensors = []

    def take(name, dims, count=None):
        """One tensor, or `count` of them, one a layer, that lie one after the other."""
        nonlocal at
        size = 4
        for d in dims:
            size *= d
        for layer in range(1 if count is None else count):
            if at + size > len(raw):
                sys.exit(f"{path}: ends within {name}")
            tensors.append((name if count is None else f"blk.{layer}.{name}", dims, [raw[at : at + size]]))
            at += size

    take("token_embd.weight", [dim, vocab])
    take("attn_norm.weight", [dim], layers)
    take("attn_q.weight", [dim, dim], layers)
    take("attn_k.weight", [dim, kv], layers)
    take("attn_v.weight", [dim, kv], layers)
    take("attn_output.weight", [dim, dim], layers)
    take("ffn_norm.weight", [dim], layers)
    take("ffn_gate.weight", [dim, ffn], layers)
    take("ffn_down.weight", [ffn, dim], layers)
    take("ffn_up.weight", [dim, ffn], layers)
    take("output_norm.weight", [dim])
    at += context * head * 4  # tables of cosines and sines, which run.c skips too
    if not tied:
        take("output.weight", [dim, vocab])
    if at != len(raw):
        sys.exit(f"{path}: {len(raw)} bytes, its header describes {at}")
    return {"dim": dim, "ffn": ffn, "layers": layers, "heads": heads, "kv_heads": kv_heads, "vocab": vocab,
            "context": context, "head": head}, tensors


def read_tokenizer(path, vocab):
    """[(token, score, type)]: pieces with U+2581 for the space again, which llama2.c's export replaces."""
    with open(path, "rb") as f:
        raw = f.read()
    tokens = []
    at = 4  # the length of the longest token
    while len(tokens) < vocab:
        if at + 8 > len(raw):
            sys.exit(f"{path}: ends after {len(tokens)} of {vocab} tokens")
        score, length = struct.unpack_from("<fi", raw, at)
        at += 8
        if length < 0 or at + length > len(raw):
            sys.exit(f"{path}: token {len(tokens)} is {length} bytes long")
        piece = raw[at : at + length].decode("utf-8")
        at += length
        index = len(tokens)
        if index == 0:
            tokens.append((piece, score, UNKNOWN))
        elif index in (1, 2):  # exported as "\n<s>\n" and "\n</s>\n"
            tokens.append((piece.strip("\n"), score, CONTROL))
        elif index < 259 and piece == f"<0x{index - 3:02X}>":
            tokens.append((piece, score, BYTE))
        else:
            tokens.append((piece.replace(" ", "\u2581"), score, NORMAL))
    if at != len(raw):
        sys.exit(f"{path}: {len(raw) - at} bytes after the last of {vocab} tokens")
    return tokens


def string(s):
    packed = s.encode("utf-8")
    return struct.pack("<Q", len(packed)) + packed


def pair(key, kind, packed):
    return string(key) + struct.pack("<I", kind) + packed


def u32(key, v):
    return pair(key, U32, struct.pack("<I", v))


def array(key, kind, packed):
    return pair(key, ARRAY, struct.pack("<IQ", kind, len(packed)) + b"".join(packed))


def metadata(c, tokens, name):
    return [
        pair("general.architecture", STRING, string("llama")),
        pair("general.name", STRING, string(name)),
        u32("general.file_type", 0),
        u32("llama.vocab_size", c["vocab"]),
        u32("llama.context_length", c["context"]),
        u32("llama.embedding_length", c["dim"]),
        u32("llama.block_count", c["layers"]),
        u32("llama.feed_forward_length", c["ffn"]),
        u32("llama.attention.head_count", c["heads"]),
        u32("llama.attention.head_count_kv", c["kv_heads"]),
        u32("llama.rope.dimension_count", c["head"]),
        pair("llama.rope.freq_base", F32, struct.pack("<f", ROPE_BASE)),
        pair("llama.attention.layer_norm_rms_epsilon", F32, struct.pack("<f", EPSILON)),
        pair("tokenizer.ggml.model", STRING, string("llama")),
        array("tokenizer.ggml.tokens", STRING, [string(t) for t, _, _ in tokens]),
        array("tokenizer.ggml.scores", F32, [struct.pack("<f", s) for _, s, _ in tokens]),
        array("tokenizer.ggml.token_type", I32, [struct.pack("<i", k) for _, _, k in tokens]),
        u32("tokenizer.ggml.unknown_token_id", 0),
        u32("tokenizer.ggml.bos_token_id", 1),
        u32("tokenizer.ggml.eos_token_id", 2),
        pair("tokenizer.ggml.add_bos_token", BOOL, b"\1"),
        pair("tokenizer.ggml.add_eos_token", BOOL, b"\0"),
        pair("tokenizer.ggml.add_space_prefix", BOOL, b"\1"),
    ]


def padding(n):
    return bytes(-n % ALIGNMENT)


def write_gguf(path, pairs, tensors):
    """tensors: [(GGUF name, dims with the contiguous one first, chunks of bytes that make up its f32 values)]"""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(pairs)) + b"".join(pairs)
    offset = 0
    for name, dims, _ in tensors:
        size = 4 * math.prod(dims)
        head += string(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, 0, offset)
        offset += size + len(padding(size))
    temporary = f"{path}.tmp-{os.getpid()}"
    try:
        with open(temporary, "wb") as f:
            f.write(head + padding(len(head)))
            for _, dims, chunks in tensors:
                for chunk in chunks:
                    f.write(chunk)
                f.write(padding(4 * math.prod(dims)))
            f.flush()
            os.fsync(f.fileno())
        os.replace(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    checkpoint, tokenizer, out = sys.argv[1:]
    try:
        config, tensors = read_checkpoint(checkpoint)
        tokens = read_tokenizer(tokenizer, config["vocab"])
        name = os.path.splitext(os.path.basename(checkpoint))[0]
        write_gguf(out, metadata(config, tokens, name), tensors)
    except (OSError, UnicodeDecodeError) as e:
        sys.exit(str(e))


if __name__ == "__main__":
    main()
