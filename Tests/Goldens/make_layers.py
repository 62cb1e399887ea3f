"""Logits of one layer of real size, random weights, in f32 by PyTorch: a plain reference for each arrangement of a block. Weights come from a
counter, so that the test makes the same (LayerShapeTests).    usage: make_layers.py OUT_FILE"""
import json, math, sys
import numpy as np
import torch
from torch.nn.functional import gelu, layer_norm, linear, silu

V, IDS = 64, [3, 60, 17, 17, 42, 0, 63, 8]


def raw(name, count):
    """(byte - 128) / 128 of a hash of the name and the element's number."""
    seed = 0x811C9DC5
    for byte in name.encode():
        seed = (seed ^ byte) * 0x01000193 & 0xFFFFFFFF
    x = np.arange(count, dtype=np.uint32)
    x *= np.uint32(0x9E3779B1)
    x += np.uint32(seed)
    x ^= x >> np.uint32(16)
    x *= np.uint32(0x85EBCA6B)
    x ^= x >> np.uint32(13)
    x *= np.uint32(0xC2B2AE35)
    x ^= x >> np.uint32(16)
    return torch.from_numpy(((x >> np.uint32(24)).astype(np.float32) - 128) / 128)


def matrix(name, rows, columns):
    return raw(name + ".weight", rows * columns).view(rows, columns) * 2.0 ** round(math.log2(1.7 / math.sqrt(columns)))


def bias(name, count):
    return raw(name + ".bias", count) / 8


def run(c, heads, groups, f, kind, norms, position, biased, gated, topology, embedding_norm=False, tied=True, epsilon=1e-5):
    d, p, t = c // heads, "layers.0.", len(IDS)

    def norm(name, x):
        w = 1 + raw(name + ".weight", c) / 4
        if kind == "rms":
            return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + epsilon) * w
        return layer_norm(x, (c,), w, bias(name, c), epsilon)

    def product(name, x, outputs):
        return linear(x, matrix(p + name, outputs, x.shape[-1]), bias(p + name, outputs) if biased else None)

    index = torch.arange(t)

    def turn(x, base=0, size=d, place=index):
        angles = place[:, None].float() * (10000.0 ** (-torch.arange(0, size, 2) / size)).float()
        if position == "two":
            angles = place[:, None].float() * (10000.0 ** (-torch.arange(0, size, 2) / size)).half().float()
        a, b = x.chunk(2, -1)
        cosine, sine = angles.cos()[:, None], angles.sin()[:, None]
        return torch.cat((a * cosine - b * sine, b * cosine + a * sine), -1)

    def attention(x):
        q = product("attention.query", x, heads * d).view(t, heads, d)
        k, v = (product("attention." + name, x, groups * d).view(t, groups, d) for name in ("key", "value"))
        if position == "rotary":
            q, k = turn(q), turn(k)
        if position == "two":  # without a start token: the first half turns by the index, the second by index + 1
            q, k = (torch.cat((turn(z[..., :d // 2], size=d // 2, place=torch.zeros_like(index)), turn(
                z[..., d // 2:], size=d // 2, place=index + 1)), -1) for z in (q, k))
        k, v = (z.repeat_interleave(heads // groups, 1) for z in (k, v))
        scores = torch.einsum("qhd,khd->hqk", q, k) / math.sqrt(d)
        if position == "alibi":
            slopes = 2.0 ** (-8 * torch.arange(1, heads + 1) / heads)
            scores = scores + slopes[:, None, None] * (index[None, :] - index[:, None])[None]
        scores = scores.masked_fill(index[None] > index[:, None], -math.inf).softmax(-1)
        return product("attention.output", torch.einsum("hqk,khd->qhd", scores, v).flatten(1), c)

    def feed(x):
        up = product("feedForward.up", x, f)
        if gated:
            return product("feedForward.down", silu(product("feedForward.gate", x, f)) * up, c)
        return product("feedForward.down", gelu(up, approximate="tanh" if position in ("alibi", "two") else "none"), c)

    e = matrix("embedding", V, c)
    x = e[IDS]
    if embedding_norm:
        x = norm("embeddingNorm", x)
    if topology == "parallel":
        first = norm(p + "attentionNorm", x)
        x = x + attention(first) + feed(norm(p + "feedForwardNorm", x) if norms == 2 else first)
    else:
        for name, sublayer in (("attentionNorm", attention), ("feedForwardNorm", feed)):
            n = norm(p + name, x)
            x = (x if topology == "pre" else math.sqrt(56) * n) + sublayer(n)
    return linear(norm("norm", x), e if tied else matrix("head", V, c))


models = {
    "llama-7b": dict(c=4096, heads=32, groups=32, f=11008, kind="rms", norms=2, position="rotary", biased=False, gated=True, topology="pre", tied=False,
                     epsilon=1e-6),
    "falcon-7b": dict(c=4544, heads=71, groups=1, f=18176, kind="layer", norms=1, position="rotary", biased=False, gated=False, topology="parallel"),
    "falcon-40b": dict(c=8192, heads=128, groups=8, f=32768, kind="layer", norms=2, position="rotary", biased=False, gated=False, topology="parallel",
                       tied=False),
    "bloom-7b1": dict(c=4096, heads=32, groups=32, f=16384, kind="layer", norms=2, position="alibi", biased=True, gated=False, topology="pre",
                      embedding_norm=True),
    "chatglm-6b": dict(c=4096, heads=32, groups=32, f=16384, kind="layer", norms=2, position="two", biased=True, gated=False, topology="normed"),
}
with torch.no_grad():
    json.dump({name: dict(ids=IDS, logits=[float(f"{x:.7g}") for x in run(**keys).flatten().tolist()]) for name, keys in models.items()},
              open(sys.argv[1], "w"))
