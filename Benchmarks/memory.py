#!/usr/bin/env python3
"""Memory of training, measured against the plan: activations by the tape's own count, and the whole by the process's peak.

Prints a table in Markdown, a row a shape, type and mode of recompute, of `apus bench --train`.

Usage: memory.py [--shapes llama-15m:256:8,...] [--types f32,bf16] [--threads 2]
A shape is a preset, the tokens of a sequence and the sequences of a step.
"""
import argparse
import json
import pathlib
import subprocess

APUS = pathlib.Path(__file__).resolve().parent.parent / ".build/release/apus"


def measure(shape, dtype, mode, threads):
    preset, length, batch = shape.split(":")
    command = [APUS, "bench", "--train", "--preset", preset, "--sequence-length", length, "--micro-batch", batch, "--compute", dtype, "--recompute", mode,
               "--threads", threads, "--repetitions", 1, "--output", "json"]
    return json.loads(subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", type=lambda text: text.split(","), default=["llama-15m:256:8", "gpt2-124m:256:4", "smollm2-135m:256:2"])
    parser.add_argument("--types", type=lambda text: text.split(","), default=["f32", "bf16"])
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    print("| shape, T, B | type | recompute | activations MB | planned | ratio | peak MB | planned | ratio |\n|---|---|---|---|---|---|---|---|---|")
    for shape in arguments.shapes:
        for dtype in arguments.types:
            for mode in ["none", "selective", "full"]:
                r = measure(shape, dtype, mode, arguments.threads)
                kept, planned, peak, total = (r[key] for key in ["activation_bytes", "planned_activation_bytes", "peak_rss_bytes", "planned_bytes"])
                print(f"| {', '.join(shape.split(':'))} | {dtype} | {mode} | {kept / 1e6:.1f} | {planned / 1e6:.1f} | {kept / planned:.3f} | {peak / 1e6:.0f} | "
                      f"{total / 1e6:.0f} | {peak / total:.3f} |", flush=True)


main()
