#!/usr/bin/env python3
"""Measures steps of training against PyTorch's on the CPU, taking turns: forward, backward, clipping and AdamW on random tokens.

The shapes are Benchmarks/training/*.yaml; PyTorch runs transformers' model with SDPA and fused AdamW (training/torch_step.py), eager, and
compiled with --compile. Figures are medians of the repetitions, each a process of its own; the ratio is to PyTorch's best. Prints a table in
Markdown. With --llm-c, llm.c's train_gpt2.c takes its turns too on the shapes of GPT-2 in f32, without clipping; lines behind the table name its figures.

Usage: training.py --python VENV/bin/python [--shapes llama-15m,...] [--types f32,bf16] [--repetitions 5] [--steps 4] [--threads 2] [--compile]
                   [--llm-c CHECKOUT]
VENV has torch, transformers, numpy and PyYAML; CHECKOUT is a clone of github.com/karpathy/llm.c.
"""
import argparse
import json
import pathlib
import random
import statistics
import struct
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "training"))

import llm_c

APUS = HERE.parent / ".build/release/apus"


def write_tokens(prefix, vocabulary, count):
    """A document of random tokens as Megatron-LM stores it."""
    pick = random.Random(0)
    prefix.with_suffix(".bin").write_bytes(struct.pack(f"<{count}i", *(pick.randrange(vocabulary) for _ in range(count))))
    prefix.with_suffix(".idx").write_bytes(b"MMIDIDX\0\0" + struct.pack("<QBQQiqqq", 1, 4, 1, 2, count, 0, 0, 1))


def apus_run(arguments, shape, dtype, tokens):
    with tempfile.TemporaryDirectory() as folder:
        settings = {"data.train": f"[{tokens}]", "data.shuffle": "false", "precision.compute": dtype, "log.every": 1, "log.tensorboard": "false",
                    "schedule.total_steps": arguments.steps + 2, "schedule.warmup_steps": 1, "checkpoint.directory": f"{folder}/run",
                    "checkpoint.every": 1000000}
        command = [APUS, "train", HERE / f"training/{shape}.yaml", "--threads", arguments.threads]
        for key, value in settings.items():
            command += ["--set", f"{key}={value}"]
        subprocess.run([str(part) for part in command], check=True, capture_output=True)
        lines = [json.loads(line) for line in (pathlib.Path(folder) / "run/metrics.jsonl").read_text().splitlines()]
    return statistics.median(line["tokens_per_second"] for line in lines[2:]), lines[-1]["peak_rss_bytes"]


def torch_run(arguments, shape, dtype, mode):
    command = [arguments.python, HERE / "training/torch_step.py", HERE / f"training/{shape}.yaml", dtype, mode, arguments.steps, arguments.threads]
    done = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True)
    result = json.loads(done.stdout.splitlines()[-1])
    return result["tokens_per_second"], result["peak_rss_bytes"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", required=True)
    parser.add_argument("--shapes", type=lambda text: text.split(","), default=["llama-15m", "smollm2-135m", "gpt2-124m-64", "gpt2-124m-256"])
    parser.add_argument("--types", type=lambda text: text.split(","), default=["f32", "bf16"])
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--llm-c")
    arguments = parser.parse_args()
    modes = ["eager"] + (["compile"] if arguments.compile else [])
    print("| shape | type | Apus tokens/s | PyTorch " + " / ".join(modes) + " | ratio | Apus MB | PyTorch MB | ratio |\n|---|---|---|---|---|---|---|---|")
    llm_c_lines = []
    with tempfile.TemporaryDirectory() as folder:
        for shape in arguments.shapes:
            tokens = pathlib.Path(folder) / shape
            write_tokens(tokens, 32000, 200000)
            for dtype in arguments.types:
                own, rival, plain = [], {mode: [] for mode in modes}, []
                beside_llm_c = arguments.llm_c and dtype == "f32" and shape.startswith("gpt2-124m-")
                if beside_llm_c:
                    length = int(shape.rsplit("-", 1)[1])
                    llm_c.prepare(arguments.llm_c, tokens.with_suffix(".llm.c"), length)
                for _ in range(arguments.repetitions):
                    own.append(apus_run(arguments, shape, dtype, tokens))
                    for mode in modes:
                        rival[mode].append(torch_run(arguments, shape, dtype, mode))
                    if beside_llm_c:
                        plain.append(llm_c.run(tokens.with_suffix(".llm.c"), length, arguments.steps, arguments.threads))
                speed, memory = (statistics.median(run[i] for run in own) for i in (0, 1))
                speeds = [statistics.median(run[0] for run in rival[mode]) for mode in modes]
                least = min(statistics.median(run[1] for run in rival[mode]) for mode in modes)
                print(f"| {shape} | {dtype} | {speed:.0f} | {' / '.join(f'{s:.0f}' for s in speeds)} | {speed / max(speeds):.2f} | {memory / 1e6:.0f} | "
                      f"{least / 1e6:.0f} | {memory / least:.2f} |", flush=True)
                if beside_llm_c:
                    rate, peak = (statistics.median(run[i] for run in plain) for i in (0, 1))
                    llm_c_lines.append(f"{shape}: llm.c {rate:.0f} tokens/s, {speed / rate:.2f} x; {peak / 1e6:.0f} MB")
    for line in llm_c_lines:
        print("\n" + line)


main()
