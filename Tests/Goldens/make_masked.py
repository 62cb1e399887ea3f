"""Tiny random encoders with the heads that predict hidden tokens, and targets for gradients (make_gradients.py).
usage: make_masked.py OUT_FOLDER"""
import json, pathlib, sys
import torch
import transformers

out = pathlib.Path(sys.argv[1])
small = dict(vocab_size=97, hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=72)
# Name: class, keys, lengths of the sequences.
cases = {
    "bert-masked": ("Bert", dict(small, max_position_embeddings=64), (40, 7)),
    "bert-own-head": ("Bert", dict(small, hidden_size=36, num_hidden_layers=3, num_attention_heads=3, max_position_embeddings=90, type_vocab_size=1,
                                   hidden_act="relu", layer_norm_eps=1e-5, tie_word_embeddings=False), (90, 33)),
    "roberta-masked": ("Roberta", dict(small, max_position_embeddings=66, pad_token_id=1, type_vocab_size=1), (64, 9)),
    "xlm-roberta-masked": ("XLMRoberta", dict(small, max_position_embeddings=66, pad_token_id=3, hidden_act="gelu_new"), (62, 9)),
}
for seed, (name, (family, keys, lengths)) in enumerate(cases.items()):
    torch.manual_seed(seed)
    config = getattr(transformers, family + "Config")(**keys)
    config._attn_implementation = "eager"
    model = getattr(transformers, family + "ForMaskedLM")(config).eval().float()
    for key, parameter in model.named_parameters():
        spread = 0.2 if parameter.dim() > 1 else 0.1
        parameter.data = torch.randn_like(parameter) * spread + (1.0 if parameter.dim() == 1 and key.endswith("weight") else 0.0)
    folder = out / name
    model.save_pretrained(folder)
    sequences = []
    for length in lengths:
        ids = torch.randint(5, 97, (length,))  # behind all tokens of padding
        hidden = torch.rand(length) < 0.3
        hidden[0] = True
        targets = torch.where(hidden, torch.randint(5, 97, (length,)), -1)
        sequences.append(dict(ids=ids.tolist(), targets=targets.tolist()))
    (folder / "masked.json").write_text(json.dumps(sequences))
