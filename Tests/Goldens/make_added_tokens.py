#!/usr/bin/env python3
"""What Hugging Face does with added tokens: those of a tokenizer.json with every kind of option, on the tokenizers of make_tokenizers.py and
make_text_tokenizers.py, and those of the older files of a folder, which transformers reads.

Usage: make_added_tokens.py FOLDER      (FOLDER is Tests/Goldens/tokenizers)

FOLDER/added-tokens.json: {NAME: {"added": the added_tokens, "rows": rows}}; FOLDER/older-folders.json: [{"file": the file's name in such a
folder, "config": tokenizer_config.json, "list": added_tokens.json or null, "rows": rows}]. A row is [text, ids, ids when
special tokens are text like any other, decoded text, ids with what surrounds the text].
"""
import json
import os
import random
import re
import shutil
import sys
import tempfile

import transformers
from sentencepiece import SentencePieceProcessor, sentencepiece_model_pb2
from tokenizers import Tokenizer

# Beginnings of words, parts of one another, in two cases, with white space, accents and marks of format. No two are the same once they are
# normalized: which of them is taken then changes from run to run.
TOKENS = {
    "un": dict(), "unhapp": dict(normalized=True), "happy": dict(single_word=True), "happy day": dict(single_word=True, normalized=True),
    "ing": dict(lstrip=True), "Once": dict(normalized=True), "ONCE": dict(), "Alone": dict(special=True, normalized=True, single_word=True),
    "<tool>": dict(rstrip=True), "<tool>call": dict(single_word=True), "<x>": dict(special=True), "<x>y": dict(special=True, lstrip=True, rstrip=True),
    "x>": dict(), "  ": dict(), "\n": dict(normalized=True), "é": dict(), "É́": dict(normalized=True), "ß": dict(single_word=True), "ſ": dict(special=True, single_word=True),
    "今天": dict(), "天气": dict(single_word=True), "of the": dict(lstrip=True, rstrip=True, normalized=True), "the": dict(single_word=True), "th": dict(),
    "7": dict(), "end.": dict(rstrip=True, single_word=True), "_": dict(),
}
TEXTS = [
    "", " ", "unhappy", "unhappily unhappier", "happy happy, unhappy happyx happy_ happy7", "a happy day! happy days, happy\u00a0day", "singing ing  ing",
    "Once once ONCE oNCE nonce At once.", "alone Alone, ALONE aloneness", "<tool>  call <tool>call <tool>calls<tool>call", "<tool> \n x <tool>", "<x><x>y <x>  <x>y  z x> <x", "a<x>y",
    "two  spaces   three    four", "line\n\nline \n x\r\n", "é É É́ e\u0301 café CAFÉ", "ß groß ß. ßß", "ſ aſ ſ.", "今天天气很好 今天 天气 我们今天", "part of the  whole, of thex of the",
    "the thex this the7 bathe the", "7 77 a7 7th 1972", "the end. end.x  end.  x", "snake_case _ __init__", " <tool>  \t\n", "<tool>\u3000\u2028x", "  <tool>  ",
]


# What stands for the SentencePiece files of such folders.
PIECES = {"sentencepiece.bpe.model": "fairseq.model", "tokenizer.model": "sp-llama.model", "spiece.model": "sp-t5.model"}


def random_texts():
    rng = random.Random(5)
    atoms = list(TOKENS) + ["a", "x", " ", " ", "\n", "ly", ".", "天", "É", "day"]
    for _ in range(60):
        yield "".join(rng.choice(atoms) for _ in range(rng.randint(1, 9)))


def rows(encode, decode, tokenizer, texts):
    result = []
    for text in texts:
        tokenizer.encode_special_tokens = False
        ids, around = encode(text, add_special_tokens=False), encode(text, add_special_tokens=True)
        decoded = decode(ids, skip_special_tokens=False)
        tokenizer.encode_special_tokens = True
        result.append([text, ids, encode(text, add_special_tokens=False), decoded, around])
    return result


def added_tokens(folder):
    cases = {}
    for name in ["hf-bert", "hf-bert-cased", "hf-word-piece", "hf-t5", "hf-albert", "hf-llama", "hf-mistral", "hf-gemma", "hf-bpe-words", "gpt2", "llama3", "qwen2"]:
        with open(f"{folder}/{name}.json") as file:
            parts = json.load(file)
        entries = parts["model"]["vocab"]
        vocabulary = {text: i for i, (text, _) in enumerate(entries)} if isinstance(entries, list) else dict(entries)
        kept = [token for token in parts["added_tokens"] if token["special"] and vocabulary.get(token["content"]) == token["id"]]
        next_id, added = max(vocabulary.values()) + 1, []
        for text, options in TOKENS.items():
            token = dict(id=vocabulary.get(text, next_id), content=text, single_word=False, lstrip=False, rstrip=False, normalized=False, special=False)
            next_id += token["id"] == next_id
            added.append({**token, **options})
        parts["added_tokens"] = sorted(kept + added, key=lambda token: token["id"])
        tokenizer = Tokenizer.from_str(json.dumps(parts))
        assert all(tokenizer.token_to_id(token["content"]) == token["id"] for token in parts["added_tokens"])
        cases[name] = {"added": parts["added_tokens"], "rows": rows(
            lambda text, **options: tokenizer.encode(text, **options).ids, tokenizer.decode, tokenizer, TEXTS + list(random_texts()))}
    write(f"{folder}/added-tokens.json", cases)


