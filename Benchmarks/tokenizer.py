#!/usr/bin/env python3
"""Measures the speed of byte-level BPE on one thread against Hugging Face tokenizers, tiktoken and rs-bpe.

All encode the same bytes. Apus, tokenizers and tiktoken use the vocabulary of MODEL.gguf (SmolLM2: GPT-2's pattern with single
digits) and must give the same ids; rs-bpe knows OpenAI's vocabularies only, so it is measured on its cl100k, and beside that Apus on
the vocabulary of CL100K_LIKE.gguf when given (llama.cpp's ggml-vocab-llama-bpe.gguf: the same pattern, 128k tokens).
The rivals take turns; the figures are medians.

Usage: tokenizer.py --model MODEL.gguf --text TEXT... [--cl100k-like VOCAB.gguf] [--megabytes 10] [--repetitions 5]
Needs: pip install gguf tokenizers tiktoken rs-bpe numpy; and swift. For TEXT, Debian's python3.11-doc or linux-doc serve well.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

import gguf
import numpy
import tiktoken
from rs_bpe.bpe import openai
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

HERE = pathlib.Path(__file__).resolve().parent
GPT4 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def gguf_tables(path):
    fields = gguf.GGUFReader(path).fields
    read = lambda key: [bytes(fields[key].parts[i]).decode() for i in fields[key].data]
    return read("tokenizer.ggml.tokens"), read("tokenizer.ggml.merges"), read("tokenizer.ggml.pre")[0]


def hugging_face(tokens, merges, pre):
    vocabulary = {token: index for index, token in enumerate(tokens)}
    ignore_merges = pre == "llama-bpe"
    tokenizer = Tokenizer(models.BPE(vocabulary, [tuple(merge.split(" ", 1)) for merge in merges], ignore_merges=ignore_merges))
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=pre == "smollm")
    first = pre_tokenizers.Digits(True) if pre == "smollm" else pre_tokenizers.Split(Regex(GPT4), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([first, byte_level])
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def tiktoken_encoding(tokens, merges):
    """tiktoken merges by the rank of the joined token, so the tokens go in the order of the merges."""
    to_byte = {char: byte for byte, char in gguf_bytes_to_unicode().items()}
    raw = lambda text: bytes(to_byte[char] for char in text)
    ids = {token: index for index, token in enumerate(tokens)}
    # SmolLM2 has no token for some bytes that no text holds; tiktoken wants all.
    order = [ids.get(gguf_bytes_to_unicode()[byte], -1) for byte in range(256)]
    ranks = {bytes([byte]): byte for byte in range(256)}
    for merge in merges:
        joined = merge.replace(" ", "")
        if raw(joined) not in ranks:
            ranks[raw(joined)] = len(ranks)
            order.append(ids[joined])
    # Single digits, then GPT-2's pattern on what lies between, as one pattern.
    pattern = r"\p{N}|'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?[^\s\p{L}\p{N}]+|\s+(?![^\s\p{N}])|\s+"
    encoding = tiktoken.Encoding("gguf", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
    return encoding, order


def gguf_bytes_to_unicode():
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(0x100 + n) for n, byte in enumerate(others)}


def timed(function):
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def apus(program, tokenizer_json, text, ids):
    run = subprocess.run([program, tokenizer_json, text, ids], check=True, capture_output=True, text=True)
    result = json.loads(run.stdout)
    return result["seconds"], numpy.fromfile(ids, dtype="<i4"), result["load_seconds"]


def report(rows, byte_count, base):
    print(f"{'':34}{'MB/s':>8}{'ratio':>8}")
    for name, times in rows.items():
        print(f"{name:34}{byte_count / statistics.median(times) / 1e6:8.1f}{statistics.median(times) / statistics.median(rows[base]):8.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--text", required=True, nargs="+")
    parser.add_argument("--cl100k-like")
    parser.add_argument("--megabytes", type=int, default=10)
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()

    package = HERE / "tokenizer"
    subprocess.run(["swift", "build", "-c", "release", "--package-path", package], check=True, capture_output=True)
    program = package / ".build" / "release" / "tokenizer-speed"
    raw = b"".join(pathlib.Path(path).read_bytes() for path in options.text)[: options.megabytes * 1_000_000]
    text = raw.decode("utf-8", errors="ignore")
    raw = text.encode()

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "text").write_bytes(raw)
        tables = gguf_tables(options.model)
        rival = hugging_face(*tables)
        rival.save(str(folder / "model.json"))
        encoding, order = tiktoken_encoding(*tables[:2])
        cl100k = openai.cl100k_base()
        if options.cl100k_like:
            hugging_face(*gguf_tables(options.cl100k_like)).save(str(folder / "cl100k.json"))

        # Hugging Face slows down on long texts, so it is measured on short ones as well.
        pieces = [text[start : start + 10_000] for start in range(0, len(text), 10_000)]
        rows, expected = {}, None
        for _ in range(options.repetitions):
            seconds, ids, load = apus(program, folder / "model.json", folder / "text", folder / "ids")
            rows.setdefault("apus", []).append(seconds)
            seconds, output = timed(lambda: rival.encode(text, add_special_tokens=False))
            rows.setdefault("tokenizers", []).append(seconds)
            if expected is None:
                expected = numpy.array(output.ids)
                assert numpy.array_equal(ids, expected), "apus and tokenizers differ"
            del output
            seconds, _ = timed(lambda: rival.encode_batch_fast(pieces, add_special_tokens=False))
            rows.setdefault("tokenizers, in pieces of 10 kB", []).append(seconds)
            seconds, output = timed(lambda: encoding.encode_ordinary(text))
            rows.setdefault("tiktoken", []).append(seconds)
            assert numpy.array_equal(numpy.array(order)[numpy.array(output)], expected), "tiktoken differs"
            if options.cl100k_like:
                seconds, _, _ = apus(program, folder / "cl100k.json", folder / "text", folder / "ids")
                rows.setdefault("apus, llama-bpe vocabulary", []).append(seconds)
            seconds, _ = timed(lambda: cl100k.encode(text))
            rows.setdefault("rs-bpe, cl100k vocabulary", []).append(seconds)
    print(f"{len(raw) / 1e6:.1f} MB, {len(expected)} tokens, one thread, medians of {options.repetitions}; ids equal; the ratio is time over apus's")
    report(rows, len(raw), "apus")


main()
