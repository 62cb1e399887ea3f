#!/usr/bin/env python3
"""Trains small tokenizers over text, not bytes (SentencePiece BPE and unigram, the same as tokenizer.json, WordPiece), and writes them
with the ids that `sentencepiece` and Hugging Face tokenizers give for the nasty texts of make_tokenizers.py.

Usage: make_text_tokenizers.py FOLDER [LLAMA.CPP-MODELS LLAMA-TOKENIZE]      (FOLDER is Tests/Goldens/tokenizers)

FOLDER/NAME.model or NAME.json is the tokenizer, FOLDER/NAME.ids.json a list of [ids, decoded text, ids with special tokens]. With the
folder of llama.cpp's vocabularies (scripts/fetch-test-data.sh) and its llama-tokenize the ids of its XLM-R vocabulary are written too.
"""
import io
import json
import os
import subprocess
import sys
import tempfile

import sentencepiece
from sentencepiece import sentencepiece_model_pb2 as proto
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

import make_tokenizers

RULES = "".join(
    "\t".join(" ".join(f"{ord(c):X}" for c in part) for part in rule) + "\n"
    for rule in [("\t", " "), ("\n", " "), ("\u00a0", " "), ("\u3000", " "), ("\u200b", ""), ("ﬁ", "fi"), ("e\u0301", "é"), ("…", "..."),
                 ("\r\n", " "), ("①", "1"), ("③", "3"), ("½", " 1/2"), ("Ａ", "A")]
)


def texts():
    return make_tokenizers.TEXTS + ["at once, nonce once\n", "ﬁ\u0301 e\u0301\u0302 ``quoted''", "x\r\ny\u0301", "  <tool>  once <ctrl>", "it is n't . He 's , ok ?"] + list(
        make_tokenizers.random_texts())[:60]


def write(folder, name, rows):
    with open(f"{folder}/{name}.ids.json", "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n]\n")


# SentencePiece

def sentence_pieces(folder):
    rules = f"{folder}/rules.tmp"
    with open(rules, "w") as file:
        file.write(RULES)
    common = dict(character_coverage=0.995, num_threads=1, minloglevel=2)
    kinds = {
        "sp-llama": dict(model_type="bpe", vocab_size=700, byte_fallback=True, split_digits=True, normalization_rule_name="identity",
                         remove_extra_whitespaces=False, allow_whitespace_only_pieces=True),
        "sp-bpe": dict(model_type="bpe", vocab_size=450, normalization_rule_tsv=rules, user_defined_symbols=["<tool>", "once"], control_symbols=["<ctrl>"]),
        "sp-unigram": dict(model_type="unigram", vocab_size=500, normalization_rule_tsv=rules, user_defined_symbols=["<tool>", "once"],
                           control_symbols=["<ctrl>"]),
        "sp-unigram-bytes": dict(model_type="unigram", vocab_size=700, byte_fallback=True, normalization_rule_name="identity", add_dummy_prefix=False,
                                 remove_extra_whitespaces=False),
        "fairseq": dict(model_type="unigram", vocab_size=500, normalization_rule_tsv=rules),
        "sp-suffix": dict(model_type="unigram", vocab_size=500, normalization_rule_name="identity", treat_whitespace_as_suffix=True),
    }
    for name, options in kinds.items():
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(list(make_tokenizers.corpus())), model_writer=model, **common, **options)
        parsed = proto.ModelProto.FromString(model.getvalue())
        parsed.trainer_spec.ClearField("input")
        blob = parsed.SerializeToString()
        with open(f"{folder}/{name}.model", "wb") as file:
            file.write(blob)
        processor = sentencepiece.SentencePieceProcessor(model_proto=blob)
        rows = []
        for text in texts():
            ids = processor.encode(text)
            rows.append([ids, processor.decode(ids)])
        write(folder, name, rows)
        yield name, parsed


def xlm_roberta(folder, models_folder, tokenize):
    command = [tokenize, "-m", f"{models_folder}/ggml-vocab-nomic-bert-moe.gguf", "--ids", "--no-parse-special", "--no-escape", "--log-disable", "-f"]
    rows = []
    with tempfile.NamedTemporaryFile("w", newline="") as file:
        for text in texts():
            file.seek(0)
            file.truncate()
            file.write(text)
            file.flush()
            output = subprocess.run(command + [file.name], capture_output=True, text=True, check=True).stdout
            rows.append([json.loads(output.splitlines()[-1])[1:-1]])
    write(folder, "xlm-roberta", rows)


# tokenizer.json

def trained(model, trainer, pre, normalizer=None):
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.train_from_iterator(make_tokenizers.corpus(), trainer)
    return tokenizer


def bytes_of():
    return [f"<0x{byte:02X}>" for byte in range(256)]


def bpe(size=700, fallback=True, **options):
    special = ["<unk>", "<s>", "</s>"] + (bytes_of() if fallback else [])
    metaspace = pre_tokenizers.Metaspace()
    tokenizer = trained(models.BPE(unk_token="<unk>"), trainers.BpeTrainer(vocab_size=size, special_tokens=special, show_progress=False, limit_alphabet=90), metaspace)
    model = json.loads(tokenizer.to_str())["model"]
    return Tokenizer(models.BPE(model["vocab"], [tuple(m) for m in model["merges"]], unk_token="<unk>", byte_fallback=fallback, **options))


