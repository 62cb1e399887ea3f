#!/usr/bin/env python3
"""Measures the speed of SentencePiece-like BPE, unigram and WordPiece on one thread against Hugging Face tokenizers.

The vocabularies are trained by Hugging Face tokenizers on the first megabytes of the same text. Both sides must give the same ids. The rivals
take turns; the figures are medians. Hugging Face slows down on long texts, so it is measured on short ones as well.

Usage: tokenizer-text.py --text TEXT... [--vocab-size 30000] [--megabytes 10] [--training-megabytes 4] [--repetitions 5]
Needs: pip install tokenizers numpy; and swift. For TEXT, Debian's python3.11-doc or linux-doc serve well.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

import numpy
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "Tests" / "Goldens"))

import make_trainers


def bpe(file, size):
    """LLaMA's: over characters with marks for spaces, bytes for what is no token."""
    special = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.train([file], trainers.BpeTrainer(vocab_size=size, special_tokens=special, show_progress=False))
    model = json.loads(tokenizer.to_str())["model"]
    tokenizer = Tokenizer(models.BPE(model["vocab"], [tuple(m) for m in model["merges"]], unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    return tokenizer


def timed(function):
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", required=True, nargs="+")
    parser.add_argument("--vocab-size", type=int, default=30000)
    parser.add_argument("--megabytes", type=int, default=10)
    parser.add_argument("--training-megabytes", type=int, default=4)
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()

    package = HERE / "tokenizer"
    subprocess.run(["swift", "build", "-c", "release"], cwd=package, check=True, capture_output=True)
    program = package / ".build" / "release" / "tokenizer-speed"
    text = b"".join(pathlib.Path(path).read_bytes() for path in options.text)[: options.megabytes * 1_000_000].decode("utf-8", errors="ignore")
    pieces = [text[start : start + 10_000] for start in range(0, len(text), 10_000)]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "text").write_bytes(text.encode())
        (folder / "training").write_bytes(text.encode()[: options.training_megabytes * 1_000_000].decode(errors="ignore").encode())
        print(f"{len(text.encode()) / 1e6:.1f} MB, one thread, medians of {options.repetitions}, MB/s and Apus's multiple", flush=True)
        wordpiece = lambda file, size: make_trainers.wordpiece(file, size, fixes_order=False)
        for name, train in [("SentencePiece BPE", bpe), ("unigram", make_trainers.unigram), ("WordPiece", wordpiece)]:
            train(str(folder / "training"), options.vocab_size).save(str(folder / "model.json"))
            # Hugging Face reads some scores a unit in the last place off, which decides ties: both take what it understands.
            rival = Tokenizer.from_file(str(folder / "model.json"))
            rival.save(str(folder / "model.json"))
            times = {"apus": [], "whole": [], "pieces": []}
            for _ in range(options.repetitions):
                run = subprocess.run([program, folder / "model.json", folder / "text", folder / "ids"], check=True, capture_output=True, text=True)
                times["apus"].append(json.loads(run.stdout)["seconds"])
                seconds, output = timed(lambda: rival.encode(text, add_special_tokens=False))
                times["whole"].append(seconds)
                assert numpy.array_equal(numpy.fromfile(folder / "ids", dtype="<i4"), numpy.array(output.ids)), f"{name}: ids differ"
                del output
                times["pieces"].append(timed(lambda: rival.encode_batch_fast(pieces, add_special_tokens=False))[0])
            apus, whole, short = (statistics.median(times[key]) for key in ("apus", "whole", "pieces"))
            speed = lambda seconds: f"{len(text.encode()) / seconds / 1e6:.1f}"
            print(f"{name:18} apus {speed(apus)}; tokenizers {speed(whole)} ({whole / apus:.1f} x), in pieces of 10 kB {speed(short)} "
                  f"({short / apus:.1f} x); ids equal", flush=True)


main()
