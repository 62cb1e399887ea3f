#!/usr/bin/env python3
"""Measures prefill, decoding, batched decoding, the first token and memory against llama.cpp, on the same files, taking turns.

The model's weights are brought to every type by llama-quantize from one f32 file, so that both engines read the same numbers. Each
repetition runs both engines once on each type; the figures are medians, and the ratio is of medians. The roofline (apus bench --roofline) is
measured between the repetitions. Prints a table in Markdown and, with --json, everything measured.

A model whose type is a mixture (Gemma 3 270M: --types q4_k_m --own-type q4_k_m) is measured as it is.

Usage: llama-cpp.py --model MODEL.gguf --llama-cpp BIN [--types q4_1,...] [--own-type q4_1] [--batches 8,16] [--threads 2] [--repetitions 5] [--work DIR] [--json FILE]
BIN is the folder of llama-bench, llama-batched-bench, llama-completion and llama-quantize, built with native flags.
"""
import argparse
import csv
import datetime
import io
import json
import pathlib
import re
import statistics
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
APUS = HERE.parent / ".build/release/apus"
# Type: least ratio of prefill and of decoding, as docs/performance.md explains.
BARS = {"q4_1": (5, 2), "q8_0": (2.7, 1.4), "q4_0": (2.7, 1.3), "bf16": (1.7, 1.1), "f16": (1.6, 1.0), "f32": (1.6, 1.0),
        "q4_k_m": (1.4, 1.4)}
BATCH_BARS = {"q4_1": 4, "q8_0": 3}
ROOFLINE = ("read_bytes_per_second", "f32_operations_per_second", "int8_operations_per_second")


