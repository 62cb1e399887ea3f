#!/usr/bin/env python3
"""Trains a small byte-level BPE for each kind of tokenizer.json and writes it with the ids that Hugging Face
tokenizers gives for nasty texts.

Usage: make_tokenizers.py FOLDER      (FOLDER is Tests/Goldens/tokenizers; needs the package `tokenizers`)

FOLDER/NAME.json is the tokenizer, FOLDER/NAME.ids.json a list of ids for each of FOLDER/texts.json: without and with
special tokens. The training text is made up here, from a fixed seed.
"""
import json
import random
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

LETTERS = r"\p{L}"
CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
LLAMA3 = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
GPT4O = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+{CONTRACTIONS}?|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*{CONTRACTIONS}?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
DEEPSEEK3 = [
    r"\p{N}{1,3}",
    "[一-龥぀-ゟ゠-ヿ]+",
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+",
]
BLOOM = r" ?[^(\s|[.,!?…。，、।۔،])]+"

WORDS = """the of and to in is that it was for on are as with his they at be this from have or by one had not but what all were
when we there can an your which their said if do will each about how up out them then she many some so these would other into has more
her two like him see time could no make than first been its who now people my made over did down only way find use may water long little
function return value string object import class self None True False while print int float const char void static public private
Überraschung größer straße naïve café déjà año niño привет мир как дела хорошо спасибо γειά σου κόσμε שלום עולם مرحبا بالعالم
नमस्ते दुनिया ภาษาไทย 你好 世界 我们 中国 今天 天气 こんにちは 世界 ありがとう カタカナ 안녕하세요 세계 Việt tiếng""".split()


def corpus():
    rng = random.Random(7)
    for _ in range(3000):
        words = []
        for _ in range(rng.randint(3, 14)):
            word = rng.choice(WORDS)
            shape = rng.random()
            if shape < 0.1:
                word = word.capitalize()
            elif shape < 0.13:
                word = word.upper()
            elif shape < 0.2:
                word += rng.choice(["'s", "'t", "'ll", "'re", "'VE", "'d", "'m"])
            elif shape < 0.28:
                word = str(rng.randint(0, 10 ** rng.randint(1, 7)))
            elif shape < 0.32:
                word = rng.choice(["👍", "🚀", "👩‍🚀", "🇩🇪", "❤️", "...", "==", "!=", "//", "{}", "();", "->"])
            words.append(word + rng.choice(["", "", "", "", ",", ".", "!", "?", ":"]))
        yield rng.choice([" ", " ", " ", "  ", "\t", "\n", "\n\n", "\r\n", "    "]).join(words)


TEXTS = [
    "", " ", "  ", "   ", "\t", "\n", "\n\n", "\n\n\n", "\t\n", "\r\n", "\r", " \r\n \n", "a", "'", "''", "'s", " 's", "'S", "'ſ", "don'tell'VE'", "I'll'LL'd'x",
    "Hello, world!", " Hello  world   again    ", "Hello world\n", "line\r\nline\r\n\r\n  indented\n\n\n   x", "tabs\tand\t\ttabs \t mixed",
    "1", "12", "123", "1234", "1234567890", "3.14159 1,000,000 0x1F 1e-9", "٣٤٥ १२३ Ⅷ ½ ² ③ 一二三", "x1y22z333w4444", "  42  4242", "$5 €6 £7¥",
    "Überraschung größer STRASSE ẞ", "привет МИР Как дела?", "γειά σου Κόσμε", "שלום עולם", "مرحبا بالعالم", "नमस्ते दुनिया", "ภาษาไทย", "Việt tiếng",
    "你好，世界！今天天气很好。", "こんにちは世界。カタカナ", "안녕하세요 세계", "e\u0301 vs é, n\u0303 vs ñ, \u0301lone", "Å Å Å ℵ", "ﬁ ﬂ ǅ ǆ Ǆ", "zalgo: h̷̛e̴̡l̸̢l̵̨o̷̧",
    "👍🏽 👩‍🚀 👨‍👩‍👧‍👦 🇩🇪🇫🇷 ❤️ 1️⃣ 🏴󠁧󠁢󠁥󠁮󠁧󠁿", "\u200bzero\u200dwidth\ufeff", "nbsp\u00a0here\u3000wide\u2028line\u2029para\u0085next", "\u0000\u0001\u001f\u007f\u0080\u009f",
    "\ufffd\uffff\U0010ffff\ue000", "\U00020000\U0002a6df \U00016d40 \U0001fae8", "snake_case camelCase PascalCase SCREAMING kebab-case",
    "for (int i = 0; i < n; ++i) { a[i] += b[i] * 2; } // ok\n", "def f(self, x):\n    return {'a': [1, 2], \"b\": x ** 2}\n", "https://example.com/a?b=c&d=%20#e",
    "<s>plain</s> <|begin|> <|end|><|end|> <tool> < tool > <tool>call", "!!!???...---___***///\\\\\\", "«quoted» “double” ‘single’ …—–", "a.b,c!d?e(f)g", "…。，、।۔،",
    "ABCDef XMLHttpRequest iPhone's IOError'LL", "a" * 70, "ab" * 60, " " * 65, "\n" * 50, "aA" * 33 + "1" * 40, "word " * 30, "é" * 50, "ि" * 9 + "क" * 9,
]


