#!/usr/bin/env python3
"""What ChatGLM's tokenizers make of texts and conversations, by plain rules over the `sentencepiece` and `tiktoken` packages, on small models.

Usage: make_chatglm_tokenizers.py FOLDER      (FOLDER is Tests/Goldens/tokenizers, where sp-llama.model and small.tiktoken are)

FOLDER/ice-text.model is a model as ChatGLM-6B's first release has it, FOLDER/ice-text-whole.model the same with all tokens, as later ones have
it. FOLDER/chatglm.json: for each of "first", "whole", "second", "third" and "fourth" {"rows": [[text, ids, ids with what surrounds the text,
decoded text]], "chats": [[messages, ids]]}.
"""
import base64
import io
import json
import re
import sys

import sentencepiece
import tiktoken
from sentencepiece import sentencepiece_model_pb2 as proto

import make_tokenizers

SPECIAL = ["[MASK]", "[gMASK]", "[sMASK]", "<unused_0>", "<sop>", "<eop>", "<ENC>", "<dBLOCK>"]
ROLES = ["<|system|>", "<|user|>", "<|assistant|>", "<|observation|>"]
TEXTS = [
    "", " ", "  ", "\n", "\t", "a", "Hello, world!", "  two  spaces   and " + " " * 7 + "more", "line\n\tindented\n\n\n\t\tx", " " * 80 + "x" + " " * 81 + "y" + " " * 163,
    "philosophy sops", "<n> <|tab|> <|blank_3|>", "你好，世界！", "如何准备数据分析师面试？", "привет мир 🚀 ½ \u3000 é", "x\r\n y \t z ", "def f(x):\n    return x\n", "1234 56",
]
CHATS = [
    ["Hello, world!"], ["如何准备数据分析师面试？"], ["hi", "你好 world", "how are you?\n"], ["", "a", "b  c", "d\te", " what for"],
]


def ice_text():
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(list(make_tokenizers.corpus())), model_writer=model, model_type="unigram", vocab_size=500, character_coverage=0.995,
        num_threads=1, minloglevel=2, normalization_rule_name="identity", remove_extra_whitespaces=False, pad_id=3, user_defined_symbols=["<n>"])
    return proto.ModelProto.FromString(model.getvalue())


def whole(first):
    model = proto.ModelProto.FromString(first.SerializeToString())
    kinds = proto.ModelProto.SentencePiece
    for text in SPECIAL:
        model.pieces.add(piece=text, score=0, type=kinds.CONTROL)
    for text in ["<|tab|>"] + [f"<|blank_{count}|>" for count in range(2, 81)]:
        model.pieces.add(piece=text, score=0, type=kinds.USER_DEFINED)
    for byte in range(256):
        model.pieces.add(piece=f"<0x{byte:02X}>", score=0, type=kinds.BYTE)
    model.trainer_spec.byte_fallback = True
    return model


def roles_of(texts):
    return [("user" if i % 2 == 0 else "assistant", text) for i, text in enumerate(texts)]


class First:
    """ChatGLM-6B."""

    def __init__(self, model, pictures):
        self.pieces = sentencepiece.SentencePieceProcessor(model_proto=model.SerializeToString())
        self.shift = pictures

    def encode(self, text):
        text = text.replace("\n", "<n>").replace("\t", "<|tab|>")
        for count in range(80, 1, -1):
            text = text.replace(" " * count, f"<|blank_{count}|>")
        return [self.shift + i for i in self.pieces.encode(text)]

    def surrounded(self, text):
        return self.encode(text) + [self.shift + self.pieces.piece_to_id(token) for token in ("[gMASK]", "<sop>")]

    def decode(self, ids):
        text = self.pieces.decode([i - self.shift for i in ids]).replace("<n>", "\n").replace("<|tab|>", "\t")
        return re.sub(r"<\|blank_(\d+)\|>", lambda match: " " * int(match[1]), text)

    def chat(self, texts):
        if len(texts) == 1:
            return self.surrounded(texts[0])
        turns = [f"[Round {i // 2}]\n问：{texts[i]}\n答：{texts[i + 1]}\n" for i in range(0, len(texts) - 1, 2)]
        return self.surrounded("".join(turns) + f"[Round {len(texts) // 2}]\n问：{texts[-1]}\n答：")


