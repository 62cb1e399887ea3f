"""Tiny random decoders whose blocks are DeepNorm's, LN(αx + f(x)), with the logits of a plain reference in f32. Names are Apus's own, as
no package has such models: GLM-130B's shape (Zeng et al. 2022) with its normed embedding, √(2L), GeGLU and rotary halves; and a decoder as
DeepNet has it (Wang et al. 2022), (2L)^¼, with sinusoidal positions.    usage: make_deepnorm.py OUT_FOLDER"""
import json, math, pathlib, sys
import torch
from safetensors.torch import save_file
from torch.nn.functional import gelu, layer_norm, linear, relu

out = pathlib.Path(sys.argv[1])
VOCABULARY, WIDTH, LAYERS, HEADS, SIZE, INNER = 97, 48, 3, 4, 12, 72


def run(w, ids, is_glm):
    count = len(ids)
    index = torch.arange(count)

    def module(name, x):
        return linear(x, w[name + ".weight"], w[name + ".bias"])

    def norm(name, x):
        return layer_norm(x, (WIDTH,), w[name + ".weight"], w[name + ".bias"], 1e-5)

    def turn(x):
        angles = index[:, None] / 10000 ** (torch.arange(0, SIZE, 2) / SIZE)
        a, b = x.chunk(2, -1)
        cosine, sine = angles.cos()[:, None], angles.sin()[:, None]
        return torch.cat((a * cosine - b * sine, b * cosine + a * sine), -1) if is_glm else x

    def attention(p, x):
        q, k, v = (module(p + name, x).view(count, HEADS, SIZE) for name in ("query", "key", "value"))
        scores = torch.einsum("qhd,khd->hqk", turn(q), turn(k)) / math.sqrt(SIZE)
        scores = scores.masked_fill(index[None] > index[:, None], -math.inf)
        return module(p + "output", torch.einsum("hqk,khd->qhd", scores.softmax(-1), v).flatten(1))

    def feed_forward(p, x):
        inner = module(p + "up", x)
        return module(p + "down", inner * gelu(module(p + "gate", x)) if is_glm else relu(inner))

    alpha = math.sqrt(2 * LAYERS) if is_glm else (2 * LAYERS) ** 0.25
    x = w["embedding.weight"][ids]
    if is_glm:
        x = norm("embeddingNorm", x)
    else:
        half = WIDTH // 2
        angles = index[:, None] * torch.exp(torch.arange(half) * -(math.log(10000) / (half - 1)))
        x = x + torch.cat((angles.sin(), angles.cos()), -1)
    for layer in range(LAYERS):
        p = f"layers.{layer}."
        x = norm(p + "attentionNorm", alpha * x + attention(p + "attention.", x))
        x = norm(p + "feedForwardNorm", alpha * x + feed_forward(p + "feedForward.", x))
    return linear(x, w["embedding.weight"])


def weights(is_glm):
    shapes = {"embedding.weight": (VOCABULARY, WIDTH)}

    def add(name, *shape):
        shapes[name + ".weight"] = shape
        shapes[name + ".bias"] = shape[:1]

    for layer in range(LAYERS):
        for name in ("attentionNorm", "feedForwardNorm"):
            add(f"layers.{layer}.{name}", WIDTH)
        for name in ("query", "key", "value", "output"):
            add(f"layers.{layer}.attention.{name}", WIDTH, WIDTH)
        for name in ("gate", "up") if is_glm else ("up",):
            add(f"layers.{layer}.feedForward.{name}", INNER, WIDTH)
        add(f"layers.{layer}.feedForward.down", WIDTH, INNER)
    if is_glm:
        add("embeddingNorm", WIDTH)
    return {name: torch.randn(shape) * (0.2 if len(shape) > 1 else 0.1) + (1.0 if "orm.weight" in name else 0.0)
            for name, shape in shapes.items()}


for seed, name in enumerate(("glm130b", "deepnet")):
    torch.manual_seed(seed)
    w = weights(name == "glm130b")
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    save_file(w, folder / "model.safetensors")
    logits, ids = {}, []
    for index, length in enumerate((40, 7)):
        row = torch.randint(0, VOCABULARY, (length,))
        ids.append(row.tolist())
        logits[f"logits.{index}"] = run(w, row, name == "glm130b").contiguous()
    save_file(logits, folder / "expected.safetensors")
    (folder / "ids.json").write_text(json.dumps(ids))
