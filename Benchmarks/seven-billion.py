#!/usr/bin/env python3
"""Memory and speed of a whole LLaMA-7B in Q4_0 with random weights (3.8 GB, made in a folder that goes afterwards), against llama.cpp on the
same file, taking turns. Needs the Python package gguf.

Usage: seven-billion.py --llama-cpp BIN [--repetitions 3] [--prompt-tokens 128] [--generate-tokens 32] [--threads 2]
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile

import gguf
import numpy as np

APUS = pathlib.Path(__file__).resolve().parent.parent / ".build/release/apus"
WIDTH, INNER, LAYERS, HEADS, WORDS = 4096, 11008, 32, 32, 32000


def write(path):
    random = np.random.default_rng(7)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(2048)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_vocab_size(WORDS)
    writer.add_tokenizer_model("no_vocab")
    shapes = {"token_embd": (WORDS, WIDTH), "output": (WORDS, WIDTH)}
    for layer in range(LAYERS):
        p = f"blk.{layer}."
        shapes |= {p + "attn_" + name: (WIDTH, WIDTH) for name in ("q", "k", "v", "output")}
        shapes |= {p + "ffn_gate": (INNER, WIDTH), p + "ffn_up": (INNER, WIDTH), p + "ffn_down": (WIDTH, INNER)}
    norms = ["output_norm"] + [f"blk.{layer}.{name}_norm" for layer in range(LAYERS) for name in ("attn", "ffn")]
    for name, (rows, columns) in shapes.items():
        writer.add_tensor_info(name + ".weight", (rows, columns // 32 * 18), np.dtype(np.uint8), rows * columns // 32 * 18, gguf.GGMLQuantizationType.Q4_0)
    for name in norms:
        writer.add_tensor_info(name + ".weight", (WIDTH,), np.dtype(np.float32), WIDTH * 4, gguf.GGMLQuantizationType.F32)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for rows, columns in shapes.values():
        blocks = random.integers(0, 256, (rows * columns // 32, 18), np.uint8)
        blocks[:, :2] = np.array([0.004], np.float16).view(np.uint8)
        writer.write_tensor_data(blocks)
    for _ in norms:
        writer.write_tensor_data(np.ones(WIDTH, np.float32))
    writer.close()


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{command[0]} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--llama-cpp", type=pathlib.Path, required=True)
    for name, value in (("repetitions", 3), ("prompt-tokens", 128), ("generate-tokens", 32), ("threads", 2)):
        parser.add_argument("--" + name, type=int, default=value)
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "seven-billion.gguf"
        write(file)
        size, apus, rival = file.stat().st_size, [], []
        for _ in range(a.repetitions):
            apus.append(run(APUS, "bench", "--model", file, "--threads", a.threads, "--repetitions", 1, "--prompt-tokens", a.prompt_tokens,
                            "--generate-tokens", a.generate_tokens, "--output", "json"))
            rival.append(run(a.llama_cpp / "llama-bench", "-m", file, "-t", a.threads, "-r", 1, "-p", a.prompt_tokens, "-n", a.generate_tokens,
                             "-o", "json"))
        peak = max(result["peak_rss_bytes"] for result in apus)
        print(f"file {size} bytes, peak {peak} bytes, {peak / size:.3f} of it")
        for what, key, index in (("prefill", "prompt_tokens_per_second", 0), ("decode", "tokens_per_second", 1)):
            ours = statistics.median(result["results"][0][key] for result in apus)
            theirs = statistics.median(result[index]["avg_ts"] for result in rival)
            print(f"{what}: Apus {ours:.2f}, llama.cpp {theirs:.2f} tokens/s, {ours / theirs:.2f} times")


main()
