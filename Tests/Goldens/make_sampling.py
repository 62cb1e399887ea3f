#!/usr/bin/env python3
"""Writes how often words fall into which tokens at random: by BPE-dropout as Algorithm 1 of Provilkov et al. (2020) says it (that of Hugging Face
tokenizers gives merges passed over more chances, by entries of its queue that are out of date), and by sentencepiece's unigram sampling from
all segmentations. Usage: make_sampling.py Tests/Goldens/tokenizers"""
import collections
import json
import pathlib
import random
import sys

import sentencepiece
from tokenizers import Tokenizer

folder = pathlib.Path(sys.argv[1])
COUNT = 100_000
dice = random.Random(0)


def shares(draw):
    counts = collections.Counter(tuple(draw()) for _ in range(COUNT))
    return [[list(ids), count / COUNT] for ids, count in counts.most_common() if count >= COUNT / 1000]


def dropout(characters, ranks, vocabulary, rate):
    split = list(characters)
    while True:
        merges = [i for i in range(len(split) - 1) if (split[i], split[i + 1]) in ranks and dice.random() >= rate]
        if not merges:
            return [vocabulary[token] for token in split]
        first = min(merges, key=lambda i: (ranks[split[i], split[i + 1]], i))
        split[first:first + 2] = [split[first] + split[first + 1]]


result = []
for name, text, rate in [("gpt2", " something", 0.1), ("gpt2", " something", 0.5), ("hf-llama", "another one", 0.3)]:
    model = json.loads((folder / f"{name}.json").read_text())["model"]
    ranks = {tuple(merge.split(" ") if isinstance(merge, str) else merge): rank for rank, merge in enumerate(model["merges"])}
    # Both are a single piece; dropping no merge gives the library's tokens.
    piece = text.replace(" ", "Ġ") if name == "gpt2" else "▁" + text.replace(" ", "▁")
    assert dropout(piece, ranks, model["vocab"], 0) == Tokenizer.from_file(str(folder / f"{name}.json")).encode(text, add_special_tokens=False).ids
    result.append({"file": f"{name}.json", "text": text, "number": rate, "shares": shares(lambda: dropout(piece, ranks, model["vocab"], rate))})
for name, text, alpha in [("sp-unigram", "another", 0.1), ("sp-unigram", "the others", 0.02), ("sp-unigram-bytes", "these 1999 straße 中", 0.02)]:
    model = sentencepiece.SentencePieceProcessor(model_file=str(folder / f"{name}.model"))
    draw = lambda: model.encode(text, enable_sampling=True, alpha=alpha, nbest_size=-1, add_bos=False, add_eos=False)
    result.append({"file": f"{name}.model", "text": text, "number": alpha, "shares": shares(draw)})
(folder / "sampling.json").write_text(json.dumps(result) + "\n")
for row in result:
    print(row["file"], row["text"], row["number"], len(row["shares"]), row["shares"][:3])
