"""Tiny random encoders with the vectors that transformers computes in f32, the files of sentence-transformers beside some of them, and
vectors of the real MiniLM (scripts/fetch-encoder.sh).   usage: make_encoders.py OUT_FOLDER MINILM_FOLDER"""
import json, pathlib, sys
import tokenizers
import torch
import transformers
from safetensors.torch import load_file, save_file

out, minilm = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
small = dict(vocab_size=97, hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=72)
prefix = "sentence_transformers.models."
# Name: class, keys, lengths of the sequences, pooling mode, whether vectors are normalised, most tokens, prompt.
cases = {
    "bert-small": ("Bert", dict(small, max_position_embeddings=64), (40, 7, 1), ("mean_tokens", True, 12, "")),
    "bert-odd": ("Bert", dict(small, hidden_size=36, num_hidden_layers=3, num_attention_heads=3, max_position_embeddings=90, type_vocab_size=1,
                              hidden_act="gelu_new", layer_norm_eps=1e-5), (90, 33), ("cls_token", False, None, "the fat ")),
    "bert-relu": ("Bert", dict(small, max_position_embeddings=33, type_vocab_size=5, hidden_act="relu"), (33, 16), None),
    "roberta-small": ("Roberta", dict(small, max_position_embeddings=66, pad_token_id=1, type_vocab_size=1), (64, 9), None),
    "xlm-roberta-pad": ("XLMRoberta", dict(small, max_position_embeddings=66, pad_token_id=3), (62, 9), None),
}
words = ["the", "fat", "cat", "sat", "mat", "on", "##ing", "##ed", ",", ".", "!"]
letters = [chr(97 + i) for i in range(26)]
vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + words + letters + ["##" + letter for letter in letters]
vocabulary += [f"[unused{i}]" for i in range(97 - len(vocabulary))]
texts = ["The fat cat sat on the mat.", "", "cats", "Sitting, seated: 猫 café!", "a b c d e f g h i j k l m n o p", "mat mat mat mat mat mat mat mat mat mat mat"]


def pooled(states, mode, normalised):
    vector = states[0] if mode == "cls_token" else states.mean(0)
    return torch.nn.functional.normalize(vector, dim=0) if normalised else vector


def embed(model, tokenizer, texts, mode, normalised, limit, prompt):
    if limit:
        tokenizer.enable_truncation(limit)
    else:
        tokenizer.no_truncation()
    tokenizer.no_padding()
    vectors = []
    for text in texts:
        ids = torch.tensor([tokenizer.encode(prompt + text).ids])
        with torch.no_grad():
            vectors.append(pooled(model(ids).last_hidden_state[0], mode, normalised))
    return torch.stack(vectors)


