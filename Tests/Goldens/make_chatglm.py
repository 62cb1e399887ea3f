"""Tiny random models of ChatGLM-6B and ChatGLM2 with the logits of a plain reference in f32, as transformers has no code for them.
usage: make_chatglm.py OUT_FOLDER"""
import json, math, pathlib, sys
import torch
from safetensors.torch import save_file
from torch.nn.functional import gelu, layer_norm, linear, silu

VOCABULARY, WIDTH, LAYERS, HEADS, SIZE, INNER = 97, 48, 2, 4, 12, 72
START, GMASK, MASK = 91, 92, 93


def turn_halves(x, angles):
    """x [T, H, D] by angles [T, D / 2], element i with i + D / 2."""
    a, b = x.chunk(2, -1)
    cosine, sine = angles.cos()[:, None], angles.sin()[:, None]
    return torch.cat((a * cosine - b * sine, b * cosine + a * sine), -1)


def turn_pairs(x, angles):
    """Element 2i with 2i + 1."""
    a, b = x[..., 0::2], x[..., 1::2]
    cosine, sine = angles.cos()[:, None], angles.sin()[:, None]
    return torch.stack((a * cosine - b * sine, b * cosine + a * sine), -1).flatten(-2)


def attend(q, k, v, visible):
    """q [T, H, D], k and v [T, K, D], visible [T, T]."""
    k, v = (x.repeat_interleave(q.shape[1] // x.shape[1], 1) for x in (k, v))
    scores = torch.einsum("qhd,khd->hqk", q, k) / math.sqrt(q.shape[-1])
    return torch.einsum("hqk,khd->qhd", scores.masked_fill(~visible, -math.inf).softmax(-1), v).flatten(1)


def first(w, ids, channels=None):
    """ChatGLM-6B; `channels` are the places in the text and in the blank of each token where there are several blanks."""
    count, row = len(ids), ids.tolist()
    start = row.index(START)
    index = torch.arange(count)
    if channels:
        text, answer = torch.tensor(channels["text"]), torch.tensor(channels["answer"])
    else:
        blank = row.index(GMASK) if GMASK in row else row.index(MASK)
        text = torch.where(index < start, index, blank)
        answer = torch.where(index < start, 0, index - start + 1)
    visible = (index[None] <= index[:, None]) | (index[None] < start)
    half = SIZE // 2
    frequencies = (1 / 10000 ** (torch.arange(0, half, 2).float() / half)).half().float()
    x = w["transformer.word_embeddings.weight"][ids]
    alpha = math.sqrt(2 * LAYERS)

    def module(name, x):
        return linear(x, w[name + ".weight"], w[name + ".bias"])

    def norm(name, x):
        return layer_norm(x, (WIDTH,), w[name + ".weight"], w[name + ".bias"], 1e-5)

    for layer in range(LAYERS):
        p = f"transformer.layers.{layer}."
        n = norm(p + "input_layernorm", x)
        q, k, v = module(p + "attention.query_key_value", n).view(count, HEADS, 3 * SIZE).chunk(3, -1)

        def turn(z):
            return torch.cat((turn_halves(z[..., :half], text[:, None] * frequencies),
                              turn_halves(z[..., half:], answer[:, None] * frequencies)), -1)

        x = n * alpha + module(p + "attention.dense", attend(turn(q), turn(k), v, visible))
        n = norm(p + "post_attention_layernorm", x)
        inner = gelu(module(p + "mlp.dense_h_to_4h", n), approximate="tanh")
        x = n * alpha + module(p + "mlp.dense_4h_to_h", inner)
    return linear(norm("transformer.final_layernorm", x), w["lm_head.weight"])


def second(w, ids, groups, ratio):
    """ChatGLM2 and ChatGLM3."""
    count, half = len(ids), SIZE // 2
    index = torch.arange(count)
    frequencies = 1 / (10000 * ratio) ** (torch.arange(0, half, 2).float() / half)
    angles = index[:, None] * frequencies
    x = w["transformer.embedding.word_embeddings.weight"][ids]

    def norm(name, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * w[name + ".weight"]

    def turn(z):
        return torch.cat((turn_pairs(z[..., :half], angles), z[..., half:]), -1)

    for layer in range(LAYERS):
        p = f"transformer.encoder.layers.{layer}."
        n = norm(p + "input_layernorm", x)
        joined = linear(n, w[p + "self_attention.query_key_value.weight"], w[p + "self_attention.query_key_value.bias"])
        q, k, v = (part.reshape(count, -1, SIZE) for part in joined.split([HEADS * SIZE, groups * SIZE, groups * SIZE], -1))
        x = x + linear(attend(turn(q), turn(k), v, index[None] <= index[:, None]), w[p + "self_attention.dense.weight"])
        gate, up = linear(norm(p + "post_attention_layernorm", x), w[p + "mlp.dense_h_to_4h.weight"]).chunk(2, -1)
        x = x + linear(silu(gate) * up, w[p + "mlp.dense_4h_to_h.weight"])
    return linear(norm("transformer.encoder.final_layernorm", x), w["transformer.output_layer.weight"])


def weights(shapes):
    return {name: torch.randn(shape) * (0.2 if len(shape) > 1 else 0.1) + (1.0 if "norm.weight" in name else 0.0)
            for name, shape in shapes.items()}


def first_weights():
    shapes = {"transformer.word_embeddings.weight": (VOCABULARY, WIDTH)}
    for layer in range(LAYERS):
        p = f"transformer.layers.{layer}."
        for name, outputs, inputs in (("attention.query_key_value", 3 * WIDTH, WIDTH), ("attention.dense", WIDTH, WIDTH),
                                      ("mlp.dense_h_to_4h", INNER, WIDTH), ("mlp.dense_4h_to_h", WIDTH, INNER)):
            shapes |= {p + name + ".weight": (outputs, inputs), p + name + ".bias": (outputs,)}
        for name in ("input_layernorm", "post_attention_layernorm"):
            shapes |= {p + name + ".weight": (WIDTH,), p + name + ".bias": (WIDTH,)}
    w = weights(shapes | {"transformer.final_layernorm.weight": (WIDTH,), "transformer.final_layernorm.bias": (WIDTH,)})
    return w | {"lm_head.weight": w["transformer.word_embeddings.weight"].clone()}


def second_weights(groups):
    shapes = {"transformer.embedding.word_embeddings.weight": (VOCABULARY, WIDTH), "transformer.output_layer.weight": (VOCABULARY, WIDTH)}
    for layer in range(LAYERS):
        p = f"transformer.encoder.layers.{layer}."
        joined = (HEADS + 2 * groups) * SIZE
        shapes |= {p + "self_attention.query_key_value.weight": (joined, WIDTH), p + "self_attention.query_key_value.bias": (joined,),
                   p + "self_attention.dense.weight": (WIDTH, HEADS * SIZE), p + "mlp.dense_h_to_4h.weight": (2 * INNER, WIDTH),
                   p + "mlp.dense_4h_to_h.weight": (WIDTH, INNER), p + "input_layernorm.weight": (WIDTH,),
                   p + "post_attention_layernorm.weight": (WIDTH,)}
    return weights(shapes | {"transformer.encoder.final_layernorm.weight": (WIDTH,)})


def shared():
    return dict(architectures=["ChatGLMModel"], model_type="chatglm", hidden_size=WIDTH, num_attention_heads=HEADS, num_layers=LAYERS,
                layernorm_epsilon=1e-5, use_cache=True, torch_dtype="float32")


def first_config():
    return dict(**shared(), bos_token_id=START, eos_token_id=94, gmask_token_id=GMASK, mask_token_id=MASK, pad_token_id=3,
                inner_hidden_size=INNER, max_sequence_length=64, position_encoding_2d=True, vocab_size=VOCABULARY)


def second_config():
    return dict(**shared(), add_bias_linear=False, add_qkv_bias=True, apply_residual_connection_post_layernorm=False, ffn_hidden_size=INNER,
                kv_channels=SIZE, multi_query_attention=True, original_rope=True, padded_vocab_size=VOCABULARY, post_layer_norm=True,
                rmsnorm=True, seq_length=64, vocab_size=VOCABULARY)


# The tokens around the blank of each sequence: before it, after it, of the answer.
def blanks(mask, parts):
    return [torch.cat((torch.randint(0, 90, (before,)), torch.tensor([mask]), torch.randint(0, 90, (after,)), torch.tensor([START]),
                       torch.randint(0, 90, (answer,)))) for before, after, answer in parts]


def spans(parts):
    """A text with several blanks and what fills them, in another order: ids, and the two channels of positions. Parts are numbers of
    tokens: of text and of blanks in turn, the order of the blanks last."""
    counts, order = parts
    ids, blanks = [], []
    for before, hidden in counts:
        ids += torch.randint(0, 90, (before,)).tolist()
        blanks.append((len(ids), hidden))
        ids.append(MASK)
    text, answer = list(range(len(ids))), [0] * len(ids)
    for place, hidden in (blanks[i] for i in order):
        ids += [START] + torch.randint(0, 90, (hidden,)).tolist()
        text += [place] * (hidden + 1)
        answer += range(1, hidden + 2)
    return torch.tensor(ids), dict(text=text, answer=answer)


def save(folder, config, w, sequences, logits):
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    save_file(w, folder / "model.safetensors", metadata={"format": "pt"})
    save_file({f"logits.{i}": logits(ids).contiguous() for i, ids in enumerate(sequences)}, folder / "expected.safetensors")
    (folder / "ids.json").write_text(json.dumps([ids.tolist() for ids in sequences]))


def main(out):
    for seed, (name, (mask, parts)) in enumerate({"chatglm-continuation": (GMASK, ((30, 0, 9), (4, 0, 3))),
                                                "chatglm-blank": (MASK, ((12, 20, 9), (0, 5, 1))),
                                                "chatglm-long-answer": (GMASK, ((1, 0, 40), (0, 0, 6)))}.items()):
        torch.manual_seed(seed)
        w = first_weights()
        sequences = blanks(mask, parts)
        save(out / name, first_config(), w, sequences, lambda ids: first(w, ids))
    torch.manual_seed(3)
    w = first_weights()
    cases = [spans(parts) for parts in ((((9, 4), (5, 2), (8, 7)), (2, 0, 1)), (((3, 1), (1, 3)), (1, 0)))]
    save(out / "chatglm-spans", first_config(), w, [ids for ids, _ in cases], lambda ids: first(w, ids))
    (out / "chatglm-spans/channels.json").write_text(json.dumps([channels for _, channels in cases]))
    for seed, (name, (groups, keys)) in enumerate({"chatglm2-groups": (2, {}), "chatglm2-one-group": (1, {}),
                                                 "chatglm2-long": (2, dict(rope_ratio=50))}.items()):
        torch.manual_seed(seed)
        w = second_weights(groups)
        sequences = [torch.randint(0, VOCABULARY, (length,)) for length in (40, 7)]
        save(out / name, dict(**second_config(), multi_query_group_num=groups, **keys), w, sequences,
             lambda ids: second(w, ids, groups, keys.get("rope_ratio", 1)))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
