#!/usr/bin/env python3
"""Compares the ids of Apus with those of Hugging Face tokenizers and sentencepiece on megabytes of mixed text made from a seed.

The text mixes English, Chinese and other scripts, code, emoji, combining marks and random bytes. Tokenizers: the small ones of every kind in
Tests/Goldens/tokenizers, and, with --llama-cpp-models (scripts/fetch-test-data.sh), the published vocabularies of GPT-2, LLaMA 3, Qwen 2,
GPT-NeoX and StarCoder; with --tiktoken, files of published tiktoken vocabularies (their names end in .tiktoken). Byte-level BPE must also give back raw random bytes whole, whenever its vocabulary has a token for each byte.

Usage: tokenizer-exactness.py [--megabytes 5] [--seed 1] [--llama-cpp-models FOLDER] [--tiktoken FILE...] [--names gpt2 ...]
       tokenizer-exactness.py --golden FOLDER      writes 60 kB of the text and hashes of the ids (FOLDER is Tests/Goldens/tokenizers)
Needs: pip install tokenizers sentencepiece numpy (gguf for --llama-cpp-models, tiktoken for --tiktoken); and swift.
"""
import argparse
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy
import sentencepiece
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

HERE = pathlib.Path(__file__).resolve().parent
GOLDENS = HERE.parent / "Tests" / "Goldens"
sys.path.insert(0, str(GOLDENS))

import make_tokenizers

BYTE_LEVEL = ["gpt2", "gpt2-prefix-space", "smollm", "llama3", "qwen2", "gpt4-removed", "gpt4o", "deepseek3", "bloom", "falcon", "merged", "whitespace"]
TEXT = ["hf-llama", "hf-mistral", "hf-gemma", "hf-bpe-unknown", "hf-bpe-words", "hf-t5", "hf-albert", "hf-unigram-bytes", "hf-bert", "hf-bert-cased",
        "hf-word-piece"]
SENTENCE_PIECE = ["sp-llama", "sp-bpe", "sp-unigram", "sp-unigram-bytes", "sp-suffix"]
PUBLISHED = {"gpt-2": "gpt2", "llama-bpe": "llama3", "qwen2": "qwen2", "gpt-neox": "gpt2", "starcoder": "smollm"}


def make_text(byte_count, seed):
    rng = random.Random(seed)
    word = lambda: rng.choice(make_tokenizers.WORDS)
    marks = [chr(c) for c in [*range(0x300, 0x370), *range(0x591, 0x5BE), *range(0x64B, 0x653), *range(0x93E, 0x94D), *range(0xE34, 0xE3B), 0x20D7, 0xFE0F]]
    emoji = [*map(chr, range(0x1F300, 0x1F650)), *map(chr, range(0x1F900, 0x1FA00)), "❤️", "👩‍🚀", "👨‍👩‍👧‍👦", "🇩🇪", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "1️⃣", "👍🏽"]
    space = lambda: rng.choice([" "] * 12 + ["  ", "\n", "\n\n", "\t", "\r\n", "   ", "\u00a0", "\u3000"])

    def english():
        shape = rng.random()
        text = word()
        text = text.capitalize() if shape < 0.1 else text.upper() if shape < 0.14 else text
        return text + rng.choice([""] * 8 + [",", ".", "!", "?", "'s", "'t", "'LL", "…", ";", "—"]) + space()

    def chinese():
        return "".join(chr(0x4E00 + int(rng.paretovariate(0.6) * 7) % 20000) for _ in range(rng.randint(1, 12))) + rng.choice("，。！？、；：")

    def code():
        name = rng.choice(["x", "count", "my_value", "HTTPServer", "i", "__init__", word()])
        return rng.choice(["for (int {0} = 0; {0} < {1}; ++{0}) {{\n", "    return {0}[{1}] != {0};\n", "def {0}(self, n={1}):\n\t", "// {0} → {1}\n", "{0}->{0}({1}, \"{0}\")\r\n",
                           "<{0} id='{1}'/>", "0x{1} == 1e-{1}  ", "https://{0}.org/{1}?q=%20&"]).format(name, rng.randint(0, 10 ** rng.randint(1, 8)))

    def combining():
        return "".join(rng.choice("aeinoukгन" + "กאع가") + "".join(rng.choice(marks) for _ in range(rng.randint(0, 3))) for _ in range(rng.randint(1, 6))) + space()

    def anything():
        # Random bytes as text: U+FFFD for what is no UTF-8, and rare code points.
        if rng.random() < 0.5:
            return rng.randbytes(rng.randint(1, 24)).decode("utf-8", errors="replace")
        value = rng.choice([rng.randrange(0x250), rng.randrange(0x3000), rng.randrange(0x10000), rng.randrange(0x110000)])
        return chr(value) if not 0xD800 <= value < 0xE000 else "\ufffd"

    makers = [english] * 8 + [chinese] * 3 + [code] * 3 + [combining] * 2 + [lambda: rng.choice(emoji)] * 2 + [anything] * 2
    parts, size = [], 0
    while size < byte_count:
        # Stretches of one kind, so that its words repeat and kinds meet.
        maker = rng.choice(makers)
        for _ in range(rng.randint(1, 30)):
            parts.append(maker())
            size += len(parts[-1].encode())
    return "".join(parts)


