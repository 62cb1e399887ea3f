"""Writes Tests/Goldens/codecs/TYPE.bin, the truth for the block codecs, with the `gguf` Python package.

    python make_codecs.py [OUT_DIR]

A file holds, little-endian: u32 n, blocks of n elements, n f32 (what they decode to); u32 n, n f32, blocks (what they encode
to; n = 0 for the K types, which have no canonical encoding).
"""

import struct
import sys
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType as Kind
from gguf import GGML_QUANT_SIZES, dequantize, quantize

# Offsets of the f16 fields of each block: random bytes there would mostly be absurd scales.
HALVES = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0],
    "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
}
# Zeros of both signs, the least and a greater subnormal, one, the greatest, infinity.
SPECIAL_HALVES = np.array([0x0000, 0x8000, 0x0001, 0x83FF, 0x3C00, 0x7BFF, 0xFBFF, 0x7C00], np.uint16)


def random_blocks(rng, name, elements):
    block, size = GGML_QUANT_SIZES[Kind[name]]
    count = elements // block
    blocks = rng.integers(0, 256, (count, size), dtype=np.uint8)
    for offset in HALVES[name]:
        halves = (rng.standard_normal(count) * 0.05).astype(np.float16).view(np.uint16)
        special = rng.permutation(SPECIAL_HALVES)[: count // 2]
        halves[: len(special)] = special
        blocks[:, offset : offset + 2] = halves[:, None].view(np.uint8)
    return blocks


def legacy_values(rng):
    """Blocks of 32: ordinary, heavy-tailed, and the awkward cases."""
    rows = [rng.standard_normal(32) * 0.03 for _ in range(4)]
    rows += [rng.standard_t(2, 32) * 0.02 for _ in range(4)]
    rows += [np.zeros(32), -np.zeros(32), np.full(32, 0.375), np.full(32, -3.0)]
    spike = np.zeros(32)
    spike[17] = -5.5
    rows += [spike, rng.standard_normal(32) * 1e-7, rng.standard_normal(32) * 1e-36]  # f16 subnormal and zero scales
    rows += [np.linspace(-60000, 60000, 32), np.where(np.arange(32) % 2, 1.0, -1.0), np.arange(32) - 15.5]
    return np.stack(rows).astype(np.float32)


def plain_values(rng):
    """For f16 and bf16: random bits without NaN, and every boundary with its two neighbours."""
    edges = [0.0, 2.0**-149, 2.0**-126, 2.0**-25, 2.0**-24, 1.5 * 2.0**-24, 2.0**-14, 1.0, 1 + 2.0**-11, 1 + 3 * 2.0**-11,
             1 + 2.0**-8, 1 + 3 * 2.0**-8, 65504.0, 65519.0, 65520.0, 3.3895e38, 3.4e38, np.inf]
    edges = np.array(edges, np.float32)
    edges = np.concatenate([edges, np.nextafter(edges, np.float32(0)), np.nextafter(edges, np.float32(np.inf))])
    bits = rng.integers(0, 2**32, 400, dtype=np.uint32).view(np.float32)
    halves = np.ldexp(rng.standard_normal(300), rng.integers(-26, 16, 300)).astype(np.float32)
    values = np.concatenate([edges, -edges, bits[~np.isnan(bits)], halves])
    return values.astype(np.float32)


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "codecs"
    folder.mkdir(parents=True, exist_ok=True)
    np.seterr(all="ignore")
    for index, name in enumerate(["F16", "BF16", *HALVES]):
        rng = np.random.default_rng(index)
        kind = Kind[name]
        if name in HALVES:
            elements = 2048 if name.endswith("_K") else 512
            blocks = random_blocks(rng, name, elements)
            values = np.zeros((0, 32), np.float32) if name.endswith("_K") else legacy_values(rng)
        else:
            blocks = rng.integers(0, 2**16, (1, 512), dtype=np.uint16)
            values = plain_values(rng)[None, :]
            blocks = (blocks if name == "BF16" else blocks.view(np.float16)).view(np.uint8)
        decoded = dequantize(blocks, kind).astype(np.float32)
        encoded = quantize(values, kind) if values.size else np.zeros(0, np.uint8)
        with open(folder / f"{name.lower()}.bin", "wb") as file:
            for count, parts in ((decoded.size, (blocks, decoded)), (values.size, (values, encoded))):
                file.write(struct.pack("<I", count))
                for part in parts:
                    file.write(part.tobytes())


main()