def unigram(size=450, fallback=False):
    trainer = trainers.UnigramTrainer(vocab_size=size, special_tokens=["<unk>", "<s>", "</s>"], unk_token="<unk>", show_progress=False)
    tokenizer = trained(models.Unigram(), trainer, pre_tokenizers.Metaspace())
    model = json.loads(tokenizer.to_str())["model"]
    vocabulary = [(text, score) for text, score in model["vocab"] if len(text) > 1 or text < "क" or text == "▁"]
    if fallback:
        vocabulary += [(text, 0.0) for text in bytes_of()]
    return Tokenizer(models.Unigram(vocabulary, 0, fallback))


def word_piece(pre, normalizer, **options):
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    trainer = trainers.WordPieceTrainer(vocab_size=500, special_tokens=special, show_progress=False, limit_alphabet=100)
    tokenizer = trained(models.WordPiece(unk_token="[UNK]"), trainer, pre, normalizer)
    vocabulary = json.loads(tokenizer.to_str())["model"]["vocab"]
    return Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", **options))


def template(tokenizer, single):
    special = [token for token in single.split() if not token.startswith("$")]
    tokenizer.post_processor = processors.TemplateProcessing(single=single, special_tokens=[(token, tokenizer.token_to_id(token)) for token in special])


def json_kinds(charsmap):
    sequence, n, p, d = normalizers.Sequence, normalizers, pre_tokenizers, decoders
    llama = d.Sequence([d.Replace("▁", " "), d.ByteFallback(), d.Fuse(), d.Strip(" ", 1, 0)])

    def parts(tokenizer, normalizer=None, pre=None, decoder=None, special=("<s>", "</s>")):
        if normalizer:
            tokenizer.normalizer = normalizer
        if pre:
            tokenizer.pre_tokenizer = pre
        if decoder:
            tokenizer.decoder = decoder
        tokenizer.add_special_tokens([AddedToken(text, normalized=False) for text in special])
        tokenizer.add_tokens([AddedToken("<tool>", normalized=False, lstrip=True), AddedToken("once", normalized=True, single_word=True)])
        return tokenizer

    yield "hf-llama", parts(bpe(fuse_unk=True), sequence([n.Prepend("▁"), n.Replace(" ", "▁")]), None, llama)
    template(tokenizer := parts(bpe(fuse_unk=True), None, p.Metaspace(prepend_scheme="first", split=False), llama), "<s> $A")
    yield "hf-mistral", tokenizer
    yield "hf-gemma", parts(
        bpe(ignore_merges=True), n.Replace(" ", "▁"), p.Split(" ", "merged_with_previous"), d.Sequence([d.Replace("▁", " "), d.ByteFallback(), d.Fuse()]))
    yield "hf-bpe-unknown", parts(
        bpe(400, False, fuse_unk=True), sequence([n.NFKC(), n.Nmt(), n.Strip()]), p.Sequence([p.WhitespaceSplit(), p.Metaspace()]), d.Metaspace())
    yield "hf-bpe-words", parts(
        bpe(400, False), sequence([n.NFKD(), n.Replace(Regex(r"\d+"), "0")]),
        p.Sequence([p.Whitespace(), p.Punctuation(), p.Digits(True)]), d.BPEDecoder())
    template(tokenizer := parts(unigram(), n.Precompiled(charsmap), p.Metaspace(), d.Metaspace()), "$A </s>")
    yield "hf-t5", tokenizer
    yield "hf-albert", parts(
        unigram(), sequence([n.Replace("``", '"'), n.NFKD(), n.StripAccents(), n.Lowercase(), n.Precompiled(charsmap)]),
        p.Sequence([p.WhitespaceSplit(), p.Metaspace()]), d.Metaspace())
    yield "hf-unigram-bytes", parts(unigram(700, True), None, p.Metaspace(prepend_scheme="never"), d.Sequence([d.Metaspace(prepend_scheme="never"), d.ByteFallback()]))
    bert = dict(special=("[PAD]", "[UNK]", "[CLS]", "[SEP]"))
    uncased = n.BertNormalizer()
    template(tokenizer := parts(word_piece(p.BertPreTokenizer(), uncased), uncased, p.BertPreTokenizer(), d.WordPiece(), **bert), "[CLS] $A [SEP]")
    yield "hf-bert", tokenizer
    cased = n.BertNormalizer(lowercase=False, handle_chinese_chars=False)
    tokenizer = parts(
        word_piece(p.BertPreTokenizer(), cased, max_input_chars_per_word=8), cased, p.BertPreTokenizer(), d.WordPiece(cleanup=False), **bert)
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    yield "hf-bert-cased", tokenizer
    yield "hf-word-piece", parts(
        word_piece(p.Whitespace(), n.Lowercase()), sequence([n.NFD(), n.Lowercase(), n.StripAccents()]), p.Sequence([p.Whitespace(), p.Digits(False)]), **bert)


def main():
    folder = sys.argv[1]
    with open(f"{folder}/text-texts.json", "w") as file:
        json.dump(texts(), file, ensure_ascii=True, indent=0)
    charsmap = b""
    for name, parsed in sentence_pieces(folder):
        charsmap = parsed.normalizer_spec.precompiled_charsmap or charsmap
    os.remove(f"{folder}/rules.tmp")
    for name, tokenizer in json_kinds(charsmap):
        tokenizer.save(f"{folder}/{name}.json", pretty=False)
        rows = []
        for text in texts():
            ids = tokenizer.encode(text, add_special_tokens=False).ids
            special = tokenizer.encode(text).ids
            rows.append([ids, tokenizer.decode(ids, skip_special_tokens=False)] + ([special] if special != ids else []))
        write(folder, name, rows)
    if len(sys.argv) > 2:
        xlm_roberta(folder, *sys.argv[2:4])


if __name__ == "__main__":
    main()
