"""Data sets in the files of Megatron-LM, written with struct alone, and what they hold.    usage: make_indexed.py OUT_FOLDER"""
import json, pathlib, struct, sys

CODES = {"u8": (1, "B"), "i8": (2, "b"), "i16": (3, "h"), "i32": (4, "i"), "i64": (5, "q"), "u16": (8, "H")}
out = pathlib.Path(sys.argv[1])
out.mkdir(parents=True, exist_ok=True)
contents = {}


def write(name, kind, sequences, boundaries=None, order=None):
    """order: in which the sequences lie in the .bin file."""
    code, letter = CODES[kind]
    boundaries = boundaries or list(range(len(sequences) + 1))
    offsets, data = {}, b""
    for number in order or range(len(sequences)):
        offsets[number] = len(data)
        data += struct.pack(f"<{len(sequences[number])}{letter}", *sequences[number])
    index = b"MMIDIDX\0\0" + struct.pack("<QBQQ", 1, code, len(sequences), len(boundaries))
    index += struct.pack(f"<{len(sequences)}i", *map(len, sequences))
    index += struct.pack(f"<{len(sequences)}q", *(offsets[number] for number in range(len(sequences))))
    index += struct.pack(f"<{len(boundaries)}q", *boundaries)
    (out / f"{name}.bin").write_bytes(data)
    (out / f"{name}.idx").write_bytes(index)
    documents = [sum(sequences[a:b], []) for a, b in zip(boundaries, boundaries[1:])]
    contents[name] = dict(type=kind, documents=documents)


for kind in CODES:
    write(kind, kind, [[7 * i % 120 for i in range(first, first + count)] for first, count in ((0, 5), (5, 1), (6, 9), (15, 3))])
# More sequences than a block of 64, some empty, in documents of several.
many = [[(i * i + j) % 251 for j in range(i % 7)] for i in range(200)]
write("many", "u16", many, boundaries=[0, 1, 1, 5, 63, 64, 65, 130, 199, 200])
write("moved", "i32", many[:10], order=[3, 1, 4, 0, 5, 9, 2, 6, 8, 7])
(out / "contents.json").write_text(json.dumps(contents, separators=(",", ":")) + "\n")
