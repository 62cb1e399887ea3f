#!/usr/bin/env python3
"""Writes the tables that Sources/ApusTokenizers needs to change text as Hugging Face tokenizers does:
TextClasses+Data.swift, what its components without a pattern take a code point for (not the Unicode of its patterns), and CompatibilityMappings+Data.swift, the compatibility decompositions.

Usage: make-text-classes.py Sources/ApusTokenizers      (needs the package `tokenizers`)
"""
import sys

from tokenizers import normalizers, pre_tokenizers

END = 0x110000
# The order is that of the bits of TextClasses.Class.
ACCENT, BERT_MARK, BERT_REMOVED, BERT_PUNCTUATION, WORD = 1, 2, 4, 8, 16


def digits(value):
    text = ""
    while value >= 32:
        text += chr(0x30 + 32 + value % 32)
        value //= 32
    return text + chr(0x30 + value)


def write(path, extension, comment, name, text):
    with open(path, "w") as file:
        file.write("// Written by scripts/make-text-classes.py; edit that instead.\n\n")
        file.write(f"extension {extension} {{\n")
        for line in comment:
            file.write(f"    /// {line}\n")
        file.write(f'    static let {name}: StaticString = #"""\n')
        for start in range(0, len(text), 120):
            file.write("        " + text[start:start + 120] + "\n")
        file.write('        """#\n}\n')


def classes():
    accents = normalizers.StripAccents()
    bert = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    marks = normalizers.BertNormalizer(**(bert | dict(strip_accents=True)))
    clean = normalizers.BertNormalizer(**(bert | dict(clean_text=True)))
    splitter, words = pre_tokenizers.BertPreTokenizer(), pre_tokenizers.Whitespace()
    decompose = normalizers.NFD()
    for c in range(END):
        if 0xD800 <= c <= 0xDFFF:
            yield 0
            continue
        char = chr(c)
        value = 0
        if accents.normalize_str("a" + char) == "a":
            value |= ACCENT
        if len(decompose.normalize_str(char)) == 1 and marks.normalize_str("a" + char) == "a":
            value |= BERT_MARK
        if clean.normalize_str("a" + char + "b") == "ab":
            value |= BERT_REMOVED
        if [piece for piece, _ in splitter.pre_tokenize_str("a" + char + "b")] == ["a", char, "b"]:
            value |= BERT_PUNCTUATION
        if len(words.pre_tokenize_str("a" + char)) == 1 and len(words.pre_tokenize_str("-" + char)) == 2:
            value |= WORD
        yield value


def main():
    folder = sys.argv[1]
    runs = []
    for value in classes():
        if runs and runs[-1][0] == value:
            runs[-1][1] += 1
        else:
            runs.append([value, 1])
    text = "".join(chr(0x30 + value) + digits(length) for value, length in runs)
    write(
        f"{folder}/TextClasses+Data.swift", "TextClasses",
        ["Runs of code points from 0 to 0x10FFFF: a class, then the run's length in base 32, low digit first, digits that",
         "more follow raised by 32; each symbol is 0x30 plus its value."], "runs", text)

    canonical, compatible = normalizers.NFD(), normalizers.NFKD()
    text, last = "", 0
    for c in range(END):
        if 0xD800 <= c <= 0xDFFF:
            continue
        mapped = compatible.normalize_str(chr(c))
        if mapped != canonical.normalize_str(chr(c)):
            text += digits(c - last) + digits(len(mapped)) + "".join(digits(ord(char)) for char in mapped)
            last = c
    write(
        f"{folder}/CompatibilityMappings+Data.swift", "CompatibilityMappings",
        ["For each code point whose compatibility decomposition is not the canonical one: how far it lies from the one before,",
         "the number of code points it becomes, and those, in base 32 as in TextClasses."], "mappings", text)


main()
