#!/usr/bin/env python3
"""Measures `apus tokenizer train` against Hugging Face tokenizers on the same files with the same number of threads, and compares what
both have learnt.

BPE: merges and ids must be equal. WordPiece: equal once Hugging Face is given the characters' order, which it draws anew in each run
(the run with the order is not timed). Unigram: the mean log-likelihood and the number of tokens of a character, on the held-out text.
The rivals take turns; the figures are medians. Unigram takes Hugging Face minutes, so it runs once unless --repetitions-unigram says more.

Usage: tokenizer-training.py --apus PROGRAM --text TEXT... --held-out TEXT [--vocab-size 30000] [--threads 2] [--repetitions 3] [--kinds bpe ...]
Needs: pip install tokenizers. For TEXT, 20 MB of Debian's python3.11-doc, wordnet-base and manpages-zh serve well.
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


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--apus", required=True)
    parser.add_argument("--text", required=True, nargs="+")
    parser.add_argument("--held-out")
    parser.add_argument("--vocab-size", type=int, default=30000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--repetitions-unigram", type=int, default=1)
    parser.add_argument("--kinds", nargs="+", default=["bpe", "wordpiece", "unigram"])
    return parser.parse_args()


options = arguments()
os.environ["RAYON_NUM_THREADS"] = str(options.threads)
os.environ["TOKENIZERS_PARALLELISM"] = "true"
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "Tests" / "Goldens"))

import make_trainers  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402


def apus(kind, text, folder):
    out = folder / f"apus-{kind}"
    (out / "tokenizer.json").unlink(missing_ok=True)
    command = [options.apus, "tokenizer", "train", "--kind", kind, "--vocab-size", str(options.vocab_size), "--files", text, "--out", out,
               "--threads", str(options.threads), "--output", "json"]
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start, Tokenizer.from_file(str(out / "tokenizer.json"))


def hugging_face(kind, text):
    train = {"bpe": make_trainers.bpe, "unigram": make_trainers.unigram, "wordpiece": lambda *rest: make_trainers.wordpiece(*rest, fixes_order=False)}
    start = time.perf_counter()
    tokenizer = train[kind](text, options.vocab_size)
    return time.perf_counter() - start, tokenizer


def compare(kind, ours, theirs, text, held_out):
    if kind == "unigram":
        values = [make_trainers.quality(tokenizer, held_out) for tokenizer in (ours, theirs)]
        return "log-likelihood and tokens a character, held out: " + "; ".join(f"{a:.4f}, {b:.4f}" for a, b in values)
    if kind == "wordpiece":
        theirs = make_trainers.wordpiece(text, options.vocab_size)
    assert make_trainers.learnt(ours) == make_trainers.learnt(theirs), f"{kind}: what was learnt differs"
    return f"{ours.get_vocab_size()} tokens equal" + (", merges too" if kind == "bpe" else "")


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        text = folder / "text"
        text.write_text("".join(pathlib.Path(path).read_bytes().decode("utf-8", errors="ignore") for path in options.text), newline="")
        held_out = pathlib.Path(options.held_out or options.text[0]).read_bytes()[:2_000_000].decode("utf-8", errors="ignore")
        print(f"{text.stat().st_size / 1e6:.1f} MB, {options.vocab_size} tokens, {options.threads} threads")
        for kind in options.kinds:
            times = {"apus": [], "tokenizers": []}
            for _ in range(options.repetitions_unigram if kind == "unigram" else options.repetitions):
                seconds, ours = apus(kind, text, folder)
                times["apus"].append(seconds)
                seconds, theirs = hugging_face(kind, str(text))
                times["tokenizers"].append(seconds)
            ours_seconds, theirs_seconds = (statistics.median(times[name]) for name in ("apus", "tokenizers"))
            print(f"{kind:10} apus {ours_seconds:7.2f} s, tokenizers {theirs_seconds:7.2f} s: {theirs_seconds / ours_seconds:5.1f} x; "
                  + compare(kind, ours, theirs, str(text), held_out), flush=True)


main()
