"""Attention and its gradients in double precision by PyTorch's autograd, for each mask and bias. Queries, keys, values and the outputs'
gradients come from the generator of the tests (Numbers); of each result the file of a case has, a token and head, the product with one
fixed vector: out, log-sums (not multiplied), gradients of queries, keys, values, and of distances whole; all f32, one after the other.
usage: make_attention_gradients.py OUT_FOLDER"""
import math, pathlib, sys
import numpy as np
import torch

import dropout_masks

HEADS, KV_HEADS, SIZE, TOKENS = 4, 2, 20, 101
SITE, KEY = 11, 0x0123456789ABCDEF
PLAIN = dict(window=0, prefix=0, cap=0.0, slopes=None, rounded=False, reach=None, keys=TOKENS, dropout=0.0)
SLOPES = [0.5, 0.25, 0.125, 0.3535156]
CASES = {
    "causal": {}, "window": dict(window=37), "prefix": dict(prefix=60), "full": dict(prefix=TOKENS), "cap": dict(cap=1.5),
    "slopes": dict(slopes=SLOPES), "rounded_slopes": dict(slopes=SLOPES, rounded=True), "distances": dict(reach=20),
    "across": dict(prefix=133, keys=133), "dropout": dict(dropout=0.3), "dropout_window": dict(dropout=0.1, window=37, cap=1.5),
    "dropout_across": dict(dropout=0.5, prefix=133, keys=133),
}


def numbers(seed, *shape):
    state, values = seed, []
    for _ in range(math.prod(shape)):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        values.append((state >> 40) / 2**23 - 1)
    return torch.tensor(values, dtype=torch.float64).view(shape)


def rounded(x):
    return x.to(torch.bfloat16).to(torch.float64)


def results(case):
    c = PLAIN | case
    q, k, v = (2 * numbers(1, TOKENS, HEADS, SIZE), 2 * numbers(2, c["keys"], KV_HEADS, SIZE), numbers(3, c["keys"], KV_HEADS, SIZE))
    inputs = [x.requires_grad_() for x in (q, k, v)]
    scores = torch.einsum("thd,shd->hts", q, k.repeat_interleave(HEADS // KV_HEADS, 1)) / math.sqrt(SIZE)
    query, key = torch.arange(TOKENS)[:, None], torch.arange(c["keys"])
    if c["cap"]:
        scores = c["cap"] * torch.tanh(scores / c["cap"])
    if c["reach"] is not None:
        table = numbers(6, HEADS, 2 * c["reach"] + 1).requires_grad_()
        inputs.append(table)
        scores = scores + table[:, (key - query).clamp(-c["reach"], c["reach"]) + c["reach"]]
    if c["slopes"]:
        slopes = torch.tensor(c["slopes"], dtype=torch.float64)[:, None, None]
        added = rounded(rounded(key.double()) * slopes) / math.sqrt(SIZE) if c["rounded"] else slopes * (key - query)
        scores = scores + added
    hidden = (key > query) & (key >= c["prefix"])
    if c["window"]:
        hidden |= key <= query - c["window"]
    scores = scores.masked_fill(hidden, -math.inf)
    weights = scores.softmax(-1)
    if c["dropout"]:
        weights = weights * dropout_masks.of_scores(HEADS, TOKENS, c["keys"], c["dropout"], SITE, KEY)
    out = torch.einsum("hts,shd->thd", weights, v.repeat_interleave(HEADS // KV_HEADS, 1))
    gradients = torch.autograd.grad(out, inputs, numbers(4, TOKENS, HEADS, SIZE))
    vector = numbers(5, SIZE)
    return [out @ vector, scores.logsumexp(-1).T, *(g @ vector for g in gradients[:3]), *gradients[3:]]


folder = pathlib.Path(sys.argv[1])
folder.mkdir(exist_ok=True)
for name, case in CASES.items():
    np.concatenate([x.detach().numpy().astype("<f4").ravel() for x in results(case)]).tofile(folder / f"{name}.bin")