def random_texts():
    rng = random.Random(11)
    atoms = [c for text in TEXTS for c in text][:1200] + [" "] * 60 + ["\n"] * 20 + ["'"] * 20
    for _ in range(120):
        yield "".join(rng.choice(atoms) for _ in range(rng.randint(1, 40)))


def split(pattern, behavior="isolated", invert=False):
    return pre_tokenizers.Split(Regex(pattern), behavior, invert)


def byte_level(use_regex=False, prefix=False):
    return pre_tokenizers.ByteLevel(add_prefix_space=prefix, use_regex=use_regex)


def kinds():
    sequence = pre_tokenizers.Sequence
    yield "gpt2", dict(pre=byte_level(True))
    yield "gpt2-prefix-space", dict(pre=byte_level(True, True))
    yield "smollm", dict(pre=sequence([pre_tokenizers.Digits(True), byte_level(True)]))
    yield "llama3", dict(pre=sequence([split(LLAMA3), byte_level()]), ignore_merges=True, bos=True)
    yield "qwen2", dict(pre=sequence([split(QWEN2), byte_level()]), normalizer=normalizers.NFC())
    yield "gpt4-removed", dict(pre=sequence([split(LLAMA3, "removed", True), byte_level()]))
    yield "gpt4o", dict(pre=sequence([split(GPT4O), byte_level()]))
    yield "deepseek3", dict(pre=sequence([split(p) for p in DEEPSEEK3] + [byte_level()]), bos=True)
    yield "bloom", dict(pre=sequence([split(BLOOM), byte_level()]), eos=True)
    yield "falcon", dict(pre=sequence([
        pre_tokenizers.Punctuation("contiguous"), byte_level(True), pre_tokenizers.Digits(False), split("[0-9][0-9][0-9]")]))
    yield "merged", dict(pre=sequence([
        split(r"[\r\n]", "merged_with_previous"), split(r"\p{P}", "merged_with_next"), split(r"\s+", "contiguous"), byte_level(True)]))
    yield "whitespace", dict(pre=sequence([pre_tokenizers.WhitespaceSplit(), byte_level()]))


def build(pre, normalizer=None, ignore_merges=False, bos=False, eos=False):
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    tokenizer.pre_tokenizer = pre
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=700, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=["<s>", "</s>"])
    tokenizer.train_from_iterator(corpus(), trainer)
    tokenizer.add_special_tokens([AddedToken("<|begin|>", normalized=False), AddedToken("<|end|>", normalized=False, rstrip=True)])
    tokenizer.add_tokens([AddedToken("<tool>", normalized=False, lstrip=True), AddedToken("once", normalized=False, single_word=True)])
    if bos or eos:
        template = (["<s>"] if bos else []) + ["$A"] + (["</s>"] if eos else [])
        tokenizer.post_processor = processors.TemplateProcessing(
            single=" ".join(template), special_tokens=[("<s>", tokenizer.token_to_id("<s>")), ("</s>", tokenizer.token_to_id("</s>"))])
    return tokenizer


def main():
    folder = sys.argv[1]
    texts = TEXTS + ["at once, nonce once\n"] + list(random_texts())
    with open(f"{folder}/texts.json", "w") as file:
        json.dump(texts, file, ensure_ascii=True, indent=0)
    for name, options in kinds():
        tokenizer = build(**options)
        tokenizer.save(f"{folder}/{name}.json", pretty=False)
        # Hugging Face reads special tokens in text always: that is our parseSpecial.
        rows = [
            {"ids": tokenizer.encode(text, add_special_tokens=False).ids, "special": tokenizer.encode(text, add_special_tokens=True).ids}
            for text in texts
        ]
        for row in rows:
            row["text"] = tokenizer.decode(row["ids"], skip_special_tokens=False)
        shared = all(row["ids"] == row["special"] for row in rows)
        with open(f"{folder}/{name}.ids.json", "w") as file:
            file.write("[\n" + ",\n".join(
                json.dumps([row["ids"], row["text"]] + ([] if shared else [row["special"]]), separators=(",", ":")) for row in rows) + "\n]\n")


if __name__ == "__main__":
    main()