def output_of(command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return done.stdout


def make_types(arguments, work):
    """Files of each type, all from the same f32 weights; the model's own file serves for its type."""
    quantize = arguments.llama_cpp / "llama-quantize"
    whole = work / "f32.gguf"
    if set(arguments.types) != {arguments.own_type} and not whole.exists():
        output_of([quantize, "--allow-requantize", arguments.model, whole, "F32", arguments.threads])
    files = {}
    for name in arguments.types:
        files[name] = work / f"{name}.gguf"
        if name == arguments.own_type:
            files[name] = arguments.model
        elif not files[name].exists():
            output_of([quantize, whole, files[name], name.upper(), arguments.threads])
    return files


def apus_bench(arguments, file, *options):
    return json.loads(output_of([APUS, "bench", "--model", file, "--threads", arguments.threads, "--repetitions", 1, "--output", "json", *options]))


def llama_bench(arguments, file):
    text = output_of([arguments.llama_cpp / "llama-bench", "-m", file, "-t", arguments.threads, "-p", 512, "-n", 128, "-r", 1, "-o", "csv"])
    rows = list(csv.DictReader(io.StringIO(text)))
    return {"prefill" if int(row["n_prompt"]) else "decode": float(row["avg_ts"]) for row in rows}


def llama_batched(arguments, file, batch):
    text = output_of([
        arguments.llama_cpp / "llama-batched-bench", "-m", file, "-t", arguments.threads, "-c", 256 * batch + 64, "-npp", 128, "-ntg", 128,
        "-npl", batch, "--output-format", "jsonl"])
    rows = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return rows[0]["speed_tg"]


def first_token(command):
    """Seconds of a whole process that answers an 8-token prompt with one token; the process before it has warmed the page cache."""
    for _ in range(2):
        start = time.perf_counter()
        output_of(command, stdin=subprocess.DEVNULL)
        seconds = time.perf_counter() - start
    return seconds


def measure(arguments, files):
    samples = {}

    def add(*key_and_value):
        *key, value = key_and_value
        samples.setdefault(tuple(key), []).append(value)

    prompt = "The capital of France is the city of"
    for repetition in range(arguments.repetitions):
        roof = json.loads(output_of([APUS, "bench", "--roofline", "--threads", arguments.threads, "--output", "json"]))
        for key in ROOFLINE:
            add("roofline", key, roof[key])
        for name, file in files.items():
            ours, theirs = apus_bench(arguments, file), llama_bench(arguments, file)
            add(name, "prefill", "apus", ours["results"][0]["prompt_tokens_per_second"])
            add(name, "decode", "apus", ours["results"][0]["tokens_per_second"])
            add(name, "peak_rss", "apus", ours["peak_rss_bytes"])
            add(name, "prefill", "llama.cpp", theirs["prefill"])
            add(name, "decode", "llama.cpp", theirs["decode"])
            for batch in arguments.batches if name in BATCH_BARS else []:
                ours = apus_bench(arguments, file, "--batch", batch, "--prompt-tokens", 128, "--generate-tokens", 128)
                add(name, f"batch {batch}", "apus", ours["results"][0]["tokens_per_second"])
                add(name, f"batch {batch}", "llama.cpp", llama_batched(arguments, file, batch))
            if name == arguments.own_type:
                add(name, "first token", "apus", first_token([APUS, "generate", "--model", file, "--prompt", prompt, "--max-tokens", 1,
                                                              "--threads", arguments.threads]))
                add(name, "first token", "llama.cpp", first_token([arguments.llama_cpp / "llama-completion", "-m", file, "-p", prompt, "-n", 1,
                                                                   "-t", arguments.threads, "-no-cnv"]))
        print(f"repetition {repetition + 1} of {arguments.repetitions} done", flush=True)
    return samples


def processor():
    text = pathlib.Path("/proc/cpuinfo").read_text()
    name = re.search(r"model name\s*: (.*)", text)
    family, model = re.search(r"cpu family\s*: (\d+)", text), re.search(r"model\s*: (\d+)", text)
    return f"{name[1] if name else 'unknown'}, family {family[1] if family else '?'}, model {model[1] if model else '?'}"


def report(arguments, samples, instruction_set):
    middle = {key: statistics.median(values) for key, values in samples.items()}
    print(f"\n{processor()}; {instruction_set}; {arguments.threads} threads; {datetime.date.today()}; {arguments.repetitions} repetitions.\n")
    roof = {key: middle["roofline", key] for key in ROOFLINE}
    print(f"Roofline of the same run: {roof['read_bytes_per_second'] / 1e9:.1f} GB/s read, {roof['f32_operations_per_second'] / 1e9:.0f} GFLOP/s f32, "
          f"{roof['int8_operations_per_second'] / 1e9:.0f} GOP/s int8.\n")
    print("| type | what | Apus | llama.cpp | ratio | bar | met |\n|---|---|---|---|---|---|---|")
    for name in arguments.types:
        whats = ["prefill", "decode"] + [f"batch {batch}" for batch in arguments.batches if name in BATCH_BARS]
        for what in whats:
            ours, theirs = middle[name, what, "apus"], middle[name, what, "llama.cpp"]
            bar = BATCH_BARS[name] if what.startswith("batch") else BARS[name][what == "decode"]
            print(f"| {name.upper()} | {what} | {ours:.0f} | {theirs:.0f} | {ours / theirs:.2f} | {bar} | {'yes' if ours / theirs >= bar else 'no'} |")
    own = arguments.own_type
    if (own, "first token", "apus") in middle:
        ours, theirs = (middle[own, "first token", who] * 1000 for who in ("apus", "llama.cpp"))
        first, memory = (" (bar: 100 ms)", " (bar: 149 MB)") if own == "q4_1" else ("", "")
        print(f"\nFirst token of an 8-token prompt, a process from start to end: {ours:.0f} ms, llama.cpp {theirs:.0f} ms{first}. "
              f"Peak memory on {own.upper()}: {middle[own, 'peak_rss', 'apus'] / 1e6:.0f} MB{memory}.")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--llama-cpp", type=pathlib.Path, required=True)
    parser.add_argument("--types", type=lambda text: text.split(","), default=[name for name in BARS if name != "q4_k_m"])
    parser.add_argument("--own-type", default="q4_1", help="the type of MODEL")
    parser.add_argument("--batches", type=lambda text: [int(part) for part in text.split(",") if part], default=[8, 16])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--work", type=pathlib.Path, help="keeps the files of each type here")
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    unknown = set(arguments.types) - set(BARS)
    if unknown or arguments.repetitions < 1:
        parser.error(f"unknown types: {', '.join(unknown)}" if unknown else "--repetitions must be positive")
    with tempfile.TemporaryDirectory() as folder:
        work = arguments.work or pathlib.Path(folder)
        work.mkdir(parents=True, exist_ok=True)
        files = make_types(arguments, work)
        instruction_set = apus_bench(arguments, arguments.model, "--prompt-tokens", 8, "--generate-tokens", 1)["instruction_set"]
        samples = measure(arguments, files)
    report(arguments, samples, instruction_set)
    if arguments.json:
        arguments.json.write_text(json.dumps({"|".join(key): values for key, values in samples.items()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