class Second:
    """ChatGLM2-6B."""

    def __init__(self, path):
        self.pieces = sentencepiece.SentencePieceProcessor(model_file=path)
        names = ["[MASK]", "[gMASK]", "[sMASK]", "sop", "eop"] + ROLES
        self.special = {name: self.pieces.get_piece_size() + i for i, name in enumerate(names)}
        self.start = [self.special["[gMASK]"], self.special["sop"]]

    def encode(self, text):
        return self.pieces.encode(text)

    def surrounded(self, text):
        return self.start + self.encode(text)

    def decode(self, ids):
        return self.pieces.decode(ids)

    def chat(self, texts):
        turns = [f"[Round {i // 2 + 1}]\n\n问：{texts[i]}\n\n答：{texts[i + 1]}\n\n" for i in range(0, len(texts) - 1, 2)]
        return self.surrounded("".join(turns) + f"[Round {len(texts) // 2 + 1}]\n\n问：{texts[-1]}\n\n答：")


class Third(Second):
    """ChatGLM3-6B."""

    def chat(self, texts):
        ids = list(self.start)
        for role, text in roles_of(texts):
            ids += [self.special[f"<|{role}|>"]] + self.encode("\n") + self.encode(text)
        return ids + [self.special["<|assistant|>"]]


class Fourth:
    """GLM-4-9B."""

    PATTERN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"

    def __init__(self, path):
        with open(path, "rb") as file:
            ranks = {base64.b64decode(token): int(rank) for token, rank in map(bytes.split, file)}
        names = ["<|endoftext|>", "[MASK]", "[gMASK]", "[sMASK]", "<sop>", "<eop>"] + ROLES + [
            "<|begin_of_image|>", "<|end_of_image|>", "<|begin_of_video|>", "<|end_of_video|>"]
        self.special = {name: len(ranks) + i for i, name in enumerate(names)}
        self.pieces = tiktoken.Encoding("glm4", pat_str=self.PATTERN, mergeable_ranks=ranks, special_tokens=self.special)
        self.start = [self.special["[gMASK]"], self.special["<sop>"]]

    def encode(self, text):
        return self.pieces.encode(text, disallowed_special=())

    def surrounded(self, text):
        return self.start + self.encode(text)

    def decode(self, ids):
        return self.pieces.decode(ids)

    def chat(self, texts):
        ids = list(self.start)
        for role, text in roles_of(texts):
            ids += [self.special[f"<|{role}|>"]] + self.encode("\n") + self.encode(text)
        return ids + [self.special["<|assistant|>"]]


def main():
    folder = sys.argv[1]
    first = ice_text()
    for name, model in [("ice-text", first), ("ice-text-whole", whole(first))]:
        with open(f"{folder}/{name}.model", "wb") as file:
            file.write(model.SerializeToString())
    kinds = {
        "first": First(whole(first), 20000), "whole": First(whole(first), 0), "second": Second(f"{folder}/sp-llama.model"),
        "third": Third(f"{folder}/sp-llama.model"), "fourth": Fourth(f"{folder}/small.tiktoken"),
    }
    result = {}
    for name, kind in kinds.items():
        rows = [[text, kind.encode(text), kind.surrounded(text), kind.decode(kind.encode(text))] for text in TEXTS]
        result[name] = {"rows": rows, "chats": [[texts, kind.chat(texts)] for texts in CHATS]}
    with open(f"{folder}/chatglm.json", "w") as file:
        json.dump(result, file, ensure_ascii=False, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