for seed, (name, (family, keys, lengths, recipe)) in enumerate(cases.items()):
    torch.manual_seed(seed)
    config = getattr(transformers, family + "Config")(**keys)
    config._attn_implementation = "eager"
    model = getattr(transformers, family + "Model")(config).eval().float()
    for key, parameter in model.named_parameters():
        spread = 0.2 if parameter.dim() > 1 else 0.1
        parameter.data = torch.randn_like(parameter) * spread + (1.0 if parameter.dim() == 1 and key.endswith("weight") else 0.0)
    folder = out / name
    model.save_pretrained(folder)
    expected, ids = {}, []
    for index, length in enumerate(lengths):
        row = torch.randint(5, 97, (1, length))  # behind all tokens of padding
        ids.append(row[0].tolist())
        with torch.no_grad():
            expected[f"states.{index}"] = model(row).last_hidden_state[0].contiguous()
    if recipe:
        mode, normalised, limit, prompt = recipe
        (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
        (folder / "tokenizer_config.json").write_text(json.dumps(dict(do_lower_case=True)))
        modules = [("", "Transformer"), ("1_Pooling", "Pooling")] + ([("2_Normalize", "Normalize")] if normalised else [])
        (folder / "modules.json").write_text(json.dumps(
            [dict(idx=i, name=str(i), path=path, type=prefix + kind) for i, (path, kind) in enumerate(modules)]))
        (folder / "1_Pooling").mkdir(exist_ok=True)
        modes = {f"pooling_mode_{key}": key == mode for key in ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens")}
        (folder / "1_Pooling/config.json").write_text(json.dumps(dict(word_embedding_dimension=config.hidden_size, **modes, include_prompt=True)))
        if limit:
            (folder / "sentence_bert_config.json").write_text(json.dumps(dict(max_seq_length=limit, do_lower_case=False)))
        if prompt:
            (folder / "config_sentence_transformers.json").write_text(json.dumps(
                dict(__version__=dict(torch="2"), prompts=dict(query="x", default=prompt), default_prompt_name="default", similarity_fn_name="cosine")))
        tokenizer = tokenizers.BertWordPieceTokenizer(str(folder / "vocab.txt"), lowercase=True)
        expected["vectors"] = embed(model, tokenizer, texts, mode, normalised, limit, prompt)
        (folder / "texts.json").write_text(json.dumps(texts, ensure_ascii=False))
    save_file(expected, folder / "expected.safetensors")
    (folder / "ids.json").write_text(json.dumps(ids))

# bert-small as the first checkpoints were released: with TensorFlow's names of norms, and the heads of its pretraining.
modern, older = out / "bert-small", out / "bert-older-names"
torch.manual_seed(9)
heads = {"transform.dense.weight": (48, 48), "transform.dense.bias": (48,), "transform.LayerNorm.weight": (48,), "transform.LayerNorm.bias": (48,),
         "bias": (97,)}
tensors = {"bert." + name: tensor for name, tensor in load_file(modern / "model.safetensors").items()}
tensors |= {"cls.predictions." + name: torch.randn(shape) * 0.2 for name, shape in heads.items()}
tensors |= {"cls.predictions.decoder.weight": tensors["bert.embeddings.word_embeddings.weight"].clone(),
            "cls.seq_relationship.weight": torch.randn(2, 48), "cls.seq_relationship.bias": torch.randn(2)}
for now, before in [("LayerNorm.weight", "LayerNorm.gamma"), ("LayerNorm.bias", "LayerNorm.beta")]:
    tensors = {name.replace(now, before): tensor for name, tensor in tensors.items()}
older.mkdir(exist_ok=True)
save_file(tensors, older / "model.safetensors", metadata={"format": "pt"})
config = json.loads((modern / "config.json").read_text()) | {"architectures": ["BertForPreTraining"]}
(older / "config.json").write_text(json.dumps(config, indent=2) + "\n")
rows = [torch.tensor([ids]) for ids in json.loads((modern / "ids.json").read_text())]
models = [transformers.BertModel.from_pretrained(folder, attn_implementation="eager").eval() for folder in (modern, older)]
with torch.no_grad():
    assert all(torch.equal(*(model(row).last_hidden_state for model in models)) for row in rows), "transformers reads the older names otherwise"

# The real model, whose folder says: mean of at most 256 tokens, normalised.
texts = [
    "The cat sits outside", "A man is playing guitar", "", "Das ist ein Satz mit Umlauten: äöü ß.", "如何准备数据分析师面试？",
    "def f(x):\n    return x ** 2  # \U0001f600", "Attention is all you need. " * 60, "unbelievably antidisestablishmentarianistic zzqxv",
]
model = transformers.AutoModel.from_pretrained(minilm, attn_implementation="eager").eval().float()
tokenizer = tokenizers.Tokenizer.from_file(str(minilm / "tokenizer.json"))
(out / "minilm").mkdir(exist_ok=True)
(out / "minilm/texts.json").write_text(json.dumps(texts, ensure_ascii=False))
save_file(dict(vectors=embed(model, tokenizer, texts, "mean_tokens", True, 256, "")), out / "minilm/expected.safetensors")
