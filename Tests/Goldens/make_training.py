"""Losses of 50 steps of training two tiny models of make_llama.py and make_families.py in f32 by PyTorch: AdamW with decay of matrices alone,
clipping, a cosine after a warm-up; four windows of 32 tokens a step out of one document whose token i is (7 i² + 3 i + i / 8) mod 97. Dropout is the
configuration's, with Apus's random numbers of seed 1 (dropout_masks.py).
usage: make_training.py GOLDENS_FOLDER"""
import json, math, pathlib, sys
import torch
from transformers import AutoModelForCausalLM

import dropout_masks

STEPS, WARMUP, LENGTH, ROWS, RATE, LEAST = 50, 5, 32, 4, 1e-3, 1e-4


def rate(step):
    if step <= WARMUP:
        return RATE * step / WARMUP
    return LEAST + (RATE - LEAST) * (1 + math.cos(math.pi * (step - WARMUP) / (STEPS - WARMUP))) / 2


def key(step, row):
    """Of the first document of a sequence of a step: site 6, seed 1."""
    words = dropout_masks.philox((0, 6, row, step), 1, 10)
    return int(words[1]) << 32 | int(words[0])


def losses(folder):
    model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).train()
    groups = [dict(params=[p for p in model.parameters() if p.dim() > 1], weight_decay=0.1),
              dict(params=[p for p in model.parameters() if p.dim() < 2], weight_decay=0.0)]
    optimizer = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.95), eps=1e-8)
    tokens = torch.tensor([(7 * i * i + 3 * i + i // 8) % 97 for i in range(STEPS * ROWS * LENGTH + 1)])
    result = []
    for step in range(1, STEPS + 1):
        first = (step - 1) * ROWS * LENGTH
        windows = torch.stack([tokens[first + r * LENGTH:first + (r + 1) * LENGTH + 1] for r in range(ROWS)])
        for group in optimizer.param_groups:
            group["lr"] = rate(step)
        optimizer.zero_grad()
        with dropout_masks.patched([key(step, row) for row in range(ROWS)]):
            logits = model(windows[:, :-1]).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        result.append(loss.item())
    return result


goldens = pathlib.Path(sys.argv[1])
curves = {name: losses(goldens / name) for name in ("llama/llama-gqa-tied", "families/gpt2-small")}
(goldens / "training.json").write_text(json.dumps(curves) + "\n")
