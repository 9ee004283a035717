#!/usr/bin/env python3
"""Records what an independent implementation makes of random blocks of each ggml number format.

    pip install gguf numpy
    python3 scripts/reference_dequantize.py > core/number/dtype_blocks.h

The values are those of gguf.quants.dequantize (the PyPI package gguf, maintained with ggml). Blocks are random
bytes with finite scales: positive, negative and subnormal ones. core/number/dtype_test.c replays them bit for bit.
"""
import importlib.metadata

import numpy
from gguf import GGMLQuantizationType as Type
from gguf.quants import dequantize

# name, values in a block, bytes in a block, where its f16 scales lie
FORMATS = [
    ("Q4_0", 32, 18, [0]),
    ("Q4_1", 32, 20, [0, 2]),
    ("Q5_0", 32, 22, [0]),
    ("Q5_1", 32, 24, [0, 2]),
    ("Q8_0", 32, 34, [0]),
    ("Q4_K", 256, 144, [0, 2]),
    ("Q6_K", 256, 210, [208]),
    ("Q2_K", 256, 84, [80, 82]),
    ("Q3_K", 256, 110, [108]),
    ("Q5_K", 256, 176, [0, 2]),
    ("IQ4_NL", 32, 18, [0]),
    ("IQ4_XS", 256, 136, [0]),
]
SCALES = [0.0123, -0.37, 3.1e-6]  # the last is subnormal as f16


def rows(items, per_line):
    return ",\n    ".join(", ".join(items[i : i + per_line]) for i in range(0, len(items), per_line))


def main():
    rng = numpy.random.default_rng(20240915)
    version = importlib.metadata.version("gguf")
    print("/* Blocks of ggml's formats and their values as f32 bits. Printed by scripts/reference_dequantize.py")
    print(f" * with gguf {version}, numpy {numpy.__version__}; not edited by hand. */")
    print("/* clang-format off */")
    for name, values, size, places in FORMATS:
        blocks = rng.integers(0, 256, (len(SCALES), size), dtype=numpy.uint8)
        for block, scale in zip(blocks, SCALES):
            for k, place in enumerate(places):
                half = numpy.float16(scale * (1 - 0.3 * k))
                block[place : place + 2] = numpy.frombuffer(half.tobytes(), numpy.uint8)
        floats = dequantize(blocks, Type[name]).astype("<f4").reshape(-1)
        assert floats.size == values * len(SCALES) and numpy.isfinite(floats).all()
        bits = floats.view("<u4")
        print(f"static const uint8_t {name.lower()}_blocks[] = {{")
        print("    " + rows([f"0x{b:02x}" for b in blocks.reshape(-1)], 18) + "};")
        print(f"static const uint32_t {name.lower()}_values[] = {{")
        print("    " + rows([f"0x{b:08x}" for b in bits], 9) + "};")
    print("/* clang-format on */")


if __name__ == "__main__":
    main()
