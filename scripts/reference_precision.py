#!/usr/bin/env python3
"""What bitsandbytes makes of three matrices, as C tables for core/number/precision_test.c.

    scripts/reference_precision.py      (needs: pip install torch bitsandbytes; prints core/number/precision_expected.h)

int8 is int8_vectorwise_quant, nf4 is quantize_4bit with compress_statistics, both on the CPU. The matrices are a
formula, which the test repeats: see `matrix`.

bitsandbytes' backends round the absmax to the nearest value of the dynamic map. Its compiled one for CPUs looks that up
in a table of even steps, and so takes the neighbour now and then where a value lies within 1e-5 of the middle
between two. The shapes are such that this does not happen, which is checked here.
"""
import bitsandbytes
import bitsandbytes.functional as F
import numpy as np
import torch

# Rows that blocks of 64 run over the end of, and a last block that is not full; one group; two groups.
SHAPES = ((3, 75), (44, 192), (96, 320))
SHOWN = 24


def mix(x):
    """A hash of 32-bit integers (Murmur3's finalizer)."""
    x = x.astype(np.uint32)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        x ^= x >> np.uint32(shift)
        x *= np.uint32(factor)
    return x ^ (x >> np.uint32(16))


def matrix(out, cols):
    """Value k of row r: the sum of three uniform values in [-1, 1) of 20 bits, times (1 + r mod 7) / 256. Row 1 is 0."""
    k = np.arange(out * cols, dtype=np.uint32)
    parts = [(mix(3 * k + np.uint32(i)) >> np.uint32(12)).astype(np.float64) / 2**19 - 1 for i in range(3)]
    rows = np.arange(out)[:, None]
    values = sum(parts).reshape(out, cols) * (1 + rows % 7) / 256
    values[1] = 0
    return torch.from_numpy(values.astype(np.float32))


def checksum(codes):
    """64-bit FNV-1a."""
    h = 0xCBF29CE484222325
    for b in codes.astype(np.uint8).tobytes():
        h = (h ^ b) * 0x100000001B3 % 2**64
    return h


def numbers(values, form="%.9g"):
    return "{" + ", ".join(form % v for v in values) + "}"


def shown(x):
    flat = x.reshape(-1).numpy()
    return flat[np.arange(SHOWN) * (len(flat) - 1) // (SHOWN - 1)]


def check_nearest(x, state):
    """That every absmax code is the nearest."""
    code = F.create_dynamic_map()
    padded = torch.nn.functional.pad(x.reshape(-1), (0, -x.numel() % 64)).reshape(-1, 64)
    less = padded.abs().max(dim=1).values - state.offset
    scaled = less / state.state2.absmax.repeat_interleave(256)[:len(less)]
    assert torch.equal(torch.bucketize(scaled, (code[:-1] + code[1:]) / 2).to(torch.uint8), state.absmax)


def show(x):
    codes8, stats, _ = F.int8_vectorwise_quant(x.clone())
    back8 = F.int8_vectorwise_dequant(codes8, stats)
    codes4, state = F.quantize_4bit(x, blocksize=64, quant_type="nf4", compress_statistics=True)
    back4 = F.dequantize_4bit(codes4, state)
    check_nearest(x, state)
    absmax = state.absmax.numpy()
    print("    {%d, %d," % tuple(x.shape))
    print("     .int8_checksum = 0x%016x," % checksum(codes8.numpy()))
    print("     .int8 = %s," % numbers(shown(back8)))
    print("     .nf4_checksum = 0x%016x," % checksum(codes4.numpy()))
    print("     .nf4 = %s," % numbers(shown(back4)))
    print("     .blocks = %d, .absmax_checksum = 0x%016x," % (len(absmax), checksum(absmax)))
    print("     .groups = %d, .group = %s," % (len(state.state2.absmax), numbers(state.state2.absmax.numpy())))
    print("     .offset = %.9g}," % state.offset.item())


print('''/* Matrices in int8 and nf4 by bitsandbytes %s (CPU, torch %s).
 *
 * Written by
 *     scripts/reference_precision.py
 * Checksums are 64-bit FNV-1a over the codes; int8, nf4: %d decoded values spread evenly from the first to the last.
 */
#ifndef ZO_PRECISION_EXPECTED_H
#define ZO_PRECISION_EXPECTED_H

#include <stdint.h>

#define EXPECTED_SHOWN %d

typedef struct expected_matrix {
    int64_t out, in;
    uint64_t int8_checksum, nf4_checksum, absmax_checksum;
    float int8[EXPECTED_SHOWN], nf4[EXPECTED_SHOWN];
    int64_t blocks, groups;
    float group[2], offset;
} expected_matrix;

/* clang-format off */''' % (bitsandbytes.__version__, torch.__version__.split("+")[0], SHOWN, SHOWN))
print("static const float expected_levels[16] = {")
levels = ["%.9gf" % v for v in F.get_4bit_type("nf4", device="cpu").tolist()]
print("    " + ", ".join(v if "." in v else v.replace("f", ".0f") for v in levels) + ",\n};\n")
print("#define EXPECTED_MAP_CHECKSUM 0x%016x /* over the 256 floats of create_dynamic_map */\n" %
      checksum(F.create_dynamic_map().numpy().view(np.uint8)))
print("static const expected_matrix expected[] = {")
for shape in SHAPES:
    show(matrix(*shape))
print("};\n/* clang-format on */\n\n#endif")
