#!/usr/bin/env python3
"""Writes a small file of tiktoken's with the tokens of FOLDER/gpt2.json, and the ids that tiktoken gives for the texts of make_tokenizers.py
under the pattern of cl100k.

Usage: make_tiktoken.py FOLDER                                          (FOLDER is Tests/Goldens/tokenizers)
"""
import base64
import json
import sys

import tiktoken

CL100K = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s"


def main():
    folder = sys.argv[1]
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    alphabet = {chr(byte): byte for byte in printable} | {
        chr(0x100 + n): byte for n, byte in enumerate(byte for byte in range(256) if byte not in printable)}
    vocabulary = json.load(open(f"{folder}/gpt2.json"))["model"]["vocab"]
    tokens = [bytes(alphabet[c] for c in token) for token in sorted(vocabulary, key=vocabulary.get) if token not in ("<s>", "</s>")]
    ranks = {token: rank for rank, token in enumerate(tokens)}
    with open(f"{folder}/small.tiktoken", "w") as file:
        file.writelines(f"{base64.b64encode(token).decode()} {rank}\n" for token, rank in ranks.items())
    special = {"<|endoftext|>": len(ranks) + 2}
    encoding = tiktoken.Encoding("small", pat_str=CL100K, mergeable_ranks=ranks, special_tokens=special)
    texts = json.load(open(f"{folder}/texts.json")) + [" \n  ", "a \n\n  ", "\u3000\n", "a<|endoftext|>b"]
    rows = [[text, encoding.encode(text, allowed_special="all"), encoding.encode_ordinary(text)] for text in texts]
    with open(f"{folder}/small.tiktoken.ids.json", "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n]\n")


main()