def published(folder, name):
    import gguf
    fields = gguf.GGUFReader(f"{folder}/ggml-vocab-{name}.gguf").fields
    read = lambda key: [bytes(fields[key].parts[i]).decode() for i in fields[key].data]
    vocabulary = {token: index for index, token in enumerate(read("tokenizer.ggml.tokens"))}
    kind = PUBLISHED[name]
    merges = [tuple(merge.split(" ", 1)) for merge in read("tokenizer.ggml.merges")]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, ignore_merges=kind == "llama3"))
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=kind in ("gpt2", "smollm"))
    first = {"gpt2": [], "smollm": [pre_tokenizers.Digits(True)], "llama3": [make_tokenizers.split(make_tokenizers.LLAMA3)],
             "qwen2": [make_tokenizers.split(make_tokenizers.QWEN2)]}[kind]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(first + [byte_level])
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def saved_again(path, folder):
    """Hugging Face reads some scores a unit in the last place off, which decides ties: the file as it understands it."""
    tokenizer = Tokenizer.from_file(str(path))
    while (again := Tokenizer.from_str(tokenizer.to_str())).to_str() != tokenizer.to_str():
        tokenizer = again
    tokenizer.save(str(folder / path.name))
    return folder / path.name


def tiktoken_encoding(path):
    import tiktoken
    from tiktoken_ext import openai_public
    ranks = tiktoken.load.load_tiktoken_bpe(str(path))
    openai_public.load_tiktoken_bpe = lambda *_, **__: ranks
    patterns = {50256: openai_public.r50k_pat_str, 50280: openai_public.r50k_pat_str, 128000: make_tokenizers.LLAMA3, 151643: make_tokenizers.QWEN2}
    if len(ranks) not in patterns:
        patterns |= {100256: openai_public.cl100k_base()["pat_str"], 199998: openai_public.o200k_base()["pat_str"]}
    return tiktoken.Encoding("file", pat_str=patterns[len(ranks)], mergeable_ranks=ranks, special_tokens={})


def encode_reference(path, text):
    if path.suffix == ".tiktoken":
        return tiktoken_encoding(path).encode_ordinary(text)
    if path.suffix == ".model":
        return sentencepiece.SentencePieceProcessor(model_file=str(path)).encode(text)
    return Tokenizer.from_file(str(path)).encode(text, add_special_tokens=False).ids


def build():
    package = HERE / "tokenizer"
    subprocess.run(["swift", "build", "-c", "release"], cwd=package, check=True, capture_output=True)
    return package / ".build" / "release" / "tokenizer-speed"


def encode(program, path, text, folder):
    (folder / "text").write_bytes(text)
    run = subprocess.run([program, path, folder / "text", folder / "ids"], check=True, capture_output=True, text=True)
    return numpy.fromfile(folder / "ids", dtype="<i4"), json.loads(run.stdout)


def hash_of(ids):
    """FNV-1a over the ids as 32-bit words."""
    value = 0xCBF29CE484222325
    for id in ids:
        value = (value ^ id) * 0x100000001B3 % 2**64
    return f"{value:016x}"


def write_golden(folder, seed):
    text = make_text(60_000, seed)
    (folder / "exactness.txt").write_bytes(text.encode())
    paths = [folder / f"{name}.json" for name in BYTE_LEVEL + TEXT] + [folder / f"{name}.model" for name in SENTENCE_PIECE]
    hashes = {path.name: hash_of(encode_reference(path, text)) for path in paths}
    (folder / "exactness.json").write_text(json.dumps(hashes, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--llama-cpp-models")
    parser.add_argument("--tiktoken", nargs="+", type=pathlib.Path, default=[])
    parser.add_argument("--names", nargs="+")
    parser.add_argument("--golden", type=pathlib.Path)
    options = parser.parse_args()
    if options.golden:
        return write_golden(options.golden, options.seed)
    program = build()
    text = make_text(int(options.megabytes * 1e6), options.seed)
    raw = random.Random(options.seed).randbytes(len(text.encode()))
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        paths = [GOLDENS / "tokenizers" / f"{name}.json" for name in BYTE_LEVEL + TEXT]
        paths += [GOLDENS / "tokenizers" / f"{name}.model" for name in SENTENCE_PIECE]
        if options.llama_cpp_models:
            for name in PUBLISHED:
                published(options.llama_cpp_models, name).save(str(folder / f"published-{name}.json"))
                paths.append(folder / f"published-{name}.json")
        paths += options.tiktoken
        for path in paths:
            if options.names and path.stem not in options.names:
                continue
            if path.suffix == ".json":
                path = saved_again(path, folder)
            ids, run = encode(program, path, text.encode(), folder)
            expected = numpy.array(encode_reference(path, text))
            equal = numpy.array_equal(ids, expected)
            notes = [f"{len(ids)} tokens {'equal' if equal else 'DIFFER'}", "comes back" if run["comes_back"] else "does not come back"]
            if not equal:
                failures += 1
                shorter = min(len(ids), len(expected))
                first = int(numpy.argmax(ids[:shorter] != expected[:shorter]))
                notes.append(f"from token {first}: {ids[first : first + 8].tolist()}, expected {expected[first : first + 8].tolist()}")
            if path.stem in BYTE_LEVEL or path.stem.startswith("published") or path.suffix == ".tiktoken":
                _, run = encode(program, path, raw, folder)
                notes.append("raw bytes come back" if run["comes_back"] else "raw bytes do not come back")
            print(f"{path.stem:24} {'; '.join(notes)}", flush=True)
    print(f"{len(text.encode()) / 1e6:.1f} MB, seed {options.seed}: " + (f"{failures} tokenizers differ" if failures else "all equal"))
    sys.exit(failures > 0)


main()
