"""Sketches of the gradients that PyTorch computes in f32 for the tiny models of make_llama.py, make_families.py, make_chatglm.py (its plain
reference), make_t5.py (training) and make_masked.py: of the mean cross-entropy of each next token of all sequences of ids.json, of a T5's answers, or of
the tokens that masked.json wants. A tensor of n elements becomes its norm and 32 sums of its elements with the signs that the
lowest bits of splitmix64(element) give, whose mean square estimates the square of a difference.
usage: make_gradients.py GOLDENS_FOLDER"""
import json, pathlib, sys
import numpy, torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForSeq2SeqLM

import make_chatglm

COUNT = 32


def signs(count):
    x = numpy.arange(1, count + 1, dtype=numpy.uint64) * numpy.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
    x ^= x >> numpy.uint64(31)
    return (x[:, None] >> numpy.arange(COUNT, dtype=numpy.uint64) & numpy.uint64(1)).astype(numpy.float64) * 2 - 1


def sketch(gradient):
    g = gradient.detach().double().numpy().reshape(-1)
    return torch.tensor(numpy.concatenate(([numpy.linalg.norm(g)], g @ signs(g.size))), dtype=torch.float32)


def next_tokens(logits, ids):
    """The sum over all but the last token, and how many they are."""
    return torch.nn.functional.cross_entropy(logits[:-1].float(), ids[1:], reduction="sum"), len(ids) - 1


def mean(parts):
    sums, counts = zip(*parts)
    return sum(sums) / sum(counts)


def load(auto, folder, attention="eager"):
    return auto.from_pretrained(folder, attn_implementation=attention, dtype=torch.float32).eval()


def causal(folder, config):
    # Falcon's eager path adds ALiBi twice (transformers 5.23).
    model = load(AutoModelForCausalLM, folder, "sdpa" if config.get("alibi") else "eager")
    ids = [torch.tensor(row) for row in json.loads((folder / "ids.json").read_text())]
    # Files of GPT-NeoX keep a name that transformers has given up.
    names = {"lm_head.weight": "embed_out.weight"} if config["model_type"] == "gpt_neox" else {}
    return mean(next_tokens(model(row[None]).logits[0], row) for row in ids), {names.get(n, n): p for n, p in model.named_parameters()}


def chatglm(folder, config):
    w = {name: tensor.requires_grad_() for name, tensor in load_file(folder / "model.safetensors").items()}
    ids = [torch.tensor(row) for row in json.loads((folder / "ids.json").read_text())]
    if "inner_hidden_size" in config:
        w["lm_head.weight"] = w["transformer.word_embeddings.weight"]
        path = folder / "channels.json"
        channels = json.loads(path.read_text()) if path.exists() else [None] * len(ids)
        logits = [make_chatglm.first(w, row, places) for row, places in zip(ids, channels)]
        del w["lm_head.weight"]
    else:
        logits = [make_chatglm.second(w, row, config["multi_query_group_num"], config.get("rope_ratio", 1)) for row in ids]
    return mean(map(next_tokens, logits, ids)), w


def t5(folder, config):
    model = load(AutoModelForSeq2SeqLM, folder)
    # One embedding serves all; transformers 5.23 parts it where the head is apart.
    model.encoder.embed_tokens.weight = model.decoder.embed_tokens.weight = model.shared.weight
    parts = []
    for case in json.loads((folder / "ids.json").read_text()):
        text, answer = torch.tensor(case["text"]), torch.tensor(case["answer"])
        parts.append(next_tokens(model(input_ids=text[None], decoder_input_ids=answer[None]).logits[0], answer))
    return mean(parts), dict(model.named_parameters())


def masked(folder, config):
    model, parts = load(AutoModelForMaskedLM, folder), []
    for case in json.loads((folder / "masked.json").read_text()):
        targets = torch.tensor(case["targets"])
        logits = model(torch.tensor([case["ids"]])).logits[0]
        parts.append((torch.nn.functional.cross_entropy(logits, targets, ignore_index=-1, reduction="sum"), (targets >= 0).sum()))
    # A tied head may come first.
    embedding = {} if not config["tie_word_embeddings"] else {"lm_head.decoder.weight": "roberta.embeddings.word_embeddings.weight"}
    return mean(parts), {embedding.get(name, name): parameter for name, parameter in model.named_parameters()}


def main(goldens):
    kinds = dict(chatglm=chatglm, t5=t5, mt5=t5)
    for folder in sorted(path.parent for kind in ("llama", "families", "t5/training", "masked") for path in goldens.glob(kind + "/*/config.json")):
        config = json.loads((folder / "config.json").read_text())
        kind = masked if folder.parent.name == "masked" else kinds.get(config["model_type"], causal)
        loss, parameters = kind(folder, config)
        loss.backward()
        tensors = {name: sketch(p.grad) for name, p in parameters.items() if p.grad is not None}
        tensors["loss"] = loss.detach().reshape(1)
        save_file(tensors, folder / "gradients.safetensors")
        print(folder.name, float(loss), len(tensors))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