def plain_texts(path, loaded, texts):
    """Those whose parts without added tokens SentencePiece encodes as transformers' components do, which part ways at odd white space, and
    that have no unknown characters, which the two decode each in its way."""
    pieces, backend = SentencePieceProcessor(path), loaded.backend_tokenizer
    added = sorted((token.content for token in backend.get_added_tokens_decoder().values()), key=len, reverse=True)
    parts = re.compile("|".join(map(re.escape, added)))

    def is_plain(part):
        ids = pieces.encode(part)
        return ids == backend.encode(part, add_special_tokens=False).ids and pieces.unk_id() not in ids

    return [text for text in texts if all(map(is_plain, parts.split(text)))]


def t5_model(folder):
    """T5's order of the first pieces, in the model of fairseq's order."""
    model = sentencepiece_model_pb2.ModelProto()
    with open(f"{folder}/fairseq.model", "rb") as file:
        model.ParseFromString(file.read())
    kinds = model.SentencePiece
    for i, (text, kind) in enumerate([("<pad>", kinds.CONTROL), ("</s>", kinds.CONTROL), ("<unk>", kinds.UNKNOWN)]):
        model.pieces[i].piece, model.pieces[i].type = text, kind
    spec = model.trainer_spec
    spec.pad_id, spec.eos_id, spec.unk_id, spec.bos_id = 0, 1, 2, -1
    with open(f"{folder}/{PIECES['spiece.model']}", "wb") as file:
        file.write(model.SerializeToString())


def older_folders(folder):
    def token(text, **options):
        return {"content": text, "lstrip": False, "rstrip": False, "normalized": False, "single_word": False, "special": False, **options}

    with open(f"{folder}/hf-bert.json") as file:
        vocabulary = json.load(file)["model"]["vocab"]
    lines = sorted(vocabulary, key=vocabulary.get) + ["[MASK]"]
    count, all_texts = len(lines), TEXTS + [" a <mask> b<mask>", "a <extra_id_0> b<extra_id_2>c", "<|x|>a <|x|> b", "[MASK] [CLS] a[SEP]", "<s>a</s>", "<|x|> tool", "Überraschung ﬁ ①"]
    new = [(text, options) for text, options in TOKENS.items() if text not in vocabulary]
    decoder = {str(count + i): token(text, **options) for i, (text, options) in enumerate(new)}
    llama, t5 = dict(tokenizer_class="LlamaTokenizer", add_bos_token=True), dict(tokenizer_class="T5Tokenizer")
    more = {"700": token("<|x|>", special=True), "701": token("un"), "702": token("<tool>", rstrip=True), "498": token("ing", lstrip=True, rstrip=True), "264": token("the", single_word=True)}
    bert, roberta = dict(tokenizer_class="BertTokenizer"), dict(tokenizer_class="XLMRobertaTokenizer")
    cases = [
        ("vocab.txt", bert, None),
        ("vocab.txt", {**bert, "do_lower_case": False, "added_tokens_decoder": decoder}, None),
        ("vocab.txt", {**bert, "additional_special_tokens": ["<|x|>"]}, {"un": count, "<|x|>": count + 1, "Once": count + 2}),
        ("sentencepiece.bpe.model", roberta, None),
        ("sentencepiece.bpe.model", {**roberta, "added_tokens_decoder": {"502": token("<|x|>", special=True), "503": token("un"), "504": token("Once", normalized=True)}},
         None),
        ("sentencepiece.bpe.model", {**roberta, "mask_token": {**token("<mask>", lstrip=True, special=True), "__type": "AddedToken"}, "unk_token": "<unk>"}, {"tool": 502}),
        ("tokenizer.model", {**llama, "added_tokens_decoder": more, "pad_token": "<|x|>"}, None),
        ("tokenizer.model", {**llama, "legacy": True, "added_tokens_decoder": more}, None),
        ("tokenizer.model", {**llama, "additional_special_tokens": ["<|x|>"]}, {"un": 700, "<|x|>": 701, "Once": 702}),
        ("spiece.model", {**t5, "extra_ids": 3}, None),
        ("spiece.model", {**t5, "extra_ids": 2}, {"<tool>": 502, "un": 503}),
    ]
    results = []
    for name, config, added in cases:
        with tempfile.TemporaryDirectory() as temporary:
            if name == "vocab.txt":
                with open(f"{temporary}/vocab.txt", "w") as file:
                    file.write("\n".join(lines) + "\n")
            else:
                shutil.copy(f"{folder}/{PIECES[name]}", f"{temporary}/{name}")
            for path, content in [("tokenizer_config.json", config), ("added_tokens.json", added)]:
                if content is not None:
                    with open(f"{temporary}/{path}", "w") as file:
                        json.dump(content, file)
            loaded = transformers.AutoTokenizer.from_pretrained(temporary)
        assert type(loaded).__name__ == config["tokenizer_class"]
        texts = plain_texts(f"{folder}/{PIECES[name]}", loaded, all_texts) if name in ["tokenizer.model", "spiece.model"] else all_texts
        results.append({"file": name, "config": config, "list": added, "rows": rows(
            lambda text, **options: loaded.backend_tokenizer.encode(text, **options).ids, lambda ids, **options: loaded.decode(ids, clean_up_tokenization_spaces=False, **options), loaded.backend_tokenizer, texts)})
    write(f"{folder}/older-folders.json", results)


def write(path, content):
    with open(path, "w") as file:
        json.dump(content, file, separators=(",", ":"))
        file.write("\n")
    print(path, os.path.getsize(path))


if __name__ == "__main__":
    added_tokens(sys.argv[1])
    t5_model(sys.argv[1])
    older_folders(sys.argv[1])
