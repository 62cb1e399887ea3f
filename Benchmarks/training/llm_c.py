"""Steps of llm.c's train_gpt2.c (github.com/karpathy/llm.c) on GPT-2 124M's shape, with random weights and tokens written in its own formats."""
import array
import os
import pathlib
import random
import re
import shutil
import statistics
import struct
import subprocess

BATCH = 4
SHAPE = dict(positions=1024, vocabulary=50257, layers=12, heads=12, width=768, padded=50304)


def parameter_count():
    c = SHAPE["width"]
    layer = 4 * c + 3 * c * c + 3 * c + c * c + c + 4 * c * c + 4 * c + 4 * c * c + c
    return (SHAPE["padded"] + SHAPE["positions"] + 2) * c + SHAPE["layers"] * layer


def write_model(path):
    pick = random.Random(0)
    block = array.array("f", (pick.gauss(0, 0.02) for _ in range(1 << 16)))
    left = parameter_count()
    with open(path, "wb") as out:
        out.write(struct.pack("<256i", 20240326, 3, *SHAPE.values(), *[0] * 248))
        while left > 0:
            block[:left].tofile(out)
            left -= len(block)


def write_tokens(path, count):
    pick = random.Random(0)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as out:
        out.write(struct.pack("<256i", 20240520, 1, count, *[0] * 253))
        array.array("H", (pick.randrange(SHAPE["vocabulary"]) for _ in range(count))).tofile(out)


def prepare(checkout, folder, length):
    """Makes a folder in which train_gpt2.c, built by llm.c's own Makefile, finds a model and sequences of `length` tokens."""
    folder.mkdir()
    shutil.copytree(pathlib.Path(checkout) / "llmc", folder / "llmc")
    shutil.copy(pathlib.Path(checkout) / "Makefile", folder)
    source = (pathlib.Path(checkout) / "train_gpt2.c").read_text()
    changed, count = re.subn(r"int T = 64;", f"int T = {length};", source)
    if count != 1:
        raise SystemExit(f"{checkout}/train_gpt2.c has no 'int T = 64;': the length of its sequences cannot be set")
    (folder / "train_gpt2.c").write_text(changed)
    subprocess.run(["make", "train_gpt2"], cwd=folder, check=True, capture_output=True)
    write_model(folder / "gpt2_124M.bin")
    for name in ("train", "val"):
        write_tokens(folder / f"dev/data/tinyshakespeare/tiny_shakespeare_{name}.bin", 100_000)


def run(folder, length, steps, threads):
    """The tokens a second of the median of `steps` steps, behind two that do not count, and the peak of memory in bytes."""
    child = subprocess.Popen(["stdbuf", "-oL", "./train_gpt2"], cwd=folder, stdout=subprocess.PIPE, text=True,
                             env=os.environ | {"OMP_NUM_THREADS": str(threads)})
    times = []
    for line in child.stdout:
        if took := re.search(r"^step \d+: .*took ([\d.]+) ms", line):
            times.append(float(took[1]) / 1000)
            if len(times) == steps + 2:
                break
    child.kill()
    _, _, usage = os.wait4(child.pid, 0)
    if len(times) < steps + 2:
        raise SystemExit(f"llm.c ended after {len(times)} steps of {steps + 2}; its train_gpt2 makes 41 at most")
    return BATCH * length / statistics.median(times[2:]), usage.ru_maxrss * 1024
