#!/usr/bin/env python3
"""Writes a text and what Hugging Face tokenizers learns from it.

Usage: make_trainers.py FOLDER                                          (FOLDER is Tests/Goldens/trainers)

FOLDER/text.txt is the text, bpe.json and wordpiece.json hold the tokens by id and the merges, unigram.json the mean log-likelihood and
number of tokens of a character of the text. Hugging Face numbers WordPiece's characters inside words as a hash table gives them, which
decides ties anew in each run; here they are given in the order of their code points, as Apus numbers them.
"""
import itertools
import json
import pathlib
import sys

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

import make_tokenizers

SIZE = 1200


def learnt(tokenizer):
    model = json.loads(tokenizer.to_str())["model"]
    result = {"tokens": sorted(model["vocab"], key=model["vocab"].get)}
    if "merges" in model:
        result["merges"] = [" ".join(merge) for merge in model["merges"]]
    return result


def bpe(file, size, frequency=2):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=size, min_frequency=frequency, special_tokens=["<|endoftext|>"],
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train([file], trainer)
    return tokenizer


def wordpiece(file, size, fixes_order=True):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    if fixes_order:
        text = tokenizer.normalizer.normalize_str(pathlib.Path(file).read_bytes().decode())
        words = {word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(text)}
        special += sorted({c for word in words for c in word}) + ["##" + c for c in sorted({c for word in words for c in word[1:]})]
    tokenizer.train([file], trainers.WordPieceTrainer(vocab_size=size, min_frequency=2, special_tokens=special, show_progress=False))
    return tokenizer


def unigram(file, size):
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.train([file], trainers.UnigramTrainer(vocab_size=size, special_tokens=["<unk>", "<s>", "</s>"], unk_token="<unk>", show_progress=False))
    return tokenizer


def quality(tokenizer, text):
    """The mean log-likelihood of a character, and the number of tokens a character."""
    scores = [score for _, score in json.loads(tokenizer.to_str())["model"]["vocab"]]
    ids = [id for line in tokenizer.encode_batch_fast(text.split("\n"), add_special_tokens=False) for id in line.ids]
    return sum(scores[id] for id in ids) / len(text), len(ids) / len(text)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(exist_ok=True)
    file = folder / "text.txt"
    text = "\n".join(itertools.islice(make_tokenizers.corpus(), 600)) + "\n\n" + "e\u0301a\u0308 " * 20 + "\u0301" * 3 + "\n" + "\n".join(make_tokenizers.TEXTS)
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    results = {"bpe": learnt(bpe(str(file), SIZE)), "wordpiece": learnt(wordpiece(str(file), SIZE))}
    likelihood, tokens = quality(unigram(str(file), SIZE), text)
    results["unigram"] = {"log_likelihood": likelihood, "tokens": tokens}
    for name, result in results.items():
        (folder / f"{name}.json").write_text(json.dumps(result, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
