"""Sketches, as make_gradients.py makes them, of the gradients of tiny models in training with the dropout of dropout/rates.json, whose random
numbers are Apus's (dropout_masks.py): sequence i of a batch has the key (i + 1) * 0x9E3779B97F4A7C15.
usage: make_dropout.py GOLDENS_FOLDER"""
import json, pathlib, sys
import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForSeq2SeqLM

import dropout_masks
from make_gradients import mean, next_tokens, sketch


def examples(folder, auto):
    """Arguments of the model, and what is predicted of the rows of its logits."""
    if auto is AutoModelForMaskedLM:
        for case in json.loads((folder / "masked.json").read_text()):
            yield dict(input_ids=torch.tensor([case["ids"]])), torch.tensor(case["targets"])
        return
    for case in json.loads((folder / "ids.json").read_text()):
        answer = torch.tensor(case["answer"] if auto is AutoModelForSeq2SeqLM else case)
        if auto is AutoModelForSeq2SeqLM:
            yield dict(input_ids=torch.tensor([case["text"]]), decoder_input_ids=answer[None]), answer
        else:
            yield dict(input_ids=answer[None]), answer


def loss(model, folder, auto):
    parts = []
    for index, (arguments, wanted) in enumerate(examples(folder, auto)):
        with dropout_masks.patched([(index + 1) * 0x9E3779B97F4A7C15 & (1 << 64) - 1]):
            logits = model(**arguments).logits[0]
        if auto is AutoModelForMaskedLM:
            parts.append((torch.nn.functional.cross_entropy(logits, wanted, ignore_index=-1, reduction="sum"), (wanted >= 0).sum()))
        else:
            parts.append(next_tokens(logits, wanted))
    return mean(parts)


goldens = pathlib.Path(sys.argv[1])
for name, rates in json.loads((goldens / "dropout/rates.json").read_text()).items():
    folder, config = goldens / name, AutoConfig.from_pretrained(goldens / name)
    for key, rate in rates.items():
        assert hasattr(config, key), (name, key)
        setattr(config, key, rate)
    auto = AutoModelForMaskedLM if name.startswith("masked") else AutoModelForSeq2SeqLM if name.startswith("t5") else AutoModelForCausalLM
    model = auto.from_pretrained(folder, config=config, attn_implementation="eager", dtype=torch.float32).train()
    if auto is AutoModelForSeq2SeqLM:
        # As in make_gradients.py.
        model.encoder.embed_tokens.weight = model.decoder.embed_tokens.weight = model.shared.weight
    result = loss(model, folder, auto)
    result.backward()
    names = {"lm_head.weight": "embed_out.weight"} if config.model_type == "gpt_neox" else {}
    tensors = {names.get(n, n): sketch(p.grad) for n, p in model.named_parameters() if p.grad is not None}
    if auto is AutoModelForMaskedLM and config.tie_word_embeddings and "lm_head.decoder.weight" in tensors:
        tensors["roberta.embeddings.word_embeddings.weight"] = tensors.pop("lm_head.decoder.weight")
    tensors["loss"] = result.detach().reshape(1)
    out = goldens / "dropout" / folder.name
    out.mkdir(exist_ok=True)
    save_file(tensors, out / "gradients.safetensors")
    print(folder.name, float(result), len(tensors))
