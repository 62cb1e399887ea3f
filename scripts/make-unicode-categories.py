#!/usr/bin/env python3
"""Writes Sources/ApusTokenizers/UnicodeCategories+Data.swift: the general category of every code point.

The categories are asked of the regular expressions inside Hugging Face tokenizers, not of Python's own
tables, so that \\p{L} here means what it means there (Unicode 16 with tokenizers 0.20 to 0.23).

Usage: make-unicode-categories.py > Sources/ApusTokenizers/UnicodeCategories+Data.swift
"""
from tokenizers import Regex, pre_tokenizers

# The order is that of UnicodeCategory in UnicodeCategories.swift.
CATEGORIES = "Cn Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co".split()
WHITE_CONTROL = len(CATEGORIES)  # the control characters that are also White_Space
SURROGATE = CATEGORIES.index("Cn")
END = 0x110000


def code_points_matching(pattern):
    splitter = pre_tokenizers.Split(Regex(pattern), "removed", invert=True)
    for low in range(0, END, 0x4000):
        text = "".join(chr(c) for c in range(low, low + 0x4000) if not 0xD800 <= c <= 0xDFFF)
        for piece, _ in splitter.pre_tokenize_str(text):
            yield from map(ord, piece)


def main():
    table = [SURROGATE] * END
    for index, name in enumerate(CATEGORIES):
        for c in code_points_matching(r"\p{%s}" % name):
            table[c] = index
    for c in code_points_matching(r"\s"):
        if table[c] == CATEGORIES.index("Cc"):
            table[c] = WHITE_CONTROL

    runs = []
    for category in table:
        if runs and runs[-1][0] == category:
            runs[-1][1] += 1
        else:
            runs.append([category, 1])
    text = []
    for category, length in runs:
        text.append(chr(0x30 + category))
        while length >= 32:
            text.append(chr(0x30 + 32 + length % 32))
            length //= 32
        text.append(chr(0x30 + length))
    text = "".join(text)

    print("// Written by scripts/make-unicode-categories.py; edit that instead.\n")
    print("extension UnicodeCategories {")
    print("    /// Runs of code points from 0 to 0x10FFFF: a category, then the run's length in base 32, low digit")
    print("    /// first, digits that more follow raised by 32; each symbol is 0x30 plus its value.")
    print('    static let runs: StaticString = #"""')
    for start in range(0, len(text), 120):
        print("        " + text[start:start + 120])
    print('        """#')
    print("}")


main()
