"""Sketches of the gradients that PyTorch computes in f32 for the tiny models of make_llama.py and make_families.py: of the mean cross-entropy
of each next token of both sequences of ids.json. A tensor of n elements becomes its norm and 32 sums of its elements with the signs that the
lowest bits of splitmix64(element) give, whose mean square estimates the square of a difference.
usage: make_gradients.py GOLDENS_FOLDER"""
import json, pathlib, sys
import numpy, torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

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


def main(goldens):
    for folder in sorted([*(goldens / "llama").iterdir(), *(goldens / "families").iterdir()]):
        config = json.loads((folder / "config.json").read_text())
        if config["model_type"] == "chatglm":
            continue
        # Falcon's eager path adds ALiBi twice (transformers 5.23).
        attention = "sdpa" if config.get("alibi") else "eager"
        model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation=attention, dtype=torch.float32).eval()
        sequences = [torch.tensor([ids]) for ids in json.loads((folder / "ids.json").read_text())]
        counted = sum(ids.shape[1] - 1 for ids in sequences)
        loss = 0
        for ids in sequences:
            logits = model(ids).logits[0, :-1].float()
            loss = loss + torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="sum") / counted
        loss.backward()
        # Files of GPT-NeoX keep a name that transformers has given up.
        names = {"lm_head.weight": "embed_out.weight"} if config["model_type"] == "gpt_neox" else {}
        tensors = {names.get(name, name): sketch(p.grad) for name, p in model.named_parameters() if p.grad is not None}
        tensors["loss"] = loss.detach().reshape(1)
        save_file(tensors, folder / "gradients.safetensors")
        print(folder.name, float(loss), len(tensors))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
